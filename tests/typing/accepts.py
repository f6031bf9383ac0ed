"""What type checkers must make of the public calls. Checked, never run."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime, timedelta
from decimal import Decimal

from typing_extensions import assert_type

from binance_socket import (
    ApiError,
    BinanceSocketClient,
    BinanceSocketError,
    BookState,
    CancellationToken,
    CancelReplaceFailed,
    ClientView,
    ContingentLeg,
    DataEvent,
    HmacKey,
    LocalOrderBook,
    RateLimits,
    RateLimitWindow,
    Response,
    SubscriptionState,
    UpdateSubscription,
)
from binance_socket._wire.messages import Request
from binance_socket.models import (
    AccountInfo,
    BalanceUpdate,
    CanceledOrder,
    CanceledOrderList,
    CurrentRateLimit,
    OrderListUpdate,
    OrderStatus,
    OrderType,
    OrderUpdate,
    PlacedOrder,
    PlacedOrderList,
    PositionsUpdate,
    SessionStatus,
    SessionSubscription,
    UnknownEvent,
    UserTrade,
)
from binance_socket.models.order_book import PriceLevel
from binance_socket.spot_api import Account, Trading
from binance_socket.spot_api.book_views import BestPrices, BookDepth, BookView


def blocking_calls(client: BinanceSocketClient) -> None:
    account = client.spot_api.account
    assert_type(account, Account)
    assert_type(account.get_account_info(), Response[AccountInfo])
    assert_type(account.get_account_info("BTCUSDT"), Response[AccountInfo])
    assert_type(account.get_account_info(["BTCUSDT"], omit_zero_balances=True), Response[AccountInfo])
    assert_type(account.get_account_info(symbols=("BTCUSDT",)).result, AccountInfo)
    assert_type(account.get_order_rate_limits(), Response[list[CurrentRateLimit]])
    assert_type(account.get_order_rate_limits(["BTCUSDT"]).result[0].limit, int)
    assert_type(account.start_user_stream(), Response[str])
    assert_type(account.start_user_stream().result, str)
    assert_type(account.keep_alive_user_stream("key"), Response[None])
    assert_type(account.stop_user_stream(listen_key="key"), Response[None])
    assert_type(account.session_logon(), Response[SessionStatus])
    assert_type(account.session_status(), Response[SessionStatus])
    assert_type(account.session_logout(), Response[SessionStatus])
    assert_type(account.session_subscriptions(), Response[list[SessionSubscription]])
    assert_type(account.get_account_info().rate_limits, tuple[CurrentRateLimit, ...])
    assert_type(account.get_account_info().result.balances[0].total, Decimal)


def trading_calls(client: BinanceSocketClient) -> None:
    trading = client.spot_api.trading
    assert_type(trading, Trading)
    placed = trading.place_order("BTCUSDT", "BUY", OrderType.LIMIT, quantity=1, price=Decimal(2), time_in_force="GTC")
    assert_type(placed, Response[PlacedOrder])
    assert_type(placed.result.order_id, int)
    assert_type(placed.result.status, OrderStatus | None)
    cancelled = trading.cancel_order("BTCUSDT", 1).result
    assert_type(cancelled, CanceledOrder | CanceledOrderList)
    assert_type(cancelled.canceled_orders, tuple[CanceledOrder, ...])
    assert_type(trading.cancel_all_orders("BTCUSDT").result, list[CanceledOrder | CanceledOrderList])
    assert_type(trading.get_order("BTCUSDT", 1).result.status, OrderStatus)
    assert_type(trading.get_user_trades("BTCUSDT", start_time=1), Response[list[UserTrade]])
    stop = ContingentLeg("STOP_LOSS", stop_price="1")
    order_list = trading.place_oco_order_list.submit("BTCUSDT", "SELL", 1, above=stop, below=stop)
    assert_type(order_list, Future[Response[PlacedOrderList]])
    assert_type(Trading.place_order.request("BTCUSDT", "BUY", "MARKET", quantity="1"), Request[PlacedOrder])
    try:
        trading.replace_order("BTCUSDT", "BUY", "MARKET", "ALLOW_FAILURE", cancel_order_id=1, quantity=1)
    except CancelReplaceFailed as error:
        assert_type(error.cancel_response, CanceledOrder | None)
        assert_type(error.new_order_error, ApiError | None)


def submitted_calls(client: BinanceSocketClient) -> None:
    account = client.spot_api.account
    assert_type(account.get_account_info.submit("BTCUSDT"), Future[Response[AccountInfo]])
    assert_type(account.get_account_info.submit(omit_zero_balances=True).result(5).result, AccountInfo)
    assert_type(account.get_order_rate_limits.submit(), Future[Response[list[CurrentRateLimit]]])
    assert_type(account.keep_alive_user_stream.submit("key"), Future[Response[None]])


def plain_requests() -> None:
    assert_type(Account.get_account_info.request("BTCUSDT", omit_zero_balances=True), Request[AccountInfo])
    assert_type(Account.start_user_stream.request(), Request[str])


def views(client: BinanceSocketClient, token: CancellationToken) -> None:
    view = client.with_options(timeout=3, ct=token)
    assert_type(client.rate_limits, RateLimits)
    assert_type(client.rate_limits.windows[0], RateLimitWindow)
    assert_type(client.rate_limits.banned_until, datetime | None)
    assert_type(view, ClientView)
    assert_type(view.with_options(receive_window=Decimal("0.5"), return_rate_limits=False), ClientView)
    assert_type(view.with_options(timeout=1.5).spot_api.account.get_account_info(), Response[AccountInfo])


def on_order(event: DataEvent[OrderUpdate]) -> None:
    assert_type(event.data, OrderUpdate)
    assert_type(event.data.price, Decimal)
    assert_type(event.data.order_id, int)
    assert_type(event.received_at, datetime)
    assert_type(event.event_time, datetime | None)
    assert_type(event.stream, str | int | None)


def on_list(event: DataEvent[OrderListUpdate]) -> int:
    """Return something: nobody minds."""
    return 1


def on_position(event: DataEvent[PositionsUpdate]) -> None: ...


def on_balance(event: DataEvent[BalanceUpdate]) -> None: ...


def on_unknown(event: DataEvent[UnknownEvent]) -> None: ...


def on_anything(event: object) -> None: ...


def on_error(error: BinanceSocketError) -> None: ...


def on_restored(downtime: timedelta) -> None: ...


def subscriptions(client: BinanceSocketClient, token: CancellationToken) -> None:
    account = client.spot_api.account
    by_position = account.subscribe_to_user_data_updates("key", on_order, on_list, on_position, on_balance)
    assert_type(by_position, UpdateSubscription)
    with account.subscribe_to_user_data_updates(
        on_order_update_message=lambda event: repr(event.data.order_id),
        on_account_balance_update=on_anything,
        on_unknown_event=on_unknown,
        ct=token,
    ) as subscription:
        assert_type(subscription, UpdateSubscription)
        assert_type(subscription.state, SubscriptionState)
        assert_type(subscription.id, int)
        assert_type(subscription.last_received_at, datetime | None)
        assert_type(subscription.wait(5), bool)
        subscription.on_exception(on_error)
        subscription.on_connection_lost(lambda: None)
        subscription.on_connection_restored(on_restored)
        subscription.on_connection_closed(lambda: None)


def making_clients() -> None:
    with BinanceSocketClient(credentials=HmacKey("key", "secret")) as client:
        assert_type(client, BinanceSocketClient)
    assert_type(BinanceSocketClient.from_env(), BinanceSocketClient)


def a_local_order_book(client: BinanceSocketClient) -> None:
    with client.spot_api.exchange_data.local_order_book("BTCUSDT", depth=1000, on_change=print) as book:
        assert_type(book, LocalOrderBook)
        assert_type(book.state, BookState)
        assert_type(book.wait_until_synchronised(5), bool)
        assert_type(book.bids[0], PriceLevel)
        assert_type(book.asks[:5], tuple[PriceLevel, ...])
        assert_type([price for price, _ in book.bids], list[Decimal])
        assert_type(book.best, BestPrices)
        assert_type(book.spread, Decimal | None)
        assert_type(book.depth_at("60000"), BookDepth)
        assert_type(book.depth_for("BUY", Decimal(1)).quantity, Decimal)
        assert_type(book.view(), BookView)
