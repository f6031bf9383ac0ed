"""
Rotations under load: is every event delivered once and in order, and how much later than without?

The exchange is in a process of its own. Its ledger is the judge: per kind of event, what was delivered must be what was
published. How long events take is measured with and without rotations, in turns, on the machine's clock, which both
processes share.

Events are published steadily, or in bursts. While a rotation lasts the exchange sends everything twice; so the last of
a burst comes as much later as it takes the exchange to send the burst, which a burst measures more than anything else.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Sequence
from typing import Any

from binance_socket import BinanceSocketClient, ClientOptions, DataEvent
from binance_socket.sandbox import Sandbox, SandboxAccount

__all__ = ["Report", "rotations"]

# An order is placed and cancelled: two reports, and twice the balances.
EVENTS_OF_A_PAIR = 4
PATIENCE = 60.0
BOUND = 0.005
SHARES = (0.5, 0.9, 0.99)


@dataclasses.dataclass
class Report:
    """What was found."""

    rotations: int
    events: int
    seconds: float
    lost: int = 0
    duplicated: int = 0
    marked: int = 0
    out_of_order: int = 0
    told: int = 0
    """How often subscribers were told of a loss."""
    took: list[float] = dataclasses.field(default_factory=list[float])
    """How long each rotation took, in seconds."""
    quiet: list[float] = dataclasses.field(default_factory=list[float])
    """How late each event was without a rotation, in seconds."""
    rotating: list[float] = dataclasses.field(default_factory=list[float])
    """How late each event was while rotating."""

    def added(self, share: float = 0.99) -> float:
        """By how much that percentile of the latency is larger while rotating, in seconds."""
        return _percentile(self.rotating, share) - _percentile(self.quiet, share)

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, repeated or out of order."""
        return not (self.lost or self.duplicated or self.out_of_order or self.told)


class _Heard:
    """What the subscription delivers, and when."""

    def __init__(self) -> None:
        self.payloads: list[dict[str, Any]] = []
        self.quiet: list[float] = []
        self.rotating: list[float] = []
        self.is_rotating = False
        self.marked = 0
        self.told = 0

    def __call__(self, event: DataEvent[Any]) -> None:
        now = time.time()
        self.payloads.append(event.raw)
        self.marked += event.possible_duplicate
        # Published with microseconds.
        (self.rotating if self.is_rotating else self.quiet).append(now - event.raw["E"] / 1e6)

    def tell(self) -> None:
        """Take note of a loss."""
        self.told += 1


def rotations(count: int, rate: int, burst: int = EVENTS_OF_A_PAIR, *, print_report: bool = True) -> Report:
    """
    Rotate *count* times while the exchange publishes *rate* events a second, and compare with its ledger.

    It publishes *burst* at a time: a multiple of four.
    """
    heard = _Heard()
    took: list[float] = []
    with Sandbox(process=True, connection_limit=10**9, weight_limit=10**9) as sandbox:
        account = sandbox.create_account({"USDT": "1000000", "BTC": "1"})
        options = ClientOptions(connect_budget=None, keep_raw=True, time_unit="MICROSECOND")
        with BinanceSocketClient(
            credentials=account.credentials, environment=sandbox.environment, options=options
        ) as client:
            subscription = client.spot_api.account.subscribe_to_user_data_updates(
                on_order_update_message=heard,
                on_account_position_message=heard,
                on_user_data_stream_terminated=heard,
                on_unknown_event=heard,
            )
            subscription.on_connection_lost(heard.tell)
            stop = threading.Event()
            load = threading.Thread(target=_load, args=(account, rate, burst, stop))
            began = time.monotonic()
            load.start()
            try:
                for _ in range(count):
                    # As long as a rotation takes, so that there is as much to compare it with.
                    heard.is_rotating, start = True, time.monotonic()
                    client.rotate(PATIENCE)
                    took.append(time.monotonic() - start)
                    heard.is_rotating = False
                    time.sleep(max(took[-1], 0.05))
            finally:
                stop.set()
                load.join()
            seconds = time.monotonic() - began
            _wait(heard, account)
        ledger = account.events
    report = _judged(heard, ledger, took, seconds)
    if print_report:
        _print(report)
    return report


