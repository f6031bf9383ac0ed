"""
Moving everything from one connection to a new one, make before break.

::

    OPENING ----------> SUBSCRIBING --------> BOTH ----------------> DRAINING ----------> SETTLING --------> OVER
            new answers  ^         all open    |   a common event,            old has ended,        new has
                         +---------------------+   5 s, old is lost           nothing due there     caught up
                            something was added
    any of the first three --new is lost, or refuses--> GIVEN_UP

Until DRAINING the old connection is the one that counts: whatever goes wrong with the new one, it goes on as if nothing
had been. From then on the new one counts, and what goes wrong with it is what may go wrong with any connection.
"""

from __future__ import annotations

import enum
import functools
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, Final, Protocol

import attrs

from .._session.logon import LOGON, LOGOUT
from .._session.state import ConnectionState as State
from .._session.topics import StreamTopic, Topic
from .._wire.messages import Request, Security
from ..errors import ApiError, BinanceSocketError, ConnectionLost
from ..models.response import Response
from .audience import Opening
from .clock import Clock
from .connection import Connection
from .futures import CallFuture, defect_error
from .one_by_one import OneByOne
from .overlap import Overlap
from .timer import Timer

__all__ = ["OVERLAP", "SETTLED", "Mover", "Rotation", "Stage"]

logger = logging.getLogger(__name__)

OVERLAP: Final = 5.0
"""
How long both connections are subscribed if no event comes that both bring, in seconds; and how long the last events of
the old one are waited for.
"""
SETTLED: Final = 60.0
"""
How long the new one is listened to for what has been delivered already; or OVERLAP, if somebody waits for that, and it
has answered since.
"""
_MOST_STALLED: Final = 60.0
"""How long subscribers are waited for that have no room for the last events. Nor does the exchange wait any longer."""
_AGAIN: Final = 0.1
# To an unsubscription: there is no such subscription.
_NOT_SUBSCRIBED: Final = -2036


