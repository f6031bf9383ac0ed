"""Wire parameters into values, refused with the exchange's codes where they are none."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

import attrs

from .errors import ExchangeError
from .money import DECIMALS, ZERO, decimals_of
from .orders import (
    LIMIT_TYPES,
    STOP_TYPES,
    OrderRequest,
    OrderType,
    Peg,
    PegPrice,
    ResponseType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

__all__ = ["ORDER_PARAMETERS", "OrderReference", "Parameters", "check_symbol", "order_request", "wanted_symbol"]

_E = TypeVar("_E", bound=enum.Enum)

# Belong to every signed request; whoever serves the request has dealt with them.
_ENVELOPE: Final = frozenset({"apiKey", "recvWindow", "signature", "timestamp"})

_DECIMAL: Final = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER: Final = r"^[0-9]{1,20}$"
_CLIENT_ID: Final = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
_SYMBOL: Final = r"^[\w\-._&&[^a-z]]{1,50}$"
_LOWER_CASE: Final = re.compile("[a-z]")


class Parameters:
    """
    The parameters of one request. ``None`` counts as not sent, an empty text as empty (-1105).

    Raises ExchangeError -1104 at once if there are others than *known*.
    """

    def __init__(self, sent: Mapping[str, Any], known: Iterable[str]) -> None:
        self._values = {name: value for name, value in sent.items() if value is not None}
        names = {*known, *_ENVELOPE}
        read = sum(name in names for name in self._values)
        if read < len(self._values):
            raise ExchangeError.unread(read, len(self._values))

        self._names: Mapping[str, str] = {}

    def renamed(self, names: Mapping[str, str], fixed: Mapping[str, str] | None = None) -> Parameters:
        """
        Return the same parameters under other names: those of one order of a list, under the names of an order's own.

        *names* are the wire's names by the new ones; what is not among them was not sent, except for *fixed* values.
        """
        view = Parameters(self._values, self._values)
        view._values = {name: self._values[wire] for name, wire in names.items() if wire in self._values}
        view._names = names
        view._values.update(fixed or {})
        return view

    def wire_name(self, name: str) -> str:
        """Return the name under which *name* is sent."""
        return self._names.get(name, name)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, legal: str | None = None) -> str | None:
        """Return a text, held against the regular expression *legal*."""
        value = self._values.get(name)
        if value is None:
            return None
        text = _written(value)
        if not text:
            raise ExchangeError.empty(self.wire_name(name))
        if legal is not None and re.fullmatch(legal, text) is None:
            raise ExchangeError.illegal_characters(self.wire_name(name), legal)
        return text

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts; one text is a list of one."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            return [value]
        if not isinstance(value, list | tuple):
            raise ExchangeError.bad_data(name)
        return [_written(item) for item in cast("list[object]", value)]

    def decimal(self, name: str) -> Decimal:
        """Return a number that is not negative, zero if it was not sent."""
        text = self.text(name, _DECIMAL)
        if text is None:
            return ZERO
        number = Decimal(text)
        if decimals_of(number) > DECIMALS:
            raise ExchangeError.too_precise(self.wire_name(name))
        return number

    def integer(self, name: str) -> int | None:
        """Return a whole number that is not negative."""
        text = self.text(name, _INTEGER)
        return None if text is None else int(text)

    def boolean(self, name: str) -> bool | None:
        """Return a truth value, sent as such or as text."""
        text = self.text(name)
        if text is None:
            return None
        if text.lower() not in ("true", "false"):
            raise ExchangeError.bad_data(name)
        return text.lower() == "true"

    def client_order_id(self, name: str) -> str | None:
        """Return a client order id."""
        return self.text(name, _CLIENT_ID)

    def member(self, name: str, kind: type[_E], error: ExchangeError) -> _E | None:
        """Return a member of an enum. Raises *error* for a value that is none."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return kind(text)
        except ValueError:
            raise error from None

    def require(self, *names: str) -> None:
        """Raise ExchangeError -1102 unless all were sent."""
        for name in names:
            if name not in self._values:
                raise ExchangeError.mandatory(self.wire_name(name))

    def refuse(self, *names: str) -> None:
        """Raise ExchangeError -1106 if one was sent."""
        for name in names:
            if name in self._values:
                raise ExchangeError.not_required(self.wire_name(name))

    def require_one(self, first: str, second: str) -> None:
        """Raise ExchangeError -1102 unless one of the two was sent."""
        if first not in self._values and second not in self._values:
            raise ExchangeError.one_of(self.wire_name(first), self.wire_name(second))

    def limit(self, default: int, maximum: int) -> int:
        """Return how many entries are wanted."""
        limit = self.integer("limit")
        if limit is None:
            return default
        if not 1 <= limit <= maximum:
            raise ExchangeError.bad_data("limit")
        return limit


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # JSON allows 1e-05; the exchange reads the number, not how it was written.
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


