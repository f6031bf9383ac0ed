"""The listen-key calls at venues that take them over REST."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from typing import Any, ClassVar, TypeVar

from .._wire.messages import Reply, Request, response_to
from .._wire.values import as_object, is_object
from ..credentials import Credentials
from ..errors import (
    BinanceSocketError,
    CallCancelled,
    Certainty,
    ClientClosed,
    ConnectionLost,
    DecodeError,
    RateLimited,
    RequestTimeout,
    TooManyPending,
)
from ..models.response import Response
from ..options import ClientOptions, Environment, RateLimitPolicy
from .futures import CallFuture
from .gate import Gate
from .headers import count_of, seconds_of
from .http import HttpAnswer, request_json
from .line import Line
from .timer import Timer
from .workers import Workers

__all__ = ["ListenKeyRest"]

logger = logging.getLogger(__name__)

R = TypeVar("R")

_THREADS = 4
# What an answer says of the limit of request weights.
_USED_WEIGHT = "X-MBX-USED-WEIGHT-1M"


class ListenKeyRest:
    """
    Asks for listen keys with ``POST, PUT, DELETE /api/v3/userDataStream`` and the API key in a header.

    Each call is made on a thread of its own kind. A future that is cancelled, or whose time is up, or whose client is
    closed, ends at once, and so does its call: the answer that may still come is not waited for.
    """

    METHODS: ClassVar[Mapping[str, str]] = {
        "userDataStream.start": "POST",
        "userDataStream.ping": "PUT",
        "userDataStream.stop": "DELETE",
    }

    def __init__(
        self, environment: Environment, options: ClientOptions, gate: Gate, *, executor: Executor, timer: Timer
    ) -> None:
        self._environment = environment
        self._proxy = options.proxy
        self._gate = gate
        self._waits = options.rate_limits is RateLimitPolicy.WAIT
        self._most = options.max_pending
        self._executor = executor
        self._timer = timer
        self._workers = Workers(_THREADS, "rest")
        # Guards everything below.
        self._lock = threading.Lock()
        # Whoever takes a future out of here completes it.
        self._waiting: set[Future[Any]] = set()
        # What the calls under way talk through.
        self._lines: dict[Future[Any], Line] = {}
        self._closed = False

    def submit(self, request: Request[R], credentials: Credentials, timeout: float) -> CallFuture[Response[R]]:
        """
        Ask *request*, within *timeout* seconds. Any thread; does not wait.

        Where the exchange has refused more, it is asked when that is over, if the options say so and it is in time.
        Raises ClientClosed, TooManyPending.
        """
        future: CallFuture[Response[R]] = CallFuture(self._executor, self._forget)
        with self._lock:
            if self._closed:
                raise ClientClosed("the client is closed")
            if len(self._waiting) >= self._most:
                raise TooManyPending(
                    f"{request.method}: {self._most} calls wait for their answers already", Certainty.NOT_SENT
                )
            self._waiting.add(future)
        deadline = self._timer.now() + timeout
        try:
            alarm = self._timer.call_at(deadline, lambda: self._too_late(request, future))
            future.when_done(lambda _: alarm.cancel())
        except RuntimeError as exc:
            self._end(future, ConnectionLost(f"no thread to ask with: {exc}"))
        else:
            self._start(request, credentials, deadline, future)
        return future

    def _start(
        self, request: Request[R], credentials: Credentials, deadline: float, future: CallFuture[Response[R]]
    ) -> None:
        """Have the call made, now or as soon as the exchange takes any."""
        if future.done():
            return
        refusal = self._gate.refusal(request, self._timer.now())
        if refusal is not None:
            self._hold_back(request, credentials, deadline, future, refusal)
            return
        try:
            self._workers.submit(self._answer, request, credentials, deadline, future)
        except RuntimeError as exc:
            self._end(future, ConnectionLost(f"no thread to ask with: {exc}"))

    def _hold_back(
        self,
        request: Request[R],
        credentials: Credentials,
        deadline: float,
        future: CallFuture[Response[R]],
        refusal: RateLimited,
    ) -> None:
        """Have the call made as soon as the exchange takes any, if that is in time; or end it with *refusal*."""
        if not self._waits or (open_at := self._gate.closed_until) > deadline:
            self._end(future, refusal)
            return
        try:
            self._timer.call_at(open_at, lambda: self._start(request, credentials, deadline, future))
        except RuntimeError as exc:
            self._end(future, ConnectionLost(f"no thread to ask with: {exc}"))

    def cancel(self, future: Future[Any]) -> None:
        """Give up waiting: *future* ends with CallCancelled, if it is one of these and not done. Any thread."""
        error = CallCancelled("the call was cancelled")
        error.certainty = Certainty.MAYBE_SENT if future.running() else Certainty.NOT_SENT
        self._end(future, error)

    def close(self) -> None:
        """Fail what waits, and accept nothing more. Idempotent; any thread; does not wait."""
        with self._lock:
            self._closed = True
            waiting = tuple(self._waiting)
        for future in waiting:
            self._end(future, ClientClosed("the client is closed"))
        self._workers.shutdown(wait=False, cancel_futures=True)

    def join(self, timeout: float) -> None:
        """After :meth:`close`: wait up to *timeout* seconds for the threads to end."""
        self._workers.join(timeout)

    def ask(
        self, request: Request[R], credentials: Credentials, timeout: float, line: Line | None = None
    ) -> Response[R]:
        """
        Return the answer to *request*. Blocks for *timeout* seconds at most, or until *line* is ended.

        Raises ApiError and its kind, RequestTimeout, ConnectionLost, TlsError, DecodeError.
        """
        assert isinstance(request.params, Mapping)
        answer = request_json(
            self.METHODS[request.method],
            f"{self._environment.rest_url}/api/v3/userDataStream",
            params={name: str(value) for name, value in request.params.items()},
            headers={"X-MBX-APIKEY": credentials.api_key.reveal()},
            timeout=timeout,
            ca_file=self._environment.ca_file,
            proxy=self._proxy,
            line=line,
        )
        used = count_of(answer.headers.get(_USED_WEIGHT))
        if used is not None:
            self._gate.used(used, self._timer.now())
        try:
            return response_to(request, _reply(answer, self._timer.now() + self._gate.offset))
        except RateLimited as error:
            self._gate.heed(error, self._timer.now())
            raise

    def _answer(
        self, request: Request[R], credentials: Credentials, deadline: float, future: CallFuture[Response[R]]
    ) -> None:
        """Make the call, on a thread of our own."""
        outcome: Response[R] | BinanceSocketError
        now = self._timer.now()
        left = deadline - now
        if left <= 0 or future.done():
            return
        # Counted here, and not before: the exchange may have refused more while the call waited for this thread.
        refusal = self._gate.spend(request, now)
        if refusal is not None:
            self._hold_back(request, credentials, deadline, future, refusal)
            return
        if not future.start():
            return
        try:
            with Line() as line:
                with self._lock:
                    if future not in self._waiting:
                        return
                    self._lines[future] = line
                outcome = self.ask(request, credentials, left, line)
        except BinanceSocketError as error:
            outcome = error
        except OSError as exc:
            outcome = ConnectionLost(f"nothing to ask with: {exc}")
        except Exception as exc:
            # A defect of ours. It must not end in a caller who waits for ever.
            logger.exception("a REST call has failed")
            outcome = ClientClosed(f"internal error: {type(exc).__name__}")
        self._end(future, outcome)

    def _too_late(self, request: Request[Any], future: CallFuture[Any]) -> None:
        certainty = Certainty.MAYBE_SENT if future.running() else Certainty.NOT_SENT
        self._end(future, RequestTimeout(f"{request.method}: no answer in time", certainty))

    def _forget(self, future: Future[Any]) -> None:
        """It was cancelled, and is complete by that."""
        with self._lock:
            self._waiting.discard(future)

    def _end(self, future: Future[Any], outcome: Response[Any] | BinanceSocketError) -> None:
        with self._lock:
            if future not in self._waiting:
                return
            self._waiting.discard(future)
            line = self._lines.pop(future, None)
        if line is not None:
            # Where it is not its call that ends it.
            line.end()
        assert isinstance(future, CallFuture)
        if not future.start():
            return
        if isinstance(outcome, BinanceSocketError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _reply(answer: HttpAnswer, server_now: float) -> Reply:
    status, body = answer.status, answer.payload
    if 200 <= status < 300:
        if not is_object(body):
            raise DecodeError("an answer that is not an object", body)
        return Reply(None, status, body)
    # Before the exchange there are others that answer, with pages instead of objects.
    error = dict(as_object(body))
    if not isinstance(error.get("code"), int):
        error.update(code=0, msg="no reason was given")
    seconds = seconds_of(answer.headers.get("Retry-After"), lambda: server_now)
    if seconds is not None:
        error["data"] = {"retryAfter": int((server_now + seconds) * 1000)}
    return Reply(None, status, None, error)
