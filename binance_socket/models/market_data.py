"""What the market does: prices, trades, klines."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from .base import Model, model, wire

__all__ = ["AveragePrice"]


@model
class AveragePrice(Model):
    """
    The volume weighted average price of a symbol's last minutes.

    Source: the WebSocket API document, ``avgPrice``; the SBE schema's AveragePriceResponse.
    """

    minutes: int = wire("mins")
    """How many minutes it averages."""
    price: Decimal
    close_time: datetime
    """When the last trade that counts was made."""
