"""Who hears what on a connection."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from .._session.effects import Closed, Deliver, Effect, Lost, Opened
from .._session.topics import Topic
from .._wire.values import as_object
from ..errors import BinanceSocketError, ClientClosed
from ..health import SubscriptionHealth
from .futures import CallFuture

__all__ = [
    "After",
    "Audience",
    "Listener",
    "Opening",
    "Payload",
    "Routes",
    "StandIn",
    "Subscriber",
    "Waiting",
    "nothing",
]


class Subscriber(Protocol):
    """Who hears a topic. Everything is called by threads that must not block."""

    @property
    def full(self) -> bool:
        """Whether it has more to do than it should be given."""
        ...

    @property
    def flooded(self) -> bool:
        """Whether it has so much more that nothing is a reason to give it more."""
        ...

    def post(
        self, payloads: Sequence[Payload], received_at: float, route: Hashable, *, possible_duplicate: bool = False
    ) -> None:
        """Take events, in order; *received_at* is the wall clock in epoch seconds, *route* None if they had none."""
        ...

    # These may be called with the lock of a connection held, which makes the order of what several threads tell. What
    # they return is to be called once it is not held any more, at any time: it does what needs no order.

    def put(self, payloads: Sequence[Payload], received_at: float, route: Hashable) -> After:
        """Take events as :meth:`post` does."""
        ...

    def opened(self, topic: Topic, route: Hashable, now: float) -> After:
        """Events of *topic* come from now on (monotonic), stamped *route*."""
        ...

    def lost(
        self, topic: Topic, reason: str, now: float, heard_at: float, *, doubtful_from: float = float("inf")
    ) -> After:
        """
        No events of *topic* come until it is opened again; the last sign of life came at *heard_at* (monotonic).

        What happened from *doubtful_from* on may be missing although later events have come.
        """
        ...

    # These are called under no lock.

    def closed(self, topic: Topic, error: BinanceSocketError | None) -> None:
        """No events of *topic* come any more."""
        ...

    def ended(self, topic: Topic, name: str, sent_at: float) -> None:
        """The exchange has sent the event *name* (already posted), at that time. By some it ends the stream."""
        ...

    def finish(self, timeout: float) -> None:
        """The client is closed: wait up to *timeout* seconds until what was posted is delivered, and drop the rest."""
        ...

    def leave(self, timeout: float) -> None:
        """The client is closed, and does not wait: nobody else should for more than *timeout* seconds."""
        ...


class Listener(Subscriber, Protocol):
    """A subscriber that is somebody's, rather than a part of the engine."""

    def health(self) -> SubscriptionHealth:
        """Return how it is."""
        ...


class StandIn(Subscriber, Protocol):
    """Hears a topic in place of its subscribers, as long as two connections have it."""

    def stand_for(self, subscribers: tuple[Subscriber, ...]) -> None:
        """Those are the subscribers now. Called with the connection's lock held."""
        ...


Payload = dict[str, Any] | list[Any] | bytes
"""An event, or the JSON that it is. Market streams send arrays, too."""
Routes = Mapping[Hashable, tuple[Topic, tuple[Subscriber, ...]]]
After = Callable[[], object]
"""What is to be done once a lock is not held any more."""


class Opening:
    """Somebody's wait for topics to open, on however many connections. *future* is done with the last, or an error."""

    def __init__(self, future: CallFuture[None], topics: Iterable[Topic]) -> None:
        self.future = future
        # Guards everything below.
        self._lock = threading.Lock()
        self._topics = set(topics)
        self._settled = False

    def opened(self, topic: Topic) -> None:
        """*topic* is open. Must not be called with a connection's lock held."""
        with self._lock:
            self._topics.discard(topic)
            done = not self._topics and not self._settled
            self._settled = self._settled or done
        if done and self.future.start():
            self.future.set_result(None)

    def failed(self, error: BinanceSocketError) -> None:
        """Not all of them will open. Idempotent; the same."""
        with self._lock:
            done = not self._settled
            self._settled = True
        if done and self.future.start():
            self.future.set_exception(error)


Waiting = dict[Topic, list[tuple[Subscriber, Opening]]]
"""Who waits for which topic to open."""


