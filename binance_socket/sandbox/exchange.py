"""
The embedded exchange: accounts and markets behind one lock.

Requests come in as wire parameters and go out as wire results, because that is what an exchange speaks; refusals are
``ExchangeError``. Signatures, rate limits and connections are other people's business.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, Protocol

from ..errors import InvalidRequest
from . import queries, reports
from .accounts import AccountState, Listener
from .errors import ExchangeError
from .market import Market
from .matching import Level
from .money import ZERO, exact, text
from .money import amount as read_amount
from .news import Follower
from .orders import Order, OrderRequest, ResponseType, Side, Status
from .parameters import ORDER_PARAMETERS, OrderReference, Parameters, order_request, wanted_symbol
from .symbols import DEFAULT_SYMBOLS, SymbolRules

__all__ = ["Exchange", "WallClock"]

_FIRST_UID: Final = 354_937_868
_PAGE_PARAMETERS: Final = ("symbol", "orderId", "startTime", "endTime", "limit")
_SYMBOL_STATUSES: Final = ("TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY")


class WallClock(Protocol):
    """Whatever knows what time it is."""

    def time(self) -> float:
        """Return seconds since the epoch."""
        ...


class _CancelRestrictions(enum.Enum):
    ONLY_NEW = "ONLY_NEW"
    ONLY_PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"


class Exchange:
    """
    An exchange. Every method may be called from any thread, and none blocks for long.

    *params* are wire parameters (ws_api document) without more than the method takes; ``apiKey``, ``signature``,
    ``timestamp`` and ``recvWindow`` may be among them and are not looked at. Methods raise ExchangeError with the
    exchange's code and message when they refuse.
    """

    def __init__(self, *, clock: WallClock, symbols: Sequence[SymbolRules] = DEFAULT_SYMBOLS) -> None:
        self._clock = clock
        # Guards everything below, the accounts and their ledgers included.
        self._lock = threading.Lock()
        self._fees: dict[str, Decimal] = {}
        # The markets whose news were not told yet.
        self._moved: dict[Market, None] = {}
        self._markets = {rules.symbol: Market(rules, self._fees, self._moved) for rules in symbols}
        self._assets = tuple(dict.fromkeys(asset for rules in symbols for asset in (rules.base, rules.quote)))
        self._accounts: list[AccountState] = []
        self._followers: tuple[Follower, ...] = ()

    @property
    def symbols(self) -> tuple[SymbolRules, ...]:
        """What is traded here."""
        return tuple(market.rules for market in self._markets.values())

    @contextmanager
    def _exclusively(self) -> Generator[int, None, None]:
        """Hold the lock and compute exactly; gives the time, one for everything that happens meanwhile."""
        with self._lock, exact():
            now = int(self._clock.time() * 1000)
            try:
                yield now
            finally:
                if self._moved:
                    self._tell_news(now)

    def _tell_news(self, now: int) -> None:
        for market in self._moved:
            news = market.take_news(now)
            if news is not None:
                for follower in self._followers:
                    follower(news)
        self._moved.clear()

    # -- accounts

    def open_account(
        self,
        balances: Mapping[str, str] | None = None,
        *,
        maker_commission: str = "0.001",
        taker_commission: str = "0.001",
        recorded: bool = True,
    ) -> AccountState:
        """
        Return a new account that holds *balances*, by asset. Commissions are shares: "0.001" is 0.1 %.

        An account that is not *recorded* keeps no ledger and no history of what ended, so that it can trade for days.
        """
        holdings = {asset: read_amount(value) for asset, value in (balances or {}).items()}
        if any(value < 0 for value in holdings.values()):
            raise InvalidRequest("a balance cannot be negative")
        with self._exclusively() as now:
            account = AccountState(
                _FIRST_UID + len(self._accounts),
                self._lock,
                maker_rate=read_amount(maker_commission),
                taker_rate=read_amount(taker_commission),
                recorded=recorded,
            )
            for asset, value in holdings.items():
                account.receive(asset, value)
            account.forget_changes()
            account.updated_at = now
            self._accounts.append(account)
        return account

    def account_status(self, account: AccountState, *, omit_zero_balances: bool = False) -> dict[str, Any]:
        """Return what account.status answers."""
        with self._exclusively():
            return reports.account_status(account, self._assets, omit_zero_balances=omit_zero_balances)

    def deposit(self, account: AccountState, asset: str, amount: str) -> None:
        """Add to a balance, or take from it where the amount is negative (a withdrawal)."""
        delta = read_amount(amount)
        with self._exclusively() as now:
            if delta < 0:
                account.spend(asset, -delta)
            else:
                account.receive(asset, delta)
            account.updated_at = now
            account.publish({"e": "balanceUpdate", "E": now, "a": asset, "d": text(delta), "T": now})
            account.publish(reports.position_update(account, now))

    def lock_externally(self, account: AccountState, asset: str, amount: str) -> None:
        """Lock part of a free balance as if for a margin loan; a negative amount unlocks it again."""
        delta = read_amount(amount)
        with self._exclusively() as now:
            account.lock_externally(asset, delta)
            account.updated_at = now
            account.publish({"e": "externalLockUpdate", "E": now, "a": asset, "d": text(delta), "T": now})

    def supply(self) -> dict[str, Decimal]:
        """Return how much there is of every asset: all accounts, free and locked, and the fees taken."""
        with self._exclusively():
            total = dict(self._fees)
            for account in self._accounts:
                for asset, balance in account.balances().items():
                    total[asset] = total.get(asset, ZERO) + balance.free + balance.locked
            return total

    # -- events

    def listen(self, account: AccountState, listener: Listener) -> Callable[[], None]:
        """
        Let *listener* have the payload of every event of *account* from now on; returns what ends it.

        It is called in order, under the exchange's lock, just after the event entered the ledger: it must neither
        block nor call the exchange, nor change the payload.
        """
        with self._lock:
            account.add_listener(listener)

        def stop() -> None:
            with self._lock:
                account.remove_listener(listener)

        return stop

    def publish(self, account: AccountState, payload: dict[str, Any]) -> None:
        """Publish an event that did not come of trading (listenKeyExpired, listStatus...)."""
        with self._lock:
            account.publish(payload)

    # -- orders

    def place_order(self, account: AccountState, params: Mapping[str, Any], *, test: bool = False) -> dict[str, Any]:
        """
        Place an order; with *test* only look at it. The answer is order.place's, or order.test's.

        A test looks at the parameters, the symbol's rules and its filters, not at the account or the book.
        """
        known = ORDER_PARAMETERS if test else ORDER_PARAMETERS - {"computeCommissionRates"}
        wanted = Parameters(params, known)
        with self._exclusively() as now:
            market = self._market(wanted)
            request = order_request(wanted)
            market.check(request)
            if test:
                return _commission_rates(account) if wanted.boolean("computeCommissionRates") else {}
            self._refuse_duplicate(account, market, request)
            placed = market.place(account, request, now)
            if request.response_type is ResponseType.ACK:
                return reports.acknowledgement(placed.order, now)
            if request.response_type is ResponseType.RESULT:
                return reports.result(placed.order, now)
            return reports.full_result(placed.order, now, placed.trades, placed.preventions)

    def submit(self, account: AccountState, symbol: str, request: OrderRequest) -> Order:
        """Place an order that was read already, for order flow of the sandbox's own. Raises ExchangeError."""
        with self._exclusively() as now:
            market = self._named_market(symbol)
            market.check(request)
            return market.place(account, request, now).order

    def withdraw(self, order: Order) -> bool:
        """Cancel an order that ``submit`` placed. False if it is not open any more."""
        with self._exclusively() as now:
            if order.is_open:
                self._named_market(order.symbol).cancel(order, f"cancel-{order.id}", now)
                return True
            return False

    def cancel_order(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel one open order."""
        wanted = Parameters(
            params, ("symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions")
        )
        with self._exclusively() as now:
            market = self._market(wanted)
            reference = OrderReference.read(wanted)
            restrictions = wanted.member(
                "cancelRestrictions",
                _CancelRestrictions,
                ExchangeError(-1145, "cancelRestrictions has to be either ONLY_NEW or ONLY_PARTIALLY_FILLED."),
            )
            cancel_id = wanted.client_order_id("newClientOrderId")
            order = queries.find(account.history, market.rules.symbol, reference)
            if order is None or not order.is_open:
                raise ExchangeError.unknown_order()
            is_new = order.status is Status.NEW
            if restrictions is not None and is_new != (restrictions is _CancelRestrictions.ONLY_NEW):
                raise ExchangeError(-2011, "Order was not canceled due to cancel restrictions.")
            return self._cancel(market, order, cancel_id, now)

    def cancel_all_orders(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Cancel every open order of a symbol."""
        wanted = Parameters(params, ("symbol",))
        with self._exclusively() as now:
            market = self._market(wanted)
            orders = account.history.open_orders(market.rules.symbol)
            if not orders:
                raise ExchangeError.unknown_order()
            return [self._cancel(market, order, None, now) for order in orders]

    def _cancel(self, market: Market, order: Order, cancel_id: str | None, now: int) -> dict[str, Any]:
        cancel_id = cancel_id or f"cancel-{order.id}"
        market.cancel(order, cancel_id, now)
        return reports.cancellation(order, cancel_id, now)

    def _refuse_duplicate(self, account: AccountState, market: Market, request: OrderRequest) -> None:
        client_id = request.client_order_id
        if client_id is not None and account.history.has_open(market.rules.symbol, client_id):
            raise ExchangeError.order_rejected("Duplicate order sent.")

    # -- queries

    def order_status(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what order.status answers."""
        wanted = Parameters(params, ("symbol", "orderId", "origClientOrderId"))
        with self._exclusively():
            symbol = self._market(wanted).rules.symbol
            order = queries.find(account.history, symbol, OrderReference.read(wanted))
            if order is None:
                raise ExchangeError.no_such_order()
            return reports.order_status(order)

    def open_orders(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what openOrders.status answers: of one symbol, or of all."""
        wanted = Parameters(params, ("symbol",))
        with self._exclusively():
            symbol = self._market(wanted).rules.symbol if "symbol" in wanted else None
            return [reports.order_status(order) for order in account.history.open_orders(symbol)]

    def all_orders(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what allOrders answers."""
        wanted = Parameters(params, _PAGE_PARAMETERS)
        with self._exclusively():
            symbol = self._market(wanted).rules.symbol
            return [reports.order_status(order) for order in queries.all_orders(account.history, symbol, wanted)]

    def my_trades(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what myTrades answers."""
        wanted = Parameters(params, (*_PAGE_PARAMETERS, "fromId"))
        with self._exclusively():
            symbol = self._market(wanted).rules.symbol
            return [reports.trade_entry(trade) for trade in queries.my_trades(account.history, symbol, wanted)]

    def exchange_info(
        self, params: Mapping[str, Any], *, rate_limits: Sequence[Mapping[str, Any]] = ()
    ) -> dict[str, Any]:
        """Return what exchangeInfo answers; the limits are those of whoever enforces them."""
        wanted = Parameters(params, ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"))
        markets = self._wanted_markets(wanted)
        show = wanted.boolean("showPermissionSets") is not False
        return {
            "timezone": "UTC",
            "serverTime": int(self._clock.time() * 1000),
            "rateLimits": [dict(limit) for limit in rate_limits],
            "exchangeFilters": [],
            "symbols": [market.rules.describe(permission_sets=show) for market in markets],
            "sors": [],
        }

    def follow_markets(self, follower: Follower) -> None:
        """
        Let *follower* have the news of every market from now on.

        It is called in order, under the exchange's lock, once for all that a request brought about in a market: it
        must neither block nor call the exchange.
        """
        with self._lock:
            self._followers = (*self._followers, follower)

    def levels(self, symbol: str, limit: int) -> tuple[int, list[Level], list[Level]]:
        """Return the id of the last change of a symbol's book, and its best bids and asks, the best first."""
        with self._lock:
            return self._named_market(symbol).levels(limit)

    def best_price(self, symbol: str, side: str) -> Decimal | None:
        """Return the best price on that side ("BUY" or "SELL") of the book, None where it is empty."""
        with self._lock:
            return self._named_market(symbol).best(Side(side))

    # -- markets

    def _market(self, params: Parameters) -> Market:
        return self._named_market(wanted_symbol(params))

    def _named_market(self, symbol: str | None) -> Market:
        market = None if symbol is None else self._markets.get(symbol)
        if market is None:
            raise ExchangeError.bad_symbol()
        return market

    def _wanted_markets(self, wanted: Parameters) -> list[Market]:
        filtered = [name for name in ("symbol", "symbols", "symbolStatus") if name in wanted]
        if len(filtered) > 1 or ("permissions" in wanted and filtered and filtered != ["symbolStatus"]):
            raise ExchangeError(-1128, "Combination of optional parameters invalid.")
        if "symbol" in wanted:
            return [self._market(wanted)]
        names = wanted.texts("symbols")
        if names is not None:
            if len(set(names)) < len(names):
                raise ExchangeError(-1151, "Symbol is present multiple times in the list.")
            return [self._named_market(name) for name in names]
        status = wanted.text("symbolStatus")
        if status is not None and status not in _SYMBOL_STATUSES:
            raise ExchangeError(-1122, "Invalid symbolStatus.")
        permissions = wanted.texts("permissions")
        if status not in (None, "TRADING") or (permissions is not None and "SPOT" not in permissions):
            return []
        return list(self._markets.values())


def _commission_rates(account: AccountState) -> dict[str, Any]:
    nothing = {"maker": text(ZERO), "taker": text(ZERO)}
    return {
        "standardCommissionForOrder": {"maker": text(account.maker_rate), "taker": text(account.taker_rate)},
        "specialCommissionForOrder": dict(nothing),
        "taxCommissionForOrder": dict(nothing),
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": text(ZERO),
        },
    }
