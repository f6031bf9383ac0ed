"""Cancel-replaces of which one half was done and the other was not: the sandbox refuses the other half itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from binance_socket import CancelReplaceFailed

from .kinds import NOTHING, Fault, Group, Setup, State
from .scene import Scene
from .transcript import PATIENCE

__all__ = ["FAULTS"]

_STATES = (State.SUBSCRIBING, State.IDLE, State.ROTATING, State.BACKFILLING)
_NOBODYS = 999_999_999
_PRICE = "19000"


def _replace(scene: Scene, cancelled: int, mode: str, **more: Any) -> CancelReplaceFailed | None:
    """Ask for a cancel-replace that fails in part."""
    trading = scene.client.with_options(timeout=PATIENCE).spot_api.trading
    new = {"quantity": "0.001", "price": _PRICE, "time_in_force": "GTC"}
    try:
        trading.replace_order("BTCUSDT", "BUY", "LIMIT", mode, cancel_order_id=cancelled, **new, **more)
    except CancelReplaceFailed as error:
        return error
    return None


def _judge(
    scene: Scene, name: str, error: CancelReplaceFailed | None, happened: Mapping[str, Any], halves: tuple[Any, ...]
) -> None:
    """Count it if the exchange has done one half, and tell what is wrong with what was said of both."""
    if error is None:
        return
    done = [event for event in scene.account.events if happened.items() <= event.items()]
    if len(done) == 1:
        scene.count(name)
    said = (
        error.status,
        error.code,
        getattr(error.cancel_response, "order_id", None),
        getattr(error.new_order_response, "order_id", None),
        getattr(error.cancel_error, "code", None),
        getattr(error.new_order_error, "code", None),
    )
    if said != halves:
        scene.wrong.append(f"{name}: said {said} instead of {halves}")


_HALF_DONE = "cancel-replace half done (409)"
_TOO_MANY = "cancel-replace, too many orders (429)"


def _half_done(scene: Scene) -> None:
    """Cancel an order of nobody's, and place another all the same."""
    error = _replace(scene, _NOBODYS, "ALLOW_FAILURE")
    placed = getattr(getattr(error, "new_order_response", None), "order_id", None)
    happened = {"e": "executionReport", "x": "NEW", "p": "19000.00000000", "i": placed}
    _judge(scene, _HALF_DONE, error, happened, (409, -2021, None, placed, -2011, None))


def _too_many(scene: Scene) -> None:
    """Cancel an order, and place another while no order may be placed."""
    order = scene.account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.001", price=_PRICE)["orderId"]
    error = _replace(scene, order, "STOP_ON_FAILURE", order_rate_limit_exceeded_mode="CANCEL_ONLY")
    happened = {"e": "executionReport", "x": "CANCELED", "i": order}
    _judge(scene, _TOO_MANY, error, happened, (429, -2021, order, None, None, -1015))


FAULTS = (
    Fault(
        name=_HALF_DONE,
        group=Group.API,
        states=(*_STATES, State.IN_FLIGHT),
        elsewhere="There is nobody to answer yet, or it is as in flight.",
        counter=_HALF_DONE,
        own=True,
        strike=_half_done,
        seen=NOTHING,
        reaction="fails that call alone; reads both halves",
        user="CancelReplaceFailed: the new order, and why the old one was not cancelled",
    ),
    Fault(
        name=_TOO_MANY,
        group=Group.API,
        states=_STATES,
        elsewhere="There is nobody to answer yet, or the order in flight would be one too many, too.",
        counter=_TOO_MANY,
        own=True,
        strike=_too_many,
        seen=NOTHING,
        setup=Setup(sandbox={"order_limits": (0, 160_000)}),
        reaction="reads both halves; holds back orders, and nothing else, until there is room again",
        user="CancelReplaceFailed: the order cancelled, and RateLimited for the new one",
    ),
)
