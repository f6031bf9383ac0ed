"""Faults below the exchange: frames, upgrades and answers that are wrong, as a bare socket sees them."""

import json
import socket
import threading

import pytest
from websockets.exceptions import ConnectionClosed

from binance_socket.sandbox.wire import Wire
from binance_socket.sandbox.wire_faults import FRAMES, REPLIES, UPGRADES, in_fragments

PATIENCE = 10
TEXT = 0x1
PING = 0x9
SUBSCRIBE = "userDataStream.subscribe.signature"


@pytest.fixture
def stream(sandbox, account, raw, peer):
    """A bare connection that hears the account's events by a listen key."""
    key = peer.result("userDataStream.start", apiKey=account.api_key)["listenKey"]
    stream = raw(f"{sandbox.environment.stream_url}/ws/{key}")
    stream.upgrade()
    return stream


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_arrive_as_they_are(kind, sandbox, account, stream):
    """To the byte, on every connection of the account."""
    assert sandbox.faults.send_frames(kind, account) == 2
    assert stream._exactly(len(FRAMES[kind])) == FRAMES[kind]
    # The other one answers pings.
    assert {**sandbox.faults.triggered, "pongs": 0} == {f"frames_{kind}": 2, "pongs": 0}


def test_a_kind_of_frames_that_is_none(sandbox):
    """Is refused, and not counted."""
    for wrong in (sandbox.faults.send_frames, sandbox.faults.spoil_upgrade, sandbox.faults.spoil_replies):
        with pytest.raises(KeyError):
            wrong("unheard_of")
    assert sandbox.faults.triggered == {}


def test_fragments(sandbox, account, stream):
    """Of one byte each, with a ping between any two; joined, they are the event."""
    assert sandbox.faults.fragment(account) == 2
    account.deposit("ETH", "1")
    joined, pings, ends = b"", 0, 0
    while ends < 2:
        first, size = stream._exactly(2)
        payload = stream._exactly(size)
        if first == 0x80 | PING:
            pings += 1
        else:
            assert size == 1
            joined += payload
            ends += first >> 7
    assert joined.decode() == "".join(json.dumps(event, separators=(",", ":")) for event in account.events)
    assert pings >= len(joined) - 1


@pytest.mark.parametrize("size", [0, 1, 2, 125, 126, 65535, 65536])
def test_fragments_of_any_size(size):
    """Long frames are taken apart as well, control frames are left as they are."""
    kind, width = (size, 0) if size < 126 else (126, 2) if size < 65536 else (127, 8)
    head = bytes((0x81, kind)) + (size.to_bytes(width, "big") if width else b"")
    ping = bytes((0x89, 1)) + b"p"
    done = in_fragments(head + b"x" * size + ping)
    assert done.endswith(ping)
    assert done.count(b"x") == size
    # A final fragment, and pings; a message of up to a byte stays whole.
    assert len(done) >= (3 * size if size > 1 else 2 + size) + len(ping)


def test_every_byte_by_itself(sandbox, account, stream):
    """The same bytes."""
    assert sandbox.faults.split(account) == 2
    account.deposit("ETH", "1")
    for event in account.events:
        assert json.loads(stream.read_frame()[1]) == event


def test_a_frame_that_drips(sandbox, account, stream):
    """A byte now and then of a frame without an end, until the connection ends."""
    assert sandbox.faults.drip(0.001, account) == 2
    assert stream._exactly(len(FRAMES["drip"]) + 20) == FRAMES["drip"] + b"x" * 20
    sandbox.faults.cut(account, reset=False)
    with pytest.raises(EOFError):
        stream._exactly(1_000_000)


def test_a_peer_that_does_not_read(sandbox, account, peer):
    """It sends all the same, and reads what came in the meantime once it is released."""
    peer.result(SUBSCRIBE, **peer.signed(account))
    assert sandbox.faults.stop_reading(account) == 1
    asked = peer.send("ping")
    account.deposit("ETH", "1")
    assert [peer.receive()["event"] for _ in range(2)] == account.events
    sandbox.faults.release()
    assert peer.receive()["id"] == asked


