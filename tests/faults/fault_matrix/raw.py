"""What the sandbox is too polite for: a raw server between the client and it, for TLS, proxies and the like."""

from __future__ import annotations

import contextlib
import datetime
import functools
import re
import socket
import ssl
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import trustme

from binance_socket import Environment

from .scene import Scene

__all__ = ["Relay", "as_proxy", "in_plain", "over_tls"]

PATIENCE = 20.0

# What becomes of one connection: it is answered by this, or relayed if that returns the socket to be used.
Treatment = Callable[["Relay", socket.socket], "socket.socket | None"]


@functools.lru_cache(maxsize=1)
def certificates() -> tuple[trustme.CA, Path, tempfile.TemporaryDirectory[str]]:
    """Return an authority and the file of its certificate, for the whole run."""
    folder = tempfile.TemporaryDirectory()
    authority = trustme.CA()
    path = Path(folder.name) / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return authority, path, folder


@functools.lru_cache(maxsize=8)
def context(kind: str) -> ssl.SSLContext:
    """Return a server's settings with a certificate that is right, or of one *kind* of wrong."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = trustme.CA() if kind == "authority" else certificates()[0]
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    names = ("other.example",) if kind == "host" else ("127.0.0.1",)
    authority.issue_cert(*names, **({"not_after": past} if kind == "expiry" else {})).configure_cert(made)
    return made


class Relay:
    """
    Listens on loopback, and passes on what comes to the sandbox; but the next connections may be treated otherwise.

    ``proxy`` and ``environment`` are what the client is to be told.
    """

    def __init__(self, scene: Scene, usual: Treatment, *, tls: bool = False, proxy: bool = False) -> None:
        upstream = urlsplit(scene.sandbox.environment.ws_api_url)
        assert upstream.hostname is not None
        assert upstream.port is not None
        self._upstream = (upstream.hostname, upstream.port)
        self._usual = usual
        self._treatments: deque[tuple[str, Treatment]] = deque()
        # Guards everything below.
        self._counted = threading.Condition()
        self._happened: Counter[str] = Counter()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.proxy = f"http://canary:secret@127.0.0.1:{self.port}" if proxy else None
        here = f"{'wss' if tls else 'ws'}://127.0.0.1:{self.port}"
        self.environment: Environment = scene.sandbox.environment
        if not proxy:
            self.environment = attrs.evolve(
                scene.sandbox.environment,
                ws_api_url=here + upstream.path,
                stream_url=here,
                ca_file=certificates()[1] if tls else None,
            )
        self._run(self._accept)

    def treat(self, name: str, treatment: Treatment, times: int = 1) -> None:
        """Treat the next connections otherwise, and count each under that name."""
        self._treatments.extend([(name, treatment)] * times)

    def counts(self, name: str) -> bool:
        """Tell whether faults of that name happen here."""
        return name.startswith("raw ")

    def wait_for(self, name: str, times: int, timeout: float) -> bool:
        """Wait until a fault has happened so often."""
        with self._counted:
            return self._counted.wait_for(lambda: self._happened[name] >= times, timeout)

    def wait_closed(self) -> None:
        """Wait until the relay is closed: for treatments that do nothing."""
        self._closed.wait(PATIENCE)

    def close(self) -> None:
        """End everything."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._sockets):
            _cut(sock)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the relay hangs"

    def _run(self, function: Callable[[], object]) -> None:
        thread = threading.Thread(target=function, name="relay", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.add(sock)
            self._run(lambda sock=sock: self._serve(sock))  # type: ignore[misc]

    def _serve(self, sock: socket.socket) -> None:
        name, treatment = self._treatments.popleft() if self._treatments else ("", self._usual)
        if name:
            with self._counted:
                self._happened[name] += 1
                self._counted.notify_all()
        used: socket.socket | None = None
        with contextlib.suppress(OSError):  # the client did not like it, or is gone
            used = treatment(self, sock)
        if used is None:
            sock.close()
            return
        self._sockets.add(used)
        try:
            with socket.create_connection(self._upstream, PATIENCE) as upstream:
                upstream.settimeout(None)
                self._sockets.add(upstream)
                back = threading.Thread(target=_pump, args=(upstream, used), name="relay-back", daemon=True)
                back.start()
                _pump(used, upstream)
                back.join(PATIENCE)
        except OSError:
            pass  # the sandbox is closed
        finally:
            used.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := source.recv(65536):
            target.sendall(data)
    _cut(source)
    _cut(target)


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Not SSLSocket's own, which is not made for another thread.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


# Treatments.


def _plain(relay: Relay, sock: socket.socket) -> socket.socket:
    return sock


def tls(kind: str) -> Treatment:
    """Return the treatment of a server with such a certificate."""

    def treat(relay: Relay, sock: socket.socket) -> socket.socket:
        return context(kind).wrap_socket(sock, server_side=True)

    return treat


def without_tls(relay: Relay, sock: socket.socket) -> None:
    """Answer a TLS handshake in plain text."""
    sock.recv(1024)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def cut_in_tls(relay: Relay, sock: socket.socket) -> None:
    """Break a TLS handshake off."""
    sock.recv(1024)


def silent(relay: Relay, sock: socket.socket) -> None:
    """Accept, and say nothing."""
    relay.wait_closed()


def _tunnel(relay: Relay, sock: socket.socket) -> socket.socket:
    _read_head(sock)
    sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    return sock


def proxy_says(answer: bytes) -> Treatment:
    """Return the treatment of a proxy that answers so."""

    def treat(relay: Relay, sock: socket.socket) -> None:
        assert re.match(rb"CONNECT 127\.0\.0\.1:\d+ HTTP/1\.1\r\n", _read_head(sock))
        sock.sendall(answer)

    return treat


def _read_head(sock: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            raise ConnectionError("the client has gone")
        head += byte
    return head


# What a case's setup makes.


def in_plain(scene: Scene) -> Relay:
    """Return a relay that passes everything on."""
    return Relay(scene, _plain)


def over_tls(scene: Scene) -> Relay:
    """Return one that does TLS."""
    return Relay(scene, tls("right"), tls=True)


def as_proxy(scene: Scene) -> Relay:
    """Return one that is an HTTP proxy."""
    return Relay(scene, _tunnel, proxy=True)
