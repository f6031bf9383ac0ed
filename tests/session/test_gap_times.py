"""binance_socket._session.gap_times"""

from __future__ import annotations

import pytest

from binance_socket._session.gap_times import LOOK_BACK, GapTimes
from binance_socket._session.server_clock import ServerClock
from binance_socket._session.told import Told

BEGAN = 1_700_000_000_000
SLACK = 50


@pytest.fixture
def clock() -> ServerClock:
    """One that nobody has set by the exchange's yet."""
    return ServerClock(monotonic=0.0, wall=BEGAN / 1000)


def tell(clock: ServerClock, at: float, ahead: float = 0.0) -> None:
    """Say what time it is, *ahead* seconds later than the wall clock says."""
    clock.learn(BEGAN / 1000 + at + ahead, sent=at, received=at, force=True)


def gap(times: GapTimes, *, lost: float = 100.0, restored: float = 110.0, told: Told | None = None) -> GapTimes:
    times.lost(heard_at=lost, received_at=None, now=lost, told=told, since=None)
    times.restored(restored)
    return times


def test_while_the_time_is_known(clock: ServerClock) -> None:
    """From before the last sign of life until events came again, by as much as is not known."""
    tell(clock, 0.0)
    times = gap(GapTimes(clock))
    assert (times.from_, times.window) == (BEGAN + 98_950, BEGAN + 98_950 - LOOK_BACK)
    assert times.to == times.until == BEGAN + 110_000 + SLACK
    assert times.are_known


@pytest.mark.parametrize("told_at", [None, -491.0], ids=["never", "long ago"])
def test_while_it_is_not(clock: ServerClock, told_at: float | None) -> None:
    """It ends when it seems to, and is looked into for a minute more: what comes by itself as well is recognised."""
    if told_at is not None:
        tell(clock, told_at)
    times = gap(GapTimes(clock))
    assert times.until == times.to + 60_000
    assert not times.are_known
    times.asked()
    assert not times.were_known
    tell(clock, 115.0, ahead=-7.0)
    times.reckon()
    # It was over before it seemed to be: nobody had known better.
    assert times.to == times.until == BEGAN + 103_000 + SLACK
    assert times.are_known


def test_clocks_that_drift_while_it_is_known(clock: ServerClock) -> None:
    """It never ends earlier than was thought; that it began too late is set right."""
    tell(clock, 0.0)
    times = gap(GapTimes(clock))
    window = times.window
    tell(clock, 111.0, ahead=0.4)
    times.reckon()
    assert times.to == BEGAN + 110_400 + SLACK
    tell(clock, 112.0, ahead=-5.0)
    times.reckon()
    assert times.to == BEGAN + 110_400 + SLACK
    # A second of it is no reason to doubt; but what is looked for begins earlier by all of it.
    assert times.window == window - 5_000


@pytest.mark.parametrize(("ahead", "right"), [(0.9, True), (-0.9, True), (1.1, False), (-1.1, False)])
def test_what_was_asked_about_another_time(clock: ServerClock, ahead: float, right: bool) -> None:
    """It counts for nothing where the clock has turned out to be off by more than a second."""
    tell(clock, 0.0)
    times = gap(GapTimes(clock))
    times.asked()
    assert times.were_known
    tell(clock, 111.0, ahead)
    assert times.were_known is right
    times.asked()
    assert times.were_known


def test_nothing_was_missed_before_it_began(clock: ServerClock) -> None:
    """As soon as it is known when that was, and by as much as is not known."""
    times = GapTimes(clock)
    assert times.began == 0
    times.began_at = 95.0
    assert gap(times).window == BEGAN + 95_000 - 1000
    tell(clock, 115.0, ahead=3600.0)
    times.reckon()
    assert times.window == times.began == BEGAN + 95_000 + 3_600_000 - SLACK


def test_what_the_gap_before_has_not_found_out(clock: ServerClock) -> None:
    """It is looked for again."""
    tell(clock, 0.0)
    times = GapTimes(clock)
    times.lost(heard_at=100.0, received_at=None, now=100.0, told=None, since=BEGAN + 7)
    assert (times.from_, times.window) == (BEGAN + 98_950, BEGAN + 7)


def test_an_event_that_came_late(clock: ServerClock) -> None:
    """The last sign of life may have been as late, and the next gap begins with it; what is unreadable is before."""
    tell(clock, 0.0)
    told = Told(lambda: clock.latest(100.0))
    times = GapTimes(clock)
    told.take({"e": "somethingNew", "E": BEGAN + 40_000})
    times.missed(90.0, told)
    told.take({"e": "somethingNew", "E": BEGAN + 60_000})
    times.missed(100.0, told)
    times.lost(heard_at=100.0, received_at=95.0, now=100.0, told=told, since=None)
    assert times.from_ == BEGAN + 40_000
    times.lost(heard_at=100.0, received_at=95.0, now=100.0, told=told, since=None)
    # 35 s late, and everything else may have been, too.
    assert times.from_ == BEGAN + 100_000 - 35_000 - 1_050