def test_what_comes_while_it_is_told_not_to_read(run):
    """The reader may be on its way to read: what it gets counts as not read, until it may read on."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours, None, lambda wire: None)
    kept = threading.Event()

    class Raw:
        """The same socket; the fault strikes when it is read."""

        fileno = ours.fileno
        close = ours.close

        def recv(self, size):
            wire.stop_reading()
            return ours.recv(size)

    def wait(events, timeout):
        if not events:
            kept.set()
        return Wire._wait(wire, events, timeout)

    wire._raw, wire._wait = Raw(), wait
    theirs.sendall(b"x")
    join = run(wire.recv, 100)
    assert kept.wait(PATIENCE)
    wire.read_on()
    assert join() == b"x"
    wire.close()
    theirs.close()


@pytest.mark.parametrize("kind", sorted(UPGRADES.keys() - {"drip", "hang"}))
def test_spoiled_upgrades(kind, sandbox, raw):
    """What is no answer at all, and what differs from the right one in a header; the next is right."""
    sandbox.faults.spoil_upgrade(kind)
    spoiled = raw(sandbox.environment.ws_api_url)
    spoiled.start_upgrade()
    if UPGRADES[kind]:
        assert spoiled._exactly(len(UPGRADES[kind])) == UPGRADES[kind]
        with pytest.raises(EOFError):
            spoiled._exactly(1)
    else:
        head = spoiled.end_upgrade()
        right = raw(sandbox.environment.ws_api_url).upgrade()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert _headers(head) != _headers(right)
    assert raw(sandbox.environment.ws_api_url).upgrade().startswith(b"HTTP/1.1 101 ")
    assert sandbox.faults.triggered == {f"upgrade_{kind}": 1}


def _headers(head):
    lines = head.decode().split("\r\n")
    return {line for line in lines if line.startswith("Sec-")}


def test_an_upgrade_that_is_never_answered(sandbox, raw):
    """Others are answered meanwhile."""
    sandbox.faults.spoil_upgrade("hang")
    waiting = raw(sandbox.environment.ws_api_url)
    waiting.start_upgrade()
    assert sandbox.faults.wait_for("upgrade_hang")
    assert raw(sandbox.environment.ws_api_url).upgrade().startswith(b"HTTP/1.1 101 ")
    waiting.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        waiting.end_upgrade()


def test_an_upgrade_that_drips(sandbox, raw):
    """Byte by byte, for longer than anybody waits; the sandbox can be closed all the same."""
    sandbox.faults.spoil_upgrade("drip")
    waiting = raw(sandbox.environment.ws_api_url)
    waiting.start_upgrade()
    assert waiting._exactly(4) == b"HTTP"


@pytest.mark.parametrize("kind", REPLIES)
def test_spoiled_replies(kind, sandbox, dial):
    """One answer is wrong, the next is right."""
    connection = dial(sandbox.environment.ws_api_url)
    request = json.dumps({"id": "a", "method": "ping"})
    sandbox.faults.spoil_replies(kind, "ping")
    connection.send(request)
    spoiled = connection.recv(10)
    connection.send(request)
    right = connection.recv(10)
    assert json.loads(right)["result"] == {}
    assert spoiled != right
    assert sandbox.faults.triggered == {f"{kind}_replies": 1}


def test_silent_subscriptions(sandbox, account, peer):
    """Nothing comes any more, and nothing is listed; no event tells of it."""
    peer.result(SUBSCRIBE, **peer.signed(account))
    assert sandbox.faults.mute(account) == 1
    account.deposit("ETH", "1")
    assert peer.result("session.subscriptions") == []


def test_a_session_that_is_logged_out(sandbox, ed25519, peer):
    """It is told with an error that has no id; what lived by it ends; one may log on again."""
    peer.log_on(ed25519)
    peer.result("userDataStream.subscribe")
    assert sandbox.faults.log_out(ed25519) == 1
    answer = peer.receive()
    assert (answer["id"], answer["error"]["code"]) == (None, -2015)
    assert peer.receive()["event"]["e"] == "eventStreamTerminated"
    assert ed25519.listeners == 0
    assert peer.log_on(ed25519)["apiKey"] == ed25519.api_key
    assert sandbox.faults.log_out(sandbox.create_account()) == 0


def test_a_listen_key_that_is_forgotten(sandbox, account, peer, stream):
    """It is silent, and unknown to whoever keeps it alive; unknown ones may be forgotten, too."""
    key = peer.result("userDataStream.start", apiKey=account.api_key)["listenKey"]
    sandbox.faults.forget_key(key)
    sandbox.faults.forget_key("never there")
    account.deposit("ETH", "1")
    assert account.listeners == 0
    assert peer.error("userDataStream.ping", apiKey=account.api_key, listenKey=key)["code"] == -1125


def test_an_error_with_data(sandbox, peer):
    """As the exchange tells when to come back."""
    sandbox.faults.fail_requests("ping", executed=False, status=429, code=-1003, data={"retryAfter": 7})
    assert peer.error("ping")["data"] == {"retryAfter": 7}


def test_a_connection_that_went_before_its_frames(sandbox, account, peer):
    """Nobody is there to send to."""
    peer.result(SUBSCRIBE, **peer.signed(account))
    sandbox.faults.cut(account)
    with pytest.raises(ConnectionClosed):
        peer.socket.recv(10)
    assert sandbox.faults.send_frames("binary", account) == 0
