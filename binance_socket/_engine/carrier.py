"""Who does what a session has decided."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from .._session.effects import Abort, Complete, Effect, Late, Leaving, Probe
from .audience import After
from .futures import complete, deliver_late
from .link import Link
from .writer import Writer

__all__ = ["Carrier"]

logger = logging.getLogger(__name__)


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

    def carry_out(
        self,
        effects: Iterable[Effect],
        tellings: Iterable[After],
        link: Link | None,
        *,
        crowded: bool,
        is_final: bool,
    ) -> None:
        """
        Do all of it: tell subscribers, write what is queued on *link*, and then the rest.

        Where the session *is_final*, whoever waits for an answer is told before subscribers are: those have executors
        of the user's, which may be slow to take it.
        """
        defects: list[Exception] = []
        if is_final:
            self._do_all(effects, link, defects)
        for tell in tellings:
            try:
                tell()
            except Exception as exc:  # noqa: BLE001  # told below
                defects.append(exc)
        if not is_final:
            if link is not None and link.has_outbox:
                self._writer.flush(link, crowded=crowded)
            self._do_all(effects, link, defects)
        if defects:
            self._failed(defects[-1])

    def _do_all(self, effects: Iterable[Effect], link: Link | None, defects: list[Exception]) -> None:
        for effect in effects:
            try:
                self._do(effect, link)
            except Exception as exc:  # noqa: BLE001  # told by whoever takes them
                defects.append(exc)

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
