"""Faults of the network: connects, links, and what stands between."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import attrs

from binance_socket import ConnectionLost, ConnectionState, HandshakeError, StateChange

from .kinds import ALL, LINKED, LOSS, NOTHING, Fault, Group, Seen, Setup, State
from .scene import Scene
from .times import BY_HAND, SILENT, pass_time, waits_until
from .transcript import PATIENCE

__all__ = ["FAULTS"]


_AFTER_A_CUT = (State.CONNECTING, State.IDLE, State.IN_FLIGHT, State.ROTATING)
_DELAY = "nothing but a delay"
_AGAIN = "tries again, with growing random waits"
_NOT_THERE = "fails: there is nothing there; but tries again where it has been connected before"


def _connect(
    name: str,
    counter: str,
    arm: Any,
    *,
    times: int = 1,
    permanent: type[BaseException] | None = None,
    setup: Setup | None = None,
    reaction: str = _AGAIN,
    user: str = _DELAY,
) -> Fault:
    """
    Return the fault that connects fail in one way, of which *arm* takes the number.

    It meets the first connect, the one after a cut, and that of a rotation.
    """

    def begin(scene: Scene) -> None:
        arm(scene, 1 if scene.state is State.ROTATING else times)
        if scene.state in (State.IDLE, State.IN_FLIGHT):
            scene.ask()
            scene.faults.cut(scene.account)

    first = NOTHING if permanent is None else Seen(refused=(permanent,), read=(permanent,), order=(permanent,))
    return Fault(
        name=name,
        group=Group.NETWORK,
        states=_AFTER_A_CUT,
        elsewhere="No connect is made in the other states.",
        counter=counter,
        times=times,
        arm=begin,
        seen=LOSS,
        seen_in={State.CONNECTING: first, State.ROTATING: Seen(rotation=(ConnectionLost,))},
        setup=setup or Setup(),
        reaction=reaction,
        user=user,
    )


def _upgrade(name: str, kind: str, *, permanent: bool = False, setup: Setup | None = None) -> Fault:
    return _connect(
        name,
        f"upgrade_{kind}",
        lambda scene, n: scene.faults.spoil_upgrade(kind, n),
        permanent=HandshakeError if permanent else None,
        setup=setup,
        reaction=_NOT_THERE if permanent else _AGAIN,
        user="HandshakeError" if permanent else _DELAY,
    )


def _not_there(status: int, **headers: str) -> Fault:
    """Return the fault that an upgrade is refused for good."""
    return _connect(
        f"upgrade answered with {status}",
        "refuse_upgrade",
        lambda scene, n: scene.faults.refuse_upgrade(n, status, headers),
        permanent=HandshakeError,
        reaction=_NOT_THERE,
        user="HandshakeError",
    )


class _Patience:
    """Lets the time pass for which the exchange wants to be left alone, and sees to it that it is."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._refused_at: datetime | None = None
        self._again_at: datetime | None = None
        scene.client.on_state(self._changed)

    def judge(self) -> None:
        """Tell what was wrong."""
        refused, again = self._refused_at, self._again_at
        if refused is None or again is None or again - refused < timedelta(seconds=_RETRY_AFTER):
            self._scene.wrong.append(f"refused at {refused}, and connected again at {again}")

    def _changed(self, change: StateChange) -> None:
        if change.connection != "api":
            return
        if change.after is ConnectionState.CONNECTING and self._refused_at is not None and self._again_at is None:
            self._again_at = change.at
        elif change.after is ConnectionState.BACKOFF and "refused the upgrade" in (change.reason or ""):
            self._refused_at = change.at
            # What it does without waiting has to have its time, too.
            until = waits_until(self._scene, self._scene.client._hub.api._changed)
            if until is None or until < self._scene.clock.monotonic() + _RETRY_AFTER:
                self._scene.wrong.append(f"waits until {until}")
            pass_time(self._scene, _RETRY_AFTER - 0.1)
            health = self._scene.client.health().connection("api")
            if health is None or health.state is not ConnectionState.BACKOFF:
                self._scene.wrong.append(f"too early: {health}")
            pass_time(self._scene, 0.1)


def _not_now(status: int) -> Fault:
    """Return the fault that an upgrade is refused for some time."""

    def arm(scene: Scene, times: int) -> None:
        scene.faults.refuse_upgrade(times, status, {"Retry-After": str(_RETRY_AFTER)})
        # A rotation is given up instead, and the client goes on with the connection that it has.
        if scene.state is not State.ROTATING:
            scene.noted["patience"] = _Patience(scene)

    def judge(scene: Scene) -> None:
        if scene.state is not State.ROTATING:
            scene.noted["patience"].judge()

    fault = _connect(
        f"upgrade answered with {status}",
        "refuse_upgrade",
        arm,
        setup=BY_HAND,
        reaction="tries again, not before Retry-After",
    )
    return attrs.evolve(fault, afterwards=judge)


_RETRY_AFTER = 7


_IMPATIENT = Setup(options={"connect_timeout": 1.0})


def _within_a_frame(name: str, strike: Any, counter: str, setup: Setup | None = None, *, reaction: str) -> Fault:
    def begin(scene: Scene) -> None:
        links = sum(connection._link is not None for connection in scene.client._hub._connections)
        strike(scene)
        # Something has to be sent for it.
        scene.publish()
        scene.faults.release()
        if scene.setup.silent:
            # No time may pass as long as one of them still sends: it would have been under way for that long.
            assert scene.faults.wait_for(counter, links, PATIENCE), f"{counter} has not happened on each link"

    return Fault(
        name=name,
        group=Group.NETWORK,
        states=LINKED,
        elsewhere="There are no frames yet.",
        counter=counter,
        strike=begin,
        seen=LOSS,
        setup=setup or Setup(),
        reaction=reaction,
        user="a loss and a restoration",
    )


