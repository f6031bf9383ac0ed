"""Something to cancel calls and subscriptions with."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import weakref
from collections.abc import Callable

from ._engine.timer import Alarm, shared_timer
from .errors import InvalidRequest

__all__ = ["CancellationToken"]

logger = logging.getLogger(__name__)


class CancellationToken:
    """
    Something to cancel with: pass it as ``ct``, and call :meth:`cancel`.

    A cancelled token closes the subscriptions and abandons the calls that it was passed to; calls that begin later
    raise CallCancelled at once. Any thread. After a fork, the child's copy has nothing to cancel any more, and a
    :meth:`cancel_after` does not count; it can be used anew.
    """

    def __init__(self) -> None:
        _tokens.add(self)
        # Guards everything below.
        self._lock = threading.Lock()
        self._cancelled = False
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._numbers = itertools.count()
        self._alarm: Alarm | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether :meth:`cancel` was called, or the time has come."""
        return self._cancelled

    def cancel(self) -> None:
        """Cancel whatever the token was passed to. Idempotent; does not wait."""
        with self._lock:
            self._cancelled = True
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
            if self._alarm is not None:
                self._alarm.cancel()
        for callback in callbacks:
            try:
                callback()
            except Exception:  # the user's callback; the others are called all the same
                logger.exception("something to do on a cancellation raised")

    def cancel_after(self, seconds: float) -> None:
        """Call :meth:`cancel` in *seconds*. A later call replaces an earlier one."""
        if not seconds >= 0:
            raise InvalidRequest("seconds must not be negative")
        timer = shared_timer()
        with self._lock:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = timer.call_at(timer.now() + seconds, self.cancel)

    def on_cancel(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Have ``callback()`` called on cancellation, at once if that has been. Return what takes this back."""
        number = next(self._numbers)
        with self._lock:
            if not self._cancelled:
                self._callbacks[number] = callback
                return lambda: self._forget(number)
        callback()
        return lambda: None

    def _forget(self, number: int) -> None:
        with self._lock:
            self._callbacks.pop(number, None)

    def _begin_anew(self) -> None:
        """Somebody may have held the lock when the process was forked, and the parent cancels what is its own."""
        self._lock = threading.Lock()
        self._callbacks = {}
        self._alarm = None


# Those of this process, for its children.
_tokens: weakref.WeakSet[CancellationToken] = weakref.WeakSet()


def _begin_anew() -> None:
    for token in tuple(_tokens):
        token._begin_anew()  # pyright: ignore[reportPrivateUsage]  # one thing in two places


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
