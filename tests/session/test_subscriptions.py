"""binance_socket._session.subscriptions, driven through the session that it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from binance_socket._session.effects import Abort, Closed, Deliver, Leaving, Lost, Opened
from binance_socket._session.subscriptions import MOST_EARLY_EVENTS
from binance_socket._session.topics import MARKET, STREAMS, MarketTopic, StreamTopic, UserDataTopic
from binance_socket.errors import ApiError, AuthenticationError, DecodeError, InvalidRequest, RequestTimeout

SIGNED = UserDataTopic(needs_logon=False)
LOGGED_ON = UserDataTopic(needs_logon=True)
TERMINATED = "eventStreamTerminated"


def event(number: int, route: Any = 0, name: str = "balanceUpdate") -> dict[str, Any]:
    return {"subscriptionId": route, "event": {"e": name, "n": number}}


def payload(number: int, name: str = "balanceUpdate") -> dict[str, Any]:
    return {"e": name, "n": number}


@pytest.fixture
def told() -> Callable[[list[Any]], list[Any]]:
    """Return what subscribers are told: ``events_told(effects)``."""
    return lambda effects: [effect for effect in effects if isinstance(effect, (Opened, Lost, Closed, Deliver))]


def methods(effects: list[Any]) -> list[str]:
    return [effect.pending.request.method for effect in effects if hasattr(effect, "pending")]


# Opening.


def test_opened(ready: Any) -> None:
    """It is asked for at once, and open when the exchange has said so."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    assert pending.request == SIGNED.opening
    assert not ready.session.is_open(SIGNED)
    assert ready.answer(pending, {"subscriptionId": 3}) == [Opened(SIGNED, 3)]
    assert ready.session.is_open(SIGNED)


def test_wanted_before_there_is_a_link(driven: Any) -> None:
    """A topic is something to connect for, and asked for before the requests that wait."""
    assert driven.subscribe(SIGNED) == []
    assert driven.session.wants_link
    driven.submit("a")
    assert methods(driven.connect()) == [SIGNED.opening.method, "ping"]


def test_wanted_twice(ready: Any) -> None:
    """Equal topics share one subscription."""
    assert len(ready.subscribe(SIGNED)) == 1
    assert ready.subscribe(UserDataTopic(needs_logon=False)) == []


def test_forgotten(ready: Any) -> None:
    """Another connection has it now: the exchange is told nothing, and it is not asked for again."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    ready.answer(pending, {"subscriptionId": 3})
    for _ in range(2):
        ready.session.forget([SIGNED])
        assert ready.session.effects() == []
        assert not ready.session.is_open(SIGNED)
        assert not ready.session.wants_link


def leave(ready: Any, *topics: Any) -> None:
    """Have another connection take over *topics*, which are open here with the routes 0, 1 and so on."""
    for route, topic in enumerate(topics):
        ready.open(topic, route)
    ready.session.forget(topics)
    assert ready.session.effects() == []


def test_what_cannot_be_read_after_another_one_has_taken_over(ready: Any) -> None:
    """It may have been the last event that came here: who stands for the subscribers is told, at once."""
    leave(ready, SIGNED)
    [lost, end] = ready.receive(None)
    assert isinstance(lost, Lost)
    assert lost.topic == SIGNED
    assert isinstance(end, Abort)
    assert ready.lose() == []
    assert not ready.session.wants_link


def test_a_link_that_is_lost_after_another_one_has_taken_over(ready: Any) -> None:
    """So it is where the link is gone, which nobody makes anew."""
    leave(ready, SIGNED)
    assert ready.lose() == [Lost(SIGNED, "gone (not sent)")]
    assert not ready.session.wants_link
    assert ready.lose() == []


@pytest.mark.parametrize("raw", [False, True])
def test_the_end_of_what_another_one_has_taken_over(ready: Any, raw: bool) -> None:
    """Nothing more can be missing of it."""
    leave(ready, SIGNED)
    if raw:
        assert ready.receive(payload(1, TERMINATED)) == [Deliver(SIGNED, payload(1, TERMINATED))]
    else:
        ready.session.subscription_event(7, TERMINATED, ready.now)
        ready.session.subscription_event(0, TERMINATED, ready.now)
    assert ready.receive(None) == []
    assert ready.lose() == []


def test_refused(ready: Any) -> None:
    """The first refusal is the caller's to handle, even one that might pass."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    [closed] = ready.refuse(pending, -1003, 429)
    assert closed.topic == SIGNED
    assert closed.error.code == -1003
    assert not ready.session.wants_link


def test_no_answer(ready: Any) -> None:
    """The first time, nothing is repeated: the caller has waited as long."""
    ready.write(ready.subscribe(SIGNED))
    [closed] = ready.tick(10.0)
    assert isinstance(closed.error, RequestTimeout)


