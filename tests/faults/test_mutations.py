"""
Without a dedupe key, or without a hold, the checks fail: each mutation turns the test beside it red.

The tests of this module that have no mutation are what the mutated ones run, and are green.
"""

from __future__ import annotations

import copy

import pytest
from fault_matrix import CASES, states
from fault_matrix.closing import Closing
from fault_matrix.invariants import stream_violations
from fault_matrix.kinds import State
from fault_matrix.runner import play
from fault_matrix.transcript import Heard

from binance_socket._engine.overlap import Overlap
from binance_socket._engine.recovery import Recovery
from binance_socket._engine.timer import Timer
from binance_socket._session import merge, session
from binance_socket._session.correlation import Correlation
from binance_socket._session.merge import Merge
from binance_socket._session.session import Session
from binance_socket._session.subscriptions import Subscriptions
from binance_socket._session.told import Told
from binance_socket._wire import identity

# Two events of each kind that are the same but for one key.
ALIKE = {
    "executionReport": {
        "e": "executionReport", "E": 1000, "s": "BTCUSDT", "I": 5, "i": 7, "c": "c", "C": "", "x": "TRADE",
        "X": "FILLED", "t": 3, "T": 900, "z": "2", "l": "1", "r": "NONE",
    },
    "listStatus": {
        "e": "listStatus", "E": 1000, "s": "BTCUSDT", "g": 2, "l": "EXEC_STARTED", "L": "EXECUTING", "T": 900, "C": "c",
        "r": "NONE",
    },
    "outboundAccountPosition": {
        "e": "outboundAccountPosition", "E": 1000, "u": 900, "B": [{"a": "BTC", "f": "1", "l": "0"}],
    },
    "balanceUpdate": {"e": "balanceUpdate", "E": 1000, "a": "BTC", "d": "1", "T": 900},
    "externalLockUpdate": {"e": "externalLockUpdate", "E": 1000, "a": "BTC", "d": "1", "T": 900},
    "somethingNew": {"e": "somethingNew", "E": 1000, "x": "1"},
}  # fmt: skip
OTHERS = {"B": [{"a": "BTC", "f": "2", "l": "0"}]}
WITHOUT_NUMBER = {key: value for key, value in ALIKE["executionReport"].items() if key != "I"}
KEYS = {
    "executionReport by its number": (ALIKE["executionReport"], ("s", "I")),
    "executionReport": (WITHOUT_NUMBER, identity._EXECUTION),
    "listStatus": (ALIKE["listStatus"], identity._LIST_FIELDS),
    "outboundAccountPosition": (ALIKE["outboundAccountPosition"], ("u", "B")),
    **{name: (ALIKE[name], keys) for name, keys in identity._FIELDS.items()},
    "somethingNew": (ALIKE["somethingNew"], ("x",)),
}
TWO = [pytest.param(event, key, id=f"{name}-{key}") for name, (event, keys) in KEYS.items() for key in keys]


def other(event, key):
    """Return another event, which differs in one key."""
    value = event[key]
    return {**event, key: OTHERS.get(key, value + 1 if isinstance(value, int) else f"{value}9")}


def sent_again(event):
    """Return the same event, as another connection sends it."""
    return {**copy.deepcopy(event), "E": event["E"] + 1}


def told(steps, *, waits=False):
    """Return what a merge delivers: each step is an event of the old or the new connection, or the end of the old."""
    merging = Merge(waits=waits)
    due = []
    for side, event in steps:
        due += {"old": merging.from_old, "new": merging.from_new}[side](event, event) if event else merging.old_ended()
    return [Heard(one.item, one.possible_duplicate) for one in due]


END = ("old", None)


def both(events):
    """Return the steps in which two connections bring the same events, the old one first."""
    return [*(("old", event) for event in events), *(("new", sent_again(event)) for event in events), END]


@pytest.mark.parametrize("event, key", TWO)
def test_two_that_differ_in_a_key(event, key):
    """Are both delivered, once each, whichever of two connections brings them first."""
    events = [event, other(event, key)]
    assert stream_violations(events, told(both(events))) == []
    # One of them came on the old connection alone, the other on the new one alone.
    assert stream_violations(events, told([("old", events[0]), END, ("new", sent_again(events[1]))])) == []


