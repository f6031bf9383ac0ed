import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._engine.frames import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    FrameParser,
    MaskKeys,
    close_payload,
    encode_frame,
)

LIMIT = 1024 * 1024


@pytest.fixture
def parser():
    return FrameParser(LIMIT)


def server_frame(payload=b"", opcode=TEXT, fin=True):
    size = len(payload)
    first = bytes([(0x80 if fin else 0) | opcode])
    if size < 126:
        return first + bytes([size]) + payload
    if size < 65536:
        return first + b"\x7e" + size.to_bytes(2, "big") + payload
    return first + b"\x7f" + size.to_bytes(8, "big") + payload


def feed_all(parser, pieces):
    messages, pings = [], []
    for piece in pieces:
        messages += parser.feed(piece)
        if parser.ping is not None:
            pings.append(parser.ping)
            parser.ping = None
    return messages, pings


def test_all_complete_messages_of_a_read_come_at_once(parser):
    """The beginning of the next one waits for its rest."""
    stream = b"".join(server_frame(b"message %d" % n * n) for n in range(50))
    messages = parser.feed(stream[:-3])
    assert messages == [b"message %d" % n * n for n in range(49)]
    assert parser.feed(stream[-3:]) == [b"message 49" * 49]
    assert parser.frames == 50


@pytest.mark.parametrize("size", [0, 1, 2, 125, 126, 127, 65535, 65536, 200_000])
def test_every_length_form(parser, size):
    """Lengths of 7, 16 and 64 bits."""
    payload = b"x" * size
    assert parser.feed(server_frame(payload) + server_frame(b"next")) == [payload, b"next"]


def test_every_split_point(frame):
    """Three frames, the second in fragments with a ping between, cut anywhere in two and fed byte by byte."""
    stream = (
        frame(b"first")
        + frame("zweite Währung: ".encode()[:11], fin=False)
        + frame(b"are you there", opcode=PING)
        + frame("zweite Währung: ".encode()[11:], opcode=0, fin=False)
        + frame(b"", opcode=0, fin=False)
        + frame("€".encode(), opcode=0)
        + frame(b"third" * 100)
    )
    expected = ([b"first", "zweite Währung: €".encode(), b"third" * 100], [b"are you there"])
    for cut in range(len(stream) + 1):
        assert feed_all(FrameParser(LIMIT), [stream[:cut], stream[cut:]]) == expected
    parser = FrameParser(LIMIT)
    assert feed_all(parser, [stream[i : i + 1] for i in range(len(stream))]) == expected
    assert parser.frames == 7


texts = st.one_of(st.text(max_size=300), st.text(alphabet="äb€", min_size=100, max_size=40_000)).map(str.encode)


@st.composite
def conversations(draw):
    """A stream of frames, the messages and the last ping in it."""
    stream, messages, pings = b"", [], []
    for payload in draw(st.lists(texts, max_size=8)):
        parts = draw(st.integers(1, 4))
        cuts = sorted(draw(st.integers(0, len(payload))) for _ in range(parts - 1))
        bounds = [0, *cuts, len(payload)]
        for number in range(parts):
            if draw(st.booleans()):
                pings.append(draw(st.binary(max_size=125)))
                stream += server_frame(pings[-1], PING)
            if draw(st.booleans()):
                stream += server_frame(b"", PONG)
            piece = payload[bounds[number] : bounds[number + 1]]
            stream += server_frame(piece, TEXT if number == 0 else 0, number == parts - 1)
        messages.append(payload)
    return stream, messages, pings


@given(conversations(), st.lists(st.integers(0, 2**20), max_size=12))
def test_where_the_stream_is_cut_does_not_matter(conversation, positions):
    """The same messages come out in the same order, and the latest ping is known."""
    stream, messages, pings = conversation
    cuts = sorted({0, len(stream), *(position % (len(stream) + 1) for position in positions)})
    parser = FrameParser(LIMIT)
    got, heard = feed_all(parser, [stream[a:b] for a, b in itertools.pairwise(cuts)])
    assert got == messages
    assert heard[-1:] == pings[-1:]
    assert parser.ended is None


@given(st.binary(max_size=400))
def test_no_garbage_raises(data):
    """Whatever a server sends, it is messages or a typed end."""
    parser = FrameParser(300)
    for message in parser.feed(data):
        message.decode()
    assert parser.ended is None or parser.ended.code


