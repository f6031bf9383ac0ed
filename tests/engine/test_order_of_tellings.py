"""What several threads find out about one topic is told in the order in which it was so. The order is forced."""

import queue
import threading

import pytest

from binance_socket import GapStatus, SubscriptionState
from binance_socket._engine.connection import Connection
from binance_socket._session.effects import Lost, Opened
from binance_socket._session.topics import StreamTopic, UserDataTopic

PATIENCE = 10.0
SUBSCRIBE = "userDataStream.subscribe.signature"


class Stopped:
    """Stops one thread when it has changed a session and released its lock, before it does anything about it."""

    def __init__(self, monkeypatch):
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.is_wanted = lambda effects: False
        original = Connection._perform

        def perform(connection, decided):
            if not self.entered.is_set() and self.is_wanted(decided.effects):
                self.entered.set()
                assert self.go_on.wait(PATIENCE)
            original(connection, decided)

        monkeypatch.setattr(Connection, "_perform", perform)

    def wait(self):
        assert self.entered.wait(PATIENCE)


@pytest.fixture
def stopped(monkeypatch):
    stopped = Stopped(monkeypatch)
    yield stopped
    stopped.go_on.set()


@pytest.fixture
def client(stopped, make_client):
    return make_client()


def settle(subscription):
    """Wait until everything that *subscription* was told so far has had its turn."""
    done = threading.Event()
    subscription.run_in_turn(done.set)
    assert done.wait(PATIENCE)


def watch(subscription):
    """Return what *subscription* says of losses from now on."""
    story = queue.SimpleQueue()
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda downtime: story.put("restored"))
    subscription.on_gap(lambda gap: story.put(gap.status))
    return story


def take(story, count):
    return [story.get(timeout=PATIENCE) for _ in range(count)]


def test_who_joins_a_topic_that_is_being_lost_hears_of_the_loss(client, network, exchange, subscribe, run, stopped):
    """Between finding that it is open and being told so, the link goes."""
    first, transport = subscribe(client)
    story = watch(first)

    def join():
        me = threading.current_thread()
        stopped.is_wanted = lambda effects: threading.current_thread() is me
        return client.spot_api.account.subscribe_to_user_data_updates()

    joined = run(join)
    stopped.wait()
    transport.drop()
    assert take(story, 2) == ["lost", GapStatus.OPEN]
    stopped.go_on.set()
    second = joined()
    settle(second)
    assert second.state is SubscriptionState.RECONNECTING
    assert second.gap is not None
    story = watch(second)
    exchange.expect(network.accept(), SUBSCRIBE, {"subscriptionId": 3})
    assert take(story, 2) == ["restored", GapStatus.FAILED]
    assert (first.state, second.state) == (SubscriptionState.ACTIVE, SubscriptionState.ACTIVE)


def test_a_topic_that_is_lost_as_soon_as_it_is_open(client, network, exchange, run, stopped):
    """The reader has its acknowledgement, and another thread gives the link up before it is told."""
    stopped.is_wanted = lambda effects: any(isinstance(effect, Opened) for effect in effects)
    joined = run(client.spot_api.account.subscribe_to_user_data_updates)
    transport = network.accept()
    exchange.expect(transport, SUBSCRIBE, {"subscriptionId": 0})
    stopped.wait()
    client._hub.unreadable(UserDataTopic(needs_logon=False), "it was cut short")
    stopped.go_on.set()
    subscription = joined()
    settle(subscription)
    assert subscription.state is SubscriptionState.RECONNECTING
    assert subscription.gap is not None
    story = watch(subscription)
    exchange.expect(network.accept(), SUBSCRIBE, {"subscriptionId": 1})
    assert take(story, 2) == ["restored", GapStatus.FAILED]
    assert subscription.state is SubscriptionState.ACTIVE


def test_a_loss_that_is_told_late_is_over_by_then(client, network, exchange, subscribe, run, stopped):
    """The link was given up by one thread, and made anew by the reader before that could say so."""
    subscription, transport = subscribe(client)
    story = watch(subscription)
    stopped.is_wanted = lambda effects: any(isinstance(effect, Lost) for effect in effects)
    given_up = run(client._hub.unreadable, UserDataTopic(needs_logon=False), "it was cut short")
    stopped.wait()
    transport.drop()
    exchange.expect(network.accept(), SUBSCRIBE, {"subscriptionId": 1})
    assert take(story, 4) == ["lost", GapStatus.OPEN, "restored", GapStatus.FAILED]
    stopped.go_on.set()
    given_up()
    assert subscription.state is SubscriptionState.ACTIVE
    assert story.empty()


def test_a_listen_key_that_was_not_gone_after_all_when_its_link_goes(client, network, run, clock, monkeypatch):
    """It is open while somebody looks, and is not any more when that is told."""
    joined = run(client.spot_api.account.subscribe_to_user_data_updates, "first")
    transport = network.accept()
    transport.push({"id": transport.sent()["id"], "result": None})
    subscription = joined()
    subscription.lose_key(clock.monotonic())
    monotonic, me = clock.monotonic, threading.current_thread()

    def lose_link():
        if threading.current_thread() is me:
            monkeypatch.undo()
            network.hang()
            transport.drop()
            # It is tried again when the loss has been told.
            network.wait_attempt()
            network.wait_attempt()
        return monotonic()

    monkeypatch.setattr(clock, "monotonic", lose_link)
    subscription.move("first")
    assert client._hub.streams._session.is_open(StreamTopic("first")) is False
    assert subscription.state is SubscriptionState.RECONNECTING
