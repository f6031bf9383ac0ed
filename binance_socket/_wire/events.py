"""User data events: from a parsed payload to its model. The hot path starts here. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, cast

from ..errors import DecodeError
from ..models.base import EVENTS
from ..models.user_data import UnknownEvent, UserDataEvent
from .decoder import make_decoder
from .values import as_object, moment_from

__all__ = ["decode_event", "decoder_of"]

_decoders: Final[dict[str, Callable[[dict[str, Any]], UserDataEvent]]] = {}
"""Made when first needed: compiling all of them would slow the import of the library down."""


def decode_event(payload: dict[str, Any]) -> UserDataEvent:
    """
    Return the model of one event.

    An event without a class becomes an UnknownEvent. ``{"event": {...}}``, in which some events come, is understood.
    Raises DecodeError, with the payload, where the name or a documented field is missing or of another type.
    """
    try:
        decode = _decoders[payload["e"]]
    except (KeyError, TypeError):
        decode = _decode_unusual
    return decode(payload)


def decoder_of(name: str) -> Callable[[dict[str, Any]], UserDataEvent]:
    """Return what reads the events of a *name* that is in EVENTS; faster than :func:`decode_event` for many of them."""
    decode = _decoders.get(name)
    if decode is None:
        decode = _decoders[name] = cast("Callable[[dict[str, Any]], UserDataEvent]", make_decoder(EVENTS[name]))
    return decode


def _decode_unusual(payload: Any) -> UserDataEvent:
    """Decode the first event of its kind, an unknown one, or none."""
    event = as_object(payload)
    if "e" not in event:
        event = as_object(event.get("event"))
    name = event.get("e")
    if not isinstance(name, str):
        raise DecodeError("no event: it has no name under 'e'", payload)
    if name not in EVENTS:
        return UnknownEvent(name=name, payload=event, event_time=_event_time(event))
    return decoder_of(name)(event)


def _event_time(event: dict[str, Any]) -> datetime | None:
    try:
        return moment_from(event["E"])
    except (KeyError, TypeError, OverflowError):
        return None
