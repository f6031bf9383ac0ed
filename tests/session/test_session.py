"""binance_socket._session.session: requests, time, and how things end. What it hears is in test_subscriptions.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from binance_socket._session.admission import OpenDoor, held_back
from binance_socket._session.closing import LinkClosed
from binance_socket._session.correlation import Correlation
from binance_socket._session.costs import Cost, Waiter
from binance_socket._session.effects import Abort, Closed, Complete, Deliver, Late, Leaving, Lost, Pending, Probe, Send
from binance_socket._session.state import ConnectionState as State
from binance_socket._session.topics import STREAMS, WS_API, StreamTopic, UserDataTopic
from binance_socket._wire.messages import Reply, Request, Security
from binance_socket.errors import (
    ApiError,
    AuthenticationError,
    CallCancelled,
    Certainty,
    ClientClosed,
    ConnectionLost,
    DecodeError,
    HandshakeError,
    InvalidRequest,
    OutcomeUnknown,
    RateLimited,
    RequestTimeout,
    TlsError,
)

SIGNED = Request("account.status", security=Security.SIGNED)
LOGON = Request("session.logon", security=Security.SIGNED)
GONE = ConnectionLost("gone")


@pytest.fixture
def outcomes() -> Callable[..., dict[Any, Any]]:
    """Return what each handle was completed with: ``outcomes(effects)``; nothing may be completed twice."""

    def find(effects: list[Any]) -> dict[Any, Any]:
        completed = [effect for effect in effects if isinstance(effect, Complete)]
        found = {effect.pending.handle: effect.outcome for effect in completed}
        assert len(found) == len(completed)
        return found

    return find


# Requests and answers.


def test_sent_at_once(ready: Any) -> None:
    """With a link, a request leaves right away, in the order in which it was submitted."""
    [first] = ready.submit("a", "ping")
    [second] = ready.submit("b", "time")
    assert isinstance(first, Send)
    assert isinstance(second, Send)
    assert (first.pending.handle, first.pending.request) == ("a", Request("ping"))
    assert first.pending.id != second.pending.id
    assert ready.session.in_flight == 2


def test_effects_are_returned_once(ready: Any) -> None:
    """Whoever performs them has them then."""
    ready.session.submit(Request("ping"), "a", ready.now)
    assert len(ready.session.effects()) == 1
    assert ready.session.effects() == []


def test_sent_as_soon_as_there_is_a_link(driven: Any) -> None:
    """Requests wait for the link in order; they are what to connect for."""
    assert not driven.session.wants_link
    assert driven.submit("a") == driven.submit("b") == []
    assert driven.session.wants_link
    assert [effect.pending.handle for effect in driven.connect()] == ["a", "b"]


def test_answered(ready: Any, outcomes: Any) -> None:
    """The answer goes to who asked, whatever the order, and to nobody twice."""
    [one] = ready.write(ready.submit("a"))
    [two] = ready.write(ready.submit("b"))
    assert outcomes(ready.answer(two, 2)) == {"b": Reply(two.id, 200, 2)}
    assert outcomes(ready.answer(one, 1)) == {"a": Reply(one.id, 200, 1)}
    assert ready.answer(one, 1) == []
    assert ready.session.tally.late == 1
    assert ready.session.in_flight == 0


@pytest.mark.parametrize("stranger", ["never-asked", 7, True, None, ""])
def test_an_answer_to_nobody(ready: Any, stranger: Any) -> None:
    """It is counted, and disturbs nothing."""
    ready.submit("a")
    assert ready.receive({"id": stranger, "status": 200, "result": {}}) == []
    assert (ready.session.tally.late, ready.session.in_flight) == (1, 1)


def test_an_error_is_an_answer(ready: Any, outcomes: Any) -> None:
    """It goes to who asked, for the connection to make an exception of."""
    [pending] = ready.write(ready.order("a"))
    assert outcomes(ready.refuse(pending, -2010)) == {"a": Reply(pending.id, 400, None, {"code": -2010, "msg": "no"})}


def test_a_malformed_answer(ready: Any, outcomes: Any) -> None:
    """Who asked hears of it at once, instead of waiting."""
    [pending] = ready.write(ready.submit("a"))
    error = outcomes(ready.receive({"id": pending.id, "status": "fine"}))["a"]
    assert isinstance(error, DecodeError)
    assert error.payload == {"id": pending.id, "status": "fine"}
    assert ready.session.tally.malformed == 1


@pytest.mark.parametrize(
    "message",
    [
        *(None, True, 5, 1.5, "text", [], [1], {}),
        *({"result": 1}, {"status": "200"}, {"id": []}, {"id": {}}, {"id": 1.5}),
        {"id": None, "error": 5},
        {"id": None, "error": {}},
        {"error": {"code": "x"}},
        {"id": "unknown", "status": None},
    ],
    ids=repr,
)
def test_garbage(ready: Any, message: Any) -> None:
    """It is counted, and nothing else."""
    ready.submit("a")
    assert ready.receive(message) == []
    assert (ready.session.tally.malformed, ready.session.in_flight) == (1, 1)


def test_garbage_among_events(ready: Any) -> None:
    """It may have been an event: whoever listens is told at once that one is missing, and the link is given up."""
    topic = UserDataTopic(needs_logon=False)
    ready.open(topic)
    lost, abort = ready.receive({"what": "is this"})
    assert isinstance(lost, Lost)
    assert isinstance(abort, Abort)
    assert "is this" not in abort.reason  # keys, no values
    # Nothing is asked for on a link that is about to go.
    assert ready.receive(["more"]) == []
    assert ready.tick(1.0) == []
    assert ready.lose() == []
    assert ready.session.tally.malformed == 2
    [pending] = ready.write(ready.connect())
    assert pending.request.method == topic.opening.method


def test_a_link_that_was_given_up_is_not_used(ready: Any) -> None:
    """What is asked before its end waits for the next one: no outcome is made unknown for nothing."""
    ready.open(UserDataTopic(needs_logon=False))
    ready.receive(None)
    assert ready.order("a") == []
    assert ready.next_tick() == ready.now + 10.0
    ready.lose()
    assert "order.place" in [effect.pending.request.method for effect in ready.connect()]


def test_garbage_while_subscribing(ready: Any) -> None:
    """Events may come before the acknowledgement."""
    ready.subscribe(UserDataTopic(needs_logon=False))
    [effect] = ready.receive(None)
    assert isinstance(effect, Abort)


def test_an_answer_that_is_not_understood_is_no_event(ready: Any) -> None:
    """Nobody's events are missing."""
    ready.open(UserDataTopic(needs_logon=False))
    assert ready.receive({"id": "unknown", "status": None}) == []
    assert ready.session.tally.malformed == 1


