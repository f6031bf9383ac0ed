"""
The market streams: what each publishes, and when. Pure: fed with news and pulses, they return payloads.

Source: the WebSocket streams document, "Detailed Stream information".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

import attrs

from .candles import DAY, HOUR, INTERVALS, SECOND, CandleFollower
from .market_data import AVERAGE_MINUTES, MarketData, SymbolData
from .matching import Level
from .money import text
from .news import News
from .orders import Side
from .tickers import level_texts, mini_stream, stream_of_kline, stream_of_window, ticker_stream
from .trade_archive import AggregateTrade

__all__ = ["Channel", "make_channel"]

Make = TypeVar("Make")
Payload = Mapping[str, Any] | Sequence[Mapping[str, Any]]

Book = tuple[int, list[Level], list[Level]]
"""The id of the last change, the best bids and asks."""

TENTH: Final = 100


class Channel:
    """
    One stream. Both methods are called in the order of what happened, with the time in milliseconds of the epoch.

    *symbol* is the one whose news it needs, and *period* after how many milliseconds it looks whether it has something
    to say: 0 for one that speaks at once.
    """

    def __init__(self, symbol: str | None, period: int) -> None:
        self.symbol, self.period = symbol, period

    def news(self, news: News, aggregates: Sequence[AggregateTrade], now: int) -> Iterable[Payload]:
        """Take news, and return what is to be published at once."""
        return ()

    def pulse(self, now: int) -> Iterable[Payload]:
        """Return what is to be published now that another period is over; nothing if nothing changed."""
        return ()


class _Trades(Channel):
    def __init__(self, data: SymbolData) -> None:
        super().__init__(data.symbol, 0)

    def news(self, news: News, aggregates: Sequence[AggregateTrade], now: int) -> Iterable[Payload]:
        return [
            {
                "e": "trade",
                "E": now,
                "s": news.symbol,
                "t": trade.id,
                "p": text(trade.price),
                "q": text(trade.quantity),
                "T": trade.time,
                "m": trade.buyer_is_maker,
                "M": True,
            }
            for trade in news.trades
        ]


class _AggregateTrades(Channel):
    def __init__(self, data: SymbolData) -> None:
        super().__init__(data.symbol, 0)

    def news(self, news: News, aggregates: Sequence[AggregateTrade], now: int) -> Iterable[Payload]:
        return [
            {
                "e": "aggTrade",
                "E": now,
                "s": news.symbol,
                "a": trade.id,
                "p": text(trade.price),
                "q": text(trade.quantity),
                "f": trade.first_trade_id,
                "l": trade.last_trade_id,
                "T": trade.time,
                "m": trade.buyer_is_maker,
                "M": True,
            }
            for trade in aggregates
        ]


class _BookTicker(Channel):
    def __init__(self, data: SymbolData) -> None:
        super().__init__(data.symbol, 0)
        self._told = (data.bid, data.ask)

    def news(self, news: News, aggregates: Sequence[AggregateTrade], now: int) -> Iterable[Payload]:
        if (news.bid, news.ask) == self._told:
            return ()
        self._told = (news.bid, news.ask)
        bid, bid_quantity = news.bid or _NOTHING
        ask, ask_quantity = news.ask or _NOTHING
        return [
            {
                "u": news.last_update_id,
                "s": news.symbol,
                "b": text(bid),
                "B": text(bid_quantity),
                "a": text(ask),
                "A": text(ask_quantity),
            }
        ]


_NOTHING: Final = (Decimal(0), Decimal(0))


class _DepthChanges(Channel):
    """Every level that changed in the period, once, with what it has at the end of it."""

    def __init__(self, data: SymbolData, period: int) -> None:
        super().__init__(data.symbol, period)
        self._levels: dict[tuple[Side, Decimal], Decimal] = {}
        self._first_update_id = self._last_update_id = 0

    def news(self, news: News, aggregates: Sequence[AggregateTrade], now: int) -> Iterable[Payload]:
        if news.levels:
            if not self._levels:
                self._first_update_id = news.first_update_id
            self._last_update_id = news.last_update_id
            self._levels.update(news.levels)
        return ()

    def pulse(self, now: int) -> Iterable[Payload]:
        if not self._levels:
            return ()
        levels, self._levels = self._levels, {}
        bids = sorted((level for level in levels.items() if level[0][0] is Side.BUY), key=_price, reverse=True)
        asks = sorted((level for level in levels.items() if level[0][0] is Side.SELL), key=_price)
        return [
            {
                "e": "depthUpdate",
                "E": now,
                "s": self.symbol,
                "U": self._first_update_id,
                "u": self._last_update_id,
                "b": [[text(price), text(quantity)] for (_, price), quantity in bids],
                "a": [[text(price), text(quantity)] for (_, price), quantity in asks],
            }
        ]


def _price(level: tuple[tuple[Side, Decimal], Decimal]) -> Decimal:
    return level[0][1]


class _BlockTrades(Channel):
    def __init__(self, data: SymbolData) -> None:
        super().__init__(data.symbol, 0)

    def news(self, news: News, aggregates: Sequence[AggregateTrade], now: int) -> Iterable[Payload]:
        return [
            {
                "e": "blockTrade",
                "E": now,
                "s": news.symbol,
                "t": trade.id,
                "p": text(trade.price),
                "q": text(trade.quantity),
                "T": trade.time,
                "m": trade.buyer_is_maker,
            }
            for trade in news.block_trades
        ]


class _Klines(Channel):
    def __init__(self, data: SymbolData, now: int, name: str, offset: int) -> None:
        interval = INTERVALS[name]
        super().__init__(data.symbol, SECOND if interval.length == SECOND else 2 * SECOND)
        self._name = name
        self._follower = CandleFollower(data.candles, interval, now, offset)

    def news(self, news: News, aggregates: Sequence[AggregateTrade], now: int) -> Iterable[Payload]:
        for trade in news.trades:
            self._follower.add(trade)
        return ()

    def pulse(self, now: int) -> Iterable[Payload]:
        assert self.symbol is not None
        return [stream_of_kline(self.symbol, self._name, kline, now) for kline in self._follower.take(now)]


class _Levels(Channel):
    """The best levels of both sides."""

    def __init__(self, data: SymbolData, period: int, book: Callable[[str, int], Book], count: int) -> None:
        super().__init__(data.symbol, period)
        self._book, self._count = book, count
        self._told: Book | None = None

    def pulse(self, now: int) -> Iterable[Payload]:
        assert self.symbol is not None
        book = self._book(self.symbol, self._count)
        told, self._told = self._told, book
        # Changes further down have another update id, but nothing to say here.
        if told is not None and told[1:] == book[1:]:
            return ()
        update_id, bids, asks = book
        return [{"lastUpdateId": update_id, "bids": level_texts(bids), "asks": level_texts(asks)}]


class _Changing(Channel):
    """Says what it has to say when that has changed but for the time."""

    def __init__(self, data: SymbolData, render: Callable[[SymbolData, int], Mapping[str, Any] | None]) -> None:
        super().__init__(data.symbol, SECOND)
        self._data, self._render = data, render
        self._told: Mapping[str, Any] | None = None

    def pulse(self, now: int) -> Iterable[Payload]:
        payload = self._render(self._data, now)
        if payload is None:
            return ()
        said = _without_times(payload)
        if said == self._told:
            return ()
        self._told = said
        return [payload]


class _AllChanging(Channel):
    """The same of every symbol that has changed, as an array."""

    def __init__(
        self, symbols: Sequence[SymbolData], render: Callable[[SymbolData, int], Mapping[str, Any] | None]
    ) -> None:
        super().__init__(None, SECOND)
        self._parts = [_Changing(data, render) for data in symbols]

    def pulse(self, now: int) -> Iterable[Payload]:
        entries = [cast("Mapping[str, Any]", payload) for part in self._parts for payload in part.pulse(now)]
        return [entries] if entries else ()


def _without_times(payload: Mapping[str, Any]) -> dict[str, Any]:
    times = _PASSING.get(payload["e"], _WINDOW_TIMES)
    return {name: value for name, value in payload.items() if name not in times}


# What changes with the time alone, and is no news.
_WINDOW_TIMES: Final = frozenset("EOC")
_PASSING: Final[Mapping[str, frozenset[str]]] = {
    "24hrMiniTicker": frozenset("E"),
    "avgPrice": frozenset("E"),
    "referencePrice": frozenset("t"),
}


def _traded(render: Callable[[SymbolData, int], Mapping[str, Any]]) -> Callable[[SymbolData, int], Any]:
    """Return *render* for symbols that were traded at all; there is nothing to say of others."""
    return lambda data, now: None if data.last_trade is None else render(data, now)


def _window(name: str) -> Callable[[SymbolData, int], Any]:
    return _traded(lambda data, now: stream_of_window(data, now, name, WINDOWS[name]))


def _average(data: SymbolData, now: int) -> Mapping[str, Any]:
    return {
        "e": "avgPrice",
        "E": now,
        "s": data.symbol,
        "i": f"{AVERAGE_MINUTES}m",
        "w": text(data.average_price(now)),
        "T": 0 if data.last_trade is None else data.last_trade.time,
    }


def _reference(data: SymbolData, now: int) -> Mapping[str, Any] | None:
    reference = data.reference_price(now)
    if reference is None:
        return None
    price, time = reference
    return {"e": "referencePrice", "s": data.symbol, "r": None if price is None else text(price), "t": time}


WINDOWS: Final[Mapping[str, int]] = {"1h": HOUR, "4h": 4 * HOUR, "1d": DAY}
_UTC8: Final = 8 * HOUR
_INTERVAL: Final = "(" + "|".join(INTERVALS) + ")"
_WINDOW: Final = "(" + "|".join(WINDOWS) + ")"


@attrs.frozen
class _Place:
    """What streams are made of."""

    markets: MarketData
    book: Callable[[str, int], Book]
    now: int


# What may follow the symbol and its "@", and what that makes; *arg* is the pattern's group, "" where it has none.
_OF_A_SYMBOL: Final[Sequence[tuple[str, Callable[[_Place, SymbolData, str], Channel]]]] = (
    ("trade", lambda place, data, arg: _Trades(data)),
    ("aggTrade", lambda place, data, arg: _AggregateTrades(data)),
    ("blockTrade", lambda place, data, arg: _BlockTrades(data)),
    ("bookTicker", lambda place, data, arg: _BookTicker(data)),
    ("depth(?:@1000ms)?", lambda place, data, arg: _DepthChanges(data, SECOND)),
    ("depth@100ms", lambda place, data, arg: _DepthChanges(data, TENTH)),
    ("depth(5|10|20)(?:@1000ms)?", lambda place, data, arg: _Levels(data, SECOND, place.book, int(arg))),
    ("depth(5|10|20)@100ms", lambda place, data, arg: _Levels(data, TENTH, place.book, int(arg))),
    (f"kline_{_INTERVAL}", lambda place, data, arg: _Klines(data, place.now, arg, 0)),
    (rf"kline_{_INTERVAL}@\+08:00", lambda place, data, arg: _Klines(data, place.now, arg, _UTC8)),
    ("miniTicker", lambda place, data, arg: _Changing(data, _traded(mini_stream))),
    ("ticker", lambda place, data, arg: _Changing(data, _traded(ticker_stream))),
    (f"ticker_{_WINDOW}", lambda place, data, arg: _Changing(data, _window(arg))),
    ("avgPrice", lambda place, data, arg: _Changing(data, _traded(_average))),
    ("referencePrice", lambda place, data, arg: _Changing(data, _reference)),
)
_OF_ALL: Final[Sequence[tuple[str, Callable[[_Place, str], Channel]]]] = (
    ("!miniTicker@arr", lambda place, arg: _AllChanging(place.markets.all(), _traded(mini_stream))),
    (f"!ticker_{_WINDOW}@arr", lambda place, arg: _AllChanging(place.markets.all(), _window(arg))),
)


def make_channel(name: str, markets: MarketData, book: Callable[[str, int], Book], now: int) -> Channel | None:
    """
    Return the stream of that name, None where there is none. Names are case-sensitive, symbols in lower case.

    *book* gives the best levels of a symbol. Only within the data's ``current()``.
    """
    place = _Place(markets, book, now)
    if name.startswith("!"):
        of_all = _find(_OF_ALL, name)
        return None if of_all is None else of_all[0](place, of_all[1])
    symbol, _, rest = name.partition("@")
    data = markets.find(symbol.upper())
    if data is None or symbol != symbol.lower():
        return None
    of_one = _find(_OF_A_SYMBOL, rest)
    return None if of_one is None else of_one[0](place, data, of_one[1])


def _find(table: Sequence[tuple[str, Make]], text: str) -> tuple[Make, str] | None:
    """Return what a table has for *text*, and the argument in it."""
    for pattern, make in table:
        match = re.fullmatch(pattern, text)
        if match is not None:
            return make, match[1] if match.lastindex else ""
    return None
