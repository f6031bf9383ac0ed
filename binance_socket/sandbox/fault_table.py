"""
What can go wrong, inside the server: the counters of faults to come, and the functions that make faults happen.

The public face is :class:`binance_socket.sandbox.faults.Faults`. It calls these by name, so that it works the same when
the server runs in another process.
"""

from __future__ import annotations

import functools
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

from .events import Event
from .wire_faults import FRAMES, REPLIES, UPGRADES, in_fragments

if TYPE_CHECKING:
    from .venue import Session, Venue
    from .wire import Wire

__all__ = ["FaultTable", "ReplyFault", "RequestFault", "Upgrade"]

ANY_METHOD: Final = ""


@attrs.frozen
class ReplyFault:
    """What happens to one reply: dropped, duplicated, delayed by *seconds*, or late (held until released)."""

    kind: str
    seconds: float = 0.0


@attrs.frozen
class RequestFault:
    """
    What happens to one request that passed all checks.

    It is lost, answered with an error (fail), cut off with its connection, carried out *seconds* later (slow), carried
    out without an answer (mute) or with one *seconds* later (late). *executed* says whether it is carried out where it
    is failed or cut off.
    """

    kind: str
    seconds: float = 0.0
    executed: bool = False
    status: int = 0
    code: int = 0
    data: Mapping[str, Any] | None = None


@attrs.frozen
class Upgrade:
    """An answer to an upgrade: another status than 101, or one that is spoiled (*kind*: see wire_faults.UPGRADES)."""

    status: int
    headers: Mapping[str, str]
    kind: str = ""


