"""binance_socket._session.local_book"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from binance_socket._session.backoff import Backoff
from binance_socket._session.local_book import BookState, LocalBook, Verdict
from binance_socket._session.price_levels import PriceLevels
from binance_socket.models.order_book import PriceLevel

PATIENCE = 2.0


def levels(*pairs: tuple[int, int]) -> tuple[PriceLevel, ...]:
    return tuple(PriceLevel(Decimal(price), Decimal(quantity)) for price, quantity in pairs)


@attrs.frozen
class ADiff:
    first_update_id: int
    last_update_id: int
    bids: tuple[PriceLevel, ...] = ()
    asks: tuple[PriceLevel, ...] = ()


@attrs.frozen
class ASnapshot:
    last_update_id: int
    bids: tuple[PriceLevel, ...] = ()
    asks: tuple[PriceLevel, ...] = ()


def bid(first: int, last: int, price: int = 10, quantity: int = 1) -> ADiff:
    return ADiff(first, last, levels((price, quantity)))


@pytest.fixture
def make() -> Callable[..., LocalBook]:
    """Make a book at time 0 whose back-off is 1, 2, 4, 8 seconds: ``make(depth=100)``."""
    return lambda depth=100: LocalBook(depth=depth, patience=PATIENCE, backoff=Backoff(1.0, 8.0, lambda: 1.0))


@pytest.fixture
def book(make: Callable[..., LocalBook]) -> LocalBook:
    return make()


@pytest.fixture
def synchronised(book: LocalBook) -> LocalBook:
    """A book that is the exchange's, at update 100 and time 2; the next snapshot may be asked for at 3."""
    book.opened(0.0)
    number = book.due(2.0)
    assert number is not None
    assert book.snapshot(number, ASnapshot(100, levels((10, 1)), levels((11, 1))), 2.0) is Verdict.APPLIED
    return book


def ask(book: LocalBook, now: float) -> int:
    number = book.due(now)
    assert number is not None
    return number


def shown(side: PriceLevels) -> list[tuple[int, int]]:
    return [(int(price), int(quantity)) for price, quantity in side]


# Getting there.


def test_a_new_book_waits(book: LocalBook) -> None:
    """It is not the exchange's, has nothing, and asks for nothing before there are events."""
    assert book.state is BookState.CONNECTING
    assert book.last_update_id is None
    assert book.next_at is None
    assert book.due(1e9) is None


def test_the_first_event_brings_the_snapshot(book: LocalBook) -> None:
    """Events are held for it; those it holds already are let go, the others applied."""
    book.opened(0.0)
    assert book.state is BookState.SYNCHRONISING
    assert book.updated(bid(95, 100, 9), 0.5) is Verdict.HELD
    assert book.next_at == 0.5
    number = ask(book, 0.5)
    assert book.next_at is None
    assert book.due(0.5) is None, "one at a time"
    assert book.updated(bid(101, 103, 8), 0.6) is Verdict.HELD
    assert book.updated(bid(104, 105, 7), 0.7) is Verdict.HELD
    assert book.snapshot(number, ASnapshot(103, levels((10, 5)), levels((11, 6))), 0.8) is Verdict.APPLIED
    assert book.state is BookState.SYNCHRONISED
    assert book.last_update_id == 105
    assert shown(book.bids) == [(10, 5), (7, 1)]
    assert shown(book.asks) == [(11, 6)]
    assert book.next_at is None


def test_an_event_may_come_before_it_is_known_that_they_do(book: LocalBook) -> None:
    """The event says so itself."""
    assert book.updated(bid(1, 2), 0.0) is Verdict.HELD
    assert book.state is BookState.SYNCHRONISING
    assert book.next_at == 0.0
    book.opened(5.0)
    assert book.next_at == 0.0, "opened() changes nothing any more"


def test_a_silent_market_is_asked_without_an_event(book: LocalBook) -> None:
    """After some patience; the event after the snapshot has to follow it."""
    book.opened(0.0)
    assert book.next_at == PATIENCE
    assert book.due(PATIENCE - 0.1) is None
    number = ask(book, PATIENCE)
    assert book.snapshot(number, ASnapshot(100, levels((10, 1))), PATIENCE) is Verdict.APPLIED
    assert book.updated(bid(101, 101, 10, 2), 9.0) is Verdict.APPLIED
    assert shown(book.bids) == [(10, 2)]