class Audience:
    """
    The subscribers of one connection, by topic and by route.

    Every method requires holding the connection's lock. What subscribers are told is in their order by that; the rest
    of it is returned, to be done after releasing the lock. ``routes`` and ``tokens`` are replaced as a whole, so that
    the reader looks up without it.
    """

    def __init__(self) -> None:
        self.routes: Routes = {}
        self.tokens: Mapping[bytes, Hashable] = {}
        """The routes by how they are written in JSON, without quotation marks."""
        self._subscribers: dict[Topic, tuple[Subscriber, ...]] = {}
        self._stand_ins: dict[Topic, StandIn] = {}
        self._opening: Waiting = {}
        self._open: dict[Topic, Hashable] = {}
        # Topics of which the route, or its subscribers, have changed since the routes were replaced.
        self._changed: set[Topic] = set()

    def add(
        self, topics: Iterable[Topic], subscriber: Subscriber, opening: Opening, now: float
    ) -> tuple[list[Topic], list[After]]:
        """
        Let *subscriber* hear *topics*.

        Return those that are not open, of which *opening* is told when they are, and what tells it of the others.
        """
        missing: list[Topic] = []
        tellings: list[After] = []
        for topic in topics:
            self._set(topic, (*self._subscribers.get(topic, ()), subscriber))
            if topic in self._open:
                self._changed.add(topic)
                # Before anybody else can find that it is lost.
                after = _told(functools.partial(subscriber.opened, topic, self._open[topic], now))
                tellings.append(functools.partial(_open_already, after, topic, opening))
            else:
                self._opening.setdefault(topic, []).append((subscriber, opening))
                missing.append(topic)
        self._reroute()
        return missing, tellings

    def withdraw(self, topics: Iterable[Topic], subscriber: Subscriber) -> list[Opening]:
        """Return what of *subscriber* waits for *topics* to open, which the caller has to fail now."""
        withdrawn: list[Opening] = []
        for topic in topics:
            opening = self._opening.get(topic, [])
            if opening:
                self._opening[topic] = [waiting for waiting in opening if waiting[0] is not subscriber]
            withdrawn += [waiting for its_subscriber, waiting in opening if its_subscriber is subscriber]
        return list(dict.fromkeys(withdrawn))

    def remove(self, topics: Iterable[Topic], subscriber: Subscriber) -> list[Topic]:
        """Stop *subscriber* from hearing *topics*. Return those of which it was the last one to do so."""
        left: list[Topic] = []
        for topic in topics:
            before = self._subscribers.get(topic, ())
            after = tuple(other for other in before if other is not subscriber)
            if after == before:
                continue
            self._changed.add(topic)
            if after:
                self._set(topic, after)
            else:
                self._set(topic, ())
                del self._subscribers[topic]
                self._stand_ins.pop(topic, None)
                self._opening.pop(topic, None)
                left.append(topic)
        for topic in left:
            self._close(topic)
        self._reroute()
        return left

    def anyone_full(self, *, flooded: bool = False) -> bool:
        """Return whether some subscriber has more to do than it should be given; or, if asked for, is *flooded*."""
        return any(
            subscriber.flooded if flooded else subscriber.full
            for subscribers in self._subscribers.values()
            for subscriber in subscribers
        )

    def follow(self, effects: Iterable[Effect], now: float, wall: float, heard_at: Callable[[], float]) -> list[After]:
        """
        Adapt the routes to what the session decided, and tell subscribers. Return what else to do.

        *wall* is the wall clock, *heard_at* tells up to when everything has come that was sent (monotonic).
        """
        tellings: list[After] = []
        complete_at: float | None = None
        for effect in effects:
            if isinstance(effect, Opened):
                self._open[effect.topic] = effect.route
                self._changed.add(effect.topic)
                subscribers = self._hearing(effect.topic)
                tellings.append(_opened(effect, subscribers, self._opening.pop(effect.topic, []), now, wall))
            elif isinstance(effect, Lost):
                self._close(effect.topic)
                complete_at = heard_at() if complete_at is None else complete_at
                tellings.append(_lost(effect, self._hearing(effect.topic), now, complete_at))
            elif isinstance(effect, Closed):
                self._close(effect.topic)
                subscribers = self._subscribers.pop(effect.topic, ())
                stand_in = self._stand_ins.pop(effect.topic, None)
                if stand_in is not None:
                    # It gives them what it still has for them, and tells them then.
                    subscribers = (stand_in,)
                tellings.append(_closed(effect, subscribers, self._opening.pop(effect.topic, [])))
            elif isinstance(effect, Deliver):
                tellings.append(_delivered(effect, self._hearing(effect.topic), now, wall))
        self._reroute()
        return tellings

    # While two connections have the same topics.

    @property
    def subscribers(self) -> dict[Topic, tuple[Subscriber, ...]]:
        """Who hears what, as of now."""
        return dict(self._subscribers)

    @property
    def stand_ins(self) -> dict[Topic, StandIn]:
        """Who stands for them, as of now."""
        return dict(self._stand_ins)

    @property
    def carried(self) -> list[tuple[Topic, Hashable]]:
        """What somebody hears, or waits to hear, and by which route it comes: None where it does not (yet)."""
        return [(topic, self._open.get(topic)) for topic in self._subscribers]

    @property
    def all_open(self) -> bool:
        """Whether every topic that somebody hears is open."""
        return self._subscribers.keys() <= self._open.keys()

    @property
    def open_routes(self) -> Mapping[Topic, Hashable]:
        """The topics of which events come, and what is stamped on these."""
        return dict(self._open)

    def put_in(self, stand_ins: Mapping[Topic, StandIn]) -> None:
        """Let *stand_ins* hear their topics in place of the subscribers, where there are any."""
        for topic in stand_ins.keys() & self._subscribers.keys():
            self._stand_ins[topic] = stand_ins[topic]
            self._set(topic, self._subscribers[topic])
            self._changed.add(topic)
        self._reroute()

    def take_out(self, topics: Iterable[Topic]) -> None:
        """Let the subscribers hear *topics* themselves again."""
        for topic in topics:
            if self._stand_ins.pop(topic, None) is not None:
                self._changed.add(topic)
        self._reroute()

    def take_over(
        self, subscribers: Mapping[Topic, tuple[Subscriber, ...]], stand_ins: Mapping[Topic, StandIn]
    ) -> None:
        """
        Take *subscribers* from another connection, each of which is represented by a stand-in for the time being.

        Whom those stand for, that connection goes on to say until it has handed over.
        """
        self._subscribers.update(subscribers)
        for topic in subscribers:
            self._stand_ins[topic] = stand_ins[topic]
            self._changed.add(topic)
        self._reroute()

    def give_away(self) -> Waiting:
        """Leave to another connection to tell those who wait for topics to open."""
        waiting, self._opening = self._opening, {}
        return waiting

    def adopt(self, waiting: Waiting) -> list[tuple[Topic, Opening]]:
        """Take those who have waited for another connection. Return those to be told that theirs are open."""
        told: list[tuple[Topic, Opening]] = []
        for topic, its in waiting.items():
            if topic in self._open:
                told += [(topic, opening) for _, opening in its]
            else:
                self._opening.setdefault(topic, []).extend(its)
        return told

    def hand_over(self) -> dict[Topic, Hashable]:
        """Leave all subscribers to another connection; their stand-ins hear what still comes. Return the routes."""
        self._subscribers = {topic: (stand_in,) for topic, stand_in in self._stand_ins.items()}
        self._stand_ins = {}
        self._changed |= self._open.keys()
        self._reroute()
        return dict(self._open)

    def _hearing(self, topic: Topic) -> tuple[Subscriber, ...]:
        stand_in = self._stand_ins.get(topic)
        return self._subscribers.get(topic, ()) if stand_in is None else (stand_in,)

    def _set(self, topic: Topic, subscribers: tuple[Subscriber, ...]) -> None:
        self._subscribers[topic] = subscribers
        stand_in = self._stand_ins.get(topic)
        if stand_in is not None:
            stand_in.stand_for(subscribers)

    def _close(self, topic: Topic) -> None:
        if self._open.pop(topic, None) is not None:
            self._changed.add(topic)

    def _reroute(self) -> None:
        """Replace the routes, if they have changed."""
        if not self._changed:
            return
        routes = {route: entry for route, entry in self.routes.items() if entry[0] not in self._changed}
        for topic in self._changed & self._open.keys():
            routes[self._open[topic]] = (topic, self._hearing(topic))
        self._changed.clear()
        self.routes = routes
        self.tokens = {str(route).encode(): route for route in routes}


