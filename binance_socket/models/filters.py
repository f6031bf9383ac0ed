"""
What the exchange demands of orders: the filters of symbols, of assets and of the whole exchange.

Prices are in units of the quote asset, quantities in units of the base asset. A bound of zero is switched off where
its filter says so.

Source: the document on filters; the SBE schema's messages 1 to 21.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from .base import Model, family, model, wire
from .enums import FilterType

__all__ = [
    "ExchangeMaxAlgoOrdersFilter",
    "ExchangeMaxIcebergOrdersFilter",
    "ExchangeMaxOrderListsFilter",
    "ExchangeMaxOrdersFilter",
    "Filter",
    "IcebergPartsFilter",
    "LotSizeFilter",
    "MarketLotSizeFilter",
    "MaxAlgoOrdersFilter",
    "MaxAssetFilter",
    "MaxIcebergOrdersFilter",
    "MaxOrderAmendsFilter",
    "MaxOrderListsFilter",
    "MaxOrdersFilter",
    "MaxPositionFilter",
    "MinNotionalFilter",
    "NotionalFilter",
    "PercentPriceBySideFilter",
    "PercentPriceFilter",
    "PriceFilter",
    "QuantityFilter",
    "TPlusSellFilter",
    "TrailingDeltaFilter",
    "UnknownFilter",
]


@model
class Filter(Model):
    """Anything that is demanded of orders."""

    filter_type: FilterType
    """What the exchange calls it, in its errors, too."""


@model
class UnknownFilter(Filter):
    """A filter that this library has no class for: what it says is in ``extra``."""


@model
class PriceFilter(Filter):
    """Which prices an order may have. Holds for stop prices as well."""

    min_price: Decimal
    """Zero: there is none."""
    max_price: Decimal
    """Zero: there is none."""
    tick_size: Decimal
    """What prices are a multiple of. Zero: of anything."""


@model
class PercentPriceFilter(Filter):
    """How far a price may be from the reference price or, where there is none, from the average price."""

    multiplier_up: Decimal
    multiplier_down: Decimal
    average_price_minutes: int = wire("avgPriceMins")
    """How many minutes are averaged. Zero: the last price counts."""


@model
class PercentPriceBySideFilter(Filter):
    """As PercentPriceFilter, with bounds of their own for bids, which are buys, and asks."""

    bid_multiplier_up: Decimal
    bid_multiplier_down: Decimal
    ask_multiplier_up: Decimal
    ask_multiplier_down: Decimal
    average_price_minutes: int = wire("avgPriceMins")
    """How many minutes are averaged. Zero: the last price counts."""


@model
class QuantityFilter(Filter):
    """Which quantities an order may have."""

    min_quantity: Decimal = wire("minQty")
    max_quantity: Decimal = wire("maxQty")
    step_size: Decimal
    """What quantities are a multiple of."""


@model
class LotSizeFilter(QuantityFilter):
    """Which quantities an order may have. Holds for what an iceberg shows as well."""


@model
class MarketLotSizeFilter(QuantityFilter):
    """Which quantities a MARKET order may have."""


@model
class MinNotionalFilter(Filter):
    """How much an order must be worth at least: price times quantity."""

    min_notional: Decimal
    apply_to_market: bool
    """Whether it holds for MARKET orders, whose price is the reference price or, where there is none, the average."""
    average_price_minutes: int = wire("avgPriceMins")
    """How many minutes are averaged. Zero: the last price counts."""


@model
class NotionalFilter(Filter):
    """How much an order must be worth at least, and may be at most: price times quantity."""

    min_notional: Decimal
    apply_min_to_market: bool
    max_notional: Decimal
    apply_max_to_market: bool
    average_price_minutes: int = wire("avgPriceMins")
    """How many minutes are averaged. Zero: the last price counts."""


@model
class IcebergPartsFilter(Filter):
    """Into how many parts an iceberg may be divided: the quantity over what is shown of it, rounded up."""

    limit: int


@model
class MaxOrdersFilter(Filter):
    """How many orders an account may have open on a symbol."""

    max_orders: int = wire("maxNumOrders")


@model
class MaxAlgoOrdersFilter(Filter):
    """How many orders that wait for a trigger an account may have open on a symbol."""

    max_algo_orders: int = wire("maxNumAlgoOrders")


@model
class MaxIcebergOrdersFilter(Filter):
    """How many icebergs an account may have open on a symbol."""

    max_iceberg_orders: int = wire("maxNumIcebergOrders")


@model
class MaxPositionFilter(Filter):
    """How much of the base asset an account may have, open buys included."""

    max_position: Decimal


@model
class TrailingDeltaFilter(Filter):
    """How far a trailing stop may trail, in basis points."""

    min_trailing_above_delta: int
    max_trailing_above_delta: int
    min_trailing_below_delta: int
    max_trailing_below_delta: int


@model
class TPlusSellFilter(Filter):
    """Until when what was bought cannot be sold."""

    end_time: datetime | None = None


@model
class MaxOrderListsFilter(Filter):
    """How many order lists an account may have open on a symbol."""

    max_order_lists: int = wire("maxNumOrderLists")


@model
class MaxOrderAmendsFilter(Filter):
    """How often an order may be amended."""

    max_order_amends: int = wire("maxNumOrderAmends")


@model
class ExchangeMaxOrdersFilter(Filter):
    """How many orders an account may have open on the exchange."""

    max_orders: int = wire("maxNumOrders")


@model
class ExchangeMaxAlgoOrdersFilter(Filter):
    """How many orders that wait for a trigger an account may have open on the exchange."""

    max_algo_orders: int = wire("maxNumAlgoOrders")


@model
class ExchangeMaxIcebergOrdersFilter(Filter):
    """How many icebergs an account may have open on the exchange."""

    max_iceberg_orders: int = wire("maxNumIcebergOrders")


@model
class ExchangeMaxOrderListsFilter(Filter):
    """How many order lists an account may have open on the exchange."""

    max_order_lists: int = wire("maxNumOrderLists")


@model
class MaxAssetFilter(Filter):
    """How much of an asset one order may trade: its quantity of the base asset, its notional of the quote asset."""

    asset: str
    limit: Decimal


family(
    Filter,
    key="filterType",
    members={
        "PRICE_FILTER": PriceFilter,
        "PERCENT_PRICE": PercentPriceFilter,
        "PERCENT_PRICE_BY_SIDE": PercentPriceBySideFilter,
        "LOT_SIZE": LotSizeFilter,
        "MIN_NOTIONAL": MinNotionalFilter,
        "NOTIONAL": NotionalFilter,
        "ICEBERG_PARTS": IcebergPartsFilter,
        "MARKET_LOT_SIZE": MarketLotSizeFilter,
        "MAX_NUM_ORDERS": MaxOrdersFilter,
        "MAX_NUM_ALGO_ORDERS": MaxAlgoOrdersFilter,
        "MAX_NUM_ICEBERG_ORDERS": MaxIcebergOrdersFilter,
        "MAX_POSITION": MaxPositionFilter,
        "TRAILING_DELTA": TrailingDeltaFilter,
        "T_PLUS_SELL": TPlusSellFilter,
        "MAX_NUM_ORDER_LISTS": MaxOrderListsFilter,
        "MAX_NUM_ORDER_AMENDS": MaxOrderAmendsFilter,
        "EXCHANGE_MAX_NUM_ORDERS": ExchangeMaxOrdersFilter,
        "EXCHANGE_MAX_NUM_ALGO_ORDERS": ExchangeMaxAlgoOrdersFilter,
        "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": ExchangeMaxIcebergOrdersFilter,
        "EXCHANGE_MAX_NUM_ORDER_LISTS": ExchangeMaxOrderListsFilter,
        "MAX_ASSET": MaxAssetFilter,
    },
    unknown=UnknownFilter,
)
