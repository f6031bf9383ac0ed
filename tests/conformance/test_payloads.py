"""Every example event of the account is decoded without losing a key or a digit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from binance_socket._wire.codec import structure
from binance_socket._wire.events import decode_event
from binance_socket.models import (
    BalanceLockUpdate,
    BalanceUpdate,
    ListenKeyExpired,
    OrderListUpdate,
    OrderUpdate,
    PositionsUpdate,
    ServerShutdown,
    StreamTerminated,
)

pytestmark = pytest.mark.conformance

Spec = Callable[[str], Any]
Losses = Callable[[Any, Any], list[str]]

EVENTS = {
    "outboundAccountPosition": PositionsUpdate,
    "balanceUpdate": BalanceUpdate,
    "executionReport": OrderUpdate,
    "listStatus": OrderListUpdate,
    "eventStreamTerminated": StreamTerminated,
    "externalLockUpdate": BalanceLockUpdate,
}
LISTEN_KEY_EVENTS = {**EVENTS, "listenKeyExpired": ListenKeyExpired}


@pytest.mark.parametrize("name", EVENTS)
def test_wrapped_events(name: str, spec: Spec, losses: Losses) -> None:
    """Events of a subscription, which come in a wrapper with its id."""
    (payload,) = [entry["payload"] for entry in spec("user_data_events.json") if entry["title"] == name]
    assert payload.keys() == {"subscriptionId", "event"}
    event = decode_event(payload["event"])
    assert type(event) is EVENTS[name]
    assert losses(payload["event"], event) == []
    assert decode_event(payload) == event == structure(payload["event"], EVENTS[name])


@pytest.mark.parametrize("name", LISTEN_KEY_EVENTS)
def test_unwrapped_events(name: str, spec: Spec, losses: Losses) -> None:
    """Events of a listen key, which come bare, but for one that is documented in half a wrapper."""
    (payload,) = [entry["payload"] for entry in spec("listen_key_events.json") if entry["title"] == name]
    event = decode_event(payload)
    assert type(event) is LISTEN_KEY_EVENTS[name]
    assert ("event" in payload) is (name == "eventStreamTerminated")
    assert losses(payload.get("event", payload), event) == []


@pytest.mark.parametrize("form", ["ws_api", "raw_stream", "combined_stream"])
def test_server_shutdown(form: str, spec: Spec, losses: Losses) -> None:
    """The server's farewell, in each of its three forms."""
    payload = spec("general.json")["server_shutdown"][form]
    event = decode_event(payload.get("data", payload))
    assert type(event) is ServerShutdown
    assert losses(payload.get("event", payload.get("data", payload)), event) == []


@pytest.mark.parametrize("document", ["user_data_events.json", "listen_key_events.json"])
def test_no_event_is_forgotten(document: str, spec: Spec) -> None:
    """The lists above are complete."""
    assert {entry["title"] for entry in spec(document)} == set(
        EVENTS if document == "user_data_events.json" else LISTEN_KEY_EVENTS
    )
