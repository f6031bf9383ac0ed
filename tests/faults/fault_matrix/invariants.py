"""The invariants that hold whatever happens: U1 to U5. Each check returns what is wrong, in words."""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from binance_socket import BinanceSocketClient
from binance_socket._session.state import ConnectionState as SessionState

from .transcript import PATIENCE, Heard, Notice, content

__all__ = ["Defects", "Leftovers", "close_from_another_thread", "count_descriptors", "our_threads", "stream_violations"]

CLOSE_BOUND = 3.0


def stream_violations(
    ledger: Sequence[Mapping[str, Any]],
    told: Sequence[Heard | Notice],
    *,
    since: int = 0,
    until: int | None = None,
) -> list[str]:
    """
    U3: per event type everything in order, nothing twice, nothing lost but where the user was told of a loss.

    The *ledger* is the exchange's own. Its first *since* events came before the subscription, or while it was being
    made: they may be missing at the beginning. From *until* on the subscription was being closed, and what comes may be
    missing at the end.
    """
    until = len(ledger) if until is None else until
    wrong: list[str] = []
    kinds = dict.fromkeys([event.get("e") for event in ledger] + [e.kind for e in told if isinstance(e, Heard)])
    for kind in kinds:
        wrong += _violations_of(kind, [(i, e) for i, e in enumerate(ledger) if e.get("e") == kind], told, since, until)
    return wrong


def _violations_of(
    kind: Any,
    happened: Sequence[tuple[int, Mapping[str, Any]]],
    told: Sequence[Heard | Notice],
    since: int,
    until: int,
) -> list[str]:
    wrong: list[str] = []
    contents = [content(event) for _, event in happened]
    position, begun, covered = 0, False, False
    for entry in told:
        if isinstance(entry, Notice):
            # From here on something may be missing, as far as the next event that comes.
            covered = covered or entry.name in ("lost", "closed")
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
        missing = [number for number, _ in happened[position:found]]
        if missing and not covered and (begun or missing[-1] >= since):
            wrong.append(f"{kind}: {len(missing)} lost, and nobody was told, before {one}")
        position, begun, covered = found + 1, True, False
    left = [number for number, _ in happened[position:] if begun or number >= since]
    if left and not covered and left[0] < until:
        wrong.append(f"{kind}: {len(left)} at the end never came: {happened[-1][1]}")
    return wrong


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
