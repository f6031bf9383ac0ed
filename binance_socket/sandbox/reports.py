"""
How orders, trades and balances are written: event payloads and the results of the trading and account methods.

Keys are those of the documents (user_data_events, ws_api); a conditional one is there only when it applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs

from .accounts import AccountState
from .money import ZERO, text
from .orders import STOP_TYPES, Order, Status, Trade

__all__ = [
    "Prevention",
    "account_status",
    "acknowledgement",
    "cancellation",
    "execution_report",
    "full_result",
    "order_status",
    "position_update",
    "result",
    "trade_entry",
]

_NOTHING = text(ZERO)


@attrs.frozen
class Prevention:
    """One side's view of a self-trade that was prevented."""

    match_id: int
    order: Order
    counter_order_id: int
    quantity: Decimal
    """What expired of this order."""
    match_quantity: Decimal
    """What would have been traded."""
    price: Decimal


def execution_report(
    order: Order,
    execution: str,
    execution_id: int,
    now: int,
    *,
    trade: Trade | None = None,
    prevention: Prevention | None = None,
    cancel_id: str | None = None,
) -> dict[str, Any]:
    """
    Return an executionReport. The hot path: what never changes about an order is rendered once.

    ``c`` is the order's client id, but the cancellation's own one in the report of a cancel, where ``C`` is the
    order's.
    """
    fixed = order.texts or _fixed_texts(order)
    payload: dict[str, Any] = {
        "e": "executionReport",
        "E": now,
        "s": order.symbol,
        "c": order.client_order_id if cancel_id is None else cancel_id,
        **fixed,
        "C": "" if cancel_id is None else order.client_order_id,
        "x": execution,
        "X": order.status.value,
        "r": "NONE",
        "i": order.id,
        "l": _NOTHING,
        "z": text(order.executed),
        "L": _NOTHING,
        "n": "0",
        "N": None,
        "T": now,
        "t": -1,
        "I": execution_id,
        "w": order.is_working,
        "m": False,
        "M": False,
        "O": order.created_at,
        "Z": text(order.executed_quote),
        "Y": _NOTHING,
        "V": order.prevention.value,
    }
    if order.working_since >= 0:
        payload["W"] = order.working_since
    if trade is not None:
        payload["l"] = text(trade.quantity)
        payload["L"] = text(trade.price)
        payload["n"] = text(trade.commission)
        payload["N"] = trade.commission_asset
        payload["t"] = trade.id
        payload["m"] = trade.is_maker
        payload["M"] = True
        payload["Y"] = text(trade.price * trade.quantity)
    if order.prevented_match_id is not None:
        payload["v"] = order.prevented_match_id
        payload["A"] = text(order.prevented)
    if prevention is not None:
        payload["B"] = text(prevention.quantity)
        payload["U"] = prevention.counter_order_id
        payload["Cs"] = order.symbol
        payload["pl"] = text(prevention.match_quantity)
        payload["pL"] = text(prevention.price)
        payload["pY"] = text(prevention.match_quantity * prevention.price)
    if order.expiry_reason is not None:
        payload["eR"] = order.expiry_reason.value
    return payload


def _fixed_texts(order: Order) -> dict[str, object]:
    request = order.request
    texts: dict[str, object] = {
        "S": order.side.value,
        "o": request.type.value,
        "f": request.time_in_force.value,
        "q": text(order.quantity),
        "p": text(order.price),
        "P": text(request.stop_price),
        "F": _NOTHING,
        "g": -1,
        "Q": text(request.quote_quantity),
    }
    if request.strategy_id is not None:
        texts["j"] = request.strategy_id
    if request.strategy_type is not None:
        texts["J"] = request.strategy_type
    order.texts = texts
    return texts


def position_update(account: AccountState, now: int) -> dict[str, Any]:
    """Return an outboundAccountPosition of the balances that changed since the last one."""
    return {"e": "outboundAccountPosition", "E": now, "u": now, "B": account.take_changes()}


def acknowledgement(order: Order, now: int) -> dict[str, Any]:
    """Return what order.place answers with newOrderRespType ACK."""
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": now,
    }


def result(order: Order, now: int) -> dict[str, Any]:
    """Return what order.place answers with newOrderRespType RESULT."""
    return {
        **acknowledgement(order, now),
        **_state(order),
        "workingTime": order.working_since,
        **_conditional(order),
        "selfTradePreventionMode": order.prevention.value,
    }


