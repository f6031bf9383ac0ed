"""The public face of the embedded exchange: :class:`Sandbox` and the accounts opened on it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

from typing_extensions import Self

from .._engine.clock import Clock
from ..credentials import Credentials, Ed25519Key, HmacKey, KeyType, RsaKey
from ..errors import InvalidRequest
from ..options import Environment
from .faults import Faults
from .host import Host, HostOptions
from .process import RemoteHost

__all__ = ["Sandbox", "SandboxAccount"]

_LONGEST_WAIT: Final = 10.0


class _Host(Protocol):
    """The servers, in this process or another."""

    def call(self, name: str, *args: Any) -> Any: ...
    def fault(self, name: str, *args: Any) -> Any: ...
    def close(self) -> None: ...


class SandboxAccount:
    """
    An account of the sandbox, with an API key of its own.

    What is done here goes straight to the exchange, neither signed nor counted against limits. Amounts are text or
    Decimals. Any thread.
    """

    def __init__(self, host: _Host, uid: int, key: Mapping[str, Any]) -> None:
        self._host = host
        self.uid: Final = uid
        self.key_type: Final = KeyType(key["key_type"])
        self.api_key: Final[str] = key["api_key"]
        self._secret: str | None = key["secret"]
        self._pem: str | None = key["pem"]

    def __repr__(self) -> str:
        return f"SandboxAccount(uid={self.uid}, key_type={self.key_type.value})"

    @property
    def secret(self) -> str:
        """The secret of an HMAC key, for other people's clients. Raises InvalidRequest for other kinds."""
        if self._secret is None:
            raise InvalidRequest(f"a key of type {self.key_type.value} has no shared secret: see pem")
        return self._secret

    @property
    def pem(self) -> str:
        """The private key (PKCS #8, PEM), for other people's clients. Raises InvalidRequest for an HMAC key."""
        if self._pem is None:
            raise InvalidRequest("an HMAC key has no private key: see secret")
        return self._pem

    @property
    def credentials(self) -> Credentials:
        """The key as this library's clients take it."""
        if self.key_type is KeyType.HMAC:
            return HmacKey(self.api_key, self.secret)
        kind = RsaKey if self.key_type is KeyType.RSA else Ed25519Key
        return kind(self.api_key, self.pem)

    def another_key(self, key_type: KeyType | str) -> SandboxAccount:
        """Make a further API key of this account, of any type."""
        return SandboxAccount(self._host, self.uid, self._host.call("create_key", self.uid, KeyType(key_type).value))

    def place_order(self, symbol: str, side: str, type: str, **parameters: object) -> dict[str, Any]:
        """
        Place an order and return the exchange's result.

        Further parameters are the exchange's, in snake_case (``stop_price``, ``new_client_order_id``...). Limit orders
        are good till cancelled unless they say otherwise. Raises ExchangeError as the exchange would refuse it.
        """
        params = {_camel_case(name): _wire(value) for name, value in parameters.items() if value is not None}
        if type in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
            params.setdefault("timeInForce", "GTC")
        result: dict[str, Any] = self._host.call(
            "place_order", self.uid, {"symbol": symbol, "side": side, "type": type, **params}
        )
        return result

    def cancel_order(self, symbol: str, order_id: int) -> dict[str, Any]:
        """Cancel an open order and return the exchange's result. Raises ExchangeError."""
        result: dict[str, Any] = self._host.call("cancel_order", self.uid, {"symbol": symbol, "orderId": order_id})
        return result

    def deposit(self, asset: str, amount: str | Decimal) -> None:
        """Deposit, or withdraw a negative amount."""
        self._host.call("deposit", self.uid, asset, str(amount))

    def lock_externally(self, asset: str, amount: str | Decimal) -> None:
        """Lock an amount for an external system, or unlock a negative one."""
        self._host.call("lock_externally", self.uid, asset, str(amount))

    def publish(self, payload: Mapping[str, Any]) -> None:
        """Publish an event of any kind, as if it had happened: to the ledger, and to whoever listens."""
        self._host.call("publish", self.uid, dict(payload))

    def burst(self, count: int, symbol: str = "BTCUSDT") -> int:
        """
        Bring forth at least *count* executionReports, as fast as it goes, and return how many.

        Orders are placed and cancelled, for which the account needs funds for a small one.
        """
        return int(self._host.call("burst", self.uid, count, symbol))

    @property
    def events(self) -> list[dict[str, Any]]:
        """The ledger: every event ever published for this account, oldest first; a copy."""
        return self.events_since(0)

    def events_since(self, count: int, most: int | None = None) -> list[dict[str, Any]]:
        """
        Return the ledger without its first *count* events, *most* of what is left at the most.

        Raises InvalidRequest where some of that is forgotten; since 0 means since the first one that is not.
        """
        events: list[dict[str, Any]] = self._host.call("events", self.uid, count, most)
        return events

    def forget(self, events: int, *, seconds: float = 600.0) -> None:
        """
        Forget the ledger's first *events*, and the orders and trades that were over more than *seconds* ago.

        What was compared need not stay: this way the exchange's memory is bounded however long it runs.
        """
        self._host.call("forget", self.uid, events, seconds)

    @property
    def open_orders(self) -> list[dict[str, Any]]:
        """The open orders of all symbols, as ``openOrders.status`` answers them; nothing is counted."""
        orders: list[dict[str, Any]] = self._host.call("open_orders", self.uid)
        return orders

    @property
    def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """What is free and what is locked of every asset that there is any of; nothing is counted."""
        entries: list[dict[str, str]] = self._host.call("balances", self.uid)
        return {entry["asset"]: (Decimal(entry["free"]), Decimal(entry["locked"])) for entry in entries}

    @property
    def event_count(self) -> int:
        """How many events the ledger holds."""
        return int(self._host.call("event_count", self.uid))

    def wait_for_events(self, count: int, timeout: float = _LONGEST_WAIT) -> bool:
        """Wait until the ledger holds at least *count* events; False if it does not after *timeout* seconds."""
        return bool(self._host.call("wait_for_events", self.uid, count, timeout))

    @property
    def listeners(self) -> int:
        """How many subscriptions and listen-key streams of this account are open."""
        return int(self._host.call("listeners", self.uid))


