"""The process of a sandbox that runs in one of its own: the other end of :mod:`.process`."""

from __future__ import annotations

import base64
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final, cast

import orjson

from ..errors import InvalidRequest
from .errors import ExchangeError
from .host import Host, HostOptions
from .process import BYTES

__all__ = ["main"]

# These may take long: they run beside the others.
_SLOW: Final = frozenset({"burst", "random_flow", "random_trading", "wait_for_events"})


class _Child:
    """Carries out what the parent asks for."""

    def __init__(self, host: Host, output: IO[bytes]) -> None:
        self._host = host
        # Guards the output.
        self._lock = threading.Lock()
        self._output = output

    def serve(self, lines: IO[bytes]) -> None:
        for line in lines:
            request = orjson.loads(line)
            if request["call"] in _SLOW:
                threading.Thread(target=self._answer, args=(request,), name="sandbox-call", daemon=True).start()
            else:
                self._answer(request)

    def _answer(self, request: Mapping[str, Any]) -> None:
        answer: dict[str, Any]
        try:
            args = [_unpacked(arg) for arg in request["args"]]
            if request["call"] == "events":
                # It is JSON by now: a hundred thousand events are not read and written once more.
                answer = {"result": orjson.Fragment(self._host.encoded_events(*args))}
            else:
                answer = {"result": self._host.call(request["call"], *args)}
        except ExchangeError as exc:
            answer = {
                "error": {
                    "kind": "ExchangeError",
                    "code": exc.code,
                    "message": exc.message,
                    "status": exc.status,
                    "data": exc.data,
                }
            }
        except KeyError as exc:
            answer = {"error": {"kind": "KeyError", "message": str(exc)}}
        except ValueError as exc:
            kind = "InvalidRequest" if isinstance(exc, InvalidRequest) else "ValueError"
            answer = {"error": {"kind": kind, "message": str(exc)}}
        line = orjson.dumps({"id": request["id"], **answer}, default=str) + b"\n"
        with self._lock:
            self._output.write(line)
            self._output.flush()


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        document = cast("dict[str, Any]", value)
        if document.keys() == {BYTES}:
            return base64.b64decode(document[BYTES])
        return document
    return value


def _options(document: dict[str, Any]) -> HostOptions:
    ten_seconds, day = document.pop("order_limits")
    return HostOptions(order_limits=(ten_seconds, day), **document)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the child."""
    # Ctrl-C is the parent's business: it closes our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines, output = sys.stdin.buffer, sys.stdout.buffer
    # Nothing else may write between the answers.
    sys.stdout = sys.stderr
    first = lines.readline()
    if not first:
        return 0
    host = Host(_options(orjson.loads(first)))
    try:
        _Child(host, output).serve(lines)
    except BrokenPipeError:
        pass
    finally:
        host.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
