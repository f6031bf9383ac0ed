"""The account's methods, as far as they are more than their declarations."""

import warnings

import pytest

from binance_socket import (
    ApiError,
    Ed25519Key,
    Environment,
    InvalidRequest,
    NotSupportedError,
    RateLimited,
)
from binance_socket.spot_api import Account

PATIENCE = 10.0


@pytest.fixture
def ask(network, exchange, run):
    """Make a call, and answer it: ``ask(client, call, result) -> response, request``."""
    transports = {}

    def one(client, call, result, **more):
        join = run(call)
        transport = transports.get(client) or network.accept()
        transports[client] = transport
        request = transport.sent()
        exchange.reply(transport, request, result, **more)
        return join(), request

    return one


def balances(payload, *assets):
    return {**payload, "balances": [{"asset": asset, "free": "1", "locked": "0"} for asset in assets]}


@pytest.mark.parametrize(
    "symbols, assets, expected",
    [
        (None, ["BTC", "USDT", "ETH"], ["BTC", "USDT", "ETH"]),
        ("BTCUSDT", ["BTC", "USDT", "ETH"], ["BTC", "USDT"]),
        (["BTCUSDT"], ["BTC", "USDT", "ETH"], ["BTC", "USDT"]),
        (("BTCUSDT", "ETHBTC"), ["BTC", "USDT", "ETH", "BNB"], ["BTC", "USDT", "ETH"]),
        ([], ["BTC", "USDT"], []),
        ("NOSUCH", ["BTC", "USDT"], []),
        ("BTCUSDT", ["BTC"], ["BTC"]),
        ("BTCUSDT", ["USDT"], ["USDT"]),
        # With zeros left out: neither a short asset nor one in the middle is taken for half of the symbol.
        ("BTCUSDT", ["BTC", "T"], ["BTC"]),
        ("BTCUSDT", ["B", "USDT"], ["USDT"]),
        ("BTCUSDT", ["CUSD"], []),
        ("１２３USDT", ["１２３", "USDT"], ["１２３", "USDT"]),
    ],
)
def test_symbols_narrow_the_balances(client, ask, account_payload, symbols, assets, expected):
    """The assets that make up the symbols are kept, in the exchange's order; nothing about them is sent."""
    account = client.spot_api.account
    response, request = ask(client, lambda: account.get_account_info(symbols), balances(account_payload, *assets))
    assert [balance.asset for balance in response.result.balances] == expected
    assert response.result.uid == account_payload["uid"]
    assert set(request["params"]) == {"apiKey", "timestamp", "signature"}


def test_zero_balances_may_be_left_out(client, ask, account_payload):
    """The exchange does that: omitZeroBalances goes along, as a boolean."""
    account = client.spot_api.account
    call = lambda: account.get_account_info("BTCUSDT", omit_zero_balances=True)  # noqa: E731
    response, request = ask(client, call, balances(account_payload, "BTC"))
    assert request["params"]["omitZeroBalances"] is True
    assert [balance.asset for balance in response.result.balances] == ["BTC"]


@pytest.mark.parametrize("symbols", [[""], [5], 5, iter(["BTCUSDT"])])
def test_symbols_that_are_none_are_refused(client, network, symbols):
    """InvalidRequest before anything is sent."""
    with pytest.raises(InvalidRequest):
        client.spot_api.account.get_account_info(symbols)
    assert network.attempts == []


def test_order_limits_are_not_narrowed(client, ask):
    """A UserWarning says so, and points at the line of the call, blocking or not."""
    account = client.spot_api.account
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        future = account.get_order_rate_limits.submit("BTCUSDT")
        future.cancel()
    assert [(item.category, item.filename) for item in caught] == [(UserWarning, __file__)]
    caught_in_call = []

    def call():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            response = account.get_order_rate_limits(["BTCUSDT"])
            caught_in_call.extend(caught)
        return response

    with warnings.catch_warnings(record=True) as silent:
        warnings.simplefilter("always")
        response, request = ask(client, account.get_order_rate_limits, [])
    assert silent == []
    assert response.result == []
    ask(client, call, [])
    assert [(item.category, item.filename) for item in caught_in_call] == [(UserWarning, __file__)]
    assert "symbols" not in request["params"]


def test_answers_bring_the_rate_limits_along(client, ask):
    """As typed values."""
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 20}
    response, _ = ask(client, client.spot_api.account.get_order_rate_limits, [], rateLimits=[limit])
    assert response.rate_limits[0].remaining == 5980


RETIRED = [Environment.LIVE, Environment.TESTNET, Environment.DEMO]


@pytest.mark.parametrize("environment", RETIRED, ids=lambda venue: venue.name)
def test_retired_venues_refuse_listen_keys_before_anything_is_sent(make_client, network, environment):
    """NotSupportedError names the day and what to do instead."""
    account = make_client(environment=environment).spot_api.account
    for call in (
        account.start_user_stream,
        account.start_user_stream.submit,
        lambda: account.keep_alive_user_stream("abc"),
        lambda: account.stop_user_stream("abc"),
        lambda: account.subscribe_to_user_data_updates("abc"),
    ):
        with pytest.raises(NotSupportedError, match=r"2026-02-.*subscribe_to_user_data_updates") as caught:
            call()
        assert environment.name in str(caught.value)
    assert network.attempts == []


