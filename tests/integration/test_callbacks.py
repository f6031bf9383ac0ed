"""What users do in callbacks."""

from __future__ import annotations

import queue

FUNDS = {"USDT": "100000", "BTC": "1"}


def test_a_blocking_call_in_a_callback_three_deep(sandbox, connect):
    """A callback may call, subscribe, and be called back by that, three deep."""
    account = sandbox.create_account(FUNDS)
    spot = connect(sandbox, account).spot_api.account
    depths = queue.SimpleQueue()

    def at(depth):
        def heard(event):
            depths.put((depth, spot.get_account_info().result.balance("ETH").free))
            if depth < 3:
                spot.subscribe_to_user_data_updates(on_account_balance_update=at(depth + 1))
                account.deposit("ETH", "1")

        return heard

    spot.subscribe_to_user_data_updates(on_account_balance_update=at(1))
    account.deposit("ETH", "1")

    reached = set()
    while 3 not in reached:
        depth, free = depths.get(timeout=10)
        reached.add(depth)
        assert free >= depth


def test_close_in_a_callback(sandbox, connect):
    """A callback may close its subscription and its client; it is the last to run."""
    account = sandbox.create_account(FUNDS)
    client = connect(sandbox, account)
    ran = queue.SimpleQueue()

    def heard(event):
        subscription.close()
        client.close()
        ran.put("closed")

    subscription = client.spot_api.account.subscribe_to_user_data_updates(on_account_balance_update=heard)
    subscription.on_connection_closed(lambda: ran.put("told"))
    account.deposit("ETH", "1")

    assert ran.get(timeout=10) == "closed"
    assert ran.get(timeout=10) == "told"
    assert subscription.wait(10)
