"""binance_socket._session.unanswered"""

from __future__ import annotations

from typing import Any

import pytest

from binance_socket._session.effects import Pending
from binance_socket._session.unanswered import Tombstones, abandoned, ended, lost, over, timed_out
from binance_socket._wire.messages import Request
from binance_socket.errors import (
    BinanceSocketError,
    CallCancelled,
    Certainty,
    ClientClosed,
    ConnectionLost,
    OutcomeUnknown,
    OutcomeUnknownAfterCancellation,
    OutcomeUnknownAfterClose,
    OutcomeUnknownAfterLoss,
    OutcomeUnknownAfterTimeout,
    RequestTimeout,
)

GONE = ConnectionLost("gone", Certainty.MAYBE_SENT)


def pending(number: int = 1, *, mutating: bool = True, sent: bool = True) -> Pending:
    request = Request[Any]("order.place" if mutating else "ping", mutating=mutating)
    made = Pending(f"id-{number}", request, 10.0, handle=object())
    if sent:
        made.claim()
    return made


@pytest.mark.parametrize(
    "mutating, sent, kinds",
    [
        (
            True,
            True,
            (OutcomeUnknownAfterTimeout, OutcomeUnknownAfterLoss, OutcomeUnknownAfterCancellation, OutcomeUnknown),
        ),
        (True, False, (RequestTimeout, ConnectionLost, CallCancelled, BinanceSocketError)),
        (False, True, (RequestTimeout, ConnectionLost, CallCancelled, BinanceSocketError)),
        (False, False, (RequestTimeout, ConnectionLost, CallCancelled, BinanceSocketError)),
    ],
)
def test_the_four_ends(mutating: bool, sent: bool, kinds: tuple[type[BinanceSocketError], ...]) -> None:
    """Only what would change something, and may have been sent, has an unknown outcome; certainty is told of all."""
    late = timed_out(pending(mutating=mutating, sent=sent), unsent=not sent, why=GONE)
    loss = lost(pending(mutating=mutating, sent=sent), GONE)
    other = ended(pending(mutating=mutating, sent=sent), BinanceSocketError("why"))
    left = abandoned(pending(mutating=mutating, sent=sent), unsent=not sent)
    assert (type(late), type(loss), type(left), type(other)) == kinds
    assert loss.__cause__ is GONE
    for error in (late, loss, left):
        assert error.certainty is (Certainty.MAYBE_SENT if sent else Certainty.NOT_SENT)  # type: ignore[attr-defined]


@pytest.mark.parametrize("mutating", [True, False])
@pytest.mark.parametrize("sent", [True, False])
def test_the_end_of_a_session(mutating: bool, sent: bool) -> None:
    """What would change something and may have been sent has an unknown outcome then, too."""
    closed = ClientClosed("closed")
    error = over(pending(mutating=mutating, sent=sent), closed, unsent=not sent)
    if mutating and sent:
        assert isinstance(error, OutcomeUnknownAfterClose)
        assert error.__cause__ is closed
    else:
        assert error is closed


def test_what_is_buried_can_be_exhumed_once() -> None:
    """As long as the link lives."""
    tombstones = Tombstones()
    first, second, question = pending(1), pending(2), pending(3, mutating=False)
    for each in (first, second, question):
        tombstones.bury(each)
    assert len(tombstones) == 2
    assert tombstones.exhume("id-1") is first
    assert tombstones.exhume("id-1") is None
    assert tombstones.exhume("id-3") is None
    tombstones.clear()
    assert tombstones.exhume("id-2") is None


def test_tombstones_are_bounded() -> None:
    """The oldest is forgotten: its outcome can still be asked for."""
    tombstones = Tombstones()
    for number in range(4097):
        tombstones.bury(pending(number))
    assert len(tombstones) == 4096
    assert tombstones.exhume("id-0") is None
    assert tombstones.exhume("id-1") is not None
    assert tombstones.exhume("id-4096") is not None
