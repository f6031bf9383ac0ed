"""What the connection asks of the network. Tests substitute :mod:`binance_socket.testing`."""

from __future__ import annotations

from typing import Protocol

from .waker import Waker

__all__ = ["Network", "Transport", "Waker"]


class Transport(Protocol):
    """A connected socket that carries text messages."""

    @property
    def pings_heard(self) -> int:
        """How many pings the peer has sent. For the reader thread."""
        ...

    @property
    def pongs_heard(self) -> int:
        """How many pongs the peer has sent. For the reader thread."""
        ...

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
