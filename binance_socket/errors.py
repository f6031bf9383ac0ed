"""
Everything this library raises.

::

    BinanceSocketError
    ├── InvalidRequest            (also a ValueError) bad input, found before anything was sent
    │   └── FilterFailure         an order does not meet a filter of its symbol; ``filter_type`` names it
    ├── NotSupportedError         this venue does not offer it; says since when, and what does instead
    ├── ClientClosed              close() was called
    ├── ForkedClientError         the client was made by the parent process
    ├── CallCancelled             a CancellationToken abandoned the wait; ``certainty`` as below
    ├── DecodeError               a payload does not have the documented shape; ``payload`` is it, but for secrets
    ├── OrderBookNotSynchronised  a local order book is not the exchange's at present
    ├── HandlerError              a callback of the user's raised; its exception is ``__cause__``
    ├── DeliveryError             no answer came; ``certainty`` says whether the request may have arrived
    │   ├── TooManyPending        too many calls wait for their answers already; this one was not sent
    │   ├── RequestTimeout        (also a TimeoutError) no answer by the deadline
    │   ├── ConnectionLost        (also a ConnectionError) the link went away, or could not be made
    │   │   ├── TlsError          the peer could not be verified; never retried
    │   │   ├── ProxyError        the proxy refused, or is none
    │   │   └── HandshakeError    the server refused the upgrade, with an HTTP ``status``
    │   └── OutcomeUnknown        what would change something may have done so; ``resolve()`` finds out
    │       ├── OutcomeUnknownAfterTimeout   (also a RequestTimeout) because no answer came by the deadline
    │       ├── OutcomeUnknownAfterLoss      (also a ConnectionLost) because the link went away before the answer came
    │       ├── OutcomeUnknownAfterCancellation  (also a CallCancelled) because a CancellationToken abandoned the wait
    │       └── OutcomeUnknownAfterClose     (also a ClientClosed) because the client was closed before the answer came
    └── ApiError                  the exchange answered, and its answer is an error
        ├── RateLimited           status 429 or 418; ``retry_after`` says when to come back
        ├── AuthenticationError   key, signature or permission refused
        │   └── AuthRevoked       the exchange revoked the session, and takes no logon any more
        ├── CancelReplaceFailed   -2021 and -2022: what became of each half (it holds models, so it lives among them)
        └── InvalidTimestamp      -1021: the clock is off by more than the receive window

Refused, lost, timed out and unknown are different classes because the caller does something different about each.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from .masking import without_secrets
from .outcomes import Verdict

__all__ = [
    "ApiError",
    "AuthRevoked",
    "AuthenticationError",
    "BinanceSocketError",
    "CallCancelled",
    "Certainty",
    "ClientClosed",
    "ConnectionLost",
    "DecodeError",
    "DeliveryError",
    "FilterFailure",
    "ForkedClientError",
    "HandlerError",
    "HandshakeError",
    "InvalidRequest",
    "InvalidTimestamp",
    "NotSupportedError",
    "OrderBookNotSynchronised",
    "OutcomeUnknown",
    "OutcomeUnknownAfterCancellation",
    "OutcomeUnknownAfterClose",
    "OutcomeUnknownAfterLoss",
    "OutcomeUnknownAfterTimeout",
    "ProxyError",
    "RateLimited",
    "RequestTimeout",
    "TlsError",
    "TooManyPending",
]


class Certainty(enum.Enum):
    """Whether a request that has no answer may have reached the exchange."""

    NOT_SENT = "not sent"
    """No byte of it was written: it is safe to ask again."""

    MAYBE_SENT = "maybe sent"
    """It may have been executed. Find out before repeating anything that changes state."""


class BinanceSocketError(Exception):
    """Base class of every error raised by this library."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are pickled and copied by calling their class with the message alone, which is not what ours take.
        # One that fails on the way back breaks a ProcessPoolExecutor.
        return _remake, (type(self), self.args, self.__dict__)


def _remake(kind: type[BinanceSocketError], args: tuple[Any, ...], attributes: dict[str, Any]) -> BinanceSocketError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(attributes)
    return error


class InvalidRequest(BinanceSocketError, ValueError):
    """Bad input, found before anything was sent."""


class FilterFailure(InvalidRequest):
    """
    An order does not meet a filter of its symbol. The exchange would answer "Filter failure: " and the filter's name.

    ``filter_type`` is that name, for example ``"LOT_SIZE"``, and ``symbol`` the symbol.
    """

    def __init__(self, filter_type: str, symbol: str, what: str) -> None:
        super().__init__(f"{symbol}: {filter_type}: {what}")
        self.filter_type = filter_type
        self.symbol = symbol


class NotSupportedError(BinanceSocketError):
    """This venue does not offer what was asked for."""


class ClientClosed(BinanceSocketError):
    """The client is closed."""


class ForkedClientError(BinanceSocketError):
    """The client belongs to the parent process; make a new one in the child."""


class CallCancelled(BinanceSocketError):
    """A cancellation token abandoned the wait."""

    certainty: Certainty = Certainty.NOT_SENT
    """Whether the request may have reached the exchange before that."""


class DecodeError(BinanceSocketError):
    """A payload does not have the documented shape."""

    def __init__(self, message: str, payload: object = None) -> None:
        super().__init__(message)
        self.payload: object = without_secrets(payload)
        """What it is, with nothing in the place of keys and signatures."""


class OrderBookNotSynchronised(BinanceSocketError):
    """A local order book is stale, or not there yet. If it has ended, the ``__cause__`` says why."""


class HandlerError(BinanceSocketError):
    """A callback raised; its exception is the ``__cause__``."""


