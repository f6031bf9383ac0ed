"""
Order lists: orders that depend on one another.

Source: the WebSocket API document, "Trading requests" and "Account requests"; the SBE schema's messages 309 to 314.
"""

from __future__ import annotations

from datetime import datetime

from .base import Model, family, model
from .enums import ContingencyType, ListOrderStatus, ListStatusType
from .orders import CanceledOrder, Cancellation, OrderReference, PlacedOrder

__all__ = ["CanceledOrderList", "OrderList", "PlacedOrderList"]


@model
class OrderList(Model):
    """
    An order list, as it stands. What its orders are, each order's own query tells.

    OPO and OPOCO lists are of the contingency type OTO.
    """

    order_list_id: int
    contingency_type: ContingencyType
    list_status_type: ListStatusType
    list_order_status: ListOrderStatus
    list_client_order_id: str
    transaction_time: datetime
    symbol: str
    orders: tuple[OrderReference, ...]


@model
class PlacedOrderList(OrderList):
    """The answer to a new order list."""

    order_reports: tuple[PlacedOrder, ...]
    """Its orders, each told as the response type asked for."""


@model
class CanceledOrderList(Cancellation):
    """An order list that was cancelled, as it stands since."""

    symbol: str
    order_list_id: int
    contingency_type: ContingencyType
    list_status_type: ListStatusType
    list_order_status: ListOrderStatus
    list_client_order_id: str
    transaction_time: datetime
    orders: tuple[OrderReference, ...]
    order_reports: tuple[CanceledOrder, ...]

    @property
    def canceled_orders(self) -> tuple[CanceledOrder, ...]:
        """Its orders: the same question can be asked of a cancelled order."""
        return self.order_reports


# Only lists have a contingency type, whatever it may be called one day.
family(Cancellation, "contingencyType", {}, unknown=CanceledOrderList, absent=CanceledOrder)
