"""
A signal handler that raises, at any moment of a call that the main thread makes.

Nothing stays locked and nothing of others is lost: their calls are answered, and the client can be closed.
"""

import itertools
import queue
import sys
import threading
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

import binance_socket
from binance_socket import BinanceSocketError, ConnectionLost
from binance_socket._engine.connection import Connection
from binance_socket._engine.frame_sender import FrameSender
from binance_socket._engine.rotation import Rotation
from binance_socket._engine.strand import Strand
from binance_socket._engine.update import Update, _After
from binance_socket._engine.workers import Workers
from binance_socket.testing import ManualClock

PATIENCE = 10.0
HERE = str(Path(binance_socket.__file__).parent)


@pytest.fixture
def workers():
    workers = Workers(2)
    yield workers
    workers.shutdown()


class Interrupt:
    """
    Raises KeyboardInterrupt at one of the steps that this thread takes within the library.

    That is where the interpreter looks for signals: when a function begins, and when one of the interpreter's own
    has returned.
    """

    def __init__(self, step):
        self._left = step
        self.struck = False

    def __enter__(self):
        sys.setprofile(self._look)

    def __exit__(self, exc_type, exc, traceback):
        sys.setprofile(None)
        return exc_type is KeyboardInterrupt

    def _look(self, frame, event, arg):
        if event in ("call", "c_return") and frame.f_code.co_filename.startswith(HERE):
            self._left -= 1
            if self._left == 0:
                self.struck = True
                sys.setprofile(None)
                raise KeyboardInterrupt


def answer(transport, method):
    """Answer whatever comes until that has been *method*."""
    asked = None
    while asked != method:
        request = transport.sent()
        asked = request["method"]
        transport.push({"id": request["id"], "status": 200, "result": {"serverTime": 1_700_000_000_000}})


def clients(make_client, network, run, interrupts, crowd=0):
    """
    Make clients with a link, and an interrupt for each, at one step after the other, until one does not strike.

    Each has a *crowd* of requests under way that are not answered.
    """
    for step in itertools.count(1):
        client = make_client(request_timeout=5.0)
        get_server_time = client.spot_api.exchange_data.get_server_time
        join = run(get_server_time)
        transport = network.accept()
        answer(transport, "time")
        join()
        for _ in range(crowd):
            client.spot_api.exchange_data.ping.submit()
            transport.sent()
        interrupts.append(Interrupt(step))
        yield client, transport, interrupts[-1]
        # A call of another thread is answered.
        join = run(get_server_time)
        answer(transport, "time")
        join()
        client.close()
        if not interrupts[-1].struck:
            return


@pytest.mark.parametrize("crowd", [0, 4], ids=["alone", "of many, which others write"])
def test_a_call_that_is_interrupted(make_client, network, run, crowd):
    """Whatever becomes of it itself, others go on."""
    interrupts = []
    for client, _transport, interrupt in clients(make_client, network, run, interrupts, crowd):
        with interrupt:
            client.spot_api.exchange_data.ping.submit()
    assert len(interrupts) > 50


def test_a_call_that_is_given_up_by_somebody_who_is_interrupted(make_client, network, run, clock):
    """It ends all the same, by its deadline at the latest, and others go on."""
    interrupts = []
    for client, transport, interrupt in clients(make_client, network, run, interrupts):
        future = client.spot_api.exchange_data.ping.submit()
        assert transport.sent()["method"] == "ping"
        with interrupt:
            client._hub.cancel(future)
        clock.advance(5.0)
        assert isinstance(future.exception(PATIENCE), BinanceSocketError)
    assert len(interrupts) > 20


