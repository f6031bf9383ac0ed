"""
The REST endpoints that go with sockets: market data, where programs take their snapshots from, and listen keys.

What an endpoint answers, what it takes and what it costs is what the method of the WebSocket API does. Source: the REST
API document, "General endpoints" and "Market Data endpoints".
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

from .errors import ExchangeError
from .events import in_microseconds
from .market_methods import IN_MICROSECONDS, MARKET_METHODS
from .methods import METHODS
from .venue import Venue

__all__ = ["RestServer"]

_IDLE_TIMEOUT: Final = 30.0
_JSON_PARAMETERS: Final = ("symbols", "permissions")


class RestServer:
    """An HTTP server on loopback, in a daemon thread; so is every request's thread."""

    def __init__(self, venue: Venue, port: int, tls: ssl.SSLContext | None) -> None:
        self._server = _Server(("127.0.0.1", port), venue, tls)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox-rest", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop, cut whoever is connected, and wait for the threads."""
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_all()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], venue: Venue, tls: ssl.SSLContext | None) -> None:
        self.venue, self._tls = venue, tls
        # Guards the dict.
        self._lock = threading.Lock()
        self._requests: dict[socket.socket, threading.Thread] = {}
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.settimeout(_IDLE_TIMEOUT)
        if self._tls is not None:
            # The handshake happens with the first read, on the request's own thread. Only that uses this socket.
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
            )
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="sandbox-rest-request", daemon=True
        )
        with self._lock:
            self._requests[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._lock:
            self._requests.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Peers that go away, or do not speak TLS, are no news."""

    def cut_all(self) -> None:
        """Cut every connection, and wait for its thread."""
        with self._lock:
            requests = list(self._requests.items())
        for connection, thread in requests:
            with contextlib.suppress(OSError):
                # The base class's: an SSLSocket's own would put its TLS object away under the other thread.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  # only a _Server makes these
    # One request per connection: nothing is left open.
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: requests carry keys."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        query = {name: values[-1] for name, values in parse_qs(f"{parts.query}&{body}").items()}
        route = _ROUTES.get((self.command, parts.path))
        retry_after: int | None = None
        try:
            if route is None:
                raise ExchangeError(-1020, "This operation is not supported.", status=404)
            method, run = route
            params = _with_lists(query)
            self.server.venue.limits.spend(METHODS[method].cost(params))
            status, document = 200, run(self.server.venue, params, self.headers.get("X-MBX-APIKEY"))
            if self.headers.get("X-MBX-TIME-UNIT", "").upper() == "MICROSECOND":
                document = IN_MICROSECONDS.get(method, in_microseconds)(document)
        except ExchangeError as error:
            status, document = error.status, {"code": error.code, "msg": error.message}
            if error.data and "retryAfter" in error.data:
                retry_after = max(1, (error.data["retryAfter"] - error.data["serverTime"]) // 1000)
        payload = orjson.dumps(document)
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(payload)))
        used = self.server.venue.limits.weight_status()[0]["count"]
        self.send_header("X-MBX-USED-WEIGHT-1M", str(used))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(payload)


Run = Callable[[Venue, Mapping[str, Any], str | None], Any]


def _with_lists(query: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters, with lists where they are JSON. Raises ExchangeError -1130."""
    params: dict[str, Any] = dict(query)
    for name in _JSON_PARAMETERS:
        if name in params:
            try:
                params[name] = json.loads(params[name])
            except ValueError:
                raise ExchangeError.bad_data(name) from None
    return params


def _info(venue: Venue, params: Mapping[str, Any], key: str | None) -> Any:
    typed = METHODS["exchangeInfo"].form.check(params, ())
    return venue.exchange.exchange_info(typed, rate_limits=venue.limits.quotas)


def _market(method: str) -> Run:
    """Return what answers as a market data method of the WebSocket API does."""
    form, answer = METHODS[method].form, MARKET_METHODS[method]
    return lambda venue, params, key: answer(venue, form.check(params, ()))


def _start(venue: Venue, params: Mapping[str, Any], key: str | None) -> Any:
    return {"listenKey": venue.listen_keys.start(venue.keys.find(key).uid)}


def _with_key(act: Callable[[Venue, int, str], None]) -> Run:
    def run(venue: Venue, params: Mapping[str, Any], key: str | None) -> Any:
        uid = venue.keys.find(key).uid
        if not params.get("listenKey"):
            raise ExchangeError.mandatory("listenKey")
        act(venue, uid, params["listenKey"])
        return {}

    return run


_MARKET_PATHS: Final[Mapping[str, str]] = {
    "executionRules": "executionRules",
    "depth": "depth",
    "trades": "trades.recent",
    "historicalTrades": "trades.historical",
    "historicalBlockTrades": "blockTrades.historical",
    "aggTrades": "trades.aggregate",
    "klines": "klines",
    "uiKlines": "uiKlines",
    "avgPrice": "avgPrice",
    "ticker/24hr": "ticker.24hr",
    "ticker/tradingDay": "ticker.tradingDay",
    "ticker": "ticker",
    "ticker/price": "ticker.price",
    "ticker/bookTicker": "ticker.book",
    "referencePrice": "referencePrice",
    "referencePrice/calculation": "referencePrice.calculation",
}
_PATH: Final = "/api/v3/userDataStream"
_ROUTES: Final[Mapping[tuple[str, str], tuple[str, Run]]] = {
    ("GET", "/api/v3/ping"): ("ping", lambda venue, params, key: {}),
    ("GET", "/api/v3/time"): ("time", lambda venue, params, key: {"serverTime": venue.wall.milliseconds()}),
    ("GET", "/api/v3/exchangeInfo"): ("exchangeInfo", _info),
    **{("GET", f"/api/v3/{path}"): (method, _market(method)) for path, method in _MARKET_PATHS.items()},
    ("POST", _PATH): ("userDataStream.start", _start),
    ("PUT", _PATH): ("userDataStream.ping", _with_key(lambda venue, uid, key: venue.listen_keys.extend(uid, key))),
    ("DELETE", _PATH): ("userDataStream.stop", _with_key(lambda venue, uid, key: venue.listen_keys.stop(uid, key))),
}
