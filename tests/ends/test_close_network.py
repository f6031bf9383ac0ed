"""close() while the network hangs, with real sockets and a real clock: U1, U4 and U5 as in test_close.py."""

from __future__ import annotations

import contextlib
import gc
import queue
import socket
import threading

import pytest
from scripted_server import ScriptedServer, count_descriptors

from binance_socket import BinanceSocketClient, ClientClosed, ClientOptions, Environment, HmacKey

PATIENCE = 10.0
LIMIT = 3.0


def our_threads():
    return {
        thread.name
        for thread in threading.enumerate()
        if thread.name.startswith("binance-socket-") and thread.name != "binance-socket-shared-timer"
    }


class Hang:
    """Something that hangs: ``url`` leads there, ``wait()`` waits until the client has got there."""

    leaves = frozenset()

    def __init__(self, stack):
        self.reached = threading.Event()
        self.stack = stack
        self.proxy = None

    def wait(self):
        assert self.reached.wait(PATIENCE)

    def serve(self, script):
        server = ScriptedServer(script)
        self.stack.callback(server.stop)
        return server


class Names(Hang):
    """A look-up of a name, which no program can interrupt: its thread is left, and touches nothing any more."""

    leaves = frozenset({"binance-socket-lookup"})

    def __init__(self, stack, monkeypatch):
        super().__init__(stack)
        release = threading.Event()
        real = socket.getaddrinfo

        def look_up(host, *args, **more):
            if host != "nowhere.example":
                return real(host, *args, **more)
            if not more.get("flags"):
                self.reached.set()
                assert release.wait(60)
            raise socket.gaierror("unknown")

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        stack.callback(release.set)
        self.url = "wss://nowhere.example"


class Blackhole(Hang):
    """A TCP connect: the peer's backlog is full."""

    def __init__(self, stack, monkeypatch):
        super().__init__(stack)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        self.url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        from binance_socket._engine import dial

        real = dial._start_connecting
        monkeypatch.setattr(dial, "_start_connecting", lambda target: (real(target), self.reached.set())[0])


class Silence(Hang):
    """A server that takes the connection, and never says a word: to TLS, to the upgrade, or as a proxy."""

    def __init__(self, stack, monkeypatch, scheme="ws", proxy=False):
        super().__init__(stack)

        def script(peer):
            peer.sock.recv(1, socket.MSG_PEEK)
            self.reached.set()
            peer.read_to_end()

        port = self.serve(script).port
        self.url = f"{scheme}://127.0.0.1:{port}"
        if proxy:
            self.url, self.proxy = "wss://api.example", f"http://127.0.0.1:{port}"


class Slow(Hang):
    """A server whose answer to the upgrade does not end."""

    def __init__(self, stack, monkeypatch):
        super().__init__(stack)

        def script(peer):
            peer.read_head()
            peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgr")
            self.reached.set()
            peer.read_to_end()

        self.url = f"ws://127.0.0.1:{self.serve(script).port}"


class HalfOpen(Hang):
    """A link that says nothing any more, in the middle of a frame or between two."""

    def __init__(self, stack, monkeypatch, rest=b""):
        super().__init__(stack)

        def script(peer):
            peer.upgrade(rest)
            peer.read_frame()
            self.reached.set()
            peer.read_to_end()

        self.url = f"ws://127.0.0.1:{self.serve(script).port}"


class Deaf(Hang):
    """A link whose peer does not read: a sender waits for room in the send buffer."""

    def __init__(self, stack, monkeypatch):
        super().__init__(stack)
        done = threading.Event()

        def script(peer):
            peer.upgrade()
            assert done.wait(60)

        self.url = f"ws://127.0.0.1:{self.serve(script).port}"
        # Before the server is stopped.
        stack.callback(done.set)
        from binance_socket._engine.guarded_socket import GuardedSocket

        real = GuardedSocket._wait_writable
        monkeypatch.setattr(GuardedSocket, "_wait_writable", lambda *args: (self.reached.set(), real(*args))[1])


HANGS = {
    "name": Names,
    "blackhole": Blackhole,
    "tls": lambda *args: Silence(*args, scheme="wss"),
    "upgrade": Silence,
    "proxy": lambda *args: Silence(*args, proxy=True),
    "slow upgrade": Slow,
    "half-open": HalfOpen,
    "half a frame": lambda *args: HalfOpen(*args, rest=b"\x81\x05he"),
    "deaf": Deaf,
}


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("name", HANGS)
def test_close(name, threads, monkeypatch, run):
    """In time, from one thread and from eight; everybody who waits is told, nothing is left."""
    gc.collect()
    descriptors, before = count_descriptors(), our_threads()
    with contextlib.ExitStack() as stack:
        hang = HANGS[name](stack, monkeypatch)
        environment = Environment(
            name="venue", ws_api_url=f"{hang.url}/ws-api/v3", stream_url=hang.url, rest_url="http://127.0.0.1:1"
        )
        client = BinanceSocketClient(
            credentials=HmacKey("key", "secret"),
            environment=environment,
            options=ClientOptions(proxy=hang.proxy, connect_budget=None, request_timeout=60, send_timeout=60),
        )
        account = client.spot_api.account
        futures = [account.session_subscriptions.submit()]
        subscribing = run(account.subscribe_to_user_data_updates)
        if name == "deaf":
            # More than a send buffer takes.
            symbols = [f"A{number:018}" for number in range(40_000)]
            exchange_data = client.spot_api.exchange_data
            futures += [exchange_data.get_exchange_info.submit(symbols) for _ in range(12)]
        hang.wait()
        done = queue.SimpleQueue()
        barrier = threading.Barrier(threads)

        def close():
            barrier.wait(PATIENCE)
            client.close()
            done.put(our_threads() - before)

        joins = [run(close) for _ in range(threads)]
        for _ in range(threads):
            assert done.get(timeout=LIMIT) <= hang.leaves
        for join in joins:
            join()
        for future in futures:
            assert isinstance(future.exception(0), ClientClosed)
        with pytest.raises(ClientClosed):
            subscribing()
        with pytest.raises(ClientClosed):
            account.session_subscriptions()
    for thread in threading.enumerate():
        if thread.name in hang.leaves:
            thread.join(PATIENCE)
    gc.collect()
    assert our_threads() <= before
    assert count_descriptors() <= descriptors
