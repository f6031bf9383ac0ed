"""The market data methods, held against the documents' examples and against what was traded."""

from decimal import Decimal

import pytest

from binance_socket.errors import InvalidRequest
from binance_socket.sandbox import Sandbox

MINUTE = 60.0
MARKET_GROUPS = ("General requests", "Market data requests")
# By method: what to ask for where an example's parameters are about symbols that are not here.
ASKED = {
    "exchangeInfo": [{"symbols": ["BTCUSDT"]}],
    "executionRules": [{"symbol": "BNBUSDT"}],
    "depth": [{"symbol": "BTCUSDT", "limit": 5}],
    "trades.historical": [{"symbol": "BTCUSDT", "fromId": 0, "limit": 1}],
    "blockTrades.historical": [{"symbol": "BTCUSDT", "fromId": 1, "limit": 1}],
    "klines": [{"symbol": "BTCUSDT", "interval": "1h", "limit": 1}],
    "uiKlines": [{"symbol": "BTCUSDT", "interval": "1h", "limit": 1}],
    "ticker.24hr": [{"symbol": "BTCUSDT"}, {"symbol": "BTCUSDT", "type": "MINI"}, {"symbols": ["BTCUSDT", "ETHUSDT"]}],
    "ticker.tradingDay": [
        {"symbol": "BTCUSDT"},
        {"symbols": ["BTCUSDT", "ETHUSDT"]},
        {"symbol": "BTCUSDT", "type": "MINI"},
        {"symbols": ["BTCUSDT", "ETHUSDT"], "type": "MINI"},
    ],
    "ticker": [
        {"symbol": "BTCUSDT"},
        {"symbol": "BTCUSDT", "type": "MINI", "windowSize": "1h"},
        {"symbols": ["BTCUSDT", "ETHUSDT"], "windowSize": "7d"},
    ],
    "ticker.price": [{"symbol": "BTCUSDT"}, {"symbols": ["BTCUSDT", "ETHUSDT"]}],
    "ticker.book": [{"symbol": "BTCUSDT"}, {}],
    "referencePrice": [{"symbol": "BTCUSDT"}, {"symbol": "BNBUSDT"}],
    "referencePrice.calculation": [{"symbol": "ETHBTC"}, {"symbol": "BTCUSDT"}, {"symbol": "BNBUSDT"}],
}


@pytest.fixture
def trader(still):
    return still.create_account({"USDT": "10000000", "BTC": "1000", "ETH": "1000"})


@pytest.fixture
def peer(still, talk, clock):
    return talk(still, now=clock.time)


def trade(trader, price, quantity, *, buy=True, symbol="BTCUSDT"):
    """Let one trade happen at that price."""
    maker, taker = ("SELL", "BUY") if buy else ("BUY", "SELL")
    trader.place_order(symbol, maker, "LIMIT", price=str(price), quantity=str(quantity))
    trader.place_order(symbol, taker, "LIMIT", price=str(price), quantity=str(quantity), time_in_force="IOC")


