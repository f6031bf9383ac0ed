"""One connection: requests, events, losses, closing. The network is scripted, the threads are real."""

import logging
import queue
import random
import threading
from concurrent.futures import CancelledError, Executor, wait

import pytest

from binance_socket import (
    AuthenticationError,
    CallCancelled,
    CancellationToken,
    Certainty,
    ClientClosed,
    ConnectionLost,
    OutcomeUnknown,
    RequestTimeout,
    SubscriptionState,
    TlsError,
)
from binance_socket._engine.threads import EngineThread, on_engine_thread
from binance_socket._wire.messages import Request, Security
from binance_socket.testing import FakeTransport, InlineExecutor

PATIENCE = 10.0
PLACE = Request("order.place", {"symbol": "BTCUSDT"}, security=Security.SIGNED, mutating=True)


def place(client, timeout=None):
    return client._hub.submit(PLACE, timeout)


# Requests.


@pytest.mark.no_cover
def test_answers_are_matched_to_64_threads_with_1000_requests_each(client, network, run):
    """However answers are shuffled, each caller gets its own."""
    threads, each, at_once = 64, 1000, 50

    def answer_shuffled():
        transport = network.accept()
        shuffle = random.Random(7)
        held = []
        for left in reversed(range(threads * each)):
            held.append(transport.sent(30))
            # As many as each asks before it waits: nobody waits for an answer that is held back for ever.
            if len(held) == at_once or not left:
                shuffle.shuffle(held)
                transport.push(*({"id": r["id"], "status": 200, "rateLimits": [limit(r["params"]["n"])]} for r in held))
                held = []

    def limit(number):
        return {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 1, "count": number}

    def ask(first):
        wrong = []
        for start in range(first, first + each, at_once):
            numbers = range(start, start + at_once)
            futures = [client._hub.submit(Request("echo", {"n": number}, weight=0), 60.0) for number in numbers]
            answers = [future.result(60).rate_limits[0].count for future in futures]
            wrong += [(number, answer) for number, answer in zip(numbers, answers, strict=True) if number != answer]
        return wrong

    server = run(answer_shuffled)
    joins = [run(ask, number * each) for number in range(threads)]
    assert [join() for join in joins] == [[]] * threads
    server()


def test_a_session_is_changed_under_the_lock_only(client, network, exchange, clock, subscribe, pass_time):
    """By callers, the reader and the timer alike: a session has no lock of its own."""
    connection = client._hub.api
    lock, session, unguarded, used = connection._changed, connection._session, [], set()

    class Watched:
        def __getattribute__(self, name):
            used.add(name)
            # Where it can be had, nobody holds it.
            if name != "state" and lock.acquire(blocking=False):
                lock.release()
                unguarded.append(name)
            return getattr(session, name)

    connection._session = connection.succession._session = Watched()
    subscription, transport = subscribe(client, on_account_balance_update=lambda event: None)
    future = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(transport, "session.subscriptions", [])
    assert future.result(PATIENCE).result == []
    late = place(client, 1.0)
    transport.sent()
    pass_time(client, 2.0)
    assert isinstance(late.exception(PATIENCE), RequestTimeout)
    cancelled = place(client)
    connection.cancel(cancelled)
    transport.sent()
    transport.drop()
    transport = network.accept()
    exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 1})
    subscription.close()
    client.close()
    assert unguarded == []
    assert used >= {
        "close",
        "connected",
        "connecting",
        "hand_over",
        "give_up",
        "lost",
        "next_tick",
        "received",
        "submit",
        "subscribe",
        "tick",
        "unsubscribe",
    }


def test_a_request_made_before_there_is_a_link_is_sent_with_a_fresh_timestamp(client, network, clock):
    """Signing happens when the request leaves, not when it was made."""
    network.refuse()
    network.hang()
    future = client.spot_api.account.get_order_rate_limits.submit()
    network.wait_attempt()
    network.wait_attempt()
    clock.advance(5)
    client._hub.api._waker.wake()  # the hanging attempt fails, the next one succeeds
    transport = network.accept()
    request = transport.sent()
    assert request["params"]["timestamp"] == 1_700_000_005_000
    transport.push({"id": request["id"], "status": 200, "result": []})
    assert future.result(PATIENCE).result == []


