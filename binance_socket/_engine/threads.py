"""The library's own threads, and how to know them."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["NAME_PREFIX", "EngineThread", "on_engine_thread"]

NAME_PREFIX = "binance-socket-"


class EngineThread(threading.Thread):
    """
    A thread that moves other people's work along: a reader, or the timer.

    It is a daemon, because a program that ends without ``close()`` must still end. Nobody may block on an answer here:
    the answer could only come through this very thread. Worker threads are no engine threads: callbacks may block.
    """

    def __init__(self, target: Callable[[], object], name: str) -> None:
        super().__init__(target=target, name=NAME_PREFIX + name, daemon=True)


def on_engine_thread() -> bool:
    """Tell whether the calling thread is one that must never block on an answer."""
    return isinstance(threading.current_thread(), EngineThread)
