"""One topic that two connections have, while the new one takes over from the old one."""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from .._session.merge import Merge, Merged, Unmerged
from .._session.subscriptions import STREAM_TERMINATED
from .._session.topics import Topic
from .._wire.codec import loads
from .._wire.values import is_object
from ..errors import BinanceSocketError, ClientClosed, DecodeError
from .audience import After, Payload, Subscriber
from .one_by_one import OneByOne

__all__ = ["Overlap", "Owner"]

logger = logging.getLogger(__name__)

_ENDING: Final = frozenset({STREAM_TERMINATED, "listenKeyExpired"})
# So much may be remembered of what both connections have brought: minutes of what an account may do.
MOST_REMEMBERED: Final = 250_000
_LACKING: Final = "the connection that takes over does not have it yet"
_UNPROVEN: Final = "the old connection ended before it was certain that the new one had everything"


class Owner(Protocol):
    """Who moves a topic over. Called in turn, or to be put in turn; under no connection's lock. Must not block."""

    @property
    def line(self) -> OneByOne:
        """Where everything that happens to the topics that are moved together has its turn."""
        ...

    def now(self) -> float:
        """Return the monotonic time."""
        ...

    def common_seen(self) -> None:
        """Some event has come from both connections."""
        ...

    def old_heard_at(self) -> float:
        """Return when the old connection has brought something last (monotonic)."""
        ...

    def old_lost(self, overlap: Overlap, reason: str, now: float, heard_at: float) -> None:
        """The old connection has lost the topic. Called in the overlap's turn."""
        ...

    def new_lost(self, overlap: Overlap, reason: str, now: float, heard_at: float) -> None:
        """The new connection has lost the topic. The same."""
        ...

    def give_up(self, error: BinanceSocketError) -> None:
        """Let the old connection go on alone, if that is possible."""
        ...

    def refused(self, overlap: Overlap, error: BinanceSocketError) -> None:
        """The new connection does not have the topic, and will not."""
        ...

    def look(self) -> None:
        """The old connection has sent its last event, or the new one has caught up with it."""
        ...


@attrs.frozen
class _Arrived:
    payload: Payload
    received_at: float
    route: Hashable
    name: object


