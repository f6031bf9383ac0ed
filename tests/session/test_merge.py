"""One connection's events after another's: each once, in order, whatever arrives when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binance_socket._session.merge import Merge, Merged, Unmerged


def report(number: int) -> dict[str, Any]:
    return {"e": "executionReport", "s": "BTCUSDT", "I": number}


def deposit(moment: int) -> dict[str, Any]:
    return {"e": "balanceUpdate", "a": "BTC", "d": "1", "T": moment}


class Rotation:
    """A merge whose items are the payloads' own numbers."""

    def __init__(self) -> None:
        self.merge = Merge[int]()
        self.delivered: list[Merged[int]] = []

    def old(self, payload: dict[str, Any], item: int) -> list[int]:
        return self._note(self.merge.from_old(payload, item))

    def new(self, payload: dict[str, Any], item: int) -> list[int]:
        return self._note(self.merge.from_new(payload, item))

    def end(self) -> list[int]:
        return self._note(self.merge.old_ended())

    def proceed(self) -> list[int]:
        return self._note(self.merge.proceed())

    def _note(self, due: list[Merged[int]]) -> list[int]:
        self.delivered += due
        return [one.item for one in due]


def test_the_new_connection_waits_for_the_old_one() -> None:
    """What it brings may come after what the old one is about to bring."""
    rotation = Rotation()
    assert rotation.old(report(1), 1) == [1]
    assert rotation.new(report(3), 3) == []
    assert rotation.merge.held == 1
    assert rotation.old(report(2), 2) == [2]
    assert rotation.end() == [3]
    assert rotation.merge.held == 0
    assert not rotation.merge.common


def test_from_a_common_event_on_the_first_to_bring_one_delivers_it() -> None:
    """Whichever connection that is."""
    rotation = Rotation()
    assert rotation.new(report(1), 1) == []
    assert rotation.new(report(2), 2) == []
    assert rotation.old(report(1), 1) == [1, 2]
    assert rotation.merge.common
    assert rotation.new(report(3), 3) == [3]
    assert rotation.old(report(2), 2) == []
    assert rotation.old(report(3), 3) == []
    assert rotation.old(report(4), 4) == [4]
    assert rotation.new(report(4), 4) == []
    assert rotation.merge.duplicates == 4
    assert rotation.end() == []
    assert rotation.new(report(5), 5) == [5]


def test_a_common_event_that_the_old_connection_brought_first() -> None:
    """What is held by then was delivered before it."""
    rotation = Rotation()
    assert rotation.old(report(1), 1) == [1]
    assert rotation.new(report(1), 1) == []
    assert rotation.new(report(2), 2) == [2]
    assert rotation.old(report(2), 2) == []


def test_kinds_are_merged_each_by_itself() -> None:
    """The exchange promises no order across them."""
    rotation = Rotation()
    rotation.old(report(1), 1)
    rotation.new(report(1), 1)
    assert rotation.new(deposit(2), 2) == []
    assert rotation.old(deposit(1), 1) == [1]
    assert rotation.old(deposit(2), 2) == [2]


def test_after_the_old_one_has_ended_there_is_nothing_to_wait_for() -> None:
    """Kinds that come up later are delivered at once, and still only once."""
    rotation = Rotation()
    rotation.old(report(1), 1)
    assert rotation.end() == []
    assert rotation.new(deposit(1), 2) == [2]
    assert rotation.new(report(1), 1) == []
    assert rotation.merge.common


def test_what_looks_the_same_is_delivered_rather_than_lost() -> None:
    """And says that it may be a duplicate: nobody can tell which of two equal deposits this is."""
    rotation = Rotation()
    rotation.old(deposit(1), 1)
    rotation.old(deposit(1), 2)
    assert rotation.new(deposit(1), 3) == []
    assert rotation.end() == [3]
    assert rotation.delivered[-1] == Merged(3, possible_duplicate=True)
    assert not rotation.merge.common
    rotation = Rotation()
    rotation.old(deposit(1), 1)
    assert rotation.new(deposit(1), 2) == []
    assert rotation.end() == []
    assert rotation.new(deposit(1), 3) == [3]
    assert rotation.delivered[-1] == Merged(3)


def alike(moment: int = 1) -> dict[str, Any]:
    return {"e": "marginNotice", "E": moment, "what": "x"}


