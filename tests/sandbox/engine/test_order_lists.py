"""Order lists: what is accepted, what triggers and cancels what, and what is told of it."""

from decimal import Decimal

import attrs
import pytest

from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.list_parameters import LIST_PARAMETERS, ListKind
from binance_socket.sandbox.symbols import DEFAULT_SYMBOLS

D = Decimal
SYMBOL = {"symbol": "BTCUSDT"}
SELL_OCO = {
    **SYMBOL, "side": "SELL", "quantity": "1",
    "aboveType": "LIMIT_MAKER", "abovePrice": "110",
    "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "90", "belowPrice": "89", "belowTimeInForce": "GTC",
}  # fmt: skip
BUY_OCO = {
    **SYMBOL, "side": "BUY", "quantity": "1",
    "aboveType": "STOP_LOSS", "aboveStopPrice": "110", "belowType": "LIMIT_MAKER", "belowPrice": "90",
}  # fmt: skip
WORKING_BUY = {
    **SYMBOL, "workingType": "LIMIT", "workingTimeInForce": "GTC", "workingSide": "BUY", "workingPrice": "95",
    "workingQuantity": "1",
}  # fmt: skip
OTO = {
    **WORKING_BUY, "pendingType": "LIMIT", "pendingTimeInForce": "GTC", "pendingSide": "SELL", "pendingPrice": "105",
    "pendingQuantity": "1",
}  # fmt: skip
PENDING_PAIR = {
    "pendingSide": "SELL", "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "105",
    "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "85",
}  # fmt: skip
OTOCO = {**WORKING_BUY, **PENDING_PAIR, "pendingQuantity": "1"}
OPO = {**WORKING_BUY, "pendingType": "LIMIT", "pendingTimeInForce": "GTC", "pendingSide": "SELL",
       "pendingPrice": "105"}  # fmt: skip
OPOCO = {**WORKING_BUY, **PENDING_PAIR}
OLD_OCO = {**SYMBOL, "side": "SELL", "quantity": "1", "price": "110", "stopPrice": "90"}
REQUESTS = {
    ListKind.OLD_OCO: OLD_OCO, ListKind.OCO: SELL_OCO, ListKind.OTO: OTO, ListKind.OTOCO: OTOCO, ListKind.OPO: OPO,
    ListKind.OPOCO: OPOCO,
}  # fmt: skip


@pytest.fixture
def market(trader):
    """Somebody who trades 1 BTC at a price: ``market(100)``. Nothing of it stays on the book."""
    crowd = trader(BTC="1000", USDT="1000000"), trader(BTC="1000", USDT="1000000")

    def at(price, quantity="1"):
        crowd[0].sell(quantity, price)
        crowd[1].buy(quantity, price)

    at.crowd = crowd
    return at


@pytest.fixture
def place(exchange, alice, market):
    """Place a list of Alice's, the last price being 100."""
    market("100")

    def place(kind, request=None, **changes):
        params = {**(REQUESTS[kind] if request is None else request), **changes}
        return exchange.trading.place_list(alice.account, kind, params)

    return place


def without(request, *names):
    return {name: value for name, value in request.items() if name not in names}


def states(alice, placed):
    """How the orders of a list stand now."""
    return [alice.status(order)["status"] for order in placed["orders"]]


def list_events(trader):
    return [(event["l"], event["L"]) for event in trader.events if event["e"] == "listStatus"]


DONE = [("EXEC_STARTED", "EXECUTING"), ("ALL_DONE", "ALL_DONE")]


# What is told.


@pytest.mark.parametrize("kind", list(ListKind), ids=lambda kind: kind.value)
def test_parameters(spec, kind):
    """Each method takes the documented parameters and no others."""
    methods = {method["method"]: method for method in spec("ws_api.json")}
    documented = {parameter["name"] for parameter in methods[kind.value]["parameters"]}
    assert documented - {"recvWindow"} == LIST_PARAMETERS[kind]


