"""What runs in a subscription's turn: its events, one at a time, to the user's callbacks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Protocol

from ._engine.hub import Hub
from ._engine.recoverable import Sources
from ._engine.recovery import Recovery
from ._wire.codec import loads
from ._wire.values import as_object
from .arrivals import Batch, Dispatcher, EventSource
from .callbacks import Callbacks
from .deliveries import Event, Item, Notice
from .errors import BinanceSocketError, DecodeError
from .gaps import Gap

__all__ = ["Deliverer", "Taker"]

# Under the name of the module whose subscription it is.
logger = logging.getLogger("binance_socket.events")


class Taker(Protocol):
    """The subscription whose events are delivered."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def stream(self) -> str | int | None:
        """What its events come on."""
        ...

    def run_in_turn(self, function: Callable[[], object]) -> None:
        """Run *function* in its turn among the events. Any thread."""
        ...

    def goes_on(self) -> None:
        """Another event is delivered, within the same turn."""
        ...

    def unreadable(self, batch: Batch, error: DecodeError, losses: int) -> None:
        """An event could not be read, after so many *losses* were delivered."""
        ...


class Deliverer:
    """
    Delivers what waits for one subscription, and what was found out about its gaps.

    Everything in it is to be called in the subscription's turn, but :attr:`recovery`, which says itself what may be.
    """

    def __init__(
        self,
        subscription: Taker,
        hub: Hub,
        dispatch: Dispatcher,
        callbacks: Callbacks,
        *,
        most_held: int,
        sources: Sources | None,
    ) -> None:
        self._subscription = subscription
        self._clock = hub.clock
        self._dispatch = dispatch
        self._callbacks = callbacks
        self.recovery: Recovery[Event] = Recovery(
            self,
            clock=hub.clock,
            timer=hub.timer,
            server_clock=hub.server_clock,
            most_held=most_held,
            sources=sources,
        )
        # How many losses have had their turn among the events, and whether the end has.
        self._losses, self._told_end = 0, False

    def deliver(self, item: Item) -> None:
        """Do what is next."""
        if self._told_end:
            return  # it was posted by somebody who had found the subscription open just before
        if isinstance(item, Notice):
            item.give()
        elif self.recovery.holding:
            self.recovery.hold(item)
        else:
            self._deliver_event(item)

    def end(self, error: BinanceSocketError | None) -> None:
        """Tell that nothing more comes, and why if that is an error. Nothing is delivered after it."""
        try:
            self.recovery.end()
            if error is not None:
                self._callbacks.tell(error)
            self._callbacks.tell_closed()
        finally:
            self._told_end = True

    def part(self) -> None:
        """Tell that nothing more comes, where the rest has been dropped meanwhile."""
        self.recovery.abandon()
        self._callbacks.tell_closed()

    def _deliver_event(self, item: Event) -> None:
        event, batch = item
        payload: Any
        if isinstance(event, bytes):
            try:
                payload = _read(event)
            except DecodeError as error:
                self._callbacks.tell(error)
                self.recovery.missed(batch.read_at)
                self._subscription.unreadable(batch, error, self._losses)
                return
        else:
            payload = event
        if payload is None:
            return
        told = self.recovery.told
        if told is None or told.take(payload):
            self._dispatch(payload, batch, self._callbacks.tell)

    # What recovery asks for.

    def run_in_turn(self, function: Callable[[], object]) -> None:
        """Run *function* in its turn among the events, on the executor. Any thread."""
        self._subscription.run_in_turn(function)

    def deliver_held(self, item: Event) -> None:
        """Deliver an event that had to wait."""
        self._subscription.goes_on()
        try:
            self._deliver_event(item)
        except BaseException as exc:  # noqa: BLE001  # the user's callback; there is more to deliver
            self._callbacks.tell_raised(exc)

    def deliver_recovered(self, payload: dict[str, Any], *, late: bool) -> None:
        """Deliver an event that was found out afterwards."""
        self._subscription.goes_on()
        now = datetime.fromtimestamp(self._clock.time(), timezone.utc)
        batch = Batch(self._subscription.stream, now, source=EventSource.BACKFILL, late=late)
        try:
            self._dispatch(payload, batch, self._callbacks.tell)
        except BaseException as exc:  # noqa: BLE001  # the same
            self._callbacks.tell_raised(exc)

    def payload_of(self, item: Event) -> Mapping[str, Any]:
        """Return what an event says; nothing where it cannot be read."""
        event = item[0]
        if isinstance(event, bytes):
            try:
                return as_object(_read(event))
            except DecodeError:
                return {}
        return as_object(event)

    def tell_lost(self) -> None:
        """Tell the user of a loss, in its turn among the events."""
        self._callbacks.tell_lost()
        self._losses += 1

    def tell_gap(self, gap: Gap) -> None:
        """Tell the user."""
        self._callbacks.tell_gap(gap)

    def tell_defect(self, defect: Exception) -> None:
        """Tell the user of a defect of ours, because of which something stays unknown."""
        logger.error("subscription %d: looking into what was missed", self._subscription.id, exc_info=defect)
        error = BinanceSocketError(f"subscription {self._subscription.id}: internal error: {defect!r}")
        error.__cause__ = defect
        self._callbacks.tell(error)


def _read(text: bytes) -> Any:
    """Return the event of a text that was cut out of its wrapping by position: something may stand behind it there."""
    try:
        return loads(text)
    except DecodeError:
        return loads(b'{"event":' + text + b"}")["event"]
