"""Who may send what, and when."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binance_socket._session.costs import Cost, Waiter
from binance_socket._session.limits import Budget
from binance_socket._wire.messages import Reply

NOW = 1_700_000_040.0  # the start of a minute
GUARD = 0.5
ONE = Cost(1)
ORDER = Cost(1, 1, 1, "me")


def entry(count: Any, limit: Any = 100, kind: Any = "REQUEST_WEIGHT", interval: Any = "MINUTE", number: Any = 1) -> Any:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit, "count": count}


def reply(*limits: Any, status: int = 200, code: int = 0, data: Any = None) -> Reply:
    error = {"code": code, "msg": "no", "data": data} if code else None
    return Reply("id", status, {}, error, limits)


def tell(budget: Budget, *limits: Any, cost: Cost = ONE, now: float = NOW, **more: Any) -> None:
    """Let a request be answered."""
    booking = budget.book(cost, now)
    assert booking
    budget.answered(cost, booking, reply(*limits, **more), now)


@pytest.fixture
def budget() -> Budget:
    """One that knows its limit of 100, of which 1 is used and 5 are spare."""
    budget = Budget(NOW, GUARD)
    tell(budget, entry(1))
    return budget


def wait(budget: Budget, cost: Cost, owner: str = "a", now: float = NOW, *, urgent: bool = False) -> Waiter:
    waiter = Waiter(cost, owner, None, urgent)
    budget.wait(waiter, now)
    return waiter


def test_the_short_way_does_what_the_long_way_does(budget: Budget) -> None:
    """Bookings and answers of the usual kind; for everything else it does nothing."""
    booking = budget.book_swiftly(3, NOW)
    assert booking
    assert budget.answered_swiftly(3, booking, (entry(4),), NOW)
    assert budget.view(None, NOW).windows[0].used == 4
    for odd in (
        (),
        (entry(4), entry(4)),
        (entry("4"),),
        (entry(4, limit=7),),
        (entry(4, kind="RAW_REQUESTS"),),
        (entry(4, interval="HOUR"),),
        (entry(4, number=2),),
        ({},),
        (None,),
    ):
        assert not budget.answered_swiftly(1, 1, odd, NOW)
    assert not budget.answered_swiftly(1, 1, (entry(4),), NOW + 59.6)
    assert not budget.book_swiftly(1, NOW + 61)
    assert not budget.book_swiftly(99, NOW)


def test_first_come_first_served(budget: Budget) -> None:
    """A heavy request is not overtaken by lighter ones; what is urgent goes first, and uses the spare room."""
    tell(budget, entry(80))
    heavy, light = wait(budget, Cost(30), "a"), wait(budget, ONE, "b")
    assert budget.book(ONE, NOW) == 0
    assert budget.collect("b", NOW) == []
    own = wait(budget, Cost(20), "c", urgent=True)
    assert budget.collect("c", NOW) == [own]
    budget.unanswered(own.cost, own.booking, NOW)
    later = NOW + 61
    assert budget.collect("a", later) == [heavy]
    assert budget.has_news
    assert "b" in budget.to_tell()
    assert budget.collect("b", later) == [light]
    assert budget.waiting == 0


def test_who_withdraws_lets_others_go(budget: Budget) -> None:
    """Before its turn or after it, twice or once."""
    tell(budget, entry(80))
    heavy, light = wait(budget, Cost(30)), wait(budget, ONE, "b")
    budget.withdraw(heavy, NOW)
    budget.withdraw(heavy, NOW)
    assert budget.to_tell() == ("b",)
    used = budget.view(None, NOW).windows[0].used
    budget.withdraw(light, NOW)
    assert budget.view(None, NOW).windows[0].used == used - 1
    assert budget.collect("b", NOW) == []


def test_what_is_not_sent_does_not_count(budget: Budget) -> None:
    """It is given back."""
    booking = budget.book(Cost(20), NOW)
    budget.release(Cost(20), booking, NOW)
    budget.spend(Cost(2), NOW)
    assert budget.view(None, NOW).windows[0].used == 3


def test_a_refusal_closes_the_gate_until_the_exchange_says(budget: Budget) -> None:
    """By its own clock, whatever ours shows; turns that have not been used are taken back, in order."""
    first, second = wait(budget, ONE, "a"), wait(budget, ONE, "a")
    assert budget.waiting == 0  # they may go, but nobody has collected them
    data = {"serverTime": 5_000, "retryAfter": 35_000}
    budget.answered(ONE, 1, reply(status=429, code=-1003, data=data), NOW)
    assert budget.closed_until == NOW + 30
    assert budget.waiting == 2
    assert budget.book(ONE, NOW) == 0
    assert budget.next_at(NOW) == NOW + 30
    assert budget.turn_of(ONE, NOW) == NOW + 30
    assert budget.collect("a", NOW + 29.9) == []
    assert budget.collect("a", NOW + 30) == [first, second]


@pytest.mark.parametrize(
    "data, until",
    [
        ({"retryAfter": int(NOW * 1000) + 90_000}, 90),
        ({"retryAfter": int(NOW * 1_000_000) + 90_000_000}, 90),
        ({"retryAfter": 10**30, "serverTime": 0}, 7 * 86400),
        ({"retryAfter": 5}, 120),
        ({"retryAfter": "soon"}, 120),
        (None, 120),
    ],
)
def test_a_ban(budget: Budget, data: Any, until: float) -> None:
    """Nothing leaves until it is over, not even what weighs nothing."""
    budget.answered(ONE, 1, reply(status=418, code=-1003, data=data), NOW)
    assert budget.banned_until == pytest.approx(NOW + until)
    assert budget.book(Cost(0, 0), NOW + 1, urgent=True) == 0
    assert budget.turn_of(Cost(0, 0), NOW) == budget.banned_until
    view = budget.view(None, NOW)
    assert view.banned_until is not None
    assert "BANNED until" in repr(view)


def test_a_refusal_of_what_is_not_booked(budget: Budget) -> None:
    """It closes the gate, or to an account's orders, and books nothing; it may be the first news of a new minute."""
    error = reply(status=429, code=-1003, data={"retryAfter": 90_000, "serverTime": 80_000})
    used = budget.view(None, NOW).windows[0].used
    budget.refused("me", error, NOW)
    assert budget.closed_until == NOW + 10
    assert budget.view(None, NOW).windows[0].used == used
    budget.refused("me", reply(status=429, code=-1015), NOW + 600)
    assert budget.book(Cost(1, orders=1, account="me"), NOW + 600) == 0
    assert budget.book(Cost(1, orders=1, account="you"), NOW + 600)


