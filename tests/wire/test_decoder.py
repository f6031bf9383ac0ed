"""binance_socket._wire.decoder"""

from __future__ import annotations

import copy
import functools
import pickle
from datetime import datetime
from decimal import Decimal
from typing import Any, Optional, Union, get_args, get_origin

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binance_socket._wire.codec import field_types, row_types, structure
from binance_socket._wire.decoder import make_decoder, reader_of
from binance_socket.errors import DecodeError
from binance_socket.models import (
    AccountInfo,
    AveragePrice,
    CurrentRateLimit,
    ExecutionRules,
    Filter,
    Kline,
    Model,
    OpenEnum,
    OrderBookSnapshot,
    OrderUpdate,
    PriceFilter,
    PriceLevel,
    SessionStatus,
    Ticker24h,
    UnknownFilter,
    market_events,
)
from binance_socket.models.base import EVENTS, FAMILIES, NO_EXTRA, is_row, model, wire_name

MARKET_EVENTS: list[type[Model]] = [getattr(market_events, name) for name in market_events.__all__]
MODELS: list[type[Model]] = [
    *EVENTS.values(),
    *MARKET_EVENTS,
    AccountInfo,
    SessionStatus,
    CurrentRateLimit,
    AveragePrice,
    ExecutionRules,
    Filter,
    OrderBookSnapshot,
    Ticker24h,
]
ROWS: list[Any] = [Kline, PriceLevel]
DECODERS: dict[Any, Any] = {cls: reader_of(cls) for cls in [*MODELS, *ROWS]}

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "0", "1.5", "NaN", "-Infinity", "BUY", "e"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


def _good(kind: Any) -> st.SearchStrategy[Any]:
    """Values of the documented type, as JSON."""
    if get_origin(kind) is tuple:
        return st.lists(_good(get_args(kind)[0]), max_size=3)
    if type(None) in get_args(kind):
        return st.none() | _good(get_args(kind)[0])
    if kind is Decimal:
        return st.decimals(allow_nan=False, allow_infinity=False).map(str) | st.just("0.00000000")
    if kind is datetime:
        return st.integers(0, 2**52) | st.integers(-(10**13), 10**13) | st.sampled_from([1_700_000_000_000, 0, -1])
    if kind is object:
        return _json
    if is_row(kind):
        items = st.tuples(*[_good(inner) for inner in row_types(kind).values()])
        return st.tuples(items, st.lists(_json, max_size=2)).map(lambda parts: [*parts[0], *parts[1]])
    if issubclass(kind, OpenEnum):
        return st.sampled_from([member.value for member in kind]) | st.text(max_size=5)
    if issubclass(kind, Model):
        return _payloads(kind)
    return {str: st.text(max_size=5), int: st.integers(-(2**63), 2**63), bool: st.booleans()}[kind]


@functools.cache
def _payloads(cls: type[Model]) -> st.SearchStrategy[dict[str, Any]]:
    """Payloads as documented, with optional keys present or not, and unknown ones now and then."""
    family = FAMILIES.get(cls)
    if family is not None:
        named = [
            _payloads(member).map(lambda payload, name=name: {**payload, family.key: name})
            for name, member in family.members.items()
        ]
        # A name that is known promises more than the unknown have.
        unnamed = _payloads(family.unknown).filter(lambda payload: payload[family.key] not in family.members)
        return st.one_of(*named, unnamed)
    required = {wire_name(f): _good(kind) for f, kind in field_types(cls) if f.default is attrs.NOTHING}
    optional = {wire_name(f): _good(kind) for f, kind in field_types(cls) if f.default is not attrs.NOTHING}
    names = st.text(max_size=3).filter(lambda key: key not in required and key not in optional)
    unknown = st.dictionaries(names, _json, max_size=2)
    name = {"e": st.just(cls.event_name)} if hasattr(cls, "event_name") else {}
    documented = st.fixed_dictionaries({**name, **required}, optional=optional)
    return st.tuples(unknown, documented).map(lambda parts: {**parts[0], **parts[1]})


