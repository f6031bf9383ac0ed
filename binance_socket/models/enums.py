"""The exchange's enumerations. They are open: a value that is new to this library is kept, it does not fail."""

from __future__ import annotations

import enum
from typing import Any

from typing_extensions import Self, override

__all__ = [
    "AccountType",
    "AllocationType",
    "CalculationType",
    "CancelReplaceMode",
    "CancelReplaceStatus",
    "CancelRestrictions",
    "ContingencyType",
    "ExecutionRule",
    "ExecutionType",
    "ExpiryReason",
    "FilterType",
    "KlineInterval",
    "ListOrderStatus",
    "ListStatusType",
    "MatchType",
    "OpenEnum",
    "OrderCapacity",
    "OrderRateLimitExceededMode",
    "OrderResponseType",
    "OrderSide",
    "OrderStatus",
    "OrderType",
    "PegOffsetType",
    "PegPriceType",
    "Permission",
    "RateLimitInterval",
    "RateLimitType",
    "SelfTradePreventionMode",
    "SymbolStatus",
    "TimeInForce",
    "WorkingFloor",
]

_MAX_UNKNOWN = 256
_unknown: dict[tuple[type[Any], str], Any] = {}
"""Members made for unknown values, so that each is made once; bounded, since they come from outside."""


class OpenEnum(str, enum.Enum):
    """
    An enumeration of strings that accepts any other string as well.

    ``OrderStatus("BRAND_NEW")`` is a member whose ``is_known`` is False; it equals its text, as every member does.
    Compare members with ``==``: unknown ones are not always the same object.
    """

    # A member equals its text, so it must hash like it.
    __hash__ = str.__hash__

    @property
    def is_known(self) -> bool:
        """Whether this library knows the value."""
        return self.name in type(self).__members__ and type(self).__members__[self.name] is self

    @override
    def __str__(self) -> str:
        return str(self.value)

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}" if self.is_known else f"{type(self).__name__}({self.value!r})"

    @classmethod
    @override
    def _missing_(cls, value: object) -> Self | None:
        if type(value) is not str:
            return None  # which makes it a ValueError
        member: Self | None = _unknown.get((cls, value))
        if member is None:
            member = str.__new__(cls, value)
            member._name_ = member._value_ = value
            if len(_unknown) < _MAX_UNKNOWN:
                member = _unknown.setdefault((cls, value), member)
        return member

    @override
    def __reduce_ex__(self, protocol: object) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.value,)


class AccountType(OpenEnum):
    """What an account is for."""

    SPOT = "SPOT"
    UNKNOWN = "UNKNOWN"


class AllocationType(OpenEnum):
    """Where an allocation came from."""

    SOR = "SOR"
    UNKNOWN = "UNKNOWN"


class CalculationType(OpenEnum):
    """How a reference price is found."""

    ARITHMETIC_MEAN = "ARITHMETIC_MEAN"
    EXTERNAL = "EXTERNAL"


class CancelReplaceMode(OpenEnum):
    """Whether a cancel-replace places the new order when the old one could not be cancelled."""

    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


