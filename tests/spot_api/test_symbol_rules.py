"""A symbol's rules: rounding, and checking orders against its filters."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from binance_socket import FilterFailure, InvalidRequest, Rounding
from binance_socket._wire.codec import structure
from binance_socket._wire.messages import Request
from binance_socket.models import OrderSide, SymbolInfo
from binance_socket.spot_api import SymbolRules

BUY = {"side": "BUY", "type": "LIMIT", "quantity": "1", "price": "100"}
SELL = {**BUY, "side": "SELL"}
MARKET = {"side": "BUY", "type": "MARKET", "quantity": "1"}


@pytest.fixture
def rules(symbol_payload):
    return SymbolRules(structure(symbol_payload, SymbolInfo))


@pytest.fixture
def with_filters(symbol_payload):
    """Rules with other filters: ``with_filters({"filterType": ...}, ...)``."""
    return lambda *filters, **more: SymbolRules(
        structure({**symbol_payload, **more, "filters": list(filters)}, SymbolInfo)
    )


def price_rules(low, high, tick):
    return {"filterType": "PRICE_FILTER", "minPrice": low, "maxPrice": high, "tickSize": tick}


def lot_rules(low, high, step, name="LOT_SIZE"):
    return {"filterType": name, "minQty": low, "maxQty": high, "stepSize": step}


@pytest.mark.parametrize(
    "order, failed",
    [
        (BUY, None),
        ({**BUY, "price": "100.001"}, "PRICE_FILTER"),
        ({**BUY, "price": "0"}, "PRICE_FILTER"),
        ({**BUY, "price": "1000000"}, None),
        ({**BUY, "price": "1000000.01"}, "PRICE_FILTER"),
        ({**BUY, "type": "STOP_LOSS_LIMIT", "stop_price": "99.999"}, "PRICE_FILTER"),
        ({**BUY, "type": "STOP_LOSS_LIMIT", "stop_price": "99.99"}, None),
        ({**BUY, "quantity": "0"}, "LOT_SIZE"),
        ({**BUY, "quantity": "-1"}, "LOT_SIZE"),
        ({**BUY, "quantity": "1.000001"}, "LOT_SIZE"),
        ({**BUY, "quantity": "9000"}, None),
        ({**BUY, "quantity": "9000.00001"}, "LOT_SIZE"),
        ({**BUY, "iceberg_quantity": "0.000001"}, "LOT_SIZE"),
        ({**BUY, "iceberg_quantity": "0.1"}, None),
        ({**BUY, "iceberg_quantity": "0.09999"}, "ICEBERG_PARTS"),
        ({**BUY, "iceberg_quantity": 0}, "LOT_SIZE"),
        (MARKET, None),
        ({**MARKET, "quantity": "101"}, "MARKET_LOT_SIZE"),
        ({**BUY, "quantity": "101"}, None),
        ({**BUY, "price": "5", "quantity": "1"}, None),
        ({**BUY, "price": "4.99", "quantity": "1"}, "NOTIONAL"),
        ({**BUY, "price": "1000000", "quantity": "9"}, None),
        ({**BUY, "price": "1000000", "quantity": "9.00001"}, "NOTIONAL"),
        ({**MARKET, "reference_price": "4"}, "NOTIONAL"),
        ({**MARKET, "reference_price": "9000001"}, None),
        ({"side": "BUY", "type": "MARKET", "quote_order_quantity": "4"}, "NOTIONAL"),
        ({"side": "BUY", "type": "MARKET", "quote_order_quantity": "5"}, None),
        ({**BUY, "reference_price": "20"}, None),
        ({**BUY, "reference_price": "19.99"}, "PERCENT_PRICE_BY_SIDE"),
        ({**BUY, "reference_price": "500"}, None),
        ({**BUY, "reference_price": "500.01"}, "PERCENT_PRICE_BY_SIDE"),
        ({**SELL, "reference_price": "200"}, None),
        ({**SELL, "reference_price": "200.01"}, "PERCENT_PRICE_BY_SIDE"),
        ({**SELL, "reference_price": "16"}, "PERCENT_PRICE_BY_SIDE"),
        ({"price": "100", "reference_price": "1"}, None),
        ({**BUY, "open_orders": 199}, None),
        ({**BUY, "open_orders": 200}, "MAX_NUM_ORDERS"),
        ({**BUY, "open_algo_orders": 5}, None),
        ({**BUY, "type": "STOP_LOSS", "open_algo_orders": 4}, None),
        ({**BUY, "type": "STOP_LOSS", "open_algo_orders": 5}, "MAX_NUM_ALGO_ORDERS"),
        *[
            ({**BUY, "type": kind, "side": side, "trailing_delta": delta}, None if fine else "TRAILING_DELTA")
            for kind, side in (("STOP_LOSS", "BUY"), ("TAKE_PROFIT", "SELL"))
            for delta, fine in ((9, False), (10, True), (2000, True), (2001, False))
        ],
        *[
            ({**BUY, "type": kind, "side": side, "trailing_delta": delta}, None if fine else "TRAILING_DELTA")
            for kind, side in (("STOP_LOSS_LIMIT", "SELL"), ("TAKE_PROFIT", "BUY"))
            for delta, fine in ((19, False), (20, True), (1000, True), (1001, False))
        ],
        ({**BUY, "trailing_delta": 1}, None),
    ],
)
def test_filters(rules, order, failed):
    """Each is met up to its bounds and no further; the error names it, and the symbol."""
    if failed is None:
        rules.check(**order)
        return
    with pytest.raises(FilterFailure, match=f"BTCUSDT: {failed}: ") as caught:
        rules.check(**order)
    assert (caught.value.filter_type, caught.value.symbol) == (failed, "BTCUSDT")


@pytest.mark.parametrize(
    "rule, fine, bad",
    [
        (
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.3", "multiplierDown": "0.7", "avgPriceMins": 5},
            {**BUY, "price": "130", "reference_price": "100"},
            {**BUY, "price": "130.0000000000000000000000000001", "reference_price": "100"},
        ),
        (
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.3", "multiplierDown": "0.7", "avgPriceMins": 5},
            {**BUY, "price": "70", "reference_price": "100"},
            {**BUY, "price": "69", "reference_price": "100"},
        ),
        (
            {"filterType": "MIN_NOTIONAL", "minNotional": "100", "applyToMarket": True, "avgPriceMins": 5},
            BUY,
            {**MARKET, "reference_price": "99"},
        ),
        (
            {"filterType": "MIN_NOTIONAL", "minNotional": "100", "applyToMarket": False, "avgPriceMins": 5},
            {**MARKET, "reference_price": "99"},
            {**BUY, "price": "99"},
        ),
        ({"filterType": "MAX_POSITION", "maxPosition": "10"}, {**BUY, "position": "9"}, {**BUY, "position": "9.1"}),
        ({"filterType": "MAX_POSITION", "maxPosition": "10"}, {**SELL, "position": "50"}, {**BUY, "position": "50"}),
        (
            {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 5},
            {**BUY, "open_iceberg_orders": 5},
            {**BUY, "iceberg_quantity": "0.5", "open_iceberg_orders": 5},
        ),
        ({"filterType": "MAX_ASSET", "asset": "BTC", "limit": "1"}, BUY, {**BUY, "quantity": "2"}),
        ({"filterType": "MAX_ASSET", "asset": "USDT", "limit": "100"}, BUY, {**BUY, "price": "101"}),
        (lot_rules("1", "0", "0"), {**BUY, "quantity": "99999.5"}, {**BUY, "quantity": "0.5"}),
        (price_rules("0", "0", "0"), {**BUY, "price": "0.123456789"}, None),
        (price_rules("2", "0", "0"), BUY, {**BUY, "price": "1"}),
    ],
)
def test_other_filters(with_filters, rule, fine, bad):
    """Those that not every symbol has, and bounds that are switched off."""
    rules = with_filters(rule)
    rules.check(**fine)
    if bad is not None:
        with pytest.raises(FilterFailure) as caught:
            rules.check(**bad)
        assert caught.value.filter_type == rule["filterType"]


def test_a_notional_without_a_maximum(with_filters):
    """Zero switches it off."""
    rule = {"minNotional": "0", "maxNotional": "0", "applyMinToMarket": True, "applyMaxToMarket": True}
    with_filters({"filterType": "NOTIONAL", **rule, "avgPriceMins": 5}).check(**BUY)


@pytest.mark.parametrize(
    "order, flag",
    [
        ({"type": "LIMIT_MAKER"}, {"orderTypes": ["LIMIT"]}),
        ({"iceberg_quantity": "1"}, {"icebergAllowed": False}),
        ({"trailing_delta": 100}, {"allowTrailingStop": False}),
        ({"quote_order_quantity": "100"}, {"quoteOrderQtyMarketAllowed": False}),
    ],
)
def test_what_the_symbol_does_not_offer(with_filters, order, flag):
    """InvalidRequest, but of no filter."""
    with_filters().check(**order)
    with pytest.raises(InvalidRequest, match="BTCUSDT does not take") as caught:
        with_filters(**flag).check(**order)
    assert not isinstance(caught.value, FilterFailure)


def _placing(**params):
    return Request("order.place", {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", **params})


@pytest.mark.parametrize(
    "request_, failed",
    [
        (_placing(quantity="1", price="100"), None),
        (_placing(quantity="1", price="0.001"), "PRICE_FILTER"),
        (_placing(quantity="1", price="100", icebergQty="0.01"), "ICEBERG_PARTS"),
        (_placing(type="STOP_LOSS", quantity="1", trailingDelta=5), "TRAILING_DELTA"),
        (_placing(type="MARKET", quoteOrderQty="1"), "NOTIONAL"),
        (_placing(type="STOP_LOSS_LIMIT", quantity="1", price="100", stopPrice="0.001"), "PRICE_FILTER"),
        (
            Request(
                "orderList.place.oco",
                {
                    "symbol": "BTCUSDT",
                    "side": "SELL",
                    "quantity": "1",
                    "aboveType": "LIMIT_MAKER",
                    "abovePrice": "110",
                    "belowType": "STOP_LOSS",
                    "belowStopPrice": "90",
                    "belowTrailingDelta": 19,
                },
            ),
            "TRAILING_DELTA",
        ),
        (
            Request(
                "orderList.place.otoco",
                {
                    "symbol": "BTCUSDT",
                    "workingType": "LIMIT",
                    "workingSide": "BUY",
                    "workingPrice": "100",
                    "workingQuantity": "1",
                    "pendingSide": "SELL",
                    "pendingQuantity": "0.000001",
                    "pendingAboveType": "LIMIT_MAKER",
                    "pendingAbovePrice": "110",
                },
            ),
            "LOT_SIZE",
        ),
        (
            Request(
                "orderList.place.oto",
                {
                    "symbol": "BTCUSDT",
                    "workingType": "LIMIT",
                    "workingSide": "BUY",
                    "workingPrice": "100",
                    "workingQuantity": "1",
                    "pendingSide": "SELL",
                    "pendingType": "MARKET",
                    "pendingQuantity": "500",
                },
            ),
            "MARKET_LOT_SIZE",
        ),
    ],
)
def test_requests(rules, request_, failed):
    """What would be sent can be checked as it is; of a list, every order."""
    if failed is None:
        rules.check(request_)
        return
    with pytest.raises(FilterFailure) as caught:
        rules.check(request_)
    assert caught.value.filter_type == failed


@pytest.mark.parametrize(
    "call",
    [
        lambda rules: rules.check(Request("order.place", {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT"})),
        lambda rules: rules.check(Request("order.status", {"symbol": "BTCUSDT"})),
        lambda rules: rules.check(Request("SUBSCRIBE", ("a",))),
        lambda rules: rules.check(_placing(quantity="1"), price="5"),
        lambda rules: rules.check(side="UP"),
        lambda rules: rules.check(type="TELEPATHY"),
        lambda rules: rules.check(price="a lot"),
        lambda rules: rules.check(price="1_000"),
        lambda rules: rules.check(price=True),
        lambda rules: rules.check(price=Decimal("NaN")),
        lambda rules: rules.check(price="1e999999999"),
        lambda rules: rules.check(price="100", reference_price="0"),
        lambda rules: rules.round_price("1", "down"),
        lambda rules: rules.round_quantity("Infinity", Rounding.DOWN),
    ],
)
def test_bad_input(rules, call):
    """InvalidRequest, of no filter."""
    with pytest.raises(InvalidRequest) as caught:
        call(rules)
    assert not isinstance(caught.value, FilterFailure)


def test_floats(rules):
    """They are refused wherever an amount is taken."""
    for call in (
        lambda: rules.round_price(1.5, Rounding.DOWN),
        lambda: rules.round_quantity(1.5, Rounding.DOWN),
        lambda: rules.check(price=1.5),
    ):
        with pytest.raises(TypeError, match="float"):
            call()


def test_rounding(rules):
    """By the steps of the filters; what falls below a minimum is refused, not rounded to nothing."""
    assert str(rules.round_price("100.129", Rounding.DOWN)) == "100.12"
    assert str(rules.round_price(Decimal("100.121"), Rounding.UP)) == "100.13"
    assert str(rules.round_price(100, Rounding.NEAREST)) == "100.00"
    assert str(rules.round_quantity("0.123456", Rounding.DOWN)) == "0.12345"
    assert str(rules.round_quantity("99.999999", Rounding.UP, market=True)) == "100.00000"
    assert (rules.symbol, rules.tick_size, rules.step_size) == ("BTCUSDT", Decimal("0.01"), Decimal("0.00001"))
    for call, name in (
        (lambda: rules.round_quantity("0.000009", Rounding.DOWN), "LOT_SIZE"),
        (lambda: rules.round_quantity("101", Rounding.DOWN, market=True), "MARKET_LOT_SIZE"),
        (lambda: rules.round_price("0.001", Rounding.DOWN), "PRICE_FILTER"),
        (lambda: rules.round_price("1000000.001", Rounding.UP), "PRICE_FILTER"),
    ):
        with pytest.raises(FilterFailure) as caught:
            call()
        assert caught.value.filter_type == name


def test_market_steps(with_filters):
    """A MARKET order's quantity is a multiple of both steps."""
    rules = with_filters(lot_rules("0", "100", "0.2"), lot_rules("0", "100", "0.3", "MARKET_LOT_SIZE"))
    assert str(rules.round_quantity("1.9", Rounding.DOWN, market=True)) == "1.8"
    assert str(rules.round_quantity("1.9", Rounding.DOWN)) == "1.8"
    assert str(rules.round_quantity("1.7", Rounding.DOWN, market=True)) == "1.2"


