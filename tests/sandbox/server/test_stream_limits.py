"""How much a connection to the streams may ask for, and what becomes of one that does not keep up."""

import json
import threading

import pytest

from binance_socket.sandbox import Sandbox, user_streams
from binance_socket.sandbox.links import Link

PATIENCE = 10.0
# Short: the whole of a request's first line has to fit into 8 KB.
NAMES = [f"x{number}" for number in range(1025)]


@pytest.mark.parametrize("form", ["/ws/{}", "/stream?streams={}"])
def test_a_url_names_as_many_streams_as_a_connection_carries(sandbox, raw, form):
    """1,024 are taken, however often they are named; one more is refused."""
    url = sandbox.environment.stream_url + form
    assert raw(url.format("/".join(NAMES))).upgrade().startswith(b"HTTP/1.1 400 ")
    assert raw(url.format("/".join([*NAMES[:1024], *NAMES[:100]]))).upgrade().startswith(b"HTTP/1.1 101 ")


def test_names_in_the_url_count_with_those_that_come_later(sandbox, dial):
    """The 1,025th is refused, and nothing of that request is subscribed; what is there already costs nothing."""
    stream = dial(f"{sandbox.environment.stream_url}/stream?streams={'/'.join(NAMES[:1023])}")

    def ask(**message):
        stream.send(json.dumps({**message, "id": 1}))
        return json.loads(stream.recv(PATIENCE))

    refusal = ask(method="SUBSCRIBE", params=["btcusdt@trade", "ethusdt@trade"])
    assert refusal == {"code": 2, "msg": "Invalid request: more than 1024 streams"}
    assert len(ask(method="LIST_SUBSCRIPTIONS")["result"]) == 1023
    assert ask(method="SUBSCRIBE", params=["btcusdt@trade", "x5"]) == {"result": None, "id": 1}
    assert ask(method="LIST_SUBSCRIPTIONS")["result"][-1] == "btcusdt@trade"


@pytest.mark.parametrize("target", ["/ws/btcusdt@trade?", "/stream?streams=btcusdt@trade&", "/ws?"])
@pytest.mark.parametrize(
    "unit, status",
    [("MICROSECOND", 101), ("microsecond", 101), ("MILLISECOND", 101), ("", 101), ("SECOND", 400), ("MICRO", 400)],
)
def test_a_time_unit_is_one_of_two(sandbox, raw, target, unit, status):
    """Another one is refused, and is not taken for milliseconds."""
    head = raw(f"{sandbox.environment.stream_url}{target}timeUnit={unit}").upgrade()
    assert head.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("unit, status", [("MICROSECOND", 101), ("millisecond", 101), ("NANOSECOND", 400)])
def test_a_time_unit_of_the_api_is_one_of_two(sandbox, raw, unit, status):
    """On the WebSocket API as well."""
    head = raw(f"{sandbox.environment.ws_api_url}?timeUnit={unit}").upgrade()
    assert head.startswith(b"HTTP/1.1 %d " % status)


def test_a_peer_that_does_not_read_is_let_go(dial, raw, monkeypatch):
    """With what waited for it; whoever reads meanwhile misses nothing."""
    readable = threading.Event()
    write = Link.write

    def held_up(link, frames):
        if link.request.path.endswith("/slow"):
            # For as long as everything else takes.
            assert readable.wait(10 * PATIENCE)
        write(link, frames)

    monkeypatch.setattr(Link, "write", held_up)
    monkeypatch.setattr(user_streams, "MOST_WAITING", 1000)
    with Sandbox() as sandbox:
        slow = raw(f"{sandbox.environment.stream_url}/ws/btcusdt@bookTicker/btcusdt@trade/slow")
        slow.upgrade()
        patient = raw(f"{sandbox.environment.stream_url}/ws/btcusdt@depth/slow")
        patient.upgrade()
        quick = dial(f"{sandbox.environment.stream_url}/ws/btcusdt@depth@100ms")
        seen = sandbox.order_book()["lastUpdateId"]
        last = sandbox.random_flow("BTCUSDT", seed=1, updates=10_000)
        while seen < last:
            event = json.loads(quick.recv(PATIENCE))
            assert event["U"] == seen + 1
            seen = event["u"]
        with pytest.raises((EOFError, ConnectionResetError)):
            slow.read_frame()
        # Held up just as long, but fewer events wait for this one.
        readable.set()
        assert patient.read_frame()[0] == 1
