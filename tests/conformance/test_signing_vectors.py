"""The documents' signatures come out as printed there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from binance_socket._wire.signing import signature_payload, signed
from binance_socket.credentials import Ed25519Key, HmacKey

pytestmark = pytest.mark.conformance


@pytest.mark.parametrize("symbol", ["BTCUSDT", "１２３４５６"])
def test_hmac(symbol: str, spec: Callable[[str], Any]) -> None:
    """Both orders, the one with a symbol beyond ASCII included."""
    (vector,) = [v for v in spec("signing_vectors.json")["hmac"] if v["params"]["symbol"] == symbol]
    key = HmacKey(vector["api_key"], vector["secret_key"])
    params = dict(vector["params"])
    assert key.sign(signature_payload(params)) == vector["signature"]
    assert signed(params, key, params.pop("timestamp"), params.pop("recvWindow")) == {
        **vector["params"],
        "signature": vector["signature"],
    }


def test_ed25519(spec: Callable[[str], Any]) -> None:
    """The logon example."""
    (vector,) = spec("signing_vectors.json")["ed25519"]
    assert Ed25519Key("key", vector["private_key_pem"]).sign(vector["payload"]) == vector["signature"]
