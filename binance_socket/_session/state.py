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

__all__ = ["TRANSITIONS", "State"]


class State(enum.Enum):
    """A session is in one of these states."""

    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    BACKOFF = "backoff"
    CLOSED = "closed"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing leads out of this state."""
        return not TRANSITIONS[self]


_ENDS = frozenset({State.CLOSED, State.FAILED})

TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.IDLE: frozenset({State.CONNECTING}) | _ENDS,
    State.CONNECTING: frozenset({State.READY, State.BACKOFF, State.IDLE}) | _ENDS,
    State.READY: frozenset({State.BACKOFF, State.IDLE}) | _ENDS,
    State.BACKOFF: frozenset({State.CONNECTING}) | _ENDS,
    State.CLOSED: frozenset(),
    State.FAILED: frozenset(),
}
