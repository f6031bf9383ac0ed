"""
Defects of ours, planted on each kind of thread (U2).

Those of the reader, the timer's tick and the senders are in test_connection.py, those of a rotation's merge in
test_rotation.py. Whatever breaks: the connection fails, every call ends, and whoever listens is told.
"""

from __future__ import annotations

import queue
import threading

import pytest

from binance_socket import (
    BinanceSocketError,
    ClientClosed,
    ConnectionLost,
    ConnectionState,
    GapStatus,
    SubscriptionState,
    Unrecoverable,
)
from binance_socket._engine.carrier import Carrier, Decided
from binance_socket._engine.futures import CallFuture
from binance_socket._engine.strand import Strand
from binance_socket._engine.timer import Timer
from binance_socket._session.effects import Complete, Pending
from binance_socket._wire.messages import Reply, Request
from binance_socket.testing import InlineExecutor

PATIENCE = 10.0


def broken(*arguments, **named):
    raise ZeroDivisionError("a defect")


def ask(client, timeout=None):
    return client._hub.submit(Request("ping", weight=0), timeout)


def everything_has_failed(client, *futures):
    """Every call has ended with the defect, and so does the next one."""
    for future in futures:
        error = future.exception(PATIENCE)
        assert isinstance(error, ClientClosed)
        assert "a defect" in str(error)
    with pytest.raises(ClientClosed, match="a defect"):
        ask(client).result(PATIENCE)
    assert client._hub.api.state is ConnectionState.FAILED
    return True


def test_an_answer_that_cannot_be_completed(client, network, exchange, monkeypatch):
    """Its call ends, and so do those that were answered with it, and those that were not."""
    futures = [ask(client) for _ in range(3)]
    transport = network.accept()
    first, second, _third = (transport.sent() for _ in range(3))
    monkeypatch.setattr("binance_socket._engine.futures.response_to", broken)
    transport.push({"id": first["id"], "status": 200}, {"id": second["id"], "status": 200})
    assert everything_has_failed(client, *futures)


def test_an_answer_that_cannot_be_looked_at_for_asking_again(client, network, exchange, monkeypatch):
    """The call ends all the same."""
    future = ask(client)
    transport = network.accept()
    request = transport.sent()
    monkeypatch.setattr("binance_socket._engine.repeats.is_passing", broken)
    exchange.refuse(transport, request, -1000, status=500)
    assert everything_has_failed(client, future)


def test_a_subscriber_that_cannot_be_told(client, network, exchange, subscribe, monkeypatch):
    """The others are told, and the connection fails."""
    story = queue.SimpleQueue()
    subscription, transport = subscribe(client)
    subscription.on_exception(story.put)
    with monkeypatch.context() as patched:
        patched.setattr("binance_socket.events.UpdateSubscription.lost", broken)
        transport.drop()
        assert isinstance(story.get(timeout=PATIENCE), ClientClosed)
    assert everything_has_failed(client)
    assert subscription.state is SubscriptionState.CLOSED


def test_everything_else_is_carried_out():
    """One call that cannot be completed keeps nobody waiting; the defect is told last."""
    told = []
    carrier = Carrier(None, leaving=broken, failed=told.append)
    futures = [CallFuture(InlineExecutor()) for _ in range(3)]
    requests = [Request("a"), Request("b", finish=broken), Request("c")]
    heard = []
    decided = Decided()
    decided.effects.extend(
        Complete(Pending("id", request, 1.0, future), Reply("id", 200))
        for request, future in zip(requests, futures, strict=True)
    )
    decided.tellings.extend([broken, lambda: heard.append("told")])
    carrier.carry_out(decided, is_final=False)
    assert heard == ["told"]
    assert [type(future.exception(0)) for future in futures] == [type(None), ClientClosed, type(None)]
    assert [type(defect) for defect in told] == [ZeroDivisionError]


def test_a_function_of_the_timer(client, network, exchange, subscribe, clock):
    """Whatever it was for will not be done any more: all connections fail."""
    story = queue.SimpleQueue()
    subscription, transport = subscribe(client)
    subscription.on_exception(story.put)
    future = ask(client)
    transport.sent()
    client._hub.timer.call_at(clock.monotonic(), broken)
    assert isinstance(story.get(timeout=PATIENCE), ClientClosed)
    assert everything_has_failed(client, future)


def test_nothing_new_is_begun_after_that(client, clock, run):
    """Not on a market connection that there was no need for before, nor over REST."""
    failed = threading.Event()
    client._hub.timer.call_at(clock.monotonic(), broken)
    client._hub.timer.call_at(clock.monotonic(), failed.set)
    assert failed.wait(PATIENCE)
    with pytest.raises(ClientClosed):
        run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("BTCUSDT", print))()
    with pytest.raises(ClientClosed):
        client._hub._rest.submit(Request("userDataStream.start"), client._hub.credentials, 1.0)


