"""The few REST calls there are: listen keys, on venues that take them nowhere else."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .._wire.codec import loads_strictly
from ..credentials import Secret
from ..errors import Certainty, ConnectionLost, DecodeError, DeliveryError, ProxyError, RequestTimeout, TlsError
from .clock import SystemClock
from .dial import Proxy, new_tls_context, tls_failure
from .line import Line

if TYPE_CHECKING:
    import requests
    from urllib3.exceptions import NewConnectionError

__all__ = ["HttpAnswer", "request_json"]

_MAX_BODY = 64 * 1024


class HttpAnswer(NamedTuple):
    """An answer, whatever its status."""

    status: int
    payload: Any
    """The decoded JSON; None where the body is none, as with a proxy's page."""
    headers: Mapping[str, str]
    """Upper and lower case are the same in its keys."""


def request_json(
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float,
    ca_file: Path | None = None,
    proxy: Secret | None = None,
    line: Line | None = None,
) -> HttpAnswer:
    """
    Make one REST call, and return the answer, errors of the exchange included.

    Blocks. *timeout* limits the connecting, each wait for the peer and the body as a whole, in seconds; a peer that
    sends its headers byte by byte can take longer. TLS is verified, redirects are not followed, and nothing is taken
    from the environment or from netrc. *line*, which is closed then, is for another thread to end the call with.

    Raises RequestTimeout, TlsError, ProxyError or ConnectionLost with their certainty. They do not mention the URL or
    the headers, in which keys travel, and have neither a cause nor a traceback that does.
    """
    # Imported here, because it takes 90 ms and few programs need it.
    import requests

    try:
        with line or Line() as line, _session(ca_file, proxy, line) as session:
            return _ask(session, method, url, params, headers, timeout)
    except DeliveryError as exc:
        failure = exc.with_traceback(None)
    except requests.exceptions.RequestException as exc:
        failure = _translated(exc)
    except (OSError, ValueError) as exc:
        # What requests does not foresee in an answer, for example.
        failure = ConnectionLost(f"the REST call failed: {type(exc).__name__}", Certainty.MAYBE_SENT)
    # Outside of the handlers, so that there is no context; and traceback printers like to show arguments.
    del url, params, headers
    raise failure


def _ask(
    session: requests.Session,
    method: str,
    url: str,
    params: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
    timeout: float,
) -> HttpAnswer:
    deadline = SystemClock().monotonic() + timeout
    response = session.request(
        method,
        url,
        # In the body, where the exchange takes them as well: libraries and servers log URLs, and a listen key is a key.
        data=dict(params or {}),
        # Nothing compressed: a small body must not become a large one.
        headers={**(headers or {}), "Accept-Encoding": "identity"},
        timeout=timeout,
        allow_redirects=False,
        stream=True,
    )
    with response:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ConnectionLost("the answer is compressed, which was not asked for", Certainty.MAYBE_SENT)
        body = bytearray()
        # A byte at a time returns what has arrived; a larger piece would wait until it is complete.
        for piece in response.iter_content(1):
            body += piece
            if len(body) > _MAX_BODY:
                raise ConnectionLost(f"the answer is larger than {_MAX_BODY} bytes", Certainty.MAYBE_SENT)
            if SystemClock().monotonic() >= deadline:
                raise RequestTimeout("the answer was not complete in time", Certainty.MAYBE_SENT)
    try:
        payload = loads_strictly(bytes(body))
    except DecodeError:
        payload = None
    return HttpAnswer(response.status_code, payload, response.headers)


def _session(ca_file: Path | None, proxy: Secret | None, line: Line) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    # Without the password in it, so that they never have it in a URL, and send it as the sockets do.
    parsed = None if proxy is None else Proxy.parse(proxy)
    pools = _pools(line, parsed, ca_file)

    class OwnAdapter(HTTPAdapter):
        """Bring our own connections."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_headers(self, proxy: str) -> dict[str, str]:
            if parsed is None or parsed.authorization is None:
                return {}
            return {"Proxy-Authorization": parsed.authorization.reveal()}

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            manager.pool_classes_by_scheme = pools
            return manager

    class DirectSession(requests.Session):
        """Follow no redirect, and do not even look where it leads: it may lead nowhere."""

        def get_redirect_target(self, resp: requests.Response) -> str | None:
            return None

    session = DirectSession()
    session.trust_env = False
    for scheme in pools:
        session.mount(f"{scheme}://", OwnAdapter())
    if parsed is not None:
        # Not for https: there the proxy is only asked for a tunnel, which Line does, and says whose fault it was.
        session.proxies = {"http": f"http://{parsed}"}
    return session


def _pools(line: Line, proxy: Proxy | None, ca_file: Path | None) -> dict[str, Any]:
    """
    Return what has urllib3 connect through *line*: its own way of connecting can be neither ended nor limited.

    Whom to believe is decided as for sockets, and what fails before TLS is agreed on has sent nothing.
    What is encrypted goes through a tunnel of *proxy*'s, of which urllib3 knows nothing.
    """
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    def connected(connection: HTTPConnection, through: Proxy | None) -> socket.socket:
        timeout = connection.timeout
        assert isinstance(timeout, (int, float))
        try:
            return line.connect(connection.host, connection.port, timeout, through)
        except TimeoutError as exc:
            raise ConnectTimeoutError(connection, str(exc)) from exc
        except OSError as exc:
            raise NewConnectionError(connection, str(exc)) from exc

    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connected(self, None)

    class SecureConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connected(self, proxy)

        def connect(self) -> None:
            try:
                # Not urllib3's settings, which write session keys to the file named by SSLKEYLOGFILE, nor the
                # authorities of requests. Nor what sockets share: urllib3 changes what it is given.
                self.ssl_context, self.ca_certs = new_tls_context(ca_file), None
                super().connect()
            except TlsError as exc:
                raise NewConnectionError(self, str(exc)) from exc
            except TimeoutError as exc:
                raise ConnectTimeoutError(self, str(exc)) from exc
            except OSError as exc:
                raise NewConnectionError(self, str(exc)) from tls_failure(self.host, exc)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection  # pyright: ignore[reportAssignmentType]  # as with urllib3's own

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection  # pyright: ignore[reportAssignmentType]

    return {"http": Pool, "https": SecurePool}


def _translated(exc: requests.exceptions.RequestException) -> DeliveryError:
    """Say what happened without what requests knows of the call."""
    from requests import exceptions

    # The kinds overlap: ConnectTimeout is a ConnectionError, as are the proxy's and TLS's failures.
    if isinstance(exc, exceptions.ConnectTimeout):
        return RequestTimeout("the REST server could not be reached in time")
    if isinstance(exc, exceptions.Timeout):
        return RequestTimeout("the REST server did not answer in time", Certainty.MAYBE_SENT)
    if isinstance(exc, exceptions.ProxyError):
        return ProxyError("the proxy could not be reached")
    if isinstance(exc, exceptions.ConnectionError) and (obstacle := _obstacle(exc)) is not None:
        if isinstance(obstacle.__cause__, (ProxyError, TlsError)):
            # Another one, without what led to it.
            return type(obstacle.__cause__)(str(obstacle.__cause__.args[0]))
        return ConnectionLost("the REST server could not be reached")
    return ConnectionLost(f"the REST call failed: {type(exc).__name__}", Certainty.MAYBE_SENT)


def _obstacle(exc: requests.exceptions.ConnectionError) -> NewConnectionError | None:
    """Return what kept the connection from even being made and secured, or None if nothing did."""
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    reason: object = exc.args[0] if exc.args else None
    if isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError):
        return reason.reason
    return None
