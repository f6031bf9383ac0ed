"""What does not return is told of, once, and nothing else is."""

import logging
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from binance_socket._engine.strand import Strand
from binance_socket._engine.timer import Timer
from binance_socket._engine.watchdog import Watchdog
from binance_socket._engine.workers import Workers
from binance_socket.testing import ManualClock

PATIENCE = 10


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def timer(clock):
    timer = Timer(clock)
    yield timer
    timer.close()


@pytest.fixture
def workers():
    workers = Workers(4)
    yield workers
    workers.shutdown()


@pytest.fixture
def warnings(caplog):
    """The watchdog's lines, in order."""
    return lambda: [
        r.getMessage() for r in caplog.records if r.name.endswith("watchdog") and r.levelno == logging.WARNING
    ]


@pytest.fixture
def pass_time(clock, timer):
    """Let time pass, and wait until what was due has run."""

    def advance(seconds):
        clock.advance(seconds)
        done = threading.Event()
        timer.call_at(clock.monotonic(), done.set)
        assert done.wait(PATIENCE)

    return advance


class Handler:
    """A sink that stays in each item until it is released."""

    def __init__(self):
        self.entered = queue.SimpleQueue()
        self.gate = queue.SimpleQueue()

    def __call__(self, item):
        self.entered.put(item)
        self.stay_here()

    def stay_here(self):
        self.gate.get(timeout=PATIENCE)

    def expect(self, item):
        assert self.entered.get(timeout=PATIENCE) == item

    def release(self):
        self.gate.put(None)


@pytest.fixture
def handler():
    return Handler()


@pytest.fixture
def make(clock, timer, workers):
    """Make watched strands: ``make(watchdog, name, sink, executor=None)``."""

    def build(watchdog, name, sink, executor=None):
        def unexpected(exc, item):
            raise AssertionError("no error was expected") from exc

        progress = watchdog.watch(name)
        on = executor or workers
        strand = Strand(on, sink, size=4096, on_room=lambda: None, on_error=unexpected, progress=progress)
        strand._turn = Turn()
        return strand

    return build


@pytest.fixture
def watchdog(clock, timer):
    return Watchdog(clock, timer, 60.0)


def settle(strand):
    """Wait until the strand is idle."""
    turn = strand._turn
    with turn.ended:
        assert turn.ended.wait_for(lambda: not turn, PATIENCE)


class Turn(dict):
    """Whose turn it is in a strand. One can wait until it is nobody's."""

    def __init__(self):
        self.ended = threading.Condition()

    def clear(self):
        with self.ended:
            super().clear()
            self.ended.notify_all()


def test_what_is_stuck_is_told_once_with_thread_and_stack(watchdog, make, handler, pass_time, warnings):
    """And once more when it has returned; health() sees it meanwhile."""
    strand = make(watchdog, "subscription 7", handler)
    strand.post(1)
    handler.expect(1)
    pass_time(59)
    assert warnings() == []
    assert watchdog.stuck() == ()
    pass_time(1)
    [line] = warnings()
    first, *stack = line.splitlines()
    assert first == "a callback of subscription 7 has been running for 60 s on thread binance-socket-callback-1:"
    assert any("stay_here" in text for text in stack)
    assert any("self.gate.get(timeout=PATIENCE)" in text for text in stack)
    pass_time(100)
    assert len(warnings()) == 1
    [stuck] = watchdog.stuck()
    assert (stuck.name, stuck.thread, stuck.seconds) == ("subscription 7", "binance-socket-callback-1", 160)
    assert str(stuck) == ("a callback of subscription 7 has been running for 160 s on thread binance-socket-callback-1")
    strand.post(2)
    handler.release()
    handler.expect(2)
    assert watchdog.stuck() == ()
    assert warnings()[1:] == ["the callback of subscription 7 that was stuck has returned, after 160 s"]
    handler.release()


