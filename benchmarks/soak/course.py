"""Carries a plan out, and watches what comes of it."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import dataclasses
import faulthandler
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from binance_socket._engine.threads import NAME_PREFIX
from binance_socket._session.told import MOST_ORDERS
from binance_socket.sandbox import Sandbox, SandboxAccount
from binance_socket.sandbox.faults import Faults

from .judge import Verdict
from .kinds import ACCOUNTS, ED25519, EVERYBODY, LISTEN_KEY, Step, kind_of
from .plan import Plan
from .watch import Stuck, Watched

__all__ = ["Report", "Sample", "judge_samples", "run"]

FUNDS: Mapping[str, str] = {"BTC": "1000000", "ETH": "10000000", "USDT": "100000000000", "BNB": "1000"}
STRETCH = 25
"""After so many steps everything is compared, and forgotten."""
_LONGEST_STRETCH = 20_000
"""Or after so many events."""
_SLICE = 5_000
_PAGE = 2_000
_NAMES = dict(zip(ACCOUNTS, ("HMAC", "Ed25519", "listen key"), strict=True))
_KEY_TYPES = {ED25519: "ED25519"}


@dataclasses.dataclass(frozen=True)
class Sample:
    """What this process held at the end of a stretch."""

    events: int
    resident: int
    """Bytes, with what is free but in pieces."""
    blocks: int
    """What Python has allocated, and not freed."""
    threads: int
    """Without those of pools, which come when they are needed and are bounded."""
    pooled: int
    descriptors: int
    remembered: int = 0
    """Closed orders that the subscriptions remember: those of half a minute, so it depends on how fast events come."""


@dataclasses.dataclass
class Report:
    """What came of a plan."""

    plan: Plan
    published: int = 0
    seconds: float = 0.0
    publishing: float = 0.0
    """Seconds in which the exchange was publishing."""
    steps: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter[str])
    took: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter[str])
    """Milliseconds until everything was whole again, over all steps of a kind."""
    rotations: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter[str])
    errors: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter[str])
    losses: int = 0
    verdicts: dict[str, Verdict] = dataclasses.field(default_factory=dict[str, Verdict])
    samples: list[Sample] = dataclasses.field(default_factory=list[Sample])
    failures: list[str] = dataclasses.field(default_factory=list[str])
    """What ended it early, or was not brought about."""
    growth: float = 0.0
    """By how many bytes the memory grew over the second half,"""
    more_blocks: float = 0.0
    """and by how many blocks, beside those that go with the orders that are remembered."""

    @property
    def total(self) -> Verdict:
        """The verdicts of all subscriptions together."""
        total = Verdict()
        for verdict in self.verdicts.values():
            for field in dataclasses.fields(Verdict):
                if field.name == "faults":
                    total.faults.update(verdict.faults)
                else:
                    setattr(total, field.name, getattr(total, field.name) + getattr(verdict, field.name))
        return total

    @property
    def sound(self) -> bool:
        """Whether all is as it should be."""
        return not self.failures and all(verdict.sound for verdict in self.verdicts.values())


class _Stage:
    """Where a plan is played: one exchange in a process of its own, three clients in this one."""

    def __init__(self, plan: Plan, stack: contextlib.ExitStack) -> None:
        self.plan = plan
        self.published = 0
        self.publishing = 0.0
        self.compared = 0
        """How many events had been published when everything was compared last."""
        self.sandbox = stack.enter_context(
            Sandbox(process=True, connection_limit=10**9, weight_limit=10**9, raw_limit=10**9)
        )
        self.watched: dict[int, Watched] = {}
        for number in ACCOUNTS:
            account = self.sandbox.create_account(FUNDS, key_type=_KEY_TYPES.get(number, "HMAC"))
            watched = Watched(_NAMES[number], account, self.sandbox.environment, listen_key=number == LISTEN_KEY)
            stack.callback(watched.close)
            self.watched[number] = watched
        self._accounts = [watched.account for watched in self.watched.values()]

    # What the kinds of steps may do.

    @property
    def faults(self) -> Faults:
        return self.sandbox.faults

    def account(self, step: Step) -> SandboxAccount:
        return self.watched[step.account].account

    def publish(self, events: int) -> None:
        until = self.published + events
        while self.published < until:
            began = time.monotonic()
            wanted = min(until - self.published, _SLICE)
            self.published += self.sandbox.random_trading(self._accounts, seed=self.plan.seed, events=wanted)
            self.publishing += time.monotonic() - began
            if self.published < until:
                self.pump()

    def publish_for(self, step: Step, least: int) -> None:
        account = self.account(step)
        enough = account.event_count + least
        self.publish(step.blind)
        while account.event_count < enough:
            self.publish(step.blind)

    def rotate(self, step: Step) -> None:
        self.watched[step.account].rotate()

    def overlapping(self, step: Step) -> None:
        for watched in self.concerned(step):
            watched.wait_overlapping(step.kind)

    def rotated(self, step: Step) -> None:
        for watched in self.concerned(step):
            watched.wait_rotated(step.kind)

    def listen_key(self) -> str:
        # There is one for an account: asking for another gives the same.
        return self.watched[LISTEN_KEY].client.spot_api.account.start_user_stream().result

    def reset_behind(self, step: Step, method: str) -> None:
        self.faults.cut_requests(method, executed=False)

    # What is done with them.

    def concerned(self, step: Step) -> list[Watched]:
        """Return whom a step is about."""
        return list(self.watched.values()) if step.account == EVERYBODY else [self.watched[step.account]]

    def pump(self) -> None:
        """Hold what was told so far against the ledger."""
        for watched in self.watched.values():
            watched.pump(_PAGE)

    def settle(self, what: str) -> None:
        """Wait until everybody is whole."""
        for watched in self.watched.values():
            watched.wait_whole(what)

    def carry_out(self, step: Step, failures: list[str]) -> None:
        """Bring a step about, and wait until it is over."""
        kind = kind_of(step)
        concerned = self.concerned(step)
        # A slow machine may have been taken for a dead peer meanwhile: a fault must not miss who is just coming back.
        self.settle(f"the events before {_title(step)}")
        losses = {watched: watched.losses for watched in concerned}
        triggered = self.faults.triggered.get(kind.triggers, 0)
        kind.run(self, step)
        if kind.loses:
            for watched, before in losses.items():
                watched.wait_lost(before, _title(step))
        self.settle(_title(step))
        if kind.leaves_silent:
            self.faults.cut_silent()
        if kind.triggers and self.faults.triggered.get(kind.triggers, 0) == triggered:
            failures.append(f"{_title(step)}: nothing went wrong")
        self.pump()

    def close_stretch(self) -> None:
        """Judge everything so far. Raises Stuck."""
        self.compared = self.published
        for watched in self.watched.values():
            watched.close_stretch(_PAGE, FUNDS)


def _title(step: Step) -> str:
    return f"step {step.number} ({step.kind}, account {step.account})"


def run(plan: Plan, *, progress: Callable[[str], object] = lambda line: None) -> Report:
    """Carry *plan* out, and report. It never raises for what the library does; see ``Report.failures``."""
    report = Report(plan)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        stage = _Stage(plan, stack)
        try:
            _play(stage, report, progress)
        except Stuck as stuck:
            report.failures.append(str(stuck))
            faulthandler.dump_traceback(sys.stderr)
            stage.pump()
        report.published, report.publishing = stage.published, stage.publishing
        for watched in stage.watched.values():
            report.verdicts[watched.name] = watched.judge.verdict
            report.rotations.update(watched.rotations)
            report.errors.update(watched.errors)
            report.losses += watched.losses
    report.seconds = time.monotonic() - began
    judge_samples(report)
    return report


def _play(stage: _Stage, report: Report, progress: Callable[[str], object]) -> None:
    began = time.monotonic()
    # What is allocated once and for all is not growth.
    stage.publish(min(1000, report.plan.events // 100))
    for number, step in enumerate(report.plan.steps, 1):
        while step.at - stage.compared > _LONGEST_STRETCH:
            stage.publish(stage.compared + _LONGEST_STRETCH - stage.published)
            stage.close_stretch()
        stage.publish(step.at - stage.published)
        at = time.monotonic()
        stage.carry_out(step, report.failures)
        report.steps[step.kind] += 1
        report.took[step.kind] += int(1000 * (time.monotonic() - at))
        if number % STRETCH == 0:
            stage.close_stretch()
            # A rotation has threads and descriptors of its own.
            for watched in stage.watched.values():
                watched.wait_rotated("a stretch")
            report.samples.append(_sample(stage))
            progress(_progress(report, number, time.monotonic() - began))
    stage.publish(report.plan.events - stage.published)
    stage.settle("the last event")
    stage.close_stretch()
    report.samples.append(_sample(stage))
    for watched in stage.watched.values():
        watched.judge.compare(watched.account.open_orders, watched.account.balances)


def _progress(report: Report, step: int, seconds: float) -> str:
    sample = report.samples[-1]
    return (
        f"{seconds:6.0f} s, step {step:5d}, {sample.events:9,} events, {sample.resident / 2**20:6.1f} MiB, "
        f"{sample.threads} + {sample.pooled} threads, {sample.descriptors} descriptors"
    )


# What this process holds.

_DESCRIPTORS = Path("/proc/self/fd")
_MEMORY = Path("/proc/self/statm")
_FLAT = 32 * 2**20
"""By so many bytes the memory may grow over the second half: a peak leaves it in pieces, which are used again."""
_FLAT_BLOCKS = 0.05
"""By this share the number of blocks may, which tells what is really held."""
_LEAST_SAMPLES = 8
_ENOUGH_SAMPLES = 40
"""Before, what is remembered for a minute or for thousands of orders is filled for the first time."""
_POOLS = tuple(f"{NAME_PREFIX}{name}" for name in ("callback", "helper"))
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None


def _sample(stage: _Stage) -> Sample:
    gc.collect()
    if _TRIM is not None:
        # What is free is no growth, whoever keeps it.
        _TRIM(0)
    resident = int(_MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if _MEMORY.exists() else 0
    descriptors = len(list(_DESCRIPTORS.iterdir())) if _DESCRIPTORS.exists() else 0
    threads = [thread.name for thread in threading.enumerate()]
    pooled = sum(name.startswith(_POOLS) for name in threads)
    remembered = sum(watched.remembered for watched in stage.watched.values())
    blocks = sys.getallocatedblocks()
    return Sample(stage.published, resident, blocks, len(threads) - pooled, pooled, descriptors, remembered)


def judge_samples(report: Report) -> None:
    """Say in *report* whether this process grew over the second half."""
    samples = report.samples
    if len(samples) < _LEAST_SAMPLES:
        return
    first, second = samples[: len(samples) // 2], samples[len(samples) // 2 :]
    report.growth = _growth([sample.resident for sample in second])
    report.more_blocks = _growth([sample.blocks for sample in second], [sample.remembered for sample in second])
    if len(samples) >= _ENOUGH_SAMPLES:
        if report.growth > _FLAT:
            report.failures.append(f"the memory grew by {report.growth / 2**20:.1f} MiB over the second half")
        if report.more_blocks > _FLAT_BLOCKS * first[-1].blocks:
            report.failures.append(f"there were {report.more_blocks:,.0f} more blocks of memory after the second half")
    most = len(ACCOUNTS) * MOST_ORDERS
    if (remembered := max(sample.remembered for sample in samples)) > most:
        report.failures.append(f"{remembered:,} closed orders were remembered, and {most:,} should be at most")
    for name in ("threads", "descriptors"):
        before, after = (max(getattr(sample, name) for sample in half) for half in (first, second))
        if after > before:
            report.failures.append(f"there were at most {before} {name} in the first half, and {after} in the second")


def _growth(values: Sequence[int], beside: Sequence[int] | None = None) -> float:
    """
    Return by how much values grow from the first to the last, along the line of least squares.

    What of it goes with the values *beside* them does not count.
    """
    grown, places = _centred(values), _centred(range(len(values)))
    if beside is not None:
        grown, places = (_without(numbers, _centred(beside)) for numbers in (grown, places))
    spread = _product(places, places)
    # Nothing of it can be told from what goes with the others, where these grow along a line themselves.
    return _product(grown, places) / spread * (len(values) - 1) if spread > 1e-6 else 0.0


def _centred(values: Sequence[int]) -> list[float]:
    mean = sum(values) / len(values)
    return [value - mean for value in values]


def _without(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return *values* without what of them goes with the *others*."""
    spread = _product(others, others)
    share = _product(values, others) / spread if spread else 0.0
    return [value - share * other for value, other in zip(values, others, strict=True)]


def _product(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
