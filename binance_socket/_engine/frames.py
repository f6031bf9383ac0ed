"""WebSocket frames (RFC 6455, chapter 5): bytes to messages and back. No I/O."""

from __future__ import annotations

import os
from typing import Final

from .._session.closing import INVALID_TEXT, NO_STATUS, PROTOCOL_ERROR, TOO_BIG, UNSUPPORTED_DATA, LinkClosed

__all__ = ["CLOSE", "PING", "PONG", "TEXT", "FrameParser", "MaskKeys", "close_payload", "encode_frame"]

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_FINAL: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_WHOLE_TEXT: Final = _FINAL | TEXT
_MAX_CONTROL: Final = 125
_MAX_REASON: Final = _MAX_CONTROL - 2


class MaskKeys:
    """Random mask keys, fetched from the system in blocks. For one thread at a time."""

    _BLOCK = 4096

    def __init__(self) -> None:
        self._block = b""
        self._position = 0

    def next(self) -> bytes:
        """Return four bytes that the peer could not have known."""
        if self._position == len(self._block):
            self._block, self._position = os.urandom(self._BLOCK), 0
        start = self._position
        self._position = start + 4
        return self._block[start : start + 4]


def encode_frame(opcode: int, payload: bytes, key: bytes) -> bytes:
    """Return a whole frame, masked with *key* as clients must."""
    size = len(payload)
    if size < 126:
        head = bytes((_FINAL | opcode, _MASKED | size))
    elif size < 65536:
        head = bytes((_FINAL | opcode, _MASKED | 126, size >> 8, size & 0xFF))
    else:
        head = bytes((_FINAL | opcode, _MASKED | 127)) + size.to_bytes(8, "big")
    # One operation on one large number, instead of one for each byte.
    keys = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "little") ^ int.from_bytes(keys, "little")
    return head + key + masked.to_bytes(size, "little")


def close_payload(code: int, reason: str = "") -> bytes:
    """Return the payload of a close frame; without a code where RFC 6455 has none to send."""
    if code in (NO_STATUS, 1006, 1015) or not 1000 <= code < 5000:
        return b""
    # A reason that is cut must not end within a character.
    text = reason.encode()[:_MAX_REASON].decode(errors="ignore").encode()
    return code.to_bytes(2, "big") + text


