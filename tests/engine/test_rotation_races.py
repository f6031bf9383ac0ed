"""Rotations, and what somebody else does meanwhile, with the order of threads forced."""

import queue
import threading
from concurrent.futures import Future

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rotation_case import LOGGED_ON, PATIENCE, SHUTDOWN, SUBSCRIBE, UNSUBSCRIBE, Story, keyed_emit, marker, order

from binance_socket import ApiError, ClientClosed, ConnectionLost, Ed25519Key, GapStatus, SubscriptionState
from binance_socket._engine.connection import Connection
from binance_socket._engine.rotation import OVERLAP, Rotation, Stage
from binance_socket._engine.succession import Succession
from binance_socket._wire.messages import Request
from binance_socket.testing import InlineExecutor


class Parked:
    """A function of a class that stops its first caller, once it is on, until it may go on."""

    def __init__(self, monkeypatch, owner, name, *, on=lambda *args: True):
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._original, self._on = getattr(owner, name), on
        monkeypatch.setattr(owner, name, lambda *args: self._run(*args))

    def _run(self, *args):
        if self._on(*args) and not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(PATIENCE)
        return self._original(*args)


def told_of(monkeypatch, name):
    """Return an event that is set once somebody has told a rotation of something."""
    told, original = threading.Event(), getattr(Rotation, name)

    def tell(*args):
        original(*args)
        told.set()

    monkeypatch.setattr(Rotation, name, tell)
    return told


def ask(connection, transport, method="LIST_SUBSCRIPTIONS"):
    """
    Wait until everything that was pushed so far has been taken in: an answer is the last of it.

    Return what was sent before that was asked for.
    """
    future = connection.submit(Request(method), PATIENCE)
    before = []
    while (request := transport.sent())["method"] != method:
        before.append(request)
    transport.push({"id": request["id"], "status": 200, "result": {}})
    future.result(PATIENCE)
    return before


# Several rotations.


def test_two_rotations_at_a_time(case):
    """The second follows the first, and both are told when they are done: also where everything is over at once."""
    case.both()
    [first] = case.futures
    [second] = case.client._hub.rotate()
    case.emit(case.old, order(1))
    case.emit(case.new, order(1))
    request = case.old.sent()
    assert request["method"] == UNSUBSCRIBE
    # Before the answer, which is the last that is due.
    case.old.push(marker())
    case.exchange.reply(case.old, request, {})
    case.old.wait_closed()
    first.result(PATIENCE)
    third = case.network.accept()
    case.exchange.expect(third, "ping", {})
    case.exchange.expect(third, SUBSCRIBE, {"subscriptionId": 0})
    assert not second.done()
    case.emit(case.new, order(2))
    case.emit(third, order(2))
    case.exchange.expect(case.new, UNSUBSCRIBE, {})
    case.new.push(marker())
    second.result(PATIENCE)
    assert case.story.take(2) == [1, 2]


def test_two_rotations_without_a_subscription(make_client, network, exchange, pass_time, run):
    """There is nothing to wait for but the overlap."""
    client = make_client(rotation_after=None)
    join = run(lambda: client.spot_api.exchange_data.ping())
    connection = network.accept()
    exchange.expect(connection, "ping", {})
    join()
    futures = client._hub.rotate()
    following = network.accept()
    ping = following.sent()
    futures += client._hub.rotate()
    exchange.reply(following, ping, {})
    pass_time(client, OVERLAP)
    connection.wait_closed()
    third = network.accept()
    exchange.expect(third, "ping", {})
    pass_time(client, OVERLAP)
    following.wait_closed()
    for future in futures:
        future.result(PATIENCE)


