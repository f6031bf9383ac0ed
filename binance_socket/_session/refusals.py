"""What the exchange says when too much was asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from .._wire.messages import Reply
from .._wire.values import as_object

__all__ = ["LONG_BAN", "SHORT_BAN", "TOO_MANY_ORDERS", "TOO_MANY_REQUESTS", "Refusal", "refusal_of", "seconds_refused"]

TOO_MANY_REQUESTS: Final = -1003
TOO_MANY_ORDERS: Final = -1015

SHORT_BAN: Final = 120.0
"""How long a ban holds that does not say, in seconds."""
LONG_BAN: Final = 7 * 86400.0
"""The longest that is believed."""
_MICROSECONDS_FROM: Final = 10**14


@attrs.frozen
class Refusal:
    """A refusal because of limits."""

    banned: bool
    """Whether nothing at all may be sent (418)."""
    orders: bool
    """Whether it is about an account's orders, and not about requests."""
    until: float | None
    """How long it holds, in epoch seconds of the exchange's clock, if it says so."""


def refusal_of(reply: Reply, now: float) -> Refusal | None:
    """Return what *reply*, an error, says about limits, or None; *now* is our idea of the exchange's clock."""
    # A status may come without a reason.
    error = reply.error or {}
    code, data = error.get("code"), as_object(error.get("data"))
    if reply.status not in (418, 429) and code not in (TOO_MANY_REQUESTS, TOO_MANY_ORDERS):
        return None
    orders = code == TOO_MANY_ORDERS or _halves_say(data, TOO_MANY_ORDERS)
    seconds = seconds_refused(data, now)
    return Refusal(reply.status == 418, orders, None if seconds is None else now + seconds)


def _halves_say(data: Mapping[str, Any], code: int) -> bool:
    """Return whether one half of a compound request was refused with *code*."""
    return any(as_object(half).get("code") == code for half in data.values())


def seconds_refused(data: Mapping[str, Any], now: float) -> float | None:
    """
    Return for how many seconds a refusal with *data* holds, a week at most, if it says so and they are not over.

    *now* is our idea of the exchange's clock.
    """
    moment, server_time = data.get("retryAfter"), data.get("serverTime")
    if type(moment) is not int:
        return None
    unit = 1e6 if moment >= _MICROSECONDS_FROM else 1e3
    # How long it holds is certain even where our idea of its clock is not.
    seconds = (moment - server_time) / unit if type(server_time) is int else moment / unit - now
    return min(seconds, LONG_BAN) if seconds > 0 else None
