"""Every method of the WebSocket API, asked by the official SDK: what the sandbox answers is what its models say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from .test_official_sdk import connected

BTC = "BTCUSDT"
LIMIT = {"symbol": BTC, "type": "LIMIT", "time_in_force": "GTC"}
BUY = {**LIMIT, "side": "BUY", "quantity": 0.01, "price": 40000.0}
WORKING = {
    "working_type": "LIMIT",
    "working_side": "BUY",
    "working_price": 40000.0,
    "working_quantity": 0.01,
    "working_time_in_force": "GTC",
}
ABOVE = {"type": "LIMIT_MAKER", "price": 70000.0}
BELOW = {"type": "STOP_LOSS_LIMIT", "stop_price": 30000.0, "price": 29000.0, "time_in_force": "GTC"}


def _leg(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_{key}": value for key, value in fields.items()}


class Scene:
    """A connection, its account, and a market with some trades."""

    def __init__(self, connection: Any, account: Any) -> None:
        self.api = connection
        self.account = account

    async def order(self, **changes: Any) -> Any:
        """Place an order that rests, return the SDK's result."""
        return (await self.api.order_place(**{**BUY, **changes})).data().result

    async def list(self) -> Any:
        """Place an OCO that rests, return the SDK's result."""
        return (await self._oco()).data().result

    async def _oco(self) -> Any:
        legs = {**_leg("above", ABOVE), **_leg("below", BELOW)}
        return await self.api.order_list_place_oco(symbol=BTC, side="SELL", quantity=0.01, **legs)

    async def cancel(self) -> Any:
        return await self.api.order_cancel(symbol=BTC, order_id=(await self.order()).order_id)

    async def replace(self) -> Any:
        placed = await self.order()
        return await self.api.order_cancel_replace(
            **BUY, cancel_replace_mode="STOP_ON_FAILURE", cancel_order_id=placed.order_id
        )

    async def amend(self) -> Any:
        placed = await self.order()
        return await self.api.order_amend_keep_priority(symbol=BTC, new_qty=0.005, order_id=placed.order_id)

    async def amendments(self) -> Any:
        placed = await self.order()
        await self.api.order_amend_keep_priority(symbol=BTC, new_qty=0.005, order_id=placed.order_id)
        return await self.api.order_amendments(symbol=BTC, order_id=placed.order_id)

    async def cancel_all(self) -> Any:
        await self.order()
        await self.list()
        return await self.api.open_orders_cancel_all(symbol=BTC)

    async def cancel_list(self) -> Any:
        return await self.api.order_list_cancel(symbol=BTC, order_list_id=(await self.list()).order_list_id)

    async def prevented(self) -> Any:
        """Trade with oneself, which is prevented."""
        await self.order(price=49500.0)
        sell = {
            **BUY,
            "side": "SELL",
            "price": 49500.0,
            "time_in_force": "IOC",
            "self_trade_prevention_mode": "EXPIRE_MAKER",
        }
        placed = (await self.api.order_place(**sell)).data().result
        return await self.api.my_prevented_matches(symbol=BTC, order_id=placed.order_id)

    async def filters(self) -> Any:
        """Ask for a result that the SDK throws away, because its model knows nothing around it."""
        from binance_common.models import WebsocketApiResponse
        from binance_sdk_spot.websocket_api.models import MyFiltersResponse

        request = {"method": "myFilters", "params": {"symbol": BTC}}
        answer = (await self.api.send_signed_message(request, self.api.signer)).data()
        return WebsocketApiResponse(data_function=lambda: MyFiltersResponse.from_dict(answer), rate_limits=[])

    async def allocations(self) -> Any:
        """Buy what is offered for another dollar."""
        routed = (await self.api.sor_order_place(**{**BUY, "price": 50500.0})).data().result[0]
        assert (routed.working_floor, routed.used_sor, routed.fills[0].match_type) == (
            "SOR",
            True,
            "ONE_PARTY_TRADE_REPORT",
        )
        answer = await self.api.my_allocations(symbol=BTC)
        assert [found.allocation_id for found in answer.data().result] == [routed.fills[0].alloc_id]
        return answer

    async def unsubscribe(self) -> Any:
        await self.api.user_data_stream_subscribe_signature()
        return await self.api.user_data_stream_unsubscribe()


async def _after(first: Awaitable[Any], then: Callable[[], Awaitable[Any]]) -> Any:
    await first
    return await then()


