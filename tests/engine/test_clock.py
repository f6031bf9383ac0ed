import threading
import time

import pytest

from binance_socket._engine import clock as clock_module
from binance_socket._engine.clock import SystemClock

PATIENCE = 10.0


def test_waiting_ends_when_the_time_has_come():
    """wait_until() returns by itself, and not before the time."""
    clock = SystemClock()
    condition = threading.Condition()
    when = clock.monotonic() + 0.02
    with condition:
        while clock.monotonic() < when:
            clock.wait_until(condition, when)


def test_waiting_for_the_past_does_not_wait():
    """A time that has passed needs no notification."""
    clock = SystemClock()
    with threading.Condition() as _, (condition := threading.Condition()):
        clock.wait_until(condition, clock.monotonic() - 1)


def test_waiting_ends_when_notified():
    """A notification ends a wait without a time, and one for longer than the platform can express."""
    clock = SystemClock()
    for when in (None, float("inf")):
        condition = threading.Condition()
        ready = threading.Event()

        def wait(condition=condition, ready=ready, when=when):
            with condition:
                ready.set()
                clock.wait_until(condition, when)

        thread = threading.Thread(target=wait)
        thread.start()
        assert ready.wait(10)
        with condition:
            condition.notify()
        thread.join(10)
        assert not thread.is_alive()


def test_wall_clock_and_monotonic_clock_are_the_systems():
    """Time passes, and the wall clock counts from the epoch."""
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.time() > 1_700_000_000


def test_the_time_that_the_machine_sleeps_counts(monkeypatch):
    """Where the system has a clock for it; waits are measured by another one, so whoever waits looks again."""
    if clock_module._CLOCK is None:
        pytest.skip("this system has no clock that runs on while it sleeps")
    clock = SystemClock()
    before, slept = clock.monotonic(), clock.asleep()
    now = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda number: now(number) + 3600.0)
    assert clock.monotonic() - before >= 3600.0
    assert clock.asleep() - slept == pytest.approx(3600.0, abs=PATIENCE)

    class Waited:
        """Notes for how long it would wait."""

        def wait(self, timeout):
            self.timeout = timeout

    condition = Waited()
    clock.wait_until(condition, clock.monotonic() + 1000.0)
    assert condition.timeout <= 5.0


def test_a_system_without_such_a_clock(monkeypatch):
    """Nobody knows how long it has slept."""
    monkeypatch.setattr(clock_module, "_CLOCK", None)
    clock = SystemClock()
    assert clock.asleep() == 0.0
    assert clock.monotonic() <= time.monotonic() <= clock.monotonic()
