"""The market streams, seen by a client that is not this project's."""

import json
from decimal import Decimal

import pytest

from binance_socket.sandbox import ExchangeError, Sandbox

PATIENCE = 10.0


def receive(stream):
    return json.loads(stream.recv(PATIENCE))


def ask(stream, **message):
    stream.send(json.dumps(message))
    return receive(stream)


@pytest.fixture
def trader(still):
    return still.create_account({"USDT": "10000000", "BTC": "1000", "ETH": "1000"})


def quote(trader, *orders, symbol="BTCUSDT"):
    return [
        trader.place_order(symbol, side, "LIMIT", price=str(price), quantity=str(quantity))["orderId"]
        for side, price, quantity in orders
    ]


def watch(still, dial, *names):
    """Subscribe on a connection of its own; returns once the subscription is in force."""
    stream = dial(still.environment.stream_url + "/ws")
    assert ask(stream, method="SUBSCRIBE", params=list(names), id="a-1") == {"result": None, "id": "a-1"}
    return stream


def test_trades_are_told_one_by_one(still, trader, dial, clock):
    """Each with its id, in order, at once."""
    stream = watch(still, dial, "btcusdt@trade")
    quote(trader, ("SELL", 100, 1), ("SELL", 101, 2))
    trader.place_order("BTCUSDT", "BUY", "MARKET", quantity="2")
    quote(trader, ("BUY", 90, 1))
    trader.place_order("BTCUSDT", "SELL", "MARKET", quantity="1")
    now = int(clock.time() * 1000)
    common = {"e": "trade", "E": now, "s": "BTCUSDT", "T": now, "M": True}
    assert [receive(stream) for _ in range(3)] == [
        {**common, "t": 1, "p": "100.00000000", "q": "1.00000000", "m": False},
        {**common, "t": 2, "p": "101.00000000", "q": "1.00000000", "m": False},
        {**common, "t": 3, "p": "90.00000000", "q": "1.00000000", "m": True},
    ]


def test_aggregates_join_what_one_order_took_at_one_price(still, trader, dial):
    """The same taker order, price and time; another order at the same price is another aggregate."""
    stream = watch(still, dial, "btcusdt@aggTrade")
    quote(trader, ("SELL", 100, 1), ("SELL", 100, 2), ("SELL", 100, 3), ("SELL", 101, 1))
    trader.place_order("BTCUSDT", "BUY", "MARKET", quantity="4")
    trader.place_order("BTCUSDT", "BUY", "MARKET", quantity="3")
    seen = [receive(stream) for _ in range(3)]
    assert [(e["a"], e["p"], e["q"], e["f"], e["l"]) for e in seen] == [
        (1, "100.00000000", "4.00000000", 1, 3),
        (2, "100.00000000", "2.00000000", 4, 4),
        (3, "101.00000000", "1.00000000", 5, 5),
    ]


def test_the_book_ticker_speaks_when_the_best_changes_only(still, trader, dial, talk, clock):
    """Prices and quantities of both sides; orders behind the best are none of its business."""
    stream = watch(still, dial, "btcusdt@bookTicker")
    quote(trader, ("BUY", 99, 1), ("BUY", 98, 1), ("SELL", 101, 2), ("BUY", 99, 1))
    seen = [receive(stream) for _ in range(3)]
    assert [(e["b"], e["B"], e["a"], e["A"]) for e in seen] == [
        ("99.00000000", "1.00000000", "0.00000000", "0.00000000"),
        ("99.00000000", "1.00000000", "101.00000000", "2.00000000"),
        ("99.00000000", "2.00000000", "101.00000000", "2.00000000"),
    ]
    assert [e["u"] - seen[0]["u"] for e in seen] == [0, 2, 3]
    assert all(e.keys() == {"u", "s", "b", "B", "a", "A"} for e in seen)


