"""What ``client.health()`` returns, and what hooks are told: how a client is, as values that do not change any more."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Final

import attrs

from ._session.state import ConnectionState
from .gaps import Gap
from .models.rate_limits import RateLimits

__all__ = [
    "CallbackThreads",
    "ConnectionHealth",
    "ConnectionRole",
    "ConnectionState",
    "ExchangeClock",
    "Health",
    "Route",
    "StateChange",
    "StuckHandler",
    "SubscriptionHealth",
    "SubscriptionState",
]


class SubscriptionState(enum.Enum):
    """What a subscription is doing."""

    SUBSCRIBING = "subscribing"
    ACTIVE = "active"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


class ConnectionRole(enum.Enum):
    """What a client has a connection for."""

    API = "api"
    """Requests, and the account's events."""
    STREAMS = "streams"
    """The account's events by listen key."""
    MARKET = "market"
    """Market streams, of which one connection carries up to 1,024."""
    INQUIRIES = "inquiries"
    """Questions about orders whose outcome is unknown. It exists only while there are any."""
    ROTATION = "rotation"
    """About to take over from another one, or relieved by another one and about to end."""


@attrs.frozen(kw_only=True)
class StateChange:
    """A connection is in another state than before."""

    connection: str
    """The connection's name, as in :attr:`ConnectionHealth.name`."""
    number: int
    """Its number, as in :attr:`ConnectionHealth.number`."""
    before: ConnectionState
    after: ConnectionState
    reason: str | None
    """Why, where something went wrong; None otherwise."""
    at: datetime
    """When, by this machine's clock, in UTC."""

    def __str__(self) -> str:
        reason = "" if self.reason is None else f" ({self.reason})"
        return f"{self.connection} #{self.number}: {self.before.value} -> {self.after.value}{reason}"


@attrs.frozen(kw_only=True)
class Route:
    """Something that comes on a connection, or should."""

    topic: str
    """What it is: ``user data``, the name of a market stream, or a listen key of which only the beginning is shown."""
    id: str | None
    """What the exchange stamps on its events: a subscription's id, or the name of a stream. None while none come."""

    def __str__(self) -> str:
        if self.id is None:
            return f"{self.topic} (not open)"
        return self.topic if self.id == self.topic else f"{self.topic} as {self.id}"


@attrs.frozen(kw_only=True)
class ConnectionHealth:
    """
    How one connection is.

    What is counted is counted since the connection was made for the client, across all its links. When another one has
    taken over in a rotation, that one counts from 0.
    """

    name: str
    """``api``, ``streams``, ``market-1`` and so on, ``inquiries``. Who takes over has the name of the one before."""
    number: int
    """A number of our own, unique in this process."""
    role: ConnectionRole
    state: ConnectionState
    wanted: bool
    """Whether there is anything for which it should be up: requests that wait, or subscriptions."""
    reason: str | None
    """What went wrong last, None if nothing has since it is up. Also where it is IDLE because retrying is pointless."""
    close_code: int | None
    """
    With which WebSocket close code the last link ended; None if none has.

    1005 and 1006 stand for an end without a code, and without a close frame.
    """
    frame_age: float | None
    """Seconds since something of the exchange's was last read, whatever it was; None without a link."""
    ping_age: float | None
    """Seconds since the exchange's last ping, which comes every 20; None if none has come on this link."""
    pong_age: float | None
    """Seconds since the last answer to a ping of ours, which goes out only after silence; None if there was none."""
    stalled: bool
    """Whether it is not read at the moment, because a subscription has no room for more events."""
    in_flight: int
    """How many requests wait for an answer, the library's own included."""
    routes: tuple[Route, ...]
    """What comes on it, or should."""
    connects: int
    """How often there was a link."""
    losses: int
    """How often a link was lost."""
    malformed: int
    """Messages that were not understood. They are dropped."""
    late: int
    """Answers to no request that waits: late, repeated, or never asked for."""
    unrouted: int
    """Events of subscriptions that nobody has any more."""
    duplicates: int
    """Events that came both on it and on the one before it, while they were changed over, and were delivered once."""
    next_rotation: datetime | None
    """When it will be left for a new one, in UTC; None if that is not planned."""

    @property
    def problem(self) -> str | None:
        """What is wrong with it, for people; None if it is up, or need not be."""
        wrong = self.state is ConnectionState.FAILED or (self.wanted and self.state is not ConnectionState.READY)
        if not wrong or self.role is ConnectionRole.ROTATION:
            # Whatever becomes of a rotation, there is another connection that counts.
            return None
        return f"{self.name} is {self.state.value}" + ("" if self.reason is None else f": {self.reason}")

    def __str__(self) -> str:
        parts = [
            self.state.value,
            *(
                f"{what} {age:.1f} s ago"
                for what, age in (("frame", self.frame_age), ("ping", self.ping_age), ("pong", self.pong_age))
                if age is not None
            ),
            f"{self.in_flight} in flight",
            *(
                f"{what} {count}"
                for what, count in (
                    ("connects", self.connects),
                    ("losses", self.losses),
                    ("malformed", self.malformed),
                    ("late", self.late),
                    ("unrouted", self.unrouted),
                    ("duplicates", self.duplicates),
                )
                if count
            ),
        ]
        if self.stalled:
            parts.append("not read for want of room")
        if self.close_code is not None:
            parts.append(f"last closed with {self.close_code}")
        if self.reason is not None:
            parts.append(self.reason)
        if self.next_rotation is not None:
            parts.append(f"rotates {self.next_rotation:%Y-%m-%d %H:%M} UTC")
        if self.routes:
            shown = ", ".join(str(route) for route in self.routes[:_ROUTES_SHOWN])
            rest = len(self.routes) - _ROUTES_SHOWN
            parts.append(f"carries {shown}" + (f" and {rest} more" if rest > 0 else ""))
        return f"{self.name} #{self.number}: {', '.join(parts)}"


