"""
Many calls from many threads against a sandbox with a small limit: does the exchange ever have to refuse one?

Client and sandbox share a clock that stands still until every call that is under way waits for room; then it is moved
to the end of the interval. Minutes of waiting thereby pass in no time, and nothing depends on how fast this machine is.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from concurrent.futures import Future
from typing import Any

from binance_socket import BinanceSocketClient, ClientOptions, RateLimitWindow
from binance_socket.sandbox import Sandbox
from binance_socket.testing import ManualClock

__all__ = ["Figures", "Run", "rate_limits"]

_STEP = 10.0
_PATIENCE = 60.0
_NEVER = 1e7


@dataclasses.dataclass(frozen=True)
class Figures:
    """What came of it."""

    answered: int
    failed: tuple[BaseException, ...]
    refused: int
    """What the sandbox refused with 429 or 418."""
    intervals: int
    """How often everybody waited for the next interval."""
    fullest: int
    """The largest count that an answer told."""
    seconds: float
    """On this machine's clock."""
    moved: float
    """On the shared one."""


class Run:
    """*calls* calls of ``session.status`` (weight 2), spread over *threads* threads and the *clients*."""

    def __init__(self, clock: ManualClock, clients: list[BinanceSocketClient], calls: int, threads: int) -> None:
        self._clock = clock
        self._clients = clients
        self._threads = threads
        # Guards everything below. Notified whenever any of it changes.
        self._changed = threading.Condition()
        self._left = calls
        self._asked = 0
        self._working = threads
        self.answered = 0
        self.failed: list[BaseException] = []
        self.fullest = 0
        self.intervals = 0

    def go(self) -> None:
        """Make the calls, moving the clock where everybody waits. Returns when all are answered."""
        workers = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(self._threads)]
        for worker in workers:
            worker.start()
        while self._everybody_waits():
            self.intervals += 1
            self._next_interval()
        for worker in workers:
            worker.join(_PATIENCE)

    def _work(self, number: int) -> None:
        client = self._clients[number % len(self._clients)]
        while True:
            with self._changed:
                if not self._left:
                    self._working -= 1
                    self._changed.notify_all()
                    return
                self._left -= 1
            future = client.spot_api.account.session_status.submit()
            # From here on it has left, or it waits.
            with self._changed:
                self._asked += 1
                self._changed.notify_all()
            self._note(future)

    def _note(self, future: Future[Any]) -> None:
        error = future.exception(_PATIENCE)
        with self._changed:
            self._asked -= 1
            if error is None:
                self.answered += 1
                self.fullest = max(self.fullest, *(limit.count for limit in future.result().rate_limits))
            else:
                self.failed.append(error)
            self._changed.notify_all()

    def _everybody_waits(self) -> bool:
        """Wait until all calls that were made wait for room; return False when there are no more."""
        with self._changed:
            done = self._changed.wait_for(lambda: not self._working or self._is_stuck(), _PATIENCE)
            assert done, f"stuck: {self._clients[0].rate_limits}"
            return bool(self._working)

    def _is_stuck(self) -> bool:
        """Tell whether every worker has asked something, and all of it waits for the interval to end."""
        limits = self._clients[0].rate_limits
        full = any(_is_full(window) for window in limits.windows)
        return full and self._asked == self._working == limits.waiting

    def _next_interval(self) -> None:
        windows = self._clients[0].rate_limits.windows
        ends = min(window.resets_at.timestamp() for window in windows if _is_full(window))
        while (left := ends + 1.0 - self._clock.time()) > 0:
            self._clock.advance(min(left, _STEP))


def _is_full(window: RateLimitWindow) -> bool:
    return window.used * 2 > window.limit


def rate_limits(calls: int, threads: int, limit: int) -> Figures:
    """Make the calls against a sandbox that allows *limit* a minute."""
    clock = ManualClock()
    begun = time.perf_counter()
    options = ClientOptions(request_timeout=_NEVER, probe_after=_NEVER, probe_timeout=_NEVER)
    with (
        Sandbox(clock=clock, weight_limit=limit) as sandbox,
        BinanceSocketClient(environment=sandbox.environment, clock=clock, options=options) as client,
    ):
        run = Run(clock, [client], calls, threads)
        run.go()
        return Figures(
            run.answered,
            tuple(run.failed),
            sandbox.refused,
            run.intervals,
            run.fullest,
            time.perf_counter() - begun,
            clock.monotonic(),
        )


def report(calls: int, threads: int, limit: int) -> bool:
    """Print the figures, and return whether nothing was refused."""
    figures = rate_limits(calls, threads, limit)
    print(f"{calls} calls from {threads} threads, {limit} a minute, on a clock that client and sandbox share")
    print(f"  answered          {figures.answered}")
    print(f"  failed            {len(figures.failed)}")
    print(f"  refused (429/418) {figures.refused}")
    print(f"  fullest interval  {figures.fullest} of {limit}")
    print(f"  intervals waited  {figures.intervals}, {figures.moved:.0f} s on the shared clock")
    print(f"  took              {figures.seconds:.1f} s")
    return figures.answered == calls and not figures.failed and not figures.refused
