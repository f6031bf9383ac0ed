"""Events that the reader could not bring to a subscription: whose they are, or what they mean. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Any

from .._wire.values import as_object, is_array, is_object
from ..errors import DecodeError
from .effects import Deliver, Effect, Leaving
from .subscriptions import STREAM_TERMINATED, TERMINATED, Subscriptions
from .tally import Tally
from .topics import Dialect, StreamTopic, Topic
from .trailing import Trailing

__all__ = ["SERVER_SHUTDOWN", "Strays"]

logger = logging.getLogger(__name__)

SERVER_SHUTDOWN = "serverShutdown"


class Strays:
    """
    Brings events home. A part of the session, under its lock.

    *reopen* asks for the topics that are wanted again.
    """

    def __init__(
        self,
        dialect: Dialect,
        effects: list[Effect],
        subscriptions: Subscriptions,
        reopen: Callable[[], object],
        tally: Tally,
    ) -> None:
        self._dialect = dialect
        self._effects = effects
        self._subscriptions = subscriptions
        self._reopen = reopen
        self._tally = tally
        self.trailing = Trailing(effects)
        """What still comes of topics that another connection has by now."""

    def take(self, message: Any) -> bool:
        """
        Take in *message* if it is an event, and return whether it is.

        Raises DecodeError where it is one, and nobody can tell of which open topic.
        """
        if is_array(message) and not self._dialect.named:
            self._raw(message)
            return True
        if not is_object(message):
            return False
        route, payload = message.get(self._dialect.route_key), message.get(self._dialect.payload_key)
        if route is not None and (is_object(payload) or is_array(payload)):
            self._routed(route, payload)
        elif "e" in message:
            self._raw(message)
        elif is_object(payload) and "id" not in message:
            self._raw(payload)
        elif is_object(event := message.get("event")) and len(message) == 1:
            # The documents show eventStreamTerminated on listen-key streams in this form.
            self._raw(event)
        elif not self._dialect.named and not message.keys() & {"id", "error", "code"}:
            self._raw(message)
        else:
            return False
        return True

    def _routed(self, route: Hashable, payload: dict[str, Any] | list[Any]) -> None:
        if as_object(payload).get("e") == SERVER_SHUTDOWN:
            self._raw(payload)
        elif not self._subscriptions.hold(route, payload):
            self._tally.unrouted += 1
            logger.debug("an event of no subscription of ours: %s", as_object(payload).get("e"))

    def _raw(self, payload: dict[str, Any] | list[Any]) -> None:
        """Take in an event without a route: it concerns the connection, or the one topic that it can only be of."""
        name = as_object(payload).get("e")
        if name == SERVER_SHUTDOWN:
            logger.warning("the exchange is about to end this connection")
            if self._dialect.named:
                self._effects.extend(Deliver(topic, payload) for topic in self._subscriptions)
            self._effects.append(Leaving())
            return
        key = as_object(payload).get("listenKey")
        # What is of a listen key that was left, or is somebody else's, is missing to nobody.
        named = StreamTopic(key) if isinstance(key, str) else None

        def may_be_of(topic: Topic) -> bool:
            return named is None or topic == named or not isinstance(topic, StreamTopic)

        topics = [topic for topic in (*self._subscriptions.open_topics(), *self.trailing) if may_be_of(topic)]
        if len(topics) > 1:
            raise DecodeError(f"an event without a route, and {len(topics)} topics that it could be of", payload)
        if len(topics) == 1:
            self._effects.append(Deliver(topics[0], payload))
            if name == STREAM_TERMINATED and not self.trailing.drop(topics[0]):
                self._subscriptions.lose(topics[0], TERMINATED)
                self._reopen()
        elif not self._subscriptions.hold_raw(payload, may_be_of):
            self._tally.unrouted += 1
            logger.warning("an event without a route, and no topic that it could be of")
