"""The network, scripted by a test."""

from __future__ import annotations

import enum
import queue
import select
import threading
from typing import Any

import orjson

from .._engine.waker import Waker
from .._session.closing import ABNORMAL, LinkClosed
from ..errors import ConnectionLost

__all__ = ["FakeNetwork", "FakeTransport"]

_PATIENCE = 5.0


class _Control(enum.Enum):
    """A control frame."""

    PING = enum.auto()
    PONG = enum.auto()


class FakeTransport:
    """
    One connection, of which the test is the server. Implements the library's Transport.

    The client's side is ``send, receive, ping, abort, close``; everything else is the test's.
    """

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.pings = 0
        """How many pings the client sent."""
        self.pings_heard = 0
        """How many pings the client has received."""
        self.pongs_heard = 0
        """How many pongs the client has received."""
        self.close_code: int | None = None
        """The code with which the client closed, None before it did."""
        self.aborted = False
        """Whether the client aborted."""
        self._sent: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._incoming: queue.SimpleQueue[list[bytes] | _Control | LinkClosed] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._pinged = threading.Semaphore(0)
        self._broken: str | None = None
        self._ended: LinkClosed | None = None
        self._waker: Waker | None = None

    # The client's side.

    def send(self, *messages: bytes) -> None:
        """Take messages from the client."""
        if self._broken is not None:
            raise LinkClosed(ABNORMAL, self._broken)
        for message in messages:
            self._sent.put(bytes(message))

    def receive(self) -> list[bytes]:
        """Give the client what the test pushed next, one push at a time."""
        if self._ended is None:
            item = self._incoming.get()
            if isinstance(item, list):
                return item
            if isinstance(item, _Control):
                self.pings_heard += item is _Control.PING
                self.pongs_heard += item is _Control.PONG
                return []
            self._ended = item
        raise LinkClosed(self._ended.code, self._ended.reason)

    def ping(self) -> None:
        """Count a ping."""
        self.pings += 1
        self._pinged.release()

    def end(self, code: int = 1000) -> None:
        """Take the client's close frame."""
        if self.close_code is None:
            self.close_code = code

    def abort(self) -> None:
        """End the connection, as the client's other threads do."""
        self.aborted = True
        self.drop("aborted")

    def close(self, code: int = 1000) -> None:
        """Close, as the client's reader does."""
        self.end(code)
        if not self._closed.is_set():
            self._broken = self._broken or "closed"
            self._incoming.put(LinkClosed(ABNORMAL, self._broken))
            if self._waker is not None:
                self._waker.close()
        self._closed.set()

    # The test's side.

    def sent(self, timeout: float = _PATIENCE) -> dict[str, Any]:
        """Wait for the client's next message, and return it decoded. Raises AssertionError when none comes."""
        message: dict[str, Any] = orjson.loads(self.sent_bytes(timeout))
        return message

    def sent_bytes(self, timeout: float = _PATIENCE) -> bytes:
        """Wait for the client's next message, and return it as it was sent."""
        try:
            return self._sent.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError("the client sent nothing") from None

    def nothing_sent(self) -> bool:
        """Tell whether no message waits to be looked at. Only meaningful once something later has happened."""
        return self._sent.empty()

    def push(self, *messages: object) -> None:
        """Make the client receive messages, all with one read. Bytes go as they are, anything else as JSON."""
        self._incoming.put([bytes(m) if isinstance(m, (bytes, bytearray)) else orjson.dumps(m) for m in messages])

    def push_control(self) -> None:
        """Make the client receive a sign of life without a message, as a ping or a pong would be."""
        self._incoming.put([])

    def push_ping(self) -> None:
        """Make the client receive a ping."""
        self._incoming.put(_Control.PING)

    def push_pong(self) -> None:
        """Make the client receive a pong."""
        self._incoming.put(_Control.PONG)

    def drop(self, reason: str = "reset by peer", code: int = ABNORMAL) -> None:
        """Break the connection, after what was pushed before."""
        self._broken = reason
        self._incoming.put(LinkClosed(code, reason))

    def break_sending(self, reason: str = "the send buffer is full") -> None:
        """Make every later send fail, while receiving goes on."""
        self._broken = reason

    def wait_pinged(self, timeout: float = _PATIENCE) -> None:
        """Wait for the client's next ping."""
        if not self._pinged.acquire(timeout=timeout):
            raise AssertionError("the client sent no ping")

    def wait_closed(self, timeout: float = _PATIENCE) -> None:
        """Wait until the client has closed."""
        if not self._closed.wait(timeout):
            raise AssertionError("the client did not close")

    def own(self, waker: Waker) -> None:
        """Take the attempt's waker over, as a real transport does."""
        self._waker = waker


class FakeNetwork:
    """
    A network whose server is the test. Implements the library's Network.

    Every attempt succeeds at once, unless the test has asked for something else.
    """

    def __init__(self) -> None:
        self.attempts: list[str] = []
        """The URLs of all attempts, failed ones included."""
        self._connected: queue.SimpleQueue[FakeTransport] = queue.SimpleQueue()
        self._attempted: queue.SimpleQueue[str] = queue.SimpleQueue()
        # None stands for an attempt that hangs.
        self._failures: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def connect(self, url: str, *, timeout: float, waker: Waker) -> FakeTransport:
        """Connect, as the client does."""
        self.attempts.append(url)
        self._attempted.put(url)
        try:
            failure = self._failures.get_nowait()
        except queue.Empty:
            if waker.woken:
                raise ConnectionLost("aborted") from None
            transport = FakeTransport(url)
            transport.own(waker)
            self._connected.put(transport)
            return transport
        if failure is not None:
            raise failure
        select.select([waker], [], [])
        raise ConnectionLost("aborted")

    def accept(self, timeout: float = _PATIENCE) -> FakeTransport:
        """Wait for the client's next successful connect, and return its transport."""
        try:
            return self._connected.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError("the client did not connect") from None

    def wait_attempt(self, timeout: float = _PATIENCE) -> str:
        """Wait for the client's next attempt, successful or not, and return its URL."""
        try:
            return self._attempted.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError("the client did not try to connect") from None

    def refuse(self, error: BaseException | None = None) -> None:
        """Make the next attempt fail. Several calls are for several attempts."""
        self._failures.put(error or ConnectionLost("connection refused"))

    def hang(self) -> None:
        """Make the next attempt wait until its waker is woken."""
        self._failures.put(None)
