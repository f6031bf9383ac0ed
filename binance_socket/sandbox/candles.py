"""
Candles: intervals, what trades come to in them, and the history from which any of them can be told.

Pure: fed with trades in order, asked for klines. Times are milliseconds of the epoch. Source: the WebSocket API
document, "Klines".
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import attrs

from .money import ZERO
from .news import PublicTrade

__all__ = [
    "DAY",
    "HOUR",
    "INTERVALS",
    "MINUTE",
    "SECOND",
    "Candle",
    "CandleFollower",
    "CandleHistory",
    "Interval",
    "Kline",
]

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# The epoch was a Thursday; weeks begin on Monday.
_FIRST_MONDAY: Final = 4 * DAY
_EPOCH: Final = dt.datetime(1970, 1, 1)
_SECONDS_KEPT: Final = 100_000
_MINUTES_KEPT: Final = 200_000
_MOST_CLOSED: Final = 1000


@attrs.frozen
class Interval:
    """How long a candle lasts: *length* milliseconds, or a calendar month where that is 0."""

    name: str
    length: int
    origin: int = 0

    def open_time(self, time: int, offset: int = 0) -> int:
        """Return when the candle opened in which *time* lies; *offset* is what the time zone is ahead of UTC."""
        local = time + offset
        if self.length:
            return local - (local - self.origin) % self.length - offset
        month = (_EPOCH + dt.timedelta(milliseconds=local)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return _milliseconds(month) - offset

    def next_open(self, open_time: int, offset: int = 0) -> int:
        """Return when the candle opens that follows the one which opened at *open_time*."""
        if self.length:
            return open_time + self.length
        # 31 days after the first of a month it is the next one, whatever the month.
        return self.open_time(open_time + 31 * DAY, offset)


def _milliseconds(time: dt.datetime) -> int:
    return (time - _EPOCH) // dt.timedelta(milliseconds=1)


_LENGTHS: Final[Mapping[str, int]] = {
    "1s": SECOND,
    **{f"{count}m": count * MINUTE for count in (1, 3, 5, 15, 30)},
    **{f"{count}h": count * HOUR for count in (1, 2, 4, 6, 8, 12)},
    **{f"{count}d": count * DAY for count in (1, 3)},
}
INTERVALS: Final[Mapping[str, Interval]] = {
    **{name: Interval(name, length) for name, length in _LENGTHS.items()},
    "1w": Interval("1w", 7 * DAY, _FIRST_MONDAY),
    "1M": Interval("1M", 0),
}
"""By name; names are case-sensitive."""


@attrs.define
class Candle:
    """What trades came to, one after the other. Without any, prices are what the last one before left."""

    open_time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    taker_buy_volume: Decimal = ZERO
    taker_buy_quote_volume: Decimal = ZERO
    first_id: int = -1
    last_id: int = -1
    count: int = 0

    @classmethod
    def flat(cls, open_time: int, price: Decimal) -> Candle:
        """Return one without trades."""
        return cls(open_time, price, price, price, price)

    def add(self, trade: PublicTrade) -> None:
        """Take one more trade."""
        price, quantity = trade.price, trade.quantity
        if not self.count:
            self.open = self.high = self.low = price
            self.first_id = trade.id
        elif price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.last_id = trade.id
        self.count += 1
        value = price * quantity
        self.volume += quantity
        self.quote_volume += value
        if not trade.buyer_is_maker:
            self.taker_buy_volume += quantity
            self.taker_buy_quote_volume += value

    def join(self, other: Candle) -> None:
        """Take all the trades of *other*, which came after ours."""
        if not other.count:
            return
        if not self.count:
            self.open, self.high, self.low, self.first_id = other.open, other.high, other.low, other.first_id
        else:
            self.high, self.low = max(self.high, other.high), min(self.low, other.low)
        self.close, self.last_id = other.close, other.last_id
        self.count += other.count
        self.volume += other.volume
        self.quote_volume += other.quote_volume
        self.taker_buy_volume += other.taker_buy_volume
        self.taker_buy_quote_volume += other.taker_buy_quote_volume


@attrs.frozen
class Kline:
    """A candle in its interval, with the last millisecond that belongs to it."""

    candle: Candle
    close_time: int
    is_closed: bool


class _Base:
    """Candles of one length in which something was traded, the latest of them."""

    def __init__(self, length: int, kept: int) -> None:
        self._length, self._kept = length, kept
        self.candles: list[Candle] = []

    def add(self, trade: PublicTrade) -> None:
        candles = self.candles
        open_time = trade.time - trade.time % self._length
        if not candles or candles[-1].open_time < open_time:
            candles.append(Candle.flat(open_time, trade.price))
            # Trimmed once in a while, so that it costs nothing per candle.
            if len(candles) >= 2 * self._kept:
                del candles[: len(candles) - self._kept]
        # Should the clock have been put back, the trade counts in the latest candle.
        candles[-1].add(trade)

    def index(self, time: int) -> int:
        """Return where the candles begin that opened at *time* or later."""
        return bisect_left(self.candles, time, key=_open_time)


def _open_time(candle: Candle) -> int:
    return candle.open_time


class CandleHistory:
    """
    One market's trades as candles of seconds and of minutes, of which all others are made.

    Memory is bounded: the latest 100,000 seconds and 200,000 minutes in which something was traded.
    """

    def __init__(self) -> None:
        self._seconds = _Base(SECOND, _SECONDS_KEPT)
        self._minutes = _Base(MINUTE, _MINUTES_KEPT)

    def add(self, trade: PublicTrade) -> None:
        """Take the next trade."""
        self._seconds.add(trade)
        self._minutes.add(trade)

    def total(self, start: int) -> Candle | None:
        """Return all that was traded from the minute *start* on as one candle; None before the first trade."""
        base = self._minutes
        if not base.candles:
            return None
        first = base.index(start)
        result = Candle.flat(start, base.candles[first - 1 if first else 0].close)
        for candle in base.candles[first:]:
            result.join(candle)
        return result

    def klines(
        self,
        interval: Interval,
        now: int,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int = 500,
        offset: int = 0,
    ) -> list[Kline]:
        """
        Return at most *limit* klines that opened from *start* to *end*: the first ones if there is a start, else the
        last ones. There is one for every interval from the first trade to *now*, whether it has trades or not.
        """
        base = self._seconds if interval.length == SECOND else self._minutes
        if not base.candles:
            return []
        earliest = interval.open_time(base.candles[0].open_time, offset)
        latest = interval.open_time(now if end is None else min(now, end), offset)
        opens: list[int] = []
        if start is None:
            time = latest
            while time >= earliest and len(opens) < limit:
                opens.append(time)
                time = interval.open_time(time - 1, offset)
            opens.reverse()
        else:
            time = interval.open_time(max(start, earliest), offset)
            if time < start:
                time = interval.next_open(time, offset)
            while time <= latest and len(opens) < limit:
                opens.append(time)
                time = interval.next_open(time, offset)
        return _filled(base, interval, opens, now, offset) if opens else []


def _filled(base: _Base, interval: Interval, opens: Sequence[int], now: int, offset: int) -> list[Kline]:
    candles = base.candles
    index = base.index(opens[0])
    price = candles[index - 1 if index else 0].close
    klines: list[Kline] = []
    for open_time in opens:
        end = interval.next_open(open_time, offset)
        candle = Candle.flat(open_time, price)
        while index < len(candles) and candles[index].open_time < end:
            candle.join(candles[index])
            index += 1
        price = candle.close
        klines.append(Kline(candle, end - 1, end <= now))
    return klines


class CandleFollower:
    """
    Follows the candle of one interval, trade by trade.

    ``take`` tells what there is to tell since the last call: every candle that was closed, and the one that is open if
    it has changed.
    """

    def __init__(self, history: CandleHistory, interval: Interval, now: int, offset: int = 0) -> None:
        self._interval, self._offset = interval, offset
        present = history.klines(interval, now, limit=1, offset=offset)
        # None before the first trade.
        self._candle: Candle | None = present[0].candle if present else None
        self._end = present[0].close_time + 1 if present else 0
        self._closed: list[Kline] = []
        self._changed = False

    def add(self, trade: PublicTrade) -> None:
        """Take the next trade."""
        candle = self._turn(trade.time)
        if candle is None:
            open_time = self._interval.open_time(trade.time, self._offset)
            candle = self._candle = Candle.flat(open_time, trade.price)
            self._end = self._interval.next_open(open_time, self._offset)
        candle.add(trade)
        self._changed = True

    def take(self, now: int) -> list[Kline]:
        """Return what is new, the oldest first."""
        candle = self._turn(now)
        news, self._closed = self._closed, []
        if candle is not None and self._changed:
            self._changed = False
            news.append(Kline(attrs.evolve(candle), self._end - 1, is_closed=False))
        return news

    def _turn(self, now: int) -> Candle | None:
        """Close what is over at *now*, and return the candle that is open."""
        candle = self._candle
        if candle is None:
            return None
        while now >= self._end:
            self._closed.append(Kline(candle, self._end - 1, is_closed=True))
            del self._closed[:-_MOST_CLOSED]
            self._changed = False
            candle = self._candle = Candle.flat(self._end, candle.close)
            self._end = self._interval.next_open(self._end, self._offset)
        return candle
