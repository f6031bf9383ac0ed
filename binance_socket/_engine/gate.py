"""The one budget that a process has at a venue, and the doors through which its connections draw on it."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any
from urllib.parse import urlsplit

from .._session.admission import held_back
from .._session.costs import Cost, Waiter
from .._session.effects import Pending
from .._session.limits import WEIGHT, Budget
from .._session.refusals import SHORT_BAN, seconds_refused
from .._session.server_clock import ServerClock
from .._wire.messages import Reply, Request
from .._wire.values import as_object
from ..errors import Certainty, RateLimited
from ..models.rate_limits import RateLimits
from ..options import Environment, RateLimitPolicy
from .clock import Clock, SystemClock
from .waker import Waker

__all__ = ["Door", "Gate", "LearningClock", "gate_of"]

_SYSTEM_CLOCK = SystemClock()
# What the library asks by itself in the manner of its users: a listen key must not die for want of room.
_URGENT = frozenset({"userDataStream.ping", "userDataStream.start"})
# How much longer intervals are taken to last at most, however slowly the time was told, in seconds: some last ten.
_MOST_GUARDED = 1.0


class Gate:
    """
    What this process may still ask of a venue. Thread-safe; all times are monotonic.

    Its lock is a leaf: it may be taken under a connection's, and nothing is taken under it but a waker's.
    Owners are told that they have a turn after it was released.
    """

    def __init__(self, *, monotonic: float, wall: float) -> None:
        self._clock = ServerClock(monotonic=monotonic, wall=wall)
        # Guards everything below.
        self.lock = threading.Lock()
        self.offset = self._clock.offset
        """Seconds from the monotonic clock to the exchange's."""
        self.budget = Budget(monotonic + self.offset, self._clock.uncertainty)
        self.quiet_until = 0.0
        """Until then nothing may be sent at all."""
        self.closed_until = 0.0
        """Until then no request may be sent."""
        self._connects_from = 0.0
        # The last ban that connects under way were told of, by the exchange's clock; and what ends them.
        self._banned_until = 0.0
        self._connecting: set[Waker] = set()

    def learn_time(self, server_time: float, *, sent: float, received: float, force: bool) -> None:
        """Take in what time it is at the exchange."""
        with self.lock:
            self._clock.learn(server_time, sent=sent, received=received, force=force)
            self.offset, self.budget.guard = self._clock.offset, min(self._clock.uncertainty, _MOST_GUARDED)
            self.budget.realign(received + self.offset)

    def connect_delay(self, weight: int, now: float) -> float:
        """Return the seconds until a connect of *weight* may be made; 0 is now."""
        with self.lock:
            if now < (start := max(self.quiet_until, self._connects_from)):
                return start - now
            exact = now + self.offset
            turn = self.budget.turn_of(Cost(weight), exact, urgent=True) if weight else None
            return 0.0 if turn is None else max(turn - exact, 0.0)

    def begin_connect(self, waker: Waker, now: float) -> None:
        """Have *waker* woken if a ban comes, or has come, until :meth:`end_connect` is called."""
        with self.lock:
            self._connecting.add(waker)
            if now < self.quiet_until:
                waker.wake()

    def end_connect(self, waker: Waker) -> None:
        """Leave *waker* alone."""
        with self.lock:
            self._connecting.discard(waker)

    def connected(self, weight: int, now: float) -> None:
        """Count a connect of *weight*. No answer will tell what it was counted as."""
        if weight:
            with self.lock:
                self.budget.spend(Cost(weight), now + self.offset)

    def connect_refused(self, status: int, seconds: float | None, now: float) -> None:
        """Take in that the server refused to be connected to: 418 is a ban, 429 means too many connects."""
        with self.lock:
            if status == 418:
                self.ban(now + (seconds or SHORT_BAN))
            elif status == 429:
                self._connects_from = max(self._connects_from, now + (seconds or 0.0))
        self.tell(None)

    def refusal(self, request: Request[Any], now: float) -> RateLimited | None:
        """Return why a REST call must not be made now, if so."""
        with self.lock:
            return self._refusal(request, now)

    def spend(self, request: Request[Any], now: float) -> RateLimited | None:
        """Count a REST call that is made now; or return why it must not be. Such calls do not wait."""
        with self.lock:
            refusal = self._refusal(request, now)
            if refusal is None:
                self.budget.spend(Cost(request.weight), now + self.offset)
        return refusal

    def _refusal(self, request: Request[Any], now: float) -> RateLimited | None:
        """Requires the lock."""
        if now >= self.closed_until:
            return None
        until, banned = self.closed_until + self.offset, now < self.quiet_until
        return held_back(request.method, "the exchange has refused more", until=until, banned=banned)

    def used(self, count: int, now: float) -> None:
        """Take in what the answer to a REST call says has been used of the weight of this minute."""
        with self.lock:
            self.budget.spent((WEIGHT, "MINUTE", 1), count, now + self.offset)

    def heed(self, error: RateLimited, now: float) -> None:
        """Take in that the exchange has refused a REST call."""
        with self.lock:
            exact = now + self.offset
            seconds = seconds_refused(error.data, exact)
            if seconds is None:
                # A ban that is over by what it says is one that does not say.
                seconds = SHORT_BAN if error.banned or error.retry_after is None else 0.0
            until = exact + seconds
            if error.banned:
                self.budget.ban(until)
            else:
                self.budget.close(until)
            self.note_refusal()
        self.tell(None)

    def ban(self, until: float) -> None:
        """Send nothing until then. Requires the lock."""
        self.budget.ban(until + self.offset)
        self.note_refusal()

    def note_refusal(self) -> None:
        """Take in that the exchange may have closed the budget. Requires the lock."""
        self.quiet_until = max(self.budget.banned_until - self.offset, 0.0)
        self.closed_until = max(self.budget.closed_until - self.offset, 0.0)
        if self.budget.banned_until > self._banned_until:
            self._banned_until = self.budget.banned_until
            for waker in self._connecting:
                waker.wake()

    def view(self, account: Hashable, now: float) -> RateLimits:
        """Return what is used, as *account* sees it."""
        with self.lock:
            return self.budget.view(account, now + self.offset)

    def tell(self, besides: Door | None) -> None:
        """Wake the doors whose turn has come, but not *besides*, which looks by itself. Without the lock."""
        with self.lock:
            owners = self.budget.to_tell()
        for owner in owners:
            if owner is not besides:
                assert isinstance(owner, Door)
                owner.wake()


