"""From a URL to a connected, verified, non-blocking socket, within one deadline."""

from __future__ import annotations

import base64
import contextlib
import errno
import functools
import itertools
import re
import selectors
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import attrs

from ..credentials import Secret
from ..errors import ConnectionLost, InvalidRequest, ProxyError, TlsError
from ..options import is_loopback
from .clock import SystemClock
from .guarded_socket import prepare
from .threads import NAME_PREFIX
from .waker import Waker

__all__ = ["Attempt", "Proxy", "connect", "dial", "new_tls_context", "tls_context", "tls_failure"]

_HEAD_START = 0.25
"""Seconds after which the next address is tried beside the one that has not answered (RFC 8305)."""
_MAX_PROXY_RESPONSE = 16 * 1024
_IN_PROGRESS = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, getattr(errno, "WSAEWOULDBLOCK", errno.EALREADY)}

_Address = tuple[int, int, int, Any]
"""Family, kind, protocol and address, as getaddrinfo() gives them."""


@attrs.frozen
class Proxy:
    """An HTTP proxy. Its credentials never show."""

    host: str
    port: int
    authorization: Secret | None = None
    """The value of the Proxy-Authorization header."""

    @classmethod
    def parse(cls, url: Secret) -> Proxy:
        """Read ``http://[user:password@]host[:port]``. Raises InvalidRequest, without the credentials."""
        proxy = _parsed_proxy(url)
        if proxy is None:
            # Here, where no variable holds a part of it.
            raise InvalidRequest("the proxy is no URL of the form http://[user:password@]host[:port]")
        return proxy

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _parsed_proxy(url: Secret) -> Proxy | None:
    """Return the proxy that *url* names, or None. Never raises: its variables hold the password."""
    try:
        parts = urlsplit(url.reveal())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme != "http" or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        return None
    if parts.username is None:
        return Proxy(host, port or 80)
    # As bytes: nobody says in which encoding a proxy reads them. The colon separates, so that a name has none.
    name, password = unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or "")
    if b":" in name:
        return None
    basic = base64.b64encode(name + b":" + password).decode()
    return Proxy(host, port or 80, Secret(f"Basic {basic}"))


class Attempt:
    """One attempt to connect: its deadline, and the waker that interrupts it."""

    def __init__(self, timeout: float, waker: Waker) -> None:
        self._clock = SystemClock()
        self.deadline = self._clock.monotonic() + timeout
        self.waker = waker
        self.step = "starting"
        """What is going on, for the error message."""

    @property
    def is_late(self) -> bool:
        """Whether its time is up."""
        return self._clock.monotonic() >= self.deadline

    def wait(self, *waits: tuple[socket.socket | Waker, int], limit: float | None = None) -> list[socket.socket]:
        """
        Wait for any of the objects to be ready for its events, *limit* seconds at most. Return the ready sockets.

        Raises ConnectionLost when interrupted, or when the attempt's time is up.
        """
        remaining = self.deadline - self._clock.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self.waker, selectors.EVENT_READ)
            for fileobj, events in waits:
                selector.register(fileobj, events)
            ready = selector.select(max(0.0, remaining if limit is None else min(limit, remaining)))
        self.check()
        return [key.fileobj for key, _ in ready if isinstance(key.fileobj, socket.socket)]

    def send(self, sock: socket.socket, data: bytes) -> None:
        """Send all of *data*. Raises ConnectionLost as ``wait()`` does, or another OSError."""
        view = memoryview(data)
        del data  # no traceback from here on shows it
        while view:
            self.check()
            try:
                view = view[sock.send(view) :]
            except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
                self.wait((sock, selectors.EVENT_WRITE))
            except ssl.SSLWantReadError:
                self.wait((sock, selectors.EVENT_READ))

    def recv(self, sock: socket.socket, size: int, flags: int = 0) -> bytes:
        """Wait for data, and return it. Raises ConnectionLost as ``wait()`` does and at the end, or another OSError."""
        while True:
            self.check()
            try:
                data = sock.recv(size, flags)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
                self.wait((sock, selectors.EVENT_READ))
            except ssl.SSLWantWriteError:
                self.wait((sock, selectors.EVENT_WRITE))
            else:
                if not data:
                    raise ConnectionLost(f"the connection was closed while {self.step}")
                return data

    def check(self) -> None:
        """Raise ConnectionLost when interrupted, or when the attempt's time is up."""
        if self.waker.woken:
            raise ConnectionLost("aborted")
        if self.is_late:
            raise ConnectionLost(f"connecting took too long: time was up while {self.step}")


def dial(url: str, attempt: Attempt, *, proxy: Proxy | None = None, ca_file: Path | None = None) -> socket.socket:
    """
    Connect to the host of a ``ws://`` or ``wss://`` URL, through *proxy* if there is one, and verify it.

    Raises TlsError, ProxyError or ConnectionLost; nothing of the attempt is left open then.
    """
    scheme, host, port = _target(url)
    sock = connect(host, port, attempt) if proxy is None else tunnel(proxy, host, port, attempt)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        if scheme == "wss":
            sock = _encrypt(sock, host, tls_context(ca_file), attempt)
        undo.pop_all()
    return sock


