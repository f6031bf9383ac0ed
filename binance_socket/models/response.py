"""The answer to a call."""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

from ..masking import masked
from .rate_limits import CurrentRateLimit

__all__ = ["Response"]

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Response(Generic[T]):
    """The exchange's answer to one call, with its result typed."""

    id: str | int | None
    """The id under which it was asked."""
    status: int
    """The exchange's status, 200 for a success."""
    result: T = attrs.field(repr=masked)
    rate_limits: tuple[CurrentRateLimit, ...] = ()
    """What is used of the limits that the call counted against, after it."""
