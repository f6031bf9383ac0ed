"""
Price-time-priority matching. Pure: who is served is decided from the book and the taker's terms alone.

``plan`` says what would happen and changes nothing, so that a market can refuse an order (post-only, fill-or-kill,
too expensive) before anything has happened. The market then carries the plan out, match by match.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

import attrs

from .money import ZERO
from .orders import Order, SelfTradePrevention, Side

__all__ = ["Book", "Level", "Match", "Plan", "Terms", "plan", "plan_offers"]

_FIRST_UPDATE_ID: Final = 1_000_000

Level = tuple[Decimal, Decimal]
"""A price, and the quantity over all that is offered or wanted there."""


class Book:
    """
    The working limit orders of one symbol: best price first, within a price who came first.

    It counts its changes: each has an update id, one more than the one before, and ``take_changes`` tells which levels
    have another quantity now.
    """

    def __init__(self) -> None:
        # Prices ascending; the best bid is the last one, the best ask the first. Orders of a price by id, in turn.
        self._prices: dict[Side, list[Decimal]] = {Side.BUY: [], Side.SELL: []}
        self._levels: dict[Side, dict[Decimal, dict[int, Order]]] = {Side.BUY: {}, Side.SELL: {}}
        # What each order is counted with, by its id, and what that comes to at each price.
        self._counted: dict[int, Decimal] = {}
        self._totals: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
        self._changes: dict[tuple[Side, Decimal], Decimal] = {}
        self.update_id = _FIRST_UPDATE_ID
        """The id of the last change."""

    def add(self, order: Order) -> None:
        """Put *order* behind the others at its price."""
        levels = self._levels[order.side]
        level = levels.get(order.price)
        if level is None:
            level = levels[order.price] = {}
            insort(self._prices[order.side], order.price)
        level[order.id] = order
        self._count(order, order.shown)

    def remove(self, order: Order) -> None:
        """Take *order* off."""
        levels = self._levels[order.side]
        level = levels[order.price]
        del level[order.id]
        if not level:
            del levels[order.price]
            prices = self._prices[order.side]
            del prices[bisect_left(prices, order.price)]
        self._count(order, ZERO)
        del self._counted[order.id]

    def recount(self, order: Order) -> None:
        """Notice that *order*, if it is on the book, has another quantity left than before."""
        counted = self._counted.get(order.id)
        if counted is not None and counted != order.shown:
            self._count(order, order.shown)

    def _count(self, order: Order, quantity: Decimal) -> None:
        """Count *order* with *quantity* from now on."""
        totals = self._totals[order.side]
        total = totals.get(order.price, ZERO) + quantity - self._counted.get(order.id, ZERO)
        self._counted[order.id] = quantity
        if total:
            totals[order.price] = total
        else:
            totals.pop(order.price, None)
        self._changes[order.side, order.price] = total
        self.update_id += 1

    def requeue(self, order: Order) -> None:
        """Put *order*, which is on the book, behind the others at its price."""
        level = self._levels[order.side][order.price]
        del level[order.id]
        level[order.id] = order

    def best(self, side: Side) -> Decimal | None:
        """Return the best price of that side, None where there is no order."""
        prices = self._prices[side]
        if not prices:
            return None
        return prices[-1] if side is Side.BUY else prices[0]

    def top(self, side: Side) -> Level | None:
        """Return the best level of that side, None where there is no order."""
        price = self.best(side)
        return None if price is None else (price, self._totals[side][price])

    def levels(self, side: Side, limit: int) -> list[Level]:
        """Return the best *limit* levels of that side, the best first."""
        prices, totals = self._prices[side], self._totals[side]
        best = prices[: -limit - 1 : -1] if side is Side.BUY else prices[:limit]
        return [(price, totals[price]) for price in best]

    @property
    def has_changes(self) -> bool:
        """Whether a level changed since ``take_changes``."""
        return bool(self._changes)

    def take_changes(self) -> dict[tuple[Side, Decimal], Decimal]:
        """Return the levels that changed since the last call with the quantity they have now, zero where none is."""
        changes, self._changes = self._changes, {}
        return changes

    def orders(self, side: Side) -> Iterator[Order]:
        """Return the orders of that side in the order in which they are served. Do not change the book meanwhile."""
        prices = self._prices[side]
        levels = self._levels[side]
        for price in reversed(prices) if side is Side.BUY else prices:
            yield from levels[price].values()

    def offers(self, side: Side) -> Iterator[tuple[Order, Decimal]]:
        """
        Return what that side offers, in the order in which it is taken: all of a plain order, icebergs slice by slice.

        An iceberg whose slice is gone shows the next one, behind the others at its price.
        """
        prices = self._prices[side]
        levels = self._levels[side]
        for price in reversed(prices) if side is Side.BUY else prices:
            hidden: deque[tuple[Order, Decimal]] = deque()
            for order in levels[price].values():
                shown, remaining = order.shown, order.remaining
                if shown < remaining:
                    hidden.append((order, remaining - shown))
                yield order, shown
            while hidden:
                order, left = hidden.popleft()
                shown = min(order.request.iceberg_quantity, left)
                if shown < left:
                    hidden.append((order, left - shown))
                yield order, shown

    def level(self, side: Side, number: int) -> Decimal | None:
        """Return the price of a level, 0 for the best one; None where there are fewer."""
        prices = self._prices[side]
        if number >= len(prices):
            return None
        return prices[-1 - number] if side is Side.BUY else prices[number]


@attrs.frozen
class Terms:
    """What a taker wants. None stands for "no limit"."""

    side: Side
    owner: int
    """The account's uid, to notice self-trades."""
    price: Decimal | None
    """The worst price it accepts."""
    quantity: Decimal | None
    budget: Decimal | None = None
    """The most that price times quantity may come to over all."""
    step: Decimal = ZERO
    """Where there is a budget: what quantities are multiples of."""
    prevention: SelfTradePrevention = SelfTradePrevention.NONE
    group: int = -1
    """The account's trade group: its members do not trade with each other either. -1 for none."""

    def is_own(self, maker: Order) -> bool:
        """Whether a trade with *maker* would be a self-trade."""
        account = maker.account
        return account.uid == self.owner or (self.group >= 0 and account.trade_group == self.group)


