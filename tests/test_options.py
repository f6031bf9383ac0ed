"""Environments and options."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from binance_socket import ClientOptions, Environment, InvalidRequest, ListenKeyTransport, TimeUnit

URLS = {"ws_api_url": "wss://a.example/ws", "stream_url": "wss://s.example", "rest_url": "https://r.example"}


@pytest.mark.parametrize("name", ["LIVE", "TESTNET", "DEMO", "US"])
def test_binances_environments(name):
    """All are encrypted; three have retired listen keys."""
    environment = getattr(Environment, name)
    assert environment.name == name.lower()
    assert environment.ws_api_url.startswith("wss://")
    assert environment.stream_url.startswith("wss://")
    assert environment.rest_url.startswith("https://")
    assert (environment.listen_keys_retired is None) == (name == "US")
    assert environment.listen_key_transport is ListenKeyTransport.WEBSOCKET


def test_the_day_on_which_live_retired_listen_keys():
    """As the exchange's documents say."""
    assert Environment.LIVE.listen_keys_retired == date(2026, 2, 20)


def test_an_environment_of_ones_own():
    """Enums and paths may be given as text."""
    environment = Environment(name="mine", **URLS, listen_key_transport="rest", ca_file="ca.pem")
    assert environment.listen_key_transport is ListenKeyTransport.REST
    assert environment.ca_file == Path("ca.pem")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        environment.name = "other"


@pytest.mark.parametrize("field", list(URLS))
def test_plain_urls_are_for_loopback_only(field):
    """Credentials travel on them."""
    plain = "http" if field == "rest_url" else "ws"
    for host in ("127.0.0.1:8080", "localhost", "[::1]:9"):
        Environment(name="mine", **{**URLS, field: f"{plain}://{host}"})
    for url in (f"{plain}://venue.example", f"{plain}://127.0.0.1.example", "ftp://127.0.0.1", "venue.example", ""):
        with pytest.raises(InvalidRequest):
            Environment(name="mine", **{**URLS, field: url})


@pytest.mark.parametrize("field", list(URLS))
@pytest.mark.parametrize("host", ["venue.example:99999", "venue.example:0", "venue.example:x", "[::1", ":443"])
def test_urls_that_lead_nowhere(field, host):
    """They are refused here, not by a connection that fails later."""
    scheme = "https" if field == "rest_url" else "wss"
    with pytest.raises(InvalidRequest, match="is not a"):
        Environment(name="mine", **{**URLS, field: f"{scheme}://{host}"})


@pytest.mark.parametrize("field", list(URLS))
def test_urls_are_ascii(field):
    """What is asked for is what is written; a connection would fail with it later."""
    with pytest.raises(InvalidRequest, match="quote"):
        Environment(name="mine", **{**URLS, field: f"{URLS[field]}/über"})


def test_defaults():
    """Those of the documents: 12 s for a call, because the exchange itself may take 10."""
    options = ClientOptions()
    assert (options.request_timeout, options.connect_timeout, options.send_timeout) == (12.0, 10.0, 5.0)
    assert (options.probe_after, options.probe_timeout) == (22.0, 5.0)
    assert options.connect_budget == 100
    assert options.listen_key_interval == 1800.0
    assert (options.force, options.keep_raw, options.keep_alive_listen_keys) == (False, False, True)


