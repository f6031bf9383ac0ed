"""A local order book against the sandbox's own: random updates, cut connections, and what it all costs."""

from __future__ import annotations

import itertools
import random
import threading
import time
from decimal import Decimal
from typing import Any

import attrs

from binance_socket import BinanceSocketClient, ClientOptions, LocalOrderBook
from binance_socket._session.backoff import Backoff
from binance_socket._session.local_book import LocalBook
from binance_socket.errors import OrderBookNotSynchronised
from binance_socket.models.market_events import DepthUpdate
from binance_socket.models.order_book import OrderBookSnapshot, PriceLevel
from binance_socket.sandbox import Sandbox
from binance_socket.testing.decode import decode_response

__all__ = ["Figures", "local_book", "report"]

SYMBOL = "BTCUSDT"
# More levels than the random flow has on a side, so that the whole book is compared.
DEPTH = 1000
PATIENCE = 60.0


@attrs.frozen
class Figures:
    """What a run has shown."""

    updates: int
    cuts: int
    resyncs: int
    comparisons: int
    unequal: int
    reads: int
    refused_reads: int
    crossed_reads: int
    levels: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether the book was the sandbox's whenever it said so."""
        return not self.unequal and not self.crossed_reads and self.comparisons > 0


class _Reader:
    """Reads a book all the time, from a thread of its own."""

    def __init__(self, book: LocalOrderBook) -> None:
        self.reads = self.refused = self.crossed = 0
        self._book = book
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader")
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(0.001):
            try:
                spread = self._book.spread
                prices = [level.price for level in self._book.bids]
            except OrderBookNotSynchronised:
                self.refused += 1
                continue
            self.reads += 1
            if (spread is not None and spread <= 0) or prices != sorted(prices, reverse=True):
                self.crossed += 1


def local_book(updates: int, cuts: int, seed: int, *, process: bool = True) -> Figures:
    """
    Keep a book through random *updates* and cut connections, and compare it with the sandbox's own again and again.

    After half of the cuts, chosen at random, the book is given time to heal and compared; otherwise it goes on at once.
    """
    rng = random.Random(seed)
    options = ClientOptions(backoff_base=0.01, backoff_cap=0.2, connect_budget=None)
    resyncs = itertools.count()
    moved = threading.Event()
    comparisons = unequal = cut = 0
    started = time.monotonic()
    with (
        Sandbox(process=process) as sandbox,
        BinanceSocketClient(environment=sandbox.environment, options=options) as client,
    ):
        first = last = sandbox.random_flow(SYMBOL, seed=seed, updates=1)
        book = client.spot_api.exchange_data.local_order_book(SYMBOL, depth=DEPTH, update_interval=100)
        book.on_change(lambda _: moved.set())
        book.on_resync(lambda _: next(resyncs))
        if not book.wait_until_synchronised(PATIENCE):
            raise AssertionError("the book was not synchronised at all")
        reader = _Reader(book)
        rounds = max(cuts, 1)
        for number in range(rounds):
            left = first + updates * (number + 1) // rounds - last
            # Somewhere within the round.
            before = rng.randint(0, max(left - 1, 0))
            for part in (before, left - before):
                while part > 0:
                    step = min(part, rng.randint(1, 800))
                    now = sandbox.random_flow(SYMBOL, seed=seed, updates=step)
                    part, last = part - (now - last), now
                if cut < cuts and cut == number:
                    sandbox.faults.cut(reset=rng.random() < 0.5)
                    cut += 1
            if rng.random() < 0.5 or number == rounds - 1:
                comparisons += 1
                unequal += not _is_equal(book, sandbox, last, moved)
        reader.stop()
        levels = len(book.bids) + len(book.asks)
        book.close()
    return Figures(
        updates=last - first,
        cuts=cut,
        resyncs=next(resyncs),
        comparisons=comparisons,
        unequal=unequal,
        reads=reader.reads,
        refused_reads=reader.refused,
        crossed_reads=reader.crossed,
        levels=levels,
        seconds=time.monotonic() - started,
    )


