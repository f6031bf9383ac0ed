"""What an account is told about its orders and trades, and anybody about the exchange."""

import pytest


@pytest.fixture
def history(alice, bob, clock):
    """Five orders of alice's a second apart, each traded in two parts."""
    placed = []
    for _ in range(5):
        placed.append(alice.sell("2", "50000"))
        bob.buy("1", "50000")
        bob.buy("1", "50000")
        clock.advance(1)
    return placed


def ids(entries, name="orderId"):
    return [entry[name] for entry in entries]


def test_all_orders(alice, history):
    """Oldest first; from an id on, within a time, or the latest; never more than the limit."""
    known = ids(history)

    def ask(**params):
        return ids(alice.exchange.all_orders(alice.account, {"symbol": "BTCUSDT", **params}))

    start = history[0]["transactTime"]
    assert ask() == known
    assert ask(limit=2) == known[-2:]
    assert ask(orderId=known[1], limit=2) == known[1:3]
    assert ask(startTime=start + 1000, limit=3) == known[1:4]
    assert ask(startTime=start + 1000, endTime=start + 2000) == known[1:3]
    assert ask(endTime=start) == known[:1]
    assert ids(alice.exchange.all_orders(alice.account, {"symbol": "ETHUSDT"})) == []


def test_answers_are_the_callers_own(alice, history):
    """What is kept of orders that ended, and of trades, cannot be changed from outside."""
    params = {"symbol": "BTCUSDT"}
    for ask in (alice.exchange.all_orders, alice.exchange.my_trades):
        for _ in range(3):
            answer = ask(alice.account, params)
            assert answer[0]["symbol"] == "BTCUSDT"
            answer[0]["symbol"] = "forged"


def test_an_order_is_as_it_is_now(alice, bob):
    """Asked for while it is open, and again after each change."""
    placed = alice.sell("2", "50000")
    statuses = [alice.status(placed)["status"]]
    for _ in range(2):
        bob.buy("1", "50000")
        statuses += [alice.status(placed)["status"], alice.status(placed)["executedQty"]]
    assert statuses == ["NEW", "PARTIALLY_FILLED", "1.00000000", "FILLED", "2.00000000"]


def test_my_trades(alice, history):
    """Oldest first; from an id on, of one order, within a time, or the latest."""

    def ask(**params):
        return ids(alice.exchange.my_trades(alice.account, {"symbol": "BTCUSDT", **params}), "id")

    start = history[0]["transactTime"]
    assert ask() == list(range(1, 11))
    assert ask(limit=3) == [8, 9, 10]
    assert ask(fromId=4, limit=2) == [4, 5]
    assert ask(orderId=history[1]["orderId"]) == [3, 4]
    assert ask(orderId=history[1]["orderId"], fromId=4) == [4]
    assert ask(startTime=start + 1000, endTime=start + 2000) == [3, 4, 5, 6]
    assert ask(endTime=start) == [1, 2]


def test_a_trade_is_told_from_each_side(alice, bob):
    """Maker and buyer are marked as such."""
    placed = alice.sell("1", "50000")
    bob.buy("1", "50000")
    (sold,) = alice.exchange.my_trades(alice.account, {"symbol": "BTCUSDT"})
    (bought,) = bob.exchange.my_trades(bob.account, {"symbol": "BTCUSDT"})
    assert sold == {
        "symbol": "BTCUSDT",
        "id": 1,
        "orderId": placed["orderId"],
        "orderListId": -1,
        "price": "50000.00000000",
        "qty": "1.00000000",
        "quoteQty": "50000.00000000",
        "commission": "50.00000000",
        "commissionAsset": "USDT",
        "time": 1_700_000_000_000,
        "isBuyer": False,
        "isMaker": True,
        "isBestMatch": True,
    }
    assert (bought["id"], bought["isBuyer"], bought["isMaker"]) == (1, True, False)


def test_open_orders(alice):
    """Of one symbol or of all; ended ones are not among them."""
    first, second = alice.buy("1", "40000"), alice.buy("1", "41000")
    other = alice.buy("1", "2000", symbol="ETHUSDT")
    alice.cancel(first)
    ask = alice.exchange.open_orders
    assert ids(ask(alice.account, {"symbol": "BTCUSDT"})) == [second["orderId"]]
    assert [(order["symbol"], order["orderId"]) for order in ask(alice.account, {})] == [
        ("BTCUSDT", second["orderId"]),
        ("ETHUSDT", other["orderId"]),
    ]


