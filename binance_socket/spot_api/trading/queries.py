"""What the account has ordered and traded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._wire.messages import Security
from ...models.order_lists import OrderList
from ...models.orders import Order, OrderAmendment
from ...models.trades import Allocation, PreventedMatch, UserTrade
from ..endpoint import Room, endpoint
from .parameters import Moment, checked_arguments
from .rules import need_one_of

__all__ = ["Queries"]


def _one_order(arguments: dict[str, Any]) -> Mapping[str, Any]:
    need_one_of(arguments, "order_id", "original_client_order_id")
    return checked_arguments(arguments)


def _one_list(arguments: dict[str, Any]) -> Mapping[str, Any]:
    need_one_of(arguments, "order_list_id", "original_client_order_id")
    return checked_arguments(arguments)


class Queries(Room):
    """
    Questions about the account's orders and trades.

    Times are datetimes with a time zone, or milliseconds. A *limit* is 500 unless given, and at most 1000.
    """

    @endpoint("order.status", security=Security.SIGNED, weight=4, prepare=_one_order)
    def get_order(self, symbol: str, order_id: int | None = None, original_client_order_id: str | None = None) -> Order:
        """
        Return an order, known by *order_id* or *original_client_order_id*.

        Raises ApiError -2013 when there is no such order, InvalidRequest when neither was given, RequestTimeout,
        ConnectionLost. Source: Account requests, ``order.status``.
        """
        ...

    @endpoint(
        "openOrders.status",
        security=Security.SIGNED,
        weight=lambda params: 6 if "symbol" in params else 80,
        prepare=checked_arguments,
    )
    def get_open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return the open orders on *symbol*, or on all symbols. Source: Account requests, ``openOrders.status``."""
        ...

    @endpoint("allOrders", security=Security.SIGNED, weight=20, prepare=checked_arguments)
    def get_orders(
        self,
        symbol: str,
        order_id: int | None = None,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        limit: int | None = None,
    ) -> list[Order]:
        """
        Return the orders on *symbol*, open and closed, from *order_id* on or within a time.

        Source: Account requests, ``allOrders``.
        """
        ...

    @endpoint("orderList.status", security=Security.SIGNED, weight=4, prepare=_one_list)
    def get_order_list(
        self, order_list_id: int | None = None, original_client_order_id: str | None = None
    ) -> OrderList:
        """
        Return an order list, known by *order_list_id*, or by its client order id as *original_client_order_id*.

        Raises ApiError -2018 or -2013 when there is none, InvalidRequest when neither was given. Source: Account
        requests, ``orderList.status``.
        """
        ...

    @endpoint("openOrderLists.status", security=Security.SIGNED, weight=6)
    def get_open_order_lists(self) -> list[OrderList]:
        """Return the open order lists. Source: Account requests, ``openOrderLists.status``."""
        ...

    @endpoint("allOrderLists", security=Security.SIGNED, weight=20, prepare=checked_arguments)
    def get_order_lists(
        self,
        from_id: int | None = None,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        limit: int | None = None,
    ) -> list[OrderList]:
        """
        Return the order lists, open and closed, from the list *from_id* on or within a time.

        Source: Account requests, ``allOrderLists``.
        """
        ...

    @endpoint(
        "myTrades",
        security=Security.SIGNED,
        weight=lambda params: 5 if "orderId" in params else 20,
        prepare=checked_arguments,
    )
    def get_user_trades(
        self,
        symbol: str,
        order_id: int | None = None,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        from_id: int | None = None,
        limit: int | None = None,
    ) -> list[UserTrade]:
        """
        Return the account's trades on *symbol*: of an order, within a time, or from the trade *from_id* on.

        Source: Account requests, ``myTrades``.
        """
        ...

    @endpoint(
        "myPreventedMatches",
        security=Security.SIGNED,
        weight=lambda params: 20 if "orderId" in params else 2,
        prepare=checked_arguments,
    )
    def get_prevented_trades(
        self,
        symbol: str,
        prevented_match_id: int | None = None,
        order_id: int | None = None,
        from_prevented_match_id: int | None = None,
        limit: int | None = None,
    ) -> list[PreventedMatch]:
        """
        Return what self-trade prevention kept from trading: one match, or those of an order.

        Source: Account requests, ``myPreventedMatches``.
        """
        ...

    @endpoint("myAllocations", security=Security.SIGNED, weight=20, prepare=checked_arguments)
    def get_allocations(
        self,
        symbol: str,
        order_id: int | None = None,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        from_allocation_id: int | None = None,
        limit: int | None = None,
    ) -> list[Allocation]:
        """
        Return what smart order routing allocated to the account's orders on *symbol*.

        Source: Account requests, ``myAllocations``.
        """
        ...

    @endpoint("order.amendments", security=Security.SIGNED, weight=4, prepare=checked_arguments)
    def get_order_amendments(
        self, symbol: str, order_id: int, from_execution_id: int | None = None, limit: int | None = None
    ) -> list[OrderAmendment]:
        """Return how an order was amended. Source: Account requests, ``order.amendments``."""
        ...
