"""What a client finds out after a gap, from an exchange that went on trading."""

from __future__ import annotations

import queue
import threading
from decimal import Decimal

import pytest

from binance_socket import EventSource, GapStatus, Unrecoverable

FUNDS = {"USDT": "1000000", "BTC": "10"}
PATIENCE = 10.0


class Listener:
    """Hears events and gaps, in one line."""

    def __init__(self, subscription_of):
        self.line = queue.SimpleQueue()
        self.subscription = subscription_of(self.line.put)
        self.subscription.on_gap(self.line.put)

    def next(self):
        return self.line.get(timeout=PATIENCE)

    def until_final(self):
        """Return everything up to a gap's final status."""
        heard = [self.next()]
        while not (getattr(heard[-1], "status", None) in set(GapStatus) and heard[-1].status.is_final):
            heard.append(self.next())
        return heard


def listen(client, **more):
    return Listener(
        lambda put: client.spot_api.account.subscribe_to_user_data_updates(
            **more,
            on_order_update_message=put,
            on_oco_order_update_message=put,
            on_account_position_message=put,
            on_account_balance_update=put,
            on_unknown_event=put,
        )
    )


QUICK = {"backfill_rechecks": (0.05, 0.1)}


@pytest.fixture
def missed(sandbox):
    """Let things happen of which a client hears nothing, and then let it come back."""

    def happen(account, *things):
        sandbox.faults.half_open(account)
        for thing in things:
            thing()
        sandbox.faults.cut(account)

    return happen


def place(account, side, quantity, price, **more):
    return account.place_order("BTCUSDT", side, "LIMIT", quantity=quantity, price=price, timeInForce="GTC", **more)


def kinds(heard):
    """Return what a line of events says, in short."""
    said = []
    for one in heard:
        if hasattr(one, "status"):
            said.append(one.status)
        elif one.data.event_name == "executionReport":
            update = one.data
            said.append((update.execution_type.value, update.status.value, update.trade_id >= 0, one.source))
        else:
            said.append((one.data.event_name, one.source))
    return said


@pytest.mark.parametrize("by_key", [False, True], ids=["subscription", "listen key"])
def test_trades_and_a_cancellation_are_found_out(sandbox, connect, missed, by_key):
    """Each trade, the end of an order, and the balances; told between the two halves of the gap."""
    account, other = (sandbox.create_account(FUNDS, key_type="ED25519") for _ in range(2))
    client = connect(sandbox, account, **QUICK)
    key = {"listen_key": client.spot_api.account.start_user_stream().result} if by_key else {}
    listener = listen(client, **key)
    first = place(account, "BUY", "0.5", "50000")
    second = place(account, "BUY", "0.5", "49000")
    live = [listener.next() for _ in range(4)]
    assert {event.source for event in live} == {EventSource.LIVE}

    missed(
        account,
        lambda: place(other, "SELL", "0.2", "50000"),
        lambda: place(other, "SELL", "0.3", "50000"),
        lambda: account.cancel_order("BTCUSDT", order_id=second["orderId"]),
    )

    heard = listener.until_final()
    backfill = EventSource.BACKFILL
    assert kinds(heard) == [
        GapStatus.OPEN,
        ("TRADE", "PARTIALLY_FILLED", True, backfill),
        ("TRADE", "FILLED", True, backfill),
        ("CANCELED", "CANCELED", False, backfill),
        ("outboundAccountPosition", backfill),
        GapStatus.RECOVERED_STATE,
    ]
    gap = heard[-1]
    assert (gap.recovered_trades, gap.recovered_orders, gap.balances_resynced) == (2, 1, True)
    assert gap.symbols_checked == ("BTCUSDT",)
    assert heard[0].id == gap.id
    assert heard[0].from_ == gap.from_ <= heard[1].event_time <= gap.to
    assert Unrecoverable.REJECTED_ORDERS in gap.unrecoverable
    assert not any(event.late for event in heard[1:-1])
    ledger = [event for event in account.events if event["e"] == "executionReport"][-3:]
    for event, truth in zip(heard[1:4], ledger, strict=True):
        told = event.data
        assert told.order_id == truth["i"]
        assert (told.trade_id, told.execution_id) == (truth["t"], -1)
        assert told.client_order_id == (truth["C"] or truth["c"])
        amounts = {"l": told.last_executed_quantity, "z": told.cumulative_filled_quantity, "n": told.commission_amount}
        amounts |= {"Z": told.cumulative_quote_quantity, "L": told.last_executed_price, "q": told.quantity}
        assert amounts == {key: Decimal(truth[key]) for key in amounts}
        assert told.is_maker == truth["m"]
    assert first["orderId"] == heard[2].data.order_id
    # Of what it does not have, too: nobody else says that it never had any, or has none left.
    balances = {asset: free for asset, (free, _) in account.balances.items()}
    told = {balance.asset: balance.free for balance in heard[4].data.balances}
    assert told == {asset: balances.get(asset, 0) for asset in told}
    assert told["ETH"] == 0
    assert listener.subscription.gap is None

    account.deposit("ETH", "1")
    after = [listener.next() for _ in range(2)]
    assert {event.source for event in after} == {EventSource.LIVE}


