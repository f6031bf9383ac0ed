"""What is published about orders and balances, and in which order."""

import pytest

ALWAYS = set("eEscSofqpPFgCxXrilzLnNTtIwmMOZYQV")
NOW = 1_700_000_000_000


def kinds(trader):
    return [event["e"] for event in trader.events]


def test_a_resting_order_is_reported_with_its_funds(alice):
    """NEW comes first, then the balances it locked."""
    placed = alice.buy("0.5", "50000", newClientOrderId="mine", strategyId=7, strategyType=1000000)
    report, position = alice.events
    assert report == {
        "e": "executionReport",
        "E": NOW,
        "s": "BTCUSDT",
        "c": "mine",
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "0.50000000",
        "p": "50000.00000000",
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": "",
        "x": "NEW",
        "X": "NEW",
        "r": "NONE",
        "i": placed["orderId"],
        "l": "0.00000000",
        "z": "0.00000000",
        "L": "0.00000000",
        "n": "0",
        "N": None,
        "T": NOW,
        "t": -1,
        "I": 1,
        "w": True,
        "m": False,
        "M": False,
        "O": NOW,
        "Z": "0.00000000",
        "Y": "0.00000000",
        "Q": "0.00000000",
        "W": NOW,
        "V": "NONE",
        "j": 7,
        "J": 1000000,
    }
    assert position == {
        "e": "outboundAccountPosition",
        "E": NOW,
        "u": NOW,
        "B": [{"a": "USDT", "f": "975000.00000000", "l": "25000.00000000"}],
    }


def test_both_sides_hear_of_a_trade(alice, bob, clock):
    """Each trade is reported to both, followed by what it did to their balances."""
    alice.sell("1", "50000")
    clock.advance(2)
    bob.buy("0.4", "50000")
    maker, taker = alice.reports[-1], bob.reports[-1]
    assert kinds(alice) == ["executionReport", "outboundAccountPosition"] * 2
    assert kinds(bob) == ["executionReport", "outboundAccountPosition"] * 2
    assert bob.story == [("NEW", "NEW"), ("TRADE", "FILLED")]
    assert (maker["x"], maker["X"], maker["m"], maker["w"]) == ("TRADE", "PARTIALLY_FILLED", True, True)
    assert (taker["m"], taker["w"]) == (False, False)
    assert maker["t"] == taker["t"] == 1
    assert maker["l"] == maker["z"] == taker["l"] == "0.40000000"
    assert maker["L"] == "50000.00000000"
    assert maker["Y"] == maker["Z"] == "20000.00000000"
    assert (maker["n"], maker["N"]) == ("20.00000000", "USDT")
    assert (taker["n"], taker["N"]) == ("0.00040000", "BTC")
    assert (maker["O"], maker["W"], maker["T"], maker["E"]) == (NOW, NOW, NOW + 2000, NOW + 2000)
    assert alice.events[-1]["B"] == [
        {"a": "BTC", "f": "9.00000000", "l": "0.60000000"},
        {"a": "USDT", "f": "1019980.00000000", "l": "0.00000000"},
    ]


def test_a_market_order_has_no_position_before_it_trades(alice, bob):
    """A market order locks nothing, so NEW is followed by the trade at once."""
    alice.sell("1", "50000")
    bob.market("BUY", quantity="1")
    assert kinds(bob) == ["executionReport", "executionReport", "outboundAccountPosition"]


def test_a_position_lists_only_what_changed(alice):
    """An outboundAccountPosition names the assets that changed since the one before it, no others."""
    alice.buy("1", "40000")
    alice.sell("1", "60000")
    alice.buy("0.1", "0.05", symbol="ETHBTC")
    told = [[entry["a"] for entry in event["B"]] for event in alice.events if event["e"] == "outboundAccountPosition"]
    assert told == [["USDT"], ["BTC"], ["BTC"]]


def test_a_cancel_names_both_ids(alice):
    """``c`` is the cancellation's id and ``C`` the order's; everywhere else ``C`` is empty."""
    placed = alice.buy("1", "40000", newClientOrderId="mine")
    alice.cancel(placed, newClientOrderId="away")
    report, position = alice.events[-2:]
    assert (report["x"], report["X"], report["c"], report["C"], report["w"]) == (
        "CANCELED",
        "CANCELED",
        "away",
        "mine",
        False,
    )
    assert position["B"] == [{"a": "USDT", "f": "1000000.00000000", "l": "0.00000000"}]
    assert alice.reports[0]["C"] == ""
    assert alice.status(placed)["clientOrderId"] == "mine"


def test_execution_ids_are_unique_and_increase(alice, bob):
    """``I`` counts the executions of a symbol, whoever's they are."""
    for _ in range(3):
        alice.sell("1", "50000")
        bob.buy("1", "50000")
    ids = [report["I"] for report in alice.reports]
    assert ids == sorted(set(ids))
    assert not set(ids) & {report["I"] for report in bob.reports}
    alice.buy("1", "2000", symbol="ETHUSDT")
    assert alice.reports[-1]["I"] == 1


