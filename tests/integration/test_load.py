"""Many events, from an exchange in a process of its own."""

from __future__ import annotations

import threading

import pytest

from binance_socket.sandbox import Sandbox

COUNT = 100_000


@pytest.mark.no_cover
def test_a_hundred_thousand_order_updates(connect):
    """All of them arrive, typed, in order, exactly as the exchange's ledger has them."""
    heard = []
    complete = threading.Event()

    def on_order(event):
        heard.append((event.data.execution_id, event.data.client_order_id, event.data.status.value))
        if len(heard) == COUNT:
            complete.set()

    with Sandbox(process=True) as sandbox:
        account = sandbox.create_account({"USDT": "100000", "BTC": "1"})
        client = connect(sandbox, account, keep_raw=False)
        client.spot_api.account.subscribe_to_user_data_updates(on_order_update_message=on_order)
        account.burst(COUNT)
        assert complete.wait(120), f"{len(heard)} of {COUNT} came"
        ledger = [(e["I"], e["c"], e["X"]) for e in account.events if e["e"] == "executionReport"]
        client.close()
    assert heard == ledger
