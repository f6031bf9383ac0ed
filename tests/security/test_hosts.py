"""Credentials go to the hosts of their environment, encrypted, and to nobody else."""

from __future__ import annotations

import contextlib
import socket
import threading

import attrs
import pytest
from relay import Relay

from binance_socket import (
    BinanceSocketClient,
    Certainty,
    ClientOptions,
    ConnectionLost,
    Credentials,
    Environment,
    HandshakeError,
    HmacKey,
    InvalidRequest,
    ListenKeyTransport,
    ProxyError,
    Secret,
)
from binance_socket._engine.dial import Attempt
from binance_socket._engine.http import request_json
from binance_socket.sandbox import Sandbox

PATIENCE = 10.0
CANARY = "canary0123456789"

LOOPBACK = [
    "localhost",
    "LOCALHOST",
    "127.0.0.1",
    "127.8.9.10",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
]
ELSEWHERE = [
    "exchange.example",
    "127.0.0.1.example",
    "localhost.example",
    "localhost.",
    "sub.localhost",
    "127.0.0.1.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "[::]",
    "[::ffff:8.8.8.8]",
    "[::127.0.0.1]",
    "10.0.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "[fe80::1]",
    "127.0.0.1@exchange.example",
    "exchange.example#@127.0.0.1",
    "exchange.example?@127.0.0.1",
    "exchange.example\\@127.0.0.1",
    "127.0.0.1\\.exchange.example",
    "127.0.0.1\t.exchange.example",
    "127.0.0.1%2eexchange.example",
    "１２７.0.0.1",
    "127。0。0。1",
    "",
]


def venue(host, scheme=("ws", "http"), **more):
    ws, rest = scheme
    return Environment(
        name="v", ws_api_url=f"{ws}://{host}:1/x", stream_url=f"{ws}://{host}:1", rest_url=f"{rest}://{host}:1", **more
    )


@pytest.mark.parametrize("host", LOOPBACK)
def test_plain_text_stays_on_this_machine(host):
    """Loopback addresses in every spelling, and localhost."""
    assert venue(host).is_local
    assert not venue(host).is_encrypted


@pytest.mark.parametrize("host", ELSEWHERE)
@pytest.mark.parametrize("which", ["ws_api_url", "stream_url", "rest_url"])
def test_plain_text_goes_nowhere_else(host, which):
    """What only looks like loopback, or is that to some programs; each of the three URLs by itself."""
    local = venue("127.0.0.1")
    scheme = "http" if which == "rest_url" else "ws"
    with pytest.raises(InvalidRequest):
        attrs.evolve(local, **{which: f"{scheme}://{host}:1"})


@pytest.mark.parametrize("host", [f"user:{CANARY}@exchange.example", f"{CANARY}@exchange.example"])
@pytest.mark.parametrize("scheme", ["wss://", "ws://", "wss:", "wss:/", "//", ""])
def test_a_url_carries_no_password(host, scheme):
    """It is refused, and not repeated."""
    with pytest.raises(InvalidRequest) as caught:
        attrs.evolve(venue("127.0.0.1"), ws_api_url=scheme + host)
    assert CANARY not in str(caught.value)


def elsewhere(serve):
    """Start a server to which nobody has any business to come."""
    return serve(lambda peer: peer.read_to_end())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 200, 401])
def test_an_upgrade_leads_nowhere_else(status, serve, connect):
    """Whatever the answer names: Location, Alt-Svc, Refresh, Content-Location."""
    other = elsewhere(serve)

    def script(peer):
        peer.read_head()
        url = b"127.0.0.1:%d" % other.port
        peer.send(
            b'HTTP/1.1 %d X\r\nLocation: ws://%s/\r\nAlt-Svc: h2="%s"\r\nRefresh: 0; url=http://%s/\r\n'
            b"Content-Location: ws://%s/\r\nContent-Length: 0\r\n\r\n" % (status, url, url, url, url)
        )
        peer.read_to_end()

    with pytest.raises(HandshakeError):
        connect(serve(script))
    assert other.requests == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 200])
