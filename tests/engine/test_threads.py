import signal
import threading

import pytest

from binance_socket._engine.threads import Condition, EngineThread, on_engine_thread


def test_engine_threads_are_known_daemons():
    """Code on an engine thread can tell, and the thread does not keep the interpreter alive."""
    answers = []
    thread = EngineThread(lambda: answers.append(on_engine_thread()), "reader")
    thread.start()
    thread.join(10)
    assert answers == [True]
    assert thread.daemon
    assert thread.name == "binance-socket-reader"


def test_other_threads_are_none():
    """The main thread and users' threads may block."""
    answers = [on_engine_thread()]
    thread = threading.Thread(target=lambda: answers.append(on_engine_thread()))
    thread.start()
    thread.join(10)
    assert answers == [False, False]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that raise signals")
def test_no_signal_handler_leaves_a_condition_locked():
    """However often it raises something while the condition is taken and let go of again and again."""
    condition = Condition(threading.RLock())

    def interrupt(number, frame):
        raise KeyboardInterrupt

    def take_again_and_again(seconds):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        while True:
            with condition:
                pass

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for microseconds in range(200, 700):
            with pytest.raises(KeyboardInterrupt):
                take_again_and_again(microseconds / 1e6)
            with pytest.raises(RuntimeError):
                condition.release()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_condition_is_one():
    """Whoever waits is notified, and has the lock then."""
    condition, ready = Condition(), threading.Event()

    def notify():
        assert ready.wait(10)
        with condition:
            condition.notify_all()

    thread = threading.Thread(target=notify)
    thread.start()
    with condition as locked:
        ready.set()
        assert condition.wait(10)
        assert locked is True
    thread.join(10)
    with pytest.raises(RuntimeError):
        condition.notify()
