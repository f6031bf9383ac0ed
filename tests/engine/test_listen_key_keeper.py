"""A subscription's listen key over its life: kept alive, expired, replaced. Simulated hours, real threads."""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from binance_socket import (
    ApiError,
    CallCancelled,
    CancellationToken,
    DecodeError,
    GapStatus,
    Response,
    SubscriptionState,
)
from binance_socket._engine.futures import CallFuture
from binance_socket._engine.listen_key import ListenKeyKeeper
from binance_socket._engine.timer import Timer
from binance_socket._session.backoff import Backoff
from binance_socket._session.listen_key import ListenKey
from binance_socket._wire.messages import Request

PATIENCE = 10.0


@pytest.fixture
def client(make_client):
    """A client that does not mind the long silences of these tests."""
    return make_client(probe_after=1e6)


@pytest.fixture
def listen(network, exchange, run):
    """Subscribe with the key "first": ``listen(client, **handlers) -> subscription, stream transport``."""

    def open_one(client, key="first", transport=None, **handlers):
        join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates(key, **handlers))
        transport = transport or network.accept()
        request = transport.sent()
        assert (request["method"], request["params"]) == ("SUBSCRIBE", [key])
        transport.push({"id": request["id"], "result": None})
        return join(), transport

    return open_one


@pytest.fixture
def replaced(network, exchange):
    """Act the exchange's part while the key is replaced: ``replaced(api, streams, key, by)``."""

    def act(api, streams, key="first", by="second"):
        exchange.expect(api, "userDataStream.start", {"listenKey": by})
        opening, closing = streams.sent(), streams.sent()
        assert (opening["method"], opening["params"]) == ("SUBSCRIBE", [by])
        assert (closing["method"], closing["params"]) == ("UNSUBSCRIBE", [key])
        streams.push({"id": opening["id"], "result": None}, {"id": closing["id"], "result": None})

    return act


def balance(exchange, number, key="first"):
    return {"stream": key, "data": exchange.event(number)}


@pytest.mark.parametrize("form", ["combined", "raw"])
def test_events_are_understood_in_both_forms(client, exchange, listen, form):
    """Combined payloads name their stream; a raw one can only be of the one there is."""
    heard = queue.SimpleQueue()
    subscription, streams = listen(
        client, on_account_balance_update=lambda event: heard.put((str(event.data.delta), event.stream))
    )
    for number in (1, 2):
        event = exchange.event(number)
        streams.push(event if form == "raw" else {"stream": "first", "data": event})
    assert heard.get(timeout=PATIENCE) == ("1", "first")
    assert heard.get(timeout=PATIENCE) == ("2", "first")
    subscription.close()
    assert streams.sent()["method"] == "UNSUBSCRIBE"


def test_the_key_is_kept_alive_every_30_minutes(client, network, exchange, listen, pass_time):
    """Over and over; the key is the parameter, the API key goes with it, nothing is signed."""
    _subscription, _streams = listen(client)
    api = None
    for _ in range(3):
        pass_time(client, 1799)
        if api is not None:
            assert api.nothing_sent()
        pass_time(client, 1)
        api = api or network.accept()
        request = exchange.expect(api, "userDataStream.ping", None)
        assert request["params"] == {"listenKey": "first", "apiKey": "key"}
        done = client.spot_api.account.session_subscriptions.submit()
        exchange.expect(api, "session.subscriptions", [])
        done.result(PATIENCE)  # so the answer to the ping has been read, too


def test_it_is_not_kept_alive_where_the_options_say_so(make_client, network, exchange, listen, pass_time):
    """keep_alive_listen_keys=False leaves the key to the user."""
    client = make_client(keep_alive_listen_keys=False)
    listen(client)
    pass_time(client, 4000)
    assert len(network.attempts) == 1


def test_where_nobody_replaces_it_an_expired_key_ends_the_subscription(make_client, listen):
    """It is told of in order with the events, instead of staying silent for ever."""
    story = queue.SimpleQueue()
    subscription, streams = listen(
        make_client(keep_alive_listen_keys=False), on_listen_key_expired=lambda _: story.put("expired")
    )
    subscription.on_exception(lambda error: story.put(str(error)))
    subscription.on_connection_closed(lambda: story.put("closed"))
    streams.push({"stream": "first", "data": {"e": "listenKeyExpired", "E": 1_700_000_000_000, "listenKey": "first"}})
    assert subscription.wait(PATIENCE)
    assert story.get_nowait() == "expired"
    assert story.get_nowait().endswith("its listen key has expired")
    assert story.get_nowait() == "closed"
    assert subscription.state is SubscriptionState.CLOSED
    assert streams.sent()["method"] == "UNSUBSCRIBE"