def _target(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a WebSocket URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise InvalidRequest(f"not a valid WebSocket URL: {exc}") from None
    if parts.scheme not in ("ws", "wss") or not host:
        raise InvalidRequest(f"not a WebSocket URL: {parts.scheme}://{host or ''}")
    return parts.scheme, host, port or (443 if parts.scheme == "wss" else 80)


# Names


def _resolve(host: str, port: int, attempt: Attempt) -> list[_Address]:
    """Return every address of *host*, families taking turns."""
    attempt.step = f"looking up {host}"
    try:
        # What is an address already needs no server to ask, and no thread.
        return _addresses(host, port, socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        pass
    found: list[_Address] = []
    failures: list[Exception] = []
    done = Waker()

    def look_up() -> None:
        try:
            found.extend(_addresses(host, port, 0))
        except (OSError, UnicodeError) as exc:
            failures.append(exc)
        done.wake()

    try:
        # getaddrinfo() can be neither interrupted nor limited, so it is left behind when we go: a daemon.
        threading.Thread(target=look_up, name=f"{NAME_PREFIX}lookup", daemon=True).start()
        while not done.woken:
            attempt.wait((done, selectors.EVENT_READ))
    except RuntimeError as exc:
        raise ConnectionLost(f"no thread to look up {host} with: {exc}") from exc
    finally:
        done.close()
    if failures:
        raise ConnectionLost(f"{host} could not be resolved: {failures[0]}") from failures[0]
    return found


def _addresses(host: str, port: int, flags: int) -> list[_Address]:
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=flags)
    return _taking_turns((family, kind, protocol, address) for family, kind, protocol, _, address in entries)


def _taking_turns(addresses: Iterable[_Address]) -> list[_Address]:
    """Keep the system's order of preference, but let families alternate: one of them may lead nowhere."""
    by_family: dict[int, list[_Address]] = {}
    for address in addresses:
        by_family.setdefault(address[0], []).append(address)
    turns = itertools.zip_longest(*by_family.values())
    return [address for turn in turns for address in turn if address is not None]


# TCP


def connect(host: str, port: int, attempt: Attempt) -> socket.socket:
    """
    Connect to the first address of *host* that answers, and return the socket, which is non-blocking.

    Every address gets its chance: the next one is tried when one fails, and beside it when it does not answer soon.
    Raises ConnectionLost, or another OSError where the system has no more sockets.
    """
    waiting = deque(_resolve(host, port, attempt))
    attempt.step = f"connecting to {host}:{port}"
    trying: list[socket.socket] = []
    failure: OSError | None = None
    winner: socket.socket | None = None
    try:
        while waiting or trying:
            attempt.check()
            if waiting:
                try:
                    sock = _start_connecting(waiting.popleft())
                except OSError as exc:
                    failure = exc
                    continue
                trying.append(sock)
            # select() on Windows tells of a failed connect only where it is asked about writing, as here.
            waits = [(sock, selectors.EVENT_WRITE) for sock in trying]
            for sock in attempt.wait(*waits, limit=_HEAD_START if waiting else None):
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code == 0:
                    winner = sock
                    return sock
                failure = OSError(code, errno.errorcode.get(code, "connecting failed"))
                trying.remove(sock)
                sock.close()
    finally:
        for sock in trying:
            if sock is not winner:
                sock.close()
    raise ConnectionLost(f"{host}:{port} could not be reached: {failure}") from failure


def _start_connecting(target: _Address) -> socket.socket:
    family, kind, protocol, address = target
    sock = socket.socket(family, kind, protocol)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        prepare(sock)
        code = sock.connect_ex(address)
        if code != 0 and code not in _IN_PROGRESS:
            raise OSError(code, errno.errorcode.get(code, "connecting failed"))
        undo.pop_all()
    return sock


# Proxy


def tunnel(proxy: Proxy, host: str, port: int, attempt: Attempt) -> socket.socket:
    """
    Return a socket that *proxy* has connected to *host*, which is non-blocking.

    Raises ProxyError, whatever keeps the proxy from that, and ConnectionLost when interrupted.
    """
    sock = _connect_to_proxy(proxy, attempt)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        _ask_for_tunnel(sock, proxy, host, port, attempt)
        undo.pop_all()
    return sock


def _connect_to_proxy(proxy: Proxy, attempt: Attempt) -> socket.socket:
    try:
        return connect(proxy.host, proxy.port, attempt)
    except ConnectionLost as exc:
        if attempt.waker.woken:
            raise
        raise ProxyError(f"the proxy {proxy} could not be reached") from exc


def _ask_for_tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int, attempt: Attempt) -> None:
    """Ask the proxy for a connection to *host*."""
    attempt.step = f"waiting for the proxy {proxy}"
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        attempt.send(sock, _connect_request(target, proxy.authorization))
        response = _receive_head(sock, attempt)
    except OSError as exc:
        if attempt.waker.woken:
            raise
        # ConnectionLost is an OSError, too: its time was up.
        raise ProxyError(f"the proxy {proxy} did not answer as proxies do: {exc}") from None
    match = re.match(rb"HTTP/1\.[01] (\d{3})[ \r]", response)
    if match is None:
        raise ProxyError(f"the proxy {proxy} does not speak HTTP")
    status = int(match[1])
    if status == 407:
        raise ProxyError(f"the proxy {proxy} wants other credentials (status 407)")
    if not 200 <= status < 300:
        raise ProxyError(f"the proxy {proxy} refused to connect to {target} (status {status})")


