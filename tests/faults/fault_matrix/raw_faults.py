"""Faults of TLS, of proxies, and of peers that are not even rude: they happen in a raw server."""

from __future__ import annotations

from collections.abc import Callable

from binance_socket import ConnectionLost, TlsError

from . import raw
from .kinds import LOSS, NOTHING, Fault, Group, Seen, Setup, State
from .scene import Scene

__all__ = ["FAULTS"]

_STATES = (State.CONNECTING, State.IDLE, State.IN_FLIGHT, State.ROTATING)
_NO_CONNECT = "No connect is made in the other states."


def _connect(
    name: str,
    make: Callable[[Scene], raw.Relay],
    treatment: raw.Treatment,
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


_AGAIN = "tries again, with growing random waits"
_DELAY = "nothing but a delay"

FAULTS = (
    _tls("certificate of an unknown authority", raw.tls("authority")),
    _tls("certificate of another host", raw.tls("host")),
    _tls("certificate that has expired", raw.tls("expiry")),
    _tls("server without TLS", raw.without_tls),
    _connect("TLS handshake cut", raw.over_tls, raw.cut_in_tls, times=2, reaction=_AGAIN, user=_DELAY),
    _connect("silent TLS handshake", raw.over_tls, raw.silent, timeout=0.3, reaction=_AGAIN, user=_DELAY),
    _connect("server that accepts, and is silent", raw.in_plain, raw.silent, timeout=0.3, reaction=_AGAIN, user=_DELAY),
    _proxy("proxy wants credentials (407)", raw.proxy_says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")),
    _proxy("proxy cannot connect (502)", raw.proxy_says(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")),
    _proxy("proxy that answers with garbage", raw.proxy_says(b"\x00\x01garbage\r\n\r\n")),
    _proxy("proxy that closes", raw.proxy_says(b"")),
    _proxy(
        "proxy whose answer has no end", raw.proxy_says(b"HTTP/1.1 200 OK\r\n" + b"X-Padding: 0123456789\r\n" * 2048)
    ),
    _connect("proxy that hangs", raw.as_proxy, raw.silent, timeout=0.3, reaction=_AGAIN, user=_DELAY),
)
