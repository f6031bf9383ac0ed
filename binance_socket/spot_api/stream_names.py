"""What market streams are called. Source: the document on market streams."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from .._wire.values import plain
from ..errors import InvalidRequest

__all__ = ["KLINE_INTERVALS", "LEVELS", "TIME_ZONES", "UPDATE_INTERVALS", "WINDOWS", "checked", "streams_of"]

KLINE_INTERVALS: Final = (
    *("1s", "1m", "3m", "5m", "15m", "30m"),
    *("1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"),
)
TIME_ZONES: Final = ("+08:00",)
WINDOWS: Final = ("1h", "4h", "1d")
LEVELS: Final = (5, 10, 20)
UPDATE_INTERVALS: Final[Mapping[int, str]] = {1000: "", 100: "@100ms"}
"""In milliseconds, and what a stream's name ends with for it."""

# They would end a name, or separate it from another one.
_SEPARATORS: Final = frozenset('@/!"\\')


def checked(name: str, value: Any, allowed: Collection[Any]) -> Any:
    """Return *value* as it stands in a stream's name. Raises InvalidRequest, or TypeError for a float."""
    value = plain(value)
    if isinstance(value, bool) or value not in allowed:
        raise InvalidRequest(f"{name} is one of {', '.join(map(repr, allowed))}, not {value!r}")
    return value


def streams_of(symbols: str | Iterable[str], suffix: str) -> dict[str, str]:
    """
    Return the names of the streams of *symbols*, and the symbol of each.

    The exchange writes symbols in lower case there. Raises InvalidRequest for none, for one twice, and for what can be
    no symbol.
    """
    if isinstance(symbols, str):
        symbols = (symbols,)
    elif not isinstance(symbols, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # not everybody checks types
        raise InvalidRequest(f"symbols are one name or several, not {symbols!r}")
    streams: dict[str, str] = {}
    for symbol in symbols:
        if not _is_symbol(symbol):
            raise InvalidRequest(f"a symbol is a name such as 'BTCUSDT', not {symbol!r}")
        stream = symbol.lower() + suffix
        if stream in streams:
            raise InvalidRequest(f"{symbol} is given twice")
        streams[stream] = symbol.upper()
    if not streams:
        raise InvalidRequest("no symbols: there is nothing to subscribe to")
    return streams


def _is_symbol(symbol: object) -> bool:
    return (
        isinstance(symbol, str)
        and bool(symbol)
        and not any(letter in _SEPARATORS or letter.isspace() or not letter.isprintable() for letter in symbol)
    )
