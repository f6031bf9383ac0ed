"""What the streams of the market are called, and who hears them."""

from __future__ import annotations

import json
import queue
from decimal import Decimal

import pytest

from binance_socket import DecodeError, FlowPolicy, InvalidRequest, SubscriptionState
from binance_socket.models import PartialBookUpdate, PriceLevel, TradeUpdate

PATIENCE = 10.0
TRADE = {"e": "trade", "E": 1, "s": "BTCUSDT", "t": 7, "p": "1.5", "q": "2", "T": 3, "m": True, "M": True}
BOOK = {"lastUpdateId": 160, "bids": [["0.0024", "10"]], "asks": []}

CALLS = [
    ("aggregated_trade", ("BTCUSDT",), {}, ["btcusdt@aggTrade"]),
    ("trade", (["BTCUSDT", "ethbtc"],), {}, ["btcusdt@trade", "ethbtc@trade"]),
    ("block_trade", ({"BTCUSDT": 1},), {}, ["btcusdt@blockTrade"]),
    ("kline", ("BTCUSDT", "1M"), {}, ["btcusdt@kline_1M"]),
    ("kline", ("BTCUSDT", "1m"), {"time_zone": "+08:00"}, ["btcusdt@kline_1m@+08:00"]),
    ("mini_ticker", ("币安人生USDT",), {}, ["币安人生usdt@miniTicker"]),
    ("all_mini_ticker", (), {}, ["!miniTicker@arr"]),
    ("ticker", ("BTCUSDT",), {}, ["btcusdt@ticker"]),
    ("rolling_window_ticker", ("BTCUSDT", "4h"), {}, ["btcusdt@ticker_4h"]),
    ("all_rolling_window_ticker", ("1d",), {}, ["!ticker_1d@arr"]),
    ("book_ticker", ((symbol for symbol in ("A", "B")),), {}, ["a@bookTicker", "b@bookTicker"]),
    ("average_price", ("BTCUSDT",), {}, ["btcusdt@avgPrice"]),
    ("partial_order_book", ("BTCUSDT", 5), {}, ["btcusdt@depth5"]),
    ("partial_order_book", ("BTCUSDT", 20), {"update_interval": 100}, ["btcusdt@depth20@100ms"]),
    ("order_book", ("BTCUSDT",), {}, ["btcusdt@depth"]),
    ("order_book", ("BTCUSDT",), {"update_interval": 100}, ["btcusdt@depth@100ms"]),
    ("reference_price", ("BTCUSDT",), {}, ["btcusdt@referencePrice"]),
]


@pytest.fixture
def market(client):
    return client.spot_api.exchange_data


@pytest.fixture
def hear(client, market, network, run):
    """Subscribe, and agree: ``hear(name, *args, **options) -> subscription, transport, names asked for``."""

    def open_one(name, *args, transport=None, **options):
        join = run(lambda: getattr(market, f"subscribe_to_{name}_updates")(*args, **options))
        transport = transport or network.accept()
        request = transport.sent()
        assert request["method"] == "SUBSCRIBE"
        transport.push({"id": request["id"], "result": None})
        return join(), transport, request["params"]

    return open_one


@pytest.mark.parametrize(("name", "args", "options", "streams"), CALLS, ids=[str(call[3]) for call in CALLS])
def test_names_of_streams(hear, name, args, options, streams):
    """As the exchange calls them, to the letter; all of one call are asked for in one message."""
    subscription, transport, asked = hear(name, *args, print, **options)
    assert asked == streams
    assert subscription.state is SubscriptionState.ACTIVE
    assert subscription.stream == (streams[0] if len(streams) == 1 else None)
    subscription.close()
    closing = transport.sent()
    assert (closing["method"], closing["params"]) == ("UNSUBSCRIBE", streams)


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("trade", ("",), {}),
        ("trade", ([],), {}),
        ("trade", (None,), {}),
        ("trade", (["BTCUSDT", "btcusdt"],), {}),
        ("trade", (["BTCUSDT", 5],), {}),
        ("trade", (["BTCUSDT", ""],), {}),
        ("trade", ("BTC/USDT",), {}),
        ("trade", ("btcusdt@trade",), {}),
        ("trade", ("BTC USDT",), {}),
        ("trade", ("BTC\x00",), {}),
        ("trade", ("!miniTicker",), {}),
        ("trade", ("BTCUSDT",), {"policy": "block"}),
        ("kline", ("BTCUSDT", "2m"), {}),
        ("kline", ("BTCUSDT", None), {}),
        ("kline", ("BTCUSDT", "1m"), {"time_zone": "+09:00"}),
        ("rolling_window_ticker", ("BTCUSDT", "2h"), {}),
        ("all_rolling_window_ticker", ("",), {}),
        ("partial_order_book", ("BTCUSDT", 7), {}),
        ("partial_order_book", ("BTCUSDT", True), {}),
        ("partial_order_book", ("BTCUSDT", "5"), {}),
        ("partial_order_book", ("BTCUSDT", 5), {"update_interval": 250}),
        ("order_book", ("BTCUSDT",), {"update_interval": None}),
    ],
)
def test_what_no_stream_is_called(market, network, name, args, options):
    """It is refused before anything is sent, or even connected."""
    with pytest.raises(InvalidRequest):
        getattr(market, f"subscribe_to_{name}_updates")(*args, print, **options)
    assert network.attempts == []


@pytest.mark.parametrize("handler", [None, "print"])
def test_a_handler_must_be_callable(market, network, handler):
    """And an ordinary function."""

    async def nobody_awaits(event):
        raise AssertionError

    for bad in (handler, nobody_awaits):
        with pytest.raises(InvalidRequest):
            market.subscribe_to_trade_updates("BTCUSDT", bad)
        with pytest.raises(InvalidRequest):
            market.subscribe_to_all_mini_ticker_updates(bad)
    assert network.attempts == []


