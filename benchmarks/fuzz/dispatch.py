"""What a server may say on a connection while it is asked and subscribed to: any messages, in any order."""

from __future__ import annotations

import heapq
import itertools
import json
import threading
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from typing import Any

import orjson

from binance_socket._engine.audience import After, Opening, Payload, nothing
from binance_socket._engine.connection import Connection
from binance_socket._engine.futures import CallFuture
from binance_socket._engine.hooks import Hooks
from binance_socket._engine.timer import Alarm, Timer
from binance_socket._engine.transport import Waker
from binance_socket._engine.watchdog import Progress
from binance_socket._session.backoff import Backoff
from binance_socket._session.closing import LinkClosed
from binance_socket._session.effects import Pending
from binance_socket._session.server_clock import ServerClock
from binance_socket._session.session import Session
from binance_socket._session.state import ConnectionState
from binance_socket._session.topics import (
    MARKET,
    STREAMS,
    WS_API,
    Dialect,
    MarketTopic,
    StreamTopic,
    Topic,
    UserDataTopic,
)
from binance_socket._wire.codec import loads
from binance_socket._wire.events import decode_event
from binance_socket._wire.messages import Request, Security
from binance_socket._wire.values import is_object
from binance_socket.errors import BinanceSocketError, DecodeError
from binance_socket.testing import FakeTransport, InlineExecutor, ManualClock

from . import seeds as documented
from .material import Material, mutated

__all__ = ["once", "seeds"]

_DIALECTS: tuple[tuple[Dialect, tuple[Topic, ...]], ...] = (
    (WS_API, (UserDataTopic(needs_logon=False), UserDataTopic(needs_logon=True))),
    (STREAMS, (StreamTopic("a"), StreamTopic("b"))),
    (MARKET, (MarketTopic("btcusdt@trade"), MarketTopic("!ticker@arr"), MarketTopic("c"))),
)
_REQUESTS: tuple[Request[Any], ...] = (
    Request("ping"),
    Request("time"),
    Request("exchangeInfo"),
    Request("session.logon", security=Security.SIGNED),
    Request("order.place", {"symbol": "BTCUSDT"}, security=Security.SIGNED, mutating=True, orders=1),
)
# What a session may hold of what was said to it.
_MOST_KEPT = 3 * 4096
_MOST_STEPS = 64
_DEPTHS = (0, 0, 0, 300, 900, 1100)


def seeds() -> list[bytes]:
    """Return inputs that reach most of it."""
    return [
        bytes([dialect, step]) + bytes([step, 7 * step % 251, 1]) * 40 for dialect in range(3) for step in range(24)
    ]


def once(data: bytes) -> None:
    """Play one life of a connection, up to its end: nothing escapes, every future is done, little is kept."""
    material = Material(data)
    dialect, topics = material.pick(_DIALECTS)
    play = _Play(material, dialect, topics)
    for _ in range(1 + material.below(3)):
        play.connect()
    play.end()


class _Timer(Timer):
    """Has no thread: what is due is done by whoever moves the clock."""

    def _start(self) -> None:
        pass

    def run_due(self) -> None:
        while self._heap and self._heap[0][0] <= self._clock.monotonic():
            alarm: Alarm = heapq.heappop(self._heap)[2]
            function, alarm._function = alarm._function, None  # pyright: ignore[reportPrivateUsage]
            if function is not None:
                function()


class _Listener:
    """A subscriber that reads its events as a subscription does, and notes what it is told."""

    full = False
    flooded = False

    def __init__(self) -> None:
        self.open: set[Topic] = set()
        self.ended_topics: set[Topic] = set()

    def post(
        self, payloads: Sequence[Payload], received_at: float, route: Hashable, *, possible_duplicate: bool = False
    ) -> None:
        for payload in payloads:
            try:
                event = loads(payload) if isinstance(payload, bytes) else payload
                if is_object(event):
                    decode_event(event)
            except DecodeError:
                pass

    def put(self, payloads: Sequence[Payload], received_at: float, route: Hashable) -> After:
        self.post(payloads, received_at, route)
        return nothing

    def opened(self, topic: Topic, route: Hashable, now: float) -> After:
        assert topic not in self.ended_topics
        self.open.add(topic)
        return nothing

    def lost(
        self, topic: Topic, reason: str, now: float, heard_at: float, *, doubtful_from: float = float("inf")
    ) -> After:
        self.open.discard(topic)
        return nothing

    def closed(self, topic: Topic, error: BinanceSocketError | None) -> None:
        assert topic not in self.ended_topics, "told twice that it has ended"
        self.open.discard(topic)
        self.ended_topics.add(topic)

    def ended(self, topic: Topic, name: str, sent_at: float) -> None:
        assert isinstance(name, str)

    def finish(self, timeout: float) -> None:
        pass

    def leave(self, timeout: float) -> None:
        pass


