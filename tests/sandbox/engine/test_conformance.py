"""Results and events have the shapes of the documents' examples: the same keys, the same kinds of values."""

import re

import pytest

from binance_socket.sandbox import orders
from binance_socket.sandbox.errors import ExchangeError
from binance_socket.sandbox.parameters import ORDER_PARAMETERS

pytestmark = pytest.mark.conformance

# Keys of the examples that only stand there under a condition which our order does not meet.
STRATEGY = {"strategyId", "strategyType"}
TRAILING = {"trailingDelta", "trailingTime"}
PREVENTED = {"preventedMatchId", "preventedQuantity"}


@pytest.fixture
def examples(spec):
    """The documented results of a method."""
    methods = {method["method"]: method for method in spec("ws_api.json")}
    return lambda name: [response["result"] for response in methods[name]["responses"]]


@pytest.fixture
def events(spec):
    """The documented payload of an event, unwrapped."""
    payloads = {entry["title"]: entry["payload"]["event"] for entry in spec("user_data_events.json")}
    return payloads.__getitem__


def same_shape(ours, documented, absent=()):
    """The same keys but those *absent*, with values of the same type."""
    assert set(ours) == set(documented) - set(absent)
    for name, value in ours.items():
        example = documented[name]
        if example is not None and value is not None:
            assert type(value) is type(example), name


def test_new_orders(examples, alice, bob):
    """ACK, RESULT and FULL."""
    ack, result, full = examples("order.place")
    bob.sell("0.5", "50000")
    bob.sell("0.5", "50001")
    same_shape(alice.buy("0.1", "40000", newOrderRespType="ACK"), ack)
    same_shape(alice.buy("0.1", "40000", newOrderRespType="RESULT"), result)
    placed = alice.buy("1", "50001")
    # The example of FULL leaves it out, the binary schema (NewOrderFullResponse) has it there as well.
    assert placed.pop("selfTradePreventionMode") == result["selfTradePreventionMode"]
    same_shape(placed, full)
    assert placed["status"] == "FILLED"
    assert len(placed["fills"]) == 2
    for fill in placed["fills"]:
        same_shape(fill, full["fills"][0])


def test_new_order_test(examples, alice):
    """order.test, with and without commission rates."""
    nothing, rates = examples("order.test")
    assert alice.market("BUY", quantity="1", test=True) == nothing
    ours = alice.market("BUY", quantity="1", test=True, computeCommissionRates=True)
    same_shape(ours, rates)
    for part in rates:
        same_shape(ours[part], rates[part])


def test_parameters(spec):
    """order.place takes the documented parameters and no others."""
    methods = {method["method"]: method for method in spec("ws_api.json")}
    documented = {parameter["name"] for parameter in methods["order.test"]["parameters"]}
    assert documented - {"recvWindow"} == ORDER_PARAMETERS


def test_cancellations(examples, alice):
    """order.cancel and openOrders.cancelAll, also of the types that carry conditional keys."""
    plain, in_list = examples("order.cancel")
    stop, maker = in_list["orderReports"]
    placed = alice.buy("0.1", "40000", strategyId=1, strategyType=1000000)
    same_shape(alice.cancel(placed), plain, TRAILING | {"stopPrice", "icebergQty"})
    placed = alice.place("BUY", "STOP_LOSS_LIMIT", quantity="0.1", price="60000", stopPrice="60000")
    same_shape(alice.cancel(placed), stop)
    alice.place("BUY", "LIMIT_MAKER", quantity="0.1", price="40000")
    (cancelled,) = alice.exchange.cancel_all_orders(alice.account, {"symbol": "BTCUSDT"})
    same_shape(cancelled, maker)
    assert set(examples("openOrders.cancelAll")[0][0]) > set(cancelled)


def test_queries(examples, alice, bob):
    """order.status, openOrders.status, allOrders and myTrades."""
    (documented,) = examples("order.status")
    plain = alice.buy("0.1", "40000")
    same_shape(alice.status(plain), documented, STRATEGY | TRAILING | PREVENTED)
    prevented = alice.sell("0.1", "40000", selfTradePreventionMode="EXPIRE_TAKER", strategyId=1, strategyType=1000000)
    same_shape(alice.status(prevented), documented, TRAILING)
    bob.sell("0.05", "40000")
    params = {"symbol": "BTCUSDT"}
    (ours,) = alice.exchange.open_orders(alice.account, params)
    same_shape(ours, examples("openOrders.status")[0][0])
    same_shape(alice.exchange.all_orders(alice.account, params)[0], examples("allOrders")[0][0], PREVENTED)
    (ours,) = alice.exchange.my_trades(alice.account, params)
    same_shape(ours, examples("myTrades")[0][0])


