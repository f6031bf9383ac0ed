"""Every method is asked for as the documents' example requests do, and reads their example answers whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api_cases import ROWS, UNWRITTEN, Row

from binance_socket import ApiError, HmacKey, OutcomeUnknown
from binance_socket._wire.codec import loads, structure
from binance_socket._wire.decoder import reader_of
from binance_socket._wire.messages import Request, Security, encode, parse_reply, response_to
from binance_socket._wire.signing import signature_payload
from binance_socket.models import CurrentRateLimit
from binance_socket.spot_api.endpoint import Endpoint

pytestmark = pytest.mark.conformance

Spec = Callable[[str], Any]
Losses = Callable[[Any, Any], list[str]]

SECURITY = {
    "NONE": Security.NONE,
    "API_KEY": Security.API_KEY,
    "SIGNED": Security.SIGNED,
    "TRADE": Security.SIGNED,
    "USER_DATA": Security.SIGNED,
    "USER_STREAM": Security.SIGNED,
}
LISTEN_KEYS = {"userDataStream.start", "userDataStream.ping", "userDataStream.stop"}
IMPLIED = ("apiKey", "signature", "timestamp")
"""Parameters that a method's security implies; recvWindow belongs to the call's options."""

each = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.method)


@pytest.fixture(scope="session")
def documented(spec: Spec) -> dict[str, dict[str, Any]]:
    """What the documents say of each method."""
    return {entry["method"]: entry for entry in spec("ws_api.json") + spec("listen_key_api.json")}


def _sent(request: Request[Any], example: dict[str, Any]) -> dict[str, Any]:
    """Return the message that asks *request*, with the key, time and window of *example*."""
    params = example.get("params", {})
    window = params.get("recvWindow")
    text = encode(
        example["id"],
        request,
        credentials=HmacKey(params["apiKey"], "secret") if "apiKey" in params else None,
        timestamp=int(params.get("timestamp", 0)),
        receive_window=None if window is None else float(window),
    )
    message: dict[str, Any] = loads(text)
    return message


def _endpoints(row: Row) -> Iterator[Endpoint[..., Any]]:
    yield from (reader for reader in (*row.answers, *row.also) if isinstance(reader, Endpoint))


def _request_of(reader: Any, method: str) -> Request[Any]:
    return reader.prototype if isinstance(reader, Endpoint) else Request(method, returns=reader)


@each
def test_requests(row: Row, documented: dict[str, dict[str, Any]]) -> None:
    """
    Each example request is sent to the letter, its signed text included.

    What is signed has the same text for a number and a str. Where an example writes an amount as a number, ours is a
    str all the same: amounts are never floats here.
    """
    examples = documented[row.method]["requests"]
    assert len(row.calls) == len(examples)
    for request, example in zip(row.calls, examples, strict=True):
        sent = _sent(request, example)
        wanted = dict(example.get("params", {}))
        params = {name: value for name, value in sent.get("params", {}).items() if name not in row.beyond}
        assert (sent["id"], sent["method"]) == (example["id"], example["method"])
        assert params.keys() == wanted.keys()
        assert {name: signature_payload({name: value}) for name, value in params.items()} == {
            name: _signed_text(name, value) for name, value in wanted.items()
        }
        if request.security is Security.NONE:
            assert params == wanted


def _signed_text(name: str, value: Any) -> str:
    # The documents write some amounts as numbers with a point, which would be refused as floats.
    return signature_payload({name: repr(value) if type(value) is float else value})


@each
def test_parameters(row: Row, documented: dict[str, dict[str, Any]]) -> None:
    """A call sends no parameter that the documents do not know."""
    known = {parameter["name"] for parameter in documented[row.method]["parameters"]}
    for request in row.calls:
        assert isinstance(request.params, dict)
        assert request.params.keys() <= known


@each
def test_security_and_orders(row: Row, documented: dict[str, dict[str, Any]]) -> None:
    """A method is signed, or sent with the key, as the documents demand, and counts as as many orders."""
    entry = documented[row.method]
    security = Security.API_KEY if row.method in LISTEN_KEYS else SECURITY[entry["security"]]
    requests = [endpoint.prototype for endpoint in _endpoints(row)]
    # A session that is logged on is the only one that asks without a key; it has no endpoint.
    requests += [request for request in row.calls if request.method != "userDataStream.subscribe"]
    for request in requests:
        assert request.method == row.method
        assert request.security is security
        assert request.orders == entry.get("unfilled_orders", 0)


@each
def test_fixed_weights(row: Row, documented: dict[str, dict[str, Any]]) -> None:
    """A weight that depends on nothing is the documents'. The others are tested beside their methods."""
    weight = documented[row.method]["weight"]
    if isinstance(weight, int):
        assert {endpoint.prototype.weight for endpoint in _endpoints(row)} <= {weight}
        assert {request.weight for request in row.calls} == {weight}


@each
def test_answers(row: Row, documented: dict[str, dict[str, Any]], losses: Losses) -> None:
    """Each example answer is read without losing a key or a digit, and the rate limits that come with it."""
    replies = documented[row.method]["responses"]
    assert len(row.answers) == len(replies)
    for reader, reply in zip(row.answers, replies, strict=True):
        limits = reply.get("rateLimits", [])
        assert losses(limits, structure(limits, list[CurrentRateLimit])) == []
        if isinstance(reader, int):
            with pytest.raises((ApiError, OutcomeUnknown)) as caught:
                response_to(Request(row.method), parse_reply(reply))
            assert caught.value.code == reader
            continue
        request = _request_of(reader, row.method)
        result = reply["result"] if "result" in reply else reply["response"]
        response = response_to(request, parse_reply(reply))
        if request.returns is None:
            assert response.result is None
            assert result == {}
            continue
        assert losses(result, reader_of(request.returns)(result)) == []
        assert reader_of(request.returns)(result) == structure(result, request.returns)


def test_no_method_is_forgotten(documented: dict[str, dict[str, Any]]) -> None:
    """Every documented method has one row."""
    names = [row.method for row in ROWS]
    assert len(set(names)) == len(names)
    assert {*names, *UNWRITTEN} == documented.keys()
    assert UNWRITTEN.isdisjoint(names)
