"""Sorts what the reader receives into the two lanes: events to their subscribers, everything else to the session."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from .._session.topics import Dialect, Topic
from .._wire.codec import loads_strictly
from .._wire.values import as_object, is_array, is_object
from ..errors import DecodeError
from .audience import Audience, Payload, Routes, Subscriber

__all__ = ["Lanes", "Malformed"]

# Events by which the exchange ends the subscription that they came on.
_ENDING_EVENTS = frozenset({"eventStreamTerminated", "listenKeyExpired"})
_ENDING_NAMES = frozenset(name.encode() for name in _ENDING_EVENTS)


class Malformed:
    """A message that is not JSON, or not of a shape that could be an event."""

    def __init__(self, text: bytes, cause: BaseException) -> None:
        self.text = text
        self.cause = cause


class Lanes:
    """
    What the reader does with the messages of one read. For the reader's thread only.

    An event is known by how its message begins, which is how the exchange writes it. Then it is handed on as text, to
    be parsed where its callback runs: a parsed event is ten times as large, and would have to travel from one core's
    cache to another's. Any other message is parsed here, so that nothing depends on the order of keys but speed.
    """

    def __init__(
        self,
        dialect: Dialect,
        audience: Audience,
        *,
        others: Callable[[list[Any]], None],
        ended: Callable[[Topic, tuple[Subscriber, ...], Hashable, str], None],
    ) -> None:
        self._dialect = dialect
        self._audience = audience
        self._others = others
        self._ended = ended
        self.latest: Payload | None = None
        """One of the last events among the messages that were taken last; None if none of a subscription came."""

    def take(self, messages: list[bytes], received_at: float) -> bool:
        """Sort the messages of one read. Return whether a subscriber has more than it should."""
        head, middle, skipped = self._dialect.head, self._dialect.middle, self._dialect.skipped
        named, tails = self._dialect.named, self._dialect.tails
        mark = self._dialect.route_key.encode()
        start = len(head)
        audience = self._audience
        routes, tokens = audience.routes, audience.tokens
        batches: dict[Hashable, list[Payload]] = {}
        others: list[Any] = []
        full, self.latest = False, None
        # How the event before began: most events begin like it.
        prefix, payload_at = b"", 0
        batch: list[Payload] = []
        for text in messages:
            if prefix and text.startswith(prefix) and text.endswith(tails):
                batch.append(text[payload_at:-1])
                continue
            if others and mark in text:
                # What came before may be the acknowledgement that this is an event of.
                self._others(others)
                others = []
                routes, tokens = audience.routes, audience.tokens
            if text.startswith(head) and text.endswith(tails):
                token_end = text.find(middle, start)
                name_at = token_end + len(middle)
                name_end = text.find(b'"', name_at) if named else name_at
                if token_end > 0 and text[start:token_end] in tokens and text[name_at:name_end] not in _ENDING_NAMES:
                    route = tokens[text[start:token_end]]
                    batch = batches.setdefault(route, [])
                    prefix, payload_at = text[: name_end + 1], token_end + skipped
                    batch.append(text[payload_at:-1])
                    continue
            message, route, payload, ends = self._parsed(text, routes)
            if payload is not None:
                batches.setdefault(route, []).append(payload)
                if not ends:
                    continue
            # Everything else may change the routes, and comes after the events that came before it.
            full = self._post(routes, batches, received_at) or full
            batches, prefix = {}, b""
            if payload is None:
                others.append(message)
            else:
                topic, subscribers = routes[route]
                self._ended(topic, subscribers, route, as_object(payload)["e"])
                routes, tokens = audience.routes, audience.tokens
        if others:
            self._others(others)
        return self._post(routes, batches, received_at) or full

    def _parsed(self, text: bytes, routes: Routes) -> tuple[Any, Hashable, dict[str, Any] | list[Any] | None, bool]:
        """Return the message and, where it is an event of a route: that, the event, and whether it ends the stream."""
        message: Any = None
        try:
            message = loads_strictly(text)
            if not self._dialect.named and is_array(message):
                # Without a wrapping: the session may know whose it is.
                return message, None, None, False
            route = message.get(self._dialect.route_key)
            if route in routes:
                payload = message[self._dialect.payload_key]
                if not self._dialect.named:
                    if not is_object(payload) and not is_array(payload):
                        raise DecodeError("an event that is neither an object nor an array", payload)
                    return message, route, payload, False
                if "e" not in payload and is_object(payload.get("event")):
                    payload = payload["event"]
                name = payload.get("e")
                return message, route, payload, isinstance(name, str) and name in _ENDING_EVENTS
        except (DecodeError, AttributeError, KeyError, TypeError) as exc:
            message = Malformed(text, exc)
        return message, None, None, False

    def _post(self, routes: Routes, batches: dict[Hashable, list[Payload]], received_at: float) -> bool:
        full = False
        for route, payloads in batches.items():
            self.latest = payloads[-1]
            for subscriber in routes[route][1]:
                subscriber.post(payloads, received_at, route)
                full = full or subscriber.full
        return full