@pytest.mark.parametrize("why", ["its time has come", "a shutdown is announced"])
def test_a_reason_to_leave_is_not_forgotten_with_a_rotation_that_fails(
    make_client, network, exchange, subscribe, pass_time, why
):
    """Whoever asked for that one is told; the connection has to be left all the same."""
    client = make_client(
        executor=InlineExecutor(), rotation_after=100.0 if why == "its time has come" else None, probe_after=3000.0
    )
    _, old = subscribe(client)
    pass_time(client, 90.0)
    network.hang()
    [future] = client._hub.rotate()
    assert [network.wait_attempt() for _ in range(2)]
    if why == "its time has come":
        for _ in range(10):
            pass_time(client, 1.5)
    else:
        old.push(SHUTDOWN)
        # Its answer comes after the announcement.
        asked = client.spot_api.exchange_data.ping.submit()
        exchange.expect(old, "ping", {})
        asked.result(PATIENCE)
    network.refuse()
    client._hub._rotator._roles[0].rotation.new_down()
    assert isinstance(future.exception(PATIENCE), ConnectionLost)
    pass_time(client, 100.0)
    assert network.wait_attempt()


def test_a_reason_to_leave_is_not_forgotten_with_a_rotation_that_is_asked_for_meanwhile(
    make_client, network, subscribe, pass_time
):
    """The time had come, and that rotation failed; so did one that somebody asked for before it was tried again."""
    client = make_client(executor=InlineExecutor(), rotation_after=100.0, probe_after=1e6, audit_after=None)
    subscribe(client)
    network.hang()
    for _ in range(103):
        pass_time(client, 1.0)
    assert [network.wait_attempt() for _ in range(2)]
    rotator = client._hub._rotator
    [role, _] = rotator._roles
    role.rotation.new_down()
    [future] = rotator.rotate()
    # What was to try again finds one under way.
    for _ in range(5):
        pass_time(client, 1.0)
    role.rotation.new_down()
    assert isinstance(future.exception(PATIENCE), ConnectionLost)
    before = len(network.attempts)
    while len(network.attempts) < before + 2:
        pass_time(client, 10.0)
        if role.rotation is not None and len(network.attempts) > before:
            break
    assert role.rotation is not None


def test_the_new_one_may_have_to_be_left_before_it_takes_over(
    make_client, network, exchange, subscribe, pass_time, monkeypatch
):
    """Its own time comes while both overlap."""
    monkeypatch.setattr("random.random", lambda: 0.5)
    client = make_client(executor=InlineExecutor(), rotation_after=4.0, probe_after=1e6, audit_after=None)
    _, old = subscribe(client)
    pass_time(client, 4.1)
    new = network.accept()
    exchange.expect(new, "ping", {})
    exchange.expect(new, SUBSCRIBE, {"subscriptionId": 0})
    ask(client._hub._rotator._roles[0].rotation.new, new, "time")
    for _ in range(11):
        pass_time(client, 0.5)
    exchange.expect(old, UNSUBSCRIBE, {})
    old.push(marker())
    old.wait_closed()
    while client._hub._rotator._roles[0].rotation is not None:
        pass_time(client, 1.0)
    for _ in range(10):
        pass_time(client, 1.0)
    third = network.accept()
    exchange.expect(third, "ping", {})


def test_the_new_one_is_far_behind(case):
    """What the old one has brought is not delivered again, even if it comes late."""
    case.both()
    case.emit(case.old, order(1))
    case.emit(case.new, order(1))
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.emit(case.old, order(2), order(3))
    case.old.push(marker())
    case.old.wait_closed()
    case.done()
    case.pass_time(case.client, 2 * OVERLAP)
    case.emit(case.new, order(2), order(3), order(4))
    case.ask(case.new)
    assert case.story.take(4) == [1, 2, 3, 4]
    assert case.story.is_over()


