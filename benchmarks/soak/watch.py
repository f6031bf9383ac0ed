"""A client of a soak, its subscription, and everything that this tells, in order."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from binance_socket import (
    BinanceSocketClient,
    BinanceSocketError,
    ClientOptions,
    DataEvent,
    Environment,
    EventSource,
    Gap,
    GapStatus,
    SubscriptionState,
)
from binance_socket._engine.rotation import Stage
from binance_socket.sandbox import SandboxAccount

from .judge import Delivered, GapNews, Judge
from .kinds import LARGEST_MESSAGE

__all__ = ["OPTIONS", "Stuck", "Watched"]

OPTIONS = ClientOptions(
    connect_budget=None,
    backoff_base=0.0,
    backoff_cap=0.0,
    request_timeout=1.0,
    probe_after=0.25,
    probe_timeout=0.4,
    backfill_rechecks=(0.03,),
    max_message_size=LARGEST_MESSAGE,
    keep_raw=True,
    # Rotations are the plan's business.
    rotation_after=None,
)
"""Without connect budget and back-off, which tests of their own hold; what waits by design waits for moments."""
PATIENCE = 30.0
_POLL = 0.002
_MOST_MARKS = 5
# Then only the new connection is left, but something of the rotation stays until the next event.
_MOVED = (Stage.SETTLING, Stage.OVER)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Stuck(Exception):
    """Something that should happen does not."""


class Watched:
    """One account with its client and its subscription. Callbacks come on the client's threads, all else on one."""

    def __init__(self, name: str, account: SandboxAccount, environment: Environment, *, listen_key: bool) -> None:
        self.name, self.account = name, account
        self.judge = Judge(name)
        self.rotations: collections.Counter[str] = collections.Counter()
        """How rotations ended that the plan asked for."""
        self.errors: collections.Counter[str] = collections.Counter()
        """What the subscription reported besides, by kind."""
        self.losses = 0
        """How often the subscription told of a loss. Written by its callbacks alone."""
        self._changed = threading.Condition()
        # Appended to by callbacks, taken from by the one thread.
        self._told: collections.deque[Delivered | GapNews] = collections.deque()
        self._open_gaps: set[int] = set()
        self._read = 0
        self._latest: Any = None
        self._threads: list[threading.Thread] = []
        self.client = BinanceSocketClient(credentials=account.credentials, environment=environment, options=OPTIONS)
        spot = self.client.spot_api.account
        key = spot.start_user_stream().result if listen_key else None
        self.subscription = spot.subscribe_to_user_data_updates(
            key,
            on_order_update_message=self._on_event,
            on_oco_order_update_message=self._on_event,
            on_account_position_message=self._on_event,
            on_account_balance_update=self._on_event,
            on_balance_lock_update=self._on_event,
            on_listen_key_expired=self._on_event,
            on_user_data_stream_terminated=self._on_event,
            on_unknown_event=self._on_event,
        )
        self.subscription.on_connection_lost(self._on_lost)
        self.subscription.on_gap(self._on_gap)
        self.subscription.on_exception(self._on_exception)

    def close(self) -> None:
        """End the client."""
        self.client.close()

    # On the client's threads.

    def _on_event(self, event: DataEvent[Any]) -> None:
        recovered = event.source is EventSource.BACKFILL
        self._latest = event.raw
        self._told.append(Delivered(event.raw, recovered, event.possible_duplicate, event.late))

    def _on_lost(self) -> None:
        with self._changed:
            self.losses += 1
            self._changed.notify_all()

    def _on_gap(self, gap: Gap) -> None:
        final = gap.status is not GapStatus.OPEN
        self._told.append(
            GapNews(
                gap.id,
                _milliseconds(gap.from_),
                None if gap.to is None else _milliseconds(gap.to),
                final,
                gap.status is GapStatus.RECOVERED_STATE,
                f"{gap.status.value} {[kind.name for kind in gap.unrecoverable[4:]]} {gap.cause}" if final else "",
            )
        )
        with self._changed:
            (self._open_gaps.discard if final else self._open_gaps.add)(gap.id)
            self._changed.notify_all()

    def _on_exception(self, error: BinanceSocketError) -> None:
        self.errors[type(error).__name__] += 1

    # On the one thread.

    @property
    def remembered(self) -> int:
        """How many closed orders the subscription remembers, to tell of none twice."""
        told = self.subscription._recovery.told  # pyright: ignore[reportPrivateUsage]  # nobody else knows
        return 0 if told is None else len(told._closed)  # pyright: ignore[reportPrivateUsage]

    def wait_lost(self, before: int, what: str) -> None:
        """Wait until another loss than the first *before* ones was told. Raises Stuck."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.losses > before, PATIENCE):
                raise Stuck(f"{self.name}: no loss was told after {what}")

    def wait_whole(self, what: str) -> None:
        """Wait until events come again, every gap has its end, and nothing rotates. Raises Stuck."""
        deadline = time.monotonic() + PATIENCE
        while not self.is_whole:
            if time.monotonic() > deadline:
                raise Stuck(f"{self.name}: {self._why_not_whole()} after {what}")
            time.sleep(_POLL)

    @property
    def is_whole(self) -> bool:
        """Whether events come, every gap has its end, and nothing rotates."""
        return self._why_not_whole() is None

    def _why_not_whole(self) -> str | None:
        if self.subscription.state is not SubscriptionState.ACTIVE:
            return f"the subscription is {self.subscription.state.value}"
        with self._changed:
            gaps = sorted(self._open_gaps)
        if gaps:
            return f"gaps {gaps} are open"
        if self.is_rotating:
            return "connections rotate"
        return None

    # Rotations.

    def rotate(self) -> None:
        """Begin a rotation; how it ends is counted."""
        thread = threading.Thread(target=self._rotate, name=f"soak-rotation-{self.name}")
        self._threads = [*(known for known in self._threads if known.is_alive()), thread]
        thread.start()

    def _rotate(self) -> None:
        try:
            self.client.rotate(PATIENCE)
            outcome = "done"
        except BinanceSocketError as error:
            outcome = type(error).__name__
        except TimeoutError:
            outcome = "timed out"
        with self._changed:
            self.rotations[outcome] += 1

    @property
    def is_rotating(self) -> bool:
        """Whether a rotation goes on, or is about to be tried again, whoever began it."""
        hub = self.client._hub  # pyright: ignore[reportPrivateUsage]  # nobody else knows
        roles = hub._rotator._roles  # pyright: ignore[reportPrivateUsage]
        return any(thread.is_alive() for thread in self._threads) or any(
            role.again or role.needed or (role.rotation is not None and role.rotation.stage not in _MOVED)
            for role in roles
        )

    def wait_overlapping(self, what: str) -> None:
        """Wait until two connections have the account's events, or nothing rotates any more. Raises Stuck."""
        deadline = time.monotonic() + PATIENCE
        while self.is_rotating and self.account.listeners < 2:
            if time.monotonic() > deadline:
                raise Stuck(f"{self.name}: no second connection after {what}")
            time.sleep(_POLL)

    def wait_rotated(self, what: str) -> None:
        """Wait until nothing rotates any more. Raises Stuck."""
        deadline = time.monotonic() + PATIENCE
        while self.is_rotating:
            if time.monotonic() > deadline:
                raise Stuck(f"{self.name}: connections rotate after {what}")
            time.sleep(_POLL)

    # Judging.

    def pump(self, page: int) -> None:
        """Let the judge have what was told so far, and of the ledger at least what that could be about."""
        told = [self._told.popleft() for _ in range(len(self._told))]
        count = self.account.event_count
        while self._read < count:
            events = self.account.events_since(self._read, min(page, count - self._read))
            for payload in events:
                self.judge.publish(payload)
            self._read += len(events)
        for news in told:
            if isinstance(news, GapNews):
                self.judge.gap(news)
            else:
                self.judge.deliver(news)

    def close_stretch(self, page: int, assets: Iterable[str]) -> None:
        """
        Judge what was published so far, and let the exchange forget it. Raises Stuck.

        A deposit of each asset is the last of it: when that has come, nothing else will. It tells every balance, too,
        so that what was locked from outside shows. Where a loss comes in between, it begins anew.
        """
        for _ in range(_MOST_MARKS):
            losses = self.losses
            for asset in assets:
                self.account.deposit(asset, "0.125")
            if self._marked(losses) and self.losses == losses:
                break
            self.wait_whole("a loss while a stretch was to be judged")
        else:
            self.judge.verdict.complain("subscriptions that stay silent", self.name)
        self.pump(page)
        self.judge.close()
        self.account.forget(self._read, seconds=60.0)

    def _marked(self, losses: int) -> bool:
        """Wait until the latest event of the ledger has come. False where there was another loss, or it does not."""
        count = self.account.event_count
        (last,) = self.account.events_since(count - 1, 1)
        deadline = time.monotonic() + PATIENCE
        while self._latest != last:
            if self.losses != losses or time.monotonic() > deadline:
                return False
            time.sleep(_POLL)
        return self.is_whole


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
