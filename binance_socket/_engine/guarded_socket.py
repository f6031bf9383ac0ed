"""
A connected socket that one thread may read while another writes and a third ends it.

Why not use the socket itself: OpenSSL forbids two threads in one SSL object at a time, and CPython does not prevent it.
``SSLSocket.shutdown()`` drops the SSL object before it ends TCP, so that a ``send()`` at that moment writes plain text.
And a descriptor that one thread closes while another waits for it may be somebody else's a moment later. Hence: one
mutex around every call on the socket, non-blocking calls only, waiting outside the mutex, and one owner who closes.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from typing import Any

from .clock import SystemClock
from .waker import Waker

__all__ = ["READ_SIZE", "Aborted", "GuardedSocket", "SendFailed", "prepare"]

READ_SIZE = 65536

_IDLE_SECONDS = 20
_USER_TIMEOUT_MS = 27_000
"""Unacknowledged data this old means a dead peer: as long as our own probe takes by default."""


class Aborted(ConnectionAbortedError):
    """Another thread has ended the connection."""


class SendFailed(OSError):
    """Not everything could be sent; the cause says why."""

    def __init__(self, message: str, partly: bool) -> None:
        super().__init__(message)
        self.partly = partly
        """Whether some of it may have left."""


def prepare(sock: socket.socket) -> None:
    """Make a TCP socket non-blocking, and set what the platform has of our wishes."""
    sock.setblocking(False)
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (
        ("TCP_NODELAY", 1),
        ("TCP_KEEPIDLE", _IDLE_SECONDS),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
    ):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    for option in options:
        # The link works without them.
        with contextlib.suppress(OSError):
            sock.setsockopt(*option)


class GuardedSocket:
    """
    A connected, non-blocking socket, plain or TLS.

    One reader and one writer at a time, in different threads if they like; ``abort()`` from anywhere; ``close()`` only
    when nobody reads or writes any more. Takes the socket and the waker over. Deadlines are in monotonic seconds.
    """

    def __init__(self, sock: socket.socket, waker: Waker) -> None:
        self._waker = waker
        self._tls = isinstance(sock, ssl.SSLSocket)
        self._clock = SystemClock()
        self._reason = "aborted"
        # Guards the SSL object: held for each call on it, never while waiting. A plain socket is the kernel's to
        # guard, and a mutex around its calls would make reader and writer wait for each other.
        self._mutex: contextlib.AbstractContextManager[Any] = (
            threading.Lock() if self._tls else contextlib.nullcontext()
        )
        self._sock = sock
        # Guards the descriptor against a shutdown that meets its successor. Not the mutex: abort() must not wait.
        # Reentrant, because a signal handler that closes the client may come between.
        self._closing = threading.RLock()
        self._closed = False
        # The reader's alone: what it waits with, whether it waits for room to write, whether there may be more to
        # read at once, and whether TLS must write before it can read.
        self._reading = selectors.DefaultSelector()
        self._reading.register(sock, selectors.EVENT_READ)
        self._reading.register(waker, selectors.EVENT_READ)
        self._watching_writes = False
        self._more = True
        self._read_wants_write = False

    # Reading: one thread.

    @property
    def more(self) -> bool:
        """Whether the last read may have left something that is there already."""
        return self._more

    def try_recv(self) -> bytes | None:
        """Return what has arrived, up to 64 KiB; b"" at the end; None when there is nothing. Raises OSError."""
        if self._waker.woken:
            raise Aborted(self._reason)
        sock = self._sock
        self._read_wants_write = False
        try:
            with self._mutex:
                data = sock.recv(READ_SIZE)
                # A TLS read gives one record at most, and the rest of it is invisible to a selector.
                self._more = sock.pending() > 0 if isinstance(sock, ssl.SSLSocket) else len(data) == READ_SIZE
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            self._more = False
            return None
        except ssl.SSLWantWriteError:
            self._more, self._read_wants_write = False, True
            return None
        except OSError as exc:
            raise self._explained(exc) from exc
        if not data and self._waker.woken:
            # Our own shutdown, not the peer's.
            raise Aborted(self._reason)
        return data

    def wait_readable(self, deadline: float | None = None, *, or_writable: bool = False) -> None:
        """
        Wait until there may be something to read, or room to write if *or_writable*, or somebody nudged us.

        Returns at once if the last read left something. Raises Aborted, or TimeoutError at the deadline.
        """
        if self._more:
            return
        or_writable = or_writable or self._read_wants_write
        if or_writable is not self._watching_writes:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if or_writable else 0)
            self._reading.modify(self._sock, events)
            self._watching_writes = or_writable
        self._wait(self._reading, deadline)

    def recv(self, deadline: float | None = None) -> bytes:
        """Wait for data, and return it; b"" at the end. Raises Aborted, TimeoutError or another OSError."""
        while (data := self.try_recv()) is None:
            self.wait_readable(deadline)
        return data

    # Writing: one thread at a time, which the caller ensures.

    def try_send(self, data: bytes | memoryview) -> int | None:
        """
        Hand over what the kernel takes of *data* now, and return how much; None when it takes nothing.

        The next call must begin with exactly what was left of this one: TLS has it encrypted already. Raises OSError.
        """
        return self._send_some(data)[0]

    def send(self, data: bytes, deadline: float) -> None:
        """
        Hand all of *data* to the kernel. Raises SendFailed, whose cause is Aborted, TimeoutError or another OSError.
        """
        view = memoryview(data)
        started = False
        try:
            while view:
                sent, events = self._send_some(view)
                if sent is None:
                    # TLS keeps what it could not send, and may have sent a part of that.
                    started = started or self._tls
                    self._wait_writable(events, deadline)
                else:
                    started = True
                    view = view[sent:]
        except OSError as exc:
            raise SendFailed(str(exc), started) from exc

    # Ending.

    def nudge(self) -> None:
        """End the reader's current wait. Never blocks; any thread."""
        self._waker.nudge()

    def abort(self, reason: str = "aborted") -> None:
        """Make every call and every wait raise, now and later. Never blocks; any thread; idempotent."""
        if not self._waker.woken:
            self._reason = reason
        self._waker.wake()
        with self._closing:
            if not self._closed:
                # The base class's: SSLSocket.shutdown() would drop its SSL object under a concurrent send().
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the descriptors. Only when nobody reads or writes any more; idempotent."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._waker.wake()
        self._reading.close()
        self._sock.close()
        self._waker.close()

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 when closed."""
        return self._sock.fileno()

    def _send_some(self, data: bytes | memoryview) -> tuple[int | None, int]:
        """Return how much was sent, and what to wait for when it was nothing."""
        if self._waker.woken:
            raise Aborted(self._reason)
        try:
            with self._mutex:
                return self._sock.send(data), 0
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
            return None, selectors.EVENT_WRITE
        except ssl.SSLWantReadError:
            return None, selectors.EVENT_READ
        except OSError as exc:
            raise self._explained(exc) from exc

    def _wait_writable(self, events: int, deadline: float) -> None:
        # Made when needed: a full send buffer is rare, and the reader's selector is in use by the reader.
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, events)
            selector.register(self._waker, selectors.EVENT_READ)
            self._wait(selector, deadline)

    def _wait(self, selector: selectors.BaseSelector, deadline: float | None) -> None:
        timeout = None if deadline is None else max(0.0, deadline - self._clock.monotonic())
        ready = selector.select(timeout)
        if self._waker.woken:
            raise Aborted(self._reason)
        if not ready and deadline is not None and self._clock.monotonic() >= deadline:
            raise TimeoutError("the peer did not answer in time")
        if any(key.fileobj is self._waker for key, _ in ready):
            # A nudge. Whoever waits looks again; a writer may take the reader's, because writers finish what is unsent.
            self._waker.drain()

    def _explained(self, exc: OSError) -> OSError:
        """Return what ended us rather than what followed from it."""
        return Aborted(self._reason) if self._waker.woken else exc