def test_an_event_of_a_time_that_is_to_come(clock: ServerClock) -> None:
    """It is believed until somebody tells the time, and not any longer."""
    told = Told(lambda: clock.latest(100.0))
    told.take({"e": "somethingNew", "E": BEGAN + 3_600_000})
    times = gap(GapTimes(clock), told=told)
    assert times.from_ == BEGAN + 3_600_000
    tell(clock, 111.0)
    times.reckon()
    times.correct(told, 111.0)
    assert times.from_ == BEGAN + 100_000 + SLACK
    assert told.last_event == BEGAN + 98_000


def test_an_event_that_could_not_be_read_of_a_market(clock: ServerClock) -> None:
    """When it came is all that is known of it."""
    tell(clock, 0.0)
    times = GapTimes(clock)
    times.missed(50.0, None)
    assert gap(times).from_ == BEGAN + 48_950


def test_what_had_stopped_earlier(clock: ServerClock) -> None:
    """The gap begins with that: by what came before, and never later than was said already."""
    tell(clock, 0.0)
    times = GapTimes(clock)
    times.lost(heard_at=100.0, received_at=None, now=100.0, told=None, since=None)
    times.lost_earlier(heard_at=50.0, received_at=None, now=105.0, told=None)
    assert (times.from_, times.window) == (BEGAN + 48_950, BEGAN + 48_950 - LOOK_BACK)
    told = Told(lambda: clock.latest(100.0))
    told.take({"e": "somethingNew", "E": BEGAN + 20_000})
    times.missed(80.0, told)
    told.take({"e": "somethingNew", "E": BEGAN + 80_000})
    times.lost(heard_at=100.0, received_at=80.0, now=100.0, told=told, since=None)
    times.lost_earlier(heard_at=50.0, received_at=80.0, now=105.0, told=told)
    # An event could not be read.
    assert (times.from_, times.window) == (BEGAN + 20_000, BEGAN + 20_000 - LOOK_BACK)


@pytest.mark.parametrize("earlier", [False, True], ids=["told at once", "found out"])
@pytest.mark.parametrize(
    ("learned", "doubtful_from", "from_"),
    [
        (True, 60.0, 60_000 - 1_050),
        # Nobody knows what time it was then, but it was no more than so long before the event that came last.
        (False, 60.0, 99_500 - (100_000 - 60_000) - 2_000),
        (True, 120.0, 99_500),
        (False, 120.0, 99_500),
    ],
)
def test_what_later_events_prove_nothing_of(
    clock: ServerClock, learned: bool, doubtful_from: float, from_: int, earlier: bool
) -> None:
    """The gap begins no later than what may be missing; later events make it begin later where they prove something."""
    if learned:
        tell(clock, 0.0)
    told = Told(lambda: clock.latest(100.0))
    told.take({"e": "somethingNew", "E": BEGAN + 99_500})
    times = GapTimes(clock)
    if earlier:
        times.lost(heard_at=100.0, received_at=99.5, now=100.0, told=told, since=None)
        assert times.from_ == BEGAN + 99_500
        times.lost_earlier(heard_at=100.0, received_at=99.5, now=105.0, told=told, doubtful_from=doubtful_from)
    else:
        times.lost(heard_at=100.0, received_at=99.5, now=100.0, told=told, since=None, doubtful_from=doubtful_from)
    assert (times.from_, times.window) == (BEGAN + from_, BEGAN + from_ - LOOK_BACK)


def test_the_announcement_of_a_shutdown(clock: ServerClock) -> None:
    """It says how long the latest sign of life was under way, and nothing of what was sent to the account before."""
    tell(clock, 0.0)
    told = Told(lambda: clock.latest(100.0))
    told.take({"e": "somethingNew", "E": BEGAN + 20_000})
    told.take({"e": "serverShutdown", "E": BEGAN + 95_000})
    times = GapTimes(clock)
    times.lost(heard_at=50.0, received_at=95.0, now=100.0, told=told, since=None)
    assert times.from_ == BEGAN + 48_950


def test_a_gap_that_began_earlier_than_was_known_when_somebody_has_told_the_time_meanwhile(clock: ServerClock) -> None:
    """Since when there was anything to miss is known by now, as it is where nothing more is found out."""
    windows = []
    for earlier in (False, True):
        its = ServerClock(monotonic=0.0, wall=BEGAN / 1000)
        times = GapTimes(its)
        times.began_at = 50.0
        times.lost(heard_at=100.0, received_at=None, now=100.0, told=None, since=None)
        tell(its, 105.0, ahead=172_800.0)
        if earlier:
            times.lost_earlier(heard_at=95.0, received_at=None, now=105.0, told=None)
        times.restored(110.0)
        windows.append(times.window)
    assert windows[0] - windows[1] < 60_000
