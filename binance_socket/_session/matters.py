"""
What becomes of orders: how the outcome of each method shows in late replies, events and answers. Pure.

Which method has which is in :mod:`.plans`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from .._wire.known_orders import known_order, known_orders, milliseconds
from .._wire.messages import Reply, Request
from .._wire.values import as_array, as_object, decimal_from
from ..outcomes import Executed, KnownOrder, NotExecuted, NotPlaced, OutcomeSource, Placed
from .findings import (
    Answer,
    Finding,
    Follow,
    Key,
    Settled,
    Standing,
    Unclear,
    is_absent,
    is_error,
    names_in,
    order_status,
    query,
    told,
    unclear,
)

__all__ = [
    "Amendment",
    "Cancellation",
    "Placement",
    "Unanswerable",
]

QUERY: Final = OutcomeSource.QUERY
EVENT: Final = OutcomeSource.EVENT
REPLY: Final = OutcomeSource.LATE_REPLY

# The statuses in which nothing happens to an order any more.
_CANCELED: Final = "CANCELED"
_FINAL: Final = frozenset({_CANCELED, "FILLED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"})
_MOST_AMENDMENTS: Final = 1000

Params = Mapping[str, Any]


@attrs.frozen
class Placement:
    """An order that was to be placed: it is there, or it is not."""

    symbol: str
    client_order_id: str
    since: int
    """Milliseconds: what the exchange did before was not for this request."""
    half: bool = False
    """Whether it is the second half of a cancel-replace."""

    @property
    def keys(self) -> frozenset[Key]:
        """Its client order id, which also stands in events about its cancellation."""
        return frozenset({self.client_order_id})

    @property
    def question(self) -> Request[Any]:
        """Ask for the order."""
        return order_status(self.symbol, {"origClientOrderId": self.client_order_id})

    @property
    def doubt(self) -> str:
        """What is unknown."""
        return f"order {self.client_order_id} may yet appear"

    def answered(self, question: Request[Any], answer: Answer) -> Finding:
        """The order, or that there is none."""
        if is_absent(answer):
            return Standing(NotPlaced(QUERY, "the exchange has no such order, and it is too late for it to appear"))
        if is_error(answer):
            return unclear(answer)
        created = milliseconds(as_object(answer).get("time"))
        if created is not None and created < self.since:
            return Unclear(f"an older order has the client order id {self.client_order_id}, too")
        return Settled(Placed(known_orders(answer), QUERY))

    def replied(self, reply: Reply) -> Finding:
        """The order, or why it was refused."""
        return told(reply, self._told, NotPlaced, "newOrder" if self.half else None)

    def reported(self, event: dict[str, Any]) -> Settled | None:
        """Whatever is said about the order, there is one; but for a rejection."""
        if event.get("s") != self.symbol or self.client_order_id not in (event.get("c"), event.get("C")):
            return None
        created = milliseconds(event.get("O", event.get("T")))
        if created is not None and created < self.since:
            return None
        if event.get("x") == "REJECTED":
            return Settled(NotPlaced(EVENT, f"the exchange rejected it: {event.get('r')}"))
        return Settled(Placed((known_order(event),), EVENT))

    @staticmethod
    def _told(result: Any) -> Placed:
        return Placed(known_orders(result), REPLY)


@attrs.frozen
class Cancellation:
    """An order that was to be cancelled: it is cancelled, or it ended otherwise, or it is still open."""

    symbol: str
    order_id: int | None
    client_order_id: str | None
    """The order's."""
    own_id: str | None
    """The cancellation's."""
    half: bool = False
    """Whether it is the first half of a cancel-replace."""

    @property
    def keys(self) -> frozenset[Key]:
        """Every id there is."""
        names = [name for name in (self.client_order_id, self.own_id) if name]
        return frozenset([*names, *([("i", self.symbol, self.order_id)] if self.order_id is not None else [])])

    @property
    def question(self) -> Request[Any]:
        """Ask for the order."""
        if self.order_id is not None:
            return order_status(self.symbol, {"orderId": self.order_id})
        return order_status(self.symbol, {"origClientOrderId": self.client_order_id})

    @property
    def doubt(self) -> str:
        """What is unknown."""
        return f"order {self.order_id or self.client_order_id} may yet be cancelled"

    def answered(self, question: Request[Any], answer: Answer) -> Finding:
        """How the order stands."""
        if is_absent(answer):
            by_own_id = as_object(question.params).get("origClientOrderId") == self.own_id
            if self.order_id is None and self.own_id is not None and not by_own_id:
                # Should the exchange know a cancelled order by the id of its cancellation.
                return Follow(order_status(self.symbol, {"origClientOrderId": self.own_id}))
            return Standing(NotExecuted(QUERY, "the exchange has no such order"))
        if is_error(answer):
            return unclear(answer)
        order = known_order(answer)
        return _ended(order, QUERY) or Standing(NotExecuted(QUERY, f"the order is {order.status}", (order,)))

    def replied(self, reply: Reply) -> Finding:
        """The order, or why it was not cancelled."""
        return told(reply, self._told, NotExecuted, "cancel" if self.half else None)

    def reported(self, event: dict[str, Any]) -> Settled | None:
        """The end of the order."""
        if event.get("s") != self.symbol:
            return None
        ours = event.get("i") == self.order_id if self.order_id is not None else False
        if not ours and not {*names_in(event)} & {self.client_order_id, self.own_id}:
            return None
        return _ended(known_order(event), EVENT)

    @staticmethod
    def _told(result: Any) -> Executed:
        return Executed(known_orders(result), REPLY)