CALLS: dict[str, Callable[[Scene], Awaitable[Any]]] = {
    "ping": lambda s: s.api.ping(),
    "time": lambda s: s.api.time(),
    "exchangeInfo": lambda s: s.api.exchange_info(symbols=[BTC]),
    "executionRules": lambda s: s.api.execution_rules(symbol=BTC),
    "depth": lambda s: s.api.depth(symbol=BTC, limit=5),
    "trades.recent": lambda s: s.api.trades_recent(symbol=BTC),
    "trades.historical": lambda s: s.api.trades_historical(symbol=BTC, from_id=0),
    "blockTrades.historical": lambda s: s.api.block_trades_historical(symbol=BTC, from_id=0),
    "trades.aggregate": lambda s: s.api.trades_aggregate(symbol=BTC, limit=5),
    "klines": lambda s: s.api.klines(symbol=BTC, interval="1m"),
    "uiKlines": lambda s: s.api.ui_klines(symbol=BTC, interval="1h"),
    "avgPrice": lambda s: s.api.avg_price(symbol=BTC),
    "ticker.24hr": lambda s: s.api.ticker24hr(symbols=[BTC]),
    "ticker.24hr of one": lambda s: s.api.ticker24hr(symbol=BTC),
    "ticker.24hr MINI": lambda s: s.api.ticker24hr(symbol=BTC, type="MINI"),
    "ticker.tradingDay": lambda s: s.api.ticker_trading_day(symbols=[BTC]),
    "ticker.tradingDay of one": lambda s: s.api.ticker_trading_day(symbol=BTC),
    "ticker": lambda s: s.api.ticker(symbols=[BTC], window_size="1h"),
    "ticker of one": lambda s: s.api.ticker(symbol=BTC, window_size="1h"),
    "ticker.price": lambda s: s.api.ticker_price(symbols=[BTC]),
    "ticker.price of one": lambda s: s.api.ticker_price(symbol=BTC),
    "ticker.book": lambda s: s.api.ticker_book(symbols=[BTC]),
    "ticker.book of one": lambda s: s.api.ticker_book(symbol=BTC),
    "referencePrice": lambda s: s.api.reference_price(symbol=BTC),
    "referencePrice.calculation": lambda s: s.api.reference_price_calculation(symbol=BTC),
    "session.logon": lambda s: s.api.session_logon(),
    "session.status": lambda s: s.api.session_status(),
    "session.logout": lambda s: s.api.session_logout(),
    "order.place": lambda s: s.api.order_place(**BUY),
    "order.place FULL": lambda s: s.api.order_place(**{**BUY, "price": 51000.0, "new_order_resp_type": "FULL"}),
    "order.place ACK": lambda s: s.api.order_place(**BUY, new_order_resp_type="ACK"),
    "order.place trailing": lambda s: s.api.order_place(
        symbol=BTC, side="SELL", type="STOP_LOSS", quantity=0.01, trailing_delta=200
    ),
    "order.place iceberg": lambda s: s.api.order_place(**BUY, iceberg_qty=0.002),
    "order.place pegged": lambda s: s.api.order_place(
        symbol=BTC, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, peg_price_type="PRIMARY_PEG"
    ),
    "order.test": lambda s: s.api.order_test(**BUY),
    "order.test with rates": lambda s: s.api.order_test(**BUY, compute_commission_rates=True),
    "order.cancel": Scene.cancel,
    "order.cancelReplace": Scene.replace,
    "order.amend.keepPriority": Scene.amend,
    "order.amend.keepPriority of a list": lambda s: _amended_leg(s),
    "openOrders.cancelAll": Scene.cancel_all,
    "orderList.place": lambda s: s.api.order_list_place(
        symbol=BTC,
        side="SELL",
        price=70000.0,
        quantity=0.01,
        stop_price=30000.0,
        stop_limit_price=29000.0,
        stop_limit_time_in_force="GTC",
    ),
    "orderList.place.oco": Scene._oco,
    "orderList.place.oto": lambda s: s.api.order_list_place_oto(
        symbol=BTC,
        **WORKING,
        **_leg(
            "pending", {"side": "SELL", "quantity": 0.01, "type": "LIMIT", "price": 70000.0, "time_in_force": "GTC"}
        ),
    ),
    "orderList.place.otoco": lambda s: s.api.order_list_place_otoco(
        symbol=BTC,
        **WORKING,
        pending_side="SELL",
        pending_quantity=0.01,
        **_leg("pending_above", ABOVE),
        **_leg("pending_below", BELOW),
    ),
    "orderList.place.opo": lambda s: s.api.order_list_place_opo(
        symbol=BTC,
        **WORKING,
        **_leg("pending", {"side": "SELL", "type": "LIMIT", "price": 70000.0, "time_in_force": "GTC"}),
    ),
    "orderList.place.opoco": lambda s: s.api.order_list_place_opoco(
        symbol=BTC, **WORKING, pending_side="SELL", **_leg("pending_above", ABOVE), **_leg("pending_below", BELOW)
    ),
    "orderList.cancel": Scene.cancel_list,
    "sor.order.place": lambda s: s.api.sor_order_place(**BUY),
    "sor.order.test": lambda s: s.api.sor_order_test(**BUY),
    "account.status": lambda s: s.api.account_status(),
    "order.status": lambda s: _asked(s, lambda placed: s.api.order_status(symbol=BTC, order_id=placed.order_id)),
    "openOrders.status": lambda s: _asked(s, lambda _: s.api.open_orders_status(symbol=BTC)),
    "allOrders": lambda s: _asked(s, lambda _: s.api.all_orders(symbol=BTC)),
    "orderList.status": lambda s: _listed(
        s, lambda placed: s.api.order_list_status(order_list_id=placed.order_list_id)
    ),
    "openOrderLists.status": lambda s: _listed(s, lambda _: s.api.open_order_lists_status()),
    "allOrderLists": lambda s: _listed(s, lambda _: s.api.all_order_lists()),
    "myTrades": lambda s: _after(s.order(price=51000.0), lambda: s.api.my_trades(symbol=BTC)),
    "account.rateLimits.orders": lambda s: s.api.account_rate_limits_orders(),
    "myPreventedMatches": Scene.prevented,
    "myAllocations": Scene.allocations,
    "account.commission": lambda s: s.api.account_commission(symbol=BTC),
    "order.amendments": Scene.amendments,
    "myFilters": Scene.filters,
    "userDataStream.subscribe": lambda s: _after(s.api.session_logon(), lambda: _subscribed(s)),
    "userDataStream.subscribe.signature": lambda s: _acknowledged(s.api.user_data_stream_subscribe_signature()),
    "userDataStream.unsubscribe": Scene.unsubscribe,
    "session.subscriptions": lambda s: _after(
        s.api.user_data_stream_subscribe_signature(), lambda: s.api.session_subscriptions()
    ),
}


