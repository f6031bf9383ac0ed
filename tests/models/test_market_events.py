"""What market events say of themselves beside their fields."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from binance_socket._wire.codec import field_types
from binance_socket._wire.decoder import reader_of
from binance_socket.models.base import wire_name
from binance_socket.models.market_events import RollingWindowTickerUpdate

VALUES = {str: "BTCUSDT", Decimal: "1.5", int: 1, datetime: 1_700_000_000_000}


@pytest.mark.parametrize(
    "name, window", [("1hTicker", timedelta(hours=1)), ("1dTicker", timedelta(days=1)), ("9wTicker", None)]
)
def test_the_window_of_a_rolling_ticker(name: str, window: timedelta | None) -> None:
    """It is in the event's name; one that nobody knows yet is not made up."""
    payload = {wire_name(field): VALUES[kind] for field, kind in field_types(RollingWindowTickerUpdate)}
    ticker = reader_of(RollingWindowTickerUpdate)({**payload, "e": name})
    assert (ticker.event_type, ticker.window) == (name, window)