VIOLATIONS = {
    "a masked frame": ({"payload": b"x", "masked": True}, 1002),
    "reserved bit 1": ({"payload": b"x", "rsv": 4}, 1002),
    "reserved bit 3": ({"payload": b"x", "rsv": 1}, 1002),
    "an unknown data frame": ({"opcode": 3}, 1002),
    "an unknown control frame": ({"opcode": 0xB}, 1002),
    "a continuation of nothing": ({"payload": b"x", "opcode": 0}, 1002),
    "a final continuation of nothing": ({"payload": b"x", "opcode": 0, "fin": False}, 1002),
    "a binary message": ({"payload": b"x", "opcode": 2}, 1003),
    "a fragmented ping": ({"opcode": PING, "fin": False}, 1002),
    "a fragmented close": ({"opcode": CLOSE, "fin": False}, 1002),
    "a long ping": ({"payload": b"x" * 126, "opcode": PING}, 1002),
    "a long close": ({"payload": b"\x03\xe8" + b"x" * 124, "opcode": CLOSE}, 1002),
    "half a close code": ({"payload": b"\x03", "opcode": CLOSE}, 1002),
    "text that is not UTF-8": ({"payload": b"caf\xe9"}, 1007),
    "a surrogate": ({"payload": b"\xed\xa0\x80"}, 1007),
    "a large text": ({"size": LIMIT + 1}, 1009),
    "an impossibly large text": ({"size": 2**64 - 1}, 1009),
}


@pytest.mark.parametrize("kind", VIOLATIONS)
def test_what_must_not_be_sent_ends_the_link(parser, frame, kind):
    """With the right code, after the messages before it, and nothing after it is delivered."""
    bad, code = VIOLATIONS[kind]
    assert parser.feed(frame(b"before") + frame(**bad) + frame(b"after")) == [b"before"]
    assert parser.ended.code == code
    assert parser.refused
    assert parser.ended.reason


@pytest.mark.parametrize("kind", [kind for kind, (bad, code) in VIOLATIONS.items() if code in (1002, 1003)])
def test_it_is_noticed_however_it_is_cut(frame, kind):
    """Byte by byte, it ends in the same way."""
    bad, code = VIOLATIONS[kind]
    parser = FrameParser(LIMIT)
    for byte in frame(**bad):
        if parser.ended is None:
            parser.feed(bytes([byte]))
    assert parser.ended.code == code


@pytest.mark.parametrize("opcode", [TEXT, 0])
@pytest.mark.parametrize("width, size", [(2, 0), (2, 5), (2, 125), (8, 0), (8, 125), (8, 126), (8, 65535)])
def test_a_length_in_more_bytes_than_it_takes(frame, opcode, width, size):
    """Is refused (RFC 6455, 5.2), however it is cut: whoever reads lengths in another way reads other messages."""
    before = frame(b"before") + (b"" if opcode else frame(b"begun", fin=False))
    bad = bytes((0x80 | opcode, 126 if width == 2 else 127)) + size.to_bytes(width, "big") + b"x" * size
    for cut in [*range(len(before), len(before) + 2 + width + 1), len(before + bad)]:
        parser = FrameParser(LIMIT)
        messages = parser.feed((before + bad)[:cut])
        if parser.ended is None:
            messages += parser.feed((before + bad)[cut:])
        assert (messages, parser.ended.code, parser.refused) == ([b"before"], 1002, True)


def test_a_message_within_another_is_refused(parser, frame):
    """A new message before the last fragment."""
    parser.feed(frame(b"begun", fin=False) + frame(b"another"))
    assert parser.ended.code == 1002


def test_fragments_are_checked_as_one_text(parser, frame):
    """A character may be cut in two, but not be wrong."""
    assert parser.feed(frame(b"\xc3", fin=False) + frame(b"\xa9", opcode=0)) == ["é".encode()]
    assert parser.feed(frame(b"\xc3", fin=False) + frame(b"x", opcode=0)) == []
    assert parser.ended.code == 1007


