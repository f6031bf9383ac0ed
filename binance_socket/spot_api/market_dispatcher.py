"""From the payloads of a market stream to the callback that takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin

from .._wire.decoder import reader_of
from .._wire.values import is_object
from ..arrivals import Batch, arrived
from ..errors import BinanceSocketError, DecodeError, InvalidRequest

__all__ = ["MarketDispatcher"]


class MarketDispatcher:
    """
    Decodes each payload as a *kind*, a model or a list of them, and calls the handler.

    The stream says which kind that is: some payloads do not. What does not have the documented shape is told to
    *report*, with its payload. *symbols* are put into the payloads that do not say of which symbol they are, by stream.
    """

    def __init__(
        self, kind: Any, handler: Callable[[Any], object], *, symbols: Mapping[str, str], keep_raw: bool
    ) -> None:
        if not callable(handler):
            raise InvalidRequest(f"a handler must be callable, {handler!r} is not")
        if inspect.iscoroutinefunction(handler):
            raise InvalidRequest(f"a handler is an ordinary function: nobody would await {handler!r}")
        self._handler = handler
        self._decode = reader_of(kind)
        self._is_list = get_origin(kind) is list
        model = get_args(kind)[0] if self._is_list else kind
        self._has_time = "event_time" in model.__slots__
        self._symbols = symbols
        self._keep_raw = keep_raw

    def __call__(self, payload: Any, batch: Batch, report: Callable[[BinanceSocketError], object], /) -> None:
        """Deliver one event. Runs on the executor; what the handler raises is the caller's to report."""
        raw = payload if self._keep_raw else None
        if self._symbols and is_object(payload):
            payload = {**payload, "s": self._symbols.get(str(batch.stream))}
        try:
            data = self._decode(payload)
        except DecodeError as error:
            report(error)
            return
        if not self._has_time:
            event_time = None
        elif not self._is_list:
            event_time = data.event_time
        else:
            event_time = data[0].event_time if data else None
        self._handler(arrived(data, batch, event_time, raw))
