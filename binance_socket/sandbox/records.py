"""What an account may ask about its orders, lists and trades, as the methods of the documents are answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from . import queries, reports
from .accounts import AccountState
from .errors import ExchangeError
from .floor import Floor
from .parameters import OrderReference, Parameters

__all__ = ["Records"]

_PAGE_PARAMETERS: Final = ("symbol", "orderId", "startTime", "endTime", "limit")


class Records:
    """Answers queries. Parameters are wire parameters, answers wire results; refusals are ExchangeError."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def order_status(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what order.status answers."""
        wanted = Parameters(params, ("symbol", "orderId", "origClientOrderId"))
        with self._floor.exclusively():
            symbol = self._floor.market(wanted).rules.symbol
            order = queries.find(account.history, symbol, OrderReference.read(wanted))
            if order is None:
                raise ExchangeError.no_such_order()
            return reports.order_status(order)

    def open_orders(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what openOrders.status answers: of one symbol, or of all."""
        wanted = Parameters(params, ("symbol",))
        with self._floor.exclusively():
            symbol = self._floor.market(wanted).rules.symbol if "symbol" in wanted else None
            return [reports.order_status(order) for order in account.history.open_orders(symbol)]

    def all_orders(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what allOrders answers."""
        wanted = Parameters(params, _PAGE_PARAMETERS)
        with self._floor.exclusively():
            symbol = self._floor.market(wanted).rules.symbol
            return [reports.order_status(order) for order in queries.all_orders(account.history, symbol, wanted)]

    def my_trades(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what myTrades answers."""
        wanted = Parameters(params, (*_PAGE_PARAMETERS, "fromId"))
        with self._floor.exclusively():
            symbol = self._floor.market(wanted).rules.symbol
            return [reports.trade_entry(trade) for trade in queries.my_trades(account.history, symbol, wanted)]

    # -- order lists

    def list_status(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what orderList.status answers."""
        wanted = Parameters(params, ("orderListId", "origClientOrderId"))
        wanted.require_one("origClientOrderId", "orderListId")
        with self._floor.exclusively():
            found = queries.find_list(account.history, wanted.integer("orderListId"), wanted.text("origClientOrderId"))
            if found is None:
                raise ExchangeError(-2018, "Order list does not exist.")
            return reports.list_entry(found)

    def open_lists(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what openOrderLists.status answers."""
        Parameters(params, ())
        with self._floor.exclusively():
            return [reports.list_entry(found) for found in account.history.open_lists()]

    def all_lists(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what allOrderLists answers."""
        wanted = Parameters(params, ("fromId", "startTime", "endTime", "limit"))
        with self._floor.exclusively():
            return [reports.list_entry(found) for found in queries.all_lists(account.history, wanted)]

    # -- what else happened to orders

    def prevented_matches(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what myPreventedMatches answers."""
        wanted = Parameters(params, ("symbol", "preventedMatchId", "orderId", "fromPreventedMatchId", "limit"))
        with self._floor.exclusively():
            symbol = self._floor.market(wanted).rules.symbol
            found = queries.prevented_matches(account.history, symbol, wanted)
            return [reports.prevented_match(symbol, match) for match in found]

    def allocations(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what myAllocations answers."""
        known = ("symbol", "startTime", "endTime", "fromAllocationId", "orderId", "limit")
        wanted = Parameters(params, known)
        with self._floor.exclusively():
            symbol = self._floor.market(wanted).rules.symbol
            return [reports.allocation_entry(trade) for trade in queries.allocations(account.history, symbol, wanted)]

    def commission(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what account.commission answers."""
        wanted = Parameters(params, ("symbol",))
        with self._floor.exclusively():
            return reports.commission(account, self._floor.market(wanted).rules.symbol)

    def filters(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what myFilters answers: nothing here is bounded by the exchange as a whole or by asset."""
        wanted = Parameters(params, ("symbol",))
        with self._floor.exclusively():
            rules = self._floor.market(wanted).rules
            return {"exchangeFilters": [], "symbolFilters": rules.filters(), "assetFilters": []}
