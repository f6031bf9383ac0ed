"""The fuzz targets, for a moment each, and that they notice."""

import pytest

from benchmarks.fuzz import TARGETS, fuzz
from benchmarks.fuzz.material import Material, mutated
from binance_socket._engine import frames


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_nothing_but_typed_errors(name):
    """As many inputs as take a moment. ``python -m benchmarks fuzz`` goes on for as long as one likes."""
    report = fuzz(name, seconds=60.0, seed=5, engine="plain", executions=400, print_report=False)
    assert report.executions == 400
    assert report.findings == []


def test_a_seed_repeats_itself(monkeypatch):
    """The same inputs, so that what was found is found again."""
    given = []
    for _ in range(2):
        inputs = []
        target = TARGETS["frames"]
        monkeypatch.setitem(TARGETS, "frames", type(target)(inputs.append, target.seeds))
        fuzz("frames", seconds=60.0, seed=7, engine="plain", executions=300, print_report=False)
        monkeypatch.setitem(TARGETS, "frames", target)
        given.append(inputs)
    assert given[0] == given[1]
    assert len(set(given[0])) > 200


def broken(*args, **more):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "name, what",
    [
        ("frames", "binance_socket._engine.frames.FrameParser._control"),
        ("handshake", "binance_socket._engine.rest.seconds_of"),
        ("dispatch", "binance_socket._session.session.Session.received"),
        ("decode", "binance_socket._session.told.Told.take"),
    ],
)
def test_what_is_not_typed_is_found(name, what, monkeypatch):
    """With the input that leads there, once."""
    monkeypatch.setattr(what, broken)
    report = fuzz(name, seconds=60.0, seed=5, engine="plain", executions=400, print_report=False)
    assert report.findings
    assert all("ZeroDivisionError" in finding.error for finding in report.findings)
    with pytest.raises((ZeroDivisionError, AssertionError)):
        TARGETS[name].once(report.findings[0].data)


def test_messages_that_come_out_otherwise_are_found(monkeypatch):
    """Another library reads the same bytes, and the same bytes are cut in two ways."""
    real = frames.FrameParser.feed
    monkeypatch.setattr(frames.FrameParser, "feed", lambda parser, data: real(parser, data)[:1])
    report = fuzz("frames", seconds=60.0, seed=5, engine="plain", executions=400, print_report=False)
    assert any("AssertionError" in finding.error for finding in report.findings)


def test_mutations_leave_what_they_are_made_of():
    """Payloads are copied, and strange values as well: an input is the same in any company."""
    payload = {"a": [1, {"b": 2}], "c": {}}
    first = [mutated(Material(bytes([4, *range(number, number + 40)])), payload) for number in range(200)]
    assert payload == {"a": [1, {"b": 2}], "c": {}}
    assert first == [mutated(Material(bytes([4, *range(number, number + 40)])), payload) for number in range(200)]
