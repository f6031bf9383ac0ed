"""The fixtures are those of ``tests/support``."""

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
