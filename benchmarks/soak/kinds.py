"""The kinds of things that happen in a soak, in two tables: disconnects, and rotations."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from binance_socket.sandbox import SandboxAccount
from binance_socket.sandbox.faults import Faults

__all__ = [
    "ACCOUNTS",
    "DISCONNECTS",
    "ED25519",
    "EVERYBODY",
    "HMAC",
    "LARGEST_MESSAGE",
    "LISTEN_KEY",
    "ROTATIONS",
    "Kind",
    "Stage",
    "Step",
    "kind_of",
]

HMAC, ED25519, LISTEN_KEY = ACCOUNTS = (0, 1, 2)
"""The accounts: two hear their events over the WebSocket API, the third with a listen key."""
EVERYBODY = -1
LARGEST_MESSAGE = 2**20
"""What the clients of a soak accept, so that the exchange can exceed it cheaply."""

_OVER_THE_API = (HMAC, ED25519)
_SUBSCRIBE = {HMAC: "userDataStream.subscribe.signature", ED25519: "userDataStream.subscribe"}
# Within the first few frames.
_MOST_BYTES = 3000
_SMALLEST_EVENT = 80
_HANDSHAKE = 160


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing that happens: at which event, to which account, and how many events follow before anybody looks."""

    number: int
    at: int
    kind: str
    account: int
    blind: int
    params: Mapping[str, Any]


class Stage(Protocol):
    """What a kind can do. Events are published by it alone."""

    @property
    def faults(self) -> Faults:
        """What the exchange can do wrong."""
        ...

    def account(self, step: Step) -> SandboxAccount:
        """Return whom a step is about."""
        ...

    def publish(self, events: int) -> None:
        """Let the accounts trade, until so many events more are published."""
        ...

    def publish_for(self, step: Step, least: int) -> None:
        """The same as often as it takes until so many of the events are of the account that a step is about."""
        ...

    def rotate(self, step: Step) -> None:
        """Begin to rotate the client that a step is about."""
        ...

    def overlapping(self, step: Step) -> None:
        """Wait until its new connection has its events as well, or the rotation is over."""
        ...

    def rotated(self, step: Step) -> None:
        """Wait until its new connection is the only one."""
        ...

    def listen_key(self) -> str:
        """Return the listen key in use."""
        ...

    def reset_behind(self, step: Step, method: str) -> None:
        """Have the client's next request for *method* answered by a reset."""
        ...


def _nothing(chance: random.Random) -> dict[str, Any]:
    return {}


@dataclasses.dataclass(frozen=True)
class Kind:
    """
    A kind of step. *run* brings it about and publishes what is published meanwhile.

    *triggers* is what ``Faults.triggered`` must count more of afterwards, so that nothing passes for a fault that was
    none. *loses* says whether the subscriptions concerned must tell of a loss.
    """

    name: str
    run: Callable[[Stage, Step], None]
    triggers: str
    draw: Callable[[random.Random], dict[str, Any]] = _nothing
    accounts: Sequence[int] = ACCOUNTS
    hits_everybody: bool = False
    loses: bool = True
    leaves_silent: bool = False
    """Whether the exchange keeps connections that nobody is at the other end of."""


def _cut(reset: bool) -> Callable[[Stage, Step], None]:
    def run(stage: Stage, step: Step) -> None:
        stage.faults.cut(stage.account(step), reset=reset)
        stage.publish(step.blind)

    return run


def _bytes(chance: random.Random) -> dict[str, Any]:
    return {"bytes": chance.randint(1, _MOST_BYTES)}


def _events(step: Step) -> int:
    """Return how many events have as many bytes for certain."""
    return 1 + int(step.params["bytes"]) // _SMALLEST_EVENT


def _cut_in_frame(reset: bool) -> Callable[[Stage, Step], None]:
    def run(stage: Stage, step: Step) -> None:
        stage.faults.cut_at(step.params["bytes"], stage.account(step), reset=reset)
        stage.publish_for(step, _events(step))

    return run