@pytest.mark.parametrize("kind", list(ListKind), ids=lambda kind: kind.value)
def test_a_new_list_is_answered_as_documented(spec, place, kind):
    """The answer, its orders and its reports have the keys of the example."""
    methods = {method["method"]: method for method in spec("ws_api.json")}
    example = methods[kind.value]["responses"][0]["result"]
    placed = place(kind, newOrderRespType="RESULT")
    assert placed.keys() == example.keys()
    assert [entry.keys() for entry in placed["orders"]] == [entry.keys() for entry in example["orders"]]
    # A stop order has a stop price, others not.
    for ours in placed["orderReports"]:
        like = next(
            entry
            for entry in example["orderReports"]
            if ("stopPrice" in entry) == ("stopPrice" in ours) and ("origQty" in entry) == ("origQty" in ours)
        ) if kind is not ListKind.OPO else example["orderReports"][placed["orderReports"].index(ours)]  # fmt: skip
        assert ours.keys() == like.keys()
    for name in ("contingencyType", "listStatusType", "listOrderStatus"):
        assert placed[name] == example[name]
    assert [entry["status"] for entry in placed["orderReports"]] == [
        entry["status"] for entry in example["orderReports"]
    ]


def test_events_of_a_new_list(spec, alice, place):
    """A listStatus of the documented shape comes first, then each order's report, which names the list."""
    example = {entry["title"]: entry["payload"]["event"] for entry in spec("user_data_events.json")}["listStatus"]
    placed = place(ListKind.OTOCO, listClientOrderId="bracket")
    first, *others = [event for event in alice.events if event["e"] != "outboundAccountPosition"]
    assert first.keys() == example.keys()
    assert [entry.keys() for entry in first["O"]] == [example["O"][0].keys()] * 3
    assert (first["c"], first["C"], first["g"]) == ("OTO", "bracket", placed["orderListId"])
    assert [(event["x"], event["X"], event["g"]) for event in others] == [
        ("NEW", "NEW", first["g"]),
        ("NEW", "PENDING_NEW", first["g"]),
        ("NEW", "PENDING_NEW", first["g"]),
    ]


def test_response_types(place):
    """ACK is short, FULL has fills; without a choice it is RESULT, but FULL for the deprecated method."""
    keys = lambda placed: placed["orderReports"][0].keys()  # noqa: E731
    assert "price" not in keys(place(ListKind.OCO, newOrderRespType="ACK"))
    assert "fills" in keys(place(ListKind.OCO, newOrderRespType="FULL"))
    assert "fills" not in keys(place(ListKind.OCO))
    assert "fills" in keys(place(ListKind.OLD_OCO))


# One cancels the other.


@pytest.mark.parametrize("kind", [ListKind.OCO, ListKind.OLD_OCO])
def test_a_filled_limit_ends_the_stop(alice, place, market, kind):
    """The stop expires before the trade is told; the list is done after it."""
    placed = place(kind)
    market.crowd[1].buy("1", "110")
    assert states(alice, placed) == ["EXPIRED", "FILLED"]
    assert alice.story[2:] == [("EXPIRED", "EXPIRED"), ("TRADE", "FILLED")]
    assert alice.reports[2]["eR"] == "OCO_TRIGGER"
    assert list_events(alice) == DONE
    assert alice.balance("BTC") == (D(9), D(0))


def test_a_part_of_the_limit_ends_the_stop(alice, place, market):
    """The first partial fill decides; the list goes on with the rest of the limit."""
    placed = place(ListKind.OCO)
    market.crowd[1].buy("0.4", "110")
    assert states(alice, placed) == ["EXPIRED", "PARTIALLY_FILLED"]
    assert list_events(alice) == DONE[:1]
    assert alice.balance("BTC") == (D(9), D("0.6"))
    market.crowd[1].buy("0.6", "110")
    assert list_events(alice) == DONE


def test_a_triggered_stop_ends_the_limit(alice, place, market):
    """The stop works on as an order of its own."""
    placed = place(ListKind.OCO)
    market("90")
    assert states(alice, placed) == ["NEW", "EXPIRED"]
    assert alice.status(placed["orders"][0])["workingTime"] > 0
    market.crowd[1].buy("1", "89")
    assert states(alice, placed) == ["FILLED", "EXPIRED"]
    assert list_events(alice) == DONE


