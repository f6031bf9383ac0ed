"""A client with a scripted network and a clock of the test's: what most tests above the engine need."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from canaries import canaries  # noqa: F401  # a fixture
from hypothesis import HealthCheck, settings
from turns import finish_step

from binance_socket import BinanceSocketClient, ClientOptions, Environment, HmacKey
from binance_socket.testing import FakeNetwork, ManualClock

# How long an example takes says nothing about the library: the machine may be busy.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

PATIENCE = 10.0
# A thread may have much to do, and coverage makes it slow.
THREAD_PATIENCE = 120.0
DATA = Path(__file__).parent / "data"

VENUE = Environment(
    name="venue",
    ws_api_url="wss://api.example/ws-api/v3",
    stream_url="wss://stream.example",
    rest_url="https://rest.example",
)


def our_threads() -> set[threading.Thread]:
    return {
        thread
        for thread in threading.enumerate()
        if thread.name.startswith("binance-socket-") and thread.name != "binance-socket-shared-timer"
    }


class Exchange:
    """The other side of a client: answers what it is asked."""

    def __init__(self, network: FakeNetwork, clock: ManualClock) -> None:
        self.network = network
        self.clock = clock

    def reply(self, transport, request, result=None, **more):
        """Answer *request*, which was sent, with success."""
        transport.push({"id": request["id"], "status": 200, "result": result, **more})

    def refuse(self, transport, request, code, message="no", status=400, **more):
        """Answer *request* with an error."""
        error = {"code": code, "msg": message, **more}
        transport.push({"id": request["id"], "status": status, "error": error})

    def expect(self, transport, method, result=None, **more):
        """Wait for a request of *method*, answer it, and return it."""
        request = transport.sent()
        assert request["method"] == method
        self.reply(transport, request, result, **more)
        return request

    def event(self, number, name="balanceUpdate", **more):
        """Return an event whose delta is *number*."""
        at = 1_700_000_000_000
        return {"e": name, "E": at, "a": "BTC", "d": str(number), "T": at, **more}

    def emit(self, transport, *numbers, route=0):
        """Send events over the WebSocket API, all in one read."""
        transport.push(*({"subscriptionId": route, "event": self.event(number)} for number in numbers))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def network() -> FakeNetwork:
    return FakeNetwork()


@pytest.fixture
def exchange(network, clock) -> Exchange:
    return Exchange(network, clock)


@pytest.fixture
def account_payload():
    """The result of account.status."""
    return json.loads((DATA / "account.json").read_text("utf-8"))["account.status"]


@pytest.fixture
def make_client(network, clock):
    """Make clients that are closed after the test; it fails if any of our threads is left (U5)."""
    before = our_threads()
    clients = []
    default = object()

    def make(*, credentials=default, environment=VENUE, executor=None, clock=clock, network=network, **options):
        # What a client asks after a gap would stand between what other tests look for.
        options = {"backoff_base": 0.0, "connect_budget": None, "backfill": False, **options}
        client = BinanceSocketClient(
            credentials=HmacKey("key", "secret") if credentials is default else credentials,
            environment=environment,
            options=ClientOptions(**options),
            executor=executor,
            clock=clock,
            network=network,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()
    clients.clear()
    for thread in our_threads() - before:
        thread.join(PATIENCE)
    assert our_threads() <= before


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture
def run():
    """Run functions on threads: ``run(function, *args) -> join``, which returns the result or raises the error."""
    threads = []

    def start(function, *args):
        outcome = {}

        def target():
            try:
                outcome["result"] = function(*args)
            except BaseException as exc:  # noqa: BLE001  # told to whoever joins
                outcome["error"] = exc

        thread = threading.Thread(target=target, daemon=True)
        threads.append(thread)
        thread.start()

        def join():
            thread.join(THREAD_PATIENCE)
            assert not thread.is_alive(), "it hangs"
            if "error" in outcome:
                raise outcome["error"]
            return outcome.get("result")

        return join

    yield start
    for thread in threads:
        thread.join(THREAD_PATIENCE)
        assert not thread.is_alive(), "a thread hangs"


@pytest.fixture
def subscribe(exchange, run):
    """Subscribe, and agree to it: ``subscribe(client, transport=None, **handlers) -> subscription, transport``."""

    def open_one(client, transport=None, *, route=0, **handlers):
        join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates(**handlers))
        transport = transport or exchange.network.accept()
        exchange.expect(transport, "userDataStream.subscribe.signature", {"subscriptionId": route})
        return join(), transport

    return open_one


@pytest.fixture
def pass_time(clock):
    """
    Let time pass, and wait until the client's timer has done what was due: ``pass_time(client, seconds)``.

    Not while a thread is in the middle of a step of a rotation, which would take its time for it.
    """

    def advance(client, seconds):
        for role in client._hub._rotator._roles:
            finish_step(role.rotation)
        clock.advance(seconds)
        done = threading.Event()
        client._hub.timer.call_at(clock.monotonic(), done.set)
        assert done.wait(PATIENCE)

    return advance