def test_too_large_is_refused_from_the_header(frame):
    """No byte of the payload has to come, for a frame and for the fragments of a message together."""
    for start in (b"", frame(b"x" * 600, fin=False)):
        parser = FrameParser(1024)
        size = 1025 - (600 if start else 0)
        parser.feed(start + frame(opcode=0 if start else 1, size=size))
        assert parser.ended.code == 1009
    parser = FrameParser(1024)
    parser.feed(frame(b"x" * 600, fin=False) + frame(b"", opcode=PING) + frame(b"y" * 424, opcode=0))
    assert parser.ended is None
    assert FrameParser(1024).feed(frame(b"x" * 1024)) == [b"x" * 1024]
    parser = FrameParser(1024)
    assert parser.feed(frame(b"x" * 1025)) == [], "also where all of it has come already"
    assert parser.ended.code == 1009


def test_half_a_frame_is_no_sign_of_life(parser, frame):
    """Only complete frames are counted."""
    stream = frame(b"x" * 1000)
    parser.feed(stream[:-1])
    assert parser.frames == 0
    parser.feed(stream[-1:])
    assert parser.frames == 1


def test_a_large_frame_in_small_pieces_is_not_copied_again_and_again(frame):
    """Linear, by the bytes that are kept: the parser grows one buffer, and joins it once."""
    parser = FrameParser(LIMIT)
    stream = frame(b"x" * LIMIT)
    parser.feed(stream[:100])
    parser.feed(stream[100:200])
    buffer = parser._rest
    for position in range(200, len(stream) - 100, 1000):
        parser.feed(stream[position : min(position + 1000, len(stream) - 100)])
        assert parser._rest is buffer
    assert parser.feed(stream[-100:]) == [b"x" * LIMIT]


def test_fragments_by_the_thousand(frame):
    """32,768 fragments are one message; the buffer they are kept in is one."""
    parser = FrameParser(LIMIT)
    parser.feed(frame(b"ab", fin=False))
    buffer = parser._fragments
    parser.feed(frame(b"ab", opcode=0, fin=False) * 32_766)
    assert parser._fragments is buffer
    assert parser.feed(frame(b"ab", opcode=0)) == [b"ab" * 32_768]


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1012, 3000, 4999, 0, 65535])
def test_any_close_code_is_recorded(parser, frame, code):
    """With its reason, after the messages before it."""
    payload = code.to_bytes(2, "big") + "vorüber".encode()
    assert parser.feed(frame(b"last") + frame(payload, opcode=CLOSE) + frame(b"after the end")) == [b"last"]
    assert (parser.ended.code, parser.ended.reason, parser.refused) == (code, "vorüber", False)


def test_a_close_without_a_code(parser, frame):
    """Is 1005, as the RFC has it."""
    parser.feed(frame(opcode=CLOSE))
    assert (parser.ended.code, parser.ended.reason) == (1005, "")


def test_a_ping_flood_leaves_one_ping(parser, frame):
    """The latest."""
    assert parser.feed(b"".join(frame(b"%d" % n, opcode=PING) for n in range(10_000))) == []
    assert parser.ping == b"9999"
    assert parser.frames == 10_000


@given(st.integers(0, 15), st.binary(max_size=70_000), st.binary(min_size=4, max_size=4))
def test_masking(opcode, payload, key):
    """What a server makes of our frames is what was put in."""
    data = encode_frame(opcode, payload, key)
    assert data[0] == 0x80 | opcode
    size, start = data[1] & 0x7F, 2
    assert data[1] & 0x80
    if size > 125:
        width = 2 if size == 126 else 8
        size, start = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
    assert size == len(payload)
    assert data[start : start + 4] == key
    body = data[start + 4 :]
    assert bytes(byte ^ key[i % 4] for i, byte in enumerate(body)) == payload


def test_mask_keys_are_the_systems_randomness(monkeypatch):
    """Four fresh bytes each time, fetched in blocks, none used twice."""
    blocks = []

    def urandom(size):
        blocks.append(os.getrandom(size) if hasattr(os, "getrandom") else bytes(range(256)) * (size // 256))
        return blocks[-1]

    monkeypatch.setattr(os, "urandom", urandom)
    keys = MaskKeys()
    given = b"".join(keys.next() for _ in range(1025))
    assert len(blocks) == 2
    assert given == b"".join(blocks)[: len(given)]


def test_close_payloads():
    """A code that may be sent, with a reason that fits and is whole characters; nothing where there is none to send."""
    assert close_payload(1000) == b"\x03\xe8"
    payload = close_payload(1002, "€" * 100)
    assert len(payload) <= 125
    assert payload[2:].decode() == "€" * 41
    for code in (1005, 1006, 1015, 0, 999, 65535):
        assert close_payload(code) == b""
