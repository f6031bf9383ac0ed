"""
Transports over websocket-client. The only module that knows it.

What is used of it is its handshake. Frames are ours (:mod:`.frames`): its reader takes three calls and 80 microseconds
for what takes half a microsecond in one pass, has no limit to what a server may send, and joins fragments in quadratic
time. Its ``WebSocketApp`` and its ways to close are not used either; they compete with the reader.
"""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import websocket

from .._session.closing import ABNORMAL, LinkClosed
from ..credentials import Secret
from ..errors import ConnectionLost, HandshakeError, InvalidRequest
from .clock import SystemClock
from .dial import Attempt, Proxy, dial
from .frame_sender import FrameSender
from .frames import FrameParser
from .guarded_socket import GuardedSocket
from .headers import seconds_of
from .waker import Waker

__all__ = ["WebSocketNetwork", "WebSocketTransport"]

_MAX_RESPONSE = 64 * 1024
# What comes with one wake-up is handed on together, up to about this many messages: handing on has its price, too.
_MANY = 512
# And up to so many reads after the first whole frame: pings and fragments that never end are no messages.
_READS = 4
_USER_AGENT = "binance-socket"


class WebSocketNetwork:
    """Connect to WebSocket servers. A :class:`.transport.Network`; any thread."""

    def __init__(
        self,
        *,
        proxy: str | Secret | None = None,
        ca_file: Path | None = None,
        max_message_size: int = 16 * 2**20,
        send_timeout: float = 5.0,
    ) -> None:
        """Raise InvalidRequest if *proxy* is no ``http://[user:password@]host[:port]``."""
        if isinstance(proxy, str):
            proxy = Secret(proxy)  # no traceback from here on shows it
        self._proxy = None if proxy is None else Proxy.parse(proxy)
        self._ca_file = ca_file
        self._max_message_size = max_message_size
        self._send_timeout = send_timeout

    def connect(self, url: str, *, timeout: float, waker: Waker) -> WebSocketTransport:
        """Connect and upgrade, within *timeout* seconds in all. See :class:`.transport.Network`."""
        attempt = Attempt(timeout, waker)
        try:
            sock = dial(url, attempt, proxy=self._proxy, ca_file=self._ca_file)
            with contextlib.ExitStack() as undo:
                undo.callback(sock.close)
                early = _UpgradeChannel(sock, attempt, url).upgrade()
                # Takes the waker over, so nothing may fail from here on.
                guarded = GuardedSocket(sock, waker)
                undo.pop_all()
        except ConnectionLost:
            raise
        except OSError as exc:
            # The system's limits: no more descriptors, for example.
            raise ConnectionLost(f"connecting failed while {attempt.step}: {exc}") from exc
        return WebSocketTransport(guarded, early, self._max_message_size, self._send_timeout)


class WebSocketTransport:
    """A connected WebSocket. A :class:`.transport.Transport`, which says what may be called where."""

    def __init__(self, sock: GuardedSocket, early: bytes, max_message_size: int, send_timeout: float) -> None:
        self._sock = sock
        self._sender = FrameSender(sock, send_timeout)
        # The reader's alone.
        self._parser = FrameParser(max_message_size)
        self._early = early  # what came with the response to the upgrade
        self._ended: LinkClosed | None = None

    @property
    def pings_heard(self) -> int:
        """How many pings the peer has sent."""
        return self._parser.pings

    @property
    def pongs_heard(self) -> int:
        """How many pongs the peer has sent."""
        return self._parser.pongs

    def send(self, *messages: bytes) -> None:
        """Send text messages. Any thread, one at a time."""
        self._sender.send(*messages)

    def receive(self) -> list[bytes]:
        """Wait for at least one frame, and return every complete text message read with it. Reader thread only."""
        if self._ended is not None:
            raise LinkClosed(self._ended.code, self._ended.reason)
        parser = self._parser
        frames = parser.frames
        messages: list[bytes] = []
        alive = False
        reads = 0
        while len(messages) < _MANY and reads < _READS:
            try:
                data = self._early or self._read(wait=not alive)
            except LinkClosed:
                if not messages:
                    raise
                # Not before what came before it.
                break
            if not data:
                break
            self._early = b""
            messages += parser.feed(data)
            if parser.ping is not None:
                # One answer for all pings of a read: RFC 6455, 5.5.3 asks for the latest only.
                self._sender.pong(parser.ping)
                parser.ping = None
            if parser.ended is not None:
                self._ended = parser.ended
                self._sender.end(parser.ended.code)
                if not messages:
                    raise parser.ended
                break
            # Half a frame is no sign of life: a peer that trickles bytes would keep a dead link for ever.
            alive = parser.frames != frames
            if alive:
                if not self._sock.more:
                    break
                reads += 1
        return messages

    def ping(self) -> None:
        """Send a ping, or have it sent by whoever sends at the moment. Never blocks; any thread."""
        self._sender.ping()

    def end(self, code: int = 1000) -> None:
        """Send a close frame if the peer takes it at once, and nothing after it. Any thread; idempotent."""
        self._sender.end(code)

    def abort(self) -> None:
        """Make ``receive()`` and ``send()`` raise wherever they block. Never blocks; any thread; idempotent."""
        self._sock.abort()

    def close(self, code: int = 1000) -> None:
        """Send a close frame if that needs no waiting, and release everything. Reader thread, or after it ended."""
        if self._ended is None:
            self._ended = LinkClosed(ABNORMAL, "closed")
        self._sender.end(code)
        self._sock.abort("closed")
        self._sender.close()

    def _read(self, *, wait: bool) -> bytes:
        """
        Return some data; nothing if there is none and we are not to *wait*.

        Meanwhile, send the control frames that the send buffer had no room for.
        """
        try:
            while True:
                if wait:
                    self._sock.wait_readable(or_writable=self._sender.stuck)
                if self._sender.due:
                    self._sender.flush()
                data = self._sock.try_recv()
                if data or (data is None and not wait):
                    return data or b""
                if data is not None:
                    self._ended = LinkClosed(ABNORMAL, "the server closed the connection without a close frame")
                    raise self._ended
        except LinkClosed:
            raise
        except OSError as exc:
            self._ended = LinkClosed(ABNORMAL, str(exc))
            raise self._ended from exc


