"""The composition root: the only module that sees every other."""

from __future__ import annotations

import inspect
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, TypeVar

import attrs
from typing_extensions import Self

from ._engine.clock import Clock, SystemClock
from ._engine.dial import Proxy
from ._engine.ending import Ending
from ._engine.futures import CallFuture
from ._engine.hooks import Hook, Listeners
from ._engine.hub import CLOSE_MAY_TAKE, Hub
from ._engine.listen_key import ListenKeyKeeper
from ._engine.recoverable import Sources
from ._engine.threads import on_engine_thread
from ._engine.transport import Network
from ._engine.websocket import WebSocketNetwork
from ._session.listen_key import ListenKey
from ._session.topics import StreamTopic, Topic
from ._wire.messages import Request, Security
from .arrivals import Batch, Dispatcher
from .credentials import Credentials, credentials_from_env
from .errors import BinanceSocketError, CallCancelled, HandlerError, InvalidRequest
from .events import CancellationToken, Lag, UpdateSubscription
from .gaps import Gap
from .health import Health, StateChange
from .models.enums import RateLimitType
from .models.rate_limits import RateLimits
from .models.response import Response
from .options import ClientOptions, Environment, FlowPolicy, check_receive_window
from .spot_api import SpotApi
from .spot_api.caller import KeyRequests, Surroundings
from .spot_api.symbol_cache import SymbolCache
from .spot_api.user_data import UserDataDispatcher

__all__ = ["BinanceSocketClient", "ClientView"]

logger = logging.getLogger(__name__)

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., object])

_DEFAULT_OPTIONS: Final = ClientOptions()

_ENVIRONMENTS: Final[Mapping[str, tuple[Environment, str]]] = {
    "live": (Environment.LIVE, "BINANCE_"),
    "testnet": (Environment.TESTNET, "BINANCE_TESTNET_"),
    "demo": (Environment.DEMO, "BINANCE_DEMO_"),
    "us": (Environment.US, "BINANCE_"),
}