def _load(account: SandboxAccount, rate: int, burst: int, stop: threading.Event) -> None:
    """Publish so many a second, in real time."""
    pairs = max(1, burst // EVENTS_OF_A_PAIR)
    pause = pairs * EVENTS_OF_A_PAIR / rate
    due = time.monotonic()
    while not stop.is_set():
        account.burst(2 * pairs)
        due += pause
        time.sleep(max(0.0, due - time.monotonic()))


def _wait(heard: _Heard, account: SandboxAccount) -> None:
    """Wait until everything has come, or nothing comes any more."""
    deadline, before = time.monotonic() + PATIENCE, -1
    while time.monotonic() < deadline and len(heard.payloads) < account.event_count:
        if before == len(heard.payloads):
            break
        before = len(heard.payloads)
        time.sleep(1.0)


def _judged(heard: _Heard, ledger: Sequence[dict[str, Any]], took: list[float], seconds: float) -> Report:
    report = Report(len(took), len(ledger), seconds, marked=heard.marked, told=heard.told)
    for kind in {payload["e"] for payload in (*ledger, *heard.payloads)}:
        # When it was sent is not what an event is.
        true = [_content(payload) for payload in ledger if payload["e"] == kind]
        delivered = [_content(payload) for payload in heard.payloads if payload["e"] == kind]
        if true == delivered:
            continue
        missing, more = _counted(true), _counted(delivered)
        report.lost += sum(max(0, number - more.get(key, 0)) for key, number in missing.items())
        report.duplicated += sum(max(0, number - missing.get(key, 0)) for key, number in more.items())
        report.out_of_order += _out_of_order(true, delivered)
    report.took, report.quiet, report.rotating = took, heard.quiet, heard.rotating
    return report


def _content(payload: dict[str, Any]) -> str:
    if payload["e"] == "executionReport":
        return str(payload["I"])
    if payload["e"] == "outboundAccountPosition":
        # The ledger has milliseconds.
        moment = payload["u"]
        return f"{moment // 1000 if moment >= 10**14 else moment} {payload['B']}"
    return str({key: value for key, value in payload.items() if key != "E"})


def _counted(contents: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for content in contents:
        counts[content] = counts.get(content, 0) + 1
    return counts


def _out_of_order(true: Sequence[str], delivered: Sequence[str]) -> int:
    """Return how many of what was delivered come after something that they should come before."""
    places: dict[str, list[int]] = {}
    for place, content in enumerate(true):
        places.setdefault(content, []).append(place)
    latest, count = -1, 0
    for content in delivered:
        left = places.get(content)
        place = left.pop(0) if left else latest
        count += place < latest
        latest = max(latest, place)
    return count


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))] if values else 0.0


def _print(report: Report) -> None:
    rate = report.events / report.seconds
    print(f"{report.rotations} rotations, {report.events:,} events in {report.seconds:.0f} s ({rate:,.0f} a second)\n")
    for title, number in (
        ("lost", report.lost),
        ("duplicated", report.duplicated),
        ("of these marked as possible duplicates", report.marked),
        ("out of order", report.out_of_order),
        ("told of a loss", report.told),
    ):
        print(f"{title:<42} {number:>10,}")
    print(f"\n{'milliseconds':<42} {'p50':>10} {'p90':>10} {'p99':>10}")
    for title, values in (
        ("a rotation", report.took),
        (f"latency of {len(report.quiet):,} without one", report.quiet),
        (f"latency of {len(report.rotating):,} while rotating", report.rotating),
    ):
        print(f"{title:<42} " + " ".join(f"{1e3 * _percentile(values, share):>10.2f}" for share in SHARES))
    added = " ".join(f"{1e3 * report.added(share):>10.2f}" for share in SHARES)
    print(f"{'added latency':<42} {added}   (bound of p99: {1e3 * BOUND:.0f})")