class Overlap:
    """
    Stands for the subscribers of one topic on both connections, and gives them each event once.

    Everything that happens has its turn in the owner's line, so that what one connection brings keeps its order. What
    is done is posting to mailboxes, which does not block.
    """

    def __init__(self, topic: Topic, owner: Owner) -> None:
        self.topic = topic
        self.old = _OldSide(self)
        self.new = _NewSide(self)
        self.owner = owner
        self.listeners: tuple[Subscriber, ...] = ()
        """The subscribers, as the connection says whose they are at the time. Replaced as a whole."""
        self.open_there = False
        """Whether the old connection has had the topic. If not, the subscribers know that they miss something."""
        self.old_route: Hashable = None
        self.old_open = False
        """Whether events of the topic come on the old connection, and what is stamped on them."""
        self.leaving = False
        """Whether the old connection is about to be told to send nothing more."""
        self.answered = False
        """Whether the old connection has answered that it sends nothing more, be the last event there or not."""
        self.given_up = False
        """Whether the new connection is not to take over after all."""
        # What was published before that, the new connection does not bring, however late the old one may.
        self._began_at = owner.now()
        # Everything below is for those whose turn it is.
        self._merge: Merge[_Arrived] | Unmerged[_Arrived] = Merge(waits=True)
        self._route: Hashable = None
        self._open = False
        # Whether it was lost after it had taken over.
        self._was_lost = False
        self._committed = False
        self._told_common = False
        # Whether the new connection brings everything that the old one may still bring.
        self._done_with_old = False

    @property
    def common(self) -> bool:
        """Whether some event has come from both connections."""
        return self._merge.common

    @property
    def duplicates(self) -> int:
        """How many events have come twice, and were delivered once."""
        return self._merge.duplicates

    @property
    def ended(self) -> bool:
        """Whether nothing more comes from the old connection."""
        return self._merge.ended

    @property
    def new_open(self) -> bool:
        """Whether the new connection has the topic."""
        return self._open

    @property
    def caught_up(self) -> bool:
        """Whether nothing comes from the new connection any more that was delivered before."""
        return self._merge.caught_up

    # What the owner decides.

    def commit(self) -> None:
        """The new connection takes over. To be called in turn, so that nothing comes between."""
        try:
            self._commit()
        except Exception as exc:  # noqa: BLE001  # told to whoever listens
            self._fail(exc)

    def end_old(self, *, proven: bool = False, since: float = float("inf")) -> None:
        """
        Nothing more comes from the old connection; *proven* says that nothing is missing between the two.

        Otherwise something may be missing from *since* on (monotonic), or since the old connection was heard last, or
        from before the new one subscribed: of other kinds, a later event proves nothing.
        """
        self.do(functools.partial(self._end_old, proven, since))

    def forward_lost(self, reason: str, now: float, heard_at: float) -> None:
        """The subscribers hear nothing for the time being. Only within ``Owner.old_lost``, which has its turn."""
        self._tell_lost(reason, now, heard_at)

    def lose_new(self, reason: str, now: float, heard_at: float) -> None:
        """The new connection, the only one by now, has lost the topic. Only within ``Owner.new_lost``, in its turn."""
        self._open, self._was_lost = False, True
        # What is held stays so: the old one may still bring what comes before it, or say that it has no more.
        self._tell_lost(reason, now, heard_at)

    # What the sides hear.

    def opened_old(self, route: Hashable) -> None:
        """The old connection has the topic."""
        self.old_route, self.old_open, self.open_there = route, True, True

    def reopened_old(self, route: Hashable, now: float) -> None:
        """The old connection has the topic again: it was given up that another one takes over."""
        if self._committed:
            # It will be told to send no more, and what the new one has is what counts.
            return
        self.opened_old(route)
        for listener in self.listeners:
            listener.opened(self.topic, route, now)()

    def lost_old(self, reason: str, now: float, heard_at: float) -> None:
        """The old connection has lost the topic."""
        self.old_open = False
        self.owner.old_lost(self, reason, now, heard_at)

    def do(self, function: Callable[[], object]) -> None:
        """Do something in its turn, here or on the thread that is doing so already."""
        self.put(function)()

    def put(self, function: Callable[[], object]) -> After:
        """Put something in the line, under any lock. What is returned does it in its turn."""
        return self.owner.line.put(function, self._fail)

    def _fail(self, exc: Exception) -> None:
        """Go on after a defect of ours: something may be missing, and whoever listens is told."""
        logger.error("moving %s over to another connection", type(self.topic).__name__, exc_info=exc)
        self._stop_merging(f"internal error: {exc!r}")

    def _stop_merging(self, reason: str) -> None:
        merge = self._merge
        self._merge = Unmerged(moved=self._committed, ended=merge.ended, duplicates=merge.duplicates)
        for function in (
            # What is held comes before that, unless the old connection goes on alone.
            functools.partial(self._deliver_held, merge),
            functools.partial(self._interrupt, reason),
            # Where that is still possible, the old connection goes on alone.
            functools.partial(self.owner.give_up, ClientClosed(reason)),
        ):
            try:
                function()
            except Exception:  # a second defect of ours, while one is dealt with; the other step is done all the same
                logger.exception("and it could not be told")

    def _deliver_held(self, merge: Merge[_Arrived] | Unmerged[_Arrived]) -> None:
        if self._committed:
            self._deliver(merge.old_ended())

    def _interrupt(self, reason: str) -> None:
        """Tell whoever listens that something may be missing up to now."""
        now = self.owner.now()
        self._tell_lost(reason, now, self.owner.old_heard_at(), self._began_at)
        if self._committed and self._open:
            self._tell_opened(now)
        elif not self._committed and self.old_open:
            for listener in self.listeners:
                listener.opened(self.topic, self.old_route, now)()

    def close(self) -> None:
        """The new connection tells all that the old one could still tell: soon nobody will compare them any more."""
        self._done_with_old = True

    def take_old(self, payloads: Sequence[Payload], received_at: float, route: Hashable) -> None:
        """The old connection has brought events."""
        if self._done_with_old and not self.given_up:
            # Of these, the new connection has told, or will, or a gap does. Nobody would compare them.
            return
        due: list[Merged[_Arrived]] = []
        marked = False
        for payload in payloads:
            event, name = _read(payload)
            if name == STREAM_TERMINATED and self.leaving and not self.given_up:
                # It is the answer to what we asked for. What may come behind it was published after that.
                marked = self._done_with_old = True
                break
            due += self._merge.from_old(event, _Arrived(payload, received_at, route, name))
        self._deliver(due)
        if marked:
            self._end_old(proven=True)
        self._note_common()

    def take_new(self, payloads: Sequence[Payload], received_at: float, route: Hashable) -> None:
        """The new connection has brought events."""
        if self.given_up:
            return
        due: list[Merged[_Arrived]] = []
        for payload in payloads:
            event, name = _read(payload)
            due += self._merge.from_new(event, _Arrived(payload, received_at, route, name))
        self._deliver(due)
        self._note_common()
        if self._merge.caught_up:
            self.owner.look()

    def opened_new(self, route: Hashable, now: float) -> None:
        """The new connection has the topic."""
        if self._was_lost:
            self._end_old(proven=False)
        # It has missed some: should the old one bring these now, they would come after later ones.
        self._done_with_old = self._done_with_old or self._merge.ended
        self._route, self._open = route, True
        if self._committed:
            self._tell_opened(now)

    def closed(self, error: BinanceSocketError | None, *, by_new: bool) -> None:
        """The topic is closed. What is held is delivered; that is the end, if the connection that counts says so."""
        if not self.given_up and (self._committed or not by_new):
            self._deliver(self._merge.old_ended())
        if by_new is self._committed:
            for listener in self.listeners:
                listener.closed(self.topic, error)
        elif by_new and not self.given_up:
            self.owner.refused(self, error or ClientClosed("the connection that was to take over is closed"))
        self.owner.look()

    def _commit(self) -> None:
        self._committed = True
        if self._open:
            # No interval without events ends here, so that the user hears nothing of it.
            self._tell_opened(self.owner.now())
        elif self.old_open:
            self._tell_lost(_LACKING, self.owner.now(), self.owner.old_heard_at())
        self._deliver(self._merge.proceed())
        if isinstance(self._merge, Unmerged):
            self._interrupt("the new connection took over without the events that it had brought before")

    def _end_old(self, proven: bool, since: float = float("inf")) -> None:
        if self._merge.ended:
            return
        if self.open_there and not proven:
            now = self.owner.now()
            self._tell_lost(_UNPROVEN, now, min(self.owner.old_heard_at(), since), self._began_at)
            if self._open:
                self._tell_opened(now)
        held = self._merge.old_ended()
        # What the old one still brings would come after later events. Where it has not said its end, the gap covers it.
        self._done_with_old = self._done_with_old or self._open or (bool(held) and not proven)
        self._deliver(held)
        self.owner.look()

    def _note_common(self) -> None:
        if self._merge.size > MOST_REMEMBERED:
            logger.warning("too many events came while a topic was moved over to another connection")
            self._stop_merging("too many events came on two connections at a time")
        if self._merge.common and not self._told_common:
            self._told_common = True
            self.owner.common_seen()

    def _tell_lost(self, reason: str, now: float, heard_at: float, doubtful_from: float = float("inf")) -> None:
        for listener in self.listeners:
            listener.lost(self.topic, reason, now, heard_at, doubtful_from=doubtful_from)()

    def _tell_opened(self, now: float) -> None:
        for listener in self.listeners:
            listener.opened(self.topic, self._route, now)()

    def _deliver(self, due: Iterable[Merged[_Arrived]]) -> None:
        listeners = self.listeners
        for (received_at, route, doubtful, name), some in itertools.groupby(due, _manner):
            payloads = [one.item.payload for one in some]
            for listener in listeners:
                if doubtful:
                    listener.post(payloads, received_at, route, possible_duplicate=True)
                else:
                    listener.post(payloads, received_at, route)
            if name is not None:
                for listener in listeners:
                    listener.ended(self.topic, name, self.owner.now())


