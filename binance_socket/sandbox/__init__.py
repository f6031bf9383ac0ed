"""An embedded spot exchange on loopback, for tests, demos and trying things out. Needs the extra ``sandbox``."""

from __future__ import annotations

from .errors import ExchangeError
from .faults import Faults
from .server import Sandbox, SandboxAccount

__all__ = ["ExchangeError", "Faults", "Sandbox", "SandboxAccount"]
