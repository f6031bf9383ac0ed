"""Moving to a new connection, step by step, and whatever may go wrong at each. The network is scripted."""

from __future__ import annotations

import queue
from datetime import timezone

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rotation_case import (
    LOGGED_ON,
    PATIENCE,
    SHUTDOWN,
    SUBSCRIBE,
    UNSUBSCRIBE,
    Case,
    Slow,
    Story,
    deposit,
    keyed_emit,
    marker,
    order,
)
from turns import finish_step

from binance_socket import (
    ClientClosed,
    ConnectionLost,
    DecodeError,
    Ed25519Key,
    GapStatus,
    RequestTimeout,
    SubscriptionState,
)
from binance_socket._engine.connection import Connection
from binance_socket._engine.one_by_one import OneByOne
from binance_socket._engine.rotation import OVERLAP, SETTLED, Stage
from binance_socket._wire.messages import Request, Security
from binance_socket.testing import InlineExecutor


def test_nothing_is_lost_and_nobody_notices(case):
    """Events of both are merged; the marker is not delivered; the number of the subscription changes quietly."""
    case.emit(case.old, order(1))
    case.both(route=7)
    case.emit(case.old, order(2))
    case.emit(case.new, order(3), order(4), route=7)
    case.ask(case.new)
    case.emit(case.old, order(3))
    assert case.story.take(4) == [1, 2, 3, 4]
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.emit(case.old, order(4), order(5))
    case.old.push(marker())
    case.old.wait_closed()
    case.done()
    case.emit(case.new, order(5), order(6), route=7)
    assert case.story.take(2) == [5, 6]
    assert case.story.streams == [0, 0, 0, 7, 0, 7]
    assert case.subscription.stream == 7
    assert case.subscription.state is SubscriptionState.ACTIVE
    assert case.story.is_over()


def test_an_event_behind_the_marker_is_told_once(case):
    """The exchange published it before it had ended the subscription, and the new connection brings it, too."""
    case.both()
    case.emit(case.old, order(1))
    case.emit(case.new, order(1))
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.old.push(marker(), {"subscriptionId": 0, "event": order(2)})
    case.old.wait_closed()
    case.done()
    case.emit(case.new, order(2), order(3))
    assert case.story.take(3) == [1, 2, 3]
    assert case.story.is_over()


def shown(case):
    """What client.health() says of the connections that are called api."""
    connections = case.client.health().connections
    return [(one.number, one.role.value, one.state.value) for one in connections if one.name == "api"]


def test_health_shows_both_and_counts_what_came_twice(case):
    """The one that takes over has the same name, and is in the other one's place at last."""
    [(old, *_)] = before = shown(case)
    assert before == [(old, "api", "ready")]
    case.both(route=7)
    [_, (new, *_)] = both = shown(case)
    assert both == [(old, "api", "ready"), (new, "rotation", "ready")]
    for number in (1, 2):
        case.emit(case.old, order(number))
        case.emit(case.new, order(number), route=7)
    assert case.story.take(2) == [1, 2]
    case.drain()
    case.done()
    case.pass_time(case.client, OVERLAP)
    case.emit(case.new, order(3), route=7)
    assert case.story.take(1) == [3]
    api = case.client.health().connection("api")
    assert (api.number, api.duplicates) == (new, 2)


def test_one_that_is_not_there_yet_is_no_problem(case):
    """The old one does everything."""
    case.network.hang()
    case.client._hub.rotate()
    assert [case.network.wait_attempt() for _ in range(2)]
    assert [(role, state) for _, role, state in shown(case)] == [("api", "ready"), ("rotation", "connecting")]
    assert case.client.health().ok


def test_the_old_connection_counts_until_the_new_one_is_sure(case):
    """What the new one brings is held, so that it could still be given up."""
    case.both()
    case.emit(case.new, order(2), order(3))
    case.ask(case.new)
    assert case.story.is_over()
    assert case.old.nothing_sent()
    case.emit(case.old, order(1), order(2))
    assert case.story.take(3) == [1, 2, 3]


def test_kinds_that_had_no_event_wait_for_the_marker(case):
    """Also those that can be alike without being the same."""
    case.both()
    case.emit(case.new, order(1), deposit(7))
    case.emit(case.old, order(1))
    assert case.story.take(1) == [1]
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.ask(case.new)
    assert case.story.is_over()
    case.emit(case.old, deposit(6), deposit(7))
    case.old.push(marker())
    case.done()
    assert case.story.take(2) == ["6", "7"]
    case.emit(case.new, deposit(8))
    assert case.story.take(1) == ["8"]


def test_what_may_be_a_duplicate_is_marked(case):
    """Two deposits of one amount in one millisecond cannot be told apart."""
    case.both()
    case.emit(case.old, deposit(1), deposit(1), order(1))
    case.emit(case.new, deposit(1), order(1))
    assert case.story.take(3) == ["1", "1", 1]
    case.drain()
    assert case.story.take(1) == ["1?"]


def test_without_events_the_old_one_stays_for_five_seconds(case):
    """Then its marker is proof enough."""
    case.both()
    case.pass_time(case.client, OVERLAP - 0.1)
    assert case.old.nothing_sent()
    case.pass_time(case.client, 0.1)
    case.drain()
    case.done()
    assert case.story.is_over()