def _manner(one: Merged[_Arrived]) -> tuple[float, Hashable, bool, str | None]:
    """Return what those have in common that are posted together."""
    item = one.item
    name = item.name if isinstance(item.name, str) and item.name in _ENDING else None
    return item.received_at, item.route, one.possible_duplicate, name


def _read(payload: Payload) -> tuple[Mapping[str, Any], object]:
    """Return what identifies an event, and its name. What cannot be read is itself."""
    event: Any = payload
    if isinstance(payload, bytes):
        try:
            event = loads(payload)
        except DecodeError:
            return {"e": None, "text": payload.decode("latin-1")}, None
    return (event, event.get("e")) if is_object(event) else ({"e": None, "list": event}, None)


class _Side:
    """What both sides do alike."""

    def __init__(self, overlap: Overlap) -> None:
        self._overlap = overlap

    @property
    def full(self) -> bool:
        """Whether some subscriber has more to do than it should be given."""
        return any(listener.full for listener in self._overlap.listeners)

    @property
    def flooded(self) -> bool:
        """Whether some subscriber has so much more that nothing is a reason to give it more."""
        return any(listener.flooded for listener in self._overlap.listeners)

    def stand_for(self, subscribers: tuple[Subscriber, ...]) -> None:
        """Take note of the subscribers."""
        self._overlap.listeners = subscribers

    def ended(self, topic: Topic, name: str, sent_at: float) -> None:
        """Nothing: the subscribers are told when the event is delivered."""

    def finish(self, timeout: float) -> None:
        """Nothing waits here: the subscribers are waited for."""

    def leave(self, timeout: float) -> None:
        """The same."""


