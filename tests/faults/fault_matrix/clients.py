"""Faults of the program itself: its callbacks, its way of closing, its machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import attrs

from binance_socket import BinanceSocketError, CallCancelled, ClientClosed, ConnectionLost, HandlerError, OutcomeUnknown
from binance_socket._engine import connection as engine
from binance_socket._engine.clock import SystemClock
from binance_socket._engine.threads import EngineThread

from .invariants import close_from_another_thread
from .kinds import ACTIVE, ALL, NOTHING, Fault, Group, Seen, Setup, State
from .scene import Scene
from .transcript import PATIENCE

__all__ = ["FAULTS"]

_NOBODY = "Nobody has a callback yet."
_NOTHING = "nothing"
_NEW_LINK = (State.CONNECTING, State.ROTATING)
_NO_CONNECT = "No connection is begun in the other states."


# Callbacks.


def _callback(name: str, behave: Callable[[Scene], Callable[[], None]], reaction: str, user: str, seen: Seen) -> Fault:
    """Return the fault that a callback does what *behave* gives, once."""

    def strike(scene: Scene) -> None:
        act = behave(scene)
        done = threading.Event()

        def once() -> None:
            scene.transcript.upon = None
            scene.count(name)
            done.set()
            act()

        scene.transcript.upon = once
        scene.publish()
        assert done.wait(PATIENCE), "no callback ran"

    return Fault(
        name=name,
        group=Group.CLIENT,
        # An event has to come for a callback to run: not while a recovery holds them.
        states=tuple(state for state in ACTIVE if state is not State.BACKFILLING),
        elsewhere="Nobody has a callback yet, or events wait for a recovery.",
        counter=name,
        own=True,
        strike=strike,
        seen=seen,
        reaction=reaction,
        user=user,
    )


def _raise(scene: Scene) -> Callable[[], None]:
    def act() -> None:
        raise ZeroDivisionError("a callback's own")

    return act


def _ask_three_deep(scene: Scene) -> Callable[[], None]:
    spot = scene.patient.spot_api.account
    deep = threading.Event()

    def third(_: object) -> None:
        with contextlib.suppress(ClientClosed):
            spot.session_status()
        deep.set()

    def second(_: object) -> None:
        try:
            spot.session_status()
            spot.session_status.submit().add_done_callback(third)
        except ClientClosed:
            deep.set()

    def act() -> None:
        spot.session_status()
        spot.session_status.submit().add_done_callback(second)
        assert deep.wait(PATIENCE), "three deep, and no answer"

    return act


def _wait_a_little(scene: Scene) -> Callable[[], None]:
    """Be slow until more events have come than the mailbox holds, and until a call was answered all the same."""
    ready, lagging = threading.Event(), threading.Event()
    scene.noted["lagging"] = lagging
    scene.client.on_lag(lambda lag: lagging.set())

    def fill() -> None:
        try:
            for _ in range(10):
                scene.publish()
            scene.patient.spot_api.account.session_status()
        except ClientClosed:
            pass  # it is being closed
        finally:
            ready.set()

    threading.Thread(target=fill, daemon=True).start()
    return lambda: assert_true(ready.wait(PATIENCE))


def assert_true(fact: bool) -> None:
    assert fact


def _wait_for_ever(scene: Scene) -> Callable[[], None]:
    gate = threading.Event()
    scene.cleanups.append(gate.set)
    return lambda: assert_true(gate.wait())


_OVER = Seen(
    closed=True,
    refused=(ClientClosed,),
    read=(ClientClosed, ConnectionLost),
    order=(ClientClosed, OutcomeUnknown),
    rotation=(BinanceSocketError,),
    told=(),
)


def _closing(name: str, close: Callable[[Scene], None], reaction: str) -> Fault:
    def strike(scene: Scene) -> None:
        scene.count(name)
        close(scene)

    return Fault(
        name=name,
        group=Group.CLIENT,
        states=tuple(state for state in State if state is not State.CLOSING),
        elsewhere="It is the closing.",
        counter=name,
        own=True,
        strike=strike,
        seen=_OVER,
        reaction=reaction,
        user="ClientClosed; OutcomeUnknown of orders that were sent",
    )


def _close(scene: Scene) -> None:
    scene.wrong += close_from_another_thread(scene.client)


def _close_twice(scene: Scene) -> None:
    for _ in range(2):
        _close(scene)


def _close_from_eight_threads(scene: Scene) -> None:
    threads = [threading.Thread(target=_close, args=(scene,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


def _close_subscription(scene: Scene) -> None:
    assert scene.subscription is not None
    scene.subscription.close()
    scene.count("subscription closed")


# The machine.


class JumpingClock(SystemClock):
    """A system clock that somebody sets."""

    offset = 0.0

    def time(self) -> float:
        """Return what it has been set to."""
        return super().time() + self.offset


def _jump(name: str, seconds: float) -> Fault:
    def strike(scene: Scene) -> None:
        scene.clock.offset += seconds
        scene.count(name)

    return Fault(
        name=name,
        group=Group.CLIENT,
        states=ALL,
        counter=name,
        own=True,
        strike=strike,
        setup=Setup(clock=JumpingClock),
        seen=NOTHING,
        reaction="measures durations by another clock, signs with the exchange's time",
        user=_NOTHING,
    )


def _no_threads(scene: Scene) -> None:
    """Let the next reader not start."""
    start = EngineThread.start

    def fail_once(thread: threading.Thread) -> None:
        if thread.name.endswith("-reader"):
            EngineThread.start = start  # type: ignore[method-assign]
            scene.count("no thread to be had")
            raise RuntimeError("can't start new thread")
        start(thread)

    EngineThread.start = fail_once  # type: ignore[method-assign]
    scene.cleanups.append(lambda: setattr(EngineThread, "start", start))


def _no_descriptors(scene: Scene) -> None:
    """Let the next two connects find no descriptor."""
    make: Any = engine.Waker
    left = [None, None]

    def fail_twice() -> Any:
        if left:
            left.pop()
            scene.count("no descriptors left")
            raise OSError(24, "Too many open files")
        return make()

    engine.Waker = fail_twice  # type: ignore[misc]
    scene.cleanups.append(lambda: setattr(engine, "Waker", make))


def _defect(scene: Scene) -> None:
    """Let the reader of the connection that carries the subscription meet a defect of ours."""
    api = scene.client._hub.api

    def broken(*_: object) -> bool:
        scene.count("defect in a reader")
        raise ZeroDivisionError("a defect")

    api._lanes.take = broken
    scene.publish()


FAULTS = (
    _callback(
        "callback that raises",
        _raise,
        "goes on with the next event",
        "HandlerError at on_exception",
        Seen(told=(HandlerError,)),
    ),
    _callback("callback that asks, three deep", _ask_three_deep, "answers every one of them", _NOTHING, NOTHING),
    attrs.evolve(
        _callback(
            "callback slower than its events",
            _wait_a_little,
            "stops reading when the mailbox is full, but not while an answer is due",
            "Lag; nothing is dropped",
            NOTHING,
        ),
        setup=Setup(options={"mailbox_size": 16}),
        afterwards=lambda scene: assert_true(scene.noted["lagging"].wait(PATIENCE)),
    ),
    _callback(
        "callback that never returns",
        _wait_for_ever,
        "logs its stack; everything else goes on",
        "no further event of that subscription",
        Seen(stuck=True),
    ),
    attrs.evolve(
        _callback(
            "close() in a callback",
            lambda scene: lambda: scene.client.close(),
            "ends all the same",
            "ClientClosed; OutcomeUnknown of orders that were sent",
            _OVER,
        ),
        states=(State.IDLE, State.IN_FLIGHT, State.ROTATING),
        elsewhere="No callback runs in the other states.",
    ),
    _closing("close()", _close, "ends within 3 s, wherever it is"),
    _closing("close(), twice", _close_twice, "does nothing the second time"),
    _closing("close() from eight threads", _close_from_eight_threads, "ends once; each of them returns within 3 s"),
    Fault(
        name="subscription closed",
        group=Group.CLIENT,
        states=(State.IDLE, State.IN_FLIGHT, State.BACKFILLING),
        elsewhere="Nobody has a subscription, or all of them end, or a rotation would have no events to go by.",
        counter="subscription closed",
        own=True,
        strike=_close_subscription,
        seen=Seen(ended=True, rotation=(BinanceSocketError,)),
        reaction="tells the exchange; delivers what has come",
        user="the end, without a reason",
    ),
    Fault(
        name="call cancelled",
        group=Group.CLIENT,
        states=(State.CONNECTING, State.IN_FLIGHT, State.CLOSING),
        elsewhere="No call is in flight.",
        counter="call cancelled",
        own=True,
        strike=lambda scene: (scene.token.cancel(), scene.count("call cancelled")),
        seen=Seen(read=(CallCancelled,), order=(CallCancelled,), unanswered=("account.status", "order.place")),
        setup=Setup(cancels=True),
        reaction="gives the wait up",
        user="CallCancelled; OutcomeUnknown of orders that were sent",
    ),
    _jump("wall clock an hour ahead", 3600.0),
    _jump("wall clock an hour behind", -3600.0),
    Fault(
        name="no thread to be had",
        group=Group.CLIENT,
        states=(State.ROTATING,),
        elsewhere="No connection is begun, or the call itself fails: see test_connection.py.",
        counter="no thread to be had",
        own=True,
        arm=_no_threads,
        seen=Seen(rotation=(ConnectionLost,)),
        reaction="goes on with what it has",
        user="ConnectionLost of what needed the thread",
    ),
    Fault(
        name="no descriptors left",
        group=Group.CLIENT,
        states=_NEW_LINK,
        elsewhere=_NO_CONNECT,
        counter="no descriptors left",
        own=True,
        arm=_no_descriptors,
        seen_in={State.ROTATING: Seen(rotation=(ConnectionLost,))},
        reaction="tries again, with growing random waits",
        user="nothing but a delay",
    ),
    Fault(
        name="defect in a reader",
        group=Group.CLIENT,
        states=(State.IDLE, State.IN_FLIGHT),
        elsewhere="Another connection takes over, there is no reader to fail, or it ends first.",
        counter="defect in a reader",
        own=True,
        strike=_defect,
        seen=Seen(
            failed=True,
            end=ClientClosed,
            read=(ClientClosed,),
            order=(ClientClosed,),
            unanswered=("account.status", "order.place"),
        ),
        reaction="fails everything, and says so",
        user="ClientClosed, with the cause; the state FAILED",
    ),
)
