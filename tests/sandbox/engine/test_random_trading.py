"""Random trading among accounts."""

from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.random_trading import RandomTrading
from binance_socket.testing import ManualClock

FUNDS = dict.fromkeys(("BTC", "ETH", "USDT"), "1000000")
KINDS = {
    *(("executionReport", kind) for kind in ("NEW", "TRADE", "CANCELED", "EXPIRED", "REPLACED", "TRADE_PREVENTION")),
    ("outboundAccountPosition", None),
    ("balanceUpdate", None),
    ("externalLockUpdate", None),
    ("listStatus", None),
}

OPEN = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")


def trading(seed, clock=None):
    exchange = Exchange(clock=clock or ManualClock())
    accounts = [exchange.open_account(FUNDS) for _ in range(3)]
    return exchange, accounts, RandomTrading(exchange, accounts, seed)


def test_it_publishes_events_of_every_kind_for_every_account():
    """At least as many as asked for; little stays open."""
    exchange, accounts, random_trading = trading(1)
    published = random_trading.run(6000)
    assert 6000 <= published < 6100
    assert published == sum(len(account.ledger) for account in accounts)
    for account in accounts:
        assert {(event["e"], event.get("x")) for event in account.ledger.events} == KINDS
        assert len(exchange.open_orders(account, {})) < 40


def test_the_same_seed_brings_the_same():
    """Whatever the time, and however often it is interrupted."""
    ledgers = []
    for pieces, seed in (([3000], 5), ([1000, 500, 1500], 5), ([3000], 6)):
        clock = ManualClock(1_700_000_000.0 + len(ledgers))
        _, accounts, random_trading = trading(seed, clock)
        for piece in pieces:
            random_trading.run(piece)
            clock.advance(7)
        ledgers.append([[(e["e"], e.get("I"), e.get("X")) for e in account.ledger.events] for account in accounts])
    first, second, other = ledgers
    for one, two in zip(first, second, strict=True):
        least = min(len(one), len(two))
        assert one[:least] == two[:least]
    assert other != first


def test_what_was_compared_can_be_forgotten():
    """Old orders, lists and trades go, what is open and what is younger stays, and trading goes on."""
    clock = ManualClock()
    exchange, accounts, random_trading = trading(2, clock)
    random_trading.run(3000)
    account = accounts[0]
    opened = exchange.open_orders(account, {})
    assert opened
    clock.advance(100)
    before = clock.time()
    random_trading.run(3000)
    count = len(account.ledger)
    exchange.forget(account, count - 10, 50)
    assert len(account.ledger) == count
    assert len(account.ledger.events) == 10
    assert account.ledger.since(count - 3) == account.ledger.events[-3:]
    orders, trades = (
        [entry for symbol in ("BTCUSDT", "ETHUSDT") for entry in ask(account, {"symbol": symbol, "limit": 1000})]
        for ask in (exchange.all_orders, exchange.my_trades)
    )
    assert orders
    assert trades
    assert all(order["updateTime"] >= before * 1000 or order["status"] in OPEN for order in orders)
    assert all(trade["time"] >= before * 1000 for trade in trades)
    random_trading.run(1000)
    for order in exchange.open_orders(account, {}):
        assert exchange.order_status(account, {"symbol": order["symbol"], "orderId": order["orderId"]}) == order
