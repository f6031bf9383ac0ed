"""When another message may be sent to a server that counts them."""

from __future__ import annotations

import itertools

__all__ = ["MessageBudget"]


class MessageBudget:
    """
    At most *limit* messages arrive at the server in any second, however late they do.

    A message counts from the moment at which it may be sent until a second after its answer has come. It arrives at
    some moment between the two, so that no delay on its way makes it arrive together with later ones.
    """

    PERIOD = 1.0

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        # When each that was answered does not count any more; infinite for those that were not.
        self._counting: dict[int, float] = {}
        self._numbers = itertools.count()

    def take(self, now: float) -> int | None:
        """Count one message, and return what :meth:`answered` is told; or None if it must not be sent yet."""
        self._counting = {number: until for number, until in self._counting.items() if until > now}
        if self._limit is not None and len(self._counting) >= self._limit:
            return None
        number = next(self._numbers)
        if self._limit is not None:
            self._counting[number] = float("inf")
        return number

    def answered(self, number: int, now: float) -> None:
        """The message has been answered, or never will be."""
        if number in self._counting:
            self._counting[number] = now + self.PERIOD

    def spend(self, now: float) -> None:
        """Count a message that is sent in any case, and not answered in a way that is told."""
        if self._limit is not None:
            self._counting[next(self._numbers)] = now + self.PERIOD

    def next_time(self) -> float | None:
        """Return when there may be room again, as far as that depends on the time alone."""
        times = [until for until in self._counting.values() if until != float("inf")]
        return min(times) if times else None

    def reset(self) -> None:
        """Start over: the server counts every link by itself."""
        self._counting.clear()
