"""Examiners of the sandbox that are not this project's client: websockets' own, a bare socket, http.client."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import itertools
import json
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import ClientConnection, connect

from binance_socket.sandbox import Sandbox, SandboxAccount
from binance_socket.testing import ManualClock

PATIENCE = 10.0
FUNDS = {"USDT": "1000000", "BTC": "10", "ETH": "10"}


class Peer:
    """A WebSocket API client of a few lines, over websockets' connection."""

    def __init__(self, socket: ClientConnection, now: Callable[[], float]) -> None:
        self.socket = socket
        self._now = now
        self._ids = itertools.count(1)

    def send(self, method: str, **params: Any) -> int:
        request_id = next(self._ids)
        self.socket.send(json.dumps({"id": request_id, "method": method, "params": params}))
        return request_id

    def receive(self) -> Any:
        return json.loads(self.socket.recv(PATIENCE))

    def call(self, method: str, **params: Any) -> Any:
        request_id = self.send(method, **params)
        reply = self.receive()
        assert reply["id"] == request_id
        return reply

    def result(self, method: str, **params: Any) -> Any:
        reply = self.call(method, **params)
        assert reply["status"] == 200, reply
        return reply["result"]

    def error(self, method: str, **params: Any) -> Any:
        reply = self.call(method, **params)
        assert reply["status"] != 200, reply
        return reply["error"]

    def signed(self, account: SandboxAccount, **params: Any) -> dict[str, Any]:
        params = {"apiKey": account.api_key, "timestamp": int(self._now() * 1000), **params}
        return {**params, "signature": sign(account, params)}

    def log_on(self, account: SandboxAccount) -> Any:
        return self.result("session.logon", **self.signed(account))


def sign(account: SandboxAccount, params: dict[str, Any]) -> str:
    """Sign as the documents say, with other code than the library's."""
    text = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in params.items()}
    payload = "&".join(f"{name}={text[name]}" for name in sorted(text)).encode()
    if account.key_type.value == "HMAC":
        return hmac.new(account.secret.encode(), payload, hashlib.sha256).hexdigest()
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key: Any = load_pem_private_key(account.pem.encode(), None)
    signature = key.sign(payload, PKCS1v15(), SHA256()) if account.key_type.value == "RSA" else key.sign(payload)
    return base64.b64encode(signature).decode()


class RawPeer:
    """A WebSocket client on a bare socket: it answers nothing by itself, and sees every byte."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        assert parts.hostname is not None
        self.socket = socket.create_connection((parts.hostname, parts.port or 80), PATIENCE)
        self.seen = 0

    def upgrade(self) -> bytes:
        """Ask for the upgrade, and return the answer's head."""
        self.start_upgrade()
        return self.end_upgrade()

    def start_upgrade(self) -> None:
        """Ask for the upgrade."""
        parts = urlsplit(self.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        self.socket.sendall(
            f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def end_upgrade(self) -> bytes:
        """Return the head of the answer."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._exactly(1)
        return head

    def read_frame(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload."""
        first, second = self._exactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._exactly(8))
        return first & 0x0F, self._exactly(size)

    def send_frame(self, opcode: int, payload: bytes) -> None:
        """Send a frame, masked with zeros."""
        assert len(payload) < 126
        self.socket.sendall(bytes((0x80 | opcode, 0x80 | len(payload))) + bytes(4) + payload)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = self.socket.recv(count - len(data))
            if not chunk:
                raise EOFError
            self.seen += len(chunk)
            data += chunk
        return data


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def still(clock: ManualClock) -> Iterator[Sandbox]:
    """A sandbox whose clock moves when the test says so."""
    with Sandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
def account(sandbox: Sandbox) -> SandboxAccount:
    return sandbox.create_account(FUNDS)


@pytest.fixture
def ed25519(sandbox: Sandbox) -> SandboxAccount:
    return sandbox.create_account(FUNDS, key_type="ED25519")


@pytest.fixture
def dial() -> Iterator[Callable[..., ClientConnection]]:
    """Open WebSocket connections that are closed after the test."""
    with contextlib.ExitStack() as stack:

        def dial(url: str, **options: Any) -> ClientConnection:
            options = {"compression": None, "proxy": None, "ping_interval": None, "max_queue": None, **options}
            return stack.enter_context(connect(url, close_timeout=1, **options))

        yield dial


@pytest.fixture
def talk(dial: Callable[..., ClientConnection]) -> Callable[..., Peer]:
    """Open a connection to a sandbox's WebSocket API."""

    def talk(sandbox: Sandbox, query: str = "", now: Callable[[], float] = time.time) -> Peer:
        options = {}
        if sandbox.environment.ca_file is not None:
            options["ssl"] = ssl.create_default_context(cafile=sandbox.environment.ca_file)
        return Peer(dial(sandbox.environment.ws_api_url + query, **options), now)

    return talk


@pytest.fixture
def peer(sandbox: Sandbox, talk: Callable[..., Peer]) -> Peer:
    return talk(sandbox)


@pytest.fixture
def raw() -> Iterator[Callable[[str], RawPeer]]:
    """Open bare connections that are closed after the test."""
    with contextlib.ExitStack() as stack:

        def raw(url: str) -> RawPeer:
            peer = RawPeer(url)
            stack.callback(peer.socket.close)
            return peer

        yield raw


@pytest.fixture
def rest() -> Callable[..., tuple[int, Any, dict[str, str]]]:
    """Make one REST request: status, document, headers."""

    def rest(
        sandbox: Sandbox, verb: str, target: str, key: str | None = None, unit: str | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        headers = {"X-MBX-APIKEY": key, "X-MBX-TIME-UNIT": unit}
        parts = urlsplit(sandbox.environment.rest_url)
        assert parts.hostname is not None
        connection: http.client.HTTPConnection
        if sandbox.environment.ca_file is not None:
            context = ssl.create_default_context(cafile=sandbox.environment.ca_file)
            connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=PATIENCE, context=context)
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(
                verb, target, headers={name: value for name, value in headers.items() if value is not None}
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), dict(answer.getheaders())

    return rest


@pytest.fixture(scope="session")
def spec() -> Callable[[str], Any]:
    """Read one of the documents' data files."""
    folder = os.environ.get("BINANCE_SPEC_DIR")
    if not folder:
        pytest.skip("BINANCE_SPEC_DIR is not set: the documents are not here")
    return lambda name: json.loads((Path(folder) / name).read_text(encoding="utf-8"))
