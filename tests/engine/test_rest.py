"""Listen keys over REST, against a real HTTP server on loopback."""

import http.server
import json
import queue
import threading
import urllib.parse

import attrs
import pytest

from binance_socket import (
    ApiError,
    CallCancelled,
    CancellationToken,
    Certainty,
    ClientClosed,
    ConnectionLost,
    DecodeError,
    Environment,
    InvalidRequest,
    RateLimited,
    RateLimitPolicy,
    RequestTimeout,
    TooManyPending,
)
from binance_socket._engine import rest as rest_module

PATIENCE = 10.0


class Venue:
    """An HTTP server that keeps what it was asked and answers what it is told to."""

    def __init__(self):
        self.asked = queue.SimpleQueue()
        self.answers = queue.SimpleQueue()
        self.release = threading.Event()
        venue = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                params = dict(urllib.parse.parse_qsl(body))
                venue.asked.put((self.command, self.path, params, self.headers.get("X-MBX-APIKEY")))
                status, body, headers = venue.answers.get(timeout=PATIENCE)
                if status is None:
                    venue.release.wait(PATIENCE)
                    return
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # the names that http.server looks for

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, status, body, **headers):
        self.answers.put((status, body, headers))

    def stop(self):
        self.release.set()
        self._server.shutdown()
        self._thread.join(PATIENCE)
        self._server.server_close()


@pytest.fixture
def venue():
    venue = Venue()
    yield venue
    venue.stop()


@pytest.fixture
def environment(venue):
    return Environment(
        name="venue",
        ws_api_url="wss://api.example/ws-api/v3",
        stream_url="wss://stream.example",
        rest_url=venue.url,
        listen_key_transport="rest",
    )


@pytest.fixture
def account(make_client, environment):
    return make_client(environment=environment).spot_api.account


def test_the_three_calls_go_over_rest(account, venue, network):
    """POST, PUT and DELETE, the key as a parameter and the API key as a header; no socket is opened."""
    venue.answer(200, {"listenKey": "abc"})
    assert account.start_user_stream().result == "abc"
    assert venue.asked.get(timeout=PATIENCE) == ("POST", "/api/v3/userDataStream", {}, "key")
    venue.answer(200, {})
    assert account.keep_alive_user_stream("abc").result is None
    assert venue.asked.get(timeout=PATIENCE) == ("PUT", "/api/v3/userDataStream", {"listenKey": "abc"}, "key")
    venue.answer(200, {})
    response = account.stop_user_stream("abc")
    assert (response.status, response.result) == (200, None)
    assert venue.asked.get(timeout=PATIENCE) == ("DELETE", "/api/v3/userDataStream", {"listenKey": "abc"}, "key")
    assert network.attempts == []


def test_an_error_of_the_exchange(account, venue):
    """ApiError with code, message, status and method."""
    venue.answer(400, {"code": -1125, "msg": "This listenKey does not exist."})
    with pytest.raises(ApiError) as caught:
        account.keep_alive_user_stream("gone")
    error = caught.value
    assert (error.code, error.message, error.status) == (-1125, "This listenKey does not exist.", 400)
    assert error.method == "userDataStream.ping"


@pytest.mark.parametrize("status", [403, 404, 502])
def test_a_page_instead_of_an_answer_is_an_api_error_all_the_same(account, venue, status):
    """What stands before the exchange refuses with a page: its status counts."""
    venue.answer(status, b"<html>no</html>")
    with pytest.raises(ApiError) as caught:
        account.start_user_stream()
    assert caught.value.status == status


def test_a_rate_limit_says_when_to_come_back(account, venue):
    """Retry-After is in seconds."""
    venue.answer(429, {"code": -1003, "msg": "Too many requests."}, **{"Retry-After": "60"})
    with pytest.raises(RateLimited) as caught:
        account.start_user_stream()
    assert caught.value.retry_after is not None


@pytest.mark.parametrize("status", [200, 429])
def test_headers_that_make_no_sense(account, venue, status):
    """They are as if they were not there: numbers of thousands of digits included, which Python refuses to read."""
    nonsense = "9" * 5000
    headers = {"Retry-After": nonsense, "X-MBX-USED-WEIGHT-1M": nonsense}
    venue.answer(status, {"listenKey": "abc", "code": -1003, "msg": "no"}, **headers)
    if status == 200:
        assert account.start_user_stream().result == "abc"
    else:
        with pytest.raises(RateLimited) as caught:
            account.start_user_stream()
        assert caught.value.retry_after is None


def test_what_an_answer_says_of_the_limits(make_client, environment, venue):
    """The weight that the exchange has counted is taken in; nonsense is not."""
    client = make_client(environment=environment)
    venue.answer(200, {"listenKey": "abc"}, **{"X-MBX-USED-WEIGHT-1M": "123"})
    client.spot_api.account.start_user_stream()
    [window] = client.rate_limits.windows
    assert window.used >= 123
    venue.answer(200, {"listenKey": "abc"}, **{"X-MBX-USED-WEIGHT-1M": "-7"})
    client.spot_api.account.start_user_stream()
    assert client.rate_limits.windows[0].used < 123 + 10


