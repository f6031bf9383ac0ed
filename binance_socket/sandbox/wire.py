"""
The sandbox's own sockets: what ``websockets`` is given instead of a plain one.

A :class:`Wire` behaves like a connected socket and can also misbehave at the level of bytes: break off at a given
one, fall silent, be reset. That is why no proxy has to stand in front of the server. TLS is done here, with one lock
around the TLS object, because the server reads and writes from two threads, which a shared ``SSLSocket`` does not
survive.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Generator
from typing import Protocol

from .._engine.waker import Waker

__all__ = ["Listener", "Wire"]

_READ_SIZE = 65536
# Not an epoll: that would cost a descriptor per wait.
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)
# SO_LINGER, on, 0 seconds: close() sends RST instead of FIN.
_RESET = struct.pack("ii", 1, 0)


class Attached(Protocol):
    """What websockets built on a wire."""

    serving: bool
    """Whether the upgrade is over. Before, there is a lock that its thread may have for long, and nobody else waits."""

    def close_socket(self) -> None:
        """Notice that the wire is closed."""
        ...


class Wire:
    """
    One accepted connection. Implements the part of ``socket.socket`` that ``websockets`` uses.

    One thread may receive while others send. ``abort()`` may be called by any thread and never blocks; whoever is in
    ``recv`` or ``sendall`` then gets an OSError. The descriptor is closed when the last of them has left.
    """

    def __init__(self, raw: socket.socket, tls: ssl.SSLContext | None, on_closed: Callable[[Wire], object]) -> None:
        raw.setblocking(False)
        self._raw = raw
        self._on_closed = on_closed
        self._waker = Waker()
        self._timeout: float | None = None
        self.threads: list[threading.Thread] = []
        """The threads that serve this connection, for whoever closes the server."""
        self.attached: Attached | None = None
        self.on_abort: Callable[[], object] = lambda: None
        """Called once it is closed, or about to be; not while anything of its own is locked."""
        # Guards the five below.
        self._lock = threading.Lock()
        self._users = 0
        self._closed = False
        self._reset = False
        self._frozen = False
        self._deaf = False
        self.single_bytes = False
        """Whether every byte is sent by itself."""
        self._limit: tuple[int, Callable[[], object]] | None = None
        # Held by whoever writes, so that messages do not mix. Taken before the TLS lock.
        self._send_lock = threading.Lock()
        self._tls = _TlsSide(tls) if tls is not None else None

    # What websockets calls.

    @property
    def family(self) -> int:
        """The address family."""
        return self._raw.family

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set a socket option."""
        self._raw.setsockopt(level, option, value)

    def settimeout(self, timeout: float | None) -> None:
        """Set how long one ``recv`` or ``sendall`` may take, in seconds."""
        self._timeout = timeout

    def fileno(self) -> int:
        """Return the descriptor, -1 once closed."""
        return self._raw.fileno()

    def getsockname(self) -> object:
        """Return our end's address."""
        return self._raw.getsockname()

    def getpeername(self) -> object:
        """Return the peer's address."""
        return self._raw.getpeername()

    def recv(self, size: int) -> bytes:
        """
        Return what came, b"" at the end. Blocks. May return more than *size*: one read, decrypted, as a whole.

        Raises OSError when aborted, on a timeout, or when TLS fails.
        """
        with self._in_use():
            while True:
                data = self._read()
                if self._frozen:
                    # Whatever arrived after the freeze was never seen: wait here until somebody aborts us.
                    self._wait(0, None)
                    raise ConnectionAbortedError("the connection was cut")
                if self._tls is None or not data:
                    return data
                try:
                    plain = self._tls.decrypt(data)
                finally:
                    self._flush_tls(self._tls)
                if plain is None:
                    return b""
                if plain:
                    return plain

    def sendall(self, data: bytes) -> None:
        """Send *data*. Blocks. Raises OSError when aborted or cut, or on a timeout."""
        with self._in_use(), self._send_lock:
            self._write(data if self._tls is None else self._tls.encrypt(data))

    def shutdown(self, how: int) -> None:
        """Say that nothing more is sent; for more than that, wake up whoever reads."""
        with self._in_use():
            if self._tls is not None and self._send_lock.acquire(blocking=False):
                # Best effort: a peer that does not read must not keep us from closing.
                with contextlib.suppress(OSError):
                    if not self._frozen:
                        self._raw.send(self._tls.farewell())
                self._send_lock.release()
            if how != socket.SHUT_WR:
                self._waker.wake()
            self._raw.shutdown(how)

    def close(self) -> None:
        """Close. Idempotent; any thread."""
        self.abort()

    # What the faults call.

    @property
    def closed(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closed

    def abort(self, *, reset: bool = False) -> None:
        """Close at once, with RST instead of FIN if *reset*. Never blocks; any thread; idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed, self._reset = True, reset
            last = self._users == 0
        if not last:
            if not reset:
                # The peer learns of it now, not when our threads have left.
                with contextlib.suppress(OSError):
                    self._raw.shutdown(socket.SHUT_RDWR)
            self._waker.wake()
        else:
            self._release()
        self.on_abort()

    def kill(self, *, reset: bool = False) -> None:
        """Abort, and tell what was built on this wire, which may be waiting for the descriptor. Any thread."""
        self.abort(reset=reset)
        if self.attached is not None and self.attached.serving:
            self.attached.close_socket()

    @property
    def frozen(self) -> bool:
        """Whether it neither sends nor reads any more."""
        return self._frozen

    def freeze(self) -> None:
        """Neither send nor read from now on, without closing: a half-open connection."""
        self._frozen = True

    def stop_reading(self) -> None:
        """Read nothing from now on, and go on sending."""
        self._deaf = True
        self._waker.nudge()

    def read_on(self) -> None:
        """Read again."""
        self._deaf = False
        self._waker.nudge()

    def cut_after(self, count: int, *, reset: bool, on_cut: Callable[[], object]) -> None:
        """Let *count* more bytes out (of the wire: encrypted, where it is), then abort, then call *on_cut*."""

        def cut() -> None:
            self.abort(reset=reset)
            on_cut()

        self._stop_after(count, cut)

    def freeze_after(self, count: int, *, on_freeze: Callable[[], object]) -> None:
        """Let *count* more bytes out, then freeze, then call *on_freeze*."""

        def freeze() -> None:
            self.freeze()
            on_freeze()

        self._stop_after(count, freeze)

    def _stop_after(self, count: int, stop: Callable[[], object]) -> None:
        with self._lock:
            self._limit = (count, stop)
        if count <= 0:
            self._reached()

    # Within.

    @contextlib.contextmanager
    def _in_use(self) -> Generator[None]:
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError("the connection is closed")
            self._users += 1
        try:
            yield
        finally:
            if self._left():
                self._release()

    def _left(self) -> bool:
        """Note that somebody has left; True when it was the last one, and it is time to release the descriptors."""
        with self._lock:
            self._users -= 1
            return self._closed and self._users == 0

    def _release(self) -> None:
        if self._reset:
            with contextlib.suppress(OSError):
                self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._raw.close()
        self._waker.close()
        self._on_closed(self)

    def _read(self) -> bytes:
        while True:
            self._wait_while_deaf()
            try:
                data = self._raw.recv(_READ_SIZE)
            except BlockingIOError:
                self._wait(selectors.EVENT_READ, self._timeout)
                self._waker.drain()
            else:
                # It may have come since we were told to read nothing.
                self._wait_while_deaf()
                return data

    def _wait_while_deaf(self) -> None:
        while self._deaf:
            self._wait(0, None)
            self._waker.drain()

    def _write(self, data: bytes) -> None:
        if self._frozen:
            return
        with self._lock:
            limit = self._limit
            if limit is not None:
                self._limit = (limit[0] - len(data), limit[1])
        if limit is not None and len(data) >= limit[0]:
            self._send(memoryview(data)[: limit[0]])
            self._reached()
            if self._closed:
                raise ConnectionAbortedError("the connection was cut")
            return
        self._send(memoryview(data))

    def _send(self, view: memoryview) -> None:
        while view:
            try:
                view = view[self._raw.send(view[:1] if self.single_bytes else view) :]
            except BlockingIOError:
                self._wait(selectors.EVENT_WRITE, self._timeout)

    def _reached(self) -> None:
        """Stop, now that as many bytes are out as should be."""
        with self._lock:
            limit, self._limit = self._limit, None
        if limit is not None:
            limit[1]()

    def _flush_tls(self, tls: _TlsSide) -> None:
        if tls.pending:
            with self._send_lock:
                self._write(tls.take())

    def _wait(self, events: int, timeout: float | None) -> None:
        with _Selector() as selector:
            selector.register(self._waker, selectors.EVENT_READ)
            if events:
                selector.register(self._raw, events)
            if not selector.select(timeout):
                raise TimeoutError("timed out")
        if self._waker.woken:
            raise ConnectionAbortedError("the connection was aborted")


class _TlsSide:
    """The server's side of TLS, on memory: what came goes in, what is to be sent comes out."""

    def __init__(self, context: ssl.SSLContext) -> None:
        # Guards everything below: OpenSSL does not allow two threads in one connection.
        self._lock = threading.Lock()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shaken = False

    @property
    def pending(self) -> int:
        """How many bytes wait to be sent."""
        return self._outgoing.pending

    def take(self) -> bytes:
        """Return what waits to be sent. Only while holding the wire's send lock, which keeps the order."""
        with self._lock:
            return self._outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        """Return *data* encrypted. Only while holding the wire's send lock."""
        with self._lock:
            self._object.write(data)
            return self._outgoing.read()

    def farewell(self) -> bytes:
        """Return the message that ends our side of the conversation."""
        with self._lock:
            with contextlib.suppress(ssl.SSLError):
                self._object.unwrap()
            return self._outgoing.read()

    def decrypt(self, data: bytes) -> bytes | None:
        """Return the plain text of what came (b"" if that takes more), or None at the end. Raises ssl.SSLError."""
        plain = bytearray()
        with self._lock:
            self._incoming.write(data)
            try:
                if not self._shaken:
                    self._object.do_handshake()
                    self._shaken = True
                while chunk := self._object.read(_READ_SIZE):
                    plain += chunk
            except ssl.SSLWantReadError:
                return bytes(plain)
            except ssl.SSLZeroReturnError:
                pass
        return bytes(plain) or None


class Listener:
    """
    A listening socket on loopback whose ``accept`` gives wires. Implements what ``websockets`` uses of a socket.

    *refuse* is asked at each connect; those it refuses are reset at once and never seen by the server. *on_accept* gets
    every other one before the server does.
    """

    def __init__(
        self,
        port: int,
        tls: ssl.SSLContext | None,
        *,
        refuse: Callable[[], bool],
        on_accept: Callable[[Wire], object],
        on_closed: Callable[[Wire], object],
    ) -> None:
        self._raw = socket.create_server(("127.0.0.1", port), backlog=512)
        self._raw.setblocking(False)
        self.port: int = self._raw.getsockname()[1]
        self._tls = tls
        self._refuse, self._on_accept, self._on_closed = refuse, on_accept, on_closed
        self._waker = Waker()
        # Guards the descriptors against being closed while accept() waits for them.
        self._accepting = threading.Lock()

    @property
    def family(self) -> int:
        """The address family."""
        return self._raw.family

    def getsockname(self) -> object:
        """Return the address."""
        return self._raw.getsockname()

    def fileno(self) -> int:
        """Return the descriptor, -1 once closed."""
        return self._raw.fileno()

    def accept(self) -> tuple[Wire, object]:
        """Return the next connection. Blocks. Raises OSError when the listener was closed."""
        with self._accepting:
            while not self._waker.woken:
                try:
                    raw, address = self._raw.accept()
                except BlockingIOError:
                    self._wait()
                    continue
                if self._refuse():
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    raw.close()
                    continue
                wire = Wire(raw, self._tls, self._on_closed)
                self._on_accept(wire)
                return wire, address
            raise ConnectionAbortedError("the listener is closed")

    def close(self) -> None:
        """Stop listening. Idempotent; any thread."""
        self._waker.wake()
        with self._accepting:
            self._raw.close()
            self._waker.close()

    def _wait(self) -> None:
        with _Selector() as selector:
            selector.register(self._waker, selectors.EVENT_READ)
            selector.register(self._raw, selectors.EVENT_READ)
            selector.select()
