"""
Does anything leave a TLS connection in clear while it is ended from another thread? ``python -m benchmarks plaintext``.

``SSLSocket.shutdown()`` drops its SSL object before it ends TCP: what another thread sends at that moment leaves as it
is. Here a thread sends without pause, another one ends the link, and the server keeps every byte that it was sent. They
must be TLS records from the first to the last, and what was sent must be readable in none of them.

That moment is short, and whoever looks whether the link has been ended before sending will hardly ever meet it. So in
every other run the sender has looked already, and is held there, inside ``send()``, until TCP is about to be ended.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

import attrs

from binance_socket._engine.dial import Attempt, dial, tls_context
from binance_socket._engine.guarded_socket import GuardedSocket, SendFailed
from binance_socket._engine.waker import Waker
from binance_socket.sandbox.certificates import make_server_context

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["CANARY", "Figures", "faults_of", "measure", "report"]

CANARY = b"apiKey=canary-0123456789;" * 40
_PATIENCE = 30.0
_MAX_RECORD = 2**14 + 256
_RECORD_TYPES = frozenset({20, 21, 22, 23})


@attrs.frozen
class Figures:
    """What has come of it."""

    runs: int
    ended_while_sending: int
    """In how many a thread was sending when the link ended."""
    ended_inside_send: int
    """In how many of them it was inside of ``send()`` between the order to end the link and the end of TCP."""
    leaks: int
    """In how many something was not a TLS record, or was readable."""
    bytes_seen: int
    seconds: float


def faults_of(sent: bytes) -> list[str]:
    """Return what is wrong with the bytes that a server was *sent*; the last record may be cut short."""
    wrong = ["readable"] if CANARY[:25] in sent else []
    position = 0
    while position < len(sent):
        head = sent[position : position + 5]
        size = int.from_bytes(head[3:5], "big")
        if head[0] not in _RECORD_TYPES or head[1:2] not in (b"\x03", b"") or size > _MAX_RECORD:
            return [*wrong, f"no TLS record at byte {position}: {bytes(head)!r}"]
        position += 5 + size
    return wrong


class _Server:
    """Takes TLS connections, one at a time, and keeps what clients send as it came."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port: int = self._listener.getsockname()[1]
        self.record = bytearray()
        self.done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """TLS is done on what was kept: nothing but this reads the socket."""
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(_PATIENCE)
            with contextlib.suppress(OSError, ssl.SSLError), sock:
                self._serve(sock)
            self.done.set()

    def _serve(self, sock: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(incoming, outgoing, server_side=True)
        shaken = False
        while data := sock.recv(65536):
            self.record += data
            if shaken:
                continue
            incoming.write(data)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                shaken = True
            if outgoing.pending:
                sock.sendall(outgoing.read())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(_PATIENCE)


class _Window:
    """The moment right before TCP is ended. One message of another thread's falls into it, whatever comes first."""

    def __init__(self, reached: threading.Event) -> None:
        self.inside = reached
        """Set when the sender is inside of ``send()``."""
        self.used = False
        """Whether the message has left in that moment."""
        self._open = threading.Event()
        self._passed = threading.Event()

    def let_through(self) -> None:
        """TCP is about to be ended: let the message pass before that."""
        if self.inside.is_set() and not self._open.is_set():
            self._open.set()
            self.used = self._passed.wait(_PATIENCE)

    def open(self) -> None:
        """Hold nobody any longer."""
        self._open.set()

    def send(self, send: Callable[[], int]) -> int:
        """Send the message when it may."""
        self.inside.set()
        self._open.wait(_PATIENCE)
        try:
            return send()
        finally:
            self._passed.set()


class _WatchedSocket(ssl.SSLSocket):
    """A TLS socket of which a message can be held between our code and the standard library's."""

    window: _Window | None = None
    """What the next message has to wait for."""

    def send(self, data: Buffer, flags: int = 0) -> int:
        window, self.window = self.window, None
        if window is None:
            return super().send(data, flags)
        return window.send(lambda: super(_WatchedSocket, self).send(data, flags))


class _Ended(NamedTuple):
    while_sending: bool
    inside_send: bool


def measure(runs: int, seed: int = 1, end: Callable[[GuardedSocket], object] = GuardedSocket.abort) -> Figures:
    """End *runs* links with *end* while another thread sends on them, at moments that *seed* decides."""
    chance = random.Random(seed)
    leaks = seen = 0
    ends: list[_Ended] = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        context, ca_file = make_server_context(Path(folder))
        # It is this authority's alone.
        tls_context(ca_file).sslsocket_class = _WatchedSocket
        server = _Server(context)
        try:
            for run in range(runs):
                server.done.clear()
                server.record.clear()
                ends.append(_end_one(server.port, ca_file, chance.randrange(30), end, holds=run % 2 == 0))
                if not server.done.wait(_PATIENCE):
                    raise TimeoutError("the server does not see the end")
                leaks += bool(faults_of(bytes(server.record)))
                seen += len(server.record)
        finally:
            server.close()
    while_sending = sum(ended.while_sending for ended in ends)
    inside_send = sum(ended.inside_send for ended in ends)
    return Figures(runs, while_sending, inside_send, leaks, seen, time.monotonic() - started)


def _end_one(port: int, ca_file: Path, after: int, end: Callable[[GuardedSocket], object], *, holds: bool) -> _Ended:
    """
    Send on a new link, end it once *after* messages have left, and return where the sender was then.

    If it *holds*, the next message is inside of ``send()``, and leaves right before TCP is ended.
    """
    waker = Waker()
    raw = dial(f"wss://127.0.0.1:{port}/", Attempt(_PATIENCE, waker), ca_file=ca_file)
    assert isinstance(raw, _WatchedSocket)
    sock = GuardedSocket(raw, waker)
    reached = threading.Event()
    window = _Window(reached)
    failures: list[SendFailed] = []

    def send() -> None:
        number = 0
        try:
            while True:
                if number == after and holds:
                    raw.window = window
                elif number == after:
                    reached.set()
                sock.send(CANARY, time.monotonic() + _PATIENCE)
                number += 1
        except SendFailed as exc:
            failures.append(exc)
        finally:
            reached.set()

    end_tcp = socket.socket.shutdown

    def shutdown(ended: socket.socket, how: int) -> None:
        if ended is raw and holds:
            window.let_through()
        end_tcp(ended, how)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    reached.wait(_PATIENCE)
    # Whoever ends TCP comes by here, SSLSocket.shutdown() too, after it has dropped its SSL object.
    with mock.patch.object(socket.socket, "shutdown", shutdown):
        end(sock)
    window.open()
    sender.join(_PATIENCE)
    assert not sender.is_alive(), "a sender hangs"
    sock.close()
    return _Ended(bool(failures), window.used)


def report(runs: int, seed: int) -> bool:
    """Print the figures, and return whether nothing has leaked."""
    figures = measure(runs, seed)
    print(
        f"{figures.runs} links ended from another thread, {figures.ended_while_sending} of them while sending, "
        f"{figures.ended_inside_send} of these inside of send(); "
        f"{figures.bytes_seen / 2**20:.1f} MiB seen in {figures.seconds:.1f} s; "
        f"{figures.leaks} with anything in clear"
    )
    return not figures.leaks
