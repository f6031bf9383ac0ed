"""The fixtures are those of ``tests/support``, and one more."""

import sys

import pytest
from rotation_case import case, keyed  # noqa: F401  # the same
from scripted_server import (  # noqa: F401  # fixtures are found by their names
    background,
    certificates,
    connect,
    descriptors,
    frame,
    serve,
    waker,
)


@pytest.fixture
def busy_threads():
    """Have threads run into each other as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
