"""binance_socket._session.logon: revocations. Ordinary logons are in test_session.py and test_subscriptions.py."""

from __future__ import annotations

from typing import Any

from binance_socket._session.effects import Closed, Lost, Opened, Send
from binance_socket._session.topics import UserDataTopic
from binance_socket._wire.messages import Request, Security
from binance_socket.errors import AuthenticationError, AuthRevoked

TOPIC = UserDataTopic(needs_logon=True)
SIGNED = UserDataTopic(needs_logon=False)
LOGON = Request[Any]("session.logon", security=Security.SIGNED)


def logon(driven: Any, effects: list[Any]) -> Any:
    """Return the logon that *effects* ask for, and nothing else."""
    [pending] = driven.write([effect for effect in effects if isinstance(effect, Send)])
    assert pending.request.method == "session.logon"
    return pending


def test_three_times(ready: Any) -> None:
    """At once, after up to one second, and after up to two; then what needs it ends, and nothing else."""
    ready.open(SIGNED, 0)
    ready.open(TOPIC, 1)
    effects = ready.revoke()
    assert effects[0] == Lost(TOPIC, "the exchange revoked the session")
    for wait in (0.5, 1.0):
        assert ready.refuse(logon(ready, effects), -2015, 401) == []
        assert ready.next_tick() == ready.now + wait
        assert ready.tick(wait / 2) == []
        effects = ready.tick(wait / 2)
    [closed] = ready.refuse(logon(ready, effects), -2015, 401)
    assert isinstance(closed, Closed)
    assert closed.topic == TOPIC
    assert isinstance(closed.error, AuthRevoked)
    assert (closed.error.code, closed.error.status, closed.error.method) == (-2015, 401, "session.logon")
    assert isinstance(closed.error.__cause__, AuthenticationError)
    assert ready.session.is_open(SIGNED)
    assert not ready.session.logon.wanted
    # The next link is not logged on any more.
    ready.lose()
    assert [pending.request.method for pending in ready.write(ready.connect())] == [SIGNED.opening.method]


def test_the_third_time_helps(ready: Any) -> None:
    """Then the topic is opened again, as if nothing had been."""
    ready.open(TOPIC)
    effects = ready.revoke()
    for wait in (0.5, 1.0):
        ready.refuse(logon(ready, effects), -2015, 401)
        effects = ready.tick(wait)
    [pending] = ready.write(ready.answer(logon(ready, effects), {}))
    assert ready.answer(pending, {"subscriptionId": 2}) == [Opened(TOPIC, 2)]


def test_revoked_again_and_again(ready: Any) -> None:
    """A session that is revoked as soon as it is logged on is not logged on for ever."""
    ready.open(TOPIC)
    for wait in (0.0, 0.5, 1.0):
        effects = ready.revoke()
        if wait:
            effects = ready.tick(wait)
        [pending] = ready.write(ready.answer(logon(ready, effects), {}))
        ready.answer(pending, {"subscriptionId": 2})
    lost, closed = ready.revoke()
    assert isinstance(lost, Lost)
    assert isinstance(closed.error, AuthRevoked)
    assert "revoked" in str(closed.error)


def test_revoked_once_in_a_while(ready: Any) -> None:
    """A logon that has held for a minute has been one."""
    ready.open(TOPIC)
    for _ in range(10):
        [pending] = ready.write(ready.answer(logon(ready, ready.revoke()), {}))
        ready.answer(pending, {"subscriptionId": 2})
        ready.now += 60.0


def test_a_failure_that_passes_is_no_refusal(ready: Any) -> None:
    """It is tried for as long as it takes: nobody has said that the key is worth nothing."""
    ready.open(TOPIC)
    effects = ready.revoke()
    waits = (0.5, 1.0, 2.0, 4.0, 4.0)
    for wait in waits:
        assert ready.refuse(logon(ready, effects), -1008, 503) == []
        effects = ready.tick(wait)
    assert logon(ready, effects)


def test_without_topics(ready: Any) -> None:
    """Whoever logged on is logged on again; and after three times is not."""
    [pending] = ready.write(ready.submit("a", LOGON))
    ready.answer(pending, {})
    effects = ready.revoke()
    for wait in (0.5, 1.0):
        ready.refuse(logon(ready, effects), -2015, 401)
        effects = ready.tick(wait)
    assert ready.refuse(logon(ready, effects), -2015, 401) == []
    assert not ready.session.logon.wanted
    assert ready.next_tick() > ready.now + 10.0


def test_a_revocation_of_nothing(ready: Any) -> None:
    """Where nobody was logged on, nothing is tried; and a first logon that is refused later is refused at once."""
    assert ready.revoke() == []
    effects = ready.subscribe(TOPIC)
    [closed] = ready.refuse(logon(ready, effects), -2015, 401)
    assert type(closed.error) is AuthenticationError


def test_the_user_logs_on_meanwhile(ready: Any) -> None:
    """Then there is nothing left to try."""
    ready.open(TOPIC)
    ready.refuse(logon(ready, ready.revoke()), -2015, 401)
    [own] = ready.write(ready.submit("a", LOGON))
    assert [effect.pending.request.method for effect in ready.answer(own, {}) if isinstance(effect, Send)] == [
        TOPIC.opening.method
    ]
    assert ready.tick(0.5) == []


def test_a_new_link_is_tried_at_once(ready: Any) -> None:
    """What was due on the old one is not waited for; but it counts."""
    ready.open(TOPIC)
    ready.refuse(logon(ready, ready.revoke()), -2015, 401)
    ready.lose()
    effects = ready.connect()
    ready.refuse(logon(ready, effects), -2015, 401)
    [closed] = ready.refuse(logon(ready, ready.tick(1.0)), -2015, 401)
    assert isinstance(closed.error, AuthRevoked)


def test_revoked_while_a_logon_is_under_way(ready: Any) -> None:
    """Its answer says what is next: until then there is nothing to be done, over and over."""
    ours = logon(ready, ready.subscribe(TOPIC))
    [users] = ready.write(ready.submit("a", LOGON))
    [opening] = ready.write(ready.answer(users, {}))
    assert opening.request.method == TOPIC.opening.method
    assert ready.revoke() == []
    assert ready.tick() == []
    assert ready.next_tick() > ready.now
    [pending] = ready.write(ready.answer(ours, {}))
    assert ready.answer(pending, {"subscriptionId": 2}) == [Opened(TOPIC, 2)]
