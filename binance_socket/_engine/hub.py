"""One client's threads and connections."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import random
import secrets
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from datetime import datetime, timezone
from typing import Any, TypeVar

from .._session.backoff import Backoff
from .._session.effects import Pending
from .._session.repetition import is_read
from .._session.session import Session
from .._session.topics import MARKET, STREAMS, WS_API, Dialect, MarketTopic, StreamTopic, Topic
from .._wire.messages import Request, encode
from ..credentials import Credentials
from ..errors import ClientClosed, InvalidRequest
from ..health import CallbackThreads, ConnectionRole, ExchangeClock, Health
from ..masking import MaskedText
from ..models.rate_limits import RateLimits
from ..models.response import Response
from ..options import ClientOptions, Environment, ListenKeyTransport
from .audience import Listener, Opening
from .clock import Clock, SystemClock
from .connection import Connection
from .connects import AbidingNetwork, take_connect
from .doubts import Doubts
from .ending import Ending
from .futures import CallFuture
from .gate import Door, LearningClock, gate_of
from .hooks import Hooks
from .inquirer import Inquirer
from .pool import Pool, Seats
from .repeats import Repeats
from .rest import ListenKeyRest
from .rotator import Role, Rotator
from .threads import check_process, on_engine_thread, process_token
from .timer import Timer
from .transport import Network
from .turns import Turns
from .watchdog import Watchdog
from .workers import Workers

__all__ = ["CLOSE_MAY_TAKE", "Hub"]

logger = logging.getLogger(__name__)

R = TypeVar("R")

# What an end may take, in seconds: the readers, the timer, callbacks that are still to run, and other threads to end
# (three times); and how long close() waits for all of it.
_READERS_MAY_TAKE = 1.0
_TIMER_MAY_TAKE = 0.3
_CALLBACKS_MAY_TAKE = 1.0
_THREADS_MAY_TAKE = 0.15
CLOSE_MAY_TAKE = 2.8
# The exchange allows 36 characters; eight of them tell our connections' requests from everybody else's in its logs.
_ID_PREFIX_BYTES = 6

# What a connect to the WebSocket API counts against the limit of request weights.
_CONNECT_WEIGHT = 2

_SYSTEM_CLOCK = SystemClock()


class Hub:
    """
    Everything of a client that runs: its connections, its timer, and the threads for callbacks.

    Its connections are made when first needed: one to the WebSocket API, one to the stream server for listen keys, and
    as many to the stream server as the market streams need.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        environment: Environment,
        options: ClientOptions,
        *,
        executor: Executor | None,
        clock: Clock,
        network: Network,
    ) -> None:
        self.credentials = credentials
        self.environment = environment
        self.options = options
        self.clock = clock
        self.timer = Timer(clock, defect=self._fail, resumed=self._resumed)
        self.watchdog = Watchdog(clock, self.timer, options.stuck_after)
        """Who watches over callbacks."""
        self.snapshots = Turns(self.timer.failed)
        """Whose turn it is to ask for the snapshot of an order book."""
        self._gate = gate_of(environment, clock)
        self.server_clock = LearningClock(self._gate, monotonic=clock.monotonic(), wall=clock.time())
        self._own_workers: Workers | None = None
        if executor is None:
            executor = self._own_workers = Workers(options.callback_threads)
        self.executor: Executor = executor
        self.hooks = Hooks(executor, self.watchdog.watch("a hook"))
        """Who hears of everything that concerns the whole client."""
        # What engine threads must not wait for: writing to a peer that does not read.
        self._helpers = Workers(8, "helper")
        self._process = process_token()
        self.ending = Ending(self._stop, self._finish)
        self._network = AbidingNetwork(network, self._gate, clock)
        self._ids = _request_ids()
        self._rest = ListenKeyRest(environment, options, self._gate, executor=executor, timer=self.timer)
        # Guards everything below.
        self._lock = threading.Lock()
        self._closed, self._callbacks_by = False, 0.0
        self._subscribers: set[Listener] = set()
        self.api = self._connection("api", options.ws_api_url(environment), WS_API)
        self._inquirer = Inquirer(
            lambda: self._connection("inquiries", options.ws_api_url(environment), WS_API), clock, self.timer
        )
        self.doubts = Doubts(
            clock,
            self.server_clock,
            self._inquirer,
            receive_window=options.receive_window,
            request_timeout=options.request_timeout,
            check=self._check_usable,
        )
        """The requests whose outcome is, or may become, unknown."""
        self._repeats = Repeats(self._ask_again, self._withdraw, self.backoff, clock, self.timer)
        self.streams = self._connection("streams", options.stream_url(environment), STREAMS)
        # Where requests are sent: while another connection takes over, that is the new one a little earlier.
        self._asked = self.api
        self._rotator = Rotator(
            after=options.rotation_after,
            hours=options.rotation_hours,
            patience=options.connect_timeout + options.request_timeout,
            chance=random.random,
            clock=clock,
            timer=self.timer,
            executor=executor,
        )
        self._add_roles()
        self._market = Pool(lambda name: self._connection(name, options.stream_url(environment), MARKET))

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    @property
    def is_here(self) -> bool:
        """Whether this was made in the present process, and not before a fork."""
        return self._process == process_token()

    def submit(self, request: Request[R], timeout: float | None = None) -> CallFuture[Response[R]]:
        """Ask *request*, and return the future of its answer. Any thread; never waits for the answer."""
        self._check_usable()
        if self.environment.listen_key_transport is ListenKeyTransport.REST and request.method in ListenKeyRest.METHODS:
            if self.credentials is None:
                raise InvalidRequest(f"{request.method} needs credentials, and this client has none")
            timeout = self.options.request_timeout if timeout is None else timeout
            return self._rest.submit(request, self.credentials, timeout)
        future: CallFuture[Response[R]] = CallFuture(self.executor, self.cancel)
        if not request.mutating:
            if self.options.retry_reads and is_read(request):
                future.repeating = self._repeats
            return self._asked.submit(request, timeout, future)
        doubt = future.doubt = self.doubts.open(request)
        with contextlib.ExitStack() as undo:
            undo.callback(self.doubts.drop, doubt)
            self._asked.submit(request, timeout, future)
            undo.pop_all()
        self.doubts.follow(doubt, future)
        return future

    def cancel(self, future: CallFuture[Any]) -> None:
        """Give up waiting for a future that :meth:`submit` returned: it ends with CallCancelled."""
        if not self.is_here:
            return
        self._rest.cancel(future)
        self._repeats.cancel(future)
        self._withdraw(future)

    def _withdraw(self, future: Future[Any]) -> None:
        for connection in (self.api, *self._rotator.connections):
            connection.cancel(future)

    def _ask_again(self, future: CallFuture[Any], request: Request[Any], timeout: float) -> None:
        self._check_usable()
        self._asked.submit(request, timeout, future)

    def subscribe(
        self, topics: Sequence[Topic], subscriber: Listener, timeout: float | None = None, *, continuing: bool = False
    ) -> CallFuture[None]:
        """
        Let *subscriber* hear *topics*, which are of one kind. Any thread; does not wait.

        The future is done once the exchange has said yes to all, or no, or nothing in *timeout* seconds. Where the
        subscriber is *continuing* what it has heard under other names, they are asked for again if refused for now.
        """
        self._check_usable()
        with self._lock:
            self._subscribers.add(subscriber)
        future: CallFuture[None] = CallFuture(self.executor)
        opening = Opening(future, topics)
        seats = self._market.take(topics, subscriber) if _are_market(topics) else self._seats(topics)
        for connection, its_topics in seats:
            connection.subscribe(its_topics, subscriber, opening, continuing=continuing)
        deadline = self.clock.monotonic() + (self.options.request_timeout if timeout is None else timeout)

        def give_up() -> None:
            for connection, its_topics in seats:
                connection.no_answer(its_topics, subscriber)

        alarm = self.timer.call_at(deadline, give_up)
        future.when_done(lambda _: alarm.cancel())
        return future

    def unsubscribe(self, topics: Sequence[Topic], subscriber: Listener) -> None:
        """Stop *subscriber* from hearing *topics*. Any thread; idempotent."""
        if not self.is_here:
            return
        is_market = _are_market(topics)
        for connection, its_topics in self._market.leave(topics, subscriber) if is_market else self._seats(topics):
            connection.unsubscribe(its_topics, subscriber)
        if is_market:
            for connection in self._market.free(topics):
                connection.close()

    def forget(self, subscriber: Listener) -> None:
        """Do not wait for *subscriber* any more when closing: its last callback has run."""
        with self._lock:
            self._subscribers.discard(subscriber)

    def unreadable(self, topic: Topic, why: str) -> None:
        """An event of *topic* cannot be read, and is missing: have its connection made anew. Any thread."""
        for connection, _ in self._market.seats([topic]) if _are_market([topic]) else self._seats([topic]):
            connection.unreadable(why)

    def rotate(self) -> list[CallFuture[None]]:
        """Leave the connections that carry the account for new ones. The futures are done when the old are closed."""
        self._check_usable()
        return self._rotator.rotate()

    def wake(self) -> None:
        """Have the readers look again whether there is room for events. Any thread."""
        for connection in self._connections:
            connection.wake()

    @property
    def _connections(self) -> Iterable[Connection]:
        connections = (self.api, self.streams, *self._rotator.connections, *self._market.connections)
        return dict.fromkeys(connections)

    def _resumed(self, seconds: float) -> None:
        """Look what the machine has slept through. On the timer's thread."""
        logger.info("the machine has slept for %.0f s", seconds)
        for connection in self._connections:
            connection.resumed()

    def _fail(self, exc: Exception) -> None:
        """Fail altogether because of a defect of ours: nobody must wait for what will not be done any more."""
        for connection in dict.fromkeys((*self._rotator.close(), self.api, self.streams, *self._market.close())):
            connection.fail(exc)
        self._repeats.close()
        self._inquirer.close()
        self.doubts.close()
        self._rest.close()

    def close(self, *, wait: bool = True) -> None:
        """
        End everything. Idempotent; any thread, callbacks, signal handlers and finalizers included; within 3 seconds.

        Calls that wait fail with ClientClosed. Events that have been received are still delivered, for a second at
        most. Afterwards no thread of ours is left, but one that is stuck in a callback of the user's. Without *wait*,
        and on the library's own threads, all of that is only begun.
        """
        if not self.is_here or sys.is_finalizing():
            return
        self._closed = True
        self.ending.begin()
        if wait and not on_engine_thread():
            workers = self._own_workers
            # A callback that closes the client cannot wait for itself.
            is_callback = workers is not None and workers.is_own_thread()
            self.ending.wait(CLOSE_MAY_TAKE, for_callbacks=not is_callback)

    def _stop(self) -> None:
        """Fail what waits, and end the threads that bring anything new."""
        # Threads are joined in real time.
        deadline = _SYSTEM_CLOCK.monotonic() + _READERS_MAY_TAKE
        self._closed = True
        connections = tuple(dict.fromkeys((*self._rotator.close(), self.api, self.streams, *self._market.close())))
        for connection in connections:
            connection.close()
        self._repeats.close()
        self._inquirer.close()
        self.doubts.close()
        self._rest.close()
        for connection in connections:
            connection.join(max(0.0, deadline - _SYSTEM_CLOCK.monotonic()))
        self._inquirer.join(max(0.0, deadline - _SYSTEM_CLOCK.monotonic()))
        self.timer.close(_TIMER_MAY_TAKE)
        self._callbacks_by = _SYSTEM_CLOCK.monotonic() + _CALLBACKS_MAY_TAKE

    def _finish(self) -> None:
        """Let callbacks have what was received, for a limited time; then end the other threads."""
        with self._lock:
            subscribers = tuple(self._subscribers)
            self._subscribers.clear()
        self._helpers.shutdown(wait=False)
        workers = self._own_workers
        for subscriber in subscribers:
            if workers is None:
                # An executor of the user's may be a window's thread, which perhaps waits for us.
                subscriber.leave(_CALLBACKS_MAY_TAKE)
            else:
                subscriber.finish(max(0.0, self._callbacks_by - _SYSTEM_CLOCK.monotonic()))
        if workers is not None:
            # What comes later finds no thread any more.
            self.hooks.close()
            workers.shutdown(wait=False)
            left = self._callbacks_by + _THREADS_MAY_TAKE - _SYSTEM_CLOCK.monotonic()
            workers.join(max(0.0, min(_THREADS_MAY_TAKE, left)))
        self._helpers.join(_THREADS_MAY_TAKE)
        self._rest.join(_THREADS_MAY_TAKE)

    # Composition.

    def _add_roles(self) -> None:
        api_url, stream_url = self.options.ws_api_url(self.environment), self.options.stream_url(self.environment)

        def ask(connection: Connection) -> None:
            self._asked = connection

        def adopt_api(connection: Connection) -> None:
            self.api = self._asked = connection

        def adopt_streams(connection: Connection) -> None:
            self.streams = connection

        self._rotator.add(
            Role(
                self.api,
                lambda: self._connection("api", api_url, WS_API),
                Request("ping"),
                ask,
                adopt_api,
                self.backoff(),
            )
        )
        self._rotator.add(
            Role(
                self.streams,
                lambda: self._connection("streams", stream_url, STREAMS),
                Request("LIST_SUBSCRIPTIONS"),
                lambda _: None,
                adopt_streams,
                self.backoff(),
            )
        )

    def _connection(self, name: str, url: str, dialect: Dialect) -> Connection:
        options = self.options
        counts = dialect is WS_API
        limit = None if self.environment.is_local else options.connect_budget
        door = self._door(counts=counts)
        session = Session(
            dialect,
            self.server_clock,
            ids=self._ids,
            backoff=self.backoff,
            request_timeout=options.request_timeout,
            probe_after=options.probe_after,
            probe_timeout=options.probe_timeout,
            audit_after=options.audit_after,
            most_pending=options.max_pending,
            door=door,
        )
        connection = Connection(
            name,
            url,
            dialect,
            session,
            encode=functools.partial(self._encode, door),
            network=self._network,
            clock=self.clock,
            timer=self.timer,
            executor=self.executor,
            senders=self._helpers,
            budget=functools.partial(take_connect, self._gate, self.clock, limit, _CONNECT_WEIGHT if counts else 0),
            connect_timeout=options.connect_timeout,
            hooks=self.hooks,
        )
        door.wake = connection.nudge
        return connection

    def _door(self, *, counts: bool = True) -> Door:
        account = None if self.credentials is None else MaskedText(self.credentials.api_key.reveal())
        return Door(self._gate, account, self.options.rate_limits, counts=counts)

    def health(self) -> Health:
        """Return how everything is. Any thread; asks nobody."""
        self.check_process()
        clock, workers = self.clock, self._own_workers
        now, wall = clock.monotonic(), clock.time()
        with self._lock:
            subscribers = tuple(self._subscribers)
        subscriptions = sorted((subscriber.health() for subscriber in subscribers), key=lambda health: health.id)
        busy, waiting = (0, 0) if workers is None else workers.load
        return Health(
            at=datetime.fromtimestamp(wall, timezone.utc),
            environment=self.environment.name,
            closed=self._closed,
            connections=tuple(
                connection.health(role, _moment(self._rotator.due(connection), wall - now))
                for connection, role in self._roles().items()
            ),
            subscriptions=tuple(subscriptions),
            clock=ExchangeClock(
                offset=self.server_clock.now(now) - wall,
                uncertainty=self.server_clock.uncertainty,
                known=self.server_clock.is_learned,
            ),
            rate_limits=self.rate_limits,
            callback_threads=None
            if workers is None
            else CallbackThreads(busy=busy, most=self.options.callback_threads, waiting=waiting),
            stuck=self.watchdog.stuck(),
            hooks_dropped=self.hooks.dropped,
        )

    def _roles(self) -> dict[Connection, ConnectionRole]:
        """Return the connections that there are, and what each is for."""
        inquiries = self._inquirer.connection
        roles = {self.api: ConnectionRole.API, self.streams: ConnectionRole.STREAMS}
        roles |= dict.fromkeys(self._market.connections, ConnectionRole.MARKET)
        if inquiries is not None:
            roles[inquiries] = ConnectionRole.INQUIRIES
        for connection in self._rotator.connections:
            roles.setdefault(connection, ConnectionRole.ROTATION)
        return roles

    @property
    def rate_limits(self) -> RateLimits:
        """What is used of the venue's rate limits."""
        self.check_process()
        account = None if self.credentials is None else self.credentials.api_key.reveal()
        return self._gate.view(account, self.clock.monotonic())

    def _seats(self, topics: Sequence[Topic]) -> Seats:
        """Return the connection that user data comes on."""
        return [(self.streams if isinstance(topics[0], StreamTopic) else self.api, list(topics))]

    def backoff(self) -> Backoff:
        """Return a new back-off as the options say."""
        return Backoff(self.options.backoff_base, self.options.backoff_cap, random.random)

    def _encode(self, door: Door, pending: Pending) -> bytes:
        door.check(pending, now := self.clock.monotonic())
        pending.timestamp = self.server_clock.timestamp(now)
        return encode(
            pending.id,
            pending.request,
            credentials=self.credentials,
            timestamp=pending.timestamp,
            receive_window=self.options.receive_window,
        )

    def check_process(self) -> None:
        """Raise ForkedClientError in any other process than the one in which this was made."""
        check_process(self._process)

    def _check_usable(self) -> None:
        self.check_process()
        if self._closed:
            raise ClientClosed("the client is closed")


def _are_market(topics: Sequence[Topic]) -> bool:
    return isinstance(topics[0], MarketTopic)


def _moment(when: float | None, epoch: float) -> datetime | None:
    """Return the monotonic time *when* as a datetime, where the clock began at *epoch*; None also beyond all years."""
    if when is None:
        return None
    try:
        return datetime.fromtimestamp(epoch + when, timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None


def _request_ids() -> Iterator[str]:
    # Both connections draw from it, each under a lock of its own. A generator would object to two threads at a time.
    return map(f"{secrets.token_hex(_ID_PREFIX_BYTES)}-{{}}".format, itertools.count(1))