def test_symbols_without_filters(with_filters):
    """Any amount will do, as it is."""
    rules = with_filters()
    assert (rules.tick_size, rules.step_size) == (0, 0)
    assert rules.round_price("1.23456", Rounding.UP) == Decimal("1.23456")
    assert rules.round_quantity("1.23456", Rounding.UP, market=True) == Decimal("1.23456")
    rules.check(**BUY)


amounts = st.decimals(0, 10**7, allow_nan=False, allow_infinity=False, places=10)
ticks = st.sampled_from(["0.01", "0.05", "0.00000100", "1", "25", "0.3"])


@given(amounts, ticks, st.sampled_from(list(Rounding)))
def test_what_was_rounded_passes(value, tick, rounding):
    """And is on the side that was asked for; or the value itself was beyond the bounds."""
    filters = [price_rules("1", "1000000", tick), lot_rules("1", "1000000", tick)]
    rules = SymbolRules(structure({**_PAYLOAD, "filters": filters}, SymbolInfo))
    for round_, name in ((rules.round_price, "price"), (rules.round_quantity, "quantity")):
        try:
            result = round_(value, rounding)
        except FilterFailure:
            assert not 1 + Decimal(tick) <= value <= 1000000 - Decimal(tick)
            continue
        rules.check(**{name: result})
        assert round_(result, rounding) == result
        if rounding is Rounding.DOWN:
            assert result <= value
        if rounding is Rounding.UP:
            assert result >= value


