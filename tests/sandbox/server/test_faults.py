"""Each fault, as the peer sees it."""

import json
import socket
import threading

import pytest

PATIENCE = 10.0
SUBSCRIBE = "userDataStream.subscribe.signature"


@pytest.fixture
def subscribed(peer, account):
    peer.result(SUBSCRIBE, **peer.signed(account))
    return peer


@pytest.mark.parametrize("reset", [True, False])
def test_cut_breaks_an_accounts_connections(sandbox, account, ed25519, raw, talk, reset):
    """With RST or FIN, and nobody else's."""
    key = talk(sandbox).result("userDataStream.start", apiKey=account.api_key)["listenKey"]
    stream = raw(f"{sandbox.environment.stream_url}/ws/{key}")
    stream.upgrade()
    other = talk(sandbox)
    other.log_on(ed25519)
    assert sandbox.faults.cut(account, reset=reset) == 2  # the stream, and the connection that asked for the key
    if reset:
        with pytest.raises(ConnectionResetError):
            stream.read_frame()
    else:
        with pytest.raises(EOFError):
            stream.read_frame()
    assert other.result("ping") == {}
    assert sandbox.faults.triggered == {"cut": 2}


def test_cut_without_an_account_breaks_every_connection(sandbox, talk):
    """All of them."""
    peers = [talk(sandbox) for _ in range(3)]
    assert sandbox.faults.cut() == 3
    for peer in peers:
        with pytest.raises(Exception, match="no close frame"):
            peer.socket.recv(PATIENCE)


@pytest.mark.parametrize("count", [0, 1, 12, 100])
def test_cut_at_breaks_the_next_connection_at_a_byte(sandbox, raw, count):
    """Its handshake counts; the connection after it is whole."""
    sandbox.faults.cut_at(count, reset=False)
    peer = raw(sandbox.environment.ws_api_url)
    with pytest.raises((EOFError, ConnectionError)):
        peer.upgrade()
    assert peer.seen == count
    assert raw(sandbox.environment.ws_api_url).upgrade().startswith(b"HTTP/1.1 101 ")
    assert sandbox.faults.triggered == {"cut_at": 1}


def test_cut_at_can_break_an_open_connection(sandbox, account, raw, peer):
    """In the middle of a frame."""
    key = peer.result("userDataStream.start", apiKey=account.api_key)["listenKey"]
    stream = raw(f"{sandbox.environment.stream_url}/ws/{key}")
    stream.upgrade()
    before = stream.seen
    sandbox.faults.cut_at(33, account, reset=False)
    account.deposit("ETH", "1")
    with pytest.raises(EOFError):
        stream.read_frame()
    assert stream.seen - before == 33


def test_an_upgrade_can_be_held(sandbox, raw):
    """Until it is released; others are answered meanwhile."""
    sandbox.faults.hold_upgrades()
    held = raw(sandbox.environment.ws_api_url)
    held.start_upgrade()
    assert sandbox.faults.wait_for("hold_upgrades")
    assert raw(sandbox.environment.ws_api_url).upgrade().startswith(b"HTTP/1.1 101 ")
    assert held.seen == 0
    sandbox.faults.release()
    assert held.end_upgrade().startswith(b"HTTP/1.1 101 ")


def test_a_held_upgrade_can_be_cut_off(sandbox, raw):
    """Nobody waits for it to be released, and others go on."""
    sandbox.faults.hold_upgrades()
    held = raw(sandbox.environment.ws_api_url)
    held.start_upgrade()
    assert sandbox.faults.wait_for("hold_upgrades")
    cutting = threading.Thread(target=sandbox.faults.cut, daemon=True)
    cutting.start()
    cutting.join(PATIENCE)
    assert not cutting.is_alive()
    with pytest.raises((EOFError, ConnectionError)):
        held.end_upgrade()


