"""
Holds what a subscription delivered against the exchange's ledger, a stretch of time after the other.

Of each type, what was delivered live must be what the ledger has: the same payloads, in the same order, each once. What
is missing must lie within a gap that the subscription told of, and what was recovered must be true. Nothing here knows
of clients, threads or time: it is told, and can be told lies, to see that it notices.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

__all__ = ["Delivered", "GapNews", "Judge", "Verdict"]

Payload = Mapping[str, Any]
OrderKey = tuple[str, int]

# Told on a connection, of a connection: the ledger has none of these.
_NOT_OF_THE_ACCOUNT = frozenset({"eventStreamTerminated", "serverShutdown"})
_KEPT_COMPLAINTS = 20
# What a recovered trade must have in common with the event that was missed.
_OF_A_TRADE = ("s", "i", "S", "t", "l", "L", "n", "N", "T", "m")


@dataclasses.dataclass(frozen=True)
class Delivered:
    """An event as a subscription delivered it."""

    payload: Payload
    recovered: bool = False
    possible_duplicate: bool = False
    late: bool = False


@dataclasses.dataclass(frozen=True)
class GapNews:
    """What a subscription told of a gap. Times in milliseconds by the exchange's clock."""

    id: int
    start: int
    end: int | None
    final: bool
    whole: bool = False
    """Whether everything was recovered that can be."""
    status: str = ""


@dataclasses.dataclass
class Verdict:
    """What was found so far."""

    published: int = 0
    live: int = 0
    missed: int = 0
    """Published, not delivered live, and within a gap."""
    recovered_trades: int = 0
    recovered_others: int = 0
    gaps: int = 0
    whole_gaps: int = 0
    possible_duplicates: int = 0
    faults: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter[str])
    """What must not be, by what it is."""
    complaints: list[str] = dataclasses.field(default_factory=list[str])
    """The first few, in words."""

    @property
    def sound(self) -> bool:
        """Whether all is as it should be."""
        return not self.faults

    def complain(self, fault: str, what: str) -> None:
        """Note something that must not be."""
        self.faults[fault] += 1
        if self.faults[fault] <= _KEPT_COMPLAINTS:
            self.complaints.append(f"{fault}: {what}")


@dataclasses.dataclass
class _Gap:
    start: int
    end: int | None
    final: bool = False
    whole: bool = False
    status: str = ""

    def covers(self, moment: int) -> bool:
        return self.start <= moment and (self.end is None or moment <= self.end)


@dataclasses.dataclass
class _Entry:
    """An event of the ledger."""

    content: bytes
    payload: Payload


class _Lane:
    """The events of one type: what is still to be delivered, what was skipped, and what was delivered lately."""

    def __init__(self) -> None:
        self.due: collections.deque[_Entry] = collections.deque()
        self.skipped: list[_Entry] = []
        # Hashes, which take less room.
        self.recent: set[int] = set()

    def deliver(self, content: bytes) -> str | None:
        """Take note of a delivery. Return what is wrong with it."""
        due = self.due
        if due and due[0].content == content:
            due.popleft()
            self.recent.add(hash(content))
            return None
        place = next((place for place, entry in enumerate(due) if entry.content == content), None)
        if place is not None:
            self.skipped += [due.popleft() for _ in range(place)]
            due.popleft()
            self.recent.add(hash(content))
            return None
        for place, entry in enumerate(self.skipped):
            if entry.content == content:
                del self.skipped[place]
                self.recent.add(hash(content))
                return "out of order"
        return "duplicated" if hash(content) in self.recent else "invented"


