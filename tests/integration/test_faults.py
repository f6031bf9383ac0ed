"""What the exchange and the network do to a client, for real."""

from __future__ import annotations

import json
import queue
import threading

import pytest
import websockets.sync.server

from binance_socket import (
    BinanceSocketClient,
    Certainty,
    ClientClosed,
    ConnectionLost,
    Environment,
    HandshakeError,
    RequestTimeout,
    ServerShutdown,
    SubscriptionState,
)

FUNDS = {"USDT": "100000", "BTC": "1"}


@pytest.fixture
def account(sandbox):
    return sandbox.create_account(FUNDS, key_type="ED25519")


def follow(subscription, kind):
    """Have every notice of *subscription* put into one line, in order, and return it."""
    notices = kind()
    subscription.on_connection_lost(lambda: notices("lost"))
    subscription.on_connection_restored(lambda downtime: notices("restored"))
    subscription.on_connection_closed(lambda: notices("closed"))
    subscription.on_exception(notices)
    return notices


CUTS = {
    "reset": lambda faults, account: faults.cut(account),
    "end of file": lambda faults, account: faults.cut(account, reset=False),
    "within a frame": lambda faults, account: faults.cut_at(20, account),
    "half open": lambda faults, account: faults.half_open(account),
    "going away": lambda faults, account: faults.close(1001, "restart", account),
    "policy": lambda faults, account: faults.close(1008, "too many requests", account),
    "shutdown": lambda faults, account: faults.shutdown(),
}


@pytest.mark.parametrize("by_key", [False, True], ids=["subscription", "listen key"])
@pytest.mark.parametrize("cut", list(CUTS))
def test_a_cut_link_is_survived(cut, by_key, sandbox, account, heard, connect):
    """However a link ends, the subscription is back by itself, says so, and delivers what happens from then on."""
    # A half-open link gives no other sign than its silence.
    patience = {"probe_after": 0.2, "probe_timeout": 0.2} if cut == "half open" else {}
    spot = connect(sandbox, account, **patience).spot_api.account
    listen_key = spot.start_user_stream().result if by_key else None
    subscription = spot.subscribe_to_user_data_updates(listen_key, **heard.handlers())
    notices = follow(subscription, type(heard))

    CUTS[cut](sandbox.faults, account)
    if cut == "within a frame":
        account.deposit("ETH", "1")

    assert notices.next() == "lost"
    assert notices.next() == "restored"
    assert subscription.state is SubscriptionState.ACTIVE
    before = account.event_count
    account.deposit("ETH", "1")
    after = account.events[before:]
    assert len(after) == 2
    heard_last = heard.take(1)
    while heard_last[-1] != after[0]:
        heard_last += heard.take(1)
    assert heard.take(1) == after[1:]


def test_a_lost_answer_times_out_and_a_late_one_is_ignored(sandbox, account, connect):
    """A request whose answer does not come fails by its deadline; the connection goes on."""
    client = connect(sandbox, account)
    impatient = client.with_options(timeout=0.2).spot_api.account
    impatient.session_status()

    sandbox.faults.late_replies("account.status")
    with pytest.raises(RequestTimeout) as caught:
        impatient.get_account_info()
    assert caught.value.certainty is Certainty.MAYBE_SENT
    assert sandbox.faults.release() == 1

    assert impatient.get_account_info().status == 200


def test_a_repeated_answer_is_ignored(sandbox, account, connect):
    """An answer that comes twice is taken once."""
    spot = connect(sandbox, account).spot_api.account
    sandbox.faults.duplicate_replies("account.status")

    assert spot.get_account_info().status == 200
    assert spot.session_status().status == 200
    assert sandbox.faults.triggered["duplicate_replies"] == 1


def test_reads_in_flight_are_asked_again(sandbox, account, connect):
    """When the link goes, what changes nothing is asked on the next one, and its caller hears nothing of it."""
    spot = connect(sandbox, account).spot_api.account
    spot.session_status()
    sandbox.faults.drop_replies("account.status")
    future = spot.get_account_info.submit()
    assert sandbox.faults.wait_for("drop_replies")
    sandbox.faults.cut(account)
    assert future.result(10).status == 200


def test_requests_in_flight_fail_at_once(sandbox, account, connect):
    """When the link goes, what was sent and is not repeated fails at once, and says that it may have arrived."""
    spot = connect(sandbox, account, retry_reads=False).spot_api.account
    spot.session_status()
    sandbox.faults.drop_replies("account.status")
    future = spot.get_account_info.submit()
    assert sandbox.faults.wait_for("drop_replies")
    sandbox.faults.cut(account)

    error = future.exception(10)
    assert isinstance(error, ConnectionLost)
    assert error.certainty is Certainty.MAYBE_SENT
    assert spot.get_account_info().status == 200


def test_a_skewed_clock_is_learned(sandbox, account, connect):
    """A clock that is an hour off is set by the exchange's answer, and the request signed again."""
    spot = connect(sandbox, account).spot_api.account
    for skew in (3600, -3600, 0):
        sandbox.faults.skew(skew)
        assert spot.get_account_info().status == 200