def test_it_is_not_kept_alive_after_the_subscription_was_closed(client, network, listen, pass_time):
    """The key is the user's."""
    subscription, _ = listen(client)
    subscription.close()
    pass_time(client, 4000)
    assert len(network.attempts) == 1


def test_a_failing_keepalive_is_reported_and_tried_again(client, network, exchange, listen, pass_time):
    """Half a minute later, as the key has another half hour."""
    errors = queue.SimpleQueue()
    subscription, _ = listen(client)
    subscription.on_exception(errors.put)
    pass_time(client, 1800)
    api = network.accept()
    exchange.refuse(api, api.sent(), -1000, status=500)
    error = errors.get(timeout=PATIENCE)
    assert isinstance(error, ApiError)
    assert error.code == -1000
    pass_time(client, 30)
    exchange.expect(api, "userDataStream.ping", None)
    assert subscription.state is SubscriptionState.ACTIVE


@pytest.mark.parametrize("form", ["combined", "raw"])
def test_an_expired_key_is_replaced(client, network, exchange, listen, replaced, form, clock):
    """The new one is subscribed before the old one is left, and the user hears that there was a hole."""
    story = queue.SimpleQueue()
    subscription, streams = listen(
        client,
        on_listen_key_expired=lambda event: story.put("expired"),
        on_account_balance_update=lambda event: story.put((str(event.data.delta), event.stream)),
    )
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda downtime: story.put(downtime.total_seconds()))
    expired = {"e": "listenKeyExpired", "E": 1_700_000_000_000, "listenKey": "first"}
    streams.push(expired if form == "raw" else {"stream": "first", "data": expired})
    api = network.accept()
    assert story.get(timeout=PATIENCE) == "expired"
    assert story.get(timeout=PATIENCE) == "lost"
    assert subscription.state is SubscriptionState.RECONNECTING
    clock.advance(2)
    replaced(api, streams)
    assert story.get(timeout=PATIENCE) == 2.0
    streams.push(balance(exchange, 7, "second"))
    assert story.get(timeout=PATIENCE) == ("7", "second")
    assert subscription.state is SubscriptionState.ACTIVE


@pytest.mark.parametrize("then", ["opened", "refused"])
@pytest.mark.parametrize("how", ["refused", "unanswered"])
def test_a_new_key_that_is_refused_for_now(client, network, exchange, listen, pass_time, how, then):
    """It is subscribed to again, as any subscription that was lost. Refused for good, it ends, and says why."""
    story = queue.SimpleQueue()
    subscription, streams = listen(client, on_account_balance_update=lambda event: story.put(event.stream))
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda _: story.put("restored"))
    subscription.on_connection_closed(lambda: story.put("closed"))
    subscription.on_exception(lambda error: story.put(error.code))
    streams.push({"stream": "first", "data": {"e": "listenKeyExpired", "E": 1, "listenKey": "first"}})
    exchange.expect(network.accept(), "userDataStream.start", {"listenKey": "second"})
    opening, closing = streams.sent(), streams.sent()
    assert (opening["method"], opening["params"]) == ("SUBSCRIBE", ["second"])
    streams.push({"id": closing["id"], "result": None})
    if how == "refused":
        exchange.refuse(streams, opening, -1008, status=503)
    else:
        pass_time(client, 12.5)
    again = streams.sent()
    assert (again["method"], again["params"]) == ("SUBSCRIBE", ["second"])
    assert story.get(timeout=PATIENCE) == "lost"
    assert subscription.state is SubscriptionState.RECONNECTING
    if then == "opened":
        streams.push({"id": again["id"], "result": None}, balance(exchange, 1, "second"))
        assert [story.get(timeout=PATIENCE) for _ in range(2)] == ["restored", "second"]
        assert subscription.state is SubscriptionState.ACTIVE
    else:
        exchange.refuse(streams, again, -2015)
        assert [story.get(timeout=PATIENCE) for _ in range(2)] == [-2015, "closed"]