def test_nothing_has_happened(sandbox, connect, missed):
    """Then nothing is told but the gap."""
    account = sandbox.create_account(FUNDS)
    listener = listen(connect(sandbox, account, **QUICK))
    place(account, "BUY", "0.5", "50000")
    for _ in range(2):
        listener.next()
    missed(account)
    assert kinds(listener.until_final()) == [GapStatus.OPEN, GapStatus.RECOVERED_STATE]


def test_new_orders_are_found_out(sandbox, connect, missed):
    """An order that was opened meanwhile, on a symbol that nobody had heard of; and one that was amended."""
    account = sandbox.create_account(FUNDS)
    client = connect(sandbox, account, **QUICK)
    listener = listen(client)
    known = place(account, "BUY", "0.5", "50000")
    for _ in range(2):
        listener.next()
    trading = client.spot_api.trading
    trading.get_order("BTCUSDT", order_id=known["orderId"])
    other = connect(sandbox, account, backfill=False)
    missed(
        account,
        lambda: other.spot_api.trading.amend_order("BTCUSDT", new_quantity="0.4", order_id=known["orderId"]),
        lambda: account.place_order("ETHUSDT", "BUY", "LIMIT", quantity="1", price="2000", timeInForce="GTC"),
    )
    heard = listener.until_final()
    assert kinds(heard)[:-2] == [
        GapStatus.OPEN,
        ("REPLACED", "NEW", False, EventSource.BACKFILL),
        ("NEW", "NEW", False, EventSource.BACKFILL),
    ]
    assert heard[1].data.quantity == Decimal("0.4")
    assert heard[1].data.original_client_order_id == known["clientOrderId"]
    assert set(heard[-1].symbols_checked) == {"BTCUSDT", "ETHUSDT"}


def test_what_happens_while_it_is_asked_comes_once(sandbox, connect, missed):
    """Events that come before the answers wait for them, and are not told twice."""
    account, other = (sandbox.create_account(FUNDS) for _ in range(2))
    listener = listen(connect(sandbox, account, **QUICK))
    place(account, "BUY", "0.5", "50000")
    for _ in range(2):
        listener.next()
    sandbox.faults.late_replies("account.status")
    missed(account, lambda: place(other, "SELL", "0.1", "50000"))
    assert sandbox.faults.wait_for("late_replies")
    place(other, "SELL", "0.2", "50000")
    sandbox.faults.release()
    heard = listener.until_final()
    place(other, "SELL", "0.2", "50000")
    heard += [listener.next() for _ in range(2)]
    trades = [event for event in heard if getattr(getattr(event, "data", None), "trade_id", -1) >= 0]
    ledger = [event["t"] for event in account.events if event.get("t", -1) >= 0]
    assert [event.data.trade_id for event in trades] == ledger
    assert [event.source for event in trades] == [EventSource.BACKFILL, EventSource.LIVE, EventSource.LIVE]
    filled = [Decimal(event["z"]) for event in account.events if event.get("t", -1) >= 0]
    assert [event.data.cumulative_filled_quantity for event in trades] == filled


def test_a_database_that_is_behind(sandbox, connect, missed):
    """What the exchange does not show at first is told when it does, after what came live, and marked as late."""
    account, other = (sandbox.create_account(FUNDS) for _ in range(2))
    client = connect(sandbox, account, backfill_rechecks=(0.5, 60.0))
    listener = listen(client)
    place(account, "BUY", "0.5", "50000")
    for _ in range(2):
        listener.next()
    sandbox.faults.lag(3600)
    sandbox.faults.late_replies("account.status")
    missed(account, lambda: place(other, "SELL", "0.1", "50000"))
    assert sandbox.faults.wait_for("late_replies")
    place(other, "SELL", "0.2", "50000")
    sandbox.faults.release()
    assert listener.next().status is GapStatus.OPEN
    first = [listener.next() for _ in range(2)]
    assert kinds(first)[0] == ("TRADE", "PARTIALLY_FILLED", True, EventSource.LIVE)
    sandbox.faults.lag(0)
    recovered = listener.next()
    assert kinds([recovered]) == [("TRADE", "PARTIALLY_FILLED", True, EventSource.BACKFILL)]
    assert recovered.late
    assert recovered.data.cumulative_filled_quantity == Decimal("0.1")
    assert first[0].data.cumulative_filled_quantity == Decimal("0.3")


