import selectors
import socket
import ssl
import threading

import pytest

from binance_socket._engine import guarded_socket as module
from binance_socket._engine.clock import SystemClock
from binance_socket._engine.guarded_socket import Aborted, GuardedSocket, SendFailed, prepare
from binance_socket._engine.waker import Waker

PATIENCE = 10
MEGABYTE = 2**20


def soon(seconds=PATIENCE):
    return SystemClock().monotonic() + seconds


@pytest.fixture
def pair(descriptors):
    """A guarded socket, and the plain socket at its other end."""
    ours, theirs = socket.socketpair()
    prepare(ours)
    theirs.settimeout(PATIENCE)
    guarded = GuardedSocket(ours, Waker())
    yield guarded, theirs
    guarded.abort()
    guarded.close()
    theirs.close()


@pytest.fixture
def tls_pair(descriptors, certificates):
    """The same over TLS."""
    context = ssl.create_default_context(cafile=str(certificates.ca_file))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    theirs.settimeout(PATIENCE)
    server = []
    thread = threading.Thread(
        target=lambda: server.append(certificates.context().wrap_socket(theirs, server_side=True))
    )
    thread.start()
    ours = context.wrap_socket(ours, server_hostname="127.0.0.1")
    thread.join(PATIENCE)
    prepare(ours)
    guarded = GuardedSocket(ours, Waker())
    yield guarded, server[0]
    guarded.abort()
    guarded.close()
    server[0].close()


@pytest.fixture(params=["plain", "tls"])
def either_pair(request):
    return request.getfixturevalue("pair" if request.param == "plain" else "tls_pair")


def fill(guarded):
    """Send until the kernel takes no more; return how many bytes it took, and what is left of the last piece."""
    piece = b"x" * 65536
    total = 0
    while True:
        sent = guarded.try_send(piece)
        if sent is None:
            return total, piece
        total += sent
        if sent < len(piece):
            # The rest has to come first from now on.
            piece = piece[sent:]


def test_what_is_sent_arrives_and_the_reverse(either_pair):
    """Both ways, and the end of the stream is an empty read."""
    guarded, theirs = either_pair
    guarded.send(b"hello", soon())
    assert theirs.recv(100) == b"hello"
    theirs.sendall(b"goodbye")
    assert guarded.recv(soon()) == b"goodbye"
    theirs.close()
    assert guarded.recv(soon()) == b""


def test_nothing_to_read_is_none(either_pair):
    """try_recv() never waits."""
    guarded, theirs = either_pair
    # TLS 1.3 tickets may be there; they are no data.
    assert guarded.try_recv() is None
    theirs.sendall(b"x")
    assert guarded.recv(soon()) == b"x"
    assert guarded.try_recv() is None


def test_waiting_to_read_ends_at_the_deadline(either_pair):
    """With a TimeoutError."""
    guarded, _ = either_pair
    with pytest.raises(TimeoutError):
        guarded.recv(soon(0.05))


def test_a_peer_that_stops_reading_ends_a_send_at_the_deadline(either_pair):
    """And the exception tells that some of it has left."""
    guarded, _ = either_pair
    with pytest.raises(SendFailed) as caught:
        guarded.send(b"x" * 20 * MEGABYTE, soon(0.2))
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert caught.value.partly


def test_a_send_of_which_nothing_left_says_so(pair):
    """The kernel took no byte of it."""
    guarded, _ = pair
    fill(guarded)
    with pytest.raises(SendFailed) as caught:
        guarded.send(b"never", soon(0.05))
    assert not caught.value.partly


