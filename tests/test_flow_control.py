"""What happens when events come faster than they are handled: bounded everywhere, and nothing of the account lost."""

import functools
import queue
import threading

import pytest

from binance_socket import FlowPolicy, RequestTimeout
from binance_socket._engine.strand import _FLOOD

PATIENCE = 10.0
SIZE = 16


class Blocked:
    """A handler that stays in its first event until it is released."""

    def __init__(self):
        self.entered, self.gate, self.heard = threading.Event(), threading.Event(), queue.SimpleQueue()

    def __call__(self, event):
        self.entered.set()
        assert self.gate.wait(60)
        self.heard.put(int(event.data.delta))

    def take(self, count):
        return [self.heard.get(timeout=PATIENCE) for _ in range(count)]


@pytest.fixture
def blocked():
    blocked = Blocked()
    yield blocked
    blocked.gate.set()


@pytest.fixture
def stops_reading(clock):
    """Wait until a connection is not read any more, which is a wait without a time."""

    def wait(connection):
        with clock._waits:
            assert clock._waits.wait_for(
                lambda: any(condition is connection._changed for condition, _ in clock._waiting.values()), PATIENCE
            )
        assert connection.stalled

    return wait


def trade(number, symbol="A"):
    data = {"e": "trade", "E": 1, "s": symbol, "t": number, "p": "1", "q": "1", "T": 1, "m": True, "M": True}
    return {"stream": f"{symbol.lower()}@trade", "data": data}


def hear_trades(client, network, run, handler, **options):
    join = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("A", handler, **options))
    transport = network.accept()
    request = transport.sent()
    transport.push({"id": request["id"], "result": None})
    return join(), transport


def test_a_handler_that_blocks_for_ever(make_client, network, exchange, subscribe, run, blocked, stops_reading):
    """Three mailboxes full wait at the exchange, one here; others go on; once it returns, everything comes in order."""
    client = make_client(mailbox_size=SIZE)
    subscription, transport = subscribe(client, on_account_balance_update=blocked)
    trades = queue.SimpleQueue()
    _market, streams = hear_trades(client, network, run, trades.put, policy=FlowPolicy.BLOCK)
    exchange.emit(transport, 0)
    assert blocked.entered.wait(PATIENCE)
    for number in range(1, 4 * SIZE):
        exchange.emit(transport, number)
    stops_reading(client._hub.api)
    # The notice that many wait is in the mailbox, too.
    assert subscription.pending == SIZE
    assert transport._incoming.qsize() == 4 * SIZE - SIZE
    [shown] = [one for one in client.health().subscriptions if one.id == subscription.id]
    assert (shown.pending, shown.lagging, shown.dropped) == (SIZE, True, 0)
    assert client.health().connection("api").stalled
    # Another connection is not held up.
    for number in range(3 * SIZE):
        streams.push(trade(number))
    assert [trades.get(timeout=PATIENCE).data.trade_id for _ in range(3 * SIZE)] == list(range(3 * SIZE))
    # An answer is read, although events stand before it.
    future = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(transport, "session.subscriptions", [])
    assert future.result(PATIENCE).result == []
    assert subscription.pending == 4 * SIZE
    assert subscription.pending < _FLOOD * SIZE
    assert blocked.heard.empty()
    blocked.gate.set()
    assert blocked.take(4 * SIZE) == list(range(4 * SIZE))
    assert subscription.dropped == 0


