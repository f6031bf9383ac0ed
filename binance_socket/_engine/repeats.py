"""Reads that are asked again."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import attrs

from .._session.backoff import Backoff
from .._session.effects import Complete, Outcome
from .._session.repetition import MOST_REPEATED, MOST_REPEATS, is_passing, last_word
from .._wire.messages import Reply, Request
from ..errors import BinanceSocketError, CallCancelled, Certainty, ClientClosed
from .clock import Clock
from .futures import CallFuture, complete_with
from .timer import Alarm, Timer

__all__ = ["Repeats"]


@attrs.define(eq=False)
class _Repeat:
    """What is known of a call that is being asked again."""

    effect: Complete
    """How it ended last."""
    backoff: Backoff
    count: int = 0
    alarm: Alarm | None = None
    """When it will be asked, if it is not being asked."""


class Repeats:
    """
    Has reads asked again, in time and not too often, that the exchange failed to answer or that were lost.

    Implements :class:`.futures.Repeating`. *ask* asks on whichever connection requests are sent at the time: it takes
    a future, its request, and the seconds that are left. *withdraw* has it not asked any more. Any thread.
    """

    def __init__(
        self,
        ask: Callable[[CallFuture[Any], Request[Any], float], object],
        withdraw: Callable[[Future[Any]], object],
        backoff: Callable[[], Backoff],
        clock: Clock,
        timer: Timer,
    ) -> None:
        self._ask = ask
        self._withdraw = withdraw
        self._backoff = backoff
        self._clock = clock
        self._timer = timer
        # Guards everything below, and who was given up. Nothing else is locked while it is held, but the timer.
        self._lock = threading.Lock()
        self._closed = False
        self._repeats: dict[Future[Any], _Repeat] = {}

    def __len__(self) -> int:
        """Return how many calls are being asked again."""
        return len(self._repeats)

    def ended(self, effect: Complete) -> Outcome | None:
        """Return what the call ends with; None if it is asked again."""
        pending, outcome = effect.pending, effect.outcome
        future: CallFuture[Any] = pending.handle
        if isinstance(outcome, Reply) and outcome.status < 400 and future not in self._repeats:
            return outcome
        now = self._clock.monotonic()
        with self._lock:
            repeat = self._repeats.pop(future, None)
            before = None if repeat is None else repeat.effect.outcome
            enough = self._closed or future.given_up or (repeat is not None and repeat.count >= MOST_REPEATS)
            if enough or not is_passing(outcome):
                return outcome if before is None else last_word(before, outcome)
            repeat = repeat or _Repeat(effect, self._backoff())
            # What is lost waits for the next link anyway.
            delay = repeat.backoff.next() if isinstance(outcome, Reply) else 0.0
            if now + delay >= pending.deadline or len(self._repeats) >= MOST_REPEATED:
                return outcome
            repeat.effect, repeat.count = effect, repeat.count + 1
            self._repeats[future] = repeat
            if delay:
                repeat.alarm = self._timer.call_at(now + delay, functools.partial(self._again, future, repeat))
        if not delay:
            self._again(future, repeat)
        return None

    def cancel(self, future: CallFuture[Any]) -> None:
        """
        Give up waiting for a call that is about to be asked again. One that is being asked is its connection's.

        One that is on its way between the two, where nobody finds it, ends when it arrives.
        """
        with self._lock:
            future.given_up = True
            repeat = self._repeats.get(future)
            if repeat is None or repeat.alarm is None:
                return
            del self._repeats[future]
        repeat.alarm.cancel()
        pending = repeat.effect.pending
        error = CallCancelled(f"{pending.request.method}: the call was cancelled")
        error.certainty = Certainty.MAYBE_SENT
        complete_with(pending, error)

    def close(self) -> None:
        """Ask nothing more; what is about to be asked ends. Idempotent."""
        with self._lock:
            self._closed = True
            waiting = {future: repeat for future, repeat in self._repeats.items() if repeat.alarm is not None}
            for future in waiting:
                del self._repeats[future]
        for repeat in waiting.values():
            complete_with(repeat.effect.pending, ClientClosed("the client is closed"))

    def _again(self, future: CallFuture[Any], repeat: _Repeat) -> None:
        with self._lock:
            if self._repeats.get(future) is not repeat:
                return
            repeat.alarm = None
            effect = repeat.effect
        pending = effect.pending
        try:
            self._ask(future, pending.request, pending.deadline - self._clock.monotonic())
        except BinanceSocketError as error:
            # There is no thread to be had, for one.
            with self._lock:
                if self._repeats.pop(future, None) is None:
                    return
            complete_with(pending, last_word(effect.outcome, error))
            return
        if future.given_up:
            self._withdraw(future)
