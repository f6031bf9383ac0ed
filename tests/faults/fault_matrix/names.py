"""What stands between a name and a server: look-ups that fail, and addresses that lead nowhere."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import attrs

from binance_socket import ConnectionLost
from binance_socket._engine import dial

from .scene import Scene

__all__ = ["REFUSED", "REFUSED_FIRST", "SILENT", "SILENT_FIRST", "UNKNOWN", "Names", "Way", "by_name"]

_NAME = "localhost"
Address = tuple[str, int]
# What became of one connect: what it raised, or else the address that it has led to.
Outcome = ConnectionLost | Address


@attrs.frozen
class Way:
    """One way in which a name leads to a server, or does not."""

    addresses: Callable[[Names], Sequence[Address]]
    """What the look-up finds; nothing if the name is not known."""
    came_true: Callable[[Names, Outcome], bool]
    """Tells from what became of the connect whether it went this way."""


class Names:
    """
    Makes a name of the sandbox's address, as the engine asks for it; but the next look-ups may find something else.

    No look-up leaves the process, and every address is on loopback. It is the environment's only name.
    """

    proxy = None

    def __init__(self, scene: Scene) -> None:
        upstream = urlsplit(scene.sandbox.environment.ws_api_url)
        assert upstream.hostname is not None
        assert upstream.port is not None
        self.server: Address = (upstream.hostname, upstream.port)
        here = f"ws://{_NAME}:{upstream.port}"
        self.environment = attrs.evolve(scene.sandbox.environment, ws_api_url=here + upstream.path, stream_url=here)
        self._ways: deque[tuple[str, Way]] = deque()
        # Guards what follows.
        self._counted = threading.Condition()
        self._taken: tuple[str, Way] | None = None
        self._happened: Counter[str] = Counter()
        with contextlib.ExitStack() as stack:
            # Bound, and not listening: nobody else gets the port, and it refuses.
            refusing = stack.enter_context(socket.socket())
            refusing.bind(("127.0.0.1", 0))
            self.refusing: Address = refusing.getsockname()
            # Its queue is full: what comes is neither taken nor refused.
            full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            self.silent: Address = full.getsockname()
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(self.silent)
            self._look_up, self._connect = socket.getaddrinfo, dial.connect
            stack.callback(setattr, socket, "getaddrinfo", self._look_up)
            stack.callback(setattr, dial, "connect", self._connect)
            socket.getaddrinfo = self._getaddrinfo
            dial.connect = self._connecting
            self._undo = stack.pop_all()

    def treat(self, name: str, way: Way, times: int = 1) -> None:
        """Let the next look-ups lead that way, and count each connect that went it under that name."""
        self._ways.extend([(name, way)] * times)

    def counts(self, name: str) -> bool:
        """Tell whether faults of that name happen here."""
        return name.startswith("raw ")

    def wait_for(self, name: str, times: int, timeout: float) -> bool:
        """Wait until a fault has happened so often."""
        with self._counted:
            return self._counted.wait_for(lambda: self._happened[name] >= times, timeout)

    def close(self) -> None:
        """Let names mean what they did."""
        self._undo.close()

    def _getaddrinfo(self, host: Any, port: Any, *args: Any, flags: int = 0, **more: Any) -> Any:
        if host != _NAME:
            return self._look_up(host, port, *args, flags=flags, **more)
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "a name")
        with self._counted:
            self._taken = self._ways.popleft() if self._ways else None
            found = [self.server] if self._taken is None else self._taken[1].addresses(self)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for address in found]

    def _connecting(self, host: str, port: int, attempt: dial.Attempt) -> socket.socket:
        """Connect as the engine does, and look what has become of it. One at a time: so do these cases."""
        try:
            sock = self._connect(host, port, attempt)
        except ConnectionLost as error:
            self._became(error)
            raise
        self._became(sock.getpeername())
        return sock

    def _became(self, outcome: Outcome) -> None:
        with self._counted:
            taken, self._taken = self._taken, None
            if taken is not None and taken[1].came_true(self, outcome):
                self._happened[taken[0]] += 1
                self._counted.notify_all()


def by_name(scene: Scene) -> Names:
    """Return names that lead to the sandbox."""
    return Names(scene)


def _cause(outcome: Outcome) -> BaseException | None:
    return outcome.__cause__ if isinstance(outcome, ConnectionLost) else None


def _was_refused(names: Names, outcome: Outcome) -> bool:
    cause = _cause(outcome)
    return isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED


def _had_no_answer(names: Names, outcome: Outcome) -> bool:
    return isinstance(outcome, ConnectionLost) and "time was up while connecting" in str(outcome)


def _led_there(names: Names, outcome: Outcome) -> bool:
    # The addresses are begun with in their order: the others were, and have not led anywhere.
    return outcome == names.server


UNKNOWN = Way(lambda names: (), lambda names, outcome: isinstance(_cause(outcome), socket.gaierror))
REFUSED = Way(lambda names: (names.refusing,), _was_refused)
SILENT = Way(lambda names: (names.silent,), _had_no_answer)
REFUSED_FIRST = Way(lambda names: (names.refusing, names.server), _led_there)
SILENT_FIRST = Way(lambda names: (names.silent, names.server), _led_there)
