"""
Moving everything from one connection to a new one, make before break.

::

    OPENING ----------> SUBSCRIBING --------> BOTH --------> MOVING --> DRAINING ----------> SETTLING --------> OVER
            new answers  ^         all open    |  a common event,     |         old has ended,        new has
                         +---------------------+  5 s, old is lost    |         nothing due there     caught up
                            something was added
    any of the first three --new is lost, or refuses--> GIVEN_UP

Until MOVING the old connection is the one that counts: whatever goes wrong with the new one, it goes on as if nothing
had been. From then on the new one counts, and what goes wrong with it is what may go wrong with any connection.
"""

from __future__ import annotations

import enum
import functools
import logging
import threading
from collections.abc import Iterable
from concurrent.futures import Executor, Future
from typing import Any, Final, Protocol

from .._session.state import ConnectionState as State
from .._session.topics import StreamTopic, Topic
from .._wire.messages import Request
from ..errors import ApiError, BinanceSocketError, ClientClosed, ConnectionLost
from .audience import Opening, Subscriber
from .clock import Clock
from .connection import Connection
from .futures import CallFuture
from .overlap import Overlap
from .timer import Timer

__all__ = ["OVERLAP", "Mover", "Rotation", "Stage"]

logger = logging.getLogger(__name__)

OVERLAP: Final = 5.0
"""
How long both connections are subscribed if no event comes that both bring, in seconds; how long the last events of the
old one are waited for; and how long the new one is listened to for what has been delivered already.
"""
_AGAIN: Final = 0.1
# To an unsubscription: there is no such subscription.
_NOT_SUBSCRIBED: Final = -2036


class Stage(enum.Enum):
    """How far a rotation is."""

    OPENING = enum.auto()
    SUBSCRIBING = enum.auto()
    BOTH = enum.auto()
    MOVING = enum.auto()
    DRAINING = enum.auto()
    SETTLING = enum.auto()
    OVER = enum.auto()
    GIVEN_UP = enum.auto()


_REVOCABLE: Final = frozenset({Stage.OPENING, Stage.SUBSCRIBING, Stage.BOTH})


class Mover(Protocol):
    """Who has a connection replaced. Called under no lock; must not block."""

    def ask(self, connection: Connection) -> None:
        """Requests are to be sent on *connection* from now on."""
        ...

    def adopt(self, connection: Connection) -> None:
        """*connection* has taken over everything."""
        ...

    def done(self, rotation: Rotation, error: BinanceSocketError | None) -> None:
        """The old connection is closed; or the new one was given up because of *error*."""
        ...

    def over(self, rotation: Rotation) -> None:
        """Nothing of the rotation is left in the connection that stays."""
        ...