def test_a_request_that_was_sent_before_a_cut_fails_and_never_leaves_again(client, network):
    """It may have been executed: MAYBE_SENT, and the next link carries only what is new."""
    future = place(client)
    first = network.accept()
    assert first.sent()["method"] == "order.place"
    first.drop()
    with pytest.raises(ConnectionLost) as caught:
        future.result(PATIENCE)
    assert caught.value.certainty is Certainty.MAYBE_SENT
    later = client.spot_api.account.session_status.submit()
    second = network.accept()
    assert second.sent()["method"] == "session.status"
    assert second.nothing_sent()
    client.close()
    with pytest.raises(ClientClosed):
        later.result(PATIENCE)


def test_a_request_that_finds_no_link_times_out_as_not_sent(client, network, clock):
    """The deadline holds while there is no link, and says that nothing was sent and why."""
    network.hang()
    future = place(client, 3.0)
    network.wait_attempt()
    clock.advance(3)
    with pytest.raises(RequestTimeout) as caught:
        future.result(PATIENCE)
    assert caught.value.certainty is Certainty.NOT_SENT


def test_a_request_that_gets_no_answer_times_out_as_maybe_sent(client, network, clock):
    """The late answer is ignored then, and the connection goes on."""
    future = place(client, 3.0)
    transport = network.accept()
    request = transport.sent()
    clock.advance(3)
    with pytest.raises(RequestTimeout) as caught:
        future.result(PATIENCE)
    assert caught.value.certainty is Certainty.MAYBE_SENT
    again = client.spot_api.account.session_subscriptions.submit()
    second = transport.sent()
    transport.push({"id": request["id"], "status": 200, "result": {}})
    transport.push({"id": second["id"], "status": 200, "result": []})
    assert again.result(PATIENCE).result == []


def test_a_cancelled_future_that_was_not_sent_never_leaves(client, network):
    """As futures promise: cancel() returns True only if it will not be done."""
    network.hang()
    order = place(client)
    other = client.spot_api.account.session_subscriptions.submit()
    network.wait_attempt()
    assert order.cancel()
    client._hub.api._waker.wake()
    transport = network.accept()
    request = transport.sent()
    assert request["method"] == "session.subscriptions"
    transport.push({"id": request["id"], "status": 200, "result": []})
    other.result(PATIENCE)
    assert transport.nothing_sent()
    with pytest.raises(CancelledError):
        order.result(PATIENCE)


def test_requests_of_a_crowd_are_written_by_a_sender_thread(client, network, monkeypatch):
    """The first few by the caller itself, the others together; each is answered."""
    first = place(client)
    transport = network.accept()
    asked = [transport.sent()]
    writers = []
    send = transport.send

    def noted(*messages):
        writers.append(threading.current_thread())
        send(*messages)

    monkeypatch.setattr(transport, "send", noted)
    futures = [first, *(place(client) for _ in range(20))]
    asked += [transport.sent() for _ in range(20)]
    caller = threading.current_thread()
    assert writers[:2] == [caller, caller]
    assert caller not in writers[2:]
    assert not any(isinstance(writer, EngineThread) for writer in writers)
    transport.push(*({"id": request["id"], "status": 200, "result": None} for request in asked))
    assert [future.result(PATIENCE).id for future in futures] == [request["id"] for request in asked]


def test_a_crowd_is_served_where_no_thread_is_to_be_had(client, network, monkeypatch):
    """Slowly, by the callers themselves."""
    place(client)
    transport = network.accept()
    transport.sent()

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(client._hub.api._carrier._writer._senders, "submit", refuse)
    numbers = [place(client) for _ in range(20)]
    assert [transport.sent()["method"] for _ in numbers] == ["order.place"] * 20
    assert transport.nothing_sent()


def test_a_future_that_was_sent_cannot_be_cancelled(client, network):
    """It may be executed: pretending otherwise would be a lie."""
    order = place(client)
    transport = network.accept()
    request = transport.sent()
    assert not order.cancel()
    transport.push({"id": request["id"], "status": 200, "result": {}})
    assert order.result(PATIENCE).status == 200


