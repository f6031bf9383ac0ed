"""Faults of one of the two connections of a rotation: the other one has to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from binance_socket import ConnectionLost

from .kinds import LOSS, NOTHING, OVERLAPS, Fault, Group, Seen, Setup, State
from .scene import Scene

__all__ = ["FAULTS"]

_ONE = "There are not two connections."
_LEFT_OLD = "has no use for it any more if everything has come from it; otherwise tells of a gap"
_LEFT_NEW = "gives the rotation up while it may; otherwise connects again"


def _half(name: str, which: str, *, listen_key: bool = False, seen_in: Mapping[State, Seen], reaction: str) -> Fault:
    """Return the fault that *which* of the two connections is reset, and not the other."""

    def strike(scene: Scene) -> None:
        overlap: Any = scene.overlap
        getattr(overlap, which).link.wire.kill(reset=True)
        scene.count(name)

    return Fault(
        name=name,
        group=Group.NETWORK,
        states=OVERLAPS,
        elsewhere=_ONE,
        counter=name,
        own=True,
        strike=strike,
        seen_in=seen_in,
        setup=Setup(listen_key=listen_key),
        reaction=reaction,
        user="nothing, or a loss and a restoration",
    )


# Nobody knows what has come on the old one alone, unless both have brought the same event since.
_OLD = {State.OVERLAPPING: LOSS, State.DRAINING: NOTHING}
_NEW = {State.OVERLAPPING: Seen(rotation=(ConnectionLost,)), State.DRAINING: LOSS}

FAULTS = (
    _half("old link of two reset", "old", seen_in=_OLD, reaction=_LEFT_OLD),
    _half("new link of two reset", "new", seen_in=_NEW, reaction=_LEFT_NEW),
    _half("old link of a listen key reset", "old", listen_key=True, seen_in=_OLD, reaction=_LEFT_OLD),
    _half("new link of a listen key reset", "new", listen_key=True, seen_in=_NEW, reaction=_LEFT_NEW),
)
