"""Scripts in processes of their own: their exits, their signals, their forks, their garbage."""

import subprocess
import sys
import textwrap

import pytest

PATIENCE = 30.0

# A client with a network that the script itself is the server of.
PRELUDE = """
import gc, os, queue, signal, sys, threading, time
from binance_socket import BinanceSocketClient, ClientClosed, ClientOptions, Environment, ForkedClientError, HmacKey
from binance_socket.testing import FakeNetwork

# A shell that starts the tests in the background has them, and so us, ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

venue = Environment(
    name="venue", ws_api_url="wss://api.example", stream_url="wss://s.example", rest_url="https://r.example"
)
network = FakeNetwork()

def make(**options):
    return BinanceSocketClient(
        credentials=HmacKey("k", "s"),
        environment=venue,
        network=network,
        options=ClientOptions(**{"request_timeout": 60, "backfill": False, **options}),
    )

def subscribe(client, transport=None, **handlers):
    opened = []
    thread = threading.Thread(
        target=lambda: opened.append(client.spot_api.account.subscribe_to_user_data_updates(**handlers))
    )
    thread.start()
    transport = transport or network.accept()
    transport.push({"id": transport.sent()["id"], "status": 200, "result": {"subscriptionId": 0}})
    thread.join()
    return opened.pop(), transport

def answer(transport):
    transport.push({"id": transport.sent()["id"], "status": 200, "result": []})

def wait_for_end():
    # The thread that ends a client is begun by another, and is the last.
    while threads := ours():
        threads[0].join(10)

EVENT = {"subscriptionId": 0, "event": {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "1", "T": 1}}

def ours():
    # The process's own timer, for tokens, belongs to no client.
    return [
        thread for thread in threading.enumerate()
        if thread.name.startswith("binance-socket-") and thread.name != "binance-socket-shared-timer"
    ]
"""


def source_of(script: str) -> str:
    """Return the whole of a script."""
    return PRELUDE + textwrap.dedent(script)


@pytest.fixture
def script():
    """Run a script in a process of its own, and return what it printed: ``script(source, timeout)``."""

    def run(source, timeout=PATIENCE, code=0):
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", source_of(source)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Exception ignored" not in done.stderr
        assert "Fatal" not in done.stderr
        return done.stdout

    return run


@pytest.fixture
def exits():
    """Run a script, and return its exit code; it must end within 5 seconds after it has printed "end"."""

    def run(source):
        with subprocess.Popen([sys.executable, "-c", source_of(source)], stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline() == "end\n"
                return process.wait(5.0)
            finally:
                process.kill()

    return run
