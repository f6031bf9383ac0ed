"""Keeps a listen key alive while its subscription lives, and replaces it when it is gone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .._session.listen_key import ListenKey, Step
from .._wire.messages import Request
from ..errors import BinanceSocketError, DecodeError
from ..models.response import Response
from .clock import Clock
from .futures import CallFuture
from .timer import Alarm, Timer

__all__ = ["ListenKeyKeeper"]

logger = logging.getLogger(__name__)


class ListenKeyKeeper:
    """
    Drives a :class:`ListenKey`: asks what is due when it is due, on the timer's thread.

    *lost(alive_at)* is called before another key is asked for, as the present one is gone, and was alive last at that
    time; *replace(key)* when there is one; *report(error)* for each failure.
    """

    def __init__(
        self,
        listen_key: ListenKey,
        *,
        ask: Callable[[Request[Any]], CallFuture[Response[Any]]],
        ping: Callable[[str], Request[Any]],
        start: Callable[[], Request[str]],
        lost: Callable[[float], None],
        replace: Callable[[str], None],
        report: Callable[[BinanceSocketError], None],
        clock: Clock,
        timer: Timer,
    ) -> None:
        self._ask = ask
        self._ping = ping
        self._start = start
        self._lost = lost
        self._replace = replace
        self._report = report
        self._clock = clock
        self._timer = timer
        # Guards everything below.
        self._lock = threading.Lock()
        self._listen_key = listen_key
        self._alarm: Alarm | None = None
        self._closed = False

    def run(self) -> None:
        """Start to keep the key alive."""
        with self._lock:
            self._schedule()

    def expired(self) -> None:
        """The exchange says that the key is gone. Any thread; does not wait."""
        with self._lock:
            self._listen_key.expired(self._clock.monotonic())
            self._schedule()

    def close(self) -> None:
        """Let the key be. It is the user's: it is not stopped."""
        with self._lock:
            self._closed = True
            if self._alarm is not None:
                self._alarm.cancel()

    def _schedule(self) -> None:
        """Have the next step done when it is due. Requires holding the lock."""
        assert self._lock.locked()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        when = self._listen_key.next_at
        if when is not None and not self._closed:
            self._alarm = self._timer.call_at(when, self._step)

    def _step(self) -> None:
        with self._lock:
            step = None if self._closed else self._listen_key.due(self._clock.monotonic())
            key, alive_at = self._listen_key.key, self._listen_key.alive_at
        if step is None:
            return
        if step is Step.START:
            # Not where it is found out: that another key is there must not be told before this.
            self._lost(alive_at)
        request = self._ping(key) if step is Step.PING else self._start()
        try:
            future = self._ask(request)
        except BinanceSocketError as error:
            self._failed(step, key, error)
            return
        # Not handed to the client's executor, which may be a window's thread: what follows is short.
        future.when_done(lambda done: self._answered(step, key, done), self._timer.failed)

    def _answered(self, step: Step, key: str, future: Future[Response[Any]]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, BinanceSocketError):
            self._failed(step, key, error)
            return
        now, started, new = self._clock.monotonic(), False, future.result().result
        with self._lock:
            if step is Step.PING:
                self._listen_key.pinged(key, now)
            elif isinstance(new, str):
                self._listen_key.started(new, now)
                started = True
            else:
                self._listen_key.start_failed(DecodeError("no listen key in the answer", new), now)
            self._schedule()
            closed = self._closed
        if started and not closed:
            logger.info("a listen key was replaced")
            self._replace(new)

    def _failed(self, step: Step, key: str, error: BinanceSocketError) -> None:
        with self._lock:
            closed = self._closed
            if step is Step.PING:
                self._listen_key.ping_failed(key, error, self._clock.monotonic())
            else:
                self._listen_key.start_failed(error, self._clock.monotonic())
            self._schedule()
        if not closed:
            self._report(error)
