"""What a subscription tells besides its events, and whom."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

import attrs

from ._engine.hooks import Hooks
from ._engine.threads import check_process, process_token
from .errors import BinanceSocketError, HandlerError, InvalidRequest
from .gaps import Gap, GapStatus
from .health import SubscriptionState
from .masking import beyond_us, hand_over

__all__ = ["Callbacks", "Lag"]

# Under the name of the module whose subscription it is.
logger = logging.getLogger("binance_socket.events")

T = TypeVar("T")

# That events have stopped is logged by itself.
_LEVELS: Final = {GapStatus.OPEN: logging.DEBUG, GapStatus.RECOVERED_STATE: logging.INFO}


@attrs.frozen
class Lag:
    """A handler is too slow for its events. Told once, until it has caught up."""

    dropped: int
    """How many events were dropped because of that, since the last time this was told: none where nothing is."""
    pending: int
    """How many wait for the handler."""
    subscription: int
    """The ``id`` of the subscription whose handler it is."""


class Callbacks:
    """
    The callbacks of one subscription, apart from its handlers. They may be added by any thread.

    They are called in the subscription's turn. What they raise is told as a HandlerError; without anybody to tell, it
    is logged.
    """

    def __init__(self, subscription_id: int, hooks: Hooks) -> None:
        self._id = subscription_id
        self._process = process_token()
        # The client's, which hear of some of it as well.
        self._hooks = hooks
        # Guards everything below against being changed.
        self._lock = threading.Lock()
        self._told_end = False
        self.lost: list[Callable[[], object]] = []
        self.restored: list[Callable[[timedelta], object]] = []
        self.closed: list[Callable[[], object]] = []
        self.exception: list[Callable[[BinanceSocketError], object]] = []
        self.lag: list[Callable[[Lag], object]] = []
        self.gap: list[Callable[[Gap], object]] = []

    def add(self, callbacks: list[Any], callback: T) -> T:
        """Add *callback* to one of the lists, and return it. Raises InvalidRequest."""
        _check(callback)
        check_process(self._process)
        with self._lock:
            callbacks.append(callback)
        return callback

    def add_closed(self, callback: Callable[[], object]) -> Callable[[], object]:
        """Add what is called at the end; call it, here, if that has been told. Raises InvalidRequest."""
        _check(callback)
        check_process(self._process)
        with self._lock:
            told = self._told_end
            if not told:
                self.closed.append(callback)
        if told:
            self._guarded(callback)
        return callback

    def log(self, state: SubscriptionState, reason: object = None) -> None:
        """Tell the log of another state of the subscription: as a warning where something went wrong. Any thread."""
        level = logging.INFO if reason is None else logging.WARNING
        logger.log(level, "subscription %d: %s%s", self._id, state.value, "" if reason is None else f" ({reason})")

    def tell_lost(self) -> None:
        """Tell that events have stopped."""
        self._call(self.lost)

    def tell_restored(self, downtime: timedelta) -> None:
        """Tell that events come again."""
        self._call(self.restored, downtime)

    def tell_gap(self, gap: Gap) -> None:
        """Tell of a gap; log it if nobody listens."""
        self._hooks.gap(gap)
        if not self.gap:
            logger.log(_LEVELS.get(gap.status, logging.WARNING), "subscription %d: %s", self._id, gap)
        self._call(self.gap, gap)

    def tell_lag(self, lag: Lag) -> None:
        """Tell of a slow handler; log it if nobody listens."""
        self._hooks.lag(lag)
        if not self.lag:
            what = f"{lag.dropped} events were dropped so far" if lag.dropped else f"{lag.pending} events wait for it"
            logger.warning("subscription %d: a slow handler, %s", self._id, what)
        self._call(self.lag, lag)

    def tell(self, error: BinanceSocketError) -> None:
        """Tell what has gone wrong; log it if nobody listens."""
        hand_over(error)
        if isinstance(error, HandlerError):
            self._hooks.handler_error(error)
        callbacks = tuple(self.exception)
        if not callbacks:
            logger.error("%s", error, exc_info=error.__cause__ or error)
        for callback in callbacks:
            try:
                callback(error)
            except BaseException:  # SystemExit, too: there is more to do in the same turn
                logger.exception("subscription %d: an on_exception callback raised", self._id)

    def tell_raised(self, exc: BaseException) -> None:
        """Tell that a callback of the user's has raised."""
        error = HandlerError(f"subscription {self._id}: a callback raised {exc!r}")
        error.__cause__ = exc.with_traceback(beyond_us(exc.__traceback__))
        self.tell(error)

    def tell_closed(self) -> None:
        """Tell that the subscription has ended, those who have not been told."""
        with self._lock:
            self._told_end = True
            callbacks, self.closed = tuple(self.closed), []
        self._call(callbacks)

    def over(self) -> None:
        """Nothing is told any more: who comes now is told at once."""
        with self._lock:
            self._told_end = True

    def _call(self, callbacks: Sequence[Callable[..., object]], *args: object) -> None:
        for callback in tuple(callbacks):
            self._guarded(functools.partial(callback, *args))

    def _guarded(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except BaseException as exc:  # noqa: BLE001  # the user's callback; there is more to do in the same turn
            self.tell_raised(exc)


def _check(callback: object) -> None:
    if not callable(callback):
        raise InvalidRequest(f"{callback!r} cannot be called")
