"""
What to ask the exchange after a gap, and what its answers say. Pure.

Orders and trades can be asked for by symbol only, and everything has its weight; so there is an order to the questions,
and an end to them where the budget ends. Source: the WebSocket API document, account requests.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from .._wire.messages import Request
from .._wire.values import decimal_from, is_array, is_object
from .findings import query
from .told_orders import OrderKey, TradeKey

__all__ = ["PAGE", "Backfill", "Findings", "Question", "Subject"]

PAGE: Final = 1000
"""The most entries that one answer has."""
_WEIGHT_OF_ACCOUNT: Final = 20
_WEIGHT_OF_OPEN_ORDERS: Final = 80
_WEIGHT_OF_OPEN_LISTS: Final = 6
_WEIGHT_OF_HISTORY: Final = 20
_WEIGHT_OF_ONE: Final = 4
# What an entry must have to be of use, and of which type; amounts are text.
_ORDER: Final[Mapping[str, type]] = {"symbol": str, "orderId": int, "status": str, "updateTime": int}
# A pending order whose quantity is not known yet has none.
_ORDER_AMOUNTS: Final = ("executedQty",)
_TRADE: Final[Mapping[str, type]] = {"symbol": str, "id": int, "orderId": int, "time": int}
_TRADE_AMOUNTS: Final = ("price", "qty", "quoteQty")
_LIST: Final[Mapping[str, type]] = {
    "orderListId": int,
    "symbol": str,
    "listOrderStatus": str,
    "transactionTime": int,
    "orders": list,
}
_BALANCE: Final[Mapping[str, type]] = {"asset": str, "free": str, "locked": str}


class Subject(enum.Enum):
    """What a question is about."""

    ACCOUNT = enum.auto()
    OPEN_ORDERS = enum.auto()
    OPEN_LISTS = enum.auto()
    TRADES = enum.auto()
    ORDERS = enum.auto()
    ORDER = enum.auto()
    LIST = enum.auto()


@attrs.frozen(eq=False)
class Question:
    """A request, and why it is asked."""

    subject: Subject
    request: Request[Any]
    symbol: str = ""
    within: tuple[int, int] = (0, 0)
    """The time that it is about, in milliseconds, where it is about one."""
    number: int = -1
    """The order's number, where it is about one."""


@attrs.define
class Findings:
    """What the exchange has answered so far, by what tells entries apart."""

    account: dict[str, Any] | None = None
    orders: dict[OrderKey, dict[str, Any]] = attrs.field(factory=dict[OrderKey, "dict[str, Any]"])
    """Each as of the latest answer about it."""
    trades: dict[TradeKey, dict[str, Any]] = attrs.field(factory=dict[TradeKey, "dict[str, Any]"])
    lists: dict[int, dict[str, Any]] = attrs.field(factory=dict[int, "dict[str, Any]"])
    has_open_orders: bool = False
    has_open_lists: bool = False
    lacks_lists: bool = False
    """Whether there are order lists that could not be asked for."""
    checked: list[str] = attrs.field(factory=list[str])
    """The symbols of which everything is known that was asked."""
    unchecked: list[str] = attrs.field(factory=list[str])
    """The others."""
    wanted: tuple[OrderKey, ...] = ()
    """The orders that had to be known: those that were open, and those that were traded."""

    @property
    def unknown_orders(self) -> tuple[OrderKey, ...]:
        """The orders that had to be known, and of which no answer tells."""
        return tuple(key for key in self.wanted if key not in self.orders)

    @property
    def anything(self) -> bool:
        """Whether there was any answer."""
        return self.account is not None or self.has_open_orders or self.has_open_lists or bool(self.checked)