def _connect_request(target: str, authorization: Secret | None) -> bytes:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if authorization is not None:
        lines.append(f"Proxy-Authorization: {authorization.reveal()}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def _receive_head(sock: socket.socket, attempt: Attempt) -> bytes:
    """Return the head of an HTTP response, and take not one byte of what follows it: that is for TLS to read."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        if len(head) > _MAX_PROXY_RESPONSE:
            raise ConnectionResetError("its answer does not end")
        # Look before taking. What was seen is there, so taking does not wait.
        seen = attempt.recv(sock, _MAX_PROXY_RESPONSE, socket.MSG_PEEK)
        end = (bytes(head[-3:]) + seen).find(b"\r\n\r\n")
        head += sock.recv(len(seen) if end < 0 else end + 4 - min(3, len(head)))
    return bytes(head)


# TLS


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """
    Return the process's TLS settings: 1.2 or newer, always verified, against *ca_file* or the system's authorities.

    Shared between connections, because each context costs some 700 KiB and 20 ms. Raises TlsError.
    """
    if ca_file is None:
        return _shared_context(None, 0, 0)
    try:
        stat = ca_file.stat()
    except (OSError, ValueError) as exc:
        raise _useless(ca_file, exc) from exc
    # A file that was replaced is another file.
    return _shared_context(ca_file, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=8)
def _shared_context(ca_file: Path | None, mtime_ns: int, size: int) -> ssl.SSLContext:
    return new_tls_context(ca_file)


def new_tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the same settings for somebody who changes them. Raises TlsError."""
    # Not ssl.create_default_context(): that writes the session keys to the file named by SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    # A renegotiation makes reading wait for writing and the reverse; nobody needs it.
    context.options |= getattr(ssl, "OP_NO_RENEGOTIATION", 0)
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ValueError) as exc:
            raise _useless(ca_file, exc) from exc
        return context
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    # Each is None where the place does not exist, which typeshed does not know.
    paths: tuple[str | None, ...] = ssl.get_default_verify_paths()[:2]
    if not context.cert_store_stats()["x509_ca"] and not any(paths):
        # A Python without authorities, as python.org's for macOS: use those that come with requests.
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _useless(ca_file: Path, exc: Exception) -> TlsError:
    return TlsError(f"the CA file {ca_file} cannot be used: {exc}")


def _encrypt(sock: socket.socket, host: str, context: ssl.SSLContext, attempt: Attempt) -> ssl.SSLSocket:
    """Perform the TLS handshake, and return the socket that replaces *sock*."""
    attempt.step = f"securing the connection to {host}"
    try:
        # Before wrap_socket() does it: on Python 3.10 that forgets to close what it has begun when it fails.
        host.encode("idna")
        encrypted = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except ValueError as exc:
        raise TlsError(f"{host} is no name that a certificate could be for: {exc}") from exc
    except OSError as exc:
        # Gone between TCP and TLS.
        raise ConnectionLost(f"{host} closed the connection: {exc}") from exc
    with contextlib.ExitStack() as undo:
        undo.callback(encrypted.close)
        try:
            _shake_hands(encrypted, attempt)
        except ConnectionLost:
            raise
        except OSError as exc:
            raise tls_failure(host, exc) from exc
        undo.pop_all()
    return encrypted


def _shake_hands(encrypted: ssl.SSLSocket, attempt: Attempt) -> None:
    while True:
        try:
            encrypted.do_handshake()
        except ssl.SSLWantReadError:
            attempt.wait((encrypted, selectors.EVENT_READ))
        except ssl.SSLWantWriteError:
            attempt.wait((encrypted, selectors.EVENT_WRITE))
        else:
            return


def tls_failure(host: str, exc: OSError) -> ConnectionLost:
    """Tell apart who the peer is, which no retry changes, from a line that broke."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return TlsError(f"{host} could not be verified: {exc.verify_message}")
    line_broke = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    # An alert about the server's own troubles says nothing of its identity.
    if isinstance(exc, ssl.SSLError) and not isinstance(exc, line_broke) and exc.reason != "TLSV1_ALERT_INTERNAL_ERROR":
        return TlsError(f"no secure connection to {host}: {exc.reason or exc}")
    return ConnectionLost(f"{host} closed the connection: {exc}")
