"""What a connection does by itself: pings, and an end after 24 hours."""

import json

import pytest

PING, PONG, TEXT, CLOSE = 9, 10, 1, 8


@pytest.fixture
def bare(still, raw):
    peer = raw(still.environment.ws_api_url)
    assert peer.upgrade().startswith(b"HTTP/1.1 101 ")
    return peer


def test_the_server_pings_every_twenty_seconds(bare, clock):
    """And every ping has a payload of its own, to be copied."""
    payloads = []
    for _ in range(4):
        clock.advance(20)
        opcode, payload = bare.read_frame()
        assert opcode == PING
        payloads.append(payload)
        bare.send_frame(PONG, payload)
        # Its answer shows that the pong has been seen, too.
        bare.send_frame(TEXT, b'{"id":1,"method":"ping"}')
        assert bare.read_frame()[0] == TEXT
    assert len(set(payloads)) == 4


def test_without_a_pong_for_a_minute_the_connection_is_closed(bare, clock):
    """Pongs that copy no ping do not count."""
    for _ in range(3):
        clock.advance(20)
        assert bare.read_frame()[0] == PING
        bare.send_frame(PONG, b"")
    clock.advance(20)
    opcode, payload = bare.read_frame()
    assert opcode == CLOSE
    assert payload == b"\x03\xf0Pong timeout"


def test_a_pong_keeps_the_connection(bare, clock):
    """The latest ping's pong answers for all before it."""
    for _ in range(3):
        clock.advance(20)
        opcode, payload = bare.read_frame()
    bare.send_frame(PONG, payload)
    bare.send_frame(TEXT, b'{"id":1,"method":"ping"}')
    assert json.loads(bare.read_frame()[1])["status"] == 200
    clock.advance(20)
    opcode, payload = bare.read_frame()
    assert opcode == PING


@pytest.mark.parametrize(
    "path, notice",
    [
        ("/ws-api/v3", {"event": {"e": "serverShutdown"}}),
        ("/ws", {"e": "serverShutdown"}),
        ("/stream", {"stream": "!serverShutdown", "data": {"e": "serverShutdown"}}),
    ],
)
def test_after_24_hours_the_connection_ends_with_notice(still, dial, clock, path, notice):
    """serverShutdown, in the form of the connection, ten seconds before the close."""
    connection = dial(still.environment.stream_url + path)
    clock.advance(24 * 3600 - 10)
    message = json.loads(connection.recv(10))
    event = message.get("event") or message.get("data") or message
    assert event.pop("E") == int(clock.time() * 1000)
    assert message == notice
    assert still.faults.wait_for("end_of_day", 1)
    clock.advance(10)
    with pytest.raises(Exception, match="1001"):
        connection.recv(10)


def test_a_peers_ping_is_answered(bare):
    """With a copy of its payload."""
    bare.send_frame(PING, b"hello")
    assert bare.read_frame() == (PONG, b"hello")
