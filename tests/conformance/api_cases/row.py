"""What a row says."""

from __future__ import annotations

from typing import Any

import attrs

from binance_socket._wire.messages import Request
from binance_socket.spot_api.endpoint import Endpoint

__all__ = ["Row"]


@attrs.frozen
class Row:
    """A method of the exchange's."""

    method: str
    """Its name on the wire."""
    calls: tuple[Request[Any], ...]
    """For each example request of the documents, in their order, the request of ours that says the same."""
    answers: tuple[Any, ...]
    """
    For each example answer, in their order, what reads it.

    That is an endpoint; or a type, where no endpoint asks for it; or the code, where the answer is an error.
    """
    binance_net: str = ""
    """What Binance.Net's socket client calls it; empty where it does not have it."""
    also: tuple[Endpoint[..., Any], ...] = ()
    """Methods of ours that ask for it too, and have no example of their own."""
    beyond: frozenset[str] = frozenset()
    """Parameters that ours sends and the example does not, for a reason that the row gives."""
    ours: tuple[str, ...] = attrs.field(factory=tuple[str, ...])
    """What asks for it, where that is no endpoint: for example ``account.subscribe_to_user_data_updates``."""
