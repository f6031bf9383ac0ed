"""
Statistics of the latest trades: rolling windows, averages, the reference price.

Pure: fed with trades in order, asked with the time, in milliseconds of the epoch. Nothing here costs more the more
there was before.
"""

from __future__ import annotations

import decimal
from collections import deque
from decimal import Decimal
from typing import Final

import attrs

from .candles import SECOND, Candle
from .money import DECIMALS, QUANTUM, ZERO
from .news import PublicTrade

__all__ = ["ReferenceMean", "RollingWindow", "Statistics"]

# What the exchange rounds, it rounds to the nearest.
_ROUNDING: Final = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_UP)
_THOUSANDTH: Final = Decimal("0.001")


def ratio(value: Decimal, divisor: Decimal, quantum: Decimal = QUANTUM) -> Decimal:
    """Return *value* by *divisor*, rounded; zero where that is zero."""
    if not divisor:
        return ZERO
    return _ROUNDING.quantize(_ROUNDING.divide(value, divisor), quantum)


@attrs.frozen
class Statistics:
    """What a ticker says about the trades of a time. Without any, prices but the first and last are zero, ids -1."""

    open: Decimal = ZERO
    high: Decimal = ZERO
    low: Decimal = ZERO
    last: Decimal = ZERO
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    first_id: int = -1
    last_id: int = -1
    count: int = 0

    @classmethod
    def of(cls, candle: Candle | None) -> Statistics:
        """Return those of a candle."""
        if candle is None:
            return cls()
        if not candle.count:
            return cls(open=candle.close, last=candle.close)
        return cls(
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
            candle.quote_volume,
            candle.first_id,
            candle.last_id,
            candle.count,
        )

    @property
    def change(self) -> Decimal:
        """By how much the price changed."""
        return self.last - self.open

    @property
    def change_percent(self) -> Decimal:
        """By how many percent, with three decimals."""
        return ratio(self.change * 100, self.open, _THOUSANDTH)

    @property
    def average(self) -> Decimal:
        """The price, weighted by volume."""
        return ratio(self.quote_volume, self.volume)


class RollingWindow:
    """
    The trades of the last *span* milliseconds.

    They are kept, and forgotten, in buckets: the window is wider than asked for by less than one. ``advance`` has to be
    called before anything is read.
    """

    def __init__(self, span: int, bucket: int = SECOND) -> None:
        self._span, self._width = span, bucket
        self._buckets: deque[Candle] = deque()
        self._volume = self._quote_volume = ZERO
        self._count = 0
        # By bucket, those that no later one exceeds: the first is the highest, or the lowest.
        self._highs: deque[tuple[int, Decimal]] = deque()
        self._lows: deque[tuple[int, Decimal]] = deque()
        self.price_before: Decimal = ZERO
        """The price of the last trade before the window."""

    def add(self, trade: PublicTrade) -> None:
        """Take the next trade."""
        price = trade.price
        open_time = trade.time - trade.time % self._width
        if self._buckets and self._buckets[-1].open_time >= open_time:
            # Should the clock have been put back, the trade counts in the latest bucket.
            bucket = self._buckets[-1]
        else:
            bucket = Candle.flat(open_time, price)
            self._buckets.append(bucket)
        bucket.add(trade)
        self._volume += trade.quantity
        self._quote_volume += price * trade.quantity
        self._count += 1
        highs, lows = self._highs, self._lows
        if not highs or highs[-1][0] < bucket.open_time or highs[-1][1] < price:
            while highs and highs[-1][1] <= price:
                highs.pop()
            highs.append((bucket.open_time, price))
        if not lows or lows[-1][0] < bucket.open_time or lows[-1][1] > price:
            while lows and lows[-1][1] >= price:
                lows.pop()
            lows.append((bucket.open_time, price))

    def advance(self, now: int) -> None:
        """Forget what is older than the window at *now*."""
        # Of buckets that ended before it nothing is left.
        gone = now - self._span - self._width
        buckets = self._buckets
        while buckets and buckets[0].open_time <= gone:
            bucket = buckets.popleft()
            self._volume -= bucket.volume
            self._quote_volume -= bucket.quote_volume
            self._count -= bucket.count
            self.price_before = bucket.close
        for extremes in (self._highs, self._lows):
            while extremes and extremes[0][0] <= gone:
                extremes.popleft()

    @property
    def statistics(self) -> Statistics:
        """What was traded in the window."""
        if not self._buckets:
            return Statistics(open=self.price_before, last=self.price_before)
        first, last = self._buckets[0], self._buckets[-1]
        return Statistics(
            first.open,
            self._highs[0][1],
            self._lows[0][1],
            last.close,
            self._volume,
            self._quote_volume,
            first.first_id,
            last.last_id,
            self._count,
        )


class ReferenceMean:
    """
    The reference price as a mean of trade prices over *count* buckets of *width* milliseconds.

    Source: "Price Range Execution Rule", "How does the Matching Engine calculate the reference price?": whole numbers
    with four decimals more than needed, the oldest bucket by the share of it that lies in the window, division that
    cuts off.
    """

    def __init__(self, count: int = 10, width: int = SECOND) -> None:
        self.count, self.width = count, width
        # Open time, number of trades, sum of their prices.
        self._buckets: deque[list[int]] = deque()
        self.was_set = False
        """Whether there ever was a trade."""

    def add(self, trade: PublicTrade) -> None:
        """Take the next trade."""
        self.was_set = True
        open_time = trade.time - trade.time % self.width
        if not self._buckets or self._buckets[-1][0] < open_time:
            self._buckets.append([open_time, 0, 0])
        bucket = self._buckets[-1]
        bucket[1] += _MORE
        bucket[2] += int(trade.price.scaleb(DECIMALS)) * _MORE
        # One more than are counted, as one may lie in the window in part.
        while len(self._buckets) > self.count + 1:
            self._buckets.popleft()

    def price(self, now: int) -> Decimal | None:
        """Return the reference price, None where no trade is in the window."""
        cutoff = now - self.count * self.width
        trades = total = 0
        for open_time, count, prices in self._buckets:
            inside = min(self.width, open_time + self.width - cutoff)
            if inside > 0:
                trades += count * inside // self.width
                total += prices * inside // self.width
        return Decimal(total // trades).scaleb(-DECIMALS) if trades else None


_MORE: Final = 10_000