def test_a_refused_connect_is_tried_again(sandbox, account, connect):
    """Resets and busy answers while connecting delay a call, and do not fail it."""
    sandbox.faults.refuse(2)
    sandbox.faults.refuse_upgrade(1, 503)

    assert connect(sandbox, account).spot_api.account.get_account_info().status == 200
    assert sandbox.faults.triggered["refuse"] == 2
    assert sandbox.faults.triggered["refuse_upgrade"] == 1


@pytest.mark.parametrize("status", [301, 400, 404])
def test_a_wrong_address_fails_at_once(status, sandbox, account, connect):
    """An answer that will not change is reported at once; nothing is followed."""
    sandbox.faults.refuse_upgrade(1, status, {"Location": "ws://127.0.0.1:1/elsewhere"})

    with pytest.raises(HandshakeError) as caught:
        connect(sandbox, account).spot_api.account.get_account_info()
    assert caught.value.status == status


def test_a_revoked_key_ends_the_subscription(sandbox, account, heard, connect):
    """When the key is revoked, the subscription ends, and the user is told why."""
    spot = connect(sandbox, account).spot_api.account
    subscription = spot.subscribe_to_user_data_updates(**heard.handlers())
    notices = follow(subscription, type(heard))

    sandbox.faults.revoke(account)
    sandbox.faults.cut(account)

    assert notices.next() == "lost"
    assert notices.next().code == -2015
    assert notices.next() == "closed"
    assert subscription.wait(10)
    assert subscription.state is SubscriptionState.CLOSED


def test_a_sandbox_that_goes_away(sandbox, account, heard, connect):
    """Without a server, calls fail by their deadline, and close() ends everything all the same."""
    client = connect(sandbox, account, request_timeout=0.3)
    spot = client.spot_api.account
    subscription = spot.subscribe_to_user_data_updates(**heard.handlers())
    notices = follow(subscription, type(heard))
    sandbox.close()

    assert notices.next() == "lost"
    with pytest.raises(RequestTimeout) as caught:
        spot.get_account_info()
    assert caught.value.certainty is Certainty.NOT_SENT
    assert isinstance(caught.value.__cause__, ConnectionLost)
    client.close()
    assert notices.next() == "closed"
    with pytest.raises(ClientClosed):
        spot.get_account_info()


def test_garbage_among_the_events(sandbox, account, heard, connect):
    """What cannot be read costs the link; what is not known, or lacks a field, is handed over as it came."""
    spot = connect(sandbox, account, backfill=False).spot_api.account
    subscription = spot.subscribe_to_user_data_updates(**heard.handlers())
    notices = follow(subscription, type(heard))
    unknown = {"e": "somethingNew", "E": 1, "x": ["１２３４５６"]}
    lacking = {"e": "balanceUpdate", "E": 1, "a": "BTC"}

    sandbox.faults.inject(account, b'{"subscriptionId":0,"event":')
    assert (notices.next(), notices.next()) == ("lost", "restored")
    sandbox.faults.inject(account, unknown)
    sandbox.faults.inject(account, lacking)

    first, second = heard.next(), heard.next()
    assert (first.data.name, first.data.payload) == ("somethingNew", unknown)
    assert (second.data.name, second.data.payload) == ("balanceUpdate", lacking)
    assert "'d'" in str(notices.next())
    account.deposit("ETH", "1")
    assert heard.take(2) == account.events


def test_close_is_said_to_the_peer(connect):
    """A client that is closed says so with a close frame, instead of just going away."""
    codes = queue.SimpleQueue()

    def serve(connection):
        for message in connection:
            connection.send(json.dumps({"id": json.loads(message)["id"], "status": 200, "result": []}))
        codes.put(connection.close_code)

    with websockets.sync.server.serve(serve, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        environment = Environment(name="peer", ws_api_url=url, stream_url=url, rest_url="http://127.0.0.1:1")
        client = BinanceSocketClient(environment=environment)
        assert client.spot_api.account.session_subscriptions().result == []
        client.close()
        assert codes.get(timeout=10) == 1000
        server.shutdown()
        thread.join()


def test_a_page_in_the_place_of_an_address_that_has_worked(sandbox, account, heard, connect):
    """While a known address answers with something else, a subscription waits for it to come back."""
    subscription = connect(sandbox, account).spot_api.account.subscribe_to_user_data_updates(**heard.handlers())
    notices = follow(subscription, type(heard))
    sandbox.faults.refuse_upgrade(2, 404)
    sandbox.faults.cut(account)

    assert notices.next() == "lost"
    assert notices.next() == "restored"
    assert sandbox.faults.triggered["refuse_upgrade"] == 2


def test_the_exchange_announces_its_end(sandbox, account, heard, connect):
    """serverShutdown reaches whoever asked for it, typed, before the link is closed."""
    shutdown = type(heard)()
    spot = connect(sandbox, account).spot_api.account
    spot.subscribe_to_user_data_updates(**heard.handlers(), on_server_shutdown=shutdown)
    sandbox.faults.shutdown(0.1)

    assert isinstance(shutdown.next().data, ServerShutdown)
