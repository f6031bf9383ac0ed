"""
What is checked of arguments before they are sent, and how they are written.

One table: parameters of the same name mean the same in every method. An enumeration is given as a member, or as the
text of a value or the name of a member that this library knows; one that is new at the exchange is given as a member,
for example ``KlineInterval("2w")``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

from .._wire.values import decimal_from, plain
from ..errors import InvalidRequest
from ..models.enums import KlineInterval, OpenEnum, Permission, SymbolStatus

__all__ = ["amount", "checked", "member_of", "symbol_name", "symbol_names"]

_E = TypeVar("_E", bound=OpenEnum)

# A window is a number of minutes, hours or days.
_WINDOW: Final = re.compile(r"([1-9]|[1-5][0-9])m|([1-9]|1[0-9]|2[0-3])h|[1-7]d")
# Hours, with or without minutes, from -12:00 to +14:00.
_TIME_ZONE: Final = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-5][0-9]))?")


def checked(arguments: dict[str, Any]) -> Mapping[str, Any]:
    """Return *arguments* as they are sent. Raises InvalidRequest for what the exchange would not understand."""
    return {
        name: value if value is None or name not in _CHECKS else _CHECKS[name](name, value)
        for name, value in arguments.items()
    }


def symbol_name(name: str, value: object) -> str:
    """Return *value* if it is the name of a symbol or an asset."""
    if not isinstance(value, str) or value.split() != [value]:
        raise InvalidRequest(f"{name} is a name such as 'BTCUSDT', not {value!r}")
    return value


def symbol_names(name: str, value: Any) -> list[str]:
    """Return the names of *value*, each once; one name by itself is a list of one."""
    if not isinstance(value, Iterable):
        raise InvalidRequest(f"{name} are names such as 'BTCUSDT', not {value!r}")
    items = [value] if isinstance(value, str) else list(cast("Iterable[object]", value))
    names = [symbol_name(name, item) for item in items]
    if not names:
        raise InvalidRequest(f"{name} holds no name: leave it out to ask for all, where that is possible")
    if len(set(names)) < len(names):
        raise InvalidRequest(f"{name} holds a name twice")
    return names


def amount(name: str, value: object) -> Decimal:
    """Return *value* as the exact number that it is. Raises TypeError for a float, InvalidRequest for no number."""
    text = plain(value)
    try:
        if isinstance(text, (str, int)) and not isinstance(text, bool) and "_" not in str(text):
            # The way through `plain` refuses what is beyond all reason.
            return Decimal(plain(decimal_from(str(text))))
    except (ArithmeticError, ValueError) as exc:
        raise InvalidRequest(f"{name} is an amount such as '0.001', not {value!r}") from exc
    raise InvalidRequest(f"{name} is an amount such as '0.001', not {value!r}")


def member_of(kind: type[_E]) -> Callable[[str, object], _E]:
    """Return what checks that a value is a member of *kind*, or names one."""

    def member(name: str, value: object) -> _E:
        if isinstance(value, kind):
            return value
        # A member of another enumeration is a text as well, but it is not meant.
        if type(value) is str:
            found = kind.__members__.get(value) or kind(value)
            if found.is_known:
                return found
        known = ", ".join(each.value for each in kind)
        raise InvalidRequest(f"{name} is one of {known}, not {value!r}")

    return member


def _members_of(kind: type[OpenEnum]) -> Callable[[str, object], list[OpenEnum]]:
    one = member_of(kind)

    def members(name: str, value: object) -> list[OpenEnum]:
        if isinstance(value, str):
            return [one(name, value)]
        if not isinstance(value, Collection) or not value:
            raise InvalidRequest(f"{name} is one or several, not {value!r}")
        return [one(name, item) for item in cast("Collection[object]", value)]

    return members


def _count(name: str, value: object) -> int:
    if type(value) is not int or value < 1:
        raise InvalidRequest(f"{name} is a whole number above 0, not {value!r}")
    return value


def _trade_id(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise InvalidRequest(f"{name} is a whole number, 0 or above, not {value!r}")
    return value


def _moment(name: str, value: object) -> object:
    # A datetime is written by `plain`, which refuses one without a time zone.
    if isinstance(value, datetime) or (type(value) is int and value >= 0):
        return value
    raise InvalidRequest(f"{name} is a datetime, or milliseconds since 1970, not {value!r}")


def _time_zone(name: str, value: object) -> str:
    found = _TIME_ZONE.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        minutes = 60 * int(found[2]) + int(found[3] or 0)
        if minutes <= (12 if found[1] == "-" else 14) * 60:
            return found.string
    raise InvalidRequest(f"{name} is hours from '-12:00' to '+14:00', such as '0' or '5:45', not {value!r}")


def _window(name: str, value: object) -> str:
    if isinstance(value, str) and _WINDOW.fullmatch(value):
        return value
    raise InvalidRequest(f"{name} is '1m' to '59m', '1h' to '23h' or '1d' to '7d', not {value!r}")


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise InvalidRequest(f"{name} is True or False, not {value!r}")


_CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "symbol": symbol_name,
    "symbols": symbol_names,
    "symbol_status": member_of(SymbolStatus),
    "interval": member_of(KlineInterval),
    "permissions": _members_of(Permission),
    "show_permission_sets": _flag,
    "start_time": _moment,
    "end_time": _moment,
    "from_id": _trade_id,
    "limit": _count,
    "time_zone": _time_zone,
    "window_size": _window,
}