@attrs.frozen
class Match:
    """The taker meets *maker*: they trade *quantity* at the maker's price, or are kept from it (*prevented*)."""

    maker: Order
    quantity: Decimal
    prevented: bool = False


@attrs.frozen
class Plan:
    """What would happen to a taker: its matches in order."""

    matches: tuple[Match, ...]
    quantity: Decimal
    """What it would trade over all."""
    cost: Decimal
    """The most that it may have to pay or be paid: price times quantity over all."""
    taker_expires: bool = False
    """Whether self-trade prevention ends it."""
    exhausted: bool = False
    """Whether it stopped because the budget buys no further step."""
    prevented: Decimal = ZERO
    """What it would have traded, but for self-trade prevention."""
    out_of_range: bool = False
    """Whether it stopped because of the execution rule PRICE_RANGE."""

    def within(self, low: Decimal, high: Decimal) -> Plan:
        """Return the plan as far as it trades at prices from *low* to *high*."""
        for index, match in enumerate(self.matches):
            if not low <= match.maker.price <= high:
                kept = self.matches[:index]
                traded = [match for match in kept if not match.prevented]
                return attrs.evolve(
                    self,
                    matches=kept,
                    quantity=sum((match.quantity for match in traded), ZERO),
                    cost=sum((match.maker.price * match.quantity for match in traded), ZERO),
                    prevented=sum((match.quantity for match in kept if match.prevented), ZERO),
                    taker_expires=False,
                    out_of_range=True,
                )
        return self

    @property
    def wanted(self) -> Decimal:
        """What it would have traded without self-trade prevention."""
        return self.quantity + self.prevented


_DECREMENTING: Final = (SelfTradePrevention.DECREMENT, SelfTradePrevention.TRANSFER)


def plan(book: Book, terms: Terms) -> Plan:
    """Say what would happen to an order on *terms* that arrived now."""
    return plan_offers(book.offers(terms.side.opposite), terms)


def plan_offers(offers: Iterable[tuple[Order, Decimal]], terms: Terms) -> Plan:
    """Say what would happen to an order on *terms* that took *offers* one by one."""
    matches: list[Match] = []
    total = cost = prevented = ZERO
    limit, left, budget = terms.price, terms.quantity, terms.budget
    buying = terms.side is Side.BUY
    taker_expires = exhausted = False
    # Icebergs come back with further slices; those that prevention ended must not.
    gone: set[int] = set()
    for maker, quantity in offers:
        if left is not None and not left:
            break
        price = maker.price
        if limit is not None and (price > limit if buying else price < limit):
            break
        if gone and id(maker) in gone:
            continue
        if left is not None and left < quantity:
            quantity = left
        if budget is not None:
            affordable = (budget - cost) // (price * terms.step) * terms.step
            if affordable < quantity:
                quantity = affordable
                exhausted = True
            if not quantity:
                break
        if terms.prevention is not SelfTradePrevention.NONE and terms.is_own(maker):
            matches.append(Match(maker, quantity, prevented=True))
            if terms.prevention is SelfTradePrevention.EXPIRE_MAKER:
                exhausted = False
                gone.add(id(maker))
                continue
            prevented += quantity
            if terms.prevention not in _DECREMENTING:
                taker_expires = True
                break
            if terms.prevention is SelfTradePrevention.TRANSFER:
                # It may come to be paid for, although it is no trade.
                cost += price * quantity
            elif left is None and budget is not None:
                budget -= price * quantity
        else:
            matches.append(Match(maker, quantity))
            total += quantity
            cost += price * quantity
        if left is not None:
            left -= quantity
        if exhausted:
            break
    return Plan(tuple(matches), total, cost, taker_expires, exhausted, prevented)
