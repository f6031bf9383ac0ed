"""What the market does, as it happens: trades, candlesticks, tickers, order books. Needs no credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from .._session.topics import MarketTopic
from ..errors import InvalidRequest
from ..events import CancellationToken, DataEvent, UpdateSubscription
from ..models.market_events import (
    AggregateTradeUpdate,
    AveragePriceUpdate,
    BlockTradeUpdate,
    BookTickerUpdate,
    DepthUpdate,
    KlineUpdate,
    MarketEvent,
    MiniTickerUpdate,
    PartialBookUpdate,
    ReferencePriceUpdate,
    RollingWindowTickerUpdate,
    TickerUpdate,
    TradeUpdate,
)
from ..options import FlowPolicy
from .endpoint import Room
from .market_dispatcher import MarketDispatcher
from .stream_names import (
    KLINE_INTERVALS,
    LEVELS,
    TIME_ZONES,
    UPDATE_INTERVALS,
    WINDOWS,
    checked,
    streams_of,
)

__all__ = ["MarketStreams"]

E = TypeVar("E", bound=MarketEvent)
Symbols = str | Iterable[str]
Handler = Callable[[DataEvent[E]], object]


class MarketStreams(Room):
    """
    The streams of the market.

    Each ``subscribe_to_...`` returns once the exchange has agreed, and gives one subscription for all of its symbols.
    Symbols are one name or several; they are subscribed to in the order given, on as few connections as will do. Two
    subscriptions to the same stream share it.

    *handler* is called with each event, on the client's executor, one at a time and in the order of arrival; it may
    call the client, and close it. What it raises goes to the subscription's ``on_exception``. *policy* says what
    becomes of events while it is too slow for them. Through a lost connection the subscription lives on: see
    ``on_connection_lost`` and ``on_connection_restored``. What was sent meanwhile is not made up for. *ct* closes it.

    All of them raise InvalidRequest or TypeError for what no stream is called, before anything is sent; ApiError,
    RequestTimeout, ConnectionLost. Source: the document on market streams, whose names the methods' docstrings give.
    """

    def subscribe_to_aggregated_trade_updates(
        self,
        symbols: Symbols,
        handler: Handler[AggregateTradeUpdate],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """Hear trades, those of one taker order at one price as one, as they happen. Source: Aggregate Trade."""
        return self._hear(streams_of(symbols, "@aggTrade"), AggregateTradeUpdate, handler, policy, ct)

    def subscribe_to_trade_updates(
        self,
        symbols: Symbols,
        handler: Handler[TradeUpdate],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """Hear every trade as it happens. Source: Trade Streams."""
        return self._hear(streams_of(symbols, "@trade"), TradeUpdate, handler, policy, ct)

    def subscribe_to_block_trade_updates(
        self,
        symbols: Symbols,
        handler: Handler[BlockTradeUpdate],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """Hear trades that were agreed on outside of the book, as they happen. Source: Block Trade Streams."""
        return self._hear(streams_of(symbols, "@blockTrade"), BlockTradeUpdate, handler, policy, ct)

    def subscribe_to_kline_updates(
        self,
        symbols: Symbols,
        interval: str,
        handler: Handler[KlineUpdate],
        *,
        time_zone: str | None = None,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """
        Hear how candlesticks change, every 2 seconds (those of ``1s``: every second).

        *interval* is ``1s``, ``1m``, ``3m``, ``5m``, ``15m``, ``30m``, ``1h``, ``2h``, ``4h``, ``6h``, ``8h``,
        ``12h``, ``1d``, ``3d``, ``1w`` or ``1M``. Intervals begin in UTC, or in the *time_zone* ``+08:00``, the only
        one that the exchange offers. Source: Kline/Candlestick Streams.
        """
        suffix = f"@kline_{checked('interval', interval, KLINE_INTERVALS)}"
        if time_zone is not None:
            suffix += f"@{checked('time_zone', time_zone, TIME_ZONES)}"
        return self._hear(streams_of(symbols, suffix), KlineUpdate, handler, policy, ct)

    def subscribe_to_mini_ticker_updates(
        self,
        symbols: Symbols,
        handler: Handler[MiniTickerUpdate],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """Hear each second what the last 24 hours were, in short. Source: Individual Symbol Mini Ticker."""
        return self._hear(streams_of(symbols, "@miniTicker"), MiniTickerUpdate, handler, policy, ct)

    def subscribe_to_all_mini_ticker_updates(
        self,
        handler: Callable[[DataEvent[list[MiniTickerUpdate]]], object],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """
        Hear each second the last 24 hours of all symbols that have changed, as one list.

        Think twice before LATEST_ONLY: a later list is of other symbols. Source: All Market Mini Tickers Stream.
        """
        return self._hear_all("!miniTicker@arr", MiniTickerUpdate, handler, policy, ct)

    def subscribe_to_ticker_updates(
        self,
        symbols: Symbols,
        handler: Handler[TickerUpdate],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """Hear each second what the last 24 hours were. Source: Individual Symbol Ticker Streams."""
        return self._hear(streams_of(symbols, "@ticker"), TickerUpdate, handler, policy, ct)

    def subscribe_to_rolling_window_ticker_updates(
        self,
        symbols: Symbols,
        window: str,
        handler: Handler[RollingWindowTickerUpdate],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """
        Hear each second what the last *window* was: ``1h``, ``4h`` or ``1d``.

        Source: Individual Symbol Rolling Window Statistics Streams.
        """
        suffix = f"@ticker_{checked('window', window, WINDOWS)}"
        return self._hear(streams_of(symbols, suffix), RollingWindowTickerUpdate, handler, policy, ct)

    def subscribe_to_all_rolling_window_ticker_updates(
        self,
        window: str,
        handler: Callable[[DataEvent[list[RollingWindowTickerUpdate]]], object],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """
        Hear each second the last *window* (``1h``, ``4h``, ``1d``) of all symbols that have changed, as one list.

        Think twice before LATEST_ONLY: a later list is of other symbols. Source: All Market Rolling Window Statistics.
        """
        stream = f"!ticker_{checked('window', window, WINDOWS)}@arr"
        return self._hear_all(stream, RollingWindowTickerUpdate, handler, policy, ct)

    def subscribe_to_book_ticker_updates(
        self,
        symbols: Symbols,
        handler: Handler[BookTickerUpdate],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """Hear each change of the best bid and ask as it happens. Source: Individual Symbol Book Ticker Streams."""
        return self._hear(streams_of(symbols, "@bookTicker"), BookTickerUpdate, handler, policy, ct)

    def subscribe_to_average_price_updates(
        self,
        symbols: Symbols,
        handler: Handler[AveragePriceUpdate],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """Hear each second what the average price of the last minutes is. Source: Average Price."""
        return self._hear(streams_of(symbols, "@avgPrice"), AveragePriceUpdate, handler, policy, ct)

    def subscribe_to_partial_order_book_updates(
        self,
        symbols: Symbols,
        levels: int,
        handler: Handler[PartialBookUpdate],
        *,
        update_interval: int = 1000,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """
        Hear the best *levels* (5, 10 or 20) of the book, every *update_interval* milliseconds (1000 or 100).

        The exchange does not say of which symbol an event is; its ``symbol`` is yours. Source: Partial Book Depth.
        """
        suffix = f"@depth{checked('levels', levels, LEVELS)}" + _speed(update_interval)
        return self._hear(streams_of(symbols, suffix), PartialBookUpdate, handler, policy, ct)

    def subscribe_to_order_book_updates(
        self,
        symbols: Symbols,
        handler: Handler[DepthUpdate],
        *,
        update_interval: int = 1000,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """
        Hear which levels of the book have changed, every *update_interval* milliseconds (1000 or 100).

        To keep a book from these, no event may be missing: watch the update ids. Source: Diff. Depth Stream.
        """
        suffix = "@depth" + _speed(update_interval)
        return self._hear(streams_of(symbols, suffix), DepthUpdate, handler, policy, ct)

    def subscribe_to_reference_price_updates(
        self,
        symbols: Symbols,
        handler: Handler[ReferencePriceUpdate],
        *,
        policy: FlowPolicy = FlowPolicy.DROP_OLDEST,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """Hear each second what the reference price is. Source: Reference Price Streams."""
        return self._hear(streams_of(symbols, "@referencePrice"), ReferencePriceUpdate, handler, policy, ct)

    def _hear(
        self,
        streams: dict[str, str],
        kind: type[E],
        handler: Handler[E],
        policy: FlowPolicy,
        ct: CancellationToken | None,
    ) -> UpdateSubscription:
        dispatch = MarketDispatcher(
            kind, handler, symbols=streams if kind is PartialBookUpdate else {}, keep_raw=self._caller.options.keep_raw
        )
        return self._subscribe(list(streams), dispatch, policy, ct)

    def _hear_all(
        self,
        stream: str,
        kind: type[E],
        handler: Callable[[DataEvent[list[E]]], object],
        policy: FlowPolicy,
        ct: CancellationToken | None,
    ) -> UpdateSubscription:
        dispatch = MarketDispatcher(list[kind], handler, symbols={}, keep_raw=self._caller.options.keep_raw)  # type: ignore[valid-type]
        return self._subscribe([stream], dispatch, policy, ct)

    def _subscribe(
        self, streams: list[str], dispatch: MarketDispatcher, policy: FlowPolicy, ct: CancellationToken | None
    ) -> UpdateSubscription:
        if not isinstance(policy, FlowPolicy):  # pyright: ignore[reportUnnecessaryIsInstance]  # not everybody checks types
            raise InvalidRequest(f"policy is a FlowPolicy, for example FlowPolicy.LATEST_ONLY, not {policy!r}")
        topics = [MarketTopic(stream) for stream in streams]
        return self._caller.subscribe(topics, dispatch, policy=policy, ct=ct)


def _speed(update_interval: int) -> str:
    return UPDATE_INTERVALS[checked("update_interval", update_interval, UPDATE_INTERVALS)]
