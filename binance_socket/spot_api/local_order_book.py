"""A symbol's order book, kept here and always up to date."""

from __future__ import annotations

import functools
import inspect
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, TypeVar

from typing_extensions import Self, override

from .._engine.futures import CallFuture
from .._engine.strand import Strand
from .._engine.threads import Condition
from .._engine.timer import Alarm
from .._session.local_book import BookState, LocalBook, Verdict
from .._session.price_levels import PriceLevels
from .._session.refusals import seconds_refused
from .._session.subscriptions import may_pass
from .._wire.values import plain
from ..errors import (
    BinanceSocketError,
    DecodeError,
    HandlerError,
    InvalidRequest,
    OrderBookNotSynchronised,
    RateLimited,
)
from ..events import DataEvent, SubscriptionState, UpdateSubscription
from ..models.market_events import DepthUpdate
from ..models.order_book import OrderBookSnapshot, PriceLevel
from ..models.response import Response
from .book_views import BestPrices, BookDepth, BookLevels, BookView, Resync
from .caller import Surroundings

__all__ = ["BookState", "LocalOrderBook"]

logger = logging.getLogger(__name__)

T = TypeVar("T")
Callback = TypeVar("Callback", bound=Callable[..., object])
Subscribe = Callable[[Callable[[DataEvent[DepthUpdate]], object]], UpdateSubscription]
Ask = Callable[[], Future[Response[OrderBookSnapshot]]]

_ZERO = Decimal(0)


