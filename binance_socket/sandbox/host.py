"""The servers of a sandbox, and the calls by which its public face controls them."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qs, unquote, urlsplit

import attrs
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from .._engine.clock import Clock, SystemClock
from .._engine.timer import Timer
from ..credentials import KeyType
from .certificates import make_server_context
from .errors import ExchangeError
from .exchange import Exchange
from .fault_table import FaultTable
from .limits import Limits
from .links import Link
from .liquidity import Liquidity, burst
from .listen_keys import ListenKeys
from .publisher import Publisher
from .random_flow import RandomFlow
from .random_trading import RandomTrading
from .rest import RestServer
from .security import KeyRing, make_key
from .sor import DEFAULT_ROUTES
from .tickers import level_texts
from .user_streams import MOST_STREAMS, StreamSession
from .venue import Session, SkewedClock, Venue
from .wire import Listener, Wire
from .wire_faults import DRIP, UPGRADES, spoil_response
from .ws_api import ApiSession

__all__ = ["Host", "HostOptions"]

logger = logging.getLogger(__name__)


if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:  # which cannot be subscripted on Python 3.10
    _Adapter = logging.LoggerAdapter


class _WithoutFrames(_Adapter):
    """Keeps websockets from logging each frame at the level DEBUG: requests carry keys and signatures."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  # the name that logging has for it
        return level > logging.DEBUG and super().isEnabledFor(level)


API_PATH: Final = "/ws-api/v3"
_TIME_UNITS: Final = ("MILLISECOND", "MICROSECOND")
_CLOSE_TIMEOUT: Final = 2.0
_OPEN_TIMEOUT: Final = 10.0
_JOIN_TIMEOUT: Final = 5.0
_LARGEST_REQUEST: Final = 2**20


@attrs.frozen(kw_only=True)
class HostOptions:
    """How to run the servers. Everything here can be written as JSON."""

    tls: bool = False
    port: int = 0
    rest_port: int = 0
    market_maker: int | None = None
    weight_limit: int = 6000
    order_limits: tuple[int, int] = (50, 160_000)
    raw_limit: int = 61_000
    connection_limit: int = 300
    ban_after: int = 5


