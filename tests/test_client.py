"""The composition root."""

import gc

import attrs
import pytest

from binance_socket import (
    BinanceSocketClient,
    ClientClosed,
    ClientOptions,
    Environment,
    HmacKey,
    InvalidRequest,
    RequestTimeout,
)
from binance_socket.testing import InlineExecutor

PATIENCE = 10.0
VARIABLES = (
    "BINANCE_ENVIRONMENT",
    *(
        f"BINANCE_{venue}{name}"
        for venue in ("", "TESTNET_", "DEMO_")
        for name in ("API_KEY", "API_SECRET", "PRIVATE_KEY_FILE")
    ),
)


@pytest.fixture
def environ(monkeypatch):
    """Set environment variables, of which there are none of ours at first."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def test_nothing_is_done_before_it_is_needed(client, network):
    """No thread, no connect."""
    assert network.attempts == []
    assert repr(client) == "<BinanceSocketClient venue: idle>"


def test_it_closes_itself(make_client):
    """As a context manager; a closed client says so."""
    with make_client() as client:
        assert isinstance(client, BinanceSocketClient)
    assert repr(client) == "<BinanceSocketClient venue: closed>"
    with pytest.raises(ClientClosed):
        client.spot_api.account.session_status()
    client.close()


def test_a_view_has_a_deadline_of_its_own(client, network, run, clock, exchange):
    """On the same connection; the client's own deadline stays."""
    own = client.spot_api.account.session_status.submit()
    transport = network.accept()
    transport.sent()
    join = run(client.with_options(timeout=3).spot_api.account.session_status)
    transport.sent()
    clock.advance(3)
    with pytest.raises(RequestTimeout):
        join()
    assert not own.done()
    assert len(network.attempts) == 1


def test_views_add_up(client):
    """What is not given stays as it was; senseless deadlines are refused."""
    view = client.with_options(timeout=3).with_options()
    assert view._caller.terms.timeout == 3
    for timeout in (0, -1, float("nan")):
        with pytest.raises(InvalidRequest):
            client.with_options(timeout=timeout)


def test_a_view_has_a_window_and_rate_limits_of_its_own(client, network, exchange, account_payload):
    """The client's calls stay as they were; views of views add up."""
    view = client.with_options(receive_window=100.5).with_options(return_rate_limits=False, timeout=5)
    future = view.spot_api.account.get_account_info.submit()
    transport = network.accept()
    params = exchange.expect(transport, "account.status", account_payload)["params"]
    assert (params["recvWindow"], params["returnRateLimits"]) == ("100.5", False)
    assert future.result(PATIENCE).result.uid == account_payload["uid"]
    view.spot_api.account.session_status.submit()
    assert transport.sent()["params"] == {"returnRateLimits": False}
    client.spot_api.account.get_account_info.submit()
    assert not {"recvWindow", "returnRateLimits"} & set(transport.sent()["params"])


@pytest.mark.parametrize(
    "bad",
    [
        {"receive_window": 0},
        {"receive_window": 60000.001},
        {"receive_window": 5.0001},
        {"receive_window": "5"},
        {"receive_window": float("inf")},
        {"return_rate_limits": "no"},
    ],
    ids=str,
)
def test_views_with_senseless_terms(client, bad):
    """They are refused before there is anything to send."""
    with pytest.raises(InvalidRequest, match=next(iter(bad))):
        client.with_options(**bad)


def test_connections_say_what_they_want(make_client, network, exchange, subscribe):
    """The unit of times and the silence about rate limits stand in the URLs."""
    client = make_client(time_unit="MICROSECOND", return_rate_limits=False)
    client.spot_api.account.session_status.submit()
    network.accept()
    assert network.attempts == ["wss://api.example/ws-api/v3?timeUnit=MICROSECOND&returnRateLimits=false"]


def test_a_view_keeps_its_client_alive(make_client, network, exchange):
    """Whoever holds a view, a room or a method can use it."""
    call = make_client().with_options(timeout=5).spot_api.account.session_subscriptions
    future = call.submit()
    exchange.expect(network.accept(), "session.subscriptions", [])
    assert future.result(PATIENCE).result == []


def test_events_wait_for_what_was_missed_as_long_as_the_options_say(
    make_client, network, exchange, subscribe, pass_time
):
    """The exchange answers none of the questions about a gap: then events go on when that time is up."""
    client = make_client(executor=InlineExecutor(), backfill=True, backfill_hold=2.0)
    heard = []
    _, transport = subscribe(client, on_account_balance_update=lambda event: heard.append(event.data.delta))
    transport.drop()
    transport = network.accept()
    exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 0})
    exchange.emit(transport, 1)
    # An answer: so the event in front of it has been taken in.
    future = client.spot_api.account.session_subscriptions.submit()
    while (request := transport.sent())["method"] != "session.subscriptions":
        pass
    exchange.reply(transport, request, [])
    future.result(PATIENCE)
    pass_time(client, 1.9)
    assert heard == []
    pass_time(client, 0.1)
    assert heard == [1]