def test_rotating_in_a_callback_that_is_flooded(make_client, network, exchange, subscribe, pass_time, monkeypatch):
    """
    It waits for what its own full mailbox keeps from being read; but not for ever.

    Nothing is missing then, but of what was not read nobody knows that. So a loss is told.
    """
    client = make_client(mailbox_size=8, rotation_after=None, probe_after=3000.0)
    inside, rotated, heard = threading.Event(), threading.Event(), queue.SimpleQueue()

    def handler(event):
        heard.put(event.data.payload["I"])
        if not inside.is_set():
            inside.set()
            client.rotate()
            rotated.set()

    stalled, await_room = threading.Event(), Connection._await_room

    def note(connection):
        if connection is before:
            stalled.set()
        await_room(connection)

    monkeypatch.setattr(Connection, "_await_room", note)
    subscription, old = subscribe(client, on_unknown_event=handler)
    before = client._hub.api
    subscription.on_connection_lost(lambda: heard.put("lost"))
    old.push({"subscriptionId": 0, "event": order(0)})
    assert inside.wait(PATIENCE)
    new = network.accept()
    exchange.expect(new, "ping", {})
    exchange.expect(new, SUBSCRIBE, {"subscriptionId": 0})
    # Only if nobody else is about to post does its reader see that there is no room.
    ask(client._hub._rotator._roles[0].rotation.new, new, "time")
    old.push(*({"subscriptionId": 0, "event": order(number)} for number in range(1, 300)))
    assert stalled.wait(PATIENCE)
    new.push(*({"subscriptionId": 0, "event": order(number)} for number in range(1, 300)))
    exchange.expect(old, UNSUBSCRIBE, {})
    for _ in range(30):
        pass_time(client, OVERLAP / 2)
    assert rotated.wait(PATIENCE)
    assert [heard.get(timeout=PATIENCE) for _ in range(301)] == [*range(300), "lost"]
    assert heard.empty()


def test_what_is_refused_for_now_keeps_nothing_else_from_moving(
    make_client, network, exchange, run, pass_time, monkeypatch
):
    """One of two listen keys is gone, and the exchange says: later. It is asked for again after the move."""
    monkeypatch.setattr("random.random", lambda: 0.5)
    client = make_client(
        executor=InlineExecutor(),
        keep_raw=True,
        rotation_after=None,
        keep_alive_listen_keys=False,
        probe_after=3000.0,
        backoff_base=200.0,
        backoff_cap=200.0,
    )
    account, story, other = client.spot_api.account, Story(), Story()
    join = run(lambda: account.subscribe_to_user_data_updates("k" * 20, on_unknown_event=story.event))
    old = network.accept()
    exchange.expect(old, "SUBSCRIBE", None)
    join()
    join = run(lambda: account.subscribe_to_user_data_updates("o" * 20, on_unknown_event=other.event))
    exchange.expect(old, "SUBSCRIBE", None)
    other.watch(join())
    old.push({"stream": "o" * 20, "data": {"e": "eventStreamTerminated", "E": 1}})
    exchange.refuse(old, old.sent(), -1008, status=503)
    old.push(SHUTDOWN)
    # Its answer comes after the announcement.
    ask(client._hub.streams, old)
    for _ in range(60):
        pass_time(client, 0.1)
    new = network.accept()
    exchange.expect(new, "LIST_SUBSCRIPTIONS", [])
    for _ in range(2):
        request = new.sent()
        if request["params"] == ["o" * 20]:
            exchange.refuse(new, request, -1008, status=503)
        else:
            exchange.reply(new, request)
    keyed_emit(old, order(1))
    assert story.take(1) == [1]
    keyed_emit(new, order(1), order(2))
    # The answers have been read before it is too late for them.
    ask(client._hub._rotator.connections[-1], new)
    while client._hub.streams is not client._hub._rotator.connections[-1]:
        pass_time(client, 1.0)
    assert story.take(1) == [2]
    exchange.expect(old, "UNSUBSCRIBE", None)
    old.wait_closed()
    while not (asked := ask(client._hub.streams, new)):
        pass_time(client, 1.0)
    [request] = asked
    assert request["params"] == ["o" * 20]
    exchange.reply(new, request)
    new.push({"stream": "o" * 20, "data": order(7)})
    assert other.take(3) == ["lost", "restored", 7]


# Others come and go.


