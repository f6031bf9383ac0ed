"""How a client says it is: what client.health() and client.on_state tell, and what the log has."""

import logging
import queue
import threading
from datetime import datetime, timedelta, timezone

import attrs
import pytest

from binance_socket import (
    CallbackThreads,
    ConnectionRole,
    ConnectionState,
    ExchangeClock,
    FlowPolicy,
    ForkedClientError,
    GapStatus,
    Route,
    StuckHandler,
    SubscriptionHealth,
    SubscriptionState,
)
from binance_socket._engine import threads
from binance_socket.testing import InlineExecutor

PATIENCE = 10.0
START = datetime.fromtimestamp(1_700_000_000, timezone.utc)
KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"


@pytest.fixture
def ask(exchange):
    """Ask something, and return when everything that was pushed before was taken in."""

    def once(client, transport):
        future = client.spot_api.account.session_subscriptions.submit()
        exchange.expect(transport, "session.subscriptions", [])
        future.result(PATIENCE)

    return once


@pytest.fixture
def states(make_client):
    """The changes of state that a client is told of: ``states(client) -> queue``."""

    def listen(client):
        told = queue.SimpleQueue()
        client.on_state(told.put)
        return told

    return listen


class Stuck:
    """A handler that stays in its first event until it is released."""

    def __init__(self):
        self.entered, self.gate, self.heard = threading.Event(), threading.Event(), queue.SimpleQueue()

    def __call__(self, event):
        self.entered.set()
        assert self.gate.wait(60)
        self.heard.put(int(event.data.delta))


@pytest.fixture
def stuck():
    stuck = Stuck()
    yield stuck
    stuck.gate.set()


def test_a_client_that_has_nothing_to_do_is_well(client):
    """No connection is up, because none is wanted."""
    health = client.health()
    assert health.ok
    assert health.problems == ()
    assert (health.at, health.environment, health.closed) == (START, "venue", False)
    assert [(c.name, c.role, c.state, c.wanted) for c in health.connections] == [
        ("api", ConnectionRole.API, ConnectionState.IDLE, False),
        ("streams", ConnectionRole.STREAMS, ConnectionState.IDLE, False),
    ]
    assert health.subscriptions == ()
    assert health.callback_threads == CallbackThreads(busy=0, most=8, waiting=0)
    assert health.stuck == ()
    assert not health.clock.known
    assert health.rate_limits.get("REQUEST_WEIGHT")[0].used == 0
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        health.closed = True


def test_a_connection_that_is_up(client, exchange, subscribe, pass_time, ask):
    """How old the signs of life are, what it carries, what is under way, when it will be left."""
    subscription, transport = subscribe(client, route=4)
    api = client.health().connection("api")
    assert (api.state, api.wanted, api.reason, api.close_code) == (ConnectionState.READY, True, None, None)
    assert (api.connects, api.losses) == (1, 0)
    assert api.routes == (Route(topic="user data", id="4"),)
    assert (api.frame_age, api.ping_age, api.pong_age) == (0, None, None)
    assert START + timedelta(hours=22) < api.next_rotation < START + timedelta(hours=24)
    transport.push_ping()
    ask(client, transport)
    pass_time(client, 7)
    future = client.spot_api.account.session_subscriptions.submit()
    request = transport.sent()
    transport.push_pong()
    exchange.emit(transport, 1, route=9)
    transport.push({"id": "nobody's", "status": 200, "result": {}})
    exchange.reply(transport, request, [])
    future.result(PATIENCE)
    pass_time(client, 2)
    waiting = client.spot_api.account.session_subscriptions.submit()
    api = client.health().connection("api")
    assert (api.frame_age, api.ping_age, api.pong_age) == (2, 9, 2)
    assert (api.in_flight, api.stalled) == (1, False)
    assert (api.malformed, api.late, api.unrouted) == (0, 1, 1)
    assert client.health().connection("nothing") is None
    exchange.expect(transport, "session.subscriptions", [])
    waiting.result(PATIENCE)
    [heard] = client.health().subscriptions
    assert (heard.id, heard.state, heard.stream) == (subscription.id, SubscriptionState.ACTIVE, "4")
    assert (heard.topics, heard.gap, heard.gaps, heard.last_received_at) == (("user data",), None, 0, None)


