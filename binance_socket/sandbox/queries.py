"""What an account may ask about its orders and trades. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from .errors import ExchangeError
from .history import OrderHistory
from .order_lists import OrderList
from .orders import Amendment, Order, Trade
from .parameters import OrderReference, Parameters
from .prevention import PreventedMatch

__all__ = [
    "all_lists",
    "all_orders",
    "allocations",
    "amendments",
    "find",
    "find_list",
    "my_trades",
    "prevented_matches",
]

_T = TypeVar("_T")

_LIMIT_DEFAULT: Final = 500
_LIMIT_MAXIMUM: Final = 1000
_DAY_MS: Final = 24 * 60 * 60 * 1000

# The combinations of optional parameters that myTrades documents.
_TRADE_COMBINATIONS: Final = frozenset(
    frozenset(names)
    for names in (
        (),
        ("orderId",),
        ("startTime",),
        ("endTime",),
        ("fromId",),
        ("startTime", "endTime"),
        ("orderId", "fromId"),
    )
)

# The combinations that myAllocations and myPreventedMatches document.
_ALLOCATION_COMBINATIONS: Final = frozenset(
    frozenset(names)
    for names in (
        (),
        ("startTime",),
        ("endTime",),
        ("startTime", "endTime"),
        ("fromAllocationId",),
        ("orderId",),
        ("orderId", "fromAllocationId"),
    )
)
_PREVENTION_COMBINATIONS: Final = frozenset(
    frozenset(names)
    for names in (
        ("preventedMatchId",),
        ("orderId",),
        ("orderId", "limit"),
        ("orderId", "fromPreventedMatchId"),
        ("orderId", "fromPreventedMatchId", "limit"),
    )
)


def find(history: OrderHistory, symbol: str, reference: OrderReference) -> Order | None:
    """Return the order that is meant. Raises ExchangeError -2039 when both ids are given and disagree."""
    if reference.id is None:
        return None if reference.client_order_id is None else history.by_client_id(symbol, reference.client_order_id)
    order = history.by_id(symbol, reference.id)
    if order is not None and reference.client_order_id not in (None, order.client_order_id):
        raise ExchangeError(-2039, "Client order ID is not correct for this order ID.")
    return order


def all_orders(history: OrderHistory, symbol: str, params: Parameters) -> list[Order]:
    """Return the orders from ``orderId`` on or within a time; without either the latest. At most ``limit``."""
    first_id = params.integer("orderId")
    earliest, latest = _period(params)
    found = [
        order
        for order in history.orders(symbol)
        if order.id >= (first_id or 0) and earliest <= order.updated_at <= latest
    ]
    return _page(found, params, from_start="orderId" in params or "startTime" in params)


def my_trades(history: OrderHistory, symbol: str, params: Parameters) -> list[Trade]:
    """Return the trades that match; the latest, unless ``fromId`` or ``startTime`` says where to begin."""
    given = frozenset(name for name in ("orderId", "startTime", "endTime", "fromId") if name in params)
    if given not in _TRADE_COMBINATIONS:
        raise ExchangeError(-1128, "Combination of optional parameters invalid.")
    order_id, first_id = params.integer("orderId"), params.integer("fromId")
    earliest, latest = _period(params)
    found = [
        trade
        for trade in history.trades(symbol)
        if trade.id >= (first_id or 0) and order_id in (None, trade.order.id) and earliest <= trade.time <= latest
    ]
    return _page(found, params, from_start="fromId" in params or "startTime" in params)


def find_list(history: OrderHistory, list_id: int | None, client_order_id: str | None) -> OrderList | None:
    """Return the order list that is meant; where both ids are given, they have to agree."""
    if list_id is None:
        return None if client_order_id is None else history.list_by_client_id(client_order_id)
    found = history.list_by_id(list_id)
    return None if found is None or client_order_id not in (None, found.client_order_id) else found


def all_lists(history: OrderHistory, params: Parameters) -> list[OrderList]:
    """Return the order lists from ``fromId`` on or within a time; without either the latest. At most ``limit``."""
    first_id = params.integer("fromId")
    if first_id is not None and ("startTime" in params or "endTime" in params):
        raise ExchangeError(-1128, "Combination of optional parameters invalid.")
    earliest, latest = _period(params)
    found = [each for each in history.lists() if each.id >= (first_id or 0) and earliest <= each.updated_at <= latest]
    return _page(found, params, from_start=first_id is not None or "startTime" in params)


def amendments(order: Order, params: Parameters) -> list[Amendment]:
    """Return an order's amendments, from ``fromExecutionId`` on, oldest first."""
    first_id = params.integer("fromExecutionId") or 0
    return _page((entry for entry in order.amendments if entry.execution_id >= first_id), params, from_start=True)


def prevented_matches(history: OrderHistory, symbol: str, params: Parameters) -> list[PreventedMatch]:
    """Return one prevented match by its id, or those of an order, oldest first."""
    names = ("preventedMatchId", "orderId", "fromPreventedMatchId", "limit")
    if frozenset(name for name in names if name in params) not in _PREVENTION_COMBINATIONS:
        raise ExchangeError(-1128, "Combination of optional parameters invalid.")
    match_id, order_id = params.integer("preventedMatchId"), params.integer("orderId")
    first_id = params.integer("fromPreventedMatchId") or 0
    found = (
        match
        for match in history.prevented_matches(symbol)
        if match.id >= first_id
        and match_id in (None, match.id)
        and order_id in (None, *(each.id for each in (match.taker, match.maker) if each.symbol == symbol))
    )
    return _page(found, params, from_start=True)


def allocations(history: OrderHistory, symbol: str, params: Parameters) -> list[Trade]:
    """Return the allocations that match, oldest first; the latest up to ``endTime`` where only that is given."""
    names = ("startTime", "endTime", "fromAllocationId", "orderId")
    if frozenset(name for name in names if name in params) not in _ALLOCATION_COMBINATIONS:
        raise ExchangeError(-1128, "Combination of optional parameters invalid.")
    order_id, first_id = params.integer("orderId"), params.integer("fromAllocationId") or 0
    earliest, latest = _period(params)
    found = (
        trade
        for trade in history.allocations(symbol)
        if (trade.allocation_id or 0) >= first_id
        and order_id in (None, trade.order.id)
        and earliest <= trade.time <= latest
    )
    return _page(found, params, from_start="endTime" not in params or "startTime" in params)


def _period(params: Parameters) -> tuple[int, float]:
    earliest, latest = params.integer("startTime"), params.integer("endTime")
    if earliest is not None and latest is not None and latest - earliest > _DAY_MS:
        raise ExchangeError(-1127, "More than 24 hours between startTime and endTime.")
    return earliest or 0, float("inf") if latest is None else latest


def _page(found: Iterable[_T], params: Parameters, *, from_start: bool) -> list[_T]:
    limit = params.limit(_LIMIT_DEFAULT, _LIMIT_MAXIMUM)
    entries = list(found)
    return entries[:limit] if from_start else entries[-limit:]