def test_a_key_that_expires_in_the_very_read_of_the_acknowledgement_is_replaced(client, network, run, replaced):
    """However early it comes."""
    join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates("first"))
    streams = network.accept()
    request = streams.sent()
    expired = {"e": "listenKeyExpired", "E": 1_700_000_000_000, "listenKey": "first"}
    streams.push({"id": request["id"], "result": None}, {"stream": "first", "data": expired})
    replaced(network.accept(), streams)
    assert join().state is not SubscriptionState.CLOSED


def test_a_key_that_the_exchange_does_not_know_is_replaced(client, network, exchange, listen, replaced, pass_time):
    """-1125 as the answer to a keepalive."""
    heard, errors = queue.SimpleQueue(), queue.SimpleQueue()
    subscription, streams = listen(client, on_account_balance_update=lambda event: heard.put(event.stream))
    subscription.on_exception(errors.put)
    pass_time(client, 1800)
    api = network.accept()
    exchange.refuse(api, api.sent(), -1125)
    assert errors.get(timeout=PATIENCE).code == -1125
    replaced(api, streams)
    streams.push(balance(exchange, 1, "second"))
    assert heard.get(timeout=PATIENCE) == "second"


@pytest.mark.parametrize("by", ["first", "second"])
@pytest.mark.parametrize("how", ["refused", "expired"])
def test_a_link_says_nothing_about_a_key_that_is_gone(client, network, exchange, listen, pass_time, how, by):
    """Nothing can come before there is another key: until then the subscription is lost, whatever its link does."""
    story = queue.SimpleQueue()
    subscription, streams = listen(client, on_account_balance_update=lambda event: story.put(event.stream))
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda _: story.put("restored"))
    if how == "expired":
        streams.push({"stream": "first", "data": {"e": "listenKeyExpired", "E": 1, "listenKey": "first"}})
        api = network.accept()
    else:
        pass_time(client, 1800)
        api = network.accept()
        exchange.refuse(api, api.sent(), -1125)
    start = api.sent()
    assert start["method"] == "userDataStream.start"
    assert subscription.state is SubscriptionState.RECONNECTING
    assert story.get(timeout=PATIENCE) == "lost"
    streams.drop()
    again = network.accept()
    request = again.sent()
    assert (request["method"], request["params"]) == ("SUBSCRIBE", ["first"])
    # A stream server agrees to any name.
    again.push({"id": request["id"], "result": None}, balance(exchange, 1))
    assert story.get(timeout=PATIENCE) == "first"
    assert subscription.state is SubscriptionState.RECONNECTING
    exchange.reply(api, start, {"listenKey": by})
    if by == "second":
        request = again.sent()
        assert (request["method"], request["params"]) == ("SUBSCRIBE", ["second"])
        again.push({"id": request["id"], "result": None})
    assert story.get(timeout=PATIENCE) == "restored"
    again.push(balance(exchange, 2, by))
    assert story.get(timeout=PATIENCE) == by
    assert subscription.state is SubscriptionState.ACTIVE


def test_a_key_that_turns_out_to_be_alive_while_there_is_no_link(client, network, exchange, listen):
    """The subscription is restored by the link, and not before."""
    story = queue.SimpleQueue()
    subscription, streams = listen(client, on_account_balance_update=lambda event: story.put(event.stream))
    subscription.on_connection_restored(lambda _: story.put("restored"))
    streams.push({"stream": "first", "data": {"e": "listenKeyExpired", "E": 1, "listenKey": "first"}})
    api = network.accept()
    start = api.sent()
    streams.drop()
    again = network.accept()
    request = again.sent()
    exchange.reply(api, start, {"listenKey": "first"})
    done = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(api, "session.subscriptions", [])
    done.result(PATIENCE)
    assert subscription.state is SubscriptionState.RECONNECTING
    again.push({"id": request["id"], "result": None}, balance(exchange, 1))
    assert [story.get(timeout=PATIENCE) for _ in range(2)] == ["restored", "first"]


def test_a_key_that_turns_out_to_be_alive_is_kept(client, network, exchange, listen):
    """The exchange answers with the same key: nothing is subscribed anew, and the user hears that all is well."""
    story = queue.SimpleQueue()
    subscription, streams = listen(client, on_account_balance_update=lambda event: story.put(str(event.data.delta)))
    subscription.on_connection_restored(lambda _: story.put("restored"))
    streams.push({"stream": "first", "data": {"e": "listenKeyExpired", "E": 1, "listenKey": "first"}})
    exchange.expect(network.accept(), "userDataStream.start", {"listenKey": "first"})
    assert story.get(timeout=PATIENCE) == "restored"
    streams.push(balance(exchange, 1))
    assert story.get(timeout=PATIENCE) == "1"
    assert streams.nothing_sent()


