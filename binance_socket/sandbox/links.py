"""WebSocket connections of the sandbox: what they send, in which order, and how long they live."""

from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final, cast

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Event
from websockets.sync.server import ServerConnection

from .._engine.clock import Clock
from .._engine.timer import Alarm, Timer
from .wire import Wire

if TYPE_CHECKING:
    from .venue import Session

__all__ = ["Heart", "Link", "Outbox", "text_frame"]

logger = logging.getLogger(__name__)

PING_INTERVAL: Final = 20.0
PONG_TIMEOUT: Final = 60.0
LIFETIME: Final = 24 * 3600.0
SHUTDOWN_NOTICE: Final = 10.0

_BATCH: Final = 512
# A peer that never reads must not fill the memory.
_LONGEST_QUEUE: Final = 2_000_000
_numbers = itertools.count(1)


def text_frame(payload: bytes) -> bytes:
    """Return a text message as it stands on the wire, unmasked, as servers send it."""
    return _frame(0x81, payload)


def ping_frame(payload: bytes) -> bytes:
    """Return a ping as it stands on the wire."""
    return _frame(0x89, payload)


def _frame(head: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((head, size)) + payload
    if size < 65536:
        return bytes((head, 126)) + size.to_bytes(2, "big") + payload
    return bytes((head, 127)) + size.to_bytes(8, "big") + payload


class Link(ServerConnection):
    """
    A connection of ``websockets``' threaded server, over a :class:`Wire`.

    Adds three things: its threads are named, control frames are reported to *on_control* (on the reading thread), and
    many messages can be written at once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.on_control: Callable[[Frame], object] | None = None
        self.session: Session | None = None
        self.wire = cast(Wire, args[0])
        self.transform: Callable[[bytes], bytes] | None = None
        """What becomes of whole frames before they are written."""
        self.spoiled = ""
        """How the answer to the upgrade is to be spoiled."""
        self.number = next(_numbers)
        handler = threading.current_thread()
        handler.name = f"sandbox-link-{self.number}"
        super().__init__(*args, **kwargs)
        self.recv_events_thread.name = f"sandbox-reader-{self.number}"
        self.wire.threads += [handler, self.recv_events_thread]
        self.wire.attached = self
        self.serving = False

    def interrupt(self) -> None:
        """Have the reading thread notice that the wire is closed, which websockets 17 does not read to find out."""
        notifier = getattr(self, "shutdown_notifier", None)
        if isinstance(notifier, socket.socket):
            with contextlib.suppress(OSError):
                notifier.send(b"x")

    def process_event(self, event: Event) -> None:
        """Report control frames, and let websockets do the rest."""
        if isinstance(event, Frame) and event.opcode in (Opcode.PING, Opcode.PONG) and self.on_control is not None:
            self.on_control(event)
        super().process_event(event)

    def write(self, frames: bytes) -> None:
        """Write whole frames at once. Raises OSError when the connection is not open (any more)."""
        # websockets writes its own frames (pongs, closes) under this mutex, too.
        with self.protocol_mutex:
            if self.protocol.state is not OPEN:
                raise ConnectionAbortedError("the connection is closing")
            self.socket.sendall(frames if self.transform is None else self.transform(frames))


class _Close:
    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason


class Outbox:
    """
    Everything that a connection sends, in order, from a thread of its own.

    ``put`` never blocks, so the exchange can publish whatever its peers do. Nothing leaves before ``open``: that is
    how a connection can listen before its handshake is answered, and miss nothing that happens after.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        # Guards everything below.
        self._changed = threading.Condition(threading.Lock())
        self._queue: deque[bytes | _Close] = deque()
        self._pauses = 1
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"sandbox-outbox-{link.number}", daemon=True)
        link.wire.threads.append(self._thread)
        self._thread.start()

    def put(self, frame: bytes | _Close) -> None:
        """Send *frame* after everything that was put before. Any thread; never blocks."""
        with self._changed:
            if self._stopped:
                return
            self._queue.append(frame)
            if len(self._queue) > _LONGEST_QUEUE:
                self._stopped = True
            self._changed.notify()

    def send(self, payload: bytes) -> None:
        """Send a text message. Any thread; never blocks."""
        self.put(text_frame(payload))

    def close_with(self, code: int, reason: str = "") -> None:
        """Close the connection in the WebSocket way, after everything that was put before. Never blocks."""
        self.put(_Close(code, reason))

    @property
    def stopped(self) -> bool:
        """Whether nothing more is sent."""
        return self._stopped

    @property
    def backlog(self) -> int:
        """How many frames wait to be sent."""
        return len(self._queue)

    def open(self) -> None:
        """Let everything go that was put. Once, when the handshake is over."""
        with self._changed:
            self._pauses -= 1
            self._changed.notify()

    @contextlib.contextmanager
    def paused(self) -> Generator[None]:
        """
        Hold back whatever is put meanwhile.

        This is how an acknowledgement comes before the first event and yet no event is missed: put the one, start the
        other, then let both go.
        """
        with self._changed:
            self._pauses += 1
        try:
            yield
        finally:
            with self._changed:
                self._pauses -= 1
                self._changed.notify()

    def stop(self) -> None:
        """Send nothing more. Any thread."""
        with self._changed:
            self._stopped = True
            self._queue.clear()
            self._changed.notify()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            try:
                if isinstance(batch, _Close):
                    self._link.close(batch.code, batch.reason)
                    break
                self._link.write(batch)
            except (OSError, ConnectionClosed) as exc:
                logger.debug("connection %d: %s", self._link.number, exc)
                break
        self.stop()
        self._link.wire.kill()

    def _next(self) -> bytes | _Close | None:
        """Wait for something to send; None when stopped."""
        with self._changed:
            while not self._stopped and (self._pauses or not self._queue):
                self._changed.wait()
            if self._stopped:
                return None
            frames: list[bytes] = []
            while self._queue and len(frames) < _BATCH:
                item = self._queue[0]
                if isinstance(item, _Close):
                    if frames:
                        break
                    self._queue.popleft()
                    return item
                self._queue.popleft()
                frames.append(item)
            return b"".join(frames)


