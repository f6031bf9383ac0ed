"""
How orders, trades and balances are written: event payloads and the results of the trading and account methods.

Keys are those of the documents (user_data_events, ws_api); a conditional one is there only when it applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .accounts import AccountState
from .money import ZERO, text
from .order_lists import ListStatus, OrderList
from .orders import STOP_TYPES, Amendment, Order, Status, Trade
from .prevention import PreventedMatch, Prevention

__all__ = [
    "account_status",
    "acknowledgement",
    "allocation_entry",
    "amended_list",
    "amended_order",
    "amendment",
    "cancellation",
    "commission",
    "execution_report",
    "full_result",
    "list_cancellation",
    "list_entry",
    "list_result",
    "list_status",
    "order_status",
    "position_update",
    "prevented_match",
    "result",
    "trade_entry",
]

_NOTHING = text(ZERO)
_ONE_PARTY = "ONE_PARTY_TRADE_REPORT"
_PRICE_LEVEL = "PRICE_LEVEL"


def execution_report(
    order: Order,
    execution: str,
    execution_id: int,
    now: int,
    *,
    trade: Trade | None = None,
    prevention: Prevention | None = None,
    cancel_id: str | None = None,
    replaced_id: str | None = None,
) -> dict[str, Any]:
    """
    Return an executionReport. The hot path: what never changes about an order is rendered once.

    ``c`` is the order's client id, but the cancellation's own one in the report of a cancel, where ``C`` is the
    order's. In the report of an amendment ``C`` is the id that the order had before.
    """
    fixed = order.texts or _fixed_texts(order)
    payload: dict[str, Any] = {
        "e": "executionReport",
        "E": now,
        "s": order.symbol,
        "c": order.client_order_id if cancel_id is None else cancel_id,
        **fixed,
        "C": replaced_id or ("" if cancel_id is None else order.client_order_id),
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
        if trade.allocation_id is not None:
            payload["b"] = _ONE_PARTY
            payload["a"] = trade.allocation_id
    if order.prevented_match_id is not None:
        payload["v"] = order.prevented_match_id
        payload["A"] = text(order.prevented)
    if prevention is not None:
        payload["B"] = text(prevention.quantity)
        payload["U"] = prevention.counter_order_id
        payload["Cs"] = prevention.counter_symbol
        payload["pl"] = text(prevention.match_quantity)
        payload["pL"] = text(prevention.price)
        payload["pY"] = text(prevention.match_quantity * prevention.price)
        if prevention.trade_group >= 0:
            payload["u"] = prevention.trade_group
    if order.trail is not None:
        payload["D"] = order.trail.since
    if order.working_floor is not None:
        payload["k"] = order.working_floor.value
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
        "p": text(request.price),
        "P": text(request.stop_price),
        "F": text(request.iceberg_quantity),
        "g": order.list_id,
        "Q": text(request.quote_quantity),
    }
    if request.trailing_delta is not None:
        texts["d"] = request.trailing_delta
    if order.working_floor is not None:
        texts["uS"] = True
    if request.peg is not None:
        texts["gP"] = request.peg.price.value
        if request.peg.offset is not None:
            texts["gOT"] = _PRICE_LEVEL
            texts["gOV"] = request.peg.offset
        if order.pegged:
            texts["gp"] = text(order.price)
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
        "orderListId": order.list_id,
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
    answer["fills"] = [_fill(trade) for trade in trades]
    if preventions:
        answer["preventedMatches"] = [_prevented_match(order, prevention) for prevention in preventions]
    return answer


def _fill(trade: Trade) -> dict[str, Any]:
    fill: dict[str, Any] = {
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "commission": text(trade.commission),
        "commissionAsset": trade.commission_asset,
        "tradeId": trade.id,
    }
    if trade.allocation_id is not None:
        fill = {"matchType": _ONE_PARTY, **fill, "allocId": trade.allocation_id}
    return fill


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
        "orderListId": order.list_id,
        "clientOrderId": cancel_id,
        "transactTime": now,
        **_state(order),
        **_conditional(order),
        "selfTradePreventionMode": order.prevention.value,
    }


def order_status(order: Order) -> dict[str, Any]:
    """Return what order.status, openOrders.status and allOrders say of an order: once it ended, the same."""
    if order.last_status is not None:
        return order.last_status.copy()
    status = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
        **_state(order),
        **_conditional(order),
        "stopPrice": text(order.request.stop_price),
        "icebergQty": text(order.request.iceberg_quantity),
        "time": order.created_at,
        "updateTime": order.updated_at,
        "isWorking": order.working_since >= 0,
        "workingTime": order.working_since,
        "selfTradePreventionMode": order.prevention.value,
    }
    if not order.is_open:
        order.last_status = status.copy()
    return status


def _state(order: Order) -> dict[str, Any]:
    request = order.request
    # What is not known yet is left out: it will be what the working order received.
    quantity = {"origQty": text(order.quantity)} if order.quantity else {}
    return {
        "price": text(request.price),
        **quantity,
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
    if order.trail is not None:
        fields["trailingDelta"] = request.trailing_delta
        fields["trailingTime"] = order.trail.since
    if request.iceberg_quantity:
        fields["icebergQty"] = text(request.iceberg_quantity)
    if request.strategy_id is not None:
        fields["strategyId"] = request.strategy_id
    if request.strategy_type is not None:
        fields["strategyType"] = request.strategy_type
    if order.prevented_match_id is not None:
        fields["preventedMatchId"] = order.prevented_match_id
        fields["preventedQuantity"] = text(order.prevented)
    if order.expiry_reason is not None and order.status is Status.EXPIRED:
        fields["expiryReason"] = order.expiry_reason.value
    if request.peg is not None:
        fields["pegPriceType"] = request.peg.price.value
        if request.peg.offset is not None:
            fields["pegOffsetType"] = _PRICE_LEVEL
            fields["pegOffsetValue"] = request.peg.offset
        if order.pegged:
            fields["peggedPrice"] = text(order.price)
    if order.working_floor is not None:
        fields["workingFloor"] = order.working_floor.value
        fields["usedSor"] = True
    return fields


def list_status(order_list: OrderList, status: ListStatus, now: int) -> dict[str, Any]:
    """Return a listStatus event."""
    return {
        "e": "listStatus",
        "E": now,
        "s": order_list.symbol,
        "g": order_list.id,
        "c": order_list.contingency.value,
        "l": status.value,
        "L": _list_order_status(order_list),
        "r": "NONE",
        "C": order_list.client_order_id,
        "T": now,
        "O": [{"s": order.symbol, "i": order.id, "c": order.client_order_id} for order in order_list.orders],
    }


def list_entry(order_list: OrderList) -> dict[str, Any]:
    """Return what orderList.status, openOrderLists.status and allOrderLists say of an order list."""
    return {
        "orderListId": order_list.id,
        "contingencyType": order_list.contingency.value,
        "listStatusType": "ALL_DONE" if order_list.is_done else "EXEC_STARTED",
        "listOrderStatus": _list_order_status(order_list),
        "listClientOrderId": order_list.client_order_id,
        "transactionTime": order_list.updated_at,
        "symbol": order_list.symbol,
        "orders": [
            {"symbol": order.symbol, "orderId": order.id, "clientOrderId": order.client_order_id}
            for order in order_list.orders
        ],
    }


def list_result(order_list: OrderList, order_reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what placing or cancelling an order list answers."""
    return {**list_entry(order_list), "orderReports": list(order_reports)}


