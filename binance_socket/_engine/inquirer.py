"""A connection on which nothing is done but ask what became of requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from .._wire.messages import Request
from ..errors import Certainty, ClientClosed, DeliveryError
from ..models.response import Response
from .clock import Clock
from .connection import Connection
from .futures import CallFuture
from .timer import Timer

__all__ = ["Inquirer"]

LINGER: Final = 5.0
"""How long the connection is kept after the latest question, in seconds: many outcomes may be unknown at a time."""


class Inquirer:
    """
    Asks on a fresh connection: the one on which the answer went missing may be half dead.

    It is opened for the first question, and closed when there has been none for 5 seconds or one remained without an
    answer. So each question is asked on a connection that was opened after an outcome became unknown, and has never
    failed since; ten thousand questions do not need as many connections, of which the exchange allows 300 in 5 minutes.
    Any thread.
    """

    def __init__(self, connect: Callable[[], Connection], clock: Clock, timer: Timer) -> None:
        self._connect = connect
        self._clock = clock
        self._timer = timer
        # Guards everything below.
        self._lock = threading.Lock()
        self._closed = False
        self._connection: Connection | None = None
        self._used_at = 0.0
        # Closed, but their readers may still be ending.
        self._retired: list[Connection] = []

    def ask(self, request: Request[Any], timeout: float) -> CallFuture[Response[Any]]:
        """Ask, and return the future of the answer. Never waits. Raises ClientClosed."""
        with self._lock:
            if self._closed:
                raise ClientClosed("the client is closed")
            connection, is_new = self._connection, False
            if connection is None:
                connection, is_new = self._connect(), True
                self._connection = connection
                self._retired = [other for other in self._retired if not other.ended]
            self._used_at = self._clock.monotonic()
        if is_new:
            # What is certain depends on what time it is at the exchange: the answer is not waited for.
            connection.submit(Request[Any]("time"), timeout)
            self._timer.call_at(self._used_at + LINGER, lambda: self._look(connection))
        future = connection.submit(request, timeout)
        future.when_done(lambda done: self._done(connection, done.exception()), self._timer.failed)
        return future

    @property
    def connection(self) -> Connection | None:
        """The connection, while there is one."""
        return self._connection

    @property
    def in_flight(self) -> int:
        """How many questions wait for an answer."""
        connection = self._connection
        return 0 if connection is None else connection.in_flight

    def close(self) -> None:
        """End for good. Does not wait."""
        with self._lock:
            self._closed = True
            self._retire()
            retired = tuple(self._retired)
        for connection in retired:
            connection.close()

    def join(self, timeout: float) -> None:
        """After :meth:`close`: wait up to *timeout* seconds for each reader to end."""
        for connection in self._retired:
            connection.join(timeout)

    def _done(self, connection: Connection, error: BaseException | None) -> None:
        """Drop the connection if it left a question without an answer."""
        if not isinstance(error, DeliveryError) or error.certainty is Certainty.NOT_SENT:
            return
        with self._lock:
            if self._connection is connection:
                self._retire()
        connection.close()

    def _look(self, connection: Connection) -> None:
        """Close the connection if it is idle. On the timer's thread."""
        with self._lock:
            if self._connection is not connection:
                return
            idle_at = self._used_at + LINGER
            over = self._clock.monotonic() >= idle_at and not connection.in_flight
            if over:
                self._retire()
        if over:
            connection.close()
        else:
            later = max(idle_at, self._clock.monotonic() + LINGER / 2)
            self._timer.call_at(later, lambda: self._look(connection))

    def _retire(self) -> None:
        """Requires holding the lock."""
        assert self._lock.locked()
        if self._connection is not None:
            self._retired.append(self._connection)
            self._connection = None
