"""
From what the exchange has answered after a gap to the events that were missed. Pure.

They have the form of the events themselves, so that whatever takes those takes these. What cannot be known has the
value that stands for nothing: no execution id (-1), no commission for what is no trade. ``E``, the time of sending, is
when it happened.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import attrs

from .._wire.values import ZERO_TEXT, amount_or_zero, as_array, as_object, limited, milliseconds_of
from .backfill import Findings
from .told import Told
from .told_orders import FINAL, Mark, OrderKey, Sum, ToldOrder, TradeKey, is_final, trade_number

__all__ = ["Restored", "restore"]

# What happened to an order, by what became of it.
_EXECUTIONS: Final[Mapping[str, str]] = {
    "CANCELED": "CANCELED",
    "REJECTED": "REJECTED",
    "EXPIRED": "EXPIRED",
    "EXPIRED_IN_MATCH": "TRADE_PREVENTION",
    "FILLED": "TRADE",
}
_FILLED: Final = frozenset({"PARTIALLY_FILLED", "FILLED"})
# From the key in an answer to that in an executionReport, where the answer has it.
_CONDITIONAL: Final[Mapping[str, str]] = {
    "trailingDelta": "d",
    "trailingTime": "D",
    "strategyId": "j",
    "strategyType": "J",
    "preventedMatchId": "v",
    "preventedQuantity": "A",
    "workingFloor": "k",
    "usedSor": "uS",
    "pegPriceType": "gP",
    "pegOffsetType": "gOT",
    "pegOffsetValue": "gOV",
    "peggedPrice": "gp",
    "expiryReason": "eR",
}


@attrs.frozen
class Restored:
    """The events that were missed, in the order of the time that they happened, and how many tell of what."""

    events: tuple[dict[str, Any], ...]
    orders: int
    trades: int
    balances: bool
    """Whether the balances are known: the exchange has told them, and not as they were before what has been told."""
    balances_as_of: int | None = None
    """When they had changed last, as the exchange wrote it; None where they are not known."""
    put_off: Mapping[OrderKey, dict[str, Any]] = attrs.field(factory=dict[OrderKey, "dict[str, Any]"])
    """Orders, as they were answered, of which a later round tells: they are filled by more than their trades tell, or
    may be, or have changed after an event that waits."""
    unknown_lists: tuple[int, ...] = ()
    """Order lists that orders were found out of, and nothing else: they began and ended unheard. To be asked for."""


def restore(
    told: Told,
    findings: Findings,
    held: Iterable[Mapping[str, Any]],
    *,
    start: int,
    until: int,
    last: bool,
    earlier: Restored | None = None,
    balances_from: int | None = None,
) -> Restored:
    """
    Return what *findings* tell and *told* has not, and note it as told.

    *held* are events that have come since the gap, and are still to be told: what they tell of is left to them. What
    was the same before *start* (milliseconds) was not missed, but for what is later than all that is known of an order:
    a gap before this one may not have found it out. What happened after *until* comes by itself, perhaps later than the
    answer that tells of it. So does what happened to orders after the first of those that wait; if not,
    the next round tells of it. Only in the *last* round is an order that was filled told of without its
    trades: they may still turn up. *earlier* is what the round before has returned. *balances_from* is since when
    balances have not been known, where a gap before this one has left them so.
    """
    work = _Restoration(told, findings, held, start, until, last=last, earlier=earlier)
    work.orders_and_trades()
    work.lists()
    work.balances(balances_from)
    return work.result()


class _Restoration:
    def __init__(
        self,
        told: Told,
        findings: Findings,
        held: Iterable[Mapping[str, Any]],
        start: int,
        until: int,
        *,
        last: bool,
        earlier: Restored | None,
    ) -> None:
        self._told = told
        self._findings = findings
        self._start = start
        # What was told of orders that were closed by then may have been forgotten.
        self._orders_from = max(start, told.forgotten_at + 1)
        self._until = self._orders_until = until
        self._last = last
        self._held_trades: set[TradeKey] = set()
        self._held_orders: dict[OrderKey, Mapping[str, Any]] = {}
        self._held_assets: set[Any] = set()
        self._held_lists: set[Any] = set()
        # The first and the latest time of those.
        self._held_balances_from: int | None = None
        self._held_balances_at = 0
        self._balances_as_of: int | None = None
        self._earlier = earlier
        self._answered = dict(findings.orders)
        self._put_off: dict[OrderKey, dict[str, Any]] = {}
        # Those that orders are of which are told of.
        self._of_lists: dict[int, None] = dict.fromkeys(() if earlier is None else earlier.unknown_lists)
        self._unknown_lists = frozenset(self._of_lists)
        if earlier is not None:
            # What was read from memory is not taken back by a database that is behind.
            for key, order in earlier.put_off.items():
                if key not in self._answered or self._answered[key]["updateTime"] < order["updateTime"]:
                    self._answered[key] = order
        self._marks_since = told.marks_since()
        for event in held:
            self._hold(event)
        # With when it happened, and how much it is worth telling first of what happened at the same time.
        self._events: list[tuple[int, int, dict[str, Any]]] = []
        self._orders: set[OrderKey] = set()
        self._trades = 0

    def _hold(self, event: Mapping[str, Any]) -> None:
        name, number = event.get("e"), event.get("i")
        if name == "executionReport" and type(number) is int:
            symbol, trade = str(event.get("s")), trade_number(event.get("t"))
            self._held_orders.setdefault((symbol, number), event)
            moment = event.get("T")
            if type(moment) is int and not self._last:
                self._orders_until = min(self._orders_until, milliseconds_of(moment))
            if trade >= 0:
                self._held_trades.add((symbol, number, trade))
        elif name == "outboundAccountPosition":
            self._held_assets.update(str(as_object(balance).get("a")) for balance in as_array(event.get("B")))
            moment = event.get("u")
            if type(moment) is int and self._told.believes(moment):
                self._held_balances_from = min(moment, self._held_balances_from or moment)
                self._held_balances_at = max(self._held_balances_at, moment)
        elif name == "listStatus":
            self._held_lists.add(str(event.get("g")))

    def result(self) -> Restored:
        """Return everything, sorted."""
        self._events.sort(key=lambda entry: entry[:2])
        events = tuple(event for _, _, event in self._events)
        as_of = self._balances_as_of
        lists = tuple(number for number in self._of_lists if not self._knows_list(number))
        return Restored(events, len(self._orders), self._trades, as_of is not None, as_of, self._put_off, lists)

    def _knows_list(self, number: int) -> bool:
        """Return whether it is known what became of an order list."""
        told = number in self._findings.lists or self._told.knows_list(number)
        return told or str(number) in self._held_lists

    # Orders and trades.

    def orders_and_trades(self) -> None:
        """Find trades that were not told, and orders that are not as they were told to be."""
        by_order: dict[OrderKey, list[dict[str, Any]]] = {}
        for entry in self._findings.trades.values():
            by_order.setdefault((entry["symbol"], entry["orderId"]), []).append(entry)
        for key in dict.fromkeys((*self._answered, *by_order)):
            order = self._answered.get(key)
            if order is None:
                # Nobody can tell of its trades what order they were of. The next round asks again.
                continue
            trades = sorted(by_order.get(key, ()), key=lambda trade: trade["id"])
            lacks_a_fill = self._lacks_a_fill(key, order, trades)
            if lacks_a_fill and not self._last:
                # How much had been filled before its trades is not known either.
                self._put_off[key] = order
                if not is_final(order["status"]):
                    # Should this gap be cut short, the next one has to ask for it.
                    self._told.note_answer(key, order["status"], order["updateTime"])
                continue
            before = len(self._events)
            filled = self._tell_trades(key, order, trades)
            if key not in self._held_orders:
                self._tell_state(key, order, filled, lacks_a_fill=lacks_a_fill)
            number = order.get("orderListId")
            if len(self._events) > before and type(number) is int and number >= 0:
                self._of_lists[number] = None
            self._told.note_answer(key, order["status"], order["updateTime"])

    def _tell_trades(self, key: OrderKey, order: dict[str, Any], trades: Sequence[dict[str, Any]]) -> Decimal:
        """Tell the trades of an order that were not told, and return how much of it is filled as far as is known."""
        mark = self._told.mark(key)
        if mark is not None:
            # Where a gap before this one has told of an order without its trades, nobody knew their numbers.
            was_closed = self._told.was_closed(key)
            trades = [trade for trade in trades if trade["id"] > mark.trade_id and not was_closed]
            filled, quote = _filled_before(mark, trades)
        else:
            filled, quote = self._before(key, order, trades)
        known = self._told.order(key)
        if known is not None and known.summed is not None:
            trades = _not_in_sum(trades, known.summed)
            filled = max(filled, amount_or_zero(known.summed.filled))
            quote = max(quote, amount_or_zero(known.summed.quote))
        whole = amount_or_zero(order.get("origQty", order["executedQty"]))
        since = deque(self._marks_since.get(key, ()))
        for trade in trades:
            while since and since[0].trade_id < trade["id"]:
                # What was told may be of too long ago to be found, or not be found yet.
                told = since.popleft()
                filled, quote = max(filled, amount_or_zero(told.filled)), max(quote, amount_or_zero(told.quote))
            filled += amount_or_zero(trade["qty"])
            quote += amount_or_zero(trade["quoteQty"])
            is_told = self._told.knows_trade(key, trade["id"]) or (*key, trade["id"]) in self._held_trades
            is_outside = self._is_outside(trade["time"]) if mark is None else self._is_too_late(trade["time"])
            if is_told or is_outside or self._comes_by_itself(key, trade, filled):
                continue
            status = "FILLED" if order["status"] == "FILLED" and filled >= whole else "PARTIALLY_FILLED"
            event = _report(order, "TRADE", status, trade["time"], filled=filled, quote=quote)
            event.update(
                l=trade["qty"],
                L=trade["price"],
                Y=trade["quoteQty"],
                n=trade.get("commission", "0"),
                N=trade.get("commissionAsset"),
                t=trade["id"],
                m=trade.get("isMaker", False),
                M=trade.get("isBestMatch", False),
            )
            # What has happened to it after the gap comes by itself.
            as_of = trade["time"] if self._is_outside(order["updateTime"]) else order["updateTime"]
            self._told.restore_order(event, None if key in self._held_orders else as_of)
            self._trades += 1
            self._events.append((trade["time"], trade["id"], event))
        return filled

    def _is_outside(self, moment: int) -> bool:
        """Return whether something happened before or after the time in question."""
        return milliseconds_of(moment) < self._orders_from or self._is_too_late(moment)

    def _is_too_late(self, moment: int) -> bool:
        return milliseconds_of(moment) > self._orders_until

    def _is_old(self, key: OrderKey, moment: int) -> bool:
        """Return whether what an order is like since *moment* was told, or is of before there was anything to miss."""
        told = self._told.order(key)
        if told is not None:
            return told.at > moment or is_final(told.status)
        open_at = self._told.resting_at(key)
        if open_at is not None and open_at < moment:
            return milliseconds_of(moment) <= self._told.forgotten_at
        return milliseconds_of(moment) < self._orders_from

    def _comes_by_itself(self, key: OrderKey, trade: Mapping[str, Any], filled: Decimal) -> bool:
        """Return whether a trade, with which *filled* was filled, happened after an event of its order that waits."""
        event = self._held_orders.get(key)
        if event is None:
            return False
        number = trade_number(event.get("t"))
        if number >= 0:
            return bool(trade["id"] > number)
        return filled > amount_or_zero(event.get("z"))

    def _is_of_before(self, order: Mapping[str, Any]) -> bool:
        created = order.get("time")
        return type(created) is not int or milliseconds_of(created) < self._orders_from

    def _lacks_a_fill(self, key: OrderKey, order: Mapping[str, Any], trades: Sequence[dict[str, Any]]) -> bool:
        """
        Return whether an order that was never told of has been filled by a trade that does not show yet.

        Where it is open, its latest change may have been another one.
        """
        at = order["updateTime"]
        if self._told.order(key) is not None or key in self._held_orders or not self._is_of_before(order):
            return False
        if self._is_too_late(at) or self._is_old(key, at):
            return False
        return order["status"] in _FILLED and all(trade["time"] < at for trade in trades)

    def _before(
        self, key: OrderKey, order: Mapping[str, Any], trades: Sequence[dict[str, Any]]
    ) -> tuple[Decimal, Decimal]:
        """Return how much of an order that was never told of had been filled before *trades*, and for how much."""
        is_known = order["status"] != "FILLED" or not self._lacks_a_fill(key, order, trades)
        if is_known and self._is_of_before(order):
            filled = amount_or_zero(order["executedQty"]) - sum(amount_or_zero(trade["qty"]) for trade in trades)
            quote = amount_or_zero(order.get("cummulativeQuoteQty"))
            if filled > 0:
                return filled, quote - sum(amount_or_zero(trade["quoteQty"]) for trade in trades)
        return Decimal(0), Decimal(0)

    def _tell_state(self, key: OrderKey, order: dict[str, Any], filled: Decimal, *, lacks_a_fill: bool) -> None:
        """Tell of an order what its trades have not told."""
        told, status, at = self._told.order(key), order["status"], order["updateTime"]
        if self._orders_until < milliseconds_of(at) <= self._until:
            self._put_off[key] = order
        if self._is_too_late(at) or self._is_old(key, at):
            return
        executed = amount_or_zero(order["executedQty"])
        missing = executed - max(filled, amount_or_zero(None if told is None else told.filled))
        if missing > 0 and not self._last:
            self._put_off[key] = order
            return
        if status in _EXECUTIONS:
            execution = _EXECUTIONS[status]
        elif missing > 0:
            execution = "TRADE"
        elif told is None or (told.status == "PENDING_NEW" and status != told.status) or _is_triggered(order, told):
            execution = "NEW"
        elif amount_or_zero(told.quantity) != amount_or_zero(order.get("origQty")) and "origQty" in order:
            execution = "REPLACED"
        elif amount_or_zero(order.get("preventedQuantity")) > amount_or_zero(told.prevented):
            execution = "TRADE_PREVENTION"
        else:
            return
        quote = amount_or_zero(order.get("cummulativeQuoteQty"))
        event = _report(order, execution, status, at, filled=executed, quote=quote)
        if execution == "TRADE":
            # Nothing where the last of its trades was told as a partial fill, because it was made smaller since.
            event["l"] = f"{missing:f}" if missing > 0 else ZERO_TEXT
        elif execution == "CANCELED":
            event["C"] = order.get("clientOrderId", "")
        elif execution == "REPLACED" and told is not None:
            event["C"] = told.client_order_id or ""
        self._told.restore_order(event, at, summed=missing > 0 or lacks_a_fill)
        self._orders.add(key)
        # After the trades of the same time.
        self._events.append((at, 2**62, event))

    # Order lists and balances.

    def lists(self) -> None:
        """Tell of order lists that are not as they were told to be."""
        for number, entry in self._findings.lists.items():
            told, is_known = self._told.list_status(number), self._told.knows_list(number)
            is_done, at = entry["listOrderStatus"] != "EXECUTING", entry["transactionTime"]
            is_unknown = number in self._unknown_lists and not is_known
            is_news = told is not None or is_unknown if is_done else not is_known
            if str(number) in self._held_lists or not is_news:
                # Told already; or done, and told by now: it was asked for because it was open.
                continue
            if milliseconds_of(at) > self._until or (told is None and milliseconds_of(at) < self._start):
                continue
            event = _list_status(entry, at)
            self._told.restore_list(event)
            self._events.append((at, 2**62 + 1, event))

    def balances(self, unknown_from: int | None) -> None:
        """Tell the balances that are not as they were told to be, whenever they have changed."""
        account, earlier = self._findings.account, self._earlier
        as_of = None if earlier is None else earlier.balances_as_of
        if account is not None and account["updateTime"] >= self._told.balances_at:
            as_of = account["updateTime"]
            self._tell_balances(account, as_of, unknown_from)
        # Otherwise there is none, or it is from a database that is behind; so is one that lacks what trades tell.
        filled_at = max(self._told.filled_at, *(order["updateTime"] for order in self._put_off.values()), 0)
        if as_of is not None and as_of >= filled_at:
            self._balances_as_of = as_of

    def _tell_balances(self, account: Mapping[str, Any], at: int, unknown_from: int | None) -> None:
        """Tell those of an answer, which had changed last *at* that time."""
        # Where they have been unknown for long, whatever has come live hides what had changed before it. The clock that
        # said since when may have been wrong then.
        since = self._start if unknown_from is None else min(self._start, unknown_from)
        changed_since = milliseconds_of(at) >= since
        if unknown_from is None:
            # Within the instant of the latest event there may have been a change more, but not of what nobody heard of.
            changed_since = changed_since and at > max(self._told.balances_at, self._held_balances_at)
        changed = [
            {"a": balance["asset"], "f": balance["free"], "l": balance["locked"]}
            for balance in account["balances"]
            if balance["asset"] not in self._held_assets and self._is_news(balance, changed_since)
        ]
        if changed:
            # Where there was a change since, an event of it waits, or is on its way, and is told after this one.
            moment = max(self._told.balances_at, min(limited(at, self._until), self._held_balances_from or at))
            event = {"e": "outboundAccountPosition", "E": moment, "u": moment, "B": changed}
            covers = not self._held_assets and milliseconds_of(at) <= self._until
            self._told.restore_balances(event, covers=covers)
            self._events.append((moment, 2**62 + 2, event))

    def _is_news(self, balance: dict[str, Any], changed_since: bool) -> bool:
        told = self._told.balance(balance["asset"])
        if told is None:
            # Also where nothing is left: the user may have known of some.
            return changed_since
        now = amount_or_zero(balance["free"]), amount_or_zero(balance["locked"])
        return now != (amount_or_zero(told[0]), amount_or_zero(told[1]))


def _filled_before(mark: Mark, trades: Sequence[dict[str, Any]]) -> tuple[Decimal, Decimal]:
    """Return how much of an order had been filled before *trades* that were not told, and for how much."""
    filled, quote = amount_or_zero(mark.filled), amount_or_zero(mark.quote)
    if mark.uncounted is None:
        return filled, quote
    # An event that came behind some of them has said how much was filled with those.
    (at, counted), running = mark.uncounted, amount_or_zero(mark.uncounted[1])
    for trade in trades:
        running += amount_or_zero(trade["qty"])
        if trade["time"] > at or (trade["time"] == at and running > amount_or_zero(mark.filled)):
            break
        filled, quote = filled - amount_or_zero(trade["qty"]), quote - amount_or_zero(trade["quoteQty"])
    return max(filled, amount_or_zero(counted)), max(quote, Decimal(0))


def _not_in_sum(trades: Sequence[dict[str, Any]], summed: Sum) -> Sequence[dict[str, Any]]:
    """Return those of an order's *trades* that happened after what was told in sum."""
    filled = Decimal(0)
    for place, trade in enumerate(trades):
        filled += amount_or_zero(trade["qty"])
        # Within the same instant there may be more of them.
        if trade["time"] > summed.at or (trade["time"] == summed.at and filled > amount_or_zero(summed.filled)):
            return trades[place:]
    return ()


