"""
What requests for market data weigh. Each function takes the parameters as they are sent.

Source: the WebSocket API document, the "Weight" of each request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["by_depth", "by_symbol_or_all", "by_symbols_of_day", "by_window_symbols", "of_execution_rules"]

_DEFAULT_DEPTH: Final = 100
_DEPTHS: Final = ((100, 5), (500, 25), (1000, 50))
_DEEPEST: Final = 250
_COUNTS: Final = ((20, 2), (100, 40))
_ALL: Final = 80


def by_depth(params: Mapping[str, Any]) -> int:
    """Return what an order book of that many levels weighs."""
    limit = params.get("limit", _DEFAULT_DEPTH)
    return next((weight for depth, weight in _DEPTHS if limit <= depth), _DEEPEST)


def by_symbols_of_day(params: Mapping[str, Any]) -> int:
    """Return what the tickers of 24 hours of so many symbols weigh; all of them weigh most."""
    count = _symbols(params)
    return next((weight for most, weight in _COUNTS if 0 < count <= most), _ALL)


def by_window_symbols(params: Mapping[str, Any]) -> int:
    """Return what the tickers of other windows weigh: 4 for each symbol, 200 at most."""
    return min(4 * _symbols(params), 200)


def by_symbol_or_all(params: Mapping[str, Any]) -> int:
    """Return what the last or best prices weigh: one symbol by itself is cheaper."""
    return 2 if "symbol" in params else 4


def of_execution_rules(params: Mapping[str, Any]) -> int:
    """Return what execution rules weigh: 2 for each symbol, 40 at most, and for all."""
    count = _symbols(params)
    return min(2 * count, 40) if count else 40


def _symbols(params: Mapping[str, Any]) -> int:
    return 1 if "symbol" in params else len(params.get("symbols", ()))