@pytest.mark.parametrize("asked", [False, True])
def test_a_subscription_that_the_exchange_had_forgotten(
    make_client, network, exchange, clock, subscribe, pass_time, asked
):
    """Nobody knows since when: the gap begins when it is known to have been there last, whoever finds it out."""
    client = make_client(
        executor=InlineExecutor(), keep_raw=True, rotation_after=None, audit_after=900, probe_after=1e6
    )
    case = Case(client, network, exchange, clock, subscribe, pass_time)
    gaps = queue.SimpleQueue()
    case.subscription.on_gap(gaps.put)
    began = clock.time()
    pass_time(client, 898 if asked else 890)
    # The link itself is well.
    case.ask(case.old)
    case.both(route=7)
    if asked:
        pass_time(client, 3)
        audit = case.old.sent()
        assert audit["method"] == "session.subscriptions"
    pass_time(client, OVERLAP)
    request = case.old.sent()
    assert request["method"] == UNSUBSCRIBE
    if asked:
        exchange.reply(case.old, audit, [])
    exchange.refuse(case.old, request, -2036)
    case.old.wait_closed()
    gap = gaps.get(timeout=PATIENCE)
    # As exactly as the exchange's clock is known.
    assert -5 <= gap.from_.timestamp() - began <= 0
    case.done()


def test_requests_go_to_the_new_one_and_the_old_one_answers_its_own(case):
    """An order that is in flight keeps the old one open."""
    place = Request("order.place", {"symbol": "BTCUSDT"}, security=Security.SIGNED, mutating=True)
    slow = case.client._hub.submit(place)
    asked = case.old.sent()
    case.both()
    fast = case.client._hub.submit(place)
    case.exchange.expect(case.new, "order.place", None)
    assert fast.result(PATIENCE).status == 200
    case.emit(case.new, order(1))
    case.emit(case.old, order(1))
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.old.push(marker())
    assert not case.futures[0].done()
    case.exchange.reply(case.old, asked)
    assert slow.result(PATIENCE).status == 200
    case.old.wait_closed()
    case.done()


def test_who_still_has_the_old_connection_is_passed_on(case):
    """A thread may have looked it up right before it was relieved."""
    stale = case.client._hub.api
    case.both()
    case.emit(case.new, order(1))
    case.emit(case.old, order(1))
    case.drain()
    case.done()
    future = stale.submit(Request("time"), PATIENCE)
    case.exchange.expect(case.new, "time", {})
    assert future.result(PATIENCE).status == 200
    case.client._hub.unsubscribe(
        list(stale.succession.subscribers()) or list(case.client._hub.api.succession.subscribers()), case.subscription
    )
    assert case.client._hub.api.succession.subscribers() == {}


def test_afterwards_events_take_no_detour(case):
    """The subscribers are heard directly once the new connection has caught up."""
    case.both()
    case.emit(case.new, order(1))
    case.emit(case.old, order(1))
    case.drain()
    case.done()
    case.emit(case.new, order(2))
    case.story.take(2)
    case.ask(case.new)
    [(_, subscribers)] = case.client._hub.api._audience.routes.values()
    assert subscribers == (case.subscription,)
    assert case.rotation is None


def test_late_events_of_the_new_one_are_not_delivered_again(case):
    """It may lag behind the old one for seconds; five, if nothing tells earlier."""
    case.both()
    case.emit(case.old, order(1), order(2), order(3))
    case.emit(case.new, order(1))
    case.drain()
    case.done()
    case.emit(case.new, order(2), order(3), order(4))
    assert case.story.take(4) == [1, 2, 3, 4]
    case.ask(case.new)
    assert case.rotation is None


def test_the_hold_of_what_never_comes_ends(case):
    """The old one's last event may be from before the new one was subscribed."""
    case.both()
    case.emit(case.old, {"e": "somethingElse", "I": 0}, order(1))
    case.emit(case.new, order(1))
    case.drain()
    case.done()
    case.ask(case.new)
    assert case.rotation.stage is Stage.SETTLING
    case.pass_time(case.client, SETTLED)
    assert case.rotation is None


def test_a_common_event_before_the_acknowledgement_is_taken_in(case):
    """Events that come early with it are as good a proof."""
    case.open()
    request = case.new.sent()
    case.emit(case.old, order(1))
    case.story.take(1)
    case.new.push(
        {"subscriptionId": 3, "event": order(1)}, {"id": request["id"], "status": 200, "result": {"subscriptionId": 3}}
    )
    case.drain()
    case.done()
    assert case.story.is_over()


def test_a_subscription_that_joins_meanwhile_hears_everything_once(case, run):
    """And one that leaves hears nothing more; the other goes on."""
    case.both()
    second = Story()
    joined = case.client.spot_api.account.subscribe_to_user_data_updates(on_unknown_event=second.event)
    second.watch(joined)
    case.emit(case.new, order(1), order(2))
    case.ask(case.new)
    case.emit(case.old, order(1))
    case.drain()
    case.done()
    assert case.story.take(2) == second.take(2) == [1, 2]
    joined.close()
    case.emit(case.new, order(3))
    assert case.story.take(1) == [3]
    assert second.is_over()
    assert case.new.nothing_sent()


def test_the_last_subscription_leaves_before_the_move(case):
    """Then there is nothing to move but the requests, and the new connection is told to send nothing."""
    case.both()
    case.subscription.close()
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.pass_time(case.client, OVERLAP)
    case.exchange.expect(case.new, UNSUBSCRIBE, {})
    case.old.wait_closed()
    case.done()


def test_a_connection_without_subscriptions(make_client, network, exchange, clock):
    """Requests are all there is to it."""
    client = make_client(rotation_after=None)
    future = client.spot_api.account.session_subscriptions.submit()
    old = network.accept()
    exchange.expect(old, "session.subscriptions", [])
    future.result(PATIENCE)
    [moved] = client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "ping", {})
    moved.result(PATIENCE)
    old.wait_closed()
    future = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(new, "session.subscriptions", [])
    assert future.result(PATIENCE).result == []


def test_without_a_link_there_is_nothing_to_leave(client):
    """rotate() returns at once."""
    client.rotate()
    assert client._hub.rotate() == []


# What goes wrong.


