"""binance_socket._session.listen_key"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from binance_socket._session.backoff import Backoff
from binance_socket._session.listen_key import ListenKey, Step
from binance_socket.errors import ApiError, BinanceSocketError, ConnectionLost

HALF_AN_HOUR = 1800.0
GONE = ConnectionLost("gone")
UNKNOWN = ApiError(-1125, "This listenKey does not exist.")


@pytest.fixture
def make() -> Callable[..., ListenKey]:
    """Make a key that was given at time 0: ``make(interval=1800)``."""
    return lambda interval=HALF_AN_HOUR: ListenKey(
        "old", interval=interval, backoff=Backoff(4.0, 64.0, lambda: 1.0), now=0.0
    )


@pytest.fixture
def key(make: Callable[..., ListenKey]) -> ListenKey:
    return make()


def test_kept_alive(key: ListenKey) -> None:
    """It is pinged every half an hour, and once each time."""
    assert key.next_at == HALF_AN_HOUR
    assert key.due(HALF_AN_HOUR - 0.1) is None
    assert key.due(HALF_AN_HOUR) is Step.PING
    assert key.next_at is None
    assert key.due(HALF_AN_HOUR + 9) is None
    key.pinged("old", HALF_AN_HOUR + 10)
    assert key.next_at == 2 * HALF_AN_HOUR + 10


def test_alive_when_the_exchange_was_asked(key: ListenKey) -> None:
    """And perhaps no longer when its answer comes; though its hour may have begun then."""
    assert key.alive_at == 0.0
    assert key.due(1800.0) is Step.PING
    assert key.alive_at == 0.0
    key.pinged("old", 1810.0)
    assert key.alive_at == 1800.0
    assert key.due(3610.0) is Step.PING
    key.ping_failed("old", GONE, 5409.0)
    assert key.due(5439.0) is Step.PING
    assert key.alive_at == 1800.0
    key.ping_failed("old", UNKNOWN, 5440.0)
    assert key.due(5440.0) is Step.START
    key.started("new", 5445.0)
    assert key.alive_at == 5440.0


def test_no_interval_is_longer_than_the_key_lives(make: Callable[..., ListenKey]) -> None:
    """Neither the first nor a later one."""
    key = make(interval=100_000.0)
    assert key.next_at == 3600.0
    assert key.due(3600.0) is Step.PING
    key.pinged("old", 3600.0)
    assert key.next_at == 7200.0


def test_a_failing_ping_is_repeated_within_the_hour(key: ListenKey) -> None:
    """Every 30 seconds; after an hour without an answer the key is given up, and a new one is asked for at once."""
    assert key.due(1800.0) is Step.PING
    key.ping_failed("old", GONE, 1812.0)
    assert key.next_at == 1842.0
    assert key.due(1842.0) is Step.PING
    key.ping_failed("old", ApiError(-1000, "unknown"), 3599.0)
    assert key.due(3629.0) is Step.PING
    key.ping_failed("old", GONE, 3630.0)
    assert key.next_at == 3630.0
    assert key.due(3630.0) is Step.START


def test_an_answered_ping_counts_the_hour_anew(key: ListenKey) -> None:
    """Failures after it have their own hour."""
    key.due(1800.0)
    key.pinged("old", 1800.0)
    key.due(3600.0)
    key.ping_failed("old", GONE, 5399.0)
    assert key.due(5429.0) is Step.PING


def test_short_intervals_are_retried_as_soon(make: Callable[..., ListenKey]) -> None:
    """Who pings every ten seconds does not wait thirty after a failure."""
    key = make(interval=10.0)
    key.due(10.0)
    key.ping_failed("old", GONE, 11.0)
    assert key.next_at == 21.0


def test_an_unknown_key_is_replaced(key: ListenKey) -> None:
    """-1125 says that it is gone: the next step, due at once, is to ask for another."""
    key.due(1800.0)
    key.ping_failed("old", UNKNOWN, 1801.0)
    assert key.due(1801.0) is Step.START
    assert key.started("new", 1802.0) == "old"
    assert key.key == "new"
    assert key.next_at == 1802.0 + HALF_AN_HOUR
    assert key.due(key.next_at) is Step.PING


def test_expired(key: ListenKey) -> None:
    """The exchange may say so at any time, and more than once."""
    key.expired(100.0)
    assert key.next_at == 100.0
    assert key.due(100.0) is Step.START
    key.expired(101.0)
    assert key.next_at is None
    assert key.started("new", 102.0) == "old"


def test_failing_starts_back_off(key: ListenKey) -> None:
    """A new key is asked for ever less often, until one is given."""
    key.expired(0.0)
    waits = []
    for _ in range(6):
        now = key.next_at
        assert now is not None
        assert key.due(now) is Step.START
        key.start_failed(UNKNOWN, now)
        assert key.next_at is not None
        waits.append(key.next_at - now)
    assert waits == [4.0, 8.0, 16.0, 32.0, 64.0, 64.0]
    key.due(1e6)
    key.started("new", 1e6)
    key.expired(1e6)
    key.due(1e6)
    key.start_failed(GONE, 1e6)
    assert key.next_at == 1e6 + 4.0


def test_the_same_key_again(key: ListenKey) -> None:
    """The exchange gives the same key while it lives: nothing is replaced, and the hour counts anew."""
    key.expired(100.0)
    key.due(100.0)
    assert key.started("old", 101.0) is None
    assert key.key == "old"
    assert key.next_at == 101.0 + HALF_AN_HOUR


def test_expired_while_pinging(key: ListenKey) -> None:
    """A new key is asked for at once; the ping's answer, good or bad, changes nothing any more."""
    key.due(1800.0)
    key.expired(1801.0)
    key.pinged("old", 1802.0)
    assert key.due(1802.0) is Step.START
    key.ping_failed("old", GONE, 1803.0)
    assert key.next_at is None, "a second key would be asked for while the first is under way"
    key.pinged("old", 1803.0)
    assert key.next_at is None
    assert key.started("new", 1804.0) == "old"


