"""Balances, deposits, the ledger and those who listen."""

import threading
from decimal import Decimal

import pytest

from binance_socket.errors import InvalidRequest
from binance_socket.sandbox.errors import ExchangeError

D = Decimal
PATIENCE = 10.0


def test_a_new_account_has_its_balances_and_an_empty_ledger(exchange, clock):
    """Opening an account publishes nothing; every asset of the exchange is listed, and what else it holds."""
    clock.advance(1)
    account = exchange.open_account({"USDT": "5", "DOGE": "7"}, maker_commission="0.0015", taker_commission="0.002")
    status = exchange.account_status(account)
    assert account.ledger.events == []
    assert [entry["asset"] for entry in status["balances"]] == [
        "BTC", "USDT", "ETH", "BNB", "１２３", "４５６", "USDC", "DOGE",
    ]  # fmt: skip
    assert (status["makerCommission"], status["takerCommission"]) == (15, 20)
    assert status["commissionRates"]["taker"] == "0.00200000"
    assert status["uid"] == account.uid
    assert status["updateTime"] == 1_700_000_001_000
    some = exchange.account_status(account, omit_zero_balances=True)["balances"]
    assert some == [
        {"asset": "USDT", "free": "5.00000000", "locked": "0.00000000"},
        {"asset": "DOGE", "free": "7.00000000", "locked": "0.00000000"},
    ]


def test_accounts_have_different_uids(exchange):
    """No two accounts are the same."""
    assert exchange.open_account().uid != exchange.open_account().uid


@pytest.mark.parametrize("value", ["-1", "much", "NaN", "Infinity", "0.000000001"])
def test_what_is_no_balance_is_refused(exchange, value):
    """A balance is a finite number with at most eight decimals, and not negative."""
    with pytest.raises(InvalidRequest):
        exchange.open_account({"BTC": value})


def test_deposits_and_withdrawals(exchange, alice, refused):
    """balanceUpdate tells the change, outboundAccountPosition what it came to."""
    exchange.deposit(alice.account, "ETH", "2")
    exchange.deposit(alice.account, "ETH", "-0.5")
    now = 1_700_000_000_000
    assert alice.events == [
        {"e": "balanceUpdate", "E": now, "a": "ETH", "d": "2.00000000", "T": now},
        {"e": "outboundAccountPosition", "E": now, "u": now, "B": [{"a": "ETH", "f": "2.00000000", "l": "0.00000000"}]},
        {"e": "balanceUpdate", "E": now, "a": "ETH", "d": "-0.50000000", "T": now},
        {"e": "outboundAccountPosition", "E": now, "u": now, "B": [{"a": "ETH", "f": "1.50000000", "l": "0.00000000"}]},
    ]
    with refused(-2010, "Account has insufficient balance for requested action."):
        exchange.deposit(alice.account, "ETH", "-2")
    assert exchange.supply()["ETH"] == D("1.5")


def test_external_locks(exchange, alice, refused):
    """externalLockUpdate tells the change; what is locked outside cannot be traded, nor more be unlocked."""
    exchange.lock_externally(alice.account, "BTC", "9.5")
    alice.sell("0.2", "50000")
    assert alice.balance("BTC") == (D("0.3"), D("9.7"))
    insufficient = (-2010, "Account has insufficient balance for requested action.")
    with refused(*insufficient):
        alice.sell("0.4", "50000")
    with refused(*insufficient):
        exchange.lock_externally(alice.account, "BTC", "0.4")
    with refused(*insufficient):
        exchange.lock_externally(alice.account, "BTC", "-9.6")
    exchange.lock_externally(alice.account, "BTC", "-9.5")
    assert alice.balance("BTC") == (D("9.8"), D("0.2"))
    now = 1_700_000_000_000
    locks = [event for event in alice.events if event["e"] == "externalLockUpdate"]
    assert locks == [
        {"e": "externalLockUpdate", "E": now, "a": "BTC", "d": "9.50000000", "T": now},
        {"e": "externalLockUpdate", "E": now, "a": "BTC", "d": "-9.50000000", "T": now},
    ]


def test_the_ledger_cannot_be_changed(alice):
    """What is read from it is a copy."""
    alice.buy("1", "40000")
    alice.events[0]["e"] = alice.events[0]["X"] = "forged"
    assert alice.events[0]["e"] == "executionReport"
    assert alice.account.ledger.since(1) == alice.events[1:]


