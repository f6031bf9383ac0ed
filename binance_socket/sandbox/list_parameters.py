"""The parameters of order lists: whose names in an order of its own they stand for, and which orders go together."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import attrs

from .errors import ExchangeError
from .order_lists import ListRequest
from .orders import OrderRequest, OrderType, ResponseType, Side, TimeInForce
from .parameters import Parameters, order_request

__all__ = ["LIST_PARAMETERS", "ListKind", "list_request"]


class ListKind(enum.Enum):
    """The methods that place order lists (``orderList.place.oco``...), the deprecated one first."""

    OLD_OCO = "orderList.place"
    OCO = "orderList.place.oco"
    OTO = "orderList.place.oto"
    OTOCO = "orderList.place.otoco"
    OPO = "orderList.place.opo"
    OPOCO = "orderList.place.opoco"


# An order's own names of what each order of a list has for itself.
_OWN: Final = (
    "type", "price", "stopPrice", "trailingDelta", "icebergQty", "timeInForce", "strategyId", "strategyType",
    "pegPriceType", "pegOffsetType", "pegOffsetValue",
)  # fmt: skip
_SHARED: Final = {"newOrderRespType": "newOrderRespType", "selfTradePreventionMode": "selfTradePreventionMode"}


def _prefixed(
    prefix: str, *more: str, own: tuple[str, ...] = _OWN, elsewhere: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the wire's names of an order whose parameters begin with *prefix*; *elsewhere* are those without it."""
    names = {name: f"{prefix}{name[0].upper()}{name[1:]}" for name in (*own, *more)}
    return {**names, "newClientOrderId": f"{prefix}ClientOrderId", **(elsewhere or {}), **_SHARED}


_WORKING: Final = _prefixed(
    "working", "side", "quantity", own=tuple(name for name in _OWN if name not in ("stopPrice", "trailingDelta"))
)
_PENDING: Final = _prefixed("pending", "side", "quantity")
_UNSIZED: Final = _prefixed("pending", "side")
_PAIR: Final = {"side": "side", "quantity": "quantity"}
_PAIR_OF_PENDING: Final = {"side": "pendingSide", "quantity": "pendingQuantity"}
_SIDE_OF_PENDING: Final = {"side": "pendingSide"}
_OLD_LIMIT: Final = {
    **_prefixed("limit", own=("icebergQty", "strategyId", "strategyType")),
    "side": "side",
    "quantity": "quantity",
    "price": "price",
}
_OLD_STOP: Final = {
    **_prefixed("stop", own=("icebergQty", "strategyId", "strategyType")),
    "side": "side",
    "quantity": "quantity",
    "stopPrice": "stopPrice",
    "trailingDelta": "trailingDelta",
    "price": "stopLimitPrice",
    "timeInForce": "stopLimitTimeInForce",
}


@attrs.frozen
class _Shape:
    """The wire's names of a list's orders. Of a pair, the upper one comes first."""

    legs: tuple[Mapping[str, str], ...]
    working: Mapping[str, str] | None = None
    pays: bool = False

    @property
    def names(self) -> frozenset[str]:
        """All parameters."""
        orders = (*self.legs, self.working or {})
        return frozenset({"symbol", "listClientOrderId", *(name for names in orders for name in names.values())})


_SHAPES: Final[Mapping[ListKind, _Shape]] = {
    ListKind.OLD_OCO: _Shape((_OLD_LIMIT, _OLD_STOP)),
    ListKind.OCO: _Shape(
        (
            _prefixed("above", elsewhere=_PAIR),
            _prefixed("below", elsewhere=_PAIR),
        )
    ),
    ListKind.OTO: _Shape((_PENDING,), _WORKING),
    ListKind.OTOCO: _Shape(
        (_prefixed("pendingAbove", elsewhere=_PAIR_OF_PENDING), _prefixed("pendingBelow", elsewhere=_PAIR_OF_PENDING)),
        _WORKING,
    ),
    ListKind.OPO: _Shape((_UNSIZED,), _WORKING, pays=True),
    ListKind.OPOCO: _Shape(
        (_prefixed("pendingAbove", elsewhere=_SIDE_OF_PENDING), _prefixed("pendingBelow", elsewhere=_SIDE_OF_PENDING)),
        _WORKING,
        pays=True,
    ),
}

LIST_PARAMETERS: Final[Mapping[ListKind, frozenset[str]]] = {kind: shape.names for kind, shape in _SHAPES.items()}
"""What each method takes."""

