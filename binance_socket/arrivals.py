"""Events as they are handed to callbacks: what came, and how it arrived."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Generic, Protocol, TypeVar

import attrs

from ._wire.decoder import thawed
from .errors import BinanceSocketError

__all__ = ["Batch", "DataEvent", "Dispatcher", "EventSource", "arrived"]

T = TypeVar("T")


class EventSource(enum.Enum):
    """How the library came to know of an event."""

    LIVE = "live"
    """The exchange sent it as it happened."""
    BACKFILL = "backfill"
    """
    It happened while nothing could be heard, and the exchange was asked afterwards.

    What cannot be known has the value that stands for nothing (an ``execution_id`` of -1); ``event_time`` is when it
    happened.
    """


@attrs.frozen
class Batch:
    """What the events of one read have in common."""

    stream: str | int | None = attrs.field(repr=False)
    """It may be a listen key."""
    received_at: datetime
    possible_duplicate: bool = False
    source: EventSource = EventSource.LIVE
    late: bool = False
    read_at: float = 0.0
    """When it was received, monotonic."""


@attrs.frozen(weakref_slot=False)
class DataEvent(Generic[T]):
    """An event, and how it arrived."""

    data: T
    stream: str | int | None = attrs.field(repr=False)
    """The name of the stream, the listen key, or the number of the subscription, that it came on."""
    received_at: datetime
    """When it was read from the socket, or made from an answer, by this machine's clock, in UTC."""
    event_time: datetime | None
    """When the exchange sent it, by its own clock, in UTC."""
    source: EventSource = EventSource.LIVE
    possible_duplicate: bool = False
    """
    Whether it may have been delivered before.

    While one connection takes over from another, every event comes twice; where two events cannot be told apart,
    neither is dropped.
    """
    late: bool = False
    """Whether events that happened later may have been delivered before it. Only what was found out afterwards is."""
    raw: Any = attrs.field(default=None, repr=False)
    """The payload as it came, if the options ask for it (``keep_raw``): an object, or an array of them."""


_Thawed: Final = thawed(DataEvent)
_new: Final[Callable[[Any], Any]] = object.__new__


def arrived(data: T, batch: Batch, event_time: datetime | None, raw: Any) -> DataEvent[T]:
    """Return the event *data* as it arrived in *batch*. What ``DataEvent(...)`` gives, in a third of the time."""
    event = _new(_Thawed)
    event.data = data
    event.stream = batch.stream
    event.received_at = batch.received_at
    event.event_time = event_time
    event.source = batch.source
    event.possible_duplicate = batch.possible_duplicate
    event.late = batch.late
    event.raw = raw
    event.__class__ = DataEvent
    return event  # type: ignore[no-any-return]


class Dispatcher(Protocol):
    """Turns a payload into what a user's callback takes, and calls it. Runs on the executor, one event at a time."""

    def __call__(self, payload: Any, batch: Batch, report: Callable[[BinanceSocketError], object], /) -> None:
        """Deliver one event. What the callback raises is passed on; *report* takes what else goes wrong."""
        ...
