"""order.cancelReplace: every outcome of its two halves, as documented."""

import pytest

from binance_socket.sandbox.errors import ExchangeError
from binance_socket.sandbox.replacing import REPLACE_PARAMETERS

NEW = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50"}
MAKER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "1", "price": "100"}
TOO_MANY = ExchangeError(-1015, "Too many new orders; current limit is 50 orders per 10 SECOND.", status=429)
UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
WOULD_TAKE = {"code": -2010, "msg": "Order would immediately match and take."}


@pytest.fixture
def replace(exchange, alice):
    def replace(mode, order=NEW, too_many=None, **params):
        return exchange.replacing.replace(alice.account, {**order, "cancelReplaceMode": mode, **params}, too_many)

    return replace


@pytest.fixture
def answers(spec):
    """The documented answers: success, and the errors' data."""
    methods = {method["method"]: method for method in spec("ws_api.json")}
    return methods["order.cancelReplace"]["responses"]


def shape(answer):
    """The keys of an answer and its halves."""
    return {name: sorted(value) if isinstance(value, dict) else value is None for name, value in answer.items()}


def failure(call, code, status):
    with pytest.raises(ExchangeError) as refusal:
        call()
    assert (refusal.value.code, refusal.value.status) == (code, status)
    return refusal.value.data


def test_parameters(spec):
    """The documented parameters and no others."""
    methods = {method["method"]: method for method in spec("ws_api.json")}
    documented = {parameter["name"] for parameter in methods["order.cancelReplace"]["parameters"]}
    assert documented - {"recvWindow"} == REPLACE_PARAMETERS


def test_both_succeed(alice, replace, answers):
    """The new order may have the old one's client id, and pays with what the old one gives back."""
    old = alice.buy("8000", "100", newClientOrderId="mine")
    answer = replace(
        "STOP_ON_FAILURE", newClientOrderId="mine", quantity="9000", price="110", newOrderRespType="RESULT",
        cancelOrderId=old["orderId"], cancelOrigClientOrderId="mine", cancelNewClientOrderId="gone",
    )  # fmt: skip
    example = answers[0]["result"]
    assert answer.keys() == example.keys()
    assert answer["cancelResponse"].keys() == example["cancelResponse"].keys()
    # The example leaves workingTime out, that of order.place has it.
    assert answer["newOrderResponse"].keys() == example["newOrderResponse"].keys() | {"workingTime"}
    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert answer["cancelResponse"]["clientOrderId"] == "gone"
    assert alice.story == [("NEW", "NEW"), ("CANCELED", "CANCELED"), ("NEW", "NEW")]


def test_nothing_is_placed_where_the_cancellation_stops_it(alice, replace, answers):
    """STOP_ON_FAILURE: not attempted."""
    data = failure(lambda: replace("STOP_ON_FAILURE", cancelOrderId=99), -2022, 400)
    assert data == answers[1]["error"]["data"]
    assert alice.events == []


@pytest.mark.parametrize("mode", ["STOP_ON_FAILURE", "ALLOW_FAILURE"])
def test_the_cancellation_stands_where_the_order_fails(alice, bob, replace, answers, mode):
    """It is no transaction."""
    bob.sell("1", "100")
    old = alice.buy("1", "50")
    data = failure(lambda: replace(mode, MAKER, cancelOrderId=old["orderId"]), -2021, 409)
    assert shape(data) == shape(answers[2]["error"]["data"])
    assert data["newOrderResponse"] == WOULD_TAKE
    assert alice.status(old)["status"] == "CANCELED"


def test_the_order_stands_where_the_cancellation_fails(alice, replace, answers):
    """ALLOW_FAILURE: attempted all the same."""
    data = failure(lambda: replace("ALLOW_FAILURE", cancelOrigClientOrderId="none"), -2021, 409)
    assert shape(data) == shape(answers[3]["error"]["data"])
    assert data["cancelResponse"] == UNKNOWN
    assert alice.story == [("NEW", "NEW")]


