"""Every documented method that changes orders has a plan for when its outcome is unknown, and no other has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from binance_socket._session.plans import PLANS

pytestmark = pytest.mark.conformance


def test_every_method_that_changes_orders_has_a_plan(spec: Callable[[str], Any]) -> None:
    """The documents give these methods the permission TRADE; those that only test an order change nothing."""
    documented = {entry["method"] for entry in spec("ws_api.json") if entry["security"] == "TRADE"}
    assert set(PLANS) == {method for method in documented if not method.endswith(".test")}
