"""order.amend.keepPriority: less of an order, in its place."""

from decimal import Decimal

import attrs
import pytest

from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.list_parameters import ListKind
from binance_socket.sandbox.symbols import DEFAULT_SYMBOLS

D = Decimal
SYMBOL = {"symbol": "BTCUSDT"}
PAIR = {**SYMBOL, "side": "SELL", "quantity": "2", "aboveType": "LIMIT_MAKER", "abovePrice": "110",
        "belowType": "STOP_LOSS", "belowStopPrice": "90"}  # fmt: skip
OTO = {**SYMBOL, "workingType": "LIMIT", "workingTimeInForce": "GTC", "workingSide": "BUY", "workingPrice": "95",
       "workingQuantity": "2", "pendingType": "LIMIT", "pendingTimeInForce": "GTC", "pendingSide": "SELL",
       "pendingPrice": "105", "pendingQuantity": "2"}  # fmt: skip


@pytest.fixture
def amend(exchange, alice):
    def amend(order, quantity, **more):
        reference = {**SYMBOL, "orderId": order["orderId"], "newQty": quantity, **more}
        return exchange.amending.amend(alice.account, reference)

    return amend


@pytest.fixture
def examples(spec):
    methods = {method["method"]: method for method in spec("ws_api.json")}
    return lambda name: [response["result"] for response in methods[name]["responses"]]


def test_the_place_in_the_queue_is_kept(alice, bob, trader, amend):
    """Whoever came later is still served later."""
    first = alice.buy("5", "100")
    second = bob.buy("4", "100")
    amend(first, "3")
    trader(BTC="10").sell("3", "100")
    assert alice.status(first)["status"] == "FILLED"
    assert bob.status(second)["status"] == "NEW"


def test_what_is_answered_and_told(alice, amend, examples):
    """As documented; the event names the old id and the new one."""
    placed = alice.buy("5", "100", newClientOrderId="old")
    answer = amend(placed, "3", newClientOrderId="new")
    (example, _) = examples("order.amend.keepPriority")
    assert answer.keys() == example.keys()
    assert answer["amendedOrder"].keys() == example["amendedOrder"].keys()
    report = alice.reports[-1]
    assert (report["x"], report["X"], report["c"], report["C"], report["q"]) == (
        "REPLACED", "NEW", "new", "old", "3.00000000"
    )  # fmt: skip
    assert report["I"] == answer["executionId"]
    assert alice.balance("USDT") == (D(1000000 - 300), D(300))
    assert alice.exchange.order_status(alice.account, {**SYMBOL, "origClientOrderId": "new"})["origQty"] == "3.00000000"
    # The old id is free.
    alice.buy("1", "100", newClientOrderId="old")


def test_the_client_id_is_new_unless_it_is_sent(alice, amend):
    """Without newClientOrderId the order gets another one; the old one may be kept."""
    placed = alice.buy("5", "100", newClientOrderId="mine")
    assert amend(placed, "4", newClientOrderId="mine")["amendedOrder"]["clientOrderId"] == "mine"
    assert amend(placed, "3")["amendedOrder"]["clientOrderId"] != "mine"


def test_a_partially_filled_order(alice, bob, amend, refused):
    """What was executed stays, the rest shrinks."""
    placed = alice.sell("5", "100")
    bob.buy("2", "100")
    with refused(-2038, "The requested action would change no state; rejecting."):
        amend(placed, "2")
    amend(placed, "2.5")
    assert alice.balance("BTC") == (D("7.5"), D("0.5"))
    bob.buy("1", "100")
    assert alice.status(placed)["status"] == "FILLED"
    assert alice.reports[-1]["X"] == "FILLED"


