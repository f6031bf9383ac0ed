"""Who does what a session has decided."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from .._session.effects import Abort, Complete, Effect, Late, Leaving, Probe
from .audience import After
from .futures import complete, deliver_late
from .link import Link
from .writer import Writer

__all__ = ["Carrier", "Decided"]

logger = logging.getLogger(__name__)


class Decided:
    """
    What a session wants, and the link that it wants it of; whether many requests are under way. See :class:`Carrier`.

    What has been done is taken out of it, so that whoever is interrupted may leave the rest to others.
    """

    __slots__ = ("crowded", "effects", "link", "tellings")

    def __init__(self) -> None:
        self.effects: deque[Effect] = deque()
        self.tellings: deque[After] = deque()
        self.link: Link | None = None
        self.crowded = False


class Carrier:
    """
    Carries out effects, on whichever thread has changed the session, and under no lock.

    *leaving* is called when the server is about to end the link. *failed* is told of a defect of ours, after everything
    else has been tried: one call that cannot be completed must not keep the others waiting.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        leaving: Callable[[], object],
        failed: Callable[[Exception], object],
    ) -> None:
        self._writer = writer
        self._leaving = leaving
        self._failed = failed

    def carry_out(self, decided: Decided, *, is_final: bool) -> None:
        """
        Do all of it: tell subscribers, write what is queued on the link, and then the rest.

        Where the session *is_final*, whoever waits for an answer is told before subscribers are: those have executors
        of the user's, which may be slow to take it.
        """
        effects, tellings, link = decided.effects, decided.tellings, decided.link
        defects: list[Exception] = []
        if is_final:
            self._do_all(effects, link, defects)
        while tellings:
            try:
                tellings[0]()
            except Exception as exc:  # noqa: BLE001  # told below
                defects.append(exc)
            tellings.popleft()
        if not is_final:
            if link is not None and link.has_outbox:
                self._writer.flush(link, crowded=decided.crowded)
            self._do_all(effects, link, defects)
        if defects:
            self._failed(defects[-1])

    def _do_all(self, effects: deque[Effect], link: Link | None, defects: list[Exception]) -> None:
        while effects:
            try:
                self._do(effects[0], link)
            except Exception as exc:  # noqa: BLE001  # told by whoever takes them
                defects.append(exc)
            effects.popleft()

    def _do(self, effect: Effect, link: Link | None) -> None:
        if isinstance(effect, Complete):
            complete(effect)
        elif isinstance(effect, Late):
            deliver_late(effect)
        elif isinstance(effect, Leaving):
            self._leaving()
        elif link is None:
            return
        elif isinstance(effect, Probe):
            link.transport.ping()
        elif isinstance(effect, Abort):
            logger.warning("giving up the link: %s", effect.reason)
            link.transport.abort()
