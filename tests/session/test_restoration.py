"""From answers to the events that were missed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binance_socket import DecodeError
from binance_socket._session.backfill import Findings
from binance_socket._session.restoration import restore
from binance_socket._session.told import MOST_LISTS, Told
from binance_socket._wire.events import decode_event

START = 1_000
SYMBOL = "BTCUSDT"
NOW = 2_000_000_000_000


def latest():
    """What time it is at the exchange, at most."""
    return NOW


def entry(number=1, status="NEW", at=5000, executed="0", quantity="1", **more):
    """An order as answers have it."""
    return {
        "symbol": SYMBOL,
        "orderId": number,
        "orderListId": -1,
        "clientOrderId": f"order {number}",
        "price": "10",
        "origQty": quantity,
        "executedQty": executed,
        "cummulativeQuoteQty": f"{Decimal(executed) * 10:f}",
        "status": status,
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0",
        "icebergQty": "0",
        "time": 4000,
        "updateTime": at,
        "isWorking": True,
        "workingTime": 4000,
        "origQuoteOrderQty": "0",
        "selfTradePreventionMode": "NONE",
        **more,
    }


def fill(number, order_id=1, quantity="0.1", at=5000):
    """A trade as answers have it."""
    return {
        "symbol": SYMBOL,
        "id": number,
        "orderId": order_id,
        "orderListId": -1,
        "price": "10",
        "qty": quantity,
        "quoteQty": f"{Decimal(quantity) * 10:f}",
        "commission": "0.01",
        "commissionAsset": "BNB",
        "time": at,
        "isBuyer": True,
        "isMaker": True,
        "isBestMatch": True,
    }


def report(number=1, execution="NEW", status="NEW", at=2000, trade=-1, executed="0", last="0", quantity="1", **more):
    """A live event."""
    return {
        "e": "executionReport",
        "E": at,
        "s": SYMBOL,
        "i": number,
        "x": execution,
        "X": status,
        "T": at,
        "t": trade,
        "z": executed,
        "Z": f"{Decimal(executed) * 10:f}",
        "l": last,
        "q": quantity,
        "c": f"order {number}",
        "C": "",
        **more,
    }


def findings(orders=(), trades=(), account=None, lists=()):
    found = Findings(account=account)
    found.orders.update({(each["symbol"], each["orderId"]): each for each in orders})
    found.trades.update({(each["symbol"], each["orderId"], each["id"]): each for each in trades})
    found.lists.update({each["orderListId"]: each for each in lists})
    return found


def order_list(number=7, status="EXECUTING", at=5000):
    return {
        "orderListId": number,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED",
        "symbol": SYMBOL,
        "listOrderStatus": status,
        "listClientOrderId": "list",
        "transactionTime": at,
        "orders": [{"symbol": SYMBOL, "orderId": 1, "clientOrderId": "order 1"}],
    }


def account(at=5000, **balances):
    return {
        "updateTime": at,
        "balances": [{"asset": asset, "free": free, "locked": "0"} for asset, free in balances.items()],
    }


def positions(at=2000, **balances):
    event = {"e": "outboundAccountPosition", "E": at, "u": at}
    return {**event, "B": [{"a": asset, "f": free, "l": "0"} for asset, free in balances.items()]}


@pytest.fixture
def told():
    """Order 1 was told to be new; then the gap began."""
    told = Told(latest)
    told.take(report())
    told.gap_opened()
    return told


def said(restored):
    """Return what events say of orders, in short."""
    return [
        (event["i"], event["x"], event["X"], event["t"], event["z"], event["l"])
        for event in restored.events
        if event["e"] == "executionReport"
    ]


def restored(told, found, held=(), last=False, until=10_000, earlier=None):
    done = restore(told, found, held, start=START, until=until, last=last, earlier=earlier)
    for event in done.events:
        decode_event(event)
        assert event["E"] <= 10_000
    # The same answers bring nothing new.
    again = restore(told, found, held, start=START, until=until, last=last, earlier=done)
    assert again.events == ()
    return done


@pytest.mark.parametrize("status", ["FILLED", "CANCELED"])
def test_a_trade_that_a_state_stood_for_is_not_told_by_the_next_gap(told, status):
    """The database showed the order, and not yet the trade, until the gap before was over."""
    order = entry(status=status, executed="0.5", quantity="0.5" if status == "FILLED" else "1")
    assert [event[4] for event in said(restored(told, findings([order]), last=True))] == ["0.5"]
    told.gap_closed(10_000)
    told.gap_opened()
    assert said(restored(told, findings([order], [fill(5, quantity="0.5")]), last=True)) == []


@pytest.mark.parametrize("missed", [False, True], ids=["closed", "an event was missed before it was closed"])
@pytest.mark.parametrize(
    "executed, trades, later",
    [
        ("0.5", [fill(5, quantity="0.5")], []),
        ("0.5", [fill(4, quantity="0.3", at=4900), fill(5, quantity="0.2")], []),
        ("0.9", [fill(5, quantity="0.5"), fill(6, quantity="0.4")], [(6, "0.9", "0.4")]),
        ("0.9", [fill(5, quantity="0.5"), fill(6, quantity="0.4", at=6000)], [(6, "0.9", "0.4")]),
        ("0.9", [fill(6, quantity="0.4", at=6000)], [(6, "0.9", "0.4")]),
    ],
    ids=["its trade", "its trades", "one more in the same instant", "one more", "one more alone"],
)
def test_a_partial_fill_that_a_state_stood_for_is_not_told_by_the_next_gap(told, executed, trades, later, missed):
    """The same of an order that is still open: only what was filled since is told, and how much that is in all."""
    order = entry(status="PARTIALLY_FILLED", executed="0.5")
    assert [event[4] for event in said(restored(told, findings([order]), last=True))] == ["0.5"]
    if missed:
        told.event_missed()
    told.gap_closed(10_000)
    told.gap_opened()
    order = entry(status="PARTIALLY_FILLED", executed=executed, at=trades[-1]["time"])
    done = restored(told, findings([order], trades), last=True)
    assert [event[3:] for event in said(done)] == later
    assert [Decimal(event["Z"]) for event in done.events] == [9] * len(later)


@pytest.mark.parametrize("before", ["0", "0.1"], ids=["the first ones", "not the first ones"])
@pytest.mark.parametrize(
    "moments, totals",
    [
        ((4800, 4900, 5100), ("0.2", "0.5", "0.6")),
        ((4900, 5000, 5000), ("0.2", "0.5", "0.6")),
        ((5000, 5000, 5000), ("0.2", "0.5", "0.6")),
        ((None, 4900, 5100), ("0.5", "0.6")),
        ((None, None, 5100), ("0.6",)),
        ((4800, 4900, None), ("0.2", "0.5")),
    ],
    ids=["before and after", "one in its instant", "all in its instant", "one is not found", "none is found", "before"],
)
def test_trades_that_an_event_before_the_gap_had_included(before, moments, totals):
    """A gap before this one had found out nothing. They are told now, and how much was filled with each."""
    told, before = Told(latest), Decimal(before)
    told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=4, executed=f"{before:f}") if before else report(1))
    told.take(report(1, "REPLACED", "PARTIALLY_FILLED", at=5000, executed=f"{before + Decimal('0.5'):f}"))
    told.gap_opened()
    sizes = zip((5, 6, 7), ("0.2", "0.3", "0.1"), moments, strict=True)
    trades = [fill(number, quantity=quantity, at=at) for number, quantity, at in sizes if at is not None]
    executed = before + (Decimal("0.5") if moments[-1] is None else Decimal("0.6"))
    order = entry(status="PARTIALLY_FILLED", executed=f"{executed:f}", at=moments[-1] or 5000)
    done = restored(told, findings([order], trades), last=True)
    assert [Decimal(event["z"]) - before for event in done.events] == [Decimal(total) for total in totals]
    assert [Decimal(event["Z"]) for event in done.events] == [Decimal(event["z"]) * 10 for event in done.events]
    assert told.order((SYMBOL, 1)).filled == order["executedQty"]


@pytest.mark.parametrize("is_first", [True, False], ids=["the first", "not the first"])
def test_a_trade_that_is_told_behind_what_came_live_is_not_told_by_a_later_gap(told, is_first):
    """What came live is that the order was made smaller since. Both gaps look as far back as the trade."""
    before = "0" if is_first else "0.1"
    if not is_first:
        told = Told(latest)
        told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=4, executed="0.1"))
        told.gap_opened()
    executed = f"{Decimal(before) + Decimal('0.5'):f}"
    told.take(report(1, "REPLACED", "PARTIALLY_FILLED", at=6000, executed=executed, quantity="0.9"))
    order = entry(status="PARTIALLY_FILLED", executed=executed, quantity="0.9", at=6000)
    found = findings([order], [fill(5, quantity="0.5")])
    assert [event[3:] for event in said(restored(told, found))] == [(5, executed, "0.5")]
    # In this gap, what was told before it began is known as before.
    earlier = fill(3 if is_first else 5, quantity="0.1", at=4999)
    assert [event[3] for event in said(restored(told, findings([order], [earlier])))] == [3] * is_first
    told.gap_closed(10_000)
    told.take(report(2, at=30_000))
    told.gap_opened()
    assert said(restored(told, found, last=True)) == []


@pytest.mark.parametrize("numbers", [(9,), (7, 9), (3, 4, 7, 9), (4, 9)], ids=str)
def test_amounts_run_on_from_trades_that_are_not_found(told, numbers):
    """They were told since the gap began, and are of too long ago, or the database does not show them yet."""
    for trade, executed in ((3, "0.1"), (4, "0.3"), (7, "0.6")):
        told.take(report(1, "TRADE", "PARTIALLY_FILLED", at=4500, trade=trade, executed=executed))
    quantities = {3: "0.1", 4: "0.2", 7: "0.3", 9: "0.4"}
    fills = [fill(number, quantity=quantities[number]) for number in numbers]
    done = restored(told, findings([entry(status="FILLED", executed="1", at=5000)], fills), last=True)
    assert said(done) == [(1, "TRADE", "FILLED", 9, "1.0", "0.4")]
    assert Decimal(done.events[0]["Z"]) == 10


def test_each_trade_and_then_what_became_of_the_order(told):
    """Cumulative amounts run on from what was told."""
    found = findings([entry(status="CANCELED", executed="0.3", at=6000)], [fill(5), fill(6, quantity="0.2", at=5500)])
    done = restored(told, found)
    assert said(done) == [
        (1, "TRADE", "PARTIALLY_FILLED", 5, "0.1", "0.1"),
        (1, "TRADE", "PARTIALLY_FILLED", 6, "0.3", "0.2"),
        (1, "CANCELED", "CANCELED", -1, "0.3", "0.00000000"),
    ]
    assert (done.orders, done.trades) == (1, 2)
    trade, cancellation = done.events[0], done.events[2]
    assert (trade["n"], trade["N"], trade["m"], trade["L"], trade["Y"], trade["Z"]) == (
        "0.01",
        "BNB",
        True,
        "10",
        "1.0",
        "1.0",
    )
    assert (trade["I"], trade["T"], trade["W"], trade["O"]) == (-1, 5000, 4000, 4000)
    assert (cancellation["C"], cancellation["w"]) == ("order 1", False)


def test_a_trade_with_oneself(told):
    """One trade, and two sides of it: each order has its own."""
    told.take(report(2))
    orders = [entry(1, "PARTIALLY_FILLED", executed="0.1"), entry(2, "PARTIALLY_FILLED", executed="0.1")]
    done = restored(told, findings(orders, [fill(5, 1), fill(5, 2)]))
    assert sorted(said(done)) == [(number, "TRADE", "PARTIALLY_FILLED", 5, "0.1", "0.1") for number in (1, 2)]


def test_the_last_trade_fills_the_order(told):
    """Then nothing more has to be said of it."""
    done = restored(
        told, findings([entry(status="FILLED", executed="1")], [fill(5, quantity="0.4"), fill(6, quantity="0.6")])
    )
    assert [each[2] for each in said(done)] == ["PARTIALLY_FILLED", "FILLED"]
    assert (done.orders, done.trades) == (0, 2)


def test_an_order_that_was_filled_and_does_not_say_how_large_it_was(told):
    """It is as large as what was filled of it, so that the last of its trades fills it, and no other."""
    order = entry(status="FILLED", executed="1")
    del order["origQty"]
    done = restored(told, findings([order], [fill(5, quantity="0.4"), fill(6, quantity="0.6")]))
    assert [each[2] for each in said(done)] == ["PARTIALLY_FILLED", "FILLED"]


def test_what_was_told_is_not_told_again(told):
    """Not the trades up to the gap, nor those that came live since."""
    told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade=6, executed="0.2", last="0.1", at=5500))
    found = findings([entry(status="PARTIALLY_FILLED", executed="0.2", at=5500)], [fill(5), fill(6, at=5500)])
    assert said(restored(told, found)) == [(1, "TRADE", "PARTIALLY_FILLED", 5, "0.1", "0.1")]


def test_what_waits_is_left_to_itself(told):
    """A held event tells more than what is made of answers; what happened after it is on its way, too."""
    held = [report(execution="TRADE", status="PARTIALLY_FILLED", trade=6, executed="0.2", last="0.1", at=5500)]
    found = findings(
        [entry(status="FILLED", executed="1")], [fill(5), fill(6, at=5500), fill(7, quantity="0.8", at=5500)]
    )
    assert said(restored(told, found, held)) == [(1, "TRADE", "PARTIALLY_FILLED", 5, "0.1", "0.1")]


def test_what_waits_may_have_its_trade_as_text(told):
    """Then that trade is left to it all the same, and known afterwards."""
    held = [report(execution="TRADE", status="FILLED", trade="6", executed="1", last="0.9", at=5500)]
    found = findings([entry(status="FILLED", executed="1")], [fill(5), fill(6, quantity="0.9", at=5500)])
    assert said(restored(told, found, held)) == [(1, "TRADE", "PARTIALLY_FILLED", 5, "0.1", "0.1")]
    assert told.take(held[0])
    assert said(restored(told, found, last=True)) == []


def test_what_happened_after_what_waits_comes_by_itself(told):
    """Whichever order it happened to: what is told first would be of later than what waits. If not, it is told late."""
    told.take(report(2))
    held = [report(2, "TRADE", "PARTIALLY_FILLED", trade=8, executed="0.3", last="0.3", at=5020), report(3, at=5030)]
    orders = [entry(1, "FILLED", executed="1", at=5040), entry(4, at=5021), entry(5, at=5020)]
    found = findings(orders, [fill(9, quantity="0.6", at=5010), fill(10, quantity="0.4", at=5040)])
    first = restored(told, found, held)
    assert said(first) == [
        (1, "TRADE", "PARTIALLY_FILLED", 9, "0.6", "0.6"),
        (5, "NEW", "NEW", -1, "0", "0.00000000"),
    ]
    assert set(first.put_off) == {(SYMBOL, 1), (SYMBOL, 4)}
    for event in (*held, report(1, "TRADE", "FILLED", trade=10, executed="1", last="0.4", at=5040)):
        assert told.take(event)
    second = restored(told, findings(trades=found.trades.values()), earlier=first)
    assert (said(second), second.put_off) == ([(4, "NEW", "NEW", -1, "0", "0.00000000")], {})


@pytest.mark.parametrize("moment, last", [(None, False), (5, True)], ids=["it does not say", "nobody asks again"])
def test_what_waits_puts_nothing_off(told, moment, last):
    """Where it does not say when it happened, or there is no later round."""
    found = findings([entry(1, "CANCELED", at=5040)])
    done = restored(told, found, [report(2, T=moment)], last=last)
    assert [each[1] for each in said(done)] == ["CANCELED"]


def test_an_order_that_waits_to_be_told_of(told):
    """Its first event is the order itself, so that none of its trades was missed."""
    held = [report(2, at=5000), {"e": "executionReport", "i": None}]
    assert said(restored(told, findings([entry(2, "FILLED", executed="0.1")], [fill(5, 2, at=5001)]), held)) == []
    held = [report(2, z="0.1", at=5001)]
    assert said(restored(told, findings([entry(2, "FILLED", executed="0.1")], [fill(5, 2, at=5001)]), held)) != []


@pytest.mark.parametrize(
    "status, execution",
    [
        ("CANCELED", "CANCELED"),
        ("REJECTED", "REJECTED"),
        ("EXPIRED", "EXPIRED"),
        ("EXPIRED_IN_MATCH", "TRADE_PREVENTION"),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_ends_of_orders(told, status, execution, number):
    """Of those that were known, and of those that were not."""
    assert said(restored(told, findings([entry(number, status)])))[0][1:3] == (execution, status)


def test_new_orders(told):
    """Are told of; those that were new before the time in question are not, and those that were told of are not."""
    found = findings([entry(1), entry(2), entry(3, at=START - 1)])
    assert said(restored(told, found)) == [(2, "NEW", "NEW", -1, "0", "0.00000000")]


def test_a_pending_order_that_works_now():
    """Its working order was filled."""
    told = Told(latest)
    told.take(report(1, "NEW", "PENDING_NEW"))
    told.gap_opened()
    assert said(restored(told, findings([entry(1, "PENDING_NEW")]))) == []
    assert [each[1:3] for each in said(restored(told, findings([entry(1, "NEW")])))] == [("NEW", "NEW")]


def test_an_amended_order(told):
    """Has another quantity than was told; and perhaps another name."""
    done = restored(told, findings([entry(1, quantity="0.7", clientOrderId="renamed")]))
    assert said(done)[0][1:3] == ("REPLACED", "NEW")
    assert (done.events[0]["q"], done.events[0]["c"], done.events[0]["C"]) == ("0.7", "renamed", "order 1")
    nameless = Told(latest)
    nameless.take(report(c=None))
    nameless.gap_opened()
    assert restored(nameless, findings([entry(1, quantity="0.7")])).events[0]["C"] == ""


def test_an_order_without_a_quantity_is_not_amended(told):
    """Orders that are pending may have none yet."""
    order = entry(1)
    del order["origQty"], order["workingTime"]
    assert said(restored(told, findings([order]))) == []
    new = entry(2, "PENDING_NEW")
    del new["origQty"], new["workingTime"]
    event = restored(told, findings([new])).events[0]
    assert (event["q"], "W" in event) == ("0.00000000", False)


def test_trades_that_do_not_show_yet(told):
    """They are waited for; in the last round the order is told without them, and they are not told after that."""
    found = findings([entry(status="FILLED", executed="1")], [fill(5)])
    assert said(restored(told, found)) == [(1, "TRADE", "PARTIALLY_FILLED", 5, "0.1", "0.1")]
    done = restored(told, found, last=True)
    assert said(done) == [(1, "TRADE", "FILLED", -1, "1", "0.9")]
    assert (done.orders, done.trades) == (1, 0)
    assert not told.take(report(execution="TRADE", status="FILLED", trade=6, executed="1", last="0.9"))


def test_a_fill_that_only_the_first_answers_knew(told):
    """Memory told of it; the database is behind until the end, and takes nothing back."""
    order = entry(status="PARTIALLY_FILLED", executed="0.4")
    first = restored(told, findings([order]))
    assert (said(first), first.put_off) == ([], {(SYMBOL, 1): order})
    second = restored(told, findings([entry(at=4000)]), earlier=first)
    assert (said(second), second.put_off) == ([], {(SYMBOL, 1): order})
    # What is answered later counts where it is of later.
    newer = entry(status="PARTIALLY_FILLED", executed="0.5", at=6000)
    assert restored(told, findings([newer]), earlier=second).put_off == {(SYMBOL, 1): newer}
    third = restored(told, findings(), earlier=second, last=True)
    assert said(third) == [(1, "TRADE", "PARTIALLY_FILLED", -1, "0.4", "0.4")]
    assert (third.put_off, third.orders) == ({}, 1)


def test_trades_that_turn_up_for_an_order_that_only_the_first_answers_knew(told):
    """They are told, and nothing more."""
    first = restored(told, findings([entry(status="FILLED", executed="1")]))
    done = restored(told, findings([], [fill(5, quantity="1")]), earlier=first, last=True)
    assert said(done) == [(1, "TRADE", "FILLED", 5, "1", "1")]


def test_a_partial_fill_without_its_trade(told):
    """The same for an order that is still open."""
    found = findings([entry(status="PARTIALLY_FILLED", executed="0.4")])
    assert said(restored(told, found)) == []
    assert said(restored(told, found, last=True)) == [(1, "TRADE", "PARTIALLY_FILLED", -1, "0.4", "0.4")]


def test_an_order_that_became_full_by_being_made_smaller(told):
    """Its last trade was partial when it happened."""
    told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade=4, executed="0.5", last="0.5"))
    assert said(restored(told, findings([entry(status="FILLED", executed="0.5", quantity="0.5")]))) == [
        (1, "TRADE", "FILLED", -1, "0.5", "0.00000000")
    ]


def test_an_order_of_before_the_subscription(told):
    """What was filled before is known from what is filled now."""
    found = findings([entry(2, "PARTIALLY_FILLED", executed="0.5", time=START - 1)], [fill(5, 2)])
    done = restored(told, found)
    assert said(done) == [(2, "TRADE", "PARTIALLY_FILLED", 5, "0.5", "0.1")]
    assert done.events[0]["Z"] == "5.0"
    # An answer that is older than its trades says nothing of before.
    found = findings([entry(3, "NEW", executed="0", time=START - 1)], [fill(6, 3)])
    assert said(restored(told, found)) == [(3, "TRADE", "PARTIALLY_FILLED", 6, "0.1", "0.1")]


@pytest.mark.parametrize("status", ["PARTIALLY_FILLED", "FILLED"])
@pytest.mark.parametrize("before", ["0", "0.2"], ids=["nothing filled before", "something filled before"])
def test_an_order_of_before_the_subscription_whose_latest_trade_does_not_show_yet(told, status, before):
    """How much was filled before is not known then, nor are the balances: it is told once it shows."""
    trades = [fill(5, 2, quantity="0.3", at=4900), fill(6, 2, quantity="0.5")]
    executed = f"{Decimal(before) + Decimal('0.8'):f}"
    order, stale = entry(2, status, executed=executed, quantity=executed, time=START - 1), account(4900, BTC="1")
    first = restored(told, findings([order], trades[:1], account=stale))
    assert (said(first), first.put_off, first.balances) == ([], {(SYMBOL, 2): order}, False)
    second = restored(told, findings(trades=trades, account=account(BTC="2")), earlier=first)
    assert [(event[2], event[3], Decimal(event[4])) for event in said(second)] == [
        ("PARTIALLY_FILLED", 5, Decimal(before) + Decimal("0.3")),
        (status, 6, Decimal(executed)),
    ]
    assert (second.put_off, second.balances) == ({}, True)


@pytest.mark.parametrize(
    "status, execution, last",
    [("FILLED", "TRADE", "1"), ("PARTIALLY_FILLED", "NEW", "0.00000000")],
    ids=["filled", "changed in some way"],
)
@pytest.mark.parametrize("created", [START - 1, None])
def test_an_order_of_before_the_subscription_whose_trade_does_not_show_at_all(told, status, execution, last, created):
    """It is told in the end, and stands for the trade, should that show or come later; balances are of before it."""
    order, stale = entry(2, status, executed="1", quantity="2", time=created), account(4999, BTC="1")
    done = restored(told, findings([order], account=stale), last=True)
    assert said(done) == [(2, execution, status, -1, "1", last)]
    assert not done.balances
    assert not told.take(report(2, "TRADE", status, at=5000, trade=5, executed="1", last="1"))
    told.gap_closed(10_000)
    told.gap_opened()
    assert said(restored(told, findings([order], [fill(5, 2, quantity="1")]), last=True)) == []


def test_an_order_of_before_the_subscription_of_which_an_event_waits(told):
    """What happened up to then is told before it, whether or not all that it was filled by shows yet."""
    held = [report(2, "TRADE", "PARTIALLY_FILLED", at=5000, trade=6, executed="0.5", last="0.2", time=START - 1)]
    order = entry(2, "PARTIALLY_FILLED", executed="0.5", time=START - 1)
    first = restored(told, findings([order], [fill(5, 2, quantity="0.3", at=4900)]), held)
    assert [event[3] for event in said(first)] == [5]


def test_a_trade_of_an_order_that_nobody_knows(told):
    """Nothing can be said of it; the next round asks again."""
    assert said(restored(told, findings([], [fill(5, 2)]))) == []


def test_trades_of_before(told):
    """Are none of the gap's; nor are those of which it was forgotten what was told."""
    found = findings([entry(2, "FILLED", executed="0.1", at=START - 1)], [fill(5, 2, at=START - 1)])
    assert said(restored(told, found)) == []
    told.forgotten_at = 5000
    assert said(restored(told, findings([entry(2, "FILLED", executed="0.1", at=5000)], [fill(5, 2, at=5000)]))) == []


