"""Requests whose outcome is, or may become, unknown."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from .._session.effects import Pending
from .._session.findings import Key, keys_of_event
from .._session.inquest import DEFAULT_RECEIVE_WINDOW, Inquest, too_late_at
from .._session.plans import client_order_ids, matters_of
from .._session.server_clock import ServerClock
from .._wire.messages import Reply, Request
from .._wire.values import as_object
from ..errors import BinanceSocketError, InvalidRequest, OutcomeUnknown
from ..models.response import Response
from ..outcomes import CancelReplaceOutcome, Verdict
from .clock import Clock
from .futures import CallFuture
from .inquirer import Inquirer
from .threads import Condition, check_process, on_engine_thread, process_token

__all__ = ["Doubt", "Doubts"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Beyond this many unknown outcomes, events are not listened to for the oldest any more. They can still be asked for.
_MOST_WATCHED: Final = 4096
# An order's events before its outcome became unknown. Its placement is the first of them, its end the last.
_MOST_EVENTS: Final = 16


class Doubts:
    """
    One client's requests whose outcome is unknown or may become so, and whoever can tell of them. Any thread.

    Those in flight are watched as well: an order's event mostly comes before one gives up waiting for its reply.
    """

    def __init__(
        self,
        clock: Clock,
        server_clock: ServerClock,
        inquirer: Inquirer,
        *,
        receive_window: float | Decimal | None,
        request_timeout: float,
        check: Callable[[], None],
    ) -> None:
        self.clock = clock
        self.server_clock = server_clock
        self.inquirer = inquirer
        self.request_timeout = request_timeout
        self.check = check
        """Raises where the client cannot be used any more."""
        self._receive_window = receive_window
        self.process = process_token()
        # Guards everything below. Nothing else is locked while it is held.
        self._lock = threading.Lock()
        # Replaced, never changed, so that they can be looked up without the lock.
        self._watching: dict[Key, tuple[Doubt, ...]] = {}
        self._unknown: dict[Doubt, None] = {}
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the client is closed."""
        return self._closed

    def open(self, request: Request[Any]) -> Doubt:
        """Return the doubt about a request that is about to be submitted, and listen to events about it."""
        doubt = Doubt(self, request)
        self._watch(doubt)
        return doubt

    def follow(self, doubt: Doubt, future: CallFuture[Any]) -> None:
        """Drop the doubt when its request is answered."""
        future.when_done(lambda done: self._ended(doubt, done))

    def overhear(self, event: dict[str, Any]) -> None:
        """Take in an event of the account; cheap while nothing is in flight or unknown."""
        watching = self._watching
        if watching:
            heard: dict[Doubt, None] = {}
            for key in keys_of_event(event):
                heard.update(dict.fromkeys(watching.get(key, ())))
            for doubt in heard:
                doubt.reported(event)

    def keep(self, doubt: Doubt) -> None:
        """Go on listening: its outcome is unknown."""
        oldest: Doubt | None = None
        with self._lock:
            self._unknown[doubt] = None
            if len(self._unknown) > _MOST_WATCHED:
                oldest = next(iter(self._unknown))
        if oldest is not None:
            self.drop(oldest)

    def drop(self, doubt: Doubt) -> None:
        """Listen no more. Idempotent."""
        with self._lock:
            self._unknown.pop(doubt, None)
            for key in doubt.keys:
                others = tuple(other for other in self._watching.get(key, ()) if other is not doubt)
                if others:
                    self._watching[key] = others
                else:
                    self._watching.pop(key, None)

    def close(self) -> None:
        """Wake whoever waits: it gets ClientClosed."""
        with self._lock:
            self._closed = True
            doubts = tuple(self._unknown)
            self._unknown.clear()
            self._watching.clear()
        for doubt in doubts:
            doubt.wake()

    def window_of(self, request: Request[Any]) -> float:
        """Return for how long a request was good, in milliseconds."""
        for window in (request.receive_window, self._receive_window, as_object(request.params).get("recvWindow")):
            if window is not None:
                return float(window)
        return DEFAULT_RECEIVE_WINDOW

    def _watch(self, doubt: Doubt) -> None:
        with self._lock:
            if not self._closed:
                for key in doubt.keys:
                    self._watching[key] = (*self._watching.get(key, ()), doubt)

    def _ended(self, doubt: Doubt, future: Future[Any]) -> None:
        if future.cancelled() or not isinstance(future.exception(), OutcomeUnknown):
            self.drop(doubt)


