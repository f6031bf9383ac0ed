"""When a link is left for a new one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._session.rotation_time import rotation_delay

HOUR = 3600.0
DAY = 24 * HOUR
# A midnight in UTC.
MIDNIGHT = 1_700_006_400.0


def test_about_23_hours() -> None:
    """Give or take half an hour, so that not everybody comes at once."""
    assert rotation_delay(23 * HOUR, None, MIDNIGHT, 0.0) == pytest.approx(22.5 * HOUR)
    assert rotation_delay(23 * HOUR, None, MIDNIGHT, 0.5) == 23 * HOUR
    assert rotation_delay(23 * HOUR, None, MIDNIGHT, 1.0) == pytest.approx(23.5 * HOUR)


@pytest.mark.parametrize(
    ("made_at", "hours", "hour"),
    [
        (10, (2, 4), 27),  # the next night
        (3, (2, 4), 26),  # only the first moment is not too late
        (4.5, (2, 4), 26.75),
        (10, (23, 1), 24),  # over midnight
        (0.5, (0, 24), 12),  # any time that is left
    ],
)
def test_hours_of_the_day(made_at: float, hours: tuple[float, float], hour: float) -> None:
    """The last time between them that is not too late; in the middle of it where chance is in the middle."""
    delay = rotation_delay(23 * HOUR, hours, MIDNIGHT + made_at * HOUR, 0.5)
    assert made_at + delay / HOUR == pytest.approx(hour)


def test_hours_that_do_not_come_in_time() -> None:
    """Then it is not waited for them."""
    assert rotation_delay(HOUR, (2, 4), MIDNIGHT + 10 * HOUR, 0.5) == HOUR


@given(
    st.floats(60, DAY),
    st.tuples(st.integers(0, 24), st.integers(0, 24)).filter(lambda hours: hours[0] != hours[1]),
    st.floats(0, 2e9),
    st.floats(0, 1),
)
def test_never_too_late(after: float, hours: tuple[float, float], wall: float, chance: float) -> None:
    """And never in the past; between the hours, wherever these come in time."""
    delay = rotation_delay(after, hours, wall, chance)
    assert 0 <= delay <= after * (1 + 0.5 / 23) + 1e-3
    length = (hours[1] - hours[0]) % 24 or 24
    if after >= 23.6 * HOUR:
        # As exact as floats of this size are.
        assert ((wall + delay) / HOUR - hours[0] + 1e-3) % 24 <= length + 2e-3
