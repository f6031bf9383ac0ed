"""
The methods of the WebSocket API that the sandbox knows: security, weight and parameters of each.

Source: the WebSocket API document. What a method does is in :mod:`.ws_api`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import attrs

from .list_parameters import LIST_PARAMETERS
from .request import Form
from .sor import SOR_PARAMETERS

__all__ = ["METHODS", "Method", "Security"]

Weight = Callable[[Mapping[str, Any]], int]


@attrs.frozen
class Security:
    """What a request has to prove: ``key`` alone, or with a signature and a timestamp (``signed``)."""

    key: bool = False
    signed: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that it adds."""
        if self.signed:
            return ("apiKey", "signature", "timestamp", "recvWindow")
        return ("apiKey",) if self.key else ()


OPEN: Final = Security()
KEY: Final = Security(key=True)
SIGNED: Final = Security(key=True, signed=True)


@attrs.frozen
class Method:
    """What a request for this method costs and must have."""

    security: Security = OPEN
    weight: int | Weight = 1
    form: Form = attrs.field(factory=Form)
    session: bool = True
    """Whether a session's key may stand in for the request's own."""
    orders: bool = False
    """Whether the answer's rate limits show the count of unfilled orders."""

    def cost(self, params: Mapping[str, Any]) -> int:
        """Return the weight of a request with these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


_ORDER: Final = {
    "symbol": "STRING",
    "side": "ENUM",
    "type": "ENUM",
    "timeInForce": "ENUM",
    "price": "DECIMAL",
    "quantity": "DECIMAL",
    "quoteOrderQty": "DECIMAL",
    "newClientOrderId": "STRING",
    "newOrderRespType": "ENUM",
    "stopPrice": "DECIMAL",
    "trailingDelta": "INT",
    "icebergQty": "DECIMAL",
    "strategyId": "LONG",
    "strategyType": "INT",
    "selfTradePreventionMode": "ENUM",
    "pegPriceType": "ENUM",
    "pegOffsetValue": "INT",
    "pegOffsetType": "ENUM",
}
_ROUTED: Final = {name: kind for name, kind in _ORDER.items() if name in SOR_PARAMETERS}
_ORDER_REQUIRED: Final = ("symbol", "side", "type")
_RANGE: Final = {"startTime": "LONG", "endTime": "LONG", "limit": "INT"}
_SYMBOL: Final = {"symbol": "STRING"}
_TICKERS: Final = {"symbol": "STRING", "symbols": "ARRAY", "symbolStatus": "ENUM"}
_KLINES: Final = Form({"symbol": "STRING", "interval": "ENUM", **_RANGE, "timeZone": "STRING"}, ("symbol", "interval"))
_LISTEN_KEY: Final = Form({"listenKey": "STRING"}, required=("listenKey",))


# The kinds of an order list's parameters, by how their names end.
_KINDS: Final = {
    "Price": "DECIMAL",
    "Qty": "DECIMAL",
    "uantity": "DECIMAL",
    "price": "DECIMAL",
    "Delta": "INT",
    "OffsetValue": "INT",
    "StrategyType": "INT",
    "StrategyId": "LONG",
    "symbol": "STRING",
    "OrderId": "STRING",
}


def _type_of(name: str) -> str:
    """Return the kind of an order list's parameter."""
    return next((kind for end, kind in _KINDS.items() if name.endswith(end)), "ENUM")


def _number(params: Mapping[str, Any], name: str, default: int) -> int:
    """Return a whole number before it was checked."""
    value = str(params.get(name, default))
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 20 else default


def _count(params: Mapping[str, Any], name: str) -> int:
    """Return how many entries a list has before it was checked; whatever is no list counts as one."""
    value = params.get(name)
    return len(cast("list[object]", value)) if isinstance(value, list) else 1


def _step(count: int, steps: Mapping[int, int], beyond: int) -> int:
    """Return what the first of the ascending *steps* that is not below *count* costs."""
    return next((weight for most, weight in steps.items() if count <= most), beyond)