def test_a_silent_market_may_have_moved_before_the_snapshot(book: LocalBook) -> None:
    """Then the next event shows it."""
    book.opened(0.0)
    assert book.snapshot(ask(book, PATIENCE), ASnapshot(100), PATIENCE) is Verdict.APPLIED
    assert book.updated(bid(102, 102), 9.0) is Verdict.GAP


@pytest.mark.parametrize("update_id, fits", [(94, False), (95, True), (97, True), (100, True), (140, True)])
def test_a_snapshot_must_not_be_older_than_the_first_event(book: LocalBook, update_id: int, fits: bool) -> None:
    """Otherwise another is asked for, after a while."""
    book.updated(bid(95, 100, 9), 0.0)
    verdict = book.snapshot(ask(book, 0.0), ASnapshot(update_id, levels((10, 1))), 0.25)
    if fits:
        assert verdict is Verdict.APPLIED
        assert book.last_update_id == max(update_id, 100)
        assert shown(book.bids) == ([(10, 1), (9, 1)] if update_id < 100 else [(10, 1)])
    else:
        assert verdict is Verdict.OLD
        assert book.state is BookState.SYNCHRONISING
        assert book.last_update_id is None
        assert book.next_at == 1.0
        assert book.snapshot(ask(book, 1.0), ASnapshot(98, levels((10, 1))), 1.0) is Verdict.APPLIED


def test_held_events_must_follow_each_other(book: LocalBook) -> None:
    """A hole among them makes those before it worthless: the snapshot has to be newer than the hole."""
    book.updated(bid(95, 100), 0.0)
    number = ask(book, 0.0)
    assert book.updated(bid(103, 105, 9), 0.1) is Verdict.HELD
    assert book.snapshot(number, ASnapshot(101), 0.2) is Verdict.OLD
    assert book.state is BookState.SYNCHRONISING
    assert book.snapshot(ask(book, 1.0), ASnapshot(103, levels((10, 1))), 1.0) is Verdict.APPLIED
    assert shown(book.bids) == [(10, 1), (9, 1)]


def test_held_events_may_overlap_and_repeat(book: LocalBook) -> None:
    """What tells nothing new is let go."""
    book.updated(bid(95, 100), 0.0)
    assert book.updated(bid(95, 100), 0.1) is Verdict.OLD
    assert book.updated(bid(90, 94), 0.1) is Verdict.OLD
    assert book.updated(bid(98, 102, 9), 0.1) is Verdict.HELD
    assert book.snapshot(ask(book, 0.2), ASnapshot(95), 0.2) is Verdict.APPLIED
    assert book.last_update_id == 102
    assert shown(book.bids) == [(10, 1), (9, 1)]


def test_of_too_many_held_events_the_oldest_go(book: LocalBook) -> None:
    """And a snapshot from before them does not fit any more."""
    for number in range(10_001):
        book.updated(bid(number + 1, number + 1), 0.0)
    assert book.snapshot(ask(book, 0.0), ASnapshot(1), 0.0) is Verdict.OLD
    assert book.snapshot(ask(book, 1.0), ASnapshot(2), 1.0) is Verdict.APPLIED
    assert book.last_update_id == 10_001


# Staying there.


def test_an_event_that_follows_is_applied(synchronised: LocalBook) -> None:
    """To both sides; its first id is at most the book's plus one."""
    assert synchronised.updated(ADiff(101, 105, levels((10, 0), (9, 4)), levels((11, 7))), 3.0) is Verdict.APPLIED
    assert synchronised.updated(bid(104, 106, 8), 3.0) is Verdict.APPLIED
    assert synchronised.last_update_id == 106
    assert shown(synchronised.bids) == [(9, 4), (8, 1)]
    assert shown(synchronised.asks) == [(11, 7)]


@pytest.mark.parametrize("first, last", [(100, 100), (90, 99), (1, 100)])
def test_an_old_event_is_let_go(synchronised: LocalBook, first: int, last: int) -> None:
    """Whatever it says, the book has it."""
    assert synchronised.updated(bid(first, last, 5), 3.0) is Verdict.OLD
    assert synchronised.state is BookState.SYNCHRONISED
    assert shown(synchronised.bids) == [(10, 1)]
    assert synchronised.last_update_id == 100


