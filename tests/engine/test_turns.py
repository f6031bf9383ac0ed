"""binance_socket._engine.turns"""

from __future__ import annotations

from binance_socket._engine.futures import CallFuture
from binance_socket._engine.turns import Turns
from binance_socket.testing import InlineExecutor


def future():
    return CallFuture(InlineExecutor())


def no_defect(exc):
    raise AssertionError("there should be no defect") from exc


def test_one_after_the_other():
    """In the order in which they asked; the next one starts when the one before it is answered, well or badly."""
    turns, started = Turns(no_defect), []
    futures = [future() for _ in range(3)]
    for number in range(3):
        turns.take(lambda number=number: started.append(number) or futures[number])
    assert started == [0]
    futures[0].set_result(None)
    assert started == [0, 1]
    futures[1].set_exception(ValueError())
    assert started == [0, 1, 2]
    futures[2].set_result(None)
    turns.take(lambda: started.append(3))
    turns.take(lambda: started.append(4))
    assert started == [0, 1, 2, 3, 4]


def test_who_wants_nothing_any_more_holds_up_nobody():
    """Nor does one that fails to start, which is told, or is answered at once."""
    defects, started = [], []
    turns = Turns(defects.append)
    first, error = future(), ValueError("no")
    turns.take(lambda: first)

    def fail():
        raise error

    done = future()
    done.set_result(None)
    turns.take(lambda: None)
    turns.take(fail)
    turns.take(lambda: done)
    turns.take(lambda: started.append(1))
    first.set_result(None)
    assert (started, defects) == ([1], [error])


def test_many_that_are_answered_at_once():
    """They do not pile up on the stack."""
    turns, count = Turns(no_defect), []
    first = future()
    turns.take(lambda: first)

    def start():
        count.append(1)
        done = future()
        done.set_result(None)
        return done

    for _ in range(5000):
        turns.take(start)
    first.set_result(None)
    assert len(count) == 5000
