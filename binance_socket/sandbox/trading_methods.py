"""
The answers of the trading and account methods: what an account may order and ask.

Source: the WebSocket API document, "Trading requests" and "Account requests".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .errors import ExchangeError
from .list_parameters import ListKind
from .records import Records
from .venue import Venue

__all__ = ["TRADING_METHODS"]

_Params = Mapping[str, Any]
Handler = Callable[[Venue, int, _Params], Any]


def _account_status(venue: Venue, uid: int, params: _Params) -> dict[str, Any]:
    omit = params.get("omitZeroBalances", False)
    return venue.exchange.account_status(venue.account(uid), omit_zero_balances=omit)


def _place_order(venue: Venue, uid: int, params: _Params) -> dict[str, Any]:
    venue.limits.check_orders(uid)
    result = venue.exchange.trading.place_order(venue.account(uid), params)
    venue.limits.order_placed(uid)
    return result


def _test_order(venue: Venue, uid: int, params: _Params) -> dict[str, Any]:
    return venue.exchange.trading.place_order(venue.account(uid), params, test=True)


def _place_routed(venue: Venue, uid: int, params: _Params) -> list[dict[str, Any]]:
    venue.limits.check_orders(uid)
    result: list[dict[str, Any]] = venue.exchange.routing.place_order(venue.account(uid), params)
    venue.limits.order_placed(uid)
    return result


def _test_routed(venue: Venue, uid: int, params: _Params) -> dict[str, Any]:
    result: dict[str, Any] = venue.exchange.routing.place_order(venue.account(uid), params, test=True)
    return result


_LIST_ORDERS: Final = {
    ListKind.OLD_OCO: 1,
    ListKind.OCO: 2,
    ListKind.OTO: 2,
    ListKind.OTOCO: 3,
    ListKind.OPO: 2,
    ListKind.OPOCO: 3,
}
"""What placing a list adds to the count of unfilled orders."""


def _place_list(kind: ListKind) -> Handler:
    def place(venue: Venue, uid: int, params: _Params) -> dict[str, Any]:
        venue.limits.check_orders(uid)
        result = venue.exchange.trading.place_list(venue.account(uid), kind, params)
        venue.limits.order_placed(uid, _LIST_ORDERS[kind])
        return result

    return place


def _replace(venue: Venue, uid: int, params: _Params) -> dict[str, Any]:
    too_many: ExchangeError | None = None
    try:
        venue.limits.check_orders(uid)
    except ExchangeError as error:
        too_many = error
    counted = True
    try:
        return venue.exchange.replacing.replace(venue.account(uid), params, too_many)
    except ExchangeError as error:
        # What was refused as a whole is not counted; of what was tried, a new order that was not tried as well is.
        counted = error.code in (-2021, -2022)
        raise
    finally:
        if counted and too_many is None:
            venue.limits.order_placed(uid)


def _cancel(venue: Venue, uid: int, params: _Params) -> dict[str, Any]:
    return venue.exchange.trading.cancel_order(venue.account(uid), params)


def _cancel_all(venue: Venue, uid: int, params: _Params) -> list[dict[str, Any]]:
    return venue.exchange.trading.cancel_all_orders(venue.account(uid), params)


def _cancel_list(venue: Venue, uid: int, params: _Params) -> dict[str, Any]:
    return venue.exchange.trading.cancel_list(venue.account(uid), params)


def _query(ask: Callable[[Records, Any, _Params], Any]) -> Handler:
    return lambda venue, uid, params: ask(venue.exchange.records, venue.account(uid), params)


TRADING_METHODS: Final[Mapping[str, Handler]] = {
    "account.status": _account_status,
    "account.rateLimits.orders": lambda venue, uid, params: venue.limits.order_status(uid),
    "order.place": _place_order,
    "order.test": _test_order,
    "sor.order.place": _place_routed,
    "sor.order.test": _test_routed,
    "order.cancel": _cancel,
    "order.cancelReplace": _replace,
    "order.amend.keepPriority": lambda venue, uid, params: venue.exchange.amending.amend(venue.account(uid), params),
    "order.amendments": lambda venue, uid, params: venue.exchange.amending.amendments(venue.account(uid), params),
    "openOrders.cancelAll": _cancel_all,
    **{kind.value: _place_list(kind) for kind in ListKind},
    "orderList.cancel": _cancel_list,
    "order.status": _query(Records.order_status),
    "openOrders.status": _query(Records.open_orders),
    "allOrders": _query(Records.all_orders),
    "orderList.status": _query(Records.list_status),
    "openOrderLists.status": _query(Records.open_lists),
    "allOrderLists": _query(Records.all_lists),
    "myTrades": _query(Records.my_trades),
    "myPreventedMatches": _query(Records.prevented_matches),
    "myAllocations": _query(Records.allocations),
    "account.commission": _query(Records.commission),
    "myFilters": _query(Records.filters),
}
"""What a method answers, by its name."""
