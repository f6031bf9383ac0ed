"""Order flow of the sandbox's own: the market maker's, and bursts for load."""

from __future__ import annotations

import logging
import threading
from typing import Final

from .accounts import AccountState
from .exchange import Exchange
from .market_maker import MarketMaker
from .venue import Venue

__all__ = ["Liquidity", "burst"]

logger = logging.getLogger(__name__)

STEP_SECONDS: Final = 0.25


class Liquidity:
    """
    Runs a market maker: fills the book at once, then steps a few times a second until stopped.

    It has a thread of its own and waits in real time, so that a test's clock that stands still is not moved by it.
    """

    def __init__(self, venue: Venue, seed: int) -> None:
        self._maker = MarketMaker(venue.exchange, seed=seed)
        self._maker.seed_book()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-market-maker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the thread."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(STEP_SECONDS):
            self._maker.step()


def burst(exchange: Exchange, account: AccountState, count: int, symbol: str) -> int:
    """
    Place and cancel an order until at least *count* execution reports have come of it, and return how many.

    The account needs funds for one small order.
    """
    order = {
        "symbol": symbol,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "1000",
        "newOrderRespType": "ACK",
    }
    reports = 0
    while reports < count:
        placed = exchange.place_order(account, order)
        exchange.cancel_order(account, {"symbol": symbol, "orderId": placed["orderId"]})
        reports += 2
    return reports