METHODS: Final[Mapping[str, Method]] = {
    "ping": Method(),
    "time": Method(),
    "exchangeInfo": Method(
        weight=20,
        form=Form(
            {
                "symbol": "STRING",
                "symbols": "ARRAY",
                "permissions": "ARRAY",
                "showPermissionSets": "BOOLEAN",
                "symbolStatus": "ENUM",
            }
        ),
    ),
    "executionRules": Method(
        weight=lambda params: (
            2 if "symbol" in params else min(40, 2 * _count(params, "symbols")) if "symbols" in params else 40
        ),
        form=Form({"symbol": "STRING", "symbols": "ARRAY", "symbolStatus": "ENUM"}),
    ),
    "depth": Method(
        weight=lambda params: _step(_number(params, "limit", 100), {100: 5, 500: 25, 1000: 50}, 250),
        form=Form({**_SYMBOL, "limit": "INT", "symbolStatus": "ENUM"}, ("symbol",)),
    ),
    "trades.recent": Method(weight=25, form=Form({**_SYMBOL, "limit": "INT"}, ("symbol",))),
    "trades.historical": Method(weight=25, form=Form({**_SYMBOL, "fromId": "INT", "limit": "INT"}, ("symbol",))),
    "blockTrades.historical": Method(
        weight=25, form=Form({**_SYMBOL, "fromId": "LONG", "limit": "LONG"}, ("symbol", "fromId"))
    ),
    "trades.aggregate": Method(weight=4, form=Form({**_SYMBOL, "fromId": "LONG", **_RANGE}, ("symbol",))),
    "klines": Method(weight=2, form=_KLINES),
    "uiKlines": Method(weight=2, form=_KLINES),
    "avgPrice": Method(weight=2, form=Form(_SYMBOL, ("symbol",))),
    "ticker.24hr": Method(
        weight=lambda params: (
            2
            if "symbol" in params
            else _step(_count(params, "symbols"), {20: 2, 100: 40}, 80)
            if "symbols" in params
            else 80
        ),
        form=Form({**_TICKERS, "type": "ENUM"}),
    ),
    "ticker.tradingDay": Method(
        weight=lambda params: min(200, 4 * _count(params, "symbols")),
        form=Form({**_TICKERS, "timeZone": "STRING", "type": "ENUM"}),
    ),
    "ticker": Method(
        weight=lambda params: min(200, 4 * _count(params, "symbols")),
        form=Form({**_TICKERS, "windowSize": "ENUM", "type": "ENUM"}),
    ),
    "ticker.price": Method(weight=lambda params: 2 if "symbol" in params else 4, form=Form(_TICKERS)),
    "ticker.book": Method(weight=lambda params: 2 if "symbol" in params else 4, form=Form(_TICKERS)),
    "referencePrice": Method(weight=2, form=Form(_SYMBOL, ("symbol",))),
    "referencePrice.calculation": Method(weight=2, form=Form({**_SYMBOL, "symbolStatus": "ENUM"}, ("symbol",))),
    "session.logon": Method(SIGNED, 2, session=False),
    "session.status": Method(weight=2),
    "session.logout": Method(weight=2),
    "session.subscriptions": Method(weight=2),
    "userDataStream.start": Method(KEY, 2),
    "userDataStream.ping": Method(KEY, 2, _LISTEN_KEY),
    "userDataStream.stop": Method(KEY, 2, _LISTEN_KEY),
    "userDataStream.subscribe": Method(weight=2),
    "userDataStream.subscribe.signature": Method(SIGNED, 2, session=False),
    "userDataStream.unsubscribe": Method(weight=2, form=Form({"subscriptionId": "INT"})),
    "account.status": Method(SIGNED, 20, Form({"omitZeroBalances": "BOOLEAN"})),
    "account.rateLimits.orders": Method(SIGNED, 40),
    "order.place": Method(SIGNED, 1, Form(_ORDER, _ORDER_REQUIRED), orders=True),
    "order.test": Method(
        SIGNED,
        lambda params: 20 if params.get("computeCommissionRates") in (True, "true") else 1,
        Form({**_ORDER, "computeCommissionRates": "BOOLEAN"}, _ORDER_REQUIRED),
    ),
    "order.cancel": Method(
        SIGNED,
        1,
        Form(
            {
                "symbol": "STRING",
                "orderId": "LONG",
                "origClientOrderId": "STRING",
                "newClientOrderId": "STRING",
                "cancelRestrictions": "ENUM",
            },
            ("symbol",),
            ("orderId", "origClientOrderId"),
        ),
    ),
    "sor.order.place": Method(SIGNED, 1, Form(_ROUTED, (*_ORDER_REQUIRED, "quantity"))),
    "sor.order.test": Method(
        SIGNED,
        lambda params: 20 if params.get("computeCommissionRates") in (True, "true") else 1,
        Form({**_ROUTED, "computeCommissionRates": "BOOLEAN"}, (*_ORDER_REQUIRED, "quantity")),
    ),
    "order.cancelReplace": Method(
        SIGNED,
        1,
        Form(
            {
                **_ORDER,
                "cancelReplaceMode": "ENUM",
                "cancelOrderId": "LONG",
                "cancelOrigClientOrderId": "STRING",
                "cancelNewClientOrderId": "STRING",
                "cancelRestrictions": "ENUM",
                "orderRateLimitExceededMode": "ENUM",
            },
            ("symbol", "cancelReplaceMode", "side", "type"),
            ("cancelOrderId", "cancelOrigClientOrderId"),
        ),
        orders=True,
    ),
    "order.amend.keepPriority": Method(
        SIGNED,
        4,
        Form(
            {
                "symbol": "STRING",
                "orderId": "LONG",
                "origClientOrderId": "STRING",
                "newClientOrderId": "STRING",
                "newQty": "DECIMAL",
            },
            ("symbol", "newQty"),
            ("orderId", "origClientOrderId"),
        ),
    ),
    "order.amendments": Method(
        SIGNED,
        4,
        Form(
            {"symbol": "STRING", "orderId": "LONG", "fromExecutionId": "LONG", "limit": "LONG"}, ("symbol", "orderId")
        ),
    ),
    "myPreventedMatches": Method(
        SIGNED,
        lambda params: 2 if params.get("preventedMatchId") is not None else 20,
        Form(
            {
                "symbol": "STRING",
                "preventedMatchId": "LONG",
                "orderId": "LONG",
                "fromPreventedMatchId": "LONG",
                "limit": "INT",
            },
            ("symbol",),
        ),
    ),
    "myAllocations": Method(
        SIGNED, 20, Form({"symbol": "STRING", "orderId": "LONG", "fromAllocationId": "INT", **_RANGE}, ("symbol",))
    ),
    "myFilters": Method(SIGNED, 40, Form({"symbol": "STRING"}, ("symbol",))),
    "account.commission": Method(SIGNED, 20, Form({"symbol": "STRING"}, ("symbol",))),
    "order.status": Method(
        SIGNED,
        4,
        Form(
            {"symbol": "STRING", "orderId": "LONG", "origClientOrderId": "STRING"},
            ("symbol",),
            ("orderId", "origClientOrderId"),
        ),
    ),
    **{
        kind.value: Method(SIGNED, 1, Form({name: _type_of(name) for name in names}, ("symbol",)), orders=True)
        for kind, names in LIST_PARAMETERS.items()
    },
    "orderList.cancel": Method(
        SIGNED,
        1,
        Form(
            {
                "symbol": "STRING",
                "orderListId": "INT",
                "listClientOrderId": "STRING",
                "newClientOrderId": "STRING",
            },
            ("symbol",),
            ("orderListId", "listClientOrderId"),
        ),
    ),
    "orderList.status": Method(
        SIGNED,
        4,
        Form({"orderListId": "INT", "origClientOrderId": "STRING"}, (), ("origClientOrderId", "orderListId")),
    ),
    "openOrderLists.status": Method(SIGNED, 6),
    "allOrderLists": Method(SIGNED, 20, Form({"fromId": "INT", **_RANGE})),
    "openOrders.status": Method(SIGNED, lambda params: 6 if params.get("symbol") else 80, Form({"symbol": "STRING"})),
    "openOrders.cancelAll": Method(SIGNED, 1, Form({"symbol": "STRING"}, ("symbol",))),
    "allOrders": Method(SIGNED, 20, Form({"symbol": "STRING", "orderId": "LONG", **_RANGE}, ("symbol",))),
    "myTrades": Method(
        SIGNED,
        lambda params: 5 if params.get("orderId") is not None else 20,
        Form({"symbol": "STRING", "orderId": "LONG", "fromId": "INT", **_RANGE}, ("symbol",)),
    ),
}