def shape(value):
    """Keys and types of an answer: of lists, what their entries have in common."""
    if isinstance(value, dict):
        return {name: shape(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else [type(entry) for entry in value]
    return type(value)


def test_every_answer_has_the_shape_of_its_examples(still, peer, trader, spec):
    """Key by key and type by type, for every method and every example."""
    for symbol in ("BTCUSDT", "ETHUSDT"):
        trade(trader, 100, 2, symbol=symbol)
        for side, price in (("BUY", 90), ("SELL", 110)):
            for step in range(5):
                level = price - step if side == "BUY" else price + step
                trader.place_order(symbol, side, "LIMIT", price=str(level), quantity="1")
    still.block_trade("BTCUSDT", price="100", quantity="5")
    still.set_reference_price("BNBUSDT", None)
    methods = [method for method in spec("ws_api.json") if method["group"] in MARKET_GROUPS]
    assert len(methods) == 19
    for method in methods:
        name = method["method"]
        asked = ASKED.get(name, [{"symbol": "BTCUSDT"} if method["parameters"] else {}])
        # The example of -2043 with status 200 contradicts the one beside it; the sandbox refuses with 400.
        examples = [e for e in method["responses"] if "code" not in (e.get("result") or {})]
        assert len(examples) == len(asked), name
        for params, example in zip(asked, examples, strict=True):
            reply = peer.call(name, **params)
            assert reply["status"] == example["status"], (name, reply)
            if "error" in example:
                assert reply["error"] == example["error"]
            elif name == "exchangeInfo":
                ours, theirs = reply["result"], example["result"]
                assert ours.keys() == theirs.keys()
                assert shape(ours["symbols"][0]).keys() == shape(theirs["symbols"][0]).keys()
            else:
                assert shape(reply["result"]) == shape(example["result"]), name


def test_trades_are_paged(peer, trader, clock):
    """The latest, or from an id on; aggregates by id or by time."""
    start = int(clock.time() * 1000)
    for number in range(5):
        trade(trader, 100 + number, 1, buy=number % 2 == 0)
        clock.advance(1)
    latest = peer.result("trades.recent", symbol="BTCUSDT", limit=2)
    assert [(t["id"], t["price"], t["isBuyerMaker"], t["time"]) for t in latest] == [
        (4, "103.00000000", True, start + 3000),
        (5, "104.00000000", False, start + 4000),
    ]
    assert latest[0]["quoteQty"] == "103.00000000"
    ask = peer.result
    assert [t["id"] for t in ask("trades.historical", symbol="BTCUSDT", fromId=2, limit=2)] == [2, 3]
    assert [t["id"] for t in ask("trades.historical", symbol="BTCUSDT", limit=1)] == [5]
    assert [t["id"] for t in ask("trades.historical", symbol="BTCUSDT", fromId=6)] == []
    aggregates = [
        ({"fromId": 4}, [4, 5]),
        ({"limit": 1}, [5]),
        ({"startTime": start + 1000, "endTime": start + 3000}, [2, 3, 4]),
        ({"startTime": start + 1000, "limit": 2}, [2, 3]),
        ({"endTime": start + 3000, "limit": 2}, [3, 4]),
        ({"startTime": (start + 3000) * 1000}, [4, 5]),
        ({"startTime": start + 9000}, []),
    ]
    for params, ids in aggregates:
        assert [t["a"] for t in ask("trades.aggregate", symbol="BTCUSDT", **params)] == ids, params
    error = peer.error("trades.aggregate", symbol="BTCUSDT", fromId=1, startTime=start)
    assert error == {"code": -1128, "msg": "Combination of optional parameters invalid."}


def test_klines_say_what_was_traded(peer, trader, clock):
    """A row per interval from the first trade on, flat where nothing was traded."""
    clock.advance(60 - clock.time() % 60)
    start = int(clock.time() * 1000)
    trade(trader, 100, 2)
    trade(trader, 99, 1, buy=False)
    clock.advance(2 * MINUTE)
    trade(trader, 105, 1)
    rows = peer.result("klines", symbol="BTCUSDT", interval="1m")
    assert rows[0] == [
        start,
        "100.00000000",
        "100.00000000",
        "99.00000000",
        "99.00000000",
        "3.00000000",
        start + 59_999,
        "299.00000000",
        2,
        "2.00000000",
        "200.00000000",
        "0",
    ]
    flat = ["99.00000000"] * 4
    assert rows[1] == [start + 60_000, *flat, "0.00000000", start + 119_999, "0.00000000", 0, *["0.00000000"] * 2, "0"]
    assert rows[2][1] == "105.00000000"
    assert len(rows) == 3
    ask = peer.result
    assert ask("klines", symbol="BTCUSDT", interval="1m", startTime=start + 1) == rows[1:]
    assert ask("klines", symbol="BTCUSDT", interval="1m", endTime=start + 60_000) == rows[:2]
    assert ask("klines", symbol="BTCUSDT", interval="1m", limit=1) == rows[2:]
    assert ask("uiKlines", symbol="BTCUSDT", interval="1m", startTime=start, limit=1) == rows[:1]
    assert ask("klines", symbol="BTCUSDT", interval="1s", limit=2, endTime=start + 999) == [
        [*rows[0][:6], start + 999, *rows[0][7:]]
    ]
    assert ask("klines", symbol="ETHUSDT", interval="1m") == []
    day = ask("klines", symbol="BTCUSDT", interval="1d", timeZone="+05:45")
    assert day[0][0] % 86_400_000 == 86_400_000 - (5 * 60 + 45) * 60_000


@pytest.mark.parametrize(
    "method, params, code",
    [
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"symbol": "BTCUSDT", "interval": "1H"}, -1120),
        ("klines", {"symbol": "BTCUSDT", "interval": "2m"}, -1120),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "timeZone": "15"}, -1130),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "timeZone": "-12:30"}, -1130),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "timeZone": "UTC"}, -1130),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 0}, -1130),
        ("avgPrice", {"symbol": "btcusdt"}, -1100),
        ("avgPrice", {"symbol": "NOPE"}, -1121),
        ("avgPrice", {}, -1102),
        ("ticker", {}, -1102),
        ("ticker.tradingDay", {}, -1102),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "60m"}, -1130),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "8d"}, -1130),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "1d 2h"}, -1130),
        ("ticker", {"symbol": "BTCUSDT", "type": "TINY"}, -1139),
        ("ticker.24hr", {"symbol": "BTCUSDT", "symbols": ["BTCUSDT"]}, -1128),
        ("ticker.24hr", {"symbols": ["BTCUSDT", "BTCUSDT"]}, -1151),
        ("ticker.24hr", {"symbols": ["NOPE"]}, -1121),
        ("ticker.24hr", {"symbols": []}, -1105),
        ("ticker.24hr", {"symbols": "BTCUSDT"}, -1130),
        ("ticker.price", {"symbol": "BTCUSDT", "symbolStatus": "BREAK"}, -1220),
        ("ticker.price", {"symbolStatus": "SLEEPING"}, -1122),
        ("ticker.book", {"symbols": ["X"] * 201}, -1101),
        ("executionRules", {"symbol": "BTCUSDT", "symbolStatus": "TRADING"}, -1128),
        ("blockTrades.historical", {"symbol": "BTCUSDT"}, -1102),
        ("referencePrice", {"symbol": "BTCUSDT"}, -2043),
        ("referencePrice", {"symbol": "ETHBTC"}, -2043),
        ("referencePrice.calculation", {"symbol": "ETHBTC"}, -2043),
        ("referencePrice.calculation", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
    ],
)
def test_refusals(peer, method, params, code):
    """With the exchange's codes."""
    assert peer.error(method, **params)["code"] == code