def test_nothing_but_garbage(ready: Any) -> None:
    """With nobody listening, a message that cannot be read costs its answer at most; but three running end the link."""
    assert ready.receive(None) == []
    assert ready.receive(None) == []
    assert ready.receive({"id": "x", "status": 200}) == []
    assert ready.receive(None) == []
    assert ready.receive(None) == []
    [effect] = ready.receive(None)
    assert isinstance(effect, Abort)


def test_garbage_again_and_again(ready: Any) -> None:
    """A server that answers and then sends garbage is left alone for longer each time; unless it has done well."""
    waits = []
    for lives in (0.0, 0.0, 0.0, 299.0, 300.0, 0.0):
        if not waits:
            ready.open(UserDataTopic(needs_logon=False))
        else:
            [pending] = ready.write(ready.connect())
            ready.answer(pending, {"subscriptionId": 0})
        ready.now += lives
        ready.receive(None)
        ready.lose()
        waits.append(ready.session.resume_at - ready.now)
        ready.now = ready.session.resume_at
    assert waits == [0.5, 1.0, 2.0, 4.0, 0.5, 1.0]


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1009])
def test_frames_that_are_refused_again_and_again(ready: Any, code: int) -> None:
    """What ends below the messages proves nothing either."""
    waits = []
    for _ in range(3):
        [pending] = ready.write(ready.submit("a"))
        ready.answer(pending)
        ready.submit("b")
        ready.lose(LinkClosed(code, "no"))
        waits.append(ready.session.resume_at - ready.now)
        ready.connect()
    assert waits == [0.5, 1.0, 2.0]


def test_a_link_that_is_closed_for_what_we_did(ready: Any) -> None:
    """The exchange does not want to see us for a while, even if nothing is wanted of it at the moment."""
    [pending] = ready.write(ready.submit("a"))
    ready.answer(pending)
    ready.lose(LinkClosed(1008, "too many requests"))
    assert ready.session.state is State.BACKOFF
    assert ready.session.resume_at == ready.now + 8.0 + 0.5  # the cap, and what is drawn


