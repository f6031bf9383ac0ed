"""
``python -m benchmarks.guided TARGET CORPUS [libFuzzer's options]``: needs atheris.

Not in the package of the targets: whatever is imported before atheris looks is not seen by it.
"""

from __future__ import annotations

import logging
import sys

import atheris  # pyright: ignore[reportMissingImports]

with atheris.instrument_imports(include=["binance_socket"]):  # pyright: ignore
    from .fuzz import TARGETS


def main() -> None:
    """Fuzz, and never return."""
    logging.getLogger("binance_socket").setLevel(logging.CRITICAL + 1)
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
