"""Trading requests, and the account requests about orders and trades."""

from __future__ import annotations

import warnings
from datetime import datetime, timezone
from decimal import Decimal

from binance_socket import ContingentLeg, PendingLeg, WorkingLeg
from binance_socket.models import OrderType
from binance_socket.spot_api import Account, Trading

from .row import Row

_FROM = datetime(2022, 8, 18, tzinfo=timezone.utc)
_TO = datetime(2022, 8, 19, tzinfo=timezone.utc)
_LIMIT = {"quantity": "0.00847000", "price": Decimal("23416.10000000"), "time_in_force": "GTC"}

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    _LEGACY = Trading.place_oco_order.request(
        "BTCUSDT",
        "SELL",
        "0.00650000",
        "23420.00000000",
        stop_price="23410.00000000",
        stop_limit_price="23405.00000000",
        stop_limit_time_in_force="GTC",
        new_order_response_type="RESULT",
    )

_HISTORY = {"start_time": _FROM, "end_time": _TO}
_REPLACED = "4d96324ff9d44481926157"

# The plain requests have the client order ids of the examples, that is, mostly none: those that a client adds are in
# tests/spot_api/trading.
TRADING = [
    Row(
        "order.place",
        binance_net="PlaceOrderAsync",
        calls=(Trading.place_order.request("BTCUSDT", "SELL", OrderType.LIMIT, **_LIMIT),),
        answers=(Trading.place_order,) * 3,
    ),
    Row(
        "order.test",
        binance_net="PlaceTestOrderAsync",
        calls=(Trading.place_test_order.request("BTCUSDT", "SELL", "LIMIT", **_LIMIT),),
        answers=(Trading.place_test_order,) * 2,
    ),
    Row(
        "order.cancel",
        binance_net="CancelOrderAsync",
        calls=(Trading.cancel_order.request("BTCUSDT", original_client_order_id=_REPLACED),),
        answers=(Trading.cancel_order,) * 2,
    ),
    Row(
        "order.cancelReplace",
        binance_net="ReplaceOrderAsync",
        calls=(
            Trading.replace_order.request(
                "BTCUSDT", "SELL", "LIMIT", "ALLOW_FAILURE", cancel_original_client_order_id=_REPLACED, **_LIMIT
            ),
        ),
        answers=(Trading.replace_order, -2022, -2021, -2021, -2022, -1015, -2021),
    ),
    Row(
        "order.amend.keepPriority",
        binance_net="AmendOrderAsync",
        calls=(Trading.amend_order.request("BTCUSDT", original_client_order_id="my_test_order1", new_quantity=5),),
        answers=(Trading.amend_order,) * 2,
    ),
    Row(
        "openOrders.cancelAll",
        binance_net="CancelAllOrdersAsync",
        calls=(Trading.cancel_all_orders.request("BTCUSDT"),),
        answers=(Trading.cancel_all_orders,),
    ),
    Row("orderList.place", binance_net="PlaceOcoOrderAsync", calls=(_LEGACY,), answers=(Trading.place_oco_order,)),
    Row(
        "orderList.place.oco",
        binance_net="PlaceOcoOrderListAsync",
        calls=(
            Trading.place_oco_order_list.request(
                "LTCBNB",
                "BUY",
                1,
                above=ContingentLeg("STOP_LOSS_LIMIT", price="1.5", stop_price="1.50000001", time_in_force="GTC"),
                below=ContingentLeg("LIMIT_MAKER", price="1.49999999"),
            ),
        ),
        answers=(Trading.place_oco_order_list,),
    ),
    Row(
        "orderList.place.oto",
        calls=(
            Trading.place_oto_order_list.request(
                "LTCBNB",
                working=WorkingLeg("LIMIT", "SELL", quantity=1, price=1, time_in_force="GTC"),
                pending=PendingLeg("MARKET", "BUY", quantity=1),
            ),
        ),
        answers=(Trading.place_oto_order_list,),
    ),
    Row(
        "orderList.place.otoco",
        calls=(
            Trading.place_otoco_order_list.request(
                "LTCBNB",
                working=WorkingLeg("LIMIT", "BUY", quantity=1, price="1.5", time_in_force="GTC"),
                pending_side="SELL",
                pending_quantity=5,
                pending_above=ContingentLeg("STOP_LOSS", stop_price="0.5"),
                pending_below=ContingentLeg("LIMIT_MAKER", price=5),
            ),
        ),
        answers=(Trading.place_otoco_order_list,),
    ),
    Row(
        "orderList.place.opo",
        calls=(
            Trading.place_opo_order_list.request(
                "BTCUSDT",
                working=WorkingLeg("LIMIT", "BUY", quantity="0.0007", price=101496, time_in_force="GTC"),
                pending=PendingLeg("MARKET", "SELL"),
            ),
        ),
        answers=(Trading.place_opo_order_list,),
    ),
    Row(
        "orderList.place.opoco",
        calls=(
            Trading.place_opoco_order_list.request(
                "BTCUSDT",
                working=WorkingLeg("LIMIT", "BUY", quantity="0.0017", price=102496, time_in_force="GTC"),
                pending_side="SELL",
                pending_above=ContingentLeg("LIMIT_MAKER", price=104261),
                pending_below=ContingentLeg("STOP_LOSS_LIMIT", price=101613, stop_price=10100, time_in_force="IOC"),
            ),
        ),
        answers=(Trading.place_opoco_order_list,),
    ),
    Row(
        "orderList.cancel",
        binance_net="CancelOcoOrderAsync",
        calls=(Trading.cancel_order_list.request("BTCUSDT", 1274512),),
        answers=(Trading.cancel_order_list,),
    ),
    Row(
        "sor.order.place",
        calls=(
            Trading.place_sor_order.request(
                "BTCUSDT", "BUY", "LIMIT", quantity="0.5", price=31000, time_in_force="GTC"
            ),
        ),
        answers=(Trading.place_sor_order,),
    ),
    Row(
        "sor.order.test",
        calls=(
            Trading.place_test_sor_order.request(
                "BTCUSDT", "BUY", "LIMIT", quantity="0.1", price="0.1", time_in_force="GTC"
            ),
        ),
        answers=(Trading.place_test_sor_order,) * 2,
    ),
    Row(
        "order.status",
        binance_net="GetOrderAsync",
        calls=(Trading.get_order.request("BTCUSDT", 12569099453),),
        answers=(Trading.get_order,),
    ),
    Row(
        "openOrders.status",
        binance_net="GetOpenOrdersAsync",
        calls=(Trading.get_open_orders.request("BTCUSDT"),),
        answers=(Trading.get_open_orders,),
    ),
    Row(
        "allOrders",
        binance_net="GetOrdersAsync",
        calls=(Trading.get_orders.request("BTCUSDT", **_HISTORY, limit=5),),
        answers=(Trading.get_orders,),
    ),
    Row(
        "orderList.status",
        binance_net="GetOcoOrderAsync",
        calls=(Trading.get_order_list.request(original_client_order_id="08985fedd9ea2cf6b28996"),),
        answers=(Trading.get_order_list,),
    ),
    Row(
        "openOrderLists.status",
        binance_net="GetOpenOcoOrdersAsync",
        calls=(Trading.get_open_order_lists.request(),),
        answers=(Trading.get_open_order_lists,),
    ),
    Row(
        "allOrderLists",
        binance_net="GetOcoOrdersAsync",
        calls=(Trading.get_order_lists.request(**_HISTORY, limit=5),),
        answers=(Trading.get_order_lists,),
    ),
    Row(
        "myTrades",
        binance_net="GetUserTradesAsync",
        calls=(Trading.get_user_trades.request("BTCUSDT", start_time=1660780800000, end_time=1660867200000),),
        answers=(Trading.get_user_trades,),
    ),
    Row(
        "myPreventedMatches",
        binance_net="GetPreventedTradesAsync",
        calls=(Trading.get_prevented_trades.request("BTCUSDT", order_id=35),),
        answers=(Trading.get_prevented_trades,),
    ),
    Row(
        "myAllocations",
        calls=(Trading.get_allocations.request("BTCUSDT", order_id=500),),
        answers=(Trading.get_allocations,),
    ),
    Row(
        "account.commission",
        calls=(Account.get_commission_rates.request("BTCUSDT"),),
        answers=(Account.get_commission_rates,),
    ),
    Row(
        "myFilters",
        calls=(Account.get_my_filters.request("BTCUSDT"),),
        answers=(Account.get_my_filters,),
    ),
    Row(
        "order.amendments",
        calls=(Trading.get_order_amendments.request("BTCUSDT", 23),),
        answers=(Trading.get_order_amendments,),
    ),
]
