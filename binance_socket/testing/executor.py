"""An executor without threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

from typing_extensions import ParamSpec

__all__ = ["InlineExecutor"]

P = ParamSpec("P")
T = TypeVar("T")


class InlineExecutor(Executor):
    """
    Run everything at once, on the thread that submits it.

    What is submitted from within runs as soon as the outer function has returned, so that functions which submit
    themselves again do not pile up on the stack.
    """

    def __init__(self) -> None:
        self._local = threading.local()
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn(*args, **kwargs)``, and return its finished future. Raises RuntimeError after ``shutdown()``."""
        if self._closed:
            raise RuntimeError("cannot schedule new work after shutdown")
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as exc:  # noqa: BLE001  # it belongs to whoever holds the future
                future.set_exception(exc)
            else:
                future.set_result(result)

        outer: deque[Callable[[], None]] | None = getattr(self._local, "tasks", None)
        if outer is not None:
            outer.append(run)
            return future
        tasks = self._local.tasks = deque([run])
        try:
            while tasks:
                tasks.popleft()()
        finally:
            del self._local.tasks
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept nothing more."""
        self._closed = True
