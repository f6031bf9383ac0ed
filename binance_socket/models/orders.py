"""
Orders: as they were placed, cancelled, amended, and as they stand.

Prices are in units of the quote asset, quantities in units of the base asset, quote quantities in units of the quote
asset. An order list id of -1 means that the order belongs to none. What is optional is only sent where it applies.

Source: the WebSocket API document, trading and account requests; for types and optional fields the SBE schema's
messages 300 to 308 and 315 to 317.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from .account import CommissionDiscount
from .base import Model, model, wire
from .enums import (
    CancelReplaceStatus,
    ContingencyType,
    ExpiryReason,
    ListOrderStatus,
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
    "AmendedOrder",
    "AmendedOrderList",
    "CancelReplaceResult",
    "CanceledOrder",
    "Cancellation",
    "Order",
    "OrderAmendment",
    "OrderAmendmentResult",
    "OrderCommissionRates",
    "OrderFill",
    "OrderPreventedMatch",
    "OrderReference",
    "OrderTestResult",
    "PlacedOrder",
    "RelatedOrder",
]

FINAL_STATUSES: Final = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
        OrderStatus.EXPIRED_IN_MATCH,
    }
)


@model
class OrderReference(Model):
    """How an order of an order list is called."""

    symbol: str
    order_id: int
    client_order_id: str


@model
class OrderFill(Model):
    """A trade that a new order made at once."""

    match_type: MatchType | None = None
    price: Decimal
    quantity: Decimal = wire("qty")
    commission: Decimal
    """In units of the commission's asset."""
    commission_asset: str | None = None
    trade_id: int | None = None
    """-1 where it is an allocation."""
    allocation_id: int | None = wire("allocId", default=None)


@model
class OrderPreventedMatch(Model):
    """A match that a new order would have made at once, and that self-trade prevention kept it from."""

    prevented_match_id: int
    maker_order_id: int | None = None
    price: Decimal | None = None
    taker_prevented_quantity: Decimal | None = None
    maker_prevented_quantity: Decimal | None = None
    maker_symbol: str | None = None


@model
class _Conditional(Model):
    """What orders say only where it applies."""

    # Stops: the delta is in basis points.
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    trailing_time: datetime | None = None
    """When the trailing stop began to follow the market."""
    iceberg_quantity: Decimal | None = wire("icebergQty", default=None)
    # The user's own labels.
    strategy_id: int | None = None
    strategy_type: int | None = None
    # Where and on whose behalf it works.
    order_capacity: OrderCapacity | None = None
    working_floor: WorkingFloor | None = None
    used_sor: bool | None = None
    # Self-trade prevention.
    self_trade_prevention_mode: SelfTradePreventionMode | None = None
    # Pegged orders.
    pegged_price_type: PegPriceType | None = wire("pegPriceType", default=None)
    pegged_offset_type: PegOffsetType | None = wire("pegOffsetType", default=None)
    pegged_offset_value: int | None = wire("pegOffsetValue", default=None)
    pegged_price: Decimal | None = None


@model
class PlacedOrder(_Conditional):
    """
    The answer to a new order. How much it says depends on the response type that was asked for.

    ACK fills the first five fields. RESULT adds the order as it stands, FULL its fills besides. Where none was asked
    for, LIMIT and MARKET orders are answered in full, and other types with ACK.
    """

    symbol: str
    order_id: int
    order_list_id: int
    client_order_id: str
    transaction_time: datetime = wire("transactTime")
    # With RESULT and FULL.
    price: Decimal | None = None
    quantity: Decimal | None = wire("origQty", default=None)
    """None also for a pending order whose quantity is not known yet (OPO, OPOCO)."""
    cumulative_filled_quantity: Decimal | None = wire("executedQty", default=None)
    cumulative_quote_quantity: Decimal | None = wire("cummulativeQuoteQty", default=None)
    quote_order_quantity: Decimal | None = wire("origQuoteOrderQty", default=None)
    status: OrderStatus | None = None
    time_in_force: TimeInForce | None = None
    order_type: OrderType | None = wire("type", default=None)
    side: OrderSide | None = None
    working_time: datetime | None = None
    """When it went on the book; None if it has not yet."""
    trade_group_id: int | None = None
    prevented_quantity: Decimal | None = None
    expiry_reason: ExpiryReason | None = None
    # With FULL.
    fills: tuple[OrderFill, ...] = ()
    prevented_matches: tuple[OrderPreventedMatch, ...] = ()

    @property
    def average_price(self) -> Decimal | None:
        """What was paid or received per unit so far, before commission; None while nothing is known to be filled."""
        return _average(self.cumulative_quote_quantity, self.cumulative_filled_quantity)

    @property
    def is_final(self) -> bool:
        """Whether the order is known to be closed: nothing will happen to it any more."""
        return self.status in FINAL_STATUSES


@model
class Cancellation(Model):
    """What was cancelled: a CanceledOrder, or a CanceledOrderList with all of its orders."""


