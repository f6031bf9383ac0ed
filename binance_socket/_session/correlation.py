"""Which answer belongs to which request."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from .effects import Pending

__all__ = ["Correlation"]

# So many deadlines are kept even if most of them have been met.
_FEW: Final = 1024


class Correlation:
    """The requests of one connection that wait for an answer, by id and by who asked, and their deadlines."""

    def __init__(self) -> None:
        self._pending: dict[str | int | None, Pending] = {}
        # By the ids of their handles, which live for as long as what holds them.
        self._asked: dict[int, Pending] = {}
        # Ids of requests that were answered stay in the heap until they come up, or are many: removing each would cost
        # more.
        self._deadlines: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, pending: Pending) -> bool:
        return self._pending.get(pending.id) is pending

    def __iter__(self) -> Iterator[Pending]:
        """Iterate over a snapshot, in the order in which they were added."""
        return iter(tuple(self._pending.values()))

    def add(self, pending: Pending) -> None:
        self._pending[pending.id] = pending
        if pending.handle is not None:
            self._asked[id(pending.handle)] = pending
        if len(self._deadlines) > _FEW and len(self._deadlines) > 2 * len(self._pending):
            self._deadlines = [entry for entry in self._deadlines if entry[1] in self._pending]
            heapq.heapify(self._deadlines)
        heapq.heappush(self._deadlines, (pending.deadline, pending.id))

    def take(self, request_id: str | int | None) -> Pending | None:
        """Remove and return the request with this id, or None: it is unknown, answered already, or timed out."""
        pending = self._pending.pop(request_id, None)
        if pending is not None:
            self._asked.pop(id(pending.handle), None)
        return pending

    def asked_by(self, handle: object) -> Pending | None:
        """Return the request of *handle* that waits, if there is one. There is one at a time."""
        return self._asked.get(id(handle))

    def take_all(self) -> list[Pending]:
        """Remove and return everything."""
        everything = list(self._pending.values())
        self._pending.clear()
        self._asked.clear()
        self._deadlines.clear()
        return everything

    def take_due(self, now: float) -> list[Pending]:
        """Remove and return the requests whose deadline has come."""
        due: list[Pending] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            pending = self.take(heapq.heappop(self._deadlines)[1])
            if pending is not None:
                due.append(pending)
        return due

    def next_deadline(self) -> float | None:
        """Return when the next request times out."""
        while self._deadlines and self._deadlines[0][1] not in self._pending:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None
