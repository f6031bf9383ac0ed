"""Clients that nobody holds any more."""

import pytest


@pytest.mark.parametrize("cycle", [False, True], ids=["dropped", "collected"])
def test_the_threads_of_a_client_that_nobody_holds_end(script, cycle):
    """By reference counting, or by the collector."""
    out = script(
        f"""
        client = make()
        future = client.spot_api.account.session_subscriptions.submit()
        answer(network.accept())
        print(future.result(10).result)
        if {cycle}:
            client.itself = client
        del client
        gc.collect()
        wait_for_end()
        print(ours())
        """
    )
    assert out == "[]\n[]\n"


def test_a_client_is_collected_on_a_thread_of_its_own_that_holds_a_lock(script):
    """The collector runs anywhere. Whoever holds the connection's lock at that moment must not wait for itself."""
    out = script(
        """
        client = make()
        future = client.spot_api.account.session_subscriptions.submit()
        answer(network.accept())
        future.result(10)
        api = client._hub.api
        with api._changed:
            del client
            gc.collect()
        wait_for_end()
        print(api.state.name, ours())
        """
    )
    assert out == "CLOSED []\n"


def test_a_client_with_an_open_subscription_stays_alive(script):
    """Nobody holds anything, and events arrive; when the subscription has ended, so does the client."""
    out = script(
        """
        import queue
        heard = queue.SimpleQueue()
        def scope():
            client = make()
            subscription, transport = subscribe(client, on_account_balance_update=heard.put)
            return transport
        transport = scope()
        gc.collect()
        transport.push(EVENT)
        print(heard.get(timeout=10).data.asset)
        transport.push({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}})
        opening = transport.sent()
        error = {"code": -2015, "msg": "no"}
        transport.push({"id": opening["id"], "status": 401, "error": error})
        transport.wait_closed()
        gc.collect()
        wait_for_end()
        print(ours())
        """
    )
    assert out == "BTC\n[]\n"
