"""What is asked for in :mod:`.outcomes`, why its outcome is unknown, and how the exchange's ledger tells of it."""

from __future__ import annotations

import collections
import dataclasses
import random
from collections.abc import Callable, Mapping
from typing import Any

from binance_socket import BinanceSocketClient, Executed, NotExecuted, NotPlaced, Placed
from binance_socket._wire.messages import Request, Security
from binance_socket.sandbox import SandboxAccount

__all__ = ["CAUSES", "LATEST", "METHODS", "Case", "Cause", "Happened", "Ledger", "Method"]

SYMBOL = "BTCUSDT"
# The exchange may take its window and 10 seconds more over a request, by its own statement.
LATEST = 14.9

BUY: Mapping[str, Any] = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "10000", "quantity": "0.001"}
OCO: Mapping[str, Any] = {
    "side": "SELL",
    "quantity": "0.001",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "30000",
    "belowType": "STOP_LOSS_LIMIT",
    "belowStopPrice": "9000",
    "belowPrice": "9000",
    "belowTimeInForce": "GTC",
}
OTO: Mapping[str, Any] = {
    "workingType": "LIMIT",
    "workingTimeInForce": "GTC",
    "workingSide": "BUY",
    "workingPrice": "10000",
    "workingQuantity": "0.001",
    "pendingType": "MARKET",
    "pendingSide": "SELL",
    "pendingQuantity": "0.001",
}

Happened = tuple[int, ...]
"""How often each half of what was asked for happened; there is one, but for a cancel-replace."""


@dataclasses.dataclass(frozen=True)
class Cause:
    """Why an outcome is unknown, how often, and how the sandbox brings it about."""

    title: str
    share: int
    arguments: Callable[[random.Random], dict[str, Any]]


CAUSES = (
    Cause("executed, never answered", 20, lambda _: {"kind": "mute"}),
    Cause("executed, answered too late", 10, lambda r: {"kind": "late", "seconds": r.uniform(12.1, 40)}),
    Cause("executed, answered -1007", 10, lambda _: {"kind": "fail", "executed": True}),
    Cause("not executed, answered -1007", 10, lambda _: {"kind": "fail", "executed": False}),
    Cause("not executed, answered 500", 5, lambda _: {"kind": "fail", "executed": False, "status": 500, "code": -1000}),
    Cause("executed, link cut", 10, lambda _: {"kind": "cut", "executed": True}),
    Cause("not executed, link cut", 10, lambda _: {"kind": "cut", "executed": False}),
    Cause("not executed, never answered", 15, lambda _: {"kind": "lose"}),
    Cause("executed as late as can be", 10, lambda r: {"kind": "slow", "seconds": r.uniform(12.1, LATEST)}),
)