def test_who_leaves_and_comes_again_hears_each_event_once(case, subscribe):
    """The new connection's subscription was for nobody any more: it gets another one."""
    case.both()
    [left] = case.rotation._overlaps.values()
    case.subscription.close()
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.old.push(marker())
    story = Story()
    joined, _ = subscribe(case.client, case.old, route=1, on_unknown_event=story.event)
    story.watch(joined)
    case.emit(case.old, order(1), route=1)
    case.emit(case.new, order(1))
    assert story.take(1) == [1]
    case.pass_time(case.client, OVERLAP)
    case.exchange.expect(case.new, UNSUBSCRIBE, {})
    case.new.push(marker())
    case.exchange.expect(case.new, SUBSCRIBE, {"subscriptionId": 1})
    case.emit(case.old, order(2), route=1)
    case.emit(case.new, order(2), order(3), route=1)
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    # Told late, of what was for nobody any more.
    left.new.closed(left.topic, None)
    assert case.rotation._overlaps
    case.old.push(marker(1))
    case.done()
    assert story.take(2) == [2, 3]
    case.emit(case.new, order(4), route=1)
    assert story.take(1) == [4]
    assert story.is_over()
    assert joined.state is SubscriptionState.ACTIVE


@pytest.mark.parametrize("how", ["lost", "refuses"])
def test_somebody_comes_at_the_last_moment(keyed, network, exchange, run, monkeypatch, how):
    """The new connection had everything already; then it has not, and goes. The old one is not touched by that."""
    client, story, old, subscription = keyed
    [moved] = client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "LIST_SUBSCRIPTIONS", [])
    exchange.expect(new, "SUBSCRIBE", None)
    parked = Parked(monkeypatch, Succession, "yield_to")
    keyed_emit(old, order(1))
    assert story.take(1) == [1]
    # So that the new one's reader decides, and the old one's is free.
    keyed_emit(new, order(1))
    assert parked.reached.wait(PATIENCE)
    other = Story()
    join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates("o" * 20, on_unknown_event=other.event))
    exchange.expect(old, "SUBSCRIBE", None)
    join()
    parked.go_on.set()
    asked = new.sent()
    assert asked["params"] == ["o" * 20]
    if how == "lost":
        new.drop()
    else:
        exchange.refuse(new, asked, 2)
    assert isinstance(moved.exception(PATIENCE), (ConnectionLost, ApiError))
    keyed_emit(old, order(2))
    old.push({"stream": "o" * 20, "data": order(7)})
    assert story.take(1) == [2]
    assert other.take(1) == [7]
    assert story.is_over()
    assert subscription.state is SubscriptionState.ACTIVE


def test_who_comes_to_a_topic_at_the_last_moment_misses_nothing(keyed, network, exchange, run, monkeypatch):
    """The new connection was told of the first subscriber only, and does not take over yet; the old one knows both."""
    client, story, old, _ = keyed
    [moved] = client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "LIST_SUBSCRIPTIONS", [])
    exchange.expect(new, "SUBSCRIBE", None)
    second, other, take_over, come = Story(), Story(), Succession.take_over, threading.Event()
    account = client.spot_api.account

    def others_come_first(self, subscribers, stand_ins):
        if not come.is_set():
            come.set()
            run(lambda: account.subscribe_to_user_data_updates("k" * 20, on_unknown_event=second.event))()
            join = run(lambda: account.subscribe_to_user_data_updates("o" * 20, on_unknown_event=other.event))
            exchange.expect(old, "SUBSCRIBE", None)
            join()
        take_over(self, subscribers, stand_ins)

    monkeypatch.setattr(Succession, "take_over", others_come_first)
    keyed_emit(old, order(1))
    assert story.take(1) == [1]
    keyed_emit(new, order(1))
    asked = new.sent()
    assert asked["params"] == ["o" * 20]
    keyed_emit(old, order(2))
    assert (story.take(1), second.take(1)) == ([2], [2])
    exchange.reply(new, asked)
    exchange.expect(old, "UNSUBSCRIBE", None)
    moved.result(PATIENCE)
    keyed_emit(new, order(2), order(3))
    assert (story.take(1), second.take(1)) == ([3], [3])


