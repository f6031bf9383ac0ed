"""What is signed is what is sent. The documents' own vectors are in tests/conformance/test_signing_vectors.py."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from decimal import Decimal
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from binance_socket import Ed25519Key, HmacKey, InvalidRequest, RsaKey
from binance_socket._wire.messages import Request, Security, encode
from binance_socket._wire.values import plain
from binance_socket.spot_api import Trading

NOW = 1_700_000_000_000

# Whatever has a UTF-8 form: quotes, controls, line separators, and what needs two units in UTF-16 included.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name not in ("signature", "apiKey", "timestamp", "recvWindow")
)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
VALUES = st.one_of(TEXT, st.integers(-(2**53), 2**63 - 1), st.booleans(), AMOUNTS, st.lists(TEXT, max_size=4))


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def pairs():
    """Each kind of key, with what verifies a signature of its."""
    rsa_key = rsa.generate_private_key(65537, 2048)
    ed_key = ed25519.Ed25519PrivateKey.generate()

    def check_hmac(signature, payload):
        assert signature == hmac.new(b"secret", payload, hashlib.sha256).hexdigest()

    def check_rsa(signature, payload):
        rsa_key.public_key().verify(base64.b64decode(signature, validate=True), payload, padding.PKCS1v15(), SHA256())

    def check_ed25519(signature, payload):
        ed_key.public_key().verify(base64.b64decode(signature, validate=True), payload)

    return {
        "HMAC": (HmacKey("key", "secret"), check_hmac),
        "RSA": (RsaKey("key", pem(rsa_key)), check_rsa),
        "Ed25519": (Ed25519Key("key", pem(ed_key)), check_ed25519),
    }


def as_sent(value, text):
    """Return how *value*, which was read from the message *text*, stands in it: the exchange signs what it reads."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        # Another writer of JSON may escape in another way: what counts is how it stands on the wire.
        return written if written in text else None
    return str(value)


def payload_of(message):
    """Return what the exchange checks a signature against, by a reading of the documents of its own."""
    text = message.decode()
    params = json.loads(text, parse_float=lambda digits: pytest.fail(f"a float is sent: {digits}"))["params"]
    signature = params.pop("signature")
    parts = [(name, as_sent(params[name], text)) for name in sorted(params)]
    if any(part is None for _, part in parts):
        return signature, None
    return signature, "&".join(f"{name}={part}" for name, part in parts).encode()


@settings(deadline=None)
@pytest.mark.parametrize("kind", ["HMAC", "RSA", "Ed25519"])
@given(
    params=st.dictionaries(NAMES, VALUES, max_size=6), window=st.none() | st.sampled_from([5000, 0.5, Decimal("1.25")])
)
def test_what_is_signed_is_what_is_sent(kind, params, window):
    """For arbitrary Unicode in names and values, amounts of any size, lists and numbers; by every kind of key."""
    key, check = pairs()[kind]
    request = Request("x", {name: plain(value) for name, value in params.items()}, security=Security.SIGNED)
    message = encode("1", request, credentials=key, timestamp=NOW, receive_window=window)
    signature, payload = payload_of(message)
    if payload is not None:
        check(signature, payload)
        assert payload.count(b"timestamp=1700000000000") >= 1


@given(symbol=TEXT.filter(bool), quantity=AMOUNTS.filter(lambda amount: amount > 0))
def test_an_order_of_any_symbol_and_size(symbol, quantity):
    """Through the method that users call: every digit that was given is sent, none that was not, and all are signed."""
    key, check = pairs()["HMAC"]
    order = {"quantity": quantity, "price": "1.50", "time_in_force": "GTC"}
    try:
        request = Trading.place_order.request(symbol, "BUY", "LIMIT", **order)
    except InvalidRequest:
        return  # beyond all reason, and not sent
    message = encode("1", request, credentials=key, timestamp=NOW, receive_window=None)
    sent = json.loads(message)["params"]
    assert sent["symbol"] == symbol
    assert Decimal(sent["quantity"]) == quantity
    assert "e" not in sent["quantity"].lower()
    check(*payload_of(message))


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
@pytest.mark.parametrize("place", ["name", "value"])
def test_half_a_surrogate_pair(text, place):
    """Has no bytes to sign, and is refused."""
    params = {text: "a"} if place == "name" else {"a": text}
    request = Request("x", params, security=Security.SIGNED)
    with pytest.raises(InvalidRequest):
        encode("1", request, credentials=HmacKey("key", "secret"), timestamp=NOW, receive_window=None)


@pytest.mark.parametrize("value", [0.1, 1e22, float("nan"), float("inf")])
def test_floats_are_refused(value):
    """Their digits are not those that were typed."""
    with pytest.raises(TypeError, match="float"):
        Trading.place_order.request("BTCUSDT", "BUY", "LIMIT", quantity=value, price="1", time_in_force="GTC")


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "1e201", "1e-201"])
def test_amounts_that_are_none(value):
    """Not a number, endless, or without end when written out."""
    with pytest.raises(InvalidRequest):
        Trading.place_order.request("BTCUSDT", "BUY", "LIMIT", quantity=Decimal(value), price="1", time_in_force="GTC")
