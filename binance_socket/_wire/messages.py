"""What crosses a socket, as values. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

import attrs

from ..credentials import Credentials
from ..errors import (
    ApiError,
    AuthenticationError,
    BinanceSocketError,
    DecodeError,
    InvalidRequest,
    InvalidTimestamp,
    OutcomeUnknown,
    RateLimited,
)
from ..masking import masked
from ..models.cancel_replace import CancelReplaceFailed
from ..models.enums import CancelReplaceStatus
from ..models.orders import CanceledOrder, PlacedOrder
from ..models.rate_limits import CurrentRateLimit
from ..models.response import Response
from .codec import dumps
from .decoder import reader_of
from .signing import signed
from .values import as_array, as_object, is_object

__all__ = ["UNKNOWN_CODES", "Reply", "Request", "Security", "encode", "error_of", "parse_reply", "response_to"]

R = TypeVar("R")

Params = Mapping[str, Any] | tuple[Any, ...]


class Security(enum.Enum):
    """Who may call a method, and so what is added to its parameters when it is sent."""

    NONE = "none"
    API_KEY = "api key"
    SIGNED = "signature"


@attrs.frozen
class Request(Generic[R]):
    """A question, and the type of its answer."""

    method: str
    params: Params = attrs.field(factory=dict[str, Any], repr=masked)
    """Wire names to plain values, or the positional parameters of a stream server's control message."""
    returns: Any = None
    security: Security = Security.NONE
    mutating: bool = False
    """Whether it changes something at the exchange: then it is never repeated once it may have been sent."""
    weight: int = attrs.field(default=1, eq=False, repr=False)
    """What it counts against the limit of request weights, as far as the documents tell beforehand."""
    orders: int = attrs.field(default=0, eq=False, repr=False)
    """How many unfilled orders it counts as."""
    receive_window: float | Decimal | None = None
    """Its own ``recvWindow`` in milliseconds, where it is signed; None is the client's."""
    return_rate_limits: bool | None = None
    """Whether the answer says what is used of the rate limits; None is as the connection has it."""
    finish: Callable[[Any], R] | None = attrs.field(default=None, eq=False, repr=False)
    """Turns the structured result into what the caller gets, where that is something else."""

    def read(self, result: Any) -> R:
        """Return the typed value of a *result* that came. Raises DecodeError."""
        value: Any = None if self.returns is None else reader_of(self.returns)(result)
        if self.finish is not None:
            return self.finish(value)
        return value  # type: ignore[no-any-return]  # whoever declares the request names R after ``returns``


