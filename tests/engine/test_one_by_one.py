"""What several threads want to have done: in order, by whoever is there, and without waiting until the very end."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from binance_socket._engine import one_by_one
from binance_socket._engine.one_by_one import OneByOne

PATIENCE = 10.0


class Lock:
    """The lock of a line, around whose next steps something is done, and that says who waits for it."""

    def __init__(self, lock):
        self._lock = lock
        self.wanted = threading.Event()
        self.acquired = self.before = self.after = None

    def acquire(self, blocking=True):
        if not self._lock.acquire(blocking=False):
            if blocking:
                self.wanted.set()
            return blocking and self._lock.acquire(timeout=PATIENCE)
        acquired, self.acquired = self.acquired, None
        if acquired is not None:
            acquired()
        return True

    def release(self):
        before, after, self.before, self.after = self.before, self.after, None, None
        if before is not None:
            before()
        self._lock.release()
        if after is not None:
            after()


@pytest.fixture
def line():
    line = OneByOne()
    line._busy = Lock(line._busy)
    return line


@pytest.fixture
def defects():
    return []


def started(function):
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def ended(thread):
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_what_is_given_while_something_is_done_comes_after_it(line, defects):
    """On the same thread, too: nothing is done in the middle of something else."""
    story = []

    def first():
        line.do(lambda: story.append(2), defects.append)
        story.append(1)

    line.do(first, defects.append)
    assert (story, defects) == ([1, 2], [])


def test_nobody_waits_for_somebody_who_is_busy(line, defects):
    """Whoever is busy does it."""
    story, doing, go_on = [], threading.Event(), threading.Event()

    def slow():
        doing.set()
        assert go_on.wait(PATIENCE)

    thread = started(lambda: line.do(slow, defects.append))
    assert doing.wait(PATIENCE)
    line.do(lambda: story.append(threading.current_thread()), defects.append)
    assert story == []
    go_on.set()
    ended(thread)
    assert (story, defects) == ([thread], [])


def test_what_fails_is_told_and_the_rest_is_done(line, defects):
    """To whom it belongs."""
    story, error = [], ValueError("a defect")

    def fail():
        line.do(lambda: story.append("after"), story.append)
        raise error

    line.do(fail, defects.append)
    assert (story, defects) == (["after"], [error])


def test_what_interrupts_a_thread_does_not_stop_the_rest(line, defects):
    """Somebody pressed Ctrl-C in a thread that did things for others: it hears of it when they are done."""
    story = []

    def interrupt():
        raise KeyboardInterrupt

    def first():
        line.end(lambda: story.append("last"))
        line.do(interrupt, defects.append)
        line.do(lambda: story.append(1), story.append)

    with pytest.raises(KeyboardInterrupt):
        line.do(first, story.append)
    assert story == [1, "last"]
    assert "KeyboardInterrupt" in str(defects[0])
    assert line.idle


def test_a_failure_that_cannot_be_told_does_not_stop_the_rest(line, caplog):
    """It is logged."""
    story = []

    def broken(error):
        raise ValueError("while telling")

    def first():
        line.end(lambda: story.append("last"))
        line.do(lambda: story.append(1), broken)
        raise ZeroDivisionError("a defect")

    line.do(first, broken)
    assert story == [1, "last"]
    assert "while telling" in caplog.text


@pytest.mark.parametrize("moment", ["before", "after"])
def test_nothing_is_left_undone_when_it_is_given_at_the_last_moment(line, defects, moment):
    """Right before, or right after, the one who was busy says that he is no more."""
    story = []
    setattr(line._busy, moment, lambda: ended(started(lambda: line.do(lambda: story.append(2), defects.append))))
    line.do(lambda: story.append(1), defects.append)
    assert (story, defects) == ([1, 2], [])


def test_what_comes_last_waits_for_the_rest(line, defects):
    """It is not done in turn, so that it may take as long as it likes."""
    story = []

    def end():
        line.end(lambda: story.append("last"))
        line.do(lambda: story.append(2), defects.append)
        story.append(1)

    line.do(end, defects.append)
    assert (story, defects) == ([1, 2, "last"], [])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_is_given_while_the_last_is_about_to_be_done_is_done(line, defects, moment):
    """Before it, or at the same time."""
    story, threads = [], []
    line.do(lambda: line.end(lambda: story.append("last")), defects.append)
    story.clear()

    def come():
        threads.append(started(lambda: line.do(lambda: story.append("event"), defects.append)))
        if moment == "before":
            assert line._busy.wanted.wait(PATIENCE)
        else:
            ended(threads[0])

    setattr(line._busy, moment, come)
    line._look()
    ended(threads[0])
    assert set(story) == {"event", "last"}
    assert defects == []


def test_towards_the_end_everybody_waits_for_his_turn(line, defects):
    """Else what a thread does by itself, once it may, could come before what it has given away."""
    story, doing, go_on = [], threading.Event(), threading.Event()

    def ending():
        line.end(lambda: story.append("last"))
        doing.set()
        assert go_on.wait(PATIENCE)

    def reader():
        line.do(lambda: story.append(1), defects.append)
        story.append(2)

    busy = started(lambda: line.do(ending, defects.append))
    assert doing.wait(PATIENCE)
    thread = started(reader)
    assert line._busy.wanted.wait(PATIENCE)
    assert story == []
    go_on.set()
    ended(busy)
    ended(thread)
    assert [word for word in story if word != "last"] == [1, 2]
    assert defects == []


@pytest.mark.parametrize("late", [False, True], ids=["at any time", "towards the end"])
@pytest.mark.parametrize("moment", ["acquired", "before", "after"])
def test_a_signal_handler_may_have_something_to_do_at_any_moment(line, defects, moment, late):
    """It runs between two steps of the very thread that it would have to wait for."""
    story = []
    if late:
        line.do(lambda: line.end(lambda: None), defects.append)
    setattr(line._busy, moment, lambda: line.do(lambda: story.append("handler"), defects.append))
    thread = started(lambda: line.do(lambda: story.append("thread"), defects.append))
    ended(thread)
    assert sorted(story) == ["handler", "thread"]
    assert line.idle
    assert defects == []


def test_a_signal_handler_may_come_while_it_is_looked_whether_it_is_time_for_the_last(line, defects):
    """The same moment, at the very end."""
    story = []
    line.do(lambda: line.end(lambda: story.append("last")), defects.append)
    story.clear()
    line._busy.acquired = lambda: line.do(lambda: story.append("handler"), defects.append)
    thread = started(line._look)
    ended(thread)
    assert set(story) == {"handler", "last"}
    assert line.idle


def raise_interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("late", [False, True], ids=["at any time", "towards the end"])
def test_an_interrupt_right_after_the_lock_was_had(line, defects, late):
    """It is raised once everything is done, and the line is free for others."""
    story = []
    if late:
        line.do(lambda: line.end(lambda: None), defects.append)
    line._busy.acquired = raise_interrupt
    with pytest.raises(KeyboardInterrupt):
        line.do(lambda: story.append("ours"), defects.append)
    ended(started(lambda: line.do(lambda: story.append("another's"), defects.append)))
    assert (story, defects) == (["ours", "another's"], [])
    assert line.idle


def test_an_interrupt_when_it_is_seen_that_all_is_done(line, defects):
    """The same moment, at the very end."""
    story = []
    line.do(lambda: line.end(lambda: story.append("last")), defects.append)
    story.clear()
    line._busy.acquired = raise_interrupt
    with pytest.raises(KeyboardInterrupt):
        line.work()
    ended(started(line.work))
    assert (story, defects) == (["last"], [])


def test_what_another_gives_while_somebody_is_interrupted_is_done(line, defects):
    """It found the line busy right before that ended with the interrupt."""
    story = []
    line._busy.before = lambda: ended(started(lambda: line.do(lambda: story.append("another's"), defects.append)))
    with pytest.raises(KeyboardInterrupt):
        line.do(raise_interrupt, story.append)
    assert story[1:] == ["another's"]
    assert isinstance(story[0], RuntimeError)
    assert line.idle


def test_whoever_brings_more_waits_while_very_much_is_to_be_done(line, defects, monkeypatch):
    """A reader does not fill the memory while another thread cannot go on; what it has brought is done in order."""
    monkeypatch.setattr(one_by_one, "MOST_WAITING", 3)
    story, doing, go_on = [], threading.Event(), threading.Event()

    def stuck():
        doing.set()
        assert go_on.wait(PATIENCE)

    def read():
        for number in range(4):
            line.do(lambda number=number: story.append(number), defects.append)
            given.append(number)

    given = []
    busy = started(lambda: line.do(stuck, defects.append))
    assert doing.wait(PATIENCE)
    reader = started(read)
    assert line._busy.wanted.wait(PATIENCE)
    assert (given, story) == ([0, 1, 2], [])
    go_on.set()
    ended(busy)
    ended(reader)
    assert (story, defects) == ([0, 1, 2, 3], [])


def test_many_threads_at_a_time(busy_threads):
    """Each thread's own things keep their order, and nothing is done twice or at the same time."""
    line, story, many = OneByOne(), [], 2000
    ready = threading.Barrier(3)
    inside = threading.Lock()

    def note(thread, number):
        assert inside.acquire(blocking=False)
        story.append((thread, number))
        inside.release()

    def give(thread):
        ready.wait(PATIENCE)
        for number in range(many):
            line.do(lambda number=number: note(thread, number), story.append)

    with ThreadPoolExecutor(3) as threads:
        for one in [threads.submit(give, thread) for thread in range(3)]:
            one.result(6 * PATIENCE)
    for thread in range(3):
        assert [number for its, number in story if its == thread] == list(range(many))
