"""Exact money."""

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket.errors import InvalidRequest
from binance_socket.sandbox import money
from binance_socket.sandbox.symbols import DEFAULT_SYMBOLS, SymbolRules

D = Decimal


def test_nothing_is_rounded_unseen():
    """Within exact() a division that does not come out raises."""
    with money.exact(), pytest.raises(decimal.Inexact):
        D(1) / D(3)


@given(st.decimals(0, 10**9, places=8), st.decimals("0.00000001", 10**4, places=8))
def test_floor_to_is_the_largest_multiple(value, step):
    """It is a multiple, not above the value, and the next one would be."""
    with money.exact():
        floored = money.floor_to(value, step)
        assert floored % step == 0
        assert floored <= value < floored + step


@pytest.mark.parametrize("value, decimals", [("1", 0), ("100", 0), ("0.1200", 2), ("0.00000001", 8), ("0", 0)])
def test_decimals_of(value, decimals):
    """Trailing zeros need no decimals."""
    assert money.decimals_of(D(value)) == decimals


@pytest.mark.parametrize("value, text", [("1", "1.00000000"), ("1E+3", "1000.00000000"), ("1E-8", "0.00000001")])
def test_amounts_are_written_plainly(value, text):
    """Eight decimals, never an exponent."""
    assert money.text(D(value)) == text


def test_a_symbol_must_trade_exact_amounts():
    """Tick and step that need more than eight decimals together are refused, and a tick of nothing."""
    rules = {
        "symbol": "AB", "base": "A", "quote": "B", "min_price": D(1), "max_price": D(9), "min_quantity": D(1),
        "max_quantity": D(9),
    }  # fmt: skip
    with pytest.raises(InvalidRequest, match="more than 8 decimals"):
        SymbolRules(tick_size=D("0.00001"), step_size=D("0.0001"), **rules)
    with pytest.raises(InvalidRequest, match="positive"):
        SymbolRules(tick_size=D(0), step_size=D("0.0001"), **rules)
    assert len({symbol.symbol for symbol in DEFAULT_SYMBOLS}) == len(DEFAULT_SYMBOLS)