def test_half_open_connections_are_silent(sandbox, account, subscribed, talk):
    """Nothing comes and nothing closes, until the connection is cut."""
    assert sandbox.faults.half_open(account) == 1
    account.deposit("ETH", "1")
    subscribed.send("ping")
    # Another connection is served meanwhile: the silence is no delay.
    assert talk(sandbox).result("ping") == {}
    with pytest.raises(TimeoutError):
        subscribed.socket.recv(0.05)
    sandbox.faults.cut(account)
    with pytest.raises(Exception, match="no close frame"):
        subscribed.socket.recv(PATIENCE)


def test_a_connection_can_fall_silent_within_a_frame(sandbox, account, raw, peer):
    """At a byte, without closing."""
    key = peer.result("userDataStream.start", apiKey=account.api_key)["listenKey"]
    stream = raw(f"{sandbox.environment.stream_url}/ws/{key}")
    stream.upgrade()
    before = stream.seen
    sandbox.faults.freeze_at(33, account)
    account.deposit("ETH", "1")
    assert sandbox.faults.wait_for("freeze_at")
    stream.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        stream.read_frame()
    assert stream.seen - before == 33
    assert account.listeners == 1
    # The connection on which the key was asked for is not silent.
    assert sandbox.faults.cut_silent() == 1
    assert account.listeners == 0
    stream.socket.settimeout(PATIENCE)
    with pytest.raises(EOFError):
        stream.read_frame()


def test_subscriptions_can_be_terminated(sandbox, account, subscribed):
    """With an event, behind everything that was sent before; nothing comes after it, and one may subscribe anew."""
    account.deposit("ETH", "1")
    assert sandbox.faults.terminate(account) == 1
    account.deposit("ETH", "1")
    for event in account.events[:2]:
        assert subscribed.receive()["event"] == event
    assert subscribed.receive()["event"]["e"] == "eventStreamTerminated"
    assert subscribed.result(SUBSCRIBE, **subscribed.signed(account)) == {"subscriptionId": 1}
    assert account.listeners == 1
    assert sandbox.faults.triggered == {"terminate": 1}


def test_refused_connects_are_reset(sandbox, raw):
    """As many as were asked for."""
    sandbox.faults.refuse(2)
    for _ in range(2):
        with pytest.raises((ConnectionError, EOFError)):
            raw(sandbox.environment.ws_api_url).upgrade()
    assert raw(sandbox.environment.ws_api_url).upgrade().startswith(b"HTTP/1.1 101 ")
    assert sandbox.faults.triggered == {"refuse": 2}


@pytest.mark.parametrize("status", [302, 403, 429, 503])
def test_upgrades_can_be_refused(sandbox, raw, status):
    """With any status and headers."""
    sandbox.faults.refuse_upgrade(1, status, {"Retry-After": "7", "Location": "http://example.invalid/"})
    head = raw(sandbox.environment.ws_api_url).upgrade()
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Retry-After: 7\r\n" in head
    assert raw(sandbox.environment.ws_api_url).upgrade().startswith(b"HTTP/1.1 101 ")


def test_connections_are_closed_with_a_code(sandbox, subscribed, account):
    """Behind everything that was sent before."""
    account.deposit("ETH", "1")
    sandbox.faults.close(1012, "service restart", account)
    for event in account.events:
        assert subscribed.receive()["event"] == event
    with pytest.raises(Exception, match=r"1012.*service restart"):
        subscribed.socket.recv(PATIENCE)


def test_a_shutdown_is_announced(still, clock, talk):
    """serverShutdown first, the close when the grace is over."""
    peer = talk(still)
    assert still.faults.shutdown(grace=5.0) == 1
    assert peer.receive() == {"event": {"e": "serverShutdown", "E": int(clock.time() * 1000)}}
    assert peer.result("ping") == {}
    clock.advance(5.0)
    with pytest.raises(Exception, match="1001"):
        peer.socket.recv(PATIENCE)


def test_replies_can_be_dropped(sandbox, peer):
    """The request is carried out, its answer lost."""
    sandbox.faults.drop_replies("time", 2)
    peer.send("time")
    peer.send("time")
    ping = peer.send("ping")
    assert peer.receive()["id"] == ping
    assert peer.result("time")
    assert sandbox.faults.triggered == {"drop_replies": 2}


