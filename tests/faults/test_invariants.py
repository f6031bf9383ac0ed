"""The checks can fail: each of them finds what it is for."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from fault_matrix.invariants import Leftovers, close_from_another_thread, stream_violations
from fault_matrix.scene import Asked
from fault_matrix.transcript import Heard, Notice

LOST, RESTORED = Notice("lost"), Notice("restored")


def event(number, kind="balanceUpdate", **more):
    return {"e": kind, "E": 1000 + number, "d": str(number), **more}


def heard(*numbers, **more):
    return [Heard(event(number), **more) for number in numbers]


LEDGER = [event(number) for number in range(5)]


@pytest.mark.parametrize(
    "told",
    [
        heard(0, 1, 2, 3, 4),
        [*heard(0, 1), LOST, RESTORED, *heard(4)],
        [*heard(0, 1, 2), LOST, RESTORED, *heard(3, 4)],
        [*heard(0, 1, 2), LOST],
        [*heard(0, 1, 2, 3), *heard(3, possible_duplicate=True), *heard(4)],
        [*heard(0, 1), Notice("error"), *heard(2, 3, 4)],
    ],
)
def test_what_is_right(told):
    """Complete, or with a loss told of exactly where something is missing."""
    assert stream_violations(LEDGER, told) == []


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (heard(0, 1, 3, 4), "1 lost, and nobody was told"),
        (heard(0, 1, 2), "2 at the end never came"),
        ([], "5 at the end never came"),
        (heard(1, 2, 3, 4), "1 lost, and nobody was told"),
        (heard(0, 1, 1, 2, 3, 4), "twice, or out of order"),
        (heard(0, 2, 1, 3, 4), "twice, or out of order"),
        (heard(0, 1, 2, 3, 4, 7), "never happened"),
        # Told of, but somewhere else.
        ([*heard(0), LOST, RESTORED, *heard(1, 2, 4)], "1 lost, and nobody was told"),
        ([*heard(0, 2, 3, 4), LOST], "1 lost, and nobody was told"),
        ([*heard(0, 1), LOST, RESTORED, *heard(4, 3)], "twice, or out of order"),
    ],
)
def test_what_is_wrong(told, what):
    """Lost, twice, out of order, invented; a loss that is told of elsewhere excuses nothing."""
    assert any(what in one for one in stream_violations(LEDGER, told))


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
