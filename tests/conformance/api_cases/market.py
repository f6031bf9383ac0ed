"""General requests and market data requests."""

from __future__ import annotations

from binance_socket.spot_api import ExchangeData

from .row import Row

MARKET = [
    Row(
        "avgPrice",
        binance_net="GetCurrentAvgPriceAsync",
        calls=(ExchangeData.get_current_average_price.request("BNBBTC"),),
        answers=(ExchangeData.get_current_average_price,),
    ),
]
