"""The markets of an exchange behind one lock, for everything that trades on them or asks about them."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Protocol

from .errors import ExchangeError
from .market import Market
from .money import exact
from .news import Follower
from .parameters import Parameters, wanted_symbol
from .symbols import SymbolRules

__all__ = ["Floor", "WallClock"]


class WallClock(Protocol):
    """Whatever knows what time it is."""

    def time(self) -> float:
        """Return seconds since the epoch."""
        ...


class Floor:
    """The markets, what the exchange earned, and the lock that guards them and every account."""

    def __init__(self, clock: WallClock, symbols: Sequence[SymbolRules]) -> None:
        self._clock = clock
        # Guards everything below, the accounts and their ledgers included.
        self.lock = threading.Lock()
        self.fees: dict[str, Decimal] = {}
        self.converted: dict[str, Decimal] = {}
        """What the exchange gained and gave away by smart order routing, which changes quote assets one for one."""
        # The markets whose news were not told yet.
        self._moved: dict[Market, None] = {}
        self.markets = {rules.symbol: Market(rules, self.fees, self._moved) for rules in symbols}
        self.followers: tuple[Follower, ...] = ()

    def now(self) -> int:
        """Return the time in milliseconds of the epoch."""
        return int(self._clock.time() * 1000)

    @contextmanager
    def exclusively(self) -> Generator[int, None, None]:
        """Hold the lock and compute exactly; gives the time, one for everything that happens meanwhile."""
        with self.lock, exact():
            now = self.now()
            try:
                yield now
            finally:
                if self._moved:
                    self._tell_news(now)

    def _tell_news(self, now: int) -> None:
        for market in self._moved:
            news = market.take_news(now)
            if news is not None:
                for follower in self.followers:
                    follower(news)
        self._moved.clear()

    def market(self, params: Parameters) -> Market:
        """Return the market that the mandatory parameter ``symbol`` names. Raises ExchangeError -1121."""
        return self.named_market(wanted_symbol(params))

    def named_market(self, symbol: str | None) -> Market:
        """Return the market of *symbol*. Raises ExchangeError -1121."""
        market = None if symbol is None else self.markets.get(symbol)
        if market is None:
            raise ExchangeError.bad_symbol()
        return market
