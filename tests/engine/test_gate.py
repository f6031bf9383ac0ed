"""The gate, through whole clients on a scripted network."""

from __future__ import annotations

import threading

import pytest

from binance_socket import ApiError, CallCancelled, CancellationToken, Certainty, RateLimited, RateLimitPolicy
from binance_socket._engine.gate import Door, Gate
from binance_socket._engine.waker import Waker
from binance_socket._session.effects import Pending
from binance_socket._wire.messages import Request

PATIENCE = 10.0
LIMIT = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 100}


def ask(client, **terms):
    return client.with_options(**terms).spot_api.account.session_status.submit()


@pytest.fixture
def full(make_client, network, exchange, clock):
    """A client, and its transport, with all of a minute's weight used."""
    clock.advance(-clock.time() % 60)
    client = make_client()
    future = ask(client)
    transport = network.accept()
    request = transport.sent()
    exchange.refuse(transport, request, -1, rateLimits=[])
    with pytest.raises(Exception, match="no"):
        future.result(PATIENCE)
    future = ask(client)
    request = transport.sent()
    transport.push(
        {"id": request["id"], "status": 400, "error": {"code": -1, "msg": "no"}, "rateLimits": [{**LIMIT, "count": 96}]}
    )
    with pytest.raises(Exception, match="no"):
        future.result(PATIENCE)
    return client, transport


def test_a_request_waits_for_the_next_interval(full, make_client, exchange, pass_time, clock):
    """submit() returns at once; another client of the process waits behind it."""
    client, transport = full
    first = ask(client, timeout=100)
    assert (first.done(), client.rate_limits.waiting) == (False, 1)
    pass_time(client, 62)
    assert transport.sent()["method"] == "session.status"
    assert client.rate_limits.waiting == 0
    assert not first.done()


def test_what_waits_can_be_cancelled(full, pass_time):
    """By its token; nothing is sent then."""
    client, _transport = full
    token = CancellationToken()
    future = ask(client, timeout=100, ct=token)
    token.cancel()
    with pytest.raises(CallCancelled):
        future.result(PATIENCE)
    assert client.rate_limits.waiting == 0


def test_the_future_of_what_waits_can_be_cancelled(full, exchange, pass_time):
    """Its place is given to the next one at once, and nothing is sent for it when there is room."""
    client, transport = full
    first, second = ask(client, timeout=100), ask(client, timeout=100)
    assert client.rate_limits.waiting == 2
    assert first.cancel()
    assert first.cancel()
    assert client.rate_limits.waiting == 1
    pass_time(client, 62)
    exchange.refuse(transport, transport.sent(), -1)
    with pytest.raises(Exception, match="no"):
        second.result(PATIENCE)
    assert (first.cancelled(), second.cancel()) == (True, False)


@pytest.mark.parametrize("status, banned", [(429, False), (418, True)])
def test_a_refusal_of_no_request_counts(make_client, network, exchange, clock, status, banned):
    """One without an id closes the gate as any other does."""
    client = make_client()
    future = ask(client)
    transport = network.accept()
    request = transport.sent()
    until = int(clock.time() * 1000) + 30_000
    error = {"code": -1003, "msg": "Too much", "data": {"retryAfter": until}}
    transport.push({"id": None, "status": status, "error": error})
    exchange.refuse(transport, request, -1)
    assert isinstance(future.exception(PATIENCE), ApiError)
    with pytest.raises(RateLimited) as caught:
        ask(client, timeout=20).result(PATIENCE)
    assert (caught.value.banned, caught.value.certainty) == (banned, Certainty.NOT_SENT)


@pytest.mark.parametrize("status, banned", [(429, False), (418, True)])
@pytest.mark.parametrize("answers", ["with its id", "with no id", "without an id"])
def test_a_refusal_without_a_reason_counts(make_client, network, exchange, status, banned, answers):
    """The status alone says enough."""
    client = make_client()
    future = ask(client)
    transport = network.accept()
    request = transport.sent()
    more = {"with its id": {"id": request["id"]}, "with no id": {"id": None}, "without an id": {}}[answers]
    transport.push({"status": status, **more})
    if answers != "with its id":
        exchange.refuse(transport, request, -1)
    error = future.exception(PATIENCE)
    assert type(error) is (RateLimited if answers == "with its id" else ApiError)
    with pytest.raises(RateLimited) as caught:
        ask(client, timeout=20).result(PATIENCE)
    assert (caught.value.banned, caught.value.certainty) == (banned, Certainty.NOT_SENT)
    assert transport.nothing_sent()


def test_a_call_that_cannot_be_in_time(full):
    """It is told at once."""
    client, _transport = full
    with pytest.raises(RateLimited) as caught:
        ask(client, timeout=30).result(PATIENCE)
    assert caught.value.certainty is Certainty.NOT_SENT


