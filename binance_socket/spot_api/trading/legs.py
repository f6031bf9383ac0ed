"""The orders of an order list, as values, and how they are written: with a prefix for each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ...errors import InvalidRequest
from ...models.enums import OrderSide, OrderType, PegOffsetType, PegPriceType, TimeInForce
from .parameters import Amount, checked, wire_name
from .rules import check_order

__all__ = ["LEGS", "ContingentLeg", "PendingLeg", "WorkingLeg", "leg_params"]


@attrs.frozen
class _Leg:
    """What the orders of all lists may have. Prices are in units of the quote asset."""

    order_type: OrderType | str
    price: Amount | None = attrs.field(default=None, kw_only=True)
    time_in_force: TimeInForce | str | None = attrs.field(default=None, kw_only=True)
    iceberg_quantity: Amount | None = attrs.field(default=None, kw_only=True)
    client_order_id: str | None = attrs.field(default=None, kw_only=True)
    """Its name; one is made for it where none is given."""
    strategy_id: int | None = attrs.field(default=None, kw_only=True)
    strategy_type: int | None = attrs.field(default=None, kw_only=True)
    peg_price_type: PegPriceType | str | None = attrs.field(default=None, kw_only=True)
    peg_offset_type: PegOffsetType | str | None = attrs.field(default=None, kw_only=True)
    peg_offset_value: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class WorkingLeg(_Leg):
    """The order of a list that goes on the book at once: of the type LIMIT or LIMIT_MAKER."""

    side: OrderSide | str
    quantity: Amount = attrs.field(kw_only=True)


@attrs.frozen
class PendingLeg(_Leg):
    """The one order that is placed when the working order is filled: of any type."""

    side: OrderSide | str
    quantity: Amount | None = attrs.field(default=None, kw_only=True)
    """Of OTO lists. OPO lists have none: it is what the working order has bought or sold."""
    stop_price: Amount | None = attrs.field(default=None, kw_only=True)
    trailing_delta: int | None = attrs.field(default=None, kw_only=True)
    """In basis points."""


@attrs.frozen
class ContingentLeg(_Leg):
    """One of two orders of which only one is to be filled: of any type but LIMIT and MARKET."""

    stop_price: Amount | None = attrs.field(default=None, kw_only=True)
    trailing_delta: int | None = attrs.field(default=None, kw_only=True)
    """In basis points."""


@attrs.frozen
class _Place:
    """The place of an order in a list."""

    prefix: str
    """What its parameters' names begin with on the wire."""
    leg: type[_Leg]
    types: frozenset[str] | None
    """The order types that are possible here; None for all."""


_WORKING_TYPES: Final = frozenset({"LIMIT", "LIMIT_MAKER"})
_CONTINGENT_TYPES: Final = frozenset(
    {"LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"}
)

LEGS: Final[Mapping[str, _Place]] = {
    "working": _Place("working", WorkingLeg, _WORKING_TYPES),
    "pending": _Place("pending", PendingLeg, None),
    "pending_above": _Place("pendingAbove", ContingentLeg, _CONTINGENT_TYPES),
    "pending_below": _Place("pendingBelow", ContingentLeg, _CONTINGENT_TYPES),
    "above": _Place("above", ContingentLeg, _CONTINGENT_TYPES),
    "below": _Place("below", ContingentLeg, _CONTINGENT_TYPES),
}
"""By the name of the argument that holds it."""


def leg_params(name: str, leg: object, *, elsewhere: frozenset[str] = frozenset()) -> dict[str, Any]:
    """
    Return the parameters of *leg*, the argument *name* of an order list, by their wire names.

    *elsewhere* is what is told elsewhere. Raises InvalidRequest for what breaks the rules, TypeError for floats.
    """
    place = LEGS[name]
    if not isinstance(leg, place.leg):
        raise InvalidRequest(f"{name} is a {place.leg.__name__}, not {leg!r}")
    values = checked({field.name: getattr(leg, field.name) for field in attrs.fields(type(leg))}, f"{name}: ")
    if "order_type" not in values:
        raise InvalidRequest(f"{name}: order_type is missing")
    check_order(values, where=f"{name}: ", types=place.types, elsewhere=elsewhere)
    return {place.prefix + (wire := wire_name(key))[0].upper() + wire[1:]: value for key, value in values.items()}
