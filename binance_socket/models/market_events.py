"""
What the market streams say.

Source: the document on market streams of Spot. Prices are in units of the quote asset, quantities in units of the base
asset, quote quantities in units of the quote asset; volumes likewise. Timestamps are in UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Final, TypeVar

from typing_extensions import dataclass_transform

from .base import Model, model, wire
from .order_book import PriceLevel

__all__ = [
    "AggregateTradeUpdate",
    "AveragePriceUpdate",
    "BlockTradeUpdate",
    "BookTickerUpdate",
    "DepthUpdate",
    "KlineUpdate",
    "MarketEvent",
    "MiniTickerUpdate",
    "PartialBookUpdate",
    "ReferencePriceUpdate",
    "RollingWindowTickerUpdate",
    "StreamKline",
    "TickerUpdate",
    "TradeUpdate",
]

_T = TypeVar("_T")


@model
class MarketEvent(Model):
    """Anything that a market stream says. Which kind it is follows from the stream: some do not name themselves."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(wire,))
def _named(name: str) -> Callable[[type[_T]], type[_T]]:
    """Declare a market event that calls itself *name* (``e``). Its class keeps the name in ``event_name``."""

    def declare(cls: type[_T]) -> type[_T]:
        declared = model(cls)
        declared.event_name = name  # type: ignore[attr-defined]  # each of these classes says that it has one
        return declared

    return declare


@_named("aggTrade")
class AggregateTradeUpdate(MarketEvent):
    """Trades of one taker order at one price, as one."""

    event_name: ClassVar[str]

    event_time: datetime = wire("E")
    symbol: str = wire("s")
    aggregate_trade_id: int = wire("a")
    price: Decimal = wire("p")
    quantity: Decimal = wire("q")
    first_trade_id: int = wire("f")
    last_trade_id: int = wire("l")
    trade_time: datetime = wire("T")
    is_buyer_maker: bool = wire("m")
    """Whether the buyer's order was in the book, so that the seller's was the taker."""
    is_best_match: bool | None = wire("M", default=None, often=True)
    """To be ignored, say the documents."""


@_named("trade")
class TradeUpdate(MarketEvent):
    """One trade: one buyer, one seller."""

    event_name: ClassVar[str]

    event_time: datetime = wire("E")
    symbol: str = wire("s")
    trade_id: int = wire("t")
    price: Decimal = wire("p")
    quantity: Decimal = wire("q")
    trade_time: datetime = wire("T")
    is_buyer_maker: bool = wire("m")
    """Whether the buyer's order was in the book, so that the seller's was the taker."""
    is_best_match: bool | None = wire("M", default=None, often=True)
    """To be ignored, say the documents."""


@_named("blockTrade")
class BlockTradeUpdate(MarketEvent):
    """A trade that was agreed on outside of the book."""

    event_name: ClassVar[str]

    event_time: datetime = wire("E")
    symbol: str = wire("s")
    block_trade_id: int = wire("t")
    price: Decimal = wire("p")
    quantity: Decimal = wire("q")
    trade_time: datetime = wire("T")
    is_buyer_maker: bool = wire("m")


@model
class StreamKline(Model):
    """A candlestick as it stands."""

    open_time: datetime = wire("t")
    close_time: datetime = wire("T")
    """Its last millisecond."""
    symbol: str = wire("s")
    interval: str = wire("i")
    """For example ``1m``."""
    first_trade_id: int = wire("f")
    """-1 while there is no trade."""
    last_trade_id: int = wire("L")
    open_price: Decimal = wire("o")
    close_price: Decimal = wire("c")
    high_price: Decimal = wire("h")
    low_price: Decimal = wire("l")
    volume: Decimal = wire("v")
    trade_count: int = wire("n")
    is_closed: bool = wire("x")
    """Whether this is its last state."""
    quote_volume: Decimal = wire("q")
    taker_buy_volume: Decimal = wire("V")
    taker_buy_quote_volume: Decimal = wire("Q")
    ignored: str | None = wire("B", default=None, often=True)
    """To be ignored, say the documents."""


@_named("kline")
class KlineUpdate(MarketEvent):
    """A candlestick has changed, or is closed."""

    event_name: ClassVar[str]

    event_time: datetime = wire("E")
    symbol: str = wire("s")
    kline: StreamKline = wire("k")


@_named("24hrMiniTicker")
class MiniTickerUpdate(MarketEvent):
    """A symbol's last 24 hours, in short."""

    event_name: ClassVar[str]

    event_time: datetime = wire("E")
    symbol: str = wire("s")
    close_price: Decimal = wire("c")
    """That of the last trade."""
    open_price: Decimal = wire("o")
    high_price: Decimal = wire("h")
    low_price: Decimal = wire("l")
    volume: Decimal = wire("v")
    quote_volume: Decimal = wire("q")