def _same(cls: type[Model], payload: Any) -> None:
    """Assert that the generated decoder and the converter of record agree on *payload*, in value or in error."""
    outcomes = []
    for read in (DECODERS[cls], lambda value: structure(value, cls)):
        try:
            outcomes.append(read(copy.deepcopy(payload)))
        except DecodeError as exc:
            outcomes.append(str(exc))
    fast, slow = outcomes
    assert fast == slow
    assert type(fast) is type(slow)
    # Tells 1 from True and 1 from 1.0, which == does not, and shows trailing zeros.
    assert repr(fast) == repr(slow)
    if isinstance(fast, Model):
        assert repr(dict(fast.extra)) == repr(dict(slow.extra))


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_decoders_agree_with_the_converter(cls: type[Model], data: st.DataObject) -> None:
    """For any documented payload, however few or many of its keys are there, both give the same value."""
    payload = data.draw(_payloads(cls))
    _same(cls, payload)
    assert isinstance(DECODERS[cls](payload), cls)


@pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_decoders_agree_on_what_is_wrong(cls: type[Model], data: st.DataObject) -> None:
    """With a key dropped or its value replaced by any JSON, both give the same value or raise the same error."""
    payload = data.draw(_payloads(cls))
    key = data.draw(st.sampled_from(sorted(payload)) if payload else st.just("e"))
    if data.draw(st.booleans()):
        payload.pop(key, None)
    else:
        payload[key] = data.draw(_json)
    _same(cls, payload)


@settings(max_examples=50, deadline=None)
@given(_json)
def test_decoders_agree_on_rubbish(payload: Any) -> None:
    """Neither takes anything but an object."""
    for cls in MODELS:
        _same(cls, payload)


@pytest.mark.parametrize("cls", ROWS, ids=lambda cls: cls.__name__)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_decoders_of_arrays_agree_with_the_converter(cls: Any, data: st.DataObject) -> None:
    """Whole, longer than documented, too short, or with something else in a place: the same value or error."""
    items = data.draw(_good(cls))
    _same(cls, items)
    assert isinstance(DECODERS[cls](items), cls)
    _same(cls, items[: data.draw(st.integers(0, len(items)))])
    items[data.draw(st.integers(0, len(items) - 1))] = data.draw(_json)
    _same(cls, items)


def test_an_array_is_read_by_its_places() -> None:
    """What comes after the last field is left alone; what is wrong is named by field and place."""
    assert reader_of(list[PriceLevel])([["1.50", "2", []]]) == [PriceLevel(Decimal("1.50"), Decimal(2))]
    assert reader_of(PriceLevel)(["0.00000000", "1"]).price == 0
    for items, message in (
        (["1"], r"^PriceLevel.quantity \(position 1\): is missing"),
        (["1", 2], r"^PriceLevel.quantity \(position 1\): 2 does not fit"),
        ("12", r"^PriceLevel: '12' does not fit"),
    ):
        for read in (reader_of(PriceLevel), lambda value: structure(value, PriceLevel)):
            with pytest.raises(DecodeError, match=message) as caught:
                read(items)
            assert caught.value.payload is items


def test_a_member_of_a_family_is_named_by_its_payload() -> None:
    """Known ones have their class, others keep everything; an error names the class that was meant."""
    read = reader_of(Filter)
    price = {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "0", "tickSize": "0.1"}
    assert type(read(price)) is PriceFilter
    unknown = read({"filterType": "FULL_MOON", "phase": 1})
    assert type(unknown) is UnknownFilter
    assert (unknown.filter_type, dict(unknown.extra)) == ("FULL_MOON", {"phase": 1})
    for payload, message in (
        ({**price, "minPrice": 1}, r"^PriceFilter.min_price \('minPrice'\): 1 does not fit"),
        ({}, r"^Filter.filter_type \('filterType'\): is missing"),
        ({"filterType": []}, r"^Filter.filter_type \('filterType'\): \[\] does not fit"),
        ({"filterType": 5}, r"^UnknownFilter.filter_type \('filterType'\): 5 does not fit"),
        ([], r"^Filter: \[\] does not fit"),
    ):
        for decode in (read, lambda value: structure(value, Filter)):
            with pytest.raises(DecodeError, match=message):
                decode(payload)


def test_decoders_agree_on_the_examples(events: dict[str, dict[str, Any]], answers: dict[str, Any]) -> None:
    """The fixtures decode alike, and every one into its class."""
    for payload in events.values():
        _same(EVENTS[payload["e"]], payload)
        assert type(DECODERS[EVENTS[payload["e"]]](payload)) is EVENTS[payload["e"]]
    _same(AccountInfo, answers["account.status"])
    _same(SessionStatus, answers["session.logout"])


