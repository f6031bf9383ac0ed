"""binance_socket._session.correlation"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._session.correlation import Correlation
from binance_socket._session.effects import Pending
from binance_socket._wire.messages import Request

Asked = Callable[..., Pending]


@pytest.fixture
def asked() -> Asked:
    """Make a request that waits: ``asked(id, deadline)``."""
    return lambda request_id, deadline=10.0: Pending(request_id, Request("ping"), deadline)


def test_answers_find_their_requests(asked: Asked) -> None:
    """Each once; unknown, repeated and null ids find nothing."""
    waiting = Correlation()
    one, two = asked("1"), asked("2")
    waiting.add(one)
    waiting.add(two)
    assert len(waiting) == 2
    assert list(waiting) == [one, two]
    assert waiting.take("2") is two
    assert [waiting.take(unknown) for unknown in ("2", "3", None, 1)] == [None] * 4
    assert list(waiting) == [one]


def test_membership_is_identity(asked: Asked) -> None:
    """Another request under the same id is another request."""
    waiting = Correlation()
    one = asked("1")
    waiting.add(one)
    assert one in waiting
    assert asked("1") not in waiting
    waiting.take("1")
    assert one not in waiting


def test_who_asked_is_known() -> None:
    """By identity, and for as long as the request waits."""
    waiting = Correlation()
    handles = [[], [], [], []]
    for number, handle in enumerate(handles):
        waiting.add(Pending(str(number), Request("ping"), float(number), handle))
    waiting.add(Pending("own", Request("ping"), 10.0))
    assert [waiting.asked_by(handle) for handle in handles] == list(waiting)[:4]
    assert (waiting.asked_by([]), waiting.asked_by(None)) == (None, None)
    waiting.take("1")
    waiting.take_due(0.0)
    assert [waiting.asked_by(handle) is None for handle in handles] == [True, True, False, False]
    waiting.take("own")
    waiting.take_all()
    assert [waiting.asked_by(handle) for handle in handles] == [None] * 4


def test_iteration_is_over_a_snapshot(asked: Asked) -> None:
    """Requests may be taken while iterating."""
    waiting = Correlation()
    for number in range(4):
        waiting.add(asked(str(number)))
    for pending in waiting:
        waiting.take(pending.id)
    assert not waiting


def test_deadlines(asked: Asked) -> None:
    """They come up in order, at their time and not before; what was answered never does."""
    waiting = Correlation()
    assert waiting.next_deadline() is None
    late, soon, answered = asked("1", 30.0), asked("2", 20.0), asked("3", 10.0)
    for pending in (late, soon, answered):
        waiting.add(pending)
    waiting.take("3")
    assert waiting.next_deadline() == 20.0
    assert waiting.take_due(19.9) == []
    assert waiting.take_due(20.0) == [soon]
    assert waiting.take_due(20.0) == []
    assert waiting.next_deadline() == 30.0
    assert waiting.take_due(1e9) == [late]
    assert waiting.next_deadline() is None
    assert not waiting


def test_answered_requests_do_not_come_due(asked: Asked) -> None:
    """Not even when nobody has asked for the next deadline in between."""
    waiting = Correlation()
    waiting.add(asked("1"))
    waiting.take("1")
    assert waiting.take_due(10.0) == []


def test_take_all(asked: Asked) -> None:
    """Everything comes out once, and no deadline is left."""
    waiting = Correlation()
    waiting.add(asked("1"))
    assert [pending.id for pending in waiting.take_all()] == ["1"]
    assert waiting.take_all() == []
    assert waiting.next_deadline() is None


@given(st.lists(st.tuples(st.sampled_from(["add", "take", "due"]), st.integers(0, 20))))
def test_nothing_is_lost_or_doubled(steps: list[tuple[str, int]]) -> None:
    """Whatever the order of additions, answers and deadlines, each request comes out once."""
    waiting, model, out = Correlation(), {}, []
    for number, (step, value) in enumerate(steps):
        if step == "add":
            model[str(number)] = float(value)
            waiting.add(Pending(str(number), Request("ping"), float(value)))
        elif step == "take" and str(value) in model:
            pending = waiting.take(str(value))
            assert (pending is None) is (str(value) in out)
            out.extend([pending.id] if pending else [])
        elif step == "due":
            due = [pending.id for pending in waiting.take_due(float(value))]
            assert set(due) == {key for key, deadline in model.items() if deadline <= value} - set(out)
            out.extend(due)
        left = [deadline for key, deadline in model.items() if key not in out]
        assert waiting.next_deadline() == min(left, default=None)
        assert len(waiting) == len(left)
    assert len(out) == len(set(out))
