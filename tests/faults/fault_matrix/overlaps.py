"""A rotation that is kept where both connections bring the account's events."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from binance_socket._engine import rotation as engine
from binance_socket._engine.rotation import Rotation, Stage
from binance_socket.sandbox.ws_api import ApiSession

from .transcript import PATIENCE

if TYPE_CHECKING:
    from .scene import Scene

__all__ = ["Overlap"]

_OVER = (Stage.OVER, Stage.GIVEN_UP)


class Overlap:
    """
    Knows how far the rotation is of the connection that carries the subscription. To be made before it begins.

    Without an event that both connections bring, the library has them overlap for five seconds. Here that is longer
    than a machine may be busy, until ``let_go()``.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.uid = scene.account.uid
        """Whose events they are."""
        self._by_key = scene.setup.listen_key
        self._name = "streams" if self._by_key else "api"
        # Guards what follows.
        self._changed = threading.Condition()
        self._rotation: Rotation | None = None
        self._deaf: Any = None
        self._enter, self._seconds = Rotation._enter, engine.OVERLAP

        def entering(rotation: Rotation, stage: Stage, *before: Stage) -> bool:
            entered = self._enter(rotation, stage, *before)
            self._note(rotation)
            return entered

        Rotation._enter, engine.OVERLAP = entering, 10 * PATIENCE  # type: ignore[method-assign,misc]
        scene.cleanups.append(self.let_go)

    def wait_for(self, stage: Stage) -> None:
        """Wait until the rotation is there, and both connections are subscribed. Raises AssertionError."""
        with self._changed:
            self._changed.wait_for(lambda: self.stage in (stage, *_OVER), PATIENCE)
        assert self.stage is stage, f"the rotation does not come to be {stage}: {self.stage}"
        assert self._scene.account.listeners == 2, "the two connections are not both subscribed"

    @property
    def stage(self) -> Stage | None:
        """How far the rotation is; None before there is one."""
        return None if self._rotation is None else self._rotation.stage

    @property
    def old(self) -> Any:
        """What the exchange has of the connection that is left."""
        return self._sessions()[0]

    @property
    def new(self) -> Any:
        """What it has of the one that takes over."""
        return self._sessions()[1]

    def keep_old(self) -> None:
        """Have the exchange not hear that the old connection is to send no more events."""
        self._deaf = self.old.link.wire
        self._deaf.stop_reading()

    def let_go(self) -> None:
        """Let the rotation go on. Idempotent."""
        Rotation._enter, engine.OVERLAP = self._enter, self._seconds  # type: ignore[method-assign,misc]
        deaf, self._deaf = self._deaf, None
        if deaf is not None:
            deaf.read_on()

    def _sessions(self) -> list[Any]:
        venue = self._scene.sandbox._host._venue  # type: ignore[attr-defined]
        sessions = [
            session for session in venue.sessions_of(self.uid) if isinstance(session, ApiSession) is not self._by_key
        ]
        assert len(sessions) == 2, "there are not two connections"
        return sessions

    def _note(self, rotation: Rotation) -> None:
        with self._changed:
            if rotation.old.name == self._name:
                self._rotation = rotation
            self._changed.notify_all()
