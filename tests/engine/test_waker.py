import select

import pytest

from binance_socket._engine.waker import Waker


@pytest.fixture
def waker(descriptors):
    waker = Waker()
    yield waker
    waker.close()


def readable(waker):
    return bool(select.select([waker], [], [], 0)[0])


def test_a_wake_up_is_for_ever(waker):
    """Every wait after wake() ends at once, however often it is drained or woken."""
    assert not readable(waker)
    assert not waker.woken
    for _ in range(3):
        waker.wake()
        waker.drain()
        assert readable(waker)
    assert waker.woken


def test_a_nudge_is_for_once(waker):
    """After a nudge is drained, the next wait waits."""
    waker.nudge()
    assert readable(waker)
    assert not waker.woken
    waker.drain()
    assert not readable(waker)
    waker.drain()


def test_nudging_never_blocks(waker):
    """A waker that nobody drains takes any number of nudges."""
    for _ in range(20_000):
        waker.nudge()
    assert readable(waker)


def test_a_closed_waker_ignores_everything(waker):
    """wake() after close() touches no descriptor: its number may be another's by then."""
    waker.close()
    waker.close()
    waker.wake()
    waker.nudge()
    assert waker.woken
    assert waker.fileno() == -1
