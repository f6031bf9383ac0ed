"""Faults of the WebSocket protocol: frames that no server may send, and those that only a careful client stands."""

from __future__ import annotations

import attrs

from .kinds import ACTIVE, LINKED, LOSS, NOTHING, Fault, Group, Setup, State
from .narrow import Narrow, ask_for_pongs, block_orders
from .scene import Scene
from .times import SILENT
from .transcript import PATIENCE

__all__ = ["FAULTS"]

_NO_LINK = "There is no link yet on which a frame could come."
_LOSS = "a loss, then a restoration"
_NOTHING = "nothing"


def _frames(name: str, kind: str, reaction: str, *, code: int | None = None) -> Fault:
    """Return the fault that *kind* of frames is, which ends the link with *code* if anything."""
    seen = NOTHING if code is None else attrs.evolve(LOSS, reason=f"closed with code {code}:")
    return Fault(
        name=name,
        group=Group.PROTOCOL,
        states=LINKED,
        elsewhere=_NO_LINK,
        counter=f"frames_{kind}",
        strike=lambda scene: scene.faults.send_frames(kind),
        seen=seen,
        reaction=reaction,
        user=_LOSS if seen.loss else _NOTHING,
    )


def _is_answered(scene: Scene) -> None:
    # The exchange's own pings come after 20 seconds, which no case takes as a rule.
    assert scene.faults.wait_for("pongs", 1, PATIENCE), "no pong has come"


def _close(code: int, what: str, reaction: str = "records the code, connects again") -> Fault:
    """Return the fault that the server closes with *code*."""
    return Fault(
        name=f"close {code} ({what})",
        group=Group.PROTOCOL,
        states=LINKED,
        elsewhere=_NO_LINK,
        counter="close",
        strike=lambda scene: scene.faults.close(code, what),
        seen=attrs.evolve(LOSS, reason=f"closed with code {code}: {what}"),
        reaction=reaction,
        user=_LOSS,
    )


def _wrong(name: str, kind: str, code: int, reaction: str = "ends the link with {}, connects again") -> Fault:
    return _frames(name, kind, reaction.format(code), code=code)


_BY_ITS_HEADER = "refuses it by its header ({}), connects again"
_RECORDS = "records {}, connects again"

_STUCK = attrs.evolve(LOSS, reason="sending failed")

FAULTS = (
    _wrong("binary message", "binary", 1003),
    _wrong("reserved bits", "reserved_bits", 1002),
    _wrong("unknown opcode", "unknown_opcode", 1002),
    _wrong("masked frame", "masked", 1002),
    _wrong("control frame in fragments", "fragmented_ping", 1002),
    _wrong("control frame too long", "long_ping", 1002),
    _wrong("continuation of nothing", "stray_continuation", 1002),
    _wrong("message within a message", "message_in_message", 1002),
    _wrong("half a close code", "half_a_close_code", 1002),
    _wrong("invalid UTF-8", "invalid_utf8", 1007),
    _wrong("surrogates in UTF-8", "surrogate_utf8", 1007),
    _wrong("invalid UTF-8 across fragments", "split_utf8", 1007),
    _wrong("frame too large", "oversized_frame", 1009, _BY_ITS_HEADER),
    _wrong("message too large in fragments", "oversized_message", 1009, _BY_ITS_HEADER),
    _wrong("size with the highest bit set", "negative_size", 1009, _BY_ITS_HEADER),
    _close(1000, "normal"),
    _close(1001, "going away"),
    _close(1008, "policy", "records the code, connects again after a longer wait"),
    _close(1009, "too big"),
    _close(1011, "internal error"),
    _close(1012, "restart"),
    _close(1013, "try again later"),
    _wrong("close without a code", "close_without_code", 1005, _RECORDS),
    _wrong("close 1006 on the wire", "close_1006", 1006, _RECORDS),
    _wrong("close with a code below 1000", "close_999", 999, _RECORDS),
    _wrong("close with a code above 4999", "close_5000", 5000, _RECORDS),
    _wrong("close with a reason that is no text", "close_bad_reason", 1001, "records what can be read, connects again"),
    _wrong("messages behind a close frame", "after_close", 1001, "takes nothing behind it, connects again"),
    attrs.evolve(_frames("ping flood", "ping_flood", "answers the latest ping of each read"), afterwards=_is_answered),
    _frames("pong flood", "pong_flood", "takes them as signs of life"),
    _frames("a thousand empty fragments", "empty_fragments", "joins them in linear time"),
    Fault(
        name="fragments of a byte with pings between",
        group=Group.PROTOCOL,
        states=LINKED,
        elsewhere=_NO_LINK,
        counter="fragment",
        strike=lambda scene: scene.faults.fragment(),
        afterwards=_is_answered,
        reaction="joins them in linear time, answers the pings",
        user=_NOTHING,
    ),
    Fault(
        name="every byte by itself",
        group=Group.PROTOCOL,
        states=LINKED,
        elsewhere=_NO_LINK,
        counter="split",
        strike=lambda scene: scene.faults.split(),
        reaction="joins them in linear time",
        user=_NOTHING,
    ),
    Fault(
        name="frame that drips",
        group=Group.PROTOCOL,
        states=LINKED,
        elsewhere=_NO_LINK,
        counter="drip",
        strike=lambda scene: scene.faults.drip(0.02),
        seen=LOSS,
        setup=SILENT,
        reaction="does not take half a frame for a sign of life: dead at 27 s",
        user=_LOSS,
    ),
    Fault(
        name="peer that does not read, and pings",
        group=Group.PROTOCOL,
        states=LINKED,
        elsewhere=_NO_LINK,
        counter="frames_pings",
        strike=ask_for_pongs,
        setup=Setup(raw=Narrow),
        reaction="goes on reading; the pong waits for room",
        user=_NOTHING,
    ),
    Fault(
        name="peer that stops reading",
        group=Group.PROTOCOL,
        states=(State.SUBSCRIBING, *(state for state in ACTIVE if state is not State.CLOSING)),
        elsewhere="An order would not be sent yet, or not any more.",
        counter="stop_reading",
        strike=block_orders,
        seen=_STUCK,
        # The order leaves on the new connection, which is given up then.
        seen_in={State.OVERLAPPING: attrs.evolve(_STUCK, perhaps=True)},
        setup=Setup(raw=Narrow, options={"send_timeout": 0.3}),
        reaction="gives the link up when a message has not left for 5 s, connects again",
        user="OutcomeUnknown of what was half written; a loss, then a restoration",
    ),
)