def told_before(known, forgotten_at=0):
    """Order 1 was known to be open long before the gap, by an event or by an answer to a gap before it; or was not."""
    told = Told(latest)
    told.gap_opened()
    if known == "told":
        told.take(report(at=500))
    elif known == "answered":
        told.note_answer((SYMBOL, 1), "NEW", 500)
    told.gap_closed(600)
    told.forgotten_at = forgotten_at
    told.gap_opened()
    return told


@pytest.mark.parametrize(
    "known, forgotten_at, at, is_told",
    [
        ("told", 0, 900, True),
        ("told", 0, 500, True),
        ("told", 0, 499, False),
        ("told", 950, 900, True),
        ("answered", 0, 900, True),
        ("answered", 0, 500, False),
        ("answered", 900, 900, False),
        ("unknown", 0, 900, False),
    ],
)
def test_the_end_of_an_order_that_a_gap_before_could_not_find_out(known, forgotten_at, at, is_told):
    """It is news whenever it was, where the order was known to be open before; and it is told once."""
    done = restored(told_before(known, forgotten_at), findings([entry(status="CANCELED", at=at, time=500)]))
    assert said(done) == ([(1, "CANCELED", "CANCELED", -1, "0", "0.00000000")] if is_told else [])
    assert [event["E"] for event in done.events] == [at] * is_told


