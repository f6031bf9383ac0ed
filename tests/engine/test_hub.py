"""What the two connections of a client, and all clients of a process, share."""

import json
import os
import queue
import sys
import threading
import time

import pytest

from binance_socket import Certainty, ClientClosed, ConnectionLost, Environment, ForkedClientError, TooManyPending
from binance_socket._engine import hub, threads
from binance_socket._engine.guarded_socket import GuardedSocket
from binance_socket.testing import FakeNetwork, InlineExecutor, ManualClock

PATIENCE = 10.0


def connect(client, exchange, network):
    future = client.spot_api.account.session_subscriptions.submit()
    transport = network.accept()
    exchange.expect(transport, "session.subscriptions", [])
    future.result(PATIENCE)
    return transport


def test_a_connection_is_made_when_first_needed(client, network, exchange):
    """One for each server, and none before."""
    assert network.attempts == []
    connect(client, exchange, network)
    assert network.attempts == ["wss://api.example/ws-api/v3"]


def test_clients_of_a_process_share_one_connect_budget(make_client, network, exchange, clock):
    """The third connect waits until five minutes have passed since the first."""
    clients = [make_client(connect_budget=2) for _ in range(3)]
    for client in clients[:2]:
        connect(client, exchange, network)
    future = clients[2].with_options(timeout=600).spot_api.account.session_subscriptions.submit()
    with clock._waits:
        condition = clients[2]._hub.api._changed
        assert clock._waits.wait_for(lambda: (condition, 300.0) in clock._waiting.values(), PATIENCE)
    assert len(network.attempts) == 2
    clock.advance(300)
    exchange.expect(network.accept(), "session.subscriptions", [])
    assert future.result(PATIENCE).result == []


def test_clocks_have_budgets_of_their_own(make_client, exchange):
    """What one clock calls now is another one's past or future."""
    for _ in range(3):
        network = FakeNetwork()
        connect(make_client(connect_budget=1, clock=ManualClock(), network=network), exchange, network)


def test_ids_are_never_used_twice(make_client, network, exchange):
    """Within a client they count; between clients their beginnings differ."""
    seen = set()
    for _ in range(2):
        client = make_client()
        for number in range(3):
            client.spot_api.account.session_subscriptions.submit()
            if number == 0:
                transport = network.accept()
            seen.add(transport.sent()["id"])
    assert len(seen) == 6
    assert all(len(request_id) <= 36 for request_id in seen)


def test_request_ids_are_drawn_by_many_threads(run):
    """The two connections draw from the same ids at the same time: each gets its own, and none an error."""
    ids = hub._request_ids()
    switch_interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        joins = [run(lambda: [next(ids) for _ in range(100_000)]) for _ in range(4)]
        drawn = [request_id for join in joins for request_id in join()]
    finally:
        sys.setswitchinterval(switch_interval)
    assert len(set(drawn)) == len(drawn) == 400_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_hub_of_another_process_refuses(client, network, exchange, monkeypatch):
    """And close() leaves the parent's connections alone. Here what a fork changes is changed without one."""
    transport = connect(client, exchange, network)
    with monkeypatch.context() as patch:
        patch.setattr(threads, "_process_token", -1)
        with pytest.raises(ForkedClientError):
            client.spot_api.account.session_subscriptions()
        with pytest.raises(ForkedClientError):
            client.spot_api.account.subscribe_to_user_data_updates()
        with pytest.raises(ForkedClientError):
            _ = client.rate_limits
        client.close()
    assert not transport.aborted
    future = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(transport, "session.subscriptions", [])
    assert future.result(PATIENCE).result == []


def test_close_is_over_in_time_whatever_hangs(make_client, network, exchange, subscribe, run):
    """A stuck callback, a stuck timer function and a reader in a system call that nothing interrupts (U4)."""
    client = make_client()
    entered, release, connecting = threading.Event(), threading.Event(), threading.Event()

    def stuck(_):
        entered.set()
        release.wait(60)

    subscription, transport = subscribe(client, on_account_balance_update=stuck)
    exchange.emit(transport, 1)
    assert entered.wait(PATIENCE)

    def uninterruptible(url, *, timeout, waker):
        connecting.set()
        release.wait(60)
        raise ClientClosedHere

    class ClientClosedHere(ConnectionError):
        pass

    network.connect = uninterruptible
    ticking = threading.Event()
    client._hub.timer.call_at(0, lambda: (ticking.set(), release.wait(60)))
    assert ticking.wait(PATIENCE)
    transport.drop()
    assert connecting.wait(PATIENCE)
    closed = threading.Event()
    join = run(lambda: (client.close(), closed.set()))
    assert closed.wait(3.0)
    release.set()
    join()
    assert subscription.wait(0)


