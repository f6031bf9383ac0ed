"""Trading through a client: names of orders' own, what is refused before it is sent, and both halves of a failure."""

import copy
import itertools
import json
import os
import pickle
import warnings
from pathlib import Path

import pytest

from binance_socket import (
    ApiError,
    CancelReplaceFailed,
    ContingentLeg,
    InvalidRequest,
    OutcomeUnknown,
    WorkingLeg,
)
from binance_socket._wire.messages import Request, parse_reply, response_to
from binance_socket.models import CanceledOrder, CanceledOrderList, Cancellation, CancelReplaceStatus, PlacedOrder
from binance_socket.spot_api import Trading

PATIENCE = 10.0
ACK = {"symbol": "X", "orderId": 1, "orderListId": -1, "clientOrderId": "a", "transactTime": 1_700_000_000_000}
STANDING = {
    **ACK,
    "price": "1",
    "origQty": "1",
    "executedQty": "0",
    "cummulativeQuoteQty": "0",
    "status": "CANCELED",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
}
ABOVE = ContingentLeg("STOP_LOSS", stop_price=1)
BELOW = ContingentLeg("LIMIT_MAKER", price=2)
WORKING = WorkingLeg("LIMIT", "BUY", quantity=1, price=1, time_in_force="GTC")


@pytest.fixture
def sent(network):
    """Submit something, and return the parameters that were sent: ``sent(client, submit)``."""
    links = []

    def submit_and_look(client, submit):
        future = submit(client.spot_api.trading)
        links.extend([] if links else [network.accept()])
        params = links[0].sent()["params"]
        future.cancel()
        return params

    return submit_and_look


@pytest.fixture
def numbered(make_client):
    """A client whose orders are called n1, n2..."""
    numbers = itertools.count(1)
    return make_client(client_order_ids=lambda: f"n{next(numbers)}")


@pytest.mark.parametrize(
    ("submit", "names"),
    [
        (lambda room: room.place_order.submit("X", "BUY", "MARKET", quantity=1), ["newClientOrderId"]),
        (lambda room: room.place_sor_order.submit("X", "BUY", "MARKET", quantity=1), ["newClientOrderId"]),
        (lambda room: room.amend_order.submit("X", 1, new_quantity=1), ["newClientOrderId"]),
        (
            lambda room: room.replace_order.submit(
                "X", "BUY", "MARKET", "ALLOW_FAILURE", cancel_order_id=1, quantity=1
            ),
            ["newClientOrderId"],
        ),
        (
            lambda room: room.place_oco_order_list.submit("X", "BUY", 1, above=ABOVE, below=BELOW),
            ["listClientOrderId", "aboveClientOrderId", "belowClientOrderId"],
        ),
        (
            lambda room: room.place_otoco_order_list.submit(
                "X", working=WORKING, pending_side="SELL", pending_quantity=1, pending_above=ABOVE
            ),
            ["listClientOrderId", "workingClientOrderId", "pendingAboveClientOrderId"],
        ),
        (lambda room: room.cancel_order.submit("X", 1), []),
        (lambda room: room.place_test_order.submit("X", "BUY", "MARKET", quantity=1), []),
    ],
)
def test_whatever_is_placed_has_a_name_of_its_own(numbered, sent, submit, names):
    """The order, the list and each leg that there is; what only asks or cancels has none."""
    params = sent(numbered, submit)
    ours = {name: value for name, value in params.items() if name.endswith("ClientOrderId")}
    assert sorted(ours) == sorted(names)
    assert sorted(ours.values()) == [f"n{number + 1}" for number in range(len(names))]


def test_a_name_that_was_given_is_kept(numbered, sent):
    """Nothing is drawn for it."""
    params = sent(
        numbered,
        lambda room: room.place_order.submit("X", "BUY", "MARKET", quantity=1, new_client_order_id="mine"),
    )
    assert params["newClientOrderId"] == "mine"


def test_default_names_differ(client, sent):
    """Each order's is new."""
    names = {
        sent(client, lambda room: room.place_order.submit("X", "BUY", "MARKET", quantity=1))["newClientOrderId"]
        for _ in range(20)
    }
    assert len(names) == 20
    assert all(len(name) == 32 and name.isalnum() for name in names)


def test_bad_names_of_the_factory_are_refused(make_client, network):
    """Before anything is sent."""
    trading = make_client(client_order_ids=lambda: "not allowed").spot_api.trading
    with pytest.raises(InvalidRequest, match="client_order_ids"):
        trading.place_order("X", "BUY", "MARKET", quantity=1)
    assert network.attempts == []


def test_what_is_wrong_is_never_sent(client, network):
    """Neither calls nor submissions get as far as a connection."""
    trading = client.spot_api.trading
    for call in (trading.place_order, trading.place_order.submit, trading.place_test_order):
        with pytest.raises(InvalidRequest, match="needs time_in_force and price and quantity"):
            call("X", "BUY", "LIMIT")
        with pytest.raises(TypeError, match="float"):
            call("X", "BUY", "MARKET", quantity=0.1)
    assert network.attempts == []


