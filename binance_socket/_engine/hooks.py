"""What a client's user hears of all its connections and subscriptions."""

from __future__ import annotations

import enum
import functools
import logging
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

import attrs

from ..errors import HandlerError
from ..health import StateChange
from .mailbox import DropOldest
from .one_by_one import OneByOne
from .strand import Strand
from .threads import check_process, process_token
from .watchdog import Progress

__all__ = ["Hook", "Hooks", "Listeners"]

logger = logging.getLogger(__name__)

_MAILBOX_SIZE: Final = 1024


class Hook(enum.Enum):
    """What can be listened to."""

    STATE = "on_state"
    GAP = "on_gap"
    LAG = "on_lag"
    HANDLER_ERROR = "on_handler_error"


class Listeners:
    """
    Who is called, by hook.

    Held by whoever holds the client, and not by the engine: a hook that uses its client does not keep it alive.
    """

    __slots__ = ("__weakref__", "_callbacks", "_lock", "_process")

    def __init__(self) -> None:
        self._process = process_token()
        # Guards everything below. A leaf.
        self._lock = threading.Lock()
        self._callbacks: dict[Hook, tuple[Callable[[Any], object], ...]] = {}

    def add(self, hook: Hook, callback: Callable[[Any], object]) -> None:
        """Have *callback* called from now on. Any thread. Raises ForkedClientError after a fork."""
        check_process(self._process)
        with self._lock:
            self._callbacks[hook] = (*self._callbacks.get(hook, ()), callback)

    def of(self, hook: Hook) -> tuple[Callable[[Any], object], ...]:
        """Return those of one hook, in the order in which they were added."""
        return self._callbacks.get(hook, ())


@attrs.frozen
class _Call:
    """What listeners are to be called with; without a hook, the log is to be told that calls were dropped."""

    hook: Hook | None = None
    value: object = None


class Hooks:
    """
    Calls hooks on the client's executor, in a line of their own: one at a time, so that none delays an event.

    When too many calls wait, the oldest are dropped. What is told may be noted under a lock, where nothing may be
    called: it is in line from then on.
    """

    def __init__(self, executor: Executor, progress: Progress) -> None:
        self._listeners: Callable[[], Listeners | None] = lambda: None
        self._mailbox: DropOldest[_Call] = DropOldest(_MAILBOX_SIZE, must_stay=_is_notice, notice=_Call)
        self._strand: Strand[_Call] = Strand(
            executor,
            self._call,
            size=sys.maxsize,
            on_room=lambda: None,
            on_error=self._failed,
            mailbox=self._mailbox,
            progress=progress,
        )
        # What is noted, by whoever tells it.
        self._line = OneByOne(patient=False)

    @property
    def dropped(self) -> int:
        """How many calls were dropped."""
        return self._mailbox.dropped

    def serve(self, listeners: Listeners) -> None:
        """Call those, as long as somebody else holds them."""
        self._listeners = weakref.ref(listeners)

    def gap(self, gap: object) -> None:
        """Tell of something that is missing. Any thread, under no lock."""
        self._post(Hook.GAP, gap)

    def lag(self, lag: object) -> None:
        """Tell of a handler that is too slow. Any thread, under no lock."""
        self._post(Hook.LAG, lag)

    def handler_error(self, error: HandlerError) -> None:
        """Tell of a callback that has raised. Any thread, under no lock."""
        self._post(Hook.HANDLER_ERROR, error)

    def note(self, change: StateChange) -> None:
        """Put a change of state in line, to be told by :meth:`tell`. Any thread; locks may be held."""
        self._line.put(functools.partial(self._tell, change), _not_told)

    def tell(self) -> None:
        """Tell what is noted, to the log and to hooks. Any thread, under no lock."""
        self._line.work()

    def _tell(self, change: StateChange) -> None:
        logger.info("%s", change)
        self._post(Hook.STATE, change)

    def close(self) -> None:
        """Take nothing more; what was told already is still delivered."""
        self._strand.close()

    def _post(self, hook: Hook, value: object) -> None:
        listeners = self._listeners()
        if listeners is not None and listeners.of(hook):
            self._strand.post(_Call(hook, value))

    # What runs on the executor.

    def _call(self, call: _Call) -> None:
        if call.hook is None:
            logger.warning("hooks are too slow: %d calls were dropped so far", self.dropped)
            return
        listeners = self._listeners()
        for callback in () if listeners is None else listeners.of(call.hook):
            try:
                callback(call.value)
            except Exception:  # the user's callback; the others are told all the same
                logger.exception("an %s hook raised", call.hook.value)

    def _failed(self, exc: BaseException, call: _Call) -> None:
        if not self._strand.refused:  # the strand has told of that
            logger.error("a hook raised", exc_info=exc)


def _not_told(exc: Exception) -> None:
    logger.error("a change of state was not told", exc_info=exc)


def _is_notice(call: _Call) -> bool:
    return call.hook is None
