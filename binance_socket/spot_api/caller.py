"""What the API's rooms need of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import Any, Protocol, TypeVar

from .._engine.clock import Clock
from .._engine.timer import Timer
from .._engine.turns import Turns
from .._engine.watchdog import Watchdog
from .._session.backoff import Backoff
from .._session.topics import Topic
from .._wire.messages import Request
from ..arrivals import Dispatcher
from ..credentials import Credentials
from ..events import CancellationToken, UpdateSubscription
from ..models.response import Response
from ..options import ClientOptions, Environment, FlowPolicy
from .symbol_cache import SymbolCache

__all__ = ["Caller", "KeyRequests", "Surroundings"]

R = TypeVar("R")


class Caller(Protocol):
    """Whoever can ask the exchange, and listen to it."""

    @property
    def credentials(self) -> Credentials | None:
        """What requests are signed with."""
        ...

    @property
    def environment(self) -> Environment:
        """The venue that is asked."""
        ...

    @property
    def options(self) -> ClientOptions:
        """How the client was set up."""
        ...

    @property
    def surroundings(self) -> Surroundings:
        """What of the engine something needs that goes on by itself."""
        ...

    @property
    def symbols(self) -> SymbolCache:
        """The symbols' rules that the client keeps."""
        ...

    def call(self, request: Request[R]) -> Response[R]:
        """Ask, and wait for the answer."""
        ...

    def submit(self, request: Request[R]) -> Future[Response[R]]:
        """Ask, and return the future of the answer."""
        ...

    def subscribe(
        self,
        topics: Sequence[Topic],
        dispatch: Dispatcher,
        *,
        policy: FlowPolicy = FlowPolicy.BLOCK,
        keeper: KeyRequests | None = None,
        ct: CancellationToken | None,
    ) -> UpdateSubscription:
        """
        Listen, and wait until the exchange has agreed to all.

        *policy* says what becomes of events that are too many. With *keeper*, the topic's listen key is kept alive.
        """
        ...


class Surroundings(Protocol):
    """What of the engine something needs that goes on by itself, beside calls and subscriptions."""

    @property
    def clock(self) -> Clock:
        """What time it is."""
        ...

    @property
    def timer(self) -> Timer:
        """What is done later."""
        ...

    @property
    def executor(self) -> Executor:
        """Where callbacks run."""
        ...

    @property
    def snapshots(self) -> Turns:
        """Whose turn it is to ask for the snapshot of an order book."""
        ...

    @property
    def watchdog(self) -> Watchdog:
        """Who watches over callbacks."""
        ...

    def backoff(self) -> Backoff:
        """Return a new back-off as the options say."""
        ...

    @property
    def is_here(self) -> bool:
        """Whether this is the process that the client was made in, and not one that was forked from it."""
        ...

    def check_process(self) -> None:
        """Raise ForkedClientError if it is not."""
        ...


class KeyRequests(Protocol):
    """How a listen key is kept alive and replaced."""

    def ping(self, listen_key: str) -> Request[Any]:
        """Return what keeps *listen_key* alive."""
        ...

    def start(self) -> Request[str]:
        """Return what asks for a key."""
        ...
