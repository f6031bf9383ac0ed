"""What is known of the markets of an exchange, beside the exchange itself: kept up with its news, off its lock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final

from .errors import ExchangeError
from .exchange import Exchange
from .matching import Level
from .money import exact
from .news import News
from .trade_archive import AggregateTrade, TradeArchive

__all__ = ["MarketData", "SymbolData"]

# News that nobody waits for are worked off in lots.
_LOT: Final = 4096


class SymbolData:
    """One symbol: fed with its news, in order. Not safe by itself."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.archive = TradeArchive()
        self.update_id = 0
        self.bid: Level | None = None
        self.ask: Level | None = None

    def take(self, news: News) -> Sequence[AggregateTrade]:
        """Take news, and return the aggregate trades in them."""
        self.update_id, self.bid, self.ask = news.last_update_id, news.bid, news.ask
        return self.archive.add(news.trades) if news.trades else ()


class MarketData:
    """
    Follows every market of an exchange.

    The exchange only leaves its news here. They are worked off by whoever asks next, or by whom *wake* tells that
    there are some: at once while somebody watches, else in lots. Thread-safe: everything happens within ``current()``.
    """

    def __init__(self, exchange: Exchange, wake: Callable[[], object]) -> None:
        self._exchange = exchange
        self._wake = wake
        # Filled under the exchange's lock, emptied under the one below; a deque stands that.
        self._pending: deque[News] = deque()
        self.watched = False
        """Whether somebody wants to know of news at once."""
        self.on_news: Callable[[News, SymbolData, Sequence[AggregateTrade]], object] | None = None
        """Called within ``current()`` for all news, in order."""
        # Guards everything below. The exchange's lock may be taken under it, never the other way round.
        self._lock = threading.Lock()
        self._symbols = {rules.symbol: SymbolData(rules.symbol) for rules in exchange.symbols}
        exchange.follow_markets(self._take)

    def _take(self, news: News) -> None:
        self._pending.append(news)
        if self.watched or len(self._pending) >= _LOT:
            self._wake()

    @contextmanager
    def current(self) -> Generator[None]:
        """Hold the lock, with everything worked off that happened before."""
        with self._lock, exact():
            # No more than what is there now: the exchange need not wait for us, nor we for it to fall silent.
            for _ in range(len(self._pending)):
                news = self._pending.popleft()
                data = self._symbols[news.symbol]
                aggregates = data.take(news)
                if self.on_news is not None:
                    self.on_news(news, data, aggregates)
            yield

    def __getitem__(self, symbol: str) -> SymbolData:
        """Return what is known of a symbol. Only within ``current()``. Raises ExchangeError -1121."""
        data = self._symbols.get(symbol)
        if data is None:
            raise ExchangeError.bad_symbol()
        return data

    def find(self, symbol: str) -> SymbolData | None:
        """Return what is known of a symbol, None where there is none of that name."""
        return self._symbols.get(symbol)

    def all(self) -> Sequence[SymbolData]:
        """Return every symbol's. Only within ``current()``."""
        return list(self._symbols.values())
