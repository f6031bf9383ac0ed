"""Faults of the network: connects, links, and what stands between."""

from __future__ import annotations

from .kinds import ALL, LINKED, LOSS, Fault, Group, Seen, Setup, State

__all__ = ["FAULTS"]

_QUICK_PROBE = Setup(options={"probe_after": 0.1, "probe_timeout": 0.1})
_NEW_LINK = (State.CONNECTING, State.ROTATING)
_NO_CONNECT = "No connect is made in the other states."

FAULTS = (
    Fault(
        name="reset",
        group=Group.NETWORK,
        states=ALL,
        counter="cut",
        strike=lambda scene: scene.faults.cut(),
        seen=LOSS,
        library="fails what was sent, connects again, subscribes again",
        user="a loss and a restoration",
    ),
    Fault(
        name="end of file",
        group=Group.NETWORK,
        states=ALL,
        counter="cut",
        strike=lambda scene: scene.faults.cut(reset=False),
        seen=LOSS,
        library="the same as after a reset",
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
        setup=_QUICK_PROBE,
        library="pings after 22 s of silence, gives the link up at 27 s",
        user="a loss and a restoration",
    ),
    Fault(
        name="connect reset",
        group=Group.NETWORK,
        states=_NEW_LINK,
        elsewhere=_NO_CONNECT,
        counter="refuse",
        arm=lambda scene: scene.faults.refuse(2),
        seen_in={State.ROTATING: Seen(rotation=(ConnectionError,))},
        library="tries again, with growing random waits",
        user="nothing but a delay",
    ),
    Fault(
        name="upgrade refused with 503",
        group=Group.NETWORK,
        states=_NEW_LINK,
        elsewhere=_NO_CONNECT,
        counter="refuse_upgrade",
        arm=lambda scene: scene.faults.refuse_upgrade(2, 503),
        seen_in={State.ROTATING: Seen(rotation=(ConnectionError,))},
        library="tries again, not before Retry-After",
        user="nothing but a delay",
    ),
)
