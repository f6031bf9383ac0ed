"""Trailing stops, icebergs, pegged orders, and self-trades that are prevented in part or transferred."""

from decimal import Decimal

import pytest

D = Decimal
TRAILING = {"kind": "STOP_LOSS_LIMIT", "quantity": "1"}


@pytest.fixture
def market(trader):
    """Somebody who trades a little at a price, off the book again afterwards."""
    crowd = trader(BTC="1000", USDT="100000000"), trader(BTC="1000", USDT="100000000")

    def at(*prices):
        for price in prices:
            crowd[0].sell("0.1", price)
            crowd[1].buy("0.1", price)

    at.crowd = crowd
    return at


@pytest.fixture
def rich(trader):
    return trader(BTC="100", USDT="100000000")


# Trailing stops: the scenarios of the FAQ.


@pytest.mark.parametrize(
    "side, kind, stop_price, delta, limit, quiet, starts, follows, triggers",
    [
        ("BUY", "STOP_LOSS_LIMIT", 44000, 500, 45000, [37000], 44000, [46000, 42000, 44099], 44100),
        ("SELL", "STOP_LOSS_LIMIT", 39000, 1000, 38000, [41500], 39000, [37000, 41000, "36900.01"], 36900),
        ("BUY", "TAKE_PROFIT_LIMIT", 38000, 850, 38500, [42000], 38000, [37000, 39000, 38000, 40144], 40145),
        ("SELL", "TAKE_PROFIT_LIMIT", 42000, 750, 41000, [41500, 39000], 42000, [45000, 44000, 46500], "43012.50"),
    ],
    ids=["A", "B", "C", "D"],
)
def test_a_trailing_stop_follows_from_its_stop_price(
    clock, rich, market, side, kind, stop_price, delta, limit, quiet, starts, follows, triggers
):
    """It does not move before; then it is triggered by its delta from the best price since, and not before."""
    market(40000)
    placed = rich.place(side, kind, quantity="1", price=limit, stopPrice=stop_price, trailingDelta=delta)
    market(*quiet)
    assert rich.status(placed)["trailingTime"] == -1
    clock.advance(1)
    market(starts)
    assert rich.status(placed)["trailingTime"] == int(clock.time() * 1000)
    market(*follows)
    assert not rich.status(placed)["isWorking"]
    market(triggers)
    assert rich.status(placed)["isWorking"]
    first, last = rich.reports
    assert (first["d"], first["D"], first["w"]) == (delta, -1, False)
    assert (last["x"], last["w"]) == ("NEW", True)


def test_a_trailing_stop_without_a_stop_price_follows_at_once(rich, market):
    """Scenario E: from the last price on."""
    market(40000)
    placed = rich.place("SELL", "STOP_LOSS_LIMIT", quantity="1", price=39000, trailingDelta=700)
    market(42000, 39500, 45500, "42315.01")
    assert not rich.status(placed)["isWorking"]
    market(42315)
    assert rich.status(placed)["isWorking"]
    assert rich.status(placed)["trailingDelta"] == 700


def test_before_the_first_trade_it_follows_from_that(rich, market):
    """There is no price to start from."""
    placed = rich.place("SELL", "STOP_LOSS", quantity="1", trailingDelta=100)
    market(100, 99)
    assert rich.status(placed)["status"] == "EXPIRED"
    assert rich.reports[-1]["eR"] == "INSUFFICIENT_LIQUIDITY"


# Icebergs.


def test_an_iceberg_shows_a_slice_at_a_time(rich, bob, market):
    """A slice that is gone puts the next one behind the others at its price."""
    iceberg = rich.sell("3", "100", icebergQty="1")
    other = bob.sell("1", "100")
    assert rich.exchange.levels("BTCUSDT", 5)[2] == [(D(100), D(2))]
    market.crowd[1].buy("1.5", "100")
    assert rich.status(iceberg)["executedQty"] == "1.00000000"
    assert bob.status(other)["executedQty"] == "0.50000000"
    market.crowd[1].buy("2.5", "100")
    assert [rich.status(iceberg)["status"], bob.status(other)["status"]] == ["FILLED", "FILLED"]
    assert [report["l"][:3] for report in rich.reports if report["x"] == "TRADE"] == ["1.0", "1.0", "1.0"]
    assert rich.reports[0]["F"] == "1.00000000"


