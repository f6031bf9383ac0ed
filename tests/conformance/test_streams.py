"""Every market stream is asked for by its name, and its example payload read whole, raw and combined."""

from __future__ import annotations

import queue
import re
from collections.abc import Callable
from typing import Any, get_args

import pytest
from api_cases.streams import STREAMS, StreamRow

from binance_socket._wire.codec import field_types, structure
from binance_socket._wire.decoder import reader_of
from binance_socket.models.base import Model, wire_name
from binance_socket.spot_api.exchange_data import ExchangeData

pytestmark = pytest.mark.conformance

Spec = Callable[[str], Any]
Losses = Callable[[Any, Any], list[str]]
PATIENCE = 10.0

each = pytest.mark.parametrize("row", STREAMS, ids=lambda row: row.stream)


@pytest.fixture(scope="session")
def documented(spec: Spec) -> dict[str, dict[str, Any]]:
    """What the documents say of each stream."""
    return {entry["stream"]: entry for entry in spec("streams.json")}


def _pattern(stream: str) -> re.Pattern[str]:
    """What names of a documented stream look like."""
    text = re.escape(stream)
    for placeholder, allowed in {
        "<symbol>": "[^@A-Z]+",
        "<interval>": r"\d+[smhdwM]",
        "<window_size>": "(1h|4h|1d)",
        "<window\\-size>": "(1h|4h|1d)",
        "<levels>": "(5|10|20)",
    }.items():
        text = text.replace(placeholder, allowed)
    return re.compile("|".join(text.split(r"\ OR\ ")))


def test_no_stream_is_forgotten(documented: dict[str, dict[str, Any]]) -> None:
    """All fifteen have a row, and every method of ours is in one."""
    assert len(STREAMS) == 15
    assert {row.stream for row in STREAMS} == documented.keys()
    ours = {name for name in dir(ExchangeData) if name.startswith("subscribe_to_")}
    assert {row.method for row in STREAMS} <= ours


@each
def test_payloads(row: StreamRow, documented: dict[str, dict[str, Any]], losses: Losses) -> None:
    """No key is unmapped, none invented, no digit lost; both readers agree."""
    payload = documented[row.stream]["payload"]
    value = reader_of(row.model)(payload)
    assert losses(payload, value) == []
    assert value == structure(payload, row.model)


@each
def test_fields_have_the_documents_meanings(row: StreamRow, documented: dict[str, dict[str, Any]]) -> None:
    """Each documented key has a field whose name says what the documents say of it."""
    meanings = documented[row.stream]["field_names"]
    model = get_args(row.model)[0] if get_args(row.model) else row.model
    fields = _fields(model)
    for key, meaning in meanings.items():
        if key == "e":
            continue
        assert key in fields, f"{model.__name__} has no field for {key} ({meaning})"
        words = {word for name in fields[key] for word in name.split("_")}
        said = {re.sub(r"\W", "", word).lower() for word in _spelled_out(meaning).split()}
        assert words & said, f"{fields[key]}: {meaning}"


def _spelled_out(meaning: str) -> str:
    """The meaning of a field in the words that our names are made of."""
    for theirs, ours in {
        "Ignore": "Ignore ignored best",
        "updateId": "update id",
        "qty": "quantity",
        "Kline start time": "Kline start open time",
        "Number of trades": "trade count",
        "Total number of trades": "trade count",
        "First trade(F)-1 price": "previous price",
        "engine timestamp": "time",
        "Is the buyer": "is buyer",
    }.items():
        meaning = meaning.replace(theirs, ours)
    return meaning


def _fields(model: type[Model]) -> dict[str, set[str]]:
    """The names of a model's fields, by key; those of its one part that is a model, too."""
    found: dict[str, set[str]] = {}
    for field, kind in field_types(model):
        found.setdefault(wire_name(field), set()).add(field.name)
        if isinstance(kind, type) and issubclass(kind, Model):
            for key, names in _fields(kind).items():
                found.setdefault(key, set()).update(names)
    return found


@each
@pytest.mark.parametrize("form", ["raw", "combined"])
def test_live(
    row: StreamRow,
    form: str,
    documented: dict[str, dict[str, Any]],
    losses: Losses,
    make_client: Any,
    network: Any,
    run: Any,
) -> None:
    """Subscribed to by name, to the letter, in every documented form; its payload reaches the handler whole."""
    payload = documented[row.stream]["payload"]
    for name, subscribe in row.calls:
        assert _pattern(row.stream).fullmatch(name)
        heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        client = make_client(credentials=None, keep_raw=True)
        data, put = client.spot_api.exchange_data, heard.put
        join = run(subscribe, data, put)
        transport = network.accept()
        request = transport.sent()
        assert request == {"id": request["id"], "method": "SUBSCRIBE", "params": [name]}
        transport.push({"id": request["id"], "result": None})
        subscription = join()
        assert subscription.stream == name
        transport.push(payload if form == "raw" else {"stream": name, "data": payload})
        event = heard.get(timeout=PATIENCE)
        assert event.raw == payload
        assert event.stream == name
        differences = losses(payload, event.data)
        # The exchange does not say of which symbol this is, so we do.
        assert differences == (["$.s is invented"] if row.stream.startswith("<symbol>@depth<levels>") else [])
        client.close()
