"""
The stream endpoint: ``/ws``, ``/ws/<name>``, ``/stream`` and ``/stream?streams=<name>/<name>``.

Names are listen keys or market streams; any other name is accepted, as the exchange does, and stays silent.
Source: the WebSocket streams document, "Live Subscribing/Unsubscribing to streams".
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

import attrs
import orjson
from websockets.frames import Frame

from .events import Event, MarketEvent
from .links import Link
from .venue import Session, Venue

__all__ = ["MOST_STREAMS", "StreamSession"]

MOST_STREAMS: Final = 1024
"""On one connection."""
MESSAGES_PER_SECOND: Final = 5
MOST_WAITING: Final = 500_000
"""How many events of market streams may wait for a peer before it is let go."""

_METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_ID: Final = re.compile(r"[a-zA-Z0-9\-_]{1,36}\Z")


class _Refused(Exception):
    def __init__(self, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.answer = {"code": code, "msg": message, **more}


class _KeySink:
    """Passes the events of a listen key's account on, under the key's name."""

    def __init__(self, session: StreamSession, key: str, uid: int) -> None:
        self.key, self.uid = key, uid
        self._session = session

    def event(self, event: Event) -> None:
        """Pass an event on; the end of another key is none of ours."""
        payload = event.payload
        if payload.get("e") == "listenKeyExpired" and payload.get("listenKey") != self.key:
            return
        self._session.publish(self.key, event.body(microseconds=self._session.microseconds))


@attrs.define
class _Budget:
    """At most so many messages in any second."""

    clock: Callable[[], float]
    _seen: deque[float] = attrs.field(factory=deque[float], init=False)

    def spend(self) -> bool:
        """Count a message. False when there were too many."""
        now = self.clock()
        while self._seen and now - self._seen[0] >= 1.0:
            self._seen.popleft()
        self._seen.append(now)
        return len(self._seen) <= MESSAGES_PER_SECOND


class StreamSession(Session):
    """One connection to the stream endpoint."""

    def __init__(self, venue: Venue, link: Link, *, streams: Iterable[str], combined: bool, microseconds: bool) -> None:
        self._combined = combined
        # By name; None for a market stream, and for a name that means nothing.
        self._streams: dict[str, _KeySink | None] = {}
        self._given_up = False
        # Spent by the reading thread (control frames) and the connection's own (messages); a deque stands that.
        self._budget = _Budget(venue.clock.monotonic)
        super().__init__(venue, link, microseconds=microseconds)
        self._subscribe(streams)

    def wrapped(self, payload: bytes) -> bytes:
        """Return an event that belongs to no stream."""
        return b'{"stream":"!serverShutdown","data":' + payload + b"}" if self._combined else payload

    def market_event(self, name: str, event: MarketEvent) -> None:
        """Pass an event of a market stream on. A peer that does not keep up is let go, as the exchange does."""
        if self.outbox.backlog < MOST_WAITING:
            self.publish(name, event.body(microseconds=self.microseconds))
        elif not self._given_up:
            self._given_up = True
            self.outbox.stop()
            # Not here: the end of a connection wants the lock that is held now.
            self.venue.timer.call_at(self.venue.clock.monotonic(), self.link.wire.kill)

    def publish(self, name: str, payload: bytes) -> None:
        """Send an event of a stream. Never blocks."""
        if self._combined:
            payload = b'{"stream":"' + name.encode() + b'","data":' + payload + b"}"
        self.outbox.send(payload)

    def control(self, frame: Frame) -> None:
        """Take a ping or pong: they count as messages, too."""
        super().control(frame)
        self._spend()

    def receive(self, message: str) -> None:
        """Answer a control message."""
        if not self._spend():
            return
        try:
            request = _read(message)
            request_id = request["id"]
            # The answer first, then what it announces; and nothing may happen in between unheard.
            with self.outbox.paused():
                announced: list[Callable[[], object]] = []
                result = self._obey(request["method"], request.get("params"), announced, request_id)
                self.outbox.send(orjson.dumps({"result": result, "id": request_id}))
                for function in announced:
                    function()
        except _Refused as refusal:
            self.outbox.send(orjson.dumps(refusal.answer))

    def end(self) -> None:
        """Release everything."""
        self._unsubscribe(list(self._streams))
        super().end()

    def _spend(self) -> bool:
        if self._budget.spend():
            return True
        self.outbox.close_with(1008, "Too many requests")
        return False

    def _obey(self, method: str, params: Any, announced: list[Callable[[], object]], request_id: Any) -> Any:
        if method == "LIST_SUBSCRIPTIONS":
            return list(self._streams)
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            names = _strings(params)
            if method == "UNSUBSCRIBE":
                self._unsubscribe(names)
                return None
            if len({*self._streams, *names}) > MOST_STREAMS:
                raise _Refused(2, f"Invalid request: more than {MOST_STREAMS} streams")
            announced.append(lambda: self._subscribe(names))
            return None
        given = cast("list[object]", params) if isinstance(params, list) else []
        if not given or not isinstance(given[0], str):
            raise _Refused(2, "Invalid request: property name must be a string")
        if len(given) > (2 if method == "SET_PROPERTY" else 1):
            raise _Refused(2, "Invalid request: too many parameters")
        if given[0] != "combined":
            raise _Refused(0, "Unknown property", id=request_id)
        if method == "GET_PROPERTY":
            return self._combined
        if len(given) < 2 or not isinstance(given[1], bool):
            raise _Refused(1, "Invalid value type: expected Boolean")
        self._combined = given[1]
        return None

    def _subscribe(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._streams:
                continue
            uid = self.venue.listen_keys.owner(name)
            sink = None if uid is None else _KeySink(self, name, uid)
            self._streams[name] = sink
            if sink is not None:
                self.uids.add(sink.uid)
                self.venue.feed(sink.uid).attach(sink)
            else:
                self.venue.publisher.attach(name, self)

    def _unsubscribe(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._streams:
                continue
            sink = self._streams.pop(name)
            if sink is not None:
                self.venue.feed(sink.uid).detach(sink)
            else:
                self.venue.publisher.detach(name, self)

    def key_ended(self, key: str) -> None:
        """Send nothing more for a listen key. Any thread."""
        sink = self._streams.get(key)
        if sink is not None:
            self.venue.feed(sink.uid).detach(sink)


def _strings(params: Any) -> list[str]:
    if not isinstance(params, list) or not all(isinstance(name, str) for name in cast("list[object]", params)):
        raise _Refused(2, "Invalid request: invalid type, expected a sequence of strings")
    return cast("list[str]", params)


def _read(message: str) -> Mapping[str, Any]:
    document: Any
    try:
        document = json.loads(message)
    except json.JSONDecodeError as exc:
        raise _Refused(3, f"Invalid JSON: expected value at line {exc.lineno} column {exc.colno}") from None
    except RecursionError:
        raise _Refused(3, "Invalid JSON: expected value at line 1 column 1") from None
    where = f"at line 1 column {len(message)}"
    if not isinstance(document, dict) or "method" not in document:
        raise _Refused(2, f"Invalid request: missing field `method` {where}")
    fields = cast("dict[str, Any]", document)
    method = fields["method"]
    if method not in _METHODS:
        expected = ", ".join(f"`{name}`" for name in _METHODS)
        raise _Refused(2, f"Invalid request: unknown variant `{method}`, expected one of {expected} {where}")
    if "id" not in fields or not _is_id(fields["id"]):
        raise _Refused(2, "Invalid request: request ID must be an unsigned integer")
    return fields


def _is_id(value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, str):
        return _ID.match(value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