def test_a_pair_reserves_once(alice, place, market):
    """What the dearer order may cost is locked, for both; the rest of it comes back when the cheaper one works."""
    placed = place(ListKind.OCO)
    assert alice.balance("BTC") == (D(9), D(1))
    alice.cancel(placed["orders"][0])
    placed = place(ListKind.OCO, BUY_OCO)
    assert alice.balance("USDT") == (D(1000000 - 110), D(110))
    market.crowd[0].sell("0.5", "90")
    assert alice.balance("USDT") == (D(1000000 - 90), D(45))
    alice.cancel(placed["orders"][1])
    assert alice.balance("USDT") == (D(1000000 - 45), D(0))


def test_a_stop_without_a_limit_pays_what_it_costs(alice, place, market):
    """A stop loss of a pair is a market order once it is triggered."""
    placed = place(ListKind.OCO, BUY_OCO)
    market.crowd[0].sell("5", "112")
    market.crowd[1].buy("0.1", "112")
    assert states(alice, placed) == ["FILLED", "EXPIRED"]
    assert alice.balance("USDT") == (D(1000000 - 112), D(0))


def test_both_orders_may_wait_for_a_price(alice, place, market):
    """A take profit and a stop loss: whichever is triggered first ends the other."""
    request = {**without(SELL_OCO, "abovePrice"), "aboveType": "TAKE_PROFIT", "aboveStopPrice": "120"}
    placed = place(ListKind.OCO, request)
    market.crowd[1].buy("1", "118")
    market("120")
    # The stop came too late for the bid that was taken before.
    assert states(alice, placed)[0] == "EXPIRED"
    assert list_events(alice) == DONE


def test_prevention_ends_a_pair(alice, place):
    """Self-trade prevention that ends one order of a pair ends the list."""
    placed = place(ListKind.OCO)
    alice.buy("1", "110", selfTradePreventionMode="EXPIRE_MAKER")
    assert states(alice, placed) == ["EXPIRED", "EXPIRED_IN_MATCH"]
    assert list_events(alice) == DONE
    assert alice.balance("BTC") == (D(10), D(0))


# One triggers the others.


def test_the_pending_order_waits_for_the_whole_fill(alice, place, market):
    """A part of the working order triggers nothing, its rest does."""
    placed = place(ListKind.OTO)
    market.crowd[0].sell("0.5", "95")
    assert states(alice, placed) == ["PARTIALLY_FILLED", "PENDING_NEW"]
    assert alice.balance("BTC")[1] == 0
    market.crowd[0].sell("0.5", "95")
    assert states(alice, placed) == ["FILLED", "NEW"]
    assert alice.balance("BTC")[1] == 1
    assert [event["X"] for event in alice.reports if event["i"] == placed["orders"][1]["orderId"]] == [
        "PENDING_NEW", "NEW"
    ]  # fmt: skip
    market.crowd[1].buy("1", "105")
    assert list_events(alice) == DONE


def test_a_working_order_that_is_filled_at_once(alice, place, market):
    """The answer shows the pending order as it was before; asked for again, it has been placed."""
    market.crowd[0].sell("1", "95")
    placed = place(ListKind.OTO)
    assert [report["status"] for report in placed["orderReports"]] == ["FILLED", "PENDING_NEW"]
    assert states(alice, placed) == ["FILLED", "NEW"]


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK"])
def test_a_working_order_that_expires_ends_the_list(alice, place, time_in_force):
    """Nothing triggers any more."""
    placed = place(ListKind.OTOCO, workingTimeInForce=time_in_force)
    assert states(alice, placed) == ["EXPIRED"] * 3
    assert [event["eR"] for event in alice.reports if event["x"] == "EXPIRED"][1:] == ["OTO_PHASE_ONE_EXPIRED"] * 2
    assert list_events(alice) == DONE


def test_a_pending_order_that_cannot_be_paid_expires(alice, trader, exchange, market):
    """It is the matching engine's rejection, told as an expiry."""
    market("100")
    poor = trader(USDT="100")
    placed = exchange.trading.place_list(poor.account, ListKind.OTO, OTO)
    market.crowd[0].sell("1", "95")
    # The commission is missing.
    assert states(poor, placed) == ["FILLED", "EXPIRED"]
    assert poor.reports[-1]["eR"] == "REJECTED"
    assert list_events(poor) == DONE


