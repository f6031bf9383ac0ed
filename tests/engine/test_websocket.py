import contextlib
import itertools
import logging
import queue
import selectors
import socket
import threading

import pytest
import websocket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binance_socket._engine import websocket as module
from binance_socket._engine.guarded_socket import GuardedSocket
from binance_socket._engine.waker import Waker
from binance_socket._engine.websocket import WebSocketNetwork, WebSocketTransport
from binance_socket._session.closing import LinkClosed
from binance_socket.errors import Certainty, ConnectionLost, HandshakeError, InvalidRequest, ProxyError, TlsError

PATIENCE = 10
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def receive_all(transport):
    """Receive until the link ends, and return the messages and the end."""
    messages = []
    while True:
        try:
            messages += transport.receive()
        except LinkClosed as exc:
            return messages, exc


def upgraded(script):
    """Make a script that begins behind the upgrade."""

    def run(peer):
        script(peer.upgrade())

    return run


# Connecting


def test_messages_both_ways(serve, connect, frame):
    """Text goes out masked and whole, comes in as bytes, in order; what came with the upgrade is not lost."""
    received = queue.SimpleQueue()

    def script(peer):
        peer.upgrade(early=frame(b"early") + frame(b"bird")[:3])
        peer.send(frame(b"bird")[3:])
        for _ in range(3):
            received.put(peer.read_frame())
        peer.send(frame(b"echo"))
        peer.read_to_end()

    transport = connect(serve(script))
    messages = transport.receive()
    # The rest of the second message may have come with the same read.
    if len(messages) < 2:
        messages += transport.receive()
    assert messages == [b"early", b"bird"]
    for payload in (b"{}", b"x" * 200, b"y" * 70_000):
        transport.send(payload)
        assert received.get(timeout=PATIENCE) == (TEXT, payload)
    assert transport.receive() == [b"echo"]


def test_what_came_before_the_end_is_returned_before_it(serve, connect, frame):
    """However much of it is read with one wake-up: more than one read, and more than is handed on together."""
    count = 2000

    def script(peer):
        peer.upgrade()
        peer.send(b"".join(frame(b"%0200d" % number) for number in range(count)))
        peer.close()

    transport = connect(serve(script))
    received = []
    while len(received) < count:
        received += transport.receive()
    with pytest.raises(LinkClosed):
        transport.receive()
    assert [int(message) for message in received] == list(range(count))


def test_messages_sent_in_one_go_arrive_as_frames_of_their_own(serve, connect):
    """They share a write, not a frame."""
    payloads = [b"a", b"b" * 70_000, "ü".encode()]
    arrived = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        for _ in payloads:
            arrived.put(peer.read_frame())
        peer.read_to_end()

    transport = connect(serve(script))
    transport.send(*payloads)
    assert [arrived.get(timeout=PATIENCE) for _ in payloads] == [(TEXT, payload) for payload in payloads]


def test_over_tls(serve, connect, certificates, frame):
    """The same, encrypted."""

    def script(peer):
        peer.upgrade()
        peer.send(frame(b"x" * 100_000) + frame(b"y"))
        assert peer.read_frame() == (TEXT, b"z")
        peer.read_to_end()

    transport = connect(serve(script, certificates.context()), scheme="wss", ca_file=certificates.ca_file)
    messages = []
    while len(messages) < 2:
        messages += transport.receive()
    assert messages == [b"x" * 100_000, b"y"]
    transport.send(b"z")


