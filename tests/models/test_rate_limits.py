"""Rate limits, as they are shown."""

from __future__ import annotations

from datetime import datetime, timezone

import attrs

from binance_socket.models.enums import RateLimitInterval, RateLimitType
from binance_socket.models.rate_limits import RateLimits, RateLimitWindow

WINDOW = RateLimitWindow(
    rate_limit_type=RateLimitType.REQUEST_WEIGHT,
    interval=RateLimitInterval.MINUTE,
    interval_number=1,
    limit=6000,
    used=70,
    resets_at=datetime(2026, 1, 2, 3, 5, tzinfo=timezone.utc),
)


def test_what_remains() -> None:
    """Never less than nothing: others may have used more than was left."""
    assert WINDOW.remaining == 5930
    assert attrs.evolve(WINDOW, used=6001).remaining == 0


def test_repr() -> None:
    """What is used, who waits, and what is forbidden."""
    shown = repr(RateLimits(windows=(WINDOW,), waiting=3))
    assert "REQUEST_WEIGHT 70/6000 per 1 minute" in shown
    assert "3 waiting" in shown
    assert "waiting" not in repr(RateLimits(windows=(WINDOW,)))