def test_a_pending_market_order(alice, place, market):
    """It is carried out when it is triggered."""
    market.crowd[1].buy("2", "94")
    placed = place(ListKind.OTO, without(OTO, "pendingPrice", "pendingTimeInForce"), pendingType="MARKET")
    market.crowd[0].sell("1", "95")
    assert states(alice, placed) == ["FILLED", "FILLED"]
    assert list_events(alice) == DONE


def test_a_pending_pair(alice, place, market):
    """Both are placed, and one ends the other."""
    placed = place(ListKind.OTOCO)
    market.crowd[0].sell("1", "95")
    assert states(alice, placed) == ["FILLED", "NEW", "NEW"]
    assert alice.balance("BTC")[1] == 1
    market.crowd[1].buy("1", "105")
    assert states(alice, placed) == ["FILLED", "EXPIRED", "FILLED"]
    assert list_events(alice) == DONE


def test_a_pending_pair_that_comes_too_late(alice, place, market):
    """Where the market passed the stop already, neither order is placed."""
    placed = place(ListKind.OTOCO, pendingBelowStopPrice="95")
    market.crowd[0].sell("1", "95")
    assert states(alice, placed) == ["FILLED", "EXPIRED", "EXPIRED"]
    assert [event["eR"] for event in alice.reports if event["x"] == "EXPIRED"] == ["REJECTED", "OCO_TRIGGER"]
    assert list_events(alice) == DONE


# One pays the others.


def test_what_is_received_is_locked_and_then_ordered(alice, place, market):
    """The commission comes out of what is free besides; the pending order has the whole quantity."""
    placed = place(ListKind.OPO)
    assert "origQty" not in placed["orderReports"][1]
    market.crowd[0].sell("0.5", "95")
    assert alice.balance("BTC") == (D("9.9995"), D("0.5"))
    market.crowd[0].sell("0.5", "95")
    assert alice.status(placed["orders"][1])["origQty"] == "1.00000000"
    assert alice.balance("BTC") == (D("9.999"), D(1))


def test_the_commission_comes_out_of_what_was_received_where_nothing_is_free(trader, exchange, market):
    """The quantity is what a lot allows, the rest is free."""
    market("100")
    poor = trader("0.000015", USDT="100")
    placed = exchange.trading.place_list(poor.account, ListKind.OPOCO, OPOCO)
    market.crowd[0].sell("1", "95")
    assert [poor.status(order).get("origQty") for order in placed["orders"][1:]] == ["0.99998000"] * 2
    assert poor.balance("BTC") == (D("0.000005"), D("0.99998"))
    market("85")
    assert list_events(poor) == DONE
    assert poor.balance("BTC")[1] == 0


def test_a_cancelled_list_gives_back_what_was_received(alice, place, market):
    """What was locked for the pending order is free again."""
    placed = place(ListKind.OPO)
    market.crowd[0].sell("0.5", "95")
    alice.cancel(placed["orders"][0])
    assert states(alice, placed) == ["CANCELED", "CANCELED"]
    assert alice.balance("BTC") == (D("10.4995"), D(0))
    positions = [event for event in alice.events if event["e"] == "outboundAccountPosition"]
    told = {entry["a"]: (D(entry["f"]), D(entry["l"])) for event in positions for entry in event["B"]}
    assert told["BTC"] == alice.balance("BTC")


def test_too_little_to_order(trader, exchange, market):
    """What is less than a lot is not ordered but given back."""
    market("1000000")
    poor = trader("0.5", USDT="100")
    request = {**OPO, "workingPrice": "1000000", "workingQuantity": "0.00001", "pendingPrice": "1000000"}
    placed = exchange.trading.place_list(poor.account, ListKind.OPO, request)
    market.crowd[0].sell("0.00001", "1000000")
    assert states(poor, placed) == ["FILLED", "EXPIRED"]
    assert poor.balance("BTC") == (D("0.000005"), D(0))


