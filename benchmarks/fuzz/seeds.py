"""What targets begin with: the documents' examples, where they are, and a few of our own."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["events", "messages", "replies", "streams"]

# Enough to reach most code without the documents.
_EVENTS: list[dict[str, Any]] = [
    {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "1.5", "T": 1},
    {"e": "outboundAccountPosition", "E": 1, "u": 1, "B": [{"a": "ETH", "f": "1", "l": "0"}]},
    {"e": "eventStreamTerminated", "E": 1},
    {"e": "listenKeyExpired", "E": 1, "listenKey": "abc"},
    {"e": "serverShutdown", "E": 1},
    {"e": "somethingNew", "E": 1, "I": 7},
    {
        "e": "executionReport",
        "E": 1,
        "s": "BTCUSDT",
        "c": "x",
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "1",
        "p": "1",
        "P": "0",
        "F": "0",
        "g": -1,
        "C": "",
        "x": "TRADE",
        "X": "FILLED",
        "r": "NONE",
        "i": 1,
        "l": "1",
        "z": "1",
        "L": "1",
        "n": "0",
        "N": None,
        "T": 1,
        "t": 1,
        "I": 1,
        "w": False,
        "m": False,
        "M": True,
        "O": 1,
        "Z": "1",
        "Y": "1",
        "Q": "0",
        "W": 1,
        "V": "NONE",
    },
]
_REPLIES: list[tuple[str, dict[str, Any]]] = [
    ("ping", {"id": "1", "status": 200, "result": {}}),
    ("time", {"id": "1", "status": 200, "result": {"serverTime": 1_700_000_000_000}}),
    (
        "order.place",
        {"id": "1", "status": 429, "error": {"code": -1003, "msg": "no", "data": {"retryAfter": 1_700_000_100_000}}},
    ),
    ("order.place", {"id": "1", "status": 500, "error": {"code": -1007, "msg": "timeout"}}),
    (
        "order.cancelReplace",
        {
            "id": "1",
            "status": 409,
            "error": {
                "code": -2021,
                "msg": "no",
                "data": {"cancelResult": "SUCCESS", "newOrderResult": "FAILURE", "cancelResponse": {}},
            },
        },
    ),
    ("userDataStream.subscribe.signature", {"id": "1", "status": 200, "result": {"subscriptionId": 0}}),
]
_STREAMS: list[Any] = [
    {"e": "trade", "E": 1, "s": "BTCUSDT", "t": 1, "p": "1", "q": "1", "T": 1, "m": True, "M": True},
    {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 1, "u": 2, "b": [["1", "2"]], "a": [["3", "0"]]},
]


@functools.cache
def _documents() -> dict[str, Any]:
    folder = os.environ.get("BINANCE_SPEC_DIR")
    if not folder:
        return {}
    names = ("ws_api", "listen_key_api", "streams", "user_data_events", "listen_key_events")
    return {name: json.loads(Path(folder, f"{name}.json").read_text("utf-8")) for name in names}


@functools.cache
def events() -> list[dict[str, Any]]:
    """Return events of accounts, as they are without their wrapping."""
    found = [
        entry["payload"] for name in ("user_data_events", "listen_key_events") for entry in _documents().get(name, [])
    ]
    return _EVENTS + [payload.get("event", payload) for payload in found]


@functools.cache
def replies() -> list[tuple[str, dict[str, Any]]]:
    """Return methods with an answer to each."""
    return _REPLIES + [
        (entry["method"], response)
        for name in ("ws_api", "listen_key_api")
        for entry in _documents().get(name, [])
        for response in entry["responses"]
        if isinstance(response, dict)
    ]


@functools.cache
def streams() -> list[Any]:
    """Return what comes on market streams, without its wrapping."""
    return _STREAMS + [entry["payload"] for entry in _documents().get("streams", [])]


@functools.cache
def messages() -> list[Any]:
    """Return whole messages, as a server sends them."""
    return [
        *({"subscriptionId": 0, "event": event} for event in events()),
        *({"stream": "a", "data": event} for event in events()),
        *({"stream": "btcusdt@trade", "data": payload} for payload in streams()),
        *(reply for _, reply in replies()),
        {"id": "1", "result": None},
        {"error": {"code": 2, "msg": "Invalid request"}, "id": "1"},
        {"code": 0, "msg": "Unknown property"},
        {"event": {"e": "eventStreamTerminated", "E": 1}},
    ]