def test_a_new_key_is_asked_for_until_there_is_one(client, network, exchange, listen, replaced, pass_time):
    """An answer without a key and a refusal are reported; the next try succeeds."""
    errors = queue.SimpleQueue()
    subscription, streams = listen(client)
    subscription.on_exception(errors.put)
    streams.push({"stream": "first", "data": {"e": "listenKeyExpired", "E": 1, "listenKey": "first"}})
    api = network.accept()
    exchange.refuse(api, api.sent(), -1000, status=500)
    assert errors.get(timeout=PATIENCE).code == -1000
    exchange.expect(api, "userDataStream.start", {"nothing": "here"})
    assert isinstance(errors.get(timeout=PATIENCE), DecodeError)
    replaced(api, streams)


def test_closing_while_a_key_is_replaced(client, network, exchange, listen):
    """The new key is not subscribed to any more."""
    subscription, streams = listen(client)
    streams.push({"stream": "first", "data": {"e": "listenKeyExpired", "E": 1, "listenKey": "first"}})
    api = network.accept()
    request = api.sent()
    assert request["method"] == "userDataStream.start"
    subscription.close()
    assert streams.sent()["method"] == "UNSUBSCRIBE"
    api.push({"id": request["id"], "status": 200, "result": {"listenKey": "second"}})
    done = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(api, "session.subscriptions", [])
    done.result(PATIENCE)
    assert streams.nothing_sent()
    assert subscription.wait(PATIENCE)


def test_closing_the_client_while_a_key_is_kept_alive(client, network, listen, pass_time):
    """That the keepalive has ended with the client is no failure of it."""
    errors = queue.SimpleQueue()
    subscription, _ = listen(client)
    subscription.on_exception(errors.put)
    pass_time(client, 1800)
    assert network.accept().sent()["method"] == "userDataStream.ping"
    client.close()
    assert subscription.wait(PATIENCE)
    assert errors.empty()


def test_a_link_that_is_lost_while_a_key_is_replaced(client, network, exchange, listen):
    """The subscription comes back on the new link with the new key, and the user hears of one hole."""
    story = queue.SimpleQueue()
    subscription, streams = listen(client, on_account_balance_update=lambda event: story.put(event.stream))
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda _: story.put("restored"))
    streams.push({"stream": "first", "data": {"e": "listenKeyExpired", "E": 1, "listenKey": "first"}})
    exchange.expect(network.accept(), "userDataStream.start", {"listenKey": "second"})
    assert streams.sent()["params"] == ["second"]
    assert streams.sent()["params"] == ["first"]
    streams.drop()
    again = network.accept()
    request = again.sent()
    assert (request["method"], request["params"]) == ("SUBSCRIBE", ["second"])
    again.push({"id": request["id"], "result": None}, balance(exchange, 1, "second"))
    assert [story.get(timeout=PATIENCE) for _ in range(3)] == ["lost", "restored", "second"]


def test_an_event_that_names_neither_of_two_keys(client, network, exchange, listen):
    """Somebody misses it, and nobody knows who: both subscriptions tell of a gap."""
    story = queue.SimpleQueue()
    first, streams = listen(client)
    second, _ = listen(client, "other", streams)
    for subscription in (first, second):
        subscription.on_gap(lambda gap, me=subscription: story.put((me.id, gap.status)))
    streams.push(exchange.event(1))
    told = {story.get(timeout=PATIENCE) for _ in range(2)}
    assert told == {(subscription.id, GapStatus.OPEN) for subscription in (first, second)}
    again = network.accept()
    request = again.sent()
    assert request["params"] == ["first", "other"]
    again.push({"id": request["id"], "result": None})
    told = {story.get(timeout=PATIENCE) for _ in range(2)}
    assert told == {(subscription.id, GapStatus.FAILED) for subscription in (first, second)}
    assert first.state is second.state is SubscriptionState.ACTIVE


def test_two_keys_expire_independently(client, network, exchange, listen, replaced):
    """Only the subscription of the expired key moves."""
    heard = queue.SimpleQueue()
    _first, streams = listen(client, on_account_balance_update=lambda event: heard.put(("first", event.stream)))
    second, _ = listen(
        client, "other", streams, on_account_balance_update=lambda event: heard.put(("other", event.stream))
    )
    streams.push({"stream": "first", "data": {"e": "listenKeyExpired", "E": 1, "listenKey": "first"}})
    replaced(network.accept(), streams, by="new")
    streams.push(balance(exchange, 1, "other"), balance(exchange, 1, "new"))
    assert sorted(heard.get(timeout=PATIENCE) for _ in range(2)) == [("first", "new"), ("other", "other")]
    assert second.stream == "other"


