"""
Unknown outcomes by the thousand: does ``OutcomeUnknown.resolve()`` tell what really became of each request?

The client and an embedded exchange share a clock that this program moves, so that the library's own constants are
examined and nobody waits for them. The exchange's ledger is the judge. What is asked for is in :mod:`.outcome_cases`.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import queue
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitTimeout

from binance_socket import (
    BinanceSocketClient,
    BinanceSocketError,
    CancelReplaceOutcome,
    ClientOptions,
    OutcomeUnknown,
    Response,
    StillUnknown,
    Verdict,
)
from binance_socket._wire.messages import Request
from binance_socket.sandbox import Sandbox, SandboxAccount
from binance_socket.testing import ManualClock

from .outcome_cases import CAUSES, LATEST, METHODS, Case, Happened, Ledger

__all__ = ["Report", "outcomes"]

# How many requests are under way at a time, and by how much the clock is moved, in seconds.
AT_A_TIME = 192
STEP = 0.5
# How long the clock stands still for the exchange's answers, in real seconds: longer than they take.
PATIENCE = 0.25
# How far the exchange's database may be behind.
MOST_LAG = 4.9
# How many accounts there are for what concerns all of an account's orders, and how long one is left alone between:
# until what was placed is certain to have been there before, and until nothing can be executed any more.
LONELY = 12
BEFORE, AFTERWARDS = 1.5, LATEST + 5.0


@dataclasses.dataclass
class Report:
    """What was found."""

    verdicts: collections.Counter[tuple[str, str]] = dataclasses.field(
        default_factory=collections.Counter[tuple[str, str]]
    )
    methods: collections.Counter[tuple[str, str]] = dataclasses.field(
        default_factory=collections.Counter[tuple[str, str]]
    )
    sources: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter[str])
    wrong: list[str] = dataclasses.field(default_factory=list[str])
    double: list[str] = dataclasses.field(default_factory=list[str])
    unknown: int = 0
    open: int = 0
    known: int = 0

    @property
    def sound(self) -> bool:
        """Whether no verdict was wrong, none is missing, and nothing was done twice."""
        return not self.wrong and not self.double and not self.open


class _Course:
    """One run: the exchange, its accounts and clients, and what is asked of them."""

    def __init__(self, sandbox: Sandbox, clock: ManualClock, stack: contextlib.ExitStack) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self._stack = stack
        self.account = sandbox.create_account({"USDT": "1000000000", "BTC": "1000"})
        self.clients = [self._client(self.account) for _ in range(3)]
        # One hears of orders by events, too; one does not; and one is the one whose links are cut.
        self.clients[0].spot_api.account.subscribe_to_user_data_updates(on_order_update_message=lambda event: None)
        self._lonely: queue.SimpleQueue[tuple[SandboxAccount, BinanceSocketClient]] = queue.SimpleQueue()
        for _ in range(LONELY):
            account = sandbox.create_account({"USDT": "1000000000"})
            client = self._client(account)
            self.clients.append(client)
            self._lonely.put((account, client))
        self._passed = threading.Condition()

    def _client(self, account: SandboxAccount) -> BinanceSocketClient:
        return self._stack.enter_context(
            BinanceSocketClient(
                credentials=account.credentials,
                environment=self.sandbox.environment,
                # It comes back at once: how long that takes is not what is examined.
                options=ClientOptions(backoff_base=0.0),
                clock=self.clock,
            )
        )

    def cases(self, chance: random.Random, count: int) -> list[Case]:
        """Make up *count* cases."""
        cases = list[Case]()
        for number in range(count):
            [cause] = chance.choices(CAUSES, [cause.share for cause in CAUSES])
            [method] = chance.choices(METHODS, [method.share for method in METHODS])
            name = f"o{chance.getrandbits(24):06x}-{number}"
            rough = cause.title.endswith("link cut") or chance.random() < 0.1
            client = self.clients[2] if rough else chance.choice(self.clients[:2])
            case = Case(name, method, cause, client, self.account, random.Random(chance.getrandbits(32)))
            if not method.lonely:
                method.prepare(case)
                self.sandbox.faults.spoil_order(name, **cause.arguments(case.chance))
            cases.append(case)
        return cases

    def go_through(self, case: Case) -> None:
        """Ask, and find out what became of it."""
        if not case.method.lonely:
            self._ask(case)
            return
        case.account, case.client = self._lonely.get()
        try:
            case.method.prepare(case)
            self.sandbox.faults.spoil_order(case.account.api_key, **case.cause.arguments(case.chance))
            self._let_pass(BEFORE)
            self._ask(case)
            self._let_pass(AFTERWARDS)
            case.happened = case.method.happened(case, Ledger(case.account.events))
        finally:
            self._lonely.put((case.account, case.client))

    def _ask(self, case: Case) -> None:
        try:
            case.answer = case.client._caller.call(case.request)  # pyright: ignore[reportPrivateUsage]  # a bare request
        except OutcomeUnknown as error:
            # Where the exchange does not answer questions either, one asks again.
            for _ in range(5):
                case.answer = error.resolve(60)
                if not any(isinstance(half, StillUnknown) for half in _halves(case.answer)):
                    break
        except BinanceSocketError as error:
            case.answer = error

    def _let_pass(self, seconds: float) -> None:
        until = self.clock.monotonic() + seconds
        with self._passed:
            while self.clock.monotonic() < until:
                self.clock.wait_until(self._passed, until)

    def barrier(self) -> None:
        """
        Wait, in real time, until what was asked is answered, but for what never will be.

        A connection answers in the order in which it is asked: so does whoever asks last.
        """
        futures: list[Future[Response[object]]] = []
        for client in self.clients:
            hub = client._hub  # pyright: ignore[reportPrivateUsage]  # nobody else knows
            futures.append(hub.submit(Request("ping", returns=object)))
            if hub.doubts.inquirer.in_flight:
                futures.append(hub.doubts.inquirer.ask(Request("ping", returns=object), 10.0))
        deadline = time.monotonic() + PATIENCE
        for future in futures:
            with contextlib.suppress(WaitTimeout, TimeoutError, BinanceSocketError):
                future.result(max(0.0, deadline - time.monotonic()))


def outcomes(orders: int, seed: int, *, print_report: bool = True) -> Report:
    """Bring *orders* unknown outcomes about, resolve each, and compare with the exchange's ledger."""
    began = time.monotonic()
    clock = ManualClock()
    with contextlib.ExitStack() as stack:
        sandbox = stack.enter_context(
            Sandbox(
                clock=clock,
                weight_limit=10**9,
                order_limits=(10**9, 10**9),
                raw_limit=10**9,
                connection_limit=10**9,
            )
        )
        course = _Course(sandbox, clock, stack)
        cases = course.cases(random.Random(seed), orders)
        _run(random.Random(seed + 1), cases, course)
        # Whatever the exchange still does, it has done by then.
        clock.advance(60)
        course.barrier()
        report = _judged(cases, Ledger(course.account.events))
    if print_report:
        _print(report, orders, seed, time.monotonic() - began)
    return report