def test_an_iceberg_takes_as_a_whole(rich, market):
    """Only what rests is hidden."""
    market.crowd[0].sell("2", "100")
    placed = rich.buy("5", "100", icebergQty="1")
    assert (placed["executedQty"], placed["icebergQty"]) == ("2.00000000", "1.00000000")
    assert rich.exchange.levels("BTCUSDT", 5)[1] == [(D(100), D(1))]


# Pegged orders.


@pytest.fixture
def book(market):
    """Two levels on either side."""
    maker, _ = market.crowd
    for price in ("98", "99"):
        maker.buy("1", price)
    for price in ("101", "102"):
        maker.sell("1", price)


@pytest.mark.parametrize(
    "side, params, price",
    [
        ("BUY", {"pegPriceType": "PRIMARY_PEG"}, "99"),
        ("SELL", {"pegPriceType": "PRIMARY_PEG"}, "101"),
        ("BUY", {"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 1}, "98"),
        ("SELL", {"pegPriceType": "MARKET_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 1}, "98"),
        ("BUY", {"pegPriceType": "MARKET_PEG", "price": "100"}, "100"),
    ],
)
def test_a_pegged_order_has_a_price_of_the_book(rich, book, side, params, price):
    """That of the level, and never a worse one than its own."""
    placed = rich.place(side, quantity="0.5", **params)
    assert placed["peggedPrice"] == f"{D(price):.8f}"
    assert placed["price"] == f"{D(params.get('price', 0)):.8f}"
    assert placed["pegPriceType"] == params["pegPriceType"]
    assert placed.get("pegOffsetValue") == params.get("pegOffsetValue")
    report = rich.reports[0]
    assert (report["gP"], report["gp"]) == (params["pegPriceType"], placed["peggedPrice"])
    assert ("gOT" in report, "gOV" in report) == ("pegOffsetType" in params,) * 2


def test_a_level_that_is_not_there(rich, book, refused):
    """The book is too thin."""
    with refused(-2010, "Order book liquidity is too low for this pegged order."):
        rich.place("BUY", quantity="1", pegPriceType="PRIMARY_PEG", pegOffsetType="PRICE_LEVEL", pegOffsetValue=2)


def test_a_pegged_stop_takes_its_price_when_it_is_triggered(rich, market, book):
    """Not before; where there is none it is rejected."""
    market(100)
    params = {"quantity": "1", "pegPriceType": "PRIMARY_PEG", "stopPrice": "101"}
    placed = rich.place("BUY", "STOP_LOSS_LIMIT", **params)
    assert "peggedPrice" not in rich.status(placed)
    assert rich.balance("USDT")[1] == 101
    market.crowd[0].buy("0.5", "99.5")
    market.crowd[1].buy("0.1", "101")
    assert rich.status(placed)["peggedPrice"] == "99.50000000"
    assert rich.balance("USDT")[1] == D("99.5")


# Self-trade prevention.


def prevented(trader, order):
    entry = trader.status(order)
    return entry["status"], entry.get("preventedQuantity")


def test_decrement_takes_from_both(exchange, rich):
    """The smaller one expires, the other one keeps the rest (scenario G)."""
    maker = rich.buy("6", "100")
    taker = rich.sell("2", "100", selfTradePreventionMode="DECREMENT")
    assert prevented(rich, maker) == ("NEW", "2.00000000")
    assert prevented(rich, taker) == ("EXPIRED_IN_MATCH", "2.00000000")
    assert rich.balance("USDT")[1] == 400
    assert rich.balance("BTC") == (D(100), D(0))
    assert exchange.levels("BTCUSDT", 5)[1] == [(D(100), D(4))]
    (match,) = exchange.records.prevented_matches(rich.account, {"symbol": "BTCUSDT", "orderId": maker["orderId"]})
    assert (match["takerPreventedQuantity"], match["makerPreventedQuantity"]) == ("2.00000000", "2.00000000")
    assert (match["tradeGroupId"], match["selfTradePreventionMode"]) == (-1, "DECREMENT")


@pytest.mark.parametrize(
    "maker_mode, mode, moved", [("TRANSFER", "TRANSFER", 2), ("NONE", "DECREMENT", 0)], ids=["both", "taker only"]
)
def test_transfer_between_accounts_of_a_group(exchange, maker_mode, mode, moved):
    """Both have to want it; no commission is taken."""
    one, other = (exchange.open_account({"BTC": "10", "USDT": "1000"}, trade_group=3) for _ in range(2))
    supply = exchange.supply()
    limit = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "price": "100"}
    exchange.place_order(one, {**limit, "side": "BUY", "quantity": "6", "selfTradePreventionMode": maker_mode})
    market = {"symbol": "BTCUSDT", "type": "MARKET", "side": "SELL", "quantity": "2"}
    exchange.place_order(other, {**market, "selfTradePreventionMode": "TRANSFER"})
    for account in (one, other):
        (match,) = exchange.records.prevented_matches(account, {"symbol": "BTCUSDT", "preventedMatchId": 1})
        assert (match["selfTradePreventionMode"], match["tradeGroupId"]) == (mode, 3)
        assert account.ledger.events[-2]["u"] == 3 if moved else True
    assert (one.free("BTC"), other.free("BTC")) == (10 + moved, 10 - moved)
    assert (one.free("USDT"), other.free("USDT")) == (400 if moved else 600, 1000 + 100 * moved)
    assert one.balances()["USDT"].locked == 400
    assert exchange.supply() == supply


@pytest.mark.parametrize(
    "mode, keys",
    [
        ("EXPIRE_MAKER", {"makerPreventedQuantity"}),
        ("EXPIRE_TAKER", {"takerPreventedQuantity"}),
        ("EXPIRE_BOTH", {"makerPreventedQuantity", "takerPreventedQuantity"}),
    ],
)
def test_what_is_kept_of_prevented_matches(spec, exchange, rich, refused, mode, keys):
    """The documented keys, and a quantity for whom it concerned."""
    maker = rich.buy("6", "100")
    rich.sell("2", "100", selfTradePreventionMode=mode)
    methods = {method["method"]: method for method in spec("ws_api.json")}
    (example,) = methods["myPreventedMatches"]["responses"][0]["result"]
    params = {"symbol": "BTCUSDT", "orderId": maker["orderId"]}
    (match,) = exchange.records.prevented_matches(rich.account, params)
    assert set(match) == set(example) - {"makerPreventedQuantity"} | keys
    assert exchange.records.prevented_matches(rich.account, {**params, "fromPreventedMatchId": 2}) == []
    for bad in ({}, {"preventedMatchId": 1, "orderId": 1}, {"preventedMatchId": 1, "limit": 1}):
        with refused(-1128, "Combination of optional parameters invalid."):
            exchange.records.prevented_matches(rich.account, {"symbol": "BTCUSDT", **bad})


def test_commission(spec, exchange, rich):
    """account.commission has the documented keys."""
    methods = {method["method"]: method for method in spec("ws_api.json")}
    example = methods["account.commission"]["responses"][0]["result"]
    answer = exchange.records.commission(rich.account, {"symbol": "BTCUSDT"})
    assert answer.keys() == example.keys()
    for part in example:
        if part != "symbol":
            assert answer[part].keys() == example[part].keys()
    assert answer["standardCommission"]["taker"] == "0.00100000"
