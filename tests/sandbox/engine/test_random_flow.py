"""Random order flow of the sandbox's own."""

import pytest

from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.random_flow import RandomFlow
from binance_socket.testing import ManualClock


def flow(symbol, seed):
    exchange = Exchange(clock=ManualClock())
    rules = next(rules for rules in exchange.symbols if rules.symbol == symbol)
    return exchange, RandomFlow(exchange, rules, seed)


@pytest.mark.parametrize("rules", Exchange(clock=ManualClock()).symbols, ids=lambda rules: rules.symbol)
def test_it_moves_the_book_of_any_symbol(rules):
    """At least as often as asked for, with trades among it, and no money comes or goes."""
    exchange, random_flow = flow(rules.symbol, 1)
    news = []
    exchange.follow_markets(news.append)
    before = exchange.supply()
    start, _, _ = exchange.levels(rules.symbol, 1)
    update_id = random_flow.run(3000)
    last, bids, asks = exchange.levels(rules.symbol, 5000)
    assert last == update_id >= start + 3000
    assert sum(len(item.trades) for item in news) > 100
    assert len(bids) > 20
    assert len(asks) > 20
    assert bids[0][0] < asks[0][0]
    assert exchange.supply() == before
    assert {item.symbol for item in news} == {rules.symbol}


def test_the_same_seed_brings_the_same_book():
    """And another one another."""
    books = []
    for seed in (5, 5, 6):
        exchange, random_flow = flow("BTCUSDT", seed)
        random_flow.run(2000)
        books.append(exchange.levels("BTCUSDT", 5000))
    assert books[0] == books[1] != books[2]