def test_the_next_one_that_is_stuck_is_told_of_again(watchdog, make, handler, pass_time, warnings):
    """Each stuck call has its own two lines; what comes later than the first is told of a quarter late at most."""
    strand = make(watchdog, "it", handler)
    strand.post_many([1, 2])
    handler.expect(1)
    pass_time(60)
    handler.release()
    handler.expect(2)
    for _ in range(5):
        pass_time(15)
    handler.release()
    settle(strand)
    beginnings = [line.splitlines()[0] for line in warnings()]
    assert [text.partition(" has ")[2] for text in beginnings] == [
        "been running for 60 s on thread binance-socket-callback-1:",
        "returned, after 60 s",
        "been running for 60 s on thread binance-socket-callback-1:",
        "returned, after 60 s",
    ]


def test_one_that_is_slow_but_moves_is_not_stuck(watchdog, make, handler, pass_time, warnings):
    """However long it goes on with one item after the other."""
    strand = make(watchdog, "it", handler)
    strand.post_many(range(10))
    for item in range(10):
        handler.expect(item)
        pass_time(45)
        assert watchdog.stuck() == ()
        handler.release()
    settle(strand)
    assert warnings() == []


def test_one_item_that_is_many_is_not_stuck_while_it_goes_on(watchdog, make, handler, pass_time, warnings):
    """What was held back is handed out within one item: each of it counts for itself."""

    def sink(item):
        for part in range(3):
            strand.goes_on()
            handler(part)

    strand = make(watchdog, "it", sink)
    strand.post("item")
    for part in range(3):
        handler.expect(part)
        # A quarter of a minute more until it is seen that it is another one than before.
        for _ in range(5 if part == 2 else 3):
            pass_time(15)
        handler.release()
    settle(strand)
    assert [line.splitlines()[0].partition(" has ")[2] for line in warnings()] == [
        "been running for 60 s on thread binance-socket-callback-1:",
        "returned, after 60 s",
    ]


def test_a_strand_that_hands_its_worker_over_is_not_stuck(watchdog, make, pass_time, warnings, workers):
    """Between two fair shares nothing runs, however long the executor takes."""
    started, go = threading.Event(), threading.Event()

    class Late(Workers):
        def submit(self, fn, /, *args, **kwargs):
            if not started.is_set():
                started.set()
                return super().submit(fn, *args, **kwargs)
            return super().submit(lambda: (go.wait(PATIENCE), fn()))

    late, heard = Late(2), queue.SimpleQueue()
    strand = make(watchdog, "it", heard.put, late)
    strand.post_many(range(300))
    for item in range(256):
        assert heard.get(timeout=PATIENCE) == item
    pass_time(1000)
    assert warnings() == []
    go.set()
    for item in range(256, 300):
        assert heard.get(timeout=PATIENCE) == item
    late.shutdown()


def test_an_executor_of_the_users_is_watched_as_well(watchdog, make, handler, pass_time, warnings):
    """The thread is known by who drains, not by whose it is."""
    with ThreadPoolExecutor(1, "mine") as executor:
        strand = make(watchdog, "it", handler, executor)
        strand.post(1)
        handler.expect(1)
        pass_time(60)
        handler.release()
    assert "on thread mine_0:" in warnings()[0]
    assert "stay_here" in warnings()[0]


def test_others_go_on(watchdog, make, handler, pass_time, warnings):
    """Nothing is interrupted, and nobody waits for it."""
    strand, heard = make(watchdog, "stuck", handler), queue.SimpleQueue()
    strand.post(1)
    handler.expect(1)
    other = make(watchdog, "other", heard.put)
    for _ in range(3):
        pass_time(60)
        other.post("event")
        assert heard.get(timeout=PATIENCE) == "event"
    assert len(warnings()) == 1
    handler.release()


def test_nobody_looks_while_nothing_runs(watchdog, make, handler, pass_time, timer):
    """An idle client does not wake up; the next event sees to it that somebody looks again."""
    assert timer._thread is None
    strand = make(watchdog, "it", handler)
    assert timer._thread is None
    for _ in range(2):
        strand.post(1)
        handler.expect(1)
        assert watchdog.looking
        handler.release()
        settle(strand)
        pass_time(15)
        assert not watchdog.looking