class DeliveryError(BinanceSocketError):
    """No answer came."""

    def __init__(self, message: str, certainty: Certainty = Certainty.NOT_SENT) -> None:
        super().__init__(message)
        self.certainty = certainty

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.certainty.value})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class TooManyPending(DeliveryError):
    """Too many calls wait for their answers already (``ClientOptions.max_pending``). This one was not sent."""


class RequestTimeout(DeliveryError, TimeoutError):
    """No answer came by the deadline."""


class ConnectionLost(DeliveryError, ConnectionError):
    """The link went away before the answer came, or could not be made."""


class TlsError(ConnectionLost):
    """The peer's identity could not be verified, or it does not speak TLS. Never retried, never downgraded."""


class ProxyError(ConnectionLost):
    """The proxy refused the connection, or does not behave like one."""


class HandshakeError(ConnectionLost):
    """The server refused the WebSocket upgrade."""

    def __init__(self, message: str, status: int, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        """Seconds to stay away, where the server said so."""


class OutcomeUnknown(DeliveryError):
    """
    A request that changes something at the exchange may have been executed, or not. This is no failure.

    The exchange said that it does not know itself (status 5xx, -1006, -1007), or no answer came. Never send the same
    again before :meth:`resolve` has told what became of it.
    """

    def __init__(self, message: str, code: int | None = None, status: int | None = None) -> None:
        super().__init__(message, Certainty.MAYBE_SENT)
        self.code = code
        """The exchange's code, None if it did not answer."""
        self.status = status
        self.method = ""
        """What was asked, as the exchange names it: ``order.place``."""
        self.client_order_ids: tuple[str, ...] = ()
        """The client order ids in the request, beginning with that of what was to be placed, cancelled or amended."""
        self.sent_at: datetime | None = None
        """When it was signed and sent, by the exchange's clock as far as the client knew it, in UTC."""
        self._resolver: Callable[[float], Verdict] | None = None

    @property
    def client_order_id(self) -> str | None:
        """The first of the client order ids: of a new order, its own."""
        return self.client_order_ids[0] if self.client_order_ids else None

    def resolve(self, timeout: float = 30.0) -> Verdict:
        """
        Find out what became of the request, within *timeout* seconds.

        Returns Placed, NotPlaced or StillUnknown for an order or an order list; Executed, NotExecuted or StillUnknown
        for what cancels or amends; a CancelReplaceOutcome with both halves. It listens for a late answer and for the
        account's events, where a user data subscription lives, and asks the exchange on a connection of its own. What
        did not happen is told once that cannot be wrong any more, some 20 seconds after the request was sent. Nothing
        is ever sent again.

        Any thread, callbacks included, and as often as you like: what is known is returned at once. Raises ClientClosed
        after the client's ``close()``, ForkedClientError after a fork, and NotSupportedError for a copy of the error,
        which has no client to ask.
        """
        if self._resolver is None:
            raise NotSupportedError("a copy of an error has no client to ask: resolve the error that was raised")
        return self._resolver(timeout)

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (type(self), self.args, {**self.__dict__, "_resolver": None})


class OutcomeUnknownAfterTimeout(OutcomeUnknown, RequestTimeout):
    """No answer came by the deadline to a request that changes something, and that may have been sent."""


class OutcomeUnknownAfterLoss(OutcomeUnknown, ConnectionLost):
    """The link went away before the answer to a request that changes something, and that may have been sent."""


class OutcomeUnknownAfterCancellation(OutcomeUnknown, CallCancelled):
    """A cancellation token abandoned the wait for a request that changes something, and that may have been sent."""


class OutcomeUnknownAfterClose(OutcomeUnknown, ClientClosed):
    """
    The client was closed, or failed, before the answer to a request that changes something and may have been sent.

    A closed client asks nothing any more: look for the client order id with another one.
    """


class ApiError(BinanceSocketError):
    """
    The exchange answered with an error.

    ``code`` and ``message`` are the exchange's own (see its errors document), ``status`` is its HTTP-like status,
    ``method`` and ``request_id`` say what was asked, ``data`` holds whatever else it sent.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int = 400,
        method: str = "",
        request_id: str | int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{method or 'request'}: {message} (code {code}, status {status})")
        self.code = code
        self.message = message
        self.status = status
        self.method = method
        self.request_id = request_id
        self.data: Mapping[str, Any] = data or {}


class RateLimited(ApiError):
    """
    Too much was asked (429), or this address is banned for having gone on (418).

    Either the exchange has refused the request, or the library has not even sent it: ``certainty`` is NOT_SENT then.
    """

    certainty: Certainty = Certainty.MAYBE_SENT
    """Whether the exchange has seen the request. It has not executed it in either case."""

    @property
    def retry_after(self) -> datetime | None:
        """When the exchange will listen again, in UTC, if it said so."""
        moment = self.data.get("retryAfter")
        if not isinstance(moment, int):
            return None
        # Microseconds, which have 16 digits, where the connection has asked for them.
        unit = 1e6 if moment >= 10**14 else 1e3
        try:
            return datetime.fromtimestamp(moment / unit, timezone.utc)
        except (OverflowError, OSError, ValueError):
            return None

    @property
    def banned(self) -> bool:
        """Whether this address is banned (418), not merely asked to slow down (429)."""
        return self.status == 418


class AuthenticationError(ApiError):
    """The key, its signature or its permissions were refused."""


class AuthRevoked(AuthenticationError):
    """
    The exchange revoked the session that was logged on, and logging on again has not helped.

    So it is when a key is deleted, or its permissions or addresses are changed. Subscriptions that were made as the
    logged-on session end with it; no connection is logged on again unless you ask for it.
    """


class InvalidTimestamp(ApiError):
    """The request's timestamp is outside of the receive window (-1021)."""
