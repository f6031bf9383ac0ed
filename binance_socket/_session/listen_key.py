"""
The life of a listen key.

::

                 ping is due          answered
    ALIVE ------------------> PINGING ---------> ALIVE
      ^                          | refused as unknown (-1125)
      |          started         v                    expired (at any time)
    STARTING <--------------- GONE <-----------------------------

The exchange forgets a key 60 minutes after its last ping.
"""

from __future__ import annotations

import enum
import logging

from ..errors import ApiError, BinanceSocketError
from .backoff import Backoff

__all__ = ["ListenKey", "Step"]

logger = logging.getLogger(__name__)

UNKNOWN_KEY = -1125
VALID_FOR = 3600.0
RETRY_AFTER = 30.0


class Step(enum.Enum):
    """What must be asked of the exchange."""

    PING = enum.auto()
    START = enum.auto()


class ListenKey:
    """One listen key: when it must be kept alive, and whether it must be replaced. Times are monotonic seconds."""

    def __init__(self, key: str, *, interval: float, backoff: Backoff, now: float) -> None:
        self.key = key
        self._interval = min(interval, VALID_FOR)
        self._backoff = backoff
        self._gone = False
        # When the exchange has counted the 60 minutes anew last: at the latest, as it had answered by then, and at the
        # earliest, as it was asked then. In between somebody else may have ended the key.
        self._counted_at = self._alive_at = self._asked_at = now
        self._next_at: float | None = now + self._interval

    @property
    def alive_at(self) -> float:
        """When the key is known to have been alive last."""
        return self._alive_at

    @property
    def next_at(self) -> float | None:
        """When the next step is due; None while one is under way."""
        return self._next_at

    def due(self, now: float) -> Step | None:
        """Return the step that is due, if one is. It is under way then, until one of the outcomes below."""
        if self._next_at is None or now < self._next_at:
            return None
        self._next_at, self._asked_at = None, now
        return Step.START if self._gone else Step.PING

    def pinged(self, key: str, now: float) -> None:
        """The exchange has counted the 60 minutes of *key* anew."""
        if not self._gone and key == self.key:
            self._counted_at, self._alive_at = now, self._asked_at
            self._backoff.reset()
            self._next_at = now + self._interval

    def started(self, key: str, now: float) -> str | None:
        """The exchange has given a key. Return the one that it replaces, or None: it is the same."""
        self._gone = False
        self._backoff.reset()
        self._counted_at, self._alive_at, self._next_at = now, self._asked_at, now + self._interval
        before, self.key = self.key, key
        return before if before != key else None

    def ping_failed(self, key: str, error: BinanceSocketError, now: float) -> None:
        """*key* could not be kept alive."""
        if self._gone or key != self.key:
            # It has been found out already, and the next step may be under way.
            return
        unknown = isinstance(error, ApiError) and error.code == UNKNOWN_KEY
        # When nobody has answered for an hour, the key is not alive any more, whatever the exchange would say.
        if unknown or now >= self._counted_at + VALID_FOR:
            self.expired(now)
            return
        self._next_at = now + min(RETRY_AFTER, self._interval)
        logger.warning("keeping a listen key alive failed, to be tried again: %s", error)

    def start_failed(self, error: BinanceSocketError, now: float) -> None:
        """The exchange has given no key."""
        self._next_at = now + self._backoff.next()
        logger.warning("replacing a listen key failed, to be tried again: %s", error)

    def expired(self, now: float) -> None:
        """The key is gone: a new one is needed, at once."""
        if not self._gone:
            self._gone = True
            self._next_at = now