class Doubt:
    """What is known of one request's outcome, and whoever waits for more."""

    def __init__(self, doubts: Doubts, request: Request[Any]) -> None:
        self._doubts = doubts
        self._request = request
        self.keys = frozenset[Key]().union(*(matter.keys for matter in matters_of(request, 0)))
        """By what events about it are recognised."""
        # Guards everything below. Notified whenever something was learned.
        self._changed = Condition(threading.Lock())
        self._inquests: tuple[Inquest, ...] = ()
        self._heard: deque[dict[str, Any]] = deque(maxlen=_MOST_EVENTS)
        self._waiting = 0

    # What the connection tells.

    def raised(self, error: OutcomeUnknown, pending: Pending) -> None:
        """*error* is about to be raised."""
        doubts, request = self._doubts, self._request
        now = doubts.clock.monotonic()
        timestamp = pending.timestamp
        if timestamp is None:
            timestamp = doubts.server_clock.timestamp(now if pending.sent_at is None else pending.sent_at)
        too_late = too_late_at(timestamp, doubts.window_of(request))
        error.method = request.method
        error.client_order_ids = client_order_ids(request)
        error.sent_at = _EPOCH + timedelta(milliseconds=timestamp)
        error._resolver = self.resolve  # pyright: ignore[reportPrivateUsage]  # set here, for its resolve()
        with self._changed:
            self._inquests = tuple(
                Inquest(matter, raised_at=now, too_late=too_late) for matter in matters_of(request, timestamp)
            )
            for inquest, event in itertools.product(self._inquests, self._heard):
                inquest.reported(event)
            self._heard.clear()
            certain = self._is_certain()
        if certain:
            doubts.drop(self)
        else:
            doubts.keep(self)

    def replied(self, reply: Reply) -> None:
        """The answer came after all."""
        self._learn(lambda inquest: inquest.replied(reply))

    def reported(self, event: dict[str, Any]) -> None:
        """The account's events tell of it."""
        with self._changed:
            if not self._inquests:
                self._heard.append(event)
                return
        self._learn(lambda inquest: inquest.reported(event))

    def wake(self) -> None:
        """Have whoever waits look again."""
        with self._changed:
            self._changed.notify_all()

    # What the user does.

    def resolve(self, timeout: float) -> Verdict:
        """See :meth:`OutcomeUnknown.resolve`."""
        check_process(self._doubts.process)
        if on_engine_thread():
            raise RuntimeError("to wait on one of the library's own threads would be to wait for itself")
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout >= 0:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequest(f"timeout is in seconds, 0 or above, not {timeout!r}")
        deadline = self._doubts.clock.monotonic() + timeout
        with self._changed:
            self._waiting += 1
            if self._waiting == 1:
                for inquest in self._inquests:
                    inquest.resume(self._doubts.clock.monotonic())
        try:
            while True:
                verdict, questions = self._wait(deadline)
                if verdict is not None:
                    return verdict
                for inquest, request in questions:
                    self._ask(inquest, request)
        finally:
            with self._changed:
                self._waiting -= 1

    def _wait(self, deadline: float) -> tuple[Verdict | None, list[tuple[Inquest, Request[Any]]]]:
        """Wait until there is something to return, or to ask."""
        clock, server_clock = self._doubts.clock, self._doubts.server_clock
        with self._changed:
            while True:
                verdict = self._verdict()
                if verdict is not None:
                    return verdict, []
                self._doubts.check()
                now = clock.monotonic()
                if now >= deadline:
                    return self._so_far(), []
                due = ((inquest, inquest.ask(now, server_clock.now(now))) for inquest in self._inquests)
                questions = [(inquest, request) for inquest, request in due if request is not None]
                if questions:
                    return None, questions
                moments = [when for inquest in self._inquests if (when := inquest.next_at) is not None]
                clock.wait_until(self._changed, min([deadline, *moments]))

    def _ask(self, inquest: Inquest, request: Request[Any]) -> None:
        try:
            future = self._doubts.inquirer.ask(request, self._doubts.request_timeout)
        except BinanceSocketError as error:
            # Whoever waits besides, or later, must be able to ask. That the client is closed is found out by waiting.
            self._answered(inquest, error)
        else:
            future.when_done(lambda done: self._take(inquest, done))

    def _take(self, inquest: Inquest, future: Future[Response[Any]]) -> None:
        error = future.exception()
        if error is None:
            self._answered(inquest, future.result().result)
        else:
            self._answered(inquest, error)

    def _answered(self, inquest: Inquest, answer: Any) -> None:
        now = self._doubts.clock.monotonic()
        server_now = self._doubts.server_clock.now(now)
        self._learn(lambda each: each.answered(answer, now, server_now), only=(inquest,))

    # Requires holding the condition, from here on, where nothing else is said.

    def _learn(self, take: Callable[[Inquest], None], only: Iterable[Inquest] | None = None) -> None:
        """Let the inquests take something in. Takes the condition itself."""
        with self._changed:
            for inquest in self._inquests if only is None else only:
                take(inquest)
            certain = self._is_certain()
            self._changed.notify_all()
        if certain:
            self._doubts.drop(self)

    def _is_certain(self) -> bool:
        return all(inquest.is_certain for inquest in self._inquests)

    def _verdict(self) -> Verdict | None:
        verdicts = [inquest.verdict for inquest in self._inquests]
        return None if None in verdicts else self._combined(verdicts)

    def _so_far(self) -> Verdict:
        return self._combined([inquest.verdict or inquest.so_far for inquest in self._inquests])

    @staticmethod
    def _combined(verdicts: list[Any]) -> Verdict:
        if len(verdicts) == 1:
            verdict: Verdict = verdicts[0]
            return verdict
        cancellation, placement = verdicts
        return CancelReplaceOutcome(cancellation, placement)