def test_waiters_are_released_before_done_callbacks_run(client, network):
    """A done-callback that blocks does not hold up who waits, nor the next answer."""
    blocked, release = threading.Event(), threading.Event()
    future = client.spot_api.account.session_subscriptions.submit()

    def block(_):
        blocked.set()
        release.wait(PATIENCE)

    future.add_done_callback(block)
    transport = network.accept()
    transport.push({"id": transport.sent()["id"], "status": 200, "result": []})
    assert future.result(PATIENCE).result == []
    assert blocked.wait(PATIENCE)
    again = client.spot_api.account.session_subscriptions.submit()
    transport.push({"id": transport.sent()["id"], "status": 200, "result": []})
    assert again.result(PATIENCE).result == []
    release.set()


def test_done_callbacks_run_on_the_executor_and_may_block_on_a_call(client, network, exchange):
    """They never run on the reader."""
    seen = queue.SimpleQueue()
    future = client.spot_api.account.session_subscriptions.submit()

    def callback(_):
        seen.put((on_engine_thread(), client.spot_api.account.session_subscriptions().result))

    future.add_done_callback(callback)
    transport = network.accept()
    exchange.expect(transport, "session.subscriptions", [])
    exchange.expect(transport, "session.subscriptions", [])
    assert seen.get(timeout=PATIENCE) == (False, [])


def test_a_blocking_call_on_the_reader_raises_instead_of_waiting_for_itself(make_client, network, exchange):
    """An inline executor runs callbacks on our threads: a blocking call there is told off."""
    client = make_client(executor=InlineExecutor())
    seen = queue.SimpleQueue()
    future = client.spot_api.account.session_subscriptions.submit()

    def callback(_):
        try:
            client.spot_api.account.session_subscriptions()
        except RuntimeError as exc:
            seen.put((type(threading.current_thread()), str(exc)))

    future.add_done_callback(callback)
    exchange.expect(network.accept(), "session.subscriptions", [])
    kind, text = seen.get(timeout=PATIENCE)
    assert kind is EngineThread
    assert "submit()" in text


def test_a_blocking_call_three_callbacks_deep(client, exchange, subscribe):
    """A callback blocks on a call, whose done-callback blocks on a call, whose done-callback does."""
    account = client.spot_api.account
    deep = queue.SimpleQueue()

    def third(_):
        deep.put(account.session_subscriptions().result)

    def second(_):
        account.session_subscriptions()
        account.session_subscriptions.submit().add_done_callback(third)

    def first(_event):
        account.session_subscriptions()
        account.session_subscriptions.submit().add_done_callback(second)

    _subscription, transport = subscribe(client, on_account_balance_update=first)
    exchange.emit(transport, 1)
    for _ in range(5):
        exchange.expect(transport, "session.subscriptions", [])
    assert deep.get(timeout=PATIENCE) == []


# Events.


def test_events_that_come_with_the_acknowledgement_are_delivered_in_order(client, network, exchange, run):
    """Before it, with it in one read, and after it: none is missing."""
    heard = queue.SimpleQueue()
    join = run(
        lambda: client.spot_api.account.subscribe_to_user_data_updates(
            on_account_balance_update=lambda event: heard.put((str(event.data.delta), event.stream))
        )
    )
    transport = network.accept()
    request = transport.sent()

    def event(number):
        return {"subscriptionId": 3, "event": exchange.event(number)}

    transport.push(event(1))
    transport.push(event(2), {"id": request["id"], "status": 200, "result": {"subscriptionId": 3}}, event(3), event(4))
    transport.push(event(5))
    assert [heard.get(timeout=PATIENCE) for _ in range(5)] == [(str(n), 3) for n in range(1, 6)]
    join().close()


def test_two_subscriptions_share_one_at_the_exchange(client, exchange, subscribe, run):
    """The second is open at once; the exchange is told to stop only when both are closed."""
    first_heard, second_heard = queue.SimpleQueue(), queue.SimpleQueue()
    first, transport = subscribe(client, on_account_balance_update=lambda e: first_heard.put(str(e.data.delta)))
    second = client.spot_api.account.subscribe_to_user_data_updates(
        on_account_balance_update=lambda e: second_heard.put((str(e.data.delta), e.stream))
    )
    exchange.emit(transport, 1)
    assert first_heard.get(timeout=PATIENCE) == "1"
    assert second_heard.get(timeout=PATIENCE) == ("1", 0)
    first.close()
    exchange.emit(transport, 2)
    assert second_heard.get(timeout=PATIENCE) == ("2", 0)
    assert first.wait(PATIENCE)
    assert first_heard.empty()
    assert transport.nothing_sent()
    second.close()
    request = transport.sent()
    assert (request["method"], request["params"]) == ("userDataStream.unsubscribe", {"subscriptionId": 0})


