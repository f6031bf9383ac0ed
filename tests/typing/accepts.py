"""What type checkers must make of the public calls. Checked, never run."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime, timedelta
from decimal import Decimal

from typing_extensions import assert_type

from binance_socket import (
    BinanceSocketClient,
    BinanceSocketError,
    BookState,
    CancellationToken,
    ClientView,
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
    CurrentRateLimit,
    OrderListUpdate,
    OrderUpdate,
    PositionsUpdate,
    SessionStatus,
    SessionSubscription,
    UnknownEvent,
)
from binance_socket.models.order_book import PriceLevel
from binance_socket.spot_api import Account
from binance_socket.spot_api.local_order_book import BestPrices, BookDepth, BookView


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