class Heart:
    """
    Pings the peer every 20 s, lets go of it when no pong came for 60 s, and ends the connection after 24 h.

    *farewell* sends the ``serverShutdown`` event, 10 s before the end.
    """

    def __init__(self, outbox: Outbox, clock: Clock, timer: Timer, farewell: Callable[[], object]) -> None:
        self._outbox, self._clock, self._timer = outbox, clock, timer
        started = clock.monotonic()
        # Guards everything below.
        self._lock = threading.Lock()
        self._stopped = False
        self._number = 0
        self._unanswered: dict[bytes, float] = {}
        self._next_ping: Alarm = timer.call_at(started + PING_INTERVAL, self._beat)
        self._ends = (
            timer.call_at(started + LIFETIME - SHUTDOWN_NOTICE, farewell),
            timer.call_at(started + LIFETIME, lambda: outbox.close_with(1001, "24 hours are over")),
        )

    def pong(self, payload: bytes) -> None:
        """Note a pong. Only a copy of a ping of ours counts, and it counts for all pings before it."""
        with self._lock:
            if payload in self._unanswered:
                for ping in list(self._unanswered):
                    del self._unanswered[ping]
                    if ping == payload:
                        break

    def stop(self) -> None:
        """Stop. Idempotent; any thread."""
        with self._lock:
            self._stopped = True
            alarms = (self._next_ping, *self._ends)
        for alarm in alarms:
            alarm.cancel()

    def _beat(self) -> None:
        now = self._clock.monotonic()
        payload: bytes | None = None
        with self._lock:
            if self._stopped:
                return
            oldest = min(self._unanswered.values(), default=now)
            # A test's clock may jump by hours while a pong is on its way: one missing pong is not enough then.
            if now - oldest >= PONG_TIMEOUT and len(self._unanswered) >= PONG_TIMEOUT / PING_INTERVAL:
                self._stopped = True
            else:
                self._number += 1
                payload = b"%d" % self._number
                self._unanswered[payload] = now
                self._next_ping = self._timer.call_at(now + PING_INTERVAL, self._beat)
        if payload is None:
            self._outbox.close_with(1008, "Pong timeout")
        else:
            self._outbox.put(ping_frame(payload))
