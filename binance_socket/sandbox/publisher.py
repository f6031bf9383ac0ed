"""The market streams on their way to whoever subscribed them: one thread, off the exchange's lock."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import attrs

from .._engine.clock import Clock
from .._engine.timer import Alarm, Timer
from .channels import Channel, Payload, make_channel
from .events import MarketEvent
from .exchange import Exchange, WallClock
from .market_data import MarketData, SymbolData
from .news import News
from .trade_archive import AggregateTrade

__all__ = ["MarketSink", "Publisher"]

logger = logging.getLogger(__name__)

_PERIODS: Final = (100, 1000, 2000)


class MarketSink(Protocol):
    """Somebody who subscribed market streams."""

    def market_event(self, name: str, event: MarketEvent) -> None:
        """Take an event of the stream *name*. Called in order, under a lock: must not block."""
        ...


class _Pulse:
    """Beats at every full *period* of the exchange's clock while it runs."""

    def __init__(self, period: int, clock: Clock, wall: WallClock, timer: Timer, beat: Callable[[int], object]) -> None:
        self._period, self._clock, self._wall, self._timer, self._beat = period, clock, wall, timer, beat
        # Guards everything below.
        self._lock = threading.Lock()
        self._alarm: Alarm | None = None

    def run(self, wanted: bool) -> None:
        """Beat from now on, or do not. Idempotent; any thread."""
        with self._lock:
            if wanted == (self._alarm is not None):
                return
            alarm, self._alarm = self._alarm, self._next() if wanted else None
        if alarm is not None:
            alarm.cancel()

    def _next(self) -> Alarm:
        left = self._period - (self._wall.time() * 1000) % self._period
        if left < 1:
            # A clock of floats may ring a hair's breadth early: that was this beat, not the one before.
            left += self._period
        return self._timer.call_at(self._clock.monotonic() + left / 1000, self._fire)

    def _fire(self) -> None:
        with self._lock:
            if self._alarm is None:
                return
            self._alarm = self._next()
        self._beat(self._period)


@attrs.define
class _Entry:
    channel: Channel
    sinks: tuple[MarketSink, ...] = ()


class Publisher:
    """
    Publishes the market streams to their subscribers.

    News are published as they come, pulses when they are due; in between the thread sleeps. Subscribers are handed
    ready events and must not block, so a slow one holds up nobody.
    """

    def __init__(self, exchange: Exchange, clock: Clock, wall: WallClock, timer: Timer) -> None:
        self._exchange, self._wall = exchange, wall
        self._awake = threading.Event()
        self._due: deque[int] = deque()
        self._pulses = {period: _Pulse(period, clock, wall, timer, self._beat) for period in _PERIODS}
        self._closed = False
        self.data = MarketData(exchange, self._wake)
        """What is known of the markets."""
        # Guarded by the data's lock: everything below.
        self._entries: dict[str, _Entry] = {}
        self._by_symbol: dict[str, dict[str, _Entry]] = {}
        self._by_period: dict[int, dict[str, _Entry]] = {period: {} for period in _PERIODS}
        self.data.on_news = self._news
        # A daemon: a program that forgets to close its sandbox still ends.
        self._thread = threading.Thread(target=self._run, name="sandbox-publisher", daemon=True)
        self._thread.start()

    def attach(self, name: str, sink: MarketSink) -> bool:
        """Let *sink* have everything that the stream *name* publishes from now on. False where there is none."""
        with self.data.current():
            entry = self._entries.get(name) or self._open(name)
            if entry is None:
                return False
            entry.sinks = (*entry.sinks, sink)
        return True

    def detach(self, name: str, sink: MarketSink) -> None:
        """Let *sink* have nothing more of the stream *name*. Idempotent."""
        with self.data.current():
            entry = self._entries.get(name)
            if entry is None:
                return
            entry.sinks = tuple(other for other in entry.sinks if other is not sink)
            if not entry.sinks:
                self._close(name, entry.channel)

    def close(self) -> None:
        """Publish nothing more, and wait for the thread. Idempotent."""
        self._closed = True
        for pulse in self._pulses.values():
            pulse.run(False)
        self._awake.set()
        self._thread.join()

    # Streams that somebody listens to.

    def _open(self, name: str) -> _Entry | None:
        channel = make_channel(name, self.data, self._exchange.levels, int(self._wall.time() * 1000))
        if channel is None:
            return None
        entry = self._entries[name] = _Entry(channel)
        if channel.symbol is not None:
            self._by_symbol.setdefault(channel.symbol, {})[name] = entry
        if channel.period and not self._closed:
            self._by_period[channel.period][name] = entry
            self._pulses[channel.period].run(True)
        self.data.watched = True
        return entry

    def _close(self, name: str, channel: Channel) -> None:
        del self._entries[name]
        if channel.symbol is not None:
            del self._by_symbol[channel.symbol][name]
        if channel.period:
            self._by_period[channel.period].pop(name, None)
            self._pulses[channel.period].run(bool(self._by_period[channel.period]))
        self.data.watched = bool(self._entries)

    # Publishing.

    def _wake(self) -> None:
        """Any thread; under the exchange's lock."""
        if not self._awake.is_set():
            self._awake.set()

    def _beat(self, period: int) -> None:
        self._due.append(period)
        self._awake.set()

    def _run(self) -> None:
        while self._awake.wait() and not self._closed:
            # Before looking, so that what comes meanwhile is looked at next time.
            self._awake.clear()
            try:
                self._publish()
            except Exception:  # a defect of ours, in one pulse: the other channels and the next pulse go on
                logger.exception("publishing failed")

    def _publish(self) -> None:
        due = [self._due.popleft() for _ in range(len(self._due))]
        with self.data.current():
            now = int(self._wall.time() * 1000)
            for period in dict.fromkeys(due):
                for name, entry in self._by_period[period].items():
                    _send(name, entry, entry.channel.pulse(now))

    def _news(self, news: News, data: SymbolData, aggregates: Sequence[AggregateTrade]) -> None:
        entries = self._by_symbol.get(news.symbol)
        if entries:
            now = int(self._wall.time() * 1000)
            for name, entry in entries.items():
                _send(name, entry, entry.channel.news(news, aggregates, now))


def _send(name: str, entry: _Entry, payloads: Iterable[Payload]) -> None:
    for payload in payloads:
        event = MarketEvent(payload)
        for sink in entry.sinks:
            sink.market_event(name, event)
