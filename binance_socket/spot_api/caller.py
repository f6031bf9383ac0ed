"""What the API's rooms need of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from .._session.topics import Topic
from .._wire.messages import Request
from ..credentials import Credentials
from ..events import CancellationToken, Dispatcher, UpdateSubscription
from ..models.response import Response
from ..options import ClientOptions, Environment, FlowPolicy

__all__ = ["Caller"]

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


class KeyRequests(Protocol):
    """How a listen key is kept alive and replaced."""

    def ping(self, listen_key: str) -> Request[Any]:
        """Return what keeps *listen_key* alive."""
        ...

    def start(self) -> Request[str]:
        """Return what asks for a key."""
        ...
