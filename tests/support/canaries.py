"""
Looks for secrets where they must not be.

``with Canaries() as canaries:`` collects every secret that the library gets hold of, and everything that a program, its
logs and its error reporter could show meanwhile; ``canaries.found()`` then names what was found where. The fixture
``canaries`` does that for one test, and fails it.
"""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import pickle
import sys
import threading
import traceback
import urllib.parse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket
import websockets

import binance_socket.sandbox
from binance_socket import BinanceSocketClient, Credentials, Secret, UpdateSubscription
from binance_socket._engine.futures import CallFuture
from binance_socket.callbacks import Callbacks
from binance_socket.errors import BinanceSocketError
from binance_socket.masking import MaskedText
from binance_socket.sandbox.listen_keys import ListenKeys
from binance_socket.spot_api import Account
from binance_socket.spot_api.endpoint import Call

__all__ = ["Canaries", "canaries", "forms", "report"]

_SHORTEST = 8
"""Shorter texts may be anywhere by chance."""

# Whose variables are no business of the library's: those of tests, and of the exchange, which holds the other half.
_ELSEWHERE = tuple(
    str(Path(path).parents[up])
    for path, up in ((__file__, 1), (binance_socket.sandbox.__file__, 0), (websockets.__file__, 0))
)


def forms(value: str) -> set[str]:
    """Return what *value* looks like when it was encoded in one of the usual ways, alone or within something longer."""
    data = value.encode("utf-8", "surrogatepass")
    shapes = {value, data.hex(), data.hex().upper(), urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            # Three alignments; what depends on the neighbours is cut off.
            encoded = encode(b"\0" * shift + data).decode().rstrip("=")
            shapes.add(encoded[(4 if shift else 0) : len(encoded) - 2])
    return {shape for shape in shapes if len(shape) >= _SHORTEST}


def report(error: BaseException) -> str:
    """Return what a reporter with variables prints of *error* and whatever led to it."""
    parts: list[str] = []
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        exc = waiting.pop()
        if exc is None or id(exc) in seen:
            continue
        seen.add(id(exc))
        waiting += [exc.__cause__, exc.__context__]
        whole = traceback.TracebackException.from_exception(exc, capture_locals=True)
        frames = [frame for frame in whole.stack if not frame.filename.startswith(_ELSEWHERE)]
        whole.stack = traceback.StackSummary.from_list(frames)
        parts += [*whole.format(chain=False), repr(exc)]
    return "".join(parts)


def _opened(value: Any) -> Any:
    """Return a JSON value without the masks that its repr has."""
    if isinstance(value, dict):
        return {key: _opened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_opened(item) for item in value]
    return str(value) if isinstance(value, MaskedText) else value


class _Collector(logging.Handler):
    def __init__(self, saw: Any) -> None:
        super().__init__(logging.NOTSET)
        self._saw = saw

    def emit(self, record: logging.LogRecord) -> None:
        self._saw(f"log of {record.name}", f"{record.getMessage()} {record.args!r}")
        if record.exc_info and record.exc_info[1] is not None:
            self._saw(f"traceback in the log of {record.name}", report(record.exc_info[1]))


class _Tee(io.TextIOBase):
    def __init__(self, name: str, stream: Any, saw: Any) -> None:
        self._name, self._stream, self._saw = name, stream, saw

    def write(self, text: str) -> int:
        self._saw(self._name, text)
        return int(self._stream.write(text))

    def flush(self) -> None:
        # Whoever collects garbage calls this, perhaps when the stream of that test is closed.
        if not self._stream.closed:
            self._stream.flush()


class Canaries:
    """The secrets, and everything that was said. Any thread may do anything meanwhile."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._heard: list[tuple[str, str]] = []
        self._objects: list[tuple[str, Any]] = []
        self._undo = contextlib.ExitStack()

    # What there is.

    @property
    def kinds(self) -> set[str]:
        """Which kinds of secrets there were."""
        return set(self._values.values())

    def add(self, kind: str, value: str) -> None:
        """Look for *value*. A private key is looked for line by line, and of a URL the password."""
        if value.startswith("-----BEGIN"):
            lines = value.split("\n")
            self._values.update(dict.fromkeys((line for line in lines if line[:1] != "-"), "private key"))
        elif "://" in value and "@" in value:
            parts = urllib.parse.urlsplit(value)
            if parts.password is not None:
                self._values[urllib.parse.unquote(parts.password)] = "proxy password"
                self._values[f"{parts.username}:{parts.password}"] = "proxy password"
        elif len(value) >= _SHORTEST:
            self._values.setdefault(value, kind)

    def saw(self, where: str, text: str) -> None:
        """Look for secrets in *text*."""
        self._heard.append((where, text))

    def look_at(self, thing: Any) -> None:
        """Look for secrets in every way in which *thing* can be printed, in the end."""
        name = type(thing).__name__
        if isinstance(thing, BinanceSocketClient):
            # A client that nobody holds ends. What is printed of it is its hub's, which may be held.
            twin = object.__new__(BinanceSocketClient)
            twin._hub = thing._hub
            thing = twin
        self._objects.append((name, thing))

    def found(self) -> list[str]:
        """Return which secrets were found where, without repeating them."""
        heard = list(self._heard)
        for name, thing in self._objects:
            heard += [(f"{way.__name__} of {name}", way(thing)) for way in (repr, str)]
            if isinstance(thing, CallFuture):
                heard.append(("what is in a future", repr(vars(thing))))
                if thing.done() and not thing.cancelled():
                    thing = thing.exception() or thing.result()
                    heard.append(("an answer", repr(thing)))
            if isinstance(thing, BaseException):
                heard.append((f"traceback of {name}", report(thing)))
                heard.append((f"attributes of {name}", str([*map(_opened, vars(thing).values())])))
            if isinstance(thing, BinanceSocketError):
                heard.append((f"pickle of {name}", pickle.dumps(thing).decode("utf-8", "replace")))
            if isinstance(thing, BinanceSocketClient):
                heard.append(("options", f"{thing.options!r} {thing.environment!r} {thing._hub.credentials!r}"))
        where: dict[str, list[str]] = {}
        for place, text in heard:
            where.setdefault(place, []).append(text)
        texts = {place: "\n".join(parts) for place, parts in where.items()}
        return sorted(
            {
                f"a {kind} in {place}"
                for value, kind in self._values.items()
                for form in forms(value)
                for place, text in texts.items()
                if form in text
            }
        )

    # How it is collected.

    def __enter__(self) -> Canaries:
        with contextlib.ExitStack() as undo:
            undo.enter_context(self._logging())
            undo.enter_context(self._hooks())
            patch = undo.enter_context(pytest.MonkeyPatch.context())
            self._tap_secrets(patch)
            self._tap_library(patch)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *args: object) -> None:
        for _, thing in self._objects:
            if isinstance(thing, BinanceSocketClient):
                health = getattr(thing, "health", None)
                if health is not None:
                    self.saw("health", f"{health()!r} {health()}")
        self._undo.close()

    @contextlib.contextmanager
    def _logging(self) -> Iterator[None]:
        collector = _Collector(self.saw)
        root = logging.getLogger()
        loggers = [root, *(log for log in root.manager.loggerDict.values() if isinstance(log, logging.Logger))]
        before = [(log, log.level, log.propagate, log.disabled) for log in loggers]
        for log in loggers:
            log.setLevel(logging.DEBUG)
            log.propagate, log.disabled = True, False
        root.addHandler(collector)
        websocket.enableTrace(True, collector, "DEBUG")
        try:
            yield
        finally:
            websocket.enableTrace(False)
            websocket._logging._logger.removeHandler(collector)
            root.removeHandler(collector)
            for log, level, propagate, disabled in before:
                log.setLevel(level)
                log.propagate, log.disabled = propagate, disabled

    @contextlib.contextmanager
    def _hooks(self) -> Iterator[None]:
        """Hear what is printed, warned of, or raised where nobody catches it; everybody else hears it as well."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("stdout", "stderr"):
                patch.setattr(sys, name, _Tee(name, getattr(sys, name), self.saw))
            uncaught, in_thread, ignored = sys.excepthook, threading.excepthook, sys.unraisablehook
            warn = warnings.showwarning

            def hear_thread(args: Any) -> None:
                self.saw("threading.excepthook", report(args.exc_value))
                in_thread(args)

            def hear_ignored(args: Any) -> None:
                self.saw("sys.unraisablehook", f"{args.object!r} {report(args.exc_value)}")
                ignored(args)

            def hear_uncaught(kind: Any, exc: BaseException, tb: Any) -> None:
                self.saw("sys.excepthook", report(exc))
                uncaught(kind, exc, tb)

            def hear_warning(message: Any, *args: Any, **kwargs: Any) -> None:
                self.saw("warnings", str(message))
                warn(message, *args, **kwargs)

            patch.setattr(threading, "excepthook", hear_thread)
            patch.setattr(sys, "unraisablehook", hear_ignored)
            patch.setattr(sys, "excepthook", hear_uncaught)
            patch.setattr(warnings, "showwarning", hear_warning)
            yield

    def _tap_secrets(self, patch: pytest.MonkeyPatch) -> None:
        """Know every secret: what becomes a Secret, what is signed, and the listen keys."""
        hide, sign, start, veil = Secret.__init__, Credentials.sign, ListenKeys.start, MaskedText.__new__

        def hear_secret(secret: Secret, text: str) -> None:
            self.add("key", text)
            hide(secret, text)

        def hear_signature(credentials: Credentials, payload: str) -> str:
            signature = sign(credentials, payload)
            self.add("signature", signature)
            return signature

        def hear_listen_key(keys: ListenKeys, uid: int) -> str:
            key = start(keys, uid)
            self.add("listen key", key)
            return key

        def hear_masked(cls: type[MaskedText], text: str = "") -> MaskedText:
            self.add("masked text", text)
            return veil(cls, text)

        patch.setattr(Secret, "__init__", hear_secret)
        patch.setattr(Credentials, "sign", hear_signature)
        patch.setattr(ListenKeys, "start", hear_listen_key)
        patch.setattr(MaskedText, "__new__", hear_masked)

    def _tap_library(self, patch: pytest.MonkeyPatch) -> None:
        """Look at every client, subscription and future, and at every error that reaches the user."""
        for kind in (BinanceSocketClient, UpdateSubscription, CallFuture):
            patch.setattr(kind, "__init__", self._keeping(kind.__init__))
        for kind, name in (
            (Call, "__call__"),
            (Call, "submit"),
            (Account, "subscribe_to_user_data_updates"),
            (BinanceSocketClient, "rotate"),
            (BinanceSocketClient, "__init__"),
        ):
            patch.setattr(kind, name, self._hearing(getattr(kind, name)))
        tell = Callbacks.tell

        def hear_told(callbacks: Callbacks, error: BinanceSocketError) -> None:
            tell(callbacks, error)
            self.look_at(error)

        patch.setattr(Callbacks, "tell", hear_told)

    def _keeping(self, make: Any) -> Any:
        def keep(thing: Any, *args: Any, **kwargs: Any) -> None:
            make(thing, *args, **kwargs)
            self.look_at(thing)

        return keep

    def _hearing(self, function: Any) -> Any:
        def hear(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as exc:
                self.look_at(exc)
                raise

        return hear


@pytest.fixture
def canaries(request: pytest.FixtureRequest) -> Iterator[Canaries]:
    """Fail a test after which a secret is found anywhere."""
    # What pytest captures comes to no stream that was put in place before the test began.
    captured = request.getfixturevalue("capsys" if "capsys" in request.fixturenames else "capfd")
    with Canaries() as watch:
        yield watch
        printed = captured.readouterr()
        watch.saw("stdout", printed.out)
        watch.saw("stderr", printed.err)
    assert watch.found() == []
