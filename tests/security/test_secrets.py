"""Keys, secrets, signatures, listen keys and passwords do not show. See tests/test_credentials.py as well."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
from datetime import datetime, timezone

import attrs
import orjson
import pytest
import rich.pretty

from binance_socket import ClientOptions, DecodeError, HmacKey, InvalidRequest, Response, Secret
from binance_socket._session.effects import Deliver, Opened
from binance_socket._session.topics import StreamTopic
from binance_socket._wire.events import decode_event
from binance_socket._wire.messages import Reply, Request
from binance_socket.arrivals import Batch, DataEvent
from binance_socket.masking import MASK, MaskedText, masked
from binance_socket.models import ListenKey, SessionStatus
from binance_socket.spot_api import Account

CANARY = "canary0123456789"
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
PROXY = f"http://user:{CANARY}@proxy.example:3128"
EXPIRED = {"e": "listenKeyExpired", "E": 1, "listenKey": CANARY}
UNKNOWN = {"e": "somethingNew", "E": 1, "listenKey": CANARY, "within": [{"apiKey": CANARY, "signature": CANARY}]}


@attrs.frozen
class Holder:
    secret: object


HOLDERS = {
    "a secret": Secret(CANARY),
    "a key": HmacKey(CANARY, CANARY),
    "options": ClientOptions(proxy=PROXY),
    "a response": Response(id="1", status=200, result=MaskedText(CANARY)),
    "a response of raw values": Response(id="1", status=200, result={"listenKey": CANARY}),
    "a reply": Reply("1", 200, {"listenKey": CANARY}, {"code": 1, "data": {"apiKey": CANARY}}),
    "a request": Account.keep_alive_user_stream.request(CANARY),
    "a signed request": Request("x", {"apiKey": CANARY, "signature": CANARY}),
    "a request for a stream": StreamTopic(CANARY).opening,
    "a stream": StreamTopic(CANARY),
    "what a stream is stamped with": {StreamTopic(CANARY).route_of(None): 1},
    "a known event": decode_event(EXPIRED),
    "an unknown event": decode_event(UNKNOWN),
    "an event as it arrived": DataEvent(decode_event(UNKNOWN), CANARY, NOW, None, raw=UNKNOWN),
    "a batch": Batch(CANARY, NOW),
    "an event with further keys": decode_event({**EXPIRED, "apiKey": CANARY, "more": {"signature": CANARY}}),
    "a listen key": ListenKey(listen_key=CANARY),
    "who is logged on": SessionStatus(
        api_key=CANARY, connected_since=NOW, return_rate_limits=True, server_time=NOW, user_data_stream=None
    ),
    "effects": (Deliver(StreamTopic(CANARY), EXPIRED), Opened(StreamTopic(CANARY), MaskedText(CANARY), (EXPIRED,))),
}
WAYS = {
    "repr": repr,
    "str": str,
    "f-string": lambda thing: f"{thing}",
    "f-string with a width": lambda thing: f"{thing!s:>80}{thing!r:<80}",
    "percent": lambda thing: "%s %r" % (thing, thing),  # noqa: UP031  # as logging does
    "in a list": lambda thing: str([thing]),
    "in a dict": lambda thing: str({"key": thing}),
    "in an attrs value": lambda thing: str(Holder(thing)),
    "pprint": pprint.pformat,
    "rich": lambda thing: rich.pretty.pretty_repr(thing),
    "an exception": lambda thing: repr(ValueError(thing)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", HOLDERS)
def test_it_does_not_show(kind, way):
    """Whatever holds it, however it is printed."""
    # The names of a batch's and of rich's own fields are no secret; the mask is not everywhere, because some show none.
    assert CANARY not in WAYS[way](HOLDERS[kind])


@pytest.mark.parametrize("kind", HOLDERS)
def test_logging_it_does_not_show_it(kind, caplog):
    """As an argument, or as the message itself."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("somebody.else").warning("%s and %r", HOLDERS[kind], HOLDERS[kind])
        logging.getLogger("somebody.else").warning(HOLDERS[kind])
    assert CANARY not in caplog.text


@pytest.mark.parametrize("spec", ["", ">30", "*^40", ".3", "s"])
def test_format_specifications_apply_to_the_mask(spec):
    """Not to the text behind it."""
    assert format(Secret(CANARY), spec) == format(MASK, spec)


