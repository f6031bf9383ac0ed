"""How much of a limit is used."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from .base import Model, model, wire
from .enums import RateLimitInterval, RateLimitType

__all__ = ["CurrentRateLimit"]

_UNITS: Final = {
    RateLimitInterval.SECOND: timedelta(seconds=1),
    RateLimitInterval.MINUTE: timedelta(minutes=1),
    RateLimitInterval.HOUR: timedelta(hours=1),
    RateLimitInterval.DAY: timedelta(days=1),
}


@model
class CurrentRateLimit(Model):
    """
    A limit and what is used of it, as every answer of the WebSocket API brings along.

    Source: the WebSocket API document, "Rate limits" and ``account.rateLimits.orders``.
    """

    rate_limit_type: RateLimitType
    interval: RateLimitInterval
    interval_number: int = wire("intervalNum")
    """How many *interval* units one period of the limit has."""
    limit: int
    count: int
    """What has been used in the current period."""

    @property
    def remaining(self) -> int:
        """What is left in the current period; never negative."""
        return max(self.limit - self.count, 0)

    @property
    def period(self) -> timedelta | None:
        """The length of a period; None for a unit that this library does not know."""
        unit = _UNITS.get(self.interval)
        return None if unit is None else self.interval_number * unit
