"""binance_socket._session.plans, and the matters of every method."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from binance_socket._session.findings import Follow, Settled, Standing, Unclear, keys_of_event
from binance_socket._session.plans import PLANS, client_order_ids, matters_of
from binance_socket._wire.messages import Reply, Request
from binance_socket.errors import ApiError, ConnectionLost, DecodeError
from binance_socket.outcomes import Executed, NotExecuted, NotPlaced, Placed

SENT = 1_700_000_000_000
S = "BTCUSDT"
ABSENT = ApiError(-2013, "Order does not exist.")
GONE = ConnectionLost("gone")
REFUSED = Reply("1", 400, None, {"code": -2010, "msg": "no"})
NOBODY_KNOWS = Reply("1", 503, None, {"code": -1007, "msg": "?"})


def matters(method: str, **params: Any) -> tuple[Any, ...]:
    return matters_of(Request(method, {"symbol": S, **params}, mutating=True), SENT)


def order(status: str = "NEW", number: int = 1, name: str = "mine", **more: Any) -> dict[str, Any]:
    return {"symbol": S, "orderId": number, "clientOrderId": name, "status": status, "time": SENT, **more}


def report(x: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "e": "executionReport",
        "s": S,
        "c": "mine",
        "C": "",
        "i": 1,
        "x": x,
        "X": status,
        "T": SENT,
        "O": SENT,
        **more,
    }


@pytest.mark.parametrize("method", PLANS)
def test_without_ids_nothing_can_be_asked(method: str) -> None:
    """But a late reply tells, if one comes."""
    for matter in matters_of(Request(method, {}, mutating=True), SENT):
        assert matter.question is None
        assert isinstance(matter.replied(REFUSED), Settled)
        assert isinstance(matter.replied(NOBODY_KNOWS), Unclear)
        assert matter.reported(report("NEW", "NEW")) is None
        assert matter.keys == frozenset()
        assert matter.answered(Request("x"), None) == Unclear(matter.doubt)


def test_an_unknown_method() -> None:
    """Its reply tells."""
    [matter] = matters("something.new")
    assert isinstance(matter.replied(Reply("1", 200, {})).verdict, Executed)


def test_client_order_ids() -> None:
    """What is concerned comes first."""

    def ids(method: str, **params: Any) -> tuple[str, ...]:
        return client_order_ids(Request(method, params))

    assert ids("order.place", newClientOrderId="a") == ("a",)
    assert ids("order.cancel", origClientOrderId="a", newClientOrderId="b") == ("a", "b")
    assert ids("orderList.place.oto", workingClientOrderId="b", listClientOrderId="a") == ("a", "b")
    assert ids("order.cancelReplace", cancelOrigClientOrderId="old", newClientOrderId="new") == ("new", "old")


def test_placing() -> None:
    """The order is there, or it is not."""
    [matter] = matters("order.place", newClientOrderId="mine")
    assert isinstance(matter.answered(matter.question, order()).verdict, Placed)
    assert isinstance(matter.answered(matter.question, ABSENT), Standing)
    assert isinstance(matter.answered(matter.question, GONE), Unclear)
    assert isinstance(matter.replied(Reply("1", 200, order())).verdict, Placed)
    assert isinstance(matter.replied(REFUSED).verdict, NotPlaced)
    assert isinstance(matter.reported(report("CANCELED", "CANCELED", c="other", C="mine")).verdict, Placed)
    assert isinstance(matter.reported(report("REJECTED", "REJECTED")).verdict, NotPlaced)
    assert matter.reported(report("NEW", "NEW", c="other")) is None
    assert matter.doubt


@pytest.mark.parametrize("status, verdict", [("CANCELED", Executed), ("FILLED", NotExecuted), ("EXPIRED", NotExecuted)])
def test_cancelling(status: str, verdict: type) -> None:
    """The end of the order tells; as long as it is open, nothing is settled."""
    for reference in ({"orderId": 1}, {"origClientOrderId": "mine", "newClientOrderId": "own"}):
        [matter] = matters("order.cancel", **reference)
        assert isinstance(matter.answered(matter.question, order(status)).verdict, verdict)
        assert isinstance(matter.answered(matter.question, order("NEW")), Standing)
        assert isinstance(matter.answered(matter.question, GONE), Unclear)
        assert isinstance(matter.reported(report(status, status)).verdict, verdict)
        assert matter.reported(report("TRADE", "PARTIALLY_FILLED")) is None
        assert matter.reported(report(status, status, i=2, c="x", C="y")) is None
        assert matter.reported(report(status, status, s="ETHUSDT")) is None
        assert isinstance(matter.replied(Reply("1", 200, order("CANCELED"))).verdict, Executed)
        assert matter.doubt
    follow = matter.answered(matter.question, ABSENT)
    assert isinstance(follow, Follow)
    assert isinstance(matter.answered(follow.request, ABSENT), Standing)


def test_both_halves_of_a_cancel_replace() -> None:
    """Each reads its own part of the reply."""
    cancellation, placement = matters("order.cancelReplace", cancelOrderId=1, newClientOrderId="mine")

    def verdicts(reply: Reply) -> list[Any]:
        findings = [cancellation.replied(reply), placement.replied(reply)]
        return [type(finding.verdict if isinstance(finding, Settled) else finding) for finding in findings]

    done = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS", "cancelResponse": order("CANCELED")}
    assert verdicts(Reply("1", 200, {**done, "newOrderResponse": order()})) == [Executed, Placed]
    failed = {"newOrderResult": "FAILURE", "newOrderResponse": {"code": -2010, "msg": "no"}}
    error = {"code": -2021, "msg": "partly", "data": {**done, **failed}}
    assert verdicts(Reply("1", 409, None, error)) == [Executed, NotPlaced]
    nothing = {
        "cancelResult": "FAILURE",
        "newOrderResult": "NOT_ATTEMPTED",
        "cancelResponse": {"code": -2011, "msg": "?"},
    }
    assert verdicts(Reply("1", 400, None, {"code": -2022, "msg": "no", "data": nothing})) == [NotExecuted, NotPlaced]
    assert verdicts(REFUSED) == [NotExecuted, NotPlaced]
    assert verdicts(Reply("1", 200, {})) == [Unclear, Unclear]
    assert verdicts(Reply("1", 409, None, {"code": -2021, "msg": "partly"})) == [Unclear, Unclear]
    nobody = {**failed, "newOrderResponse": {"code": -1007, "msg": "?"}}
    assert verdicts(Reply("1", 200, {**done, **nobody})) == [Executed, Unclear]
    assert verdicts(NOBODY_KNOWS) == [Unclear, Unclear]
    for odd in ({}, [], 5, True):
        assert verdicts(Reply("1", 200, {"cancelResult": odd, "newOrderResult": odd})) == [Unclear, Unclear]
        failed = {**nothing, "cancelResponse": {"code": odd}, "newOrderResponse": {"code": odd}}
        assert verdicts(Reply("1", 200, failed)) == [NotExecuted, NotPlaced]


def test_amending() -> None:
    """The order's amendments tell, once its number is known."""
    [matter] = matters("order.amend.keepPriority", origClientOrderId="mine", newClientOrderId="own", newQty="1.0")
    asked = matter.answered(matter.question, order(name="own"))
    assert isinstance(asked, Follow)
    assert asked.request.method == "order.amendments"
    assert isinstance(matter.answered(asked.request, [{"newClientOrderId": "own"}]).verdict, Executed)
    assert isinstance(matter.answered(asked.request, [{"newClientOrderId": "x"}]), Standing)
    assert isinstance(matter.answered(asked.request, [{}] * 1000), Unclear)
    assert isinstance(matter.answered(asked.request, GONE), Unclear)
    again = matter.answered(matter.question, ABSENT)
    assert isinstance(again, Follow)
    assert isinstance(matter.answered(again.request, ABSENT), Standing)
    assert isinstance(matter.reported(report("REPLACED", "NEW", c="own", C="mine")).verdict, Executed)
    assert matter.reported(report("REPLACED", "NEW", c="own", C="other")) is None
    assert matter.reported(report("TRADE", "NEW")) is None
    assert isinstance(matter.replied(Reply("1", 200, {"amendedOrder": order()})).verdict, Executed)
    [unnamed] = matters("order.amend.keepPriority", origClientOrderId="mine", newQty="1.0")
    assert isinstance(unnamed.answered(unnamed.question, ABSENT), Unclear)
    [numbered] = matters("order.amend.keepPriority", orderId=1, newQty="1.0")
    entry = {"newQty": "1.00", "time": SENT}
    assert isinstance(numbered.answered(numbered.question, [entry]).verdict, Executed)
    for other in ({**entry, "time": 0}, {**entry, "newQty": "2"}, {**entry, "newQty": None}):
        assert isinstance(numbered.answered(numbered.question, [other]), Standing)
    assert isinstance(numbered.reported(report("REPLACED", "NEW", q="1.0")).verdict, Executed)
    assert matter.reported(report("REPLACED", "NEW", c="x", C="mine")) is None
    assert {*matter.keys, *numbered.keys} == {"mine", "own", ("i", S, 1)}
    assert matter.doubt