@attrs.frozen
class Reply:
    """The answer to one request, successful or not."""

    id: str | int | None
    status: int
    result: Any = attrs.field(default=None, repr=masked)
    error: Mapping[str, Any] | None = attrs.field(default=None, repr=masked)
    rate_limits: tuple[Any, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether it is no error, neither by its status nor by what it says."""
        return self.error is None and 200 <= self.status < 300


def parse_reply(message: Mapping[str, Any]) -> Reply:
    """
    Return the reply that *message* is, in the form of either server. Raises DecodeError.

    The WebSocket API answers ``{"id", "status", "result" | "response" | "error", "rateLimits"}``; a stream server
    answers a control message with ``{"id", "result"}``, ``{"id", "error"}`` or a bare ``{"code", "msg"}``.
    One refusal is documented to come as the result of a success; no result has these two keys otherwise.
    """
    error: Any = message.get("error")
    if error is None:
        result = message.get("result")
        bare: Mapping[str, Any] = result if is_object(result) else message
        if "code" in bare and "msg" in bare:
            error = {"code": bare["code"], "msg": bare["msg"]}
    if error is not None and not isinstance(as_object(error).get("code"), int):
        raise DecodeError("an error without a code", message)
    status = message.get("status", 200 if error is None else 400)
    limits = as_array(message.get("rateLimits"))
    request_id = message.get("id")
    if not isinstance(status, int):
        raise DecodeError("a reply with a malformed status", message)
    if request_id is not None and not isinstance(request_id, (str, int)):
        raise DecodeError("a reply with a malformed id", message)
    result = message["result"] if "result" in message else message.get("response")
    return Reply(request_id, status, result, error, tuple(limits))


_NO_REASON: Mapping[str, Any] = {"code": 0, "msg": "no reason was given"}
_BY_CODE: Mapping[int, type[ApiError]] = {
    -1002: AuthenticationError,
    -1003: RateLimited,
    -1015: RateLimited,
    -1021: InvalidTimestamp,
    -1022: AuthenticationError,
    -1034: RateLimited,
    -2014: AuthenticationError,
    -2015: AuthenticationError,
}
_BY_STATUS: Mapping[int, type[ApiError]] = {401: AuthenticationError, 418: RateLimited, 429: RateLimited}
# The exchange says of these itself that it does not know whether the request was executed.
UNKNOWN_CODES = frozenset({-1006, -1007})


def error_of(reply: Reply, request: Request[Any]) -> BinanceSocketError | None:
    """Return the error that *reply* is to *request*, or None when it is a success."""
    if reply.succeeded:
        return None
    error = reply.error or _NO_REASON
    code: int = error["code"]
    halves = _halves(error)
    if request.mutating and (reply.status >= 500 or not UNKNOWN_CODES.isdisjoint([code, *map(_code, halves)])):
        message = str(error.get("msg", ""))
        return OutcomeUnknown(f"{request.method}: {message} (code {code}, status {reply.status})", code, reply.status)
    if halves:
        return _cancel_replace_failed(error, halves, reply, request)
    return _refusal(error, reply, request)


def _refusal(error: Mapping[str, Any], reply: Reply, request: Request[Any]) -> ApiError:
    code = error["code"]
    # A 409 or 429 of a compound request reports on its halves, so the status decides only where the code does not.
    kind = _BY_CODE.get(code) or _BY_STATUS.get(reply.status) or ApiError
    return kind(code, str(error.get("msg", "")), **_context(error, reply, request))


def _context(error: Mapping[str, Any], reply: Reply, request: Request[Any]) -> dict[str, Any]:
    return {
        "status": reply.status,
        "method": request.method,
        "request_id": reply.id,
        "data": as_object(error.get("data")),
    }


_CANCEL_REPLACE_CODES = frozenset({-2021, -2022})
_read_canceled: Callable[[Any], CanceledOrder] = reader_of(CanceledOrder)
_read_placed: Callable[[Any], PlacedOrder] = reader_of(PlacedOrder)


def _halves(error: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a failed cancel-replace says of its cancellation and of its new order; nothing for other errors."""
    data = as_object(error.get("data"))
    results = [data.get("cancelResult"), data.get("newOrderResult")]
    if error["code"] not in _CANCEL_REPLACE_CODES or not all(isinstance(result, str) for result in results):
        return ()
    return data.get("cancelResponse"), data.get("newOrderResponse")


def _code(half: object) -> int | None:
    code = as_object(half).get("code")
    return code if isinstance(code, int) else None


def _cancel_replace_failed(
    error: Mapping[str, Any], halves: tuple[Any, ...], reply: Reply, request: Request[Any]
) -> CancelReplaceFailed:
    errors = [None if _code(half) is None else _refusal(half, Reply(reply.id, 400), request) for half in halves]
    cancel, new_order = halves
    return CancelReplaceFailed(
        error["code"],
        str(error.get("msg", "")),
        **_context(error, reply, request),
        cancel_result=CancelReplaceStatus(error["data"]["cancelResult"]),
        new_order_result=CancelReplaceStatus(error["data"]["newOrderResult"]),
        cancel_response=_read_half(cancel, _read_canceled),
        new_order_response=_read_half(new_order, _read_placed),
        cancel_error=errors[0],
        new_order_error=errors[1],
    )


def _read_half(half: object, read: Callable[[Any], R]) -> R | None:
    """Return the order that *half* tells of; None where it failed, or cannot be read, which must not hide the error."""
    try:
        return None if half is None or _code(half) is not None else read(half)
    except DecodeError:
        return None


_read_limits: Callable[[Any], list[CurrentRateLimit]] = reader_of(list[CurrentRateLimit])


def response_to(request: Request[R], reply: Reply) -> Response[R]:
    """Return the typed answer that *reply* is to *request*. Raises the error that it is, or DecodeError."""
    error = error_of(reply, request)
    if error is not None:
        raise error
    try:
        limits = tuple(_read_limits(list(reply.rate_limits)))
    except DecodeError:
        # What was asked has been done. That must not turn into an error over what is told beside it.
        limits = ()
    return Response(id=reply.id, status=reply.status, result=request.read(reply.result), rate_limits=limits)


def encode(
    request_id: str,
    request: Request[Any],
    *,
    credentials: Credentials | None,
    timestamp: int,
    receive_window: float | Decimal | None,
) -> bytes:
    """
    Return the message that asks *request*, signed as its security demands, with *timestamp* in milliseconds.

    *receive_window* is for requests that have none of their own. Raises InvalidRequest when it needs credentials and
    there are none.
    """
    params = request.params
    if request.return_rate_limits is not None:
        assert isinstance(params, Mapping)
        params = {**params, "returnRateLimits": request.return_rate_limits}
    if request.security is not Security.NONE:
        assert isinstance(params, Mapping)
        if credentials is None:
            raise InvalidRequest(f"{request.method} needs credentials, and this client has none")
        if request.security is Security.SIGNED:
            own = request.receive_window
            params = signed(params, credentials, timestamp, receive_window if own is None else own)
        else:
            params = {**params, "apiKey": credentials.api_key.reveal()}
    message: dict[str, Any] = {"id": request_id, "method": request.method}
    if params:
        message["params"] = params
    return dumps(message)
