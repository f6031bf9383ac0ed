"""Hooks: in order, beside the events, and no burden to anybody."""

import gc
import logging
import queue
import threading
import weakref
from datetime import datetime, timezone

import pytest

from binance_socket import ConnectionState, HandlerError, StateChange
from binance_socket._engine import one_by_one
from binance_socket._engine.hooks import Hook, Hooks, Listeners
from binance_socket._engine.watchdog import Progress
from binance_socket._engine.workers import Workers
from binance_socket.testing import InlineExecutor

PATIENCE = 10


@pytest.fixture
def workers():
    workers = Workers(2)
    yield workers
    workers.shutdown()


@pytest.fixture
def listeners():
    return Listeners()


@pytest.fixture
def make(listeners, workers):
    def build(executor=workers):
        hooks = Hooks(executor, Progress("a hook"))
        hooks.serve(listeners)
        return hooks

    return build


def change(number=0, name="api"):
    return StateChange(
        connection=name,
        number=1,
        before=ConnectionState.IDLE,
        after=ConnectionState.CONNECTING,
        reason=None,
        at=datetime.fromtimestamp(number, timezone.utc),
    )


def test_each_hook_is_told_what_it_listens_to(make, listeners):
    """By all who tell, in the order in which they were added."""
    hooks, heard = make(InlineExecutor()), []
    for hook in Hook:
        listeners.add(hook, lambda value, hook=hook: heard.append((hook, value)))
        listeners.add(hook, lambda value: heard.append("second"))
    error = HandlerError("boom")
    hooks.gap("gap")
    hooks.lag("lag")
    hooks.handler_error(error)
    hooks.note(change())
    hooks.tell()
    assert heard == [
        (Hook.GAP, "gap"),
        "second",
        (Hook.LAG, "lag"),
        "second",
        (Hook.HANDLER_ERROR, error),
        "second",
        (Hook.STATE, change()),
        "second",
    ]


def test_what_a_hook_raises_is_logged(make, listeners, caplog):
    """And the others are told all the same."""
    hooks, heard = make(InlineExecutor()), []

    def broken(value):
        raise ZeroDivisionError("mine")

    listeners.add(Hook.LAG, broken)
    listeners.add(Hook.LAG, heard.append)
    hooks.lag(1)
    hooks.lag(2)
    assert heard == [1, 2]
    assert [record.getMessage() for record in caplog.records] == ["an on_lag hook raised"] * 2
    assert isinstance(caplog.records[0].exc_info[1], ZeroDivisionError)


def test_a_hook_that_ends_its_thread_ends_nothing_else(make, listeners, caplog):
    """SystemExit is passed on to the executor, and logged."""
    hooks, heard = make(), queue.SimpleQueue()

    def ends(value):
        if value == 1:
            raise SystemExit
        heard.put(value)

    listeners.add(Hook.LAG, ends)
    hooks.lag(1)
    hooks.lag(2)
    assert heard.get(timeout=PATIENCE) == 2
    assert [record.getMessage() for record in caplog.records] == ["a hook raised"]


def test_slow_hooks_lose_the_oldest_and_it_is_counted(make, listeners, caplog):
    """1,024 calls wait at most, and the log tells, once for each time."""
    hooks, heard, entered, release = make(), queue.SimpleQueue(), threading.Event(), threading.Event()

    def slow(value):
        entered.set()
        release.wait(PATIENCE)
        heard.put(value)

    listeners.add(Hook.LAG, slow)
    hooks.lag(0)
    assert entered.wait(PATIENCE)
    for value in range(1, 1500):
        hooks.lag(value)
    dropped = hooks.dropped
    release.set()
    # What the log is told with has a place of its own among them.
    assert dropped == 1499 - 1023
    assert [heard.get(timeout=PATIENCE) for _ in range(1024)] == [0, *range(1500 - 1023, 1500)]
    assert [record.getMessage() for record in caplog.records] == ["hooks are too slow: 476 calls were dropped so far"]


def test_nobody_is_troubled_while_nobody_listens(listeners):
    """The executor is not asked for anything, but the log has its line."""

    class Refusing(InlineExecutor):
        def submit(self, fn, /, *args, **kwargs):
            raise AssertionError("nobody listens")

    hooks = Hooks(Refusing(), Progress())
    hooks.serve(listeners)
    hooks.gap(1)
    hooks.lag(1)
    hooks.handler_error(HandlerError("boom"))
    hooks.note(change())
    hooks.tell()