@pytest.mark.parametrize("whose", ["timer", "reader"])
def test_the_first_call_is_interrupted_while_a_thread_starts(make_client, network, run, monkeypatch, whose):
    """It goes on, or the next call starts another one, and only that one works."""
    start, struck = threading.Thread.start, []

    def interrupted_start(thread):
        start(thread)
        if thread.name.endswith(whose) and not struck:
            struck.append(thread)
            raise KeyboardInterrupt

    client = make_client()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted_start)
        with pytest.raises(KeyboardInterrupt):
            client.spot_api.exchange_data.ping.submit()
    assert len(struck) == 1
    join = run(client.spot_api.exchange_data.get_server_time)
    answer(network.accept(), "time")
    join()
    assert len(network.attempts) == 1
    client.close()
    struck[0].join(PATIENCE)
    assert not struck[0].is_alive()


@pytest.mark.parametrize("began", [False, True])
def test_a_reader_whose_starter_was_interrupted_reads_or_is_replaced(make_client, network, run, monkeypatch, began):
    """It reads if it had begun to; there is never a second one."""
    start, await_turn, strays, reads = threading.Thread.start, Connection._await_turn, [], threading.Event()

    def interrupted_start(thread):
        if thread.name.endswith("reader") and not strays:
            strays.append(thread)
            if began:
                start(thread)
                assert reads.wait(PATIENCE)
            raise KeyboardInterrupt
        start(thread)

    def announced(connection):
        reads.set()
        return await_turn(connection)

    client = make_client()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted_start)
        patch.setattr(Connection, "_await_turn", announced)
        with pytest.raises(KeyboardInterrupt):
            client.spot_api.account.subscribe_to_user_data_updates()
    assert (client._hub.api._reader is strays[0]) == began
    join = run(client.spot_api.exchange_data.get_server_time)
    answer(network.accept(), "time")
    join()
    assert len(network.attempts) == 1


def test_who_asked_while_the_first_call_was_interrupted_is_answered(make_client, network, run, monkeypatch):
    """Though a reader was there when they did: another one is started for them."""
    start, futures = threading.Thread.start, []
    client = make_client()

    def interrupted_start(thread):
        if thread.name.endswith("reader") and not futures:
            futures.append(run(client.spot_api.exchange_data.get_server_time.submit)())
            raise KeyboardInterrupt
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted_start)
        with pytest.raises(KeyboardInterrupt):
            client.spot_api.exchange_data.ping.submit()
        answer(network.accept(), "time")
    assert futures[0].result(PATIENCE).status == 200
    assert len(network.attempts) == 1


def test_a_rotation_is_interrupted_before_it_begins(make_client, network, run, monkeypatch):
    """The next one carries it out."""
    client = make_client()
    join = run(client.spot_api.exchange_data.get_server_time)
    old = network.accept()
    answer(old, "time")
    join()
    with monkeypatch.context() as patch:
        patch.setattr(Rotation, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.rotate()
    assert len(network.attempts) == 1
    client._hub.rotate()
    answer(network.accept(), "ping")
    old.wait_closed()


def updates(perform, elsewhere, clock):
    """Return an update of nothing in particular, which decides on numbers."""
    numbers = itertools.count(1)
    return Update(
        threading.Lock(),
        object,
        list,
        lambda decided: decided.append(next(numbers)),
        lambda decided: perform(*decided),
        look=lambda: perform("look"),
        elsewhere=elsewhere,
        clock=clock,
    )


def interrupted(*args):
    raise KeyboardInterrupt


def strike(monkeypatch, owner, name, update):
    """Change something, and have a signal strike where *owner* is about to do what has that *name*."""
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupted)
        with pytest.raises(KeyboardInterrupt), update.after, update.lock, update.change:
            pass


def test_what_is_interrupted_while_it_is_done_is_done_elsewhere(clock):
    """Then everything of it that is left."""
    done, later = [], []

    def perform(number):
        done.append(number)
        if len(done) == 1:
            raise KeyboardInterrupt

    update = updates(perform, later.append, clock)
    with pytest.raises(KeyboardInterrupt), update.after, update.lock, update.change:
        pass
    assert not update.lock.locked()
    for function in later:
        function()
    assert done == [1, 1, "look"]
    with update.after, update.lock, update.change:
        pass
    assert done == [1, 1, "look", 2]


