"""How long close() takes on a healthy link: a subscription with events, and a call that has been answered."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from typing import Any

from binance_socket import BinanceSocketClient, ClientOptions
from binance_socket.sandbox import Sandbox, SandboxAccount

__all__ = ["Report", "close"]

PATIENCE = 30.0
BOUND = 0.1


@dataclasses.dataclass
class Report:
    """What was found."""

    seconds: list[float] = dataclasses.field(default_factory=list[float])
    left: int = 0
    """Threads that were there after a close()."""

    def percentile(self, share: float) -> float:
        """Return the time, in seconds, that this share of all took at most."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]

    @property
    def sound(self) -> bool:
        """Whether nothing was left, and 99 of 100 were quick."""
        return not self.left and self.percentile(0.99) < BOUND


def close(count: int, *, print_report: bool = True) -> Report:
    """Close *count* clients, one after the other, over TLS as in real life; the exchange is in a process of its own."""
    report = Report()
    with Sandbox(process=True, tls=True, connection_limit=10**9, weight_limit=10**9) as sandbox:
        account = sandbox.create_account({"USDT": "1000000", "BTC": "1"})
        for _ in range(count):
            report.seconds.append(_closed(sandbox, account))
            report.left += sum(thread.name.startswith("binance-socket-") for thread in threading.enumerate())
    if print_report:
        for share in (0.5, 0.9, 0.99, 1.0):
            print(f"{'close() p' + format(100 * share, 'g'):<24} {1e3 * report.percentile(share):>10.2f} ms")
        print(f"{'threads left':<24} {report.left:>10}")
        print(f"{'bound of p99':<24} {1e3 * BOUND:>10.0f} ms")
    return report


def _closed(sandbox: Sandbox, account: SandboxAccount) -> float:
    """Use a client for everything that has a thread, and return how long its close() takes."""
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    client = BinanceSocketClient(
        credentials=account.credentials,
        environment=sandbox.environment,
        options=ClientOptions(connect_budget=None),
    )
    client.spot_api.account.subscribe_to_user_data_updates(on_account_balance_update=heard.put)
    client.spot_api.exchange_data.subscribe_to_trade_updates("BTCUSDT", lambda _: None)
    account.deposit("BTC", "1")
    heard.get(timeout=PATIENCE)
    client.spot_api.account.get_account_info()
    began = time.perf_counter()
    client.close()
    return time.perf_counter() - began
