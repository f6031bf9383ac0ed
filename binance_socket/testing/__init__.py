"""Tools for testing programs that use this library."""

from .clock import ManualClock
from .decode import decode_response, decode_user_data_event
from .executor import InlineExecutor
from .transport import FakeNetwork, FakeTransport

__all__ = ["FakeNetwork", "FakeTransport", "InlineExecutor", "ManualClock", "decode_response", "decode_user_data_event"]
