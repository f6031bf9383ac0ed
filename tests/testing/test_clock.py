import queue
import threading

import pytest

from binance_socket.testing import ManualClock

PATIENCE = 10


@pytest.fixture
def clock():
    return ManualClock(start_time=1000.0)


def waiter(clock, when, woken, condition=None):
    """Wait on a thread until the clock has reached *when*, and tell."""
    condition = condition or threading.Condition()

    def wait():
        with condition:
            while clock.monotonic() < when:
                clock.wait_until(condition, when)
        woken.put(clock.monotonic())

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_time_moves_when_told_to(clock):
    """Both clocks, together."""
    assert (clock.monotonic(), clock.time()) == (0.0, 1000.0)
    clock.advance(2.5)
    assert (clock.monotonic(), clock.time()) == (2.5, 1002.5)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_jump_goes_to_the_next_time_that_somebody_waits_for(clock):
    """However late its thread begins to wait, and no further."""
    woken = queue.SimpleQueue()
    thread = waiter(clock, 7, woken)
    assert clock.jump() == 7
    assert woken.get(timeout=PATIENCE) == 7
    thread.join(PATIENCE)


def test_advance_wakes_everybody_whose_time_has_come(clock):
    """Several threads, on one condition and on several."""
    woken = queue.SimpleQueue()
    shared = threading.Condition()
    threads = [waiter(clock, 1, woken, shared), waiter(clock, 2, woken, shared), waiter(clock, 2, woken)]
    while len(clock._waiting) < 3:
        clock.advance(0)
    clock.advance(2)
    assert [woken.get(timeout=PATIENCE) for _ in threads] == [2, 2, 2]
    for thread in threads:
        thread.join(PATIENCE)


def test_a_time_that_has_passed_is_not_waited_for(clock):
    """wait_until() returns at once."""
    clock.advance(5)
    with threading.Condition() as _, (condition := threading.Condition()):
        clock.wait_until(condition, 5)


def test_a_notification_ends_a_wait(clock):
    """As with every condition; a wait without a time is never jumped to."""
    condition = threading.Condition()
    done = threading.Event()

    def wait():
        with condition:
            clock.wait_until(condition, None)
        done.set()

    thread = threading.Thread(target=wait)
    thread.start()
    while not clock._waiting:
        clock.advance(0)
    with condition:
        condition.notify()
    assert done.wait(PATIENCE)
    thread.join(PATIENCE)


def test_jump_does_not_trust_a_thread_that_was_just_notified(clock):
    """It may be about to wait for an earlier time: time goes to where it then waits."""
    condition = threading.Condition()
    goals = [100.0]
    woken = queue.SimpleQueue()

    def wait():
        with condition:
            while clock.monotonic() < goals[0]:
                clock.wait_until(condition, goals[0])
        woken.put(clock.monotonic())

    for _ in range(200):
        goals[0] = clock.monotonic() + 100
        thread = threading.Thread(target=wait)
        thread.start()
        while not clock._waiting:
            clock.advance(0)
        with condition:
            goals[0] = clock.monotonic() + 1
            condition.notify()
        assert clock.jump() == 1
        assert woken.get(timeout=PATIENCE) == goals[0]
        thread.join(PATIENCE)


def test_jump_without_anybody_waiting_fails(clock, monkeypatch):
    """With an AssertionError, which says so."""
    monkeypatch.setattr("binance_socket.testing.clock._PATIENCE", 0.05)
    with pytest.raises(AssertionError, match="no thread waits"):
        clock.jump()
