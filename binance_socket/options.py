"""What may be chosen: environments and options. Frozen values."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.parse import urlencode, urlsplit

import attrs

from .client_order_ids import new_client_order_id
from .credentials import Secret
from .errors import InvalidRequest

__all__ = [
    "ClientOptions",
    "Environment",
    "FlowPolicy",
    "ListenKeyTransport",
    "RateLimitPolicy",
    "TimeUnit",
    "check_receive_window",
    "is_loopback",
]


class FlowPolicy(enum.Enum):
    """What becomes of the events of a market stream while their handler is too slow for them."""

    DROP_OLDEST = "drop oldest"
    """Hold ``mailbox_size`` events and then drop the ones that have waited longest; ``on_lag`` tells."""
    BLOCK = "block"
    """
    Drop nothing: stop reading from the connection when ``mailbox_size`` events wait, and so hold up every subscription
    that shares it; ``on_lag`` tells before that.
    """
    LATEST_ONLY = "latest only"
    """Hold the latest event of each stream. What it replaces is counted, and not told of."""


class ListenKeyTransport(enum.Enum):
    """Where a venue takes the three listen-key calls."""

    WEBSOCKET = "websocket"
    REST = "rest"


class RateLimitPolicy(enum.Enum):
    """What becomes of a request for which the rate limits leave no room at the moment."""

    WAIT = "wait"
    """It waits, first come first served, as far as its deadline allows; otherwise as with FAIL."""
    FAIL = "fail"
    """It raises RateLimited at once, and is not sent."""


class TimeUnit(enum.Enum):
    """The unit in which a connection's timestamps come. Times that are sent may be in either."""

    MILLISECOND = "MILLISECOND"
    MICROSECOND = "MICROSECOND"


def _without_slash(url: str) -> str:
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # not everybody checks types
        raise InvalidRequest(f"a URL is a str, not {type(url).__name__}")
    return url.rstrip("/")


@attrs.frozen(kw_only=True)
class Environment:
    """
    A venue: where its sockets are, and what it still offers.

    ``Environment.LIVE``, ``TESTNET``, ``DEMO`` and ``US`` are Binance's; build your own for anything else. Schemes
    without encryption are accepted for loopback addresses only, because credentials travel on them.
    """

    LIVE: ClassVar[Environment]
    TESTNET: ClassVar[Environment]
    DEMO: ClassVar[Environment]
    US: ClassVar[Environment]

    name: str
    ws_api_url: str = attrs.field(converter=_without_slash)
    """The WebSocket API, for example ``wss://ws-api.binance.com:443/ws-api/v3``."""
    stream_url: str = attrs.field(converter=_without_slash)
    """The stream server without a path, for example ``wss://stream.binance.com:9443``."""
    rest_url: str = attrs.field(converter=_without_slash)
    """The REST server without a path, for example ``https://api.binance.com``."""
    listen_keys_retired: date | None = None
    """The day on which this venue retired listen keys, or None where they are in use."""
    listen_key_transport: ListenKeyTransport = attrs.field(
        default=ListenKeyTransport.WEBSOCKET, converter=ListenKeyTransport
    )
    ca_file: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    """A file of CA certificates to trust instead of the system's, for a venue with its own authority."""

    def __attrs_post_init__(self) -> None:
        for url, schemes in (
            (self.ws_api_url, ("ws", "wss")),
            (self.stream_url, ("ws", "wss")),
            (self.rest_url, ("http", "https")),
        ):
            _check_url(url, schemes)

    @property
    def is_encrypted(self) -> bool:
        """Whether all of it is reached over TLS."""
        return all(
            urlsplit(url).scheme in ("wss", "https") for url in (self.ws_api_url, self.stream_url, self.rest_url)
        )

    @property
    def is_local(self) -> bool:
        """Whether all of it is on this machine, where nobody has to be spared."""
        urls = (self.ws_api_url, self.stream_url, self.rest_url)
        return all(is_loopback(urlsplit(url).hostname or "") for url in urls)


