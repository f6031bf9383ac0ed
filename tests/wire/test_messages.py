"""binance_socket._wire.messages"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._wire.codec import loads
from binance_socket._wire.messages import Reply, Request, Security, encode, error_of, parse_reply, response_to
from binance_socket._wire.signing import signature_payload
from binance_socket.credentials import HmacKey
from binance_socket.errors import (
    ApiError,
    AuthenticationError,
    BinanceSocketError,
    DecodeError,
    InvalidRequest,
    InvalidTimestamp,
    OutcomeUnknown,
    RateLimited,
)
from binance_socket.models import CurrentRateLimit, ListenKey

KEY = HmacKey("our-key", "our-secret")
LIMIT = {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 9, "count": 1}


@pytest.mark.parametrize(
    "message, reply",
    [
        ({"id": "a", "status": 200, "result": [1], "rateLimits": [LIMIT]}, Reply("a", 200, [1], None, (LIMIT,))),
        ({"id": 7, "status": 200, "response": {}}, Reply(7, 200, {})),
        ({"id": 7, "status": 200, "result": None, "response": {}}, Reply(7, 200, None)),
        ({"result": None, "id": 1}, Reply(1, 200)),
        (
            {"id": None, "status": 401, "error": {"code": -2015, "msg": "no"}},
            Reply(None, 401, None, {"code": -2015, "msg": "no"}),
        ),
        ({"id": 1, "error": {"code": 2, "msg": "bad"}}, Reply(1, 400, None, {"code": 2, "msg": "bad"})),
        ({"code": 2, "msg": "bad"}, Reply(None, 400, None, {"code": 2, "msg": "bad"})),
        ({"id": 1, "status": 200, "rateLimits": {}}, Reply(1, 200)),
    ],
)
def test_replies_of_either_server(message: dict[str, Any], reply: Reply) -> None:
    """Successes and errors, in the forms of the WebSocket API and of a stream server."""
    assert parse_reply(message) == reply


@pytest.mark.parametrize(
    "message, what",
    [
        ({"id": 1, "error": {"msg": "x"}}, "without a code"),
        ({"id": 1, "error": {"code": "x"}}, "without a code"),
        ({"id": 1, "error": "x"}, "without a code"),
        ({"code": None, "msg": "x"}, "without a code"),
        ({"id": 1, "status": "200"}, "status"),
        ({"id": [], "status": 200}, "id"),
        ({"id": 1.5}, "id"),
    ],
)
def test_malformed_replies(message: dict[str, Any], what: str) -> None:
    """They are errors that keep the message."""
    with pytest.raises(DecodeError, match=what) as caught:
        parse_reply(message)
    assert caught.value.payload is message


def _error(status: int, code: int, *, mutating: bool = False, **more: Any) -> BinanceSocketError:
    error = error_of(Reply("id", status, None, {"code": code, "msg": "why", **more}), Request("m", mutating=mutating))
    assert error is not None
    return error


@pytest.mark.parametrize(
    "status, code, kind",
    [
        (400, -1102, ApiError),
        (400, -1002, AuthenticationError),
        (400, -1022, AuthenticationError),
        (400, -2014, AuthenticationError),
        (401, -2015, AuthenticationError),
        (401, -9999, AuthenticationError),
        (400, -1021, InvalidTimestamp),
        (429, -1003, RateLimited),
        (418, -9999, RateLimited),
        (400, -1015, RateLimited),
        (400, -1034, RateLimited),
        (409, -2022, ApiError),
        (503, -1000, ApiError),
        (400, -1007, ApiError),
    ],
)
def test_the_kind_of_error(status: int, code: int, kind: type[ApiError]) -> None:
    """The code decides, then the status; everything the exchange said is kept."""
    error = _error(status, code, data={"retryAfter": 5})
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert (error.code, error.message, error.status, error.method, error.request_id) == (code, "why", status, "m", "id")
    assert dict(error.data) == {"retryAfter": 5}
    assert dict(_error(status, code, data="x").data) == {}  # type: ignore[attr-defined]


@pytest.mark.parametrize("status, code", [(500, -1000), (503, -9999), (400, -1006), (400, -1007)])
def test_unknown_outcomes(status: int, code: int) -> None:
    """A request that changes something may have been executed even so."""
    error = _error(status, code, mutating=True)
    assert isinstance(error, OutcomeUnknown)
    assert (error.code, error.status) == (code, status)
    assert type(_error(400, -2010, mutating=True)) is ApiError


def test_success_is_no_error() -> None:
    """Any status from 200 to 299 without an error; any other without one is an error for lack of a reason."""
    for status, failed in ((200, False), (299, False), (300, True), (199, True), (503, True)):
        assert (error_of(Reply("id", status), Request("m")) is not None) is failed


def test_reading_results() -> None:
    """A result is structured as declared, then finished; a request that returns nothing reads nothing."""
    assert Request[None]("m").read({"x": 1}) is None
    assert Request[list[CurrentRateLimit]]("m", returns=list[CurrentRateLimit]).read([LIMIT])[0].limit == 9
    finish = Request[str]("m", returns=ListenKey, finish=lambda key: key.listen_key)
    assert finish.read({"listenKey": "k"}) == "k"
    with pytest.raises(DecodeError):
        finish.read({})


def test_responses() -> None:
    """A success with everything typed; otherwise the error is raised."""
    request = Request[str]("m", returns=ListenKey, finish=lambda key: key.listen_key)
    response = response_to(request, Reply("id", 200, {"listenKey": "k"}, None, (LIMIT,)))
    assert (response.id, response.status, response.result) == ("id", 200, "k")
    assert [limit.limit for limit in response.rate_limits] == [9]
    with pytest.raises(InvalidTimestamp):
        response_to(request, Reply("id", 400, None, {"code": -1021, "msg": "late"}))
    with pytest.raises(DecodeError):
        response_to(request, Reply("id", 200, {}))


def _encoded(request: Request[Any], credentials: HmacKey | None = KEY) -> dict[str, Any]:
    message = encode("id-1", request, credentials=credentials, timestamp=5, receive_window=None)
    decoded: dict[str, Any] = loads(message)
    return decoded


def test_encoding() -> None:
    """What is asked, with what its security demands, and no empty parameters."""
    assert _encoded(Request("ping")) == {"id": "id-1", "method": "ping"}
    assert _encoded(Request("SUBSCRIBE", ("a", "b")), None)["params"] == ["a", "b"]
    assert _encoded(Request("m", {"x": 1}, security=Security.API_KEY))["params"] == {"x": 1, "apiKey": "our-key"}
    params = _encoded(Request("m", {"x": 1}, security=Security.SIGNED))["params"]
    assert params["timestamp"] == 5
    assert params["signature"] == KEY.sign(signature_payload(params))


def test_a_window_and_rate_limits_of_its_own() -> None:
    """They are signed with the rest; a window without a signature would be refused as one parameter too many."""
    own = {"receive_window": Decimal("0.5"), "return_rate_limits": False}
    params = _encoded(Request("m", {"x": 1}, security=Security.SIGNED, **own))["params"]
    assert (params["recvWindow"], params["returnRateLimits"]) == ("0.5", False)
    payload = "apiKey=our-key&recvWindow=0.5&returnRateLimits=false&timestamp=5&x=1"
    assert params["signature"] == KEY.sign(payload)
    for security, sent in ((Security.NONE, {}), (Security.API_KEY, {"apiKey": "our-key"})):
        params = _encoded(Request("m", security=security, **own))["params"]
        assert params == {"returnRateLimits": False, **sent}
    assert _encoded(Request("m", return_rate_limits=True))["params"] == {"returnRateLimits": True}


@pytest.mark.parametrize("security", [Security.API_KEY, Security.SIGNED])
def test_what_needs_credentials(security: Security) -> None:
    """Without any, the request is refused before anything is sent."""
    with pytest.raises(InvalidRequest, match="m needs credentials"):
        _encoded(Request("m", security=security), None)


_any = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.lists(st.integers())
    | st.dictionaries(st.sampled_from(["code", "msg", "data"]), st.integers() | st.text() | st.none())
)


@given(
    st.dictionaries(st.sampled_from(["id", "status", "result", "response", "error", "rateLimits", "code", "msg"]), _any)
)
def test_no_reply_surprises(message: dict[str, Any]) -> None:
    """Whatever comes is a reply, which is a success or a typed error, or a DecodeError."""
    try:
        reply = parse_reply(message)
    except DecodeError:
        return
    assert error_of(reply, Request("m", mutating=True)) is None or reply.error is not None or reply.status // 100 != 2


def test_malformed_rate_limits_do_not_spoil_an_answer() -> None:
    """An answer whose rate limits cannot be read is a success all the same, without them."""
    reply = parse_reply({"id": "1", "status": 200, "result": {}, "rateLimits": [{"count": "many"}]})

    assert response_to(Request("order.place"), reply).rate_limits == ()


def test_a_refusal_may_come_as_a_result() -> None:
    """A result of code and reason is an error, whatever the status says; a result with one of the keys is none."""
    reply = parse_reply({"id": "1", "status": 200, "result": {"code": -2043, "msg": "None."}})
    with pytest.raises(ApiError, match="None") as caught:
        response_to(Request("referencePrice"), reply)
    assert (caught.value.code, caught.value.status) == (-2043, 200)
    assert parse_reply({"id": "1", "status": 200, "result": {"code": 1}}).error is None