def test_nothing_is_sent_during_a_ban(make_client, network, exchange, clock, pass_time):
    """No request, no reconnect; what can wait goes afterwards, and another client knows of it."""
    client, other = make_client(), make_client()
    future = ask(client)
    transport = network.accept()
    until = int(clock.time() * 1000) + 100_000
    exchange.refuse(transport, transport.sent(), -1003, status=418, data={"retryAfter": until})
    with pytest.raises(RateLimited) as caught:
        future.result(PATIENCE)
    assert (caught.value.banned, caught.value.certainty) == (True, Certainty.MAYBE_SENT)
    with pytest.raises(RateLimited) as caught:
        ask(other).result(PATIENCE)
    assert (caught.value.banned, caught.value.certainty) == (True, Certainty.NOT_SENT)
    waiting = ask(client, timeout=1000)
    patient = ask(other, timeout=1000)
    assert client.rate_limits.banned_until is not None
    assert len(network.attempts) == 1
    pass_time(client, 101)
    assert transport.sent()["method"] == "session.status"
    network.accept()
    assert len(network.attempts) == 2
    assert not waiting.done()
    assert not patient.done()
    assert client.rate_limits.banned_until is None


@pytest.mark.parametrize("status", [418, 429])
def test_what_waits_to_be_written_is_not_written_after_a_refusal(
    make_client, network, exchange, clock, pass_time, run, status
):
    """It was let in before: it waits once more for its turn, or is told that it was not sent."""
    client = make_client()
    refused = ask(client)
    transport = network.accept()
    request = transport.sent()
    writing, go_on = threading.Event(), threading.Event()
    send = transport.send

    def slow(*messages):
        writing.set()
        go_on.wait(PATIENCE)
        send(*messages)

    transport.send = slow
    under_way = run(lambda: ask(client, timeout=1000))
    assert writing.wait(PATIENCE)
    waiting = [ask(client) for _ in range(3)]
    patient = ask(client, timeout=1000)
    until = int(clock.time() * 1000) + 100_000
    exchange.refuse(transport, request, -1003, status=status, data={"retryAfter": until})
    assert isinstance(refused.exception(PATIENCE), RateLimited)
    go_on.set()
    errors = [future.exception(PATIENCE) for future in waiting]
    assert {(type(error), error.banned, error.certainty) for error in errors} == {
        (RateLimited, status == 418, Certainty.NOT_SENT)
    }
    exchange.refuse(transport, transport.sent(), -1)
    assert not isinstance(under_way().exception(PATIENCE), RateLimited)
    assert transport.nothing_sent()
    assert not patient.done()
    pass_time(client, 162)
    exchange.refuse(transport, transport.sent(), -1)
    assert not isinstance(patient.exception(PATIENCE), RateLimited)
    assert transport.nothing_sent()


@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.parametrize("timeout", [10.0, 1000.0])
def test_nothing_is_let_in_because_of_an_answer_to_what_was_asked_before(
    make_client, network, exchange, clock, pass_time, status, timeout
):
    """A refusal counts, whatever good news of the limits comes after it."""
    clock.advance(-clock.time() % 60 + 5)
    client = make_client(request_timeout=100.0)
    limits = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 5}
    ping = client.spot_api.exchange_data.ping
    first = ping.submit()
    transport = network.accept()
    exchange.reply(transport, transport.sent(), {}, rateLimits=[limits])
    first.result(PATIENCE)
    refused, answered = ping.submit(), ping.submit()
    requests = [transport.sent() for _ in range(2)]
    until = int(clock.time() * 1000) + 30_000
    exchange.refuse(transport, requests[0], -1003, status=status, data={"retryAfter": until})
    assert isinstance(refused.exception(PATIENCE), RateLimited)
    exchange.reply(transport, requests[1], {}, rateLimits=[limits])
    answered.result(PATIENCE)
    late = client.with_options(timeout=timeout).spot_api.exchange_data.ping.submit()
    assert transport.nothing_sent()
    if timeout == 10.0:
        assert late.exception(PATIENCE).certainty is Certainty.NOT_SENT
    else:
        pass_time(client, 95)
        exchange.reply(transport, transport.sent(), {})
        late.result(PATIENCE)


