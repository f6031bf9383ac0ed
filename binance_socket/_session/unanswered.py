"""Requests that end without an answer: which error they end with, and who may still be answered. Pure."""

from __future__ import annotations

from typing import Final

from ..errors import (
    BinanceSocketError,
    CallCancelled,
    Certainty,
    ClientClosed,
    ConnectionLost,
    OutcomeUnknown,
    OutcomeUnknownAfterCancellation,
    OutcomeUnknownAfterClose,
    OutcomeUnknownAfterLoss,
    OutcomeUnknownAfterTimeout,
    RequestTimeout,
    TooManyPending,
)
from .effects import Pending
from .topics import Topic

__all__ = ["Tombstones", "abandoned", "crowded_out", "ended", "lost", "not_opened", "over", "timed_out"]

# A late answer comes within seconds or never. Whoever has more unknown outcomes than this at a time asks the exchange.
_MOST_TOMBSTONES: Final = 4096


def timed_out(pending: Pending, *, unsent: bool, why: BinanceSocketError | None) -> BinanceSocketError:
    """Return the error of a request whose deadline has come; *why* there is no link, where it has not been sent."""
    method = pending.request.method
    if unsent:
        error = RequestTimeout(f"{method}: no link in time", Certainty.NOT_SENT)
        error.__cause__ = why
        return error
    if _matters(pending):
        return OutcomeUnknownAfterTimeout(f"{method}: no answer in time")
    return RequestTimeout(f"{method}: no answer in time", Certainty.MAYBE_SENT)


def lost(pending: Pending, error: BinanceSocketError) -> BinanceSocketError:
    """Return the error of a request whose link is gone because of *error*."""
    message = f"{pending.request.method}: {error}"
    loss = OutcomeUnknownAfterLoss(message) if _matters(pending) else ConnectionLost(message, pending.certainty)
    loss.__cause__ = error
    return loss


def abandoned(pending: Pending, *, unsent: bool) -> CallCancelled:
    """Return the error of a request that its caller does not wait for any more."""
    message = f"{pending.request.method}: the call was cancelled"
    if not unsent and _matters(pending):
        return OutcomeUnknownAfterCancellation(message)
    error = CallCancelled(message)
    error.certainty = Certainty.NOT_SENT if unsent else Certainty.MAYBE_SENT
    return error


def crowded_out(pending: Pending, most: int) -> TooManyPending:
    """Return the error of a request that is not sent because *most* others wait already."""
    return TooManyPending(f"{pending.request.method}: {most} calls wait for their answers already", Certainty.NOT_SENT)


def over(pending: Pending, error: ClientClosed, *, unsent: bool) -> ClientClosed:
    """Return the error of a request that waited when its session ended, which is *error* to everything else."""
    if unsent or not _matters(pending):
        return error
    unknown = OutcomeUnknownAfterClose(f"{pending.request.method}: {error}")
    unknown.__cause__ = error
    return unknown


def not_opened(topic: Topic, *, unsent: bool, why: BinanceSocketError | None) -> RequestTimeout:
    """Return the error of somebody who has waited for *topic* to open for too long."""
    certainty = Certainty.NOT_SENT if unsent else Certainty.MAYBE_SENT
    error = RequestTimeout(f"{topic.opening.method}: no answer in time", certainty)
    error.__cause__ = why
    return error


def ended(pending: Pending, error: BinanceSocketError) -> BinanceSocketError:
    """Return *error*, or an OutcomeUnknown because of it where the request may have changed something all the same."""
    if not _matters(pending):
        return error
    unknown = OutcomeUnknown(f"{pending.request.method}: {error}")
    unknown.__cause__ = error
    return unknown


def _matters(pending: Pending) -> bool:
    """Tell whether the request would have changed something, and may have done so."""
    return pending.request.mutating and pending.certainty is Certainty.MAYBE_SENT


class Tombstones:
    """The requests of one link that were given up unanswered, and whose outcome a late answer would tell."""

    def __init__(self) -> None:
        self._pending: dict[str | int | None, Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def bury(self, pending: Pending) -> None:
        """Remember a request that was given up, if an answer still matters. Beyond 4,096 the oldest is forgotten."""
        if not _matters(pending):
            return
        if len(self._pending) >= _MOST_TOMBSTONES:
            del self._pending[next(iter(self._pending))]
        self._pending[pending.id] = pending

    def exhume(self, request_id: str | int | None) -> Pending | None:
        """Remove and return the request with this id, or None."""
        return self._pending.pop(request_id, None)

    def clear(self) -> None:
        """Forget all: the link is gone, and with it the ids."""
        self._pending.clear()
