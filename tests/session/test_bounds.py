"""Nothing that a session keeps grows without bounds. Tombstones and early events are tested with what they are for."""

from __future__ import annotations

from typing import Any

import pytest

from binance_socket._session.correlation import Correlation
from binance_socket._session.costs import Cost, Waiter
from binance_socket._session.effects import Complete, Pending, Send
from binance_socket._session.limits import Budget
from binance_socket._session.topics import UserDataTopic
from binance_socket._wire.messages import Request
from binance_socket.errors import Certainty, OutcomeUnknown, TooManyPending


def test_pending_requests(drive: Any) -> None:
    """One more than may wait is not sent, an order no more than a question; the session's own are."""
    driven = drive(most_pending=3)
    driven.submit("before")  # without a link, too
    driven.connect()
    driven.submit("a")
    driven.order("b")
    for ask in (driven.submit, driven.order):
        [effect] = ask("c")
        assert isinstance(effect, Complete)
        assert isinstance(effect.outcome, TooManyPending)
        assert not isinstance(effect.outcome, OutcomeUnknown)
        assert effect.outcome.certainty is Certainty.NOT_SENT
    [own] = driven.subscribe(UserDataTopic(needs_logon=False))
    assert isinstance(own, Send)
    driven.tick(10.0)
    [effect] = driven.submit("d")
    assert isinstance(effect, Send)


def test_deadlines_of_what_was_answered() -> None:
    """However many requests are answered before their deadlines."""
    requests = Correlation()
    for number in range(20_000):
        pending = Pending(f"id-{number}", Request("ping"), 1e6 + number)
        requests.add(pending)
        if number % 1000:
            requests.take(pending.id)
    assert len(requests) == 20
    assert len(requests._deadlines) <= 1025
    assert requests.next_deadline() == 1e6
    assert len(requests.take_due(2e6)) == 20


@pytest.mark.parametrize("order", [1, -1], ids=["oldest first", "latest first"])
def test_those_who_have_withdrawn(order: int) -> None:
    """While the exchange lets nothing through, whoever comes and goes leaves nothing behind."""
    budget = Budget(0.0, 0.0)
    budget.close(1e6)
    first = Waiter(Cost(1), "owner", "first", False)
    budget.wait(first, 0.0)
    for _ in range(100):
        waiters = [Waiter(Cost(1), "owner", number, False) for number in range(50)]
        for waiter in waiters:
            budget.wait(waiter, 0.0)
        for waiter in waiters[::order]:
            budget.withdraw(waiter, 0.0)
    assert sum(len(lane) for lane in budget._lanes.values()) <= 1 + 64 + 50
    [turn] = budget.collect("owner", 1e6 + 60)
    assert turn is first


def test_malformed_messages(ready: Any) -> None:
    """They are counted, and forgotten."""
    before = vars(ready.session).keys()
    for number in range(1000):
        ready.receive({"id": f"unknown-{number}", "status": 200})
        ready.receive({"subscriptionId": number, "event": {"e": "x"}})
    assert vars(ready.session).keys() == before
    assert ready.session.in_flight == 0
    assert (ready.session.tally.late, ready.session.tally.unrouted) == (1000, 1000)


def test_late_answers_to_what_was_given_up(ready: Any) -> None:
    """Questions are forgotten at once, orders with the 4,096 that are given up after them."""
    for number in range(5000):
        ready.write(ready.order(number))
        ready.session.give_up(number)
        ready.write(ready.submit(number + 10_000))
        ready.session.give_up(number + 10_000)
        ready.session.effects()
    assert len(ready.session._tombstones) == 4096


def test_closings_while_the_server_takes_no_messages(drive: Any) -> None:
    """Streams that come and go while nothing may be asked are never heard of there."""
    from binance_socket._session.topics import MARKET, MarketTopic

    driven = drive(MARKET)
    driven.connect()
    for number in range(5000):
        driven.subscribe(MarketTopic(f"s{number}@trade"))
        driven.unsubscribe(MarketTopic(f"s{number}@trade"))
    subscriptions = driven.session._subscriptions
    assert len(subscriptions) == 0
    assert len(subscriptions._closings) + driven.session.in_flight <= 8
