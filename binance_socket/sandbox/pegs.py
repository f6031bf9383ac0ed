"""Pegged orders: limit orders whose price is taken from the book. Source: the FAQ "Pegged orders"."""

from __future__ import annotations

from decimal import Decimal

from .errors import ExchangeError
from .matching import Book
from .orders import OrderRequest, PegPrice, Side

__all__ = ["pegged_price"]


def pegged_price(book: Book, request: OrderRequest) -> Decimal:
    """
    Return the price that *request* asks for, as the book stands now; never a worse one than its own limit.

    Raises ExchangeError -2010 where the book has no such price level.
    """
    peg = request.peg
    assert peg is not None
    side = request.side if peg.price is PegPrice.PRIMARY else request.side.opposite
    price = book.level(side, peg.offset or 0)
    if price is None:
        raise ExchangeError.order_rejected("Order book liquidity is too low for this pegged order.")
    if not request.price:
        return price
    return min(price, request.price) if request.side is Side.BUY else max(price, request.price)
