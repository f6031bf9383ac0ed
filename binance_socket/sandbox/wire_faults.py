"""What no server may send, by name, and ways to send what it may that only few clients stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

__all__ = ["DRIP", "FRAMES", "REPLIES", "UPGRADES", "in_fragments", "spoil_response"]

_TEXT: Final = 0x81
_PING: Final = 0x89
_CLOSE: Final = 0x88
_MANY_PINGS: Final = 20_000
_SOME_PINGS: Final = 100
_DRIP_SIZE: Final = 1_000_000
_EVENT: Final = b'{"subscriptionId":0,"event":{"e":"neverHappened","E":1}}'


def _short(head: int, payload: bytes) -> bytes:
    assert len(payload) < 126
    return bytes((head, len(payload))) + payload


def _close(code: int) -> bytes:
    return _short(_CLOSE, code.to_bytes(2, "big"))


FRAMES: Final[Mapping[str, bytes]] = {
    "binary": _short(0x82, b"\x00\x01"),
    "reserved_bits": _short(0xC1, b"{}"),
    "unknown_opcode": _short(0x83, b"{}"),
    "masked": bytes((_TEXT, 0x82)) + b"\0\0\0\0{}",
    "fragmented_ping": _short(0x09, b"half"),
    "long_ping": bytes((_PING, 126, 0, 200)) + bytes(200),
    "stray_continuation": _short(0x80, b"}"),
    "message_in_message": _short(0x01, b'{"a":') + _short(_TEXT, b"{}"),
    "half_a_close_code": _short(_CLOSE, b"\x03"),
    "invalid_utf8": _short(_TEXT, b'{"e":"\xff\xfe"}'),
    "surrogate_utf8": _short(_TEXT, b'{"e":"\xed\xa0\x80"}'),
    "split_utf8": _short(0x01, b'{"e":"\xc3') + _short(0x80, b'("}'),
    "oversized_frame": bytes((_TEXT, 127)) + (2**31).to_bytes(8, "big"),
    "oversized_message": _short(0x01, b'{"e":"') + bytes((0x80, 127)) + (2**31).to_bytes(8, "big"),
    "negative_size": bytes((_TEXT, 127)) + (2**63 + 1).to_bytes(8, "big"),
    "close_without_code": bytes((_CLOSE, 0)),
    "close_1006": _close(1006),
    "close_999": _close(999),
    "close_5000": _close(5000),
    "close_bad_reason": _short(_CLOSE, (1001).to_bytes(2, "big") + b"\xff\xfe"),
    "after_close": _close(1001) + _short(_TEXT, _EVENT),
    "pings": b"".join(_short(_PING, b"%d" % number) for number in range(_SOME_PINGS)),
    "ping_flood": b"".join(_short(_PING, b"%d" % number) for number in range(_MANY_PINGS)),
    "pong_flood": _short(0x8A, b"nobody asked") * _MANY_PINGS,
    "empty_fragments": _short(0x01, b"") + _short(0x00, b"") * 1000 + _short(0x80, _EVENT.replace(b":0,", b":77,")),
    # Its end never comes, and whatever is sent from then on becomes a part of it.
    "drip": bytes((_TEXT, 127)) + _DRIP_SIZE.to_bytes(8, "big"),
}
"""Bytes as they stand on the wire, after a whole frame."""


def in_fragments(frames: bytes) -> bytes:
    """Return whole, unmasked frames with each text in fragments of one byte, and a ping between any two of them."""
    out = bytearray()
    position = 0
    while position < len(frames):
        head, size = frames[position], frames[position + 1]
        start = position + 2
        if size > 125:
            width = 2 if size == 126 else 8
            size = int.from_bytes(frames[start : start + width], "big")
            start += width
        payload = frames[start : start + size]
        if head == _TEXT and size > 1:
            for number in range(size):
                out += bytes((_opcode(number, size), 1, payload[number]))
                out += _short(_PING, b"%d" % number)
        else:
            out += frames[position : start + size]
        position = start + size
    return bytes(out)


def _opcode(number: int, size: int) -> int:
    return (0x80 if number == size - 1 else 0) | (0x00 if number else 0x01)


# Answers to upgrades.

UPGRADES: Final[Mapping[str, bytes]] = {
    "garbage": b"220 mail.example ESMTP ready\r\n\r\n",
    "endless_head": b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-Padding: 0123456789abcdef\r\n" * 4096,
    "half_head": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso",
    "drip": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" + b"X-Padding: 0123456789abcdef\r\n" * 400,
    "hang": b"",
    # These answer as they should, but for a header.
    "wrong_accept": b"",
    "no_accept": b"",
    "extension": b"",
    "protocol": b"",
}
"""What is answered to an upgrade; how the last ones differ is in :func:`spoil_response`."""

DRIP: Final = 0.02
"""How long each byte of a dripping head takes, in seconds."""

_HEADERS: Final[Mapping[str, tuple[str, str | None]]] = {
    "wrong_accept": ("Sec-WebSocket-Accept", "bm90IHlvdXJzLCBidXQgbWluZQ=="),
    "no_accept": ("Sec-WebSocket-Accept", None),
    "extension": ("Sec-WebSocket-Extensions", "permessage-deflate"),
    "protocol": ("Sec-WebSocket-Protocol", "never.offered"),
}


def spoil_response(kind: str, headers: Any) -> None:
    """Change the headers of an answer that agrees to an upgrade, where *kind* says so."""
    if kind in _HEADERS:
        name, value = _HEADERS[kind]
        if name in headers:
            del headers[name]
        if value is not None:
            headers[name] = value


# Answers to requests.


def _with(**changes: Any) -> Callable[[bytes], bytes]:
    return lambda payload: orjson.dumps({**orjson.loads(payload), **changes})


def _only_id(payload: bytes) -> bytes:
    return orjson.dumps({"id": orjson.loads(payload)["id"]})


def _without_result(payload: bytes) -> bytes:
    return orjson.dumps({key: value for key, value in orjson.loads(payload).items() if key != "result"})


REPLIES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "garble": lambda payload: payload[: len(payload) // 2],
    "retype": _with(result="something else"),
    "strip": _only_id,
    "empty": _without_result,
    "restatus": _with(status="fine"),
    "rename": _with(id="0badc0de-1"),
    "renumber": _with(id=7),
    "nest": lambda payload: payload[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "nan": lambda payload: payload[:-1] + b',"x":NaN}',
    "trail": lambda payload: payload + b"}",
}
"""What becomes of an answer."""
