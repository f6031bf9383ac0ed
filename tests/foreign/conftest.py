"""
The sandbox, examined by clients that others wrote.

They are changed in nothing but their documented URL overrides. Without their packages (`requirements.txt` beside this
file) nothing here is collected, and the summary says so.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import ipaddress
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

_PACKAGES = ("binance-sdk-spot", "ccxt", "python-binance")


def _is_missing(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return True
    return False


_MISSING = [package for package in _PACKAGES if _is_missing(package)]

collect_ignore_glob = ["test_*.py"] if _MISSING else []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _MISSING:
        terminalreporter.write_line(f"tests/foreign was not collected, its clients are missing: {', '.join(_MISSING)}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "foreign" in item.path.parts:
            # Their warnings are theirs to mend.
            item.add_marker(pytest.mark.filterwarnings("default"))


class _Guard:
    """Refuses to look up or connect to anything but loopback, and remembers who tried."""

    def __init__(self) -> None:
        self.attempts: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            host = arguments[0]
        elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
            host = arguments[1][0]
        else:
            return
        if isinstance(host, bytes):
            host = host.decode()
        if host is None or host == "localhost" or _is_loopback(host):
            return
        self.attempts.append(f"{event} {host}")
        raise PermissionError(f"{event}: {host} is not on loopback")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def guard() -> _Guard:
    guard = _Guard()
    sys.addaudithook(guard)
    return guard


@pytest.fixture(autouse=True)
def _loopback_only(guard: _Guard) -> Iterator[None]:
    """No test here reaches out of the machine, not even for a name."""
    guard.attempts.clear()
    yield
    assert guard.attempts == []


@pytest.fixture
def sandbox() -> Iterator[Any]:
    from binance_socket.sandbox import Sandbox

    with Sandbox(process=True) as sandbox:
        yield sandbox


@pytest.fixture(params=["HMAC", "RSA", "ED25519"])
def key_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def account(sandbox: Any, key_type: str) -> Any:
    """The account that a client examines."""
    return sandbox.create_account({"USDT": "100000", "BTC": "1"}, key_type=key_type)


@pytest.fixture
def counterparty(sandbox: Any) -> Any:
    """Who trades with it."""
    return sandbox.create_account({"USDT": "1000000", "BTC": "100"})


@pytest.fixture
def run() -> Callable[[Awaitable[None]], None]:
    """Runs a test's coroutine, for a minute at most."""

    def run(awaitable: Awaitable[None]) -> None:
        asyncio.run(asyncio.wait_for(awaitable, 60))

    return run