class Host:
    """
    One exchange with its WebSocket server (API and streams on one port) and its HTTP server.

    The methods below ``call`` take and return what JSON can carry, so that they can be called from another process.
    """

    def __init__(self, options: HostOptions, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._wall = SkewedClock(self._clock)
        self._timer = Timer(self._clock, name="sandbox-timer")
        self._faults = FaultTable()
        limits = Limits(
            self._wall.time,
            weight_limit=options.weight_limit,
            order_limits=options.order_limits,
            raw_limit=options.raw_limit,
            connection_limit=options.connection_limit,
            ban_after=options.ban_after,
        )
        exchange = Exchange(clock=self._wall, routes=DEFAULT_ROUTES)
        self._venue = Venue(
            clock=self._clock,
            wall=self._wall,
            timer=self._timer,
            exchange=exchange,
            keys=KeyRing(),
            limits=limits,
            faults=self._faults,
            listen_keys=ListenKeys(self._clock, self._timer, self._key_ended),
            publisher=Publisher(exchange, self._clock, self._wall, self._timer),
        )
        # Guards everything below.
        self._lock = threading.Lock()
        # Each with a lock of its own: one caller at a time.
        self._flows: dict[tuple[str, int], tuple[threading.Lock, RandomFlow]] = {}
        self._tradings: dict[tuple[tuple[int, ...], int], tuple[threading.Lock, RandomTrading]] = {}
        self._wires: dict[Wire, None] = {}
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._directory = tempfile.TemporaryDirectory(prefix="binance-socket-sandbox-") if options.tls else None
        context, self.ca_file = None, None
        if self._directory is not None:
            context, self.ca_file = make_server_context(Path(self._directory.name))
        self._scheme_end = "s" if options.tls else ""
        self._listener = Listener(
            options.port,
            context,
            refuse=self._faults.refuses,
            on_accept=self._accepted,
            on_closed=self._wire_closed,
        )
        # A wire does what websockets asks of a socket; it is none, so that it can misbehave.
        self._server: Server = serve(
            self._serve,
            sock=cast(Any, self._listener),
            process_request=self._admit,
            process_response=self._respond,
            compression=None,
            ping_interval=None,
            open_timeout=_OPEN_TIMEOUT,
            close_timeout=_CLOSE_TIMEOUT,
            max_size=_LARGEST_REQUEST,
            create_connection=Link,
            server_header="binance_socket sandbox",
            logger=_WithoutFrames(logger, {}),
        )
        # A daemon, and so are the threads that it starts: a program that forgets to close its sandbox still ends.
        self._server_thread = threading.Thread(target=self._server.serve_forever, name="sandbox-server", daemon=True)
        self._server_thread.start()
        self._rest = RestServer(self._venue, options.rest_port, context)
        self._liquidity = None if options.market_maker is None else Liquidity(self._venue, options.market_maker)

    def call(self, name: str, *args: Any) -> Any:
        """Call one of the methods in the table below by its name."""
        return _CALLS[name](self, *args)

    def close(self) -> None:
        """Stop everything: afterwards there is no thread and no descriptor left. Idempotent; any thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._liquidity is not None:
            self._liquidity.stop()
        self._faults.end()
        self._listener.close()
        self._close_links()
        self._server.shutdown()
        self._server_thread.join()
        # websockets 16 leaves its pipe open.
        for name in ("shutdown_watcher", "shutdown_notifier"):
            descriptor = getattr(self._server, name, None)
            if isinstance(descriptor, int):
                os.close(descriptor)
        self._rest.close()
        self._venue.publisher.close()
        self._timer.close()
        if self._directory is not None:
            self._directory.cleanup()

    # Calls.

    def urls(self) -> dict[str, str | None]:
        """Return where the servers are."""
        sockets = f"ws{self._scheme_end}://127.0.0.1:{self._listener.port}"
        return {
            "ws_api_url": sockets + API_PATH,
            "stream_url": sockets,
            "rest_url": f"http{self._scheme_end}://127.0.0.1:{self._rest.port}",
            "ca_file": None if self.ca_file is None else str(self.ca_file),
        }

    def fault(self, name: str, *args: Any) -> Any:
        """Call the fault table's *name*."""
        if name == "triggered":
            return self._faults.triggered()
        return getattr(self._faults, name)(self._venue, *args)

    def create_account(self, balances: Mapping[str, str], key_type: str) -> dict[str, Any]:
        """Open an account with a fresh key."""
        state = self._venue.open_account(balances)
        return {"uid": state.uid, **self.create_key(state.uid, key_type)}

    def create_key(self, uid: int, key_type: str) -> dict[str, Any]:
        """Make a further key of an account."""
        key, material = make_key(uid, KeyType(key_type))
        self._venue.keys.add(key)
        return {"api_key": material.key, "key_type": key_type, "secret": material.secret, "pem": material.pem}

    def place_order(self, uid: int, params: Mapping[str, Any]) -> dict[str, Any]:
        """Place an order, unsigned and uncounted."""
        return self._venue.exchange.place_order(self._venue.account(uid), params)

    def cancel_order(self, uid: int, params: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel an order, unsigned and uncounted."""
        return self._venue.exchange.cancel_order(self._venue.account(uid), params)

    def deposit(self, uid: int, asset: str, amount: str) -> None:
        """Deposit, or withdraw."""
        self._venue.exchange.deposit(self._venue.account(uid), asset, amount)

    def lock_externally(self, uid: int, asset: str, amount: str) -> None:
        """Lock, or unlock, something for an external system."""
        self._venue.exchange.lock_externally(self._venue.account(uid), asset, amount)

    def publish(self, uid: int, payload: dict[str, Any]) -> None:
        """Publish an event of any kind: to the ledger, and to whoever listens."""
        self._venue.exchange.publish(self._venue.account(uid), payload)

    def events(self, uid: int, since: int, most: int | None) -> list[dict[str, Any]]:
        """Return the ledger, without the first *since* events, *most* of it at the most."""
        return self._venue.account(uid).ledger.since(since, most)

    def encoded_events(self, uid: int, since: int, most: int | None) -> bytes:
        """Return the same as a JSON array."""
        return b"[" + b",".join(self._venue.account(uid).ledger.encoded_since(since, most)) + b"]"

    def forget(self, uid: int, events: int, seconds: float) -> None:
        """Forget the ledger's first events, and old orders and trades."""
        self._venue.exchange.forget(self._venue.account(uid), events, seconds)

    def open_orders(self, uid: int) -> list[dict[str, Any]]:
        """Return what openOrders.status answers."""
        return self._venue.exchange.open_orders(self._venue.account(uid), {})

    def balances(self, uid: int) -> list[dict[str, str]]:
        """Return the balances that are not zero, as account.status answers them."""
        account = self._venue.exchange.account_status(self._venue.account(uid), omit_zero_balances=True)
        return list(account["balances"])

    def event_count(self, uid: int) -> int:
        """Return the ledger's length."""
        return len(self._venue.account(uid).ledger)

    def wait_for_events(self, uid: int, count: int, timeout: float) -> bool:
        """Wait until the ledger has *count* events."""
        return self._venue.account(uid).ledger.wait_for(count, timeout)

    def burst(self, uid: int, count: int, symbol: str) -> int:
        """Let the account's own orders bring forth at least *count* execution reports, as fast as it goes."""
        return burst(self._venue.exchange, self._venue.account(uid), count, symbol)

    def random_trading(self, uids: Sequence[int], seed: int, events: int) -> int:
        """Let accounts trade at random; the same seed goes on where it stopped."""
        key = (tuple(uids), seed)
        with self._lock:
            entry = self._tradings.get(key)
            if entry is None:
                accounts = [self._venue.account(uid) for uid in uids]
                entry = (threading.Lock(), RandomTrading(self._venue.exchange, accounts, seed))
                self._tradings[key] = entry
        trading_lock, trading = entry
        with trading_lock:
            return trading.run(events)

    def random_flow(self, symbol: str, seed: int, updates: int) -> int:
        """Let random orders change a book; the same seed goes on where it stopped."""
        flow_lock, flow = self._flow(symbol, seed)
        with flow_lock:
            return flow.run(updates)

    def block_trade(self, symbol: str, price: str, quantity: str, buyer_is_maker: bool) -> int:
        """Tell of a trade that was made off the book."""
        return self._venue.exchange.block_trade(symbol, price, quantity, buyer_is_maker=buyer_is_maker)

    def set_reference_price(self, symbol: str, price: str | None, calculation_id: int) -> None:
        """Set a reference price from outside."""
        self._venue.exchange.set_reference_price(symbol, price, calculation_id)

    def order_book(self, symbol: str) -> dict[str, Any]:
        """Return a whole book as ``depth`` answers."""
        update_id, bids, asks = self._venue.exchange.levels(symbol, sys.maxsize)
        return {"lastUpdateId": update_id, "bids": level_texts(bids), "asks": level_texts(asks)}

    def _flow(self, symbol: str, seed: int) -> tuple[threading.Lock, RandomFlow]:
        exchange = self._venue.exchange
        rules = next((rules for rules in exchange.symbols if rules.symbol == symbol), None)
        if rules is None:
            raise ExchangeError.bad_symbol()
        with self._lock:
            entry = self._flows.get((symbol, seed))
            if entry is None:
                entry = self._flows[symbol, seed] = (threading.Lock(), RandomFlow(exchange, rules, seed))
        return entry

    def refused(self) -> int:
        """Return how many requests were refused because of limits."""
        return self._venue.limits.refused

    def listeners(self, uid: int) -> int:
        """Return how many subscriptions and streams an account has."""
        return len(self._venue.feed(uid).sinks)

    # Connections.

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer an upgrade: None lets it pass."""
        fault = self._faults.next_upgrade()
        if fault is not None and not fault.kind:
            return _refusal(connection, fault.status, fault.headers)
        if fault is not None:
            self._spoil(connection, fault.kind)
            if UPGRADES[fault.kind]:
                return None
        retry_after = self._venue.limits.connect()
        if retry_after is not None:
            return _refusal(connection, 429, {"Retry-After": str(retry_after)})
        path = urlsplit(request.path).path
        if path not in (API_PATH, "/ws", "/stream") and not path.startswith("/ws/"):
            return _refusal(connection, 404, {})
        assert isinstance(connection, Link)
        target = _Target.parse(request.path)
        if target.time_unit not in _TIME_UNITS or len(set(target.streams)) > MOST_STREAMS:
            return _refusal(connection, 400, {})
        # Before the answer, so that whoever has it is heard of, and hears everything.
        session = connection.session = self._session(connection, target)
        if connection.wire.closed:
            # Before there was a session to be ended with it.
            session.end()
        self._faults.wait_to_upgrade(connection.wire)
        return None

    def _spoil(self, connection: ServerConnection, kind: str) -> None:
        """Begin to answer an upgrade wrongly; what is not HTTP is the whole answer."""
        assert isinstance(connection, Link)
        connection.spoiled = kind
        wire, answer = connection.wire, UPGRADES[kind]
        if kind == "hang":
            wire.freeze()
        with contextlib.suppress(OSError):
            if kind == "drip":
                for byte in answer:
                    wire.sendall(bytes((byte,)))
                    if self._faults.pause(DRIP):
                        return
            elif answer:
                wire.sendall(answer)
        if answer:
            wire.kill()

    def _respond(self, connection: ServerConnection, request: Request, response: Response) -> None:
        assert isinstance(connection, Link)
        spoil_response(connection.spoiled, response.headers)

    def _serve(self, connection: ServerConnection) -> None:
        """Serve one connection, on a thread of its own, until it ends."""
        assert isinstance(connection, Link)
        session = connection.session
        assert session is not None
        connection.serving = True
        session.outbox.open()
        try:
            for message in connection:
                if isinstance(message, str):
                    session.receive(message)
                else:
                    session.outbox.close_with(1003, "text frames only")
        except ConnectionClosed:
            pass
        finally:
            session.end()

    def _session(self, link: Link, target: _Target) -> Session:
        microseconds = target.time_unit == "MICROSECOND"
        if target.path == API_PATH:
            return ApiSession(self._venue, link, microseconds=microseconds, rate_limits=target.rate_limits)
        return StreamSession(
            self._venue, link, streams=target.streams, combined=target.path == "/stream", microseconds=microseconds
        )

    def _accepted(self, wire: Wire) -> None:
        with self._lock:
            self._wires[wire] = None
        self._faults.accepted(wire)

    def _wire_closed(self, wire: Wire) -> None:
        with self._lock:
            self._wires.pop(wire, None)
            self._threads = [thread for thread in self._threads if thread.is_alive()] + wire.threads
        link = wire.attached
        if isinstance(link, Link):
            link.interrupt()
            if link.session is not None:
                link.session.end()

    def _close_links(self) -> None:
        with self._lock:
            wires = list(self._wires)
        for wire in wires:
            wire.kill()
        with self._lock:
            threads = list(self._threads)
        for thread in [*threads, *(thread for wire in wires for thread in wire.threads)]:
            if thread is not threading.current_thread():
                thread.join(_JOIN_TIMEOUT)

    def _key_ended(self, uid: int, key: str, expired: bool) -> None:
        if expired:
            payload = {"e": "listenKeyExpired", "E": self._wall.milliseconds(), "listenKey": key}
            self._venue.exchange.publish(self._venue.account(uid), payload)
        for session in self._venue.sessions_of(uid):
            if isinstance(session, StreamSession):
                session.key_ended(key)


@attrs.frozen
class _Target:
    """What an upgrade asks for, in its path and its parameters."""

    path: str
    streams: tuple[str, ...]
    time_unit: str
    rate_limits: bool

    @classmethod
    def parse(cls, target: str) -> _Target:
        parts = urlsplit(target)
        # "+" is no space here: it is a character of stream names.
        query = {name: values[-1] for name, values in parse_qs(parts.query.replace("+", "%2B")).items()}
        raw = unquote(parts.path.removeprefix("/ws").lstrip("/")) if parts.path.startswith("/ws/") else ""
        names = query.get("streams", "") if parts.path == "/stream" else raw
        return cls(
            parts.path,
            tuple(name for name in names.split("/") if name),
            query.get("timeUnit", "MILLISECOND").upper(),
            query.get("returnRateLimits", "true").lower() != "false",
        )


def _refusal(connection: ServerConnection, status: int, headers: Mapping[str, str]) -> Response:
    response = connection.respond(HTTPStatus(status), HTTPStatus(status).phrase + "\n")
    for name, value in headers.items():
        response.headers[name] = value
    return response


# What may be called from another process.
_CALLS: Final[Mapping[str, Callable[..., Any]]] = {
    name: getattr(Host, name)
    for name in (
        "balances",
        "block_trade",
        "burst",
        "cancel_order",
        "create_account",
        "create_key",
        "deposit",
        "event_count",
        "events",
        "fault",
        "forget",
        "listeners",
        "lock_externally",
        "open_orders",
        "order_book",
        "place_order",
        "publish",
        "refused",
        "random_flow",
        "random_trading",
        "set_reference_price",
        "urls",
        "wait_for_events",
    )
}
