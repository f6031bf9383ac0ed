"""
close() from anywhere, whatever is under way.

After each of them: it has returned within three seconds (U4); every future is done, with an error of ours (U1);
subscriptions were told of their end, once, and their ``wait()`` returns; calls raise ClientClosed; no thread of ours is
left, nor a descriptor (U5), but what a scene says it leaves.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import gc
import os
import queue
import signal
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from scripted_server import count_descriptors

from binance_socket import BinanceSocketError, ClientClosed, Ed25519Key, Environment, OutcomeUnknown
from binance_socket._engine.futures import CallFuture
from binance_socket.testing import InlineExecutor

PATIENCE = 10.0
LIMIT = 3.0
SUBSCRIBE = "userDataStream.subscribe.signature"
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "order_type": "MARKET", "quantity": "1"}


def our_threads():
    return {
        thread
        for thread in threading.enumerate()
        if thread.name.startswith("binance-socket-") and thread.name != "binance-socket-shared-timer"
    }


class Told:
    """What a subscription says of its end."""

    def __init__(self, subscription, *, reliably=True):
        self.subscription = subscription
        self.reliably = reliably
        """Whether there is anybody to tell it."""
        self.count = 0
        subscription.on_connection_closed(self)

    def __call__(self):
        self.count += 1


class Scene:
    """A client in some state, and what has to be true once it is closed."""

    def __init__(self, client, network, exchange, run, stack):
        self.client = client
        self.network = network
        self.exchange = exchange
        self.run = run
        self.stack = stack
        """What ends what hangs, after the examination."""
        self.futures = []
        self.told = []
        self.joins = []
        """Threads that wait for something, and must get ClientClosed."""
        self.leaves = ()
        """Which threads may be left, by a part of their names."""

    @property
    def account(self):
        return self.client.spot_api.account

    def ask(self):
        """Ask something that nobody answers. Return the future."""
        future = self.account.session_subscriptions.submit()
        self.futures.append(future)
        return future

    def connect(self):
        """Have a link."""
        future = self.account.session_subscriptions.submit()
        transport = self.network.accept()
        self.exchange.expect(transport, "session.subscriptions", [])
        future.result(PATIENCE)
        return transport

    def subscribe(self, transport=None, **handlers):
        join = self.run(lambda: self.account.subscribe_to_user_data_updates(**handlers))
        transport = transport or self.network.accept()
        self.exchange.expect(transport, SUBSCRIBE, {"subscriptionId": 0})
        self.told.append(Told(join()))
        return transport

    def wait_for(self, function, *args):
        """Have *function* called on a thread, and expect ClientClosed of it."""
        self.joins.append(self.run(function, *args))

    def examine(self, descriptors):
        for join in self.joins:
            with pytest.raises(ClientClosed):
                join()
        for future in self.futures:
            assert isinstance(future.exception(0), BinanceSocketError)
        for call in (
            self.account.session_subscriptions,
            self.account.session_subscriptions.submit,
            self.account.subscribe_to_user_data_updates,
            self.client.rotate,
        ):
            with pytest.raises(ClientClosed):
                call()
        for told in self.told:
            # With an executor that is stuck, it returns without having seen the last callback.
            assert told.subscription.wait(PATIENCE) or not told.reliably
            assert told.subscription.state.name == "CLOSED"
        left = [thread for thread in our_threads() if not any(part in thread.name for part in self.leaves)]
        assert left == []
        self.stack.close()
        for thread in our_threads():
            thread.join(PATIENCE)
        assert our_threads() == set()
        for told in self.told:
            assert told.count == 1 or (not told.reliably and told.count == 0)
        # A finalizer may close a client that is not collected yet.
        gc.collect()
        assert count_descriptors() <= descriptors


# What is under way.


def fresh(scene):
    """Nothing."""


def idle(scene):
    """A link, and a subscription."""
    scene.subscribe()


def in_flight(scene):
    """A request and an order that nobody answers."""
    transport = scene.connect()
    scene.ask()
    scene.futures.append(scene.client.spot_api.trading.place_order.submit(**ORDER))
    transport.sent()
    transport.sent()
    scene.order = scene.futures[-1]


def connecting(scene):
    """A connect that does not come to an end."""
    scene.network.hang()
    scene.ask()
    scene.network.wait_attempt()
    scene.wait_for(scene.account.subscribe_to_user_data_updates)


def backing_off(scene):
    """Waiting before the next attempt, which is a long time by a clock that stands still."""
    scene.network.refuse()
    scene.ask()
    scene.network.wait_attempt()


def logging_on(scene):
    """session.logon without an answer."""
    scene.wait_for(scene.account.session_logon)
    assert scene.network.accept().sent()["method"] == "session.logon"


def subscribing(scene):
    """A subscription that the exchange has not agreed to."""
    scene.wait_for(scene.account.subscribe_to_user_data_updates)
    assert scene.network.accept().sent()["method"] == SUBSCRIBE


def unsubscribing(scene):
    """A subscription that was closed, and the exchange has not said so yet."""
    transport = scene.subscribe()
    scene.told[0].subscription.close()
    assert transport.sent()["method"] == "userDataStream.unsubscribe"


def reconnecting(scene):
    """A subscription without a link."""
    transport = scene.subscribe()
    scene.network.hang()
    transport.drop()
    scene.network.wait_attempt()
    scene.network.wait_attempt()


def recovering(scene):
    """What was missed is being asked for, without an answer."""
    transport = scene.subscribe()
    transport.drop()
    again = scene.network.accept()
    request = again.sent()
    assert request["method"] == SUBSCRIBE
    scene.exchange.reply(again, request, {"subscriptionId": 1})
    assert again.sent()["method"] != SUBSCRIBE


def rotating(scene):
    """The new connection has not answered yet."""
    scene.subscribe()
    scene.wait_for(scene.client.rotate)
    scene.network.accept().sent()


def moving(scene):
    """Both connections are subscribed."""
    scene.subscribe()
    scene.wait_for(scene.client.rotate)
    new = scene.network.accept()
    scene.exchange.expect(new, "ping", {})
    scene.exchange.expect(new, SUBSCRIBE, {"subscriptionId": 5})


def market(scene):
    """Streams that are open, and others that are not."""
    streams = scene.client.spot_api.exchange_data
    join = scene.run(streams.subscribe_to_trade_updates, "BTCUSDT", lambda event: None)
    transport = scene.network.accept()
    transport.push({"id": transport.sent()["id"], "result": None})
    scene.told.append(Told(join()))
    scene.wait_for(streams.subscribe_to_trade_updates, "ETHUSDT", lambda event: None)
    transport.sent()


def local_book(scene):
    """A book that waits for its snapshot, and somebody who waits for the book."""
    data = scene.client.spot_api.exchange_data
    join = scene.run(data.local_order_book, "BTCUSDT")
    transport = scene.network.accept()
    transport.push({"id": transport.sent()["id"], "result": None})
    book = join()
    update = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 99, "u": 100, "b": [], "a": []}
    transport.push({"stream": "btcusdt@depth", "data": update})
    scene.told.append(Told(book.subscription))
    assert scene.network.accept().sent()["method"] == "depth"
    wait = scene.run(book.wait_until_synchronised)

    def check():
        with pytest.raises(BinanceSocketError):
            wait()

    scene.stack.callback(check)


def resolving(scene):
    """Somebody asks what became of an order."""
    transport = scene.connect()
    future = scene.client.spot_api.trading.place_order.submit(**ORDER)
    transport.sent()
    transport.drop()
    error = future.exception(PATIENCE)
    assert isinstance(error, OutcomeUnknown)
    scene.wait_for(error.resolve, 3600.0)
    doubt = error._resolver.__self__
    with doubt._changed:
        # Until the thread is there, and waits for the time to ask.
        assert doubt._changed.wait_for(lambda: doubt._waiting, PATIENCE)
    scene.exchange.clock.jump()
    scene.network.accept().sent()


def stuck(scene):
    """A callback that never returns, with more events behind it."""
    entered, release = threading.Event(), threading.Event()

    def handler(event):
        entered.set()
        release.wait(60)

    transport = scene.subscribe(on_account_balance_update=handler)
    scene.exchange.emit(transport, 1, 2, 3)
    assert entered.wait(PATIENCE)
    scene.stack.callback(release.set)
    scene.leaves = ("callback",)


def all_stuck(scene):
    """As many callbacks that never return as there are threads; other subscriptions have none."""
    stuck(scene)
    for _ in range(7):
        entered, release = threading.Event(), threading.Event()
        scene.stack.callback(release.set)

        def hang(entered=entered, release=release):
            entered.set()
            release.wait(60)

        scene.client._hub.executor.submit(hang)
        assert entered.wait(PATIENCE)


STATES = [
    fresh,
    idle,
    in_flight,
    connecting,
    backing_off,
    logging_on,
    subscribing,
    unsubscribing,
    reconnecting,
    recovering,
    rotating,
    moving,
    market,
    local_book,
    resolving,
    stuck,
    all_stuck,
]


# Where it is closed.


def _within_limit(join_or_event):
    assert join_or_event.wait(LIMIT), "close() did not return in time"


def _on_a_thread(scene, close):
    done = threading.Event()
    join = scene.run(lambda: (close(), done.set()))
    _within_limit(done)
    join()


def from_main(scene):
    """A thread of the application's."""
    _on_a_thread(scene, scene.client.close)


