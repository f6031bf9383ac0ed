"""When to connect again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..errors import BinanceSocketError, HandshakeError, TlsError

__all__ = ["Backoff", "ConnectBudget", "is_permanent"]


_PENALTY = 20
"""How many times the longest first wait."""


class Backoff:
    """Full jitter: a random time of up to ``base * 2**attempt``, never more than *cap*, in seconds."""

    def __init__(self, base: float, cap: float, random: Callable[[], float]) -> None:
        self._base = base
        self._cap = cap
        self._random = random
        self._attempt = 0

    def next(self, at_least: float | None = None) -> float:
        """Return how long to wait before the next attempt; *at_least* is what the server asked for."""
        # The exponent is bounded because a float overflows after a thousand failures, a night without a network.
        longest = min(self._cap, self._base * 2.0 ** min(self._attempt, 64))
        self._attempt += 1
        return self._random() * longest + (at_least or 0.0)

    @property
    def penalty(self) -> float:
        """How much longer to wait where the server has closed because of what we did: 10 s as a rule."""
        return min(self._cap, _PENALTY * self._base)

    def reset(self) -> None:
        """Start over: a connection has proved itself."""
        self._attempt = 0


class ConnectBudget:
    """At most *limit* connects in any *period* seconds. The exchange bans an address that goes on beyond its own."""

    PERIOD = 300.0

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._taken: deque[float] = deque()

    def take(self, now: float) -> float:
        """Take one connect and return 0, or return the seconds until one is to be had."""
        if self._limit is None:
            return 0.0
        # Compared in the same form as it is returned: otherwise rounding may make it 0 without anything taken.
        while self._taken and self._taken[0] + self.PERIOD - now <= 0:
            self._taken.popleft()
        if len(self._taken) < self._limit:
            self._taken.append(now)
            return 0.0
        return self._taken[0] + self.PERIOD - now


# A web application firewall (403), a ban (418) and a limit (429) pass; so does a request that took too long (408).
_PASSING = frozenset({403, 408, 418, 425, 429})


def is_permanent(error: BinanceSocketError) -> bool:
    """Return whether connecting again cannot help: the peer is not who it should be, or there is nothing there."""
    if isinstance(error, HandshakeError):
        return error.status < 500 and error.status not in _PASSING
    return isinstance(error, TlsError)
