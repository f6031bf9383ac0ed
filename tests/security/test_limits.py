"""
A limit on every size that a peer decides, and nothing but typed errors beyond it.

What is tested elsewhere: messages, fragments, control frames, close reasons and pings in tests/engine/test_frames.py;
the head of an upgrade in test_websocket.py, of a proxy's answer in test_dial.py; bodies in test_http.py.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket import (
    ApiError,
    BinanceSocketError,
    ConnectionLost,
    DecodeError,
    Environment,
    HandshakeError,
    InvalidRequest,
    ListenKeyTransport,
    RateLimited,
)
from binance_socket._engine.audience import Audience
from binance_socket._engine.http import request_json
from binance_socket._engine.lanes import Lanes, Malformed
from binance_socket._session.topics import WS_API
from binance_socket._wire.codec import loads, loads_strictly
from binance_socket._wire.events import decode_event
from binance_socket._wire.identity import identity_of
from binance_socket.errors import RequestTimeout
from binance_socket.masking import masked
from binance_socket.spot_api import Trading

PATIENCE = 10.0
DEPTHS = [100, 249, 300, 900, 1023, 1500, 100_000]


def nested(depth, kind="list"):
    if kind == "list":
        return b"[" * depth + b"]" * depth
    return b'{"a":' * depth + b"1" + b"}" * depth


# Depth.


@pytest.mark.parametrize("read", [loads, loads_strictly])
@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_how_deep_json_is(depth, kind, read):
    """It is read, and then can be written, compared and shown; or it is a DecodeError. Never a RecursionError."""
    text = nested(depth, kind)
    if depth < 250:
        value = read(text)
        assert orjson.dumps(value) == text
        assert isinstance(masked(value), str)
        assert identity_of({"e": "new", "x": value})[1]
    else:
        with pytest.raises(DecodeError):
            read(text)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_deep_event(depth, client, subscribe, exchange):
    """Reaches the user as it came, or as an error; what comes after it is delivered."""
    import queue

    heard = queue.SimpleQueue()
    subscription, transport = subscribe(client, on_unknown_event=heard.put, on_account_balance_update=heard.put)
    subscription.on_exception(heard.put)
    transport.push(b'{"subscriptionId":0,"event":{"e":"new","E":1,"x":%s}}' % nested(depth))
    exchange.emit(transport, 7)
    first, second = heard.get(timeout=PATIENCE), heard.get(timeout=PATIENCE)
    assert isinstance(first, DecodeError) == (depth > 250)
    assert repr(first)
    assert second.data.delta == 7


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_deep_answer(depth, client, network, run, pass_time):
    """Ends its call with a typed error, at once or at its deadline; the client goes on."""
    future = client.with_options(timeout=5).spot_api.account.session_status.submit()
    transport = network.accept()
    request = transport.sent()
    transport.push(b'{"id":"%s","status":200,"result":%s}' % (request["id"].encode(), nested(depth)))
    if depth > 250:
        pass_time(client, 6)
    assert isinstance(future.exception(PATIENCE), (DecodeError, RequestTimeout, ConnectionLost))


# Keys that come twice.

TWINS = [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a" :1,"a":2}',
    '[{"b":[{"a":1,"c":2,"a":1}]}]',
    '{"id":"x","status":200,"result":1,"result":2}',
    '{"a":{"a":1},"a":1e5}',
]
ALIKE = [
    '{"a":1,"A":2}',
    '{"a":{"a":1},"b":[{"a":1},{"a":1}]}',
    '{"a":"\\"a\\":1,\\"a\\":2"}',
    '{ "a" : 1e5 , "b" : "\\/" }',
    "[]",
    '"a"',
    "1.0",
]


@pytest.mark.parametrize("text", TWINS)
def test_a_key_that_comes_twice(text):
    """Is refused, however it is spelled and wherever it stands: one parser takes the first, another the last."""
    for data in (text, text.encode()):
        with pytest.raises(DecodeError, match="twice"):
            loads_strictly(data)


@pytest.mark.parametrize("text", ALIKE)
def test_keys_that_are_not_the_same(text):
    """Are none of that."""
    assert loads_strictly(text) == json.loads(text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 1]), st.booleans())
def test_json_without_any_is_read_in_every_spelling(value, indent, escaped):
    """With blanks or without, escaped or not: it is what the other parser makes of it."""
    text = json.dumps(value, indent=indent, ensure_ascii=escaped)
    assert loads_strictly(text) == json.loads(text)


@pytest.mark.parametrize("text", TWINS[4:])
def test_an_answer_with_such_a_key(text):
    """Is malformed to the session: neither value is believed."""
    others = []
    lanes = Lanes(WS_API, Audience(), others=others.extend, ended=lambda *args: None)
    lanes.take([text.encode()], 0.0)
    assert [type(message) for message in others] == [Malformed]


# Numbers.


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "[1E999]", '{"a":NaN}'])
def test_what_is_no_number(text):
    """Is refused."""
    for read in (loads, loads_strictly):
        with pytest.raises(DecodeError):
            read(text)


@pytest.mark.parametrize("number", [2**60, 2**63, 2**64, -(2**63), 10**18, 10**30, -(10**30), 1e300])
@pytest.mark.parametrize("field", ["E", "T"])
def test_a_time_beyond_all_reason(number, field):
    """DecodeError, for whole numbers of any size."""
    payload = {"e": "balanceUpdate", "E": 1, "T": 1, "a": "BTC", "d": "1", field: number}
    with pytest.raises(DecodeError):
        decode_event(loads(json.dumps(payload)))


@pytest.mark.parametrize("amount", ["1e999999999", "9" * 100_000, "-1e-999999999"])
def test_an_amount_beyond_all_reason(amount):
    """Is a DecodeError, in little time and memory; and a program that has it is not let send digits without end."""
    payload = {"e": "balanceUpdate", "E": 1, "T": 1, "a": "BTC", "d": amount}
    with pytest.raises(DecodeError):
        decode_event(payload)
    with pytest.raises(InvalidRequest):
        Trading.place_order.request("BTCUSDT", "BUY", "LIMIT", quantity=Decimal(amount), price="1", time_in_force="GTC")


@pytest.mark.parametrize("moment", [2**63, -1, 10**30, math.inf, "soon", None, True, [1]])
def test_when_to_come_back(moment):
    """A time that is none is no time, and not an error of its own."""
    error = RateLimited(-1003, "no", status=429, data={"retryAfter": moment})
    retry_after = error.retry_after
    assert retry_after is None or retry_after.year < 10_000


def rest_client(make_client, port):
    venue = Environment(
        name="venue",
        ws_api_url="wss://api.example",
        stream_url="wss://stream.example",
        rest_url=f"http://127.0.0.1:{port}",
        listen_key_transport=ListenKeyTransport.REST,
    )
    return make_client(environment=venue)


def rest_account(make_client, port):
    return rest_client(make_client, port).spot_api.account


def answering(answer):
    def script(peer):
        peer.read_head()
        peer.send(answer)
        peer.close()
        peer.read_to_end()

    return script


NUMBERS = ["9" * 5000, "9" * 10, "-1", "１２", "soon", "1e9", ""]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", ["Retry-After", "X-MBX-USED-WEIGHT-1M"])
def test_numbers_in_headers(number, name, make_client, serve):
    """What is no number, or too long for one, says nothing; the answer stays what it is."""
    body = b'{"code":-1003,"msg":"no"}'
    head = f"HTTP/1.1 429 X\r\n{name}: {number}\r\nContent-Length: {len(body)}\r\n\r\n".encode("latin-1", "replace")
    account = rest_account(make_client, serve(answering(head + body)).port)
    with pytest.raises(RateLimited) as caught:
        account.start_user_stream()
    assert caught.value.retry_after is None


@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.parametrize(
    "header, body",
    [
        ("Retry-After: 999999999", b"{}"),
        ("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", b"{}"),
        ("X: y", b'{"code":-1003,"msg":"no","data":{"retryAfter":99999999999999}}'),
    ],
)
def test_a_retry_after_beyond_all_reason(header, body, status, make_client, serve, clock):
    """A server that asks for thirty years, or eight thousand, gets a week."""
    head = f"HTTP/1.1 {status} X\r\n{header}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    client = rest_client(make_client, serve(answering(head + body)).port)
    with pytest.raises(RateLimited):
        client.spot_api.account.start_user_stream()
    limits = client.rate_limits
    until = limits.banned_until if status == 418 else limits.closed_until
    assert until is not None
    assert until.timestamp() - clock.time() == pytest.approx(7 * 86400, abs=1)


@pytest.mark.parametrize(
    "body", [nested(100_000), b'{"listenKey":"a","listenKey":"b"}', b'{"listenKey":NaN}', b'{"listenKey":"\\ud800"}']
)
def test_bodies_over_rest(body, make_client, serve):
    """The same rules."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    account = rest_account(make_client, serve(answering(head + body)).port)
    with pytest.raises(BinanceSocketError) as caught:
        account.start_user_stream()
    assert isinstance(caught.value, (DecodeError, ConnectionLost))


