"""How one thread ends a REST call of another."""

import socket
import threading

import pytest

from binance_socket import ConnectionLost, ProxyError, Secret
from binance_socket._engine.http import request_json
from binance_socket._engine.line import Line

PATIENCE = 10.0


def hang(peer):
    """Take the connection, and say nothing."""
    peer.read_to_end()


@pytest.fixture
def blackhole(descriptors):
    """An address that takes no connection and refuses none: its backlog is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        yield address
        for filler in fillers:
            filler.close()


@pytest.fixture
def name_server(monkeypatch):
    """A system that answers no question about names until the test lets it."""
    asked, release = threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def look_up(host, *args, **more):
        if host != "nowhere.example":
            return real(host, *args, **more)
        if not more.get("flags"):
            asked.set()
            assert release.wait(PATIENCE)
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield asked
    release.set()
    for thread in threading.enumerate():
        if thread.name == "binance-socket-lookup":
            thread.join(PATIENCE)


def outcome_of(run, line, url, **options):
    def call():
        with pytest.raises(ConnectionLost) as caught:
            request_json("POST", url, timeout=60, line=line, **options)
        return caught.value

    return run(call)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_call_that_waits_for_its_peer(serve, background, scheme):
    """For the answer, or for the handshake of TLS."""
    connected = threading.Event()

    def script(peer):
        peer.sock.recv(1, socket.MSG_PEEK)
        connected.set()
        hang(peer)

    server = serve(script)
    line = Line()
    join = outcome_of(background, line, f"{scheme}://127.0.0.1:{server.port}/")
    assert connected.wait(PATIENCE)
    line.end()
    join()
    line.end()


def test_a_call_that_waits_to_be_connected(blackhole, background, monkeypatch):
    """The peer neither takes nor refuses it."""
    waiting = threading.Event()
    line = Line()
    real = Line.connect

    def connect(self, *args):
        waiting.set()
        return real(self, *args)

    monkeypatch.setattr(Line, "connect", connect)
    join = outcome_of(background, line, f"http://127.0.0.1:{blackhole[1]}/")
    assert waiting.wait(PATIENCE)
    line.end()
    assert join().certainty.value == "not sent"


def test_a_call_that_waits_for_its_proxy(serve, background):
    """It says nothing. Nothing was sent, and it is not the proxy's fault."""
    asked = threading.Event()

    def script(peer):
        peer.read_head()
        asked.set()
        hang(peer)

    line = Line()
    proxy = Secret(f"http://127.0.0.1:{serve(script).port}")
    join = outcome_of(background, line, "https://x.example/", proxy=proxy)
    assert asked.wait(PATIENCE)
    line.end()
    error = join()
    assert error.certainty.value == "not sent"
    assert not isinstance(error, ProxyError)


def test_a_call_that_waits_for_a_name(name_server, background):
    """The system cannot be hurried: its answer is not waited for."""
    line = Line()
    join = outcome_of(background, line, "http://nowhere.example/")
    assert name_server.wait(PATIENCE)
    line.end()
    assert join().certainty.value == "not sent"


def test_a_call_that_has_not_begun(serve):
    """It does not connect any more."""
    server = serve(hang)
    line = Line()
    line.end()
    with pytest.raises(ConnectionLost):
        request_json("POST", f"http://127.0.0.1:{server.port}/", timeout=60, line=line)
    assert server.requests == 0