def _half_open(stage: Stage, step: Step) -> None:
    stage.faults.half_open(stage.account(step))
    stage.publish(step.blind)


def _freeze(stage: Stage, step: Step) -> None:
    stage.faults.freeze_at(step.params["bytes"], stage.account(step))
    stage.publish_for(step, _events(step))


def _close(code: int) -> Callable[[Stage, Step], None]:
    def run(stage: Stage, step: Step) -> None:
        stage.faults.close(code, "soak", stage.account(step))
        stage.publish(step.blind)

    return run


def _shutdown(stage: Stage, step: Step) -> None:
    stage.faults.shutdown()
    stage.publish(step.blind)


def _terminate(stage: Stage, step: Step) -> None:
    stage.faults.terminate(stage.account(step))
    stage.publish(step.blind)


def _expire(stage: Stage, step: Step) -> None:
    stage.faults.expire(stage.listen_key())
    stage.publish(step.blind)


def _inject(payload: bytes) -> Callable[[Stage, Step], None]:
    def run(stage: Stage, step: Step) -> None:
        stage.faults.inject(stage.account(step), payload)
        stage.publish(step.blind)

    return run


_FRAMES = (
    "binary", "reserved_bits", "unknown_opcode", "masked", "fragmented_ping", "long_ping", "stray_continuation",
    "half_a_close_code", "surrogate_utf8", "oversized_frame", "negative_size", "close_1006", "close_999",
)  # fmt: skip
_UPGRADES = ("garbage", "half_head", "wrong_accept", "no_accept", "extension", "protocol")


def _frame(chance: random.Random) -> dict[str, Any]:
    return {"frame": chance.choice(_FRAMES)}


def _send_frame(stage: Stage, step: Step) -> None:
    stage.faults.send_frames(step.params["frame"], stage.account(step))
    stage.publish(step.blind)


def _times(chance: random.Random) -> dict[str, Any]:
    return {"times": chance.randint(1, 3)}


def _refuse(stage: Stage, step: Step) -> None:
    stage.faults.refuse(step.params["times"])
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)


def _upgrade(chance: random.Random) -> dict[str, Any]:
    return {"times": chance.randint(1, 3), "status": chance.choice((500, 502, 503, 504))}


def _refuse_upgrade(stage: Stage, step: Step) -> None:
    stage.faults.refuse_upgrade(step.params["times"], step.params["status"])
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)


def _wrong_upgrade(chance: random.Random) -> dict[str, Any]:
    return {"times": chance.randint(1, 2), "answer": chance.choice(_UPGRADES)}


def _spoil_upgrade(stage: Stage, step: Step) -> None:
    stage.faults.spoil_upgrade(step.params["answer"], step.params["times"])
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)


def _handshake(chance: random.Random) -> dict[str, Any]:
    return {"bytes": chance.randrange(_HANDSHAKE), "reset": chance.random() < 0.5}


def _cut_handshake(stage: Stage, step: Step) -> None:
    stage.faults.cut_at(step.params["bytes"], reset=step.params["reset"])
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)


def _cut_subscribing(stage: Stage, step: Step) -> None:
    stage.reset_behind(step, _SUBSCRIBE[step.account])
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)


def _mute_subscribing(stage: Stage, step: Step) -> None:
    stage.faults.drop_replies(_SUBSCRIBE[step.account])
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)


def _question(chance: random.Random) -> dict[str, Any]:
    return {"method": chance.choice(("account.status", "openOrders.status", "allOrders", "myTrades"))}


def _cut_asking(stage: Stage, step: Step) -> None:
    stage.reset_behind(step, step.params["method"])
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)


def _cut_twice(stage: Stage, step: Step) -> None:
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)
    stage.faults.cut(stage.account(step), reset=False)
    stage.publish(step.blind)


def _cut_rotating(stage: Stage, step: Step) -> None:
    stage.rotate(step)
    stage.publish(step.blind)
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)


def _cut_overlapping(stage: Stage, step: Step) -> None:
    stage.rotate(step)
    stage.overlapping(step)
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)


