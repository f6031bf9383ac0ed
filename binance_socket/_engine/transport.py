"""What the connection asks of the network. Tests substitute :mod:`binance_socket.testing`."""

from __future__ import annotations

from typing import Protocol

from ..errors import Certainty, ConnectionLost
from .waker import Waker

__all__ = ["ABNORMAL", "NO_STATUS", "LinkClosed", "Network", "Transport", "Waker"]

NO_STATUS = 1005
"""Stands for a close frame without a code (RFC 6455, 7.4.1). Never on the wire."""
ABNORMAL = 1006
"""Stands for an end without a close frame (RFC 6455, 7.4.1). Never on the wire."""


class LinkClosed(ConnectionLost):
    """
    A connected link ended.

    ``code`` is the peer's WebSocket close code, 1005 where its close frame had none, 1006 where the link ended without
    a close frame (reset, abort, end of file), or the code with which we refused what the peer sent (1002, 1003, 1007,
    1009). ``reason`` is for people.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        # What was in flight may have arrived; whoever holds a request knows better, and says so there.
        super().__init__(f"the link was closed with code {code}: {reason or 'no reason given'}", Certainty.MAYBE_SENT)
        self.code = code
        self.reason = reason


class Transport(Protocol):
    """A connected socket that carries text messages."""

    def send(self, *messages: bytes) -> None:
        """
        Send text messages (UTF-8), in one go. Any thread, but one at a time: the caller serialises.

        Raises ConnectionLost when they could not all be handed to the kernel within the send timeout. The link is dead
        then, and ``receive()`` ends too.
        """
        ...

    def receive(self) -> list[bytes]:
        """
        Wait for at least one frame, and return every complete text message that was read with it.

        Returns an empty list when only control frames or fragments came, so that the caller knows of life. For the
        reader thread only. Raises LinkClosed when the link is gone; messages that came before are returned first.
        """
        ...

    def ping(self) -> None:
        """Send a WebSocket ping, or have it sent by whoever sends at the moment. Never blocks; any thread."""
        ...

    def end(self, code: int = 1000) -> None:
        """Send a close frame if the peer takes it at once, and nothing after it. Any thread; idempotent."""
        ...

    def abort(self) -> None:
        """Make ``receive()`` and ``send()`` raise wherever they block. Never blocks; any thread; idempotent."""
        ...

    def close(self, code: int = 1000) -> None:
        """
        Send a close frame if that is possible without waiting, and release the descriptors. Idempotent.

        For the reader thread, or any thread after the reader has ended.
        """
        ...


class Network(Protocol):
    """Where transports come from."""

    def connect(self, url: str, *, timeout: float, waker: Waker) -> Transport:
        """
        Connect to *url* and upgrade to a WebSocket within *timeout* seconds, for everything together.

        The waker serves this one attempt: woken, it ends the attempt with ``ConnectionLost("aborted")``. When the
        attempt succeeds, the transport takes the waker over and closes it with itself; when it fails, closing it is
        left to the caller (closing it twice is harmless).

        Raises TlsError, ProxyError, HandshakeError, or ConnectionLost.
        """
        ...