def test_the_request(serve, connect):
    """The path with its query, the host with its port, no origin, no cookie, nothing compressed."""
    heads = queue.SimpleQueue()

    def script(peer):
        heads.put(peer.upgrade().request)
        peer.read_to_end()

    server = serve(script)
    connect(server, path="/ws-api/v3?a=b")
    head = heads.get(timeout=PATIENCE).decode()
    assert head.startswith("GET /ws-api/v3?a=b HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n" in head
    for name in ("origin", "cookie", "extensions", "authorization"):
        assert name not in head.lower()
    connect(server, path="")
    assert heads.get(timeout=PATIENCE).startswith(b"GET / HTTP/1.1\r\n")


def test_cookies_are_neither_kept_nor_sent(serve, connect, monkeypatch):
    """websocket-client keeps one jar for the whole process; nothing of ours goes there, nothing comes from there."""
    heads = queue.SimpleQueue()
    jar = websocket._handshake.CookieJar
    monkeypatch.setattr(jar, "jar", {})
    jar.set("theirs=1; Domain=127.0.0.1")
    before = {domain: cookie.output() for domain, cookie in jar.jar.items()}

    def script(peer):
        heads.put(peer.read_head())
        peer.send(peer.response(b"Set-Cookie: ours=2; Domain=127.0.0.1\r\n"))
        peer.read_to_end()

    server = serve(script)
    for _ in range(2):
        connect(server)
        assert b"cookie" not in heads.get(timeout=PATIENCE).lower()
    assert {domain: cookie.output() for domain, cookie in jar.jar.items()} == before


def test_their_trace_does_not_know_the_path(serve, connect, caplog, monkeypatch):
    """A listen key may be in it, and a program may have switched the trace on."""
    monkeypatch.setattr(websocket._logging, "_traceEnabled", True)
    with caplog.at_level(logging.DEBUG):
        transport = connect(serve(upgraded(lambda peer: peer.read_to_end())), path="/ws/canary")
        transport.send(b"canary")
    assert "canary" not in caplog.text


@pytest.mark.parametrize("path", ["/a b", "/\u20ac", "/\x00"])
def test_a_path_that_is_none(serve, connect, path):
    """Cannot smuggle anything into the request."""
    with pytest.raises(InvalidRequest):
        connect(serve(lambda peer: peer.read_to_end()), path=path)


REFUSALS = {
    403: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nForbidden",
    429: b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 17\r\n\r\n",
    418: b"HTTP/1.1 418\r\nretry-after: 120\r\n\r\n",
    503: b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: soon\r\n\r\n",
    302: b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n",
    308: b"HTTP/1.1 308 Permanent Redirect\r\n\r\n",
    200: b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n",
    401: b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 200_000,
    400: b"HTTP/1.1 400 Bad Request\r\nContent-Length: nonsense\r\n\r\n",
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refused_upgrade(serve, connect, status):
    """Carries its status and how long to stay away; redirects are not followed; bodies are not waited for."""

    def script(peer):
        peer.read_head()
        peer.send(REFUSALS[status])
        peer.read_to_end()

    server = serve(script)
    with pytest.raises(HandshakeError) as caught:
        connect(server)
    assert caught.value.status == status
    assert caught.value.retry_after == {429: 17.0, 418: 120.0}.get(status)
    assert caught.value.certainty is Certainty.NOT_SENT
    assert server.requests == 1


def agree(change):
    def script(peer):
        peer.read_head()
        peer.send(change(peer.response()))
        peer.read_to_end()

    return script


WRONG_UPGRADES = {
    "another key": lambda r: r.replace(b"Sec-WebSocket-Accept: ", b"Sec-WebSocket-Accept: x"),
    "no key": lambda r: r.replace(b"Sec-WebSocket-Accept", b"X"),
    "no upgrade": lambda r: r.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    "no connection": lambda r: r.replace(b"Connection: Upgrade", b"Connection: close"),
    "an extension": lambda r: r[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    "a protocol": lambda r: r[:-2] + b"Sec-WebSocket-Protocol: graphql\r\n\r\n",
    "a line that is no header": lambda r: r[:-2] + b"nonsense\r\n\r\n",
    "bytes that are no text": lambda r: r[:-2] + b"X: \xff\xfe\r\n\r\n",
}


@pytest.mark.parametrize("kind", WRONG_UPGRADES)
def test_a_wrong_upgrade(serve, connect, kind):
    """Is a HandshakeError with status 101."""
    with pytest.raises(HandshakeError) as caught:
        connect(serve(agree(WRONG_UPGRADES[kind])))
    assert caught.value.status == 101


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n\r\n", b"\xff\x00\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"x" * 200_000])
def test_a_server_that_does_not_speak_http(serve, connect, answer):
    """Is a HandshakeError without a status; an endless head is not read to its end."""

    def script(peer):
        peer.read_head()
        peer.send(answer)
        peer.read_to_end()

    with pytest.raises(HandshakeError) as caught:
        connect(serve(script))
    assert caught.value.status == 0


@pytest.mark.parametrize("end", ["close", "reset"])
def test_the_line_breaks_at_every_byte_of_the_handshake(serve, connect, end):
    """ConnectionLost every time, and no descriptor is left."""
    cut = {"at": 0}
    sizes = []

    def script(peer):
        peer.read_head()
        response = peer.response()
        sizes.append(len(response))
        peer.send(response[: cut["at"]])
        getattr(peer, end)()

    server = serve(script)
    while True:
        with pytest.raises(ConnectionLost) as caught:
            connect(server)
        assert not isinstance(caught.value, (HandshakeError, TlsError, ProxyError))
        cut["at"] += 1
        if cut["at"] >= sizes[0]:
            return


def test_the_deadline_holds_for_the_whole_handshake(serve, connect):
    """A server that sends a byte now and then, each in time, does not get longer than all of it together may take."""
    ticks = threading.Event()

    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\n")
        while not ticks.wait(0.02):
            peer.send(b"X")

    server = serve(script)
    with pytest.raises(ConnectionLost, match=r"took too long.*upgrade"):
        connect(server, timeout=0.3)
    ticks.set()


def test_the_deadline_holds_for_a_silent_server(serve, connect):
    """Also where nothing comes at all."""
    with pytest.raises(ConnectionLost, match=r"took too long.*upgrade"):
        connect(serve(lambda peer: peer.read_to_end()), timeout=0.2)


def test_interrupted_while_upgrading(serve, waker, background):
    """The waker ends the wait for the upgrade, and stays the caller's."""
    asked = threading.Event()

    def script(peer):
        peer.read_head()
        asked.set()
        peer.read_to_end()

    url = f"ws://127.0.0.1:{serve(script).port}/"
    join = background(lambda: WebSocketNetwork().connect(url, timeout=60, waker=waker))
    assert asked.wait(PATIENCE)
    waker.wake()
    with pytest.raises(ConnectionLost, match="aborted"):
        join()
    assert waker.fileno() >= 0


def test_a_bad_proxy_is_found_at_once():
    """Before anything is connected."""
    with pytest.raises(InvalidRequest):
        WebSocketNetwork(proxy="socks5://127.0.0.1:1")


def test_no_descriptors_left_to_use(serve, connect, monkeypatch):
    """The system's limits are a lost connection, too, wherever they are met, and nothing is left open."""
    server = serve(lambda peer: peer.upgrade().read_to_end())
    real = selectors.DefaultSelector
    failures = []
    while True:
        left = iter(range(len(failures)))

        def scarce(left=left):
            if next(left, None) is None:
                raise OSError(24, "Too many open files")
            return real()

        with monkeypatch.context() as patch:
            patch.setattr(selectors, "DefaultSelector", scarce)
            try:
                transport = connect(server)
            except ConnectionLost as exc:
                failures.append(str(exc))
            else:
                break
    transport.close()
    assert len(failures) > 1
    assert all("Too many open files" in failure for failure in failures)


# Receiving


def test_every_split_point_on_the_wire(serve, connect, frame):
    """Three frames with a ping between fragments, cut in two sends: the same messages, and the ping is answered."""
    stream = frame(b"one") + frame(b"tw", fin=False) + frame(b"hey", PING) + frame(b"o", 0) + frame(b"three" * 50)
    cuts = iter(range(1, len(stream)))
    pongs = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        cut = next(cuts)
        peer.send(stream[:cut])
        peer.send(stream[cut:])
        pongs.put(peer.read_frame())
        peer.read_to_end()

    server = serve(script)
    for _ in range(1, len(stream)):
        transport = connect(server)
        messages = []
        while len(messages) < 3:
            messages += transport.receive()
        assert messages == [b"one", b"two", b"three" * 50]
        assert pongs.get(timeout=PATIENCE) == (PONG, b"hey")
        transport.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(max_size=2000).map(str.encode), min_size=1, max_size=10),
    st.lists(st.integers(0, 10**6), max_size=6),
)
def test_frames_cut_at_random_points(serve, connect, frame, payloads, positions):
    """However the bytes come, the same messages come out, and then the end."""
    stream = b"".join(frame(payload) for payload in payloads) + frame(b"\x03\xe8", CLOSE)
    cuts = sorted({0, len(stream), *(position % len(stream) for position in positions)})

    def script(peer):
        peer.upgrade()
        for start, stop in zip(cuts, cuts[1:]):  # noqa: B905, RUF007
            peer.send(stream[start:stop])
        peer.read_to_end()

    transport = connect(serve(script))
    messages, end = receive_all(transport)
    transport.close()
    assert messages == payloads
    assert end.code == 1000


