"""Order types that act at once: what is traded, what is left, what it costs."""

from decimal import Decimal

import pytest

D = Decimal


def fills(placed):
    return [(D(fill["price"]), D(fill["qty"])) for fill in placed["fills"]]


def test_a_limit_order_waits_with_its_funds_locked(alice):
    """An order that meets nobody is NEW, and what it may cost is locked."""
    placed = alice.buy("0.5", "50000")
    assert placed["status"] == "NEW"
    assert placed["fills"] == []
    assert alice.balance("USDT") == (D(975000), D(25000))
    placed = alice.sell("2", "60000")
    assert alice.balance("BTC") == (D(8), D(2))


def test_the_makers_price_counts(alice, bob):
    """A buyer who would have paid more pays the resting price, and gets the rest of its reserve back."""
    alice.sell("1", "50000")
    placed = bob.buy("1", "51000")
    assert placed["status"] == "FILLED"
    assert fills(placed) == [(D(50000), D(1))]
    assert bob.balance("USDT") == (D(950000), D(0))
    assert bob.balance("BTC") == (D("10.999"), D(0))
    assert alice.balance("USDT") == (D(1049950), D(0))
    assert alice.balance("BTC") == (D(9), D(0))


def test_the_rest_of_a_limit_order_goes_on_the_book(alice, bob):
    """What found no counterpart waits, with just enough locked."""
    alice.sell("1", "50000")
    placed = bob.buy("3", "50000")
    assert (placed["status"], placed["executedQty"], placed["cummulativeQuoteQty"]) == (
        "PARTIALLY_FILLED",
        "1.00000000",
        "50000.00000000",
    )
    assert bob.balance("USDT") == (D(850000), D(100000))
    assert alice.sell("2", "50000")["status"] == "FILLED"
    assert bob.status(placed)["status"] == "FILLED"
    assert bob.balance("USDT") == (D(850000), D(0))


def test_commission_is_taken_from_what_is_received_and_rounded_down(trader, exchange):
    """Maker and taker pay in the asset they get, never a digit too much, and the exchange keeps it."""
    maker, taker = trader(commission="0.0015", BTC="1"), trader(commission="0.00075", USDT="100")
    maker.sell("0.00033", "33333.33")
    placed = taker.market("BUY", quantity="0.00033")
    (fill,) = placed["fills"]
    assert fill == {
        "price": "33333.33000000",
        "qty": "0.00033000",
        "commission": "0.00000024",
        "commissionAsset": "BTC",
        "tradeId": 1,
    }
    # 0.00033 * 33333.33 = 10.9999989; 0.15 % of it is 0.01649999835.
    assert maker.balance("USDT")[0] == D("10.9999989") - D("0.01649999")
    assert exchange.supply() == {"BTC": D(1), "USDT": D(100)}


@pytest.mark.parametrize("time_in_force, status, traded, reason", [
    ("GTC", "PARTIALLY_FILLED", "1.00000000", None),
    ("IOC", "EXPIRED", "1.00000000", "UNFILLED_IOC_QUANTITY_EXPIRED"),
    ("FOK", "EXPIRED", "0.00000000", "UNFILLED_FOK_ORDER_EXPIRED"),
])  # fmt: skip
def test_time_in_force_decides_about_the_rest(alice, bob, time_in_force, status, traded, reason):
    """GTC waits, IOC takes what there is, FOK takes all or nothing."""
    alice.sell("1", "50000")
    placed = bob.buy("2", "50000", timeInForce=time_in_force)
    assert (placed["status"], placed["executedQty"]) == (status, traded)
    assert placed.get("expiryReason") == reason
    assert bob.reports[-1].get("eR") == reason
    assert bob.balance("USDT")[1] == (D(50000) if status == "PARTIALLY_FILLED" else 0)


def test_fill_or_kill_fills(alice, bob):
    """FOK with enough on the book is filled, over several prices."""
    alice.sell("1", "50000")
    alice.sell("1", "50001")
    placed = bob.buy("2", "50001", timeInForce="FOK")
    assert placed["status"] == "FILLED"
    assert fills(placed) == [(D(50000), D(1)), (D(50001), D(1))]