@given(amounts, amounts)
def test_the_value_is_exact(price, quantity):
    """NOTIONAL compares with all digits, whatever the context."""
    assume(price and quantity)
    limit = price * quantity  # 34 digits do not fit into the context: this one is rounded
    rule = {"filterType": "MAX_ASSET", "asset": "USDT", "limit": f"{limit:f}"}
    rules = SymbolRules(structure({**_PAYLOAD, "filters": [rule]}, SymbolInfo))
    fits = Fraction(price) * Fraction(quantity) <= Fraction(limit)
    try:
        rules.check(side=OrderSide.BUY, type="LIMIT", price=price, quantity=quantity)
    except FilterFailure:
        assert not fits
    else:
        assert fits


_PAYLOAD = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quoteAssetPrecision": 8,
    "baseCommissionPrecision": 8,
    "quoteCommissionPrecision": 8,
    "orderTypes": ["LIMIT"],
    **dict.fromkeys(["icebergAllowed", "ocoAllowed", "quoteOrderQtyMarketAllowed", "allowTrailingStop"], True),
    **dict.fromkeys(["cancelReplaceAllowed", "isSpotTradingAllowed", "isMarginTradingAllowed"], True),
    "defaultSelfTradePreventionMode": "NONE",
    "allowedSelfTradePreventionModes": ["NONE"],
    "filters": [],
}
