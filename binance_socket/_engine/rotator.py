"""When connections are left for new ones: before the exchange ends them, when it says that it will, and on demand."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

import attrs

from .._session.backoff import Backoff
from .._session.rotation_time import rotation_delay
from .._session.state import ConnectionState as State
from .._wire.messages import Request
from ..errors import BinanceSocketError, ClientClosed
from .clock import Clock
from .connection import Connection
from .futures import CallFuture
from .rotation import OVERLAP, Rotation
from .timer import Alarm, Timer

__all__ = ["Role", "Rotator"]

logger = logging.getLogger(__name__)

_AT_LEAST: Final = 1.0
"""Seconds between two attempts."""


@attrs.define(eq=False)
class Role:
    """What a client has one connection for. Guarded by the rotator's lock, but for what is called."""

    connection: Connection
    make: Callable[[], Connection]
    """Makes another connection of the same kind."""
    probe: Request[Any]
    """What any such connection answers."""
    ask: Callable[[Connection], object]
    """Has requests sent on a connection."""
    adopt: Callable[[Connection], object]
    """Has a connection do everything that the role is for."""
    backoff: Backoff
    rotation: Rotation | None = None
    again: bool = False
    """Whether to try once more, once the present one is over."""
    needed: bool = False
    """Whether the connection has to be left even if the present one fails."""
    waiting: list[CallFuture[None]] = attrs.field(factory=list[CallFuture[None]])
    """Those who want another rotation after the present one."""
    asked: list[CallFuture[None]] = attrs.field(factory=list[CallFuture[None]])
    """Those who wait for the present one."""


class _Steps:
    """A rotation's Mover."""

    def __init__(self, rotator: Rotator, role: Role) -> None:
        self._rotator = rotator
        self._role = role

    def ask(self, connection: Connection) -> None:
        """Have requests sent there."""
        self._role.ask(connection)

    def adopt(self, connection: Connection) -> None:
        """Have it do everything."""
        self._rotator.adopt(self._role, connection)

    def done(self, rotation: Rotation, error: BinanceSocketError | None) -> None:
        """Tell those who wait."""
        self._rotator.done(self._role, rotation, error)

    def over(self, rotation: Rotation) -> None:
        """Let the next one begin."""
        self._rotator.over(self._role)


