"""Whether a session is logged on, and should be. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from .._wire.messages import Request, Security, error_of
from ..errors import BinanceSocketError
from .effects import Outcome
from .subscriptions import Ask, Subscriptions

__all__ = ["LOGON", "LOGOUT", "Logon"]

logger = logging.getLogger(__name__)

LOGON: Final = "session.logon"
LOGOUT: Final = "session.logout"
_LOGON: Final = Request[Any](LOGON, security=Security.SIGNED, weight=2)


class Logon:
    """
    Logs on for the topics that need it. A part of the session, under its lock.

    *reopen* asks for the topics that are wanted again.
    """

    def __init__(self, subscriptions: Subscriptions, ask: Ask, reopen: Callable[[], object]) -> None:
        self._subscriptions = subscriptions
        self._ask = ask
        self._reopen = reopen
        self._running = False
        self.on = False
        """Whether the exchange has accepted a logon on the present link."""
        self.wanted = False
        """Whether every link is to be logged on, because somebody has been once."""

    def begin(self) -> None:
        """There is a new link."""
        if self.wanted:
            self._log_on()

    def end(self) -> None:
        """There is no link any more."""
        self.on = self._running = False

    def look(self) -> None:
        """Log on if some topic waits for that."""
        if not self.on and self._subscriptions.waits_for_logon():
            self._log_on()

    def answered(self, request: Request[Any], error: BinanceSocketError | None) -> None:
        """Take in the answer to a request, which may be a logon or a logout, of ours or of the user's."""
        if error is not None:
            return
        if request.method == LOGON:
            self.wanted = self.on = True
            self._reopen()
        elif request.method == LOGOUT:
            self.wanted = self.on = False

    def revoked(self, error: BinanceSocketError) -> None:
        """Take in that the exchange has revoked the session."""
        logger.warning("the exchange revoked this session: %s", error)
        self.on = False
        self._subscriptions.logged_off("the exchange revoked the session")
        self._reopen()

    def _log_on(self) -> None:
        if not self._running:
            self._running = True
            self._ask(_LOGON, self._ended)

    def _ended(self, outcome: Outcome) -> None:
        self._running = False
        error = outcome if isinstance(outcome, BinanceSocketError) else error_of(outcome, _LOGON)
        if error is not None:
            logger.warning("logging on failed: %s", error)
            self._subscriptions.logon_failed(error)
