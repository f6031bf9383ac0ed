"""What is delivered in a subscription's turn."""

from types import SimpleNamespace

import pytest

from binance_socket.deliverer import Deliverer
from binance_socket.testing import ManualClock


@pytest.fixture
def deliverer():
    hub = SimpleNamespace(clock=ManualClock(), timer=None, server_clock=None)
    return Deliverer(None, hub, None, None, most_held=10, sources=None)


@pytest.mark.parametrize(
    "event, payload",
    [
        (b'{"e":"executionReport","i":1}', {"e": "executionReport", "i": 1}),
        (b'{"e":"executionReport","i":1},"subscriptionId":0', {"e": "executionReport", "i": 1}),
        ({"e": "executionReport", "i": 1}, {"e": "executionReport", "i": 1}),
        (b'{"e":"executionReport"', {}),
        (b"[1]", {}),
    ],
    ids=["text", "with something behind it", "parsed", "cut short", "another shape"],
)
def test_what_an_event_that_waits_says(deliverer, event, payload):
    """It is read like one that is delivered: what was missed is compared with it."""
    assert deliverer.payload_of((event, None)) == payload