def nothing() -> None:
    """Do nothing: the rest of what needed no more."""


def _told(tell: Callable[[], After]) -> After:
    """Tell a subscriber, and return the rest: what was raised is raised there, so that it keeps nobody else waiting."""
    try:
        return tell()
    except Exception as exc:  # noqa: BLE001  # told by whoever does the rest
        return functools.partial(_raise, exc)


def _raise(exc: Exception) -> None:
    raise exc


def _open_already(after: After, topic: Topic, opening: Opening) -> None:
    after()
    opening.opened(topic)


def _opened(
    effect: Opened,
    subscribers: tuple[Subscriber, ...],
    waiting: list[tuple[Subscriber, Opening]],
    now: float,
    wall: float,
) -> After:
    rest: list[After] = []
    for subscriber in subscribers:
        rest.append(_told(functools.partial(subscriber.opened, effect.topic, effect.route, now)))
        if effect.early:
            rest.append(_told(functools.partial(subscriber.put, effect.early, wall, effect.route)))

    def tell() -> None:
        for after in rest:
            after()
        for _, opening in waiting:
            opening.opened(effect.topic)
        for name in (as_object(payload).get("e") for payload in effect.early):
            if isinstance(name, str):
                for subscriber in subscribers:
                    subscriber.ended(effect.topic, name, now)

    return tell


def _lost(effect: Lost, subscribers: tuple[Subscriber, ...], now: float, heard_at: float) -> After:
    since = min(heard_at, effect.since)
    rest = [
        _told(functools.partial(subscriber.lost, effect.topic, effect.reason, now, since)) for subscriber in subscribers
    ]

    def tell() -> None:
        for after in rest:
            after()

    return tell


def _closed(effect: Closed, subscribers: tuple[Subscriber, ...], waiting: list[tuple[Subscriber, Opening]]) -> After:
    def tell() -> None:
        for subscriber in subscribers:
            subscriber.closed(effect.topic, effect.error)
        for _, opening in waiting:
            opening.failed(effect.error or ClientClosed("the client is closed"))

    return tell


def _delivered(effect: Deliver, subscribers: tuple[Subscriber, ...], now: float, wall: float) -> After:
    name = as_object(effect.payload).get("e")
    rest = [_told(functools.partial(subscriber.put, (effect.payload,), wall, None)) for subscriber in subscribers]

    def tell() -> None:
        for subscriber, after in zip(subscribers, rest, strict=True):
            after()
            if isinstance(name, str):
                subscriber.ended(effect.topic, name, now)

    return tell
