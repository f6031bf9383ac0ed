"""
Fuzzing: whatever comes from the network, nothing but typed errors.

Each target takes bytes, makes of them what a hostile network could bring, and raises what must not be. Two engines give
them bytes: atheris, where it is installed, which looks for bytes that reach new code; or a plain one, which mutates at
random. Both begin with the documents' examples, if BINANCE_SPEC_DIR says where those are, and can be repeated by seed.
"""

from .engines import Finding, Report, fuzz
from .targets import TARGETS

__all__ = ["TARGETS", "Finding", "Report", "fuzz"]
