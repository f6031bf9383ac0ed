"""The WebSocket API's requests and answers, as the documents describe them."""

import json

import pytest

UNKNOWN_ID = {"id": None, "status": 400}


@pytest.mark.parametrize(
    "request_id", [1, 0, -5, 2**63 - 1, "a", "x" * 36, "e2a85d9f-07a5-4f94-8d5f-789dc3deb097", None]
)
def test_any_documented_id_is_echoed(peer, request_id):
    """Integers, short strings and null are ids, and come back as they were."""
    peer.socket.send(json.dumps({"id": request_id, "method": "ping"}))
    reply = peer.receive()
    assert reply["id"] == request_id
    assert reply["status"] == 200
    assert reply["result"] == {}


@pytest.mark.parametrize("request_id", ["x" * 37, "", "white space", "ünïcode", 1.5, True, [], {}, 2**63])
def test_other_ids_are_refused_without_being_echoed(peer, request_id):
    """What is no id is answered with id null and -1100."""
    peer.socket.send(json.dumps({"id": request_id, "method": "ping"}))
    reply = peer.receive()
    assert reply["id"] is None
    assert reply["status"] == 400
    assert reply["error"]["code"] == -1100


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"ping"', '{"id":1,"method":"ping","params":{"a":NaN}}'])
def test_what_is_no_request_is_invalid_json(peer, text):
    """Anything but a JSON object is answered with -1135, and the connection goes on."""
    peer.socket.send(text)
    reply = peer.receive()
    assert reply["id"] is None
    assert reply["error"]["code"] == -1135
    assert peer.result("ping") == {}


def test_a_duplicate_parameter_is_refused(peer):
    """A name that stands twice in an object is -1101."""
    peer.socket.send('{"id":1,"method":"ping","params":{"a":1,"a":2}}')
    assert peer.receive()["error"]["code"] == -1101


def test_the_id_is_mandatory(peer):
    """A request without an id is refused."""
    peer.socket.send('{"method":"ping"}')
    error = peer.receive()["error"]
    assert error == {
        "code": -1102,
        "msg": "Mandatory parameter 'id' was not sent, was empty/null, or malformed.",
    }


def test_an_unknown_method_is_refused(peer):
    """A method that does not exist is an error of that request alone."""
    assert peer.error("no.such.method")["code"] == -1020
    assert peer.result("ping") == {}


def test_a_method_may_carry_its_version(peer):
    """v3/time is time."""
    assert set(peer.result("v3/time")) == {"serverTime"}


def test_unknown_parameters_are_counted_and_refused(peer):
    """More parameters than are read: -1104, with both numbers."""
    error = peer.error("ping", nonsense=1)
    assert error == {
        "code": -1104,
        "msg": "Not all sent parameters were read; read '0' parameter(s) but was sent '1'.",
    }


