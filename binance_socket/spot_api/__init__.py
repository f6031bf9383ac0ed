"""What can be asked and heard of Binance Spot, room by room."""

from __future__ import annotations

from .account import Account
from .caller import Caller

__all__ = ["Account", "SpotApi"]


class SpotApi:
    """The rooms of Binance Spot."""

    def __init__(self, caller: Caller) -> None:
        self.account = Account(caller)
        """The account: balances, limits, user data."""
