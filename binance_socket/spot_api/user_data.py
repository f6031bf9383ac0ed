"""From the payloads of a user data stream to the callbacks that take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._wire.events import decode_event
from ..errors import BinanceSocketError, DecodeError, InvalidRequest
from ..events import Batch, DataEvent
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
        names = {kind: name for name, kind in EVENTS.items()}
        self._handlers = {names[kind]: handler for kind, handler in handlers.items() if handler is not None}
        self._on_unknown = on_unknown
        self._keep_raw = keep_raw

    def __call__(
        self, payload: dict[str, Any], batch: Batch, report: Callable[[BinanceSocketError], object], /
    ) -> None:
        """Deliver one event. Runs on the executor; what the handler raises is the caller's to report."""
        name = payload.get("e")
        if name is None and isinstance(payload.get("event"), dict):
            # The documents show eventStreamTerminated on listen-key streams in this form.
            payload = payload["event"]
            name = payload.get("e")
        handler = None
        if isinstance(name, str):
            handler = self._handlers.get(name)
            if handler is None and name in EVENTS:
                return
        try:
            event = decode_event(payload)
        except DecodeError as error:
            report(error)
            event = UnknownEvent(name=name if isinstance(name, str) else "", payload=payload, event_time=None)
        if isinstance(event, UnknownEvent):
            handler = self._on_unknown
        if handler is not None:
            raw = payload if self._keep_raw else None
            handler(DataEvent(event, batch.stream, batch.received_at, event.event_time, raw=raw))
