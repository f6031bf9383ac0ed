import logging
import queue
import threading
from collections import deque
from concurrent.futures import Executor, Future

import pytest

from binance_socket._engine.strand import Strand
from binance_socket._engine.workers import Workers
from binance_socket.testing import InlineExecutor

PATIENCE = 20


class QueueExecutor(Executor):
    """Keep what is submitted until the test runs it."""

    def __init__(self):
        self.tasks = queue.SimpleQueue()

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.tasks.put((future, fn))
        return future

    def run_one(self):
        future, fn = self.tasks.get(timeout=PATIENCE)
        if future.set_running_or_notify_cancel():
            future.set_result(fn())


@pytest.fixture
def executor():
    return QueueExecutor()


@pytest.fixture
def got():
    return []


@pytest.fixture
def make(executor, got):
    def build(sink=got.append, *, on=executor, size=4096, on_room=lambda: None, on_error=None):
        def unexpected(exc, item):
            raise AssertionError("no error was expected") from exc

        return Strand(on, sink, size=size, on_room=on_room, on_error=on_error or unexpected)

    return build


def test_items_arrive_in_order(make, executor, got):
    """Posted alone or together, each arrives once and in its turn, and one drain does for all."""
    strand = make()
    strand.post(1)
    strand.post_many([2, 3])
    strand.post_many(iter([4]))
    strand.post(5)
    assert executor.tasks.qsize() == 1
    executor.run_one()
    assert got == [1, 2, 3, 4, 5]
    assert executor.tasks.empty()


def test_what_is_put_waits_until_somebody_has_it_delivered(make, executor, got):
    """In its place among what is posted, by whoever comes first; the executor is called by nobody who only puts."""
    strand = make()
    strand.put(1)
    strand.put_many([2, 3])
    assert executor.tasks.empty()
    strand.deliver()
    strand.deliver()
    assert executor.tasks.qsize() == 1
    executor.run_one()
    strand.put(4)
    strand.post(5)
    executor.run_one()
    strand.deliver()
    assert executor.tasks.empty()
    assert got == [1, 2, 3, 4, 5]
    strand.close()
    strand.put(6)
    strand.put_many([7])
    strand.deliver()
    assert executor.tasks.empty()
    assert strand.depth == 0


class Measured(deque):
    """A mailbox that is emptied in the moment in which its length has been found."""

    then = staticmethod(lambda: None)

    def __len__(self):
        length, then = super().__len__(), self.then
        self.then = lambda: None
        then()
        return length


@pytest.mark.parametrize("drained", ["before it is to be delivered", "while it is being put"])
def test_what_is_put_makes_a_mailbox_full_and_it_is_told_when_there_is_room(executor, got, drained):
    """Whoever has found it full waits for that, even where everything is gone before it was to be delivered."""
    room, mailbox = [], Measured()
    strand = Strand(
        executor, got.append, size=2, on_room=lambda: room.append(len(got)), on_error=got.append, mailbox=mailbox
    )
    strand.post(0)
    if drained == "while it is being put":
        mailbox.then = executor.run_one
        strand.put(1)
        assert got == [0, 1]
    else:
        strand.put(1)
        assert strand.full
        executor.run_one()
    strand.deliver()
    assert got == [0, 1]
    assert len(room) == 1


def test_an_idle_strand_occupies_no_worker(make, executor, got):
    """A drain ends when the mailbox is empty, and the next item starts another."""
    strand = make()
    for item in range(3):
        strand.post(item)
        executor.run_one()
        assert executor.tasks.empty()
    assert got == [0, 1, 2]


def test_posting_nothing_is_harmless(make, executor, got):
    """An empty batch delivers nothing, and does not disturb what comes after it."""
    strand = make()
    strand.post_many([])
    strand.post(1)
    executor.run_one()
    assert got == [1]


def test_an_item_posted_as_the_drain_lets_go_is_not_left_behind(make, executor, got):
    """The moment between "the mailbox is empty" and "I am gone": the drain looks once more."""
    strand = make()
    late = ["late"]

    class PostsAtTheLastMoment(dict):
        def clear(self):
            if late:
                strand.post(late.pop())
            super().clear()

    strand._turn = PostsAtTheLastMoment()
    strand.post("early")
    executor.run_one()
    assert got == ["early", "late"]


