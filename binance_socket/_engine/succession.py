"""What a connection offers to the one that takes over from it. See rotation.py."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any, Generic, TypeVar

import attrs

from .._session.session import Session
from .._session.state import ConnectionState as State
from .._session.topics import Dialect, Topic, merged
from ..models.response import Response
from .audience import Audience, StandIn, Subscriber, Waiting
from .clock import Clock
from .futures import CallFuture
from .update import Update

__all__ = ["Succession", "Yielded"]

C = TypeVar("C")


@attrs.frozen
class Yielded:
    """What a connection that is left leaves to do."""

    answers: list[tuple[list[Topic], CallFuture[Response[Any]]]]
    """The answers to its last requests: that it send no more events of these topics."""
    waiting: Waiting
    """Who still waits for what to open."""


class Succession(Generic[C]):
    """
    How what one connection is for passes to another, of the type C.

    A part of its connection, of which it has the lock, the session and the audience; *update* is how its connection
    changes the session. Any thread.
    """

    def __init__(
        self,
        update: Update[Any],
        session: Session,
        audience: Audience,
        dialect: Dialect,
        clock: Clock,
        executor: Executor,
    ) -> None:
        # The connection's lock. It guards everything below.
        self._mutex = update.lock
        self._update = update
        self._session = session
        self._audience = audience
        self._dialect = dialect
        self._clock = clock
        self._executor = executor
        self.successor: C | None = None
        """Who has taken over, or goes on instead, and is passed whoever still asks here. Requires holding the lock."""
        # Who is told that everything asked of the connection is answered.
        self._drained: Callable[[], object] | None = None

    @property
    def in_use(self) -> bool:
        """Whether somebody listens, or was asked for something lately, here."""
        with self._mutex:
            return bool(self._audience.subscribers) or self._session.in_flight > 0 or self._session.logon.wanted

    def is_settled(self) -> bool:
        """Whether there is a link, and everything that is wanted is open on it, or will never be."""
        with self._mutex:
            settled = self._audience.all_open or self._session.exhausted
            return self._session.state is State.READY and settled

    def open_routes(self) -> Mapping[Topic, Hashable]:
        """Return the topics of which events come, and what is stamped on these."""
        with self._mutex:
            return self._audience.open_routes

    def subscribers(self) -> dict[Topic, tuple[Subscriber, ...]]:
        """Return who hears what."""
        with self._mutex:
            return self._audience.subscribers

    def stand_ins(self) -> dict[Topic, StandIn]:
        """Return who stands for the subscribers of which topic."""
        with self._mutex:
            return self._audience.stand_ins

    @property
    def logon_wanted(self) -> bool:
        """Whether the session should be logged on."""
        with self._mutex:
            return self._session.logon.wanted

    @property
    def found_at(self) -> float:
        """When everything that was subscribed was there, as the exchange has said (monotonic)."""
        with self._mutex:
            return self._session.found_at

    @property
    def lacks_logon(self) -> bool:
        """Whether the session should be logged on, and is not."""
        with self._mutex:
            return self._session.logon.wanted and not self._session.logon.on

    def follow_logon(self, *, wanted: bool) -> bool:
        """Have every link from now on logged on, or not, as those of the connection are from which this one takes over.

        Return whether the present one is.
        """
        with self._mutex:
            self._session.logon.wanted = wanted
            return self._session.logon.on

    def put_in(self, stand_ins: Mapping[Topic, StandIn]) -> Mapping[Topic, Hashable]:
        """Let *stand_ins* hear their topics in place of the subscribers. Return the routes of those that are open."""
        with self._mutex:
            self._audience.put_in(stand_ins)
            return self._audience.open_routes

    def take_out(self, topics: Iterable[Topic], *, when: Callable[[], bool]) -> bool:
        """Let the subscribers hear *topics* themselves again, if *when* says so, under the lock. Return whether."""
        with self._mutex:
            if not when():
                return False
            self._audience.take_out(topics)
            return True

    def take_over(
        self, subscribers: Mapping[Topic, tuple[Subscriber, ...]], stand_ins: Mapping[Topic, StandIn]
    ) -> None:
        """Take the subscribers of another connection, which are represented by *stand_ins*."""
        with self._mutex:
            self._audience.take_over(subscribers, stand_ins)

    def give_back(self) -> None:
        """Take back :meth:`take_over`: only the stand-ins are left. As long as the other one has not yielded."""
        with self._mutex:
            self._audience.hand_over()

    def yield_to(self, successor: C, subscribers: Mapping[Topic, tuple[Subscriber, ...]]) -> Yielded | None:
        """
        Leave everything to *successor*, which has *subscribers* by now; return None if those are not all, or others.

        From now on everybody who asks or subscribes here is passed on. The server is told to send no more events.
        """
        with self._update.after, self._mutex, self._update.change as session:
            if self._audience.subscribers != subscribers:
                return None
            self.successor = successor
            session.forget(subscribers)
            routes = self._audience.hand_over()
            answers: list[tuple[list[Topic], CallFuture[Response[Any]]]] = []
            if session.state is State.READY:
                topics, at_once = list(routes), self._dialect.topics_at_once
                for some in (topics[at : at + at_once] for at in range(0, len(topics), at_once)):
                    future: CallFuture[Response[Any]] = CallFuture(self._executor)
                    request = merged([topic.closing(routes[topic]) for topic in some])
                    session.submit(request, future, self._clock.monotonic())
                    answers.append((some, future))
            return Yielded(answers, self._audience.give_away())

    def adopt(self, waiting: Waiting) -> None:
        """Tell those who have waited for another connection, when it is time."""
        with self._mutex:
            told = self._audience.adopt(waiting)
        for topic, opening in told:
            opening.opened(topic)

    def pass_back(self, predecessor: C) -> None:
        """From now on have *predecessor*, which this one was to take over from, serve everybody who asks here."""
        with self._mutex:
            self.successor = predecessor

    def tell_drained(self, function: Callable[[], object]) -> None:
        """Have *function* called, now and whenever something has changed here, under no lock."""
        with self._mutex:
            self._drained = function
        function()

    def look(self) -> None:
        """Something has changed. Requires that the lock is not held."""
        if self._drained is not None:
            self._drained()