def test_a_new_connection_that_cannot_be_made_changes_nothing(case):
    """The old one goes on; whoever asked hears why."""
    case.network.refuse()
    case.futures = case.client._hub.rotate()
    assert isinstance(case.failed(), ConnectionLost)
    case.emit(case.old, order(1))
    assert case.story.take(1) == [1]
    assert case.rotation is None
    assert case.old.nothing_sent()
    assert case.client._hub.api._link.transport is case.old


def test_a_new_connection_that_is_silent_is_given_up(case):
    """At its deadline."""
    case.futures = case.client._hub.rotate()
    case.new = case.network.accept()
    case.new.sent()
    case.pass_time(case.client, 30.0)
    case.old.push_control()
    assert isinstance(case.failed(), (RequestTimeout, ConnectionLost))
    case.new.wait_closed()


@pytest.mark.parametrize("when", ["before the acknowledgement", "after it"])
def test_a_new_connection_that_is_lost_changes_nothing(case, when):
    """What it brought is dropped, because the old one brings it, too."""
    if when == "after it":
        case.both()
        case.emit(case.new, order(1))
    else:
        case.open()
        case.new.sent()
    case.new.drop()
    assert isinstance(case.failed(), ConnectionLost)
    case.emit(case.old, order(1), order(2))
    assert case.story.take(2) == [1, 2]
    assert case.old.nothing_sent()
    assert case.subscription.state is SubscriptionState.ACTIVE
    assert case.story.is_over()
    case.futures = []
    case.both(route=2)
    case.emit(case.new, order(3), route=2)
    case.emit(case.old, order(3))
    case.drain()
    case.done()
    assert case.story.take(1) == [3]


def test_who_still_has_the_given_up_connection_is_passed_back(case):
    """A thread may have looked it up right before it was lost, and the client is not closed."""
    case.both()
    stale = case.client._hub._asked
    case.new.drop()
    assert isinstance(case.failed(), ConnectionLost)
    case.new.wait_closed()
    future = stale.submit(Request("time"), PATIENCE)
    case.exchange.expect(case.old, "time", {})
    assert future.result(PATIENCE).status == 200


def test_a_refused_subscription_changes_nothing(case):
    """The new connection is closed."""
    case.open()
    case.exchange.refuse(case.new, case.new.sent(), -2015, status=401)
    assert case.failed().code == -2015
    case.new.wait_closed()
    case.emit(case.old, order(1))
    assert case.story.take(1) == [1]
    assert case.story.is_over()


def test_an_acknowledgement_that_does_not_come(case):
    """The old connection goes on."""
    case.open()
    case.new.sent()
    case.pass_time(case.client, 15.0)
    case.old.push_control()
    case.new.push_control()
    case.pass_time(case.client, 15.0)
    assert case.failed() is not None
    case.emit(case.old, order(1))
    assert case.story.take(1) == [1]


def test_the_old_one_dies_before_the_acknowledgement(case):
    """That is an ordinary loss: told, and made good by the ordinary means."""
    case.open()
    case.new.sent()
    case.emit(case.old, order(1))
    case.old.drop()
    assert case.story.take(2) == [1, "lost"]
    assert isinstance(case.failed(), ConnectionLost)
    again = case.network.accept()
    case.exchange.expect(again, SUBSCRIBE, {"subscriptionId": 5})
    assert case.story.take(1) == ["restored"]
    case.emit(again, order(2), route=5)
    assert case.story.take(1) == [2]


def test_the_old_one_dies_after_a_common_event(case):
    """It proves nothing of other kinds: a deposit of before the new one subscribed may have been on its way."""
    gaps = []
    case.subscription.on_gap(gaps.append)
    case.both()
    case.emit(case.old, order(1))
    case.emit(case.new, order(1), order(2))
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.emit(case.new, deposit(3))
    case.ask(case.new)
    case.old.drop()
    assert case.story.take(5) == [1, 2, "lost", "restored", "3"]
    case.done()
    case.ask(case.new)
    assert case.story.is_over()
    assert case.subscription.state is SubscriptionState.ACTIVE
    assert gaps[0].status is GapStatus.OPEN


@pytest.mark.parametrize("end", ["lost", "lost after a later event", "silent", "too many events"])
def test_a_gap_between_the_two_begins_before_the_new_one_subscribed(
    make_client, network, exchange, clock, subscribe, pass_time, monkeypatch, end
):
    """A deposit of then may have been late on the old one, whatever has come on both, or on the new one, since."""
    client = make_client(
        executor=InlineExecutor(), keep_raw=True, rotation_after=None, backfill=True, probe_after=1e6, audit_after=None
    )
    case = Case(client, network, exchange, clock, subscribe, pass_time)
    gaps = queue.SimpleQueue()
    case.subscription.on_gap(gaps.put)
    exchange.expect(case.old, "time", {"serverTime": int(clock.time() * 1000)})
    case.ask(case.old)
    pass_time(client, 60.0)
    case.ask(case.old)
    deposited_at = clock.time()
    pass_time(client, 0.5)
    case.both()
    pass_time(client, 1.0)
    events = [dict(order(number), E=int((clock.time() + 3.0 * number) * 1000)) for number in range(3)]
    case.emit(case.old, events[0])
    case.emit(case.new, events[0])
    assert case.old.sent()["method"] == UNSUBSCRIBE
    pass_time(client, 3.0)
    if end != "lost":
        case.emit(case.new, events[1])
        case.ask(case.new)
    if end == "silent":
        # It has not even answered.
        pass_time(client, OVERLAP)
    elif end == "too many events":
        monkeypatch.setattr("binance_socket._engine.overlap.MOST_REMEMBERED", 1)
        case.emit(case.new, events[2])
    else:
        case.old.drop()
    gap = gaps.get(timeout=PATIENCE)
    assert gap.status is GapStatus.OPEN
    assert gap.from_.timestamp() <= deposited_at


