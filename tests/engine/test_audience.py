"""Who hears what."""

import pytest

from binance_socket import ClientClosed, InvalidRequest
from binance_socket._engine.audience import Audience, Opening, nothing
from binance_socket._engine.futures import CallFuture
from binance_socket._session.effects import Closed, Deliver, Lost, Opened
from binance_socket._session.topics import StreamTopic
from binance_socket.testing import InlineExecutor

TOPIC, OTHER = StreamTopic("a"), StreamTopic("b")


class Listener:
    """Keeps what it is told."""

    def __init__(self):
        self.story = []
        self.full = False
        self.rest = nothing

    def post(self, payloads, received_at, route):
        self.story.append(("post", list(payloads), route))

    def put(self, payloads, received_at, route):
        self.post(payloads, received_at, route)
        return self.rest

    def opened(self, topic, route, now):
        self.story.append(("opened", route))
        return self.rest

    def lost(self, topic, reason, now, heard_at):
        self.story.append(("lost", reason))
        return self.rest

    def closed(self, topic, error):
        self.story.append(("closed", error))

    def ended(self, topic, name, sent_at):
        self.story.append(("ended", name))


def waiting(*topics):
    """Return somebody who waits for *topics*."""
    return Opening(CallFuture(InlineExecutor()), topics or [TOPIC])


def follow(audience, *effects):
    for tell in audience.follow(effects, 1.0, 2.0, lambda: 0.5):
        tell()


def test_opened_is_told_before_early_events_and_before_the_future_is_done():
    """So that whoever waits finds everything in place."""
    audience, listener, opening = Audience(), Listener(), waiting()
    assert audience.add([TOPIC], listener, opening, 0.0) == ([TOPIC], [])
    opening.future.add_done_callback(lambda _: listener.story.append("done"))
    follow(audience, Opened(TOPIC, "a", ({"n": 1},)))
    assert listener.story == [("opened", "a"), ("post", [{"n": 1}], "a"), "done"]
    assert audience.routes == {"a": (TOPIC, (listener,))}


def test_a_second_subscriber_of_an_open_topic_is_told_at_once():
    """And is routed to before."""
    audience, first, second, opening = Audience(), Listener(), Listener(), waiting(TOPIC, OTHER)
    audience.add([TOPIC], first, waiting(), 0.0)
    follow(audience, Opened(TOPIC, 5))
    second.rest = lambda: second.story.append("rest")
    missing, [tell] = audience.add([TOPIC, OTHER], second, opening, 0.0)
    assert missing == [OTHER]
    assert audience.routes[5] == (TOPIC, (first, second))
    assert second.story == [("opened", 5)]
    tell()
    assert second.story == [("opened", 5), "rest"]
    assert not opening.future.done()
    follow(audience, Opened(OTHER, 6))
    assert opening.future.done()


def test_what_is_told_is_in_order_before_anything_is_done_about_it():
    """The order of what two threads decide does not depend on which of them goes on first."""
    audience, first, second = Audience(), Listener(), Listener()
    audience.add([TOPIC], first, waiting(), 0.0)
    follow(audience, Opened(TOPIC, 5))
    opening = waiting()
    _, later = audience.add([TOPIC], second, opening, 1.0)
    later += audience.follow([Deliver(TOPIC, {"e": "x"}), Lost(TOPIC, "why")], 2.0, 3.0, lambda: 1.5)
    later += audience.follow([Opened(TOPIC, 6, ({"n": 1},))], 4.0, 5.0, lambda: 3.5)
    assert second.story == [
        ("opened", 5),
        ("post", [{"e": "x"}], None),
        ("lost", "why"),
        ("opened", 6),
        ("post", [{"n": 1}], 6),
    ]
    assert not opening.future.done()
    for tell in reversed(later):
        tell()
    assert opening.future.done()
    assert second.story[5:] == [("ended", "x")]


