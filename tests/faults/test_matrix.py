"""Each fault in each state where it makes sense: what the user sees, and the invariants U1 to U5."""

from __future__ import annotations

import pytest
from fault_matrix import CASES
from fault_matrix.runner import play


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_fault(case):
    """The fault really happens, in its state; nothing is lost silently, nothing hangs, nothing is left over."""
    assert play(case) == []