_DISCARDS = "discards the part that came, connects again"


def _every_byte(name: str, *, reset: bool) -> Fault:
    """Return the fault that a handshake breaks off at every one of its bytes, one connect after the other."""

    def arm(scene: Scene) -> None:
        scene.noted["size"] = size = _size_of_an_upgrade(scene)
        for count in range(size):
            scene.faults.cut_at(count, reset=reset)

    def count(scene: Scene) -> None:
        if (happened := scene.faults.triggered["cut_at"]) != scene.noted["size"]:
            scene.wrong.append(f"{happened} handshakes broke off, at {scene.noted['size']} bytes")

    return Fault(
        name=name,
        group=Group.NETWORK,
        states=(State.CONNECTING,),
        elsewhere="Elsewhere it is one connect that fails.",
        counter="cut_at",
        times=_HANDSHAKE,
        arm=arm,
        afterwards=count,
        setup=Setup(options={"backoff_base": 0.0}),
        reaction=_AGAIN,
        user=_DELAY,
    )


# An answer to an upgrade has more bytes than this; how many they are depends on the versions of libraries.
_HANDSHAKE = 128
_UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def _size_of_an_upgrade(scene: Scene) -> int:
    """Return of how many bytes the sandbox's answer to an upgrade is."""
    parts = urlsplit(scene.sandbox.environment.ws_api_url)
    with socket.create_connection((parts.hostname, parts.port), PATIENCE) as sock:
        sock.sendall(_UPGRADE.format(parts.path, parts.netloc).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            data = sock.recv(4096)
            assert data, "no answer to an upgrade"
            answer += data
    return len(answer)


_WITHIN = (
    _within_a_frame(
        "reset within a frame",
        lambda scene: scene.faults.cut_at(20, scene.account),
        "cut_at",
        reaction=_DISCARDS,
    ),
    _within_a_frame(
        "end of file within a frame",
        lambda scene: scene.faults.cut_at(20, scene.account, reset=False),
        "cut_at",
        reaction=_DISCARDS,
    ),
    _within_a_frame(
        "reset after the first byte of a frame",
        lambda scene: scene.faults.cut_at(1, scene.account),
        "cut_at",
        reaction=_DISCARDS,
    ),
    _within_a_frame(
        "half-open within a frame",
        lambda scene: scene.faults.freeze_at(20, scene.account),
        "freeze_at",
        SILENT,
        reaction="does not take half a frame for a sign of life: dead at 27 s",
    ),
    _within_a_frame(
        "reset within a TLS record",
        lambda scene: scene.faults.cut_at(30, scene.account),
        "cut_at",
        Setup(tls=True),
        reaction=_DISCARDS,
    ),
    _every_byte("reset at every byte of the handshake", reset=True),
    _every_byte("end of file at every byte of the handshake", reset=False),
)

_CONNECTS = (
    _connect("connect reset", "refuse", lambda scene, n: scene.faults.refuse(n), times=2),
    _connect("closed instead of an answer", "cut_at", lambda scene, n: scene.faults.cut_at(0, reset=False)),
    _connect("reset within the upgrade", "cut_at", lambda scene, n: scene.faults.cut_at(40)),
    _connect(
        "twenty connects reset",
        "refuse",
        lambda scene, n: scene.faults.refuse(n),
        times=20,
        setup=Setup(options={"backoff_base": 0.0}),
    ),
    _not_there(301, Location="ws://127.0.0.1:1/elsewhere"),
    _not_there(302, Location="ws://127.0.0.1:1/elsewhere"),
    _not_there(400),
    _not_there(401),
    _not_now(403),
    _not_there(404),
    _not_now(429),
    _not_now(500),
    _not_now(503),
    _upgrade("upgrade answered with garbage", "garbage", permanent=True),
    _upgrade("upgrade answered without an end", "endless_head", permanent=True),
    _upgrade("half an answer to the upgrade", "half_head"),
    _upgrade("answer to the upgrade that drips", "drip", setup=_IMPATIENT),
    _upgrade("no answer to the upgrade", "hang", setup=_IMPATIENT),
    _upgrade("upgrade with a wrong accept key", "wrong_accept", permanent=True),
    _upgrade("upgrade without an accept key", "no_accept", permanent=True),
    _upgrade("upgrade with an extension nobody offered", "extension", permanent=True),
    _upgrade("upgrade with a protocol nobody offered", "protocol", permanent=True),
)

_LINKS = (
    Fault(
        name="reset",
        group=Group.NETWORK,
        states=ALL,
        counter="cut",
        strike=lambda scene: scene.faults.cut(),
        seen=LOSS,
        reaction="fails what was sent, connects again, subscribes again",
        user="a loss and a restoration",
    ),
    Fault(
        name="end of file",
        group=Group.NETWORK,
        states=ALL,
        counter="cut",
        strike=lambda scene: scene.faults.cut(reset=False),
        seen=LOSS,
        reaction="the same as after a reset",
        user="a loss and a restoration",
    ),
    Fault(
        name="half-open link",
        group=Group.NETWORK,
        states=LINKED,
        elsewhere="While connecting it is an upgrade without an answer, which is a row of its own.",
        counter="half_open",
        strike=lambda scene: scene.faults.half_open(),
        seen=LOSS,
        setup=SILENT,
        reaction="pings after 22 s of silence, gives the link up at 27 s",
        user="a loss and a restoration",
    ),
)

FAULTS = (*_LINKS, *_WITHIN, *_CONNECTS)