def test_cumulative_quantities_add_up(alice, bob):
    """``z`` and ``Z`` are the sums of ``l`` and ``Y`` so far."""
    for price in ("50000", "50001", "50002"):
        alice.sell("1", price)
    bob.buy("2.5", "50002")
    trades = [report for report in bob.reports if report["x"] == "TRADE"]
    assert [report["z"] for report in trades] == ["1.00000000", "2.00000000", "2.50000000"]
    assert [report["Z"] for report in trades] == ["50000.00000000", "100001.00000000", "125002.00000000"]
    assert [report["X"] for report in trades] == ["PARTIALLY_FILLED", "PARTIALLY_FILLED", "FILLED"]


def test_conditional_keys_are_there_only_when_they_apply(alice, bob):
    """An ordinary report has the 33 keys that are always there, and W once the order is working."""
    alice.sell("1", "50000")
    bob.market("BUY", quantity="2")
    alice.place("SELL", "STOP_LOSS", quantity="1", stopPrice="10000")
    always = {"e", *ALWAYS}
    assert [set(report) ^ always for report in bob.reports] == [{"W"}, {"W"}, {"W", "eR"}]
    assert set(alice.reports[-1]) == always


@pytest.mark.parametrize(
    "mode, alices, left",
    [
        ("NONE", [("NEW", "NEW"), ("TRADE", "FILLED"), ("TRADE", "PARTIALLY_FILLED")], ("PARTIALLY_FILLED", "FILLED")),
        ("EXPIRE_MAKER", [("TRADE_PREVENTION", "EXPIRED_IN_MATCH")], ("NEW", "EXPIRED_IN_MATCH")),
        ("EXPIRE_TAKER", [("TRADE_PREVENTION", "EXPIRED_IN_MATCH")], ("EXPIRED_IN_MATCH", "NEW")),
        ("EXPIRE_BOTH", [("TRADE_PREVENTION", "EXPIRED_IN_MATCH")] * 2, ("EXPIRED_IN_MATCH",) * 2),
    ],
)
def test_self_trade_prevention(alice, mode, alices, left):
    """The taker's mode says which of an account's two orders expires instead of trading."""
    maker = alice.sell("1", "50000")
    taker = alice.buy("3", "50000", selfTradePreventionMode=mode)
    assert alice.story[-len(alices) :] == alices
    assert (alice.status(taker)["status"], alice.status(maker)["status"]) == left
    assert taker["status"] == left[0]
    locked = sum(
        (1 if order["side"] == "SELL" else 50000) * float(order["origQty"]) - 50000 * float(order["executedQty"])
        for order in alice.exchange.open_orders(alice.account, {})
    )
    assert sum(map(float, alice.balance("BTC")[1:] + alice.balance("USDT")[1:])) == locked


def test_a_prevented_match_is_described(alice, bob):
    """The report and the answer say what was prevented, and with whom."""
    bob.sell("1", "49000")
    maker = alice.sell("1", "50000")
    taker = alice.buy("3", "50000", selfTradePreventionMode="EXPIRE_TAKER")
    report = alice.reports[-1]
    prevention = {name: report[name] for name in ("v", "A", "B", "U", "Cs", "pl", "pL", "pY", "V")}
    assert prevention == {
        "v": 1,
        "A": "2.00000000",
        "B": "2.00000000",
        "U": maker["orderId"],
        "Cs": "BTCUSDT",
        "pl": "1.00000000",
        "pL": "50000.00000000",
        "pY": "50000.00000000",
        "V": "EXPIRE_TAKER",
    }
    assert (taker["status"], taker["preventedQuantity"], taker["preventedMatchId"]) == (
        "EXPIRED_IN_MATCH",
        "2.00000000",
        1,
    )
    assert taker["preventedMatches"] == [
        {
            "preventedMatchId": 1,
            "makerOrderId": maker["orderId"],
            "price": "50000.00000000",
            "takerPreventedQuantity": "2.00000000",
        }
    ]
    assert alice.status(maker)["status"] == "NEW"
    assert alice.balance("USDT")[1] == 0


def test_a_market_order_by_quote_quantity_may_be_prevented(alice):
    """Prevention ends an order whose quantity came of the book, too."""
    alice.sell("1", "50000")
    taker = alice.market("BUY", quoteOrderQty="25000", selfTradePreventionMode="EXPIRE_BOTH")
    assert (taker["status"], taker["origQty"], taker["preventedQuantity"]) == (
        "EXPIRED_IN_MATCH",
        "0.50000000",
        "0.50000000",
    )
    assert alice.balance("BTC") == (10, 0)
