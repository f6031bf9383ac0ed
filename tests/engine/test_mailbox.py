"""What waits for a slow sink, and what of it is dropped."""

import queue
import sys
import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._engine.mailbox import DropOldest, Everything, LatestOnly
from binance_socket._engine.strand import Strand
from binance_socket._engine.workers import Workers

PATIENCE = 20


def drop_oldest(size):
    return DropOldest(size, must_stay=lambda item: isinstance(item, str), notice=lambda: "lag")


def drain(mailbox):
    items = []
    while len(mailbox):
        items.append(mailbox.popleft())
    with pytest.raises(IndexError):
        mailbox.popleft()
    return items


def test_nothing_is_dropped_while_there_is_room():
    """It is a queue."""
    mailbox = drop_oldest(4)
    mailbox.append(1)
    mailbox.extend([2, 3, 4])
    assert (len(mailbox), mailbox[0], mailbox.dropped) == (4, 1, 0)
    assert drain(mailbox) == [1, 2, 3, 4]


def test_the_oldest_make_room():
    """Where they are missing, it says so, once; that takes room as well."""
    mailbox = drop_oldest(4)
    mailbox.extend(range(6))
    mailbox.append(6)
    assert drain(mailbox) == ["lag", 4, 5, 6]
    assert mailbox.dropped == 4


def test_what_must_stay_keeps_its_place():
    """Before what came after it."""
    mailbox = drop_oldest(3)
    mailbox.extend([1, "first", 2, "second", 3, 4, 5])
    assert drain(mailbox) == ["first", "second", "lag", 5]
    assert mailbox.dropped == 4


def test_nothing_but_what_must_stay():
    """It stays, whatever the size, and nothing is said of it."""
    mailbox = drop_oldest(2)
    mailbox.extend("abcd")
    assert drain(mailbox) == ["a", "b", "c", "d"]
    assert mailbox.dropped == 0


def test_an_episode_ends_when_half_is_empty():
    """Until then the sink has been told already."""
    mailbox = drop_oldest(4)
    mailbox.extend(range(5))
    assert mailbox.popleft() == "lag"
    assert mailbox.popleft() == 1
    mailbox.extend([5, 6])
    assert mailbox[0] == 3
    assert [mailbox.popleft() for _ in range(2)] == [3, 4]
    mailbox.extend([7, 8, 9])
    assert drain(mailbox) == ["lag", 6, 7, 8, 9]
    assert mailbox.dropped == 3


@given(st.integers(2, 6), st.lists(st.lists(st.sampled_from("ab") | st.integers(), max_size=8) | st.none()))
def test_what_is_dropped_is_counted_and_the_rest_in_order(size, steps):
    """No more than *size* events wait; every event is delivered, waits, or is counted; notes are never lost."""
    mailbox, posted, got = drop_oldest(size), [], []
    for step in steps:
        if step is not None:
            posted += step
            mailbox.extend(step)
        elif len(mailbox):
            got.append(mailbox.popleft())
        assert len([item for item in mailbox._items if not isinstance(item, str)]) <= size
    got += drain(mailbox)
    notes = [item for item in got if item in ("a", "b")]
    events = [item for item in got if not isinstance(item, str)]
    assert notes == [item for item in posted if isinstance(item, str)]
    sent = [item for item in posted if not isinstance(item, str)]
    assert len(events) + mailbox.dropped == len(sent)
    remaining = iter(sent)
    assert all(any(event == other for other in remaining) for event in events)
    assert ("lag" in got) is (mailbox.dropped > 0)


def latest():
    return LatestOnly(lambda item: item[0])


def test_a_later_item_takes_the_place_of_an_earlier_one():
    """Of its key, and in its turn."""
    mailbox = latest()
    mailbox.extend([("a", 1), ("b", 1), ("a", 2)])
    mailbox.append(("a", 3))
    assert (len(mailbox), mailbox[0], mailbox.dropped) == (2, ("a", 3), 2)
    assert mailbox.popleft() == ("a", 3)
    mailbox.append(("a", 4))
    assert drain(mailbox) == [("b", 1), ("a", 4)]
    assert mailbox.dropped == 2


def test_nothing_passes_an_item_without_a_key():
    """What came before it is delivered before, and what comes after it after."""
    mailbox = latest()
    mailbox.extend([("a", 1), (None, "lost"), ("a", 2), ("a", 3), (None, "restored"), ("a", 4)])
    assert drain(mailbox) == [("a", 1), (None, "lost"), ("a", 3), (None, "restored"), ("a", 4)]
    assert mailbox.dropped == 1


