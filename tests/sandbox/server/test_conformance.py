"""The sandbox's answers and events against the documents' examples: the same keys, and values of the same kind."""

import pytest

pytestmark = pytest.mark.conformance

# Keys that the documents' examples show, and that appear only under conditions which these orders do not meet.
CONDITIONAL = {
    "order.status": {
        "trailingDelta",
        "trailingTime",
        "strategyId",
        "strategyType",
        "preventedMatchId",
        "preventedQuantity",
    },
    "allOrders": {"preventedMatchId", "preventedQuantity"},
    "order.cancel": {"stopPrice", "trailingDelta", "icebergQty", "strategyId", "strategyType"},
    "openOrders.cancelAll": {"stopPrice", "trailingDelta", "trailingTime", "icebergQty", "strategyId", "strategyType"},
    "executionReport": {"v", "W"},
    "orderList.place": {"stopPrice"},
    "orderList.place.oco": {"stopPrice"},
}
# Keys that may come beyond the examples, which the documents name elsewhere.
ADDITIONAL = {
    "account.status": {"tradeGroupId", "reduceOnlyAssets"},
    "executionReport": {"W"},
    "openOrders.status": set(),
    "order.place": {"selfTradePreventionMode"},
    "order.cancelReplace": {"workingTime"},
}
KINDS = {bool: "boolean", int: "number", str: "string", list: "list", dict: "object", type(None): "null"}


def kind(value):
    return KINDS[type(value)]


def compare(ours, example, name, path=""):
    """Fail where *ours* lacks a key of the example, has one more, or has a value of another kind."""
    assert kind(ours) == kind(example) or None in (ours, example), f"{name}{path}: {ours!r} instead of {example!r}"
    if isinstance(example, dict):
        missing = example.keys() - ours.keys() - CONDITIONAL.get(name, set())
        more = ours.keys() - example.keys() - ADDITIONAL.get(name, set())
        assert not missing, f"{name}{path} lacks {missing}"
        assert not more, f"{name}{path} has {more}"
        for key in example.keys() & ours.keys():
            compare(ours[key], example[key], name, f"{path}.{key}")
    elif isinstance(example, list) and example and ours:
        for item in ours:
            compare(item, example[0], name, f"{path}[]")


@pytest.fixture
def examples(spec):
    """The documents' methods by name, the deprecated ones included."""
    methods = spec("ws_api.json") + spec("listen_key_api.json")
    return {method["method"]: method for method in methods}


@pytest.fixture
def trader(sandbox):
    """An account that has traded: an order filled, one open."""
    account = sandbox.create_account({"USDT": "100000", "BTC": "1", "BNB": "1"}, key_type="ED25519")
    other = sandbox.create_account({"USDT": "100000", "BTC": "1"})
    other.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.01", price="20000")
    account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="20000")
    account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="10000")
    return account


ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "9000"}
BTC = {"symbol": "BTCUSDT"}
REPLACED = {**ORDER, "cancelOrderId": 3, "cancelReplaceMode": "STOP_ON_FAILURE"}
OLD_OCO = {**BTC, "side": "SELL", "quantity": "0.01", "price": "30000", "stopPrice": "15000",
           "stopLimitPrice": "15000", "stopLimitTimeInForce": "GTC"}  # fmt: skip
OCO = {**BTC, "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "30000",
       "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "15000", "belowPrice": "15000",
       "belowTimeInForce": "GTC"}  # fmt: skip
OTO = {**BTC, "workingType": "LIMIT", "workingTimeInForce": "GTC", "workingSide": "SELL", "workingPrice": "30000",
       "workingQuantity": "0.01", "pendingType": "MARKET", "pendingSide": "BUY", "pendingQuantity": "0.01"}  # fmt: skip


