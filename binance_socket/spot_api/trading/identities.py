"""Which client order ids a request needs of its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import InvalidRequest
from .legs import LEGS

__all__ = ["check_distinct", "of_list", "of_oco", "of_order"]

_SUFFIX = "ClientOrderId"


def of_order(params: Mapping[str, Any]) -> list[str]:
    """The name of a new order, or of an amended one."""
    return ["newClientOrderId"]


def of_list(params: Mapping[str, Any]) -> list[str]:
    """The names of a new order list and of each of its orders."""
    prefixes = [place.prefix for place in LEGS.values() if f"{place.prefix}Type" in params]
    return [f"list{_SUFFIX}", *[f"{prefix}{_SUFFIX}" for prefix in prefixes]]


def of_oco(params: Mapping[str, Any]) -> list[str]:
    """The names of an OCO as it was placed before there were other lists."""
    return [f"list{_SUFFIX}", f"limit{_SUFFIX}", f"stop{_SUFFIX}"]


def check_distinct(params: Mapping[str, Any]) -> None:
    """Raise InvalidRequest if a list and its orders do not all have names of their own."""
    names = [value for key, value in params.items() if key.endswith(_SUFFIX)]
    if len(set(names)) < len(names):
        raise InvalidRequest(f"an order list and each of its orders have client order ids of their own, not {names}")
