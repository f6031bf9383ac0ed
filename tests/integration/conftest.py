"""The client against the embedded exchange: real sockets, real signatures, real time."""

from __future__ import annotations

import queue

import pytest

from binance_socket import BinanceSocketClient, ClientOptions
from binance_socket.sandbox import Sandbox

PATIENCE = 10.0
FUNDS = {"USDT": "100000", "BTC": "1"}


class Heard:
    """What a subscription's callbacks heard, in order, to be compared with the exchange's ledger."""

    def __init__(self) -> None:
        self._queue = queue.SimpleQueue()

    def __call__(self, event) -> None:
        self._queue.put(event)

    def handlers(self):
        """Return keyword arguments that have every kind of event put here."""
        names = (
            "on_order_update_message",
            "on_oco_order_update_message",
            "on_account_position_message",
            "on_account_balance_update",
            "on_balance_lock_update",
            "on_listen_key_expired",
            "on_user_data_stream_terminated",
            "on_unknown_event",
        )
        return dict.fromkeys(names, self)

    def next(self, timeout=PATIENCE):
        """Wait for the next event."""
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError("no event came") from None

    def take(self, count):
        """Wait for *count* events, and return their payloads as they came."""
        return [self.next().raw for _ in range(count)]

    def nothing_more(self):
        """Tell whether nothing waits. Only meaningful once something later has been heard."""
        return self._queue.empty()


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request):
    return request.param


@pytest.fixture
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def connect():
    """Make clients of an account that reconnect without delay and keep payloads; they are closed after the test."""
    clients = []

    def make(sandbox, account=None, **options):
        options = {"backoff_base": 0.01, "connect_budget": None, "keep_raw": True, **options}
        client = BinanceSocketClient(
            credentials=None if account is None else account.credentials,
            environment=sandbox.environment,
            options=ClientOptions(**options),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()
