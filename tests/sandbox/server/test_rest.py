"""The REST endpoints."""

import json
from urllib.parse import urlencode

import pytest

from binance_socket.sandbox import Sandbox
from binance_socket.sandbox.market_methods import MARKET_METHODS


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


MARKET = [
    ("executionRules", "executionRules", {"symbol": "BNBUSDT"}),
    ("depth", "depth", {"symbol": "BTCUSDT", "limit": 500}),
    ("trades", "trades.recent", {"symbol": "BTCUSDT", "limit": 1}),
    ("historicalTrades", "trades.historical", {"symbol": "BTCUSDT", "fromId": 1}),
    ("historicalBlockTrades", "blockTrades.historical", {"symbol": "BTCUSDT", "fromId": 1}),
    ("aggTrades", "trades.aggregate", {"symbol": "BTCUSDT"}),
    ("klines", "klines", {"symbol": "BTCUSDT", "interval": "1M", "timeZone": "+8"}),
    ("uiKlines", "uiKlines", {"symbol": "BTCUSDT", "interval": "1s"}),
    ("avgPrice", "avgPrice", {"symbol": "BTCUSDT"}),
    ("ticker/24hr", "ticker.24hr", {}),
    ("ticker/24hr", "ticker.24hr", {"symbols": ["BTCUSDT", "ETHUSDT"], "type": "MINI"}),
    ("ticker/tradingDay", "ticker.tradingDay", {"symbols": ["BTCUSDT", "ETHUSDT"]}),
    ("ticker", "ticker", {"symbols": ["BTCUSDT", "ETHUSDT", "ETHBTC"], "windowSize": "1h"}),
    ("ticker/price", "ticker.price", {"symbol": "BTCUSDT"}),
    ("ticker/bookTicker", "ticker.book", {}),
    ("referencePrice", "referencePrice", {"symbol": "BTCUSDT"}),
    ("referencePrice/calculation", "referencePrice.calculation", {"symbol": "BTCUSDT"}),
]


@pytest.mark.parametrize("path, method, params", MARKET)
def test_market_data_is_that_of_the_socket(still, clock, rest, talk, path, method, params):
    """The same answer for the same weight, on both ways and in both units of time."""
    trader = still.create_account({"USDT": "10000", "BTC": "10"})
    trader.place_order("BTCUSDT", "SELL", "LIMIT", price="100", quantity="3")
    trader.place_order("BTCUSDT", "BUY", "MARKET", quantity="2")
    still.block_trade("BTCUSDT", price="99", quantity="7")
    query = {name: json.dumps(value) if isinstance(value, list) else value for name, value in params.items()}
    target = f"/api/v3/{path}?{urlencode(query)}"
    for unit in ("MILLISECOND", "MICROSECOND"):
        peer = talk(still, f"?timeUnit={unit}", now=clock.time)
        before = peer.call("ping")["rateLimits"][-1]["count"]
        reply = peer.call(method, **params)
        weight = reply["rateLimits"][-1]["count"] - before
        status, document, headers = rest(still, "GET", target, unit=unit)
        assert (status, document) == (200, reply["result"])
        assert int(headers["X-MBX-USED-WEIGHT-1M"]) == before + 2 * weight


def test_every_market_data_method_has_an_endpoint():
    """None was left out above."""
    assert {method for _, method, _ in MARKET} == MARKET_METHODS.keys()


@pytest.mark.parametrize(
    "target, code",
    [
        ("depth", -1102),
        ("depth?symbol=NOPE", -1121),
        ("depth?symbol=BTCUSDT&limit=x", -1100),
        ("depth?symbol=BTCUSDT&levels=5", -1104),
        ("klines?symbol=BTCUSDT&interval=7m", -1120),
        ("ticker/24hr?symbols=BTCUSDT", -1130),
        ("ticker/24hr?symbols=%7B%7D", -1130),
        ("ticker/price?symbols=%5B%22BTCUSDT%22%5D&symbol=BTCUSDT", -1128),
        ("exchangeInfo?symbol=BTCUSDT&symbolStatus=TRADING", -1128),
    ],
)
def test_bad_parameters_are_refused(sandbox, rest, target, code):
    """As on the socket."""
    status, document, _ = rest(sandbox, "GET", f"/api/v3/{target}")
    assert (status, document["code"]) == (400, code)


def test_market_data_is_limited(rest):
    """Weight is one account for both ways; when it is used up, the answer is 429."""
    with Sandbox(weight_limit=300) as sandbox:
        assert rest(sandbox, "GET", "/api/v3/depth?symbol=BTCUSDT&limit=5000")[0] == 200
        status, document, headers = rest(sandbox, "GET", "/api/v3/ticker/24hr")
        assert (status, document["code"]) == (429, -1003)
        assert 1 <= int(headers["Retry-After"]) <= 60


def test_other_paths_are_not_found(sandbox, rest):
    """404."""
    assert rest(sandbox, "GET", "/api/v3/nothing")[0] == 404


def test_it_speaks_tls(rest):
    """With a certificate that the environment's authority signed."""
    with Sandbox(tls=True) as sandbox:
        assert sandbox.environment.rest_url.startswith("https://")
        assert rest(sandbox, "GET", "/api/v3/ping")[0] == 200
