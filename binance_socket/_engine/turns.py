"""One heavy request at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from .futures import CallFuture

__all__ = ["Turns"]

Start = Callable[[], "CallFuture[Any] | None"]


class Turns:
    """
    Start requests one after the other, first come first served: each when the one before it is answered.

    For what weighs much and may be wanted by many at once, as the snapshots of all local order books are after a
    connection was lost. *failed* is told of a request that could not be started because of a defect of ours.
    """

    def __init__(self, failed: Callable[[Exception], object]) -> None:
        self._failed = failed
        # Guards everything below.
        self._lock = threading.Lock()
        self._waiting: deque[Start] = deque()
        self._busy = False

    def take(self, start: Start) -> None:
        """
        Have ``start()`` called when its turn comes, here or on the thread that completes the request before it.

        It returns the future of its request, or None if it wants none any more. Any thread; does not wait.
        """
        with self._lock:
            self._waiting.append(start)
            if self._busy:
                return
            self._busy = True
        self._go_on()

    def _go_on(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                start = self._waiting.popleft()
            try:
                future = start()
            except Exception as exc:  # noqa: BLE001  # told to whoever is told of defects; the others have their turn
                self._failed(exc)
                continue
            # Looked at first, so that many that are refused at once do not pile up on the stack.
            if future is not None and not future.done():
                future.when_done(lambda _: self._go_on())
                return