def _run(chance: random.Random, cases: list[Case], course: _Course) -> None:
    """Let threads go through the cases while this one moves the clock."""
    faults = course.sandbox.faults
    with ThreadPoolExecutor(AT_A_TIME, "case") as threads:
        futures = [threads.submit(course.go_through, case) for case in cases]
        steps = 0
        while not all(future.done() for future in futures):
            if not steps % 200:
                faults.lag(chance.choice((0.0, 0.0, 1.0, 3.0, MOST_LAG)))
            if not steps % 50:
                faults.drop_replies(chance.choice(("order.status", "orderList.status", "order.amendments")))
            course.barrier()
            course.clock.advance(STEP)
            steps += 1
        for future in futures:
            future.result()


def _halves(verdict: Verdict) -> tuple[object, ...]:
    if isinstance(verdict, CancelReplaceOutcome):
        return verdict.cancellation, verdict.placement
    return (verdict,)


def _judged(cases: list[Case], ledger: Ledger) -> Report:
    report = Report()
    for case in cases:
        happened = case.method.happened(case, ledger) if case.happened is None else case.happened
        if max(happened) > 1:
            report.double.append(case.name)
        if isinstance(case.answer, (Response, BinanceSocketError)):
            # It was not unknown at all, because the link was cut before it was sent, for example.
            report.known += 1
            told = _told(case)
            if told != tuple(map(bool, happened)):
                report.wrong.append(_line(case, happened))
            continue
        report.unknown += 1
        halves = _halves(case.answer)
        name = " + ".join(type(half).__name__ for half in halves)
        report.verdicts[case.cause.title, name] += 1
        report.methods[case.method.name, name] += 1
        report.open += any(isinstance(half, StillUnknown) for half in halves)
        for half, (yes, no), times in zip(halves, case.method.halves, happened, strict=True):
            if isinstance(half, (yes, no)):
                report.sources[f"{type(half).__name__}, {half.source.value}"] += 1  # type: ignore[attr-defined]
            if isinstance(half, (yes, no)) and isinstance(half, yes) is not bool(times):
                report.wrong.append(_line(case, happened))
    return report


def _told(case: Case) -> tuple[bool, ...]:
    """Return what an answer said that came in time."""
    if isinstance(case.answer, Response):
        return (True,) * len(case.method.halves)
    data = getattr(case.answer, "data", {})
    return tuple(data.get(half) == "SUCCESS" for half in ("cancelResult", "newOrderResult"))[: len(case.method.halves)]


def _line(case: Case, happened: Happened) -> str:
    title = f"{case.method.name} {case.name} ({case.cause.title})"
    return f"{title}: {case.answer!r}, and it happened {' and '.join(map(str, happened))} times"


def _print(report: Report, orders: int, seed: int, seconds: float) -> None:
    print(f"{orders} requests with seed {seed}, {seconds:.0f} s")
    for title, counts in (("cause", report.verdicts), ("method", report.methods)):
        print(f"\n{title:<34} {'verdict':<24} {'count':>7}")
        for (name, verdict), count in sorted(counts.items()):
            print(f"{name:<34} {verdict:<24} {count:>7,}")
    print(f"\n{'verdict, and where it came from':<59} {'count':>7}")
    for source, count in sorted(report.sources.items()):
        print(f"{source:<59} {count:>7,}")
    for line in (*report.wrong[:20], *report.double[:20]):
        print(line)
    print(
        f"\n{report.unknown:,} unknown outcomes ({report.known:,} answered after all in time): "
        f"{len(report.double)} double orders, {len(report.wrong)} wrong verdicts, {report.open} still unknown"
    )
