"""The account, end to end, for every kind of key, in both modes, plain and encrypted."""

from __future__ import annotations

import threading
from decimal import Decimal

import attrs
import pytest

from binance_socket import ApiError, AuthenticationError, BinanceSocketClient, HmacKey, KeyType
from binance_socket.models import (
    BalanceLockUpdate,
    BalanceUpdate,
    ListenKeyExpired,
    OrderListUpdate,
    OrderStatus,
    OrderUpdate,
    PositionsUpdate,
)
from binance_socket.sandbox import Sandbox

FUNDS = {"USDT": "100000", "BTC": "1"}
LIST_STATUS = {
    "e": "listStatus",
    "E": 1564035303637,
    "s": "ETHBTC",
    "g": 2,
    "c": "OCO",
    "l": "EXEC_STARTED",
    "L": "EXECUTING",
    "r": "NONE",
    "C": "F4QN4G8DlFATFlIUQ0cjdD",
    "T": 1564035303625,
    "O": [{"s": "ETHBTC", "i": 17, "c": "one"}, {"s": "ETHBTC", "i": 18, "c": "two"}],
}


def trade(account, other):
    """Make one event of every kind happen to *account*, and return how many there are."""
    other.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.002", price="50000")
    account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.001", price="50000")
    account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.003", price="50000")
    resting = account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.001", price="40000")
    account.cancel_order("BTCUSDT", resting["orderId"])
    account.deposit("ETH", "2")
    account.lock_externally("ETH", "0.5")
    account.publish(LIST_STATUS)
    return len(account.events)


@pytest.mark.parametrize("key_type", list(KeyType), ids=lambda kind: kind.value)
def test_every_method_in_both_modes(tls, key_type, heard, connect):
    """All six methods work, and both kinds of stream deliver exactly what the exchange's ledger says, in order."""
    with Sandbox(tls=tls) as sandbox:
        account = sandbox.create_account(FUNDS, key_type=key_type)
        other = sandbox.create_account(FUNDS)
        spot = connect(sandbox, account).spot_api.account

        info = spot.get_account_info(symbols=["BTCUSDT"])
        assert {b.asset: b.total for b in info.result.balances} == {"BTC": 1, "USDT": 100000}
        assert info.status == 200
        assert info.rate_limits[0].count >= 20
        assert {limit.count for limit in spot.get_order_rate_limits().result} == {0}

        listen_key = spot.start_user_stream().result
        assert spot.start_user_stream().result == listen_key
        assert spot.keep_alive_user_stream(listen_key).result is None

        also_heard = type(heard)()
        by_key = spot.subscribe_to_user_data_updates(listen_key, **heard.handlers())
        by_api = spot.subscribe_to_user_data_updates(**also_heard.handlers())
        assert by_key.stream == listen_key
        assert [entry.subscription_id for entry in spot.session_subscriptions().result] == [by_api.stream]
        assert spot.session_status().result.is_logged_on is (key_type is KeyType.ED25519)

        count = trade(account, other)
        assert heard.take(count) == also_heard.take(count) == account.events

        by_api.close()
        assert spot.session_subscriptions().result == []
        assert spot.stop_user_stream(listen_key).result is None
        with pytest.raises(ApiError) as caught:
            spot.keep_alive_user_stream(listen_key)
        assert caught.value.code == -1125


def test_events_are_typed(sandbox, heard, connect):
    """Each event arrives as its class, with amounts as Decimal."""
    account, other = sandbox.create_account(FUNDS), sandbox.create_account(FUNDS)
    connect(sandbox, account).spot_api.account.subscribe_to_user_data_updates(**heard.handlers())
    events = [heard.next().data for _ in range(trade(account, other))]

    kinds = {type(event) for event in events}
    assert kinds == {OrderUpdate, PositionsUpdate, BalanceUpdate, BalanceLockUpdate, OrderListUpdate}
    filled = next(event for event in events if isinstance(event, OrderUpdate) and event.status == OrderStatus.FILLED)
    assert filled.average_price == Decimal(50000)
    assert filled.remaining_quantity == 0
    assert not any(event.extra for event in events)


@pytest.mark.parametrize("key_type", list(KeyType), ids=lambda kind: kind.value)
def test_events_right_behind_the_acknowledgement(key_type, sandbox, heard, connect):
    """Events that come back to back with the acknowledgement are delivered, every time."""
    account = sandbox.create_account(FUNDS, key_type=key_type)
    method = "userDataStream.subscribe" + ("" if key_type is KeyType.ED25519 else ".signature")
    for round_ in range(10):
        client = connect(sandbox, account)
        before = account.event_count
        # The acknowledgement is held back until the events are queued right behind it.
        sandbox.faults.late_replies(method)
        joined = _subscribe_later(client, heard)
        assert sandbox.faults.wait_for("late_replies", round_ + 1)
        account.deposit("ETH", "1")
        sandbox.faults.release()
        joined()
        assert heard.take(2) == account.events[before:]
        client.close()


def _subscribe_later(client, heard):
    thread = threading.Thread(
        target=client.spot_api.account.subscribe_to_user_data_updates, kwargs=heard.handlers(), daemon=True
    )
    thread.start()
    return lambda: thread.join(10)