def test_a_partial_send_goes_on_when_the_peer_reads(either_pair, background):
    """The peer's pauses do not hurt what it gets."""
    guarded, theirs = either_pair
    data = b"".join(b"%08d" % n for n in range(MEGABYTE // 2))

    def read():
        got = b""
        while len(got) < len(data):
            got += theirs.recv(65536)
        return got

    sending = background(guarded.send, data, soon())
    assert background(read)() == data
    sending()


@pytest.mark.parametrize("where", ["recv", "send", "wait_readable"])
def test_abort_ends_whatever_blocks(either_pair, background, where):
    """From another thread, in every place that waits, without waiting itself; and for ever."""
    guarded, theirs = either_pair
    # TLS 1.3 tickets, which end a wait, come before it.
    theirs.sendall(b"x")
    assert guarded.recv(soon()) == b"x"
    assert guarded.try_recv() is None
    waiting = threading.Event()
    select = selectors.DefaultSelector.select

    def announced(selector, timeout=None):
        waiting.set()
        return select(selector, timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selectors.DefaultSelector, "select", announced)
        if where == "send":
            join = background(guarded.send, b"x" * 20 * MEGABYTE, soon(60))
        elif where == "recv":
            join = background(guarded.recv)
        else:
            join = background(guarded.wait_readable)
        assert waiting.wait(PATIENCE)
        guarded.abort("the reason")
        with pytest.raises(OSError, match="the reason"):
            join()
    guarded.abort("another")
    with pytest.raises(Aborted, match="the reason"):
        guarded.try_recv()
    with pytest.raises(Aborted, match="the reason"):
        guarded.try_send(b"x")
    with pytest.raises(SendFailed, match="the reason"):
        guarded.send(b"x", soon())


def test_abort_does_not_wait_for_a_call_in_progress(pair, background):
    """Even if somebody sits in a call on the socket."""
    guarded, _ = pair
    with guarded._mutex:
        background(guarded.abort)()


def test_abort_never_drops_the_encryption(tls_pair):
    """Afterwards the socket is still a TLS socket, so that nothing can leave in clear."""
    guarded, _ = tls_pair
    guarded.abort()
    assert guarded._sock._sslobj is not None


def test_abort_and_close_in_any_order(pair):
    """Both are idempotent, and neither minds the other."""
    guarded, _ = pair
    guarded.abort()
    guarded.close()
    guarded.close()
    guarded.abort()
    guarded.nudge()
    assert guarded.fileno() == -1
    with pytest.raises(Aborted):
        guarded.recv()


def test_a_nudge_ends_one_wait(pair, background):
    """The reader looks again at what it waits for; a deadline later it still waits for data."""
    guarded, theirs = pair
    guarded.try_recv()
    guarded.nudge()
    guarded.wait_readable()
    with pytest.raises(TimeoutError):
        guarded.wait_readable(soon(0.02))
    theirs.sendall(b"x")
    guarded.wait_readable()
    assert guarded.try_recv() == b"x"


def test_a_reader_can_wait_for_room_to_write(pair):
    """For a control frame that had to wait."""
    guarded, theirs = pair
    fill(guarded)
    guarded.try_recv()
    with pytest.raises(TimeoutError):
        guarded.wait_readable(soon(0.02), or_writable=True)
    theirs.setblocking(False)
    try:
        while theirs.recv(65536):
            pass
    except BlockingIOError:
        pass
    guarded.wait_readable(soon(), or_writable=True)
    assert guarded.try_recv() is None
    with pytest.raises(TimeoutError):
        guarded.wait_readable(soon(0.02))


def test_a_nudge_does_not_keep_a_sender_busy(pair, background):
    """A sender that waits while a nudge for the reader is pending still waits, rather than turning in circles."""
    guarded, theirs = pair
    fill(guarded)
    guarded.nudge()
    waits = []
    wait = guarded._wait

    def counted(selector, deadline):
        waits.append(deadline)
        return wait(selector, deadline)

    guarded._wait = counted
    with pytest.raises(SendFailed):
        guarded.send(b"x", soon(0.1))
    assert len(waits) <= 3
    assert theirs.recv(1) == b"x"


def test_large_reads_come_in_pieces_without_waiting_between(either_pair, background):
    """What TLS has decrypted, and what a read has left, is taken before waiting."""
    guarded, theirs = either_pair
    data = bytes(range(256)) * 4096
    sending = background(theirs.sendall, data)
    got = b""
    while len(got) < len(data):
        got += guarded.recv(soon())
    sending()
    assert got == data


def test_what_is_decrypted_is_read_before_waiting(tls_pair, monkeypatch):
    """A selector knows nothing of the rest of a record."""
    guarded, theirs = tls_pair
    monkeypatch.setattr(module, "READ_SIZE", 100)
    theirs.sendall(b"x" * 250)
    sizes = [len(guarded.recv(soon()))]
    for _ in range(2):
        guarded.wait_readable(soon())
        sizes.append(len(guarded.try_recv()))
    assert sizes == [100, 100, 50]


def test_a_reset_is_an_error(serve, background):
    """RST raises in the reader."""
    server = serve(lambda peer: peer.reset())
    sock = socket.create_connection(("127.0.0.1", server.port))
    prepare(sock)
    guarded = GuardedSocket(sock, Waker())
    try:
        with pytest.raises(ConnectionResetError):
            guarded.recv(soon())
    finally:
        guarded.close()


def test_two_threads_in_one_tls_connection(tls_pair, background):
    """A reader and a writer, some megabytes each way at the same time: every byte arrives as it was sent."""
    guarded, theirs = tls_pair
    ours_to_theirs = b"".join(b"up%08d" % n for n in range(MEGABYTE * 4 // 10))
    theirs_to_ours = b"".join(b"dn%08d" % n for n in range(MEGABYTE * 4 // 10))
    # The other end has one SSL object in two threads, too.
    other = GuardedSocket(theirs, Waker())
    theirs.setblocking(False)

    def write(sock, data, step):
        for start in range(0, len(data), step):
            sock.send(data[start : start + step], soon(60))

    def read(sock, size):
        got = bytearray()
        while len(got) < size:
            got += sock.recv(soon(60))
        return bytes(got)

    joins = [
        background(write, guarded, ours_to_theirs, 777),
        background(write, other, theirs_to_ours, 1311),
        background(read, guarded, len(theirs_to_ours)),
        background(read, other, len(ours_to_theirs)),
    ]
    results = [join() for join in joins]
    assert results[2] == theirs_to_ours
    assert results[3] == ours_to_theirs
    other.abort()
    other.close()


def test_platforms_that_have_less(monkeypatch, descriptors, background):
    """No epoll, no poll, no fork, no TCP_USER_TIMEOUT, no keepalive settings: it all works the same."""
    monkeypatch.setattr(selectors, "DefaultSelector", selectors.SelectSelector)
    for name in ("TCP_USER_TIMEOUT", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_NODELAY"):
        monkeypatch.delattr(socket, name, raising=False)
    for name in ("fork", "register_at_fork"):
        monkeypatch.delattr("os." + name, raising=False)
    for name in ("poll", "epoll", "kqueue", "devpoll"):
        monkeypatch.delattr("select." + name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    theirs.settimeout(PATIENCE)
    prepare(ours)
    guarded = GuardedSocket(ours, Waker())
    assert isinstance(guarded._reading, selectors.SelectSelector)
    theirs.sendall(b"in")
    assert guarded.recv(soon()) == b"in"
    guarded.send(b"out", soon())
    assert theirs.recv(10) == b"out"
    with pytest.raises(SendFailed):
        guarded.send(b"x" * 20 * MEGABYTE, soon(0.1))
    receiving = background(guarded.recv)
    guarded.abort()
    with pytest.raises(Aborted):
        receiving()
    guarded.close()
    theirs.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this platform has no TCP_USER_TIMEOUT")
def test_the_options_of_a_prepared_socket():
    """Small messages leave at once, and dead peers are noticed."""
    with socket.socket() as sock:
        prepare(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 27_000
        assert not sock.getblocking()
