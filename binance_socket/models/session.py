"""Sessions of the WebSocket API, and what listens in them."""

from __future__ import annotations

from datetime import datetime

from .base import Model, model, wire

__all__ = ["ListenKey", "SessionStatus", "SessionSubscription"]


@model
class ListenKey(Model):
    """
    The key of a user data stream, valid for 60 minutes. Who has it can listen.

    Source: the listen key document, ``userDataStream.start``.
    """

    listen_key: str = wire("listenKey", secret=True)


@model
class SessionStatus(Model):
    """
    Who is logged on, if anyone, and how the connection is set up.

    Source: the WebSocket API document, "Authentication requests"; the SBE schema's messages 51 to 53.
    """

    api_key: str | None = wire("apiKey", default=None, secret=True)
    """The key that logged on; None when nobody is."""
    authorized_since: datetime | None = None
    connected_since: datetime
    return_rate_limits: bool
    """Whether answers bring the rate limits along."""
    server_time: datetime
    user_data_stream: bool | None = None
    """Whether the session's own user data subscription is active."""

    @property
    def is_logged_on(self) -> bool:
        """Whether an API key is logged on."""
        return self.api_key is not None


@model
class SessionSubscription(Model):
    """
    A user data subscription of the connection.

    Source: the WebSocket API document, ``session.subscriptions`` and ``userDataStream.subscribe``; the SBE schema's
    messages 54, 503 and 505.
    """

    subscription_id: int
    expiration_time: datetime | None = None
    """When it ends by itself; None where it does not."""
