"""Parameters, filters and rules: refused with the exchange's codes and words."""

from decimal import Decimal

import attrs
import pytest

from binance_socket.sandbox.errors import ExchangeError
from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.orders import OrderType, SelfTradePrevention
from binance_socket.sandbox.symbols import DEFAULT_SYMBOLS

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50000"}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
STOP = {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "50000"}
MANDATORY = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
EITHER = "Param '{}' or '{}' must be sent, but both were empty/null!"
NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"


def without(order, *names):
    return {name: value for name, value in order.items() if name not in names}


@pytest.mark.parametrize(
    "order, code, message",
    [
        (without(LIMIT, "symbol"), -1102, MANDATORY.format("symbol")),
        (without(LIMIT, "side"), -1102, MANDATORY.format("side")),
        (without(LIMIT, "type"), -1102, MANDATORY.format("type")),
        (without(LIMIT, "timeInForce"), -1102, MANDATORY.format("timeInForce")),
        (without(LIMIT, "price"), -1102, MANDATORY.format("price")),
        (without(LIMIT, "quantity"), -1102, MANDATORY.format("quantity")),
        ({**LIMIT, "price": None}, -1102, MANDATORY.format("price")),
        (without(MARKET, "quantity"), -1102, EITHER.format("quantity", "quoteOrderQty")),
        (without(STOP, "stopPrice"), -1102, EITHER.format("stopPrice", "trailingDelta")),
        ({**STOP, "type": "TAKE_PROFIT_LIMIT"}, -1102, MANDATORY.format("timeInForce")),
        ({**LIMIT, "type": "LIMIT_MAKER"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({**LIMIT, "stopPrice": "1"}, -1106, "Parameter 'stopPrice' sent when not required."),
        ({**LIMIT, "quoteOrderQty": "1"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
        ({**MARKET, "price": "1"}, -1106, "Parameter 'price' sent when not required."),
        ({**MARKET, "timeInForce": "GTC"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({**MARKET, "quoteOrderQty": "10"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
        ({**LIMIT, "colour": "red"}, -1104,
         "Not all sent parameters were read; read '6' parameter(s) but was sent '7'."),
        ({**LIMIT, "price": ""}, -1105, "Parameter 'price' was empty."),
        ({**LIMIT, "newClientOrderId": ""}, -1105, "Parameter 'newClientOrderId' was empty."),
        ({**LIMIT, "price": "-1"}, -1100, f"Illegal characters found in parameter 'price'; legal range is '{NUMBER}'."),
        ({**LIMIT, "price": "1e5"}, -1100,
         f"Illegal characters found in parameter 'price'; legal range is '{NUMBER}'."),
        ({**LIMIT, "quantity": "1,5"}, -1100,
         f"Illegal characters found in parameter 'quantity'; legal range is '{NUMBER}'."),
        ({**LIMIT, "newClientOrderId": "a b"}, -1100,
         f"Illegal characters found in parameter 'newClientOrderId'; legal range is '{CLIENT_ID}'."),
        ({**LIMIT, "newClientOrderId": "x" * 37}, -1100,
         f"Illegal characters found in parameter 'newClientOrderId'; legal range is '{CLIENT_ID}'."),
        ({**LIMIT, "symbol": "btcusdt"}, -1100,
         r"Illegal characters found in parameter 'symbol'; legal range is '^[\w\-._&&[^a-z]]{1,50}$'."),
        ({**LIMIT, "quantity": "0.000000001"}, -1111, "Parameter 'quantity' has too much precision."),
        ({**LIMIT, "side": "HOLD"}, -1117, "Invalid side."),
        ({**LIMIT, "type": "GUESS"}, -1116, "Invalid orderType."),
        ({**LIMIT, "timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({**LIMIT, "symbol": "BTCEUR"}, -1121, "Invalid symbol."),
        ({**LIMIT, "newOrderRespType": "ALL"}, -1130, "Data sent for parameter 'newOrderRespType' is not valid."),
        ({**LIMIT, "selfTradePreventionMode": "MAYBE"}, -1130,
         "Data sent for parameter 'selfTradePreventionMode' is not valid."),
        ({**LIMIT, "strategyType": 999999}, -1134, "strategyType was less than 1000000."),
        ({**LIMIT, "quantity": "0"}, -1013, "Invalid quantity."),
        ({**LIMIT, "price": "0.00"}, -1013, "Invalid price."),
        ({**LIMIT, "price": "50000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({**LIMIT, "price": "1000000.01"}, -1013, "Filter failure: PRICE_FILTER"),
        ({**STOP, "stopPrice": "50000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({**LIMIT, "quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({**LIMIT, "quantity": "1.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({**LIMIT, "quantity": "9000.00001"}, -1013, "Filter failure: LOT_SIZE"),
        ({**LIMIT, "quantity": "0.00001", "price": "49999"}, -1013, "Filter failure: NOTIONAL"),
        ({**LIMIT, "quantity": "9000", "price": "50000"}, -1013, "Filter failure: NOTIONAL"),
        ({**without(MARKET, "quantity"), "quoteOrderQty": "4.99"}, -1013, "Filter failure: NOTIONAL"),
        ({**LIMIT, "icebergQty": "2"}, -2010, "IcebergQty exceeds QTY."),
        ({**LIMIT, "icebergQty": "0.1", "timeInForce": "IOC"}, -1014, "Unsupported order combination."),
        ({**MARKET, "icebergQty": "0.1"}, -1106, "Parameter 'icebergQty' sent when not required."),
        ({**LIMIT, "trailingDelta": 100}, -1106, "Parameter 'trailingDelta' sent when not required."),
        ({**LIMIT, "pegPriceType": "SECONDARY_PEG"}, -1210, "Invalid pegPriceType."),
        ({**LIMIT, "pegPriceType": "PRIMARY_PEG", "pegOffsetType": "TICK", "pegOffsetValue": 1}, -1211,
         "Invalid pegOffsetType."),
        ({**LIMIT, "pegPriceType": "PRIMARY_PEG", "pegOffsetValue": 1}, -1128,
         "Fields [pegOffsetType, pegOffsetValue] must be sent together or omitted entirely."),
        ({**LIMIT, "pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 101}, -1102,
         "'pegOffsetValue' contains unexpected value. Cannot be greater than 100."),
        ({**LIMIT, "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 1}, -1102, MANDATORY.format("pegPriceType")),
        ({**MARKET, "pegPriceType": "PRIMARY_PEG"}, -2010, "This order type may not use pegged price."),
        ({**STOP, "pegPriceType": "PRIMARY_PEG"}, -2010, "This order type may not use pegged price."),
        ({**LIMIT, "pegPriceType": "PRIMARY_PEG", "timeInForce": "IOC"}, -2010,
         "This price peg cannot be used with this order type."),
        ({**without(LIMIT, "timeInForce"), "type": "LIMIT_MAKER", "pegPriceType": "MARKET_PEG"}, -2010,
         "This price peg cannot be used with this order type."),
    ],
)  # fmt: skip
def test_a_bad_order_is_refused(exchange, alice, refused, order, code, message):
    """Each mistake has its code and message, for a test as for the real thing, and nothing happens."""
    with refused(code, message):
        exchange.place_order(alice.account, order)
    with refused(code, message):
        exchange.place_order(alice.account, order, test=True)
    assert alice.events == []


def test_a_symbol_may_offer_fewer_order_types(clock, refused):
    """A type that the symbol does not list is refused."""
    rules = attrs.evolve(DEFAULT_SYMBOLS[0], order_types=(OrderType.LIMIT, OrderType.MARKET))
    exchange = Exchange(clock=clock, symbols=[rules])
    account = exchange.open_account({"USDT": "100000"})
    with refused(-2010, "Stop loss orders are not supported for this symbol."):
        exchange.place_order(account, STOP)
    assert exchange.place_order(account, LIMIT)["status"] == "NEW"
    assert exchange.exchange_info({})["symbols"][0]["orderTypes"] == ["LIMIT", "MARKET"]


@pytest.mark.parametrize(
    "rules, order, code, message",
    [
        ({"allows_iceberg": False}, {**LIMIT, "icebergQty": "0.1"}, -2010,
         "Iceberg orders are not supported for this symbol."),
        ({"allows_trailing_stop": False}, {**without(STOP, "stopPrice"), "trailingDelta": 100}, -2010,
         "Trailing stop orders are not supported for this symbol."),
        ({"allows_pegged": False}, {**LIMIT, "pegPriceType": "PRIMARY_PEG"}, -2010,
         "Pegged orders are not supported for this symbol."),
        ({"self_trade_preventions": (SelfTradePrevention.NONE,)}, {**LIMIT, "selfTradePreventionMode": "DECREMENT"},
         -1013, "This symbol does not allow the specified self-trade prevention mode."),
    ],
)  # fmt: skip
def test_a_symbol_may_offer_less(clock, refused, rules, order, code, message):
    """What the symbol does not offer is refused."""
    exchange = Exchange(clock=clock, symbols=[attrs.evolve(DEFAULT_SYMBOLS[0], **rules)])
    account = exchange.open_account({"USDT": "100000"})
    with refused(code, message):
        exchange.place_order(account, order)


def test_a_market_orders_value_is_judged_by_the_last_price(alice, bob, refused):
    """Before the first trade a market order has no value; afterwards the last price counts."""
    assert alice.market("SELL", quantity="0.00001")["status"] == "EXPIRED"
    alice.sell("1", "50000")
    bob.buy("1", "50000")
    with refused(-1013, "Filter failure: NOTIONAL"):
        alice.market("SELL", quantity="0.00001")


def test_the_envelope_of_a_signed_request_is_not_looked_at(exchange, alice):
    """apiKey, signature, timestamp and recvWindow are somebody else's business."""
    envelope = {"apiKey": "k", "signature": "s", "timestamp": 1, "recvWindow": 5000}
    assert exchange.place_order(alice.account, {**LIMIT, **envelope})["status"] == "NEW"


@pytest.mark.parametrize("value", [0.00005, "0.00005", Decimal("0.00005"), "0.0000500"])
def test_numbers_may_be_written_in_many_ways(alice, value):
    """A JSON number is as good as a text."""
    assert alice.buy(value, 500000)["origQty"] == "0.00005000"


@pytest.mark.parametrize(
    "method, params, code, message",
    [
        ("cancel_order", {"symbol": "BTCUSDT"}, -1102, EITHER.format("origClientOrderId", "orderId")),
        ("cancel_order", {"symbol": "BTCUSDT", "orderId": 77}, -2011, "Unknown order sent."),
        ("cancel_order", {"symbol": "BTCUSDT", "origClientOrderId": "no"}, -2011, "Unknown order sent."),
        ("cancel_order", {"orderId": 77}, -1102, MANDATORY.format("symbol")),
        ("cancel_all_orders", {"symbol": "BTCUSDT"}, -2011, "Unknown order sent."),
        ("order_status", {"symbol": "BTCUSDT"}, -1102, EITHER.format("origClientOrderId", "orderId")),
        ("order_status", {"symbol": "BTCUSDT", "orderId": 77}, -2013, "Order does not exist."),
        ("order_status", {"symbol": "BTCUSDT", "origClientOrderId": "no"}, -2013, "Order does not exist."),
        ("order_status", {"symbol": "NOPE", "orderId": 1}, -1121, "Invalid symbol."),
        ("order_status", {"symbol": "BTCUSDT", "orderId": "one"}, -1100,
         "Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'."),
        ("open_orders", {"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ("all_orders", {}, -1102, MANDATORY.format("symbol")),
        ("all_orders", {"symbol": "BTCUSDT", "limit": 1001}, -1130, "Data sent for parameter 'limit' is not valid."),
        ("all_orders", {"symbol": "BTCUSDT", "limit": 0}, -1130, "Data sent for parameter 'limit' is not valid."),
        ("all_orders", {"symbol": "BTCUSDT", "startTime": 1, "endTime": 86_400_002}, -1127,
         "More than 24 hours between startTime and endTime."),
        ("my_trades", {"symbol": "BTCUSDT", "orderId": 1, "startTime": 1}, -1128,
         "Combination of optional parameters invalid."),
        ("my_trades", {"symbol": "BTCUSDT", "frmId": 1}, -1104,
         "Not all sent parameters were read; read '1' parameter(s) but was sent '2'."),
    ],
)  # fmt: skip
def test_a_bad_question_is_refused(exchange, alice, refused, method, params, code, message):
    """Cancelling and asking are refused as placing is."""
    with refused(code, message):
        getattr(exchange, method)(alice.account, params)


@pytest.mark.parametrize(
    "params, code",
    [
        ({"symbol": "NOPE"}, -1121),
        ({"symbols": ["BTCUSDT", "NOPE"]}, -1121),
        ({"symbols": ["BTCUSDT", "BTCUSDT"]}, -1151),
        ({"symbols": {"BTCUSDT": 1}}, -1130),
        ({"symbol": "BTCUSDT", "symbols": ["BTCUSDT"]}, -1128),
        ({"symbol": "BTCUSDT", "symbolStatus": "TRADING"}, -1128),
        ({"symbol": "BTCUSDT", "permissions": ["SPOT"]}, -1128),
        ({"symbolStatus": "ASLEEP"}, -1122),
        ({"showPermissionSets": "perhaps"}, -1130),
    ],
)
def test_a_bad_question_about_the_exchange_is_refused(exchange, params, code):
    """exchangeInfo has its own rules."""
    with pytest.raises(ExchangeError) as refusal:
        exchange.exchange_info(params)
    assert refusal.value.code == code


def test_both_ids_of_an_order_must_agree(alice, bob, refused):
    """An orderId with another order's client id is refused; other people's orders do not exist."""
    placed = alice.buy("1", "40000", newClientOrderId="mine")
    with refused(-2039, "Client order ID is not correct for this order ID."):
        alice.cancel(placed, origClientOrderId="other")
    with refused(-2011, "Unknown order sent."):
        bob.cancel(placed)
    with refused(-2013, "Order does not exist."):
        bob.status(placed)
    assert alice.cancel(placed, origClientOrderId="mine")["status"] == "CANCELED"