class _Refused(Exception):
    """The peer sent what it must not."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FrameParser:
    """
    Split what a server sends into text messages.

    Messages come out of ``feed()``; everything else is left in attributes. The work is linear in the bytes fed, however
    they are cut and however a message is fragmented, and never more is kept than one message and one read.

    Text is checked to be UTF-8 here rather than by the decoder of JSON, so that it ends the link with 1007 wherever
    it appears; for ASCII, which is what the exchange sends, that costs some 30 ns a message.
    """

    def __init__(self, max_message_size: int) -> None:
        self._limit = max_message_size
        self.frames = 0
        """How many complete frames have come: the sign of life that half a frame is not."""
        self.ping: bytes | None = None
        """The payload of the latest ping. Only the latest needs an answer; take it, and set None."""
        self.pings = 0
        """How many pings have come."""
        self.pongs = 0
        """How many pongs have come."""
        self.ended: LinkClosed | None = None
        """Why nothing more can come: the peer's close frame, or what it did wrong. Feed no more then."""
        self.refused = False
        """Whether the end is of our making."""
        # The beginning of a frame, and how many bytes of it are needed to get any further.
        self._rest: bytes | bytearray = b""
        self._needed = 0
        # The fragments so far, None while no message is in pieces.
        self._fragments: bytearray | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take what was read, and return the text messages that are complete, in order.

        Look at ``ended`` afterwards: the messages before the end are returned all the same.
        """
        if self._rest:
            if len(self._rest) + len(data) < self._needed:
                # Grow in place: joining anew for each piece would make a large frame cost the square of its size.
                if not isinstance(self._rest, bytearray):
                    self._rest = bytearray(self._rest)
                self._rest += data
                return []
            data = b"".join((self._rest, data))
            self._rest = b""
        messages: list[bytes] = []
        try:
            position = self._split(data, messages)
        except _Refused as exc:
            self.ended, self.refused = LinkClosed(exc.code, exc.reason), True
        except UnicodeDecodeError as exc:
            self.ended, self.refused = LinkClosed(INVALID_TEXT, f"the server sent invalid UTF-8: {exc.reason}"), True
        else:
            self._rest = data[position:]
        return messages

    def _split(self, data: bytes, messages: list[bytes]) -> int:
        """Parse every complete frame, and return where the incomplete one begins."""
        end = len(data)
        limit = self._limit
        position = 0
        while self.ended is None:
            # The lane for nearly everything: whole text frames, not masked, below 64 KiB.
            before = len(messages)
            if self._fragments is None:
                while end - position >= 4 and data[position] == _WHOLE_TEXT:
                    size = data[position + 1]
                    start = position + 2
                    if size > 125:
                        if size != 126:
                            break
                        size = data[start] << 8 | data[start + 1]
                        if size < 126:
                            break
                        start += 2
                    stop = start + size
                    if stop > end or size > limit:
                        break
                    message = data[start:stop]
                    if not message.isascii():
                        message.decode()
                    messages.append(message)
                    position = stop
                self.frames += len(messages) - before
            following = self._parse_frame(data, position, end, messages)
            if following is None:
                break
            position = following
        return position

    def _parse_frame(self, data: bytes, position: int, end: int, messages: list[bytes]) -> int | None:
        """Parse one frame of any kind, and return where the next one begins; None when this one is incomplete."""
        available = end - position
        if available < 2:
            self._needed = 2
            return None
        first, second = data[position], data[position + 1]
        opcode = first & 0x0F
        self._check_head(first, second)
        size, start = second, position + 2
        if size > 125:
            width = 2 if size == 126 else 8
            if available < 2 + width:
                self._needed = 2 + width
                return None
            size = int.from_bytes(data[start : start + width], "big")
            start += width
            if size < (126 if width == 2 else 65536):
                raise _Refused(PROTOCOL_ERROR, "the server wrote a length in more bytes than it takes")
        # From the header alone: what is too large is not read first.
        total = size + (len(self._fragments) if self._fragments is not None and opcode < CLOSE else 0)
        if total > self._limit:
            raise _Refused(TOO_BIG, f"the server sent a message of {total} bytes or more; {self._limit} are accepted")
        stop = start + size
        if stop > end:
            self._needed = stop - position
            return None
        payload = data[start:stop]
        if opcode >= CLOSE:
            self._control(opcode, payload)
        else:
            self._text(payload, bool(first & _FINAL), messages)
        self.frames += 1
        return stop

    def _check_head(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if first & _RESERVED:
            raise _Refused(PROTOCOL_ERROR, "the server set reserved bits")
        if second & _MASKED:
            raise _Refused(PROTOCOL_ERROR, "the server masked a frame")
        if opcode in (CLOSE, PING, PONG):
            if not first & _FINAL:
                raise _Refused(PROTOCOL_ERROR, "the server fragmented a control frame")
            if second > _MAX_CONTROL:
                raise _Refused(PROTOCOL_ERROR, "the server sent a control frame of more than 125 bytes")
        elif opcode == CONTINUATION:
            if self._fragments is None:
                raise _Refused(PROTOCOL_ERROR, "the server continued a message that it had not begun")
        elif opcode == TEXT:
            if self._fragments is not None:
                raise _Refused(PROTOCOL_ERROR, "the server began a message within another")
        elif opcode == BINARY:
            raise _Refused(UNSUPPORTED_DATA, "the server sent a binary message")
        else:
            raise _Refused(PROTOCOL_ERROR, f"the server sent a frame of unknown kind {opcode}")

    def _text(self, payload: bytes, final: bool, messages: list[bytes]) -> None:
        if self._fragments is not None:
            self._fragments += payload
            if not final:
                return
            payload, self._fragments = bytes(self._fragments), None
        elif not final:
            self._fragments = bytearray(payload)
            return
        if not payload.isascii():
            payload.decode()
        messages.append(payload)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.ping = payload
            self.pings += 1
        elif opcode == PONG:
            self.pongs += 1
        elif opcode == CLOSE:
            if len(payload) == 1:
                raise _Refused(PROTOCOL_ERROR, "the server sent half a close code")
            # Any code is taken as it is: it is for people to read, and for us to back off by.
            code = int.from_bytes(payload[:2], "big") if payload else NO_STATUS
            self.ended = LinkClosed(code, payload[2:].decode(errors="replace"))
