"""How a client ends, whoever asks for it, and wherever."""

from __future__ import annotations

import _thread
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence

from .clock import SystemClock
from .threads import NAME_PREFIX

__all__ = ["Ending", "Finish"]


class Ending:
    """
    Does what ends a client: once, and on a thread of its own. Others wait for it, for a limited time.

    Not on the thread that asks, because that may be anywhere. A signal handler, or a finalizer that the garbage
    collector calls, interrupts its thread in the middle of what it was doing, perhaps with one of our locks held: to
    take that lock again would be to wait for ever. Ctrl-C may come in the middle of the end, too, and would leave half
    of it undone.

    First *stop* is called, then *finish*: what may wait for callbacks is in the second, so that a callback which closes
    its client can wait for the first.
    """

    def __init__(self, stop: Callable[[], object], finish: Callable[[], object]) -> None:
        self._stop = stop
        self._finish = finish
        self._stopped = _Moment()
        self._over = _Moment()
        # Whoever pops it does the work.
        self._work: deque[None] = deque([None])
        self._thread: threading.Thread | None = None
        # Who does the work, or did.
        self._worker: int | None = None

    def begin(self) -> None:
        """Begin, unless somebody has. Does not wait; any thread, finalizers and signal handlers included."""
        if not self._work:
            return
        try:
            # Thread.start() takes a lock of the threading module, which whoever was interrupted may hold.
            _thread.start_new_thread(self._launch, ())
        except RuntimeError:
            # There is no thread to be had: too many of them, or the interpreter is about to exit.
            if self._is_ours():
                self._run()

    def wait(self, timeout: float, *, for_callbacks: bool) -> None:
        """
        Wait until it has stopped, or until everything is over. Any thread; see above.

        On the thread that does the work, return at once: an executor of the user's may run callbacks there, and in
        these the client may be closed.
        """
        if self._worker == threading.get_ident():
            return
        if not for_callbacks:
            self._stopped.wait(timeout)
            return
        deadline = SystemClock().monotonic() + timeout
        self._over.wait(timeout)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread() and thread.is_alive():
            thread.join(max(0.0, deadline - SystemClock().monotonic()))

    @staticmethod
    def together(endings: Sequence[Ending], timeout: float) -> None:
        """
        Do what is left of all *endings* on this thread, and wait up to *timeout* seconds for what others do of them.

        For the interpreter's exit, where no thread can be started any more from Python 3.12 on. All are stopped first,
        so that all callbacks have the same time: each client's own would add up.
        """
        deadline = SystemClock().monotonic() + timeout
        ours = [ending for ending in endings if ending._is_ours()]
        with contextlib.ExitStack() as work:
            # The last comes first.
            for ending in ours:
                work.callback(ending._conclude)
            for ending in ours:
                work.callback(ending._halt)
        for ending in endings:
            ending.wait(max(0.0, deadline - SystemClock().monotonic()), for_callbacks=True)

    def _launch(self) -> None:
        if not self._is_ours():
            return
        # A daemon: it must not keep the interpreter from ending.
        thread = self._thread = threading.Thread(target=self._run, name=f"{NAME_PREFIX}closer", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._run()

    def _is_ours(self) -> bool:
        """Return whether the work is left to whoever calls this."""
        try:
            self._work.pop()
        except IndexError:
            return False
        return True

    def _run(self) -> None:
        try:
            self._halt()
        finally:
            self._conclude()

    def _halt(self) -> None:
        self._worker = threading.get_ident()
        try:
            self._stop()
        finally:
            self._stopped.happen()

    def _conclude(self) -> None:
        try:
            self._finish()
        finally:
            self._over.happen()


class Finish:
    """When something is over, for those who wait: that may have to be for a limited time from some moment on."""

    def __init__(self) -> None:
        self._over = threading.Event()
        # Set when it is over, and when the time is limited.
        self._look = threading.Event()
        self._waited_for_until = float("inf")

    @property
    def is_over(self) -> bool:
        """Whether it is over."""
        return self._over.is_set()

    def set(self) -> None:
        """It is over. Any thread; idempotent."""
        self._over.set()
        self._look.set()

    def limit(self, seconds: float) -> None:
        """Let nobody wait for longer than *seconds* from now on. Any thread."""
        self._waited_for_until = SystemClock().monotonic() + seconds
        self._look.set()

    def wait(self, timeout: float | None) -> bool:
        """Wait until it is over, *timeout* seconds at most, or as long as that is limited to. Return whether it is."""
        clock = SystemClock()
        deadline = float("inf") if timeout is None else clock.monotonic() + timeout
        self._look.wait(timeout)
        if self._over.is_set():
            return True
        return self._over.wait(max(0.0, min(deadline, self._waited_for_until) - clock.monotonic()))


class _Moment:
    """
    A moment that may be waited for anywhere.

    An Event would not do: it has a lock, and a signal handler that waits for the same event as the code that it has
    interrupted would wait for that lock.
    """

    def __init__(self) -> None:
        self._has_come = False
        # One for each who waits: released when the moment has come.
        self._waiting: deque[threading.Lock] = deque()

    def happen(self) -> None:
        self._has_come = True
        # Whoever comes after this finds that it has come; everybody else is in the line.
        while self._waiting:
            self._waiting.popleft().release()

    def wait(self, timeout: float) -> None:
        ticket = threading.Lock()
        ticket.acquire()
        self._waiting.append(ticket)
        if not self._has_come:
            ticket.acquire(timeout=timeout)