class Backfill:
    """
    One round of questions. Ask what :meth:`begin` and :meth:`answered` return, in whatever order answers come.

    *open_orders* and *open_lists* were open when the gap began, as far as is known: each of them is asked for by
    itself, unless an answer about many tells of it. Nothing is concluded from what is missing in an answer: it may have
    been read from a database that is behind. *start* is the time from when on changes are looked for, in milliseconds.
    *budget* is the weight that may be spent. With *whole*, balances and whatever is open are asked for, too; with
    *account*, the balances in any case.
    """

    def __init__(
        self,
        *,
        symbols: Sequence[str],
        open_orders: Iterable[OrderKey],
        open_lists: Iterable[int],
        start: int,
        end: int,
        budget: int,
        whole: bool,
        account: bool = False,
    ) -> None:
        self.findings = Findings()
        self._symbols = list(symbols)
        self._open_orders = tuple(open_orders)
        self._open_lists = tuple(open_lists)
        self._start = start
        self._end = end
        self._budget = budget
        self.whole = whole
        self._asks_account = whole or account
        self._pending: set[Question] = set()
        # Of each symbol, how many questions are unanswered.
        self._due: dict[str, int] = {}
        self._asked_for_ones = False
        self._takers: Mapping[Subject, Callable[[Question, Any], list[Question]]] = {
            Subject.ACCOUNT: self._account,
            Subject.OPEN_ORDERS: self._open,
            Subject.OPEN_LISTS: self._open_order_lists,
            Subject.TRADES: self._trades,
            Subject.ORDERS: self._orders,
            Subject.ORDER: self._order,
            Subject.LIST: self._list,
        }

    @property
    def done(self) -> bool:
        """Whether nothing more is to be asked, or answered."""
        return not self._pending

    def begin(self) -> list[Question]:
        """Return the first questions."""
        questions: list[Question] = []
        if self._asks_account:
            request = query("account.status", _WEIGHT_OF_ACCOUNT, omitZeroBalances=False)
            questions += self._affordable(Question(Subject.ACCOUNT, request))
        if self.whole:
            request = query("openOrders.status", _WEIGHT_OF_OPEN_ORDERS)
            questions += self._affordable(Question(Subject.OPEN_ORDERS, request))
        if self.whole or self._open_lists:
            questions += self._affordable(
                Question(Subject.OPEN_LISTS, query("openOrderLists.status", _WEIGHT_OF_OPEN_LISTS))
            )
        for symbol in self._symbols:
            questions += self._history(symbol)
        return questions or self._next()

    def answered(self, question: Question, answer: Any) -> list[Question]:
        """Take in an answer, or an exception, and return what to ask next."""
        self._pending.discard(question)
        more: list[Question] = []
        symbol = question.symbol
        try:
            more = self._takers[question.subject](question, answer)
        except (TypeError, ValueError, ArithmeticError):
            self._fail(symbol)
            self.findings.lacks_lists |= question.subject in (Subject.LIST, Subject.OPEN_LISTS)
        if symbol and question.subject in (Subject.TRADES, Subject.ORDERS):
            self._due[symbol] -= 1
            if not self._due[symbol] and symbol not in self.findings.unchecked:
                self.findings.checked.append(symbol)
        return more + self._next()

    # What answers say. Each raises TypeError, ValueError or ArithmeticError for what is no such answer.

    def _account(self, question: Question, answer: Any) -> list[Question]:
        if not is_object(answer) or type(answer.get("updateTime")) is not int:
            raise TypeError("no account")
        for balance in _entries(answer.get("balances"), _BALANCE, ()):
            decimal_from(balance["free"])
            decimal_from(balance["locked"])
        self.findings.account = answer
        return []

    def _open(self, question: Question, answer: Any) -> list[Question]:
        found = _entries(answer, _ORDER, _ORDER_AMOUNTS)
        self.findings.has_open_orders = True
        self._note_orders(found)
        symbols = dict.fromkeys(entry["symbol"] for entry in found if entry["symbol"] not in self._due)
        return [more for symbol in symbols for more in self._history(symbol)]

    def _orders(self, question: Question, answer: Any) -> list[Question]:
        found = _entries(answer, _ORDER, _ORDER_AMOUNTS)
        self._note_orders(found)
        start, end = question.within
        if len(found) < PAGE:
            return []
        if start >= end:
            # More than a page within a millisecond: there is no way to ask for the rest.
            self._fail(question.symbol)
            return []
        # They are not in the order of the time that they are filtered by: only halves are sure to have everything.
        middle = (start + end) // 2
        return self._in_history(
            question.symbol,
            self._orders_within(question.symbol, start, middle),
            self._orders_within(question.symbol, middle + 1, end),
        )

    def _trades(self, question: Question, answer: Any) -> list[Question]:
        found = _entries(answer, _TRADE, _TRADE_AMOUNTS)
        for entry in found:
            if entry["time"] >= self._start:
                self.findings.trades[entry["symbol"], entry["orderId"], entry["id"]] = entry
        if len(found) < PAGE:
            return []
        last = max(entry["id"] for entry in found)
        request = query("myTrades", _WEIGHT_OF_HISTORY, symbol=question.symbol, fromId=last + 1, limit=PAGE)
        return self._in_history(question.symbol, Question(Subject.TRADES, request, question.symbol))

    def _order(self, question: Question, answer: Any) -> list[Question]:
        [found] = _entries([answer], _ORDER, _ORDER_AMOUNTS)
        if (found["symbol"], found["orderId"]) != (question.symbol, question.number):
            raise ValueError("another order")
        self._note_orders([found])
        return []

    def _open_order_lists(self, question: Question, answer: Any) -> list[Question]:
        for entry in _entries(answer, _LIST, ()):
            self.findings.lists[entry["orderListId"]] = entry
        self.findings.has_open_lists = True
        return []

    def _list(self, question: Question, answer: Any) -> list[Question]:
        for entry in _entries([answer], _LIST, ()):
            self.findings.lists[entry["orderListId"]] = entry
        return []

    def _note_orders(self, entries: Iterable[dict[str, Any]]) -> None:
        for entry in entries:
            key = (entry["symbol"], entry["orderId"])
            known = self.findings.orders.get(key)
            if known is None or known["updateTime"] <= entry["updateTime"]:
                self.findings.orders[key] = entry

    # What is asked.

    def _history(self, symbol: str) -> list[Question]:
        """Ask for the trades and the orders of a symbol, if there is budget for both."""
        request = query("myTrades", _WEIGHT_OF_HISTORY, symbol=symbol, startTime=self._start, limit=PAGE)
        self._due[symbol] = 0
        return self._in_history(
            symbol, Question(Subject.TRADES, request, symbol), self._orders_within(symbol, self._start, self._end)
        )

    def _orders_within(self, symbol: str, start: int, end: int) -> Question:
        request = query("allOrders", _WEIGHT_OF_HISTORY, symbol=symbol, startTime=start, endTime=end, limit=PAGE)
        return Question(Subject.ORDERS, request, symbol, (start, end))

    def _in_history(self, symbol: str, *questions: Question) -> list[Question]:
        asked = self._affordable(*questions) if self._affords(questions) else []
        if asked:
            self._due[symbol] += len(asked)
        else:
            self._fail(symbol)
        return asked

    def _next(self) -> list[Question]:
        """When everything else is answered, ask for single orders and lists that no answer has told of."""
        if self._pending or self._asked_for_ones:
            return []
        self._asked_for_ones = True
        findings = self.findings
        traded = ((entry["symbol"], entry["orderId"]) for entry in findings.trades.values())
        findings.wanted = tuple(dict.fromkeys((*self._open_orders, *traded)))
        questions: list[Question] = []
        for symbol, number in findings.unknown_orders:
            request = query("order.status", _WEIGHT_OF_ONE, symbol=symbol, orderId=number)
            one = self._affordable(Question(Subject.ORDER, request, symbol, number=number))
            questions += one
            if not one:
                self._fail(symbol)
        for number in self._open_lists:
            if number not in findings.lists:
                request = query("orderList.status", _WEIGHT_OF_ONE, orderListId=number)
                one = self._affordable(Question(Subject.LIST, request))
                questions += one
                findings.lacks_lists |= not one
        return questions

    def _affords(self, questions: Sequence[Question]) -> bool:
        return sum(question.request.weight for question in questions) <= self._budget

    def _affordable(self, *questions: Question) -> list[Question]:
        """Spend the budget on these questions, as far as it goes."""
        asked: list[Question] = []
        for question in questions:
            if question.request.weight <= self._budget:
                self._budget -= question.request.weight
                asked.append(question)
        self._pending.update(asked)
        return asked

    def _fail(self, symbol: str) -> None:
        findings = self.findings
        if symbol in findings.checked:
            findings.checked.remove(symbol)
        if symbol and symbol not in findings.unchecked:
            findings.unchecked.append(symbol)


def _entries(answer: Any, types: Mapping[str, type], amounts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the entries of an answer. Raises TypeError, ValueError or ArithmeticError where one is wrong."""
    if not is_array(answer):
        raise TypeError("not an array")
    for entry in answer:
        if not is_object(entry) or any(type(entry.get(name)) is not kind for name, kind in types.items()):
            raise TypeError("an entry of another shape")
        for name in amounts:
            decimal_from(entry.get(name))
    return answer
