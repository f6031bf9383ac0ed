"""The account: what it holds, what it may do, what it pays."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from .base import Model, model
from .enums import AccountType, Permission
from .filters import Filter

__all__ = [
    "AccountInfo",
    "Balance",
    "CommissionDiscount",
    "CommissionRates",
    "RelevantFilters",
    "SymbolCommissionRates",
]


@model
class Balance(Model):
    """What an account holds of one asset, in units of the asset."""

    asset: str
    free: Decimal
    """What can be used."""
    locked: Decimal
    """What open orders hold."""

    @property
    def total(self) -> Decimal:
        """Free and locked together."""
        return self.free + self.locked


@model
class CommissionRates(Model):
    """Commissions as fractions of a trade: 0.001 is 0.1 %."""

    maker: Decimal
    taker: Decimal
    buyer: Decimal
    seller: Decimal


@model
class CommissionDiscount(Model):
    """What commissions are lowered by when they are paid in the discount's asset."""

    enabled_for_account: bool
    enabled_for_symbol: bool
    discount_asset: str | None = None
    discount: Decimal
    """The fraction of the standard commission that is still to be paid."""


@model
class SymbolCommissionRates(Model):
    """
    What the account pays for trading a symbol.

    Source: the WebSocket API document, ``account.commission``; the SBE schema's AccountCommissionResponse.
    """

    symbol: str
    standard_commission: CommissionRates
    special_commission: CommissionRates | None = None
    tax_commission: CommissionRates
    discount: CommissionDiscount
    """What is taken off the standard commission."""


@model
class RelevantFilters(Model):
    """
    The filters that apply to the account on a symbol, those that only the account knows of included.

    Source: the WebSocket API document, ``myFilters``; the SBE schema's MyFiltersResponse.
    """

    exchange_filters: tuple[Filter, ...]
    symbol_filters: tuple[Filter, ...]
    asset_filters: tuple[Filter, ...]


@model
class AccountInfo(Model):
    """
    An account.

    Source: the WebSocket API document, ``account.status``; the SBE schema's AccountResponse.
    """

    # Commissions in basis points: 15 is 0.15 %. The exact ones are in commission_rates.
    maker_commission: int
    taker_commission: int
    buyer_commission: int
    seller_commission: int
    commission_rates: CommissionRates
    # Permissions.
    can_trade: bool
    can_withdraw: bool
    can_deposit: bool
    # Venues that do not have the feature leave its flag out.
    brokered: bool = False
    require_self_trade_prevention: bool = False
    prevent_sor: bool = False
    """Whether smart order routing is forbidden."""
    permissions: tuple[Permission, ...]
    account_type: AccountType
    # Identity.
    uid: int | None = None
    """The account's number; None at venues that do not tell."""
    trade_group_id: int | None = None
    """The group within which self-trades are prevented; None where the account is in none."""
    # Holdings.
    update_time: datetime
    """When a balance last changed."""
    balances: tuple[Balance, ...]
    reduce_only_assets: tuple[str, ...] = ()
    """Assets that may only be sold."""

    def balance(self, asset: str) -> Balance:
        """Return what the account holds of *asset*; zero if it is not among the balances."""
        for balance in self.balances:
            if balance.asset == asset:
                return balance
        return Balance(asset=asset, free=Decimal(0), locked=Decimal(0))
