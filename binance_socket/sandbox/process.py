"""
A sandbox in its own process: JSON lines over its standard input and output.

The parent writes ``{"id": 1, "call": "deposit", "args": [...]}`` and reads ``{"id": 1, "result": ...}`` or
``{"id": 1, "error": {...}}``. The first line holds the options. When its input ends, because the parent closed it or
is no more, the child ends. This is the parent's side; the other is :mod:`.child`.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, cast

import attrs
import orjson

from ..errors import InvalidRequest
from .errors import ExchangeError
from .host import HostOptions

__all__ = ["BYTES", "RemoteHost"]

_EXIT_TIMEOUT: Final = 10.0
BYTES: Final = "$bytes"
_CHILD: Final = "binance_socket.sandbox.child"


class RemoteHost:
    """Controls a host in a child process. Any thread."""

    def __init__(self, options: HostOptions) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._child = subprocess.Popen(
            [sys.executable, "-m", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._input, self._output = self._child.stdin, self._child.stdout
        self._numbers = itertools.count(1)
        # Guards everything below, and writing.
        self._lock = threading.Lock()
        self._calls: dict[int, Future[Any]] = {}
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="sandbox-process", daemon=True)
        self._reader.start()
        with self._lock:
            self._write(attrs.asdict(options))
        try:
            self.call("urls")
        except BaseException:  # raised again: whatever it was, Ctrl-C too, no child is to be left behind
            self.close()
            raise

    def call(self, name: str, *args: Any) -> Any:
        """Call a method of the host. Raises ExchangeError where that does, ConnectionError when the child has ended."""
        future: Future[Any] = Future()
        with self._lock:
            if self._ended:
                raise ConnectionError("the sandbox's process has ended")
            number = next(self._numbers)
            self._calls[number] = future
            try:
                self._write({"id": number, "call": name, "args": _packed(args)})
            except OSError as exc:
                del self._calls[number]
                raise ConnectionError("the sandbox's process has ended") from exc
        return future.result()

    def fault(self, name: str, *args: Any) -> Any:
        """Call a function of the host's fault table."""
        return self.call("fault", name, *args)

    def close(self) -> None:
        """End the child, and wait for it."""
        with self._lock, contextlib.suppress(OSError):
            self._input.close()
        try:
            self._child.wait(_EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._reader.join()
        self._output.close()

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self._lock.locked()
        self._input.write(orjson.dumps(message) + b"\n")
        self._input.flush()

    def _read(self) -> None:
        for line in self._output:
            answer = orjson.loads(line)
            with self._lock:
                future = self._calls.pop(answer["id"])
            error = answer.get("error")
            if error is None:
                future.set_result(answer["result"])
            else:
                future.set_exception(_error(error))
        with self._lock:
            self._ended = True
            futures = list(self._calls.values())
            self._calls.clear()
        for future in futures:
            future.set_exception(ConnectionError("the sandbox's process has ended"))


def _packed(value: Any) -> Any:
    """Return *value* with bytes as JSON can carry them."""
    if isinstance(value, bytes):
        return {BYTES: base64.b64encode(value).decode("ascii")}
    if isinstance(value, (list, tuple)):
        return [_packed(item) for item in cast("Iterable[Any]", value)]
    return value


def _error(error: Mapping[str, Any]) -> Exception:
    if error["kind"] == "ExchangeError":
        return ExchangeError(error["code"], error["message"], status=error["status"], data=error["data"])
    return _KINDS.get(error["kind"], RuntimeError)(error["message"])


_KINDS: Final[Mapping[str, type[Exception]]] = {
    "InvalidRequest": InvalidRequest,
    "KeyError": KeyError,
    "ValueError": ValueError,
}
