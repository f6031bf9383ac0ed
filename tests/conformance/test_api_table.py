"""The table of methods in docs/ is what its generator makes of the rows and the documents."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.conformance

SCRIPT = Path(__file__).parents[2] / "docs" / "make_api_table.py"


@pytest.fixture(scope="module")
def generator():
    found = importlib.util.spec_from_file_location("make_api_table", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_page_is_current(generator, spec_dir):
    """If this fails: ``BINANCE_SPEC_DIR=... python docs/make_api_table.py``."""
    assert generator.PAGE.read_text("utf-8") == generator.page(spec_dir)


def test_nothing_is_missing(generator, spec_dir):
    """All methods, listen-key methods and streams are there."""
    text = " ".join(generator.page(spec_dir).split())
    assert "55 of 55 methods of the WebSocket API, 3 of 3 listen-key methods and 15 of 15 market streams" in text


def test_every_endpoint_is_in_a_row(generator, spec_dir):
    """No method of ours is left out."""
    text = generator.page(spec_dir)
    names = set(generator._names().values())
    assert [name for name in sorted(names) if f"``{name}``" not in text] == []
    assert len(names) > 60
