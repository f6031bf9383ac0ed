"""
What is signed, and the parameters of a signed request.

Source: the WebSocket API document, "SIGNED request security". Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..credentials import Credentials
from ..errors import InvalidRequest
from .codec import dumps, plain

__all__ = ["signature_payload", "signed"]


def signature_payload(params: Mapping[str, Any]) -> str:
    """
    Return the text whose UTF-8 bytes are signed.

    These are all parameters but ``signature``, sorted by name, as ``name=value`` joined with ``&``, without percent
    encoding; booleans are in lower case and lists in JSON. Raises TypeError for a float, InvalidRequest for None.
    """
    return "&".join([f"{name}={_text(name, params[name])}" for name in sorted(params) if name != "signature"])


def signed(
    params: Mapping[str, Any],
    credentials: Credentials,
    timestamp_ms: int,
    receive_window: float | Decimal | None = None,
) -> dict[str, Any]:
    """
    Return *params* as they are sent, with ``apiKey``, ``timestamp``, ``signature`` and, if given, ``recvWindow``.

    Parameters that are None are left out. *receive_window* is in milliseconds; the exchange reads up to three decimals.
    """
    sent = {name: plain(value) for name, value in params.items() if value is not None and name != "signature"}
    sent["apiKey"] = credentials.api_key.reveal()
    sent["timestamp"] = timestamp_ms
    if receive_window is not None:
        sent["recvWindow"] = _milliseconds(receive_window)
    sent["signature"] = credentials.sign(signature_payload(sent))
    return sent


def _text(name: str, value: Any) -> str:
    value = plain(value)
    if isinstance(value, str):
        return value
    if value is None:
        raise InvalidRequest(f"{name} has no value: leave it out")
    # Numbers, booleans, lists: as JSON spells them, which is how they are sent.
    return dumps(value).decode()


def _milliseconds(window: float | Decimal) -> int | str:
    """Return a whole number as such, and another as text, so that the digits sent are the digits signed."""
    text = f"{window:.3f}".rstrip("0").rstrip(".")
    return int(text) if text.isdecimal() else text