class Door:
    """
    A connection's way to the gate. Implements :class:`.._session.admission.Door`.

    What does not *count*, as the stream server's control messages, is held back by a ban only.
    """

    def __init__(self, gate: Gate, account: Hashable, policy: RateLimitPolicy, *, counts: bool = True) -> None:
        self._gate = gate
        self._account = account
        self._waits = policy is RateLimitPolicy.WAIT
        self._counts = counts
        self._costs: dict[tuple[int, int], Cost] = {}
        self.wake: Callable[[], object] = lambda: None
        """Has the owner call :meth:`collect` soon. Called on any thread, under no lock but a connection's."""

    @property
    def quiet_until(self) -> float:
        """Until then nothing may be sent at all."""
        return self._gate.quiet_until

    @property
    def closed_until(self) -> float:
        """Until then no request may be sent."""
        return self._gate.closed_until

    def refusal(self, pending: Pending, now: float) -> RateLimited | None:
        """Return why *pending* cannot leave by its deadline, if the exchange has made that certain already."""
        gate = self._gate
        with gate.lock:
            if pending.handle is None or self._until <= (pending.deadline if self._waits else now) + gate.offset:
                return None
            return self._told_to_stop(pending, self._until, now)

    def check(self, pending: Pending, now: float) -> None:
        """Raise RateLimited if *pending*, which may have been let in, must not leave now. Any thread."""
        gate = self._gate
        # Nearly always it may, which takes no lock to see.
        if now < (gate.closed_until if self._counts else gate.quiet_until):
            with gate.lock:
                # The other one was reckoned when less was known of the exchange's clock.
                if now + gate.offset < self._until:
                    raise self._told_to_stop(pending, self._until, now)

    def enter(self, pending: Pending, now: float) -> Waiter | None:
        """Let *pending* leave at once (None), or wait for its turn. Raises RateLimited where it does not wait."""
        gate = self._gate
        if not self._counts and now >= gate.quiet_until:
            return None
        request = pending.request
        with gate.lock:
            exact = now + gate.offset
            if not request.orders and self._counts:
                pending.booking = gate.budget.book_swiftly(request.weight, exact)
                if pending.booking:
                    return None
            cost = self._cost_of(request)
            own = pending.handle is None
            urgent = own or not self._counts or request.method in _URGENT
            pending.booking = gate.budget.book(cost, exact, urgent=urgent, patient=self._waits or own)
            if pending.booking:
                return None
            if not own:
                self._check_turn(pending, cost, urgent, now)
            waiter = Waiter(cost, self, pending, urgent)
            gate.budget.wait(waiter, exact)
            return waiter

    def answered(self, pending: Pending, reply: Reply, now: float) -> None:
        """Take in what the answer to a booked request tells."""
        gate, request = self._gate, pending.request
        budget = gate.budget
        with gate.lock:
            exact = now + gate.offset
            swift = reply.succeeded and not request.orders and request.method != "exchangeInfo"
            if swift and budget.answered_swiftly(request.weight, pending.booking, reply.rate_limits, exact):
                return
            budget.answered(self._cost_of(request), pending.booking, reply, exact)
            if not reply.succeeded:
                gate.note_refusal()
            elif request.method == "exchangeInfo":
                budget.learn_limits(as_object(reply.result).get("rateLimits"), exact)
            has_news = budget.has_news
        if has_news:
            gate.tell(self)

    def refused(self, reply: Reply, now: float) -> None:
        """Take in an error that is the answer to no booked request: it came too late, or has no id."""
        gate = self._gate
        with gate.lock:
            gate.budget.refused(self._account, reply, now + gate.offset)
            gate.note_refusal()
        gate.tell(self)

    def unanswered(self, pending: Pending, now: float) -> None:
        """Take in that a booked request will have no answer, or was not sent."""
        gate, cost = self._gate, self._cost_of(pending.request)
        with gate.lock:
            if pending.certainty is Certainty.NOT_SENT:
                gate.budget.release(cost, pending.booking, now + gate.offset)
            else:
                gate.budget.unanswered(cost, pending.booking, now + gate.offset)
        gate.tell(self)

    def withdraw(self, waiter: Waiter, now: float) -> None:
        """Let somebody else have the turn of *waiter*."""
        with self._gate.lock:
            self._gate.budget.withdraw(waiter, now + self._gate.offset)
        self._gate.tell(self)

    def collect(self, now: float) -> list[Waiter]:
        """Return those whose turn it is."""
        with self._gate.lock:
            waiters = self._gate.budget.collect(self, now + self._gate.offset)
        self._gate.tell(self)
        return waiters

    def next_at(self, now: float) -> float:
        """Return when :meth:`collect` should be called at the latest."""
        with self._gate.lock:
            return self._gate.budget.next_at(now + self._gate.offset) - self._gate.offset

    def connect_refused(self, status: int, seconds: float | None, now: float) -> None:
        """Take in that the server refused to be connected to, for *seconds* if it said so."""
        self._gate.connect_refused(status, seconds, now)

    @property
    def _until(self) -> float:
        """Until then the exchange takes nothing of ours, by its clock. Requires the lock."""
        return self._gate.budget.closed_until if self._counts else self._gate.budget.banned_until

    def _cost_of(self, request: Request[Any]) -> Cost:
        key = (request.weight, request.orders)
        cost = self._costs.get(key)
        if cost is None:
            cost = Cost(request.weight, 1, request.orders, self._account) if self._counts else Cost(0, 0)
            self._costs[key] = cost
        return cost

    def _check_turn(self, pending: Pending, cost: Cost, urgent: bool, now: float) -> None:
        """Raise RateLimited for a request that does not wait, or would wait for too long. Requires the lock."""
        gate = self._gate
        budget, method = gate.budget, pending.request.method
        turn = budget.turn_of(cost, now + gate.offset, urgent=urgent)
        if turn is None:
            raise held_back(method, f"its weight of {cost.weight} is more than the limit", until=None)
        if self._waits and turn <= pending.deadline + gate.offset:
            return
        if turn <= budget.closed_until:
            raise self._told_to_stop(pending, turn, now)
        raise held_back(method, "the rate limits leave no room for it in time", until=max(turn, now + gate.offset))

    def _told_to_stop(self, pending: Pending, until: float, now: float) -> RateLimited:
        """Requires the lock."""
        banned = self._gate.quiet_until > now
        reason = "this address is banned" if banned else "the exchange has said that too much was asked"
        return held_back(pending.request.method, reason, until=until, banned=banned)


