"""U1 by the clock: every future that a client gives out is done by its deadline, and not given up before."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import attrs

from binance_socket import BinanceSocketClient, ClientOptions, RequestTimeout
from binance_socket._engine.timer import Timer

from .transcript import PATIENCE

__all__ = ["GRACE", "Deadlines"]

GRACE = 0.1
"""How long after its deadline a future may be done."""
# Where another thread ends a future at the very deadline, it may be kept from running. Nothing of that on a clock that
# is moved by hand.
_KEPT_FROM_RUNNING = 1.0


@attrs.define(eq=False)
class _Watched:
    """A future, and what became of it, by the client's clock."""

    what: str
    timer: Timer
    submitted_at: float
    deadline: float
    latest: float
    """The deadline, if it counts from when the future was returned, with the grace."""
    found_late_at: float | None = None
    """When the timer has found it not done although it is later than that."""
    done_at: float | None = None
    future: Future[Any] | None = None
    done: threading.Event = attrs.field(factory=threading.Event)

    def look(self) -> None:
        """It is time to be done. On the timer's thread."""
        assert self.future is not None
        if not self.future.done():
            self.found_late_at = self.timer.now()

    def is_done(self, future: Future[Any]) -> None:
        """It is done. On the thread that has done it."""
        self.done_at = self.timer.now()
        self.done.set()


class Deadlines:
    """
    Holds the futures of a client against their deadlines.

    Not by measuring: that would say as much about a busy machine. But the client's timer runs its alarms in the order
    of their times, however late it comes to that. So an alarm of ours right after a deadline finds done whatever the
    library has an alarm for, or else the library's is later than it should be.
    """

    def __init__(self, *, by_hand: bool = False) -> None:
        self._kept_from_running = 0.0 if by_hand else _KEPT_FROM_RUNNING
        # Guards the list.
        self._lock = threading.Lock()
        self._watched: list[_Watched] = []

    def follow(self, client: BinanceSocketClient, options: ClientOptions) -> None:
        """Watch every future of *client*'s from now on: of calls, of the library's own, of subscriptions."""
        hub = client._hub
        submit, subscribe = hub.submit, hub.subscribe

        def submitting(request: Any, timeout: float | None = None) -> Any:
            seconds = options.request_timeout if timeout is None else timeout
            return self.watch(request.method, hub.timer, seconds, lambda: submit(request, timeout))

        def subscribing(topics: Any, subscriber: Any, timeout: float | None = None, **manner: bool) -> Any:
            seconds = options.request_timeout if timeout is None else timeout
            begin = functools.partial(subscribe, topics, subscriber, timeout, **manner)
            return self.watch("subscribing", hub.timer, seconds, begin)

        hub.submit, hub.subscribe = submitting, subscribing  # type: ignore[method-assign]

    def watch(self, what: str, timer: Timer, timeout: float, begin: Callable[[], Future[Any]]) -> Any:
        """Return the future that *begin* returns, which has to be done *timeout* seconds later."""
        before = timer.now()
        future = begin()
        after = timer.now()
        watched = _Watched(what, timer, before, before + timeout, after + timeout + GRACE, future=future)
        with self._lock:
            self._watched.append(watched)
        alarm = timer.call_at(watched.latest, watched.look)

        def done(future: Future[Any]) -> None:
            watched.is_done(future)
            alarm.cancel()

        # On the thread that completes it: a client's own futures would have others do it.
        Future.add_done_callback(future, done)
        return future

    def next(self) -> float:
        """Return the earliest deadline of what is not done, by the client's clock; infinity if everything is."""
        with self._lock:
            return min((one.deadline for one in self._watched if not one.done.is_set()), default=float("inf"))

    @property
    def watched(self) -> int:
        """How many futures there were."""
        return len(self._watched)

    def violations(self) -> list[str]:
        """Return what is wrong. To be called when the client is closed."""
        with self._lock:
            watched = list(self._watched)
        return [wrong for one in watched for wrong in self._violations_of(one)]

    def _violations_of(self, one: _Watched) -> list[str]:
        future = one.future
        assert future is not None
        if not one.done.wait(PATIENCE):
            return [f"{one.what}: its future was never done"]
        assert one.done_at is not None
        times = f"submitted at {one.submitted_at:.3f}, due at {one.deadline:.3f}, done at {one.done_at:.3f}"
        error = None if future.cancelled() else future.exception()
        if isinstance(error, RequestTimeout) and one.done_at < one.deadline:
            return [f"{one.what}: given up before its deadline: {times}"]
        if one.found_late_at is not None and one.done_at > one.found_late_at + self._kept_from_running:
            return [f"{one.what}: done after its deadline: {times}"]
        return []
