"""
What a session decides, without I/O, threads or clocks.

Tell it what happened, together with the time (monotonic, in seconds); then perform what :meth:`Session.effects`
returns. It is guarded by one lock, which :class:`.._engine.connection.Connection` holds around every call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Final

from .._wire.messages import Reply, Request, Security, error_of, parse_reply
from .._wire.values import as_object, is_object
from ..errors import (
    ApiError,
    BinanceSocketError,
    Certainty,
    ClientClosed,
    DecodeError,
    HandshakeError,
    InvalidTimestamp,
    RateLimited,
    RequestTimeout,
)
from .admission import Admission, Door, OpenDoor
from .audit import Audit
from .backoff import Backoff, is_permanent
from .closing import POLICY, LinkClosed
from .correlation import Correlation
from .effects import Abort, Changed, Closed, Complete, Effect, Late, Outcome, Pending
from .logon import Logon
from .own_requests import OwnRequests
from .server_clock import ServerClock, learn_from
from .state import MISHAPS, TRANSITIONS
from .state import ConnectionState as State
from .strays import Strays
from .subscriptions import STREAM_TERMINATED, TERMINATED, Subscriptions
from .tally import Tally
from .topics import Dialect, Topic
from .trust import Trust
from .unanswered import Tombstones, abandoned, crowded_out, ended, lost, not_opened, over, timed_out
from .vigil import Vigil

__all__ = ["Session"]

logger = logging.getLogger(__name__)

_OFTEN: Final = 10
"""How often a request that was held back is let in again, should those who let it in and hold it back not agree."""


class Session:
    """One connection's state, requests and subscriptions."""

    def __init__(
        self,
        dialect: Dialect,
        server_clock: ServerClock,
        *,
        ids: Iterator[str],
        backoff: Callable[[], Backoff],
        request_timeout: float,
        probe_after: float,
        probe_timeout: float,
        audit_after: float | None = None,
        most_pending: int = 16384,
        door: Door | None = None,
    ) -> None:
        self.tally = Tally()
        self.last_close: tuple[int, str] | None = None
        """The code and the reason with which the last link that was lost has ended."""
        self._dialect = dialect
        self.server_clock = server_clock
        """What time it is at the exchange."""
        self._ids = ids
        self._backoff = backoff()
        self._request_timeout = request_timeout
        self._most_pending = most_pending
        self._state = State.IDLE
        self._requests = Correlation()
        self._tombstones = Tombstones()
        self._effects: list[Effect] = []
        self._changes: list[Changed] = []
        self._vigil = Vigil(self._effects, after=probe_after, timeout=probe_timeout)
        self._admission = Admission(door or OpenDoor(), self._effects, self._refuse)
        self._own = OwnRequests(
            self._requests, self._admission, ids=ids, timeout=request_timeout, now=lambda: self._now
        )
        self._subscriptions = Subscriptions(dialect, self._effects, self._own.ask, backoff, lambda: self._now)
        self._strays = Strays(dialect, self._effects, self._subscriptions, self._open_subscriptions, self.tally)
        self.logon = Logon(self._subscriptions, self._own.ask, self._open_subscriptions, backoff(), lambda: self._now)
        """Whether it is logged on, and should be."""
        self._audit = Audit(
            audit_after if dialect.lists_routes else None, self._subscriptions, self._own.ask, self._open_subscriptions
        )
        self._now = 0.0
        self._resume_at = 0.0
        self._trust = Trust()
        self._was_up = False
        self._last_error: BinanceSocketError | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def _usable(self) -> bool:
        """Whether there is a link on which something may be asked."""
        return self._state is State.READY and not self._trust.given_up

    @property
    def exhausted(self) -> bool:
        """Whether the server opens no topics any more on the present link."""
        return self._subscriptions.exhausted

    @property
    def resume_at(self) -> float:
        """When a session in BACKOFF may connect again."""
        return self._resume_at

    @property
    def in_flight(self) -> int:
        """How many requests wait for an answer."""
        return len(self._requests)

    @property
    def wants_link(self) -> bool:
        """Whether there is anything for which to connect."""
        return bool(self._requests or self._subscriptions)

    @property
    def last_error(self) -> BinanceSocketError | None:
        """Why the session has no link, where it should have one."""
        return self._last_error

    # What the application does.

    def submit(self, request: Request[Any], handle: Any, now: float, timeout: float | None = None) -> None:
        """Send *request*, at once or as soon as there is a link; *handle* comes back in its ``Complete`` effect."""
        self._now = now
        deadline = now + (self._request_timeout if timeout is None else timeout)
        pending = Pending(next(self._ids), request, deadline, handle)
        if self._state.is_final:
            self._effects.append(Complete(pending, self._over()))
            return
        if len(self._requests) >= self._most_pending:
            self._effects.append(Complete(pending, crowded_out(pending, self._most_pending)))
            return
        self._requests.add(pending)
        self._admit(pending, now)

    def subscribe(self, topics: Iterable[Topic], now: float, *, continuing: bool = False) -> None:
        """
        Open *topics*, now and again on every new link, until :meth:`unsubscribe`.

        That one is refused for now closes it, unless they are *continuing* others that were open.
        """
        self._now = now
        if self._state.is_final:
            self._effects.extend(Closed(topic, self._over()) for topic in topics)
            return
        for topic in topics:
            self._subscriptions.want(topic, continuing=continuing)
        self._open_subscriptions()

    def unsubscribe(self, topics: Iterable[Topic], now: float) -> None:
        """Close *topics*."""
        self._now = now
        for topic in topics:
            self._subscriptions.drop(topic, connected=self._state is State.READY)
        self._open_subscriptions()

    def forget(self, topics: Iterable[Topic]) -> None:
        """Leave *topics* to another connection, and tell nobody; what still comes of them is taken in."""
        routes = self._subscriptions.open_routes()
        for topic in topics:
            if topic in routes:
                self._strays.trailing.begin(topic, routes[topic])
            self._subscriptions.forget(topic)

    @property
    def found_at(self) -> float:
        """When everything that is subscribed was there, as the server has said."""
        return self._audit.found_at

    def is_open(self, topic: Topic) -> bool:
        """Whether events of *topic* are coming."""
        return self._subscriptions.is_open(topic)

    def give_up(self, handle: Any) -> None:
        """Answer the request of *handle* with CallCancelled, if it still waits: whoever asked does not any more."""
        pending = self._requests.asked_by(handle)
        if pending is not None:
            # It is forgotten last: the main thread may be interrupted, and then it is answered by its deadline.
            unsent = pending.claim()
            self._complete(pending, abandoned(pending, unsent=unsent))
            self._requests.take(pending.id)
            if not unsent:
                self._tombstones.bury(pending)

    def unsendable(self, pending: Pending, error: BinanceSocketError, now: float) -> None:
        """Answer a request that could not even be written with *error*; one that was held back waits for its turn."""
        self._now = now
        # It may have left on another link meanwhile.
        if pending not in self._requests or pending.certainty is Certainty.MAYBE_SENT:
            return
        if isinstance(error, RateLimited) and pending.held_back < _OFTEN:
            # The exchange refused more after it had been let in.
            pending.held_back += 1
            self._admission.ended(pending, now)
            self._admit(pending, now)
            return
        # It may be about to leave on another link.
        self._refuse(pending, error)

    def no_answer(self, topic: Topic) -> RequestTimeout:
        """Return the error of somebody who has waited for *topic* to open for too long."""
        unsent = self._state is not State.READY and not self._subscriptions.was_asked_for(topic)
        return not_opened(topic, unsent=unsent, why=self._last_error)

    def close(self) -> None:
        """End for good."""
        if not self._state.is_final:
            self._end(State.CLOSED)

    def fail(self, error: BinanceSocketError) -> None:
        """End for good, because of an error of ours."""
        if not self._state.is_final:
            self._last_error = error
            self._end(State.FAILED)

    # What the network does.

    def connecting(self) -> None:
        """An attempt to connect begins."""
        self._become(State.CONNECTING)

    def connect_failed(self, error: BinanceSocketError, now: float) -> None:
        """The attempt has failed."""
        self._now = now
        self._last_error = error
        logger.warning("connecting failed: %s", error)
        # An address that has worked is not wrong: a page in its place, however it is answered, will go away.
        if is_permanent(error) and not (self._was_up and isinstance(error, HandshakeError)):
            self._subscriptions.close_all(error)
            for pending in self._requests.take_all():
                self._complete(pending, error)
            self._become(State.IDLE)
        elif isinstance(error, HandshakeError):
            self._admission.connect_refused(error, self._requests, now)
            self._retreat(error.retry_after)
        else:
            # It may have been a ban that ended it, and whoever cannot wait for its end need not wait.
            for pending in self._requests:
                self._admission.check(pending, now)
            self._retreat(None)

    def connected(self, now: float) -> None:
        """There is a link: subscribe again, then send what has been waiting."""
        self._now = now
        self._become(State.READY)
        self.tally.connects += 1
        self._was_up = True
        self._last_error = None
        self._trust.begin(now)
        self._vigil.begin()
        self._audit.begin(now)
        waiting = tuple(self._requests)
        self.logon.begin()
        self._open_subscriptions()
        for pending in waiting:
            self._admission.send(pending, now)

    def lost(self, error: BinanceSocketError, now: float) -> None:
        """
        The link is gone, and nothing more is written to it.

        What may have been written is reported as lost. What was not is still waiting, and leaves on the next link.
        """
        if self._state is not State.READY:
            return
        self._now = now
        self._last_error = error
        self.tally.losses += 1
        if isinstance(error, LinkClosed):
            self.last_close = error.code, error.reason
        logger.warning("connection lost: %s", error)
        self.logon.end()
        self._own.clear()
        self._tombstones.clear()
        self._subscriptions.link_lost(str(error))
        self._strays.trailing.link_lost(str(error))
        for pending in self._requests:
            if pending.handle is None or pending.certainty is Certainty.MAYBE_SENT:
                self._requests.take(pending.id)
                self._complete(pending, lost(pending, error))
            else:
                self._admission.ended(pending, now)
        if self._trust.proven(error, now):
            self._backoff.reset()
        banished = isinstance(error, LinkClosed) and error.code == POLICY
        self._retreat(self._backoff.penalty if banished else None)

    def received(self, message: Any, now: float) -> None:
        """Take in a message that is not an event of an open subscription."""
        self._now = now
        try:
            self._take_in(message)
        except DecodeError as error:
            self._not_understood(message, error)
        else:
            self._trust.understood()
        if self._admission and self._usable:
            self._admission.release(now)

    def unreadable(self, why: str, now: float) -> None:
        """
        Take in that a message could not be read.

        If the link is given up for that, everybody who hears something there is told that something is missing.
        """
        self._now = now
        self.tally.malformed += 1
        logger.warning("a message that cannot be read: %s", why)
        listening = self._subscriptions.listening or bool(self._strays.trailing)
        if self._state is State.READY and self._trust.unreadable(listening=listening):
            reason = f"a message could not be read: {why}"
            # At once, so that no event is delivered after the one that is missing, and before this is told.
            self._subscriptions.link_lost(reason)
            self._strays.trailing.link_lost(reason)
            self._effects.append(Abort(reason))

    def subscription_event(self, route: Hashable, name: str, now: float) -> None:
        """An event by which the server ends the subscription of *route* has been delivered to its subscribers."""
        self._now = now
        if name == STREAM_TERMINATED:
            self._strays.trailing.ended(route)
            self._subscriptions.ended(route, TERMINATED)
            self._open_subscriptions()

    # What the clock does.

    def tick(self, now: float, heard_at: float, event_at: float = 0.0) -> None:
        """
        Do what is due.

        *heard_at* is when the peer last gave a sign of life, *event_at* when it last sent an event.
        """
        self._now = now
        for pending in self._requests.take_due(now):
            unsent = pending.claim()
            held = self._admission.too_late(pending) if unsent else None
            self._complete(pending, held or timed_out(pending, unsent=unsent, why=self._last_error))
            if not unsent:
                self._tombstones.bury(pending)
        if self._usable:
            self._open_subscriptions()
            self._admission.release(now)
            if self._vigil.watch(now, heard_at, self._admission.door.quiet_until):
                self._subscriptions.budget.spend(now)
            self._audit.look(now, heard_at, event_at)

    def resumed(self, now: float) -> None:
        """Take in that the machine has slept: find out whether the peer is still there, and what time it is."""
        self._now = now
        if not self._usable:
            return
        if self._vigil.look_up(now, self._admission.door.quiet_until):
            self._subscriptions.budget.spend(now)
        if self._dialect.tells_time:
            self._own.ask(Request("time"), lambda outcome: None)

    def next_tick(self, heard_at: float, event_at: float = 0.0) -> float | None:
        """Return when :meth:`tick` has something to do."""
        when = self._requests.next_deadline()
        if not self._usable:
            return when
        silent_at = self._vigil.next(heard_at, self._admission.door.quiet_until)
        audit_at = self._audit.next(heard_at, event_at)
        due = (self._subscriptions.next_retry(), self.logon.next(), silent_at, audit_at)
        for other in (*due, self._admission.next_at(self._now)):
            if other is not None and (when is None or other < when):
                when = other
        return when

    # What must be done about it.

    def effects(self) -> list[Effect]:
        """Return what must be performed, in order. Each is returned only once."""
        effects: list[Effect] = []
        self.hand_over(effects.extend)
        return effects

    def hand_over(self, take: Callable[[list[Effect]], object]) -> None:
        """Have *take* given the same. Should something interrupt this, some may be given again by the next call."""
        take(self._effects)
        self._effects.clear()

    def changes(self) -> list[Changed]:
        """Return the states that the session has been in since the last call, in order."""
        changes = self._changes[:]
        self._changes.clear()
        return changes

    # How messages are understood.

    def _take_in(self, message: Any) -> None:
        if is_object(message) and "status" in message and "id" in message:
            # What nearly every message here is.
            self._answered(parse_reply(message))
        elif not self._strays.take(message):
            if not is_object(message):
                raise DecodeError("a message that is not an object", message)
            if not message.keys() & {"id", "status", "error", "code"}:
                raise DecodeError(f"a message of no known kind, with keys {sorted(message)[:8]}", message)
            self._answered(parse_reply(message))

    def _not_understood(self, message: Any, error: DecodeError) -> None:
        fields = as_object(message)
        if "id" not in fields or ("e" in fields and "status" not in fields):
            self.unreadable(str(error), self._now)
            return
        # An answer, and no event: nothing is missing but what it says.
        self.tally.malformed += 1
        logger.warning("an answer was not understood: %s", error)
        request_id = message["id"]
        pending = self._requests.take(request_id) if isinstance(request_id, str) else None
        if pending is not None:
            self._complete(pending, ended(pending, error))

    def _answered(self, reply: Reply) -> None:
        self._trust.answered()
        pending = self._requests.take(reply.id)
        if pending is None:
            if not reply.succeeded:
                self._admission.refused(reply, self._now)
            if reply.id is None and not reply.succeeded:
                self._unasked_error(reply)
            else:
                self._answered_late(reply)
            return
        learn_from(pending, reply, self.server_clock, self._now)
        self._admission.answered(pending, reply, self._now)
        error = error_of(reply, pending.request)
        self.logon.answered(pending.request, error)
        # A server that counts messages looks at no timestamps.
        untimed = self._dialect.messages_per_second is not None
        if isinstance(error, InvalidTimestamp) and not pending.resynced and not untimed:
            self._own.resync(pending)
        else:
            self._complete(pending, reply)

    def _answered_late(self, reply: Reply) -> None:
        self.tally.late += 1
        logger.debug("an answer to no waiting request: %s", reply.id)
        pending = self._tombstones.exhume(reply.id)
        if pending is not None:
            self.tally.resolved += 1
            self._effects.append(Late(pending, reply))

    def _unasked_error(self, reply: Reply) -> None:
        """Take in an error without an id: the session was revoked, or the server could not read a message of ours."""
        error = error_of(reply, Request("session"))
        assert isinstance(error, ApiError)
        if reply.status != 401:
            self.tally.malformed += 1
            logger.warning("an error that belongs to no request: %s", error)
            return
        for pending in self._requests:
            # Not our own logon, for one: if it is under way, it is not the one that was revoked.
            asked_by_user = pending.handle is not None and pending.request.security is not Security.NONE
            if asked_by_user and pending.certainty is Certainty.MAYBE_SENT:
                self._requests.take(pending.id)
                self._complete(pending, ended(pending, error))
                self._tombstones.bury(pending)
        self.logon.revoked(error)

    # Subscriptions, and the clock.

    def _open_subscriptions(self) -> None:
        if not self._usable:
            return
        self.logon.look()
        self._subscriptions.open(logged_on=self.logon.on)

    # How requests leave.

    def _admit(self, pending: Pending, now: float) -> None:
        """Send *pending* as soon as there is a link, and room for it; or refuse it."""
        if self._usable:
            self._admission.send(pending, now)
        else:
            self._admission.check(pending, now)

    # How requests end.

    def _refuse(self, pending: Pending, error: BinanceSocketError) -> None:
        """Answer a request that waits and has not been sent with *error*."""
        if pending.claim():
            self._requests.take(pending.id)
            self._complete(pending, error)

    def _complete(self, pending: Pending, outcome: Outcome) -> None:
        if pending.handle is not None:
            self._effects.append(Complete(pending, outcome))
        self._admission.ended(pending, self._now)
        if pending.handle is None:
            self._own.ended(pending, outcome)

    # How things end.

    def _become(self, state: State) -> None:
        if state not in TRANSITIONS[self._state]:
            raise AssertionError(f"{self._state.name} -> {state.name}")
        reason = str(self._last_error) if self._last_error is not None and state in MISHAPS else None
        self._changes.append(Changed(self._state, state, reason))
        self._state = state

    def _retreat(self, at_least: float | None) -> None:
        # Where the server has asked us to stay away, we do so even if somebody wants something again soon.
        if not self.wants_link and at_least is None:
            self._become(State.IDLE)
            return
        self._become(State.BACKOFF)
        self._resume_at = self._now + self._backoff.next(at_least)

    def _end(self, state: State) -> None:
        self._become(state)
        self.logon.end()
        self._own.clear()
        self._tombstones.clear()
        for pending in self._requests.take_all():
            self._admission.ended(pending, self._now)
            if pending.handle is not None:
                unsent = pending.claim()
                self._effects.append(Complete(pending, over(pending, self._over(), unsent=unsent)))
        self._subscriptions.close_all(self._over() if state is State.FAILED else None)

    def _over(self) -> ClientClosed:
        if self._state is State.FAILED:
            return ClientClosed(f"the connection has failed: {self._last_error}")
        return ClientClosed("the client is closed")