@pytest.mark.parametrize("end", ["close", "reset"])
def test_the_line_breaks_at_every_byte_of_a_frame(serve, connect, frame, end):
    """What was complete is delivered, the rest is dropped, and the end is 1006."""
    # Lengths of 7, 16 and 64 bits, and a message in fragments.
    messages = [b"whole", b"x" * 130, b"in two", b"y" * 70_000]
    frames = [frame(messages[0]), frame(messages[1]), frame(b"in ", fin=False) + frame(b"two", 0), frame(messages[3])]
    ends = list(itertools.accumulate(map(len, frames)))
    stream = b"".join(frames)
    body = ends[2] + 10
    assert stream[body - 11 : body + 1] == b"o\x81\x7f" + (70_000).to_bytes(8, "big") + b"y"
    points = [*range(body + 3), body + 32_768, body + 65_535, body + 65_536, len(stream) - 1]
    cuts = iter(points)

    def script(peer):
        peer.upgrade()
        peer.send(stream[: next(cuts)])
        if end == "reset":
            # Not before it was read, or the reset would overtake it.
            peer.read_frame()
            peer.reset()
        else:
            peer.close()
            peer.read_to_end()

    server = serve(script)
    for cut in points:
        whole = [message for message, stop in zip(messages, ends, strict=True) if stop <= cut]
        transport = connect(server)
        received = []
        while len(received) < len(whole):
            received += transport.receive()
        if end == "reset":
            transport.send(b"got it")
        more, closed = receive_all(transport)
        assert received + more == whole
        assert closed.code == 1006
        transport.close()