def test_events_of_an_unknown_kind_that_come_twice_on_one_connection() -> None:
    """Both are delivered. Of what the other one brings, nobody can tell whether it is one of them."""
    rotation = Rotation()
    assert rotation.old(alike(1), 1) == [1]
    assert rotation.old(alike(2), 2) == [2]
    assert rotation.new(alike(2), 3) == []
    assert rotation.end() == [3]
    assert [one.possible_duplicate for one in rotation.delivered] == [False, False, True]
    assert not rotation.merge.common
    rotation = Rotation()
    rotation.new(alike(1), 1)
    rotation.old(alike(1), 2)
    assert rotation.merge.common
    assert rotation.new(alike(2), 3) == []
    assert rotation.old(alike(2), 4) == [4]
    assert rotation.end() == [3]
    assert [one.possible_duplicate for one in rotation.delivered] == [False, False, True]


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from("xy"), max_size=8),
    st.integers(0, 8),
    st.integers(0, 8),
    st.lists(st.booleans(), min_size=16, max_size=16),
    st.integers(0, 1),
)
def test_unknown_events_that_are_alike(
    events: list[str], begins: int, ends: int, arrivals: list[bool], later: int
) -> None:
    """
    As often as one connection has brought it, each is delivered without a doubt; whatever is more says so.

    None is left out: also where the new connection may have sent the same a little *later* than the old one.
    """
    published = list(enumerate(events))
    old, new = published[:ends], published[begins:]
    wanted = {what: max([name for _, name in side].count(what) for side in (old, new)) for what in "xy"}
    brought_at_all = {*old, *new}
    rotation = Rotation()
    brought: list[tuple[int, str]] = []

    def bring(side: Any, event: tuple[int, str], late: int) -> None:
        brought.append(event)
        number, what = event
        side({"e": "marginNotice", "E": 10 * number + late, "what": what}, len(brought) - 1)

    for takes_old in arrivals:
        if takes_old and old:
            bring(rotation.old, old.pop(0), 0)
        elif not takes_old and new:
            bring(rotation.new, new.pop(0), later)
    for event in old:
        bring(rotation.old, event, 0)
    rotation.end()
    for event in new:
        bring(rotation.new, event, later)
    names = [brought[one.item][1] for one in rotation.delivered]
    certain = [brought[one.item][1] for one in rotation.delivered if not one.possible_duplicate]
    left = iter(published)
    assert all(any(name == what for _, what in left) for name in certain), "in order"
    for what in "xy":
        sent = sum(name == what for _, name in brought_at_all)
        assert certain.count(what) == wanted[what] <= sent <= names.count(what)
        if sent == 1 and not later:
            assert names.count(what) == 1
    assert rotation.merge.held == 0


def test_what_comes_behind_one_that_looks_the_same_stays_behind_it() -> None:
    """Nobody can tell yet whether that is to be delivered, so it waits, and what comes then on the new one waits."""
    rotation = Rotation()
    first, second, other = ({"e": "marginNotice", "E": number, "what": what} for number, what in enumerate("xxy"))
    assert rotation.old(first, 1) == [1]
    assert rotation.new(first, 1) == []
    assert rotation.new(second, 2) == []
    assert rotation.new(other, 3) == []
    assert rotation.old(second, 2) == [2]
    assert rotation.end() == [2, 3]
    assert [one.possible_duplicate for one in rotation.delivered] == [False, False, True, False]


def test_an_unknown_event_that_looks_like_one_from_before_the_new_connection() -> None:
    """The old connection is at its end before the next that is alike: nobody can tell, so it says so."""
    rotation = Rotation()
    assert rotation.old({"e": "marginNotice", "E": 1}, 1) == [1]
    assert rotation.end() == []
    assert rotation.new({"e": "marginNotice", "E": 35}, 2) == [2]
    assert [one.possible_duplicate for one in rotation.delivered] == [False, True]
    # Nor is it the same as one of the same time, where there were others.
    assert rotation.new({"e": "marginNotice", "E": 35}, 3) == [3]


def test_states_that_are_alike_are_counted_and_never_repeated() -> None:
    """Two orders placed and cancelled in one millisecond leave the same balances twice: both connections say so."""
    state: dict[str, Any] = {"e": "outboundAccountPosition", "u": 1, "B": []}
    rotation = Rotation()
    assert rotation.old(state, 1) == [1]
    assert rotation.new(state, 2) == []
    assert rotation.old(state, 3) == [3]
    assert rotation.new(state, 4) == []
    assert rotation.end() == []
    assert rotation.new(state, 5) == [5]
    assert not any(one.possible_duplicate for one in rotation.delivered)


def waiting() -> Rotation:
    rotation = Rotation()
    rotation.merge = Merge(waits=True)
    return rotation


@pytest.mark.parametrize("first", ["old", "new"])
def test_a_merge_that_waits_delivers_the_old_connection_alone(first: str) -> None:
    """So that the new one can be given up as if it had never been."""
    rotation = waiting()
    for side in (rotation.old, rotation.new) if first == "old" else (rotation.new, rotation.old):
        side(report(1), 1)
    assert rotation.merge.common
    assert rotation.new(report(2), 2) == []
    assert rotation.new(report(3), 3) == []
    assert rotation.old(report(2), 4) == [4]
    assert [one.item for one in rotation.delivered] == [1, 4]
    assert rotation.proceed() == [3]
    assert rotation.new(report(4), 5) == [5]
    assert rotation.old(report(3), 6) == []


