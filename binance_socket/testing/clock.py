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
        # Guards everything below. Notified when a thread starts to wait for a time.
        self._waits = threading.Condition(threading.Lock())
        self._now = 0.0
        self._waiting: dict[object, tuple[threading.Condition, float | None]] = {}

    def monotonic(self) -> float:
        """Return the seconds by which the clock was advanced."""
        with self._waits:
            return self._now

    def time(self) -> float:
        """Return the start time plus the seconds by which the clock was advanced."""
        with self._waits:
            return self._start_time + self._now

    def wait_until(self, condition: threading.Condition, when: float | None) -> None:
        """Wait on *condition*, which the caller holds, until notified or until the clock is moved."""
        ticket = object()
        with self._waits:
            if when is not None and when <= self._now:
                return
            # From here on advance() finds us. It cannot notify before we wait, because we hold the condition.
            self._waiting[ticket] = (condition, when)
            self._waits.notify_all()
        try:
            condition.wait()
        finally:
            with self._waits:
                del self._waiting[ticket]

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

    def jump(self) -> float:
        """
        Wait until some thread waits for a time to come, move to the earliest such time, and return by how much.

        Raises AssertionError when nobody does within 5 seconds.
        """
        with self._waits:
            if not self._waits.wait_for(lambda: self._next() is not None, _PATIENCE):
                raise AssertionError("no thread waits for a time")
            when = self._next()
            assert when is not None
            seconds = when - self._now
        self.advance(seconds)
        return seconds

    def _next(self) -> float | None:
        return min((when for _, when in self._waiting.values() if when is not None and when > self._now), default=None)
