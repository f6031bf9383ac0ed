"""
What a connection can be subscribed to, and the two languages that servers speak about it.

The WebSocket API answers a subscription with a number and stamps that number on its events; a stream server is asked
for names and stamps those. Everything else about subscriptions is the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from .._wire.messages import Request, Security
from .._wire.values import as_object
from ..errors import DecodeError
from ..masking import MaskedText

__all__ = [
    "MARKET",
    "STREAMS",
    "WS_API",
    "Dialect",
    "MarketTopic",
    "StreamTopic",
    "Topic",
    "UserDataTopic",
    "merged",
    "shown_route",
]


# Of a listen key, which is a secret: enough to tell two of them apart.
_SHOWN: Final = 4


@attrs.frozen
class Dialect:
    """Where a server puts the route of an event, and the event itself; and how it writes that, for those in a hurry."""

    route_key: str
    payload_key: str
    head: bytes
    """What an event begins with, up to its route."""
    middle: bytes
    """What stands between the route and the event's name, or the event itself if not all have one."""
    named: bool = True
    """Whether every event is an object that begins with its name; some names end the stream. Else, none does."""
    topics_at_once: int = 1
    """How many topics one message may ask for."""
    lists_routes: bool = False
    """Whether the server lists, when asked, what it stamps on the events of the connection."""
    tells_time: bool = False
    """Whether the server says, when asked, what time it is."""
    messages_per_second: int | None = None
    """How many messages of ours the server takes, pings and pongs not counted; None for no limit of the link's."""

    @property
    def skipped(self) -> int:
        """How many bytes of ``middle`` stand before the event itself."""
        return self.middle.index(b"{") if self.named else len(self.middle)

    @property
    def tails(self) -> tuple[bytes, ...]:
        """What an event ends with: with itself, and what is around it."""
        return (b"}}",) if self.named else (b"}}", b"]}")


WS_API = Dialect(
    "subscriptionId", "event", b'{"subscriptionId":', b',"event":{"e":"', lists_routes=True, tells_time=True
)
# A stream server takes 5 messages a second, of which one is kept for the answer to its ping. With as many names in one
# message, a full connection of 1,024 streams is asked for in four.
_CONTROL: Mapping[str, Any] = {"topics_at_once": 256, "messages_per_second": 4}
STREAMS = Dialect("stream", "data", b'{"stream":"', b'","data":{"e":"', **_CONTROL)
MARKET = Dialect("stream", "data", b'{"stream":"', b'","data":', named=False, **_CONTROL)


class Topic(Protocol):
    """Something to listen to. Equal topics share one subscription at the server."""

    def __hash__(self) -> int: ...

    @property
    def needs_logon(self) -> bool:
        """Whether the session must be logged on before it is asked for."""
        ...

    @property
    def label(self) -> str:
        """What it is, for people. Shows no secret."""
        ...

    @property
    def opening(self) -> Request[Any]:
        """What asks the server for it."""
        ...

    def route_of(self, result: Any) -> Hashable:
        """Return what the server will stamp on the events, from its answer to ``opening``. Raises DecodeError."""
        ...

    def closing(self, route: Hashable) -> Request[Any]:
        """Return what tells the server that nobody listens any more."""
        ...


@attrs.frozen
class UserDataTopic:
    """The account's events on the WebSocket API. One subscription an account is allowed on a connection."""

    needs_logon: bool
    """Subscribe as the logged-on session; otherwise with a signature of its own."""

    @property
    def label(self) -> str:
        return "user data"

    @property
    def opening(self) -> Request[Any]:
        if self.needs_logon:
            return Request("userDataStream.subscribe", weight=2)
        return Request("userDataStream.subscribe.signature", security=Security.SIGNED, weight=2)

    def route_of(self, result: Any) -> Hashable:
        route = as_object(result).get("subscriptionId")
        if type(route) is int:
            return route
        raise DecodeError("a subscription without a subscriptionId", result)

    def closing(self, route: Hashable) -> Request[Any]:
        return Request("userDataStream.unsubscribe", {"subscriptionId": route}, weight=2)


@attrs.frozen
class StreamTopic:
    """A stream of a stream server, by its name: for user data, the listen key."""

    name: str = attrs.field(repr=False, converter=MaskedText)
    """A listen key opens the account's events to whoever has it, so it is not shown."""
    needs_logon: bool = False

    @property
    def label(self) -> str:
        shown = self.name[:_SHOWN] if len(self.name) > 4 * _SHOWN else ""
        return f"listen key {shown}..."

    @property
    def opening(self) -> Request[Any]:
        return Request("SUBSCRIBE", (self.name,))

    def route_of(self, result: Any) -> Hashable:
        return self.name

    def closing(self, route: Hashable) -> Request[Any]:
        return Request("UNSUBSCRIBE", (self.name,))


@attrs.frozen
class MarketTopic:
    """A market stream, by its name."""

    name: str
    needs_logon: bool = attrs.field(default=False, init=False, repr=False)

    @property
    def label(self) -> str:
        return self.name

    @property
    def opening(self) -> Request[Any]:
        return Request("SUBSCRIBE", (self.name,))

    def route_of(self, result: Any) -> Hashable:
        return self.name

    def closing(self, route: Hashable) -> Request[Any]:
        return Request("UNSUBSCRIBE", (self.name,))


def shown_route(topic: Topic, route: Hashable) -> str | None:
    """Return *route*, by which the events of *topic* come, for people: a number as it is, None for None."""
    if route is None:
        return None
    # A stream comes by its name, which may be a secret.
    return str(route) if isinstance(route, int) else topic.label


def merged(requests: Sequence[Request[Any]]) -> Request[Any]:
    """Return the one request that asks for what all of *requests* do: names of one method's add up."""
    if len(requests) == 1:
        return requests[0]
    return Request(requests[0].method, tuple(name for request in requests for name in request.params))