LIST = {"orderListId": 7, "transactionTime": SENT, "listOrderStatus": "EXECUTING", "orders": [order(), order(number=2)]}


def test_placing_a_list() -> None:
    """The list, its event, or one of its orders tells."""
    [matter] = matters("orderList.place.oco", listClientOrderId="list", aboveClientOrderId="a", belowClientOrderId="b")
    assert len(matter.answered(matter.question, LIST).verdict.orders) == 2
    assert isinstance(matter.answered(matter.question, {**LIST, "transactionTime": 5}), Unclear)
    assert isinstance(matter.answered(matter.question, ABSENT), Standing)
    leg = matter.answered(matter.question, GONE)
    assert isinstance(leg, Follow)
    assert isinstance(matter.answered(leg.request, order()).verdict, Placed)
    assert isinstance(matter.answered(leg.request, GONE), Unclear)
    event = {"e": "listStatus", "s": S, "g": 7, "C": "list", "L": "EXECUTING", "T": SENT}
    entry = {"s": S, "i": 1, "c": "a"}
    assert isinstance(matter.reported({**event, "O": [entry]}).verdict, Placed)
    assert isinstance(matter.reported({**event, "L": "REJECT"}).verdict, NotPlaced)
    assert matter.reported({**event, "O": []}) is None
    assert matter.reported({**event, "C": "other"}) is None
    assert matter.reported({**event, "s": "X"}) is None
    assert isinstance(matter.reported(report("NEW", "NEW", c="a")).verdict, Placed)
    assert matter.reported(report("NEW", "NEW", c="z")) is None
    assert isinstance(matter.replied(Reply("1", 200, LIST)).verdict, Placed)
    assert matter.keys == {"list", "a", "b"}
    [bare] = matters("orderList.place.oco", listClientOrderId="list")
    every = bare.answered(bare.question, GONE)
    assert every.request.method == "allOrderLists"
    entry = {**LIST, "listClientOrderId": "list"}
    assert len(bare.answered(every.request, [LIST, entry]).verdict.orders) == 2
    assert isinstance(bare.answered(every.request, [LIST]).verdict, NotPlaced)
    assert isinstance(bare.answered(every.request, [LIST] * 1000), Unclear)
    assert isinstance(bare.answered(every.request, GONE), Unclear)
    [unnamed] = matters("orderList.place.oto", workingClientOrderId="a")
    assert unnamed.question.method == "order.status"
    assert unnamed.doubt
    assert matter.doubt


