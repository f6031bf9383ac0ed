"""
The WebSocket API, one object per connection.

Source: the WebSocket API document: request and response format, session authentication, user data subscriptions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import attrs
import orjson

from ..credentials import KeyType
from .errors import ExchangeError
from .events import Event, in_microseconds
from .links import Link
from .market_methods import IN_MICROSECONDS, MARKET_METHODS
from .methods import METHODS, Method
from .request import Form, Request, parameter_text, parse_request
from .request_faults import lagged, spoiled
from .security import ApiKey, check_timing, read_window, signature_payload
from .trading_methods import TRADING_METHODS
from .venue import Session, Venue
from .wire_faults import REPLIES

__all__ = ["ApiSession"]

logger = logging.getLogger(__name__)

CONNECT_WEIGHT: Final = 2
MOST_SUBSCRIPTIONS: Final = 1_000
MOST_SUBSCRIPTIONS_EVER: Final = 65_535

_ONLY_RATE_LIMITS: Final = Form({"returnRateLimits": "BOOLEAN"})


class Subscription:
    """A user data subscription of a connection: wraps the account's events with its id."""

    def __init__(self, session: ApiSession, number: int, uid: int, *, by_session: bool) -> None:
        self.number, self.uid, self.by_session = number, uid, by_session
        self._session = session
        self._head = b'{"subscriptionId":%d,"event":' % number

    def event(self, event: Event) -> None:
        """Pass an event on."""
        # That one concerns the streams of a listen key only.
        if event.payload.get("e") != "listenKeyExpired":
            self._session.outbox.send(self._head + event.body(microseconds=self._session.microseconds) + b"}")


@attrs.frozen
class Call:
    """A request that passed all checks."""

    params: Mapping[str, Any]
    key: ApiKey | None


