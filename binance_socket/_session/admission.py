"""Which requests of a session may leave, and which wait for room within the rate limits. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from .._wire.messages import Reply
from ..errors import Certainty, HandshakeError, RateLimited
from .costs import Waiter
from .effects import Effect, Pending, Send
from .refusals import TOO_MANY_REQUESTS

__all__ = ["Admission", "Door", "OpenDoor", "held_back"]


class Door(Protocol):
    """A session's way to the budget that it shares with others. Times are monotonic, in seconds."""

    @property
    def quiet_until(self) -> float:
        """Until then nothing may be sent at all."""
        ...

    @property
    def closed_until(self) -> float:
        """Until then no request may be sent."""
        ...

    def refusal(self, pending: Pending, now: float) -> RateLimited | None:
        """Return why *pending* cannot leave by its deadline, if that is certain already."""
        ...

    def enter(self, pending: Pending, now: float) -> Waiter | None:
        """Let *pending* leave at once (None), or wait for its turn. Raises RateLimited where it does not wait."""
        ...

    def answered(self, pending: Pending, reply: Reply, now: float) -> None:
        """Take in what the answer to a booked request tells."""
        ...

    def refused(self, reply: Reply, now: float) -> None:
        """Take in an error that is the answer to no booked request: it came too late, or has no id."""
        ...

    def unanswered(self, pending: Pending, now: float) -> None:
        """Take in that a booked request will have no answer, or was not sent."""
        ...

    def withdraw(self, waiter: Waiter, now: float) -> None:
        """Let somebody else have the turn of *waiter*."""
        ...

    def collect(self, now: float) -> list[Waiter]:
        """Return those whose turn it is."""
        ...

    def next_at(self, now: float) -> float:
        """Return when :meth:`collect` should be called at the latest."""
        ...

    def connect_refused(self, status: int, seconds: float | None, now: float) -> None:
        """Take in that the server refused to be connected to, for *seconds* if it said so."""
        ...


class OpenDoor:
    """A door without limits behind it."""

    quiet_until = 0.0
    closed_until = 0.0

    def refusal(self, pending: Pending, now: float) -> RateLimited | None:
        return None

    def enter(self, pending: Pending, now: float) -> Waiter | None:
        return None

    def answered(self, pending: Pending, reply: Reply, now: float) -> None:
        """Nothing was booked."""

    def refused(self, reply: Reply, now: float) -> None:
        """There is nothing to close."""

    def unanswered(self, pending: Pending, now: float) -> None:
        """Nothing was booked."""

    def withdraw(self, waiter: Waiter, now: float) -> None:
        """Nobody waits."""

    def collect(self, now: float) -> list[Waiter]:
        return []

    def next_at(self, now: float) -> float:
        return float("inf")

    def connect_refused(self, status: int, seconds: float | None, now: float) -> None:
        """That is the session's business."""


class Admission:
    """Sends what may be sent, and keeps what has to wait. A part of the session, under its lock."""

    def __init__(self, door: Door, effects: list[Effect], refuse: Callable[[Pending, RateLimited], None]) -> None:
        self.door = door
        self._effects = effects
        self._refuse = refuse
        self._held: dict[str, Waiter] = {}
        # What the door said when it was last asked whom it would refuse.
        self._closed_until = 0.0

    def __bool__(self) -> bool:
        """Whether something waits."""
        return bool(self._held)

    def check(self, pending: Pending, now: float) -> None:
        """Refuse a request that has not left, if it cannot do so by its deadline anyway."""
        error = self.door.refusal(pending, now)
        if error is not None:
            self._refuse(pending, error)

    def send(self, pending: Pending, now: float) -> None:
        """Send *pending* now, or when there is room for it; or refuse it."""
        try:
            waiter = self.door.enter(pending, now)
        except RateLimited as error:
            self._refuse(pending, error)
            return
        if waiter is None:
            self._effects.append(Send(pending))
        else:
            self._held[pending.id] = waiter
            self.release(now)

    def release(self, now: float) -> None:
        """Send those whose turn has come, and refuse those who wait in vain."""
        for waiter in self.door.collect(now):
            pending: Pending = waiter.subject
            del self._held[pending.id]
            pending.booking = waiter.booking
            self._effects.append(Send(pending))
        if self._closed_until != self.door.closed_until:
            self._closed_until = self.door.closed_until
            for waiter in tuple(self._held.values()):
                self.check(waiter.subject, now)

    def next_at(self, now: float) -> float | None:
        """Return when :meth:`release` should be called, if something waits."""
        return self.door.next_at(now) if self._held else None

    def answered(self, pending: Pending, reply: Reply, now: float) -> None:
        """Take in what the answer to *pending* tells of the limits."""
        if pending.booking:
            self.door.answered(pending, reply, now)
            pending.booking = 0

    def refused(self, reply: Reply, now: float) -> None:
        """Take in an error that no request waits for. It may be about the limits all the same."""
        self.door.refused(reply, now)

    def ended(self, pending: Pending, now: float) -> None:
        """Take in that *pending* is over, however that came."""
        if pending.booking:
            self.door.unanswered(pending, now)
            pending.booking = 0
        elif self._held:
            waiter = self._held.pop(pending.id, None)
            if waiter is not None:
                self.door.withdraw(waiter, now)

    def too_late(self, pending: Pending) -> RateLimited | None:
        """Return why *pending*, whose deadline has come, was not sent, if it has waited for room."""
        if pending.id not in self._held:
            return None
        return held_back(pending.request.method, "the rate limits left no room for it in time", until=None)

    def connect_refused(self, error: HandshakeError, waiting: Iterable[Pending], now: float) -> None:
        """Take in that the server refused the upgrade, and refuse those of *waiting* that wait in vain."""
        self.door.connect_refused(error.status, error.retry_after, now)
        for pending in waiting:
            self.check(pending, now)


def held_back(method: str, reason: str, *, until: float | None, banned: bool = False) -> RateLimited:
    """Return the error of a request that was not sent; *until* is in the exchange's epoch seconds."""
    error = RateLimited(
        TOO_MANY_REQUESTS,
        f"not sent: {reason}",
        status=418 if banned else 429,
        method=method,
        data={} if until is None else {"retryAfter": int(until * 1000) + 1},
    )
    error.certainty = Certainty.NOT_SENT
    return error
