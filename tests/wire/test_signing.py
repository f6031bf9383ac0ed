"""binance_socket._wire.signing"""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._wire.codec import dumps, loads
from binance_socket._wire.signing import signature_payload, signed
from binance_socket.credentials import HmacKey
from binance_socket.errors import InvalidRequest
from binance_socket.models import OrderSide

KEY = HmacKey("our-key", "our-secret")


def test_the_payload() -> None:
    """Sorted by name, joined, no percent encoding, booleans in lower case; the signature is no part of it."""
    params = {
        "symbol": "１２ &=%é",
        "signature": "old",
        "flag": True,
        "other": False,
        "Upper": 1,
        "quantity": Decimal("1E-7"),
        "side": OrderSide.SELL,
        "list": ["A", 1],
        "when": datetime(1970, 1, 2, tzinfo=timezone.utc),
    }
    assert signature_payload(params) == (
        'Upper=1&flag=true&list=["A",1]&other=false&quantity=0.0000001&side=SELL&symbol=１２ &=%é&when=86400000'
    )
    assert signature_payload({}) == ""


def test_what_cannot_be_signed() -> None:
    """A float has no exact text, and None none at all."""
    with pytest.raises(TypeError, match="float"):
        signature_payload({"quantity": 0.1})
    with pytest.raises(InvalidRequest, match="price has no value"):
        signature_payload({"price": None})


def test_signed_parameters() -> None:
    """Key, time, window and signature are added, None is left out, and the caller's mapping stays as it was."""
    params = {"symbol": "BTCUSDT", "price": Decimal("1.50"), "limit": None, "signature": "old"}
    sent = signed(params, KEY, 1_700_000_000_000, 5000.0)
    assert sent == {
        "symbol": "BTCUSDT",
        "price": "1.50",
        "apiKey": "our-key",
        "timestamp": 1_700_000_000_000,
        "recvWindow": 5000,
        "signature": KEY.sign("apiKey=our-key&price=1.50&recvWindow=5000&symbol=BTCUSDT&timestamp=1700000000000"),
    }
    assert params["signature"] == "old"
    assert "recvWindow" not in signed({}, KEY, 1, None)


@pytest.mark.parametrize(
    "window, sent",
    [(5000, 5000), (5000.0, 5000), (100, 100), (6000.346, "6000.346"), (0.1, "0.1"), (Decimal("1.50"), "1.5")],
)
def test_receive_windows(window: Any, sent: object) -> None:
    """A window has up to three decimals; one that is no whole number is sent as the text that was signed."""
    assert signed({}, KEY, 1, window)["recvWindow"] == sent


_values = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.decimals(-(10**20), 10**20, places=8),
    st.sampled_from(OrderSide),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
)


@given(st.dictionaries(st.text("abcXYZ", min_size=1, max_size=3), _values, max_size=6), st.integers(0, 2**50))
def test_what_is_sent_is_what_was_signed(params: dict[str, Any], timestamp: int) -> None:
    """The parameters, read back from the JSON that is sent, make the payload that was signed."""
    sent = loads(dumps(signed(params, KEY, timestamp, 60_000)))
    signature = sent.pop("signature")
    assert KEY.sign(signature_payload(sent)) == signature
    names = [part.split("=")[0] for part in signature_payload(dict.fromkeys(sent, 0)).split("&")]
    assert names == sorted(names)
