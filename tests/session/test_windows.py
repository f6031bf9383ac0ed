"""What is used of one limit."""

from __future__ import annotations

from binance_socket._session.windows import Window

NOW = 1_700_000_040.0  # the start of a minute
GUARD = 0.5


def window(limit: int = 100) -> Window:
    made = Window(60, limit, NOW)
    made.limited(limit)
    return made


def test_what_is_under_way_counts_until_it_is_answered() -> None:
    """Then the exchange's own count does."""
    one = window()
    one.flying += 5
    assert one.used == 5
    one.settle(5, 1, 2, 7, late=False)
    assert (one.flying, one.count, one.used) == (0, 7, 7)


def test_an_answer_that_was_overtaken_lowers_nothing() -> None:
    """Of answers whose requests were under way together, the largest count is believed."""
    one = window()
    one.flying += 2
    one.settle(1, 1, 3, 12, late=False)
    one.settle(1, 2, 4, 11, late=False)
    assert one.used == 12


def test_a_later_request_tells_more() -> None:
    """Counts of orders fall when orders are filled: what was told before the request was sent is outdated."""
    one = window()
    one.settle(0, 1, 2, 50, late=False)
    one.settle(0, 3, 4, 3, late=False)
    assert one.used == 3


def test_without_a_count_the_weight_is_added() -> None:
    """Until an answer to a later request includes it."""
    one = window()
    one.flying += 4
    one.settle(4, 1, 2, None, late=False)
    assert one.used == 4
    one.flying += 1
    one.settle(1, 1, 3, 1, late=False)  # it was sent before: not included
    assert one.used == 5
    one.settle(0, 4, 5, 5, late=False)
    assert one.used == 5


def test_an_interval_ends_when_it_is_certain() -> None:
    """What was answered around that moment counts in the next one too; what is under way, anyway."""
    one = window()
    one.flying += 10
    one.settle(4, 1, 2, 90, late=False)
    one.settle(3, 1, 3, 93, late=True)
    one.roll(NOW + 60, 4, GUARD)
    assert one.used == 96
    one.roll(NOW + 60.5, 4, GUARD)
    assert (one.used, one.flying, one.extra, one.ends) == (6, 3, 3, NOW + 120)
    # It was sent before, so that nobody knows of which interval its answer tells.
    one.settle(3, 2, 5, 96, late=False)
    assert one.used == 6
    one.roll(NOW + 300, 6, GUARD)
    assert one.used == 0


def test_room() -> None:
    """The patient leave half of what is left to others, the urgent use the spare room, heavy ones may as well."""
    one = window(100)
    assert one.spare == 5
    assert one.fits(95)
    assert not one.fits(96) or one.limit - one.spare < 96  # heavier than what is usual: alone, it may
    assert one.fits(100)
    assert not one.fits(101)
    one.flying += 40
    assert one.credit == 7
    assert one.fits(7)
    assert not one.fits(8)
    assert one.fits(55, patient=False)
    assert not one.fits(56, patient=False)
    assert one.fits(60, urgent=True)
    assert not one.fits(61, urgent=True)


def test_a_limit_that_nobody_has_told() -> None:
    """Not much is sent before an answer has told it."""
    one = Window(60, 6000, NOW)
    assert one.credit == 600
    one.flying += 600
    assert not one.fits(1)
    one.limited(6000)
    assert one.fits(1)


def test_what_was_booked_before_the_window() -> None:
    """It is not taken off."""
    one = Window(60, 10, NOW, born=5)
    one.release(1, 5)
    one.settle(1, 4, 6, 3, late=False)
    assert (one.flying, one.used) == (0, 3)
    one.flying += 1
    one.release(1, 6)
    assert one.flying == 0


def test_when_there_will_be_room() -> None:
    """Now, at the end of an interval, of a later one, or never."""
    one = window(100)
    assert one.frees_at(5, 90, GUARD) == 0.0
    assert one.frees_at(5, 91, GUARD) == NOW + 60 + GUARD
    assert one.frees_at(5, 95 + 91, GUARD) == NOW + 120 + GUARD
    assert one.frees_at(101, 0, GUARD) is None


def test_a_clock_that_was_wrong() -> None:
    """An interval does not end later than the clock says, once it is set."""
    one = window()
    one.realign(NOW - 3600)
    assert one.ends == NOW - 3540
    one.realign(NOW)
    assert one.ends == NOW - 3540
