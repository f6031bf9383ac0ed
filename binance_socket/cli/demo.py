"""
``python -m binance_socket demo``: the library against an exchange on loopback, in a few seconds.

Whatever it shows is held against the exchange's ledger, and the exit code says whether it was true.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Final

from .. import __version__
from ..client import BinanceSocketClient
from ..errors import BinanceSocketError
from ..events import DataEvent, EventSource, UpdateSubscription
from ..gaps import Gap, GapStatus
from ..models.enums import OrderStatus
from ..models.user_data import OrderUpdate, UnknownEvent
from ..options import ClientOptions, Environment
from ..sandbox import Sandbox, SandboxAccount
from .demo_view import PlainView, View, amount

__all__ = ["CHAPTERS", "Unexpected", "main", "perform", "tell"]

TITLE: Final = f"binance_socket {__version__}, against an exchange on loopback: no key, no internet"
CHAPTERS: Final = ("account", "streams", "orders", "deposit", "cut", "burst", "timings", "ledger")

_FUNDS: Final = {"USDT": "100000", "BTC": "1"}
_SYMBOL: Final = "BTCUSDT"
_ROUND_TRIPS: Final = 100
_SIGNED_ROUND_TRIPS: Final = 40  # each has a weight of 20, of 6,000 a minute
_LATENCIES: Final = 100
_BURST: Final = 1000


class Unexpected(Exception):
    """Something that the demo promises did not happen."""


class _Trader:
    """An account of the exchange, its client, and everything that the client's callbacks were given."""

    def __init__(self, name: str, account: SandboxAccount, environment: Environment, view: View, patience: float):
        self.name = name
        self.account = account
        self.key_type = account.key_type.value
        # A cut link is to be back within the blink of an eye: on loopback there is nobody to be spared.
        options = ClientOptions(keep_raw=True, backoff_base=0.05, backfill_rechecks=(0.05, 0.1))
        self.client = BinanceSocketClient(credentials=account.credentials, environment=environment, options=options)
        self.api = self.client.spot_api.account
        self.quiet = False
        self._view = view
        self._patience = patience
        self._published_before = 0
        # What was published while nothing could be heard, as places in the ledger.
        self._missed = slice(0, 0)
        # Guards everything below. Notified when any of it grows.
        self._changed = threading.Condition()
        self.received: list[DataEvent[Any]] = []
        self.arrivals: list[float] = []
        self.losses = 0
        self.downtimes: list[timedelta] = []
        self.recovered: list[DataEvent[Any]] = []
        self.gaps: list[Gap] = []
        self.errors: list[BinanceSocketError] = []

    def listen(self, listen_key: str | None = None) -> UpdateSubscription:
        """Subscribe to everything that happens to the account."""
        subscription = self.api.subscribe_to_user_data_updates(
            listen_key,
            on_order_update_message=self._take,
            on_oco_order_update_message=self._take,
            on_account_position_message=self._take,
            on_account_balance_update=self._take,
            on_balance_lock_update=self._take,
            on_unknown_event=self._take,
        )
        subscription.on_connection_lost(self._lost)
        subscription.on_connection_restored(self._restored)
        subscription.on_gap(self._gap)
        subscription.on_exception(self._failed)
        self._published_before = self.account.event_count
        return subscription

    @property
    def published(self) -> int:
        """How many events the exchange has published while we listened."""
        return self.account.event_count - self._published_before - (self._missed.stop - self._missed.start)

    def catch_up(self) -> None:
        """Wait until everything that was published has arrived. Raises Unexpected."""
        published = self.published
        self._wait_until(lambda: len(self.received) >= published, f"all {published} events of the ledger")

    def miss(self, happen: Callable[[], object]) -> None:
        """Let something happen that cannot be heard."""
        before = self.account.event_count
        happen()
        self._missed = slice(before - self._published_before, self.account.event_count - self._published_before)

    def reconnect(self) -> None:
        """Wait until the connection was lost and restored, and what was missed is found out, once each."""
        self._wait_until(lambda: len(self.gaps) == 2, "the connection to be restored, and its gap to be closed")
        if self.losses != 1:
            raise Unexpected(f"{self.name} lost its connection {self.losses} times")
        if self.gaps[1].status is not GapStatus.RECOVERED_STATE:
            raise Unexpected(f"{self.name} could not find out what was missed: {self.gaps[1]}")

    def _wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until *condition* holds, which is looked at whenever something arrives. Raises Unexpected."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition() or bool(self.errors), self._patience):
                raise Unexpected(
                    f"{self.name} has waited {self._patience:g} s for {what}, and has {len(self.received)} events"
                )
            if self.errors:
                raise Unexpected(f"{self.name} was told of an error: {self.errors[0]}")

    def statuses(self, order: dict[str, Any]) -> list[OrderStatus]:
        """Return what an order has been through, as its events say."""
        return [
            event.data.status
            for event in (*self.received, *self.recovered)
            if isinstance(event.data, OrderUpdate) and event.data.order_id == order["orderId"]
        ]

    def compare(self) -> int:
        """Hold what arrived against the ledger, and return how many events that is. Raises Unexpected."""
        ledger = self.account.events_since(self._published_before)
        del ledger[self._missed]
        for number, (published, event) in enumerate(zip(ledger, self.received, strict=False), start=1):
            if event.raw != published or isinstance(event.data, UnknownEvent):
                raise Unexpected(f"{self.name}: event {number} of the ledger is {published}, but {event.raw} arrived")
        if len(ledger) != len(self.received):
            raise Unexpected(f"{self.name}: {len(self.received)} events arrived, the ledger has {len(ledger)}")
        return len(ledger)

    # What the subscription calls.

    def _take(self, event: DataEvent[Any]) -> None:
        arrived_at = time.perf_counter()
        if not self.quiet:
            self._view.event(self.name, event)
        with self._changed:
            if event.source is EventSource.BACKFILL:
                self.recovered.append(event)
            else:
                self.received.append(event)
                self.arrivals.append(arrived_at)
            self._changed.notify_all()

    def _lost(self) -> None:
        self._view.notice(self.name, "connection lost")
        with self._changed:
            self.losses += 1
            self._changed.notify_all()

    def _restored(self, downtime: timedelta) -> None:
        self._view.notice(self.name, f"connection restored after {_milliseconds(downtime.total_seconds())}")
        with self._changed:
            self.downtimes.append(downtime)
            self._changed.notify_all()

    def _gap(self, gap: Gap) -> None:
        found = f", trades: {gap.recovered_trades}" if gap.status.is_final else ""
        self._view.notice(self.name, f"gap: {gap.status.value}{found}")
        with self._changed:
            self.gaps.append(gap)
            self._changed.notify_all()

    def _failed(self, error: BinanceSocketError) -> None:
        with self._changed:
            self.errors.append(error)
            self._changed.notify_all()


