"""binance_socket._session.server_clock"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._session.server_clock import ServerClock, time_told
from binance_socket._wire.messages import Reply

# Some time of this century, in epoch seconds.
NOW = 1e9


@pytest.fixture
def clock() -> ServerClock:
    return ServerClock(monotonic=100.0, wall=1_000_100.0)


def test_before_anything_is_known(clock: ServerClock) -> None:
    """The wall clock serves as it stood when the client was made."""
    assert not clock.is_learned
    assert clock.offset == 1_000_000.0
    assert clock.now(200.0) == 1_000_200.0
    assert clock.timestamp(200.0015) == 1_000_200_001


def test_the_first_answer_counts(clock: ServerClock) -> None:
    """However long it took; the server looked at its clock in the middle."""
    clock.learn(NOW + 5_000_000.0, sent=110.0, received=130.0)
    assert clock.is_learned
    assert clock.now(120.0) == NOW + 5_000_000.0


def test_a_short_round_trip_says_more(clock: ServerClock) -> None:
    """A longer one changes nothing, an equal or shorter one does."""
    clock.learn(NOW + 1000.0, sent=100.0, received=102.0)
    clock.learn(NOW + 5000.0, sent=103.0, received=106.0)
    assert clock.now(101.0) == NOW + 1000.0
    clock.learn(NOW + 5000.0, sent=110.0, received=112.0)
    assert clock.now(111.0) == NOW + 5000.0
    clock.learn(NOW + 6000.0, sent=120.0, received=120.0)
    assert clock.now(120.0) == NOW + 6000.0


def test_drift(clock: ServerClock) -> None:
    """After ten minutes any sample is better than the best of old."""
    clock.learn(NOW + 1000.0, sent=100.0, received=100.0)
    clock.learn(NOW + 2000.0, sent=690.0, received=700.0)
    assert clock.now(100.0) == NOW + 1000.0
    clock.learn(NOW + 2000.0, sent=690.0, received=700.1)
    assert clock.now(695.05) == pytest.approx(NOW + 2000.0)


def test_forced(clock: ServerClock) -> None:
    """A sample is believed in any case once the offset has been proved wrong."""
    clock.learn(NOW + 1000.0, sent=100.0, received=100.0)
    clock.learn(NOW + 9000.0, sent=101.0, received=111.0, force=True)
    assert clock.now(106.0) == NOW + 9000.0


def test_the_latest_that_it_may_be(clock: ServerClock) -> None:
    """Half a round trip later than is thought, and a little; before it was told, anything of this century."""
    assert clock.latest(100.0) == 4_102_444_800_000
    clock.learn(NOW + 1000.0, sent=99.0, received=100.0)
    assert clock.latest(100.0) == NOW * 1000 + 1_000_500 + 500 + 50
    clock.learn(NOW + 1000.0, sent=0.0, received=100.0, force=True)
    assert clock.latest(100.0) - clock.timestamp(100.0) == 50_050


def test_a_slow_answer_is_not_believed_more_than_it_says(clock: ServerClock) -> None:
    """Where most of eight seconds was the way back, it is four seconds off: that is said, and it is asked again."""
    assert clock.uncertainty == 1.0
    clock.learn(NOW + 0.1, sent=100.0, received=108.0)
    assert clock.uncertainty == 4.05
    assert clock.now(108.0) + clock.uncertainty >= NOW + 8.0
    assert not clock.is_fresh(108.0)
    assert clock.knows(108.0)
    clock.learn(NOW + 9.9, sent=109.0, received=110.8)
    assert clock.is_fresh(110.8)


def test_how_long_it_is_known(clock: ServerClock) -> None:
    """Ten minutes before it was told and ten after, and not before anybody has told it."""
    assert not clock.knows(100.0)
    clock.learn(NOW, sent=1000.0, received=1000.0)
    assert [clock.knows(moment) for moment in (399.9, 400.0, 1600.0, 1600.1)] == [False, True, True, False]
    assert [clock.is_fresh(moment) for moment in (1600.0, 1600.1)] == [True, False]


@pytest.mark.parametrize("nonsense", [-1.0, 0.0, 5.0, 946_684_799.9, 1.8e13, float("inf"), float("nan")])
def test_what_is_no_time(clock: ServerClock, nonsense: float) -> None:
    """It is not believed, not even when it is forced: every timestamp would overflow."""
    clock.learn(NOW + 1000.0, sent=100.0, received=100.0)
    clock.learn(nonsense, sent=101.0, received=101.0, force=True)
    assert clock.now(101.0) == NOW + 1001.0


def test_received_before_it_was_sent(clock: ServerClock) -> None:
    """Times read by two threads may cross a little: that is no better than no round trip at all."""
    clock.learn(NOW + 1000.0, sent=100.0, received=99.9)
    clock.learn(NOW + 2000.0, sent=101.0, received=101.0)
    assert clock.now(101.0) == NOW + 2000.0


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1), st.floats(0, 1)), min_size=1))
def test_the_error_is_at_most_half_a_round_trip(samples: list[tuple[float, float, float]]) -> None:
    """Wherever in the round trip the server looked at its clock, and whatever the wall clock said."""
    true_offset, now, best = 1e9, 0.0, float("inf")
    clock = ServerClock(monotonic=0.0, wall=-5e9)
    for pause, there, back in samples:
        sent = now + pause
        now = sent + there + back
        clock.learn(true_offset + sent + there, sent=sent, received=now)
        best = min(best, there + back)
    assert abs(clock.offset - true_offset) <= best / 2 + 1e-6


def test_the_earliest_and_the_latest_that_it_may_be() -> None:
    """By half of the round trip, and by what clocks may drift apart; before it was told, it is hardly known."""
    clock = ServerClock(monotonic=0.0, wall=1_700_000_000.0)
    assert clock.earliest(10.0) == 1_700_000_009_000
    clock.learn(1_700_000_101.0, sent=0.0, received=2.0)
    assert (clock.earliest(10.0), clock.latest(10.0)) == (1_700_000_108_950, 1_700_000_111_050)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(1_700_000_000_123, 1_700_000_000.123), (1_700_000_000_123_456, 1_700_000_000.123456)]
    + [(nonsense, None) for nonsense in (True, "1700000000123", 1.7e12, None)],
)
def test_what_an_answer_says(told: object, seconds: float | None) -> None:
    """Milliseconds or microseconds, and nothing else."""
    assert time_told(Reply(id=1, status=200, result={"serverTime": told})) == seconds
    assert time_told(Reply(id=1, status=200, result=told)) is None