@pytest.mark.parametrize("never", [float("inf"), 1e13])
def test_a_rotation_that_no_year_knows(make_client, subscribe, never):
    """Some say so that they want none."""
    client = make_client(rotation_after=never)
    subscribe(client)
    assert client.health().connection("api").next_rotation is None


def test_what_is_not_understood_is_counted(client, network, exchange, ask):
    """Without a subscription, of which it might have been an event, the connection lives on."""
    future = client.spot_api.account.session_subscriptions.submit()
    transport = network.accept()
    transport.push({"no": "message"})
    exchange.expect(transport, "session.subscriptions", [])
    future.result(PATIENCE)
    ask(client, transport)
    assert client.health().connection("api").malformed == 1


def test_a_connection_that_was_lost(client, network, exchange, subscribe, run):
    """With which code, why, and what it means; all is well once it is up again and the gap is told."""
    gaps = queue.SimpleQueue()
    client.on_gap(gaps.put)
    subscription, transport = subscribe(client)
    network.hang()
    transport.drop("too many messages", 1008)
    network.wait_attempt()
    network.wait_attempt()
    assert gaps.get(timeout=PATIENCE).status is GapStatus.OPEN
    health = client.health()
    api = health.connection("api")
    assert (api.state, api.wanted, api.close_code) == (ConnectionState.CONNECTING, True, 1008)
    assert "too many messages" in api.reason
    assert (api.connects, api.losses) == (1, 1)
    assert (api.frame_age, api.next_rotation) == (None, None)
    assert api.routes == (Route(topic="user data", id=None),)
    [heard] = health.subscriptions
    assert (heard.state, heard.gaps) == (SubscriptionState.RECONNECTING, 1)
    assert heard.gap.status is GapStatus.OPEN
    assert not health.ok
    assert health.problems == (
        f"api is connecting: {api.reason}",
        f"subscription {subscription.id} hears nothing at the moment",
    )
    client._hub.api._waker.wake()
    transport = network.accept()
    exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 1})
    assert gaps.get(timeout=PATIENCE).status is GapStatus.FAILED
    health = client.health()
    assert health.ok
    api = health.connection("api")
    assert (api.reason, api.close_code, api.connects, api.losses) == (None, 1008, 2, 1)
    assert (health.subscriptions[0].stream, health.subscriptions[0].gap) == ("1", None)


def test_a_gap_that_is_open_is_a_problem(make_client, network, exchange, subscribe):
    """Events come again, and what was missed is still being found out."""
    client = make_client(backfill=True)
    restored = threading.Event()
    subscription, transport = subscribe(client)
    subscription.on_connection_restored(lambda downtime: restored.set())
    transport.drop()
    transport = network.accept()
    exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 0})
    assert restored.wait(PATIENCE)
    assert client.health().problems == (f"subscription {subscription.id} is finding out what it has missed",)


def test_a_connection_that_could_not_be_made(client, network, run):
    """A permanent error leaves it idle: nothing is wrong, but it says what has been."""
    from binance_socket import TlsError

    network.refuse(TlsError("the certificate is for somebody else"))
    with pytest.raises(TlsError):
        client.spot_api.account.session_subscriptions()
    api = client.health().connection("api")
    assert (api.state, api.wanted) == (ConnectionState.IDLE, False)
    assert "somebody else" in api.reason
    assert api.problem is None
    assert "somebody else" in str(api)


def test_a_defect_of_ours_is_a_problem(client, exchange, subscribe, monkeypatch, states):
    """The connection is FAILED, and says why."""
    _subscription, transport = subscribe(client)
    told = states(client)

    def broken(message, now):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(client._hub.api._session, "received", broken)
    transport.push({"id": "x", "status": 200})
    change = told.get(timeout=PATIENCE)
    assert (change.after, change.reason) == (ConnectionState.FAILED, "internal error: ZeroDivisionError('ours')")
    health = client.health()
    assert health.problems == ("api is failed: internal error: ZeroDivisionError('ours')",)


