"""When a silent peer is pinged, and when it is given up. Pure."""

from __future__ import annotations

from .effects import Abort, Effect, Probe

__all__ = ["Vigil"]


class Vigil:
    """Watches over one link at a time: a peer is pinged *after* seconds of silence, and has *timeout* to answer."""

    def __init__(self, effects: list[Effect], *, after: float, timeout: float) -> None:
        self._effects = effects
        self._after = after
        self._timeout = timeout
        self._probed_at: float | None = None
        self._aborted = False

    def begin(self) -> None:
        """There is a new link."""
        self._probed_at, self._aborted = None, False

    def watch(self, now: float, heard_at: float, quiet_until: float) -> bool:
        """Ping a silent peer, and give up one that stays silent. Return whether it is pinged."""
        # It was silent when it was probed, so it has been heard since even if the clock shows the same time.
        if self._probed_at is not None and heard_at >= self._probed_at:
            self._probed_at = None
        due = self.next(heard_at, quiet_until)
        if due is None or now < due:
            return False
        if self._probed_at is None:
            self._probed_at = now
            self._effects.append(Probe())
            return True
        self._aborted = True
        self._effects.append(Abort(f"no sign of life for {now - heard_at:.0f} s"))
        return False

    def look_up(self, now: float, quiet_until: float) -> bool:
        """Ping the peer at once, if that is allowed and it has not been. Return whether it is pinged."""
        if self._aborted or self._probed_at is not None or now < quiet_until:
            return False
        self._probed_at = now
        self._effects.append(Probe())
        return True

    def next(self, heard_at: float, quiet_until: float) -> float | None:
        """Return when :meth:`watch` has something to do; nothing at all is sent until *quiet_until*."""
        if self._aborted:
            return None
        if self._probed_at is None or heard_at >= self._probed_at:
            return max(heard_at + self._after, quiet_until)
        return self._probed_at + self._timeout
