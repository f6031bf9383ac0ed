"""Client order ids: the names by which a program's own orders and order lists can be asked for, whatever happens."""

from __future__ import annotations

import re
import uuid
from typing import Final

from .errors import InvalidRequest

__all__ = ["check_client_order_id", "new_client_order_id"]

_ALLOWED: Final = re.compile(r"[A-Za-z0-9._:/-]{1,36}")


def new_client_order_id() -> str:
    """
    Return a client order id that nobody has had before, nor ever will: 32 hexadecimal digits, 122 bits of chance.

    Any thread, and after a fork as well: the digits come from the operating system.
    """
    return uuid.uuid4().hex


def check_client_order_id(value: object, name: str = "a client order id") -> str:
    """Return *value* if it can be a client order id. Raises InvalidRequest, which says that *name* cannot."""
    if not isinstance(value, str) or _ALLOWED.fullmatch(value) is None:
        raise InvalidRequest(f"{name} is made of 1 to 36 letters, digits and . _ : / -, not {value!r}")
    return value