def test_how_a_link_has_ended_is_kept(ready: Any) -> None:
    """For whoever wants to know, together with how often."""
    assert (ready.session.last_close, ready.session.tally.connects, ready.session.tally.losses) == (None, 1, 0)
    ready.submit("a")
    ready.lose(LinkClosed(1001, "restart"))
    assert ready.session.last_close == (1001, "restart")
    ready.connect()
    assert (ready.session.tally.connects, ready.session.tally.losses) == (2, 1)


# Deadlines.


def test_timeout_of_what_was_sent(ready: Any, outcomes: Any) -> None:
    """By its deadline, with the certainty that it may have arrived; the late answer is counted."""
    [pending] = ready.write(ready.order("a"))
    assert ready.next_tick() == ready.now + 10.0
    assert ready.tick(9.9) == []
    error = outcomes(ready.tick(0.1))["a"]
    assert isinstance(error, RequestTimeout)
    assert error.certainty is Certainty.MAYBE_SENT
    assert isinstance(error, OutcomeUnknown)
    [late] = ready.answer(pending)
    assert (late.pending, late.reply.status) == (pending, 200)
    assert ready.answer(pending) == [], "its twin tells nothing new"
    assert (ready.session.tally.late, ready.session.tally.resolved) == (2, 1)


def test_timeout_of_a_question(ready: Any, outcomes: Any) -> None:
    """A question has no outcome that could be unknown: its late answer is counted, and that is all."""
    [pending] = ready.write(ready.submit("a"))
    error = outcomes(ready.tick(10.0))["a"]
    assert type(error) is RequestTimeout
    assert error.certainty is Certainty.MAYBE_SENT
    assert ready.answer(pending) == []
    assert (ready.session.tally.late, ready.session.tally.resolved) == (1, 0)


def test_a_late_answer_on_another_link(ready: Any) -> None:
    """Ids belong to their link: what comes under an old one on the next link tells no outcome."""
    [pending] = ready.write(ready.order("a"))
    ready.tick(10.0)
    ready.lose(GONE)
    ready.connect()
    assert ready.answer(pending) == []
    assert (ready.session.tally.late, ready.session.tally.resolved) == (1, 0)


def test_an_answer_to_an_order_that_cannot_be_read(ready: Any, outcomes: Any) -> None:
    """It tells nothing about the order, whose outcome is unknown; of a question it is just a bad answer."""
    [order] = ready.write(ready.order("order"))
    [question] = ready.write(ready.submit("question"))
    unreadable = {"status": "x"}
    unknown = outcomes(ready.receive({"id": order.id, **unreadable}))["order"]
    assert type(unknown) is OutcomeUnknown
    assert isinstance(unknown.__cause__, DecodeError)
    assert isinstance(outcomes(ready.receive({"id": question.id, **unreadable}))["question"], DecodeError)


def test_an_order_in_flight_when_the_session_is_revoked(ready: Any, outcomes: Any) -> None:
    """It may have been taken before the key was; its answer, which may still come, tells."""
    [pending] = ready.write(ready.order("a"))
    unknown = outcomes(ready.revoke())["a"]
    assert type(unknown) is OutcomeUnknown
    assert unknown.__cause__.code == -2015
    [late] = ready.answer(pending)
    assert isinstance(late, Late)
    assert late.pending is pending


def test_timeout_of_what_was_not(driven: Any, outcomes: Any) -> None:
    """It was not sent, will not be, and the error says why there was no link."""
    [effect] = (driven.submit("a"), driven.connect())[1]
    driven.lose()
    driven.session.connecting()
    driven.session.connect_failed(GONE, driven.now)
    error = outcomes(driven.tick(10.0))["a"]
    assert isinstance(error, RequestTimeout)
    assert error.certainty is Certainty.NOT_SENT
    assert error.__cause__ is GONE
    assert not effect.pending.claim()
    assert driven.connect() == []


def test_a_timeout_of_ones_own(ready: Any, outcomes: Any) -> None:
    """The shortest deadline comes first."""
    ready.submit("long", timeout=60.0)
    ready.submit("short", timeout=1.0)
    ready.submit("now", timeout=0.0)
    assert set(outcomes(ready.tick())) == {"now"}
    assert set(outcomes(ready.tick(1.0))) == {"short"}
    assert ready.session.in_flight == 1


