"""When two payloads are the same event."""

from __future__ import annotations

from typing import Any

import pytest

from binance_socket._wire.identity import identity_of

REPORT: dict[str, Any] = {
    "e": "executionReport", "E": 1, "s": "BTCUSDT", "i": 7, "c": "mine", "C": "", "x": "NEW", "X": "NEW",
    "t": -1, "T": 5, "z": "0", "l": "0", "r": "NONE", "I": 99, "q": "1",
}  # fmt: skip
LISTING: dict[str, Any] = {
    "e": "listStatus", "E": 1, "s": "BTCUSDT", "g": 2, "c": "OCO", "l": "EXEC_STARTED", "L": "EXECUTING",
    "r": "NONE", "C": "id", "T": 5, "O": [{"s": "BTCUSDT", "i": 1, "c": "a"}, {"s": "BTCUSDT", "i": 2, "c": "b"}],
}  # fmt: skip
POSITION: dict[str, Any] = {
    "e": "outboundAccountPosition", "E": 1, "u": 5,
    "B": [{"a": "BTC", "f": "1", "l": "0"}, {"a": "USDT", "f": "2", "l": "0"}],
}  # fmt: skip
BALANCE: dict[str, Any] = {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "1.0", "T": 5}
LOCK: dict[str, Any] = {"e": "externalLockUpdate", "E": 1, "a": "BTC", "d": "1.0", "T": 5}
OTHER: dict[str, Any] = {"e": "somethingNew", "E": 1, "x": [1, {"y": None}]}
EVENTS = [REPORT, LISTING, POSITION, BALANCE, LOCK, OTHER]


@pytest.mark.parametrize("payload", EVENTS, ids=lambda payload: payload["e"])
def test_the_time_of_sending_never_counts(payload: dict[str, Any]) -> None:
    """The same event comes at another time on another connection."""
    assert identity_of(payload) == identity_of({**payload, "E": 2})


@pytest.mark.parametrize("payload", EVENTS, ids=lambda payload: payload["e"])
def test_only_what_has_no_number_is_uncertain(payload: dict[str, Any]) -> None:
    """Two deposits of one amount in one millisecond look the same; so do balances that went there and back."""
    uncertain = ("balanceUpdate", "externalLockUpdate", "outboundAccountPosition")
    assert identity_of(payload)[1] is (payload["e"] not in uncertain)


@pytest.mark.parametrize(
    ("payload", "changes"),
    [
        (REPORT, {"I": 100}),
        (REPORT, {"s": "ETHUSDT"}),
        *(({**REPORT, "I": -1}, {key: "another"}) for key in "sicCxXtTzlr"),
        *((LISTING, {key: "another"}) for key in "sglLTCr"),
        (LISTING, {"O": [{"s": "BTCUSDT", "i": 1, "c": "a"}, {"s": "BTCUSDT", "i": 2, "c": "c"}]}),
        (POSITION, {"u": 6}),
        (POSITION, {"B": [{"a": "BTC", "f": "1", "l": "1"}]}),
        *((BALANCE, {key: "another"}) for key in "adT"),
        *((LOCK, {key: "another"}) for key in "adT"),
        (OTHER, {"x": [1, {"y": 0}]}),
        (OTHER, {"e": "other"}),
    ],
)
def test_what_counts(payload: dict[str, Any], changes: dict[str, Any]) -> None:
    """Each of these makes it another event."""
    assert identity_of(payload) != identity_of({**payload, **changes})


def test_what_does_not_count() -> None:
    """An execution has a number, and the order of balances, or of the orders of a list, says nothing."""
    assert identity_of(LISTING) == identity_of({**LISTING, "O": LISTING["O"][::-1]})
    assert identity_of(REPORT) == identity_of({**REPORT, "q": "2", "X": "FILLED"})
    assert identity_of(POSITION) == identity_of({**POSITION, "B": POSITION["B"][::-1]})
    assert identity_of({**REPORT, "I": 0}) == identity_of({key: value for key, value in REPORT.items() if key != "I"})


@pytest.mark.parametrize("payload", [{}, {"e": None}, {"e": ["x"]}, {"e": "balanceUpdate", "a": {"b": 1}}, {"e": True}])
def test_anything_has_an_identity(payload: dict[str, Any]) -> None:
    """What the exchange must not send is still compared by what it is; true is not 1."""
    assert hash(identity_of(payload)) == hash(identity_of(dict(payload)))
    assert identity_of({"e": True}) != identity_of({"e": 1})


@pytest.mark.parametrize("kind", ["outboundAccountPosition", "somethingNew", ["a name"], "executionReport"])
def test_what_is_nested_deeply(kind):
    """More deeply than is ever written, but it can be read: it has an identity all the same, and one of its own."""

    def event(depth, inner):
        value = inner
        for number in range(depth):
            value = [value] if number % 2 else {"k": value, "j": 1}
        return {"e": kind, "u": value, "B": [value], "s": value, "T": 1}

    for depth in (300, 900):
        once = identity_of(event(depth, 1))
        assert once == identity_of(event(depth, 1))
        assert (
            len({once, identity_of(event(depth, 2)), identity_of(event(depth - 1, 1)), identity_of(event(2, 1))}) == 4
        )
