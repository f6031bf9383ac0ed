"""
One account's events from two connections, while the new one takes over from the old.

The exchange promises an order within a kind of event, not across kinds; so do we. For each kind::

    HOLDING --an event that both have sent--> MERGING --the old connection is at its end--> (the new one goes on alone)
       |                                                                                      ^
       +--the old connection is at its end----------------------------------------------------+

While HOLDING, the old connection's events are delivered and the new one's are kept, because what the old one is about
to bring may come before them. In MERGING both are known to be at a common point: whatever arrives first is delivered,
and what has been delivered already is not delivered again.

Where events of a kind can be alike without being the same, no event proves that both are at a common point. There the
hold ends with the old connection; its events are counted, and as many of the new one's are left out. Of a kind that
nobody knows, those that are alike are the same if they were sent at the same time, too (or do not say when); if not,
nobody can tell.

Recording must begin before the new connection subscribes: then every event that it brings was sent by the old one after
that, or not at all.

As long as it is not certain that the new connection will take over, a merge can be told to wait: then nothing of the
new one is delivered, so that it can be given up at any time, and the old one goes on as if nothing had been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

import attrs

from .._wire.identity import NUMBERED, STATES, Identity, identity_of

__all__ = ["Merge", "Merged", "Unmerged"]

T = TypeVar("T")

_Key = tuple[Identity, int]


@attrs.frozen
class Merged(Generic[T]):
    """An item whose turn it is."""

    item: T
    possible_duplicate: bool = False
    """Whether it may be one that was delivered before: two events that look the same cannot be told apart."""


@attrs.frozen
class _Held(Generic[T]):
    key: _Key
    certain: bool
    item: T


class _Kind(Generic[T]):
    """What is known of the events of one kind."""

    def __init__(self) -> None:
        self.delivered: set[_Key] = set()
        self.held: list[_Held[T]] = []
        self.held_keys: set[_Key] = set()
        self.merging = False
        self.met = False
        # The last that the old connection has brought, if the new one has not.
        self.awaited: _Key | None = None

    def hold(self, one: _Held[T]) -> None:
        """Keep an event until its turn has come."""
        self.held.append(one)
        self.held_keys.add(one.key)


class Merge(Generic[T]):
    """
    Puts the events of two connections into one order, each once. Items are whatever the caller wants back.

    With *waits*, the new connection's are kept until :meth:`proceed`.
    """

    def __init__(self, *, waits: bool = False) -> None:
        self._waits = waits
        self._kinds: dict[Hashable, _Kind[T]] = {}
        # How often each connection has brought what looks the same.
        self._old: Counter[Identity] = Counter()
        self._new: Counter[Identity] = Counter()
        # When those of a kind that nobody knows were sent, and of which the connections do not say the same.
        self._sent: dict[_Key, Any] = {}
        self._differing: set[_Key] = set()
        self._common = False
        self._ended = False
        self.duplicates = 0
        """Events that came twice, and were delivered once."""

    @property
    def common(self) -> bool:
        """Whether some event has come from both connections: proof that their subscriptions overlap."""
        return self._common

    @property
    def held(self) -> int:
        """How many events of the new connection wait for the old one."""
        return sum(len(kind.held) for kind in self._kinds.values())

    @property
    def size(self) -> int:
        """How much is remembered: events that were delivered, or are held, and how often some have come."""
        kinds = sum(len(kind.delivered) + len(kind.held) for kind in self._kinds.values())
        return kinds + len(self._old) + len(self._new)

    @property
    def ended(self) -> bool:
        """Whether the old connection is at its end."""
        return self._ended

    @property
    def caught_up(self) -> bool:
        """Whether nothing comes any more that has been delivered, as far as can be known."""
        return self._ended and all(kind.awaited is None for kind in self._kinds.values())

    def from_old(self, payload: Mapping[str, Any], item: T) -> list[Merged[T]]:
        """Return what is to be delivered now that the old connection has brought *payload*."""
        key, certain, kind = self._known(payload, self._old)
        if key in kind.delivered:
            return self._again(kind, key, certain, item)
        kind.delivered.add(key)
        due = [Merged(item)]
        kind.awaited = key
        if key in kind.held_keys:
            kind.awaited = None
            if certain and not kind.merging:
                due += self._release(kind)
        return due

    def from_new(self, payload: Mapping[str, Any], item: T) -> list[Merged[T]]:
        """Return what is to be delivered now that the new connection has brought *payload*."""
        key, certain, kind = self._known(payload, self._new)
        # The old connection, once it has ended, has brought nothing that comes after an event that it did not bring.
        if key == kind.awaited or (self._ended and key not in kind.delivered):
            kind.awaited = None
        if not certain and not self._ended:
            kind.hold(_Held(key, certain, item))
            return []
        if key in kind.delivered:
            due = [] if kind.merging or self._ended else self._release(kind)
            return due + self._again(kind, key, certain, item)
        if not self._ended and (not kind.merging or kind.held):
            # Behind one that is held, too, so that they stay in order; the old connection brings it meanwhile.
            kind.hold(_Held(key, certain, item))
            return []
        kind.delivered.add(key)
        return [Merged(item)]

    def proceed(self) -> list[Merged[T]]:
        """Return what is to be delivered now that it is certain that the new connection takes over."""
        self._waits = False
        due: list[Merged[T]] = []
        for kind in self._kinds.values():
            if kind.met:
                due += self._release(kind)
        return due

    def old_ended(self) -> list[Merged[T]]:
        """Return what is to be delivered now that nothing more comes from the old connection."""
        self._ended = True
        self._waits = False
        due: list[Merged[T]] = []
        for kind in self._kinds.values():
            if not kind.held_keys <= kind.delivered:
                kind.awaited = None
            due += self._flush(kind)
        return due

    def _known(self, payload: Mapping[str, Any], seen: Counter[Identity]) -> tuple[_Key, bool, _Kind[T]]:
        identity, certain = identity_of(payload)
        if identity[0] not in NUMBERED:
            # The second of two that look the same on one connection is the second on the other, too.
            seen[identity] += 1
        key = identity, seen[identity]
        if certain and identity[0] not in NUMBERED:
            if self._sent.setdefault(key, payload.get("E")) != payload.get("E"):
                self._differing.add(key)
            certain = key not in self._differing and not self._has_come_again(identity)
        return key, certain, self._kinds.setdefault(identity[0], _Kind())

    def _release(self, kind: _Kind[T]) -> list[Merged[T]]:
        """From now on the first to bring an event delivers it. Return what was held and is still to be delivered."""
        self._common = kind.met = True
        if self._waits:
            return []
        kind.merging = True
        return self._flush(kind)

    def _flush(self, kind: _Kind[T]) -> list[Merged[T]]:
        due: list[Merged[T]] = []
        held, kind.held = kind.held, []
        kind.held_keys.clear()
        for one in held:
            if one.key in kind.delivered:
                due += self._again(kind, one.key, one.certain, one.item)
            else:
                kind.delivered.add(one.key)
                due.append(Merged(one.item))
        return due

    def _again(self, kind: _Kind[T], key: _Key, certain: bool, item: T) -> list[Merged[T]]:
        """Drop an event that was delivered before; but not where it may be another one that looks the same."""
        identity = key[0]
        doubtful = key in self._differing or (not certain and self._has_come_again(identity))
        if doubtful and identity[0] not in STATES:
            return [Merged(item, possible_duplicate=True)]
        self._common = self._common or certain
        self.duplicates += 1
        return []

    def _has_come_again(self, identity: Identity) -> bool:
        """Return whether one connection has brought it more than once."""
        return max(self._old[identity], self._new[identity]) > 1


class Unmerged(Generic[T]):
    """
    What takes the place of a merge that has failed: the connection that counts delivers, and the other one does not.

    That is the old one until :meth:`proceed`. Whoever uses it has to tell that something may be missing.
    """

    common = False
    held = 0
    size = 0

    def __init__(self, *, moved: bool, ended: bool, duplicates: int) -> None:
        self._moved = moved
        self._ended = ended
        self.duplicates = duplicates

    @property
    def ended(self) -> bool:
        """Whether the old connection is at its end."""
        return self._ended

    @property
    def caught_up(self) -> bool:
        """Whether nothing comes any more that has been delivered, as far as can be known."""
        return self._ended

    def from_old(self, payload: Mapping[str, Any], item: T) -> list[Merged[T]]:
        """Return what is to be delivered now that the old connection has brought *payload*."""
        return [] if self._moved else [Merged(item)]

    def from_new(self, payload: Mapping[str, Any], item: T) -> list[Merged[T]]:
        """Return what is to be delivered now that the new connection has brought *payload*."""
        return [Merged(item)] if self._moved else []

    def proceed(self) -> list[Merged[T]]:
        """From now on the new connection delivers."""
        self._moved = True
        return []

    def old_ended(self) -> list[Merged[T]]:
        """The same, and nothing comes from the old one any more."""
        self._moved = self._ended = True
        return []
