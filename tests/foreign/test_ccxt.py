"""ccxt (pro) against the sandbox."""

from __future__ import annotations

import asyncio
import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest


def exchange_at(sandbox: Any, account: Any, key_type: str) -> Any:
    import ccxt.pro

    rest, ws_api = f"{sandbox.environment.rest_url}/api/v3", sandbox.environment.ws_api_url
    return ccxt.pro.binance(
        {
            "apiKey": account.api_key,
            # It takes a key of more than 120 characters for RSA, as python-binance does.
            "secret": account.secret if key_type == "HMAC" else account.pem.strip(),
            # The sandbox is a spot exchange, without futures, margin and the wallet's API.
            "options": {
                "defaultType": "spot",
                "fetchMarkets": {"types": ["spot"]},
                "fetchMargins": False,
                "fetchCurrencies": False,
            },
            "urls": {
                "api": {
                    "public": rest,
                    "private": rest,
                    "ws": {"spot": f"{sandbox.environment.stream_url}/ws", "ws-api": {"spot": ws_api}},
                }
            },
        }
    )


def _held(balance: dict[str, Any]) -> dict[str, tuple[float, float]]:
    # Of an account.status over the socket, ccxt 4.5 passes on the answer, but parses no balances.
    entries = balance["info"]["balances"]
    held = {entry["asset"]: (float(entry["free"]), float(entry["locked"])) for entry in entries}
    return {asset: amounts for asset, amounts in held.items() if any(amounts)}


def test_trades_and_hears_exactly_what_the_ledger_says(
    sandbox: Any, account: Any, counterparty: Any, key_type: str, run: Any, balances_of: Any
) -> None:
    """What it makes of orders and balances, and the payload behind each, is the ledger's."""
    initial = {"USDT": "100000", "BTC": "1"}

    async def scenario() -> None:
        exchange = exchange_at(sandbox, account, key_type)
        try:
            await exchange.load_markets()
            await exchange.authenticate({"type": "spot"})
            before = len(account.events)
            orders: list[dict[str, Any]] = []
            positions: list[dict[str, Any]] = []

            async def hear(act: Callable[[], Any]) -> Any:
                """Do something of which one order update and one position come; it merges what comes at once."""
                order = asyncio.create_task(exchange.watch_orders("BTC/USDT"))
                position = asyncio.create_task(exchange.watch_balance())
                await asyncio.sleep(0)  # Both listen now.
                result = act()
                if asyncio.iscoroutine(result):
                    result = await result
                orders.append(copy.deepcopy((await order)[-1]))  # It goes on to change what it has given.
                positions.append((await position)["info"])
                return result

            assert _held(await exchange.fetch_balance_ws()) == balances_of(account.events, initial)

            placed = await hear(lambda: exchange.create_order_ws("BTC/USDT", "limit", "buy", 0.01, 50000))
            assert (placed["status"], placed["filled"]) == ("open", 0)
            for quantity in ("0.004", "0.002"):
                fill = functools.partial(counterparty.place_order, "BTCUSDT", "SELL", "LIMIT", price="50000")
                await hear(functools.partial(fill, quantity=quantity))
            found = await exchange.fetch_order_ws(placed["id"], "BTC/USDT")
            assert (found["status"], found["filled"]) == ("open", 0.006)
            assert [one["id"] for one in await exchange.fetch_open_orders_ws("BTC/USDT")] == [placed["id"]]
            cancelled = await hear(lambda: exchange.cancel_order_ws(placed["id"], "BTC/USDT"))
            assert cancelled["status"] == "canceled"

            expected = account.events[before:]
            reports = [event for event in expected if event["e"] == "executionReport"]
            assert [order["info"] for order in orders] == reports
            assert positions == [event for event in expected if event["e"] == "outboundAccountPosition"]
            assert [(order["id"], order["status"], order["filled"]) for order in orders] == [
                (placed["id"], status, float(report["z"]))
                for status, report in zip(("open", "open", "open", "canceled"), reports, strict=True)
            ]
            trades = await exchange.fetch_my_trades_ws("BTC/USDT")
            assert [trade["id"] for trade in trades] == [
                str(report["t"]) for report in reports if report["x"] == "TRADE"
            ]

            counterparty.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="49000")
            sold = await exchange.create_order_ws("BTC/USDT", "market", "sell", 0.005)
            assert (sold["status"], sold["filled"], sold["average"]) == ("closed", 0.005, 49000)

            with pytest.raises(Exception, match="-1013"):
                await exchange.create_order_ws("BTC/USDT", "limit", "buy", 0.001, 0.01)

            deposited = asyncio.create_task(exchange.watch_balance())
            await asyncio.sleep(0)
            account.deposit("ETH", "2")
            await deposited
            assert _held(await exchange.fetch_balance_ws()) == balances_of(account.events, initial)
        finally:
            await exchange.close()

    run(scenario())


