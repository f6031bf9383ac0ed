"""Every field of the binary schema's general and market data messages, and of its filters, has a model field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
import test_sbe_schema as sbe

from binance_socket._wire.codec import field_types, row_types
from binance_socket._wire.decoder import reader_of
from binance_socket.models import (
    AggregateTrade,
    AveragePrice,
    BlockTrade,
    BookTicker,
    ExchangeInfo,
    ExecutionRules,
    Filter,
    Kline,
    MiniTicker,
    Model,
    OrderBookSnapshot,
    PriceTicker,
    ReferencePrice,
    ReferencePriceCalculation,
    RelevantFilters,
    ServerTime,
    SymbolRule,
    Ticker,
    Ticker24h,
    Trade,
)
from binance_socket.models.base import FAMILIES, is_row, wire_name

pytestmark = pytest.mark.conformance

MESSAGES: dict[str, Any] = {
    "ServerTimeResponse": ServerTime,
    "ExchangeInfoResponse": ExchangeInfo,
    "ExecutionRulesResponse": ExecutionRules,
    "MyFiltersResponse": RelevantFilters,
    "DepthResponse": OrderBookSnapshot,
    "TradesResponse": Trade,
    "AggTradesResponse": AggregateTrade,
    "KlinesResponse": Kline,
    "AveragePriceResponse": AveragePrice,
    "Ticker24hSymbolFullResponse": Ticker24h,
    "Ticker24hFullResponse": Ticker24h,
    "Ticker24hSymbolMiniResponse": MiniTicker,
    "Ticker24hMiniResponse": MiniTicker,
    "PriceTickerSymbolResponse": PriceTicker,
    "PriceTickerResponse": PriceTicker,
    "BookTickerSymbolResponse": BookTicker,
    "BookTickerResponse": BookTicker,
    "TickerSymbolFullResponse": Ticker,
    "TickerFullResponse": Ticker,
    "TickerSymbolMiniResponse": MiniTicker,
    "TickerMiniResponse": MiniTicker,
    "ReferencePriceResponse": ReferencePrice,
    "ReferencePriceCalculationResponse": ReferencePriceCalculation,
    "BlockTradesResponse": BlockTrade,
}

TYPES = {**sbe.PRIMITIVES, "float": sbe.PRIMITIVES["mantissa64"]}
"""What is a float in the binary form alone has its digits in JSON."""


@pytest.fixture(scope="module")
def schema(spec_dir: Path) -> ElementTree.Element:
    return ElementTree.parse(spec_dir / "spot_sbe.xml").getroot()


def _path(element: ElementTree.Element) -> str:
    return element.get(f"{sbe.PATH}jsonPath", element.get("name", ""))


def _parts(element: ElementTree.Element) -> list[ElementTree.Element]:
    return [part for part in element if part.get("type") != "exponent8"]


def _problems(schema: ElementTree.Element, cls: Any, holder: ElementTree.Element) -> Iterator[str]:
    """Say what of a message or group the class *cls* does not hold as it should."""
    parts = _parts(holder)
    if is_row(cls):
        assert all(_path(part) == "[]" for part in parts)
        wanted = [TYPES.get(part.get("type", ""), int) for part in parts]
        if list(row_types(cls).values()) != wanted:
            yield f"{cls.__name__} does not hold {wanted}"
        return
    if cls in FAMILIES:
        if [part.get("type") for part in parts] != ["messageData8"]:
            yield f"{cls.__name__} is no family in the schema"
        return
    if _path(parts[0]) == "..":
        # A list of texts, or of lists.
        inner = get_args(cls)
        if inner:
            yield from _problems(schema, inner[0], parts[0])
        elif not issubclass(cls, str):
            yield f"{cls} is no text"
        return
    kinds = {wire_name(field): kind for field, kind in field_types(cls)}
    sets = {element.get("name"): element for element in schema.iter("set")}
    for part in parts:
        kind = kinds.get(_path(part))
        if kind is None:
            yield f"{cls.__name__} has no {_path(part)}"
        elif part.tag == "group":
            yield from _problems(schema, get_args(kind)[0], part)
        elif part.get("type") in sets:
            values = {choice.get(f"{sbe.PATH}jsonValue") for choice in sets[part.get("type")]} - {"NON_REPRESENTABLE"}
            if not values <= get_args(kind)[0].__members__.keys():
                yield f"{cls.__name__}.{_path(part)} does not know all of {values}"
        elif part.get("type") == "float":
            if kind is not TYPES["float"]:
                yield f"{cls.__name__}.{_path(part)} is a {kind}"
        else:
            yield from sbe._check(schema, cls, part)


@pytest.mark.parametrize("name", MESSAGES)
def test_every_field_of_the_schema(name: str, schema: ElementTree.Element) -> None:
    """Each has a field under its JSON key, or at its place, of its type, which may be None where it may be absent."""
    message = sbe._message(schema, name)
    group = message.find("group")
    is_list = group is not None and _path(group) == ".."
    assert list(_problems(schema, MESSAGES[name], group if is_list and group is not None else message)) == []


def test_no_message_is_forgotten(schema: ElementTree.Element) -> None:
    """Every general and market data message with fields is above."""
    wanted = {*range(101, 106), *range(200, 300)}
    messages = schema.iter(f"{sbe.SBE}message")
    assert {m.get("name") for m in messages if int(m.get("id", 0)) in wanted and len(m)} == set(MESSAGES)


@pytest.mark.parametrize("base, suffix, count", [(Filter, "Filter", 21), (SymbolRule, "ExecutionRule", 1)])
def test_every_filter_and_rule(base: type[Model], suffix: str, count: int, schema: ElementTree.Element) -> None:
    """Each has a class, with all of its fields, under the name that it goes by."""
    messages = [m for m in schema.iter(f"{sbe.SBE}message") if m.get("name", "").endswith(suffix)]
    named = {}
    for message in messages:
        enum, _, value = message[0].get("valueRef", "").partition(".")
        (element,) = [each for each in schema.iter("enum") if each.get("name") == enum]
        (name,) = [each.get(f"{sbe.PATH}jsonValue") for each in element if each.get("name") == value]
        named[name] = message
    assert named.keys() == FAMILIES[base].members.keys()
    assert len(named) == count
    for name, message in named.items():
        assert list(_problems(schema, FAMILIES[base].members[name or ""], message)) == []


def test_the_documented_filters(spec: Any, losses: Any) -> None:
    """Every example of a filter is read without losing a key, as the class that is meant for it."""
    examples = spec("filters.json")
    assert len(examples) == 20
    for entry in examples:
        found = reader_of(Filter)(entry["example"])
        assert type(found) is FAMILIES[Filter].members[entry["filter"]]
        assert losses(entry["example"], found) == []
