"""What is recovered for, and from where. See recovery.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import attrs

from .._wire.messages import Request
from ..gaps import Gap
from ..models.response import Response
from .futures import CallFuture

__all__ = ["Recoverable", "Sources"]

T_contra = TypeVar("T_contra", contravariant=True)


class Recoverable(Protocol[T_contra]):
    """The subscription that something is recovered for. Everything but the first is called in its turn."""

    def run_in_turn(self, function: Callable[[], object]) -> None:
        """Run *function* in its turn among the events. Any thread."""
        ...

    def deliver_held(self, item: T_contra) -> None:
        """Deliver an event that had to wait."""
        ...

    def deliver_recovered(self, payload: dict[str, Any], *, late: bool) -> None:
        """Deliver an event that was found out; *late* if later ones have been delivered already."""
        ...

    def payload_of(self, item: T_contra) -> Mapping[str, Any]:
        """Return what an event that waits says; empty where it cannot be read."""
        ...

    def tell_lost(self) -> None:
        """Tell the user of a loss."""
        ...

    def tell_gap(self, gap: Gap) -> None:
        """Tell the user."""
        ...

    def tell_defect(self, defect: Exception) -> None:
        """Tell the user of a defect of ours."""
        ...


@attrs.frozen(kw_only=True)
class Sources:
    """Where the account's state can be asked for, and how."""

    account: str
    """What to call it."""
    submit: Callable[[Request[Any]], CallFuture[Response[Any]]]
    room: Callable[[], int]
    """Returns how much weight is left in this minute."""
    hold: float
    """How long events may wait for what comes before them, in seconds."""
    rechecks: tuple[float, ...]
    """When to ask again, in seconds after events have come again: the exchange's database may be behind."""