def take_over(case, *, common):
    """Have the new connection take over, because an event has come on both, or after five seconds without one."""
    case.both()
    if common:
        case.emit(case.old, order(1))
        case.emit(case.new, order(1))
    else:
        case.pass_time(case.client, OVERLAP)


@pytest.mark.parametrize("common", [True, False], ids=["common event", "none"])
@pytest.mark.parametrize("at_once", [True, False], ids=["one read", "two reads"])
def test_the_last_that_the_old_one_brings_cannot_be_read(case, common, at_once):
    """It may have been an event of before the new one subscribed: the end that is said behind it proves nothing."""
    gaps = []
    case.subscription.on_gap(gaps.append)
    take_over(case, common=common)
    assert case.old.sent()["method"] == UNSUBSCRIBE
    broken = orjson.dumps({"subscriptionId": 0, "event": deposit(1)})[:-3]
    case.old.push(*([broken, marker()] if at_once else [broken]))
    case.old.push(marker())
    case.done()
    case.emit(case.new, order(2))
    case.ask(case.new)
    assert case.story.take(3 + common) == [*([1] * common), "lost", "restored", 2]
    assert case.story.is_over()
    assert [gap.status for gap in gaps] == [GapStatus.OPEN, GapStatus.FAILED]
    assert case.subscription.state is SubscriptionState.ACTIVE


@pytest.mark.parametrize("common", [True, False], ids=["common event", "none"])
def test_the_last_that_the_old_one_brings_has_no_route(case, common):
    """It can only be of the one subscription that is left there, and is delivered."""
    take_over(case, common=common)
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.old.push(deposit(1))
    case.old.push(marker()["event"])
    case.old.wait_closed()
    case.done()
    case.emit(case.new, order(2))
    case.ask(case.new)
    told = case.story.take(2 + common)
    assert told == [*([1] * common), "1", 2]
    assert case.story.is_over()


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "never marked"])
def test_the_old_one_dies_when_it_has_brought_everything(case, marked):
    """It has said so; or has answered, and was listened to for five seconds after a common event: nothing is told."""
    case.both()
    case.emit(case.old, order(1))
    case.emit(case.new, order(1), order(2))
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.emit(case.new, deposit(3))
    case.ask(case.new)
    # What comes behind the answer has come: so has the answer.
    case.emit(case.old, order(4))
    assert case.story.take(3) == [1, 2, 4]
    case.emit(case.new, order(4))
    case.ask(case.new)
    if marked:
        case.old.push(marker())
        case.old.drop()
    else:
        case.pass_time(case.client, OVERLAP)
    assert case.story.take(1) == ["3"]
    case.done()
    case.ask(case.new)
    assert case.story.is_over()
    assert case.subscription.state is SubscriptionState.ACTIVE


def test_the_old_one_dies_before_a_common_event(case):
    """The new one takes over at once; but something may be missing, and that is said."""
    case.both(route=4)
    case.emit(case.new, order(5), route=4)
    case.ask(case.new)
    case.old.drop()
    assert case.story.take(3) == ["lost", "restored", 5]
    case.done()
    assert case.client._hub.api._link.transport is case.new
    assert case.network._connected.empty()


@pytest.mark.parametrize("waits", [False, True], ids=["nothing waits", "something waits"])
def test_a_loss_that_ends_the_rotation_is_told_once(case, waits, monkeypatch, caplog):
    """It may be over within the loss: with nothing to wait for, or while events are being posted."""
    case.both()
    old = case.client._hub.api
    if waits:
        monkeypatch.setattr(OneByOne, "_look", lambda self: None)
    case.old.drop()
    case.done()
    # Its reader has told everything that it has to tell.
    old.join(PATIENCE)
    case.emit(case.new, order(1))
    assert case.story.take(3) == ["lost", "restored", 1]
    assert case.subscription.state is SubscriptionState.ACTIVE
    assert "has failed" not in caplog.text


@pytest.mark.parametrize("end", ["lost", "lost after a common event", "marked"])
def test_it_is_over_without_another_event(case, end):
    """Else a quiet account could not be moved once more."""
    case.both()
    if end == "lost":
        case.old.drop()
    else:
        case.emit(case.old, order(1))
        case.emit(case.new, order(1))
        case.exchange.expect(case.old, UNSUBSCRIBE, {})
        case.ask(case.new)
        case.old.push(marker()) if end == "marked" else case.old.drop()
    case.done()
    case.ask(case.new)
    case.pass_time(case.client, OVERLAP)
    assert case.rotation is None
    case.open()
    assert case.rotation is not None


def test_a_marker_that_does_not_come(case):
    """After five seconds more there is nothing to wait for; that something may be missing is said."""
    case.both()
    case.emit(case.new, order(1))
    case.pass_time(case.client, OVERLAP)
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.old.push_control()
    case.pass_time(case.client, OVERLAP)
    assert case.story.take(3) == ["lost", "restored", 1]
    case.old.wait_closed()
    case.done()


def test_the_new_one_dies_after_it_has_taken_over(case):
    """An ordinary loss of the connection that counts."""
    case.both()
    case.emit(case.old, order(1))
    case.emit(case.new, order(1), deposit(2))
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.ask(case.new)
    case.new.drop()
    assert case.story.take(2) == [1, "lost"]
    again = case.network.accept()
    case.exchange.expect(again, SUBSCRIBE, {"subscriptionId": 0})
    # It had to wait for what the old one might bring before it.
    assert case.story.take(2) == ["2", "restored"]
    case.old.push(marker())
    case.old.wait_closed()
    case.done()


@pytest.mark.parametrize("common", [True, False])
def test_the_new_one_dies_while_the_old_one_is_late(case, common):
    """What it still brings of before comes first, whether the new one counts because of an event or of time."""
    event = deposit if common else order
    case.both()
    if common:
        case.emit(case.old, order(9))
        case.emit(case.new, order(9))
        assert case.story.take(1) == [9]
    case.emit(case.new, event(2))
    case.ask(case.new)
    if not common:
        case.pass_time(case.client, OVERLAP)
    assert case.old.sent()["method"] == UNSUBSCRIBE
    case.new.drop()
    assert case.story.take(1) == ["lost"]
    case.emit(case.old, event(1), event(2))
    assert [str(word) for word in case.story.take(2)] == ["1", "2"]


