from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="session")
def events() -> dict[str, dict[str, Any]]:
    """Event payloads of our own, by what they show."""
    return json.loads((DATA / "user_data_events.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def answers() -> dict[str, Any]:
    """Results of our own, by method."""
    return json.loads((DATA / "account.json").read_text("utf-8"))
