"""What a local order book shows of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, overload

import attrs
from typing_extensions import override

from .._session.price_levels import PriceLevels
from ..models.order_book import PriceLevel

__all__ = ["BestPrices", "BookDepth", "BookLevels", "BookView", "Resync"]


@attrs.frozen
class BestPrices:
    """The best level of each side, as they stood at one moment. None where a side is empty."""

    bid: PriceLevel | None
    ask: PriceLevel | None

    @property
    def spread(self) -> Decimal | None:
        """By how much the best ask is above the best bid, in units of the quote asset."""
        return None if self.bid is None or self.ask is None else self.ask.price - self.bid.price

    @property
    def mid_price(self) -> Decimal | None:
        """The price in the middle of the two, in units of the quote asset; exact, so seldom a price one can ask for."""
        return None if self.bid is None or self.ask is None else (self.ask.price + self.bid.price) / 2


@attrs.frozen
class BookDepth:
    """What stands between the best price of a side and some other price, that one included."""

    levels: tuple[PriceLevel, ...] = attrs.field(repr=False)
    """The levels, best first."""
    quantity: Decimal
    """What they hold together, in units of the base asset."""
    quote_quantity: Decimal
    """What that is worth at their prices, in units of the quote asset."""

    @property
    def average_price(self) -> Decimal | None:
        """What a unit of it costs on average, in units of the quote asset; None where nothing stands."""
        return self.quote_quantity / self.quantity if self.quantity else None


@attrs.frozen
class BookView:
    """A whole book as it was at one moment. Of one that was not synchronised, it is how it was before."""

    symbol: str
    is_synchronised: bool
    """Whether it was the exchange's book then. Otherwise it is stale: fit to be shown greyed out, not to trade by."""
    last_update_id: int | None
    """The last update that went into it; None if there never was a snapshot."""
    bids: tuple[PriceLevel, ...] = attrs.field(repr=False)
    asks: tuple[PriceLevel, ...] = attrs.field(repr=False)


@attrs.frozen
class Resync:
    """A book is synchronised again."""

    reason: str
    """Why it was not."""
    downtime: timedelta
    """For how long it was not."""
    last_update_id: int
    """The update of the exchange's that it is at now."""


class BookLevels(Sequence[PriceLevel]):
    """
    One side of a local order book, best first; it changes as the book does.

    Everything may be done from any thread while it changes: iterating goes over the side as it was when that began,
    and a slice is of one moment. For both sides of one moment there is :meth:`.LocalOrderBook.view`. Everything raises
    OrderBookNotSynchronised while the book is not the exchange's.
    """

    def __init__(self, read: Callable[[Callable[[PriceLevels], Any]], Any]) -> None:
        self._read = read

    @override
    def __len__(self) -> int:
        count: int = self._read(len)
        return count

    @overload
    def __getitem__(self, index: int) -> PriceLevel: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PriceLevel, ...]: ...
    @override
    def __getitem__(self, index: int | slice) -> PriceLevel | tuple[PriceLevel, ...]:
        if isinstance(index, slice):
            stop: int | None = index.stop
            if stop is None or stop < 0 or (index.start or 0) < 0 or (index.step or 1) < 0:
                return self._all()[index]
            # What most people ask for, the best few, without copying the rest.
            best: tuple[PriceLevel, ...] = self._read(lambda side: side.first(stop))
            return best[index]
        level: PriceLevel = self._read(lambda side: side.at(index))
        return level

    @override
    def __iter__(self) -> Iterator[PriceLevel]:
        return iter(self._all())

    @override
    def __reversed__(self) -> Iterator[PriceLevel]:
        return reversed(self._all())

    @override
    def __contains__(self, value: object) -> bool:
        return value in self._all()

    @override
    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """Return where *value* is. Raises ValueError if it is not there."""
        levels = self._all()
        return levels.index(value, start, len(levels) if stop is None else stop)

    @override
    def count(self, value: Any) -> int:
        """Return how often *value* is there."""
        return self._all().count(value)

    def _all(self) -> tuple[PriceLevel, ...]:
        levels: tuple[PriceLevel, ...] = self._read(tuple)
        return levels

    @override
    def __repr__(self) -> str:
        return "<BookLevels>"
