"""Counts the cases that passed, for docs/make_fault_table.py: in the file that FAULT_RESULTS names, if it does."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from fault_matrix import Case


@pytest.fixture(autouse=True)
def nothing_shows(canaries):
    """No fault shows a secret, in any state."""


_passed: Counter[str] = Counter()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Count a case that has passed."""
    report = yield
    callspec = getattr(item, "callspec", None)
    case = None if callspec is None else callspec.params.get("case")
    if isinstance(case, Case) and report.when == "call" and report.passed:
        _passed[case.fault.name] += 1
    return report


def pytest_sessionfinish(session):
    """Write them down."""
    path = os.environ.get("FAULT_RESULTS")
    if path:
        Path(path).write_text(json.dumps(_passed, indent=2) + "\n", "utf-8")