def test_a_float_is_no_number_of_levels(market):
    """Not even one that looks like it."""
    with pytest.raises(TypeError):
        market.subscribe_to_partial_order_book_updates("BTCUSDT", 5.0, print)


def test_an_event_says_what_and_where(hear):
    """The model, the stream, and the exchange's time."""
    heard = queue.SimpleQueue()
    _, transport, _ = hear("trade", ["BTCUSDT", "ETHUSDT"], heard.put)
    transport.push(
        {"stream": "btcusdt@trade", "data": TRADE}, {"stream": "ethusdt@trade", "data": {**TRADE, "s": "ETHUSDT"}}
    )
    first, second = heard.get(timeout=PATIENCE), heard.get(timeout=PATIENCE)
    assert isinstance(first.data, TradeUpdate)
    assert (first.stream, first.data.symbol, first.data.price) == ("btcusdt@trade", "BTCUSDT", Decimal("1.5"))
    assert first.event_time == first.data.event_time
    assert (second.stream, second.data.symbol) == ("ethusdt@trade", "ETHUSDT")


def test_a_list_of_events(hear):
    """What comes as an array is handed on as one list; its time is that of the first."""
    heard = queue.SimpleQueue()
    ticker = {"e": "24hrMiniTicker", "E": 5, "s": "A", "c": "1", "o": "1", "h": "1", "l": "1", "v": "1", "q": "1"}
    _, transport, _ = hear("all_mini_ticker", heard.put)
    for payload in ([ticker, {**ticker, "s": "B"}], []):
        transport.push({"stream": "!miniTicker@arr", "data": payload})
    event = heard.get(timeout=PATIENCE)
    assert [item.symbol for item in event.data] == ["A", "B"]
    assert event.event_time == event.data[0].event_time
    empty = heard.get(timeout=PATIENCE)
    assert (empty.data, empty.event_time) == ([], None)


def test_a_partial_book_is_told_its_symbol(make_client, network, run):
    """The exchange does not send it. What is kept as raw is what came."""
    client = make_client(keep_raw=True)
    heard = queue.SimpleQueue()
    market = client.spot_api.exchange_data
    join = run(lambda: market.subscribe_to_partial_order_book_updates(["btcusdt", "ETHUSDT"], 5, heard.put))
    transport = network.accept()
    transport.push({"id": transport.sent()["id"], "result": None})
    join()
    transport.push({"stream": "ethusdt@depth5", "data": BOOK}, {"stream": "btcusdt@depth5", "data": BOOK})
    event = heard.get(timeout=PATIENCE)
    assert isinstance(event.data, PartialBookUpdate)
    assert (event.data.symbol, event.event_time, event.raw) == ("ETHUSDT", None, BOOK)
    assert event.data.bids == (PriceLevel(Decimal("0.0024"), Decimal(10)),)
    assert heard.get(timeout=PATIENCE).data.symbol == "BTCUSDT"


def test_what_was_not_understood_is_reported(hear):
    """With its payload; the stream goes on. A farewell of the server's is nobody's error."""
    heard, errors = queue.SimpleQueue(), queue.SimpleQueue()
    subscription, transport, _ = hear("trade", "BTCUSDT", heard.put)
    subscription.on_exception(errors.put)
    farewell = {"e": "serverShutdown", "E": 1_770_123_456_789}
    transport.push({"stream": "!serverShutdown", "data": farewell}, farewell)
    transport.push(
        {"stream": "btcusdt@trade", "data": {"e": "trade", "p": 1.5}}, {"stream": "btcusdt@trade", "data": []}
    )
    transport.push({"stream": "btcusdt@trade", "data": TRADE})
    assert heard.get(timeout=PATIENCE).data.trade_id == 7
    error = errors.get(timeout=PATIENCE)
    assert isinstance(error, DecodeError)
    assert error.payload == {"e": "trade", "p": 1.5}
    assert errors.get(timeout=PATIENCE).payload == []
    assert errors.empty()


@pytest.mark.parametrize("payload", [TRADE, BOOK, [TRADE]])
def test_raw_payloads_are_understood(hear, payload):
    """On a connection with one stream, it is clear whose they are, named or not, in an array or not."""
    errors, heard = queue.SimpleQueue(), queue.SimpleQueue()
    subscription, transport, _ = hear("trade", "BTCUSDT", heard.put)
    subscription.on_exception(errors.put)
    transport.push(payload, {"stream": "btcusdt@trade", "data": TRADE})
    assert heard.get(timeout=PATIENCE).data.trade_id == 7
    if payload != TRADE:
        assert errors.get(timeout=PATIENCE).payload == payload


def test_a_policy_for_each_subscription(hear):
    """LATEST_ONLY: what waited is replaced, and counted."""
    entered, release = queue.SimpleQueue(), queue.SimpleQueue()

    def slow(event):
        entered.put(event.data.trade_id)
        release.get(timeout=PATIENCE)

    subscription, transport, _ = hear("trade", "BTCUSDT", slow, policy=FlowPolicy.LATEST_ONLY)
    transport.push({"stream": "btcusdt@trade", "data": TRADE})
    assert entered.get(timeout=PATIENCE) == 7
    transport.push(*({"stream": "btcusdt@trade", "data": {**TRADE, "t": number}} for number in range(10)))
    transport.push(json.dumps({"stream": "btcusdt@trade", "data": {**TRADE, "t": 10}}).encode())
    release.put(None)
    release.put(None)
    while (number := entered.get(timeout=PATIENCE)) != 10:
        release.put(None)
        assert number == 9
    subscription.close()
    assert subscription.wait(PATIENCE)
    assert subscription.dropped in (9, 10)
