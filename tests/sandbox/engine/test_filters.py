"""The filters that a symbol may set, each with the exchange's code and words."""

from decimal import Decimal

import attrs
import pytest

from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.filters import Counts, MarketLotSize, PercentPrice, TrailingDelta
from binance_socket.sandbox.list_parameters import ListKind
from binance_socket.sandbox.symbols import DEFAULT_SYMBOLS

from .conftest import Trader

D = Decimal
OCO = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110",
       "belowType": "STOP_LOSS", "belowStopPrice": "90"}  # fmt: skip
BANDS = PercentPrice(bid_up=D("1.2"), bid_down=D("0.5"), ask_up=D(5), ask_down=D("0.8"))
FLAT = PercentPrice(bid_up=D("1.3"), bid_down=D("0.7"), ask_up=D("1.3"), ask_down=D("0.7"), by_side=False)


@pytest.fixture
def trading(clock):
    """A trader where BTCUSDT has other rules; the last price is 100."""

    def make(**rules):
        exchange = Exchange(clock=clock, symbols=[attrs.evolve(DEFAULT_SYMBOLS[0], **rules)])
        crowd = [Trader(exchange, exchange.open_account({"BTC": "10", "USDT": "10000"})) for _ in range(2)]
        crowd[0].sell("1", "100")
        crowd[1].buy("1", "100")
        return Trader(exchange, exchange.open_account({"BTC": "10", "USDT": "10000"}))

    return make


@pytest.mark.parametrize(
    "rules, side, kind, params, name",
    [
        ({"max_iceberg_parts": 3}, "SELL", "LIMIT", {"quantity": "4", "price": "100", "icebergQty": "1"},
         "ICEBERG_PARTS"),
        ({}, "SELL", "LIMIT", {"quantity": "4", "price": "100", "icebergQty": "1.000001"}, "LOT_SIZE"),
        ({"trailing_delta": TrailingDelta(max_below=50)}, "SELL", "STOP_LOSS", {"quantity": "1", "trailingDelta": 60},
         "TRAILING_DELTA"),
        ({"trailing_delta": TrailingDelta(max_below=50)}, "BUY", "TAKE_PROFIT", {"quantity": "1", "trailingDelta": 60},
         "TRAILING_DELTA"),
        ({"trailing_delta": TrailingDelta(min_above=50)}, "BUY", "STOP_LOSS", {"quantity": "1", "trailingDelta": 40},
         "TRAILING_DELTA"),
        ({"trailing_delta": TrailingDelta(min_above=50)}, "SELL", "TAKE_PROFIT",
         {"quantity": "1", "trailingDelta": 40}, "TRAILING_DELTA"),
        ({"market_lot_size": MarketLotSize(max_quantity=D(2))}, "SELL", "MARKET", {"quantity": "2.1"},
         "MARKET_LOT_SIZE"),
        ({"market_lot_size": MarketLotSize(max_quantity=D(2), step_size=D("0.1"))}, "SELL", "MARKET",
         {"quantity": "1.15"}, "MARKET_LOT_SIZE"),
        ({"market_lot_size": MarketLotSize(min_quantity=D(1), max_quantity=D(2))}, "SELL", "MARKET",
         {"quantity": "0.9"}, "MARKET_LOT_SIZE"),
        ({"percent_price": BANDS}, "BUY", "LIMIT", {"quantity": "1", "price": "120.01"}, "PERCENT_PRICE_BY_SIDE"),
        ({"percent_price": BANDS}, "BUY", "LIMIT", {"quantity": "1", "price": "49.99"}, "PERCENT_PRICE_BY_SIDE"),
        ({"percent_price": BANDS}, "SELL", "LIMIT", {"quantity": "1", "price": "79.99"}, "PERCENT_PRICE_BY_SIDE"),
        ({"percent_price": FLAT}, "SELL", "LIMIT", {"quantity": "1", "price": "130.01"}, "PERCENT_PRICE"),
        ({"max_position": D(12)}, "BUY", "LIMIT", {"quantity": "2.1", "price": "90"}, "MAX_POSITION"),
    ],
)  # fmt: skip
def test_a_filter_refuses(trading, refused, rules, side, kind, params, name):
    """With its name, and nothing happens."""
    trader = trading(**rules)
    with refused(-1013, f"Filter failure: {name}"):
        trader.place(side, kind, **params)
    assert trader.events == []


