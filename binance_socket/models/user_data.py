"""
What an account's user data stream says.

Source: the user data stream document and, for types and optional fields, the SBE schema's messages 600 to 610.
Quantities are in units of the base asset, quote quantities in units of the quote asset. An id of -1 means none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

import attrs

from ..masking import masked
from .base import Model, event, model, wire
from .enums import (
    ContingencyType,
    ExecutionType,
    ExpiryReason,
    ListOrderStatus,
    ListStatusType,
    MatchType,
    OrderCapacity,
    OrderSide,
    OrderStatus,
    OrderType,
    PegOffsetType,
    PegPriceType,
    SelfTradePreventionMode,
    TimeInForce,
    WorkingFloor,
)

__all__ = [
    "AllocationReport",
    "BalanceLockUpdate",
    "BalanceUpdate",
    "KnownEvent",
    "ListenKeyExpired",
    "OrderListEntry",
    "OrderListUpdate",
    "OrderUpdate",
    "PositionBalance",
    "PositionsUpdate",
    "ServerShutdown",
    "StreamTerminated",
    "UnknownEvent",
    "UserDataEvent",
]


@model
class UserDataEvent(Model):
    """Anything that a user data stream says."""

    event_time: datetime | None
    """When the exchange sent it."""


@model
class UnknownEvent(UserDataEvent):
    """An event that this library has no class for, as it came."""

    name: str
    payload: Mapping[str, Any] = attrs.field(hash=False, repr=masked)
    event_time: datetime | None = None


@model
class KnownEvent(UserDataEvent):
    """An event that has a class of its own."""

    event_name: ClassVar[str]
    """Its name on the wire (``e``)."""

    event_time: datetime = wire("E")


_FINAL: Final = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
        OrderStatus.EXPIRED_IN_MATCH,
    }
)


@event("executionReport")
class OrderUpdate(KnownEvent):
    """An order was placed, changed, filled or closed. What follows the commission is mostly sent only if it applies."""

    # The order as it was placed. Prices are in units of the quote asset.
    symbol: str = wire("s")
    client_order_id: str = wire("c")
    side: OrderSide = wire("S")
    order_type: OrderType = wire("o")
    time_in_force: TimeInForce = wire("f")
    quantity: Decimal = wire("q")
    price: Decimal = wire("p")
    stop_price: Decimal = wire("P")
    iceberg_quantity: Decimal = wire("F")
    quote_order_quantity: Decimal = wire("Q")
    order_list_id: int = wire("g")
    original_client_order_id: str = wire("C")
    """The client order id of the order being cancelled; else empty."""
    self_trade_prevention_mode: SelfTradePreventionMode = wire("V")

    # What happened, and how the order stands now.
    execution_type: ExecutionType = wire("x")
    status: OrderStatus = wire("X")
    reject_reason: str = wire("r")
    """``NONE`` unless rejected."""
    order_id: int = wire("i")
    execution_id: int = wire("I")
    is_on_book: bool = wire("w")

    # Fills.
    last_executed_quantity: Decimal = wire("l")
    cumulative_filled_quantity: Decimal = wire("z")
    last_executed_price: Decimal = wire("L")
    cumulative_quote_quantity: Decimal = wire("Z")
    last_quote_quantity: Decimal = wire("Y")
    trade_id: int = wire("t")
    is_maker: bool = wire("m")
    is_best_match: bool = wire("M")
    """To be ignored, say the documents."""
    commission_amount: Decimal = wire("n")
    commission_asset: str | None = wire("N", default=None, often=True)

    # Times.
    transaction_time: datetime = wire("T")
    order_creation_time: datetime | None = wire("O", default=None, often=True)
    working_time: datetime | None = wire("W", default=None, often=True)
    """When it went on the book."""

    # Self-trade prevention.
    prevented_match_id: int | None = wire("v", default=None, often=True)
    prevented_quantity: Decimal | None = wire("A", default=None)
    last_prevented_quantity: Decimal | None = wire("B", default=None)
    trade_group_id: int | None = wire("u", default=None)
    counter_order_id: int | None = wire("U", default=None)
    counter_symbol: str | None = wire("Cs", default=None)
    prevented_execution_quantity: Decimal | None = wire("pl", default=None)
    prevented_execution_price: Decimal | None = wire("pL", default=None)
    prevented_execution_quote_quantity: Decimal | None = wire("pY", default=None)

    # Trailing stops: the delta is in basis points.
    trailing_delta: int | None = wire("d", default=None)
    trailing_time: datetime | None = wire("D", default=None)

    # The user's own labels.
    strategy_id: int | None = wire("j", default=None)
    strategy_type: int | None = wire("J", default=None)

    # Smart order routing.
    match_type: MatchType | None = wire("b", default=None)
    allocation_id: int | None = wire("a", default=None)
    working_floor: WorkingFloor | None = wire("k", default=None)
    used_sor: bool | None = wire("uS", default=None)
    order_capacity: OrderCapacity | None = wire("y", default=None)

    # Pegged orders.
    pegged_price_type: PegPriceType | None = wire("gP", default=None)
    pegged_offset_type: PegOffsetType | None = wire("gOT", default=None)
    pegged_offset_value: int | None = wire("gOV", default=None)
    pegged_price: Decimal | None = wire("gp", default=None)

    expiry_reason: ExpiryReason | None = wire("eR", default=None)

    @property
    def average_price(self) -> Decimal | None:
        """What was paid or received per unit so far, before commission; None while nothing is filled."""
        if not self.cumulative_filled_quantity:
            return None
        return self.cumulative_quote_quantity / self.cumulative_filled_quantity

    @property
    def remaining_quantity(self) -> Decimal:
        """What is neither filled nor taken away by self-trade prevention. A closed order may keep a remainder."""
        return self.quantity - self.cumulative_filled_quantity - (self.prevented_quantity or 0)

    @property
    def is_trade(self) -> bool:
        """Whether this update is a fill."""
        return self.execution_type is ExecutionType.TRADE

    @property
    def is_final(self) -> bool:
        """Whether the order is closed: nothing will happen to it any more."""
        return self.status in _FINAL


@event("allocationReport")
class AllocationReport(KnownEvent):
    """
    Smart order routing allocated a fill to the account.

    Only the SBE schema describes it (message 600). It names neither the JSON event, whose name is taken from its
    sisters', nor the JSON spelling of four enumerations: those are kept as they come.
    """

    # The allocation.
    symbol: str = wire("s")
    source_symbol: str | None = wire("Ss", default=None)
    side: OrderSide = wire("S")
    transaction_time: datetime = wire("T")
    allocation_report_id: int = wire("R")
    allocation_id: int = wire("a")
    allocation_transaction_type: object = wire("x")
    allocation_report_type: object = wire("r")
    allocation_status: object = wire("X")

    # Where it came from.
    source_order_id: int = wire("i")
    source_order_list_id: int = wire("g")
    source_trade_id: int | None = wire("t", default=None)
    source_allocation_id: int | None = wire("Sa", default=None)
    counter_party_role: object = wire("P")
    counter_party_external_account_id: int = wire("h")
    counter_party_order_id: int = wire("I")

    # Amounts: the price and the quote quantity are in the quote asset.
    price: Decimal = wire("p")
    quantity: Decimal = wire("q")
    quote_quantity: Decimal = wire("Q")
    commission_amount: Decimal = wire("n")
    commission_asset: str | None = wire("N", default=None)


@model
class OrderListEntry(Model):
    """An order of an order list."""

    symbol: str = wire("s")
    order_id: int = wire("i")
    client_order_id: str = wire("c")


@event("listStatus")
class OrderListUpdate(KnownEvent):
    """An order list was placed, or it changed. Each of its orders has updates of its own besides."""

    symbol: str = wire("s")
    order_list_id: int = wire("g")
    list_client_order_id: str = wire("C")
    contingency_type: ContingencyType = wire("c")
    list_status_type: ListStatusType = wire("l")
    list_order_status: ListOrderStatus = wire("L")
    list_reject_reason: str = wire("r")
    """``NONE`` unless rejected."""
    transaction_time: datetime = wire("T")
    orders: tuple[OrderListEntry, ...] = wire("O")


@model
class PositionBalance(Model):
    """What the account now holds of one asset, in units of the asset."""

    asset: str = wire("a")
    free: Decimal = wire("f")
    locked: Decimal = wire("l")

    @property
    def total(self) -> Decimal:
        """Free and locked together."""
        return self.free + self.locked


@event("outboundAccountPosition")
class PositionsUpdate(KnownEvent):
    """Balances changed. Holds those that the cause may have changed, not all of them."""

    last_account_update_time: datetime = wire("u")
    balances: tuple[PositionBalance, ...] = wire("B")


@event("balanceUpdate")
class BalanceUpdate(KnownEvent):
    """A deposit, a withdrawal or a transfer between accounts changed a balance by *delta* units of the asset."""

    asset: str = wire("a")
    delta: Decimal = wire("d")
    clear_time: datetime | None = wire("T", default=None)


@event("externalLockUpdate")
class BalanceLockUpdate(KnownEvent):
    """Another system, such as margin lending, locked *delta* units of the asset, or unlocked them if negative."""

    asset: str = wire("a")
    delta: Decimal = wire("d")
    transaction_time: datetime = wire("T")


@event("listenKeyExpired")
class ListenKeyExpired(KnownEvent):
    """The listen key of a stream is no longer valid; nothing will follow on it."""

    listen_key: str = wire("listenKey", secret=True)


@event("eventStreamTerminated")
class StreamTerminated(KnownEvent):
    """A subscription has ended; nothing will follow on it."""


@event("serverShutdown")
class ServerShutdown(KnownEvent):
    """The server is about to go away: open a new connection as soon as possible."""
