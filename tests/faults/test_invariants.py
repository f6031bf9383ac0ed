"""The checks can fail: each of them finds what it is for."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import datetime, timedelta, timezone

import pytest
from fault_matrix.deadlines import GRACE, Deadlines
from fault_matrix.invariants import Leftovers, close_from_another_thread, gap_violations, stream_violations
from fault_matrix.receipts import certainty_violations
from fault_matrix.scene import Asked
from fault_matrix.transcript import Heard, Notice

from binance_socket import (
    ApiError,
    CallCancelled,
    Certainty,
    ClientClosed,
    ConnectionLost,
    Gap,
    GapStatus,
    OutcomeUnknown,
    RequestTimeout,
)
from binance_socket._engine.timer import Timer
from binance_socket.testing import ManualClock

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def event(number, kind="balanceUpdate", **more):
    return {"e": kind, "E": 1000 + number, "d": str(number), **more}


def heard(*numbers, **more):
    return [Heard(event(number), **more) for number in numbers]


def report(order, state="NEW", trade=-1):
    return {"e": "executionReport", "E": 1000 + order, "i": order, "t": trade, "X": state}


def gap(first, last=None, status=GapStatus.OPEN, number=1):
    """Return the notice of a gap that reaches from the event *first* to the event *last*."""
    from_, to = (None if n is None else EPOCH + timedelta(milliseconds=1000 + n) for n in (first, last))
    return Notice("gap", Gap(id=number, account="key", cause="cut", from_=from_, to=to, status=status))


def lost(first, last=None, status=GapStatus.FAILED, number=1):
    """Return the notices of a loss of which nothing was found out."""
    return [Notice("lost"), gap(first, None, number=number), Notice("restored"), gap(first, last, status, number)]


LEDGER = [event(number) for number in range(5)]


@pytest.mark.parametrize(
    "told",
    [
        heard(0, 1, 2, 3, 4),
        [*heard(0, 1), *lost(2, 3), *heard(4)],
        [*heard(0, 1, 2), *lost(3, 3), *heard(3, 4)],
        [*heard(0, 1, 2), Notice("lost"), gap(3)],
        [*heard(0), *lost(1, 1), *heard(2), *lost(3, 3, number=2), *heard(4)],
        [*heard(0, 1, 2, 3), *heard(3, possible_duplicate=True), *heard(4)],
        [*heard(0, 1), Notice("error"), *heard(2, 3, 4)],
    ],
)
def test_what_is_right(told):
    """Complete, or with a gap told of exactly where something is missing."""
    assert stream_violations(LEDGER, told) == []


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (heard(0, 1, 3, 4), "lost, and nobody was told"),
        (heard(0, 1, 2), "lost, and nobody was told"),
        ([], "lost, and nobody was told"),
        (heard(1, 2, 3, 4), "lost, and nobody was told"),
        (heard(0, 1, 1, 2, 3, 4), "twice, or out of order"),
        (heard(0, 2, 1, 3, 4), "twice, or out of order"),
        (heard(0, 1, 2, 3, 4, 7), "never happened"),
        # Told of, but not where it is missing: too late, too early, and after the events that follow.
        ([*heard(0), *lost(1, 1), *heard(1, 2, 4)], "lost, and nobody was told"),
        ([*heard(0, 1), *lost(3, 3), *heard(4)], "lost, and nobody was told"),
        ([*heard(0, 2, 3, 4), *lost(1, 1)], "lost, and nobody was told"),
        ([*heard(0, 1), *lost(2, 3), *heard(4, 3)], "twice, or out of order"),
        # What was found out is no excuse.
        ([*heard(0, 1), *heard(2, 3, backfilled=True), *heard(4)], "lost, and nobody was told"),
    ],
)
def test_what_is_wrong(told, what):
    """Lost, twice, out of order, invented; a gap elsewhere excuses nothing."""
    assert any(what in one for one in stream_violations(LEDGER, told))


@pytest.mark.parametrize(
    ("told", "what"),
    [
        ([Notice("lost"), *heard(0), gap(1)], "between a loss and its gap"),
        ([gap(1), gap(1, 2, GapStatus.FAILED)], "a gap without a loss"),
        ([Notice("lost"), gap(1), Notice("lost"), gap(1, number=2)], "within another"),
        ([Notice("lost"), gap(1), gap(1, 2, GapStatus.FAILED, number=2)], "the end of a gap that is not open"),
        ([Notice("lost"), gap(1)], "the end of a gap was not told"),
        ([*lost(1, 2), gap(1, 2, GapStatus.FAILED)], "the end of a gap that is not open"),
        ([*lost(1, 2), *heard(3, backfilled=True)], "no gap is open"),
        ([*lost(1, 2)[:3], *heard(4), *heard(2, backfilled=True)], "not said to be late"),
    ],
)
def test_gaps_that_are_told_wrongly(told, what):
    """Each is told twice, in its place."""
    assert any(what in one for one in gap_violations(LEDGER, told, whole=False))


RECOVERED = [Notice("lost"), gap(1), Notice("restored"), gap(1, 2, GapStatus.RECOVERED_STATE)]


@pytest.mark.parametrize(
    ("ledger", "found", "what"),
    [
        ([report(1), report(2)], [report(3)], "never happened"),
        ([report(1), report(1, "FILLED", 7)], [report(1, "FILLED", 8)], "never happened"),
        ([report(1), report(1, "FILLED", 7)], [report(1, "FILLED", 7), report(1, "FILLED", 7)], "told twice"),
        ([report(1), report(1, "FILLED", 7)], [], "order 1 is FILLED, and was last told to be NEW"),
        ([report(1), report(2)], [], "order 2 is NEW, and was last told to be None"),
    ],
)
def test_what_was_found_out_is_not_true(ledger, found, what):
    """Invented, repeated, or not all of it although the gap says so."""
    told = [Heard(report(1)), *RECOVERED[:3], *(Heard(one, backfilled=True) for one in found), RECOVERED[3]]
    assert any(what in one for one in gap_violations(ledger, told, whole=True))
    true = [Heard(one, backfilled=True) for one in ledger[1:]]
    assert gap_violations(ledger, [Heard(report(1)), *RECOVERED[:3], *true, RECOVERED[3]], whole=True) == []


def test_kinds_are_looked_at_one_by_one():
    """The exchange promises an order within a kind only; a loss of one kind is no excuse for another's."""
    ledger = [event(0), event(1, "executionReport"), event(2), event(3, "executionReport")]
    told = [Heard(ledger[1]), Heard(ledger[3]), Heard(ledger[0]), Heard(ledger[2])]
    assert stream_violations(ledger, told) == []
    assert stream_violations(ledger, told[:3])[0].startswith("balanceUpdate")


