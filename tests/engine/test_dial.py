import base64
import socket
import ssl
import threading

import pytest

from binance_socket._engine import dial as dial_module
from binance_socket._engine.dial import Attempt, Proxy, dial, tls_context
from binance_socket.credentials import Secret
from binance_socket.errors import ConnectionLost, InvalidRequest, ProxyError, TlsError

PATIENCE = 10


@pytest.fixture
def attempt(waker):
    return Attempt(PATIENCE, waker)


@pytest.fixture
def short(waker):
    return Attempt(0.3, waker)


@pytest.fixture
def silent(descriptors):
    """A port on which connects are neither accepted nor refused: a listener whose queue is full."""
    fillers = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        yield listener.getsockname()[1]
        for filler in fillers:
            filler.close()


@pytest.fixture
def unused():
    """A port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def names(monkeypatch):
    """Make names mean several addresses: ``names(name, (host, port), ...)``."""
    known = {}
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, flags=0, **kwargs):
        if host not in known:
            return real(host, port, *args, flags=flags, **kwargs)
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "a name")
        if isinstance(known[host], BaseException):
            raise known[host]
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def add(name, *addresses):
        known[name] = addresses[0] if isinstance(addresses[0], BaseException) else addresses

    return add


def hold(peer):
    peer.read_to_end()


# Addresses


def test_a_refused_connection(unused, attempt):
    """Names the address and the cause."""
    with pytest.raises(ConnectionLost, match=f"127.0.0.1:{unused} could not be reached.*ECONNREFUSED"):
        dial(f"ws://127.0.0.1:{unused}/", attempt)


def test_an_unknown_name(names, attempt):
    """Is a lost connection, to be retried."""
    names("nowhere.example", socket.gaierror(socket.EAI_NONAME, "not known"))
    with pytest.raises(ConnectionLost, match=r"nowhere\.example could not be resolved"):
        dial("wss://nowhere.example/", attempt)


def test_a_name_that_is_none(attempt):
    """What cannot be encoded is typed, too."""
    with pytest.raises(ConnectionLost, match="could not be resolved"):
        dial("ws://" + "x" * 70 + ".example/", attempt)


@pytest.mark.parametrize("url", ["http://host/", "ws:///path", "ws://host:99999/", "ws://[::1/", "nonsense"])
def test_what_is_no_websocket_url(attempt, url):
    """Is the caller's mistake."""
    with pytest.raises(InvalidRequest):
        dial(url, attempt)


def test_every_address_is_tried(serve, names, unused, attempt):
    """Addresses that refuse are passed over."""
    server = serve(hold)
    names("several.example", ("127.0.0.1", unused), ("127.0.0.1", unused), ("127.0.0.1", server.port))
    with dial("ws://several.example/", attempt) as sock:
        assert sock.getpeername()[1] == server.port


def test_an_address_that_does_not_answer_does_not_hold_up_the_next(serve, names, silent, attempt):
    """The next one is tried beside it."""
    server = serve(hold)
    names("several.example", ("127.0.0.1", silent), ("127.0.0.1", server.port))
    with dial("ws://several.example/", attempt) as sock:
        assert sock.getpeername()[1] == server.port


def test_the_deadline_holds_for_connecting(silent, short):
    """A blackhole ends with the attempt's time."""
    with pytest.raises(ConnectionLost, match=f"took too long.*connecting to 127.0.0.1:{silent}"):
        dial(f"ws://127.0.0.1:{silent}/", short)


def test_the_deadline_holds_for_names(monkeypatch, short):
    """A resolver that hangs is left behind."""
    release = threading.Event()
    lookups = []

    def getaddrinfo(host, port, *args, flags=0, **kwargs):
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "a name")
        lookups.append(threading.current_thread())
        assert release.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(ConnectionLost, match=r"took too long.*looking up slow\.example"):
        dial("ws://slow.example/", short)
    release.set()
    lookups[0].join(PATIENCE)
    assert lookups[0].daemon


