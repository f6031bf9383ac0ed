"""What several threads want to have done, one thing at a time and in order, without a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from .threads import let_go

__all__ = ["OneByOne"]

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 1_000
"""How much may wait before whoever brings more waits, too."""

_Work = tuple[Callable[[], object], Callable[[Exception], object]]


class OneByOne:
    """
    Does what it is given, each after the other. Any thread.

    Everything is put into one line, and done by whoever finds nobody else doing so: nobody waits, until :meth:`end`, or
    while very much is to be done. What is done must not block. Where it may, let nobody be *patient* meanwhile.
    """

    def __init__(self, *, patient: bool = True) -> None:
        self._patient = patient
        self._waiting: deque[_Work] = deque()
        # Reentrant: a signal handler may have something to do between any two steps of the thread that holds it.
        self._busy = threading.RLock()
        # Who does what waits. Set by whoever holds the lock, before anything is taken out of the line.
        self._worker: int | None = None
        self._last: Callable[[], object] | None = None

    def do(self, function: Callable[[], object], failed: Callable[[Exception], object]) -> None:
        """
        Do something in its turn, here or on the thread that is doing so already; there, if that is this one, later.

        *failed* is given what *function* raises.
        """
        self.put(function, failed)()

    def put(self, function: Callable[[], object], failed: Callable[[Exception], object]) -> Callable[[], None]:
        """Put something in the line, under any lock. What is returned does it in its turn, and is called under none."""
        self._waiting.append((function, failed))
        return self.work

    def end(self, last: Callable[[], object]) -> None:
        """
        Call *last*, outside of the line, whenever nothing waits: perhaps more than once. To be called in turn.

        From now on whoever gives something to do waits until it is done. So *last* may let everybody go his own way:
        what a thread gives before that is done before what it does after it.
        """
        self._last = last

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and nobody does anything."""
        # In this order: whoever has emptied the line was there before.
        return not self._waiting and self._worker is None

    def work(self) -> None:
        """Do what waits, unless another thread is doing so, or this one is in the middle of it."""
        if self._worker == threading.get_ident():
            return
        interrupt: BaseException | None = None
        try:
            while self._waiting:
                try:
                    if not self._busy.acquire(blocking=self._is_patient):
                        break
                    self._worker = threading.get_ident()
                    try:
                        interrupt = self._drain() or interrupt
                    finally:
                        self._worker = None
                        self._busy.release()
                except BaseException as exc:  # noqa: BLE001  # raised when nothing is left to do: a signal handler's
                    let_go(self._busy)
                    interrupt = exc
        finally:
            # It may have been the last that was waited for, and nobody knows when there is something to do again.
            self._look()
        if interrupt is not None:
            raise interrupt

    @property
    def _is_patient(self) -> bool:
        return self._last is not None or (self._patient and len(self._waiting) > MOST_WAITING)

    def _drain(self) -> BaseException | None:
        """Do what waits. Return what is to be raised when all is done: it is meant for this thread alone."""
        interrupt: BaseException | None = None
        while self._waiting:
            function, failed = self._waiting[0]
            try:
                # Unlike popleft(), this is no call after which a signal handler may come: then neither would be called.
                del self._waiting[0]
                function()
            except Exception as exc:  # noqa: BLE001  # told to whoever has to do with it
                _tell(failed, exc)
            except BaseException as exc:  # noqa: BLE001  # raised when the rest is done
                interrupt = exc
                _tell(failed, RuntimeError(f"interrupted by {exc!r}"))
        return interrupt

    def _look(self) -> None:
        """Call what comes last, if it is time. Whoever has done something calls this when it is done."""
        last = self._last
        if last is None:
            return
        try:
            if not self._busy.acquire(blocking=False):
                return
            idle = not self._waiting
            self._busy.release()
        except BaseException:  # raised again; a signal handler may have raised it right after the lock was had
            let_go(self._busy)
            raise
        if idle:
            last()
        else:
            self.work()


def _tell(failed: Callable[[Exception], object], exc: Exception) -> None:
    try:
        failed(exc)
    except Exception:  # another defect of ours, while one is dealt with: the rest is done all the same
        logger.exception("and %r could not be dealt with", exc)