@pytest.mark.parametrize("event, key", TWO)
def test_without_a_dedupe_key(event, key, monkeypatch):
    """``test_two_that_differ_in_a_key`` turns red: one of the two is lost."""
    name = event["e"]
    if name == "executionReport" and "I" not in event:
        monkeypatch.setattr(identity, "_EXECUTION", tuple(k for k in identity._EXECUTION if k != key))
    elif name == "listStatus":
        monkeypatch.setattr(identity, "_LIST_FIELDS", tuple(k for k in identity._LIST_FIELDS if k != key))
    elif name in identity._FIELDS:
        fields = {**identity._FIELDS, name: tuple(k for k in identity._FIELDS[name] if k != key)}
        monkeypatch.setattr(identity, "_FIELDS", fields)
        # Two that look the same are counted, and so are not lost: what is left of the keys has to be for certain.
        believe(monkeypatch)
    else:
        original = merge.identity_of
        monkeypatch.setattr(
            merge, "identity_of", lambda payload: original({k: v for k, v in payload.items() if k != key})
        )
        believe(monkeypatch)
    with pytest.raises(AssertionError, match=r"lost|never came|twice"):
        test_two_that_differ_in_a_key(event, key)


def believe(monkeypatch):
    """Have every identity pass for a certain one."""
    known = merge.identity_of
    monkeypatch.setattr(merge, "identity_of", lambda payload: (known(payload)[0], True))
    monkeypatch.setattr(merge, "NUMBERED", frozenset(ALIKE) | merge.NUMBERED)


@pytest.mark.parametrize("name", ALIKE)
def test_the_same_from_both(name):
    """Is delivered once, though the two connections sent it at different times."""
    event = ALIKE[name]
    assert stream_violations([event], told(both([event]))) == []


@pytest.mark.parametrize("name", ALIKE)
def test_with_the_time_of_sending_for_a_key(name, monkeypatch):
    """``test_the_same_from_both`` turns red: it is delivered twice."""
    known = merge.identity_of
    monkeypatch.setattr(merge, "identity_of", lambda payload: ((*known(payload)[0], payload["E"]), known(payload)[1]))
    with pytest.raises(AssertionError, match="twice"):
        test_the_same_from_both(name)


@pytest.mark.parametrize("name", identity._FIELDS)
def test_two_that_look_the_same(name):
    """Two deposits of one amount in one millisecond are two."""
    event = ALIKE[name]
    events = [event, copy.deepcopy(event)]
    assert len(told([("old", event), END, ("new", sent_again(event)), ("new", sent_again(event))])) == 2
    assert stream_violations(events, told(both(events))) == []


@pytest.mark.parametrize("name", identity._FIELDS)
def test_without_counting_what_looks_the_same(name, monkeypatch):
    """``test_two_that_look_the_same`` turns red: one of the two is lost."""
    believe(monkeypatch)
    with pytest.raises(AssertionError):
        test_two_that_look_the_same(name)


def reports(*numbers):
    return [{**ALIKE["executionReport"], "I": number, "E": 1000 + number} for number in numbers]


def test_what_the_new_connection_brings_first():
    """Waits for what the old one is about to bring, which came before it."""
    first, second, third = reports(1, 2, 3)
    steps = [
        ("new", sent_again(second)),
        ("old", first),
        ("old", second),
        ("new", sent_again(third)),
        ("old", third),
        END,
    ]
    assert stream_violations([first, second, third], told(steps)) == []


def test_without_the_hold_of_a_merge(monkeypatch):
    """``test_what_the_new_connection_brings_first`` turns red: the old connection's are passed over."""
    kept = merge._Kind.__init__

    def merging_at_once(self):
        kept(self)
        self.merging = True

    monkeypatch.setattr(merge._Kind, "__init__", merging_at_once)
    with pytest.raises(AssertionError, match="lost, and"):
        test_what_the_new_connection_brings_first()


def test_a_new_connection_that_is_given_up():
    """Has delivered nothing: the old one goes on as if nothing had been."""
    first, second = reports(1, 2)
    given_up = told([("old", first), ("new", sent_again(first)), ("new", sent_again(second))], waits=True)
    # From here on the old connection delivers by itself.
    assert stream_violations([first, second], [*given_up, Heard(second)]) == []


def test_without_the_wait_of_a_merge(monkeypatch):
    """``test_a_new_connection_that_is_given_up`` turns red: what the new one brought comes again."""
    kept = Merge.__init__
    monkeypatch.setattr(Merge, "__init__", lambda self, *, waits=False: kept(self))
    with pytest.raises(AssertionError, match="twice"):
        test_a_new_connection_that_is_given_up()


def test_balances_wait_for_the_end_of_the_old_connection():
    """Because what looks the same cannot be told apart, its place is only known then."""
    deposits = [{**ALIKE["balanceUpdate"], "d": "1"}, {**ALIKE["balanceUpdate"], "d": "2"}, ALIKE["balanceUpdate"]]
    steps = [("new", sent_again(deposits[1])), ("old", deposits[0]), ("old", deposits[1])]
    steps += [("new", sent_again(deposits[2])), ("old", deposits[2]), END]
    assert [one for one in stream_violations(deposits, told(steps)) if "lost" in one] == []