@pytest.mark.parametrize(
    "method, params, weight",
    [
        ("executionRules", {"symbol": "BTCUSDT"}, 2),
        ("executionRules", {"symbols": ["BTCUSDT", "ETHUSDT"]}, 4),
        ("executionRules", {}, 40),
        ("executionRules", {"symbolStatus": "TRADING"}, 40),
        ("trades.recent", {"symbol": "BTCUSDT"}, 25),
        ("trades.aggregate", {"symbol": "BTCUSDT"}, 4),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m"}, 2),
        ("ticker.24hr", {"symbol": "BTCUSDT"}, 2),
        ("ticker.24hr", {"symbols": ["BTCUSDT", "ETHUSDT"]}, 2),
        ("ticker.24hr", {}, 80),
        ("ticker.tradingDay", {"symbols": ["BTCUSDT", "ETHUSDT"]}, 8),
        ("ticker", {"symbol": "BTCUSDT"}, 4),
        ("ticker.price", {"symbol": "BTCUSDT"}, 2),
        ("ticker.price", {"symbols": ["BTCUSDT"]}, 4),
        ("ticker.book", {}, 4),
    ],
)
def test_weights(peer, method, params, weight):
    """By what is asked for."""
    before = peer.call("ping")["rateLimits"][-1]["count"]
    reply = peer.call(method, **params)
    assert reply["status"] == 200
    assert reply["rateLimits"][-1]["count"] == before + weight