@pytest.mark.parametrize("key_type", ["HMAC"])
def test_places_edits_cancels_and_lists_what_the_ledger_has(
    sandbox: Any, account: Any, counterparty: Any, key_type: str, run: Any, orders_of: Any
) -> None:
    """Every order is in the end what the ledger has. What it calls editing replaces; it has no order lists here."""
    symbol = "BTC/USDT"
    states = {"NEW": "open", "FILLED": "closed", "CANCELED": "canceled"}

    async def trade(exchange: Any) -> None:
        first = await exchange.create_order_ws(symbol, "limit", "buy", 0.01, 40000)
        second = await exchange.edit_order_ws(first["id"], symbol, "limit", "buy", 0.008, 41000)
        assert (second["status"], second["price"], second["amount"]) == ("open", 41000, 0.008)
        with pytest.raises(Exception, match="-2022"):
            await exchange.edit_order_ws(first["id"], symbol, "limit", "buy", 0.008, 42000)
        stop = await exchange.create_order_ws(symbol, "STOP_LOSS_LIMIT", "sell", 0.01, 29000, {"stopPrice": 30000})
        # The stop is behind the book: it waits.
        waiting = await exchange.fetch_open_orders_ws(symbol)
        assert {one["id"]: one["triggerPrice"] for one in waiting} == {second["id"]: None, stop["id"]: 30000}

        counterparty.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.008", price="41000")
        assert (await exchange.fetch_order_ws(second["id"], symbol))["status"] == "closed"
        assert [one["id"] for one in await exchange.fetch_closed_orders_ws(symbol)] == [second["id"]]
        # It only asks whether that would do.
        tried = await exchange.create_order_ws(symbol, "limit", "buy", 0.01, 40000, {"test": True})
        assert tried["id"] is None
        await exchange.create_order_ws(symbol, "limit", "buy", 0.01, 38000)
        cancelled = await exchange.cancel_all_orders_ws(symbol)
        assert {one["status"] for one in cancelled} == {"canceled"}
        assert len(cancelled) == 2
        assert await exchange.fetch_open_orders_ws(symbol) == []

        assert {
            int(order["id"]): (order["status"], order["price"], order["amount"], order["filled"])
            for order in await exchange.fetch_orders_ws(symbol)
        } == {
            number: (states[status], float(price), float(quantity), float(filled))
            for number, (status, price, quantity, filled) in orders_of(account.events).items()
        }

    async def scenario() -> None:
        exchange = exchange_at(sandbox, account, key_type)
        try:
            await exchange.load_markets()
            await trade(exchange)
        finally:
            await exchange.close()

    run(scenario())


@pytest.mark.parametrize("key_type", ["HMAC"])
def test_is_refused_with_a_wrong_secret(sandbox: Any, account: Any, key_type: str, run: Any) -> None:
    """A wrong signature is answered as on the exchange."""
    other = sandbox.create_account({}, key_type=key_type)

    async def scenario() -> None:
        exchange = exchange_at(sandbox, account, key_type)
        exchange.secret = other.secret
        try:
            with pytest.raises(Exception, match="-1022"):
                await exchange.fetch_balance_ws()
        finally:
            await exchange.close()

    run(scenario())
