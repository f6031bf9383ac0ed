"""The invariants that hold whatever happens: U1 to U5. Each check returns what is wrong, in words."""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from binance_socket import BinanceSocketClient, Gap, GapStatus
from binance_socket._session.state import ConnectionState as SessionState

from .transcript import PATIENCE, Heard, Notice, content

__all__ = [
    "Defects",
    "Leftovers",
    "close_from_another_thread",
    "count_descriptors",
    "gap_violations",
    "our_threads",
    "stream_violations",
]

CLOSE_BOUND = 3.0
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


_Place = tuple[int, Mapping[str, Any]]


def stream_violations(
    ledger: Sequence[Mapping[str, Any]],
    told: Sequence[Heard | Notice],
    *,
    since: int = 0,
    until: int | None = None,
) -> list[str]:
    """
    U3: per event type everything in order, nothing twice, nothing lost but where a Gap says so.

    The *ledger* is the exchange's own. Its first *since* events came before the subscription, or while it was being
    made: they may be missing at the beginning. From *until* on the subscription was being closed, and what comes may be
    missing at the end. What was found out afterwards does not count as delivered: see ``gap_violations``.
    """
    until = len(ledger) if until is None else until
    wrong: list[str] = []
    kinds = dict.fromkeys([event.get("e") for event in ledger] + [e.kind for e in told if isinstance(e, Heard)])
    for kind in kinds:
        wrong += _violations_of(kind, [(i, e) for i, e in enumerate(ledger) if e.get("e") == kind], told, since, until)
    return wrong


def _violations_of(
    kind: Any, happened: Sequence[_Place], told: Sequence[Heard | Notice], since: int, until: int
) -> list[str]:
    wrong: list[str] = []
    contents = [content(event) for _, event in happened]
    position, begun = 0, False
    finals = {gap.id: gap for gap in _gaps_of(told)}
    gaps: list[Gap] = []
    for entry in told:
        if isinstance(entry, Notice):
            if entry.name == "gap" and not entry.detail.status.is_final:
                # How far it reached is known once it is over.
                gaps.append(finals[entry.detail.id])
            continue
        if entry.kind != kind or entry.backfilled:
            continue
        one = content(entry.payload)
        try:
            found = contents.index(one, position)
        except ValueError:
            if one not in contents:
                wrong.append(f"{kind}: never happened: {one}")
            elif not entry.possible_duplicate:
                wrong.append(f"{kind}: twice, or out of order: {one}")
            continue
        wrong += _not_covered([place for place in happened[position:found] if begun or place[0] >= since], gaps)
        position, begun = found + 1, True
    left = [place for place in happened[position:] if (begun or place[0] >= since) and place[0] < until]
    return wrong + _not_covered(left, gaps)


def _gaps_of(told: Sequence[Heard | Notice]) -> list[Gap]:
    return [entry.detail for entry in told if isinstance(entry, Notice) and entry.name == "gap"]


def _not_covered(missing: Sequence[_Place], gaps: Sequence[Gap]) -> list[str]:
    """Return which of the events that are *missing* no gap covers."""
    return [
        f"{event.get('e')}: lost, and nobody was told: {event}; gaps {[(gap.from_, gap.to) for gap in gaps]}"
        for _, event in missing
        if not any(_covers(gap, event) for gap in gaps)
    ]


def _covers(gap: Gap, event: Mapping[str, Any]) -> bool:
    moment = _EPOCH + timedelta(milliseconds=event["E"])
    return gap.from_ <= moment and (gap.to is None or moment <= gap.to)


def gap_violations(ledger: Sequence[Mapping[str, Any]], told: Sequence[Heard | Notice], *, whole: bool) -> list[str]:
    """
    U3, the gaps: each is told OPEN right after the loss, and once more at its end; in between, what was found out.

    What was found out is true, and was not told before. With *whole*, the subscription went on to the end: then every
    order is known to be as it is, if the gaps say that everything was found out.
    """
    wrong = _brackets(told)
    trades: set[tuple[Any, Any]] = set()
    reports = [event for event in ledger if event.get("e") == "executionReport"]
    # -1 stands for none.
    true_trades = {(event["i"], trade) for event in reports for trade in (event["t"], -1)}
    known: dict[Any, Any] = {}
    for entry in told:
        if not isinstance(entry, Heard) or entry.kind != "executionReport":
            continue
        order, trade = entry.payload["i"], entry.payload["t"]
        if entry.backfilled and (order, trade) not in true_trades:
            wrong.append(f"found out what never happened: {entry.payload}")
        if trade != -1 and (order, trade) in trades:
            wrong.append(f"a trade was told twice: {entry.payload}")
        trades.add((order, trade))
        known[order] = entry.payload["X"]
    if whole and all(gap.status in (GapStatus.OPEN, GapStatus.RECOVERED_STATE) for gap in _gaps_of(told)):
        first = next(iter(known), None)
        true = {event["i"]: event["X"] for event in reports}
        wrong += [
            f"order {order} is {state}, and was last told to be {known.get(order)}"
            for order, state in true.items()
            if first is not None and order >= first and known.get(order) != state
        ]
    return wrong


