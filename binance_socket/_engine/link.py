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
from .threads import let_go
from .transport import Transport

__all__ = ["Link"]

logger = logging.getLogger(__name__)

# What a send buffer takes at once. A request that is written later is certain not to have been sent for longer.
_WRITE_SIZE = 16 * 1024


class Link:
    """
    A connected transport and its outbox.

    A link dies with its socket: an order that was reported as lost must not leave on the next connection. Requests are
    signed right before they are written, so that their timestamps are fresh.
    """

    def __init__(self, transport: Transport, encode: Callable[[Pending], bytes], clock: Clock) -> None:
        self.transport = transport
        self.pinged_at: float | None = None
        """When the peer's last ping was read. Written by the reader, as the next one is."""
        self.ponged_at: float | None = None
        """When the peer's last answer to a ping of ours was read."""
        self._pings = self._pongs = 0
        self._encode = encode
        self._clock = clock
        # Appended to by whoever holds the connection's lock, popped by whoever holds _sending: the order in which
        # requests were decided is the order in which they leave.
        self._outbox: deque[Pending] = deque()
        # Guards the writing half of the transport. Reentrant: see let_go().
        self._sending = threading.RLock()
        # Who holds it.
        self._writer: int | None = None
        self._dead = False
        # Whoever pops it hands the outbox over to a sender thread; that puts it back before it looks into the outbox.
        self._errand: list[None] = [None]

    def heard(self, now: float) -> None:
        """Take note of the control frames that have come since the last time. For the reader thread."""
        transport = self.transport
        if transport.pings_heard != self._pings:
            self._pings, self.pinged_at = transport.pings_heard, now
        if transport.pongs_heard != self._pongs:
            self._pongs, self.ponged_at = transport.pongs_heard, now

    @property
    def has_outbox(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._outbox)

    def enqueue(self, pendings: Iterable[Pending]) -> None:
        """Add requests. Requires holding the connection's lock, which makes their order."""
        self._outbox.extend(pendings)

    def take_errand(self) -> bool:
        """Return whether a sender thread is still to be asked to flush: one of them is enough. Any thread."""
        try:
            self._errand.pop()
        except IndexError:
            return False
        return True

    def end_errand(self) -> None:
        """Let another sender thread be asked. To be called before flushing, so that nothing is left behind."""
        self._errand.append(None)

    def flush(self) -> list[tuple[Pending, BinanceSocketError]]:
        """
        Write what is in the outbox, and return the requests that cannot be written, with the reason.

        A thread that finds another one writing leaves its requests to it. Blocks for the send timeout at most.
        """
        unsendable: list[tuple[Pending, BinanceSocketError]] = []
        if self._writer == threading.get_ident():
            # This is a signal handler, in the middle of it.
            return unsendable
        # Whoever writes looks at the outbox again after letting go, so that nothing is left behind.
        try:
            while self._outbox and self._sending.acquire(blocking=False):
                try:
                    self._writer = threading.get_ident()
                    self._drain(unsendable)
                finally:
                    self._writer = None
                    self._sending.release()
        except BaseException:  # raised again; a signal handler may have raised it right after the lock was had
            let_go(self._sending)
            raise
        return unsendable

    def kill(self) -> None:
        """Make sure that nothing is written any more: when this returns, no request is between outbox and socket."""
        self._dead = True
        self.transport.abort()
        with self._sending:
            self._outbox.clear()

    def _drain(self, unsendable: list[tuple[Pending, BinanceSocketError]]) -> None:
        while self._outbox:
            messages = self._signed(unsendable)
            if not messages or self._dead:
                continue
            try:
                self.transport.send(*messages)
            except OSError as exc:
                # The reader finds out, and reports what is pending.
                logger.debug("sending failed: %s", exc)
                self._dead = True
                self.transport.abort()

    def _signed(self, unsendable: list[tuple[Pending, BinanceSocketError]]) -> list[bytes]:
        """Take requests out of the outbox, and return the messages that ask them: as many as are written in one go."""
        messages: list[bytes] = []
        size = 0
        while self._outbox and size < _WRITE_SIZE:
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
            if pending.claim() and begin(pending):
                messages.append(message)
                size += len(message)
        return messages