def test_where_the_subscription_begins_and_ends():
    """What came before it was there may be missing at the beginning only, what came while it was closed at the end."""
    assert stream_violations(LEDGER, heard(2, 3, 4), since=2) == []
    assert stream_violations(LEDGER, heard(0, 2, 3, 4), since=2) != []
    assert stream_violations(LEDGER, heard(0, 1, 2), until=3) == []
    assert stream_violations(LEDGER, heard(0, 1), until=3) != []


def test_a_future_that_ends_wrongly():
    """With an error that nobody expects, or not exactly once."""
    future: Future[None] = Future()
    asked = Asked("order.place", future)
    future.set_exception(KeyError("x"))
    assert "KeyError" in asked.violations((OSError,))[0]
    assert asked.violations((KeyError,)) == []
    asked._count(future)
    assert "2 times" in asked.violations((KeyError,))[0]


@pytest.fixture
def by_hand():
    """Return a clock, a timer on it, a future whose deadline is in a second, and what watches over it."""
    clock = ManualClock()
    timer = Timer(clock)
    deadlines = Deadlines(by_hand=True)
    yield clock, timer, deadlines.watch("asking", timer, 1.0, Future), deadlines
    timer.close()


def advance(clock, timer, seconds):
    """Let time pass, and wait until the timer has done what was due."""
    clock.advance(seconds)
    passed = threading.Event()
    timer.call_at(clock.monotonic(), passed.set)
    assert passed.wait(10)


