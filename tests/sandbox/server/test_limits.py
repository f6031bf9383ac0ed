"""Rate limits, on the sandbox's clock."""

import pytest

from binance_socket.sandbox import Sandbox

WEIGHT = "Too much request weight used; current limit is 100 request weight per 1 MINUTE."


@pytest.fixture
def tight(clock):
    clock.advance(-clock.time() % 60)  # to the start of a minute
    with Sandbox(clock=clock, weight_limit=100, order_limits=(2, 3), ban_after=2) as sandbox:
        yield sandbox


def used(reply):
    (limit,) = reply["rateLimits"]
    assert limit["rateLimitType"] == "REQUEST_WEIGHT"
    assert (limit["interval"], limit["intervalNum"]) == ("MINUTE", 1)
    return limit["count"]


def test_every_request_has_its_weight(tight, talk, clock):
    """A connect weighs 2, requests what the documents say; the minute forgets it all."""
    peer = talk(tight, now=clock.time)
    account = tight.create_account({"USDT": "1"})
    assert used(peer.call("ping")) == 3
    assert used(peer.call("exchangeInfo", symbol="BTCUSDT")) == 23
    assert used(peer.call("session.status")) == 25
    assert used(peer.call("account.status", **peer.signed(account))) == 45
    assert used(peer.call("openOrders.status", **peer.signed(account, symbol="BTCUSDT"))) == 51
    assert used(peer.call("account.rateLimits.orders", **peer.signed(account))) == 91
    clock.advance(59.999)
    assert used(peer.call("ping")) == 92
    clock.advance(0.002)
    assert used(peer.call("ping")) == 1


def test_too_much_weight_is_429_and_then_418(tight, talk, clock, rest):
    """429 says when to come back; whoever goes on is banned, on every connection and over REST."""
    peer, other = talk(tight, now=clock.time), talk(tight, now=clock.time)
    for _ in range(4):
        peer.result("exchangeInfo", symbol="BTCUSDT")
    now = int(clock.time() * 1000)
    for _ in range(2):
        reply = peer.call("exchangeInfo", symbol="BTCUSDT")
        assert reply["status"] == 429
        assert reply["error"]["code"] == -1003
        assert reply["error"]["msg"].startswith(WEIGHT)
        assert reply["error"]["data"] == {"serverTime": now, "retryAfter": now + 60_000}
    reply = peer.call("exchangeInfo", symbol="BTCUSDT")
    until = now + 120_000
    assert reply["status"] == 418
    assert reply["error"]["data"] == {"serverTime": now, "retryAfter": until}
    assert f"IP banned until {until}" in reply["error"]["msg"]
    with pytest.raises(Exception, match="1008"):
        peer.socket.recv(10)
    clock.advance(61)
    assert other.call("ping")["status"] == 418
    status, _, headers = rest(tight, "GET", "/api/v3/ping")
    assert status == 418
    assert headers["Retry-After"] == "59"
    clock.advance(60)
    assert talk(tight).result("ping") == {}


def test_orders_are_counted_per_account(tight, talk, clock):
    """Ten seconds and a day have their limits; another account has its own count."""
    peer = talk(tight, now=clock.time)
    first, second = tight.create_account({"USDT": "1000"}), tight.create_account({"USDT": "1000"})
    order = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.001",
        "price": "20000",
    }
    for count in (1, 2):
        reply = peer.call("order.place", **peer.signed(first, **order))
        assert [limit["count"] for limit in reply["rateLimits"]][:2] == [count, count]
    reply = peer.call("order.place", **peer.signed(first, **order))
    assert reply["status"] == 429
    assert reply["error"]["code"] == -1015
    assert reply["error"]["msg"] == "Too many new orders; current limit is 2 orders per 10 SECOND."
    assert reply["error"]["data"]["retryAfter"] == int(clock.time() * 1000) + 10_000
    assert peer.result("order.place", **peer.signed(second, **order))
    clock.advance(10)
    assert peer.result("order.place", **peer.signed(first, **order))
    reply = peer.call("order.place", **peer.signed(first, **order))
    assert reply["error"]["msg"] == "Too many new orders; current limit is 3 orders per 1 DAY."


def test_connects_are_limited(clock, raw):
    """The connect after the last one allowed is answered with 429 and Retry-After."""
    clock.advance(-clock.time() % 300)
    with Sandbox(clock=clock, connection_limit=2) as sandbox:
        for _ in range(2):
            assert raw(sandbox.environment.stream_url + "/ws").upgrade().startswith(b"HTTP/1.1 101 ")
        head = raw(sandbox.environment.stream_url + "/ws").upgrade()
        assert head.startswith(b"HTTP/1.1 429 ")
        assert b"Retry-After: 300\r\n" in head
        clock.advance(300)
        assert raw(sandbox.environment.stream_url + "/ws").upgrade().startswith(b"HTTP/1.1 101 ")


LIMIT_ORDER = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}


def counts(reply):
    return [limit["count"] for limit in reply["rateLimits"] if limit["rateLimitType"] == "ORDERS"]


def test_the_first_fill_takes_an_order_off_the_count(tight, talk, clock):
    """As taker at once, as maker later, in both intervals; further fills, and fills without a count, change nothing."""
    peer = talk(tight, now=clock.time)
    account, other = tight.create_account({"USDT": "1000"}), tight.create_account({"BTC": "1", "USDT": "1000"})

    def buy(price, **more):
        return peer.call("order.place", **peer.signed(account, **LIMIT_ORDER, side="BUY", price=price, **more))

    assert counts(buy("20000", newClientOrderId="resting")) == [1, 1]
    other.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.0005", price="20000")
    assert [limit["count"] for limit in peer.result("account.rateLimits.orders", **peer.signed(account))] == [0, 0]
    assert counts(buy("19000")) == [1, 1]
    other.place_order(
        "BTCUSDT", "SELL", "LIMIT", quantity="0.0005", price="20000"
    )  # the second fill of the first order
    assert [limit["count"] for limit in peer.result("account.rateLimits.orders", **peer.signed(account))] == [1, 1]
    other.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.002", price="21000")
    assert counts(buy("21000")) == [1, 1]  # filled at once
    assert counts(buy("18000")) == [2, 2]
    assert buy("18000")["error"]["code"] == -1015
    assert tight.refused == 1


def test_a_refused_order_is_not_counted(tight, talk, clock):
    """Only orders that were accepted count."""
    peer = talk(tight, now=clock.time)
    account = tight.create_account({"USDT": "1"})
    order = {**LIMIT_ORDER, "side": "BUY", "price": "20000"}
    for _ in range(3):
        assert peer.error("order.place", **peer.signed(account, **order))["code"] == -2010
    assert [limit["count"] for limit in peer.result("account.rateLimits.orders", **peer.signed(account))] == [0, 0]


def test_raw_requests_are_limited(clock, talk):
    """Whatever they weigh, in intervals of five minutes."""
    clock.advance(-clock.time() % 300)
    with Sandbox(clock=clock, raw_limit=3) as sandbox:
        peer = talk(sandbox, now=clock.time)
        limits = peer.result("exchangeInfo", symbol="BTCUSDT")["rateLimits"]
        assert {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 3} in limits
        assert peer.result("ping") == peer.result("ping") == {}
        reply = peer.call("ping")
        assert (reply["status"], reply["error"]["code"]) == (429, -1003)
        assert reply["error"]["data"]["retryAfter"] == int(clock.time() * 1000) + 300_000
        assert sandbox.refused == 1
        clock.advance(300)
        assert peer.result("ping") == {}
