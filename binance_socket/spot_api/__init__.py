"""What can be asked and heard of Binance Spot, room by room."""

from __future__ import annotations

from .account import Account
from .caller import Caller
from .exchange_data import ExchangeData

__all__ = ["Account", "ExchangeData", "SpotApi"]


class SpotApi:
    """The rooms of Binance Spot."""

    def __init__(self, caller: Caller) -> None:
        self.account = Account(caller)
        """The account: balances, limits, user data."""
        self.exchange_data = ExchangeData(caller)
        """The exchange's data: symbols and their rules, prices, trades."""