class ClientView:
    """A client as seen with a deadline, a cancellation token or the like of one's own. Shares everything else."""

    def __init__(self, caller: _Caller) -> None:
        self._caller = caller
        self.spot_api = SpotApi(caller)
        """Binance Spot."""

    def with_options(
        self,
        *,
        timeout: float | None = None,
        ct: CancellationToken | None = None,
        receive_window: float | Decimal | None = None,
        return_rate_limits: bool | None = None,
    ) -> ClientView:
        """
        Return the same client, whose calls take *timeout* seconds at most and are abandoned when *ct* is cancelled.

        Signed requests are good for *receive_window* milliseconds (``recvWindow``: above 0, at most 60000, up to three
        decimals); *return_rate_limits* says whether answers tell what is used of the rate limits
        (``returnRateLimits``). What is not given stays as it is. Cheap: nothing is connected anew.

        Raises InvalidRequest. Source: the WebSocket API document, "Request security" and "Rate limits".
        """
        if timeout is not None and not timeout > 0:
            raise InvalidRequest("timeout is in seconds, above 0")
        if receive_window is not None:
            check_receive_window(receive_window)
        if return_rate_limits is not None and type(return_rate_limits) is not bool:
            raise InvalidRequest(f"return_rate_limits is True or False, not {return_rate_limits!r}")
        given: dict[str, Any] = {
            "timeout": timeout,
            "ct": ct,
            "receive_window": receive_window,
            "return_rate_limits": return_rate_limits,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        return ClientView(_Caller(self._caller.anchor, attrs.evolve(self._caller.terms, **changes)))


class BinanceSocketClient(ClientView):
    """
    A client of Binance's sockets, for programs without asyncio.

    Calls block and return typed values; events arrive in order, in callbacks on *executor* (by default, threads of the
    client's own). It connects when first needed, and may be used from any thread. It is a context manager that closes
    itself; a client that nobody holds any more, and that has no open subscription, is closed as well.

    *clock* and *network* are for tests: see :mod:`binance_socket.testing`.
    """

    def __init__(
        self,
        *,
        credentials: Credentials | None = None,
        environment: Environment = Environment.LIVE,
        options: ClientOptions = _DEFAULT_OPTIONS,
        executor: Executor | None = None,
        clock: Clock | None = None,
        network: Network | None = None,
    ) -> None:
        if credentials is not None and not isinstance(credentials, Credentials):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequest(f"credentials are an HmacKey, RsaKey or Ed25519Key, not {type(credentials).__name__}")
        if not isinstance(environment, Environment):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequest(f"environment is an Environment, for example Environment.TESTNET, not {environment!r}")
        if not isinstance(options, ClientOptions):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequest(f"options are ClientOptions(...), not {options!r}")
        if executor is not None and not isinstance(executor, Executor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequest(f"an executor is a concurrent.futures.Executor, not {executor!r}")
        if options.proxy is not None and not environment.is_encrypted and not Proxy.parse(options.proxy).is_local:
            raise InvalidRequest(
                "ws:// and http:// do not go over a proxy on another machine: keys would leave in clear"
            )
        hub = Hub(
            credentials,
            environment,
            options,
            executor=executor,
            clock=clock or SystemClock(),
            network=network
            or WebSocketNetwork(
                proxy=options.proxy,
                ca_file=environment.ca_file,
                max_message_size=options.max_message_size,
                send_timeout=options.send_timeout,
            ),
        )
        super().__init__(_Caller(_Anchor(hub), _Terms()))
        self._hub = hub

    @classmethod
    def from_env(
        cls,
        environment: Environment | None = None,
        *,
        credentials: Credentials | None = None,
        options: ClientOptions = _DEFAULT_OPTIONS,
        executor: Executor | None = None,
        clock: Clock | None = None,
        network: Network | None = None,
    ) -> Self:
        """
        Return a client set up from environment variables, as far as it is not from arguments.

        ``BINANCE_ENVIRONMENT`` is ``live`` (the default), ``testnet``, ``demo`` or ``us``, unless *environment* is
        given. Keys come from ``BINANCE_API_KEY`` with ``BINANCE_API_SECRET`` or ``BINANCE_PRIVATE_KEY_FILE``
        (``BINANCE_TESTNET_...`` and ``BINANCE_DEMO_...`` for those environments). Without any, the client is good for
        what needs no key. Raises InvalidRequest, naming the variables, for half a pair or an unknown environment.
        """
        if environment is None:
            name = os.environ.get("BINANCE_ENVIRONMENT", "").strip().lower() or "live"
            if name not in _ENVIRONMENTS:
                raise InvalidRequest(f"BINANCE_ENVIRONMENT is one of {', '.join(_ENVIRONMENTS)}, not {name!r}")
            environment, prefix = _ENVIRONMENTS[name]
        else:
            known = (prefix for venue, prefix in _ENVIRONMENTS.values() if venue == environment)
            prefix = next(known, "BINANCE_")
        return cls(
            credentials=credentials or credentials_from_env(os.environ, prefix),
            environment=environment,
            options=options,
            executor=executor,
            clock=clock,
            network=network,
        )

    @property
    def environment(self) -> Environment:
        """The venue that the client talks to."""
        return self._hub.environment

    @property
    def options(self) -> ClientOptions:
        """How the client was set up."""
        return self._hub.options

    @property
    def rate_limits(self) -> RateLimits:
        """
        What is used of the venue's rate limits, by all clients of this process and by others, as far as is known.

        A value that does not change any more. Any thread; nothing is asked of the exchange.
        """
        return self._hub.rate_limits

    def rotate(self, timeout: float | None = None) -> None:
        """
        Leave the connections that carry the account for new ones now, without an event being lost.

        That happens by itself before the exchange ends a connection after 24 hours
        (``ClientOptions.rotation_after``). Returns when the old ones are closed: after five seconds where no
        events come, and not before everything asked on them is answered. Subscriptions hear nothing of it. Within a
        callback whose own mailbox is full it takes up to a minute.

        Raises a BinanceSocketError if no new connection could take over: then the old one goes on. Raises TimeoutError
        after *timeout* seconds, and goes on all the same. Market streams stay where they are.
        """
        if on_engine_thread():
            raise RuntimeError("rotating on one of the library's own threads would wait for itself")
        deadline = None if timeout is None else time.monotonic() + timeout
        for future in self._hub.rotate():
            future.result(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def health(self) -> Health:
        """
        Return how the client is: its connections, its subscriptions, the exchange's clock, rate limits and threads.

        A value that does not change any more; ``print`` shows it in a few lines, and ``health.ok`` says whether all is
        well. Any thread, callbacks included; cheap, and nothing is asked of the exchange. Shows no secrets. A closed
        client has a health, too. Raises ForkedClientError in another process.
        """
        return self._hub.health()

    # What concerns the whole client, whichever connection or subscription it is of.

    def on_state(self, hook: Callable[[StateChange], object]) -> Callable[[StateChange], object]:
        """
        Have ``hook(change)`` called whenever a connection is in another state. Usable as a decorator.

        Hooks run on the client's executor, one at a time and in the order of what they are told, beside the events:
        a slow one delays other hooks only. When 1,024 calls wait, the oldest is dropped, and counted in
        ``client.health()``. What a hook raises is logged. A hook that uses the client does not keep it alive.
        """
        return self._listen(Hook.STATE, hook)

    def on_gap(self, hook: Callable[[Gap], object]) -> Callable[[Gap], object]:
        """Have ``hook(gap)`` called when events of any subscription may be missing, and at the end. See on_state."""
        return self._listen(Hook.GAP, hook)

    def on_lag(self, hook: Callable[[Lag], object]) -> Callable[[Lag], object]:
        """Have ``hook(lag)`` called when events of any subscription come faster than they are handled. See on_state."""
        return self._listen(Hook.LAG, hook)

    def on_handler_error(self, hook: Callable[[HandlerError], object]) -> Callable[[HandlerError], object]:
        """Have ``hook(error)`` called when a callback of any subscription has raised. See on_state."""
        return self._listen(Hook.HANDLER_ERROR, hook)

    def _listen(self, hook: Hook, callback: F) -> F:
        if not callable(callback) or inspect.iscoroutinefunction(callback):
            raise InvalidRequest(f"a hook is an ordinary function, {callback!r} is not")
        self._caller.anchor.listeners.add(hook, callback)
        return callback

    def close(self) -> None:
        """
        End everything: calls that wait fail with ClientClosed, subscriptions end.

        Idempotent; any thread, callbacks, signal handlers and finalizers included; returns within 3 seconds, whatever
        callbacks and the network do. Events that have been received are still delivered, for a second at most. Whoever
        calls this while others do waits for the same end. Does nothing after a fork.
        """
        self._hub.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if "_hub" not in self.__dict__:
            # Shown by a reporter, in the traceback of what its making raised.
            return "<BinanceSocketClient, unfinished>"
        if not self._hub.is_here:
            state = "made before a fork"
        else:
            state = "closed" if self._hub.closed else self._hub.api.state.value
        return f"<BinanceSocketClient {self._hub.environment.name}: {state}>"


class _Anchor:
    """
    What everybody holds who can use a client: when nobody does any more, the client closes.

    The threads hold the hub, and only the hub, so that they do not keep themselves alive.
    """

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.listeners = Listeners()
        hub.hooks.serve(self.listeners)
        self.symbols = SymbolCache(hub.options.symbol_rules_lifetime, hub.clock.monotonic)
        weakref.finalize(self, _let_go, hub)
        _HELD[id(hub)] = hub


_HELD: Final[dict[int, Hub]] = {}
"""The hubs of the clients that somebody holds. No lock guards it: the garbage collector may come anywhere."""


def _let_go(hub: Hub) -> None:
    """Close the client that nobody holds any more; or, at the interpreter's exit, all that are left."""
    _HELD.pop(id(hub), None)
    if threading.main_thread().is_alive():
        # The garbage collector may call this anywhere, even on one of the hub's own threads while it holds a lock.
        hub.close(wait=False)
    else:
        Ending.together([one.ending for one in (hub, *_HELD.values()) if one.is_here], CLOSE_MAY_TAKE)


@attrs.frozen(kw_only=True)
class _Terms:
    """How a view's calls differ from what the client's options say."""

    timeout: float | None = None
    ct: CancellationToken | None = None
    receive_window: float | Decimal | None = None
    return_rate_limits: bool | None = None

    @property
    def touch_requests(self) -> bool:
        """Whether requests themselves differ."""
        return self.receive_window is not None or self.return_rate_limits is not None


def _overheard(dispatch: Dispatcher, hub: Hub) -> Dispatcher:
    """Let the account's events tell of orders whose outcome is unknown, before the user's callback has them."""
    overhear = hub.doubts.overhear

    def deliver(payload: dict[str, Any], batch: Batch, report: Callable[[BinanceSocketError], object], /) -> None:
        overhear(payload)
        dispatch(payload, batch, report)

    return deliver


class _Caller:
    """Implements the rooms' Caller with a hub."""

    def __init__(self, anchor: _Anchor, terms: _Terms) -> None:
        self.anchor = anchor
        self.terms = terms
        self._touches = terms.touch_requests

    @property
    def credentials(self) -> Credentials | None:
        return self.anchor.hub.credentials

    @property
    def environment(self) -> Environment:
        return self.anchor.hub.environment

    @property
    def options(self) -> ClientOptions:
        return self.anchor.hub.options

    @property
    def surroundings(self) -> Surroundings:
        return self.anchor.hub

    @property
    def symbols(self) -> SymbolCache:
        # Another thread may have been asking for them when the process was forked.
        self.anchor.hub.check_process()
        return self.anchor.symbols

    def call(self, request: Request[R]) -> Response[R]:
        if on_engine_thread():
            raise RuntimeError(
                "a blocking call on one of the library's own threads would wait for itself: use submit()"
            )
        # No time-out here: the session keeps the deadline. Interruptible, and the future stays good after that.
        return self.submit(request).result()

    def submit(self, request: Request[R]) -> Future[Response[R]]:
        if request.security is not Security.NONE and self.credentials is None:
            raise InvalidRequest(f"{request.method} needs credentials, and this client has none")
        if self._touches:
            window, limits = self.terms.receive_window, self.terms.return_rate_limits
            request = attrs.evolve(request, receive_window=window, return_rate_limits=limits)
        anchor, ct = self.anchor, self.terms.ct
        hub = anchor.hub
        if ct is not None and ct.is_cancelled:
            raise CallCancelled(f"{request.method}: cancelled before it was sent")
        future = hub.submit(request, self.terms.timeout)
        # The client lives until the answer is there, and no longer, even if nobody holds anything but the future.
        alive = [anchor]
        future.when_done(lambda _: alive.clear())
        if ct is not None:
            forget = ct.on_cancel(lambda: hub.cancel(future))
            future.when_done(lambda _: forget())
        return future

    def subscribe(
        self,
        topics: Sequence[Topic],
        dispatch: Dispatcher,
        *,
        policy: FlowPolicy = FlowPolicy.BLOCK,
        keeper: KeyRequests | None = None,
        ct: CancellationToken | None,
    ) -> UpdateSubscription:
        if on_engine_thread():
            raise RuntimeError("subscribing on one of the library's own threads would wait for itself")
        ct = ct or self.terms.ct
        if ct is not None and ct.is_cancelled:
            raise CallCancelled("cancelled before anything was sent")
        hub = self.anchor.hub
        hub.check_process()
        sources = None
        if isinstance(dispatch, UserDataDispatcher):
            dispatch, sources = _overheard(dispatch, hub), self._sources()
        subscription = UpdateSubscription(
            hub, dispatch, topics, policy=policy, keeps_alive=self.anchor, sources=sources
        )
        kept = None
        topic = topics[0]
        if keeper is not None and isinstance(topic, StreamTopic):
            kept = self._keeper(topic.name, keeper, subscription)
            subscription.keep(kept)
        try:
            opened = hub.subscribe(topics, subscription, self.terms.timeout)
            if ct is not None:
                subscription.on_connection_closed(ct.on_cancel(subscription.close))
            opened.result()
        except BaseException:  # raised again
            # Not agreed on, or no longer wanted (Ctrl-C): then it must not go on by itself.
            subscription.close()
            raise
        if kept is not None:
            kept.run()
        return subscription

    def _sources(self) -> Sources | None:
        """Return where the account's state can be asked for after a gap."""
        hub, credentials = self.anchor.hub, self.credentials
        if credentials is None or not hub.options.backfill:
            return None

        def room() -> int:
            weights = hub.rate_limits.get(RateLimitType.REQUEST_WEIGHT)
            return min((window.remaining for window in weights), default=0)

        return Sources(
            account=f"...{credentials.api_key.reveal()[-4:]}",
            submit=hub.submit,
            room=room,
            hold=hub.options.backfill_hold,
            rechecks=hub.options.backfill_rechecks,
        )

    def _keeper(self, key: str, requests: KeyRequests, subscription: UpdateSubscription) -> ListenKeyKeeper:
        hub = self.anchor.hub
        options = hub.options
        now = hub.clock.monotonic()

        def ask(request: Request[Any]) -> CallFuture[Response[Any]]:
            return hub.submit(request)

        def report(error: BinanceSocketError) -> None:
            # That what was under way has ended with the client is no news of the key.
            if not hub.closed:
                subscription.report(error)

        return ListenKeyKeeper(
            ListenKey(key, interval=options.listen_key_interval, backoff=hub.backoff(), now=now),
            ask=ask,
            ping=requests.ping,
            start=requests.start,
            lost=subscription.lose_key,
            replace=subscription.move,
            report=report,
            clock=hub.clock,
            timer=hub.timer,
        )