def test_cancelling_a_list() -> None:
    """When it is done, its orders tell how."""
    [matter] = matters("orderList.cancel", orderListId=7, newClientOrderId="own")
    [named] = matters("orderList.cancel", listClientOrderId="list")
    assert named.question.params == {"origClientOrderId": "list"}
    assert isinstance(matter.answered(matter.question, LIST), Standing)
    assert isinstance(matter.answered(matter.question, ABSENT), Standing)
    assert isinstance(matter.answered(matter.question, GONE), Unclear)
    for last, verdict in (("CANCELED", Executed), ("EXPIRED", NotExecuted)):
        first = matter.answered(matter.question, {**LIST, "listOrderStatus": "ALL_DONE"})
        assert isinstance(matter.answered(first.request, GONE), Unclear)
        second = matter.answered(first.request, order("FILLED"))
        assert isinstance(matter.answered(second.request, order(last)).verdict, verdict)
    assert isinstance(matter.reported(report("CANCELED", "CANCELED", c="own")).verdict, Executed)
    assert isinstance(matter.reported(report("CANCELED", "CANCELED", g=7)).verdict, Executed)
    assert matter.reported(report("CANCELED", "CANCELED")) is None
    assert named.reported(report("CANCELED", "CANCELED")) is None
    assert isinstance(matter.replied(Reply("1", 200, LIST)).verdict, Executed)
    assert (matter.keys, named.keys) == ({"own", ("g", S, 7)}, frozenset())
    assert matter.doubt
    assert named.doubt


