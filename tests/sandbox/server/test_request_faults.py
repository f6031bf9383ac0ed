"""What may happen to a request that passed all checks: whether it was carried out is for the ledger to say."""

import pytest
from websockets.exceptions import ConnectionClosed

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "20000",
    "quantity": "0.001",
}


@pytest.fixture
def on(still, talk, clock):
    """A peer and an account of a sandbox whose clock stands still."""
    return talk(still, now=clock.time), still.create_account({"USDT": "100000"})


def placed(account):
    """The client order ids of the orders that were placed, as the ledger has them."""
    return [event["c"] for event in account.events if event["e"] == "executionReport" and event["x"] == "NEW"]


def place(on, name):
    peer, account = on
    return peer.send("order.place", **peer.signed(account, newClientOrderId=name, **ORDER))


def test_a_request_is_lost(still, on):
    """It is neither carried out nor answered; the next one is."""
    peer, account = on
    still.faults.lose_requests("order.place")
    place(on, "lost")
    after = place(on, "after")
    assert peer.receive()["id"] == after
    assert placed(account) == ["after"]
    assert still.faults.triggered == {"lose_requests": 1}


@pytest.mark.parametrize("executed", [True, False])
def test_a_request_fails(still, on, executed):
    """The answer says that nobody knows; the ledger does."""
    peer, account = on
    still.faults.fail_requests(n=2, executed=executed)
    place(on, "a")
    reply = peer.receive()
    assert (reply["status"], reply["error"]["code"]) == (503, -1007)
    # One that would have been refused does not tell either.
    peer.send("order.place", **peer.signed(account, newClientOrderId="b", **{**ORDER, "quantity": "900"}))
    assert peer.receive()["error"]["code"] == -1007
    assert placed(account) == (["a"] if executed else [])


@pytest.mark.parametrize("executed", [True, False])
def test_a_request_cuts_the_connection(still, on, executed):
    """Before it is carried out, or after."""
    peer, account = on
    still.faults.cut_requests("order.place", executed=executed)
    place(on, "a")
    with pytest.raises(ConnectionClosed):
        peer.receive()
    assert placed(account) == (["a"] if executed else [])


def test_a_request_is_slow(still, on, clock):
    """It is carried out when its time has come, and answered then, whether well or not."""
    peer, account = on
    still.faults.slow_requests(9.0, "order.place", n=2)
    first = place(on, "a")
    peer.send("order.place", **peer.signed(account, newClientOrderId="b", **{**ORDER, "quantity": "900"}))
    assert peer.result("ping") == {}
    assert placed(account) == []
    clock.advance(9.0)
    replies = [peer.receive(), peer.receive()]
    assert [(reply["id"] == first, reply["status"]) for reply in replies] == [(True, 200), (False, 400)]
    assert placed(account) == ["a"]


def test_queries_lag(still, on, clock):
    """An order is found when the database has caught up, and its cancellation too; balances are as ever."""
    peer, account = on
    still.faults.lag(3.0)
    number = account.place_order(new_client_order_id="a", **_snake(ORDER))["orderId"]

    def ask(method, **more):
        return peer.call(method, **peer.signed(account, symbol="BTCUSDT", **more))

    assert ask("order.status", origClientOrderId="a")["error"]["code"] == -2013
    assert ask("openOrders.status")["result"] == []
    assert ask("allOrders")["result"] == []
    assert ask("myTrades")["result"] == []
    status = peer.result("account.status", **peer.signed(account))
    assert [balance["locked"] for balance in status["balances"] if balance["asset"] == "USDT"] == ["20.00000000"]
    clock.advance(3.0)
    assert len(ask("allOrders")["result"]) == 1
    assert ask("order.status", origClientOrderId="a")["result"]["status"] == "NEW"
    assert len(ask("openOrders.status")["result"]) == 1
    account.cancel_order("BTCUSDT", number)
    assert ask("order.status", origClientOrderId="a")["result"]["status"] == "NEW"
    clock.advance(3.0)
    assert ask("order.status", origClientOrderId="a")["result"]["status"] == "CANCELED"
    still.faults.lag(0)
    account.place_order(new_client_order_id="b", **_snake(ORDER))
    assert ask("order.status", origClientOrderId="b")["result"]["status"] == "NEW"


def _snake(params):
    return {{"timeInForce": "time_in_force"}.get(name, name): value for name, value in params.items()}