@pytest.mark.parametrize("thing", [Secret(CANARY), HmacKey("key", CANARY)])
def test_it_cannot_be_taken_elsewhere(thing):
    """By pickle of any protocol, copies, the state of an object, or JSON."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(Holder(thing), protocol)
    for leave in (copy.copy, copy.deepcopy, json.dumps, orjson.dumps, vars, lambda it: it.__getstate__()):
        with pytest.raises(TypeError) as caught:
            leave(thing)
        assert CANARY not in str(caught.value)
    for write in (json.dumps, orjson.dumps):
        assert CANARY not in str(write({"secret": thing}, default=str))


@pytest.mark.parametrize("take", [attrs.asdict, attrs.astuple, lambda it: attrs.asdict(attrs.evolve(it))])
def test_attrs_does_not_open_it(take):
    """What attrs makes of options and of whatever else holds a secret holds the secret, not the text."""
    for holder in (ClientOptions(proxy=PROXY), Holder(HmacKey("key", CANARY)), Holder([Secret(CANARY)])):
        assert CANARY not in repr(take(holder))


def test_options_with_a_proxy_stay_where_they_are():
    """The password is a secret like any other; without a proxy, options can be copied."""
    assert ClientOptions(proxy=PROXY).proxy == Secret(PROXY)
    assert ClientOptions(proxy=Secret(PROXY)) == ClientOptions(proxy=PROXY)
    for leave in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(ClientOptions(proxy=PROXY))
    assert copy.deepcopy(ClientOptions()) == ClientOptions()
    with pytest.raises(InvalidRequest, match="not bytes"):
        ClientOptions(proxy=PROXY.encode())


def test_secrets_compare_in_constant_time(monkeypatch):
    """Through hmac.compare_digest, which takes as long for a near miss as for a far one."""
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    assert Secret("a") != Secret("b")
    assert Secret("a") == Secret("a")
    assert compared == [(b"a", b"b"), (b"a", b"a")]


def test_a_listen_key_is_text_all_the_same():
    """It can be passed on, compared, formatted, sent and pickled; only its repr is masked."""
    key = MaskedText(CANARY)
    assert key == CANARY
    assert f"{key}" == str(key) == "".join([key]) == CANARY
    assert orjson.dumps([key]) == orjson.dumps([CANARY])
    assert json.dumps(key) == json.dumps(CANARY)
    assert pickle.loads(pickle.dumps(key)) == CANARY
    assert Account.keep_alive_user_stream.request(key) == Account.keep_alive_user_stream.request(CANARY)


def test_the_answer_with_a_listen_key_does_not_show_it(client, network, exchange, run):
    """The user gets the key, and no repr of the answer or of its future shows it."""
    future = client.with_options().spot_api.account.start_user_stream.submit()
    exchange.expect(network.accept(), "userDataStream.start", {"listenKey": CANARY})
    response = future.result(10)
    assert response.result == CANARY
    assert CANARY not in repr(response) + repr(future) + repr(vars(future))


LONG = CANARY * 4
PAYLOADS = {
    "an answer": {"id": "1", "result": {"apiKey": CANARY, "more": [{"listenKey": CANARY}]}},
    "an answer that lists listen keys": {"id": 1, "result": [LONG, "btcusdt@trade"]},
    "text": json.dumps({"apiKey": CANARY, "keys": [LONG]}),
    "half a text": '{"apiKey": "' + CANARY,
    "bytes": b'{"listenKey":"%s","x":"\xff' % CANARY.encode(),
}


@pytest.mark.parametrize("kind", PAYLOADS)
def test_an_error_does_not_keep_it(kind):
    """Neither the attributes of what could not be read nor its pickle have what its reprs do not show."""
    error = DecodeError("bad", PAYLOADS[kind])
    attributes = vars(error)
    assert type(error.payload) is type(PAYLOADS[kind])
    for kept in (str(attributes), orjson.dumps(attributes, default=lambda it: it.decode("latin-1")).decode()):
        assert CANARY not in kept
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert CANARY.encode() not in pickle.dumps(error, protocol)


def test_an_error_keeps_what_is_no_secret():
    """As it came, and in its place."""
    payload = {"e": "trade", "s": "BTCUSDT", "c": "x" * 36, "apiKey": None, "rows": [[1, 2.5], None, True]}
    assert DecodeError("bad", payload).payload is payload
    kept = DecodeError("bad", {**payload, "apiKey": CANARY}).payload
    assert kept == {**payload, "apiKey": ""}


def test_what_is_nested_deep_is_not_kept():
    """Nobody could look for secrets in it."""
    value = []
    for _ in range(100_000):
        value = [value]
    assert DecodeError("bad", value).payload is None
    while value:
        value = value[0]


def test_what_is_nested_deep_shows_as_that():
    """Instead of raising while something is printed."""
    value = []
    for _ in range(100_000):
        value = [value]
    assert masked(value) == "<list, nested too deep to be shown>"
    # Taken apart by hand: some Pythons recurse to free it.
    while value:
        value = value[0]