def test_too_much_without_a_moment(budget: Budget) -> None:
    """Then the gate opens with the next interval; a closed gate lets through what weighs nothing."""
    budget.answered(ONE, 1, reply(status=429, code=-1003), NOW)
    assert budget.closed_until == NOW + 60 + GUARD
    assert budget.book(Cost(0, 0), NOW)
    assert "closed until" in repr(budget.view(None, NOW))
    before = Budget(NOW, GUARD)
    tell(before, status=400, code=-1121)
    assert before.closed_until == 0


def test_orders_are_the_accounts(budget: Budget) -> None:
    """Where an account has no room for orders, its other requests and other accounts' orders go on."""
    tell(budget, entry(2, 2, "ORDERS", "SECOND", 10), cost=ORDER)
    mine = wait(budget, ORDER, "a")
    ping, yours = wait(budget, ONE, "b"), wait(budget, Cost(1, 1, 1, "you"), "c")
    assert set(budget.to_tell()) == {"b", "c"}
    assert (budget.collect("b", NOW), budget.collect("c", NOW)) == ([ping], [yours])
    assert budget.turn_of(ORDER, NOW) == NOW + 10 + GUARD
    assert budget.next_at(NOW) == NOW + 10 + GUARD
    # An order was filled, as the answer to a later question tells.
    ask = budget._book(Cost(1, 1, 0, "me"))
    budget.answered(Cost(1, 1, 0, "me"), ask, reply(entry(1, 2, "ORDERS", "SECOND", 10)), NOW)
    assert budget.collect("a", NOW) == [mine]
    assert [window.used for window in budget.view("me", NOW).get("ORDERS")] == [2]


@pytest.mark.parametrize("data", [None, {"newOrderResponse": {"code": -1015}}])
def test_too_many_orders(budget: Budget, data: Any) -> None:
    """Only orders of that account are held back, also where one half of a request was refused for it."""
    code = -1015 if data is None else -2021
    tell(budget, entry(2, 2, "ORDERS", "SECOND", 10), cost=ORDER, status=429, code=code, data=data)
    assert budget.book(ORDER, NOW) == 0
    assert budget.book(ONE, NOW)
    assert budget.turn_of(ORDER, NOW) == NOW + 10 + GUARD
    assert budget.book(ORDER, NOW + 11)