class CancelReplaceStatus(OpenEnum):
    """What became of one half of a cancel-replace."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"


class CancelRestrictions(OpenEnum):
    """The only status in which an order is to be cancelled."""

    ONLY_NEW = "ONLY_NEW"
    ONLY_PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"


class ContingencyType(OpenEnum):
    """How the orders of a list depend on each other."""

    OCO = "OCO"
    OTO = "OTO"


class ExecutionRule(OpenEnum):
    """A rule that may keep orders from executing."""

    PRICE_RANGE = "PRICE_RANGE"


class ExecutionType(OpenEnum):
    """What happened to an order."""

    NEW = "NEW"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    REJECTED = "REJECTED"
    TRADE = "TRADE"
    EXPIRED = "EXPIRED"
    TRADE_PREVENTION = "TRADE_PREVENTION"
    UNKNOWN = "UNKNOWN"


class ExpiryReason(OpenEnum):
    """Why an order expired."""

    NONE = "NONE"
    REJECTED = "REJECTED"
    EXCHANGE_CANCELED = "EXCHANGE_CANCELED"
    OCO_TRIGGER = "OCO_TRIGGER"
    OTO_PHASE_ONE_EXPIRED = "OTO_PHASE_ONE_EXPIRED"
    UNFILLED_IOC_QUANTITY_EXPIRED = "UNFILLED_IOC_QUANTITY_EXPIRED"
    UNFILLED_FOK_ORDER_EXPIRED = "UNFILLED_FOK_ORDER_EXPIRED"
    INSUFFICIENT_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
    EXECUTION_RULE_PRICE_RANGE_EXCEEDED = "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"


class FilterType(OpenEnum):
    """What is demanded of orders."""

    PRICE_FILTER = "PRICE_FILTER"
    PERCENT_PRICE = "PERCENT_PRICE"
    PERCENT_PRICE_BY_SIDE = "PERCENT_PRICE_BY_SIDE"
    LOT_SIZE = "LOT_SIZE"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    NOTIONAL = "NOTIONAL"
    ICEBERG_PARTS = "ICEBERG_PARTS"
    MARKET_LOT_SIZE = "MARKET_LOT_SIZE"
    MAX_NUM_ORDERS = "MAX_NUM_ORDERS"
    MAX_NUM_ALGO_ORDERS = "MAX_NUM_ALGO_ORDERS"
    MAX_NUM_ICEBERG_ORDERS = "MAX_NUM_ICEBERG_ORDERS"
    MAX_POSITION = "MAX_POSITION"
    TRAILING_DELTA = "TRAILING_DELTA"
    T_PLUS_SELL = "T_PLUS_SELL"
    MAX_NUM_ORDER_LISTS = "MAX_NUM_ORDER_LISTS"
    MAX_NUM_ORDER_AMENDS = "MAX_NUM_ORDER_AMENDS"
    EXCHANGE_MAX_NUM_ORDERS = "EXCHANGE_MAX_NUM_ORDERS"
    EXCHANGE_MAX_NUM_ALGO_ORDERS = "EXCHANGE_MAX_NUM_ALGO_ORDERS"
    EXCHANGE_MAX_NUM_ICEBERG_ORDERS = "EXCHANGE_MAX_NUM_ICEBERG_ORDERS"
    EXCHANGE_MAX_NUM_ORDER_LISTS = "EXCHANGE_MAX_NUM_ORDER_LISTS"
    MAX_ASSET = "MAX_ASSET"


class KlineInterval(OpenEnum):
    """How long a kline is."""

    ONE_SECOND = "1s"
    ONE_MINUTE = "1m"
    THREE_MINUTES = "3m"
    FIVE_MINUTES = "5m"
    FIFTEEN_MINUTES = "15m"
    THIRTY_MINUTES = "30m"
    ONE_HOUR = "1h"
    TWO_HOURS = "2h"
    FOUR_HOURS = "4h"
    SIX_HOURS = "6h"
    EIGHT_HOURS = "8h"
    TWELVE_HOURS = "12h"
    ONE_DAY = "1d"
    THREE_DAYS = "3d"
    ONE_WEEK = "1w"
    ONE_MONTH = "1M"


class ListOrderStatus(OpenEnum):
    """How the orders of a list stand."""

    CANCELING = "CANCELING"
    EXECUTING = "EXECUTING"
    ALL_DONE = "ALL_DONE"
    REJECT = "REJECT"


class ListStatusType(OpenEnum):
    """How an order list stands."""

    RESPONSE = "RESPONSE"
    EXEC_STARTED = "EXEC_STARTED"
    UPDATED = "UPDATED"
    ALL_DONE = "ALL_DONE"


class MatchType(OpenEnum):
    """How an order was matched."""

    AUTO_MATCH = "AUTO_MATCH"
    ONE_PARTY_TRADE_REPORT = "ONE_PARTY_TRADE_REPORT"


class OrderCapacity(OpenEnum):
    """On whose behalf an order was placed."""

    PRINCIPAL = "PRINCIPAL"
    AGENCY = "AGENCY"


class OrderRateLimitExceededMode(OpenEnum):
    """What a cancel-replace does when the account has placed too many orders."""

    DO_NOTHING = "DO_NOTHING"
    CANCEL_ONLY = "CANCEL_ONLY"


class OrderResponseType(OpenEnum):
    """How much the answer to a new order says."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class OrderSide(OpenEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"