def test_a_gap_starts_over(synchronised: LocalBook) -> None:
    """With the event that showed it as the first; the levels stay, but are not the exchange's."""
    assert synchronised.updated(bid(102, 104, 9), 10.0) is Verdict.GAP
    assert synchronised.state is BookState.SYNCHRONISING
    assert synchronised.next_at == 10.0
    assert shown(synchronised.bids) == [(10, 1)]
    assert synchronised.last_update_id == 100
    number = ask(synchronised, 10.0)
    assert synchronised.snapshot(number, ASnapshot(103, levels((12, 3))), 10.5) is Verdict.APPLIED
    assert shown(synchronised.bids) == [(12, 3), (9, 1)]
    assert synchronised.last_update_id == 104


def test_a_lost_connection_starts_over(synchronised: LocalBook) -> None:
    """When events come again."""
    synchronised.lost()
    assert synchronised.state is BookState.CONNECTING
    assert synchronised.next_at is None
    assert shown(synchronised.bids) == [(10, 1)]
    synchronised.opened(50.0)
    assert synchronised.state is BookState.SYNCHRONISING
    assert synchronised.next_at == 50.0 + PATIENCE
    synchronised.updated(bid(201, 202, 9), 50.5)
    assert synchronised.snapshot(ask(synchronised, 50.5), ASnapshot(201, levels((8, 1))), 51.0) is Verdict.APPLIED
    assert shown(synchronised.bids) == [(9, 1), (8, 1)]


def test_a_snapshot_from_before_the_loss_is_worth_nothing(book: LocalBook) -> None:
    """Nothing shows what happened between it and the first event of the new connection."""
    book.opened(0.0)
    number = ask(book, PATIENCE)
    assert book.is_asking(number)
    book.lost()
    assert not book.is_asking(number)
    book.opened(3.0)
    assert book.snapshot(number, ASnapshot(100), 3.0) is Verdict.OLD
    assert book.state is BookState.SYNCHRONISING
    book.snapshot_failed(number, 3.0, 1000.0)
    assert book.next_at == 3.0 + PATIENCE


def test_closed(synchronised: LocalBook) -> None:
    """For good, and from everywhere."""
    synchronised.updated(bid(105, 106), 3.0)
    number = ask(synchronised, 3.0)
    synchronised.close()
    synchronised.close()
    synchronised.lost()
    synchronised.opened(4.0)
    assert synchronised.state is BookState.CLOSED
    assert synchronised.updated(bid(101, 107), 4.0) is Verdict.OLD
    assert synchronised.snapshot(number, ASnapshot(105), 4.0) is Verdict.OLD
    assert synchronised.due(1e9) is None


# Sparing the exchange.


def test_snapshots_that_do_not_help_are_asked_for_ever_less_often(book: LocalBook) -> None:
    """Too old ones and refused ones alike, until one fits; and the calm after that counts, not the fit."""
    book.updated(bid(95, 100), 0.0)
    waits = []
    now = 0.0
    for turn in range(6):
        number = ask(book, now)
        if turn % 2:
            assert book.snapshot(number, ASnapshot(1), now) is Verdict.OLD
        else:
            book.snapshot_failed(number, now)
        assert book.next_at is not None
        waits.append(book.next_at - now)
        now = book.next_at
    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert book.snapshot(ask(book, now), ASnapshot(100), now) is Verdict.APPLIED
    book.updated(bid(200, 201), now + 1.0)
    assert book.next_at == now + 8.0
    assert book.snapshot(ask(book, now + 8.0), ASnapshot(201), now + 8.0) is Verdict.APPLIED
    book.updated(bid(300, 301), now + 68.0)
    ask(book, now + 68.0)
    book.snapshot_failed(2 + 6 + 1, now + 68.0)
    assert book.next_at == now + 69.0


def test_events_do_not_hasten_what_has_to_wait(book: LocalBook) -> None:
    """However many come."""
    book.updated(bid(1, 1), 0.0)
    book.snapshot_failed(ask(book, 0.0), 0.0, at_least=30.0)
    for number in range(2, 50):
        book.updated(bid(number, number), 1.0)
    assert book.next_at == 30.0
    book.lost()
    book.opened(2.0)
    book.updated(bid(100, 100), 3.0)
    assert book.next_at == 30.0, "nor does a new connection"


def test_only_the_snapshot_that_is_waited_for_can_fail(book: LocalBook) -> None:
    """What has become of an earlier one tells nothing."""
    book.updated(bid(1, 1), 0.0)
    first = ask(book, 0.0)
    book.snapshot_failed(first, 0.0)
    second = ask(book, 1.0)
    book.snapshot_failed(first, 1.0, 100.0)
    assert book.is_asking(second)
    assert book.next_at is None