def test_half_a_frame_and_then_silence(serve, connect, frame, background):
    """Is no sign of life: receive() goes on waiting until somebody gives up."""
    sent = threading.Event()

    def script(peer):
        peer.upgrade()
        peer.send(frame(b"whole") + frame(b"x" * 5000)[:2500])
        sent.set()
        peer.read_to_end()

    transport = connect(serve(script))
    assert transport.receive() == [b"whole"]
    receiving = background(transport.receive)
    assert sent.wait(PATIENCE)
    transport.abort()
    with pytest.raises(LinkClosed):
        receiving()


def test_control_frames_are_a_sign_of_life(serve, connect, frame):
    """receive() returns without a message for a ping, a pong, and a fragment."""
    steps = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        for data in (frame(b"", PING), frame(b"", PONG), frame(b"a", fin=False), frame(b"b", 0)):
            peer.send(data)
            steps.get(timeout=PATIENCE)
        peer.read_to_end()

    transport = connect(serve(script))
    heard = [(1, 0), (1, 1), (1, 1), (1, 1)]
    for expected, counts in zip(([], [], [], [b"ab"]), heard, strict=True):
        assert transport.receive() == expected
        assert (transport.pings_heard, transport.pongs_heard) == counts
        steps.put(None)


@pytest.mark.parametrize(
    "bad, code",
    [
        ({"payload": b"x", "masked": True}, 1002),
        ({"payload": b"x", "rsv": 4}, 1002),
        ({"payload": b"x", "opcode": 0}, 1002),
        ({"opcode": 5}, 1002),
        ({"payload": b"x" * 126, "opcode": PING}, 1002),
        ({"payload": b"x", "opcode": 2}, 1003),
        ({"payload": b"\xff"}, 1007),
        ({"size": 5000}, 1009),
    ],
)
def test_what_must_not_be_sent_is_answered_with_its_code(serve, connect, frame, bad, code):
    """The server is told, the messages before it are delivered, and the link ends."""
    answers = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        peer.send(frame(b"good") + frame(**bad))
        answers.put(peer.read_frame())
        peer.read_to_end()

    transport = connect(serve(script), max_message_size=4096)
    messages, end = receive_all(transport)
    assert messages == [b"good"]
    assert end.code == code
    assert answers.get(timeout=PATIENCE) == (CLOSE, code.to_bytes(2, "big"))
    with pytest.raises(ConnectionLost) as caught:
        transport.send(b"after the end")
    assert caught.value.certainty is Certainty.NOT_SENT


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1012, 4000])
def test_a_close_of_the_servers(serve, connect, frame, code):
    """Is recorded with its code and reason, and answered with the code."""
    answers = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        peer.send(frame(code.to_bytes(2, "big") + b"because", CLOSE))
        answers.put(peer.read_frame())
        peer.read_to_end()

    transport = connect(serve(script))
    for _ in range(2):
        with pytest.raises(LinkClosed) as caught:
            transport.receive()
        assert (caught.value.code, caught.value.reason) == (code, "because")
    assert answers.get(timeout=PATIENCE) == (CLOSE, code.to_bytes(2, "big"))