class LearningClock(ServerClock):
    """A client's idea of the exchange's clock, which lets the gate have part in it."""

    def __init__(self, gate: Gate, *, monotonic: float, wall: float) -> None:
        super().__init__(monotonic=monotonic, wall=wall)
        self._gate = gate

    def learn(self, server_time: float, *, sent: float, received: float, force: bool = False) -> bool:
        """Take in the time that an answer carries. Return whether that is better than what was known."""
        if not super().learn(server_time, sent=sent, received=received, force=force):
            return False
        self._gate.learn_time(server_time, sent=sent, received=received, force=force)
        return True


class _Gates:
    """All gates of this process. Times of different clocks cannot be compared, so each clock has its own."""

    def __init__(self) -> None:
        # Guards everything below.
        self._lock = threading.Lock()
        self._gates: weakref.WeakKeyDictionary[Clock, dict[str, Gate]] = weakref.WeakKeyDictionary()
        # What is on this machine ends with its last client: the next sandbox at its port is another one.
        self._local: weakref.WeakKeyDictionary[Clock, weakref.WeakValueDictionary[str, Gate]] = (
            weakref.WeakKeyDictionary()
        )

    def get(self, environment: Environment, clock: Clock) -> Gate:
        parts = urlsplit(environment.ws_api_url)
        # The exchange counts per address, whatever the port; on this machine, another port is another exchange.
        name = parts.netloc if environment.is_local else str(parts.hostname)
        clock = _SYSTEM_CLOCK if isinstance(clock, SystemClock) else clock
        with self._lock:
            gates: weakref.WeakValueDictionary[str, Gate] | dict[str, Gate]
            if environment.is_local:
                gates = self._local.setdefault(clock, weakref.WeakValueDictionary())
            else:
                gates = self._gates.setdefault(clock, {})
            gate = gates.get(name)
            if gate is None:
                gate = gates[name] = Gate(monotonic=clock.monotonic(), wall=clock.time())
            return gate


_gates = _Gates()


def gate_of(environment: Environment, clock: Clock) -> Gate:
    """Return the gate that all clients of this process share that talk to *environment*. Any thread."""
    return _gates.get(environment, clock)


def _forget_gates() -> None:
    """Somebody may have held a lock when the process was forked."""
    global _gates
    _gates = _Gates()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_gates)
