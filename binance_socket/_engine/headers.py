"""What the headers of HTTP answers say. They come from whoever answers: nothing in them is taken for granted."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Callable
from typing import Final

from .._session.refusals import LONG_BAN

__all__ = ["count_of", "seconds_of"]

_NUMBER: Final = re.compile(r"[0-9]{1,9}")


def count_of(value: str | None) -> int | None:
    """Return a number, which is at most of nine digits; None where it is none."""
    return int(value) if value is not None and _NUMBER.fullmatch(value) else None


def seconds_of(retry_after: str | None, wall: Callable[[], float]) -> float | None:
    """
    Return for how many seconds a Retry-After header asks, a week at most; None where it makes no sense.

    It is seconds or a date. *wall* tells what time it is, in epoch seconds.
    """
    if retry_after is None:
        return None
    seconds: float | None = count_of(retry_after)
    if seconds is None:
        try:
            seconds = email.utils.parsedate_to_datetime(retry_after).timestamp() - wall()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(0.0, seconds), LONG_BAN)
