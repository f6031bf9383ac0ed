"""binance_socket._session.repetition"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from binance_socket._session.repetition import is_passing, is_read, last_word
from binance_socket._wire.messages import Reply, Request
from binance_socket.errors import (
    CallCancelled,
    Certainty,
    ClientClosed,
    ConnectionLost,
    DecodeError,
    HandshakeError,
    RateLimited,
    RequestTimeout,
    TlsError,
    TooManyPending,
)

LOST = ConnectionLost("gone", Certainty.MAYBE_SENT)


def failed(status: int, code: int | None) -> Reply:
    return Reply("id", status, None, None if code is None else {"code": code, "msg": "no"})


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request("account.status"), True),
        (Request("order.status"), True),
        (Request("depth"), True),
        (Request("order.place", mutating=True), False),
        (Request("order.cancel", mutating=True), False),
        (Request("session.logon"), False),
        (Request("session.logout"), False),
        (Request("session.status"), True),
        (Request("userDataStream.start"), False),
        (Request("userDataStream.ping"), False),
        (Request("userDataStream.stop"), False),
    ],
    ids=lambda value: getattr(value, "method", str(value)),
)
def test_what_is_a_read(request_: Request[Any], expected: bool) -> None:
    """What changes neither the market nor a listen key nor who is logged on."""
    assert is_read(request_) is expected


def test_of_the_documented_codes_five_may_pass() -> None:
    """Those by which the exchange says that it has failed, and not the request."""
    spec = os.environ.get("BINANCE_SPEC_DIR")
    if spec is None:
        pytest.skip("BINANCE_SPEC_DIR does not say where the exchange's documents are")
    codes = [entry["code"] for entry in json.loads((Path(spec) / "errors.json").read_text("utf-8"))]
    assert {code for code in codes if is_passing(failed(400, code))} == {-1000, -1001, -1006, -1007, -1008}


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (200, None, False),
        (400, -1121, False),
        (400, -1007, True),
        (401, -2015, False),
        (403, 0, False),
        (409, -2021, False),
        (418, None, False),
        (418, -1003, False),
        (429, None, False),
        (429, -1008, False),
        (500, -1000, True),
        (500, -2010, True),
        (502, None, True),
        (504, -1007, True),
    ],
)
def test_which_answers_may_pass(status: int, code: int | None, expected: bool) -> None:
    """Status 5xx, and those codes; but where the exchange asks to stop, that is heeded."""
    assert is_passing(failed(status, code)) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (LOST, True),
        (ConnectionLost("refused", Certainty.NOT_SENT), False),
        (TlsError("who is this?"), False),
        (HandshakeError("no", 404), False),
        (RequestTimeout("late", Certainty.MAYBE_SENT), False),
        (CallCancelled("enough"), False),
        (ClientClosed("closed"), False),
        (DecodeError("what?", None), False),
    ],
    ids=repr,
)
def test_which_ends_may_pass(error: Any, expected: bool) -> None:
    """A link that was lost with the request, and nothing else: the rest is final, or waits by itself."""
    assert is_passing(error) is expected


def test_the_last_word() -> None:
    """A try that was never made says nothing; and once something has been sent, it may have arrived."""
    assert last_word(LOST, RequestTimeout("no link", Certainty.NOT_SENT)) is LOST
    assert last_word(LOST, TooManyPending("so many")) is LOST
    late = last_word(LOST, RequestTimeout("late", Certainty.MAYBE_SENT))
    assert isinstance(late, RequestTimeout)
    assert late.__cause__ is LOST
    answer = failed(200, None)
    assert last_word(LOST, answer) is answer


def test_the_last_word_to_one_of_many() -> None:
    """What is said of a request that was sent once is not said of others, which were told the same error."""
    reason = ValueError("expired")
    unsent = TlsError("who is this?")
    unsent.__cause__ = reason
    told = last_word(failed(500, -1000), unsent)
    assert isinstance(told, TlsError)
    assert told.certainty is Certainty.MAYBE_SENT
    assert str(told) == "who is this? (maybe sent)"
    assert told.__cause__ is reason
    assert unsent.certainty is Certainty.NOT_SENT
    other = TlsError("who is this?")
    last_word(LOST, other)
    assert other.__cause__ is None
    limited = RateLimited(-1003, "no", status=429)
    told = last_word(LOST, limited)
    assert isinstance(told, RateLimited)
    assert (told.code, told.status, told.__cause__) == (-1003, 429, LOST)
    assert limited.__cause__ is None