@pytest.mark.parametrize("new_is_lost", [False, True])
@pytest.mark.parametrize("backfill", [False, True])
def test_the_old_one_was_dead_and_the_new_one_dies_as_well(
    make_client, network, exchange, clock, subscribe, pass_time, new_is_lost, backfill
):
    """What happened while the old one was silent is in a gap, also if the new one is lost before that is found out."""
    client = make_client(
        executor=InlineExecutor(), keep_raw=True, rotation_after=None, backfill=backfill, audit_after=None
    )
    case = Case(client, network, exchange, clock, subscribe, pass_time)
    gaps = []
    case.subscription.on_gap(gaps.append)
    if backfill:
        exchange.expect(case.old, "time", {"serverTime": int(clock.time() * 1000)})
    case.ask(case.old)
    # From here on nothing comes through on the old link, in either direction.
    pass_time(client, 2.0)
    filled_at = clock.time()
    pass_time(client, 8.0)
    case.both()
    pass_time(client, OVERLAP)
    assert case.old.sent()["method"] == UNSUBSCRIBE
    pass_time(client, 1.0)
    if new_is_lost:
        case.new.drop()
        again = network.accept()
        while (request := again.sent())["method"] != SUBSCRIBE:
            exchange.reply(again, request, {})
        exchange.reply(again, request, {"subscriptionId": 3})
    else:
        pass_time(client, OVERLAP)
    assert case.story.take(2) == ["lost", "restored"]
    # One that is open may turn out to have begun earlier than was told.
    gap = case.subscription.gap or gaps[-1]
    assert gap.from_.timestamp() <= filled_at


def test_a_client_that_is_closed_meanwhile(case):
    """Everything ends, and nothing that was received is dropped."""
    case.both()
    case.emit(case.new, order(1))
    case.ask(case.new)
    case.client.close()
    assert isinstance(case.failed(), ClientClosed)
    case.old.wait_closed()
    case.new.wait_closed()
    assert case.story.take(1) == [1]
    assert case.subscription.state is SubscriptionState.CLOSED


@pytest.mark.parametrize("slow", [False, True])
def test_a_client_that_is_closed_while_the_old_one_drains(case, monkeypatch, slow):
    """The same: also where the reader of the old one ends before the new one is closed."""
    case.both()
    case.emit(case.old, order(1))
    case.emit(case.new, order(1), deposit(2))
    case.exchange.expect(case.old, UNSUBSCRIBE, {})
    case.ask(case.new)
    close = Connection.close

    def close_and_wait(connection):
        close(connection)
        connection.join(PATIENCE)

    if slow:
        monkeypatch.setattr(Connection, "close", close_and_wait)
    case.client.close()
    assert isinstance(case.failed(), ClientClosed)
    assert case.story.take(2) == [1, "2"]
    assert case.story.is_over()
    assert case.subscription.state is SubscriptionState.CLOSED


# When.


def test_a_shutdown_that_is_announced_starts_it(case):
    """At once; the announcement is delivered as ever."""
    case.old.push(SHUTDOWN)
    case.new = case.network.accept()
    case.exchange.expect(case.new, "ping", {})
    case.exchange.expect(case.new, SUBSCRIBE, {"subscriptionId": 0})
    assert case.story.take(1) == ["serverShutdown"]
    case.emit(case.new, order(1))
    case.emit(case.old, order(1))
    case.drain()
    assert case.story.take(1) == [1]


def test_a_shutdown_is_tried_again_with_pauses(case, monkeypatch):
    """When the new connection could not be made. It is the rotation that tries again, not the connection."""
    [role, _] = case.client._hub._rotator._roles
    connect = case.network.connect

    def connect_in_turn(*args, **kwargs):
        # In these tests connections pause for no time: one that fails while it is being made would try again first.
        finish_step(role.rotation)
        return connect(*args, **kwargs)

    monkeypatch.setattr(case.network, "connect", connect_in_turn)
    case.network.wait_attempt()
    case.network.refuse()
    case.network.refuse()
    case.old.push(SHUTDOWN)
    for number in (2, 3):
        case.network.wait_attempt()
        case.client._hub._rotator._connections[-1].join(PATIENCE)
        case.pass_time(case.client, 0.9)
        assert len(case.network.attempts) == number
        case.pass_time(case.client, 0.1)
    case.exchange.expect(case.network.accept(), "ping", {})


def test_a_new_connection_that_is_shut_down_as_well_is_left_again(case):
    """It may have been made to the server that was to go."""
    case.old.push(SHUTDOWN)
    case.new = case.network.accept()
    case.exchange.expect(case.new, "ping", {})
    case.exchange.expect(case.new, SUBSCRIBE, {"subscriptionId": 0})
    case.new.push(SHUTDOWN)
    case.emit(case.new, order(1))
    case.emit(case.old, order(1))
    case.drain()
    case.emit(case.new, order(2))
    case.story.take(3)
    case.ask(case.new)
    case.pass_time(case.client, 5.0)
    case.pass_time(case.client, 2.0)
    case.exchange.expect(case.network.accept(), "ping", {})