def test_replies_can_be_duplicated(sandbox, peer):
    """The same answer twice."""
    sandbox.faults.duplicate_replies()
    peer.send("ping")
    assert peer.receive() == peer.receive()
    assert sandbox.faults.triggered == {"duplicate_replies": 1}


def test_replies_can_be_delayed(still, clock, talk):
    """By so many seconds of the sandbox's clock; others overtake them."""
    peer = talk(still)
    still.faults.delay_replies(3.0, "time")
    late, early = peer.send("time"), peer.send("ping")
    assert peer.receive()["id"] == early
    clock.advance(3.0)
    assert peer.receive()["id"] == late


def test_replies_can_be_late_until_released(sandbox, peer):
    """They come in their order, when the test wants them."""
    sandbox.faults.late_replies(n=2)
    late = [peer.send("ping"), peer.send("time")]
    assert peer.result("session.status")
    assert sandbox.faults.release() == 2
    assert [peer.receive()["id"] for _ in late] == late


def test_events_can_be_lost_and_doubled(sandbox, account, subscribed):
    """On the wire: the ledger knows the truth."""
    sandbox.faults.drop_events(1)
    account.deposit("ETH", "1")  # balanceUpdate is lost, outboundAccountPosition comes
    sandbox.faults.duplicate_events(1)
    account.deposit("ETH", "2")
    events = account.events
    received = [subscribed.receive()["event"] for _ in range(4)]
    assert received == [events[1], events[2], events[2], events[3]]
    assert sandbox.faults.triggered == {"drop_events": 1, "duplicate_events": 1}


def test_anything_can_be_injected(sandbox, account, subscribed):
    """A mapping as an event, bytes as they are; neither is in the ledger."""
    assert sandbox.faults.inject(account, {"e": "newEvent", "x": 1}) == 1
    assert subscribed.receive() == {"subscriptionId": 0, "event": {"e": "newEvent", "x": 1}}
    assert sandbox.faults.inject(account, b'{"broken') == 1
    assert subscribed.socket.recv(PATIENCE) == '{"broken'
    assert account.events == []


def test_a_listen_key_can_expire(sandbox, account, peer, dial):
    """At once, with its event."""
    key = peer.result("userDataStream.start", apiKey=account.api_key)["listenKey"]
    stream = dial(f"{sandbox.environment.stream_url}/ws/{key}")
    sandbox.faults.expire(key)
    assert json.loads(stream.recv(PATIENCE))["e"] == "listenKeyExpired"


def test_revoked_keys_end_their_sessions(sandbox, ed25519, peer):
    """The next request is answered with id null and 401; key and session are of no use any more."""
    peer.log_on(ed25519)
    peer.result("userDataStream.subscribe")
    assert sandbox.faults.revoke(ed25519) == 1
    peer.send("ping")
    assert peer.receive() == {
        "id": None,
        "status": 401,
        "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
    }
    assert peer.receive()["event"]["e"] == "eventStreamTerminated"
    assert peer.result("session.status")["apiKey"] is None
    assert peer.error("session.logon", **peer.signed(ed25519))["code"] == -2015


def test_the_clock_can_be_off(sandbox, account, peer):
    """The exchange tells and expects another time."""
    sandbox.faults.skew(3600)
    assert peer.error("account.status", **peer.signed(account))["code"] == -1021
    now = peer.result("time")["serverTime"]
    assert peer.result("account.status", **peer.signed(account, timestamp=now))
    sandbox.faults.skew(0)
    assert peer.result("account.status", **peer.signed(account))


@pytest.mark.no_cover
def test_a_peer_that_does_not_read_holds_up_nobody(sandbox, account, raw, peer):
    """The exchange goes on, and so do other connections."""
    key = peer.result("userDataStream.start", apiKey=account.api_key)["listenKey"]
    lazy = raw(f"{sandbox.environment.stream_url}/ws/{key}")
    lazy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.upgrade()
    account.burst(20_000)
    assert peer.result("ping") == {}
    sandbox.faults.cut(account)