def test_a_close_of_ours(serve, connect):
    """Sends the code, and releases everything; it is idempotent."""
    answers = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        answers.put(peer.read_frame())
        peer.read_to_end()

    waker = Waker()
    transport = connect(serve(script), waker=waker)
    transport.close(1001)
    transport.close()
    transport.abort()
    transport.ping()
    assert answers.get(timeout=PATIENCE) == (CLOSE, (1001).to_bytes(2, "big"))
    assert waker.fileno() == -1
    with pytest.raises(LinkClosed):
        transport.receive()
    with pytest.raises(ConnectionLost):
        transport.send(b"x")


# Pings


def test_pings_are_answered_while_nobody_sends(serve, connect, frame, background):
    """By the reader, with the same payload."""
    pongs = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        for payload in (b"", b"1699999999999", b"x" * 125):
            peer.send(frame(payload, PING))
            pongs.put(peer.read_frame())
        peer.close()

    transport = connect(serve(script))
    background(receive_all, transport)()
    for payload in (b"", b"1699999999999", b"x" * 125):
        assert pongs.get(timeout=PATIENCE) == (PONG, payload)


class Endless(GuardedSocket):
    """A socket on which there is always more to read."""

    def __init__(self, sock, *reads):
        super().__init__(sock, Waker())
        self._reads = itertools.chain(reads[:-1], itertools.repeat(reads[-1], 1000))

    @property
    def more(self):
        return True

    def try_recv(self):
        return next(self._reads)

    def wait_readable(self, deadline=None, *, or_writable=False):
        pass


@pytest.fixture
def endless():
    """Build a transport that reads these pieces, and the last of them again and again."""
    with contextlib.ExitStack() as stack:

        def build(*reads):
            ours, peer = socket.socketpair()
            stack.callback(peer.close)
            ours.setblocking(False)
            transport = WebSocketTransport(Endless(ours, *reads), b"", 2**20, 5.0)
            stack.callback(transport.close)
            return transport

        yield build


@pytest.mark.parametrize("opcode, fin", [(PING, True), (PONG, True), (0, False)])
def test_a_flood_without_messages_keeps_none_back(endless, frame, opcode, fin):
    """What came before it is handed on, and then that there is life, however fast it comes."""
    begin = b"" if opcode else frame(b"", fin=False)
    transport = endless(frame(b"event") + begin, frame(b"", opcode, fin=fin) * 1000)
    assert transport.receive() == [b"event"]
    for _ in range(10):
        assert transport.receive() == []


def test_a_large_message_is_read_in_one_go(endless, frame):
    """As long as no frame is whole, there is nothing to tell: that would be taken for a sign of life."""
    whole = frame(b"x" * 100_000)
    pieces = [whole[at : at + 1000] for at in range(0, len(whole), 1000)]
    assert endless(*pieces, frame(b"", PING)).receive() == [b"x" * 100_000]


def test_a_ping_of_ours(serve, connect, frame):
    """Reaches the server, and its pong is a sign of life."""

    def script(peer):
        peer.upgrade()
        assert peer.read_frame() == (PING, b"")
        peer.send(frame(b"", PONG))
        peer.read_to_end()

    transport = connect(serve(script))
    transport.ping()
    assert transport.receive() == []


