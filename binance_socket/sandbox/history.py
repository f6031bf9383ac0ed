"""The orders and trades of one account, for those who ask for them later."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from .order_lists import OrderList
from .orders import Order, Trade
from .prevention import PreventedMatch

__all__ = ["OrderHistory"]

_T = TypeVar("_T", Order, OrderList)


def _old(entries: Mapping[int, _T], is_open: Callable[[_T], bool], before: int) -> list[_T]:
    """Return the entries that are not open, and were last changed before that time."""
    return [entry for entry in entries.values() if entry.updated_at < before and not is_open(entry)]


class OrderHistory:
    """
    What one account ordered and traded. Guarded by the exchange's lock.

    With *keep* off, orders that ended and trades are forgotten: an account that trades for days does not grow.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        # By symbol: orders by id, the latest order of each client id, the open ones, the trades; all oldest first.
        self._orders: dict[str, dict[int, Order]] = {}
        self._by_client_id: dict[str, dict[str, Order]] = {}
        self._open: dict[str, dict[int, Order]] = {}
        self._trades: dict[str, list[Trade]] = {}
        self._allocations: dict[str, list[Trade]] = {}
        self._prevented: dict[str, list[PreventedMatch]] = {}
        # By id: all order lists, and the open ones; the latest list of each client id.
        self._lists: dict[int, OrderList] = {}
        self._open_lists: dict[int, OrderList] = {}
        self._lists_by_client_id: dict[str, OrderList] = {}

    def forget(self, before: int) -> None:
        """Forget the orders and lists that ended, and the trades made, before a time (milliseconds of the epoch)."""
        for symbol, orders in self._orders.items():
            ids = self._by_client_id[symbol]
            for order in _old(orders, lambda order: order.is_open, before):
                del orders[order.id]
                if ids.get(order.client_order_id) is order:
                    del ids[order.client_order_id]
        for order_list in _old(self._lists, lambda order_list: not order_list.is_done, before):
            del self._lists[order_list.id]
            if self._lists_by_client_id.get(order_list.client_order_id) is order_list:
                del self._lists_by_client_id[order_list.client_order_id]
        for trades in (*self._trades.values(), *self._allocations.values()):
            del trades[: bisect_left(trades, before, key=lambda trade: trade.time)]
        for matches in self._prevented.values():
            del matches[: bisect_left(matches, before, key=lambda match: match.time)]

    def opened(self, order: Order) -> None:
        """Note a new order."""
        symbol = order.symbol
        if symbol not in self._open:
            self._orders[symbol], self._by_client_id[symbol], self._open[symbol] = {}, {}, {}
        self._open[symbol][order.id] = order
        self._by_client_id[symbol][order.client_order_id] = order
        if self._keep:
            self._orders[symbol][order.id] = order

    def ended(self, order: Order) -> None:
        """Note that an order is not open any more."""
        del self._open[order.symbol][order.id]
        if not self._keep and self._by_client_id[order.symbol].get(order.client_order_id) is order:
            del self._by_client_id[order.symbol][order.client_order_id]

    def traded(self, trade: Trade) -> None:
        """Note one side of a trade, or an allocation."""
        if self._keep:
            entries = self._trades if trade.allocation_id is None else self._allocations
            entries.setdefault(trade.order.symbol, []).append(trade)

    def prevented(self, symbol: str, match: PreventedMatch) -> None:
        """Note a self-trade that was prevented."""
        if self._keep:
            self._prevented.setdefault(symbol, []).append(match)

    def renamed(self, order: Order, old_client_order_id: str) -> None:
        """Note that an order has another client id than before."""
        ids = self._by_client_id[order.symbol]
        if ids.get(old_client_order_id) is order:
            del ids[old_client_order_id]
        ids[order.client_order_id] = order

    # -- order lists

    def list_opened(self, order_list: OrderList) -> None:
        """Note a new order list."""
        self._open_lists[order_list.id] = order_list
        self._lists_by_client_id[order_list.client_order_id] = order_list
        if self._keep:
            self._lists[order_list.id] = order_list

    def list_ended(self, order_list: OrderList) -> None:
        """Note that no order of a list is open any more."""
        del self._open_lists[order_list.id]
        known = self._lists_by_client_id.get(order_list.client_order_id)
        if not self._keep and known is order_list:
            del self._lists_by_client_id[order_list.client_order_id]

    def list_by_id(self, list_id: int) -> OrderList | None:
        """Return an order list by the exchange's id."""
        return self._lists.get(list_id) or self._open_lists.get(list_id)

    def list_by_client_id(self, client_order_id: str) -> OrderList | None:
        """Return the latest order list with this client id."""
        return self._lists_by_client_id.get(client_order_id)

    def open_lists(self, symbol: str | None = None) -> list[OrderList]:
        """Return the open order lists of a symbol, or all, oldest first."""
        return [found for found in self._open_lists.values() if symbol in (None, found.symbol)]

    def lists(self) -> Iterator[OrderList]:
        """Return every order list, oldest first."""
        return iter(self._lists.values())

    # -- queries

    def has_open(self, symbol: str, client_order_id: str) -> bool:
        """Whether an open order of that symbol has this client id."""
        order = self._by_client_id.get(symbol, {}).get(client_order_id)
        return order is not None and order.is_open

    def by_id(self, symbol: str, order_id: int) -> Order | None:
        """Return an order by the exchange's id."""
        return self._orders.get(symbol, {}).get(order_id) or self._open.get(symbol, {}).get(order_id)

    def by_client_id(self, symbol: str, client_order_id: str) -> Order | None:
        """Return the latest order with this client id; ids may be used again once an order ended."""
        return self._by_client_id.get(symbol, {}).get(client_order_id)

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return the open orders of a symbol, or of all, oldest first in each."""
        if symbol is not None:
            return list(self._open.get(symbol, {}).values())
        return [order for orders in self._open.values() for order in orders.values()]

    def orders(self, symbol: str) -> Iterator[Order]:
        """Return every order of that symbol, oldest first."""
        return iter(self._orders.get(symbol, {}).values())

    def trades(self, symbol: str) -> Iterator[Trade]:
        """Return every trade of that symbol, oldest first."""
        return iter(self._trades.get(symbol, ()))

    def allocations(self, symbol: str) -> Iterator[Trade]:
        """Return every allocation of that symbol, oldest first."""
        return iter(self._allocations.get(symbol, ()))

    def prevented_matches(self, symbol: str) -> Iterator[PreventedMatch]:
        """Return every prevented self-trade of that symbol's orders, oldest first."""
        return iter(self._prevented.get(symbol, ()))
