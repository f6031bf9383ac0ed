"""How one thread ends a REST call of another."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from typing_extensions import Self

from ..errors import ProxyError
from .dial import Attempt, Proxy, connect, tunnel
from .waker import Waker

__all__ = ["Line"]


class Line:
    """
    What one REST call talks through, and how it is ended wherever it waits: for a name, for the peer, for an answer.

    Used by the thread that makes the call, but for :meth:`end`. A context manager that releases its descriptors.
    """

    def __init__(self) -> None:
        self._waker = Waker()
        # Guards everything below.
        self._lock = threading.Lock()
        # A descriptor of our own for the same connection. The other one belongs to whoever makes the call: it may be
        # closed at any moment, and is hidden in a TLS socket.
        self._end: socket.socket | None = None
        self._closed = False

    def connect(self, host: str, port: int, timeout: float, proxy: Proxy | None = None) -> socket.socket:
        """
        Return a socket that is connected to *host*, by *proxy* if there is one.

        The connecting takes *timeout* seconds at most, and so does each wait of the socket's. Raises TimeoutError,
        ProxyError or another OSError.
        """
        attempt = Attempt(timeout, self._waker)
        try:
            sock = connect(host, port, attempt) if proxy is None else tunnel(proxy, host, port, attempt)
        except ProxyError:
            raise
        except OSError as exc:
            if attempt.is_late and not self._waker.woken:
                raise TimeoutError(str(exc)) from exc
            raise
        with contextlib.ExitStack() as undo:
            undo.callback(sock.close)
            sock.settimeout(timeout)
            with self._lock:
                self._end = sock.dup()
            if self._waker.woken:
                raise ConnectionAbortedError("the call was given up")
            undo.pop_all()
        return sock

    def end(self) -> None:
        """Have the call fail wherever it waits. Never blocks; any thread; idempotent."""
        with self._lock:
            if self._closed:
                return
            self._waker.wake()
            if self._end is not None:
                # Not through TLS, which would write.
                with contextlib.suppress(OSError):
                    self._end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the descriptors, after the call. Idempotent."""
        with self._lock:
            self._closed = True
            self._waker.close()
            if self._end is not None:
                self._end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
