"""What orders say of themselves beside their fields."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from binance_socket._wire.codec import field_types
from binance_socket._wire.decoder import reader_of
from binance_socket.models.base import wire_name
from binance_socket.models.orders import CanceledOrder, Order, PlacedOrder

COMMON: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 1,
    "orderListId": -1,
    "clientOrderId": "mine",
    "origClientOrderId": "mine",
    "transactTime": 1_700_000_000_000,
    "time": 1_700_000_000_000,
    "updateTime": 1_700_000_000_000,
    "workingTime": 1_700_000_000_000,
    "isWorking": True,
    "price": "10.0",
    "origQty": "5",
    "executedQty": "2",
    "cummulativeQuoteQty": "21",
    "origQuoteOrderQty": "0.0",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "selfTradePreventionMode": "NONE",
}


def read(kind: Any, **fields: Any) -> Any:
    known = {wire_name(field) for field, _ in field_types(kind)}
    return reader_of(kind)({name: value for name, value in {**COMMON, **fields}.items() if name in known})


@pytest.mark.parametrize("kind", [PlacedOrder, CanceledOrder, Order])
@pytest.mark.parametrize(
    "quote, quantity, average",
    [("21", "2", "10.5"), ("0", "0", None), ("-1", "2", None), ("0", "2", "0")],
)
def test_the_average_price(kind: Any, quote: str, quantity: str, average: str | None) -> None:
    """None where nothing was filled, or where the exchange does not know for how much."""
    order = read(kind, cummulativeQuoteQty=quote, executedQty=quantity, status="CANCELED")
    assert order.average_price == (None if average is None else Decimal(average))


@pytest.mark.parametrize("kind", [PlacedOrder, Order])
@pytest.mark.parametrize(
    "status, final", [("NEW", False), ("PARTIALLY_FILLED", False), ("FILLED", True), ("EXPIRED", True)]
)
def test_whether_it_is_closed(kind: Any, status: str, final: bool) -> None:
    """A status that nobody knows yet closes nothing."""
    assert read(kind, status=status).is_final is final
    assert not read(kind, status="UNHEARD_OF").is_final


def test_what_remains() -> None:
    """What is filled and what was prevented is taken away."""
    assert read(Order, status="NEW").remaining_quantity == 3
    assert read(Order, status="NEW", preventedQuantity="0.5").remaining_quantity == Decimal("2.5")


def test_an_acknowledgement_knows_of_no_fills() -> None:
    """Its average price is unknown."""
    order = reader_of(PlacedOrder)(
        {name: COMMON[name] for name in ("symbol", "orderId", "clientOrderId")} | {"orderListId": -1, "transactTime": 1}
    )
    assert (order.average_price, order.is_final) == (None, False)
