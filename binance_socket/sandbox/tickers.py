"""
What tickers say, as the methods and the streams write it. Pure.

Source: the WebSocket API document, "24hr ticker price change statistics" and what follows it; the streams document.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .candles import DAY, INTERVALS, MINUTE, Kline
from .market_data import SymbolData
from .matching import Level
from .money import ZERO, text
from .windows import Statistics

__all__ = [
    "book_ticker",
    "day_ticker",
    "kline_row",
    "level_texts",
    "mini_stream",
    "rolling_ticker",
    "stream_of_kline",
    "stream_of_window",
    "ticker_stream",
    "trading_day_ticker",
]

_DAY: Final = INTERVALS["1d"]
_NOTHING: Final[Level] = (ZERO, ZERO)


def level_texts(levels: Iterable[Level]) -> list[list[str]]:
    """Return levels of a book as they are written."""
    return [[text(price), text(quantity)] for price, quantity in levels]


def kline_row(kline: Kline) -> list[Any]:
    """Return a row of ``klines``."""
    candle = kline.candle
    return [
        candle.open_time,
        text(candle.open),
        text(candle.high),
        text(candle.low),
        text(candle.close),
        text(candle.volume),
        kline.close_time,
        text(candle.quote_volume),
        candle.count,
        text(candle.taker_buy_volume),
        text(candle.taker_buy_quote_volume),
        "0",
    ]


def book_ticker(data: SymbolData) -> dict[str, Any]:
    """Return what ``ticker.book`` says."""
    bid, bid_quantity = data.bid or _NOTHING
    ask, ask_quantity = data.ask or _NOTHING
    return {
        "symbol": data.symbol,
        "bidPrice": text(bid),
        "bidQty": text(bid_quantity),
        "askPrice": text(ask),
        "askQty": text(ask_quantity),
    }


def day_ticker(data: SymbolData, now: int, *, mini: bool) -> dict[str, Any]:
    """Return what ``ticker.24hr`` says."""
    statistics = data.last_day(now)
    if mini:
        return _mini(data, statistics, now - DAY, now)
    return {
        "symbol": data.symbol,
        **_changes(statistics),
        "prevClosePrice": text(data.day.price_before),
        "lastPrice": text(statistics.last),
        "lastQty": text(data.last_quantity),
        **{name: value for name, value in book_ticker(data).items() if name != "symbol"},
        **_range(statistics),
        **_totals(statistics, now - DAY, now),
    }


def rolling_ticker(data: SymbolData, now: int, size: int, *, mini: bool) -> dict[str, Any]:
    """Return what ``ticker`` says of a window of *size* milliseconds, which opens with a minute."""
    opened = (now - size) // MINUTE * MINUTE
    return _ticker(data, Statistics.of(data.candles.total(opened)), opened, now, mini=mini)


def trading_day_ticker(data: SymbolData, now: int, offset: int, *, mini: bool) -> dict[str, Any]:
    """Return what ``ticker.tradingDay`` says, in a time zone that is *offset* milliseconds ahead of UTC."""
    opened = _DAY.open_time(now, offset)
    return _ticker(data, Statistics.of(data.candles.total(opened)), opened, opened + DAY - 1, mini=mini)


def _ticker(data: SymbolData, statistics: Statistics, opened: int, closes: int, *, mini: bool) -> dict[str, Any]:
    if mini:
        return _mini(data, statistics, opened, closes)
    return {
        "symbol": data.symbol,
        **_changes(statistics),
        **_range(statistics),
        "lastPrice": text(statistics.last),
        **_totals(statistics, opened, closes),
    }


def _mini(data: SymbolData, statistics: Statistics, opened: int, closes: int) -> dict[str, Any]:
    return {
        "symbol": data.symbol,
        **_range(statistics),
        "lastPrice": text(statistics.last),
        **_totals(statistics, opened, closes),
    }


def _changes(statistics: Statistics) -> dict[str, Any]:
    return {
        "priceChange": text(statistics.change),
        "priceChangePercent": percent(statistics),
        "weightedAvgPrice": text(statistics.average),
    }


def percent(statistics: Statistics) -> str:
    """Return the change in percent, as it is written."""
    return f"{statistics.change_percent:.3f}"


def _range(statistics: Statistics) -> dict[str, Any]:
    return {
        "openPrice": text(statistics.open),
        "highPrice": text(statistics.high),
        "lowPrice": text(statistics.low),
    }


def _totals(statistics: Statistics, opened: int, closes: int) -> dict[str, Any]:
    return {
        "volume": text(statistics.volume),
        "quoteVolume": text(statistics.quote_volume),
        "openTime": opened,
        "closeTime": closes,
        "firstId": statistics.first_id,
        "lastId": statistics.last_id,
        "count": statistics.count,
    }


# Streams.


def stream_of_kline(symbol: str, interval: str, kline: Kline, now: int) -> dict[str, Any]:
    """Return what a kline stream publishes."""
    candle = kline.candle
    return {
        "e": "kline",
        "E": now,
        "s": symbol,
        "k": {
            "t": candle.open_time,
            "T": kline.close_time,
            "s": symbol,
            "i": interval,
            "f": candle.first_id,
            "L": candle.last_id,
            "o": text(candle.open),
            "c": text(candle.close),
            "h": text(candle.high),
            "l": text(candle.low),
            "v": text(candle.volume),
            "n": candle.count,
            "x": kline.is_closed,
            "q": text(candle.quote_volume),
            "V": text(candle.taker_buy_volume),
            "Q": text(candle.taker_buy_quote_volume),
            "B": "0",
        },
    }


def mini_stream(data: SymbolData, now: int) -> dict[str, Any]:
    """Return what the mini ticker streams publish."""
    statistics = data.last_day(now)
    return {
        "e": "24hrMiniTicker",
        "E": now,
        "s": data.symbol,
        "c": text(statistics.last),
        "o": text(statistics.open),
        "h": text(statistics.high),
        "l": text(statistics.low),
        "v": text(statistics.volume),
        "q": text(statistics.quote_volume),
    }


def ticker_stream(data: SymbolData, now: int) -> dict[str, Any]:
    """Return what the ticker stream publishes."""
    statistics = data.last_day(now)
    bid, bid_quantity = data.bid or _NOTHING
    ask, ask_quantity = data.ask or _NOTHING
    return {
        "e": "24hrTicker",
        "E": now,
        "s": data.symbol,
        "p": text(statistics.change),
        "P": percent(statistics),
        "w": text(statistics.average),
        "x": text(data.day.price_before),
        "c": text(statistics.last),
        "Q": text(data.last_quantity),
        "b": text(bid),
        "B": text(bid_quantity),
        "a": text(ask),
        "A": text(ask_quantity),
        **_stream_range(statistics),
        **_stream_totals(statistics, now - DAY, now),
    }


def stream_of_window(data: SymbolData, now: int, name: str, size: int) -> dict[str, Any]:
    """Return what the streams of rolling windows publish."""
    opened = (now - size) // MINUTE * MINUTE
    statistics = Statistics.of(data.candles.total(opened))
    return {
        "e": f"{name}Ticker",
        "E": now,
        "s": data.symbol,
        "p": text(statistics.change),
        "P": percent(statistics),
        **_stream_range(statistics),
        "c": text(statistics.last),
        "w": text(statistics.average),
        **_stream_totals(statistics, opened, now),
    }


def _stream_range(statistics: Statistics) -> dict[str, Any]:
    return {"o": text(statistics.open), "h": text(statistics.high), "l": text(statistics.low)}


def _stream_totals(statistics: Statistics, opened: int, closes: int) -> dict[str, Any]:
    return {
        "v": text(statistics.volume),
        "q": text(statistics.quote_volume),
        "O": opened,
        "C": closes,
        "F": statistics.first_id,
        "L": statistics.last_id,
        "n": statistics.count,
    }
