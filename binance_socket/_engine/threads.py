"""The library's own threads, and how to know them."""

from __future__ import annotations

import contextlib
import itertools
import operator
import os
import threading
from collections.abc import Callable
from typing import Any, Protocol

from ..errors import ForkedClientError

__all__ = ["NAME_PREFIX", "Condition", "EngineThread", "check_process", "let_go", "on_engine_thread", "process_token"]

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


class Condition(threading.Condition):
    """
    A condition that no signal handler leaves locked, whatever it raises, for whoever takes it by a with statement.

    The standard library's own has functions in between, and where one of them is interrupted, nobody lets go. An
    ExitStack cannot take it.
    """

    # Read from the lock, and called, by the interpreter itself.
    __enter__: Any = property(operator.attrgetter("_lock.__enter__"))
    __exit__: Any = property(operator.attrgetter("_lock.__exit__"))


class _Reentrant(Protocol):
    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool: ...

    def release(self) -> None: ...


def let_go(lock: _Reentrant) -> None:
    """
    Release *lock* if this thread holds it, once: a signal handler has raised something right after it was acquired.

    A with statement is safe from that. This is for those who ask whether they may have a lock.
    """
    if lock.acquire(blocking=False):
        lock.release()
        with contextlib.suppress(RuntimeError):  # it did not hold it
            lock.release()


_tokens = itertools.count()
_process_token = next(_tokens)


def process_token() -> int:
    """Return a number that is another one after a fork. Asking the system who we are would take longer."""
    return _process_token


def check_process(token: int) -> None:
    """
    Raise ForkedClientError if :func:`process_token` was another one when *token* was asked for.

    To be called before any lock is taken: somebody may have held it when the process was forked, and nobody in the
    child lets go of it.
    """
    if token != _process_token:
        raise ForkedClientError("this client was made before a fork; make one in this process")


def _take_another_token() -> None:
    global _process_token
    _process_token = next(_tokens)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_take_another_token)
