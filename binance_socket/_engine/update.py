"""How a session is changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from .._session.session import Session

__all__ = ["Update"]

D = TypeVar("D")


class Update(Generic[D]):
    """
    Change a session, from any thread: ``with update as session``.

    On entry, *lock* is acquired. On exit, *decide* returns what the session wants, the lock is released, and then
    *perform* does it. It has no state of its own, so that one serves every thread.
    """

    def __init__(
        self,
        lock: threading.Condition,
        session: Callable[[], Session],
        decide: Callable[[], D],
        perform: Callable[[D], object],
    ) -> None:
        self._lock = lock
        self._session = session
        self._decide = decide
        self._perform = perform

    def __enter__(self) -> Session:
        self._lock.acquire()
        return self._session()

    def __exit__(self, exc_type: object, exc: object, traceback: object) -> None:
        try:
            decided = self._decide()
        finally:
            self._lock.release()
        self._perform(decided)
