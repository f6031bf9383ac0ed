"""Events on their way from the exchange to whoever listens: serialised once, however many those are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, cast

import orjson

__all__ = ["Event", "Feed", "MarketEvent", "Sink", "in_microseconds"]

_EVENT_TIMES: Final[Mapping[str, tuple[str, ...]]] = {
    "executionReport": ("E", "T", "O", "W", "D"),
    "outboundAccountPosition": ("E", "u"),
    "balanceUpdate": ("E", "T"),
    "externalLockUpdate": ("E", "T"),
    "listStatus": ("E", "T"),
}
# Of the market streams; "" is for those that do not say what they are.
_MARKET_TIMES: Final[Mapping[str, tuple[str, ...]]] = {
    "": (),
    "aggTrade": ("E", "T"),
    "avgPrice": ("E", "T"),
    "blockTrade": ("E", "T"),
    "referencePrice": ("t",),
    "trade": ("E", "T"),
    **{f"{size}Ticker": ("E", "O", "C") for size in ("24hr", "1h", "4h", "1d")},
}
_RESULT_TIMES: Final = frozenset(
    {
        "authorizedSince",
        "closeTime",
        "connectedSince",
        "openTime",
        "serverTime",
        "time",
        "timestamp",
        "trailingTime",
        "transactTime",
        "transactionTime",
        "updateTime",
        "workingTime",
    }
)


class Event:
    """One event, as every connection that hears of it will send it."""

    __slots__ = ("_bodies", "payload")

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self.payload = payload
        self._bodies: dict[bool, bytes] = {}

    def body(self, *, microseconds: bool) -> bytes:
        """Return the JSON text, with times in milliseconds or microseconds."""
        body = self._bodies.get(microseconds)
        if body is None:
            body = self._bodies[microseconds] = orjson.dumps(
                _event_in_microseconds(self.payload) if microseconds else self.payload
            )
        return body


class MarketEvent:
    """What a market stream publishes, as every connection that subscribed it will send it."""

    __slots__ = ("_bodies", "payload")

    def __init__(self, payload: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        self.payload = payload
        self._bodies: dict[bool, bytes] = {}

    def body(self, *, microseconds: bool) -> bytes:
        """Return the JSON text, with times in milliseconds or microseconds."""
        body = self._bodies.get(microseconds)
        if body is None:
            payload: object = self.payload
            if microseconds:
                entries = [self.payload] if isinstance(self.payload, Mapping) else self.payload
                longer = [_market_event_in_microseconds(entry) for entry in entries]
                payload = longer[0] if isinstance(self.payload, Mapping) else longer
            body = self._bodies[microseconds] = orjson.dumps(payload)
        return body


def _market_event_in_microseconds(payload: Mapping[str, Any]) -> dict[str, Any]:
    times = _MARKET_TIMES.get(payload.get("e", ""), ("E",))
    result = {name: _longer(value) if name in times else value for name, value in payload.items()}
    if "k" in payload:
        candle = payload["k"]
        # It closes with the last instant before the next one opens.
        result["k"] = {**candle, "t": _longer(candle["t"]), "T": _longer(candle["T"] + 1) - 1}
    return result


def _event_in_microseconds(payload: Mapping[str, Any]) -> dict[str, Any]:
    times = _EVENT_TIMES.get(payload.get("e", ""), ("E",))
    return {name: _longer(value) if name in times else value for name, value in payload.items()}


def in_microseconds(result: Any) -> Any:
    """Return a copy of a result with its times in microseconds instead of milliseconds."""
    if isinstance(result, dict):
        items = cast("dict[str, Any]", result).items()
        return {name: _longer(value) if name in _RESULT_TIMES else in_microseconds(value) for name, value in items}
    if isinstance(result, list):
        return [in_microseconds(item) for item in cast("list[object]", result)]
    return result


def _longer(value: Any) -> Any:
    # -1 stands for "never".
    return value * 1000 if isinstance(value, int) and value > 0 else value


class Sink(Protocol):
    """Somebody who listens to an account."""

    def event(self, event: Event) -> None:
        """Take an event. Called in order, under the exchange's lock: must not block."""
        ...


class Feed:
    """
    Hands the events of one account to its listeners. The exchange calls it, under its lock.

    *copies* says how often the next event is to be delivered to a listener: 1, unless a fault wants something else.
    """

    def __init__(self, copies: Callable[[], int]) -> None:
        self._copies = copies
        # Guards the tuple's replacement; readers take whichever is there.
        self._lock = threading.Lock()
        self._sinks: tuple[Sink, ...] = ()

    def __call__(self, payload: Mapping[str, Any]) -> None:
        """Take the next event."""
        sinks = self._sinks
        if not sinks:
            return
        event = Event(payload)
        for sink in sinks:
            for _ in range(self._copies()):
                sink.event(event)

    def attach(self, sink: Sink) -> None:
        """Let *sink* have all events from now on."""
        with self._lock:
            self._sinks = (*self._sinks, sink)

    def detach(self, sink: Sink) -> None:
        """Let *sink* have no further events."""
        with self._lock:
            self._sinks = tuple(other for other in self._sinks if other is not sink)

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Whoever listens now."""
        return self._sinks
