"""
When a gap was, by the exchange's clock. Pure.

What happened before it was told, and what happens after it comes by itself. What is known of the exchange's clock may
change while it is looked into, so every moment is kept as it was measured, and is reckoned again.
"""

from __future__ import annotations

from typing import Final

from .server_clock import ServerClock
from .told import Told

__all__ = ["LOOK_BACK", "GapTimes"]

LOOK_BACK: Final = 10_000
"""How far before a gap changes are looked for, in milliseconds: clocks and databases are not exact."""
_SCHEDULING: Final = 1.0
"""How long what has arrived may have waited until a thread had its turn to read it, in seconds."""
_SETTING: Final = 1_000
"""By how much what is known of the exchange's clock may change without having been wrong, in milliseconds."""
_UNTOLD: Final = 60_000
"""How far off a clock may be that nobody has set by the exchange's lately, in milliseconds."""


class GapTimes:
    """
    When a subscription's latest gap was. For one thread at a time: the subscription's turn.

    Arguments are monotonic seconds, what is returned is in milliseconds by the exchange's clock.
    """

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self.began_at: float | None = None
        """When what is subscribed was asked for, monotonic; to be set once events come."""
        self.from_ = 0
        """When the gap began, by the latest event or sign of life before it."""
        self.to = 0
        """When events came again, at the latest."""
        self.window = 0
        """From when on something may have been missed."""
        self.restored_at = 0.0
        """When events came again, monotonic."""
        # The last sign of life before the gap: by the exchange's clock as it was known then, and monotonic; and how far
        # off that clock could be, in seconds.
        self._started = 0
        self._started_at = 0.0
        self._uncertain_by = 0.0
        # Whether nobody had told the time by then.
        self._guessed = False
        # When events came no more before it, monotonic: none was sent later.
        self._ceased_at = 0.0
        # When the first event happened that could not be read since the latest gap began.
        self._missed_at: int | None = None
        # Whether the time was known when *to* was reckoned.
        self._knew = False
        # What the clock was like when something was asked.
        self._asked_with = 0.0

    @property
    def began(self) -> int:
        """Since when there is something to be missed, at the earliest; 0 before events have come at all."""
        return 0 if self.began_at is None else self._clock.earliest(self.began_at)

    @property
    def are_known(self) -> bool:
        """Whether the exchange has told the time near enough to when events came again."""
        return self._clock.knows(self.restored_at)

    @property
    def until(self) -> int:
        """
        Until when something may have been missed.

        That may be late, for what comes by itself as well is recognised; if it were early, something would be lost.
        """
        return self.to if self.are_known else self.to + _UNTOLD

    def lost(
        self,
        *,
        heard_at: float,
        received_at: float | None,
        now: float,
        told: Told | None,
        since: int | None,
        doubtful_from: float = float("inf"),
    ) -> None:
        """
        Events have stopped, as of *now*.

        *heard_at* is when the last sign of life came, *received_at* when the latest event did. Of what happened *since*
        then, not everything was found out that the gap before has missed. What happened from *doubtful_from* on may be
        missing although later events have come.
        """
        self._guessed = not self._clock.is_learned
        self._begin(since or self.began, since)
        self._begin(self._beginning(heard_at, received_at, now, told, doubtful_from), since)

    def lost_earlier(
        self,
        *,
        heard_at: float,
        received_at: float | None,
        now: float,
        told: Told | None,
        doubtful_from: float = float("inf"),
    ) -> None:
        """The same, of the gap that has begun already: by what was not known then, something was missed earlier."""
        from_, guessed, since = self.from_, self._guessed, self.window
        self.lost(
            heard_at=heard_at, received_at=received_at, now=now, told=told, since=since, doubtful_from=doubtful_from
        )
        self.from_, self._guessed = min(self.from_, from_), guessed or self._guessed

    def _begin(self, start: int, since: int | None) -> None:
        self.from_ = start
        self.window = min(since or start, max(start - LOOK_BACK, self.began))

    def _beginning(
        self, heard_at: float, received_at: float | None, now: float, told: Told | None, doubtful_from: float
    ) -> int:
        """Return before when nothing is missing."""
        self._uncertain_by = self._clock.uncertainty
        uncertain = self._lag(received_at, told) + self._uncertain_by + _SCHEDULING
        heard_at = min(heard_at, now)
        self._started_at = min(heard_at, doubtful_from) - uncertain
        start = self._started = self._clock.timestamp(self._started_at)
        self._ceased_at = max(heard_at, min(heard_at if received_at is None else received_at, now))
        if told is not None:
            told.correct(self._clock.latest(self._ceased_at), start)
        if told is not None and told.last_event:
            # Everything before it has come, unless it says nothing of that. If nobody has told the time yet, it is all
            # that is known of it.
            doubtful = max(self._ceased_at - (doubtful_from - uncertain), 0.0)
            latest = told.last_event - int(doubtful * 1000)
            start = max(start, latest) if self._clock.is_learned else latest
        if self._missed_at is not None:
            start, self._missed_at = min(start, self._missed_at), None
        return start

    def _lag(self, received_at: float | None, told: Told | None) -> float:
        """Return how long the latest event was under way, in seconds: the latest sign of life may have been, too."""
        if received_at is None or told is None or not told.last_sent:
            return 0.0
        return max(self._clock.now(received_at) - told.last_sent / 1000, 0.0)

    def missed(self, received_at: float, told: Told | None) -> None:
        """An event that came at *received_at* could not be read: the gap that follows begins with it."""
        moment = self._clock.timestamp(received_at - self._clock.uncertainty - _SCHEDULING)
        if told is not None and told.last_event:
            moment = told.last_event
        self._missed_at = moment if self._missed_at is None else min(self._missed_at, moment)

    def restored(self, now: float) -> None:
        """Events come again."""
        self.restored_at = now
        self._knew = False
        self.reckon()

    def reckon(self) -> None:
        """Say when the gap has been, by what is known of the exchange's clock by now."""
        clock = self._clock
        # The clocks may have drifted apart: what happened until events came again does not come by itself.
        to = clock.timestamp(self.restored_at + clock.uncertainty)
        self.to = max(self.to, to) if self._knew else to
        self._knew = self.are_known
        # Everything was so much earlier, or may have been.
        less_certain = max(clock.uncertainty - self._uncertain_by, 0.0)
        too_late = max(self._started - clock.timestamp(self._started_at - less_certain) - _SETTING, 0)
        self._started -= too_late
        if too_late:
            # It may have begun with an earlier gap, by a clock that was as wrong.
            self.window -= too_late + _SETTING
        # If nobody had told the time, what events said of it was believed.
        latest, began = clock.latest(self._ceased_at), self.began
        self.window = min(self.window, max(latest - LOOK_BACK, began))
        if self._guessed and clock.is_learned:
            # And since when there was anything to miss, nobody knew.
            self.window = max(self.window, began)
        self.from_ = min(self.from_ - too_late, latest)

    def correct(self, told: Told, now: float) -> None:
        """Take back what *told* believed of the time when nobody knew better."""
        told.correct(self._clock.latest(now), self._started)

    def asked(self) -> None:
        """Questions are asked about the gap as it is reckoned by now."""
        self._asked_with = self._clock.offset

    @property
    def were_known(self) -> bool:
        """Whether what was asked last was about the right time, as far as is known by now."""
        return self.are_known and abs(self._clock.offset - self._asked_with) * 1000 <= _SETTING
