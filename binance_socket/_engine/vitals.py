"""How a connection is, for people and programs that watch over it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime, timezone

from .._session.effects import Changed
from .._session.session import Session
from .._session.topics import shown_route
from ..health import ConnectionHealth, ConnectionRole, Route, StateChange
from .audience import Audience
from .clock import Clock
from .hooks import Hooks
from .link import Link

__all__ = ["Vitals"]

_numbers = itertools.count(1)


class Vitals:
    """
    What can be told of one connection: changes of its state, and how it is.

    A part of its connection, of which it has the lock, the session and the audience.
    """

    def __init__(
        self,
        name: str,
        session: Session,
        audience: Audience,
        clock: Clock,
        hooks: Hooks,
    ) -> None:
        self.number = next(_numbers)
        self._name = name
        self._session = session
        self._audience = audience
        self._clock = clock
        self._hooks = hooks
        self.duplicates = 0
        """How many events came both here and on the connection before. Written by the rotation, under its lock."""

    def note(self, changes: Iterable[Changed]) -> None:
        """Put changes of the state in line for :meth:`tell`. Requires holding the lock, which makes their order."""
        at = datetime.fromtimestamp(self._clock.time(), timezone.utc)
        for change in changes:
            self._hooks.note(
                StateChange(
                    connection=self._name,
                    number=self.number,
                    before=change.before,
                    after=change.after,
                    reason=change.reason,
                    at=at,
                )
            )

    def tell(self) -> None:
        """Tell what is in line. Any thread, under no lock."""
        self._hooks.tell()

    def examine(
        self, role: ConnectionRole, link: Link | None, read_at: float, stalled: bool, next_rotation: datetime | None
    ) -> ConnectionHealth:
        """Return how the connection is, which has *link*, and has read from it last at *read_at*. Requires the lock."""
        session, now = self._session, self._clock.monotonic()
        tally, error, close = session.tally, session.last_error, session.last_close
        return ConnectionHealth(
            name=self._name,
            number=self.number,
            role=role,
            state=session.state,
            wanted=session.wants_link,
            reason=None if error is None else str(error),
            close_code=None if close is None else close[0],
            frame_age=None if link is None else now - read_at,
            ping_age=None if link is None or link.pinged_at is None else now - link.pinged_at,
            pong_age=None if link is None or link.ponged_at is None else now - link.ponged_at,
            stalled=stalled,
            in_flight=session.in_flight,
            routes=tuple(
                Route(topic=topic.label, id=shown_route(topic, route)) for topic, route in self._audience.carried
            ),
            connects=tally.connects,
            losses=tally.losses,
            malformed=tally.malformed,
            late=tally.late,
            unrouted=tally.unrouted,
            duplicates=self.duplicates,
            next_rotation=next_rotation,
        )
