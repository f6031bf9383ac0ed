"""What is found out about a request whose outcome is unknown, by one look. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import attrs

from .._wire.messages import UNKNOWN_CODES, Reply, Request, Security, error_of
from .._wire.values import as_object
from ..errors import ApiError, BinanceSocketError, OutcomeUnknown
from ..outcomes import NotExecuted, NotPlaced, OutcomeSource, Verdict

__all__ = [
    "NO_SUCH_ORDER",
    "Answer",
    "Finding",
    "Follow",
    "Key",
    "Matter",
    "Settled",
    "Standing",
    "Unclear",
    "is_absent",
    "is_error",
    "keys_of_event",
    "names_in",
    "order_status",
    "query",
    "told",
    "unclear",
]

NO_SUCH_ORDER: Final = -2013
PARTIALLY_FAILED: Final = -2021
_NOT_DONE: Final = frozenset({"FAILURE", "NOT_ATTEMPTED"})

Key = str | tuple[str, str, int]
"""By what an event is recognised: a client order id, or symbol and number of an order ("i") or of a list ("g")."""

Answer = Any | BinanceSocketError
"""The result of a query, or why there is none."""


@attrs.frozen
class Settled:
    """It is known, for certain."""

    verdict: Verdict


@attrs.frozen
class Standing:
    """How things stand. The verdict is that, if it is found twice in a row once nothing can change it any more."""

    verdict: Verdict


@attrs.frozen
class Follow:
    """The answer leads to another question."""

    request: Request[Any]


@attrs.frozen
class Unclear:
    """Nothing was learned."""

    reason: str


Finding = Settled | Standing | Follow | Unclear


class Matter(Protocol):
    """What one kind of request means: how its outcome shows."""

    @property
    def keys(self) -> frozenset[Key]:
        """By what its events are recognised."""
        ...

    @property
    def question(self) -> Request[Any] | None:
        """What to ask the exchange; None where it gives no way to know."""
        ...

    @property
    def doubt(self) -> str:
        """What makes the outcome unknown as long as nothing is found: a sentence's beginning."""
        ...

    def answered(self, question: Request[Any], answer: Answer) -> Finding:
        """Return what the *answer* to a question tells."""
        ...

    def replied(self, reply: Reply) -> Finding:
        """Return what the late reply to the request itself tells."""
        ...

    def reported(self, event: dict[str, Any]) -> Settled | None:
        """Return what an event of the account tells, if it tells anything about this."""
        ...


def query(method: str, weight: int, **params: Any) -> Request[Any]:
    """Return a question about orders, whose answer is taken as it comes."""
    return Request(method, params, object, Security.SIGNED, weight=weight)


def is_absent(answer: Answer) -> bool:
    """Tell whether the exchange says that there is no such order."""
    return isinstance(answer, ApiError) and answer.code == NO_SUCH_ORDER


def keys_of_event(event: dict[str, Any]) -> tuple[Key, ...]:
    """Return by what an event of the account may be recognised. Never raises."""
    name = event.get("e")
    if name == "executionReport":
        symbol = event.get("s")
        if not isinstance(symbol, str):
            return names_in(event)
        numbers = [(letter, symbol, event[letter]) for letter in ("i", "g") if type(event.get(letter)) is int]
        return (*names_in(event), *numbers)
    if name == "listStatus" and isinstance(event.get("C"), str):
        return (event["C"],)
    return ()


def names_in(event: dict[str, Any]) -> tuple[str, ...]:
    """Return the client order ids in an executionReport: the order's own, and that of whatever it was changed by."""
    return tuple(name for name in (event.get("c"), event.get("C")) if isinstance(name, str) and name)


def order_status(symbol: str, reference: Mapping[str, Any]) -> Request[Any]:
    """Return the question for an order, by its number or its client order id."""
    return query("order.status", 4, symbol=symbol, **reference)


def unclear(answer: Answer) -> Unclear:
    """Return that nothing was learned, because of the error that came instead of an answer."""
    return Unclear(f"the exchange could not be asked: {answer}")


def is_error(answer: Answer) -> bool:
    """Tell whether there was an error instead of an answer."""
    return isinstance(answer, Exception)


def told(
    reply: Reply, read: Callable[[Any], Any], refused: type[NotPlaced | NotExecuted], half: str | None = None
) -> Finding:
    """
    Return what the late reply to a request tells, whose result *read* makes a verdict of.

    *half* is that of a cancel-replace which is meant: "cancel" or "newOrder".
    """
    error = _refusal_of(reply)
    if isinstance(error, OutcomeUnknown):
        return Unclear("the exchange does not know either")
    if half is not None:
        return _told_of_half(as_object(reply.result) if error is None else error.data, half, error, read, refused)
    if error is None:
        return Settled(read(reply.result))
    return Settled(refused(OutcomeSource.LATE_REPLY, f"the exchange refused it: {error.message} (code {error.code})"))


def _told_of_half(
    halves: Mapping[str, Any],
    half: str,
    error: ApiError | None,
    read: Callable[[Any], Any],
    refused: type[NotPlaced | NotExecuted],
) -> Finding:
    result, response = halves.get(f"{half}Result"), halves.get(f"{half}Response")
    if result == "SUCCESS":
        return Settled(read(response))
    failure = as_object(response)
    code = failure.get("code")
    # Of what has failed in part, and says nothing of this half, nobody knows which part.
    known = isinstance(result, str) and result in _NOT_DONE
    says_nothing = not known and (error is None or error.code == PARTIALLY_FAILED)
    if says_nothing or (isinstance(code, int) and code in UNKNOWN_CODES):
        return Unclear("the exchange does not say")
    reason = failure.get("msg") or result or (error and error.message)
    return Settled(refused(OutcomeSource.LATE_REPLY, f"the exchange refused it: {reason}"))


def _refusal_of(reply: Reply) -> ApiError | OutcomeUnknown | None:
    """Return the error that a reply to a request that changes something is, or None when it is a success."""
    error = error_of(reply, Request("it", mutating=True))
    assert error is None or isinstance(error, (ApiError, OutcomeUnknown))
    return error
