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
