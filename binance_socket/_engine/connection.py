"""Where a session meets threads, sockets and the clock."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor, Future
from datetime import datetime
from typing import Any, Protocol, TypeVar

from .._session.closing import LinkClosed
from .._session.effects import Effect, Pending, Send
from .._session.hearing import Hearing
from .._session.session import Session
from .._session.state import ConnectionState as State
from .._session.topics import Dialect, Topic
from .._wire.messages import Request
from ..errors import BinanceSocketError, CallCancelled, ConnectionLost
from ..health import ConnectionHealth, ConnectionRole
from ..models.response import Response
from .audience import After, Audience, Opening, Subscriber
from .carrier import Carrier, Decided
from .clock import Clock
from .futures import CallFuture, defect_error
from .hooks import Hooks
from .lanes import Lanes, Malformed
from .link import Link
from .succession import Succession
from .threads import EngineThread
from .timer import Alarm, Timer
from .transport import Network, Transport, Waker
from .update import Update
from .vitals import Vitals
from .writer import Writer

__all__ = ["Connection", "Watcher"]

logger = logging.getLogger(__name__)

R = TypeVar("R")

# With this many requests in flight they are written together.
_CROWD = 4


class Watcher(Protocol):
    """Who hears of a connection's links. Called by its reader, under no lock; must not block."""

    def up(self, connection: Connection) -> None:
        """There is a link."""
        ...

    def down(self, connection: Connection) -> None:
        """There is none any more, or an attempt to make one has failed."""
        ...

    def leaving(self, connection: Connection) -> None:
        """The server has announced that it is about to end the link."""
        ...


