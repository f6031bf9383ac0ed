"""order.amend.keepPriority: less of an order, in its place on the book. Source: the FAQ "Order Amend Keep Priority"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import queries, reports
from .accounts import AccountState
from .errors import ExchangeError
from .floor import Floor
from .order_lists import ListStatus
from .orders import Order, Status
from .parameters import OrderReference, Parameters

__all__ = ["Amending"]


def _rejected(message: str) -> ExchangeError:
    return ExchangeError(-2038, message)


class Amending:
    """Amends orders. Parameters are wire parameters, answers wire results; refusals are ExchangeError."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def amend(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """
        Reduce the quantity of an open order. The answer is order.amend.keepPriority's.

        Of a pair of which one order cancels the other, both are amended.
        """
        wanted = Parameters(params, ("symbol", "orderId", "origClientOrderId", "newClientOrderId", "newQty"))
        with self._floor.exclusively() as now:
            market = self._floor.market(wanted)
            reference = OrderReference.read(wanted)
            wanted.require("newQty")
            quantity = wanted.decimal("newQty")
            if not quantity:
                raise ExchangeError(-1013, "Invalid quantity.")
            new_id = wanted.client_order_id("newClientOrderId")
            if not market.rules.allows_amend:
                raise _rejected("Order amend is not supported for this symbol.")
            symbol = market.rules.symbol
            order = queries.find(account.history, symbol, reference)
            if order is None or not order.is_open:
                raise _rejected("Unknown order sent.")
            old_id = order.client_order_id
            if new_id not in (None, old_id) and account.history.has_open(symbol, new_id or ""):
                raise _rejected("Duplicate order sent.")
            _check(order)
            if quantity > order.quantity:
                raise _rejected("Order amend (quantity increase) is not supported.")
            if quantity == order.quantity or quantity <= order.executed + order.prevented:
                raise _rejected("The requested action would change no state; rejecting.")
            market.admission.check_amendment(order, quantity, market.last_price)
            order_list = order.order_list
            new_id = new_id or f"amended-{order.id}-{len(order.amendments) + 1}"
            execution_id = market.amend(order, quantity, new_id, now)
            if order_list is not None and new_id != old_id:
                market.life.report_list(order_list, ListStatus.UPDATED, now)
            answer = {
                "transactTime": now,
                "executionId": execution_id,
                "amendedOrder": reports.amended_order(order, old_id),
            }
            if order_list is not None:
                answer["listStatus"] = reports.amended_list(order_list)
            return answer

    def amendments(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what order.amendments answers."""
        wanted = Parameters(params, ("symbol", "orderId", "fromExecutionId", "limit"))
        with self._floor.exclusively():
            symbol = self._floor.market(wanted).rules.symbol
            wanted.require("orderId")
            order = account.history.by_id(symbol, wanted.integer("orderId") or 0)
            if order is None:
                raise ExchangeError.no_such_order()
            return [reports.amendment(order, entry) for entry in queries.amendments(order, wanted)]


def _check(order: Order) -> None:
    order_list = order.order_list
    if order_list is not None and order_list.pays and order.status is Status.PENDING_NEW:
        raise _rejected("Order amend (pending OPO order) is not supported.")
