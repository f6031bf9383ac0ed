import threading

import pytest

from binance_socket._engine.transport import Network, Transport, Waker
from binance_socket._session.closing import LinkClosed
from binance_socket.errors import ConnectionLost, TlsError
from binance_socket.testing import FakeNetwork, FakeTransport

PATIENCE = 10


@pytest.fixture
def waker():
    waker = Waker()
    yield waker
    waker.close()


@pytest.fixture
def transport():
    return FakeTransport("ws://x")


def test_they_are_what_they_stand_for(transport):
    """The fakes have every method of the protocols."""
    for fake, protocol in ((transport, Transport), (FakeNetwork(), Network)):
        for name in vars(protocol):
            if not name.startswith("_"):
                assert hasattr(fake, name)


def test_what_the_client_sends_and_receives(transport):
    """Decoded for the test, bytes for the client, one push as one read."""
    transport.send(b'{"id":1}')
    assert transport.sent() == {"id": 1}
    transport.send(b"raw")
    assert transport.sent_bytes() == b"raw"
    assert transport.nothing_sent()
    transport.push({"a": 1}, b"{}")
    transport.push_control()
    assert transport.receive() == [b'{"a":1}', b"{}"]
    assert transport.receive() == []
    with pytest.raises(AssertionError, match="sent nothing"):
        transport.sent(timeout=0.01)


def test_dropping(transport):
    """What was pushed before comes first; then receiving and sending raise, for ever."""
    transport.push({})
    transport.drop("gone", code=1001)
    assert transport.receive() == [b"{}"]
    for _ in range(2):
        with pytest.raises(LinkClosed, match="gone") as caught:
            transport.receive()
        assert caught.value.code == 1001
    with pytest.raises(ConnectionLost, match="gone"):
        transport.send(b"{}")


def test_sending_may_break_alone(transport):
    """While receiving goes on."""
    transport.break_sending()
    with pytest.raises(ConnectionLost):
        transport.send(b"{}")
    transport.push({})
    assert transport.receive() == [b"{}"]


@pytest.mark.parametrize("how", ["abort", "close"])
def test_the_client_ends_it(transport, waker, how):
    """A receive that waits on another thread ends, and the test learns of it."""
    transport.own(waker)
    ended = []

    def receive():
        try:
            transport.receive()
        except LinkClosed as exc:
            ended.append(exc.code)

    thread = threading.Thread(target=receive)
    thread.start()
    getattr(transport, how)()
    thread.join(PATIENCE)
    assert ended == [1006]
    assert transport.aborted is (how == "abort")
    transport.close(1001)
    transport.wait_closed()
    assert transport.close_code == (1000 if how == "close" else 1001)
    assert waker.fileno() == -1


def test_pings_are_counted(transport):
    """And can be waited for."""
    transport.ping()
    transport.wait_pinged()
    assert transport.pings == 1
    with pytest.raises(AssertionError):
        transport.wait_pinged(timeout=0.01)
    with pytest.raises(AssertionError):
        transport.wait_closed(timeout=0.01)


def test_connecting(waker):
    """The client's transport is the test's."""
    network = FakeNetwork()
    transport = network.connect("ws://a", timeout=1, waker=waker)
    assert network.accept() is transport
    assert transport.url == "ws://a"
    assert network.wait_attempt() == "ws://a"
    for wait in (network.accept, network.wait_attempt):
        with pytest.raises(AssertionError):
            wait(timeout=0.01)


def test_refusing(waker):
    """One attempt for each call, and then they succeed again."""
    network = FakeNetwork()
    network.refuse()
    network.refuse(TlsError("who are you"))
    with pytest.raises(ConnectionLost, match="refused"):
        network.connect("ws://a", timeout=1, waker=waker)
    with pytest.raises(TlsError):
        network.connect("ws://b", timeout=1, waker=waker)
    network.connect("ws://c", timeout=1, waker=waker)
    assert network.attempts == ["ws://a", "ws://b", "ws://c"]


def test_hanging(waker):
    """Until the waker is woken, now or before."""
    network = FakeNetwork()
    network.hang()
    failures = []

    def connect():
        try:
            network.connect("ws://a", timeout=1, waker=waker)
        except ConnectionLost as exc:
            failures.append(exc)

    thread = threading.Thread(target=connect)
    thread.start()
    network.wait_attempt()
    waker.wake()
    thread.join(PATIENCE)
    assert "aborted" in str(failures[0])
    with pytest.raises(ConnectionLost, match="aborted"):
        network.connect("ws://b", timeout=1, waker=waker)
