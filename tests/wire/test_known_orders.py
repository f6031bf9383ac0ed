"""binance_socket._wire.known_orders: whatever tells of orders, leniently."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from binance_socket._wire.known_orders import known_order, known_orders, milliseconds
from binance_socket.errors import DecodeError

ORDER = {"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "mine"}
DEEP: list[Any] = []
for _ in range(5000):
    DEEP = [DEEP]


def test_orders_of_a_list_and_of_an_array() -> None:
    """Each of them, and its list."""
    report = {"orderListId": 7, "orderReports": [ORDER, {**ORDER, "orderId": 2}]}
    found = known_orders([ORDER, report])
    assert [(order.order_id, order.order_list_id) for order in found] == [(1, None), (1, 7), (2, 7)]


@pytest.mark.parametrize("result", [[], {}, None, 5, "x", [[]], [5], [[ORDER]], DEEP, [DEEP], {"orderReports": [DEEP]}])
def test_no_orders(result: Any) -> None:
    """It is said, however odd the answer is."""
    with pytest.raises(DecodeError):
        known_orders(result)


@pytest.mark.parametrize("bad", [None, 5, "abc", "NaN", [], {}])
def test_what_cannot_be_read_is_not_known(bad: Any) -> None:
    """The order is known all the same."""
    order = known_order({**ORDER, "origQty": bad, "price": "1.5", "transactTime": bad if bad != 5 else 10**30})
    assert (order.quantity, order.price, order.transaction_time) == (None, Decimal("1.5"), None)
    assert order.cumulative_filled_quantity is None


@pytest.mark.parametrize("number, expected", [(1000, 1000), (10**15 + 999, 10**12), ("x", None), (10**30, None)])
def test_milliseconds(number: Any, expected: int | None) -> None:
    """Of either unit."""
    assert milliseconds(number) == expected
