"""What reprs show in the place of secrets, and what tracebacks keep of them: nothing. Pure."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any, Final

from typing_extensions import override

__all__ = [
    "MASK",
    "SECRET_KEYS",
    "Discretion",
    "MaskedText",
    "beyond_us",
    "cleared",
    "forget_locals",
    "hand_over",
    "masked",
    "without_secrets",
]

MASK: Final = "**********"

SECRET_KEYS: Final = frozenset({"apiKey", "listenKey", "signature", "stream"})
"""The JSON keys under which secrets stand. A stream may be a listen key."""

_SECRETS: Final = re.compile(rf"""(["'](?:{"|".join(sorted(SECRET_KEYS))})\\*["']\s*:\s*\\*["'])[^"']*""")
"""What may be quoted of neither JSON nor a Python value, even when cut short."""
_LIKE_SECRETS: Final = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
"""Keys and signatures look like this, wherever they stand: a stream server lists listen keys without a name."""

_PACKAGE: Final = __name__.partition(".")[0]


class MaskedText(str):
    """
    Text that whoever has it should keep to themselves: a listen key.

    It is a str like any other but for its repr, and the repr is what shows where nobody meant to show anything: in what
    contains it, in notebooks, and in tracebacks with local variables.
    """

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return f"'{MASK}'"


def masked(value: object) -> str:
    """Return the repr of *value*; of a JSON value, without what stands under the keys of secrets."""
    try:
        return repr(_without_secrets(value))
    except RecursionError:
        return f"<{type(value).__name__}, nested too deep to be shown>"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: MaskedText() if item is not None and key in SECRET_KEYS else _without_secrets(item)
            for key, item in value.items()  # pyright: ignore[reportUnknownVariableType]  # holds anything
        }
    # Not those that derive from them: a row of a table is a tuple that shows its own names.
    if type(value) in (list, tuple):
        return type(value)(_without_secrets(item) for item in value)
    return value


def cleared(text: str) -> str:
    """Return *text*, JSON or the repr of a value, without what are secrets in it, or look like them."""
    return _SECRETS.sub(rf"\1{MASK}", _LIKE_SECRETS.sub(MASK, text))


def without_secrets(value: Any) -> Any:
    """
    Return the JSON value or text *value* itself if there are no secrets in it, else a copy without them.

    For what is kept in an error, which may be pickled, or whose attributes a reporter may send elsewhere.
    """
    try:
        kept = _cleared_throughout(value)
        return value if kept == value else kept
    except RecursionError:
        return None


def _cleared_throughout(value: Any) -> Any:
    if isinstance(value, str):
        return cleared(value)
    if isinstance(value, (bytes, bytearray)):
        # Each byte is a character; secrets are ASCII.
        return cleared(value.decode("latin-1")).encode("latin-1")
    if isinstance(value, Mapping):
        return {
            key: MaskedText() if item is not None and key in SECRET_KEYS else _cleared_throughout(item)
            for key, item in value.items()  # pyright: ignore[reportUnknownVariableType]  # holds anything
        }
    if isinstance(value, list):
        return [_cleared_throughout(item) for item in value]  # pyright: ignore[reportUnknownVariableType]  # the same
    return value


class Discretion:
    """
    Let what is raised within it forget the variables of the library's functions: ``with Discretion(): ...``.

    What it stands in still runs then, and keeps its own.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc is not None:
            forget_locals(exc)


def forget_locals(error: BaseException) -> None:
    """
    Forget the variables of this library's functions that *error*, and whatever led to it, has come through.

    An exception keeps them alive, and reporters like to print them; there are keys and signatures among them. The lines
    of the traceback stay, and so does everything of other people's functions, and of those that still run.
    """
    for exc in _chain(error):
        for frame in _frames(exc.__traceback__):
            if _is_ours(frame):
                with contextlib.suppress(RuntimeError):  # it still runs
                    frame.clear()


def hand_over(error: BaseException) -> None:
    """
    Make *error* fit to be told to the user, who has not called what raised it.

    It begins anew where it is raised, or where it is looked at. What led to it keeps its lines.
    """
    error.__traceback__ = None
    forget_locals(error)


def beyond_us(traceback: TracebackType | None) -> TracebackType | None:
    """Return *traceback* from where other people's code begins: how a callback is called says nothing to its owner."""
    while traceback is not None and _is_ours(traceback.tb_frame):
        traceback = traceback.tb_next
    return traceback


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and every exception that led to it, each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        exc = waiting.pop()
        if exc is not None and id(exc) not in seen:
            seen.add(id(exc))
            yield exc
            waiting += [exc.__cause__, exc.__context__]


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _is_ours(frame: FrameType) -> bool:
    name: object = frame.f_globals.get("__name__")
    return isinstance(name, str) and name.partition(".")[0] == _PACKAGE