def test_a_future_in_time(by_hand):
    """Is done by whatever the timer does at the deadline, however late the timer comes to it."""
    clock, timer, future, deadlines = by_hand
    timer.call_at(1.0, lambda: future.set_exception(RequestTimeout("late")))
    advance(clock, timer, 3600.0)
    assert deadlines.violations() == []


def test_a_future_that_is_late(by_hand):
    """Is found, and one whose alarm is a little more than the grace late is late."""
    clock, timer, future, deadlines = by_hand
    timer.call_at(1.0 + GRACE + 0.001, lambda: future.set_result(None))
    advance(clock, timer, 1.0 + GRACE)
    advance(clock, timer, 0.001)
    assert "after its deadline" in deadlines.violations()[0]


def test_a_future_that_is_given_up_early(by_hand):
    """Is found; an answer, or another failure, may come at any time."""
    clock, timer, future, deadlines = by_hand
    answered, failed = (deadlines.watch("asking", timer, 1.0, Future) for _ in range(2))
    advance(clock, timer, 0.999)
    answered.set_result(None)
    failed.set_exception(ClientClosed("closed"))
    future.set_exception(RequestTimeout("late"))
    wrong = deadlines.violations()
    assert len(wrong) == 1
    assert "before its deadline" in wrong[0]


def unsure(error, certainty):
    error.certainty = certainty
    return error


SENT, UNSENT = Certainty.MAYBE_SENT, Certainty.NOT_SENT


@pytest.mark.parametrize(
    ("error", "more"),
    [
        (None, {"received": True}),
        (ConnectionLost("x", SENT), {"received": True}),
        (ConnectionLost("x", SENT), {}),
        (ConnectionLost("x", UNSENT), {}),
        (ConnectionLost("x", UNSENT), {"any_link": False}),
        (ClientClosed("x"), {"received": True}),
        (OutcomeUnknown("x"), {"received": True, "mutating": True}),
        (OutcomeUnknown("x"), {"mutating": True}),
        (ApiError(-1102, "x"), {"received": True, "mutating": True}),
        (ClientClosed("x"), {"mutating": True}),
        (ConnectionLost("x", UNSENT), {"mutating": True}),
    ],
)
def test_a_failure_that_is_sure_enough(error, more):
    """What was received may have been sent, or its outcome is unknown; of what was not, either may be said."""
    told = {"mutating": False, "received": False, "any_link": True, **more}
    assert certainty_violations("asking", error, **told) == []


@pytest.mark.parametrize(
    ("error", "more", "what"),
    [
        (ConnectionLost("x", UNSENT), {"received": True}, "said not to have been sent"),
        (RequestTimeout("x", UNSENT), {"received": True, "mutating": True}, "said not to have been sent"),
        (unsure(CallCancelled("x"), UNSENT), {"received": True}, "said not to have been sent"),
        (ClientClosed("x"), {"received": True, "mutating": True}, "not said to be unknown"),
        (ConnectionLost("x", SENT), {"mutating": True}, "not said to be unknown"),
        (RequestTimeout("x", SENT), {"any_link": False}, "never was a link"),
        (OutcomeUnknown("x"), {"any_link": False, "mutating": True}, "never was a link"),
    ],
)
def test_a_failure_that_is_too_sure(error, more, what):
    """It would be repeated although it was executed, or looked into although it cannot have been."""
    told = {"mutating": False, "received": False, "any_link": True, **more}
    assert any(what in one for one in certainty_violations("asking", error, **told))


def test_a_close_that_raises():
    """Is reported."""

    class Client:
        def close(self):
            raise ZeroDivisionError

    assert "ZeroDivisionError" in close_from_another_thread(Client())[0]


def test_a_descriptor_that_is_left(tmp_path):
    """Is counted."""
    leftovers = Leftovers()
    with (tmp_path / "file").open("w"):
        assert leftovers.violations() in (["1 descriptors are left open"], [])  # nobody counts them on Windows
    assert leftovers.violations() == []
