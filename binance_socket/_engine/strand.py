"""Order within a subscription, parallelism between subscriptions."""

from __future__ import annotations

import functools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

from .mailbox import Mailbox
from .watchdog import Progress

__all__ = ["Strand"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_Turn = list[None]
"""Empty once somebody drains the mailbox in it."""

_FAIR_SHARE = 256
"""How many items one strand may handle before it lets the others have the worker."""


_FLOOD = 8
"""How many times its size a mailbox may hold: beyond that, not even answers are a reason to read on."""


class Strand(Generic[T]):
    """
    An ordered mailbox: hand items to *sink*, one at a time and in order, on an executor's threads.

    A strand occupies a worker only while it has something to do, and one at most. ``post()`` never blocks: whoever
    posts looks at ``full`` and stops, and goes on after ``on_room``. What the sink raises goes to
    ``on_error(exception, item)``, and the strand goes on. A *mailbox* that keeps itself small is never full: give it
    a *size* beyond its own. *progress* is kept up to date, for a watchdog.

    Why no item is left behind: there is a turn exactly while a drain is scheduled or running. A poster first appends,
    and then tries to begin one. Either it does, and schedules a drain; or there is one already, and its drain looks at
    the mailbox once more after ending it, so it sees the item unless somebody else has begun one since — who then looks
    in turn. The order "append, then try" here, "end, then look" there leaves no gap. Whoever may not call an executor,
    because of a lock that is held, does the first half with ``put()``, and tries afterwards with ``deliver()``.

    The turn is no lock, because it is handed from the poster to the drain, and a signal handler may raise something
    between any two steps of the poster: so it can tell whether it is the one that has to schedule a drain. Should two
    be scheduled then, only one of them has the turn.
    """

    __slots__ = (
        "_abandoned",
        "_closed",
        "_counting",
        "_executor",
        "_farewell",
        "_half",
        "_high_water",
        "_mailbox",
        "_on_error",
        "_on_room",
        "_progress",
        "_sink",
        "_size",
        "_turn",
        "_undelivered",
        "_was_full",
        "refused",
    )

    def __init__(
        self,
        executor: Executor,
        sink: Callable[[T], object],
        *,
        size: int,
        on_room: Callable[[], object],
        on_error: Callable[[BaseException, T], object],
        mailbox: Mailbox[T] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._executor = executor
        self._sink = sink
        self._size = size
        self._half = size // 2
        self._on_room = on_room
        self._on_error = on_error
        # Written by whoever has the turn.
        self._progress = progress or Progress()
        # Appended to by posters, popped by whoever has the turn; both ends are atomic.
        self._mailbox: Mailbox[T] = deque() if mailbox is None else mailbox
        # Whose turn it is: nobody's while it is empty. Each operation is atomic.
        self._turn: dict[None, _Turn] = {}
        # Set by posters before they can see the mailbox full, cleared by the drain.
        self._was_full = False
        self._high_water = 0
        self._closed = False
        self._abandoned = False
        # What runs last once the strand is abandoned. Taken out by the drain that runs it.
        self._farewell: Callable[[], object] | None = None
        self.refused = False
        """Whether the executor takes nothing more. Then ``on_error`` is told of that, and of no item's exception."""
        # Guards _undelivered.
        self._counting = threading.Lock()
        self._undelivered = 0

    @property
    def full(self) -> bool:
        """Whether whoever posts should stop until ``on_room`` is called. More is taken all the same."""
        return len(self._mailbox) >= self._size

    @property
    def flooded(self) -> bool:
        """Whether so many items wait that nothing more must be given, whatever else comes from the same source."""
        return len(self._mailbox) >= _FLOOD * self._size

    @property
    def depth(self) -> int:
        """How many items wait."""
        return len(self._mailbox)

    @property
    def high_water(self) -> int:
        """The most items that ever waited."""
        return self._high_water

    @property
    def undelivered(self) -> int:
        """How many items were posted and never handed to the sink: abandoned, or refused by the executor."""
        return self._undelivered

    @property
    def closed(self) -> bool:
        """Whether nothing is taken any more: closed, abandoned, or refused by the executor."""
        return self._closed

    def post(self, item: T) -> None:
        """Add an item. Never blocks; ignored once closed."""
        if not self._closed:
            self._mailbox.append(item)
            self._posted()

    def put(self, item: T) -> None:
        """Add an item as :meth:`post` does, but leave it to :meth:`deliver` to have it handled. Under any lock."""
        if not self._closed:
            self._mailbox.append(item)
            self._measure()

    def put_many(self, items: Iterable[T]) -> None:
        """The same of :meth:`post_many`."""
        if not self._closed:
            self._mailbox.extend(items)
            self._measure()

    def deliver(self) -> None:
        """Have handled what was put, unless it has been. Under no lock."""
        if self._mailbox:
            self._posted()
        elif self._was_full:
            # It was handled while it was being put.
            self._make_room()

    def post_many(self, items: Iterable[T]) -> None:
        """Add items in their order, with nothing in between. Never blocks; ignored once closed."""
        if not self._closed:
            self._mailbox.extend(items)
            self._posted()

    def goes_on(self) -> None:
        """The sink, which has been given one item, begins with another one. For a watchdog."""
        self._progress.number += 1

    def close(self) -> None:
        """Ignore what is posted from now on. What was posted is still delivered."""
        self._closed = True

    def abandon(self, farewell: Callable[[], object] | None = None) -> None:
        """
        Close, and drop what waits; it counts as undelivered. An item being handled is handled to its end.

        If anything was handled or waited, *farewell* is called once that has been, where the items are handled.
        """
        self._closed = True
        self._farewell = farewell
        self._abandoned = True
        self._drop()

    def _measure(self) -> None:
        depth = len(self._mailbox)
        if depth > self._high_water:
            self._high_water = depth
        if depth >= self._size:
            self._was_full = True

    def _posted(self) -> None:
        self._measure()
        if not self._turn and self._begin():
            return
        if self._abandoned:
            # Posted while the strand was being abandoned, and perhaps nobody will look any more.
            self._drop()

    def _begin(self) -> bool:
        """Have the mailbox drained, unless it is somebody's turn. Return False if it is."""
        turn: _Turn = [None]
        try:
            if self._turn.setdefault(None, turn) is not turn:
                return False
            self._schedule(turn)
        except BaseException:  # raised again; a signal handler may have raised it before anybody knew of this turn
            if turn and self._turn.get(None) is turn:
                self._schedule(turn)
            raise
        return True

    def _schedule(self, turn: _Turn) -> None:
        """Have the mailbox drained, in this turn."""
        try:
            future = self._executor.submit(functools.partial(self._drain, turn))
        except Exception as exc:  # noqa: BLE001  # executors are the user's; whatever it raises, it refused
            self._refused(exc)
        else:
            future.add_done_callback(self._check)

    def _check(self, future: Future[None]) -> None:
        if future.cancelled():
            self._refused(RuntimeError("the executor cancelled the delivery"))
        elif isinstance(exc := future.exception(), Exception):
            # A defect of ours: what the sink raises does not get here.
            self._refused(exc)

    def _refused(self, exc: BaseException) -> None:
        """
        End: the executor takes nothing more, or we have failed.

        Requires the turn, and keeps it, so that nobody tries again.
        """
        logger.warning("%d items could not be delivered: %r", len(self._mailbox), exc)
        try:
            first = self._mailbox[0]
        except IndexError:  # abandoned meanwhile
            self.abandon()
            return
        self.refused = True
        self.abandon()
        self._report(exc, first)
        self._make_room()

    def _drain(self, turn: _Turn) -> None:
        """Deliver until the mailbox is empty, or a fair share. Takes the turn, and hands it on or ends it."""
        try:
            turn.pop()
        except IndexError:
            # It was scheduled twice.
            return
        pop, sink, progress = self._mailbox.popleft, self._sink, self._progress
        progress.begin()
        while True:
            for _ in range(_FAIR_SHARE):
                try:
                    item = pop()
                except IndexError:
                    break
                if self._abandoned:
                    # Posted by somebody who had passed the test for _closed just before.
                    self._count(1)
                    continue
                progress.number += 1
                try:
                    sink(item)
                except Exception as exc:  # noqa: BLE001  # the user's callback; reported to the user
                    self._report(exc, item)
                except BaseException as exc:
                    # The thread is being ended (SystemExit, KeyboardInterrupt). Let it, but deliver the rest.
                    self._report(exc, item)
                    progress.end()
                    self._hand_on()
                    raise
                if progress.told is not None:
                    progress.returned()
                if self._was_full and len(self._mailbox) <= self._half:
                    self._make_room()
            else:
                # Leave the worker to others.
                progress.end()
                self._hand_on()
                return
            if self._was_full:
                self._make_room()
            if self._abandoned:
                self._say_farewell()
            progress.end()
            # Nothing of the last item stays alive with an idle strand's frame; the frame ends here in most cases.
            self._turn.clear()
            if not self._mailbox or self._turn.setdefault(None, turn) is not turn:
                return
            progress.begin()

    def _hand_on(self) -> None:
        """Have the rest drained by another drain. Requires the turn."""
        turn: _Turn = [None]
        self._turn[None] = turn
        self._schedule(turn)

    def _say_farewell(self) -> None:
        """Requires the turn."""
        farewell, self._farewell = self._farewell, None
        if farewell is not None:
            try:
                farewell()
            except Exception:  # it runs the user's callback
                logger.exception("a farewell failed")

    def _make_room(self) -> None:
        self._was_full = False
        self._on_room()

    def _report(self, exc: BaseException, item: T) -> None:
        try:
            self._on_error(exc, item)
        except Exception:  # it runs the user's callback
            logger.exception("an error hook failed")

    def _drop(self) -> None:
        count = 0
        while True:
            try:
                self._mailbox.popleft()
            except IndexError:
                self._count(count)
                return
            count += 1

    def _count(self, undelivered: int) -> None:
        with self._counting:
            self._undelivered += undelivered
