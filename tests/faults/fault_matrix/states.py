"""
How a client is brought into each state, and held there while a fault strikes.

Where the fault strikes, the answer that the state consists of is kept back. Where it is armed, nothing is: the fault is
what happens to the connect, the request or the answer. While the client closes, it is ``close()`` that is kept: see
closing.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from binance_socket._engine.rotation import Stage

from .kinds import OVERLAPS, Fault, State
from .overlaps import Overlap
from .scene import ORDER, READ, Scene
from .transcript import PATIENCE

__all__ = ["enter", "leave", "prepare"]

# What these consist of is no call of the user's.
_BESIDE = frozenset({State.LOGGING_ON, State.SUBSCRIBING, State.ROTATING, *OVERLAPS, State.BACKFILLING})


def prepare(scene: Scene) -> None:
    """Do what comes before the state: before it, a subscription is open or is not."""
    if scene.state not in (State.CONNECTING, State.LOGGING_ON, State.SUBSCRIBING):
        scene.open()


def enter(scene: Scene, fault: Fault) -> bool:
    """Bring the client into its state, and return whether it is held there until released."""
    beside = scene.setup.target is not None and scene.state in _BESIDE
    held = fault.strike is not None or beside
    _ENTER[scene.state](scene, held)
    if beside:
        scene.ask(read=scene.setup.target == READ, order=scene.setup.target == ORDER)
    return held


def leave(scene: Scene) -> None:
    """Hold the client in its state no more."""
    scene.faults.release()
    if scene.overlap is not None:
        scene.overlap.let_go()


def _held(scene: Scene, held: bool, *methods: str) -> Callable[[], None]:
    """Keep the next answer to each method back. Return what waits until all of them have been."""
    if not held:
        return lambda: None
    before = scene.faults.triggered.get("late_replies", 0)
    for method in methods:
        scene.faults.late_replies(method)

    def wait() -> None:
        wanted = before + len(methods)
        assert scene.faults.wait_for("late_replies", wanted, PATIENCE), f"{methods} were not asked"

    return wait


def _connecting(scene: Scene, held: bool) -> None:
    if held:
        scene.faults.hold_upgrades()
    scene.subscribe()
    scene.ask()
    if held:
        assert scene.faults.wait_for("hold_upgrades", 1, PATIENCE)


def _logging_on(scene: Scene, held: bool) -> None:
    wait = _held(scene, held, "session.logon")
    scene.subscribe()
    wait()


def _subscribing(scene: Scene, held: bool) -> None:
    wait = _held(scene, held, scene.awaited)
    scene.subscribe()
    wait()


def _idle(scene: Scene, held: bool) -> None:
    pass


def _in_flight(scene: Scene, held: bool) -> None:
    wait = _held(scene, held, READ, ORDER)
    scene.ask()
    wait()


def _rotating(scene: Scene, held: bool) -> None:
    wait = _held(scene, held, scene.awaited)
    scene.rotate()
    wait()


def _overlapping(scene: Scene, held: bool) -> None:
    """Both connections bring the account's events, and the old one is the one that counts."""
    scene.overlap = Overlap(scene)
    scene.rotate()
    # Where no event comes that both bring, there it stays.
    scene.overlap.wait_for(Stage.BOTH)


def _draining(scene: Scene, held: bool) -> None:
    """Both still do, and the new one is the one that counts: the old one is asked to end, and has not heard it."""
    _overlapping(scene, held)
    assert scene.overlap is not None
    scene.overlap.keep_old()
    scene.publish(order=True)
    scene.overlap.wait_for(Stage.DRAINING)


def _backfilling(scene: Scene, held: bool) -> None:
    wait = _held(scene, held, scene.awaited)
    # Something to be found out.
    scene.faults.half_open(scene.account)
    scene.publish(order=True)
    scene.faults.cut(scene.account)
    scene.losses = 1
    scene.transcript.wait_for("lost", "restored")
    wait()


def _closing(scene: Scene, held: bool) -> None:
    """Calls are in flight: what happens to their answers happens when close() has begun, and not before."""
    if not held:
        scene.faults.stop_reading(scene.account)
    _in_flight(scene, held)


_ENTER: Mapping[State, Callable[[Scene, bool], None]] = {
    State.CONNECTING: _connecting,
    State.LOGGING_ON: _logging_on,
    State.SUBSCRIBING: _subscribing,
    State.IDLE: _idle,
    State.IN_FLIGHT: _in_flight,
    State.ROTATING: _rotating,
    State.OVERLAPPING: _overlapping,
    State.DRAINING: _draining,
    State.BACKFILLING: _backfilling,
    State.CLOSING: _closing,
}