def test_tickers_of_one_several_and_all(peer, trader, still):
    """An object for ``symbol``, a list for the rest; symbols of another status are left out."""
    trade(trader, 100, 1)
    one = peer.result("ticker.price", symbol="BTCUSDT")
    assert one == {"symbol": "BTCUSDT", "price": "100.00000000"}
    assert peer.result("ticker.price", symbols=["ETHUSDT", "BTCUSDT"])[1] == one
    everything = peer.result("ticker.price")
    symbols = [entry["symbol"] for entry in peer.result("exchangeInfo")["symbols"]]
    assert [entry["symbol"] for entry in everything] == symbols
    assert peer.result("ticker.price", symbolStatus="TRADING") == everything
    for method in ("ticker.24hr", "ticker.price", "ticker.book"):
        assert peer.result(method, symbolStatus="HALT") == []
        assert [entry["symbol"] for entry in peer.result(method)] == symbols
    assert peer.result("ticker", symbols=["BTCUSDT"], symbolStatus="BREAK") == []


def test_windows_roll(still, talk, trader, clock):
    """24 hours to the second, minutes to the minute, a trading day by the day; the last price stays."""

    def ask(method, **params):
        # On a connection of its own: none lives longer than a day.
        return talk(still, now=clock.time).result(method, symbol="BTCUSDT", **params)

    clock.advance(86_400 - clock.time() % 86_400 + 3600)
    trade(trader, 100, 1)
    clock.advance(30 * MINUTE)
    trade(trader, 110, 3)
    day = ask("ticker.24hr")
    assert (day["openPrice"], day["lastPrice"], day["count"]) == ("100.00000000", "110.00000000", 2)
    assert (day["priceChangePercent"], day["weightedAvgPrice"]) == ("10.000", "107.50000000")
    assert (day["prevClosePrice"], day["lastQty"]) == ("0.00000000", "3.00000000")
    assert day["closeTime"] - day["openTime"] == 86_400_000
    short = ask("ticker", windowSize="30m")
    assert (short["firstId"], short["openTime"]) == (1, day["closeTime"] - 30 * 60_000)
    clock.advance(MINUTE)
    short = ask("ticker", windowSize="30m")
    assert (short["firstId"], short["lastId"], short["count"]) == (2, 2, 1)
    clock.advance(86_400 - 30 * MINUTE - 20)
    day = ask("ticker.24hr")
    assert (day["firstId"], day["prevClosePrice"], day["volume"]) == (2, "100.00000000", "3.00000000")
    today = ask("ticker.tradingDay")
    assert today["count"] == 0
    assert (today["openPrice"], today["lastPrice"], today["firstId"]) == ("110.00000000", "110.00000000", -1)
    west = ask("ticker.tradingDay", timeZone="-1:15")
    assert (west["count"], west["closeTime"] - west["openTime"]) == (1, 86_399_999)
    clock.advance(86_400)
    day = ask("ticker.24hr", type="MINI")
    assert (day["count"], day["lastPrice"], day["highPrice"]) == (0, "110.00000000", "0.00000000")


def test_average_price(peer, trader, clock):
    """Of five minutes, by volume."""
    assert peer.result("avgPrice", symbol="BTCUSDT") == {"mins": 5, "price": "0.00000000", "closeTime": 0}
    trade(trader, 100, 1)
    clock.advance(4 * MINUTE)
    trade(trader, 200, 3)
    now = int(clock.time() * 1000)
    assert peer.result("avgPrice", symbol="BTCUSDT") == {"mins": 5, "price": "175.00000000", "closeTime": now}
    clock.advance(2 * MINUTE)
    assert peer.result("avgPrice", symbol="BTCUSDT")["price"] == "200.00000000"
    clock.advance(9 * MINUTE)
    assert peer.result("avgPrice", symbol="BTCUSDT") == {"mins": 5, "price": "200.00000000", "closeTime": now}


def test_reference_prices(still, peer, trader, clock):
    """A mean of the trades, or what was set; null is another thing than none."""
    trade(trader, 100, 9)
    trade(trader, 103, 1)
    now = int(clock.time() * 1000)
    mean = {"symbol": "BTCUSDT", "referencePrice": "101.50000000", "timestamp": now}
    assert peer.result("referencePrice", symbol="BTCUSDT") == mean
    clock.advance(60)
    assert peer.result("referencePrice", symbol="BTCUSDT")["referencePrice"] is None
    still.set_reference_price("BTCUSDT", Decimal("7.5"), calculation_id=42)
    clock.advance(5)
    assert peer.result("referencePrice", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT",
        "referencePrice": "7.50000000",
        "timestamp": now + 60_000,
    }
    assert peer.result("referencePrice.calculation", symbol="BTCUSDT")["externalCalculationId"] == 42


