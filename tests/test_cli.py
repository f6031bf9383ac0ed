"""``python -m binance_socket``, up to its subcommands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from binance_socket import __version__
from binance_socket.cli import main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version says which it is."""
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])

    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"binance_socket {__version__}\n"


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """--help lists the subcommands."""
    with pytest.raises(SystemExit):
        main(["--help"])

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[lines.index("commands:") + 1 :]] == ["demo", "sandbox"]


@pytest.mark.parametrize("command", ["demo", "sandbox"])
def test_a_command_has_help_of_its_own(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What follows the subcommand is the subcommand's."""
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])

    assert exit_.value.code == 0
    assert f"binance_socket {command}" in capsys.readouterr().out


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown subcommand is an error of usage."""
    with pytest.raises(SystemExit) as exit_:
        main(["trade"])

    assert exit_.value.code == 2
    assert "demo" in capsys.readouterr().err


_WITHOUT_AN_EXTRA = """
import sys
sys.modules["websockets"] = None  # importing it raises ModuleNotFoundError
from binance_socket.cli import main
sys.exit(main(["demo"]))
"""


def test_a_missing_extra_is_named() -> None:
    """Without its extra, a subcommand says what to install, and nothing else."""
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_AN_EXTRA], capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 2
    assert done.stderr == "demo needs websockets: pip install 'binance-socket[sandbox,cli]'\n"
    assert done.stdout == ""


def test_the_client_needs_no_extra() -> None:
    """The library itself imports neither what the extras bring nor what it needs only later."""
    later = ("websockets", "rich", "requests", "cryptography", "pandas")
    program = f"import sys, binance_socket; sys.exit(' '.join(m for m in {later!r} if m in sys.modules) or None)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stderr) == (0, "")
