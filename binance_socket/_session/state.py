"""
The life of a session.

::

              +--------------------- IDLE <-------------------+
              |                       | something is wanted   | nothing is wanted,
              |                       v                       | or retrying is pointless
              |     +----------> CONNECTING --> READY --------+
              |     | its time       | failed    | lost       |
              |     | has come       v           v            |
              |     +-------------- BACKOFF <----+------------+
              v                       |
    CLOSED (by the user), FAILED (an error of ours): both are final, and reached from every other state.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

__all__ = ["MISHAPS", "TRANSITIONS", "ConnectionState"]


class ConnectionState(enum.Enum):
    """What a connection is doing: it is in one of these states."""

    IDLE = "idle"
    """There is nothing to do; or there was, and trying again is pointless."""
    CONNECTING = "connecting"
    """It is being made."""
    READY = "ready"
    """There is a link."""
    BACKOFF = "backoff"
    """The link was lost, or could not be made. It will be tried again in a while."""
    CLOSED = "closed"
    """It was closed, for good."""
    FAILED = "failed"
    """It was given up, for good, because of an error in this library."""

    @property
    def is_final(self) -> bool:
        """Whether nothing leads out of this state."""
        return not TRANSITIONS[self]


MISHAPS = frozenset({ConnectionState.IDLE, ConnectionState.BACKOFF, ConnectionState.FAILED})
"""What a session comes to when something went wrong."""

_ENDS = frozenset({ConnectionState.CLOSED, ConnectionState.FAILED})

TRANSITIONS: Mapping[ConnectionState, frozenset[ConnectionState]] = {
    ConnectionState.IDLE: frozenset({ConnectionState.CONNECTING}) | _ENDS,
    ConnectionState.CONNECTING: (
        frozenset({ConnectionState.READY, ConnectionState.BACKOFF, ConnectionState.IDLE}) | _ENDS
    ),
    ConnectionState.READY: frozenset({ConnectionState.BACKOFF, ConnectionState.IDLE}) | _ENDS,
    ConnectionState.BACKOFF: frozenset({ConnectionState.CONNECTING}) | _ENDS,
    ConnectionState.CLOSED: frozenset(),
    ConnectionState.FAILED: frozenset(),
}
