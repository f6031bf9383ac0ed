"""Which connects a process may make: the exchange counts all of an address as one."""

from __future__ import annotations

import os
import threading
import weakref

from .._session.backoff import ConnectBudget
from ..errors import ConnectionLost
from .clock import Clock, SystemClock
from .gate import Gate
from .transport import Network, Transport, Waker

__all__ = ["AbidingNetwork", "take_connect"]

_SYSTEM_CLOCK = SystemClock()
# Times of different clocks cannot be compared, so that a clock has its own budgets; all system clocks are the same.
_budgets: weakref.WeakKeyDictionary[Clock, dict[int | None, ConnectBudget]] = weakref.WeakKeyDictionary()
# Guards _budgets and what is in it.
_budgets_lock = threading.Lock()


def take_connect(gate: Gate, clock: Clock, limit: int | None, weight: int, now: float) -> float:
    """
    Take one connect of the process's and return 0, or return the seconds until one is to be had.

    *limit* is for five minutes; *weight* is what a connect counts against the limit of request weights. Any thread.
    """
    delay = gate.connect_delay(weight, now)
    if delay > 0:
        return delay
    key = _SYSTEM_CLOCK if isinstance(clock, SystemClock) else clock
    with _budgets_lock:
        delay = _budgets.setdefault(key, {}).setdefault(limit, ConnectBudget(limit)).take(now)
    if not delay:
        gate.connected(weight, now)
    return delay


class AbidingNetwork:
    """A :class:`.transport.Network` that gives an attempt up, at whichever step, when a ban comes meanwhile."""

    def __init__(self, network: Network, gate: Gate, clock: Clock) -> None:
        self._network = network
        self._gate = gate
        self._clock = clock

    def connect(self, url: str, *, timeout: float, waker: Waker) -> Transport:
        """Connect. Where the ban comes in the last moment, the link is there, and dead."""
        gate = self._gate
        gate.begin_connect(waker, self._clock.monotonic())
        try:
            return self._network.connect(url, timeout=timeout, waker=waker)
        except ConnectionLost as exc:
            if waker.woken and self._clock.monotonic() < gate.quiet_until:
                raise ConnectionLost("this address is banned") from exc
            raise
        finally:
            gate.end_connect(waker)


def _forget_budgets() -> None:
    """Somebody may have held the lock when the process was forked."""
    global _budgets_lock
    _budgets.clear()
    _budgets_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_budgets)