@pytest.mark.parametrize("how", ["refused", "unanswered"])
@pytest.mark.parametrize("shared", [False, True])
def test_what_continues_another_one_is_tried_again(ready: Any, how: str, shared: bool) -> None:
    """As if it had been open itself, also where somebody else wants it for the first time."""
    written = ready.write(ready.subscribe(SIGNED)) if shared else []
    written += ready.write(ready.subscribe(SIGNED, continuing=True))
    [pending] = written
    if how == "refused":
        assert ready.refuse(pending, -1008, 503) == []
    else:
        assert ready.tick(10.0) == []
    [pending] = ready.write(ready.tick(0.5))
    [closed] = ready.refuse(pending, -2015, 400)
    assert closed.error.code == -2015


def test_an_acknowledgement_without_a_number(ready: Any) -> None:
    """No event could be told to be of this topic."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    [closed] = ready.answer(pending, {})
    assert isinstance(closed.error, DecodeError)


def test_unsendable(ready: Any) -> None:
    """What cannot be asked for without a key is closed with the reason."""
    [effect] = ready.subscribe(SIGNED)
    error = InvalidRequest("no credentials")
    ready.session.unsendable(effect.pending, error, ready.now)
    assert ready.session.effects() == [Closed(SIGNED, error)]


# By logging on.


def test_logon_first(ready: Any) -> None:
    """One logon serves every topic that needs it, and its answer opens them."""
    [logon] = ready.write(ready.subscribe(LOGGED_ON))
    assert logon.request.method == "session.logon"
    assert ready.subscribe(LOGGED_ON) == []
    [pending] = ready.write(ready.answer(logon, {}))
    assert pending.request.method == "userDataStream.subscribe"


def test_logged_on_already(ready: Any) -> None:
    """A session of the user's own logging on is used as it is."""
    [logon] = ready.write(ready.submit("a", "session.logon"))
    ready.answer(logon, {})
    assert methods(ready.subscribe(LOGGED_ON)) == ["userDataStream.subscribe"]


def test_lost_while_logging_on(ready: Any) -> None:
    """That is nobody's refusal: the next link is logged on to, and serves the topic."""
    [old] = ready.write(ready.subscribe(LOGGED_ON))
    assert ready.lose() == []
    [logon] = ready.write(ready.connect())
    assert logon.request.method == "session.logon"
    assert ready.answer(old, {}) == []
    assert methods(ready.answer(logon, {})) == ["userDataStream.subscribe"]


def test_logon_refused(ready: Any) -> None:
    """The topics that wait for it are refused with its reason, the others are not."""
    ready.open(SIGNED)
    [logon] = ready.write(ready.subscribe(LOGGED_ON))
    [closed] = ready.refuse(logon, -2015, 401)
    assert closed.topic == LOGGED_ON
    assert isinstance(closed.error, AuthenticationError)
    assert ready.session.is_open(SIGNED)
    # A further subscription tries again.
    assert methods(ready.subscribe(LOGGED_ON)) == ["session.logon"]


def test_logon_unanswered(ready: Any) -> None:
    """So is a logon that nobody answers."""
    ready.write(ready.subscribe(LOGGED_ON))
    [closed] = ready.tick(10.0)
    assert isinstance(closed.error, RequestTimeout)


@pytest.mark.parametrize("code", [-1000, -2035])
def test_logon_refused_for_now(ready: Any, code: int) -> None:
    """A topic that was open before is tried again later; meanwhile the clock has nothing to do."""
    ready.open(LOGGED_ON)
    ready.lose()
    [logon] = ready.write(ready.connect())
    ready.refuse(logon, code, 503)
    assert ready.next_tick() == ready.now + 0.5
    [logon] = ready.write(ready.tick(0.5))
    assert logon.request.method == "session.logon"
    assert ready.next_tick() == ready.now + 10.0, "it is due once, not for as long as the logon takes"
    [pending] = ready.write(ready.answer(logon, {}))
    assert ready.answer(pending, {"subscriptionId": 0}) == [Opened(LOGGED_ON, 0)]


def test_resynced_logon(ready: Any) -> None:
    """-1021 sets the clock, and the logon goes on where it was."""
    [logon] = ready.write(ready.subscribe(LOGGED_ON))
    [time] = ready.write(ready.refuse(logon, -1021))
    [logon] = ready.write(ready.answer(time, {"serverTime": 1_800_000_000_000}))
    assert methods(ready.answer(logon, {})) == ["userDataStream.subscribe"]


def test_revoked(ready: Any, told: Any) -> None:
    """What lived by the logon is lost and opened again after another; a signed subscription lives on."""
    ready.open(SIGNED, 0)
    ready.open(LOGGED_ON, 1)
    effects = ready.revoke()
    assert events_told(effects) == [Lost(LOGGED_ON, "the exchange revoked the session")]
    [logon] = ready.write(effects)
    [pending] = ready.write(ready.answer(logon, {}))
    assert ready.answer(pending, {"subscriptionId": 2}) == [Opened(LOGGED_ON, 2)]


def test_revoked_twice(ready: Any) -> None:
    """A repeated notice does not end the logon that answers the first."""
    ready.open(LOGGED_ON)
    [logon] = ready.write(ready.revoke())
    assert ready.revoke() == []
    assert methods(ready.answer(logon, {})) == ["userDataStream.subscribe"]


