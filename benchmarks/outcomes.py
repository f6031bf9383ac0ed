"""
Unknown outcomes by the thousand: does ``OutcomeUnknown.resolve()`` tell what really became of each order?

The client and an embedded exchange share a clock that this program moves, so that the library's own constants are
examined and nobody waits for them. The exchange's ledger is the judge.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitTimeout
from typing import Any

from binance_socket import (
    BinanceSocketClient,
    BinanceSocketError,
    ClientOptions,
    Executed,
    NotExecuted,
    NotPlaced,
    OutcomeUnknown,
    Placed,
    StillUnknown,
)
from binance_socket._wire.messages import Request, Security
from binance_socket.sandbox import Sandbox, SandboxAccount
from binance_socket.testing import ManualClock

__all__ = ["Cause", "Report", "outcomes"]

SYMBOL = "BTCUSDT"
# How many orders are under way at a time, and by how much the clock is moved, in seconds.
AT_A_TIME = 192
STEP = 0.5
# How long the clock stands still for the exchange's answers, in real seconds: longer than they take.
PATIENCE = 0.25
# What the exchange may take over a request, by its own statement: its window and 10 seconds more. And how far its
# database may be behind.
LATEST = 14.9
MOST_LAG = 4.9


@dataclasses.dataclass(frozen=True)
class Cause:
    """Why an outcome is unknown, how often, and how the sandbox brings it about."""

    title: str
    share: int
    arguments: Callable[[random.Random], dict[str, Any]]


CAUSES = (
    Cause("executed, never answered", 20, lambda _: {"kind": "mute"}),
    Cause("executed, answered too late", 10, lambda r: {"kind": "late", "seconds": r.uniform(12.1, 40)}),
    Cause("executed, answered -1007", 10, lambda _: {"kind": "fail", "executed": True}),
    Cause("not executed, answered -1007", 10, lambda _: {"kind": "fail", "executed": False}),
    Cause("not executed, answered 500", 5, lambda _: {"kind": "fail", "executed": False, "status": 500, "code": -1000}),
    Cause("executed, link cut", 10, lambda _: {"kind": "cut", "executed": True}),
    Cause("not executed, link cut", 10, lambda _: {"kind": "cut", "executed": False}),
    Cause("not executed, never answered", 15, lambda _: {"kind": "lose"}),
    Cause("executed as late as can be", 10, lambda r: {"kind": "slow", "seconds": r.uniform(12.1, LATEST)}),
)


@dataclasses.dataclass
class Report:
    """What was found."""

    verdicts: collections.Counter[tuple[str, str]] = dataclasses.field(default_factory=collections.Counter)
    sources: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    wrong: list[str] = dataclasses.field(default_factory=list[str])
    double: list[str] = dataclasses.field(default_factory=list[str])
    unknown: int = 0
    open: int = 0
    known: int = 0

    @property
    def sound(self) -> bool:
        """Whether no verdict was wrong, none is missing, and no order was placed twice."""
        return not self.wrong and not self.double and not self.open


@dataclasses.dataclass
class _Case:
    """One order, or one cancellation."""

    name: str
    cause: Cause
    cancels: bool
    client: BinanceSocketClient
    request: Request[Any]
    answer: Any = None


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
                connection_limit=10**9,
            )
        )
        account = sandbox.create_account({"USDT": "1000000000", "BTC": "1000"})
        clients = [
            stack.enter_context(
                BinanceSocketClient(
                    credentials=account.credentials,
                    environment=sandbox.environment,
                    # It comes back at once: how long that takes is not what is examined.
                    options=ClientOptions(backoff_base=0.0),
                    clock=clock,
                )
            )
            for _ in range(3)
        ]
        # One hears of orders by events, too; one does not; and one is the one whose links are cut.
        clients[0].spot_api.account.subscribe_to_user_data_updates(on_order_update_message=lambda event: None)
        cases = _cases(random.Random(seed), orders, clients, account, sandbox)
        _run(random.Random(seed + 1), cases, clients, sandbox, clock)
        # Whatever the exchange still does, it has done by then.
        clock.advance(60)
        _barrier(clients)
        report = _judged(cases, account)
    if print_report:
        _print(report, orders, seed, time.monotonic() - began)
    return report


def _cases(
    chance: random.Random, orders: int, clients: list[BinanceSocketClient], account: SandboxAccount, sandbox: Sandbox
) -> list[_Case]:
    cases = list[_Case]()
    for number in range(orders):
        cause = chance.choices(CAUSES, [cause.share for cause in CAUSES])[0]
        name, cancels = f"o{seed_text(chance)}-{number}", chance.random() < 0.15
        params: dict[str, Any] = {"symbol": SYMBOL, "newClientOrderId": name}
        if cancels:
            target = f"t{number}"
            account.place_order(SYMBOL, "BUY", "LIMIT", price="10000", quantity="0.001", new_client_order_id=target)
            params["origClientOrderId"] = target
        else:
            params |= {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "10000", "quantity": "0.001"}
        method = "order.cancel" if cancels else "order.place"
        request: Request[Any] = Request(method, params, object, Security.SIGNED, mutating=True)
        sandbox.faults.spoil_order(name, **cause.arguments(chance))
        rough = cause.title.endswith("link cut") or chance.random() < 0.1
        cases.append(_Case(name, cause, cancels, clients[2] if rough else chance.choice(clients[:2]), request))
    return cases


def seed_text(chance: random.Random) -> str:
    """Return a few characters that tell runs apart."""
    return f"{chance.getrandbits(24):06x}"


def _run(
    chance: random.Random,
    cases: list[_Case],
    clients: list[BinanceSocketClient],
    sandbox: Sandbox,
    clock: ManualClock,
) -> None:
    """Let threads go through the cases while this one moves the clock."""
    with ThreadPoolExecutor(AT_A_TIME, "case") as threads:
        futures = [threads.submit(_go_through, case) for case in cases]
        steps = 0
        while not all(future.done() for future in futures):
            if not steps % 200:
                sandbox.faults.lag(chance.choice((0.0, 0.0, 1.0, 3.0, MOST_LAG)))
            if not steps % 50:
                sandbox.faults.drop_replies("order.status")
            _barrier(clients)
            clock.advance(STEP)
            steps += 1
        for future in futures:
            future.result()


def _go_through(case: _Case) -> None:
    try:
        case.answer = case.client._caller.call(case.request)  # pyright: ignore[reportPrivateUsage]  # a bare request
    except OutcomeUnknown as error:
        # Where the exchange does not answer questions either, one asks again.
        for _ in range(5):
            case.answer = error.resolve(60)
            if not isinstance(case.answer, StillUnknown):
                break
    except BinanceSocketError as error:
        case.answer = error


def _barrier(clients: list[BinanceSocketClient]) -> None:
    """
    Wait, in real time, until what was asked is answered, but for what never will be.

    A connection answers in the order in which it is asked: so does whoever asks last.
    """
    futures: list[Future[Any]] = []
    for client in clients:
        futures.append(client.spot_api.account.session_subscriptions.submit())
        inquirer = client._hub.doubts.inquirer  # pyright: ignore[reportPrivateUsage]  # nobody else knows
        if inquirer.in_flight:
            futures.append(inquirer.ask(Request("ping"), 10.0))
    deadline = time.monotonic() + PATIENCE
    for future in futures:
        with contextlib.suppress(WaitTimeout, TimeoutError, BinanceSocketError):
            future.result(max(0.0, deadline - time.monotonic()))


def _judged(cases: list[_Case], account: SandboxAccount) -> Report:
    placed: collections.Counter[str] = collections.Counter()
    cancelled: collections.Counter[str] = collections.Counter()
    for event in account.events:
        if event["e"] == "executionReport" and event["x"] == "NEW":
            placed[event["c"]] += 1
        elif event["e"] == "executionReport" and event["x"] == "CANCELED":
            cancelled[event["c"]] += 1
    report = Report()
    for case in cases:
        happened = cancelled[case.name] if case.cancels else placed[case.name]
        yes, no = (Executed, NotExecuted) if case.cancels else (Placed, NotPlaced)
        answer = case.answer
        report.unknown += 1
        report.verdicts[case.cause.title, type(answer).__name__] += 1
        if happened > 1:
            report.double.append(case.name)
        if isinstance(answer, (yes, no)):
            report.sources[f"{type(answer).__name__}, {answer.source.value}"] += 1
            if isinstance(answer, yes) is not bool(happened):
                report.wrong.append(f"{case.name} ({case.cause.title}): {answer}, and it happened {happened} times")
        elif isinstance(answer, StillUnknown):
            report.open += 1
        else:
            # It was not unknown at all, because the link was cut before it was sent, for example.
            report.unknown -= 1
            report.known += 1
            refused = isinstance(answer, BinanceSocketError)
            if refused is bool(happened):
                report.wrong.append(f"{case.name} ({case.cause.title}): {answer!r}, and it happened {happened} times")
    return report


def _print(report: Report, orders: int, seed: int, seconds: float) -> None:
    print(f"{orders} orders and cancellations with seed {seed}, {seconds:.0f} s\n")
    print(f"{'cause':<34} {'verdict':<24} {'count':>7}")
    for (cause, verdict), count in sorted(report.verdicts.items()):
        print(f"{cause:<34} {verdict:<24} {count:>7,}")
    print(f"\n{'verdict, and where it came from':<59} {'count':>7}")
    for source, count in sorted(report.sources.items()):
        print(f"{source:<59} {count:>7,}")
    for line in (*report.wrong[:20], *report.double[:20]):
        print(line)
    print(
        f"\n{report.unknown:,} unknown outcomes ({report.known:,} answered after all in time): "
        f"{len(report.double)} double orders, {len(report.wrong)} wrong verdicts, {report.open} still unknown"
    )
