"""Whether something may be asked for: orders, lists and amendments, held against a symbol's rules and filters. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from .accounts import AccountState
from .errors import ExchangeError
from .filters import Counts, check_position
from .order_lists import ListRequest
from .orders import STOP_TYPES, Order, OrderRequest, SelfTradePrevention, Side
from .symbols import SymbolRules

__all__ = ["Admission", "check_pair"]

_BAD_PRICES = "The relationship of the prices for the orders is not correct."


class Admission:
    """
    Holds what is asked for against the rules and filters of one symbol, before anything changes.

    Every method raises ExchangeError as the exchange would refuse it. *last_price* is the last trade's, None before the
    first.
    """

    def __init__(self, rules: SymbolRules) -> None:
        self._rules = rules

    def prevention(self, request: OrderRequest) -> SelfTradePrevention:
        """Return how an order is kept from trading with its own account."""
        return request.self_trade_prevention or self._rules.default_self_trade_prevention

    def check(self, request: OrderRequest, last_price: Decimal | None) -> None:
        """Check an order."""
        rules = self._rules
        if request.type not in rules.order_types:
            name = request.type.value.replace("_", " ").capitalize()
            raise ExchangeError.order_rejected(f"{name} orders are not supported for this symbol.")
        rules.check_features(request)
        rules.check_extras(request, last_price)
        if self.prevention(request) not in rules.self_trade_preventions:
            raise ExchangeError(-1013, "This symbol does not allow the specified self-trade prevention mode.")
        for price in (request.price, request.stop_price):
            if price:
                rules.check_price(price)
        if request.quantity:
            rules.check_quantity(request.quantity)
        if request.quote_quantity:
            rules.check_notional(request.quote_quantity)
        elif request.quantity:
            self.check_notional(request.price, request.quantity, last_price)

    def check_notional(self, price: Decimal, quantity: Decimal, last_price: Decimal | None) -> None:
        """Check what an order is worth. Without a price the last one counts; before the first trade nothing does."""
        basis = price or last_price
        if basis is not None:
            self._rules.check_notional(basis * quantity)

    def check_list(self, request: ListRequest, last_price: Decimal | None) -> None:
        """Check the orders of a list."""
        rules = self._rules
        for wanted, offered, message in (
            (len(request.legs) > 1, rules.allows_oco, "OCO orders are not supported for this symbol"),
            (request.working is not None, rules.allows_oto, "OTO orders are not supported for this symbol."),
            (request.pays, rules.allows_opo, "OPO orders are not supported for this symbol."),
        ):
            if wanted and not offered:
                raise ExchangeError.order_rejected(message)
        for order in request.requests:
            self.check(order, last_price)

    def check_account(self, account: AccountState, new: Sequence[OrderRequest], lists: int = 0) -> None:
        """Check what an account has open here, with *new* orders and so many new *lists*."""
        rules = self._rules
        if rules.counts == Counts() and not rules.max_position:
            return
        open_orders = account.history.open_orders(rules.symbol)
        open_lists = len(account.history.open_lists(rules.symbol)) if lists else 0
        rules.counts.check(open_orders, open_lists, new, lists)
        check_position(account, rules.base, rules.max_position, open_orders, new)

    def check_amendment(self, order: Order, quantity: Decimal, last_price: Decimal | None) -> None:
        """Check an order's new quantity."""
        if len(order.amendments) >= self._rules.max_amends:
            raise ExchangeError(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS")
        self._rules.check_quantity(quantity)
        self.check_notional(order.price, quantity, last_price)


def check_pair(orders: Sequence[Order], last_price: Decimal | None) -> None:
    """See that the prices of two orders of which one cancels the other lie on both sides of the last price."""
    if len(orders) < 2:
        return
    below, above = sorted(orders, key=_is_above)
    low, high = _trigger_price(below), _trigger_price(above)
    middle = [] if last_price is None else [last_price]
    prices = [price for price in (low, *middle, high) if price]
    if any(first >= second for first, second in pairwise(prices)):
        raise ExchangeError.order_rejected(_BAD_PRICES)


def _is_above(order: Order) -> bool:
    """Whether an order of a pair is the upper one."""
    return order.waits_above if order.request.type in STOP_TYPES else order.side is Side.SELL


def _trigger_price(order: Order) -> Decimal:
    """Return the price that lets an order of a pair work; zero where that is not known yet."""
    return order.request.stop_price if order.request.type in STOP_TYPES else order.request.price