def small_buffers(monkeypatch):
    """Make our send buffers small, so that they fill soon."""
    real = module.GuardedSocket

    def build(sock, waker):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return real(sock, waker)

    monkeypatch.setattr(module, "GuardedSocket", build)


def test_a_ping_flood_from_a_peer_that_does_not_read(serve, connect, frame, monkeypatch):
    """The reader never blocks; what is kept does not grow; the latest ping is answered when there is room again."""
    small_buffers(monkeypatch)
    most = 20_000
    read, stuck, read_on = threading.Semaphore(0), threading.Event(), threading.Event()
    latest = queue.SimpleQueue()

    def piece(start):
        return b"".join(frame(b"%06d" % n * 20, PING) for n in range(start, start + 10))

    def script(peer):
        peer.upgrade()
        start, left = 0, 5
        # In pieces, so that the reader answers many times. Once it cannot, only so much as may be under way without an
        # acknowledgement: a system without room for what comes may drop those.
        while left and start < most:
            peer.send(piece(start))
            assert read.acquire(timeout=PATIENCE)
            start += 10
            left -= stuck.is_set()
        peer.send(frame(b"behind the flood"))
        assert read_on.wait(PATIENCE)
        while True:
            opcode, payload = peer.read_frame()
            assert opcode == PONG
            if payload == b"%06d" % (start - 1) * 20:
                break
        latest.put(payload)
        peer.send(frame(b"done"))
        peer.read_to_end()

    transport = connect(serve(script, receive_buffer=4096))
    while transport.receive() != [b"behind the flood"]:
        sender = transport._sender
        assert len(sender._unsent) < 200
        assert len(sender._pongs) <= 1
        if sender.stuck and sender._pongs:
            stuck.set()
        read.release()
    assert stuck.is_set()
    read_on.set()
    while transport.receive() != [b"done"]:
        pass
    assert latest.get(timeout=PATIENCE)


def test_control_frames_wait_for_the_message_being_sent(serve, connect, frame, background, monkeypatch):
    """A pong and a ping that fall into a blocked send neither cut the message nor block, and follow it."""
    small_buffers(monkeypatch)
    read_on = threading.Event()
    frames = queue.SimpleQueue()
    size = 4 * 2**20

    def script(peer):
        peer.upgrade()
        peer.read_exactly(1)
        peer.send(frame(b"ping!", PING))
        assert read_on.wait(PATIENCE)
        # The first byte of the large frame was taken already.
        rest = peer.read_exactly(13 + size)
        assert rest[0] == 0xFF
        frames.put("text")
        for _ in range(2):
            frames.put(peer.read_frame())
        peer.read_to_end()

    transport = connect(serve(script))
    sending = background(transport.send, b"x" * size)
    assert transport.receive() == []
    transport.ping()
    read_on.set()
    sending()
    assert frames.get(timeout=PATIENCE) == "text"
    assert [frames.get(timeout=PATIENCE) for _ in range(2)] == [(PONG, b"ping!"), (PING, b"")]


def test_a_ping_that_found_no_room_is_sent_by_the_reader(serve, connect, monkeypatch, background, frame):
    """Though the reader waits for something to read when the timer asks for the ping."""
    small_buffers(monkeypatch)
    read_on = threading.Event()
    pings = 0

    def script(peer):
        peer.upgrade()
        assert read_on.wait(PATIENCE)
        # The last of them but one is the one that was stuck.
        for _ in range(pings):
            assert peer.read_frame() == (PING, b"")
        peer.send(frame(b"heard all"))
        peer.read_to_end()

    transport = connect(serve(script, receive_buffer=4096))
    waiting = threading.Event()
    select = selectors.DefaultSelector.select

    def announced(selector, timeout=None):
        waiting.set()
        return select(selector, timeout)

    with monkeypatch.context() as patch:
        patch.setattr(selectors.DefaultSelector, "select", announced)
        receiving = background(transport.receive)
        assert waiting.wait(PATIENCE)
        while not transport._sender.stuck:
            transport.ping()
            pings += 1
        for _ in range(3):
            # One of them is kept, and goes when there is room again.
            transport.ping()
            assert len(transport._sender._pings) == 1
        pings += 1
        read_on.set()
        assert receiving() == [b"heard all"]


