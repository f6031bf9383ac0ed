"""The levels of the book, and the news of a market, after any flow of orders."""

from __future__ import annotations

import contextlib
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from binance_socket.sandbox.errors import ExchangeError
from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.orders import Side
from binance_socket.testing import ManualClock

SYMBOL = "BTCUSDT"

ACTIONS = st.one_of(
    st.tuples(
        st.just("LIMIT"),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(95, 105),
        st.integers(1, 5),
        st.sampled_from(["GTC", "IOC", "FOK"]),
        st.sampled_from(["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]),
    ),
    st.tuples(st.just("MARKET"), st.sampled_from(["BUY", "SELL"]), st.integers(1, 9)),
    st.tuples(st.just("CANCEL"), st.integers(0, 30)),
)


def run(action, exchange, accounts, placed):
    kind, *details = action
    if kind == "CANCEL":
        if details[0] < len(placed):
            account, order_id = placed[details[0]]
            exchange.cancel_order(account, {"symbol": SYMBOL, "orderId": order_id})
        return
    order = {"symbol": SYMBOL, "side": details[0], "type": kind, "newOrderRespType": "ACK"}
    if kind == "LIMIT":
        _, price, quantity, time_in_force, prevention = details
        order |= {
            "price": str(price),
            "quantity": str(quantity),
            "timeInForce": time_in_force,
            "selfTradePreventionMode": prevention,
        }
    else:
        order["quantity"] = str(details[1])
    account = accounts[len(placed) % 2]
    placed.append((account, exchange.place_order(account, order)["orderId"]))


@given(st.lists(ACTIONS, max_size=60))
@settings(max_examples=150, deadline=None)
def test_the_news_replay_to_the_book(actions):
    """Every change has an id, the ids have no holes, and what the levels were said to be is what orders come to."""
    exchange = Exchange(clock=ManualClock())
    accounts = [exchange.open_account({"USDT": "100000000", "BTC": "100000"}) for _ in range(2)]
    news = []
    exchange.follow_markets(news.append)
    placed = []
    for action in actions:
        with contextlib.suppress(ExchangeError):
            run(action, exchange, accounts, placed)
    replayed = {Side.BUY: {}, Side.SELL: {}}
    update_id, trades = 1_000_000, 0
    for item in news:
        assert item.symbol == SYMBOL
        assert item.first_update_id == update_id + 1
        assert item.last_update_id >= item.first_update_id - 1
        assert bool(item.levels) == (item.last_update_id >= item.first_update_id)
        update_id = item.last_update_id
        for (side, price), quantity in item.levels.items():
            replayed[side][price] = quantity
            if not quantity:
                del replayed[side][price]
        assert item.bid == max(replayed[Side.BUY].items(), default=None)
        assert item.ask == min(replayed[Side.SELL].items(), default=None)
        for trade in item.trades:
            trades += 1
            assert trade.id == trades
    expected = {Side.BUY: {}, Side.SELL: {}}
    for account in accounts:
        for order in exchange.open_orders(account, {}):
            if order["type"] == "LIMIT":
                side, price = Side(order["side"]), Decimal(order["price"])
                left = Decimal(order["origQty"]) - Decimal(order["executedQty"])
                expected[side][price] = expected[side].get(price, Decimal(0)) + left
    assert replayed == expected
    last, bids, asks = exchange.levels(SYMBOL, 5000)
    assert last == update_id
    assert bids == sorted(expected[Side.BUY].items(), reverse=True)
    assert asks == sorted(expected[Side.SELL].items())
    assert exchange.levels(SYMBOL, 2)[1:] == (bids[:2], asks[:2])


def test_one_symbols_news_are_no_other_symbols():
    """Markets tell of themselves only, and nothing is told where nothing happened."""
    exchange = Exchange(clock=ManualClock())
    account = exchange.open_account({"USDT": "1000", "ETH": "1"})
    news = []
    exchange.follow_markets(news.append)
    exchange.account_status(account)
    order = {
        "symbol": "ETHUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "price": "100",
        "quantity": "1",
        "timeInForce": "GTC",
    }
    exchange.place_order(account, order, test=True)
    assert news == []
    exchange.place_order(account, order)
    assert [item.symbol for item in news] == ["ETHUSDT"]
