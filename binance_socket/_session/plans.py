"""Which outcomes a request has, by its method; and the client order ids in it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .._wire.messages import Request
from .._wire.values import as_object
from ..outcomes import NotExecuted, NotPlaced
from .findings import Matter
from .list_matters import CancelAll, ListCancellation, ListPlacement
from .matters import Amendment, Cancellation, Placement, Unanswerable

__all__ = ["PLANS", "client_order_ids", "matters_of"]

Params = Mapping[str, Any]
Plan = Callable[[Params, int], tuple[Matter, ...]]

# The exchange takes timestamps up to a second ahead of its clock: what it did for us may seem to be a second older.
_AHEAD_MS: Final = 1000
# The largest receive window: a timestamp is not older than that when its request is taken.
_MOST_BEHIND_MS: Final = 60_000

# The parameters of all methods that hold client order ids, those that name what is concerned first.
_ID_PARAMETERS: Final = (
    "listClientOrderId",
    "newClientOrderId",
    "workingClientOrderId",
    "pendingClientOrderId",
    "aboveClientOrderId",
    "belowClientOrderId",
    "pendingAboveClientOrderId",
    "pendingBelowClientOrderId",
    "limitClientOrderId",
    "stopClientOrderId",
    "origClientOrderId",
    "cancelOrigClientOrderId",
    "cancelNewClientOrderId",
)
_TARGETS: Final = ("origClientOrderId", "cancelOrigClientOrderId")
_CONCERNED_FIRST: Final = frozenset({"order.cancel", "order.amend.keepPriority"})

_NO_ID: Final = "the request carried no client order id, by which the exchange could be asked"
_NO_WAY: Final = "the exchange offers no way to ask what became of it"


def matters_of(request: Request[Any], timestamp: int) -> tuple[Matter, ...]:
    """
    Return what is to be found out about a *request* that was signed with *timestamp* (milliseconds).

    That is one matter, or both halves of a cancel-replace: the cancellation, then the placement.
    """
    plan = PLANS.get(request.method)
    if plan is None:
        return (Unanswerable(_NO_WAY, NotExecuted),)
    return plan(as_object(request.params), timestamp - _AHEAD_MS)


def client_order_ids(request: Request[Any]) -> tuple[str, ...]:
    """Return the client order ids in a request, beginning with that of what is placed, cancelled or amended."""
    params = as_object(request.params)
    found = [name for name in _ID_PARAMETERS if _text(params, name)]
    if request.method in _CONCERNED_FIRST:
        found.sort(key=lambda name: name not in _TARGETS)
    return tuple(dict.fromkeys(params[name] for name in found))


def _place(params: Params, since: int) -> tuple[Matter, ...]:
    return (_placement(params, since, half=False),)


def _placement(params: Params, since: int, *, half: bool) -> Matter:
    symbol, name = _text(params, "symbol"), _text(params, "newClientOrderId")
    if symbol is None or name is None:
        return Unanswerable(_NO_ID, NotPlaced, half)
    return Placement(symbol, name, since, half)


def _place_list(params: Params, since: int) -> tuple[Matter, ...]:
    symbol, name = _text(params, "symbol"), _text(params, "listClientOrderId")
    legs = tuple(params[key] for key in _ID_PARAMETERS[2:] if key not in _TARGETS and isinstance(params.get(key), str))
    if symbol is None or (name is None and not legs):
        return (Unanswerable(_NO_ID, NotPlaced),)
    return (ListPlacement(symbol, name, legs, since),)


def _cancel(params: Params, since: int) -> tuple[Matter, ...]:
    return (_cancellation(params, ("orderId", "origClientOrderId", "newClientOrderId"), half=False),)


def _cancellation(params: Params, names: tuple[str, str, str], *, half: bool) -> Matter:
    symbol, number, name = _text(params, "symbol"), _number(params, names[0]), _text(params, names[1])
    if symbol is None or (number is None and name is None):
        return Unanswerable(_NO_ID, NotExecuted, half)
    return Cancellation(symbol, number, name, _text(params, names[2]), half)


def _cancel_replace(params: Params, since: int) -> tuple[Matter, ...]:
    cancelled = ("cancelOrderId", "cancelOrigClientOrderId", "cancelNewClientOrderId")
    return _cancellation(params, cancelled, half=True), _placement(params, since, half=True)


def _amend(params: Params, since: int) -> tuple[Matter, ...]:
    symbol, number, name = _text(params, "symbol"), _number(params, "orderId"), _text(params, "origClientOrderId")
    own, quantity = _text(params, "newClientOrderId"), _text(params, "newQty")
    if symbol is None or quantity is None or (number is None and name is None):
        return (Unanswerable(_NO_ID, NotExecuted),)
    return (Amendment(symbol, number, name, None if own == name else own, quantity, since),)


def _cancel_list(params: Params, since: int) -> tuple[Matter, ...]:
    symbol, number, name = _text(params, "symbol"), _number(params, "orderListId"), _text(params, "listClientOrderId")
    if symbol is None or (number is None and name is None):
        return (Unanswerable(_NO_ID, NotExecuted),)
    return (ListCancellation(symbol, number, name, _text(params, "newClientOrderId")),)


def _cancel_all(params: Params, since: int) -> tuple[Matter, ...]:
    symbol = _text(params, "symbol")
    return (
        Unanswerable(_NO_WAY, NotExecuted)
        if symbol is None
        else CancelAll(symbol, since, since + _AHEAD_MS + _MOST_BEHIND_MS),
    )


def _text(params: Params, name: str) -> str | None:
    value = params.get(name)
    return value if isinstance(value, str) and value else None


def _number(params: Params, name: str) -> int | None:
    value = params.get(name)
    return value if type(value) is int else None


PLANS: Final[Mapping[str, Plan]] = {
    "order.place": _place,
    "sor.order.place": _place,
    "order.cancel": _cancel,
    "order.cancelReplace": _cancel_replace,
    "order.amend.keepPriority": _amend,
    "openOrders.cancelAll": _cancel_all,
    "orderList.place": _place_list,
    "orderList.place.oco": _place_list,
    "orderList.place.oto": _place_list,
    "orderList.place.otoco": _place_list,
    "orderList.place.opo": _place_list,
    "orderList.place.opoco": _place_list,
    "orderList.cancel": _cancel_list,
}
"""Every documented method that changes something at the exchange, by its name on the wire."""