@pytest.mark.parametrize("name, period", [("btcusdt@depth", 1.0), ("btcusdt@depth@100ms", 0.1)])
def test_depth_changes_come_by_the_period_and_chain(still, trader, dial, talk, clock, name, period):
    """One event per period in which something changed; a level that is no more has quantity 0."""
    peer = talk(still, now=clock.time)
    start = peer.result("depth", symbol="BTCUSDT")
    assert start == {"lastUpdateId": start["lastUpdateId"], "bids": [], "asks": []}
    stream = watch(still, dial, name)
    first, _ = quote(trader, ("BUY", 99, 1), ("SELL", 101, 2))
    clock.advance(period)
    event = receive(stream)
    assert event == {
        "e": "depthUpdate",
        "E": int(clock.time() * 1000),
        "s": "BTCUSDT",
        "U": start["lastUpdateId"] + 1,
        "u": start["lastUpdateId"] + 2,
        "b": [["99.00000000", "1.00000000"]],
        "a": [["101.00000000", "2.00000000"]],
    }
    # Nothing happens in this period, and nothing is said of it.
    clock.advance(period)
    trader.cancel_order("BTCUSDT", first)
    clock.advance(period)
    later = receive(stream)
    assert (later["U"], later["u"]) == (event["u"] + 1, event["u"] + 1)
    assert (later["b"], later["a"]) == ([["99.00000000", "0.00000000"]], [])
    assert peer.result("depth", symbol="BTCUSDT")["lastUpdateId"] == later["u"]


def test_snapshot_and_changes_make_the_book(sandbox, dial, talk):
    """A book kept as the documents say is the sandbox's own, whenever the snapshot was taken."""
    trader = sandbox.create_account({"USDT": "10000000", "BTC": "1000"})
    stream = dial(sandbox.environment.stream_url + "/ws/btcusdt@depth@100ms")
    peer = talk(sandbox)
    book = {"bids": {}, "asks": {}}
    snapshot = None
    for step in range(200):
        quote(trader, ("BUY" if step % 2 else "SELL", 95 + step * 7 % 11, 1 + step % 3))
        if step == 77:
            snapshot = peer.result("depth", symbol="BTCUSDT", limit=5000)
    for side in book:
        book[side] = dict(snapshot[side])
    update_id = snapshot["lastUpdateId"]
    final = peer.result("depth", symbol="BTCUSDT", limit=5000)
    previous = None
    while update_id < final["lastUpdateId"]:
        event = receive(stream)
        assert previous is None or event["U"] == previous + 1
        previous = event["u"]
        if event["u"] <= update_id:
            continue
        assert event["U"] <= update_id + 1
        for side, key in (("bids", "b"), ("asks", "a")):
            for price, quantity in event[key]:
                book[side][price] = quantity
                if not Decimal(quantity):
                    del book[side][price]
        update_id = event["u"]
    assert list(map(list, sorted(book["asks"].items(), key=lambda level: Decimal(level[0])))) == final["asks"]
    bids = sorted(book["bids"].items(), key=lambda level: Decimal(level[0]), reverse=True)
    assert list(map(list, bids)) == final["bids"]


def test_names_are_listed_switched_and_dropped(still, trader, dial):
    """SUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, UNSUBSCRIBE: the payload changes with the property."""
    stream = dial(still.environment.stream_url + "/stream?streams=btcusdt@trade/ethusdt@trade")
    quote(trader, ("SELL", 100, 9))
    trader.place_order("BTCUSDT", "BUY", "MARKET", quantity="1")
    assert receive(stream)["stream"] == "btcusdt@trade"
    assert ask(stream, method="LIST_SUBSCRIPTIONS", id=3) == {"result": ["btcusdt@trade", "ethusdt@trade"], "id": 3}
    assert ask(stream, method="SET_PROPERTY", params=["combined", False], id=4) == {"result": None, "id": 4}
    trader.place_order("BTCUSDT", "BUY", "MARKET", quantity="1")
    assert receive(stream)["e"] == "trade"
    assert ask(stream, method="UNSUBSCRIBE", params=["btcusdt@trade"], id=None) == {"result": None, "id": None}
    trader.place_order("BTCUSDT", "BUY", "MARKET", quantity="1")
    # Had the trade been told, it would have come before this.
    assert ask(stream, method="GET_PROPERTY", params=["combined"], id=5) == {"result": False, "id": 5}