def _brackets(told: Sequence[Heard | Notice]) -> list[str]:
    wrong: list[str] = []
    gap: Gap | None = None
    lost = False
    # When the latest event happened that was delivered since. While the new of two connections is lost, the old one may
    # still bring what came before.
    latest = 0
    for entry in told:
        if isinstance(entry, Heard):
            if lost:
                wrong.append("an event between a loss and its gap")
            if entry.backfilled and gap is None:
                wrong.append(f"found out, and no gap is open: {entry.payload}")
            moment = entry.payload.get("E", 0)
            if entry.backfilled and moment < latest and not entry.late:
                wrong.append(f"found out, and not said to be late: {entry.payload}")
            latest = latest if entry.backfilled else max(latest, moment)
        elif entry.name == "lost":
            lost, latest = True, 0
        elif entry.name == "gap":
            one: Gap = entry.detail
            if not one.status.is_final:
                if not lost or gap is not None:
                    wrong.append(f"a gap without a loss, or within another: {one}")
                gap, lost = one, False
            elif gap is None or gap.id != one.id:
                wrong.append(f"the end of a gap that is not open: {one}")
            else:
                gap = None
    return wrong + ([f"the end of a gap was not told: {gap}"] if gap is not None else [])


class Defects(logging.Handler):
    """U2: whether some connection has failed by a defect of ours, and what else was logged. A context manager."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.failures: list[logging.LogRecord] = []
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what tells of a defect, and what everything says."""
        self.messages.append(record.getMessage())
        if record.msg == "%s has failed":
            self.failures.append(record)

    def __enter__(self) -> Defects:
        logging.getLogger("binance_socket").addHandler(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        logging.getLogger("binance_socket").removeHandler(self)

    def unexplained(self, reason: str) -> list[str]:
        """Return what is wrong if nobody was told of *reason*."""
        if any(reason in message for message in self.messages):
            return []
        return [f"{reason!r} was not logged: {self.messages}"]

    def violations(self, client: BinanceSocketClient, *, expected: bool) -> list[str]:
        """Return what is wrong: a failure that nobody expects, or none where one is due."""
        hub = client._hub
        states = {connection.name: connection.state for connection in (hub.api, hub.streams)}
        failed = [name for name, state in states.items() if state is SessionState.FAILED]
        if expected:
            return [] if failed and self.failures else ["no connection has failed, or nobody was told"]
        return [f"{name} has failed" for name in failed] + [record.getMessage() for record in self.failures]


def close_from_another_thread(client: BinanceSocketClient) -> list[str]:
    """U4: close the client from a thread of its own, and return what is wrong with that."""
    raised: list[BaseException] = []

    def close() -> None:
        try:
            client.close()
        except BaseException as exc:  # noqa: BLE001  # reported as a violation
            raised.append(exc)

    thread = threading.Thread(target=close, name="closing")
    thread.start()
    thread.join(CLOSE_BOUND)
    wrong = [] if not thread.is_alive() else [f"close() has not returned after {CLOSE_BOUND} s"]
    thread.join(PATIENCE)
    return wrong + [f"close() raised {exc!r}" for exc in raised]


def our_threads() -> set[threading.Thread]:
    """Return the library's threads, but for those that a process has for good."""
    return {
        thread
        for thread in threading.enumerate()
        if thread.name.startswith("binance-socket-") and thread.name != "binance-socket-shared-timer"
    }


def count_descriptors() -> int:
    """Return how many descriptors are open; 0 where nobody knows."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except FileNotFoundError:
        return 0


class Leftovers:
    """U5: made before anything else, it says afterwards what is left over."""

    def __init__(self) -> None:
        self._threads = our_threads()
        self._descriptors = count_descriptors()

    def violations(self) -> list[str]:
        """Return what is left. To be called when client and sandbox are closed."""
        for thread in our_threads() - self._threads:
            thread.join(PATIENCE)
        threads = sorted(thread.name for thread in our_threads() - self._threads)
        wrong = [f"left over: {', '.join(threads)}"] if threads else []
        more = count_descriptors() - self._descriptors
        if more > 0:
            # The sandbox's server leaves a selector of the websockets package's in a cycle. Nothing of ours is in one.
            for generation in (1, 2):
                gc.collect(generation)
                more = count_descriptors() - self._descriptors
                if more <= 0:
                    break
        return wrong + ([f"{more} descriptors are left open"] if more > 0 else [])
