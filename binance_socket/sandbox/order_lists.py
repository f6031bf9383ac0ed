"""Order lists: orders that depend on one another. What happens when is decided by the market that they are in."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import attrs

from .money import ZERO
from .orders import Order, OrderRequest, Side

if TYPE_CHECKING:
    # An account holds its order lists, and a list names its account.
    from .accounts import AccountState

__all__ = ["Contingency", "ListRequest", "ListStatus", "OrderList"]


class Contingency(enum.Enum):
    """What connects the orders: one cancels the other, or one triggers the others."""

    OCO = "OCO"
    OTO = "OTO"


class ListStatus(enum.Enum):
    """What a listStatus event tells (``listStatusType``)."""

    EXEC_STARTED = "EXEC_STARTED"
    UPDATED = "UPDATED"
    ALL_DONE = "ALL_DONE"


@attrs.frozen(kw_only=True)
class ListRequest:
    """
    A new order list as it was asked for.

    Without *working* it is an OCO: *legs* is the pair, what waits for a loss first. With it, *legs* are the one or
    two orders that are placed once the working order is filled; where it *pays*, with the quantity that was received.
    """

    legs: tuple[OrderRequest, ...]
    working: OrderRequest | None = None
    pays: bool = False
    client_order_id: str | None = None

    @property
    def requests(self) -> tuple[OrderRequest, ...]:
        """All orders, in the order in which they are told of."""
        return self.legs if self.working is None else (self.working, *self.legs)


@attrs.define(eq=False)
class OrderList:
    """An order list's life. Changed by its market alone, under the exchange's lock."""

    id: int
    account: AccountState
    symbol: str
    client_order_id: str
    created_at: int
    updated_at: int
    orders: Sequence[Order]
    """All of them: the working one first, of a pair what waits for a loss first."""
    contingency: Contingency
    pays: bool = False
    received: Decimal = ZERO
    """Where the working order pays: what it received so far, and what is locked for that reason."""
    is_done: bool = False

    @property
    def working(self) -> Order | None:
        """The order that triggers the others, if there is one."""
        return self.orders[0] if self.contingency is Contingency.OTO else None

    @property
    def legs(self) -> Sequence[Order]:
        """The orders that are triggered, or the pair."""
        return self.orders[1:] if self.contingency is Contingency.OTO else self.orders

    def sibling(self, order: Order) -> Order | None:
        """Return the order that *order* cancels and is cancelled by."""
        legs = self.legs
        if len(legs) < 2 or order not in legs:
            return None
        return legs[1] if order is legs[0] else legs[0]

    def keeps(self, order: Order) -> bool:
        """Whether what *order* receives is kept for the orders that it triggers."""
        return self.pays and order is self.orders[0] and order.side is Side.BUY
