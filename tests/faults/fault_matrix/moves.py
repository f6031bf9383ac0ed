"""Tells when the client has left its connections for new ones, by itself."""

from __future__ import annotations

import threading

from binance_socket import ConnectionState, StateChange

from .scene import Scene

__all__ = ["Moved"]

# How often something happens to the account meanwhile, in seconds, and for how long at most.
_ROUND = 0.02
_MOST_ROUNDS = 500


class Moved:
    """Watches the connections that carry the account's events now, until all of them are closed. Make it before."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._closed = threading.Event()
        # Used by hooks only, once that is said.
        self._left = {one.number for one in scene.client.health().connections if one.name == "api"}
        scene.client.on_state(self._changed)

    @property
    def is_over(self) -> bool:
        """Whether all of them are closed."""
        return self._closed.is_set()

    def wait(self) -> None:
        """Wait until they are, while things go on happening to the account. Raises AssertionError."""
        for _ in range(_MOST_ROUNDS):
            # Reports of orders, because these are what a rotation knows for certain.
            self._scene.publish(order=True)
            if self._closed.wait(_ROUND):
                return
        raise AssertionError("the client has not moved to a new connection")

    def _changed(self, change: StateChange) -> None:
        if change.after is ConnectionState.CLOSED:
            self._left.discard(change.number)
            if not self._left:
                self._closed.set()