async def _asked(scene: Scene, ask: Callable[[Any], Awaitable[Any]]) -> Any:
    return await ask(await scene.order())


async def _listed(scene: Scene, ask: Callable[[Any], Awaitable[Any]]) -> Any:
    return await ask(await scene.list())


async def _amended_leg(scene: Scene) -> Any:
    placed = await scene.list()
    order = next(one for one in placed.order_reports if one.type == "LIMIT_MAKER")
    return await scene.api.order_amend_keep_priority(symbol=BTC, new_qty=0.005, order_id=order.order_id)


async def _acknowledged(subscribing: Awaitable[Any]) -> Any:
    return (await subscribing).response


async def _subscribed(scene: Scene) -> Any:
    return await _acknowledged(scene.api.user_data_stream_subscribe())


@pytest.fixture(scope="module")
def market() -> Iterator[Any]:
    """A sandbox with a book and a few trades."""
    from binance_socket.sandbox import Sandbox

    with Sandbox(process=True) as sandbox:
        maker = sandbox.create_account({"USDT": "10000000", "BTC": "1000"})
        maker.place_order("BTCUSDC", "SELL", "LIMIT", quantity="10", price="49900")
        for price in ("49000", "48000"):
            maker.place_order(BTC, "BUY", "LIMIT", quantity="10", price=price)
        for price in ("50000", "52000"):
            maker.place_order(BTC, "SELL", "LIMIT", quantity="10", price=price)
        taker = sandbox.create_account({"USDT": "10000000", "BTC": "1000"})
        for side in ("BUY", "SELL", "BUY"):
            taker.place_order(BTC, side, "MARKET", quantity="0.01")
        sandbox.block_trade(BTC, price="50000", quantity="100")
        yield sandbox


def unknown_keys(value: Any, path: str = "") -> Iterator[str]:
    """Yield what a model's fields do not take, wherever it is."""
    if isinstance(value, list):
        for item in value:
            yield from unknown_keys(item, f"{path}[]")
    elif hasattr(value, "model_fields_set"):
        if getattr(value, "actual_instance", None) is not None:
            yield from unknown_keys(value.actual_instance, path)
            return
        yield from (f"{path}.{key}" for key in getattr(value, "additional_properties", None) or ())
        for name in value.model_fields_set - {"additional_properties"}:
            yield from unknown_keys(getattr(value, name), f"{path}.{name}")


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_the_answer_is_what_the_sdk_expects(market: Any, call: Callable[[Scene], Awaitable[Any]], run: Any) -> None:
    """It is read without complaint, and nothing in it is unknown to the SDK's model."""
    account = market.create_account({"USDT": "1000000", "BTC": "100"}, key_type="ED25519")

    async def scenario() -> None:
        async with connected(market, account.api_key, private_key=account.pem) as connection:
            answer = (await call(Scene(connection, account))).data()
            # Of an answer that has several shapes it chooses one.
            answer = getattr(answer, "actual_instance", None) or answer
            assert not isinstance(answer, (dict, str)), answer
            if "result" in (answer.additional_properties or {}):
                # It reads this one with its model of the REST answer, which has nothing around the result.
                answer = type(answer).from_dict(answer.additional_properties["result"])
            else:
                assert answer.status == 200
            # A list without an entry would show nothing.
            assert getattr(answer, "result", None) != []
            # The documents' examples of a few methods show no limits, and so its models of them have none.
            assert set(unknown_keys(answer)) <= {".rateLimits"}

    run(scenario())
