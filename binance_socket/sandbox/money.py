"""
Exact money: Decimals with eight decimals, and a context in which nothing is ever rounded unseen.

The exchange computes inside of ``exact()``: there an operation that would have to round raises ``decimal.Inexact``
instead, whatever context the calling thread happens to have. Rounding is done by whole-number division, on purpose
and always downwards (``floor_to``), so that balances add up to the last digit.
"""

from __future__ import annotations

import decimal
from contextlib import AbstractContextManager
from decimal import Decimal

from ..errors import InvalidRequest

__all__ = ["DECIMALS", "QUANTUM", "ZERO", "amount", "decimals_of", "exact", "floor_to", "text"]

ZERO = Decimal("0")
DECIMALS = 8
"""Decimals of every asset."""
QUANTUM = Decimal("0.00000001")
"""The smallest amount of any asset."""

_EXACT = decimal.Context(
    prec=60,
    traps=[decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.Clamped],
)


def exact() -> AbstractContextManager[decimal.Context]:
    """Return a context manager within which Decimals are computed exactly or not at all."""
    return decimal.localcontext(_EXACT)


def text(value: Decimal) -> str:
    """Render *value* as the exchange does: plain, with eight decimals."""
    return f"{value:.8f}"


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of *step* that is not above *value* (both not negative)."""
    return value // step * step


def decimals_of(value: Decimal) -> int:
    """Return how many decimals *value* needs: 2 for 0.1200."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def amount(value: str | Decimal | int) -> Decimal:
    """Return *value* as an amount of some asset. Raises InvalidRequest where it is not one."""
    try:
        number = Decimal(value)
    except decimal.InvalidOperation as exc:
        raise InvalidRequest(f"{value!r} is not an amount") from exc
    if not number.is_finite() or decimals_of(number) > DECIMALS:
        raise InvalidRequest(f"{value!r} is not an amount with at most {DECIMALS} decimals")
    return number
