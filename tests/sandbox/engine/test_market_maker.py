"""Liquidity of the sandbox's own."""

from decimal import Decimal

import pytest

from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.market_maker import REFERENCE_PRICES, MarketMaker
from binance_socket.testing import ManualClock

STEPS = 60


def life(seed):
    """What an exchange looks like after a while of it."""
    exchange = Exchange(clock=ManualClock())
    before = exchange.open_account({"USDT": "1000000", "BTC": "10"})
    maker = MarketMaker(exchange, seed)
    maker.seed_book()
    for _ in range(STEPS):
        maker.step()
        # A customer trades in between.
        exchange.place_order(before, {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"})
    return exchange, before


def test_every_symbol_is_quoted_around_its_price(exchange):
    """After seed_book a market order fills in every symbol, near its reference price."""
    MarketMaker(exchange, seed=1).seed_book()
    for rules in exchange.symbols:
        bid, ask = exchange.best_price(rules.symbol, "BUY"), exchange.best_price(rules.symbol, "SELL")
        middle = REFERENCE_PRICES[rules.symbol]
        assert middle * Decimal("0.99") < bid < middle < ask < middle * Decimal("1.01")


def test_the_same_seed_makes_the_same_market():
    """Trades and quotes follow from the seed alone; another seed makes others."""
    (_, first), (_, second), (_, third) = life(7), life(7), life(8)
    assert first.ledger.events == second.ledger.events
    assert first.ledger.events != third.ledger.events


def test_customers_trade_with_the_market_maker():
    """Its quotes are there whenever somebody wants them, and money is conserved."""
    exchange, customer = life(3)
    reports = [event for event in customer.ledger.events if event["e"] == "executionReport"]
    assert [report["X"] for report in reports if report["x"] != "NEW"].count("FILLED") == STEPS
    assert exchange.supply()["BTC"] == 10 + 2 * Decimal(10**12)


def test_quotes_replace_themselves(exchange, trader):
    """The book of a symbol does not grow with the steps."""
    maker = MarketMaker(exchange, seed=1)
    maker.seed_book()
    sizes = []
    for _ in range(STEPS):
        maker.step()
        sizes.append(len(exchange.open_orders(maker._maker, {"symbol": "BTCUSDT"})))
    assert 0 < min(sizes) <= max(sizes) <= 20


def test_an_unknown_symbol_gets_a_price(exchange):
    """Symbols without a reference price are quoted at 100."""
    MarketMaker(exchange, seed=1, prices={}).seed_book()
    assert exchange.best_price("BNBUSDT", "BUY") == pytest.approx(Decimal(100), abs=1)