def test_a_cancelled_token_ends_the_keepalives(client, network, run, pass_time):
    """A token closes a subscription with a key, too, and one that waits."""
    token = CancellationToken()
    join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates("first", ct=token))
    streams = network.accept()
    streams.sent()
    token.cancel()
    with pytest.raises(CallCancelled):
        join()
    pass_time(client, 4000)
    assert len(network.attempts) == 1


def test_the_client_may_be_closed_while_a_keepalive_is_under_way(client, network, listen, pass_time):
    """No thread hangs, and the subscription ends."""
    closed = threading.Event()
    subscription, _ = listen(client)
    subscription.on_connection_closed(closed.set)
    pass_time(client, 1800)
    network.accept().sent()
    client.close()
    assert closed.wait(PATIENCE)


@pytest.mark.parametrize("form", ["raw", "combined", "unwrapped"])
def test_a_stream_that_the_exchange_ends_is_asked_for_again(client, listen, form):
    """In each of the forms in which the end may be told."""
    story = queue.SimpleQueue()
    subscription, streams = listen(client, on_user_data_stream_terminated=lambda _: story.put("terminated"))
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda _: story.put("restored"))
    end = {"e": "eventStreamTerminated", "E": 1_728_973_001_334}
    forms = {"raw": {"event": end}, "combined": {"stream": "first", "data": {"event": end}}, "unwrapped": end}
    streams.push(forms[form])
    request = streams.sent()
    assert (request["method"], request["params"]) == ("SUBSCRIBE", ["first"])
    streams.push({"id": request["id"], "result": None})
    assert [story.get(timeout=PATIENCE) for _ in range(3)] == ["terminated", "lost", "restored"]


def test_a_raw_end_of_one_of_two_keys_names_the_key(client, network, listen, replaced):
    """listenKeyExpired says which key it is about."""
    _first, streams = listen(client)
    listen(client, "other", streams)
    streams.push({"e": "listenKeyExpired", "E": 1_700_000_000_000, "listenKey": "other"})
    replaced(network.accept(), streams, key="other")


def test_a_gap_begins_when_the_key_was_alive_last(client, network, exchange, clock, pass_time, listen, replaced):
    """Somebody else may have ended it right after it was kept alive, and no event says so."""
    subscription, streams = listen(client)
    gaps = queue.SimpleQueue()
    subscription.on_gap(gaps.put)
    subscription.on_exception(lambda error: None)
    began = clock.time()
    pass_time(client, 1800)
    api = network.accept()
    exchange.refuse(api, api.sent(), -1125)
    replaced(api, streams)
    assert gaps.get(timeout=PATIENCE).from_.timestamp() <= began


def test_a_loss_is_told_before_the_answer_that_ends_it(clock):
    """Over REST, another thread may have the new key before whoever asked for it goes on."""
    timer, executor, story = Timer(clock), ThreadPoolExecutor(1), []
    replaced = threading.Event()

    def answer(future):
        future.start()
        future.set_result(Response(id=1, status=200, result="second"))

    def ask(request):
        story.append(request.method)
        future = CallFuture(executor)
        elsewhere = threading.Thread(target=answer, args=(future,))
        elsewhere.start()
        elsewhere.join(PATIENCE)
        return future

    def replace(key):
        story.append(key)
        replaced.set()

    alive_at = clock.monotonic()
    keeper = ListenKeyKeeper(
        ListenKey("first", interval=1800, backoff=Backoff(1.0, 60.0, lambda: 0.0), now=alive_at),
        ask=ask,
        ping=lambda key: Request("userDataStream.ping", {"listenKey": key}),
        start=lambda: Request("userDataStream.start"),
        lost=story.append,
        replace=replace,
        report=story.append,
        clock=clock,
        timer=timer,
    )
    keeper.run()
    clock.advance(100)
    keeper.expired()
    assert replaced.wait(PATIENCE)
    assert story == [alive_at, "userDataStream.start", "second"]
    keeper.close()
    timer.close()
    executor.shutdown()


