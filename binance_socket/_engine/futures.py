"""The future that a call returns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from .threads import on_engine_thread

__all__ = ["CallFuture"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class CallFuture(Future[T]):
    """
    A future whose done-callbacks run on the client's executor.

    The library completes futures on its own threads, where other people's code must never run: it could block the very
    thread that the next answer comes through.
    """

    def __init__(self, executor: Executor) -> None:
        super().__init__()
        self._executor = executor

    def add_done_callback(self, fn: Callable[[Future[T]], Any]) -> None:
        """Run ``fn(future)`` on the client's executor once the future is done, at once if it is already."""
        super().add_done_callback(lambda future: self._hand_over(fn, future))

    def when_done(self, fn: Callable[[Future[T]], object]) -> None:
        """Run ``fn(future)`` on the thread that completes it. For the library's own, which must be short."""
        super().add_done_callback(fn)

    def _hand_over(self, fn: Callable[[Future[T]], Any], future: Future[T]) -> None:
        try:
            self._executor.submit(_run, fn, future)
        except RuntimeError:
            # The executor is shut down. The caller's thread will do, if that is who we are.
            if on_engine_thread():
                logger.error("a done-callback was not run: the executor does not take it")
            else:
                _run(fn, future)


def _run(fn: Callable[[Future[T]], Any], future: Future[T]) -> None:
    try:
        fn(future)
    except Exception:
        logger.exception("a done-callback of %s raised", future)