def test_every_missing_or_null_key(events: dict[str, dict[str, Any]]) -> None:
    """Each key of the largest event, left out or null: the field is None where it may be, else the error names it."""
    payload = events["executionReport, everything"]
    decode = make_decoder(OrderUpdate)
    for field, _ in field_types(OrderUpdate):
        key = wire_name(field)
        for changed in ({k: v for k, v in payload.items() if k != key}, {**payload, key: None}):
            if field.default is None:
                assert getattr(decode(changed), field.name) is None
                assert decode(changed).extra is NO_EXTRA
            else:
                with pytest.raises(DecodeError, match=rf"^OrderUpdate\.{field.name} \('{key}'\): ") as caught:
                    decode(changed)
                assert caught.value.payload is changed


def test_decoded_models_are_ordinary(events: dict[str, dict[str, Any]]) -> None:
    """A decoded model is frozen, compares, hashes, copies and pickles like one made by its class."""
    for payload in events.values():
        decoded = DECODERS[EVENTS[payload["e"]]](payload)
        made = type(decoded)(**{f.name: getattr(decoded, f.name) for f in attrs.fields(type(decoded))})
        assert decoded == made
        assert hash(decoded) == hash(made)
        for way in (copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))):
            assert way(decoded) == decoded
        assert attrs.evolve(decoded) == decoded
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            decoded.event_time = None  # type: ignore[attr-defined]
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            del decoded.event_time  # type: ignore[attr-defined]


def test_nothing_extra_is_shared(events: dict[str, dict[str, Any]]) -> None:
    """Without unknown keys there is one empty extra for all; with them, just those."""
    assert DECODERS[OrderUpdate](events["executionReport, placed"]).extra is NO_EXTRA
    extra = DECODERS[OrderUpdate](events["executionReport, of the future"]).extra
    assert dict(extra) == {"mood": {"deep": [1, 2.5, None]}, "zz": "new"}


def test_a_subclass_of_dict_is_no_payload() -> None:
    """Payloads are what the JSON parser gives."""

    class Other(dict[str, Any]):
        pass

    with pytest.raises(DecodeError):
        DECODERS[CurrentRateLimit](Other(rateLimitType="ORDERS", interval="DAY", intervalNum=1, limit=1, count=0))


@model
class _Strange(Model):
    value: complex


@model
class _Ambiguous(Model):
    value: Union[int, str, None]  # also the spelling of old


@model
class _Defaults(Model):
    names: tuple[str, ...] = ("a",)
    flag: bool = True
    maybe: Optional[tuple[int, ...]] = None  # noqa: UP045  # also the spelling of old


def test_fields_without_a_decoding_are_found_at_once() -> None:
    """A model with a type that no decoder knows fails when its decoder is made, not when an event comes."""
    with pytest.raises(TypeError, match=r"_Strange has a field of type .*complex"):
        make_decoder(_Strange)
    with pytest.raises(TypeError, match=r"_Ambiguous has a field of type .*int"):
        make_decoder(_Ambiguous)


def test_defaults_that_are_not_none() -> None:
    """An absent key gives the field's default."""
    decode = make_decoder(_Defaults)
    assert decode({}) == structure({}, _Defaults) == _Defaults()
    assert decode({"flag": False, "x": 1}).names == ("a",)
    assert decode({"names": []}).names == ()
    assert decode({"maybe": [1]}).maybe == (1,) == structure({"maybe": [1]}, _Defaults).maybe


@pytest.mark.parametrize(
    "cls, value",
    [
        (CurrentRateLimit, {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 9, "count": 1}),
        (list[CurrentRateLimit], [{"rateLimitType": "X", "interval": "DAY", "intervalNum": 1, "limit": 9, "count": 1}]),
        (list[CurrentRateLimit], []),
        (list[str], ["a"]),
        (str, "a"),
        (dict[str, Any], {"a": [1.5]}),
    ],
)
def test_readers_agree_with_the_converter(cls: Any, value: Any) -> None:
    """A result of any declared type is read as the converter of record reads it."""
    assert reader_of(cls)(value) == structure(value, cls)
    assert reader_of(cls) is reader_of(cls)


@pytest.mark.parametrize(
    "cls, value",
    [(CurrentRateLimit, []), (list[CurrentRateLimit], {}), (list[CurrentRateLimit], [{}]), (list[str], [1]), (str, 1)],
)
def test_readers_refuse(cls: Any, value: Any) -> None:
    """What the converter refuses is refused."""
    for read in (reader_of(cls), lambda value: structure(value, cls)):
        with pytest.raises(DecodeError):
            read(value)
