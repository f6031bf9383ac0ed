"""Over random order flow: assets are conserved, locks are right, the book is fair, the ledgers tell the whole story."""

import contextlib
from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binance_socket.sandbox.errors import ExchangeError
from binance_socket.sandbox.exchange import Exchange
from binance_socket.sandbox.list_parameters import ListKind
from binance_socket.sandbox.orders import STOP_TYPES, OrderType, SelfTradePrevention, Side, Status
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
MODES = ("NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
PEGS = (
    {"pegPriceType": "PRIMARY_PEG"},
    {"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 1},
    {"pegPriceType": "MARKET_PEG"},
)
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
        follow = draw(st.sampled_from(["stop", "stop", "trail", "both"]))
        if follow != "trail":
            order["stopPrice"] = draw(st.sampled_from(PRICES[symbol]))
        if follow != "stop":
            order["trailingDelta"] = draw(st.sampled_from([10, 200, 500]))
    if ("price" in order and "timeInForce" not in order) or order.get("timeInForce") == "GTC":
        order.update(draw(st.sampled_from([{}, {}, {"icebergQty": "0.111"}, *PEGS])))
    mode = draw(st.sampled_from([None, *MODES]))
    return order if mode is None else {**order, "selfTradePreventionMode": mode}


@st.composite
def order_lists(draw):
    """Wire parameters of an order list, all methods."""
    symbol = draw(st.sampled_from(SYMBOLS))
    prices = sorted(draw(st.lists(st.sampled_from(PRICES[symbol]), min_size=3, max_size=3)))
    quantity = st.sampled_from(QUANTITIES[symbol])
    kind = draw(st.sampled_from(list(ListKind)))
    side = "SELL" if kind in (ListKind.OPO, ListKind.OPOCO) else draw(st.sampled_from(["BUY", "SELL"]))
    legs = {
        "SELL": {"AboveType": "LIMIT_MAKER", "AbovePrice": prices[2], "BelowType": "STOP_LOSS",
                 "BelowStopPrice": prices[0]},
        "BUY": {"BelowType": "LIMIT_MAKER", "BelowPrice": prices[0], "AboveType": "STOP_LOSS_LIMIT",
                "AboveTimeInForce": "GTC", "AboveStopPrice": prices[2], "AbovePrice": prices[2]},
    }[side]  # fmt: skip
    shared = {"symbol": symbol, "selfTradePreventionMode": draw(st.sampled_from(MODES))}
    working = {
        "workingType": "LIMIT", "workingTimeInForce": draw(st.sampled_from(["GTC", "GTC", "IOC"])),
        "workingSide": "BUY" if side == "SELL" else "SELL", "workingPrice": prices[1],
        "workingQuantity": draw(quantity), "pendingSide": side,
    }  # fmt: skip
    if kind is ListKind.OLD_OCO:
        limit, stop = (prices[2], prices[0]) if side == "SELL" else (prices[0], prices[2])
        return kind, {**shared, "side": side, "quantity": draw(quantity), "price": limit, "stopPrice": stop}
    if kind is ListKind.OCO:
        own = {name[0].lower() + name[1:]: value for name, value in legs.items()}
        return kind, {**shared, **own, "side": side, "quantity": draw(quantity)}
    sized = {} if kind in (ListKind.OPO, ListKind.OPOCO) else {"pendingQuantity": draw(quantity)}
    if kind in (ListKind.OTO, ListKind.OPO):
        single = {"pendingType": "LIMIT", "pendingTimeInForce": "GTC", "pendingPrice": prices[2]}
        pending = draw(st.sampled_from([single, {"pendingType": "MARKET"}]))
        return kind, {**shared, **working, **sized, **pending}
    return kind, {**shared, **working, **sized, **{f"pending{name}": value for name, value in legs.items()}}


people = st.integers(0, 2)
actions = st.one_of(
    st.tuples(st.just("place"), people, orders()),
    st.tuples(st.just("place"), people, orders()),
    st.tuples(st.just("place"), people, orders()),
    st.tuples(st.just("place_list"), people, order_lists()),
    st.tuples(st.just("place_list"), people, order_lists()),
    st.tuples(st.just("replace"), people, st.tuples(st.integers(0, 50), orders())),
    st.tuples(st.just("amend"), people, st.tuples(st.integers(0, 50), st.sampled_from(["0.5", "0.9"]))),
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
                # The first two do not trade with each other either, where an order says so.
                trade_group=-1 if maker == "0.001" else 7,
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

    def _place_list(self, who, account, what):
        self.exchange.trading.place_list(account, *what)

    def _replace(self, who, account, what):
        number, order = what
        found = self.exchange.open_orders(account, {"symbol": order["symbol"]})
        if found:
            old = {"cancelOrderId": found[number % len(found)]["orderId"], "cancelReplaceMode": "ALLOW_FAILURE"}
            self.exchange.replacing.replace(account, {**order, **old})

    def _amend(self, who, account, what):
        number, share = what
        found = self.exchange.open_orders(account, {})
        if found:
            order = found[number % len(found)]
            step = self.exchange._markets[order["symbol"]].rules.step_size
            quantity = D(order.get("origQty", "1")) * D(share) // step * step
            params = {"symbol": order["symbol"], "orderId": order["orderId"], "newQty": quantity}
            self.exchange.amending.amend(account, params)

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
            open_lists = account.history.open_lists()
            for order in account.history.open_orders():
                assert order.order_list is None or order.order_list in open_lists
                if order.status is Status.PENDING_NEW:
                    assert order.reserved == 0
                    continue
                sibling = None if order.order_list is None else order.order_list.sibling(order)
                if sibling is None or not sibling.is_open:
                    needed[self.paid_asset(order)] += self.cost(order)
                elif order.order_list.legs[0] is order:
                    # Of a pair, only one can be executed.
                    needed[self.paid_asset(order)] += max(self.cost(order), self.cost(sibling))
            for order_list in open_lists:
                needed[self.exchange._markets[order_list.symbol].rules.base] += order_list.received
            for asset, balance in account.balances().items():
                assert balance.free >= 0
                assert balance.locked == needed[asset]

    def paid_asset(self, order):
        rules = self.exchange._markets[order.symbol].rules
        return rules.quote if order.side is Side.BUY else rules.base

    def cost(self, order):
        """What an open order has to have locked: its limit or stop price, by quantity."""
        if order.side is Side.SELL:
            return order.remaining
        price = order.price or order.request.stop_price
        if not price:
            # A trailing stop alone: what was known when it was placed.
            price = order.unit_cost
        return order.remaining * price

    def check_books(self):
        for market in self.exchange._markets.values():
            bid, ask = market.best(Side.BUY), market.best(Side.SELL)
            assert bid is None or ask is None or bid < ask
            for side in Side:
                queue = list(market.depth(side))
                for order in queue:
                    assert 0 < order.shown <= order.remaining
                totals = defaultdict(D)
                for order in queue:
                    totals[order.price] += order.shown
                assert dict(market.levels(1000)[1 if side is Side.BUY else 2]) == totals
                ranks = [(-order.price if side is Side.BUY else order.price) for order in queue]
                assert ranks == sorted(ranks)
                assert all(order.is_open and order.is_working and order.remaining > 0 for order in queue)
            for order in market.waiting_stops():
                assert order.is_open
                assert not order.is_working
                assert order.request.type in STOP_TYPES
                if order.trail is None:
                    assert market.last_price is None or not order.is_triggered_by(market.last_price)


def reports_of(account):
    return [event for event in account.ledger.events if event["e"] == "executionReport"]


def check_stories(account):
    """Every order's reports follow from one another."""
    stories = defaultdict(list)
    for report in reports_of(account):
        stories[report["s"], report["i"]].append(report)
    for story in stories.values():
        assert (story[0]["x"], story[0]["X"]) in (("NEW", "NEW"), ("NEW", "PENDING_NEW"))
        done = spent = prevented = D(0)
        for number, report in enumerate(story):
            done += D(report["l"])
            spent += D(report["Y"])
            prevented += D(report.get("B", 0))
            assert (D(report["z"]), D(report["Z"])) == (done, spent)
            assert D(report["Y"]) == D(report["l"]) * D(report["L"])
            assert D(report.get("A", 0)) == prevented
            # What a pending order will come to may not be known yet.
            assert done + prevented <= D(report["q"])
            assert (report["x"] == "TRADE") == (D(report["l"]) > 0) == (report["t"] > 0)
            assert (report["X"] in FINAL) == (number == len(story) - 1) or report["X"] not in FINAL
            if D(report["q"]) and report["x"] == "TRADE":
                assert (report["X"] == "FILLED") == (done + prevented == D(report["q"]))
                assert report["X"] in ("PARTIALLY_FILLED", "FILLED")
            if report["X"] == "EXPIRED_IN_MATCH":
                assert done + prevented == D(report["q"])
            if report["X"] in FINAL:
                assert not report["w"]
            if report["x"] == "REPLACED":
                assert D(report["q"]) < D(story[number - 1]["q"])
        # NEW comes once, again when a pending order is placed, and again when a stop order is triggered.
        news = [(report["X"], report["w"]) for report in story if report["x"] == "NEW"]
        steps = [("PENDING_NEW", False), ("NEW", False), ("NEW", True)]
        assert news == [step for step in steps if step in news]


def check_lists(account):
    """Every list begins with EXEC_STARTED, before its orders, and ends with ALL_DONE after them."""
    stories = defaultdict(list)
    for event in account.ledger.events:
        if event["e"] in ("listStatus", "executionReport") and event["g"] >= 0:
            stories[event["g"]].append(event)
    for number, story in stories.items():
        kinds = [event["l"] for event in story if event["e"] == "listStatus"]
        assert story[0].get("l") == kinds[0] == "EXEC_STARTED"
        found = account.history.list_by_id(number)
        assert found.is_done == (kinds[-1] == "ALL_DONE") == all(not order.is_open for order in found.orders)
        assert kinds.count("ALL_DONE") <= 1
        assert not found.is_done or story[-1] == next(event for event in story if event.get("l") == "ALL_DONE")
        if found.is_done:
            assert found.received == 0


def transferred(account, event):
    """Whether a prevented match was a transfer between two accounts."""
    matches = {match.id: match for match in account.history.prevented_matches(event["s"])}
    return matches[event["v"]].mode is SelfTradePrevention.TRANSFER


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
        elif event["e"] == "listStatus":
            continue
        elif event["x"] == "TRADE_PREVENTION" and transferred(account, event):
            rules = world.exchange._markets[event["s"]].rules
            sign = 1 if event["S"] == "BUY" else -1
            totals[rules.base] += sign * D(event["B"])
            totals[rules.quote] -= sign * D(event["pY"])
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
        assert maker["L"] == maker.get("gp", maker["p"])


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
        check_lists(account)
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