@pytest.mark.parametrize(
    "method, params, signed, which",
    [
        ("ping", {}, False, 0),
        ("time", {}, False, 0),
        ("session.logon", {}, True, 0),
        ("session.status", {}, False, 0),
        ("session.logout", {}, False, 0),
        ("account.status", {}, True, 0),
        ("account.rateLimits.orders", {}, True, 0),
        ("order.place", {**ORDER, "newOrderRespType": "ACK"}, True, 0),
        ("order.place", {**ORDER, "newOrderRespType": "RESULT"}, True, 1),
        ("order.place", {**ORDER, "newOrderRespType": "FULL"}, True, 2),
        ("order.test", ORDER, True, 0),
        ("order.test", {**ORDER, "computeCommissionRates": True}, True, 1),
        ("order.status", {**BTC, "orderId": 2}, True, 0),
        ("order.cancel", {**BTC, "orderId": 3}, True, 0),
        ("openOrders.status", BTC, True, 0),
        ("openOrders.cancelAll", BTC, True, 0),
        ("allOrders", BTC, True, 0),
        ("myTrades", BTC, True, 0),
        ("order.cancelReplace", {**REPLACED, "newOrderRespType": "RESULT"}, True, 0),
        ("order.amend.keepPriority", {**BTC, "orderId": 3, "newQty": "0.005"}, True, 0),
        ("order.amendments", {**BTC, "orderId": 3}, True, 0),
        ("orderList.place", {**OLD_OCO, "newOrderRespType": "RESULT"}, True, 0),
        ("orderList.place.oco", OCO, True, 0),
        ("orderList.place.oto", OTO, True, 0),
        ("openOrderLists.status", {}, True, 0),
        ("allOrderLists", {}, True, 0),
        ("myPreventedMatches", {**BTC, "orderId": 3}, True, 0),
        ("myAllocations", BTC, True, 0),
        ("account.commission", BTC, True, 0),
        ("userDataStream.subscribe.signature", {}, True, 0),
    ],
)
def test_answers_have_the_documented_shape(peer, trader, examples, method, params, signed, which):
    """Every key of the example, no other, and values of its kind."""
    example = examples[method]["responses"][which]
    ours = peer.call(method, **(peer.signed(trader, **params) if signed else params))
    assert ours["status"] == example["status"]
    compare(ours["result"], example["result"], method)
    if "rateLimits" in example:
        # Some examples come from an exchange with other intervals.
        assert {limit["rateLimitType"] for limit in ours["rateLimits"]} == {
            limit["rateLimitType"] for limit in example["rateLimits"]
        }
        compare(ours["rateLimits"], example["rateLimits"], "rateLimits")


def test_listen_key_answers_have_the_documented_shape(peer, trader, examples):
    """start has a result, ping and stop a response."""
    key = peer.result("userDataStream.start", apiKey=trader.api_key)["listenKey"]
    example = examples["userDataStream.start"]["responses"][0]["result"]["listenKey"]
    assert len(key) == len(example)
    for method in ("userDataStream.ping", "userDataStream.stop"):
        ours = peer.call(method, apiKey=trader.api_key, listenKey=key)
        assert ours.keys() == examples[method]["responses"][0].keys()


def test_exchange_info_has_the_documented_shape(peer, examples):
    """Limits, and a symbol's entry."""
    example = examples["exchangeInfo"]["responses"][0]["result"]
    ours = peer.result("exchangeInfo", symbol="BTCUSDT")
    assert ours.keys() == example.keys()
    compare(ours["rateLimits"], example["rateLimits"], "rateLimits")
    assert ours["symbols"][0].keys() == example["symbols"][0].keys()


