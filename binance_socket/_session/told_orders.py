"""What orders were told to be like. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from .._wire.values import amount_or_zero

__all__ = [
    "FINAL",
    "Mark",
    "OrderKey",
    "RawOrder",
    "Sum",
    "ToldOrder",
    "TradeKey",
    "goes_beyond",
    "is_final",
    "is_further",
    "mark_of",
    "trade_number",
]

FINAL: Final = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"})
"""The statuses after which nothing happens to an order."""

OrderKey = tuple[str, int]
"""The symbol, and the exchange's number of an order."""
TradeKey = tuple[str, int, int]
"""The same, and the trade's: who trades with himself has two sides of one trade."""


class Sum(NamedTuple):
    """How much of an order was filled up to a time, told without the numbers of the trades: nobody knew them."""

    at: int
    filled: Any
    quote: Any


class ToldOrder(NamedTuple):
    """An order as the latest event has told of it. Amounts are text, as it came."""

    status: Any
    filled: Any
    quote: Any
    trade_id: int
    """The latest trade's; -1 for none."""
    quantity: Any
    client_order_id: Any
    at: int
    """When it changed last, as the exchange wrote it."""
    working: Any
    """Whether it is on the book."""
    prevented: Any
    """How much of it was kept from trading with its own account, None for nothing."""
    summed: Sum | None
    """The latest of those, None for none."""
    counted: Any
    """How much was filled with the latest trade, or that sum: what is more was said by an event that is no trade."""


RawOrder = tuple[Any, Any, Any, int, Any, Any, int, Any, Any, Sum | None, Any]
"""The same without names, as it is kept: there are many of them."""


class Mark(NamedTuple):
    """How far an order had been told of when a gap began."""

    trade_id: int
    filled: Any
    quote: Any
    uncounted: tuple[int, Any] | None = None
    """Where that includes trades of which nobody was told: until when, and how much was filled before them."""


def is_final(status: object) -> bool:
    """Return whether nothing happens any more to an order of that status."""
    return isinstance(status, str) and status in FINAL


def trade_number(value: object) -> int:
    """Return the number of a trade, also where it came as text; -1 where it is none."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 else -1


def mark_of(order: RawOrder) -> Mark:
    """Return how far an order was told of."""
    filled, counted = order[1], order[10]
    is_counted = filled == counted or amount_or_zero(filled) <= amount_or_zero(counted)
    return Mark(order[3], filled, order[2], None if is_counted else (order[6], counted))


def is_further(told: ToldOrder, event: Mapping[str, Any]) -> bool:
    """Return whether an order was told to be further than in *event*, a trade or a state that was found out."""
    if told.at > event["T"] or is_final(told.status):
        return True
    # A state is noted whatever the order's trades were said to have filled: otherwise each gap would tell it.
    return event["t"] >= 0 and amount_or_zero(told.filled) > amount_or_zero(event["z"])


def goes_beyond(event: Mapping[str, Any], told: ToldOrder) -> bool:
    """Return whether *event*, which is no trade and of the same instant, comes after what was told of its order."""
    filled, quantity = amount_or_zero(event.get("z")), amount_or_zero(event.get("q"))
    if filled != amount_or_zero(told.filled):
        return filled > amount_or_zero(told.filled)
    if is_final(told.status):
        return False
    # Amendments only make orders smaller.
    return is_final(event.get("X")) or quantity < amount_or_zero(told.quantity)
