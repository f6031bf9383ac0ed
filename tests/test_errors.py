"""binance_socket.errors"""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timezone

import pytest

from binance_socket import errors
from binance_socket.errors import (
    ApiError,
    BinanceSocketError,
    CallCancelled,
    Certainty,
    ClientClosed,
    ConnectionLost,
    DecodeError,
    HandshakeError,
    InvalidRequest,
    NotSupportedError,
    OutcomeUnknown,
    OutcomeUnknownAfterCancellation,
    OutcomeUnknownAfterClose,
    OutcomeUnknownAfterLoss,
    OutcomeUnknownAfterTimeout,
    RateLimited,
    RequestTimeout,
    TlsError,
)
from binance_socket.outcomes import NotPlaced, OutcomeSource


def test_one_tree() -> None:
    """Every public error is a BinanceSocketError, drawn in the module's docstring."""
    assert errors.__doc__ is not None
    for name in errors.__all__:
        error = getattr(errors, name)
        if error is not Certainty:
            assert issubclass(error, BinanceSocketError)
            assert name in errors.__doc__


def test_the_builtin_kin() -> None:
    """What a program may catch already is caught."""
    assert issubclass(InvalidRequest, ValueError)
    assert issubclass(RequestTimeout, TimeoutError)
    assert issubclass(TlsError, ConnectionError)
    assert issubclass(OutcomeUnknownAfterTimeout, (RequestTimeout, TimeoutError))
    assert issubclass(OutcomeUnknownAfterLoss, (ConnectionLost, ConnectionError))
    assert issubclass(OutcomeUnknownAfterCancellation, CallCancelled)
    assert issubclass(OutcomeUnknownAfterClose, ClientClosed)


def test_delivery_errors_say_how_certain_they_are() -> None:
    """An unknown outcome may always have been sent; a handshake that failed sent nothing."""
    assert ConnectionLost("gone").certainty is Certainty.NOT_SENT
    late = RequestTimeout("late", Certainty.MAYBE_SENT)
    assert str(late) == str(pickle.loads(pickle.dumps(late))) == "late (maybe sent)"
    late.certainty = Certainty.NOT_SENT
    assert str(late) == "late (not sent)"
    assert CallCancelled("enough").certainty is Certainty.NOT_SENT
    assert OutcomeUnknownAfterCancellation("enough").certainty is Certainty.MAYBE_SENT
    unknown = OutcomeUnknown("timeout", code=-1007, status=503)
    assert (unknown.certainty, unknown.code, unknown.status) == (Certainty.MAYBE_SENT, -1007, 503)
    refused = HandshakeError("no", 429, retry_after=3.0)
    assert (refused.status, refused.retry_after, refused.certainty) == (429, 3.0, Certainty.NOT_SENT)


def test_api_errors() -> None:
    """They name the method, the code and the status."""
    error = ApiError(-2010, "Balance is insufficient.", method="order.place", request_id=7)
    assert str(error) == "order.place: Balance is insufficient. (code -2010, status 400)"
    assert str(ApiError(-1000, "x", status=500)) == "request: x (code -1000, status 500)"
    assert (error.request_id, dict(error.data)) == (7, {})


@pytest.mark.parametrize(
    "data, when",
    [
        ({"retryAfter": 1_700_000_000_000}, 1_700_000_000),
        ({"retryAfter": 1_700_000_000_250_000}, 1_700_000_000.25),
        ({}, None),
        (None, None),
    ],
)
def test_rate_limits_say_when_to_come_back(data: dict[str, int] | None, when: float | None) -> None:
    """The moment is in UTC, and None if the exchange gave none."""
    error = RateLimited(-1003, "too much", status=418, data=data)
    assert error.retry_after == (None if when is None else datetime.fromtimestamp(when, timezone.utc))
    assert error.banned
    assert not RateLimited(-1003, "too much", status=429).banned


def test_decode_errors_keep_the_payload() -> None:
    """Nothing that came is lost."""
    assert DecodeError("bad", [1]).payload == [1]


@pytest.mark.parametrize("moment", [10**30, -(10**30), "soon", None])
def test_retry_after_of_an_absurd_moment(moment):
    """A moment that is none is not told, instead of raising while an error is being handled."""
    assert RateLimited(-1003, "slow down", status=429, data={"retryAfter": moment}).retry_after is None


@pytest.mark.parametrize("back", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("bad"),
        DecodeError("bad", [1]),
        RequestTimeout("late", Certainty.MAYBE_SENT),
        TlsError("who are you?"),
        HandshakeError("no", 429, retry_after=3.0),
        OutcomeUnknown("timeout", code=-1007, status=503),
        OutcomeUnknownAfterTimeout("late"),
        OutcomeUnknownAfterLoss("gone"),
        OutcomeUnknownAfterCancellation("enough"),
        OutcomeUnknownAfterClose("closed"),
        RateLimited(-1003, "slow down", status=429, method="ping", data={"retryAfter": 1_700_000_000_000}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel(error, back):
    """They cross processes whole, with their attributes: pools pickle what a task raises."""
    arrived = back(error)
    assert type(arrived) is type(error)
    assert (str(arrived), arrived.args, arrived.__dict__) == (str(error), error.args, error.__dict__)


def test_a_copy_cannot_be_resolved() -> None:
    """It has no client to ask, and says so; the error itself asks whoever it was given."""
    error = OutcomeUnknownAfterTimeout("late")
    assert error.client_order_id is None
    error.client_order_ids = ("mine", "other")
    assert error.client_order_id == "mine"
    error._resolver = lambda timeout: NotPlaced(OutcomeSource.QUERY, str(timeout))
    assert error.resolve() == NotPlaced(OutcomeSource.QUERY, "30.0")
    assert error.resolve(1) == NotPlaced(OutcomeSource.QUERY, "1")
    for arrived in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert arrived.client_order_ids == ("mine", "other")
        with pytest.raises(NotSupportedError):
            arrived.resolve()