def list_cancellation(order: Order, now: int) -> dict[str, Any]:
    """Return what orderList.cancel says of an order."""
    answer = cancellation(order, order.client_order_id, now)
    del answer["origClientOrderId"]
    return answer


def _list_order_status(order_list: OrderList) -> str:
    return "ALL_DONE" if order_list.is_done else "EXECUTING"


def trade_entry(trade: Trade) -> dict[str, Any]:
    """Return what myTrades says of a trade. It is rendered once."""
    if not trade.entry:
        trade.entry.update(_trade_entry(trade))
    return trade.entry.copy()


def _trade_entry(trade: Trade) -> dict[str, Any]:
    order = trade.order
    return {
        "symbol": order.symbol,
        "id": trade.id,
        "orderId": order.id,
        "orderListId": order.list_id,
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


def allocation_entry(trade: Trade) -> dict[str, Any]:
    """Return what myAllocations says of an allocation."""
    entry = trade_entry(trade)
    del entry["id"], entry["isBestMatch"]
    return {**entry, "allocationId": trade.allocation_id, "allocationType": "SOR", "isAllocator": False}


def amended_order(order: Order, old_client_order_id: str) -> dict[str, Any]:
    """Return what order.amend.keepPriority says of the order."""
    request = order.request
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": order.list_id,
        "origClientOrderId": old_client_order_id,
        "clientOrderId": order.client_order_id,
        "price": text(request.price),
        "qty": text(order.quantity),
        "executedQty": text(order.executed),
        "preventedQty": text(order.prevented),
        "quoteOrderQty": text(request.quote_quantity),
        "cumulativeQuoteQty": text(order.executed_quote),
        "status": order.status.value,
        "timeInForce": request.time_in_force.value,
        "type": request.type.value,
        "side": order.side.value,
        **_conditional(order),
        "workingTime": order.working_since,
        "selfTradePreventionMode": order.prevention.value,
    }


def amended_list(order_list: OrderList) -> dict[str, Any]:
    """Return what order.amend.keepPriority says of the list that the order is in."""
    entry = list_entry(order_list)
    del entry["listStatusType"], entry["transactionTime"]
    return entry


def amendment(order: Order, entry: Amendment) -> dict[str, Any]:
    """Return what order.amendments says of an amendment."""
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "executionId": entry.execution_id,
        "origClientOrderId": entry.old_client_order_id,
        "newClientOrderId": entry.new_client_order_id,
        "origQty": text(entry.old_quantity),
        "newQty": text(entry.new_quantity),
        "time": entry.time,
    }


def prevented_match(symbol: str, match: PreventedMatch) -> dict[str, Any]:
    """Return what myPreventedMatches says of a prevented match; a quantity is there where something expired."""
    quantities = {"takerPreventedQuantity": match.taker_quantity, "makerPreventedQuantity": match.maker_quantity}
    return {
        "symbol": symbol,
        "preventedMatchId": match.id,
        "takerOrderId": match.taker.id,
        "makerSymbol": match.maker.symbol,
        "makerOrderId": match.maker.id,
        "tradeGroupId": match.trade_group,
        "selfTradePreventionMode": match.mode.value,
        "price": text(match.price),
        **{name: text(quantity) for name, quantity in quantities.items() if quantity is not None},
        "transactTime": match.time,
    }


def commission(account: AccountState, symbol: str) -> dict[str, Any]:
    """Return what account.commission answers."""
    nothing = dict.fromkeys(("maker", "taker", "buyer", "seller"), _NOTHING)
    return {
        "symbol": symbol,
        "standardCommission": {**nothing, "maker": text(account.maker_rate), "taker": text(account.taker_rate)},
        "specialCommission": nothing,
        "taxCommission": dict(nothing),
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": _NOTHING,
        },
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
