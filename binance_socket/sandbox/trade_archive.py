"""The latest trades of a market, one by one and as aggregates. Pure: fed with trades, asked for pages."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, Generic, TypeVar

import attrs

from .news import PublicTrade

__all__ = ["AggregateTrade", "Archive", "TradeArchive"]

T = TypeVar("T")

_CAPACITY: Final = 100_000


@attrs.frozen
class AggregateTrade:
    """Trades of one taker order at one time and price, as one."""

    id: int
    price: Decimal
    quantity: Decimal
    first_trade_id: int
    last_trade_id: int
    time: int
    """Milliseconds of the epoch."""
    buyer_is_maker: bool


class Archive(Generic[T]):
    """The latest *capacity* of things with consecutive ids that start at 1. Appending costs the same at any length."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._items: list[T] = []
        self._first_id = 1

    @property
    def next_id(self) -> int:
        """The id of the next thing."""
        return self._first_id + len(self._items)

    def append(self, item: T) -> None:
        """Add the thing with the next id."""
        self._items.append(item)
        # Trimmed once in a while, so that it costs nothing per item.
        if len(self._items) >= 2 * self._capacity:
            forgotten = len(self._items) - self._capacity
            del self._items[:forgotten]
            self._first_id += forgotten

    def latest(self, limit: int) -> Sequence[T]:
        """Return the last *limit* things, the oldest first."""
        return self._items[-limit:]

    def since(self, first_id: int, limit: int) -> Sequence[T]:
        """Return at most *limit* things from *first_id* on, or from the first that is remembered."""
        start = max(0, first_id - self._first_id)
        return self._items[start : start + limit]

    def between(self, start: int, end: int, limit: int, key: Callable[[T], int], *, last: bool = False) -> Sequence[T]:
        """Return the first *limit* things whose ascending *key* lies within [start, end], or the *last* ones."""
        first, beyond = bisect_left(self._items, start, key=key), bisect_left(self._items, end + 1, key=key)
        if last:
            return self._items[max(first, beyond - limit) : beyond]
        return self._items[first : min(beyond, first + limit)]


class TradeArchive:
    """The latest trades of one market."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self.trades: Archive[PublicTrade] = Archive(capacity)
        self.aggregates: Archive[AggregateTrade] = Archive(capacity)

    def add(self, trades: Sequence[PublicTrade]) -> list[AggregateTrade]:
        """Take all the trades that one request brought about, and return what they are as aggregates."""
        together: list[list[PublicTrade]] = []
        for trade in trades:
            self.trades.append(trade)
            if together and _belong_together(together[-1][-1], trade):
                together[-1].append(trade)
            else:
                together.append([trade])
        aggregates: list[AggregateTrade] = []
        for group in together:
            first = group[0]
            aggregate = AggregateTrade(
                self.aggregates.next_id,
                first.price,
                sum((trade.quantity for trade in group[1:]), first.quantity),
                first.id,
                group[-1].id,
                first.time,
                first.buyer_is_maker,
            )
            self.aggregates.append(aggregate)
            aggregates.append(aggregate)
        return aggregates


def _belong_together(one: PublicTrade, next_one: PublicTrade) -> bool:
    return (one.taker_order_id, one.price, one.time) == (next_one.taker_order_id, next_one.price, next_one.time)
