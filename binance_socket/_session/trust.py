"""Whether a link can be relied on, and whether the next one may be made soon. Pure."""

from __future__ import annotations

from typing import Final

from ..errors import BinanceSocketError
from .closing import INVALID_TEXT, PROTOCOL_ERROR, TOO_BIG, UNSUPPORTED_DATA, LinkClosed

__all__ = ["Trust"]

# A link that was given up for what came on it has not proved itself, unless it had held so long, in seconds.
PROBATION: Final = 300.0
# With these codes links end for what the one side cannot make of what the other sent.
_MISUNDERSTOOD: Final = frozenset({PROTOCOL_ERROR, UNSUPPORTED_DATA, INVALID_TEXT, TOO_BIG})
# So many messages that cannot be read, one after the other, and the peer speaks something else.
MOST_UNREADABLE: Final = 3


class Trust:
    """What one link at a time has earned: by answers that can be read, and none that cannot."""

    def __init__(self) -> None:
        self.given_up = False
        """Whether the link is of no use any more."""
        self._since = 0.0
        self._answered = False
        # Messages that could not be read, since the last one that could.
        self._unreadable = 0

    def begin(self, now: float) -> None:
        """There is a new link."""
        self.given_up = self._answered = False
        self._since, self._unreadable = now, 0

    def answered(self) -> None:
        """The peer has answered something."""
        self._answered = True

    def understood(self) -> None:
        """A message could be read."""
        self._unreadable = 0

    def unreadable(self, *, listening: bool) -> bool:
        """
        Take in a message that could not be read. Return whether the link has to be given up now, which is once.

        With somebody *listening* it may have been an event. Without, it was an answer, which is missed by its deadline;
        but a link of which nothing can be read is given up all the same.
        """
        self._unreadable += 1
        if self.given_up or not (listening or self._unreadable >= MOST_UNREADABLE):
            return False
        self.given_up = True
        return True

    def proven(self, error: BinanceSocketError, now: float) -> bool:
        """Return whether a link that has ended with *error* lets expect more of the next one than of an attempt."""
        misunderstood = self.given_up or (isinstance(error, LinkClosed) and error.code in _MISUNDERSTOOD)
        # What cannot be read would be sent again at once, by a server that does not know better.
        return self._answered and not (misunderstood and now - self._since < PROBATION)
