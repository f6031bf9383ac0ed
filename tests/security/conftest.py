"""What docs/security.rst promises, line by line: one module for each. The servers are those of the engine's tests."""

from scripted_server import (  # noqa: F401  # fixtures are found by their names
    background,
    certificates,
    connect,
    descriptors,
    frame,
    serve,
    waker,
)