def _check_url(url: str, schemes: tuple[str, str]) -> None:
    plain, encrypted = schemes
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme, parts.hostname if parts.port != 0 else None
    except ValueError:  # brackets that do not match, or a port that is none
        scheme, host = "", None
    if "@" in url:
        raise InvalidRequest("a venue's URL carries no user name or password")
    if "\\" in url or any(letter.isspace() or not letter.isprintable() for letter in url):
        # Some would leave them out, others take them for a slash: it must be one URL to everybody.
        raise InvalidRequest(f"{url!r} is no URL: it holds a blank, a backslash or a control character")
    if scheme not in schemes or not host:
        raise InvalidRequest(f"{url!r} is not a {encrypted}:// URL")
    if not url.isascii():
        raise InvalidRequest(f"{url!r} is no URL: it holds other letters than ASCII's; quote them")
    if scheme == plain and not is_loopback(host):
        raise InvalidRequest(f"{plain}:// is for loopback addresses only, use {encrypted}:// for {host}")


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine for certain. Names other than localhost are anybody's."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    # Before Python 3.13, an IPv4 address that is written as an IPv6 address is none of either.
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback if mapped is None else bool(mapped.is_loopback)


Environment.LIVE = Environment(
    name="live",
    ws_api_url="wss://ws-api.binance.com:443/ws-api/v3",
    stream_url="wss://stream.binance.com:9443",
    rest_url="https://api.binance.com",
    listen_keys_retired=date(2026, 2, 20),
)
Environment.TESTNET = Environment(
    name="testnet",
    ws_api_url="wss://ws-api.testnet.binance.vision/ws-api/v3",
    stream_url="wss://stream.testnet.binance.vision",
    rest_url="https://testnet.binance.vision",
    listen_keys_retired=date(2026, 2, 4),
)
Environment.DEMO = Environment(
    name="demo",
    ws_api_url="wss://demo-ws-api.binance.com/ws-api/v3",
    stream_url="wss://demo-stream.binance.com",
    rest_url="https://demo-api.binance.com",
    listen_keys_retired=date(2026, 2, 20),
)
Environment.US = Environment(
    name="us",
    ws_api_url="wss://ws-api.binance.us:443/ws-api/v3",
    stream_url="wss://stream.binance.us:9443",
    rest_url="https://api.binance.us",
)


