"""
Decoders for the hot path, generated once per model. Pure.

A decoder gives what the converter in codec.py gives, in a third of the time. It is a function of straight-line code,
one statement per field, which for a small model reads::

    def decode(payload):
        try:
            self = new(Twin)
            if (value := payload["a"]).__class__ is not str: raise TypeError
            self.asset = value
            self.delta = ZERO if (number := payload["d"]) == "0.00000000" else decimal_from(number)
            ...
            rest = len(payload) - 3 - ("e" in payload)
            if rest: ...                          # optional and unknown keys, looked for only when some are left
            else: self.clear_time = None
            self.__class__ = BalanceUpdate
            return self
        except FAULTS as exc:
            raise explain(payload, BalanceUpdate) from exc

Storing into a frozen instance goes through ``object.__setattr__`` for every field, which doubles the cost. So a decoder
fills an instance of a twin, which has the same slots and is not frozen, and then makes it an instance of the model.
What is sent as an array is a NamedTuple, made in one expression. A family's decoder looks up which member it has got.
"""

from __future__ import annotations

import functools
import itertools
import types
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeGuard, TypeVar, Union, get_args, get_origin

import attrs

from ..models.base import FAMILIES, NO_EXTRA, Extra, Model, is_row, sent_often, wire_name
from ..models.enums import OpenEnum
from .codec import FAULTS, explain, field_types, row_types, structure
from .values import ZERO, ZERO_TEXT, Members, Moments, decimal_from, exactly, is_array

__all__ = ["make_decoder", "reader_of", "thawed"]

_M = TypeVar("_M", bound=Model)


def make_decoder(cls: type[_M]) -> Callable[[dict[str, Any]], _M]:
    """
    Return a function that reads a parsed payload as a *cls*.

    It raises DecodeError, with the payload, where a field without default is missing or any field has another type.
    """
    if cls in FAMILIES:
        return _make_family_decoder(cls)
    return _compiled(cls, _ModelWriter(cls))


def _make_row_decoder(cls: type[tuple[Any, ...]]) -> Callable[[Any], Any]:
    """Return a function that reads an array as a *cls*."""
    return _compiled(cls, _RowWriter(cls))


def _make_family_decoder(cls: type[_M]) -> Callable[[dict[str, Any]], _M]:
    """Return a function that reads a payload as the member of the family *cls* that it says it is."""
    family = FAMILIES[cls]
    decoders: dict[type[Model], Callable[[Any], Any]] = {member: make_decoder(member) for member in family.classes}

    def decode(payload: dict[str, Any]) -> _M:
        try:
            if payload.__class__ is not dict:
                raise TypeError("expected dict")
            decode_member = decoders[family.member_for(payload)]
        except FAULTS as exc:
            raise explain(payload, cls) from exc
        member: _M = decode_member(payload)
        return member

    return decode


def _compiled(cls: type, writer: _ModelWriter | _RowWriter) -> Callable[[Any], Any]:
    source = writer.write()
    # The source is made of the model's declaration alone; no payload ever comes near it.
    exec(compile(source, f"<decoder of {cls.__name__}>", "exec"), writer.names)  # noqa: S102  # see the line above
    decode: Callable[[Any], Any] = writer.names["decode"]
    return decode


@functools.cache
def reader_of(cls: Any) -> Callable[[Any], Any]:
    """
    Return a function that reads a JSON value as a *cls*.

    The code is generated where that is a model, a NamedTuple or a list of one.

    It raises DecodeError, and gives what :func:`.codec.structure` gives.
    """
    item = get_args(cls)[0] if get_origin(cls) is list else None
    decode = _generated(cls)
    if decode is not None:
        return decode
    decode = _generated(item)
    if decode is None:
        return functools.partial(_structure, cls)
    decode_item = decode

    def decode_list(value: Any) -> Any:
        return [decode_item(part) for part in value] if is_array(value) else _structure(cls, value)

    return decode_list


def _generated(cls: Any) -> Callable[[Any], Any] | None:
    if _is_model(cls):
        return make_decoder(cls)
    return _make_row_decoder(cls) if is_row(cls) else None


def _is_model(cls: Any) -> TypeGuard[type[Model]]:
    return isinstance(cls, type) and issubclass(cls, Model)


def _structure(cls: Any, value: Any) -> Any:
    return structure(value, cls)


