"""
Whether an order meets a symbol's filters, as far as can be told before it is sent. Pure: a table of checks by filter.

Source: the document on filters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeVar, cast

import attrs

from ..errors import FilterFailure, InvalidRequest
from ..models.enums import OrderSide, OrderType
from ..models.exchange_info import SymbolInfo
from ..models.filters import (
    Filter,
    IcebergPartsFilter,
    LotSizeFilter,
    MarketLotSizeFilter,
    MaxAlgoOrdersFilter,
    MaxAssetFilter,
    MaxIcebergOrdersFilter,
    MaxOrdersFilter,
    MaxPositionFilter,
    MinNotionalFilter,
    NotionalFilter,
    PercentPriceBySideFilter,
    PercentPriceFilter,
    PriceFilter,
    QuantityFilter,
    TrailingDeltaFilter,
)
from .arguments import amount
from .multiples import is_multiple

__all__ = ["Circumstances", "OrderTerms", "check_order", "check_price", "check_quantity", "terms_of"]

F = TypeVar("F", bound=Filter)

_TRIGGERED: Final = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)
_TAKES_PROFIT: Final = frozenset({OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})


@attrs.frozen(kw_only=True)
class OrderTerms:
    """What of an order the filters look at. None: the order does not say."""

    side: OrderSide | None = None
    type: OrderType | None = None
    quantity: Decimal | None = None
    quote_order_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    iceberg_quantity: Decimal | None = None
    trailing_delta: int | None = None

    @property
    def is_market(self) -> bool:
        """Whether it is a MARKET order."""
        return self.type == OrderType.MARKET


@attrs.frozen(kw_only=True)
class Circumstances:
    """What the filters look at beside the order. None: it is not known, and what depends on it is not checked."""

    reference_price: Decimal | None = None
    """The reference price or, where there is none, the average or last price that a filter names."""
    open_orders: int | None = None
    open_algo_orders: int | None = None
    open_iceberg_orders: int | None = None
    position: Decimal | None = None
    """How much of the base asset there is and is being bought."""


@attrs.frozen
class _Case:
    """An order before the filters of its symbol."""

    symbol: SymbolInfo
    order: OrderTerms
    known: Circumstances

    def demand(self, met: bool, filter_: Filter, what: str) -> None:
        """Raise FilterFailure unless *met*."""
        if not met:
            raise FilterFailure(filter_.filter_type.value, self.symbol.symbol, what)

    @property
    def notional(self) -> Fraction | None:
        """What the order is worth, in units of the quote asset; exact."""
        order = self.order
        if order.quote_order_quantity is not None:
            return Fraction(order.quote_order_quantity)
        price = self.known.reference_price if order.is_market else order.price
        return None if price is None or order.quantity is None else Fraction(price) * Fraction(order.quantity)


def check_order(symbol: SymbolInfo, order: OrderTerms, known: Circumstances) -> None:
    """
    Hold an order against the *symbol* and its filters.

    Raises FilterFailure for the first filter that it does not meet, and InvalidRequest for what the symbol does not
    offer at all.
    """
    _check_offer(symbol, order)
    case = _Case(symbol, order, known)
    for filter_ in symbol.filters:
        check = _CHECKS.get(type(filter_))
        if check is not None:
            check(case, filter_)


def check_price(symbol: SymbolInfo, price: Decimal) -> None:
    """Hold a price against PRICE_FILTER."""
    check_order(symbol, OrderTerms(price=price), Circumstances())


def check_quantity(symbol: SymbolInfo, quantity: Decimal, *, market: bool) -> None:
    """Hold a quantity against LOT_SIZE and, that of a MARKET order, against MARKET_LOT_SIZE."""
    check_order(symbol, attrs.evolve(OrderTerms(quantity=quantity), type=_MARKET if market else None), Circumstances())


_MARKET: Final = OrderType.MARKET


def _check_offer(symbol: SymbolInfo, order: OrderTerms) -> None:
    offers = (
        (order.type is None or order.type in symbol.order_types, f"orders of type {order.type}"),
        (order.iceberg_quantity is None or symbol.iceberg_allowed, "icebergs"),
        (order.trailing_delta is None or symbol.allow_trailing_stop, "trailing stops"),
        (
            order.quote_order_quantity is None or symbol.quote_order_quantity_market_allowed,
            "MARKET orders for a quantity of the quote asset",
        ),
    )
    for offered, what in offers:
        if not offered:
            raise InvalidRequest(f"{symbol.symbol} does not take {what}")


def _price(case: _Case, rule: PriceFilter) -> None:
    for name, price in (("price", case.order.price), ("stop_price", case.order.stop_price)):
        if price is not None:
            low, high, tick = rule.min_price, rule.max_price, rule.tick_size
            case.demand(not low or price >= low, rule, f"{name} {price} is below {low}")
            case.demand(not high or price <= high, rule, f"{name} {price} is above {high}")
            case.demand(is_multiple(price, tick), rule, f"{name} {price} is no multiple of {tick}")


def _percent_price(case: _Case, rule: PercentPriceFilter) -> None:
    _percent(case, rule, rule.multiplier_down, rule.multiplier_up)


def _percent_price_by_side(case: _Case, rule: PercentPriceBySideFilter) -> None:
    if case.order.side == OrderSide.BUY:
        _percent(case, rule, rule.bid_multiplier_down, rule.bid_multiplier_up)
    elif case.order.side == OrderSide.SELL:
        _percent(case, rule, rule.ask_multiplier_down, rule.ask_multiplier_up)


def _percent(case: _Case, rule: Filter, down: Decimal, up: Decimal) -> None:
    price, reference = case.order.price, case.known.reference_price
    if price is not None and reference is not None:
        share = Fraction(price) / Fraction(reference)
        case.demand(share >= Fraction(down), rule, f"price {price} is below {down} times {reference}")
        case.demand(share <= Fraction(up), rule, f"price {price} is above {up} times {reference}")


def _lot_size(case: _Case, rule: LotSizeFilter) -> None:
    _quantity(case, rule, "quantity", case.order.quantity)
    _quantity(case, rule, "iceberg_quantity", case.order.iceberg_quantity)


def _market_lot_size(case: _Case, rule: MarketLotSizeFilter) -> None:
    if case.order.is_market:
        _quantity(case, rule, "quantity", case.order.quantity)


def _quantity(case: _Case, rule: QuantityFilter, name: str, quantity: Decimal | None) -> None:
    if quantity is not None:
        low, high, step = rule.min_quantity, rule.max_quantity, rule.step_size
        case.demand(quantity >= low, rule, f"{name} {quantity} is below {low}")
        case.demand(not high or quantity <= high, rule, f"{name} {quantity} is above {high}")
        case.demand(is_multiple(quantity, step), rule, f"{name} {quantity} is no multiple of {step}")


def _min_notional(case: _Case, rule: MinNotionalFilter) -> None:
    notional = case.notional
    if notional is not None and (rule.apply_to_market or not case.order.is_market):
        case.demand(notional >= Fraction(rule.min_notional), rule, f"it is worth less than {rule.min_notional}")


def _notional(case: _Case, rule: NotionalFilter) -> None:
    notional, market = case.notional, case.order.is_market
    if notional is None:
        return
    if rule.apply_min_to_market or not market:
        case.demand(notional >= Fraction(rule.min_notional), rule, f"it is worth less than {rule.min_notional}")
    if rule.apply_max_to_market or not market:
        case.demand(
            not rule.max_notional or notional <= Fraction(rule.max_notional),
            rule,
            f"it is worth more than {rule.max_notional}",
        )


def _iceberg_parts(case: _Case, rule: IcebergPartsFilter) -> None:
    quantity, shown = case.order.quantity, case.order.iceberg_quantity
    if quantity is not None and shown:
        parts = math.ceil(Fraction(quantity) / Fraction(shown))
        case.demand(parts <= rule.limit, rule, f"the iceberg has {parts} parts, {rule.limit} are allowed")


def _trailing_delta(case: _Case, rule: TrailingDeltaFilter) -> None:
    order, delta = case.order, case.order.trailing_delta
    if delta is None or order.side is None or order.type not in _TRIGGERED:
        return
    # A stop lies above the market for buys, below it for sells; taking a profit is the other way round.
    above = (order.side == OrderSide.BUY) != (order.type in _TAKES_PROFIT)
    low = rule.min_trailing_above_delta if above else rule.min_trailing_below_delta
    high = rule.max_trailing_above_delta if above else rule.max_trailing_below_delta
    case.demand(low <= delta <= high, rule, f"trailing_delta {delta} is not within {low} and {high}")


def _max_orders(case: _Case, rule: MaxOrdersFilter) -> None:
    # A MARKET order never stays open, but the exchange counts it all the same when it is placed.
    _count(case, rule, case.known.open_orders, rule.max_orders)


def _max_algo_orders(case: _Case, rule: MaxAlgoOrdersFilter) -> None:
    if case.order.type in _TRIGGERED:
        _count(case, rule, case.known.open_algo_orders, rule.max_algo_orders)


def _max_iceberg_orders(case: _Case, rule: MaxIcebergOrdersFilter) -> None:
    if case.order.iceberg_quantity:
        _count(case, rule, case.known.open_iceberg_orders, rule.max_iceberg_orders)


def _count(case: _Case, rule: Filter, present: int | None, limit: int) -> None:
    if present is not None:
        case.demand(present < limit, rule, f"{present} orders are open, {limit} are allowed")


def _max_position(case: _Case, rule: MaxPositionFilter) -> None:
    position, quantity = case.known.position, case.order.quantity
    if case.order.side == OrderSide.BUY and position is not None and quantity is not None:
        held = Fraction(position) + Fraction(quantity)
        case.demand(held <= Fraction(rule.max_position), rule, f"more than {rule.max_position} would be held")


def _max_asset(case: _Case, rule: MaxAssetFilter) -> None:
    quantity, notional = case.order.quantity, case.notional
    if rule.asset == case.symbol.base_asset and quantity is not None:
        case.demand(quantity <= rule.limit, rule, f"quantity {quantity} is above {rule.limit} {rule.asset}")
    if rule.asset == case.symbol.quote_asset and notional is not None:
        case.demand(notional <= Fraction(rule.limit), rule, f"it is worth more than {rule.limit} {rule.asset}")


def _row(kind: type[F], check: Callable[[_Case, F], None]) -> tuple[type[Filter], Callable[[_Case, Any], None]]:
    return kind, check


_CHECKS: Final[Mapping[type[Filter], Callable[[_Case, Any], None]]] = dict(
    (
        _row(PriceFilter, _price),
        _row(PercentPriceFilter, _percent_price),
        _row(PercentPriceBySideFilter, _percent_price_by_side),
        _row(LotSizeFilter, _lot_size),
        _row(MarketLotSizeFilter, _market_lot_size),
        _row(MinNotionalFilter, _min_notional),
        _row(NotionalFilter, _notional),
        _row(IcebergPartsFilter, _iceberg_parts),
        _row(TrailingDeltaFilter, _trailing_delta),
        _row(MaxOrdersFilter, _max_orders),
        _row(MaxAlgoOrdersFilter, _max_algo_orders),
        _row(MaxIcebergOrdersFilter, _max_iceberg_orders),
        _row(MaxPositionFilter, _max_position),
        _row(MaxAssetFilter, _max_asset),
    )
)

# Orders of a list have their parameters behind a prefix, and share some with their list or their pair.
_LEGS: Final = (
    ("", ""),
    ("working", "working"),
    ("pending", "pending"),
    ("above", ""),
    ("below", ""),
    ("pendingAbove", "pending"),
    ("pendingBelow", "pending"),
)
_AMOUNTS: Final = {
    "quantity": "quantity",
    "quote_order_quantity": "quoteOrderQty",
    "price": "price",
    "stop_price": "stopPrice",
    "iceberg_quantity": "icebergQty",
}


def terms_of(params: Mapping[str, Any]) -> Iterator[OrderTerms]:
    """Return the orders that a request places, by its parameters as they are sent: one, or those of a list."""
    for prefix, shared in _LEGS:
        if _named(prefix, "type") in params:
            leg = {name: params.get(_named(prefix, name)) for name in ("type", "trailingDelta", *_AMOUNTS.values())}
            for name in ("side", "quantity"):
                leg[name] = params.get(_named(prefix, name), params.get(_named(shared, name)))
            delta = leg["trailingDelta"]
            yield OrderTerms(
                side=None if leg["side"] is None else OrderSide(leg["side"]),
                type=OrderType(leg["type"]),
                trailing_delta=None if delta is None else int(cast("int", delta)),
                **{ours: amount(ours, leg[wire]) for ours, wire in _AMOUNTS.items() if leg[wire] is not None},
            )


def _named(prefix: str, name: str) -> str:
    return prefix + name[0].upper() + name[1:] if prefix else name