class Judge:
    """
    Judges one subscription. Not for several threads.

    Tell it with ``publish`` what the ledger has, with ``deliver`` and ``gap`` what the subscription told, in order,
    and let it ``close`` a stretch when everything published has arrived or never will.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.verdict = Verdict()
        self._lanes: dict[str, _Lane] = {}
        self._gaps: dict[int, _Gap] = {}
        self._over: set[int] = set()
        self._latest_gap = "none"
        self._previous: dict[str, set[int]] = {}
        # Of the present stretch.
        self._trades: dict[OrderKey, tuple[object, ...]] = {}
        self._states: dict[OrderKey, set[tuple[str, str]]] = {}
        # How each trade was told of, with the gap that was open then.
        self._told_trades: dict[OrderKey, list[str]] = {}
        self._recovered: list[Delivered] = []
        self._locked_assets: set[str] = set()
        # As the ledger and the subscription tell of orders and balances.
        self._true_orders: dict[OrderKey, tuple[str, str]] = {}
        self._orders: dict[OrderKey, tuple[str, str, int]] = {}
        self._true_balances: dict[str, tuple[str, str]] = {}
        self._balances: dict[str, tuple[str, str]] = {}

    # What is told.

    def publish(self, payload: Payload) -> None:
        """Take the next event of the ledger."""
        self.verdict.published += 1
        kind = payload["e"]
        self._lane(kind).due.append(_Entry(orjson.dumps(payload), payload))
        if kind == "executionReport":
            key = (payload["s"], payload["i"])
            state = self._true_orders[key] = (payload["X"], payload["z"])
            self._states.setdefault(key, set()).add(state)
            if payload["t"] >= 0:
                self._trades[payload["s"], payload["t"]] = tuple(payload[name] for name in _OF_A_TRADE)
        elif kind == "outboundAccountPosition":
            self._true_balances.update({entry["a"]: (entry["f"], entry["l"]) for entry in payload["B"]})
        elif kind == "externalLockUpdate":
            self._locked_assets.add(payload["a"])

    def deliver(self, event: Delivered) -> None:
        """Take the next event that was delivered. The ledger must have been told of it before."""
        payload, kind = event.payload, event.payload["e"]
        if kind in _NOT_OF_THE_ACCOUNT:
            return
        self._fold(event)
        if kind == "executionReport" and payload["t"] >= 0:
            how = f"{'recovered' if event.recovered else 'live'} as {payload['z']}{' late' if event.late else ''}"
            told = self._told_trades.setdefault((payload["s"], payload["t"]), [])
            told.append(f"{how}, gap {self._latest_gap}")
        if event.recovered:
            self._recovered.append(event)
            return
        self.verdict.live += 1
        content = orjson.dumps(payload)
        wrong = self._lane(kind).deliver(content)
        if wrong == "invented" and hash(content) in self._previous.get(kind, ()):
            wrong = "duplicated"
        if wrong == "duplicated" and event.possible_duplicate:
            self.verdict.possible_duplicates += 1
        elif wrong is not None:
            self._complain(wrong, payload)

    def gap(self, news: GapNews) -> None:
        """Take what was told of a gap."""
        known = self._gaps.get(news.id)
        if news.id in self._over or (known is not None and known.final):
            self.verdict.complain("gaps told of after their end", f"{self.name}: {news}")
            return
        if known is None:
            if news.final:
                self.verdict.complain("gaps that were never open", f"{self.name}: {news}")
            self._gaps[news.id] = known = _Gap(news.start, news.end)
            self.verdict.gaps += 1
        elif not news.final:
            self.verdict.complain("gaps opened twice", f"{self.name}: {news}")
        known.start, known.end = min(known.start, news.start), news.end
        known.final, known.whole, known.status = news.final, news.whole, news.status
        self.verdict.whole_gaps += news.whole
        self._latest_gap = f"{news.id} {'over' if news.final else 'open'}"

    @property
    def open_gaps(self) -> int:
        """How many gaps were told of, and not of their ends."""
        return sum(not gap.final for gap in self._gaps.values())

    # What is judged.

    def close(self) -> None:
        """Judge the stretch since the last call: nothing published in it will still be delivered."""
        for gap_id, gap in self._gaps.items():
            if not gap.final:
                self.verdict.complain("gaps without an end", f"{self.name}: gap {gap_id}, {gap}")
        recovered = self._judge_recovered()
        for lane in self._lanes.values():
            for entry in (*lane.skipped, *lane.due):
                self._judge_missing(entry.payload, recovered)
        self._judge_orders()
        self._judge_balances()
        self._next_stretch()

    def compare(self, open_orders: Iterable[Payload], balances: Mapping[str, tuple[Decimal, Decimal]]) -> None:
        """Hold what the subscription told of orders and balances against the exchange's own word, now."""
        true = {(order["symbol"], order["orderId"]): (order["status"], order["executedQty"]) for order in open_orders}
        for key, state in true.items():
            told = self._orders.get(key)
            if told is None or not _same(told[:2], state):
                self.verdict.complain("wrong open orders", f"{self.name}: {key} is {state}, told {told}")
        for key in self._orders.keys() - true.keys():
            self.verdict.complain("wrong open orders", f"{self.name}: {key} is not open, told {self._orders[key]}")
        for asset, (free, locked) in self._balances.items():
            now = balances.get(asset, (Decimal(0), Decimal(0)))
            if (Decimal(free), Decimal(locked)) != now:
                self.verdict.complain("wrong balances", f"{self.name}: {asset} is {now}, told {free, locked}")

    def _judge_recovered(self) -> dict[str, dict[Any, int]]:
        """Judge what was recovered. Return by subject up to when, in milliseconds, it was told."""
        told: dict[str, dict[Any, int]] = collections.defaultdict(dict)
        for event in self._recovered:
            payload = event.payload
            kind, moment = payload["e"], payload["E"]
            if kind == "executionReport":
                key = (payload["s"], payload["i"])
                if payload["t"] >= 0:
                    self._judge_trade(payload)
                    # A trade says nothing about what happened to its order before.
                    continue
                self.verdict.recovered_others += 1
                if not any(_same((payload["X"], payload["z"]), state) for state in self._states.get(key, ())):
                    self._complain("recovered orders that were never so", payload)
                told[kind][key] = max(moment, told[kind].get(key, 0))
            elif kind == "outboundAccountPosition":
                self.verdict.recovered_others += 1
                for entry in payload["B"]:
                    told[kind][entry["a"]] = max(moment, told[kind].get(entry["a"], 0))
            else:
                self.verdict.recovered_others += 1
                told[kind][payload.get("g")] = moment
        return told

    def _judge_trade(self, payload: Payload) -> None:
        key = (payload["s"], payload["t"])
        self.verdict.recovered_trades += 1
        true, told = self._trades.get(key), self._told_trades[key]
        if len(told) > 1:
            self._complain("trades told of twice", payload, f" ({'; '.join(told)})")
        elif true is None:
            self._complain("recovered trades that never were", payload)
        elif not all(_equal(value, payload[name]) for value, name in zip(true, _OF_A_TRADE, strict=True)):
            self._complain("recovered trades that were different", payload)

    def _judge_missing(self, payload: Payload, recovered: Mapping[str, Mapping[Any, int]]) -> None:
        kind, moment = payload["e"], payload["E"]
        covering = [gap for gap in self._gaps.values() if gap.covers(moment)]
        is_trade = kind == "executionReport" and payload["t"] >= 0
        told = is_trade and (payload["s"], payload["t"]) in self._told_trades
        if not (covering or told or _superseded(payload, recovered.get(kind, {}))):
            self._complain("lost without a gap", payload)
            return
        self.verdict.missed += 1
        if is_trade and not told and covering and all(gap.whole for gap in covering):
            self._complain("trades not recovered", payload)

    def _judge_orders(self) -> None:
        whole = self._is_whole
        for key in self._states:
            told, true = self._orders.get(key), self._true_orders[key]
            if told is not None and _same(told[:2], true):
                continue
            if not whole:
                # It was said that this may be so. From here on the truth is known again.
                self._orders[key] = (*true, 0)
            else:
                self.verdict.complain("wrong states of orders", f"{self.name}: {key} is {true}, told {told}")

    def _judge_balances(self) -> None:
        if not self._is_whole:
            self._balances.update(self._true_balances)
        for asset, true in self._true_balances.items():
            told = self._balances.get(asset, ("0", "0"))
            # What is locked outside is told by events that cannot be recovered.
            wrong = _total(told) != _total(true) if asset in self._locked_assets else not _same(told, true)
            if wrong:
                self.verdict.complain("wrong balances", f"{self.name}: {asset} is {true}, told {told}")

    @property
    def _is_whole(self) -> bool:
        """Whether everything of this stretch was delivered or recovered, as far as it can be."""
        return all(gap.whole for gap in self._gaps.values())

    def _next_stretch(self) -> None:
        self._over.update(gap_id for gap_id, gap in self._gaps.items() if gap.final)
        self._gaps = {gap_id: gap for gap_id, gap in self._gaps.items() if not gap.final}
        self._previous = {kind: lane.recent for kind, lane in self._lanes.items()}
        self._lanes.clear()
        for orders in (self._true_orders, self._orders):
            for key in [key for key, state in orders.items() if state[0] not in _OPEN]:
                del orders[key]
        self._trades.clear()
        self._states.clear()
        self._told_trades.clear()
        self._recovered.clear()
        self._locked_assets.clear()

    # How it is done.

    def _lane(self, kind: str) -> _Lane:
        lane = self._lanes.get(kind)
        if lane is None:
            lane = self._lanes[kind] = _Lane()
        return lane

    def _fold(self, event: Delivered) -> None:
        """Note what an event says about how things are now."""
        payload = event.payload
        if payload["e"] == "executionReport":
            key, moment = (payload["s"], payload["i"]), payload["T"]
            known = self._orders.get(key)
            # What comes late is older than what is known.
            if not (event.late and known is not None and known[2] > moment):
                self._orders[key] = (payload["X"], payload["z"], moment)
        elif payload["e"] == "outboundAccountPosition":
            self._balances.update({entry["a"]: (entry["f"], entry["l"]) for entry in payload["B"]})

    def _complain(self, fault: str, payload: Payload, more: str = "") -> None:
        moment = payload["E"]
        near = [
            f"{number}: {gap.start}..{gap.end} {gap.status}"
            for number, gap in self._gaps.items()
            if gap.start - _NEAR <= moment and (gap.end is None or moment <= gap.end + _NEAR)
        ]
        self.verdict.complain(fault, f"{self.name}: {_brief(payload)}{more}; gaps: {', '.join(near) or 'none'}")


