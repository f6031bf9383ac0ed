"""The symbols' rules that a client has asked for, kept for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable

import attrs

from .symbol_rules import SymbolRules

__all__ = ["SymbolCache"]


@attrs.frozen
class _Entry:
    rules: SymbolRules
    asked_at: float


class SymbolCache:
    """
    Rules by symbol, each good for *lifetime* seconds of *monotonic*. Any thread.

    Threads that want the same symbol at once wait for the first of them to have it. When that fails, the others ask by
    themselves: its deadline was its own.
    """

    def __init__(self, lifetime: float, monotonic: Callable[[], float]) -> None:
        self._lifetime = lifetime
        self._monotonic = monotonic
        # Guards everything below. A leaf: nothing is called under it.
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._loading: dict[str, threading.Event] = {}

    def get(self, symbol: str, load: Callable[[], SymbolRules], *, refresh: bool = False) -> SymbolRules:
        """
        Return the rules of *symbol*, by calling *load* where they are not kept, or too old, or with *refresh*.

        What *load* raises is raised; what was kept before stays until its time is over.
        """
        found = None if refresh else self._fresh(symbol)
        if found is not None:
            return found
        now = self._monotonic()
        done = threading.Event()
        with self._lock:
            other = None if refresh else self._loading.get(symbol)
            if other is None:
                self._loading[symbol] = done
        if other is not None:
            other.wait()
            found = self._fresh(symbol)
            if found is not None:
                return found
        try:
            rules = load()
            with self._lock:
                kept = self._entries.get(symbol)
                # Answers may come in another order than they were asked for.
                if kept is None or kept.asked_at <= now:
                    self._entries[symbol] = _Entry(rules, now)
        finally:
            with self._lock:
                if self._loading.get(symbol) is done:
                    del self._loading[symbol]
            done.set()
        return rules

    def _fresh(self, symbol: str) -> SymbolRules | None:
        now = self._monotonic()
        with self._lock:
            entry = self._entries.get(symbol)
        return entry.rules if entry is not None and now - entry.asked_at < self._lifetime else None
