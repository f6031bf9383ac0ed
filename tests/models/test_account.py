"""binance_socket.models: account, rate_limits and session"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from binance_socket._wire.codec import structure
from binance_socket.models import (
    AccountInfo,
    Balance,
    CurrentRateLimit,
    RateLimitInterval,
    RateLimitType,
    SessionStatus,
)


def test_a_balance_adds_up() -> None:
    """The total is what is free and what is locked."""
    assert Balance(asset="BTC", free=Decimal("0.10"), locked=Decimal("0.25")).total == Decimal("0.35")


def test_balances_are_found_by_asset(answers: dict[str, Any]) -> None:
    """An asset that is not listed has a balance of zero."""
    account = structure(answers["account.status"], AccountInfo)
    assert account.balance("BTC").total == Decimal("0.75")
    assert account.balance("USDT").free == Decimal(1000)
    absent = account.balance("XRP")
    assert (absent.asset, absent.total) == ("XRP", 0)


def _limit(interval: str, number: int = 1, count: int = 0) -> CurrentRateLimit:
    return CurrentRateLimit(
        rate_limit_type=RateLimitType.ORDERS,
        interval=RateLimitInterval(interval),
        interval_number=number,
        limit=50,
        count=count,
    )


@pytest.mark.parametrize("count, remaining", [(0, 50), (49, 1), (50, 0), (60, 0)])
def test_what_remains_of_a_limit(count: int, remaining: int) -> None:
    """Never less than nothing."""
    assert _limit("SECOND", count=count).remaining == remaining


@pytest.mark.parametrize(
    "interval, number, period",
    [
        ("SECOND", 10, timedelta(seconds=10)),
        ("MINUTE", 5, timedelta(minutes=5)),
        ("HOUR", 1, timedelta(hours=1)),
        ("DAY", 1, timedelta(days=1)),
        ("FORTNIGHT", 1, None),
    ],
)
def test_the_period_of_a_limit(interval: str, number: int, period: timedelta | None) -> None:
    """An interval that is unknown has no length."""
    assert _limit(interval, number).period == period


def test_session_status() -> None:
    """A session without a key is not logged on."""
    moment = datetime(2024, 1, 1, tzinfo=timezone.utc)
    status = SessionStatus(connected_since=moment, server_time=moment, return_rate_limits=True)
    assert not status.is_logged_on
