import subprocess
import sys
import threading
from concurrent.futures import CancelledError

import pytest

from binance_socket._engine.workers import Workers

PATIENCE = 10


@pytest.fixture
def make():
    made = []

    def build(*args, **options):
        made.append(Workers(*args, **options))
        return made[-1]

    yield build
    for workers in made:
        workers.shutdown(wait=False, cancel_futures=True)
        assert workers.join(PATIENCE)


def test_functions_run_and_give_results(make):
    """Results and exceptions arrive in the future."""
    workers = make(2)
    assert workers.submit(pow, 2, exp=5).result(PATIENCE) == 32
    with pytest.raises(ZeroDivisionError):
        workers.submit(lambda: 1 / 0).result(PATIENCE)
    with pytest.raises(SystemExit):
        workers.submit(sys.exit).result(PATIENCE)
    assert workers.submit(lambda: "still here").result(PATIENCE) == "still here"


def test_threads_are_named_daemons(make):
    """Nobody has to wait for them at exit, and a debugger shows whose they are."""
    thread = make(1, "orders").submit(threading.current_thread).result(PATIENCE)
    assert thread.daemon
    assert thread.name == "binance-socket-orders-1"


def test_a_thread_starts_only_when_none_is_idle(make):
    """One task after the other needs one thread; tasks at the same time get a thread each, up to the limit."""
    workers = make(3)
    for _ in range(20):
        workers.submit(int).result(PATIENCE)
        # The thread counts itself idle a moment after the result is there; this waits for that.
        with workers._lock:
            pass
    assert len(workers._threads) <= 2
    release = threading.Event()
    running = threading.Semaphore(0)

    def block():
        running.release()
        assert release.wait(PATIENCE)

    futures = [workers.submit(block) for _ in range(5)]
    for _ in range(3):
        assert running.acquire(timeout=PATIENCE)
    assert len(workers._threads) == 3
    assert not running.acquire(blocking=False)
    release.set()
    for future in futures:
        future.result(PATIENCE)


def test_nested_submissions_do_not_starve(make):
    """A task may wait for another as long as threads are left: one is started for it."""
    workers = make(3)
    nested = workers.submit(
        lambda: workers.submit(lambda: workers.submit(lambda: "deep").result(PATIENCE)).result(PATIENCE)
    )
    assert nested.result(PATIENCE) == "deep"


def test_shutdown_runs_what_was_accepted_and_nothing_more(make):
    """What was submitted before is done; submitting after it is refused."""
    workers = make(1)
    started, release = threading.Event(), threading.Event()

    def block():
        started.set()
        assert release.wait(PATIENCE)

    workers.submit(block)
    waiting = workers.submit(lambda: "done")
    assert started.wait(PATIENCE)
    workers.shutdown(wait=False)
    with pytest.raises(RuntimeError):
        workers.submit(int)
    assert not workers.join(0)
    release.set()
    workers.shutdown(wait=True)
    assert waiting.result(0) == "done"
    assert workers.join(0)


def test_shutdown_can_cancel_what_waits(make):
    """Futures that no thread has started are cancelled, and those who wait for them learn of it."""
    workers = make(1)
    started, release = threading.Event(), threading.Event()

    def block():
        started.set()
        assert release.wait(PATIENCE)
        return "finished"

    running = workers.submit(block)
    waiting = [workers.submit(pytest.fail, "cancelled") for _ in range(3)]
    assert started.wait(PATIENCE)
    workers.shutdown(wait=False, cancel_futures=True)
    for future in waiting:
        with pytest.raises(CancelledError):
            future.result(PATIENCE)
    release.set()
    assert running.result(PATIENCE) == "finished"


def test_a_cancelled_future_does_not_run(make):
    """Cancelling before it started is enough."""
    workers = make(1)
    release = threading.Event()
    workers.submit(release.wait, PATIENCE)
    future = workers.submit(pytest.fail, "cancelled")
    assert future.cancel()
    release.set()
    assert workers.submit(lambda: 1).result(PATIENCE) == 1


def test_a_worker_may_shut_down(make):
    """shutdown(wait=True) on a worker thread does not wait for itself."""
    workers = make(2)
    workers.submit(workers.shutdown).result(PATIENCE)
    assert workers.join(PATIENCE)


def test_a_worker_knows_itself(make):
    """is_own_thread() tells workers from others."""
    workers = make(1)
    assert workers.submit(workers.is_own_thread).result(PATIENCE)
    assert not workers.is_own_thread()


def test_without_a_thread_submitting_fails_and_with_one_it_waits(make, monkeypatch):
    """No first thread: the caller is told. No further thread: the ones there are get to it."""
    workers = make(2)
    refuse = True
    start = threading.Thread.start

    def sometimes(thread):
        if refuse:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", sometimes)
    with pytest.raises(RuntimeError):
        workers.submit(int)
    refuse = False
    release = threading.Event()
    first = workers.submit(release.wait, PATIENCE)
    refuse = True
    second = workers.submit(lambda: "later")
    release.set()
    assert first.result(PATIENCE)
    assert second.result(PATIENCE) == "later"


def test_a_limit_below_one_is_refused():
    """Somebody has to do the work."""
    with pytest.raises(ValueError, match="at least 1"):
        Workers(0)


def test_a_stuck_task_does_not_hold_up_the_interpreter():
    """The process ends although a task never does."""
    code = (
        "import threading\n"
        "from binance_socket._engine.workers import Workers\n"
        "started = threading.Event()\n"
        "def stuck():\n"
        "    started.set()\n"
        "    threading.Event().wait()\n"
        "Workers(1).submit(stuck)\n"
        "assert started.wait(10)\n"
        "print('leaving')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "leaving\n"
