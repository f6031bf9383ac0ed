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


def test_a_client_with_a_pending_call_lives_until_the_answer_is_there(script):
    """Somebody may hold nothing but the future."""
    out = script(
        """
        future = make().spot_api.account.session_subscriptions.submit()
        transport = network.accept()
        gc.collect()
        answer(transport)
        print(future.result(10).result)
        gc.collect()
        wait_for_end()
        print(ours())
        """
    )
    assert out == "[]\n[]\n"


@pytest.mark.parametrize("where", ["timer", "reader"])
def test_a_client_is_collected_on_a_thread_of_its_own(script, where):
    """The collector runs there, in the middle of something: it does not wait for itself."""
    out = script(
        f"""
        gc.disable()
        client = make()
        hub = client._hub
        future = client.spot_api.account.session_subscriptions.submit()
        transport = network.accept()
        answer(transport)
        future.result(10)
        future = client.spot_api.account.session_subscriptions.submit()
        collected = threading.Event()
        def collect(*_):
            gc.collect()
            collected.set()
        if {where!r} == "reader":
            future.when_done(collect)
        client.itself = client
        del client
        # What holds the client besides is the pending call.
        transport.push({{"id": transport.sent()["id"], "status": 200, "result": []}})
        future.result(10)
        if {where!r} == "timer":
            hub.timer.call_at(0, collect)
        assert collected.wait(10)
        del future
        gc.collect()
        wait_for_end()
        print(hub.closed, ours())
        """
    )
    assert out == "True []\n"


def test_a_client_is_dropped_while_it_moves_to_another_connection(script):
    """Both connections end, and whoever waits for the move is told."""
    out = script(
        """
        def scope():
            client = make()
            future = client.spot_api.account.session_subscriptions.submit()
            old = network.accept()
            answer(old)
            future.result(10)
            waiting = client._hub.rotate()
            new = network.accept()
            new.sent()
            return waiting, old, new
        waiting, old, new = scope()
        gc.collect()
        wait_for_end()
        old.wait_closed()
        new.wait_closed()
        print([type(future.exception(10)).__name__ for future in waiting], ours())
        """
    )
    assert out == "['ClientClosed'] []\n"


def test_a_client_is_collected_by_a_thread_that_starts_another(script):
    """The threading module has locks, too: starting a thread takes one, and so it does not where the collector runs."""
    out = script(
        """
        client = make()
        future = client.spot_api.account.session_subscriptions.submit()
        answer(network.accept())
        future.result(10)
        del future
        with threading._active_limbo_lock:
            del client
            gc.collect()
        wait_for_end()
        print(ours())
        """
    )
    assert out == "[]\n"
