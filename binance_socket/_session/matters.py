"""
What becomes of orders: how the outcome of each method shows in late replies, events and answers. Pure.

Which method has which is in :mod:`.plans`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from .._wire.known_orders import known_order, known_orders, milliseconds
from .._wire.messages import Reply, Request
from .._wire.values import as_array, as_object, decimal_from, is_array, is_object
from ..errors import OutcomeUnknown
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
    query,
    refusal_of,
)

__all__ = [
    "Amendment",
    "CancelAll",
    "Cancellation",
    "ListCancellation",
    "ListPlacement",
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


def _order_status(symbol: str, reference: Params) -> Request[Any]:
    return query("order.status", 4, symbol=symbol, **reference)


def _unclear(answer: Answer) -> Unclear:
    return Unclear(f"the exchange could not be asked: {answer}")


def _is_error(answer: Answer) -> bool:
    return isinstance(answer, Exception)


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
        return _order_status(self.symbol, {"origClientOrderId": self.client_order_id})

    @property
    def doubt(self) -> str:
        """What is unknown."""
        return f"order {self.client_order_id} may yet appear"

    def answered(self, question: Request[Any], answer: Answer) -> Finding:
        """The order, or that there is none."""
        if is_absent(answer):
            return Standing(NotPlaced(QUERY, "the exchange has no such order, and it is too late for it to appear"))
        if _is_error(answer):
            return _unclear(answer)
        created = milliseconds(as_object(answer).get("time"))
        if created is not None and created < self.since:
            return Unclear(f"an older order has the client order id {self.client_order_id}, too")
        return Settled(Placed(known_orders(answer), QUERY))

    def replied(self, reply: Reply) -> Finding:
        """The order, or why it was refused."""
        return _half(reply, "newOrder", self._told, NotPlaced) if self.half else _whole(reply, self._told, NotPlaced)

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
        if _is_error(answer):
            # How the exchange says that there is no such list, the documents do not say; of orders they do.
            asked_for_list = question.method == "orderList.status"
            return Follow(self._leg_question()) if asked_for_list and self.legs else _unclear(answer)
        payload = as_object(answer)
        seen = milliseconds(payload.get("time", payload.get("transactionTime")))
        if seen is not None and seen < self.since:
            return Unclear(f"something older has the client order id of {self.list_client_order_id or self.legs[0]}")
        return Settled(Placed(known_orders(answer), QUERY))

    def replied(self, reply: Reply) -> Finding:
        """The list, or why it was refused."""
        return _whole(reply, lambda result: Placed(known_orders(result), REPLY), NotPlaced)

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
        if not {event.get("c"), event.get("C")} & set(self.legs) or event.get("x") == "REJECTED":
            return None
        return Settled(Placed((known_order(event),), EVENT))

    def _leg_question(self) -> Request[Any]:
        return _order_status(self.symbol, {"origClientOrderId": self.legs[0]})


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
            return _order_status(self.symbol, {"orderId": self.order_id})
        return _order_status(self.symbol, {"origClientOrderId": self.client_order_id})

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
                return Follow(_order_status(self.symbol, {"origClientOrderId": self.own_id}))
            return Standing(NotExecuted(QUERY, "the exchange has no such order"))
        if _is_error(answer):
            return _unclear(answer)
        order = known_order(answer)
        return _ended(order, QUERY) or Standing(NotExecuted(QUERY, f"the order is {order.status}", (order,)))

    def replied(self, reply: Reply) -> Finding:
        """The order, or why it was not cancelled."""
        return _half(reply, "cancel", self._told, NotExecuted) if self.half else _whole(reply, self._told, NotExecuted)

    def reported(self, event: dict[str, Any]) -> Settled | None:
        """The end of the order."""
        if event.get("s") != self.symbol:
            return None
        ours = event.get("i") == self.order_id if self.order_id is not None else False
        names = {event.get("c"), event.get("C")} - {None, ""}
        if not ours and not names & {self.client_order_id, self.own_id}:
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
        return _order_status(self.symbol, {"origClientOrderId": self.own_id or self.client_order_id})

    @property
    def doubt(self) -> str:
        """What is unknown."""
        return f"order {self.order_id or self.client_order_id} may yet be amended"

    def answered(self, question: Request[Any], answer: Answer) -> Finding:
        """The order's number, or whether ours is among its amendments."""
        if is_absent(answer):
            asked = as_object(question.params).get("origClientOrderId")
            if asked == self.own_id and asked is not None:
                return Follow(_order_status(self.symbol, {"origClientOrderId": self.client_order_id}))
            if asked is not None and self.own_id is None:
                return Unclear("the order may have got another client order id by being amended: give it one")
            return Standing(NotExecuted(QUERY, "the exchange has no such order"))
        if _is_error(answer):
            return _unclear(answer)
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
        return _whole(reply, lambda result: Executed(known_orders(result), REPLY), NotExecuted)

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
            return _unclear(answer) if _is_error(answer) else self._next_leg(known_order(answer))
        if is_absent(answer):
            return Standing(NotExecuted(QUERY, "the exchange has no such order list"))
        if _is_error(answer):
            return _unclear(answer)
        orders = known_orders(answer)
        if as_object(answer).get("listOrderStatus") != "ALL_DONE":
            return Standing(NotExecuted(QUERY, "the order list is still executing", orders))
        self._left, self._seen = [order.order_id for order in orders], []
        return self._ask_next()

    def replied(self, reply: Reply) -> Finding:
        """The list, or why it was not cancelled."""
        return _whole(reply, lambda result: Executed(known_orders(result), REPLY), NotExecuted)

    def reported(self, event: dict[str, Any]) -> Settled | None:
        """The cancellation of one of its orders."""
        ours = event.get("c") == self.own_id if self.own_id else False
        listed = event.get("g") == self.list_id if self.list_id is not None else False
        if event.get("s") != self.symbol or event.get("x") != _CANCELED or not (ours or listed):
            return None
        return Settled(Executed((known_order(event),), EVENT))

    def _next_leg(self, order: KnownOrder) -> Finding:
        if order.status == _CANCELED:
            return Settled(Executed((order,), QUERY))
        self._seen.append(order)
        if self._left:
            return self._ask_next()
        return Settled(NotExecuted(QUERY, "the order list ended by itself", tuple(self._seen)))

    def _ask_next(self) -> Finding:
        return Follow(_order_status(self.symbol, {"orderId": self._left.pop(0)}))