def test_a_merge_that_proceeds_holds_what_has_no_common_event_yet() -> None:
    """Only the kinds that have one go on at once."""
    rotation = waiting()
    assert rotation.new(report(1), 1) == []
    assert rotation.proceed() == []
    assert rotation.old(report(1), 2) == [2]
    assert rotation.new(report(2), 3) == [3]


def test_the_end_of_the_old_connection_ends_the_waiting() -> None:
    """There is nothing else to deliver."""
    rotation = waiting()
    assert rotation.new(report(1), 1) == []
    assert rotation.end() == [1]
    assert rotation.new(report(2), 2) == [2]


def test_caught_up() -> None:
    """Nothing comes again once the new connection has brought the old one's last event, or a later one."""
    rotation = Rotation()
    assert not rotation.merge.caught_up
    rotation.old(report(1), 1)
    rotation.old(report(2), 2)
    rotation.new(report(1), 1)
    rotation.old({"e": "x", "n": 1}, 3)
    rotation.end()
    assert rotation.merge.ended
    assert not rotation.merge.caught_up
    rotation.new(report(2), 2)
    assert not rotation.merge.caught_up
    rotation.new({"e": "x", "n": 2}, 4)
    assert rotation.merge.caught_up


def test_caught_up_by_what_was_held() -> None:
    """The old connection would have brought that, had it gone on."""
    rotation = Rotation()
    rotation.old(report(1), 1)
    rotation.new(report(2), 2)
    rotation.end()
    assert rotation.merge.caught_up
    rotation = Rotation()
    rotation.old(deposit(1), 1)
    rotation.new(deposit(1), 2)
    rotation.end()
    assert rotation.merge.caught_up


def test_held_events_that_look_the_same() -> None:
    """They are looked at once more when the hold ends."""
    rotation = Rotation()
    rotation.new(deposit(1), 1)
    rotation.new(deposit(1), 2)
    assert rotation.old(deposit(1), 3) == [3]
    assert rotation.end() == [1, 2]
    assert [one.possible_duplicate for one in rotation.delivered] == [False, True, False]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[str], int, int, list[bool], bool, bool]:
    """The kinds of the true events, where the new one begins, where the old one ends, who arrives when, who waits."""
    kinds = draw(st.lists(st.sampled_from(["executionReport", "listStatus", "x"]), min_size=1, max_size=14))
    ends = draw(st.integers(0, len(kinds)))
    begins = draw(st.integers(0, len(kinds)))
    arrivals = draw(st.lists(st.booleans(), min_size=40, max_size=40))
    return kinds, begins, ends, arrivals, draw(st.booleans()), draw(st.booleans())


def shuffled(events: list[tuple[str, int]], by_kind: bool) -> list[tuple[str, int]]:
    """One of the orders in which a connection may send: it promises one within each kind only."""
    return sorted(events, key=lambda event: event[0]) if by_kind else events


@settings(max_examples=1500, deadline=None)
@given(histories())
def test_every_event_once_and_in_order(history: tuple[list[str], int, int, list[bool], bool, bool]) -> None:
    """The union of both connections is delivered; without overlap, what neither brought is all that is missing."""
    kinds, begins, ends, arrivals, by_kind, waits = history
    events = [(kind, number) for number, kind in enumerate(kinds)]
    old, new = shuffled(events[:ends], by_kind), events[begins:]
    rotation = waiting() if waits else Rotation()
    for step, takes_old in enumerate(arrivals):
        if step == len(kinds):
            rotation.proceed()
        if takes_old and old:
            kind, number = old.pop(0)
            rotation.old({"e": kind, "I": number + 1, "l": number, "n": number}, number)
        elif not takes_old and new:
            kind, number = new.pop(0)
            rotation.new({"e": kind, "I": number + 1, "l": number, "n": number}, number)
    for kind, number in old:
        rotation.old({"e": kind, "I": number + 1, "l": number, "n": number}, number)
    rotation.end()
    for kind, number in new:
        rotation.new({"e": kind, "I": number + 1, "l": number, "n": number}, number)
    delivered = [one.item for one in rotation.delivered]
    for kind in set(kinds):
        of_kind = [number for number in delivered if kinds[number] == kind]
        assert of_kind == [n for n, its in enumerate(kinds) if its == kind and (n < ends or n >= begins)]
    assert rotation.merge.common is (begins < ends)
    assert not any(one.possible_duplicate for one in rotation.delivered)
    assert rotation.merge.held == 0


def test_without_a_merge() -> None:
    """After a defect one connection at a time delivers: the old one, then the new one."""
    unmerged: Unmerged[int] = Unmerged(moved=False, ended=False, duplicates=3)
    assert unmerged.from_old({}, 1) == [Merged(1)]
    assert unmerged.from_new({}, 1) == []
    assert unmerged.proceed() == []
    assert unmerged.from_old({}, 2) == []
    assert unmerged.from_new({}, 2) == [Merged(2)]
    assert (unmerged.ended, unmerged.caught_up, unmerged.duplicates) == (False, False, 3)
    assert unmerged.old_ended() == []
    assert (unmerged.ended, unmerged.caught_up) == (True, True)
