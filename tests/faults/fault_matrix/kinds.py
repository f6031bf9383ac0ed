"""What a fault is: a frozen value, and what it is crossed with."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from binance_socket import ConnectionLost, OutcomeUnknown

if TYPE_CHECKING:
    from .scene import Scene

__all__ = [
    "ACTIVE",
    "ALL",
    "ANSWERED",
    "FORMING",
    "LINKED",
    "LOSS",
    "NOTHING",
    "OVERLAPS",
    "Case",
    "Fault",
    "Group",
    "Seen",
    "Setup",
    "State",
]


class Group(enum.Enum):
    """Where a fault comes from; the chapters of the table in docs/."""

    NETWORK = "Network"
    PROTOCOL = "Protocol"
    API = "The exchange's answers and events"
    CLIENT = "The program itself"


class State(enum.Enum):
    """What the client is doing when the fault happens. How each is brought about: states.py."""

    CONNECTING = "connecting"
    LOGGING_ON = "logging on"
    SUBSCRIBING = "subscribing"
    IDLE = "idle"
    IN_FLIGHT = "in flight"
    ROTATING = "rotating"
    OVERLAPPING = "overlapping"
    DRAINING = "draining"
    BACKFILLING = "backfilling"
    CLOSING = "closing"


ALL = tuple(State)
FORMING = (State.CONNECTING, State.LOGGING_ON, State.SUBSCRIBING)
"""Nobody has a subscription yet."""
LINKED = tuple(state for state in State if state is not State.CONNECTING)
"""There is a link for something to happen on."""
ACTIVE = tuple(state for state in State if state not in FORMING)
"""A subscription is open."""
OVERLAPS = (State.OVERLAPPING, State.DRAINING)
"""Two connections are subscribed."""
ANSWERED = tuple(state for state in State if state not in (State.CONNECTING, State.IDLE, *OVERLAPS))
"""An answer is due."""


@attrs.frozen(kw_only=True)
class Seen:
    """What the user sees of a fault. What is not named here must not be seen."""

    loss: bool = False
    """The subscription tells of a loss with a gap, that events come again, and what became of the gap."""
    perhaps: bool = False
    """It tells of that or it does not, depending on what comes first."""
    end: type[BaseException] | None = None
    """The subscription ends, and this is told as the reason."""
    refused: tuple[type[BaseException], ...] = ()
    """Subscribing fails with one of these. Otherwise it succeeds, however long it takes."""
    read: tuple[type[BaseException], ...] = ()
    """What a read that was in flight may end with, beside being answered."""
    order: tuple[type[BaseException], ...] = ()
    """The same of an order."""
    unanswered: tuple[str, ...] = ()
    """The methods of those that are not answered in any case: they end with what is said above."""
    rotation: tuple[type[BaseException], ...] = ()
    """What ``client.rotate()`` may raise."""
    told: tuple[type[BaseException], ...] = ()
    """What ``on_exception`` hears, of each kind at least once."""
    reason: str = ""
    """What the log says why, where that is told apart from other faults."""
    stuck: bool = False
    """The subscription hears nothing more, because a callback of it does not return."""
    ended: bool = False
    """The subscription ends, because it was closed."""
    closed: bool = False
    """The client is closed."""
    failed: bool = False
    """The client is not good for anything any more, and says so."""


NOTHING = Seen()
LOSS = Seen(loss=True, read=(ConnectionLost,), order=(OutcomeUnknown,), rotation=(ConnectionLost,))
"""The link went: what was asked on it is lost or unknown, what was subscribed comes again."""


def _options(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(value)


@attrs.frozen(kw_only=True)
class Setup:
    """What a fault needs to be around it."""

    tls: bool = False
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any], converter=_options)
    """ClientOptions, beside those that every case has."""
    sandbox: Mapping[str, Any] = attrs.field(factory=dict[str, Any], converter=_options)
    """Options of the sandbox."""
    raw: Callable[[Scene], Any] | None = None
    """Makes the raw server that stands between the client and the sandbox."""
    listen_key: bool = False
    """Whether the subscription is one to a listen key."""
    key_type: str = "HMAC"
    """The account's kind of key. To be logged on takes an Ed25519 key in any case."""
    target: str | None = None
    """The method of the call that an armed fault is for, where it is not what the state consists of."""
    clock: Callable[[], Any] | None = None
    """Makes the client's clock, where it is not the system's."""
    manual: bool = False
    """Whether the clock, of the client and of the sandbox, is moved by hand."""
    cancels: bool = False
    """Whether the calls in flight have a cancellation token."""
    patience: float | None = None
    """How long an answer is waited for, in seconds, where the fault is that none comes."""
    leaps: bool = False
    """Whether the clock, of the client and of the sandbox, leaps over that time once the fault has happened."""
    silent: bool = False
    """Whether that clock leaps until a peer that is silent is given up."""
    impatient_in: frozenset[State] = frozenset(
        {State.LOGGING_ON, State.SUBSCRIBING, State.IN_FLIGHT, State.ROTATING, State.BACKFILLING, State.CLOSING}
    )
    """Where that is waited for, if it is not *target*'s. Anywhere else an answer comes, on a slow machine too."""


@attrs.frozen(kw_only=True)
class Fault:
    """
    One kind of fault.

    It is either armed before the state is entered, and then hits what the state consists of (a connect, an answer), or
    strikes while the state is held.
    """

    name: str
    group: Group
    states: tuple[State, ...]
    elsewhere: str = ""
    """Why it is not crossed with the other states."""
    counter: str
    """Under which name it is counted where it happens: in ``sandbox.faults.triggered``, or in the raw server."""
    own: bool = False
    """Whether it happens on the client's side, and is counted there."""
    arm: Callable[[Scene], object] | None = None
    strike: Callable[[Scene], object] | None = None
    afterwards: Callable[[Scene], object] | None = None
    """What happens when everything is as it should be again; things must be so after it, too."""
    times: int = 1
    """How often it happens, at least."""
    seen: Seen = NOTHING
    seen_in: Mapping[State, Seen] = attrs.field(factory=dict[State, Seen])
    """What differs from that in some states."""
    setup: Setup = Setup()
    possible: bool = True
    """Whether this system can have it at all. Where not, its tests are skipped."""
    reaction: str
    """What the library does, for the table."""
    user: str
    """What the user sees, for the table."""

    def __attrs_post_init__(self) -> None:
        assert (self.arm is None) != (self.strike is None), f"{self.name}: armed or striking?"
        assert set(self.seen_in) <= set(self.states), f"{self.name}: seen where it is not"
        assert self.elsewhere or set(self.states) == set(State), f"{self.name}: why not in every state?"


@attrs.frozen
class Case:
    """A fault in a state: one test."""

    fault: Fault
    state: State

    @property
    def id(self) -> str:
        """The name of the test."""
        return f"{self.fault.name} - {self.state.value}"

    @property
    def times(self) -> int:
        """How often the fault happens, at least: a rotation connects once, and is given up then."""
        return 1 if self.state is State.ROTATING and self.fault.group is Group.NETWORK else self.fault.times

    @property
    def seen(self) -> Seen:
        """What the user sees."""
        return self.fault.seen_in.get(self.state, self.fault.seen)