@pytest.mark.parametrize(
    "make, in_order", [(lambda: drop_oldest(64), 4), (lambda: LatestOnly(lambda item: item % 16), 16)]
)
def test_many_posters_and_a_sink(make, in_order):
    """With threads: each poster's items arrive in order (where later ones replace, each key's), or are counted."""
    mailbox, got, done = make(), [], threading.Event()
    workers = Workers(2)
    posters, each = 4, 20_000

    def sink(item):
        if item == -1:
            done.set()
        elif not isinstance(item, str):
            got.append(item)

    def no_error(exc, item):
        raise AssertionError from exc

    strand = Strand(workers, sink, size=10**9, on_room=list, on_error=no_error, mailbox=mailbox)

    def post(poster):
        for start in range(0, each, 50):
            strand.post_many([poster + posters * number for number in range(start, start + 50)])

    threads = [threading.Thread(target=post, args=(poster,)) for poster in range(posters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    strand.post(-1)
    assert done.wait(PATIENCE)
    workers.shutdown(wait=True)
    assert len(got) + mailbox.dropped == posters * each
    assert len(set(got)) == len(got)
    for kind in range(in_order):
        of_a_kind = [item for item in got if item % in_order == kind]
        assert of_a_kind == sorted(of_a_kind)


def test_a_stuck_sink_holds_no_more_than_the_mailbox():
    """However much is posted meanwhile."""
    entered, release = threading.Event(), threading.Event()
    got = queue.SimpleQueue()

    def sink(item):
        entered.set()
        release.wait(PATIENCE)
        got.put(item)

    workers = Workers(1)
    mailbox = drop_oldest(10)
    strand = Strand(workers, sink, size=10**9, on_room=list, on_error=lambda exc, item: None, mailbox=mailbox)
    strand.post(0)
    assert entered.wait(PATIENCE)
    for number in range(1, 10_001):
        strand.post(number)
    assert strand.depth == 10
    assert mailbox.dropped == 9_991
    release.set()
    assert [got.get(timeout=PATIENCE) for _ in range(11)] == [0, "lag", *range(9_992, 10_001)]
    workers.shutdown(wait=True)


def test_everything_stays_and_half_is_told():
    """Once, before everything that waits; again when it had been down to a quarter."""
    mailbox = Everything(8, notice=lambda: "many")
    mailbox.extend([1, 2, 3])
    assert list(mailbox) == [1, 2, 3]
    mailbox.append(4)
    mailbox.extend([5])
    assert list(mailbox) == ["many", 1, 2, 3, 4, 5]
    for _ in range(3):
        mailbox.popleft()
    mailbox.extend([6, 7, 8])
    assert list(mailbox) == [3, 4, 5, 6, 7, 8], "it was never down to a quarter"
    for _ in range(4):
        mailbox.popleft()
    mailbox.extend([9, 10])
    assert list(mailbox) == ["many", 7, 8, 9, 10]
    everything = Everything(2, notice=lambda: "many")
    everything.extend([1])
    everything.extend([2])
    assert list(everything) == ["many", 1, 2]


@pytest.mark.parametrize("kind", ["everything", "drop oldest", "latest only"])
def test_many_posters_at_a_time_and_a_sink_that_is_too_slow(kind):
    """Of each poster in order; nothing twice; what is missing is counted, and of the latest nothing is."""
    notices = []

    def notice():
        notices.append(None)
        return "lag"

    mailbox = {
        "everything": lambda: Everything(64, notice=notice),
        "drop oldest": lambda: DropOldest(64, must_stay=lambda item: isinstance(item, str), notice=notice),
        "latest only": lambda: LatestOnly(lambda item: None if isinstance(item, str) else item[0]),
    }[kind]()
    posters, each, got, done = 8, 3000, [], threading.Event()
    workers = Workers(2)
    strand = Strand(
        workers,
        lambda item: done.set() if item == "end" else got.append(item),
        size=10**9,
        on_room=list,
        on_error=lambda exc, item: None,
        mailbox=mailbox,
    )
    barrier = threading.Barrier(posters)

    def post(name):
        barrier.wait(PATIENCE)
        for start in range(0, each, 3):
            strand.post_many([(name, number) for number in range(start, start + 3)])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=post, args=(name,)) for name in range(posters)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE * 5)
    finally:
        sys.setswitchinterval(interval)
    strand.post("end")
    assert done.wait(PATIENCE)
    workers.shutdown(wait=True)
    assert got.count("lag") == len(notices)
    events = [item for item in got if item != "lag"]
    assert len(events) + mailbox.dropped == posters * each
    for name in range(posters):
        of_one = [number for poster, number in events if poster == name]
        assert of_one == sorted(set(of_one))
        if kind == "latest only":
            assert of_one[-1] == each - 1
        if kind == "everything":
            assert of_one == list(range(each))


def test_of_many_posters_one_tells():
    """Also where another one finds half of the mailbox full at the same time."""
    mailbox = Everything(4, notice=lambda: "many")
    inside, go = threading.Event(), threading.Event()

    class Slow(deque):
        """Stops who looks whether to tell, right after it has seen that nobody has."""

        def __bool__(self):
            any_left = len(self) > 0
            if threading.current_thread() is slow and len(mailbox) == 2:
                inside.set()
                go.wait(PATIENCE)
            return any_left

    mailbox._telling = Slow([None], maxlen=1)
    slow = threading.Thread(target=mailbox.extend, args=([1, 2],))
    slow.start()
    assert inside.wait(PATIENCE)
    mailbox.extend([3])
    assert list(mailbox) == ["many", 1, 2, 3]
    go.set()
    slow.join(PATIENCE)
    assert list(mailbox) == ["many", 1, 2, 3]
    assert mailbox.lagging