@pytest.mark.parametrize(
    "method",
    [
        "ping",
        "time",
        "exchangeInfo",
        "session.logon",
        "session.status",
        "session.logout",
        "session.subscriptions",
        "account.status",
        "account.rateLimits.orders",
        "order.place",
        "order.test",
        "order.cancel",
        "order.status",
        "openOrders.status",
        "openOrders.cancelAll",
        "allOrders",
        "myTrades",
        "userDataStream.subscribe",
        "userDataStream.subscribe.signature",
        "userDataStream.unsubscribe",
        "userDataStream.start",
        "userDataStream.ping",
        "userDataStream.stop",
    ],
)
def test_methods_take_and_cost_what_the_documents_say(examples, method):
    """Parameters, those that are mandatory, and weights."""
    from binance_socket.sandbox.methods import METHODS

    documented, ours = examples[method], METHODS[method]
    names = {parameter["name"] for parameter in documented["parameters"]} - {"recvWindow"}
    assert set(ours.form.types) == names
    required = {p["name"] for p in documented["parameters"] if p["required"] is True}
    assert set(ours.form.required) == required
    assert list(ours.form.one_of or ()) == documented.get("one_of", [])
    weight = documented["weight"]
    params = {
        "symbol": {"symbol": "BTCUSDT"},
        "With orderId": {"orderId": 1},
        "With computeCommissionRates": {"computeCommissionRates": True},
    }
    rows = [("", weight)] if isinstance(weight, int) else weight
    for condition, cost in rows:
        assert ours.cost(params.get(condition, {})) == int(cost), condition


def test_events_have_the_documented_shape(sandbox, peer, trader, spec):
    """Wrapped as the documents show them; each event that the exchange publishes by itself."""
    peer.result("userDataStream.subscribe.signature", **peer.signed(trader))
    trader.deposit("ETH", "2")
    trader.lock_externally("ETH", "1")
    trader.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="20000")
    examples = {event["title"]: event["payload"] for event in spec("user_data_events.json")}
    seen = set()
    for _ in range(5):
        ours = peer.receive()
        name = ours["event"]["e"]
        compare(ours, examples[name], name)
        seen.add(name)
    assert seen == {"balanceUpdate", "outboundAccountPosition", "externalLockUpdate", "executionReport"}
    peer.result("userDataStream.unsubscribe")
    compare(peer.receive(), examples["eventStreamTerminated"], "eventStreamTerminated")


def test_the_end_of_a_listen_key_has_the_documented_shape(sandbox, peer, trader, dial, spec):
    """listenKeyExpired, unwrapped."""
    import json

    key = peer.result("userDataStream.start", apiKey=trader.api_key)["listenKey"]
    stream = dial(f"{sandbox.environment.stream_url}/ws/{key}")
    sandbox.faults.expire(key)
    examples = {event["title"]: event["payload"] for event in spec("listen_key_events.json")}
    compare(json.loads(stream.recv(10)), examples["listenKeyExpired"], "listenKeyExpired")


def test_the_documents_signing_vectors_hold(spec):
    """The payload that is checked is the one that is signed there."""
    import hashlib
    import hmac

    from binance_socket.sandbox.request import parameter_text
    from binance_socket.sandbox.security import signature_payload

    for vector in spec("signing_vectors.json")["hmac"]:
        payload = signature_payload(vector["params"], parameter_text)
        signature = hmac.new(vector["secret_key"].encode(), payload, hashlib.sha256).hexdigest()
        assert signature == vector["signature"]


def test_error_messages_are_the_documents(spec):
    """Codes and texts of the errors that the server itself raises."""
    documented = {error["code"]: error["messages"] for error in spec("errors.json")}
    for code, text in {
        -1002: "You are not authorized to execute this request.",
        -1020: "This operation is not supported.",
        -1021: "Timestamp for this request is outside of the recvWindow.",
        -1022: "Signature for this request is not valid.",
        -1101: "Duplicate values for a parameter detected.",
        -1125: "This listenKey does not exist.",
        -1135: "Invalid JSON Request",
        -2014: "API-key format invalid.",
        -2015: "Invalid API-key, IP, or permissions for action.",
        -2035: "User Data Stream subscription already active.",
        -2036: "User Data Stream subscription not active.",
        -2042: "Maximum subscription ID reached for this connection.",
    }.items():
        assert text in documented[code]