class _Play:
    """A connection without threads: its server is made up as it goes."""

    def __init__(self, material: Material, dialect: Dialect, topics: tuple[Topic, ...]) -> None:
        self._material = material
        self._dialect = dialect
        self._topics = topics
        self._clock = ManualClock()
        self._timer = _Timer(self._clock)
        self._executor = InlineExecutor()
        self.session = Session(
            dialect,
            ServerClock(monotonic=0.0, wall=self._clock.time()),
            ids=map(str, itertools.count(1)),
            backoff=lambda: Backoff(1.0, 8.0, lambda: 0.5),
            request_timeout=10.0,
            probe_after=20.0,
            probe_timeout=5.0,
            audit_after=60.0,
        )
        self._connection = Connection(
            "fuzz",
            "wss://fuzz.example",
            dialect,
            self.session,
            encode=self._encoded,
            network=_Network(self),
            clock=self._clock,
            timer=self._timer,
            executor=self._executor,
            senders=self._executor,
            budget=lambda now: 0.0,
            connect_timeout=10.0,
            hooks=Hooks(self._executor, Progress()),
        )
        # Its reader is whoever plays.
        self._connection._reader = threading.current_thread()  # type: ignore[assignment]  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
        self._futures: list[Future[Any]] = []
        self._asked: list[tuple[str, str]] = []
        self._listeners: dict[Topic, _Listener] = {}
        self._steps = 0
        self._aborted = False

    # The life.

    def connect(self) -> None:
        """Connect if there is something to connect for, and receive until the link is lost."""
        self._step()
        self._clock.advance(max(0.0, self.session.resume_at - self._clock.monotonic()))
        self._timer.run_due()
        if not self.session.wants_link or self.session.state.is_final:
            return
        with self._connection._changed:  # pyright: ignore[reportPrivateUsage]
            self.session.connecting()
        self._aborted = False
        self._asked.clear()
        self._connection._connect_and_receive()  # pyright: ignore[reportPrivateUsage]
        self._check_sound()

    def end(self) -> None:
        """Close, and look at what is left."""
        kept = sum(_size(value) for value in vars(self.session).values())
        assert kept < _MOST_KEPT, f"{kept} things are kept"
        self._connection.close()
        self._check_sound()
        for future in self._futures:
            assert future.done(), "a future was forgotten"
            error = None if future.cancelled() else future.exception()
            assert error is None or isinstance(error, BinanceSocketError)
        for topic, listener in self._listeners.items():
            assert topic in listener.ended_topics, "a subscriber was not told of the end"
        assert not self.session.in_flight

    def _check_sound(self) -> None:
        error = self.session.last_error
        if self.session.state is ConnectionState.FAILED:
            raise AssertionError("the connection has failed") from (error and error.__cause__)

    # What the connection asks of its network.

    def _encoded(self, pending: Pending) -> bytes:
        pending.timestamp = 1
        self._asked.append((pending.id, pending.request.method))
        return b"{}"

    def receive(self) -> list[bytes]:
        """Let something happen, and return what the server says next."""
        self._step()
        if self._aborted or not self._material.left or self._steps > _MOST_STEPS:
            raise LinkClosed(self._material.pick((1000, 1006, 1008)), "gone")
        return [self._message() for _ in range(self._material.below(4))]

    def _step(self) -> None:
        self._steps += 1
        material = self._material
        step = material.below(9)
        if step == 0:
            self._futures.append(self._connection.submit(material.pick(_REQUESTS), 1.0 + material.below(20)))
        elif step == 1:
            self._subscribe(material.pick(self._topics))
        elif step == 2:
            self._unsubscribe(material.pick(self._topics))
        elif step == 3:
            self._clock.advance(material.pick((0.001, 0.3, 1.0, 11.0, 30.0)))
            self._timer.run_due()
        elif step == 4 and self._futures:
            self._connection.cancel(material.pick(self._futures))

    def _subscribe(self, topic: Topic) -> None:
        listener = self._listeners.get(topic)
        if listener is None or topic in listener.ended_topics:
            listener = self._listeners[topic] = _Listener()
            future: CallFuture[None] = CallFuture(self._executor)
            self._futures.append(future)
            self._connection.subscribe([topic], listener, Opening(future, [topic]))

    def _unsubscribe(self, topic: Topic) -> None:
        listener = self._listeners.pop(topic, None)
        if listener is not None:
            self._connection.unsubscribe([topic], listener)

    def _message(self) -> bytes:
        material = self._material
        kind = material.below(10)
        if kind < 4 and self._asked:
            return self._answer()
        if kind < 8:
            message = material.pick(documented.messages())
            if is_object(message) and isinstance(message.get("id"), str) and self._asked:
                message = {**message, "id": material.pick(self._asked)[0]}
            return _written(mutated(material, message, 3))
        text = bytearray(_written(material.pick(documented.messages())))
        for _ in range(1 + material.below(3)):
            at = material.below(len(text) or 1)
            # Now and then in the place of a value: more brackets than anybody nests.
            deep = material.pick(_DEPTHS) if text[:at].endswith((b":", b",")) else 0
            text[at : at + material.below(3)] = b"[" * deep + b"]" * deep + material.take(material.below(4))
        return bytes(text)

    def _answer(self) -> bytes:
        """Answer something that was asked, nearly as it should be."""
        material = self._material
        request_id, method = material.pick(self._asked)
        results: list[Any] = [
            {"subscriptionId": material.below(3)},
            None,
            {"serverTime": 1_700_000_000_000 + material.below(100_000)},
            [],
            {"apiKey": "k", "authorizedSince": 1, "connectedSince": 1},
            [{"subscriptionId": 0}, {"subscriptionId": 1}],
        ]
        known = [reply.get("result") for name, reply in documented.replies() if name == method]
        reply: dict[str, Any] = {"id": request_id, "result": material.pick(results + known)}
        if not self._dialect.named or material.below(4):
            reply["status"] = 200
        if material.below(3) == 0:
            code = material.pick((-1000, -1003, -1007, -1021, -1022, -1125, -2015, -2035, -2036, 2))
            reply["error"] = {"code": code, "msg": "no", "data": {"retryAfter": 1_700_000_001_500}}
            reply["status"] = material.pick((400, 401, 409, 418, 429, 500, 503))
        return _written(mutated(material, reply, 2))

    def abort(self) -> None:
        """Let nothing more be received."""
        self._aborted = True