def test_a_full_mailbox_stops_reading_and_reading_resumes(make_client, exchange, subscribe):
    """Nothing is dropped, and the reader does not run ahead of a slow callback."""
    client = make_client(mailbox_size=4)
    heard, entered, release = [], threading.Event(), threading.Event()
    done = threading.Event()

    def slow(event):
        entered.set()
        release.wait(PATIENCE)
        heard.append(int(event.data.delta))
        if len(heard) == 40:
            done.set()

    subscription, transport = subscribe(client, on_account_balance_update=slow)
    exchange.emit(transport, 0)
    assert entered.wait(PATIENCE)
    for number in range(1, 40):
        exchange.emit(transport, number)
    clock = exchange.clock
    with clock._waits:
        # The reader waits for room, which is a wait without a time.
        assert clock._waits.wait_for(
            lambda: any(condition is client._hub.api._changed for condition, _ in clock._waiting.values()), PATIENCE
        )
    assert subscription.pending == 4
    release.set()
    assert done.wait(PATIENCE)
    assert heard == list(range(40))


def test_answers_come_while_a_callback_waits_for_one_with_a_full_mailbox(make_client, exchange, subscribe):
    """A callback of a full subscription makes a blocking call: no deadlock."""
    client = make_client(mailbox_size=2)
    heard, entered, release, done = [], threading.Event(), threading.Event(), threading.Event()

    def slow(event):
        entered.set()
        release.wait(PATIENCE)
        client.spot_api.account.session_subscriptions()
        heard.append(int(event.data.delta))
        if len(heard) == 6:
            done.set()

    _subscription, transport = subscribe(client, on_account_balance_update=slow)
    exchange.emit(transport, 0)
    assert entered.wait(PATIENCE)
    exchange.emit(transport, 1, 2, 3, 4, 5)
    release.set()
    for _ in range(6):
        exchange.expect(transport, "session.subscriptions", [])
    assert done.wait(PATIENCE)
    assert heard == list(range(6))


def test_a_reader_that_waits_for_room_does_not_take_the_peer_for_dead(make_client, exchange, subscribe, pass_time):
    """While we do not read we cannot hear a pong: silence is of our own making."""
    client = make_client(mailbox_size=2)
    entered, release, done = threading.Event(), threading.Event(), threading.Event()

    def slow(event):
        entered.set()
        release.wait(PATIENCE)
        if event.data.delta == 9:
            done.set()

    clock = exchange.clock
    _subscription, transport = subscribe(client, on_account_balance_update=slow)
    exchange.emit(transport, 1)
    assert entered.wait(PATIENCE)
    exchange.emit(transport, 2, 3, 4)
    with clock._waits:
        assert clock._waits.wait_for(
            lambda: any(condition is client._hub.api._changed for condition, _ in clock._waiting.values()), PATIENCE
        )
    for seconds in (23, 6, 30):
        pass_time(client, seconds)
    assert not transport.aborted
    assert transport.pings == 0
    release.set()
    exchange.emit(transport, 9)
    assert done.wait(PATIENCE)
    # From here on silence counts again.
    pass_time(client, 22)
    transport.wait_pinged()


@pytest.mark.parametrize(
    "garbage",
    [
        b"{",
        b"[]",
        b"7",
        b"null",
        b'"text"',
        b'{"subscriptionId":[],"event":{}}',
        b'{"subscriptionId":0}',
        b'{"subscriptionId":0,"event":null}',
        b'{"subscriptionId":0,"event":[1]}',
        b"{}",
    ],
)
def test_a_message_that_cannot_be_read_ends_a_link_with_subscriptions(client, network, exchange, subscribe, garbage):
    """It may have been an event: nothing comes after it on that link, and the subscription says lost and restored."""
    story = queue.SimpleQueue()
    subscription, transport = subscribe(client, on_account_balance_update=lambda e: story.put(str(e.data.delta)))
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda _: story.put("restored"))
    one, two = ({"subscriptionId": 0, "event": exchange.event(number)} for number in (1, 2))
    transport.push(one, garbage, two)
    second = network.accept()
    assert transport.aborted
    exchange.expect(second, "userDataStream.subscribe.signature", {"subscriptionId": 0})
    exchange.emit(second, 3)
    assert [story.get(timeout=PATIENCE) for _ in range(4)] == ["1", "lost", "restored", "3"]
    assert client._hub.api._session.tally.malformed == 1