def test_the_deprecated_list_warns_at_the_line_of_the_call(client, sent):
    """Blocking or not, that is the user's."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        params = sent(client, lambda room: room.place_oco_order.submit("X", "BUY", 1, 2, stop_price=3))
    assert [(item.category, item.filename) for item in caught] == [(DeprecationWarning, __file__)]
    assert {"listClientOrderId", "limitClientOrderId", "stopClientOrderId"} <= params.keys()


@pytest.mark.parametrize(
    ("more", "message"),
    [({}, "stop_price or trailing_delta"), ({"stop_price": 1, "stop_limit_price": 2}, "need each other")],
)
def test_the_deprecated_list_has_rules_too(more, message):
    """They are checked."""
    with pytest.warns(DeprecationWarning, match="place_oco_order_list"), pytest.raises(InvalidRequest, match=message):
        Trading.place_oco_order.request("X", "BUY", 1, 2, **more)


@pytest.mark.parametrize(
    ("endpoint", "args", "more", "weight"),
    [
        (Trading.place_test_order, ("X", "BUY", "MARKET"), {"quantity": 1}, 1),
        (Trading.place_test_order, ("X", "BUY", "MARKET"), {"quantity": 1, "compute_commission_rates": True}, 20),
        (Trading.place_test_sor_order, ("X", "BUY", "MARKET"), {"quantity": 1, "compute_commission_rates": False}, 1),
        (Trading.get_open_orders, (), {}, 80),
        (Trading.get_open_orders, ("X",), {}, 6),
        (Trading.get_user_trades, ("X",), {}, 20),
        (Trading.get_user_trades, ("X", 1), {}, 5),
        (Trading.get_prevented_trades, ("X", 1), {}, 2),
        (Trading.get_prevented_trades, ("X",), {"order_id": 1}, 20),
    ],
)
def test_weights_that_depend_on_parameters(endpoint, args, more, weight):
    """As the tables say."""
    assert endpoint.request(*args, **more).weight == weight


def failed(cancel, new, results=("SUCCESS", "FAILURE"), code=-2021):
    data = {
        "cancelResult": results[0],
        "newOrderResult": results[1],
        "cancelResponse": cancel,
        "newOrderResponse": new,
    }
    return {"id": 1, "status": 409, "error": {"code": code, "msg": "failed", "data": data}}


def raised(reply):
    with pytest.raises((ApiError, OutcomeUnknown)) as caught:
        response_to(Request("order.cancelReplace", mutating=True), parse_reply(reply))
    return caught.value


def test_both_halves_of_a_failed_cancel_replace():
    """Each is typed; the error survives copying and pickling."""
    error = raised(failed(STANDING, {"code": -2010, "msg": "no"}))
    assert isinstance(error, CancelReplaceFailed)
    for each in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):  # our own
        assert (each.cancel_result, each.new_order_result) == ("SUCCESS", "FAILURE")
        assert isinstance(each.cancel_response, CanceledOrder)
        assert each.cancel_error is each.new_order_response is None
        assert (each.new_order_error.code, each.new_order_error.method) == (-2010, "order.cancelReplace")
    other = raised(failed({"code": -2011, "msg": "no"}, ACK, ("FAILURE", "SUCCESS")))
    assert isinstance(other.new_order_response, PlacedOrder)
    assert other.cancel_error.code == -2011
    neither = raised(failed({"code": -2011, "msg": "no"}, None, ("FAILURE", "NOT_ATTEMPTED"), -2022))
    assert neither.new_order_result is CancelReplaceStatus.NOT_ATTEMPTED
    assert neither.new_order_error is neither.new_order_response is None


def test_a_half_that_cannot_be_read_hides_no_error():
    """What was sent is in ``data``."""
    error = raised(failed({"symbol": 5}, {"code": -2010, "msg": "no"}))
    assert error.cancel_response is None
    assert error.data["cancelResponse"] == {"symbol": 5}


@pytest.mark.parametrize("data", [None, [], {}, {"cancelResult": 5, "newOrderResult": "SUCCESS"}])
def test_an_error_without_halves_is_a_plain_one(data):
    """Nothing is made up."""
    error = raised({"id": 1, "status": 409, "error": {"code": -2021, "msg": "failed", "data": data}})
    assert type(error) is ApiError


@pytest.mark.parametrize("code", [-1006, -1007])
def test_a_half_that_is_unknown_makes_the_outcome_unknown(code):
    """The exchange does not know itself."""
    assert isinstance(raised(failed(STANDING, {"code": code, "msg": "?"})), OutcomeUnknown)


def test_cancelling_returns_orders_or_lists():
    """Told apart by what only lists have; both know the orders."""
    spec_dir = os.environ.get("BINANCE_SPEC_DIR")
    if not spec_dir:
        pytest.skip("BINANCE_SPEC_DIR is not set: it names the directory with the exchange's documents as data")
    methods = json.loads((Path(spec_dir) / "ws_api.json").read_text("utf-8"))
    (cancel,) = [method for method in methods if method["method"] == "openOrders.cancelAll"]
    assert Trading.cancel_all_orders.prototype.returns == list[Cancellation]
    order, order_list = Trading.cancel_all_orders.prototype.read(cancel["responses"][0]["result"])
    assert isinstance(order, CanceledOrder)
    assert order.canceled_orders == (order,)
    assert isinstance(order_list, CanceledOrderList)
    assert order_list.canceled_orders == order_list.order_reports
