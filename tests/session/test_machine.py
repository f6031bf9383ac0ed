"""The whole session, held against a model, whatever happens in whatever order."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from binance_socket._session.backoff import Backoff
from binance_socket._session.effects import (
    Abort,
    Closed,
    Complete,
    Deliver,
    Late,
    Leaving,
    Lost,
    Opened,
    Pending,
    Probe,
    Send,
)
from binance_socket._session.server_clock import ServerClock
from binance_socket._session.session import Session
from binance_socket._session.state import ConnectionState as State
from binance_socket._session.topics import MARKET, STREAMS, WS_API, MarketTopic, StreamTopic, UserDataTopic
from binance_socket._wire.messages import Reply, Request, Security
from binance_socket.errors import (
    ApiError,
    CallCancelled,
    Certainty,
    ClientClosed,
    ConnectionLost,
    DeliveryError,
    HandshakeError,
    InvalidRequest,
    OutcomeUnknown,
    OutcomeUnknownAfterCancellation,
    OutcomeUnknownAfterTimeout,
    TlsError,
)

TOPICS = {
    "api": [UserDataTopic(needs_logon=False), UserDataTopic(needs_logon=True)],
    "streams": [StreamTopic("a"), StreamTopic("b"), StreamTopic("c")],
    "market": [MarketTopic(name) for name in "abcdefgh"],
}
DIALECTS = {"api": WS_API, "streams": STREAMS, "market": MARKET}
REQUESTS = [
    Request[Any]("ping"),
    Request[Any]("order.place", security=Security.SIGNED, mutating=True),
    Request[Any]("session.logon", security=Security.SIGNED),
    Request[Any]("session.logout"),
    Request[Any]("time"),
]
CODES = [-1000, -1003, -1007, -1021, -1021, -1022, -1125, -2010, -2015, -2035, -2035]
CONNECT_ERRORS = [
    ConnectionLost("refused"),
    TlsError("who"),
    HandshakeError("slow", 429, 3.0),
    HandshakeError("gone", 404),
    HandshakeError("busy", 503),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("id", "status", "result", "response", "error", "code", "msg", "rateLimits", "serverTime"),
                    *("subscriptionId", "event", "e", "stream", "data"),
                ]
            ),
            inner | st.sampled_from(["eventStreamTerminated", "serverShutdown", "id-1", "id-2", 401, 0]),
            max_size=5,
        )
    ),
    max_leaves=8,
)


class Call:
    """What the model knows of one request of the application."""

    def __init__(self, request: Request[Any], deadline: float) -> None:
        self.request = request
        self.deadline = deadline
        self.done = False
        # The wire requests made for it that were written, refused for their time, and those on the present link.
        self.writes = 0
        self.refusals = 0


class Life(RuleBasedStateMachine):
    """Drives a session as its connection does, and keeps account of what it says."""

    @initialize(
        dialect=st.sampled_from(list(DIALECTS)),
        random=st.sampled_from([0.0, 0.5, 0.999]),
        prompt=st.booleans(),
        connected=st.booleans(),
    )
    def start(self, dialect: str, random: float, prompt: bool, connected: bool) -> None:
        # Whether what is sent is written at once.
        self.prompt = prompt
        self.dialect = DIALECTS[dialect]
        self.topics = TOPICS[dialect]
        self.now = self.heard_at = 1000.0
        self.session = Session(
            self.dialect,
            ServerClock(monotonic=self.now, wall=1.7e9),
            ids=(f"id-{number}" for number in itertools.count(1)),
            backoff=lambda: Backoff(1.0, 8.0, lambda: random),
            request_timeout=10.0,
            probe_after=20.0,
            probe_timeout=5.0,
        )
        self.calls: list[Call] = []
        self.wanted: set[Any] = set()
        self.open: dict[Any, Any] = {}
        # What was sent on the present link, and not yet written; what was written, and waits for an answer.
        self.outbox: list[Pending] = []
        self.on_wire: list[Pending] = []
        self.claimed_ids: set[str] = set()
        # When subscriptions were asked for, or taken back, on the present link.
        self.control: list[float] = []
        self.numbers = itertools.count()
        self.held: list[tuple[Any, Any]] = []
        # Of those, the ones that may have been forgotten, because everything timed out and was asked for again at once.
        self.doubtful: set[int] = set()
        self.ended = False
        # Orders that timed out, or were given up, on the present link.
        self.unknown: set[str] = set()
        if connected:
            self.session.connecting()
            self.session.connected(self.now)

    # The effects.

    def perform(self) -> None:
        """Take the session's effects, as the connection would, and check each."""
        for effect in self.session.effects():
            if isinstance(effect, Send):
                self.check_send(effect.pending)
            elif isinstance(effect, Complete):
                self.check_complete(effect)
            elif isinstance(effect, Opened):
                assert effect.topic in self.wanted
                assert effect.topic not in self.open
                self.open[effect.topic] = effect.route
                self.check_early(effect)
            elif isinstance(effect, Lost):
                del self.open[effect.topic]
            elif isinstance(effect, Closed):
                self.wanted.remove(effect.topic)
                self.open.pop(effect.topic, None)
            elif isinstance(effect, Deliver):
                assert effect.topic in self.wanted
            elif isinstance(effect, Late):
                self.check_late(effect)
            else:
                assert isinstance(effect, (Probe, Abort, Leaving))
                assert self.session.state is State.READY
        assert self.session.effects() == []
        if not self.acknowledgement_due():
            self.held.clear()
        if self.prompt:
            for pending in self.outbox[:]:
                self.write_one(pending)

    def check_send(self, pending: Pending) -> None:
        assert self.session.state is State.READY, "nothing is sent without a link"
        assert pending.certainty is Certainty.NOT_SENT, "nothing that may have been written is sent again"
        assert not any(pending is other for other in self.outbox)
        if pending.handle is not None:
            assert not pending.handle.done, "nothing is sent for who does not wait"
            assert self.now < pending.deadline
            assert pending.handle.writes == pending.handle.refusals <= 1
        if pending.request.method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            self.control.append(self.now)
            # 1.9 is a second after 0.9, but 1.9 - 1.0 is less than that.
            within = [at for at in self.control if at > self.now - 1.0 + 1e-9]
            assert len(within) <= 4, "the server takes 5 with its pong"
        self.outbox.append(pending)

    def check_complete(self, effect: Complete) -> None:
        call = effect.pending.handle
        assert not call.done, "completed twice"
        call.done = True
        outcome = effect.outcome
        unresolved = call.writes > call.refusals
        if isinstance(outcome, Reply):
            assert unresolved
        elif isinstance(outcome, (DeliveryError, CallCancelled)) and not isinstance(
            outcome, (TlsError, HandshakeError)
        ):
            assert outcome.certainty is (Certainty.MAYBE_SENT if unresolved else Certainty.NOT_SENT)
        elif isinstance(outcome, (TlsError, HandshakeError)):
            assert not unresolved
        if isinstance(outcome, OutcomeUnknown):
            assert effect.pending.request.mutating
            assert unresolved
            given_up = isinstance(outcome, (OutcomeUnknownAfterTimeout, OutcomeUnknownAfterCancellation))
            # By a revocation, which is no answer to it.
            if given_up or isinstance(outcome.__cause__, ApiError):
                self.unknown.add(effect.pending.id)
        elif effect.pending.request.mutating and isinstance(outcome, (DeliveryError, ClientClosed)):
            assert not unresolved, "an order that may have been executed is unknown, whatever kept the answer away"
        # From here on it must not leave any more.
        assert unresolved or not effect.pending.claim() or self.session.state is not State.READY

    def check_late(self, effect: Late) -> None:
        assert effect.pending.handle.done, "who waits is completed"
        assert effect.reply.id == effect.pending.id
        self.unknown.remove(effect.pending.id)

    def check_early(self, effect: Opened) -> None:
        ours = [payload for route, payload in self.held if route == effect.route]
        kept = [payload for payload in effect.early if "n" in payload]
        sure = [payload for payload in ours if payload["n"] not in self.doubtful]
        assert kept in (ours, sure), "early events are delivered once, in order"
        self.held = [held for held in self.held if held[0] != effect.route]

    # The application.

    @rule(request=st.sampled_from(REQUESTS), timeout=st.sampled_from([None, None, 0.0, 1.0, 60.0]))
    def submit(self, request: Request[Any], timeout: float | None) -> None:
        call = Call(request, self.now + (10.0 if timeout is None else timeout))
        self.calls.append(call)
        if call.deadline <= self.now:
            call.deadline = self.now + 1e-9
        self.session.submit(request, call, self.now, call.deadline - self.now)
        self.perform()
        assert call.done is self.ended

    @rule(data=st.data())
    def subscribe(self, data: st.DataObject) -> None:
        topics = data.draw(st.lists(st.sampled_from(self.topics), min_size=1, unique=True))
        self.wanted.update(topics)
        self.session.subscribe(topics, self.now)
        self.perform()
        assert self.wanted.isdisjoint(topics) if self.ended else self.wanted.issuperset(topics)

    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        topics = data.draw(st.lists(st.sampled_from(self.topics), min_size=1, unique=True))
        for topic in topics:
            self.wanted.discard(topic)
            self.open.pop(topic, None)
        self.session.unsubscribe(topics, self.now)
        self.perform()

    @precondition(lambda self: any(not call.done for call in self.calls))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from([call for call in self.calls if not call.done]))
        self.session.give_up(call)
        self.perform()
        assert call.done

    @rule(failing=st.booleans(), sure=st.integers(0, 60))
    def end(self, failing: bool, sure: int) -> None:
        if sure != 7:
            return
        if failing:
            self.session.fail(ClientClosed("defect"))
        else:
            self.session.close()
        self.ended = True
        self.perform()
        self.outbox.clear()
        assert all(call.done for call in self.calls)
        assert not self.wanted

    # The network.

    def can_connect(self) -> bool:
        state = self.session.state
        return self.session.wants_link and (
            state is State.IDLE or (state is State.BACKOFF and self.now >= self.session.resume_at)
        )

    @precondition(lambda self: self.can_connect())
    @rule(works=st.integers(0, 4), error=st.sampled_from(CONNECT_ERRORS))
    def connect(self, works: int, error: ConnectionLost) -> None:
        self.session.connecting()
        self.perform()
        if works:
            self.control.clear()
            self.session.connected(self.now)
            self.heard_at = self.now
        else:
            self.session.connect_failed(error, self.now)
        self.perform()

    @precondition(lambda self: self.session.state is State.READY)
    @rule()
    def lose(self) -> None:
        self.outbox.clear()
        self.on_wire.clear()
        self.held.clear()
        self.unknown.clear()
        self.session.lost(ConnectionLost("gone"), self.now)
        self.perform()
        assert not self.open
        for call in self.calls:
            assert call.done or call.writes == call.refusals, "what may have been written is not kept for the next link"

    @precondition(lambda self: self.outbox)
    @rule(count=st.integers(1, 5), unsendable=st.booleans())
    def write(self, count: int, unsendable: bool) -> None:
        """Write what is next in the outbox."""
        for pending in self.outbox[:count]:
            self.outbox.remove(pending)
            if unsendable and count == 1:
                self.session.unsendable(pending, InvalidRequest("bad"), self.now)
                pending.claim()
                self.perform()
                return
            self.write_one(pending)

    def write_one(self, pending: Pending) -> None:
        if pending in self.outbox:
            self.outbox.remove(pending)
        if not pending.claim():
            return
        assert pending.id not in self.claimed_ids, "ids are never used twice"
        self.claimed_ids.add(pending.id)
        pending.sent_at = self.now
        if pending.handle is not None:
            assert not pending.handle.done
            pending.handle.writes += 1
        self.on_wire.append(pending)

    def receive(self, message: Any) -> None:
        self.heard_at = self.now
        self.session.received(message, self.now)
        self.perform()

    def connected(self) -> bool:
        return self.session.state is State.READY

    @precondition(lambda self: self.connected() and self.on_wire)
    @rule(data=st.data(), late=st.booleans())
    def succeed(self, data: st.DataObject, late: bool) -> None:
        """The exchange answers well, in any order, sometimes twice."""
        pending = data.draw(st.sampled_from(self.on_wire))
        self.on_wire.remove(pending)
        self.succeed_with(pending, data, late)

    @precondition(lambda self: self.connected() and self.on_wire)
    @rule(data=st.data())
    def succeed_with_all(self, data: st.DataObject) -> None:
        """All is well for a while: everything asked is answered, and everything asked because of that."""
        for _ in range(10):
            if self.on_wire:
                self.succeed_with(self.on_wire.pop(0), data, late=False)

    def succeed_with(self, pending: Pending, data: st.DataObject, late: bool) -> None:
        method = pending.request.method
        result: Any = {}
        if "userDataStream.subscribe" in method:
            result = {"subscriptionId": data.draw(st.integers(0, 3).filter(lambda n: n not in self.open.values()))}
        elif method == "session.subscriptions":
            result = [{"subscriptionId": number} for number in data.draw(st.sets(st.integers(0, 3), max_size=3))]
        elif method == "time":
            result = {"serverTime": 1_700_000_000_000 + int(self.now)}
        message = {"id": pending.id, "status": 200, "result": result}
        handle = pending.handle
        before = handle is None or handle.done
        self.receive(message)
        assert pending.id not in self.unknown, "a late answer is told"
        assert handle is None or handle.done
        if late:
            count = self.session.tally.late
            self.receive(message)
            assert self.session.tally.late == count + 1
        assert before or handle.done

    @precondition(lambda self: self.connected() and self.on_wire)
    @rule(data=st.data(), code=st.sampled_from(CODES), status=st.sampled_from([400, 401, 409, 418, 429, 500]))
    def refuse(self, data: st.DataObject, code: int, status: int) -> None:
        pending = data.draw(st.sampled_from(self.on_wire))
        self.on_wire.remove(pending)
        call = pending.handle
        # A mutating request that fails with 5xx has no known outcome, whatever the code: it is not repeated.
        unknown = pending.request.mutating and status >= 500
        resync = code == -1021 and self.dialect is WS_API and not pending.resynced
        if call is not None and not call.done and resync and not unknown:
            call.refusals += 1
            self.receive({"id": pending.id, "status": status, "error": {"code": code, "msg": "no"}})
            assert not call.done
        else:
            self.receive({"id": pending.id, "status": status, "error": {"code": code, "msg": "no"}})
            assert call is None or call.done

    @precondition(lambda self: self.connected() and self.on_wire)
    @rule(data=st.data())
    def answer_badly(self, data: st.DataObject) -> None:
        pending = data.draw(st.sampled_from(self.on_wire))
        self.on_wire.remove(pending)
        self.receive({"id": pending.id, "status": data.draw(st.sampled_from(["x", None, 1.5, []]))})
        assert pending.handle is None or pending.handle.done

    @precondition(lambda self: self.connected())
    @rule()
    def revoke(self) -> None:
        self.receive({"id": None, "status": 401, "error": {"code": -2015, "msg": "revoked"}})
        assert not self.session.logon.on
        assert not any(topic.needs_logon for topic in self.open)

    @precondition(lambda self: self.connected())
    @rule(garbage=json_values)
    def receive_garbage(self, garbage: Any) -> None:
        """No message raises; the connection sorts out events of open subscriptions before."""
        route = garbage.get(self.dialect.route_key) if isinstance(garbage, dict) else None
        if isinstance(garbage, dict) and str(garbage.get("id")).startswith("id-"):
            garbage = {**garbage, "id": "id-0"}
        with contextlib.suppress(TypeError):
            if route in self.open.values():
                return
        before = len(self.calls), [call.done for call in self.calls]
        revoked = isinstance(garbage, dict) and garbage.get("status") == 401
        self.receive(garbage)
        assert revoked or before == (len(self.calls), [call.done for call in self.calls])

    # Events.

    def acknowledgement_due(self) -> bool:
        """Whether the session holds events for one: it shows by what becomes of an event of nobody's."""
        count = self.session.tally.unrouted
        self.session.received({self.dialect.route_key: "nobody's", self.dialect.payload_key: {"e": "x"}}, self.now)
        assert self.session.effects() == []
        if self.session.tally.unrouted == count:
            return True
        self.session.tally.unrouted = count
        return False

    @precondition(lambda self: self.connected())
    @rule(data=st.data(), terminated=st.integers(0, 9))
    def event(self, data: st.DataObject, terminated: int) -> None:
        routes = [0, 1, 2, 3] if self.dialect is WS_API else [topic.name for topic in self.topics]
        route = data.draw(st.sampled_from(routes))
        name = "balanceUpdate" if terminated else "eventStreamTerminated"
        if route in self.open.values():
            # The hot lane delivers it; the session is told of an end only.
            self.heard_at = self.now
            self.session.subscription_event(route, name, self.now)
            self.perform()
            assert (route in self.open.values()) is (name == "balanceUpdate")
            return
        payload = {"e": name, "n": next(self.numbers)}
        count = self.session.tally.unrouted
        self.receive({self.dialect.route_key: route, self.dialect.payload_key: payload})
        if self.session.tally.unrouted == count:
            self.held.append((route, payload))

    @precondition(lambda self: self.connected())
    @rule(name=st.sampled_from(["balanceUpdate", "eventStreamTerminated", "serverShutdown"]), wrap=st.booleans())
    def raw_event(self, name: str, wrap: bool) -> None:
        was_open = list(self.open)
        payload = {"e": name, "raw": True}
        self.receive({self.dialect.payload_key: payload} if wrap else payload)
        if name == "eventStreamTerminated" and len(was_open) == 1:
            assert not self.open

    # The clock.

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.5, 0.5, 1.0, 4.0, 11.0, 25.0]), alive=st.booleans())
    def wait(self, seconds: float, alive: bool) -> None:
        """Time passes; the timer ticks when it was told to, and then has done what was due."""
        end = self.now + seconds
        for _ in range(200):
            when = self.session.next_tick(self.heard_at)
            if when is None or when > end:
                break
            self.now = max(self.now, when)
            if alive:
                self.heard_at = self.now
            self.session.tick(self.now, self.heard_at)
            self.doubtful.update(payload["n"] for _, payload in self.held)
            self.perform()
        else:
            pytest.fail("the clock is told of a time in the past, for ever")
        self.now = end
        if alive:
            self.heard_at = self.now
        for call in self.calls:
            assert call.done or call.deadline > self.now, "completed by its deadline"

    # What always holds.

    @invariant()
    def consistent(self) -> None:
        """The session says of itself what its effects have said."""
        session = self.session
        for topic in self.topics:
            assert session.is_open(topic) is (topic in self.open)
        if session.state is not State.READY:
            assert not self.open
            assert not session.logon.on
        assert session.in_flight >= sum(not call.done for call in self.calls)
        assert session.wants_link is bool(session.in_flight or self.wanted)
        assert session.state.is_final is self.ended
        if self.ended:
            assert session.in_flight == 0
            assert session.next_tick(self.heard_at) is None

    def teardown(self) -> None:
        """In the end everybody is answered."""
        if hasattr(self, "session"):
            self.session.close()
            self.ended = True
            self.perform()
            assert all(call.done for call in self.calls)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
