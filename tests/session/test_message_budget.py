"""binance_socket._session.message_budget"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from binance_socket._session.message_budget import MessageBudget


def test_no_limit() -> None:
    """Then there is always room, and never a time to wait for."""
    budget = MessageBudget(None)
    for _ in range(100):
        number = budget.take(0.0)
        assert number is not None
        budget.answered(number, 0.0)
    budget.spend(0.0)
    assert budget.next_time() is None


def test_unanswered_messages_count_until_a_second_after_their_answer() -> None:
    """They may arrive at any moment up to it."""
    budget = MessageBudget(2)
    first, second = budget.take(0.0), budget.take(0.0)
    assert first is not None
    assert second is not None
    assert budget.take(100.0) is None
    assert budget.next_time() is None
    budget.answered(first, 100.5)
    assert budget.take(101.0) is None
    assert budget.next_time() == 101.5
    assert budget.take(101.5) is not None
    assert budget.take(101.5) is None


def test_an_answer_counts_once() -> None:
    """One that comes after its message has ceased to count is nothing."""
    budget = MessageBudget(1)
    number = budget.take(0.0)
    assert number is not None
    budget.answered(number, 1.0)
    assert budget.take(2.0) is not None
    budget.answered(number, 2.0)
    assert budget.next_time() is None


def test_what_is_sent_in_any_case_is_counted() -> None:
    """It takes room from what can wait."""
    budget = MessageBudget(2)
    budget.spend(0.0)
    assert budget.take(0.5) is not None
    assert budget.take(0.5) is None
    assert budget.next_time() == 1.0
    assert budget.take(1.0) is not None


def test_another_link() -> None:
    """The server counts it by itself."""
    budget = MessageBudget(1)
    budget.take(0.0)
    budget.reset()
    assert budget.take(0.0) is not None


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 2), st.floats(0, 3), st.floats(0, 1)), max_size=60),
)
def test_never_more_in_any_second(limit: int, steps: list[tuple[float, float, float]]) -> None:
    """However long messages and answers travel: at the server, no second sees more than the limit."""
    budget, now = MessageBudget(limit), 0.0
    arrivals: list[float] = []
    answers: list[tuple[float, int]] = []
    for pause, journey, share in steps:
        now += pause
        for at, number in sorted(answers):
            if at <= now:
                budget.answered(number, at)
        answers = [answer for answer in answers if answer[0] > now]
        taken = budget.take(now)
        if taken is not None:
            arrivals.append(now + journey * share)
            answers.append((now + journey, taken))
    arrivals.sort()
    for index, at in enumerate(arrivals):
        # Half a microsecond is what adding and subtracting a second may lose.
        assert len([other for other in arrivals[index:] if other < at + 1.0 - 5e-7]) <= limit
