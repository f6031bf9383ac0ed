"""What stands in an order book."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from .base import Model, model

__all__ = ["OrderBookSnapshot", "PriceLevel"]


class PriceLevel(NamedTuple):
    """
    A price, in units of the quote asset, and how much of the base asset stands at it.

    It can be unpacked: ``for price, quantity in book.bids``.
    """

    price: Decimal
    quantity: Decimal


@model
class OrderBookSnapshot(Model):
    """
    An order book as it was at one moment, best prices first.

    Source: the WebSocket API document, ``depth``; the SBE schema's DepthResponse.
    """

    last_update_id: int
    """The number of the last update that went into it; diffs with a lower one are in it already."""
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
