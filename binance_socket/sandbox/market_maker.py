"""Liquidity and trades in an otherwise empty exchange: the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from .exchange import Exchange
from .money import floor_to
from .symbols import SymbolRules

__all__ = ["REFERENCE_PRICES", "MarketMaker"]

REFERENCE_PRICES: Final[Mapping[str, Decimal]] = {
    "BTCUSDT": Decimal("60000"),
    "ETHUSDT": Decimal("3000"),
    "ETHBTC": Decimal("0.05"),
    "BNBUSDT": Decimal("600"),
    "１２３４５６": Decimal("2.5"),
    "BTCUSDC": Decimal("60000"),
}
"""Where prices start; a symbol that is not here starts at 100."""

_DEFAULT_PRICE: Final = Decimal("100")
_FUNDS: Final = "1000000000000"
_LEVELS: Final = 10
_ORDER_VALUE_IN_MINIMUMS: Final = 200
_SPREAD: Final = Decimal("0.0002")


class MarketMaker:
    """
    Quotes every symbol from one account and trades against its own quotes from another.

    It has no thread: whoever wants life in the market calls ``step``, always from the same thread.
    """

    def __init__(self, exchange: Exchange, seed: int, prices: Mapping[str, Decimal] = REFERENCE_PRICES) -> None:
        self._exchange = exchange
        self._random = random.Random(seed)
        self._symbols = exchange.symbols
        self._prices = {rules.symbol: prices.get(rules.symbol, _DEFAULT_PRICE) for rules in self._symbols}
        assets = {asset for rules in self._symbols for asset in (rules.base, rules.quote)}
        funds = dict.fromkeys(sorted(assets), _FUNDS)
        self._maker = exchange.open_account(funds, recorded=False)
        self._taker = exchange.open_account(funds, recorded=False)

    def seed_book(self) -> None:
        """Quote every symbol on both sides of its reference price."""
        for rules in self._symbols:
            self._quote(rules)

    def step(self) -> None:
        """In one symbol: now and then move the price and quote anew, else trade a little against the quotes."""
        rules = self._random.choice(self._symbols)
        if self._random.random() < 0.3:
            moved = self._prices[rules.symbol] * (1 + Decimal(self._random.randint(-10, 10)) / 10_000)
            self._prices[rules.symbol] = max(floor_to(moved, rules.tick_size), rules.tick_size * 100)
            self._quote(rules)
        else:
            self._trade(rules)

    def _quote(self, rules: SymbolRules) -> None:
        """Replace the quotes. Orders of others that stand in the way are traded with."""
        symbol = rules.symbol
        if self._exchange.open_orders(self._maker, {"symbol": symbol}):
            self._exchange.cancel_all_orders(self._maker, {"symbol": symbol})
        middle = self._prices[symbol]
        for level in range(1, _LEVELS + 1):
            distance = max(middle * _SPREAD * level, rules.tick_size * level)
            for side, price in (("BUY", middle - distance), ("SELL", middle + distance)):
                if price >= rules.min_price:
                    self._exchange.place_order(
                        self._maker,
                        {
                            "symbol": symbol,
                            "side": side,
                            "type": "LIMIT",
                            "timeInForce": "GTC",
                            "price": floor_to(price, rules.tick_size),
                            "quantity": self._quantity(rules, self._random.randint(50, 100)),
                            "newOrderRespType": "ACK",
                        },
                    )

    def _trade(self, rules: SymbolRules) -> None:
        self._exchange.place_order(
            self._taker,
            {
                "symbol": rules.symbol,
                "side": self._random.choice(("BUY", "SELL")),
                "type": "MARKET",
                "quantity": self._quantity(rules, self._random.randint(2, 20)),
                "newOrderRespType": "ACK",
            },
        )

    def _quantity(self, rules: SymbolRules, percent: int) -> Decimal:
        """Return a share of the usual order's quantity, whose value is a multiple of the least the symbol allows."""
        value = (rules.min_notional or Decimal(1)) * _ORDER_VALUE_IN_MINIMUMS * percent / 100
        return max(floor_to(value / self._prices[rules.symbol], rules.step_size), rules.min_quantity)
