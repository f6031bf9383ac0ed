"""
How a local order book is kept.

::

                opened, or an event               a snapshot that fits
    CONNECTING --------------------> SYNCHRONISING --------------------> SYNCHRONISED
        ^                            |    ^   ^ |                          |  |    ^ |
        |           lost             |    |   +-+ too old, or refused:     |  |    +-+ a snapshot that reaches further,
        +----------------------------+    |       later another one        |  |        when a side has become short
        |                                 +------ an update id is missing -+  |
        +--------------------------------- lost ------------------------------+

    close() leads from everywhere to CLOSED.

As the exchange describes it: events are held from the first one on, and a snapshot is asked for; one that is older than
the first event held is no good, and another is asked for; events that the snapshot holds already are let go, the others
applied. From then on an event that is not newer is let go, and one whose first update id is above the book's plus one
shows that something was missed: start over, with that event as the first one held.

In three things this goes beyond the description:

- In a market where nothing happens there is no first event. After *patience* seconds without any a snapshot is asked
  for all the same; the event after it has to follow it, like any other.
- Of events that are held, each must follow the one before it, too. Otherwise those before it are worth nothing.
- Snapshots are asked for one at a time, and those in quick succession ever more slowly: they weigh much.

Source: "How to manage a local order book correctly".
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Protocol

from ..models.order_book import PriceLevel
from .backoff import Backoff
from .price_levels import PriceLevels

__all__ = ["BookState", "Diff", "LocalBook", "Snapshot", "Verdict"]

# Events held at most. Of more than that the oldest are let go: a snapshot that is fit has to be newer than they are.
_MOST_HELD = 10_000
# A book that has needed no snapshot for so many seconds gets the next one at once.
_CALM = 60.0


class BookState(enum.Enum):
    """What a local order book is doing. Only in SYNCHRONISED is it the exchange's book."""

    CONNECTING = "connecting"
    """No events come: not yet, or the connection was lost."""
    SYNCHRONISING = "synchronising"
    """Events come and are held, and a snapshot is wanted for them."""
    SYNCHRONISED = "synchronised"
    """Every event that has come was applied, and none was missed."""
    CLOSED = "closed"
    """It has ended."""


class Verdict(enum.Enum):
    """What was done with an event or a snapshot."""

    APPLIED = enum.auto()
    """The book has changed."""
    HELD = enum.auto()
    """It waits for a snapshot."""
    OLD = enum.auto()
    """It was let go: it told nothing new, was too old to be used, or nobody waits for it any more."""
    GAP = enum.auto()
    """Something was missed before it: it waits for a snapshot, and the book is not the exchange's any more."""


class Diff(Protocol):
    """A change: the new quantities of some levels, and the ids of the updates that it sums up."""

    @property
    def first_update_id(self) -> int: ...
    @property
    def last_update_id(self) -> int: ...
    @property
    def bids(self) -> tuple[PriceLevel, ...]: ...
    @property
    def asks(self) -> tuple[PriceLevel, ...]: ...


class Snapshot(Protocol):
    """A book as it was after one update: levels best first."""

    @property
    def last_update_id(self) -> int: ...
    @property
    def bids(self) -> tuple[PriceLevel, ...]: ...
    @property
    def asks(self) -> tuple[PriceLevel, ...]: ...