# The link goes.


def test_lost(ready: Any, outcomes: Any) -> None:
    """What may have been sent is reported at once; what was not leaves on the next link, and only there."""
    [sent] = ready.write(ready.order("sent"))
    ready.order("queued")
    effects = ready.lose(GONE)
    error = outcomes(effects)["sent"]
    assert set(outcomes(effects)) == {"sent"}
    assert isinstance(error, ConnectionLost)
    assert isinstance(error, OutcomeUnknown)
    assert error.certainty is Certainty.MAYBE_SENT
    assert error.__cause__ is GONE
    assert ready.session.last_error is GONE
    [again] = ready.connect()
    assert again.pending.handle == "queued"
    assert ready.session.last_error is None
    assert ready.answer(sent) == []


def test_backoff(ready: Any, drive: Any) -> None:
    """Each failed attempt doubles the wait, until a link has proved itself with an answer."""
    waits = []
    for _ in range(3):
        ready.submit("a", timeout=1e6)
        ready.lose()
        assert ready.session.state is State.BACKOFF
        waits.append(ready.session.resume_at - ready.now)
        ready.connect()
    assert waits == [0.5, 1.0, 2.0]
    [pending] = ready.write(ready.submit("b", timeout=1e6))
    ready.answer(pending)
    ready.submit("c", timeout=1e6)
    ready.lose()
    assert ready.session.resume_at - ready.now == 0.5


def test_an_event_is_no_proof(ready: Any) -> None:
    """A server that sends and hangs up is not hammered."""
    ready.submit("a", timeout=1e6)
    ready.lose()
    ready.connect()
    ready.receive({"event": {"e": "serverShutdown"}})
    ready.lose()
    assert ready.session.resume_at - ready.now == 1.0


def test_retry_after(driven: Any) -> None:
    """What the server asks for is waited in full, even if nothing is wanted any more when it asks."""
    driven.session.connecting()
    driven.session.connect_failed(HandshakeError("slow down", 429, 60.0), driven.now)
    driven.submit("a")
    assert driven.session.state is State.BACKOFF
    assert driven.session.resume_at == driven.now + 60.5


def test_no_hope(driven: Any, outcomes: Any) -> None:
    """When connecting cannot help, everything that waits hears so, and a new request tries again."""
    error = TlsError("expired")
    driven.submit("a")
    topic = StreamTopic("x")
    driven.subscribe(topic)
    driven.session.connecting()
    driven.session.connect_failed(error, driven.now)
    effects = driven.session.effects()
    assert outcomes(effects) == {"a": error}
    assert Closed(topic, error) in effects
    assert (driven.session.state, driven.session.wants_link) == (State.IDLE, False)
    driven.submit("b")
    assert driven.session.wants_link


# Giving up.


def test_give_up(ready: Any, outcomes: Any) -> None:
    """Whoever does not wait any more is told so; what has not left does not leave."""
    [effect] = ready.submit("a")
    ready.submit("b")
    ready.session.give_up("a")
    error = outcomes(ready.session.effects())["a"]
    assert (type(error), error.certainty) == (CallCancelled, Certainty.NOT_SENT)
    assert not effect.pending.claim()
    ready.session.give_up("a")
    assert ready.session.effects() == []
    assert ready.session.in_flight == 1


