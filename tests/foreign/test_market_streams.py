"""Trades, klines and depth, as other people's clients follow them: what each saw is what the sandbox's ledger has."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from .conftest import Candle, Pair, Trade, candles_of
from .test_ccxt import exchange_at
from .test_every_stream import listening
from .test_official_sdk import connected
from .test_python_binance import client_at

TRADES = 12
UPDATES = 500


def _trade(event: Mapping[str, Any]) -> Trade:
    return Trade(event["t"], Decimal(event["p"]), Decimal(event["q"]), event["T"], event["m"])


def _candles(events: Sequence[Mapping[str, Any]]) -> dict[int, Candle]:
    """Return what the last event of every kline said."""
    last = {event["k"]["t"]: event["k"] for event in events}
    return {
        start: Candle(k["f"], k["L"], k["n"], *(Decimal(k[key]) for key in "ohlcvqVQ")) for start, k in last.items()
    }


class _Book:
    """A local book, kept as the documents say."""

    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        self.update_id: int = snapshot["lastUpdateId"]
        self.bids = {Decimal(price): Decimal(size) for price, size in snapshot["bids"]}
        self.asks = {Decimal(price): Decimal(size) for price, size in snapshot["asks"]}

    def apply(self, event: Mapping[str, Any]) -> None:
        if event["u"] <= self.update_id:
            return
        assert event["U"] <= self.update_id + 1, "a gap"
        for side, levels in ((self.bids, event["b"]), (self.asks, event["a"])):
            for price, size in levels:
                if Decimal(size):
                    side[Decimal(price)] = Decimal(size)
                else:
                    side.pop(Decimal(price), None)
        self.update_id = event["u"]


async def _until(condition: Callable[[], bool], arrived: asyncio.Event) -> None:
    """Wait until what arrives makes something true."""
    while not condition():
        arrived.clear()
        await asyncio.wait_for(arrived.wait(), 10)


def test_the_official_sdk_follows_the_market(sandbox: Any, pair: Pair, run: Any) -> None:
    """Its trades, its kline and the book that its events keep are the sandbox's."""
    account = sandbox.create_account({}, key_type="ED25519")

    async def scenario() -> None:
        heard: dict[str, list[dict[str, Any]]] = {"trade": [], "kline": [], "depth": []}
        arrived = asyncio.Event()

        def take(name: str) -> Callable[[Any], None]:
            def take(event: Any) -> None:
                heard[name].append(event.model_dump(by_alias=True, exclude={"additional_properties": True}))
                arrived.set()

            return take

        async with (
            listening(sandbox) as streams,
            connected(sandbox, account.api_key, private_key=account.pem) as connection,
        ):
            (await streams.trade(symbol="btcusdt")).on("message", take("trade"))
            (await streams.kline(symbol="btcusdt", interval="1m")).on("message", take("kline"))
            depth = await streams.diff_book_depth(symbol="btcusdt", update_speed="100ms")
            depth.on("message", take("depth"))
            await streams.list_subscribe()  # It does not wait for the subscriptions' answers.

            pair.quote()
            snapshot = (await connection.depth(symbol="BTCUSDT", limit=5000)).data().result
            book = _Book({"lastUpdateId": snapshot.last_update_id, "bids": snapshot.bids, "asks": snapshot.asks})
            pair.trade(TRADES)
            tape = pair.tape
            await _until(lambda: len(heard["trade"]) >= TRADES, arrived)
            await _until(lambda: _candles(heard["kline"]) == candles_of(tape), arrived)
            assert [_trade(event) for event in heard["trade"]] == tape
            recent = (await connection.trades_recent(symbol="BTCUSDT")).data().result
            assert [(one.id, one.price, one.qty, one.is_buyer_maker) for one in recent] == [
                (event["t"], event["p"], event["q"], event["m"]) for event in heard["trade"]
            ]

            last = sandbox.random_flow("BTCUSDT", updates=UPDATES)
            await _until(lambda: heard["depth"][-1]["u"] >= last, arrived)
            for event in heard["depth"]:
                book.apply(event)
            assert (book.bids, book.asks) == pair.book()

    run(scenario())


@asynccontextmanager
async def _lively(pair: Pair) -> AsyncIterator[asyncio.Event]:
    """
    Trade now and then, from when the event is set until the end.

    The sockets of python-binance look whether they are to end when something comes, or after 10 seconds.
    """
    begins, ends = asyncio.Event(), asyncio.Event()

    async def trade() -> None:
        await begins.wait()
        while not ends.is_set():
            pair.trade()
            await asyncio.wait([ending], timeout=0.05)

    ending = asyncio.create_task(ends.wait())
    trading = asyncio.create_task(trade())
    try:
        yield begins
    finally:
        begins.set()
        ends.set()
        await trading


