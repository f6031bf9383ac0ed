"""Faults of names, of TLS, of proxies, and of peers that are not even rude: they happen before a server is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from binance_socket import ConnectionLost, TlsError

from . import names, raw
from .kinds import LOSS, NOTHING, Fault, Group, Seen, Setup, State
from .scene import Scene

__all__ = ["FAULTS"]

_STATES = (State.CONNECTING, State.IDLE, State.IN_FLIGHT, State.ROTATING)
_NO_CONNECT = "No connect is made in the other states."


def _connect(
    name: str,
    make: Callable[[Scene], Any],
    treatment: raw.Treatment | names.Way,
    *,
    times: int = 1,
    permanent: bool = False,
    timeout: float = 10.0,
    reaction: str,
    user: str,
) -> Fault:
    """Return the fault that connects are treated so: the first one, the one after a cut, or that of a rotation."""
    counter = f"raw {name}"

    def arm(scene: Scene) -> None:
        scene.raw.treat(counter, treatment, 1 if scene.state is State.ROTATING else times)
        if scene.state in (State.IDLE, State.IN_FLIGHT):
            scene.ask()
            scene.faults.cut(scene.account)

    refused = (TlsError,)
    first = Seen(refused=refused, read=refused, order=refused) if permanent else NOTHING
    again = (
        Seen(loss=True, end=TlsError, read=(TlsError, ConnectionLost), order=(ConnectionLost,)) if permanent else LOSS
    )
    return Fault(
        name=name,
        group=Group.NETWORK,
        states=_STATES,
        elsewhere=_NO_CONNECT,
        counter=counter,
        times=times,
        arm=arm,
        seen=again,
        seen_in={State.CONNECTING: first, State.ROTATING: Seen(rotation=(ConnectionLost,))},
        setup=Setup(raw=make, options={"connect_timeout": timeout}),
        reaction=reaction,
        user=user,
    )


def _tls(name: str, treatment: raw.Treatment) -> Fault:
    return _connect(
        name,
        raw.over_tls,
        treatment,
        permanent=True,
        reaction="fails, without falling back",
        user="TlsError; the end of subscriptions",
    )


def _proxy(name: str, treatment: raw.Treatment, timeout: float = 10.0) -> Fault:
    return _connect(
        name,
        raw.as_proxy,
        treatment,
        times=2,
        timeout=timeout,
        reaction="tries again; credentials never show",
        user="a delay; ProxyError as the reason of time-outs",
    )


def _by_name(name: str, way: names.Way, *, times: int = 1, timeout: float = 10.0) -> Fault:
    return _connect(name, names.by_name, way, times=times, timeout=timeout, reaction=_AGAIN, user=_DELAY)


def _first_address(name: str, way: names.Way, reaction: str) -> Fault:
    """Return the fault that the first of two addresses leads nowhere: a rotation does not fail by that either."""
    fault = _connect(name, names.by_name, way, reaction=reaction, user="nothing")
    return attrs.evolve(fault, seen_in={State.CONNECTING: NOTHING, State.ROTATING: NOTHING})


_AGAIN = "tries again, with growing random waits"
_DELAY = "nothing but a delay"

FAULTS = (
    _by_name("name that does not resolve", names.UNKNOWN, times=2),
    _by_name("connect refused", names.REFUSED, times=2),
    _by_name("connect that nobody answers", names.SILENT, timeout=1.0),
    _first_address("first of two addresses refuses", names.REFUSED_FIRST, "tries the next one at once"),
    _first_address("first of two addresses does not answer", names.SILENT_FIRST, "tries the next one beside it"),
    _tls("certificate of an unknown authority", raw.tls("authority")),
    _tls("certificate of another host", raw.tls("host")),
    _tls("certificate that has expired", raw.tls("expiry")),
    _tls("server without TLS", raw.without_tls),
    _connect("TLS handshake cut", raw.over_tls, raw.cut_in_tls, times=2, reaction=_AGAIN, user=_DELAY),
    _connect("silent TLS handshake", raw.over_tls, raw.silent, timeout=1.0, reaction=_AGAIN, user=_DELAY),
    _connect("server that accepts, and is silent", raw.in_plain, raw.silent, timeout=1.0, reaction=_AGAIN, user=_DELAY),
    _proxy("proxy wants credentials (407)", raw.proxy_says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")),
    _proxy("proxy cannot connect (502)", raw.proxy_says(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")),
    _proxy("proxy that answers with garbage", raw.proxy_says(b"\x00\x01garbage\r\n\r\n")),
    _proxy("proxy that closes", raw.proxy_says(b"")),
    _proxy(
        "proxy whose answer has no end", raw.proxy_says(b"HTTP/1.1 200 OK\r\n" + b"X-Padding: 0123456789\r\n" * 2048)
    ),
    _connect("proxy that hangs", raw.as_proxy, raw.silent, timeout=1.0, reaction=_AGAIN, user=_DELAY),
)
