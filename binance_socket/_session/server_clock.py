"""What time it is at the exchange."""

from __future__ import annotations

import attrs

from .._wire.messages import Reply
from .._wire.values import as_object
from .effects import Pending

__all__ = ["ServerClock", "learn_from", "time_told"]

# How far clocks drift apart until the time is told again, in seconds.
_SLACK = 0.05
# The years 2000 and 2100, in epoch seconds.
_CENTURY_BEGINS = 946_684_800.0
_CENTURY_ENDS = 4_102_444_800.0
# How far off it may be without being asked again, in seconds; and how far it is thought to be before it was told.
_VAGUE = 1.0
# The exchange's milliseconds have 13 digits, its microseconds 16.
_MICROSECONDS_FROM = 10**14


@attrs.frozen
class _Sample:
    offset: float
    round_trip: float
    taken_at: float

    @property
    def is_told(self) -> bool:
        return self.round_trip != float("inf")

    @property
    def uncertainty(self) -> float:
        return self.round_trip / 2 + _SLACK if self.is_told else _VAGUE


class ServerClock:
    """
    The exchange's clock, as an offset to our monotonic one.

    The wall clock serves only until the first answer that carries server time: a wall clock that jumps, or is an hour
    off, does no harm. Reading and learning are single attribute accesses, so any thread may do either.
    """

    # A sample is believed over a better one that is older than this: clocks drift.
    STALE_AFTER = 600.0

    def __init__(self, *, monotonic: float, wall: float) -> None:
        self._sample = _Sample(wall - monotonic, float("inf"), monotonic)

    @property
    def offset(self) -> float:
        """Seconds from the monotonic clock to the exchange's."""
        return self._sample.offset

    @property
    def is_learned(self) -> bool:
        """Whether the exchange has told the time at all."""
        return self._sample.is_told

    def knows(self, monotonic: float) -> bool:
        """Whether the exchange has told the time so near to *monotonic* that the clocks cannot drift far in between."""
        sample = self._sample
        return sample.is_told and abs(monotonic - sample.taken_at) <= self.STALE_AFTER

    def is_fresh(self, monotonic: float) -> bool:
        """Whether it has told it so lately and so quickly that there is no reason to ask again."""
        return self.uncertainty <= _VAGUE and self.knows(monotonic)

    @property
    def uncertainty(self) -> float:
        """How far off it may be, in seconds: a second as long as the exchange has not told the time."""
        return self._sample.uncertainty

    def now(self, monotonic: float) -> float:
        """Return the exchange's time in epoch seconds."""
        return monotonic + self._sample.offset

    def timestamp(self, monotonic: float) -> int:
        """Return the exchange's time in whole milliseconds, as requests carry it."""
        return int(self.now(monotonic) * 1000)

    def earliest(self, monotonic: float) -> int:
        """Return the exchange's time in whole milliseconds, at least as far as :attr:`uncertainty` tells."""
        sample = self._sample
        return int((monotonic + sample.offset - sample.uncertainty) * 1000)

    def latest(self, monotonic: float) -> int:
        """
        Return the exchange's time in whole milliseconds, at most: nothing that it has sent by then says more.

        As long as it has not told the time, that is the end of this century.
        """
        sample = self._sample
        if not sample.is_told:
            return int(_CENTURY_ENDS * 1000)
        return int((monotonic + sample.offset + sample.uncertainty) * 1000)

    def learn(self, server_time: float, *, sent: float, received: float, force: bool = False) -> bool:
        """
        Take in that an answer to a request of *sent* (monotonic), received at *received*, carries *server_time*.

        Return whether that is better than what was known.

        The exchange looked at its clock somewhere in between, so a short round trip says more than a long one; with
        *force* the sample counts in any case, because the present offset has just been proved wrong. What is no time of
        this century is not believed: nothing could be computed with it.
        """
        if not _CENTURY_BEGINS <= server_time < _CENTURY_ENDS:
            return False
        round_trip = max(received - sent, 0.0)
        best = self._sample
        if force or round_trip <= best.round_trip or received - best.taken_at > self.STALE_AFTER:
            self._sample = _Sample(server_time - (sent + received) / 2, round_trip, received)
            return True
        return False


def learn_from(pending: Pending, reply: Reply, clock: ServerClock, now: float) -> None:
    """Let *clock* learn from the answer to *pending*. Where the session asked for the time, that counts in any case."""
    seconds = time_told(reply)
    if seconds is not None and pending.sent_at is not None:
        resyncing = pending.handle is None and pending.request.method == "time"
        clock.learn(seconds, sent=pending.sent_at, received=now, force=resyncing)


def time_told(reply: Reply) -> float | None:
    """Return what time it was at the exchange, in epoch seconds, if *reply* says so."""
    moment = as_object(reply.result).get("serverTime")
    if type(moment) is not int:
        return None
    return moment / (1e6 if moment >= _MICROSECONDS_FROM else 1e3)