def test_fills_that_a_gap_before_could_not_find_out():
    """Their trades are of too long ago to be found; balances of before them are not known."""
    told = told_before("told")
    order, stale = entry(status="FILLED", executed="1", at=900, time=500), account(899, BTC="1")
    first = restored(told, findings([order], account=stale))
    assert (said(first), first.put_off, first.balances) == ([], {(SYMBOL, 1): order}, False)
    done = restored(told, findings([order], account=stale), last=True, earlier=first)
    assert (said(done), done.balances) == ([(1, "TRADE", "FILLED", -1, "1", "1")], False)


def test_a_trade_of_an_order_that_is_remembered_although_others_were_forgotten():
    """What was told of this one is known: so is that the trade is news."""
    order = entry(status="FILLED", executed="1", time=500)
    done = restored(told_before("told", forgotten_at=6000), findings([order], [fill(5, quantity="1")]))
    assert said(done) == [(1, "TRADE", "FILLED", 5, "1", "1")]


def test_what_happened_later_comes_by_itself(told):
    """An answer may overtake the events that it tells of, on another connection."""
    found = findings([entry(1, "CANCELED", executed="0.1", at=6000)], [fill(5, at=5999)], lists=[order_list(at=6000)])
    assert restored(told, found, until=5998).events == ()
    assert said(restored(told, found, until=5999)) == [(1, "TRADE", "PARTIALLY_FILLED", 5, "0.1", "0.1")]
    done = restored(told, findings(account=account(6000, BTC="5")), until=5998)
    assert done.events[0]["B"] == [{"a": "BTC", "f": "5", "l": "0"}]
    assert told.take(positions(6000, BTC="5"))