class ApiSession(Session):
    """One connection to ``/ws-api/v3``. Everything but events happens on the connection's own thread."""

    def __init__(self, venue: Venue, link: Link, *, microseconds: bool, rate_limits: bool) -> None:
        self._key: ApiKey | None = None
        self._authorized_at: int | None = None
        self._subscriptions: dict[int, Subscription] = {}
        self._subscribed_ever = 0
        self._rate_limits = rate_limits
        self._after: list[Callable[[], object]] = []
        super().__init__(venue, link, microseconds=microseconds)
        venue.limits.connected(CONNECT_WEIGHT)

    def wrapped(self, payload: bytes) -> bytes:
        """Return an event that belongs to no subscription."""
        return b'{"event":' + payload + b"}"

    def receive(self, message: str) -> None:
        """Answer a request."""
        if self._key is not None and not self.venue.keys.holds(self._key):
            self._revoke()
            return
        try:
            request = parse_request(message)
        except ExchangeError as error:
            request_id = (error.data or {}).get("id")
            bare = ExchangeError(error.code, error.message, status=error.status)
            self._reply(Request(request_id, "", {}), self._error(bare), self._wants_limits({}), None)
            return
        self._after.clear()
        uid: int | None = None
        banned = False
        try:
            show_limits = self._wants_limits(request.params)
            method = METHODS.get(request.method)
            self.venue.limits.spend(1 if method is None else method.cost(request.params))
            if method is None:
                raise ExchangeError(-1020, "This operation is not supported.")
            call = self._admit(method, request)
            if method.orders and call.key is not None:
                uid = call.key.uid
            answer = self._carried_out(request, call)
            if answer is None:
                return
            body = answer
        except ExchangeError as error:
            body = self._error(error)
            show_limits = self._wants_limits(request.params, strict=False)
            banned = error.status == 418
        self._reply(request, body, show_limits, uid)
        if banned:
            self.outbox.close_with(1008, "IP banned")

    def end(self) -> None:
        """Release everything."""
        for subscription in list(self._subscriptions.values()):
            self._drop(subscription)
        super().end()

    # Checks.

    def _admit(self, method: Method, request: Request) -> Call:
        """Return the request's own parameters and its key, once it has passed all checks. Raises ExchangeError."""
        params, security = request.params, method.security
        typed = method.form.check(params, ("returnRateLimits", *security.parameters))
        if not security.key:
            return Call(typed, self._key)
        own = "apiKey" in params
        if not own and not (method.session and self._key is not None):
            raise ExchangeError.mandatory("apiKey")
        key = self.venue.keys.find(params["apiKey"]) if own or self._key is None else self._key
        self.uids.add(key.uid)
        if security.signed:
            self._check_signature(params, key, signed=own or "signature" in params)
        return Call(typed, key)

    def _check_signature(self, params: Mapping[str, Any], key: ApiKey, *, signed: bool) -> None:
        timestamp = params.get("timestamp")
        if isinstance(timestamp, str) and timestamp.isascii() and timestamp.isdecimal():
            timestamp = int(timestamp)
        if not isinstance(timestamp, int) or isinstance(timestamp, bool):
            raise ExchangeError.mandatory("timestamp")
        window = read_window(params.get("recvWindow"))
        if signed:
            signature = params.get("signature")
            if not isinstance(signature, str) or not signature:
                raise ExchangeError.mandatory("signature")
            if not key.verify(signature_payload(params, parameter_text), signature):
                raise ExchangeError(-1022, "Signature for this request is not valid.")
        check_timing(timestamp, window, self.venue.wall.time())

    def _wants_limits(self, params: Mapping[str, Any], *, strict: bool = True) -> bool:
        try:
            typed = _ONLY_RATE_LIMITS.check({k: v for k, v in params.items() if k == "returnRateLimits"}, ())
        except ExchangeError:
            if strict:
                raise
            return self._rate_limits
        return bool(typed.get("returnRateLimits", self._rate_limits))

    # Answers.

    def _error(self, error: ExchangeError) -> dict[str, Any]:
        body: dict[str, Any] = {"code": error.code, "msg": error.message}
        if error.data is not None:
            body["data"] = error.data
        return {"status": error.status, "error": body}

    def _reply(self, request: Request, body: Mapping[str, Any], show_limits: bool, uid: int | None) -> None:
        answer = {"id": request.id, **body}
        if show_limits:
            orders = [] if uid is None else self.venue.limits.order_status(uid)
            answer["rateLimits"] = orders + self.venue.limits.weight_status()
        payload = orjson.dumps(answer)
        # The acknowledgement first, then what it announces; and nothing may happen in between unheard.
        with self.outbox.paused():
            self._send_reply(request.method, payload)
            for function in self._after:
                function()

    def _send_reply(self, method: str, payload: bytes) -> None:
        fault = self.venue.faults.next_reply(method)
        if fault is None:
            self.outbox.send(payload)
        elif fault.kind == "duplicate":
            self.outbox.send(payload)
            self.outbox.send(payload)
        elif fault.kind == "delay":
            when = self.venue.clock.monotonic() + fault.seconds
            self.venue.timer.call_at(when, lambda: self.outbox.send(payload))
        elif fault.kind == "late":
            self.venue.faults.hold(self.outbox, payload)
        elif fault.kind in REPLIES:
            self.outbox.send(REPLIES[fault.kind](payload))

    def _revoke(self) -> None:
        """End a session whose key is no longer valid, instead of answering its request."""
        self._log_out()
        self._tell_revoked()
        for function in self._after:
            function()
        self._after.clear()

    def _tell_revoked(self) -> None:
        error = ExchangeError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        self.outbox.send(orjson.dumps({"id": None, **self._error(error)}))

    # Methods.

    def _carried_out(self, request: Request, call: Call) -> dict[str, Any] | None:
        """Carry a request out, and return the answer; None where a fault keeps it back."""
        fault = self.venue.faults.next_request(request.method, call.params, "" if call.key is None else call.key.key)
        if fault is None:
            return self._run(request.method, call)

        def run() -> dict[str, Any]:
            try:
                return self._run(request.method, call)
            except ExchangeError as error:
                return self._error(error)

        return spoiled(self, fault, request.id, run)

    def _run(self, name: str, call: Call) -> dict[str, Any]:
        venue, params = self.venue, call.params
        public = self._PUBLIC.get(name)
        if public is not None:
            result = public(self, call)
        elif name in MARKET_METHODS:
            result = MARKET_METHODS[name](venue, params)
        else:
            assert call.key is not None
            result = _PRIVATE[name](venue, call.key.uid, params)
            if venue.faults.query_lag:
                result = lagged(name, result, venue.wall.milliseconds(), venue.faults.query_lag)
        if self.microseconds:
            result = IN_MICROSECONDS.get(name, in_microseconds)(result)
        # So it was documented, and so it came.
        field = "response" if name in ("userDataStream.ping", "userDataStream.stop") else "result"
        return {"status": 200, field: result}

    def _ping(self, call: Call) -> dict[str, Any]:
        return {}

    def _time(self, call: Call) -> dict[str, Any]:
        return {"serverTime": self.venue.wall.milliseconds()}

    def _exchange_info(self, call: Call) -> dict[str, Any]:
        return self.venue.exchange.exchange_info(call.params, rate_limits=self.venue.limits.quotas)

    def _logon(self, call: Call) -> dict[str, Any]:
        assert call.key is not None
        if call.key.key_type is not KeyType.ED25519:
            kind = "HMAC_SHA256" if call.key.key_type is KeyType.HMAC else "RSA"
            raise ExchangeError(-4056, f"{kind} API key is not supported.")
        self._key = call.key
        self._authorized_at = self.venue.wall.milliseconds()
        return self._status(call)

    def _status(self, call: Call) -> dict[str, Any]:
        return {
            "apiKey": None if self._key is None else self._key.key,
            "authorizedSince": self._authorized_at,
            "connectedSince": self.connected_at,
            "returnRateLimits": self._rate_limits,
            "serverTime": self.venue.wall.milliseconds(),
            "userDataStream": bool(self._subscriptions),
        }

    def _logout(self, call: Call) -> dict[str, Any]:
        self._log_out()
        return self._status(call)

    def _log_out(self) -> None:
        self._key = self._authorized_at = None
        for subscription in list(self._subscriptions.values()):
            if subscription.by_session:
                self._terminate(subscription)

    def _list_subscriptions(self, call: Call) -> list[dict[str, Any]]:
        return [{"subscriptionId": number} for number in self._subscriptions]

    def _subscribe(self, call: Call) -> dict[str, Any]:
        if self._key is None:
            raise ExchangeError(-1002, "You are not authorized to execute this request.", status=401)
        return self._open(self._key.uid, by_session=True)

    def _subscribe_signed(self, call: Call) -> dict[str, Any]:
        assert call.key is not None
        return self._open(call.key.uid, by_session=False)

    def _open(self, uid: int, *, by_session: bool) -> dict[str, Any]:
        if any(subscription.uid == uid for subscription in self._subscriptions.values()):
            raise ExchangeError(-2035, "User Data Stream subscription already active.")
        if self._subscribed_ever >= MOST_SUBSCRIPTIONS_EVER or len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise ExchangeError(-2042, "Maximum subscription ID reached for this connection.")
        subscription = Subscription(self, self._subscribed_ever, uid, by_session=by_session)
        self._subscribed_ever += 1
        self._subscriptions[subscription.number] = subscription
        self.uids.add(uid)
        feed = self.venue.feed(uid)
        self._after.append(lambda: feed.attach(subscription))
        return {"subscriptionId": subscription.number}

    def _unsubscribe(self, call: Call) -> dict[str, Any]:
        number = call.params.get("subscriptionId")
        chosen = [s for s in self._subscriptions.values() if number is None or s.number == number]
        if not chosen:
            raise ExchangeError(-2036, "User Data Stream subscription not active.")
        for subscription in chosen:
            self._terminate(subscription)
        return {}

    def terminate(self, uid: int) -> int:
        """End an account's subscriptions, unasked. Any thread."""
        ended = [subscription for subscription in list(self._subscriptions.values()) if subscription.uid == uid]
        for subscription in ended:
            self._drop(subscription)
            self.outbox.send(self._farewell(subscription))
        return len(ended)

    def mute(self, uid: int) -> int:
        """Forget an account's subscriptions, and say nothing. Any thread."""
        ended = [subscription for subscription in list(self._subscriptions.values()) if subscription.uid == uid]
        for subscription in ended:
            self._drop(subscription)
        return len(ended)

    def end_authentication(self) -> int:
        """End the logged-on session, unasked. Return whether there was one. Any thread."""
        if self._key is None:
            return 0
        self._key = self._authorized_at = None
        ended = [subscription for subscription in list(self._subscriptions.values()) if subscription.by_session]
        for subscription in ended:
            self._drop(subscription)
        self._tell_revoked()
        for subscription in ended:
            self.outbox.send(self._farewell(subscription))
        return 1

    def _terminate(self, subscription: Subscription) -> None:
        """Stop a subscription: nothing comes after its ``eventStreamTerminated``, which follows the answer."""
        self._drop(subscription)
        event = self._farewell(subscription)
        self._after.append(lambda: self.outbox.send(event))

    def _farewell(self, subscription: Subscription) -> bytes:
        return b'{"subscriptionId":%d,"event":{"e":"eventStreamTerminated","E":%d}}' % (subscription.number, self.now())

    def _drop(self, subscription: Subscription) -> None:
        self.venue.feed(subscription.uid).detach(subscription)
        self._subscriptions.pop(subscription.number, None)

    # Methods that concern the connection, or nobody in particular.
    _PUBLIC: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "ping": _ping,
        "time": _time,
        "exchangeInfo": _exchange_info,
        "session.logon": _logon,
        "session.status": _status,
        "session.logout": _logout,
        "session.subscriptions": _list_subscriptions,
        "userDataStream.subscribe": _subscribe,
        "userDataStream.subscribe.signature": _subscribe_signed,
        "userDataStream.unsubscribe": _unsubscribe,
    }


def _start_key(venue: Venue, uid: int, params: Mapping[str, Any]) -> dict[str, Any]:
    return {"listenKey": venue.listen_keys.start(uid)}


def _extend_key(venue: Venue, uid: int, params: Mapping[str, Any]) -> dict[str, Any]:
    venue.listen_keys.extend(uid, params["listenKey"])
    return {}


def _stop_key(venue: Venue, uid: int, params: Mapping[str, Any]) -> dict[str, Any]:
    venue.listen_keys.stop(uid, params["listenKey"])
    return {}


# Methods that concern an account.
_PRIVATE: Final[Mapping[str, Callable[[Venue, int, Mapping[str, Any]], Any]]] = {
    "userDataStream.start": _start_key,
    "userDataStream.ping": _extend_key,
    "userDataStream.stop": _stop_key,
    **TRADING_METHODS,
}
