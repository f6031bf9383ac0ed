"""The official SDK (binance-sdk-spot) against the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest


def _as_received(message: Any) -> dict[str, Any]:
    """Return an event as the SDK's model holds it: the keys that came, under their wire names."""
    event = message.actual_instance
    assert not isinstance(event, dict), f"the SDK could not read {event}"
    name = type(event).__name__
    fields = event.model_dump(by_alias=True, exclude_unset=True, exclude={"additional_properties"})
    return {"e": name[0].lower() + name[1:], **fields}


@asynccontextmanager
async def connected(sandbox: Any, api_key: str, **key: str) -> AsyncIterator[Any]:
    from binance_common.configuration import ConfigurationWebSocketAPI
    from binance_sdk_spot.spot import Spot

    configuration = ConfigurationWebSocketAPI(api_key=api_key, stream_url=sandbox.environment.ws_api_url, **key)
    connection = await Spot(config_ws_api=configuration).websocket_api.create_connection()
    try:
        yield connection
    finally:
        await connection.close_connection(close_session=True)


def _held(status: Any) -> dict[str, tuple[float, float]]:
    held = {entry.asset: (float(entry.free), float(entry.locked)) for entry in status.result.balances}
    return {asset: amounts for asset, amounts in held.items() if any(amounts)}


def test_trades_and_hears_exactly_what_the_ledger_says(
    sandbox: Any, account: Any, counterparty: Any, key_type: str, run: Any, mailbox: Any, balances_of: Any
) -> None:
    """Its models take every event of the ledger, every key of it, in order, and nothing else."""
    initial = {"USDT": "100000", "BTC": "1"}

    async def trade(connection: Any) -> None:
        if key_type == "ED25519":
            session = (await connection.session_logon()).data()
            assert session.result.api_key == account.api_key
            assert (await connection.session_status()).data().result.api_key == account.api_key
            subscription = await connection.user_data_stream_subscribe()
        else:
            subscription = await connection.user_data_stream_subscribe_signature()
        subscription.stream.on("message", mailbox.put)
        before = len(account.events)

        status = (await connection.account_status()).data()
        assert _held(status) == balances_of(account.events, initial)
        assert status.result.account_type == "SPOT"

        counterparty.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.004", price="50000")
        placed = (
            await connection.order_place(
                symbol="BTCUSDT",
                side="BUY",
                type="LIMIT",
                time_in_force="GTC",
                quantity=0.01,
                price=50000.0,
                new_order_resp_type="FULL",
            )
        ).data()
        order = placed.result
        assert (order.status, order.executed_qty) == ("PARTIALLY_FILLED", "0.00400000")
        assert [fill.qty for fill in order.fills] == ["0.00400000"]

        counterparty.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.002", price="50000")
        found = (await connection.order_status(symbol="BTCUSDT", order_id=order.order_id)).data()
        assert (found.result.status, found.result.executed_qty) == ("PARTIALLY_FILLED", "0.00600000")
        still_open = (await connection.open_orders_status(symbol="BTCUSDT")).data()
        assert [one.order_id for one in still_open.result] == [order.order_id]

        cancelled = (await connection.order_cancel(symbol="BTCUSDT", order_id=order.order_id)).data()
        assert cancelled.result.status == "CANCELED"

        counterparty.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="49000")
        sold = (await connection.order_place(symbol="BTCUSDT", side="SELL", type="MARKET", quantity=0.005)).data()
        assert sold.result.status == "FILLED"

        refused = (
            await connection.order_place(
                symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=50000.001
            )
        ).data()
        assert refused["error"]["code"] == -1013

        account.deposit("ETH", "2")
        account.lock_externally("USDT", "10")
        counted = (await connection.account_rate_limits_orders()).data()
        assert max(limit.count for limit in counted.result) >= 2
        assert _held((await connection.account_status()).data()) == balances_of(account.events, initial)

        expected = account.events[before:]
        assert {event["e"] for event in expected} == {
            "executionReport",
            "outboundAccountPosition",
            "balanceUpdate",
            "externalLockUpdate",
        }
        await mailbox.until(len(expected))
        account.deposit("BNB", "1")  # What comes after it has arrived shows that nothing came twice.
        expected = account.events[before:]
        assert [_as_received(message) for message in await mailbox.until(len(expected))] == expected

        unsubscribed = (await connection.user_data_stream_unsubscribe()).data()
        assert unsubscribed.status == 200
        if key_type == "ED25519":
            assert (await connection.session_logout()).data().result.api_key is None

    async def scenario() -> None:
        key = {"api_secret": account.secret} if key_type == "HMAC" else {"private_key": account.pem}
        async with connected(sandbox, account.api_key, **key) as connection:
            await trade(connection)

    run(scenario())


@pytest.mark.parametrize("key_type", ["ED25519"])
def test_is_refused_with_a_wrong_key(sandbox: Any, account: Any, key_type: str, run: Any) -> None:
    """A logon that is signed with another account's key fails as on the exchange."""
    other = sandbox.create_account({}, key_type=key_type)

    async def scenario() -> None:
        async with connected(sandbox, account.api_key, private_key=other.pem) as connection:
            assert (await connection.session_logon()).data()["error"]["code"] == -1022

    run(scenario())