def test_an_answer_that_is_behind(told):
    """What was told later is right."""
    told.take(report(1, "CANCELED", "CANCELED", at=7000))
    told.take(report(2, at=7000))
    assert said(restored(told, findings([entry(1, at=6000), entry(2, "CANCELED", at=6000)]))) == []


def test_everything_is_told_in_the_order_of_its_time(told):
    """Trades before states of the same time, orders before balances."""
    found = findings(
        [entry(1, "CANCELED", at=6000, executed="0.1"), entry(2, "NEW", at=4500)],
        [fill(9, at=6000)],
        account(6000, BTC="1"),
        [order_list(at=5000)],
    )
    done = restored(told, found)
    assert [(event["e"], event["E"]) for event in done.events] == [
        ("executionReport", 4500),
        ("listStatus", 5000),
        ("executionReport", 6000),
        ("executionReport", 6000),
        ("outboundAccountPosition", 6000),
    ]
    assert done.events[2]["t"] == 9


def test_fields_that_only_some_orders_have(told):
    """Are carried over under the events' names."""
    more = {"trailingDelta": 10, "trailingTime": 4000, "strategyId": 1, "strategyType": 2, "preventedMatchId": 3}
    more |= {"preventedQuantity": "0.1", "workingFloor": "SOR", "usedSor": True, "expiryReason": "NONE"}
    more |= {"pegPriceType": "MARKET_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 1, "peggedPrice": "9"}
    event = restored(told, findings([entry(2, **more)])).events[0]
    assert (event["d"], event["D"], event["j"], event["J"], event["v"], event["A"]) == (10, 4000, 1, 2, 3, "0.1")
    assert (event["k"], event["uS"], event["eR"], event["gP"], event["gOT"]) == (
        "SOR",
        True,
        "NONE",
        "MARKET_PEG",
        "PRICE_LEVEL",
    )
    assert (event["gOV"], event["gp"]) == (1, "9")


def test_order_lists(told):
    """Those that are open and were not known, and those that were open and are not any more."""
    told.take({"e": "listStatus", "E": 1, "g": 8, "L": "EXECUTING"})
    told.take({"e": "listStatus", "E": 1, "g": 9, "L": "EXECUTING"})
    held = [{"e": "listStatus", "E": 1, "g": 11, "L": "EXECUTING"}]
    found = findings(
        lists=[
            order_list(7),
            order_list(8, "ALL_DONE"),
            order_list(9),
            order_list(10, "ALL_DONE"),
            order_list(11),
            order_list(12, at=START - 1),
        ]
    )
    assert [(event["g"], event["L"], event["O"][0]["i"]) for event in restored(told, found, held).events] == [
        (7, "EXECUTING", 1),
        (8, "ALL_DONE", 1),
    ]


def test_an_order_list_that_began_and_ended_unheard(told):
    """Its orders tell that there was one; it is asked for in the next round, and told."""
    legs = [entry(number, "CANCELED", orderListId=7) for number in (11, 12)]
    first = restored(told, findings([*legs, entry(13)]))
    assert (len(first.events), first.unknown_lists) == (3, (7,))
    # Nobody answered.
    second = restored(told, findings(legs), earlier=first)
    assert (second.events, second.unknown_lists) == ((), (7,))
    third = restored(told, findings(legs, lists=[order_list(7, "ALL_DONE"), order_list(8, "ALL_DONE")]), earlier=second)
    assert [(event["e"], event["g"], event["L"]) for event in third.events] == [("listStatus", 7, "ALL_DONE")]
    assert third.unknown_lists == ()
    assert not told.take(third.events[0])


def test_an_order_list_that_was_told_before_it_was_answered(told):
    """It is told no second time."""
    first = restored(told, findings([entry(11, "CANCELED", orderListId=7)]))
    assert first.unknown_lists == (7,)
    told.take({"e": "listStatus", "E": 1, "g": 7, "L": "EXECUTING"})
    second = restored(told, findings(lists=[order_list(7)]), earlier=first)
    assert (second.events, second.unknown_lists) == ((), ())


def test_an_order_list_whose_end_was_told_before_it_was_answered(told):
    """The same."""
    first = restored(told, findings([entry(11, "CANCELED", orderListId=7)]))
    assert first.unknown_lists == (7,)
    assert told.take({"e": "listStatus", "E": 1, "g": 7, "L": "ALL_DONE", "T": 5000})
    second = restored(told, findings(lists=[order_list(7, "ALL_DONE")]), earlier=first)
    assert (second.events, second.unknown_lists) == ((), ())


def test_order_lists_that_are_known(told):
    """Whether they were told before, are open, or wait: nobody has to be asked what became of them."""
    told.take({"e": "listStatus", "E": 1, "g": 8, "L": "EXECUTING"})
    held = [{"e": "listStatus", "E": 1, "g": 9, "L": "ALL_DONE"}]
    orders = [entry(10 + number, "CANCELED", executed="0.1", orderListId=number) for number in (7, 8, 9)]
    found = findings(orders, [fill(number, 10 + number) for number in (7, 8, 9)], lists=[order_list(7)])
    assert restored(told, found, held).unknown_lists == ()
    strange = findings([entry(20, orderListId="7")])
    assert restore(told, strange, [], start=START, until=10_000, last=True).unknown_lists == ()
    # What nothing new was found out of is no reason to ask, either.
    assert restored(told, findings([entry(1, orderListId=6)])).unknown_lists == ()


def test_balances_that_have_changed(told):
    """And those that nobody had heard of, also if there are none of them: they may have been sold in the gap."""
    told.take(positions(BTC="1", ETH="2"))
    event = restored(told, findings(account=account(BTC="1", ETH="3", USDT="5", BNB="0"))).events[0]
    assert event["B"] == [
        {"a": asset, "f": free, "l": "0"} for asset, free in (("ETH", "3"), ("USDT", "5"), ("BNB", "0"))
    ]
    assert event["u"] == 5000
    assert not told.take(positions(4000, BTC="9"))


def test_balances_that_have_not(told):
    """Since the last that was told, or since the time in question."""
    told.take(positions(5000, BTC="1"))
    assert restored(told, findings(account=account(5000, BTC="1", ETH="3"))).events == ()
    assert restored(told, findings(account=account(4999, BTC="7"))).events == ()
    assert restored(told, findings(account=account(START - 1, BTC="7"))).events == ()
    assert [b["a"] for b in restored(told, findings(account=account(5000, BTC="2", ETH="3"))).events[0]["B"]] == ["BTC"]


def test_balances_that_have_not_changed_since_long_before(told):
    """They are known by that, and nothing of them was missed."""
    done = restored(told, findings(account=account(START - 1, BTC="7")))
    assert (done.events, done.balances) == ((), True)


@pytest.mark.parametrize(
    "told_at, unknown_from, at, changed",
    [
        (500, None, 900, ["BTC"]),
        (900, None, 900, ["BTC"]),
        (901, None, 900, []),
        (500, 800, 900, ["BTC", "ETH"]),
        (900, 800, 900, ["BTC", "ETH"]),
        (500, 901, 900, ["BTC"]),
    ],
)
def test_balances_that_a_gap_before_could_not_find_out(told, told_at, unknown_from, at, changed):
    """What differs from what was told is told, whenever it changed; of others it is news since they were not known."""
    told.take(positions(told_at, BTC="1"))
    found = findings(account=account(at, BTC="2", ETH="3"))
    done = restore(told, found, [], start=START, until=10_000, last=False, balances_from=unknown_from)
    assert [balance["a"] for event in done.events for balance in event["B"]] == changed
    assert [event["u"] for event in done.events] == [900] * bool(changed)
    assert done.balances is (told_at <= at)
    again = restore(told, found, [], start=START, until=10_000, last=True, balances_from=unknown_from, earlier=done)
    assert again.events == ()


def test_balances_that_wait(told):
    """Are told by themselves, and not covered by what is found out."""
    held = [positions(6000, BTC="5"), {"e": "outboundAccountPosition", "B": []}]
    done = restored(told, findings(account=account(6000, BTC="5", ETH="3")), held)
    assert done.events == ()
    done = restored(told, findings(account=account(7000, BTC="5", ETH="3")), held)
    assert [balance["a"] for balance in done.events[0]["B"]] == ["ETH"]
    assert told.take(held[0])


def test_balances_from_before_what_waits(told):
    """They say nothing of what the event that waits tells, but all that can be known of the others."""
    told.take(positions(2000, BTC="1", ETH="2"))
    held = [positions(6000, BTC="5")]
    done = restored(told, findings(account=account(5000, BTC="4", ETH="3")), held)
    assert [(balance["a"], balance["f"]) for balance in done.events[0]["B"]] == [("ETH", "3")]
    assert done.events[0]["u"] == 5000
    assert done.balances
    assert told.take(held[0])


@pytest.mark.parametrize(
    "answer, known",
    [(None, False), (account(4999, BTC="7"), False), (account(5000, BTC="1"), True), (account(6000, BTC="2"), True)],
    ids=["none", "before what was told", "the same", "later"],
)
def test_whether_balances_are_known(told, answer, known):
    """Not where the exchange's database is behind what has been told."""
    told.take(positions(5000, BTC="1"))
    assert restored(told, findings(account=answer)).balances is known


def test_balances_that_a_trade_disproves(told):
    """They are from before it: a database is behind. What is asked again is from after it, or they stay unknown."""
    told.take(positions(4000, BTC="1"))
    order = entry(status="PARTIALLY_FILLED", executed="0.1")
    stale = account(4000, BTC="1")
    first = restored(told, findings([order], account=stale))
    # An order that was filled says so, whether or not the trade shows yet.
    assert not first.balances
    second = restored(told, findings([order], [fill(5)], account=stale), earlier=first)
    assert (second.trades, second.balances) == (1, False)
    done = restored(told, findings(account=account(5000, BTC="2")), earlier=second)
    assert done.balances
    assert done.events[0]["B"] == [{"a": "BTC", "f": "2", "l": "0"}]


def test_balances_that_a_later_round_disproves(told):
    """Until then they were known; so they are where nothing does, whatever has come live."""
    found = findings([entry()], account=account(4500, BTC="1"))
    first = restored(told, found)
    told.take(positions(5500, BTC="3"))
    assert (first.balances, first.balances_as_of) == (True, 4500)
    assert restored(told, findings(), earlier=first).balances
    order = entry(status="PARTIALLY_FILLED", executed="0.1")
    second = restored(told, findings([order], [fill(5)]), earlier=first)
    assert not second.balances
    assert not restored(told, findings(), earlier=second, last=True).balances


def test_balances_of_before_a_fill_that_no_trade_tells(told):
    """The same where only the order says that it was filled."""
    order = entry(status="FILLED", executed="1")
    done = restored(told, findings([order], account=account(4999, BTC="1")), last=True)
    assert said(done) == [(1, "TRADE", "FILLED", -1, "1", "1")]
    assert not done.balances


@pytest.mark.parametrize("scale", [1, 1000])
def test_balances_never_go_back_in_time(told, scale):
    """What was changed after the gap is told as of its end, because events of before that change still come."""
    base = 0 if scale == 1 else 1_700_000_000_000
    told.take(positions((base + 3000) * scale, BTC="1"))
    found = findings(account=account((base + 9000) * scale, BTC="2", ETH="3"))

    def moment(held, until):
        done = restore(told, found, held, start=base + START, until=base + until, last=True)
        return {(event["E"], event["u"]) for event in done.events}

    assert moment([], 8000) == {((base + 8000) * scale,) * 2}
    held = [positions((base + at) * scale, BTC="5") for at in (8600, 8400)]
    found = findings(account=account((base + 9000) * scale, ETH="4"))
    assert moment(held, 8500) == {((base + 8400) * scale,) * 2}
    found = findings(account=account((base + 9000) * scale, ETH="5"))
    # Of what was told before it, the latest was from after that: two clocks do not agree.
    assert moment([], 8100) == {((base + 8400) * scale,) * 2}


def test_an_order_of_no_known_kind(told):
    """What cannot be decoded is refused by the decoder, as an event would be."""
    done = restore(told, findings([entry(2, side=None)]), [], start=START, until=10_000, last=True)
    with pytest.raises(DecodeError):
        decode_event(done.events[0])


# The whole, against a model: any history, cut anywhere, asked for at any time.


class Model:
    """An account with orders on one symbol; remembers what it was like after every event."""

    def __init__(self) -> None:
        self.events = []
        self.orders = {}
        self.trades = []
        self.snapshots = [({}, [])]

    def happen(self, number, what, quantity, pause):
        at = (self.events[-1]["T"] if self.events else 2000) + pause
        order = self.orders.get(number)
        if order is None:
            order = self.orders[number] = entry(number, at=at, quantity="1", time=at)
            self._tell(order, "NEW", at)
            return
        if order["status"] in ("FILLED", "CANCELED"):
            return
        left = Decimal(order["origQty"]) - Decimal(order["executedQty"])
        if what == "cancel":
            order["status"] = "CANCELED"
            self._tell(order, "CANCELED", at)
        elif what == "amend" and left > quantity:
            order["origQty"] = f"{Decimal(order['origQty']) - quantity:f}"
            self._tell(order, "REPLACED", at)
        elif what == "trade":
            quantity = min(quantity, left)
            self.trades.append(fill(len(self.trades) + 1, number, f"{quantity:f}", at))
            order["executedQty"] = f"{Decimal(order['executedQty']) + quantity:f}"
            order["cummulativeQuoteQty"] = f"{Decimal(order['executedQty']) * 10:f}"
            order["status"] = "FILLED" if quantity == left else "PARTIALLY_FILLED"
            self._tell(order, "TRADE", at, self.trades[-1])

    def _tell(self, order, execution, at, trade=None):
        order["updateTime"] = at
        more = {} if trade is None else {"trade": trade["id"], "last": trade["qty"]}
        executed, quantity = order["executedQty"], order["origQty"]
        self.events.append(
            report(order["orderId"], execution, order["status"], at, executed=executed, quantity=quantity, **more)
        )
        self.snapshots.append(({number: dict(each) for number, each in self.orders.items()}, list(self.trades)))

    def answer(self, place):
        orders, trades = self.snapshots[place]
        return findings(orders.values(), trades)


STEPS = st.tuples(
    st.integers(1, 3),
    st.sampled_from(["trade", "trade", "trade", "cancel", "amend"]),
    st.sampled_from([Decimal("0.1"), Decimal("0.3"), Decimal("1")]),
    st.integers(0, 2),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=25), st.data())
