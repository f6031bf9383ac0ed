"""How a client ends: once, on a thread of its own, and others wait for it."""

import _thread
import threading

import pytest

from binance_socket._engine.ending import Ending

PATIENCE = 10.0


class Work:
    """What an ending does, step by step as the test allows."""

    def __init__(self):
        self.begun = threading.Event()
        self.may_stop = threading.Event()
        self.may_finish = threading.Event()
        self.calls = []
        self.others = set(closers())
        self.ending = Ending(self.stop, self.finish)

    def closers(self):
        """The threads that are at work; another test's client may still be ending."""
        return [thread for thread in closers() if thread not in self.others]

    def stop(self):
        self.calls.append("stop")
        self.begun.set()
        assert self.may_stop.wait(PATIENCE)

    def finish(self):
        self.calls.append("finish")
        assert self.may_finish.wait(PATIENCE)


@pytest.fixture
def work():
    work = Work()
    yield work
    work.may_stop.set()
    work.may_finish.set()
    work.ending.wait(PATIENCE, for_callbacks=True)


def closers():
    return [thread for thread in threading.enumerate() if thread.name == "binance-socket-closer"]


def test_whoever_asks_does_not_do_it(work):
    """The work is done on a thread of its own, which is over when those who wait for everything go on."""
    work.ending.begin()
    assert work.begun.wait(PATIENCE)
    assert len(work.closers()) == 1
    work.may_stop.set()
    work.may_finish.set()
    work.ending.wait(PATIENCE, for_callbacks=True)
    assert work.closers() == []
    assert work.calls == ["stop", "finish"]


def test_it_is_done_once(work, run):
    """Whoever asks besides waits for the same end; who asks later finds it done."""
    work.may_stop.set()
    work.may_finish.set()
    barrier = threading.Barrier(8)

    def ask():
        barrier.wait(PATIENCE)
        work.ending.begin()
        work.ending.wait(PATIENCE, for_callbacks=True)
        return list(work.calls)

    for join in [run(ask) for _ in range(8)]:
        assert join() == ["stop", "finish"]
    work.ending.begin()
    work.ending.wait(PATIENCE, for_callbacks=True)
    assert work.calls == ["stop", "finish"]


def test_a_callback_waits_for_the_first_part_only(work):
    """The second waits for callbacks."""
    work.ending.begin()
    work.may_stop.set()
    work.ending.wait(PATIENCE, for_callbacks=False)
    assert not work.may_finish.is_set()


def test_waiting_is_limited(work):
    """Whatever hangs."""
    work.ending.begin()
    for for_callbacks in (False, True):
        work.ending.wait(0.01, for_callbacks=for_callbacks)
    assert not work.may_stop.is_set()


@pytest.mark.parametrize("for_callbacks", [False, True])
def test_whoever_does_it_does_not_wait_for_it(for_callbacks):
    """An executor that runs everything at once runs callbacks there, which may close the client."""
    returned = threading.Event()

    def stop():
        ending.begin()
        ending.wait(60, for_callbacks=for_callbacks)
        returned.set()

    ending = Ending(stop, lambda: None)
    ending.begin()
    assert returned.wait(PATIENCE)
    ending.wait(PATIENCE, for_callbacks=True)


def test_what_goes_wrong_keeps_nobody_waiting(monkeypatch):
    """The second part is done all the same."""
    heard = []
    monkeypatch.setattr(threading, "excepthook", heard.append)

    def fail():
        raise ZeroDivisionError

    done = threading.Event()
    ending = Ending(fail, done.set)
    ending.begin()
    ending.wait(PATIENCE, for_callbacks=True)
    assert done.is_set()
    assert [args.exc_type for args in heard] == [ZeroDivisionError]


@pytest.mark.parametrize("where", ["first", "second"])
def test_without_a_thread_to_be_had(work, monkeypatch, where):
    """As when the interpreter exits: then whoever asks does it, or the thread that would have started another."""

    def refuse(*args):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    work.may_stop.set()
    work.may_finish.set()
    with monkeypatch.context() as patch:
        if where == "first":
            patch.setattr(_thread, "start_new_thread", refuse)
        else:
            patch.setattr(threading.Thread, "start", refuse)
        work.ending.begin()
        work.ending.wait(PATIENCE, for_callbacks=True)
    assert work.calls == ["stop", "finish"]


def test_several_end_together(monkeypatch):
    """All are stopped before any is finished, on this thread; what goes wrong with one leaves none of the others."""

    def refuse(*args):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    calls = []

    def fail():
        raise ZeroDivisionError

    def ending(name, stop=lambda: None):
        return Ending(lambda: (calls.append(("stop", name)), stop()), lambda: calls.append(("finish", name)))

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    over = ending("over")
    over.begin()
    calls.clear()
    with pytest.raises(ZeroDivisionError):
        Ending.together([ending("a"), ending("b", fail), over, ending("c")], PATIENCE)
    assert [what for what, _ in calls] == ["stop"] * 3 + ["finish"] * 3
    assert {name for what, name in calls if what == "stop"} == {"a", "b", "c"}


def test_what_another_thread_has_begun_is_waited_for(work, run):
    """Until it is over, or for as long as whoever ends them all wants to."""
    work.ending.begin()
    assert work.begun.wait(PATIENCE)
    Ending.together([work.ending], 0.01)
    work.may_stop.set()
    join = run(lambda: (Ending.together([work.ending], PATIENCE), list(work.calls))[1])
    work.may_finish.set()
    assert join() == ["stop", "finish"]
    assert work.closers() == []
