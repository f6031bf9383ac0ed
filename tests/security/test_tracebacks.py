"""What a reporter with local variables prints of an error: no key, no signature, no listen key, no password."""

from __future__ import annotations

import http.server
import json
import threading
import traceback
from pathlib import Path

import attrs
import pytest

from binance_socket import (
    ApiError,
    CallCancelled,
    ClientOptions,
    ConnectionLost,
    Credentials,
    DecodeError,
    Environment,
    HandlerError,
    HmacKey,
    InvalidRequest,
    KeyType,
    ListenKeyTransport,
    OutcomeUnknown,
    ProxyError,
    RequestTimeout,
)
from binance_socket._engine.dial import Attempt, Proxy, dial
from binance_socket._engine.websocket import WebSocketNetwork
from binance_socket.credentials import Secret
from binance_socket.masking import MASK, forget_locals

PATIENCE = 10.0
TESTS = str(Path(__file__).parents[1])
# In two, because tracebacks show source lines.
CANARY = "canary" + "0123456789"
CANARIES = {name: f"{name}{CANARY}" for name in ("api", "secret", "listen", "proxy")}


def report(error):
    """Return what a reporter prints of *error* and whatever led to it, with all variables but those of tests."""
    parts, seen = [], set()
    waiting = [error]
    while waiting:
        exc = waiting.pop()
        if exc is None or id(exc) in seen:
            continue
        seen.add(id(exc))
        waiting += [exc.__cause__, exc.__context__]
        whole = traceback.TracebackException.from_exception(exc, capture_locals=True, compact=False)
        whole.stack = traceback.StackSummary.from_list([f for f in whole.stack if not f.filename.startswith(TESTS)])
        parts += whole.format(chain=False)
    return "".join(parts)


@pytest.fixture
def signatures(monkeypatch):
    """Every signature that was made."""
    made = []
    sign = Credentials.sign
    monkeypatch.setattr(Credentials, "sign", lambda key, payload: made.append(sign(key, payload)) or made[-1])
    return made


@pytest.fixture
def assert_clean(signatures):
    def check(error):
        text = report(error)
        assert "binance_socket" in text, "it came through the library"
        assert CANARY not in text
        assert not [signature for signature in signatures if signature in text]
        return text

    return check


@pytest.fixture
def client(make_client):
    return make_client(credentials=HmacKey(CANARIES["api"], CANARIES["secret"]))


@pytest.fixture
def account(client):
    return client.spot_api.account


def caught(kind, function, *args, **kwargs):
    with pytest.raises(kind) as info:
        function(*args, **kwargs)
    return info.value


def test_the_reporter_reports():
    """Without any of it, the canary is found: these tests can fail."""

    def careless():
        key = Secret(CANARY).reveal()
        raise ValueError(len(key))

    careless.__code__ = careless.__code__.replace(co_filename="elsewhere.py")
    assert CANARY in report(caught(ValueError, careless))


def test_lines_stay_and_variables_go():
    """The traceback of an error still says where it comes from."""
    options = {"proxy": f"x://{CANARY}"}
    error = caught(InvalidRequest, WebSocketNetwork, **options)
    assert "dial.py" in report(error)
    forget_locals(error)
    assert "dial.py" in report(error)


BAD_CALLS = {
    "a listen key that is none": lambda it: it.keep_alive_user_stream(CANARY + "\n"),
    "by name": lambda it: it.keep_alive_user_stream(listen_key=CANARY + " "),
    "submitted": lambda it: it.stop_user_stream.submit(CANARY + "/"),
    "subscribed to": lambda it: it.subscribe_to_user_data_updates(CANARY + "?"),
}


@pytest.mark.parametrize("kind", BAD_CALLS)
def test_arguments_of_a_refused_call(kind, account, assert_clean):
    """A listen key that cannot be one is not shown either."""
    assert_clean(caught(InvalidRequest, BAD_CALLS[kind], account))


def test_too_many_arguments(account, assert_clean):
    """TypeErrors come from where arguments are bound."""
    assert_clean(caught(TypeError, account.stop_user_stream, CANARY, CANARY))


