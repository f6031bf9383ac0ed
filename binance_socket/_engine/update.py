"""How a session is changed, whatever interrupts the thread that does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from .._session.session import Session
from .clock import Clock

__all__ = ["Update"]

D = TypeVar("D")

_ABANDONED: Final = 1.0
"""After so many seconds whoever has decided something, and has not begun to do it, will not."""


class Update(Generic[D]):
    """
    Change a session, from any thread: ``with update.after, update.lock, update.change as session``.

    Before the lock is released, *decide* notes what the session wants in what *make* gives; after that, *perform* does
    it, on this thread.

    These are three because a signal handler may raise something, such as KeyboardInterrupt, between any two steps of
    the main thread, and only a lock's own with statement is certain to release it then. What that keeps from being done
    is done by *elsewhere*, on another thread; *perform* goes on where it was. After an interrupt *look* is called there
    as well.
    """

    def __init__(
        self,
        lock: threading.Lock,
        session: Callable[[], Session],
        make: Callable[[], D],
        decide: Callable[[D], object],
        perform: Callable[[D], object],
        *,
        look: Callable[[], object],
        elsewhere: Callable[[Callable[[], object]], object],
        clock: Clock,
    ) -> None:
        self.lock = lock
        self.after = _After(self)
        self.change = _Change(self)
        self.session = session
        self._make = make
        self._decide = decide
        self._perform = perform
        self._look = look
        self._elsewhere = elsewhere
        self._clock = clock
        # What was decided and is not done. Appended to under the lock.
        self._due: list[_Due[D]] = []

    def decide(self) -> None:
        """Note what is to be done. Requires the lock."""
        decided = self._make()
        # Before anything is taken from the session, so that an interrupt leaves it here.
        self._due.append(_Due(decided, threading.get_ident(), self._clock.monotonic()))
        self._decide(decided)

    def perform(self, owner: int | None = None) -> None:
        """Do what this thread, or *owner*, has decided, or what has been abandoned."""
        owner = threading.get_ident() if owner is None else owner
        for due in tuple(self._due):
            if not due.begun and (due.owner == owner or self._clock.monotonic() >= due.at + _ABANDONED):
                self._carry_out(due)

    def _carry_out(self, due: _Due[D]) -> None:
        mine = False
        try:
            # Nobody is in the middle of deciding it, or begins at the same time.
            with self.lock:
                if not due.begun:
                    mine = due.begun = True
            if mine:
                self._perform(due.decided)
        except BaseException as exc:
            if mine and not isinstance(exc, Exception):
                self._elsewhere(lambda: self._perform(due.decided))
            raise
        finally:
            if mine:
                self._due.remove(due)

    def interrupted(self) -> None:
        """This thread has perhaps not asked the session what it wants, or not begun to do it."""
        owner = threading.get_ident()
        self._elsewhere(lambda: self.perform(owner))
        self._elsewhere(self._look)


class _Due(Generic[D]):
    """What somebody has decided."""

    __slots__ = ("at", "begun", "decided", "owner")

    def __init__(self, decided: D, owner: int, at: float) -> None:
        self.decided = decided
        self.owner = owner
        self.at = at
        self.begun = False


class _After:
    """Has done, on exit, what was decided. It has no state of its own, so that one serves every thread."""

    def __init__(self, update: Update[D]) -> None:
        self._update = update

    def __enter__(self) -> None:
        pass

    def __exit__(self, exc_type: type[BaseException] | None, exc: object, traceback: object) -> None:
        try:
            self._update.perform()
        except BaseException as error:
            if not isinstance(error, Exception):
                self._update.interrupted()
            raise
        if exc_type is not None and not issubclass(exc_type, Exception):
            self._update.interrupted()


class _Change:
    """Gives the session, and has decided, on exit, what it wants. The same."""

    def __init__(self, update: Update[D]) -> None:
        self._update = update

    def __enter__(self) -> Session:
        return self._update.session()

    def __exit__(self, exc_type: object, exc: object, traceback: object) -> None:
        self._update.decide()
