import threading

from binance_socket._engine.threads import EngineThread, on_engine_thread


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