def test_a_long_mailbox_lets_others_have_the_worker(make, executor, got):
    """After 256 items the drain goes to the end of the executor's queue; order is kept."""
    strand = make(size=10_000)
    strand.post_many(range(600))
    other = make(lambda item: got.append("other"))
    other.post(None)
    executor.run_one()
    assert got == list(range(256))
    executor.run_one()
    assert got[-1] == "other"
    executor.run_one()
    executor.run_one()
    assert [item for item in got if item != "other"] == list(range(600))
    assert executor.tasks.empty()


def test_a_full_mailbox_says_when_there_is_room(make, executor, got):
    """Half of it drained, on_room is called once; items beyond the size are taken all the same."""
    room = []
    strand = make(size=4, on_room=lambda: room.append(len(got)))
    strand.post_many(range(3))
    assert not strand.full
    strand.post_many(range(3, 6))
    assert strand.full
    assert strand.depth == 6
    executor.run_one()
    assert room == [4]
    assert got == list(range(6))
    assert not strand.full
    assert strand.high_water == 6
    strand.post(6)
    executor.run_one()
    assert room == [4]


def test_on_room_may_post(make, executor, got):
    """It is called without any lock of the strand's that posting needs."""
    strand = make(size=4, on_room=lambda: strand.post("more"))
    strand.post_many([1, 2, 3, 4])
    executor.run_one()
    assert got == [1, 2, 3, 4, "more"]


def test_what_the_sink_raises_is_reported_and_the_strand_goes_on(make, executor, got):
    """The error hook gets the exception and the item."""
    errors = []

    def sink(item):
        if item == 2:
            raise LookupError(item)
        got.append(item)

    strand = make(sink, on_error=lambda exc, item: errors.append((type(exc), item)))
    strand.post_many([1, 2, 3])
    executor.run_one()
    assert got == [1, 3]
    assert errors == [(LookupError, 2)]


def test_an_error_hook_that_raises_is_logged(make, executor, got, caplog):
    """It does not end the strand either."""

    def sink(item):
        got.append(item)
        raise LookupError

    def hook(exc, item):
        raise ValueError("the hook's own")

    strand = make(sink, on_error=hook)
    with caplog.at_level(logging.ERROR):
        strand.post_many([1, 2])
        executor.run_one()
    assert got == [1, 2]
    assert "the hook's own" in caplog.text


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt])
def test_an_exception_that_ends_threads_passes_but_the_rest_is_delivered(make, executor, got, ending):
    """SystemExit and KeyboardInterrupt go where they belong; another drain takes over."""
    errors = []

    def sink(item):
        if item == 1:
            raise ending
        got.append(item)

    strand = make(sink, on_error=lambda exc, item: errors.append(type(exc)))
    strand.post_many([1, 2])
    with pytest.raises(ending):
        executor.run_one()
    executor.run_one()
    assert got == [2]
    assert errors == [ending]


def test_close_delivers_what_waits_and_ignores_what_comes(make, executor, got):
    """Nothing that was posted before is lost."""
    strand = make()
    strand.post(1)
    strand.close()
    strand.post(2)
    strand.post_many([3])
    executor.run_one()
    assert got == [1]
    assert strand.undelivered == 0


def test_abandon_drops_what_waits_and_counts_it(make, executor, got):
    """What was dropped is known."""
    strand = make()
    strand.post_many([1, 2, 3])
    strand.abandon()
    strand.post(4)
    executor.run_one()
    assert got == []
    assert strand.undelivered == 3


def test_an_item_that_slips_in_while_abandoning_is_counted_not_delivered(make, executor, got):
    """A poster that had passed the check is no reason to call back after abandon()."""
    strand = make()

    def items():
        yield 1
        strand.abandon()
        yield 2

    strand.post_many(items())
    executor.run_one()
    assert got == []
    assert strand.undelivered == 2


def test_abandoning_in_the_sink_ends_the_delivery(make, executor, got):
    """The item being handled is the last."""

    def sink(item):
        got.append(item)
        strand.abandon()

    strand = make(sink)
    strand.post_many([1, 2, 3])
    executor.run_one()
    assert got == [1]
    assert strand.undelivered == 2


