"""User data over the WebSocket API."""

import time

import pytest

SUBSCRIBE = "userDataStream.subscribe.signature"
PATIENCE = 10.0


def test_a_subscription_brings_what_the_ledger_holds(peer, account):
    """Every event arrives, wrapped with the subscription's id, in the ledger's order."""
    assert peer.result(SUBSCRIBE, **peer.signed(account)) == {"subscriptionId": 0}
    account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="20000")
    account.deposit("ETH", "2")
    account.lock_externally("ETH", "1")
    events = account.events
    assert [event["e"] for event in events][:2] == ["executionReport", "outboundAccountPosition"]
    assert [peer.receive() for _ in events] == [{"subscriptionId": 0, "event": event} for event in events]


def test_a_session_subscribes_without_signature(peer, ed25519):
    """userDataStream.subscribe belongs to the session's account."""
    assert peer.error("userDataStream.subscribe")["code"] == -1002
    peer.log_on(ed25519)
    number = peer.result("userDataStream.subscribe")["subscriptionId"]
    assert peer.result("session.status")["userDataStream"] is True
    ed25519.deposit("ETH", "1")
    assert peer.receive()["subscriptionId"] == number


def test_an_account_has_one_subscription_per_connection(sandbox, talk, ed25519):
    """The second is -2035, whichever way it is asked for; another connection may have its own."""
    first, second = talk(sandbox), talk(sandbox)
    first.log_on(ed25519)
    first.result("userDataStream.subscribe")
    assert first.error("userDataStream.subscribe")["code"] == -2035
    assert first.error(SUBSCRIBE, **first.signed(ed25519))["code"] == -2035
    second.result(SUBSCRIBE, **second.signed(ed25519))
    assert ed25519.listeners == 2
    ed25519.deposit("ETH", "1")
    assert first.receive() == second.receive()


def test_several_accounts_share_a_connection(peer, account, ed25519):
    """Each has its own id, and ids are not used again."""
    assert peer.result(SUBSCRIBE, **peer.signed(account))["subscriptionId"] == 0
    assert peer.result(SUBSCRIBE, **peer.signed(ed25519))["subscriptionId"] == 1
    assert peer.result("session.subscriptions") == [{"subscriptionId": 0}, {"subscriptionId": 1}]
    peer.result("userDataStream.unsubscribe", subscriptionId=0)
    assert peer.receive()["event"]["e"] == "eventStreamTerminated"
    assert peer.result("session.subscriptions") == [{"subscriptionId": 1}]
    assert peer.result(SUBSCRIBE, **peer.signed(account))["subscriptionId"] == 2


def test_unsubscribing_without_an_id_ends_them_all(peer, account, ed25519):
    """Every subscription ends with its own eventStreamTerminated, behind the answer."""
    peer.result(SUBSCRIBE, **peer.signed(account))
    peer.result(SUBSCRIBE, **peer.signed(ed25519))
    assert peer.result("userDataStream.unsubscribe") == {}
    ended = [peer.receive() for _ in range(2)]
    assert [message["subscriptionId"] for message in ended] == [0, 1]
    assert {message["event"]["e"] for message in ended} == {"eventStreamTerminated"}
    assert peer.error("userDataStream.unsubscribe")["code"] == -2036
    account.deposit("ETH", "1")
    assert peer.result("ping") == {}
    assert account.listeners == 0


def test_an_unknown_subscription_cannot_be_ended(peer):
    """-2036 for an id that is not active."""
    assert peer.error("userDataStream.unsubscribe", subscriptionId=3)["code"] == -2036


def test_logging_out_ends_the_sessions_own_subscription_only(peer, ed25519, account):
    """Those made with a signature go on."""
    peer.log_on(ed25519)
    peer.result("userDataStream.subscribe")
    peer.result(SUBSCRIBE, **peer.signed(account))
    assert peer.result("session.logout")["userDataStream"] is True
    ended = peer.receive()
    assert ended["subscriptionId"] == 0
    assert set(ended["event"]) == {"e", "E"}
    assert ended["event"]["e"] == "eventStreamTerminated"
    account.deposit("ETH", "1")
    assert peer.receive()["subscriptionId"] == 1


@pytest.mark.parametrize("attempt", range(5))
def test_nothing_that_happens_after_the_acknowledgement_is_missed(sandbox, talk, account, attempt):
    """The moment the acknowledgement is here, the subscription is."""
    peer = talk(sandbox)
    assert peer.result(SUBSCRIBE, **peer.signed(account))["subscriptionId"] == 0
    account.deposit("ETH", "1")
    assert peer.receive()["event"]["e"] == "balanceUpdate"


def test_events_right_behind_the_acknowledgement_come_behind_it(sandbox, talk, account):
    """While events stream, the acknowledgement is still the first message of a subscription."""
    import threading

    stop = threading.Event()

    def flow():
        while not stop.is_set():
            account.deposit("ETH", "0.1")

    thread = threading.Thread(target=flow)
    thread.start()
    try:
        for _ in range(10):
            peer = talk(sandbox)
            request_id = peer.send(SUBSCRIBE, **peer.signed(account))
            first = peer.receive()
            assert first["id"] == request_id
            assert "event" in peer.receive()
    finally:
        stop.set()
        thread.join()


def test_a_connection_that_is_cut_is_forgotten(sandbox, talk, account):
    """At once; others are left alone."""
    peer, other = talk(sandbox), talk(sandbox)
    peer.result(SUBSCRIBE, **peer.signed(account))
    assert account.listeners == 1
    sandbox.faults.cut(account)
    assert account.listeners == 0
    assert other.result("ping") == {}


def test_a_connection_that_its_peer_closes_is_forgotten(talk, sandbox, account):
    """On a thread of the sandbox's, of which the peer sees nothing: soon."""
    peer = talk(sandbox)
    peer.result(SUBSCRIBE, **peer.signed(account))
    peer.socket.close()
    deadline = time.monotonic() + PATIENCE
    while account.listeners and time.monotonic() < deadline:
        pass
    assert account.listeners == 0
