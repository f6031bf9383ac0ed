"""
Who may send what, and when, so that the exchange need not refuse anything. Pure.

A :class:`Budget` is what one address may spend at one venue: request weights (and raw requests, where the exchange
limits those), and the unfilled orders of each account. Whoever wants to send something books it. Where there is no
room, it waits in a lane, and lanes are served in the order in which requests came: a heavy one is not overtaken by the
lighter ones behind it. Only orders that have to wait for orders are passed by what is no order of the same account.

Times are the exchange's, in epoch seconds. Source: the WebSocket API document, "Rate limits".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Final

from .._wire.messages import Reply
from .._wire.values import as_array, as_object
from ..models.enums import RateLimitInterval, RateLimitType
from ..models.rate_limits import PERIODS, RateLimits, RateLimitWindow
from .costs import Cost, Waiter
from .refusals import SHORT_BAN, refusal_of
from .windows import Window

__all__ = ["Budget"]

WEIGHT: Final = "REQUEST_WEIGHT"
RAW: Final = "RAW_REQUESTS"
ORDERS: Final = "ORDERS"

# The documents' number, until the exchange has told its own.
_USUAL: Final = (WEIGHT, "MINUTE", 1), 6000
# So many of those who have withdrawn may wait for their turn to come, and to be left out.
_FEW: Final = 64
# No interval has more of its unit. Nothing could be computed with one that lasts for ever.
_MOST_PERIODS: Final = 10_000

Key = tuple[str, str, int]


class Budget:
    """See the module. Not thread-safe."""

    def __init__(self, now: float, guard: float = 1.0) -> None:
        self.guard = guard
        """How far our idea of the exchange's clock may be off, in seconds."""
        self.banned_until = 0.0
        """Until then nothing may be sent at all (status 418)."""
        self._closed_until = 0.0
        self._shared: dict[Key, Window] = {}
        self._orders: dict[Hashable, dict[Key, Window]] = {}
        self._orders_closed_until: dict[Hashable, float] = {}
        self._lanes: dict[Hashable, deque[Waiter]] = {}
        self._withdrawn = 0
        self._ready: dict[Hashable, list[Waiter]] = {}
        self._tell: set[Hashable] = set()
        self._sequence = 0
        # Of what waits: how many there are, their weight, and how many orders of whom.
        self._waiting = 0
        self._waiting_weight = 0
        self._waiting_orders: dict[Hashable, int] = {}
        self._due = 0.0
        key, limit = _USUAL
        self._main = self._shared[key] = Window(_seconds(key), limit, now)
        # For those in a hurry: what may be booked without looking at anything else; and when the interval is late.
        self._credit = 0
        self._late_from = 0.0
        self._schedule()

    @property
    def waiting(self) -> int:
        """How many requests wait for room."""
        return self._waiting

    @property
    def closed_until(self) -> float:
        """Until then no request may be sent."""
        return max(self._closed_until, self.banned_until)

    # Most requests are no orders, come while nobody waits, and have the limit of weights told in their answers. For
    # these there is a short way; it does what the long way does, or nothing.

    def book_swiftly(self, weight: int, now: float) -> int:
        """Do as :meth:`book` for what is no order, or return 0 where that needs a closer look."""
        if weight > self._credit or now >= self._due:
            return 0
        self._credit -= weight
        self._main.flying += weight
        self._sequence += 1
        return self._sequence

    def answered_swiftly(self, weight: int, booking: int, limits: tuple[Any, ...], now: float) -> bool:
        """Do as :meth:`answered` for what is no order and has no error, or return False."""
        main = self._main
        if self._waiting or now >= self._late_from or len(limits) != 1 or len(self._shared) != 1 or not main.told:
            return False
        if now < self._closed_until or now < self.banned_until:
            # What came before this was refused, and what comes next would be.
            return False
        entry = limits[0]
        try:
            count = entry["count"]
            if type(count) is not int or entry["limit"] != main.limit or entry["rateLimitType"] != WEIGHT:
                return False
            if entry["interval"] != "MINUTE" or entry["intervalNum"] != 1:
                return False
        except (KeyError, TypeError):
            return False
        self._sequence += 1
        main.settle(weight, booking, self._sequence, count, late=False)
        self._credit = (main.limit - main.spare - main.count - main.extra) // 2 - main.flying
        return True

    # Who wants to send something.

    def book(self, cost: Cost, now: float, *, urgent: bool = False, patient: bool = True) -> int:
        """Count a request that is sent now, and return its number; 0 where there is no room, or others wait for it."""
        if now >= self._due:
            self._advance(now)
        if self._waiting or not self._is_open(cost, now) or not self._has_room(cost, urgent, patient):
            self._credit = 0
            return 0
        booking = self._book(cost)
        self._trust(now)
        return booking

    def spend(self, cost: Cost, now: float) -> None:
        """Count what is sent whether there is room for it or not, and will have no answer."""
        if now >= self._due:
            self._advance(now)
        self.unanswered(cost, self._book(cost), now)

    def wait(self, waiter: Waiter, now: float) -> None:
        """Let *waiter* wait for its turn, which may come at once: see :meth:`collect`."""
        self._sequence += 1
        waiter.place = self._sequence
        self._lanes.setdefault(waiter.lane, deque()).append(waiter)
        self._credit = 0
        self._line_up(waiter.cost, 1)
        self.pump(now)

    def withdraw(self, waiter: Waiter, now: float) -> None:
        """Forget *waiter*, which does not want to send anything any more."""
        if waiter.gone:
            return
        waiter.gone = True
        ready = self._ready.get(waiter.owner, [])
        if waiter in ready:
            ready.remove(waiter)
            self.release(waiter.cost, waiter.booking, now)
        else:
            self._line_up(waiter.cost, -1)
            self._withdrawn += 1
            if self._withdrawn > _FEW and self._withdrawn > self._waiting:
                # They go when they come up, or are many: removing each would cost more.
                self._withdrawn = 0
                self._lanes = {
                    name: deque(other for other in lane if not other.gone) for name, lane in self._lanes.items()
                }
            self.pump(now)

    def collect(self, owner: Hashable, now: float) -> list[Waiter]:
        """Return the waiters of *owner* whose turn it is. They have been booked."""
        self.pump(now)
        self._tell.discard(owner)
        ready = self._ready.pop(owner, [])
        for waiter in ready:
            waiter.gone = True
        return ready

    @property
    def has_news(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._tell)

    def to_tell(self) -> tuple[Hashable, ...]:
        """Return the owners that should call :meth:`collect` and look at :attr:`closed_until`, each once."""
        owners = tuple(self._tell)
        self._tell.clear()
        return owners

    def turn_of(self, cost: Cost, now: float, *, urgent: bool = False) -> float | None:
        """
        Return when a request that begins to wait now may be sent, if nobody else spends anything.

        A moment that has come means soon: as soon as answers make room. None is never: it weighs more than the limit.
        """
        if not cost.weight and not cost.raw:
            return self.banned_until
        whens: list[float | None] = [self.closed_until]
        for window in self._shared.values():
            amount, ahead = cost.weight, self._waiting_weight
            if window.unit:
                amount, ahead = cost.raw, self._waiting
            whens.append(window.frees_at(amount, 0 if urgent else ahead, self.guard))
        if cost.orders:
            whens.append(self._orders_closed_until.get(cost.account, 0.0))
            ahead = self._waiting_orders.get(cost.account, 0)
            for window in self._orders.get(cost.account, {}).values():
                whens.append(window.frees_at(cost.orders, ahead, self.guard))
        known = [when for when in whens if when is not None]
        return max(known) if len(known) == len(whens) else None

    # What became of it.

    def answered(self, cost: Cost, booking: int, reply: Reply, now: float) -> None:
        """Take in the answer to what was booked as *booking*."""
        if now >= self._due:
            self._advance(now)
        self._sequence += 1
        told: dict[Key, int] = {}
        for entry in reply.rate_limits:
            self._read(entry, cost.account, now, told)
        self._settle(cost, booking, told, now)
        self._trust(now)
        if not reply.succeeded:
            self._refused(cost, reply, now)
        if self._waiting:
            self.pump(now)

    def unanswered(self, cost: Cost, booking: int, now: float) -> None:
        """Take in that there will be no answer to what was booked as *booking*, and may have been sent."""
        if now >= self._due:
            self._advance(now)
        self._sequence += 1
        self._settle(cost, booking, {}, now)
        self._trust(now)
        if self._waiting:
            self.pump(now)

    def refused(self, account: Hashable, reply: Reply, now: float) -> None:
        """Take in an error that is the answer to nothing that is booked: it came too late, or has no id."""
        if now >= self._due:
            self._advance(now)
        self._refused(Cost(0, 0, account=account), reply, now)

    def release(self, cost: Cost, booking: int, now: float) -> None:
        """Take in that what was booked as *booking* was not sent."""
        for window, amount in self._windows_of(cost):
            window.release(amount, booking)
        if self._waiting:
            self.pump(now)

    def learn_limits(self, entries: Any, now: float) -> None:
        """Take in the limits that ``exchangeInfo`` lists, so far as they are for addresses."""
        for entry in as_array(entries):
            self._read({**as_object(entry), "count": 0}, None, now, {})

    def spent(self, key: Key, count: int, now: float) -> None:
        """Take in that *count* of a limit is used, from an answer that does not tell the limit."""
        if now >= self._due:
            self._advance(now)
        window = self._shared.get(key)
        if window is not None and count >= 0:
            self._credit = 0
            self._sequence += 1
            window.learn(0, self._sequence, count)

    # What the exchange forbids.

    def ban(self, until: float) -> None:
        """Send nothing until then."""
        self.banned_until = max(self.banned_until, until)
        self._stop()

    def close(self, until: float) -> None:
        """Send no request until then."""
        self._closed_until = max(self._closed_until, until)
        self._stop()

    # What the clock does.

    def pump(self, now: float) -> None:
        """Give those their turn for whom there is room."""
        if now >= self._due:
            self._advance(now)
        while self._waiting:
            first: Waiter | None = None
            for waiter in self._heads():
                if self._is_open(waiter.cost, now) and (first is None or waiter.rank < first.rank):
                    first = waiter
            if first is None or not self._has_room(first.cost, first.urgent, patient=True):
                return
            self._lanes[first.lane].popleft()
            self._line_up(first.cost, -1)
            first.booking = self._book(first.cost)
            self._ready.setdefault(first.owner, []).append(first)
            self._tell.add(first.owner)

    def next_at(self, now: float) -> float:
        """Return when :meth:`pump` should be called, where requests wait and no answer comes."""
        ends = [window.ends + self.guard for window in self._every_window()]
        stops = (self._closed_until, self.banned_until, *self._orders_closed_until.values())
        return min([*ends, *(stop for stop in stops if stop > now)])

    def realign(self, now: float) -> None:
        """Take in that the clock has been set to *now*."""
        for window in self._every_window():
            window.realign(now)
        self._schedule()

    def view(self, account: Hashable, now: float) -> RateLimits:
        """Return what is used, as *account* sees it."""
        self._advance(now)
        windows = [*self._shared.items(), *self._orders.get(account, {}).items()]
        return RateLimits(
            windows=tuple(_shown(key, window) for key, window in windows),
            closed_until=_moment(max(self._closed_until, self._orders_closed_until.get(account, 0.0)), now),
            banned_until=_moment(self.banned_until, now),
            waiting=self._waiting,
        )

    # Rooms and counts.

    def _trust(self, now: float) -> None:
        """Find out what may be booked swiftly from now on."""
        simple = not self._waiting and len(self._shared) == 1 and now >= self.closed_until
        self._credit = self._main.credit if simple else 0

    def _is_open(self, cost: Cost, now: float) -> bool:
        """Return whether the exchange takes such a request at all, and the account's orders have room for it."""
        if now < self.banned_until:
            return False
        if now < self._closed_until and (cost.weight or cost.raw):
            return False
        if not cost.orders:
            return True
        if now < self._orders_closed_until.get(cost.account, 0.0):
            return False
        windows = self._orders.get(cost.account, {}).values()
        return all(window.used + cost.orders <= window.limit for window in windows)

    def _has_room(self, cost: Cost, urgent: bool, patient: bool) -> bool:
        for window in self._shared.values():
            amount = cost.raw if window.unit else cost.weight
            if amount and not window.fits(amount, urgent=urgent, patient=patient):
                return False
        return True

    def _book(self, cost: Cost) -> int:
        self._credit = 0
        self._sequence += 1
        for window in self._shared.values():
            window.flying += cost.raw if window.unit else cost.weight
        if cost.orders:
            for window in self._orders.get(cost.account, {}).values():
                window.flying += cost.orders
        return self._sequence

    def _settle(self, cost: Cost, booking: int, told: Mapping[Key, int], now: float) -> None:
        for key, window in self._shared.items():
            amount = cost.raw if window.unit else cost.weight
            late = now >= window.ends - self.guard
            window.settle(amount, booking, self._sequence, told.get(key), late=late)
        windows = self._orders.get(cost.account) if cost.account is not None else None
        if windows is None:
            return
        for key, window in windows.items():
            if cost.orders or key in told:
                late = now >= window.ends - self.guard
                window.settle(cost.orders, booking, self._sequence, told.get(key), late=late)

    def _read(self, entry: Any, account: Hashable, now: float, told: dict[Key, int]) -> None:
        """Take in a limit that an answer tells, and put its count into *told*. What is malformed tells nothing."""
        try:
            key: Key = (entry["rateLimitType"], entry["interval"], entry["intervalNum"])
            limit, count = entry["limit"], entry["count"]
            windows = self._shared if key[0] != ORDERS else self._orders.setdefault(account, {})
            window = windows.get(key)
        except (KeyError, TypeError):
            return
        if type(limit) is not int or type(count) is not int or limit <= 0 or count < 0:
            return
        if window is None:
            if not _is_known(key) or (key[0] == ORDERS and account is None):
                return
            unit = key[0] == RAW
            window = windows[key] = Window(_seconds(key), limit, now, unit=unit, born=self._sequence)
            self._schedule()
        if window.limit != limit or not window.told:
            window.limited(limit)
        told[key] = count

    # Refusals.

    def _refused(self, cost: Cost, reply: Reply, now: float) -> None:
        """Take in an error, if it is about limits."""
        refusal = refusal_of(reply, now)
        if refusal is None:
            return
        if refusal.banned:
            self.ban(refusal.until or now + SHORT_BAN)
        elif refusal.orders:
            windows = self._orders.get(cost.account, {}).values()
            full = max((window.ends for window in windows if window.used >= window.limit), default=now + 1.0)
            until = max(refusal.until or full, self._orders_closed_until.get(cost.account, 0.0))
            self._orders_closed_until[cost.account] = until
            self._stop()
        else:
            self.close(refusal.until or min(window.ends for window in self._shared.values()) + self.guard)

    def _stop(self) -> None:
        """Take back the turns that have not been used yet, and tell everybody who waits."""
        self._credit = 0
        for ready in self._ready.values():
            for waiter in reversed(ready):
                for window, amount in self._windows_of(waiter.cost):
                    window.release(amount, waiter.booking)
                waiter.booking = 0
                self._lanes.setdefault(waiter.lane, deque()).appendleft(waiter)
                self._line_up(waiter.cost, 1)
        self._ready.clear()
        self._tell.update(waiter.owner for lane in self._lanes.values() for waiter in lane if not waiter.gone)

    def _line_up(self, cost: Cost, sign: int) -> None:
        """Note that a request begins (1) or ends (-1) to wait."""
        self._waiting += sign
        self._waiting_weight += sign * cost.weight
        if cost.orders:
            self._waiting_orders[cost.account] = self._waiting_orders.get(cost.account, 0) + sign * cost.orders

    # Everything there is.

    def _heads(self) -> Iterator[Waiter]:
        """The first of each lane."""
        for name, lane in list(self._lanes.items()):
            while lane and lane[0].gone:
                lane.popleft()
            if lane:
                yield lane[0]
            else:
                del self._lanes[name]

    def _every_window(self) -> Iterator[Window]:
        yield from self._shared.values()
        for windows in self._orders.values():
            yield from windows.values()

    def _windows_of(self, cost: Cost) -> Iterator[tuple[Window, int]]:
        for window in self._shared.values():
            yield window, cost.raw if window.unit else cost.weight
        if cost.orders:
            for window in self._orders.get(cost.account, {}).values():
                yield window, cost.orders

    def _advance(self, now: float) -> None:
        """Begin new intervals where it is time."""
        for window in self._every_window():
            window.roll(now, self._sequence, self.guard)
        self._schedule()

    def _schedule(self) -> None:
        self._credit = 0
        self._due = min(window.ends for window in self._every_window()) + self.guard
        self._late_from = self._due - 2 * self.guard


def _is_known(key: Key) -> bool:
    kind, interval, number = key
    return kind in (WEIGHT, RAW, ORDERS) and interval in PERIODS and type(number) is int and 0 < number <= _MOST_PERIODS


def _seconds(key: Key) -> int:
    return int(PERIODS[RateLimitInterval(key[1])].total_seconds()) * key[2]


def _moment(seconds: float, now: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds > now else None


def _shown(key: Key, window: Window) -> RateLimitWindow:
    kind, interval, number = key
    return RateLimitWindow(
        rate_limit_type=RateLimitType(kind),
        interval=RateLimitInterval(interval),
        interval_number=number,
        limit=window.limit,
        used=window.used,
        resets_at=datetime.fromtimestamp(window.ends, timezone.utc),
    )
