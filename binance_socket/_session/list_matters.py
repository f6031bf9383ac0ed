"""What becomes of order lists, and of all orders of a symbol at once. See :mod:`.matters`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from .._wire.known_orders import known_order, known_orders, milliseconds
from .._wire.messages import Reply, Request
from .._wire.values import as_array, as_object, is_array
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

__all__ = ["CancelAll", "ListCancellation", "ListPlacement"]

QUERY: Final = OutcomeSource.QUERY
EVENT: Final = OutcomeSource.EVENT
REPLY: Final = OutcomeSource.LATE_REPLY

_MOST_LISTS: Final = 1000


@attrs.frozen
class ListPlacement:
    """An order list that was to be placed. It is placed as a whole: one of its orders shows that all are there."""

    symbol: str
    list_client_order_id: str | None
    legs: tuple[str, ...]
    """The client order ids of its orders, as far as they were given."""
    since: int

    @property
    def keys(self) -> frozenset[Key]:
        """Its client order ids."""
        return frozenset([*self.legs, *([self.list_client_order_id] if self.list_client_order_id else [])])

    @property
    def question(self) -> Request[Any]:
        """Ask for the list, or for one of its orders where the list had no id."""
        if self.list_client_order_id is None:
            return self._leg_question()
        return query("orderList.status", 4, origClientOrderId=self.list_client_order_id)

    @property
    def doubt(self) -> str:
        """What is unknown."""
        return f"order list {self.list_client_order_id or self.legs[0]} may yet appear"

    def answered(self, question: Request[Any], answer: Answer) -> Finding:
        """The list, or one of its orders, or that there is none."""
        if is_absent(answer):
            return Standing(NotPlaced(QUERY, "the exchange has no such order list, too late for one to appear"))
        if is_error(answer):
            # How the exchange says that there is no such list, the documents do not say.
            return Follow(self._surer_question()) if question.method == "orderList.status" else unclear(answer)
        if question.method == "allOrderLists":
            return self._among(as_array(answer))
        payload = as_object(answer)
        seen = milliseconds(payload.get("time", payload.get("transactionTime")))
        if seen is not None and seen < self.since:
            return Unclear(f"something older has the client order id of {self.list_client_order_id or self.legs[0]}")
        return Settled(Placed(known_orders(answer), QUERY))

    def replied(self, reply: Reply) -> Finding:
        """The list, or why it was refused."""
        return told(reply, lambda result: Placed(known_orders(result), REPLY), NotPlaced)

    def reported(self, event: dict[str, Any]) -> Settled | None:
        """Whatever is said about the list or its orders, there is one; but for a rejection."""
        if event.get("s") != self.symbol or (milliseconds(event.get("T")) or self.since) < self.since:
            return None
        if event.get("e") == "listStatus":
            if event.get("C") != self.list_client_order_id:
                return None
            if event.get("L") == "REJECT":
                return Settled(NotPlaced(EVENT, f"the exchange rejected it: {event.get('r')}"))
            listed = {"g": event.get("g")}
            orders = tuple(known_order({**listed, **as_object(entry)}) for entry in as_array(event.get("O")))
            return Settled(Placed(orders, EVENT)) if orders else None
        if not {*names_in(event)} & set(self.legs) or event.get("x") == "REJECTED":
            return None
        return Settled(Placed((known_order(event),), EVENT))

    def _surer_question(self) -> Request[Any]:
        """Return the question for one of the orders; or, where none has an id, for all lists since."""
        if self.legs:
            return self._leg_question()
        return query("allOrderLists", 20, startTime=self.since, limit=_MOST_LISTS)

    def _among(self, lists: Sequence[Any]) -> Finding:
        for entry in lists:
            if as_object(entry).get("listClientOrderId") == self.list_client_order_id:
                return Settled(Placed(known_orders(entry), QUERY))
        if len(lists) >= _MOST_LISTS:
            return Unclear("there are more order lists than the exchange tells of at once")
        return Standing(NotPlaced(QUERY, "the exchange has no such order list, too late for one to appear"))

    def _leg_question(self) -> Request[Any]:
        return order_status(self.symbol, {"origClientOrderId": self.legs[0]})


@attrs.define
class ListCancellation:
    """An order list that was to be cancelled: it is still executing, or done, and then its orders tell how."""

    symbol: str
    list_id: int | None
    list_client_order_id: str | None
    own_id: str | None
    _left: list[int] = attrs.field(factory=list[int], init=False)
    _seen: list[KnownOrder] = attrs.field(factory=list[KnownOrder], init=False)

    @property
    def keys(self) -> frozenset[Key]:
        """The cancellation's id, and the list's number; its orders' ids are not known."""
        numbers: list[Key] = [("g", self.symbol, self.list_id)] if self.list_id is not None else []
        return frozenset([*([self.own_id] if self.own_id else []), *numbers])

    @property
    def question(self) -> Request[Any]:
        """Ask for the list."""
        if self.list_id is not None:
            return query("orderList.status", 4, orderListId=self.list_id)
        return query("orderList.status", 4, origClientOrderId=self.list_client_order_id)

    @property
    def doubt(self) -> str:
        """What is unknown."""
        return f"order list {self.list_id or self.list_client_order_id} may yet be cancelled"

    def answered(self, question: Request[Any], answer: Answer) -> Finding:
        """How the list stands, or one of its orders."""
        if question.method == "order.status":
            return unclear(answer) if is_error(answer) else self._next_leg(known_order(answer))
        if is_absent(answer):
            return Standing(NotExecuted(QUERY, "the exchange has no such order list"))
        if is_error(answer):
            return unclear(answer)
        orders = known_orders(answer)
        if as_object(answer).get("listOrderStatus") != "ALL_DONE":
            return Standing(NotExecuted(QUERY, "the order list is still executing", orders))
        self._left, self._seen = [order.order_id for order in orders], []
        return self._ask_next()

    def replied(self, reply: Reply) -> Finding:
        """The list, or why it was not cancelled."""
        return told(reply, lambda result: Executed(known_orders(result), REPLY), NotExecuted)

    def reported(self, event: dict[str, Any]) -> Settled | None:
        """The cancellation of one of its orders."""
        ours = event.get("c") == self.own_id if self.own_id else False
        listed = event.get("g") == self.list_id if self.list_id is not None else False
        if event.get("s") != self.symbol or event.get("x") != "CANCELED" or not (ours or listed):
            return None
        return Settled(Executed((known_order(event),), EVENT))

    def _next_leg(self, order: KnownOrder) -> Finding:
        if order.status == "CANCELED":
            return Settled(Executed((order,), QUERY))
        self._seen.append(order)
        if self._left:
            return self._ask_next()
        return Settled(NotExecuted(QUERY, "the order list ended by itself", tuple(self._seen)))

    def _ask_next(self) -> Finding:
        return Follow(order_status(self.symbol, {"orderId": self._left.pop(0)}))


