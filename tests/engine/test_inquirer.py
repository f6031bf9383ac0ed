"""binance_socket._engine.inquirer: the connection on which nothing is done but ask."""

import pytest

from binance_socket import ConnectionLost, RequestTimeout
from binance_socket._wire.messages import Request

PATIENCE = 10.0
LIMIT = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 100}


def ask(client, timeout=10.0):
    request = Request("order.status", {"symbol": "S"}, object, weight=4)
    return client._hub.doubts.inquirer.ask(request, timeout)


def accept(network, exchange, clock):
    """Let it connect, and tell it the time, for which it asks first."""
    transport = network.accept()
    exchange.expect(transport, "time", {"serverTime": int(clock.time() * 1000)})
    return transport


def test_many_questions_on_one_connection(client, network, exchange, clock):
    """The exchange allows no more than 300 connects in 5 minutes."""
    futures = [ask(client) for _ in range(3)]
    assert client._hub.doubts.inquirer.in_flight >= 3
    transport = accept(network, exchange, clock)
    for future in futures:
        exchange.expect(transport, "order.status", {})
        assert future.result(PATIENCE).result == {}
    assert len(network.attempts) == 1


def test_an_idle_connection_is_closed(client, network, exchange, clock, pass_time):
    """Five seconds after the latest question; the next one is asked on a fresh one."""
    assert client._hub.doubts.inquirer.in_flight == 0
    first = ask(client)
    transport = accept(network, exchange, clock)
    exchange.expect(transport, "order.status", {})
    first.result(PATIENCE)
    pass_time(client, 3)
    second = ask(client)
    exchange.expect(transport, "order.status", {})
    second.result(PATIENCE)
    pass_time(client, 3)
    assert client._hub.doubts.inquirer._connection is not None
    pass_time(client, 5)
    transport.wait_closed()
    third = ask(client)
    exchange.expect(accept(network, exchange, clock), "order.status", {})
    third.result(PATIENCE)
    assert len(network.attempts) == 2


def test_a_connection_that_left_a_question_unanswered(client, network, exchange, clock, pass_time):
    """It is given up; the next question is asked on a fresh one."""
    first = ask(client, 4.0)
    transport = accept(network, exchange, clock)
    transport.sent()
    pass_time(client, 4.0)
    assert isinstance(first.exception(PATIENCE), RequestTimeout)
    transport.wait_closed()
    ask(client)
    accept(network, exchange, clock)


def test_a_connection_that_broke(client, network, exchange, clock):
    """The same."""
    first = ask(client)
    transport = accept(network, exchange, clock)
    transport.sent()
    transport.drop()
    assert isinstance(first.exception(PATIENCE), ConnectionLost)
    ask(client)
    accept(network, exchange, clock)


def test_a_question_waits_for_room(client, network, exchange, clock, pass_time):
    """It passes the gate as every other request does."""
    clock.advance(-clock.time() % 60)
    first = ask(client)
    transport = accept(network, exchange, clock)
    full = {"rateLimits": [{**LIMIT, "count": 100}]}
    transport.push({"id": transport.sent()["id"], "status": 400, "error": {"code": -1, "msg": "no"}, **full})
    assert first.exception(PATIENCE).code == -1

    second = ask(client, 100.0)
    assert (client.rate_limits.waiting, second.done(), transport.nothing_sent()) == (1, False, True)
    pass_time(client, 62)
    exchange.expect(transport, "order.status", {})
    assert second.result(PATIENCE).result == {}


@pytest.mark.parametrize("times", [1, 2])
def test_closing_twice(client, network, exchange, clock, times):
    """Is closing once."""
    ask(client)
    transport = accept(network, exchange, clock)
    for _ in range(times):
        client._hub.doubts.inquirer.close()
    transport.wait_closed()
    assert client._hub.doubts.inquirer.in_flight == 0
