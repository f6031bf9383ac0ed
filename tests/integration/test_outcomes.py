"""Unknown outcomes against the sandbox's ledger: a small run of ``python -m benchmarks outcomes``."""

from __future__ import annotations

import pytest

from benchmarks.outcomes import outcomes
from binance_socket._session import inquest


def test_no_verdict_is_wrong():
    """Every outcome is found out, from each source, and no order was placed twice."""
    report = outcomes(250, 1, print_report=False)
    assert report.wrong == []
    assert report.double == []
    assert report.open == 0
    assert report.unknown == 250
    assert {source.partition(", ")[2] for source in report.sources} == {"late reply", "event", "query"}


def test_the_judge_sees_wrong_verdicts(monkeypatch: pytest.MonkeyPatch):
    """With a margin that is too small, some are."""
    monkeypatch.setattr(inquest, "MARGIN", -3.0)
    assert outcomes(200, 5, print_report=False).wrong != []
