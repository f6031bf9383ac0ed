"""binance_socket._session.audit"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from binance_socket._session.effects import Abort, Lost, Opened, Pending, Probe, Send
from binance_socket._session.topics import STREAMS, StreamTopic, UserDataTopic

TOPIC = UserDataTopic(needs_logon=False)
AFTER = 900.0


class Quiet:
    """A driven session whose peer shows signs of life, and sends no events unless the test says so."""

    def __init__(self, driven: Any) -> None:
        self.driven = driven
        self.session = driven.session
        self.event_at = driven.now

    def event(self) -> None:
        self.event_at = self.driven.now

    def tick(self, seconds: float) -> list[Any]:
        self.driven.now += seconds
        self.driven.heard_at = self.driven.now
        self.session.tick(self.driven.now, self.driven.heard_at, self.event_at)
        return [effect for effect in self.session.effects() if not isinstance(effect, Probe)]

    def next_tick(self) -> float | None:
        """Return when there is something to do while nobody reads."""
        when: float | None = self.session.next_tick(float("inf"), self.event_at)
        return when

    def asked(self, seconds: float) -> Pending:
        """Let *seconds* pass, and return the question that is asked then."""
        [effect] = self.tick(seconds)
        assert isinstance(effect, Send)
        assert effect.pending.request.method == "session.subscriptions"
        assert effect.pending.request.weight == 2
        [pending] = self.driven.write([effect])
        return pending


@pytest.fixture
def quiet(drive: Callable[..., Any]) -> Quiet:
    driven = drive(audit_after=AFTER)
    driven.connect()
    driven.open(TOPIC, 3)
    return Quiet(driven)


def test_a_subscription_that_the_exchange_has(quiet: Quiet) -> None:
    """Nothing changes, and it is asked about again after as long a time."""
    assert quiet.tick(AFTER - 1) == []
    pending = quiet.asked(1)
    assert quiet.driven.answer(pending, [{"subscriptionId": 3}, {"subscriptionId": 7}]) == []
    assert quiet.tick(AFTER - 1) == []
    quiet.asked(1)


def test_a_subscription_that_the_exchange_has_forgotten(quiet: Quiet) -> None:
    """It is lost, and asked for anew: that is how its interval gets its end."""
    pending = quiet.asked(AFTER)
    lost, send = quiet.driven.answer(pending, [{"subscriptionId": 2}])
    assert isinstance(lost, Lost)
    assert lost.topic == TOPIC
    assert lost.since == quiet.driven.now - AFTER
    [again] = quiet.driven.write([send])
    assert again.request.method == TOPIC.opening.method
    assert quiet.driven.answer(again, {"subscriptionId": 4}) == [Opened(TOPIC, 4)]


def test_since_when_it_may_have_been_forgotten(quiet: Quiet) -> None:
    """Since the exchange has said last that it was there."""
    quiet.driven.answer(quiet.asked(AFTER), [{"subscriptionId": 3}])
    lost, _ = quiet.driven.answer(quiet.asked(AFTER), [])
    assert lost.since == quiet.driven.now - AFTER


def test_an_event_of_the_only_one_tells_that_it_was_there(quiet: Quiet) -> None:
    """What it was known to have then, it cannot have forgotten before."""
    quiet.tick(AFTER - 1)
    quiet.event()
    event_at = quiet.driven.now
    lost, _ = quiet.driven.answer(quiet.asked(AFTER), [])
    assert lost.since == event_at


def test_an_event_of_another_that_is_gone_tells_nothing(quiet: Quiet) -> None:
    """The one that is left may have been forgotten before."""
    began = quiet.driven.now
    [logon] = quiet.driven.write(quiet.driven.submit("logon", "session.logon"))
    quiet.driven.answer(logon, {})
    quiet.driven.open(UserDataTopic(needs_logon=True), 5)
    quiet.tick(AFTER - 1)
    quiet.event()
    quiet.driven.unsubscribe(UserDataTopic(needs_logon=True))
    lost, _ = quiet.driven.answer(quiet.asked(AFTER), [])
    assert lost.since == began


def test_nothing_was_lost_before_it_was_there(quiet: Quiet) -> None:
    """One that was opened after the last answer has lost nothing before that."""
    [logon] = quiet.driven.write(quiet.driven.submit("logon", "session.logon"))
    quiet.driven.answer(logon, {})
    quiet.tick(AFTER - 1)
    quiet.driven.open(UserDataTopic(needs_logon=True), 5)
    opened_at = quiet.driven.now
    lost, _ = quiet.driven.answer(quiet.asked(1), [{"subscriptionId": 3}])
    assert (lost.topic, lost.since) == (UserDataTopic(needs_logon=True), opened_at)


def test_an_event_is_proof(quiet: Quiet) -> None:
    """What comes need not be asked about."""
    assert quiet.tick(AFTER - 1) == []
    quiet.event()
    assert quiet.tick(AFTER - 1) == []
    quiet.asked(1)


def test_a_busy_subscription_does_not_hide_another(quiet: Quiet) -> None:
    """Of several, what comes may all be of one: they are asked about however busy that is."""
    other = UserDataTopic(needs_logon=True)
    [logon] = quiet.driven.write(quiet.driven.submit("logon", "session.logon"))
    quiet.driven.answer(logon, {})
    quiet.driven.open(other, 5)
    assert quiet.tick(AFTER - 1) == []
    quiet.event()
    pending = quiet.asked(1)
    lost, send = quiet.driven.answer(pending, [{"subscriptionId": 5}])
    assert isinstance(lost, Lost)
    assert (lost.topic, lost.since) == (TOPIC, quiet.driven.now - AFTER)
    [again] = quiet.driven.write([send])
    quiet.driven.unsubscribe(TOPIC)
    # What is left is alone, and its events are proof again.
    assert quiet.driven.answer(again, {"subscriptionId": 6}) != []
    assert quiet.tick(AFTER - 1) == []
    quiet.event()
    assert quiet.tick(AFTER - 1) == []


@pytest.mark.parametrize("result", [None, {}, "x", 5, {"subscriptionId": 3}], ids=repr)
def test_an_answer_that_makes_no_sense(quiet: Quiet, result: Any) -> None:
    """It changes nothing."""
    assert quiet.driven.answer(quiet.asked(AFTER), result) == []


def test_an_error(quiet: Quiet) -> None:
    """Neither does a refusal, nor a time-out, nor the loss of the link."""
    assert quiet.driven.refuse(quiet.asked(AFTER), -1000, 500) == []
    quiet.asked(AFTER)
    assert quiet.tick(10.0) == []
    quiet.asked(AFTER - 10.0)
    assert [type(effect) for effect in quiet.driven.lose()] == [Lost]


def test_what_has_changed_since_the_question(quiet: Quiet) -> None:
    """A subscription that was made, or made anew, after the question may not be in the answer."""
    pending = quiet.asked(AFTER)
    quiet.driven.open(UserDataTopic(needs_logon=True), 5)
    quiet.session.subscription_event(3, "eventStreamTerminated", quiet.driven.now)
    [again] = quiet.driven.write(quiet.session.effects())
    quiet.driven.answer(again, {"subscriptionId": 6})
    assert quiet.driven.answer(pending, []) == []


def test_when_it_is_due(quiet: Quiet) -> None:
    """The timer is told; but not where nothing is subscribed, or nobody reads."""
    assert quiet.session.next_tick(quiet.driven.now + 2 * AFTER, quiet.event_at) == quiet.driven.now + AFTER
    assert quiet.next_tick() == float("inf")
    quiet.driven.write(quiet.driven.unsubscribe(TOPIC))
    assert all(not isinstance(effect, (Send, Abort)) for effect in quiet.tick(2 * AFTER))


def test_a_new_link_begins_anew(quiet: Quiet) -> None:
    """It has just been subscribed."""
    assert quiet.tick(AFTER - 1) == []
    quiet.driven.lose()
    [pending] = quiet.driven.write(quiet.driven.connect())
    quiet.driven.answer(pending, {"subscriptionId": 0})
    assert quiet.tick(1.0) == []


def test_a_stream_server_is_not_asked(drive: Callable[..., Any]) -> None:
    """It stamps names, and counts messages."""
    driven = drive(STREAMS, audit_after=AFTER)
    driven.connect()
    [pending] = driven.write(driven.subscribe(StreamTopic("x")))
    driven.answer(pending)
    assert Quiet(driven).tick(10 * AFTER) == []


def test_it_can_be_switched_off(drive: Callable[..., Any]) -> None:
    """Then an account may be silent for as long as it likes."""
    driven = drive(audit_after=None)
    driven.connect()
    driven.open(TOPIC)
    assert Quiet(driven).tick(10 * AFTER) == []
