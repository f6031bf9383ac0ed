"""binance_socket._wire.events"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from binance_socket._wire.events import decode_event
from binance_socket.errors import DecodeError
from binance_socket.models import (
    AllocationReport,
    BalanceLockUpdate,
    BalanceUpdate,
    ListenKeyExpired,
    OrderListUpdate,
    OrderUpdate,
    PositionsUpdate,
    ServerShutdown,
    StreamTerminated,
    UnknownEvent,
)

CLASSES = {
    "executionReport": OrderUpdate,
    "allocationReport": AllocationReport,
    "outboundAccountPosition": PositionsUpdate,
    "balanceUpdate": BalanceUpdate,
    "externalLockUpdate": BalanceLockUpdate,
    "listStatus": OrderListUpdate,
    "listenKeyExpired": ListenKeyExpired,
    "eventStreamTerminated": StreamTerminated,
    "serverShutdown": ServerShutdown,
}


def test_every_event_has_its_class(events: dict[str, dict[str, Any]]) -> None:
    """The name decides; the first of its kind and the later ones decode alike, wrapped or not."""
    assert {payload["e"] for payload in events.values()} == set(CLASSES)
    for payload in events.values():
        first = decode_event(payload)
        assert type(first) is CLASSES[payload["e"]]
        assert first == decode_event(payload)
        assert first == decode_event({"event": payload}) == decode_event({"subscriptionId": 3, "event": payload})


def test_unknown_events_are_kept() -> None:
    """An event of the future comes as it is, with its time if it has one."""
    payload = {"e": "futureEvent", "E": 1_700_000_000_000, "x": [1.5]}
    event = decode_event(payload)
    assert isinstance(event, UnknownEvent)
    assert event.name == "futureEvent"
    assert event.payload is payload
    assert event.event_time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
    assert decode_event({"event": payload}) == event


@pytest.mark.parametrize("time", [{}, {"E": None}, {"E": "now"}, {"E": 2**63}])
def test_unknown_events_need_no_time(time: dict[str, Any]) -> None:
    """What we know nothing of is not refused for its time."""
    assert decode_event({"e": "futureEvent", **time}).event_time is None


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"E": 1},
        {"e": None},
        {"e": 5},
        {"e": ["executionReport"]},
        {"event": None},
        {"event": [1]},
        {"event": {"event": {"e": "serverShutdown", "E": 1}}},
        [],
        "executionReport",
        None,
    ],
)
def test_no_event_at_all(payload: Any) -> None:
    """What has no name is an error that keeps it."""
    with pytest.raises(DecodeError, match="no name") as caught:
        decode_event(payload)
    assert caught.value.payload is payload


def test_a_broken_event_names_its_field() -> None:
    """A known event with a field missing is an error, not an unknown event."""
    for _ in range(2):
        with pytest.raises(DecodeError, match=r"^BalanceUpdate\.delta \('d'\): is missing$"):
            decode_event({"e": "balanceUpdate", "E": 1, "a": "BTC"})
