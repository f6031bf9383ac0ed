"""What a strand's items wait in, where not all of them have to be delivered."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Final, Generic, Protocol, TypeVar

__all__ = ["DropOldest", "Everything", "LatestOnly", "Mailbox"]

T = TypeVar("T")


class Mailbox(Protocol[T]):
    """What a strand needs of a deque, which is its mailbox if it is given no other. Each call is atomic."""

    def append(self, item: T, /) -> None: ...

    def extend(self, items: Iterable[T], /) -> None: ...

    def popleft(self) -> T:
        """Remove and return the next item. Raises IndexError."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> T: ...


class Everything(deque[T]):
    """
    Hold everything, and tell whoever takes the items out that they have become many.

    When half of *size* waits, *notice()* is put before all of it; again only when no more than a quarter had waited in
    the meantime. Only :meth:`extend` looks, which is how events come, so that taking them out costs nothing more.
    """

    def __init__(self, size: int, *, notice: Callable[[], T]) -> None:
        super().__init__()
        # One item is not many, whatever the size.
        self._half = max(-(-size // 2), 2)
        self._quarter = size // 4
        self._notice = notice
        # Whoever pops it tells. Several connections may post at a time, and only one of them is to.
        self._telling: deque[None] = deque([None], maxlen=1)
        self.dropped: Final = 0
        """How many items were dropped so far."""

    @property
    def lagging(self) -> bool:
        """Whether it was told that many wait, and no less than a quarter has since."""
        return not self._telling and len(self) > self._quarter

    def extend(self, items: Iterable[T], /) -> None:
        if not self._telling and len(self) <= self._quarter:
            self._telling.append(None)
        super().extend(items)
        if len(self) >= self._half and self._telling:
            with contextlib.suppress(IndexError):  # somebody else was quicker
                self._telling.pop()
                self.appendleft(self._notice())


class DropOldest(Generic[T]):
    """
    Hold *size* items at most: what has waited longest makes room.

    Items that *must_stay* says so of are never dropped, and keep their place among the others. An episode of dropping
    begins with the first item that is lost: *notice()* is put where it is missing. It ends when half of the mailbox is
    empty again, so that a sink which never catches up is not told for ever.
    """

    def __init__(self, size: int, *, must_stay: Callable[[T], bool], notice: Callable[[], T]) -> None:
        self._size = size
        self._half = size // 2
        self._must_stay = must_stay
        self._notice = notice
        # Guards everything below. A leaf: only *must_stay* and *notice* are called under it.
        self._lock = threading.Lock()
        self._items: deque[T] = deque()
        self._dropping = False
        self.dropped = 0
        """How many items were dropped so far."""

    @property
    def lagging(self) -> bool:
        """Whether items are being dropped: one was, and half of the mailbox has not been empty since."""
        return self._dropping

    def append(self, item: T, /) -> None:
        self.extend((item,))

    def extend(self, items: Iterable[T], /) -> None:
        with self._lock:
            self._items.extend(items)
            if len(self._items) > self._size:
                self._make_room()

    def popleft(self) -> T:
        with self._lock:
            item = self._items.popleft()
            if self._dropping and len(self._items) <= self._half:
                self._dropping = False
            return item

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int, /) -> T:
        return self._items[index]

    def _make_room(self) -> None:
        """Requires holding the lock."""
        kept: list[T] = []
        excess = len(self._items) - self._size
        before = self.dropped
        while excess and self._items:
            item = self._items.popleft()
            if self._must_stay(item):
                kept.append(item)
            else:
                self.dropped += 1
                excess -= 1
        if self.dropped > before and not self._dropping:
            self._dropping = True
            kept.append(self._notice())
        self._items.extendleft(reversed(kept))


class _Slot(Generic[T]):
    """An item's place in line, which a later one may take."""

    __slots__ = ("item",)

    def __init__(self, item: T) -> None:
        self.item = item


class LatestOnly(Generic[T]):
    """
    Hold one item of each *key* at most: a later one takes the place of the one that waits.

    An item whose key is None stays, and nothing that comes after it is delivered before it.
    """

    def __init__(self, key: Callable[[T], Hashable]) -> None:
        self._key = key
        # Guards everything below. A leaf: only *key* is called under it.
        self._lock = threading.Lock()
        self._slots: deque[_Slot[T]] = deque()
        self._by_key: dict[Hashable, _Slot[T]] = {}
        self.lagging: Final = False
        """It never tells."""
        self.dropped = 0
        """How many items were replaced so far."""

    def append(self, item: T, /) -> None:
        self.extend((item,))

    def extend(self, items: Iterable[T], /) -> None:
        with self._lock:
            for item in items:
                key = self._key(item)
                slot = self._by_key.get(key)
                if slot is not None:
                    slot.item = item
                    self.dropped += 1
                    continue
                slot = _Slot(item)
                self._slots.append(slot)
                if key is None:
                    self._by_key.clear()
                else:
                    self._by_key[key] = slot

    def popleft(self) -> T:
        with self._lock:
            slot = self._slots.popleft()
            key = self._key(slot.item)
            if self._by_key.get(key) is slot:
                del self._by_key[key]
            return slot.item

    def __len__(self) -> int:
        return len(self._slots)

    def __getitem__(self, index: int, /) -> T:
        return self._slots[index].item