def test_a_wrong_key_is_refused(sandbox, connect):
    """A key that the exchange does not know, and a signature that is wrong, are AuthenticationErrors."""
    account = sandbox.create_account(FUNDS)
    with (
        BinanceSocketClient(credentials=HmacKey("x" * 64, "y" * 64), environment=sandbox.environment) as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.spot_api.account.get_account_info()
    with (
        BinanceSocketClient(credentials=HmacKey(account.api_key, "y" * 64), environment=sandbox.environment) as forger,
        pytest.raises(AuthenticationError) as caught,
    ):
        forger.spot_api.account.subscribe_to_user_data_updates()
    assert caught.value.code == -1022


def test_only_ed25519_keys_log_on(sandbox, connect):
    """session_logon() is refused for other keys, as the exchange does."""
    hmac = connect(sandbox, sandbox.create_account()).spot_api.account
    ed25519 = connect(sandbox, sandbox.create_account(key_type="ED25519")).spot_api.account

    with pytest.raises(ApiError):
        hmac.session_logon()
    assert ed25519.session_logon().result.is_logged_on
    assert not ed25519.session_logout().result.is_logged_on


def test_logging_out_does_not_end_a_subscription(sandbox, heard, connect):
    """The exchange ends the subscription with the logon; it is logged on again, and events go on."""
    account = sandbox.create_account(FUNDS, key_type="ED25519")
    spot = connect(sandbox, account).spot_api.account
    subscription = spot.subscribe_to_user_data_updates(**heard.handlers())
    restored = type(heard)()
    subscription.on_connection_restored(restored)

    spot.session_logout()

    assert heard.next().raw["e"] == "eventStreamTerminated"
    restored.next()
    account.deposit("ETH", "1")
    assert heard.take(2) == account.events[-2:]


def test_an_expired_listen_key_is_replaced(sandbox, heard, connect):
    """When its key expires, the subscription goes on with a new one, and says so."""
    account = sandbox.create_account(FUNDS)
    spot = connect(sandbox, account).spot_api.account
    listen_key = spot.start_user_stream().result
    subscription = spot.subscribe_to_user_data_updates(listen_key, **heard.handlers())
    restored = type(heard)()
    subscription.on_connection_restored(restored)

    sandbox.faults.expire(listen_key)

    event = heard.next()
    assert isinstance(event.data, ListenKeyExpired)
    assert event.stream == listen_key
    restored.next()
    account.deposit("ETH", "1")
    assert heard.next().stream == subscription.stream != listen_key


def test_listen_keys_over_rest(sandbox, heard, connect, caplog):
    """A venue may take the listen-key calls over REST; no key is logged then either, whoever logs."""
    account = sandbox.create_account(FUNDS)
    venue = attrs.evolve(sandbox.environment, listen_key_transport="rest")
    caplog.set_level(0)
    with BinanceSocketClient(credentials=account.credentials, environment=venue) as client:
        spot = client.spot_api.account
        listen_key = spot.start_user_stream().result
        spot.keep_alive_user_stream(listen_key)
        spot.subscribe_to_user_data_updates(listen_key, on_account_balance_update=heard)
        account.deposit("ETH", "1")
        assert heard.next().data.asset == "ETH"
        spot.stop_user_stream(listen_key)
    ours = [record for record in caplog.records if not record.name.startswith("websockets")]
    assert ours
    assert not any(secret in record.getMessage() for record in ours for secret in (listen_key, account.api_key))


def test_windows_rate_limits_and_microseconds(sandbox, heard, connect):
    """A window with decimals is accepted signed, times are exact to the microsecond, rate limits come when wanted."""
    account = sandbox.create_account(FUNDS, key_type=KeyType.ED25519)
    client = connect(sandbox, account, time_unit="MICROSECOND", return_rate_limits=False, receive_window=59999.125)
    spot = client.spot_api.account
    quiet = spot.get_account_info()
    assert quiet.rate_limits == ()
    assert spot.session_logon().result.server_time.year >= 2023
    loud = client.with_options(receive_window=5000.5, return_rate_limits=True).spot_api.account
    assert [limit.rate_limit_type for limit in loud.get_account_info().rate_limits] == ["REQUEST_WEIGHT"]
    with spot.subscribe_to_user_data_updates(**heard.handlers()):
        account.deposit("BTC", "1")
        payloads = {event.raw["e"]: event for event in (heard.next(), heard.next())}
    moment = payloads["balanceUpdate"].raw["E"]
    assert moment > 10**15
    assert payloads["balanceUpdate"].data.event_time.microsecond == moment % 10**6


def test_a_window_decides_how_old_a_request_may_be(sandbox, connect):
    """A clock that is late by ten seconds does not matter to a window of a minute; otherwise it has to be set."""
    account = sandbox.create_account(FUNDS)
    sandbox.faults.skew(10)
    client = connect(sandbox, account)
    assert client.with_options(receive_window=59999.125).spot_api.account.get_account_info().status == 200
    assert not client._hub.server_clock.is_learned
    assert client.spot_api.account.get_account_info().status == 200
    assert client._hub.server_clock.is_learned
