"""When a link is left for a new one, before the exchange ends it. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["rotation_delay"]

DAY: Final = 86400.0
HOUR: Final = 3600.0
# Not all connections of a venue are to be made anew at the same moment: half an hour of 23.
_SPREAD: Final = 0.5 / 23


def rotation_delay(after: float, hours: tuple[float, float] | None, wall: float, chance: float) -> float:
    """
    Return after how many seconds a link that was made at *wall* (epoch seconds) is to be left.

    That is *after* seconds, give or take a little; or, with *hours* of the day in UTC, at a time between these: the
    last such time that is not later. *chance*, from 0 to 1, decides where there is a choice.
    """
    latest = after * (1 + _SPREAD * (2 * chance - 1))
    if hours is None:
        return latest
    start, end = hours[0] * HOUR, hours[1] * HOUR
    length = (end - start) % DAY or DAY
    # The last time that the hours begin and the link is still young enough.
    begins = latest - (wall + latest - start) % DAY
    first, last = max(begins, 0.0), min(begins + length, latest)
    return first + chance * (last - first) if last > 0 else latest
