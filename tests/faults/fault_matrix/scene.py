"""A client, the exchange that it talks to, and what the test knows of both."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from decimal import Decimal
from typing import Any

import attrs

from binance_socket import BinanceSocketClient, CancellationToken, ClientOptions, UpdateSubscription
from binance_socket.credentials import KeyType
from binance_socket.sandbox import Sandbox, SandboxAccount

from .closing import Closing
from .deadlines import Deadlines
from .kinds import Setup, State
from .overlaps import Overlap
from .receipts import Receipts, certainty_violations
from .transcript import PATIENCE, Transcript

__all__ = ["Asked", "Background", "Scene"]

FUNDS = {"USDT": "100000", "BTC": "1"}
OPTIONS: Mapping[str, Any] = {
    "backoff_base": 0.01,
    "connect_budget": None,
    "keep_raw": True,
    "backfill_rechecks": (0.01, 0.02),
}
READ = "account.status"
QUESTION = "openOrders.status"
ORDER = "order.place"
# The receive window of the first call, in milliseconds: each has another one.
_FIRST_WINDOW = 5001
# Where the answer that does not come is one to a call of the user's, and not to the library's own.
_CALLING = frozenset({State.IN_FLIGHT, State.CLOSING})
# How often something happens during a rotation, in seconds, and for how long at most.
_ROUND = 0.02
# How long before a deadline nothing may have been given up yet, in seconds.
_RIGHT_BEFORE = 0.5
_MOST_ROUNDS = 100
# How often the clock leaps over what a silent peer is waited for, and how long it takes to see that one is given up.
_MOST_LEAPS = 20
_UNTIL_GIVEN_UP = 0.2


def _tell_after(owner: Any, name: str, told: threading.Event) -> None:
    """Have it told when a method of *owner* has been called."""
    method = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        finally:
            told.set()

    setattr(owner, name, call)


class Background:
    """Runs a function on a thread of its own, and keeps what became of it."""

    def __init__(self, name: str, function: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._function = function
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as exc:  # noqa: BLE001  # looked at by whoever joins
            self.error = exc

    def ended(self, within: float) -> bool:
        """Wait so many seconds for the end, and tell whether it has come."""
        self._thread.join(within)
        return not self._thread.is_alive()

    def join(self) -> BaseException | None:
        """Wait for the end, and return what was raised."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), f"{self._thread.name} hangs"
        return self.error


class Asked:
    """A call in flight, and how often its future was done."""

    def __init__(self, name: str, future: Future[Any], window: int = 0) -> None:
        self.name = name
        self.future = future
        self.window = window
        """By which the exchange's side tells its request from others."""
        self.times = 0
        self._done = threading.Event()
        future.add_done_callback(self._count)

    def _count(self, future: Future[Any]) -> None:
        self.times += 1
        self._done.set()

    def wait(self) -> None:
        """Wait until it is done, however it ends; what is wrong with that is told by ``violations``."""
        self._done.wait(PATIENCE)

    def violations(self, allowed: tuple[type[BaseException], ...], *, answered: bool = True) -> list[str]:
        """U1: return what is wrong with how it ended: with an error that is *allowed*, or *answered* if that may be."""
        try:
            error = self.future.exception(PATIENCE)
        except FutureTimeoutError:
            return [f"{self.name}: no answer, and no error either"]
        if not self._done.wait(PATIENCE):
            return [f"{self.name}: done, and nobody was called back"]
        wrong = []
        if not isinstance(error, allowed) and not (error is None and answered):
            wrong.append(f"{self.name}: ended with {error!r} instead of {[kind.__name__ for kind in allowed]}")
        return wrong + ([] if self.times == 1 else [f"{self.name}: done {self.times} times"])

    def uncertain(self, receipts: Receipts) -> list[str]:
        """Return what is wrong with what its failure says of whether the request may have arrived."""
        error = self.future.exception(PATIENCE)
        received, mutating = receipts.has(self.window), self.name == ORDER
        return certainty_violations(self.name, error, mutating=mutating, received=received, any_link=receipts.any_link)