def test_credentials_must_be_some():
    """A tuple is none."""
    with pytest.raises(InvalidRequest):
        BinanceSocketClient(credentials=("key", "secret"))


def test_a_proxy_that_is_none_is_refused_at_once():
    """Not at the first call."""
    with pytest.raises(InvalidRequest):
        BinanceSocketClient(options=ClientOptions(proxy="socks5://proxy.example"))


@pytest.mark.parametrize(
    "name, environment, prefix",
    [
        (None, Environment.LIVE, "BINANCE_"),
        ("", Environment.LIVE, "BINANCE_"),
        (" Live ", Environment.LIVE, "BINANCE_"),
        ("testnet", Environment.TESTNET, "BINANCE_TESTNET_"),
        ("DEMO", Environment.DEMO, "BINANCE_DEMO_"),
        ("us", Environment.US, "BINANCE_"),
    ],
)
def test_from_env(environ, name, environment, prefix):
    """The environment and its keys."""
    if name is not None:
        environ("BINANCE_ENVIRONMENT", name)
    environ(f"{prefix}API_KEY", "k")
    environ(f"{prefix}API_SECRET", "s")
    with BinanceSocketClient.from_env() as client:
        assert client.environment is environment
        assert isinstance(client.spot_api.account._caller.credentials, HmacKey)


def test_from_env_with_an_environment_given(environ):
    """It decides, and its keys are read."""
    environ("BINANCE_ENVIRONMENT", "live")
    environ("BINANCE_API_KEY", "live")
    environ("BINANCE_API_SECRET", "s")
    environ("BINANCE_TESTNET_API_KEY", "test")
    environ("BINANCE_TESTNET_API_SECRET", "s")
    with BinanceSocketClient.from_env(Environment.TESTNET, options=ClientOptions(force=True)) as client:
        assert client.environment is Environment.TESTNET
        assert client.options.force
        assert client.spot_api.account._caller.credentials.api_key.reveal() == "test"


def test_from_env_without_keys(environ):
    """It is good for what needs none."""
    with BinanceSocketClient.from_env() as client:
        assert client.spot_api.account._caller.credentials is None


def test_from_env_with_half_a_pair_or_an_unknown_environment(environ):
    """InvalidRequest names the variable."""
    environ("BINANCE_API_KEY", "k")
    with pytest.raises(InvalidRequest, match="BINANCE_API_SECRET"):
        BinanceSocketClient.from_env()
    environ("BINANCE_ENVIRONMENT", "mars")
    with pytest.raises(InvalidRequest, match="BINANCE_ENVIRONMENT"):
        BinanceSocketClient.from_env()


def test_a_future_keeps_its_client_alive(make_client, network, exchange):
    """An answer that somebody waits for comes, even if nothing else of the client is held. Then the client ends."""
    future = BinanceSocketClient(network=network).spot_api.account.session_subscriptions.submit()
    gc.collect()
    transport = network.accept()
    exchange.expect(transport, "session.subscriptions", [])

    assert future.result(PATIENCE).result == []
    gc.collect()
    transport.wait_closed(PATIENCE)


def test_arguments_win_over_the_environment(monkeypatch, network, clock, exchange):
    """What from_env() is given is not looked for in the environment; the rest is as in the constructor."""
    monkeypatch.setenv("BINANCE_API_KEY", "from the environment")
    monkeypatch.delenv("BINANCE_API_SECRET", raising=False)
    key = HmacKey("given", "secret")
    with BinanceSocketClient.from_env(Environment.US, credentials=key, clock=clock, network=network) as client:
        client.spot_api.account.start_user_stream.submit()
        transport = network.accept()
        assert transport.sent()["params"] == {"apiKey": "given"}
    assert network.attempts == [Environment.US.ws_api_url]


@pytest.mark.parametrize(
    "wrong", [{"environment": "live"}, {"options": {}}, {"executor": 3}, {"credentials": ("key", "secret")}]
)
def test_arguments_of_another_kind(wrong):
    """What is no environment, options, executor or credentials is refused at once."""
    with pytest.raises(InvalidRequest):
        BinanceSocketClient(**wrong)


def test_an_environment_of_ones_own_is_not_taken_for_a_known_one(monkeypatch):
    """Keys of the testnet go to the testnet, not to whatever bears its name."""
    monkeypatch.setenv("BINANCE_TESTNET_API_KEY", "testnet")
    monkeypatch.setenv("BINANCE_TESTNET_API_SECRET", "secret")
    monkeypatch.delenv("BINANCE_API_KEY", raising=False)
    monkeypatch.delenv("BINANCE_API_SECRET", raising=False)
    other = attrs.evolve(Environment.TESTNET, rest_url="https://elsewhere.example")

    with BinanceSocketClient.from_env(other) as client, pytest.raises(InvalidRequest, match="credentials"):
        client.spot_api.account.get_account_info()