def test_a_change_that_is_interrupted_is_looked_at_elsewhere(clock):
    """What it has come to is decided on and done, and somebody looks again."""
    done, later = [], []
    update = updates(done.append, later.append, clock)
    with pytest.raises(KeyboardInterrupt), update.after, update.lock, update.change:
        raise KeyboardInterrupt
    assert not update.lock.locked()
    assert done == [1]
    for function in later:
        function()
    assert done == [1, "look"]


def test_a_defect_in_a_change_is_not_an_interrupt(clock):
    """Nobody else has to look."""
    done, later = [], []
    update = updates(done.append, later.append, clock)
    with pytest.raises(ZeroDivisionError), update.after, update.lock, update.change:
        raise ZeroDivisionError
    assert (done, later) == ([1], [])


@pytest.mark.parametrize("who", ["the same thread", "another one"])
def test_what_nobody_has_begun_to_do_is_done_by_the_next(clock, monkeypatch, run, who):
    """By another thread only when it is certain that the one who decided it does not."""
    done, later = [], []
    update = updates(done.append, later.append, clock)
    strike(monkeypatch, _After, "__exit__", update)

    def change():
        with update.after, update.lock, update.change:
            pass

    if who == "the same thread":
        change()
    else:
        run(change)()
        assert done == [2]
        clock.advance(1.0)
        run(change)()
        assert done == [2, 1, 3]
    assert sorted(done) == list(range(1, len(done) + 1))
    assert later == []


def test_what_is_not_even_begun_because_of_an_interrupt_is_done_elsewhere(clock, monkeypatch, run):
    """It strikes as the thread begins to do what it has decided."""
    done, later = [], []
    update = updates(done.append, later.append, clock)
    strike(monkeypatch, update, "perform", update)
    for function in later:
        run(function)()
    assert done == [1, "look"]


def test_what_is_abandoned_is_done_once(run):
    """Two others find it at the same time; and neither while it is still being decided."""
    both = threading.Barrier(2)

    class Clock(ManualClock):
        def monotonic(self):
            if threading.current_thread() is not threading.main_thread():
                both.wait(PATIENCE)
            return super().monotonic()

    clock, done = Clock(), []
    update = updates(done.append, interrupted, clock)
    with update.lock, update.change:
        pass
    clock.advance(1.0)
    for join in [run(update.perform) for _ in range(2)]:
        join()
    assert done == [1]


def test_what_is_being_decided_is_not_taken_for_abandoned(clock, run):
    """The machine stood still meanwhile."""
    done, deciding, go_on = [], threading.Event(), threading.Event()

    def decide(decided):
        deciding.set()
        assert go_on.wait(PATIENCE)
        decided.append("decided")

    def change():
        with update.after, update.lock, update.change:
            pass

    update = Update(
        threading.Lock(), object, list, decide, done.extend, look=interrupted, elsewhere=interrupted, clock=clock
    )
    slow = run(change)
    assert deciding.wait(PATIENCE)
    clock.advance(2.0)
    others = run(update.perform)
    go_on.set()
    slow()
    others()
    assert done == ["decided"]


def test_a_change_within_what_another_has_decided(clock):
    """An executor of the user's may run a callback at once: the outer one is not begun a second time."""
    done, later = [], []

    def perform(number):
        if number == 1:
            with update.after, update.lock, update.change:
                pass
        done.append(number)

    update = updates(perform, later.append, clock)
    with update.after, update.lock, update.change:
        pass
    assert (done, later) == ([2, 1], [])


