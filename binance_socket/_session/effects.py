"""What a session wants done, as values: its connection performs them after releasing the lock."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import attrs

from .._wire.messages import Reply, Request
from ..errors import BinanceSocketError, Certainty
from ..masking import masked
from .state import ConnectionState
from .topics import Topic

__all__ = [
    "Abort",
    "Changed",
    "Closed",
    "Complete",
    "Deliver",
    "Effect",
    "Late",
    "Leaving",
    "Lost",
    "Opened",
    "Pending",
    "Probe",
    "Send",
]

Outcome = Reply | BinanceSocketError


@attrs.define(eq=False)
class Pending:
    """A request that has no answer yet."""

    id: str
    request: Request[Any]
    deadline: float
    handle: Any = None
    """Whoever asked, for the connection to complete; None for the session's own requests."""
    sent_at: float | None = None
    timestamp: int | None = None
    """What it was signed with, in milliseconds."""
    booking: int = 0
    """The number under which it counts against the rate limits, until its answer has come; 0 where it does not."""
    resynced: bool = False
    """Whether it has already been sent a second time, after the clock was set."""
    held_back: int = 0
    """How often it was let in, and then not written because the exchange had refused more meanwhile."""
    # Whoever pops it decides what becomes of the request: it is sent, or it is reported as not sent, never both.
    # list.pop() is atomic, so that the sender need not hold the connection's lock.
    _ticket: list[None] = attrs.field(factory=lambda: [None], init=False)

    def claim(self) -> bool:
        """Win the right to decide whether this request is sent. Only one caller ever gets True. Any thread."""
        try:
            self._ticket.pop()
        except IndexError:
            return False
        return True

    @property
    def certainty(self) -> Certainty:
        """Whether it may have reached the exchange."""
        return Certainty.NOT_SENT if self._ticket else Certainty.MAYBE_SENT


@attrs.frozen
class Send:
    """Sign this request and write it."""

    pending: Pending


@attrs.frozen
class Complete:
    """Give whoever asked the answer, or the reason why there is none."""

    pending: Pending
    outcome: Outcome


@attrs.frozen
class Late:
    """The answer to a request that was given up, and whose outcome was unknown so far."""

    pending: Pending
    reply: Reply


@attrs.frozen
class Opened:
    """Events stamped *route* are this topic's from now on; those in *early* came before the acknowledgement."""

    topic: Topic
    route: Hashable
    early: tuple[Any, ...] = attrs.field(default=(), repr=masked)


@attrs.frozen
class Lost:
    """No more events of this topic until it is opened again."""

    topic: Topic
    reason: str
    since: float = float("inf")
    """When events are known to have come last (monotonic), where that is before the last sign of life."""


@attrs.frozen
class Closed:
    """This topic will not be opened (again): the exchange refused it, or the session is over (*error* None)."""

    topic: Topic
    error: BinanceSocketError | None


@attrs.frozen
class Deliver:
    """An event that took the state lane because only the session knew whose it is."""

    topic: Topic
    payload: Any = attrs.field(repr=masked)


@attrs.frozen
class Probe:
    """Ping the peer: it has been silent."""


@attrs.frozen
class Abort:
    """The link is of no use any more."""

    reason: str


@attrs.frozen
class Changed:
    """No effect, but what is told to whoever watches: the session is in another state. *reason* is for mishaps."""

    before: ConnectionState
    after: ConnectionState
    reason: str | None


@attrs.frozen
class Leaving:
    """The server has announced that it is about to end the link."""


Effect = Send | Complete | Late | Opened | Lost | Closed | Deliver | Probe | Abort | Leaving
