"""A client with a subscription that is about to be moved to another connection. The network is scripted."""

import queue
import threading

import pytest
from turns import finish_step

from binance_socket._engine.rotation import Stage
from binance_socket._wire.messages import Request
from binance_socket.testing import InlineExecutor

PATIENCE = 10.0
SUBSCRIBE = "userDataStream.subscribe.signature"
UNSUBSCRIBE = "userDataStream.unsubscribe"
LOGGED_ON = {
    "apiKey": "key",
    "authorizedSince": 1,
    "connectedSince": 1,
    "returnRateLimits": True,
    "serverTime": 1_700_000_000_000,
    "userDataStream": False,
}
SHUTDOWN = {"event": {"e": "serverShutdown", "E": 1}}


def order(number):
    """An event that is told from all others for certain."""
    return {"e": "somethingNew", "E": 1, "I": number}


def deposit(number):
    return {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": str(number), "T": 1}


def marker(route=0):
    return {"subscriptionId": route, "event": {"e": "eventStreamTerminated", "E": 1}}


class Story:
    """What a subscription hears, in order."""

    def __init__(self):
        self.queue = queue.SimpleQueue()
        self.streams = []

    def event(self, event):
        payload = event.raw
        self.streams.append(event.stream)
        word = payload.get("I", payload.get("d", payload["e"]))
        self.queue.put(f"{word}?" if event.possible_duplicate else word)

    def watch(self, subscription):
        subscription.on_connection_lost(lambda: self.queue.put("lost"))
        subscription.on_connection_restored(lambda downtime: self.queue.put("restored"))
        subscription.on_exception(self.queue.put)

    def take(self, count):
        return [self.queue.get(timeout=PATIENCE) for _ in range(count)]

    def is_over(self):
        return self.queue.empty()


class Slow:
    """Has the first callback of any story stop until it may go on; knows when a connection is not read for that."""

    def __init__(self, monkeypatch, clock):
        self.busy, self.go_on, self.stalled = threading.Event(), threading.Event(), threading.Event()
        self._monkeypatch, self._clock = monkeypatch, clock
        self._hear, self._wait_until = Story.event, clock.wait_until
        monkeypatch.setattr(Story, "event", lambda story, event: self._wait_and_hear(story, event))

    def watch(self, connection):
        """Set ``stalled`` once *connection* waits for room."""

        def wait_and_tell(condition, when):
            if connection.stalled:
                self.stalled.set()
            self._wait_until(condition, when)

        self._monkeypatch.setattr(self._clock, "wait_until", wait_and_tell)
        if connection.stalled:
            self.stalled.set()

    def _wait_and_hear(self, story, event):
        self.busy.set()
        assert self.go_on.wait(PATIENCE)
        self._hear(story, event)


class Case:
    """A client with a subscription, about to be moved."""

    def __init__(self, client, network, exchange, clock, subscribe, pass_time):
        self.client, self.network, self.exchange, self.clock = client, network, exchange, clock
        self.pass_time = pass_time
        self.story = Story()
        names = (
            "on_order_update_message",
            "on_account_balance_update",
            "on_user_data_stream_terminated",
            "on_listen_key_expired",
            "on_server_shutdown",
            "on_unknown_event",
        )
        self.subscription, self.old = subscribe(client, **dict.fromkeys(names, self.story.event))
        self.story.watch(self.subscription)
        self.futures = []

        self._over = threading.Condition()
        rotator = client._hub._rotator
        over = rotator.over

        def told(role):
            over(role)
            with self._over:
                self._over.notify_all()

        rotator.over = told

    @property
    def rotation(self):
        """The one that is under way, None if there is none: when what is being done has been done."""
        [role, _] = self.client._hub._rotator._roles
        rotation = role.rotation
        finish_step(rotation)
        if rotation is not None:
            with self._over:
                under_way = rotation.stage not in (Stage.OVER, Stage.GIVEN_UP)
                assert under_way or self._over.wait_for(lambda: role.rotation is not rotation, PATIENCE)
        return role.rotation

    def emit(self, transport, *payloads, route=0):
        transport.push(*({"subscriptionId": route, "event": payload} for payload in payloads))

    def open(self):
        """Have the new connection answer its first question."""
        self.futures = self.client._hub.rotate()
        self.new = self.network.accept()
        self.exchange.expect(self.new, "ping", {})
        return self.new

    def both(self, route=0):
        """Have both connections subscribed."""
        self.open()
        self.exchange.expect(self.new, SUBSCRIBE, {"subscriptionId": route})
        self.ask(self.new)

    def ask(self, transport, connection=None):
        """Wait until everything that was pushed so far has been taken in: an answer is the last of it."""
        connection = connection or next(
            other
            for other in (self.client._hub.api, *self.client._hub._rotator.connections)
            if other._link is not None and other._link.transport is transport
        )
        future = connection.submit(Request("time"), PATIENCE)
        while True:
            request = transport.sent()
            if request["method"] == "time":
                break
            self.held = request
        transport.push({"id": request["id"], "status": 200, "result": {}})
        future.result(PATIENCE)

    def drain(self, route=0):
        """Let the old connection answer that it sends no more, and close."""
        self.exchange.expect(self.old, UNSUBSCRIBE, {})
        self.old.push(marker(route))
        self.old.wait_closed()

    def done(self):
        [future] = self.futures
        return future.result(PATIENCE)

    def failed(self):
        [future] = self.futures
        return future.exception(PATIENCE)


def keyed_emit(transport, *payloads):
    transport.push(*({"stream": "k" * 20, "data": payload} for payload in payloads))


@pytest.fixture
def case(make_client, network, exchange, clock, subscribe, pass_time):
    client = make_client(executor=InlineExecutor(), keep_raw=True, rotation_after=None)
    return Case(client, network, exchange, clock, subscribe, pass_time)


@pytest.fixture
def keyed(make_client, network, exchange, run):
    """A client that listens with a listen key."""
    client = make_client(executor=InlineExecutor(), keep_raw=True, rotation_after=None, keep_alive_listen_keys=False)
    story = Story()
    names = ("on_order_update_message", "on_account_balance_update", "on_listen_key_expired", "on_unknown_event")
    join = run(
        lambda: client.spot_api.account.subscribe_to_user_data_updates("k" * 20, **dict.fromkeys(names, story.event))
    )
    old = network.accept()
    exchange.expect(old, "SUBSCRIBE", None)
    subscription = join()
    story.watch(subscription)
    return client, story, old, subscription
