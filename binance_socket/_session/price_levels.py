"""
One side of an order book, kept in order.

A snapshot shows a limited number of levels. Where it was full, what lies beyond its last level is not known: a change
out there says nothing about its neighbours, and to show it would be to show a book with holes. So there is a horizon,
at the last level of a snapshot that was full, and what happens beyond it is let go. Within it the side is exactly the
exchange's. It comes closer when the side is cut for having grown too long, and is set anew by the next snapshot.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Protocol, cast

from sortedcontainers import SortedDict  # pyright: ignore[reportMissingTypeStubs]  # see _Sorted

from ..models.order_book import PriceLevel

__all__ = ["PriceLevels"]

# A side is cut back to its depth when it has become so many times as long.
_LONGEST = 2
# When less than this part of it is left within the horizon, a new snapshot is worth its weight.
_SHORTEST = 4


class _Sorted(Protocol):
    """What is used of a SortedDict from prices to levels. Lowest price first."""

    def __getitem__(self, price: Decimal) -> PriceLevel: ...
    def __setitem__(self, price: Decimal, level: PriceLevel) -> None: ...
    def __iter__(self) -> Iterator[Decimal]: ...
    def __reversed__(self) -> Iterator[Decimal]: ...
    def __len__(self) -> int: ...
    def clear(self) -> None: ...
    def update(self, levels: Iterable[tuple[Decimal, PriceLevel]]) -> None: ...
    def pop(self, price: Decimal, default: None) -> PriceLevel | None: ...
    def popitem(self, index: int) -> tuple[Decimal, PriceLevel]: ...
    def peekitem(self, index: int) -> tuple[Decimal, PriceLevel]: ...
    def irange(self, minimum: Decimal | None, maximum: Decimal | None, *, reverse: bool) -> Iterator[Decimal]: ...


class PriceLevels:
    """The levels of one side, best first: of bids the highest price (*descending*), of asks the lowest."""

    def __init__(self, *, descending: bool, depth: int) -> None:
        self._descending = descending
        self._depth = depth
        self._levels = cast("_Sorted", SortedDict())
        self._beyond = operator.lt if descending else operator.gt
        self._horizon: Decimal | None = None

    def __len__(self) -> int:
        return len(self._levels)

    def __iter__(self) -> Iterator[PriceLevel]:
        """Iterate over the levels as they are; they must not change meanwhile."""
        return map(self._levels.__getitem__, reversed(self._levels) if self._descending else iter(self._levels))

    @property
    def best(self) -> PriceLevel | None:
        """The best level, None when there is none."""
        return self._levels.peekitem(-1 if self._descending else 0)[1] if self._levels else None

    @property
    def horizon(self) -> Decimal | None:
        """The last price that is known of; None when all of them are."""
        return self._horizon

    @property
    def is_short(self) -> bool:
        """Whether so little is left within the horizon that another snapshot would show much more."""
        return self._horizon is not None and len(self._levels) < self._depth // _SHORTEST

    def at(self, index: int) -> PriceLevel:
        """Return the level at *index*, counted from the best; raises IndexError."""
        return self._levels.peekitem(-1 - index if self._descending else index)[1]

    def first(self, count: int) -> tuple[PriceLevel, ...]:
        """Return the best *count* levels, or as many as there are."""
        return tuple(islice(self, count))

    def up_to(self, price: Decimal) -> tuple[PriceLevel, ...]:
        """Return the levels from the best to *price*, included."""
        if self._descending:
            prices = self._levels.irange(price, None, reverse=True)
        else:
            prices = self._levels.irange(None, price, reverse=False)
        return tuple(map(self._levels.__getitem__, prices))

    def replace(self, levels: tuple[PriceLevel, ...]) -> None:
        """Take a snapshot's levels, best first, in place of all."""
        self._levels.clear()
        self._levels.update((level.price, level) for level in levels)
        self._horizon = levels[-1].price if len(levels) >= self._depth else None

    def apply(self, changes: Iterable[PriceLevel]) -> None:
        """Take new quantities of levels; a quantity of 0 removes one."""
        levels, horizon = self._levels, self._horizon
        for change in changes:
            price, quantity = change
            if horizon is not None and self._beyond(price, horizon):
                continue
            if quantity:
                levels[price] = change
            else:
                levels.pop(price, None)
        if len(levels) > _LONGEST * self._depth:
            self._cut()

    def _cut(self) -> None:
        worst = 0 if self._descending else -1
        while len(self._levels) > self._depth:
            self._levels.popitem(worst)
        self._horizon = self._levels.peekitem(worst)[0]
