"""What the exchange has really received, to hold the certainty of failures against."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from binance_socket import ApiError, Certainty, OutcomeUnknown
from binance_socket.sandbox.request import Request
from binance_socket.sandbox.ws_api import ApiSession

__all__ = ["Receipts", "certainty_violations"]


class Receipts:
    """
    Notes every request that the sandbox's WebSocket API takes, before anything becomes of it. A context manager.

    What it refuses by its signature or its timestamp (-1021) it has not taken: the library may send that once more.
    Requests are known by their receive windows: the test gives each of its own another one.
    """

    def __init__(self) -> None:
        # Guards what follows.
        self._lock = threading.Lock()
        self._links = 0
        self._windows: set[int] = set()
        self._methods: Counter[str] = Counter()
        self._undo: list[tuple[str, Any]] = []

    def __enter__(self) -> Receipts:
        make, carry_out = ApiSession.__init__, ApiSession._carried_out

        def made(session: ApiSession, *args: Any, **more: Any) -> None:
            with self._lock:
                self._links += 1
            make(session, *args, **more)

        def carried_out(session: ApiSession, request: Request, call: Any) -> Any:
            self.note(request.method, request.params)
            return carry_out(session, request, call)

        self._undo = [("__init__", make), ("_carried_out", carry_out)]
        ApiSession.__init__, ApiSession._carried_out = made, carried_out  # type: ignore[method-assign]
        return self

    def __exit__(self, *exc_info: object) -> None:
        for name, original in self._undo:
            setattr(ApiSession, name, original)

    def note(self, method: str, params: Mapping[str, Any]) -> None:
        """Take a request that has come."""
        window = params.get("recvWindow")
        with self._lock:
            self._methods[method] += 1
            if window is not None:
                self._windows.add(int(window))

    @property
    def any_link(self) -> bool:
        """Whether there ever was a link to send on."""
        with self._lock:
            return self._links > 0

    def has(self, window: int) -> bool:
        """Tell whether the request with that receive window was received."""
        with self._lock:
            return window in self._windows

    def has_method(self, method: str) -> bool:
        """Tell whether a request for *method* was received, by anybody."""
        with self._lock:
            return self._methods[method] > 0


def certainty_violations(
    name: str, error: BaseException | None, *, mutating: bool, received: bool, any_link: bool
) -> list[str]:
    """
    Return what is wrong with what a failure says of whether its request may have arrived.

    What was *received* is never said not to have been sent: by its ``certainty``, or where it is *mutating* by any
    error but one that says that the outcome is unknown or that the exchange refused. Where there was not *any_link*,
    nothing may have arrived.
    """
    if error is None:
        return []
    certainty = getattr(error, "certainty", None)
    unknown = isinstance(error, OutcomeUnknown)
    wrong = []
    if received and certainty is Certainty.NOT_SENT:
        wrong.append(f"{name}: was received, and is said not to have been sent: {error!r}")
    if received and mutating and not isinstance(error, (OutcomeUnknown, ApiError)):
        wrong.append(f"{name}: was received, and is not said to be unknown: {error!r}")
    if mutating and certainty is Certainty.MAYBE_SENT and not isinstance(error, (OutcomeUnknown, ApiError)):
        wrong.append(f"{name}: may have been sent, and is not said to be unknown: {error!r}")
    if not any_link and (unknown or certainty is Certainty.MAYBE_SENT):
        wrong.append(f"{name}: there never was a link, and it is said that it may have been sent: {error!r}")
    return wrong
