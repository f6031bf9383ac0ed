"""Everything that a subscription told its user, in the order in which it did."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from binance_socket import DataEvent, EventSource, UpdateSubscription

__all__ = ["HANDLERS", "PATIENCE", "Heard", "Notice", "Transcript", "content"]

PATIENCE = 20.0
HANDLERS = (
    "on_order_update_message",
    "on_oco_order_update_message",
    "on_account_position_message",
    "on_account_balance_update",
    "on_balance_lock_update",
    "on_listen_key_expired",
    "on_user_data_stream_terminated",
    "on_unknown_event",
)


def content(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event without the time at which it was sent."""
    return {key: value for key, value in payload.items() if key != "E"}


@attrs.frozen
class Heard:
    """An event."""

    payload: Mapping[str, Any]
    possible_duplicate: bool = False
    backfilled: bool = False
    """Whether it was found out after a gap."""
    late: bool = False
    """Whether later events may have been delivered before it."""
    handler: str = attrs.field(default="", eq=False)
    """The name of the handler that it came to."""
    data: Any = attrs.field(default=None, eq=False, repr=False)
    """What that handler was given of it."""

    @property
    def kind(self) -> Any:
        """The event's type."""
        return self.payload.get("e")


@attrs.frozen
class Notice:
    """Something else: lost, restored, closed, error, gap."""

    name: str
    detail: Any = None


class Transcript:
    """Thread-safe; written by callbacks."""

    def __init__(self) -> None:
        # Guards the entries.
        self._changed = threading.Condition(threading.Lock())
        self._entries: list[Heard | Notice] = []
        self.upon: Callable[[], object] | None = None
        """What a callback does besides, if anything."""

    @property
    def entries(self) -> list[Heard | Notice]:
        """What was told so far; a copy."""
        with self._changed:
            return list(self._entries)

    def hear(self, handler: str, event: DataEvent[Any]) -> None:
        """Take an event that came to the *handler* of that name."""
        if event.raw.get("e") == "eventStreamTerminated":
            # It belongs to the subscription, and not to the account: the ledger does not have it.
            self.note("terminated")
            return
        backfilled = event.source is EventSource.BACKFILL
        self._add(Heard(event.raw, event.possible_duplicate, backfilled, event.late, handler, event.data))
        if self.upon is not None:
            self.upon()

    def handlers(self) -> dict[str, Callable[[DataEvent[Any]], None]]:
        """Return keyword arguments that have every kind of event come here."""
        return {name: functools.partial(self.hear, name) for name in HANDLERS}

    def follow(self, subscription: UpdateSubscription) -> None:
        """Take the notices of *subscription*."""
        subscription.on_connection_lost(lambda: self.note("lost"))
        subscription.on_connection_restored(lambda downtime: self.note("restored", downtime))
        subscription.on_connection_closed(lambda: self.note("closed"))
        subscription.on_exception(lambda error: self.note("error", error))
        subscription.on_gap(lambda gap: self.note("gap", gap))

    def note(self, name: str, detail: Any = None) -> None:
        """Take a notice."""
        self._add(Notice(name, detail))

    def details(self, name: str) -> list[Any]:
        """Return what was told with the notices of that name."""
        return [entry.detail for entry in self.entries if isinstance(entry, Notice) and entry.name == name]

    def wait(self, what: str, reached: Callable[[list[Heard | Notice]], bool]) -> None:
        """Wait until *reached* is true of the entries. Raises AssertionError."""
        with self._changed:
            if not self._changed.wait_for(lambda: reached(self._entries), PATIENCE):
                raise AssertionError(f"waited for {what} in vain; heard {self._entries[-12:]}")

    def wait_whole(self, losses: int) -> None:
        """Wait until at least so many losses were told, and of each the restoration and what became of the gap."""

        def reached(entries: list[Heard | Notice]) -> bool:
            told = Counter(
                "final" if entry.name == "gap" and entry.detail.status.is_final else entry.name
                for entry in entries
                if isinstance(entry, Notice)
            )
            return told["lost"] >= losses and told["lost"] == told["restored"] == told["gap"] == told["final"]

        self.wait(f"{losses} losses and restorations, and the end of each gap", reached)

    def wait_for(self, *names: str) -> None:
        """Wait for notices of these names, in this order."""

        def reached(entries: list[Heard | Notice]) -> bool:
            left = list(names)
            for entry in entries:
                if left and isinstance(entry, Notice) and entry.name == left[0]:
                    del left[0]
            return not left

        self.wait(", ".join(names), reached)

    def wait_heard(self, payload: Mapping[str, Any], losses: int | None = None) -> bool:
        """
        Wait for an event, or for a loss beyond those that there were: then return False.

        Give the number of *losses* as of before the event was published, where one may have come in between.
        """
        wanted = content(payload)
        losses = len(self.details("lost")) if losses is None else losses
        came = False

        def reached(entries: list[Heard | Notice]) -> bool:
            nonlocal came
            came = any(isinstance(entry, Heard) and content(entry.payload) == wanted for entry in entries)
            return came or sum(isinstance(entry, Notice) and entry.name == "lost" for entry in entries) > losses

        self.wait(f"{payload}", reached)
        return came

    def find(self, wanted: Callable[[Heard], bool]) -> Heard:
        """Wait for an event that is *wanted*, and return the first. Raises AssertionError."""
        found: list[Heard] = []

        def reached(entries: list[Heard | Notice]) -> bool:
            found[:] = [entry for entry in entries if isinstance(entry, Heard) and wanted(entry)]
            return bool(found)

        self.wait("an event", reached)
        return found[0]

    def _add(self, entry: Heard | Notice) -> None:
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()