def tell(sandbox: Sandbox, view: View, *, patience: float = 5.0) -> str:
    """
    Show every chapter, and return the summary.

    *patience* is how many seconds an event may take. Raises Unexpected when something did not happen as promised, and
    BinanceSocketError when the library says so itself.
    """
    started = time.perf_counter()
    alice, bob = (
        _Trader(name, sandbox.create_account(_FUNDS, key_type=key_type), sandbox.environment, view, patience)
        for name, key_type in (("alice", "HMAC"), ("bob", "ED25519"))
    )
    with alice.client, bob.client:
        chapters: dict[str, Callable[[], str]] = {
            "account": lambda: _account(alice, bob),
            "streams": lambda: _streams(alice, bob),
            "orders": lambda: _orders(alice, bob),
            "deposit": lambda: _deposit(alice),
            "cut": lambda: _cut(sandbox, alice, bob),
            "burst": lambda: _burst(alice),
            "timings": lambda: _timings(alice),
            "ledger": lambda: _ledger(alice, bob),
        }
        for name in CHAPTERS:
            view.begin(name)
            view.end(name, chapters[name]())
    return f"All as promised, in {time.perf_counter() - started:.1f} s."


def _account(alice: _Trader, bob: _Trader) -> str:
    for trader in (alice, bob):
        info = trader.api.get_account_info(omit_zero_balances=True).result
        held = {balance.asset: balance.total for balance in info.balances}
        if held != {asset: Decimal(text) for asset, text in _FUNDS.items()}:
            raise Unexpected(f"{trader.name} holds {held}")
    taker = info.commission_rates.taker * 100
    holdings = ", ".join(f"{asset} {amount(total)}" for asset, total in sorted(held.items()))
    return f"alice and bob hold {holdings} each; takers pay {amount(taker)} %"


def _streams(alice: _Trader, bob: _Trader) -> str:
    listen_key = alice.api.start_user_stream().result
    alice.listen(listen_key)
    subscription = bob.listen()
    if not bob.api.session_status().result.is_logged_on:
        raise Unexpected("bob is not logged on")
    return f"alice ({alice.key_type}) by listen key, bob ({bob.key_type}) logged on, stream {subscription.stream}"


