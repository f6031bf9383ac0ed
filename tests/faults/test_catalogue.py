"""The catalogue is as large as promised, and the table in docs/ is what its generator makes of it."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import pytest
from fault_matrix import CASES, CATALOGUE, Group, State

SCRIPT = Path(__file__).parents[2] / "docs" / "make_fault_table.py"


@pytest.fixture(scope="module")
def generator():
    found = importlib.util.spec_from_file_location("make_fault_table", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_page_is_current(generator):
    """If this fails: ``FAULT_RESULTS=passed.json pytest tests/faults; python docs/make_fault_table.py passed.json``."""
    assert generator.PAGE.read_text("utf-8") == generator.page()


def test_a_row_for_every_fault(generator):
    """No fault is without its row."""
    text = generator.page()
    assert [fault.name for fault in CATALOGUE if f"   * - {fault.name}\n" not in text] == []


def test_as_many_as_promised():
    """70 kinds or more, 300 cases or more, of every group and in every state."""
    assert len(CATALOGUE) >= 70
    assert len(CASES) >= 300
    assert {fault.group for fault in CATALOGUE} == set(Group)
    assert {case.state for case in CASES} == set(State)


def test_no_name_is_used_twice():
    """Neither of a fault nor of a case."""
    assert [name for name, count in Counter(fault.name for fault in CATALOGUE).items() if count > 1] == []
    assert len({case.id for case in CASES}) == len(CASES)