def test_an_executor_of_the_users_is_not_shut_down(make_client, network, exchange):
    """It is theirs."""
    executor = InlineExecutor()
    client = make_client(executor=executor)
    connect(client, exchange, network)
    client.close()
    assert executor.submit(lambda: 5).result(0) == 5


def test_closing_while_others_subscribe_and_ask(make_client, network, run):
    """Whoever comes late is told; nobody hangs, nothing is left."""
    for _ in range(20):
        client = make_client()
        outcomes = queue.SimpleQueue()
        barrier = threading.Barrier(5)

        def ask(client=client, outcomes=outcomes, barrier=barrier):
            barrier.wait(PATIENCE)
            for call in (
                client.spot_api.account.session_subscriptions,
                client.spot_api.account.subscribe_to_user_data_updates,
            ):
                try:
                    call()
                except ClientClosed:
                    outcomes.put("closed")

        joins = [run(ask) for _ in range(4)]
        barrier.wait(PATIENCE)
        client.close()
        for join in joins:
            join()
        assert outcomes.qsize() == 8


def test_the_stream_server_is_asked_on_its_own_path(make_client, network, run):
    """The environment names the server, not the path."""
    client = make_client()
    join = run(lambda: client.with_options(timeout=60).spot_api.account.subscribe_to_user_data_updates("abc"))
    streams = network.accept()
    assert streams.url == "wss://stream.example/stream"
    streams.push({"id": streams.sent()["id"], "result": None})
    join()


# What the options say reaches the connections.


def test_how_many_calls_may_wait(make_client, network, exchange):
    """One more is refused, and not sent; for calls over REST, see test_rest.py."""
    client = make_client(max_pending=2)
    call = client.spot_api.account.session_subscriptions
    waiting = [call.submit(), call.submit()]
    error = call.submit().exception(PATIENCE)
    assert isinstance(error, TooManyPending)
    assert error.certainty is Certainty.NOT_SENT
    transport = network.accept()
    for _ in waiting:
        exchange.expect(transport, "session.subscriptions", [])
    assert [future.result(PATIENCE).result for future in waiting] == [[], []]


def local(server):
    """Return the environment whose servers are a scripted one."""
    url = f"ws://127.0.0.1:{server.port}"
    return Environment(name="local", ws_api_url=url, stream_url=url, rest_url=f"http://127.0.0.1:{server.port}")


def test_how_large_a_message_may_be(serve, make_client, frame):
    """One byte more ends the link with the code for that."""
    codes = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        _, text = peer.read_frame()
        answer = {"id": json.loads(text)["id"], "status": 200, "result": []}
        padding = 1024 - len(json.dumps(answer))
        peer.send(frame(json.dumps(answer).encode() + b" " * padding))
        peer.read_frame()
        peer.send(frame(b" " * 1025))
        codes.put(peer.read_frame())
        peer.read_to_end()

    client = make_client(environment=local(serve(script)), network=None, retry_reads=False, max_message_size=1024)
    assert client.spot_api.account.session_subscriptions().result == []
    with pytest.raises(ConnectionLost):
        client.spot_api.account.session_subscriptions()
    assert codes.get(timeout=PATIENCE) == (8, (1009).to_bytes(2, "big"))


def test_how_long_sending_may_take(serve, make_client, monkeypatch):
    """A peer that does not read: here as good as no time, so that the link ends before the peer reads on."""
    read_on = threading.Event()
    wait = GuardedSocket._wait_writable

    def waiting(sock, events, deadline):
        if deadline > time.monotonic():
            # There is time left, which is more than the options say.
            read_on.set()
        wait(sock, events, deadline)

    monkeypatch.setattr(GuardedSocket, "_wait_writable", waiting)

    def script(peer):
        peer.upgrade()
        read_on.wait(PATIENCE)
        peer.read_to_end()

    client = make_client(
        environment=local(serve(script, receive_buffer=4096)), network=None, retry_reads=False, send_timeout=1e-9
    )
    error = client.spot_api.exchange_data.get_exchange_info.submit("S" * 20 * 2**20).exception(PATIENCE)
    assert isinstance(error, ConnectionLost)
    assert "sending failed" in str(error)
    assert not read_on.is_set()
    read_on.set()
