"""From the payloads of a user data stream to the callbacks that take them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from .._wire.events import decode_event, decoder_of
from .._wire.values import is_object
from ..arrivals import Batch, DataEvent, arrived
from ..errors import BinanceSocketError, DecodeError, InvalidRequest
from ..models.base import EVENTS
from ..models.user_data import UnknownEvent, UserDataEvent

__all__ = ["UserDataDispatcher"]

Handler = Callable[[DataEvent[Any]], object]


class UserDataDispatcher:
    """
    Decodes each payload and calls the handler of its kind.

    Events of a kind that has no handler are not even decoded. What is not known, or does not have the documented shape,
    goes to *on_unknown* with its payload as it came; in the latter case *report* hears why as well.
    """

    def __init__(
        self, handlers: Mapping[type[UserDataEvent], Handler | None], on_unknown: Handler | None, *, keep_raw: bool
    ) -> None:
        for handler in (*handlers.values(), on_unknown):
            if handler is not None and not callable(handler):
                raise InvalidRequest(f"a handler must be callable, {handler!r} is not")
            if inspect.iscoroutinefunction(handler):
                raise InvalidRequest(f"a handler is an ordinary function: nobody would await {handler!r}")
        names = {kind: name for name, kind in EVENTS.items()}
        self._handlers = {
            names[kind]: (handler, decoder_of(names[kind])) for kind, handler in handlers.items() if handler is not None
        }
        self._on_unknown = on_unknown
        self._keep_raw = keep_raw

    def __call__(
        self, payload: dict[str, Any], batch: Batch, report: Callable[[BinanceSocketError], object], /
    ) -> None:
        """Deliver one event. Runs on the executor; what the handler raises is the caller's to report."""
        try:
            handler, decode = self._handlers[payload["e"]]
        except (KeyError, TypeError):
            self._deliver_unusual(payload, batch, report)
            return
        try:
            event = decode(payload)
        except DecodeError as error:
            self._deliver_raw(payload, batch, report, error)
            return
        raw = payload if self._keep_raw else None
        handler(arrived(event, batch, event.event_time, raw))

    def _deliver_unusual(
        self, payload: dict[str, Any], batch: Batch, report: Callable[[BinanceSocketError], object]
    ) -> None:
        """Deliver an event that nobody asked for, that is not known, or that comes wrapped once more."""
        name, inner = payload.get("e"), payload.get("event")
        if name is None and is_object(inner) and "e" in inner:
            # The documents show eventStreamTerminated on listen-key streams in this form.
            self(inner, batch, report)
        elif not isinstance(name, str):
            self._deliver_raw(payload, batch, report, DecodeError("an event without a name", payload))
        elif name not in EVENTS:
            self._deliver_raw(payload, batch, report, None)

    def _deliver_raw(
        self,
        payload: dict[str, Any],
        batch: Batch,
        report: Callable[[BinanceSocketError], object],
        error: DecodeError | None,
    ) -> None:
        """Deliver a payload as it came, and say why if it should have been more than that."""
        if error is None:
            event = decode_event(payload)
        else:
            report(error)
            name = payload.get("e")
            event = UnknownEvent(name=name if isinstance(name, str) else "", payload=payload, event_time=None)
        if self._on_unknown is not None:
            raw = payload if self._keep_raw else None
            self._on_unknown(arrived(event, batch, event.event_time, raw))
