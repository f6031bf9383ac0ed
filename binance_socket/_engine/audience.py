"""Who hears what on a connection."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from .._session.effects import Closed, Deliver, Effect, Lost, Opened
from .._session.topics import Topic
from ..errors import BinanceSocketError, ClientClosed

__all__ = ["Audience", "Payload", "Routes", "Subscriber", "Telling", "settle"]


class Subscriber(Protocol):
    """Who hears a topic. Everything is called by threads that must not block."""

    @property
    def full(self) -> bool:
        """Whether it has more to do than it should be given."""
        ...

    def post(self, payloads: Sequence[Payload], received_at: float, route: Hashable) -> None:
        """Take events, in order; *received_at* is the wall clock in epoch seconds, *route* None if they had none."""
        ...

    def opened(self, topic: Topic, route: Hashable, now: float) -> None:
        """Events of *topic* come from now on (monotonic), stamped *route*."""
        ...

    def lost(self, topic: Topic, reason: str, now: float) -> None:
        """No events of *topic* come until it is opened again."""
        ...

    def closed(self, topic: Topic, error: BinanceSocketError | None) -> None:
        """No events of *topic* come any more."""
        ...

    def ended(self, topic: Topic, name: str, now: float) -> None:
        """The exchange has sent the event *name* (already posted). By some it ends the stream."""
        ...

    def finish(self, timeout: float) -> None:
        """The client is closed: wait up to *timeout* seconds until what was posted is delivered, and drop the rest."""
        ...


Payload = dict[str, Any] | bytes
"""An event, or the JSON that it is."""
Routes = Mapping[Hashable, tuple[Topic, tuple[Subscriber, ...]]]
Telling = Callable[[float, float], None]


class Audience:
    """
    The subscribers of one connection, by topic and by route.

    Every method requires holding the connection's lock. What subscribers have to be told is returned, to be done after
    releasing it; ``routes`` and ``tokens`` are replaced as a whole, so that the reader looks up without the lock.
    """

    def __init__(self) -> None:
        self.routes: Routes = {}
        self.tokens: Mapping[bytes, Hashable] = {}
        """The routes by how they are written in JSON, without quotation marks."""
        self._subscribers: dict[Topic, tuple[Subscriber, ...]] = {}
        self._opening: dict[Topic, list[tuple[Subscriber, Future[None]]]] = {}

    def add(self, topic: Topic, subscriber: Subscriber, future: Future[None], now: float) -> Callable[[], None] | None:
        """
        Let *subscriber* hear *topic*.

        Return what tells it so if the topic is open already; otherwise *future* is completed when it opens.
        """
        self._subscribers[topic] = (*self._subscribers.get(topic, ()), subscriber)
        route = next((route for route, (its_topic, _) in self.routes.items() if its_topic == topic), None)
        if route is None:
            self._opening.setdefault(topic, []).append((subscriber, future))
            return None
        self._route(route, topic)

        def tell() -> None:
            subscriber.opened(topic, route, now)
            settle(future, None)

        return tell

    def withdraw(self, topic: Topic, subscriber: Subscriber) -> list[Future[None]]:
        """Return the futures of *subscriber* that wait for *topic* to open, which the caller has to complete now."""
        opening = self._opening.get(topic, [])
        if opening:
            self._opening[topic] = [waiting for waiting in opening if waiting[0] is not subscriber]
        return [future for its_subscriber, future in opening if its_subscriber is subscriber]

    def remove(self, topic: Topic, subscriber: Subscriber) -> bool:
        """Stop *subscriber* from hearing *topic*. Return whether it was the last one to do so."""
        before = self._subscribers.get(topic, ())
        after = tuple(other for other in before if other is not subscriber)
        if after == before:
            return False
        if after:
            self._subscribers[topic] = after
            for route in [route for route, (its_topic, _) in self.routes.items() if its_topic == topic]:
                self._route(route, topic)
            return False
        del self._subscribers[topic]
        self._opening.pop(topic, None)
        self._unroute(topic)
        return True

    def anyone_full(self) -> bool:
        """Return whether some subscriber has more to do than it should be given."""
        return any(subscriber.full for subscribers in self._subscribers.values() for subscriber in subscribers)

    def follow(self, effects: Iterable[Effect]) -> list[Telling]:
        """Adapt the routes to what the session decided. Return what to do: each takes monotonic and wall clock."""
        tellings: list[Telling] = []
        for effect in effects:
            if isinstance(effect, Opened):
                self._route(effect.route, effect.topic)
                subscribers = self._subscribers.get(effect.topic, ())
                tellings.append(_opened(effect, subscribers, self._opening.pop(effect.topic, [])))
            elif isinstance(effect, Lost):
                self._unroute(effect.topic)
                tellings.append(_lost(effect, self._subscribers.get(effect.topic, ())))
            elif isinstance(effect, Closed):
                self._unroute(effect.topic)
                subscribers = self._subscribers.pop(effect.topic, ())
                tellings.append(_closed(effect, subscribers, self._opening.pop(effect.topic, [])))
            elif isinstance(effect, Deliver):
                tellings.append(_delivered(effect, self._subscribers.get(effect.topic, ())))
        return tellings

    def _route(self, route: Hashable, topic: Topic) -> None:
        self._set_routes({**self.routes, route: (topic, self._subscribers.get(topic, ()))})

    def _unroute(self, topic: Topic) -> None:
        self._set_routes({route: entry for route, entry in self.routes.items() if entry[0] != topic})

    def _set_routes(self, routes: Routes) -> None:
        self.routes = routes
        self.tokens = {str(route).encode(): route for route in routes}


def _opened(
    effect: Opened, subscribers: tuple[Subscriber, ...], waiting: list[tuple[Subscriber, Future[None]]]
) -> Telling:
    def tell(now: float, wall: float) -> None:
        for subscriber in subscribers:
            subscriber.opened(effect.topic, effect.route, now)
            if effect.early:
                subscriber.post(effect.early, wall, effect.route)
        for _, future in waiting:
            settle(future, None)

    return tell


def _lost(effect: Lost, subscribers: tuple[Subscriber, ...]) -> Telling:
    def tell(now: float, wall: float) -> None:
        for subscriber in subscribers:
            subscriber.lost(effect.topic, effect.reason, now)

    return tell


def _closed(
    effect: Closed, subscribers: tuple[Subscriber, ...], waiting: list[tuple[Subscriber, Future[None]]]
) -> Telling:
    def tell(now: float, wall: float) -> None:
        for subscriber in subscribers:
            subscriber.closed(effect.topic, effect.error)
        for _, future in waiting:
            settle(future, effect.error or ClientClosed("the client is closed"))

    return tell


def _delivered(effect: Deliver, subscribers: tuple[Subscriber, ...]) -> Telling:
    def tell(now: float, wall: float) -> None:
        for subscriber in subscribers:
            subscriber.post((effect.payload,), wall, None)
            name = effect.payload.get("e")
            if isinstance(name, str):
                subscriber.ended(effect.topic, name, now)

    return tell


def settle(future: Future[None], error: BinanceSocketError | None) -> None:
    """Complete what a subscriber waits for, outside the lock."""
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