def test_without_the_hold_for_what_looks_the_same(monkeypatch):
    """``test_balances_wait_for_the_end_of_the_old_connection`` turns red."""
    believe(monkeypatch)
    with pytest.raises(AssertionError, match="lost"):
        test_balances_wait_for_the_end_of_the_old_connection()


# The whole client, in a state that the hold is for.
HOLDS = {
    "pong flood - subscribing": (Subscriptions, "hold", lambda self, route, payload: False),
    "pong flood - backfilling": (Recovery, "hold", lambda self, item: self._subscription.deliver_held(item)),
}
DEDUPES = {
    "reset - idle": (Told, "mark", lambda self, key: None),
}


def case_of(name):
    return next(case for case in CASES if case.id == name)


def tell_of_a_trade(scene, held):
    """Have something told before the loss that could be told again after it."""
    scene.transcript.wait_heard(scene.publish(order=True))


@pytest.mark.parametrize("name", [*HOLDS, *DEDUPES])
def test_without_what_the_state_is_for(name, monkeypatch):
    """``test_fault`` of this name, in ``tests/faults/test_matrix.py``, turns red."""
    owner, attribute, mutated = {**HOLDS, **DEDUPES}[name]
    monkeypatch.setattr(owner, attribute, mutated)
    monkeypatch.setitem(states._ENTER, State.IDLE, tell_of_a_trade)
    wrong = play(case_of(name))
    assert any(what in one for one in wrong for what in ("lost", "told twice", "not said to be late")), wrong


LATE = 2.0
EARLY = 1.0


def keep_requests_longer(monkeypatch):
    """Have every request time out later than it should."""
    add = Correlation.add

    def later(requests, pending):
        pending.deadline += LATE
        add(requests, pending)

    monkeypatch.setattr(Correlation, "add", later)


def test_with_deadlines_that_are_late(monkeypatch):
    """``test_fault`` of "no answer - in flight" turns red: the future is not done by its deadline."""
    keep_requests_longer(monkeypatch)
    assert any("account.status: done after its deadline" in one for one in play(case_of("no answer - in flight")))


def test_with_deadlines_that_are_early(monkeypatch):
    """``test_fault`` of "no answer - in flight" turns red: the future is given up before its deadline."""
    add = Correlation.add

    def earlier(requests, pending):
        pending.deadline -= EARLY
        add(requests, pending)

    monkeypatch.setattr(Correlation, "add", earlier)
    told = play(case_of("no answer - in flight"))
    assert any("account.status: given up before its deadline" in one for one in told)


def test_with_subscriptions_that_are_late(monkeypatch):
    """``test_fault`` of "no answer - subscribing" turns red: neither is that of a subscription."""
    keep_requests_longer(monkeypatch)
    call_at = Timer.call_at

    def later(timer, when, function):
        overdue = "Hub.subscribe" in getattr(function, "__qualname__", "")
        return call_at(timer, when + LATE if overdue else when, function)

    monkeypatch.setattr(Timer, "call_at", later)
    assert any("subscribing: done after its deadline" in one for one in play(case_of("no answer - subscribing")))


def test_with_a_certainty_that_nobody_has(monkeypatch):
    """``test_fault`` of "no answer - in flight" turns red: what was received is said not to have been sent."""
    late = session.timed_out
    monkeypatch.setattr(session, "timed_out", lambda pending, *, unsent, why: late(pending, unsent=True, why=why))
    assert any("is said not to have been sent" in one for one in play(case_of("no answer - in flight")))


def test_without_what_a_new_connection_brings(monkeypatch):
    """``test_fault`` of cases in which two connections overlap turns red: a loss is told where nothing is missing."""

    def broken(*_):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(Overlap, "take_new", broken)
    assert "a loss was told" in play(case_of("ping flood - overlapping"))
    # Here it does not even come to the fault.
    for name in ("ping flood - draining", "old link of a listen key reset - draining"):
        with pytest.raises(AssertionError, match="GIVEN_UP"):
            play(case_of(name))


def test_with_a_link_that_matters_when_the_client_is_closed(monkeypatch):
    """``test_fault`` of "reset - closing" turns red: the fault really strikes within ``close()``."""
    monkeypatch.setattr(Session, "lost", lambda self, error, now: self._retreat(None))
    assert any("has failed" in one for one in play(case_of("reset - closing")))


def test_with_a_fault_beside_the_closing(monkeypatch):
    """``test_fault`` of "reset - closing" turns red: a fault that does not strike within ``close()`` is noticed."""
    monkeypatch.setattr(Closing, "_stop", lambda closing: closing._go_on())
    assert "close() did not come to where the fault was to strike" in play(case_of("reset - closing"))