def test_a_rest_call_leads_nowhere_else(status, serve):
    """The same, with the key in a header."""
    other = elsewhere(serve)

    def script(peer):
        peer.read_head()
        url = b"127.0.0.1:%d" % other.port
        peer.send(
            b'HTTP/1.1 %d X\r\nLocation: http://%s/\r\nAlt-Svc: h2="%s"\r\nWWW-Authenticate: Basic\r\n'
            b"Set-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}" % (status, url, url)
        )
        peer.close()
        peer.read_to_end()

    server = serve(script)
    url = f"http://127.0.0.1:{server.port}/"
    answer = request_json("POST", url, headers={"X-MBX-APIKEY": CANARY}, timeout=PATIENCE)
    assert answer.status == status
    assert (server.requests, other.requests) == (1, 0)


def test_a_proxy_sees_no_credentials(monkeypatch):
    """Of a venue over TLS: where to connect to, and what is its own. Neither from sockets nor from REST."""
    signatures = []
    sign = Credentials.sign
    monkeypatch.setattr(Credentials, "sign", lambda key, text: signatures.append(sign(key, text)) or signatures[-1])
    with Sandbox(tls=True) as sandbox, Relay(is_proxy=True) as proxy:
        account = sandbox.create_account({"USDT": "1"}, key_type="HMAC")
        options = ClientOptions(proxy=f"http://me:{CANARY}@127.0.0.1:{proxy.port}", connect_budget=None)
        for transport in ListenKeyTransport:
            environment = attrs.evolve(sandbox.environment, listen_key_transport=transport)
            with BinanceSocketClient(
                credentials=account.credentials, environment=environment, options=options
            ) as client:
                key = client.spot_api.account.start_user_stream().result
                assert client.spot_api.account.get_account_info().status == 200
                client.spot_api.account.subscribe_to_user_data_updates(key).close()
        assert len(proxy.heads) == 5, "two for sockets, twice, and one for REST"
        seen = b"".join(proxy.heads) + b"".join(bytes(sent) for sent in proxy.sent)
        for secret in (account.api_key, account.secret, key, *signatures):
            assert secret.encode() not in seen
        for head in proxy.heads:
            names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line]
            assert set(names) <= {b"host", b"proxy-authorization", b"user-agent"}
            assert b"proxy-authorization" in names


@pytest.mark.parametrize("proxy", ["proxy.example", "10.0.0.1", "127.0.0.1.example"])
def test_plain_text_does_not_go_over_a_proxy(proxy):
    """Loopback is the proxy's then: keys would leave this machine in clear."""
    options = ClientOptions(proxy=f"http://{proxy}:3128")
    for environment in (
        venue("127.0.0.1"),
        attrs.evolve(venue("127.0.0.1", ("wss", "https")), rest_url="http://127.0.0.1:1"),
    ):
        with pytest.raises(InvalidRequest, match="proxy on another machine"):
            BinanceSocketClient(credentials=HmacKey("k", "s"), environment=environment, options=options)
    BinanceSocketClient(environment=Environment.TESTNET, options=options).close()