def test_revoked_while_opening(ready: Any) -> None:
    """An acknowledgement that will not come is not waited for."""
    [logon] = ready.write(ready.subscribe(LOGGED_ON))
    [dead] = ready.write(ready.answer(logon, {}))
    [logon] = ready.write(ready.revoke())
    [pending] = ready.write(ready.answer(logon, {}))
    assert ready.refuse(dead, -2015, 401) == [], "it is not the answer to the second attempt"
    assert ready.answer(pending, {"subscriptionId": 4}) == [Opened(LOGGED_ON, 4)]


# The connection has had its subscriptions: -2042.


def test_a_connection_that_opens_nothing_more(ready: Any) -> None:
    """What was open waits for the next connection, which is asked for once; a first subscription is refused."""
    ready.open(SIGNED)
    ready.session.subscription_event(0, TERMINATED, ready.now)
    [again] = ready.write(ready.session.effects())
    assert ready.refuse(again, -2042) == [Leaving()]
    assert ready.session.exhausted
    assert ready.tick(10.0) == []
    [logon] = ready.write(ready.subscribe(LOGGED_ON))
    [first] = ready.write(ready.answer(logon, {}))
    [closed] = ready.refuse(first, -2042)
    assert isinstance(closed.error, ApiError)
    ready.lose()
    assert not ready.session.exhausted
    assert methods(ready.connect()) == ["session.logon", SIGNED.opening.method]


def test_a_thousand_subscriptions_one_after_the_other(ready: Any) -> None:
    """The exchange allows 1,000 at a time: each that is left is closed there, so that there is never more than one."""
    for number in range(1100):
        ready.open(SIGNED, number)
        [closing] = ready.write(ready.unsubscribe(SIGNED))
        assert closing.request == SIGNED.closing(number)
        ready.refuse(closing, -2036)  # which is as well


# The server ends it.


@pytest.mark.parametrize("topic", [SIGNED, LOGGED_ON], ids=str)
def test_terminated(ready: Any, told: Any, topic: Any) -> None:
    """A subscription that the exchange ends is opened again at once."""
    ready.open(topic, 5)
    ready.session.subscription_event(5, TERMINATED, ready.now)
    effects = ready.session.effects()
    assert events_told(effects) == [Lost(topic, "the exchange ended the event stream")]
    [pending] = ready.write(effects)
    assert ready.answer(pending, {"subscriptionId": 6}) == [Opened(topic, 6)]


@pytest.mark.parametrize("route, name", [(5, "listenKeyExpired"), (4, TERMINATED)])
def test_what_ends_nothing(ready: Any, route: int, name: str) -> None:
    """Other events, and the end of other subscriptions."""
    ready.open(SIGNED, 5)
    ready.session.subscription_event(route, name, ready.now)
    assert ready.session.effects() == []
    assert ready.session.is_open(SIGNED)


