"""The exchange: what is traded on it, and by which rules."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from .base import Model, family, model, wire
from .enums import ExecutionRule, OrderType, Permission, SelfTradePreventionMode, SymbolStatus
from .filters import Filter
from .rate_limits import RateLimit

__all__ = [
    "ExchangeInfo",
    "ExecutionRules",
    "PriceRangeRule",
    "ServerTime",
    "SmartOrderRouting",
    "SymbolExecutionRules",
    "SymbolInfo",
    "SymbolRule",
    "UnknownRule",
]

F = TypeVar("F", bound=Filter)


@model
class ServerTime(Model):
    """What the exchange's clock says. Source: the WebSocket API document, ``time``."""

    server_time: datetime


@model
class SymbolInfo(Model):
    """
    A symbol: its two assets, and what can be done with them.

    Flags of features that a venue does not have may be None. Source: the WebSocket API document, ``exchangeInfo``; the
    SBE schema's ExchangeInfoResponse.
    """

    symbol: str
    status: SymbolStatus
    base_asset: str
    base_asset_precision: int
    quote_asset: str
    quote_precision: int | None = None
    """An older name of ``quote_asset_precision``."""
    quote_asset_precision: int
    base_commission_precision: int
    quote_commission_precision: int
    order_types: tuple[OrderType, ...]
    iceberg_allowed: bool
    oco_allowed: bool
    oto_allowed: bool | None = None
    opo_allowed: bool | None = None
    quote_order_quantity_market_allowed: bool = wire("quoteOrderQtyMarketAllowed")
    """Whether a MARKET order may say how much of the quote asset it trades."""
    allow_trailing_stop: bool
    cancel_replace_allowed: bool
    amend_allowed: bool | None = None
    peg_instructions_allowed: bool | None = None
    is_spot_trading_allowed: bool
    is_margin_trading_allowed: bool
    filters: tuple[Filter, ...]
    permissions: tuple[Permission, ...] = ()
    permission_sets: tuple[tuple[Permission, ...], ...] = ()
    """An account may trade the symbol when it has one permission of each set."""
    default_self_trade_prevention_mode: SelfTradePreventionMode
    allowed_self_trade_prevention_modes: tuple[SelfTradePreventionMode, ...]

    def filter(self, kind: type[F]) -> F | None:
        """Return the filter of a *kind*, for example ``symbol.filter(PriceFilter)``; None if there is none."""
        return next((each for each in self.filters if isinstance(each, kind)), None)


@model
class SmartOrderRouting(Model):
    """The symbols among which orders for a base asset can be routed."""

    base_asset: str
    symbols: tuple[str, ...]


@model
class ExchangeInfo(Model):
    """
    The exchange: its limits, and the symbols that were asked for.

    Source: the WebSocket API document, ``exchangeInfo``; the SBE schema's ExchangeInfoResponse.
    """

    timezone: str
    server_time: datetime
    rate_limits: tuple[RateLimit, ...]
    exchange_filters: tuple[Filter, ...]
    symbols: tuple[SymbolInfo, ...]
    sors: tuple[SmartOrderRouting, ...] = ()
    """Empty where there is no smart order routing."""

    def symbol(self, name: str) -> SymbolInfo | None:
        """Return the symbol of that *name*; None if it is not among those that were asked for."""
        return next((symbol for symbol in self.symbols if symbol.symbol == name), None)


@model
class SymbolRule(Model):
    """Anything that keeps orders of a symbol from executing."""

    rule_type: ExecutionRule


@model
class UnknownRule(SymbolRule):
    """A rule that this library has no class for: what it says is in ``extra``."""


@model
class PriceRangeRule(SymbolRule):
    """How far from the reference price orders execute, as factors of it. None: as far as they like."""

    bid_limit_multiplier_up: Decimal | None = wire("bidLimitMultUp", default=None)
    bid_limit_multiplier_down: Decimal | None = wire("bidLimitMultDown", default=None)
    ask_limit_multiplier_up: Decimal | None = wire("askLimitMultUp", default=None)
    ask_limit_multiplier_down: Decimal | None = wire("askLimitMultDown", default=None)


family(SymbolRule, key="ruleType", members={"PRICE_RANGE": PriceRangeRule}, unknown=UnknownRule)


@model
class SymbolExecutionRules(Model):
    """The execution rules of a symbol."""

    symbol: str
    rules: tuple[SymbolRule, ...]


@model
class ExecutionRules(Model):
    """
    What may keep orders from executing.

    Source: the WebSocket API document, ``executionRules``; the SBE schema's ExecutionRulesResponse.
    """

    symbol_rules: tuple[SymbolExecutionRules, ...]
