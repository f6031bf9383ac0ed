"""binance_socket._session.inquest: when to ask, and when to believe the answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._session.inquest import INTERVALS, Inquest, too_late_at
from binance_socket._session.plans import matters_of
from binance_socket._wire.messages import Reply, Request
from binance_socket.errors import ApiError, ConnectionLost, RateLimited
from binance_socket.outcomes import NotPlaced, OutcomeSource, Placed

SENT = 1_700_000_000_000
# Monotonic seconds of the raising; the exchange's clock is that plus OFFSET.
RAISED, OFFSET = 12.0, SENT / 1000
ABSENT = ApiError(-2013, "Order does not exist.")
ORDER = {"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "mine", "time": SENT, "status": "NEW"}
REPORT = {"e": "executionReport", "s": "BTCUSDT", "c": "mine", "C": "", "i": 1, "x": "NEW", "X": "NEW", "O": SENT}
PLACE = Request[Any]("order.place", {"symbol": "BTCUSDT", "newClientOrderId": "mine"}, mutating=True)
TOO_LATE = 20.0


def inquest(request: Request[Any] = PLACE) -> Inquest:
    [matter] = matters_of(request, SENT)
    return Inquest(matter, raised_at=RAISED, too_late=too_late_at(SENT, 5000))


def ask(it: Inquest, answer: Any, since: float = 0.0) -> float:
    """Ask when it is due (after *since*), get *answer* at once, and return when that was."""
    due = it.next_at
    assert due is not None
    assert it.ask(due - 0.0001, due + OFFSET) is None, "not before"
    now = max(due, since)
    question = it.ask(now, now + OFFSET)
    assert question is not None
    assert it.next_at is None, "one at a time"
    it.answered(answer, now, now + OFFSET)
    return now


def test_too_late() -> None:
    """Timestamp, receive window, 10 seconds and 5 more."""
    assert too_late_at(SENT, 5000) == OFFSET + 20
    assert too_late_at(SENT, 60000) == OFFSET + 75


def test_the_series() -> None:
    """0.5, 1, 2, 4... seconds; when absence begins to count it begins anew, and the second one is believed."""
    it = inquest()
    it.resume(RAISED)
    moments = []
    while it.verdict is None:
        moments.append(ask(it, ABSENT))
    assert moments == pytest.approx([12.5, 13.5, 15.5, 19.5, TOO_LATE, TOO_LATE + 0.5], abs=0.01)
    assert isinstance(it.verdict, NotPlaced)
    assert not it.is_certain
    assert it.next_at is None


def test_the_series_has_a_longest_interval() -> None:
    """Errors say nothing: it is asked on, for as long as somebody waits."""
    it = inquest()
    it.resume(RAISED)
    moments = [ask(it, ConnectionLost("gone")) for _ in range(12)]
    assert moments[-1] - moments[-2] == INTERVALS[-1]
    assert it.verdict is None
    assert "gone" in it.so_far.reason


def test_absence_must_be_found_twice_in_a_row() -> None:
    """Anything else in between, and it begins anew."""
    it = inquest()
    it.resume(100.0)
    for answer in (ABSENT, ConnectionLost("gone"), ABSENT):
        ask(it, answer, 100.0)
        assert it.verdict is None
    ask(it, ABSENT)
    assert isinstance(it.verdict, NotPlaced)


def test_what_is_found_is_known_at_once() -> None:
    """And certain."""
    it = inquest()
    ask(it, ORDER)
    assert isinstance(it.verdict, Placed)
    assert it.verdict.source is OutcomeSource.QUERY
    assert it.is_certain


def test_evidence_counts_even_against_what_is_believed() -> None:
    """Nothing that the exchange says is ignored."""
    it = inquest()
    it.resume(100.0)
    ask(it, ABSENT, 100.0)
    ask(it, ABSENT)
    it.reported(REPORT)
    assert isinstance(it.verdict, Placed)
    it.replied(Reply("1", 400, None, {"code": -2010, "msg": "no"}))
    assert isinstance(it.verdict, Placed), "what is certain stays"


def test_what_cannot_be_read_says_nothing() -> None:
    """Whether it is a late reply, an event or an answer."""
    it = inquest()
    it.replied(Reply("1", 200, {}))
    it.reported({**REPORT, "i": None})
    ask(it, {})
    assert it.verdict is None
    assert "cannot be read" in it.so_far.reason


def test_an_older_order_of_the_same_name() -> None:
    """It was not placed by this request, and hides whether there is another."""
    it = inquest()
    it.resume(100.0)
    it.reported({**REPORT, "O": SENT - 5000})
    for _ in range(5):
        ask(it, {**ORDER, "time": SENT - 5000}, 100.0)
    assert it.verdict is None
    assert "older order" in it.so_far.reason


def test_a_rate_limit_is_respected() -> None:
    """Nothing is asked before it is over."""
    it = inquest()
    now = ask(it, RateLimited(-1003, "slow", status=429, data={"retryAfter": SENT + 60_000}))
    assert now == 12.5
    assert it.next_at == pytest.approx(60.0)


def test_no_rate_limit_is_believed_for_years() -> None:
    """The verdict would never come."""
    it = inquest()
    now = ask(it, RateLimited(-1003, "slow", status=429, data={"retryAfter": SENT * 2}))
    assert it.next_at == pytest.approx(now + 7 * 86400.0)


def test_waiting_again_begins_the_series_anew() -> None:
    """With a question half a second after the last answer at the latest; one that is under way is waited for."""
    it = inquest()
    it.resume(RAISED)
    for _ in range(8):
        last = ask(it, ConnectionLost("gone"))
    it.resume(last)
    assert it.next_at == last + 0.5
    assert it.ask(last + 0.5, last + 0.5 + OFFSET) is not None
    it.resume(last + 1)
    assert it.next_at is None


answers = st.sampled_from(["absent", "error", "found", "event", "reply", "refusal"])


@given(st.lists(st.tuples(answers, st.floats(0, 9)), max_size=30), st.floats(0, 40))
def test_model(steps: list[tuple[str, float]], started: float) -> None:
    """Whatever comes in whatever order: placed is told by evidence alone, not placed never too soon."""
    it = inquest()
    now = RAISED + started
    it.resume(now)
    row = 0
    evidence: type | None = None
    for kind, wait in steps:
        now = max(now + wait, it.next_at or 0.0)
        if kind == "event":
            it.reported(REPORT)
            evidence = evidence or Placed
        elif kind == "reply":
            it.replied(Reply("1", 200, ORDER))
            evidence = evidence or Placed
        elif kind == "refusal":
            it.replied(Reply("1", 400, None, {"code": -2010, "msg": "no"}))
            evidence = evidence or NotPlaced
        elif it.ask(now, now + OFFSET) is not None:
            it.answered({"absent": ABSENT, "error": ConnectionLost("x"), "found": ORDER}[kind], now, now + OFFSET)
            row = row + 1 if kind == "absent" and now >= TOO_LATE else 0
            if kind == "found":
                evidence = evidence or Placed
        if evidence is not None:
            assert type(it.verdict) is evidence
            assert it.is_certain
        else:
            assert (it.verdict is not None) is (row >= 2)
            assert it.verdict is None or isinstance(it.verdict, NotPlaced)
