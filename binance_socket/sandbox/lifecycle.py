"""
What happens to an order between its acceptance and its end: money is locked and moved, and everything is reported.

Every execution is settled one side at a time: balances, executionReport, outboundAccountPosition. Orders never owe
anything: what they may come to cost is reserved while they wait.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from . import reports
from .errors import ExchangeError
from .matching import Book
from .money import QUANTUM, ZERO, floor_to
from .news import PublicTrade
from .order_lists import ListStatus, OrderList
from .orders import Amendment, ExpiryReason, Order, SelfTradePrevention, Side, Status, Trade
from .prevention import PreventedMatch, Prevention, effective_mode, losses
from .symbols import SymbolRules
from .triggers import Triggers

__all__ = ["Lifecycle"]

# What pays commissions itself keeps all that it receives (FAQ "One Pays the Other").
_COMMISSION_ASSET: Final = "BNB"


class Lifecycle:
    """
    Carries the orders of one symbol through their lives. The exchange's lock is held around every call.

    *fees* takes what the exchange earns, by asset; *noticed* is called when something happened.
    """

    def __init__(self, rules: SymbolRules, fees: dict[str, Decimal], noticed: Callable[[], None]) -> None:
        self.rules = rules
        self.book = Book()
        self.triggers = Triggers()
        self.filled_workers: list[OrderList] = []
        """Order lists whose working order was filled, and whose pending orders are to be placed."""
        self.public_trades: list[PublicTrade] = []
        """What everybody learns of with the next news."""
        self._fees = fees
        self._noticed = noticed
        self._executions = 0
        self._trades = 0
        self._allocations = 0
        self._preventions = 0

    # -- acceptance

    def paid_asset(self, order: Order) -> str:
        """Return the asset that *order* pays with."""
        return self.rules.quote if order.side is Side.BUY else self.rules.base

    def fund(self, order: Order, unit_cost: Decimal, needed: Decimal) -> None:
        """
        Lock what *order* may cost, *unit_cost* for each unit; without it, see that *needed* is there.

        Raises ExchangeError if it cannot be paid, and then has changed nothing.
        """
        asset = self.paid_asset(order)
        if not unit_cost:
            if needed > order.account.free(asset):
                raise ExchangeError.insufficient_balance()
            return
        value = unit_cost * order.remaining
        order.account.lock(asset, value)
        order.unit_cost, order.reserved = unit_cost, value

    def fund_pair(self, pair: tuple[tuple[Order, Decimal], tuple[Order, Decimal]]) -> None:
        """Lock what the dearer one of two orders may cost, for whichever of the two it will be; else as ``fund``."""
        (first, first_cost), (second, second_cost) = pair
        if second_cost > first_cost:
            (first, first_cost), (second, second_cost) = pair[1], pair[0]
        self.fund(first, first_cost, ZERO)
        second.unit_cost = second_cost

    def release(self, order: Order) -> None:
        """Give back what is still locked for *order*."""
        if order.reserved:
            order.account.unlock(self.paid_asset(order), order.reserved)
        order.reserved = order.unit_cost = ZERO

    # -- executions

    def trade(self, taker: Order, maker: Order, price: Decimal, quantity: Decimal, now: int) -> Trade:
        """Let two orders trade. Returns the taker's view of it."""
        trade_id = self._fill_maker(maker, price, quantity, now, taker.id)
        return self._settle(taker, price, quantity, now, trade_id=trade_id, is_maker=False)

    def trade_with_exchange(self, maker: Order, price: Decimal, quantity: Decimal, now: int) -> None:
        """Let *maker* trade with the exchange itself, which takes on somebody else's behalf."""
        self._fill_maker(maker, price, quantity, now, 0)

    def allocate(self, taker: Order, price: Decimal, quantity: Decimal, now: int) -> Trade:
        """Let *taker* trade with the exchange itself, which took on its behalf."""
        self._allocations += 1
        return self._settle(
            taker, price, quantity, now, trade_id=-1, is_maker=False, allocation_id=self._allocations - 1
        )

    def _fill_maker(self, maker: Order, price: Decimal, quantity: Decimal, now: int, taker_id: int) -> int:
        self._trades += 1
        trade_id = self._trades
        self.triggers.note(price)
        self.activate(maker, now)
        self._take_off_book(maker, quantity)
        self.public_trades.append(PublicTrade(trade_id, price, quantity, now, maker.side is Side.BUY, taker_id))
        self._settle(maker, price, quantity, now, trade_id=trade_id, is_maker=True)
        return trade_id

    def _take_off_book(self, maker: Order, quantity: Decimal) -> None:
        """Let the book lose *quantity* of an order which is about to lose it."""
        left = maker.remaining - quantity
        if not left:
            self.book.remove(maker)
        elif maker.request.iceberg_quantity:
            maker.visible -= quantity
            if maker.visible <= 0:
                maker.visible = min(maker.request.iceberg_quantity, left)
                self.book.requeue(maker)

    def _settle(
        self,
        order: Order,
        price: Decimal,
        quantity: Decimal,
        now: int,
        *,
        trade_id: int,
        is_maker: bool,
        allocation_id: int | None = None,
    ) -> Trade:
        """Let one side pay and receive, then report it. Commission is taken from what is received, rounded down."""
        account, rules = order.account, self.rules
        value = price * quantity
        rate = account.maker_rate if is_maker else account.taker_rate
        if order.side is Side.BUY:
            paid_asset, paid, received_asset, received = rules.quote, value, rules.base, quantity
        else:
            paid_asset, paid, received_asset, received = rules.base, quantity, rules.quote, value
        self._pay(order, paid_asset, paid, quantity)
        commission = floor_to(received * rate, QUANTUM)
        account.receive(received_asset, received - commission)
        if order.order_list is not None and order.order_list.keeps(order):
            self._keep(order.order_list, received_asset, received, commission)
        if commission:
            self._fees[received_asset] = self._fees.get(received_asset, ZERO) + commission
        order.executed += quantity
        order.executed_quote += value
        order.status = Status.PARTIALLY_FILLED if order.remaining else Status.FILLED
        trade = Trade(
            trade_id, order, price, quantity, commission, received_asset, now, is_maker, allocation_id=allocation_id
        )
        account.history.traded(trade)
        self.report(order, "TRADE", now, trade=trade)
        if order.status is Status.FILLED:
            self._after_end(order, now)
        return trade

    def _pay(self, order: Order, asset: str, paid: Decimal, quantity: Decimal) -> None:
        if not order.unit_cost:
            order.account.spend(asset, paid)
            return
        # A buy below its limit gives the difference back at once.
        released = order.unit_cost * quantity
        order.reserved -= released
        order.account.spend_locked(asset, paid)
        if released != paid:
            order.account.unlock(asset, released - paid)

    def _keep(self, order_list: OrderList, asset: str, received: Decimal, commission: Decimal) -> None:
        """Lock what the working order received. The commission comes out of what is free besides, where there is."""
        account = order_list.account
        kept = received
        # What was received less the commission is free by now.
        if asset == _COMMISSION_ASSET or account.free(asset) < received:
            kept -= commission
        account.lock(asset, kept)
        order_list.received += kept

    def give_back(self, order_list: OrderList) -> Decimal:
        """Unlock what the working order received, and return how much that is."""
        received = order_list.received
        if received:
            order_list.account.unlock(self.rules.base, received)
            order_list.received = ZERO
        return received

    def prevent(self, taker: Order, maker: Order, quantity: Decimal, market: Lifecycle, now: int) -> list[Prevention]:
        """
        Keep two orders from trading *quantity*. Returns what that did to each.

        *market* is where the maker is; with smart order routing that may be another one.
        """
        self._preventions += 1
        number = self._preventions
        mode = effective_mode(taker, maker)
        taker_loss, maker_loss = losses(taker, maker, quantity)
        group = taker.account.trade_group
        match = PreventedMatch(
            id=number, taker=taker, maker=maker, mode=mode, price=maker.price, taker_quantity=taker_loss,
            maker_quantity=maker_loss, trade_group=group, time=now,
        )  # fmt: skip
        for account in {taker.account.uid: taker.account, maker.account.uid: maker.account}.values():
            account.history.prevented(self.rules.symbol, match)
        price = maker.price
        done: list[Prevention] = []
        if maker_loss is not None:
            market.activate(maker, now)
            market._take_off_book(maker, maker_loss)
            done.append(Prevention(number, maker, taker.id, maker_loss, quantity, price, taker.symbol, group))
        if taker_loss is not None:
            done.append(Prevention(number, taker, maker.id, taker_loss, quantity, price, maker.symbol, group))
        for prevention in done:
            life = market if prevention.order is maker else self
            if mode is SelfTradePrevention.TRANSFER:
                life._transfer(prevention)
            else:
                life._unreserve(prevention.order, prevention.quantity)
            life._lose(prevention, now)
        return done

    def _transfer(self, prevention: Prevention) -> None:
        """Let an order pay and receive what a trade would have brought, without a commission."""
        order, quantity, value = prevention.order, prevention.quantity, prevention.price * prevention.quantity
        rules = self.rules
        if order.side is Side.BUY:
            self._pay(order, rules.quote, value, quantity)
            order.account.receive(rules.base, quantity)
        else:
            self._pay(order, rules.base, quantity, quantity)
            order.account.receive(rules.quote, value)

    def _lose(self, prevention: Prevention, now: int) -> None:
        order = prevention.order
        order.prevented += prevention.quantity
        order.prevented_match_id = prevention.match_id
        if not order.remaining:
            self._end(order, Status.EXPIRED_IN_MATCH)
        self.report(order, "TRADE_PREVENTION", now, prevention=prevention)
        if not order.is_open:
            self._after_end(order, now)

    def _unreserve(self, order: Order, quantity: Decimal) -> None:
        """Give back what is locked for *quantity* of *order*."""
        value = order.unit_cost * quantity
        if value and order.reserved:
            order.account.unlock(self.paid_asset(order), value)
            order.reserved -= value

    # -- the end of orders

    def expire(self, order: Order, reason: ExpiryReason, now: int) -> None:
        """End an order that is not on the book, because of *reason*; what depends on it ends as well."""
        self._expire(order, reason, now)
        self._after_end(order, now)

    def _expire(self, order: Order, reason: ExpiryReason, now: int) -> None:
        order.expiry_reason = reason
        self._end(order, Status.EXPIRED)
        self.report(order, "EXPIRED", now)

    def cancel(self, order: Order, cancel_id: str, now: int) -> None:
        """Cancel an open order. What it is in a list with is the caller's business."""
        self._withdraw(order)
        self._end(order, Status.CANCELED)
        self.report(order, "CANCELED", now, cancel_id=cancel_id)

    def _withdraw(self, order: Order) -> None:
        if order in self.triggers:
            self.triggers.remove(order)
        elif order.status is not Status.PENDING_NEW:
            self.book.remove(order)

    def _end(self, order: Order, status: Status) -> None:
        order.status = status
        self.release(order)

    # -- orders in lists

    def activate(self, order: Order, now: int) -> None:
        """Let one order of a pair start to work, which ends the other one."""
        sibling = None if order.order_list is None else order.order_list.sibling(order)
        if sibling is None or not sibling.is_open or sibling.status is Status.PENDING_NEW:
            return
        needed = order.unit_cost * order.remaining
        surplus = order.reserved + sibling.reserved - needed
        order.reserved, sibling.reserved = needed, ZERO
        if surplus:
            order.account.unlock(self.paid_asset(order), surplus)
        self._withdraw(sibling)
        self._expire(sibling, ExpiryReason.OCO_TRIGGER, now)

    def _after_end(self, order: Order, now: int) -> None:
        """See to the list of an order that came to its end by itself."""
        order_list = order.order_list
        if order_list is None:
            return
        if order is order_list.working:
            if order.status is Status.FILLED:
                self.filled_workers.append(order_list)
                return
            reason = ExpiryReason.OTO_PHASE_ONE
        else:
            reason = ExpiryReason.OCO_TRIGGER
        for other in order_list.orders:
            if other.is_open and other is not order:
                self._withdraw(other)
                self._expire(other, reason, now)
        self.finish(order_list, now)

    def finish(self, order_list: OrderList, now: int) -> None:
        """Say that a list is done, once no order of it is open any more."""
        if order_list.is_done or any(order.is_open for order in order_list.orders):
            return
        self.give_back(order_list)
        order_list.is_done = True
        order_list.account.history.list_ended(order_list)
        self.report_list(order_list, ListStatus.ALL_DONE, now)

    # -- amendments

    def amend(self, order: Order, quantity: Decimal, client_order_id: str, now: int) -> int:
        """Reduce an order's quantity. It keeps its place on the book. Returns the execution's id."""
        self._unreserve(order, order.quantity - quantity)
        old_id, old_quantity = order.client_order_id, order.quantity
        order.quantity, order.client_order_id = quantity, client_order_id
        if order.request.iceberg_quantity:
            order.visible = min(order.visible, order.remaining)
        order.texts = {}
        order.account.history.renamed(order, old_id)
        self.report(order, "REPLACED", now, replaced_id=old_id)
        order.amendments.append(Amendment(self._executions, old_id, client_order_id, old_quantity, quantity, now))
        return self._executions

    # -- reports

    def report(
        self,
        order: Order,
        execution: str,
        now: int,
        *,
        trade: Trade | None = None,
        prevention: Prevention | None = None,
        cancel_id: str | None = None,
        replaced_id: str | None = None,
    ) -> None:
        """Publish an execution, then the balances that it changed."""
        account = order.account
        order.updated_at = now
        self._executions += 1
        # Whatever changes what an open order has left is reported: here the book notices.
        self.book.recount(order)
        self._noticed()
        if not order.is_open:
            account.history.ended(order)
        changed = account.has_changes
        if changed:
            account.updated_at = now
        if not account.is_observed:
            account.forget_changes()
            return
        account.publish(
            reports.execution_report(
                order,
                execution,
                self._executions,
                now,
                trade=trade,
                prevention=prevention,
                cancel_id=cancel_id,
                replaced_id=replaced_id,
            )
        )
        if changed:
            account.publish(reports.position_update(account, now))
        if not order.is_open:
            # Nothing more will be said of it.
            order.texts = {}

    def report_list(self, order_list: OrderList, status: ListStatus, now: int) -> None:
        """Publish where an order list stands, and balances that changed with it."""
        account = order_list.account
        order_list.updated_at = now
        if account.is_observed:
            account.publish(reports.list_status(order_list, status, now))
        if account.has_changes:
            account.updated_at = now
            update = reports.position_update(account, now)
            if account.is_observed:
                account.publish(update)
