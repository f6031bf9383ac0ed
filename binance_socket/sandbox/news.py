"""What a market lets everybody know: trades, and levels of its book."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import attrs

from .matching import Level
from .orders import Side

__all__ = ["ExternalReference", "Follower", "News", "PublicTrade"]


@attrs.frozen
class PublicTrade:
    """A trade, without whose orders they were; *taker_order_id* tells only which trades belong together."""

    id: int
    price: Decimal
    quantity: Decimal
    time: int
    """Milliseconds of the epoch."""
    buyer_is_maker: bool
    taker_order_id: int = 0
    """0: none, the trade was made off the book."""


@attrs.frozen
class News:
    """All that one request brought about in one market."""

    symbol: str
    time: int
    """Milliseconds of the epoch."""
    first_update_id: int
    last_update_id: int
    """The book's changes; this one is less than the first where there are none."""
    levels: Mapping[tuple[Side, Decimal], Decimal]
    """The changed levels with the quantity they have now, zero where none is left."""
    trades: Sequence[PublicTrade]
    bid: Level | None
    """The best one now."""
    ask: Level | None
    block_trades: Sequence[PublicTrade] = ()
    """Trades made off the book, with ids of their own."""


@attrs.frozen
class ExternalReference:
    """A reference price that was set from outside, at a time in milliseconds of the epoch."""

    price: Decimal | None
    time: int
    calculation_id: int


Follower = Callable[[News], object]
