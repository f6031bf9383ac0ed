"""
JSON text to models, and values to JSON text. Pure.

The cattrs converter in here says what is right. The generated decoders (decoder.py) are faster and give the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Optional, TypeVar, get_args, get_origin, get_type_hints

import attrs
import cattrs
import orjson
from cattrs.gen import make_dict_structure_fn, override

from ..errors import DecodeError, InvalidRequest
from ..masking import cleared, masked
from ..models.base import FAMILIES, Extra, Model, fields_of, is_row, wire_name
from ..models.enums import OpenEnum
from .values import decimal_from, exactly, moment_from, optional_moment_from, plain

__all__ = ["FAULTS", "dumps", "explain", "field_types", "loads", "loads_strictly", "plain", "row_types", "structure"]

_T = TypeVar("_T")

FAULTS: Final = (KeyError, TypeError, ValueError, ArithmeticError, DecodeError)
"""What a payload of another shape than documented makes the conversions raise."""

_SHOWN: Final = 80
"""Characters of a value or a text that errors quote."""


def dumps(value: Any) -> bytes:
    """
    Return *value* as compact JSON in UTF-8.

    Decimals, enums and datetimes are written as `plain` says. Floats are not caught here: whatever a user gave goes
    through `plain` before. Raises InvalidRequest for what JSON cannot carry, lone surrogates included.
    """
    try:
        return orjson.dumps(value, plain, _DUMP_OPTIONS)
    except orjson.JSONEncodeError as exc:
        raise InvalidRequest(f"cannot be sent as JSON: {exc}") from exc


_DUMP_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def loads(data: bytes | str) -> Any:
    """Return what the JSON text *data* says. Raises DecodeError for bad or very deep JSON, NaN or invalid UTF-8."""
    try:
        value = orjson.loads(data)
        # What is read must be fit to be written, compared and shown. Only a text of many brackets can be nested deep.
        if _brackets(data) > _DEEP:
            orjson.dumps(value)
    except orjson.JSONDecodeError as exc:
        raise DecodeError(f"not JSON ({exc}): {_shortened(data)}", data) from exc
    except orjson.JSONEncodeError as exc:
        raise DecodeError(f"JSON that is nested too deep: {_shortened(data)}", data) from exc
    return value


_DEEP: Final = 200


def _brackets(data: bytes | str) -> int:
    if isinstance(data, str):
        return data.count("[") + data.count("{")
    return data.count(b"[") + data.count(b"{")


def loads_strictly(data: bytes | str) -> Any:
    """
    Return what the JSON text *data* says, as :func:`loads` does; a key that comes twice is a DecodeError, too.

    Of such a key orjson takes the last value, where others may take the first. Text that orjson would write in the same
    way has none; only other text is read once more, by a parser that shows every key.
    """
    value = loads(data)
    text = data.encode() if isinstance(data, str) else bytes(data)
    if orjson.dumps(value) == text:
        return value
    try:
        json.loads(text, object_pairs_hook=_refuse_twins)
    except _Twins as exc:
        raise DecodeError(f"JSON with a key that comes twice: {_shortened(exc.key)}", data) from exc
    return value


class _Twins(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _refuse_twins(pairs: list[tuple[str, Any]]) -> None:
    keys: set[str] = set()
    for key, _ in pairs:
        if key in keys:
            raise _Twins(key)
        keys.add(key)


def structure(value: Any, cls: type[_T]) -> _T:
    """
    Return the JSON value *value* as an instance of *cls*: a model, ``list[...]`` of one, a str, None.

    Raises DecodeError, which names the class and field that do not fit, and keeps *value*, without secrets.
    """
    try:
        return _converter.structure(value, cls)
    except FAULTS as exc:
        raise explain(value, cls) from exc


def explain(value: Any, cls: Any) -> DecodeError:
    """Return the error that says where *value*, which could not be read as a *cls*, is at fault. Slow."""
    cls = _member(value, cls)
    where, what = _fault(value, cls)
    return DecodeError(f"{_name(cls)}{where}: {what}", value)


def field_types(cls: type[Model]) -> list[tuple[attrs.Attribute[Any], Any]]:
    """Return the fields of a model that are read from payloads, in the order of declaration, with their types."""
    types = get_type_hints(cls)
    return [(field, types[field.name]) for field in fields_of(cls) if field.name != "extra"]


def row_types(cls: type[tuple[Any, ...]]) -> dict[str, Any]:
    """Return the types of an array's positions, by the names of the NamedTuple's fields."""
    return get_type_hints(cls)


def _member(value: Any, cls: Any) -> Any:
    """Return the member of the family *cls* that *value* is, and *cls* where it is no family or that cannot be told."""
    family = FAMILIES.get(cls) if _is_model(cls) else None
    try:
        return cls if family is None else family.member_for(_json_object(value))
    except FAULTS:
        return cls


def _fault(value: Any, cls: Any) -> tuple[str, str]:
    """Return the path to the first part of *value* that does not fit *cls*, and what is wrong with it."""
    for where, part, kind, secret in _parts(value, cls):
        if part is _ABSENT:
            return where, "is missing"
        if not _fits(part, kind):
            if secret:
                return where, "does not fit"
            inner, what = _fault(part, kind)
            return where + inner, what
    return "", f"{_shortened(value)} does not fit"


_ABSENT: Final = object()


def _parts(value: Any, cls: Any) -> list[tuple[str, Any, Any, bool]]:
    """Return for each part of *value* the path to it, the part, the type it should have, and whether it is secret."""
    cls = _member(value, cls)
    if _is_model(cls) and type(value) is dict:
        payload = _json_object(value)
        fields = [(field, wire_name(field), kind) for field, kind in field_types(cls)]
        return [
            (f".{field.name} ({key!r})", payload.get(key, _ABSENT), kind, bool(field.metadata.get("secret")))
            for field, key, kind in fields
            if key in payload or field.default is attrs.NOTHING
        ]
    if is_row(cls) and type(value) is list:
        items = _json_list(value)
        return [
            (f".{name} (position {index})", items[index] if index < len(items) else _ABSENT, kind, False)
            for index, (name, kind) in enumerate(row_types(cls).items())
        ]
    if (_is_tuple(cls) or _is_list(cls)) and type(value) is list:
        return [(f"[{index}]", item, get_args(cls)[0], False) for index, item in enumerate(_json_list(value))]
    return []


def _fits(value: Any, cls: Any) -> bool:
    try:
        _converter.structure(value, cls)
    except FAULTS:
        return False
    return True


def _shortened(value: object) -> str:
    text = cleared(masked(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _name(cls: Any) -> str:
    return cls.__name__ if isinstance(cls, type) and get_origin(cls) is None else str(cls)


_converter: Final = cattrs.Converter(detailed_validation=False)


def _json_list(value: Any) -> list[Any]:
    exactly(list, value)
    items: list[Any] = value
    return items


def _json_object(value: Any) -> dict[str, Any]:
    exactly(dict, value)
    payload: dict[str, Any] = value
    return payload


def _is_model(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Model)


def _is_tuple(cls: Any) -> bool:
    return get_origin(cls) is tuple


def _is_list(cls: Any) -> bool:
    return get_origin(cls) is list


@_converter.register_structure_hook_factory(_is_model)
def _model_hook(cls: type[Model]) -> Callable[[Any, Any], Model]:
    keys = {field.name: wire_name(field) for field, _ in field_types(cls)}
    known = {*keys.values(), "e"} if hasattr(cls, "event_name") else set(keys.values())
    build: Callable[[Any, Any], Model] = make_dict_structure_fn(
        cls,
        _converter,
        _cattrs_detailed_validation=False,
        extra=override(omit=True),
        **{name: override(rename=key) for name, key in keys.items()},  # type: ignore[arg-type]  # typed too narrowly
    )

    def structured(payload: Any, kind: Any) -> Model:
        instance = build(_json_object(payload), kind)
        unknown = {key: value for key, value in payload.items() if key not in known}
        return attrs.evolve(instance, extra=Extra(unknown)) if unknown else instance  # type: ignore[misc]  # like fields_of

    return structured


@_converter.register_structure_hook_factory(lambda cls: _is_model(cls) and cls in FAMILIES)
def _family_hook(cls: type[Model]) -> Callable[[Any, Any], Model]:
    family = FAMILIES[cls]

    def structured(payload: Any, _: Any) -> Model:
        member: Model = _converter.structure(payload, family.member_for(_json_object(payload)))
        return member

    return structured


@_converter.register_structure_hook_factory(is_row)
def _row_hook(cls: type[tuple[Any, ...]]) -> Callable[[Any, Any], tuple[Any, ...]]:
    kinds = list(row_types(cls).values())

    def structured(value: Any, _: Any) -> tuple[Any, ...]:
        items = _json_list(value)
        if len(items) < len(kinds):
            raise ValueError("the array is too short")
        return cls(*[_converter.structure(item, kind) for item, kind in zip(items, kinds, strict=False)])

    return structured


@_converter.register_structure_hook_factory(_is_tuple)
def _tuple_hook(cls: Any) -> Callable[[Any, Any], tuple[Any, ...]]:
    item, _ = get_args(cls)
    return lambda value, _: tuple([_converter.structure(each, item) for each in _json_list(value)])


@_converter.register_structure_hook_factory(_is_list)
def _list_hook(cls: Any) -> Callable[[Any, Any], list[Any]]:
    (item,) = get_args(cls)
    return lambda value, _: [_converter.structure(each, item) for each in _json_list(value)]


# The most specific class wins: without a hook of their own, enumerations would be read as the str they derive from.
_converter.register_structure_hook(OpenEnum, lambda value, cls: cls(exactly(str, value)))
_converter.register_structure_hook(str, lambda value, _: exactly(str, value))
_converter.register_structure_hook(int, lambda value, _: exactly(int, value))
_converter.register_structure_hook(bool, lambda value, _: exactly(bool, value))
_converter.register_structure_hook(Decimal, lambda value, _: decimal_from(value))
_converter.register_structure_hook(datetime, lambda value, _: moment_from(value))
# These are told by equality: every class is an object, and ``datetime | None`` is no class.
_converter.register_structure_hook_func(lambda cls: cls is object, lambda value, _: value)
_converter.register_structure_hook_func(
    lambda cls: cls == Optional[datetime],  # noqa: UP045  # evaluated, on 3.10 as well
    lambda value, _: optional_moment_from(value),
)