def from_with(scene):
    """The end of a with block, by an exception."""

    def close():
        with pytest.raises(ZeroDivisionError), scene.client:
            raise ZeroDivisionError

    _on_a_thread(scene, close)


def from_callback(scene):
    """A callback thread, if one is free. The end is waited for here."""
    done = threading.Event()
    scene.client._hub.executor.submit(lambda: (scene.client.close(), done.set()))
    if "callback" not in scene.leaves:
        _within_limit(done)
    from_main(scene)


def from_done_callback(scene):
    """A done-callback of a future."""
    future = CallFuture(scene.client._hub.executor)
    done = threading.Event()
    future.add_done_callback(lambda _: (scene.client.close(), done.set()))
    future.set_result(None)
    if "callback" not in scene.leaves:
        _within_limit(done)
    from_main(scene)


def from_timer(scene):
    """The timer's own thread: it only begins there."""
    done = threading.Event()
    scene.client._hub.timer.call_at(0, lambda: (scene.client.close(), done.set()))
    _within_limit(done)
    from_main(scene)


def from_eight(scene):
    """Eight threads at once: whoever returns finds everything closed."""
    barrier = threading.Barrier(8)
    done = queue.SimpleQueue()

    def close():
        barrier.wait(PATIENCE)
        scene.client.close()
        done.put([thread.name for thread in our_threads()])

    joins = [scene.run(close) for _ in range(8)]
    for _ in range(8):
        left = done.get(timeout=LIMIT)
        assert all(any(part in name for part in scene.leaves) for name in left)
    for join in joins:
        join()


