"""
Does anything leave a TLS connection in clear while it is ended from another thread? ``python -m benchmarks plaintext``.

``SSLSocket.shutdown()`` drops its SSL object before it ends TCP: what another thread sends at that moment leaves as it
is. Here a thread sends without pause, another one ends the link, and the server keeps every byte that it was sent. They
must be TLS records from the first to the last, and what was sent must be readable in none of them.
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

import attrs

from binance_socket._engine.dial import Attempt, dial
from binance_socket._engine.guarded_socket import GuardedSocket, SendFailed
from binance_socket._engine.waker import Waker
from binance_socket.sandbox.certificates import make_server_context

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


def measure(runs: int, seed: int = 1, end: Callable[[GuardedSocket], object] = GuardedSocket.abort) -> Figures:
    """End *runs* links with *end* while another thread sends on them, at moments that *seed* decides."""
    chance = random.Random(seed)
    while_sending = leaks = seen = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        context, ca_file = make_server_context(Path(folder))
        server = _Server(context)
        try:
            for _ in range(runs):
                server.done.clear()
                server.record.clear()
                while_sending += _end_one(server.port, ca_file, chance.randrange(30), end)
                if not server.done.wait(_PATIENCE):
                    raise TimeoutError("the server does not see the end")
                leaks += bool(faults_of(bytes(server.record)))
                seen += len(server.record)
        finally:
            server.close()
    return Figures(runs, while_sending, leaks, seen, time.monotonic() - started)


def _end_one(port: int, ca_file: Path, after: int, end: Callable[[GuardedSocket], object]) -> bool:
    """Send on a new link, end it once *after* messages have left, and return whether it was sending then."""
    waker = Waker()
    sock = GuardedSocket(dial(f"wss://127.0.0.1:{port}/", Attempt(_PATIENCE, waker), ca_file=ca_file), waker)
    reached = threading.Event()
    failures: list[SendFailed] = []

    def send() -> None:
        number = 0
        try:
            while True:
                if number == after:
                    reached.set()
                sock.send(CANARY, time.monotonic() + _PATIENCE)
                number += 1
        except SendFailed as exc:
            failures.append(exc)
        finally:
            reached.set()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    reached.wait(_PATIENCE)
    end(sock)
    sender.join(_PATIENCE)
    assert not sender.is_alive(), "a sender hangs"
    sock.close()
    return bool(failures)


def report(runs: int, seed: int) -> bool:
    """Print the figures, and return whether nothing has leaked."""
    figures = measure(runs, seed)
    print(
        f"{figures.runs} links ended from another thread, {figures.ended_while_sending} of them while sending; "
        f"{figures.bytes_seen / 2**20:.1f} MiB seen in {figures.seconds:.1f} s; "
        f"{figures.leaks} with anything in clear"
    )
    return not figures.leaks
