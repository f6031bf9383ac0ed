"""Times during which a subscription did not hear everything, and what could be made up for."""

from __future__ import annotations

import enum
from datetime import datetime

import attrs

__all__ = ["Gap", "GapStatus", "Unrecoverable"]


class GapStatus(enum.Enum):
    """How far a gap is."""

    OPEN = "open"
    """Events are missing, and what can be found out has not been told yet."""
    RECOVERED_STATE = "recovered state"
    """Everything that the exchange can be asked for afterwards was found out and told."""
    PARTIAL = "partial"
    """Some of it was."""
    FAILED = "failed"
    """Nothing was."""

    @property
    def is_final(self) -> bool:
        """Whether the same gap is not told of again."""
        return self is not GapStatus.OPEN


class Unrecoverable(enum.Enum):
    """What stays unknown of a gap."""

    EVERYTHING = "everything"
    """Nobody could be asked: market streams, a client without credentials, ``ClientOptions(backfill=False)``."""
    INTERMEDIATE_STATES = "intermediate states of orders and balances"
    """Only how things stand now can be asked for, and each trade. Of an order list, its end is told."""
    REJECTED_ORDERS = "rejected orders"
    CAUSES_OF_BALANCES = "causes of balance changes"
    """``balanceUpdate`` and ``externalLockUpdate``: deposits, withdrawals, transfers, locks. Their effect is known."""
    OTHER_SYMBOLS = "orders that were closed on symbols that were not known"
    """
    Orders can be asked for by symbol only. Known are those of the subscription's events, and of the orders that were
    open when this gap or an earlier one was looked into: not that of an order from before the subscription, if it was
    filled or cancelled in the first gap.
    """
    UNCHECKED_SYMBOLS = "symbols for which the rate limits left no room, or that could not be asked for"
    FORGOTTEN_ORDERS = "orders of too many to remember"
    """What was told of orders is remembered for a limited number of them: older ones are not told again."""
    BALANCES = "balances"
    """The exchange could not be asked for them, or answered what they had been before a trade that was found out."""
    OPEN_ORDERS = "open orders"
    """The exchange could not be asked for them, or for an order list."""
    TOO_LONG_AGO = "what happened more than a day before events came again"
    """The exchange answers for a day at most. Orders that were open, and trades, are asked for all the same."""
    TIME = "when exactly the gap was"
    """
    The exchange could not be asked what time it was. Where this machine's clock is wrong, something may be missing of
    what happened as events stopped, or came again.
    """
    LATE_ENTRIES = "what the exchange's database did not show yet"
    """The gap had to end before it was asked again: because of another gap, which looks for it, or of the end."""
    INTERNAL_ERROR = "what a defect of the library kept from being found out"
    """``on_exception`` is told of it."""


@attrs.frozen(kw_only=True)
class Gap:
    """
    A time during which events of a subscription may be missing.

    It is told twice, in its place among the events: OPEN after the last event before it, and with a final status after
    everything that was recovered. ``id`` is the same.
    """

    id: int
    """A number of our own, unique in this process."""
    account: str | None
    """The API key whose account it concerns, shortened; None for market data."""
    cause: str
    """Why, for people."""
    from_: datetime
    """
    No event that the exchange sent before is missing: by its clock, as far as that is known, in UTC.

    In the final telling it may be earlier than in the first, where more has been found out.
    """
    to: datetime | None = None
    """The same of everything after; None while events do not come again yet."""
    recovered_orders: int = 0
    """How many orders the recovered events tell of, beside trades."""
    recovered_trades: int = 0
    """How many trades they tell of."""
    balances_resynced: bool = False
    """Whether the balances are known to be as events have told since."""
    symbols_checked: tuple[str, ...] = ()
    """The symbols for whose orders and trades the exchange was asked."""
    unrecoverable: tuple[Unrecoverable, ...] = ()
    """What stays unknown."""
    status: GapStatus = GapStatus.OPEN