def test_any_history_cut_anywhere(steps, data):
    """
    Each trade is told once, each order is told to be what it is, and nothing goes back in time.

    Events are told up to a place, missed up to another; the answers are as of any third one, later or earlier; some of
    what comes after has come by then, and the rest does later. In the end the database has caught up.
    """
    model = Model()
    for step in steps:
        model.happen(*step)
    events, count = model.events, len(model.events)
    lost_at = data.draw(st.integers(0, count), "lost at")
    back_at = data.draw(st.integers(lost_at, count), "back at")
    held_until = data.draw(st.integers(back_at, count), "held until")
    # An answer is of after the subscription, or of a database that is behind.
    asked_at = data.draw(st.integers(lost_at, count), "asked at")
    # How far the clocks agree is not known exactly.
    until = (events[back_at - 1]["T"] if back_at else 0) + data.draw(st.integers(0, 3), "uncertainty")
    told, heard = Told(latest), []

    def live(some):
        heard.extend(event for event in some if told.take(event))

    live(events[:lost_at])
    told.gap_opened()
    held = events[back_at:held_until]
    heard.extend(restore(told, model.answer(asked_at), held, start=START, until=until, last=False).events)
    assert not held or all(event["T"] <= held[0]["T"] for event in heard)
    in_order = len(heard)
    live(held)
    live(events[held_until:])
    heard.extend(restore(told, model.answer(count), [], start=START, until=until, last=True).events)

    trades = [(event["i"], event["t"]) for event in heard if event["t"] >= 0]
    assert sorted(trades) == sorted((trade["orderId"], trade["id"]) for trade in model.trades)
    for number, order in model.orders.items():
        its = [event for event in heard if event["i"] == number]
        truth = {event["t"]: event["z"] for event in events if event["i"] == number and event["t"] >= 0}
        assert {event["t"]: event["z"] for event in its if event["t"] >= 0} == truth
        known = told.order((SYMBOL, number))
        assert (known.status, Decimal(known.filled)) == (order["status"], Decimal(order["executedQty"]))
        assert Decimal(known.quantity) == Decimal(order["origQty"])
        # In the first part nothing goes back.
        filled = [Decimal(event["z"]) for event in heard[:in_order] if event["i"] == number]
        assert filled == sorted(filled)
    assert all(event["t"] != -1 or event["x"] != "TRADE" or Decimal(event["l"]) == 0 for event in heard)


