"""One socket and its outbox."""

import threading

import pytest

from binance_socket import CallCancelled, Certainty, InvalidRequest
from binance_socket._engine.futures import CallFuture
from binance_socket._engine.link import Link
from binance_socket._session.effects import Pending
from binance_socket._wire.messages import Request
from binance_socket.testing import FakeTransport, InlineExecutor, ManualClock

PATIENCE = 10.0


def pending(number, handle=None):
    return Pending(f"{number}", Request("test"), 10.0, handle)


@pytest.fixture
def transport():
    return FakeTransport()


@pytest.fixture
def link(transport):
    return Link(transport, lambda item: b'{"n":%s}' % item.id.encode(), ManualClock())


def test_requests_leave_in_their_order(link, transport):
    """Each is claimed and stamped as it leaves."""
    items = [pending(number) for number in range(3)]
    link.enqueue(items)
    assert link.has_outbox
    assert link.flush() == []
    assert [transport.sent()["n"] for _ in items] == [0, 1, 2]
    assert {item.certainty for item in items} == {Certainty.MAYBE_SENT}
    assert {item.sent_at for item in items} == {0.0}
    assert not link.has_outbox


def test_what_was_claimed_or_cancelled_does_not_leave(link, transport):
    """It was reported already."""
    claimed, cancelled, fine = pending(1), pending(2, CallFuture(InlineExecutor())), pending(3)
    claimed.claim()
    cancelled.handle.cancel()
    link.enqueue([claimed, cancelled, fine])
    assert link.flush() == []
    assert transport.sent() == {"n": 3}
    assert transport.nothing_sent()


def test_what_cannot_be_encoded_is_returned_and_the_rest_leaves(transport):
    """Our errors as they are; those of credentials of the user's own as InvalidRequest, without what they say."""
    refusal = CallCancelled("no")

    def encode(item):
        if item.id == "1":
            raise refusal
        if item.id == "2":
            raise ZeroDivisionError("a secret")
        return b"{}"

    link = Link(transport, encode, ManualClock())
    items = [pending(number) for number in (1, 2, 3)]
    link.enqueue(items)
    (first, first_error), (second, second_error) = link.flush()
    assert (first, first_error) == (items[0], refusal)
    assert second is items[1]
    assert isinstance(second_error, InvalidRequest)
    assert "secret" not in str(second_error)
    assert items[1].certainty is Certainty.NOT_SENT
    assert transport.sent() == {}


def test_what_waits_is_written_in_one_go(link, transport):
    """A write each would be a system call each."""
    writes = []
    transport.send = lambda *messages: writes.append(messages)
    link.enqueue([pending(1), pending(2)])
    assert link.flush() == []
    assert writes == [(b'{"n":1}', b'{"n":2}')]


def large(number):
    """Something that fills a write by itself."""
    return b'{"n":%s,"filler":"%s"}' % (number.id.encode(), b"x" * 20_000)


def test_one_sender_thread_is_asked_at_a_time(link):
    """Until it looks into the outbox, whoever comes later is served by it."""
    assert link.take_errand()
    assert not link.take_errand()
    link.end_errand()
    assert link.take_errand()


def test_a_send_that_fails_ends_the_link(transport):
    """What was in the write that failed may have been sent; what follows was not, and does not leave."""
    link = Link(transport, large, ManualClock())
    transport.break_sending()
    items = [pending(1), pending(2)]
    link.enqueue(items)
    assert link.flush() == []
    assert transport.aborted
    assert [item.certainty for item in items] == [Certainty.MAYBE_SENT, Certainty.NOT_SENT]


def test_nothing_leaves_after_kill(link, transport):
    """A link dies with its socket."""
    item = pending(1)
    link.enqueue([item])
    link.kill()
    link.enqueue([item])
    link.flush()
    assert transport.nothing_sent()
    assert item.certainty is Certainty.NOT_SENT


def test_two_threads_never_write_at_once(link, transport, run):
    """Who finds another one writing leaves its requests to it, and does not wait."""
    writing, go_on = threading.Event(), threading.Event()
    busy, written, at_once = threading.Lock(), [], []

    def slow(*messages):
        if not busy.acquire(blocking=False):
            at_once.append(messages)
            return
        writing.set()
        go_on.wait(PATIENCE)
        written.extend(messages)
        busy.release()

    transport.send = slow
    link.enqueue([pending(1), pending(2)])
    flush = run(link.flush)
    assert writing.wait(PATIENCE)
    assert run(link.flush)() == []
    go_on.set()
    flush()
    assert at_once == []
    assert written == [b'{"n":1}', b'{"n":2}']


def test_kill_waits_for_the_one_that_is_being_written(transport, run):
    """When it returns, what was written and what was not is settled."""
    writing, killing = threading.Event(), threading.Event()
    order = []

    class TellsWhoWaits:
        def __init__(self, lock):
            self._lock = lock
            self.acquire, self.release = lock.acquire, lock.release

        def __enter__(self):
            killing.set()
            self._lock.acquire()

        def __exit__(self, *exc):
            self._lock.release()

    def slow(*messages):
        writing.set()
        killing.wait(PATIENCE)
        order.append("written")

    def kill():
        link.kill()
        order.append("killed")
        killing.set()

    link = Link(transport, large, ManualClock())
    link._sending = TellsWhoWaits(link._sending)
    transport.send = slow
    items = [pending(1), pending(2)]
    link.enqueue(items)
    flush = run(link.flush)
    assert writing.wait(PATIENCE)
    run(kill)()
    flush()
    assert order == ["written", "killed"]
    assert [item.certainty for item in items] == [Certainty.MAYBE_SENT, Certainty.NOT_SENT]
    assert not link.has_outbox


def test_a_request_queued_as_the_writer_lets_go_is_not_left_behind(link, transport):
    """The moment between "the outbox is empty" and "I am gone": the writer looks once more."""
    sending = link._sending

    class QueuesAtTheLastMoment:
        def __init__(self):
            self.queued = False

        def release(self):
            if not self.queued:
                self.queued = True
                link.enqueue([pending(2)])
                assert link.flush() == []
            sending.release()

        acquire = sending.acquire

    link._sending = QueuesAtTheLastMoment()
    link.enqueue([pending(1)])
    assert link.flush() == []
    assert [transport.sent()["n"] for _ in range(2)] == [1, 2]


def test_no_request_is_left_behind_by_threads_that_flush_at_once(link, transport, run):
    """Whoever finds another one writing leaves its requests to it."""
    lock = threading.Lock()

    def send(numbers):
        for number in numbers:
            with lock:
                link.enqueue([pending(number)])
            link.flush()

    for join in [run(send, range(first, 2000, 8)) for first in range(8)]:
        join()
    assert sorted(transport.sent(1)["n"] for _ in range(2000)) == list(range(2000))