_STOP_LOSSES: Final = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
_TAKE_PROFITS: Final = (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
_PAIRED: Final = (*_STOP_LOSSES, *_TAKE_PROFITS, OrderType.LIMIT_MAKER)
# Where an order of a pair has to be, by side: its types, whether it is the upper one, the refusal otherwise.
_PLACES: Final[Mapping[Side, tuple[tuple[tuple[OrderType, ...], bool, int, str], ...]]] = {
    Side.BUY: (
        ((OrderType.LIMIT_MAKER,), False, -1165, "A limit order in a buy OCO must be below."),
        (_STOP_LOSSES, True, -1196, "A stop loss order in a buy OCO must be above."),
        (_TAKE_PROFITS, False, -1198, "A take profit order in a buy OCO must be below."),
    ),
    Side.SELL: (
        ((OrderType.LIMIT_MAKER,), True, -1166, "A limit order in a sell OCO must be above."),
        (_STOP_LOSSES, False, -1197, "A stop loss order in a sell OCO must be below."),
        (_TAKE_PROFITS, True, -1199, "A take profit order in a sell OCO must be above."),
    ),
}

_WORKING_TYPES: Final = (OrderType.LIMIT, OrderType.LIMIT_MAKER)


def _bad_type() -> ExchangeError:
    return ExchangeError(-1116, "Invalid orderType.")


def list_request(params: Parameters, kind: ListKind) -> ListRequest:
    """Read a new order list. What is left to check needs the symbol's rules, its book or the account."""
    shape = _SHAPES[kind]
    response = ResponseType.FULL if kind is ListKind.OLD_OCO else ResponseType.RESULT
    working = None
    if shape.working is not None:
        view = params.renamed(shape.working)
        if view.member("type", OrderType, _bad_type()) not in (None, *_WORKING_TYPES):
            raise _bad_type()
        working = order_request(view, default_response=response)
    if kind is ListKind.OLD_OCO:
        legs = _old_pair(params, response)
    else:
        views = [params.renamed(names) for names in shape.legs]
        legs = [_leg(view, len(views) > 1, response, sized=not shape.pays) for view in views]
        if len(legs) > 1:
            _check_places(legs)
    if shape.pays and working is not None:
        _check_payment(working, legs)
    # What waits for a loss comes first.
    legs.sort(key=lambda leg: leg.type not in _STOP_LOSSES)
    return ListRequest(
        legs=tuple(legs),
        working=working,
        pays=shape.pays,
        client_order_id=params.client_order_id("listClientOrderId"),
    )


def _leg(view: Parameters, paired: bool, response: ResponseType, *, sized: bool) -> OrderRequest:
    if paired:
        view.require("type")
        kind = view.member("type", OrderType, _bad_type())
        if kind not in _PAIRED:
            raise ExchangeError(-1158, "Order type not supported in OCO.")
        _check_iceberg(view)
    elif sized:
        view.require("quantity")
    return order_request(view, sized=sized, default_response=response)


def _check_iceberg(view: Parameters) -> None:
    if "icebergQty" in view and view.text("timeInForce") not in (None, TimeInForce.GTC.value):
        raise ExchangeError(
            -1160,
            f"Parameter '{view.wire_name('icebergQty')}' is not supported if {view.wire_name('timeInForce')} is not "
            "GTC.",
        )


def _check_places(pair: list[OrderRequest]) -> None:
    if all(leg.type is OrderType.LIMIT_MAKER for leg in pair):
        raise ExchangeError(-1168, "At least one OCO order must be contingent.")
    for leg, is_above in zip(pair, (True, False), strict=True):
        for types, above, code, message in _PLACES[leg.side]:
            if leg.type in types and above is not is_above:
                raise ExchangeError(code, message)


def _check_payment(working: OrderRequest, legs: list[OrderRequest]) -> None:
    if working.side is not Side.BUY:
        raise ExchangeError(-1222, "Working order in an OPO list must be a bid.")
    if any(leg.side is not Side.SELL for leg in legs):
        raise ExchangeError(-1223, "Pending orders in an OPO list must be asks.")


def _old_pair(params: Parameters, response: ResponseType) -> list[OrderRequest]:
    """Read the orders of the deprecated method: a limit, and a stop loss with a limit or without one."""
    params.require("side", "quantity", "price")
    limited = "stopLimitPrice" in params
    kinds: tuple[tuple[Mapping[str, str], OrderType], ...] = (
        (_OLD_LIMIT, OrderType.LIMIT_MAKER),
        (_OLD_STOP, OrderType.STOP_LOSS_LIMIT if limited else OrderType.STOP_LOSS),
    )
    views = [params.renamed(names, {"type": kind.value}) for names, kind in kinds]
    for view in views:
        _check_iceberg(view)
    return [order_request(view, default_response=response) for view in views]
