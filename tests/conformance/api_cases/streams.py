"""The market streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from binance_socket.events import UpdateSubscription
from binance_socket.models import (
    AggregateTradeUpdate,
    AveragePriceUpdate,
    BlockTradeUpdate,
    BookTickerUpdate,
    DepthUpdate,
    KlineUpdate,
    MiniTickerUpdate,
    PartialBookUpdate,
    ReferencePriceUpdate,
    RollingWindowTickerUpdate,
    TickerUpdate,
    TradeUpdate,
)

__all__ = ["STREAMS", "StreamRow"]

Subscribe = Callable[[Any, Callable[[Any], object]], UpdateSubscription]
S = "BNBBTC"


@attrs.frozen
class StreamRow:
    """A market stream of the exchange's."""

    stream: str
    """Its name in the documents."""
    method: str
    """The method of ``exchange_data`` that subscribes to it."""
    model: Any
    """What its payload is read as."""
    calls: tuple[tuple[str, Subscribe], ...]
    """Names as they are sent, for every form that the documents name, and the calls that ask for them."""
    binance_net: str = ""
    """What Binance.Net calls the method; empty where it does not have it."""


STREAMS = [
    StreamRow(
        "<symbol>@referencePrice",
        "subscribe_to_reference_price_updates",
        ReferencePriceUpdate,
        (("bnbbtc@referencePrice", lambda data, on: data.subscribe_to_reference_price_updates(S, on)),),
        "SubscribeToReferencePriceUpdatesAsync",
    ),
    StreamRow(
        "<symbol>@aggTrade",
        "subscribe_to_aggregated_trade_updates",
        AggregateTradeUpdate,
        (("bnbbtc@aggTrade", lambda data, on: data.subscribe_to_aggregated_trade_updates(S, on)),),
        "SubscribeToAggregatedTradeUpdatesAsync",
    ),
    StreamRow(
        "<symbol>@trade",
        "subscribe_to_trade_updates",
        TradeUpdate,
        (("bnbbtc@trade", lambda data, on: data.subscribe_to_trade_updates(S, on)),),
        "SubscribeToTradeUpdatesAsync",
    ),
    StreamRow(
        "<symbol>@blockTrade",
        "subscribe_to_block_trade_updates",
        BlockTradeUpdate,
        (("bnbbtc@blockTrade", lambda data, on: data.subscribe_to_block_trade_updates(S, on)),),
    ),
    StreamRow(
        "<symbol>@kline_<interval>",
        "subscribe_to_kline_updates",
        KlineUpdate,
        (("bnbbtc@kline_1m", lambda data, on: data.subscribe_to_kline_updates(S, "1m", on)),),
        "SubscribeToKlineUpdatesAsync",
    ),
    StreamRow(
        "<symbol>@kline_<interval>@+08:00",
        "subscribe_to_kline_updates",
        KlineUpdate,
        (
            (
                "bnbbtc@kline_1m@+08:00",
                lambda data, on: data.subscribe_to_kline_updates(S, "1m", on, time_zone="+08:00"),
            ),
        ),
    ),
    StreamRow(
        "<symbol>@miniTicker",
        "subscribe_to_mini_ticker_updates",
        MiniTickerUpdate,
        (("bnbbtc@miniTicker", lambda data, on: data.subscribe_to_mini_ticker_updates(S, on)),),
        "SubscribeToMiniTickerUpdatesAsync",
    ),
    StreamRow(
        "!miniTicker@arr",
        "subscribe_to_all_mini_ticker_updates",
        list[MiniTickerUpdate],
        (("!miniTicker@arr", lambda data, on: data.subscribe_to_all_mini_ticker_updates(on)),),
        "SubscribeToAllMiniTickerUpdatesAsync",
    ),
    StreamRow(
        "<symbol>@ticker",
        "subscribe_to_ticker_updates",
        TickerUpdate,
        (("bnbbtc@ticker", lambda data, on: data.subscribe_to_ticker_updates(S, on)),),
        "SubscribeToTickerUpdatesAsync",
    ),
    StreamRow(
        "<symbol>@ticker_<window_size>",
        "subscribe_to_rolling_window_ticker_updates",
        RollingWindowTickerUpdate,
        (("bnbbtc@ticker_1h", lambda data, on: data.subscribe_to_rolling_window_ticker_updates(S, "1h", on)),),
        "SubscribeToRollingWindowTickerUpdatesAsync",
    ),
    StreamRow(
        "!ticker_<window-size>@arr",
        "subscribe_to_all_rolling_window_ticker_updates",
        list[RollingWindowTickerUpdate],
        (("!ticker_1h@arr", lambda data, on: data.subscribe_to_all_rolling_window_ticker_updates("1h", on)),),
        "SubscribeToAllRollingWindowTickerUpdatesAsync",
    ),
    StreamRow(
        "<symbol>@bookTicker",
        "subscribe_to_book_ticker_updates",
        BookTickerUpdate,
        (("bnbbtc@bookTicker", lambda data, on: data.subscribe_to_book_ticker_updates(S, on)),),
        "SubscribeToBookTickerUpdatesAsync",
    ),
    StreamRow(
        "<symbol>@avgPrice",
        "subscribe_to_average_price_updates",
        AveragePriceUpdate,
        (("bnbbtc@avgPrice", lambda data, on: data.subscribe_to_average_price_updates(S, on)),),
        "SubscribeToAveragePriceUpdatesAsync",
    ),
    StreamRow(
        "<symbol>@depth<levels> OR <symbol>@depth<levels>@100ms",
        "subscribe_to_partial_order_book_updates",
        PartialBookUpdate,
        (
            ("bnbbtc@depth5", lambda data, on: data.subscribe_to_partial_order_book_updates(S, 5, on)),
            (
                "bnbbtc@depth20@100ms",
                lambda data, on: data.subscribe_to_partial_order_book_updates(S, 20, on, update_interval=100),
            ),
        ),
        "SubscribeToPartialOrderBookUpdatesAsync",
    ),
    StreamRow(
        "<symbol>@depth OR <symbol>@depth@100ms",
        "subscribe_to_order_book_updates",
        DepthUpdate,
        (
            ("bnbbtc@depth", lambda data, on: data.subscribe_to_order_book_updates(S, on)),
            (
                "bnbbtc@depth@100ms",
                lambda data, on: data.subscribe_to_order_book_updates(S, on, update_interval=100),
            ),
        ),
        "SubscribeToOrderBookUpdatesAsync",
    ),
]
