"""Who writes a connection's requests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Executor

from .._session.effects import Pending
from ..errors import BinanceSocketError
from .link import Link
from .threads import on_engine_thread

__all__ = ["Writer"]


class Writer:
    """
    Has what is queued on a link written: by the thread that queued it, or by a sender thread.

    *unsendable* is told of requests that cannot be written, with the reason, and *defect* of an error of ours; on
    whichever thread wrote, and under no lock.
    """

    def __init__(
        self,
        senders: Executor,
        *,
        unsendable: Callable[[list[tuple[Pending, BinanceSocketError]]], object],
        defect: Callable[[Exception], object],
    ) -> None:
        self._senders = senders
        self._unsendable = unsendable
        self._defect = defect

    def flush(self, link: Link, *, crowded: bool) -> None:
        """
        Write what is queued: here, or on a sender thread.

        A thread that moves everybody's work along must not write, because that may take long. And where callers keep
        many requests under way (*crowded*), a sender writes them together: each write of one's own would let the
        reader have the interpreter, and take it back.
        """
        if crowded or on_engine_thread():
            handed_over = False
            try:
                if not link.take_errand():
                    # It was before, by somebody else.
                    handed_over = True
                    return
                with contextlib.suppress(RuntimeError):
                    self._senders.submit(self._run_errand, link)
                    handed_over = True
            finally:
                if not handed_over:
                    link.end_errand()
            if handed_over:
                return
            # There is no thread to be had: better slowly than not at all.
        self._write(link)

    def _run_errand(self, link: Link) -> None:
        link.end_errand()
        self._write(link)

    def _write(self, link: Link) -> None:
        try:
            unsendable = link.flush()
            if unsendable:
                self._unsendable(unsendable)
        except Exception as exc:  # noqa: BLE001  # reported to everybody who waits
            self._defect(exc)
