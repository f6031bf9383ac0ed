"""Tools for testing programs that use this library."""

from .clock import ManualClock
from .executor import InlineExecutor
from .transport import FakeNetwork, FakeTransport

__all__ = ["FakeNetwork", "FakeTransport", "InlineExecutor", "ManualClock"]