def test_account(examples, alice):
    """account.status."""
    (documented,) = examples("account.status")
    ours = alice.exchange.account_status(alice.account)
    same_shape(ours, documented)
    same_shape(ours["commissionRates"], documented["commissionRates"])
    same_shape(ours["balances"][0], documented["balances"][0])


def test_exchange_info(examples, spec, exchange):
    """exchangeInfo, its symbols and their filters."""
    (documented,) = examples("exchangeInfo")
    ours = exchange.exchange_info({}, rate_limits=documented["rateLimits"])
    same_shape(ours, documented)
    assert ours["rateLimits"] == documented["rateLimits"]
    filters = {entry["filter"]: entry["example"] for entry in spec("filters.json")}
    for symbol in ours["symbols"]:
        same_shape(symbol, documented["symbols"][0])
        for entry in symbol["filters"]:
            same_shape(entry, filters[entry["filterType"]])


def test_execution_reports(events, spec, alice, bob):
    """The keys that are always there, and no others than the binary schema knows."""
    schema = spec("spot_sbe.xml")
    message = schema[schema.index('name="ExecutionReportEvent"') :].partition("</sbe:message>")[0]
    known = {"e", *re.findall(r'mbx:jsonPath="(\w+)"', message)}
    alice.place("BUY", "STOP_LOSS", quantity="0.1", stopPrice="50000", strategyId=1, strategyType=1000000)
    alice.sell("1", "50000")
    bob.buy("0.5", "50000")
    alice.buy("1", "50000", selfTradePreventionMode="EXPIRE_BOTH")
    alice.cancel(alice.buy("0.1", "40000"))
    alice.market("BUY", quantity="0.1")
    same_shape(bob.reports[0], events("executionReport"), {"v"})
    assert {report["x"] for report in alice.reports} == {"NEW", "TRADE", "EXPIRED", "TRADE_PREVENTION", "CANCELED"}
    for report in alice.reports:
        assert set(report) <= known
        assert set(report) >= set(events("executionReport")) - {"v", "W"}


def test_account_events(events, exchange, alice):
    """outboundAccountPosition, balanceUpdate and externalLockUpdate."""
    exchange.deposit(alice.account, "BTC", "1")
    exchange.lock_externally(alice.account, "BTC", "1")
    update, position, lock = alice.events
    same_shape(update, events("balanceUpdate"))
    same_shape(position, events("outboundAccountPosition"))
    same_shape(position["B"][0], events("outboundAccountPosition")["B"][0])
    same_shape(lock, events("externalLockUpdate"))


@pytest.mark.parametrize(
    "error",
    [
        ExchangeError.mandatory("a"), ExchangeError.one_of("a", "b"), ExchangeError.unread(1, 2),
        ExchangeError.empty("a"), ExchangeError.not_required("a"), ExchangeError.illegal_characters("a", "b"),
        ExchangeError.too_precise("a"), ExchangeError.bad_data("a"), ExchangeError.bad_symbol(),
        ExchangeError.no_such_order(),
    ],
    ids=lambda error: str(error.code),
)  # fmt: skip
def test_messages(spec, error):
    """Messages are worded as documented."""
    (documented,) = (entry for entry in spec("errors.json") if entry["code"] == error.code)
    patterns = [re.escape(message).replace("%s", ".*") for message in documented["messages"]]
    assert any(re.fullmatch(pattern, error.message) for pattern in patterns)


@pytest.mark.parametrize("title, ours", [
    ("Order types (orderTypes, type)", orders.OrderType),
    ("Order side (side)", orders.Side),
    ("Time in force (timeInForce)", orders.TimeInForce),
    ("Order Response Type (newOrderRespType)", orders.ResponseType),
    ("STP Modes", orders.SelfTradePrevention),
])  # fmt: skip
def test_what_may_be_asked_for(spec, title, ours):
    """Every documented value of an enum is understood."""
    assert {member.value for member in ours} == set(spec("enums.json")[title])


@pytest.mark.parametrize("title, ours", [
    ("Order status (status)", orders.Status), ("Expiry Reasons", orders.ExpiryReason),
])  # fmt: skip
def test_what_is_told(spec, title, ours):
    """Only documented values are sent."""
    assert {member.value for member in ours} <= set(spec("enums.json")[title])
