from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from binance_socket._session.backoff import Backoff
from binance_socket._session.effects import Closed, Complete, Effect, Lost, Opened, Pending, Send
from binance_socket._session.server_clock import ServerClock
from binance_socket._session.session import Session
from binance_socket._session.topics import WS_API, Dialect
from binance_socket._wire.messages import Request, Security
from binance_socket.errors import BinanceSocketError, ConnectionLost

TIMEOUT = 10.0
PROBE_AFTER = 20.0
PROBE_TIMEOUT = 5.0


class Driven:
    """A session with a hand on its clock and its wire: what it wants sent counts as written once it was looked at."""

    def __init__(
        self,
        dialect: Dialect = WS_API,
        random: Callable[[], float] = lambda: 0.5,
        audit_after: float | None = None,
        most_pending: int = 16384,
    ) -> None:
        self.now = 1000.0
        self.heard_at = self.now
        self.clock = ServerClock(monotonic=self.now, wall=1_700_000_000.0)
        self.session = Session(
            dialect,
            self.clock,
            ids=(f"id-{number}" for number in itertools.count(1)),
            backoff=lambda: Backoff(1.0, 8.0, random),
            request_timeout=TIMEOUT,
            probe_after=PROBE_AFTER,
            probe_timeout=PROBE_TIMEOUT,
            audit_after=audit_after,
            most_pending=most_pending,
        )

    # What the connection does.

    def connect(self) -> list[Effect]:
        self.session.connecting()
        self.session.connected(self.now)
        self.heard_at = self.now
        return self.session.effects()

    def lose(self, error: BinanceSocketError | None = None) -> list[Effect]:
        self.session.lost(error or ConnectionLost("gone"), self.now)
        return self.session.effects()

    def submit(self, handle: Any, request: Request[Any] | str = "ping", timeout: float | None = None) -> list[Effect]:
        request = Request(request) if isinstance(request, str) else request
        self.session.submit(request, handle, self.now, timeout)
        return self.session.effects()

    def order(self, handle: Any) -> list[Effect]:
        return self.submit(handle, Request("order.place", security=Security.SIGNED, mutating=True))

    def write(self, effects: list[Effect]) -> list[Pending]:
        """Write what *effects* say, and return the requests of which something was written."""
        written: list[Pending] = []
        for effect in effects:
            if isinstance(effect, Send) and effect.pending.claim():
                effect.pending.sent_at = self.now
                written.append(effect.pending)
        return written

    def subscribe(self, *topics: Any, continuing: bool = False) -> list[Effect]:
        self.session.subscribe(topics, self.now, continuing=continuing)
        return self.session.effects()

    def unsubscribe(self, *topics: Any) -> list[Effect]:
        self.session.unsubscribe(topics, self.now)
        return self.session.effects()

    def receive(self, message: Any) -> list[Effect]:
        self.heard_at = self.now
        self.session.received(message, self.now)
        return self.session.effects()

    def answer(self, pending: Pending, result: Any = None) -> list[Effect]:
        return self.receive({"id": pending.id, "status": 200, "result": result})

    def refuse(self, pending: Pending, code: int, status: int = 400) -> list[Effect]:
        return self.receive({"id": pending.id, "status": status, "error": {"code": code, "msg": "no"}})

    def revoke(self) -> list[Effect]:
        return self.receive({"id": None, "status": 401, "error": {"code": -2015, "msg": "revoked"}})

    def tick(self, seconds: float = 0.0) -> list[Effect]:
        """Let *seconds* pass, and then do what is due."""
        self.now += seconds
        self.session.tick(self.now, self.heard_at)
        return self.session.effects()

    def next_tick(self) -> float | None:
        return self.session.next_tick(self.heard_at)

    # In one go.

    def open(self, topic: Any, route: int = 0) -> None:
        """Have *topic* open on the present link, with a logon if it needs one."""
        [pending] = self.write(self.subscribe(topic))
        if pending.request.method == "session.logon":
            [pending] = self.write(self.answer(pending, {}))
        assert Opened(topic, pending.request.method and route) in self.answer(pending, {"subscriptionId": route})


def outcomes(effects: list[Effect]) -> dict[Any, Any]:
    """Return what each handle was completed with."""
    return {effect.pending.handle: effect.outcome for effect in effects if isinstance(effect, Complete)}


def told(effects: list[Effect]) -> list[Effect]:
    """Return what concerns topics."""
    return [effect for effect in effects if isinstance(effect, (Opened, Lost, Closed))]


@pytest.fixture
def drive() -> Callable[..., Driven]:
    """Make a driven session: ``drive(dialect=WS_API, random=...)``."""
    return Driven


@pytest.fixture
def driven() -> Driven:
    """A driven session that speaks with the WebSocket API, and waits half of what it might."""
    return Driven()


@pytest.fixture
def ready(driven: Driven) -> Driven:
    """A driven session with a link."""
    driven.connect()
    return driven