class Rotator:
    """Starts rotations, one for each role at a time, and keeps the connections that they need besides. Any thread."""

    def __init__(
        self,
        *,
        after: float | None,
        hours: tuple[float, float] | None,
        patience: float,
        chance: Callable[[], float],
        clock: Clock,
        timer: Timer,
        executor: Executor,
    ) -> None:
        self._after = after
        self._hours = hours
        self._patience = patience
        self._chance = chance
        self._clock = clock
        self._timer = timer
        self._executor = executor
        self._roles: list[Role] = []
        # Guards everything below, and what is in the roles. Nothing else is locked while it is held.
        self._lock = threading.Lock()
        self._closed = False
        self._alarms: dict[Connection, Alarm] = {}
        self._due: dict[Connection, float] = {}
        # What is, or was, used by a rotation; ended ones are forgotten.
        self._connections: list[Connection] = []

    def add(self, role: Role) -> None:
        """Take care of a role."""
        self._roles.append(role)
        role.connection.watcher = self

    @property
    def connections(self) -> list[Connection]:
        """The connections that are about to take over, or have been relieved, and have not ended yet."""
        if not self._connections:
            return []
        with self._lock:
            self._connections = [connection for connection in self._connections if not connection.ended]
            return list(self._connections)

    @property
    def next_at(self) -> float | None:
        """When the next rotation is due (monotonic), as far as is known by now."""
        with self._lock:
            return min(self._due.values(), default=None)

    def due(self, connection: Connection) -> float | None:
        """Return when a connection will be left for a new one (monotonic), None if that is not known, or never."""
        with self._lock:
            return self._due.get(connection)

    def rotate(self) -> list[CallFuture[None]]:
        """Leave every connection for a new one now. The futures are done when the old ones are closed."""
        futures: list[CallFuture[None]] = []
        for role in self._roles:
            if role.connection.state is not State.READY and role.rotation is None:
                continue
            future: CallFuture[None] = CallFuture(self._executor)
            futures.append(future)
            with self._lock:
                closed = self._closed
                role.waiting.append(future)
            if closed:
                self._finish([future], ClientClosed("the client is closed"))
            else:
                self._start(role)
        return futures

    def close(self) -> list[Connection]:
        """Start nothing more. Return the connections that have to be closed. Idempotent."""
        with self._lock:
            self._closed = True
            futures = [future for role in self._roles for future in (*role.waiting, *role.asked)]
            for role in self._roles:
                role.waiting.clear()
                role.asked.clear()
            connections = list(self._connections)
        self._finish(futures, ClientClosed("the client is closed"))
        return connections

    # What connections tell.

    def up(self, connection: Connection) -> None:
        """There is a link: it will have to be left some day."""
        if self._after is None:
            return
        delay = rotation_delay(self._after, self._hours, self._clock.time(), self._chance())
        when = self._clock.monotonic() + delay
        alarm = self._timer.call_at(when, functools.partial(self._need, connection))
        with self._lock:
            before = self._alarms.pop(connection, None)
            self._alarms[connection], self._due[connection] = alarm, when
        if before is not None:
            before.cancel()

    def down(self, connection: Connection) -> None:
        """There is no link any more."""
        with self._lock:
            alarm = self._alarms.pop(connection, None)
            self._due.pop(connection, None)
            closed = self._closed
        if alarm is not None:
            alarm.cancel()
        if closed:
            # It ends because the client does. That is no loss: what was received is told with the end of the others.
            return
        for role in self._roles:
            rotation = role.rotation
            if rotation is not None and rotation.old is connection:
                rotation.old_down()
            elif rotation is not None and rotation.new is connection:
                rotation.new_down()

    def leaving(self, connection: Connection) -> None:
        """The exchange is about to end a link."""
        self._need(connection)

    def _need(self, connection: Connection) -> None:
        """A connection has to be left, by the rotation that there is or by another one."""
        for role in self._roles:
            with self._lock:
                rotation, is_there = role.rotation, role.connection is connection
                role.needed = role.needed or is_there
                if rotation is not None and rotation.new is connection:
                    role.again = True
            if is_there:
                self._start(role)

    # How rotations begin and end.

    def _start(self, role: Role, until: float | None = None) -> None:
        old, now = role.connection, self._clock.monotonic()
        until = now + OVERLAP if until is None else until
        if now < until and old.state is State.READY and not old.succession.is_settled():
            # Somebody waits for an answer there. A rotation that is under way looks for that by itself.
            self._timer.call_at(now + _AT_LEAST / 10, functools.partial(self._start, role, until))
            return
        with self._lock:
            rotation, futures = role.rotation, list[CallFuture[None]]()
            is_new = rotation is None
            if self._closed:
                return
            if is_new:
                role.again = False
                futures, role.waiting = role.waiting, []
                if old.state is State.READY and (old.succession.in_use or futures):
                    rotation = role.rotation = self._rotation(role, old)
                    role.asked += futures
                    futures = []
                else:
                    role.needed = False
        # Without a link there is nothing to leave.
        self._finish(futures, None)
        if rotation is not None:
            # Also one that is there: whoever made it may have been interrupted by a signal handler.
            rotation.start()
            if not is_new:
                rotation.hurry()

    def _rotation(self, role: Role, old: Connection) -> Rotation:
        """Return one that leaves *old*. Requires holding the lock."""
        new = role.make()
        new.watcher = self
        self._connections = [other for other in self._connections if not other.ended]
        self._connections += [old, new]
        return Rotation(
            old,
            new,
            _Steps(self, role),
            probe=role.probe,
            patience=self._patience,
            clock=self._clock,
            timer=self._timer,
            executor=self._executor,
        )

    def adopt(self, role: Role, connection: Connection) -> None:
        """A rotation has come so far that another connection is the one to leave some day."""
        with self._lock:
            role.connection, role.needed = connection, False
        role.adopt(connection)

    def done(self, role: Role, rotation: Rotation, error: BinanceSocketError | None) -> None:
        """A rotation has done what others wait for, or was given up."""
        with self._lock:
            futures, role.asked = role.asked, []
        self._finish(futures, error)
        if error is None:
            role.backoff.reset()
        elif (role.needed or not futures) and role.connection.state is State.READY:
            # Nobody else will try again.
            role.again = True

    def over(self, role: Role) -> None:
        """A rotation is over altogether."""
        with self._lock:
            role.rotation = None
            again, waiting = role.again or role.needed, bool(role.waiting)
        if waiting:
            self._start(role)
        elif again and not self._closed:
            delay = role.backoff.next(_AT_LEAST)
            self._timer.call_at(self._clock.monotonic() + delay, functools.partial(self._start, role))

    def _finish(self, futures: list[CallFuture[None]], error: BinanceSocketError | None) -> None:
        for future in futures:
            if not future.start():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