def test_listen_keys_are_not_shown(client, network, exchange, run):
    """Who has one has the account's events."""
    join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates(KEY))
    transport = network.accept()
    request = transport.sent()
    transport.push({"id": request["id"], "result": None})
    join()
    health = client.health()
    [route] = health.connection("streams").routes
    assert route == Route(topic="listen key pqia...", id="listen key pqia...")
    [heard] = health.subscriptions
    assert (heard.stream, heard.topics) == ("listen key pqia...", ("listen key pqia...",))
    for text in (str(health), repr(health), repr(attrs.asdict(health, recurse=False))):
        assert KEY[:8] not in text
        assert KEY[-8:] not in text


def test_market_streams_are_shown_by_name(client, network, run):
    """Each connection says what it carries, and the subscription on what it hears."""
    join = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates(["A", "B"], print))
    transport = network.accept()
    request = transport.sent()
    transport.push({"id": request["id"], "result": None})
    join()
    health = client.health()
    market = health.connection("market-1")
    assert market.role is ConnectionRole.MARKET
    assert {(route.topic, route.id) for route in market.routes} == {("a@trade", "a@trade"), ("b@trade", "b@trade")}
    assert (health.subscriptions[0].stream, set(health.subscriptions[0].topics)) == (None, {"a@trade", "b@trade"})


def test_mailboxes(make_client, exchange, subscribe, stuck, ask):
    """How many events wait, the most that did, and whether that was told of; what may drop says how many it has."""
    client = make_client(mailbox_size=8)
    subscription, transport = subscribe(client, on_account_balance_update=stuck)
    exchange.emit(transport, 0)
    assert stuck.entered.wait(PATIENCE)
    other = client.spot_api.account.subscribe_to_user_data_updates()
    exchange.emit(transport, *range(1, 6))
    ask(client, transport)
    lagging, idle = client.health().subscriptions
    assert (lagging.id, idle.id) == (subscription.id, other.id)
    assert (lagging.pending, lagging.high_water, lagging.lagging, lagging.dropped) == (6, 6, True, 0)
    assert lagging.last_received_at == START
    stuck.gate.set()
    assert [stuck.heard.get(timeout=PATIENCE) for _ in range(6)] == list(range(6))
    lagging, _ = client.health().subscriptions
    assert (lagging.pending, lagging.high_water, lagging.lagging) == (0, 6, False)


@pytest.mark.parametrize(
    ("policy", "expected"), [(FlowPolicy.DROP_OLDEST, (92, True)), (FlowPolicy.LATEST_ONLY, (99, False))]
)
def test_what_is_dropped_is_counted(make_client, network, run, stuck, policy, expected):
    """And shown."""
    client = make_client(mailbox_size=8)
    entered = threading.Event()

    def slow(event):
        entered.set()
        stuck.gate.wait(60)

    join = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("A", slow, policy=policy))
    transport = network.accept()
    request = transport.sent()
    transport.push({"id": request["id"], "result": None})
    join()
    data = {"e": "trade", "E": 1, "s": "A", "t": 1, "p": "1", "q": "1", "T": 1, "m": True, "M": True}
    transport.push({"stream": "a@trade", "data": data})
    assert entered.wait(PATIENCE)
    transport.push(*({"stream": "a@trade", "data": data} for _ in range(100)))
    # What is asked is answered after what was pushed before it.
    join = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("B", print))
    request = transport.sent()
    transport.push({"id": request["id"], "result": None})
    join()
    heard = client.health().subscriptions[0]
    assert (heard.dropped, heard.lagging) == expected


def test_a_stuck_handler_is_seen_and_nothing_waits_for_it(
    make_client, network, exchange, subscribe, pass_time, stuck, caplog, ask
):
    """Other subscriptions, calls and keepalives go on; the log has one line when it is stuck, and one when not."""
    client = make_client(callback_threads=2, stuck_after=30.0)
    heard = queue.SimpleQueue()
    subscription, transport = subscribe(client, on_account_balance_update=stuck)
    client.spot_api.account.subscribe_to_user_data_updates(on_account_balance_update=heard.put)
    exchange.emit(transport, 0)
    assert stuck.entered.wait(PATIENCE)
    for number in range(1, 5):
        # The peer is silent for longer than it may be, and the timer has it pinged all the same.
        pass_time(client, 22)
        transport.wait_pinged()
        transport.push_pong()
        exchange.emit(transport, number)
        ask(client, transport)
    assert [int(heard.get(timeout=PATIENCE).data.delta) for _ in range(5)] == list(range(5))
    health = client.health()
    [handler] = health.stuck
    assert handler.name == f"subscription {subscription.id}"
    assert handler.seconds == 88
    assert health.callback_threads.busy >= 1
    assert health.problems == (str(handler),)
    lines = [record for record in caplog.records if record.name.endswith("watchdog")]
    assert len(lines) == 1
    assert "assert self.gate.wait(60)" in lines[0].getMessage()
    stuck.gate.set()
    assert [stuck.heard.get(timeout=PATIENCE) for _ in range(5)] == list(range(5))
    assert client.health().ok
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("watchdog")]
    assert lines[1:] == [f"the callback of subscription {subscription.id} that was stuck has returned, after 88 s"]


