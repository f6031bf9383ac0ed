"""How one thread interrupts another that waits for a socket."""

from __future__ import annotations

import contextlib
import socket
import threading

__all__ = ["Waker"]


class Waker:
    """
    A descriptor that becomes readable when another thread wants attention.

    ``wake()`` is for ever: once woken, every wait on this waker ends at once. ``nudge()`` ends one wait only, so that
    whoever waits looks again at what it waits for. A socket pair rather than a pipe, because Windows selects sockets
    only.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        # Guards the descriptors against being written to after they were closed, when the number may be another's.
        # Reentrant, because a signal handler that closes the client may come between.
        self._lock = threading.RLock()
        self._woken = False
        self._closed = False

    @property
    def woken(self) -> bool:
        """Whether ``wake()`` was called."""
        return self._woken

    def wake(self) -> None:
        """End every wait, now and later. Never blocks; any thread; idempotent; does nothing when closed."""
        self._woken = True
        self._write()

    def nudge(self) -> None:
        """End one wait. Never blocks; any thread; does nothing when closed."""
        self._write()

    def drain(self) -> None:
        """Forget earlier nudges. Only for the thread that waits; a wake-up is kept."""
        with contextlib.suppress(OSError):
            self._reader.recv(4096)
        if self._woken:
            # It may have been this byte: make sure that the next wait ends, too.
            self._write()

    def fileno(self) -> int:
        """Return the descriptor to wait for (readable); -1 when closed."""
        return self._reader.fileno()

    def close(self) -> None:
        """Release the descriptors. Only when nobody waits any more; idempotent."""
        with self._lock:
            self._closed = True
            self._reader.close()
            self._writer.close()

    def _write(self) -> None:
        with self._lock:
            if not self._closed:
                # A full pair is readable already.
                with contextlib.suppress(OSError):
                    self._writer.send(b"\0")