def test_an_answer_or_event_of_another_shape_ends_no_link(client, network, exchange, subscribe):
    """It is no secret what such a message was: an answer to nobody, or an event that is delivered as it came."""
    heard = queue.SimpleQueue()
    unknown = queue.SimpleQueue()
    _subscription, transport = subscribe(
        client,
        on_account_balance_update=lambda e: heard.put(str(e.data.delta)),
        on_unknown_event=lambda e: unknown.put(e.data.payload),
    )
    good = {"subscriptionId": 0, "event": exchange.event(1)}
    transport.push(b'{"id":{}}', good, b'{"id":null,"status":"x"}', good)
    assert [heard.get(timeout=PATIENCE) for _ in range(2)] == ["1", "1"]
    transport.push(b'{"subscriptionId":0,"event":{"e":["x"]}}', b'{"subscriptionId":0,"event":{"e":{}}}', good)
    assert unknown.get(timeout=PATIENCE) == {"e": ["x"]}
    assert unknown.get(timeout=PATIENCE) == {"e": {}}
    assert heard.get(timeout=PATIENCE) == "1"
    assert client._hub.api._session.tally.malformed == 2
    assert not transport.aborted


# Subscribing and its ends.


def test_subscribing_times_out(client, network, clock, run):
    """The exchange says nothing: RequestTimeout, and nothing goes on behind the caller's back."""
    join = run(client.with_options(timeout=3).spot_api.account.subscribe_to_user_data_updates)
    transport = network.accept()
    request = transport.sent()
    clock.advance(3)
    with pytest.raises(RequestTimeout) as caught:
        join()
    assert caught.value.certainty is Certainty.MAYBE_SENT
    # The acknowledgement comes after all: the exchange is told that nobody wants it.
    transport.push({"id": request["id"], "status": 200, "result": {"subscriptionId": 0}})
    assert transport.sent()["method"] == "userDataStream.unsubscribe"


def test_a_refused_subscription_raises_and_is_not_logged_as_an_error(client, network, exchange, run, caplog):
    """Whoever asked gets the error: nobody else needs to hear of it."""
    join = run(client.spot_api.account.subscribe_to_user_data_updates)
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), -2015, status=401)
    with pytest.raises(AuthenticationError):
        join()
    client.close()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_token_cancels_a_waiting_subscribe(client, network, run):
    """The wait ends with CallCancelled."""
    token = CancellationToken()
    join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates(ct=token))
    network.accept().sent()
    token.cancel()
    with pytest.raises(CallCancelled):
        join()


def test_a_token_cancels_a_waiting_call(client, network, run):
    """The call ends with CallCancelled, the connection goes on."""
    token = CancellationToken()
    join = run(client.with_options(ct=token).spot_api.account.session_status)
    network.accept().sent()
    token.cancel()
    with pytest.raises(CallCancelled):
        join()


def test_a_token_cancels_a_call_that_waits_for_a_link_and_it_never_leaves(client, network, exchange):
    """What was not sent yet is not sent any more."""
    token = CancellationToken()
    network.hang()
    cancelled = client.with_options(ct=token).spot_api.account.session_status.submit()
    other = client.spot_api.account.session_subscriptions.submit()
    network.wait_attempt()
    token.cancel()
    with pytest.raises(CallCancelled):
        cancelled.result(PATIENCE)
    client._hub.api._waker.wake()
    exchange.expect(network.accept(), "session.subscriptions", [])
    assert other.result(PATIENCE).result == []


def test_a_token_closes_an_open_subscription(client, network, exchange, run):
    """As close() does; the exchange is told."""
    token = CancellationToken()
    join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates(ct=token))
    transport = network.accept()
    exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 0})
    subscription = join()
    token.cancel()
    assert subscription.wait(PATIENCE)
    assert subscription.state is SubscriptionState.CLOSED
    assert transport.sent()["method"] == "userDataStream.unsubscribe"