def from_finalizer(scene):
    """__del__ of something that holds the client."""

    class Holder:
        def __del__(self, close=scene.client.close):
            close()

    def close():
        holder = Holder()
        del holder

    _on_a_thread(scene, close)


def from_garbage(scene):
    """The client's own finalizer, as when nobody holds it: it only begins there."""
    _on_a_thread(scene, functools.partial(scene.client._hub.close, wait=False))
    from_main(scene)


PLACES = [
    from_main,
    from_with,
    from_callback,
    from_done_callback,
    from_timer,
    from_eight,
    from_finalizer,
    from_garbage,
]


@pytest.fixture
def stage(make_client, network, exchange, run):
    """Set a scene, and have it examined: ``with stage(state, **client) as scene: close``."""

    @contextlib.contextmanager
    def play(state, **options):
        gc.collect()
        descriptors = count_descriptors()
        options = {"backoff_base": 1000.0 if state is backing_off else 0.0, **options}
        if state is recovering:
            options["backfill"] = True
        if state is logging_on:
            options["credentials"] = Ed25519Key("key", PEM)
        with contextlib.ExitStack() as stack:
            scene = Scene(make_client(**options), network, exchange, run, stack)
            # Whatever fails: threads wait for it.
            stack.callback(scene.client.close)
            state(scene)
            yield scene
            scene.examine(descriptors)

    return play


