"""What the demo shows, and how it shows it line by line."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any, Protocol, TextIO

from ..events import DataEvent, EventSource
from ..models.user_data import BalanceLockUpdate, BalanceUpdate, OrderUpdate, PositionsUpdate

__all__ = ["PlainView", "View", "amount", "describe", "recovered"]


class View(Protocol):
    """Whoever shows a demo. Any thread may call."""

    def begin(self, chapter: str) -> None:
        """A chapter begins."""
        ...

    def end(self, chapter: str, outcome: str) -> None:
        """What was promised in the chapter has happened."""
        ...

    def event(self, trader: str, event: DataEvent[Any]) -> None:
        """A callback of *trader* was given *event*."""
        ...

    def notice(self, trader: str, text: str) -> None:
        """Something beside the events was told to *trader*."""
        ...

    def finish(self, text: str, *, succeeded: bool) -> None:
        """The demo is over."""
        ...


class PlainView:
    """Prints lines, for pipes and for ``--plain``."""

    def __init__(self, output: TextIO, title: str) -> None:
        self._output = output
        # Guards the output, so that lines stay whole.
        self._lock = threading.Lock()
        self._print(title)

    def begin(self, chapter: str) -> None:
        """Print nothing: the outcome says it all."""

    def end(self, chapter: str, outcome: str) -> None:
        """Print the outcome."""
        self._print(f"{chapter:10}{outcome}")

    def event(self, trader: str, event: DataEvent[Any]) -> None:
        """Print what it is, and what it says."""
        name, text = describe(event.data)
        self._print(f"    {trader:7}{name:17}{text}{recovered(event)}")

    def notice(self, trader: str, text: str) -> None:
        """Print it."""
        self._print(f"    {trader:7}-- {text}")

    def finish(self, text: str, *, succeeded: bool) -> None:
        """Print the summary."""
        self._print(text if succeeded else f"FAILED: {text}")

    def _print(self, line: str) -> None:
        with self._lock:
            print(line, file=self._output, flush=True)


def describe(event: object) -> tuple[str, str]:
    """Return the class of *event* by its name, and in a few words what it says."""
    name = type(event).__name__
    if isinstance(event, OrderUpdate):
        filled = event.cumulative_filled_quantity
        if event.is_trade:
            return name, f"{event.status} {amount(filled)}/{amount(event.quantity)}"
        at = f" @ {amount(event.price)}" if event.price else f" {event.order_type}"
        return name, f"{event.status} {event.side} {amount(event.quantity)}{at}"
    if isinstance(event, PositionsUpdate):
        # After a gap there are all assets, and of most an account has nothing.
        held = [balance for balance in event.balances if balance.free or balance.locked]
        locked = {balance.asset: f" +{amount(balance.locked)} locked" for balance in held if balance.locked}
        said = ", ".join(f"{b.asset} {amount(b.free)}{locked.get(b.asset, '')}" for b in held or event.balances)
        nothing = len(event.balances) - len(held)
        return name, said + (f", {nothing} more at 0" if held and nothing else "")
    if isinstance(event, (BalanceUpdate, BalanceLockUpdate)):
        return name, f"{event.asset} {'+' if event.delta > 0 else ''}{amount(event.delta)}"
    return name, ""


def recovered(event: DataEvent[Any]) -> str:
    """Return what is said of an event that was found out afterwards."""
    return " (recovered)" if event.source is EventSource.BACKFILL else ""


def amount(value: Decimal) -> str:
    """Return *value* without the zeros at its end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
