"""Notices callbacks that do not return."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import weakref
from types import FrameType

import attrs

from ..health import StuckHandler
from .clock import Clock
from .timer import Timer

__all__ = ["Progress", "Watchdog"]

logger = logging.getLogger(__name__)

_LOOKS = 4
"""How often the watchdog looks in the time after which a callback counts as stuck."""


class Progress:
    """
    How far a strand is.

    Written by the thread that hands out its items, for each of them without a lock or a look at the clock: that is
    what it costs to be watched. Read by the watchdog.
    """

    __slots__ = (
        "__weakref__",
        "_watchdog",
        "began_at",
        "first",
        "name",
        "number",
        "seen",
        "seen_at",
        "thread",
        "told",
    )

    def __init__(self, name: str = "", watchdog: Watchdog | None = None) -> None:
        self.name = name
        """What the strand is for, for people."""
        self._watchdog = watchdog
        self.thread: int | None = None
        """The thread that hands out items; None while none does."""
        self.began_at = 0.0
        """When that thread began."""
        self.first = 1
        """The number of the first item that it handed out."""
        self.number = 0
        """The number of the item that was handed out last. To be increased right before each."""
        self.told: _Told | None = None
        """What the watchdog has told of, if nobody has told yet that it has returned."""
        # Under the watchdog's lock: the last number that it has seen, and since when.
        self.seen = 0
        self.seen_at = 0.0

    def begin(self) -> None:
        """The calling thread begins to hand out items."""
        watchdog = self._watchdog
        if watchdog is None:
            return
        self.began_at = watchdog.now()
        self.first = self.number + 1
        # After that, so that whoever finds a thread finds the rest; and before the look at whether anybody looks.
        self.thread = threading.get_ident()
        if not watchdog.looking:
            watchdog.look_later()

    def end(self) -> None:
        """It hands out no more. Called by that thread while it is still the only one that may."""
        self.thread = None

    def returned(self) -> None:
        """An item that was told of is done with."""
        if self._watchdog is not None:
            self._watchdog.returned(self)


@attrs.frozen
class _Told:
    """An item that is stuck, and since when it runs."""

    number: int
    since: float


@attrs.frozen
class _Running:
    """An item that is being handled, by which thread, and since when at the latest."""

    progress: Progress
    number: int
    thread: int
    since: float


class Watchdog:
    """
    Tells of callbacks that run for *after* seconds or longer: one line in the log, with the stack. Never interrupts.

    It looks on the timer's thread, at least four times in that time, and only while something runs. Since when the
    first item that a thread hands out is running is known to the moment; later ones may be told of a quarter late.

    Why nothing runs unseen: a strand first says that it runs, and then sees to it that somebody will look. Whoever
    looks first says that nobody does any more, and then sees whether anything runs.
    """

    def __init__(self, clock: Clock, timer: Timer, after: float | None) -> None:
        self.now = clock.monotonic
        """Tells the time."""
        self._timer = timer
        self._is_on = after is not None
        self._after = after or 0.0
        self.looking = False
        """Whether somebody will look. Set by whoever holds the lock."""
        # Guards everything below, and what is told and was seen of the strands. A leaf.
        self._lock = threading.Lock()
        # They live as long as their strands, which live at least as long as something runs in them. Not a WeakSet:
        # before Python 3.13, going through one fails if another thread lets go of one of them at that moment.
        self._strands: weakref.WeakKeyDictionary[Progress, None] = weakref.WeakKeyDictionary()

    def watch(self, name: str) -> Progress:
        """Return what the strand called *name* shall keep up to date. Any thread."""
        if not self._is_on:
            return Progress(name)
        progress = Progress(name, self)
        with self._lock:
            self._strands[progress] = None
        return progress

    def stuck(self) -> tuple[StuckHandler, ...]:
        """Return what is stuck at the moment. Any thread."""
        now = self.now()
        return tuple(
            StuckHandler(one.progress.name, _name_of(one.thread), now - one.since)
            for one in self._running(now)
            if now - one.since >= self._after
        )

    def look_later(self) -> None:
        """Make sure that somebody looks before long. Any thread."""
        self._look_at(self.now() + self._after / _LOOKS)

    def returned(self, progress: Progress) -> None:
        """What was told of has returned. Any thread."""
        with self._lock:
            told, progress.told = progress.told, None
        if told is not None:
            seconds = self.now() - told.since
            logger.warning("the callback of %s that was stuck has returned, after %.0f s", progress.name, seconds)

    def _look_at(self, when: float) -> None:
        with self._lock:
            looking, self.looking = self.looking, True
        if looking:
            return
        try:
            self._timer.call_at(when, self._look)
        except RuntimeError:
            # There is no thread to be had: whoever runs next tries again.
            self.looking = False

    def _look(self) -> None:
        """On the timer's thread."""
        with self._lock:
            self.looking = False
            strands = self._alive()
        now = self.now()
        running = self._running(now)
        for one in running:
            told = one.progress.told
            if now - one.since >= self._after and (told is None or told.number != one.number):
                self._tell(one)
        for progress in strands:
            # The strand itself may have looked right before it was told of.
            told = progress.told
            if told is not None and (progress.thread is None or progress.number != told.number):
                self.returned(progress)
        if any(progress.thread is not None for progress in strands):
            due = (when for one in running if (when := one.since + self._after) > now)
            self._look_at(min((now + self._after / _LOOKS, *due)))

    def _alive(self) -> list[Progress]:
        """Requires the lock."""
        assert self._lock.locked()
        return [progress for reference in self._strands.keyrefs() if (progress := reference()) is not None]

    def _running(self, now: float) -> list[_Running]:
        found: list[_Running] = []
        with self._lock:
            for progress in self._alive():
                thread, number = progress.thread, progress.number
                began_at, first = progress.began_at, progress.first
                if thread is None or number < first or progress.number != number:
                    continue
                if progress.seen != number:
                    progress.seen = number
                    progress.seen_at = began_at if number == first else now
                found.append(_Running(progress, number, thread, progress.seen_at))
        return found

    def _tell(self, one: _Running) -> None:
        progress = one.progress
        frame = _frame_of(one.thread)
        if progress.number != one.number or progress.thread != one.thread:
            return  # what the frame shows is something else by now
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "(its stack cannot be seen here)\n"
        del frame  # it keeps everything alive that is in it
        told = _Told(one.number, one.since)
        stuck = StuckHandler(progress.name, _name_of(one.thread), self.now() - told.since)
        logger.warning("%s:\n%s", stuck, stack.rstrip())
        with self._lock:
            progress.told = told


def _frame_of(thread: int) -> FrameType | None:
    # Not every implementation has it.
    if not hasattr(sys, "_current_frames"):
        return None
    return sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]


def _name_of(ident: int) -> str:
    names = (thread.name for thread in threading.enumerate() if thread.ident == ident)
    return next(names, str(ident))
