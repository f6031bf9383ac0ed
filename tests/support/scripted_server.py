"""Raw, scripted servers on loopback: what a real library would never let a server do."""

import base64
import contextlib
import hashlib
import os
import socket
import ssl
import struct
import threading
from pathlib import Path

import pytest
import trustme

from binance_socket._engine.waker import Waker
from binance_socket._engine.websocket import WebSocketNetwork

PATIENCE = 10.0
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer:
    """The server's end of one accepted connection."""

    def __init__(self, sock):
        self.sock = sock
        self.request = b""

    def read_head(self):
        """Read one HTTP head, and return it without what follows."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.sock.recv(1)
            if not byte:
                raise ConnectionError("the client has gone")
            head += byte
        self.request = head
        return head

    def response(self, extra=b""):
        """Return the head that agrees to the upgrade just read."""
        key = next(
            line.split(b":")[1].strip()
            for line in self.request.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n" + extra + b"\r\n"
        )

    def upgrade(self, early=b""):
        """Agree to the upgrade, and send *early* with the agreement."""
        self.read_head()
        self.sock.sendall(self.response() + early)
        return self

    def send(self, data):
        self.sock.sendall(data)

    def read_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            if not piece:
                raise ConnectionError("the client has gone")
            data += piece
        return bytes(data)

    def read_frame(self):
        """Read one frame of the client's, check that it is masked, and return its opcode and payload."""
        first, second = self.read_exactly(2)
        assert second & 0x80, "clients mask"
        assert first & 0x80
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self.read_exactly(2 if size == 126 else 8), "big")
        key = self.read_exactly(4)
        payload = self.read_exactly(size)
        return first & 0x0F, bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))

    def reset(self):
        """End with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        """End with FIN."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def read_to_end(self):
        """Wait until the client has gone, and return what it still sent."""
        data = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while piece := self.sock.recv(65536):
                data += piece
        return data


class ScriptedServer:
    """
    Run a script for every connection, each on a thread of its own.

    A small *receive_buffer* has to be so from the beginning: a window that shrinks makes the system drop what the
    client has sent into it, acknowledgements included, and then everything stands still for seconds.
    """

    def __init__(self, script, context=None, host="127.0.0.1", backlog=16, receive_buffer=None):
        self._script = script
        self._context = context
        self.failures = []
        self.requests = 0
        self._peers = []
        self._listener = socket.create_server((host, 0), backlog=backlog)
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.requests += 1
            sock.settimeout(PATIENCE)
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock):
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            self._peers.append(sock)
            self._script(Peer(sock))
        except ssl.SSLError:
            pass  # the client did not like the certificate: its side is what the test looks at
        except ConnectionError:
            pass  # so did it leave
        except Exception as exc:  # noqa: BLE001  # told to the test when the server stops
            self.failures.append(exc)
        finally:
            sock.close()

    def stop(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._peers:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a server script hangs"
        for failure in self.failures:
            raise AssertionError("a server script failed") from failure


def count_descriptors():
    try:
        return len(os.listdir("/proc/self/fd"))
    except FileNotFoundError:
        return 0


@pytest.fixture
def descriptors():
    """Fail a test after which descriptors are left open."""
    before = count_descriptors()
    yield
    assert count_descriptors() <= before


@pytest.fixture
def serve(descriptors):
    """Start scripted servers: ``serve(script, context=None) -> server``."""
    servers = []

    def start(script, context=None, **options):
        server = ScriptedServer(script, context, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def waker(descriptors):
    waker = Waker()
    yield waker
    waker.close()


@pytest.fixture
def connect(descriptors):
    """Connect with the library: ``connect(server, **options of the network) -> transport``."""
    opened = []

    def open_one(server, *, scheme="ws", host="127.0.0.1", path="/ws-api/v3", timeout=PATIENCE, waker=None, **options):
        waker = waker or Waker()
        opened.append(waker)
        url = f"{scheme}://{host}:{server.port}{path}"
        transport = WebSocketNetwork(**options).connect(url, timeout=timeout, waker=waker)
        opened.append(transport)
        return transport

    yield open_one
    for thing in reversed(opened):
        thing.close()


@pytest.fixture
def background(descriptors, run):
    """Run functions on threads, as ``run`` does; they end before descriptors are counted."""
    return run


class Certificates:
    """An authority, and servers' contexts with certificates of its making."""

    def __init__(self, folder: Path):
        self.authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca_file))

    def context(self, *names, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*(names or ("127.0.0.1", "localhost")), **options).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def frame():
    """Build server frames: ``frame(payload, opcode=1, fin=True)``."""

    def build(payload=b"", opcode=1, fin=True, rsv=0, masked=False, size=None):
        size = len(payload) if size is None else size
        first = (0x80 if fin else 0) | rsv << 4 | opcode
        flag = 0x80 if masked else 0
        if size < 126:
            head = bytes((first, flag | size))
        elif size < 65536:
            head = bytes((first, flag | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((first, flag | 127)) + size.to_bytes(8, "big")
        return head + (b"\0\0\0\0" if masked else b"") + payload

    return build
