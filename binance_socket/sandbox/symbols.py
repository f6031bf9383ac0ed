"""What can be traded: the rules of a symbol, its filters and how exchangeInfo describes it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import attrs

from ..errors import InvalidRequest
from .errors import ExchangeError
from .filters import Counts, MarketLotSize, PercentPrice, TrailingDelta
from .money import DECIMALS, ZERO, decimals_of, floor_to, text
from .orders import OrderRequest, OrderType, SelfTradePrevention, Side

__all__ = ["DEFAULT_SYMBOLS", "SymbolRules"]

_ALL_TYPES: Final = (
    OrderType.LIMIT,
    OrderType.LIMIT_MAKER,
    OrderType.MARKET,
    OrderType.STOP_LOSS,
    OrderType.STOP_LOSS_LIMIT,
    OrderType.TAKE_PROFIT,
    OrderType.TAKE_PROFIT_LIMIT,
)
_ALL_PREVENTIONS: Final = (
    SelfTradePrevention.NONE,
    SelfTradePrevention.EXPIRE_TAKER,
    SelfTradePrevention.EXPIRE_MAKER,
    SelfTradePrevention.EXPIRE_BOTH,
    SelfTradePrevention.DECREMENT,
    SelfTradePrevention.TRANSFER,
)


@attrs.frozen(kw_only=True)
class PriceRange:
    """The execution rule of that name: how far from the reference price a taker may trade (1: at the price itself)."""

    bid_up: Decimal
    bid_down: Decimal
    ask_up: Decimal
    ask_down: Decimal

    def limits(self, side: Side, reference: Decimal) -> tuple[Decimal, Decimal]:
        """Return the lowest and the highest price at which a taker of that side may trade."""
        down, up = (self.bid_down, self.bid_up) if side is Side.BUY else (self.ask_down, self.ask_up)
        return reference * down, reference * up

    def describe(self) -> dict[str, Any]:
        """Return the rule as ``executionRules`` shows it."""
        return {
            "ruleType": "PRICE_RANGE",
            "bidLimitMultUp": f"{self.bid_up:.4f}",
            "bidLimitMultDown": f"{self.bid_down:.4f}",
            "askLimitMultUp": f"{self.ask_up:.4f}",
            "askLimitMultDown": f"{self.ask_down:.4f}",
        }


@attrs.frozen(kw_only=True)
class SymbolRules:
    """
    A symbol and its filters (filters document: PRICE_FILTER, LOT_SIZE, NOTIONAL).

    A limit of zero switches that rule off, as the documents have it. Tick and step may need eight decimals together
    at most, so that price times quantity is an exact amount of the quote asset.
    """

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    min_price: Decimal
    max_price: Decimal
    step_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional: Decimal = ZERO
    max_notional: Decimal = ZERO
    order_types: tuple[OrderType, ...] = _ALL_TYPES
    self_trade_preventions: tuple[SelfTradePrevention, ...] = _ALL_PREVENTIONS
    default_self_trade_prevention: SelfTradePrevention = SelfTradePrevention.NONE
    allows_iceberg: bool = True
    allows_trailing_stop: bool = True
    allows_pegged: bool = True
    allows_oco: bool = True
    allows_oto: bool = True
    allows_opo: bool = True
    allows_cancel_replace: bool = True
    allows_amend: bool = True
    counts: Counts = attrs.field(factory=Counts)
    trailing_delta: TrailingDelta = attrs.field(factory=TrailingDelta)
    percent_price: PercentPrice | None = None
    market_lot_size: MarketLotSize | None = None
    max_iceberg_parts: int = 100
    max_position: Decimal = ZERO
    max_amends: int = 10
    price_range: PriceRange | None = None

    def __attrs_post_init__(self) -> None:
        if self.tick_size <= 0 or self.step_size <= 0:
            raise InvalidRequest(f"{self.symbol}: tick and step must be positive")
        if decimals_of(self.tick_size) + decimals_of(self.step_size) > DECIMALS:
            raise InvalidRequest(f"{self.symbol}: tick and step need more than {DECIMALS} decimals together")

    def check_price(self, price: Decimal) -> None:
        """Hold a price or stop price against PRICE_FILTER."""
        too_high = self.max_price and price > self.max_price
        if too_high or price < self.min_price or price % self.tick_size:
            raise ExchangeError.filter_failure("PRICE_FILTER")

    def check_quantity(self, quantity: Decimal) -> None:
        """Hold a quantity against LOT_SIZE."""
        too_high = self.max_quantity and quantity > self.max_quantity
        if too_high or quantity < self.min_quantity or quantity % self.step_size:
            raise ExchangeError.filter_failure("LOT_SIZE")

    def check_notional(self, notional: Decimal) -> None:
        """Hold price times quantity against NOTIONAL."""
        if notional < self.min_notional or (self.max_notional and notional > self.max_notional):
            raise ExchangeError.filter_failure("NOTIONAL")

    def check_features(self, request: OrderRequest) -> None:
        """See that the symbol offers what *request* makes use of."""
        for wanted, offered, name in (
            (bool(request.iceberg_quantity), self.allows_iceberg, "Iceberg"),
            (request.trailing_delta is not None, self.allows_trailing_stop, "Trailing stop"),
            (request.peg is not None, self.allows_pegged, "Pegged"),
        ):
            if wanted and not offered:
                raise ExchangeError.order_rejected(f"{name} orders are not supported for this symbol.")

    def check_extras(self, request: OrderRequest, last_price: Decimal | None) -> None:
        """Hold an order against ICEBERG_PARTS, TRAILING_DELTA, MARKET_LOT_SIZE and PERCENT_PRICE."""
        self.trailing_delta.check(request)
        if request.iceberg_quantity:
            self.check_quantity(request.iceberg_quantity)
            if request.quantity > request.iceberg_quantity * self.max_iceberg_parts:
                raise ExchangeError.filter_failure("ICEBERG_PARTS")
        if self.market_lot_size is not None and request.type is OrderType.MARKET and request.quantity:
            self.market_lot_size.check(request.quantity)
        if self.percent_price is not None:
            self.percent_price.check(request.side, request.price, last_price)

    def fitting_quantity(self, quantity: Decimal, kind: OrderType) -> Decimal:
        """Return the most of *quantity* that LOT_SIZE and MARKET_LOT_SIZE allow in one order."""
        if self.max_quantity:
            quantity = min(quantity, self.max_quantity)
        lot = self.market_lot_size
        if lot is not None and kind is OrderType.MARKET:
            quantity = min(quantity, lot.max_quantity)
            if lot.step_size:
                quantity = floor_to(quantity, lot.step_size)
        return floor_to(quantity, self.step_size)

    def describe(self, *, permission_sets: bool = True) -> dict[str, Any]:
        """Return this symbol's entry of exchangeInfo."""
        return {
            "symbol": self.symbol,
            "status": "TRADING",
            "baseAsset": self.base,
            "baseAssetPrecision": DECIMALS,
            "quoteAsset": self.quote,
            "quotePrecision": DECIMALS,
            "quoteAssetPrecision": DECIMALS,
            "baseCommissionPrecision": DECIMALS,
            "quoteCommissionPrecision": DECIMALS,
            "orderTypes": [kind.value for kind in self.order_types],
            "icebergAllowed": self.allows_iceberg,
            "ocoAllowed": self.allows_oco,
            "otoAllowed": self.allows_oto,
            "opoAllowed": self.allows_opo,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": self.allows_trailing_stop,
            "cancelReplaceAllowed": self.allows_cancel_replace,
            "amendAllowed": self.allows_amend,
            "pegInstructionsAllowed": self.allows_pegged,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": self.filters(),
            "permissions": [],
            "permissionSets": [["SPOT"]] if permission_sets else [],
            "defaultSelfTradePreventionMode": self.default_self_trade_prevention.value,
            "allowedSelfTradePreventionModes": [mode.value for mode in self.self_trade_preventions],
        }

    def filters(self) -> list[dict[str, Any]]:
        """Return the symbol's filters as exchangeInfo and myFilters show them."""
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": text(self.min_price),
                "maxPrice": text(self.max_price),
                "tickSize": text(self.tick_size),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": text(self.min_quantity),
                "maxQty": text(self.max_quantity),
                "stepSize": text(self.step_size),
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": text(self.min_notional),
                "applyMinToMarket": True,
                "maxNotional": text(self.max_notional),
                "applyMaxToMarket": True,
                # 0: the last price stands for the price of an order that has none.
                "avgPriceMins": 0,
            },
            {"filterType": "ICEBERG_PARTS", "limit": self.max_iceberg_parts},
            self.trailing_delta.describe(),
            *([] if self.market_lot_size is None else [self.market_lot_size.describe()]),
            *([] if self.percent_price is None else [self.percent_price.describe()]),
            *self.counts.describe(),
            *([{"filterType": "MAX_POSITION", "maxPosition": text(self.max_position)}] if self.max_position else []),
            {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": self.max_amends},
        ]


