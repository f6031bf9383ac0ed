"""Smart order routing: the FAQ's examples, and what is kept of them."""

from decimal import Decimal

import attrs
import pytest

from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.sor import SOR_PARAMETERS, SmartRoute
from binance_socket.sandbox.symbols import DEFAULT_SYMBOLS

from .conftest import Trader

D = Decimal
QUOTES = ("USDT", "USDC", "USDP")
ASKS = {"BTCUSDT": [("3", "30800"), ("3", "30500")], "BTCUSDC": [("1", "30000"), ("1", "28000")],
        "BTCUSDP": [("1", "35000"), ("1", "29000")]}  # fmt: skip
BIDS = {"BTCUSDT": [("5", "29500")], "BTCUSDC": [("5", "35000"), ("5", "30000")], "BTCUSDP": [("5", "28000")]}


@pytest.fixture
def exchange(clock):
    rules = [attrs.evolve(DEFAULT_SYMBOLS[0], symbol=f"BTC{quote}", quote=quote) for quote in QUOTES]
    route = SmartRoute("BTC", [each.symbol for each in rules])
    return Exchange(clock=clock, symbols=[*rules, DEFAULT_SYMBOLS[1]], routes=[route])


@pytest.fixture
def maker(trader):
    return trader("0", BTC="100", **dict.fromkeys(QUOTES, "1000000"))


@pytest.fixture
def taker(exchange):
    account = exchange.open_account({"BTC": "100", "USDT": "1000000"}, maker_commission="0", taker_commission="0")
    return Trader(exchange, account)


@pytest.fixture
def asks(maker):
    for symbol, levels in ASKS.items():
        for quantity, price in levels:
            maker.sell(quantity, price, symbol=symbol)


@pytest.fixture
def route(exchange, taker):
    def place(side, quantity, price=None, **more):
        limit = {"type": "MARKET"} if price is None else {"type": "LIMIT", "timeInForce": "GTC", "price": price}
        order = {"symbol": "BTCUSDT", "side": side, "quantity": quantity, **limit, **more}
        (answer,) = exchange.routing.place_order(taker.account, order)
        return answer

    return place


def fills(answer):
    return [(fill["price"][:5], fill["qty"][:1], fill["allocId"], fill["tradeId"]) for fill in answer["fills"]]


def test_the_best_price_of_all_books(spec, exchange, taker, maker, asks, route):
    """It is paid in the taker's quote asset, and received in the maker's; the answer is as documented."""
    supply = exchange.supply()
    answer = route("BUY", "0.5", "31000")
    (example,) = next(m for m in spec("ws_api.json") if m["method"] == "sor.order.place")["responses"][0]["result"]
    assert answer.keys() == example.keys()
    assert answer["fills"][0].keys() == example["fills"][0].keys()
    assert (answer["status"], answer["workingFloor"], answer["usedSor"]) == ("FILLED", "SOR", True)
    assert answer["cummulativeQuoteQty"] == "14000.00000000"
    assert taker.balance("USDT") == (D(986000), D(0))
    assert maker.balance("USDC")[0] == D(1014000)
    assert exchange.supply() == supply
    report = taker.reports[-1]
    assert (report["t"], report["a"], report["b"], report["k"], report["uS"]) == (
        -1, 0, "ONE_PARTY_TRADE_REPORT", "SOR", True
    )  # fmt: skip
    trade = maker.reports[-1]
    assert (trade["s"], trade["x"], trade["t"]) == ("BTCUSDC", "TRADE", 1)


def test_through_several_books(taker, asks, route):
    """Price by price."""
    answer = route("BUY", "5", "31000")
    assert fills(answer) == [
        ("28000", "1", 0, -1), ("29000", "1", 1, -1), ("30000", "1", 2, -1), ("30500", "2", 3, -1)
    ]  # fmt: skip
    assert answer["cummulativeQuoteQty"] == "148000.00000000"


def test_all_books_exhausted(asks, route):
    """What a market order does not find expires."""
    answer = route("BUY", "11")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "10.00000000")
    assert answer["cummulativeQuoteQty"] == "305900.00000000"
    assert answer["workingFloor"] == "SOR"


def test_selling(exchange, taker, maker, route):
    """The taker receives its own quote asset."""
    for symbol, levels in BIDS.items():
        for quantity, price in levels:
            maker.buy(quantity, price, symbol=symbol)
    supply = exchange.supply()
    assert route("SELL", "10", "29000")["cummulativeQuoteQty"] == "325000.00000000"
    assert taker.balance("USDT")[0] == D(1325000)
    assert exchange.supply() == supply


