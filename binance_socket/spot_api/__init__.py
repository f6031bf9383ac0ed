"""What can be asked and heard of Binance Spot, room by room."""

from __future__ import annotations

from .account import Account
from .caller import Caller
from .exchange_data import ExchangeData
from .multiples import Rounding
from .symbol_rules import SymbolRules
from .trading import ContingentLeg, PendingLeg, Trading, WorkingLeg

__all__ = [
    "Account",
    "ContingentLeg",
    "ExchangeData",
    "PendingLeg",
    "Rounding",
    "SpotApi",
    "SymbolRules",
    "Trading",
    "WorkingLeg",
]


class SpotApi:
    """The rooms of Binance Spot."""

    def __init__(self, caller: Caller) -> None:
        self.account = Account(caller)
        """The account: balances, limits, user data."""
        self.exchange_data = ExchangeData(caller)
        """The exchange's data: symbols and their rules, prices, trades."""
        self.trading = Trading(caller)
        """Trading: orders, order lists, and what became of them."""