def test_a_message_follows_what_is_left_of_a_control_frame(serve, connect, monkeypatch, background):
    """A ping of which the kernel took a part is finished before the message begins."""
    small_buffers(monkeypatch)
    read_on = threading.Event()
    texts = queue.SimpleQueue()

    def script(peer):
        peer.upgrade()
        assert read_on.wait(PATIENCE)
        opcode, payload = PING, b""
        while opcode == PING:
            assert payload == b""
            opcode, payload = peer.read_frame()
        texts.put(payload)
        peer.read_to_end()

    transport = connect(serve(script, receive_buffer=4096))
    while not transport._sender.stuck:
        transport.ping()
    sending = background(transport.send, b"behind the pings")
    read_on.set()
    sending()
    assert texts.get(timeout=PATIENCE) == b"behind the pings"


# Sending


def test_a_peer_that_stops_reading_ends_the_link(serve, connect, background):
    """The send fails by its deadline with an uncertain outcome, and the reader is told."""

    def script(peer):
        peer.upgrade()
        peer.read_exactly(1)
        done.wait(PATIENCE)

    done = threading.Event()
    transport = connect(serve(script), send_timeout=0.3)
    receiving = background(transport.receive)
    with pytest.raises(ConnectionLost) as caught:
        transport.send(b"x" * 20 * 2**20)
    assert caught.value.certainty is Certainty.MAYBE_SENT
    with pytest.raises(LinkClosed, match="sending failed"):
        receiving()
    with pytest.raises(ConnectionLost) as caught:
        transport.send(b"another")
    assert caught.value.certainty is Certainty.NOT_SENT
    done.set()


def test_abort_ends_a_blocked_send_and_a_blocked_receive(serve, connect, background):
    """From another thread, and close() may follow at once."""
    started = threading.Event()
    done = threading.Event()

    def script(peer):
        peer.upgrade()
        peer.read_exactly(1)
        started.set()
        done.wait(PATIENCE)

    transport = connect(serve(script), send_timeout=60)
    sending = background(transport.send, b"x" * 20 * 2**20)
    receiving = background(transport.receive)
    assert started.wait(PATIENCE)
    transport.abort()
    with pytest.raises(LinkClosed, match="aborted"):
        receiving()
    with pytest.raises(ConnectionLost):
        sending()
    transport.close()
    done.set()


def test_close_while_another_thread_sends(serve, connect, background):
    """The descriptors are released only when the sender has let go of them."""
    started = threading.Event()
    done = threading.Event()

    def script(peer):
        peer.upgrade()
        peer.read_exactly(1)
        started.set()
        done.wait(PATIENCE)

    transport = connect(serve(script), send_timeout=60)
    sending = background(transport.send, b"x" * 20 * 2**20)
    assert started.wait(PATIENCE)
    transport.close()
    with pytest.raises(ConnectionLost):
        sending()
    done.set()


def test_a_reader_and_a_writer_over_tls(serve, connect, certificates, background, frame):
    """Some megabytes each way at once, with pings between: every message arrives as it was sent."""
    ours = [b"%06d" % n * (1 + n % 300) for n in range(2000)]
    theirs = [b"%06d" % n * (1 + n % 500) for n in range(2000)]
    received = []

    def script(peer):
        peer.upgrade()
        # Without a thread of its own for writing: the buffers are large enough, and the client reads.
        for number, payload in enumerate(theirs):
            peer.send(frame(payload) + (frame(b"%d" % number, PING) if number % 10 == 0 else b""))
        while len(received) < len(ours):
            opcode, payload = peer.read_frame()
            if opcode == TEXT:
                received.append(payload)
        peer.send(frame(b"\x03\xe8", CLOSE))
        peer.read_to_end()

    transport = connect(
        serve(script, certificates.context()), scheme="wss", ca_file=certificates.ca_file, send_timeout=60
    )
    receiving = background(receive_all, transport)
    for payload in ours:
        transport.send(payload)
    messages, end = receiving()
    assert messages == theirs
    assert received == ours
    assert end.code == 1000