REFUSALS = {
    "a refusal": (-1125, 400),
    "a revoked key": (-2015, 401),
    "too much": (-1003, 429),
}


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("call", ["keep_alive_user_stream", "get_account_info"])
def test_an_answer_that_is_an_error(kind, call, account, exchange, network, run, assert_clean):
    """Signed or with a listen key, blocking or not."""
    args = (CANARIES["listen"],) if call == "keep_alive_user_stream" else ()
    code, status = REFUSALS[kind]
    join = run(getattr(account, call), *args)
    future = getattr(account, call).submit(*args)
    transport = network.accept()
    # Once one is refused because it is too much, the other would not even be sent.
    for request in [transport.sent() for _ in range(2)]:
        exchange.refuse(transport, request, code, status=status)
    assert_clean(caught(ApiError, join))
    assert_clean(future.exception(PATIENCE))


def test_an_order_of_which_nothing_is_known(client, exchange, network, run, assert_clean):
    """It was signed, and the error goes on to be of use."""
    order = {"quantity": "1", "price": "2", "time_in_force": "GTC"}
    join = run(lambda: client.spot_api.trading.place_order("BTCUSDT", "BUY", "LIMIT", **order))
    transport = network.accept()
    exchange.refuse(transport, transport.sent(), -1007, status=503)
    assert_clean(caught(OutcomeUnknown, join))


def test_a_lost_link(account, network, run, assert_clean):
    """What was in flight."""
    join = run(account.keep_alive_user_stream, CANARIES["listen"])
    transport = network.accept()
    transport.sent()
    transport.drop()
    assert_clean(caught(ConnectionLost, join))


def test_a_deadline(client, account, network, clock, pass_time, run, assert_clean):
    """What was not answered."""
    join = run(account.keep_alive_user_stream, CANARIES["listen"])
    network.accept().sent()
    pass_time(client, 12)
    assert_clean(caught(RequestTimeout, join))


def test_a_cancelled_call(client, account, network, run, assert_clean):
    """What nobody waits for."""
    future = account.keep_alive_user_stream.submit(CANARIES["listen"])
    network.accept().sent()
    client._hub.cancel(future)
    assert_clean(future.exception(PATIENCE) or caught(CallCancelled, future.result))


@pytest.mark.parametrize(
    "result, kept",
    [
        ({"listenKey": [CANARY], "x": 1}, {"listenKey": MASK, "x": 1}),
        ({"listenKey": 5, "apiKey": CANARY}, {"listenKey": MASK, "apiKey": MASK}),
        ([{"listenKey": CANARY}], [{"listenKey": MASK}]),
    ],
)
def test_an_answer_of_another_shape(result, kept, account, exchange, network, run, assert_clean):
    """A DecodeError names what is wrong; what came is in its payload, but for the keys."""
    join = run(account.start_user_stream)
    exchange.expect(network.accept(), "userDataStream.start", result)
    error = caught(DecodeError, join)
    assert_clean(error)
    assert repr(error.payload) == repr(kept)


def test_what_cannot_be_signed(client, network, exchange, signatures, assert_clean):
    """Other requests, which were signed already, are in the same variables."""
    trading = client.spot_api.trading
    network.hang()
    good = [client.spot_api.account.get_account_info.submit() for _ in range(3)]
    bad = trading.get_order.submit("BTC\ud800", order_id=1)
    network.wait_attempt()
    client._hub.api._waker.wake()
    transport = network.accept()
    for _ in good:
        transport.sent()
    error = bad.exception(PATIENCE)
    assert isinstance(error, InvalidRequest)
    assert len(signatures) == 3
    assert_clean(error)


def test_credentials_that_fail(make_client, network, assert_clean):
    """A key of the user's own making raises: its own variables are its own affair, ours are not shown."""

    class Broken(HmacKey):
        key_type = KeyType.HMAC

        def _sign(self, message):
            raise ZeroDivisionError("no")

    client = make_client(credentials=Broken(CANARIES["api"], CANARIES["secret"]))
    future = client.spot_api.account.get_account_info.submit()
    network.accept()
    assert isinstance(future.exception(PATIENCE).__cause__, ZeroDivisionError)
    assert_clean(future.exception())