def test_order_status(alice, bob, clock):
    """An order is found by either id, and says when it was placed and last touched."""
    placed = alice.buy("2", "50000", newClientOrderId="mine")
    clock.advance(3)
    bob.sell("1", "50000")
    status = alice.exchange.order_status(alice.account, {"symbol": "BTCUSDT", "origClientOrderId": "mine"})
    assert status == alice.status(placed)
    assert (status["status"], status["executedQty"], status["isWorking"]) == ("PARTIALLY_FILLED", "1.00000000", True)
    assert status["time"] == status["workingTime"] == placed["transactTime"]
    assert status["updateTime"] == placed["transactTime"] + 3000


@pytest.mark.parametrize("kind, default", [
    ("LIMIT", "FULL"), ("MARKET", "FULL"), ("LIMIT_MAKER", "ACK"), ("STOP_LOSS", "ACK"),
    ("STOP_LOSS_LIMIT", "ACK"), ("TAKE_PROFIT", "ACK"), ("TAKE_PROFIT_LIMIT", "ACK"),
])  # fmt: skip
def test_how_much_is_answered(alice, kind, default):
    """MARKET and LIMIT orders are answered in full by default, the others acknowledged; all may choose."""
    order = {"quantity": "1"}
    if kind.endswith(("LIMIT", "MAKER")):
        order["price"] = "40000"
    if kind.startswith(("STOP", "TAKE")):
        order["stopPrice"] = "60000"

    def shape(**more):
        answer = alice.place("SELL" if kind == "MARKET" else "BUY", kind, **order, **more)
        return "FULL" if "fills" in answer else "RESULT" if "status" in answer else "ACK"

    assert shape() == default
    for wanted in ("ACK", "RESULT", "FULL"):
        assert shape(newOrderRespType=wanted) == wanted


def test_exchange_info(exchange):
    """All symbols, some, or those with a permission or state; with the limits of whoever enforces them."""
    limits = [{"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 3}]
    info = exchange.exchange_info({}, rate_limits=limits)
    names = [symbol["symbol"] for symbol in info["symbols"]]
    assert names == ["BTCUSDT", "ETHUSDT", "ETHBTC", "BNBUSDT", "１２３４５６", "BTCUSDC"]
    assert info["rateLimits"] == limits
    assert info["serverTime"] == 1_700_000_000_000

    def ask(**params):
        return [symbol["symbol"] for symbol in exchange.exchange_info(params)["symbols"]]

    assert ask(symbol="ETHBTC") == ["ETHBTC"]
    assert ask(symbols=["BNBUSDT", "BTCUSDT"]) == ["BNBUSDT", "BTCUSDT"]
    assert ask(permissions=["SPOT"]) == ask(permissions="SPOT") == ask(symbolStatus="TRADING") == names
    assert ask(permissions=["MARGIN"]) == ask(symbolStatus="HALT") == []
    hidden = exchange.exchange_info({"symbol": "BTCUSDT", "showPermissionSets": "false"})
    assert hidden["symbols"][0]["permissionSets"] == []


def test_filters_are_told_as_they_are_enforced(exchange, alice, refused):
    """An order at the limits that exchangeInfo tells is accepted, one step beyond is not."""
    filters = {
        entry["filterType"]: entry for entry in exchange.exchange_info({"symbol": "BTCUSDT"})["symbols"][0]["filters"]
    }
    smallest, highest = filters["LOT_SIZE"]["minQty"], filters["PRICE_FILTER"]["maxPrice"]
    assert alice.buy(smallest, highest)["status"] == "NEW"
    with refused(-1013, "Filter failure: PRICE_FILTER"):
        alice.buy(smallest, "1000000.01")
    assert float(filters["NOTIONAL"]["minNotional"]) == 5
    assert alice.buy("0.00010", "50000")["status"] == "NEW"
    with refused(-1013, "Filter failure: NOTIONAL"):
        alice.buy("0.00010", "49999.99")
