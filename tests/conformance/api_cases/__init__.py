"""
Each method of the exchange's, with what shows that it is spoken to the letter.

One module per chapter. A new method takes one row; the tests and the table in docs/ are made from the rows.
"""

from __future__ import annotations

from .market import MARKET
from .row import Row
from .session import SESSION

__all__ = ["ROWS", "UNWRITTEN", "Row"]

ROWS: list[Row] = [*MARKET, *SESSION]

UNWRITTEN = {
    "order.place",
    "order.test",
    "order.cancel",
    "order.cancelReplace",
    "order.amend.keepPriority",
    "openOrders.cancelAll",
    "orderList.place",
    "orderList.place.oco",
    "orderList.place.oto",
    "orderList.place.otoco",
    "orderList.place.opo",
    "orderList.place.opoco",
    "orderList.cancel",
    "sor.order.place",
    "sor.order.test",
    "order.status",
    "openOrders.status",
    "allOrders",
    "orderList.status",
    "openOrderLists.status",
    "allOrderLists",
    "myTrades",
    "myPreventedMatches",
    "myAllocations",
    "account.commission",
    "order.amendments",
    "myFilters",
}
"""Methods that have no row yet. Whoever writes one takes its name out of here."""
