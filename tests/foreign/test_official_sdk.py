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
        # Both orders were filled at least in part, and so neither counts any more.
        counted = (await connection.account_rate_limits_orders()).data()
        assert [limit.count for limit in counted.result] == [0, 0]
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


def _lot(order: Any) -> tuple[str, str, str, str]:
    return (order.status, order.price, order.orig_qty, order.executed_qty)


@pytest.mark.parametrize("key_type", ["HMAC"])
def test_places_amends_replaces_cancels_and_lists_what_the_ledger_has(
    sandbox: Any, account: Any, counterparty: Any, key_type: str, run: Any, mailbox: Any, orders_of: Any, lists_of: Any
) -> None:
    """Every order, every list and every event of them is in the end what the ledger has."""
    limit: dict[str, Any] = {"symbol": "BTCUSDT", "type": "LIMIT", "time_in_force": "GTC"}
    buy: dict[str, Any] = {**limit, "side": "BUY", "quantity": 0.01, "price": 40000.0}
    sell: dict[str, Any] = {"symbol": "BTCUSDT", "side": "SELL", "quantity": 0.01}
    above: dict[str, Any] = {"above_type": "LIMIT_MAKER", "above_price": 70000.0}
    below: dict[str, Any] = {"below_type": "STOP_LOSS", "below_stop_price": 45000.0}
    working: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "working_type": "LIMIT",
        "working_side": "BUY",
        "working_quantity": 0.01,
        "working_time_in_force": "GTC",
    }

    async def trade(api: Any) -> None:
        (await api.user_data_stream_subscribe_signature()).stream.on("message", mailbox.put)
        before = len(account.events)

        first = (await api.order_place(**buy)).data().result.order_id
        amended = (await api.order_amend_keep_priority(symbol="BTCUSDT", order_id=first, new_qty=0.008)).data().result
        assert amended.amended_order.qty == "0.00800000"
        amendments = (await api.order_amendments(symbol="BTCUSDT", order_id=first)).data().result
        assert [(one.orig_qty, one.new_qty) for one in amendments] == [("0.01000000", "0.00800000")]

        replaced = await api.order_cancel_replace(
            **{**buy, "price": 41000.0}, cancel_replace_mode="STOP_ON_FAILURE", cancel_order_id=first
        )
        halves = replaced.data().result
        assert (halves.cancel_result, halves.new_order_result) == ("SUCCESS", "SUCCESS")
        # What is not there any more cannot be replaced: both halves are in the refusal.
        again = await api.order_cancel_replace(**buy, cancel_replace_mode="STOP_ON_FAILURE", cancel_order_id=first)
        refusal = again.data()["error"]
        assert (refusal["code"], refusal["data"]["cancelResponse"]["code"]) == (-2022, -2011)
        assert refusal["data"]["newOrderResult"] == "NOT_ATTEMPTED"
        second = halves.new_order_response.order_id
        still_open = (await api.open_orders_status(symbol="BTCUSDT")).data().result
        assert [one.order_id for one in still_open] == [second]
        # An order that was not attempted counts, too.
        counted = (await api.account_rate_limits_orders()).data().result
        assert [limit.count for limit in counted] == [3, 3]

        # One of a pair is filled, the other expires.
        oco = (await api.order_list_place_oco(**sell, **above, **below)).data().result
        counterparty.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="70000")
        found = (await api.order_list_status(order_list_id=oco.order_list_id)).data().result
        assert found.list_order_status == "ALL_DONE"
        # One waits for another, and is placed with its fill.
        oto = await api.order_list_place_oto(
            **working,
            working_price=41500.0,
            pending_side="SELL",
            pending_type="LIMIT",
            pending_price=71000.0,
            pending_quantity=0.01,
            pending_time_in_force="GTC",
        )
        assert [one.status for one in oto.data().result.order_reports] == ["NEW", "PENDING_NEW"]
        counterparty.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.01", price="41500")
        # Two wait, and are cancelled with it.
        otoco = await api.order_list_place_otoco(
            **working,
            working_price=39000.0,
            pending_side="SELL",
            pending_quantity=0.01,
            **{f"pending_{name}": value for name, value in {**above, **below}.items()},
        )
        last = otoco.data().result.order_list_id
        open_lists = (await api.open_order_lists_status()).data().result
        assert {one.order_list_id for one in open_lists} == {oto.data().result.order_list_id, last}
        cancelled = (await api.order_list_cancel(symbol="BTCUSDT", order_list_id=last)).data().result
        assert {one.status for one in cancelled.order_reports} == {"CANCELED"}

        everything = (await api.open_orders_cancel_all(symbol="BTCUSDT")).data().result
        assert len(everything) == 2
        assert (await api.open_orders_status()).data().result == []

        expected = account.events[before:]
        assert [_as_received(message) for message in await mailbox.until(len(expected))] == expected
        all_orders = (await api.all_orders(symbol="BTCUSDT")).data().result
        assert {order.order_id: _lot(order) for order in all_orders} == orders_of(account.events)
        all_lists = (await api.all_order_lists()).data().result
        assert {
            one.order_list_id: (one.list_order_status, [order.order_id for order in one.orders]) for one in all_lists
        } == lists_of(account.events)

    async def scenario() -> None:
        async with connected(sandbox, account.api_key, api_secret=account.secret) as connection:
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
