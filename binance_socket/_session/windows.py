"""
What is used of a rate limit in its present interval, as far as it can be told from here. Pure.

The exchange counts in intervals that are aligned to its clock, and every answer says what it has counted. In between,
others spend from the same budget, answers overtake each other, and an interval ends a little sooner or later than our
idea of the exchange's clock says. A :class:`Window` stays on the safe side of all of that:

- a request that was sent counts until its answer has said what it was counted as;
- what an answer told is believed until the answer to a later request tells something else. "Later" means: sent after
  the former answer had arrived. Of answers whose requests were under way together, the largest is believed;
- an interval ends *guard* seconds after it should, and what was answered around that moment counts in the next, too.
"""

from __future__ import annotations

from collections import deque

__all__ = ["SPARE", "Window"]

SPARE = 50
"""What is kept back for the library's own requests, at most; a twentieth of small limits."""
_UNCONFIRMED = 600
"""What may be under way before the exchange has told its limit."""


class Window:
    """One limit. Times are the exchange's, in seconds; *sequence* numbers say what happened before what."""

    __slots__ = (
        "_born",
        "_extra_at",
        "_late",
        "_rolled_at",
        "_told",
        "count",
        "ends",
        "extra",
        "flying",
        "limit",
        "period",
        "spare",
        "told",
        "unit",
    )

    def __init__(self, period: int, limit: int, now: float, *, unit: bool = False, born: int = 0) -> None:
        self.period = period
        self.limit = limit
        self.spare = _spare(limit)
        """What is kept back."""
        self.unit = unit
        """Whether each request counts as one, whatever its weight."""
        self.told = False
        """Whether the exchange has told the limit."""
        # What was booked before that is not among what is under way.
        self._born = born
        self.ends = self._end(now)
        self.count = 0
        """What the exchange has counted, as far as it is known."""
        self.extra = 0
        """What it may have counted without telling."""
        self.flying = 0
        """What is under way."""
        # What answers told, in the order in which they came: (sequence, count). Counts fall from left to right, so that
        # the first one is the largest.
        self._told: deque[tuple[int, int]] = deque()
        self._extra_at = 0
        self._rolled_at = 0
        self._late = 0

    @property
    def used(self) -> int:
        """What counts in the present interval, what is under way included."""
        return self.count + self.extra + self.flying

    def fits(self, amount: int, *, urgent: bool = False, patient: bool = True) -> bool:
        """
        Return whether *amount* may be sent now.

        What is *urgent* may use the spare room as well. What is *patient* leaves room for what others spend meanwhile:
        no more than half of what is left is under way at a time, so that answers tell in time.
        """
        left = self.limit - self.count - self.extra
        if urgent:
            return self.flying + amount <= left
        if amount <= self.limit - self.spare:
            left -= self.spare
        flying = self.flying + amount
        if flying > left:
            return False
        if not self.flying or not patient:
            return True
        return 2 * flying <= left and (self.told or flying <= _UNCONFIRMED)

    @property
    def credit(self) -> int:
        """What may be booked one after the other, by whoever is patient, as long as nothing is settled."""
        left = self.limit - self.spare - self.count - self.extra
        most = left // 2 if self.told else min(left // 2, _UNCONFIRMED)
        return most - self.flying

    def release(self, amount: int, booking: int) -> None:
        """Do not count *amount* any more: what was booked as *booking* was never sent."""
        if booking > self._born:
            self.flying -= amount

    def settle(self, amount: int, booking: int, sequence: int, count: int | None, *, late: bool) -> None:
        """
        Take in that the request booked as *booking* has its answer, or will have none.

        *count* is what the answer told, if it told anything; *late* is whether the interval is about to end.
        """
        self.release(amount, booking)
        if late:
            self._late += amount
        if booking <= self._rolled_at or count is None:
            # Either nothing was told, or perhaps of the interval before.
            self.extra += amount
            self._extra_at = sequence
        else:
            self.learn(booking, sequence, count)

    def learn(self, booking: int, sequence: int, count: int) -> None:
        """Take in what the answer to the request booked as *booking* told."""
        told = self._told
        # What had been told before this request was sent is outdated, even if it was more.
        while told and told[0][0] < booking:
            told.popleft()
        while told and told[-1][1] <= count:
            told.pop()
        told.append((sequence, count))
        self.count = told[0][1]
        if self._extra_at < booking:
            self.extra = 0

    def limited(self, limit: int) -> None:
        """Take in what the limit is."""
        self.limit, self.spare, self.told = limit, _spare(limit), True

    def roll(self, now: float, sequence: int, guard: float) -> None:
        """Begin a new interval, if the present one has ended for certain."""
        if now < self.ends + guard:
            return
        # What was answered lately may have been counted in the interval that begins.
        self.extra = self._late if now < self.ends + self.period else 0
        self._extra_at = self._rolled_at = sequence
        self._late = 0
        self._told.clear()
        self.count = 0
        self.ends = self._end(now - guard)

    def realign(self, now: float) -> None:
        """Take in that the clock was wrong: the interval does not end later than *now* says."""
        self.ends = min(self.ends, self._end(now))

    def frees_at(self, amount: int, ahead: int, guard: float) -> float | None:
        """
        Return when there will be room for *amount* if *ahead* goes before it and nobody else spends anything.

        0.0 is now, None is never.
        """
        if amount > self.limit:
            return None
        usable = max(self.limit - self.spare, amount)
        lacking = amount + ahead - max(usable - self.used, 0)
        if lacking <= 0:
            return 0.0
        return self.ends + guard + (-(-lacking // usable) - 1) * self.period

    def _end(self, now: float) -> float:
        return (now // self.period + 1) * self.period


def _spare(limit: int) -> int:
    return min(SPARE, limit // 20)