def test_force_sends_all_the_same(make_client, ask):
    """The user knows better."""
    client = make_client(environment=Environment.LIVE, force=True)
    response, request = ask(client, client.spot_api.account.start_user_stream, {"listenKey": "abc"})
    assert response.result == "abc"
    assert request["params"] == {"apiKey": "key"}


def test_listen_key_calls(client, ask):
    """Their results: the key, and nothing."""
    account = client.spot_api.account
    assert ask(client, account.start_user_stream, {"listenKey": "abc"})[0].result == "abc"
    response, request = ask(client, lambda: account.keep_alive_user_stream("abc"), {})
    assert response.result is None
    assert request["params"] == {"listenKey": "abc", "apiKey": "key"}
    assert ask(client, lambda: account.stop_user_stream(listen_key="abc"), {})[0].result is None


def test_without_credentials_only_public_methods_go_out(make_client, network, exchange):
    """The others raise before anything is sent."""
    account = make_client(credentials=None).spot_api.account
    for call in (
        account.get_account_info,
        account.get_order_rate_limits.submit,
        account.start_user_stream,
        account.session_logon,
        account.subscribe_to_user_data_updates,
    ):
        with pytest.raises(InvalidRequest, match="credentials"):
            call()
    assert network.attempts == []
    future = account.session_subscriptions.submit()
    exchange.expect(network.accept(), "session.subscriptions", [])
    assert future.result(PATIENCE).result == []


@pytest.mark.parametrize("key", ["", "a/b", "a b", 5, "a\n"])
def test_a_listen_key_is_letters_and_digits(client, network, key):
    """Anything else is refused: it would end up in the name of a stream."""
    with pytest.raises(InvalidRequest):
        client.spot_api.account.subscribe_to_user_data_updates(key)
    assert network.attempts == []


def test_handlers_must_be_callable(client, network):
    """InvalidRequest at once."""
    with pytest.raises(InvalidRequest):
        client.spot_api.account.subscribe_to_user_data_updates(on_order_update_message="print")
    assert network.attempts == []


def test_an_ed25519_key_logs_on_first_and_again_on_every_link(make_client, network, exchange, run, ed25519):
    """session.logon, then userDataStream.subscribe without a signature of its own."""
    client = make_client(credentials=ed25519)
    join = run(client.spot_api.account.subscribe_to_user_data_updates)
    for turn in range(2):
        transport = network.accept()
        logon = exchange.expect(transport, "session.logon", {})
        assert "signature" in logon["params"]
        opening = exchange.expect(transport, "userDataStream.subscribe", {"subscriptionId": turn})
        assert "params" not in opening
        if turn == 0:
            subscription = join()
            transport.drop()
    assert subscription.wait(0) is False


@pytest.fixture
def ed25519():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Ed25519Key("key", pem.decode())


def test_a_wrong_timestamp_is_corrected_and_the_request_signed_again_once(client, network, exchange):
    """-1021: ask the time, learn the offset, send again with a new timestamp and signature; then it is an error."""
    future = client.spot_api.account.get_order_rate_limits.submit()
    transport = network.accept()
    first = transport.sent()
    exchange.refuse(transport, first, -1021)
    exchange.expect(transport, "time", {"serverTime": 1_700_000_100_000})
    second = transport.sent()
    assert second["method"] == first["method"]
    assert second["id"] != first["id"]
    assert second["params"]["timestamp"] == 1_700_000_100_000
    assert second["params"]["signature"] != first["params"]["signature"]
    exchange.refuse(transport, second, -1021)
    with pytest.raises(ApiError) as caught:
        future.result(PATIENCE)
    assert caught.value.code == -1021
    assert transport.nothing_sent()


def test_errors_are_typed(client, network, exchange):
    """Status, code, message, method and id; RateLimited knows when to come back."""
    future = client.spot_api.account.session_subscriptions.submit()
    transport = network.accept()
    request = transport.sent()
    exchange.refuse(transport, request, -1003, "Too much.", 429, data={"retryAfter": 1_700_000_060_000})
    error = future.exception(PATIENCE)
    assert isinstance(error, RateLimited)
    assert (error.code, error.message, error.status) == (-1003, "Too much.", 429)
    assert (error.method, error.request_id) == ("session.subscriptions", request["id"])
    assert error.retry_after.timestamp() == 1_700_000_060


def test_a_coroutine_function_is_no_handler(client):
    """Nobody would await it: that is said at once, instead of never running it."""

    async def handler(event):
        raise AssertionError

    with pytest.raises(InvalidRequest, match="await"):
        client.spot_api.account.subscribe_to_user_data_updates(on_order_update_message=handler)


@pytest.mark.parametrize("key", [None, "", 3, "é", "a b", "a/b"])
@pytest.mark.parametrize("method", ["keep_alive_user_stream", "stop_user_stream"])
def test_what_is_no_listen_key(method, key):
    """It is refused before anything is sent."""
    with pytest.raises(InvalidRequest):
        getattr(Account, method).request(key)
