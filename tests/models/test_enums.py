"""binance_socket.models.enums"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from binance_socket.models import KlineInterval, OpenEnum, OrderSide, OrderStatus, enums

ENUMS: list[type[OpenEnum]] = [
    getattr(enums, name) for name in enums.__all__ if issubclass(getattr(enums, name), OpenEnum) and name != "OpenEnum"
]


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_known_members(kind: type[OpenEnum]) -> None:
    """Every member is known, is named like its value where that is a name, and is found by it."""
    assert list(kind)
    for member in kind:
        assert member.is_known
        assert member.name == member.value or not member.value.isidentifier()
        assert member.value == str(member) == f"{member}" == member
        assert kind(member.value) is member
        assert repr(member) == f"{kind.__name__}.{member.name}"
        assert hash(member) == hash(member.value)


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_unknown_values_are_kept(kind: type[OpenEnum], monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other text is a member that is not known; asking twice gives the same one. It joins no list of members."""
    # Other tests may have filled the memory.
    monkeypatch.setattr(enums, "_unknown", {})
    count = len(kind)
    member = kind("BRAND_NEW")
    assert isinstance(member, kind)
    assert not member.is_known
    assert member.value == member.name == str(member) == f"{member}" == "BRAND_NEW"
    assert member == "BRAND_NEW"
    assert hash(member) == hash("BRAND_NEW")
    assert kind("BRAND_NEW") is member
    assert repr(member) == f"{kind.__name__}('BRAND_NEW')"
    assert len(kind) == count
    assert "BRAND_NEW" not in kind.__members__


def test_unknown_members_of_two_enumerations_are_two() -> None:
    """The same new text in two enumerations keeps each one's type."""
    assert type(OrderSide("X")) is OrderSide
    assert type(OrderStatus("X")) is OrderStatus


@pytest.mark.parametrize("bad", [1, None, b"BUY", ["BUY"], 1.5])
def test_only_text(bad: Any) -> None:
    """What is no text is no member of anything."""
    with pytest.raises(ValueError, match="is not a valid OrderSide"):
        OrderSide(bad)


@pytest.mark.parametrize("value", ["BUY", "SIDEWAYS", ""])
def test_members_travel(value: str) -> None:
    """Known and unknown members can be copied and pickled."""
    member = OrderSide(value)
    for way in (copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))):
        assert way(member) == member
        assert type(way(member)) is OrderSide


def test_the_memory_of_unknown_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many new values come, few are remembered; the others still work and are equal."""
    monkeypatch.setattr(enums, "_unknown", {})
    for n in range(1000):
        assert OrderSide(f"N{n}") == f"N{n}"
    assert len(enums._unknown) <= 256
    assert OrderSide("N0") is OrderSide("N0")
    assert OrderSide("N999") == OrderSide("N999")
    assert OrderSide("N999") is not OrderSide("N999")


def test_a_name_is_no_value() -> None:
    """Where the two differ, the exchange's is the value."""
    assert KlineInterval("1M") is KlineInterval.ONE_MONTH
    assert not KlineInterval("ONE_MONTH").is_known
    assert KlineInterval("ONE_MONTH") != KlineInterval.ONE_MONTH
