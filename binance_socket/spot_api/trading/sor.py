"""Smart order routing: one order, filled from several books."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._wire.messages import Security
from ...models.enums import OrderResponseType, OrderSide, OrderType, SelfTradePreventionMode, TimeInForce
from ...models.orders import OrderTestResult, PlacedOrder
from ..endpoint import Room, endpoint
from .identities import of_order
from .orders import weight_of_test
from .parameters import Amount, checked, wire_name
from .rules import check_order

__all__ = ["SmartOrders"]

_TYPES = frozenset({"LIMIT", "MARKET"})


def _routed(arguments: dict[str, Any]) -> Mapping[str, Any]:
    values = checked(arguments)
    check_order(values, types=_TYPES)
    return {wire_name(name): value for name, value in values.items()}


class SmartOrders(Room):
    """Orders for smart order routing."""

    @endpoint("sor.order.place", security=Security.SIGNED, orders=1, mutating=True, prepare=_routed, identify=of_order)
    def place_sor_order(
        self,
        symbol: str,
        side: OrderSide | str,
        order_type: OrderType | str,
        *,
        quantity: Amount,
        price: Amount | None = None,
        time_in_force: TimeInForce | str | None = None,
        new_client_order_id: str | None = None,
        iceberg_quantity: Amount | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        strategy_id: int | None = None,
        strategy_type: int | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
    ) -> list[PlacedOrder]:
        """
        Place a LIMIT or MARKET order that may be filled from other books as well; see :meth:`place_order`.

        The exchange answers with a list. A fill that came from elsewhere has an ``allocation_id``, and -1 for a
        ``trade_id``. Raises ApiError where the symbol has no smart order routing, and as for :meth:`place_order`.
        Source: Trading requests, ``sor.order.place``.
        """
        ...

    @endpoint("sor.order.test", security=Security.SIGNED, weight=weight_of_test, prepare=_routed)
    def place_test_sor_order(
        self,
        symbol: str,
        side: OrderSide | str,
        order_type: OrderType | str,
        *,
        quantity: Amount,
        price: Amount | None = None,
        time_in_force: TimeInForce | str | None = None,
        new_client_order_id: str | None = None,
        iceberg_quantity: Amount | None = None,
        new_order_response_type: OrderResponseType | str | None = None,
        strategy_id: int | None = None,
        strategy_type: int | None = None,
        self_trade_prevention_mode: SelfTradePreventionMode | str | None = None,
        compute_commission_rates: bool | None = None,
    ) -> OrderTestResult:
        """
        Have the exchange check an order for smart order routing without placing it; see :meth:`place_test_order`.

        Raises as above. Source: Trading requests, ``sor.order.test``.
        """
        ...