def test_giving_up_looks_at_no_other_request(ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or whoever cancels all calls would wait for as long as the square of their number is large."""
    for name in "abc":
        ready.submit(name)

    def look(requests: Correlation) -> Any:
        raise AssertionError("all requests were looked at")

    monkeypatch.setattr(Correlation, "__iter__", look)
    for name in "abc":
        ready.session.give_up(name)
    assert ready.session.in_flight == 0


def test_unsendable(ready: Any, outcomes: Any) -> None:
    """A request that could not be written is answered with the reason, once."""
    [effect] = ready.submit("a")
    error = InvalidRequest("not JSON")
    ready.session.unsendable(effect.pending, error, ready.now)
    assert outcomes(ready.session.effects()) == {"a": error}
    ready.session.unsendable(effect.pending, error, ready.now)
    assert ready.session.effects() == []


def test_unsendable_on_a_link_that_is_gone(ready: Any, outcomes: Any) -> None:
    """It has its turn on the next link already, when that is told: it does not leave there after all."""
    [send] = ready.submit("a")
    ready.lose()
    ready.tick(8.0)
    assert ready.connect() == [send]
    error = InvalidRequest("not JSON")
    ready.session.unsendable(send.pending, error, ready.now)
    assert outcomes(ready.session.effects()) == {"a": error}
    assert ready.write([send]) == []


def test_held_back_after_all(ready: Any, outcomes: Any) -> None:
    """What the exchange refused to take before it was written is still to be sent, now or on the next link."""
    [send] = ready.submit("a")
    error = held_back("ping", "the exchange has refused more", until=None)
    ready.session.unsendable(send.pending, error, ready.now)
    assert ready.session.effects() == [send]
    assert outcomes(ready.lose()) == {}
    ready.session.unsendable(send.pending, error, ready.now)
    assert ready.session.effects() == []
    ready.tick(8.0)
    assert ready.connect() == [send]
    assert ready.write([send]) == [send.pending]
    ready.session.unsendable(send.pending, error, ready.now)
    assert ready.session.effects() == []
    assert outcomes(ready.answer(send.pending))["a"].succeeded


def test_held_back_again_and_again(ready: Any, outcomes: Any) -> None:
    """Whoever lets it in and whoever holds it back do not agree: that comes to an end."""
    [send] = ready.submit("a")
    error = held_back("ping", "the exchange has refused more", until=None)
    for _ in range(10):
        ready.session.unsendable(send.pending, error, ready.now)
        assert ready.session.effects() == [send]
    ready.session.unsendable(send.pending, error, ready.now)
    assert outcomes(ready.session.effects()) == {"a": error}


class Full(OpenDoor):
    """A door that lets nobody through who comes from now on, and refuses whom it is told to."""

    def __init__(self) -> None:
        self.full = False
        self.error: RateLimited | None = None

    def enter(self, pending: Pending, now: float) -> Waiter | None:
        pending.booking = int(not self.full)
        return Waiter(Cost(1), self, pending) if self.full else None

    def refusal(self, pending: Pending, now: float) -> RateLimited | None:
        return self.error


@pytest.mark.parametrize("ending", ["its deadline", "a refusal"])
def test_held_back_by_a_link_that_is_gone(ready: Any, outcomes: Any, ending: str) -> None:
    """Somebody tells of it when it has its turn on the next link already: it leaves there, and that is what is said."""
    door = ready.session._admission.door = Full()
    [send] = ready.submit("a")
    ready.lose()
    ready.tick(8.0)
    assert ready.connect() == [send]
    error = held_back("ping", "the exchange has refused more", until=None)
    door.full = True
    ready.session.unsendable(send.pending, error, ready.now)
    assert ready.write([send]) == [send.pending]
    if ending == "a refusal":
        door.error = error
        ready.session._admission.check(send.pending, ready.now)
        assert ready.session.effects() == []
    [outcome] = outcomes(ready.tick(100.0)).values()
    assert (type(outcome), outcome.certainty) == (RequestTimeout, Certainty.MAYBE_SENT)


@pytest.mark.parametrize("connected, certainty", [(True, Certainty.MAYBE_SENT), (False, Certainty.NOT_SENT)])
def test_no_answer(driven: Any, connected: bool, certainty: Certainty) -> None:
    """Who has waited too long for a topic learns why, and whether the exchange may know of it."""
    driven.subscribe(StreamTopic("x"))
    driven.session.connecting()
    if connected:
        driven.session.connected(driven.now)
    else:
        driven.session.connect_failed(GONE, driven.now)
    error = driven.session.no_answer(StreamTopic("x"))
    assert "SUBSCRIBE" in str(error)
    assert error.certainty is certainty
    assert error.__cause__ is (None if connected else GONE)


def test_no_answer_after_a_link_that_had_been_asked(driven: Any) -> None:
    """There is none at the moment, and the exchange may have subscribed on the one that was lost."""
    driven.session.connecting()
    driven.session.connected(driven.now)
    driven.write(driven.subscribe(StreamTopic("x")))
    driven.session.lost(LinkClosed(1006, "cut"), driven.now)
    assert driven.session.no_answer(StreamTopic("x")).certainty is Certainty.MAYBE_SENT


# The end.


@pytest.mark.parametrize("state", [State.IDLE, State.CONNECTING, State.READY, State.BACKOFF], ids=lambda s: s.name)
@pytest.mark.parametrize("failing", [False, True])
def test_the_end(driven: Any, outcomes: Any, state: State, failing: bool) -> None:
    """Everything that waits is completed, nothing leaves any more, and what comes later is refused at once."""
    topic = StreamTopic("x")
    driven.submit("a", timeout=1e6)
    driven.subscribe(topic)
    if state is not State.IDLE:
        driven.session.connecting()
    if state is State.READY:
        driven.session.connected(driven.now)
    if state is State.BACKOFF:
        driven.session.connect_failed(GONE, driven.now)
    queued = driven.session.effects()
    defect = ClientClosed("internal error")
    if failing:
        driven.session.fail(defect)
    else:
        driven.session.close()
    effects = driven.session.effects()
    assert isinstance(outcomes(effects)["a"], ClientClosed)
    assert ("internal error" in str(outcomes(effects)["a"])) is failing
    [closed] = [effect for effect in effects if isinstance(effect, Closed)]
    assert closed.topic is topic
    assert (closed.error is None) is not failing
    assert not [pending for pending in driven.write(queued) if pending.handle]

    assert isinstance(outcomes(driven.submit("b"))["b"], ClientClosed)
    [closed] = driven.subscribe(topic)
    assert isinstance(closed.error, ClientClosed)
    assert driven.unsubscribe(topic) == driven.lose() == driven.tick(1e3) == driven.revoke() == []
    driven.session.close()
    driven.session.fail(defect)
    assert driven.session.effects() == []
    assert driven.next_tick() is None
    assert driven.session.state is (State.FAILED if failing else State.CLOSED)


def test_own_requests_end_silently(ready: Any) -> None:
    """Nobody waits for the session's own questions."""
    ready.subscribe(UserDataTopic(needs_logon=True))
    ready.session.close()
    assert [type(effect) for effect in ready.session.effects()] == [Closed]


# The clock.


def test_time_is_learned(ready: Any) -> None:
    """From every answer that carries it, in milliseconds or microseconds."""
    for server_time in (1_800_000_000_000, 1_800_000_000_000_000):
        [pending] = ready.write(ready.submit("a", "exchangeInfo"))
        ready.answer(pending, {"serverTime": server_time})
        assert ready.clock.now(ready.now) == 1_800_000_000.0


@pytest.mark.parametrize("result", [None, [], {}, {"serverTime": None}, {"serverTime": "1"}, {"serverTime": 1.5}])
def test_no_time_to_learn(ready: Any, result: Any) -> None:
    """An answer without it, or with something else in its place, is an answer all the same."""
    [pending] = ready.write(ready.submit("a"))
    assert len(ready.answer(pending, result)) == 1
    assert not ready.clock.is_learned


def test_resync(ready: Any, outcomes: Any) -> None:
    """-1021 is a definite refusal: the time is asked for, and then the same once more under a new id."""
    [refused] = ready.write(ready.order("a"))
    [asked] = ready.write(ready.refuse(refused, -1021))
    assert asked.request.method == "time"
    [again] = ready.write(ready.answer(asked, {"serverTime": 1_800_000_000_000}))
    assert ready.clock.now(ready.now) == 1_800_000_000.0
    assert (again.handle, again.request, again.deadline) == ("a", refused.request, refused.deadline)
    assert again.id != refused.id
    assert outcomes(ready.answer(again, 1)) == {"a": Reply(again.id, 200, 1)}


def test_resync_overrules_a_better_sample(ready: Any) -> None:
    """The present offset has just been proved wrong, however short its round trip was."""
    [pending] = ready.write(ready.submit("a", "time"))
    ready.answer(pending, {"serverTime": 1_000_000_000_000})
    [refused] = ready.write(ready.order("b"))
    [asked] = ready.write(ready.refuse(refused, -1021))
    ready.now += 2
    ready.answer(asked, {"serverTime": 1_800_000_000_000})
    assert ready.clock.now(ready.now) == 1_800_000_001.0


def test_resync_once(ready: Any, outcomes: Any) -> None:
    """The second -1021 goes to who asked."""
    [refused] = ready.write(ready.order("a"))
    [asked] = ready.write(ready.refuse(refused, -1021))
    [again] = ready.write(ready.refuse(asked, -1000))
    assert outcomes(ready.refuse(again, -1021))["a"].error["code"] == -1021


def test_no_resync_where_nothing_is_timed(drive: Any, outcomes: Any) -> None:
    """A stream server looks at no timestamps, and knows no question for the time: its -1021 goes to who asked."""
    driven = drive(STREAMS)
    driven.connect()
    [refused] = driven.write(driven.submit("a", "LIST_SUBSCRIPTIONS"))
    effects = driven.receive({"id": refused.id, "error": {"code": -1021, "msg": "no"}})
    assert driven.write(effects) == []
    assert outcomes(effects)["a"].error["code"] == -1021


def test_resync_too_late(ready: Any, outcomes: Any) -> None:
    """A request whose deadline passes while the time is asked for is not sent again: it certainly was not executed."""
    [refused] = ready.write(ready.submit("a", SIGNED, timeout=1.0))
    [asked] = ready.write(ready.refuse(refused, -1021))
    error = outcomes(ready.tick(1.0))["a"]
    assert error.certainty is Certainty.NOT_SENT
    assert ready.answer(asked, {"serverTime": 1_800_000_000_000}) == []


def test_resync_given_up(ready: Any) -> None:
    """Nor one that nobody waits for any more."""
    [refused] = ready.write(ready.submit("a", SIGNED))
    [asked] = ready.write(ready.refuse(refused, -1021))
    ready.session.give_up("a")
    ready.session.effects()
    assert ready.answer(asked, {"serverTime": 1_800_000_000_000}) == []


def test_lost_while_resyncing(ready: Any, outcomes: Any) -> None:
    """It was refused, so it is safe to send it on the next link."""
    [refused] = ready.write(ready.order("a"))
    ready.write(ready.refuse(refused, -1021))
    assert outcomes(ready.lose()) == {}
    [again] = ready.connect()
    assert again.pending.handle == "a"


# Logging on.


def test_a_logon_is_repeated_on_each_link(ready: Any) -> None:
    """Once the user has logged on, before anything else is sent."""
    [pending] = ready.write(ready.submit("a", LOGON))
    assert not ready.session.logon.on
    ready.answer(pending, {})
    assert ready.session.logon.on
    ready.submit("b")
    ready.lose()
    assert not ready.session.logon.on
    assert [effect.pending.request.method for effect in ready.connect()] == ["session.logon", "ping"]


def test_a_logout_ends_that(ready: Any) -> None:
    """After it, links are used as they are."""
    [pending] = ready.write(ready.submit("a", LOGON))
    ready.answer(pending, {})
    [pending] = ready.write(ready.submit("b", "session.logout"))
    ready.answer(pending, {})
    assert not ready.session.logon.on
    ready.lose()
    assert ready.connect() == []


@pytest.mark.parametrize("method", ["session.logon", "session.logout"])
@pytest.mark.parametrize("answer", [{"status": 400, "error": {"code": -1000}}, {"status": 503}], ids=repr)
def test_a_refusal_changes_nothing(ready: Any, method: str, answer: dict[str, Any]) -> None:
    """A logon or logout counts only if it succeeded; a bad status without an error is no success."""
    before = method == "session.logout"
    if before:
        [pending] = ready.write(ready.submit("a", LOGON))
        ready.answer(pending, {})
    [pending] = ready.write(ready.submit("b", Request(method, security=Security.SIGNED)))
    ready.receive({"id": pending.id, **answer})
    assert ready.session.logon.on is before


def test_revoked(ready: Any, outcomes: Any) -> None:
    """An id-less 401: what was authenticated and in flight fails, what was not stays."""
    [pending] = ready.write(ready.submit("logon", LOGON))
    ready.answer(pending, {})
    ready.write(ready.submit("signed", SIGNED))
    ready.write(ready.submit("public"))
    ready.submit("queued", SIGNED)
    effects = ready.revoke()
    assert set(outcomes(effects)) == {"signed"}
    assert isinstance(outcomes(effects)["signed"], AuthenticationError)
    assert not ready.session.logon.on
    assert ready.session.in_flight == 3  # with the logon that follows


@pytest.mark.parametrize(
    "message", [{"id": None, "status": 400, "error": {"code": -1000, "msg": "x"}}, {"code": 2, "msg": "x"}]
)
def test_an_error_of_no_request(ready: Any, message: dict[str, Any]) -> None:
    """The server could not read a message of ours: counted; who asked will time out."""
    ready.submit("a", SIGNED)
    assert ready.receive(message) == []
    assert (ready.session.tally.malformed, ready.session.in_flight) == (1, 1)


# Signs of life.


def test_probe(ready: Any) -> None:
    """A peer that is silent is pinged, and given up when it stays so: once, not at every tick."""
    assert ready.next_tick() == ready.now + 20.0
    assert ready.tick(19.9) == []
    assert ready.tick(0.1) == [Probe()]
    assert ready.next_tick() == ready.now + 5.0
    assert ready.tick(4.9) == []
    assert ready.tick(0.1) == [Abort("no sign of life for 25 s")]
    assert ready.next_tick() is None
    assert ready.tick() == []


def test_a_new_link_is_probed_anew(ready: Any) -> None:
    """What was known of the one before does not count."""
    ready.tick(20.0)
    ready.tick(5.0)
    ready.subscribe(StreamTopic("x"))
    ready.lose()
    ready.connect()
    assert ready.tick(20.0)[-1:] == [Probe()]


@pytest.mark.parametrize("delay", [0.0, 4.0])
def test_a_probe_that_is_answered(ready: Any, delay: float) -> None:
    """The peer is alive: it is left alone until it is silent again. A coarse clock may not even show the delay."""
    assert ready.tick(20.0) == [Probe()]
    ready.now += delay
    ready.heard_at = ready.now
    assert ready.next_tick() == ready.now + 20.0
    assert ready.tick(5.0) == []
    assert ready.tick(15.0) == [Probe()]


def test_no_link_no_probe(driven: Any) -> None:
    """Without a link there is nobody to ping."""
    assert driven.next_tick() is None
    assert driven.tick(1e6) == []
    driven.submit("a")
    driven.connect()
    driven.lose()
    assert driven.next_tick() == driven.now + 10.0


# The connection's own events.


@pytest.mark.parametrize(
    "message",
    [
        {"e": "serverShutdown", "E": 1},
        {"event": {"e": "serverShutdown", "E": 1}},
        {"subscriptionId": 9, "event": {"e": "serverShutdown", "E": 1}},
    ],
    ids=repr,
)
def test_server_shutdown(ready: Any, message: dict[str, Any]) -> None:
    """It concerns everybody who listens, whatever route it came with; and whoever finds another link."""
    ready.open(UserDataTopic(needs_logon=False))
    ready.subscribe(UserDataTopic(needs_logon=True))
    event = {"e": "serverShutdown", "E": 1}
    expected = [Deliver(UserDataTopic(needs_logon=False), event), Deliver(UserDataTopic(needs_logon=True), event)]
    assert ready.receive(message) == [*expected, Leaving()]
    assert ready.session.tally.unrouted == 0


def test_both_dialects(drive: Any) -> None:
    """A stream server stamps names, in other keys."""
    driven = drive(STREAMS)
    driven.connect()
    driven.subscribe(StreamTopic("x"))
    assert driven.receive({"stream": "x", "data": {"e": "balanceUpdate"}}) == []
    [_] = driven.receive({"subscriptionId": 0, "event": {"e": "balanceUpdate"}})
    assert (driven.session.tally.unrouted, driven.session.tally.malformed) == (0, 1)


def test_after_a_sleep(drive: Any) -> None:
    """The peer is pinged, and asked for the time where it tells it; without a link there is nobody to ask."""
    for dialect, asked in ((WS_API, ["time"]), (STREAMS, [])):
        driven = drive(dialect)
        driven.session.resumed(driven.now)
        assert driven.session.effects() == []
        driven.connect()
        driven.now += 3600
        driven.session.resumed(driven.now)
        effects = driven.session.effects()
        assert effects[0] == Probe()
        assert [effect.pending.request.method for effect in effects[1:]] == asked
        # It is waited for already.
        driven.session.resumed(driven.now)
        assert Probe() not in driven.session.effects()


def test_errors_name_what_was_asked(ready: Any, outcomes: Any) -> None:
    """A lost call says which it was."""
    ready.write(ready.order("a"))
    assert "order.place" in str(outcomes(ready.lose())["a"])
    assert not isinstance(GONE, ApiError)