def wanted_symbol(params: Parameters) -> str | None:
    """Return the mandatory parameter ``symbol``."""
    params.require("symbol")
    symbol = params.text("symbol")
    return None if symbol is None else check_symbol(symbol)


def check_symbol(symbol: str) -> str:
    """Return *symbol*. Raises ExchangeError -1100 where it is not written like one."""
    if _LOWER_CASE.search(symbol):
        raise ExchangeError.illegal_characters("symbol", _SYMBOL)
    return symbol


@attrs.frozen
class OrderReference:
    """Which order is meant: by the exchange's id, by the client's, or both (which must then agree)."""

    id: int | None
    client_order_id: str | None

    @classmethod
    def read(cls, params: Parameters) -> OrderReference:
        """Read ``orderId`` and ``origClientOrderId``."""
        params.require_one("origClientOrderId", "orderId")
        return cls(params.integer("orderId"), params.text("origClientOrderId"))


ORDER_PARAMETERS: Final = frozenset(
    {
        "computeCommissionRates",
        "icebergQty",
        "newClientOrderId",
        "newOrderRespType",
        "pegOffsetType",
        "pegOffsetValue",
        "pegPriceType",
        "price",
        "quantity",
        "quoteOrderQty",
        "selfTradePreventionMode",
        "side",
        "stopPrice",
        "strategyId",
        "strategyType",
        "symbol",
        "timeInForce",
        "trailingDelta",
        "type",
    }
)
"""What order.place and order.test take."""

_STRATEGY_TYPES_FROM: Final = 1_000_000
_DEEPEST_PEG: Final = 100
_PEGGED: Final = ("pegPriceType", "pegOffsetType", "pegOffsetValue")


class _PegOffset(enum.Enum):
    PRICE_LEVEL = "PRICE_LEVEL"


def order_request(
    params: Parameters, *, sized: bool = True, default_response: ResponseType | None = None
) -> OrderRequest:
    """
    Read a new order. What is left to check needs the symbol's rules, its book or the account.

    An order that is not *sized* is placed with what another one receives. *default_response* stands for what is usual
    for its type.
    """
    params.require("side", "type")
    side = params.member("side", Side, ExchangeError(-1117, "Invalid side."))
    kind = params.member("type", OrderType, ExchangeError(-1116, "Invalid orderType."))
    time_in_force = params.member("timeInForce", TimeInForce, ExchangeError(-1115, "Invalid timeInForce."))
    if side is None or kind is None:
        raise ExchangeError.mandatory("side" if side is None else "type")
    _check_combination(params, kind, sized=sized)
    strategy_type = params.integer("strategyType")
    if strategy_type is not None and strategy_type < _STRATEGY_TYPES_FROM:
        raise ExchangeError(-1134, f"strategyType was less than {_STRATEGY_TYPES_FROM}.")
    if default_response is None:
        default_response = ResponseType.FULL if kind in (OrderType.LIMIT, OrderType.MARKET) else ResponseType.ACK
    response_error = ExchangeError.bad_data("newOrderRespType")
    prevention_error = ExchangeError.bad_data("selfTradePreventionMode")
    request = OrderRequest(
        side=side,
        type=kind,
        time_in_force=time_in_force or TimeInForce.GTC,
        quantity=_positive(params, "quantity", "Invalid quantity."),
        quote_quantity=_positive(params, "quoteOrderQty", "Invalid quote order qty."),
        price=_positive(params, "price", "Invalid price."),
        stop_price=_positive(params, "stopPrice", "Invalid stop price."),
        client_order_id=params.client_order_id("newClientOrderId"),
        response_type=params.member("newOrderRespType", ResponseType, response_error) or default_response,
        strategy_id=params.integer("strategyId"),
        strategy_type=strategy_type,
        self_trade_prevention=params.member("selfTradePreventionMode", SelfTradePrevention, prevention_error),
        trailing_delta=params.integer("trailingDelta"),
        iceberg_quantity=params.decimal("icebergQty"),
        peg=_peg(params),
    )
    _check_iceberg(request)
    _check_peg(request)
    return request


