"""Which requests are asked again when they had no good answer, and what their callers hear in the end. Pure."""

from __future__ import annotations

import copy
from typing import Any, Final

from .._wire.messages import UNKNOWN_CODES, Reply, Request
from ..errors import (
    BinanceSocketError,
    CallCancelled,
    Certainty,
    ConnectionLost,
    DeliveryError,
    RequestTimeout,
    TooManyPending,
)
from .effects import Outcome

__all__ = ["MOST_REPEATED", "MOST_REPEATS", "is_passing", "is_read", "last_word"]

MOST_REPEATS: Final = 3
"""How often a request is asked again."""
MOST_REPEATED: Final = 4096
"""How many are at a time. Where more fail, something else is wrong than one request."""

# They change something, if not at the market: a listen key, or who is logged on.
_NO_READS: Final = frozenset(
    {"session.logon", "session.logout", "userDataStream.ping", "userDataStream.start", "userDataStream.stop"}
)
# Failures of the exchange's own: an unknown error, an internal one, a message bus or a backend that did not answer, and
# too much to do for everybody.
_PASSING_CODES: Final = UNKNOWN_CODES | {-1000, -1001, -1008}
# It has asked us to stop: the gate says when to go on.
_STOPS: Final = frozenset({418, 429})


def is_read(request: Request[Any]) -> bool:
    """Return whether *request* only asks, so that asking it twice is as good as asking it once."""
    return not request.mutating and request.method not in _NO_READS


def is_passing(outcome: Outcome) -> bool:
    """Return whether a read that ended with *outcome* may end better when it is asked again."""
    if isinstance(outcome, Reply):
        if outcome.status in _STOPS or (outcome.error is None and outcome.status < 500):
            return False
        return outcome.status >= 500 or (outcome.error is not None and outcome.error["code"] in _PASSING_CODES)
    # What was not sent waits for the next link by itself, or for nothing that will ever come.
    return isinstance(outcome, ConnectionLost) and outcome.certainty is Certainty.MAYBE_SENT


def last_word(before: Outcome, outcome: Outcome) -> Outcome:
    """Return what the caller of a request hears that ended with *before*, was asked again, and ended with *outcome*."""
    if isinstance(outcome, (RequestTimeout, TooManyPending)) and outcome.certainty is Certainty.NOT_SENT:
        # It came to no second try.
        return before
    if not isinstance(outcome, BinanceSocketError):
        return outcome
    # Others who waited may have been told the very same error, and what is added here is true of this request only.
    told = copy.copy(outcome)
    told.__cause__ = outcome.__cause__
    if isinstance(told, (DeliveryError, CallCancelled)):
        # Whatever became of the last try, an earlier one may have arrived.
        told.certainty = Certainty.MAYBE_SENT
    if isinstance(before, BinanceSocketError) and not told.__cause__:
        told.__cause__ = before
    return told
