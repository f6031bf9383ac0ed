"""A local order book, with the test as the exchange."""

from __future__ import annotations

import queue
import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from binance_socket import (
    ApiError,
    CancellationToken,
    HandlerError,
    InvalidRequest,
    OrderBookNotSynchronised,
    RateLimited,
)
from binance_socket.models import PriceLevel
from binance_socket.spot_api.local_order_book import BookState

PATIENCE = 10.0
BIDS = [["10", "1"], ["9.5", "2"], ["9", "3"]]
ASKS = [["11", "1"], ["12", "2"], ["13", "4"]]


def diff(first, last, bids=(), asks=()):
    payload = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": list(bids), "a": list(asks)}
    return {"stream": "btcusdt@depth", "data": payload}


def snapshot(update_id=100, bids=BIDS, asks=ASKS):
    return {"lastUpdateId": update_id, "bids": bids, "asks": asks}


def next_of(heard):
    return heard.get(timeout=PATIENCE)


@pytest.fixture
def opened(client, network, run):
    """Make a book whose stream the exchange has agreed to: ``opened(**options) -> book, streams``."""

    def make(**options):
        join = run(lambda: client.spot_api.exchange_data.local_order_book("BTCUSDT", **options))
        streams = network.accept()
        request = streams.sent()
        assert request["params"] == ["btcusdt@depth"]
        streams.push({"id": request["id"], "result": None})
        return join(), streams

    return make


@pytest.fixture
def synchronised(opened, network, exchange):
    """Make a book that is the exchange's, at update 100: ``synchronised(**options) -> book, streams, api``."""

    def make(**options):
        book, streams = opened(**options)
        streams.push(diff(99, 100))
        api = network.accept()
        exchange.expect(api, "depth", snapshot())
        assert book.wait_until_synchronised(PATIENCE)
        return book, streams, api

    return make


@pytest.mark.parametrize(
    ("symbol", "options", "kind"),
    [
        ("", {}, InvalidRequest),
        (None, {}, InvalidRequest),
        (["BTCUSDT"], {}, InvalidRequest),
        ("BTCUSDT", {"depth": 99}, InvalidRequest),
        ("BTCUSDT", {"depth": 5001}, InvalidRequest),
        ("BTCUSDT", {"depth": 1000.0}, InvalidRequest),
        ("BTCUSDT", {"depth": True}, InvalidRequest),
        ("BTCUSDT", {"update_interval": 250}, InvalidRequest),
        ("BTCUSDT", {"update_interval": 0.1}, TypeError),
        ("BTCUSDT", {"on_change": 5}, InvalidRequest),
    ],
)
def test_bad_arguments(client, network, symbol, options, kind):
    """Nothing is sent."""
    with pytest.raises(kind):
        client.spot_api.exchange_data.local_order_book(symbol, **options)
    assert network.attempts == []


def test_reading(synchronised):
    """Best first, both sides; levels are tuples; a slice and an index as of any sequence."""
    book, _, _ = synchronised()
    assert book.state is BookState.SYNCHRONISED
    assert book.is_synchronised
    assert book.last_update_id == 100
    assert [str(price) for price, _ in book.bids] == ["10", "9.5", "9"]
    assert book.asks[0] == PriceLevel(Decimal(11), Decimal(1))
    assert book.asks[-1].price == 13
    assert book.bids[:2] == book.bids[0:2:1] == ((10, 1), (Decimal("9.5"), 2))
    assert book.bids[1:] == book.bids[-2:] == ((Decimal("9.5"), 2), (9, 3))
    assert book.bids[::-1] == tuple(reversed(book.bids))
    assert book.bids[2:0:-1] == ((9, 3), (Decimal("9.5"), 2))
    assert len(book.bids) == 3
    assert (9, 3) in book.bids
    assert book.bids.index(PriceLevel(Decimal(9), Decimal(3))) == 2
    assert book.bids.count((9, 3)) == 1
    with pytest.raises(IndexError):
        book.bids[3]
    assert (book.best.bid, book.best.ask) == ((10, 1), (11, 1))
    assert (book.spread, book.mid_price) == (1, Decimal("10.5"))
    view = book.view(levels=1)
    assert (view.symbol, view.is_synchronised, view.last_update_id) == ("BTCUSDT", True, 100)
    assert (view.bids, view.asks) == (((10, 1),), ((11, 1),))
    assert len(book.view().bids) == 3
    for levels in (0, -1, 1.5, True):
        with pytest.raises(InvalidRequest):
            book.view(levels)