class Stage(enum.Enum):
    """How far a rotation is."""

    OPENING = enum.auto()
    SUBSCRIBING = enum.auto()
    BOTH = enum.auto()
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
    """
    One move from *old* to *new*. Any thread; nothing in it waits.

    Whatever happens has its turn in one line, with the events of the topics that move: nothing is decided while
    something else is.
    """

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
        self.line = OneByOne()
        self._mover = mover
        self._probe = probe
        self._patience = patience
        self._clock = clock
        self._timer = timer
        self._executor = executor
        # Everything below is for those whose turn it is, but that anybody may look at the stage.
        self._stage = Stage.OPENING
        self._overlaps: dict[Topic, Overlap] = {}
        self._probing: CallFuture[Any] | None = None
        self._logging_on = False
        # Whether it is looked again soon.
        self._waits = False
        # When it came so far, from its start on.
        self._since = 0.0
        self._given_up_at = 0.0
        self._hurried = False
        # What was asked of the new one for the answer's place, as somebody waits: behind everything that was under way.
        self._asked_for_all: CallFuture[Any] | None = None
        # Guards whether the overlaps have been let go of.
        self._lock = threading.Lock()
        self._is_over = False

    @property
    def stage(self) -> Stage:
        """How far it is. Any thread."""
        return self._stage

    def now(self) -> float:
        """Return the monotonic time."""
        return self._clock.monotonic()

    def _do(self, function: Callable[[], object]) -> None:
        """Do something in its turn."""
        self.line.do(function, self._defect)

    def _defect(self, exc: Exception) -> None:
        """Something has failed because of a defect of ours. Where the old connection cannot go on, nobody can."""
        logger.error("%s: moving to another connection", self.old.name, exc_info=exc)
        if not self._give_up(defect_error(exc)):
            for connection in (self.old, self.new):
                connection.fail(exc)
            self._mover.done(self, defect_error(exc))
            self._enter(Stage.OVER, Stage.DRAINING, Stage.SETTLING)
            self.line.end(self._let_go)

    # What happens.

    def start(self) -> None:
        """Begin. Idempotent."""
        self._do(self._start)

    def old_down(self) -> None:
        """The old connection has lost its link, and the topics of it have been told."""
        self._do(self._old_down)

    def new_down(self) -> None:
        """The new connection has lost its link, or could not get one."""
        self.give_up(ConnectionLost("the new connection was lost, or could not be made"))

    def give_up(self, error: BinanceSocketError) -> None:
        """Let the old connection go on, if that is possible."""
        self._do(lambda: self._give_up(error))

    def hurry(self) -> None:
        """Somebody waits for the next rotation: stay with what is left of this one no longer than is needed."""
        self._do(self._hurry)

    def common_seen(self) -> None:
        """Some event has come from both connections: proof that nothing of its kind is missing between them."""
        self._do(self._move)

    def look(self) -> None:
        """Go on if it is time."""
        self._do(self._look)

    def old_heard_at(self) -> float:
        """Return when the old connection has brought something last (monotonic)."""
        return self.old.heard_at

    def old_lost(self, overlap: Overlap, reason: str, now: float, heard_at: float) -> None:
        """The old connection has lost a topic. In turn."""
        self._move()
        error = ConnectionLost(f"the old connection was lost: {reason}")
        if self._give_up(error) or self._stage is Stage.GIVEN_UP:
            overlap.forward_lost(reason, now, heard_at)
        else:
            overlap.end_old(since=heard_at)

    def refused(self, overlap: Overlap, error: BinanceSocketError) -> None:
        """The new connection does not have a topic, and will not. In turn."""
        if self._stage in _REVOCABLE:
            self._drop_deserted()
            if self._overlaps.get(overlap.topic) is overlap:
                self._give_up(error)

    def new_lost(self, overlap: Overlap, reason: str, now: float, heard_at: float) -> None:
        """The new connection has lost a topic. In turn."""
        if not self._give_up(ConnectionLost(f"the new connection was lost: {reason}")) and not overlap.given_up:
            overlap.lose_new(reason, now, heard_at)

    # One stage after the other, each in turn.

    def _enter(self, stage: Stage, *before: Stage) -> bool:
        if self._stage not in before:
            return False
        self._stage, self._since = stage, self.now()
        return True

    def _start(self) -> None:
        if self._probing is not None or self._stage is not Stage.OPENING:
            return
        self._since = self.now()
        self._given_up_at = self._since + self._patience
        logger.info("%s: opening the connection that takes over", self.old.name)
        self.new.succession.follow_logon(wanted=self.old.succession.logon_wanted)
        try:
            self._probing = self.new.submit(self._probe, self._patience)
        except BinanceSocketError as error:
            self._give_up(error)
        else:
            self._probing.when_done(lambda done: self._do(lambda: self._probed(done)), self._timer.failed)

    def _probed(self, future: Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, BinanceSocketError):
            self._give_up(error)
        elif self.new.succession.lacks_logon:
            self._give_up(ConnectionLost("the new connection could not be logged on"))
        elif self._enter(Stage.SUBSCRIBING, Stage.OPENING):
            self._subscribe()

    def _subscribe(self) -> None:
        """Have the new connection subscribe to what it does not have yet."""
        self._drop_deserted()
        topics = [topic for topic in self.old.succession.subscribers() if topic not in self._overlaps]
        overlaps = {topic: Overlap(topic, self) for topic in topics}
        self._overlaps.update(overlaps)
        # From here on what the old connection brings is recorded. Only then does the new one subscribe.
        routes = self.old.succession.put_in({topic: overlap.old for topic, overlap in overlaps.items()})
        for topic in routes.keys() & overlaps.keys():
            overlaps[topic].opened_old(routes[topic])
        acknowledged: CallFuture[None] = CallFuture(self._executor)
        acknowledged.when_done(lambda done: self._do(lambda: self._acknowledged(done)), self._timer.failed)
        opening = Opening(acknowledged, routes.keys() & overlaps.keys())
        for topic, overlap in overlaps.items():
            if topic in routes:
                self.new.subscribe([topic], overlap.new, opening)
            else:
                # The others do not wait for what is refused for now on the old one, too.
                self.new.subscribe([topic], overlap.new, Opening(CallFuture(self._executor), [topic]), continuing=True)
        if not routes.keys() & overlaps.keys():
            self._acknowledged(None)
            return

        def no_answer() -> None:
            if not acknowledged.done():
                self.give_up(ConnectionLost("the new connection could not subscribe in time"))

        self._timer.call_at(self.now() + self._patience, no_answer)

    def _drop_deserted(self) -> None:
        """Forget topics that have been closed, or left. By now somebody may want them again, and hears the old one."""
        installed = self.old.succession.stand_ins()
        for topic, overlap in tuple(self._overlaps.items()):
            if installed.get(topic) is not overlap.old:
                del self._overlaps[topic]
                self.new.unsubscribe([topic], overlap.new)

    def _acknowledged(self, future: Future[None] | None) -> None:
        error = None if future is None or future.cancelled() else future.exception()
        if isinstance(error, BinanceSocketError):
            self._give_up(error)
        elif self._enter(Stage.BOTH, Stage.SUBSCRIBING):
            self._mover.ask(self.new)
            common = any(overlap.common for overlap in self._overlaps.values())
            if common or not self._overlaps or self.old.state is not State.READY:
                self._move()
            else:
                self._timer.call_at(self.now() + OVERLAP, lambda: self._do(self._move))

    def _move(self) -> None:
        """Make the new connection the one that counts, if it is time. From there on there is no way back."""
        if self._stage is not Stage.BOTH or self._logging_on:
            return
        while self._is_ready_to_move():
            subscribers, overlaps = self.old.succession.subscribers(), dict(self._overlaps)
            if subscribers.keys() != overlaps.keys():
                continue
            for overlap in overlaps.values():
                overlap.leaving = True
            self.new.succession.take_over(subscribers, {topic: overlap.new for topic, overlap in overlaps.items()})
            yielded = self.old.succession.yield_to(self.new, subscribers)
            if yielded is not None:
                self._enter(Stage.DRAINING, Stage.BOTH)
                for overlap in overlaps.values():
                    overlap.commit()
                self.new.succession.adopt(yielded.waiting)
                self._drain(yielded.answers)
                return
            # Somebody has come, or left.
            self.new.succession.give_back()
            for overlap in overlaps.values():
                overlap.leaving = False

    def _is_ready_to_move(self) -> bool:
        """Return whether the new connection has everything that the old one has; if not, see to it."""
        self._drop_deserted()
        if not self.old.succession.subscribers().keys() <= self._overlaps.keys():
            self._enter(Stage.SUBSCRIBING, Stage.BOTH)
            self._subscribe()
            return False
        if self.old.state is not State.READY:
            return True
        settled = self.old.succession.is_settled()
        # Asked there, and after that: that it has got something may be behind this in the line.
        open_there = self.old.succession.open_routes().keys() & self._overlaps.keys()
        lacking = not all(self._overlaps[topic].new_open for topic in open_there)
        if (lacking or not settled) and self.now() < self._given_up_at + OVERLAP:
            # Somebody waits for an answer there, or the new one does not have yet what came to the old one meanwhile.
            if not self._waits:
                self._waits = True
                self._timer.call_at(self.now() + _AGAIN, lambda: self._do(self._move_after_all))
            return False
        return not self._log_on()

    def _move_after_all(self) -> None:
        self._waits = False
        self._move()

    def _log_on(self) -> bool:
        """Log the new connection on or off, if somebody has done so on the old one meanwhile. Return whether it did."""
        wanted = self.old.succession.logon_wanted
        if self.new.succession.follow_logon(wanted=wanted) == wanted:
            return False
        self._logging_on = True
        request = Request[Any](LOGON, security=Security.SIGNED) if wanted else Request[Any](LOGOUT)
        future = self.new.submit(attrs.evolve(request, weight=2), self._patience)
        future.when_done(lambda done: self._do(lambda: self._logged_on(done)), self._timer.failed)
        return True

    def _logged_on(self, future: Future[Any]) -> None:
        self._logging_on = False
        error = None if future.cancelled() else future.exception()
        if isinstance(error, BinanceSocketError):
            self._give_up(error)
        else:
            self._move()

    def _drain(self, answers: Sequence[tuple[list[Topic], CallFuture[Response[Any]]]]) -> None:
        """The new connection counts: wait for the last events and answers of the old one."""
        self._mover.adopt(self.new)
        for topics, answer in answers:
            answer.when_done(functools.partial(self._answered_last, topics), self._timer.failed)
        if answers:
            for topic in self._overlaps.keys() - {topic for topics, _ in answers for topic in topics}:
                # It was not open there.
                self._overlaps[topic].end_old(proven=True)
        else:
            # There is no link, so that nothing comes any more.
            self.old_down()
        self._timer.call_at(self.now() + OVERLAP, lambda: self._do(self._overdue))
        self.old.succession.tell_drained(self.look)

    def _answered_last(self, topics: Iterable[Topic], answer: Future[Any]) -> None:
        self._do(lambda: self._unsubscribed(topics, answer))

    def _unsubscribed(self, topics: Iterable[Topic], answer: Future[Any]) -> None:
        """The old connection has answered that it sends no more."""
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
            overlap.answered = error is None

    def _old_down(self) -> None:
        self._move()
        if self._stage is Stage.DRAINING:
            for overlap in self._overlaps.values():
                overlap.end_old()
        if not self._overlaps:
            self._give_up(ConnectionLost("the old connection was lost before the new one was there"))

    def _overdue(self) -> None:
        """The old connection has not said that its events are at their end."""
        if self._stage is not Stage.DRAINING:
            return
        # They may be there already, and nobody reads them, because subscribers have no room; or not for long.
        enough_at = (self.now() if self.old.stalled else self.old.read_on_at) + OVERLAP
        if self.old.state is State.READY and self.now() < min(enough_at, self._since + _MOST_STALLED):
            self._timer.call_at(enough_at, lambda: self._do(self._overdue))
            return
        for overlap in self._overlaps.values():
            # One that answers was listened to for long enough to have brought whatever is older than a common event.
            overlap.end_old(proven=overlap.common and overlap.answered)

    def _look(self) -> None:
        overlaps = self._overlaps.values()
        ended = all(overlap.ended for overlap in overlaps) and not self.old.in_flight
        if ended and self._enter(Stage.SETTLING, Stage.DRAINING):
            self.old.close()
            logger.info("%s: moved to a new connection", self.old.name)
            self._mover.done(self, None)
            self._timer.call_at(self._since + OVERLAP, lambda: self._do(self._settled))
        if all(overlap.caught_up for overlap in overlaps):
            self._release()

    def _settled(self) -> None:
        """The new connection has had time to bring what has been delivered already."""
        if self._stage is not Stage.SETTLING:
            return
        now = self.now()
        # A link may be slow and not be given up. What it answers comes behind what was under way.
        asked = self._asked_for_all
        has_all = asked is not None and asked.done() and _is_answered(asked)
        due = max(self._since, self.new.read_on_at) + (OVERLAP if self._hurried and has_all else SETTLED)
        if self.new.state is not State.READY or not (self.new.stalled or now < due):
            self._release()
            return
        # It may be there already, and nobody has read it, because subscribers had no room.
        self._timer.call_at(now + _AGAIN if self.new.stalled else due, lambda: self._do(self._settled))
        if self._hurried and asked is None:
            self._ask_for_all()

    def _ask_for_all(self) -> None:
        try:
            asked = self._asked_for_all = self.new.submit(self._probe, self._patience)
        except BinanceSocketError as error:
            logger.debug("%s: the new connection could not be asked: %s", self.old.name, error)
        else:
            asked.when_done(lambda _: self._do(self._settled), self._timer.failed)

    def _hurry(self) -> None:
        self._hurried = True
        self._settled()

    def _give_up(self, error: BinanceSocketError) -> bool:
        """Let the old connection go on, if that is possible. Return whether this call did it."""
        if not self._enter(Stage.GIVEN_UP, *_REVOCABLE):
            return False
        logger.warning("%s: no new connection takes over: %s", self.old.name, error)
        self._mover.ask(self.old)
        for overlap in self._overlaps.values():
            overlap.given_up = True
            self.new.unsubscribe([overlap.topic], overlap.new)
        # Our own question must not keep it alive; what others have asked on it is still answered there.
        if self._probing is not None:
            self.new.cancel(self._probing)
        self.new.succession.pass_back(self.old)
        self.new.succession.tell_drained(self._close_new)
        self._mover.done(self, error)
        self.line.end(self._let_go)
        return True

    def _release(self) -> None:
        if not self._enter(Stage.OVER, Stage.SETTLING):
            return
        for overlap in self._overlaps.values():
            overlap.close()
        self.line.end(self._let_go)

    def _let_go(self) -> None:
        """Let subscribers hear their topics themselves again: nothing waits that would come before what they hear."""
        stays = self.old if self._stage is Stage.GIVEN_UP else self.new
        with self._lock:
            # Where something was put in line at the last moment, whoever did so comes back here.
            if self._is_over or not stays.succession.take_out(self._overlaps, when=lambda: self.line.idle):
                return
            self._is_over = True
            self.new.vitals.duplicates += sum(overlap.duplicates for overlap in self._overlaps.values())
        self._mover.over(self)

    def _close_new(self) -> None:
        if not self.new.in_flight and not self.new.state.is_final:
            self.new.close()


def _is_answered(future: Future[Any]) -> bool:
    """Return whether the exchange has answered, whatever it said."""
    return not future.cancelled() and (future.exception() is None or isinstance(future.exception(), ApiError))


def _is_forgotten(error: BaseException) -> bool:
    """Return whether the exchange says that there is no such subscription (any more)."""
    return isinstance(error, ApiError) and error.code == _NOT_SUBSCRIBED