@pytest.mark.parametrize(
    "bad",
    [
        {"request_timeout": 0},
        {"request_timeout": float("nan")},
        {"connect_timeout": -1},
        {"send_timeout": 0},
        {"symbol_rules_lifetime": 0},
        {"probe_after": 0},
        {"probe_timeout": 0},
        {"rotation_after": 0},
        {"rotation_after": "a day"},
        {"rotation_hours": (2, 2)},
        {"rotation_hours": (2, 25)},
        {"rotation_hours": (-1, 2)},
        {"rotation_hours": (2,)},
        {"rotation_hours": 2},
        {"rotation_hours": (True, 2)},
        {"backoff_base": -1},
        {"backoff_cap": -0.1},
        {"connect_budget": 0},
        {"connect_budget": True},
        {"connect_budget": 2.5},
        {"force": 1},
        {"keep_raw": None},
        {"keep_alive_listen_keys": "yes"},
        {"receive_window": 0},
        {"receive_window": 60001},
        {"receive_window": 0.0001},
        {"receive_window": float("nan")},
        {"receive_window": "5000"},
        {"receive_window": True},
        {"time_unit": "SECOND"},
        {"return_rate_limits": 0},
        {"listen_key_interval": 0},
        {"callback_threads": 0},
        {"mailbox_size": 1},
        {"max_message_size": 1},
    ],
    ids=str,
)
def test_senseless_options_are_refused(bad):
    """With a ValueError that names the option."""
    with pytest.raises(ValueError, match=next(iter(bad))):
        ClientOptions(**bad)


def test_options_are_values():
    """Frozen, compared by value, and the proxy's password is not shown."""
    assert ClientOptions(force=True) == ClientOptions(force=True)
    assert "secret" not in repr(ClientOptions(proxy="http://user:secret@proxy.example:1"))
    with pytest.raises(TypeError):
        ClientOptions(5)


def test_local_venues():
    """A venue counts as local when all of it is on this machine."""
    local = Environment(name="x", ws_api_url="ws://127.0.0.1:1", stream_url="ws://[::1]:1", rest_url="http://localhost")

    assert local.is_local
    assert not attrs.evolve(local, stream_url="wss://stream.example").is_local


@pytest.mark.parametrize("name", ["request_timeout", "callback_threads", "mailbox_size", "backoff_base"])
@pytest.mark.parametrize("value", [-1, "3", None, True])
def test_options_that_are_no_such_number(name, value):
    """A value of another kind is InvalidRequest, which names the option."""
    with pytest.raises(InvalidRequest, match=name):
        ClientOptions(**{name: value})


def test_urls_with_a_slash_too_many_and_with_passwords():
    """A slash at the end does not matter; a user name or password in a URL does."""
    urls = {"ws_api_url": "wss://a.example/x/", "stream_url": "wss://b.example/", "rest_url": "https://c.example/"}

    assert Environment(name="x", **urls).stream_url == "wss://b.example"
    with pytest.raises(InvalidRequest):
        Environment(name="x", **{**urls, "rest_url": "https://user:password@c.example"})
    with pytest.raises(InvalidRequest):
        Environment(name="x", **{**urls, "rest_url": None})


@pytest.mark.parametrize("window", [60000, 0.001, 5000.25, Decimal("60000.000"), Decimal("1e3")])
def test_receive_windows(window):
    """Up to a minute, with three decimals."""
    assert ClientOptions(receive_window=window).receive_window == window


def test_what_connections_are_asked_for_in_their_urls():
    """The unit of times on both servers, rate limits on the WebSocket API; nothing where the default is meant."""
    venue = Environment(name="x", **URLS)
    plain = ClientOptions()
    assert (plain.ws_api_url(venue), plain.stream_url(venue)) == ("wss://a.example/ws", "wss://s.example/stream")
    precise = ClientOptions(time_unit="MICROSECOND", return_rate_limits=False)
    assert precise.time_unit is TimeUnit.MICROSECOND
    assert precise.ws_api_url(venue) == "wss://a.example/ws?timeUnit=MICROSECOND&returnRateLimits=false"
    assert precise.stream_url(venue) == "wss://s.example/stream?timeUnit=MICROSECOND"
    routed = attrs.evolve(venue, ws_api_url="wss://a.example/ws?route=7")
    assert ClientOptions(time_unit=TimeUnit.MICROSECOND).ws_api_url(routed) == (
        "wss://a.example/ws?route=7&timeUnit=MICROSECOND"
    )
