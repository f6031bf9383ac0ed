"""The exchange's data: what is traded by which rules, and what the market does. Needs no credentials."""

from __future__ import annotations

from ..models.market_data import AveragePrice
from .endpoint import endpoint
from .market_streams import MarketStreams

__all__ = ["ExchangeData"]


class ExchangeData(MarketStreams):
    """The exchange's data. Nothing in here needs credentials."""

    @endpoint("avgPrice", weight=2)
    def get_current_average_price(self, symbol: str) -> AveragePrice:
        """
        Return the volume weighted average price of *symbol*'s last minutes.

        Raises ApiError and its kind, RequestTimeout, ConnectionLost. Source: Market data requests, ``avgPrice``.
        """
        ...