def _rules(
    base: str, quote: str, tick: str, max_price: str, step: str, max_quantity: str, notional: str
) -> SymbolRules:
    return SymbolRules(
        symbol=base + quote,
        base=base,
        quote=quote,
        tick_size=Decimal(tick),
        min_price=Decimal(tick),
        max_price=Decimal(max_price),
        step_size=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(max_quantity),
        min_notional=Decimal(notional),
        max_notional=Decimal("9000000"),
    )


DEFAULT_SYMBOLS: Final[Sequence[SymbolRules]] = (
    _rules("BTC", "USDT", "0.01", "1000000", "0.00001", "9000", "5"),
    _rules("ETH", "USDT", "0.01", "1000000", "0.0001", "9000", "5"),
    _rules("ETH", "BTC", "0.00001", "922327", "0.001", "100000", "0.0001"),
    # Its range counts once a reference price was set.
    attrs.evolve(
        _rules("BNB", "USDT", "0.01", "100000", "0.001", "900000", "5"),
        price_range=PriceRange(bid_up=Decimal(2), bid_down=Decimal("0.5"), ask_up=Decimal(2), ask_down=Decimal("0.5")),
    ),
    # Names are not ASCII only: a client must sign and send them as UTF-8.
    _rules("１２３", "４５６", "0.0001", "100000", "0.01", "900000", "1"),
    # Another dollar, for smart order routing.
    _rules("BTC", "USDC", "0.01", "1000000", "0.00001", "9000", "5"),
)
"""What an exchange trades if it is not told otherwise."""
