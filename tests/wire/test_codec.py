"""binance_socket._wire.codec"""

from __future__ import annotations

import copy
import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._wire.codec import dumps, loads, loads_strictly, structure
from binance_socket.errors import DecodeError, InvalidRequest
from binance_socket.models import (
    AccountInfo,
    AccountType,
    Balance,
    CurrentRateLimit,
    ListenKey,
    OrderSide,
    PositionsUpdate,
    RateLimitType,
    SessionStatus,
    SessionSubscription,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(JSON)
def test_what_is_dumped_is_loaded(value: object) -> None:
    """JSON text and back is the same value."""
    assert loads(dumps(value)) == value
    assert loads(dumps(value).decode()) == value
    assert json.loads(dumps(value)) == value


def test_dumps_writes_values_plainly() -> None:
    """Amounts as plain text, moments in milliseconds, enums by value, everything compact and in UTF-8."""
    value = {"q": Decimal("1E-7"), "t": datetime(1970, 1, 2, tzinfo=timezone.utc), "s": OrderSide.BUY, "é": (1, True)}
    assert dumps(value) == '{"q":"0.0000001","t":86400000,"s":"BUY","é":[1,true]}'.encode()


@pytest.mark.parametrize("bad", ["\ud800", {"a": object()}, {1: 2}, 2**64, Decimal("NaN")])
def test_dumps_refuses(bad: object) -> None:
    """What JSON, or the exchange, cannot carry is bad input."""
    with pytest.raises(InvalidRequest):
        dumps(bad)


@pytest.mark.parametrize(
    "bad", [b"", b"{", b"[1,]", b'"\xff"', b'"\xed\xa0\x80"', b"NaN", b"Infinity", b"{'a':1}", '"\ud800"', b"[" * 2000]
)
def test_loads_is_strict(bad: bytes | str) -> None:
    """Bad JSON and bad UTF-8 raise a DecodeError that keeps the text."""
    with pytest.raises(DecodeError, match="not JSON") as caught:
        loads(bad)
    assert caught.value.payload == bad
    assert len(str(caught.value)) < 250


def test_errors_quote_no_secrets() -> None:
    """An error quotes a little of the text, but neither a key nor a signature, even where they are cut off."""
    for text in (
        '{"apiKey":"CANARY","x"',
        b'{"listenKey" : "CANARY',
        '{"result":{"signature":"CANARY/+=" ',
        '{"data":{"apiKey":"' + "CANARY" * 50,
        b'{"stream":"CANARY","data":{"e":',
    ):
        with pytest.raises(DecodeError) as caught:
            loads(text)
        assert "CANARY" not in str(caught.value)
        assert "**********" in str(caught.value)
    with pytest.raises(DecodeError) as caught:
        structure([{"listenKey": "CANARY"}], ListenKey)
    assert "CANARY" not in str(caught.value)


def test_account(answers: dict[str, Any]) -> None:
    """An account with everything in it."""
    account = structure(answers["account.status"], AccountInfo)
    assert account.commission_rates.taker == Decimal("0.0012")
    assert account.update_time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
    assert account.account_type is AccountType.SPOT
    assert account.balances[1] == Balance(asset="USDT", free=Decimal(1000), locked=Decimal(0))
    assert [permission.is_known for permission in account.permissions] == [True, False]
    assert (account.trade_group_id, account.reduce_only_assets) == (42, ("LUNA",))
    assert account.prevent_sor is True
    assert dict(account.extra) == {}


def test_lists_and_plain_results(answers: dict[str, Any]) -> None:
    """A result may be a list of models, or no model at all."""
    limits = structure(answers["account.rateLimits.orders"], list[CurrentRateLimit])
    assert [limit.interval_number for limit in limits] == [10, 1]
    assert limits[0].rate_limit_type is RateLimitType.ORDERS
    assert structure(answers["session.subscriptions"], list[SessionSubscription])[1].expiration_time is not None
    assert structure("text", str) == "text"
    assert structure({"any": [1.5]}, dict[str, Any]) == {"any": [1.5]}


def test_sessions(answers: dict[str, Any]) -> None:
    """Null and absent are both None."""
    status = structure(answers["session.status"], SessionStatus)
    assert status.is_logged_on
    status = structure(answers["session.logout"], SessionStatus)
    assert not status.is_logged_on
    assert status.authorized_since is status.user_data_stream is None


def test_unknown_keys_are_kept(answers: dict[str, Any]) -> None:
    """What no field takes is in extra, at every level."""
    payload = copy.deepcopy(answers["account.status"])
    payload["mood"] = {"deep": [1.5]}
    payload["balances"][0]["staked"] = "3"
    account = structure(payload, AccountInfo)
    assert dict(account.extra) == {"mood": {"deep": [1.5]}}
    assert dict(account.balances[0].extra) == {"staked": "3"}
    assert dict(account.balances[1].extra) == {}


@pytest.mark.parametrize(
    "path, value, message",
    [
        (["canTrade"], ..., "AccountInfo.can_trade ('canTrade'): is missing"),
        (["uid"], "5", "AccountInfo.uid ('uid'): '5' does not fit"),
        (["uid"], True, "AccountInfo.uid ('uid'): True does not fit"),
        (["canTrade"], 1, "AccountInfo.can_trade ('canTrade'): 1 does not fit"),
        (["accountType"], None, "AccountInfo.account_type ('accountType'): None does not fit"),
        (["accountType"], 5, "AccountInfo.account_type ('accountType'): 5 does not fit"),
        (["updateTime"], 2**62, f"AccountInfo.update_time ('updateTime'): {2**62} does not fit"),
        (["balances"], {}, "AccountInfo.balances ('balances'): {} does not fit"),
        (["balances"], "BTC", "AccountInfo.balances ('balances'): 'BTC' does not fit"),
        (["balances", 1, "free"], 1.5, "AccountInfo.balances ('balances')[1].free ('free'): 1.5 does not fit"),
        (["balances", 0, "free"], "NaN", "AccountInfo.balances ('balances')[0].free ('free'): 'NaN' does not fit"),
        (["balances", 0], [], "AccountInfo.balances ('balances')[0]: [] does not fit"),
        (["permissions", 0], 7, "AccountInfo.permissions ('permissions')[0]: 7 does not fit"),
        (
            ["commissionRates", "maker"],
            ...,
            "AccountInfo.commission_rates ('commissionRates').maker ('maker'): is missing",
        ),
    ],
)
def test_errors_name_class_and_field(path: list[Any], value: Any, message: str, answers: dict[str, Any]) -> None:
    """A missing or retyped key is an error that says where it is and keeps the payload."""
    payload = copy.deepcopy(answers["account.status"])
    inner = payload
    for step in path[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    with pytest.raises(DecodeError) as caught:
        structure(payload, AccountInfo)
    assert str(caught.value) == message
    assert caught.value.payload is payload
    assert caught.value.__cause__ is not None


def test_errors_of_results_that_are_no_models() -> None:
    """The error names the type that was expected, and quotes little of what came."""
    with pytest.raises(DecodeError, match=r"^str: 5 does not fit$"):
        structure(5, str)
    with pytest.raises(DecodeError, match=r"^list\[.*CurrentRateLimit\]\[0\]: None does not fit$"):
        structure([None], list[CurrentRateLimit])
    with pytest.raises(DecodeError, match=r"^AccountInfo: \['x x") as caught:
        structure(["x " * 10_000], AccountInfo)
    assert len(str(caught.value)) < 150


def test_events_may_carry_their_name() -> None:
    """The name of an event is no unknown key of it."""
    payload = {"e": "outboundAccountPosition", "E": 1, "u": 1, "B": []}
    assert dict(structure(payload, PositionsUpdate).extra) == {}
    assert dict(structure({"subscriptionId": 1, "e": "x"}, SessionSubscription).extra) == {"e": "x"}


@pytest.mark.parametrize("text", ['{"result":["%s"],"id":1', '["%s"', '{"%s":1,"%s":2}', '{"msg":"no such key: %s"'])
def test_what_looks_like_a_secret_is_not_quoted(text: str) -> None:
    """An answer that is cut short may hold listen keys, and not under the name of one."""
    key = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
    with pytest.raises(DecodeError) as caught:
        loads_strictly(text.replace("%s", key))
    assert key[:8] not in str(caught.value)
