import gc
import logging
import os
import queue
import threading
import weakref

import pytest

from binance_socket._engine import timer as timer_module
from binance_socket._engine.threads import on_engine_thread
from binance_socket._engine.timer import Timer, shared_timer
from binance_socket.testing import ManualClock

PATIENCE = 10


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def timer(clock):
    timer = Timer(clock)
    yield timer
    timer.close()


def test_functions_run_in_the_order_of_their_times(timer, clock):
    """What is due earlier runs earlier, whenever it was given; what is due together runs in the order given."""
    ran = queue.SimpleQueue()
    for when, name in ((3, "c"), (1, "a"), (2, "b1"), (2, "b2")):
        timer.call_at(when, lambda name=name: ran.put((name, clock.monotonic())))
    for expected in (("a", 1), ("b1", 2)):
        clock.jump()
        assert ran.get(timeout=PATIENCE) == expected
    assert ran.get(timeout=PATIENCE) == ("b2", 2)
    clock.jump()
    assert ran.get(timeout=PATIENCE) == ("c", 3)


def test_an_earlier_alarm_overtakes_the_one_waited_for(timer, clock):
    """The thread looks again when something earlier is given while it sleeps."""
    ran = queue.SimpleQueue()
    timer.call_at(100, lambda: ran.put("late"))
    while not clock._waiting:
        clock.advance(0)
    timer.call_at(1, lambda: ran.put("early"))
    clock.jump()
    assert ran.get(timeout=PATIENCE) == "early"
    assert clock.monotonic() < 100


def test_a_cancelled_function_does_not_run(timer, clock):
    """It is skipped, and what comes after it runs."""
    ran = queue.SimpleQueue()
    alarm = timer.call_at(1, lambda: ran.put("cancelled"))
    timer.call_at(2, lambda: ran.put("kept"))
    alarm.cancel()
    alarm.cancel()
    clock.advance(5)
    assert ran.get(timeout=PATIENCE) == "kept"
    assert ran.empty()


def test_cancelling_after_it_ran_does_nothing(timer, clock):
    """An alarm that has run is over."""
    ran = queue.SimpleQueue()
    alarm = timer.call_at(0, lambda: ran.put(1))
    assert ran.get(timeout=PATIENCE) == 1
    alarm.cancel()


def test_cancelled_alarms_do_not_pile_up(timer):
    """A timer that is given and cancelled again for ever keeps a bounded number of alarms, and not their functions."""

    class Thing:
        def method(self):
            raise AssertionError("cancelled")

    thing = Thing()
    gone = weakref.ref(thing)
    for _ in range(10_000):
        timer.call_at(1000, thing.method).cancel()
    assert len(timer._heap) < 200
    del thing
    gc.collect()
    assert gone() is None


def test_what_a_function_raises_is_logged_and_the_rest_goes_on(timer, clock, caplog):
    """One bad function does not end the timer."""
    ran = queue.SimpleQueue()
    with caplog.at_level(logging.ERROR):
        timer.call_at(0, lambda: 1 / 0)
        timer.call_at(0, lambda: ran.put("next"))
        assert ran.get(timeout=PATIENCE) == "next"
    assert "ZeroDivisionError" in caplog.text


def test_no_thread_before_the_first_alarm(clock):
    """A timer that is not used costs nothing."""
    timer = Timer(clock)
    assert timer._thread is None
    timer.close()


def test_an_idle_timer_does_not_wake_up(timer, clock):
    """With nothing due the thread waits without a time."""
    ran = queue.SimpleQueue()
    timer.call_at(0, lambda: ran.put(1))
    ran.get(timeout=PATIENCE)
    waits = queue.SimpleQueue()

    class Watching(ManualClock):
        def wait_until(self, condition, when):
            waits.put(when)
            super().wait_until(condition, when)

    watched = Timer(Watching())
    watched.call_at(0, lambda: None)
    assert waits.get(timeout=PATIENCE) is None
    watched.close()
    assert waits.empty()


def test_functions_run_on_an_engine_thread(timer):
    """Blocking calls can be refused there."""
    answers = queue.SimpleQueue()
    timer.call_at(0, lambda: answers.put(on_engine_thread()))
    assert answers.get(timeout=PATIENCE) is True


def test_a_closed_timer_runs_nothing(clock):
    """close() is idempotent, drops what was due, and ignores what comes later."""
    timer = Timer(clock)
    timer.call_at(1, lambda: pytest.fail("closed"))
    thread = timer._thread
    timer.close()
    timer.close()
    assert not thread.is_alive()
    timer.call_at(0, lambda: pytest.fail("closed")).cancel()


def test_closing_from_its_own_thread(clock):
    """close() in a timer function returns, and the thread ends after it."""
    timer = Timer(clock)
    closed = threading.Event()

    def close():
        timer.close()
        closed.set()

    timer.call_at(0, close)
    assert closed.wait(PATIENCE)
    timer._thread.join(PATIENCE)
    assert not timer._thread.is_alive()


def test_a_thread_that_cannot_start_leaves_no_alarm(clock, monkeypatch):
    """The caller learns of it, and the next attempt starts afresh."""
    timer = Timer(clock)

    class NoThread(timer_module.EngineThread):
        def start(self):
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(timer_module, "EngineThread", NoThread)
        with pytest.raises(RuntimeError):
            timer.call_at(0, lambda: pytest.fail("was refused"))
    ran = threading.Event()
    timer.call_at(0, ran.set)
    assert ran.wait(PATIENCE)
    timer.close()


def test_the_shared_timer_is_one():
    """Everybody gets the same, and it works."""
    timer = shared_timer()
    assert shared_timer() is timer
    ran = threading.Event()
    timer.call_at(0, ran.set)
    assert ran.wait(PATIENCE)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_shared_timer_works_in_a_forked_child():
    """The parent's thread does not exist in the child, so the child gets a timer of its own."""
    shared_timer().call_at(0, lambda: None)
    pid = os.fork()
    if pid == 0:
        ran = threading.Event()
        shared_timer().call_at(0, ran.set)
        os._exit(0 if ran.wait(PATIENCE) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