def test_both_fail(alice, bob, replace, answers):
    """Each with its own reason."""
    bob.sell("1", "100")
    data = failure(lambda: replace("ALLOW_FAILURE", MAKER, cancelOrderId=99), -2022, 400)
    assert data == answers[4]["error"]["data"]


def test_restrictions_keep_an_order(alice, bob, replace):
    """Only what the restriction allows is cancelled."""
    old = alice.buy("1", "50")
    params = {"cancelOrderId": old["orderId"], "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}
    data = failure(lambda: replace("STOP_ON_FAILURE", **params), -2022, 400)
    assert data["cancelResponse"] == {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}
    bob.sell("0.5", "50")
    assert replace("STOP_ON_FAILURE", **params)["cancelResult"] == "SUCCESS"


def test_an_order_of_a_list_takes_the_list_along(exchange, alice, replace):
    """The answer to the cancellation is the list's."""
    from binance_socket.sandbox.list_parameters import ListKind

    pair = {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110",
        "belowType": "STOP_LOSS", "belowStopPrice": "90",
    }  # fmt: skip
    placed = exchange.trading.place_list(alice.account, ListKind.OCO, pair)
    answer = replace("STOP_ON_FAILURE", cancelOrderId=placed["orders"][0]["orderId"])
    assert answer["cancelResponse"]["listOrderStatus"] == "ALL_DONE"


@pytest.mark.parametrize("mode", ["STOP_ON_FAILURE", "ALLOW_FAILURE"])
def test_too_many_orders(alice, replace, mode):
    """By default nothing happens."""
    old = alice.buy("1", "50")
    assert failure(lambda: replace(mode, too_many=TOO_MANY, cancelOrderId=old["orderId"]), -1015, 429) is None
    assert alice.status(old)["status"] == "NEW"


@pytest.mark.parametrize(
    "mode, known, code, status, results",
    [
        ("STOP_ON_FAILURE", True, -2021, 429, ("SUCCESS", "FAILURE")),
        ("STOP_ON_FAILURE", False, -2022, 429, ("FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", True, -2021, 409, ("SUCCESS", "FAILURE")),
        ("ALLOW_FAILURE", False, -2022, 400, ("FAILURE", "FAILURE")),
    ],
)
def test_too_many_orders_may_cancel_all_the_same(alice, replace, mode, known, code, status, results):
    """CANCEL_ONLY: the documents' table of statuses."""
    old = alice.buy("1", "50")
    params = {"cancelOrderId": old["orderId"] if known else 99, "orderRateLimitExceededMode": "CANCEL_ONLY"}
    data = failure(lambda: replace(mode, too_many=TOO_MANY, **params), code, status)
    assert (data["cancelResult"], data["newOrderResult"]) == results
    if results[1] == "FAILURE":
        assert data["newOrderResponse"] == {"code": -1015, "msg": TOO_MANY.message}


@pytest.mark.parametrize(
    "params, code, message",
    [
        ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"cancelReplaceMode": "MAYBE"}, -1130, "Data sent for parameter 'cancelReplaceMode' is not valid."),
        ({"orderRateLimitExceededMode": "X"}, -1130,
         "Data sent for parameter 'orderRateLimitExceededMode' is not valid."),
        ({"cancelOrderId": None}, -1102,
         "Param 'cancelOrigClientOrderId' or 'cancelOrderId' must be sent, but both were empty/null!"),
        ({"price": None}, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        ({"computeCommissionRates": True}, -1104,
         "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."),
    ],
)  # fmt: skip
def test_what_is_wrong_by_itself_cancels_nothing(alice, replace, refused, params, code, message):
    """Parameters and filters are looked at before."""
    old = alice.buy("1", "50")
    with refused(code, message):
        replace("STOP_ON_FAILURE", **{"cancelOrderId": old["orderId"], **params})
    assert alice.status(old)["status"] == "NEW"
