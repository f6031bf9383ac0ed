"""When to ask what became of a request, and when to believe the answer. Pure."""

from __future__ import annotations

import logging
from typing import Any, Final

from .._wire.messages import Reply, Request
from ..errors import DecodeError, RateLimited
from ..outcomes import StillUnknown, Verdict
from .findings import Answer, Follow, Matter, Settled, Standing, Unclear
from .refusals import seconds_refused

__all__ = ["DEFAULT_RECEIVE_WINDOW", "INTERVALS", "TWICE", "Inquest", "too_late_at"]

logger = logging.getLogger(__name__)

DEFAULT_RECEIVE_WINDOW: Final = 5000.0
"""What the exchange takes ``recvWindow`` to be where it is not sent, in milliseconds."""
PROCESSING: Final = 10.0
"""How long the exchange may take over a request that arrived in time, in seconds (its own statement)."""
MARGIN: Final = 5.0
"""For what was done to show in the exchange's database, and for our idea of its clock to be wrong, in seconds."""
INTERVALS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between one answer and the next question; the last one is repeated."""
# So that a question asked when it is too late is not asked a rounding error before.
_TICK: Final = 0.001
TWICE: Final = 2
"""How often in a row something must be found not to be, before that is believed."""


def too_late_at(timestamp: int, receive_window: float) -> float:
    """
    Return from when on a request cannot be executed any more, nor its execution be hidden: epoch seconds.

    That is by the exchange's clock, for a request that was signed with *timestamp*; both arguments in milliseconds.
    """
    return (timestamp + receive_window) / 1000 + PROCESSING + MARGIN


class Inquest:
    """
    One matter, as far as it is known.

    Evidence that something happened counts at once, wherever it comes from. That nothing happened is believed if the
    exchange says so itself, in a late reply or an event, or if it was found so twice in a row by questions that were
    asked when it was too late for a change. Then it is told; but should evidence come all the same, it is heard::

        open --(late reply, event, answer: it is settled)--------------------------> known
          |  ^                                                                         ^
          |  +-- any other answer: not counted                                         | evidence
          +-----(answer: it is not, asked too late for a change)--> once --(again)--> believed
    """

    def __init__(self, matter: Matter, *, raised_at: float, too_late: float) -> None:
        self._matter = matter
        self._too_late = too_late
        self._verdict: Verdict | None = None
        self._believed = False
        self._reason: str | None = None
        # The standing that was found by the latest answers in a row that count, and how many these are.
        self._standing: Verdict | None = None
        self._times = 0
        # What to ask next and when, and the question that is under way.
        self._question: Request[Any] | None = matter.question
        self._next_at = raised_at + INTERVALS[0]
        self._last_at = raised_at
        self._asked: Request[Any] | None = None
        # Whether the next question is one that an answer led to; whether the answer to the latest may count.
        self._following = False
        self._counts = False
        # How many questions of the series were asked.
        self._step = 1

    @property
    def verdict(self) -> Verdict | None:
        """What is known, or None."""
        return self._verdict

    @property
    def is_certain(self) -> bool:
        """Whether nothing can change what is known any more."""
        return self._verdict is not None and not self._believed

    @property
    def so_far(self) -> StillUnknown:
        """What to say as long as nothing is known."""
        return StillUnknown(self._matter.doubt if self._reason is None else f"{self._matter.doubt}; {self._reason}")

    # What comes by itself.

    def replied(self, reply: Reply) -> None:
        """Take in the answer to the request itself, which came late."""
        try:
            finding = self._matter.replied(reply)
        except DecodeError as error:
            finding = Unclear(f"the late answer cannot be read: {error}")
        if isinstance(finding, Settled):
            self._settle(finding.verdict)

    def reported(self, event: dict[str, Any]) -> None:
        """Take in an event of the account."""
        try:
            finding = self._matter.reported(event)
        except DecodeError:
            return
        if finding is not None:
            self._settle(finding.verdict)

    # What is asked.

    def resume(self, now: float) -> None:
        """Somebody waits who has not: begin the series of questions anew, with one that is due soon."""
        self._step = 1
        if self._asked is None:
            self._next_at = min(self._next_at, max(now, self._last_at + INTERVALS[0]))

    @property
    def next_at(self) -> float | None:
        """When to ask next (monotonic); None when an answer is waited for, or there is nothing to ask."""
        return None if self._question is None or self._asked is not None or self._verdict is not None else self._next_at

    def ask(self, now: float, server_now: float) -> Request[Any] | None:
        """Return the question that is due, to be asked at once; None when there is none. *server_now* in seconds."""
        due = self.next_at
        if due is None or now < due:
            return None
        if not self._following:
            # What an answer led to is asked later still.
            self._counts = server_now >= self._too_late
        self._asked = self._question
        return self._asked

    def answered(self, answer: Answer, now: float, server_now: float) -> None:
        """Take in the answer to the question that was asked: the result, or the error that came in its place."""
        question, self._asked = self._asked, None
        assert question is not None
        try:
            finding = self._matter.answered(question, answer)
        except DecodeError as error:
            finding = Unclear(f"the exchange's answer cannot be read: {error}")
        self._following = isinstance(finding, Follow)
        if isinstance(finding, Follow):
            self._question, self._next_at = finding.request, now
            return
        self._question = self._matter.question
        self._found(finding)
        self._last_at = now
        self._next_at = self._after(now, server_now, answer)

    def _found(self, finding: Settled | Standing | Unclear) -> None:
        if isinstance(finding, Settled):
            self._settle(finding.verdict)
        elif isinstance(finding, Unclear):
            self._reason = finding.reason
            self._times = 0
        elif self._counts:
            self._reason = None
            again = type(finding.verdict) is type(self._standing)
            self._times, self._standing = self._times + 1 if again else 1, finding.verdict
            if self._times >= TWICE and self._verdict is None:
                self._verdict, self._believed = finding.verdict, True
        else:
            self._reason = None
            self._times = 0

    def _after(self, now: float, server_now: float, answer: Answer) -> float:
        """Return when to ask again after an answer that came now."""
        interval = INTERVALS[min(self._step, len(INTERVALS) - 1)]
        self._step += 1
        until_too_late = self._too_late + _TICK - server_now
        if 0 < until_too_late < interval:
            # From then on it counts: begin the series anew.
            interval, self._step = until_too_late, 0
        if isinstance(answer, RateLimited):
            interval = max(interval, seconds_refused(answer.data, server_now) or 0.0)
        return now + interval

    def _settle(self, verdict: Verdict) -> None:
        if self._verdict is None:
            self._verdict = verdict
        elif self._believed:
            if type(verdict) is not type(self._verdict):
                logger.error("believed %r, and now there is evidence of %r", self._verdict, verdict)
            self._verdict, self._believed = verdict, False