def test_the_rest_goes_onto_its_own_book(taker, maker, asks, route):
    """From then on it is an order of that book, with trades of its own."""
    answer = route("BUY", "2", "28000", newOrderRespType="RESULT")
    assert (answer["status"], answer["workingFloor"]) == ("PARTIALLY_FILLED", "EXCHANGE")
    maker.sell("1", "28000")
    (trade,) = taker.exchange.my_trades(taker.account, {"symbol": "BTCUSDT"})
    assert trade["orderId"] == answer["orderId"]
    assert taker.status(answer)["usedSor"] is True


def test_fill_or_kill(asks, route):
    """All books count together."""
    assert route("BUY", "5", "29000", timeInForce="FOK")["status"] == "EXPIRED"
    assert route("BUY", "2", "29000", timeInForce="FOK")["status"] == "FILLED"


def test_own_orders_on_other_books(exchange, taker, route):
    """Self-trade prevention names the other symbol."""
    exchange.deposit(taker.account, "USDC", "100000")
    resting = taker.sell("1", "20000", symbol="BTCUSDC")
    answer = route("BUY", "1", "30000", selfTradePreventionMode="EXPIRE_BOTH")
    assert answer["status"] == "EXPIRED_IN_MATCH"
    assert taker.status(resting)["status"] == "EXPIRED_IN_MATCH"
    assert {(report["s"], report["Cs"]) for report in taker.reports if report["x"] == "TRADE_PREVENTION"} == {
        ("BTCUSDC", "BTCUSDT"), ("BTCUSDT", "BTCUSDC")
    }  # fmt: skip
    (match,) = exchange.records.prevented_matches(taker.account, {"symbol": "BTCUSDT", "preventedMatchId": 1})
    assert (match["makerSymbol"], match["makerOrderId"]) == ("BTCUSDC", resting["orderId"])


def test_allocations(spec, clock, exchange, taker, asks, route, refused):
    """They are kept, and are no trades."""
    first = route("BUY", "2", "31000")
    clock.advance(1)
    second = route("BUY", "1", "31000")

    def ids(**params):
        found = exchange.records.allocations(taker.account, {"symbol": "BTCUSDT", **params})
        return [entry["allocationId"] for entry in found]

    (example,) = next(m for m in spec("ws_api.json") if m["method"] == "myAllocations")["responses"][0]["result"]
    assert exchange.records.allocations(taker.account, {"symbol": "BTCUSDT"})[0].keys() == example.keys()
    assert ids() == [0, 1, 2]
    assert ids(orderId=first["orderId"]) == [0, 1]
    assert ids(fromAllocationId=1, limit=1) == [1]
    assert ids(orderId=first["orderId"], fromAllocationId=1) == [1]
    assert ids(startTime=second["transactTime"]) == [2]
    assert ids(endTime=first["transactTime"], limit=1) == [1]
    with refused(-1128, "Combination of optional parameters invalid."):
        ids(orderId=1, startTime=1)
    assert exchange.my_trades(taker.account, {"symbol": "BTCUSDT"}) == []


def test_testing(spec, exchange, taker):
    """sor.order.test, with and without commission rates; its parameters are the documented ones."""
    method = next(m for m in spec("ws_api.json") if m["method"] == "sor.order.test")
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
    assert exchange.routing.place_order(taker.account, order, test=True) == method["responses"][0]["result"]
    rates = exchange.routing.place_order(taker.account, {**order, "computeCommissionRates": True}, test=True)
    assert rates.keys() == method["responses"][1]["result"].keys()
    documented = {parameter["name"] for parameter in method["parameters"]}
    assert documented - {"recvWindow", "computeCommissionRates"} == SOR_PARAMETERS
    assert taker.events == []


@pytest.mark.parametrize(
    "params, code, message",
    [
        ({"symbol": "ETHUSDT"}, -2010, "Smart order routing is not supported for this symbol."),
        ({"type": "LIMIT_MAKER", "price": "1"}, -1116, "Invalid orderType."),
        ({"quantity": None}, -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."),
        ({"quoteOrderQty": "5"}, -1104, "Not all sent parameters were read; read '4' parameter(s) but was sent '5'."),
        ({"quantity": "1000"}, -2010, "Account has insufficient balance for requested action."),
    ],
)
def test_refusals(exchange, taker, asks, refused, params, code, message):
    """Each has its code, and nothing happens."""
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "1", **params}
    with refused(code, message):
        exchange.routing.place_order(taker.account, order)
    assert taker.events == []


def test_exchange_info(exchange):
    """What is routed is told."""
    symbols = ["BTCUSDT", "BTCUSDC", "BTCUSDP"]
    assert exchange.exchange_info({})["sors"] == [{"baseAsset": "BTC", "symbols": symbols}]