def test_the_timer_itself(network, exchange, clock, make_client):
    """Without it there are no deadlines any more."""

    class Broken:
        """A clock that breaks when it is told to."""

        broken = False

        def monotonic(self):
            return clock.monotonic()

        def time(self):
            return clock.time()

        def asleep(self):
            return 0.0

        def wait_until(self, condition, when):
            if self.broken and threading.current_thread().name.endswith("timer"):
                raise ZeroDivisionError("a defect")
            clock.wait_until(condition, when)

    own = Broken()
    client = make_client(clock=own)
    future = ask(client)
    network.accept().sent()
    own.broken = True
    client._hub.timer.call_at(clock.monotonic(), lambda: None)
    assert everything_has_failed(client, future)


def test_a_step_of_a_rotation(client, network, exchange, subscribe, monkeypatch):
    """Whoever waits for the rotation is told. The old connection goes on: nothing has happened to it."""
    subscription, old = subscribe(client)
    monkeypatch.setattr("binance_socket._engine.rotation.Rotation._subscribe", broken)
    [moved] = client._hub.rotate()
    exchange.expect(network.accept(), "ping", {})
    assert isinstance(moved.exception(PATIENCE), ClientClosed)
    asked = client.spot_api.exchange_data.ping.submit()
    exchange.expect(old, "ping", {})
    assert asked.result(PATIENCE).status == 200
    assert subscription.state is SubscriptionState.ACTIVE


def test_telling_what_could_not_be_sent(client, network, monkeypatch):
    """A sender that finds out, and cannot say so."""
    monkeypatch.setattr("binance_socket._engine.hub.encode", broken)
    monkeypatch.setattr("binance_socket._session.session.Session.unsendable", broken)
    network.hang()
    future = ask(client)
    network.wait_attempt()
    client._hub.api._waker.wake()
    assert everything_has_failed(client, future)


def test_a_request_whose_turn_has_come(client):
    """Else an order book would wait for its snapshot for ever."""
    future = ask(client)
    client._hub.snapshots.take(broken)
    assert everything_has_failed(client, future)


def test_a_delivery(clock):
    """A strand that cannot go on says so, instead of holding what was posted for ever."""
    told = []
    strand = Strand(
        InlineExecutor(),
        lambda item: None,
        size=2,
        on_room=broken,
        on_error=lambda exc, item: told.append((type(exc), item)),
    )
    strand.post_many([1, 2, 3])
    strand.post(4)
    assert strand.closed


def test_a_defect_while_a_defect_is_told(clock, caplog):
    """Nothing is left but the log; the timer goes on."""
    timer = Timer(clock, defect=broken)
    done = threading.Event()
    timer.call_at(0.0, broken)
    timer.call_at(0.0, done.set)
    assert done.wait(PATIENCE)
    timer.close()
    assert "and it could not be told" in caplog.text


@pytest.mark.parametrize("which", ["timer", "api-reader", "callback"])
def test_a_thread_that_cannot_be_started(client, network, exchange, run, monkeypatch, which):
    """Whichever it is, nobody waits for ever: the caller is told, or the subscription; and later calls succeed."""
    start = threading.Thread.start

    def scarce(thread):
        if thread.name.startswith(f"binance-socket-{which}"):
            raise RuntimeError("can't start new thread")
        start(thread)

    story = queue.SimpleQueue()

    def subscribing():
        try:
            subscription = client.spot_api.account.subscribe_to_user_data_updates(on_account_balance_update=story.put)
        except BinanceSocketError as error:
            return error
        return subscription

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", scarce)
        join = run(subscribing)
        if which == "callback":
            transport = network.accept()
            exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 0})
            subscription = join()
            exchange.emit(transport, 1)
            assert subscription.wait(PATIENCE)
            assert subscription.state is SubscriptionState.CLOSED
            assert transport.sent()["method"] == "userDataStream.unsubscribe"
        else:
            assert isinstance(join(), ConnectionLost)
    future = ask(client)
    if which != "callback":
        transport = network.accept()
    exchange.expect(transport, "ping", {})
    assert future.result(PATIENCE).status == 200


def test_what_is_compared_after_a_gap(make_client, network, exchange, subscribe, monkeypatch):
    """The gap has its verdict, the defect is told as one of the library's, and everything else goes on."""
    story = queue.SimpleQueue()
    client = make_client(executor=InlineExecutor(), backfill=True)
    heard = queue.SimpleQueue()
    subscription, transport = subscribe(client, on_unknown_event=lambda event: heard.put(event.data.payload["n"]))
    exchange.reply(transport, transport.sent(), {"serverTime": int(client._hub.clock.time() * 1000)})
    subscription.on_gap(story.put)
    subscription.on_exception(story.put)
    monkeypatch.setattr("binance_socket._engine.recovery.restore", broken)
    transport.drop()
    assert story.get(timeout=PATIENCE).status is GapStatus.OPEN
    transport = network.accept()
    exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 1})
    for _ in range(3):
        exchange.reply(transport, transport.sent(), [])
    defect, gap = (story.get(timeout=PATIENCE) for _ in range(2))
    assert type(defect) is BinanceSocketError
    assert "internal error" in str(defect)
    assert (gap.status, gap.unrecoverable[-1]) == (GapStatus.FAILED, Unrecoverable.INTERNAL_ERROR)
    transport.push({"subscriptionId": 1, "event": {"e": "newKind", "n": 7}})
    assert heard.get(timeout=PATIENCE) == 7
    assert client._hub.api.state is ConnectionState.READY
