import os
import socket
import subprocess
import sys
import threading
import traceback

import pytest

from binance_socket._engine.http import request_json
from binance_socket.credentials import Secret
from binance_socket.errors import Certainty, ConnectionLost, DeliveryError, ProxyError, RequestTimeout, TlsError

PATIENCE = 10
PATH = "/api/v3/userDataStream"


def answer(response, heads=None):
    """Make a script that answers one request with *response*."""

    def script(peer):
        head = peer.read_head()
        if heads is not None:
            heads.append(head.decode())
        peer.send(response)
        peer.close()
        peer.read_to_end()

    return script


def ok(body, extra=b""):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), extra, body)


def ask(server, method="POST", scheme="http", **options):
    return request_json(method, f"{scheme}://127.0.0.1:{server.port}{PATH}", **{"timeout": PATIENCE, **options})


CANARY = "can" + "ary"  # in two, because tracebacks show source lines


def assert_masked(exc):
    """Nothing of the call shows: in the exception, in what it came from, in a traceback with our functions' locals."""
    frames = traceback.TracebackException(type(exc), exc, exc.__traceback__, capture_locals=True).stack
    for frame in frames:
        if "binance_socket" in frame.filename and "tests" not in frame.filename:
            assert CANARY not in repr(frame.locals)
    while exc is not None:
        assert CANARY not in str(exc)
        assert CANARY not in repr(exc.args)
        exc = exc.__cause__ or exc.__context__


def test_an_answer(serve):
    """Status, JSON and headers; parameters and the key are sent."""
    heads = []
    server = serve(answer(ok(b'{"listenKey":"abc"}', b"X-MBX-USED-WEIGHT-1M: 2\r\n"), heads))
    status, payload, headers = ask(server, "PUT", params={"listenKey": "a b"}, headers={"X-MBX-APIKEY": "key"})
    assert (status, payload) == (200, {"listenKey": "abc"})
    assert headers["x-mbx-used-weight-1m"] == "2"
    # The parameter is in the body: URLs are logged.
    assert heads[0].startswith(f"PUT {PATH} HTTP/1.1\r\n")
    assert "Content-Type: application/x-www-form-urlencoded\r\n" in heads[0]
    assert f"Content-Length: {len('listenKey=a+b')}\r\n" in heads[0]
    assert "X-MBX-APIKEY: key\r\n" in heads[0]


@pytest.mark.parametrize("status", [302, 400, 410, 418, 429, 503])
def test_an_answer_that_is_an_error(serve, status):
    """Is an answer, and redirects are not followed."""
    body = b'{"code":-1125,"msg":"This listenKey does not exist."}'
    server = serve(
        answer(
            b"HTTP/1.1 %d X\r\nRetry-After: 7\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(body), body)
        )
    )
    got = ask(server)
    assert got.status == status
    assert got.payload["code"] == -1125
    assert got.headers["Retry-After"] == "7"
    assert server.requests == 1


def test_a_body_that_is_no_json(serve):
    """Is None, with the status beside it."""
    assert ask(serve(answer(ok(b"<html>")))).payload is None


def test_over_tls(serve, certificates):
    """Verified against the CA file."""
    server = serve(answer(ok(b"{}")), certificates.context())
    assert ask(server, scheme="https", ca_file=certificates.ca_file).payload == {}


def test_an_unverified_server(serve, certificates, tmp_path):
    """An unknown authority, another's certificate, a CA file that is none."""
    known = serve(answer(ok(b"{}")), certificates.context())
    with pytest.raises(TlsError):
        ask(known, scheme="https")
    other = serve(answer(ok(b"{}")), certificates.context("other.example"))
    with pytest.raises(TlsError):
        ask(other, scheme="https", ca_file=certificates.ca_file)
    with pytest.raises(ConnectionLost):
        ask(known, scheme="https", ca_file=tmp_path / "none.pem")


BROKEN_RECORD = b"\x17\x03\x03\x00\x20" + bytes(32)
AFTER_THE_HANDSHAKE = {
    "a broken record": (b"", BROKEN_RECORD),
    "half an answer and a broken record": (ok(b"{}")[:-1], BROKEN_RECORD),
    "plain text": (b"", b"HTTP/1.1 503 Service Unavailable\r\n\r\n"),
}


@pytest.mark.parametrize("kind", AFTER_THE_HANDSHAKE)
def test_tls_that_breaks_after_the_handshake(serve, certificates, kind):
    """The server may have acted on the call by then, and who it is was not in question."""
    encrypted, clear = AFTER_THE_HANDSHAKE[kind]

    def script(peer):
        peer.read_head()
        peer.send(encrypted)
        with socket.socket(fileno=os.dup(peer.sock.fileno())) as line:
            line.settimeout(PATIENCE)
            line.sendall(clear)
            line.shutdown(socket.SHUT_WR)
            while line.recv(1024):
                pass

    server = serve(script, certificates.context())
    with pytest.raises(ConnectionLost) as caught:
        ask(server, scheme="https", ca_file=certificates.ca_file, headers={"X-MBX-APIKEY": CANARY})
    assert not isinstance(caught.value, TlsError)
    assert caught.value.certainty is Certainty.MAYBE_SENT
    assert_masked(caught.value)


