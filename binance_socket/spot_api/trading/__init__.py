"""Trading: orders, order lists, smart order routing, and what became of them."""

from __future__ import annotations

from .legs import ContingentLeg, PendingLeg, WorkingLeg
from .order_lists import OrderLists
from .orders import Orders
from .parameters import Amount, Moment
from .queries import Queries
from .sor import SmartOrders

__all__ = ["Amount", "ContingentLeg", "Moment", "PendingLeg", "Trading", "WorkingLeg"]


class Trading(Orders, OrderLists, SmartOrders, Queries):
    """
    Orders and order lists of the client's account. Every method needs credentials.

    Amounts are Decimal, str or int, never float; enumerations are members or their names. What an order needs by its
    type is checked before anything is sent. A new order without a client order id gets one, so that its outcome can be
    found out whatever happens.
    """