@pytest.mark.parametrize("broken", [False, True], ids=["a handler raises", "a payload of another shape"])
def test_what_an_error_hook_gets(broken, account, client, network, exchange, run, assert_clean):
    """Neither the payload nor the listen key, by which events are routed."""
    errors = []
    told = threading.Event()

    def handler(event):
        raise ZeroDivisionError("the user's")

    key = CANARIES["listen"]
    join = run(lambda: account.subscribe_to_user_data_updates(key, on_listen_key_expired=handler, ct=None))
    streams = network.accept()
    streams.push({"id": streams.sent()["id"], "result": None})
    subscription = join()
    subscription.on_exception(lambda error: (errors.append(error), told.set()))
    event = {"e": "listenKeyExpired", "listenKey": key, **({} if broken else {"E": 1})}
    streams.push({"stream": key, "data": event})
    assert told.wait(PATIENCE)
    assert isinstance(errors[0], DecodeError if broken else HandlerError)
    text = assert_clean(errors[0])
    if not broken:
        last = traceback.extract_tb(errors[0].__cause__.__traceback__)
        assert [frame.name for frame in last] == ["handler"], "it begins with the user's own code"
    assert "listenKeyExpired" not in text or broken


class Page(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps({"listenKey": [CANARY]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST  # noqa: N815  # the name that http.server looks for

    def log_message(self, *args):
        pass


def test_over_rest(make_client, assert_clean):
    """The key is in a header there, and what comes back may hold one, too."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    venue = Environment(
        name="venue",
        ws_api_url="wss://api.example/ws-api/v3",
        stream_url="wss://stream.example",
        rest_url=f"http://127.0.0.1:{server.server_address[1]}",
        listen_key_transport=ListenKeyTransport.REST,
    )
    credentials = HmacKey(CANARIES["api"], CANARIES["secret"])
    try:
        account = make_client(credentials=credentials, environment=venue).spot_api.account
        assert_clean(caught(DecodeError, account.start_user_stream))
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()
    nowhere = attrs.evolve(venue, rest_url="http://127.0.0.1:1")
    account = make_client(credentials=credentials, environment=nowhere).spot_api.account
    assert_clean(caught(ConnectionLost, account.keep_alive_user_stream, CANARIES["listen"]))


@pytest.mark.parametrize("bad", ["socks5://u:{}@h", "http://u:{}@:80", "http://u:{}@h:port", "http://u:{}@[::1", "{}"])
def test_a_proxy_that_is_none(bad, assert_clean):
    """Found when the client is made."""
    from binance_socket import BinanceSocketClient

    options = ClientOptions(proxy=bad.format(CANARIES["proxy"]))
    assert_clean(caught(InvalidRequest, BinanceSocketClient, options=options))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 No\r\n\r\n", b"HTTP/1.1 502 No\r\n\r\n", b"\xff\r\n\r\n", b""])
def test_a_proxy_that_does_not_help(answer, serve, waker, assert_clean):
    """Neither the password, nor what is sent to the proxy of it."""

    def script(peer):
        peer.read_head()
        peer.send(answer)

    proxy = Proxy.parse(Secret(f"http://user:{CANARIES['proxy']}@127.0.0.1:{serve(script).port}"))
    error = caught(ProxyError, dial, "wss://exchange.example/", Attempt(PATIENCE, waker), proxy=proxy)
    text = assert_clean(error)
    assert proxy.authorization.reveal().partition(" ")[2] not in text


def test_a_proxy_that_never_reads(serve, waker, monkeypatch, assert_clean):
    """The request to it is in the variables while it waits to be sent."""
    proxy = Proxy.parse(Secret(f"http://user:{CANARIES['proxy']}@127.0.0.1:{serve(lambda p: p.read_to_end()).port}"))
    attempt = Attempt(PATIENCE, waker)
    monkeypatch.setattr(attempt, "check", lambda: "proxy" not in attempt.step or (_ for _ in ()).throw(OSError("no")))
    error = caught(ProxyError, dial, "wss://exchange.example/", attempt, proxy=proxy)
    assert proxy.authorization.reveal().partition(" ")[2] not in assert_clean(error)
