"""What is known of the markets of an exchange, beside the exchange itself: kept up with its news, off its lock."""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Final

from .candles import DAY, MINUTE, CandleHistory
from .errors import ExchangeError
from .exchange import Exchange
from .matching import Level
from .money import ZERO, exact
from .news import ExternalReference, News, PublicTrade
from .trade_archive import AggregateTrade, Archive, TradeArchive
from .windows import ReferenceMean, RollingWindow, Statistics

__all__ = ["AVERAGE_MINUTES", "MarketData", "SymbolData"]

AVERAGE_MINUTES: Final = 5
# Whose reference price the exchange computes; the others have none, unless one is set from outside.
_WITH_MEAN: Final = ("BTCUSDT", "ETHUSDT")

# News that nobody waits for are worked off in lots.
_LOT: Final = 4096


class SymbolData:
    """One symbol: fed with its news, in order. Not safe by itself. Times are milliseconds of the epoch."""

    def __init__(
        self,
        symbol: str,
        reference_mean: ReferenceMean | None = None,
        reference: Callable[[], ExternalReference | None] = lambda: None,
    ) -> None:
        self.symbol = symbol
        self._reference = reference
        self.bid: Level | None = None
        """The best one."""
        self.ask: Level | None = None
        self.archive = TradeArchive()
        self.block_trades: Archive[PublicTrade] = Archive()
        self.candles = CandleHistory()
        self.day = RollingWindow(DAY)
        self.last_trade: PublicTrade | None = None
        self.reference_mean = reference_mean
        self._average = RollingWindow(AVERAGE_MINUTES * MINUTE)

    def take(self, news: News) -> Sequence[AggregateTrade]:
        """Take news, and return the aggregate trades in them."""
        self.bid, self.ask = news.bid, news.ask
        for trade in news.block_trades:
            self.block_trades.append(trade)
        if not news.trades:
            return ()
        for trade in news.trades:
            self.candles.add(trade)
            self.day.add(trade)
            self._average.add(trade)
            if self.reference_mean is not None:
                self.reference_mean.add(trade)
        self.last_trade = news.trades[-1]
        return self.archive.add(news.trades)

    @property
    def last_quantity(self) -> Decimal:
        """The last trade's quantity, zero before the first."""
        return ZERO if self.last_trade is None else self.last_trade.quantity

    def last_day(self, now: int) -> Statistics:
        """Return the statistics of the last 24 hours."""
        self.day.advance(now)
        return self.day.statistics

    def average_price(self, now: int) -> Decimal:
        """Return the average price of the last minutes, the last price where nothing was traded in them."""
        self._average.advance(now)
        statistics = self._average.statistics
        return statistics.average if statistics.count else statistics.last

    @property
    def external_reference(self) -> ExternalReference | None:
        """The reference price that was set from outside; it takes the place of the mean."""
        return self._reference()

    def reference_price(self, now: int) -> tuple[Decimal | None, int] | None:
        """Return the reference price, None where there is none now, and its time; None if there never was one."""
        external = self.external_reference
        if external is not None:
            return external.price, external.time
        if self.reference_mean is None or not self.reference_mean.was_set:
            return None
        return self.reference_mean.price(now), now


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
        self._symbols = {
            rules.symbol: SymbolData(
                rules.symbol,
                ReferenceMean() if rules.symbol in _WITH_MEAN else None,
                functools.partial(exchange.reference, rules.symbol),
            )
            for rules in exchange.symbols
        }
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

    def check(self, symbol: str) -> None:
        """Raise ExchangeError -1121 for a symbol that is none. Any thread."""
        if symbol not in self._symbols:
            raise ExchangeError.bad_symbol()

    def find(self, symbol: str) -> SymbolData | None:
        """Return what is known of a symbol, None where there is none of that name."""
        return self._symbols.get(symbol)

    def all(self) -> Sequence[SymbolData]:
        """Return every symbol's. What it holds is read within ``current()`` only."""
        return list(self._symbols.values())
