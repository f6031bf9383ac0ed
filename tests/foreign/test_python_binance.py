"""python-binance against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest


@asynccontextmanager
async def client_at(sandbox: Any, account: Any, key_type: str) -> AsyncIterator[Any]:
    from binance import AsyncClient

    class Client(AsyncClient):
        """The client with the URLs of the sandbox."""

        API_URL = f"{sandbox.environment.rest_url}/api"
        WS_API_URL = sandbox.environment.ws_api_url

    # It takes a key of more than 120 characters for RSA; an Ed25519 key with a line end at its end has just those.
    key = {"api_secret": account.secret} if key_type == "HMAC" else {"private_key": account.pem.strip()}
    client = await Client.create(account.api_key, **key)
    try:
        yield client
    finally:
        await client.close_connection()


def _held(status: dict[str, Any]) -> dict[str, tuple[float, float]]:
    held = {entry["asset"]: (float(entry["free"]), float(entry["locked"])) for entry in status["balances"]}
    return {asset: amounts for asset, amounts in held.items() if any(amounts)}


def test_trades_and_hears_exactly_what_the_ledger_says(
    sandbox: Any, account: Any, counterparty: Any, key_type: str, run: Any, mailbox: Any, balances_of: Any
) -> None:
    """It gives its user the payloads as they come: they are the ledger's, in order, and nothing else."""
    initial = {"USDT": "100000", "BTC": "1"}

    async def scenario() -> None:
        from binance import BinanceSocketManager
        from binance.exceptions import BinanceAPIException

        async def listen(socket: Any) -> None:
            while True:
                mailbox.put(await socket.recv())

        async with (
            client_at(sandbox, account, key_type) as client,
            BinanceSocketManager(client).user_socket() as socket,
        ):
            listening = asyncio.create_task(listen(socket))
            before = len(account.events)

            assert _held(await client.ws_get_account()) == balances_of(account.events, initial)

            counterparty.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.004", price="50000")
            order = await client.ws_order_limit_buy(symbol="BTCUSDT", quantity="0.010", price="50000")
            assert (order["status"], order["executedQty"]) == ("PARTIALLY_FILLED", "0.00400000")

            counterparty.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.002", price="50000")
            found = await client.ws_get_order(symbol="BTCUSDT", orderId=order["orderId"])
            assert (found["status"], found["executedQty"]) == ("PARTIALLY_FILLED", "0.00600000")
            still_open = await client.ws_get_open_orders(symbol="BTCUSDT")
            assert [one["orderId"] for one in still_open] == [order["orderId"]]

            cancelled = await client.ws_cancel_order(symbol="BTCUSDT", orderId=order["orderId"])
            assert cancelled["status"] == "CANCELED"

            counterparty.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="49000")
            sold = await client.ws_order_market_sell(symbol="BTCUSDT", quantity="0.005")
            assert sold["status"] == "FILLED"

            with pytest.raises(BinanceAPIException) as refused:
                await client.ws_order_limit_buy(symbol="BTCUSDT", quantity="0.0000001", price="50000")
            assert refused.value.code == -1013

            account.deposit("ETH", "2")
            account.lock_externally("USDT", "10")
            assert await client.ws_get_account_rate_limits_orders()
            assert _held(await client.ws_get_account()) == balances_of(account.events, initial)

            mine = await client.ws_get_my_trades(symbol="BTCUSDT")
            trades = [event for event in account.events if event["e"] == "executionReport" and event["x"] == "TRADE"]
            assert [(trade["id"], trade["qty"], trade["price"]) for trade in mine] == [
                (event["t"], event["l"], event["L"]) for event in trades
            ]

            await mailbox.until(len(account.events) - before)
            account.deposit("BNB", "1")  # What comes after it has arrived shows that nothing came twice.
            expected = account.events[before:]
            assert await mailbox.until(len(expected)) == expected
            listening.cancel()

    run(scenario())


