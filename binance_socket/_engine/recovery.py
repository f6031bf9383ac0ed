"""
What happens to a subscription between a loss and the time when everything is told that can be found out.

::

    WHOLE --lost--> SILENT --events come again--> ASKING --answered--> WAITING --asked again, twice--> WHOLE
              ^                                     |  (events wait)      |  (events go on)
              +-------------------------------------+---------------------+-- lost: the gap ends, another begins

Everything here happens in the subscription's turn, among its events: there is one order of things, and nothing to lock.
"""

from __future__ import annotations

import functools
import itertools
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta, timezone
from typing import Any, Final, Generic, TypeVar

import attrs

from .._session.backfill import Backfill, Question
from .._session.gap_times import GapTimes
from .._session.restoration import Restored, restore
from .._session.server_clock import ServerClock
from .._session.told import Told
from .._session.told_orders import OrderKey
from .._wire.messages import Request
from .._wire.values import MICROSECONDS_FROM, milliseconds_of
from ..errors import BinanceSocketError, ClientClosed
from ..gaps import Gap, GapStatus, Unrecoverable
from ..models.response import Response
from .clock import Clock
from .recoverable import Recoverable, Sources
from .timer import Alarm, Timer

__all__ = ["Recovery"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_LOOK_AHEAD: Final = 60_000
_LONGEST: Final = 24 * 3600 * 1000
"""The longest time that may be asked for at once, in milliseconds."""
_SETTLED_AFTER: Final = 120_000
"""When the exchange's database has everything in any case, in milliseconds."""
_SHARE: Final = 2
"""Half of the weight that is left is for the user's own requests."""
_IN_ANY_CASE: Final = (
    Unrecoverable.INTERMEDIATE_STATES,
    Unrecoverable.REJECTED_ORDERS,
    Unrecoverable.CAUSES_OF_BALANCES,
    Unrecoverable.OTHER_SYMBOLS,
)

# As long as there is any of these, the next gap looks for everything that this one has missed.
_TO_BE_ASKED_AGAIN: Final = frozenset({Unrecoverable.UNCHECKED_SYMBOLS, Unrecoverable.OPEN_ORDERS, Unrecoverable.TIME})

_MOST_CUT_SHORT: Final = 3
_LONGEST_PAUSE: Final = 300.0

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_ids = itertools.count(1)


class Recovery(Generic[T]):
    """
    One subscription's gaps. Every method is to be called in the subscription's turn, but for :attr:`gap`.

    Without *sources* nothing can be asked: then gaps are told of, and that is all.
    """

    def __init__(
        self,
        subscription: Recoverable[T],
        *,
        clock: Clock,
        timer: Timer,
        server_clock: ServerClock,
        most_held: int,
        sources: Sources | None,
    ) -> None:
        self._subscription = subscription
        self._clock = clock
        self._timer = timer
        self._server_clock = server_clock
        self._most_held = most_held
        self._sources = sources
        self.told: Told | None = None if sources is None else Told(self._latest)
        """What the subscriber knows of its account."""
        self.holding = False
        """Whether events have to wait: see :meth:`hold`. May be read by any thread."""
        self.gap: Gap | None = None
        """The gap that is open, as it was told last. Replaced as a whole; any thread."""
        self.count = 0
        """How many gaps there were so far."""
        self._held: deque[T] = deque()
        self._alarms: list[Alarm] = []
        # Answers and alarms of a gap that is over are told by it, and ignored.
        self._generation = 0
        self._asked_at = clock.monotonic()
        self._times = GapTimes(server_clock)
        # What happened by then is told after what came between this gap and the one before, in milliseconds.
        self._overtaken = 0
        # When the latest event happened that was told before the gap began.
        self._told_until = 0
        # Whether answers are waited for; and whether those to everything were about the right time.
        self._asking = self._dated = False
        self._rechecks: deque[float] = deque()
        # How often in a row a link was lost while it was asked.
        self._cut_short = 0
        # What the latest round has found out.
        self._found: Restored | None = None
        self._missing: set[Unrecoverable] = set()
        self._answered_anything = False
        # Since when balances have not been known, where the gap before has left them so, in milliseconds.
        self._balances_from: int | None = None
        # The symbols of which the latest round has found out everything, and those of which it has not.
        self._checked: dict[str, None] = {}
        self._unchecked: dict[str, None] = {}
        # The orders that it could not ask for, and whether there were such order lists.
        self._unknown_orders: tuple[OrderKey, ...] = ()
        self._lacks_lists = False

    @property
    def waiting(self) -> int:
        """How many events wait. Any thread."""
        return len(self._held)

    # What the subscription tells.

    def opened(self, now: float) -> None:
        """Events come (again), as of *now* (monotonic)."""
        self._guarded(lambda: self._opened(now))

    def _opened(self, now: float) -> None:
        gap = self.gap
        if gap is None:
            if self._sources is not None and self._times.began_at is None:
                # Not now: what has happened since it was asked for may be lost with the link, and the answer be here.
                self._times.began_at = self._asked_at
                # Whoever asks later what time it was then is told better.
                self._learn_time(lambda: None)
            return
        if gap.to is not None:
            # They have come all the time: another connection has taken over.
            return
        self._times.restored(now)
        self._reckon()
        if self._sources is None:
            self._finish(GapStatus.FAILED, (Unrecoverable.EVERYTHING,))
            return
        if self.told is not None and self.told.last_event > self._told_until:
            # What was held while another connection took over has come within the gap.
            self._overtaken = max(self._overtaken, self.told.last_event)
        self._rechecks = deque(self._sources.rechecks)
        if self._cut_short >= _MOST_CUT_SHORT:
            # Perhaps it is the answers that the link is given up for. Events must come all the same.
            self._alarm(now + min(2.0 ** min(self._cut_short, 16), _LONGEST_PAUSE), self._ask_everything)
            return
        self.holding = True
        self._alarm(now + self._sources.hold, self.release)
        self._ask_everything()

    def lost(
        self,
        reason: str,
        heard_at: float,
        received_at: float | None,
        now: float,
        doubtful_from: float = float("inf"),
    ) -> None:
        """
        Events have stopped.

        *heard_at* (monotonic) is when the last sign of life came, *received_at* when the latest event did. What
        happened from *doubtful_from* on may be missing although later events have come.
        """
        self._cut_short += self._asking
        # What waits came before this loss, and so is told before it.
        window = self._break_off()
        self._subscription.tell_lost()
        try:
            self._times.lost(
                heard_at=heard_at,
                received_at=received_at,
                now=now,
                told=self.told,
                since=window,
                doubtful_from=doubtful_from,
            )
        except Exception as exc:  # noqa: BLE001  # told; and so is that something is missing
            self._subscription.tell_defect(exc)
        self.count += 1
        account = None if self._sources is None else self._sources.account
        self.gap = Gap(id=next(_ids), account=account, cause=reason, from_=_moment(self._times.from_))
        if self.told is not None:
            self.told.gap_opened()
            self._told_until = self.told.last_event
        self._subscription.tell_gap(self.gap)

    def lost_earlier(
        self, heard_at: float, received_at: float | None, now: float, doubtful_from: float = float("inf")
    ) -> None:
        """Of the loss that was told last something turns out that makes its gap begin earlier: see :meth:`lost`."""
        gap = self.gap
        if gap is None or gap.to is not None:
            return
        try:
            self._times.lost_earlier(
                heard_at=heard_at, received_at=received_at, now=now, told=self.told, doubtful_from=doubtful_from
            )
        except Exception as exc:  # noqa: BLE001  # told; what is known by now is from when on events may be missing
            self._subscription.tell_defect(exc)
        self.gap = attrs.evolve(gap, from_=_moment(self._times.from_))

    def missed(self, received_at: float) -> None:
        """An event that came at *received_at* (monotonic) could not be read: the gap that follows begins with it."""
        self._times.missed(received_at, self.told)
        if self.told is not None:
            self.told.event_missed()

    def hold(self, item: T) -> None:
        """Keep an event until what comes before it is found out. Only while :attr:`holding`."""
        self._held.append(item)
        if len(self._held) >= self._most_held:
            logger.warning("too many events wait for what was missed before them, which will be late")
            self.release()

    def release(self) -> None:
        """Deliver the events that wait. Idempotent."""
        self.holding = False
        while self._held:
            self._subscription.deliver_held(self._held.popleft())

    def end(self) -> None:
        """The subscription has ended."""
        self._break_off()

    def abandon(self) -> None:
        """The same, and nothing more is delivered."""
        self._held.clear()
        self.end()

    def _reckon(self) -> Gap:
        """Say when the gap has been, by what is known of the exchange's clock by now."""
        gap, times = self.gap, self._times
        assert gap is not None
        times.reckon()
        if self.told is not None:
            times.correct(self.told, self._clock.monotonic())
        from_ = _moment(times.from_)
        self.gap = attrs.evolve(gap, from_=from_, to=max(_moment(times.to), from_))
        return self.gap

    # Questions and answers.

    def _ask_everything(self) -> None:
        self._asking = True
        self._learn_time(self._ask_round)

    def _ask_again(self) -> None:
        if self._dated:
            self._ask_round()
        else:
            self._ask_everything()

    def _learn_time(self, then: Callable[[], object]) -> None:
        """Do something once the exchange has told what time it is, or could not be asked."""
        if self._server_clock.is_fresh(self._clock.monotonic()):
            then()
        else:
            self._submit(Request[Any]("time"), lambda _: then())

    def _ask_round(self) -> None:
        sources, told, whole = self._sources, self.told, not self._dated
        assert sources is not None
        assert told is not None
        self._asking = True
        self._times.asked()
        self._reckon()
        end = self._server_time(self._clock.monotonic()) + _LOOK_AHEAD
        start = max(self._times.window, end - _LONGEST)
        backfill = Backfill(
            symbols=told.symbols((*self._unchecked, *self._checked)),
            open_orders=(*(told.open_orders if whole else ()), *self._unknown_orders),
            open_lists=(*told.open_lists, *(() if self._found is None else self._found.unknown_lists)),
            start=start,
            end=end,
            budget=sources.room() // _SHARE,
            whole=whole,
            account=self._found is None or not self._found.balances,
        )
        if start > self._times.window:
            self._missing.add(Unrecoverable.TOO_LONG_AGO)
        self._ask(backfill, backfill.begin())
        if backfill.done:
            self._conclude(backfill)

    def _ask(self, backfill: Backfill, questions: list[Question]) -> None:
        for question in questions:
            self._submit(question.request, functools.partial(self._answered, backfill, question))

    def _submit(self, request: Request[Any], then: Callable[[Any], object]) -> None:
        assert self._sources is not None
        generation = self._generation

        def forward(future: Future[Response[Any]]) -> None:
            self._subscription.run_in_turn(lambda: answered(_outcome(future)))

        def answered(outcome: Any) -> None:
            if generation == self._generation:
                self._guarded(lambda: then(outcome))

        try:
            future = self._sources.submit(request)
        except BinanceSocketError as error:
            outcome: Any = error
            self._subscription.run_in_turn(lambda: answered(outcome))
        else:
            future.when_done(forward)

    def _answered(self, backfill: Backfill, question: Question, outcome: Any) -> None:
        if isinstance(outcome, BaseException):
            logger.warning("a gap could not be looked into with %s: %s", question.request.method, outcome)
        self._ask(backfill, backfill.answered(question, outcome))
        if backfill.done:
            self._conclude(backfill)

    def _conclude(self, backfill: Backfill) -> None:
        """Tell what was found out, and what is next."""
        told, times = self.told, self._times
        assert told is not None
        self._asking = False
        self._cut_short = 0
        # Somebody may have told the time meanwhile.
        gap = self._reckon()
        self._dated = self._dated or times.were_known
        findings = backfill.findings
        last = not self._rechecks
        held = [self._subscription.payload_of(item) for item in self._held]
        restored = self._found = restore(
            told,
            findings,
            held,
            start=times.window,
            until=times.until,
            last=last,
            earlier=self._found,
            balances_from=self._balances_from,
        )
        self._note(backfill)
        self.gap = attrs.evolve(
            gap,
            recovered_orders=gap.recovered_orders + restored.orders,
            recovered_trades=gap.recovered_trades + restored.trades,
            balances_resynced=restored.balances,
            symbols_checked=tuple(self._checked),
        )
        # What a gap before this one had not found out is late as well.
        overtaken = max(self._overtaken, times.window - 1)
        late = not self.holding
        for event in restored.events:
            self._subscription.deliver_recovered(event, late=late or milliseconds_of(event["E"]) <= overtaken)
        self.release()
        if last:
            self._finish(*self._conclusion())
        else:
            self._alarm(times.restored_at + self._rechecks.popleft(), self._ask_again)

    def _note(self, backfill: Backfill) -> None:
        """Note what this round has answered, and what it has not."""
        findings = backfill.findings
        self._answered_anything = self._answered_anything or findings.anything
        for symbol in findings.checked:
            self._checked[symbol] = None
            self._unchecked.pop(symbol, None)
        told = self.told
        if told is not None and told.forgotten_at >= self._times.window:
            self._missing.add(Unrecoverable.FORGOTTEN_ORDERS)
        for symbol in findings.unchecked:
            self._unchecked[symbol] = None
            self._checked.pop(symbol, None)
        self._unknown_orders, self._lacks_lists = findings.unknown_orders, findings.lacks_lists
        if backfill.whole:
            self._missing.discard(Unrecoverable.OPEN_ORDERS)
            if not (findings.has_open_orders and findings.has_open_lists):
                self._missing.add(Unrecoverable.OPEN_ORDERS)

    def _conclusion(self) -> tuple[GapStatus, tuple[Unrecoverable, ...]]:
        if self._unchecked:
            self._missing.add(Unrecoverable.UNCHECKED_SYMBOLS)
        if self._found is None or not self._found.balances:
            self._missing.add(Unrecoverable.BALANCES)
        if self._lacks_lists or (self._found is not None and self._found.unknown_lists):
            self._missing.add(Unrecoverable.OPEN_ORDERS)
        if not self._dated:
            self._missing.add(Unrecoverable.TIME)
        return self._verdict(), self._unknown()

    def _verdict(self) -> GapStatus:
        if not self._answered_anything:
            return GapStatus.FAILED
        return GapStatus.PARTIAL if self._missing else GapStatus.RECOVERED_STATE

    def _unknown(self) -> tuple[Unrecoverable, ...]:
        if not self._answered_anything:
            return (Unrecoverable.EVERYTHING, *(self._missing & {Unrecoverable.INTERNAL_ERROR}))
        return (*_IN_ANY_CASE, *(kind for kind in Unrecoverable if kind in self._missing))

    # How a gap ends.

    def _break_off(self) -> int | None:
        """End a gap of which not everything is known. Return from when on events may be missing that were not told."""
        self.release()
        if self.gap is None:
            self._overtaken = 0
            return None
        if self.gap.to is not None:
            # The next one goes on by the clock as it is known by then.
            try:
                self._reckon()
            except Exception as exc:  # noqa: BLE001  # told; and so is the loss that comes next
                self._subscription.tell_defect(exc)
            self._overtaken = self._times.to
        if self.told is not None:
            self.told.gap_broken_off(self._server_time(self._clock.monotonic()))
        self._missing.add(Unrecoverable.LATE_ENTRIES)
        conclusion, window = self._conclusion(), self._times.window
        if self._found is not None and not self._found.put_off and not self._missing & _TO_BE_ASKED_AGAIN:
            # What has been looked for already may still turn up in the exchange's database, but not for ever.
            window = max(window, self._server_time(self._clock.monotonic()) - _SETTLED_AFTER)
        self._end_gap(*conclusion)
        return window

    def _finish(self, status: GapStatus, unrecoverable: tuple[Unrecoverable, ...]) -> None:
        """End the gap: nothing more will be found out."""
        if self.told is not None:
            self.told.gap_closed(self._server_time(self._clock.monotonic()))
        self._end_gap(status, unrecoverable)

    def _end_gap(self, status: GapStatus, unrecoverable: tuple[Unrecoverable, ...]) -> None:
        gap = self.gap
        assert gap is not None
        self._generation += 1
        for alarm in self._alarms:
            alarm.cancel()
        self._alarms.clear()
        if self._found is not None and self._found.balances:
            self._balances_from = None
        elif self._balances_from is None:
            self._balances_from = self._times.window
        self._asking = self._dated = False
        self._found = None
        self._rechecks.clear()
        self._missing.clear()
        self._checked.clear()
        self._unchecked.clear()
        self._unknown_orders, self._lacks_lists = (), False
        self._answered_anything = False
        self.gap = None
        self._subscription.tell_gap(attrs.evolve(gap, status=status, unrecoverable=unrecoverable))

    def _guarded(self, function: Callable[[], object]) -> None:
        """Do something that a gap's verdict depends on. Should it fail, the verdict is that."""
        try:
            function()
        except Exception as exc:  # noqa: BLE001  # told, and the gap ends
            self._subscription.tell_defect(exc)
            self.release()
            if self.gap is not None:
                self._missing.add(Unrecoverable.INTERNAL_ERROR)
                if self.told is not None:
                    self.told.gap_closed(self.told.last_event)
                self._end_gap(*self._conclusion())

    def _alarm(self, when: float, function: Callable[[], object]) -> None:
        generation = self._generation

        def ring() -> None:
            if generation == self._generation:
                self._guarded(function)

        self._alarms.append(self._timer.call_at(when, lambda: self._subscription.run_in_turn(ring)))

    def _latest(self) -> int:
        """Return what time it is at the exchange, in milliseconds, at most."""
        return self._server_clock.latest(self._clock.monotonic())

    def _server_time(self, now: float) -> int:
        """Return the exchange's time in milliseconds, as of *now* (monotonic)."""
        return self._server_clock.timestamp(now)


def _outcome(future: Future[Response[Any]]) -> Any:
    if future.cancelled():
        return ClientClosed("the question was withdrawn")
    return future.exception() or future.result().result


def _moment(milliseconds: int) -> datetime:
    """Return a moment, whatever the number: a gap is told of in any case."""
    return _EPOCH + timedelta(milliseconds=min(max(milliseconds, 0), MICROSECONDS_FROM))