class OrderStatus(OpenEnum):
    """How an order stands."""

    NEW = "NEW"
    PENDING_NEW = "PENDING_NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    PENDING_CANCEL = "PENDING_CANCEL"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"
    UNKNOWN = "UNKNOWN"


class OrderType(OpenEnum):
    """When and at which price an order trades."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"


class PegOffsetType(OpenEnum):
    """What a pegged order's offset counts."""

    PRICE_LEVEL = "PRICE_LEVEL"


class PegPriceType(OpenEnum):
    """Which price a pegged order follows."""

    PRIMARY_PEG = "PRIMARY_PEG"
    MARKET_PEG = "MARKET_PEG"


class Permission(OpenEnum):
    """What an account may trade, or who may trade a symbol."""

    SPOT = "SPOT"
    MARGIN = "MARGIN"
    LEVERAGED = "LEVERAGED"
    TRD_GRP_002 = "TRD_GRP_002"
    TRD_GRP_003 = "TRD_GRP_003"
    TRD_GRP_004 = "TRD_GRP_004"
    TRD_GRP_005 = "TRD_GRP_005"
    TRD_GRP_006 = "TRD_GRP_006"
    TRD_GRP_007 = "TRD_GRP_007"
    TRD_GRP_008 = "TRD_GRP_008"
    TRD_GRP_009 = "TRD_GRP_009"
    TRD_GRP_010 = "TRD_GRP_010"
    TRD_GRP_011 = "TRD_GRP_011"
    TRD_GRP_012 = "TRD_GRP_012"
    TRD_GRP_013 = "TRD_GRP_013"
    TRD_GRP_014 = "TRD_GRP_014"
    TRD_GRP_015 = "TRD_GRP_015"
    TRD_GRP_016 = "TRD_GRP_016"
    TRD_GRP_017 = "TRD_GRP_017"
    TRD_GRP_018 = "TRD_GRP_018"
    TRD_GRP_019 = "TRD_GRP_019"
    TRD_GRP_020 = "TRD_GRP_020"
    TRD_GRP_021 = "TRD_GRP_021"
    TRD_GRP_022 = "TRD_GRP_022"
    TRD_GRP_023 = "TRD_GRP_023"
    TRD_GRP_024 = "TRD_GRP_024"
    TRD_GRP_025 = "TRD_GRP_025"


class RateLimitInterval(OpenEnum):
    """The unit of a rate limit's interval."""

    SECOND = "SECOND"
    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"


class RateLimitType(OpenEnum):
    """What a rate limit counts."""

    REQUEST_WEIGHT = "REQUEST_WEIGHT"
    ORDERS = "ORDERS"
    RAW_REQUESTS = "RAW_REQUESTS"
    CONNECTIONS = "CONNECTIONS"


class SelfTradePreventionMode(OpenEnum):
    """What happens when an order would trade against another of the same account or trade group."""

    NONE = "NONE"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"
    TRANSFER = "TRANSFER"


class SymbolStatus(OpenEnum):
    """Whether a symbol can be traded."""

    TRADING = "TRADING"
    END_OF_DAY = "END_OF_DAY"
    HALT = "HALT"
    BREAK = "BREAK"
    CANCEL_ONLY = "CANCEL_ONLY"


class TimeInForce(OpenEnum):
    """How long an order stays."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class WorkingFloor(OpenEnum):
    """Where an order works."""

    EXCHANGE = "EXCHANGE"
    BROKER = "BROKER"
    SOR = "SOR"
