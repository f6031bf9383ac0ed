"""A fault that strikes within ``close()``, on its way through what it ends."""

from __future__ import annotations

import enum
import threading
from typing import TYPE_CHECKING

from binance_socket._session.state import ConnectionState as SessionState

from .kinds import Case, Group
from .transcript import PATIENCE

if TYPE_CHECKING:
    from .scene import Scene

__all__ = ["Closing", "Moment"]


class Moment(enum.Enum):
    """How far ``close()`` has come."""

    BEGUN = "begun"
    """The client is closed, and its connections do not know it yet: answers and events still arrive."""
    ENDED = "ended"
    """Whoever waited has been told, and the link is still there to bring something."""


class Closing:
    """
    Has the thread that closes the client stop on its way, until the fault has happened.

    Where the fault strikes a link, that is when nothing is expected of the link any more, and before it is ended. What
    happens to answers, and what the program does itself, needs a client that still goes: that happens before.
    """

    def __init__(self, scene: Scene, case: Case) -> None:
        self._scene = scene
        self._fault = case.fault
        self._times = case.times
        self._reached = False
        self._over = threading.Event()
        self.wrong: list[str] = []
        """What is wrong with the fault, and with when it has happened."""
        api = self._api = scene.client._hub.api
        before = case.fault.arm is not None or case.fault.group is Group.CLIENT
        self.moment = Moment.BEGUN if before else Moment.ENDED
        if self.moment is Moment.BEGUN:
            self._go_on = api.close
            api.close = self._stop  # type: ignore[method-assign]
        else:
            self._go_on = api._interrupt
            api._interrupt = self._stop  # type: ignore[method-assign]

    def violations(self) -> list[str]:
        """Return what is wrong. To be called when ``close()`` has returned."""
        if not self._reached:
            return ["close() did not come to where the fault was to strike"]
        # It does not wait for ever, and so may have returned before.
        self._over.wait(3 * PATIENCE)
        return self.wrong

    def _stop(self) -> None:
        """Let the fault happen. On the thread that closes; more than once, if others do so as well."""
        if not self._reached:
            self._reached = True
            self._scene.beside("striking", self._strike, self.wrong)
            self._over.set()
        self._go_on()

    def _strike(self) -> None:
        scene, state = self._scene, self._api.state
        expected = SessionState.READY if self.moment is Moment.BEGUN else SessionState.CLOSED
        if not scene.client._hub.closed or state is not expected or self._api._link is None:
            self.wrong.append(f"close() has not just {self.moment.value}: {state}")
        if self._fault.strike is not None:
            self._fault.strike(scene)
        else:
            # What was asked has not been read until now.
            scene.faults.release()
        if not scene.happened(self._fault.counter, self._times):
            self.wrong.append(f"{self._fault.counter} has not happened: {scene.faults.triggered}")