def test_a_token_that_was_cancelled_before_sends_nothing(client, network):
    """Neither call nor subscription gets as far as connecting."""
    token = CancellationToken()
    token.cancel()
    view = client.with_options(ct=token)
    for ask in (
        view.spot_api.account.session_status,
        view.spot_api.account.session_status.submit,
        view.spot_api.account.subscribe_to_user_data_updates,
        lambda: client.spot_api.account.subscribe_to_user_data_updates(ct=token),
    ):
        with pytest.raises(CallCancelled):
            ask()
    assert network.attempts == []


# Losing the link.


def test_a_lost_link_is_made_anew_and_the_subscription_goes_on(client, network, exchange, subscribe, clock):
    """The user hears of the loss and of the downtime, in order with the events."""
    story = queue.SimpleQueue()
    subscription, transport = subscribe(
        client, on_account_balance_update=lambda e: story.put((str(e.data.delta), e.stream))
    )
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda downtime: story.put(downtime.total_seconds()))
    exchange.emit(transport, 1)
    network.hang()
    transport.drop()
    for _ in range(2):
        network.wait_attempt()
    assert story.get(timeout=PATIENCE) == ("1", 0)
    assert story.get(timeout=PATIENCE) == "lost"
    assert subscription.state is SubscriptionState.RECONNECTING
    clock.advance(7)
    client._hub.api._waker.wake()
    second = network.accept()
    exchange.expect(second, "userDataStream.subscribe.signature", {"subscriptionId": 5})
    exchange.emit(second, 2, route=5)
    assert story.get(timeout=PATIENCE) == 7.0
    assert story.get(timeout=PATIENCE) == ("2", 5)
    assert subscription.state is SubscriptionState.ACTIVE


def test_a_refused_resubscription_ends_the_subscription(client, network, exchange, subscribe):
    """The key was revoked meanwhile: on_exception says why, then on_connection_closed."""
    story = queue.SimpleQueue()
    subscription, transport = subscribe(client)
    subscription.on_exception(lambda error: story.put(type(error)))
    subscription.on_connection_closed(lambda: story.put("closed"))
    transport.drop()
    second = network.accept()
    exchange.refuse(second, second.sent(), -2015, status=401)
    assert story.get(timeout=PATIENCE) is AuthenticationError
    assert story.get(timeout=PATIENCE) == "closed"
    assert subscription.wait(PATIENCE)


def test_a_tls_error_ends_waiting_calls_at_once(client, network, run):
    """Trying again cannot help."""
    network.refuse(TlsError("not who it should be"))
    with pytest.raises(TlsError):
        run(client.spot_api.account.session_status)()
    assert len(network.attempts) == 1
    network.refuse(TlsError("not who it should be"))
    with pytest.raises(TlsError):
        run(client.spot_api.account.subscribe_to_user_data_updates)()
    assert len(network.attempts) == 2


def test_a_dead_peer_is_found_after_22_and_5_seconds(client, network, exchange, subscribe, pass_time):
    """A ping after 22 s of silence, the end 5 s later."""
    _subscription, transport = subscribe(client)
    pass_time(client, 21.9)
    assert transport.pings == 0
    pass_time(client, 0.1)
    transport.wait_pinged()
    pass_time(client, 4.9)
    assert not transport.aborted
    pass_time(client, 0.1)
    second = network.accept()
    assert transport.aborted
    exchange.expect(second, "userDataStream.subscribe.signature", {"subscriptionId": 0})


def test_a_sign_of_life_answers_the_probe(client, subscribe, pass_time, exchange):
    """A pong is enough."""
    heard = threading.Event()
    _subscription, transport = subscribe(client, on_account_balance_update=lambda _: heard.set())
    pass_time(client, 22)
    transport.wait_pinged()
    transport.push_control()
    exchange.emit(transport, 1)
    assert heard.wait(PATIENCE)
    pass_time(client, 5)
    assert not transport.aborted
    pass_time(client, 17)
    transport.wait_pinged()
    assert not transport.aborted


# Closing.


@pytest.mark.parametrize("how", ["callback", "done-callback"])
def test_close_inside_a_callback(client, exchange, subscribe, network, how):
    """It returns, and the subscription ends."""
    closed = threading.Event()

    def close(_):
        client.close()
        closed.set()

    if how == "callback":
        subscription, transport = subscribe(client, on_account_balance_update=close)
        exchange.emit(transport, 1)
    else:
        subscription, transport = subscribe(client)
        client.spot_api.account.session_subscriptions.submit().add_done_callback(close)
        exchange.expect(transport, "session.subscriptions", [])
    assert closed.wait(PATIENCE)
    assert subscription.wait(PATIENCE)
    transport.wait_closed()


