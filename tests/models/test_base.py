"""binance_socket.models.base"""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import attrs
import pytest

from binance_socket.models import Balance, Extra, ListenKey, Model, OrderListEntry, SessionStatus
from binance_socket.models.base import EVENTS, NO_EXTRA, event, fields_of, model, sent_often, wire, wire_name


@model
class _Thing(Model):
    plain_name: str
    id: int = 0
    short: str | None = wire("s", default=None, often=True)


def _keys() -> dict[str, str]:
    return {field.name: wire_name(field) for field in fields_of(_Thing)}


def test_keys() -> None:
    """A field's key is its name in camelCase, or what wire() says."""
    assert _keys() == {"extra": "extra", "plain_name": "plainName", "id": "id", "short": "s"}
    assert [field.name for field in fields_of(_Thing) if sent_often(field)] == ["short"]


def test_models_are_values() -> None:
    """Frozen, slotted, keyword-only; equal by fields, extra included; hashable; they copy and pickle."""
    balance = Balance(asset="BTC", free=Decimal(1), locked=Decimal(0))
    other = attrs.evolve(balance, extra=Extra({"x": [1]}))
    assert balance != other
    assert other == attrs.evolve(balance, extra={"x": [1]})
    assert len({balance, attrs.evolve(balance), other}) == 2
    assert not hasattr(balance, "__dict__")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        balance.free = Decimal(2)  # type: ignore[misc]
    with pytest.raises(TypeError):
        Balance("BTC", Decimal(1), Decimal(0))  # type: ignore[misc]
    for way in (copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))):
        assert way(other) == other


def test_repr_leaves_out_what_is_absent() -> None:
    """None and the empty extra are not shown."""
    assert repr(_Thing(plain_name="x")) == "_Thing(plain_name='x', id=0)"
    assert repr(_Thing(plain_name="x", extra=Extra({"y": 1}))) == "_Thing(extra={'y': 1}, plain_name='x', id=0)"


def test_repr_masks_secrets() -> None:
    """Neither a listen key nor an API key is shown; None is still None."""
    assert repr(ListenKey(listen_key="CANARY")) == "ListenKey(listen_key=Secret('**********'))"
    status = SessionStatus(
        api_key="CANARY",
        connected_since=None,  # type: ignore[arg-type]
        server_time=None,  # type: ignore[arg-type]
        return_rate_limits=True,
    )
    assert repr(status) == "SessionStatus(api_key=Secret('**********'), return_rate_limits=True)"
    assert status.api_key == "CANARY"
    assert repr(attrs.evolve(status, api_key=None)) == "SessionStatus(return_rate_limits=True)"


def test_extra_is_a_read_only_mapping() -> None:
    """It does not change with what it was made of, nor by itself."""
    source = {"a": 1}
    extra = Extra(source)
    source["b"] = 2
    assert (dict(extra), len(extra), list(extra), extra["a"], repr(extra)) == ({"a": 1}, 1, ["a"], 1, "{'a': 1}")
    assert extra == {"a": 1}
    assert Extra({}) == NO_EXTRA == {}
    with pytest.raises(TypeError):
        extra["a"] = 2  # type: ignore[index]


def test_events_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event class is found by its name, knows it, and has it alone."""
    monkeypatch.setattr("binance_socket.models.base.EVENTS", dict(EVENTS))
    declared = event("ourEvent")(type("Ours", (Model,), {}))
    assert declared.event_name == "ourEvent"  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="declared twice"):
        event("ourEvent")(type("Other", (Model,), {}))
    assert all(cls.event_name == name for name, cls in EVENTS.items())  # type: ignore[attr-defined]


def test_models_have_no_weak_references() -> None:
    """They would keep the generated decoders from working before Python 3.13."""
    assert "__weakref__" not in dir(OrderListEntry)
