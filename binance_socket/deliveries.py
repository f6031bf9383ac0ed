"""What waits for a subscription's callbacks, and what becomes of it when it is too much."""

from __future__ import annotations

import sys
from collections.abc import Callable

import attrs

from ._engine.audience import Payload
from ._engine.mailbox import DropOldest, Everything, LatestOnly
from .arrivals import Batch
from .options import FlowPolicy

__all__ = ["Deliveries", "Event", "Item", "Notice", "deliveries", "most_waiting"]


@attrs.frozen
class Notice:
    """Something to be done in its turn among the events."""

    give: Callable[[], object]


# Events are plain tuples because there are so many of them.
Event = tuple[Payload, Batch]
Item = Event | Notice
Deliveries = Everything[Item] | DropOldest[Item] | LatestOnly[Item]


def deliveries(policy: FlowPolicy, size: int, lag: Callable[[], object]) -> Deliveries:
    """Return the mailbox for *policy*, which holds *size* events; *lag* is to be called when they become too many."""
    if policy is FlowPolicy.DROP_OLDEST:
        return DropOldest(size, must_stay=_is_notice, notice=lambda: Notice(lag))
    if policy is FlowPolicy.LATEST_ONLY:
        return LatestOnly(_stream_of)
    return Everything(size, notice=lambda: Notice(lag))


def most_waiting(policy: FlowPolicy, size: int) -> int:
    """Return with how many events waiting the reader is to stop. Those who drop some keep themselves small."""
    return size if policy is FlowPolicy.BLOCK else sys.maxsize


def _is_notice(item: Item) -> bool:
    return isinstance(item, Notice)


def _stream_of(item: Item) -> str | int | None:
    return None if isinstance(item, Notice) else item[1].stream
