"""Each fault in each state where it makes sense: what the user sees, and the invariants U1 to U5."""

from __future__ import annotations

import pytest
from fault_matrix import CASES
from fault_matrix.runner import play

NOT_HERE = pytest.mark.skip(reason="this system does not have it")


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.id, marks=[] if case.fault.possible else [NOT_HERE]) for case in CASES]
)
def test_fault(case):
    """The fault really happens, in its state; nothing is lost silently, nothing hangs, nothing is left over."""
    assert play(case) == []