@attrs.frozen
class Amendment:
    """An order whose quantity was to be reduced: its amendments tell, by the new client order id or the quantity."""

    symbol: str
    order_id: int | None
    client_order_id: str | None
    """The order's before."""
    own_id: str | None
    """The order's afterwards, None where it stays the same or the exchange chooses one."""
    quantity: str
    since: int

    @property
    def keys(self) -> frozenset[Key]:
        """Every id there is."""
        names = [name for name in (self.client_order_id, self.own_id) if name]
        return frozenset([*names, *([("i", self.symbol, self.order_id)] if self.order_id is not None else [])])

    @property
    def question(self) -> Request[Any]:
        """Ask for the amendments, or first for the order's number."""
        if self.order_id is not None:
            return self._amendments(self.order_id)
        return order_status(self.symbol, {"origClientOrderId": self.own_id or self.client_order_id})

    @property
    def doubt(self) -> str:
        """What is unknown."""
        return f"order {self.order_id or self.client_order_id} may yet be amended"

    def answered(self, question: Request[Any], answer: Answer) -> Finding:
        """The order's number, or whether ours is among its amendments."""
        if is_absent(answer):
            asked = as_object(question.params).get("origClientOrderId")
            if asked == self.own_id and asked is not None:
                return Follow(order_status(self.symbol, {"origClientOrderId": self.client_order_id}))
            if asked is not None and self.own_id is None:
                return Unclear("the order may have got another client order id by being amended: give it one")
            return Standing(NotExecuted(QUERY, "the exchange has no such order"))
        if is_error(answer):
            return unclear(answer)
        if question.method == "order.status":
            return Follow(self._amendments(known_order(answer).order_id))
        entries = [as_object(entry) for entry in as_array(answer)]
        if any(self._is_ours(entry) for entry in entries):
            return Settled(Executed((), QUERY))
        if len(entries) >= _MOST_AMENDMENTS:
            return Unclear("the order has more amendments than the exchange tells of at once")
        return Standing(NotExecuted(QUERY, "the exchange has no such amendment, and it is too late for one to appear"))

    def replied(self, reply: Reply) -> Finding:
        """The order, or why it was not amended."""
        return told(reply, lambda result: Executed(known_orders(result), REPLY), NotExecuted)

    def reported(self, event: dict[str, Any]) -> Settled | None:
        """The order's replacement."""
        if event.get("s") != self.symbol or event.get("x") != "REPLACED":
            return None
        entry = {"newClientOrderId": event.get("c"), "newQty": event.get("q"), "time": event.get("T")}
        if not self._is_ours(entry):
            return None
        order = event.get("i") == self.order_id if self.order_id is not None else event.get("C") == self.client_order_id
        return Settled(Executed((known_order(event),), EVENT)) if order else None

    def _amendments(self, order_id: int) -> Request[Any]:
        return query("order.amendments", 4, symbol=self.symbol, orderId=order_id, limit=_MOST_AMENDMENTS)

    def _is_ours(self, entry: Params) -> bool:
        if self.own_id is not None:
            return bool(entry.get("newClientOrderId") == self.own_id)
        when = milliseconds(entry.get("time"))
        return when is not None and when >= self.since and _same(entry.get("newQty"), self.quantity)


@attrs.frozen
class Unanswerable:
    """A request that cannot be found again at the exchange: only a late reply tells its outcome."""

    reason: str
    refused: type[NotPlaced | NotExecuted]
    half: bool = False

    @property
    def keys(self) -> frozenset[Key]:
        """None."""
        return frozenset()

    @property
    def question(self) -> None:
        """None."""

    @property
    def doubt(self) -> str:
        """Why it cannot be known."""
        return self.reason

    def answered(self, question: Request[Any], answer: Answer) -> Finding:
        """Nothing is ever asked."""
        return Unclear(self.reason)

    def replied(self, reply: Reply) -> Finding:
        """That it was done, or why it was refused."""
        if self.refused is NotPlaced:
            return told(reply, self._placed, NotPlaced, "newOrder" if self.half else None)
        return told(reply, self._executed, NotExecuted, "cancel" if self.half else None)

    def reported(self, event: dict[str, Any]) -> None:
        """Nothing."""

    @staticmethod
    def _placed(result: Any) -> Placed:
        return Placed(known_orders(result), REPLY)

    @staticmethod
    def _executed(result: Any) -> Executed:
        return Executed((), REPLY)


def _ended(order: KnownOrder, source: OutcomeSource) -> Settled | None:
    """Return what the status of an order that was to be cancelled tells for certain."""
    if order.status not in _FINAL:
        return None
    if order.status == _CANCELED:
        return Settled(Executed((order,), source))
    return Settled(NotExecuted(source, f"the order ended otherwise: {order.status}", (order,)))


def _same(one: object, other: object) -> bool:
    try:
        return decimal_from(one) == decimal_from(other)
    except (TypeError, ValueError, ArithmeticError):
        return False
