"""Whole frames onto a socket, from several threads."""

from __future__ import annotations

import threading
from collections import deque

from ..errors import Certainty, ConnectionLost
from .clock import SystemClock
from .frames import CLOSE, PING, PONG, TEXT, MaskKeys, close_payload, encode_frame
from .guarded_socket import GuardedSocket, SendFailed

__all__ = ["FrameSender"]

# How long a close frame waits for a frame that is being sent, in seconds. Nobody waits that long but for a dead peer.
_COURTESY = 0.05


class FrameSender:
    """
    Send text, and the control frames that the reader and the timer ask for, never one within another.

    Only ``send()`` may wait for the peer. Control frames go at once if that needs no waiting, and otherwise with
    whoever sends next: a sender, or the reader when there is room again. Of several answers to pings only the latest
    is kept, so that a flood of pings neither blocks nor grows anything.

    Why no control frame is left behind: whoever asks for one notes it, and then tries to take the lock. Where that
    fails, somebody holds the lock, who looks at the notes once more after letting go.

    A signal handler may interrupt a sender right after it was told that the lock is its own, so senders do not ask for
    it: nobody else holds it for longer than an instant.
    """

    def __init__(self, sock: GuardedSocket, timeout: float) -> None:
        self._sock = sock
        self._timeout = timeout
        self._clock = SystemClock()
        # What is asked for. Set by anyone, taken by the holder of the lock; each operation is atomic.
        self._pongs: deque[bytes] = deque(maxlen=1)
        self._pings: deque[bytes] = deque(maxlen=1)
        # Guards the order on the wire and everything below: a frame is sent as a whole while it is held.
        self._lock = threading.Lock()
        self._keys = MaskKeys()
        self._unsent = b""  # the rest of a control frame: goes before anything else
        self._ended = False

    @property
    def stuck(self) -> bool:
        """Whether a control frame waits for room in the send buffer."""
        return bool(self._unsent)

    @property
    def due(self) -> bool:
        """Whether there is something for :meth:`flush` to do."""
        return bool(self._unsent or self._pongs or self._pings)

    def send(self, *payloads: bytes) -> None:
        """
        Send text messages; wait for the peer to make room, up to the timeout.

        Raises ConnectionLost, and the link is dead then. Its certainty tells whether a part of them has left.
        """
        with self._lock:
            if self._ended:
                raise ConnectionLost("the link is closed")
            # The rest of a control frame may leave or not; what counts is whether the messages have begun to.
            mine = False
            deadline = self._clock.monotonic() + self._timeout
            try:
                if self._unsent:
                    self._sock.send(self._unsent, deadline)
                    self._unsent = b""
                mine = True
                keys = self._keys
                frames = [encode_frame(TEXT, payload, keys.next()) for payload in payloads]
                self._sock.send(b"".join(frames), deadline)
            except SendFailed as exc:
                self._ended = True
                self._sock.abort(f"sending failed: {exc}")
                certainty = Certainty.MAYBE_SENT if mine and exc.partly else Certainty.NOT_SENT
                raise ConnectionLost(f"sending failed: {exc}", certainty) from exc
            except BaseException:  # raised again; a signal handler may have raised it in the middle of a frame
                self._interrupted()
                raise
        self._send_what_came()

    def _send_what_came(self) -> None:
        """Send what was noted while this thread had the lock, whatever signal handlers raise meanwhile."""
        done = True
        while done and self.due:
            with self._lock:
                try:
                    done = self._send_noted()
                except BaseException:  # the same
                    self._interrupted()
                    raise
        if self.due:
            # When there is room.
            self._sock.nudge()

    def ping(self) -> None:
        """Send a ping, or note that one is due. Never waits for the peer."""
        self._pings.append(b"")
        self.flush()
        if self.stuck:
            # The reader waits for something to read only. Have it wait for room, too.
            self._sock.nudge()

    def pong(self, payload: bytes) -> None:
        """Answer a ping, or note the answer that is due. Never waits for the peer."""
        self._pongs.append(payload)
        self.flush()

    def flush(self) -> None:
        """Send what is noted as far as that needs no waiting. For the reader and the timer."""
        while self.due and self._lock.acquire(blocking=False):
            try:
                if not self._send_noted():
                    return
            finally:
                self._lock.release()

    def end(self, code: int, reason: str = "") -> None:
        """Send a close frame if the peer takes it at once, and nothing after it. Idempotent."""
        if not self._lock.acquire(timeout=_COURTESY):
            # Somebody is in the middle of a frame, and waits for a peer that does not read.
            return
        try:
            if not self._ended and self._finish_unsent():
                self._try_send(encode_frame(CLOSE, close_payload(code, reason), self._keys.next()))
            self._ended = True
        finally:
            self._lock.release()

    def close(self) -> None:
        """Wait until nobody sends, and release the socket. To be called after ``abort()``, so that nobody waits."""
        with self._lock:
            self._ended = True
            self._sock.close()

    def _send_noted(self) -> bool:
        """Send what is noted, and tell whether all of it went. Requires the lock."""
        assert self._lock.locked()
        if self._ended:
            return False
        if not self._finish_unsent():
            return False
        for opcode, notes in ((PONG, self._pongs), (PING, self._pings)):
            if notes:
                self._try_send(encode_frame(opcode, notes.popleft(), self._keys.next()))
                if self._unsent or self._ended:
                    return False
        return True

    def _interrupted(self) -> None:
        """Have nothing follow what may be half a frame. Requires the lock."""
        self._ended = True
        self._sock.abort("sending was interrupted")

    def _finish_unsent(self) -> bool:
        if self._unsent:
            self._try_send(self._unsent)
        return not self._unsent and not self._ended

    def _try_send(self, frame: bytes) -> None:
        """Send as much of *frame* as goes without waiting, and keep the rest. Requires the lock."""
        assert self._lock.locked()
        # Kept as a whole where nothing went: TLS wants to see the same bytes again.
        try:
            sent = self._sock.try_send(frame)
        except OSError as exc:
            self._unsent, self._ended = b"", True
            # The reader learns of it, and tells everybody.
            self._sock.abort(f"sending failed: {exc}")
        else:
            self._unsent = frame if sent is None else frame[sent:]
