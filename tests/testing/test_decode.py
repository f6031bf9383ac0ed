"""The public readers of payloads."""

import json
from pathlib import Path

import pytest

from binance_socket import AuthenticationError, DecodeError, InvalidRequest
from binance_socket.models import AccountInfo, BalanceUpdate, PriceTicker, UnknownEvent
from binance_socket.testing import decode_response, decode_user_data_event

ACCOUNT = json.loads((Path(__file__).parents[1] / "data" / "account.json").read_text("utf-8"))["account.status"]
EVENT = {"e": "balanceUpdate", "E": 1700000000000, "a": "BTC", "d": "1.5", "T": 1700000000000}


@pytest.mark.parametrize(
    "payload", [EVENT, {"subscriptionId": 0, "event": EVENT}, {"stream": "key", "data": EVENT}, {"event": EVENT}]
)
def test_events_in_every_form(payload):
    """An event is read as it is, and as either kind of stream wraps it."""
    event = decode_user_data_event(payload)

    assert isinstance(event, BalanceUpdate)
    assert str(event.delta) == "1.5"


def test_unknown_and_malformed_events():
    """An unknown event keeps its payload; one that lacks a field raises."""
    unknown = decode_user_data_event({"e": "new", "x": 1})
    assert isinstance(unknown, UnknownEvent)
    assert unknown.payload == {"e": "new", "x": 1}
    with pytest.raises(DecodeError):
        decode_user_data_event({"e": "balanceUpdate"})


def test_responses():
    """A response is read by its method; an error is raised as a call would raise it."""
    limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 20}]
    response = decode_response("account.status", {"id": 7, "status": 200, "result": ACCOUNT, "rateLimits": limits})

    assert isinstance(response.result, AccountInfo)
    assert (response.id, response.rate_limits[0].remaining) == (7, 5980)
    assert decode_response("userDataStream.start", {"id": 1, "status": 200, "result": {"listenKey": "k"}}).result == "k"
    assert decode_response("userDataStream.ping", {"id": 1, "status": 200, "response": {}}).result is None
    with pytest.raises(AuthenticationError):
        decode_response("account.status", {"id": 1, "status": 401, "error": {"code": -2015, "msg": "no"}})
    with pytest.raises(InvalidRequest):
        decode_response("no.such.method", {"id": 1, "status": 200, "result": {}})


@pytest.mark.parametrize(
    "result, kind",
    [
        ({"symbol": "A", "price": "1"}, PriceTicker),
        ([{"symbol": "A", "price": "1"}], list),
    ],
)
def test_a_method_with_two_shapes(result, kind):
    """Whichever comes is read; a third is a DecodeError."""
    assert type(decode_response("ticker.price", {"id": 1, "status": 200, "result": result}).result) is kind
    with pytest.raises(DecodeError):
        decode_response("ticker.price", {"id": 1, "status": 200, "result": "neither"})
