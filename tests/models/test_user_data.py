"""binance_socket.models.user_data"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from binance_socket._wire.events import decode_event
from binance_socket.models import (
    ExecutionType,
    ListenKeyExpired,
    OrderStatus,
    OrderUpdate,
    PositionsUpdate,
    UnknownEvent,
    UserDataEvent,
)


@pytest.fixture
def filled(events: dict[str, dict[str, Any]]) -> OrderUpdate:
    event = decode_event(events["executionReport, filled"])
    assert isinstance(event, OrderUpdate)
    return event


def test_the_average_price(filled: OrderUpdate) -> None:
    """What was paid divided by what was got; None before the first fill."""
    assert filled.average_price == Decimal("1999.1")
    assert attrs.evolve(filled, cumulative_filled_quantity=Decimal("0.00000000")).average_price is None


def test_the_remaining_quantity(filled: OrderUpdate, events: dict[str, dict[str, Any]]) -> None:
    """What self-trade prevention took away does not remain."""
    assert filled.remaining_quantity == 0
    assert attrs.evolve(filled, cumulative_filled_quantity=Decimal("0.5")).remaining_quantity == Decimal("1.5")
    prevented = decode_event(events["executionReport, everything"])
    assert isinstance(prevented, OrderUpdate)
    assert prevented.remaining_quantity == Decimal("5.0")  # 9 - 2.5 - 1.5


@pytest.mark.parametrize("kind", [*ExecutionType, ExecutionType("NOVEL")])
def test_trades(kind: ExecutionType, filled: OrderUpdate) -> None:
    """Only the execution type TRADE is a fill."""
    assert attrs.evolve(filled, execution_type=kind).is_trade is (kind == "TRADE")


@pytest.mark.parametrize("status", [*OrderStatus, OrderStatus("NOVEL")])
def test_final_states(status: OrderStatus, filled: OrderUpdate) -> None:
    """An order that is closed stays so; of an unknown status this cannot be said."""
    final = {"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"}
    assert attrs.evolve(filled, status=status).is_final is (status in final)


def test_positions_add_up(events: dict[str, dict[str, Any]]) -> None:
    """The total is what is free and what is locked."""
    event = decode_event(events["outboundAccountPosition"])
    assert isinstance(event, PositionsUpdate)
    assert [balance.total for balance in event.balances] == [Decimal(1), Decimal("98765.4321")]


def test_a_listen_key_is_not_shown(events: dict[str, dict[str, Any]]) -> None:
    """Who sees the key can listen."""
    event = decode_event(events["listenKeyExpired"])
    assert isinstance(event, ListenKeyExpired)
    assert event.listen_key not in repr(event)


def test_unknown_events_are_values() -> None:
    """They hash and compare, and are events like the others."""
    event = UnknownEvent(name="x", payload={"e": "x"})
    assert isinstance(event, UserDataEvent)
    assert event == UnknownEvent(name="x", payload={"e": "x"})
    assert hash(event) == hash(UnknownEvent(name="x", payload={"e": "x"}))
