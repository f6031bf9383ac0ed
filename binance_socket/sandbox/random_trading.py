"""Random trading among accounts, for load of every kind: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Final

from .accounts import AccountState
from .errors import ExchangeError
from .exchange import Exchange
from .list_parameters import ListKind
from .market_maker import REFERENCE_PRICES
from .money import ZERO, exact
from .orders import Order, OrderRequest, OrderType, SelfTradePrevention, Side

__all__ = ["RandomTrading"]

SYMBOLS: Final = ("BTCUSDT", "ETHUSDT")
_ASSETS: Final = ("BTC", "ETH", "USDT")
# Quotes lie within so many ticks of the middle; so many orders of an account may be open at a time, and so many lists.
_WIDTH: Final = 30
_OPEN_ORDERS: Final = 24
_OPEN_LISTS: Final = 3
_TICK: Final = Decimal("0.01")
# Worth more than the least that the symbols allow.
_LOT: Final = Decimal("0.01")
_MOST_LOTS: Final = 20


class RandomTrading:
    """
    Lets *accounts* quote, trade with each other, amend, cancel, place order lists, deposit, withdraw and lock.

    What happens depends on the seed and on what was traded before, not on the time. It has no thread: ``run`` does what
    it does at once, always from one thread at a time. The accounts need funds for it, in BTC, ETH and USDT.
    """

    def __init__(self, exchange: Exchange, accounts: Sequence[AccountState], seed: int) -> None:
        self._exchange, self._accounts = exchange, tuple(accounts)
        self._random = random.Random(seed)
        self._open: dict[AccountState, list[Order]] = {account: [] for account in accounts}
        self._lists: dict[AccountState, list[tuple[str, int]]] = {account: [] for account in accounts}
        self._locked: dict[tuple[AccountState, str], int] = {}
        acts: Sequence[tuple[int, Callable[[AccountState], object]]] = (
            (34, self._quote),
            (24, self._cancel),
            (22, self._take),
            (8, self._amend),
            (6, self._move_funds),
            (4, self._lock),
            (2, self._place_list),
            (1, self._cancel_list),
        )
        self._acts = tuple(act for _, act in acts)
        self._weights = tuple(accumulate(weight for weight, _ in acts))

    def run(self, events: int) -> int:
        """Go on until at least *events* more are in the accounts' ledgers, and return how many it were."""
        before = self._published
        while (published := self._published - before) < events:
            (act,) = self._random.choices(self._acts, cum_weights=self._weights)
            act(self._random.choice(self._accounts))
        return published

    @property
    def _published(self) -> int:
        return sum([account.ledger.count for account in self._accounts])

    def _quote(self, account: AccountState) -> None:
        symbol, side = self._random.choice(SYMBOLS), self._random.choice((Side.BUY, Side.SELL))
        # Now and then across the middle, so that limit orders are filled in part and rest.
        distance = self._random.randrange(-2, _WIDTH)
        with exact():
            middle = REFERENCE_PRICES[symbol]
            price = middle - _TICK * distance if side is Side.BUY else middle + _TICK * (distance + 1)
        order = self._submit(account, symbol, side, OrderType.LIMIT, price)
        orders = self._open[account]
        if order.is_open:
            orders.append(order)
        if len(orders) > _OPEN_ORDERS:
            self._cancel(account)

    def _take(self, account: AccountState) -> None:
        side = self._random.choice((Side.BUY, Side.SELL))
        self._submit(account, self._random.choice(SYMBOLS), side, OrderType.MARKET)

    def _cancel(self, account: AccountState) -> None:
        order = self._pick(account)
        if order is not None:
            self._open[account].remove(order)
            self._exchange.withdraw(order)

    def _amend(self, account: AccountState) -> None:
        order = self._pick(account)
        if order is None:
            return
        with exact():
            lots = int((order.quantity - order.executed - order.prevented) // _LOT)
            quantity = order.quantity - _LOT * self._random.randint(1, lots - 1) if lots > 1 else ZERO
        if quantity:
            params = {"symbol": order.symbol, "orderId": order.id, "newQty": quantity}
            try:
                self._exchange.amending.amend(account, params)
            except ExchangeError:
                # It was amended as often as is allowed.
                self._cancel(account)

    def _move_funds(self, account: AccountState) -> None:
        amount = self._random.choice(("-0.5", "0.25", "1.75", "-0.75"))
        self._exchange.deposit(account, self._random.choice(_ASSETS), amount)

    def _lock(self, account: AccountState) -> None:
        asset = self._random.choice(_ASSETS)
        locked = self._locked.get((account, asset), 0)
        change = 1 if not locked else self._random.choice((1, -1))
        self._exchange.lock_externally(account, asset, str(change))
        self._locked[account, asset] = locked + change

    def _place_list(self, account: AccountState) -> None:
        if len(self._lists[account]) >= _OPEN_LISTS:
            self._cancel_list(account)
            return
        symbol = self._random.choice(SYMBOLS)
        kind, params = self._random.choice(_LISTS)
        with exact():
            middle = REFERENCE_PRICES[symbol]
            prices = {
                name: middle + _TICK * value if isinstance(value, int) else value for name, value in params.items()
            }
        try:
            answer = self._exchange.trading.place_list(account, kind, {"symbol": symbol, **prices})
        except ExchangeError:
            # The last price lies where one of the pair would have to wait.
            return
        self._lists[account].append((symbol, answer["orderListId"]))

    def _cancel_list(self, account: AccountState) -> None:
        lists = self._lists[account]
        if lists:
            symbol, number = lists.pop(0)
            try:
                self._exchange.trading.cancel_list(account, {"symbol": symbol, "orderListId": number})
            except ExchangeError:
                # It is done.
                return

    def _pick(self, account: AccountState) -> Order | None:
        """Return an open order of the account's, and forget those that are not open any more."""
        self._open[account] = orders = [order for order in self._open[account] if order.is_open]
        return self._random.choice(orders) if orders else None

    def _submit(self, account: AccountState, symbol: str, side: Side, kind: OrderType, price: Decimal = ZERO) -> Order:
        with exact():
            quantity = _LOT * self._random.randint(1, _MOST_LOTS)
        # The exchange's own default: nobody trades with himself.
        request = OrderRequest(
            side=side, type=kind, quantity=quantity, price=price, self_trade_prevention=SelfTradePrevention.EXPIRE_MAKER
        )
        return self._exchange.submit(account, symbol, request)


# Order lists; a whole number is a price, so many ticks from the middle.
_LISTS: Final[Sequence[tuple[ListKind, dict[str, str | int]]]] = (
    (
        ListKind.OCO,
        {
            "side": "SELL",
            "quantity": "0.05",
            "aboveType": "LIMIT_MAKER",
            "abovePrice": 45,
            "belowType": "STOP_LOSS_LIMIT",
            "belowStopPrice": -45,
            "belowPrice": -46,
            "belowTimeInForce": "GTC",
            "selfTradePreventionMode": "EXPIRE_MAKER",
        },
    ),
    (
        ListKind.OTO,
        {
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "workingType": "LIMIT",
            "workingTimeInForce": "GTC",
            "workingSide": "BUY",
            "workingPrice": 0,
            "workingQuantity": "0.03",
            "pendingType": "LIMIT",
            "pendingTimeInForce": "GTC",
            "pendingSide": "SELL",
            "pendingPrice": 12,
            "pendingQuantity": "0.03",
        },
    ),
)
