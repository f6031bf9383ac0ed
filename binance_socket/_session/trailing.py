"""What still comes on a connection that another one has taken over from. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from .effects import Effect, Lost
from .topics import Topic

__all__ = ["Trailing"]


class Trailing:
    """
    The topics that another connection has by now, and of which events come here until the server says that it ends.

    Whoever stands for their subscribers hears these, and has to hear if one is missing. Appends to *effects*.
    """

    def __init__(self, effects: list[Effect]) -> None:
        self._effects = effects
        self._routes: dict[Topic, Hashable] = {}

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[Topic]:
        return iter(tuple(self._routes))

    def begin(self, topic: Topic, route: Hashable) -> None:
        """Another connection has *topic*, which was open here."""
        self._routes[topic] = route

    def ended(self, route: Hashable) -> None:
        """The server has said that nothing more comes by *route*."""
        self._routes = {topic: its for topic, its in self._routes.items() if its != route}

    def drop(self, topic: Topic) -> bool:
        """The same of *topic*. Return whether it was one of these."""
        return self._routes.pop(topic, None) is not None

    def link_lost(self, reason: str) -> None:
        """The link went away, or is of no use any more: what had not come by then does not."""
        self._effects.extend(Lost(topic, reason) for topic in self._routes)
        self._routes.clear()
