"""What a session asks by itself, and what it does with the answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .._wire.messages import Request
from .admission import Admission
from .correlation import Correlation
from .effects import Outcome, Pending

__all__ = ["OwnRequests"]


class OwnRequests:
    """Requests that nobody but the session waits for. A part of it, under its lock."""

    def __init__(
        self,
        requests: Correlation,
        admission: Admission,
        *,
        ids: Iterator[str],
        timeout: float,
        now: Callable[[], float],
    ) -> None:
        self._requests = requests
        self._admission = admission
        self._ids = ids
        self._timeout = timeout
        self._now = now
        self._continuations: dict[str, Callable[[Outcome], None]] = {}

    def ask(self, request: Request[Any], then: Callable[[Outcome], None]) -> None:
        """Ask *request* now; *then* is called with its outcome, unless the link is lost before."""
        pending = Pending(next(self._ids), request, self._now() + self._timeout)
        self._continuations[pending.id] = then
        self._requests.add(pending)
        self._admission.send(pending, self._now())

    def resync(self, pending: Pending) -> None:
        """Ask what time it is, and then the same again with the right time: -1021 is a definite refusal."""
        again = Pending(next(self._ids), pending.request, pending.deadline, pending.handle, resynced=True)
        continuation = self._continuations.pop(pending.id, None)
        if continuation is not None:
            self._continuations[again.id] = continuation
        self._requests.add(again)

        def resume(outcome: Outcome) -> None:
            if again in self._requests:
                self._admission.send(again, self._now())

        self.ask(Request("time"), resume)

    def ended(self, pending: Pending, outcome: Outcome) -> None:
        """Take in that *pending*, which nobody else waits for, has ended with *outcome*."""
        then = self._continuations.pop(pending.id, None)
        if then is not None:
            then(outcome)

    def clear(self) -> None:
        """The link is gone: nothing is waited for any more."""
        self._continuations.clear()
