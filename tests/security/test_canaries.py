"""
Every secret of a client, through faults of the sandbox: nothing that anybody could see shows one of them.

The faults of tests/faults are looked at in the same way, in every state.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import warnings

import pytest
from canaries import Canaries, forms
from relay import Relay

from binance_socket import (
    ApiError,
    BinanceSocketClient,
    BinanceSocketError,
    ClientOptions,
    HmacKey,
    RsaKey,
    Secret,
)
from binance_socket.masking import MaskedText
from binance_socket.sandbox import Sandbox

PATIENCE = 10.0
FUNDS = {"USDT": "100000", "BTC": "1"}
PASSWORD = "pass%2Fword-canary"
KINDS = {"key", "private key", "signature", "listen key", "proxy password"}


class Scene:
    """A client with a key, a proxy, and both kinds of subscriptions, on whose connections something goes wrong."""

    def __init__(self, sandbox: Sandbox, key_type: str, proxy: Relay) -> None:
        self.sandbox, self.faults = sandbox, sandbox.faults
        self.account = sandbox.create_account(FUNDS, key_type=key_type)
        self.client = BinanceSocketClient(
            credentials=self.account.credentials,
            environment=sandbox.environment,
            options=ClientOptions(
                backoff_base=0.01,
                connect_budget=None,
                keep_raw=True,
                request_timeout=5.0,
                proxy=f"http://canary:{PASSWORD}@127.0.0.1:{proxy.port}",
            ),
        )
        self.spot = self.client.spot_api.account
        self.restored = threading.Semaphore(0)
        self.heard = threading.Semaphore(0)
        self.key = ""

    def open(self) -> None:
        handlers = dict.fromkeys(
            ("on_order_update_message", "on_account_balance_update", "on_unknown_event", "on_listen_key_expired"),
            self._hear,
        )
        self.key = self.spot.start_user_stream().result
        for key in (None, self.key):
            subscription = self.spot.subscribe_to_user_data_updates(key, **handlers)
            subscription.on_connection_restored(lambda downtime: self.restored.release())

    def _hear(self, event) -> None:
        self.heard.release()
        raise ZeroDivisionError("a handler of the user's that shows what it has")

    def ask(self) -> list:
        """Have one of each kind in flight: signed, with the key alone, and an order."""
        client = self.client.with_options(timeout=1.0)
        return [
            client.spot_api.account.get_account_info.submit(),
            client.spot_api.account.keep_alive_user_stream.submit(self.key),
            client.spot_api.trading.place_order.submit(
                "BTCUSDT",
                "BUY",
                "LIMIT",
                quantity="0.001",
                price="20000",
                time_in_force="GTC",
                new_client_order_id="spoilt",
            ),
        ]

    def settle(self, futures) -> None:
        """Let what was asked end, in whatever way; then let something happen, and ask once more."""
        for future in futures:
            future.exception(PATIENCE)
        self.account.deposit("ETH", "1")
        # Some faults last. What it shows is looked at with everything else.
        with contextlib.suppress(BinanceSocketError):
            self.spot.get_account_info()


def broken_events(scene: Scene) -> None:
    for payload in (
        b'{"subscriptionId":0,"event":{"e":"x","listenKey":"%s"' % scene.key.encode(),
        {"e": "listenKeyExpired", "listenKey": scene.key},
        {"e": "somethingNew", "E": 1, "listenKey": scene.key, "apiKey": scene.account.api_key},
        {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "x", "T": 1, "apiKey": scene.account.api_key},
        b'{"id":null,"status":400,"error":{"code":-1,"msg":"bad"}}',
        b'{"id":null,"status":200,"result":{"listenKey":"%s"}}' % scene.key.encode(),
    ):
        scene.faults.inject(scene.account, payload)


def frozen(scene: Scene) -> None:
    scene.faults.freeze_at(10, scene.account)
    scene.account.deposit("ETH", "1")
    assert scene.faults.wait_for("freeze_at")
    scene.faults.cut(scene.account)


# How each fault is brought about, by its name: before requests are under way, or while they are.
ARM = {
    "cut_at": lambda it: it.faults.cut_at(40, it.account),
    "delay_replies": lambda it: it.faults.delay_replies(0.05, n=3),
    "drop_replies": lambda it: it.faults.drop_replies("account.status"),
    "duplicate_replies": lambda it: it.faults.duplicate_replies(n=3),
    "late_replies": lambda it: it.faults.late_replies("account.status"),
    "lose_requests": lambda it: it.faults.lose_requests("order.place"),
    "fail_requests": lambda it: it.faults.fail_requests(n=3, executed=True),
    "cut_requests": lambda it: it.faults.cut_requests("order.place", executed=True),
    "slow_requests": lambda it: it.faults.slow_requests(0.05, n=3),
    "spoil_order": lambda it: it.faults.spoil_order("spoilt", "fail"),
    "lag": lambda it: it.faults.lag(1.0),
    "duplicate_events": lambda it: it.faults.duplicate_events(2),
    "drop_events": lambda it: it.faults.drop_events(2),
    "skew": lambda it: it.faults.skew(3600),
    "release": lambda it: it.faults.late_replies("account.status"),
}
STRIKE = {
    "cut": lambda it: it.faults.cut(it.account),
    "half_open": lambda it: (it.faults.half_open(it.account), it.faults.cut(it.account)),
    "close": lambda it: it.faults.close(1008, "because", it.account),
    "shutdown": lambda it: it.faults.shutdown(0.05),
    "refuse": lambda it: (it.faults.refuse(2), it.faults.cut(it.account)),
    "refuse_upgrade": lambda it: (
        it.faults.refuse_upgrade(1, 429, {"Retry-After": "0", "Location": "ws://127.0.0.1:1/"}),
        it.faults.cut(it.account),
    ),
    "inject": broken_events,
    "release": lambda it: (it.faults.wait_for("late_replies"), it.faults.release()),
    "freeze_at": frozen,
    "terminate": lambda it: it.faults.terminate(it.account),
    "expire": lambda it: it.faults.expire(it.key),
    "revoke": lambda it: (it.faults.revoke(it.account), it.faults.cut(it.account)),
}
COUNTED_AS = {"release": "late_replies", "spoil_order": "fail_requests"}
FAULTS = sorted({*ARM, *STRIKE})


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_shows_a_secret(fault, canaries):
    """In logs at DEBUG, tracebacks with variables, warnings, hooks, what is printed, reprs and health."""
    number = FAULTS.index(fault)
    with Sandbox(tls=number % 2 == 0) as sandbox, Relay(is_proxy=True) as proxy:
        scene = Scene(sandbox, ("RSA", "ED25519", "HMAC")[number % 3], proxy)
        try:
            scene.open()
            if fault in ARM:
                ARM[fault](scene)
            futures = scene.ask()
            if fault in STRIKE:
                STRIKE[fault](scene)
            scene.settle(futures)
            futures = scene.ask()
        finally:
            scene.client.close()
        for future in futures:
            future.exception(PATIENCE)
    assert scene.faults.triggered[COUNTED_AS.get(fault, fault)], "it has happened"
    wanted = KINDS if scene.account.key_type.value != "HMAC" else KINDS - {"private key"}
    assert canaries.kinds >= wanted, "all of them were there to be found"
    assert proxy.heads


def test_a_key_that_is_refused(canaries):
    """Wrong, revoked or of the wrong kind: the refusal does not repeat it."""
    with Sandbox() as sandbox:
        account = sandbox.create_account(FUNDS, key_type="RSA")
        wrong = [
            HmacKey("x" * 64, "y" * 64),
            HmacKey(account.api_key, "z" * 64),
            RsaKey(account.api_key, sandbox.create_account(FUNDS, key_type="RSA").pem),
        ]
        for credentials in wrong:
            with BinanceSocketClient(credentials=credentials, environment=sandbox.environment) as client:
                with pytest.raises(ApiError):
                    client.spot_api.account.get_account_info()
                with pytest.raises(ApiError):
                    client.spot_api.account.subscribe_to_user_data_updates()
    assert canaries.kinds >= {"key", "private key", "signature"}


# The harness itself: each place where a canary may be is looked at.

CANARY = "canary-0123456789+/é"


@pytest.fixture
def watch():
    with Canaries() as watch:
        watch.add("canary", CANARY)
        yield watch


@pytest.mark.parametrize("form", sorted(forms(CANARY)))
@pytest.mark.parametrize("logger", ["", "urllib3", "websocket", "somebody.new"])
def test_what_is_logged_is_searched(watch, logger, form):
    """Every logger, at DEBUG, as message and as argument."""
    logging.getLogger(logger).debug("it is %s", [form])
    assert watch.found() == [f"a canary in log of {logger or 'root'}"]


def printed():
    sys.stdout.write(CANARY)


def complained():
    sys.stderr.write(CANARY)


def warned():
    warnings.showwarning(UserWarning(CANARY), UserWarning, __file__, 1)


def died():
    thread = threading.Thread(target=lambda: int(CANARY))
    thread.start()
    thread.join(PATIENCE)


@pytest.mark.parametrize(
    "show, where", [(printed, "stdout"), (complained, "stderr"), (warned, "warnings"), (died, "threading.excepthook")]
)
def test_what_is_shown_is_searched(show, where, monkeypatch):
    """Standard output and error, warnings, and exceptions that nobody catches."""
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    monkeypatch.setattr(warnings, "showwarning", lambda *args: None)
    with Canaries() as watch:
        watch.add("canary", CANARY)
        show()
    assert watch.found() == [f"a canary in {where}"]


def test_what_exists_is_searched(watch):
    """By its repr, as text, and by what a reporter makes of it."""
    watch.look_at([CANARY])
    watch.look_at(ValueError(CANARY))
    places = ("repr of ValueError", "repr of list", "str of ValueError", "str of list", "traceback of ValueError")
    assert watch.found() == [f"a canary in {place}" for place in places]


def test_what_errors_keep_is_searched(watch):
    """Their attributes, whatever the reprs of these are, and what pickle makes of them."""
    error = BinanceSocketError("bad")
    error.payload = {"listenKey": [MaskedText(CANARY)]}
    watch.look_at(error)
    places = ("attributes of BinanceSocketError", "pickle of BinanceSocketError")
    assert watch.found() == [f"a canary in {place}" for place in places]


def test_secrets_are_known_by_themselves(watch):
    """What becomes a Secret, and what is signed; of a private key each line, of a proxy's URL the password."""
    key = HmacKey("k" * 20, Secret("s" * 20))
    Secret("http://user:pass%2Fword@proxy.example")
    Secret("-----BEGIN PRIVATE KEY-----\n0123456789\n-----END PRIVATE KEY-----")
    for value in ("k" * 20, "s" * 20, key.sign("a=b"), "pass/word", "0123456789"):
        watch.saw("somewhere", value)
    kinds = ("key", "private key", "proxy password", "signature")
    assert watch.found() == [f"a {kind} in somewhere" for kind in kinds]