def test_what_the_filters_let_through(trading):
    """On the bounds themselves."""
    trader = trading(percent_price=BANDS, max_position=D(12), max_iceberg_parts=4,
                     market_lot_size=MarketLotSize(max_quantity=D(2)))  # fmt: skip
    trader.buy("1", "50")
    trader.buy("1", "99")
    trader.sell("1", "500")
    trader.sell("4", "110", icebergQty="1")
    trader.market("SELL", quantity="2")


@pytest.mark.parametrize(
    "counts, name, more",
    [
        (Counts(orders=2), "MAX_NUM_ORDERS", {}),
        (Counts(algo_orders=2), "MAX_NUM_ALGO_ORDERS", {"kind": "STOP_LOSS", "stopPrice": "90"}),
        (Counts(iceberg_orders=2), "MAX_NUM_ICEBERG_ORDERS", {"icebergQty": "0.5"}),
    ],
)
def test_so_many_orders(trading, refused, counts, name, more):
    """What ended does not count."""
    trader = trading(counts=counts)
    price = {} if "kind" in more else {"price": "110"}
    first, _ = (trader.place("SELL", quantity="1", **price, **more) for _ in range(2))
    with refused(-1013, f"Filter failure: {name}"):
        trader.place("SELL", quantity="1", **price, **more)
    trader.cancel(first)
    trader.place("SELL", quantity="1", **price, **more)


def test_so_many_lists(trading, refused):
    """A list counts once, its orders by themselves."""
    trader = trading(counts=Counts(order_lists=1, orders=3))
    trader.exchange.trading.place_list(trader.account, ListKind.OCO, OCO)
    with refused(-1013, "Filter failure: MAX_NUM_ORDERS"):
        trader.exchange.trading.place_list(trader.account, ListKind.OCO, OCO)
    trader = trading(counts=Counts(order_lists=1))
    trader.exchange.trading.place_list(trader.account, ListKind.OCO, OCO)
    with refused(-1013, "Filter failure: MAX_NUM_ORDER_LISTS"):
        trader.exchange.trading.place_list(trader.account, ListKind.OCO, OCO)


def test_so_many_amendments(trading, refused):
    """Counted for each order."""
    trader = trading(max_amends=1)
    placed = trader.sell("3", "110")
    amend = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    trader.exchange.amending.amend(trader.account, {**amend, "newQty": "2"})
    with refused(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS"):
        trader.exchange.amending.amend(trader.account, {**amend, "newQty": "1"})


def test_descriptions(spec, trading):
    """exchangeInfo and myFilters show them with the documented keys."""
    examples = {entry["filter"]: entry["example"] for entry in spec("filters.json")}
    counts = Counts(orders=1, algo_orders=1, iceberg_orders=1, order_lists=1)
    for band in (BANDS, FLAT):
        trader = trading(
            percent_price=band, counts=counts, max_position=D(99), market_lot_size=MarketLotSize(max_quantity=D(2))
        )
        answer = trader.exchange.records.filters(trader.account, {"symbol": "BTCUSDT"})
        assert answer["symbolFilters"] == trader.exchange.exchange_info({})["symbols"][0]["filters"]
        assert len(answer["symbolFilters"]) == 13
        for entry in answer["symbolFilters"]:
            assert entry.keys() == examples[entry["filterType"]].keys()
    methods = {method["method"]: method for method in spec("ws_api.json")}
    assert answer.keys() == methods["myFilters"]["responses"][0]["result"].keys()