@_named("24hrTicker")
class TickerUpdate(MarketEvent):
    """A symbol's last 24 hours."""

    event_name: ClassVar[str]

    event_time: datetime = wire("E")
    symbol: str = wire("s")
    price_change: Decimal = wire("p")
    price_change_percent: Decimal = wire("P")
    weighted_average_price: Decimal = wire("w")
    previous_close_price: Decimal = wire("x")
    """The price of the last trade before the 24 hours."""
    last_price: Decimal = wire("c")
    last_quantity: Decimal = wire("Q")
    best_bid_price: Decimal = wire("b")
    best_bid_quantity: Decimal = wire("B")
    best_ask_price: Decimal = wire("a")
    best_ask_quantity: Decimal = wire("A")
    open_price: Decimal = wire("o")
    high_price: Decimal = wire("h")
    low_price: Decimal = wire("l")
    volume: Decimal = wire("v")
    quote_volume: Decimal = wire("q")
    open_time: datetime = wire("O")
    """When what is summed up began."""
    close_time: datetime = wire("C")
    """When it ended."""
    first_trade_id: int = wire("F")
    """-1 if there was no trade."""
    last_trade_id: int = wire("L")
    trade_count: int = wire("n")


@model
class RollingWindowTickerUpdate(MarketEvent):
    """A symbol's last hour, 4 hours or day; the window is an even number of minutes."""

    event_type: str = wire("e")
    """``1hTicker``, ``4hTicker`` or ``1dTicker``."""
    event_time: datetime = wire("E")
    symbol: str = wire("s")
    price_change: Decimal = wire("p")
    price_change_percent: Decimal = wire("P")
    open_price: Decimal = wire("o")
    high_price: Decimal = wire("h")
    low_price: Decimal = wire("l")
    last_price: Decimal = wire("c")
    weighted_average_price: Decimal = wire("w")
    volume: Decimal = wire("v")
    quote_volume: Decimal = wire("q")
    open_time: datetime = wire("O")
    """When what is summed up began."""
    close_time: datetime = wire("C")
    """When it ended."""
    first_trade_id: int = wire("F")
    """-1 if there was no trade."""
    last_trade_id: int = wire("L")
    trade_count: int = wire("n")

    @property
    def window(self) -> timedelta | None:
        """How long the window is; None for one that this library does not know."""
        return _WINDOWS.get(self.event_type)


_WINDOWS: Final = {
    "1hTicker": timedelta(hours=1),
    "4hTicker": timedelta(hours=4),
    "1dTicker": timedelta(days=1),
}


@model
class BookTickerUpdate(MarketEvent):
    """The best bid or the best ask has changed. Does not say when."""

    update_id: int = wire("u")
    """The state of the book that it is of."""
    symbol: str = wire("s")
    best_bid_price: Decimal = wire("b")
    best_bid_quantity: Decimal = wire("B")
    best_ask_price: Decimal = wire("a")
    best_ask_quantity: Decimal = wire("A")


@_named("avgPrice")
class AveragePriceUpdate(MarketEvent):
    """The average price of the last minutes has changed."""

    event_name: ClassVar[str]

    event_time: datetime = wire("E")
    symbol: str = wire("s")
    interval: str = wire("i")
    """Over which it is taken, for example ``5m``."""
    average_price: Decimal = wire("w")
    last_trade_time: datetime = wire("T")


@model
class PartialBookUpdate(MarketEvent):
    """The best levels of a book as they stand. Does not say when, nor of which symbol: the stream does."""

    last_update_id: int
    """The state of the book that it is of."""
    bids: tuple[PriceLevel, ...]
    """The highest price first."""
    asks: tuple[PriceLevel, ...]
    """The lowest price first."""
    symbol: str | None = wire("s", default=None, often=True)
    """As it was subscribed to: the exchange does not send it."""


@_named("depthUpdate")
class DepthUpdate(MarketEvent):
    """Levels of a book that have changed."""

    event_name: ClassVar[str]

    event_time: datetime = wire("E")
    symbol: str = wire("s")
    first_update_id: int = wire("U")
    last_update_id: int = wire("u")
    bids: tuple[PriceLevel, ...] = wire("b")
    """Their new quantities; 0 where a level is gone."""
    asks: tuple[PriceLevel, ...] = wire("a")
    """Likewise."""


@_named("referencePrice")
class ReferencePriceUpdate(MarketEvent):
    """The reference price has changed."""

    event_name: ClassVar[str]

    symbol: str = wire("s")
    reference_price: Decimal | None = wire("r")
    """None if there is none."""
    reference_time: datetime = wire("t")
    """When it was valid, by the clock of the matching engine."""
