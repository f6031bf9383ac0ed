"""What a subscriber holds: subscriptions, events, tokens."""

import copy
import logging
import pickle
import queue
import threading
from datetime import datetime, timezone

import attrs
import pytest

from binance_socket import (
    BinanceSocketError,
    CancellationToken,
    ClientClosed,
    DataEvent,
    DecodeError,
    EventSource,
    HandlerError,
    InvalidRequest,
    SubscriptionState,
)
from binance_socket.arrivals import Batch, arrived
from binance_socket.deliveries import Notice
from binance_socket.models import BalanceUpdate
from binance_socket.testing import InlineExecutor

PATIENCE = 10.0


def test_an_event_says_how_it_arrived(make_client, exchange, subscribe):
    """Data, stream, times in UTC, source, and the payload if it was asked for."""
    client = make_client(keep_raw=True)
    heard = queue.SimpleQueue()
    subscription, transport = subscribe(client, route=4, on_account_balance_update=heard.put)
    assert subscription.last_received_at is None
    exchange.emit(transport, 1, route=4)
    event = heard.get(timeout=PATIENCE)
    assert isinstance(event, DataEvent)
    assert isinstance(event.data, BalanceUpdate)
    assert event.stream == 4
    assert event.received_at.timestamp() == 1_700_000_000.0
    assert event.received_at.tzinfo is event.event_time.tzinfo is timezone.utc
    assert event.source is EventSource.LIVE
    assert event.raw["d"] == "1"
    assert subscription.last_received_at == event.received_at


def test_an_event_made_in_a_hurry_is_an_ordinary_one():
    """Equal to one that is made by its constructor, frozen, to be copied and pickled."""
    now = datetime.now(timezone.utc)
    hurried = arrived("data", Batch(3, now), None, {"e": "x"})
    assert hurried == DataEvent("data", 3, now, None, raw={"e": "x"})
    assert type(hurried) is DataEvent
    assert pickle.loads(pickle.dumps(hurried)) == copy.copy(hurried) == hurried
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        hurried.data = "other"


def test_a_subscription_has_an_id_a_state_and_a_short_repr(client, subscribe):
    """And it is a context manager that closes itself."""
    subscription, transport = subscribe(client)
    assert subscription.state is SubscriptionState.ACTIVE
    assert repr(subscription) == f"<UpdateSubscription {subscription.id} active>"
    with subscription as same:
        assert same is subscription
    assert subscription.state is SubscriptionState.CLOSED
    assert transport.sent()["method"] == "userDataStream.unsubscribe"
    assert subscription.wait(PATIENCE)
    subscription.close()


def test_what_a_handler_raises_goes_to_on_exception_and_the_stream_goes_on(client, exchange, subscribe):
    """As a HandlerError with the exception as its cause."""
    heard, errors = queue.SimpleQueue(), queue.SimpleQueue()

    def handler(event):
        if event.data.delta == 1:
            raise ZeroDivisionError("mine")
        heard.put(str(event.data.delta))

    subscription, transport = subscribe(client, on_account_balance_update=handler)
    subscription.on_exception(errors.put)
    exchange.emit(transport, 1, 2)
    assert heard.get(timeout=PATIENCE) == "2"
    error = errors.get(timeout=PATIENCE)
    assert isinstance(error, HandlerError)
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_without_on_exception_it_is_logged(client, exchange, subscribe, caplog):
    """With the traceback of the handler."""
    heard = threading.Event()

    def handler(event):
        if event.data.delta == 2:
            heard.set()
        else:
            raise ZeroDivisionError("mine")

    _subscription, transport = subscribe(client, on_account_balance_update=handler)
    exchange.emit(transport, 1, 2)
    assert heard.wait(PATIENCE)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert isinstance(record.exc_info[1], ZeroDivisionError)


def test_an_on_exception_that_raises_keeps_nothing_from_being_delivered(client, network, exchange, subscribe):
    """Neither events, nor other callbacks, nor the end."""
    story = queue.SimpleQueue()

    def handler(event):
        story.put(str(event.data.delta))
        raise ZeroDivisionError("mine")

    def worse(error):
        raise ZeroDivisionError("worse")

    subscription, transport = subscribe(client, on_account_balance_update=handler)
    subscription.on_exception(worse)
    subscription.on_exception(lambda error: story.put(type(error).__name__))
    subscription.on_connection_closed(lambda: story.put("closed"))
    exchange.emit(transport, 1, 2)
    transport.drop()
    second = network.accept()
    exchange.refuse(second, second.sent(), -2015, status=401)
    expected = ["1", "HandlerError", "2", "HandlerError", "AuthenticationError", "closed"]
    assert [story.get(timeout=PATIENCE) for _ in expected] == expected


