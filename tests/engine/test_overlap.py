"""One topic on two connections, with the order of threads forced."""

import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from binance_socket._engine.audience import nothing
from binance_socket._engine.one_by_one import OneByOne
from binance_socket._engine.overlap import Overlap
from binance_socket._session.topics import UserDataTopic

PATIENCE = 10.0
TOPIC = UserDataTopic(needs_logon=True)
RECEIVED = 1_700_000_000.0


def order(execution):
    return {"e": "executionReport", "s": "BTCUSDT", "I": execution}


def deposit(number):
    """An event of a kind that waits for the old connection's end."""
    return {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "1", "T": number, "I": -number}


class Subscriber:
    """Notes what it is given; ``before`` is called with each event first, on the thread that brings it."""

    full = flooded = False

    def __init__(self, story):
        self._story = story
        self._is_silent = False
        self.before = lambda number: None

    def post(self, payloads, received_at, route, *, possible_duplicate=False):
        for payload in payloads:
            self.before(payload["I"])
            self._story.append(payload["I"])

    def opened(self, topic, route, now):
        self._is_silent = False
        return nothing

    def lost(self, topic, reason, now, heard_at, *, doubtful_from=float("inf")):
        """Of what is silent already it is only news if that began earlier."""
        self._story.append("lost earlier" if self._is_silent else "lost")
        self._is_silent = True
        return nothing

    def ended(self, topic, name, sent_at):
        self._story.append(name)


class Owner:
    """Decides nothing."""

    def __init__(self):
        self.line = OneByOne()

    def now(self):
        return 0.0

    def common_seen(self):
        """It has been decided."""

    def old_heard_at(self):
        return 0.0

    def give_up(self, error):
        """It cannot."""

    def old_lost(self, overlap, reason, now, heard_at):
        overlap.forward_lost(reason, now, heard_at)

    def new_lost(self, overlap, reason, now, heard_at):
        overlap.lose_new(reason, now, heard_at)

    def look(self):
        """It is told by the tests when to go on."""


class Case:
    """A topic that the old connection has, and usually the new one."""

    def __init__(self):
        self.story = []
        self.subscriber = Subscriber(self.story)
        self.overlap = Overlap(TOPIC, Owner())
        self.overlap.old.stand_for((self.subscriber,))
        self.overlap.opened_old(0)

    def open_new(self):
        self.overlap.new.opened(TOPIC, 1, 0.0)()

    def lose_new(self):
        self.overlap.new.lost(TOPIC, "reset", 0.0, 0.0)()

    def move(self):
        """Let the old connection end after the order 1, which both have brought."""
        self.from_old(1)
        self.from_new(1)
        self.overlap.commit()
        self.overlap.end_old(proven=True)
        assert self.story == [1]

    def from_old(self, *events):
        """Orders may be given by their numbers."""
        self.overlap.old.post([_event(event) for event in events], RECEIVED, 0)

    def from_new(self, *events):
        self.overlap.new.post([_event(event) for event in events], RECEIVED, 1)


def _event(event):
    return order(event) if isinstance(event, int) else event


@pytest.fixture
def lacking():
    """What the new connection does not have yet."""
    return Case()


@pytest.fixture
def case():
    case = Case()
    case.open_new()
    return case


@pytest.fixture
def moved(case):
    case.move()
    return case


def test_what_the_old_one_brings_towards_the_end_is_left_to_the_new_one(moved):
    """The new connection's events may pass by from there on, and nobody would find it to be the same."""
    moved.overlap.close()
    moved.from_old(2)
    moved.from_new(3)
    assert moved.story == [1, 3]


def test_no_event_overtakes_another_that_somebody_else_delivers(moved):
    """Two connections are busy at the same time, and what each brings keeps its order."""
    posting, go_on = threading.Event(), threading.Event()

    def stop(execution):
        if execution == 2:
            posting.set()
            assert go_on.wait(PATIENCE)

    moved.subscriber.before = stop
    thread = threading.Thread(target=moved.from_new, args=(2,))
    thread.start()
    assert posting.wait(PATIENCE)
    moved.from_new(3)
    moved.overlap.do(lambda: moved.story.append("something else"))
    assert moved.story == [1]
    go_on.set()
    thread.join(PATIENCE)
    assert moved.story == [1, 2, 3, "something else"]