def test_a_call_waits_for_the_gate(make_client, environment, venue, clock, pass_time):
    """It is made when the exchange takes calls again, if that is in time; or not at all."""
    client = make_client(environment=environment)
    venue.answer(429, {"code": -1003, "msg": "Too many requests."}, **{"Retry-After": "20"})
    with pytest.raises(RateLimited):
        client.spot_api.account.start_user_stream()
    venue.asked.get(timeout=PATIENCE)
    patient = client.with_options(timeout=100).spot_api.account.start_user_stream.submit()
    cancelled = client.with_options(timeout=100).spot_api.account.start_user_stream.submit()
    assert cancelled.cancel()
    with pytest.raises(RateLimited) as caught:
        client.with_options(timeout=5).spot_api.account.start_user_stream()
    assert caught.value.certainty is Certainty.NOT_SENT
    venue.answer(200, {"listenKey": "abc"})
    pass_time(client, 30)
    assert patient.result(PATIENCE).result == "abc"
    venue.asked.get(timeout=PATIENCE)
    assert venue.asked.empty()


@pytest.mark.parametrize("status, banned", [(418, True), (429, False)])
def test_what_waits_for_a_thread_is_not_sent_after_a_refusal(
    make_client, environment, venue, clock, pass_time, status, banned
):
    """Only what is under way: the rest is held back, or made afterwards where that is in time."""
    client = make_client(environment=environment)
    hanging = []
    for _ in range(4):
        hanging.append(client.spot_api.account.start_user_stream.submit())
        venue.asked.get(timeout=PATIENCE)
    waiting = [client.spot_api.account.start_user_stream.submit() for _ in range(3)]
    patient = client.with_options(timeout=100).spot_api.account.start_user_stream.submit()
    for _ in hanging:
        venue.answer(status, {"code": -1003, "msg": "no"}, **{"Retry-After": "60"})
    assert {future.exception(PATIENCE).certainty for future in hanging} == {Certainty.MAYBE_SENT}
    errors = [future.exception(PATIENCE) for future in waiting]
    assert {(type(error), error.banned, error.certainty) for error in errors} == {
        (RateLimited, banned, Certainty.NOT_SENT)
    }
    assert venue.asked.empty()
    assert not patient.done()
    venue.answer(200, {"listenKey": "abc"})
    pass_time(client, 70)
    assert patient.result(PATIENCE).result == "abc"


def test_a_call_that_does_not_wait_for_the_gate(make_client, environment, venue):
    """Where the options say so."""
    client = make_client(environment=environment, rate_limits=RateLimitPolicy.FAIL)
    venue.answer(429, {"code": -1003, "msg": "Too many requests."}, **{"Retry-After": "5"})
    for certainty in (Certainty.MAYBE_SENT, Certainty.NOT_SENT):
        with pytest.raises(RateLimited) as caught:
            client.with_options(timeout=100).spot_api.account.start_user_stream()
        assert caught.value.certainty is certainty


@pytest.mark.parametrize("body", [b"[]", b"", b"<html>", b'{"listenKey": 5}', b"{}"])
def test_a_success_that_is_none(account, venue, body):
    """DecodeError."""
    venue.answer(200, body)
    with pytest.raises(DecodeError):
        account.start_user_stream()


def test_nobody_there(make_client, environment, venue):
    """ConnectionLost, without the URL, in which the key may be."""
    client = make_client(environment=attrs.evolve(environment, rest_url="http://127.0.0.1:1"))
    with pytest.raises(ConnectionLost) as caught:
        client.spot_api.account.keep_alive_user_stream("secretkey")
    assert "secretkey" not in str(caught.value)


def test_no_answer_in_time(account, venue, make_client, environment, clock):
    """RequestTimeout, by the client's clock, though the thread still waits."""
    venue.answer(None, b"")
    future = account.start_user_stream.submit()
    venue.asked.get(timeout=PATIENCE)
    clock.advance(12)
    with pytest.raises(RequestTimeout) as caught:
        future.result(PATIENCE)
    assert caught.value.certainty is Certainty.MAYBE_SENT
    venue.release.set()


def test_a_token_abandons_a_waiting_call(make_client, environment, venue):
    """At once, though the thread still waits."""
    token = CancellationToken()
    client = make_client(environment=environment)
    venue.answer(None, b"")
    future = client.with_options(ct=token).spot_api.account.start_user_stream.submit()
    venue.asked.get(timeout=PATIENCE)
    token.cancel()
    with pytest.raises(CallCancelled):
        future.result(PATIENCE)
    venue.release.set()