def test_an_on_connection_closed_that_raises_keeps_others_from_nothing(client, subscribe):
    """Each is called, and the failure is told."""
    story = queue.SimpleQueue()
    subscription, _ = subscribe(client)
    subscription.on_exception(lambda error: story.put(type(error)))
    subscription.on_connection_closed(lambda: 1 / 0)
    subscription.on_connection_closed(lambda: story.put("closed"))
    subscription.close()
    assert subscription.wait(PATIENCE)
    assert [story.get(timeout=PATIENCE) for _ in range(2)] == [HandlerError, "closed"]


@pytest.mark.parametrize("closed", ["subscription", "client"])
def test_on_connection_closed_after_the_end_is_called_once(client, subscribe, closed):
    """At once, and even when the client is closed."""
    calls = []
    subscription, _ = subscribe(client)
    (subscription if closed == "subscription" else client).close()
    assert subscription.wait(PATIENCE)
    subscription.on_connection_closed(lambda: calls.append(1))
    assert calls == [1]


def test_on_connection_closed_is_called_exactly_once_however_it_races_with_the_end(make_client, subscribe, run):
    """Whether it is added just before or just after."""
    client = make_client()
    transport = None
    for _ in range(100):
        subscription, transport = subscribe(client, transport)
        calls = []
        barrier = threading.Barrier(2)

        def close(subscription=subscription, barrier=barrier):
            barrier.wait(PATIENCE)
            subscription.close()

        join = run(close)
        barrier.wait(PATIENCE)
        subscription.on_connection_closed(lambda calls=calls: calls.append(1))
        join()
        assert subscription.wait(PATIENCE)
        assert calls == [1]
        assert transport.sent()["method"] == "userDataStream.unsubscribe"


def test_what_was_received_before_close_is_delivered(client, exchange, subscribe):
    """wait() returns when the last callback has run."""
    entered, release = threading.Event(), threading.Event()
    heard = []

    def handler(event):
        entered.set()
        release.wait(PATIENCE)
        heard.append(str(event.data.delta))

    subscription, transport = subscribe(client, on_account_balance_update=handler)
    exchange.emit(transport, 1, 2, 3)
    assert entered.wait(PATIENCE)
    subscription.close()
    assert subscription.pending > 0
    assert not subscription.wait(0)
    release.set()
    assert subscription.wait(PATIENCE)
    assert heard == ["1", "2", "3"]


def test_a_payload_of_another_shape_is_delivered_raw_and_reported(client, exchange, subscribe):
    """A missing field does not lose the event: on_exception hears why, on_unknown_event has the payload."""
    story = queue.SimpleQueue()
    subscription, transport = subscribe(
        client,
        on_account_balance_update=lambda event: story.put(str(event.data.delta)),
        on_unknown_event=lambda event: story.put((event.data.name, event.data.payload, event.stream)),
    )
    subscription.on_exception(story.put)
    broken = {"e": "balanceUpdate", "E": 1}
    transport.push({"subscriptionId": 0, "event": broken})
    exchange.emit(transport, 2)
    error = story.get(timeout=PATIENCE)
    assert isinstance(error, DecodeError)
    assert error.payload == broken
    assert story.get(timeout=PATIENCE) == ("balanceUpdate", broken, 0)
    assert story.get(timeout=PATIENCE) == "2"


def test_a_stuck_callback_does_not_hold_up_close(client, exchange, subscribe):
    """close() waits for a second at most, and what was not delivered is dropped."""
    entered, release = threading.Event(), threading.Event()

    def stuck(event):
        entered.set()
        release.wait(60)

    subscription, transport = subscribe(client, on_account_balance_update=stuck)
    exchange.emit(transport, 1, 2, 3)
    assert entered.wait(PATIENCE)
    client.close()
    assert subscription.wait(0)
    release.set()


def test_callbacks_must_be_callable(client, subscribe):
    """InvalidRequest at once, not when an event comes."""
    subscription, _ = subscribe(client)
    for add in (
        subscription.on_connection_lost,
        subscription.on_connection_restored,
        subscription.on_connection_closed,
        subscription.on_exception,
    ):
        with pytest.raises(InvalidRequest):
            add("no callback")


def test_callbacks_may_be_given_with_a_decorator(client, subscribe):
    """Each returns what it was given."""
    subscription, _ = subscribe(client)

    @subscription.on_exception
    def hook(error: BinanceSocketError) -> None:
        pass

    assert callable(hook)


# Tokens.


def test_a_token_cancels_once(client):
    """Callbacks run once, in order; later ones run at once."""
    token = CancellationToken()
    calls = []
    token.on_cancel(lambda: calls.append(1))
    forget = token.on_cancel(lambda: calls.append("forgotten"))
    forget()
    assert not token.is_cancelled
    token.cancel()
    token.cancel()
    assert token.is_cancelled
    token.on_cancel(lambda: calls.append(2))
    assert calls == [1, 2]


def test_a_callback_of_a_token_that_raises_does_not_keep_it_from_the_rest(caplog):
    """The others are called all the same."""
    token = CancellationToken()
    calls = []
    token.on_cancel(lambda: 1 / 0)
    token.on_cancel(lambda: calls.append(1))
    token.cancel()
    assert calls == [1]
    assert "ZeroDivisionError" in caplog.text


