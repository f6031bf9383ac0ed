"""binance_socket._session.price_levels"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._session.price_levels import PriceLevels
from binance_socket.models.order_book import PriceLevel


def levels(*pairs: tuple[object, object]) -> tuple[PriceLevel, ...]:
    return tuple(PriceLevel(Decimal(str(price)), Decimal(str(quantity))) for price, quantity in pairs)


@pytest.fixture
def bids() -> PriceLevels:
    side = PriceLevels(descending=True, depth=100)
    side.replace(levels((12, 1), (11, 2), (10, 3)))
    return side


@pytest.fixture
def asks() -> PriceLevels:
    side = PriceLevels(descending=False, depth=100)
    side.replace(levels((13, 1), (14, 2), (15, 3)))
    return side


def test_empty() -> None:
    """Nothing is best where there is nothing."""
    side = PriceLevels(descending=True, depth=5)
    assert side.best is None
    assert len(side) == 0
    assert list(side) == []
    assert side.horizon is None
    assert not side.is_short
    with pytest.raises(IndexError):
        side.at(0)


def test_best_first(bids: PriceLevels, asks: PriceLevels) -> None:
    """The highest bid, the lowest ask."""
    assert list(bids) == list(levels((12, 1), (11, 2), (10, 3)))
    assert list(asks) == list(levels((13, 1), (14, 2), (15, 3)))
    assert bids.best == bids.at(0) == (12, 1)
    assert asks.best == asks.at(0) == (13, 1)
    assert bids.at(2) == bids.at(-1) == (10, 3)
    assert asks.at(2) == asks.at(-1) == (15, 3)
    assert bids.first(2) == levels((12, 1), (11, 2))
    assert asks.first(9) == levels((13, 1), (14, 2), (15, 3))


def test_up_to(bids: PriceLevels, asks: PriceLevels) -> None:
    """From the best to a price, which counts, and need not be one of a level."""
    assert bids.up_to(Decimal(11)) == levels((12, 1), (11, 2))
    assert bids.up_to(Decimal("10.5")) == levels((12, 1), (11, 2))
    assert bids.up_to(Decimal(99)) == ()
    assert asks.up_to(Decimal(14)) == levels((13, 1), (14, 2))
    assert asks.up_to(Decimal(1)) == ()


def test_changes(bids: PriceLevels) -> None:
    """A new quantity, a new level, a level that is gone, and one that was not there anyway."""
    bids.apply(levels((11, "2.5"), ("11.5", 7), ("12.000", "0.000"), (9, 0)))
    assert list(bids) == list(levels(("11.5", 7), (11, "2.5"), (10, 3)))


def test_a_full_snapshot_has_a_horizon() -> None:
    """What lies beyond it is not known, so what changes there is let go; at the horizon it is not."""
    for descending, beyond, within in ((True, 9, 11.5), (False, 13, 11)):
        side = PriceLevels(descending=descending, depth=3)
        shown = levels((12, 1), (11, 2), (10, 3)) if descending else levels((10, 1), (11, 2), (12, 3))
        side.replace(shown)
        assert side.horizon == shown[-1].price
        side.apply(levels((beyond, 5), (within, 6)))
        assert [level for level in side if level.price == beyond] == []
        assert [level.quantity for level in side if level.price == Decimal(str(within))] == [6]
        side.apply([PriceLevel(shown[-1].price, Decimal(9))])
        assert side.at(-1) == (shown[-1].price, 9)


def test_a_snapshot_replaces_all(bids: PriceLevels) -> None:
    """The horizon included."""
    side = PriceLevels(descending=True, depth=2)
    side.replace(levels((5, 1), (4, 1)))
    assert side.horizon == 4
    side.replace(levels((9, 1)))
    assert side.horizon is None
    assert list(side) == list(levels((9, 1)))


def test_a_long_side_is_cut() -> None:
    """Twice the depth is let stand; one more, and the worst go, down to the depth."""
    for descending in (True, False):
        side = PriceLevels(descending=descending, depth=3)
        sign = -1 if descending else 1
        side.replace(levels((50, 1)))
        for step in range(1, 6):
            side.apply(levels((50 + sign * step, 1)))
        assert len(side) == 6
        assert side.horizon is None
        side.apply(levels((50 + sign * 6, 1)))
        assert [int(level.price) for level in side] == [50, 50 + sign, 50 + sign * 2]
        assert side.horizon == 50 + sign * 2
        side.apply(levels((50 + sign * 3, 1)))
        assert len(side) == 3


def test_short() -> None:
    """When less than a quarter is left within the horizon; a side that is known as a whole never is."""
    side = PriceLevels(descending=False, depth=8)
    side.replace(levels(*((price, 1) for price in range(1, 9))))
    side.apply(levels(*((price, 0) for price in range(1, 7))))
    assert len(side) == 2
    assert not side.is_short
    side.apply(levels((7, 0)))
    assert side.is_short
    side.replace(levels((8, 1)))
    assert not side.is_short


@given(
    descending=st.booleans(),
    depth=st.integers(4, 12),
    changes=st.lists(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 2)), max_size=5), max_size=30),
    start=st.dictionaries(st.integers(1, 40), st.integers(1, 3)),
)
def test_it_is_the_book_within_its_horizon(
    descending: bool, depth: int, changes: list[list[tuple[int, int]]], start: dict[int, int]
) -> None:
    """Whatever happens: no level too many, none missing, none wrong, and in order."""
    truth = dict(start)
    side = PriceLevels(descending=descending, depth=depth)
    side.replace(levels(*sorted(truth.items(), reverse=descending)[:depth]))
    for some in changes:
        for price, quantity in some:
            truth[price] = quantity
        truth = {price: quantity for price, quantity in truth.items() if quantity}
        side.apply(levels(*some))
        horizon = side.horizon
        inside = {
            price: quantity
            for price, quantity in truth.items()
            if horizon is None or (price >= horizon if descending else price <= horizon)
        }
        assert list(side) == list(levels(*sorted(inside.items(), reverse=descending)))
        assert len(side) <= 2 * depth