def test_closing_ends_a_waiting_call(make_client, environment, venue):
    """At once, with ClientClosed; later ones are refused."""
    client = make_client(environment=environment)
    venue.answer(None, b"")
    future = client.spot_api.account.start_user_stream.submit()
    venue.asked.get(timeout=PATIENCE)
    client.close()
    assert isinstance(future.exception(0), ClientClosed)
    with pytest.raises(ClientClosed):
        client.spot_api.account.start_user_stream()
    venue.release.set()


def test_too_many_waiting_calls(make_client, environment, venue):
    """One more is refused, and not sent; the others are answered as ever."""
    client = make_client(environment=environment, max_pending=2)
    start = client.spot_api.account.start_user_stream
    waiting = [start.submit(), start.submit()]
    with pytest.raises(TooManyPending) as caught:
        start.submit()
    assert caught.value.certainty is Certainty.NOT_SENT
    for number in range(2):
        venue.answer(200, {"listenKey": f"key{number}"})
    assert {future.result(PATIENCE).result for future in waiting} == {"key0", "key1"}
    venue.answer(200, {"listenKey": "key2"})
    assert start().result == "key2"
    assert venue.asked.qsize() == 3


@pytest.mark.parametrize("how", ["close", "cancel", "time is up"])
def test_a_call_ends_with_its_future(make_client, environment, venue, clock, how):
    """Its thread does not wait for the answer any longer; after close() there is none."""
    client = make_client(environment=environment, request_timeout=60)
    token = CancellationToken()
    venue.answer(None, b"")
    future = client.with_options(ct=token).spot_api.account.start_user_stream.submit()
    venue.asked.get(timeout=PATIENCE)
    if how == "close":
        client.close()
        assert [thread for thread in threading.enumerate() if "rest" in thread.name] == []
    elif how == "cancel":
        token.cancel()
    else:
        clock.advance(60)
    assert isinstance(future.exception(PATIENCE), (ClientClosed, CallCancelled, RequestTimeout))
    # The thread that made the call is there for the next ones, of which as many as there are threads would hang.
    for _ in range(4 if how != "close" else 0):
        venue.answer(200, {"listenKey": "abc"})
        assert client.spot_api.account.start_user_stream().result == "abc"
    venue.release.set()


def test_no_descriptors_for_a_call(make_client, environment, monkeypatch):
    """That the system has no more is told as what it is: the call has not been made."""

    def none_left():
        raise OSError(24, "Too many open files")

    client = make_client(environment=environment)
    monkeypatch.setattr(rest_module, "Line", none_left)
    with pytest.raises(ConnectionLost, match="Too many open files") as caught:
        client.spot_api.account.start_user_stream()
    assert caught.value.certainty is Certainty.NOT_SENT


def test_calls_that_hang_do_not_hold_up_the_sockets(make_client, environment, venue, network, exchange, clock):
    """However many: what the reader has others write is written."""
    client = make_client(environment=environment)
    network.hang()
    waiting = client.spot_api.account.session_subscriptions.submit()
    network.wait_attempt()
    hanging = []
    for _ in range(4):
        venue.answer(None, b"")
        hanging.append(client.spot_api.account.start_user_stream.submit())
        venue.asked.get(timeout=PATIENCE)
    late = client.spot_api.account.start_user_stream.submit()
    client._hub.api._waker.wake()
    exchange.expect(network.accept(), "session.subscriptions", [])
    assert waiting.result(PATIENCE).result == []
    clock.advance(12)
    for future in hanging:
        assert future.exception(PATIENCE).certainty is Certainty.MAYBE_SENT
    # This one was never begun.
    assert late.exception(PATIENCE).certainty is Certainty.NOT_SENT
    venue.release.set()


def test_a_defect_does_not_leave_the_caller_waiting(account, venue, monkeypatch):
    """Whatever goes wrong on our side, the future ends (U2)."""

    def broken(*args, **kwargs):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(rest_module, "request_json", broken)
    with pytest.raises(ClientClosed, match="internal"):
        account.start_user_stream()


def test_without_credentials_nothing_is_asked(make_client, environment, venue):
    """InvalidRequest before anything is sent."""
    client = make_client(environment=environment, credentials=None)
    with pytest.raises(InvalidRequest):
        client.spot_api.account.start_user_stream()
    assert venue.asked.empty()


def test_a_key_is_kept_alive_over_rest(make_client, environment, venue, network, run, pass_time):
    """The stream is on the socket, its key is at the REST server."""
    client = make_client(environment=environment)
    join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates("abc"))
    streams = network.accept()
    streams.push({"id": streams.sent()["id"], "result": None})
    join()
    venue.answer(200, {})
    pass_time(client, 1800)
    assert venue.asked.get(timeout=PATIENCE)[0] == "PUT"
    assert network.attempts == ["wss://stream.example/stream"]