def _rotate_recovering(stage: Stage, step: Step) -> None:
    stage.faults.cut(stage.account(step))
    stage.publish(step.blind)
    stage.rotate(step)
    _overlap(stage, step)


DISCONNECTS: Sequence[Kind] = (
    Kind("reset", _cut(reset=True), "cut"),
    Kind("end without a close frame", _cut(reset=False), "cut"),
    Kind("reset within a frame", _cut_in_frame(reset=True), "cut_at", _bytes),
    Kind("end within a frame", _cut_in_frame(reset=False), "cut_at", _bytes),
    Kind("half-open", _half_open, "half_open", leaves_silent=True),
    Kind("silence within a frame", _freeze, "freeze_at", _bytes, leaves_silent=True),
    Kind("close 1001", _close(1001), "close"),
    Kind("close 1008", _close(1008), "close"),
    Kind("close 1011", _close(1011), "close"),
    Kind("close 1012", _close(1012), "close"),
    Kind("shutdown without grace", _shutdown, "shutdown", hits_everybody=True),
    Kind("subscription terminated", _terminate, "terminate", accounts=_OVER_THE_API),
    Kind("listen key expired", _expire, "expire", accounts=(LISTEN_KEY,)),
    Kind("malformed JSON", _inject(b'{"subscriptionId":0,"event":{"e":'), "inject"),
    Kind("invalid UTF-8", _inject(b'{"stream":"\xff\xfe","data":{}}'), "inject"),
    Kind("message too large", _inject(b" " * (LARGEST_MESSAGE + 1)), "inject"),
    Kind("frame against the rules", _send_frame, "", _frame),
    Kind("reset, connects refused", _refuse, "refuse", _times),
    Kind("reset, upgrades refused", _refuse_upgrade, "refuse_upgrade", _upgrade),
    Kind("reset, upgrades answered wrongly", _spoil_upgrade, "cut", _wrong_upgrade),
    Kind("reset, handshake broken off", _cut_handshake, "cut_at", _handshake),
    Kind("reset, and again while subscribing", _cut_subscribing, "cut_requests", accounts=_OVER_THE_API),
    Kind("reset, subscribing not answered", _mute_subscribing, "drop_replies", accounts=_OVER_THE_API),
    Kind("reset, and again while recovering", _cut_asking, "cut_requests", _question),
    Kind("reset, and again soon", _cut_twice, "cut"),
    Kind("reset while rotating", _cut_rotating, "cut"),
    Kind("reset while connections overlap", _cut_overlapping, "cut"),
    Kind("rotation while recovering", _rotate_recovering, "cut"),
)


def _rotate(stage: Stage, step: Step) -> None:
    stage.rotate(step)
    stage.publish(step.blind)
    _overlap(stage, step)


def _overlap(stage: Stage, step: Step) -> None:
    stage.overlapping(step)
    # What both connections have proves that nothing is missing in between.
    stage.publish(step.blind)
    stage.rotated(step)
    # And what comes afterwards proves that all of it is there: else the next rotation would wait for that.
    stage.publish(step.blind)


def _grace(chance: random.Random) -> dict[str, Any]:
    return {"grace": 20.0}


def _announce(stage: Stage, step: Step) -> None:
    stage.faults.shutdown(step.params["grace"])
    stage.publish(step.blind)
    _overlap(stage, step)


def _rotate_refused(stage: Stage, step: Step) -> None:
    stage.faults.refuse(step.params["times"])
    stage.rotate(step)
    stage.publish(step.blind)
    _overlap(stage, step)


ROTATIONS: Sequence[Kind] = (
    *(Kind("rotation", _rotate, "", loses=False) for _ in range(8)),
    Kind("rotation, connects refused", _rotate_refused, "refuse", _times, loses=False),
    Kind("shutdown with grace", _announce, "shutdown", _grace, hits_everybody=True, loses=False),
)

_BY_NAME = {kind.name: kind for kind in (*DISCONNECTS, *ROTATIONS)}


def kind_of(step: Step) -> Kind:
    """Return the kind of a step. Raises KeyError."""
    return _BY_NAME[step.kind]