class _OldSide(_Side):
    """Stands for the subscribers on the old connection."""

    def post(
        self, payloads: Sequence[Payload], received_at: float, route: Hashable, *, possible_duplicate: bool = False
    ) -> None:
        """Take events."""
        self.put(payloads, received_at, route)()

    def put(self, payloads: Sequence[Payload], received_at: float, route: Hashable) -> After:
        """Take events."""
        overlap = self._overlap
        return overlap.put(lambda: overlap.take_old(payloads, received_at, route))

    def opened(self, topic: Topic, route: Hashable, now: float) -> After:
        """The old connection has the topic again."""
        return self._overlap.put(lambda: self._overlap.reopened_old(route, now))

    def lost(
        self, topic: Topic, reason: str, now: float, heard_at: float, *, doubtful_from: float = float("inf")
    ) -> After:
        """The old connection has lost the topic."""
        return self._overlap.put(lambda: self._overlap.lost_old(reason, now, min(heard_at, doubtful_from)))

    def closed(self, topic: Topic, error: BinanceSocketError | None) -> None:
        """The topic is closed."""
        self._overlap.do(lambda: self._overlap.closed(error, by_new=False))


class _NewSide(_Side):
    """Stands for the subscribers on the new connection: before it takes over, it is the only one there."""

    def post(
        self, payloads: Sequence[Payload], received_at: float, route: Hashable, *, possible_duplicate: bool = False
    ) -> None:
        """Take events."""
        self.put(payloads, received_at, route)()

    def put(self, payloads: Sequence[Payload], received_at: float, route: Hashable) -> After:
        """Take events."""
        overlap = self._overlap
        return overlap.put(lambda: overlap.take_new(payloads, received_at, route))

    def opened(self, topic: Topic, route: Hashable, now: float) -> After:
        """The new connection has the topic."""
        return self._overlap.put(lambda: self._overlap.opened_new(route, now))

    def lost(
        self, topic: Topic, reason: str, now: float, heard_at: float, *, doubtful_from: float = float("inf")
    ) -> After:
        """The new connection has lost the topic."""
        overlap = self._overlap
        return overlap.put(lambda: overlap.owner.new_lost(overlap, reason, now, min(heard_at, doubtful_from)))

    def closed(self, topic: Topic, error: BinanceSocketError | None) -> None:
        """The topic is closed; or it was refused, which whoever waits for it to open hears as well."""
        self._overlap.do(lambda: self._overlap.closed(error, by_new=True))
