"""
Smart order routing: one order takes from the books of several symbols with the same base asset.

The exchange trades with the makers in their own quote assets and allocates to the taker what it bought or sold, in
the quote asset of the taker's symbol. Source: the FAQ "Smart Order Routing".
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import attrs

from .accounts import AccountState
from .errors import ExchangeError
from .floor import Floor
from .market import Market, Placed
from .matching import Match, Plan, plan_offers
from .orders import (
    ExpiryReason,
    Order,
    OrderRequest,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    Trade,
    WorkingFloor,
)
from .parameters import Parameters, order_request
from .prevention import Prevention, effective_mode
from .trading import Trading, commission_rates, placement

__all__ = ["DEFAULT_ROUTES", "SOR_PARAMETERS", "SmartRoute", "SmartRouting"]

SOR_PARAMETERS: Final = frozenset(
    {
        "icebergQty",
        "newClientOrderId",
        "newOrderRespType",
        "price",
        "quantity",
        "selfTradePreventionMode",
        "side",
        "strategyId",
        "strategyType",
        "symbol",
        "timeInForce",
        "type",
    }
)
"""What sor.order.place takes; sor.order.test takes computeCommissionRates as well."""


@attrs.frozen
class SmartRoute:
    """Symbols with the same base asset, whose quote assets are worth the same."""

    base: str
    symbols: Sequence[str]

    def describe(self) -> dict[str, Any]:
        """Return this entry of exchangeInfo's ``sors``."""
        return {"baseAsset": self.base, "symbols": list(self.symbols)}


DEFAULT_ROUTES: Final = (SmartRoute("BTC", ("BTCUSDT", "BTCUSDC")),)
"""What a sandbox routes between."""


class SmartRouting:
    """Places orders with smart order routing. Refusals are ExchangeError."""

    def __init__(self, floor: Floor, trading: Trading, routes: Sequence[SmartRoute]) -> None:
        self._floor = floor
        self._trading = trading
        self.routes = tuple(routes)

    def place_order(self, account: AccountState, params: Mapping[str, Any], *, test: bool = False) -> Any:
        """Place an order; with *test* only look at it. The answer is sor.order.place's, or sor.order.test's."""
        wanted = Parameters(params, SOR_PARAMETERS | {"computeCommissionRates"} if test else SOR_PARAMETERS)
        with self._floor.exclusively() as now:
            home = self._floor.market(wanted)
            wanted.require("quantity")
            request = order_request(wanted)
            if request.type not in (OrderType.LIMIT, OrderType.MARKET):
                raise ExchangeError(-1116, "Invalid orderType.")
            markets = self._markets(home)
            home.check(request)
            if test:
                return commission_rates(account, special=False) if wanted.boolean("computeCommissionRates") else {}
            self._trading.refuse_duplicates(account, home, [request])
            home.admission.check_account(account, [request])
            placed = self._place(account, home, markets, request, now)
            answer = placement(placed, request.response_type, now)
            for market in markets:
                market.settle(now)
            return [answer]

    def _markets(self, home: Market) -> list[Market]:
        """Return the markets that an order for *home* takes from, that one first."""
        symbol = home.rules.symbol
        route = next((route for route in self.routes if symbol in route.symbols), None)
        if route is None:
            raise ExchangeError.order_rejected("Smart order routing is not supported for this symbol.")
        others = [self._floor.named_market(name) for name in route.symbols if name != symbol]
        return [home, *others]

    def _place(
        self, account: AccountState, home: Market, markets: Sequence[Market], request: OrderRequest, now: int
    ) -> Placed:
        order = home.new_order(account, request, now)
        order.working_floor = WorkingFloor.SOR
        draft = plan_offers(_offers(markets, order.side), home.terms(order))
        home.fund(order, draft)
        home.register(order)
        order.working_since = now
        home.life.report(order, "NEW", now)
        if request.time_in_force is TimeInForce.FOK and draft.quantity < order.quantity:
            home.life.expire(order, ExpiryReason.UNFILLED_FOK, now)
            return Placed(order)
        trades, preventions = self._carry_out(order, home, draft, now)
        if order.is_open:
            home.rest(order, draft, now)
            if order.is_open:
                order.working_floor = WorkingFloor.EXCHANGE
        return Placed(order, tuple(trades), tuple(preventions))

    def _carry_out(self, order: Order, home: Market, draft: Plan, now: int) -> tuple[list[Trade], list[Prevention]]:
        trades: list[Trade] = []
        preventions: list[Prevention] = []
        for match in draft.matches:
            market = self._floor.markets[match.maker.symbol]
            if match.prevented:
                if effective_mode(order, match.maker) is SelfTradePrevention.TRANSFER:
                    self._convert(order, home, market, match)
                preventions += home.life.prevent(order, match.maker, match.quantity, market.life, now)
            else:
                self._convert(order, home, market, match)
                price = market.last_price = match.maker.price
                market.life.trade_with_exchange(match.maker, price, match.quantity, now)
                trades.append(home.life.allocate(order, price, match.quantity, now))
        return trades, preventions

    def _convert(self, order: Order, home: Market, market: Market, match: Match) -> None:
        """Change what the taker pays into what the maker receives, or the other way round, one for one."""
        value = match.maker.price * match.quantity
        if order.side is Side.SELL:
            value = -value
        for asset, change in ((home.rules.quote, value), (market.rules.quote, -value)):
            self._floor.converted[asset] = self._floor.converted.get(asset, Decimal(0)) + change


def _offers(markets: Sequence[Market], side: Side) -> Iterator[tuple[Order, Decimal]]:
    """Return what the books offer to a taker of *side*, the best prices first."""
    sign = 1 if side is Side.BUY else -1
    books = [market.life.book.offers(side.opposite) for market in markets]
    return heapq.merge(*books, key=lambda offer: sign * offer[0].price)