@pytest.mark.parametrize("who", ["logs on", "logs off"])
def test_a_logon_while_a_connection_is_made(make_client, network, exchange, run, pass_time, who):
    """The new one is as the old one is when it takes over."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    client = make_client(credentials=Ed25519Key("key", pem), rotation_after=None)
    account = client.spot_api.account
    ask, method = account.session_logon, "session.logon"
    if who == "logs off":
        join = run(account.session_logon)
        old = network.accept()
        exchange.expect(old, "session.logon", LOGGED_ON)
        join()
        ask, method = account.session_logout, "session.logout"
    else:
        join = run(lambda: client.spot_api.exchange_data.ping())
        old = network.accept()
        exchange.expect(old, "ping", {})
        join()
    [moved] = client._hub.rotate()
    new = network.accept()
    if who == "logs off":
        exchange.expect(new, "session.logon", LOGGED_ON)
    probe = new.sent()
    join = run(ask)
    exchange.expect(old, method, LOGGED_ON)
    join()
    exchange.reply(new, probe, {})
    pass_time(client, OVERLAP)
    exchange.expect(new, method, LOGGED_ON)
    moved.result(PATIENCE)
    old.wait_closed()
    assert client._hub.api.succession.logon_wanted is (who == "logs on")
    assert not client._hub.api.succession.lacks_logon


def joining(client, run, story, key="o" * 20):
    """Subscribe to another listen key; return what waits for the subscription."""
    return run(lambda: client.spot_api.account.subscribe_to_user_data_updates(key, on_unknown_event=story.event))


@pytest.fixture
def doubled(keyed, network, exchange):
    """A client whose listen key is on two connections; the old one is the one that counts."""
    client, story, old, _ = keyed
    [moved] = client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "LIST_SUBSCRIPTIONS", [])
    exchange.expect(new, "SUBSCRIBE", None)
    keyed_emit(old, order(1))
    assert story.take(1) == [1]
    return client, old, new, moved


@pytest.mark.parametrize("closed", [False, True])
def test_who_waits_for_an_answer_of_the_old_one_gets_that_of_the_new_one(doubled, network, exchange, run, closed):
    """The old link was lost before it had answered."""
    client, old, new, moved = doubled
    ask(client._hub._rotator._roles[1].rotation.new, new)
    other = Story()
    join = joining(client, run, other)
    assert old.sent()["params"] == ["o" * 20]
    network.hang()
    old.drop()
    asked = new.sent()
    assert asked["params"] == ["o" * 20]
    if closed:
        client.close()
        with pytest.raises(ClientClosed):
            join()
        return
    exchange.reply(new, asked)
    moved.result(PATIENCE)
    assert join().state is SubscriptionState.ACTIVE
    new.push({"stream": "o" * 20, "data": order(9)})
    assert other.take(1) == [9]


def joining_both(client, old, new, run):
    """
    Subscribe to another listen key on both connections: neither has answered yet.

    Return who hears it, what waits for the subscription, and what the old one and the new one were asked.
    """
    other = Story()
    join = joining(client, run, other)
    held = old.sent()
    # An event that both have brought: it is looked whether it is time.
    keyed_emit(new, order(1))
    asked = new.sent()
    assert asked["params"] == ["o" * 20]
    return other, join, held, asked


@pytest.mark.parametrize("answer", ["yes", "no", "none"])
def test_nothing_moves_before_the_new_one_has_what_the_old_one_got_meanwhile(doubled, exchange, run, pass_time, answer):
    """If it refuses, the old one goes on. If it never answers, it is moved all the same, and told as a loss."""
    client, old, new, moved = doubled
    rotation = client._hub._rotator._roles[1].rotation
    other, join, held, asked = joining_both(client, old, new, run)
    exchange.reply(old, held)
    other.watch(join())
    for _ in range(10):
        pass_time(client, 0.1)
    assert (old.nothing_sent(), moved.done()) == (True, False)
    if answer == "no":
        exchange.refuse(new, asked, -1121)
        assert isinstance(moved.exception(PATIENCE), ApiError)
        old.push({"stream": "o" * 20, "data": order(7)})
        assert other.take(1) == [7]
        return
    if answer == "yes":
        exchange.reply(new, asked)
        ask(rotation.new, new)
    while rotation.stage is not Stage.DRAINING:
        pass_time(client, 0.5)
        # Both links live.
        old.push_control()
        new.push_control()
    exchange.expect(old, "UNSUBSCRIBE", None)
    moved.result(PATIENCE)
    if answer == "none":
        assert other.take(1) == ["lost"]
    else:
        new.push({"stream": "o" * 20, "data": order(8)})
        assert other.take(1) == [8]
    assert other.is_over()


def test_nothing_moves_before_it_is_seen_what_the_old_one_got(doubled, exchange, run):
    """That waits in the line behind whoever looks whether it is time."""
    client, old, new, _ = doubled
    rotation, defects = client._hub._rotator._roles[1].rotation, []
    _, join, held, _ = joining_both(client, old, new, run)

    def got_meanwhile():
        exchange.reply(old, held)
        join()
        rotation._move()

    ask(rotation.new, new)
    rotation.line.do(got_meanwhile, defects.append)
    assert (rotation.stage, defects) == (Stage.BOTH, [])
    assert old.nothing_sent()


# Links end.


def test_the_old_one_is_lost_while_the_new_one_subscribes(case, monkeypatch):
    """The new one takes over as soon as it can."""
    old = case.client._hub.api
    parked = Parked(monkeypatch, Succession, "subscribers", on=lambda self: self is old.succession)
    told = told_of(monkeypatch, "old_down")
    case.open()
    assert parked.reached.wait(PATIENCE)
    case.network.hang()
    case.old.drop()
    assert case.story.take(1) == ["lost"]
    assert told.wait(PATIENCE)
    parked.go_on.set()
    case.exchange.expect(case.new, SUBSCRIBE, {"subscriptionId": 3})
    assert case.story.take(1) == ["restored"]
    case.done()
    case.emit(case.new, order(1), route=3)
    assert case.story.take(1) == [1]
    assert case.subscription.state is SubscriptionState.ACTIVE
    assert old.ended or old.state.is_final


@pytest.mark.parametrize("which", ["new", "old"])
def test_a_link_is_lost_while_it_is_seen_whether_it_is_time(keyed, network, exchange, monkeypatch, which):
    """The decision is made first, and what has happened meanwhile comes after it: nothing is overlooked."""
    client, story, old, subscription = keyed
    [moved] = client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "LIST_SUBSCRIPTIONS", [])
    exchange.expect(new, "SUBSCRIBE", None)
    rotation = client._hub._rotator._roles[1].rotation
    is_settled, once = Succession.is_settled, threading.Event()

    def not_yet(self):
        first = self is rotation.old.succession and not once.is_set()
        once.set()
        return not first and is_settled(self)

    monkeypatch.setattr(Succession, "is_settled", not_yet)
    parked = Parked(monkeypatch, Succession, "is_settled", on=lambda self: self is rotation.old.succession)
    told = told_of(monkeypatch, f"{which}_down")
    # Its reader is the one that looks; the other one's is lost.
    first, lost = (old, new) if which == "new" else (new, old)
    keyed_emit(lost, order(1))
    ask(rotation.old if lost is old else rotation.new, lost)
    keyed_emit(first, order(1))
    assert parked.reached.wait(PATIENCE)
    network.hang()
    lost.drop()
    assert told.wait(PATIENCE)
    parked.go_on.set()
    if which == "new":
        assert isinstance(moved.exception(PATIENCE), ConnectionLost)
        keyed_emit(old, order(2))
    else:
        moved.result(PATIENCE)
        # It has not said that it was at its end.
        assert story.take(3) == [1, "lost", "restored"]
        keyed_emit(new, order(2))
    assert story.take(2 if which == "new" else 1) == ([1, 2] if which == "new" else [2])
    assert story.is_over()
    assert subscription.state is SubscriptionState.ACTIVE


def test_a_defect_before_there_is_no_way_back(case, monkeypatch, caplog):
    """The old connection goes on as if nothing had been."""
    case.both()

    def fail(*args):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(Succession, "is_settled", fail)
    case.emit(case.old, order(1))
    case.emit(case.new, order(1))
    assert "a defect" in str(case.failed())
    monkeypatch.undo()
    case.emit(case.old, order(2))
    assert case.story.take(2) == [1, 2]
    assert "moving to another connection" in caplog.text


def test_a_defect_when_there_is_no_way_back(case, monkeypatch):
    """Nobody waits for ever."""
    case.both()

    def fail(*args):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(Rotation, "_drain", fail)
    case.emit(case.old, order(1))
    case.emit(case.new, order(1))
    assert "a defect" in str(case.failed())
    assert case.subscription.wait(PATIENCE)


def test_what_cannot_be_read_is_found_when_there_is_no_way_back(case, monkeypatch):
    """A callback's thread gets to it after the old connection has left everything, and before the new one is known."""
    gaps = queue.SimpleQueue()
    case.subscription.on_gap(gaps.put)
    case.both()
    hub = case.client._hub
    executor, waiting = case.subscription._strand._executor, []

    class Later:
        """Runs what it is given when the test says so, as a thread does that is busy."""

        def submit(self, function):
            waiting.append(function)
            return Future()

    case.subscription._strand._executor = Later()
    case.old.push(b'{"subscriptionId":0,"event":{"e":"balanceUpdate",,}}')
    case.ask(case.old)
    assert waiting
    adopt = hub._rotator.adopt

    def run_and_adopt(role, connection):
        case.subscription._strand._executor = executor
        for function in waiting:
            function()
        adopt(role, connection)

    monkeypatch.setattr(hub._rotator, "adopt", run_and_adopt)
    case.emit(case.old, order(1))
    case.emit(case.new, order(1))
    case.ask(case.new)
    case.drain()
    case.done()
    assert gaps.get(timeout=PATIENCE).status is GapStatus.OPEN