def test_raw_requests(budget: Budget) -> None:
    """They are counted as soon as exchangeInfo has told their limit; what is malformed tells nothing."""
    budget.learn_limits("none", NOW)
    malformed = [None, {}, entry(0, limit=0), entry(0, limit="1"), entry(0, kind=[]), entry(0, kind="ORDERS")]
    unknown = [entry(0, kind="CONNECTIONS"), entry(0, interval="YEAR"), entry(0, number=0), entry(0, number="1")]
    budget.learn_limits([*malformed, *unknown, entry(0, 2, "RAW_REQUESTS", "MINUTE", 5)], NOW)
    assert [window.limit for window in budget.view(None, NOW).windows] == [100, 2]
    assert budget.book(ONE, NOW)
    assert budget.turn_of(ONE, NOW) == 0.0
    assert budget.book(ONE, NOW, urgent=True)
    assert budget.book(ONE, NOW, urgent=True) == 0
    assert budget.turn_of(ONE, NOW) == pytest.approx((NOW // 300 + 1) * 300 + GUARD)


def test_what_weighs_too_much(budget: Budget) -> None:
    """It has no turn."""
    assert budget.turn_of(Cost(101), NOW) is None


def test_counts_from_elsewhere(budget: Budget) -> None:
    """REST answers tell what is used, but not of how much."""
    budget.spent(("REQUEST_WEIGHT", "MINUTE", 1), 77, NOW)
    budget.spent(("REQUEST_WEIGHT", "DAY", 1), 99, NOW)
    budget.realign(NOW)
    assert budget.view(None, NOW).windows[0].used == 77
    budget.spent(("REQUEST_WEIGHT", "MINUTE", 1), 3, NOW + 61)
    assert budget.view(None, NOW + 61).windows[0].used == 3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(-0.5, 0.5), st.integers(20, 200))
def test_nothing_is_ever_refused(seed: int, error: float, limit: int) -> None:
    """Whatever is asked, however answers are delayed and our clock is off: the exchange's count stays in bounds."""
    chance = random.Random(seed)
    budget = Budget(NOW + error, GUARD)
    tell(budget, entry(1, limit), now=NOW + error)
    minute, count, now = NOW // 60, 1, NOW
    travelling: list[tuple[Cost, int]] = []
    answers: list[tuple[Cost, int, Reply]] = []
    served = 0
    for _ in range(400):
        now += chance.choice((0.0, 0.01, 0.2, 3.0))
        choice = chance.random()
        if choice < 0.6:
            cost = Cost(chance.choice((1, 1, 2, 10)))
            if budget.waiting < 30:
                wait(budget, cost, now=now + error)
        elif choice < 0.8 and travelling:
            cost, booking = travelling.pop(chance.randrange(len(travelling)))
            if now // 60 != minute:
                minute, count = now // 60, 0
            count += cost.weight
            assert count <= limit
            answers.append((cost, booking, reply(entry(count, limit))))
            served += 1
        elif answers:
            cost, booking, answer = answers.pop(chance.randrange(len(answers)))
            budget.answered(cost, booking, answer, now + error)
        travelling += [(waiter.cost, waiter.booking) for waiter in budget.collect("a", now + error)]
    assert served


def test_time_passes_between_a_request_and_what_becomes_of_it(budget: Budget) -> None:
    """Whichever way the next interval is noticed, it begins."""
    later = NOW + 61
    booking = budget.book(Cost(5), NOW)
    budget.unanswered(Cost(5), booking, later)
    assert budget.view(None, later).windows[0].used == 5
    budget.spend(Cost(2), later + 60)
    assert budget.view(None, later + 60).windows[0].used == 2


def test_an_order_that_is_not_sent_makes_room(budget: Budget) -> None:
    """For whoever waits for it."""
    tell(budget, entry(1, 2, "ORDERS", "SECOND", 10), cost=ORDER)
    booking = budget.book(ORDER, NOW)
    mine = wait(budget, ORDER)
    assert budget.collect("a", NOW) == []
    budget.release(ORDER, booking, NOW)
    assert budget.collect("a", NOW) == [mine]
    budget.answered(Cost(1, 1, 0, "me"), 1, reply(entry(1)), NOW)
    assert [window.used for window in budget.view("me", NOW).get("ORDERS")] == [2]


def test_intervals_that_last_for_ever(budget: Budget) -> None:
    """There are none: they are not taken in, and what is used can still be shown."""
    tell(budget, *(entry(1, kind=kind, number=10**17) for kind in ("RAW_REQUESTS", "ORDERS", "REQUEST_WEIGHT")))
    assert len(budget.view("me", NOW).windows) == 1
