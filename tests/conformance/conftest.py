from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from binance_socket._wire.values import plain
from binance_socket.models import Kline, Model
from binance_socket.models.base import fields_of, wire_name


@pytest.fixture(scope="session")
def spec_dir() -> Path:
    """The directory with the exchange's documents as data."""
    directory = os.environ.get("BINANCE_SPEC_DIR")
    if not directory:
        pytest.skip("BINANCE_SPEC_DIR is not set: it names the directory with the exchange's documents as data")
    return Path(directory)


@pytest.fixture(scope="session")
def spec(spec_dir: Path) -> Callable[[str], Any]:
    """Load one of the JSON files."""
    return lambda name: json.loads((spec_dir / name).read_text("utf-8"))


def _as_wire(value: Any) -> Any:
    """What *value* was decoded from. Independent of the decoders; None stands for absent keys too."""
    if isinstance(value, Model):
        written = {
            wire_name(field): _as_wire(getattr(value, field.name))
            for field in fields_of(type(value))
            if field.name != "extra"
        }
        return {**written, "e": value.event_name} if hasattr(value, "event_name") else written
    if isinstance(value, (tuple, list)):
        items = [_as_wire(item) for item in value]
        return Positions(items) if isinstance(value, Kline) else items
    return plain(value)


class Positions(list[Any]):
    """What an array holds that has places without a meaning."""


def _differences(payload: Any, written: Any, where: str) -> list[str]:
    if isinstance(payload, dict):
        assert isinstance(written, dict)
        found = [f"{where}.{key} is unmapped" for key in payload if key not in written]
        found += [
            f"{where}.{key} is invented" for key in written if written[key] not in (None, []) and key not in payload
        ]
        for key in payload.keys() & written.keys():
            found += _differences(payload[key], written[key], f"{where}.{key}")
        return found
    if isinstance(payload, list):
        if isinstance(written, Positions):
            # What comes after the last field is documented to mean nothing.
            payload = payload[: len(written)]
        if len(payload) != len(written):
            return [f"{where} has {len(written)} items of {len(payload)}"]
        return [
            d
            for n, (a, b) in enumerate(zip(payload, written, strict=True))
            for d in _differences(a, b, f"{where}[{n}]")
        ]
    if written is None and payload == -1:
        return []  # the exchange's way to write that a time has not come; numbers stay what they are
    return [] if payload == written and type(payload) is type(written) else [f"{where}: {payload!r} became {written!r}"]


def _extras(value: Any) -> list[str]:
    if isinstance(value, (tuple, list)):
        return [extra for item in value for extra in _extras(item)]
    if not attrs.has(type(value)):
        return []
    inner = [extra for field in fields_of(type(value)) for extra in _extras(getattr(value, field.name))]
    return [f"{type(value).__name__}.{key} is in extra" for key in value.extra] + inner


@pytest.fixture(scope="session")
def losses() -> Callable[[Any, Any], list[str]]:
    """Compare a payload with what it was decoded to, key by key and value by value; return every difference."""
    return lambda payload, value: _differences(payload, _as_wire(value), "$") + _extras(value)
