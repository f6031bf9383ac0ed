"""Orders: what was asked for, and what has become of it."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from .money import ZERO

if TYPE_CHECKING:
    # An account holds its orders, and an order names its account and its list.
    from .accounts import AccountState
    from .order_lists import OrderList

__all__ = [
    "LIMIT_TYPES",
    "STOP_TYPES",
    "Amendment",
    "ExpiryReason",
    "Order",
    "OrderRequest",
    "OrderType",
    "Peg",
    "PegPrice",
    "ResponseType",
    "SelfTradePrevention",
    "Side",
    "Status",
    "TimeInForce",
    "Trade",
    "Trail",
    "WorkingFloor",
]


class Side(enum.Enum):
    """Whether the base asset is bought or sold."""

    BUY = "BUY"
    SELL = "SELL"

    # Sides are keys wherever it is hot; Enum's own hash is computed in Python.
    __hash__ = object.__hash__

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


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
    """Where an order stands. It is open while PENDING_NEW, NEW or PARTIALLY_FILLED."""

    PENDING_NEW = "PENDING_NEW"
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
    OCO_TRIGGER = "OCO_TRIGGER"
    OTO_PHASE_ONE = "OTO_PHASE_ONE_EXPIRED"
    PRICE_RANGE = "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"


class WorkingFloor(enum.Enum):
    """Where something last happened to an order placed with smart order routing."""

    EXCHANGE = "EXCHANGE"
    SOR = "SOR"


class PegPrice(enum.Enum):
    """Which side of the book a pegged order takes its price from: its own, or the opposite one."""

    PRIMARY = "PRIMARY_PEG"
    MARKET = "MARKET_PEG"


@attrs.frozen
class Peg:
    """Where a pegged order takes its price from: *offset* price levels behind the best one."""

    price: PegPrice
    offset: int | None = None


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
    trailing_delta: int | None = None
    """In basis points: hundredths of a per cent."""
    iceberg_quantity: Decimal = ZERO
    """How much of it is shown at a time."""
    peg: Peg | None = None


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
    allocation_id: int | None = None
    """Set where smart order routing traded on the order's behalf; there is no trade id then (-1)."""
    # What is answered about it; empty before the first time, see reports.py.
    entry: dict[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)


@attrs.frozen
class Amendment:
    """How an order was amended."""

    execution_id: int
    old_client_order_id: str
    new_client_order_id: str
    old_quantity: Decimal
    new_quantity: Decimal
    time: int


@attrs.define
class Trail:
    """How far a trailing stop has followed the market."""

    since: int = -1
    """When it began to follow, in milliseconds of the epoch; -1 before."""
    extreme: Decimal = ZERO
    """The best price since."""


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
    """Limit, zero for orders without one; of a pegged order the price it was pegged at, once that is known."""
    prevention: SelfTradePrevention
    status: Status = Status.NEW
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    prevented: Decimal = ZERO
    prevented_match_id: int | None = None
    unit_cost: Decimal = ZERO
    """What is locked for each unit of the quantity: of the quote asset for a buy, of the base asset for a sell."""
    reserved: Decimal = ZERO
    """What is still locked for it. Of a pair of which one order cancels the other, one holds it for both."""
    working_since: int = -1
    """Since when it is matched or on the book; a stop order is not before it is triggered."""
    updated_at: int = 0
    expiry_reason: ExpiryReason | None = None
    order_list: OrderList | None = None
    trail: Trail | None = None
    """Of trailing stops."""
    visible: Decimal = ZERO
    """Of iceberg orders: how much of what is shown is left."""
    pegged: bool = False
    """Whether ``price`` was taken from the book."""
    working_floor: WorkingFloor | None = None
    """Of orders placed with smart order routing."""
    amendments: list[Amendment] = attrs.field(factory=list[Amendment])
    # Texts that every report of this order repeats; rendered once, see reports.py.
    texts: dict[str, object] = attrs.field(factory=dict[str, object])
    # What is answered about it now that it has ended, if anybody has asked since; see reports.py.
    last_status: dict[str, Any] | None = None

    @property
    def remaining(self) -> Decimal:
        """What is left to execute, or was left when the order ended."""
        return self.quantity - self.executed - self.prevented

    @property
    def shown(self) -> Decimal:
        """What of it can be seen on the book."""
        return self.visible if self.request.iceberg_quantity else self.remaining

    @property
    def is_open(self) -> bool:
        """Whether it can still execute or be cancelled."""
        status = self.status
        return status is Status.NEW or status is Status.PARTIALLY_FILLED or status is Status.PENDING_NEW

    @property
    def is_working(self) -> bool:
        """Whether it is being matched or on the book."""
        return self.working_since >= 0 and self.is_open

    @property
    def list_id(self) -> int:
        """The id of its order list, -1 for an order by itself."""
        return -1 if self.order_list is None else self.order_list.id

    @property
    def is_limited(self) -> bool:
        """Whether it has a price limit."""
        return self.request.type in LIMIT_TYPES

    @property
    def waits_above(self) -> bool:
        """Of stop orders: whether the stop price is above the market. Stop losses follow it, take profits come back."""
        stop_loss = self.request.type in (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
        return stop_loss == (self.side is Side.BUY)

    def is_triggered_by(self, price: Decimal) -> bool:
        """Whether a trade at *price* reaches the stop price; False where there is none."""
        stop_price = self.request.stop_price
        if not stop_price:
            return False
        return price >= stop_price if self.waits_above else price <= stop_price