class FaultTable:
    """Faults to come, and those that came. Thread-safe."""

    def __init__(self) -> None:
        # Guards everything below. Notified when a fault happens.
        self._lock = threading.Condition(threading.Lock())
        self._refusals = 0
        self._upgrades: deque[Upgrade] = deque()
        # What arms the next new connections.
        self._arms: deque[Callable[[Wire], object]] = deque()
        self._holds = 0
        self._releases = 0
        self._ended = False
        # Those that do not read.
        self._deaf: list[Wire] = []
        self._replies: dict[str, deque[ReplyFault]] = {}
        self._requests: dict[str, deque[RequestFault]] = {}
        self._orders: dict[str, RequestFault] = {}
        self.query_lag = 0.0
        """How long what happened is hidden from queries about orders, in seconds. Read and written as a whole."""
        self._late: list[tuple[Any, bytes]] = []
        self._event_faults: deque[tuple[str, int]] = deque()
        self._triggered: Counter[str] = Counter()

    # What the server asks.

    def count(self, name: str, times: int = 1) -> None:
        """Note that a fault happened."""
        with self._lock:
            self._happened(name, times)

    def _happened(self, name: str, times: int = 1) -> None:
        """Requires holding the lock."""
        self._triggered[name] += times
        self._lock.notify_all()

    def triggered(self) -> dict[str, int]:
        """Return how often each fault happened."""
        with self._lock:
            return dict(self._triggered)

    def refuses(self) -> bool:
        """Tell whether the next connect is to be reset."""
        with self._lock:
            if not self._refusals:
                return False
            self._refusals -= 1
            self._happened("refuse")
            return True

    def next_upgrade(self) -> Upgrade | None:
        """Return what the next upgrade is to be answered with, if not the usual."""
        with self._lock:
            if not self._upgrades:
                return None
            upgrade = self._upgrades.popleft()
            self._happened(f"upgrade_{upgrade.kind}" if upgrade.kind else "refuse_upgrade")
            return upgrade

    def wait_to_upgrade(self, wire: Wire) -> None:
        """
        Keep the calling thread, which is about to answer an upgrade, if it is to be held and not cut off. Blocks.

        Whoever cuts the wire off waits for a lock that the calling thread has.
        """
        wire.on_abort = self._look
        with self._lock:
            if not self._holds or self._ended:
                return
            self._holds -= 1
            self._happened("hold_upgrades")
            releases = self._releases
            self._lock.wait_for(lambda: self._ended or self._releases > releases or wire.closed)

    def _look(self) -> None:
        with self._lock:
            self._lock.notify_all()

    def pause(self, seconds: float) -> bool:
        """Wait, unless the server is being closed; True if it is."""
        with self._lock:
            return self._lock.wait_for(lambda: self._ended, seconds)

    def end(self) -> None:
        """Hold nobody any more: the server is being closed."""
        with self._lock:
            self._ended = True
            self._lock.notify_all()

    def accepted(self, wire: Wire) -> None:
        """Arm a new connection's wire, if one is to be cut."""
        with self._lock:
            arm = self._arms.popleft() if self._arms else None
        if arm is not None:
            arm(wire)

    def next_reply(self, method: str) -> ReplyFault | None:
        """Return what is to happen to the next reply to *method*, if anything."""
        with self._lock:
            for name in (method, ANY_METHOD):
                if self._replies.get(name):
                    fault = self._replies[name].popleft()
                    if fault.kind != "late":
                        self._happened(f"{fault.kind}_replies")
                    return fault
        return None

    def next_request(self, method: str, params: Mapping[str, Any], api_key: str) -> RequestFault | None:
        """Return what is to happen to the next request for *method*, if anything."""
        if not self._requests and not self._orders:
            return None
        with self._lock:
            for name in self._names(method, params, api_key):
                if name in self._orders:
                    fault = self._orders.pop(name)
                    self._happened(f"{fault.kind}_requests")
                    return fault
            for name in (method, ANY_METHOD):
                if self._requests.get(name):
                    fault = self._requests[name].popleft()
                    self._happened(f"{fault.kind}_requests")
                    return fault
        return None

    @staticmethod
    def _names(method: str, params: Mapping[str, Any], api_key: str) -> tuple[Any, ...]:
        """Return by what a request is told from others."""
        if method == "openOrders.cancelAll":
            return (api_key,)
        return params.get("listClientOrderId"), params.get("newClientOrderId")

    def copies(self) -> int:
        """Return how often the next event is to be delivered."""
        if not self._event_faults:
            return 1
        with self._lock:
            if not self._event_faults:
                return 1
            name, copies = self._event_faults.popleft()
            self._happened(name)
            return copies

    def hold(self, outbox: Any, payload: bytes) -> None:
        """Keep a late reply until it is released."""
        with self._lock:
            self._late.append((outbox, payload))
            self._happened("late_replies")

    # What the public face arms.

    def refuse(self, venue: Venue, n: int) -> None:
        """Reset the next *n* connects."""
        with self._lock:
            self._refusals += n

    def refuse_upgrade(self, venue: Venue, n: int, status: int, headers: Mapping[str, str]) -> None:
        """Answer the next *n* upgrades with *status*."""
        with self._lock:
            self._upgrades.extend([Upgrade(status, dict(headers))] * n)

    def spoil_upgrade(self, venue: Venue, kind: str, n: int) -> None:
        """Answer the next *n* upgrades in one of the ways of wire_faults.UPGRADES. Raises KeyError."""
        UPGRADES[kind]
        with self._lock:
            self._upgrades.extend([Upgrade(101, {}, kind)] * n)

    def replies(self, venue: Venue, kind: str, method: str | None, n: int, seconds: float) -> None:
        """Let something happen to the next *n* replies to *method*, or to any."""
        with self._lock:
            self._replies.setdefault(method or ANY_METHOD, deque()).extend([ReplyFault(kind, seconds)] * n)

    def spoil_replies(self, venue: Venue, kind: str, method: str | None, n: int) -> None:
        """Spoil the next *n* replies in one of the ways of wire_faults.REPLIES. Raises KeyError."""
        REPLIES[kind]
        self.replies(venue, kind, method, n, 0.0)

    def requests(self, venue: Venue, method: str | None, n: int, *fault: Any) -> None:
        """Let something happen to the next *n* requests for *method*, or for any: a RequestFault's fields."""
        with self._lock:
            self._requests.setdefault(method or ANY_METHOD, deque()).extend([RequestFault(*fault)] * n)

    def order(self, venue: Venue, client_order_id: str, *fault: Any) -> None:
        """Let something happen to the request with this client order id: a RequestFault's fields."""
        with self._lock:
            self._orders[client_order_id] = RequestFault(*fault)

    def lag(self, venue: Venue, seconds: float) -> None:
        """Hide from queries what happened to orders in the last *seconds*."""
        self.query_lag = seconds
        self.count("lag")

    def hold_upgrades(self, venue: Venue, n: int) -> None:
        """Keep the next *n* upgrades waiting."""
        with self._lock:
            self._holds += n

    def release(self, venue: Venue) -> int:
        """Send the late replies, answer the upgrades that were held, read again."""
        with self._lock:
            late, self._late = self._late, []
            deaf, self._deaf = self._deaf, []
            self._releases += 1
            self._lock.notify_all()
        for wire in deaf:
            wire.read_on()
        for outbox, payload in late:
            outbox.send(payload)
        return len(late)

    def events(self, venue: Venue, name: str, n: int, copies: int) -> None:
        """Deliver each of the next *n* events *copies* times."""
        with self._lock:
            self._event_faults.extend([(name, copies)] * n)

    def wait_for(self, venue: Venue, name: str, count: int, timeout: float) -> bool:
        """Wait until a fault has happened *count* times."""
        with self._lock:
            return self._lock.wait_for(lambda: self._triggered[name] >= count, timeout)

    # What the public face makes happen now.

    def cut(self, venue: Venue, uid: int | None, reset: bool) -> int:
        """Break connections off."""
        sessions = venue.sessions_of(uid)
        for session in sessions:
            session.link.wire.kill(reset=reset)
        self.count("cut", len(sessions))
        return len(sessions)

    def cut_at(self, venue: Venue, byte_count: int, uid: int | None, reset: bool) -> None:
        """Break off after *byte_count* more bytes: an account's connections, or else the next new one."""
        self._arm(venue, uid, lambda wire: wire.cut_after(byte_count, reset=reset, on_cut=lambda: self.count("cut_at")))

    def cut_silent(self, venue: Venue) -> int:
        """Break off what has fallen silent."""
        sessions = [session for session in venue.sessions_of(None) if session.link.wire.frozen]
        for session in sessions:
            session.link.wire.kill()
            session.end()
        return len(sessions)

    def freeze_at(self, venue: Venue, byte_count: int, uid: int | None) -> None:
        """Fall silent after *byte_count* more bytes: an account's connections, or else the next new one."""
        self._arm(venue, uid, lambda wire: wire.freeze_after(byte_count, on_freeze=lambda: self.count("freeze_at")))

    def _arm(self, venue: Venue, uid: int | None, arm: Callable[[Wire], object]) -> None:
        """Arm an account's connections, or else the next new one."""
        if uid is None:
            with self._lock:
                self._arms.append(arm)
            return
        for session in venue.sessions_of(uid):
            arm(session.link.wire)

    def half_open(self, venue: Venue, uid: int | None) -> int:
        """Fall silent."""
        sessions = venue.sessions_of(uid)
        for session in sessions:
            session.link.wire.freeze()
        self.count("half_open", len(sessions))
        return len(sessions)

    def send_frames(self, venue: Venue, kind: str, uid: int | None) -> int:
        """Send what wire_faults.FRAMES has under that name. Raises KeyError."""
        frames = FRAMES[kind]
        sessions = venue.sessions_of(uid)
        for session in sessions:
            session.outbox.put(frames)
        self.count(f"frames_{kind}", len(sessions))
        return len(sessions)

    def drip(self, venue: Venue, seconds: float, uid: int | None) -> int:
        """Begin a frame, and send a byte of it now and then."""
        sessions = venue.sessions_of(uid)
        for session in sessions:
            session.outbox.put(FRAMES["drip"])
            self._drop_by_drop(venue, session, seconds)
        self.count("drip", len(sessions))
        return len(sessions)

    def _drop_by_drop(self, venue: Venue, session: Session, seconds: float) -> None:
        if session.outbox.stopped or self._ended:
            return
        session.outbox.put(b"x")
        when = venue.clock.monotonic() + seconds
        venue.timer.call_at(when, lambda: self._drop_by_drop(venue, session, seconds))

    def fragment(self, venue: Venue, uid: int | None) -> int:
        """Send every message in fragments, with pings between."""
        sessions = venue.sessions_of(uid)
        for session in sessions:
            session.link.transform = in_fragments
        self.count("fragment", len(sessions))
        return len(sessions)

    def split(self, venue: Venue, uid: int | None) -> int:
        """Send every byte by itself."""
        sessions = venue.sessions_of(uid)
        for session in sessions:
            session.link.wire.single_bytes = True
        self.count("split", len(sessions))
        return len(sessions)

    def stop_reading(self, venue: Venue, uid: int | None) -> int:
        """Read nothing more, until released."""
        sessions = venue.sessions_of(uid)
        for session in sessions:
            session.link.wire.stop_reading()
        with self._lock:
            self._deaf += [session.link.wire for session in sessions]
        self.count("stop_reading", len(sessions))
        return len(sessions)

    def close(self, venue: Venue, code: int, reason: str, uid: int | None) -> int:
        """Close in the WebSocket way."""
        sessions = venue.sessions_of(uid)
        for session in sessions:
            session.outbox.close_with(code, reason)
        self.count("close", len(sessions))
        return len(sessions)

    def shutdown(self, venue: Venue, grace: float) -> int:
        """Announce a shutdown, and close *grace* seconds later."""
        sessions = venue.sessions_of(None)
        for session in sessions:
            session.announce_shutdown()
            if grace > 0:
                when = venue.clock.monotonic() + grace
                venue.timer.call_at(when, functools.partial(session.outbox.close_with, 1001, "shutting down"))
            else:
                session.outbox.close_with(1001, "shutting down")
        self.count("shutdown", len(sessions))
        return len(sessions)

    def terminate(self, venue: Venue, uid: int) -> int:
        """End an account's subscriptions, unasked."""
        ended = sum(session.terminate(uid) for session in venue.sessions_of(uid))
        self.count("terminate", ended)
        return ended

    def mute(self, venue: Venue, uid: int) -> int:
        """Forget an account's subscriptions without a word."""
        muted = sum(session.mute(uid) for session in venue.sessions_of(uid))
        self.count("mute", muted)
        return muted

    def log_out(self, venue: Venue, uid: int) -> int:
        """End an account's logged-on sessions, unasked."""
        ended = sum(session.end_authentication() for session in venue.sessions_of(uid))
        self.count("log_out", ended)
        return ended

    def forget_key(self, venue: Venue, listen_key: str) -> None:
        """Forget a listen key without a word."""
        uid = venue.listen_keys.owner(listen_key)
        if uid is not None:
            venue.listen_keys.stop(uid, listen_key)
        self.count("forget_key")

    def expire(self, venue: Venue, listen_key: str) -> None:
        """Let a listen key expire now."""
        venue.listen_keys.expire(listen_key)
        self.count("expire")

    def revoke(self, venue: Venue, uid: int) -> int:
        """Revoke all keys of an account."""
        revoked = venue.keys.revoke(uid)
        self.count("revoke")
        return revoked

    def skew(self, venue: Venue, seconds: float) -> None:
        """Put the exchange's clock *seconds* ahead of the real one."""
        venue.wall.skew = seconds
        self.count("skew")

    def inject(self, venue: Venue, uid: int, payload: Mapping[str, Any] | bytes) -> int:
        """Send an event that never happened (wrapped as events are), or any message, to an account's connections."""
        if isinstance(payload, bytes):
            sessions = venue.sessions_of(uid)
            for session in sessions:
                session.outbox.send(payload)
            self.count("inject", len(sessions))
            return len(sessions)
        event = Event(orjson.loads(orjson.dumps(payload)))
        sinks = venue.feed(uid).sinks
        for sink in sinks:
            sink.event(event)
        self.count("inject", len(sinks))
        return len(sinks)