def test_cancelling_everything() -> None:
    """What was open before is, or is not any more; neither is certain at once."""
    [matter] = matters("openOrders.cancelAll")
    assert isinstance(matter.answered(matter.question, [order(time=SENT - 5000)]).verdict, NotExecuted)
    assert isinstance(matter.answered(matter.question, []).verdict, Executed)
    assert isinstance(matter.answered(matter.question, [order(time=SENT + 60_001)]).verdict, Executed)
    # Whether these were there when it was executed is not certain: the clocks may differ by as much.
    for placed_at in (SENT - 1000, SENT, SENT + 60_000):
        assert isinstance(matter.answered(matter.question, [order(time=placed_at)]), Unclear)
    assert isinstance(matter.answered(matter.question, GONE), Unclear)
    assert isinstance(matter.replied(Reply("1", 200, [order("CANCELED")])).verdict, Executed)
    assert matter.reported(report("CANCELED", "CANCELED")) is None
    assert matter.keys == frozenset()
    assert matter.doubt


def test_keys_of_events() -> None:
    """Both client order ids, and the numbers; nothing of what is none of ours."""
    assert keys_of_event(report("NEW", "NEW", C="old", g=-1)) == ("mine", "old", ("i", S, 1), ("g", S, -1))
    assert keys_of_event({"e": "listStatus", "C": "list"}) == ("list",)
    assert keys_of_event({"e": "listStatus"}) == keys_of_event({}) == ()


@pytest.mark.parametrize("strange", [None, [], {}, ["mine"], 1.5, True, "?", [[[]]]], ids=repr)
@pytest.mark.parametrize(
    "request_",
    [
        Request[Any]("order.place", {"symbol": S, "newClientOrderId": "mine"}, mutating=True),
        Request[Any]("order.cancel", {"symbol": S, "origClientOrderId": "mine"}, mutating=True),
        Request[Any]("order.cancel", {"symbol": S, "orderId": 1}, mutating=True),
        Request[Any](
            "order.amend.keepPriority", {"symbol": S, "origClientOrderId": "mine", "newQty": "1"}, mutating=True
        ),
        Request[Any]("openOrders.cancelAll", {"symbol": S}, mutating=True),
        Request[Any](
            "orderList.place.oco",
            {"symbol": S, "listClientOrderId": "mine", "aboveClientOrderId": "a", "belowClientOrderId": "b"},
            mutating=True,
        ),
        Request[Any]("orderList.cancel", {"symbol": S, "listClientOrderId": "mine"}, mutating=True),
    ],
    ids=lambda value: value.method if isinstance(value, Request) else repr(value),
)
def test_events_of_another_shape_are_no_reason_to_raise(request_: Request[Any], strange: Any) -> None:
    """They tell nothing, or what can be made out, or are no such event."""
    listing = {"e": "listStatus", "s": S, "g": 1, "C": "mine", "L": "EXECUTING", "O": [{"c": "a", "i": 1}], "T": 1}
    for event in (report("NEW", "NEW", C="old", g=-1), report("CANCELED", "CANCELED", C="mine", g=1), listing):
        for key in event:
            changed = {**event, key: strange}
            keys_of_event(changed)
            for matter in matters_of(request_, 0):
                with contextlib.suppress(DecodeError):
                    matter.reported(changed)
