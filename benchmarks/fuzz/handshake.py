"""What a server or a proxy may answer before there is a WebSocket, and a REST server at all."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
from collections.abc import Callable
from typing import Any

from binance_socket._engine.dial import Attempt, Proxy, _ask_for_tunnel  # pyright: ignore[reportPrivateUsage]
from binance_socket._engine.http import HttpAnswer
from binance_socket._engine.rest import _reply  # pyright: ignore[reportPrivateUsage]
from binance_socket._engine.waker import Waker
from binance_socket._engine.websocket import _UpgradeChannel  # pyright: ignore[reportPrivateUsage]
from binance_socket._wire.messages import Request, response_to
from binance_socket.credentials import Secret
from binance_socket.errors import BinanceSocketError, ConnectionLost, HandshakeError, ProxyError, RateLimited
from binance_socket.models.session import ListenKey

from .material import Material, mutated

__all__ = ["once", "seeds"]

_PROXY = Proxy.parse(Secret("http://user:password@proxy.example:3128"))
_URL = "wss://api.example/ws-api/v3"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ACCEPT = b"{accept}"
_SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    + _ACCEPT
    + b"\r\n\r\n"
)
_PIECES = (
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b": ",
        b" ",
        b"\0",
        b"HTTP/1.1 ",
        b"HTTP/1.1 101 ",
        b"HTTP/1.0 200 OK",
        b"418",
        b"429",
    ),
    *(b"Retry-After: ", b"Retry-After: 99999999999999999999\r\n", b"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n"),
    *(b"Location: ws://other.example/\r\n", b"Set-Cookie: a=b; domain=.example\r\n", b"Upgrade: websocket\r\n"),
    *(b"Connection: Upgrade\r\n", b"Sec-WebSocket-Accept: " + _ACCEPT + b"\r\n", b"Sec-WebSocket-Protocol: x\r\n"),
    *(b"Sec-WebSocket-Extensions: permessage-deflate\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
    *("Ｒetry-After: ٣\r\n".encode(), b"\xff\xfe", b"\x81\x05hello", b"A" * 300, b": \r\n", b":\r\n", b" \t\r\n"),
)
_STATUSES = (200, 201, 299, 400, 401, 403, 404, 409, 418, 429, 451, 500, 503, 999)
_HEADERS = ("0", "7", "-1", "1.5", "", "x", "٣", "²", "9" * 30, "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT")
_BODIES: tuple[Any, ...] = (
    *(None, {}, [], "no", 5, {"listenKey": "abc"}, {"listenKey": None}, {"code": -1003, "msg": "no"}),
    *({"code": 1.5}, {"code": 2**70, "msg": []}, {"code": -1003, "data": {"retryAfter": "x"}}, {"code": True}),
)


def seeds() -> list[bytes]:
    """Return inputs that reach most of it."""
    return [
        *(bytes([0, 0, 200]) + head for head in (_SWITCH, b"HTTP/1.1 429 no\r\nRetry-After: 7\r\n\r\n")),
        *(bytes([1, 0, 200]) + head for head in (b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 407 no\r\n\r\n")),
        *(bytes([2, number, number, number, number]) for number in range(12)),
        bytes([3, 3, 0, 0, 9, 11, 12, 13, 1]),
    ]


def once(data: bytes) -> None:
    """Answer in one of the three places."""
    material = Material(data)
    place = material.below(4)
    if place == 2:
        _rest(material)
        return
    steps, size = material.below(4), 1 + material.below(256)
    answer = _composed(material) if place == 3 or steps == 3 else material.rest()
    if place == 1:
        _through_a_proxy(answer, size)
    else:
        _upgrade(answer, size)


def _composed(material: Material) -> bytes:
    answer = bytearray()
    while material.left:
        answer += material.pick(_PIECES) if material.below(4) else material.take(material.below(16))
    return bytes(answer)


class _Socket:
    """Says what it is told to, *size* bytes at a time, and then that it is over."""

    def __init__(self, answer: bytes, size: int) -> None:
        self._answer = answer
        self._size = size
        self.whole = answer
        self.sent = b""

    def send(self, data: bytes) -> int:
        self.sent += bytes(data)
        if _ACCEPT in self._answer and b"Sec-WebSocket-Key: " in self.sent:
            key = self.sent.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
            accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
            self._answer = self.whole = self._answer.replace(_ACCEPT, accept)
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        taken = self._answer[: min(size, self._size)]
        if not flags & socket.MSG_PEEK:
            self._answer = self._answer[len(taken) :]
        return taken

    @property
    def left(self) -> bytes:
        return self._answer


def _failure(function: Callable[[], object]) -> BinanceSocketError | None:
    """Return the error of ours that *function* raises, if it does."""
    try:
        function()
    except BinanceSocketError as exc:
        return exc
    return None


def _upgrade(answer: bytes, size: int) -> None:
    sock: Any = _Socket(answer, size)
    early: list[bytes] = []
    with contextlib.closing(Waker()) as waker:
        channel = _UpgradeChannel(sock, Attempt(30.0, waker), _URL)
        failure = _failure(lambda: early.append(channel.upgrade()))
    if failure is None:
        head, _, rest = sock.whole.partition(b"\r\n\r\n")
        assert b" 101" in head[:20], "an upgrade without agreement"
        assert rest.startswith(early[0])
    else:
        assert isinstance(failure, ConnectionLost)
    if isinstance(failure, HandshakeError):
        assert 0 <= failure.status <= 999
        assert failure.retry_after is None or 0 <= failure.retry_after < 10**13
    assert sock.sent.startswith(b"GET /ws-api/v3 HTTP/1.1\r\n")
    assert b"cookie" not in sock.sent.lower()


def _through_a_proxy(answer: bytes, size: int) -> None:
    sock: Any = _Socket(answer, size)
    with contextlib.closing(Waker()) as waker:
        failure = _failure(lambda: _ask_for_tunnel(sock, _PROXY, "api.example", 443, Attempt(30.0, waker)))
    if failure is None:
        head, _, rest = answer.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2"))
        assert sock.left == rest, "what follows belongs to TLS"
    else:
        assert isinstance(failure, ProxyError)
        assert "password" not in str(failure)


def _rest(material: Material) -> None:
    method = material.pick(("userDataStream.start", "userDataStream.ping", "userDataStream.stop"))
    body = mutated(material, material.pick(_BODIES), 2)
    headers = {"Retry-After": material.pick(_HEADERS)}
    answer = HttpAnswer(material.pick(_STATUSES), body, headers)
    request: Request[Any] = Request(method, returns=ListenKey if method.endswith("start") else None)
    failure = _failure(lambda: response_to(request, _reply(answer, 1_700_000_000.0)))
    if isinstance(failure, RateLimited):
        # Any time there is, also one that is over.
        assert failure.retry_after is None or failure.retry_after.tzinfo is not None
