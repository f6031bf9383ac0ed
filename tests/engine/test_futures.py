"""The future that a call returns."""

import concurrent.futures
import threading
from concurrent.futures import Executor, Future

import pytest

from binance_socket._engine.futures import CallFuture
from binance_socket._engine.threads import EngineThread
from binance_socket.testing import InlineExecutor

PATIENCE = 10.0


class Later(Executor):
    """Keeps what it is given."""

    def __init__(self):
        self.tasks = []

    def submit(self, fn, /, *args, **kwargs):
        self.tasks.append(lambda: fn(*args, **kwargs))
        return Future()


def test_done_callbacks_run_on_the_executor():
    """Given before or after: whoever completes the future does not run them."""
    executor = Later()
    future = CallFuture(executor)
    seen = []
    future.add_done_callback(seen.append)
    assert executor.tasks == []
    assert future.start()
    future.set_result(1)
    future.add_done_callback(seen.append)
    assert seen == []
    for task in executor.tasks:
        task()
    assert seen == [future, future]


def test_when_done_runs_at_once():
    """It is for the library's own."""
    future = CallFuture(Later())
    seen = []
    future.when_done(seen.append)
    future.set_result(1)
    assert seen == [future]


def test_a_done_callback_that_raises_is_logged(caplog):
    """And keeps the others from nothing."""
    future = CallFuture(InlineExecutor())
    seen = []
    future.add_done_callback(lambda _: 1 / 0)
    future.add_done_callback(seen.append)
    future.set_result(1)
    assert seen == [future]
    assert "ZeroDivisionError" in caplog.text


def test_start_comes_before_cancel_or_after_it():
    """Whichever is first wins; both may be repeated."""
    started, cancelled = CallFuture(Later()), CallFuture(Later())
    assert started.start()
    assert not started.cancel()
    assert started.start()
    assert cancelled.cancel()
    assert not cancelled.start()
    assert not cancelled.start()


def test_start_by_many_threads_is_one_start(run):
    """The sender and the timer may come at the same moment."""
    for _ in range(50):
        future = CallFuture(InlineExecutor())
        barrier = threading.Barrier(4)

        def start(future=future, barrier=barrier):
            barrier.wait(PATIENCE)
            return future.start()

        joins = [run(start) for _ in range(3)]
        barrier.wait(PATIENCE)
        cancelled = future.cancel()
        assert {join() for join in joins} == {not cancelled}


@pytest.mark.parametrize("where", ["here", "engine"])
def test_an_executor_that_refuses(where, caplog):
    """The caller's thread will do; on a thread of the library's it is only logged."""
    executor = InlineExecutor()
    executor.shutdown()
    future = CallFuture(executor)
    seen = []
    future.add_done_callback(seen.append)
    if where == "here":
        future.set_result(1)
        assert seen == [future]
    else:
        thread = EngineThread(lambda: future.set_result(1), "test")
        thread.start()
        thread.join(PATIENCE)
        assert seen == []
        assert "was not run" in caplog.text


@pytest.mark.parametrize("kind", [TimeoutError, concurrent.futures.TimeoutError])
def test_a_wait_that_is_too_short(kind):
    """It is a TimeoutError on every Python, and stays what futures raise."""
    future = CallFuture(Later())
    with pytest.raises(kind):
        future.result(0)
    with pytest.raises(kind):
        future.exception(timeout=0)
    future.set_result(1)
    assert (future.result(0), future.exception(0)) == (1, None)
