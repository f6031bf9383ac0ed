"""
What the account has traded, and what self-trade prevention and smart order routing did.

Prices and quote quantities are in units of the quote asset, quantities in units of the base asset.

Source: the WebSocket API document, "Account requests"; the SBE schema's messages 401, 403 and 404.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from .base import Model, model, wire
from .enums import AllocationType, SelfTradePreventionMode

__all__ = ["Allocation", "PreventedMatch", "UserTrade"]


@model
class UserTrade(Model):
    """A trade of the account's."""

    symbol: str
    trade_id: int = wire("id")
    order_id: int
    order_list_id: int
    """-1 where the order belongs to no list."""
    price: Decimal
    quantity: Decimal = wire("qty")
    quote_quantity: Decimal = wire("quoteQty")
    commission: Decimal
    """In units of the commission's asset."""
    commission_asset: str | None = None
    time: datetime
    is_buyer: bool
    is_maker: bool
    is_best_match: bool


@model
class PreventedMatch(Model):
    """An order that expired, or was made smaller, because it would have traded with the account's own."""

    symbol: str
    prevented_match_id: int
    taker_order_id: int
    maker_symbol: str
    maker_order_id: int
    trade_group_id: int
    self_trade_prevention_mode: SelfTradePreventionMode
    price: Decimal
    taker_prevented_quantity: Decimal | None = None
    maker_prevented_quantity: Decimal | None = None
    transaction_time: datetime = wire("transactTime")


@model
class Allocation(Model):
    """What smart order routing gave to an order of the account's."""

    symbol: str
    allocation_id: int
    allocation_type: AllocationType
    order_id: int
    order_list_id: int
    """-1 where the order belongs to no list."""
    source_trade_id: int | None = None
    source_allocation_id: int | None = None
    source_symbol: str | None = None
    price: Decimal
    quantity: Decimal = wire("qty")
    quote_quantity: Decimal = wire("quoteQty")
    commission: Decimal | None = None
    """In units of the commission's asset."""
    commission_asset: str | None = None
    time: datetime
    is_buyer: bool
    is_maker: bool
    is_allocator: bool
