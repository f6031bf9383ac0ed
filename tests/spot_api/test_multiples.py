"""Exact multiples of a step."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket.spot_api.multiples import Rounding, is_multiple, least_common_multiple, rounded

numbers = st.decimals(-(10**20), 10**20, allow_nan=False, allow_infinity=False, places=None)
steps = st.builds(lambda n, e: Decimal(n).scaleb(-e), st.integers(1, 10**6), st.integers(0, 18))


def exact(left, right, operation):
    """Calculate with more digits than there can be."""
    with decimal.localcontext(decimal.Context(prec=400, Emin=-999999, Emax=999999)):
        return operation(left, right)


@given(numbers, steps)
def test_rounding(number, step):
    """To a multiple on the side that was asked for, less than a step away; rounding again changes nothing."""
    low, high, near = (rounded(number, step, rounding) for rounding in (Rounding.DOWN, Rounding.UP, Rounding.NEAREST))
    assert low <= number <= high
    assert near in (low, high)
    for result in (low, high, near):
        assert is_multiple(result, step)
        assert exact(result, number, lambda a, b: abs(a - b)) < step
        for rounding in Rounding:
            assert rounded(result, step, rounding) == result
    assert exact(high, low, lambda a, b: a - b) == (0 if is_multiple(number, step) else step)
    to_low, to_high = (exact(each, number, lambda a, b: abs(a - b)) for each in (low, high))
    assert near == (low if to_low < to_high else high)


@given(numbers, steps)
def test_the_programs_decimal_context_does_not_matter(number, step):
    """Not even one with three digits that traps everything."""
    expected = [rounded(number, step, rounding) for rounding in Rounding]
    with decimal.localcontext(decimal.Context(prec=3, traps=[decimal.Inexact, decimal.Rounded, decimal.Overflow])):
        assert [rounded(number, step, rounding) for rounding in Rounding] == expected


@given(steps, steps, st.integers(-1000, 1000))
def test_common_multiples(one, other, count):
    """Multiples of the common step are multiples of both, and it is no larger than it must be."""
    both = least_common_multiple(one, other)
    multiple = exact(both, Decimal(count), lambda a, b: a * b)
    assert is_multiple(multiple, one)
    assert is_multiple(multiple, other)
    # How many of each make up the common one: were there a smaller one, these had a divisor in common.
    shares = [int(exact(both, step, lambda a, b: a / b)) for step in (one, other)]
    assert math.gcd(*shares) == 1


def test_a_step_of_zero_allows_everything():
    """And adds nothing to another one."""
    assert is_multiple(Decimal("1.23"), Decimal("0.000"))
    assert least_common_multiple(Decimal("0.1"), Decimal(0)) == Decimal("0.1")
    assert least_common_multiple(Decimal(0), Decimal("0.1")) == Decimal("0.1")
    assert least_common_multiple(Decimal(0), Decimal(0)) == 0


@pytest.mark.parametrize(
    "number, step, rounding, text",
    [
        ("1.239", "0.01000000", Rounding.DOWN, "1.23"),
        ("1.231", "0.01000000", Rounding.UP, "1.24"),
        ("1.235", "0.01", Rounding.NEAREST, "1.24"),
        ("1.2349", "0.01", Rounding.NEAREST, "1.23"),
        ("-1.235", "0.01", Rounding.DOWN, "-1.24"),
        ("127", "10", Rounding.DOWN, "120"),
        ("127", "1E+1", Rounding.UP, "130"),
        ("0.9", "1", Rounding.DOWN, "0"),
        ("1E+3", "0.5", Rounding.DOWN, "1000.0"),
        ("123456789012345678901234567890.129", "0.01", Rounding.DOWN, "123456789012345678901234567890.12"),
    ],
)
def test_digits(number, step, rounding, text):
    """They are those of the step without its trailing zeros, never with an exponent."""
    assert str(rounded(Decimal(number), Decimal(step), rounding)) == text