@pytest.mark.parametrize("count", [90, 1000, 100_000])
def test_how_many_headers_an_answer_has(count, serve, connect):
    """A bounded number of them, over REST and in an upgrade; beyond that, a typed error."""
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(count))
    server = serve(answering(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 2\r\n\r\n{}"))
    with pytest.raises(HandshakeError):
        connect(server)
    url = f"http://127.0.0.1:{server.port}/"
    if count < 100:
        assert request_json("POST", url, timeout=PATIENCE).payload == {}
    else:
        with pytest.raises(ConnectionLost):
            request_json("POST", url, timeout=PATIENCE)


# What users give.

INJECTIONS = [
    "btcusdt/ethusdt",
    "btcusdt@trade",
    "btcusdt\r\nX: y",
    "btc usdt",
    "btc\x00usdt",
    'btc"usdt',
    "btc\\usdt",
    "btc\u2028usdt",
    "btc\u202eusdt",
    "!miniTicker",
    "",
]


@pytest.mark.parametrize("symbol", INJECTIONS)
def test_symbols_that_would_be_something_else_in_a_stream(symbol, client, network):
    """Are refused before anything is connected."""
    with pytest.raises(InvalidRequest):
        client.spot_api.exchange_data.subscribe_to_trade_updates(symbol, print)
    assert network.attempts == []


@pytest.mark.parametrize(
    "symbol", ["btc?x=y", "btc&streams=x", "btc%2Fethusdt", "btc#x", "btc;x", "../../x", "１２３４５６"]
)
def test_no_symbol_gets_into_a_url(symbol, client, network, run):
    """A stream is asked for in a message; the URL is the same for all."""
    if "/" in symbol:
        with pytest.raises(InvalidRequest):
            client.spot_api.exchange_data.subscribe_to_trade_updates(symbol, print)
        return
    join = run(client.spot_api.exchange_data.subscribe_to_trade_updates, symbol, print)
    transport = network.accept()
    request = transport.sent()
    assert request["params"] == [f"{symbol.lower()}@trade"]
    assert network.attempts == ["wss://stream.example/stream"]
    transport.push({"id": request["id"], "error": {"code": 2, "msg": "no"}})
    with pytest.raises(ApiError):
        join()


@pytest.mark.parametrize("key", ["a/b", "a b", "a\r\nb", "a%2Fb", "ä", "a@b", "", "a\x00", "１２", None, 5])
def test_listen_keys_are_letters_and_digits(key, client, network):
    """Anything else is refused, wherever one is given."""
    account = client.spot_api.account
    for call in (account.keep_alive_user_stream, account.stop_user_stream):
        with pytest.raises(InvalidRequest):
            call(key)
    if key is not None:
        with pytest.raises(InvalidRequest):
            account.subscribe_to_user_data_updates(key)
    assert network.attempts == []