def thawed(cls: type[Any]) -> type[Any]:
    """
    Return a class whose instances can become instances of the frozen *cls*: same bases, same slots, but not frozen.

    *cls* has no slot for weak references: before Python 3.13 such objects could not change their class.
    """
    slots: tuple[str, ...] = cls.__dict__["__slots__"]
    parts = {"__slots__": slots, "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    # A class that is generic may only be inherited from with its parameters.
    bases = getattr(cls, "__orig_bases__", cls.__bases__)
    return types.new_class(f"_{cls.__name__}", bases, exec_body=lambda namespace: namespace.update(parts))


class _Writer:
    """Writes the source of one decoder, and collects the objects that it refers to."""

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._lines: list[str] = []
        self.names: dict[str, Any] = {
            # So that tracebacks know whose function it is.
            "__name__": __name__,
            "cls": cls,
            "ZERO": ZERO,
            "decimal_from": decimal_from,
            "moments": Moments(),
            "exactly": exactly,
            "FAULTS": FAULTS,
            "explain": explain,
        }

    def _add(self, depth: int, line: str) -> None:
        self._lines.append("    " * depth + line)

    def _refer(self, name: str, value: object) -> str:
        self.names[name] = value
        return name

    def _expression(self, kind: Any, value: str) -> str:
        """Return an expression for *value* as a *kind*; it raises one of FAULTS where that cannot be."""
        if kind is object:
            return value
        if kind is Decimal:
            return f"ZERO if (number := {value}) == {ZERO_TEXT!r} else decimal_from(number)"
        if kind is datetime:
            return f"moments[exactly(int, {value})]"
        if get_origin(kind) is tuple:
            item = self._expression(get_args(kind)[0], "item")
            return f"tuple([{item} for item in exactly(list, {value})])"
        if kind in (str, int):
            return f"exactly({kind.__name__}, {value})"
        if isinstance(kind, type) and issubclass(kind, OpenEnum):
            return f"{self._refer(f'members_{kind.__name__}', Members(kind))}[{value}]"
        decode = _generated(kind)
        if decode is not None:
            return f"{self._refer(f'decode_{kind.__name__}', decode)}({value})"
        raise TypeError(f"{self._cls.__name__} has a field of type {kind}, for which there is no decoding")


class _RowWriter(_Writer):
    """Writes the decoder of a NamedTuple."""

    def __init__(self, cls: type[tuple[Any, ...]]) -> None:
        super().__init__(cls)
        self._kinds = list(row_types(cls).values())
        kind: Any = tuple
        self.names["build"] = kind.__new__

    def write(self) -> str:
        self._add(0, "def decode(items):")
        self._add(1, "try:")
        self._add(2, f"if items.__class__ is not list or len(items) < {len(self._kinds)}: raise TypeError")
        parts = [self._expression(kind, f"items[{index}]") for index, kind in enumerate(self._kinds)]
        self._add(2, f"return build(cls, ({', '.join(parts)},))")
        self._add(1, "except FAULTS as exc:")
        self._add(2, "raise explain(items, cls) from exc")
        return "\n".join(self._lines)


class _ModelWriter(_Writer):
    """Writes the decoder of a model."""

    def __init__(self, cls: type[Model]) -> None:
        super().__init__(cls)
        self._model = cls
        self.names.update(Twin=thawed(cls), new=object.__new__, NO_EXTRA=NO_EXTRA, Extra=Extra)

    def write(self) -> str:
        fields = field_types(self._model)
        required = [(field, kind) for field, kind in fields if field.default is attrs.NOTHING]
        optional = [(field, kind) for field, kind in fields if field.default is not attrs.NOTHING]
        often = [(field, kind) for field, kind in optional if sent_often(field)]
        seldom = [(field, kind) for field, kind in optional if not sent_often(field)]
        is_event = hasattr(self._model, "event_name")
        self.names["known"] = frozenset([wire_name(field) for field, _ in fields] + ["e"] * is_event)

        self._add(0, "def decode(payload):")
        self._add(1, "try:")
        self._add(2, "if payload.__class__ is not dict: raise TypeError")
        self._add(2, "self = new(Twin)")
        for field, kind in required:
            self._convert(2, field, kind)
        self._add(2, f"rest = len(payload) - {len(required)}" + (" - ('e' in payload)" if is_event else ""))
        for field, kind in often:
            self._convert_if_present(2, field, kind)
        self._add(2, "if rest:")
        for field, kind in seldom:
            self._convert_if_present(3, field, kind)
        self._add(3, "self.extra = Extra({k: payload[k] for k in payload if k not in known}) if rest else NO_EXTRA")
        self._add(2, "else:")
        for default, targets in itertools.groupby(seldom, lambda item: self._default(item[0])):
            self._add(3, " = ".join([f"self.{field.name}" for field, _ in targets] + [default]))
        self._add(3, "self.extra = NO_EXTRA")
        self._add(2, "self.__class__ = cls")
        self._add(2, "return self")
        self._add(1, "except FAULTS as exc:")
        self._add(2, "raise explain(payload, cls) from exc")
        return "\n".join(self._lines)

    def _default(self, field: attrs.Attribute[Any]) -> str:
        return "None" if field.default is None else self._refer(f"default_{field.name}", field.default)

    def _convert_if_present(self, depth: int, field: attrs.Attribute[Any], kind: Any) -> None:
        self._add(depth, f"if {wire_name(field)!r} in payload:")
        self._add(depth + 1, "rest -= 1")
        self._convert(depth + 1, field, kind)
        self._add(depth, f"else: self.{field.name} = {self._default(field)}")

    def _convert(self, depth: int, field: attrs.Attribute[Any], kind: Any) -> None:
        """Add the lines that read one field, whose key is there or must be."""
        target, value = f"self.{field.name}", f"payload[{wire_name(field)!r}]"
        inner = _without_none(kind)
        if inner is not kind:
            absent = "is None or value == -1" if inner is datetime else "is None"
            self._add(depth, f"if (value := {value}) {absent}: {target} = None")
            self._add(depth, "else:")
            depth, value = depth + 1, "value"
        if inner is datetime:
            self._add(depth, f"if (value := {value}).__class__ is not int: raise TypeError")
            self._add(depth, f"{target} = moments[value]")
        elif inner is bool:
            self._add(depth, f"if (value := {value}) is not True and value is not False: raise TypeError")
            self._add(depth, f"{target} = value")
        elif inner in (str, int):
            self._add(depth, f"if (value := {value}).__class__ is not {inner.__name__}: raise TypeError")
            self._add(depth, f"{target} = value")
        else:
            self._add(depth, f"{target} = {self._expression(inner, value)}")


def _without_none(kind: Any) -> Any:
    """Return X for ``X | None``, and anything else as it is."""
    if get_origin(kind) in (Union, types.UnionType):
        inner = [argument for argument in get_args(kind) if argument is not type(None)]
        if len(inner) == 1:
            return inner[0]
    return kind
