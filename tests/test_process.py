"""What only shows in a process of its own. How such processes end is in tests/ends."""

import subprocess
import sys


def test_importing_is_light():
    """What few programs need is imported when it is needed."""
    heavy = ("cryptography", "requests", "websockets", "rich", "pandas")
    source = f"import binance_socket, sys; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", source], text=True) == "[]\n"
