"""Faults of one of the two connections of a rotation: the other one has to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from binance_socket import ConnectionLost

from .kinds import LOSS, OVERLAPS, Fault, Group, Seen, Setup, State
from .scene import Scene

__all__ = ["FAULTS"]

_ONE = "There are not two connections."
_LEFT_OLD = "has moved, or moves at once; tells of a gap, because the end of the old one's events is missing"
_LOSS = "a loss and a restoration"
_PERHAPS = "nothing, or a loss and a restoration"
_LEFT_NEW = "gives the rotation up while it may; otherwise connects again"


def _half(
    name: str, which: str, *, listen_key: bool = False, seen_in: Mapping[State, Seen], reaction: str, user: str
) -> Fault:
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
        user=user,
    )


# Nobody knows what has come on the old one alone: its marker would have said that nothing has.
_OLD = dict.fromkeys(OVERLAPS, LOSS)
_NEW = {State.OVERLAPPING: Seen(rotation=(ConnectionLost,)), State.DRAINING: LOSS}

FAULTS = (
    _half("old link of two reset", "old", seen_in=_OLD, reaction=_LEFT_OLD, user=_LOSS),
    _half("new link of two reset", "new", seen_in=_NEW, reaction=_LEFT_NEW, user=_PERHAPS),
    _half("old link of a listen key reset", "old", listen_key=True, seen_in=_OLD, reaction=_LEFT_OLD, user=_LOSS),
    _half("new link of a listen key reset", "new", listen_key=True, seen_in=_NEW, reaction=_LEFT_NEW, user=_PERHAPS),
)