@attrs.frozen
class CancelAll:
    """Every open order of a symbol was to be cancelled: what was open then is, or is not any more."""

    symbol: str
    since: int

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
        if _is_error(answer) or not is_array(answer):
            return _unclear(answer)
        before = [entry for entry in answer if (milliseconds(as_object(entry).get("time")) or 0) < self.since]
        if before:
            return Standing(NotExecuted(QUERY, "orders from before are open", known_orders(before)))
        return Standing(Executed((), QUERY))

    def replied(self, reply: Reply) -> Finding:
        """What was cancelled, or why nothing was."""
        return _whole(reply, lambda result: Executed(known_orders(result), REPLY), NotExecuted)

    def reported(self, event: dict[str, Any]) -> None:
        """Nothing."""


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
        read = self._placed if self.refused is NotPlaced else self._executed
        return _half(reply, "newOrder", read, self.refused) if self.half else _whole(reply, read, self.refused)

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


def _whole(reply: Reply, read: Callable[[Any], Any], refused: type[NotPlaced | NotExecuted]) -> Finding:
    error = refusal_of(reply)
    if error is None:
        return Settled(read(reply.result))
    if isinstance(error, OutcomeUnknown):
        return Unclear("the exchange does not know either")
    return Settled(refused(REPLY, f"the exchange refused it: {error.message} (code {error.code})"))


def _half(reply: Reply, name: str, read: Callable[[Any], Any], refused: type[NotPlaced | NotExecuted]) -> Finding:
    """Return what the reply to a cancel-replace tells of one half of it."""
    error = refusal_of(reply)
    if isinstance(error, OutcomeUnknown):
        return Unclear("the exchange does not know either")
    halves = as_object(reply.result) if error is None else error.data
    result, response = halves.get(f"{name}Result"), halves.get(f"{name}Response")
    if result == "SUCCESS":
        return Settled(read(response))
    if error is None and not is_object(response):
        return Unclear("the late answer does not have the documented shape")
    reason = as_object(response).get("msg") or (f"{result}" if result else str(error))
    return Settled(refused(REPLY, f"the exchange refused it: {reason}"))


def _same(one: object, other: object) -> bool:
    try:
        return decimal_from(one) == decimal_from(other)
    except (TypeError, ValueError, ArithmeticError):
        return False
