"""
What a connection is subscribed to.

::

    WANTED --asked--> OPENING --acknowledged--> OPEN
      ^  ^               |                       |
      |  +---later-------+                       |
      +--the link went, or the server ended it---+

A topic that the exchange refuses for good leaves the registry with a ``Closed`` effect. What is wanted at the same time
is asked for together, where the server takes many names at once, and waits where it counts messages.
"""

from __future__ import annotations

import enum
import itertools
import logging
import operator
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

import attrs

from .._wire.messages import Reply, Request, error_of
from .._wire.values import as_array, as_object
from ..errors import ApiError, AuthenticationError, BinanceSocketError, DecodeError, DeliveryError, RateLimited
from .backoff import Backoff
from .effects import Closed, Effect, Leaving, Lost, Opened, Outcome
from .message_budget import MessageBudget
from .topics import Dialect, Topic, merged

__all__ = ["LISTING", "STREAM_TERMINATED", "TERMINATED", "Ask", "Subscriptions", "listed_routes", "may_pass"]

logger = logging.getLogger(__name__)

STREAM_TERMINATED = "eventStreamTerminated"
TERMINATED = "the exchange ended the event stream"
ALREADY_SUBSCRIBED = -2035
# A connection has 65,535 subscriptions in its life.
IDS_USED_UP = -2042
LISTING = Request[Any]("session.subscriptions", weight=2)
# So many events that come before their acknowledgement wait for it.
MOST_EARLY_EVENTS = 4096

Ask = Callable[[Request[Any], Callable[[Outcome], None]], None]


class Stage(enum.Enum):
    """How far a topic is."""

    WANTED = enum.auto()
    OPENING = enum.auto()
    OPEN = enum.auto()


@attrs.define(eq=False)
class _Entry:
    topic: Topic
    backoff: Backoff
    stage: Stage = Stage.WANTED
    route: Hashable = None
    retry_at: float | None = None
    opened_at: float = 0.0
    # Distinguishes this attempt's answer from the answer to one that was given up.
    attempt: int = 0
    # A first refusal is the caller's to handle; later ones are retried where that may help. It is no first one either
    # where this continues another topic that was open.
    was_open: bool = False
    # How many topics may be asked for together with this one: halved when such a request is refused as a whole.
    company: int = attrs.field(kw_only=True)


