"""
WebSocket by hand, and the messages that are replayed.

Only the standard library: the server and the raw reader share this, and neither may lean on a library that is measured.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from collections.abc import Iterator
from typing import Any

__all__ = [
    "FIRST_ORDER_ID",
    "accept_upgrade",
    "account_status",
    "event_blocks",
    "frame",
    "upgrade_request",
    "whole_frames",
]

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

FIRST_ORDER_ID = 4_000_000_000
"""Ten digits, so that every replayed event is equally long; the n-th event carries this plus n."""

EVENTS_IN_BLOCK = 64

# A limit order that was placed: the shape, and so the cost, of the documents' own example.
_EXECUTION_REPORT: dict[str, Any] = {
    "e": "executionReport",
    "E": 1499405658658,
    "s": "ETHBTC",
    "c": "mUvoqJxFIILMdfAW5iGSOW",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "1.00000000",
    "p": "0.10264410",
    "P": "0.00000000",
    "F": "0.00000000",
    "g": -1,
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": FIRST_ORDER_ID,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": 1499405658657,
    "t": -1,
    "I": 8641984,
    "w": True,
    "m": False,
    "M": False,
    "O": 1499405658601,
    "Z": "0.00000000",
    "Y": "0.00000000",
    "Q": "0.00000000",
    "W": 1499405658601,
    "V": "NONE",
}
_TIMESTAMPS = ("E", "T", "O", "W")

LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"

_WRAPPERS = {
    "subscription": b'{"subscriptionId":0,"event":%s}',
    "combined": b'{"stream":"' + LISTEN_KEY.encode() + b'","data":%s}',
    "raw": b"%s",
}


def account_status() -> dict[str, object]:
    """Return a plausible result of ``account.status`` with a dozen balances."""
    assets = ("BTC", "ETH", "BNB", "USDT", "USDC", "SOL", "XRP", "ADA", "DOGE", "LTC", "EUR", "TRX")
    return {
        "makerCommission": 15,
        "takerCommission": 15,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "commissionRates": {
            "maker": "0.00150000",
            "taker": "0.00150000",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": 1660801833000,
        "accountType": "SPOT",
        "balances": [{"asset": asset, "free": "1000.00000000", "locked": "12.50000000"} for asset in assets],
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def frame(message: bytes, opcode: int = 1) -> bytes:
    """Return *message* as one unmasked frame, as servers send it."""
    size = len(message)
    if size < 126:
        return struct.pack("!BB", 0x80 | opcode, size) + message
    if size < 65536:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + message
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + message


def event_blocks(form: str, count: int) -> list[bytes]:
    """
    Return *count* executionReports as frames, joined to blocks of 64.

    *form* is ``subscription`` (the WebSocket API's wrapper), ``combined`` or ``raw`` (the stream server's).
    """
    frames = _frames(_WRAPPERS[form], count)
    blocks: list[bytes] = []
    while block := b"".join(_take(frames, EVENTS_IN_BLOCK)):
        blocks.append(block)
    return blocks


def _frames(wrapper: bytes, count: int) -> Iterator[bytes]:
    """Yield the frames. Each block of them is a millisecond later than the one before."""
    for start in range(0, count, EVENTS_IN_BLOCK):
        later = {key: _EXECUTION_REPORT[key] + start // EVENTS_IN_BLOCK for key in _TIMESTAMPS}
        payload = json.dumps({**_EXECUTION_REPORT, **later}, separators=(",", ":")).encode()
        before, after = frame(wrapper % payload).split(str(FIRST_ORDER_ID).encode())
        for number in range(start, min(start + EVENTS_IN_BLOCK, count)):
            yield b"%b%d%b" % (before, FIRST_ORDER_ID + number, after)


def _take(items: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _, item in zip(range(count), items, strict=False):
        yield item


def whole_frames(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Return the (opcode, unmasked payload) pairs that are complete in *data*, and how many bytes they took."""
    frames: list[tuple[int, bytes]] = []
    at = 0
    end = len(data)
    while end - at >= 2:
        opcode = data[at] & 0x0F
        masked = data[at + 1] & 0x80
        size = data[at + 1] & 0x7F
        start = at + 2
        if size == 126:
            if end - at < 4:
                break
            size = int.from_bytes(data[start : start + 2], "big")
            start += 2
        elif size == 127:
            if end - at < 10:
                break
            size = int.from_bytes(data[start : start + 8], "big")
            start += 8
        if masked:
            start += 4
        if end - start < size:
            break
        payload = data[start : start + size]
        if masked and size:
            key = (data[start - 4 : start] * (size // 4 + 1))[:size]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
        frames.append((opcode, payload))
        at = start + size
    return frames, at


def accept_upgrade(request: bytes) -> tuple[str, bytes]:
    """Return the path that an upgrade *request* asks for, and the answer that accepts it."""
    lines = request.decode("latin-1").split("\r\n")
    path = lines[0].split(" ")[1]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    digest = hashlib.sha1((headers["sec-websocket-key"] + _GUID).encode(), usedforsecurity=False).digest()
    answer = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n"
    )
    return path, answer.encode()


def upgrade_request(host: str, path: str) -> bytes:
    """Return the request with which a client asks for a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
