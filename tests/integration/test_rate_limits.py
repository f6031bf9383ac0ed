"""Nothing is refused: clients against a sandbox with a small limit, on one clock."""

from __future__ import annotations

import contextlib
import json
import threading

import pytest
from websockets.sync.client import connect as open_socket

from benchmarks.rate_limits import Run
from binance_socket import BinanceSocketClient, Certainty, ClientOptions, RateLimited, RateLimitPolicy
from binance_socket.sandbox import Sandbox
from binance_socket.testing import ManualClock

PATIENCE = 10.0
NEVER = 1e7


@pytest.fixture
def clock():
    return ManualClock(1_700_000_040.0)  # the start of a minute


@pytest.fixture
def venue(clock):
    """A sandbox that allows 200 a minute, and clients of it: ``venue(count) -> sandbox, clients``."""
    with contextlib.ExitStack() as stack:

        def make(count, **options):
            sandbox = stack.enter_context(Sandbox(clock=clock, weight_limit=200))
            options = {"request_timeout": NEVER, "probe_after": NEVER, "probe_timeout": NEVER, **options}
            clients = [
                BinanceSocketClient(environment=sandbox.environment, clock=clock, options=ClientOptions(**options))
                for _ in range(count)
            ]
            return sandbox, [stack.enter_context(client) for client in clients]

        yield make


def use_up(call):
    """Call until that raises, which it must before 200 calls were made."""
    for _ in range(200):
        call()


@pytest.mark.parametrize("count", [1, 2])
def test_clients_of_a_process_share_what_there_is(venue, clock, count):
    """Whether one client asks or two: all calls are answered, and the exchange refuses none."""
    sandbox, clients = venue(count)
    run = Run(clock, clients, calls=400, threads=8)
    run.go()
    assert (run.answered, run.failed, sandbox.refused) == (400, [], 0)
    assert run.fullest <= 200
    assert run.intervals >= 3


def test_somebody_else_spends_from_the_same_budget(venue, clock):
    """A stranger at the same address is noticed by what the answers tell, and left room for."""
    sandbox, [client] = venue(1)
    with open_socket(sandbox.environment.ws_api_url, compression=None, ping_interval=None) as stranger:
        one_at_a_time = threading.Lock()

        class Watched(Run):
            def _note(self, future):
                super()._note(future)
                with one_at_a_time:
                    stranger.send(json.dumps({"id": 1, "method": "ping"}))
                    assert json.loads(stranger.recv(PATIENCE))["status"] == 200

        run = Watched(clock, [client], calls=400, threads=8)
        run.go()
    assert (run.answered, run.failed, sandbox.refused) == (400, [], 0)


def test_who_does_not_wait_is_told_at_once(venue, clock):
    """FAIL raises RateLimited before anything is sent, and says when there will be room."""
    sandbox, [client] = venue(1, rate_limits=RateLimitPolicy.FAIL)
    call = client.spot_api.account.session_status
    with pytest.raises(RateLimited) as caught:
        use_up(call)
    error = caught.value
    assert (error.certainty, error.status, sandbox.refused) == (Certainty.NOT_SENT, 429, 0)
    assert 60 <= error.retry_after.timestamp() - clock.time() < 62
    assert client.rate_limits.get("REQUEST_WEIGHT")[0].used <= 190
    clock.advance(61.5)
    assert call().status == 200


def test_a_deadline_that_is_too_near_is_told_at_once(venue, clock):
    """Where waiting is the rule, a call that cannot be sent in time is not kept waiting for that."""
    sandbox, [client] = venue(1, request_timeout=5.0)
    with pytest.raises(RateLimited, match="not sent") as caught:
        use_up(client.spot_api.account.session_status)
    assert caught.value.certainty is Certainty.NOT_SENT
    assert sandbox.refused == 0
    patient = client.with_options(timeout=120).spot_api.account.session_status.submit()
    assert not patient.done()
    assert client.rate_limits.waiting == 1
    clock.advance(61.5)
    assert patient.result(PATIENCE).status == 200