def test_callback_threads_that_are_all_busy(make_client, exchange, subscribe, stuck):
    """What waits for one is counted; an executor of the user's is not ours to look into."""
    client = make_client(callback_threads=1)
    _subscription, transport = subscribe(client, on_account_balance_update=stuck)
    client.spot_api.account.subscribe_to_user_data_updates(on_account_balance_update=lambda event: None)
    # The one thread is done with what subscribing has given it to do.
    client._hub.executor.submit(print).result(PATIENCE)
    exchange.emit(transport, 0)
    assert stuck.entered.wait(PATIENCE)
    future = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(transport, "session.subscriptions", [])
    future.result(PATIENCE)
    assert client.health().callback_threads == CallbackThreads(busy=1, most=1, waiting=1)
    assert make_client(executor=InlineExecutor()).health().callback_threads is None


def test_every_change_of_state_is_told_and_logged_once(client, network, exchange, subscribe, states, caplog):
    """In order, with the reason where something went wrong; the subscription's own are logged as well."""
    caplog.set_level(logging.INFO, "binance_socket")
    told, restored = states(client), threading.Event()
    subscription, transport = subscribe(client)
    subscription.on_connection_restored(lambda downtime: restored.set())
    transport.drop("gone")
    transport = network.accept()
    exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 0})
    changes = [told.get(timeout=PATIENCE) for _ in range(5)]
    assert restored.wait(PATIENCE)
    client.close()
    assert subscription.wait(PATIENCE)
    number = client.health().connection("api").number
    # The other connection ends as well.
    changes += [change for change in (told.get(timeout=PATIENCE) for _ in range(2)) if change.number == number]
    reason = "the link was closed with code 1006: gone"
    assert [(c.before.value, c.after.value, c.reason and c.reason.partition(" (")[0]) for c in changes] == [
        ("idle", "connecting", None),
        ("connecting", "ready", None),
        ("ready", "backoff", reason),
        ("backoff", "connecting", None),
        ("connecting", "ready", None),
        ("ready", "closed", None),
    ]
    assert {(c.connection, c.at) for c in changes} == {("api", START)}
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("hooks")]
    assert [line for line in lines if line.startswith("api")] == [str(change) for change in changes]
    assert str(changes[2]).startswith(f"api #{number}: ready -> backoff ({reason}")
    levels = {record.levelname for record in caplog.records if record.name.endswith("hooks")}
    assert levels == {"INFO"}
    lines = [
        (record.levelname, record.getMessage().partition(" (")[0])
        for record in caplog.records
        if record.getMessage().startswith("subscription") and record.name.endswith("events")
    ]
    name = f"subscription {subscription.id}"
    assert [line for line in lines if ": Gap" not in line[1]] == [
        ("INFO", f"{name}: active"),
        ("WARNING", f"{name}: reconnecting"),
        ("INFO", f"{name}: active"),
        ("INFO", f"{name}: closed"),
    ]


def test_a_closed_client_has_a_health(client, subscribe):
    """It is not well, and says so."""
    subscribe(client)
    client.close()
    health = client.health()
    assert health.closed
    assert not health.ok
    assert health.problems == ("the client is closed",)
    assert {connection.state for connection in health.connections} == {ConnectionState.CLOSED}
    assert health.connection("api").frame_age is None
    assert health.subscriptions == ()


def test_not_in_another_process(client, subscribe, monkeypatch):
    """Somebody may have held a lock when it was forked. Here what a fork changes is changed without one."""
    subscribe(client)
    with monkeypatch.context() as patch:
        patch.setattr(threads, "_process_token", -1)
        with pytest.raises(ForkedClientError):
            client.health()
    assert client.health().ok