def test_an_empty_side(opened, network, exchange):
    """There is no best, no spread, and no average price."""
    book, streams = opened()
    streams.push(diff(99, 100))
    exchange.expect(network.accept(), "depth", snapshot(bids=[]))
    assert book.wait_until_synchronised(PATIENCE)
    assert book.best.bid is None
    assert book.spread is None
    assert book.mid_price is None
    depth = book.depth_at(10)
    assert (depth.levels, depth.quantity, depth.quote_quantity, depth.average_price) == ((), 0, 0, None)
    assert book.depth_for("SELL", 1).quantity == 0


def test_depth(synchronised):
    """Up to a price, and for a quantity."""
    book, _, _ = synchronised()
    bids = book.depth_at("9.5")
    assert (bids.quantity, bids.quote_quantity, len(bids.levels)) == (3, 29, 2)
    asks = book.depth_at(Decimal("12.5"))
    assert (asks.quantity, asks.quote_quantity) == (3, 35)
    assert book.depth_at("10.5").levels == ()
    buy = book.depth_for("BUY", "2")
    assert buy.levels == ((11, 1), (12, 1))
    assert buy.average_price == Decimal("11.5")
    assert book.depth_for("SELL", 100).quantity == 6
    for call in (
        lambda: book.depth_at("x"),
        lambda: book.depth_at("NaN"),
        lambda: book.depth_for("BUY", 0),
        lambda: book.depth_for("buy", 1),
    ):
        with pytest.raises(InvalidRequest):
            call()
    for call in (lambda: book.depth_at(9.5), lambda: book.depth_for("BUY", 1.0)):
        with pytest.raises(TypeError):
            call()


def test_iterating_while_it_changes(synchronised):
    """It goes over the side as it was when that began."""
    heard = queue.SimpleQueue()
    book, streams, _ = synchronised(on_change=lambda book: heard.put(book.last_update_id))
    assert next_of(heard) == 100
    going = iter(book.bids)
    assert next(going).price == 10
    streams.push(diff(101, 101, bids=[["9.5", "0"], ["9", "7"], ["8", "1"]]))
    assert next_of(heard) == 101
    assert list(going) == [(Decimal("9.5"), 2), (9, 3)]
    assert list(book.bids) == [(10, 1), (9, 7), (8, 1)]


def test_nothing_is_read_before_it_is_there(opened):
    """Nor is waiting for it endless."""
    book, _ = opened()
    assert not book.is_synchronised
    assert book.wait_until_synchronised(0) is False
    for read in (
        lambda: book.best,
        lambda: book.spread,
        lambda: list(book.bids),
        lambda: book.asks[0],
        lambda: len(book.asks),
        lambda: book.depth_at(1),
        lambda: book.depth_for("BUY", 1),
    ):
        with pytest.raises(OrderBookNotSynchronised):
            read()
    assert book.view().is_synchronised is False
    assert book.view().last_update_id is None


def test_a_silent_market(opened, network, exchange, pass_time, client):
    """After two intervals without an event the snapshot is asked for."""
    book, _ = opened()
    # The two intervals begin when its turn has come.
    begun = threading.Event()
    book.subscription.run_in_turn(begun.set)
    assert begun.wait(PATIENCE)
    pass_time(client, 2)
    api = network.accept()
    exchange.expect(api, "depth", snapshot())
    assert book.wait_until_synchronised(PATIENCE)
    assert book.best.bid == (10, 1)


