"""One socket, and what waits to be written to it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable

from .._session.effects import Pending
from ..errors import BinanceSocketError, InvalidRequest
from .clock import Clock
from .futures import begin
from .transport import Transport

__all__ = ["Link"]

logger = logging.getLogger(__name__)


class Link:
    """
    A connected transport and its outbox.

    A link dies with its socket: an order that was reported as lost must not leave on the next connection. Requests are
    signed right before they are written, so that their timestamps are fresh.
    """

    def __init__(self, transport: Transport, encode: Callable[[Pending], bytes], clock: Clock) -> None:
        self.transport = transport
        self._encode = encode
        self._clock = clock
        # Appended to by whoever holds the connection's lock, popped by whoever holds _sending: the order in which
        # requests were decided is the order in which they leave.
        self._outbox: deque[Pending] = deque()
        # Guards the writing half of the transport.
        self._sending = threading.Lock()
        self._dead = False

    @property
    def has_outbox(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._outbox)

    def enqueue(self, pendings: Iterable[Pending]) -> None:
        """Add requests. Requires holding the connection's lock, which makes their order."""
        self._outbox.extend(pendings)

    def flush(self) -> list[tuple[Pending, BinanceSocketError]]:
        """
        Write what is in the outbox, and return the requests that cannot be written, with the reason.

        A thread that finds another one writing leaves its requests to it. Blocks for the send timeout at most.
        """
        unsendable: list[tuple[Pending, BinanceSocketError]] = []
        # Whoever writes looks at the outbox again after letting go, so that nothing is left behind.
        while self._outbox and self._sending.acquire(blocking=False):
            try:
                self._drain(unsendable)
            finally:
                self._sending.release()
        return unsendable

    def kill(self) -> None:
        """Make sure that nothing is written any more: when this returns, no request is between outbox and socket."""
        self._dead = True
        self.transport.abort()
        with self._sending:
            self._outbox.clear()

    def _drain(self, unsendable: list[tuple[Pending, BinanceSocketError]]) -> None:
        while self._outbox:
            pending = self._outbox.popleft()
            if self._dead:
                continue
            try:
                message = self._encode(pending)
            except BinanceSocketError as error:
                unsendable.append((pending, error))
                continue
            except Exception as exc:  # noqa: BLE001  # credentials may be of the user's own making
                unsigned = InvalidRequest(f"{pending.request.method} could not be signed: {type(exc).__name__}")
                unsigned.__cause__ = exc
                unsendable.append((pending, unsigned))
                continue
            pending.sent_at = self._clock.monotonic()
            if not pending.claim() or not begin(pending):
                continue
            try:
                self.transport.send(message)
            except OSError as exc:
                # The reader finds out, and reports what is pending.
                logger.debug("sending failed: %s", exc)
                self._dead = True
                self.transport.abort()
