"""Listen keys: one per account, each for 60 minutes at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from .._engine.clock import Clock
from .._engine.timer import Alarm, Timer
from .errors import ExchangeError
from .security import random_text

__all__ = ["ListenKeys"]

LIFETIME: Final = 3600.0
_LENGTH: Final = 60


class ListenKeys:
    """
    Which account each listen key stands for. Thread-safe.

    *on_ended* is called without a lock held once a key is no more: with its account, the key, and whether it expired.
    """

    def __init__(self, clock: Clock, timer: Timer, on_ended: Callable[[int, str, bool], object]) -> None:
        self._clock, self._timer, self._on_ended = clock, timer, on_ended
        # Guards the two below.
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[int, Alarm]] = {}
        self._active: dict[int, str] = {}

    def start(self, uid: int) -> str:
        """Return the account's key, a new one if it has none, good for 60 minutes from now."""
        with self._lock:
            key = self._active.get(uid) or random_text(_LENGTH)
            self._active[uid] = key
            self._arm(uid, key)
            return key

    def extend(self, uid: int, key: str) -> None:
        """Make a key good for 60 minutes from now. Raises ExchangeError -1125 for a key that the account has not."""
        with self._lock:
            self._check(uid, key)
            self._arm(uid, key)

    def stop(self, uid: int, key: str) -> None:
        """End a key. Raises ExchangeError -1125 for a key that the account has not."""
        with self._lock:
            self._check(uid, key)
            self._forget(key)
        self._on_ended(uid, key, False)

    def expire(self, key: str) -> None:
        """Let a key expire now. Raises ExchangeError -1125 for an unknown one."""
        with self._lock:
            if key not in self._keys:
                raise _unknown()
            uid = self._forget(key)
        self._on_ended(uid, key, True)

    def owner(self, key: str) -> int | None:
        """Return the account of a key that is alive, or None."""
        with self._lock:
            entry = self._keys.get(key)
            return entry[0] if entry else None

    def _check(self, uid: int, key: str) -> None:
        if key not in self._keys or self._keys[key][0] != uid:
            raise _unknown()

    def _arm(self, uid: int, key: str) -> None:
        if key in self._keys:
            self._keys[key][1].cancel()
        alarm = self._timer.call_at(self._clock.monotonic() + LIFETIME, lambda: self._due(key))
        self._keys[key] = (uid, alarm)

    def _due(self, key: str) -> None:
        with self._lock:
            if key not in self._keys:
                return
            uid = self._forget(key)
        self._on_ended(uid, key, True)

    def _forget(self, key: str) -> int:
        uid, alarm = self._keys.pop(key)
        alarm.cancel()
        del self._active[uid]
        return uid


def _unknown() -> ExchangeError:
    return ExchangeError(-1125, "This listenKey does not exist.")
