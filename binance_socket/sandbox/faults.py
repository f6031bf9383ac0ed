"""
Everything that can go wrong on a wire, on demand.

Each fault really happens to the peer: a reset is a reset, a refused upgrade is an HTTP answer. ``triggered`` says how
often each of them did, so that a test can show that it tested something.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

__all__ = ["Faults", "HasUid"]


class HasUid(Protocol):
    """An account of the sandbox."""

    @property
    def uid(self) -> int:
        """The account's number."""
        ...


class _Table(Protocol):
    def fault(self, name: str, *args: Any) -> Any: ...


def _uid(account: HasUid | None) -> int | None:
    return None if account is None else account.uid


class Faults:
    """
    Makes things go wrong. Any thread; nothing here blocks for longer than a moment.

    Where an *account* may be given, its connections are meant: those on which its API key, a subscription or a listen
    key of it was used. Without one, all connections are.
    """

    def __init__(self, host: _Table) -> None:
        self._host = host

    @property
    def triggered(self) -> Mapping[str, int]:
        """
        How often each fault happened, by name; a copy.

        Some happen by themselves: ``end_of_day`` counts the connections that have lasted for 24 hours, less the 10
        seconds by which their end is announced, and ``pongs`` the pongs that came.
        """
        return dict[str, int](self._host.fault("triggered"))

    def wait_for(self, name: str, count: int = 1, timeout: float = 10.0) -> bool:
        """Wait until a fault has happened *count* times in all, and tell whether it has by *timeout* (seconds)."""
        return bool(self._host.fault("wait_for", name, count, timeout))

    # Connections.

    def cut(self, account: HasUid | None = None, *, reset: bool = True) -> int:
        """Break connections off, with RST or else with FIN. Return how many."""
        return int(self._host.fault("cut", _uid(account), reset))

    def cut_at(self, byte_count: int, account: HasUid | None = None, *, reset: bool = True) -> None:
        """
        Break off once *byte_count* bytes were sent.

        The bytes are those on the wire (encrypted, under TLS), from now on for the connections of an *account*; without
        one, those of the next connection that is made, its handshake included. Counted as ``cut_at`` when it happens.
        """
        self._host.fault("cut_at", byte_count, _uid(account), reset)

    def half_open(self, account: HasUid | None = None) -> int:
        """Neither read nor send on connections any more, without closing them. Return how many."""
        return int(self._host.fault("half_open", _uid(account)))

    def cut_silent(self) -> int:
        """Break off the connections that have fallen silent: nobody else will. Return how many; not counted."""
        return int(self._host.fault("cut_silent"))

    def freeze_at(self, byte_count: int, account: HasUid | None = None) -> None:
        """
        Fall silent once *byte_count* bytes were sent, in the middle of a frame for one, without closing.

        The bytes are counted as in ``cut_at``. Counted as ``freeze_at`` when it happens.
        """
        self._host.fault("freeze_at", byte_count, _uid(account))

    def close(self, code: int = 1001, reason: str = "", account: HasUid | None = None) -> int:
        """Close connections in the WebSocket way, with a code. Return how many."""
        return int(self._host.fault("close", code, reason, _uid(account)))

    def shutdown(self, grace: float = 0.0) -> int:
        """Send ``serverShutdown`` on all connections, and close them *grace* seconds later. Return how many."""
        return int(self._host.fault("shutdown", grace))

    def refuse(self, n: int = 1) -> None:
        """Reset the next *n* connects to the WebSocket port as soon as they are made."""
        self._host.fault("refuse", n)

    def refuse_upgrade(self, n: int = 1, status: int = 503, headers: Mapping[str, str] | None = None) -> None:
        """Answer the next *n* upgrades with an HTTP *status* and *headers* (``Retry-After``, ``Location``...)."""
        self._host.fault("refuse_upgrade", n, status, dict(headers or {}))

    def hold_upgrades(self, n: int = 1) -> None:
        """Keep the next *n* upgrades without an answer until ``release()``. Counted as ``hold_upgrades``."""
        self._host.fault("hold_upgrades", n)

    def spoil_upgrade(self, kind: str, n: int = 1) -> None:
        """
        Answer the next *n* upgrades wrongly. Counted as ``upgrade_`` and the kind.

        The kinds: garbage, half_head, endless_head, drip (a byte now and then), hang (no answer), wrong_accept,
        no_accept, extension and protocol (that were not offered). Raises KeyError for others.
        """
        self._host.fault("spoil_upgrade", kind, n)

    # Frames.

    def send_frames(self, kind: str, account: HasUid | None = None) -> int:
        """
        Send what no server may send, or none does. Counted as ``frames_`` and the kind. Return on how many connections.

        The kinds: binary, reserved_bits, unknown_opcode, masked, fragmented_ping, long_ping, stray_continuation,
        message_in_message, half_a_close_code, invalid_utf8, surrogate_utf8, split_utf8, oversized_frame and
        oversized_message (of 2 GiB, announced only), negative_size, close_without_code, close_1006, close_999,
        close_5000, close_bad_reason, after_close (an event behind a close frame), pings, ping_flood, pong_flood,
        empty_fragments, drip. Raises KeyError for others.
        """
        return int(self._host.fault("send_frames", kind, _uid(account)))

    def drip(self, seconds: float, account: HasUid | None = None) -> int:
        """Begin a frame that has no end, and send a byte of it every so many *seconds*. Return on how many."""
        return int(self._host.fault("drip", seconds, _uid(account)))

    def fragment(self, account: HasUid | None = None) -> int:
        """Send each message in fragments of one byte with pings between, from now on. Return on how many."""
        return int(self._host.fault("fragment", _uid(account)))

    def split(self, account: HasUid | None = None) -> int:
        """Send every byte by itself, from now on. Return on how many connections."""
        return int(self._host.fault("split", _uid(account)))

    def stop_reading(self, account: HasUid | None = None) -> int:
        """Read nothing more from connections, until ``release()``, and go on sending. Return how many."""
        return int(self._host.fault("stop_reading", _uid(account)))

    # Requests to the WebSocket API, once they have passed all checks.

    def lose_requests(self, method: str | None = None, n: int = 1) -> None:
        """Neither carry out nor answer the next *n* requests for *method* (or any). Counted as ``lose_requests``."""
        self._host.fault("requests", method, n, "lose", 0.0, False, 0, 0)

    def fail_requests(
        self,
        method: str | None = None,
        n: int = 1,
        *,
        executed: bool,
        status: int = 503,
        code: int = -1007,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Answer the next *n* requests with an error, whether *executed* or not. Counted as ``fail_requests``.

        The default is what the exchange says when it does not know itself. *data* is told besides (``retryAfter``...).
        """
        self._host.fault("requests", method, n, "fail", 0.0, executed, status, code, data)

    def cut_requests(self, method: str | None = None, n: int = 1, *, executed: bool) -> None:
        """Break off the connection instead of answering the next *n* requests. Counted as ``cut_requests``."""
        self._host.fault("requests", method, n, "cut", 0.0, executed, 0, 0)

    def slow_requests(self, seconds: float, method: str | None = None, n: int = 1) -> None:
        """Carry the next *n* requests out *seconds* later, and then answer. Counted as ``slow_requests``."""
        self._host.fault("requests", method, n, "slow", seconds, True, 0, 0)

    def spoil_order(
        self,
        client_order_id: str,
        kind: Literal["lose", "fail", "cut", "slow", "mute", "late"],
        *,
        seconds: float = 0.0,
        executed: bool = True,
        status: int = 503,
        code: int = -1007,
    ) -> None:
        """
        Let something happen to the one request whose ``newClientOrderId`` or ``listClientOrderId`` this is.

        For ``openOrders.cancelAll``, which has none, give the API key that it is asked with. It is what the methods
        above do, and two more: a *mute* request is carried out and not answered, a *late* one is answered *seconds*
        after it was carried out. Counted as ``lose_requests``, ``mute_requests``...
        """
        self._host.fault("order", client_order_id, kind, seconds, executed, status, code)

    def lag(self, seconds: float) -> None:
        """
        Let queries about orders, order lists and trades read a database that is *seconds* behind; 0 lets it catch up.

        An order that was placed since is not found; asked for by its id, one that was cancelled since is found open.
        Lists of all orders lack those that changed since, lists of trades the trades made since. Balances do not lag.
        """
        self._host.fault("lag", seconds)

    # Replies of the WebSocket API.

    def drop_replies(self, method: str | None = None, n: int = 1) -> None:
        """Carry out the next *n* requests of *method* (or of any), and do not answer. Counted as ``drop_replies``."""
        self._host.fault("replies", "drop", method, n, 0.0)

    def duplicate_replies(self, method: str | None = None, n: int = 1) -> None:
        """Answer each of the next *n* requests twice. Counted as ``duplicate_replies``."""
        self._host.fault("replies", "duplicate", method, n, 0.0)

    def delay_replies(self, seconds: float, method: str | None = None, n: int = 1) -> None:
        """Send the next *n* replies *seconds* later, on the sandbox's clock. Counted as ``delay_replies``."""
        self._host.fault("replies", "delay", method, n, seconds)

    def late_replies(self, method: str | None = None, n: int = 1) -> None:
        """Keep the next *n* replies back until ``release()``. Counted as ``late_replies``."""
        self._host.fault("replies", "late", method, n, 0.0)

    def spoil_replies(self, kind: str, method: str | None = None, n: int = 1) -> None:
        """
        Spoil the next *n* replies. Counted as the kind and ``_replies``.

        The kinds: garble (half of it), trail (with something behind it), nest (deeper than parsers go), nan (a number
        that JSON does not have), rename and renumber (another id), strip (nothing but the id), empty (no result),
        retype (a result of another type), restatus (a status that is none). Raises KeyError for others.
        """
        self._host.fault("spoil_replies", kind, method, n)

    def release(self) -> int:
        """Send the replies that are late, in their order, and answer the upgrades held. Return how many replies."""
        return int(self._host.fault("release"))

    # User data.

    def duplicate_events(self, n: int = 1) -> None:
        """Deliver each of the next *n* events twice to whoever would get it next."""
        self._host.fault("events", "duplicate_events", n, 2)

    def drop_events(self, n: int = 1) -> None:
        """Lose the next *n* events (an event counts once for every subscription that would get it)."""
        self._host.fault("events", "drop_events", n, 0)

    def inject(self, account: HasUid, payload: Mapping[str, Any] | bytes) -> int:
        """
        Send something that never happened.

        A mapping goes to the account's subscriptions and streams as an event, wrapped as those are; bytes go to its
        connections as a text message, as they are. Neither enters the ledger. Return how many were sent.
        """
        return int(self._host.fault("inject", account.uid, payload if isinstance(payload, bytes) else dict(payload)))

    def terminate(self, account: HasUid) -> int:
        """End the account's user data subscriptions with ``eventStreamTerminated``, unasked. Return how many."""
        return int(self._host.fault("terminate", account.uid))

    def mute(self, account: HasUid) -> int:
        """Forget the account's user data subscriptions without a word: they are silent. Return how many."""
        return int(self._host.fault("mute", account.uid))

    def log_out(self, account: HasUid) -> int:
        """End the account's logged-on sessions with an error that has no id; its keys stay good. Return how many."""
        return int(self._host.fault("log_out", account.uid))

    def forget_key(self, listen_key: str) -> None:
        """Forget a listen key without a word: it is silent, and -1125 to whoever keeps it alive."""
        self._host.fault("forget_key", listen_key)

    def expire(self, listen_key: str) -> None:
        """Let a listen key expire now. Raises ExchangeError -1125 for an unknown one."""
        self._host.fault("expire", listen_key)

    def revoke(self, account: HasUid) -> int:
        """Revoke the account's API keys: sessions logged on with one end with their next request."""
        return int(self._host.fault("revoke", account.uid))

    def skew(self, seconds: float) -> None:
        """Put the exchange's wall clock *seconds* ahead (or behind, if negative); 0 puts it right again."""
        self._host.fault("skew", seconds)
