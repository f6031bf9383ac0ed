"""The only module that knows what time it is."""

from __future__ import annotations

import threading
import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Where time comes from. Tests substitute :class:`binance_socket.testing.ManualClock`."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow, from an arbitrary start. Every duration is measured with them."""
        ...

    def time(self) -> float:
        """Return the wall clock in seconds since the epoch. It may jump: never measure with it."""
        ...

    def wait_until(self, condition: threading.Condition, when: float | None) -> None:
        """
        Wait on *condition*, which the caller holds, until notified or until ``monotonic() >= when``.

        As with every condition, wake-ups without a cause are possible: look again at what you wait for.
        """
        ...


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    def time(self) -> float:
        """Return the machine's wall clock in seconds since the epoch."""
        return time.time()

    def wait_until(self, condition: threading.Condition, when: float | None) -> None:
        """Wait on *condition*, which the caller holds, until notified or until *when*."""
        if when is None:
            condition.wait()
        # Longer waits than the platform can express overflow; waking up once in a while does no harm.
        elif (timeout := min(when - time.monotonic(), threading.TIMEOUT_MAX)) > 0:
            condition.wait(timeout)