def test_block_trades_are_no_trades(still, peer, trader):
    """They have ids and pages of their own, and no ticker knows of them."""
    assert still.block_trade("BTCUSDT", price="50", quantity="2") == 1
    assert still.block_trade("BTCUSDT", price="51", quantity="2", buyer_is_maker=True) == 2
    pages = peer.result("blockTrades.historical", symbol="BTCUSDT", fromId=2)
    assert [(t["id"], t["quoteQty"], t["isBuyerMaker"]) for t in pages] == [(2, "102.00000000", True)]
    assert peer.result("trades.recent", symbol="BTCUSDT") == []
    assert peer.result("ticker.price", symbol="BTCUSDT")["price"] == "0.00000000"


@pytest.mark.parametrize("process", [False, True])
def test_bad_amounts_are_refused_at_once(process):
    """In this process and in another."""
    with Sandbox(process=process) as sandbox:
        for price in ("0", "-1", "x"):
            with pytest.raises(InvalidRequest):
                sandbox.block_trade("BTCUSDT", price=price, quantity="1")
            with pytest.raises(InvalidRequest):
                sandbox.set_reference_price("BTCUSDT", price)


def test_answers_in_microseconds(still, talk, trader, clock):
    """Also where the names do not say that they are times; what closes, closes with the last microsecond."""
    trade(trader, 100, 1)
    still.block_trade("BTCUSDT", price="50", quantity="2")
    now = int(clock.time() * 1000)
    slow, fine = talk(still, now=clock.time), talk(still, "?timeUnit=MICROSECOND", now=clock.time)
    for method, params, times in (
        ("trades.recent", {}, ["time"]),
        ("blockTrades.historical", {"fromId": 0}, ["time"]),
        ("trades.aggregate", {}, ["T"]),
        ("ticker.24hr", {}, ["openTime", "closeTime"]),
        ("ticker", {}, ["openTime", "closeTime"]),
        ("avgPrice", {}, ["closeTime"]),
        ("referencePrice", {}, ["timestamp"]),
    ):
        one, other = (peer.result(method, symbol="BTCUSDT", **params) for peer in (slow, fine))
        one, other = (answer[0] if isinstance(answer, list) else answer for answer in (one, other))
        assert other == {name: value * 1000 if name in times else value for name, value in one.items()}
    row = fine.result("klines", symbol="BTCUSDT", interval="1s")[0]
    assert (row[0], row[6]) == (now // 1000 * 1_000_000, now // 1000 * 1_000_000 + 999_999)
    day = fine.result("ticker.tradingDay", symbol="BTCUSDT")
    assert day["closeTime"] - day["openTime"] == 86_399_999_999
    assert fine.result("ticker.tradingDay", symbols=["BTCUSDT"]) == [day]


def test_takers_stay_within_the_price_range(still, peer):
    """An order that would trade outside of it expires there; without a reference price there is no range."""
    trader = still.create_account({"USDT": "100000", "BNB": "100"})

    def sweep():
        for price in ("100", "199", "201"):
            trader.place_order("BNBUSDT", "SELL", "LIMIT", price=price, quantity="1")
        return trader.place_order("BNBUSDT", "BUY", "LIMIT", price="300", quantity="3")

    assert sweep()["status"] == "FILLED"
    still.set_reference_price("BNBUSDT", "100")
    cut = sweep()
    assert (cut["status"], cut["executedQty"]) == ("EXPIRED", "2.00000000")
    reports = [event for event in trader.events if event["e"] == "executionReport"]
    assert reports[-1]["eR"] == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
    still.set_reference_price("BNBUSDT", None)
    assert sweep()["status"] == "FILLED"
    rules = peer.result("executionRules")["symbolRules"]
    assert {entry["symbol"]: len(entry["rules"]) for entry in rules if entry["rules"]} == {"BNBUSDT": 1}
