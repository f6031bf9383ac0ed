"""Filters beside those of every symbol: bounds that are switched on where a symbol sets them (filters document)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import attrs

from .accounts import AccountState
from .errors import ExchangeError
from .money import ZERO, text
from .orders import STOP_TYPES, Order, OrderRequest, OrderType, Side

__all__ = ["Counts", "MarketLotSize", "PercentPrice", "TrailingDelta", "check_position"]

_BELOW_WHEN_BUYING: Final = (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)


@attrs.frozen(kw_only=True)
class Counts:
    """How much an account may have open in a symbol (MAX_NUM_ORDERS and its kin). Zero: any number."""

    orders: int = 0
    algo_orders: int = 0
    iceberg_orders: int = 0
    order_lists: int = 0

    def describe(self) -> list[dict[str, Any]]:
        """Return the filters as exchangeInfo shows them."""
        return [{"filterType": name, key: limit} for name, key, limit, _ in self._rows((), 0) if limit]

    def check(self, open_orders: Sequence[Order], open_lists: int, new: Sequence[OrderRequest], new_lists: int) -> None:
        """Hold what is open, with what is *new*, against the limits."""
        requests = [*(order.request for order in open_orders), *new]
        for name, _, limit, count in self._rows(requests, open_lists + new_lists):
            # Only what adds to a number can exceed it.
            if limit and count > limit and (name != "MAX_NUM_ORDER_LISTS" or new_lists):
                raise ExchangeError.filter_failure(name)

    def _rows(self, requests: Sequence[OrderRequest], lists: int) -> list[tuple[str, str, int, int]]:
        algo = sum(request.type in STOP_TYPES for request in requests)
        icebergs = sum(bool(request.iceberg_quantity) for request in requests)
        return [
            ("MAX_NUM_ORDERS", "maxNumOrders", self.orders, len(requests)),
            ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", self.algo_orders, algo),
            ("MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", self.iceberg_orders, icebergs),
            ("MAX_NUM_ORDER_LISTS", "maxNumOrderLists", self.order_lists, lists),
        ]


@attrs.frozen(kw_only=True)
class TrailingDelta:
    """The range of trailing deltas, in basis points, by where the stop price lies (TRAILING_DELTA)."""

    min_above: int = 10
    max_above: int = 2000
    min_below: int = 10
    max_below: int = 2000

    def describe(self) -> dict[str, Any]:
        """Return the filter as exchangeInfo shows it."""
        return {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": self.min_above,
            "maxTrailingAboveDelta": self.max_above,
            "minTrailingBelowDelta": self.min_below,
            "maxTrailingBelowDelta": self.max_below,
        }

    def check(self, request: OrderRequest) -> None:
        """Hold an order against the range."""
        if request.trailing_delta is None:
            return
        above = (request.side is Side.BUY) != (request.type in _BELOW_WHEN_BUYING)
        low, high = (self.min_above, self.max_above) if above else (self.min_below, self.max_below)
        if not low <= request.trailing_delta <= high:
            raise ExchangeError.filter_failure("TRAILING_DELTA")


@attrs.frozen(kw_only=True)
class MarketLotSize:
    """The quantities of market orders (MARKET_LOT_SIZE). A step of zero allows any."""

    min_quantity: Decimal = ZERO
    max_quantity: Decimal
    step_size: Decimal = ZERO

    def describe(self) -> dict[str, Any]:
        """Return the filter as exchangeInfo shows it."""
        return {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": text(self.min_quantity),
            "maxQty": text(self.max_quantity),
            "stepSize": text(self.step_size),
        }

    def check(self, quantity: Decimal) -> None:
        """Hold a market order's quantity against the range."""
        uneven = bool(self.step_size) and quantity % self.step_size
        if uneven or not self.min_quantity <= quantity <= self.max_quantity:
            raise ExchangeError.filter_failure("MARKET_LOT_SIZE")


@attrs.frozen(kw_only=True)
class PercentPrice:
    """
    How far a price may be from the last one, by side (PERCENT_PRICE_BY_SIDE, avgPriceMins 0).

    With the same multipliers on both sides it is PERCENT_PRICE, where *by_side* is off.
    """

    bid_up: Decimal
    bid_down: Decimal
    ask_up: Decimal
    ask_down: Decimal
    by_side: bool = True

    @property
    def name(self) -> str:
        """The filter's name."""
        return "PERCENT_PRICE_BY_SIDE" if self.by_side else "PERCENT_PRICE"

    def describe(self) -> dict[str, Any]:
        """Return the filter as exchangeInfo shows it."""
        if not self.by_side:
            bounds = {"multiplierUp": f"{self.bid_up:f}", "multiplierDown": f"{self.bid_down:f}"}
        else:
            bounds = {
                "bidMultiplierUp": f"{self.bid_up:f}",
                "bidMultiplierDown": f"{self.bid_down:f}",
                "askMultiplierUp": f"{self.ask_up:f}",
                "askMultiplierDown": f"{self.ask_down:f}",
            }
        return {"filterType": self.name, **bounds, "avgPriceMins": 0}

    def check(self, side: Side, price: Decimal, last_price: Decimal | None) -> None:
        """Hold a price against the last one; before the first trade any will do."""
        if last_price is None or not price:
            return
        up, down = (self.bid_up, self.bid_down) if side is Side.BUY else (self.ask_up, self.ask_down)
        if not last_price * down <= price <= last_price * up:
            raise ExchangeError.filter_failure(self.name)


def check_position(
    account: AccountState, asset: str, limit: Decimal, open_orders: Sequence[Order], new: Sequence[OrderRequest]
) -> None:
    """Hold what an account has and wants to buy of the base *asset* against MAX_POSITION. Zero: any amount."""
    bought = sum((request.quantity for request in new if request.side is Side.BUY), ZERO)
    if not limit or not bought:
        return
    balance = account.balances().get(asset)
    held = ZERO if balance is None else balance.free + balance.locked
    waiting = sum((order.remaining for order in open_orders if order.side is Side.BUY), ZERO)
    if held + waiting + bought > limit:
        raise ExchangeError.filter_failure("MAX_POSITION")
