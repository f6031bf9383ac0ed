"""Every documented enumeration is here, with every value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from binance_socket.models import (
    AllocationType,
    ContingencyType,
    ExecutionRule,
    ExecutionType,
    ExpiryReason,
    ListOrderStatus,
    ListStatusType,
    OpenEnum,
    OrderResponseType,
    OrderSide,
    OrderStatus,
    OrderType,
    Permission,
    RateLimitInterval,
    RateLimitType,
    SelfTradePreventionMode,
    SymbolStatus,
    TimeInForce,
    WorkingFloor,
)

pytestmark = pytest.mark.conformance

ENUMS: dict[str, type[OpenEnum]] = {
    "Symbol status (status)": SymbolStatus,
    "Account and Symbol Permissions (permissions)": Permission,
    "Order status (status)": OrderStatus,
    "Order List Status (listStatusType)": ListStatusType,
    "Order List Order Status (listOrderStatus)": ListOrderStatus,
    "ContingencyType": ContingencyType,
    "AllocationType": AllocationType,
    "Order types (orderTypes, type)": OrderType,
    "Order Response Type (newOrderRespType)": OrderResponseType,
    "Working Floor": WorkingFloor,
    "Order side (side)": OrderSide,
    "Time in force (timeInForce)": TimeInForce,
    "Rate limiters (rateLimitType)": RateLimitType,
    "Rate limit intervals (interval)": RateLimitInterval,
    "STP Modes": SelfTradePreventionMode,
    "Execution types:": ExecutionType,
    "Execution Rules": ExecutionRule,
    "Expiry Reasons": ExpiryReason,
}


@pytest.mark.parametrize("title", ENUMS)
def test_every_value(title: str, spec: Callable[[str], Any]) -> None:
    """Each documented value is a known member."""
    assert [value for value in spec("enums.json")[title] if not ENUMS[title](value).is_known] == []


def test_no_enumeration_is_forgotten(spec: Callable[[str], Any]) -> None:
    """The list above is complete."""
    assert set(spec("enums.json")) == set(ENUMS)