@pytest.mark.parametrize(
    "params, code, name",
    [
        ({"symbol": "BTCUSDT", "side": "BUY"}, -1102, "type"),
        ({"symbol": "", "side": "BUY", "type": "LIMIT"}, -1102, "symbol"),
        ({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1e3"}, -1100, "quantity"),
        ({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "price": "-1"}, -1100, "price"),
        ({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "strategyId": "x"}, -1100, "strategyId"),
        ({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": ""}, -1105, "quantity"),
        ({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": [1]}, -1100, "quantity"),
    ],
)
def test_malformed_parameters_are_named(peer, account, params, code, name):
    """Missing, empty and malformed parameters have codes of their own and name the parameter."""
    error = peer.error("order.place", **peer.signed(account, **params))
    assert error["code"] == code
    assert f"'{name}'" in error["msg"]


def test_one_of_two_parameters_is_enough_but_needed(peer, account):
    """order.status wants orderId or origClientOrderId."""
    error = peer.error("order.status", **peer.signed(account, symbol="BTCUSDT"))
    assert error == {
        "code": -1102,
        "msg": "Param 'orderId' or 'origClientOrderId' must be sent, but both were empty/null!",
    }


def test_params_must_be_an_object(peer):
    """A list of parameters is refused, under the request's own id."""
    peer.socket.send('{"id":7,"method":"ping","params":[1]}')
    reply = peer.receive()
    assert reply["id"] == 7
    assert reply["error"]["code"] == -1135


def test_rate_limits_come_with_every_answer_unless_they_are_not_wanted(sandbox, talk):
    """returnRateLimits in the request decides, then the URL, then they are shown."""
    loud, quiet = talk(sandbox), talk(sandbox, "?returnRateLimits=false")
    assert "rateLimits" in loud.call("ping")
    assert "rateLimits" not in loud.call("ping", returnRateLimits=False)
    assert "rateLimits" not in quiet.call("ping")
    assert "rateLimits" in quiet.call("ping", returnRateLimits=True)
    assert "rateLimits" in loud.call("no.such.method")
    assert quiet.result("session.status")["returnRateLimits"] is False


def test_times_come_in_microseconds_on_request(sandbox, talk, ed25519):
    """timeUnit=MICROSECOND in the URL makes answers and events tell microseconds."""
    peer = talk(sandbox, "?timeUnit=MICROSECOND")
    assert peer.result("time")["serverTime"] > 10**15
    peer.result("userDataStream.subscribe.signature", **peer.signed(ed25519))
    ed25519.deposit("BTC", "1")
    event = peer.receive()["event"]
    assert event["e"] == "balanceUpdate"
    assert event["E"] == ed25519.events[-2]["E"] * 1000
    assert event["T"] > 10**15


def test_a_binary_message_closes_the_connection(peer):
    """The API speaks text."""
    peer.socket.send(b"{}")
    with pytest.raises(Exception, match="1003"):
        peer.socket.recv(5)


def test_an_order_can_be_placed_queried_and_cancelled(peer, account):
    """The trading methods reach the exchange."""
    placed = peer.call(
        "order.place",
        **peer.signed(
            account, symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="20000"
        ),
    )
    assert [limit["rateLimitType"] for limit in placed["rateLimits"]] == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
    assert [limit["count"] for limit in placed["rateLimits"][:2]] == [1, 1]
    order_id = placed["result"]["orderId"]
    query = {"symbol": "BTCUSDT", "orderId": order_id}
    assert peer.result("order.status", **peer.signed(account, **query))["status"] == "NEW"
    assert [o["orderId"] for o in peer.result("openOrders.status", **peer.signed(account))] == [order_id]
    assert peer.result("order.cancel", **peer.signed(account, **query))["status"] == "CANCELED"
    assert peer.result("openOrders.status", **peer.signed(account, symbol="BTCUSDT")) == []
    assert [o["status"] for o in peer.result("allOrders", **peer.signed(account, symbol="BTCUSDT"))] == ["CANCELED"]
    assert peer.result("myTrades", **peer.signed(account, symbol="BTCUSDT")) == []
    counted = peer.result("account.rateLimits.orders", **peer.signed(account))
    assert [limit["count"] for limit in counted] == [1, 1]


def test_a_test_order_changes_nothing(peer, account):
    """order.test validates and forgets."""
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    assert peer.result("order.test", **peer.signed(account, price="20000", **order)) == {}
    assert peer.error("order.test", **peer.signed(account, price="0.001", **order))["code"] == -1013
    assert account.events == []


def test_all_open_orders_can_be_cancelled_at_once(peer, account):
    """openOrders.cancelAll cancels the symbol's."""
    for price in ("20000", "21000"):
        account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price=price)
    cancelled = peer.result("openOrders.cancelAll", **peer.signed(account, symbol="BTCUSDT"))
    assert len(cancelled) == 2
    assert {order["status"] for order in cancelled} == {"CANCELED"}


def test_exchange_info_lists_symbols_and_limits(peer):
    """exchangeInfo holds what a client needs to place an order."""
    info = peer.result("exchangeInfo", symbols=["BTCUSDT"])
    assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT"]
    assert [limit["rateLimitType"] for limit in info["rateLimits"]] == [
        "REQUEST_WEIGHT",
        "ORDERS",
        "ORDERS",
        "RAW_REQUESTS",
        "CONNECTIONS",
    ]


def test_a_list_may_come_as_text(peer):
    """As the official SDK sends it."""
    assert len(peer.result("exchangeInfo", symbols='["BTCUSDT","ETHUSDT"]')["symbols"]) == 2
    for bad in ("[", '"BTCUSDT"', "[1]", "BTCUSDT"):
        assert peer.error("exchangeInfo", symbols=bad)["code"] == -1130
