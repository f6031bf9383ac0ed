"""The fixtures are those of ``tests/support/scripted_server.py``."""

from scripted_server import (  # noqa: F401  # fixtures are found by their names
    background,
    certificates,
    connect,
    descriptors,
    frame,
    serve,
    waker,
)
