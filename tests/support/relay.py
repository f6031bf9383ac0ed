"""Something in between a client and a server: it passes on what comes, and remembers what the client has sent."""

from __future__ import annotations

import contextlib
import socket
import threading

__all__ = ["Relay"]

_PATIENCE = 10.0
_PIECE = 65536


class Relay:
    """
    Passes connections on to a port on loopback; as an HTTP proxy, if it *is_proxy*.

    ``sent`` is what clients have sent to the server on each connection, in its raw bytes; ``heads`` is what they have
    asked of the proxy.
    """

    def __init__(self, port: int | None = None, *, is_proxy: bool = False) -> None:
        self._target = port
        self._is_proxy = is_proxy
        self.sent: list[bytearray] = []
        self.heads: list[bytes] = []
        # Guards everything below.
        self._lock = threading.Lock()
        self._closed = False
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def close(self) -> None:
        """Break everything off, and wait for the threads."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            # Nothing is kept from here on.
            self._closed = True
            sockets, threads = list(self._sockets), list(self._threads)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive(), "a relay hangs"
        for sock in sockets:
            sock.close()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _start(self, target, *args) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError("the relay is closed")
            self._threads.append(thread)
            thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                self._keep(client)
                self._start(self._serve, client)
            except OSError:
                return

    def _keep(self, sock: socket.socket) -> None:
        """Have *sock* closed in the end. Raises OSError, and closes it, if that is now."""
        with self._lock:
            closed = self._closed
            if not closed:
                self._sockets.append(sock)
        if closed:
            sock.close()
            raise ConnectionAbortedError("the relay is closed")

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            port = self._asked(client) if self._is_proxy else self._target
            if port is None:
                client.close()
                return
            server = socket.create_connection(("127.0.0.1", port))
            self._keep(server)
            if self._is_proxy:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            record = bytearray()
            self.sent.append(record)
            self._start(self._pass_on, server, client, None)
            self._pass_on(client, server, record)

    def _asked(self, client: socket.socket) -> int | None:
        """Read the head of a CONNECT, and return the port that it asks for."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = client.recv(1)
            if not piece:
                return None
            head += piece
        self.heads.append(head)
        return int(head.split()[1].rpartition(b":")[2])

    def _pass_on(self, source: socket.socket, target: socket.socket, record: bytearray | None) -> None:
        try:
            while data := source.recv(_PIECE):
                if record is not None:
                    record += data
                target.sendall(data)
        except OSError:
            pass
        finally:
            # The other end learns how it ended: nothing more comes.
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)