BEFORE_THE_HANDSHAKE = {
    "the server leaves": (lambda peer: peer.close(), ConnectionLost),
    "it resets": (lambda peer: peer.reset(), ConnectionLost),
    "it speaks no TLS": (lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), TlsError),
    "it hangs": (lambda peer: peer.read_to_end(), RequestTimeout),
}


@pytest.mark.parametrize("kind", BEFORE_THE_HANDSHAKE)
def test_a_handshake_that_fails(serve, certificates, kind):
    """Nothing was sent then."""

    def script(peer):
        peer.sock.recv(1)
        BEFORE_THE_HANDSHAKE[kind][0](peer)

    timeout = 0.2 if kind == "it hangs" else PATIENCE
    with pytest.raises(DeliveryError) as caught:
        ask(
            serve(script),
            scheme="https",
            ca_file=certificates.ca_file,
            headers={"X-MBX-APIKEY": CANARY},
            timeout=timeout,
        )
    assert type(caught.value) is BEFORE_THE_HANDSHAKE[kind][1]
    assert caught.value.certainty is Certainty.NOT_SENT
    assert_masked(caught.value)


def test_session_keys_are_not_written(serve, certificates, monkeypatch, tmp_path):
    """SSLKEYLOGFILE is not obeyed."""
    keys = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    # The server's end is in this process, too, and was made without it.
    server = serve(answer(ok(b"{}")), certificates.context())
    assert ask(server, scheme="https", ca_file=certificates.ca_file).status == 200
    assert not keys.exists()


def test_nothing_is_taken_from_the_environment(serve, monkeypatch, tmp_path):
    """Neither proxies nor netrc nor CA bundles."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    heads = []
    assert ask(serve(answer(ok(b"{}"), heads))).status == 200
    assert "authorization" not in heads[0].lower()


def test_through_a_proxy(serve):
    """The one of the options."""
    heads = []
    server = serve(answer(ok(b"{}"), heads))
    got = request_json(
        "POST", "http://exchange.example/x", timeout=PATIENCE, proxy=Secret(f"http://user:pass@127.0.0.1:{server.port}")
    )
    assert got.status == 200
    assert heads[0].startswith("POST http://exchange.example/x HTTP/1.1\r\n")


def test_a_proxy_that_refuses(serve):
    """Is a ProxyError, which does not show its credentials."""
    server = serve(answer(b"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n"))
    with pytest.raises(ProxyError) as caught:
        request_json(
            "POST", "https://x.example/", timeout=5, proxy=Secret(f"http://u:{CANARY}@127.0.0.1:{server.port}")
        )
    assert_masked(caught.value)


def test_a_server_that_hangs(serve):
    """Times out, with an uncertain outcome."""
    with pytest.raises(RequestTimeout) as caught:
        ask(serve(lambda peer: peer.read_to_end()), timeout=0.2)
    assert caught.value.certainty is Certainty.MAYBE_SENT


def test_a_body_that_trickles(serve):
    """Each byte in time is not enough."""
    stop = threading.Event()

    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not stop.wait(0.02):
            peer.send(b" ")

    with pytest.raises(RequestTimeout):
        ask(serve(script), timeout=0.3)
    stop.set()


def test_a_body_that_is_too_large(serve):
    """Is not read to its end."""

    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b" " * 65536)

    with pytest.raises(ConnectionLost, match="larger"):
        ask(serve(script))


def test_a_compressed_body(serve):
    """Was not asked for, and is not unpacked."""
    heads = []
    with pytest.raises(ConnectionLost, match="compressed"):
        ask(serve(answer(ok(b"\x1f\x8b", b"Content-Encoding: gzip\r\n"), heads)))
    assert "Accept-Encoding: identity\r\n" in heads[0]


BROKEN = {
    "half a head": b"HTTP/1.",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "garbage": b"\xff\xfe\r\n\r\n",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a redirect to nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\nContent-Length: 9\r\n\r\nx",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_answer_that_breaks(serve, kind):
    """Is a lost connection that shows neither the key nor the URL."""
    with pytest.raises(DeliveryError) as caught:
        ask(serve(answer(BROKEN[kind])), params={"listenKey": CANARY}, headers={"X-MBX-APIKEY": CANARY})
    assert isinstance(caught.value, ConnectionLost)
    assert caught.value.certainty is Certainty.MAYBE_SENT
    assert_masked(caught.value)


def test_nobody_there():
    """Is a lost connection."""
    with pytest.raises(ConnectionLost) as caught:
        request_json("POST", f"http://127.0.0.1:1/{CANARY}", timeout=5, headers={"X-MBX-APIKEY": CANARY})
    assert_masked(caught.value)


def test_requests_is_imported_when_it_is_needed():
    """Not with the module."""
    code = "import sys, binance_socket._engine.http; sys.exit('requests' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