@pytest.mark.parametrize("error", [UNKNOWN, GONE])
def test_a_late_ping_of_the_key_before(key: ListenKey, error: BinanceSocketError) -> None:
    """What becomes of it says nothing about the key that has replaced it."""
    key.due(1800.0)
    key.expired(1801.0)
    key.due(1801.0)
    key.started("new", 1802.0)
    key.ping_failed("old", error, 9999.0)
    key.pinged("old", 9999.0)
    assert key.next_at == 1802.0 + HALF_AN_HOUR
    assert key.due(key.next_at) is Step.PING


class KeyLife(RuleBasedStateMachine):
    """Any order of answers, failures and expiries."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.key = ListenKey("key-0", interval=HALF_AN_HOUR, backoff=Backoff(1.0, 30.0, lambda: 0.5), now=0.0)
        self.numbers = 0
        self.pings: list[str] = []
        self.starting = False
        self.gone = False
        self.counted_at = self.asked_at = self.alive_at = 0.0

    @rule(seconds=st.floats(0, 1000))
    def wait(self, seconds: float) -> None:
        """Time passes, and what is due is asked."""
        self.now += seconds
        step = self.key.due(self.now)
        if step is not None:
            self.asked_at = self.now
        if step is Step.PING:
            assert not self.gone
            self.pings.append(self.key.key)
        elif step is Step.START:
            assert self.gone
            assert not self.starting
            self.starting = True

    @precondition(lambda self: self.pings)
    @rule(good=st.booleans(), unknown=st.booleans())
    def ping_ends(self, good: bool, unknown: bool) -> None:
        pinged = self.pings.pop(0)
        ours = pinged == self.key.key and not self.gone
        if good:
            self.key.pinged(pinged, self.now)
            if ours:
                self.counted_at, self.alive_at = self.now, self.asked_at
        else:
            self.key.ping_failed(pinged, UNKNOWN if unknown else GONE, self.now)
            if ours and (unknown or self.now >= self.counted_at + 3600):
                self.gone = True

    @precondition(lambda self: self.starting)
    @rule(answer=st.sampled_from(["same", "new", "none"]))
    def start_ends(self, answer: str) -> None:
        self.starting = False
        if answer == "none":
            self.key.start_failed(GONE, self.now)
            return
        before = self.key.key
        self.numbers += answer == "new"
        assert self.key.started(f"key-{self.numbers}", self.now) == (before if answer == "new" else None)
        self.gone, self.counted_at, self.alive_at = False, self.now, self.asked_at

    @rule()
    def expires(self) -> None:
        self.key.expired(self.now)
        self.gone = True

    @invariant()
    def it_was_alive_when_that_was_asked(self) -> None:
        assert self.key.alive_at == self.alive_at

    @invariant()
    def somebody_is_at_it(self) -> None:
        """A step is under way or to come, a new key at most 30 s and a ping at most half an hour away."""
        if self.key.next_at is None:
            assert self.starting if self.gone else self.pings
        else:
            assert self.key.next_at <= self.now + (30 if self.gone else HALF_AN_HOUR)
            assert not (self.gone and self.starting)


TestKeyLife = KeyLife.TestCase
