"""A clock that runs by itself, and can leap over what a test would otherwise wait for."""

from __future__ import annotations

import threading

from binance_socket._engine.clock import SystemClock

__all__ = ["LeapingClock"]


class LeapingClock(SystemClock):
    """
    The system's own, which leaps forward when told to.

    So that one can be patient for long enough with what is slow, and not wait for what never comes.
    """

    def __init__(self) -> None:
        # Guards the two below. Taken after a waiter's condition, never before it.
        self._lock = threading.Lock()
        self._ahead = 0.0
        self._waiting: dict[object, threading.Condition] = {}

    def monotonic(self) -> float:
        """Return the system's, and what was leapt over."""
        return super().monotonic() + self._ahead

    def time(self) -> float:
        """Return the system's, and what was leapt over."""
        return super().time() + self._ahead

    def wait_until(self, condition: threading.Condition, when: float | None) -> None:
        """Wait as the system's does, and no longer than until the next leap."""
        ticket = object()
        with self._lock:
            # From here on leap() finds us. It cannot notify before we wait, because we hold the condition.
            self._waiting[ticket] = condition
        try:
            super().wait_until(condition, when)
        finally:
            with self._lock:
                del self._waiting[ticket]

    def leap(self, seconds: float) -> None:
        """Leap forward, and wake whoever waits."""
        with self._lock:
            self._ahead += seconds
            conditions = set(self._waiting.values())
        for condition in conditions:
            with condition:
                condition.notify_all()
