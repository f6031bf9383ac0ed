"""What a subscriber holds: events, subscriptions and cancellation tokens."""

from __future__ import annotations

import functools
import itertools
import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime, timedelta, timezone
from types import TracebackType

from typing_extensions import Self

from ._engine.audience import After, Payload, nothing
from ._engine.ending import Finish
from ._engine.hub import Hub
from ._engine.listen_key import ListenKeyKeeper
from ._engine.recoverable import Sources
from ._engine.strand import Strand
from ._session.topics import MarketTopic, StreamTopic, Topic, shown_route
from .arrivals import Batch, DataEvent, Dispatcher, EventSource
from .callbacks import Callbacks, Lag
from .cancellation import CancellationToken
from .deliverer import Deliverer
from .deliveries import Item, Notice, deliveries, most_waiting
from .errors import BinanceSocketError, DecodeError
from .gaps import Gap
from .health import SubscriptionHealth, SubscriptionState
from .options import FlowPolicy

__all__ = ["CancellationToken", "DataEvent", "EventSource", "Lag", "SubscriptionState", "UpdateSubscription"]

logger = logging.getLogger(__name__)


_ids = itertools.count(1)


class UpdateSubscription:
    """
    A subscription, as long as it lasts. Returned by the ``subscribe_to_...`` methods.

    Its callbacks run on the client's executor, one at a time and in the order of the events. It is a context manager
    that closes itself, and keeps its client alive while it is open.
    """

    def __init__(
        self,
        hub: Hub,
        dispatch: Dispatcher,
        topics: Sequence[Topic],
        *,
        policy: FlowPolicy = FlowPolicy.BLOCK,
        keeps_alive: object = None,
        sources: Sources | None = None,
    ) -> None:
        self.id: int = next(_ids)
        """A number of our own, unique in this process."""
        self._hub = hub
        self._keeps_alive = keeps_alive
        size = hub.options.mailbox_size
        self._callbacks = Callbacks(self.id, hub.hooks)
        self._deliverer = Deliverer(self, hub, dispatch, self._callbacks, most_held=size, sources=sources)
        self._recovery = self._deliverer.recovery
        self._mailbox = deliveries(policy, size, self._tell_lag)
        self._strand: Strand[Item] = Strand(
            hub.executor,
            self._deliverer.deliver,
            size=most_waiting(policy, size),
            on_room=hub.wake,
            on_error=self._failed,
            mailbox=self._mailbox,
            progress=hub.watchdog.watch(f"subscription {self.id}"),
        )
        self._dropped_told = 0
        # In epoch seconds, the same as a datetime, and monotonic. Replaced as a whole.
        self._last_received: tuple[float, datetime, float] | None = None
        self._ended = Finish()
        # Guards everything below.
        self._lock = threading.Lock()
        self._state = SubscriptionState.SUBSCRIBING
        self._topics = tuple(topics)
        self._open: set[Topic] = set()
        self._stream: str | int | None = None
        self._lost_at: float | None = None
        # The last sign of life before the latest loss.
        self._heard_at = 0.0
        self._losses = 0
        self._keeper: ListenKeyKeeper | None = None
        # Whether nothing can come before there is another listen key.
        self._key_gone = False

    @property
    def state(self) -> SubscriptionState:
        """What the subscription is doing. Any thread."""
        return self._state

    @property
    def stream(self) -> str | int | None:
        """
        The stream, the listen key, or the number of the subscription at the exchange, that events come on at present.

        None where they come on several: each event says on which.
        """
        return self._stream

    @property
    def last_received_at(self) -> datetime | None:
        """When the last event was read from the socket, in UTC; None before the first one."""
        last = self._last_received
        return None if last is None else last[1]

    @property
    def pending(self) -> int:
        """How many events have been received and wait for their callback."""
        return self._strand.depth + self._recovery.waiting

    @property
    def dropped(self) -> int:
        """How many events were dropped because their handler was too slow. Always 0 with ``FlowPolicy.BLOCK``."""
        return self._mailbox.dropped

    # What the user may want to hear of.

    def on_connection_lost(self, callback: Callable[[], object]) -> Callable[[], object]:
        """Have ``callback()`` called whenever events stop coming. In order with the events; usable as a decorator."""
        return self._callbacks.add(self._callbacks.lost, callback)

    def on_connection_restored(self, callback: Callable[[timedelta], object]) -> Callable[[timedelta], object]:
        """Have ``callback(downtime)`` called whenever events come again after they had stopped."""
        return self._callbacks.add(self._callbacks.restored, callback)

    def on_connection_closed(self, callback: Callable[[], object]) -> Callable[[], object]:
        """Have ``callback()`` called once the subscription has ended for good; at once, here, if it has already."""
        return self._callbacks.add_closed(callback)

    def on_exception(self, callback: Callable[[BinanceSocketError], object]) -> Callable[[BinanceSocketError], object]:
        """
        Have ``callback(error)`` called with what goes wrong beside the events.

        That is a HandlerError when a callback raised, a DecodeError when a payload was not understood, or why the
        exchange ended the subscription. Without such a callback, these are logged.
        """
        return self._callbacks.add(self._callbacks.exception, callback)

    def on_lag(self, callback: Callable[[Lag], object]) -> Callable[[Lag], object]:
        """
        Have ``callback(lag)`` called when events come faster than they are handled.

        With ``FlowPolicy.BLOCK`` that is before the next event when half of the mailbox is full, and again only after
        it was down to a quarter; once it is full, the connection is not read any more. With ``DROP_OLDEST`` it is where
        the first dropped event is missing among the others, and again only after half of the mailbox was empty. Never
        with ``LATEST_ONLY``. Without such a callback, it is logged.
        """
        return self._callbacks.add(self._callbacks.lag, callback)

    def on_gap(self, callback: Callable[[Gap], object]) -> Callable[[Gap], object]:
        """
        Have ``callback(gap)`` called for every time during which events may be missing.

        That is after ``on_connection_lost``, with the status OPEN, and again with a final one, after everything that
        could be found out was delivered: events of the account whose ``DataEvent.source`` is BACKFILL. Without such a
        callback, it is logged.
        """
        return self._callbacks.add(self._callbacks.gap, callback)

    @property
    def gap(self) -> Gap | None:
        """The gap that is open, None if there is none. Any thread."""
        return self._recovery.gap

    # How it ends.

    def close(self) -> None:
        """
        End the subscription. Idempotent; any thread, callbacks included; does not wait. Does nothing after a fork.

        The exchange is told to send nothing more, and nothing more is taken. What had been received is still delivered:
        ``wait()`` returns when it is.
        """
        if not self._hub.is_here:
            return
        with self._lock:
            topics, keeper = self._topics, self._keeper
            if self._state is SubscriptionState.CLOSED:
                return
            self._state = SubscriptionState.CLOSED
        self._callbacks.log(SubscriptionState.CLOSED)
        if keeper is not None:
            keeper.close()
        self._hub.unsubscribe(topics, self)
        self._post_end(None)

    def wait(self, timeout: float | None = None) -> bool:
        """
        Wait until the subscription has ended and its last callback has run. Return whether it has by *timeout*.

        Never longer than a second after the client's close(): an executor of yours may not get to it, or wait here.
        """
        self._hub.check_process()
        return self._ended.wait(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<UpdateSubscription {self.id} {self._state.value}>"

    # What the connection tells us, on threads that must not block.

    @property
    def full(self) -> bool:
        """Whether more events wait than should."""
        return self._strand.full

    @property
    def flooded(self) -> bool:
        """Whether so many more wait that nothing is a reason to read on."""
        return self._strand.flooded

    def post(
        self, payloads: Sequence[Payload], received_at: float, route: Hashable, *, possible_duplicate: bool = False
    ) -> None:
        """Take events, in order."""
        batch = self._batch(received_at, route, possible_duplicate)
        self._strand.post_many([(payload, batch) for payload in payloads])

    def put(self, payloads: Sequence[Payload], received_at: float, route: Hashable) -> After:
        """Take events, in order."""
        batch = self._batch(received_at, route)
        self._strand.put_many([(payload, batch) for payload in payloads])
        return self._strand.deliver

    def _batch(self, received_at: float, route: Hashable, possible_duplicate: bool = False) -> Batch:
        last = self._last_received
        if last is None or last[0] != received_at:
            # Otherwise another stream had something in the same read.
            moment = datetime.fromtimestamp(received_at, timezone.utc)
            last = self._last_received = received_at, moment, self._hub.clock.monotonic()
        stream = route if isinstance(route, (str, int)) else self._stream
        return Batch(stream, last[1], possible_duplicate, read_at=last[2])

    def opened(self, topic: Topic, route: Hashable, now: float) -> After:
        """Events of *topic* come from now on."""
        with self._lock:
            if topic not in self._topics:
                return nothing
            self._open.add(topic)
            return self._go_on(route, now)

    def _go_on(self, route: Hashable, now: float) -> After:
        """Say that events come, if all topics are open. Requires holding the lock, which makes the order."""
        if self._state is SubscriptionState.CLOSED or self._key_gone or len(self._open) < len(self._topics):
            return nothing
        self._stream = route if isinstance(route, (str, int)) and len(self._topics) == 1 else None
        self._state = SubscriptionState.ACTIVE
        lost_at, self._lost_at = self._lost_at, None
        if lost_at is not None:
            self._put(functools.partial(self._callbacks.tell_restored, timedelta(seconds=now - lost_at)))
        self._put(functools.partial(self._recovery.opened, now))
        return functools.partial(self._changed, SubscriptionState.ACTIVE)

    def lost(
        self, topic: Topic, reason: str, now: float, heard_at: float, *, doubtful_from: float = float("inf")
    ) -> After:
        """No events of *topic* come until it is opened again."""
        with self._lock:
            self._open.discard(topic)
            return self._fall_silent(reason, now, heard_at, doubtful_from) if topic in self._topics else nothing

    def _fall_silent(self, reason: str, now: float, heard_at: float, doubtful_from: float = float("inf")) -> After:
        """Say that no events come, if some did. Requires holding the lock, which makes the order."""
        received_at = None if self._last_received is None else self._last_received[2]
        is_earlier = heard_at < self._heard_at or doubtful_from < float("inf")
        if self._state is SubscriptionState.RECONNECTING and is_earlier:
            # Some have stopped earlier than was known, or may have.
            self._heard_at = min(heard_at, self._heard_at)
            self._put(functools.partial(self._recovery.lost_earlier, self._heard_at, received_at, now, doubtful_from))
            return self._strand.deliver
        if self._state is not SubscriptionState.ACTIVE:
            return nothing
        self._state = SubscriptionState.RECONNECTING
        self._lost_at, self._heard_at = now, min(heard_at, now)
        self._losses += 1
        self._put(functools.partial(self._recovery.lost, reason, heard_at, received_at, now, doubtful_from))
        return functools.partial(self._changed, SubscriptionState.RECONNECTING, reason)

    def _put(self, function: Callable[[], object]) -> None:
        """Give *function* its turn among the events. It is run after :meth:`_changed`, which needs no lock."""
        self._strand.put(Notice(function))

    def _changed(self, state: SubscriptionState, reason: str | None = None) -> None:
        self._callbacks.log(state, reason)
        self._strand.deliver()

    def closed(self, topic: Topic, error: BinanceSocketError | None) -> None:
        """No events of *topic* come any more. That ends the subscription, for whatever else it hears."""
        with self._lock:
            topics = self._topics
            if self._state is SubscriptionState.CLOSED or topic not in topics:
                return
            # Who waits for it to open gets the error, and nobody else is there to hear of it.
            opened, self._state = self._state is not SubscriptionState.SUBSCRIBING, SubscriptionState.CLOSED
            keeper = self._keeper
        self._callbacks.log(SubscriptionState.CLOSED, error)
        if keeper is not None:
            keeper.close()
        self._hub.unsubscribe(topics, self)
        self._post_end(error if opened else None)

    def ended(self, topic: Topic, name: str, sent_at: float) -> None:
        """The exchange has sent the event *name*, at that time. If it ends a listen key, another one is needed."""
        if name != "listenKeyExpired" or topic not in self._topics:
            return
        if self._keeper is not None:
            self.lose_key(sent_at, "the listen key has expired")
            self._keeper.expired()
        else:
            # Nothing will come on it any more, and nobody but the user can replace it.
            self.closed(topic, BinanceSocketError(f"subscription {self.id}: its listen key has expired"))

    def health(self) -> SubscriptionHealth:
        """Return how the subscription is."""
        with self._lock:
            state, topics, stream = self._state, self._topics, self._stream
        return SubscriptionHealth(
            id=self.id,
            state=state,
            stream=shown_route(topics[0], stream),
            topics=tuple(topic.label for topic in topics),
            pending=self._strand.depth,
            high_water=self._strand.high_water,
            dropped=self.dropped,
            lagging=self._mailbox.lagging,
            gap=self.gap,
            gaps=self._recovery.count,
            last_received_at=self.last_received_at,
        )

    def finish(self, timeout: float) -> None:
        """Wait until what was received is delivered, and drop the rest."""
        if not self._ended.wait(timeout):
            # Should the callback that is in the way ever return, the end is told after it.
            self._strand.abandon(self._deliverer.part)
            self._over()
            logger.warning(
                "subscription %d: the client was closed before %d events were delivered",
                self.id,
                self._strand.undelivered,
            )

    def leave(self, timeout: float) -> None:
        """The client is closed, and does not wait. Let nobody else wait for longer than *timeout* seconds."""
        self._ended.limit(timeout)

    # Listen keys.

    def keep(self, keeper: ListenKeyKeeper) -> None:
        """Take a listen key's keeper, which ends with the subscription. To be done before a key can expire."""
        with self._lock:
            self._keeper = keeper

    def lose_key(self, alive_at: float, reason: str = "the listen key is gone") -> None:
        """
        No events come any more: the listen key is gone, and was there last at *alive_at* (monotonic). Any thread.

        Idempotent. Until :meth:`move`, a link that comes again changes nothing.
        """
        now = self._hub.clock.monotonic()
        with self._lock:
            if self._key_gone:
                # When it was there last is what the exchange said first: its keeper knows no better.
                return
            self._key_gone = True
            after = self._fall_silent(reason, now, alive_at)
        after()

    def move(self, new: str) -> None:
        """
        Listen to the listen key *new*: events come when it is open. To be called after :meth:`lose_key`.

        Any thread; does not wait.
        """
        topic, now = StreamTopic(new), self._hub.clock.monotonic()
        with self._lock:
            if self._state is SubscriptionState.CLOSED:
                return
            before, self._topics = self._topics, (topic,)
            self._key_gone = False
            self._open &= {topic}
            # If it is open, it was not gone after all.
            after = self._go_on(new, now)
        after()
        if before == (topic,):
            return
        try:
            self._hub.subscribe((topic,), self, continuing=True)
        except BinanceSocketError as error:
            self.closed(topic, error)
        self._hub.unsubscribe(before, self)
        if self.state is SubscriptionState.CLOSED:
            # By another thread, which may have come before subscribe().
            self._hub.unsubscribe((topic,), self)
            if self._ended.is_over:
                self._hub.forget(self)

    def run_in_turn(self, function: Callable[[], object]) -> None:
        """Run *function* in its turn among the events, on the executor; not at all once the subscription has ended."""
        self._strand.post(Notice(function))

    def goes_on(self) -> None:
        """Another event is delivered within the same turn."""
        self._strand.goes_on()

    def report(self, error: BinanceSocketError) -> None:
        """Tell the user of *error*, in order with the events."""
        self._strand.post(Notice(functools.partial(self._callbacks.tell, error)))

    def unreadable(self, batch: Batch, error: DecodeError, losses: int) -> None:
        """An event could not be read, in the subscription's turn, after so many *losses* were delivered."""
        with self._lock:
            topics, is_old = self._topics, self._losses != losses
        # What came on an earlier link is among what was missed by its end.
        if not is_old:
            market = MarketTopic(str(batch.stream))
            self._hub.unreadable(market if market in topics else topics[0], str(error))

    # What runs on the executor.

    def _tell_lag(self) -> None:
        told, self._dropped_told = self._dropped_told, self.dropped
        self._callbacks.tell_lag(Lag(self._dropped_told - told, self.pending, self.id))

    def _failed(self, exc: BaseException, item: Item) -> None:
        if self._strand.refused:
            # The executor takes nothing any more: without it there is nobody to deliver to.
            logger.error("subscription %d: its executor refused to run callbacks: %r", self.id, exc)
            self.close()
            self._over()
        else:
            self._callbacks.tell_raised(exc)

    def _end(self, error: BinanceSocketError | None) -> None:
        try:
            self._deliverer.end(error)
        finally:
            self._over()

    def _over(self) -> None:
        """Nothing is delivered any more."""
        self._callbacks.over()
        self._ended.set()
        self._hub.forget(self)
        self._keeps_alive = None

    # How notices get in line.

    def _post_end(self, error: BinanceSocketError | None) -> None:
        self._strand.post(Notice(functools.partial(self._end, error)))
        self._strand.close()