# Cancelling and asking.


@pytest.mark.parametrize("number", [0, 1])
def test_cancelling_one_order_cancels_the_list(spec, alice, place, number):
    """The answer is the list's, with a report for each order."""
    placed = place(ListKind.OCO)
    methods = {method["method"]: method for method in spec("ws_api.json")}
    example = methods["order.cancel"]["responses"][1]["result"]
    answer = alice.cancel(placed["orders"][number], newClientOrderId="stop-it")
    assert answer.keys() == example.keys()
    assert [entry.keys() for entry in answer["orderReports"]] == [entry.keys() for entry in example["orderReports"]]
    assert {entry["clientOrderId"] for entry in answer["orderReports"]} == {"stop-it"}
    assert states(alice, placed) == ["CANCELED", "CANCELED"]
    assert list_events(alice) == DONE
    assert alice.balance("BTC") == (D(10), D(0))


def test_cancelling_a_list(spec, exchange, alice, place, refused):
    """By either id; a second time there is nothing to cancel."""
    methods = {method["method"]: method for method in spec("ws_api.json")}
    example = methods["orderList.cancel"]["responses"][0]["result"]
    placed = place(ListKind.OCO, listClientOrderId="pair")
    reference = {**SYMBOL, "orderListId": placed["orderListId"], "listClientOrderId": "pair"}
    with refused(-2011, "Unknown order sent."):
        exchange.trading.cancel_list(alice.account, {**reference, "listClientOrderId": "other"})
    with refused(-2011, "Unknown order sent."):
        exchange.trading.cancel_list(alice.account, {**reference, "symbol": "ETHBTC"})
    answer = exchange.trading.cancel_list(alice.account, {**reference, "newClientOrderId": "gone"})
    assert answer.keys() == example.keys()
    assert [entry.keys() for entry in answer["orderReports"]] == [entry.keys() for entry in example["orderReports"]]
    assert answer["listClientOrderId"] == "gone"
    with refused(-2011, "Unknown order sent."):
        exchange.trading.cancel_list(alice.account, reference)
    # The id is free again.
    place(ListKind.OCO, listClientOrderId="pair")


def test_cancelling_what_is_pending_after_the_fill(exchange, alice, place, market):
    """Only what is still open is cancelled."""
    placed = place(ListKind.OTOCO)
    market.crowd[0].sell("1", "95")
    answer = exchange.trading.cancel_list(alice.account, {**SYMBOL, "orderListId": placed["orderListId"]})
    assert [entry["status"] for entry in answer["orderReports"]] == ["CANCELED", "CANCELED"]
    assert states(alice, placed) == ["FILLED", "CANCELED", "CANCELED"]


def test_cancelling_everything(exchange, alice, place):
    """Each list is one entry, beside the orders that are in none."""
    place(ListKind.OTOCO)
    alice.buy("1", "50")
    answer = exchange.cancel_all_orders(alice.account, SYMBOL)
    assert [len(entry.get("orderReports", [])) for entry in answer] == [3, 0]
    assert alice.balance("USDT") == (D(1000000), D(0))


def test_asking_for_lists(spec, clock, exchange, alice, place, refused):
    """By id, the open ones, all of them page by page."""
    methods = {method["method"]: method for method in spec("ws_api.json")}
    records = exchange.records
    first = place(ListKind.OCO, listClientOrderId="first")
    clock.advance(1)
    second = place(ListKind.OTO)
    exchange.trading.cancel_list(alice.account, {**SYMBOL, "listClientOrderId": "first"})
    found = records.list_status(alice.account, {"origClientOrderId": "first"})
    assert found.keys() == methods["orderList.status"]["responses"][0]["result"].keys()
    assert (found["orderListId"], found["listOrderStatus"]) == (first["orderListId"], "ALL_DONE")
    assert records.list_status(alice.account, {"orderListId": second["orderListId"]})["contingencyType"] == "OTO"
    assert [entry["orderListId"] for entry in records.open_lists(alice.account, {})] == [second["orderListId"]]
    everything = [first["orderListId"], second["orderListId"]]

    def ids(**params):
        return [entry["orderListId"] for entry in records.all_lists(alice.account, params)]

    assert ids() == everything
    assert ids(fromId=everything[1]) == everything[1:]
    assert ids(limit=1) == everything[1:]
    assert ids(startTime=first["transactionTime"], limit=1) == everything[:1]
    # What counts is when they changed last: the first was cancelled after the second was placed.
    assert ids(endTime=first["transactionTime"]) == []
    with refused(-2018, "Order list does not exist."):
        records.list_status(alice.account, {"orderListId": 99})
    with refused(-1128, "Combination of optional parameters invalid."):
        ids(fromId=1, startTime=1)