def test_python_binance_follows_the_market(sandbox: Any, pair: Pair, run: Any) -> None:
    """Single sockets, a multiplexed one and its depth cache have what the sandbox has."""
    account = sandbox.create_account({})

    async def scenario() -> None:
        from binance import BinanceSocketManager, DepthCacheManager

        class Manager(BinanceSocketManager):
            """The manager with the URL of the sandbox."""

            STREAM_URL = f"{sandbox.environment.stream_url}/"

        async with client_at(sandbox, account, "HMAC") as client:
            manager = Manager(client)
            names = ["btcusdt@trade", "btcusdt@kline_1m"]
            async with (
                _lively(pair) as lively,
                manager.trade_socket("BTCUSDT") as trades,
                manager.kline_socket("BTCUSDT", "1m") as klines,
                manager.multiplex_socket(names) as both,
            ):
                pair.trade(TRADES)
                tape = pair.tape
                assert [_trade(await trades.recv()) for _ in tape] == tape
                heard = [await klines.recv()]
                while _candles(heard) != candles_of(tape):
                    heard.append(await klines.recv())
                wrapped = [await both.recv() for _ in tape]
                while _candles([one["data"] for one in wrapped if one["stream"] == names[1]]) != candles_of(tape):
                    wrapped.append(await both.recv())
                assert [_trade(one["data"]) for one in wrapped if one["stream"] == names[0]] == tape
                lively.set()

            pair.quote()
            manages = DepthCacheManager(client, "BTCUSDT", bm=manager, limit=5000, conv_type=Decimal, ws_interval=100)
            async with _lively(pair) as lively, manages as cache:
                sandbox.random_flow("BTCUSDT", updates=UPDATES)
                expected = pair.book()
                depth = await cache.recv()
                while (dict(depth.get_bids()), dict(depth.get_asks())) != expected:
                    depth = await cache.recv()
                assert [depth.get_bids()[0][0], depth.get_asks()[0][0]] == [max(expected[0]), min(expected[1])]
                lively.set()

    run(scenario())


def test_python_binance_follows_the_market_on_a_thread(
    sandbox: Any, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does its manager that has a thread, and callbacks."""
    from binance import AsyncClient, BinanceSocketManager, ThreadedWebsocketManager

    monkeypatch.setattr(AsyncClient, "API_URL", f"{sandbox.environment.rest_url}/api")
    monkeypatch.setattr(BinanceSocketManager, "STREAM_URL", f"{sandbox.environment.stream_url}/")
    trades: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    klines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    changes: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    # It takes the current loop, or else makes one and never closes it.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    manager = ThreadedWebsocketManager()
    manager.start()
    try:
        # It does not say when it listens: what comes, says so.
        manager.start_depth_socket(changes.put, "BTCUSDT", interval=100)
        _nudge(pair.quote, changes)
        manager.start_trade_socket(trades.put, "BTCUSDT")
        first = _nudge(pair.trade, trades)
        manager.start_kline_socket(klines.put, "BTCUSDT", "1m")
        heard_of_klines = [_nudge(pair.trade, klines)]

        pair.trade(TRADES)
        tape = [trade for trade in pair.tape if trade.id >= first["t"]]
        assert [_trade(event) for event in [first, *(trades.get(timeout=10) for _ in tape[1:])]] == tape
        while _candles(heard_of_klines) != candles_of(pair.tape):
            heard_of_klines.append(klines.get(timeout=10))
        book = _Book(sandbox.order_book("BTCUSDT"))
        last = sandbox.random_flow("BTCUSDT", updates=UPDATES)
        while book.update_id < last:
            book.apply(changes.get(timeout=10))
        assert (book.bids, book.asks) == pair.book()
    finally:
        manager.stop()
        for _ in range(200):
            # As above.
            pair.trade()
            manager.join(0.05)
            if not manager.is_alive():
                asyncio.set_event_loop(None)
                loop.close()
                break
    assert not manager.is_alive()


def _nudge(act: Callable[[], None], events: queue.SimpleQueue[dict[str, Any]]) -> dict[str, Any]:
    """Act until an event comes of it."""
    for _ in range(200):
        act()
        try:
            return events.get(timeout=0.05)
        except queue.Empty:
            pass
    raise AssertionError("nothing came")


def test_ccxt_follows_the_market(sandbox: Any, pair: Pair, run: Any) -> None:
    """What it makes of trades, klines and depth is the sandbox's."""
    account = sandbox.create_account({})

    async def scenario() -> None:
        exchange = exchange_at(sandbox, account, "HMAC")
        try:
            await exchange.load_markets()
            # It does not say when it listens: what comes, says so.
            watching = asyncio.create_task(exchange.watch_trades("BTC/USDT"))
            while not watching.done():
                pair.trade()
                await asyncio.wait([watching], timeout=0.05)
            pair.trade(TRADES)
            heard = {trade["id"]: trade for trade in await watching}
            expected = [trade for trade in pair.tape if trade.id >= int(next(iter(heard)))]
            while len(heard) < len(expected):
                heard.update((trade["id"], trade) for trade in await exchange.watch_trades("BTC/USDT"))
            assert [_trade(trade["info"]) for trade in heard.values()] == expected
            assert [(trade["price"], trade["amount"], trade["side"]) for trade in heard.values()] == [
                (float(trade.price), float(trade.quantity), "sell" if trade.buyer_is_maker else "buy")
                for trade in expected
            ]

            candles: dict[int, list[float]] = {}
            watching = asyncio.create_task(exchange.watch_ohlcv("BTC/USDT", "1m"))
            while not watching.done():
                pair.trade()
                await asyncio.wait([watching], timeout=0.05)
            candles.update((one[0], one[1:]) for one in await watching)
            # Of a minute that was over before it listened, it hears nothing.
            wanted = {
                start: [float(value) for value in (one.open, one.high, one.low, one.close, one.volume)]
                for start, one in candles_of(pair.tape).items()
                if start >= min(candles)
            }
            while candles != wanted:
                candles.update((one[0], one[1:]) for one in await exchange.watch_ohlcv("BTC/USDT", "1m"))

            pair.quote()
            book = await exchange.watch_order_book("BTC/USDT")
            last = sandbox.random_flow("BTCUSDT", updates=UPDATES)
            while book["nonce"] < last:
                book = await exchange.watch_order_book("BTC/USDT")
            assert [
                {Decimal(str(price)): Decimal(str(size)) for price, size in book[side]} for side in ("bids", "asks")
            ] == [*pair.book()]
        finally:
            await exchange.close()

    run(scenario())