def test_the_ledger_forgets_what_it_is_told_to(alice):
    """The others keep their numbers; what is forgotten cannot be asked for."""
    alice.buy("1", "40000")
    alice.buy("1", "40000")
    ledger, events = alice.account.ledger, alice.events
    assert ledger.since(1, 2) == events[1:3]
    ledger.forget(2)
    assert len(ledger) == len(events) == 4
    assert ledger.since(2) == ledger.events == events[2:]
    assert ledger.since(3, 5) == events[3:]
    with pytest.raises(InvalidRequest, match="first 2 events are forgotten"):
        ledger.since(1)
    assert ledger.wait_for(4, timeout=0)
    ledger.forget(1)
    ledger.forget(100)
    assert ledger.events == []
    assert len(ledger) == 4


def test_waiting_for_the_ledger(alice, run):
    """wait_for returns as soon as there are enough events, and False when time is up."""
    ledger = alice.account.ledger
    assert ledger.wait_for(0, timeout=0)
    assert not ledger.wait_for(1, timeout=0)
    join = run(ledger.wait_for, 2, PATIENCE)
    alice.buy("1", "40000")
    assert join()
    assert len(ledger) == 2


def test_listeners_hear_every_event_in_order(exchange, alice):
    """A listener has each payload just after it entered the ledger, until it is told to stop."""
    heard = []
    stop = exchange.listen(alice.account, heard.append)
    other = []
    exchange.listen(alice.account, other.append)
    alice.buy("1", "40000")
    exchange.publish(alice.account, {"e": "listenKeyExpired", "E": 1, "listenKey": "k"})
    assert heard == alice.events
    stop()
    stop()
    alice.buy("1", "40000")
    assert heard == alice.events[:3]
    assert other == alice.events


def test_an_unrecorded_account_keeps_nothing(exchange, bob):
    """Without a ledger events are still heard by listeners, and open orders known."""
    account = exchange.open_account({"BTC": "10"}, recorded=False)
    order = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "50000",
    }
    exchange.place_order(account, order)
    heard = []
    exchange.listen(account, heard.append)
    bob.buy("0.5", "50000")
    assert [event["e"] for event in heard] == ["executionReport", "outboundAccountPosition"]
    assert heard[1]["B"][0] == {"a": "BTC", "f": "9.00000000", "l": "0.50000000"}
    assert len(exchange.open_orders(account, {})) == 1
    bob.buy("0.5", "50000")
    assert len(account.ledger) == 0
    assert exchange.all_orders(account, {"symbol": "BTCUSDT"}) == []
    assert exchange.my_trades(account, {"symbol": "BTCUSDT"}) == []


def test_many_threads_trade_at_once(exchange, trader, run):
    """Orders from several threads are served one after another, and nothing is lost or made."""
    traders = [trader(BTC="10", USDT="1000000") for _ in range(4)]
    before = exchange.supply()
    start = threading.Barrier(len(traders))

    def trade(mine):
        start.wait(PATIENCE)
        for number in range(50):
            mine.place(("BUY", "SELL")[number % 2], quantity="0.01", price=str(50000 + number % 3))

    for join in [run(trade, mine) for mine in traders]:
        join()
    assert exchange.supply() == before
    ids = sorted(report["I"] for mine in traders for report in mine.reports)
    assert ids == list(range(1, len(ids) + 1))


def test_a_callers_decimal_context_does_not_matter(exchange, alice, bob):
    """Somebody's low precision must not round anybody's money."""
    import decimal

    with decimal.localcontext() as context:
        context.prec = 3
        alice.sell("1.23456", "50000.01")
        bob.buy("1.23456", "50000.01")
        total = exchange.supply()
    assert total == {"BTC": D(20), "USDT": D(2000000)}


def test_an_error_says_what_it_is():
    """The text of an ExchangeError has message and code; data is a copy."""
    data = {"retryAfter": 1}
    error = ExchangeError(-1003, "Too many.", status=429, data=data)
    data.clear()
    assert (str(error), error.status, error.data) == ("Too many. (-1003)", 429, {"retryAfter": 1})
    assert ExchangeError(-1, "x").data is None
