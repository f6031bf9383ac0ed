"""Placing, testing, cancelling, replacing and amending single orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._wire.messages import Security
from ...models.enums import (
    CancelReplaceMode,
    CancelRestrictions,
    OrderRateLimitExceededMode,
    OrderResponseType,
    OrderSide,
    OrderType,
    PegOffsetType,
    PegPriceType,
    SelfTradePreventionMode,
    TimeInForce,
)
from ...models.order_lists import CanceledOrderList
from ...models.orders import (
    CanceledOrder,
    Cancellation,
    CancelReplaceResult,
    OrderAmendmentResult,
    OrderTestResult,
    PlacedOrder,
)
from ..endpoint import Room, endpoint
from .identities import of_order
from .parameters import Amount, checked, checked_arguments, wire_name
from .rules import check_order, need_one_of

__all__ = ["Orders", "weight_of_test"]


def weight_of_test(params: Mapping[str, Any]) -> int:
    """Return what a test order weighs: commission rates cost more."""
    return 20 if params.get("computeCommissionRates") else 1


def _new_order(arguments: dict[str, Any]) -> Mapping[str, Any]:
    values = checked(arguments)
    check_order(values)
    return {wire_name(name): value for name, value in values.items()}


def _replacement(arguments: dict[str, Any]) -> Mapping[str, Any]:
    need_one_of(arguments, "cancel_order_id", "cancel_original_client_order_id")
    return _new_order(arguments)


def _one_order(arguments: dict[str, Any]) -> Mapping[str, Any]:
    need_one_of(arguments, "order_id", "original_client_order_id")
    return checked_arguments(arguments)


class Orders(Room):
    """Single orders."""

    @endpoint("order.place", security=Security.SIGNED, orders=1, mutating=True, prepare=_new_order, identify=of_order)
    def place_order(
        self,
        symbol: str,
        side: OrderSide | str,
        order_type: OrderType | str,
        *,
        quantity: Amount | None = None,
        quote_order_quantity: Amount | None = None,
        price: Amount | None = None,
        time_in_force: TimeInForce | str | None = None,
        new_client_order_id: str | None = None,
        stop_price: Amount | None = None,
        trailing_delta: int | None = None,
        iceberg_quantity: Amount | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        strategy_id: int | None = None,
        strategy_type: int | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
        peg_price_type: PegPriceType | str | None = None,
        peg_offset_type: PegOffsetType | str | None = None,
        peg_offset_value: int | None = None,
    ) -> PlacedOrder:
        """
        Place an order.

        Prices are in units of the quote asset, *quantity* in units of the base asset; a MARKET order may say instead
        what to spend or to earn, as *quote_order_quantity*. *trailing_delta* is in basis points. Without
        *new_client_order_id* the order gets a name of its own, from ``ClientOptions.client_order_ids``. How much the
        answer says is up to *new_order_response_type*: see PlacedOrder.

        Raises, before anything is sent, InvalidRequest for what the order type needs and does not have, or cannot
        have, and TypeError for a float. Raises ApiError and its kind, and OutcomeUnknown, RequestTimeout or
        ConnectionLost without an answer. Source: Trading requests, ``order.place``.
        """
        ...

    @endpoint("order.test", security=Security.SIGNED, weight=weight_of_test, prepare=_new_order)
    def place_test_order(
        self,
        symbol: str,
        side: OrderSide | str,
        order_type: OrderType | str,
        *,
        quantity: Amount | None = None,
        quote_order_quantity: Amount | None = None,
        price: Amount | None = None,
        time_in_force: TimeInForce | str | None = None,
        new_client_order_id: str | None = None,
        stop_price: Amount | None = None,
        trailing_delta: int | None = None,
        iceberg_quantity: Amount | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        strategy_id: int | None = None,
        strategy_type: int | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
        peg_price_type: PegPriceType | str | None = None,
        peg_offset_type: PegOffsetType | str | None = None,
        peg_offset_value: int | None = None,
        compute_commission_rates: bool | None = None,
    ) -> OrderTestResult:
        """
        Have the exchange check an order without placing it, and, if *compute_commission_rates*, tell what it would pay.

        The order is described as for :meth:`place_order`. Raises as above. Source: Trading requests, ``order.test``.
        """
        ...

    @endpoint("order.cancel", security=Security.SIGNED, mutating=True, wire=Cancellation, prepare=_one_order)
    def cancel_order(
        self,
        symbol: str,
        order_id: int | None = None,
        original_client_order_id: str | None = None,
        *,
        new_client_order_id: str | None = None,
        cancel_restrictions: CancelRestrictions | str | None = None,
    ) -> CanceledOrder | CanceledOrderList:
        """
        Cancel an order, known by *order_id* or *original_client_order_id*; with both, both have to be right.

        An order of an order list takes the whole list with it, which is then what is returned; ``canceled_orders``
        holds the orders of either. *new_client_order_id* names the cancellation.

        Raises ApiError -2011 when there is no such open order, and as above. Source: Trading requests,
        ``order.cancel``.
        """
        ...

    @endpoint(
        "order.cancelReplace",
        security=Security.SIGNED,
        orders=1,
        mutating=True,
        prepare=_replacement,
        identify=of_order,
    )
    def replace_order(
        self,
        symbol: str,
        side: OrderSide | str,
        order_type: OrderType | str,
        cancel_replace_mode: CancelReplaceMode | str,
        *,
        cancel_order_id: int | None = None,
        cancel_original_client_order_id: str | None = None,
        cancel_new_client_order_id: str | None = None,
        quantity: Amount | None = None,
        quote_order_quantity: Amount | None = None,
        price: Amount | None = None,
        time_in_force: TimeInForce | str | None = None,
        new_client_order_id: str | None = None,
        stop_price: Amount | None = None,
        trailing_delta: int | None = None,
        iceberg_quantity: Amount | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        strategy_id: int | None = None,
        strategy_type: int | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
        cancel_restrictions: CancelRestrictions | str | None = None,
        order_rate_limit_exceeded_mode: OrderRateLimitExceededMode | str | None = None,
        peg_price_type: PegPriceType | str | None = None,
        peg_offset_type: PegOffsetType | str | None = None,
        peg_offset_value: int | None = None,
    ) -> CancelReplaceResult:
        """
        Cancel an order and place another one on the same symbol, described as for :meth:`place_order`.

        The mode STOP_ON_FAILURE places nothing unless the old order was cancelled, ALLOW_FAILURE does all the same.

        Raises CancelReplaceFailed when either half failed, which says what became of both; RateLimited when too many
        orders were placed; and as above. Source: Trading requests, ``order.cancelReplace``.
        """
        ...

    @endpoint(
        "order.amend.keepPriority",
        security=Security.SIGNED,
        weight=4,
        mutating=True,
        prepare=_one_order,
        identify=of_order,
    )
    def amend_order(
        self,
        symbol: str,
        order_id: int | None = None,
        original_client_order_id: str | None = None,
        *,
        new_quantity: Amount,
        new_client_order_id: str | None = None,
    ) -> OrderAmendmentResult:
        """
        Lower the quantity of an open order to *new_quantity*, which keeps its place in the book.

        The order is called *new_client_order_id* from then on, or by a new name of its own; give it its old name to
        keep that. Raises as above. Source: Trading requests, ``order.amend.keepPriority``.
        """
        ...

    @endpoint(
        "openOrders.cancelAll",
        security=Security.SIGNED,
        mutating=True,
        wire=list[Cancellation],
        prepare=checked_arguments,
    )
    def cancel_all_orders(self, symbol: str) -> list[CanceledOrder | CanceledOrderList]:
        """
        Cancel all open orders on *symbol*, order lists included, and return them.

        Raises ApiError -2011 when there are none, and as above. Source: Trading requests, ``openOrders.cancelAll``.
        """
        ...
