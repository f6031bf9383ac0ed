"""Accounts: balances and the ledger of every event that was published for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import orjson

from ..errors import InvalidRequest
from .errors import ExchangeError
from .history import OrderHistory
from .money import ZERO, text

__all__ = ["AccountState", "Balance", "Ledger", "Listener"]

Listener = Callable[[dict[str, Any]], None]


class Ledger:
    """
    Everything ever published for one account, in order: the oracle of tests. Append-only, safe from any thread.

    It shares the exchange's lock, so that an event is in the ledger before anybody can see its consequences. Events
    are kept encoded: nobody can change them afterwards, and a hundred thousand of them take 70 MB, not 250. Whoever
    has compared the oldest ones may ``forget`` them, so that days of trading do not fill the memory.
    """

    def __init__(self, lock: threading.Lock) -> None:
        # The exchange's lock; guards everything below.
        self._changed = threading.Condition(lock)
        self._encoded: list[bytes] = []
        self._forgotten = 0
        self._waiting = 0

    @property
    def events(self) -> list[dict[str, Any]]:
        """The payloads so far, oldest first; a copy."""
        return self.since(0)

    def since(self, count: int, most: int | None = None) -> list[dict[str, Any]]:
        """Return the payloads that came after the first *count* ones, *most* of them at the most."""
        return [orjson.loads(payload) for payload in self.encoded_since(count, most)]

    def encoded_since(self, count: int, most: int | None = None) -> list[bytes]:
        """Return what ``since`` does, as JSON. Raises InvalidRequest where some of that is forgotten."""
        with self._changed:
            start = count - self._forgotten
            # The ledger's beginning is whatever is left of it.
            if start < 0 < count:
                raise InvalidRequest(f"the first {self._forgotten} events are forgotten, not only {count}")
            start = max(start, 0)
            return self._encoded[start : None if most is None else start + most]

    def forget(self, count: int) -> None:
        """Forget the first *count* events; the others keep their numbers."""
        with self._changed:
            gone = min(count - self._forgotten, len(self._encoded))
            if gone > 0:
                del self._encoded[:gone]
                self._forgotten += gone

    def __len__(self) -> int:
        """Return how many events there were in all."""
        with self._changed:
            return self.count

    @property
    def count(self) -> int:
        """How many events there were in all. The caller holds the exchange's lock."""
        return self._forgotten + len(self._encoded)

    def wait_for(self, count: int, timeout: float) -> bool:
        """Wait until at least *count* events are in; False if they are not after *timeout* seconds."""
        with self._changed:
            self._waiting += 1
            try:
                return self._changed.wait_for(lambda: self.count >= count, timeout)
            finally:
                self._waiting -= 1

    def append(self, payload: Mapping[str, Any]) -> None:
        """Add an event. The caller holds the exchange's lock."""
        self._encoded.append(orjson.dumps(payload))
        if self._waiting:
            self._changed.notify_all()


class Balance:
    """What an account has of one asset. ``externally_locked`` is that part of ``locked`` which no order needs."""

    __slots__ = ("externally_locked", "free", "locked")

    def __init__(self) -> None:
        self.free = ZERO
        self.locked = ZERO
        self.externally_locked = ZERO


class AccountState:
    """
    One account. Everything but ``uid`` and ``ledger`` belongs to the exchange and is guarded by its lock.

    Balances change through the methods here only. They note which assets changed, and ``take_changes`` gives them
    to the outboundAccountPosition that follows.
    """

    def __init__(
        self,
        uid: int,
        lock: threading.Lock,
        *,
        maker_rate: Decimal,
        taker_rate: Decimal,
        recorded: bool = True,
        trade_group: int = -1,
    ) -> None:
        self.uid = uid
        self.trade_group = trade_group
        """Accounts of one group do not trade with each other where self-trade prevention is on; -1 for none."""
        self.ledger = Ledger(lock)
        self.maker_rate = maker_rate
        self.taker_rate = taker_rate
        self.history = OrderHistory(keep=recorded)
        self.updated_at = 0
        """When a balance last changed, in milliseconds of the epoch."""
        self._balances: dict[str, Balance] = {}
        # A dict for its order: the assets that changed since the last outboundAccountPosition.
        self._changed: dict[str, Balance] = {}
        self._listeners: tuple[Listener, ...] = ()
        self._recorded = recorded

    # -- balances

    def free(self, asset: str) -> Decimal:
        """Return what can be spent of *asset*."""
        balance = self._balances.get(asset)
        return ZERO if balance is None else balance.free

    def balances(self) -> Mapping[str, Balance]:
        """Return what there is of every asset ever held."""
        return self._balances

    def receive(self, asset: str, value: Decimal) -> None:
        """Add *value* to what is free."""
        self._touch(asset).free += value

    def spend(self, asset: str, value: Decimal) -> None:
        """Take *value* from what is free. Raises ExchangeError if there is less."""
        if value > self.free(asset):
            raise ExchangeError.insufficient_balance()
        self._touch(asset).free -= value

    def lock(self, asset: str, value: Decimal) -> None:
        """Reserve *value* for an order. Raises ExchangeError if less is free."""
        if value > self.free(asset):
            raise ExchangeError.insufficient_balance()
        balance = self._touch(asset)
        balance.free -= value
        balance.locked += value

    def unlock(self, asset: str, value: Decimal) -> None:
        """Give back *value*, which an order reserved."""
        balance = self._touch(asset)
        balance.locked -= value
        balance.free += value

    def spend_locked(self, asset: str, value: Decimal) -> None:
        """Take *value* from what an order reserved."""
        self._touch(asset).locked -= value

    def lock_externally(self, asset: str, value: Decimal) -> None:
        """
        Lock *value* for something outside of the exchange; a negative one unlocks.

        No change is noted: this has an event of its own. Raises ExchangeError if there is less.
        """
        balance = self._balances.setdefault(asset, Balance())
        if value > balance.free or -value > balance.externally_locked:
            raise ExchangeError.insufficient_balance()
        balance.free -= value
        balance.locked += value
        balance.externally_locked += value

    def _touch(self, asset: str) -> Balance:
        balance = self._balances.get(asset)
        if balance is None:
            balance = self._balances[asset] = Balance()
        self._changed[asset] = balance
        return balance

    def take_changes(self) -> list[dict[str, str]]:
        """Return the balances that changed since the last call, as they are written in outboundAccountPosition."""
        changes = [
            {"a": asset, "f": text(balance.free), "l": text(balance.locked)} for asset, balance in self._changed.items()
        ]
        self._changed.clear()
        return changes

    def forget_changes(self) -> None:
        """Let nothing that changed so far be told."""
        self._changed.clear()

    @property
    def has_changes(self) -> bool:
        """Whether a balance changed since ``take_changes``."""
        return bool(self._changed)

    # -- events

    @property
    def is_observed(self) -> bool:
        """Whether an event would be seen by anybody: the ledger or a listener."""
        return self._recorded or bool(self._listeners)

    def publish(self, payload: dict[str, Any]) -> None:
        """Write an event into the ledger, then tell the listeners."""
        if self._recorded:
            self.ledger.append(payload)
        for listener in self._listeners:
            listener(payload)

    def add_listener(self, listener: Listener) -> None:
        """Let *listener* have every event from now on."""
        self._listeners = (*self._listeners, listener)

    def remove_listener(self, listener: Listener) -> None:
        """Let *listener* have no event any more. Removing it twice does nothing."""
        self._listeners = tuple(known for known in self._listeners if known is not listener)
