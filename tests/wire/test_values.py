"""binance_socket._wire.values"""

from __future__ import annotations

import decimal
import enum
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._wire.values import (
    Members,
    Moments,
    amount_or_zero,
    as_array,
    as_object,
    decimal_from,
    exactly,
    moment_from,
    optional_moment_from,
    plain,
)
from binance_socket.errors import InvalidRequest
from binance_socket.models import OrderSide, OrderStatus

UTC = timezone.utc


@pytest.mark.parametrize(
    "text", ["0", "0.00000000", "-1.50", "1E-7", "0E-8", "123456789012345678901234567890.123456789"]
)
def test_decimals_are_exact(text: str) -> None:
    """A number keeps every digit, trailing zeros included, beyond the precision of calculations too."""
    assert decimal_from(text).as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize(
    "bad", ["9e999999", "-9e999999", "1e-999999", "0e999999", "0e-999999999", "1" * 300, "1." + "1" * 1000]
)
def test_only_numbers_that_can_be_calculated_with(bad: str) -> None:
    """What is beyond all reason is no amount, whatever decimal traps the program has set: two of them have no sum."""
    with pytest.raises(ArithmeticError):
        decimal_from(bad)
    with decimal.localcontext() as context:
        context.clear_traps()
        with pytest.raises(ArithmeticError):
            decimal_from(bad)
    assert amount_or_zero(bad) == 0


@pytest.mark.parametrize("text", ["9." + "9" * 38 + "E+165", "1E-166", "0." + "0" * 100 + "1"])
def test_what_the_exchange_can_say_is_read(text: str) -> None:
    """Its binary schema has mantissas of 128 bits and exponents of 8; the program's own precision does not matter."""
    with decimal.localcontext() as context:
        context.prec = 1
        assert decimal_from(text).as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize("bad", [1.5, 1, True, None, b"1", ["1"], Decimal(1)])
def test_only_text_is_a_decimal(bad: Any) -> None:
    """Above all, a float is never taken: its digits are lost."""
    with pytest.raises(TypeError):
        decimal_from(bad)


@pytest.mark.parametrize("bad", ["NaN", "sNaN", "Infinity", "-inf", "", "1,5", "one", "0x10"])
def test_only_finite_numbers(bad: str) -> None:
    """NaN, infinities and what is no number are refused, whatever decimal traps the program has set."""
    with pytest.raises((ValueError, ArithmeticError)):
        decimal_from(bad)
    with decimal.localcontext() as context:
        context.traps[decimal.InvalidOperation] = False
        with pytest.raises((ValueError, ArithmeticError)):
            decimal_from(bad)


