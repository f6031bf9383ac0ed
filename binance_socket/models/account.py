"""The account: what it holds, what it may do, what it pays."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from .base import Model, model
from .enums import AccountType, Permission

__all__ = ["AccountInfo", "Balance", "CommissionRates"]


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