class LocalBook:
    """One symbol's book, and whether it is the exchange's. Times are monotonic seconds."""

    def __init__(self, *, depth: int, patience: float, backoff: Backoff) -> None:
        self.bids = PriceLevels(descending=True, depth=depth)
        self.asks = PriceLevels(descending=False, depth=depth)
        self.state = BookState.CONNECTING
        self.last_update_id: int | None = None
        """The last update that went into the levels; None before the first snapshot."""
        self.next_at: float | None = None
        """When a snapshot is to be asked for; None while one is under way, or none is needed."""
        self._patience = patience
        self._backoff = backoff
        self._held: deque[Diff] = deque(maxlen=_MOST_HELD)
        self._attempts = 0
        # The number of the snapshot that is under way.
        self._asking: int | None = None
        self._asked_at: float | None = None
        self._not_before = 0.0

    def opened(self, now: float) -> None:
        """Events come from now on."""
        if self.state is BookState.CONNECTING:
            self.state = BookState.SYNCHRONISING
            self._plan(now + self._patience)

    def lost(self) -> None:
        """No events come until :meth:`opened`. A snapshot that is under way is not waited for."""
        if self.state is not BookState.CLOSED:
            self.state = BookState.CONNECTING
            self._forget()

    def close(self) -> None:
        """It is over. Idempotent."""
        self.state = BookState.CLOSED
        self._forget()

    def updated(self, diff: Diff, now: float) -> Verdict:
        """Take an event."""
        if self.state is BookState.SYNCHRONISED:
            return self._follow(diff, now)
        if self.state is BookState.CLOSED:
            return Verdict.OLD
        self.state = BookState.SYNCHRONISING
        return self._hold(diff, now)

    # Snapshots.

    def due(self, now: float) -> int | None:
        """Return the number of the snapshot that must be asked for now, if one must. It is under way then."""
        if self.next_at is None or now < self.next_at:
            return None
        if self.state is BookState.SYNCHRONISED:
            # What a snapshot from now on can do without.
            self._held.clear()
        if self._asked_at is None or now - self._asked_at >= _CALM:
            self._backoff.reset()
        self._asked_at, self._not_before = now, now + self._backoff.next()
        self.next_at = None
        self._attempts += 1
        self._asking = self._attempts
        return self._asking

    def is_asking(self, number: int) -> bool:
        """Return whether the snapshot with this *number* is still waited for."""
        return self._asking == number

    def snapshot(self, number: int, snapshot: Snapshot, now: float) -> Verdict:
        """Take the snapshot with this *number*."""
        if self._asking != number:
            return Verdict.OLD
        self._asking = None
        if self._is_too_old(snapshot.last_update_id):
            self._plan(now)
            return Verdict.OLD
        self.bids.replace(snapshot.bids)
        self.asks.replace(snapshot.asks)
        self.last_update_id = snapshot.last_update_id
        self.state = BookState.SYNCHRONISED
        for diff in self._held:
            if diff.last_update_id > self.last_update_id:
                self._apply(diff)
        self._held.clear()
        return Verdict.APPLIED

    def snapshot_failed(self, number: int, now: float, at_least: float = 0.0) -> None:
        """There is no snapshot with this *number*; *at_least* is for how many seconds none must be asked for."""
        if self._asking == number:
            self._asking = None
            self._not_before = max(self._not_before, now + at_least)
            self._plan(now)

    def _is_too_old(self, update_id: int) -> bool:
        if self._held:
            return update_id < self._held[0].first_update_id
        # With nothing held, a book that is synchronised has not changed since: older is a step back.
        return (
            self.state is BookState.SYNCHRONISED and self.last_update_id is not None and update_id < self.last_update_id
        )

    def _plan(self, when: float) -> None:
        """Have a snapshot asked for at *when*, or as soon after it as may be."""
        self.next_at = max(when, self._not_before)

    # Events.

    def _follow(self, diff: Diff, now: float) -> Verdict:
        assert self.last_update_id is not None
        if diff.last_update_id <= self.last_update_id:
            return Verdict.OLD
        if diff.first_update_id > self.last_update_id + 1:
            self.state = BookState.SYNCHRONISING
            self._hold(diff, now)
            return Verdict.GAP
        self._apply(diff)
        if self._asking is not None:
            self._held.append(diff)
        elif self.next_at is None and (self.bids.is_short or self.asks.is_short):
            self._plan(now)
        return Verdict.APPLIED

    def _hold(self, diff: Diff, now: float) -> Verdict:
        if self._held:
            before = self._held[-1].last_update_id
            if diff.last_update_id <= before:
                return Verdict.OLD
            if diff.first_update_id > before + 1:
                self._held.clear()
        self._held.append(diff)
        if self._asking is None and (self.next_at is None or self.next_at > now):
            self._plan(now)
        return Verdict.HELD

    def _apply(self, diff: Diff) -> None:
        self.bids.apply(diff.bids)
        self.asks.apply(diff.asks)
        self.last_update_id = diff.last_update_id

    def _forget(self) -> None:
        self._held.clear()
        self._asking = self.next_at = None