# A side that becomes short.


@pytest.fixture
def short(make: Callable[..., LocalBook]) -> LocalBook:
    """A book of depth 8 that is synchronised at 100, has one ask left, and wants another snapshot."""
    book = make(depth=8)
    book.opened(0.0)
    asks = levels(*((price, 1) for price in range(11, 19)))
    book.snapshot(ask(book, PATIENCE), ASnapshot(90, levels((10, 1)), asks), PATIENCE)
    assert book.updated(ADiff(91, 95, (), levels(*((price, 0) for price in range(11, 17)))), 5.0) is Verdict.APPLIED
    assert book.next_at is None
    assert book.updated(ADiff(96, 100, (), levels((17, 0))), 5.0) is Verdict.APPLIED
    assert book.next_at == 5.0
    return book


def test_a_short_side_brings_another_snapshot(short: LocalBook) -> None:
    """The book is the exchange's all the while; events that came meanwhile are applied to the snapshot, too."""
    number = ask(short, 5.0)
    assert short.updated(ADiff(101, 102, levels((9, 1))), 5.1) is Verdict.APPLIED
    assert short.updated(ADiff(103, 104, (), levels((18, 0))), 5.2) is Verdict.APPLIED
    assert short.state is BookState.SYNCHRONISED
    assert shown(short.asks) == []
    snapshot = ASnapshot(102, levels((10, 1), (9, 1)), levels((18, 1), (19, 1), (20, 1)))
    assert short.snapshot(number, snapshot, 5.3) is Verdict.APPLIED
    assert short.last_update_id == 104
    assert shown(short.asks) == [(19, 1), (20, 1)]
    assert shown(short.bids) == [(10, 1), (9, 1)]
    assert short.updated(bid(105, 105), 9.0) is Verdict.APPLIED
    assert short.next_at is None


def test_it_is_asked_for_once(short: LocalBook) -> None:
    """Not with each event while the side is short."""
    assert short.updated(bid(101, 101), 5.1) is Verdict.APPLIED
    assert short.next_at == 5.0


@pytest.mark.parametrize("moved", [False, True])
def test_such_a_snapshot_does_not_step_back(short: LocalBook, moved: bool) -> None:
    """One that is older than what the book has, and cannot be brought up to it, is let go."""
    number = ask(short, 5.0)
    if moved:
        short.updated(bid(101, 102, 9), 5.1)
    assert short.snapshot(number, ASnapshot(99), 5.2) is Verdict.OLD
    assert short.state is BookState.SYNCHRONISED
    assert short.last_update_id == (102 if moved else 100)
    assert short.next_at == 7.0


def test_a_gap_while_it_is_under_way(short: LocalBook) -> None:
    """The snapshot serves for that, if it is new enough."""
    number = ask(short, 5.0)
    short.updated(bid(101, 102, 9), 5.1)
    assert short.updated(bid(105, 106, 8), 5.2) is Verdict.GAP
    assert short.next_at is None
    assert short.snapshot(number, ASnapshot(105, levels((10, 1))), 5.3) is Verdict.APPLIED
    assert shown(short.bids) == [(10, 1), (8, 1)]


# The whole.