_OPEN = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")
# Milliseconds, in what is told of a complaint.
_NEAR = 1_000
_BRIEF = ("e", "E", "s", "i", "I", "x", "X", "z", "t", "T", "u", "a", "d", "g", "l", "L", "B")


def _brief(payload: Payload) -> str:
    return str({name: payload[name] for name in _BRIEF if name in payload})


def _superseded(payload: Payload, told: Mapping[Any, int]) -> bool:
    """Whether something newer that was recovered says all that *payload* could say."""
    kind, moment = payload["e"], payload["E"]
    if kind == "executionReport":
        return payload["t"] < 0 and bool(told.get((payload["s"], payload["i"]), -1) >= moment)
    if kind == "outboundAccountPosition":
        return all(told.get(entry["a"], -1) >= moment for entry in payload["B"])
    return kind == "listStatus" and bool(told.get(payload["g"], -1) >= moment)


def _equal(one: object, other: object) -> bool:
    """Whether two values are the same, however many zeros they are written with."""
    if isinstance(one, str) and isinstance(other, str) and one != other:
        try:
            return Decimal(one) == Decimal(other)
        except ArithmeticError:
            return False
    return one == other


def _same(one: Sequence[str], other: Sequence[str]) -> bool:
    return all(_equal(*pair) for pair in zip(one, other, strict=True))


def _total(balance: tuple[str, str]) -> Decimal:
    return Decimal(balance[0]) + Decimal(balance[1])