class Ledger:
    """How often what happened, by client order id."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.placed: collections.Counter[str] = collections.Counter()
        self.cancelled: collections.Counter[str] = collections.Counter()
        self.amended: collections.Counter[str] = collections.Counter()
        self.lists: collections.Counter[str] = collections.Counter()
        for event in events:
            kind = event.get("x") if event["e"] == "executionReport" else event.get("l")
            if kind == "NEW":
                self.placed[event["c"]] += 1
            elif kind == "CANCELED":
                self.cancelled[event["C"]] += 1
            elif kind == "REPLACED":
                self.amended[event["c"]] += 1
            elif kind == "EXEC_STARTED":
                self.lists[event["C"]] += 1


@dataclasses.dataclass
class Case:
    """One request."""

    name: str
    method: Method
    cause: Cause
    client: BinanceSocketClient
    account: SandboxAccount
    chance: random.Random
    params: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    answer: Any = None
    happened: Happened | None = None
    """What the ledger said, where it is looked at before the end."""

    @property
    def target(self) -> str:
        """The client order id of what is cancelled or amended."""
        return f"t{self.name}"

    @property
    def request(self) -> Request[Any]:
        """What is asked."""
        params = {"symbol": SYMBOL, **self.params}
        return Request(self.method.name, params, object, Security.SIGNED, mutating=True)

    def place_target(self, suffix: str = "", **more: Any) -> dict[str, Any]:
        """Place an order that is to be cancelled or amended."""
        order = {"price": "10000", "quantity": "0.002", **more, "new_client_order_id": self.target + suffix}
        return self.account.place_order(self.params.get("symbol", SYMBOL), "BUY", "LIMIT", **order)


@dataclasses.dataclass(frozen=True)
class Method:
    """A method that changes something: how it is prepared, and what the ledger has of it."""

    name: str
    share: int
    prepare: Callable[[Case], None]
    happened: Callable[[Case, Ledger], Happened]
    halves: tuple[tuple[type, type], ...]
    """What says that it happened, and that it did not."""
    lonely: bool = False
    """Whether it concerns all that an account has, so that nothing else may be done with that."""


def _place(case: Case) -> None:
    case.params = {**BUY, "newClientOrderId": case.name}


def _cancel(case: Case) -> None:
    order = case.place_target()
    by_number = case.chance.random() < 0.3
    reference = {"orderId": order["orderId"]} if by_number else {"origClientOrderId": case.target}
    case.params = {**reference, "newClientOrderId": case.name}


def _replace(case: Case) -> None:
    """Most replace an order; of some there is none, and of some the new one cannot be paid."""
    mode = case.chance.choice(("STOP_ON_FAILURE", "ALLOW_FAILURE"))
    case.params = {"symbol": "ETHUSDT", "cancelReplaceMode": mode, "newClientOrderId": case.name}
    case.params |= {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "1000", "quantity": "0.02"}
    if case.chance.random() < 0.2:
        case.params["side"] = "SELL"
    by_number = False
    if case.chance.random() < 0.8:
        order = case.place_target(price="1000", quantity="0.02")
        by_number = case.chance.random() < 0.3
        if by_number:
            case.params["cancelOrderId"] = order["orderId"]
    if not by_number:
        case.params["cancelOrigClientOrderId"] = case.target


def _amend(case: Case) -> None:
    order = case.place_target()
    by_number = case.chance.random() < 0.5
    reference = {"orderId": order["orderId"]} if by_number else {"origClientOrderId": case.target}
    case.params = {**reference, "newClientOrderId": case.name, "newQty": "0.001"}


def _place_list(case: Case, legs: Mapping[str, Any], names: tuple[str, str]) -> None:
    """Some give each order an id of its own, some only the list."""
    case.params = {**legs, "listClientOrderId": case.name}
    if case.chance.random() < 0.7:
        case.params |= {f"{name}ClientOrderId": f"{case.name}-{name}" for name in names}


def _cancel_all(case: Case) -> None:
    case.params = {}
    for suffix in ("a", "b"):
        case.place_target(suffix)


METHODS = (
    Method("order.place", 50, _place, lambda case, ledger: (ledger.placed[case.name],), ((Placed, NotPlaced),)),
    Method(
        "order.cancel", 12, _cancel, lambda case, ledger: (ledger.cancelled[case.target],), ((Executed, NotExecuted),)
    ),
    Method(
        "order.cancelReplace",
        12,
        _replace,
        lambda case, ledger: (ledger.cancelled[case.target], ledger.placed[case.name]),
        ((Executed, NotExecuted), (Placed, NotPlaced)),
    ),
    Method(
        "order.amend.keepPriority",
        8,
        _amend,
        lambda case, ledger: (ledger.amended[case.name],),
        ((Executed, NotExecuted),),
    ),
    Method(
        "orderList.place.oco",
        8,
        lambda case: _place_list(case, OCO, ("above", "below")),
        lambda case, ledger: (ledger.lists[case.name],),
        ((Placed, NotPlaced),),
    ),
    Method(
        "orderList.place.oto",
        7,
        lambda case: _place_list(case, OTO, ("working", "pending")),
        lambda case, ledger: (ledger.lists[case.name],),
        ((Placed, NotPlaced),),
    ),
    Method(
        "openOrders.cancelAll",
        3,
        _cancel_all,
        lambda case, ledger: (min(ledger.cancelled[case.target + suffix] for suffix in ("a", "b")),),
        ((Executed, NotExecuted),),
        lonely=True,
    ),
)