def _is_triggered(order: Mapping[str, Any], told: ToldOrder) -> bool:
    """Return whether an order has waited for its price, and is on the book by now."""
    return told.working is False and told.status == order["status"] == "NEW" and order.get("isWorking") is True


def _report(
    order: Mapping[str, Any], execution: str, status: str, at: int, *, filled: Decimal, quote: Decimal
) -> dict[str, Any]:
    """Return an executionReport of an order as an answer has it."""
    client_order_id = order.get("clientOrderId", "")
    event: dict[str, Any] = {
        "e": "executionReport",
        "E": at,
        "s": order["symbol"],
        "c": client_order_id,
        "S": order.get("side"),
        "o": order.get("type"),
        "f": order.get("timeInForce"),
        "q": order.get("origQty", ZERO_TEXT),
        "p": order.get("price", ZERO_TEXT),
        "P": order.get("stopPrice", ZERO_TEXT),
        "F": order.get("icebergQty", ZERO_TEXT),
        "g": order.get("orderListId", -1),
        "C": "",
        "x": execution,
        "X": status,
        "r": "NONE",
        "i": order["orderId"],
        "l": ZERO_TEXT,
        "z": f"{filled:f}",
        "L": ZERO_TEXT,
        "n": "0",
        "N": None,
        "T": at,
        "t": -1,
        "I": -1,
        "w": bool(order.get("isWorking")) and status not in FINAL,
        "m": False,
        "M": False,
        "O": order.get("time"),
        "Z": f"{quote:f}",
        "Y": ZERO_TEXT,
        "Q": order.get("origQuoteOrderQty", ZERO_TEXT),
        "V": order.get("selfTradePreventionMode", "NONE"),
    }
    working_since = order.get("workingTime")
    if type(working_since) is int and working_since >= 0:
        event["W"] = working_since
    for name, key in _CONDITIONAL.items():
        if name in order:
            event[key] = order[name]
    return event


def _list_status(entry: Mapping[str, Any], at: int) -> dict[str, Any]:
    """Return a listStatus of an order list as an answer has it."""
    return {
        "e": "listStatus",
        "E": at,
        "s": entry["symbol"],
        "g": entry["orderListId"],
        "c": entry.get("contingencyType"),
        "l": entry.get("listStatusType"),
        "L": entry["listOrderStatus"],
        "r": "NONE",
        "C": entry.get("listClientOrderId"),
        "T": at,
        "O": [
            {"s": order.get("symbol"), "i": order.get("orderId"), "c": order.get("clientOrderId")}
            for order in map(as_object, entry["orders"])
        ],
    }