def test_amendments_are_kept(exchange, alice, amend, examples, refused):
    """In order, from an execution on."""
    placed = alice.buy("5", "100", newClientOrderId="a")
    ids = [amend(placed, quantity)["executionId"] for quantity in ("4", "3", "2")]

    def ask(**more):
        return exchange.amending.amendments(alice.account, {**SYMBOL, "orderId": placed["orderId"], **more})

    (example,) = examples("order.amendments")
    assert ask()[0].keys() == example[0].keys()
    assert [(entry["origQty"][0], entry["newQty"][0]) for entry in ask()] == [("5", "4"), ("4", "3"), ("3", "2")]
    assert [entry["executionId"] for entry in ask(fromExecutionId=ids[1])] == ids[1:]
    assert [entry["executionId"] for entry in ask(limit=1)] == ids[:1]
    with refused(-2013, "Order does not exist."):
        exchange.amending.amendments(alice.account, {**SYMBOL, "orderId": 99})


def test_a_pair_has_one_quantity(exchange, alice, bob, amend, examples):
    """Either order amends both, and what is locked for both."""
    placed = exchange.trading.place_list(alice.account, ListKind.OCO, PAIR)
    for number, quantity in ((0, "1.5"), (1, "1")):
        answer = amend(placed["orders"][number], quantity)
        assert [alice.status(order)["origQty"][:3] for order in placed["orders"]] == [f"{D(quantity):.1f}"] * 2
        assert alice.balance("BTC") == (10 - D(quantity), D(quantity))
    (_, example) = examples("order.amend.keepPriority")
    assert answer.keys() == example.keys()
    assert answer["amendedOrder"].keys() == example["amendedOrder"].keys()
    assert answer["listStatus"].keys() == example["listStatus"].keys()
    assert [event["l"] for event in alice.events if event["e"] == "listStatus"] == [
        "EXEC_STARTED",
        "UPDATED",
        "UPDATED",
    ]
    bob.buy("1", "110")
    assert alice.balance("BTC") == (D(9), D(0))


def test_no_list_is_updated_where_the_client_id_stays(exchange, alice, amend):
    """The event is about the ids."""
    placed = exchange.trading.place_list(alice.account, ListKind.OTO, OTO)
    pending = placed["orders"][1]
    amend(pending, "1", newClientOrderId=pending["clientOrderId"])
    assert alice.status(pending)["origQty"] == "1.00000000"
    assert alice.status(placed["orders"][0])["origQty"] == "2.00000000"
    assert [event["l"] for event in alice.events if event["e"] == "listStatus"] == ["EXEC_STARTED"]


@pytest.mark.parametrize(
    "quantity, more, code, message",
    [
        ("6", {}, -2038, "Order amend (quantity increase) is not supported."),
        ("5", {}, -2038, "The requested action would change no state; rejecting."),
        ("0", {}, -1013, "Invalid quantity."),
        ("4.000001", {}, -1013, "Filter failure: LOT_SIZE"),
        ("0.00001", {}, -1013, "Filter failure: NOTIONAL"),
        ("4", {"orderId": 99}, -2038, "Unknown order sent."),
        ("4", {"orderId": None}, -1102,
         "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"),
        ("4", {"newClientOrderId": "taken"}, -2038, "Duplicate order sent."),
        (None, {}, -1102, "Mandatory parameter 'newQty' was not sent, was empty/null, or malformed."),
    ],
)  # fmt: skip
def test_refusals(alice, amend, refused, quantity, more, code, message):
    """The order stays as it is."""
    alice.buy("1", "90", newClientOrderId="taken")
    placed = alice.buy("5", "100")
    with refused(code, message):
        amend(placed, quantity, **more)
    assert alice.status(placed)["origQty"] == "5.00000000"
    assert len(alice.reports) == 2


def test_what_cannot_be_amended(clock, exchange, alice, amend, refused):
    """Symbols that do not offer it, and pending orders whose quantity is not known."""
    request = {name: value for name, value in OTO.items() if name != "pendingQuantity"}
    placed = exchange.trading.place_list(alice.account, ListKind.OPO, request)
    with refused(-2038, "Order amend (pending OPO order) is not supported."):
        amend(placed["orders"][1], "1")
    other = Exchange(clock=clock, symbols=[attrs.evolve(DEFAULT_SYMBOLS[0], allows_amend=False)])
    account = other.open_account({"USDT": "100000"})
    with refused(-2038, "Order amend is not supported for this symbol."):
        other.amending.amend(account, {**SYMBOL, "orderId": 1, "newQty": "1"})
