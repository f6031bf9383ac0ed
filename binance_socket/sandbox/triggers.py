"""Stop orders that wait for their price, trailing ones among them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from .orders import Order, Side

__all__ = ["Triggers", "start_trailing"]

_BASIS_POINTS: Final = 10_000


class Triggers:
    """
    The stop orders of one symbol that were not triggered yet. Decides which ones a trade's price triggers.

    A trailing stop with a stop price begins to follow the market when that is reached, one without it at once; it is
    triggered when the market has come back by its delta from the best price since. Source: the FAQ "Spot Trailing
    Stop order".
    """

    def __init__(self) -> None:
        # By id, oldest first.
        self._waiting: dict[int, Order] = {}
        # Prices of trades that the orders have not been held against.
        self._untold: list[Decimal] = []

    def __iter__(self) -> Iterator[Order]:
        return iter(self._waiting.values())

    def __contains__(self, order: Order) -> bool:
        return order.id in self._waiting

    def add(self, order: Order) -> None:
        """Let *order* wait."""
        self._waiting[order.id] = order

    def remove(self, order: Order) -> None:
        """Let *order* wait no more."""
        del self._waiting[order.id]

    def note(self, price: Decimal) -> None:
        """Remember that there was a trade."""
        if self._waiting:
            self._untold.append(price)

    def take_prices(self) -> list[Decimal]:
        """Return the prices that were noted since the last call, in order."""
        prices, self._untold = self._untold, []
        return prices

    def reached_by(self, price: Decimal, now: int) -> list[Order]:
        """Return the orders that a trade at *price* triggers, oldest first; trailing ones follow it."""
        return [order for order in self._waiting.values() if _is_reached(order, price, now)]


def start_trailing(order: Order, last_price: Decimal | None, now: int) -> None:
    """Let a new trailing stop without a stop price follow the market from the last price on."""
    if order.trail is not None and not order.request.stop_price and last_price is not None:
        order.trail.since, order.trail.extreme = now, last_price


def _is_reached(order: Order, price: Decimal, now: int) -> bool:
    trail = order.trail
    if trail is None:
        return order.is_triggered_by(price)
    if trail.since < 0:
        if not order.request.stop_price or order.is_triggered_by(price):
            trail.since, trail.extreme = now, price
        return False
    delta = order.request.trailing_delta or 0
    if order.side is Side.BUY:
        trail.extreme = min(trail.extreme, price)
        return price * _BASIS_POINTS >= trail.extreme * (_BASIS_POINTS + delta)
    trail.extreme = max(trail.extreme, price)
    return price * _BASIS_POINTS <= trail.extreme * (_BASIS_POINTS - delta)
