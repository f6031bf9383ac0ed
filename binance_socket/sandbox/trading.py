"""Orders and order lists: placed, tested and cancelled, as the methods of the documents are answered."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from . import queries, reports
from .accounts import AccountState
from .errors import ExchangeError
from .floor import Floor
from .list_parameters import LIST_PARAMETERS, ListKind, list_request
from .market import Market, Placed
from .money import ZERO, text
from .orders import Order, OrderRequest, ResponseType, Status
from .parameters import ORDER_PARAMETERS, OrderReference, Parameters, order_request

__all__ = ["CANCEL_PARAMETERS", "Trading", "commission_rates", "placement"]

CANCEL_PARAMETERS: Final = ("symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions")
"""What order.cancel takes."""


class _CancelRestrictions(enum.Enum):
    ONLY_NEW = "ONLY_NEW"
    ONLY_PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"


class Trading:
    """
    Places and cancels. Parameters are wire parameters, answers wire results; refusals are ExchangeError.

    Every method may be called from any thread, and none blocks for long.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._lists = 0

    # -- orders

    def place_order(self, account: AccountState, params: Mapping[str, Any], *, test: bool = False) -> dict[str, Any]:
        """
        Place an order; with *test* only look at it. The answer is order.place's, or order.test's.

        A test looks at the parameters, the symbol's rules and its filters, not at the account or the book.
        """
        known = ORDER_PARAMETERS if test else ORDER_PARAMETERS - {"computeCommissionRates"}
        wanted = Parameters(params, known)
        with self._floor.exclusively() as now:
            market = self._floor.market(wanted)
            request = order_request(wanted)
            market.check(request)
            if test:
                return commission_rates(account) if wanted.boolean("computeCommissionRates") else {}
            answer = self.place(account, market, request, now)
            market.settle(now)
            return answer

    def place(self, account: AccountState, market: Market, request: OrderRequest, now: int) -> dict[str, Any]:
        """Place a checked order, and return what is answered. The caller holds the lock, and settles the market."""
        self.refuse_duplicates(account, market, [request])
        market.admission.check_account(account, [request])
        return placement(market.place(account, request, now), request.response_type, now)

    def cancel_order(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel one open order; the answer is the list's for an order of a list, which is cancelled as a whole."""
        wanted = Parameters(params, CANCEL_PARAMETERS)
        with self._floor.exclusively() as now:
            return self.cancel(account, self._floor.market(wanted), wanted, now)

    def cancel(self, account: AccountState, market: Market, wanted: Parameters, now: int) -> dict[str, Any]:
        """Do what ``cancel_order`` does. The caller holds the lock."""
        reference = OrderReference.read(wanted)
        restrictions = wanted.member(
            "cancelRestrictions",
            _CancelRestrictions,
            ExchangeError(-1145, "cancelRestrictions has to be either ONLY_NEW or ONLY_PARTIALLY_FILLED."),
        )
        cancel_id = wanted.client_order_id("newClientOrderId")
        order = queries.find(account.history, market.rules.symbol, reference)
        if order is None or not order.is_open:
            raise ExchangeError.unknown_order()
        is_new = order.status is not Status.PARTIALLY_FILLED
        if restrictions is not None and is_new != (restrictions is _CancelRestrictions.ONLY_NEW):
            raise ExchangeError(-2011, "Order was not canceled due to cancel restrictions.")
        return self._cancel(market, order, cancel_id, now)

    def cancel_all_orders(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Cancel every open order of a symbol, and every order list."""
        wanted = Parameters(params, ("symbol",))
        with self._floor.exclusively() as now:
            market = self._floor.market(wanted)
            orders = account.history.open_orders(market.rules.symbol)
            if not orders:
                raise ExchangeError.unknown_order()
            # Cancelling an order may cancel others of its list.
            return [self._cancel(market, order, None, now) for order in orders if order.is_open]

    def _cancel(self, market: Market, order: Order, cancel_id: str | None, now: int) -> dict[str, Any]:
        cancel_id = cancel_id or f"cancel-{order.id}"
        if order.order_list is None:
            market.cancel(order, cancel_id, now)
            return reports.cancellation(order, cancel_id, now)
        cancelled = market.cancel_list(order.order_list, cancel_id, now)
        entries = [reports.cancellation(each, cancel_id, now) for each in cancelled]
        return reports.list_result(order.order_list, entries)

    def refuse_duplicates(self, account: AccountState, market: Market, requests: Sequence[OrderRequest]) -> None:
        """Raise ExchangeError -2010 if a client id is in use, or used twice."""
        ids = [request.client_order_id for request in requests if request.client_order_id is not None]
        symbol = market.rules.symbol
        if len(set(ids)) < len(ids) or any(account.history.has_open(symbol, client_id) for client_id in ids):
            raise ExchangeError.order_rejected("Duplicate order sent.")

    # -- order lists

    def place_list(self, account: AccountState, kind: ListKind, params: Mapping[str, Any]) -> dict[str, Any]:
        """Place an order list. The answer is that of the method ``kind.value``."""
        wanted = Parameters(params, LIST_PARAMETERS[kind])
        with self._floor.exclusively() as now:
            market = self._floor.market(wanted)
            request = list_request(wanted, kind)
            market.admission.check_list(request, market.last_price)
            known = (
                None if request.client_order_id is None else account.history.list_by_client_id(request.client_order_id)
            )
            if known is not None and not known.is_done:
                raise ExchangeError.order_rejected("Duplicate order sent.")
            self.refuse_duplicates(account, market, request.requests)
            market.admission.check_account(account, request.requests, lists=1)
            placed = market.place_list(account, request, self._lists, now)
            self._lists += 1
            response_type = request.requests[0].response_type
            answer = reports.list_result(
                placed.order_list, [placement(each, response_type, now) for each in placed.orders]
            )
            market.settle(now)
            return answer

    def cancel_list(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel an open order list. The answer is orderList.cancel's."""
        wanted = Parameters(params, ("symbol", "orderListId", "listClientOrderId", "newClientOrderId"))
        with self._floor.exclusively() as now:
            market = self._floor.market(wanted)
            wanted.require_one("orderListId", "listClientOrderId")
            order_list = queries.find_list(
                account.history, wanted.integer("orderListId"), wanted.text("listClientOrderId")
            )
            if order_list is None or order_list.is_done or order_list.symbol != market.rules.symbol:
                raise ExchangeError.unknown_order()
            cancel_id = wanted.client_order_id("newClientOrderId") or f"cancel-list-{order_list.id}"
            cancelled = market.cancel_list(order_list, None, now)
            answer = reports.list_result(order_list, [reports.list_cancellation(order, now) for order in cancelled])
            return {**answer, "listClientOrderId": cancel_id}


def placement(placed: Placed, response_type: ResponseType, now: int) -> dict[str, Any]:
    """Return what is answered about a new order."""
    if response_type is ResponseType.ACK:
        return reports.acknowledgement(placed.order, now)
    if response_type is ResponseType.RESULT:
        return reports.result(placed.order, now)
    return reports.full_result(placed.order, now, placed.trades, placed.preventions)


def commission_rates(account: AccountState, *, special: bool = True) -> dict[str, Any]:
    """Return what order.test and sor.order.test (which says nothing *special*) answer about commissions."""
    nothing = _rates(ZERO, ZERO)
    rates: dict[str, Any] = {"standardCommissionForOrder": _rates(account.maker_rate, account.taker_rate)}
    if special:
        rates["specialCommissionForOrder"] = nothing
    return {
        **rates,
        "taxCommissionForOrder": dict(nothing),
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": text(ZERO),
        },
    }


def _rates(maker: Decimal, taker: Decimal) -> dict[str, str]:
    return {"maker": text(maker), "taker": text(taker)}