def test_a_post_only_order_never_takes(alice, bob, refused):
    """LIMIT_MAKER is refused where it would trade, and rests where it would not."""
    alice.sell("1", "50000")
    with refused(-2010, "Order would immediately match and take."):
        bob.place("BUY", "LIMIT_MAKER", quantity="1", price="50000")
    assert bob.events == []
    placed = bob.place("BUY", "LIMIT_MAKER", quantity="1", price="49999.99", newOrderRespType="RESULT")
    assert placed["status"] == "NEW"


def test_a_market_order_walks_the_book(alice, bob):
    """A market order takes price after price."""
    alice.sell("1", "50000")
    alice.sell("1", "50010")
    placed = bob.market("BUY", quantity="1.5")
    assert (placed["status"], placed["price"], placed["cummulativeQuoteQty"]) == (
        "FILLED",
        "0.00000000",
        "75005.00000000",
    )
    assert fills(placed) == [(D(50000), D(1)), (D(50010), D("0.5"))]


def test_a_market_order_without_counterpart_expires(alice, bob):
    """What the book cannot serve expires: all of it, or what is left."""
    placed = alice.market("SELL", quantity="1")
    assert (placed["status"], placed["executedQty"], placed["fills"]) == ("EXPIRED", "0.00000000", [])
    assert alice.story == [("NEW", "NEW"), ("EXPIRED", "EXPIRED")]
    assert alice.reports[-1]["eR"] == "INSUFFICIENT_LIQUIDITY"
    bob.buy("1", "50000")
    placed = alice.market("SELL", quantity="2")
    assert (placed["status"], placed["executedQty"]) == ("EXPIRED", "1.00000000")
    assert alice.balance("BTC") == (D(9), D(0))


def test_a_market_order_by_quote_quantity_buys_what_that_pays_for(alice, bob):
    """quoteOrderQty becomes a quantity, in whole steps, never above the amount."""
    alice.sell("0.001", "50000")
    alice.sell("1", "60000")
    placed = bob.market("BUY", quoteOrderQty="100")
    assert placed["status"] == "FILLED"
    assert placed["origQty"] == placed["executedQty"] == "0.00183000"
    assert placed["cummulativeQuoteQty"] == "99.80000000"
    assert placed["origQuoteOrderQty"] == "100.00000000"
    assert {report["Q"] for report in bob.reports} == {"100.00000000"}


def test_a_market_order_by_quote_quantity_sells_for_at_most_that(alice, bob):
    """Selling by quoteOrderQty brings at most that amount, before commission."""
    bob.buy("1", "50000")
    placed = alice.market("SELL", quoteOrderQty="10000")
    assert placed["executedQty"] == "0.20000000"
    assert alice.balance("USDT")[0] == D(1000000) + D(9990)


