"""Threads for callbacks."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from typing_extensions import ParamSpec

from .clock import SystemClock
from .threads import NAME_PREFIX

__all__ = ["Workers"]

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class _Task:
    """A future, and the call that gives its result."""

    __slots__ = ("_call", "future")

    def __init__(self, future: Future[Any], call: Callable[[], Any]) -> None:
        self.future = future
        self._call = call

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self._call()
        except BaseException as exc:  # noqa: BLE001  # it belongs to whoever holds the future, SystemExit included
            self.future.set_exception(exc)
        else:
            self.future.set_result(result)


class Workers(Executor):
    """
    Run functions on a few daemon threads.

    Like ThreadPoolExecutor, except that its threads are daemons which nobody joins at exit: a callback that is stuck
    must not keep the interpreter from ending. Threads start when there is work and none of them is idle.
    """

    def __init__(self, max_threads: int, name: str = "callback") -> None:
        if max_threads < 1:
            raise ValueError("max_threads is at least 1")
        self._max_threads = max_threads
        self._name = name
        # None tells one thread to end.
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        # Guards everything below.
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0  # tasks that wait or run
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` on a worker thread. Raises RuntimeError after ``shutdown()``."""
        future: Future[T] = Future()
        task = _Task(future, lambda: fn(*args, **kwargs))
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new work after shutdown")
            # While there are as many threads as unfinished tasks, no task waits for a thread.
            if self._unfinished >= len(self._threads) < self._max_threads:
                self._start_thread()
            self._unfinished += 1
            self._tasks.put(task)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """
        Accept nothing more. What was accepted still runs, unless *cancel_futures*.

        With *wait*, return when all of it is done, however long that takes (a worker that calls this does not wait for
        itself). ``join()`` waits for a limited time. Idempotent; any thread.
        """
        waiting: list[_Task] = []
        with self._lock:
            self._closed = True
            if cancel_futures:
                waiting = self._take_waiting()
            # A thread needs one; what is left over, when called twice, does no harm.
            for _ in self._threads:
                self._tasks.put(None)
        for task in waiting:
            task.future.cancel()
            task.future.set_running_or_notify_cancel()
        if wait:
            self.join(None)

    def join(self, timeout: float | None) -> bool:
        """After ``shutdown()``: wait up to *timeout* seconds for the threads to end, and tell whether they all did."""
        clock = SystemClock()
        deadline = None if timeout is None else clock.monotonic() + timeout
        others = [thread for thread in self._threads if thread is not threading.current_thread()]
        for thread in others:
            thread.join(None if deadline is None else max(0.0, deadline - clock.monotonic()))
        return not any(thread.is_alive() for thread in others)

    @property
    def load(self) -> tuple[int, int]:
        """How many threads run something, and how much waits for one of them. Any thread."""
        with self._lock:
            busy = min(self._unfinished, len(self._threads))
            return busy, self._unfinished - busy

    def is_own_thread(self) -> bool:
        """Tell whether the calling thread is one of these workers."""
        return threading.current_thread() in self._threads

    def _start_thread(self) -> None:
        """Requires the lock."""
        assert self._lock.locked()
        # A daemon, see above.
        thread = threading.Thread(
            target=self._run, name=f"{NAME_PREFIX}{self._name}-{len(self._threads) + 1}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            if not self._threads:
                raise
            # The system has no more threads to give: the ones we have get to it.
            logger.warning("no further worker thread could be started; %d are running", len(self._threads))
        else:
            self._threads.append(thread)

    def _take_waiting(self) -> list[_Task]:
        """Take back what no thread has started yet. Requires the lock."""
        assert self._lock.locked()
        taken: list[_Task] = []
        while True:
            try:
                task = self._tasks.get_nowait()
            except queue.Empty:
                self._unfinished -= len(taken)
                return taken
            if task is not None:
                taken.append(task)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task.run()
            # Keep nothing of it alive while idle.
            del task
            with self._lock:
                self._unfinished -= 1
