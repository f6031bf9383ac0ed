"""The REST endpoints."""

import pytest

from binance_socket.sandbox import Sandbox


def test_ping_time_and_exchange_info(sandbox, rest):
    """The public three, and the weight that they cost."""
    status, document, headers = rest(sandbox, "GET", "/api/v3/ping")
    assert (status, document) == (200, {})
    assert headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert rest(sandbox, "GET", "/api/v3/time")[1]["serverTime"] > 10**12
    status, info, headers = rest(sandbox, "GET", "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22,%22ETHBTC%22%5D")
    assert status == 200
    assert {symbol["symbol"] for symbol in info["symbols"]} == {"BTCUSDT", "ETHBTC"}
    assert headers["X-MBX-USED-WEIGHT-1M"] == "22"


@pytest.mark.parametrize(
    "target, code",
    [("/api/v3/exchangeInfo?symbol=NOSUCH", -1121), ("/api/v3/exchangeInfo?symbols=x", -1130)],
)
def test_errors_have_code_and_message(sandbox, rest, target, code):
    """As the exchange's REST interface answers."""
    status, document, _ = rest(sandbox, "GET", target)
    assert status == 400
    assert document.keys() == {"code", "msg"}
    assert document["code"] == code


def test_other_paths_are_not_found(sandbox, rest):
    """404."""
    assert rest(sandbox, "GET", "/api/v3/nothing")[0] == 404


def test_it_speaks_tls(rest):
    """With a certificate that the environment's authority signed."""
    with Sandbox(tls=True) as sandbox:
        assert sandbox.environment.rest_url.startswith("https://")
        assert rest(sandbox, "GET", "/api/v3/ping")[0] == 200