@pytest.mark.parametrize("name", ["BTCUSDT@trade", "btcusdt@TRADE", "nothing@trade", "btcusdt@", "btcusdt", "@trade"])
def test_names_that_mean_nothing_are_accepted_and_silent(still, trader, dial, name):
    """Names are case-sensitive; the exchange says nothing about those that it does not know."""
    stream = watch(still, dial, name, "btcusdt@bookTicker")
    quote(trader, ("SELL", 100, 1))
    trader.place_order("BTCUSDT", "BUY", "MARKET", quantity="1")
    assert [set(receive(stream)) for _ in range(2)] == [{"u", "s", "b", "B", "a", "A"}] * 2


def test_an_unknown_property_is_refused_with_the_id(still, dial):
    """Code 0, as the table of error messages has it."""
    stream = dial(still.environment.stream_url + "/ws")
    assert ask(stream, method="GET_PROPERTY", params=["colour"], id=9) == {
        "code": 0,
        "msg": "Unknown property",
        "id": 9,
    }


def test_times_come_in_microseconds(still, trader, dial, clock):
    """With timeUnit=MICROSECOND, and ids are not times."""
    stream = dial(still.environment.stream_url + "/ws/btcusdt@trade?timeUnit=MICROSECOND")
    quote(trader, ("SELL", 100, 1))
    trader.place_order("BTCUSDT", "BUY", "MARKET", quantity="1")
    event = receive(stream)
    now = int(clock.time() * 1000) * 1000
    assert (event["E"], event["T"], event["t"]) == (now, now, 1)


@pytest.mark.parametrize(
    "limit, weight",
    [(None, 5), (1, 5), (100, 5), (101, 25), (500, 25), (501, 50), (1000, 50), (1001, 250), (9999, 250)],
)
def test_depth_costs_by_its_limit(peer, limit, weight):
    """The documents' table; more than 5,000 are 5,000."""
    before = peer.call("ping")["rateLimits"][-1]["count"]
    params = {} if limit is None else {"limit": limit}
    reply = peer.call("depth", symbol="BTCUSDT", **params)
    assert reply["status"] == 200
    assert reply["rateLimits"][-1]["count"] == before + weight


@pytest.mark.parametrize(
    "params, code",
    [
        ({}, -1102),
        ({"symbol": "NOPE"}, -1121),
        ({"symbol": "BTCUSDT", "limit": 0}, -1130),
        ({"symbol": "BTCUSDT", "limit": "x"}, -1100),
        ({"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
        ({"symbol": "BTCUSDT", "symbolStatus": "UP"}, -1122),
        ({"symbol": "BTCUSDT", "depth": 3}, -1104),
    ],
)
def test_depth_is_refused(peer, params, code):
    """With the exchange's codes."""
    assert peer.error("depth", **params)["code"] == code


@pytest.mark.parametrize("process", [False, True])
def test_random_flow_is_streamed_without_a_hole(process, dial):
    """Tens of thousands of changes: what the stream says comes to the sandbox's own book."""
    with Sandbox(process=process) as sandbox:
        stream = dial(sandbox.environment.stream_url + "/ws/btcusdt@depth@100ms")
        start = sandbox.order_book()
        assert start == {"lastUpdateId": start["lastUpdateId"], "bids": [], "asks": []}
        last = sandbox.random_flow("BTCUSDT", seed=3, updates=20_000)
        book = {"b": {}, "a": {}}
        update_id = start["lastUpdateId"]
        while update_id < last:
            event = receive(stream)
            assert event["U"] == update_id + 1
            update_id = event["u"]
            for side, levels in book.items():
                for price, quantity in event[side]:
                    levels[price] = quantity
                    if not Decimal(quantity):
                        del levels[price]
        final = sandbox.order_book()
        assert final["lastUpdateId"] == last >= start["lastUpdateId"] + 20_000
        assert book == {"b": dict(map(tuple, final["bids"])), "a": dict(map(tuple, final["asks"]))}
        assert book["b"]
        assert book["a"]
        with pytest.raises(ExchangeError, match="Invalid symbol"):
            sandbox.random_flow("NOPE")
        with pytest.raises(ExchangeError, match="Invalid symbol"):
            sandbox.order_book("NOPE")
