"""What a request costs, and its place among those that wait until that can be spent. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import attrs

__all__ = ["Cost", "Waiter"]


@attrs.frozen
class Cost:
    """What a request counts as."""

    weight: int
    raw: int = 1
    orders: int = 0
    account: Hashable = None
    """Whose orders."""


@attrs.define(eq=False)
class Waiter:
    """A request that waits for room."""

    cost: Cost
    owner: Hashable
    """Who is told when there is room."""
    subject: Any = None
    """The owner's own: what it will send."""
    urgent: bool = False
    """Whether it goes before everything that is not, and may use the spare room."""
    place: int = attrs.field(default=0, init=False)
    booking: int = attrs.field(default=0, init=False)
    gone: bool = attrs.field(default=False, init=False)

    @property
    def lane(self) -> Hashable:
        """With whom it stands in line."""
        return "urgent" if self.urgent else (self.cost.account, bool(self.cost.orders))

    @property
    def rank(self) -> tuple[bool, int]:
        """The lowest of those that are first in their lanes goes first."""
        return not self.urgent, self.place
