"""binance_socket._session.hearing"""

from __future__ import annotations

from typing import Any

import pytest

from binance_socket._session.hearing import Hearing
from binance_socket._session.server_clock import ServerClock

BEGAN = 1_700_000_000


@pytest.fixture
def hearing() -> Hearing:
    """Of a link that there is since 100."""
    hearing = Hearing(ServerClock(monotonic=0.0, wall=float(BEGAN)))
    hearing.begin(100.0)
    return hearing


def read(hearing: Hearing, now: float, event: Any = None) -> None:
    """Read something, perhaps an *event*, and hand it on."""
    hearing.alive_at = hearing.read_at = now
    if event is not None:
        hearing.event_at, hearing.event = now, event
    hearing.taken_at = now


def sent(at: float) -> dict[str, Any]:
    return {"e": "trade", "E": int((BEGAN + at) * 1000)}


def test_what_was_sent_before_something_was_read_has_come(hearing: Hearing) -> None:
    """Also where nothing was read yet; and as soon as what was read is handed on, and no sooner."""
    assert hearing.complete_at() == 100.0
    read(hearing, 110.0)
    assert hearing.complete_at() == 110.0
    hearing.alive_at = hearing.read_at = 120.0
    assert hearing.complete_at() == 110.0


@pytest.mark.parametrize(
    ("event", "late"),
    [
        (sent(140), 60.0),
        ({"E": (BEGAN + 140) * 1_000_000}, 60.0),
        (b'{"e":"trade","E":1700000140000}', 60.0),
        ([sent(130), sent(140)], 60.0),
        (sent(210), 0.0),
        # None can be older than its link.
        (sent(0), 200.0),
        ({"u": 7}, 0.0),
        ({"E": "soon"}, 0.0),
        ({"E": 0}, 0.0),
        (b"{", 0.0),
        ([], 0.0),
        (["?"], 0.0),
    ],
)
def test_an_event_that_was_sent_long_before(hearing: Hearing, event: Any, late: float) -> None:
    """What is behind it, signs of life included, is as late, as far as is known."""
    read(hearing, 200.0, event)
    assert hearing.complete_at() == hearing.sent_at(event, 200.0) == max(200.0 - late, 100.0)
    read(hearing, 203.0)
    assert hearing.complete_at() == max(203.0 - late, 100.0)


def test_another_link_is_another_line(hearing: Hearing) -> None:
    """What was late on the one before says nothing of it."""
    read(hearing, 200.0, sent(140))
    hearing.begin(210.0)
    read(hearing, 220.0)
    assert hearing.complete_at() == 220.0


@pytest.mark.parametrize(("event", "complete_at"), [(sent(108), 108.0), ({"u": 7}, 110.0)])
def test_while_nobody_reads_nothing_comes(hearing: Hearing, event: Any, complete_at: float) -> None:
    """And it has not when a sign of life is read at first: only a minute later it would have."""
    read(hearing, 110.0, event)
    hearing.stop()
    assert hearing.alive_at == float("inf")
    assert hearing.complete_at() == complete_at
    hearing.go_on(170.0)
    assert (hearing.alive_at, hearing.read_on_at) == (170.0, 170.0)
    for now in (170.0, 229.0):
        read(hearing, now)
        assert hearing.complete_at() == complete_at
    read(hearing, 230.0)
    assert hearing.complete_at() == 230.0 - (110.0 - complete_at)


def test_events_say_how_far_it_has_caught_up(hearing: Hearing) -> None:
    """As soon as one comes that does."""
    read(hearing, 110.0, sent(110))
    hearing.stop()
    hearing.go_on(170.0)
    read(hearing, 171.0, sent(120))
    assert hearing.complete_at() == 120.0
    read(hearing, 172.0, sent(172))
    assert hearing.complete_at() == 172.0


def test_where_none_says_so_it_is_behind_since_it_stopped_first(hearing: Hearing) -> None:
    """However often it goes on in between, until it has read for a minute."""
    read(hearing, 110.0, {"u": 1})
    for now in (120.0, 180.0):
        hearing.stop()
        hearing.go_on(now)
        read(hearing, now + 1, {"u": 2})
        assert hearing.complete_at() == 110.0
    read(hearing, 240.0, {"u": 3})
    hearing.stop()
    hearing.go_on(250.0)
    read(hearing, 251.0, {"u": 4})
    assert hearing.complete_at() == 240.0