def test_an_executor_that_refuses_ends_the_strand(make, got):
    """The hook hears of it once, with the first item that waited; everything counts as undelivered; room is made."""
    errors, room = [], []
    inline = InlineExecutor()
    inline.shutdown()
    strand = make(on=inline, size=2, on_error=lambda *error: errors.append(error), on_room=lambda: room.append(1))
    strand.post_many(["first", "second"])
    strand.post("third")
    ((exc, item),) = errors
    assert isinstance(exc, RuntimeError)
    assert item == "first"
    assert strand.undelivered == 2
    assert not strand.full
    assert room == [1]


def test_a_drain_that_the_executor_cancels_ends_the_strand(make, executor, got):
    """Executors may cancel what they accepted, as shutdown(cancel_futures=True) does."""
    errors = []
    strand = make(on_error=lambda exc, item: errors.append(item))
    strand.post_many([1, 2])
    future, _ = executor.tasks.get(timeout=PATIENCE)
    future.cancel()
    assert errors == [1]
    assert strand.undelivered == 2
    strand.post(3)
    assert executor.tasks.empty()


def test_a_sink_may_post_to_its_own_strand(make, got):
    """Also where the executor runs everything on the posting thread."""

    def sink(item):
        got.append(item)
        if item < 1000:
            strand.post(item + 1)

    strand = make(sink, on=InlineExecutor())
    strand.post(0)
    assert got == list(range(1001))


def test_a_large_batch_on_an_inline_executor_does_not_exhaust_the_stack(make, got):
    """Handing over to the next drain is no recursion."""
    strand = make(on=InlineExecutor())
    strand.post_many(range(300_000))
    assert len(got) == 300_000


@pytest.mark.usefixtures("busy_threads")
def test_nothing_is_lost_or_out_of_order_under_frantic_switching():
    """Four posters, three strands, three workers: every item arrives once, in its poster's order, one at a time."""
    workers = Workers(3)
    per_poster, posters = 3000, 4
    done = threading.Semaphore(0)

    class Receiver:
        def __init__(self):
            self.busy = threading.Lock()
            self.next = [0] * posters
            self.count = 0

        def __call__(self, item):
            assert self.busy.acquire(blocking=False), "two at a time"
            poster, number = item
            assert self.next[poster] == number, "out of order"
            self.next[poster] += 1
            self.count += 1
            if self.count == per_poster * posters:
                done.release()
            self.busy.release()

    errors = []
    receivers = [Receiver() for _ in range(3)]
    strands = [
        Strand(workers, r, size=64, on_room=lambda: None, on_error=lambda exc, item: errors.append(exc))
        for r in receivers
    ]

    def post(poster):
        number = 0
        while number < per_poster:
            size = 1 + number % 7
            batch = [(poster, n) for n in range(number, min(number + size, per_poster))]
            for strand in strands:
                if len(batch) == 1:
                    strand.post(batch[0])
                else:
                    strand.post_many(batch)
            number += size

    threads = [threading.Thread(target=post, args=(poster,)) for poster in range(posters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in strands:
        assert done.acquire(timeout=PATIENCE), "items were left behind"
    workers.shutdown()
    assert errors == []
    assert [strand.depth for strand in strands] == [0, 0, 0]


@pytest.mark.usefixtures("busy_threads")
def test_no_wake_up_is_lost_when_the_drain_is_just_ending():
    """Each item is posted as soon as the one before was handled, when its drain is about to go."""
    workers = Workers(2)
    handled = queue.SimpleQueue()
    strand = Strand(workers, handled.put, size=8, on_room=lambda: None, on_error=lambda exc, item: None)
    for number in range(2000):
        strand.post(number)
        assert handled.get(timeout=PATIENCE) == number
    workers.shutdown()


@pytest.mark.usefixtures("busy_threads")
def test_a_poster_that_waits_for_room_is_always_told():
    """A poster that stops when full and waits for on_room gets through, and the mailbox stays bounded."""
    workers = Workers(2)
    room = threading.Condition()
    received = []

    def on_room():
        with room:
            room.notify_all()

    strand = Strand(workers, received.append, size=16, on_room=on_room, on_error=lambda exc, item: None)
    for number in range(0, 8000, 4):
        strand.post_many(range(number, number + 4))
        with room:
            while strand.full:
                assert room.wait(PATIENCE), "nobody told that there is room"
    workers.shutdown()
    assert received == list(range(8000))
    assert strand.high_water < 16 + 4