def test_two_connections_at_a_time_bring_each_event_once_and_in_order(case, busy_threads):
    """Whoever is busy does what the other one brings, too."""
    many = 3000
    ready = threading.Barrier(2)

    def bring(function, first):
        ready.wait(PATIENCE)
        for execution in range(first, many):
            function(execution)

    with ThreadPoolExecutor(2) as threads:
        brought = [threads.submit(bring, case.from_old, 0), threads.submit(bring, case.from_new, 50)]
        case.overlap.do(case.overlap.commit)
        for one in brought:
            one.result(6 * PATIENCE)
    case.overlap.end_old(proven=True)
    assert case.story == list(range(many))


@pytest.mark.parametrize("side", ["old", "new"])
def test_a_loss_that_is_told_late_is_told_before_what_came_after_it(case, side):
    """Whoever decided it was preempted; the topic has been opened again meanwhile, on another thread."""
    if side == "new":
        case.move()
        case.story.clear()
    case.subscriber.opened = lambda topic, route, now: functools.partial(case.story.append, "opened")
    side = getattr(case.overlap, side)
    lost = side.lost(TOPIC, "cut", 1.0, 0.5)
    side.opened(TOPIC, 2, 2.0)()
    side.post([order(2)], RECEIVED, 2)
    lost()
    assert case.story == ["lost", "opened", 2]


def test_what_the_old_one_brings_after_the_new_one_was_lost_and_is_there_again(case):
    """While it is the only one, what it brings is told; then it would come after what happened later."""
    case.from_old(1)
    case.from_new(1)
    case.overlap.commit()
    case.lose_new()
    case.from_old(2)
    assert case.story == [1, "lost", 2]
    # Of what it has not brought by then, something may have been published before the new one was there at all.
    case.open_new()
    case.from_new(2, 4)
    case.from_old(3, 4)
    assert case.story == [1, "lost", 2, "lost earlier", 4]
    # For good, however often it is lost.
    case.lose_new()
    case.from_old(3)
    case.open_new()
    assert case.story == [1, "lost", 2, "lost earlier", 4, "lost"]


@pytest.mark.parametrize(
    ("end", "story"),
    [
        ("marked", [1, "lost", -2, -3]),
        ("dead", [1, "lost", -2, "lost earlier", -3]),
        ("the new one is there again", [1, "lost", -2, "lost earlier", -3]),
    ],
)
def test_what_waits_for_the_end_of_the_old_one_while_the_new_one_is_lost(case, end, story):
    """The old one goes on to bring what comes before that; and only if it says so, it has brought everything."""
    case.from_old(1)
    case.from_new(1, deposit(3))
    case.overlap.commit()
    case.overlap.leaving = True
    case.lose_new()
    case.from_old(deposit(2))
    if end == "marked":
        case.from_old({"e": "eventStreamTerminated", "E": 1})
    elif end == "dead":
        case.overlap.end_old()
    else:
        case.open_new()
    assert case.overlap.ended
    assert case.story == story
    case.from_old(deposit(3))
    case.open_new()
    case.from_new(4)
    case.from_old(3)
    assert case.story == [*story, 4]


def test_the_new_one_gets_it_for_the_first_time_while_the_old_one_still_brings_events(lacking):
    """It has missed nothing that came since it was there: the two are compared as ever."""
    lacking.from_old(1)
    lacking.overlap.commit()
    lacking.open_new()
    lacking.from_new(3, 4)
    lacking.from_old(2, 3, 4)
    assert lacking.story == [1, "lost", 2, 3, 4]
    lacking.from_new(5)
    lacking.overlap.end_old(proven=True)
    assert lacking.story == [1, "lost", 2, 3, 4, 5]


def test_the_new_one_gets_it_for_the_first_time_after_the_end_of_the_old_one(lacking):
    """What that brings then would come after what happened later."""
    lacking.overlap.commit()
    lacking.overlap.end_old()
    lacking.open_new()
    lacking.from_new(2)
    lacking.from_old(1)
    assert lacking.story == ["lost", "lost earlier", 2]


def test_what_the_old_one_brings_after_it_was_given_up_waiting_for_its_end(case):
    """It may have happened before what the new one has told since. That something may be missing has been told."""
    case.from_old(1)
    case.from_new(1)
    case.overlap.commit()
    case.overlap.end_old()
    case.from_new(3)
    case.from_old(2)
    assert case.story == [1, "lost", 3]


def test_the_old_one_is_heard_again_after_what_was_held(case):
    """It was given up while the new one was lost. What it brings now is within the gap, and would come too late."""
    case.from_old(1)
    case.from_new(1, deposit(3))
    case.overlap.commit()
    case.overlap.leaving = True
    case.lose_new()
    case.overlap.end_old()
    case.from_old(deposit(2))
    assert case.story == [1, "lost", "lost earlier", -3]
