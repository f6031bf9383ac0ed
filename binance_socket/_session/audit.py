"""Whether what is subscribed is subscribed: asked where nothing has come for a long time. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable

from .._wire.messages import error_of
from .._wire.values import is_array
from ..errors import BinanceSocketError
from .effects import Outcome
from .subscriptions import LISTING, Ask, Subscriptions, listed_routes
from .topics import Topic

__all__ = ["Audit"]

logger = logging.getLogger(__name__)


class Audit:
    """
    Asks the server what the connection is subscribed to, after *after* seconds without an event; never if that is None.
    Where there are several subscriptions, it asks every *after* seconds.

    An account may be silent for days, and so may a subscription that the server has forgotten: only it can tell. A part
    of the session, under its lock. *reopen* asks for the topics that are wanted again.
    """

    def __init__(
        self, after: float | None, subscriptions: Subscriptions, ask: Ask, reopen: Callable[[], object]
    ) -> None:
        self._after = after
        self._subscriptions = subscriptions
        self._ask = ask
        self._reopen = reopen
        self._looked_at = 0.0
        self.found_at = 0.0
        """When everything that was open was there, as the server has said."""

    def begin(self, now: float) -> None:
        """There is a new link."""
        self._looked_at = self.found_at = now

    def next(self, heard_at: float, event_at: float) -> float | None:
        """Return when :meth:`look` has something to do; *event_at* is when the last event came."""
        # While nobody reads, an answer would not be read either.
        if self._after is None or heard_at == float("inf") or not self._subscriptions.open_count:
            return None
        # What the events of several are of, nobody has noted: one that is busy says nothing of the others.
        alone = self._subscriptions.open_count == 1
        return (max(self._looked_at, event_at) if alone else self._looked_at) + self._after

    def look(self, now: float, heard_at: float, event_at: float) -> None:
        """Ask if it is time."""
        due = self.next(heard_at, event_at)
        if due is None or now < due:
            return
        self._looked_at = now
        # What is opened meanwhile may not be in the answer.
        open_now, since = self._subscriptions.open_routes(), self._known_at(event_at)
        self._ask(LISTING, lambda outcome: self._answered(open_now, now, since, outcome))

    def _known_at(self, event_at: float) -> float:
        """Return when everything that is open is known to have been there last."""
        subscriptions = self._subscriptions
        of_the_only_one = subscriptions.open_count == 1 and event_at > subscriptions.alone_since
        return max(self.found_at, event_at) if of_the_only_one else self.found_at

    def _answered(self, open_then: dict[Topic, Hashable], asked_at: float, since: float, outcome: Outcome) -> None:
        if isinstance(outcome, BinanceSocketError) or error_of(outcome, LISTING) is not None:
            logger.info("could not find out what is subscribed: %s", outcome)
            return
        if not is_array(outcome.result):
            return
        found = listed_routes(outcome)
        open_now = self._subscriptions.open_routes()
        missing = [topic for topic, route in open_then.items() if route not in found]
        forgotten = [topic for topic in missing if open_now.get(topic) == open_then[topic]]
        for topic in forgotten:
            logger.warning("the exchange has forgotten a subscription")
            # Nobody knows when.
            self._subscriptions.lose(topic, "the exchange has forgotten the subscription", since)
        if missing == forgotten:
            # Otherwise one that has been left to another connection may have been forgotten before.
            self.found_at = asked_at
        self._reopen()