class Market(RuleBasedStateMachine):
    """An exchange, a bad line, and a book: it is the exchange's as of its update id, or says that it is not."""

    DEPTH = 8

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.book = LocalBook(depth=self.DEPTH, patience=PATIENCE, backoff=Backoff(1.0, 8.0, lambda: 0.5))
        # What the exchange's book was after each update.
        self.id = 100
        self.history: dict[int, tuple[dict[int, int], dict[int, int]]] = {100: ({10: 1}, {30: 1})}
        self.pending: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.published = 100
        self.up = False
        self.line: list[ADiff] = []
        self.past: list[ADiff] = []
        self.asked: int | None = None
        self.asks: list[float] = []

    # The exchange.

    @rule(is_bid=st.booleans(), price=st.integers(1, 40), quantity=st.integers(0, 3))
    def change(self, is_bid: bool, price: int, quantity: int) -> None:
        self.id += 1
        sides = tuple(dict(side) for side in self.history[self.id - 1])
        sides[not is_bid][price] = quantity
        self.history[self.id] = (
            {price: quantity for price, quantity in sides[0].items() if quantity},
            {price: quantity for price, quantity in sides[1].items() if quantity},
        )
        self.pending[not is_bid][price] = quantity

    @precondition(lambda self: self.id > self.published)
    @rule()
    def publish(self) -> None:
        diff = ADiff(self.published + 1, self.id, *(levels(*side.items()) for side in self.pending))
        self.published, self.pending = self.id, ({}, {})
        if self.up:
            self.line.append(diff)

    def shot(self, update_id: int) -> ASnapshot:
        bids, asks = self.history[update_id]
        return ASnapshot(
            update_id,
            levels(*sorted(bids.items(), reverse=True)[: self.DEPTH]),
            levels(*sorted(asks.items())[: self.DEPTH]),
        )

    # The line.

    @rule()
    def cut(self) -> None:
        self.up = False
        self.line.clear()
        self.book.lost()

    @precondition(lambda self: not self.up)
    @rule(told=st.booleans())
    def connect(self, told: bool) -> None:
        self.up = True
        if told:
            self.book.opened(self.now)

    @precondition(lambda self: self.up)
    @rule()
    def tell(self) -> None:
        self.book.opened(self.now)

    @precondition(lambda self: self.line)
    @rule()
    def deliver(self) -> None:
        diff = self.line.pop(0)
        self.past.append(diff)
        self.book.updated(diff, self.now)

    @precondition(lambda self: self.line)
    @rule(index=st.integers(0, 3))
    def drop(self, index: int) -> None:
        del self.line[min(index, len(self.line) - 1)]

    @precondition(lambda self: len(self.line) > 1)
    @rule()
    def swap(self) -> None:
        self.line[:2] = self.line[1::-1]

    @precondition(lambda self: self.past and self.up)
    @rule(index=st.integers(0, 1000))
    def repeat(self, index: int) -> None:
        self.book.updated(self.past[index % len(self.past)], self.now)

    # Snapshots.

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        number = self.book.due(self.now)
        if number is not None:
            self.asked = number
            self.asks.append(self.now)

    @precondition(lambda self: self.asked is not None)
    @rule(lag=st.integers(0, 6))
    def answer(self, lag: int) -> None:
        """It may be older than what was published."""
        assert self.asked is not None
        number, self.asked = self.asked, None
        self.book.snapshot(number, self.shot(max(self.id - lag, 100)), self.now)

    @precondition(lambda self: self.asked is not None)
    @rule(at_least=st.sampled_from([0.0, 5.0]))
    def refuse(self, at_least: float) -> None:
        assert self.asked is not None
        number, self.asked = self.asked, None
        self.book.snapshot_failed(number, self.now, at_least)

    @invariant()
    def it_is_the_exchanges_or_says_that_it_is_not(self) -> None:
        book = self.book
        if book.state is not BookState.SYNCHRONISED:
            return
        assert book.last_update_id is not None
        bids, asks = self.history[book.last_update_id]
        low, high = book.bids.horizon, book.asks.horizon
        bids = {price: quantity for price, quantity in bids.items() if low is None or price >= low}
        asks = {price: quantity for price, quantity in asks.items() if high is None or price <= high}
        assert shown(book.bids) == sorted(bids.items(), reverse=True)
        assert shown(book.asks) == sorted(asks.items())

    @invariant()
    def it_does_not_get_stuck(self) -> None:
        """Whoever hears events and is not the exchange's has a snapshot under way, or due."""
        if self.book.state is BookState.SYNCHRONISING:
            assert self.book.next_at is not None or (self.asked is not None and self.book.is_asking(self.asked))

    def teardown(self) -> None:
        """On a line without faults it becomes the exchange's book, up to the last update."""
        self.cut()
        self.asked = None
        self.connect(told=True)
        self.change(is_bid=True, price=9, quantity=2)
        self.publish()
        self.deliver()
        assert self.book.next_at is not None
        self.wait(max(self.book.next_at - self.now, 0.0))
        self.answer(lag=0)
        self.change(is_bid=False, price=31, quantity=2)
        self.publish()
        self.deliver()
        assert self.book.state is BookState.SYNCHRONISED
        assert self.book.last_update_id == self.id
        self.it_is_the_exchanges_or_says_that_it_is_not()


TestMarket = Market.TestCase
TestMarket.settings = settings(stateful_step_count=60, deadline=None)