def test_close_inside_a_callback_still_delivers_what_was_received(client, exchange, subscribe):
    """However much is waiting: the promise of close() holds inside a callback, too."""
    heard, gate = [], threading.Event()

    def callback(event):
        if not heard:
            gate.wait(PATIENCE)
            client.close()
        heard.append(int(event.data.delta))

    subscription, transport = subscribe(client, on_account_balance_update=callback)
    told = []
    subscription.on_exception(told.append)
    exchange.emit(transport, *range(1500))
    future = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(transport, "session.subscriptions", [])
    future.result(PATIENCE)
    gate.set()
    assert subscription.wait(PATIENCE)
    assert heard == list(range(1500))
    assert told == []


def test_close_by_eight_threads_at_once_and_twice(client, subscribe, run):
    """All return; closing again does nothing."""
    subscription, transport = subscribe(client)
    for join in [run(client.close) for _ in range(8)]:
        join()
    client.close()
    assert subscription.wait(PATIENCE)
    transport.wait_closed()
    with pytest.raises(ClientClosed):
        client.spot_api.account.session_status()
    with pytest.raises(ClientClosed):
        client.spot_api.account.subscribe_to_user_data_updates()


def test_close_during_a_connect_that_hangs(client, network, run):
    """The attempt is abandoned, and who waits is told."""
    network.hang()
    join = run(client.spot_api.account.session_status)
    network.wait_attempt()
    run(client.close)()
    with pytest.raises(ClientClosed):
        join()


def test_close_with_requests_in_flight(client, network):
    """Each fails at once."""
    futures = [place(client) for _ in range(20)]
    transport = network.accept()
    for _ in futures:
        transport.sent()
    client.close()
    done, _ = wait(futures, 0)
    assert len(done) == 20
    for future in futures:
        assert isinstance(future.exception(), ClientClosed)
        # Each may have been sent.
        assert isinstance(future.exception(), OutcomeUnknown)


def test_close_leaves_no_thread_behind(client, subscribe):
    """When it returns, not later (U5)."""
    before = {thread for thread in threading.enumerate() if thread.name.startswith("binance-socket-")}
    heard = threading.Event()
    _subscription, transport = subscribe(client, on_account_balance_update=lambda _: heard.set())
    transport.push({"subscriptionId": 0, "event": {"e": "balanceUpdate"}})
    client.close()
    after = {thread for thread in threading.enumerate() if thread.name.startswith("binance-socket-")}
    assert after <= before


# What goes wrong on our side.


def test_a_defect_in_the_reader_fails_the_connection_and_tells_everybody(client, network, exchange, subscribe):
    """Futures fail, the subscription hears why, later calls fail at once (U2)."""
    story = queue.SimpleQueue()
    subscription, transport = subscribe(client)
    subscription.on_exception(story.put)
    subscription.on_connection_closed(lambda: story.put("closed"))
    future = place(client)
    transport.sent()
    transport._incoming.put([object()])  # no bytes: something that a transport must not return
    with pytest.raises(ClientClosed):
        future.result(PATIENCE)
    assert isinstance(story.get(timeout=PATIENCE), ClientClosed)
    assert story.get(timeout=PATIENCE) == "closed"
    with pytest.raises(ClientClosed, match="failed"):
        client.spot_api.account.session_status()
    assert "failed" in repr(client)
    assert subscription.state is SubscriptionState.CLOSED
    transport.wait_closed()


def test_a_defect_while_connecting_fails_the_connection(client, network, run):
    """An unexpected exception of a network, too, and its waker is not left open."""
    wakers = []
    connect = network.connect

    def watched(url, *, timeout, waker):
        wakers.append(waker)
        return connect(url, timeout=timeout, waker=waker)

    network.connect = watched
    network.refuse(ZeroDivisionError("a defect"))
    with pytest.raises(ClientClosed, match="defect"):
        run(client.spot_api.account.session_status)()
    client.close()
    assert [waker.fileno() for waker in wakers] == [-1]


