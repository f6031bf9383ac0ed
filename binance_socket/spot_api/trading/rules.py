"""
What orders of each type need, and cannot have. Pure.

Source: the WebSocket API document, the conditions by order type of ``order.place`` and of the order lists. The exchange
refuses what breaks them; here that is found before anything is sent, with the name of what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ...errors import InvalidRequest

__all__ = ["RULES", "Rule", "check_order", "need_one_of", "not_both"]


@attrs.frozen
class Rule:
    """What an order of some type needs, and what it cannot have."""

    needs: tuple[tuple[str, ...], ...]
    """Of each of these, one at least."""
    refuses: frozenset[str]


_TRIGGER: Final = ("stop_price", "trailing_delta")
_PEG: Final = ("peg_price_type", "peg_offset_type", "peg_offset_value")
# What has no price of its own cannot wait in the book, nor show only a part of itself there.
_WITHOUT_PRICE: Final = frozenset({"price", "time_in_force", "iceberg_quantity", *_PEG})
_BY_QUOTE: Final = frozenset({"quote_order_quantity"})

_STOP: Final = Rule((("quantity",), _TRIGGER), _WITHOUT_PRICE | _BY_QUOTE)
_STOP_LIMIT: Final = Rule((("time_in_force",), ("price",), ("quantity",), _TRIGGER), _BY_QUOTE)

RULES: Final[Mapping[str, Rule]] = {
    "LIMIT": Rule((("time_in_force",), ("price",), ("quantity",)), _BY_QUOTE | {*_TRIGGER}),
    "LIMIT_MAKER": Rule((("price",), ("quantity",)), _BY_QUOTE | {*_TRIGGER}),
    "MARKET": Rule((("quantity", "quote_order_quantity"),), _WITHOUT_PRICE | {*_TRIGGER}),
    "STOP_LOSS": _STOP,
    "STOP_LOSS_LIMIT": _STOP_LIMIT,
    "TAKE_PROFIT": _STOP,
    "TAKE_PROFIT_LIMIT": _STOP_LIMIT,
}
"""By order type. The exchange's enumerations are open: a type that is not in here is left to the exchange."""

_EXCLUSIVE: Final = (("quantity", "quote_order_quantity"),)
"""Of each of these, one at most."""

_IMPLIES: Final[Mapping[str, str]] = {
    "peg_offset_type": "peg_price_type",
    "peg_offset_value": "peg_offset_type",
}
"""What each of these is nothing without."""


def check_order(
    order: Mapping[str, Any],
    *,
    where: str = "",
    types: frozenset[str] | None = None,
    elsewhere: frozenset[str] = frozenset(),
) -> None:
    """
    Raise InvalidRequest if *order*, the parameters of one by their ordinary names, breaks a rule of its type.

    *types* are those that are possible in this place, None for all; *elsewhere* is what it need not have itself, since
    it is told elsewhere or follows from something else. *where* begins the message.
    """
    order_type = str(order["order_type"])
    rule = RULES.get(order_type)
    if rule is None:
        return
    if types is not None and order_type not in types:
        raise InvalidRequest(f"{where}an order of the type {order_type} cannot be here: {_or(sorted(types))} can")
    _check_needs(order, rule, f"{where}an order of the type {order_type}", elsewhere)
    for name in sorted(rule.refuses & order.keys()):
        raise InvalidRequest(f"{where}an order of the type {order_type} has no {name}")
    for pair in _EXCLUSIVE:
        not_both(order, *pair, where=where)
    for name, other in _IMPLIES.items():
        if name in order and other not in order:
            raise InvalidRequest(f"{where}{name} needs {other}")
    if "iceberg_quantity" in order and order.get("time_in_force", "GTC") != "GTC":
        raise InvalidRequest(f"{where}an order with an iceberg_quantity has the time_in_force GTC")


def _check_needs(order: Mapping[str, Any], rule: Rule, what: str, elsewhere: frozenset[str]) -> None:
    missing = [_or(names) for names in rule.needs if elsewhere.isdisjoint(names) and not _any(order, names)]
    # The price of a pegged order is that of the book.
    if "peg_price_type" in order and "price" in missing:
        missing.remove("price")
    if missing:
        raise InvalidRequest(f"{what} needs {' and '.join(missing)}")


def need_one_of(arguments: Mapping[str, Any], *names: str) -> None:
    """Raise InvalidRequest unless one at least of *names* was given."""
    if not _any(arguments, names):
        raise InvalidRequest(f"{_or(names)} is needed, to say which is meant")


def not_both(arguments: Mapping[str, Any], first: str, second: str, *, where: str = "") -> None:
    """Raise InvalidRequest if both were given."""
    if first in arguments and second in arguments:
        raise InvalidRequest(f"{where}{first} and {second} exclude each other: give one of them")


def _any(values: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return any(values.get(name) is not None for name in names)


def _or(names: tuple[str, ...] | list[str]) -> str:
    return " or ".join(names)