def test_a_strand_whose_poster_is_interrupted_goes_on(workers):
    """What was posted, if it was, and what comes next is delivered, once and in order."""
    for step in itertools.count(1):
        got, interrupt = queue.SimpleQueue(), Interrupt(step)
        strand = Strand(workers, got.put, size=10, on_room=lambda: None, on_error=interrupted)
        with interrupt:
            strand.post("first")
        strand.post("second")
        heard = [got.get(timeout=PATIENCE)]
        while heard[-1] != "second":
            heard.append(got.get(timeout=PATIENCE))
        assert heard in (["first", "second"], ["second"])
        if not interrupt.struck:
            assert heard == ["first", "second"]
            break
    assert step > 8


def test_a_drain_that_is_scheduled_twice_has_one_turn():
    """A signal handler came when the executor had it already."""
    tasks, got = [], []

    class Keeps(Executor):
        def submit(self, fn, /, *args, **kwargs):
            tasks.append(fn)
            if len(tasks) == 1:
                raise KeyboardInterrupt
            return Future()

    strand = Strand(Keeps(), got.append, size=10, on_room=lambda: None, on_error=interrupted)
    with pytest.raises(KeyboardInterrupt):
        strand.post("first")
    assert len(tasks) == 2
    tasks[0]()
    assert got == ["first"]
    strand.put("second")
    tasks[1]()
    assert got == ["first"]
    strand.deliver()
    tasks[2]()
    assert got == ["first", "second"]


def test_nothing_follows_a_frame_that_was_interrupted():
    """What came next would be taken for the rest of it."""
    aborted = []

    class Socket:
        def send(self, data, deadline):
            raise KeyboardInterrupt

        def abort(self, reason):
            aborted.append(reason)

    sender = FrameSender(Socket(), 5.0)
    with pytest.raises(KeyboardInterrupt):
        sender.send(b"an order")
    assert len(aborted) == 1
    with pytest.raises(ConnectionLost):
        sender.send(b"another")


class Room:
    """A socket that takes everything, and says whether the reader was nudged."""

    def __init__(self):
        self.sent = []
        self.nudged = False
        self.aborted = None

    def send(self, data, deadline):
        self.sent.append(data)

    def try_send(self, data):
        self.sent.append(data)
        return len(data)

    def nudge(self):
        self.nudged = True

    def abort(self, reason):
        self.aborted = reason

    def close(self):
        pass


def test_a_sender_that_is_interrupted_holds_nothing(run):
    """With an answer to a ping due, which goes with the message, or which the reader is told of."""
    for step in itertools.count(1):
        sock, interrupt = Room(), Interrupt(step)
        sender = FrameSender(sock, 5.0)
        sender._pongs.append(b"noted while somebody else was sending")
        with interrupt:
            sender.send(b"an order")
        run(sender.flush)()
        run(sender.close)()
        assert sock.aborted or not sender.due
        if not interrupt.struck:
            break
    assert step > 10
    assert len(sock.sent) == 2


def test_what_is_noted_while_a_sender_has_the_lock_goes_behind_the_message(monkeypatch):
    """Whoever notes it finds the lock taken, also at the last moment; the sender looks again after letting go."""
    sock = Room()
    sender = FrameSender(sock, 5.0)
    send_noted = sender._send_noted

    def noted_behind():
        done = send_noted()
        monkeypatch.undo()
        sender.pong(b"found the lock taken")
        return done

    monkeypatch.setattr(sender, "_send_noted", noted_behind)
    sender._pings.append(b"")
    sender.send(b"an order")
    assert (len(sock.sent), sock.nudged, sender.due) == (3, False, False)


def test_what_finds_no_room_behind_a_message_is_left_to_the_reader(monkeypatch):
    """Which waits for room from now on, beside what it waits for."""
    sock = Room()
    sender = FrameSender(sock, 5.0)
    monkeypatch.setattr(sock, "try_send", lambda data: None)
    sender._pings.append(b"")
    sender.send(b"an order")
    assert (len(sock.sent), sock.nudged, sender.stuck) == (1, True, True)
