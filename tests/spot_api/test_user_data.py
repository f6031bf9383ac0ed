"""From payloads to callbacks."""

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from binance_socket import DecodeError
from binance_socket.arrivals import Batch
from binance_socket.models import BalanceUpdate, OrderUpdate, StreamTerminated, UnknownEvent
from binance_socket.spot_api.user_data import UserDataDispatcher

EVENTS = json.loads((Path(__file__).parent.parent / "data" / "user_data_events.json").read_text("utf-8"))
BATCH = Batch(3, datetime(2024, 1, 1, tzinfo=timezone.utc))


def dispatcher(handlers, on_unknown=None, keep_raw=False):
    return UserDataDispatcher(handlers, on_unknown, keep_raw=keep_raw)


def nobody(error):
    raise AssertionError(f"reported: {error}")


def test_each_kind_has_its_handler():
    """And every other kind is left alone."""
    orders, balances = [], []
    dispatch = dispatcher({OrderUpdate: orders.append, BalanceUpdate: balances.append})
    for name in ("executionReport, placed", "balanceUpdate", "outboundAccountPosition", "executionReport, filled"):
        dispatch(EVENTS[name], BATCH, nobody)
    assert [event.data.symbol for event in orders] == ["BTCUSDT", "ETHEUR"]
    [balance] = balances
    assert (balance.stream, balance.received_at, balance.raw) == (3, BATCH.received_at, None)
    assert balance.event_time == balance.data.event_time


def test_what_nobody_listens_to_is_not_even_decoded():
    """A broken payload of a kind without a handler is nobody's concern."""
    dispatch = dispatcher({OrderUpdate: None}, on_unknown=nobody)
    dispatch({"e": "executionReport"}, BATCH, nobody)


def test_an_unknown_event_is_delivered_raw():
    """With its name and payload."""
    heard = []
    dispatcher({}, heard.append)({"e": "brandNew", "E": 1_700_000_000_000, "x": [1]}, BATCH, nobody)
    [event] = heard
    assert isinstance(event.data, UnknownEvent)
    assert (event.data.name, event.data.payload["x"]) == ("brandNew", [1])


@pytest.mark.parametrize(
    "payload",
    [{}, {"e": None}, {"e": 5}, {"e": ["x"]}, {"e": {}}, {"event": 5}, {"event": {}}, {"e": "balanceUpdate"}],
    ids=str,
)
def test_a_payload_that_cannot_be_decoded_is_reported_and_delivered_raw(payload):
    """Whatever it is, it is never an error of the user's handler."""
    heard, reports = [], []
    dispatcher({BalanceUpdate: nobody}, heard.append)(payload, BATCH, reports.append)
    assert [type(report) for report in reports] == [DecodeError]
    [event] = heard
    assert isinstance(event.data, UnknownEvent)
    assert event.event_time is None


def test_it_is_reported_even_where_nobody_takes_unknown_events():
    """So that nothing is lost silently."""
    reports = []
    dispatcher({BalanceUpdate: nobody})({"e": "balanceUpdate"}, BATCH, reports.append)
    assert len(reports) == 1


def test_the_wrapped_form_is_understood():
    """``{"event": {...}}``, as the documents show it for listen keys."""
    heard = []
    dispatch = dispatcher({StreamTerminated: heard.append}, keep_raw=True)
    dispatch({"event": EVENTS["eventStreamTerminated"]}, BATCH, nobody)
    assert isinstance(heard[0].data, StreamTerminated)
    assert heard[0].raw == EVENTS["eventStreamTerminated"]


def test_what_a_handler_raises_is_passed_on():
    """It is the subscription's to report."""

    def handler(event):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        dispatcher({BalanceUpdate: handler})(EVENTS["balanceUpdate"], BATCH, nobody)