def test_an_address_that_cannot_even_be_tried(serve, names, attempt):
    """As one of a family that this machine has no route to: the next one is tried, and where there is none, it ends."""
    server = serve(hold)
    names("several.example", ("255.255.255.255", 9), ("127.0.0.1", server.port))
    names("none.example", ("255.255.255.255", 9))
    with dial("ws://several.example/", attempt) as sock:
        assert sock.getpeername()[1] == server.port
    with pytest.raises(ConnectionLost, match=r"none\.example:80 could not be reached"):
        dial("ws://none.example/", attempt)


def test_without_a_thread_to_look_up_with(monkeypatch, attempt):
    """Is a lost connection."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(ConnectionLost, match="no thread"):
        dial("ws://localhost.example/", attempt)


def test_families_take_turns():
    """A family that leads nowhere delays only every other try; within a family the system's order is kept."""
    entries = [(6, 1, 6, "a"), (6, 1, 6, "b"), (6, 1, 6, "c"), (4, 1, 6, "x"), (4, 1, 6, "y")]
    assert [entry[3] for entry in dial_module._taking_turns(entries)] == ["a", "x", "b", "y", "c"]


# Interruption


def abort_while(waker, background, function, step, attempt):
    """Run *function*, and wake the waker when the attempt waits in *step*."""
    reached = threading.Event()
    wait = attempt.wait

    def announced(*args, **kwargs):
        if step in attempt.step:
            reached.set()
        return wait(*args, **kwargs)

    attempt.wait = announced
    join = background(function)
    assert reached.wait(PATIENCE)
    waker.wake()
    with pytest.raises(ConnectionLost, match="aborted") as caught:
        join()
    assert not isinstance(caught.value, (ProxyError, TlsError))


def test_interrupted_while_connecting(silent, waker, attempt, background):
    """The waker ends a TCP connect."""
    abort_while(waker, background, lambda: dial(f"ws://127.0.0.1:{silent}/", attempt), "connecting", attempt)


def test_interrupted_while_securing(serve, waker, attempt, background, certificates):
    """The waker ends a TLS handshake."""
    url = f"wss://127.0.0.1:{serve(hold).port}/"
    abort_while(waker, background, lambda: dial(url, attempt, ca_file=certificates.ca_file), "securing", attempt)


def test_interrupted_while_waiting_for_the_proxy(serve, waker, attempt, background):
    """The waker ends the wait for a proxy."""
    proxy = Proxy("127.0.0.1", serve(hold).port)
    abort_while(waker, background, lambda: dial("ws://x.example/", attempt, proxy=proxy), "proxy", attempt)


def test_interrupted_while_connecting_to_the_proxy(silent, waker, attempt, background):
    """The waker is no failure of the proxy's."""
    proxy = Proxy("127.0.0.1", silent)
    abort_while(waker, background, lambda: dial("ws://x.example/", attempt, proxy=proxy), "connecting", attempt)


def test_interrupted_while_looking_up(waker, attempt, background, monkeypatch):
    """The waker ends the wait for a name, though not the system's lookup."""
    release = threading.Event()

    def getaddrinfo(host, port, *args, flags=0, **kwargs):
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "a name")
        assert release.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    abort_while(waker, background, lambda: dial("ws://slow.example/", attempt), "looking up", attempt)
    release.set()


def test_woken_before(unused, waker, attempt):
    """Nothing is begun."""
    waker.wake()
    with pytest.raises(ConnectionLost, match="aborted"):
        dial(f"ws://127.0.0.1:{unused}/", attempt)


# TLS


def test_a_verified_server(serve, certificates, attempt):
    """Its certificate is checked, and the protocol is a current one."""
    server = serve(hold, certificates.context())
    with dial(f"wss://127.0.0.1:{server.port}/", attempt, ca_file=certificates.ca_file) as sock:
        assert isinstance(sock, ssl.SSLSocket)
        assert sock.version() in ("TLSv1.2", "TLSv1.3")
        assert not sock.getblocking()


def test_an_unknown_authority(serve, certificates, attempt):
    """Without the CA file, the system's authorities decide."""
    server = serve(hold, certificates.context())
    with pytest.raises(TlsError, match="could not be verified"):
        dial(f"wss://127.0.0.1:{server.port}/", attempt)