def _is_above_zero(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise InvalidRequest(f"{attribute.name} is a number above 0, not {value!r}")


def _is_not_negative(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise InvalidRequest(f"{attribute.name} is a number, 0 or above, not {value!r}")


def _is_at_least(least: int) -> Callable[[object, attrs.Attribute[Any], object], None]:
    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidRequest(f"{attribute.name} is a whole number of at least {least}, not {value!r}")

    return check


def _is_bool(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not bool:
        raise InvalidRequest(f"{attribute.name} is True or False, not {value!r}")


def _is_callable(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not callable(value):
        raise InvalidRequest(f"{attribute.name} is a function, not {value!r}")


def _is_above_zero_or_none(instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None:
        _is_above_zero(instance, attribute, value)


def _check_hours(instance: object, attribute: object, value: Any) -> None:
    if value is None:
        return
    hours = cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()
    numbers = [hour for hour in hours if isinstance(hour, (int, float)) and not isinstance(hour, bool)]
    if len(hours) != 2 or len(numbers) != 2 or numbers[0] == numbers[1] or not all(0 <= hour <= 24 for hour in numbers):
        raise InvalidRequest(f"rotation_hours are two different hours from 0 to 24, as in (2, 4), not {value!r}")


def _check_rechecks(instance: object, attribute: object, value: Any) -> None:
    moments = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (None,)
    numbers = [moment for moment in moments if isinstance(moment, (int, float)) and not isinstance(moment, bool)]
    if len(numbers) != len(moments) or not all(0 < moment < float("inf") for moment in numbers):
        raise InvalidRequest(f"backfill_rechecks are seconds above 0, as in (5, 30), not {value!r}")
    if sorted(numbers) != numbers:
        raise InvalidRequest(f"backfill_rechecks are in ascending order, not {value!r}")


def _check_connect_budget(instance: object, attribute: object, value: int | None) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise InvalidRequest(f"connect_budget is a whole number of at least 1, or None for no limit, not {value!r}")


def check_receive_window(value: object) -> None:
    """Raise InvalidRequest for what no ``recvWindow`` can be: the exchange reads three decimals and allows a minute."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        # As it is written: the digits of 0.1 are not those of the float.
        exact = Decimal(str(value))
        if exact.is_finite() and 0 < exact <= 60000 and exact == round(exact, 3):
            return
    raise InvalidRequest(
        f"receive_window is in milliseconds, above 0 and at most 60000, with up to three decimals, not {value!r}"
    )


def _check_receive_window(instance: object, attribute: object, value: float | Decimal | None) -> None:
    if value is not None:
        check_receive_window(value)


def _rate_limit_policy(value: RateLimitPolicy | str) -> RateLimitPolicy:
    try:
        return RateLimitPolicy(value)
    except ValueError:
        raise InvalidRequest(f"rate_limits is a RateLimitPolicy, WAIT or FAIL, not {value!r}") from None


def _time_unit(value: TimeUnit | str) -> TimeUnit:
    try:
        return TimeUnit(value)
    except ValueError:
        raise InvalidRequest(f"time_unit is MILLISECOND or MICROSECOND, not {value!r}") from None


def _hidden(text: str | Secret | None) -> Secret | None:
    if text is None or isinstance(text, Secret):
        return text
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # not everybody checks types
        raise InvalidRequest(f"a proxy is a URL (str), not {type(text).__name__}")
    return Secret(text)


@attrs.frozen(kw_only=True)
class ClientOptions:
    """
    How a client behaves. Every duration is in seconds.

    The defaults are for trading on the live exchange; tests and soaks shorten them.
    """

    request_timeout: float = attrs.field(default=12.0, validator=_is_above_zero)
    """How long a call may take. The exchange itself may take up to 10 seconds."""
    connect_timeout: float = attrs.field(default=10.0, validator=_is_above_zero)
    """One deadline for name resolution, TCP, proxy, TLS and the upgrade together."""
    send_timeout: float = attrs.field(default=5.0, validator=_is_above_zero)
    """How long one message may take to leave before the link counts as dead."""
    probe_after: float = attrs.field(default=22.0, validator=_is_above_zero)
    """Silence after which the peer is pinged. The exchange itself pings every 20 seconds."""
    probe_timeout: float = attrs.field(default=5.0, validator=_is_above_zero)
    """How long the probe may stay unanswered before the link counts as dead."""
    audit_after: float | None = attrs.field(default=900.0, validator=_is_above_zero_or_none)
    """
    How long user data may be silent before the exchange is asked whether it still has the subscription; None for never.

    If it has not, the subscription says lost and restored. Where a connection has several, it is asked each time that
    long. The question weighs 2. Listen keys and market streams are not asked about.
    """
    backoff_base: float = attrs.field(default=0.5, validator=_is_not_negative)
    """Reconnects wait a random time of up to ``base * 2**attempt``: full jitter."""
    backoff_cap: float = attrs.field(default=30.0, validator=_is_not_negative)
    """The longest that such a random time may get."""
    connect_budget: int | None = attrs.field(default=100, validator=_check_connect_budget)
    """
    Connects allowed in 5 minutes, for all clients of the process together (the exchange allows an address 300).

    Does not count for venues on this machine, such as the sandbox.
    """
    retry_reads: bool = attrs.field(default=True, validator=_is_bool)
    """
    Ask again, three times at most and within its deadline, what changes nothing and was lost with its link, or that the
    exchange failed to answer (status 5xx, -1000, -1001, -1006, -1007, -1008).
    """
    receive_window: float | Decimal | None = attrs.field(default=None, validator=_check_receive_window)
    """
    ``recvWindow`` of signed requests in milliseconds, at most 60000, with up to three decimals.

    None leaves it to the exchange (5000). ``client.with_options(receive_window=...)`` sets it for some calls.
    """
    time_unit: TimeUnit = attrs.field(default=TimeUnit.MILLISECOND, converter=_time_unit)
    """The unit in which both servers send times: with MICROSECOND, every datetime has its microseconds."""
    rate_limits: RateLimitPolicy = attrs.field(default=RateLimitPolicy.WAIT, converter=_rate_limit_policy)
    """What becomes of requests that would exceed the exchange's rate limits. They are not sent in either case."""
    return_rate_limits: bool = attrs.field(default=True, validator=_is_bool)
    """
    Have each answer say what is used of the rate limits, in ``Response.rate_limits``.

    The library itself needs it to learn how large they are, and what others use of them.
    """
    client_order_ids: Callable[[], str] = attrs.field(default=new_client_order_id, validator=_is_callable, repr=False)
    """
    Gives each order, and each order list, that was placed without a client order id one of its own.

    It is called by the thread that places the order, and must never return the same twice: by this name the order is
    found again when its outcome is unknown. The default returns 32 random hexadecimal digits.
    """
    backfill: bool = attrs.field(default=True, validator=_is_bool)
    """
    After a gap in the account's events, ask the exchange for what can be found out, and deliver that as events.

    That takes request weight: 107, and 120 for each symbol that the account has been heard to trade on. It takes half
    of what is left at most.
    """
    backfill_hold: float = attrs.field(default=5.0, validator=_is_not_negative)
    """How long events may wait for what came before them, in seconds. After that, the latter is delivered late."""
    backfill_rechecks: tuple[float, ...] = attrs.field(default=(5.0, 30.0), validator=_check_rechecks)
    """
    When orders and trades are asked for again, in seconds after events have come again, in ascending order.

    The exchange answers from a database that may be behind. The gap is closed after the last of them.
    """
    rotation_after: float | None = attrs.field(default=23 * 3600.0, validator=_is_above_zero_or_none)
    """
    When the account's connections are left for new ones, give or take a little, without an event being lost.

    The exchange ends a connection after 24 hours. None leaves it to that, and to ``client.rotate()``.
    """
    rotation_hours: tuple[float, float] | None = attrs.field(default=None, validator=_check_hours)
    """The hours of the day, in UTC, between which that is done, for example ``(2, 4)`` or ``(23, 1)``; None for any."""
    keep_alive_listen_keys: bool = attrs.field(default=True, validator=_is_bool)
    """Keep the listen key of a subscription alive, and replace it when it expires."""
    listen_key_interval: float = attrs.field(default=1800.0, validator=_is_above_zero)
    """How often a listen key is kept alive. It lives for 60 minutes."""
    force: bool = attrs.field(default=False, validator=_is_bool)
    """Send listen-key calls even where the venue has retired them."""
    keep_raw: bool = attrs.field(default=False, validator=_is_bool)
    """Give every event its payload as it came, in ``DataEvent.raw``."""
    symbol_rules_lifetime: float = attrs.field(default=3600.0, validator=_is_above_zero)
    """How long the rules of a symbol are kept before the exchange is asked again."""
    callback_threads: int = attrs.field(default=8, validator=_is_at_least(1))
    """The most threads on which callbacks run, where no executor was given."""
    stuck_after: float | None = attrs.field(default=60.0, validator=_is_above_zero_or_none)
    """
    How long one callback may take before the log tells of it, with its stack, and ``client.health()`` does.

    It is not interrupted. None watches over none.
    """
    mailbox_size: int = attrs.field(default=4096, validator=_is_at_least(2))
    """Events that may wait for a slow callback before the library stops reading from the exchange."""
    max_pending: int = attrs.field(default=16384, validator=_is_at_least(1))
    """How many calls may wait for an answer, or a link, at a time; more raise TooManyPending, and are not sent."""
    max_message_size: int = attrs.field(default=16 * 2**20, validator=_is_at_least(1024))
    """The largest message accepted, in bytes."""
    proxy: Secret | None = attrs.field(default=None, converter=_hidden)
    """
    An HTTP proxy, given as text or as a Secret, for example ``http://user:password@proxy.example:3128``.

    It is shown nowhere, because it may hold a password; and so such options can be neither pickled nor copied.
    """

    def ws_api_url(self, environment: Environment) -> str:
        """Return the URL at which *environment*'s WebSocket API behaves as these options say."""
        return _with_parameters(
            environment.ws_api_url,
            {**self._stream_parameters, **({} if self.return_rate_limits else {"returnRateLimits": "false"})},
        )

    def stream_url(self, environment: Environment) -> str:
        """Return the URL at which *environment*'s stream server does, with combined payloads."""
        return _with_parameters(f"{environment.stream_url}/stream", self._stream_parameters)

    @property
    def _stream_parameters(self) -> dict[str, str]:
        # What is the exchange's default is not asked for.
        return {} if self.time_unit is TimeUnit.MILLISECOND else {"timeUnit": self.time_unit.value}


def _with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    if not parameters:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"