def test_terminated_before_the_acknowledgement(ready: Any) -> None:
    """Overtaken by its own end, a subscription is opened, lost, and opened again; it is not believed to live."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    ready.receive(event(1))
    ready.receive(event(2, name=TERMINATED))
    assert ready.answer(pending, {"subscriptionId": 0}) == [
        Opened(SIGNED, 0, (payload(1), payload(2, TERMINATED))),
        Lost(SIGNED, "the exchange ended the event stream"),
    ]
    assert ready.next_tick() == ready.now
    [pending] = ready.write(ready.tick())
    assert ready.answer(pending, {"subscriptionId": 1}) == [Opened(SIGNED, 1)]


# The link goes.


def test_lost_and_opened_again(ready: Any) -> None:
    """On the next link it is asked for again."""
    ready.open(SIGNED)
    assert ready.lose(AuthenticationError(1, "x")) == [Lost(SIGNED, "request: x (code 1, status 400)")]
    assert not ready.session.is_open(SIGNED)
    [pending] = ready.write(ready.connect())
    assert ready.answer(pending, {"subscriptionId": 0}) == [Opened(SIGNED, 0)]


def test_lost_while_opening(ready: Any) -> None:
    """Nobody is told: it was not open; a late answer of the old link means nothing."""
    [old] = ready.write(ready.subscribe(SIGNED))
    assert ready.lose() == []
    [pending] = ready.write(ready.connect())
    assert ready.answer(old, {"subscriptionId": 0}) == []
    assert ready.answer(pending, {"subscriptionId": 1}) == [Opened(SIGNED, 1)]


@pytest.mark.parametrize(
    "code, status, passes",
    [
        *((code, 400, True) for code in (-1000, -1001, -1003, -1008, -1015, -1016, -1021)),
        *((-9999, status, True) for status in (418, 429, 500, 503)),
        *((code, 400, False) for code in (-2015, -1022, -1100, -2036, -1125)),
        (-9999, 401, False),
    ],
)
def test_resubscribing_fails(ready: Any, code: int, status: int, passes: bool) -> None:
    """What may pass is tried again, ever less often; what may not closes the topic."""
    ready.open(SIGNED)
    ready.lose()
    [pending] = ready.write(ready.connect())
    effects = ready.refuse(pending, code, status)
    if code == -1021:
        [time] = ready.write(effects)
        [pending] = ready.write(ready.answer(time, {}))
        effects = ready.refuse(pending, code, status)
    if not passes:
        [closed] = effects
        assert closed.error.code == code
        assert not ready.session.wants_link
        return
    assert effects == []
    assert ready.tick(0.4) == []
    for wait in (1.0, 2.0, 4.0, 4.0):
        [pending] = ready.write(ready.tick(ready.next_tick() - ready.now))
        ready.refuse(pending, -1000)
        assert ready.next_tick() == ready.now + wait
    [pending] = ready.write(ready.tick(4.0))
    assert ready.answer(pending, {"subscriptionId": 1}) == [Opened(SIGNED, 1)]


def test_resubscribing_is_not_answered(ready: Any) -> None:
    """It is tried again as well."""
    ready.open(SIGNED)
    ready.lose()
    ready.write(ready.connect())
    assert ready.tick(10.0) == []
    assert methods(ready.tick(0.5)) == [SIGNED.opening.method]


# Already subscribed.


@pytest.mark.parametrize(
    "listed, route", [([0], 0), ([7, 0], 0), ([7, "x", None, True], None), ([], None), ([7], None)]
)
def test_already_subscribed(ready: Any, listed: list[Any], route: int | None) -> None:
    """-2035: the subscription is taken over if it is the one that no other topic has, and refused otherwise."""
    ready.open(LOGGED_ON, 7)
    [pending] = ready.write(ready.subscribe(SIGNED))
    [listing] = ready.write(ready.refuse(pending, -2035))
    assert listing.request.method == "session.subscriptions"
    ready.receive(event(1, 0))
    effects = ready.answer(listing, [{"subscriptionId": number} for number in listed] + [5])
    if route is None:
        [closed] = effects
        assert closed.error.code == -2035
    else:
        assert effects == [Opened(SIGNED, route, (payload(1),))]


def test_already_subscribed_twice_over(ready: Any) -> None:
    """Of two that nobody has, neither is known to be ours."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    [listing] = ready.write(ready.refuse(pending, -2035))
    [closed] = ready.answer(listing, [{"subscriptionId": 0}, {"subscriptionId": 1}])
    assert closed.error.code == -2035


@pytest.mark.parametrize("code, status, passes", [(-1003, 429, True), (-1000, 500, True), (-2035, 400, False)])
def test_the_listing_fails(ready: Any, code: int, status: int, passes: bool) -> None:
    """A topic that was open before is tried again if that may help; the refusal stays the cause."""
    ready.open(SIGNED)
    ready.lose()
    [pending] = ready.write(ready.connect())
    [listing] = ready.write(ready.refuse(pending, -2035))
    effects = ready.refuse(listing, code, status)
    if passes:
        assert effects == []
        assert methods(ready.tick(0.5)) == [SIGNED.opening.method]
    else:
        [closed] = effects
        assert closed.error.code == code
        assert isinstance(closed.error.__cause__, ApiError)


def test_dropped_while_listing(ready: Any) -> None:
    """The answer concerns nobody."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    [listing] = ready.write(ready.refuse(pending, -2035))
    ready.unsubscribe(SIGNED)
    assert ready.answer(listing, [{"subscriptionId": 0}]) == []
    assert not ready.session.is_open(SIGNED)


# Closing.


def test_unsubscribe(ready: Any) -> None:
    """The server is told; what it answers changes nothing."""
    ready.open(SIGNED, 3)
    [pending] = ready.write(ready.unsubscribe(SIGNED))
    assert pending.request == SIGNED.closing(3)
    assert ready.refuse(pending, -1000) == []
    assert ready.unsubscribe(SIGNED) == []


def test_unsubscribe_without_a_link(driven: Any) -> None:
    """There is nobody to tell."""
    driven.subscribe(SIGNED)
    assert driven.unsubscribe(SIGNED) == []
    assert not driven.session.wants_link
    driven.subscribe(SIGNED)
    driven.connect()
    driven.unsubscribe(SIGNED)
    assert driven.lose() == []


def test_dropped_while_opening(ready: Any) -> None:
    """The server is told as soon as it has said which it is."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    assert ready.unsubscribe(SIGNED) == []
    [effect] = ready.answer(pending, {"subscriptionId": 3})
    assert effect.pending.request == SIGNED.closing(3)


@pytest.mark.parametrize("result", [{}, None])
def test_dropped_while_opening_and_answered_badly(ready: Any, result: Any) -> None:
    """Nothing is to be told to nobody."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    ready.unsubscribe(SIGNED)
    assert ready.answer(pending, result) == []


def test_dropped_while_opening_and_refused(ready: Any) -> None:
    """Nobody wants to know any more."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    ready.unsubscribe(SIGNED)
    assert ready.refuse(pending, -2015) == []


