"""How models are declared: immutable values with their JSON keys in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeGuard, TypeVar

import attrs
from typing_extensions import dataclass_transform, override

from ..credentials import Secret
from ..masking import masked

__all__ = [
    "EVENTS",
    "FAMILIES",
    "NO_EXTRA",
    "Extra",
    "Family",
    "Model",
    "event",
    "family",
    "fields_of",
    "is_row",
    "model",
    "sent_often",
    "wire",
    "wire_name",
]

_T = TypeVar("_T")


class Extra(Mapping[str, Any]):
    """The keys of a payload that no field takes. Read-only; unlike a mappingproxy it can be copied and pickled."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items = dict(items)

    @override
    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    @override
    def __len__(self) -> int:
        return len(self._items)

    @override
    def __repr__(self) -> str:
        return masked(self._items)


NO_EXTRA: Final = Extra({})
"""What nearly every model holds as its ``extra``; shared."""


def wire(key: str, *, default: Any = attrs.NOTHING, often: bool = False, secret: bool = False) -> Any:
    """
    Declare a field whose JSON key is *key*; without this, the key is the field's name in camelCase.

    With a *default* the key may be absent. *often* says that it seldom is: such keys are looked for before the
    rest. A *secret* is masked in the model's repr.
    """
    # The repr of a field is for those who show a model in a way of their own, as rich does.
    shown = _masked_field if secret else True
    return attrs.field(default=default, repr=shown, metadata={"wire": key, "often": often, "secret": secret})


def _masked_field(value: object) -> str:
    return repr(None if value is None else Secret(str(value)))


def wire_name(field: attrs.Attribute[Any]) -> str:
    """Return the JSON key of *field*."""
    key: str | None = field.metadata.get("wire")
    if key is not None:
        return key
    head, *tail = field.name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def sent_often(field: attrs.Attribute[Any]) -> bool:
    """Return whether an optional *field* is nevertheless present in most payloads."""
    return bool(field.metadata.get("often"))


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(wire, attrs.field))
def model(cls: type[_T]) -> type[_T]:
    """Declare an immutable, slotted, keyword-only value."""
    # No weak references: before Python 3.13 they would keep the generated decoders from changing an object's class.
    return attrs.frozen(cls, slots=True, kw_only=True, repr=False, weakref_slot=False)


@model
class Model:
    """What the exchange sends. Equal when all fields are; two values can be compared, hashed, copied and pickled."""

    extra: Mapping[str, Any] = attrs.field(default=NO_EXTRA, hash=False)
    """The keys of the payload that no field takes, as they came."""

    @override
    def __repr__(self) -> str:
        # What is absent is left out: an order update has 57 fields, of which 30 say something.
        shown = (
            f"{field.name}={_masked_field(value) if field.metadata.get('secret') else masked(value)}"
            for field in fields_of(type(self))
            if (value := getattr(self, field.name)) is not None and value is not NO_EXTRA
        )
        return f"{type(self).__name__}({', '.join(shown)})"


def fields_of(cls: type[Model]) -> tuple[attrs.Attribute[Any], ...]:
    """Return the fields of a model, ``extra`` included."""
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cls)  # type: ignore[arg-type]  # @model is unknown to mypy
    return fields


def is_row(cls: Any) -> TypeGuard[type[tuple[Any, ...]]]:
    """
    Return whether *cls* is a NamedTuple: the exchange sends it as an array, and its fields are the array's positions.

    What an array holds beyond them is not read: there are no keys to keep it under.
    """
    return isinstance(cls, type) and hasattr(cls, "_fields") and issubclass(cls, tuple)


@attrs.frozen
class Family:
    """Models that are sent in the place of one another; each payload says itself which one it is."""

    key: str
    """The JSON key that says it."""
    members: Mapping[str, type[Model]]
    """By what stands under the key."""
    unknown: type[Model]
    """What is made of everything else."""
    absent: type[Model] | None = None
    """What is made of a payload without the key; None where each must have it."""

    @property
    def classes(self) -> frozenset[type[Model]]:
        """Whatever may be made of a payload."""
        return frozenset(filter(None, [*self.members.values(), self.unknown, self.absent]))

    def member_for(self, payload: Mapping[str, Any]) -> type[Model]:
        """Return the class that *payload* is of. Raises KeyError or TypeError where it does not say."""
        if self.absent is not None and self.key not in payload:
            return self.absent
        return self.members.get(payload[self.key], self.unknown)


FAMILIES: Final[dict[type[Model], Family]] = {}
"""The families, each by the class that its members have in common; fields have the type of that class."""


def family(
    base: type[Model],
    key: str,
    members: Mapping[str, type[Model]],
    unknown: type[Model],
    absent: type[Model] | None = None,
) -> None:
    """
    Declare that a *base* is one of *members*, as its *key* says, and an *unknown* when it says anything else.

    With *absent*, it is one of those when there is no such key.
    """
    FAMILIES[base] = Family(key, members, unknown, absent)


EVENTS: Final[dict[str, type[Model]]] = {}
"""The class of every known event, by its name on the wire (``e``)."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(wire, attrs.field))
def event(name: str) -> Callable[[type[_T]], type[_T]]:
    """Declare a model that is an event, known by *name*. Its class keeps the name in ``event_name``."""

    def register(cls: type[_T]) -> type[_T]:
        declared = model(cls)
        declared.event_name = name  # type: ignore[attr-defined]  # declared by UserDataEvent, which comes later
        if name in EVENTS:
            raise TypeError(f"{name} is declared twice")
        EVENTS[name] = declared  # type: ignore[assignment]  # every event is a Model, which _T cannot say
        return declared

    return register