def _orders(alice: _Trader, bob: _Trader) -> str:
    traders = (alice, bob)
    bid = _place(alice, traders, side="BUY", type="LIMIT", quantity="0.003", price="50000")
    market = _place(bob, traders, side="SELL", type="MARKET", quantity="0.001")
    offer = _place(bob, traders, side="SELL", type="LIMIT", quantity="0.002", price="50000")
    new, partial, filled = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED
    for trader, order, expected in (
        (alice, bid, [new, partial, filled]),
        (bob, market, [new, filled]),
        (bob, offer, [new, filled]),
    ):
        if trader.statuses(order) != expected:
            raise Unexpected(f"an order of {trader.name} went through {trader.statuses(order)}, not {expected}")
    return f"limit {new} > {partial} > {filled}, market {new} > {filled}"


def _place(trader: _Trader, traders: Sequence[_Trader], *, side: str, type: str, **more: str) -> dict[str, Any]:
    """Place an order straight at the exchange, wait until all *traders* have heard of it, and return it."""
    order = trader.account.place_order(_SYMBOL, side, type, **more)
    for each in traders:
        each.catch_up()
    return order


def _deposit(alice: _Trader) -> str:
    alice.account.deposit("ETH", "2")
    alice.catch_up()
    total = alice.api.get_account_info(omit_zero_balances=True).result.balance("ETH").total
    if total != 2:
        raise Unexpected(f"2 ETH were deposited, and alice holds {total}")
    return "2 ETH: BalanceUpdate, PositionsUpdate; the account agrees"


def _cut(sandbox: Sandbox, alice: _Trader, bob: _Trader) -> str:
    order = _place(alice, (alice, bob), side="SELL", type="LIMIT", quantity="0.001", price="51000")
    sandbox.faults.half_open()
    bought: list[dict[str, Any]] = []
    alice.miss(
        lambda: bob.miss(lambda: bought.append(bob.account.place_order(_SYMBOL, "BUY", "MARKET", quantity="0.001")))
    )
    cut = sandbox.faults.cut()
    for trader in (alice, bob):
        trader.reconnect()
    for trader, its_order in ((alice, order), (bob, bought[0])):
        if trader.statuses(its_order)[-1] is not OrderStatus.FILLED:
            raise Unexpected(f"{trader.name} has not found out that an order was filled")
    # Both are subscribed again, so both must hear of this.
    _place(bob, (alice, bob), side="BUY", type="LIMIT", quantity="0.001", price="49000")
    downtimes = " and ".join(_milliseconds(trader.downtimes[0].total_seconds()) for trader in (alice, bob))
    return f"{cut} links cut; back after {downtimes}, missed trades recovered"


def _burst(alice: _Trader) -> str:
    before, alice.quiet = len(alice.received), True
    started = time.perf_counter()
    alice.account.burst(_BURST, _SYMBOL)
    alice.catch_up()
    count, took = len(alice.received) - before, alice.arrivals[-1] - started
    return f"{count:,} events in {took:.2f} s, matching engine included"


def _timings(alice: _Trader) -> str:
    plain = median(_took(alice.api.session_status) for _ in range(_ROUND_TRIPS))
    signed = median(_took(alice.api.get_account_info) for _ in range(_SIGNED_ROUND_TRIPS))
    latencies: list[float] = []
    for _ in range(_LATENCIES):
        place, started = len(alice.received), time.perf_counter()
        alice.account.deposit("ETH", "1")
        alice.catch_up()
        latencies.append(alice.arrivals[place] - started)
    return (
        f"medians: call {_milliseconds(plain)}, signed {_milliseconds(signed)}, "
        f"event to callback {_milliseconds(median(latencies))}"
    )


def _ledger(alice: _Trader, bob: _Trader) -> str:
    for trader in (alice, bob):
        trader.catch_up()
    return f"{alice.compare():,} events of alice, {bob.compare():,} of bob: all there, typed, in order"


def _took(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.{0 if seconds >= 0.01 else 2}f} ms"


def perform(sandbox: Sandbox, view: View, *, patience: float = 5.0) -> int:
    """Show every chapter and how it ended. Return the exit code: 0 if all was as promised."""
    try:
        summary = tell(sandbox, view, patience=patience)
    except (Unexpected, BinanceSocketError) as exc:
        view.finish(str(exc), succeeded=False)
        return 1
    view.finish(summary, succeeded=True)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m binance_socket demo",
        description="Show what the library is for, against an exchange on loopback. Exits with 1 if it is not true.",
    )
    parser.add_argument("--plain", action="store_true", help="print lines, as to a pipe")
    options = parser.parse_args(argv)
    if options.plain or not sys.stdout.isatty():
        with Sandbox() as sandbox:
            return perform(sandbox, PlainView(sys.stdout, TITLE))
    from .demo_live import LiveView

    with Sandbox() as sandbox, LiveView(TITLE, CHAPTERS) as view:
        return perform(sandbox, view)