def test_a_key_that_is_found_gone_while_its_link_is_lost(make_client, network, exchange, listen, pass_time, clock):
    """The gap begins when the key was kept alive last: also where the link was lost shortly before that is known."""
    client = make_client(probe_after=1e6)
    gaps, restored = queue.SimpleQueue(), queue.SimpleQueue()
    began = clock.time()
    subscription, streams = listen(client)
    subscription.on_gap(gaps.put)
    subscription.on_connection_restored(restored.put)
    # From here on the exchange does not know the key any more, and says nothing of it.
    pass_time(client, 1799)
    # The link itself is well.
    done = client._hub.streams.submit(Request("LIST_SUBSCRIPTIONS"), PATIENCE)
    streams.push({"id": streams.sent()["id"], "result": ["first"]})
    done.result(PATIENCE)
    streams.drop()
    again = network.accept()
    request = again.sent()
    assert (request["method"], request["params"]) == ("SUBSCRIBE", ["first"])
    assert subscription.state is SubscriptionState.RECONNECTING
    pass_time(client, 1)
    api = network.accept()
    ping = api.sent()
    assert ping["method"] == "userDataStream.ping"
    exchange.refuse(api, ping, -1125)
    exchange.expect(api, "userDataStream.start", {"listenKey": "second"})
    opening = again.sent()
    assert (opening["method"], opening["params"]) == ("SUBSCRIBE", ["second"])
    again.push({"id": request["id"], "result": None}, {"id": opening["id"], "result": None})
    restored.get(timeout=PATIENCE)
    told = [gaps.get(timeout=PATIENCE)]
    while told[-1].status is GapStatus.OPEN or not gaps.empty():
        told.append(gaps.get(timeout=PATIENCE))
    assert min(gap.from_.timestamp() for gap in told) - began <= 0


@pytest.mark.parametrize("late", [0, 30])
def test_a_gap_begins_when_the_exchange_said_that_the_key_is_gone(
    make_client, network, clock, listen, replaced, pass_time, late
):
    """However late that is read; and not when the key was kept alive last: until it was gone everything has come."""
    client = make_client(probe_after=1e6, backfill=False)
    gaps, story = queue.SimpleQueue(), queue.SimpleQueue()
    subscription, streams = listen(client, on_listen_key_expired=story.put)
    subscription.on_gap(gaps.put)
    pass_time(client, 1000)
    expired = {"e": "listenKeyExpired", "E": int(clock.time() - late) * 1000, "listenKey": "first"}
    streams.push({"stream": "first", "data": expired})
    replaced(network.accept(), streams)
    first, last = gaps.get(timeout=PATIENCE), gaps.get(timeout=PATIENCE)
    assert (first.status, last.status) == (GapStatus.OPEN, GapStatus.FAILED)
    assert first.from_ == last.from_
    assert 0 <= (last.to - last.from_).total_seconds() - late < 5


@pytest.mark.parametrize("form", ["combined", "raw"])
def test_a_key_that_expires_right_before_the_acknowledgement_is_replaced(client, network, run, form):
    """Events that come before the acknowledgement are delivered with it: this one, too, ends the key."""
    heard = queue.SimpleQueue()
    run(lambda: client.spot_api.account.subscribe_to_user_data_updates("first", on_listen_key_expired=heard.put))
    streams = network.accept()
    request = streams.sent()
    expired = {"e": "listenKeyExpired", "E": 1_700_000_000_000, "listenKey": "first"}
    event = expired if form == "raw" else {"stream": "first", "data": expired}
    streams.push(event, {"id": request["id"], "result": None})
    heard.get(timeout=PATIENCE)
    assert network.accept().sent()["method"] == "userDataStream.start"


def test_a_key_that_expires_right_before_the_acknowledgement_where_nobody_replaces_it(make_client, network, run):
    """The subscription ends, and says why, instead of staying silent for ever."""
    story = queue.SimpleQueue()
    client = make_client(keep_alive_listen_keys=False)
    join = run(
        lambda: client.spot_api.account.subscribe_to_user_data_updates(
            "first", on_listen_key_expired=lambda _: story.put("expired")
        )
    )
    streams = network.accept()
    request = streams.sent()
    expired = {"e": "listenKeyExpired", "E": 1_700_000_000_000, "listenKey": "first"}
    streams.push({"stream": "first", "data": expired}, {"id": request["id"], "result": None})
    subscription = join()
    assert story.get(timeout=PATIENCE) == "expired"
    assert subscription.wait(PATIENCE)
    assert subscription.state is SubscriptionState.CLOSED