def test_dropped_and_wanted_again_while_opening(ready: Any) -> None:
    """The first attempt's subscription serves the second, which hears that it exists already."""
    [first] = ready.write(ready.subscribe(SIGNED))
    ready.unsubscribe(SIGNED)
    [second] = ready.write(ready.subscribe(SIGNED))
    assert ready.answer(first, {"subscriptionId": 0}) == []
    ready.receive(event(1))
    [listing] = ready.write(ready.refuse(second, -2035))
    assert ready.answer(listing, [{"subscriptionId": 0}]) == [Opened(SIGNED, 0, (payload(1),))]


# Events that come early, or to nobody.


def test_early_events(ready: Any) -> None:
    """Those of its number are delivered once, in order, right behind the acknowledgement."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    for number, route in enumerate([0, 1, 0, "0", [], {}, 0]):
        assert ready.receive(event(number, route)) == []
    assert ready.answer(pending, {"subscriptionId": 0}) == [Opened(SIGNED, 0, (payload(0), payload(2), payload(6)))]
    ready.session.subscription_event(0, TERMINATED, ready.now)
    [pending] = ready.write(ready.session.effects())
    assert ready.answer(pending, {"subscriptionId": 1}) == [Opened(SIGNED, 1)]


def test_early_events_of_two(ready: Any) -> None:
    """Each topic gets its own, whichever is acknowledged first."""
    [logon] = ready.write(ready.submit("a", "session.logon"))
    ready.answer(logon, {})
    [one] = ready.write(ready.subscribe(SIGNED))
    [two] = ready.write(ready.subscribe(LOGGED_ON))
    ready.receive(event(1, 0))
    ready.receive(event(2, 1))
    assert ready.answer(two, {"subscriptionId": 1}) == [Opened(LOGGED_ON, 1, (payload(2),))]
    assert ready.answer(one, {"subscriptionId": 0}) == [Opened(SIGNED, 0, (payload(1),))]


def test_early_events_are_delivered_once(drive: Any) -> None:
    """Not again to a later subscription of the same name, though events of others are still held."""
    driven = drive(STREAMS)
    driven.connect()
    one, two = StreamTopic("one"), StreamTopic("two")
    [pending] = driven.write(driven.subscribe(one))
    driven.subscribe(two)
    driven.receive({"stream": "one", "data": payload(1)})
    assert driven.answer(pending) == [Opened(one, "one", (payload(1),))]
    driven.write(driven.unsubscribe(one))
    [pending] = driven.write(driven.subscribe(one))
    assert driven.answer(pending) == [Opened(one, "one")]


def test_an_event_to_nobody(ready: Any) -> None:
    """Where no acknowledgement is due it is counted, and not kept for whoever comes next."""
    assert ready.receive(event(1)) == []
    assert ready.session.tally.unrouted == 1
    ready.open(SIGNED)


@pytest.mark.parametrize("end", ["refused", "dropped", "lost", "opened"])
def test_early_events_are_not_kept_for_later(ready: Any, end: str) -> None:
    """Once no acknowledgement is due, what was held for one is let go."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    ready.receive(event(1, 1))
    if end == "refused":
        ready.refuse(pending, -1100)
    elif end == "dropped":
        ready.unsubscribe(SIGNED)
    elif end == "lost":
        ready.lose()
        [pending] = ready.write(ready.connect())
    else:
        ready.answer(pending, {"subscriptionId": 0})
        ready.session.subscription_event(0, TERMINATED, ready.now)
        [pending] = ready.write(ready.session.effects())
    if end in ("refused", "dropped"):
        [pending] = ready.write(ready.subscribe(SIGNED))
    assert ready.answer(pending, {"subscriptionId": 1}) == [Opened(SIGNED, 1)]


def test_early_events_are_bounded(ready: Any) -> None:
    """A flood does not fill the memory: its oldest go, so that nothing is missing behind the first, and are counted."""
    [logon] = ready.write(ready.submit("a", "session.logon"))
    ready.answer(logon, {})
    [one] = ready.write(ready.subscribe(SIGNED))
    [two] = ready.write(ready.subscribe(LOGGED_ON))
    for number in range(MOST_EARLY_EVENTS + 2):
        ready.receive(event(number))
    # Another has its room all the same.
    ready.receive(event(1, 1))
    assert ready.session.tally.unrouted == 3
    [opened] = ready.answer(one, {"subscriptionId": 0})
    assert [held["n"] for held in opened.early] == list(range(3, MOST_EARLY_EVENTS + 2))
    ready.receive(event(2, 1))
    [opened] = ready.answer(two, {"subscriptionId": 1})
    assert [held["n"] for held in opened.early] == [1, 2]
    assert ready.session.tally.unrouted == 3


