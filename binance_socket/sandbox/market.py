"""
One symbol's market: its book, its stop orders and everything that happens to its orders.

Every execution is settled one side at a time: balances, executionReport, outboundAccountPosition. Orders never owe
anything: what they may come to cost is reserved while they wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import attrs

from .accounts import AccountState
from .errors import ExchangeError
from .matching import Book, Level, Match, Plan, Terms, plan
from .money import QUANTUM, ZERO, floor_to
from .news import News, PublicTrade
from .orders import (
    STOP_TYPES,
    ExpiryReason,
    Order,
    OrderRequest,
    OrderType,
    SelfTradePrevention,
    Side,
    Status,
    TimeInForce,
    Trade,
)
from .reports import Prevention, execution_report, position_update
from .symbols import SymbolRules

__all__ = ["Market", "Placed"]


@attrs.frozen
class Placed:
    """A new order, and what happened to it at once."""

    order: Order
    trades: tuple[Trade, ...]
    preventions: tuple[Prevention, ...]


@attrs.define
class _Outcome:
    """What an order met while it was matched."""

    trades: list[Trade] = attrs.field(factory=list[Trade])
    preventions: list[Prevention] = attrs.field(factory=list[Prevention])


class Market:
    """
    One symbol. Not safe by itself: the exchange's lock is held, and ``money.exact()`` entered, around every call.

    *fees* takes what the exchange earns, by asset, and *moved* notes the markets in which something happened.
    """

    def __init__(self, rules: SymbolRules, fees: dict[str, Decimal], moved: dict[Market, None]) -> None:
        self.rules = rules
        self.last_price: Decimal | None = None
        self._book = Book()
        self._fees = fees
        self._moved = moved
        # Stop orders that were not triggered yet, by id, oldest first.
        self._stops: dict[int, Order] = {}
        # Prices of trades that stop orders have not been held against.
        self._untold_prices: list[Decimal] = []
        self._orders = 0
        self._executions = 0
        self._trades = 0
        self._preventions = 0
        # What the market learns of with the next news.
        self._public_trades: list[PublicTrade] = []
        self._told_update_id = self._book.update_id

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
        book = self._book
        if not book.has_changes and not self._public_trades:
            return None
        trades, self._public_trades = self._public_trades, []
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
        )

    def waiting_stops(self) -> Iterator[Order]:
        """Return the stop orders that wait for their price, oldest first."""
        return iter(self._stops.values())

    # -- what can be asked for

    def check(self, request: OrderRequest) -> None:
        """Hold an order against the symbol's rules and filters."""
        rules = self.rules
        if request.type not in rules.order_types:
            name = request.type.value.replace("_", " ").capitalize()
            raise ExchangeError.order_rejected(f"{name} orders are not supported for this symbol.")
        if self._prevention(request) not in rules.self_trade_preventions:
            raise ExchangeError(-1013, "This symbol does not allow the specified self-trade prevention mode.")
        for price in (request.price, request.stop_price):
            if price:
                rules.check_price(price)
        if request.quantity:
            rules.check_quantity(request.quantity)
        if request.quote_quantity:
            rules.check_notional(request.quote_quantity)
        else:
            # Without a price the last one counts; before the first trade nothing can be said.
            basis = request.price or self.last_price
            if basis is not None:
                rules.check_notional(basis * request.quantity)

    def place(self, account: AccountState, request: OrderRequest, now: int) -> Placed:
        """Accept a checked order and match it. Raises ExchangeError -2010, before anything changed, if it cannot be."""
        if request.type in STOP_TYPES:
            return self._place_stop(account, request, now)
        draft = self._draft(account, request)
        if request.type is OrderType.LIMIT_MAKER and draft.matches:
            raise ExchangeError.order_rejected("Order would immediately match and take.")
        quantity = request.quantity
        if request.quote_quantity:
            quantity = draft.wanted
            self._check_liquidity(request, draft)
        order = self._new_order(account, request, quantity, now)
        order.working_since = now
        self._accept(order, draft.cost)
        self._report(order, "NEW", now)
        outcome = self._match(order, draft, now)
        self._trigger_stops(now)
        return Placed(order, tuple(outcome.trades), tuple(outcome.preventions))

    def cancel(self, order: Order, cancel_id: str, now: int) -> None:
        """Cancel an open order."""
        self._withdraw(order)
        self._end(order, Status.CANCELED)
        self._report(order, "CANCELED", now, cancel_id=cancel_id)

    # -- placing

    def _place_stop(self, account: AccountState, request: OrderRequest, now: int) -> Placed:
        order = self._new_order(account, request, request.quantity, now)
        if self.last_price is not None and order.is_triggered_by(self.last_price):
            raise ExchangeError.order_rejected("Order would trigger immediately.")
        self._accept(order)
        self._stops[order.id] = order
        self._report(order, "NEW", now)
        return Placed(order, (), ())

    def _new_order(self, account: AccountState, request: OrderRequest, quantity: Decimal, now: int) -> Order:
        # The id counts once the order is accepted, in _accept.
        order_id = self._orders + 1
        return Order(
            id=order_id,
            account=account,
            symbol=self.rules.symbol,
            request=request,
            client_order_id=request.client_order_id or f"sandbox-{order_id}",
            created_at=now,
            quantity=quantity,
            side=request.side,
            price=request.price,
            prevention=self._prevention(request),
            updated_at=now,
        )

    def _accept(self, order: Order, cost: Decimal = ZERO) -> None:
        """
        Take the order in: lock what it may cost, or see that a market order that will *cost* so much can be paid.

        Raises ExchangeError if it cannot; until then nothing has changed.
        """
        buying = order.side is Side.BUY
        asset = self.rules.quote if buying else self.rules.base
        if order.request.type is OrderType.MARKET:
            # Of a sale, what finds no buyer has to be there as well.
            needed = max(cost, order.request.quote_quantity) if buying else order.quantity
            if needed > order.account.free(asset):
                raise ExchangeError.insufficient_balance()
        else:
            # A stop order without a limit reserves what it would cost at its stop price.
            price = order.price or order.request.stop_price
            needed = price * order.quantity if buying else order.quantity
            order.account.lock(asset, needed)
            order.reserved = needed
        self._orders = order.id
        order.account.history.opened(order)

    def _check_liquidity(self, request: OrderRequest, draft: Plan) -> None:
        """See that a market order by quote quantity finds enough on the book (errors document, -2010)."""
        if self.best(Side.SELL if request.side is Side.BUY else Side.BUY) is None:
            raise ExchangeError.order_rejected("Order book liquidity is less than symbol minimum quantity.")
        if draft.quantity < self.rules.min_quantity and not draft.taker_expires:
            raise ExchangeError.order_rejected("Order book liquidity is less than LOT_SIZE filter minimum quantity.")

    def _prevention(self, request: OrderRequest) -> SelfTradePrevention:
        return request.self_trade_prevention or self.rules.default_self_trade_prevention

    # -- matching

    def _draft(self, account: AccountState, request: OrderRequest, budget: Decimal | None = None) -> Plan:
        return plan(
            self._book,
            Terms(
                request.side,
                account.uid,
                request.price or None,
                request.quantity or None,
                request.quote_quantity or budget,
                self.rules.step_size,
                self._prevention(request),
            ),
        )

    def _match(self, order: Order, draft: Plan, now: int) -> _Outcome:
        """Carry out a plan for a working order, and see to what is left of it."""
        outcome = _Outcome()
        request = order.request
        if request.time_in_force is TimeInForce.FOK and draft.quantity < order.quantity:
            self._expire(order, ExpiryReason.UNFILLED_FOK, now)
            return outcome
        for match in draft.matches:
            if match.prevented:
                self._prevent(order, match, outcome, now)
            else:
                outcome.trades.append(self._trade(order, match, now))
        if not order.is_open:
            return outcome
        if not order.is_limited:
            spent = draft.exhausted and not request.quote_quantity
            self._expire(order, ExpiryReason.REJECTED if spent else ExpiryReason.INSUFFICIENT_LIQUIDITY, now)
        elif request.time_in_force is TimeInForce.IOC:
            self._expire(order, ExpiryReason.UNFILLED_IOC, now)
        else:
            self._book.add(order)
        return outcome

    def _trade(self, taker: Order, match: Match, now: int) -> Trade:
        maker, quantity = match.maker, match.quantity
        price = maker.price
        self._trades += 1
        self.last_price = price
        if self._stops:
            self._untold_prices.append(price)
        if quantity == maker.remaining:
            self._book.remove(maker)
        self._public_trades.append(
            PublicTrade(self._trades, price, quantity, now, maker.side is Side.BUY, taker.id),
        )
        self._settle(maker, price, quantity, now, is_maker=True)
        return self._settle(taker, price, quantity, now, is_maker=False)

    def _settle(self, order: Order, price: Decimal, quantity: Decimal, now: int, *, is_maker: bool) -> Trade:
        """Let one side pay and receive, then report it. Commission is taken from what is received, rounded down."""
        account, rules = order.account, self.rules
        value = price * quantity
        rate = account.maker_rate if is_maker else account.taker_rate
        if order.side is Side.BUY:
            paid_asset, paid, received_asset, received = rules.quote, value, rules.base, quantity
        else:
            paid_asset, paid, received_asset, received = rules.base, quantity, rules.quote, value
        if order.reserved:
            # A buy below its limit gives the difference back at once.
            released = order.price * quantity if order.side is Side.BUY else quantity
            order.reserved -= released
            account.spend_locked(paid_asset, paid)
            if released != paid:
                account.unlock(paid_asset, released - paid)
        else:
            account.spend(paid_asset, paid)
        commission = floor_to(received * rate, QUANTUM)
        account.receive(received_asset, received - commission)
        if commission:
            self._fees[received_asset] = self._fees.get(received_asset, ZERO) + commission
        order.executed += quantity
        order.executed_quote += value
        order.status = Status.FILLED if order.executed == order.quantity else Status.PARTIALLY_FILLED
        trade = Trade(self._trades, order, price, quantity, commission, received_asset, now, is_maker)
        account.history.traded(trade)
        self._report(order, "TRADE", now, trade=trade)
        return trade

    def _prevent(self, taker: Order, match: Match, outcome: _Outcome, now: int) -> None:
        maker = match.maker
        self._preventions += 1
        expiring: list[tuple[Order, Order]] = []
        if taker.prevention is not SelfTradePrevention.EXPIRE_TAKER:
            expiring.append((maker, taker))
        if taker.prevention is not SelfTradePrevention.EXPIRE_MAKER:
            expiring.append((taker, maker))
        for order, counter in expiring:
            left = order.remaining
            if order is maker:
                self._book.remove(maker)
            order.prevented += left
            order.prevented_match_id = self._preventions
            prevention = Prevention(self._preventions, order, counter.id, left, match.quantity, maker.price)
            outcome.preventions.append(prevention)
            self._end(order, Status.EXPIRED_IN_MATCH)
            self._report(order, "TRADE_PREVENTION", now, prevention=prevention)

    # -- stop orders

    def _trigger_stops(self, now: int) -> None:
        """Let the trades so far trigger stop orders, and the trades which that brings, until all is quiet."""
        while self._untold_prices:
            prices = self._untold_prices
            self._untold_prices = []
            low, high = min(prices), max(prices)
            triggered = [order for order in self._stops.values() if _reached(order, low, high)]
            for order in triggered:
                del self._stops[order.id]
                self._trigger(order, now)

    def _trigger(self, order: Order, now: int) -> None:
        order.working_since = order.updated_at = now
        budget = None
        if not order.is_limited:
            # From here on it is a market order, and pays with what is free.
            self._release(order)
            budget = order.account.free(self.rules.quote) if order.side is Side.BUY else None
        self._report(order, "NEW", now)
        self._match(order, self._draft(order.account, order.request, budget), now)

    # -- the end of orders

    def _withdraw(self, order: Order) -> None:
        if order.id in self._stops:
            del self._stops[order.id]
        else:
            self._book.remove(order)

    def _expire(self, order: Order, reason: ExpiryReason, now: int) -> None:
        order.expiry_reason = reason
        self._end(order, Status.EXPIRED)
        self._report(order, "EXPIRED", now)

    def _end(self, order: Order, status: Status) -> None:
        order.status = status
        self._release(order)

    def _release(self, order: Order) -> None:
        if order.reserved:
            order.account.unlock(self.rules.quote if order.side is Side.BUY else self.rules.base, order.reserved)
            order.reserved = ZERO

    # -- reports

    def _report(
        self,
        order: Order,
        execution: str,
        now: int,
        *,
        trade: Trade | None = None,
        prevention: Prevention | None = None,
        cancel_id: str | None = None,
    ) -> None:
        """Publish an execution, then the balances that it changed."""
        account = order.account
        order.updated_at = now
        self._executions += 1
        # Whatever changes what an open order has left is reported: here the book notices.
        self._book.recount(order)
        self._moved[self] = None
        if not order.is_open:
            account.history.ended(order)
        changed = account.has_changes
        if changed:
            account.updated_at = now
        if not account.is_observed:
            account.forget_changes()
            return
        account.publish(
            execution_report(
                order,
                execution,
                self._executions,
                now,
                trade=trade,
                prevention=prevention,
                cancel_id=cancel_id,
            )
        )
        if changed:
            account.publish(position_update(account, now))
        if not order.is_open:
            # Nothing more will be said of it.
            order.texts = {}


def _reached(order: Order, low: Decimal, high: Decimal) -> bool:
    # A condition is either "at least" or "at most": the extremes decide.
    return order.is_triggered_by(low) or order.is_triggered_by(high)