def test_calls_do_not_fill_the_memory(make_client, exchange, subscribe, blocked, stops_reading, pass_time):
    """Behind eight mailboxes full an answer is not read: the call ends by its deadline, and nothing is lost."""
    client = make_client(mailbox_size=4)
    subscription, transport = subscribe(client, on_account_balance_update=blocked)
    exchange.emit(transport, 0)
    assert blocked.entered.wait(PATIENCE)
    for number in range(1, 100):
        exchange.emit(transport, number)
    stops_reading(client._hub.api)
    assert subscription.pending == 4
    future = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(transport, "session.subscriptions", [])
    with exchange.clock._waits:
        assert exchange.clock._waits.wait_for(lambda: subscription.pending >= _FLOOD * 4, PATIENCE)
    stops_reading(client._hub.api)
    assert subscription.pending == _FLOOD * 4
    assert not future.done()
    pass_time(client, 12)
    assert isinstance(future.exception(PATIENCE), RequestTimeout)
    assert subscription.pending == _FLOOD * 4
    blocked.gate.set()
    assert blocked.take(100) == list(range(100))
    again = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(transport, "session.subscriptions", [])
    assert again.result(PATIENCE).result == []
    assert client.health().connection("api").late == 1


def test_a_callback_that_waits_behind_a_flood_goes_on(make_client, exchange, subscribe, pass_time):
    """Its own call ends by the deadline: it is not a deadlock, and the events come in order."""
    client = make_client(mailbox_size=2)
    entered, errors, heard = threading.Event(), queue.SimpleQueue(), queue.SimpleQueue()
    go = threading.Event()

    def handler(event):
        number = int(event.data.delta)
        if number == 0:
            entered.set()
            go.wait(PATIENCE)
            try:
                client.spot_api.account.session_subscriptions()
            except RequestTimeout as error:
                errors.put(error)
        heard.put(number)

    _subscription, transport = subscribe(client, on_account_balance_update=handler)
    exchange.emit(transport, 0)
    assert entered.wait(PATIENCE)
    for number in range(1, 40):
        exchange.emit(transport, number)
    go.set()
    exchange.expect(transport, "session.subscriptions", [])
    pass_time(client, 12)
    assert isinstance(errors.get(timeout=PATIENCE), RequestTimeout)
    assert [heard.get(timeout=PATIENCE) for _ in range(40)] == list(range(40))


def test_a_market_stream_that_may_drop_holds_nobody_up(make_client, network, run, blocked):
    """However long its handler blocks, its connection is read, and no more than the mailbox is held."""
    client = make_client(mailbox_size=SIZE)
    entered, gate, heard = threading.Event(), threading.Event(), queue.SimpleQueue()

    def slow(event):
        entered.set()
        gate.wait(60)
        heard.put(event.data.trade_id)

    subscription, transport = hear_trades(client, network, run, slow)
    transport.push(trade(0))
    assert entered.wait(PATIENCE)
    for number in range(1, 100 * SIZE):
        transport.push(trade(number))
    others = queue.SimpleQueue()
    join = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("B", others.put))
    request = transport.sent()
    transport.push({"id": request["id"], "result": None})
    join()
    assert not client.health().connection("market-1").stalled
    # One place is taken by the notice that tells of it.
    assert subscription.pending == SIZE
    assert subscription.dropped == 99 * SIZE
    gate.set()
    kept = [heard.get(timeout=PATIENCE) for _ in range(SIZE)]
    assert kept == [0, *range(99 * SIZE + 1, 100 * SIZE)]


def test_a_market_stream_that_blocks_holds_up_its_own_connection_only(
    make_client, network, exchange, subscribe, run, stops_reading
):
    """The account's events, and calls, come on another one."""
    client = make_client(mailbox_size=SIZE)
    entered, gate, heard, balances = threading.Event(), threading.Event(), queue.SimpleQueue(), queue.SimpleQueue()

    def slow(event):
        entered.set()
        gate.wait(60)
        heard.put(event.data.trade_id)

    _account, api = subscribe(client, on_account_balance_update=balances.put)
    subscription, streams = hear_trades(client, network, run, slow, policy=FlowPolicy.BLOCK)
    streams.push(trade(0))
    assert entered.wait(PATIENCE)
    for number in range(1, 4 * SIZE):
        streams.push(trade(number))
    [market] = client._hub._market.connections
    stops_reading(market)
    assert subscription.pending == SIZE
    exchange.emit(api, *range(3 * SIZE))
    assert [int(balances.get(timeout=PATIENCE).data.delta) for _ in range(3 * SIZE)] == list(range(3 * SIZE))
    gate.set()
    assert [heard.get(timeout=PATIENCE) for _ in range(4 * SIZE)] == list(range(4 * SIZE))


