"""
The answers of the market data methods. Parameters are typed already; refusals are ``ExchangeError``.

Source: the WebSocket API document, "General requests" and "Market data requests".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from .candles import DAY, HOUR, INTERVALS, MINUTE
from .errors import ExchangeError
from .market_data import AVERAGE_MINUTES, SymbolData
from .money import ZERO, text
from .news import PublicTrade
from .parameters import check_symbol
from .tickers import book_ticker, day_ticker, kline_row, level_texts, rolling_ticker, trading_day_ticker
from .trade_archive import AggregateTrade
from .venue import Venue

__all__ = ["IN_MICROSECONDS", "MARKET_METHODS"]

Params = Mapping[str, Any]

_STATUSES: Final = ("TRADING", "HALT", "BREAK")
_MOST_SYMBOLS: Final = 200
_TIME_ZONE: Final = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-9]{2}))?\Z")
_WEST, _EAST = -12 * HOUR, 14 * HOUR
_WINDOW: Final = re.compile(r"([1-9][0-9]?)([mhd])\Z")
# The unit, and how many of them are too many for a window.
_WINDOW_UNITS: Final = {"m": (MINUTE, 60), "h": (HOUR, 24), "d": (DAY, 8)}
# Times may come in microseconds; the year 5138 does not.
_MICROSECONDS_FROM: Final = 10**14


# Parameters.


def _symbol(venue: Venue, params: Params) -> str:
    """Return the one symbol that is asked for, if it has the status that is asked for."""
    symbol = check_symbol(params["symbol"])
    venue.publisher.data.check(symbol)
    status = _status(params)
    # Everything here is always traded.
    if status not in (None, "TRADING"):
        raise ExchangeError(-1220, "The symbol's status does not match the requested symbolStatus.")
    return symbol


def _status(params: Params) -> str | None:
    status: str | None = params.get("symbolStatus")
    if status is not None and status not in _STATUSES:
        raise ExchangeError(-1122, "Invalid symbolStatus.")
    return status


def _symbols(venue: Venue, params: Params) -> list[str]:
    """Return the several symbols that are asked for, all of them where none is named."""
    names: list[str] | None = params.get("symbols")
    if names is None:
        names = [data.symbol for data in venue.publisher.data.all()]
    elif not names:
        raise ExchangeError.empty("symbols")
    elif len(names) > _MOST_SYMBOLS:
        raise ExchangeError(-1101, f"Too many parameters; expected '{_MOST_SYMBOLS}' and received '{len(names)}'.")
    for name in names:
        venue.publisher.data.check(check_symbol(name))
    if len(set(names)) < len(names):
        raise ExchangeError(-1151, "Symbol is present multiple times in the list.")
    return names if _status(params) in (None, "TRADING") else []


def _limit(params: Params, default: int, maximum: int) -> int:
    """Return how many entries are wanted: what is more than the maximum is the maximum."""
    limit: int = params.get("limit", default)
    if limit < 1:
        raise ExchangeError.bad_data("limit")
    return min(limit, maximum)


def _time(params: Params, name: str) -> int | None:
    """Return a time in milliseconds; it may have been sent in microseconds."""
    value: int | None = params.get(name)
    return value // 1000 if value is not None and value >= _MICROSECONDS_FROM else value


def _offset(params: Params) -> int:
    """Return what the time zone is ahead of UTC, in milliseconds."""
    match = _TIME_ZONE.match(params.get("timeZone", "0"))
    if match is None or int(match[3] or 0) > 59:
        raise ExchangeError.bad_data("timeZone")
    offset = int(match[2]) * HOUR + int(match[3] or 0) * MINUTE
    offset = -offset if match[1] == "-" else offset
    if not _WEST <= offset <= _EAST:
        raise ExchangeError.bad_data("timeZone")
    return offset


def _is_mini(params: Params) -> bool:
    kind = params.get("type", "FULL")
    if kind not in ("FULL", "MINI"):
        raise ExchangeError(-1139, "Invalid ticker type.")
    return bool(kind == "MINI")


def _window(params: Params) -> int:
    match = _WINDOW.match(params.get("windowSize", "1d"))
    unit, too_many = _WINDOW_UNITS[match[2]] if match else (0, 0)
    if match is None or int(match[1]) >= too_many:
        raise ExchangeError.bad_data("windowSize")
    return int(match[1]) * unit


# Shapes.


def _tickers(
    render: Callable[[SymbolData, int, Params], dict[str, Any]], *, named: bool = False
) -> Callable[[Venue, Params], Any]:
    """Return a method that answers with an object for ``symbol``, else with a list; some want one *named*."""

    def answer(venue: Venue, params: Params) -> Any:
        if "symbol" in params and "symbols" in params:
            raise ExchangeError(-1128, "Combination of optional parameters invalid.")
        if named and "symbol" not in params and "symbols" not in params:
            raise ExchangeError.one_of("symbol", "symbols")
        names = [_symbol(venue, params)] if "symbol" in params else _symbols(venue, params)
        now = venue.wall.milliseconds()
        markets = venue.publisher.data
        with markets.current():
            tickers = [render(markets[name], now, params) for name in names]
        return tickers[0] if "symbol" in params else tickers

    return answer


def _of_symbol(render: Callable[[SymbolData, int, Params], Any]) -> Callable[[Venue, Params], Any]:
    """Return a method that answers about one symbol, from what is known of it now."""

    def answer(venue: Venue, params: Params) -> Any:
        symbol = _symbol(venue, params)
        markets = venue.publisher.data
        with markets.current():
            return render(markets[symbol], venue.wall.milliseconds(), params)

    return answer


# Answers.


def _execution_rules(venue: Venue, params: Params) -> dict[str, Any]:
    if len(params) > 1:
        raise ExchangeError(-1128, "Combination of optional parameters invalid.")
    names = [_symbol(venue, params)] if "symbol" in params else _symbols(venue, params)
    return {"symbolRules": [{"symbol": name, "rules": venue.exchange.execution_rules(name)} for name in names]}


def _depth(venue: Venue, params: Params) -> dict[str, Any]:
    update_id, bids, asks = venue.exchange.levels(_symbol(venue, params), _limit(params, 100, 5000))
    return {"lastUpdateId": update_id, "bids": level_texts(bids), "asks": level_texts(asks)}


def _block_trade(trade: PublicTrade) -> dict[str, Any]:
    return {
        "id": trade.id,
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "quoteQty": text(trade.price * trade.quantity),
        "time": trade.time,
        "isBuyerMaker": trade.buyer_is_maker,
    }


def _trade(trade: PublicTrade) -> dict[str, Any]:
    return {**_block_trade(trade), "isBestMatch": True}


def _recent_trades(data: SymbolData, now: int, params: Params) -> list[dict[str, Any]]:
    return [_trade(trade) for trade in data.archive.trades.latest(_limit(params, 500, 1000))]


def _historical_trades(data: SymbolData, now: int, params: Params) -> list[dict[str, Any]]:
    if "fromId" not in params:
        return _recent_trades(data, now, params)
    return [_trade(trade) for trade in data.archive.trades.since(params["fromId"], _limit(params, 500, 1000))]


def _historical_block_trades(data: SymbolData, now: int, params: Params) -> list[dict[str, Any]]:
    return [_block_trade(trade) for trade in data.block_trades.since(params["fromId"], _limit(params, 500, 1000))]


def _aggregate_trades(data: SymbolData, now: int, params: Params) -> list[dict[str, Any]]:
    limit = _limit(params, 500, 1000)
    start, end = _time(params, "startTime"), _time(params, "endTime")
    archive = data.archive.aggregates
    found: Sequence[AggregateTrade]
    if "fromId" in params:
        if start is not None or end is not None:
            raise ExchangeError(-1128, "Combination of optional parameters invalid.")
        found = archive.since(params["fromId"], limit)
    elif start is not None or end is not None:
        found = archive.between(
            start or 0, now if end is None else end, limit, lambda trade: trade.time, last=start is None
        )
    else:
        found = archive.latest(limit)
    return [
        {
            "a": trade.id,
            "p": text(trade.price),
            "q": text(trade.quantity),
            "f": trade.first_trade_id,
            "l": trade.last_trade_id,
            "T": trade.time,
            "m": trade.buyer_is_maker,
            "M": True,
        }
        for trade in found
    ]


def _klines(data: SymbolData, now: int, params: Params) -> list[list[Any]]:
    interval = INTERVALS.get(params["interval"])
    if interval is None:
        raise ExchangeError(-1120, "Invalid interval.")
    klines = data.candles.klines(
        interval,
        now,
        start=_time(params, "startTime"),
        end=_time(params, "endTime"),
        limit=_limit(params, 500, 1000),
        offset=_offset(params),
    )
    return [kline_row(kline) for kline in klines]


def _average_price(data: SymbolData, now: int, params: Params) -> dict[str, Any]:
    last = data.last_trade
    return {
        "mins": AVERAGE_MINUTES,
        "price": text(data.average_price(now)),
        "closeTime": 0 if last is None else last.time,
    }


def _price(data: SymbolData, now: int, params: Params) -> dict[str, Any]:
    last = data.last_trade
    return {"symbol": data.symbol, "price": text(ZERO if last is None else last.price)}


def _reference_price(data: SymbolData, now: int, params: Params) -> dict[str, Any]:
    reference = data.reference_price(now)
    if reference is None:
        raise _no_reference_price()
    price, time = reference
    return {"symbol": data.symbol, "referencePrice": None if price is None else text(price), "timestamp": time}


def _reference_calculation(data: SymbolData, now: int, params: Params) -> dict[str, Any]:
    if data.external_reference is not None:
        return {
            "symbol": data.symbol,
            "calculationType": "EXTERNAL",
            "externalCalculationId": data.external_reference.calculation_id,
        }
    mean = data.reference_mean
    if mean is None:
        raise _no_reference_price()
    return {
        "symbol": data.symbol,
        "calculationType": "ARITHMETIC_MEAN",
        "bucketCount": mean.count,
        "bucketWidthMs": mean.width,
    }


def _no_reference_price() -> ExchangeError:
    return ExchangeError(-2043, "This symbol doesn't have a reference price.")


def _day(data: SymbolData, now: int, params: Params) -> dict[str, Any]:
    return day_ticker(data, now, mini=_is_mini(params))


def _trading_day(data: SymbolData, now: int, params: Params) -> dict[str, Any]:
    return trading_day_ticker(data, now, _offset(params), mini=_is_mini(params))


def _rolling(data: SymbolData, now: int, params: Params) -> dict[str, Any]:
    return rolling_ticker(data, now, _window(params), mini=_is_mini(params))


MARKET_METHODS: Final[Mapping[str, Callable[[Venue, Params], Any]]] = {
    "executionRules": _execution_rules,
    "depth": _depth,
    "trades.recent": _of_symbol(_recent_trades),
    "trades.historical": _of_symbol(_historical_trades),
    "blockTrades.historical": _of_symbol(_historical_block_trades),
    "trades.aggregate": _of_symbol(_aggregate_trades),
    "klines": _of_symbol(_klines),
    # Those of the exchange are smoothed for charts; these have nothing to smooth.
    "uiKlines": _of_symbol(_klines),
    "avgPrice": _of_symbol(_average_price),
    "ticker.24hr": _tickers(_day),
    "ticker.tradingDay": _tickers(_trading_day, named=True),
    "ticker": _tickers(_rolling, named=True),
    "ticker.price": _tickers(_price),
    "ticker.book": _tickers(lambda data, now, params: book_ticker(data)),
    "referencePrice": _of_symbol(_reference_price),
    "referencePrice.calculation": _of_symbol(_reference_calculation),
}
"""What a method answers, by its name."""


def _end(time: int) -> int:
    """Return the last microsecond of what ends with the millisecond *time*."""
    return time * 1000 + 999


def _klines_in_microseconds(rows: list[list[Any]]) -> list[list[Any]]:
    return [[row[0] * 1000, *row[1:6], _end(row[6]), *row[7:]] for row in rows]


def _trading_days_in_microseconds(result: Any) -> Any:
    if isinstance(result, list):
        return [_trading_days_in_microseconds(entry) for entry in cast("list[dict[str, Any]]", result)]
    return {**result, "openTime": result["openTime"] * 1000, "closeTime": _end(result["closeTime"])}


IN_MICROSECONDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "klines": _klines_in_microseconds,
    "uiKlines": _klines_in_microseconds,
    "ticker.tradingDay": _trading_days_in_microseconds,
    "trades.aggregate": lambda trades: [{**trade, "T": trade["T"] * 1000} for trade in trades],
}
"""How to write times in microseconds where their names do not say that they are some."""
