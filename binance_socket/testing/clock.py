"""Time that moves when a test says so."""

from __future__ import annotations

import threading

__all__ = ["ManualClock"]

_PATIENCE = 5.0


class ManualClock:
    """
    A clock that moves only when told to. Implements the library's Clock.

    ``monotonic()`` starts at 0, ``time()`` at *start_time* (epoch seconds); both advance together.
    """

    def __init__(self, start_time: float = 1_700_000_000.0) -> None:
        self._start_time = start_time
        # Guards everything below. Notified when a thread begins or ends to wait. Taken after a waiter's condition,
        # never before it.
        self._waits = threading.Condition(threading.Lock())
        self._now = 0.0
        self._asleep = 0.0
        self._wall_shift = 0.0
        self._waiting: dict[object, tuple[threading.Condition, float | None]] = {}
        self._changes = 0

    def monotonic(self) -> float:
        """Return the seconds by which the clock was advanced."""
        with self._waits:
            return self._now

    def asleep(self) -> float:
        """Return for how many of these seconds the machine has slept."""
        with self._waits:
            return self._asleep

    def time(self) -> float:
        """Return the start time plus the seconds by which the clock was advanced, and those that were shifted."""
        with self._waits:
            return self._start_time + self._now + self._wall_shift

    def wait_until(self, condition: threading.Condition, when: float | None) -> None:
        """Wait on *condition*, which the caller holds, until notified or until the clock is moved."""
        ticket = object()
        with self._waits:
            if when is not None and when <= self._now:
                return
            # From here on advance() finds us. It cannot notify before we wait, because we hold the condition.
            self._waiting[ticket] = (condition, when)
            self._changed()
        try:
            condition.wait()
        finally:
            with self._waits:
                del self._waiting[ticket]
                self._changed()

    def advance(self, seconds: float) -> None:
        """Move time forward, and wake whoever waits for it."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        with self._waits:
            self._now += seconds
            conditions = {condition for condition, when in self._waiting.values() if when is not None}
        for condition in conditions:
            with condition:
                condition.notify_all()

    def sleep(self, seconds: float) -> None:
        """Let the machine sleep: time moves forward, and those who waited for it notice only afterwards."""
        with self._waits:
            self._asleep += seconds
        self.advance(seconds)

    def shift_wall(self, seconds: float) -> None:
        """Set the wall clock forward, or back. Nobody is woken, and no duration changes."""
        with self._waits:
            self._wall_shift += seconds

    def jump(self) -> float:
        """
        Wait until some thread waits for a time to come, move to the earliest such time, and return by how much.

        Raises AssertionError when nobody does within 5 seconds.
        """
        while True:
            with self._waits:
                changes = self._changes
                conditions = {condition for condition, when in self._waiting.values() if when is not None}
            # A thread that was notified but has not run yet may be about to wait for another time.
            settled = not any(self._has_been_notified(condition) for condition in conditions)
            with self._waits:
                when = self._next()
                if settled and when is not None:
                    seconds = when - self._now
                    break
                # Any change leads round once more, with new patience.
                if self._changes == changes and not self._waits.wait(_PATIENCE):
                    raise AssertionError("no thread waits for a time")
        self.advance(seconds)
        return seconds

    def _has_been_notified(self, condition: threading.Condition) -> bool:
        """Tell whether a thread is on our list that does not wait any more."""
        # While we hold the condition, whoever is on the list has begun to wait.
        with condition, self._waits:
            listed = sum(1 for other, _ in self._waiting.values() if other is condition)
            # No public way to ask: notify() takes a waiter off this queue.
            return len(getattr(condition, "_waiters", range(listed))) < listed

    def _changed(self) -> None:
        self._changes += 1
        self._waits.notify_all()

    def _next(self) -> float | None:
        return min((when for _, when in self._waiting.values() if when is not None and when > self._now), default=None)
