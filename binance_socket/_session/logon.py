"""
Whether a session is logged on, and should be. Pure.

After a revocation::

    REVOKED --at once, then after growing waits: logged on again--> it holds for a minute: as if nothing had been
       |  ^                                                     |
       |  +------------- refused, or revoked again -------------+
       +--the third time: the topics that need it end, and nobody logs on any more unless asked to
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from .._wire.messages import Request, Security, error_of
from ..errors import ApiError, AuthenticationError, AuthRevoked, BinanceSocketError
from .backoff import Backoff
from .effects import Outcome
from .subscriptions import Ask, Subscriptions

__all__ = ["LOGON", "LOGOUT", "Logon"]

logger = logging.getLogger(__name__)

LOGON: Final = "session.logon"
LOGOUT: Final = "session.logout"
_LOGON: Final = Request[Any](LOGON, security=Security.SIGNED, weight=2)

MOST_ATTEMPTS: Final = 3
"""How often a revoked session is logged on again."""
HOLDS_AFTER: Final = 60.0
"""What is revoked after so many seconds is revoked for another reason."""


class Logon:
    """
    Logs on for the topics that need it. A part of the session, under its lock.

    *reopen* asks for the topics that are wanted again.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        ask: Ask,
        reopen: Callable[[], object],
        backoff: Backoff,
        now: Callable[[], float],
    ) -> None:
        self._subscriptions = subscriptions
        self._ask = ask
        self._reopen = reopen
        self._backoff = backoff
        self._now = now
        self._running = False
        self.on = False
        """Whether the exchange has accepted a logon on the present link."""
        self.wanted = False
        """Whether every link is to be logged on, because somebody has been once."""
        self._on_since = float("-inf")
        # Why the session was revoked; None once it is logged on again.
        self._revocation: ApiError | None = None
        # How often it has been tried to log on again since, and when it is tried next.
        self._attempts = 0
        self._retry_at: float | None = None

    def begin(self) -> None:
        """There is a new link."""
        if self.wanted:
            self._log_on()

    def end(self) -> None:
        """There is no link any more."""
        self.on = self._running = False
        self._retry_at = None

    def look(self) -> None:
        """Log on if it is time, or some topic waits for that."""
        if self.on:
            return
        if self._retry_at is not None:
            if self._now() >= self._retry_at:
                self._log_on()
        elif self._subscriptions.waits_for_logon():
            self._log_on()

    def next(self) -> float | None:
        """Return when :meth:`look` has something to do."""
        return self._retry_at

    def answered(self, request: Request[Any], error: BinanceSocketError | None) -> None:
        """Take in the answer to a request, which may be a logon or a logout, of ours or of the user's."""
        if error is not None:
            return
        if request.method == LOGON:
            self.wanted = self.on = True
            self._on_since = self._now()
            self._revocation = self._retry_at = None
            self._reopen()
        elif request.method == LOGOUT:
            self.wanted = self.on = False
            self._retry_at = None

    def revoked(self, error: ApiError) -> None:
        """Take in that the exchange has revoked the session."""
        logger.warning("the exchange revoked this session: %s", error)
        was_on, self.on = self.on, False
        self._subscriptions.logged_off("the exchange revoked the session")
        if was_on and self._now() - self._on_since >= HOLDS_AFTER:
            self._attempts = 0
            self._backoff.reset()
        is_news = was_on or (self._revocation is None and not self._running)
        if is_news and (self.wanted or self._subscriptions.need_logon):
            self._revocation = error
            self._try_again(error)
        self._reopen()

    def _try_again(self, error: ApiError) -> None:
        """Have it logged on again after a while, or give up because of *error*."""
        if self._attempts >= MOST_ATTEMPTS:
            self._give_up(error)
            return
        delay = self._backoff.next() if self._attempts else 0.0
        self._attempts += 1
        self._retry_at = self._now() + delay

    def _give_up(self, error: ApiError) -> None:
        message = f"the exchange revoked this session, and logging on again has not helped: {error.message}"
        revoked = AuthRevoked(error.code, message, status=error.status, method=LOGON)
        revoked.__cause__ = error
        logger.error("%s", revoked)
        self.wanted = False
        self._revocation = self._retry_at = None
        self._attempts = 0
        self._backoff.reset()
        self._subscriptions.close_needing_logon(revoked)

    def _log_on(self) -> None:
        # Where one is under way already, its answer says what is next.
        self._retry_at = None
        if not self._running:
            self._running = True
            self._ask(_LOGON, self._ended)

    def _ended(self, outcome: Outcome) -> None:
        self._running = False
        error = outcome if isinstance(outcome, BinanceSocketError) else error_of(outcome, _LOGON)
        if error is None:
            return
        logger.warning("logging on failed: %s", error)
        if self._revocation is not None and isinstance(error, AuthenticationError):
            self._try_again(error)
        else:
            self._subscriptions.logon_failed(error)