def test_early_events_of_thousands_are_bounded(ready: Any) -> None:
    """However many names a server makes up."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    for number in range(MOST_EARLY_EVENTS + 2):
        ready.receive(event(number, number))
    assert ready.session.tally.unrouted == 2
    [opened] = ready.answer(pending, {"subscriptionId": MOST_EARLY_EVENTS})
    assert [held["n"] for held in opened.early] == [MOST_EARLY_EVENTS]


# Events without a route.


@pytest.mark.parametrize("wrap", [lambda event: event, lambda event: {"event": event}], ids=["bare", "wrapped"])
def test_a_raw_event(ready: Any, wrap: Any) -> None:
    """It is of the one topic that is open; where there is none, it is missing to nobody."""
    message = wrap(payload(1))
    assert ready.receive(message) == []
    ready.open(SIGNED, 0)
    assert ready.receive(message) == [Deliver(SIGNED, payload(1))]
    assert ready.session.tally.unrouted == 1


@pytest.mark.parametrize(
    "wrap",
    [lambda event: event, lambda event: {"event": event}, lambda event: {**event, "id": 1}],
    ids=["bare", "wrapped", "with an id"],
)
def test_a_raw_event_that_may_be_of_two(ready: Any, wrap: Any) -> None:
    """One of them misses something, and nobody knows which: both are told so, and the link is made anew."""
    ready.open(SIGNED, 0)
    ready.open(LOGGED_ON, 1)
    [*lost, end] = ready.receive(wrap(payload(1)))
    assert [effect.topic for effect in lost if isinstance(effect, Lost)] == [SIGNED, LOGGED_ON]
    assert isinstance(end, Abort)
    assert ready.session.tally.malformed == 1
    assert ready.receive(wrap(payload(2))) == []


def test_a_raw_event_of_what_another_one_has_taken_over(ready: Any) -> None:
    """Who stands for the subscribers gets it; where it could be of either of two, both miss something."""
    leave(ready, SIGNED)
    assert ready.receive(payload(1)) == [Deliver(SIGNED, payload(1))]
    assert ready.session.tally.unrouted == 0
    leave(ready, LOGGED_ON)
    [*lost, end] = ready.receive(payload(2))
    assert [effect.topic for effect in lost if isinstance(effect, Lost)] == [SIGNED, LOGGED_ON]
    assert isinstance(end, Abort)


@pytest.mark.parametrize("left", [1, 2])
def test_a_raw_event_of_another_listen_key(drive: Any, left: int) -> None:
    """It names one that nobody listens to: nobody misses it, and it says nothing of those that are there."""
    driven = drive(STREAMS)
    driven.connect()
    for topic in (StreamTopic("one"), StreamTopic("two"))[:left]:
        [pending] = driven.write(driven.subscribe(topic))
        driven.answer(pending)
    assert driven.receive({"e": "listenKeyExpired", "E": 1, "listenKey": "gone"}) == []
    assert driven.session.tally.unrouted == 1
    assert driven.session.is_open(StreamTopic("one"))


def test_a_raw_stream_event(drive: Any) -> None:
    """So on a stream server."""
    driven = drive(STREAMS)
    driven.connect()
    [pending] = driven.write(driven.subscribe(StreamTopic("key")))
    assert driven.answer(pending) == [Opened(StreamTopic("key"), "key")]
    assert driven.receive(payload(1)) == [Deliver(StreamTopic("key"), payload(1))]


def test_a_raw_end(ready: Any) -> None:
    """Delivered, and then acted on."""
    ready.open(SIGNED)
    effects = ready.receive(payload(1, TERMINATED))
    assert effects[:2] == [
        Deliver(SIGNED, payload(1, TERMINATED)),
        Lost(SIGNED, "the exchange ended the event stream"),
    ]
    assert methods(effects) == [SIGNED.opening.method]


def test_early_raw_events(ready: Any) -> None:
    """They are held for the one topic that they can be of."""
    [pending] = ready.write(ready.subscribe(SIGNED))
    ready.receive(payload(1))
    ready.receive(event(2, 0))
    ready.receive({"event": payload(3)})
    assert ready.session.tally.unrouted == 0
    assert ready.answer(pending, {"subscriptionId": 0}) == [Opened(SIGNED, 0, (payload(1), payload(2), payload(3)))]


def test_early_raw_events_of_two(ready: Any) -> None:
    """Where they could be of either of two, they are of neither."""
    [logon] = ready.write(ready.submit("a", "session.logon"))
    ready.answer(logon, {})
    ready.subscribe(SIGNED)
    ready.subscribe(LOGGED_ON)
    ready.receive(payload(1))
    assert ready.session.tally.unrouted == 1


@pytest.mark.parametrize("others", ["none", "open", "due"])
@pytest.mark.parametrize("key, held", [("one", 1), ("gone", 0)])
def test_an_early_raw_event_of_a_listen_key(drive: Any, key: str, held: int, others: str) -> None:
    """It is held for the one that it names, and for no other, whatever else there is."""
    driven = drive(STREAMS)
    driven.connect()
    one, two = StreamTopic("one"), StreamTopic("two")
    if others != "none":
        [pending] = driven.write(driven.subscribe(two))
        if others == "open":
            driven.answer(pending)
    [opening] = driven.write(driven.subscribe(one))
    expired = {"e": "listenKeyExpired", "E": 1, "listenKey": key}
    assert driven.receive(expired) == []
    assert driven.session.tally.unrouted == 1 - held
    assert driven.answer(opening) == [Opened(one, "one", (expired,) * held)]


def test_the_end_of_a_listen_key_stream(drive: Any) -> None:
    """In the documents' form, an event on its own, it is of the topic whose key it names, of however many."""
    driven = drive(STREAMS)
    driven.connect()
    one, two = StreamTopic("one"), StreamTopic("two")
    for topic in (one, two):
        [pending] = driven.write(driven.subscribe(topic))
        driven.answer(pending)
    end = {"e": TERMINATED, "listenKey": "two"}
    effects = driven.receive({"event": end})
    assert effects[:2] == [Deliver(two, end), Lost(two, "the exchange ended the event stream")]
    assert driven.session.is_open(one)


