"""
The market streams: what each publishes, and when. Pure: fed with news and pulses, they return payloads.

Source: the WebSocket streams document, "Detailed Stream information".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from .market_data import MarketData, SymbolData
from .money import text
from .news import News
from .orders import Side
from .trade_archive import AggregateTrade

__all__ = ["Channel", "make_channel"]

Payload = Mapping[str, Any] | Sequence[Mapping[str, Any]]

SECOND: Final = 1000
TENTH: Final = 100


class Channel:
    """
    One stream. Both methods are called in the order of what happened, with the time in milliseconds of the epoch.

    *symbol* is the one it is about, None for all of them, and *period* after how many milliseconds it looks whether it
    has something to say: 0 for one that speaks at once.
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


# What may follow the symbol and its "@", and what that makes. A group is an argument.
_OF_A_SYMBOL: Final[Sequence[tuple[re.Pattern[str], Callable[..., Channel]]]] = (
    (re.compile("trade"), _Trades),
    (re.compile("aggTrade"), _AggregateTrades),
    (re.compile("bookTicker"), _BookTicker),
    (re.compile("depth"), lambda data: _DepthChanges(data, SECOND)),
    (re.compile("depth@100ms"), lambda data: _DepthChanges(data, TENTH)),
)


def make_channel(name: str, markets: MarketData) -> Channel | None:
    """Return the stream of that name, None where there is none. Names are case-sensitive, symbols in lower case."""
    symbol, _, rest = name.partition("@")
    data = markets.find(symbol.upper())
    if data is None or symbol != symbol.lower():
        return None
    for pattern, make in _OF_A_SYMBOL:
        match = pattern.fullmatch(rest)
        if match is not None:
            return make(data, *match.groups())
    return None