def full_result(
    order: Order, now: int, trades: Sequence[Trade], preventions: Sequence[Prevention] = ()
) -> dict[str, Any]:
    """Return what order.place answers with newOrderRespType FULL."""
    answer = result(order, now)
    answer["fills"] = [
        {
            "price": text(trade.price),
            "qty": text(trade.quantity),
            "commission": text(trade.commission),
            "commissionAsset": trade.commission_asset,
            "tradeId": trade.id,
        }
        for trade in trades
    ]
    if preventions:
        answer["preventedMatches"] = [_prevented_match(order, prevention) for prevention in preventions]
    return answer


def _prevented_match(taker: Order, prevention: Prevention) -> dict[str, Any]:
    """Return one side's expiry: *prevention* is the taker's own or that of a maker."""
    ours = prevention.order is taker
    return {
        "preventedMatchId": prevention.match_id,
        "makerOrderId": prevention.counter_order_id if ours else prevention.order.id,
        "price": text(prevention.price),
        "takerPreventedQuantity" if ours else "makerPreventedQuantity": text(prevention.quantity),
    }


def cancellation(order: Order, cancel_id: str, now: int) -> dict[str, Any]:
    """Return what order.cancel answers."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": now,
        **_state(order),
        **_conditional(order),
        "selfTradePreventionMode": order.prevention.value,
    }


def order_status(order: Order) -> dict[str, Any]:
    """Return what order.status, openOrders.status and allOrders say of an order."""
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        **_state(order),
        **_conditional(order),
        "stopPrice": text(order.request.stop_price),
        "icebergQty": _NOTHING,
        "time": order.created_at,
        "updateTime": order.updated_at,
        "isWorking": order.working_since >= 0,
        "workingTime": order.working_since,
        "selfTradePreventionMode": order.prevention.value,
    }


def _state(order: Order) -> dict[str, Any]:
    request = order.request
    return {
        "price": text(order.price),
        "origQty": text(order.quantity),
        "executedQty": text(order.executed),
        "origQuoteOrderQty": text(request.quote_quantity),
        "cummulativeQuoteQty": text(order.executed_quote),
        "status": order.status.value,
        "timeInForce": request.time_in_force.value,
        "type": request.type.value,
        "side": order.side.value,
    }


def _conditional(order: Order) -> dict[str, Any]:
    request = order.request
    fields: dict[str, Any] = {}
    if request.type in STOP_TYPES:
        fields["stopPrice"] = text(request.stop_price)
    if request.strategy_id is not None:
        fields["strategyId"] = request.strategy_id
    if request.strategy_type is not None:
        fields["strategyType"] = request.strategy_type
    if order.prevented_match_id is not None:
        fields["preventedMatchId"] = order.prevented_match_id
        fields["preventedQuantity"] = text(order.prevented)
    if order.expiry_reason is not None and order.status is Status.EXPIRED:
        fields["expiryReason"] = order.expiry_reason.value
    return fields


def trade_entry(trade: Trade) -> dict[str, Any]:
    """Return what myTrades says of a trade."""
    order = trade.order
    return {
        "symbol": order.symbol,
        "id": trade.id,
        "orderId": order.id,
        "orderListId": -1,
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "quoteQty": text(trade.price * trade.quantity),
        "commission": text(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time,
        "isBuyer": order.side.value == "BUY",
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def account_status(account: AccountState, assets: Sequence[str], *, omit_zero_balances: bool) -> dict[str, Any]:
    """Return what account.status answers: *assets* first, then whatever else the account ever held."""
    balances = account.balances()
    entries: list[dict[str, str]] = []
    for asset in dict.fromkeys((*assets, *balances)):
        balance = balances.get(asset)
        free, locked = (ZERO, ZERO) if balance is None else (balance.free, balance.locked)
        if free or locked or not omit_zero_balances:
            entries.append({"asset": asset, "free": text(free), "locked": text(locked)})
    basis_points = 10_000
    return {
        "makerCommission": int(account.maker_rate * basis_points),
        "takerCommission": int(account.taker_rate * basis_points),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "commissionRates": {
            "maker": text(account.maker_rate),
            "taker": text(account.taker_rate),
            "buyer": _NOTHING,
            "seller": _NOTHING,
        },
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.updated_at,
        "accountType": "SPOT",
        "balances": entries,
        "permissions": ["SPOT"],
        "uid": account.uid,
    }