@attrs.define(eq=False)
class Scene:
    """What a case plays on."""

    sandbox: Sandbox
    setup: Setup
    state: State
    account: SandboxAccount = attrs.field(init=False)
    raw: Any = None
    """The raw server in between, if there is one."""
    client: BinanceSocketClient = attrs.field(init=False)
    transcript: Transcript = attrs.field(factory=Transcript)
    deadlines: Deadlines = attrs.field(init=False)
    """Of every future that the client gives out."""
    asked: list[Asked] = attrs.field(factory=list[Asked])
    subscribing: Background | None = None
    rotating: Background | None = None
    closing: Closing | None = None
    """What strikes within ``close()``, where that is the state."""
    overlap: Overlap | None = None
    """The two connections of a rotation, where the state is that there are two."""
    subscription: UpdateSubscription | None = None
    listen_key: str | None = None
    since: int | None = None
    """How many events there were when the subscription was open for certain."""
    losses: int = 0
    """How many losses the state itself consists of."""
    until: int | None = None
    """How many there were when it was closed."""
    clock: Any = None
    """The client's clock, if it is not the system's."""
    token: CancellationToken = attrs.field(factory=CancellationToken)
    """Cancels the calls in flight, where the setup says so."""
    cleanups: list[Callable[[], object]] = attrs.field(factory=list[Callable[[], object]])
    """What is to be done once the client is closed."""
    wrong: list[str] = attrs.field(factory=list[str])
    """What is wrong with the fault's own doings."""
    own: Counter[str] = attrs.field(factory=Counter[str])
    """Faults that happen on the client's side, by the case's own hand."""
    own_faults: frozenset[str] = frozenset()
    """The names of those, if the case is one of them."""
    noted: dict[str, Any] = attrs.field(factory=dict[str, Any])
    """What a fault's own doings remember from one of them to the next."""
    # Guards what is counted.
    _counted: threading.Condition = attrs.field(factory=threading.Condition)
    _other: SandboxAccount = attrs.field(init=False)
    _number: int = 0

    def __attrs_post_init__(self) -> None:
        kind = "ED25519" if self.state is State.LOGGING_ON else self.setup.key_type
        self.account = self.sandbox.create_account(FUNDS, key_type=kind)
        self._other = self.sandbox.create_account(FUNDS)
        self.deadlines = Deadlines(by_hand=self.setup.manual)
        if self.setup.clock is not None:
            self.clock = self.setup.clock()
        if self.setup.raw is not None:
            self.raw = self.setup.raw(self)
        self.client = self.make_client()

    def make_client(self) -> BinanceSocketClient:
        """Return a client as the case's setup wants it."""
        environment = self.sandbox.environment if self.raw is None else self.raw.environment
        proxy = None if self.raw is None else self.raw.proxy
        options = {**OPTIONS, "proxy": proxy, **self.setup.options}
        if self.impatient and self.setup.target is None and self.state not in _CALLING:
            options["request_timeout"] = self.setup.patience
        client = BinanceSocketClient(
            credentials=self.account.credentials,
            environment=environment,
            options=ClientOptions(**options),
            clock=self.clock,
        )
        self.deadlines.follow(client, client.options)
        return client

    @property
    def faults(self) -> Any:
        """The sandbox's faults."""
        return self.sandbox.faults

    @property
    def awaited(self) -> str:
        """The method whose answer the state waits for."""
        if self.state is State.LOGGING_ON:
            return "session.logon"
        if self.state in (State.SUBSCRIBING, State.ROTATING):
            return self.subscribe_method
        return QUESTION if self.state is State.BACKFILLING else READ

    @property
    def subscribe_method(self) -> str:
        """The method by which the client subscribes."""
        return f"userDataStream.subscribe{'' if self.account.key_type is KeyType.ED25519 else '.signature'}"

    @property
    def target(self) -> str:
        """The method of the call that an armed fault is for."""
        if self.setup.target is not None:
            return self.setup.target
        return self.awaited

    @property
    def impatient(self) -> bool:
        """Whether an answer is waited for that does not come."""
        setup = self.setup
        return setup.patience is not None and (setup.target is not None or self.state in setup.impatient_in)

    @property
    def patient(self) -> Any:
        """The client, with calls that are answered even on a busy machine."""
        return self.client.with_options(timeout=PATIENCE)

    # What happens at the exchange.

    def publish(self, *, order: bool = False) -> Mapping[str, Any]:
        """Let something happen to the account, which differs from all before, and return the last event of it."""
        self._number += 1
        if order:
            price = str(30000 + self._number)
            self.account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.001", price=price)
            # One is filled in part, by somebody else.
            self._other.place_order("BTCUSDT", "SELL", "LIMIT", quantity="0.0004", price=price, time_in_force="IOC")
        self.account.deposit("ETH", str(Decimal(self._number) + Decimal("0.5")))
        return self.account.events[-1]

    # What the client does.

    def subscribe(self, *, patiently: bool = False) -> None:
        """
        Begin to subscribe, on a thread of its own, and return when there is a connection that is to carry it.

        *patiently*, if it is not this that may not be answered in time.
        """
        spot = (self.patient if patiently else self.client).spot_api.account
        if self.setup.listen_key and self.listen_key is None:
            self.listen_key = spot.start_user_stream().result
        key, known = self.listen_key, threading.Event()

        def subscribe() -> UpdateSubscription:
            try:
                return spot.subscribe_to_user_data_updates(key, **self.transcript.handlers())
            finally:
                known.set()

        connections = self.client._hub.api, self.client._hub.streams
        for connection in connections:
            _tell_after(connection, "subscribe", known)
        self.subscribing = Background("subscribing", subscribe)
        assert known.wait(PATIENCE), "nobody subscribes"
        for connection in connections:
            del connection.__dict__["subscribe"]

    def subscribed(self) -> BaseException | None:
        """Wait until subscribing has ended, and return what it raised."""
        assert self.subscribing is not None
        error = self.subscribing.join()
        if error is None and self.subscription is None:
            self.subscription = self.subscribing.result
            self.transcript.follow(self.subscription)
            if self.since is None:
                self.since = self.account.event_count
        return error

    def open(self) -> None:
        """Subscribe, and hear something."""
        self.subscribe(patiently=True)
        error = self.subscribed()
        assert error is None, f"subscribing: {error!r}"
        assert self.transcript.wait_heard(self.publish(order=True)), "a loss, to begin with"

    def ask(self, *, read: bool = True, order: bool = True) -> None:
        """Have a read and an order in flight."""
        if read:
            self._ask(READ, lambda spot: spot.account.get_account_info.submit())
        if order:
            self.order("BTCUSDT")

    def order(self, symbol: str) -> None:
        """Have an order in flight."""
        placed = {"quantity": "0.001", "price": "20000", "time_in_force": "GTC"}
        self._ask(ORDER, lambda spot: spot.trading.place_order.submit(symbol, "BUY", "LIMIT", **placed))

    def _ask(self, method: str, submit: Callable[[Any], Future[Any]]) -> None:
        timeout = self.setup.patience if self.impatient and method == self.target else PATIENCE
        if self.setup.silent:
            timeout = self.client.options.request_timeout
        assert timeout is not None
        window = _FIRST_WINDOW + len(self.asked)
        ct = self.token if self.setup.cancels else None
        spot = self.client.with_options(timeout=timeout, receive_window=window, ct=ct).spot_api
        future = self.deadlines.watch(method, self.client._hub.timer, timeout, lambda: submit(spot))
        self.asked.append(Asked(method, future, window))

    def rotate(self) -> None:
        """Begin to leave the connections for new ones, on a thread of its own."""
        self.rotating = Background("rotating", lambda: self.client.rotate(PATIENCE))

    def rotated(self) -> BaseException | None:
        """Wait until rotating has ended, while things go on happening to the account, and return what it raised."""
        assert self.rotating is not None
        for _ in range(_MOST_ROUNDS):
            # Reports of orders, because these are what a rotation knows for certain.
            self.publish(order=True)
            if self.rotating.ended(_ROUND):
                break
        return self.rotating.join()

    def wait_in_vain(self) -> None:
        """Let the time pass that an answer is waited for, if none comes: until right before the deadline, and on."""
        if self.setup.silent:
            self._outlive_links()
            return
        if not self.setup.leaps or not self.impatient:
            return
        assert self.setup.patience is not None
        before = min(self.deadlines.next() - _RIGHT_BEFORE - self.clock.monotonic(), self.setup.patience)
        if before > 0:
            # What is given up too early is given up now.
            self._leap(before)
        self.clock.leap(self.setup.patience - max(before, 0.0))

    def _outlive_links(self) -> None:
        """Let the time pass until every link has been given up: asked for a sign of life, and only then."""
        options = self.client.options
        links = {connection: connection._link for connection in self.client._hub._connections}
        changed = threading.Event()
        self.client.on_state(lambda _: changed.set())
        for _ in range(_MOST_LEAPS):
            changed.clear()
            self._leap(options.probe_after + _RIGHT_BEFORE)
            self._leap(options.probe_timeout + _RIGHT_BEFORE)
            # What had been under way may have come in between: a sign of life.
            changed.wait(_UNTIL_GIVEN_UP)
            if not any(link is not None and connection._link is link for connection, link in links.items()):
                break

    def _leap(self, seconds: float) -> None:
        """Leap, and wait until the client's timer has done what was due."""
        self.clock.leap(seconds)
        rung = threading.Event()
        self.client._hub.timer.call_at(self.clock.monotonic(), rung.set)
        assert rung.wait(PATIENCE), "the timer hangs"

    def move_on(self) -> None:
        """Move to new connections, once the client is not about to do so by itself."""
        self.rotate()
        error = self.rotated()
        assert error is None, f"rotating: {error!r}"

    # What has happened.

    def count(self, name: str) -> None:
        """Note a fault on the client's side. Any thread."""
        with self._counted:
            self.own[name] += 1
            self._counted.notify_all()

    def happened(self, name: str, times: int = 1) -> bool:
        """Wait until the fault of that name has happened, wherever it is counted; False if it has not."""
        if self.raw is not None and self.raw.counts(name):
            return bool(self.raw.wait_for(name, times, PATIENCE))
        with self._counted:
            if name in self.own_faults:
                return self._counted.wait_for(lambda: self.own[name] >= times, PATIENCE)
        return bool(self.faults.wait_for(name, times, PATIENCE))

    def publish_until_it_happens(self, name: str, times: int) -> None:
        """Let things happen to the account until the fault does: a rotation may have to come that far by events."""
        if name in self.own_faults or (self.raw is not None and self.raw.counts(name)):
            return
        for _ in range(_MOST_ROUNDS):
            self.publish(order=True)
            if self.faults.wait_for(name, times, _ROUND):
                return

    def beside(self, name: str, function: Callable[[], object], wrong: list[str]) -> None:
        """Run *function* on an ordinary thread, wait for its end, and add what it raises to what is *wrong*."""
        running = Background(name, function)
        if not running.ended(2 * PATIENCE):
            wrong.append(f"{name} hangs")
        elif running.error is not None:
            wrong.append(f"{name} raised {running.error!r}")

    def close(self) -> None:
        """Close everything, whatever has become of it."""
        self.client.close()
        for cleanup in self.cleanups:
            cleanup()
        if self.raw is not None:
            self.raw.close()
        self.sandbox.close()