class SlowAccount:
    """An account whose events are handled too slowly."""

    def listen(self, client, exchange, run, handler):
        join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates(on_account_balance_update=handler))
        transport = exchange.network.accept()
        exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 0})
        return join(), transport, client._hub.api

    def event(self, at):
        milliseconds = int(at * 1000)
        return self.wrapped({"e": "balanceUpdate", "E": milliseconds, "a": "BTC", "d": "1", "T": milliseconds})

    def wrapped(self, event):
        return {"subscriptionId": 0, "event": event}


class QuietKey(SlowAccount):
    """A listen key on which one event comes, beside one whose events are handled too slowly."""

    def listen(self, client, exchange, run, handler):
        transport = None
        for key, hears in (("busy", handler), ("quiet", lambda event: None)):
            subscribe = functools.partial(client.spot_api.account.subscribe_to_user_data_updates, key)
            join = run(functools.partial(subscribe, on_account_balance_update=hears))
            transport = transport or exchange.network.accept()
            exchange.expect(transport, "SUBSCRIBE", None)
            subscription = join()
        transport.push({**self.event(exchange.clock.time()), "stream": "quiet"})
        return subscription, transport, client._hub.streams

    def wrapped(self, event):
        return {"stream": "busy", "data": event}


class SlowTicker:
    """A stream of the market whose events do not say when they were sent, and are handled too slowly."""

    name = "book_ticker"

    def listen(self, client, exchange, run, handler):
        subscribe = getattr(client.spot_api.exchange_data, f"subscribe_to_{self.name}_updates")
        join = run(lambda: subscribe("A", handler, policy=FlowPolicy.BLOCK))
        transport = exchange.network.accept()
        exchange.expect(transport, "SUBSCRIBE", None)
        subscription = join()
        [connection] = client._hub._market.connections
        return subscription, transport, connection

    def event(self, at):
        return {"stream": "a@bookTicker", "data": {"u": 1, "s": "A", "b": "1", "B": "1", "a": "2", "A": "1"}}


class SlowTrades(SlowTicker):
    """The same of one whose events say so."""

    name = "trade"

    def event(self, at):
        return trade(1) | {"data": trade(1)["data"] | {"E": int(at * 1000)}}


@pytest.mark.parametrize("backlog", ["whole", "in two reads", "a ping"])
@pytest.mark.parametrize("kind", [SlowAccount, QuietKey, SlowTicker, SlowTrades])
def test_a_gap_behind_a_backlog_begins_with_it(make_client, exchange, clock, run, stops_reading, kind, backlog):
    """What waited while nobody read is as old as that; what was behind it and is lost may be hardly younger."""
    client, gaps = make_client(mailbox_size=4, probe_after=1e6, audit_after=None), queue.SimpleQueue()
    entered, gate = threading.Event(), threading.Event()

    def handler(event):
        entered.set()
        assert gate.wait(PATIENCE)

    its = kind()
    subscription, transport, connection = its.listen(client, exchange, run, handler)
    subscription.on_gap(gaps.put)
    began = clock.time()
    transport.push(*(its.event(began) for _ in range(6)))
    assert entered.wait(PATIENCE)
    stops_reading(connection)
    clock.advance(60)
    if backlog == "a ping":
        transport.push_ping()
    elif backlog == "whole":
        transport.push(its.event(began + 2), its.event(began + 3))
    else:
        transport.push(its.event(began + 2))
        transport.push(its.event(began + 3))
    # Three seconds after the minute had begun, the exchange sent what is lost when it has had enough.
    transport.drop("the client is too slow")
    gate.set()
    from_ = gaps.get(timeout=PATIENCE).from_.timestamp()
    assert began - 5 <= from_ <= began + 3
