"""Time that is moved by hand: the client's and the sandbox's."""

from __future__ import annotations

import threading

from .kinds import Setup
from .scene import Scene
from .transcript import PATIENCE

__all__ = ["BY_HAND", "SILENT", "pass_time", "waits_until"]

BY_HAND = Setup(
    manual=True, options={"backoff_base": 0.0, "backfill_rechecks": (), "rotation_after": None, "audit_after": None}
)
# Calls in flight wait for longer than a silent peer is.
SILENT = Setup(leaps=True, silent=True, options={"request_timeout": 3600.0})


def pass_time(scene: Scene, seconds: float) -> None:
    """Let time pass, and wait until the client's timer has done what was due."""
    scene.clock.advance(seconds)
    done = threading.Event()
    scene.client._hub.timer.call_at(scene.clock.monotonic(), done.set)
    assert done.wait(PATIENCE), "the timer hangs"


def waits_until(scene: Scene, condition: threading.Condition) -> float | None:
    """Wait until some thread waits on *condition* for a time to come, and return that time; None if none does."""

    def times() -> list[float]:
        return [when for other, when in scene.clock._waiting.values() if other is condition and when is not None]

    with scene.clock._waits:
        found: list[float] = scene.clock._waits.wait_for(times, PATIENCE / 4)
        return min(found, default=None)