def test_what_happens_after_the_gap_comes_by_itself(told):
    """A trade is found out together with what became of its order later: the events of that are on their way."""
    order = entry(status="CANCELED", executed="0.1", at=9000)
    restored = restore(told, findings([order], [fill(5)]), [], start=START, until=6000, last=True)
    assert said(restored) == [(1, "TRADE", "PARTIALLY_FILLED", 5, "0.1", "0.1")]
    assert not told.take(report(at=4500))
    assert told.take(report(execution="REPLACED", status="PARTIALLY_FILLED", at=8000, executed="0.1", quantity="0.5"))
    assert told.take(report(execution="CANCELED", status="CANCELED", at=9000, executed="0.1", quantity="0.5"))


def test_an_order_that_was_triggered():
    """It waited for its price, and is on the book by now."""
    told = Told(latest)
    told.take(report(w=False))
    told.gap_opened()
    restored = restore(told, findings([entry()]), [], start=START, until=6000, last=True)
    assert [(event["x"], event["X"], event["w"]) for event in restored.events] == [("NEW", "NEW", True)]
    assert restore(told, findings([entry()]), [], start=START, until=6000, last=True).events == ()


def test_an_order_that_lost_some_to_the_prevention_of_self_trades(told):
    """It is open all the same; what it has lost is told once."""
    order = entry(preventedQuantity="0.4", preventedMatchId=3)
    restored = restore(told, findings([order]), [], start=START, until=6000, last=True)
    assert [(event["x"], event["X"], event["A"]) for event in restored.events] == [("TRADE_PREVENTION", "NEW", "0.4")]
    assert restore(told, findings([order]), [], start=START, until=6000, last=True).events == ()


