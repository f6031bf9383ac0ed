"""binance_socket._session.state, and the methods that go through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from binance_socket._session.state import TRANSITIONS
from binance_socket._session.state import ConnectionState as State
from binance_socket.errors import ConnectionLost, HandshakeError, TlsError

S = State
LEGAL = {
    (S.IDLE, S.CONNECTING),
    (S.CONNECTING, S.READY),
    (S.CONNECTING, S.BACKOFF),
    (S.CONNECTING, S.IDLE),
    (S.READY, S.BACKOFF),
    (S.READY, S.IDLE),
    (S.BACKOFF, S.CONNECTING),
    *((state, end) for state in (S.IDLE, S.CONNECTING, S.READY, S.BACKOFF) for end in (S.CLOSED, S.FAILED)),
}


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_table(before: State, after: State) -> None:
    """Every pair of states is either drawn or illegal; from a final state nothing leads away."""
    assert (after in TRANSITIONS[before]) is ((before, after) in LEGAL)


def test_final_states() -> None:
    """Closed and failed are final, and nothing else is."""
    assert {state for state in State if state.is_final} == {State.CLOSED, State.FAILED}


GONE = ConnectionLost("gone")
EVENTS: dict[str, Callable[[Any], None]] = {
    "connecting": lambda driven: driven.session.connecting(),
    "connected": lambda driven: driven.session.connected(driven.now),
    "failed to connect": lambda driven: driven.session.connect_failed(GONE, driven.now),
    "failed for good": lambda driven: driven.session.connect_failed(TlsError("who is it"), driven.now),
    "told to stay away": lambda driven: driven.session.connect_failed(HandshakeError("no", 429, 60.0), driven.now),
    "lost": lambda driven: driven.session.lost(GONE, driven.now),
    "close": lambda driven: driven.session.close(),
    "fail": lambda driven: driven.session.fail(GONE),
}
# What happens where something is wanted, and, after the slash, where nothing is. Left out: illegal.
OUTCOMES: dict[tuple[State, str], tuple[State, State]] = {
    (S.IDLE, "connecting"): (S.CONNECTING, S.CONNECTING),
    (S.BACKOFF, "connecting"): (S.CONNECTING, S.CONNECTING),
    (S.CONNECTING, "connected"): (S.READY, S.READY),
    (S.CONNECTING, "failed to connect"): (S.BACKOFF, S.IDLE),
    (S.CONNECTING, "failed for good"): (S.IDLE, S.IDLE),
    (S.CONNECTING, "told to stay away"): (S.BACKOFF, S.BACKOFF),
    (S.READY, "failed to connect"): (S.BACKOFF, S.IDLE),
    (S.READY, "failed for good"): (S.IDLE, S.IDLE),
    (S.READY, "told to stay away"): (S.BACKOFF, S.BACKOFF),
    (S.READY, "lost"): (S.BACKOFF, S.IDLE),
    **{(state, "lost"): (state, state) for state in State if state is not S.READY},
    **{(state, "close"): (S.CLOSED, S.CLOSED) for state in State if not state.is_final},
    **{(state, "fail"): (S.FAILED, S.FAILED) for state in State if not state.is_final},
    **{(state, event): (state, state) for state in (S.CLOSED, S.FAILED) for event in ("close", "fail")},
}
WAYS: dict[State, list[str]] = {
    S.IDLE: [],
    S.CONNECTING: ["connecting"],
    S.READY: ["connecting", "connected"],
    S.BACKOFF: ["connecting", "told to stay away"],
    S.CLOSED: ["close"],
    S.FAILED: ["fail"],
}


@pytest.mark.parametrize("wanted", [True, False], ids=["wanted", "unwanted"])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_transitions(driven: Any, state: State, event: str, wanted: bool) -> None:
    """Each event leads where the table says, or is refused and changes nothing."""
    for step in WAYS[state]:
        EVENTS[step](driven)
    if wanted:
        driven.submit("call")
    assert driven.session.state is state
    expected = OUTCOMES.get((state, event))
    if expected is None:
        with pytest.raises(AssertionError, match=f"{state.name} -> "):
            EVENTS[event](driven)
        assert driven.session.state is state
    else:
        EVENTS[event](driven)
        assert driven.session.state is expected[0 if wanted else 1]
