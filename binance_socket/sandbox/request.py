"""
Reading requests: their JSON, their id, their parameters.

Numbers keep the digits they were sent with, because signatures are over those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, cast

import attrs
import orjson

from .errors import ExchangeError

__all__ = ["Form", "NumberText", "Request", "parameter_text", "parse_request"]

_ID: Final = re.compile(r"[a-zA-Z0-9\-_]{1,36}\Z")
_DECIMAL: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?\Z")
_LONG: Final = re.compile(r"[0-9]{1,19}\Z")
_VERSION: Final = re.compile(r"v3/")


class NumberText(str):
    """A number of a JSON text, with the digits it was written with."""

    __slots__ = ()


class _Duplicate(ValueError):
    pass


@attrs.frozen
class Request:
    """One request of the WebSocket API."""

    id: str | int | None
    method: str
    params: Mapping[str, Any]


def parse_request(text: str | bytes) -> Request:
    """Read one message. Raises ExchangeError, with ``id`` in its data where the request had a usable one."""
    document: Any
    try:
        document = json.loads(
            text, parse_float=NumberText, parse_constant=_no_constant, object_pairs_hook=_without_duplicates
        )
    except _Duplicate:
        raise ExchangeError(-1101, "Duplicate values for a parameter detected.") from None
    except (ValueError, RecursionError):
        raise ExchangeError(-1135, "Invalid JSON Request") from None
    if not isinstance(document, dict):
        raise ExchangeError(-1135, "Invalid JSON Request")
    if "id" not in document:
        raise ExchangeError.mandatory("id")
    fields = cast("dict[str, Any]", document)
    request_id = fields["id"]
    if not _is_id(request_id):
        raise ExchangeError.illegal_characters("id", "^[a-zA-Z0-9-_]{1,36}$")
    method, params = fields.get("method"), fields.get("params")
    if not isinstance(method, str) or not method:
        return Request(request_id, "", {})
    if params is not None and not isinstance(params, dict):
        raise ExchangeError(-1135, "JSON sent for parameter 'params' is not valid", data={"id": request_id})
    own = cast("dict[str, Any]", params or {})
    return Request(request_id, _VERSION.sub("", method, count=1), own)


def _is_id(value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, str):
        return not isinstance(value, NumberText) and _ID.match(value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Duplicate
    return result


def parameter_text(value: Any) -> str:
    """Return a parameter's value as it stands in a signature's payload."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    return orjson.dumps(value).decode()


@attrs.frozen
class Form:
    """
    What a method takes: names and types, which of them it must have, and pairs of which one must be there.

    The types are the documents': STRING, ENUM, DECIMAL, LONG, INT, BOOLEAN and ARRAY.
    """

    types: Mapping[str, str] = attrs.field(factory=dict[str, str])
    required: Sequence[str] = ()
    one_of: tuple[str, str] | None = None

    def check(self, params: Mapping[str, Any], general: Sequence[str]) -> dict[str, Any]:
        """
        Return this method's own parameters, typed. *general* are names that were read already.

        Raises ExchangeError: -1104 for more parameters than are read, -1102 for missing ones, -1100 or -1130 for
        values that have not the right form.
        """
        known = [name for name in params if name in self.types or name in general]
        if len(known) != len(params):
            raise ExchangeError.unread(len(known), len(params))
        for name in self.required:
            if params.get(name) in (None, ""):
                raise ExchangeError.mandatory(name)
        if self.one_of is not None and all(params.get(name) in (None, "") for name in self.one_of):
            raise ExchangeError.one_of(*self.one_of)
        return {name: _read(name, kind, params[name]) for name, kind in self.types.items() if name in params}


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _read(name: str, kind: str, value: Any) -> Any:
    if value is None or value == "":
        raise ExchangeError.empty(name)
    text = parameter_text(value) if not isinstance(value, (bool, list, dict)) else None
    if kind == "DECIMAL":
        if text is None or not _DECIMAL.match(text):
            raise ExchangeError.illegal_characters(name, "^([0-9]{1,20})(\\.[0-9]{1,20})?$")
        return text
    if kind in ("LONG", "INT"):
        if text is None or not _LONG.match(text):
            raise ExchangeError.illegal_characters(name, "^[0-9]{1,20}$")
        return int(text)
    if kind == "BOOLEAN":
        if not isinstance(value, bool) and value not in ("true", "false"):
            raise ExchangeError.bad_data(name)
        return value in (True, "true")
    if kind == "ARRAY":
        # As a text it comes from the official SDK, and is taken.
        entries = cast("object", _parsed(value) if isinstance(value, str) else value)
        if not isinstance(entries, list) or not all(isinstance(item, str) for item in cast("list[object]", entries)):
            raise ExchangeError.bad_data(name)
        return cast("list[str]", entries)
    if text is None:
        raise ExchangeError.bad_data(name)
    return text