@model
class CanceledOrder(_Conditional, Cancellation):
    """An order that was cancelled, as it stands since."""

    symbol: str
    order_id: int
    order_list_id: int
    original_client_order_id: str | None = wire("origClientOrderId", default=None)
    """What the order was called."""
    client_order_id: str
    """What its cancellation is called."""
    transaction_time: datetime = wire("transactTime")
    price: Decimal
    quantity: Decimal = wire("origQty")
    cumulative_filled_quantity: Decimal = wire("executedQty")
    cumulative_quote_quantity: Decimal = wire("cummulativeQuoteQty")
    quote_order_quantity: Decimal | None = wire("origQuoteOrderQty", default=None)
    status: OrderStatus
    time_in_force: TimeInForce
    order_type: OrderType = wire("type")
    side: OrderSide
    prevented_quantity: Decimal | None = None

    @property
    def canceled_orders(self) -> tuple[CanceledOrder, ...]:
        """The order itself: the same question can be asked of a cancelled order list."""
        return (self,)

    @property
    def average_price(self) -> Decimal | None:
        """What was paid or received per unit, before commission; None if nothing was filled."""
        return _average(self.cumulative_quote_quantity, self.cumulative_filled_quantity)


@model
class CancelReplaceResult(Model):
    """
    Both halves of a cancel-replace that succeeded.

    When either half did not, :class:`~binance_socket.CancelReplaceFailed` is raised, and holds both.
    """

    cancel_result: CancelReplaceStatus
    new_order_result: CancelReplaceStatus
    cancel_response: CanceledOrder
    new_order_response: PlacedOrder


@model
class Order(_Conditional):
    """An order, as it stands."""

    symbol: str
    order_id: int
    order_list_id: int
    client_order_id: str
    price: Decimal
    quantity: Decimal = wire("origQty")
    cumulative_filled_quantity: Decimal = wire("executedQty")
    cumulative_quote_quantity: Decimal = wire("cummulativeQuoteQty")
    """Negative where the exchange does not have it, for orders of long ago."""
    quote_order_quantity: Decimal | None = wire("origQuoteOrderQty", default=None)
    status: OrderStatus
    time_in_force: TimeInForce
    order_type: OrderType = wire("type")
    side: OrderSide
    order_creation_time: datetime = wire("time")
    update_time: datetime
    is_working: bool
    """Whether it is on the book, or has been."""
    working_time: datetime | None = None
    """When it went on the book; None if it has not yet."""
    prevented_match_id: int | None = None
    prevented_quantity: Decimal | None = None
    expiry_reason: ExpiryReason | None = None

    @property
    def average_price(self) -> Decimal | None:
        """What was paid or received per unit so far, before commission; None while nothing is filled, or if unknown."""
        return _average(self.cumulative_quote_quantity, self.cumulative_filled_quantity)

    @property
    def remaining_quantity(self) -> Decimal:
        """What is neither filled nor taken away by self-trade prevention. A closed order may keep a remainder."""
        return self.quantity - self.cumulative_filled_quantity - (self.prevented_quantity or 0)

    @property
    def is_final(self) -> bool:
        """Whether the order is closed: nothing will happen to it any more."""
        return self.status in FINAL_STATUSES


@model
class RelatedOrder(_Conditional):
    """An order that an amendment changed along with the one that was amended."""

    symbol: str
    order_id: int
    order_list_id: int
    client_order_id: str | None = None
    price: Decimal
    quantity: Decimal = wire("qty")
    cumulative_filled_quantity: Decimal = wire("executedQty")
    prevented_quantity: Decimal | None = wire("preventedQty", default=None)
    quote_order_quantity: Decimal | None = wire("quoteOrderQty", default=None)
    cumulative_quote_quantity: Decimal = wire("cumulativeQuoteQty")
    status: OrderStatus
    time_in_force: TimeInForce
    order_type: OrderType = wire("type")
    side: OrderSide
    working_time: datetime | None = None
    """When it went on the book; None if it has not yet."""


@model
class AmendedOrder(RelatedOrder):
    """An order whose quantity was lowered, as it stands since."""

    original_client_order_id: str | None = wire("origClientOrderId", default=None)
    """What it was called before."""


@model
class AmendedOrderList(Model):
    """The order list of an amended order."""

    order_list_id: int
    contingency_type: ContingencyType
    list_order_status: ListOrderStatus
    list_client_order_id: str
    symbol: str
    orders: tuple[OrderReference, ...]


@model
class OrderAmendmentResult(Model):
    """The answer to an amendment."""

    transaction_time: datetime = wire("transactTime")
    execution_id: int
    amended_order: AmendedOrder
    list_status: AmendedOrderList | None = None
    """The order's list, if it belongs to one."""
    related_orders: tuple[RelatedOrder, ...] = ()


@model
class OrderAmendment(Model):
    """One amendment of an order's history."""

    symbol: str
    order_id: int
    execution_id: int
    original_client_order_id: str = wire("origClientOrderId")
    new_client_order_id: str
    original_quantity: Decimal = wire("origQty")
    new_quantity: Decimal = wire("newQty")
    time: datetime


@model
class OrderCommissionRates(Model):
    """Commissions of an order as fractions of a trade: 0.001 is 0.1 %."""

    maker: Decimal
    taker: Decimal


@model
class OrderTestResult(Model):
    """The answer to a test order that was in order. It is empty unless commission rates were asked for."""

    standard_commission_for_order: OrderCommissionRates | None = None
    special_commission_for_order: OrderCommissionRates | None = None
    tax_commission_for_order: OrderCommissionRates | None = None
    discount: CommissionDiscount | None = None


def _average(quote: Decimal | None, quantity: Decimal | None) -> Decimal | None:
    # The exchange sends a negative quote quantity where it does not know it.
    return quote / quantity if quote is not None and quantity and quote >= 0 else None