PEM = (
    Ed25519PrivateKey.from_private_bytes(bytes(32))
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


# Callbacks that are stuck take the second that they have.
SLOW = (stuck, all_stuck)
CASES = [
    pytest.param(state, place, id=f"{state.__name__}-{place.__name__[5:]}")
    for state in STATES
    for place in PLACES
    if state not in SLOW or place in (from_main, from_eight, from_callback)
]


@pytest.mark.parametrize("state, place", CASES)
def test_close(stage, state, place):
    """From each place, in each state."""
    with stage(state) as scene:
        place(scene)


def test_an_order_in_flight_is_unknown(stage):
    """It may have been sent: that is told by its error."""
    with stage(in_flight) as scene:
        scene.client.close()
        assert isinstance(scene.order.exception(0), OutcomeUnknown)
        with pytest.raises(ClientClosed):
            scene.order.exception(0).resolve(10)


# Signals: what they interrupt is the main thread, wherever it is.


@pytest.fixture
def on_signal():
    """Have a function called by a signal handler, now: ``on_signal(function)``."""
    if not hasattr(signal, "SIGUSR1"):
        pytest.skip("signals of POSIX")
    before = signal.getsignal(signal.SIGUSR1)

    def call(function):
        signal.signal(signal.SIGUSR1, lambda number, frame: function())
        signal.raise_signal(signal.SIGUSR1)

    yield call
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("state", [state for state in STATES if state not in SLOW], ids=lambda state: state.__name__)
def test_close_in_a_signal_handler(stage, state, on_signal):
    """Which interrupts a thread that holds nothing."""
    with stage(state) as scene:
        on_signal(scene.client.close)


@pytest.mark.parametrize(
    "lock, how", [("api", "signal"), ("api", "finalizer"), ("timer", "signal"), ("subscription", "finalizer")]
)
def test_close_by_somebody_who_holds_a_lock_of_ours(stage, on_signal, lock, how):
    """
    The interrupted code goes on afterwards, and only then can the end come; the handler does not wait for it for ever.
    """
    with stage(idle) as scene:
        hub = scene.client._hub
        held = {
            "api": hub.api._changed,
            "hub": hub._lock,
            "timer": hub.timer._changed,
            "subscription": scene.told[0].subscription._lock,
        }[lock]

        class Holder:
            def __del__(self, close=scene.client.close):
                close()

        with held:
            if how == "signal":
                on_signal(scene.client.close)
            else:
                Holder()
        # Only now can the reader look at what has become of it.
        hub.api.join(PATIENCE)
        from_main(scene)


def test_a_signal_while_the_client_is_being_closed(stage, on_signal):
    """The handler closes it as well, in the middle: both return."""
    with stage(stuck) as scene:
        hub = scene.client._hub
        finish = hub._finish
        middle = queue.SimpleQueue()
        hub.ending._finish = lambda: (middle.put(threading.current_thread()), finish())
        join = scene.run(lambda: (middle.get(timeout=PATIENCE), os.kill(os.getpid(), signal.SIGUSR1)))
        nested = []
        signal.signal(signal.SIGUSR1, lambda *_: nested.append(scene.client.close()))
        scene.client.close()
        join()
        assert nested == [None]


# Executors of the user's.


@pytest.mark.parametrize("state", [idle, in_flight, recovering, rotating], ids=lambda state: state.__name__)
@pytest.mark.parametrize("place", [from_main, from_callback, from_eight], ids=lambda place: place.__name__[5:])
def test_an_executor_of_the_users(stage, state, place):
    """It goes on; callbacks may close the client there."""
    with concurrent.futures.ThreadPoolExecutor(2) as executor, stage(state, executor=executor) as scene:
        place(scene)
        assert executor.submit(lambda: 5).result(PATIENCE) == 5


@pytest.mark.parametrize("state", [idle, in_flight], ids=lambda state: state.__name__)
def test_an_executor_that_is_shut_down(stage, state):
    """There is nobody to tell of the end; everything else is as ever."""
    executor = concurrent.futures.ThreadPoolExecutor(2)
    with stage(state, executor=executor) as scene:
        executor.shutdown()
        for told in scene.told:
            told.reliably = False
        from_main(scene)


def test_an_executor_whose_threads_are_all_stuck(stage):
    """wait() gives up; when the thread is free again, the end is told after all."""
    release, entered = threading.Event(), threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as executor, stage(idle, executor=executor) as scene:
        executor.submit(lambda: (entered.set(), release.wait(60)))
        assert entered.wait(PATIENCE)
        scene.told[0].reliably = False
        from_main(scene)
        assert not scene.told[0].subscription.wait()
        assert not scene.told[0].subscription.wait(60)
        ended = threading.Event()
        scene.told[0].subscription.on_connection_closed(ended.set)
        release.set()
        assert ended.wait(PATIENCE)


def test_an_executor_whose_submit_blocks(stage):
    """It must not, but then it is the only thing that hangs: answers are given up before subscriptions are told."""
    release, asked = threading.Event(), threading.Event()

    class Blocking(InlineExecutor):
        blocks = False

        def submit(self, function, /, *args, **more):
            if self.blocks:
                asked.set()
                assert release.wait(60)
            return super().submit(function, *args, **more)

    executor = Blocking()
    with stage(idle, executor=executor) as scene:
        future = scene.ask()
        executor.blocks = True
        scene.stack.callback(release.set)
        scene.leaves = ("closer", "helper", "reader", "timer")
        scene.told[0].reliably = False
        from_main(scene)
        # Whoever calls from now on is not held up, too.
        executor.blocks = False
        assert asked.is_set()
        assert isinstance(future.exception(0), ClientClosed)


def test_a_callback_run_by_the_reader_closes_the_client(stage):
    """An executor that runs everything at once does so on our threads: there close() only begins the end."""
    executor = InlineExecutor()
    with stage(fresh, executor=executor) as scene:
        done = threading.Event()
        transport = scene.subscribe(on_account_balance_update=lambda _: (scene.client.close(), done.set()))
        scene.exchange.emit(transport, 1)
        _within_limit(done)
        from_main(scene)


def test_a_callback_run_by_the_closer_closes_the_client(stage):
    """The same when the end itself is what is told: it does not wait for itself."""
    with stage(idle, executor=InlineExecutor()) as scene:
        scene.told[0].subscription.on_connection_closed(scene.client.close)
        future = scene.ask()
        future.add_done_callback(lambda _: scene.client.close())
        from_main(scene)


def test_a_call_over_rest(stage, run):
    """Its thread ends with it, though the server says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        environment = Environment(
            name="venue",
            ws_api_url="wss://api.example/ws-api/v3",
            stream_url="wss://stream.example",
            rest_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            listen_key_transport="rest",
        )
        with stage(fresh, environment=environment, request_timeout=60) as scene:
            scene.futures.append(scene.account.start_user_stream.submit())
            peer, _ = listener.accept()
            with peer:
                assert peer.recv(1) == b"P"
                from_main(scene)
                assert our_threads() == set()
