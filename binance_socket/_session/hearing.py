"""How far a link has been heard. Pure."""

from __future__ import annotations

from typing import Any, Final

from .._wire.codec import loads
from .._wire.values import as_object, is_array, milliseconds_of
from ..errors import DecodeError
from .server_clock import ServerClock

__all__ = ["Hearing"]

_CATCHING_UP: Final = 60.0
"""
How long what was kept back while nobody read may take to come, in seconds: the exchange keeps no client waiting longer.
"""


class Hearing:
    """
    How far one link at a time has been heard. Times are monotonic seconds.

    Its reader writes, in the order of the attributes; any thread may read.
    """

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self.alive_at = 0.0
        """When the peer gave a sign of life last; infinity while nobody reads, when silence says nothing about it."""
        self.read_at = 0.0
        """When something was read last."""
        self.event_at = 0.0
        """When an event of a subscription came last."""
        self.event: Any = None
        """That event, or the JSON that it is; None before the first of the link."""
        self.taken_at = 0.0
        """When the latest read came of which everything has been handed on."""
        self.read_on_at = 0.0
        """When reading went on after it had stopped."""
        # Since when the link is there: nothing that was sent on it is older. And since when it has perhaps been behind,
        # and until when.
        self._began_at = self._behind_since = self._behind_until = 0.0

    def begin(self, now: float) -> None:
        """There is a new link."""
        self.event = None
        self.alive_at = self.read_at = self.taken_at = now
        self._began_at = self._behind_since = self._behind_until = now

    def stop(self) -> None:
        """Nobody reads for the time being: what is sent now waits on the way."""
        self.alive_at = float("inf")
        if self.taken_at >= self._behind_until:
            self._behind_since = self.taken_at

    def go_on(self, now: float) -> None:
        """Somebody reads again."""
        self.alive_at = self.read_on_at = now
        self._behind_until = now + _CATCHING_UP

    def complete_at(self) -> float:
        """
        Return up to when everything has come that was sent.

        What is read late was sent before it was read, and what was sent behind it has not come. By how much it was late
        the latest event says; if it does not, whoever had stopped reading is behind for as long as that may take.
        """
        # In the opposite order: should one be of a later read than another, it is too early rather than too late.
        taken_at, event, event_at = self.taken_at, self.event, self.event_at
        is_behind = taken_at < self._behind_until
        late = self._late(event, event_at)
        if late is not None:
            complete_at = (event_at if is_behind and event_at < self.read_on_at else taken_at) - late
        else:
            complete_at = self._behind_since if is_behind else taken_at
        return max(complete_at, self._began_at)

    def sent_at(self, event: Any, now: float) -> float:
        """Return when an event was sent that is read *now*: then, as far as it does not say anything else."""
        return max(now - (self._late(event, now) or 0.0), self._began_at)

    def _late(self, event: Any, read_at: float) -> float | None:
        """Return for how long an event was under way, in seconds, if it says when it was sent."""
        sent_at = _sent_at(event)
        return None if sent_at is None else max(self._clock.now(read_at) - sent_at, 0.0)


def _sent_at(event: Any) -> float | None:
    """Return when the exchange sent an event, in epoch seconds, if it says so."""
    try:
        said = loads(event) if isinstance(event, bytes) else event
    except DecodeError:
        return None
    if is_array(said):
        said = said[-1] if said else None
    moment = as_object(said).get("E")
    return milliseconds_of(moment) / 1000 if type(moment) is int and moment > 0 else None
