"""Self-trades that were prevented: whose order loses how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import attrs

from .orders import Order, SelfTradePrevention

__all__ = ["PreventedMatch", "Prevention", "effective_mode", "losses"]


@attrs.frozen
class Prevention:
    """One side's view of a self-trade that was prevented."""

    match_id: int
    order: Order
    counter_order_id: int
    quantity: Decimal
    """What expired of this order."""
    match_quantity: Decimal
    """What would have been traded."""
    price: Decimal
    counter_symbol: str
    trade_group: int = -1


@attrs.frozen(kw_only=True)
class PreventedMatch:
    """A self-trade that was prevented, as it is kept for those who ask for it later."""

    id: int
    taker: Order
    maker: Order
    mode: SelfTradePrevention
    price: Decimal
    taker_quantity: Decimal | None
    """What the taker lost, None where the mode spares it."""
    maker_quantity: Decimal | None
    trade_group: int
    time: int


def effective_mode(taker: Order, maker: Order) -> SelfTradePrevention:
    """Return whose mode counts: the taker's; but both have to want a transfer."""
    mode = taker.prevention
    if mode is SelfTradePrevention.TRANSFER and (
        maker.prevention is not mode or maker.account.uid == taker.account.uid
    ):
        return SelfTradePrevention.DECREMENT
    return mode


def _nothing(order: Order, quantity: Decimal) -> None:
    return None


def _everything(order: Order, quantity: Decimal) -> Decimal:
    return order.remaining


def _match(order: Order, quantity: Decimal) -> Decimal:
    return quantity


_Loss = Callable[[Order, Decimal], "Decimal | None"]
# What the taker and the maker lose.
_LOSSES: Final[Mapping[SelfTradePrevention, tuple[_Loss, _Loss]]] = {
    SelfTradePrevention.EXPIRE_TAKER: (_everything, _nothing),
    SelfTradePrevention.EXPIRE_MAKER: (_nothing, _everything),
    SelfTradePrevention.EXPIRE_BOTH: (_everything, _everything),
    SelfTradePrevention.DECREMENT: (_match, _match),
    SelfTradePrevention.TRANSFER: (_match, _match),
}


def losses(taker: Order, maker: Order, quantity: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """Return what the taker and the maker lose when they would have traded *quantity*; None for nothing at all."""
    taker_loss, maker_loss = _LOSSES[effective_mode(taker, maker)]
    return taker_loss(taker, quantity), maker_loss(maker, quantity)