class _Mailbox:
    """What a client's callbacks brought. Filled and read on one loop."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._changed = asyncio.Event()

    def put(self, item: Any) -> None:
        self.items.append(item)
        self._changed.set()

    async def until(self, count: int) -> list[Any]:
        """Wait until there are *count* items, return all."""
        while len(self.items) < count:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), 10)
            except asyncio.TimeoutError:
                raise AssertionError(f"{len(self.items)} of {count} arrived: {self.items}") from None
        return self.items


@pytest.fixture
def mailbox() -> _Mailbox:
    return _Mailbox()


@pytest.fixture
def balances_of() -> Callable[[Sequence[dict[str, Any]], dict[str, str]], dict[str, tuple[float, float]]]:
    """Computes what an account holds, (free, locked) per asset, from what it began with and its ledger."""

    def balances(events: Sequence[dict[str, Any]], initial: dict[str, str]) -> dict[str, tuple[float, float]]:
        held = {asset: (float(amount), 0.0) for asset, amount in initial.items()}
        for event in events:
            if event["e"] == "outboundAccountPosition":
                held.update({entry["a"]: (float(entry["f"]), float(entry["l"])) for entry in event["B"]})
            elif event["e"] == "externalLockUpdate":
                free, locked = held[event["a"]]
                held[event["a"]] = (free - float(event["d"]), locked + float(event["d"]))
        return {asset: amounts for asset, amounts in held.items() if any(amounts)}

    return balances


@pytest.fixture
def orders_of() -> Callable[[Sequence[dict[str, Any]]], dict[int, tuple[str, str, str, str]]]:
    """Computes what became of every order, (status, price, quantity, filled) by its id, from a ledger."""

    def orders(events: Sequence[dict[str, Any]]) -> dict[int, tuple[str, str, str, str]]:
        reports = [event for event in events if event["e"] == "executionReport"]
        return {report["i"]: (report["X"], report["p"], report["q"], report["z"]) for report in reports}

    return orders


@pytest.fixture
def lists_of() -> Callable[[Sequence[dict[str, Any]]], dict[int, tuple[str, list[int]]]]:
    """Computes what became of every order list, (status, ids of its orders) by its id, from a ledger."""

    def lists(events: Sequence[dict[str, Any]]) -> dict[int, tuple[str, list[int]]]:
        news = [event for event in events if event["e"] == "listStatus"]
        return {event["g"]: (event["L"], [order["i"] for order in event["O"]]) for event in news}

    return lists


class Trade(NamedTuple):
    """A trade of the tape. Streams, and clients, call its parts by many names."""

    id: int
    price: Decimal
    quantity: Decimal
    time: int
    buyer_is_maker: bool


class Candle(NamedTuple):
    """What a kline says of its trades; *taken* is what buyers took."""

    first_id: int
    last_id: int
    trades: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote: Decimal
    taken: Decimal
    taken_quote: Decimal


def candles_of(tape: Sequence[Trade]) -> dict[int, Candle]:
    """Compute the klines of a minute, by when they begin."""
    minutes: dict[int, list[Trade]] = {}
    for trade in tape:
        minutes.setdefault(trade.time // 60_000 * 60_000, []).append(trade)

    def candle(trades: list[Trade]) -> Candle:
        prices = [trade.price for trade in trades]
        taken = [trade for trade in trades if not trade.buyer_is_maker]
        return Candle(
            trades[0].id,
            trades[-1].id,
            len(trades),
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
            sum((trade.quantity for trade in trades), Decimal(0)),
            sum((trade.quantity * trade.price for trade in trades), Decimal(0)),
            sum((trade.quantity for trade in taken), Decimal(0)),
            sum((trade.quantity * trade.price for trade in taken), Decimal(0)),
        )

    return {start: candle(trades) for start, trades in minutes.items()}


class Pair:
    """Two accounts that trade BTCUSDT with each other, and nobody else does. Their ledger is the tape."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox
        self._buyer, self._seller = (sandbox.create_account({"USDT": "1000000", "BTC": "100"}) for _ in range(2))
        self._count = 0

    def trade(self, times: int = 1) -> None:
        """Trade at changing prices; now the one was there first, now the other."""
        for _ in range(times):
            self._count += 1
            order = {"quantity": f"0.00{1 + self._count % 4}", "price": str(50_000 + 7 * (self._count % 5))}
            sides = [(self._buyer, "BUY"), (self._seller, "SELL")]
            for account, side in sides if self._count % 3 else reversed(sides):
                account.place_order("BTCUSDT", side, "LIMIT", **order)

    def quote(self) -> None:
        """Fill the book."""
        for step in range(1, 30):
            self._buyer.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.1", price=str(49_900 - 10 * step))
            self._seller.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.1", price=str(50_100 + 10 * step))

    @property
    def tape(self) -> list[Trade]:
        """All their trades."""
        return [
            Trade(event["t"], Decimal(event["L"]), Decimal(event["l"]), event["T"], event["m"])
            for event in self._buyer.events
            if event["e"] == "executionReport" and event["x"] == "TRADE"
        ]

    def book(self) -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
        """Return the whole book, quantities by price: bids and asks."""
        book = self.sandbox.order_book("BTCUSDT")
        bids, asks = ({Decimal(price): Decimal(size) for price, size in book[side]} for side in ("bids", "asks"))
        return bids, asks


@pytest.fixture
def pair(sandbox: Any) -> Pair:
    return Pair(sandbox)