def test_it_may_be_switched_off(clock, timer, make, handler, pass_time, warnings):
    """With None nobody looks at all."""
    watchdog = Watchdog(clock, timer, None)
    strand = make(watchdog, "it", handler)
    strand.post(1)
    handler.expect(1)
    assert not watchdog.looking
    pass_time(10_000)
    assert watchdog.stuck() == ()
    handler.release()
    settle(strand)
    assert warnings() == []


def test_without_current_frames_the_stack_is_missing(watchdog, make, handler, pass_time, warnings, monkeypatch):
    """Not every implementation of Python can show it."""
    monkeypatch.delattr(sys, "_current_frames")
    strand = make(watchdog, "it", handler)
    strand.post(1)
    handler.expect(1)
    pass_time(60)
    assert warnings()[0].splitlines()[1:] == ["(its stack cannot be seen here)"]
    handler.release()


def test_one_that_returns_while_it_is_looked_at_is_not_told_of(
    watchdog, make, handler, pass_time, warnings, monkeypatch
):
    """Its stack would be another one's."""
    strand = make(watchdog, "it", handler)
    strand.post_many([1, 2])
    handler.expect(1)
    frames = sys._current_frames

    def late_frames():
        if strand._progress.number == 1:
            handler.release()
            handler.expect(2)
        return frames()

    monkeypatch.setattr(sys, "_current_frames", late_frames)
    pass_time(60)
    assert warnings() == []
    handler.release()


def test_one_that_returns_while_it_is_told_of_is_told_to_have_returned(
    watchdog, make, handler, pass_time, warnings, monkeypatch
):
    """The strand may have looked right before: then the same look finds out."""
    strand = make(watchdog, "it", handler)
    strand.post_many([1, 2])
    handler.expect(1)
    logger = logging.getLogger("binance_socket._engine.watchdog")
    handlers = Returns(handler, strand)
    logger.addHandler(handlers)
    try:
        pass_time(60)
    finally:
        logger.removeHandler(handlers)
    assert [line.splitlines()[0].partition(" has ")[2] for line in warnings()] == [
        "been running for 60 s on thread binance-socket-callback-1:",
        "returned, after 60 s",
    ]
    handler.release()


class Returns(logging.Handler):
    """Lets the callback return while the line about it is being written."""

    def __init__(self, handler, strand):
        super().__init__()
        self._handler = handler
        self._strand = strand

    def emit(self, record):
        if self._strand._progress.number == 1:
            self._handler.release()
            self._handler.expect(2)


def test_without_a_thread_to_be_had_the_next_one_tries_again(watchdog, make, handler, timer, monkeypatch):
    """Events are delivered all the same."""
    with monkeypatch.context() as patch:

        def refuse(when, function):
            raise RuntimeError("can't start new thread")

        patch.setattr(timer, "call_at", refuse)
        strand = make(watchdog, "it", handler)
        strand.post(1)
        handler.expect(1)
        assert not watchdog.looking
        handler.release()
        settle(strand)
    strand.post(2)
    handler.expect(2)
    assert watchdog.looking
    handler.release()


def test_strands_that_end_on_other_threads_while_it_looks(watchdog, run):
    """Nothing goes wrong, however often threads take turns: what goes wrong on the timer's thread ends a client."""
    interval = sys.getswitchinterval()
    kept = [watchdog.watch("kept") for _ in range(500)]
    enough = threading.Event()

    def come_and_go():
        while not enough.is_set():
            watchdog.watch("passing")

    sys.setswitchinterval(1e-6)
    try:
        joins = [run(come_and_go) for _ in range(3)]
        for _ in range(2_000):
            assert watchdog.stuck() == ()
    finally:
        enough.set()
        sys.setswitchinterval(interval)
    for join in joins:
        join()
    assert len(kept) == 500
