"""
One symbol's market: what is matched with what, and what triggers what.

What is accepted is in :mod:`.admission`, what an execution does to orders and balances in :mod:`.lifecycle`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import attrs

from .accounts import AccountState
from .admission import Admission, check_pair
from .errors import ExchangeError
from .lifecycle import Lifecycle
from .matching import Level, Match, Plan, Terms, plan
from .money import ZERO
from .news import ExternalReference, News, PublicTrade
from .order_lists import Contingency, ListRequest, ListStatus, OrderList
from .orders import (
    STOP_TYPES,
    ExpiryReason,
    Order,
    OrderRequest,
    OrderType,
    Side,
    Status,
    TimeInForce,
    Trade,
    Trail,
)
from .pegs import pegged_price
from .prevention import Prevention
from .symbols import SymbolRules
from .triggers import start_trailing

__all__ = ["Market", "Placed", "PlacedList"]


@attrs.frozen
class Placed:
    """A new order, and what happened to it at once."""

    order: Order
    trades: tuple[Trade, ...] = ()
    preventions: tuple[Prevention, ...] = ()


@attrs.frozen
class PlacedList:
    """A new order list, and what happened to its orders at once."""

    order_list: OrderList
    orders: tuple[Placed, ...]


@attrs.define
class _Outcome:
    """What an order met while it was matched."""

    trades: list[Trade] = attrs.field(factory=list[Trade])
    preventions: list[Prevention] = attrs.field(factory=list[Prevention])


class Market:
    """
    One symbol. Not safe by itself: the exchange's lock is held, and ``money.exact()`` entered, around every call.

    What an order triggers (stop orders, pending orders) happens when ``settle`` is called, after it was answered.
    *fees* takes what the exchange earns, by asset, and *moved* notes the markets in which something happened.
    """

    def __init__(self, rules: SymbolRules, fees: dict[str, Decimal], moved: dict[Market, None]) -> None:
        self.rules = rules
        self.admission = Admission(rules)
        self.last_price: Decimal | None = None
        self.reference: ExternalReference | None = None
        """The reference price, where one was set from outside."""
        self._moved = moved
        self.life = Lifecycle(rules, fees, self._note)
        self._book = self.life.book
        self._orders = 0
        # What the market learns of with the next news.
        self._block_trades: list[PublicTrade] = []
        self._block_trades_ever = 0
        self._told_update_id = self._book.update_id

    def _note(self) -> None:
        """Note that something happened here."""
        self._moved[self] = None

    def best(self, side: Side) -> Decimal | None:
        """Return the best price of that side of the book."""
        return self._book.best(side)

    def depth(self, side: Side) -> Iterator[Order]:
        """Return the working orders of that side, those that are served first first."""
        return self._book.orders(side)

    def levels(self, limit: int) -> tuple[int, list[Level], list[Level]]:
        """Return the id of the book's last change, and its best bids and asks."""
        book = self._book
        return book.update_id, book.levels(Side.BUY, limit), book.levels(Side.SELL, limit)

    def take_news(self, now: int) -> News | None:
        """Return what everybody may know of what happened since the last call; None if that is nothing."""
        book, trades = self._book, self.life.public_trades
        if not book.has_changes and not trades and not self._block_trades:
            return None
        self.life.public_trades = []
        block_trades, self._block_trades = self._block_trades, []
        first, self._told_update_id = self._told_update_id + 1, book.update_id
        return News(
            self.rules.symbol,
            now,
            first,
            book.update_id,
            book.take_changes(),
            trades,
            book.top(Side.BUY),
            book.top(Side.SELL),
            block_trades,
        )

    def block_trade(self, price: Decimal, quantity: Decimal, now: int, *, buyer_is_maker: bool) -> int:
        """Tell of a trade that was made off the book, and return its id: it concerns neither orders nor prices."""
        self._block_trades_ever += 1
        self._block_trades.append(PublicTrade(self._block_trades_ever, price, quantity, now, buyer_is_maker))
        self._note()
        return self._block_trades_ever

    def waiting_stops(self) -> Iterator[Order]:
        """Return the stop orders that wait for their price, oldest first."""
        return iter(self.life.triggers)

    # -- placing

    def check(self, request: OrderRequest) -> None:
        """Hold an order against the symbol's rules and filters, as things are now."""
        self.admission.check(request, self.last_price)

    def place(self, account: AccountState, request: OrderRequest, now: int) -> Placed:
        """Accept a checked order and match it. Raises ExchangeError -2010, before anything changed, if it cannot be."""
        order = self.new_order(account, request, now)
        draft = self._examine(order)
        self.fund(order, draft)
        self.register(order)
        return self._start(order, draft, now)

    def place_list(self, account: AccountState, request: ListRequest, list_id: int, now: int) -> PlacedList:
        """Accept the checked orders of a list. Raises ExchangeError -2010, before anything changed, if it cannot be."""
        orders = [self.new_order(account, wanted, now, number) for number, wanted in enumerate(request.requests)]
        waiting: list[Order] = []
        if request.working is None:
            check_pair(orders, self.last_price)
            drafts = [self._examine(order) for order in orders]
            self._fund_pair(orders)
        else:
            drafts = [self._examine(orders[0])]
            waiting = orders[1:]
            check_pair(waiting, None)
            self.fund(orders[0], drafts[0])
        order_list = OrderList(
            id=list_id,
            account=account,
            symbol=self.rules.symbol,
            client_order_id=request.client_order_id or f"sandbox-list-{list_id}",
            created_at=now,
            updated_at=now,
            orders=orders,
            contingency=Contingency.OCO if request.working is None else Contingency.OTO,
            pays=request.pays,
        )
        for order in orders:
            order.order_list = order_list
            self.register(order)
        account.history.list_opened(order_list)
        self.life.report_list(order_list, ListStatus.EXEC_STARTED, now)
        for order in waiting:
            order.status = Status.PENDING_NEW
        started = [self._start(order, draft, now, waiting) for order, draft in zip(orders, drafts, strict=False)]
        return PlacedList(order_list, (*started, *(Placed(order) for order in waiting)))

    def cancel(self, order: Order, cancel_id: str, now: int) -> None:
        """Cancel an open order that is in no list."""
        self.life.cancel(order, cancel_id, now)

    def cancel_list(self, order_list: OrderList, cancel_id: str | None, now: int) -> list[Order]:
        """Cancel what is open of an order list. Returns those orders."""
        cancelled = [order for order in order_list.orders if order.is_open]
        for order in cancelled:
            self.life.cancel(order, cancel_id or order.client_order_id, now)
        self.life.finish(order_list, now)
        return cancelled

    def amend(self, order: Order, quantity: Decimal, client_order_id: str, now: int) -> int:
        """Reduce an order's quantity, and that of the order of a pair with it. Returns the execution's id."""
        execution_id = self.life.amend(order, quantity, client_order_id, now)
        sibling = None if order.order_list is None else order.order_list.sibling(order)
        if sibling is not None and sibling.is_open:
            self.life.amend(sibling, quantity, sibling.client_order_id, now)
        return execution_id

    def new_order(self, account: AccountState, request: OrderRequest, now: int, number: int = 0) -> Order:
        """Return the order that would be accepted next, or *number* orders after it."""
        # The id counts once the order is accepted, in register.
        order_id = self._orders + 1 + number
        return Order(
            id=order_id,
            account=account,
            symbol=self.rules.symbol,
            request=request,
            client_order_id=request.client_order_id or f"sandbox-{order_id}",
            created_at=now,
            quantity=request.quantity,
            side=request.side,
            price=request.price,
            prevention=self.admission.prevention(request),
            updated_at=now,
            trail=None if request.trailing_delta is None else Trail(),
        )

    def _examine(self, order: Order) -> Plan | None:
        """
        See what would become of an order. None: it waits for its stop price.

        Raises ExchangeError -2010 if it cannot be accepted.
        """
        request = order.request
        if request.type in STOP_TYPES:
            if self.last_price is not None and order.is_triggered_by(self.last_price):
                raise ExchangeError.order_rejected("Order would trigger immediately.")
            return None
        self._peg(order)
        draft = self._draft(order)
        if request.type is OrderType.LIMIT_MAKER and draft.matches:
            raise ExchangeError.order_rejected("Order would immediately match and take.")
        if request.quote_quantity:
            order.quantity = draft.wanted
            self._check_liquidity(request, draft)
        return draft

    def _peg(self, order: Order) -> None:
        """Give a pegged order its price, and hold that against the filters."""
        if order.request.peg is None:
            return
        price = pegged_price(self._book, order.request)
        self.rules.check_price(price)
        self.admission.check_notional(price, order.quantity, self.last_price)
        order.price, order.pegged = price, True

    def _unit_cost(self, order: Order) -> Decimal:
        """Return what is locked for each unit of an order."""
        if order.request.type is OrderType.MARKET:
            return ZERO
        if order.side is Side.SELL:
            return Decimal(1)
        # A stop order without a limit reserves what it would cost at its stop price, or by what is known.
        return order.price or order.request.stop_price or self.last_price or ZERO

    def fund(self, order: Order, draft: Plan | None) -> None:
        """Lock what an order may cost. Raises ExchangeError, before anything changed, if it cannot be paid."""
        needed = ZERO
        if draft is not None:
            # Of a market sale, what finds no buyer has to be there as well.
            buying = order.side is Side.BUY
            needed = max(draft.cost, order.request.quote_quantity) if buying else order.quantity
        self.life.fund(order, self._unit_cost(order), needed)

    def _fund_pair(self, orders: Sequence[Order]) -> None:
        first, second = orders
        self.life.fund_pair(((first, self._unit_cost(first)), (second, self._unit_cost(second))))

    def register(self, order: Order) -> None:
        """Take an order in."""
        self._orders = order.id
        order.account.history.opened(order)

    def _start(self, order: Order, draft: Plan | None, now: int, waiting: Sequence[Order] = ()) -> Placed:
        """Let an accepted order wait for its price, or match it. *waiting* are those that it triggers."""
        if draft is None:
            start_trailing(order, self.last_price, now)
            self.life.triggers.add(order)
            self.life.report(order, "NEW", now)
            return Placed(order)
        order.working_since = now
        for new in (order, *waiting):
            self.life.report(new, "NEW", now)
        outcome = self._match(order, draft, now)
        return Placed(order, tuple(outcome.trades), tuple(outcome.preventions))

    def _check_liquidity(self, request: OrderRequest, draft: Plan) -> None:
        """See that a market order by quote quantity finds enough on the book (errors document, -2010)."""
        if self.best(request.side.opposite) is None:
            raise ExchangeError.order_rejected("Order book liquidity is less than symbol minimum quantity.")
        if draft.wanted < self.rules.min_quantity and not draft.taker_expires:
            raise ExchangeError.order_rejected("Order book liquidity is less than LOT_SIZE filter minimum quantity.")

    # -- matching

    def terms(self, order: Order, budget: Decimal | None = None) -> Terms:
        """Return on which terms *order* takes."""
        return Terms(
            order.side,
            order.account.uid,
            order.price or None,
            order.remaining or None,
            order.request.quote_quantity or budget,
            self.rules.step_size,
            order.prevention,
            order.account.trade_group,
        )

    def _draft(self, order: Order, budget: Decimal | None = None) -> Plan:
        draft = plan(self._book, self.terms(order, budget))
        rule, reference = self.rules.price_range, self.reference
        if rule is None or reference is None or reference.price is None:
            return draft
        return draft.within(*rule.limits(order.side, reference.price))

    def _match(self, order: Order, draft: Plan, now: int) -> _Outcome:
        """Carry out a plan for a working order, and see to what is left of it."""
        outcome = _Outcome()
        if order.request.time_in_force is TimeInForce.FOK and draft.quantity < order.quantity:
            self.life.expire(order, ExpiryReason.UNFILLED_FOK, now)
            return outcome
        for match in draft.matches:
            if match.prevented:
                outcome.preventions += self.life.prevent(order, match.maker, match.quantity, self.life, now)
            else:
                outcome.trades.append(self._trade(order, match, now))
        if order.is_open:
            self.rest(order, draft, now)
        return outcome

    def _trade(self, taker: Order, match: Match, now: int) -> Trade:
        price = match.maker.price
        self.last_price = price
        return self.life.trade(taker, match.maker, price, match.quantity, now)

    def rest(self, order: Order, draft: Plan, now: int) -> None:
        """Put what is left of a taker onto the book, or let it expire."""
        request = order.request
        if draft.out_of_range:
            self.life.expire(order, ExpiryReason.PRICE_RANGE, now)
        elif not order.is_limited:
            spent = draft.exhausted and not request.quote_quantity
            self.life.expire(order, ExpiryReason.REJECTED if spent else ExpiryReason.INSUFFICIENT_LIQUIDITY, now)
        elif request.time_in_force is TimeInForce.IOC:
            self.life.expire(order, ExpiryReason.UNFILLED_IOC, now)
        else:
            if request.iceberg_quantity:
                order.visible = min(request.iceberg_quantity, order.remaining)
            self._book.add(order)

    # -- what triggers what

    def settle(self, now: int) -> None:
        """Let what happened so far trigger stop orders and pending orders, and what that brings, until all is quiet."""
        while True:
            prices = self.life.triggers.take_prices()
            if prices:
                for price in prices:
                    self._tell(price, now)
            elif self.life.filled_workers:
                self._place_pending(self.life.filled_workers.pop(0), now)
            else:
                return

    def _tell(self, price: Decimal, now: int) -> None:
        for order in self.life.triggers.reached_by(price, now):
            # One of a pair ends the other.
            if order in self.life.triggers:
                self._trigger(order, now)

    def _trigger(self, order: Order, now: int) -> None:
        self.life.activate(order, now)
        self.life.triggers.remove(order)
        budget = None
        try:
            if order.request.peg is not None:
                self._peg(order)
                self.life.release(order)
                self.life.fund(order, self._unit_cost(order), ZERO)
        except ExchangeError:
            self.life.expire(order, ExpiryReason.REJECTED, now)
            return
        order.working_since = order.updated_at = now
        if not order.is_limited:
            # From here on it is a market order, and pays with what is free.
            self.life.release(order)
            budget = order.account.free(self.rules.quote) if order.side is Side.BUY else None
        order.texts = {}
        self.life.report(order, "NEW", now)
        self._match(order, self._draft(order, budget), now)

    def _place_pending(self, order_list: OrderList, now: int) -> None:
        """Place the orders that waited for the working order's fill, or let them expire."""
        legs = order_list.legs
        received = self.life.give_back(order_list)
        try:
            if order_list.pays:
                self._hand_over(received, legs)
            if len(legs) > 1:
                check_pair(legs, self.last_price)
            drafts = [self._examine(order) for order in legs]
            if len(legs) > 1:
                self._fund_pair(legs)
            else:
                self.fund(legs[0], drafts[0])
        except ExchangeError:
            self.life.expire(legs[0], ExpiryReason.REJECTED, now)
            return
        for order, draft in zip(legs, drafts, strict=True):
            order.status = Status.NEW
            order.texts = {}
            self._start(order, draft, now)

    def _hand_over(self, received: Decimal, legs: Sequence[Order]) -> None:
        """Give the pending orders the quantity that was received, as far as the filters let them."""
        for order in legs:
            order.quantity = self.rules.fitting_quantity(received, order.request.type)
            order.texts = {}
            if not order.quantity:
                raise ExchangeError.filter_failure("LOT_SIZE")
            self.rules.check_quantity(order.quantity)
            self.admission.check_notional(order.price, order.quantity, self.last_price)