class Connection:
    """
    Threaded implementation of a session: one socket at a time, one reader thread.

    No I/O is done, no future completed and no callback run while the lock is held: every entry point changes the
    session under the lock, and performs the session's effects after releasing it. See update.py.
    """

    def __init__(
        self,
        name: str,
        url: str,
        dialect: Dialect,
        session: Session,
        *,
        encode: Callable[[Pending], bytes],
        network: Network,
        clock: Clock,
        timer: Timer,
        executor: Executor,
        senders: Executor,
        budget: Callable[[float], float],
        connect_timeout: float,
        hooks: Hooks,
    ) -> None:
        self.name = name
        self._url = url
        self._dialect = dialect
        self._encode = encode
        self._network = network
        self._clock = clock
        self._timer = timer
        self._executor = executor
        writer = Writer(senders, unsendable=self._unsendable, defect=self.fail)
        self._carrier = Carrier(writer, leaving=self._tell_leaving, failed=self.fail)
        self._budget = budget
        self._connect_timeout = connect_timeout
        # Guards everything below. Notified whenever any of it changes.
        self._mutex = threading.Lock()
        self._changed = threading.Condition(self._mutex)
        self._session = session
        self._link: Link | None = None
        self._waker: Waker | None = None
        self._reader: EngineThread | None = None
        # Whether it has begun, and is nobody's to replace any more.
        self._is_reading = False
        self._audience = Audience()
        self.vitals = Vitals(name, session, self._audience, clock, hooks)
        # The reader's alone.
        self._lanes = Lanes(dialect, self._audience, others=self._state_lane, ended=self._ended)
        self._alarm: Alarm | None = None
        self._alarm_at = float("inf")
        self._update = Update(
            self._mutex,
            lambda: self._session,
            Decided,
            self._decide,
            self._perform,
            look=self._tick,
            elsewhere=lambda function: timer.call_at(clock.monotonic(), function),
            clock=clock,
        )
        self._after, self._change = self._update.after, self._update.change
        self._hearing = Hearing(session.server_clock)
        self.watcher: Watcher | None = None
        self.succession: Succession[Connection] = Succession(
            self._update, session, self._audience, dialect, clock, executor
        )

    @property
    def state(self) -> State:
        """What the connection is doing. Any thread."""
        with self._mutex:
            return self._session.state

    @property
    def in_flight(self) -> int:
        """How many requests wait for an answer. Any thread."""
        with self._mutex:
            return self._session.in_flight

    @property
    def ended(self) -> bool:
        """Whether the connection is closed and its reader has ended. Any thread."""
        reader = self._reader
        return self.state.is_final and (reader is None or not reader.is_alive())

    @property
    def heard_at(self) -> float:
        """Up to when everything has come that was sent (monotonic). Any thread."""
        return self._hearing.complete_at()

    @property
    def read_on_at(self) -> float:
        """When the reader went on after it had waited for room (monotonic). Any thread."""
        return self._hearing.read_on_at

    @property
    def stalled(self) -> bool:
        """Whether the reader waits for subscribers to have room. Any thread."""
        return self._hearing.alive_at == float("inf")

    def health(self, role: ConnectionRole, next_rotation: datetime | None = None) -> ConnectionHealth:
        """Return how the connection is. Any thread."""
        with self._mutex:
            return self.vitals.examine(role, self._link, self._hearing.read_at, self.stalled, next_rotation)

    # What the application does.

    def submit(
        self, request: Request[R], timeout: float | None = None, future: CallFuture[Response[R]] | None = None
    ) -> CallFuture[Response[R]]:
        """
        Send *request* as soon as there is a link, within *timeout* seconds. Any thread, without waiting.

        The answer completes *future*, or one that is made for it.
        """
        if future is None:
            future = CallFuture(self._executor, self.cancel)
        self._start()
        with self._after, self._mutex, self._change as session:
            successor = self.succession.successor
            if successor is None:
                session.submit(request, future, self._clock.monotonic(), timeout)
        return future if successor is None else successor.submit(request, timeout, future)

    def cancel(self, future: Future[Any]) -> None:
        """Give up waiting: *future* ends with CallCancelled, unless it is done. Any thread."""
        with self._after, self._mutex, self._change as session:
            session.give_up(future)

    def subscribe(
        self, topics: Sequence[Topic], subscriber: Subscriber, opening: Opening, *, continuing: bool = False
    ) -> None:
        """
        Let *subscriber* hear *topics*, perhaps *continuing* what it has heard under other names. Any thread.

        *opening* is told when the exchange has said yes, or no.
        """
        self._start()
        now = self._clock.monotonic()
        tellings: list[After] = []
        with self._after, self._mutex, self._change as session:
            successor = self.succession.successor
            if successor is None:
                # It is in place before the exchange hears of it.
                missing, tellings = self._audience.add(topics, subscriber, opening, now)
                if missing:
                    session.subscribe(missing, now, continuing=continuing)
        for tell in tellings:
            tell()
        if successor is not None:
            successor.subscribe(topics, subscriber, opening, continuing=continuing)

    def unsubscribe(
        self, topics: Sequence[Topic], subscriber: Subscriber, error: BinanceSocketError | None = None
    ) -> None:
        """
        Stop *subscriber* from hearing *topics*, and tell the exchange of those it was the last for. Idempotent.

        If it still waits for the exchange's yes, that ends with *error*. Any thread.
        """
        with self._after, self._mutex, self._change as session:
            successor = self.succession.successor
            waiting = self._audience.withdraw(topics, subscriber)
            left = self._audience.remove(topics, subscriber)
            if left:
                session.unsubscribe(left, self._clock.monotonic())
        if successor is not None:
            successor.unsubscribe(topics, subscriber, error)
        for opening in waiting:
            opening.failed(error or CallCancelled("the subscription was closed before the exchange had agreed"))

    def no_answer(self, topics: Sequence[Topic], subscriber: Subscriber) -> None:
        """*subscriber* has waited long enough for *topics* to open, if it still does. Any thread."""
        with self._after, self._mutex, self._change as session:
            successor = self.succession.successor
            waiting = self._audience.withdraw(topics, subscriber)
            error = session.no_answer(topics[0])
        for opening in waiting:
            opening.failed(error)
        if successor is not None:
            successor.no_answer(topics, subscriber)

    def nudge(self) -> None:
        """Look soon whether there is something to do. Any thread, under no lock but another connection's."""
        self._timer.call_at(self._clock.monotonic(), self._tick)

    def unreadable(self, why: str) -> None:
        """An event that was delivered as text cannot be read. Any thread."""
        with self._after, self._mutex, self._change as session:
            successor = self.succession.successor
            if successor is None:
                session.unreadable(why, self._clock.monotonic())
        if successor is not None:
            successor.unreadable(why)

    def resumed(self) -> None:
        """The machine has slept: find out what has become of the link. Any thread."""
        with self._after, self._mutex, self._change as session:
            session.resumed(self._clock.monotonic())

    def wake(self) -> None:
        """Look again whether subscribers have room. Any thread."""
        with self._mutex:
            self._changed.notify_all()

    def close(self) -> None:
        """End for good: what is pending fails, subscribers are told. Idempotent; any thread; does not wait."""
        with self._after, self._mutex, self._change as session:
            session.close()
        self._interrupt()

    def _interrupt(self) -> None:
        """Have the reader look at the state of the session."""
        with self._mutex:
            link, waker = self._link, self._waker
        if link is not None:
            # The peer is told that this is on purpose, if it listens.
            link.transport.end()
            link.transport.abort()
        if waker is not None:
            waker.wake()

    def join(self, timeout: float) -> None:
        """
        After :meth:`close`: wait up to *timeout* seconds for the reader to end.

        It may sit in a system call that nothing interrupts (name resolution). Then it ends later, and touches nothing.
        """
        reader = self._reader
        if reader is not None and reader is not threading.current_thread() and reader.is_alive():
            reader.join(timeout)

    # What the reader does.

    def _start(self) -> None:
        """Start the reader, if it has not been."""
        if self._reader is not None:
            return
        reader = None
        try:
            with self._mutex:
                if self._reader is not None or self._session.state.is_final:
                    return
                reader = self._reader = EngineThread(self._run, f"{self.name}-reader")
            # Without the timer there would be no deadlines.
            self._timer.start()
            reader.start()
        except BaseException as exc:  # raised again; a signal handler's, too
            with self._mutex:
                if self._reader is reader and not self._is_reading:
                    self._reader = None
            if isinstance(exc, RuntimeError):
                raise ConnectionLost(f"no thread to read with: {exc}") from exc
            # Others may have asked meanwhile, who took the reader for started.
            self._timer.call_at(self._clock.monotonic(), self._start)
            raise

    def _run(self) -> None:
        """Connect and receive until closed."""
        with self._mutex:
            if self._reader is not threading.current_thread():
                # Whoever started it was interrupted.
                return
            self._is_reading = True
        try:
            while self._await_turn():
                self._connect_and_receive()
                if self.watcher is not None:
                    self.watcher.down(self)
        except Exception as exc:  # noqa: BLE001  # reported to everybody who waits
            self.fail(exc)
        finally:
            with self._mutex:
                waker = self._waker
            if waker is not None:
                waker.close()

    def fail(self, exc: Exception) -> None:
        """
        End for good because of a defect of ours on some thread: it must not end in a client that waits for ever.

        Idempotent; any thread.
        """
        logger.error("%s has failed", self.name, exc_info=exc)
        if self._session.state.is_final:
            return
        with self._after, self._mutex, self._change as session:
            session.fail(defect_error(exc))
        self._interrupt()

    def _await_turn(self) -> bool:
        """Wait until there is something to connect for, and it is time. Return False when closed."""
        with self._mutex:
            session = self._session
            while not session.state.is_final:
                now = self._clock.monotonic()
                if session.state is State.BACKOFF and now < session.resume_at:
                    self._clock.wait_until(self._changed, session.resume_at)
                elif not session.wants_link:
                    self._clock.wait_until(self._changed, None)
                elif (delay := self._budget(now)) > 0:
                    logger.warning("too many connects lately, waiting %.0f s", delay)
                    self._clock.wait_until(self._changed, now + delay)
                else:
                    session.connecting()
                    return True
            return False

    def _connect_and_receive(self) -> None:
        # That it is connecting was decided where nothing could be told.
        with self._after, self._mutex, self._change:
            pass
        try:
            transport = self._connect()
        except ConnectionLost as error:
            with self._after, self._mutex, self._change as session:
                waker, self._waker = self._waker, None
                if not session.state.is_final:
                    session.connect_failed(error, self._clock.monotonic())
            if waker is not None:
                waker.close()
            return
        link = Link(transport, self._encode, self._clock)
        try:
            self._receive(link)
        except LinkClosed as error:
            # From here on nothing more is written, so that the session can tell what was from what was not.
            link.kill()
            with self._after, self._mutex, self._change as session:
                self._link = self._waker = None
                session.lost(error, self._clock.monotonic())
        finally:
            with self._mutex:
                self._link = self._waker = None
            link.kill()
            transport.close()

    def _connect(self) -> Transport:
        try:
            waker = Waker()
        except OSError as exc:  # there are too many open files
            raise ConnectionLost(f"nothing to connect with: {exc}") from exc
        with self._mutex:
            self._waker = waker
            if self._session.state.is_final:
                raise ConnectionLost("closed before connecting")
        return self._network.connect(self._url, timeout=self._connect_timeout, waker=waker)

    def _receive(self, link: Link) -> None:
        now = self._clock.monotonic()
        self._hearing.begin(now)
        with self._after, self._mutex, self._change as session:
            if session.state.is_final:
                raise LinkClosed(1000, "closed while connecting")
            self._link = link
            session.connected(now)
        if self.watcher is not None:
            self.watcher.up(self)
        receive, lanes, hearing = link.transport.receive, self._lanes, self._hearing
        while True:
            messages = receive()
            hearing.alive_at = hearing.read_at = now = self._clock.monotonic()
            link.heard(now)
            full = bool(messages) and lanes.take(messages, self._clock.time())
            if messages and lanes.latest is not None:
                hearing.event_at, hearing.event = now, lanes.latest
            hearing.taken_at = now
            if full:
                self._await_room()

    def _state_lane(self, messages: list[Any]) -> None:
        with self._after, self._mutex, self._change as session:
            now = self._clock.monotonic()
            for message in messages:
                if isinstance(message, Malformed):
                    session.unreadable(f"{message.cause} ({len(message.text)} bytes)", now)
                else:
                    session.received(message, now)

    def _ended(self, topic: Topic, subscribers: tuple[Subscriber, ...], route: Hashable, name: str) -> None:
        with self._after, self._mutex, self._change as session:
            session.subscription_event(route, name, self._clock.monotonic())
        sent_at = self._hearing.sent_at(self._lanes.latest, self._clock.monotonic())
        for subscriber in subscribers:
            subscriber.ended(topic, name, sent_at)

    def _await_room(self) -> None:
        """
        Stop reading until every subscriber has room: the exchange's events are never dropped.

        While an answer is due, reading goes on, because a callback may be waiting for just that; but not for ever.
        """
        with self._mutex:
            # While nobody reads, silence says nothing about the peer.
            self._hearing.stop()
            while not self._session.state.is_final and self._audience.anyone_full(flooded=self._session.in_flight > 0):
                self._clock.wait_until(self._changed, None)
            self._hearing.go_on(self._clock.monotonic())
            self._schedule()

    # What the timer does.

    def _tick(self) -> None:
        try:
            with self._after, self._mutex, self._change as session:
                self._alarm, self._alarm_at = None, float("inf")
                session.tick(self._clock.monotonic(), self._hearing.alive_at, self._hearing.event_at)
        except Exception as exc:  # noqa: BLE001  # reported to everybody who waits
            self.fail(exc)

    def _schedule(self) -> None:
        """Have :meth:`_tick` called when it is time. Requires holding the lock."""
        when = self._session.next_tick(self._hearing.alive_at, self._hearing.event_at)
        if when is None or when >= self._alarm_at or self._session.state.is_final:
            return
        # Should something interrupt this, there is an alarm too many, but never none.
        before = self._alarm
        self._alarm, self._alarm_at = self._timer.call_at(when, self._tick), when
        if before is not None:
            before.cancel()

    # How the session's decisions are carried out.

    def _decide(self, decided: Decided) -> None:
        """Note what must be done once the lock is released. Requires holding it."""
        effects = decided.effects
        link = self._link

        def take(some: list[Effect]) -> None:
            effects.extend(some)
            if link is not None:
                # Here, so that no interrupt comes between: twice is once, by the ticket that each request has.
                link.enqueue([effect.pending for effect in some if isinstance(effect, Send)])

        self._session.hand_over(take)
        changes = self._session.changes()
        if effects:
            now, wall = self._clock.monotonic(), self._clock.time()
            decided.tellings.extend(self._audience.follow(effects, now, wall, self._hearing.complete_at))
        if changes:
            self.vitals.note(changes)
        self._schedule()
        self._changed.notify_all()
        if not self._session.state.is_final:
            # Afterwards nothing is written any more.
            decided.link = link
        decided.crowded = self._session.in_flight >= _CROWD

    def _perform(self, decided: Decided) -> None:
        self._carrier.carry_out(decided, is_final=self._session.state.is_final)
        self.vitals.tell()
        self.succession.look()

    def _tell_leaving(self) -> None:
        if self.watcher is not None:
            self.watcher.leaving(self)

    def _unsendable(self, requests: list[tuple[Pending, BinanceSocketError]]) -> None:
        with self._after, self._mutex, self._change as session:
            for pending, error in requests:
                session.unsendable(pending, error, self._clock.monotonic())
