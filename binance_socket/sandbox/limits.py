"""
Rate limits, counted as the exchange counts them.

Intervals are aligned to the clock: what is sent at 00:01:23 counts towards the minute of 00:01:00 and is forgotten at
00:02:00. Request weight and raw requests are counted per address (there is one: loopback), orders per account: those
that have had no fill, because the first fill of an order takes it off the count. Sources: the WebSocket API document,
"Rate limits", and the document on unfilled order counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from .errors import ExchangeError

__all__ = ["Limits", "Quota"]

_INTERVALS: Final = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400}
_BAN_SECONDS: Final = 120
_LONGEST_BAN_SECONDS: Final = 3 * 86400
_TOO_MUCH: Final = {
    "REQUEST_WEIGHT": "Too much request weight used; current limit is {} request weight per 1 MINUTE. Please use "
    "WebSocket Streams for live updates to avoid polling the API.",
    "RAW_REQUESTS": "Too many requests queued.",
}


@attrs.frozen
class Quota:
    """How much of something is allowed in an interval."""

    kind: str
    interval: str
    interval_number: int
    limit: int

    @property
    def seconds(self) -> int:
        """The interval's length."""
        return _INTERVALS[self.interval] * self.interval_number

    def describe(self) -> dict[str, Any]:
        """Return the quota as ``exchangeInfo`` shows it."""
        return {
            "rateLimitType": self.kind,
            "interval": self.interval,
            "intervalNum": self.interval_number,
            "limit": self.limit,
        }


