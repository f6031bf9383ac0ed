"""What all connections of a sandbox share."""

from __future__ import annotations

import functools
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping

import attrs
from websockets.frames import Frame, Opcode

from .._engine.clock import Clock
from .._engine.timer import Timer
from .accounts import AccountState
from .events import Feed
from .exchange import Exchange
from .fault_table import FaultTable
from .limits import Limits
from .links import Heart, Link, Outbox
from .listen_keys import ListenKeys
from .publisher import Publisher
from .security import KeyRing

__all__ = ["Session", "SkewedClock", "Venue"]


class SkewedClock:
    """The exchange's wall clock, which a fault may put off by *skew* seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.skew = 0.0

    def time(self) -> float:
        """Return seconds since the epoch, as the exchange believes them to be."""
        return self._clock.time() + self.skew

    def milliseconds(self) -> int:
        """Return the same in whole milliseconds."""
        return int(self.time() * 1000)


@attrs.define(eq=False)
class Venue:
    """The exchange, its keys and limits, its clock, and who is connected."""

    clock: Clock
    wall: SkewedClock
    timer: Timer
    exchange: Exchange
    keys: KeyRing
    limits: Limits
    faults: FaultTable
    listen_keys: ListenKeys
    publisher: Publisher
    # Guards the two below.
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _accounts: dict[int, tuple[AccountState, Feed]] = attrs.field(
        factory=dict[int, "tuple[AccountState, Feed]"], init=False
    )
    _sessions: dict[Session, None] = attrs.field(factory=dict["Session", None], init=False)

    def open_account(self, balances: Mapping[str, str]) -> AccountState:
        """Open an account, and listen to it."""
        state = self.exchange.open_account(balances)
        feed = Feed(self.faults.copies)
        with self._lock:
            self._accounts[state.uid] = (state, feed)
        self.exchange.listen(state, feed)
        self.exchange.listen(state, functools.partial(self.limits.heard, state.uid))
        return state

    def account(self, uid: int) -> AccountState:
        """Return an account. Raises KeyError."""
        with self._lock:
            return self._accounts[uid][0]

    def feed(self, uid: int) -> Feed:
        """Return where an account's events can be heard. Raises KeyError."""
        with self._lock:
            return self._accounts[uid][1]

    def join(self, session: Session) -> None:
        """Note a new connection."""
        with self._lock:
            self._sessions[session] = None

    def leave(self, session: Session) -> None:
        """Forget a connection."""
        with self._lock:
            self._sessions.pop(session, None)

    def sessions_of(self, uid: int | None) -> list[Session]:
        """Return the connections on which an account was seen, or all of them, without those that were cut."""
        with self._lock:
            sessions = [session for session in self._sessions if uid is None or uid in session.uids]
        return [session for session in sessions if not session.link.wire.closed]


class Session(ABC):
    """
    One WebSocket connection, of either kind.

    ``receive`` is called on the connection's own thread; ``announce_shutdown`` on any.
    """

    def __init__(self, venue: Venue, link: Link, *, microseconds: bool) -> None:
        self.venue, self.link, self.microseconds = venue, link, microseconds
        self.connected_at = venue.wall.milliseconds()
        self.uids: set[int] = set()
        """The accounts that were seen on this connection."""
        self.outbox = Outbox(link)
        self.heart = Heart(self.outbox, venue.clock, venue.timer, self._end_of_day)
        link.on_control = self.control
        venue.join(self)

    @abstractmethod
    def receive(self, message: str) -> None:
        """Take a message of the peer's."""

    @abstractmethod
    def wrapped(self, payload: bytes) -> bytes:
        """Return a payload that belongs to no subscription in the form in which this connection sends it."""

    def control(self, frame: Frame) -> None:
        """Take a ping or pong."""
        if frame.opcode is Opcode.PONG:
            self.heart.pong(bytes(frame.data))
            self.venue.faults.count("pongs")

    def terminate(self, uid: int) -> int:
        """End the user data subscriptions of an account that this connection has, unasked. Return how many."""
        return 0

    def mute(self, uid: int) -> int:
        """Forget the user data subscriptions of an account that this connection has. Return how many."""
        return 0

    def end_authentication(self) -> int:
        """End the logged-on session, unasked. Return whether there was one."""
        return 0

    def announce_shutdown(self) -> None:
        """Send ``serverShutdown``."""
        self.outbox.send(self.wrapped(b'{"e":"serverShutdown","E":%d}' % self.now()))

    def _end_of_day(self) -> None:
        """Announce that the connection's 24 hours are over."""
        self.announce_shutdown()
        self.venue.faults.count("end_of_day")

    def now(self) -> int:
        """Return the exchange's time in this connection's unit."""
        return self.venue.wall.milliseconds() * (1000 if self.microseconds else 1)

    def end(self) -> None:
        """Release everything. Idempotent."""
        self.venue.leave(self)
        self.heart.stop()
        self.outbox.stop()