def test_it_is_time_after_some_hours(make_client, network, exchange, clock, subscribe, pass_time):
    """Give or take a little, as the options say."""
    client = make_client(executor=InlineExecutor(), keep_raw=True, rotation_after=20.0)
    case = Case(client, network, exchange, clock, subscribe, pass_time)
    due = client._hub._rotator.next_at
    assert 20 * (1 - 0.5 / 23) <= due <= 20 * (1 + 0.5 / 23)
    pass_time(client, due - 0.1)
    assert len(network.attempts) == 1
    pass_time(client, 0.1)
    case.new = network.accept()
    exchange.expect(case.new, "ping", {})
    exchange.expect(case.new, SUBSCRIBE, {"subscriptionId": 0})
    case.emit(case.new, order(1))
    case.emit(case.old, order(1))
    case.drain()
    assert client._hub._rotator.next_at > due + 19


def test_it_is_time_at_the_hours_of_the_options(make_client, network, exchange, clock, subscribe, pass_time):
    """Long before a link has become as old as it may: the clock begins at 22:13:20 UTC."""
    client = make_client(
        executor=InlineExecutor(), rotation_after=2 * 3600, rotation_hours=(23, 23.5), probe_after=1e6, audit_after=None
    )
    case = Case(client, network, exchange, clock, subscribe, pass_time)
    due = client.health().connection("api").next_rotation
    assert (due.tzinfo, due.hour, due.minute // 30) == (timezone.utc, 23, 0)
    pass_time(client, due.timestamp() - clock.time() - 1)
    assert len(network.attempts) == 1
    pass_time(client, 1.001)
    case.new = network.accept()
    exchange.expect(case.new, "ping", {})


def test_a_session_that_was_logged_on_is_again(make_client, network, exchange):
    """Before anything is asked on the new connection; if that fails, the old one goes on."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    client = make_client(credentials=Ed25519Key("key", pem.decode()), rotation_after=None)
    future = client.spot_api.account.session_logon.submit()
    old = network.accept()
    exchange.expect(old, "session.logon", LOGGED_ON)
    future.result(PATIENCE)
    [moved] = client._hub.rotate()
    new = network.accept()
    exchange.refuse(new, new.sent(), -2015, status=401)
    exchange.expect(new, "ping", {})
    assert isinstance(moved.exception(PATIENCE), ConnectionLost)
    [moved] = client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "session.logon", LOGGED_ON)
    exchange.expect(new, "ping", {})
    moved.result(PATIENCE)
    old.wait_closed()


# Listen keys.


def test_listen_keys_move_as_well(keyed, network, exchange):
    """The same key on a second connection; the answer to UNSUBSCRIBE marks the end of the first."""
    client, story, old, subscription = keyed
    [moved] = client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "LIST_SUBSCRIPTIONS", [])
    assert exchange.expect(new, "SUBSCRIBE", None)["params"] == ["k" * 20]
    keyed_emit(new, order(2), deposit(3), order(4))
    keyed_emit(old, order(1), order(2))
    assert story.take(3) == [1, 2, 4]
    request = old.sent()
    assert request["method"] == "UNSUBSCRIBE"
    assert request["params"] == ["k" * 20]
    old.push({"id": request["id"], "result": None})
    moved.result(PATIENCE)
    old.wait_closed()
    assert story.take(1) == ["3"]
    keyed_emit(new, order(5))
    assert story.take(1) == [5]
    assert story.is_over()
    assert subscription.state is SubscriptionState.ACTIVE


def test_a_listen_key_that_expires_meanwhile_ends_the_subscription_once(keyed, network, exchange):
    """Both connections say so."""
    client, story, old, subscription = keyed
    client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "LIST_SUBSCRIPTIONS", [])
    exchange.expect(new, "SUBSCRIBE", None)
    keyed_emit(new, order(1))
    keyed_emit(old, order(1))
    old.sent()
    assert story.take(1) == [1]
    expired = {"e": "listenKeyExpired", "E": 1, "listenKey": "k" * 20}
    keyed_emit(old, expired)
    keyed_emit(new, expired)
    assert story.take(1) == ["listenKeyExpired"]
    assert "its listen key has expired" in str(story.take(1)[0])
    assert subscription.wait(PATIENCE)
    assert story.is_over()


def test_what_is_subscribed_to_meanwhile_moves_as_well(keyed, network, exchange, run):
    """The old connection gets it first; then the new one; only then does that take over."""
    client, story, old, _ = keyed
    [moved] = client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "LIST_SUBSCRIPTIONS", [])
    exchange.expect(new, "SUBSCRIBE", None)
    other = Story()
    join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates("o" * 20, on_unknown_event=other.event))
    asked = old.sent()
    assert (asked["method"], asked["params"]) == ("SUBSCRIBE", ["o" * 20])
    exchange.reply(old, asked)
    other.watch(join())
    keyed_emit(new, order(1))
    keyed_emit(old, order(1))
    asked = new.sent()
    assert (asked["method"], asked["params"]) == ("SUBSCRIBE", ["o" * 20])
    assert old.nothing_sent()
    exchange.reply(new, asked)
    asked = old.sent()
    assert asked["method"] == "UNSUBSCRIBE"
    assert sorted(asked["params"]) == ["k" * 20, "o" * 20]
    exchange.reply(old, asked)
    moved.result(PATIENCE)
    old.wait_closed()
    new.push({"stream": "o" * 20, "data": order(7)}, {"stream": "k" * 20, "data": order(2)})
    assert other.take(1) == [7]
    assert story.take(2) == [1, 2]
    assert other.is_over()


def test_a_connection_that_has_had_all_its_subscriptions(case):
    """-2042: what cannot be opened there any more is opened on the one that takes over, which is made at once."""
    case.old.push({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}})
    case.exchange.refuse(case.old, case.old.sent(), -2042)
    new = case.network.accept()
    case.exchange.expect(new, "ping", {})
    case.exchange.expect(new, SUBSCRIBE, {"subscriptionId": 7})
    case.ask(new)
    case.pass_time(case.client, 5.0)
    case.old.wait_closed()
    case.emit(new, order(1), route=7)
    story = case.story.take(4)
    assert story[-1] == 1
    assert "lost" in story
    assert story[-2] == "restored"
    assert len(case.network.attempts) == 2


def test_what_cannot_be_read_ends_a_rotation(case):
    """It is reported as without a rotation, and the connection that counts is made anew."""
    case.both()
    broken = b'{"subscriptionId":0,"event":{"e":"somethingNew","I":}}'
    case.new.push(broken)
    case.old.push(broken)
    error, lost = case.story.take(2)
    assert isinstance(error, DecodeError)
    assert lost == "lost"
    assert isinstance(case.failed(), ConnectionLost)
    again = case.network.accept()
    case.exchange.expect(again, SUBSCRIBE, {"subscriptionId": 0})
    case.emit(again, order(1))
    assert case.story.take(2) == ["restored", 1]
    assert case.old.aborted


def test_nothing_of_the_new_one_is_delivered_before_it_has_everything(keyed, network, exchange, run):
    """A common event of one topic does not let it go ahead: it may still be lost before it has the other one."""
    client, story, old, subscription = keyed
    join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates("o" * 20, on_unknown_event=story.event))
    exchange.expect(old, "SUBSCRIBE", None)
    join()
    [moved] = client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "LIST_SUBSCRIPTIONS", [])
    assert exchange.expect(new, "SUBSCRIBE", None)["params"] == ["k" * 20]
    assert new.sent()["params"] == ["o" * 20]
    keyed_emit(old, order(1))
    assert story.take(1) == [1]
    keyed_emit(new, order(1), order(2))
    new.drop()
    assert isinstance(moved.exception(PATIENCE), ConnectionLost)
    assert story.is_over()
    keyed_emit(old, order(2))
    assert story.take(1) == [2]
    assert story.is_over()
    assert subscription.state is SubscriptionState.ACTIVE


def broken(*arguments):
    raise ZeroDivisionError("a defect")


def test_a_defect_before_the_new_one_takes_over(case, monkeypatch):
    """The event that was being taken in is missing: whoever listens is told, and the old connection goes on alone."""
    case.both()
    with monkeypatch.context() as patched:
        patched.setattr("binance_socket._session.merge.Merge.from_old", broken)
        case.emit(case.old, order(1))
        assert case.story.take(2) == ["lost", "restored"]
    case.emit(case.new, order(1), order(2))
    case.emit(case.old, order(2))
    assert case.story.take(1) == [2]
    assert isinstance(case.failed(), ClientClosed)
    case.emit(case.old, order(3))
    assert case.story.take(1) == [3]
    assert case.story.is_over()


def test_a_defect_after_the_new_one_has_taken_over(case, monkeypatch):
    """The same; and the new connection goes on alone."""
    case.both()
    case.emit(case.new, order(1))
    case.emit(case.old, order(1))
    assert case.story.take(1) == [1]
    asked = case.old.sent()
    assert asked["method"] == UNSUBSCRIBE
    with monkeypatch.context() as patched:
        patched.setattr("binance_socket._session.merge.Merge.from_new", broken)
        case.emit(case.new, order(2))
        assert case.story.take(2) == ["lost", "restored"]
    case.emit(case.new, order(3))
    assert case.story.take(1) == [3]
    case.emit(case.old, order(2), order(3))
    case.exchange.reply(case.old, asked)
    case.emit(case.old, {"e": "eventStreamTerminated", "E": 1})
    case.done()
    case.emit(case.new, order(4))
    assert case.story.take(1) == [4]
    assert case.story.is_over()


def test_a_defect_while_telling_of_a_defect(case, monkeypatch, caplog):
    """There is nothing left but the log, and the rotation comes to its end all the same."""
    case.both()
    monkeypatch.setattr("binance_socket._session.merge.Merge.from_old", broken)
    monkeypatch.setattr("binance_socket.events.UpdateSubscription.lost", broken)
    case.emit(case.old, order(1))
    assert isinstance(case.failed(), ClientClosed)
    assert "and it could not be told" in caplog.text
    case.emit(case.old, order(2))
    assert case.story.take(1) == [2]


def test_too_many_events_on_two_connections(case, monkeypatch):
    """What has been brought is not remembered without end: the rotation is given up, and whoever listens is told."""
    # Of a kind that nobody knows, it is remembered as well how often each has come.
    monkeypatch.setattr("binance_socket._engine.overlap.MOST_REMEMBERED", 20)
    case.both()
    case.emit(case.old, *(order(number) for number in range(1, 11)))
    assert case.story.take(10) == list(range(1, 11))
    case.emit(case.old, order(11))
    assert case.story.take(3) == [11, "lost", "restored"]
    assert isinstance(case.failed(), ClientClosed)
    case.emit(case.old, order(12))
    assert case.story.take(1) == [12]


def test_too_many_events_after_the_new_one_has_taken_over(case, monkeypatch):
    """What waits for the end of the old one is told all the same, and the new one goes on alone."""
    case.both()
    case.emit(case.old, order(1))
    case.emit(case.new, order(1), deposit(2))
    assert case.story.take(1) == [1]
    case.ask(case.new)
    monkeypatch.setattr("binance_socket._engine.overlap.MOST_REMEMBERED", 1)
    case.emit(case.new, order(3))
    assert case.story.take(4) == [3, "2", "lost", "restored"]
    case.emit(case.old, deposit(2), order(4))
    case.drain()
    case.done()
    case.emit(case.new, order(4))
    assert case.story.take(1) == [4]
    assert case.story.is_over()


def test_too_many_events_that_wait(case, monkeypatch):
    """Those that the new connection has brought before it takes over count as well."""
    monkeypatch.setattr("binance_socket._engine.overlap.MOST_REMEMBERED", 10)
    case.both()
    case.emit(case.new, *(order(number) for number in range(1, 12)))
    assert case.story.take(2) == ["lost", "restored"]
    assert isinstance(case.failed(), ClientClosed)
    case.emit(case.old, order(1))
    assert case.story.take(1) == [1]


def test_a_slow_handler_hears_nothing_twice(make_client, network, exchange, clock, subscribe, pass_time, monkeypatch):
    """While nobody reads the new connection, what it repeats stays unread: it is still recognised when it is read."""
    slow = Slow(monkeypatch, clock)
    client = make_client(keep_raw=True, rotation_after=None, mailbox_size=2, probe_after=1e6)
    case = Case(client, network, exchange, clock, subscribe, pass_time)
    case.both(route=7)
    case.emit(case.old, order(1))
    assert slow.busy.wait(PATIENCE)
    case.emit(case.new, order(1), route=7)
    leaving = case.old.sent()
    case.emit(case.old, order(2), order(3), order(4))
    case.exchange.reply(case.old, leaving, {})
    case.old.push(marker())
    case.old.wait_closed()
    case.done()
    slow.watch(client._hub.api)
    case.emit(case.new, order(2), route=7)
    assert slow.stalled.wait(PATIENCE)
    pass_time(client, OVERLAP)
    case.emit(case.new, order(3), order(4), order(5), route=7)
    slow.go_on.set()
    assert case.story.take(5) == [1, 2, 3, 4, 5]
    case.ask(case.new)
    assert case.story.is_over()


def test_a_slow_handler_does_not_hide_the_end_of_the_old_connection(
    make_client, network, exchange, clock, subscribe, pass_time, monkeypatch
):
    """What it has sent last, and that it was the last, may be there and unread: it is not overdue, nothing is lost."""
    slow = Slow(monkeypatch, clock)
    client = make_client(keep_raw=True, rotation_after=None, mailbox_size=2, probe_after=1e6)
    case = Case(client, network, exchange, clock, subscribe, pass_time)
    case.both(route=7)
    case.emit(case.old, order(1))
    assert slow.busy.wait(PATIENCE)
    # No event has come from both, so that only the end of the old one can prove that nothing is missing.
    pass_time(client, OVERLAP)
    leaving = case.old.sent()
    rotation = case.rotation
    assert rotation.stage is Stage.DRAINING
    slow.watch(rotation.old)
    case.exchange.reply(case.old, leaving, {})
    case.emit(case.old, order(2), order(3), order(4))
    assert slow.stalled.wait(PATIENCE)
    case.emit(case.old, order(5))
    case.old.push(marker())
    for _ in range(3):
        pass_time(client, OVERLAP)
        assert rotation.stage is Stage.DRAINING
    slow.go_on.set()
    case.old.wait_closed()
    case.done()
    case.emit(case.new, *map(order, range(1, 7)), route=7)
    assert case.story.take(6) == [1, 2, 3, 4, 5, 6]
    assert case.story.is_over()


def test_a_forgotten_subscription_that_a_shutdown_reveals(make_client, network, exchange, clock, subscribe, pass_time):
    """The gap begins when it is known to have been there last, and not with the announcement."""
    client = make_client(
        executor=InlineExecutor(), rotation_after=None, audit_after=900, probe_after=1e6, backfill=True
    )
    gaps = queue.SimpleQueue()
    subscription, old = subscribe(client)
    subscription.on_gap(gaps.put)
    exchange.expect(old, "time", {"serverTime": int(clock.time() * 1000)})
    # What is answered later has been taken in later.
    done = client._hub.api.submit(Request("ping"), PATIENCE)
    exchange.expect(old, "ping", {})
    done.result(PATIENCE)
    began = clock.time()
    pass_time(client, 890)
    old.push({"event": {"e": "serverShutdown", "E": int(clock.time() * 1000)}})
    new = network.accept()
    exchange.expect(new, "ping", {})
    exchange.expect(new, SUBSCRIBE, {"subscriptionId": 7})
    done = client._hub._rotator.connections[-1].submit(Request("session.subscriptions"), PATIENCE)
    exchange.expect(new, "session.subscriptions", [])
    done.result(PATIENCE)
    pass_time(client, OVERLAP)
    request = old.sent()
    assert request["method"] == UNSUBSCRIBE
    exchange.refuse(old, request, -2036)
    old.wait_closed()
    gap = gaps.get(timeout=PATIENCE)
    assert -5 <= gap.from_.timestamp() - began <= 0


def test_an_event_of_an_unknown_kind_that_only_looks_like_one_of_the_old_connection(case):
    """The first was sent before the new one had subscribed, so that this is another; nobody can tell, so it says so."""
    case.open()
    request = case.new.sent()
    assert request["method"] == SUBSCRIBE
    case.emit(case.old, {"e": "somethingNew", "E": 1_700_000_000_000})
    assert case.story.take(1) == ["somethingNew"]
    case.exchange.reply(case.new, request, {"subscriptionId": 0})
    case.ask(case.new)
    case.pass_time(case.client, OVERLAP)
    case.drain()
    case.done()
    case.pass_time(case.client, 30)
    case.emit(case.new, {"e": "somethingNew", "E": 1_700_000_035_000})
    case.ask(case.new)
    assert case.story.take(1) == ["somethingNew?"]


def test_the_old_one_is_read_again_just_before_it_is_overdue(case):
    """Callbacks had no room for a while. What it has sent meanwhile is on its way: nothing is missing."""
    case.both()
    case.emit(case.old, order(1))
    case.emit(case.new, order(1))
    leaving = case.old.sent()
    assert leaving["method"] == UNSUBSCRIBE
    hearing = case.rotation.old._hearing
    hearing.stop()
    case.pass_time(case.client, OVERLAP - 0.1)
    hearing.go_on(case.clock.monotonic())
    case.pass_time(case.client, 0.1)
    case.exchange.reply(case.old, leaving, {})
    case.old.push(marker())
    case.old.wait_closed()
    assert case.story.take(1) == [1]
    case.ask(case.new)
    assert case.story.is_over()
