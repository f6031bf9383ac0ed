"""Read payloads exactly as the client does, without a client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from .._wire.events import decode_event
from .._wire.messages import Request, parse_reply, response_to
from ..errors import DecodeError, InvalidRequest
from ..models.response import Response
from ..models.user_data import UserDataEvent
from ..spot_api.account import Account
from ..spot_api.endpoint import Endpoint, Room
from ..spot_api.exchange_data import ExchangeData

__all__ = ["decode_response", "decode_user_data_event"]

_ROOMS: tuple[type[Room], ...] = (Account, ExchangeData)


def decode_user_data_event(payload: Mapping[str, Any]) -> UserDataEvent:
    """
    Return the typed event that *payload* is: by itself, or as either kind of stream wraps it.

    Raises DecodeError where a callback would be given the raw payload instead.
    """
    for route_key, payload_key in (("subscriptionId", "event"), ("stream", "data")):
        if route_key in payload and isinstance(payload.get(payload_key), dict):
            return decode_event(payload[payload_key])
    return decode_event(dict(payload))


def decode_response(method: str, payload: Mapping[str, Any]) -> Response[Any]:
    """
    Return the typed response that *payload* is to the exchange's *method*, for example ``"account.status"``.

    Raises the error that the payload is, as a call would; DecodeError; InvalidRequest for an unknown method.
    """
    reply = parse_reply(payload)
    requests = [request for request in _requests() if request.method == method]
    if not requests:
        raise InvalidRequest(f"{method!r} is not a method of this library's")
    # A method that answers in several shapes is asked for by several of ours; those with more to read come first.
    for request in requests[:-1]:
        with contextlib.suppress(DecodeError):
            return response_to(request, reply)
    return response_to(requests[-1], reply)


def _requests() -> Iterator[Request[Any]]:
    for room in _ROOMS:
        members: Iterable[Any] = vars(room).values()
        for member in members:
            if isinstance(member, Endpoint):
                yield cast("Endpoint[..., Any]", member).prototype
