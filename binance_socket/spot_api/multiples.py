"""Exact multiples of a step. Pure; independent of the program's decimal context, whose precision would round."""

from __future__ import annotations

import enum
import math
from decimal import Decimal

__all__ = ["Rounding", "is_multiple", "least_common_multiple", "rounded"]


class Rounding(enum.Enum):
    """Which multiple is taken where a number lies between two of them."""

    DOWN = "down"
    """The lower one."""
    UP = "up"
    """The higher one."""
    NEAREST = "nearest"
    """The nearer one; the higher one from the middle."""


def rounded(number: Decimal, step: Decimal, rounding: Rounding) -> Decimal:
    """Return the multiple of *step*, which is above zero, that *number* is rounded to, with the digits of *step*."""
    value, unit, _ = _integers(number, step)
    below, rest = divmod(value, unit)
    up = rest > 0 and (rounding is Rounding.UP or (rounding is Rounding.NEAREST and 2 * rest >= unit))
    digits, exponent = _digits(step)
    return _decimal((below + up) * digits, exponent)


def is_multiple(number: Decimal, step: Decimal) -> bool:
    """Return whether *number* is a multiple of *step*; of zero, every number is one."""
    if not step:
        return True
    value, unit, _ = _integers(number, step)
    return value % unit == 0


def least_common_multiple(one: Decimal, other: Decimal) -> Decimal:
    """Return the smallest step whose multiples are multiples of both; a zero stands for no step."""
    if not (one and other):
        return one or other
    first, second, exponent = _integers(one, other)
    return _decimal(math.lcm(first, second), exponent)


def _integers(one: Decimal, other: Decimal) -> tuple[int, int, int]:
    """Return both numbers as integers of one unit, and the power of ten that this is."""
    (first, first_exponent), (second, second_exponent) = _digits(one), _digits(other)
    exponent = min(first_exponent, second_exponent)
    return first * 10 ** (first_exponent - exponent), second * 10 ** (second_exponent - exponent), exponent


def _digits(number: Decimal) -> tuple[int, int]:
    """Return a number's digits, without trailing zeros behind the point, and the power of ten they count; 0 at most."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # it is finite
    value = int("".join(map(str, digits)))
    while exponent < 0 and value % 10 == 0 and value:
        value, exponent = value // 10, exponent + 1
    if exponent > 0 or not value:
        value, exponent = value * 10 ** max(exponent, 0), 0
    return (-value if sign else value), exponent


def _decimal(value: int, exponent: int) -> Decimal:
    # Made of its digits, it is exact whatever the context's precision.
    return Decimal((int(value < 0), tuple(map(int, str(abs(value)))), exponent))
