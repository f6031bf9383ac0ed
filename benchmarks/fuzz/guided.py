"""``python -m benchmarks.fuzz.guided TARGET CORPUS [libFuzzer's options]``: needs atheris."""

from __future__ import annotations

import logging
import sys

import atheris  # pyright: ignore[reportMissingImports]

with atheris.instrument_imports(include=["binance_socket"]):  # pyright: ignore
    from .targets import TARGETS


def main() -> None:
    """Fuzz, and never return."""
    logging.getLogger("binance_socket").setLevel(logging.CRITICAL + 1)
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