def test_a_token_cancels_by_itself_after_a_while():
    """cancel_after() runs on a timer of the process's own; a later call replaces an earlier one."""
    token = CancellationToken()
    done = threading.Event()
    token.on_cancel(done.set)
    token.cancel_after(3600)
    assert not token.is_cancelled
    token.cancel_after(0)
    assert done.wait(PATIENCE)
    for seconds in (-1, float("nan")):
        with pytest.raises(InvalidRequest):
            token.cancel_after(seconds)


def test_an_inline_executor_delivers_too(make_client, exchange, subscribe):
    """Events in order, on the reader."""
    client = make_client(executor=InlineExecutor())
    heard = queue.SimpleQueue()
    subscription, transport = subscribe(client, on_account_balance_update=lambda e: heard.put(str(e.data.delta)))
    exchange.emit(transport, 1, 2, 3)
    assert [heard.get(timeout=PATIENCE) for _ in range(3)] == ["1", "2", "3"]
    client.close()
    assert subscription.wait(PATIENCE)
    with pytest.raises(ClientClosed):
        client.spot_api.account.session_status()


def test_an_executor_that_is_shut_down_while_events_wait_ends_the_subscription(make_client, exchange, subscribe):
    """The user ended it: nothing can be delivered any more, and wait() says so."""
    executor = InlineExecutor()
    client = make_client(executor=executor)
    subscription, transport = subscribe(client, on_account_balance_update=print)
    executor.shutdown()
    exchange.emit(transport, 1)
    assert subscription.wait(PATIENCE)
    assert subscription.state is SubscriptionState.CLOSED


def test_an_event_that_is_not_json_is_reported(make_client, network, exchange, run):
    """One that turns out malformed where it is parsed is reported in its place, and its link is made anew."""
    heard, reported = queue.SimpleQueue(), queue.SimpleQueue()
    client = make_client()
    joined = run(lambda: client.spot_api.account.subscribe_to_user_data_updates(on_account_balance_update=heard.put))
    transport = network.accept()
    exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 0})
    joined().on_exception(reported.put)

    transport.push(
        b'{"subscriptionId":0,"event":{"e":"balanceUpdate",}}',
        b'{"subscriptionId":0,"event":{"e":"balanceUpdate","E":1,"a":"BTC","d":"2","T":1},"more":{"x":{}}}',
    )

    assert isinstance(reported.get(timeout=PATIENCE), DecodeError)
    assert str(heard.get(timeout=PATIENCE).data.delta) == "2"
    exchange.expect(network.accept(), "userDataStream.subscribe.signature", {"subscriptionId": 0})
    assert transport.aborted


def test_an_event_of_a_market_stream_that_is_not_json(client, network, exchange, run):
    """The link that it came on is made anew, and no other."""
    joined = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates(["BTCUSDT", "ETHUSDT"], print))
    transport = network.accept()
    exchange.reply(transport, transport.sent())
    reported = queue.SimpleQueue()
    joined().on_exception(reported.put)
    transport.push(b'{"stream":"ethusdt@trade","data":{"e":"trade",}}')
    assert isinstance(reported.get(timeout=PATIENCE), DecodeError)
    assert network.accept().sent()["method"] == "SUBSCRIBE"
    assert transport.aborted


def test_an_event_of_an_earlier_link_that_is_not_json(client, network, exchange, subscribe):
    """What was missed with that link was told by its end: the new one is left alone."""
    going_on, heard, reported = threading.Event(), queue.SimpleQueue(), queue.SimpleQueue()

    def slow(event):
        heard.put(str(event.data.delta))
        going_on.wait(PATIENCE)

    subscription, transport = subscribe(client, on_account_balance_update=slow)
    subscription.on_exception(reported.put)
    transport.push(
        {"subscriptionId": 0, "event": exchange.event(1)}, b'{"subscriptionId":0,"event":{"e":"balanceUpdate",}}'
    )
    assert heard.get(timeout=PATIENCE) == "1"
    transport.drop()
    second = network.accept()
    exchange.expect(second, "userDataStream.subscribe.signature", {"subscriptionId": 0})
    exchange.emit(second, 2)
    going_on.set()
    assert isinstance(reported.get(timeout=PATIENCE), DecodeError)
    assert heard.get(timeout=PATIENCE) == "2"
    assert not second.aborted
    assert len(network.attempts) == 2


def test_nothing_comes_after_the_end(client, subscribe):
    """A reader may have found the subscription open right before it ended: what it posts then is not told any more."""
    story = []
    subscription, _ = subscribe(client)
    subscription.on_connection_lost(lambda: story.append("lost"))
    subscription.on_gap(story.append)
    subscription.on_connection_closed(lambda: story.append("closed"))
    subscription.close()
    assert subscription.wait(PATIENCE)
    late = Notice(lambda: story.append("late"))
    subscription._deliverer.deliver(late)
    subscription._deliverer.deliver(({"e": "somethingNew"}, None))
    assert story == ["closed"]
    assert subscription.gap is None
