"""
When two payloads are the same event. Pure.

During a rotation the exchange sends every event twice, once on each connection. Its own time of sending (``E``) may
differ then, so it never counts. Source: the user data stream document; the keys are the design's.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final

import orjson

from .values import as_array, is_array, is_object

__all__ = ["NUMBERED", "STATES", "Identity", "identity_of"]

Identity = tuple[Hashable, ...]

_EXECUTION: Final = ("s", "i", "c", "C", "x", "X", "t", "T", "z", "l", "r")
# Those that have no number of their own: the kinds whose events can be alike without being the same.
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "balanceUpdate": ("a", "d", "T"),
    "externalLockUpdate": ("a", "d", "T"),
}
STATES: Final = frozenset({"outboundAccountPosition"})
"""Kinds that say how things stand: two that are alike say nothing that one of them does not."""
NUMBERED: Final = frozenset({"executionReport", "listStatus"})
"""Kinds whose events are never alike without being the same. Of those that nobody knows, it shows when two are."""
_LIST_FIELDS: Final = ("s", "g", "l", "L", "T", "C", "r")


def identity_of(payload: Mapping[str, Any]) -> tuple[Identity, bool]:
    """
    Return what tells the event *payload* from others of its account, and whether it does so for certain.

    It does not where two different events may look the same: two deposits of one amount in one millisecond, or the
    balances after two orders that were placed and cancelled in it.
    """
    name = payload.get("e")
    if name == "executionReport":
        execution = payload.get("I")
        if isinstance(execution, int) and execution > 0:
            return (name, _plain(payload.get("s")), execution), True
        return _picked(payload, name, _EXECUTION), True
    if name == "listStatus":
        # Their names may change twice in a millisecond, and nothing else tells of it.
        return (*_picked(payload, name, _LIST_FIELDS), *_sorted(payload.get("O"))), True
    if name == "outboundAccountPosition":
        return (name, _plain(payload.get("u")), *_sorted(payload.get("B"))), False
    if isinstance(name, str) and name in _FIELDS:
        return _picked(payload, name, _FIELDS[name]), False
    without_time = {key: value for key, value in payload.items() if key != "E"}
    return (_plain(name), _canonical(without_time)), True


def _picked(payload: Mapping[str, Any], name: str, keys: tuple[str, ...]) -> Identity:
    return (name, *(_plain(payload.get(key)) for key in keys))


def _sorted(values: Any) -> list[bytes]:
    """Return the entries of an array, whose order says nothing."""
    return sorted(_canonical(value) for value in as_array(values))


def _plain(value: Any) -> Hashable:
    """Return *value* as something that can be compared, whatever it is; 1 and true differ."""
    return value if type(value) in (str, int, type(None)) else _canonical(value)


def _canonical(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # It reads what is nested more deeply than it writes.
        return _flattened(value)


def _flattened(value: Any) -> bytes:
    """Return what is in *value*, in an order of its own and without recursion: the same for the same."""
    parts: list[bytes] = []
    left = [value]
    while left:
        one = left.pop()
        if is_object(one):
            keys = sorted(one)
            parts.append(b"%d keys" % len(keys))
            left += keys
            left += (one[key] for key in keys)
        elif is_array(one):
            parts.append(b"%d items" % len(one))
            left += one
        else:
            parts.append(orjson.dumps(one))
    return b" ".join(parts)
