"""What a client's hooks hear of all its subscriptions."""

import gc
import queue
import threading
import weakref

import pytest

from binance_socket import BinanceSocketClient, HandlerError, InvalidRequest, Lag

PATIENCE = 10.0


def test_a_hook_hears_of_the_handlers_of_every_subscription(client, exchange, subscribe):
    """Beside the subscription's own callbacks, as a decorator."""
    own, heard = queue.SimpleQueue(), queue.SimpleQueue()

    @client.on_handler_error
    def hook(error):
        heard.put(error)

    def handler(event):
        raise ZeroDivisionError(event.data.delta)

    first, transport = subscribe(client, on_account_balance_update=handler)
    first.on_exception(own.put)
    second = client.spot_api.account.subscribe_to_user_data_updates(on_account_balance_update=handler)
    exchange.emit(transport, 1)
    errors = [heard.get(timeout=PATIENCE) for _ in range(2)]
    assert all(isinstance(error, HandlerError) for error in errors)
    assert all(isinstance(error.__cause__, ZeroDivisionError) for error in errors)
    assert {str(error).partition(":")[0] for error in errors} == {f"subscription {s.id}" for s in (first, second)}
    assert own.get(timeout=PATIENCE) in errors
    assert callable(hook)


def test_a_hook_hears_of_lags(make_client, exchange, subscribe):
    """It says whose handler it is; the subscription's own callback hears of it too."""
    client = make_client(mailbox_size=8)
    entered, release, own, heard = threading.Event(), threading.Event(), queue.SimpleQueue(), queue.SimpleQueue()

    def slow(event):
        entered.set()
        release.wait(PATIENCE)

    client.on_lag(heard.put)
    subscription, transport = subscribe(client, on_account_balance_update=slow)
    subscription.on_lag(own.put)
    exchange.emit(transport, 0)
    assert entered.wait(PATIENCE)
    exchange.emit(transport, *range(1, 6))
    release.set()
    assert heard.get(timeout=PATIENCE) == own.get(timeout=PATIENCE) == Lag(0, 5, subscription.id)


def test_a_slow_hook_delays_no_event(make_client, exchange, subscribe):
    """It has a line of its own."""
    client = make_client(callback_threads=2)
    heard, entered, release = queue.SimpleQueue(), threading.Event(), threading.Event()

    @client.on_handler_error
    def slow(error):
        entered.set()
        release.wait(PATIENCE)

    def handler(event):
        heard.put(event.data.delta)
        raise ZeroDivisionError

    _subscription, transport = subscribe(client, on_account_balance_update=handler)
    exchange.emit(transport, 1)
    assert entered.wait(PATIENCE)
    exchange.emit(transport, *range(2, 100))
    assert [heard.get(timeout=PATIENCE) for _ in range(99)] == list(range(1, 100))
    assert not release.is_set()
    release.set()


@pytest.mark.parametrize("name", ["on_gap", "on_handler_error", "on_lag", "on_state"])
def test_what_cannot_be_called_is_refused(client, name):
    """A coroutine function would never run."""

    async def later(value):
        pass

    for wrong in (None, 5, later):
        with pytest.raises(InvalidRequest):
            getattr(client, name)(wrong)


def test_a_hook_that_uses_its_client_does_not_keep_it_alive(network, clock):
    """A client that nobody holds is closed, hooks or not."""
    client = BinanceSocketClient(network=network, clock=clock)
    client.on_state(lambda change, client=client: client.options)
    gone, hub = weakref.ref(client), client._hub
    del client
    gc.collect()
    assert gone() is None
    assert hub.hooks._listeners() is None
