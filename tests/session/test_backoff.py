"""binance_socket._session.backoff"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._session.backoff import Backoff, ConnectBudget, is_permanent
from binance_socket.errors import BinanceSocketError, ConnectionLost, HandshakeError, ProxyError, TlsError


def test_full_jitter() -> None:
    """The longest wait doubles up to the cap, and any part of it may be drawn."""
    longest = Backoff(0.5, 30.0, lambda: 1.0)
    assert [longest.next() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert [Backoff(0.5, 30.0, lambda: 0.0).next() for _ in range(3)] == [0.0, 0.0, 0.0]


def test_reset() -> None:
    """A connection that has proved itself starts over."""
    backoff = Backoff(1.0, 30.0, lambda: 1.0)
    assert [backoff.next(), backoff.next()] == [1.0, 2.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_at_least() -> None:
    """What the server asks for is waited in full, whatever is drawn, and beyond the cap."""
    assert Backoff(1.0, 8.0, lambda: 0.0).next(60.0) == 60.0
    assert Backoff(1.0, 8.0, lambda: 0.5).next(60.0) == 60.5


def test_a_night_without_a_network() -> None:
    """Thousands of failures neither overflow nor exceed the cap."""
    backoff = Backoff(0.5, 30.0, lambda: 1.0)
    for _ in range(5000):
        wait = backoff.next()
    assert wait == 30.0


@given(
    st.floats(0, 100),
    st.floats(0, 1e6),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e4)), max_size=80),
)
def test_bounds(base: float, cap: float, draws: list[tuple[float, float | None]]) -> None:
    """Each wait is between what the server asked for, and that plus the smaller of cap and doubled base."""
    randoms = iter([random for random, _ in draws])
    backoff = Backoff(base, cap, lambda: next(randoms))
    for attempt, (_, at_least) in enumerate(draws):
        least = at_least or 0.0
        assert least <= backoff.next(at_least) <= least + min(cap, base * 2.0**attempt)


def test_budget() -> None:
    """The connect after the last is to be had when the first is as old as the period."""
    budget = ConnectBudget(2)
    assert [budget.take(0.0), budget.take(10.0)] == [0.0, 0.0]
    assert budget.take(10.0) == 290.0
    assert budget.take(299.0) == 1.0
    assert budget.take(300.0) == 0.0
    assert budget.take(300.0) == 10.0


def test_no_budget() -> None:
    """Without a limit there is always one to be had."""
    budget = ConnectBudget(None)
    assert not any(budget.take(0.0) for _ in range(10_000))


@given(st.integers(1, 4), st.floats(0, 1e9), st.lists(st.floats(0, 400), max_size=60))
def test_never_more_than_the_limit(limit: int, start: float, steps: list[float]) -> None:
    """
    In no window of the period are there more connects than the limit, and who waits as told gets on.

    Windows are measured as the budget measures them, so that rounding at large times does not matter.
    """
    budget = ConnectBudget(limit)
    now, taken = start, []
    for step in steps:
        now += step
        wait = budget.take(now)
        assert 0 <= wait <= budget.PERIOD + 1e-6
        if wait == 0:
            taken.append(now)
        else:
            assert len(taken) >= limit
            now += wait
    for first, last in zip(taken, taken[limit:], strict=False):
        assert first + budget.PERIOD - last <= 0


def test_nothing_is_allowed_uncounted() -> None:
    """Where the wait rounds to nothing, a connect is taken and counted."""
    first, then = 0.14184684592960262, 300.1418468459296
    budget = ConnectBudget(1)
    assert [budget.take(first), budget.take(then)] == [0.0, 0.0]
    assert budget.take(then) == pytest.approx(300.0)


@pytest.mark.parametrize(
    "error, permanent",
    [
        (TlsError("who"), True),
        (ConnectionLost("refused"), False),
        (ProxyError("407"), False),
        *((HandshakeError("no", status), True) for status in (200, 301, 400, 401, 404, 410, 426)),
        *((HandshakeError("no", status), False) for status in (403, 408, 418, 425, 429, 500, 502, 503)),
    ],
    ids=str,
)
def test_is_permanent(error: BinanceSocketError, permanent: bool) -> None:
    """Another try helps unless the peer is the wrong one, or says that there is nothing here."""
    assert is_permanent(error) is permanent


def test_penalty() -> None:
    """What we have done wrong costs twenty times the first wait, but no more than the cap."""
    assert Backoff(0.5, 30.0, lambda: 0.5).penalty == 10.0
    assert Backoff(2.0, 30.0, lambda: 0.5).penalty == 30.0
    assert Backoff(0.0, 30.0, lambda: 0.5).penalty == 0.0
