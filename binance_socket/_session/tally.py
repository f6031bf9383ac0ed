"""What has happened on a connection, in numbers."""

from __future__ import annotations

import attrs

__all__ = ["Tally"]


@attrs.define
class Tally:
    """Counts of one session. Written under its lock; read without it, each is what it was at some time."""

    connects: int = 0
    """How often there was a link."""
    losses: int = 0
    """How often it was lost."""
    late: int = 0
    """Answers that came to no waiting request: late, repeated, or never asked for."""
    resolved: int = 0
    """How many of these told an outcome that had been unknown."""
    malformed: int = 0
    """Messages that were not understood."""
    unrouted: int = 0
    """Events of subscriptions that nobody has (any more)."""
