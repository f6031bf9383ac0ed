"""What a server may send once there is a WebSocket: any bytes, cut anywhere."""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import Any

from websockets.frames import Opcode
from websockets.protocol import Protocol, Side, State

from binance_socket._engine.frames import FrameParser
from binance_socket._engine.guarded_socket import GuardedSocket, prepare
from binance_socket._engine.waker import Waker
from binance_socket._engine.websocket import WebSocketTransport
from binance_socket._session.closing import LinkClosed

from .material import Material

__all__ = ["once", "seeds"]

_LIMITS = (16 * 2**20, 4096, 125, 1)
_OPCODES = (1, 1, 1, 0, 0, 9, 10, 8, 2, 3, 11, 15)
_SIZES = (0, 1, 2, 3, 5, 60, 124, 125, 126, 127, 200, 300)


def seeds() -> list[bytes]:
    """Return inputs that reach most of it."""
    return [
        bytes([0, 0, 0, 0]) + b"\x81\x01a\x81\x02bc\x81\x00\x8a\x00\x81\x01d",
        bytes([0, 1, 0, 0]) + bytes(range(256)),
        bytes([0, 0]) + b"\x81\x05hello\x89\x00\x01\x03abc\x80\x02de\x88\x02\x03\xe8",
        bytes([0, 1]) + b"\x00\x00\x02ab\x05\x80\x01a\x03\x00\x00",
        bytes([1, 0, 3]) + b"\x81\x7e\x01\x00" + bytes(256),
        bytes([0, 0, 7]) + b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
        bytes([0, 0]) + "\x81\x02ä".encode("latin-1") + b"\x81\x02\xc3\xa4",
    ]


def once(data: bytes) -> None:
    """Parse the same bytes in pieces, at once, by another library, and from a socket: all must agree."""
    material = Material(data)
    limit = material.pick(_LIMITS)
    structured, over_a_socket = material.below(2) == 1, material.below(8) == 0
    cuts = [1 + material.below(40) for _ in range(material.below(5))]
    stream = _frames(material) if structured else material.rest()
    pieces = _cut(stream, cuts)
    messages, pings, parser = _parsed(pieces, limit)
    whole, whole_pings, whole_parser = _parsed([stream], limit)
    assert messages == whole, "how the bytes are cut makes a difference"
    assert pings[-1:] == whole_pings[-1:]
    assert (parser.ended is None) == (whole_parser.ended is None)
    if parser.ended is not None and whole_parser.ended is not None:
        assert (parser.ended.code, parser.ended.reason) == (whole_parser.ended.code, whole_parser.ended.reason)
    _compare_with_another(stream, messages, parser)
    if over_a_socket and len(stream) < 65536:
        assert _received(pieces, limit) == messages


def _frames(material: Material) -> bytes:
    """Make frames: of the right form, mostly."""
    stream = bytearray()
    while material.left:
        opcode, size = material.pick(_OPCODES), material.pick(_SIZES)
        fin, reserved, masked = material.below(4) != 0, material.below(16) == 1, material.below(16) == 1
        payload = material.take(size).ljust(size, b"a")
        stream.append((0x80 if fin else 0) | (0x40 if reserved else 0) | opcode)
        flag = 0x80 if masked else 0
        if size > 125 or material.below(8) == 1:
            stream += bytes((flag | 126,)) + size.to_bytes(2, "big")
        else:
            stream.append(flag | size)
        stream += payload
    return bytes(stream)


def _cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    pieces: list[bytes] = []
    at = number = 0
    while cuts and at < len(stream):
        pieces.append(stream[at : at + cuts[number % len(cuts)]])
        at += cuts[number % len(cuts)]
        number += 1
    return pieces or [stream]


def _parsed(pieces: list[bytes], limit: int) -> tuple[list[bytes], list[bytes], FrameParser]:
    parser = FrameParser(limit)
    messages: list[bytes] = []
    pings: list[bytes] = []
    for piece in pieces:
        messages += parser.feed(piece)
        if parser.ping is not None:
            pings.append(parser.ping)
            parser.ping = None
        if parser.ended is not None:
            break
    assert all(len(message) <= limit for message in messages)
    return messages, pings, parser


_silent = logging.getLogger("fuzz.oracle")
_silent.disabled = True


def _compare_with_another(stream: bytes, messages: list[bytes], parser: FrameParser) -> None:
    """The same messages until one of the two has had enough; and where the other refuses, ours has ended as well."""
    other = Protocol(Side.CLIENT, state=State.OPEN, max_size=2**24, logger=_silent)
    other.receive_data(stream)
    theirs: list[bytes] = []
    fragments: bytes | None = None
    received: list[Any] = other.events_received()
    for frame in received:
        opcode = frame.opcode
        if opcode is Opcode.BINARY or (opcode is Opcode.CONT and fragments is None):
            # Ours refuses these; what follows is of no interest.
            break
        if opcode not in (Opcode.TEXT, Opcode.CONT):
            continue
        fragments = (fragments or b"") + frame.data
        if frame.fin:
            theirs.append(fragments or b"")
            fragments = None
    both = min(len(theirs), len(messages))
    assert messages[:both] == theirs[:both], "another library reads other messages"
    assert len(messages) <= len(theirs), "another library reads fewer messages"
    if parser.ended is None:
        assert other.parser_exc is None, f"another library refuses this: {other.parser_exc!r}"
        assert len(messages) == len(theirs), "another library reads more messages"


def _received(pieces: list[bytes], limit: int) -> list[bytes]:
    """Read the same from a socket."""
    ours, peer = socket.socketpair()
    with peer:
        prepare(ours)
        transport = WebSocketTransport(GuardedSocket(ours, Waker()), b"", limit, 1.0)
        messages: list[bytes] = []
        try:
            # As many as the socket takes before anybody reads.
            for piece in [*pieces[:8], b"".join(pieces[8:])]:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    peer.sendall(piece)
            peer.shutdown(socket.SHUT_WR)
            while True:
                messages += transport.receive()
        except LinkClosed:
            return messages
        finally:
            transport.close()