def test_another_hosts_certificate(serve, certificates, attempt):
    """The name is checked."""
    server = serve(hold, certificates.context("other.example"))
    with pytest.raises(TlsError, match="could not be verified"):
        dial(f"wss://127.0.0.1:{server.port}/", attempt, ca_file=certificates.ca_file)


def test_an_expired_certificate(serve, certificates, attempt):
    """The date is checked."""
    import datetime

    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    server = serve(hold, certificates.context(not_before=past, not_after=past + datetime.timedelta(days=1)))
    with pytest.raises(TlsError, match="expired"):
        dial(f"wss://127.0.0.1:{server.port}/", attempt, ca_file=certificates.ca_file)


def test_a_server_without_tls(serve, certificates, attempt):
    """Is a permanent error: nothing is said in clear instead."""
    heard = []

    def plain(peer):
        heard.append(peer.sock.recv(3))
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.read_to_end()

    with pytest.raises(TlsError, match="no secure connection"):
        dial(f"wss://127.0.0.1:{serve(plain).port}/", attempt, ca_file=certificates.ca_file)
    assert heard[0][0] == 22, "a TLS handshake record"


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_line_that_breaks_in_the_tls_handshake(serve, certificates, attempt, end):
    """Says nothing of who the server is, and may be tried again."""

    def script(peer):
        peer.sock.recv(10)
        getattr(peer, end)()

    with pytest.raises(ConnectionLost) as caught:
        dial(f"wss://127.0.0.1:{serve(script).port}/", attempt, ca_file=certificates.ca_file)
    assert not isinstance(caught.value, TlsError)


def test_a_silent_tls_handshake(serve, certificates, short):
    """The deadline holds there, too."""
    with pytest.raises(ConnectionLost, match=r"took too long.*securing"):
        dial(f"wss://127.0.0.1:{serve(hold).port}/", short, ca_file=certificates.ca_file)


def test_an_old_protocol(serve, certificates, attempt):
    """TLS 1.1 is refused."""
    context = certificates.context()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(TlsError):
        dial(f"wss://127.0.0.1:{serve(hold, context).port}/", attempt, ca_file=certificates.ca_file)


def test_one_context_for_all_connections(certificates, tmp_path):
    """Contexts are dear: one for each CA file, and a new one when the file changes."""
    assert tls_context(None) is tls_context(None)
    assert tls_context(certificates.ca_file) is tls_context(certificates.ca_file)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(certificates.ca_file.read_bytes())
    first = tls_context(ca_file)
    ca_file.write_bytes(certificates.ca_file.read_bytes() * 2)
    assert tls_context(ca_file) is not first


def test_what_a_context_demands(certificates, monkeypatch, tmp_path):
    """Verification, names, TLS 1.2; and SSLKEYLOGFILE is not obeyed."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    dial_module._shared_context.cache_clear()
    for context in (tls_context(None), tls_context(certificates.ca_file)):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.keylog_filename is None


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_is_none(serve, attempt, tmp_path, content):
    """Is a TlsError that names the file, and the system's authorities are not used instead."""
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_bytes(content)
    with pytest.raises(TlsError, match=r"ca\.pem"):
        dial(f"wss://127.0.0.1:{serve(hold).port}/", attempt, ca_file=ca_file)


def test_a_host_that_no_certificate_can_be_for(serve, names, certificates, attempt):
    """Is a TlsError."""
    server = serve(hold)
    names(".example", ("127.0.0.1", server.port))
    with pytest.raises(TlsError, match="no name"):
        dial("wss://.example/", attempt, ca_file=certificates.ca_file)


# Proxies