def test_a_quote_quantity_needs_a_book(alice, bob, refused):
    """Without a counterpart, or with too little of one, there is no quantity to be had."""
    with refused(-2010, "Order book liquidity is less than symbol minimum quantity."):
        alice.market("BUY", quoteOrderQty="100")
    bob.sell("1", "1000000")
    with refused(-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity."):
        alice.market("BUY", quoteOrderQty="5")


@pytest.mark.parametrize("order", [
    {"side": "BUY", "quantity": "1", "price": "1000000.00"},
    {"side": "SELL", "quantity": "10.00001", "price": "50000"},
    {"side": "BUY", "kind": "LIMIT_MAKER", "quantity": "2", "price": "599999.99"},
    {"side": "BUY", "kind": "MARKET", "quantity": "2"},
    {"side": "BUY", "kind": "MARKET", "quoteOrderQty": "999999.01"},
    {"side": "SELL", "kind": "MARKET", "quantity": "10.1"},
    {"side": "SELL", "kind": "STOP_LOSS", "quantity": "10.1", "stopPrice": "40000"},
    {"side": "BUY", "kind": "STOP_LOSS_LIMIT", "quantity": "1", "price": "1000000", "stopPrice": "900000"},
])  # fmt: skip
def test_what_cannot_be_paid_is_refused(trader, refused, order):
    """Without the funds nothing happens at all."""
    poor, other = trader(BTC="10", USDT="999999"), trader(BTC="10", USDT="1000000")
    other.sell("3", "600000")
    with refused(-2010, "Account has insufficient balance for requested action."):
        poor.place(**order)
    assert poor.events == []
    assert poor.balance("USDT") == (D(999999), D(0))
    assert poor.balance("BTC") == (D(10), D(0))


def test_equal_prices_are_served_by_age(trader, bob):
    """Time priority holds across accounts, and survives a partial fill."""
    first, second = trader(BTC="1"), trader(BTC="1")
    early, late = first.sell("1", "50000"), second.sell("1", "50000")
    bob.buy("0.4", "50000")
    bob.buy("0.7", "50000")
    assert first.status(early)["executedQty"] == "1.00000000"
    assert second.status(late)["executedQty"] == "0.10000000"


def test_cancelling_gives_back_what_is_locked(alice, bob, refused):
    """A cancelled order, also a partly filled one, frees its reserve and is gone from the book."""
    placed = alice.sell("2", "50000")
    bob.buy("0.5", "50000")
    answer = alice.cancel(placed, newClientOrderId="away")
    assert (answer["status"], answer["executedQty"]) == ("CANCELED", "0.50000000")
    assert (answer["clientOrderId"], answer["origClientOrderId"]) == ("away", placed["clientOrderId"])
    assert alice.balance("BTC") == (D("9.5"), D(0))
    assert bob.market("BUY", quantity="1")["status"] == "EXPIRED"
    with refused(-2011, "Unknown order sent."):
        alice.cancel(placed)


def test_cancelling_all_leaves_other_symbols_alone(alice, refused):
    """openOrders.cancelAll ends the orders of its symbol, oldest first, stop orders included."""
    first = alice.buy("1", "40000")
    second = alice.place("BUY", "STOP_LOSS_LIMIT", quantity="1", price="70000", stopPrice="60000")
    other = alice.buy("1", "2000", symbol="ETHUSDT")
    answers = alice.exchange.cancel_all_orders(alice.account, {"symbol": "BTCUSDT"})
    assert [answer["orderId"] for answer in answers] == [first["orderId"], second["orderId"]]
    assert {answer["status"] for answer in answers} == {"CANCELED"}
    assert alice.status(other)["status"] == "NEW"
    with refused(-2011, "Unknown order sent."):
        alice.exchange.cancel_all_orders(alice.account, {"symbol": "BTCUSDT"})


def test_cancel_restrictions(alice, bob, refused):
    """An order may be cancelled on condition that it is untouched, or that it is not."""
    placed = alice.sell("2", "50000")
    message = "Order was not canceled due to cancel restrictions."
    with refused(-2011, message):
        alice.cancel(placed, cancelRestrictions="ONLY_PARTIALLY_FILLED")
    bob.buy("1", "50000")
    with refused(-2011, message):
        alice.cancel(placed, cancelRestrictions="ONLY_NEW")
    with refused(-1145, "cancelRestrictions has to be either ONLY_NEW or ONLY_PARTIALLY_FILLED."):
        alice.cancel(placed, cancelRestrictions="ALWAYS")
    assert alice.cancel(placed, cancelRestrictions="ONLY_PARTIALLY_FILLED")["status"] == "CANCELED"


def test_a_client_order_id_is_unique_among_open_orders(alice, refused):
    """It may be used again once the order has ended, and then names the later one."""
    first = alice.buy("1", "40000", newClientOrderId="mine")
    with refused(-2010, "Duplicate order sent."):
        alice.buy("1", "41000", newClientOrderId="mine")
    alice.cancel(first)
    second = alice.buy("1", "42000", newClientOrderId="mine")
    found = alice.exchange.order_status(alice.account, {"symbol": "BTCUSDT", "origClientOrderId": "mine"})
    assert found["orderId"] == second["orderId"]


def test_a_test_order_does_nothing(alice, refused):
    """order.test holds the order against the rules, but not against the account, and changes nothing."""
    assert alice.place("BUY", "MARKET", quantity="900", test=True) == {}
    rates = alice.place("BUY", "MARKET", quantity="900", test=True, computeCommissionRates=True)
    assert rates["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00100000"}
    with refused(-1013, "Filter failure: LOT_SIZE"):
        alice.place("BUY", "MARKET", quantity="0.000001", test=True)
    assert alice.events == []


def test_a_symbol_need_not_be_ascii(trader):
    """Symbols and assets are any text."""
    maker, taker = trader(**{"１２３": "10"}), trader(**{"４５６": "1000"})
    maker.sell("4", "2.5", symbol="１２３４５６")
    assert taker.market("BUY", quantity="4", symbol="１２３４５６")["status"] == "FILLED"
    assert maker.balance("４５６") == (D("9.99"), D(0))