class Rotation:
    """One move from *old* to *new*. Thread-safe; nothing in it waits."""

    def __init__(
        self,
        old: Connection,
        new: Connection,
        mover: Mover,
        *,
        probe: Request[Any],
        patience: float,
        clock: Clock,
        timer: Timer,
        executor: Executor,
    ) -> None:
        self.old = old
        self.new = new
        self._mover = mover
        self._probe = probe
        self._patience = patience
        self._clock = clock
        self._timer = timer
        self._executor = executor
        # Guards the stage, which says who may touch the rest. Nothing else is locked while it is held.
        self._lock = threading.Lock()
        self._stage = Stage.OPENING
        self._overlaps: dict[Topic, Overlap] = {}
        self._probing: CallFuture[Any] | None = None
        self._given_up_at = clock.monotonic() + patience

    @property
    def stage(self) -> Stage:
        """How far it is. Any thread."""
        return self._stage

    def now(self) -> float:
        """Return the monotonic time."""
        return self._clock.monotonic()

    def start(self) -> None:
        """Begin. Any thread."""
        logger.info("%s: opening the connection that takes over", self.old.name)
        self.new.succession.follow_logon(wanted=self.old.succession.logon_wanted)
        try:
            future = self.new.submit(self._probe, self._patience)
        except BinanceSocketError as error:
            self.give_up(error)
            return
        self._probing = future
        future.when_done(self._probed, self._timer.failed)
        if self._stage is Stage.GIVEN_UP:
            self.new.cancel(future)

    # What happens.

    def old_down(self) -> None:
        """The old connection has lost its link, and the topics of it have been told."""
        # The last of them may let go of itself meanwhile.
        for overlap in tuple(self._overlaps.values()) if self._stage is Stage.DRAINING else ():
            overlap.end_old()
        if not self._overlaps:
            self.give_up(ConnectionLost("the old connection was lost before the new one was there"))

    def new_down(self) -> None:
        """The new connection has lost its link, or could not get one."""
        self.give_up(ConnectionLost("the new connection was lost, or could not be made"))

    def common_seen(self) -> None:
        """Some event has come from both connections: proof that nothing of its kind is missing between them."""
        self._move()

    def old_heard_at(self) -> float:
        """Return when the old connection has brought something last (monotonic)."""
        return self.old.heard_at

    def old_lost(self, overlap: Overlap, reason: str, now: float, heard_at: float) -> None:
        """The old connection has lost a topic."""
        self._move()
        if self.give_up(ConnectionLost(f"the old connection was lost: {reason}")) or self._stage is Stage.GIVEN_UP:
            overlap.forward_lost(reason, now, heard_at)
        else:
            overlap.end_old(since=heard_at)

    def new_lost(self, overlap: Overlap, reason: str, now: float, heard_at: float) -> None:
        """The new connection has lost a topic."""
        if not self.give_up(ConnectionLost(f"the new connection was lost: {reason}")) and not overlap.given_up:
            overlap.lose_new(reason, now, heard_at)

    def look(self) -> None:
        """Go on if it is time."""
        overlaps = tuple(self._overlaps.values())
        if self._stage is Stage.DRAINING and all(overlap.ended for overlap in overlaps) and not self.old.in_flight:
            if not self._enter(Stage.SETTLING, Stage.DRAINING):
                return
            self.old.close()
            logger.info("%s: moved to a new connection", self.old.name)
            self._mover.done(self, None)
            self._timer.call_at(self.now() + OVERLAP, self._settled)
        if self._stage is Stage.SETTLING and all(overlap.caught_up for overlap in overlaps):
            self._release()

    def free(self, overlap: Overlap) -> None:
        """Let the subscribers of one topic hear it themselves again."""
        with self._lock:
            if self._overlaps.pop(overlap.topic, None) is None:
                return
            self.new.vitals.duplicates += overlap.duplicates
            left = bool(self._overlaps)
        (self.old if overlap.given_up else self.new).succession.take_out([overlap.topic])
        if not left:
            self._mover.over(self)

    def give_up(self, error: BinanceSocketError) -> bool:
        """Let the old connection go on, if that is possible. Return whether this call did it. Any thread."""
        if not self._enter(Stage.GIVEN_UP, *_REVOCABLE):
            return False
        logger.warning("%s: no new connection takes over: %s", self.old.name, error)
        self._mover.ask(self.old)
        overlaps = tuple(self._overlaps.values())
        for overlap in overlaps:
            overlap.given_up = True
            self.new.unsubscribe([overlap.topic], overlap.new)
        # Our own question must not keep it alive; what others have asked on it is still answered there.
        if self._probing is not None:
            self.new.cancel(self._probing)
        self.new.succession.pass_back(self.old)
        self.new.succession.tell_drained(self._close_new)
        self._mover.done(self, error)
        self._let_go(overlaps)
        return True

    # One stage after the other.

    def _enter(self, stage: Stage, *before: Stage) -> bool:
        with self._lock:
            if self._stage not in before:
                return False
            self._stage = stage
            return True

    def _probed(self, future: Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, BinanceSocketError):
            self.give_up(error)
        elif self.new.succession.lacks_logon:
            self.give_up(ConnectionLost("the new connection could not be logged on"))
        elif self._enter(Stage.SUBSCRIBING, Stage.OPENING):
            self._subscribe()

    def _subscribe(self) -> None:
        """Have the new connection subscribe to what it does not have yet."""
        topics = [topic for topic in self.old.succession.subscribers() if topic not in self._overlaps]
        overlaps = {topic: Overlap(topic, self) for topic in topics}
        with self._lock:
            self._overlaps.update(overlaps)
        # From here on what the old connection brings is recorded. Only then does the new one subscribe.
        routes = self.old.succession.put_in({topic: overlap.old for topic, overlap in overlaps.items()})
        for topic in routes.keys() & overlaps.keys():
            overlaps[topic].opened_old(routes[topic])
        acknowledged: CallFuture[None] = CallFuture(self._executor)
        acknowledged.when_done(self._acknowledged, self._timer.failed)
        opening = Opening(acknowledged, topics)
        for topic, overlap in overlaps.items():
            self.new.subscribe([topic], overlap.new, opening)
        if not topics:
            self._acknowledged(None)
            return

        def no_answer() -> None:
            if not acknowledged.done():
                self.give_up(ConnectionLost("the new connection could not subscribe in time"))

        self._timer.call_at(self.now() + self._patience, no_answer)

    def _acknowledged(self, future: Future[None] | None) -> None:
        error = None if future is None or future.cancelled() else future.exception()
        if isinstance(error, BinanceSocketError):
            self.give_up(error)
        elif self._enter(Stage.BOTH, Stage.SUBSCRIBING):
            self._mover.ask(self.new)
            if not self._overlaps or any(overlap.common for overlap in tuple(self._overlaps.values())):
                self._move()
            else:
                self._timer.call_at(self.now() + OVERLAP, self._move)

    def _move(self) -> None:
        """From here on there is no way back."""
        if not self._enter(Stage.MOVING, Stage.BOTH):
            return
        before: dict[Topic, tuple[Subscriber, ...]] = {}
        while True:
            subscribers = self.old.succession.subscribers()
            if not subscribers.keys() <= self._overlaps.keys():
                self._enter(Stage.SUBSCRIBING, Stage.MOVING)
                self._subscribe()
                return
            alive = self.old.state is State.READY
            if alive and not self.old.succession.is_settled() and self.now() < self._given_up_at + OVERLAP:
                # Somebody waits for an answer there.
                self._enter(Stage.BOTH, Stage.MOVING)
                self._timer.call_at(self.now() + _AGAIN, self._move)
                return
            for topic in self._overlaps.keys() - subscribers.keys():
                self._drop(topic, before.get(topic, ()))
            overlaps = dict(self._overlaps)
            for overlap in overlaps.values():
                overlap.leaving = True
            self.new.succession.take_over(subscribers, {topic: overlap.new for topic, overlap in overlaps.items()})
            before = subscribers
            answers = self.old.succession.yield_to(self.new, subscribers)
            if answers is not None:
                break
        self._mover.adopt(self.new)
        for overlap in overlaps.values():
            overlap.commit()
        self._enter(Stage.DRAINING, Stage.MOVING)
        for topics, answer in answers:
            answer.when_done(functools.partial(self._unsubscribed, topics), self._timer.failed)
        if not answers:
            # There is no link, so that nothing comes any more.
            self.old_down()
        self._timer.call_at(self.now() + OVERLAP, self._overdue)
        self.old.succession.tell_drained(self.look)

    def _drop(self, topic: Topic, subscribers: Iterable[Subscriber]) -> None:
        """Nobody wants *topic* any more."""
        with self._lock:
            overlap = self._overlaps.pop(topic)
        for subscriber in (overlap.new, *subscribers):
            self.new.unsubscribe([topic], subscriber)

    def _unsubscribed(self, topics: Iterable[Topic], answer: Future[Any]) -> None:
        error = None if answer.cancelled() else answer.exception()
        if answer.cancelled() or (error is not None and not _is_forgotten(error)):
            return
        for topic in topics:
            overlap = self._overlaps.get(topic)
            if overlap is None:
                continue
            if error is not None:
                # Nobody knows since when.
                overlap.end_old(since=self.old.succession.found_at)
            elif isinstance(topic, StreamTopic):
                # Here is no event that marks the end, but the answer comes after the last of them.
                overlap.end_old(proven=True)

    def _overdue(self) -> None:
        """The old connection has not said that its events are at their end."""
        if self._stage is not Stage.DRAINING:
            return
        if self.old.stalled and self.old.state is State.READY:
            # They may be there already, and nobody reads them, because subscribers have no room.
            self._timer.call_at(self.now() + OVERLAP, self._overdue)
            return
        for overlap in tuple(self._overlaps.values()):
            # It has been listened to for long enough to have brought whatever is older than a common event.
            overlap.end_old(proven=overlap.common)

    def _settled(self) -> None:
        """The new connection has had time to bring what has been delivered already."""
        now, alive = self.now(), self.new.state is State.READY
        if self._stage is Stage.SETTLING and alive and (self.new.stalled or now < self.new.read_on_at + OVERLAP):
            # It may be there already, and nobody has read it, because subscribers had no room.
            self._timer.call_at(now + _AGAIN if self.new.stalled else self.new.read_on_at + OVERLAP, self._settled)
        else:
            self._release()

    def _release(self) -> None:
        if self._enter(Stage.OVER, Stage.SETTLING):
            self._let_go(tuple(self._overlaps.values()))

    def _let_go(self, overlaps: Iterable[Overlap]) -> None:
        """Let subscribers hear their topics themselves again, as soon as that cannot change the order of events."""
        for overlap in overlaps:
            overlap.releasing = True
            overlap.let_go()
        if not overlaps:
            self._mover.over(self)

    def _close_new(self) -> None:
        if not self.new.in_flight and not self.new.state.is_final:
            self.new.close()

    def close(self) -> None:
        """The client is closed."""
        self.give_up(ClientClosed("the client is closed"))


def _is_forgotten(error: BaseException) -> bool:
    """Return whether the exchange says that there is no such subscription (any more)."""
    return isinstance(error, ApiError) and error.code == _NOT_SUBSCRIBED
