"""An exchange without a server, and people who trade on it."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from binance_socket.sandbox.errors import ExchangeError
from binance_socket.sandbox.exchange import Exchange
from binance_socket.testing import ManualClock


class Trader:
    """An account with short names for what is done with it."""

    def __init__(self, exchange, account):
        self.exchange = exchange
        self.account = account

    def place(self, side, kind="LIMIT", symbol="BTCUSDT", test=False, **params):
        if kind in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
            params.setdefault("timeInForce", "GTC")
        order = {"symbol": symbol, "side": side, "type": kind, **params}
        return self.exchange.place_order(self.account, order, test=test)

    def buy(self, quantity, price, **more):
        return self.place("BUY", quantity=quantity, price=price, **more)

    def sell(self, quantity, price, **more):
        return self.place("SELL", quantity=quantity, price=price, **more)

    def market(self, side, **params):
        return self.place(side, "MARKET", **params)

    def cancel(self, placed, **more):
        return self.exchange.cancel_order(
            self.account, {"symbol": placed["symbol"], "orderId": placed["orderId"], **more}
        )

    def status(self, placed):
        return self.exchange.order_status(self.account, {"symbol": placed["symbol"], "orderId": placed["orderId"]})

    def balance(self, asset):
        """What is free and locked."""
        for entry in self.exchange.account_status(self.account)["balances"]:
            if entry["asset"] == asset:
                return Decimal(entry["free"]), Decimal(entry["locked"])
        return Decimal(0), Decimal(0)

    @property
    def events(self):
        return self.account.ledger.events

    @property
    def reports(self):
        return [event for event in self.events if event["e"] == "executionReport"]

    @property
    def story(self):
        """Execution types and states of all reports, in order."""
        return [(event["x"], event["X"]) for event in self.reports]


class _Refused:
    """Expects an ExchangeError with exactly this code and message."""

    def __init__(self, code, message):
        self.code = code
        self.message = message

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        assert isinstance(error, ExchangeError), f"not refused with {self.code}"
        assert (error.code, error.message, error.status) == (self.code, self.message, 400)
        return True


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def exchange(clock):
    return Exchange(clock=clock)


@pytest.fixture
def trader(exchange):
    """Make traders: ``trader(BTC="1", USDT="1000")``."""

    def make(commission="0.001", **balances):
        account = exchange.open_account(balances, maker_commission=commission, taker_commission=commission)
        return Trader(exchange, account)

    return make


@pytest.fixture
def alice(trader):
    return trader(BTC="10", USDT="1000000")


@pytest.fixture
def bob(trader):
    return trader(BTC="10", USDT="1000000")


@pytest.fixture
def refused():
    """Expect a refusal: ``with refused(code, message): ...``."""
    return _Refused


@pytest.fixture(scope="session")
def spec():
    """Load one of the exchange's documents as data: ``spec("ws_api.json")``."""
    directory = os.environ.get("BINANCE_SPEC_DIR")
    if not directory:
        pytest.skip("BINANCE_SPEC_DIR is not set: it names the directory with the exchange's documents as data")

    def load(name):
        text = (Path(directory) / name).read_text("utf-8")
        return json.loads(text) if name.endswith(".json") else text

    return load
