"""Authentication, listen keys, user data streams, and what of the account came first."""

from __future__ import annotations

from binance_socket._session.topics import UserDataTopic
from binance_socket.models import SessionSubscription
from binance_socket.spot_api import Account

from .row import Row

_KEY = "xs0mRXdAKlIPDRFrlPcw0qI41Eh3ixNntmymGyhrhgqo7L6FuLaWArTD7RLP"
_SUBSCRIBE = ("account.subscribe_to_user_data_updates",)
_CLOSE = ("UpdateSubscription.close",)

SESSION = [
    Row(
        "session.logon",
        calls=(Account.session_logon.request(),),
        answers=(Account.session_logon,),
    ),
    Row(
        "session.status",
        calls=(Account.session_status.request(),),
        answers=(Account.session_status,),
    ),
    Row(
        "session.logout",
        calls=(Account.session_logout.request(),),
        answers=(Account.session_logout,),
    ),
    Row(
        "account.status",
        binance_net="GetAccountInfoAsync",
        calls=(Account.get_account_info.request(),),
        answers=(Account.get_account_info,),
    ),
    Row(
        "account.rateLimits.orders",
        binance_net="GetOrderRateLimitsAsync",
        calls=(Account.get_order_rate_limits.request(),),
        answers=(Account.get_order_rate_limits,),
    ),
    Row(
        "userDataStream.subscribe",
        binance_net="SubscribeToUserDataUpdatesAsync",
        ours=_SUBSCRIBE,
        calls=(UserDataTopic(needs_logon=True).opening,),
        answers=(SessionSubscription,),
    ),
    Row(
        "userDataStream.subscribe.signature",
        binance_net="SubscribeToUserDataUpdatesAsync",
        ours=_SUBSCRIBE,
        calls=(UserDataTopic(needs_logon=False).opening,),
        answers=(SessionSubscription,),
    ),
    Row(
        "userDataStream.unsubscribe",
        binance_net="UnsubscribeAsync",
        ours=_CLOSE,
        # The example ends all subscriptions of the connection; ours end only themselves.
        calls=(UserDataTopic(needs_logon=False).closing(0),),
        beyond=frozenset({"subscriptionId"}),
        answers=(None,),
    ),
    Row(
        "session.subscriptions",
        calls=(Account.session_subscriptions.request(),),
        answers=(Account.session_subscriptions,),
    ),
    Row(
        "userDataStream.start",
        binance_net="StartUserStreamAsync",
        calls=(Account.start_user_stream.request(),),
        answers=(Account.start_user_stream,),
    ),
    Row(
        "userDataStream.ping",
        binance_net="KeepAliveUserStreamAsync",
        calls=(Account.keep_alive_user_stream.request(_KEY),),
        answers=(Account.keep_alive_user_stream,),
    ),
    Row(
        "userDataStream.stop",
        binance_net="StopUserStreamAsync",
        calls=(Account.stop_user_stream.request(_KEY),),
        answers=(Account.stop_user_stream,),
    ),
]
