"""order.cancelReplace: one order cancelled and another one placed, in one request but not in one transaction."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, Final

from .accounts import AccountState
from .errors import ExchangeError
from .floor import Floor
from .parameters import ORDER_PARAMETERS, OrderReference, Parameters, order_request
from .trading import Trading

__all__ = ["REPLACE_PARAMETERS", "Replacing"]

_CANCEL: Final = {
    "orderId": "cancelOrderId",
    "origClientOrderId": "cancelOrigClientOrderId",
    "newClientOrderId": "cancelNewClientOrderId",
    "cancelRestrictions": "cancelRestrictions",
}
_ORDER: Final = {name: name for name in ORDER_PARAMETERS - {"computeCommissionRates", "symbol"}}
REPLACE_PARAMETERS: Final = frozenset(
    {"symbol", "cancelReplaceMode", "orderRateLimitExceededMode", *_CANCEL.values(), *_ORDER}
)
"""What order.cancelReplace takes."""


class _Mode(enum.Enum):
    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


class _ExceededMode(enum.Enum):
    DO_NOTHING = "DO_NOTHING"
    CANCEL_ONLY = "CANCEL_ONLY"


class _Half:
    """One of the two operations: what came of it."""

    def __init__(self) -> None:
        self.result = "NOT_ATTEMPTED"
        self.response: Any = None

    @property
    def succeeded(self) -> bool:
        return self.result == "SUCCESS"

    def attempt(self, operation: Callable[[], Any]) -> None:
        try:
            self.response = operation()
            self.result = "SUCCESS"
        except ExchangeError as error:
            self.response = {"code": error.code, "msg": error.message}
            self.result = "FAILURE"


class Replacing:
    """Cancels and places. Refusals are ExchangeError, with both halves in their data."""

    def __init__(self, floor: Floor, trading: Trading) -> None:
        self._floor = floor
        self._trading = trading

    def replace(
        self, account: AccountState, params: Mapping[str, Any], too_many: ExchangeError | None = None
    ) -> dict[str, Any]:
        """
        Return what order.cancelReplace answers. *too_many* is why the account may place no order now.

        What is wrong with the new order by itself (parameters, the symbol's rules and filters) refuses the request
        before anything is cancelled.
        """
        wanted = Parameters(params, REPLACE_PARAMETERS)
        with self._floor.exclusively() as now:
            market = self._floor.market(wanted)
            wanted.require("cancelReplaceMode")
            mode = wanted.member("cancelReplaceMode", _Mode, ExchangeError.bad_data("cancelReplaceMode"))
            exceeded_mode = wanted.member(
                "orderRateLimitExceededMode", _ExceededMode, ExchangeError.bad_data("orderRateLimitExceededMode")
            )
            cancelling = wanted.renamed(_CANCEL)
            OrderReference.read(cancelling)
            request = order_request(wanted.renamed(_ORDER))
            if not market.rules.allows_cancel_replace:
                raise ExchangeError.order_rejected("Order cancel-replace is not supported for this symbol.")
            market.check(request)
            if too_many is not None and exceeded_mode is not _ExceededMode.CANCEL_ONLY:
                raise too_many

            def place() -> dict[str, Any]:
                if too_many is not None:
                    raise too_many
                return self._trading.place(account, market, request, now)

            cancel, new = _Half(), _Half()
            cancel.attempt(lambda: self._trading.cancel(account, market, cancelling, now))
            if cancel.succeeded or mode is _Mode.ALLOW_FAILURE:
                new.attempt(place)
            market.settle(now)
            limited = too_many is not None and mode is _Mode.STOP_ON_FAILURE
            return _answer(cancel, new, limited=limited)


def _answer(cancel: _Half, new: _Half, *, limited: bool) -> dict[str, Any]:
    data = {
        "cancelResult": cancel.result,
        "newOrderResult": new.result,
        "cancelResponse": cancel.response,
        "newOrderResponse": new.response,
    }
    if cancel.succeeded and new.succeeded:
        return data
    if cancel.succeeded or new.succeeded:
        raise ExchangeError(-2021, "Order cancel-replace partially failed.", status=429 if limited else 409, data=data)
    raise ExchangeError(-2022, "Order cancel-replace failed.", status=429 if limited else 400, data=data)
