"""What a subscriber has been told of its account. Pure."""

from __future__ import annotations

import operator
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from .._wire.values import MICROSECONDS_FROM, amount_or_zero, as_array, as_object, limited, milliseconds_of
from .strays import SERVER_SHUTDOWN
from .told_orders import (
    FINAL,
    Mark,
    OrderKey,
    RawOrder,
    Sum,
    ToldOrder,
    TradeKey,
    goes_beyond,
    is_final,
    is_further,
    mark_of,
    trade_number,
)

__all__ = ["Told"]

MOST_CLOSED: Final = 1_000
"""As many closed orders are remembered in any case,"""
KEPT_FOR: Final = 30_000
"""those that were closed within as many milliseconds besides,"""
MOST_ORDERS: Final = 10_000
"""but no more than that."""
MOST_SYMBOLS: Final = 1_000
MOST_LISTS: Final = 10_000
MOST_TRADES: Final = 50_000
SETTLED_AFTER: Final = 10_000
"""How long after a gap events may come that tell what was found out before, in milliseconds."""

_FIELDS: Final = ("X", "z", "Z", "t", "q", "c", "C", "x", "T", "w")
_picked: Final = operator.itemgetter(*_FIELDS)


class Told:
    """
    What the events that were delivered have told of an account. For one thread at a time: the subscription's turn.

    :meth:`take` every event before it is delivered. While a gap is open, more is remembered: what orders were like
    when it began, and which trades have been told since, so that those can be found which have not.

    *latest* returns what time it is at the exchange, in milliseconds, at most: events that claim to be of later are
    mistaken.
    """

    def __init__(self, latest: Callable[[], int]) -> None:
        self._latest = latest
        # What ToldOrder is made of when somebody asks: this is done for every event. The latest last.
        self._open: OrderedDict[OrderKey, RawOrder] = OrderedDict()
        self._closed: OrderedDict[OrderKey, RawOrder] = OrderedDict()
        self._symbols: OrderedDict[str, None] = OrderedDict()
        # The orders of which no event has told, and an answer that they are open; and when they had changed last.
        self._resting: OrderedDict[OrderKey, int] = OrderedDict()
        self._lists: OrderedDict[int, dict[str, Any]] = OrderedDict()
        # Those that have ended: a list's end may come before the reports of its orders, and those be lost.
        self._ended_lists: OrderedDict[int, None] = OrderedDict()
        self._balances: dict[str, tuple[Any, Any]] = {}
        self.balances_at = 0
        """The latest ``u`` of a position event, as the exchange wrote it."""
        self.filled_at = 0
        """When the latest trade was that was found out, as the exchange wrote it: balances have changed with it."""
        self.last_sent = 0
        """When the latest event was sent, in milliseconds by the exchange's clock; 0 before the first. Never later."""
        self.last_event = 0
        """
        The same of the latest that is the account's: those from before it have come. That the connection is about to
        end says nothing of them: the exchange may have forgotten the subscription.
        """
        self.forgotten_at = 0
        """Orders that were closed by then, in milliseconds, may have been forgotten."""
        self.repeated = 0
        """Events that were not delivered because what they tell had been found out and told before."""
        # While a gap is open, and for a while after it.
        self._active = False
        # The number of the latest gap; and when what was found out up to which one need not be remembered any more, and
        # whether that goes for all that was told: where it was broken off, the next one looks for the same trades.
        self._gap = 0
        self._settling: deque[tuple[int, int, bool]] = deque()
        # Only while it is open.
        self._marking = False
        # Whether another one is bound to open: an event that belongs to it was missed.
        self._missed = False
        # None where nothing had been told of it.
        self._marks: dict[OrderKey, Mark | None] = {}
        # Each with the number of the latest gap; trades with how much of their order was filled, and for how much.
        self._trades: dict[TradeKey, tuple[int, Any, Any]] = {}
        self._restored: dict[OrderKey, tuple[int, int]] = {}
        self._summed: dict[OrderKey, int] = {}
        self._restored_lists: dict[int, tuple[Any, int, int]] = {}
        self._restored_balances: tuple[int, int] | None = None

    # Events.

    def take(self, event: Mapping[str, Any]) -> bool:
        """Note what *event* tells. Return False where that was found out, and told, before. Never raises."""
        name = event.get("e")
        if name == "executionReport":
            symbol, number = event.get("s"), event.get("i")
            if type(symbol) is str and type(number) is int:
                key = (symbol, number)
                if self._active and self._covers(key, event):
                    self.repeated += 1
                    return False
                self._note_order(key, event)
        elif name == "outboundAccountPosition":
            if self._active and self._covers_balances(event):
                self.repeated += 1
                return False
            self._note_balances(event)
        elif name == "listStatus":
            if self._active and self._covers_list(event):
                self.repeated += 1
                return False
            self._note_list(event)
        moment = event.get("E")
        if type(moment) is int:
            if moment >= MICROSECONDS_FROM:
                moment //= 1000
            if moment > self.last_event:
                # Never later than now: it is the latest for good, and the next gap begins with it.
                moment = min(moment, self._latest())
                self.last_sent = max(self.last_sent, moment)
                if name != SERVER_SHUTDOWN:
                    self.last_event = max(self.last_event, moment)
            if self._settling and self.last_event > self._settling[0][0]:
                self._forget_settled(self.last_event)
        return True

    def _note_order(self, key: OrderKey, event: Mapping[str, Any]) -> None:
        try:
            status, filled, quote, trade, quantity, name, original, execution, at, working = _picked(event)
        except KeyError:
            status, filled, quote, trade, quantity, name, original, execution, at, working = map(event.get, _FIELDS)
        if type(trade) is not int:
            trade = trade_number(trade)
        before = self._open.get(key) or (self._closed.get(key) if self._closed else None)
        latest, summed, counted = (-1, None, "0") if before is None else (before[3], before[9], before[10])
        if self._active:
            self._remember(key, before, trade, filled, quote, at)
        if trade > latest:
            latest, counted = trade, filled
        # The report of a cancellation has the cancellation's own id, and the order's beside it; that of an amendment
        # has the order's, and beside it the one that it had before.
        if original and execution != "REPLACED":
            name = original
        if type(at) is not int:
            at = 0
        # Not every report says what was prevented before it.
        prevented = event.get("A", None if before is None else before[8])
        order = (status, filled, quote, latest, quantity, name, at, working, prevented, summed, counted)
        if type(status) is str and status in FINAL:
            self._open.pop(key, None)
            self._closed.pop(key, None)
            self._closed[key] = order
            if self._resting:
                self._resting.pop(key, None)
            if len(self._closed) > MOST_CLOSED:
                self._forget(at)
        else:
            if key in self._closed:
                del self._closed[key]
            self._open[key] = order
            if len(self._open) > MOST_ORDERS:
                self._drop(self._open)
        if key[0] not in self._symbols:
            self._symbols[key[0]] = None
            if len(self._symbols) > MOST_SYMBOLS:
                self._symbols.popitem(last=False)

    def _remember(self, key: OrderKey, before: RawOrder | None, trade: int, filled: Any, quote: Any, at: Any) -> None:
        """Note for the gap that is open what an order was like when it began, and a trade."""
        if self._marking and key not in self._marks:
            self._marks[key] = None if before is None else mark_of(before)
            if len(self._marks) > MOST_ORDERS:
                self._give_up(at)
        if trade >= 0:
            trade_key: TradeKey = (*key, trade)
            self._trades[trade_key] = self._gap, filled, quote
            if len(self._trades) > MOST_TRADES:
                self._give_up(at)

    def _forget(self, now: int) -> None:
        """Forget the orders that were closed longest ago, if there are too many."""
        # Two for each that comes, so that they become fewer again after a burst.
        for _ in range(2):
            if len(self._closed) > MOST_CLOSED and self._is_dispensable(next(iter(self._closed.values())), now):
                self._drop(self._closed)

    def _is_dispensable(self, order: RawOrder, now: int) -> bool:
        return milliseconds_of(now) - milliseconds_of(order[6]) > KEPT_FOR or len(self._closed) > MOST_ORDERS

    def _give_up(self, at: Any) -> None:
        """Too much has happened while a gap is open: of what was before, it is not known any more what was told."""
        self._marks.clear()
        self._trades.clear()
        self._forgot(at if type(at) is int else self._latest())

    def _drop(self, orders: OrderedDict[OrderKey, RawOrder]) -> None:
        _, oldest = orders.popitem(last=False)
        self._forgot(oldest[6])

    def _forgot(self, at: int) -> None:
        self.forgotten_at = max(self.forgotten_at, min(milliseconds_of(at), self._latest()))

    def _note_balances(self, event: Mapping[str, Any]) -> None:
        moment = event.get("u")
        if type(moment) is int and self.believes(moment):
            self.balances_at = max(self.balances_at, moment)
        for balance in map(as_object, as_array(event.get("B"))):
            asset = balance.get("a")
            if type(asset) is str:
                self._balances[asset] = (balance.get("f"), balance.get("l"))

    def _note_list(self, event: Mapping[str, Any]) -> None:
        number = event.get("g")
        if type(number) is not int:
            return
        if event.get("L") == "EXECUTING":
            self._lists[number] = dict(event)
            if len(self._lists) > MOST_LISTS:
                self._lists.popitem(last=False)
        else:
            self._lists.pop(number, None)
            self._ended_lists[number] = None
            if len(self._ended_lists) > MOST_LISTS:
                self._ended_lists.popitem(last=False)

    # What was restored, and is not to be told a second time.

    def _covers(self, key: OrderKey, event: Mapping[str, Any]) -> bool:
        if event.get("x") == "TRADE":
            if (*key, trade_number(event.get("t"))) in self._trades:
                return True
            told = self.order(key)
            return (
                key in self._summed
                and told is not None
                and amount_or_zero(event.get("z")) <= amount_or_zero(told.filled)
            )
        restored, at, told = self._restored.get(key), event.get("T"), self.order(key)
        if restored is None or told is None or type(at) is not int:
            return False
        as_of, _ = restored
        return at < as_of or (at == as_of and not goes_beyond(event, told))

    def _covers_list(self, event: Mapping[str, Any]) -> bool:
        number = event.get("g")
        if type(number) is not int or number not in self._restored_lists:
            return False
        status, as_of, _ = self._restored_lists[number]
        # A list begins once and ends once; in between its orders may change their names more than once.
        at = event.get("T") if event.get("l") == "UPDATED" else as_of
        return status == event.get("L") and type(at) is int and at <= as_of

    def _covers_balances(self, event: Mapping[str, Any]) -> bool:
        moment = event.get("u")
        if self._restored_balances is None or type(moment) is not int:
            return False
        as_of, _ = self._restored_balances
        if moment > as_of:
            return False
        # Two changes within one instant: what was found out may have been the first of them.
        return moment < as_of or all(
            self._balances.get(str(balance.get("a"))) == (balance.get("f"), balance.get("l"))
            for balance in map(as_object, as_array(event.get("B")))
        )

    def restore_order(self, event: Mapping[str, Any], as_of: int | None, *, summed: bool = False) -> None:
        """
        Note a trade or a state of an order that was found out.

        Where that is all that was known of it as of *as_of*, what else happened to it before is not told any more.
        *summed* says that it stands for trades which nobody knows.
        """
        key = (event["s"], event["i"])
        if event["t"] >= 0 or summed:
            self.filled_at = max(self.filled_at, event["T"])
        told = self.order(key)
        if told is not None and is_further(told, event):
            # A trade of before what has come live: all that is new of the order is the trade's number, perhaps.
            if event["t"] >= 0:
                self._remember(key, told, event["t"], event["z"], event["Z"], event["T"])
                if event["t"] > told.trade_id:
                    self._put(key, told._replace(trade_id=event["t"], counted=event["z"]))
        else:
            self._note_order(key, event)
            told = self.order(key)
            if summed and told is not None:
                summary = Sum(event["T"], event["z"], event["Z"])
                self._put(key, told._replace(summed=summary, counted=event["z"]))
        if as_of is not None:
            self._restored[key] = as_of, self._gap
        if summed:
            self._summed[key] = self._gap

    def _put(self, key: OrderKey, order: RawOrder) -> None:
        """Replace what was told of an order, in its place among the others."""
        (self._open if key in self._open else self._closed)[key] = order

    def restore_balances(self, event: Mapping[str, Any], *, covers: bool) -> None:
        """Note balances that were found out; where it *covers*, older ones are not told any more."""
        self._note_balances(event)
        if covers:
            self._restored_balances = event["u"], self._gap

    def restore_list(self, event: Mapping[str, Any]) -> None:
        """Note the state of an order list that was found out."""
        self._note_list(event)
        self._restored_lists[event["g"]] = event["L"], event["T"], self._gap

    def note_answer(self, key: OrderKey, status: str, at: int) -> None:
        """Note that an order had that status since then: one that rests may be closed in a gap to come."""
        if is_final(status):
            self._resting.pop(key, None)
        elif key not in self._open and key not in self._closed:
            self._resting[key] = at
            if len(self._resting) > MOST_ORDERS:
                self._resting.popitem(last=False)

    # Gaps.

    def event_missed(self) -> None:
        """An event could not be read. The gap that is about to open begins with it, whatever is told until then."""
        if not self._missed:
            self.gap_opened()
            self._missed = True

    def gap_opened(self) -> None:
        """Remember from now on what is told, so that it can be seen what was not."""
        self._active = self._marking = True
        self._missed = False
        self._gap += 1

    def gap_closed(self, now: int) -> None:
        """Everything that is to be found out has been, as of *now* (the exchange's clock, in milliseconds)."""
        if not self._missed:
            self._marking = False
            self._marks.clear()
        self._settle(now, is_closed=True)

    def gap_broken_off(self, now: int) -> None:
        """Another one follows at once, which looks for the same. Everything that had come before has been taken."""
        self._settle(now, is_closed=False)
        self._forget_settled(now)

    def _settle(self, now: int, *, is_closed: bool) -> None:
        self._settling.append((max(now, self.last_event) + SETTLED_AFTER, self._gap - self._missed, is_closed))

    def _forget_settled(self, now: int) -> None:
        """Forget what was told up to a gap that has been over for long enough, whether or not another one is open."""
        settled = closed = 0
        while self._settling and now > self._settling[0][0]:
            _, settled, is_closed = self._settling.popleft()
            if is_closed:
                closed = settled
        self._trades = {key: entry for key, entry in self._trades.items() if entry[0] > closed}
        self._restored = {key: entry for key, entry in self._restored.items() if entry[-1] > settled}
        self._summed = {key: gap for key, gap in self._summed.items() if gap > settled}
        self._restored_lists = {key: entry for key, entry in self._restored_lists.items() if entry[-1] > settled}
        if self._restored_balances is not None and self._restored_balances[-1] <= settled:
            self._restored_balances = None
        self._active = closed < self._gap

    def correct(self, latest: int, instead: int) -> None:
        """
        Take whatever claims to be of later than *latest* for of *instead*, in milliseconds.

        The last event had come by then; and when it was taken, that may have been later, or the time not known yet.
        """
        if self.last_event > latest:
            self.last_event = instead
        if self.last_sent > latest:
            self.last_sent = instead
        if self.forgotten_at > latest:
            self.forgotten_at = instead
        if milliseconds_of(self.balances_at) > latest:
            self.balances_at = limited(self.balances_at, instead)
        for orders in (self._open, self._closed):
            for key, order in tuple(orders.items()):
                if milliseconds_of(order[6]) > latest:
                    orders[key] = (*order[:6], limited(order[6], instead), *order[7:])

    # Questions.

    def believes(self, timestamp: int) -> bool:
        """Return whether that may be when something happened: not where it is still to come."""
        return milliseconds_of(timestamp) <= self._latest()

    def order(self, key: OrderKey) -> ToldOrder | None:
        """Return what was told of an order."""
        raw = self._open.get(key) or self._closed.get(key)
        return None if raw is None else ToldOrder._make(raw)

    def resting_at(self, key: OrderKey) -> int | None:
        """Return when an open order had changed last, as was answered, of which no event has told."""
        return self._resting.get(key)

    def mark(self, key: OrderKey) -> Mark | None:
        """Return how far an order had been told of when the gap began; None if it had not been at all."""
        if key in self._marks:
            return self._marks[key]
        order = self.order(key)
        return None if order is None else mark_of(order)

    def was_closed(self, key: OrderKey) -> bool:
        """Return whether an order had been told to be closed when the gap began: with all that was filled of it."""
        return key in self._closed and key not in self._marks

    def marks_since(self) -> dict[OrderKey, list[Mark]]:
        """Return how far orders had been told of with each trade that was told since, the earliest first."""
        marks: dict[OrderKey, list[Mark]] = {}
        for (symbol, number, trade), (_, filled, quote) in sorted(self._trades.items(), key=lambda entry: entry[0]):
            marks.setdefault((symbol, number), []).append(Mark(trade, filled, quote))
        return marks

    def knows_trade(self, key: OrderKey, trade_id: int) -> bool:
        """Return whether a trade of that order was told."""
        if (*key, trade_id) in self._trades:
            return True
        mark = self.mark(key)
        return mark is not None and trade_id <= mark.trade_id

    def balance(self, asset: str) -> tuple[Any, Any] | None:
        """Return what was told to be free, and locked, of an asset."""
        return self._balances.get(asset)

    def knows_list(self, number: int) -> bool:
        """Return whether an order list was told of: it is open as far as is known, or was found out or ended lately."""
        return number in self._lists or number in self._restored_lists or number in self._ended_lists

    def list_status(self, number: int) -> dict[str, Any] | None:
        """Return the latest event of an order list that is open, as far as was told."""
        return self._lists.get(number)

    @property
    def open_orders(self) -> Iterator[OrderKey]:
        """The orders that are open, as far as was told or answered."""
        return iter(dict.fromkeys((*self._open, *self._resting)))

    @property
    def open_lists(self) -> Iterator[int]:
        """The order lists that are open, as far as was told."""
        return iter(tuple(self._lists))

    def symbols(self, others: Iterable[str] = ()) -> list[str]:
        """
        Return the symbols that events were about, and *others*: those with open orders first, then the latest.

        Those are the symbols of the orders that were closed last: where one was about is not noted with every event.
        """
        first = (symbol for symbol, _ in self.open_orders)
        latest = (symbol for symbol, _ in reversed(self._closed))
        return list(dict.fromkeys((*first, *others, *latest, *reversed(self._symbols))))
