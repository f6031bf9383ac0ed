"""
The parameters of trading: what each may be, and what it is called on the wire. Pure.

They have ordinary names here, those of the methods' arguments and of the legs' fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ..._wire.values import plain
from ...client_order_ids import check_client_order_id
from ...errors import InvalidRequest
from ..endpoint import camel_case

__all__ = ["KINDS", "WIRE_NAMES", "Amount", "Moment", "checked", "checked_arguments", "wire_name"]

Amount = Decimal | str | int
"""An exact number. A float is refused: its digits are not the ones that were typed."""

Moment = datetime | int
"""A datetime with a time zone, or milliseconds since the epoch."""

_FIRST_STRATEGY_TYPE: Final = 1_000_000
_MOST_PRICE_LEVELS: Final = 100


def _amount(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (Decimal, str, int, float)):
        raise InvalidRequest(f"{name} is an amount (Decimal, str or int), not {value!r}")
    text = plain(value)  # which refuses floats, and says why
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise InvalidRequest(f"{name} is an amount, not {value!r}") from None
    if not number.is_finite() or number < 0:
        raise InvalidRequest(f"{name} is an amount of 0 or more, not {value!r}")
    return text


def _whole(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(f"{name} is a whole number, not {value!r}")
    return value


def _strategy_type(name: str, value: Any) -> Any:
    if _whole(name, value) < _FIRST_STRATEGY_TYPE:
        raise InvalidRequest(f"{name} is at least {_FIRST_STRATEGY_TYPE}: the exchange reserves what is below")
    return value


def _price_levels(name: str, value: Any) -> Any:
    if not 0 <= _whole(name, value) <= _MOST_PRICE_LEVELS:
        raise InvalidRequest(f"{name} is at most {_MOST_PRICE_LEVELS} price levels, not {value!r}")
    return value


def _text(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{name} is a text that is not empty, not {value!r}")
    return value


def _flag(name: str, value: Any) -> Any:
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name} is True or False, not {value!r}")
    return value


def _moment(name: str, value: Any) -> Any:
    return plain(value) if isinstance(value, datetime) else _whole(name, value)


def _identity(name: str, value: Any) -> Any:
    return check_client_order_id(value, name)


Check = Callable[[str, Any], Any]

KINDS: Final[Mapping[str, Check]] = {
    # What is traded, and how.
    "symbol": _text,
    "side": _text,
    "order_type": _text,
    "time_in_force": _text,
    "quantity": _amount,
    "quote_order_quantity": _amount,
    "price": _amount,
    "stop_price": _amount,
    "trailing_delta": _whole,
    "iceberg_quantity": _amount,
    "strategy_id": _whole,
    "strategy_type": _strategy_type,
    "self_trade_prevention_mode": _text,
    "new_order_response_type": _text,
    "compute_commission_rates": _flag,
    "peg_price_type": _text,
    "peg_offset_type": _text,
    "peg_offset_value": _price_levels,
    # Names that are given.
    "client_order_id": _identity,
    "new_client_order_id": _identity,
    "list_client_order_id": _identity,
    "cancel_new_client_order_id": _identity,
    "limit_client_order_id": _identity,
    "stop_client_order_id": _identity,
    # What is meant.
    "order_id": _whole,
    "original_client_order_id": _text,
    "order_list_id": _whole,
    "cancel_order_id": _whole,
    "cancel_original_client_order_id": _text,
    "prevented_match_id": _whole,
    # How it is to be changed.
    "new_quantity": _amount,
    "cancel_replace_mode": _text,
    "cancel_restrictions": _text,
    "order_rate_limit_exceeded_mode": _text,
    # What all pending orders of a list have in common.
    "pending_side": _text,
    "pending_quantity": _amount,
    # Only of the OCO that is deprecated.
    "limit_iceberg_quantity": _amount,
    "limit_strategy_id": _whole,
    "limit_strategy_type": _strategy_type,
    "stop_limit_price": _amount,
    "stop_limit_time_in_force": _text,
    "stop_iceberg_quantity": _amount,
    "stop_strategy_id": _whole,
    "stop_strategy_type": _strategy_type,
    # Parts of a history.
    "from_id": _whole,
    "from_prevented_match_id": _whole,
    "from_allocation_id": _whole,
    "from_execution_id": _whole,
    "start_time": _moment,
    "end_time": _moment,
    "limit": _whole,
}
"""What each parameter may be."""

WIRE_NAMES: Final[Mapping[str, str]] = {
    "order_type": "type",
    "quote_order_quantity": "quoteOrderQty",
    "iceberg_quantity": "icebergQty",
    "limit_iceberg_quantity": "limitIcebergQty",
    "stop_iceberg_quantity": "stopIcebergQty",
    "new_quantity": "newQty",
    "new_order_response_type": "newOrderRespType",
    "original_client_order_id": "origClientOrderId",
    "cancel_original_client_order_id": "cancelOrigClientOrderId",
}
"""Those whose name on the wire is another than in camel case."""


def wire_name(name: str) -> str:
    """Return what the parameter *name* is called on the wire."""
    return WIRE_NAMES.get(name) or camel_case(name)


def checked(values: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """
    Return those of *values* that were given, by their ordinary names, as they can be sent.

    Raises TypeError for a float, InvalidRequest for any other value that cannot be; *where* begins its message.
    """
    return {name: KINDS[name](where + name, value) for name, value in values.items() if value is not None}


def checked_arguments(arguments: dict[str, Any]) -> Mapping[str, Any]:
    """Return an endpoint's *arguments* by their wire names: the ``prepare`` of what has no rules of its own."""
    return {wire_name(name): value for name, value in checked(arguments).items()}