def settle_and_hurry(case, *numbers):
    """Have the old connection end, which alone has brought those orders, and somebody want the next rotation."""
    case.both()
    case.emit(case.old, *map(order, numbers))
    assert case.story.take(len(numbers)) == list(numbers)
    case.pass_time(case.client, OVERLAP)
    case.ask(case.new)
    case.drain()
    case.done()
    assert case.rotation.stage is Stage.SETTLING
    case.client._hub.rotate()


def test_the_new_one_is_far_behind_and_somebody_wants_the_next_one(case):
    """Its link is slow, and no slower than links may be that are not given up: what it brings was told already."""
    settle_and_hurry(case, 1)
    for _ in range(6):
        case.pass_time(case.client, 1)
    assert case.story.is_over()
    case.emit(case.new, order(1))
    case.ask(case.new)
    assert case.story.is_over()


def test_a_silent_new_one_is_asked_for_a_sign_of_life_if_somebody_waits(case):
    """It has brought what was under way when it answers: nobody has to wait for a minute."""
    # From before the new one was subscribed, perhaps: it may never come there.
    settle_and_hurry(case, 1)
    request = case.new.sent()
    assert request["method"] == "ping"
    case.pass_time(case.client, OVERLAP)
    assert case.rotation.stage is Stage.SETTLING
    case.exchange.reply(case.new, request, {})
    # The next one begins.
    assert case.network.accept().sent()["method"] == "ping"


def test_a_sign_of_life_that_never_came_is_none(case):
    """The question is given up after the request timeout; a link may be silent for longer without being given up."""
    settle_and_hurry(case, 1)
    request = case.new.sent()
    assert request["method"] == "ping"
    rotation = case.rotation
    for _ in range(25):
        case.pass_time(case.client, 1)
    # 25 s behind: less than the 27 s after which a link is given up.
    assert case.client._hub.api is rotation.new
    assert rotation.new.state.name == "READY"
    case.emit(case.new, order(1))
    case.ask(case.new)
    assert case.story.is_over()


def test_the_new_one_is_far_behind_and_brings_something_and_somebody_wants_the_next_one(case):
    """What comes late on it is a sign of life as of then, not proof that it has brought what is older."""
    settle_and_hurry(case, 1, 2)
    for _ in range(3):
        case.pass_time(case.client, 1)
    # Ten seconds behind.
    case.emit(case.new, order(1))
    for _ in range(6):
        case.pass_time(case.client, 1)
    case.emit(case.new, order(2))
    case.ask(case.new)
    assert case.story.is_over()