def _check_combination(params: Parameters, kind: OrderType, *, sized: bool) -> None:
    """Hold what was sent against the table of mandatory parameters by order type; the rest is not required."""
    if kind is OrderType.MARKET:
        if "quantity" in params or not sized:
            params.refuse("quoteOrderQty")
        else:
            params.require_one("quantity", "quoteOrderQty")
    else:
        if kind in LIMIT_TYPES and kind is not OrderType.LIMIT_MAKER:
            params.require("timeInForce")
        if sized:
            params.require("quantity")
        params.refuse("quoteOrderQty")
    if kind not in LIMIT_TYPES:
        params.refuse("price", "icebergQty")
        if any(name in params for name in _PEGGED):
            raise ExchangeError.order_rejected("This order type may not use pegged price.")
    elif "pegPriceType" not in params:
        params.require("price")
    if kind not in LIMIT_TYPES or kind is OrderType.LIMIT_MAKER:
        params.refuse("timeInForce")
    if kind not in STOP_TYPES:
        params.refuse("stopPrice", "trailingDelta")
    else:
        params.require_one("stopPrice", "trailingDelta")


def _check_iceberg(request: OrderRequest) -> None:
    if request.iceberg_quantity:
        if request.time_in_force is not TimeInForce.GTC:
            raise ExchangeError(-1014, "Unsupported order combination.")
        if request.quantity and request.iceberg_quantity > request.quantity:
            raise ExchangeError.order_rejected("IcebergQty exceeds QTY.")


def _peg(params: Parameters) -> Peg | None:
    price = params.member("pegPriceType", PegPrice, ExchangeError(-1210, "Invalid pegPriceType."))
    kind = params.member("pegOffsetType", _PegOffset, ExchangeError(-1211, "Invalid pegOffsetType."))
    offset = params.integer("pegOffsetValue")
    names = [params.wire_name(name) for name in _PEGGED]
    if (kind is None) != (offset is None):
        raise ExchangeError(-1128, f"Fields [{', '.join(names[1:])}] must be sent together or omitted entirely.")
    if price is None:
        if offset is not None:
            raise ExchangeError.mandatory(names[0])
        return None
    if offset is not None and offset > _DEEPEST_PEG:
        raise ExchangeError(-1102, f"'{names[2]}' contains unexpected value. Cannot be greater than {_DEEPEST_PEG}.")
    return Peg(price, offset)


def _check_peg(request: OrderRequest) -> None:
    """Hold a peg against the table of what goes with an order type (FAQ "Pegged orders")."""
    peg = request.peg
    if peg is None:
        return
    refused = (
        peg.price is PegPrice.MARKET
        if request.type is OrderType.LIMIT_MAKER
        else peg.price is PegPrice.PRIMARY
        and request.type is OrderType.LIMIT
        and request.time_in_force is not TimeInForce.GTC
    )
    if refused:
        raise ExchangeError.order_rejected("This price peg cannot be used with this order type.")


def _positive(params: Parameters, name: str, complaint: str) -> Decimal:
    value = params.decimal(name)
    if name in params and not value:
        raise ExchangeError(-1013, complaint)
    return value
