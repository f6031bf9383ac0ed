"""Reads that are asked again."""

from __future__ import annotations

import itertools
import threading

import pytest

from binance_socket import (
    ApiError,
    CallCancelled,
    CancellationToken,
    Certainty,
    ClientClosed,
    ConnectionLost,
    OutcomeUnknown,
    RateLimited,
    RequestTimeout,
)
from binance_socket._session.backoff import Backoff
from binance_socket._wire.messages import Request

PATIENCE = 10.0


class Watched:
    """A timer that tells when it was given something."""

    def __init__(self, timer):
        self._timer = timer
        self.given = threading.Semaphore(0)

    def call_at(self, when, function):
        alarm = self._timer.call_at(when, function)
        self.given.release()
        return alarm


@pytest.fixture
def patient(client):
    """A client that waits half a second, and twice as long each time, before it asks again."""
    repeats = client._hub._repeats
    repeats._backoff = lambda: Backoff(1.0, 8.0, lambda: 0.5)
    repeats._timer = Watched(repeats._timer)
    return client


def wait_for_refusal(patient):
    """Wait until a refusal has been taken in, and a second try has its time."""
    assert patient._hub._repeats._timer.given.acquire(timeout=PATIENCE)


def ask(client, **options):
    return client.spot_api.account.session_status.submit() if not options else client._hub.submit(READ, **options)


READ = Request("session.status")
STATUS = {
    "apiKey": None,
    "authorizedSince": None,
    "connectedSince": 1_700_000_000_000,
    "returnRateLimits": True,
    "serverTime": 1_700_000_000_000,
    "userDataStream": False,
}


def test_a_failure_of_the_exchange_is_asked_again(patient, network, exchange, pass_time):
    """After a while, on the same link, with an id of its own; and the caller hears of the success alone."""
    future = ask(patient)
    transport = network.accept()
    first = transport.sent()
    exchange.refuse(transport, first, -1000, status=500)
    wait_for_refusal(patient)
    pass_time(patient, 0.4)
    assert transport.nothing_sent()
    pass_time(patient, 0.1)
    second = exchange.expect(transport, "session.status", STATUS)
    assert second["id"] != first["id"]
    assert future.result(PATIENCE).result is not None
    assert len(patient._hub._repeats) == 0


def test_what_does_not_help_is_told(patient, network, exchange, pass_time):
    """Asked four times in all, with growing waits; the last error is the caller's."""
    future = ask(patient)
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), -1000, status=500)
    for wait, code in ((0.5, -1001), (1.0, -1006), (2.0, -1008)):
        wait_for_refusal(patient)
        pass_time(patient, wait)
        exchange.refuse(transport, transport.sent(), code, status=503)
    error = future.exception(PATIENCE)
    assert isinstance(error, ApiError)
    assert (error.code, error.status) == (-1008, 503)
    assert transport.nothing_sent()


def test_a_read_that_was_lost_waits_for_the_next_link(client, network, exchange):
    """It is asked again there, without anybody hearing of the loss."""
    future = ask(client)
    first = network.accept()
    first.sent()
    first.drop()
    exchange.expect(network.accept(), "session.status", STATUS)
    assert future.result(PATIENCE).status == 200


def test_a_read_that_is_lost_with_every_link(client, network):
    """Four links are enough."""
    future = ask(client)
    for _ in range(4):
        transport = network.accept()
        transport.sent()
        transport.drop()
    error = future.exception(PATIENCE)
    assert isinstance(error, ConnectionLost)
    assert error.certainty is Certainty.MAYBE_SENT
    assert len(network.attempts) == 4


def test_a_lost_read_that_finds_no_link_in_time(client, network, clock, pass_time):
    """It ends by its deadline, with what has become of it: it was lost."""
    future = ask(client)
    transport = network.accept()
    transport.sent()
    network.hang()
    transport.drop()
    for _ in range(2):
        network.wait_attempt()
    pass_time(client, 12.0)
    error = future.exception(PATIENCE)
    assert type(error) is ConnectionLost
    assert error.certainty is Certainty.MAYBE_SENT


def test_not_beyond_the_deadline(patient, network, exchange):
    """What could be asked after its deadline only ends at once."""
    future = ask(patient, timeout=0.5)
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), -1007, status=504)
    assert future.exception(PATIENCE).code == -1007


def test_a_second_try_without_an_answer(client, network, exchange, pass_time):
    """Times out by the deadline of the call, and says what came before."""
    future = ask(client)
    transport = network.accept()
    request = transport.sent()
    pass_time(client, 10.0)
    exchange.refuse(transport, request, -1001, status=500)
    transport.sent()
    pass_time(client, 2.0)
    assert isinstance(future.exception(PATIENCE), RequestTimeout)


@pytest.mark.parametrize("code", [-1003, -1121, -2015])
def test_a_refusal_is_not_asked_again(client, network, exchange, code):
    """Nothing would be different; and where too much was asked, the gate is closed."""
    future = ask(client)
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), code, status=429 if code == -1003 else 400)
    assert future.exception(PATIENCE).code == code
    assert transport.nothing_sent()


