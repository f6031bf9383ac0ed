"""Orders: what was asked for, and what has become of it."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import TYPE_CHECKING

import attrs

from .money import ZERO

if TYPE_CHECKING:
    # An account holds its orders, and an order names its account.
    from .accounts import AccountState

__all__ = [
    "LIMIT_TYPES",
    "STOP_TYPES",
    "ExpiryReason",
    "Order",
    "OrderRequest",
    "OrderType",
    "ResponseType",
    "SelfTradePrevention",
    "Side",
    "Status",
    "TimeInForce",
    "Trade",
]


class Side(enum.Enum):
    """Whether the base asset is bought or sold."""

    BUY = "BUY"
    SELL = "SELL"

    # Sides are keys wherever it is hot; Enum's own hash is computed in Python.
    __hash__ = object.__hash__


class OrderType(enum.Enum):
    """The order types of the documents' enums."""

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


LIMIT_TYPES = frozenset(
    {OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
)
"""Types with a price; the others take what the book offers."""
STOP_TYPES = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)
"""Types that wait for the last trade's price to reach their stop price."""


class TimeInForce(enum.Enum):
    """What happens to the quantity that finds no counterpart at once."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SelfTradePrevention(enum.Enum):
    """Whose order expires when an account would trade with itself. The taker's mode decides."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"
    TRANSFER = "TRANSFER"


class ResponseType(enum.Enum):
    """How much of a new order is told to who placed it."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class Status(enum.Enum):
    """Where an order stands. It is open while NEW or PARTIALLY_FILLED."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


class ExpiryReason(enum.Enum):
    """Why an order expired (executionReport's ``eR``)."""

    UNFILLED_IOC = "UNFILLED_IOC_QUANTITY_EXPIRED"
    UNFILLED_FOK = "UNFILLED_FOK_ORDER_EXPIRED"
    INSUFFICIENT_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
    REJECTED = "REJECTED"


@attrs.frozen(kw_only=True)
class OrderRequest:
    """A new order as it was asked for, its parameters valid by themselves. Zero stands for "not given"."""

    side: Side
    type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    quantity: Decimal = ZERO
    quote_quantity: Decimal = ZERO
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    client_order_id: str | None = None
    response_type: ResponseType = ResponseType.ACK
    strategy_id: int | None = None
    strategy_type: int | None = None
    self_trade_prevention: SelfTradePrevention | None = None
    """None: the symbol's default."""


@attrs.frozen
class Trade:
    """One side's view of a trade."""

    id: int
    order: Order
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_maker: bool


@attrs.define(eq=False)
class Order:
    """An order's life. Changed by its market alone, under the exchange's lock. Times in milliseconds of the epoch."""

    id: int
    account: AccountState
    symbol: str
    request: OrderRequest
    client_order_id: str
    created_at: int
    quantity: Decimal
    """What was asked for; for quoteOrderQty, what it came to."""
    side: Side
    price: Decimal
    """Limit, zero for orders without one."""
    prevention: SelfTradePrevention
    status: Status = Status.NEW
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    prevented: Decimal = ZERO
    prevented_match_id: int | None = None
    reserved: Decimal = ZERO
    """What is still locked for it: of the quote asset for a buy, of the base asset for a sell."""
    working_since: int = -1
    """Since when it is matched or on the book; a stop order is not before it is triggered."""
    updated_at: int = 0
    expiry_reason: ExpiryReason | None = None
    # Texts that every report of this order repeats; rendered once, see reports.py.
    texts: dict[str, object] = attrs.field(factory=dict[str, object])

    @property
    def remaining(self) -> Decimal:
        """What is left to execute, or was left when the order ended."""
        return self.quantity - self.executed

    @property
    def is_open(self) -> bool:
        """Whether it can still execute or be cancelled."""
        return self.status is Status.NEW or self.status is Status.PARTIALLY_FILLED

    @property
    def is_working(self) -> bool:
        """Whether it is being matched or on the book."""
        return self.working_since >= 0 and self.is_open

    @property
    def is_limited(self) -> bool:
        """Whether it has a price limit."""
        return self.request.type in LIMIT_TYPES

    def is_triggered_by(self, price: Decimal) -> bool:
        """Whether a trade at *price* reaches the stop price."""
        stop_loss = self.request.type in (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
        # Stop losses follow the market away from it, take profits come back to it.
        if stop_loss == (self.side is Side.BUY):
            return price >= self.request.stop_price
        return price <= self.request.stop_price