def test_a_defect_on_the_timer_fails_the_connection(client, network, clock, monkeypatch):
    """Otherwise deadlines would never come any more (U2)."""
    future = place(client)
    network.accept().sent()

    def broken(*times):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(client._hub.api._session, "tick", broken)
    clock.advance(30)
    with pytest.raises(ClientClosed, match="defect"):
        future.result(PATIENCE)


def test_a_defect_while_sending_on_a_helper_fails_the_connection(client, network, monkeypatch):
    """What was queued before the link is written by a helper: its failure is no secret (U2)."""
    network.hang()
    future = place(client)
    network.wait_attempt()

    def broken(self, message):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(FakeTransport, "send", broken)
    client._hub.api._waker.wake()
    with pytest.raises(ClientClosed, match="defect"):
        future.result(PATIENCE)


def test_no_thread_to_be_had(client, network, exchange, monkeypatch):
    """The call fails as not sent, and a later one succeeds."""
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("can't start")))
    for ask in (client.spot_api.account.session_status, client.spot_api.account.subscribe_to_user_data_updates):
        with pytest.raises(ConnectionLost) as caught:
            ask()
        assert caught.value.certainty is Certainty.NOT_SENT
    monkeypatch.setattr(threading.Thread, "start", start)
    future = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(network.accept(), "session.subscriptions", [])
    assert future.result(PATIENCE).result == []


def test_no_descriptor_to_be_had(client, network, exchange, monkeypatch, run):
    """Too many open files: tried again, as any other failing attempt."""
    from binance_socket._engine import connection

    waker = connection.Waker
    tries = []

    def scarce():
        tries.append(1)
        if len(tries) == 1:
            raise OSError(24, "Too many open files")
        return waker()

    monkeypatch.setattr(connection, "Waker", scarce)
    join = run(client.spot_api.account.session_subscriptions)
    exchange.expect(network.accept(), "session.subscriptions", [])
    assert join().result == []


class Refusing(Executor):
    """An executor that takes nothing."""

    def submit(self, fn, /, *args, **kwargs):
        raise RuntimeError("refused")


def test_an_executor_that_refuses_ends_the_subscription(make_client, exchange, subscribe, caplog):
    """Nobody to deliver to: it is logged, wait() returns, calls go on working."""
    client = make_client(executor=Refusing())
    subscription, transport = subscribe(client, on_account_balance_update=print)
    exchange.emit(transport, 1)
    assert subscription.wait(PATIENCE)
    assert subscription.state is SubscriptionState.CLOSED
    assert "refused" in caplog.text
    assert transport.sent()["method"] == "userDataStream.unsubscribe"
    future = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(transport, "session.subscriptions", [])
    assert future.result(PATIENCE).result == []


def test_an_executor_with_no_length_is_still_the_one_that_is_used(make_client, exchange, subscribe):
    """An executor may be false in a boolean context."""

    class Empty(InlineExecutor):
        def __len__(self):
            return 0

    client = make_client(executor=Empty())
    heard = queue.SimpleQueue()
    _subscription, transport = subscribe(client, on_account_balance_update=lambda _: heard.put(on_engine_thread()))
    exchange.emit(transport, 1)
    assert heard.get(timeout=PATIENCE) is True


def test_a_subscription_that_the_exchange_has_forgotten(make_client, exchange, subscribe, pass_time):
    """It is asked about after a long time without an event, and subscribed again: the user hears lost and restored."""
    client = make_client(audit_after=100.0, probe_after=1e6)
    story = queue.SimpleQueue()
    subscription, transport = subscribe(
        client, route=3, on_account_balance_update=lambda event: story.put(str(event.data.delta))
    )
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda _: story.put("restored"))
    pass_time(client, 60.0)
    exchange.emit(transport, 1, route=3)
    assert story.get(timeout=PATIENCE) == "1"
    pass_time(client, 60.0)
    assert transport.nothing_sent()
    pass_time(client, 40.0)
    exchange.expect(transport, "session.subscriptions", [{"subscriptionId": 3}])
    pass_time(client, 100.0)
    exchange.expect(transport, "session.subscriptions", [])
    exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": 4})
    exchange.emit(transport, 2, route=4)
    assert [story.get(timeout=PATIENCE) for _ in range(3)] == ["lost", "restored", "2"]
