"""Rotations under load, against the exchange's ledger."""

from __future__ import annotations

import threading

import pytest

from binance_socket import SubscriptionState
from binance_socket.sandbox import Sandbox

ROTATIONS = 20
FUNDS = {"USDT": "100000", "BTC": "1"}


class Load:
    """Publishes without a pause, on a thread of its own: reports of orders, balances, and deposits that differ."""

    def __init__(self, account) -> None:
        self._account = account
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.005):
            number += 1
            self._account.burst(6)
            self._account.deposit("ETH", f"{number}.5")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)


def content(payload):
    """Return an event without the time at which it was sent."""
    return {key: value for key, value in payload.items() if key != "E"}


@pytest.mark.parametrize("mode", ["subscription", "listen key"])
@pytest.mark.parametrize("key_type", ["HMAC", "ED25519"])
def test_the_ledger_is_what_was_delivered(tls, heard, connect, key_type, mode):
    """Of each kind everything, once and in order; no subscriber hears of a loss, and no connection is left over."""
    with Sandbox(tls=tls) as sandbox:
        account = sandbox.create_account(FUNDS, key_type=key_type)
        client = connect(sandbox, account)
        spot = client.spot_api.account
        keys = [spot.start_user_stream().result] if mode == "listen key" else []
        subscription = spot.subscribe_to_user_data_updates(*keys, **heard.handlers())
        told = []
        subscription.on_connection_lost(lambda: told.append("lost"))
        subscription.on_connection_restored(told.append)
        subscription.on_exception(told.append)
        load = Load(account)
        try:
            for _ in range(ROTATIONS):
                client.rotate(60)
        finally:
            load.stop()
        ledger = account.events
        delivered = heard.take(len(ledger))
        for kind in {payload["e"] for payload in ledger}:
            true = [content(payload) for payload in ledger if payload["e"] == kind]
            assert [content(payload) for payload in delivered if payload["e"] == kind] == true
        assert told == []
        assert subscription.state is SubscriptionState.ACTIVE
        assert heard.nothing_more()


def test_requests_are_answered_while_connections_come_and_go(sandbox, connect):
    """Every one of them, on whichever connection it was asked."""
    client = connect(sandbox, sandbox.create_account(FUNDS))
    spot = client.spot_api.account
    answers = []
    stop = threading.Event()

    def ask():
        # Within the limits of the exchange: what has to wait for room says nothing about connections.
        for _ in range(400):
            answers.append(spot.session_subscriptions().status)
            if stop.wait(0.002):
                return

    spot.session_subscriptions()
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(ROTATIONS):
        client.rotate(60)
    stop.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert set(answers) == {200}
    assert len(answers) >= len(threads)


def test_an_announced_shutdown_is_survived(sandbox, heard, connect):
    """The connection is left before the exchange ends it."""
    account = sandbox.create_account(FUNDS)
    client = connect(sandbox, account)
    subscription = client.spot_api.account.subscribe_to_user_data_updates(**heard.handlers())
    told = []
    subscription.on_connection_lost(lambda: told.append("lost"))
    before = client._hub.api
    moved = threading.Event()
    role = client._hub._rotator._roles[0]
    adopt = role.adopt

    def adopted(connection):
        adopt(connection)
        moved.set()

    role.adopt = adopted
    load = Load(account)
    try:
        sandbox.faults.shutdown(30)
        assert moved.wait(20)
    finally:
        load.stop()
    ledger = account.events
    delivered = heard.take(len(ledger))
    for kind in {payload["e"] for payload in ledger}:
        true = [content(payload) for payload in ledger if payload["e"] == kind]
        assert [content(payload) for payload in delivered if payload["e"] == kind] == true
    assert client._hub.api is not before
    assert told == []