@pytest.mark.parametrize(
    "number, moment",
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1_700_000_000_123, datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)),
        (1_700_000_000_123_456, datetime(2023, 11, 14, 22, 13, 20, 123_456, tzinfo=UTC)),
        (99_999_999_999_999, datetime(5138, 11, 16, 9, 46, 39, 999_000, tzinfo=UTC)),
        (100_000_000_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_moments(number: int, moment: datetime) -> None:
    """Milliseconds and microseconds are told apart by their size, and read exactly, in UTC."""
    assert moment_from(number) == moment
    assert moment_from(number).tzinfo is UTC


@given(st.datetimes(datetime(1973, 4, 1), datetime(5138, 1, 1)))
def test_moments_lose_nothing(moment: datetime) -> None:
    """A microsecond timestamp and its moment are the same number."""
    number = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    assert moment_from(number) == moment.replace(tzinfo=UTC)
    assert plain(moment_from(number)) == number // 1000


@pytest.mark.parametrize("bad", [1.0, "1700000000000", True, None])
def test_only_an_int_is_a_moment(bad: Any) -> None:
    """A timestamp of another type is not guessed at."""
    with pytest.raises(TypeError):
        moment_from(bad)


def test_moments_have_an_end() -> None:
    """The year 10000 is an error of its own kind, which decoders know."""
    with pytest.raises(OverflowError):
        moment_from(2**63)


def test_moments_are_kept_for_a_while() -> None:
    """Equal timestamps share a datetime, which is the exact one; what is kept has a bound."""
    moments = Moments()
    edges = [-1, 0, 1_700_000_000_123, 4_102_444_799_999, 4_102_444_800_000, 1_700_000_000_123_456]
    assert [moments[number] for number in edges] == [moment_from(number) for number in edges]
    assert moments[edges[2]] is moments[edges[2]]
    for number in range(10_000):
        assert moments[number] == moment_from(number)
    assert len(moments) <= 256


def test_optional_moments() -> None:
    """Null and -1 both say that there is no time."""
    assert optional_moment_from(None) is None
    assert optional_moment_from(-1) is None
    assert optional_moment_from(0) == datetime(1970, 1, 1, tzinfo=UTC)


def test_members() -> None:
    """Known values give their member, unknown text a member of its own, anything else an error."""
    members = Members(OrderSide)
    assert members["BUY"] is OrderSide.BUY
    assert not members["HOLD"].is_known
    with pytest.raises(TypeError):
        members[1]  # type: ignore[index]


@pytest.mark.parametrize("value", [{"a": 1}, [1], "x", 1, None])
def test_objects_and_arrays(value: object) -> None:
    """What is no object counts as an empty one, and so with arrays."""
    assert as_object(value) == (value if isinstance(value, dict) else {})
    assert as_array(value) == (value if isinstance(value, list) else [])


def test_exactly() -> None:
    """A bool is no int here, and an int no bool."""
    assert exactly(int, 5) == 5
    for kind, value in ((int, True), (bool, 1), (str, OrderSide.BUY)):
        with pytest.raises(TypeError, match=f"expected {kind.__name__}"):
            exactly(kind, value)


class _Text(str):
    __slots__ = ()


class _Number(int):
    pass


class _Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    "value, expected",
    [
        (None, None),
        (True, True),
        (7, 7),
        ("x", "x"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1.50"), "1.50"),
        (OrderStatus.FILLED, "FILLED"),
        (OrderStatus("NOVEL"), "NOVEL"),
        (_Level.HIGH, 3),
        (datetime(2023, 11, 14, 22, 13, 20, 123_999, tzinfo=UTC), 1_700_000_000_123),
        (datetime(2023, 11, 15, 0, 13, 20, tzinfo=timezone(timedelta(hours=2))), 1_700_000_000_000),
        ((Decimal(1), [OrderSide.BUY]), ["1", ["BUY"]]),
        (MappingProxyType({"a": Decimal("0.10")}), {"a": "0.10"}),
        (_Text("t"), "t"),
        (_Number(4), 4),
    ],
)
def test_plain(value: object, expected: object) -> None:
    """Values become what JSON can carry, exactly that type, and a second pass changes nothing."""
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)
    assert plain(plain(value)) == expected


@given(st.decimals(-(10**30), 10**30, allow_nan=False, places=12))
def test_plain_decimals_have_no_exponent(number: Decimal) -> None:
    """The exchange reads no exponents; nothing else about the number changes."""
    text = plain(number)
    assert "E" not in text
    assert Decimal(text).as_tuple() == number.as_tuple()


@pytest.mark.parametrize("bad", [1.5, float("nan"), [0.1], {"a": 0.1}])
def test_plain_refuses_floats(bad: object) -> None:
    """A float is refused, with the reason."""
    with pytest.raises(TypeError, match="not exact"):
        plain(bad)


@pytest.mark.parametrize("bad", [Decimal("NaN"), Decimal("-Infinity"), Decimal("1E+999999"), Decimal("0E-999999")])
def test_plain_refuses_what_is_no_amount(bad: Decimal) -> None:
    """Neither NaN nor a number whose zeros would fill the memory is sent."""
    with pytest.raises(InvalidRequest, match="not an amount"):
        plain(bad)


def test_plain_refuses_the_rest() -> None:
    """A datetime without time zone is ambiguous; an unknown type has no spelling."""
    with pytest.raises(InvalidRequest, match="time zone"):
        plain(datetime(2023, 1, 1))
    with pytest.raises(TypeError, match="object cannot be sent"):
        plain(object())