def test_it_may_be_asked_for_by_many_threads_at_any_time(make_client, network, exchange, subscribe, run):
    """While connections come and go: it is a value each time, and nobody hangs."""
    client = make_client()
    _subscription, transport = subscribe(client)
    stop = threading.Event()

    def look():
        count = 0
        while not stop.is_set():
            health = client.health()
            assert str(health)
            assert health.connection("api").connects >= 1
            count += 1
        return count

    joins = [run(look) for _ in range(4)]
    for _ in range(20):
        transport.drop()
        transport = network.accept()
        exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 0})
    client.close()
    stop.set()
    assert all(join() for join in joins)


def test_it_may_be_asked_for_in_a_callback(client, exchange, subscribe):
    """Of a hook and of an event."""
    healths = queue.SimpleQueue()
    client.on_state(lambda change: healths.put(client.health()))
    _subscription, transport = subscribe(client, on_account_balance_update=lambda event: healths.put(client.health()))
    exchange.emit(transport, 1)
    assert all(healths.get(timeout=PATIENCE).environment == "venue" for _ in range(3))


def test_what_is_printed(make_client, exchange, subscribe, pass_time, ask):
    """A few lines for a terminal."""
    client = make_client(executor=InlineExecutor())
    subscription, transport = subscribe(client, route=3)
    exchange.emit(transport, 1, route=3)
    ask(client, transport)
    pass_time(client, 1)
    health = client.health()
    first, api, streams, heard, clock, limits = str(health).splitlines()
    assert first == "venue at 2023-11-14 22:13:21 UTC: ok"
    number = health.connection("api").number
    assert api.startswith(f"  api #{number}: ready, frame 1.0 s ago, 0 in flight, connects 1, rotates 2023-11-15 ")
    assert api.endswith("carries user data as 3")
    assert streams.endswith(": idle, 0 in flight")
    assert heard == f"  subscription {subscription.id}: active, 0 waiting (most 1), last event 2023-11-14 22:13:20 UTC"
    assert clock == "  the exchange's clock: not known"
    assert limits.startswith("  <RateLimits REQUEST_WEIGHT")
    assert repr(health) == "<Health of venue: ok>"


def test_what_is_printed_of_a_client_in_trouble(client):
    """Everything that counts is in it."""
    health = client.health()
    api = attrs.evolve(
        health.connections[0],
        state=ConnectionState.BACKOFF,
        wanted=True,
        stalled=True,
        reason="refused",
        close_code=1008,
        losses=3,
        duplicates=7,
        routes=tuple(Route(topic=f"{name}@trade", id=f"{name}@trade") for name in "abcde"),
    )
    heard = SubscriptionHealth(
        id=1,
        state=SubscriptionState.RECONNECTING,
        stream=None,
        topics=("a@trade",),
        pending=5,
        high_water=9,
        dropped=4,
        lagging=True,
        gap=None,
        gaps=2,
        last_received_at=None,
    )
    health = attrs.evolve(
        health,
        connections=(api,),
        subscriptions=(heard,),
        clock=ExchangeClock(offset=-0.25, uncertainty=0.0625, known=True),
        stuck=(StuckHandler("subscription 1", "mine", 61.4),),
        hooks_dropped=6,
    )
    first, shown, subscription, clock, _, threads_line, hooks = str(health).splitlines()
    assert first == (
        "venue at 2023-11-14 22:13:20 UTC: api is backoff: refused; subscription 1 hears nothing at the moment; "
        "a callback of subscription 1 has been running for 61 s on thread mine"
    )
    assert shown == (
        f"  api #{api.number}: backoff, 0 in flight, losses 3, duplicates 7, not read for want of room, "
        "last closed with 1008, refused, carries a@trade, b@trade, c@trade and 2 more"
    )
    assert subscription == "  subscription 1: reconnecting, 5 waiting (most 9), 4 dropped, 2 gaps, lagging"
    assert clock == "  the exchange's clock: -0.250 s off, give or take 0.062 s"
    assert threads_line == "  callback threads: 0 of 8 busy, 0 waiting"
    assert hooks == "  hooks: 6 calls dropped"
