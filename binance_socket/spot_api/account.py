"""The account: what it holds, how much of its limits is used, and what happens to its orders and balances."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import attrs

from .._session.topics import StreamTopic, UserDataTopic
from .._wire.messages import Security
from ..credentials import KeyType
from ..errors import InvalidRequest, NotSupportedError
from ..events import CancellationToken, DataEvent, UpdateSubscription
from ..masking import MaskedText
from ..models.account import AccountInfo, RelevantFilters, SymbolCommissionRates
from ..models.rate_limits import CurrentRateLimit
from ..models.session import ListenKey, SessionStatus, SessionSubscription
from ..models.user_data import (
    BalanceLockUpdate,
    BalanceUpdate,
    ListenKeyExpired,
    OrderListUpdate,
    OrderUpdate,
    PositionsUpdate,
    ServerShutdown,
    StreamTerminated,
    UnknownEvent,
)
from .caller import Caller
from .endpoint import Room, endpoint
from .user_data import UserDataDispatcher

__all__ = ["Account"]


def _check_listen_keys(caller: Caller) -> None:
    retired = caller.environment.listen_keys_retired
    if retired is not None and not caller.options.force:
        raise NotSupportedError(
            f"{caller.environment.name} retired listen keys on {retired:%Y-%m-%d}: call "
            "subscribe_to_user_data_updates() without one (ClientOptions(force=True) sends it all the same)"
        )


def _without_symbols(arguments: dict[str, Any]) -> Mapping[str, Any]:
    _symbols_of(arguments.pop("symbols", None))
    return arguments


def _narrowing_nothing(arguments: dict[str, Any]) -> Mapping[str, Any]:
    if arguments.pop("symbols", None) is not None:
        # Level 4 is the line that called the API method, blocking or not.
        warnings.warn("the exchange counts orders per account: symbols narrows nothing", UserWarning, stacklevel=4)
    return arguments


def _checked_key(arguments: dict[str, Any]) -> Mapping[str, Any]:
    _check_key(arguments["listen_key"])
    return arguments


def _check_key(listen_key: object) -> None:
    if not isinstance(listen_key, str) or not (listen_key.isascii() and listen_key.isalnum()):
        raise InvalidRequest("a listen key is a text of letters and digits")


def _symbols_of(symbols: str | Iterable[str] | None) -> list[str]:
    if symbols is None:
        return []
    if not isinstance(symbols, Collection):
        # It is read once before the request is sent, and once when the answer has come.
        raise InvalidRequest("symbols are given as a list: an iterator can be read only once")
    names = [symbols] if isinstance(symbols, str) else list(symbols)
    if not all(isinstance(name, str) and name for name in names):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidRequest(f"symbols are names such as 'BTCUSDT', not {symbols!r}")
    return names


def _narrowed(account: AccountInfo, arguments: Mapping[str, Any]) -> AccountInfo:
    """Keep the balances of the assets that make up the symbols asked for."""
    if arguments.get("symbols") is None:
        return account
    assets = {balance.asset for balance in account.balances}
    wanted: set[str] = set()
    for symbol in _symbols_of(arguments["symbols"]):
        wanted |= _assets_of(symbol, assets)
    kept = [balance for balance in account.balances if balance.asset in wanted]
    narrowed: AccountInfo = attrs.evolve(cast("Any", account), balances=tuple(kept))
    return narrowed


def _assets_of(symbol: str, assets: set[str]) -> set[str]:
    """Return the assets that *symbol* is made up of, as far as they are among *assets*."""
    splits = [(symbol[:n], symbol[n:]) for n in range(1, len(symbol))]
    both = {asset for base, quote in splits if base in assets and quote in assets for asset in (base, quote)}
    if both:
        return both
    # One of the two is missing, for example because it is zero and zeros were left out: the longest name is meant.
    bases = [base for base, _ in splits if base in assets]
    quotes = [quote for _, quote in splits if quote in assets]
    return set(bases[-1:]) | set(quotes[:1]) if not (bases and quotes) else {max([bases[-1], quotes[0]], key=len)}


class Account(Room):
    """The account of the client's API key. Every method but the session's needs credentials."""

    @endpoint("account.status", security=Security.SIGNED, weight=20, prepare=_without_symbols, finish=_narrowed)
    def get_account_info(
        self, symbols: str | Sequence[str] | None = None, *, omit_zero_balances: bool | None = None
    ) -> AccountInfo:
        """
        Return the account: its permissions, commission rates and balances.

        The exchange takes no symbols here: *symbols* keeps the balances of the assets that make up the given ones
        (``"BTCUSDT"``: BTC and USDT). *omit_zero_balances* leaves out what the account does not hold.

        Raises ApiError and its kind, RequestTimeout, ConnectionLost. Source: Account requests, ``account.status``.
        """
        ...

    @endpoint("account.rateLimits.orders", security=Security.SIGNED, weight=40, prepare=_narrowing_nothing)
    def get_order_rate_limits(self, symbols: str | Sequence[str] | None = None) -> list[CurrentRateLimit]:
        """
        Return how many unfilled orders the account has placed, for each interval that is limited.

        Orders are counted per account: *symbols* narrows nothing, and giving it is answered with a UserWarning.

        Raises as above. Source: Account requests, ``account.rateLimits.orders``.
        """
        ...

    @endpoint("account.commission", security=Security.SIGNED, weight=20)
    def get_commission_rates(self, symbol: str) -> SymbolCommissionRates:
        """
        Return what the account pays for trading *symbol*.

        Raises ApiError and its kind, RequestTimeout, ConnectionLost. Source: Account requests, ``account.commission``.
        """
        ...

    @endpoint("myFilters", security=Security.SIGNED, weight=40)
    def get_my_filters(self, symbol: str) -> RelevantFilters:
        """
        Return the filters that apply to the account on *symbol*, of the exchange, the symbol and its assets.

        Raises as above. Source: Account requests, ``myFilters``.
        """
        ...

    @endpoint(
        "userDataStream.start",
        security=Security.API_KEY,
        weight=2,
        wire=ListenKey,
        finish=lambda key, _: MaskedText(key.listen_key),
        check=_check_listen_keys,
    )
    def start_user_stream(self) -> str:
        """
        Return a listen key, valid for 60 minutes. Asked again, the exchange gives the active one and extends it.

        Raises NotSupportedError, before anything is sent, where the venue has retired listen keys. Source: Listen Key
        Management, ``userDataStream.start``; over REST, ``POST /api/v3/userDataStream``.
        """
        ...

    @endpoint(
        "userDataStream.ping",
        security=Security.API_KEY,
        weight=2,
        prepare=_checked_key,
        check=_check_listen_keys,
    )
    def keep_alive_user_stream(self, listen_key: str) -> None:
        """
        Make a listen key valid for another 60 minutes. A subscription does so by itself.

        Raises ApiError -1125 when the exchange does not know it (any more). Source: Listen Key Management,
        ``userDataStream.ping``; over REST, ``PUT /api/v3/userDataStream``.
        """
        ...

    @endpoint(
        "userDataStream.stop",
        security=Security.API_KEY,
        weight=2,
        prepare=_checked_key,
        check=_check_listen_keys,
    )
    def stop_user_stream(self, listen_key: str) -> None:
        """
        Make a listen key invalid. Whoever listens with it hears nothing more.

        Source: Listen Key Management, ``userDataStream.stop``; over REST, ``DELETE /api/v3/userDataStream``.
        """
        ...

    @endpoint("session.logon", security=Security.SIGNED, weight=2)
    def session_logon(self) -> SessionStatus:
        """
        Log the connection on with the client's key, for Ed25519 keys only. New connections are logged on again.

        Source: Authentication requests, ``session.logon``.
        """
        ...

    @endpoint("session.status", weight=2)
    def session_status(self) -> SessionStatus:
        """Return who is logged on to the connection, if anyone. Source: Authentication requests."""
        ...

    @endpoint("session.logout", weight=2)
    def session_logout(self) -> SessionStatus:
        """
        Forget the key that the connection was logged on with.

        The exchange then ends the subscription that relied on it; one that is still open here logs on again for it.
        Source: Authentication requests, ``session.logout``.
        """
        ...

    @endpoint("session.subscriptions", weight=2)
    def session_subscriptions(self) -> list[SessionSubscription]:
        """Return the user data subscriptions of the connection. Source: User Data Stream requests."""
        ...

    def subscribe_to_user_data_updates(
        self,
        listen_key: str | None = None,
        on_order_update_message: Callable[[DataEvent[OrderUpdate]], object] | None = None,
        on_oco_order_update_message: Callable[[DataEvent[OrderListUpdate]], object] | None = None,
        on_account_position_message: Callable[[DataEvent[PositionsUpdate]], object] | None = None,
        on_account_balance_update: Callable[[DataEvent[BalanceUpdate]], object] | None = None,
        *,
        on_balance_lock_update: Callable[[DataEvent[BalanceLockUpdate]], object] | None = None,
        on_listen_key_expired: Callable[[DataEvent[ListenKeyExpired]], object] | None = None,
        on_user_data_stream_terminated: Callable[[DataEvent[StreamTerminated]], object] | None = None,
        on_unknown_event: Callable[[DataEvent[UnknownEvent]], object] | None = None,
        on_server_shutdown: Callable[[DataEvent[ServerShutdown]], object] | None = None,
        ct: CancellationToken | None = None,
    ) -> UpdateSubscription:
        """
        Hear what happens to the account's orders and balances, and return once the exchange has agreed.

        Without *listen_key*, events come over the WebSocket API: the connection is logged on with Ed25519 keys, and the
        subscription is signed with the others. With one, they come from the stream server; the key is kept alive while
        the subscription lives, and replaced when it expires.

        Handlers run on the client's executor, one at a time and in the order of the events; they may call the client,
        and close it. What a handler raises goes to the subscription's ``on_exception``. Through a lost connection the
        subscription lives on: see ``on_connection_lost`` and ``on_connection_restored``. *ct* closes it.

        Raises NotSupportedError for a listen key at a venue that has retired them and InvalidRequest without
        credentials, both before anything is sent; ApiError, RequestTimeout, ConnectionLost. Source: User Data Stream.
        """
        if isinstance(listen_key, str):
            listen_key = MaskedText(listen_key)  # no traceback from here on shows it
        caller = self._caller
        dispatch = UserDataDispatcher(
            {
                OrderUpdate: on_order_update_message,
                OrderListUpdate: on_oco_order_update_message,
                PositionsUpdate: on_account_position_message,
                BalanceUpdate: on_account_balance_update,
                BalanceLockUpdate: on_balance_lock_update,
                ListenKeyExpired: on_listen_key_expired,
                StreamTerminated: on_user_data_stream_terminated,
                ServerShutdown: on_server_shutdown,
            },
            on_unknown_event,
            keep_raw=caller.options.keep_raw,
        )
        if listen_key is not None:
            _check_listen_keys(caller)
            _check_key(listen_key)
            keep = caller.options.keep_alive_listen_keys and caller.credentials is not None
            return caller.subscribe(
                (StreamTopic(listen_key),), dispatch, keeper=_KeyRequests() if keep else None, ct=ct
            )
        if caller.credentials is None:
            raise InvalidRequest("user data needs credentials, and this client has none")
        logs_on = caller.credentials.key_type is KeyType.ED25519
        return caller.subscribe((UserDataTopic(needs_logon=logs_on),), dispatch, ct=ct)


class _KeyRequests:
    """How a subscription's listen key is kept alive and replaced."""

    ping = staticmethod(Account.keep_alive_user_stream.request)
    start = staticmethod(Account.start_user_stream.request)