def test_the_last_to_leave_is_told_so():
    """Routes go with it; leaving twice is nothing."""
    audience, first, second = Audience(), Listener(), Listener()
    for listener in (first, second):
        audience.add([TOPIC], listener, waiting(), 0.0)
    follow(audience, Opened(TOPIC, 5))
    assert audience.remove([TOPIC, OTHER], first) == []
    assert audience.remove([TOPIC], first) == []
    assert audience.routes[5] == (TOPIC, (second,))
    assert audience.remove([TOPIC], second) == [TOPIC]
    assert audience.remove([TOPIC], second) == []
    assert audience.routes == {}


def test_a_lost_topic_keeps_its_subscribers():
    """They hear again when it is open again, under whatever route."""
    audience, listener = Audience(), Listener()
    audience.add([TOPIC], listener, waiting(), 0.0)
    follow(audience, Opened(TOPIC, 5), Lost(TOPIC, "why"))
    assert audience.routes == {}
    follow(audience, Opened(TOPIC, 6))
    assert list(audience.routes) == [6]
    assert listener.story == [("opened", 5), ("lost", "why"), ("opened", 6)]


def test_a_closed_topic_forgets_them():
    """Who waits gets the error; without one, the client was closed."""
    audience, listener, refused, closed = Audience(), Listener(), waiting(), waiting()
    error = InvalidRequest("no")
    audience.add([TOPIC], listener, refused, 0.0)
    follow(audience, Closed(TOPIC, error))
    assert refused.future.exception(0) is error
    audience.add([TOPIC], listener, closed, 0.0)
    follow(audience, Closed(TOPIC, None))
    assert isinstance(closed.future.exception(0), ClientClosed)
    assert listener.story == [("closed", error), ("closed", None)]
    assert audience.remove([TOPIC], listener) == []


def test_withdrawing_returns_what_waits():
    """Only once, and only the subscriber's own."""
    audience, first, second, opening = Audience(), Listener(), Listener(), waiting(TOPIC, OTHER)
    audience.add([TOPIC, OTHER], first, opening, 0.0)
    audience.add([TOPIC], second, waiting(), 0.0)
    assert audience.withdraw([StreamTopic("c")], first) == []
    assert audience.withdraw([TOPIC, OTHER], first) == [opening]
    assert audience.withdraw([TOPIC, OTHER], first) == []


def test_an_event_without_a_route_is_posted_and_its_name_told():
    """By some names the exchange ends a stream."""
    audience, listener = Audience(), Listener()
    audience.add([TOPIC], listener, waiting(), 0.0)
    follow(audience, Deliver(TOPIC, {"e": "listenKeyExpired"}), Deliver(TOPIC, {"e": []}), Deliver(OTHER, {"e": "x"}))
    assert listener.story == [
        ("post", [{"e": "listenKeyExpired"}], None),
        ("post", [{"e": []}], None),
        ("ended", "listenKeyExpired"),
    ]


def test_somebody_is_full():
    """Of any topic, open or not."""
    audience, listener = Audience(), Listener()
    assert not audience.anyone_full()
    audience.add([TOPIC], listener, waiting(), 0.0)
    assert not audience.anyone_full()
    listener.full = True
    assert audience.anyone_full()


def test_a_cancelled_future_is_left_alone():
    """Whoever waited does not any more."""
    opening = waiting()
    opening.future.cancel()
    opening.opened(TOPIC)
    opening.failed(InvalidRequest("no"))
    assert opening.future.cancelled()


@pytest.mark.parametrize("first", ["opened", "failed"])
def test_an_opening_ends_once(first):
    """What comes later changes nothing."""
    opening, error = waiting(TOPIC, OTHER), InvalidRequest("no")
    opening.opened(TOPIC)
    if first == "failed":
        opening.failed(error)
    opening.opened(OTHER)
    opening.opened(OTHER)
    opening.failed(InvalidRequest("again"))
    assert opening.future.exception(0) is (error if first == "failed" else None)