class Sandbox:
    """
    A spot exchange on loopback: matching, balances, WebSocket API, user data streams, listen keys.

    ``environment`` points clients to it, and serves both kinds of streams. With *tls* its certificate is signed by an
    authority made on the spot, which the environment trusts. *clock* is a Clock (``testing.ManualClock``, for one)
    that decides about timestamps, limits, expiry and pings. *market_maker* is a seed: with one, the book is filled and
    traded on. With *process* the exchange runs in a process of its own, which ends with this one. *port* and
    *rest_port* are chosen by the system unless given. The limits are the exchange's unless given: weight a minute,
    unfilled orders in 10 seconds and a day, requests and connects in 5 minutes. *ban_after* is the number of refused
    requests in a minute after which the address is banned.

    Use it as a context manager, or call ``close()``.
    """

    def __init__(
        self,
        *,
        tls: bool = False,
        clock: Clock | None = None,
        market_maker: int | None = None,
        process: bool = False,
        port: int = 0,
        rest_port: int = 0,
        weight_limit: int = 6000,
        order_limits: tuple[int, int] = (50, 160_000),
        raw_limit: int = 61_000,
        connection_limit: int = 300,
        ban_after: int = 5,
    ) -> None:
        if process and clock is not None:
            raise InvalidRequest("a sandbox in its own process has its own clock: see faults.skew")
        options = HostOptions(
            tls=tls,
            port=port,
            rest_port=rest_port,
            market_maker=market_maker,
            weight_limit=weight_limit,
            order_limits=order_limits,
            raw_limit=raw_limit,
            connection_limit=connection_limit,
            ban_after=ban_after,
        )
        self._host: _Host = RemoteHost(options) if process else Host(options, clock)
        self.faults: Final = Faults(self._host)
        """Everything that can go wrong, on demand."""
        # Guards the flag.
        self._lock = threading.Lock()
        self._closed = False
        urls = self._host.call("urls")
        self.environment: Final = Environment(
            name="sandbox",
            ws_api_url=urls["ws_api_url"],
            stream_url=urls["stream_url"],
            rest_url=urls["rest_url"],
            ca_file=None if urls["ca_file"] is None else Path(urls["ca_file"]),
        )
        """Where it is, for clients."""

    def create_account(
        self, balances: Mapping[str, str | Decimal] | None = None, *, key_type: KeyType | str = KeyType.HMAC
    ) -> SandboxAccount:
        """Open an account that holds *balances*, with a fresh API key of the given type (HMAC, RSA or ED25519)."""
        amounts = {asset: str(amount) for asset, amount in (balances or {}).items()}
        key = self._host.call("create_account", amounts, KeyType(key_type).value)
        return SandboxAccount(self._host, key["uid"], key)

    def random_flow(self, symbol: str = "BTCUSDT", *, seed: int = 0, updates: int = 1000) -> int:
        """
        Let random orders and cancellations change a symbol's book at least *updates* times, as fast as it goes.

        They trade as well, among each other and with whatever else is on the book. Returns the update id of the last
        change. The same seed brings the same orders on an equal book; called again, it goes on. Any thread.
        Raises ExchangeError for an unknown symbol.
        """
        return int(self._host.call("random_flow", symbol, seed, updates))

    def random_trading(self, accounts: Sequence[SandboxAccount], *, seed: int = 0, events: int = 1000) -> int:
        """
        Let accounts trade with each other at random until at least *events* more are in their ledgers; return how many.

        They quote, take, amend and cancel on BTCUSDT and ETHUSDT, place order lists, deposit, withdraw and lock, as
        fast as it goes; they need funds for that, in BTC, ETH and USDT. The same seed brings the same; called again, it
        goes on. Any thread.
        """
        return int(self._host.call("random_trading", [account.uid for account in accounts], seed, events))

    def block_trade(
        self, symbol: str, *, price: str | Decimal, quantity: str | Decimal, buyer_is_maker: bool = False
    ) -> int:
        """
        Tell of a trade that was made off the book, and return its id: the block trades' methods and stream have it.

        Raises ExchangeError for an unknown symbol, InvalidRequest for amounts that are none.
        """
        return int(self._host.call("block_trade", symbol, str(price), str(quantity), buyer_is_maker))

    def set_reference_price(self, symbol: str, price: str | Decimal | None, *, calculation_id: int = 0) -> None:
        """
        Set a symbol's reference price, as if it were calculated outside of the exchange; None: it has none now.

        It takes the place of the mean of trades that BTCUSDT and ETHUSDT have otherwise.
        """
        self._host.call("set_reference_price", symbol, None if price is None else str(price), calculation_id)

    def order_book(self, symbol: str = "BTCUSDT") -> dict[str, Any]:
        """
        Return the whole book, every level of it, in the shape of the exchange's ``depth``; nothing is counted.

        Raises ExchangeError for an unknown symbol.
        """
        book: dict[str, Any] = self._host.call("order_book", symbol)
        return book

    @property
    def refused(self) -> int:
        """How many requests were refused for exceeding a limit, or during a ban."""
        return int(self._host.call("refused"))

    def close(self) -> None:
        """
        Cut every connection and stop.

        Afterwards no thread, descriptor or process of the sandbox is left. Idempotent; any thread.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _camel_case(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _wire(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value