def test_the_gate_holds_for_a_second_try_too(patient, network, exchange, clock, pass_time):
    """While the exchange takes no requests, nothing is asked again."""
    future, other = ask(patient), ask(patient)
    transport = network.accept()
    first, second = transport.sent(), transport.sent()
    exchange.refuse(transport, first, -1000, status=500)
    wait_for_refusal(patient)
    later = int((clock.time() + 60) * 1000)
    exchange.refuse(transport, second, -1003, status=429, data={"retryAfter": later})
    assert isinstance(other.exception(PATIENCE), RateLimited)
    pass_time(patient, 0.5)
    error = future.exception(PATIENCE)
    assert isinstance(error, RateLimited)
    assert transport.nothing_sent()


def test_what_changes_something_is_never_asked_again(client, network, exchange):
    """Not an order, and not a listen key either."""
    order = client._hub.submit(Request("order.place", mutating=True))
    key = client._hub.submit(Request("userDataStream.stop"))
    transport = network.accept()
    for _ in range(2):
        exchange.refuse(transport, transport.sent(), -1007, status=504)
    assert isinstance(order.exception(PATIENCE), OutcomeUnknown)
    assert isinstance(key.exception(PATIENCE), ApiError)
    assert transport.nothing_sent()


def test_it_can_be_switched_off(make_client, network, exchange):
    """Then the first failure is the caller's."""
    client = make_client(retry_reads=False)
    future = ask(client)
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), -1000, status=500)
    assert future.exception(PATIENCE).code == -1000
    future = ask(client)
    transport.sent()
    transport.drop()
    assert isinstance(future.exception(PATIENCE), ConnectionLost)


def test_cancelling_while_it_waits_for_its_second_try(patient, network, exchange, run):
    """It is not asked again, and says that it may have been asked."""
    token = CancellationToken()
    join = run(lambda: patient.with_options(ct=token).spot_api.account.session_status())
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), -1000, status=500)
    wait_for_refusal(patient)
    token.cancel()
    with pytest.raises(CallCancelled) as caught:
        join()
    assert caught.value.certainty is Certainty.MAYBE_SENT
    assert len(patient._hub._repeats) == 0


def test_cancelling_while_its_second_try_is_on_its_way(patient, network, exchange, pass_time, run):
    """The connection is told, whenever it gets it."""
    hub = patient._hub
    future = ask(patient)
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), -1000, status=500)
    wait_for_refusal(patient)
    submit = hub._repeats._ask

    def late(*arguments):
        hub.cancel(future)
        submit(*arguments)

    hub._repeats._ask = late
    pass_time(patient, 0.5)
    assert isinstance(future.exception(PATIENCE), CallCancelled)


@pytest.mark.parametrize("attempts", [1, 2])
def test_cancelling_while_a_failure_is_on_its_way(patient, network, exchange, monkeypatch, attempts):
    """Its connection does not have it any more, and nobody knows yet that it is to be asked again: it is not."""
    hub = patient._hub
    ended, count = hub._repeats.ended, itertools.count(1)

    def late(effect):
        if next(count) == attempts:
            hub.cancel(effect.pending.handle)
        return ended(effect)

    monkeypatch.setattr(hub._repeats, "ended", late)
    future = ask(patient)
    for _ in range(attempts):
        transport = network.accept()
        transport.sent()
        transport.drop()
    assert isinstance(future.exception(PATIENCE), ConnectionLost)
    assert len(hub._repeats) == 0


def test_closing_while_it_waits_for_its_second_try(patient, network, exchange):
    """It ends with the client."""
    future = ask(patient)
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), -1000, status=500)
    wait_for_refusal(patient)
    patient.close()
    assert isinstance(future.exception(PATIENCE), ClientClosed)


def test_no_thread_to_be_had_for_the_second_try(patient, network, exchange, pass_time):
    """The call ends with what became of the first."""

    def unable(*arguments):
        raise ConnectionLost("no thread to read with")

    future = ask(patient)
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), -1000, status=500)
    wait_for_refusal(patient)
    patient._hub._repeats._ask = unable
    pass_time(patient, 0.5)
    error = future.exception(PATIENCE)
    assert isinstance(error, ConnectionLost)
    assert error.certainty is Certainty.MAYBE_SENT


def test_a_read_that_is_lost_during_a_rotation_is_asked_on_the_new_connection(client, network, exchange):
    """The old one is not made anew for its sake."""
    future = ask(client)
    old = network.accept()
    old.sent()
    adopted = threading.Event()
    role = client._hub._rotator._roles[0]
    adopt, role.adopt = role.adopt, lambda connection: (adopt(connection), adopted.set())
    moved = client._hub.rotate()
    new = network.accept()
    exchange.expect(new, "ping", {})
    assert adopted.wait(PATIENCE)
    old.drop()
    exchange.expect(new, "session.status", STATUS)
    assert future.result(PATIENCE).status == 200
    assert moved[0].result(PATIENCE) is None
    assert len(network.attempts) == 2


def test_no_more_than_so_many_at_a_time(patient, network, exchange, monkeypatch):
    """Where everything fails, most of it fails at once."""
    monkeypatch.setattr("binance_socket._engine.repeats.MOST_REPEATED", 1)
    first, second = ask(patient), ask(patient)
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), -1000, status=500)
    wait_for_refusal(patient)
    exchange.refuse(transport, transport.sent(), -1000, status=500)
    assert second.exception(PATIENCE).code == -1000
    assert not first.done()