# Refusals.


@pytest.mark.parametrize(
    "kind, request_, code, message",
    [
        (ListKind.OCO, {**SELL_OCO, "aboveType": "MARKET"}, -1158, "Order type not supported in OCO."),
        (ListKind.OCO, {**SELL_OCO, "belowType": "LIMIT_MAKER"}, -1106,
         "Parameter 'belowTimeInForce' sent when not required."),
        (ListKind.OCO, {**BUY_OCO, "aboveType": "LIMIT_MAKER", "abovePrice": "110"}, -1106,
         "Parameter 'aboveStopPrice' sent when not required."),
        (ListKind.OCO, {**without(BUY_OCO, "aboveStopPrice"), "aboveType": "LIMIT_MAKER", "abovePrice": "110"}, -1168,
         "At least one OCO order must be contingent."),
        (ListKind.OCO, {**BUY_OCO, "side": "SELL"}, -1197, "A stop loss order in a sell OCO must be below."),
        (ListKind.OCO, {**SELL_OCO, "side": "BUY"}, -1165, "A limit order in a buy OCO must be below."),
        (ListKind.OCO, {**without(SELL_OCO, "abovePrice"), "aboveType": "TAKE_PROFIT", "aboveStopPrice": "110",
                        "side": "BUY"}, -1198, "A take profit order in a buy OCO must be below."),
        (ListKind.OCO, {**SELL_OCO, "belowType": "TAKE_PROFIT_LIMIT"}, -1199,
         "A take profit order in a sell OCO must be above."),
        (ListKind.OCO, {**without(BUY_OCO, "belowPrice"), "belowType": "STOP_LOSS", "belowStopPrice": "90"}, -1196,
         "A stop loss order in a buy OCO must be above."),
        (ListKind.OTOCO, {**without(OTOCO, "pendingBelowStopPrice", "pendingAbovePrice"),
                          "pendingBelowType": "LIMIT_MAKER", "pendingBelowPrice": "5", "pendingAboveType": "STOP_LOSS",
                          "pendingAboveStopPrice": "0.5"}, -1197, "A stop loss order in a sell OCO must be below."),
        (ListKind.OCO, {**SELL_OCO, "belowTimeInForce": "IOC", "belowIcebergQty": "0.1"}, -1160,
         "Parameter 'belowIcebergQty' is not supported if belowTimeInForce is not GTC."),
        (ListKind.OCO, {**SELL_OCO, "abovePrice": "99"}, -2010,
         "The relationship of the prices for the orders is not correct."),
        (ListKind.OCO, {**SELL_OCO, "belowStopPrice": "100"}, -2010,
         "The relationship of the prices for the orders is not correct."),
        (ListKind.OTOCO, {**OTOCO, "pendingBelowStopPrice": "106"}, -2010,
         "The relationship of the prices for the orders is not correct."),
        (ListKind.OCO, {**SELL_OCO, "quantity": "11"}, -2010, "Account has insufficient balance for requested action."),
        (ListKind.OCO, {**SELL_OCO, "quantity": "1.000001"}, -1013, "Filter failure: LOT_SIZE"),
        (ListKind.OCO, {**SELL_OCO, "aboveClientOrderId": "x", "belowClientOrderId": "x"}, -2010,
         "Duplicate order sent."),
        (ListKind.OCO, {**SELL_OCO, "listClientOrderId": "again"}, -2010, "Duplicate order sent."),
        (ListKind.OCO, without(SELL_OCO, "belowStopPrice"), -1102,
         "Param 'belowStopPrice' or 'belowTrailingDelta' must be sent, but both were empty/null!"),
        (ListKind.OCO, without(SELL_OCO, "belowPrice"), -1102,
         "Mandatory parameter 'belowPrice' was not sent, was empty/null, or malformed."),
        (ListKind.OCO, without(SELL_OCO, "aboveType"), -1102,
         "Mandatory parameter 'aboveType' was not sent, was empty/null, or malformed."),
        (ListKind.OCO, {**SELL_OCO, "abovePrice": "x"}, -1100,
         "Illegal characters found in parameter 'abovePrice'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'."),
        (ListKind.OCO, {**SELL_OCO, "pendingType": "LIMIT"}, -1104,
         "Not all sent parameters were read; read '9' parameter(s) but was sent '10'."),
        (ListKind.OTO, {**OTO, "workingType": "STOP_LOSS", "workingStopPrice": "1"}, -1104,
         "Not all sent parameters were read; read '11' parameter(s) but was sent '12'."),
        (ListKind.OTO, {**without(OTO, "workingPrice", "workingTimeInForce"), "workingType": "MARKET"}, -1116,
         "Invalid orderType."),
        (ListKind.OTO, without(OTO, "workingTimeInForce"), -1102,
         "Mandatory parameter 'workingTimeInForce' was not sent, was empty/null, or malformed."),
        (ListKind.OTO, without(OTO, "pendingQuantity"), -1102,
         "Mandatory parameter 'pendingQuantity' was not sent, was empty/null, or malformed."),
        (ListKind.OPO, {**OPO, "workingSide": "SELL"}, -1222, "Working order in an OPO list must be a bid."),
        (ListKind.OPOCO, {**OPOCO, "pendingSide": "BUY", "pendingAboveType": "STOP_LOSS", "pendingAboveStopPrice": "1",
                          "pendingAbovePrice": None, "pendingBelowType": "TAKE_PROFIT"}, -1223,
         "Pending orders in an OPO list must be asks."),
        (ListKind.OLD_OCO, {**OLD_OCO, "stopLimitPrice": "89"}, -1102,
         "Mandatory parameter 'stopLimitTimeInForce' was not sent, was empty/null, or malformed."),
        (ListKind.OLD_OCO, without(OLD_OCO, "price"), -1102,
         "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        (ListKind.OLD_OCO, {**OLD_OCO, "symbol": "NOPE"}, -1121, "Invalid symbol."),
    ],
)  # fmt: skip
def test_a_bad_list_is_refused(alice, place, refused, kind, request_, code, message):
    """Each mistake has its code and message, and nothing happens."""
    place(ListKind.OCO, listClientOrderId="again")
    seen = len(alice.events)
    before = alice.balance("BTC"), alice.balance("USDT")
    with refused(code, message):
        place(kind, request_)
    assert len(alice.events) == seen
    assert (alice.balance("BTC"), alice.balance("USDT")) == before


@pytest.mark.parametrize(
    "rules, kind, message",
    [
        ({"allows_oco": False}, ListKind.OCO, "OCO orders are not supported for this symbol"),
        ({"allows_oco": False}, ListKind.OTOCO, "OCO orders are not supported for this symbol"),
        ({"allows_oto": False}, ListKind.OTO, "OTO orders are not supported for this symbol."),
        ({"allows_opo": False}, ListKind.OPO, "OPO orders are not supported for this symbol."),
    ],
)
def test_a_symbol_may_not_offer_lists(clock, refused, rules, kind, message):
    """The symbol's entry says what it offers."""
    exchange = Exchange(clock=clock, symbols=[attrs.evolve(DEFAULT_SYMBOLS[0], **rules)])
    account = exchange.open_account({"USDT": "100000", "BTC": "1"})
    with refused(-2010, message):
        exchange.trading.place_list(account, kind, REQUESTS[kind])


def test_a_maker_that_would_take_refuses_the_pair(alice, place, market, refused):
    """Nothing of the list is placed."""
    market.crowd[0].sell("1", "89")
    with refused(-2010, "Order would immediately match and take."):
        place(ListKind.OCO, BUY_OCO)
    assert alice.reports == []