def test_a_missed_update(synchronised, exchange, pass_time, client):
    """The book is stale at once, says so, and heals with one snapshot; on_resync tells for how long it was."""
    resyncs = queue.SimpleQueue()
    book, streams, api = synchronised()
    book.on_resync(resyncs.put)
    pass_time(client, 70)
    streams.push(diff(105, 106, bids=[["8", "1"]]))
    request = api.sent()
    assert request["method"] == "depth"
    assert request["params"] == {"symbol": "BTCUSDT", "limit": 5000}
    assert book.state is BookState.SYNCHRONISING
    with pytest.raises(OrderBookNotSynchronised):
        list(book.bids)
    stale = book.view()
    assert (stale.is_synchronised, stale.last_update_id, len(stale.bids)) == (False, 100, 3)
    pass_time(client, 3)
    streams.push(diff(107, 107, bids=[["7", "1"]]))
    exchange.reply(api, request, snapshot(105))
    resync = next_of(resyncs)
    assert resync.reason == "an update was missed"
    assert resync.downtime == timedelta(seconds=3)
    assert resync.last_update_id in (106, 107)
    assert book.wait_until_synchronised(PATIENCE)
    assert api.nothing_sent()


def test_a_lost_connection(synchronised, network, exchange):
    """Stale from the loss on; subscribed again, it heals."""
    resyncs, lost = queue.SimpleQueue(), threading.Event()
    book, streams, api = synchronised()
    book.on_resync(resyncs.put)
    book.subscription.on_connection_lost(lost.set)
    streams.drop()
    assert lost.wait(PATIENCE)
    assert not book.is_synchronised
    with pytest.raises(OrderBookNotSynchronised):
        _ = book.best
    again = network.accept()
    request = again.sent()
    again.push({"id": request["id"], "result": None}, diff(201, 202, asks=[["10.5", "1"]]))
    exchange.expect(api, "depth", snapshot(201))
    assert next_of(resyncs).reason == "the connection was lost"
    assert book.best.ask == (Decimal("10.5"), 1)
    assert book.last_update_id == 202


def test_a_payload_that_is_not_understood_is_a_missed_update(synchronised, exchange, client, pass_time):
    """It is reported, and the next event shows the gap."""
    errors, resyncs = queue.SimpleQueue(), queue.SimpleQueue()
    book, streams, api = synchronised()
    book.on_resync(resyncs.put)
    book.subscription.on_exception(errors.put)
    pass_time(client, 70)
    streams.push(diff(101, 101, bids=[["x", "1"]]))
    assert next_of(errors)
    streams.push(diff(102, 102))
    exchange.expect(api, "depth", snapshot(102))
    assert next_of(resyncs).last_update_id == 102


def test_a_snapshot_that_fails_is_asked_for_again(opened, network, exchange, client, pass_time):
    """Not before the exchange allows it, when it says so."""
    book, streams = opened()
    streams.push(diff(99, 100))
    api = network.accept()
    exchange.refuse(api, api.sent(), -1000, status=500)
    pass_time(client, 60)
    exchange.expect(api, "depth", snapshot())
    assert book.wait_until_synchronised(PATIENCE)


def test_the_exchange_may_want_to_be_left_alone(synchronised):
    """What it says of how long becomes seconds by our clock; what it does not say, or what is past, none."""
    book, _, _ = synchronised()
    wait = book._to_wait
    now = book._surroundings.clock.time()
    assert wait(None) == 0
    assert wait(ApiError(-1000, "no")) == 0
    assert wait(RateLimited(-1003, "no", status=429)) == 0
    assert wait(RateLimited(-1003, "no", status=429, data={"retryAfter": int((now + 30) * 1000)})) == pytest.approx(30)
    assert wait(RateLimited(-1003, "no", status=429, data={"retryAfter": 1})) == 0
    assert wait(RateLimited(-1003, "no", status=429, data={"retryAfter": int(now * 2000)})) == 7 * 86400