class _UpgradeChannel:
    """
    The socket that websocket-client's handshake believes to talk to.

    It keeps to the deadline of the whole attempt (theirs is per read), reads a bounded head only, turns every answer
    but 101 into an error before they can follow a redirect, and keeps cookies out: theirs are the whole process's.
    """

    def __init__(self, sock: socket.socket, attempt: Attempt, url: str) -> None:
        self._sock = sock
        self._attempt = attempt
        self._parts = urlsplit(url)
        self._resource = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        if re.fullmatch(r"[!-~]+", self._resource) is None:
            raise InvalidRequest("a URL holds visible ASCII characters only; quote the others")
        self._head: bytes | None = None
        self._early = b""
        self._failure: ConnectionLost | None = None

    def upgrade(self) -> bytes:
        """
        Ask for the upgrade, and return what the server has sent after agreeing.

        Raises HandshakeError (status 0 where the answer is not HTTP, 101 where it is a wrong upgrade), or
        ConnectionLost.
        """
        # Any, because websocket-client is only partially typed.
        client: Any = websocket.WebSocket(enable_multithread=False)
        host = self._parts.netloc.rpartition("@")[2]
        self._attempt.step = f"waiting for the upgrade by {self._parts.hostname}"
        try:
            client.connect(
                # Without the path, which may hold a listen key: their trace prints what they know.
                f"{self._parts.scheme}://{host}/",
                socket=self,
                suppress_origin=True,
                redirect_limit=0,
                header=[f"User-Agent: {_USER_AGENT}"],
            )
        except (websocket.WebSocketException, OSError, ValueError) as exc:
            if self._failure is not None:
                raise self._failure from self._failure.__cause__
            raise HandshakeError(f"{self._parts.hostname} agreed to no WebSocket: {exc}", 101) from exc
        return self._early

    # What websocket-client calls.

    def gettimeout(self) -> float | None:
        """Leave deadlines to us."""
        return None

    def settimeout(self, timeout: float | None) -> None:
        """Leave deadlines to us."""

    def close(self) -> None:
        """Leave closing to us."""

    def send(self, data: bytes) -> int:
        """Send the request, with the path it is for and without cookies."""
        lines = [line for line in data.split(b"\r\n") if not line.lower().startswith(b"cookie:")]
        lines[0] = f"GET {self._resource} HTTP/1.1".encode()
        try:
            self._attempt.send(self._sock, b"\r\n".join(lines))
        except OSError as exc:
            raise self._failed(exc) from exc
        return len(data)

    def recv(self, size: int) -> bytes:
        """Return some of the response's head, which is read as a whole at first."""
        if self._head is None:
            try:
                self._head = self._receive_head()
            except OSError as exc:
                raise self._failed(exc) from exc
        data, self._head = self._head[:size], self._head[size:]
        return data

    def _failed(self, exc: OSError) -> ConnectionLost:
        if isinstance(exc, ConnectionLost):
            self._failure = exc
        else:
            self._failure = ConnectionLost(f"the connection was lost while {self._attempt.step}: {exc}")
            self._failure.__cause__ = exc
        return self._failure

    def _receive_head(self) -> bytes:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            if len(received) > _MAX_RESPONSE:
                raise HandshakeError("the server's answer does not end", 0)
            received += self._attempt.recv(self._sock, 4096)
        lines, self._early = received[:end].split(b"\r\n"), received[end + 4 :]
        match = re.match(rb"HTTP/1\.\d (\d{3})(?: |$)", lines[0])
        if match is None:
            raise HandshakeError("the server does not speak HTTP", 0)
        status = int(match[1])
        headers = dict(_header(line) for line in lines[1:])
        if status != 101:
            # A redirect included: what was verified is this host.
            raise HandshakeError(
                f"{self._parts.hostname} refused the upgrade with status {status}",
                status,
                seconds_of(headers.get("retry-after"), SystemClock().time),
            )
        if "sec-websocket-extensions" in headers or "sec-websocket-protocol" in headers:
            raise HandshakeError("the server chose an extension that was not offered", status)
        kept = [line for line in lines if not line.lower().startswith(b"set-cookie")]
        return b"\r\n".join(kept) + b"\r\n\r\n"


def _header(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(":")
    return name.strip().lower(), value.strip()
