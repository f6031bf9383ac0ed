"""What leaves a session, what waits, and what is refused."""

from __future__ import annotations

from typing import Any

from binance_socket._session.admission import Admission, OpenDoor, held_back
from binance_socket._session.costs import Cost, Waiter
from binance_socket._session.effects import Pending, Send
from binance_socket._wire.messages import Reply, Request
from binance_socket.errors import Certainty, HandshakeError, RateLimited


class Closable(OpenDoor):
    """A door that lets one through at a time, where it is told to."""

    def __init__(self) -> None:
        self.open = True
        self.error: RateLimited | None = None
        self.turns: list[Waiter] = []
        self.heard: list[Any] = []

    def refusal(self, pending: Pending, now: float) -> RateLimited | None:
        return self.error

    def enter(self, pending: Pending, now: float) -> Waiter | None:
        if self.error is not None:
            raise self.error
        if self.open:
            pending.booking = 1
            return None
        return Waiter(Cost(1), self, pending)

    def answered(self, pending: Pending, reply: Reply, now: float) -> None:
        self.heard.append(("answered", pending.id))

    def refused(self, reply: Reply, now: float) -> None:
        self.heard.append(("refused", reply.status))

    def unanswered(self, pending: Pending, now: float) -> None:
        self.heard.append(("unanswered", pending.id))

    def withdraw(self, waiter: Waiter, now: float) -> None:
        self.heard.append(("withdrawn", waiter.subject.id))

    def collect(self, now: float) -> list[Waiter]:
        turns, self.turns = self.turns, []
        return turns

    def next_at(self, now: float) -> float:
        return now + 1

    def connect_refused(self, status: int, seconds: float | None, now: float) -> None:
        self.heard.append((status, seconds))


def make() -> tuple[Closable, Admission, list[Any], list[Any]]:
    door = Closable()
    effects: list[Any] = []
    refused: list[Any] = []
    return door, Admission(door, effects, lambda pending, error: refused.append((pending.id, error))), effects, refused


def pending(name: str = "1") -> Pending:
    return Pending(name, Request("ping"), 10.0, object())


def test_an_open_door() -> None:
    """Everything leaves, and its end is told once."""
    door, admission, effects, _ = make()
    one, two = pending("1"), pending("2")
    admission.send(one, 0.0)
    admission.send(two, 0.0)
    assert effects == [Send(one), Send(two)]
    admission.answered(one, Reply("1", 200), 1.0)
    admission.answered(one, Reply("1", 200), 1.0)
    admission.ended(one, 1.0)
    admission.ended(two, 1.0)
    admission.refused(Reply(None, 429, None, {"code": -1003}), 1.0)
    assert door.heard == [("answered", "1"), ("unanswered", "2"), ("refused", 429)]
    assert admission.next_at(0.0) is None


def test_waiting() -> None:
    """What waits leaves when its turn comes, or is withdrawn when it ends before."""
    door, admission, effects, _ = make()
    door.open = False
    one, two = pending("1"), pending("2")
    admission.send(one, 0.0)
    admission.send(two, 0.0)
    assert effects == []
    assert admission
    assert admission.next_at(5.0) == 6.0
    late = admission.too_late(one)
    assert late is not None
    assert late.certainty is Certainty.NOT_SENT
    admission.ended(one, 1.0)
    admission.ended(pending("3"), 1.0)
    assert door.heard == [("withdrawn", "1")]
    turn = Waiter(Cost(1), door, two)
    turn.booking = 7
    door.turns = [turn]
    admission.release(2.0)
    assert effects == [Send(two)]
    assert two.booking == 7
    assert not admission
    assert admission.too_late(two) is None


def test_refusals() -> None:
    """At the door, before there is a link, and when the exchange closes the door while something waits."""
    door, admission, _, refused = make()
    door.open = False
    one = pending("1")
    admission.check(one, 0.0)
    admission.send(one, 0.0)
    assert refused == []
    door.error, door.closed_until = held_back("ping", "closed", until=None), 9.0
    admission.release(0.0)
    admission.release(0.0)
    admission.send(pending("2"), 0.0)
    admission.connect_refused(HandshakeError("no", 418, retry_after=3.0), [pending("3")], 0.0)
    assert [name for name, _ in refused] == ["1", "2", "3"]
    assert door.heard == [(418, 3.0)]


def test_a_door_without_limits() -> None:
    """It lets everything through, and has nothing to tell."""
    door, one = OpenDoor(), pending()
    assert door.refusal(one, 0.0) is None
    assert door.enter(one, 0.0) is None
    assert door.collect(0.0) == []
    assert door.next_at(0.0) == float("inf")
    door.answered(one, Reply("1", 200), 0.0)
    door.unanswered(one, 0.0)
    door.refused(Reply(None, 429, None, {"code": -1003}), 0.0)
    door.withdraw(Waiter(Cost(1), door), 0.0)
    door.connect_refused(429, None, 0.0)


def test_what_is_held_back() -> None:
    """It says when to come back, and that nothing was sent."""
    error = held_back("ping", "no room", until=1_700_000_000.0, banned=True)
    assert error.banned
    assert error.retry_after is not None
    assert error.retry_after.timestamp() >= 1_700_000_000.0
    assert held_back("ping", "no room", until=None).retry_after is None
