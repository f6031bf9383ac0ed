"""
The embedded exchange: accounts and markets behind one lock.

Requests come in as wire parameters and go out as wire results, because that is what an exchange speaks; refusals are
``ExchangeError``. Signatures, rate limits and connections are other people's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from ..errors import InvalidRequest
from . import reports
from .accounts import AccountState, Listener
from .amendments import Amending
from .errors import ExchangeError
from .floor import Floor, WallClock
from .market import Market
from .matching import Level
from .money import ZERO, text
from .money import amount as read_amount
from .news import ExternalReference, Follower
from .orders import Order, OrderRequest, Side
from .parameters import Parameters
from .records import Records
from .replacing import Replacing
from .sor import SmartRoute, SmartRouting
from .symbols import DEFAULT_SYMBOLS, SymbolRules
from .trading import Trading

__all__ = ["Exchange", "WallClock"]

_FIRST_UID: Final = 354_937_868
_SYMBOL_STATUSES: Final = ("TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY")


class Exchange:
    """
    An exchange. Every method may be called from any thread, and none blocks for long.

    *params* are wire parameters (ws_api document) without more than the method takes; ``apiKey``, ``signature``,
    ``timestamp`` and ``recvWindow`` may be among them and are not looked at. Methods raise ExchangeError with the
    exchange's code and message when they refuse.
    """

    def __init__(
        self,
        *,
        clock: WallClock,
        symbols: Sequence[SymbolRules] = DEFAULT_SYMBOLS,
        routes: Sequence[SmartRoute] = (),
    ) -> None:
        self._floor = floor = Floor(clock, symbols)
        self.trading = Trading(floor)
        """Orders and order lists."""
        self.replacing = Replacing(floor, self.trading)
        """order.cancelReplace."""
        self.amending = Amending(floor)
        """order.amend.keepPriority and order.amendments."""
        self.routing = SmartRouting(floor, self.trading, routes)
        """Orders with smart order routing."""
        self.records = Records(floor)
        """Queries."""
        self._exclusively = floor.exclusively
        # Guards everything below, the accounts and their ledgers included.
        self._lock = floor.lock
        self._markets = floor.markets
        self._assets = tuple(dict.fromkeys(asset for rules in symbols for asset in (rules.base, rules.quote)))
        self._accounts: list[AccountState] = []

    @property
    def symbols(self) -> tuple[SymbolRules, ...]:
        """What is traded here."""
        return tuple(market.rules for market in self._markets.values())

    # -- accounts

    def open_account(
        self,
        balances: Mapping[str, str] | None = None,
        *,
        maker_commission: str = "0.001",
        taker_commission: str = "0.001",
        recorded: bool = True,
        trade_group: int = -1,
    ) -> AccountState:
        """
        Return a new account that holds *balances*, by asset. Commissions are shares: "0.001" is 0.1 %.

        An account that is not *recorded* keeps no ledger and no history of what ended, so that it can trade for days.
        Accounts of one *trade_group* are kept from trading with each other as if they were one; -1 is no group.
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
                trade_group=trade_group,
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

    def forget(self, account: AccountState, events: int, seconds: float) -> None:
        """
        Forget the first *events* of an account's ledger, and what ended in its history more than *seconds* ago.

        For those who trade for days and compare as they go.
        """
        account.ledger.forget(events)
        with self._exclusively() as now:
            account.history.forget(now - int(seconds * 1000))

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
            total = dict(self._floor.fees)
            for asset, converted in self._floor.converted.items():
                total[asset] = total.get(asset, ZERO) + converted
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

    # -- orders, as Sandbox and the market maker place them

    def place_order(self, account: AccountState, params: Mapping[str, Any], *, test: bool = False) -> dict[str, Any]:
        """Place an order; with *test* only look at it. The answer is order.place's, or order.test's."""
        return self.trading.place_order(account, params, test=test)

    def submit(self, account: AccountState, symbol: str, request: OrderRequest) -> Order:
        """Place an order that was read already, for order flow of the sandbox's own. Raises ExchangeError."""
        with self._exclusively() as now:
            market = self._floor.named_market(symbol)
            market.check(request)
            order = market.place(account, request, now).order
            market.settle(now)
            return order

    def withdraw(self, order: Order) -> bool:
        """Cancel an order that ``submit`` placed. False if it is not open any more."""
        with self._exclusively() as now:
            if order.is_open:
                self._floor.named_market(order.symbol).cancel(order, f"cancel-{order.id}", now)
                return True
            return False

    def cancel_order(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel one open order. The answer is order.cancel's."""
        return self.trading.cancel_order(account, params)

    def cancel_all_orders(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Cancel every open order of a symbol. The answer is openOrders.cancelAll's."""
        return self.trading.cancel_all_orders(account, params)

    def order_status(self, account: AccountState, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what order.status answers."""
        return self.records.order_status(account, params)

    def open_orders(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what openOrders.status answers: of one symbol, or of all."""
        return self.records.open_orders(account, params)

    def all_orders(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what allOrders answers."""
        return self.records.all_orders(account, params)

    def my_trades(self, account: AccountState, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what myTrades answers."""
        return self.records.my_trades(account, params)

    # -- markets

    def exchange_info(
        self, params: Mapping[str, Any], *, rate_limits: Sequence[Mapping[str, Any]] = ()
    ) -> dict[str, Any]:
        """Return what exchangeInfo answers; the limits are those of whoever enforces them."""
        wanted = Parameters(params, ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"))
        markets = self._wanted_markets(wanted)
        show = wanted.boolean("showPermissionSets") is not False
        return {
            "timezone": "UTC",
            "serverTime": self._floor.now(),
            "rateLimits": [dict(limit) for limit in rate_limits],
            "exchangeFilters": [],
            "symbols": [market.rules.describe(permission_sets=show) for market in markets],
            "sors": [route.describe() for route in self.routing.routes],
        }

    def follow_markets(self, follower: Follower) -> None:
        """
        Let *follower* have the news of every market from now on.

        It is called in order, under the exchange's lock, once for all that a request brought about in a market: it
        must neither block nor call the exchange.
        """
        with self._lock:
            self._floor.followers = (*self._floor.followers, follower)

    def block_trade(self, symbol: str, price: str, quantity: str, *, buyer_is_maker: bool) -> int:
        """Tell of a trade that was made off the book, and return its id. Raises InvalidRequest for bad amounts."""
        amounts = read_amount(price), read_amount(quantity)
        if min(amounts) <= 0:
            raise InvalidRequest("price and quantity must be positive")
        with self._exclusively() as now:
            return self._floor.named_market(symbol).block_trade(*amounts, now, buyer_is_maker=buyer_is_maker)

    def set_reference_price(self, symbol: str, price: str | None, calculation_id: int) -> None:
        """Set a symbol's reference price from outside; None: it has none now. It takes the place of any other."""
        value = None if price is None else read_amount(price)
        if value is not None and value <= 0:
            raise InvalidRequest("a reference price must be positive")
        with self._exclusively() as now:
            self._floor.named_market(symbol).reference = ExternalReference(value, now, calculation_id)

    def reference(self, symbol: str) -> ExternalReference | None:
        """Return the reference price that was set from outside, None where none ever was."""
        with self._lock:
            return self._floor.named_market(symbol).reference

    def execution_rules(self, symbol: str) -> list[dict[str, Any]]:
        """Return what executionRules says of a symbol."""
        rule = self._floor.named_market(symbol).rules.price_range
        return [] if rule is None else [rule.describe()]

    def levels(self, symbol: str, limit: int) -> tuple[int, list[Level], list[Level]]:
        """Return the id of the last change of a symbol's book, and its best bids and asks, the best first."""
        with self._lock:
            return self._floor.named_market(symbol).levels(limit)

    def best_price(self, symbol: str, side: str) -> Decimal | None:
        """Return the best price on that side ("BUY" or "SELL") of the book, None where it is empty."""
        with self._lock:
            return self._floor.named_market(symbol).best(Side(side))

    def _wanted_markets(self, wanted: Parameters) -> list[Market]:
        filtered = [name for name in ("symbol", "symbols", "symbolStatus") if name in wanted]
        if len(filtered) > 1 or ("permissions" in wanted and filtered and filtered != ["symbolStatus"]):
            raise ExchangeError(-1128, "Combination of optional parameters invalid.")
        if "symbol" in wanted:
            return [self._floor.market(wanted)]
        names = wanted.texts("symbols")
        if names is not None:
            if len(set(names)) < len(names):
                raise ExchangeError(-1151, "Symbol is present multiple times in the list.")
            return [self._floor.named_market(name) for name in names]
        status = wanted.text("symbolStatus")
        if status is not None and status not in _SYMBOL_STATUSES:
            raise ExchangeError(-1122, "Invalid symbolStatus.")
        permissions = wanted.texts("permissions")
        if status not in (None, "TRADING") or (permissions is not None and "SPOT" not in permissions):
            return []
        return list(self._markets.values())
