"""
What became of a request whose outcome was unknown: the values that :meth:`.OutcomeUnknown.resolve` returns.

An order is *placed*, or it is not. Whatever else changes something at the exchange (cancelling, amending) is
*executed*, or it is not; of what cancels, that is told by its effect: an order that is cancelled counts as such, no
matter who did it. A cancel-replace has both halves.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

__all__ = [
    "CancelReplaceOutcome",
    "Executed",
    "KnownOrder",
    "NotExecuted",
    "NotPlaced",
    "OutcomeSource",
    "Placed",
    "StillUnknown",
    "Verdict",
]


class OutcomeSource(enum.Enum):
    """How an outcome came to be known."""

    LATE_REPLY = "late reply"
    """The exchange's answer came after all."""

    EVENT = "event"
    """The user data stream told of it."""

    QUERY = "query"
    """The exchange was asked about it."""


@attrs.frozen(kw_only=True)
class KnownOrder:
    """
    An order, as far as it is known: replies, events and queries tell of it more or less.

    Quantities are in units of the base asset, quote quantities in units of the quote asset. What was not told is None.
    """

    symbol: str
    order_id: int
    client_order_id: str
    order_list_id: int | None = None
    """None for an order that belongs to no list."""
    status: str | None = None
    """An :class:`~binance_socket.models.OrderStatus`, which is a str."""
    quantity: Decimal | None = None
    price: Decimal | None = None
    cumulative_filled_quantity: Decimal | None = None
    cumulative_quote_quantity: Decimal | None = None
    transaction_time: datetime | None = None
    """When it was last changed."""
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)
    """What the exchange said, as it came."""


@attrs.frozen
class Placed:
    """The order, or the order list, has been placed. It may have been filled or cancelled since."""

    orders: tuple[KnownOrder, ...]
    """The order; of an order list, its orders."""
    source: OutcomeSource

    @property
    def order(self) -> KnownOrder:
        """The order; of an order list, the first one."""
        return self.orders[0]


@attrs.frozen
class NotPlaced:
    """The order, or the order list, has not been placed, and will not be: it is safe to place another one."""

    source: OutcomeSource
    reason: str


@attrs.frozen
class Executed:
    """What was asked for has happened: the order is cancelled, amended..."""

    orders: tuple[KnownOrder, ...]
    """The orders concerned, as far as they are known."""
    source: OutcomeSource


@attrs.frozen
class NotExecuted:
    """What was asked for has not happened, and will not."""

    source: OutcomeSource
    reason: str
    orders: tuple[KnownOrder, ...] = ()
    """The orders concerned, as far as they are known."""


@attrs.frozen
class StillUnknown:
    """Nothing is certain yet. Ask again, or look for yourself; do not repeat the request."""

    reason: str
    """What is in the way, or waited for."""


@attrs.frozen
class CancelReplaceOutcome:
    """What became of the two halves of a cancel-replace."""

    cancellation: Executed | NotExecuted | StillUnknown
    placement: Placed | NotPlaced | StillUnknown


Verdict = Placed | NotPlaced | Executed | NotExecuted | CancelReplaceOutcome | StillUnknown
"""What :meth:`.OutcomeUnknown.resolve` returns. For an order or an order list: Placed, NotPlaced or StillUnknown."""
