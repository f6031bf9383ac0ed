"""
Binance's sockets for everyone without asyncio.

Calls block and return typed values; events arrive in order, in callbacks on a thread pool; nothing is lost silently::

    with BinanceSocketClient.from_env() as client:
        account = client.spot_api.account
        print(account.get_account_info(omit_zero_balances=True).result.balances)
        with account.subscribe_to_user_data_updates(on_order_update_message=print):
            input("Enter ends it")
"""

from __future__ import annotations

import logging

from . import errors, models
from .client import BinanceSocketClient, ClientView
from .credentials import Credentials, Ed25519Key, HmacKey, KeyType, RsaKey, Secret
from .errors import (
    ApiError,
    AuthenticationError,
    AuthRevoked,
    BinanceSocketError,
    CallCancelled,
    Certainty,
    ClientClosed,
    ConnectionLost,
    DecodeError,
    DeliveryError,
    FilterFailure,
    ForkedClientError,
    HandlerError,
    HandshakeError,
    InvalidRequest,
    InvalidTimestamp,
    NotSupportedError,
    OrderBookNotSynchronised,
    OutcomeUnknown,
    OutcomeUnknownAfterCancellation,
    OutcomeUnknownAfterClose,
    OutcomeUnknownAfterLoss,
    OutcomeUnknownAfterTimeout,
    ProxyError,
    RateLimited,
    RequestTimeout,
    TlsError,
    TooManyPending,
)
from .events import CancellationToken, DataEvent, EventSource, Lag, SubscriptionState, UpdateSubscription
from .gaps import Gap, GapStatus, Unrecoverable
from .health import (
    CallbackThreads,
    ConnectionHealth,
    ConnectionRole,
    ConnectionState,
    ExchangeClock,
    Health,
    Route,
    StateChange,
    StuckHandler,
    SubscriptionHealth,
)
from .models import (
    AccountInfo,
    Balance,
    BalanceLockUpdate,
    BalanceUpdate,
    CurrentRateLimit,
    ListenKeyExpired,
    OrderListUpdate,
    OrderUpdate,
    PositionsUpdate,
    ServerShutdown,
    SessionStatus,
    StreamTerminated,
    UnknownEvent,
)
from .models.cancel_replace import CancelReplaceFailed
from .models.rate_limits import RateLimits, RateLimitWindow
from .models.response import Response
from .options import ClientOptions, Environment, FlowPolicy, ListenKeyTransport, RateLimitPolicy, TimeUnit
from .outcomes import (
    CancelReplaceOutcome,
    Executed,
    KnownOrder,
    NotExecuted,
    NotPlaced,
    OutcomeSource,
    Placed,
    StillUnknown,
    Verdict,
)
from .spot_api import Rounding, SymbolRules
from .spot_api.local_order_book import BookState, LocalOrderBook
from .spot_api.trading import ContingentLeg, PendingLeg, WorkingLeg

__version__ = "0.1.0"

__all__ = [
    "AccountInfo",
    "ApiError",
    "AuthRevoked",
    "AuthenticationError",
    "Balance",
    "BalanceLockUpdate",
    "BalanceUpdate",
    "BinanceSocketClient",
    "BinanceSocketError",
    "BookState",
    "CallCancelled",
    "CallbackThreads",
    "CancelReplaceFailed",
    "CancelReplaceOutcome",
    "CancellationToken",
    "Certainty",
    "ClientClosed",
    "ClientOptions",
    "ClientView",
    "ConnectionHealth",
    "ConnectionLost",
    "ConnectionRole",
    "ConnectionState",
    "ContingentLeg",
    "Credentials",
    "CurrentRateLimit",
    "DataEvent",
    "DecodeError",
    "DeliveryError",
    "Ed25519Key",
    "Environment",
    "EventSource",
    "ExchangeClock",
    "Executed",
    "FilterFailure",
    "FlowPolicy",
    "ForkedClientError",
    "Gap",
    "GapStatus",
    "HandlerError",
    "HandshakeError",
    "Health",
    "HmacKey",
    "InvalidRequest",
    "InvalidTimestamp",
    "KeyType",
    "KnownOrder",
    "Lag",
    "ListenKeyExpired",
    "ListenKeyTransport",
    "LocalOrderBook",
    "NotExecuted",
    "NotPlaced",
    "NotSupportedError",
    "OrderBookNotSynchronised",
    "OrderListUpdate",
    "OrderUpdate",
    "OutcomeSource",
    "OutcomeUnknown",
    "OutcomeUnknownAfterCancellation",
    "OutcomeUnknownAfterClose",
    "OutcomeUnknownAfterLoss",
    "OutcomeUnknownAfterTimeout",
    "PendingLeg",
    "Placed",
    "PositionsUpdate",
    "ProxyError",
    "RateLimitPolicy",
    "RateLimitWindow",
    "RateLimited",
    "RateLimits",
    "RequestTimeout",
    "Response",
    "Rounding",
    "Route",
    "RsaKey",
    "Secret",
    "ServerShutdown",
    "SessionStatus",
    "StateChange",
    "StillUnknown",
    "StreamTerminated",
    "StuckHandler",
    "SubscriptionHealth",
    "SubscriptionState",
    "SymbolRules",
    "TimeUnit",
    "TlsError",
    "TooManyPending",
    "UnknownEvent",
    "Unrecoverable",
    "UpdateSubscription",
    "Verdict",
    "WorkingLeg",
    "__version__",
    "errors",
    "models",
]

# A library is silent until its program says where logs go.
logging.getLogger(__name__).addHandler(logging.NullHandler())
