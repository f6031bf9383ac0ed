"""Starting, stopping, encrypting, and running in a process of its own."""

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from decimal import Decimal
from pathlib import Path

import pytest

from binance_socket.errors import InvalidRequest
from binance_socket.sandbox import ExchangeError, Sandbox
from binance_socket.sandbox.host import Host

PATIENCE = 10.0
SUBSCRIBE = "userDataStream.subscribe.signature"
DESCRIPTORS = Path("/proc/self/fd")

both_modes = pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])


def descriptors():
    return len(list(DESCRIPTORS.iterdir()))


def children():
    """Return the processes that this one has started, as numbers."""
    numbers = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has ended
            numbers.update((task / "children").read_text().split())
    return numbers


@both_modes
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_closing_leaves_nothing_behind(talk, raw, process, tls):
    """No thread, no descriptor, no child; whoever is connected, and whatever state that is in."""
    if not DESCRIPTORS.exists():
        pytest.skip("descriptors are counted in /proc")
    with Sandbox(tls=tls, process=process):
        pass  # whatever is loaded or opened once only
    gc.collect()
    threads, open_before = set(threading.enumerate()), descriptors()
    children_before = children()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        sandbox = Sandbox(tls=tls, process=process, market_maker=7)
        account = sandbox.create_account({"USDT": "1000"})
        port = int(sandbox.environment.stream_url.rsplit(":", 1)[1])
        half = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        half[1].sendall(b"GET ")
        peer = talk(sandbox)
        peer.result(SUBSCRIBE, **peer.signed(account))
        sandbox.faults.half_open(account)
        whole = talk(sandbox)
        assert whole.result("ping") == {}
        sandbox.close()
        sandbox.close()
        for connection in half:
            connection.close()
        with pytest.raises(Exception, match="no close frame"):
            whole.socket.recv(PATIENCE)
        whole.socket.close()
        peer.socket.close()
        del sandbox
        gc.collect()
    left = {thread.name for thread in set(threading.enumerate()) - threads if thread.name.startswith("sandbox")}
    assert left == set()
    assert descriptors() <= open_before
    assert children() == children_before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 1).close()


def test_every_thread_is_a_daemon_and_has_a_name(sandbox, talk):
    """So that a program which forgets to close still ends, and a stack dump can be read."""
    before = set(threading.enumerate())
    peer = talk(sandbox)
    assert peer.result("ping") == {}
    ours = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("sandbox-")]
    assert {thread.name.rstrip("0123456789") for thread in ours} == {
        "sandbox-link-",
        "sandbox-reader-",
        "sandbox-outbox-",
    }
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("sandbox"))


@both_modes
def test_both_modes_have_the_same_face(process, talk):
    """Accounts, orders, deposits, the ledger, errors and faults work alike."""
    with Sandbox(process=process) as sandbox:
        account = sandbox.create_account({"USDT": "1000"}, key_type="ED25519")
        placed = account.place_order(
            "BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="20000", new_client_order_id="a1"
        )
        assert placed["clientOrderId"] == "a1"
        assert account.cancel_order("BTCUSDT", placed["orderId"])["status"] == "CANCELED"
        account.deposit("ETH", "2")
        account.lock_externally("ETH", "1")
        account.publish({"e": "listStatus", "E": 1, "s": "BTCUSDT"})
        events = account.events
        kinds = [event["e"] for event in events]
        assert kinds.count("executionReport") == 2
        assert kinds[-2:] == ["externalLockUpdate", "listStatus"]
        assert account.event_count == len(events)
        assert account.events_since(len(events) - 1) == events[-1:]
        assert account.wait_for_events(len(events), 0.0)
        assert not account.wait_for_events(len(events) + 1, 0.01)
        with pytest.raises(ExchangeError) as caught:
            account.place_order("NOSUCH", "BUY", "MARKET", quantity="1")
        assert caught.value.code == -1121
        peer = talk(sandbox)
        peer.log_on(account)
        peer.result("userDataStream.subscribe")
        sandbox.faults.inject(account, b"raw")
        assert peer.socket.recv(PATIENCE) == "raw"
        sandbox.faults.inject(account, {"e": "x"})
        assert peer.receive()["event"] == {"e": "x"}
        assert sandbox.faults.cut(account) == 1
        assert sandbox.faults.triggered == {"inject": 2, "cut": 1}


@pytest.mark.no_cover
@both_modes
def test_a_burst_arrives_whole_and_in_order(process, talk):
    """Every execution report that was published arrives, in the ledger's order."""
    with Sandbox(process=process) as sandbox:
        account = sandbox.create_account({"USDT": "1000"})
        peer = talk(sandbox)
        peer.result(SUBSCRIBE, **peer.signed(account))
        count = account.burst(4_000)
        assert count >= 4_000
        events = account.events
        assert sum(event["e"] == "executionReport" for event in events) == count
        assert [peer.receive()["event"] for _ in events] == events


def test_waiting_for_events_ends_when_they_come():
    """wait_for_events of a sandbox in its own process does not hold up other calls."""
    with Sandbox(process=True) as sandbox:
        account = sandbox.create_account()
        waited = []
        thread = threading.Thread(target=lambda: waited.append(account.wait_for_events(2, PATIENCE)))
        thread.start()
        account.deposit("ETH", "1")
        thread.join(PATIENCE)
        assert waited == [True]