class LocalOrderBook:
    """
    A symbol's order book, kept here as the exchange describes it. ``local_order_book()`` makes one.

    It gets a snapshot, applies every change to it, notices by the update ids when something was missed, and then, as
    after a lost connection, gets another snapshot by itself: one at a time over all books of a client, and ever more
    slowly while that does not help. Prices are in units of the quote asset, quantities in units of the base asset.

    It may be read from any thread. While it is not the exchange's book (``is_synchronised``), reading it raises
    OrderBookNotSynchronised; :meth:`view` returns what it was before, marked as such. It is a context manager that
    closes itself, and keeps its client alive while it is open.

    Source: "How to manage a local order book correctly".
    """

    def __init__(
        self,
        symbol: str,
        book: LocalBook,
        surroundings: Surroundings,
        subscribe: Subscribe,
        ask: Ask,
        on_change: Callable[[LocalOrderBook], object] | None,
    ) -> None:
        surroundings.check_process()
        self.symbol = symbol
        self.bids = BookLevels(functools.partial(self._read_side, book.bids))
        """What is bid, the highest price first."""
        self.asks = BookLevels(functools.partial(self._read_side, book.asks))
        """What is asked, the lowest price first."""
        self._surroundings = surroundings
        self._ask = ask
        # A slow callback holds up no event: it has a mailbox of its own, with one note of a change at most.
        self._notes: Strand[Callable[[], object]] = Strand(
            surroundings.executor,
            lambda note: note(),
            size=1,
            on_room=lambda: None,
            on_error=self._callback_failed,
            progress=surroundings.watchdog.watch(f"the local order book of {symbol}"),
        )
        # Guards everything below, and the book. Changed in the subscription's turn only, but by close(). A leaf: the
        # timer's may be taken under it, and nothing else.
        self._lock = threading.Lock()
        self._changed = Condition(self._lock)
        self._book = book
        self._subscription: UpdateSubscription | None = None
        self._alarm: Alarm | None = None
        self._error: BinanceSocketError | None = None
        self._was_synchronised = False
        # Since when, and why, a book that was synchronised is not.
        self._stale: tuple[float, str] | None = None
        self._change_noted = False
        self._on_change: list[Callable[[LocalOrderBook], object]] = []
        self._on_resync: list[Callable[[Resync], object]] = []
        if on_change is not None:
            self.on_change(on_change)
        self._subscription = subscription = subscribe(self._updated)
        subscription.on_connection_lost(self._lost)
        subscription.on_connection_restored(lambda _: self._opened())
        subscription.on_connection_closed(self._ended)
        subscription.run_in_turn(self._opened)

    # What it is doing.

    @property
    def state(self) -> BookState:
        """What the book is doing. Any thread."""
        return self._book.state

    @property
    def is_synchronised(self) -> bool:
        """Whether this is the exchange's book, as far as its events have come. Any thread."""
        with self._here():
            return self._is_fresh()

    @property
    def error(self) -> BinanceSocketError | None:
        """Why the book has ended, if the exchange refused it; None otherwise."""
        return self._error

    @property
    def last_update_id(self) -> int | None:
        """The exchange's number of the last update that went into the book; None before the first snapshot."""
        return self._book.last_update_id

    @property
    def subscription(self) -> UpdateSubscription:
        """The subscription that the book hears the changes by: its ``on_exception``, ``pending`` and the like."""
        assert self._subscription is not None
        return self._subscription

    def wait_until_synchronised(self, timeout: float | None = None) -> bool:
        """
        Wait until this is the exchange's book. Return whether it is by *timeout* (seconds; None: for ever).

        Raises OrderBookNotSynchronised, with the reason as its cause, when the book has ended. To be called by the
        application's threads: a callback would wait for what cannot happen before it returns, if there is one thread.
        """
        with self._here():
            self._changed.wait_for(lambda: self._is_fresh() or self.state is BookState.CLOSED, timeout)
            if self.state is BookState.CLOSED:
                raise self._not_synchronised()
            return self._is_fresh()

    # What stands in it.

    @property
    def best(self) -> BestPrices:
        """The best bid and the best ask, of one moment. Raises OrderBookNotSynchronised."""
        with self._here():
            self._check_fresh()
            return BestPrices(self._book.bids.best, self._book.asks.best)

    @property
    def spread(self) -> Decimal | None:
        """By how much the best ask is above the best bid; None if a side is empty. Raises OrderBookNotSynchronised."""
        return self.best.spread

    @property
    def mid_price(self) -> Decimal | None:
        """The price in the middle; None if a side is empty. Raises OrderBookNotSynchronised."""
        return self.best.mid_price

    def depth_at(self, price: Decimal | str | int) -> BookDepth:
        """
        Return what stands between the best price and *price*, that one included.

        Of the bids where *price* is at most the best bid, of the asks where it is at least the best ask, and nothing
        between the two. The exchange shows a limited number of levels: what lies beyond them is not counted.

        Raises InvalidRequest and TypeError for what is no price, OrderBookNotSynchronised.
        """
        limit = _amount("price", price)
        with self._here():
            self._check_fresh()
            levels = self._book.bids.up_to(limit) or self._book.asks.up_to(limit)
        return _sum(levels)

    def depth_for(self, side: str, quantity: Decimal | str | int) -> BookDepth:
        """
        Return what a market order on *side* (``BUY`` takes asks, ``SELL`` takes bids) for *quantity* would take now.

        The last level counts as far as it is needed. Where less stands in the book, its ``quantity`` is less than what
        was asked for. Raises InvalidRequest, TypeError, OrderBookNotSynchronised.
        """
        wanted = rest = _amount("quantity", quantity)
        if side not in ("BUY", "SELL"):
            raise InvalidRequest(f"side is BUY or SELL, not {side!r}")
        if wanted <= 0:
            raise InvalidRequest(f"quantity is above 0, not {wanted}")
        taken: list[PriceLevel] = []
        with self._here():
            self._check_fresh()
            for level in self._book.asks if side == "BUY" else self._book.bids:
                part = min(level.quantity, rest)
                taken.append(PriceLevel(level.price, part))
                rest -= part
                if not rest:
                    break
        return _sum(tuple(taken))

    def view(self, levels: int | None = None) -> BookView:
        """
        Return both sides as they are at this moment, or their best *levels*. Never raises OrderBookNotSynchronised.

        What it returns says whether it is the exchange's book, or stale. Raises InvalidRequest.
        """
        if levels is not None and (type(levels) is not int or levels < 1):
            raise InvalidRequest(f"levels is a whole number above 0, not {levels!r}")
        with self._here():
            book = self._book
            bids, asks = (tuple(side) if levels is None else side.first(levels) for side in (book.bids, book.asks))
            return BookView(self.symbol, self._is_fresh(), book.last_update_id, bids, asks)

    # What the user may want to hear of.

    def on_change(self, callback: Callable[[LocalOrderBook], object]) -> Callable[[LocalOrderBook], object]:
        """
        Have ``callback(book)`` called after the book has changed, synchronised. Usable as a decorator.

        On the client's executor, one at a time. While it runs, the book goes on; changes that come meanwhile bring one
        further call. What it raises goes to the subscription's ``on_exception``.
        """
        return self._add(self._on_change, callback)

    def on_resync(self, callback: Callable[[Resync], object]) -> Callable[[Resync], object]:
        """Have ``callback(resync)`` called whenever the book is synchronised again, as :meth:`on_change` does."""
        return self._add(self._on_resync, callback)

    # How it ends.

    def close(self) -> None:
        """End the book. Idempotent; any thread, callbacks included; does not wait. Does nothing after a fork."""
        if not self._surroundings.is_here:
            return
        self._over(None)
        if self._subscription is not None:
            self._subscription.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @override
    def __repr__(self) -> str:
        return f"<LocalOrderBook {self.symbol} {self.state.value} at {self.last_update_id}>"

    # What runs in the subscription's turn: one at a time, in order.

    def _opened(self) -> None:
        with self._changed:
            self._book.opened(self._now())
            self._schedule()

    def _lost(self) -> None:
        with self._changed:
            self._not_fresh("the connection was lost")
            self._book.lost()
            self._schedule()

    def _updated(self, event: DataEvent[DepthUpdate]) -> None:
        book = self._book
        with self._changed:
            verdict = book.updated(event.data, self._now())
            if verdict is Verdict.GAP:
                self._not_fresh("an update was missed")
            if book.next_at is not None or self._alarm is not None:
                self._schedule()
        if verdict is Verdict.APPLIED:
            self._note_change()
        elif verdict is Verdict.GAP:
            logger.warning("%s: an update was missed, the book gets another snapshot", self)

    def _due(self) -> None:
        with self._changed:
            number = self._book.due(self._now())
            self._schedule()
        if number is not None:
            self._surroundings.snapshots.take(functools.partial(self._ask_for, number))

    def _answered(self, number: int, future: Future[Response[OrderBookSnapshot]]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, BinanceSocketError) and not (may_pass(error) or isinstance(error, DecodeError)):
            self._refused(number, error)
            return
        resync, verdict = None, Verdict.OLD
        with self._changed:
            if future.cancelled() or error is not None:
                self._book.snapshot_failed(number, self._now(), self._to_wait(error))
            else:
                verdict = self._book.snapshot(number, future.result().result, self._now())
            if verdict is Verdict.APPLIED:
                resync = self._fresh()
                self._changed.notify_all()
            self._schedule()
        if error is not None:
            logger.warning("%s: no snapshot, to be tried again: %s", self, error)
        if verdict is Verdict.APPLIED:
            if resync is not None:
                self._note(self._on_resync, resync)
            self._note_change()

    def _refused(self, number: int, error: BinanceSocketError) -> None:
        with self._changed:
            if not self._book.is_asking(number):
                return
        subscription = self.subscription
        subscription.report(error)
        self._over(error)
        subscription.close()

    def _ended(self) -> None:
        self._over(None)

    # What runs on other threads.

    def _ring(self) -> None:
        """A snapshot is due. On the timer's thread."""
        self.subscription.run_in_turn(self._due)

    def _ask_for(self, number: int) -> CallFuture[Any] | None:
        """Ask for a snapshot, now that it is our turn; on any thread."""
        with self._changed:
            if not self._book.is_asking(number):
                return None
        future: Future[Response[OrderBookSnapshot]]
        try:
            future = self._ask()
        except BinanceSocketError as error:
            future = Future()
            future.set_exception(error)
        if isinstance(future, CallFuture):
            future.when_done(functools.partial(self._hand_on, number))
            return future
        self._hand_on(number, future)
        return None

    def _hand_on(self, number: int, future: Future[Response[OrderBookSnapshot]]) -> None:
        self.subscription.run_in_turn(functools.partial(self._answered, number, future))

    # Under the lock.

    def _schedule(self) -> None:
        """Have a snapshot asked for when one is due. Requires holding the lock."""
        assert self._lock.locked()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        when = self._book.next_at
        if when is not None and self._subscription is not None:
            self._alarm = self._surroundings.timer.call_at(when, self._ring)

    def _fresh(self) -> Resync | None:
        """The book is synchronised; say after what. Requires holding the lock."""
        self._was_synchronised = True
        stale, self._stale = self._stale, None
        update_id = self._book.last_update_id
        if stale is None or update_id is None:
            return None
        since, reason = stale
        return Resync(reason, timedelta(seconds=self._now() - since), update_id)

    def _not_fresh(self, reason: str) -> None:
        """The book is not synchronised any more. Requires holding the lock."""
        if self._was_synchronised and self._stale is None:
            self._stale = (self._now(), reason)

    def _is_fresh(self) -> bool:
        """Requires holding the lock."""
        # A loss is known to the subscription before its turn comes.
        return (
            self._book.state is BookState.SYNCHRONISED
            and self._subscription is not None
            and self._subscription.state is SubscriptionState.ACTIVE
        )

    def _check_fresh(self) -> None:
        """Requires holding the lock."""
        if not self._is_fresh():
            raise self._not_synchronised()

    def _not_synchronised(self) -> OrderBookNotSynchronised:
        error = OrderBookNotSynchronised(f"the local order book of {self.symbol} is {self._book.state.value}")
        error.__cause__ = self._error
        return error

    # The rest.

    def _here(self) -> Condition:
        """Return what to hold while reading. Raises ForkedClientError where somebody may hold it for ever."""
        self._surroundings.check_process()
        return self._changed

    def _read_side(self, side: PriceLevels, read: Callable[[PriceLevels], T]) -> T:
        with self._here():
            self._check_fresh()
            return read(side)

    def _over(self, error: BinanceSocketError | None) -> None:
        with self._changed:
            if self._book.state is not BookState.CLOSED:
                self._error = error
            self._book.close()
            self._schedule()
            self._changed.notify_all()
        self._notes.close()

    def _to_wait(self, error: BaseException | None) -> float:
        """Return for how many seconds the exchange wants to be left alone."""
        if not isinstance(error, RateLimited):
            return 0.0
        return seconds_refused(error.data, self._surroundings.clock.time()) or 0.0

    def _now(self) -> float:
        return self._surroundings.clock.monotonic()

    def _note_change(self) -> None:
        if self._on_change and not self._change_noted:
            self._change_noted = True
            self._notes.post(self._tell_change)

    def _tell_change(self) -> None:
        # Before the callbacks look, so that what comes meanwhile is told of next time.
        self._change_noted = False
        for callback in tuple(self._on_change):
            self._guarded(functools.partial(callback, self))

    def _note(self, callbacks: Sequence[Callable[[Resync], object]], resync: Resync) -> None:
        for callback in tuple(callbacks):
            self._notes.post(functools.partial(self._guarded, functools.partial(callback, resync)))

    def _guarded(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception as exc:  # noqa: BLE001  # the user's callback; reported to the user
            self._callback_failed(exc, callback)

    def _callback_failed(self, exc: BaseException, note: Callable[[], object]) -> None:
        error = HandlerError(f"the local order book of {self.symbol}: a callback raised {exc!r}")
        error.__cause__ = exc
        self.subscription.report(error)

    def _add(self, callbacks: list[Any], callback: Callback) -> Callback:
        if not callable(callback) or inspect.iscoroutinefunction(callback):
            raise InvalidRequest(f"a callback is an ordinary function, {callback!r} is not")
        with self._here():
            callbacks.append(callback)
        return callback


def _amount(name: str, value: Decimal | str | int) -> Decimal:
    """Return *value* as a Decimal. Raises TypeError for a float, InvalidRequest for what is no number."""
    try:
        amount = Decimal(plain(value))
    except ArithmeticError:
        raise InvalidRequest(f"{name} is a number, not {value!r}") from None
    if not amount.is_finite():
        raise InvalidRequest(f"{name} is a number, not {value!r}")
    return amount


def _sum(levels: tuple[PriceLevel, ...]) -> BookDepth:
    quantity = sum((level.quantity for level in levels), _ZERO)
    return BookDepth(levels, quantity, sum((level.price * level.quantity for level in levels), _ZERO))
