"""
The answers of the market data methods. Parameters are typed already; refusals are ``ExchangeError``.

Source: the WebSocket API document, "General requests" and "Market data requests".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from .errors import ExchangeError
from .matching import Level
from .money import text
from .venue import Venue

__all__ = ["MARKET_METHODS", "level_texts"]


def _limit(params: Mapping[str, Any], default: int, maximum: int) -> int:
    """Return how many entries are wanted: what is more than the maximum is the maximum."""
    limit: int = params.get("limit", default)
    if limit < 1:
        raise ExchangeError.bad_data("limit")
    return min(limit, maximum)


def _depth(venue: Venue, params: Mapping[str, Any]) -> dict[str, Any]:
    _check_status(venue, params)
    update_id, bids, asks = venue.exchange.levels(params["symbol"], _limit(params, 100, 5000))
    return {"lastUpdateId": update_id, "bids": level_texts(bids), "asks": level_texts(asks)}


def level_texts(levels: Iterable[Level]) -> list[list[str]]:
    """Return levels of a book as they are written."""
    return [[text(price), text(quantity)] for price, quantity in levels]


_STATUSES: Final = ("TRADING", "HALT", "BREAK")


def _check_status(venue: Venue, params: Mapping[str, Any]) -> None:
    """Raise ExchangeError -1220 unless the one symbol that is asked for has the status that is asked for."""
    status = params.get("symbolStatus")
    if status is None:
        return
    if status not in _STATUSES:
        raise ExchangeError(-1122, "Invalid symbolStatus.")
    # Everything here is always traded.
    if status != "TRADING":
        raise ExchangeError(-1220, "The symbol's status does not match the requested symbolStatus.")


MARKET_METHODS: Final[Mapping[str, Callable[[Venue, Mapping[str, Any]], Any]]] = {
    "depth": _depth,
}
"""What a method answers, by its name."""
