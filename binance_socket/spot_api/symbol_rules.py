"""A symbol's rules: what its prices and quantities are rounded to, and whether orders meet its filters. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from .._wire.messages import Request
from .._wire.values import is_object
from ..errors import InvalidRequest
from ..models.enums import OrderSide, OrderType
from ..models.exchange_info import SymbolInfo
from ..models.filters import LotSizeFilter, MarketLotSizeFilter, PriceFilter
from .arguments import amount, member_of
from .multiples import Rounding, least_common_multiple, rounded
from .order_checks import Circumstances, OrderTerms, check_order, check_price, check_quantity, terms_of

__all__ = ["SymbolRules"]

Amount = Decimal | str | int
_side = member_of(OrderSide)
_type = member_of(OrderType)


@attrs.frozen
class SymbolRules:
    """
    The rules of one symbol. Immutable, and free for all threads; arithmetic is exact.

    Amounts are Decimal, str or int; a float is a TypeError, since its digits are not the ones that were typed.
    """

    info: SymbolInfo
    """The symbol as the exchange describes it, with its filters."""

    @property
    def symbol(self) -> str:
        """The symbol's name."""
        return self.info.symbol

    @property
    def tick_size(self) -> Decimal:
        """What prices are a multiple of; zero where they may be any."""
        rule = self.info.filter(PriceFilter)
        return Decimal(0) if rule is None else rule.tick_size

    @property
    def step_size(self) -> Decimal:
        """What quantities are a multiple of; zero where they may be any."""
        rule = self.info.filter(LotSizeFilter)
        return Decimal(0) if rule is None else rule.step_size

    def round_price(self, price: Amount, rounding: Rounding) -> Decimal:
        """
        Return the price that the symbol allows next to *price*: the lower, the higher or the nearer one.

        Raises FilterFailure (PRICE_FILTER) where that is below the lowest or above the highest price.
        """
        return self._round_price(amount("price", price), rounding)

    def _round_price(self, price: Decimal, rounding: Rounding) -> Decimal:
        step = self.tick_size
        result = rounded(price, step, _checked(rounding)) if step else price
        check_price(self.info, result)
        return result

    def round_quantity(self, quantity: Amount, rounding: Rounding, *, market: bool = False) -> Decimal:
        """
        Return the quantity that the symbol allows next to *quantity*; with *market*, that of a MARKET order.

        Raises FilterFailure (LOT_SIZE, MARKET_LOT_SIZE) where that is below the smallest or above the largest one: a
        quantity is never silently rounded to nothing.
        """
        number, step = amount("quantity", quantity), self.step_size
        rule = self.info.filter(MarketLotSizeFilter)
        if market and rule is not None:
            step = least_common_multiple(step, rule.step_size)
        result = rounded(number, step, _checked(rounding)) if step else number
        check_quantity(self.info, result, market=market)
        return result

    def check(
        self,
        order: Request[Any] | None = None,
        *,
        side: OrderSide | str | None = None,
        type: OrderType | str | None = None,  # what the exchange calls it
        quantity: Amount | None = None,
        quote_order_quantity: Amount | None = None,
        price: Amount | None = None,
        stop_price: Amount | None = None,
        iceberg_quantity: Amount | None = None,
        trailing_delta: int | None = None,
        reference_price: Amount | None = None,
        open_orders: int | None = None,
        open_algo_orders: int | None = None,
        open_iceberg_orders: int | None = None,
        position: Amount | None = None,
    ) -> None:
        """
        Hold an order against the symbol's filters, without asking the exchange.

        The order is given in words (``check(side="BUY", type="LIMIT", quantity="1", price="2")``) or as the request
        that would place it (``check(Trading.place_order.request(...))``); of a list, each order is checked.

        Some filters look at more than the order, and are checked as far as that is given: *reference_price* is the
        reference price or, where there is none, the average or last price (PERCENT_PRICE and its kin, and the value
        of MARKET orders); *open_orders* and its kin are how many are open on the symbol now (MAX_NUM_ORDERS and its
        kin); *position* is how much of the base asset there is and is being bought (MAX_POSITION).

        Raises FilterFailure, which names the filter, and InvalidRequest for what the symbol does not offer at all.
        What passes may still be refused: prices move, and the exchange has the last word.
        """
        known = Circumstances(
            reference_price=_optional("reference_price", reference_price, positive=True),
            open_orders=open_orders,
            open_algo_orders=open_algo_orders,
            open_iceberg_orders=open_iceberg_orders,
            position=_optional("position", position),
        )
        terms = OrderTerms(
            side=None if side is None else _side("side", side),
            type=None if type is None else _type("type", type),
            quantity=_optional("quantity", quantity),
            quote_order_quantity=_optional("quote_order_quantity", quote_order_quantity),
            price=_optional("price", price),
            stop_price=_optional("stop_price", stop_price),
            iceberg_quantity=_optional("iceberg_quantity", iceberg_quantity),
            trailing_delta=trailing_delta,
        )
        if order is None:
            check_order(self.info, terms, known)
        elif terms != OrderTerms():
            raise InvalidRequest("an order is given in words or as a request, not as both")
        else:
            self._check_request(order, known)

    def _check_request(self, order: Request[Any], known: Circumstances) -> None:
        params = dict(order.params) if is_object(order.params) else {}
        legs = list(terms_of(params))
        if not legs:
            raise InvalidRequest(f"{order.method} places no order that could be checked")
        if params.get("symbol") != self.symbol:
            raise InvalidRequest(f"the order is for {params.get('symbol')}, these are the rules of {self.symbol}")
        for leg in legs:
            check_order(self.info, leg, known)


def _checked(rounding: object) -> Rounding:
    if not isinstance(rounding, Rounding):
        raise InvalidRequest(f"rounding is Rounding.DOWN, Rounding.UP or Rounding.NEAREST, not {rounding!r}")
    return rounding


def _optional(name: str, value: Amount | None, *, positive: bool = False) -> Decimal | None:
    if value is None:
        return None
    number = amount(name, value)
    if positive and number <= 0:
        raise InvalidRequest(f"{name} is above 0, not {value!r}")
    return number