def test_variables_name_no_proxy(monkeypatch):
    """Of a whole client: neither its sockets nor its REST calls take one from the environment."""
    trap = socket.create_server(("127.0.0.1", 0))
    trap.setblocking(False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"):
        for spelling in (name, name.upper()):
            monkeypatch.setenv(spelling, f"http://127.0.0.1:{trap.getsockname()[1]}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with trap, Sandbox() as sandbox:
        account = sandbox.create_account({"USDT": "1"})
        for transport in ListenKeyTransport:
            environment = attrs.evolve(sandbox.environment, listen_key_transport=transport)
            with BinanceSocketClient(credentials=account.credentials, environment=environment) as client:
                assert client.spot_api.account.start_user_stream().status == 200
        with pytest.raises(BlockingIOError):
            trap.accept()


PROXY_ANSWERS = {
    "wants credentials": (b"HTTP/1.1 407 X\r\n\r\n", "407"),
    "cannot reach it": (b"HTTP/1.1 502 X\r\n\r\n", "502"),
    "sends garbage": (b"\xff\r\n\r\n", "does not speak HTTP"),
    "never ends": (b"x" * 10**5, "did not answer"),
    "never ends its headers": (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 10**5, "did not answer"),
    "leaves in the middle": (b"HTTP/1.1 200 OK\r\n", "did not answer"),
    "leaves at once": (b"", "did not answer"),
}


def ask_through(proxy):
    """Return the error of a REST call through *proxy*, which nobody was sent."""
    with pytest.raises(ProxyError) as caught:
        request_json("POST", "https://x.example/", headers={"X-MBX-APIKEY": "apikey"}, timeout=PATIENCE, proxy=proxy)
    assert CANARY not in repr(caught.value)
    assert caught.value.certainty is Certainty.NOT_SENT
    return caught.value


@pytest.mark.parametrize("kind", PROXY_ANSWERS)
def test_a_proxy_that_does_not_help_a_rest_call(kind, serve):
    """A ProxyError without the password; the key has not left. For sockets, see tests/engine/test_dial.py."""
    answer, expected = PROXY_ANSWERS[kind]
    heard = []

    def script(peer):
        heard.append(peer.read_head())
        with contextlib.suppress(OSError):
            peer.send(answer)
            peer.close()
        heard.append(peer.read_to_end())

    error = ask_through(Secret(f"http://us%3Ber:{CANARY}%FF@127.0.0.1:{serve(script).port}"))
    assert expected in str(error)
    assert b"apikey" not in b"".join(heard)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_a_proxy_that_hangs_in_a_rest_call(said, serve, monkeypatch):
    """The same, when the time is up: there was no tunnel, so nothing was sent."""
    heard, has_spoken = [], threading.Event()
    wait = Attempt.wait

    def wait_in_vain(attempt, *waits, **more):
        if "proxy" in attempt.step:
            assert has_spoken.wait(PATIENCE)
            try:
                waits[0][0].recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                # Nothing more comes, so that it need not take the test's time.
                attempt.deadline = 0.0
        return wait(attempt, *waits, **more)

    monkeypatch.setattr(Attempt, "wait", wait_in_vain)

    def script(peer):
        peer.read_head()
        peer.send(said)
        has_spoken.set()
        heard.append(peer.read_to_end())

    server = serve(script)
    assert "took too long" in str(ask_through(Secret(f"http://user:{CANARY}@127.0.0.1:{server.port}")))
    server.stop()
    assert heard == [b""]


def test_a_proxy_that_is_not_there_for_a_rest_call():
    """The same."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        error = ask_through(Secret(f"http://user:{CANARY}@127.0.0.1:{sock.getsockname()[1]}"))
    assert "could not be reached" in str(error)


def test_a_tunnel_that_breaks(serve):
    """From there on it is the connection that was lost: the proxy has done its part."""

    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        peer.sock.recv(1)

    proxy = Secret(f"http://user:{CANARY}@127.0.0.1:{serve(script).port}")
    with pytest.raises(ConnectionLost) as caught:
        request_json("POST", "https://x.example/", timeout=PATIENCE, proxy=proxy)
    assert not isinstance(caught.value, ProxyError)


def test_what_a_proxys_url_may_hold():
    """Name and password may be quoted, and are sent as the bytes that they stand for; a name has no colon."""
    import base64

    from binance_socket._engine.dial import Proxy

    def basic(url):
        return base64.b64decode(Proxy.parse(Secret(url)).authorization.reveal().removeprefix("Basic "))

    assert basic("http://us%65r:p%40ss:w%C3%B6rd@h") == "user:p@ss:wörd".encode()
    assert basic("http://u:%FF%0D%0A@h") == b"u:\xff\r\n"
    assert basic("http://u@h") == b"u:"
    assert Proxy.parse(Secret("http://[::1]:3128/")) == Proxy("::1", 3128)
    assert str(Proxy("::1", 3128)) == "[::1]:3128"
    for url in ("http://a%3Ab:c@h", "http://h/path", "http://h?x", "https://h", "http://", "h:1", "http://h:99999"):
        with pytest.raises(InvalidRequest):
            Proxy.parse(Secret(url))
