"""Placing and cancelling order lists."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ..._wire.messages import Security
from ...errors import InvalidRequest
from ...models.enums import OrderResponseType, OrderSide, SelfTradePreventionMode, TimeInForce
from ...models.order_lists import CanceledOrderList, PlacedOrderList
from ..endpoint import Room, endpoint
from .identities import check_distinct, of_list, of_oco
from .legs import LEGS, ContingentLeg, PendingLeg, WorkingLeg, leg_params
from .parameters import Amount, checked_arguments
from .rules import need_one_of

__all__ = ["OrderLists"]


def _list_with(
    *, elsewhere: frozenset[str] = frozenset(), refuses: frozenset[str] = frozenset()
) -> Callable[[dict[str, Any]], Mapping[str, Any]]:
    """
    Return what prepares the arguments of an order list with typed legs.

    *elsewhere* is what its contingent and pending orders need not have themselves, *refuses* what they cannot have.
    """

    def prepare(arguments: dict[str, Any]) -> Mapping[str, Any]:
        legs = {name: arguments.pop(name) for name in LEGS if name in arguments}
        params = dict(checked_arguments(arguments))
        for name, leg in legs.items():
            if leg is None:
                continue
            for field in refuses:
                if name != "working" and getattr(leg, field, None) is not None:
                    raise InvalidRequest(f"{name}: an order of this list has no {field} of its own")
            params |= leg_params(name, leg, elsewhere=frozenset() if name == "working" else elsewhere)
        check_distinct(params)
        return params

    return prepare


_QUANTITY = frozenset({"quantity"})


def _legacy_oco(arguments: dict[str, Any]) -> Mapping[str, Any]:
    # Level 4 is the line that called the API method, blocking or not.
    warnings.warn(
        "the exchange has deprecated orderList.place: place_oco_order_list() is what it offers instead",
        DeprecationWarning,
        stacklevel=4,
    )
    need_one_of(arguments, "stop_price", "trailing_delta")
    if (arguments.get("stop_limit_price") is None) != (arguments.get("stop_limit_time_in_force") is None):
        raise InvalidRequest("stop_limit_price and stop_limit_time_in_force need each other")
    params = checked_arguments(arguments)
    check_distinct(params)
    return params


def _one_list(arguments: dict[str, Any]) -> Mapping[str, Any]:
    need_one_of(arguments, "order_list_id", "list_client_order_id")
    return checked_arguments(arguments)


class OrderLists(Room):
    """
    Orders that depend on one another.

    The orders of a list are values, its legs. The list and each leg get client order ids of their own, unless given.
    Raises as :meth:`place_order`; the message names the leg.
    """

    @endpoint(
        "orderList.place.oco",
        security=Security.SIGNED,
        orders=2,
        mutating=True,
        prepare=_list_with(elsewhere=_QUANTITY),
        identify=of_list,
    )
    def place_oco_order_list(
        self,
        symbol: str,
        side: OrderSide | str,
        quantity: Amount,
        *,
        above: ContingentLeg,
        below: ContingentLeg,
        list_client_order_id: str | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
    ) -> PlacedOrderList:
        """
        Place two orders of which only one is to be filled ("one cancels the other"), *above* and *below* the market.

        Both have the same side and quantity. Source: Trading requests, ``orderList.place.oco``.
        """
        ...

    @endpoint(
        "orderList.place.oto",
        security=Security.SIGNED,
        orders=2,
        mutating=True,
        prepare=_list_with(),
        identify=of_list,
    )
    def place_oto_order_list(
        self,
        symbol: str,
        *,
        working: WorkingLeg,
        pending: PendingLeg,
        list_client_order_id: str | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
    ) -> PlacedOrderList:
        """
        Place the *working* order, and the *pending* one once it is filled ("one triggers the other").

        Source: Trading requests, ``orderList.place.oto``.
        """
        ...

    @endpoint(
        "orderList.place.otoco",
        security=Security.SIGNED,
        orders=3,
        mutating=True,
        prepare=_list_with(elsewhere=_QUANTITY),
        identify=of_list,
    )
    def place_otoco_order_list(
        self,
        symbol: str,
        *,
        working: WorkingLeg,
        pending_side: OrderSide | str,
        pending_quantity: Amount,
        pending_above: ContingentLeg,
        pending_below: ContingentLeg | None = None,
        list_client_order_id: str | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
    ) -> PlacedOrderList:
        """
        Place the *working* order, and an OCO of *pending_above* and *pending_below* once it is filled.

        Both pending orders have the same side and quantity. Source: Trading requests, ``orderList.place.otoco``.
        """
        ...

    @endpoint(
        "orderList.place.opo",
        security=Security.SIGNED,
        orders=2,
        mutating=True,
        prepare=_list_with(elsewhere=_QUANTITY, refuses=_QUANTITY),
        identify=of_list,
    )
    def place_opo_order_list(
        self,
        symbol: str,
        *,
        working: WorkingLeg,
        pending: PendingLeg,
        list_client_order_id: str | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
    ) -> PlacedOrderList:
        """
        Place the *working* order, and for what it brings the *pending* one ("one pays for the other").

        The pending order has no quantity: it follows from the working one. Source: Trading requests,
        ``orderList.place.opo``.
        """
        ...

    @endpoint(
        "orderList.place.opoco",
        security=Security.SIGNED,
        orders=3,
        mutating=True,
        prepare=_list_with(elsewhere=_QUANTITY),
        identify=of_list,
    )
    def place_opoco_order_list(
        self,
        symbol: str,
        *,
        working: WorkingLeg,
        pending_side: OrderSide | str,
        pending_above: ContingentLeg,
        pending_below: ContingentLeg | None = None,
        list_client_order_id: str | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
    ) -> PlacedOrderList:
        """
        Place the *working* order, and for what it brings an OCO of *pending_above* and *pending_below*.

        Source: Trading requests, ``orderList.place.opoco``.
        """
        ...

    @endpoint(
        "orderList.place", security=Security.SIGNED, orders=1, mutating=True, prepare=_legacy_oco, identify=of_oco
    )
    def place_oco_order(
        self,
        symbol: str,
        side: OrderSide | str,
        quantity: Amount,
        price: Amount,
        *,
        stop_price: Amount | None = None,
        trailing_delta: int | None = None,
        stop_limit_price: Amount | None = None,
        stop_limit_time_in_force: TimeInForce | str | None = None,
        list_client_order_id: str | None = None,
        limit_client_order_id: str | None = None,
        limit_iceberg_quantity: Amount | None = None,
        limit_strategy_id: int | None = None,
        limit_strategy_type: int | None = None,
        stop_client_order_id: str | None = None,
        stop_iceberg_quantity: Amount | None = None,
        stop_strategy_id: int | None = None,
        stop_strategy_type: int | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
    ) -> PlacedOrderList:
        """
        Place an OCO of a limit order and a stop, in the way that the exchange has deprecated: a DeprecationWarning.

        Use :meth:`place_oco_order_list`. Source: Trading requests, ``orderList.place``.
        """
        ...

    @endpoint("orderList.cancel", security=Security.SIGNED, mutating=True, prepare=_one_list)
    def cancel_order_list(
        self,
        symbol: str,
        order_list_id: int | None = None,
        list_client_order_id: str | None = None,
        *,
        new_client_order_id: str | None = None,
    ) -> CanceledOrderList:
        """
        Cancel all orders of a list, known by *order_list_id* or *list_client_order_id*.

        *new_client_order_id* names the cancellation. Source: Trading requests, ``orderList.cancel``.
        """
        ...