def test_through_a_proxy(serve, certificates, attempt):
    """The proxy is told where to connect, with credentials; the rest is between us and the server, TLS included."""
    requests = []
    context = certificates.context("exchange.example")

    def script(peer):
        requests.append(peer.read_head())
        peer.send(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
        peer.sock = context.wrap_socket(peer.sock, server_side=True)
        peer.send(b"hello from behind the proxy")
        peer.read_to_end()
        peer.sock.close()

    proxy = Proxy.parse(Secret(f"http://us%65r:p%40ss:word@127.0.0.1:{serve(script).port}"))
    with dial("wss://exchange.example/path", attempt, proxy=proxy, ca_file=certificates.ca_file) as sock:
        assert attempt.recv(sock, 100) == b"hello from behind the proxy"
    request = requests[0].decode()
    assert request.startswith("CONNECT exchange.example:443 HTTP/1.1\r\nHost: exchange.example:443\r\n")
    assert f"Basic {base64.b64encode(b'user:p@ss:word').decode()}\r\n" in request
    assert "path" not in request


def test_an_answer_in_pieces_is_taken_to_its_end_and_not_beyond(serve, attempt):
    """Whatever comes after the proxy's head is the server's."""

    def script(peer):
        peer.read_head()
        for byte in b"HTTP/1.0 200 OK\r\nA: b\r\n\r":
            peer.send(bytes([byte]))
        peer.send(b"\nthe server's")
        peer.read_to_end()

    proxy = Proxy("127.0.0.1", serve(script).port)
    with dial("ws://[::1]:9/", attempt, proxy=proxy) as sock:
        assert attempt.recv(sock, 100) == b"the server's"


ANSWERS = {
    "wants credentials": (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407"),
    "cannot reach it": (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno!", "502"),
    "redirects": (b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\n\r\n", "302"),
    "speaks something else": (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "does not speak HTTP"),
    "sends garbage": (b"\xff\xfe\x00garbage\r\n\r\n", "does not speak HTTP"),
    "never ends": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "did not answer"),
    "leaves": (b"HTTP/1.1 200", "did not answer"),
    "leaves at once": (b"", "did not answer"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_proxy_that_does_not_help(serve, attempt, kind):
    """Is a ProxyError without credentials in message, cause or context."""
    answer, expected = ANSWERS[kind]

    def script(peer):
        peer.read_head()
        peer.send(answer)

    proxy = Proxy.parse(Secret(f"http://user:canary@127.0.0.1:{serve(script).port}"))
    with pytest.raises(ProxyError, match=expected) as caught:
        dial("ws://exchange.example/", attempt, proxy=proxy)
    exc = caught.value
    while exc is not None:
        assert "canary" not in str(exc)
        assert base64.b64encode(b"user:canary").decode() not in str(exc)
        exc = exc.__cause__ or exc.__context__


def test_a_proxy_that_hangs(serve, short):
    """Is a ProxyError when the attempt's time is up."""

    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 2")
        peer.read_to_end()

    with pytest.raises(ProxyError, match="took too long"):
        dial("ws://exchange.example/", short, proxy=Proxy("127.0.0.1", serve(script).port))


def test_a_proxy_that_is_not_there(unused, attempt):
    """Is a ProxyError, too."""
    with pytest.raises(ProxyError, match=f"127.0.0.1:{unused} could not be reached"):
        dial("ws://exchange.example/", attempt, proxy=Proxy("127.0.0.1", unused))


def test_the_environments_proxies_are_not_used(serve, attempt, monkeypatch):
    """A proxy is what the options say."""
    server = serve(hold)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with dial(f"ws://127.0.0.1:{server.port}/", attempt) as sock:
        assert sock.getpeername()[1] == server.port


def test_credentials_of_a_proxy_do_not_show():
    """Neither in str, repr, nor in the error about a bad URL."""
    proxy = Proxy.parse(Secret("http://user:canary@proxy.example:3128"))
    assert str(proxy) == "proxy.example:3128"
    for text in (repr(proxy), str(proxy)):
        assert "canary" not in text
        assert "Basic" not in text
    assert Proxy.parse(Secret("http://proxy.example")).port == 80
    for url in ("socks5://user:canary@host", "http://user:canary@:80", "http://user:canary@host:port", "canary"):
        with pytest.raises(InvalidRequest) as caught:
            Proxy.parse(Secret(url))
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
