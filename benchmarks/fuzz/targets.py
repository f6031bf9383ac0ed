"""The targets, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from . import decode, dispatch, frames, handshake

__all__ = ["TARGETS", "Target"]


@attrs.frozen
class Target:
    """Something to be given bytes."""

    once: Callable[[bytes], None]
    """Takes any bytes, and raises what must not be."""
    seeds: Callable[[], list[bytes]]
    """Returns bytes to begin with."""


TARGETS: Final[Mapping[str, Target]] = {
    "frames": Target(frames.once, frames.seeds),
    "handshake": Target(handshake.once, handshake.seeds),
    "dispatch": Target(dispatch.once, dispatch.seeds),
    "decode": Target(decode.once, decode.seeds),
}
