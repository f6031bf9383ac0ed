"""The future that a call returns, and how it is completed."""

from __future__ import annotations

import concurrent.futures
import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Final, Protocol, TypeVar

from .._session.effects import Complete, Late, Outcome, Pending
from .._wire.messages import Reply, response_to
from ..errors import BinanceSocketError, ClientClosed, OutcomeUnknown
from ..masking import hand_over
from .threads import Condition, check_process, let_go, on_engine_thread, process_token

__all__ = ["CallFuture", "Doubtful", "Repeating", "begin", "complete", "complete_with", "defect_error", "deliver_late"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_UNREACHABLE: Final = 5.0
"""How long a future's lock is waited for, in seconds. Nobody holds it for more than an instant."""


if sys.version_info < (3, 11):

    class _WaitTimeout(TimeoutError, concurrent.futures.TimeoutError):
        """Both at once, which are one from Python 3.11 on."""


class Doubtful(Protocol):
    """Whoever cares about an outcome that is unknown. Called by threads that must not block."""

    def raised(self, error: OutcomeUnknown, pending: Pending) -> None:
        """*error* is about to be raised: make it one that can be resolved."""
        ...

    def replied(self, reply: Reply) -> None:
        """The answer came after all."""
        ...


class Repeating(Protocol):
    """Whoever asks again what had no good answer. Called by threads that must not block."""

    def ended(self, effect: Complete) -> Outcome | None:
        """Return what the call ends with; None if it is asked again."""
        ...


class CallFuture(Future[T]):
    """
    A future whose done-callbacks run on the client's executor.

    The library completes futures on its own threads, where other people's code must never run: it could block the very
    thread that the next answer comes through. As with every future, ``cancel()`` succeeds only while the call has not
    begun, which is until its request is about to be written; what was cancelled is never sent.
    """

    def __init__(self, executor: Executor, withdraw: Callable[[CallFuture[T]], object] | None = None) -> None:
        super().__init__()
        self._lock = threading.RLock()
        self._condition = Condition(self._lock)
        self._executor = executor
        self._process = process_token()
        # Is told when the future was cancelled: whoever has the request need not keep a place for it any more.
        self._withdraw = withdraw
        self.doubt: Doubtful | None = None
        """Set before the request is submitted, where its outcome may be unknown."""
        self.repeating: Repeating | None = None
        """The same, where it may be asked again."""
        self.given_up = False
        """Whether whoever asked does not wait any more. Guarded by the lock of those who ask again."""
        # Guarded by the future's own condition, which is reentrant.
        self._started: bool | None = None
        self._asked = False

    def cancel(self) -> bool:
        """Cancel the call if its request has not been written yet; then it never is. Any thread."""
        if self._process != process_token():
            return False
        cancelled = super().cancel()
        if cancelled and self._withdraw is not None:
            self._withdraw(self)
        return cancelled

    def start(self) -> bool:
        """Make it too late for ``cancel()``, and return False if that came first. Idempotent; any thread."""
        try:
            # A signal handler may have raised something while concurrent.futures.wait() took the lock, which nobody
            # releases then. Then nobody can look at the future any more, and others must not wait for that.
            if not self._lock.acquire(timeout=_UNREACHABLE):
                return False
            try:
                return self._start()
            finally:
                self._lock.release()
        except BaseException:  # raised again; a signal handler may have raised it right after the lock was had
            let_go(self._lock)
            raise

    def _start(self) -> bool:
        """Requires the lock."""
        if self._started is None and self._asked and (self.running() or self.cancelled()):
            # Whoever asked was interrupted right after it.
            self._started = self.running()
        elif self._started is None:
            self._asked = True
            self._started = self.set_running_or_notify_cancel()
        return self._started

    def result(self, timeout: float | None = None) -> T:
        """Return the result. Raises ForkedClientError after a fork: it would never come."""
        check_process(self._process)
        if sys.version_info >= (3, 11):
            return super().result(timeout)
        try:
            return super().result(timeout)
        except concurrent.futures.TimeoutError:
            # As with later Pythons.
            raise _WaitTimeout from None

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the exception, or None. Raises ForkedClientError after a fork."""
        check_process(self._process)
        if sys.version_info >= (3, 11):
            return super().exception(timeout)
        try:
            return super().exception(timeout)
        except concurrent.futures.TimeoutError:
            # As with later Pythons.
            raise _WaitTimeout from None

    def set_exception(self, exception: BaseException | None) -> None:
        """Complete the future with *exception*, which does not tell what was in the variables where it comes from."""
        if exception is not None:
            hand_over(exception)
        super().set_exception(exception)

    def add_done_callback(self, fn: Callable[[Future[T]], Any]) -> None:
        """Run ``fn(future)`` on the client's executor once the future is done, at once if it is already."""
        check_process(self._process)
        super().add_done_callback(lambda future: self._hand_over(fn, future))

    def when_done(self, fn: Callable[[Future[T]], object], defect: Callable[[Exception], object] | None = None) -> None:
        """
        Run ``fn(future)`` on the thread that completes it. For the library's own, which must be short.

        *defect* is told what it raises, where something would stand still because of that; otherwise it is logged.
        """
        if defect is None:
            super().add_done_callback(fn)
            return

        def guarded(future: Future[T]) -> None:
            try:
                fn(future)
            except Exception as exc:  # noqa: BLE001  # told
                defect(exc)

        super().add_done_callback(guarded)

    def _hand_over(self, fn: Callable[[Future[T]], Any], future: Future[T]) -> None:
        try:
            self._executor.submit(_run, fn, future)
        except RuntimeError:
            # The executor is shut down. The caller's thread will do, if that is who we are.
            if on_engine_thread():
                logger.error("a done-callback was not run: the executor does not take it")
            else:
                _run(fn, future)


def begin(pending: Pending) -> bool:
    """Tell whoever asked that the request is about to be written. Return False if it was cancelled."""
    future: CallFuture[Any] | None = pending.handle
    return future is None or future.start()


def complete(effect: Complete) -> None:
    """Complete a call's future, or ask again. Each request is completed once: the session hands it out once."""
    future: CallFuture[Any] = effect.pending.handle
    try:
        outcome = effect.outcome if future.repeating is None else future.repeating.ended(effect)
        if outcome is not None:
            complete_with(effect.pending, outcome)
    except Exception as exc:
        # A defect of ours. It must not end in a caller who waits for ever.
        if future.start() and not future.done():
            future.set_exception(defect_error(exc))
        raise


def defect_error(exc: Exception) -> ClientClosed:
    """Return what everybody hears who waits for something that a defect of ours keeps from happening."""
    error = ClientClosed(f"internal error: {exc!r}")
    error.__cause__ = exc
    return error


def complete_with(pending: Pending, outcome: Outcome) -> None:
    """Complete a call's future with *outcome*."""
    future: CallFuture[Any] = pending.handle
    if not future.start() or future.done():
        # It was cancelled; or done by somebody who was interrupted right after that.
        return
    request = pending.request
    try:
        if not isinstance(outcome, Reply):
            raise outcome
        future.set_result(response_to(request, outcome))
    except BinanceSocketError as exc:
        if isinstance(exc, OutcomeUnknown) and future.doubt is not None:
            future.doubt.raised(exc, pending)
        future.set_exception(exc)


def deliver_late(effect: Late) -> None:
    """Hand an answer over that came after its call's future had ended with an unknown outcome."""
    future: CallFuture[Any] = effect.pending.handle
    if future.doubt is not None:
        future.doubt.replied(effect.reply)


def _run(fn: Callable[[Future[T]], Any], future: Future[T]) -> None:
    try:
        fn(future)
    except Exception:  # the user's callback
        logger.exception("a done-callback of %s raised", future)
