"""Connections to market streams: as many as the streams need."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import attrs

from .._session.topics import Topic
from ..errors import ClientClosed
from .audience import Subscriber
from .connection import Connection

__all__ = ["Pool", "Seats"]

MOST_STREAMS = 1024
"""The exchange's limit to what one connection is subscribed to."""

Seats = list[tuple[Connection, list[Topic]]]
"""Topics, by the connection that carries them."""


@attrs.define(eq=False)
class _Place:
    """A connection, and how many streams it has been given."""

    connection: Connection
    streams: int = 0


@attrs.define(eq=False)
class _Seat:
    """A stream, where it is, and for whom."""

    place: _Place
    subscribers: set[Subscriber] = attrs.field(factory=set[Subscriber])


class Pool:
    """
    Which connection carries which stream.

    Everybody who wants a stream shares it. A stream is given to the first connection with room; a connection that
    carries nothing any more is closed, unless it is the only one. Any thread; no method does more than keep the books,
    so that its lock is never held together with a connection's.
    """

    def __init__(self, connect: Callable[[str], Connection], most: int = MOST_STREAMS) -> None:
        self._connect = connect
        self._most = most
        self._names = itertools.count(1)
        # Guards everything below.
        self._lock = threading.Lock()
        self._closed = False
        self._places: list[_Place] = []
        self._seats: dict[Topic, _Seat] = {}
        # Those that were closed lately, and may not have ended yet.
        self._retired: deque[Connection] = deque(maxlen=16)

    @property
    def connections(self) -> list[Connection]:
        """The connections at present."""
        with self._lock:
            return [place.connection for place in self._places]

    def take(self, topics: Iterable[Topic], subscriber: Subscriber) -> Seats:
        """Find a connection for each of *topics*, which *subscriber* is about to subscribe to."""
        with self._lock:
            if self._closed:
                raise ClientClosed("the client is closed")
            for topic in topics:
                seat = self._seats.get(topic)
                if seat is None:
                    seat = self._seats[topic] = _Seat(self._place_with_room())
                    seat.place.streams += 1
                seat.subscribers.add(subscriber)
            return self._by_connection(topics)

    def leave(self, topics: Iterable[Topic], subscriber: Subscriber) -> Seats:
        """
        Return where to unsubscribe *subscriber* from *topics*, which has to be done before :meth:`free`.

        Only a stream that was unsubscribed from may make room for another: the exchange counts in this order, too.
        """
        with self._lock:
            ours = [topic for topic in topics if topic in self._seats and subscriber in self._seats[topic].subscribers]
            for topic in ours:
                self._seats[topic].subscribers.discard(subscriber)
            return self._by_connection(ours)

    def seats(self, topics: Iterable[Topic]) -> Seats:
        """Return where *topics* are, as far as anybody has them."""
        with self._lock:
            return self._by_connection([topic for topic in topics if topic in self._seats])

    def free(self, topics: Iterable[Topic]) -> list[Connection]:
        """Make room where nobody wants one of *topics* any more. Return the connections that have to be closed now."""
        with self._lock:
            for topic in topics:
                seat = self._seats.get(topic)
                if seat is not None and not seat.subscribers:
                    del self._seats[topic]
                    seat.place.streams -= 1
            empty = [place for place in self._places if not place.streams]
            if len(empty) == len(self._places):
                empty = empty[1:]
            self._places = [place for place in self._places if place not in empty]
            closing = [place.connection for place in empty]
            self._retired.extend(closing)
            return closing

    def close(self) -> Sequence[Connection]:
        """Give no more connections out. Return those that have to be closed, and may have been. Idempotent."""
        with self._lock:
            self._closed = True
            return [*self._retired, *(place.connection for place in self._places)]

    def _place_with_room(self) -> _Place:
        """Return a connection that can carry one more stream. Requires holding the lock."""
        for place in self._places:
            if place.streams < self._most:
                return place
        place = _Place(self._connect(f"market-{next(self._names)}"))
        self._places.append(place)
        return place

    def _by_connection(self, topics: Iterable[Topic]) -> Seats:
        """Requires holding the lock."""
        seats: dict[_Place, list[Topic]] = {}
        for topic in topics:
            seats.setdefault(self._seats[topic].place, []).append(topic)
        return [(place.connection, its_topics) for place, its_topics in seats.items()]