class Subscriptions:
    """The topics that are wanted, and how far each is. Appends what must be done to *effects*."""

    def __init__(
        self,
        dialect: Dialect,
        effects: list[Effect],
        ask: Ask,
        backoff: Callable[[], Backoff],
        now: Callable[[], float],
    ) -> None:
        self._at_once = dialect.topics_at_once
        self.budget = MessageBudget(dialect.messages_per_second)
        """What the server takes of messages on the present link."""
        self._effects = effects
        self._ask = ask
        self._backoff = backoff
        self._now = now
        self._entries: dict[Topic, _Entry] = {}
        # What the server has to be told that nobody listens to any more.
        self._closings: list[Request[Any]] = []
        self.exhausted = False
        """Whether the server opens no topics any more on the present link."""
        # Whether something has to wait until the server takes messages again.
        self._held_up = False
        # Those with a time to be asked for again, and how many are being asked for: looked at with every message.
        self._retrying: dict[_Entry, None] = {}
        self._opening = self._open_count = 0
        self.alone_since = 0.0
        """If one topic is open: since when it is the only one."""
        # By route, or by topic where they had none; with their places in line.
        self._early: dict[Hashable, deque[tuple[int, Any]]] = {}
        self._places = itertools.count()
        self._early_count = 0
        # Whether the log has been told that there are too many.
        self._flooded = False

    def __len__(self) -> int:
        return len(self._entries)

    def is_open(self, topic: Topic) -> bool:
        """Whether the server has acknowledged *topic* on the present link."""
        entry = self._entries.get(topic)
        return entry is not None and entry.stage is Stage.OPEN

    @property
    def listening(self) -> bool:
        """Whether events of some topic come, or may come at any time now."""
        return any(entry.stage is not Stage.WANTED for entry in self._entries.values())

    @property
    def open_count(self) -> int:
        """How many topics the server has acknowledged on the present link."""
        return self._open_count

    def open_topics(self) -> list[Topic]:
        """Return the topics that the server has acknowledged on the present link."""
        return self._topics_in(Stage.OPEN)

    def open_routes(self) -> dict[Topic, Hashable]:
        """Return those topics with what the server stamps on their events."""
        return {entry.topic: entry.route for entry in self._entries.values() if entry.stage is Stage.OPEN}

    def waits_for_logon(self) -> bool:
        """Return whether some topic may be asked for by now, but for the session not being logged on."""
        return any(self._is_due(entry) and entry.topic.needs_logon for entry in self._entries.values())

    def was_asked_for(self, topic: Topic) -> bool:
        """Return whether the server has ever been asked for *topic*, on whichever link."""
        entry = self._entries.get(topic)
        return entry is not None and entry.attempt > 0

    def want(self, topic: Topic, *, continuing: bool = False) -> None:
        """Add *topic*; :meth:`open` asks for it, and again as if it had been open if it is *continuing* another one."""
        if topic not in self._entries:
            self._entries[topic] = _Entry(topic, self._backoff(), company=self._at_once)
        self._entries[topic].was_open |= continuing

    def open(self, *, logged_on: bool) -> None:
        """
        Ask for every topic that is wanted and may be asked for by now, as far as the server takes messages.

        Before that, tell it what is not wanted any more: there is a limit to what one link may be subscribed to.
        """
        due = [entry for entry in self._entries.values() if self._is_due(entry)]
        for entry in due:
            # Also of one that has to wait for the logon: its time has come, and must not come again and again.
            self._retry(entry, None)
        self._held_up = False
        if not self._send_closings():
            return
        for entries in _together([entry for entry in due if logged_on or not entry.topic.needs_logon]):
            attempts = [(entry, entry.attempt + 1) for entry in entries]
            request = merged([entry.topic.opening for entry in entries])
            if not self._send(request, self._answer_to(request, attempts)):
                return
            for entry, attempt in attempts:
                entry.attempt = attempt
                self._move(entry, Stage.OPENING)

    def _send_closings(self) -> bool:
        """Tell the server what is not wanted any more. Return whether all of that has left."""
        while self._closings:
            if not self._send(merged(self._closings[: self._at_once]), _ignore):
                return False
            del self._closings[: self._at_once]
        return True

    def _send(self, request: Request[Any], then: Callable[[Outcome], None]) -> bool:
        """Ask *request* if the server takes another message by now; otherwise :meth:`open` has to be called again."""
        number = self.budget.take(self._now())
        if number is None:
            self._held_up = True
            return False

        def answered(outcome: Outcome) -> None:
            self.budget.answered(number, self._now())
            then(outcome)

        self._ask(request, answered)
        return True

    def _is_due(self, entry: _Entry) -> bool:
        return entry.stage is Stage.WANTED and (entry.retry_at is None or entry.retry_at <= self._now())

    def drop(self, topic: Topic, *, connected: bool) -> None:
        """Forget *topic*; :meth:`open` tells the server, if there is one to tell."""
        entry = self._entries.get(topic)
        if entry is None:
            return
        if entry.stage is Stage.OPEN and connected:
            self._closings.append(topic.closing(entry.route))
        self._remove(entry)

    def forget(self, topic: Topic) -> None:
        """Forget *topic* without telling anybody: another connection has it now."""
        entry = self._entries.get(topic)
        if entry is not None:
            self._remove(entry)

    def hold(self, route: Hashable, payload: Any) -> bool:
        """
        Keep an event of a *route* nobody knows for as long as an acknowledgement is due. Return False if one is lost.

        Of too many, the oldest goes of the route that has most: its subscription begins a little later, and misses
        nothing once it has begun.
        """
        if not self._opening or not isinstance(route, Hashable):  # pyright: ignore[reportUnnecessaryIsInstance]  # JSON says what it likes
            return False
        self._early.setdefault(route, deque()).append((next(self._places), payload))
        self._early_count += 1
        if self._early_count <= MOST_EARLY_EVENTS:
            self._flooded = False
            return True
        if not self._flooded:
            self._flooded = True
            logger.warning("too many events before an acknowledgement: a subscription begins with a later one")
        most = max(self._early, key=lambda route: len(self._early[route]))
        self._early[most].popleft()
        self._early_count -= 1
        return False

    def hold_raw(self, payload: Any, may_be_of: Callable[[Topic], bool]) -> bool:
        """Keep an event without a route that is of no open topic, if it can be of one only that is due to open."""
        opening = [topic for topic in self._topics_in(Stage.OPENING) if may_be_of(topic)]
        return len(opening) == 1 and self.hold(opening[0], payload)

    def ended(self, route: Hashable, reason: str) -> None:
        """The server ended the subscription with this *route*: it is wanted again."""
        for entry in self._entries.values():
            if entry.stage is Stage.OPEN and entry.route == route:
                self._lose(entry, reason)

    def lose(self, topic: Topic, reason: str, since: float = float("inf")) -> None:
        """The server ended the subscription to *topic*, perhaps as early as *since*: it is wanted again."""
        entry = self._entries[topic]
        self._lose(entry, reason, max(since, entry.opened_at))

    def link_lost(self, reason: str) -> None:
        """The link went away, and every subscription with it."""
        for entry in self._entries.values():
            self._lose(entry, reason)
        self._closings.clear()
        self._held_up = self.exhausted = False
        self.budget.reset()

    def logged_off(self, reason: str) -> None:
        """The session is not logged on any more: what lived by that is gone, or will not be acknowledged."""
        for entry in self._entries.values():
            if entry.topic.needs_logon and entry.stage is not Stage.WANTED:
                self._lose(entry, reason)

    def logon_failed(self, error: BinanceSocketError) -> None:
        """The session could not be logged on: the topics that wait for it are refused, or have to wait."""
        for entry in list(self._entries.values()):
            if self._is_due(entry) and entry.topic.needs_logon:
                self._failed([entry], error)

    @property
    def need_logon(self) -> bool:
        """Whether there is a topic that needs the session to be logged on."""
        return any(topic.needs_logon for topic in self._entries)

    def close_needing_logon(self, error: BinanceSocketError) -> None:
        """Close every topic that needs the session to be logged on: it will not be."""
        for entry in list(self._entries.values()):
            if entry.topic.needs_logon:
                self._close(entry, error)

    def close_all(self, error: BinanceSocketError | None) -> None:
        """Close every topic: the session is over, or there is no hope for them."""
        for entry in list(self._entries.values()):
            self._close(entry, error)

    def next_retry(self) -> float | None:
        """Return when :meth:`open` should be called again."""
        times = [entry.retry_at for entry in self._retrying if entry.retry_at is not None]
        if self._held_up and (room_at := self.budget.next_time()) is not None:
            times.append(room_at)
        return min(times) if times else None

    # How an attempt ends.

    def _answer_to(self, request: Request[Any], attempts: Sequence[tuple[_Entry, int]]) -> Callable[[Outcome], None]:
        def answered(outcome: Outcome) -> None:
            current = {entry: None for entry, attempt in attempts if self._is_current(entry, attempt)}
            error = outcome if isinstance(outcome, BinanceSocketError) else error_of(outcome, request)
            if isinstance(outcome, Reply) and error is None:
                for entry, _ in attempts:
                    self._acknowledged(entry, outcome, entry in current)
                self._send_closings()
            elif current:
                assert error is not None
                self._refused(list(current), error, of=len(attempts))

        return answered

    def _acknowledged(self, entry: _Entry, reply: Reply, current: bool) -> None:
        try:
            route = entry.topic.route_of(reply.result)
        except DecodeError as error:
            if current:
                self._close(entry, error)
            return
        if current:
            self._opened(entry, route)
        elif entry.topic not in self._entries:
            # It was given up while the question was under way.
            self._closings.append(entry.topic.closing(route))

    def _opened(self, entry: _Entry, route: Hashable) -> None:
        entry.route, entry.was_open, entry.opened_at = route, True, self._now()
        entry.backoff.reset()
        entry.company = self._at_once
        # An event without a route is held under its topic.
        held = [*self._early.pop(entry.topic, ()), *self._early.pop(route, ())]
        early = tuple(payload for _, payload in sorted(held, key=operator.itemgetter(0)))
        self._early_count -= len(early)
        self._move(entry, Stage.OPEN)
        self._effects.append(Opened(entry.topic, route, early))
        if any(as_object(payload).get("e") == STREAM_TERMINATED for payload in early):
            self._lose(entry, TERMINATED)
            self._retry(entry, self._now())

    def _refused(self, entries: Sequence[_Entry], error: BinanceSocketError, *, of: int) -> None:
        """What was asked for together, with *of* topics, was refused; *entries* are those that still want it."""
        if isinstance(error, ApiError) and error.code == ALREADY_SUBSCRIBED:
            for entry in entries:
                self._ask(LISTING, self._adopt(entry, entry.attempt, error))
        elif isinstance(error, ApiError) and error.code == IDS_USED_UP:
            self._used_up(entries, error)
        elif of > 1 and isinstance(error, ApiError) and not may_pass(error):
            # One of them is at fault, and nobody knows which. The others must not suffer for it.
            logger.warning("subscribing to %d streams at once was refused, so by halves: %s", of, error)
            for entry in entries:
                entry.company = of // 2
                self._move(entry, Stage.WANTED)
                self._retry(entry, self._now())
        else:
            self._failed(entries, error)

    def _used_up(self, entries: Iterable[_Entry], error: ApiError) -> None:
        """The link opens no topics any more: what has been open is opened on the one that takes over."""
        logger.warning("this connection can be subscribed to nothing more: %s", error)
        if not self.exhausted:
            self.exhausted = True
            self._effects.append(Leaving())
        for entry in entries:
            if entry.was_open:
                self._move(entry, Stage.WANTED)
                self._retry(entry, float("inf"))
            else:
                self._close(entry, error)

    def _failed(self, entries: Iterable[_Entry], error: BinanceSocketError) -> None:
        retry_at: float | None = None
        for entry in entries:
            if entry.was_open and may_pass(error):
                # What was asked for together will be again.
                delay = entry.backoff.next()
                retry_at = self._now() + delay if retry_at is None else retry_at
                self._move(entry, Stage.WANTED)
                self._retry(entry, retry_at)
                logger.warning("resubscribing failed, to be tried again: %s", error)
            else:
                self._close(entry, error)

    def _adopt(self, entry: _Entry, attempt: int, refusal: ApiError) -> Callable[[Outcome], None]:
        """
        Return what takes over a subscription that the exchange says exists already on this connection.

        It is one of which the acknowledgement never came. It is ours only if it is the one that no other topic has.
        """

        def answered(outcome: Outcome) -> None:
            if not self._is_current(entry, attempt):
                return
            error = outcome if isinstance(outcome, BinanceSocketError) else error_of(outcome, LISTING)
            if error is not None:
                error.__cause__ = refusal
                self._failed([entry], error)
                return
            assert isinstance(outcome, Reply)
            routes = {other.route for other in self._entries.values() if other.stage is Stage.OPEN}
            ours = [route for route in listed_routes(outcome) if route not in routes]
            if len(ours) == 1:
                self._opened(entry, ours[0])
            else:
                self._close(entry, refusal)

        return answered

    def _is_current(self, entry: _Entry, attempt: int) -> bool:
        """Return whether *entry* still waits for the answer to this *attempt*."""
        return self._entries.get(entry.topic) is entry and entry.attempt == attempt and entry.stage is Stage.OPENING

    def _lose(self, entry: _Entry, reason: str, since: float = float("inf")) -> None:
        if entry.stage is Stage.OPEN:
            self._effects.append(Lost(entry.topic, reason, since))
        entry.route = None
        self._move(entry, Stage.WANTED)
        self._retry(entry, None)

    def _close(self, entry: _Entry, error: BinanceSocketError | None) -> None:
        self._remove(entry)
        self._effects.append(Closed(entry.topic, error))

    def _remove(self, entry: _Entry) -> None:
        self._retry(entry, None)
        self._move(entry, Stage.WANTED)
        del self._entries[entry.topic]

    def _move(self, entry: _Entry, stage: Stage) -> None:
        self._opening += (stage is Stage.OPENING) - (entry.stage is Stage.OPENING)
        more = (stage is Stage.OPEN) - (entry.stage is Stage.OPEN)
        self._open_count += more
        if more and self._open_count == 1:
            self.alone_since = self._now()
        entry.stage = stage
        if not self._opening:
            # No acknowledgement is due any more: nobody will claim what came early.
            self._early.clear()
            self._early_count = 0

    def _retry(self, entry: _Entry, at: float | None) -> None:
        """Ask for *entry* again at that time, or with the others."""
        entry.retry_at = at
        if at is None:
            self._retrying.pop(entry, None)
        else:
            self._retrying[entry] = None

    def _topics_in(self, stage: Stage) -> list[Topic]:
        return [entry.topic for entry in self._entries.values() if entry.stage is stage]

    def __iter__(self) -> Iterator[Topic]:
        return iter(tuple(self._entries))


def _together(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    """Divide *entries* into those that are asked for at once."""
    group: list[_Entry] = []
    for entry in entries:
        if group and len(group) >= min(entry.company, group[0].company):
            yield group
            group = []
        group.append(entry)
    if group:
        yield group


def listed_routes(reply: Reply) -> list[int]:
    """Return the ids that an answer to ``session.subscriptions`` lists."""
    found = [as_object(item).get("subscriptionId") for item in as_array(reply.result)]
    return [route for route in found if type(route) is int]


def may_pass(error: BinanceSocketError) -> bool:
    """Return whether asking again later may help."""
    if isinstance(error, AuthenticationError):
        return False
    if isinstance(error, ApiError):
        return (
            isinstance(error, RateLimited) or error.status >= 500 or error.code in (-1000, -1001, -1008, -1016, -1021)
        )
    return isinstance(error, DeliveryError)


def _ignore(outcome: Outcome) -> None:
    """Take an answer that changes nothing."""
