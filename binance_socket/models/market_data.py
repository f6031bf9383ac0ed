"""
What the market has done: prices, trades, klines.

Prices are in units of the quote asset, quantities and volumes in units of the base asset, quote quantities and quote
volumes in units of the quote asset. An id of -1 means that there was no trade.

Source: the WebSocket API document, "Market data requests"; the SBE schema's messages 200 to 219.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from .base import Model, model, wire
from .enums import CalculationType

__all__ = [
    "AggregateTrade",
    "AveragePrice",
    "BlockTrade",
    "BookTicker",
    "Kline",
    "MiniTicker",
    "PriceTicker",
    "ReferencePrice",
    "ReferencePriceCalculation",
    "Ticker",
    "Ticker24h",
    "Trade",
]


@model
class AveragePrice(Model):
    """The volume weighted average price of a symbol's last minutes."""

    minutes: int = wire("mins")
    """How many minutes it averages."""
    price: Decimal
    close_time: datetime | None
    """When the last trade was made; None when there was none."""


@model
class BlockTrade(Model):
    """A trade that was agreed on outside of the order book."""

    trade_id: int = wire("id")
    price: Decimal
    quantity: Decimal = wire("qty")
    quote_quantity: Decimal = wire("quoteQty")
    trade_time: datetime = wire("time")
    is_buyer_maker: bool


@model
class Trade(Model):
    """A trade: one buyer, one seller."""

    trade_id: int = wire("id")
    price: Decimal
    quantity: Decimal = wire("qty")
    quote_quantity: Decimal = wire("quoteQty")
    trade_time: datetime = wire("time")
    is_buyer_maker: bool
    is_best_match: bool


@model
class AggregateTrade(Model):
    """The trades that one order made at one price, as one."""

    aggregate_trade_id: int = wire("a")
    price: Decimal = wire("p")
    quantity: Decimal = wire("q")
    first_trade_id: int = wire("f")
    last_trade_id: int = wire("l")
    trade_time: datetime = wire("T")
    is_buyer_maker: bool = wire("m")
    is_best_match: bool = wire("M")


class Kline(NamedTuple):
    """
    A candlestick: what a symbol did within an interval.

    A NamedTuple, since the exchange sends an array: a list of them is a table, for pandas too. What the array holds
    beyond these fields is documented to mean nothing.
    """

    open_time: datetime
    open_price: Decimal
    high_price: Decimal
    low_price: Decimal
    close_price: Decimal
    volume: Decimal
    close_time: datetime
    """The interval's last moment; the exchange's last one is often not over yet."""
    quote_volume: Decimal
    trade_count: int
    taker_buy_volume: Decimal
    """How much of the volume takers bought."""
    taker_buy_quote_volume: Decimal


@model
class MiniTicker(Model):
    """What a symbol's price did within a window, in brief."""

    symbol: str
    open_price: Decimal
    high_price: Decimal
    low_price: Decimal
    last_price: Decimal
    volume: Decimal
    quote_volume: Decimal
    open_time: datetime
    close_time: datetime
    first_trade_id: int = wire("firstId")
    last_trade_id: int = wire("lastId")
    trade_count: int = wire("count")


@model
class Ticker(MiniTicker):
    """What a symbol's price did within a window."""

    price_change: Decimal
    price_change_percent: Decimal
    weighted_average_price: Decimal = wire("weightedAvgPrice")


@model
class Ticker24h(Ticker):
    """What a symbol's price did within 24 hours, and what its order book offers."""

    previous_close_price: Decimal = wire("prevClosePrice")
    """The last price before the window."""
    last_quantity: Decimal = wire("lastQty")
    best_bid_price: Decimal = wire("bidPrice")
    """Zero when there is no bid."""
    best_bid_quantity: Decimal = wire("bidQty")
    best_ask_price: Decimal = wire("askPrice")
    """Zero when there is no ask."""
    best_ask_quantity: Decimal = wire("askQty")


@model
class PriceTicker(Model):
    """A symbol's last price."""

    symbol: str
    price: Decimal


@model
class BookTicker(Model):
    """The best prices of a symbol's order book, and how much stands there. A price of zero: nothing does."""

    symbol: str
    best_bid_price: Decimal = wire("bidPrice")
    best_bid_quantity: Decimal = wire("bidQty")
    best_ask_price: Decimal = wire("askPrice")
    best_ask_quantity: Decimal = wire("askQty")


@model
class ReferencePrice(Model):
    """What the exchange holds a symbol to be worth."""

    symbol: str
    reference_price: Decimal | None = None
    """None when there is none at present."""
    timestamp: datetime
    """When it held."""


@model
class ReferencePriceCalculation(Model):
    """How a symbol's reference price is found. Which fields there are depends on the type of calculation."""

    symbol: str
    calculation_type: CalculationType
    bucket_count: int | None = None
    bucket_width_milliseconds: int | None = wire("bucketWidthMs", default=None)
    external_calculation_id: int | None = None
