"""
Each method of the exchange's, with what shows that it is spoken to the letter.

One module per chapter. A new method takes one row; the tests and the table in docs/ are made from the rows.
"""

from __future__ import annotations

from .market import MARKET
from .row import Row
from .session import SESSION
from .trading import TRADING

__all__ = ["ROWS", "UNWRITTEN", "Row"]

ROWS: list[Row] = [*MARKET, *SESSION, *TRADING]

UNWRITTEN: set[str] = set()
"""Methods that have no row yet. Whoever writes one takes its name out of here."""