@both_modes
def test_accounts_trade_at_random(process):
    """What came of it can be read in pages, forgotten, and compared with what is open and what there is."""
    with Sandbox(process=process) as sandbox:
        accounts = [sandbox.create_account({"BTC": "1000", "ETH": "1000", "USDT": "9000000"}) for _ in range(2)]
        count = sandbox.random_trading(accounts, seed=3, events=500)
        assert count == sum(account.event_count for account in accounts)
        account = accounts[0]
        events = account.events
        assert [*account.events_since(0, 100), *account.events_since(100)] == events
        last = {(event["s"], event["i"]): event["X"] for event in events if event["e"] == "executionReport"}
        still_open = {order for order, status in last.items() if status in ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")}
        assert {(order["symbol"], order["orderId"]) for order in account.open_orders} == still_open
        positions = {entry["a"]: entry for event in events for entry in event.get("B", ()) if isinstance(entry, dict)}
        for asset, (free, locked) in account.balances.items():
            # A lock from outside changes both, and is told of otherwise.
            assert free + locked == Decimal(positions[asset]["f"]) + Decimal(positions[asset]["l"])
        account.forget(len(events), seconds=0)
        assert account.events == []
        sandbox.random_trading(accounts, seed=3, events=100)
        assert account.event_count > len(events)
        with pytest.raises(InvalidRequest, match="forgotten"):
            account.events_since(1)


@pytest.mark.parametrize("key_type", ["HMAC", "RSA", "ED25519"])
def test_tls_serves_websockets(talk, key_type):
    """wss, trusted through the environment's authority; every key type works there."""
    with Sandbox(tls=True) as sandbox:
        assert sandbox.environment.ws_api_url.startswith("wss://")
        account = sandbox.create_account({"USDT": "1000"}, key_type=key_type)
        peer = talk(sandbox)
        peer.result(SUBSCRIBE, **peer.signed(account))
        account.burst(500)
        events = account.events
        assert [peer.receive()["event"] for _ in events] == events


def test_a_plain_peer_gets_nowhere_with_tls(raw):
    """The handshake fails; the server lives on."""
    with Sandbox(tls=True) as sandbox:
        peer = raw(sandbox.environment.ws_api_url)
        with pytest.raises((EOFError, ConnectionError)):
            peer.upgrade()


def test_the_childs_clock_is_its_own(clock):
    """A clock cannot be given to another process."""
    with pytest.raises(InvalidRequest, match="own clock"):
        Sandbox(process=True, clock=clock)


def test_a_child_that_died_is_noticed():
    """Calls fail instead of waiting."""
    with Sandbox(process=True) as sandbox:
        account = sandbox.create_account()
        child = sandbox._host._child
        child.kill()
        child.wait(PATIENCE)
        with pytest.raises(ConnectionError):
            account.deposit("ETH", "1")


def test_the_child_ends_with_its_parent():
    """However that ends."""
    script = (
        "import os, sys\n"
        "from binance_socket.sandbox import Sandbox\n"
        "sandbox = Sandbox(process=True)\n"
        "print(sandbox.environment.stream_url, flush=True)\n"
        "os._exit(1)\n"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30).stdout
    port = int(output.strip().rsplit(":", 1)[1])
    # capture_output ends when the child, which inherits stderr, has ended: nobody listens any more.
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 1).close()


def test_an_unclosed_sandbox_does_not_keep_the_interpreter():
    """Its threads are daemons."""
    script = (
        "from binance_socket.sandbox import Sandbox\n"
        "from websockets.sync.client import connect\n"
        "sandbox = Sandbox(market_maker=1)\n"
        "context = connect(sandbox.environment.ws_api_url, ping_interval=None)\n"
        "socket = context.__enter__()\n"
        "print('running')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "running\n")


def test_the_market_maker_fills_the_book():
    """With a seed there is something to trade with at once."""
    with Sandbox(market_maker=42) as sandbox:
        account = sandbox.create_account({"USDT": "100000"})
        placed = account.place_order("BTCUSDT", "BUY", "MARKET", quantity="0.001")
        assert placed["status"] == "FILLED"
        assert [event["x"] for event in account.events if event["e"] == "executionReport"] == ["NEW", "TRADE"]


def test_the_command_serves_until_ctrl_c():
    """It prints where it is and a key of each type, and ends well."""
    command = [
        sys.executable,
        "-c",
        "import sys; from binance_socket.cli.sandbox import main; sys.exit(main(sys.argv[1:]))",
    ]
    with subprocess.Popen(
        [*command, "--tls", "--market-maker", "3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        lines = []
        while not lines or not lines[-1].startswith("Ctrl-C"):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
        assert process.stderr.read() == ""
    text = "".join(lines)
    assert "wss://127.0.0.1:" in text
    for kind in ("HMAC", "RSA", "ED25519"):
        assert f"key type {kind}" in text
    assert text.count("BEGIN PRIVATE KEY") == 2


def test_the_command_says_why_it_cannot_listen(capsys):
    """A port that is taken is an error of one line."""
    from binance_socket.cli.sandbox import main

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as caught:
        main(["--port", str(taken.getsockname()[1])])
    assert caught.value.code == 1
    assert "cannot listen" in capsys.readouterr().err


def test_events_are_json(sandbox):
    """The ledger holds what JSON holds."""
    account = sandbox.create_account({"USDT": "1000"})
    account.place_order("BTCUSDT", "BUY", "LIMIT", quantity="0.01", price="20000")
    assert json.loads(json.dumps(account.events)) == account.events


def test_a_connection_that_goes_while_it_is_admitted(raw, monkeypatch):
    """Leaves no session behind, and so no thread."""
    make = Host._session

    def too_late(self, link, target):
        link.wire.kill(reset=True)
        return make(self, link, target)

    monkeypatch.setattr(Host, "_session", too_late)
    before = set(threading.enumerate())
    with Sandbox() as sandbox:
        peer = raw(sandbox.environment.ws_api_url)
        with pytest.raises((EOFError, ConnectionError)):
            peer.upgrade()
    left = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("sandbox-outbox")]
    for thread in left:
        thread.join(PATIENCE)
        assert not thread.is_alive()
