"""How long a dead peer goes unnoticed, by default: 27 seconds, however it died. In simulated time, on a real socket."""

from __future__ import annotations

import json
import queue
import threading

import pytest

from binance_socket import ClientOptions, Environment
from binance_socket._engine.websocket import WebSocketNetwork, WebSocketTransport
from binance_socket._wire.messages import Request

PATIENCE = 10.0
PING = 0x9


class Dying:
    """A server that answers once, then sends what it is told to, and takes note of what it gets."""

    def __init__(self, frame):
        self.frame = frame
        self.orders = queue.SimpleQueue()
        self.got = queue.SimpleQueue()

    def __call__(self, peer):
        peer.upgrade()
        _, request = peer.read_frame()
        peer.send(self.frame(json.dumps({"id": json.loads(request)["id"], "status": 200, "result": {}}).encode()))
        while (data := self.orders.get(timeout=PATIENCE)) is not None:
            peer.send(data)
        self.got.put(peer.read_frame())
        self.got.put(peer.read_to_end())


@pytest.fixture
def reads(monkeypatch):
    """Counts the reads of the client that brought something."""
    counted = threading.Semaphore(0)
    read = WebSocketTransport._read

    def counting(self, *, wait):
        data = read(self, wait=wait)
        if data:
            counted.release()
        return data

    monkeypatch.setattr(WebSocketTransport, "_read", counting)
    return counted


@pytest.mark.parametrize("begun", [0, 1, 2, 3, 10, 100, 199], ids=lambda size: f"{size} bytes of a frame")
@pytest.mark.parametrize("trickles", [False, True], ids=["falls silent", "trickles"])
def test_a_peer_that_dies(make_client, serve, clock, pass_time, frame, reads, begun, trickles):
    """Silent for 22 s it is pinged, given up 5 s later. Bytes of a frame that never ends are no signs of life."""
    dying = Dying(frame)
    server = serve(dying)
    url = f"ws://127.0.0.1:{server.port}"
    venue = Environment(name="local", ws_api_url=url, stream_url=url, rest_url=url.replace("ws", "http"))
    client = make_client(environment=venue, network=WebSocketNetwork(), connect_budget=100)
    assert client._hub.submit(Request("ping")).result(PATIENCE).status == 200
    assert reads.acquire(timeout=PATIENCE)
    began = clock.monotonic()
    whole = frame(b"x" * 300)

    def trickle(start, stop):
        if stop > start:
            dying.orders.put(whole[start:stop])
            assert reads.acquire(timeout=PATIENCE)

    trickle(0, begun)
    pass_time(client, 11.0)
    trickle(begun, begun + trickles)
    pass_time(client, 10.9)
    trickle(begun + trickles, begun + 2 * trickles)
    pass_time(client, 0.1)
    dying.orders.put(None)
    opcode, _ = dying.got.get(timeout=PATIENCE)
    assert opcode == PING
    pass_time(client, 4.9)
    assert client._hub.api._session.last_close is None
    pass_time(client, 0.1)
    dying.got.get(timeout=PATIENCE)
    assert clock.monotonic() - began == pytest.approx(27.0)
    client.close()


def test_the_defaults():
    """What 27 seconds are made of."""
    options = ClientOptions()
    assert options.probe_after + options.probe_timeout <= 27.0