@attrs.frozen(kw_only=True)
class SubscriptionHealth:
    """How one subscription is."""

    id: int
    """As in ``UpdateSubscription.id``."""
    state: SubscriptionState
    stream: str | None
    """On what its events come: a subscription's id at the exchange, or a stream; None where on several, or none yet."""
    topics: tuple[str, ...]
    """What it listens to, as in :attr:`Route.topic`."""
    pending: int
    """How many events wait for its callback."""
    high_water: int
    """The most that ever waited."""
    dropped: int
    """How many were dropped because of a slow callback: never the account's."""
    lagging: bool
    """Whether ``on_lag`` has told that the callback is too slow, and it has not caught up since."""
    gap: Gap | None
    """The time during which events are missing, and of which not everything was told yet; None if there is none."""
    gaps: int
    """How many of them there were."""
    last_received_at: datetime | None
    """When its last event was read from the socket, in UTC; None before the first."""

    @property
    def problem(self) -> str | None:
        """What is wrong with it, for people; None if nothing is."""
        if self.state is SubscriptionState.RECONNECTING:
            return f"subscription {self.id} hears nothing at the moment"
        if self.gap is not None:
            return f"subscription {self.id} is finding out what it has missed"
        return None

    def __str__(self) -> str:
        parts = [self.state.value, f"{self.pending} waiting (most {self.high_water})"]
        if self.dropped:
            parts.append(f"{self.dropped} dropped")
        if self.gaps:
            parts.append(f"{self.gaps} gaps")
        if self.lagging:
            parts.append("lagging")
        if self.last_received_at is not None:
            parts.append(f"last event {self.last_received_at:%Y-%m-%d %H:%M:%S} UTC")
        return f"subscription {self.id}: {', '.join(parts)}"


@attrs.frozen
class StuckHandler:
    """A callback that has been running for ``ClientOptions.stuck_after`` seconds or more."""

    name: str
    """Whose callback it is, for example ``subscription 3``."""
    thread: str
    """The name of the thread that it runs on."""
    seconds: float
    """For how long at least."""

    def __str__(self) -> str:
        return f"a callback of {self.name} has been running for {self.seconds:.0f} s on thread {self.thread}"


@attrs.frozen(kw_only=True)
class CallbackThreads:
    """What the client's own callback threads are doing."""

    busy: int
    """How many run something."""
    most: int
    """How many there may be: ``ClientOptions.callback_threads``."""
    waiting: int
    """How much waits for one of them: above 0, all are busy."""


@attrs.frozen(kw_only=True)
class ExchangeClock:
    """What is known of the exchange's clock."""

    offset: float
    """By how many seconds it is ahead of this machine's; negative if it is behind."""
    uncertainty: float
    """By how much that may be wrong, in seconds."""
    known: bool
    """Whether the exchange has told the time at all. Until then this machine's clock is believed."""


@attrs.frozen(kw_only=True, repr=False)
class Health:
    """How a client is. ``print(client.health())`` shows it in a few lines."""

    at: datetime
    """When that was, by this machine's clock, in UTC."""
    environment: str
    closed: bool
    connections: tuple[ConnectionHealth, ...]
    subscriptions: tuple[SubscriptionHealth, ...]
    """Those that have not ended."""
    clock: ExchangeClock
    rate_limits: RateLimits
    callback_threads: CallbackThreads | None
    """None where an executor of yours runs the callbacks."""
    stuck: tuple[StuckHandler, ...]
    hooks_dropped: int
    """How many calls of hooks were dropped, because they were too slow."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, for people. Empty if the client is open, what should be up is up, and nothing is stuck."""
        things = (
            "the client is closed" if self.closed else None,
            *(connection.problem for connection in self.connections),
            *(subscription.problem for subscription in self.subscriptions),
            *(str(handler) for handler in self.stuck),
        )
        return tuple(problem for problem in things if problem is not None)

    @property
    def ok(self) -> bool:
        """Whether every connection that is wanted is up, every subscription hears its events, and nothing is stuck."""
        return not self.problems

    def connection(self, name: str) -> ConnectionHealth | None:
        """Return how the connection *name* is, for example ``api``; None if there is none at the moment."""
        return next((connection for connection in self.connections if connection.name == name), None)

    def __str__(self) -> str:
        clock, threads = self.clock, self.callback_threads
        known = f"{clock.offset:+.3f} s off, give or take {clock.uncertainty:.3f} s" if clock.known else "not known"
        lines = [
            f"{self.environment} at {self.at:%Y-%m-%d %H:%M:%S} UTC: {'ok' if self.ok else '; '.join(self.problems)}",
            *(f"  {thing}" for thing in (*self.connections, *self.subscriptions)),
            f"  the exchange's clock: {known}",
            f"  {self.rate_limits!r}",
        ]
        if threads is not None:
            lines.append(f"  callback threads: {threads.busy} of {threads.most} busy, {threads.waiting} waiting")
        if self.hooks_dropped:
            lines.append(f"  hooks: {self.hooks_dropped} calls dropped")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Health of {self.environment}: {'ok' if self.ok else '; '.join(self.problems)}>"


_ROUTES_SHOWN: Final = 3
