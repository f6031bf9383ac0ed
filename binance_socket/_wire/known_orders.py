"""Orders as replies, events and answers to queries tell of them, read leniently: what is missing is not known. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ..errors import DecodeError
from ..models.enums import OrderStatus
from ..outcomes import KnownOrder
from .values import as_array, as_object, decimal_from, is_array, moment_from

__all__ = ["known_order", "known_orders", "milliseconds"]

# By field: the keys under which it comes in replies and answers, and then the one in an executionReport.
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "quantity": ("origQty", "qty", "q"),
    "price": ("price", "p"),
    "cumulative_filled_quantity": ("executedQty", "z"),
    "cumulative_quote_quantity": ("cummulativeQuoteQty", "cumulativeQuoteQty", "Z"),
}
_TIMES: Final = ("updateTime", "transactTime", "transactionTime", "T")
_FAULTS: Final = (TypeError, ValueError, ArithmeticError)


def known_orders(result: Any) -> tuple[KnownOrder, ...]:
    """
    Return the orders that the *result* of a reply tells of: one, those of an order list, or those of an array.

    Raises DecodeError where there is none.
    """
    if is_array(result):
        # No array is in another one: nothing here can be too deep.
        found = tuple(order for part in result for order in known_orders(as_object(part)))
        if not found:
            raise DecodeError("no order in an answer about orders", result)
        return found
    payload = as_object(result)
    reports = as_array(payload.get("orderReports")) or as_array(payload.get("orders"))
    if reports and "orderId" not in payload:
        listed = {"orderListId": payload.get("orderListId")}
        return tuple(known_order({**listed, **as_object(report)}) for report in reports)
    return (known_order(as_object(payload.get("amendedOrder")) or payload),)


def known_order(payload: Any) -> KnownOrder:
    """Return the order of one JSON object: a reply, an answer or an executionReport. Raises DecodeError."""
    payload = as_object(payload)
    symbol = payload.get("symbol", payload.get("s"))
    order_id = payload.get("orderId", payload.get("i"))
    client_order_id = payload.get("clientOrderId", payload.get("c"))
    if type(symbol) is not str or type(order_id) is not int or type(client_order_id) is not str:
        raise DecodeError("an order without symbol, id and client order id", payload)
    # What tells of a cancellation has the cancellation's id first, and the order's own beside it.
    original = payload.get("origClientOrderId", payload.get("C") if payload.get("x") == "CANCELED" else None)
    if type(original) is str and original and "qty" not in payload:
        client_order_id = original
    list_id = payload.get("orderListId", payload.get("g"))
    status = payload.get("status", payload.get("X"))
    return KnownOrder(
        symbol=symbol,
        order_id=order_id,
        client_order_id=client_order_id,
        order_list_id=list_id if type(list_id) is int and list_id >= 0 else None,
        status=OrderStatus(status) if type(status) is str else None,
        transaction_time=_moment(payload),
        raw=payload,
        **{field: _amount(payload, keys) for field, keys in _KEYS.items()},
    )


def milliseconds(number: object) -> int | None:
    """Return a timestamp of either unit in whole milliseconds; None if it is none."""
    try:
        return int(moment_from(number).timestamp() * 1000)
    except (*_FAULTS, OSError):
        return None


def _amount(payload: Mapping[str, Any], keys: tuple[str, ...]) -> Decimal | None:
    for key in keys:
        if key in payload:
            try:
                return decimal_from(payload[key])
            except _FAULTS:
                return None
    return None


def _moment(payload: Mapping[str, Any]) -> datetime | None:
    for key in _TIMES:
        if key in payload:
            try:
                return moment_from(payload[key])
            except _FAULTS:
                return None
    return None
