"""The orders and trades of one account, for those who ask for them later."""

from __future__ import annotations

from collections.abc import Iterator

from .orders import Order, Trade

__all__ = ["OrderHistory"]


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
        """Note one side of a trade."""
        if self._keep:
            self._trades.setdefault(trade.order.symbol, []).append(trade)

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