class _Network:
    """Connects to the play."""

    def __init__(self, play: _Play) -> None:
        self._play = play

    def connect(self, url: str, *, timeout: float, waker: Waker) -> _Transport:
        """Connect at once."""
        return _Transport(self._play, waker)


class _Transport(FakeTransport):
    """A connected transport, which takes everything and brings what the play makes up."""

    def __init__(self, play: _Play, waker: Waker) -> None:
        super().__init__()
        self.own(waker)
        self._play = play

    def receive(self) -> list[bytes]:
        """Bring what the play makes up."""
        return self._play.receive()

    def abort(self) -> None:
        """Bring nothing more."""
        self._play.abort()


def _written(message: Any) -> bytes:
    try:
        return orjson.dumps(message)
    except TypeError:
        # Numbers beyond 64 bits, which a server may write all the same.
        return json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _size(value: object, depth: int = 3) -> int:
    """Return how many things are in there."""
    if isinstance(value, (dict, list, set, tuple)):
        inner: list[Any] = list(value.values() if is_object(value) else value)  # pyright: ignore[reportUnknownArgumentType]
        return len(inner) + sum(_size(each, depth) for each in inner)
    if depth and type(value).__module__.startswith("binance_socket._session"):
        return sum(_size(each, depth - 1) for each in getattr(value, "__dict__", {}).values())
    return 0
