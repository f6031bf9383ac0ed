"""``python -m binance_socket``: the subcommands, each a module with a ``main(argv)`` of its own."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

import attrs

from .. import __version__

__all__ = ["main"]


@attrs.frozen
class _Command:
    name: str
    module: str
    summary: str


_COMMANDS: Final = (
    _Command("demo", "binance_socket.cli.demo", "show what the library is for, against an exchange on loopback"),
    _Command("sandbox", "binance_socket.cli.sandbox", "run that exchange until interrupted"),
)
# What the subcommands may lack, by the name of the module. Anything else that is missing is a defect.
_OF_EXTRAS: Final = frozenset({"rich", "websockets"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand that *argv* names, by default the program's own arguments. Return its exit code."""
    commands = {command.name: command for command in _COMMANDS}
    parser = argparse.ArgumentParser(
        prog="python -m binance_socket",
        description="Binance's sockets for programs without asyncio.",
        epilog="commands:\n" + "\n".join(f"  {command.name:10}{command.summary}" for command in _COMMANDS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"binance_socket {__version__}")
    parser.add_argument("command", choices=tuple(commands), metavar="command", help="one of those below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="see: command --help")
    options = parser.parse_args(argv)
    try:
        module = importlib.import_module(commands[options.command].module)
        code = int(module.main(options.arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing must be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as exc:
        missing = (exc.name or "").partition(".")[0]
        if missing not in _OF_EXTRAS:
            raise
        print(f"{options.command} needs {missing}: pip install 'binance-socket[sandbox,cli]'", file=sys.stderr)
        return 2
