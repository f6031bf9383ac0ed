"""Every market stream, heard by the official SDK: what the sandbox publishes is what its models say."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from .conftest import Pair
from .test_every_method import unknown_keys

BTC = "btcusdt"

STREAMS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "agg_trade": lambda streams: streams.agg_trade(symbol=BTC),
    "all_market_rolling_window_ticker": lambda streams: streams.all_market_rolling_window_ticker(window_size="1h"),
    "all_mini_ticker": lambda streams: streams.all_mini_ticker(),
    "avg_price": lambda streams: streams.avg_price(symbol=BTC),
    "block_trade": lambda streams: streams.block_trade(symbol=BTC),
    "book_ticker": lambda streams: streams.book_ticker(symbol=BTC),
    "diff_book_depth": lambda streams: streams.diff_book_depth(symbol=BTC),
    "diff_book_depth 100ms": lambda streams: streams.diff_book_depth(symbol=BTC, update_speed="100ms"),
    "kline": lambda streams: streams.kline(symbol=BTC, interval="1m"),
    "kline 1s": lambda streams: streams.kline(symbol=BTC, interval="1s"),
    "kline_offset": lambda streams: streams.kline_offset(symbol=BTC, interval="1d"),
    "mini_ticker": lambda streams: streams.mini_ticker(symbol=BTC),
    "partial_book_depth": lambda streams: streams.partial_book_depth(symbol=BTC, levels="5"),
    "partial_book_depth 100ms": lambda streams: streams.partial_book_depth(
        symbol=BTC, levels="20", update_speed="100ms"
    ),
    "reference_price": lambda streams: streams.reference_price(symbol=BTC),
    "rolling_window_ticker": lambda streams: streams.rolling_window_ticker(symbol=BTC, window_size="4h"),
    "ticker": lambda streams: streams.ticker(symbol=BTC),
    "trade": lambda streams: streams.trade(symbol=BTC),
}


@asynccontextmanager
async def listening(sandbox: Any) -> AsyncIterator[Any]:
    """A connection of the SDK to the market streams."""
    from binance_common.configuration import ConfigurationWebSocketStreams
    from binance_sdk_spot.spot import Spot

    configuration = ConfigurationWebSocketStreams(stream_url=sandbox.environment.stream_url)
    streams = await Spot(config_ws_streams=configuration).websocket_streams.create_connection()
    try:
        yield streams
    finally:
        await streams.close_connection(close_session=True)


def test_none_of_its_streams_is_forgotten() -> None:
    """Every method that subscribes a market stream is in the table above."""
    from binance_sdk_spot.websocket_streams.websocket_streams import SpotWebSocketStreams

    methods = inspect.getmembers(SpotWebSocketStreams, inspect.iscoroutinefunction)
    subscribing = {name for name, method in methods if "id" in inspect.signature(method).parameters}
    assert subscribing == {name.partition(" ")[0] for name in STREAMS}


@pytest.fixture(scope="module")
def market() -> Iterator[Pair]:
    from binance_socket.sandbox import Sandbox

    with Sandbox(process=True) as sandbox:
        pair = Pair(sandbox)
        pair.quote()
        yield pair


def _missing_keys(value: Any) -> set[str]:
    """Return which fields of a model were not there."""
    return set(type(value).model_fields) - value.model_fields_set - {"additional_properties"}


@pytest.mark.parametrize("subscribe", STREAMS.values(), ids=list(STREAMS))
def test_the_event_is_what_the_sdk_expects(
    market: Pair, subscribe: Callable[[Any], Awaitable[Any]], run: Any, mailbox: Any
) -> None:
    """It is read without complaint, nothing in it is unknown to the SDK's model, and nothing of that is missing."""

    async def scenario() -> None:
        async with listening(market.sandbox) as streams:
            failures: list[Any] = []
            streams.on_connection("error", failures.append)
            handle = await subscribe(streams)
            handle.on("message", mailbox.put)
            await streams.list_subscribe()  # It does not wait for the subscription's answer.
            market.trade(4)
            market.sandbox.block_trade("BTCUSDT", price="50000", quantity="100")
            event = (await mailbox.until(1))[0]
            for part in event if isinstance(event, list) else [event]:
                assert list(unknown_keys(part)) == []
                assert _missing_keys(part) == set()
            assert failures == []

            await handle.unsubscribe()
            answer = await streams.list_subscribe()
            assert answer["result"] == []

    run(scenario())