def test_another_loss_ends_the_gap_and_begins_another(sandbox, connect, missed):
    """The first ends as partial; the second looks for what the first may not have seen."""
    account, other = (sandbox.create_account(FUNDS) for _ in range(2))
    listener = listen(connect(sandbox, account, backfill_rechecks=(0.05, 3600.0)))
    place(account, "BUY", "0.5", "50000")
    for _ in range(2):
        listener.next()
    for quantity in ("0.1", "0.2"):
        missed(account, lambda quantity=quantity: place(other, "SELL", quantity, "50000"))
        gap = listener.next()
        while gap.__class__.__name__ != "Gap" or gap.status is not GapStatus.OPEN:
            gap = listener.next()
        trade = listener.next()
        assert trade.data.last_executed_quantity == Decimal(quantity)
    listener.subscription.close()
    last = listener.until_final()[-1]
    assert last.id == gap.id
    assert last.status is GapStatus.PARTIAL
    assert Unrecoverable.LATE_ENTRIES in last.unrecoverable


def test_nothing_can_be_asked(sandbox, connect, missed):
    """Switched off, or nobody answers: the gap says that nothing was recovered."""
    account = sandbox.create_account(FUNDS)
    listener = listen(connect(sandbox, account, backfill=False))
    missed(account, lambda: account.deposit("ETH", "1"))
    assert kinds(listener.until_final()) == [GapStatus.OPEN, GapStatus.FAILED]

    listener = listen(connect(sandbox, account, **QUICK))
    for method in ("account.status", "openOrders.status", "openOrderLists.status", "allOrders", "myTrades"):
        sandbox.faults.fail_requests(method, 10, executed=False, status=400, code=-1100)
    missed(account, lambda: account.deposit("ETH", "1"))
    final = listener.until_final()[-1]
    assert (final.status, final.unrecoverable) == (GapStatus.FAILED, (Unrecoverable.EVERYTHING,))


@pytest.mark.parametrize("name", ["on_connection_lost", "on_connection_restored", "on_gap", "on_exception"])
def test_a_callback_that_ends_its_thread(sandbox, connect, missed, name):
    """``sys.exit()`` in a callback ends nothing else: what was missed is told, and how it ended."""
    account = sandbox.create_account(FUNDS)
    line = queue.SimpleQueue()

    def hear(event):
        line.put(event)
        if event.source is EventSource.BACKFILL:
            raise ValueError

    client = connect(sandbox, account, **QUICK)
    subscription = client.spot_api.account.subscribe_to_user_data_updates(on_order_update_message=hear)

    def leave(*args):
        raise SystemExit

    getattr(subscription, name)(leave)
    subscription.on_gap(line.put)
    order = place(account, "BUY", "0.5", "50000")
    line.get(timeout=PATIENCE)
    missed(account, lambda: account.cancel_order("BTCUSDT", order_id=order["orderId"]))
    opened, canceled, final = (line.get(timeout=PATIENCE) for _ in range(3))
    assert (opened.status, final.status) == (GapStatus.OPEN, GapStatus.RECOVERED_STATE)
    assert canceled.source is EventSource.BACKFILL


def test_a_handler_that_returns_too_late(sandbox, connect, missed):
    """The client was closed meanwhile, and does not wait: the gap is ended all the same."""
    account = sandbox.create_account(FUNDS)
    line, heard, stuck, go_on = queue.SimpleQueue(), threading.Event(), threading.Event(), threading.Event()

    def hear(event):
        heard.set()
        if event.source is EventSource.BACKFILL:
            stuck.set()
            assert go_on.wait(PATIENCE)

    client = connect(sandbox, account)
    subscription = client.spot_api.account.subscribe_to_user_data_updates(on_order_update_message=hear)
    subscription.on_gap(lambda gap: line.put(gap.status))
    subscription.on_connection_closed(lambda: line.put("closed"))
    order = place(account, "BUY", "0.5", "50000")
    assert heard.wait(PATIENCE)
    missed(account, lambda: account.cancel_order("BTCUSDT", order_id=order["orderId"]))
    assert stuck.wait(PATIENCE)
    client.close()
    go_on.set()
    assert [line.get(timeout=PATIENCE) for _ in range(3)] == [GapStatus.OPEN, GapStatus.PARTIAL, "closed"]
    assert subscription.gap is None
