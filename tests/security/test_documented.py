"""docs/security.rst names tests, and they exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"``(tests/[\w/]+\.py)::(\w+)``", (ROOT / "docs/security.rst").read_text("utf-8"))


def names_in(path):
    return {
        node.name
        for node in ast.parse((ROOT / path).read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_test_that_is_named_exists():
    """A line without its test is not kept."""
    missing = [f"{path}::{name}" for path, name in NAMED if name not in names_in(path)]
    assert missing == []
    assert len(NAMED) > 50


def test_every_line_names_a_test():
    """No promise stands alone."""
    text = (ROOT / "docs/security.rst").read_text("utf-8")
    lines = re.findall(r"^- (.*?)(?=^- |^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(lines) > 20
    assert [line for line in lines if "``tests/" not in line] == []