def test_changes_are_told_in_the_order_in_which_they_were_noted(make, listeners, run, caplog):
    """By the hooks and by the log, whichever threads tell."""
    caplog.set_level(logging.INFO, "binance_socket")
    hooks, heard, lock = make(), queue.SimpleQueue(), threading.Lock()
    noted = []
    listeners.add(Hook.STATE, heard.put)

    def work(name):
        for number in range(100):
            with lock:
                noted.append(change(number, name))
                hooks.note(noted[-1])
            hooks.tell()

    for join in [run(work, f"connection {number}") for number in range(4)]:
        join()
    assert [heard.get(timeout=PATIENCE) for _ in range(400)] == noted
    assert [record.getMessage() for record in caplog.records] == [str(one) for one in noted]


def test_an_interrupt_while_a_change_is_told(make, listeners, caplog, monkeypatch):
    """The others are told all the same, and it is logged that one was not."""
    hooks, heard = make(), queue.SimpleQueue()
    listeners.add(Hook.STATE, heard.put)
    hooks.note(change(1))
    hooks.note(change(2))
    with monkeypatch.context() as patch:
        patch.setattr(hooks, "_post", interrupt_once(hooks._post))
        with pytest.raises(KeyboardInterrupt):
            hooks.tell()
    assert heard.get(timeout=PATIENCE) == change(2)
    assert "was not told" in caplog.text
    hooks.note(change(3))
    hooks.tell()
    assert heard.get(timeout=PATIENCE) == change(3)


def test_nobody_waits_for_a_hook_that_is_in_the_way(listeners, run, monkeypatch):
    """However much it is that cannot be told meanwhile: the executor runs it here, and it waits for the others."""
    monkeypatch.setattr(one_by_one, "MOST_WAITING", 3)
    hooks, heard = Hooks(InlineExecutor(), Progress("a hook")), []
    hooks.serve(listeners)

    def others():
        for number in range(10):
            hooks.note(change(number))
            hooks.tell()

    def hook(told):
        heard.append(told)
        if len(heard) == 1:
            run(others)()

    listeners.add(Hook.STATE, hook)
    hooks.note(change(99))
    hooks.tell()
    assert heard == [change(99), *map(change, range(10))]


def interrupt_once(function):
    """Return *function*, but that a signal handler raises something at the first call."""
    left = [KeyboardInterrupt]

    def interrupted(*args):
        if left:
            raise left.pop()
        return function(*args)

    return interrupted


def test_a_change_of_state_is_one_line(make, caplog):
    """At INFO, with the reason if there is one."""
    caplog.set_level(logging.INFO, "binance_socket")
    hooks = make()
    hooks.note(change())
    hooks.note(
        StateChange(
            connection="market-1",
            number=2,
            before=ConnectionState.READY,
            after=ConnectionState.BACKOFF,
            reason="reset by peer",
            at=datetime.now(timezone.utc),
        )
    )
    hooks.tell()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "api #1: idle -> connecting"),
        ("INFO", "market-1 #2: ready -> backoff (reset by peer)"),
    ]


def test_listeners_that_nobody_holds_are_gone(workers):
    """A hook that uses its client must not keep it alive, so that the engine does not hold it."""
    hooks, listeners = Hooks(workers, Progress()), Listeners()
    hooks.serve(listeners)

    class Client:
        def __init__(self, listeners):
            self.listeners = listeners
            listeners.add(Hook.LAG, self.hear)

        def hear(self, lag):
            raise AssertionError("it is gone")

    gone = weakref.ref(Client(listeners))
    del listeners
    gc.collect()
    assert gone() is None
    hooks.lag(1)


def test_what_comes_after_the_end_is_dropped(make, listeners):
    """What came before is delivered."""
    hooks, heard = make(InlineExecutor()), []
    listeners.add(Hook.LAG, heard.append)
    hooks.lag(1)
    hooks.close()
    hooks.lag(2)
    assert heard == [1]


def test_an_executor_that_takes_nothing_more_is_told_of_once(make, listeners, caplog):
    """By the strand; nothing is raised at whoever tells."""
    executor = InlineExecutor()
    hooks = make(executor)
    listeners.add(Hook.LAG, lambda lag: None)
    executor.shutdown()
    hooks.lag(1)
    hooks.lag(2)
    assert len(caplog.records) == 1
    assert "could not be delivered" in caplog.records[0].getMessage()
