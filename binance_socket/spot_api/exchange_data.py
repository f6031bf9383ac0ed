"""The exchange's data: what is traded by which rules, and what the market does. Needs no credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from .._session.local_book import LocalBook
from ..errors import DecodeError, InvalidRequest
from ..events import CancellationToken
from ..models.enums import KlineInterval, Permission, SymbolStatus
from ..models.exchange_info import ExchangeInfo, ExecutionRules, ServerTime
from ..models.market_data import (
    AggregateTrade,
    AveragePrice,
    BlockTrade,
    BookTicker,
    Kline,
    MiniTicker,
    PriceTicker,
    ReferencePrice,
    ReferencePriceCalculation,
    Ticker,
    Ticker24h,
    Trade,
)
from ..models.order_book import OrderBookSnapshot
from ..options import FlowPolicy
from .arguments import checked, symbol_name
from .endpoint import endpoint
from .local_order_book import LocalOrderBook
from .market_streams import MarketStreams
from .market_weights import (
    by_depth,
    by_symbol_or_all,
    by_symbols_of_day,
    by_window_symbols,
    of_execution_rules,
)
from .stream_names import UPDATE_INTERVALS
from .stream_names import checked as one_of
from .symbol_rules import SymbolRules

__all__ = ["ExchangeData"]


def _one_or_several(arguments: dict[str, Any]) -> Mapping[str, Any]:
    """Send one name by itself as ``symbol``, which may cost less than a list of one."""
    if isinstance(arguments.get("symbols"), str):
        arguments["symbol"] = arguments.pop("symbols")
    return checked(arguments)


def _exchange_info(arguments: dict[str, Any]) -> Mapping[str, Any]:
    if arguments.get("symbols") is not None and arguments.get("symbol_status") is not None:
        raise InvalidRequest("symbols and symbol_status cannot be combined")
    return _one_or_several(arguments)


def _mini(arguments: dict[str, Any]) -> Mapping[str, Any]:
    return {**checked(arguments), "type": "MINI"}


class ExchangeData(MarketStreams):
    """
    The exchange's data. Nothing in here needs credentials.

    Symbols are written as the exchange does, ``"BTCUSDT"``. Times are datetimes with a time zone, or milliseconds since
    1970; enumerations are members or their names. *symbol_status* asks only for symbols of that status: of several, the
    others are left out; for a single one, the exchange answers with ApiError -1220.

    Every method raises InvalidRequest before anything is sent for what the exchange would not understand, ApiError and
    its kinds, RequestTimeout and ConnectionLost.
    """

    @endpoint("ping")
    def ping(self) -> None:
        """Make the exchange answer, and nothing else. Source: General requests, ``ping``."""
        ...

    @endpoint("time", wire=ServerTime, finish=lambda time, _: time.server_time)
    def get_server_time(self) -> datetime:
        """Return what the exchange's clock says. Source: General requests, ``time``."""
        ...

    @endpoint("exchangeInfo", weight=20, prepare=_exchange_info)
    def get_exchange_info(
        self,
        symbols: str | Sequence[str] | None = None,
        *,
        permissions: Permission | str | Sequence[Permission | str] | None = None,
        show_permission_sets: bool | None = None,
        symbol_status: SymbolStatus | str | None = None,
    ) -> ExchangeInfo:
        """
        Return the exchange's limits and its symbols, with their filters: those in *symbols*, or all of them.

        *permissions* narrows them to what can be traded with any of these. *show_permission_sets* False leaves the
        symbols' ``permission_sets`` empty. All symbols are several megabytes: :meth:`symbol` asks for
        one, and keeps it.

        *symbol_status* cannot be combined with *symbols*. Source: General requests, ``exchangeInfo``.
        """
        ...

    @endpoint("executionRules", weight=of_execution_rules, prepare=_one_or_several)
    def get_execution_rules(
        self, symbols: str | Sequence[str] | None = None, *, symbol_status: SymbolStatus | str | None = None
    ) -> ExecutionRules:
        """
        Return what may keep orders from executing, for *symbols*, or for all.

        Source: General requests, ``executionRules``.
        """
        ...

    @endpoint("depth", weight=by_depth, prepare=checked)
    def get_order_book(
        self, symbol: str, limit: int | None = None, *, symbol_status: SymbolStatus | str | None = None
    ) -> OrderBookSnapshot:
        """
        Return the best *limit* levels of each side of an order book: 100 by default, 5000 at most.

        The deeper, the more it weighs: 5, 25, 50 or 250, for up to 100, 500, 1000 and 5000 levels. Source: Market data
        requests, ``depth``.
        """
        ...

    @endpoint("trades.recent", weight=25, prepare=checked)
    def get_recent_trades(self, symbol: str, limit: int | None = None) -> list[Trade]:
        """
        Return the last *limit* trades, the oldest first: 500 by default, 1000 at most.

        Source: Market data requests, ``trades.recent``.
        """
        ...

    @endpoint("trades.historical", weight=25, prepare=checked)
    def get_trade_history(self, symbol: str, limit: int | None = None, from_id: int | None = None) -> list[Trade]:
        """
        Return *limit* trades from *from_id* on, the oldest first: 500 by default, 1000 at most.

        Without *from_id*, the last ones. Source: Market data requests, ``trades.historical``.
        """
        ...

    @endpoint("blockTrades.historical", weight=25, prepare=checked)
    def get_block_trades(self, symbol: str, from_id: int, limit: int | None = None) -> list[BlockTrade]:
        """
        Return *limit* block trades from *from_id* on, the oldest first: 500 by default, 1000 at most.

        Source: Market data requests, ``blockTrades.historical``.
        """
        ...

    @endpoint("trades.aggregate", weight=4, prepare=checked)
    def get_aggregated_trade_history(
        self,
        symbol: str,
        *,
        from_id: int | None = None,
        start_time: datetime | int | None = None,
        end_time: datetime | int | None = None,
        limit: int | None = None,
    ) -> list[AggregateTrade]:
        """
        Return *limit* aggregate trades, the oldest first: 500 by default, 1000 at most.

        They begin at *from_id* or *start_time*, both included, and end at *end_time*; without any of them they are the
        last ones. Source: Market data requests, ``trades.aggregate``.
        """
        ...

    @endpoint("klines", weight=2, prepare=checked)
    def get_klines(
        self,
        symbol: str,
        interval: KlineInterval | str,
        *,
        start_time: datetime | int | None = None,
        end_time: datetime | int | None = None,
        time_zone: str | None = None,
        limit: int | None = None,
    ) -> list[Kline]:
        """
        Return *limit* klines of an *interval*, the oldest first: 500 by default, 1000 at most.

        *interval* is a KlineInterval or what the exchange calls it, ``"1m"`` for a minute, ``"1M"`` for a month. Days,
        weeks and months begin in *time_zone*, hours from UTC such as ``"-1:00"`` or ``"8"``; *start_time* and
        *end_time* are in UTC all the same. Without them, the last klines are returned, of which the very last is not
        over yet. Source: Market data requests, ``klines``.
        """
        ...

    @endpoint("uiKlines", weight=2, prepare=checked)
    def get_ui_klines(
        self,
        symbol: str,
        interval: KlineInterval | str,
        *,
        start_time: datetime | int | None = None,
        end_time: datetime | int | None = None,
        time_zone: str | None = None,
        limit: int | None = None,
    ) -> list[Kline]:
        """
        Return klines as :meth:`get_klines` does, but made for being looked at.

        The exchange says no more of the difference. Source: Market data requests, ``uiKlines``.
        """
        ...

    @endpoint("avgPrice", weight=2, prepare=checked)
    def get_current_average_price(self, symbol: str) -> AveragePrice:
        """
        Return the volume weighted average price of the last minutes.

        Source: Market data requests, ``avgPrice``.
        """
        ...

    @endpoint("ticker.24hr", weight=by_symbols_of_day, prepare=checked)
    def get_ticker(self, symbol: str, *, symbol_status: SymbolStatus | str | None = None) -> Ticker24h:
        """
        Return what a symbol's price did within the last 24 hours.

        Source: Market data requests, ``ticker.24hr``.
        """
        ...

    @endpoint("ticker.24hr", weight=by_symbols_of_day, prepare=checked)
    def get_tickers(
        self, symbols: Sequence[str] | None = None, *, symbol_status: SymbolStatus | str | None = None
    ) -> list[Ticker24h]:
        """
        Return what the prices of *symbols*, or of all did within the last 24 hours.

        Source: Market data requests, ``ticker.24hr``.
        """
        ...

    @endpoint("ticker.24hr", weight=by_symbols_of_day, prepare=_mini)
    def get_mini_ticker(self, symbol: str, *, symbol_status: SymbolStatus | str | None = None) -> MiniTicker:
        """
        Return what a symbol's price did within the last 24 hours, in brief.

        Source: Market data requests, ``ticker.24hr``.
        """
        ...

    @endpoint("ticker.24hr", weight=by_symbols_of_day, prepare=_mini)
    def get_mini_tickers(
        self, symbols: Sequence[str] | None = None, *, symbol_status: SymbolStatus | str | None = None
    ) -> list[MiniTicker]:
        """
        Return what the prices of *symbols*, or of all did within the last 24 hours, in brief.

        Source: Market data requests, ``ticker.24hr``.
        """
        ...

    @endpoint("ticker.tradingDay", weight=by_window_symbols, prepare=checked)
    def get_trading_day_ticker(
        self, symbol: str, *, time_zone: str | None = None, symbol_status: SymbolStatus | str | None = None
    ) -> Ticker:
        """
        Return what a symbol's price did on the present day of *time_zone*, UTC by default.

        Source: Market data requests, ``ticker.tradingDay``.
        """
        ...

    @endpoint("ticker.tradingDay", weight=by_window_symbols, prepare=checked)
    def get_trading_day_tickers(
        self, symbols: Sequence[str], *, time_zone: str | None = None, symbol_status: SymbolStatus | str | None = None
    ) -> list[Ticker]:
        """
        Return what the prices of several symbols did on the present day of *time_zone*, UTC by default.

        Source: Market data requests, ``ticker.tradingDay``.
        """
        ...

    @endpoint("ticker.tradingDay", weight=by_window_symbols, prepare=_mini)
    def get_trading_day_mini_ticker(
        self, symbol: str, *, time_zone: str | None = None, symbol_status: SymbolStatus | str | None = None
    ) -> MiniTicker:
        """
        Return what a symbol's price did on the present day of *time_zone*, UTC by default, in brief.

        Source: Market data requests, ``ticker.tradingDay``.
        """
        ...

    @endpoint("ticker.tradingDay", weight=by_window_symbols, prepare=_mini)
    def get_trading_day_mini_tickers(
        self, symbols: Sequence[str], *, time_zone: str | None = None, symbol_status: SymbolStatus | str | None = None
    ) -> list[MiniTicker]:
        """
        Return what the prices of several symbols did on the present day of *time_zone*, UTC by default, in brief.

        Source: Market data requests, ``ticker.tradingDay``.
        """
        ...

    @endpoint("ticker", weight=by_window_symbols, prepare=checked)
    def get_rolling_window_ticker(
        self, symbol: str, *, window_size: str | None = None, symbol_status: SymbolStatus | str | None = None
    ) -> Ticker:
        """
        Return what a symbol's price did within the last *window_size*, ``"1d"`` by default.

        Source: Market data requests, ``ticker``.
        """
        ...

    @endpoint("ticker", weight=by_window_symbols, prepare=checked)
    def get_rolling_window_tickers(
        self, symbols: Sequence[str], *, window_size: str | None = None, symbol_status: SymbolStatus | str | None = None
    ) -> list[Ticker]:
        """
        Return what the prices of several symbols did within the last *window_size*, ``"1d"`` by default.

        Source: Market data requests, ``ticker``.
        """
        ...

    @endpoint("ticker", weight=by_window_symbols, prepare=_mini)
    def get_rolling_window_mini_ticker(
        self, symbol: str, *, window_size: str | None = None, symbol_status: SymbolStatus | str | None = None
    ) -> MiniTicker:
        """
        Return what a symbol's price did within the last *window_size*, ``"1d"`` by default, in brief.

        Source: Market data requests, ``ticker``.
        """
        ...

    @endpoint("ticker", weight=by_window_symbols, prepare=_mini)
    def get_rolling_window_mini_tickers(
        self, symbols: Sequence[str], *, window_size: str | None = None, symbol_status: SymbolStatus | str | None = None
    ) -> list[MiniTicker]:
        """
        Return what the prices of several symbols did within the last *window_size*, ``"1d"`` by default, in brief.

        Source: Market data requests, ``ticker``.
        """
        ...

    @endpoint("ticker.price", weight=by_symbol_or_all, prepare=checked)
    def get_price(self, symbol: str, *, symbol_status: SymbolStatus | str | None = None) -> PriceTicker:
        """
        Return a symbol's last price.

        Source: Market data requests, ``ticker.price``.
        """
        ...

    @endpoint("ticker.price", weight=by_symbol_or_all, prepare=checked)
    def get_prices(
        self, symbols: Sequence[str] | None = None, *, symbol_status: SymbolStatus | str | None = None
    ) -> list[PriceTicker]:
        """
        Return the last price of *symbols*, or of all.

        Source: Market data requests, ``ticker.price``.
        """
        ...

    @endpoint("ticker.book", weight=by_symbol_or_all, prepare=checked)
    def get_book_price(self, symbol: str, *, symbol_status: SymbolStatus | str | None = None) -> BookTicker:
        """
        Return a symbol's best prices.

        Source: Market data requests, ``ticker.book``.
        """
        ...

    @endpoint("ticker.book", weight=by_symbol_or_all, prepare=checked)
    def get_book_prices(
        self, symbols: Sequence[str] | None = None, *, symbol_status: SymbolStatus | str | None = None
    ) -> list[BookTicker]:
        """
        Return the best prices of *symbols*, or of all.

        Source: Market data requests, ``ticker.book``.
        """
        ...

    @endpoint("referencePrice", weight=2, prepare=checked)
    def get_reference_price(self, symbol: str) -> ReferencePrice:
        """
        Return what the exchange holds a symbol to be worth, which may be unknown at present.

        Raises ApiError -2043 for a symbol that never has a reference price. Source: Market data requests,
        ``referencePrice``.
        """
        ...

    @endpoint("referencePrice.calculation", weight=2, prepare=checked)
    def get_reference_price_calculation(
        self, symbol: str, *, symbol_status: SymbolStatus | str | None = None
    ) -> ReferencePriceCalculation:
        """
        Return how a symbol's reference price is found.

        Raises ApiError -2043 for a symbol without one. Source: Market data requests, ``referencePrice.calculation``.
        """
        ...

    def local_order_book(
        self,
        symbol: str,
        *,
        depth: int = 5000,
        update_interval: int = 1000,
        on_change: Callable[[LocalOrderBook], object] | None = None,
        ct: CancellationToken | None = None,
    ) -> LocalOrderBook:
        """
        Return *symbol*'s order book, kept up to date until it is closed.

        It returns once the exchange has agreed to send the changes, every *update_interval* milliseconds (1000 or 100);
        ``wait_until_synchronised()`` waits for the book. *depth* is how many levels of each side a snapshot has, 100 to
        5000: up to 100 it weighs 5, up to 500 25, up to 1000 50, above 250. Of a deeper book the rest is not known, and
        not shown. *on_change* is called with the book after it has changed; see
        :meth:`binance_socket.LocalOrderBook.on_change`. *ct* closes it.

        Raises InvalidRequest, ApiError, RequestTimeout, ConnectionLost. Source: "How to manage a local order book
        correctly".
        """
        symbol_name("symbol", symbol)
        if type(depth) is not int or not 100 <= depth <= 5000:
            raise InvalidRequest(f"depth is a whole number from 100 to 5000, not {depth!r}")
        surroundings = self._caller.surroundings
        # A market in which nothing has changed for two intervals is silent.
        patience = 2 * int(one_of("update_interval", update_interval, UPDATE_INTERVALS)) / 1000
        return LocalOrderBook(
            symbol,
            LocalBook(depth=depth, patience=patience, backoff=surroundings.backoff()),
            surroundings,
            lambda handler: self.subscribe_to_order_book_updates(
                symbol, handler, update_interval=update_interval, policy=FlowPolicy.BLOCK, ct=ct
            ),
            lambda: self.get_order_book.submit(symbol, depth),
            on_change,
        )

    def symbol(self, symbol: str, *, refresh: bool = False) -> SymbolRules:
        """
        Return the rules of *symbol*, which round its prices and quantities and check its orders.

        The exchange is asked (``exchangeInfo``) when the client does not know them yet, when they are older than
        ``ClientOptions.symbol_rules_lifetime``, or with *refresh*; otherwise nothing is sent, and nothing blocks.
        Threads that want the same symbol at once share one request.

        Raises InvalidRequest, ApiError -1121 for an unknown symbol, RequestTimeout, ConnectionLost, DecodeError.
        """
        name = symbol_name("symbol", symbol)

        def load() -> SymbolRules:
            info = self.get_exchange_info(name).result
            found = info.symbol(name)
            if found is None:
                raise DecodeError(f"the answer to exchangeInfo does not describe {name}", info)
            return SymbolRules(found)

        return self._caller.symbols.get(name, load, refresh=refresh)