class _Counter:
    """What was used of one quota. The caller holds the lock of :class:`Limits`."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self._interval = -1
        self._count = 0

    def count(self, now: float) -> int:
        interval = int(now // self.quota.seconds)
        if interval != self._interval:
            self._interval, self._count = interval, 0
        return self._count

    def add(self, now: float, amount: int) -> int:
        self._count = self.count(now) + amount
        return self._count

    def take_off(self, now: float) -> None:
        # There is no credit for fills beyond that.
        self._count = max(self.count(now) - 1, 0)

    def ends(self, now: float) -> int:
        """Return when the current interval ends, in epoch milliseconds."""
        return (int(now // self.quota.seconds) + 1) * self.quota.seconds * 1000

    def status(self, now: float) -> dict[str, Any]:
        return {**self.quota.describe(), "count": self.count(now)}


class Limits:
    """
    Counts and refuses. Thread-safe.

    After *ban_after* refused requests within a minute the address is banned: status 418, for two minutes, and twice as
    long every further time.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        weight_limit: int = 6000,
        order_limits: tuple[int, int] = (50, 160_000),
        raw_limit: int = 61_000,
        connection_limit: int = 300,
        ban_after: int = 5,
    ) -> None:
        self._now = now
        self._order_quotas = (
            Quota("ORDERS", "SECOND", 10, order_limits[0]),
            Quota("ORDERS", "DAY", 1, order_limits[1]),
        )
        self._ban_after = ban_after
        # Guards everything below.
        self._lock = threading.Lock()
        self._weight = _Counter(Quota("REQUEST_WEIGHT", "MINUTE", 1, weight_limit))
        self._raw = _Counter(Quota("RAW_REQUESTS", "MINUTE", 5, raw_limit))
        self._connections = _Counter(Quota("CONNECTIONS", "MINUTE", 5, connection_limit))
        self._violations = _Counter(Quota("REQUEST_WEIGHT", "MINUTE", 1, ban_after))
        self._orders: dict[int, tuple[_Counter, _Counter]] = {}
        # By the thread that places orders, and whose: how many of them were filled before they were counted.
        self._placing: dict[tuple[int, int], int] = {}
        self._banned_until = 0.0
        self._bans = 0
        self._refused = 0

    @property
    def quotas(self) -> list[dict[str, Any]]:
        """All limits, as ``exchangeInfo`` lists them."""
        quotas = (self._weight.quota, *self._order_quotas, self._raw.quota, self._connections.quota)
        return [quota.describe() for quota in quotas]

    @property
    def refused(self) -> int:
        """How many requests were refused for exceeding a limit, or during a ban."""
        with self._lock:
            return self._refused

    def connect(self) -> int | None:
        """Count a connect. Return None, or the seconds to stay away when there were too many."""
        now = self._now()
        with self._lock:
            if self._connections.add(now, 1) > self._connections.quota.limit:
                return max(1, int(self._connections.ends(now) / 1000 - now))
            return None

    def spend(self, weight: int) -> None:
        """Count a request of *weight*. Raises ExchangeError -1003: status 429, or 418 while banned."""
        now = self._now()
        with self._lock:
            if now < self._banned_until:
                self._refused += 1
                raise self._ban_error(now)
            counters = [(self._weight, weight), (self._raw, 1)]
            exceeded = [counter for counter, amount in counters if counter.add(now, amount) > counter.quota.limit]
            if not exceeded:
                return
            self._refused += 1
            if self._violations.add(now, 1) > self._ban_after:
                seconds = min(_BAN_SECONDS * 2**self._bans, _LONGEST_BAN_SECONDS)
                self._bans += 1
                self._banned_until = now + seconds
                raise self._ban_error(now)
            # Whoever comes back when the first of them has ended would be refused again.
            counter = max(exceeded, key=lambda counter: counter.ends(now))
            raise ExchangeError(
                -1003,
                _TOO_MUCH[counter.quota.kind].format(counter.quota.limit),
                status=429,
                data={"serverTime": int(now * 1000), "retryAfter": counter.ends(now)},
            )

    def connected(self, weight: int) -> None:
        """Count the weight of a connect, which is never refused for it."""
        now = self._now()
        with self._lock:
            self._weight.add(now, weight)

    def check_orders(self, uid: int) -> None:
        """Raise ExchangeError -1015 (status 429) when the account may not place another order now."""
        now = self._now()
        with self._lock:
            self._placing[threading.get_ident(), uid] = 0
            for counter in self._counters(uid):
                if counter.count(now) >= counter.quota.limit:
                    self._refused += 1
                    quota = counter.quota
                    raise ExchangeError(
                        -1015,
                        f"Too many new orders; current limit is {quota.limit} orders per "
                        f"{quota.interval_number} {quota.interval}.",
                        status=429,
                        data={"serverTime": int(now * 1000), "retryAfter": counter.ends(now)},
                    )

    def order_placed(self, uid: int, count: int = 1) -> None:
        """Count an order, or the *count* orders of a list."""
        now = self._now()
        with self._lock:
            filled = self._placing.pop((threading.get_ident(), uid), 0)
            for counter in self._counters(uid):
                counter.add(now, count)
                for _ in range(filled):
                    counter.take_off(now)

    def heard(self, uid: int, payload: Mapping[str, Any]) -> None:
        """Take in an event of the account's: the first fill of an order takes it off the count of all intervals."""
        if payload.get("e") != "executionReport" or payload.get("x") != "TRADE" or payload["l"] != payload["z"]:
            return
        now = self._now()
        with self._lock:
            place = (threading.get_ident(), uid)
            if place in self._placing:
                self._placing[place] += 1
                return
            for counter in self._counters(uid):
                counter.take_off(now)

    def weight_status(self) -> list[dict[str, Any]]:
        """Return the weight used, as ``rateLimits`` shows it."""
        now = self._now()
        with self._lock:
            return [self._weight.status(now)]

    def order_status(self, uid: int) -> list[dict[str, Any]]:
        """Return the orders counted for the account, as ``rateLimits`` shows them."""
        now = self._now()
        with self._lock:
            return [counter.status(now) for counter in self._counters(uid)]

    def _counters(self, uid: int) -> tuple[_Counter, _Counter]:
        if uid not in self._orders:
            short, long = self._order_quotas
            self._orders[uid] = (_Counter(short), _Counter(long))
        return self._orders[uid]

    def _ban_error(self, now: float) -> ExchangeError:
        until = int(self._banned_until * 1000)
        return ExchangeError(
            -1003,
            f"Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for live updates "
            "to avoid bans.",
            status=418,
            data={"serverTime": int(now * 1000), "retryAfter": until},
        )