def test_connecting_is_given_up_when_a_ban_comes(make_client, network, exchange, clock, pass_time):
    """At whichever step it is; it is begun anew when the ban is over."""
    client, other = make_client(), make_client()
    refused = ask(client)
    transport = network.accept()
    network.wait_attempt()
    request = transport.sent()
    network.hang()
    waiting, impatient = ask(other, timeout=1000), ask(other, timeout=50)
    network.wait_attempt()
    until = int(clock.time() * 1000) + 100_000
    exchange.refuse(transport, request, -1003, status=418, data={"retryAfter": until})
    assert isinstance(refused.exception(PATIENCE), RateLimited)
    error = impatient.exception(PATIENCE)
    assert (type(error), error.banned, error.certainty) == (RateLimited, True, Certainty.NOT_SENT)
    pass_time(other, 80)
    assert len(network.attempts) == 2
    pass_time(other, 22)
    link = network.accept()
    exchange.refuse(link, link.sent(), -1)
    assert not isinstance(waiting.exception(PATIENCE), RateLimited)


def test_what_a_ban_ends():
    """Connects under way, and those that are about to begin; not what is connected, nor for a ban that is known."""
    gate = Gate(monotonic=0.0, wall=1_700_000_000.0)
    wakers = [Waker() for _ in range(4)]
    connected, under_way, late, later = wakers
    for waker in (connected, under_way):
        gate.begin_connect(waker, 0.0)
    gate.end_connect(connected)
    with gate.lock:
        gate.ban(100.0)
    gate.begin_connect(late, 50.0)
    gate.begin_connect(later, 101.0)
    with gate.lock:
        gate.note_refusal()
    assert [waker.woken for waker in wakers] == [False, True, True, False]
    for waker in wakers:
        waker.close()


def test_a_stop_is_reckoned_by_what_is_known_of_the_clock():
    """What may be let in may be written: else it would go round and round."""
    gate = Gate(monotonic=0.0, wall=1_700_000_000.0)
    for counts in (True, False):
        door = Door(gate, None, RateLimitPolicy.WAIT, counts=counts)
        one = Pending("1", Request("ping"), 1000.0, object())
        door.check(one, 50.0)
    with gate.lock:
        gate.ban(100.0)
    for counts in (True, False):
        door = Door(gate, None, RateLimitPolicy.WAIT, counts=counts)
        with pytest.raises(RateLimited) as caught:
            door.check(one, 50.0)
        assert (caught.value.banned, caught.value.certainty) == (True, Certainty.NOT_SENT)
    gate.learn_time(1_700_000_110.0, sent=50.0, received=50.0, force=True)
    for counts in (True, False):
        door = Door(gate, None, RateLimitPolicy.WAIT, counts=counts)
        door.check(one, 50.0)
        assert door.enter(one, 50.0) is None


def test_rest_calls_share_the_gate():
    """They count, do not wait, and are heeded when the exchange refuses them."""
    gate = Gate(monotonic=0.0, wall=1_700_000_040.0)
    request = Request("userDataStream.start", weight=2)
    assert gate.spend(request, 0.0) is None
    assert gate.view(None, 0.0).windows[0].used == 2
    gate.heed(RateLimited(-1003, "no", status=429, data={"retryAfter": 1_700_000_050_000}), 0.0)
    assert not gate.spend(request, 9.0).banned
    assert gate.spend(request, 10.1) is None
    # What is over when it comes keeps nobody, but for a ban.
    gate.heed(RateLimited(-1003, "no", status=429, data={"retryAfter": 1_700_000_050_000}), 10.5)
    assert gate.spend(request, 10.6) is None
    gate.heed(RateLimited(-1003, "no", status=429, data={"retryAfter": "soon"}), 0.5)
    assert not gate.spend(request, 120.4).banned
    gate.heed(RateLimited(-1003, "no", status=418), 0.0)
    assert gate.spend(request, 119.0).banned
    assert gate.spend(request, 121.0) is None


def test_the_time_was_told_slowly():
    """Intervals are taken to last a second longer, and not as long as the answer was under way: some last ten."""
    gate = Gate(monotonic=0.0, wall=1_700_000_040.0)
    gate.learn_time(1_700_000_040.0, sent=0.0, received=30.0, force=False)
    assert gate.budget.guard == 1.0
    gate.learn_time(1_700_000_070.5, sent=30.0, received=30.5, force=False)
    assert gate.budget.guard == 0.3


def test_connects():
    """They weigh 2, wait for a ban to end, and for as long as a server says that there were too many."""
    gate = Gate(monotonic=0.0, wall=1_700_000_040.0)
    assert gate.connect_delay(2, 0.0) == 0
    gate.connected(2, 0.0)
    gate.connected(0, 0.0)
    assert gate.view(None, 0.0).windows[0].used == 2
    gate.connect_refused(429, 5.0, 0.0)
    assert gate.connect_delay(0, 1.0) == 4
    gate.connect_refused(503, None, 0.0)
    gate.connect_refused(418, None, 0.0)
    assert gate.connect_delay(0, 20.0) == 100
