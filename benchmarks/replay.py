"""
The replay server: ``python -m benchmarks.replay`` prints where it listens and serves until its input ends.

It is written to be faster than anything it feeds: a thread per connection, answers that are encoded beforehand, events
in blocks of 64 frames. A line ``GO <count>`` on a connection of its own starts the events on the connection that
subscribed last, so that no client loses events which overtake its subscription's acknowledgement; it waits for that
acknowledgement to be sent.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import select
import socket
import ssl
import sys
import tempfile
import threading
from pathlib import Path

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import wire

_RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000_000, "count": 20},
]
_SESSION = {
    "apiKey": None,
    "authorizedSince": None,
    "connectedSince": 1649729873021,
    "returnRateLimits": True,
    "serverTime": 1649729878630,
    "userDataStream": False,
}
_RESULTS: dict[str, object] = {
    "account.status": wire.account_status(),
    "ping": {},
    "session.logon": _SESSION,
    "session.status": _SESSION,
    "time": {"serverTime": 1656400526260},
    "userDataStream.start": {"listenKey": wire.LISTEN_KEY},
    "userDataStream.subscribe": {"subscriptionId": 0},
    "userDataStream.subscribe.signature": {"subscriptionId": 0},
}
_SUBSCRIBING = {"SUBSCRIBE", "userDataStream.subscribe", "userDataStream.subscribe.signature"}


def _tail(result: object) -> bytes:
    """Return what follows the id in the answer that carries *result*."""
    return b',"status":200,"result":' + orjson.dumps(result) + b',"rateLimits":' + orjson.dumps(_RATE_LIMITS) + b"}"


_TAILS = {method: _tail(result) for method, result in _RESULTS.items()}
_EMPTY_TAIL = _tail({})


class Connection:
    """One WebSocket connection."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        self._sock = sock
        # Guards the socket: an SSL socket must not be read and written at once.
        self._lock = threading.Lock()
        self.subscribed = path.startswith("/ws/") or "streams=" in path
        if path.startswith("/ws-api"):
            self.form = "subscription"
        elif path.startswith("/stream"):
            self.form = "combined"
        else:
            self.form = "raw"

    def send(self, data: bytes) -> None:
        with self._lock:
            self._sock.sendall(data)

    def _receive(self) -> bytes:
        pending = self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0
        if not pending:
            select.select([self._sock], [], [])
        with self._lock:
            return self._sock.recv(65536)

    def serve(self, server: ReplayServer) -> None:
        """Answer requests until the peer goes."""
        buffer = b""
        while data := self._receive():
            frames, used = wire.whole_frames(buffer := buffer + data)
            buffer = buffer[used:]
            answers: list[bytes] = []
            for opcode, payload in frames:
                if opcode == 8:
                    self.send(wire.frame(payload, 8))
                    return
                if opcode == 9:
                    answers.append(wire.frame(payload, 10))
                elif opcode == 1:
                    answers.append(wire.frame(self._answer(payload)))
            if answers:
                self.send(b"".join(answers))
            if self.subscribed:
                server.subscribed(self)

    def _answer(self, payload: bytes) -> bytes:
        request = orjson.loads(payload)
        method = request["method"]
        if method in _SUBSCRIBING:
            self.subscribed = True
        request_id = orjson.dumps(request["id"])
        if method.isupper():
            return b'{"result":null,"id":' + request_id + b"}"
        return b'{"id":' + request_id + _TAILS.get(method, _EMPTY_TAIL)


class ReplayServer:
    """Listens on two loopback ports, one plain and one with TLS."""

    def __init__(self) -> None:
        self._plain = socket.create_server(("127.0.0.1", 0))
        self._secure = socket.create_server(("127.0.0.1", 0))
        self._context, self.ca_file = _certificate()
        self._ready = threading.Condition()
        self._subscriber: Connection | None = None
        self._blocks: dict[tuple[str, int], list[bytes]] = {}

    def start(self) -> dict[str, object]:
        """Start to listen, return where."""
        for listener, context in ((self._plain, None), (self._secure, self._context)):
            threading.Thread(target=self._accept, args=(listener, context), daemon=True).start()
        return {
            "port": self._plain.getsockname()[1],
            "tls_port": self._secure.getsockname()[1],
            "ca_file": str(self.ca_file),
        }

    def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock, context), daemon=True).start()

    def _serve(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        with sock:
            try:
                self._talk(context.wrap_socket(sock, server_side=True) if context else sock)
            except OSError:
                return  # A client that goes while it is being served: its own process tells what came of it.

    def _talk(self, sock: socket.socket) -> None:
        head = b""
        while b"\n" not in head or (head.startswith(b"GET") and b"\r\n\r\n" not in head):
            if not (data := sock.recv(4096)):
                return
            head += data
        if head.startswith(b"GO "):
            self._replay(int(head.split()[1]))
            return
        path, answer = wire.accept_upgrade(head)
        sock.sendall(answer)
        connection = Connection(sock, path)
        if connection.subscribed:
            self.subscribed(connection)
        connection.serve(self)

    def subscribed(self, connection: Connection) -> None:
        """Take note that *connection* waits for events."""
        with self._ready:
            self._subscriber = connection
            self._ready.notify_all()

    def _replay(self, count: int) -> None:
        with self._ready:
            if not self._ready.wait_for(lambda: self._subscriber is not None, timeout=30):
                return
            connection, self._subscriber = self._subscriber, None
        assert connection is not None
        connection.subscribed = False
        kind = (connection.form, count)
        if kind not in self._blocks:
            self._blocks[kind] = wire.event_blocks(*kind)
        for block in self._blocks[kind]:
            connection.send(block)


def _certificate() -> tuple[ssl.SSLContext, Path]:
    """Return a server's context and the file of the self-signed certificate behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "benchmarks")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = Path(tempfile.mkdtemp(prefix="benchmarks-"))
    ca_file = folder / "certificate.pem"
    ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = folder / "key.pem"
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, key_file)
    key_file.unlink()
    return context, ca_file


def main() -> None:
    """Serve until the standard input ends, which it does at the latest with the parent process."""
    server = ReplayServer()
    print(json.dumps(server.start()), flush=True)
    sys.stdin.read()
    server.ca_file.unlink()
    server.ca_file.parent.rmdir()


if __name__ == "__main__":
    main()
