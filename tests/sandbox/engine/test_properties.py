"""Over random order flow: assets are conserved, locks are right, the book is fair, the ledgers tell the whole story."""

import contextlib
from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binance_socket.sandbox.errors import ExchangeError
from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.orders import STOP_TYPES, OrderType, Side
from binance_socket.testing import ManualClock

D = Decimal
SYMBOLS = ("BTCUSDT", "ETHBTC")
# A narrow band of prices and few sizes, so that orders meet.
PRICES = {
    "BTCUSDT": [D(100) + D(tick) / 100 for tick in range(12)],
    "ETHBTC": [D(tick) / 100000 for tick in range(100, 112)],
}
QUANTITIES = {"BTCUSDT": ["0.07", "0.5", "0.33333", "1", "3.00001"], "ETHBTC": ["0.111", "1", "2.5", "7.777"]}
OPENING = {"BTC": D(20), "USDT": D(1500), "ETH": D(50)}
FINAL = {"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"}


@st.composite
def orders(draw):
    """Wire parameters of an order, all types, mostly acceptable."""
    symbol = draw(st.sampled_from(SYMBOLS))
    kind = draw(st.sampled_from([OrderType.LIMIT] * 5 + [OrderType.MARKET] * 3 + list(OrderType))).value
    order = {"symbol": symbol, "side": draw(st.sampled_from(["BUY", "SELL"])), "type": kind}
    if kind == "MARKET" and draw(st.booleans()):
        order["quoteOrderQty"] = draw(st.sampled_from(["7", "33.33", "250", "0.002"]))
    else:
        order["quantity"] = draw(st.sampled_from(QUANTITIES[symbol]))
    if kind.endswith("LIMIT") or kind == "LIMIT_MAKER":
        order["price"] = draw(st.sampled_from(PRICES[symbol]))
    if kind.endswith("LIMIT"):
        order["timeInForce"] = draw(st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK"]))
    if kind.startswith(("STOP", "TAKE")):
        order["stopPrice"] = draw(st.sampled_from(PRICES[symbol]))
    mode = draw(st.sampled_from([None, "NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH"]))
    return order if mode is None else {**order, "selfTradePreventionMode": mode}


people = st.integers(0, 2)
actions = st.one_of(
    st.tuples(st.just("place"), people, orders()),
    st.tuples(st.just("place"), people, orders()),
    st.tuples(st.just("place"), people, orders()),
    st.tuples(st.just("cancel"), people, st.integers(0, 50)),
    st.tuples(st.just("cancel_all"), people, st.sampled_from(SYMBOLS)),
    st.tuples(st.just("deposit"), people, st.sampled_from(["5", "-3"])),
    st.tuples(st.just("lock"), people, st.sampled_from(["2", "-1"])),
)


class World:
    """An exchange with three accounts, a book of *depth* prices a side, and what must be true of it at any time."""

    def __init__(self, depth=0):
        self.clock = ManualClock()
        self.exchange = Exchange(clock=self.clock)
        self.accounts = [
            self.exchange.open_account(
                {asset: str(value) for asset, value in OPENING.items()},
                maker_commission=maker,
                taker_commission="0.001",
            )
            for maker in ("0", "0.00075", "0.001")
        ]
        self._fill_books(depth)
        self.supply = self.exchange.supply()
        self.external = [D(0)] * 3

    def _fill_books(self, depth):
        other = self.exchange.open_account({"BTC": "1000", "ETH": "1000", "USDT": "1000000"})
        self.everybody = [*self.accounts, other]
        for symbol, prices in PRICES.items():
            if depth:
                # A trade, for a last price in the middle.
                self._rest(other, symbol, "BUY", prices[6])
                self._rest(other, symbol, "SELL", prices[6])
            for step in range(1, depth // 2 + 1):
                self._rest(other, symbol, "BUY", prices[6 - step])
                self._rest(other, symbol, "SELL", prices[6 + step])

    def _rest(self, account, symbol, side, price):
        order = {"symbol": symbol, "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
        self.exchange.place_order(account, {**order, "price": price})

    def act(self, action, who, what):
        # Refusals are part of life; what must not happen is that one of them changes anything.
        with contextlib.suppress(ExchangeError):
            getattr(self, f"_{action}")(who, self.accounts[who], what)
        self.clock.advance(0.001)

    def _place(self, who, account, order):
        self.exchange.place_order(account, order)

    def _cancel(self, who, account, number):
        found = self.exchange.open_orders(account, {})
        if found:
            order = found[number % len(found)]
            self.exchange.cancel_order(account, {"symbol": order["symbol"], "orderId": order["orderId"]})

    def _cancel_all(self, who, account, symbol):
        self.exchange.cancel_all_orders(account, {"symbol": symbol})

    def _deposit(self, who, account, amount):
        self.exchange.deposit(account, "USDT", amount)
        self.supply["USDT"] += D(amount)

    def _lock(self, who, account, amount):
        self.exchange.lock_externally(account, "BTC", amount)
        self.external[who] += D(amount)

    def check_money(self):
        assert self.exchange.supply() == self.supply
        for account, external in zip(self.accounts, self.external, strict=True):
            needed = defaultdict(D, {"BTC": external})
            for order in account.history.open_orders():
                rules = self.exchange._markets[order.symbol].rules
                buying = order.side is Side.BUY
                price = order.price or order.request.stop_price
                needed[rules.quote if buying else rules.base] += order.remaining * (price if buying else 1)
            for asset, balance in account.balances().items():
                assert balance.free >= 0
                assert balance.locked == needed[asset]

    def check_books(self):
        for market in self.exchange._markets.values():
            bid, ask = market.best(Side.BUY), market.best(Side.SELL)
            assert bid is None or ask is None or bid < ask
            for side in Side:
                queue = list(market.depth(side))
                ranks = [(-order.price if side is Side.BUY else order.price) for order in queue]
                assert ranks == sorted(ranks)
                assert all(order.is_open and order.is_working and order.remaining > 0 for order in queue)
            for order in market.waiting_stops():
                assert order.is_open
                assert not order.is_working
                assert order.request.type in STOP_TYPES
                assert market.last_price is None or not order.is_triggered_by(market.last_price)


def reports_of(account):
    return [event for event in account.ledger.events if event["e"] == "executionReport"]


def check_stories(account):
    """Every order's reports follow from one another."""
    stories = defaultdict(list)
    for report in reports_of(account):
        stories[report["s"], report["i"]].append(report)
    for story in stories.values():
        assert (story[0]["x"], story[0]["X"]) == ("NEW", "NEW")
        done = spent = D(0)
        for number, report in enumerate(story):
            done += D(report["l"])
            spent += D(report["Y"])
            assert (D(report["z"]), D(report["Z"])) == (done, spent)
            assert D(report["Y"]) == D(report["l"]) * D(report["L"])
            assert done <= D(report["q"])
            assert (report["x"] == "TRADE") == (D(report["l"]) > 0) == (report["t"] > 0)
            assert (report["X"] in FINAL) == (number == len(story) - 1) or report["X"] not in FINAL
            assert (report["X"] == "FILLED") == (done == D(report["q"]))
            if report["x"] == "TRADE":
                assert report["X"] in ("PARTIALLY_FILLED", "FILLED")
            if report["X"] in FINAL:
                assert not report["w"]
        # NEW comes once, and a second time when a stop order is triggered.
        news = [report for report in story if report["x"] == "NEW"]
        assert len(news) == 1 or (len(news) == 2 and (news[0]["w"], news[1]["w"]) == (False, True))


def check_replay(world, number):
    """Who adds up the ledger has the balances: once from the trades, once from the positions."""
    account = world.accounts[number]
    totals = defaultdict(D, OPENING)
    told = {asset: (value, D(0)) for asset, value in OPENING.items()}
    for event in account.ledger.events:
        if event["e"] == "balanceUpdate":
            totals[event["a"]] += D(event["d"])
        elif event["e"] == "externalLockUpdate":
            free, locked = told[event["a"]]
            told[event["a"]] = (free - D(event["d"]), locked + D(event["d"]))
        elif event["e"] == "outboundAccountPosition":
            told.update({entry["a"]: (D(entry["f"]), D(entry["l"])) for entry in event["B"]})
        elif event["x"] == "TRADE":
            rules = world.exchange._markets[event["s"]].rules
            sign = 1 if event["S"] == "BUY" else -1
            totals[rules.base] += sign * D(event["l"])
            totals[rules.quote] -= sign * D(event["Y"])
            totals[event["N"]] -= D(event["n"])
    balances = {asset: (balance.free, balance.locked) for asset, balance in account.balances().items()}
    assert {asset: free + locked for asset, (free, locked) in balances.items()} == {
        asset: totals[asset] for asset in balances
    }
    assert told == balances


def check_trades(world):
    """Both sides of a trade agree; no maker was passed over by a later or worse one."""
    sides = defaultdict(list)
    executions = defaultdict(list)
    for account in world.everybody:
        for report in reports_of(account):
            executions[report["s"]].append(report["I"])
            if report["x"] == "TRADE":
                sides[report["s"], report["t"]].append(report)
    for ids in executions.values():
        assert sorted(ids) == list(range(1, len(ids) + 1))
    for pair in sides.values():
        maker, taker = sorted(pair, key=lambda report: not report["m"])
        assert (maker["m"], taker["m"]) == (True, False)
        assert (maker["l"], maker["L"]) == (taker["l"], taker["L"])
        assert maker["S"] != taker["S"]
        assert maker["L"] == maker["p"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10), st.lists(actions, min_size=30, max_size=80))
def test_random_order_flow(depth, flow):
    """Whatever is ordered, money is neither made nor lost, and the ledgers account for all of it."""
    world = World(depth)
    for action in flow:
        world.act(*action)
        world.check_money()
        world.check_books()
    for number, account in enumerate(world.accounts):
        check_stories(account)
        check_replay(world, number)
    check_trades(world)


def _crosses(side, price, resting):
    return resting <= price if side == "BUY" else resting >= price


class Naive:
    """The plainest possible limit order book, to compare with: a list that is searched from the start every time."""

    def __init__(self):
        self.resting = []
        self.trades = []

    def place(self, number, side, price, quantity):
        while quantity:
            others = [entry for entry in self.resting if entry[1] != side and _crosses(side, price, entry[2])]
            if not others:
                self.resting.append([number, side, price, quantity])
                return
            best = min(others, key=lambda entry: (entry[2] if side == "BUY" else -entry[2], entry[0]))
            traded = min(quantity, best[3])
            self.trades.append((best[0], number, best[2], traded))
            best[3] -= traded
            quantity -= traded
            if not best[3]:
                self.resting.remove(best)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BUY", "SELL"]),
            st.sampled_from(PRICES["BTCUSDT"]),
            st.sampled_from([D("0.5"), D(1), D("2.5")]),
            st.booleans(),
        ),
        min_size=10,
        max_size=60,
    )
)
def test_price_time_priority(flow):
    """The order of service is that of a plain search for the best, then the oldest counterpart."""
    exchange, naive = Exchange(clock=ManualClock()), Naive()
    funds = {"BTC": "1000", "USDT": "1000000"}
    makers = exchange.open_account(funds), exchange.open_account(funds)
    trades = []
    for number, (side, price, quantity, second) in enumerate(flow, start=1):
        order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "price": price}
        exchange.place_order(makers[second], {**order, "quantity": quantity})
        naive.place(number, side, price, quantity)
    by_id = defaultdict(dict)
    for account in makers:
        for report in reports_of(account):
            if report["x"] == "TRADE":
                by_id[report["t"]][report["m"]] = report
    for _, pair in sorted(by_id.items()):
        trades.append((pair[True]["i"], pair[False]["i"], D(pair[True]["L"]), D(pair[True]["l"])))
    assert trades == naive.trades


def test_the_properties_can_fail():
    """A balance that is touched by hand is noticed."""
    world = World()
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    world.act("place", 0, {**order, "price": "100"})
    world.check_money()
    world.accounts[0].balances()["USDT"].locked += 1
    world.accounts[0].balances()["USDT"].free -= 1
    with pytest.raises(AssertionError):
        world.check_money()