def test_balances_are_told_whatever_is_forgotten_of_orders(told):
    """They are as an answer says, and order lists too."""
    told.forgotten_at = 5000
    found = findings(account=account(4000, BTC="5"), lists=[order_list(at=4000)])
    assert [event["e"] for event in restored(told, found).events] == ["listStatus", "outboundAccountPosition"]


def test_the_end_of_a_list_that_came_live_is_not_told_again(told):
    """Nor asked for, where a trade of one of its orders is found out later."""
    told.take(report(1, at=2000, g=7))
    done = {"e": "listStatus", "E": 99_990, "s": SYMBOL, "g": 7, "l": "ALL_DONE", "L": "ALL_DONE", "T": 99_990, "O": []}
    live = [report(1, "TRADE", "FILLED", at=99_990, trade=12, executed="1", last="0.9", g=7), done]
    first = restore(told, findings(), live, start=START, until=100_000, last=False)
    assert all(told.take(event) for event in live)
    trades = [fill(11, quantity="0.1", at=50_000), fill(12, quantity="0.9", at=99_990)]
    order = entry(1, "FILLED", at=99_990, executed="1", orderListId=7)
    second = restore(told, findings([order], trades), [], start=START, until=100_000, last=False, earlier=first)
    assert [(event["e"], event["t"]) for event in second.events] == [("executionReport", 11)]
    assert tuple(second.unknown_lists) == ()
    assert told.knows_list(7)


