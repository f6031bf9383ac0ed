"""How links end."""

from __future__ import annotations

from typing import Final

from ..errors import Certainty, ConnectionLost

__all__ = [
    "ABNORMAL",
    "INVALID_TEXT",
    "NO_STATUS",
    "POLICY",
    "PROTOCOL_ERROR",
    "TOO_BIG",
    "UNSUPPORTED_DATA",
    "LinkClosed",
]

# RFC 6455, 7.4.1.
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
NO_STATUS: Final = 1005
"""Stands for a close frame without a code. Never on the wire."""
ABNORMAL: Final = 1006
"""Stands for an end without a close frame. Never on the wire."""
INVALID_TEXT: Final = 1007
POLICY: Final = 1008
"""What we did is not allowed: the exchange closes so when it is sent too much."""
TOO_BIG: Final = 1009


class LinkClosed(ConnectionLost):
    """
    A connected link ended.

    ``code`` is the peer's WebSocket close code, 1005 where its close frame had none, 1006 where the link ended without
    a close frame (reset, abort, end of file), or the code with which we refused what the peer sent (1002, 1003, 1007,
    1009). ``reason`` is for people.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        # What was in flight may have arrived; whoever holds a request knows better, and says so there.
        super().__init__(f"the link was closed with code {code}: {reason or 'no reason given'}", Certainty.MAYBE_SENT)
        self.code = code
        self.reason = reason
