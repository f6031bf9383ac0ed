"""How much of a limit is used."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import attrs

from .base import Model, model, wire
from .enums import RateLimitInterval, RateLimitType

__all__ = ["PERIODS", "CurrentRateLimit", "RateLimit", "RateLimitWindow", "RateLimits"]

PERIODS: Final = {
    RateLimitInterval.SECOND: timedelta(seconds=1),
    RateLimitInterval.MINUTE: timedelta(minutes=1),
    RateLimitInterval.HOUR: timedelta(hours=1),
    RateLimitInterval.DAY: timedelta(days=1),
}
"""How long the intervals are that limits count in."""


@model
class RateLimit(Model):
    """
    A limit of the exchange's.

    Source: the WebSocket API document, ``exchangeInfo``.
    """

    rate_limit_type: RateLimitType
    interval: RateLimitInterval
    interval_number: int = wire("intervalNum")
    """How many *interval* units one period of the limit has."""
    limit: int

    @property
    def period(self) -> timedelta | None:
        """The length of a period; None for a unit that this library does not know."""
        unit = PERIODS.get(self.interval)
        return None if unit is None else self.interval_number * unit


@model
class CurrentRateLimit(RateLimit):
    """
    A limit and what is used of it, as every answer of the WebSocket API brings along.

    Source: the WebSocket API document, "Rate limits" and ``account.rateLimits.orders``.
    """

    count: int
    """What has been used in the current period."""

    @property
    def remaining(self) -> int:
        """What is left in the current period; never negative."""
        return max(self.limit - self.count, 0)


@attrs.frozen(kw_only=True)
class RateLimitWindow:
    """What is used of one limit, as far as this process can tell: what is under way counts already."""

    rate_limit_type: RateLimitType
    interval: RateLimitInterval
    interval_number: int
    """How many *interval* units the limit counts over."""
    limit: int
    """What the exchange allows; what its documents say until it has told."""
    used: int
    resets_at: datetime
    """When the present interval ends, in UTC. Intervals are aligned to the exchange's clock."""

    @property
    def remaining(self) -> int:
        """What is left until then; never negative."""
        return max(self.limit - self.used, 0)

    def __str__(self) -> str:
        used = f"{self.rate_limit_type.value} {self.used}/{self.limit}"
        return f"{used} per {self.interval_number} {self.interval.value.lower()}, until {self.resets_at:%H:%M:%S} UTC"


@attrs.frozen(kw_only=True, repr=False)
class RateLimits:
    """
    What is used of a venue's rate limits by all clients of this process, and by others as far as answers told.

    Those of unfilled orders are the account's, and are known once an order was answered.
    """

    windows: tuple[RateLimitWindow, ...]
    closed_until: datetime | None = None
    """Until when the exchange has refused further requests, or orders (429), in UTC; None if it has not."""
    banned_until: datetime | None = None
    """Until when this address is banned (418), in UTC; None if it is not. Until then nothing is sent."""
    waiting: int = 0
    """How many requests wait for room."""

    def get(self, rate_limit_type: RateLimitType | str) -> tuple[RateLimitWindow, ...]:
        """Return the windows of one type, for example ``REQUEST_WEIGHT``."""
        return tuple(window for window in self.windows if window.rate_limit_type == rate_limit_type)

    def __repr__(self) -> str:
        parts = [str(window) for window in self.windows]
        if self.waiting:
            parts.append(f"{self.waiting} waiting")
        if self.closed_until is not None:
            parts.append(f"closed until {self.closed_until:%Y-%m-%d %H:%M:%S} UTC")
        if self.banned_until is not None:
            parts.append(f"BANNED until {self.banned_until:%Y-%m-%d %H:%M:%S} UTC")
        return f"<RateLimits {'; '.join(parts)}>"
