"""Orders that wait for the last trade's price."""

from decimal import Decimal

import pytest

D = Decimal


@pytest.fixture
def trade_at(trader):
    """Make a trade at a price, by two accounts that do nothing else."""
    seller, buyer = trader(BTC="100"), trader(USDT="100000000")

    def trade(price):
        seller.sell("0.01", price)
        assert buyer.buy("0.01", price)["status"] == "FILLED"

    return trade


CASES = [
    # type, side, stop price, a last price that does not trigger, one that does
    ("STOP_LOSS", "BUY", "51000", "50999.99", "51000"),
    ("STOP_LOSS", "SELL", "49000", "49000.01", "49000"),
    ("TAKE_PROFIT", "BUY", "49000", "49000.01", "48000"),
    ("TAKE_PROFIT", "SELL", "51000", "50999.99", "52000"),
]


@pytest.mark.parametrize("kind, side, stop, before, at", CASES)
@pytest.mark.parametrize("limited", [False, True])
def test_a_stop_order_waits_for_its_price(alice, trade_at, kind, side, stop, before, at, limited):
    """It is neither on the book nor working until a trade reaches its price; then it acts as what it is."""
    trade_at("50000")
    more = {"price": "50000", "newOrderRespType": "RESULT"} if limited else {}
    kind = f"{kind}_LIMIT" if limited else kind
    placed = alice.place(side, kind, quantity="1", stopPrice=stop, **more)
    if limited:
        assert (placed["status"], placed["workingTime"]) == ("NEW", -1)
    trade_at(before)
    status = alice.status(placed)
    assert (status["status"], status["isWorking"], status["workingTime"]) == ("NEW", False, -1)
    assert alice.story == [("NEW", "NEW")]
    assert not alice.reports[0]["w"]
    assert "W" not in alice.reports[0]
    trade_at(at)
    status = alice.status(placed)
    assert status["isWorking"]
    assert status["stopPrice"] == f"{stop}.00000000"
    assert alice.reports[1]["x"] == "NEW"
    assert alice.reports[1]["w"]
    if limited:
        assert status["status"] == "NEW"
    else:
        assert alice.story[1:] == [("NEW", "NEW"), ("EXPIRED", "EXPIRED")]
        assert alice.reports[-1]["eR"] == "INSUFFICIENT_LIQUIDITY"


@pytest.mark.parametrize("kind, side, stop, before, at", CASES)
def test_a_stop_that_is_already_reached_is_refused(alice, trade_at, refused, kind, side, stop, before, at):
    """An order whose condition holds at once is not accepted."""
    trade_at(at)
    with refused(-2010, "Order would trigger immediately."):
        alice.place(side, kind, quantity="1", stopPrice=stop)
    assert alice.events == []
    assert alice.balance("USDT")[1] == alice.balance("BTC")[1] == 0


def test_what_a_stop_order_may_cost_is_locked(alice):
    """A limit reserves at its price, a market stop at its stop price, a sale its quantity."""
    alice.place("BUY", "STOP_LOSS_LIMIT", quantity="1", price="52000", stopPrice="51000")
    assert alice.balance("USDT")[1] == 52000
    alice.place("BUY", "STOP_LOSS", quantity="1", stopPrice="51000")
    assert alice.balance("USDT")[1] == 103000
    alice.place("SELL", "TAKE_PROFIT", quantity="3", stopPrice="51000")
    assert alice.balance("BTC")[1] == 3


def test_a_triggered_market_stop_sells(alice, bob, trade_at):
    """A stop loss sells at what the book offers, and frees what it had locked."""
    placed = alice.place("SELL", "STOP_LOSS", quantity="2", stopPrice="49000")
    bob.buy("5", "48500")
    trade_at("49000")
    status = alice.status(placed)
    assert (status["status"], status["cummulativeQuoteQty"]) == ("FILLED", "97000.00000000")
    assert alice.balance("BTC") == (D(8), D(0))


def test_a_triggered_market_stop_buys_no_more_than_it_can_pay(trader, bob, trade_at):
    """Where the book has become dearer than the account is rich, the rest expires."""
    alice = trader(USDT="51000")
    placed = alice.place("BUY", "STOP_LOSS", quantity="1", stopPrice="51000")
    bob.sell("5", "102000")
    trade_at("51000")
    status = alice.status(placed)
    assert (status["status"], status["executedQty"], status["expiryReason"]) == ("EXPIRED", "0.50000000", "REJECTED")
    assert alice.balance("USDT") == (D(0), D(0))


def test_stops_trigger_stops(alice, bob, trader, trade_at):
    """The trades of one triggered order trigger the next, in one go."""
    carol = trader(BTC="5")
    first = alice.place("SELL", "STOP_LOSS", quantity="1", stopPrice="49000")
    second = carol.place("SELL", "STOP_LOSS", quantity="1", stopPrice="47000")
    bob.buy("1", "46000")
    bob.buy("1", "45000")
    trade_at("49000")
    assert alice.status(first)["cummulativeQuoteQty"] == "46000.00000000"
    assert carol.status(second)["cummulativeQuoteQty"] == "45000.00000000"


def test_a_sweep_triggers_by_every_price_it_touched(alice, bob, trader):
    """A trade in the middle of a sweep counts, not only the last one."""
    carol = trader(USDT="1000000")
    alice.sell("1", "50000")
    alice.sell("1", "52000")
    placed = carol.place("BUY", "TAKE_PROFIT_LIMIT", quantity="1", price="10000", stopPrice="50000")
    bob.market("BUY", quantity="2")
    assert carol.status(placed)["isWorking"]


def test_stops_that_trigger_together_act_by_age(alice, bob, trader, trade_at):
    """Of two stop orders with one price, the older one gets the better price."""
    carol = trader(BTC="5")
    older = carol.place("SELL", "STOP_LOSS", quantity="1", stopPrice="49000")
    younger = alice.place("SELL", "STOP_LOSS", quantity="1", stopPrice="49000")
    bob.buy("1", "48000")
    bob.buy("1", "47000")
    trade_at("49000")
    assert carol.status(older)["cummulativeQuoteQty"] == "48000.00000000"
    assert alice.status(younger)["cummulativeQuoteQty"] == "47000.00000000"


def test_a_waiting_stop_can_be_cancelled(alice, trade_at):
    """A cancelled stop frees its reserve and is never triggered."""
    placed = alice.place("SELL", "STOP_LOSS", quantity="1", stopPrice="49000")
    assert alice.cancel(placed)["stopPrice"] == "49000.00000000"
    trade_at("48000")
    assert alice.story == [("NEW", "NEW"), ("CANCELED", "CANCELED")]
    assert alice.balance("BTC") == (D(10), D(0))
