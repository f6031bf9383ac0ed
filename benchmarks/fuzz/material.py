"""Decisions, drawn from bytes; and payloads that are nearly as documented."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

from binance_socket._wire.values import is_array, is_object

__all__ = ["Material", "mutated"]

T = TypeVar("T")

_STRANGE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63 - 1,
    2**63,
    -(2**63),
    2**64 - 1,
    1.5,
    -0.0,
    1e308,
    "",
    "0",
    "-0",
    "1e5",
    "1E400",
    "NaN",
    "Infinity",
    "sNaN",
    "0.00000000",
    "1_0",
    " 1",
    "\u0661",
    "\ud7ff",
    "9" * 400,
    [],
    {},
    [[]],
    [None],
    {"": {}},
    {"e": "executionReport"},
    1_700_000_000_000,
    1_700_000_000_000_000,
    253_402_300_800_000,
    -62_135_596_800_001,
)


class Material:
    """Bytes to draw decisions from. When they are used up, every decision is the first of its choices."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return max(0, len(self._data) - self._position)

    def byte(self) -> int:
        """Return a number below 256."""
        if self._position >= len(self._data):
            return 0
        self._position += 1
        return self._data[self._position - 1]

    def below(self, limit: int) -> int:
        """Return a number below *limit*."""
        number, size = self.byte(), 256
        while size < limit:
            number, size = number << 8 | self.byte(), size << 8
        return number % limit

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of *choices*."""
        return choices[self.below(len(choices))]

    def take(self, size: int) -> bytes:
        """Return the next *size* bytes, or as many as there are."""
        taken = self._data[self._position : self._position + size]
        self._position += len(taken)
        return taken

    def rest(self) -> bytes:
        """Return everything that is left."""
        return self.take(self.left)


def mutated(material: Material, payload: Any, most: int = 4) -> Any:
    """Return a copy of *payload* in which something is missing, repeated, of another type or in another place."""
    payload = copy.deepcopy(payload)
    for _ in range(material.below(most + 1)):
        payload = _mutate(material, payload)
    return payload


def _mutate(material: Material, payload: Any) -> Any:
    holder: Any = payload
    # Go down as far as the material says.
    while True:
        if is_object(holder) and holder:
            key: Any = material.pick(sorted(holder, key=str))
        elif is_array(holder) and holder:
            key = material.below(len(holder))
        else:
            return _strange(material)
        inner: Any = holder[key]
        if not (is_object(inner) or is_array(inner)) or not inner or material.below(4) == 0:
            break
        holder = inner
    change = material.below(8)
    if change == 0:
        del holder[key]
    elif change == 1:
        holder[key] = [inner]
    elif change == 2:
        holder[key] = str(inner)
    elif change == 3 and is_object(holder):
        holder[key + "x"] = holder.pop(key)
    elif change == 4 and is_array(holder):
        holder.insert(key, copy.deepcopy(inner))
    elif change == 5:
        holder[key] = copy.deepcopy(payload)
    else:
        holder[key] = _strange(material)
    return payload


def _strange(material: Material) -> Any:
    # A copy: what is changed in it later must not be there the next time.
    return copy.deepcopy(material.pick(_STRANGE))
