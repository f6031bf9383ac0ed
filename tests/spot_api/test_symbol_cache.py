"""Rules are asked for once, and kept for a while."""

from __future__ import annotations

import threading

import pytest

from binance_socket import ApiError, DecodeError, FilterFailure, InvalidRequest, Rounding
from binance_socket.spot_api.symbol_cache import SymbolCache

PATIENCE = 10.0


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_kept_until_the_lifetime_is_over():
    """Counted from when the exchange was asked; each symbol by itself."""
    clock, loads = Clock(), []
    cache = SymbolCache(10.0, clock)

    def load():
        loads.append(clock.now)
        clock.now += 3
        return len(loads)

    assert cache.get("A", load) == 1
    clock.now = 109.9
    assert cache.get("A", load) == 1
    assert cache.get("B", load) == 2
    clock.now = 110.0
    assert cache.get("A", load) == 3
    assert cache.get("A", load, refresh=True) == 4


def test_a_failure_is_raised_and_keeps_what_there_is():
    """The next one asks again."""
    cache = SymbolCache(10.0, Clock())

    def fail():
        raise ApiError(-1121, "Invalid symbol.")

    with pytest.raises(ApiError):
        cache.get("A", fail)
    assert cache.get("A", lambda: 1) == 1
    with pytest.raises(ApiError):
        cache.get("A", fail, refresh=True)
    assert cache.get("A", fail) == 1


def test_an_old_answer_does_not_replace_a_newer_one():
    """Whichever was asked for last is kept."""
    clock = Clock()
    cache = SymbolCache(10.0, clock)

    def overtaken():
        clock.now += 1
        assert cache.get("A", lambda: "new", refresh=True) == "new"
        return "old"

    assert cache.get("A", overtaken) == "old"
    assert cache.get("A", lambda: "never") == "new"


@pytest.mark.parametrize("fails", [False, True])
def test_threads_share_one_request(run, fails):
    """All wait for the first; when it fails, each of the others asks by itself."""
    cache = SymbolCache(10.0, Clock())
    asking, go_on = threading.Event(), threading.Event()
    loads = []

    def first():
        asking.set()
        assert go_on.wait(PATIENCE)
        if fails:
            raise InvalidRequest("no")
        return "first"

    def later():
        loads.append(1)
        return "later"

    leader = run(lambda: cache.get("A", first))
    assert asking.wait(PATIENCE)
    others = [run(cache.get, "A", later) for _ in range(8)]
    # Whoever has not got that far yet finds what the first has left.
    go_on.set()
    if fails:
        with pytest.raises(InvalidRequest):
            leader()
        assert {join() for join in others} == {"later"}
        assert loads
    else:
        assert leader() == "first"
        assert {join() for join in others} == {"first"}
        assert loads == []


def _info(*symbols):
    return {"timezone": "UTC", "serverTime": 0, "rateLimits": [], "exchangeFilters": [], "symbols": list(symbols)}


def test_a_client_keeps_rules(make_client, network, exchange, run, clock, symbol_payload):
    """All views of it share them; after the lifetime the exchange is asked again."""
    client = make_client(symbol_rules_lifetime=5.0)
    data = client.spot_api.exchange_data
    join = run(lambda: data.symbol("BTCUSDT"))
    transport = network.accept()
    request = exchange.expect(transport, "exchangeInfo", _info(symbol_payload))
    assert request["params"] == {"symbol": "BTCUSDT"}
    rules = join()
    assert str(rules.round_price("1.239", Rounding.DOWN)) == "1.23"
    with pytest.raises(FilterFailure, match="LOT_SIZE"):
        rules.check(quantity="0")
    assert data.symbol("BTCUSDT") is rules
    assert client.with_options(timeout=5).spot_api.exchange_data.symbol("BTCUSDT") is rules
    assert transport.nothing_sent()
    for refresh, seconds in ((True, 0), (False, 5.0)):
        clock.advance(seconds)
        join = run(lambda refresh=refresh: data.symbol("BTCUSDT", refresh=refresh))
        exchange.expect(transport, "exchangeInfo", _info(symbol_payload))
        assert join() is not rules


def test_an_answer_about_another_symbol(client, network, exchange, run, symbol_payload):
    """DecodeError; nothing is kept."""
    join = run(lambda: client.spot_api.exchange_data.symbol("ETHUSDT"))
    exchange.expect(network.accept(), "exchangeInfo", _info(symbol_payload))
    with pytest.raises(DecodeError, match="ETHUSDT"):
        join()


@pytest.mark.parametrize("name", ["", 5, None, ["BTCUSDT"]])
def test_what_is_no_symbol(client, network, name):
    """InvalidRequest, before anything is sent."""
    with pytest.raises(InvalidRequest):
        client.spot_api.exchange_data.symbol(name)
    assert network.attempts == []