def _is_equal(book: LocalOrderBook, sandbox: Sandbox, update_id: int, moved: threading.Event) -> bool:
    """Wait until the book is at *update_id*, and compare it with the sandbox's."""
    deadline = time.monotonic() + PATIENCE
    while True:
        moved.clear()
        view = book.view()
        if view.is_synchronised and view.last_update_id == update_id:
            break
        if not moved.wait(max(0.0, deadline - time.monotonic())):
            raise AssertionError(f"the book did not get to update {update_id}: {book}")
    truth: dict[str, Any] = sandbox.order_book(SYMBOL)
    return truth["lastUpdateId"] == update_id and all(
        ours == tuple(PriceLevel(Decimal(price), Decimal(quantity)) for price, quantity in theirs)
        for ours, theirs in ((view.bids, truth["bids"]), (view.asks, truth["asks"]))
    )


def report(updates: int, cuts: int, seed: int) -> bool:
    """Print a run's figures and what it costs, return whether the book was right all the time."""
    figures = local_book(updates, cuts, seed)
    print(f"{figures.updates:,} updates with {figures.cuts} cuts (seed {seed}) in {figures.seconds:.1f} s")
    print(f"resynchronised {figures.resyncs} times; {figures.levels} levels at the end")
    print(f"compared with the sandbox's own book: {figures.comparisons} times, unequal {figures.unequal}")
    print(
        f"read meanwhile: {figures.reads:,} times, {figures.crossed_reads} of them out of order or crossed; "
        f"refused as not synchronised: {figures.refused_reads:,}"
    )
    print_costs(seed)
    return figures.sound


def print_costs(seed: int) -> None:
    """Print what applying a change and reading the best price cost, without any network: medians of 5 runs."""
    rng = random.Random(seed)

    def level(price: int, quantity: int) -> PriceLevel:
        return PriceLevel(Decimal(price) / 100, Decimal(quantity))

    bids = [[f"{1000000 - n}", "1"] for n in range(5000)]
    asks = [[f"{1000001 + n}", "1"] for n in range(5000)]
    scaled = {
        "lastUpdateId": 0,
        "bids": [[str(Decimal(price) / 100), quantity] for price, quantity in bids],
        "asks": [[str(Decimal(price) / 100), quantity] for price, quantity in asks],
    }
    snapshot: OrderBookSnapshot = decode_response("depth", {"id": 1, "status": 200, "result": scaled}).result
    changes = 20
    diffs = [
        DepthUpdate(
            event_time=None,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # nobody looks at it
            symbol=SYMBOL,
            first_update_id=number,
            last_update_id=number,
            bids=tuple(level(1000000 - rng.randint(0, 4000), rng.randint(0, 3)) for _ in range(changes // 2)),
            asks=tuple(level(1000001 + rng.randint(0, 4000), rng.randint(0, 3)) for _ in range(changes // 2)),
        )
        for number in range(1, 10_001)
    ]
    costs: dict[str, list[float]] = {"a snapshot of 10,000 levels": [], "a change of 20 levels": [], "the best bid": []}
    for _ in range(5):
        book = LocalBook(depth=5000, patience=0.0, backoff=Backoff(0.0, 0.0, lambda: 0.0))
        book.opened(0.0)
        number = book.due(0.0)
        assert number is not None
        times = [time.perf_counter()]
        book.snapshot(number, snapshot, 0.0)
        times.append(time.perf_counter())
        for diff in diffs:
            book.updated(diff, 0.0)
        times.append(time.perf_counter())
        for _ in diffs:
            _ = book.bids.best
        times.append(time.perf_counter())
        runs = (1, len(diffs), len(diffs))
        for cost, begin, end, many in zip(costs.values(), times, times[1:], runs, strict=False):
            cost.append((end - begin) / many * 1e6)
    for name, cost in costs.items():
        print(f"{name}: {sorted(cost)[len(cost) // 2]:,.1f} µs")