def test_a_refused_symbol_ends_the_book(opened, network, exchange):
    """For good, with the refusal as the cause of what is raised."""
    book, streams = opened()
    heard = queue.SimpleQueue()
    book.subscription.on_exception(heard.put)
    streams.push(diff(99, 100))
    api = network.accept()
    exchange.refuse(api, api.sent(), -1121)
    with pytest.raises(OrderBookNotSynchronised) as caught:
        book.wait_until_synchronised(PATIENCE)
    assert caught.value.__cause__ is book.error is next_of(heard)
    assert book.subscription.wait(PATIENCE)
    assert streams.sent()["method"] == "UNSUBSCRIBE"


def test_a_slow_callback_does_not_hold_up_the_book(synchronised):
    """What changed while it ran brings one further call."""
    entered, go, seen = threading.Event(), threading.Event(), queue.SimpleQueue()

    def slow(book):
        seen.put(book.last_update_id)
        entered.set()
        go.wait(PATIENCE)

    book, streams, _ = synchronised(on_change=slow)
    assert entered.wait(PATIENCE)
    done = threading.Event()
    streams.push(*(diff(number, number, bids=[["8", str(number)]]) for number in range(101, 111)))
    streams.push(diff(111, 111))
    while book.last_update_id < 111:
        book.subscription.run_in_turn(done.set)
        assert done.wait(PATIENCE)
        done.clear()
    go.set()
    assert next_of(seen) == 100
    assert next_of(seen) == 111
    assert book.depth_at(8).levels[-1] == (8, 110)


def test_a_callback_that_raises_is_reported(synchronised):
    """And the book goes on."""
    errors = queue.SimpleQueue()

    def fail(book):
        raise ValueError("no")

    book, streams, _ = synchronised()
    book.subscription.on_exception(errors.put)
    book.on_change(fail)
    for number in (101, 102):
        streams.push(diff(number, number))
        error = next_of(errors)
        assert isinstance(error, HandlerError)
        assert isinstance(error.__cause__, ValueError)
    assert book.last_update_id == 102


def test_coroutines_are_no_callbacks(synchronised):
    """Nobody would await them."""

    async def later(book):
        pass

    book, _, _ = synchronised()
    for add in (book.on_change, book.on_resync):
        with pytest.raises(InvalidRequest):
            add(later)


@pytest.mark.parametrize("how", ["close", "context", "token", "subscription", "client"])
def test_closing(synchronised, client, how):
    """However it ends: whoever waits is told, and reading raises."""
    token = CancellationToken()
    book, _, _ = synchronised(ct=token)
    if how == "context":
        with book:
            pass
    else:
        closers = {
            "close": book.close,
            "token": token.cancel,
            "subscription": book.subscription.close,
            "client": client.close,
        }
        closers[how]()
    assert book.subscription.wait(PATIENCE)
    assert book.state is BookState.CLOSED
    with pytest.raises(OrderBookNotSynchronised):
        book.wait_until_synchronised(PATIENCE)
    with pytest.raises(OrderBookNotSynchronised):
        _ = book.best
    assert book.view().is_synchronised is False
    assert book.error is None
    book.close()


def test_snapshots_of_several_books_are_asked_for_one_by_one(client, network, exchange, run):
    """The second when the first is answered; one whose book was closed is left out."""
    books, streams = [], None
    for symbol in ("AAA", "BBB", "CCC"):
        join = run(lambda symbol=symbol: client.spot_api.exchange_data.local_order_book(symbol))
        streams = streams or network.accept()
        streams.push({"id": streams.sent()["id"], "result": None})
        books.append(join())
    for book in books:
        name = f"{book.symbol.lower()}@depth"
        streams.push({"stream": name, "data": {**diff(1, 1)["data"], "s": book.symbol}})
    api = network.accept()
    first = api.sent()
    heard = threading.Event()
    for book in books:
        book.subscription.run_in_turn(heard.set)
        assert heard.wait(PATIENCE)
        heard.clear()
    left = [book for book in books if book.symbol != first["params"]["symbol"]]
    assert api.nothing_sent()
    left[0].close()
    exchange.reply(api, first, snapshot())
    second = api.sent()
    assert second["params"]["symbol"] == left[1].symbol
    exchange.reply(api, second, snapshot())
    assert left[1].wait_until_synchronised(PATIENCE)
    assert api.nothing_sent()
