"""Faults that take their time: the clock of the client and of the sandbox is moved by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable

import attrs
import orjson
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from binance_socket import OutcomeUnknown, RequestTimeout

from .kinds import LOSS, NOTHING, Fault, Group, Setup, State
from .moves import Moved
from .scene import Scene
from .times import BY_HAND, pass_time
from .transcript import PATIENCE

__all__ = ["FAULTS"]

_DAY = 24 * 3600.0
# How long before its end the exchange announces it.
_NOTICE = 10.0
_EARLIEST, _LATEST = 22.5 * 3600.0, 23.5 * 3600.0


def _let_everything_arrive(scene: Scene) -> None:
    """Wait for events, and for answers to what the library asks itself: later they would be signs of life."""
    assert scene.transcript.wait_heard(scene.account.events[-1])
    _show_a_sign_of_life(scene)


def _show_a_sign_of_life(scene: Scene) -> None:
    """Have something be heard on the link: after a leap in time it is silent, and on trial."""
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


def _see_a_connection_end(scene: Scene, reached: Callable[[], None]) -> None:
    """Keep a connection beside the client's until the exchange ends it: shortly before that, call *reached*."""
    # Pings are answered by a thread of its own.
    with connect(f"{scene.sandbox.environment.stream_url}/ws", compression=None, ping_interval=None) as witness:
        reached()
        assert b"serverShutdown" in orjson.dumps(orjson.loads(witness.recv(PATIENCE)))
        pass_time(scene, _NOTICE)
        with pytest.raises(ConnectionClosed) as ended:
            witness.recv(PATIENCE)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1001


def _last_for_a_day(scene: Scene) -> None:
    """Rotates by itself before the exchange has said a word, and not before its time."""
    moved = Moved(scene)
    served = [thread for thread in threading.enumerate() if thread.name.startswith("sandbox-link-")]

    def reached() -> None:
        # 23 hours, give or take half of one.
        pass_time(scene, _EARLIEST - 60)
        _show_a_sign_of_life(scene)
        if moved.is_over or scene.account.listeners != 1:
            scene.wrong.append("moved too early")
        pass_time(scene, _LATEST - _EARLIEST + 120)
        moved.wait()
        for thread in served:
            # Not before the exchange has noticed, too.
            thread.join(PATIENCE)
        pass_time(scene, _DAY - _NOTICE - _LATEST - 60)
        _show_a_sign_of_life(scene)

    _see_a_connection_end(scene, reached)
    if (ended := scene.faults.triggered["end_of_day"]) != 1:
        scene.wrong.append(f"the exchange has ended {ended - 1} of the client's connections")


def _be_told_of_the_end_of_the_day(scene: Scene) -> None:
    """Rotates when the exchange announces the end."""
    moved = Moved(scene)
    pass_time(scene, _DAY - _NOTICE)
    moved.wait()
    _show_a_sign_of_life(scene)
    pass_time(scene, _NOTICE)


FAULTS = (
    Fault(
        name="half-open link, by the clock",
        group=Group.NETWORK,
        states=(State.IDLE, State.IN_FLIGHT),
        elsewhere="The half-open link in all states is a row of its own, with times made short.",
        counter="half_open",
        strike=_fall_silent,
        seen=attrs.evolve(LOSS, read=(RequestTimeout,), order=(OutcomeUnknown,)),
        setup=BY_HAND,
        reaction="dead after 27 s, and not before",
        user="a loss and a restoration",
    ),
    Fault(
        name="the exchange's 24 hours",
        group=Group.API,
        states=(State.IDLE,),
        elsewhere="Nothing else lasts for a day.",
        counter="end_of_day",
        strike=_last_for_a_day,
        seen=NOTHING,
        setup=Setup(manual=True, options={"backoff_base": 0.0, "backfill_rechecks": (), "audit_after": None}),
        reaction="moves to a new connection before, after 23 hours",
        user="nothing",
    ),
    Fault(
        name="the exchange's 24 hours, and no rotation before",
        group=Group.API,
        states=(State.IDLE,),
        elsewhere="Nothing else lasts for a day.",
        counter="end_of_day",
        strike=_be_told_of_the_end_of_the_day,
        seen=NOTHING,
        setup=BY_HAND,
        reaction="moves to a new connection when the end is announced",
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
        setup=BY_HAND,
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
        setup=BY_HAND,
        reaction="pings at once, gives the link up five seconds later, connects again",
        user="a loss and a restoration; time-outs of what was in flight",
    ),
)