def test_the_end_of_a_list_that_was_told_before_the_gap():
    """It had come before the report of its order, of another kind, which was lost; nor does the list begin again."""
    told = Told(latest)
    told.take(report(11, orderListId=7))
    for status in "EXECUTING", "ALL_DONE":
        told.take({"e": "listStatus", "E": 2000, "g": 7, "L": status, "T": 2000})
    told.gap_opened()
    first = restored(told, findings([entry(11, "CANCELED", orderListId=7)], lists=[order_list(7)]))
    assert ([event["e"] for event in first.events], first.unknown_lists) == (["executionReport"], ())
    assert restored(told, findings(lists=[order_list(7, "ALL_DONE")]), earlier=first).events == ()


def test_the_end_of_a_list_that_a_gap_before_has_told(told):
    """However long ago that was: another of its orders may be found out by a later one."""
    first = restored(told, findings([entry(11, "CANCELED", orderListId=7)]))
    second = restored(told, findings(lists=[order_list(7, "ALL_DONE")]), earlier=first)
    assert [event["e"] for event in second.events] == ["listStatus"]
    told.gap_closed(10_000)
    told.take(report(2, at=30_000))
    told.gap_opened()
    assert restored(told, findings([entry(12, "CANCELED", orderListId=7)])).unknown_lists == ()


def test_no_more_ended_lists_are_remembered_than_open_ones(told):
    """The latest."""
    for number in range(MOST_LISTS + 1):
        told.take({"e": "listStatus", "E": 5000, "s": SYMBOL, "g": number, "l": "ALL_DONE", "L": "ALL_DONE", "T": 5000})
    assert (told.knows_list(0), told.knows_list(1), told.knows_list(MOST_LISTS)) == (False, True, True)


@pytest.mark.parametrize("what", ["REPLACED", "NEW"])
def test_a_state_is_told_once_although_more_had_been_told_to_be_filled(what):
    """By trades of which nobody knew what came before them."""
    told = Told(latest)
    status = "PARTIALLY_FILLED" if what == "REPLACED" else "NEW"
    told.take(report(1, "TRADE", status, trade=4, executed="0.7", at=2000, w=False))
    order = entry(status=status, executed="0.5", quantity="0.9" if what == "REPLACED" else "1", at=3000)
    story = []
    for number in range(1, 4):
        told.gap_opened()
        for last in False, False, True:
            story += said(restored(told, findings([order]), last=last))
        told.gap_closed(10_000 * number)
    assert len(story) == 1


def test_a_prevention_that_later_reports_do_not_mention_is_not_told_again():
    """The field is there under conditions."""
    told = Told(latest)
    told.take(report(1, at=1000))
    told.take(report(1, "TRADE_PREVENTION", "NEW", at=2000, A="0.1"))
    told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=4, executed="0.2", last="0.2", at=3000))
    order = entry(status="PARTIALLY_FILLED", executed="0.2", at=3000, preventedQuantity="0.1")
    told.gap_opened()
    assert not restore(told, findings([order]), [], start=100_000, until=105_000, last=True).events
