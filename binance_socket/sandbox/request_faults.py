"""What happens to requests that passed all checks, and whose outcome their sender is not to learn the usual way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from .errors import ExchangeError
from .fault_table import RequestFault

if TYPE_CHECKING:
    from .venue import Session

__all__ = ["lagged", "spoiled"]

Body = dict[str, Any]
# The key of the time from when on something is known to queries, by method.
_KNOWN_SINCE: Final[Mapping[str, str]] = {"order.status": "time", "orderList.status": "transactionTime"}
# The key of that time in each of the entries that a query answers.
_TIMES_OF_ENTRIES: Final[Mapping[str, str]] = {
    "openOrders.status": "time",
    "order.amendments": "time",
    "allOrderLists": "transactionTime",
    "allOrders": "updateTime",
    "myTrades": "time",
}
_UNKNOWN_OUTCOME: Final = "The backend did not answer in time; whether it has executed this is unknown."


def spoiled(session: Session, fault: RequestFault, request_id: object, run: Callable[[], Body]) -> Body | None:
    """
    Let *fault* happen to a request. Return the answer, None if there is none (yet).

    ``run()`` carries it out and returns the answer, a refusal included.
    """
    if fault.kind == "slow":
        venue = session.venue
        venue.timer.call_at(venue.clock.monotonic() + fault.seconds, lambda: _answer_late(session, request_id, run))
        return None
    if fault.kind == "late":
        body = run()
        when = session.venue.clock.monotonic() + fault.seconds
        session.venue.timer.call_at(when, lambda: session.outbox.send(orjson.dumps({"id": request_id, **body})))
        return None
    if fault.kind != "lose" and fault.executed:
        # Whether the exchange refuses it, nobody learns either.
        run()
    if fault.kind == "cut":
        session.link.wire.kill(reset=True)
    if fault.kind != "fail":
        return None
    error: dict[str, Any] = {"code": fault.code, "msg": _UNKNOWN_OUTCOME}
    if fault.data is not None:
        error["data"] = dict(fault.data)
    return {"status": fault.status, "error": error}


def lagged(method: str, result: Any, now_ms: int, lag: float) -> Any:
    """Return what a database that is *lag* seconds behind makes of a result. Raises ExchangeError: it knows nothing."""
    since = now_ms - lag * 1000
    if method in _TIMES_OF_ENTRIES:
        return [entry for entry in result if entry[_TIMES_OF_ENTRIES[method]] <= since]
    if method not in _KNOWN_SINCE:
        return result
    if result[_KNOWN_SINCE[method]] > since:
        raise ExchangeError.no_such_order()
    if result.get("status") == "CANCELED" and result["updateTime"] > since:
        return {**result, "status": "NEW"}
    return result


def _answer_late(session: Session, request_id: object, run: Callable[[], Body]) -> None:
    session.outbox.send(orjson.dumps({"id": request_id, **run()}))