# Many at once, on a stream server.


MANY = [MarketTopic(f"s{number}@trade") for number in range(1024)]


@pytest.fixture
def market(drive: Callable[..., Any]) -> Any:
    """A driven session with a link to a server of market streams."""
    driven = drive(MARKET)
    driven.connect()
    return driven


def names(pendings: list[Any]) -> list[tuple[str, int]]:
    return [(pending.request.method, len(pending.request.params)) for pending in pendings]


def events_told(effects: list[Any]) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, (Opened, Lost, Closed, Deliver))]


def settle(driven: Any, pendings: list[Any]) -> list[Any]:
    """Answer everything, and let as much time pass that nothing counts any more."""
    effects = [effect for pending in pendings for effect in driven.answer(pending)]
    return effects + driven.tick(1.0)


def test_many_are_asked_for_in_few_messages(market: Any) -> None:
    """A full connection in four, which is what a second allows beside the answer to a ping."""
    pendings = market.write(market.subscribe(*MANY))
    assert names(pendings) == [("SUBSCRIBE", 256)] * 4
    assert [name for pending in pendings for name in pending.request.params] == [topic.name for topic in MANY]
    opened = [effect.topic for pending in pendings for effect in market.answer(pending)]
    assert opened == MANY
    assert all(market.session.is_open(topic) for topic in MANY)


def test_a_fifth_message_waits(market: Any) -> None:
    """Until a second after the first answer; what is wanted meanwhile goes with it, in one message."""
    pendings = [pending for topic in MANY[:4] for pending in market.write(market.subscribe(topic))]
    assert len(pendings) == 4
    assert market.subscribe(MANY[4]) == []
    assert market.subscribe(MANY[5]) == []
    assert market.tick(5.0) == []
    market.answer(pendings[2])
    assert market.next_tick() == market.now + 1.0
    assert market.subscribe(MANY[6]) == []
    assert market.tick(0.5) == []
    [pending] = market.write(market.tick(0.5))
    assert pending.request.params == tuple(topic.name for topic in MANY[4:7])
    assert events_told(market.answer(pending)) == [Opened(topic, topic.name) for topic in MANY[4:7]]


def test_unanswered_messages_hold_up_the_others_until_they_time_out(market: Any) -> None:
    """Nobody knows when they arrive."""
    for topic in MANY[:4]:
        market.write(market.subscribe(topic))
    market.tick(5.0)
    assert market.subscribe(MANY[4]) == []
    closed = market.tick(5.0)
    assert [effect.topic for effect in closed] == MANY[:4]
    assert market.tick(0.5) == []
    assert names(market.write(market.tick(0.5))) == [("SUBSCRIBE", 1)]


def test_closings_wait_together(market: Any) -> None:
    """And leave before the openings that wait as well."""
    settle(market, market.write(market.subscribe(*MANY[:8])))
    busy = [pending for topic in MANY[:4] for pending in market.write(market.unsubscribe(topic))]
    assert names(busy) == [("UNSUBSCRIBE", 1)] * 4
    market.subscribe(MarketTopic("late@trade"))
    market.unsubscribe(*MANY[4:6])
    market.unsubscribe(MANY[6])
    for pending in busy:
        market.answer(pending)
    left, opening = market.write(market.tick(1.0))
    assert left.request.params == tuple(topic.name for topic in MANY[4:7])
    assert opening.request.params == ("late@trade",)


def test_closings_that_fill_the_budget_hold_up_openings(market: Any) -> None:
    """Then these wait for the next second."""
    settle(market, market.write(market.subscribe(*MANY)))
    busy = [pending for topic in MANY[:3] for pending in market.write(market.unsubscribe(topic))]
    assert names(market.write(market.unsubscribe(*MANY[3:300]))) == [("UNSUBSCRIBE", 256)]
    assert market.subscribe(MarketTopic("late@trade")) == []
    market.answer(busy[0])
    assert names(market.write(market.tick(1.0))) == [("UNSUBSCRIBE", 41)]
    market.answer(busy[1])
    assert names(market.write(market.tick(1.0))) == [("SUBSCRIBE", 1)]


def test_resubscribed_in_few_messages(market: Any) -> None:
    """What waited to be told to the old link is forgotten with it, and so is what that had been sent."""
    settle(market, market.write(market.subscribe(*MANY)))
    for topic in MANY[:5]:
        market.unsubscribe(topic)
    lost = market.lose()
    assert [effect.topic for effect in lost] == MANY[5:]
    market.now = market.session.resume_at
    assert names(market.write(market.connect())) == [("SUBSCRIBE", 256)] * 3 + [("SUBSCRIBE", 251)]


