"""Random orders that keep a book moving: the same ones for the same seed."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Final

from .accounts import AccountState
from .exchange import Exchange
from .market_maker import REFERENCE_PRICES
from .money import ZERO, exact
from .orders import Order, OrderRequest, OrderType, Side
from .symbols import SymbolRules

__all__ = ["RandomFlow"]

_FUNDS: Final = "1000000000000"
_DEFAULT_PRICE: Final = Decimal("100")
# Prices lie within so many ticks of the middle, and about so many orders are open at a time.
_WIDTH: Final = 400
_OPEN_ORDERS: Final = 600


class RandomFlow:
    """
    Places, cancels and fills orders of one symbol, from accounts of its own that nothing is recorded of.

    It has no thread: ``run`` does what it does at once, always from one thread at a time.
    """

    def __init__(self, exchange: Exchange, rules: SymbolRules, seed: int) -> None:
        self._exchange, self._rules = exchange, rules
        self._random = random.Random(seed)
        funds = {rules.base: _FUNDS, rules.quote: _FUNDS}
        self._maker = exchange.open_account(funds, recorded=False)
        self._taker = exchange.open_account(funds, recorded=False)
        with exact():
            middle = REFERENCE_PRICES.get(rules.symbol, _DEFAULT_PRICE)
            self._middle = max(int(middle / rules.tick_size), 2 * _WIDTH)
            # Orders worth some multiples of the least that the symbol allows.
            value = (rules.min_notional or Decimal(1)) * 4
            self._step = int(max(value // (middle * rules.step_size), rules.min_quantity // rules.step_size)) + 1
        self._open: list[Order] = []

    def run(self, updates: int) -> int:
        """Go on until the book has changed at least *updates* times, and return the id of its last change."""
        symbol = self._rules.symbol
        update_id = self._exchange.levels(symbol, 0)[0]
        goal = update_id + updates
        while update_id < goal:
            # One look at the book for many orders.
            for _ in range(min(goal - update_id, 64)):
                self._act()
            update_id = self._exchange.levels(symbol, 0)[0]
        return update_id

    def _act(self) -> None:
        choice = self._random.random()
        if choice < 0.06:
            self._take()
        elif self._open and choice < 0.06 + 0.94 * len(self._open) / (2 * _OPEN_ORDERS):
            self._cancel()
        else:
            self._quote()

    def _quote(self) -> None:
        side = self._random.choice((Side.BUY, Side.SELL))
        # Near the middle more often than far from it, and now and then across it.
        distance = int(self._random.expovariate(1 / 60)) % _WIDTH - 3
        ticks = self._middle - distance if side is Side.BUY else self._middle + distance
        order = self._submit(self._maker, side, OrderType.LIMIT, self._rules.tick_size * ticks)
        if order.is_open:
            self._open.append(order)

    def _take(self) -> None:
        self._submit(self._taker, self._random.choice((Side.BUY, Side.SELL)), OrderType.MARKET)

    def _cancel(self) -> None:
        orders = self._open
        index = self._random.randrange(len(orders))
        orders[index], orders[-1] = orders[-1], orders[index]
        self._exchange.withdraw(orders.pop())

    def _submit(self, account: AccountState, side: Side, kind: OrderType, price: Decimal = ZERO) -> Order:
        quantity = self._rules.step_size * (self._step * self._random.randint(1, 20))
        request = OrderRequest(side=side, type=kind, quantity=quantity, price=price)
        return self._exchange.submit(account, self._rules.symbol, request)
