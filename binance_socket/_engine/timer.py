"""One thread for everything that happens later."""

from __future__ import annotations

import functools
import heapq
import itertools
import logging
import os
import threading
from collections.abc import Callable

from .clock import Clock, SystemClock
from .threads import EngineThread

__all__ = ["Alarm", "Timer", "shared_timer"]

logger = logging.getLogger(__name__)

_JOIN_TIMEOUT = 2.0
_COMPACT_ABOVE = 64
# Clocks that are read one after the other may differ by the time that the thread was kept from running, in seconds.
_NAP = 3.0


class Alarm:
    """A function that will run at some time, unless it is cancelled before."""

    __slots__ = ("_function", "_timer")

    def __init__(self, timer: Timer, function: Callable[[], object]) -> None:
        self._timer = timer
        # None once it has run or was cancelled. Guarded by the timer's condition.
        self._function: Callable[[], object] | None = function

    def cancel(self) -> None:
        """Make sure that the function does not start any more. It may be running already. Idempotent; any thread."""
        self._timer._cancel(self)  # pyright: ignore[reportPrivateUsage]  # one thing in two classes


class Timer:
    """
    Run functions at given times, on one thread.

    Functions must be short and must not block: they delay every other one. *defect* is told what they raise; without
    one, it is logged. *resumed* is called, on the timer's thread, when it turns out that the machine has slept, and
    for how long. The thread starts with the first alarm, and sleeps while nothing is due.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        name: str = "timer",
        defect: Callable[[Exception], object] | None = None,
        resumed: Callable[[float], object] | None = None,
    ) -> None:
        self._clock: Clock = clock or SystemClock()
        self._name = name
        self._defect = defect
        self._resumed = resumed
        self._asleep = self._clock.asleep()
        # Guards everything below, and what the alarms hold.
        self._mutex = threading.Lock()
        self._changed = threading.Condition(self._mutex)
        self._heap: list[tuple[float, int, Alarm]] = []
        self._sequence = itertools.count()
        self._cancelled = 0
        self._thread: EngineThread | None = None
        self._closed = False

    def now(self) -> float:
        """Return the time by this timer's clock, in the seconds that :meth:`call_at` takes."""
        return self._clock.monotonic()

    def call_at(self, when: float, function: Callable[[], object]) -> Alarm:
        """
        Run *function* once ``clock.monotonic() >= when``, on the timer's thread. Any thread.

        Functions that are due at the same time run in the order in which they were given. A closed timer runs nothing.
        """
        alarm = Alarm(self, function)
        with self._mutex:
            if self._closed:
                alarm._function = None  # pyright: ignore[reportPrivateUsage]
                return alarm
            # Before anything is added: if there is no thread to be had, no alarm is left that nobody will run.
            self._start()
            entry = (when, next(self._sequence), alarm)
            heapq.heappush(self._heap, entry)
            if self._heap[0] is entry:
                self._changed.notify_all()
        return alarm

    def start(self) -> None:
        """Start the thread now rather than with the first alarm. Raises RuntimeError when there is none to be had."""
        with self._mutex:
            if not self._closed:
                self._start()

    def _start(self) -> None:
        """Requires the condition."""
        if self._thread is None:
            thread = EngineThread(self._run, self._name)
            thread.start()
            self._thread = thread

    def close(self, timeout: float = _JOIN_TIMEOUT) -> None:
        """
        Run nothing more, and wait (2 s at most by default) for a function that is running.

        Idempotent; any thread, the timer's own included, where it does not wait.
        """
        with self._mutex:
            self._closed = True
            for _, _, alarm in self._heap:
                alarm._function = None  # pyright: ignore[reportPrivateUsage]
            self._heap.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _cancel(self, alarm: Alarm) -> None:
        with self._mutex:
            if alarm._function is None:  # pyright: ignore[reportPrivateUsage]
                return
            alarm._function = None  # pyright: ignore[reportPrivateUsage]
            self._cancelled += 1
            # The thread is left asleep: it finds nothing to do when the time comes. But alarms that are always
            # cancelled must not pile up until then.
            if self._cancelled > _COMPACT_ABOVE and self._cancelled > len(self._heap) // 2:
                self._heap = [e for e in self._heap if e[2]._function is not None]  # pyright: ignore[reportPrivateUsage]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def _run(self) -> None:
        with self._mutex:
            if self._thread is not threading.current_thread():
                # Whoever started it was interrupted, and it is started again by the next.
                return
        try:
            while (function := self._next()) is not None:
                try:
                    function()
                except Exception as exc:  # noqa: BLE001  # told to whoever waits for what it would have done
                    self.failed(exc)
                # Keep nothing of it alive while waiting for the next one.
                del function
        except Exception as exc:  # noqa: BLE001  # the same: nothing will be done in time any more
            self.failed(exc)

    def failed(self, exc: Exception) -> None:
        """Report a defect of ours to whoever is told of those. Any thread."""
        logger.error("a timer function failed", exc_info=exc)
        if self._defect is not None:
            try:
                self._defect(exc)
            except Exception:  # a second defect of ours, while one is dealt with: the timer goes on for everybody else
                logger.exception("and it could not be told")

    def _next(self) -> Callable[[], object] | None:
        """Wait until a function is due, and return it; None when closed."""
        with self._mutex:
            while not self._closed:
                asleep, before = self._clock.asleep(), self._asleep
                self._asleep = asleep
                if self._resumed is not None and asleep - before > _NAP:
                    return functools.partial(self._resumed, asleep - before)
                when = self._heap[0][0] if self._heap else None
                if when is None or when > self._clock.monotonic():
                    self._clock.wait_until(self._changed, when)
                    continue
                alarm = heapq.heappop(self._heap)[2]
                function, alarm._function = alarm._function, None  # pyright: ignore[reportPrivateUsage]
                if function is not None:
                    return function
                self._cancelled -= 1
            return None


_shared: Timer | None = None
# Guards _shared.
_shared_lock = threading.Lock()


def shared_timer() -> Timer:
    """Return the process's own timer, on the system's clock. For what belongs to no client; never close it."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Timer(name="shared-timer")
        return _shared


def _forget_shared_timer() -> None:
    """Threads do not survive a fork: the child makes a timer of its own."""
    global _shared, _shared_lock
    _shared, _shared_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_shared_timer)
