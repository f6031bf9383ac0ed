"""Faults that take their time: the clock of the client and of the sandbox is moved by hand."""

from __future__ import annotations

import threading

import attrs

from binance_socket import OutcomeUnknown, RequestTimeout

from .kinds import LOSS, NOTHING, Fault, Group, Setup, State
from .scene import Scene
from .transcript import PATIENCE

__all__ = ["FAULTS"]

_DAY = 24 * 3600.0
_BY_HAND = Setup(
    manual=True, options={"backoff_base": 0.0, "backfill_rechecks": (), "rotation_after": None, "audit_after": None}
)


def pass_time(scene: Scene, seconds: float) -> None:
    """Let time pass, and wait until the client's timer has done what was due."""
    scene.clock.advance(seconds)
    done = threading.Event()
    scene.client._hub.timer.call_at(scene.clock.monotonic(), done.set)
    assert done.wait(PATIENCE), "the timer hangs"


def _let_everything_arrive(scene: Scene) -> None:
    """Wait for events, and for answers to what the library asks itself: later they would be signs of life."""
    assert scene.transcript.wait_heard(scene.account.events[-1])
    scene.patient.spot_api.account.session_status()


def _fall_silent(scene: Scene) -> None:
    _let_everything_arrive(scene)
    assert scene.faults.half_open(scene.account) == 1
    before = scene.transcript.details("lost")
    # Pinged after 22 seconds of silence, and given up five later: not a moment earlier.
    for seconds in (21.9, 0.1, 4.9):
        pass_time(scene, seconds)
    assert scene.transcript.details("lost") == before, "given up too early"
    pass_time(scene, 0.1)


_ALIVE = "machine that slept, and the link is alive"
_DEAD = "machine that slept, and the link is dead"


def _sleep(scene: Scene, name: str, seconds: float) -> None:
    """Let the machine sleep, and wait until the connection has been told that it did."""
    api, told = scene.client._hub.api, threading.Event()
    find_out = api.resumed

    def resumed() -> None:
        find_out()
        scene.count(name)
        told.set()

    api.resumed = resumed  # type: ignore[method-assign]
    scene.clock.sleep(seconds)
    assert told.wait(PATIENCE), "nobody has noticed that the machine slept"


def _sleep_a_little(scene: Scene) -> None:
    _sleep(scene, _ALIVE, 10.0)


def _sleep_for_an_hour(scene: Scene) -> None:
    _let_everything_arrive(scene)
    assert scene.faults.half_open(scene.account) == 1
    _sleep(scene, _DEAD, 3600.0)
    # Asked whether it is there at once, and given up five seconds later.
    pass_time(scene, 5.0)


def _prove_alive(scene: Scene) -> None:
    """Let the time pass after which the link would be given up, had it not answered."""
    assert scene.transcript.wait_heard(scene.publish(order=True)), "a loss"
    pass_time(scene, 5.1)


FAULTS = (
    Fault(
        name="half-open link, by the clock",
        group=Group.NETWORK,
        states=(State.IDLE, State.IN_FLIGHT),
        elsewhere="The half-open link in all states is a row of its own, with times made short.",
        counter="half_open",
        strike=_fall_silent,
        seen=attrs.evolve(LOSS, read=(RequestTimeout,), order=(OutcomeUnknown,)),
        setup=_BY_HAND,
        reaction="dead after 27 s, and not before",
        user="a loss and a restoration",
    ),
    Fault(
        name="the exchange's 24 hours",
        group=Group.API,
        states=(State.IDLE,),
        elsewhere="Nothing else lasts for a day.",
        counter="shutdown notice",
        own=True,
        strike=lambda scene: (pass_time(scene, _DAY - 10), scene.count("shutdown notice")),
        afterwards=lambda scene: (scene.move_on(), pass_time(scene, 10)),
        seen=NOTHING,
        setup=_BY_HAND,
        reaction="moves to a new connection before, after 23 hours, or when the end is announced",
        user="nothing",
    ),
    Fault(
        name=_ALIVE,
        group=Group.CLIENT,
        states=(State.SUBSCRIBING, State.IDLE, State.IN_FLIGHT, State.ROTATING, State.BACKFILLING),
        elsewhere="There is no link to ask, or it ends.",
        counter=_ALIVE,
        own=True,
        strike=_sleep_a_little,
        afterwards=_prove_alive,
        seen=NOTHING,
        setup=_BY_HAND,
        reaction="pings at once, asks for the time, goes on",
        user="nothing",
    ),
    Fault(
        name=_DEAD,
        group=Group.CLIENT,
        states=(State.IDLE, State.IN_FLIGHT),
        elsewhere="There is no link yet, or what the state waits for would be overdue when the machine wakes.",
        counter=_DEAD,
        own=True,
        strike=_sleep_for_an_hour,
        seen=attrs.evolve(LOSS, read=(RequestTimeout,), order=(OutcomeUnknown,)),
        setup=_BY_HAND,
        reaction="pings at once, gives the link up five seconds later, connects again",
        user="a loss and a restoration; time-outs of what was in flight",
    ),
)