@attrs.frozen
class CancelAll:
    """Every open order of a symbol was to be cancelled: what was open then is, or is not any more."""

    symbol: str
    since: int
    until: int
    """Milliseconds: of what was placed in between, it is not certain whether it was open when this was executed."""

    @property
    def keys(self) -> frozenset[Key]:
        """None: nothing in an event tells these cancellations from others."""
        return frozenset()

    @property
    def question(self) -> Request[Any]:
        """Ask for what is open."""
        return query("openOrders.status", 6, symbol=self.symbol)

    @property
    def doubt(self) -> str:
        """What is unknown."""
        return f"the open orders of {self.symbol} may yet be cancelled"

    def answered(self, question: Request[Any], answer: Answer) -> Finding:
        """What is open, and was before."""
        if is_error(answer) or not is_array(answer):
            return unclear(answer)
        placed_at = [milliseconds(as_object(entry).get("time")) or 0 for entry in answer]
        before = [entry for entry, at in zip(answer, placed_at, strict=True) if at < self.since]
        if before:
            return Standing(NotExecuted(QUERY, "orders from before are open", known_orders(before)))
        if any(at <= self.until for at in placed_at):
            return Unclear("orders are open that were placed at about the same time")
        return Standing(Executed((), QUERY))

    def replied(self, reply: Reply) -> Finding:
        """What was cancelled, or why nothing was."""
        return told(reply, lambda result: Executed(known_orders(result), REPLY), NotExecuted)

    def reported(self, event: dict[str, Any]) -> None:
        """Nothing."""