@pytest.mark.parametrize("key_type", ["HMAC"])
def test_places_replaces_cancels_and_lists_what_the_ledger_has(
    sandbox: Any, account: Any, counterparty: Any, key_type: str, run: Any, mailbox: Any, orders_of: Any, lists_of: Any
) -> None:
    """Every order, every list and every event of them is in the end what the ledger has. It cannot amend."""
    sell = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01"}
    above = {"aboveType": "LIMIT_MAKER", "abovePrice": "70000"}
    below = {"belowType": "STOP_LOSS", "belowStopPrice": "45000"}
    working = {
        "symbol": "BTCUSDT",
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingQuantity": "0.01",
        "workingTimeInForce": "GTC",
    }
    pending = {"pendingSide": "SELL", "pendingQuantity": "0.01"}
    limit = {"pendingType": "LIMIT", "pendingPrice": "71000", "pendingTimeInForce": "GTC"}

    async def trade(client: Any) -> None:
        from binance.exceptions import BinanceAPIException

        before = len(account.events)
        first = await client.ws_order_limit_buy(symbol="BTCUSDT", quantity="0.010", price="40000")
        replacement = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.01",
            "price": "41000",
            "cancelReplaceMode": "STOP_ON_FAILURE",
            "cancelOrderId": first["orderId"],
        }
        replaced = await client.ws_cancel_and_replace_order(**replacement)
        assert (replaced["cancelResult"], replaced["newOrderResult"]) == ("SUCCESS", "SUCCESS")
        with pytest.raises(BinanceAPIException) as refused:
            await client.ws_cancel_and_replace_order(**replacement)
        assert refused.value.code == -2022
        second = replaced["newOrderResponse"]["orderId"]
        assert [one["orderId"] for one in await client.ws_get_open_orders(symbol="BTCUSDT")] == [second]

        # One of a pair is filled, the other expires.
        oco = await client.ws_create_oco_order(**sell, **above, **below)
        counterparty.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="70000")
        found = await client.ws_get_oco_order(orderListId=oco["orderListId"])
        assert found["listOrderStatus"] == "ALL_DONE"
        # One waits for another, and is placed with its fill.
        oto = await client.ws_create_oto_order(**working, workingPrice="41500", **pending, **limit)
        assert [one["status"] for one in oto["orderReports"]] == ["NEW", "PENDING_NEW"]
        counterparty.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.01", price="41500")
        # Two wait, and are cancelled with it.
        legs = {f"pending{name[0].upper()}{name[1:]}": value for name, value in {**above, **below}.items()}
        otoco = await client.ws_create_otoco_order(**working, workingPrice="39000", **pending, **legs)
        open_lists = await client.ws_get_oco_open_orders()
        assert {one["orderListId"] for one in open_lists} == {oto["orderListId"], otoco["orderListId"]}
        cancelled = await client.ws_cancel_oco_order(symbol="BTCUSDT", orderListId=otoco["orderListId"])
        assert {one["status"] for one in cancelled["orderReports"]} == {"CANCELED"}

        assert len(await client.ws_cancel_all_open_orders(symbol="BTCUSDT")) == 2
        assert await client.ws_get_open_orders(symbol="BTCUSDT") == []

        expected = account.events[before:]
        assert await mailbox.until(len(expected)) == expected
        assert {
            order["orderId"]: (order["status"], order["price"], order["origQty"], order["executedQty"])
            for order in await client.ws_get_all_orders(symbol="BTCUSDT")
        } == orders_of(account.events)
        for number, (status, orders) in lists_of(account.events).items():
            one = await client.ws_get_oco_order(orderListId=number)
            assert (one["listOrderStatus"], [order["orderId"] for order in one["orders"]]) == (status, orders)

    async def scenario() -> None:
        from binance import BinanceSocketManager

        async def listen(socket: Any) -> None:
            while True:
                mailbox.put(await socket.recv())

        async with (
            client_at(sandbox, account, key_type) as client,
            BinanceSocketManager(client).user_socket() as socket,
        ):
            listening = asyncio.create_task(listen(socket))
            await trade(client)
            listening.cancel()

    run(scenario())


@pytest.mark.parametrize("key_type", ["HMAC"])
def test_is_refused_with_a_wrong_secret(sandbox: Any, account: Any, key_type: str, run: Any) -> None:
    """A wrong signature is answered as on the exchange."""
    other = sandbox.create_account({}, key_type=key_type)

    async def scenario() -> None:
        from binance.exceptions import BinanceAPIException

        async with client_at(sandbox, account, key_type) as client:
            client.API_SECRET = other.secret
            with pytest.raises(BinanceAPIException) as refused:
                await client.ws_get_account()
            assert refused.value.code == -1022

    run(scenario())