def test_one_at_fault_among_many(market: Any) -> None:
    """It is found by halves, and the others are subscribed to."""
    bad = MANY[77]
    waiting = market.write(market.subscribe(*MANY[:100]))
    opened: list[Any] = []
    closed: list[Any] = []
    messages = 0
    while waiting or market.next_tick() is not None:
        effects = []
        for pending in waiting:
            messages += 1
            refused = bad.name in pending.request.params
            effects += market.refuse(pending, 2) if refused else market.answer(pending)
        effects += market.tick(max(0.0, (market.next_tick() or market.now) - market.now) if not effects else 0.0)
        opened += [effect.topic for effect in effects if isinstance(effect, Opened)]
        closed += [effect for effect in effects if isinstance(effect, Closed)]
        waiting = market.write(effects)
        if len(opened) == 99 and closed:
            break
    assert [effect.topic for effect in closed] == [bad]
    assert isinstance(closed[0].error, ApiError)
    assert set(opened) == set(MANY[:100]) - {bad}
    assert messages <= 15


def test_a_refusal_that_may_pass_keeps_them_together(market: Any) -> None:
    """They were open before: the same are asked for again, in one message, after the back-off."""
    settle(market, market.write(market.subscribe(*MANY[:3])))
    market.lose()
    market.now = market.session.resume_at
    [pending] = market.write(market.connect())
    assert events_told(market.refuse(pending, -1003, 429)) == []
    market.tick(0.0)
    assert market.next_tick() is not None
    [again] = market.write(market.tick(2.0))
    assert again.request.params == pending.request.params


def test_given_up_while_asked_for(market: Any) -> None:
    """Those are closed together, once the server has said yes."""
    [pending] = market.write(market.subscribe(*MANY[:5]))
    assert market.unsubscribe(*MANY[1:4]) == []
    effects = market.answer(pending)
    assert events_told(effects) == [Opened(MANY[0], MANY[0].name), Opened(MANY[4], MANY[4].name)]
    [closing] = market.write(effects)
    assert (closing.request.method, closing.request.params) == ("UNSUBSCRIBE", tuple(t.name for t in MANY[1:4]))


def test_given_up_before_it_was_asked_for(market: Any) -> None:
    """Then the server never hears of it, either way."""
    busy = [pending for topic in MANY[:4] for pending in market.write(market.subscribe(topic))]
    market.subscribe(MANY[4])
    assert market.unsubscribe(MANY[4]) == []
    for pending in busy:
        market.answer(pending)
    assert market.tick(1.0) == []
    assert market.unsubscribe(MANY[4]) == []


def test_a_ping_of_ours_counts(market: Any) -> None:
    """The server counts it as a message."""
    [pending] = market.write(market.subscribe(MANY[0]))
    market.answer(pending)
    market.tick(20.0)
    pendings = [pending for topic in MANY[1:5] for pending in market.write(market.subscribe(topic))]
    assert len(pendings) == 3
    assert names(market.write(market.tick(1.0))) == [("SUBSCRIBE", 1)]


def test_early_events_of_many(market: Any) -> None:
    """Arrays and objects wait for their acknowledgement, each for its own; others are nobody's."""
    pendings = market.write(market.subscribe(MANY[0]))
    market.receive({"stream": MANY[0].name, "data": [{"n": 1}]})
    market.receive({"stream": MANY[1].name, "data": {"n": 2}})
    market.receive({"stream": MANY[0].name, "data": {"n": 3}})
    market.receive({"stream": [], "data": {"n": 4}})
    assert market.session.tally.unrouted == 1
    assert market.answer(pendings[0]) == [Opened(MANY[0], MANY[0].name, ([{"n": 1}], {"n": 3}))]
    [pending] = market.write(market.subscribe(MANY[1]))
    assert market.answer(pending) == [Opened(MANY[1], MANY[1].name)]


def test_a_farewell_is_not_for_those_who_hear_of_the_market(market: Any) -> None:
    """It is of the connection."""
    settle(market, market.write(market.subscribe(*MANY[:3])))
    farewell = {"e": "serverShutdown", "E": 1}
    assert market.receive({"stream": "!serverShutdown", "data": farewell}) == [Leaving()]
    assert market.receive(farewell) == [Leaving()]


@pytest.mark.parametrize("payload", [[{"n": 1}], {"u": 5, "s": "X"}, {"e": "trade"}])
def test_a_market_event_without_a_route(market: Any, payload: Any) -> None:
    """It can only be of the one stream there is; with several, all of them may miss it."""
    settle(market, market.write(market.subscribe(MANY[0])))
    assert market.receive(payload) == [Deliver(MANY[0], payload)]
    settle(market, market.write(market.subscribe(MANY[1])))
    [first, second, end] = market.receive(payload)
    assert (first.topic, second.topic) == (MANY[0], MANY[1])
    assert isinstance(end, Abort)
    market.receive(5)
    assert market.session.tally.malformed == 2
