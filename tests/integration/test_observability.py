"""What a client tells of itself, against the embedded exchange."""

from __future__ import annotations

import queue
import threading

from binance_socket import ConnectionState, GapStatus

PATIENCE = 10.0
FUNDS = {"USDT": "100000", "BTC": "1"}


def test_a_link_that_is_cut(sandbox, connect):
    """Hooks hear of the connection and of the gap, in order; health is well before and after, and counts it."""
    account = sandbox.create_account(FUNDS)
    client = connect(sandbox, account, backfill_rechecks=(0.05,))
    states, gaps = queue.SimpleQueue(), queue.SimpleQueue()
    client.on_state(states.put)
    client.on_gap(gaps.put)
    client.spot_api.account.subscribe_to_user_data_updates()
    client.spot_api.exchange_data.get_server_time()
    health = client.health()
    assert health.ok, health.problems
    api = health.connection("api")
    assert (api.connects, api.losses) == (1, 0)
    assert [route.topic for route in api.routes] == ["user data"]
    assert health.clock.known
    assert abs(health.clock.offset) <= health.clock.uncertainty + 1
    assert health.rate_limits.get("REQUEST_WEIGHT")[0].used > 0
    sandbox.faults.cut(account)
    told = [gaps.get(timeout=PATIENCE) for _ in range(2)]
    assert [gap.status for gap in told] == [GapStatus.OPEN, GapStatus.RECOVERED_STATE]
    assert told[0].id == told[1].id
    changes = [states.get(timeout=PATIENCE).after for _ in range(5)]
    up = [ConnectionState.CONNECTING, ConnectionState.READY]
    assert changes == [*up, ConnectionState.BACKOFF, *up]
    health = client.health()
    assert health.ok, health.problems
    api = health.connection("api")
    assert (api.connects, api.losses, api.reason) == (2, 1, None)
    assert (health.subscriptions[0].gaps, health.subscriptions[0].gap) == (1, None)


def test_three_mailboxes_full_wait_for_a_handler(sandbox, connect):
    """Over real sockets: no more is read than fits; others go on; then every event of the ledger comes, in order."""
    account = sandbox.create_account(FUNDS)
    size = 600
    client = connect(sandbox, account, mailbox_size=size)
    entered, gate, heard, others = threading.Event(), threading.Event(), queue.SimpleQueue(), queue.SimpleQueue()

    def blocked(event):
        entered.set()
        assert gate.wait(60)
        heard.put(event.raw)

    subscription = client.spot_api.account.subscribe_to_user_data_updates(
        on_order_update_message=blocked, on_account_position_message=blocked, on_unknown_event=blocked
    )
    client.spot_api.exchange_data.subscribe_to_trade_updates("BTCUSDT", others.put)
    try:
        while len(account.events) < 3 * size:
            order = account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.001", price="10000", timeInForce="GTC")
            account.cancel_order("BTCUSDT", order["orderId"])
        assert entered.wait(PATIENCE)
        sandbox.random_flow("BTCUSDT", updates=500)
        assert others.get(timeout=PATIENCE).data.symbol == "BTCUSDT"
        assert client.spot_api.exchange_data.get_server_time().result is not None
        shown = next(one for one in client.health().subscriptions if one.id == subscription.id)
        assert shown.dropped == 0
        assert shown.pending <= 8 * size + 512
    finally:
        gate.set()
    ledger = list(account.events)
    assert [heard.get(timeout=PATIENCE) for _ in range(len(ledger))] == ledger
