"""The README's commands and snippets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize(
    "what, command",
    [
        ("run", "pip install '.[sandbox,cli]' && python -m binance_socket demo"),
        ("test", "pip install '.[test]' && python -m pytest"),
    ],
)
def test_marked_command(what: str, command: str) -> None:
    """The two commands that .ci/run follows are there once each, right below their marks."""
    blocks = re.findall(rf"<!--\s*newcomer:\s*{what}\s*-->\s*```\w*\n(.*?)```", README, re.DOTALL)

    assert [block.strip() for block in blocks] == [command]


def test_there_are_snippets() -> None:
    """The pattern by which the next test finds them has not gone stale."""
    assert len(SNIPPETS) >= 6


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.strip().splitlines()[-1].strip()[:40])
def test_snippet_compiles(snippet: str) -> None:
    """Every Python snippet is Python."""
    compile(snippet, "README.md", "exec")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_link(target: str) -> None:
    """What the README links to is there."""
    assert (ROOT / target).exists()


def test_sandbox_snippet_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The snippet that needs neither a key nor a window does what it says."""
    (snippet,) = [snippet for snippet in SNIPPETS if "binance_socket.sandbox" in snippet]

    exec(snippet, {})

    assert capsys.readouterr().out == "NEW\n"
