"""The only module that knows what time it is."""

from __future__ import annotations

import sys
import threading
import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Where time comes from. Tests substitute :class:`binance_socket.testing.ManualClock`."""

    def monotonic(self) -> float:
        """
        Return seconds that only ever grow, from an arbitrary start. Every duration is measured with them.

        They run on while the machine sleeps, where the system has such a clock.
        """
        ...

    def asleep(self) -> float:
        """Return for how many of these seconds the machine has slept, from an arbitrary start."""
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


def _number_of_clock() -> int | None:
    """Return the number of the system's clock that runs on while the machine sleeps, if Python's own does not."""
    if sys.platform == "darwin":
        # time.monotonic() is another one there.
        return time.CLOCK_MONOTONIC
    # Windows has none, and its own runs on anyway.
    return getattr(time, "CLOCK_BOOTTIME", None)


_CLOCK = _number_of_clock()
# Waits are measured by a clock that stops while the machine sleeps. Whoever waits looks again after so many seconds.
_LONGEST_WAIT = threading.TIMEOUT_MAX if _CLOCK is None else 5.0


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds, those in which it sleeps included."""
        return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)

    def asleep(self) -> float:
        """Return for how many seconds the machine has slept, from an arbitrary start; always 0 where nobody knows."""
        return 0.0 if _CLOCK is None else time.clock_gettime(_CLOCK) - time.monotonic()

    def time(self) -> float:
        """Return the machine's wall clock in seconds since the epoch."""
        return time.time()

    def wait_until(self, condition: threading.Condition, when: float | None) -> None:
        """Wait on *condition*, which the caller holds, until notified or until *when*, or for a while."""
        if when is None:
            condition.wait()
        # Longer waits than the platform can express overflow, too.
        elif (timeout := min(when - self.monotonic(), _LONGEST_WAIT)) > 0:
            condition.wait(timeout)
