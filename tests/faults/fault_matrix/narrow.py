"""Buffers so small that a peer that does not read is noticed."""

from __future__ import annotations

import socket
from typing import Any

from binance_socket import Certainty, OutcomeUnknown
from binance_socket._engine import dial

from .kinds import State
from .scene import Scene
from .transcript import PATIENCE

__all__ = ["Narrow", "ask_for_pongs", "block_orders"]

_SMALL = 4096
# More than the system holds on both sides, and more than any order that an exchange would take.
_LONG = "A" * 100_000
_MOST_PINGS = 1_000_000
# So few that they are there without an acknowledgement, which a peer's full buffers may drop.
_PINGS = 100
_MOST_ROUNDS = 100


class Narrow:
    """Has the sandbox and the client hold next to nothing of what the client sends. Made before they connect."""

    proxy = None

    def __init__(self, scene: Scene) -> None:
        self.environment = scene.sandbox.environment
        host: Any = scene.sandbox._host
        # So from the beginning: a window that shrinks loses what is in it.
        host._listener._raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        self._connect = dial.connect
        dial.connect = self._connecting

    def counts(self, name: str) -> bool:
        """Tell whether faults of that name happen here: none do."""
        return False

    def close(self) -> None:
        """Let buffers be as large as the system likes."""
        dial.connect = self._connect

    def _connecting(self, host: str, port: int, attempt: dial.Attempt) -> socket.socket:
        sock = self._connect(host, port, attempt)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SMALL)
        return sock


def block_orders(scene: Scene) -> None:
    """Have an order half written when nobody reads."""
    scene.faults.stop_reading(scene.account)
    scene.order(_LONG)
    # Whoever waits for it learns of it before anybody reads again.
    error = scene.asked[-1].future.exception(PATIENCE)
    if not isinstance(error, OutcomeUnknown) or error.certainty is not Certainty.MAYBE_SENT:
        scene.wrong.append(f"half of an order was written, and it ended with {error!r}")


def ask_for_pongs(scene: Scene) -> None:
    """Leave no room for a pong, and ask for some; have something heard all the same."""
    scene.faults.stop_reading()
    if scene.state is State.CLOSING:
        # Nothing more is sent, and nothing heard.
        scene.faults.send_frames("pings")
        return
    transport = scene.client._hub.api._link.transport
    hears = scene.state in (State.IDLE, State.IN_FLIGHT)
    for _ in range(_MOST_ROUNDS):
        _fill(transport)
        # The system may find some more room meanwhile.
        if hears and not (_hears(scene) and transport._sender.stuck):
            continue
        before = transport.pings_heard
        scene.faults.send_frames("pings", scene.account)
        if not hears:
            # Events are held back, or nobody has asked for any.
            return
        # It comes behind the pings.
        assert _hears(scene)
        assert transport.pings_heard >= before + _PINGS
        if transport._sender.stuck:
            return
    raise AssertionError("there was room for every pong")


def _hears(scene: Scene) -> bool:
    assert scene.transcript.wait_heard(scene.publish(order=True)), "a loss"
    return True


def _fill(transport: Any) -> None:
    """Ping a peer that does not read until there is no room for more."""
    for _ in range(_MOST_PINGS):
        transport.ping()
        if transport._sender.stuck:
            return
    raise AssertionError("there was room for every ping")
