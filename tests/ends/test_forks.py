"""What is left of a client in a child of its process, and that the parent goes on."""

import os
import subprocess
import sys

import pytest

PATIENCE = 60.0

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

# What a child does with everything it may have got from its parent; it prints what does not refuse.
USE = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is just what is tested
from binance_socket import CancellationToken

token = CancellationToken()
client = make()
account, market = client.spot_api.account, client.spot_api.exchange_data
subscription, transport = subscribe(client)
pending = client.with_options(ct=token).spot_api.account.session_subscriptions.submit()
pending_asked = transport.sent()

USES = {
    "call": account.session_subscriptions,
    "submit": account.session_subscriptions.submit,
    "view": lambda: client.with_options(timeout=1).spot_api.account.session_subscriptions(),
    "order": lambda: client.spot_api.trading.cancel_all_orders("BTCUSDT"),
    "subscribe": account.subscribe_to_user_data_updates,
    "streams": lambda: market.subscribe_to_trade_updates("BTCUSDT", print),
    "symbol": lambda: market.symbol("BTCUSDT"),
    "book": lambda: market.local_order_book("BTCUSDT"),
    "rotate": client.rotate,
    "rate limits": lambda: client.rate_limits,
    "health": getattr(client, "health", lambda: client.rate_limits),
    "wait": subscription.wait,
    "callback": lambda: subscription.on_connection_closed(print),
    "lag": lambda: subscription.on_lag(print),
    "result": pending.result,
    "exception": pending.exception,
    "done": lambda: pending.add_done_callback(print),
}

def use():
    for name, use in USES.items():
        try:
            use()
        except ForkedClientError:
            continue
        except BaseException as exc:
            print(name, repr(exc), flush=True)
        else:
            print(name, "did not refuse", flush=True)
    # What ends something is harmless, and quick.
    subscription.close()
    token.cancel()
    assert not pending.cancel()
    assert "fork" in repr(client)
    with client, subscription:
        pass

def go_on():
    transport.push({"id": pending_asked["id"], "status": 200, "result": []})
    assert pending.result(10).result == []
    assert subscription.state.name == "ACTIVE"
    assert transport.nothing_sent() and not transport.aborted
    client.close()
    assert subscription.wait(10)
    assert not ours()
    print("parent goes on", flush=True)
"""

FORK = """
child = os.fork()
if child == 0:
    use()
    {end}
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == {code}
go_on()
"""


@pytest.mark.parametrize(
    "end, code",
    [("os._exit(3)", 3), ("sys.exit(4)", 4), ("del client, subscription; gc.collect(); sys.exit(5)", 5)],
    ids=["abrupt", "normal", "collected"],
)
def test_a_child_is_refused_and_the_parent_goes_on(script, end, code):
    """Every entry raises ForkedClientError, what closes does nothing; however the child ends."""
    assert script(USE + FORK.format(end=end, code=code)) == "parent goes on\n"


def test_locks_that_others_hold_do_not_hang_the_child(script):
    """Every lock that we have, held by another thread at the moment of the fork."""
    out = script(
        USE
        + """
import logging

def locks_of(root):
    # Everything of ours that can be reached, in breadth.
    found, seen, todo = [], set(), [root]
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, (type(threading.Lock()), type(threading.RLock()))):
            found.append(thing)
            continue
        if isinstance(thing, dict):
            todo += list(thing.values())
        elif isinstance(thing, (list, tuple, set, frozenset)):
            todo += list(thing)
        elif isinstance(thing, threading.Condition):
            todo.append(thing._lock)
        elif type(thing).__module__.startswith("binance_socket") or type(thing).__name__ == "CallFuture":
            todo += list(getattr(thing, "__dict__", {}).values())
            slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
            todo += [getattr(thing, name, None) for name in slots]
    return found

from binance_socket._engine import connects, gate, timer
locks = locks_of([client, subscription, pending, token, gate._gates, connects._budgets_lock, timer._shared_lock])
assert len(locks) > 20, len(locks)
held, go = threading.Event(), threading.Event()

def hold():
    # Whoever goes to sleep must not do so with a lock that it is about to release itself.
    taken = [lock for lock in locks if lock.acquire(timeout=1)]
    print(len(taken) > 20, flush=True)
    held.set()
    go.wait()
    for lock in taken:
        lock.release()

holder = threading.Thread(target=hold)
holder.start()
held.wait()
child = os.fork()
if child == 0:
    use()
    sys.exit(0)
# Nothing that the child waits for ever comes.
deadline = time.monotonic() + 10
pid = 0
while not pid and time.monotonic() < deadline:
    pid, status = os.waitpid(child, os.WNOHANG)
    threading.Event().wait(0.02)
if not pid:
    os.kill(child, signal.SIGKILL)
    print("the child hangs")
go.set()
holder.join()
go_on()
"""
    )
    assert out == "True\nparent goes on\n"


def test_an_outcome_is_not_resolved_in_a_child(script):
    """It is the parent's to ask."""
    out = script(
        USE
        + """
from binance_socket import OutcomeUnknown

order = client.spot_api.trading.cancel_all_orders.submit("BTCUSDT")
transport.sent()
transport.drop()
try:
    order.result(10)
except OutcomeUnknown as exc:
    unknown = exc
child = os.fork()
if child == 0:
    try:
        unknown.resolve(5)
    except ForkedClientError:
        sys.exit(7)
    sys.exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
client.close()
"""
    )
    assert out == "7\n"


def test_a_child_makes_a_client_of_its_own(script):
    """Whatever its parent had done before, budgets and timers included."""
    out = script(
        USE
        + """
token.cancel_after(3600)
child = os.fork()
if child == 0:
    network = FakeNetwork()
    with make() as own:
        other, transport = subscribe(own)
        own_token = CancellationToken()
        own_token.cancel_after(0)
        try:
            own.with_options(ct=own_token).spot_api.account.session_subscriptions()
        except BaseException as exc:
            print(type(exc).__name__, flush=True)
        other.close()
        assert other.wait(10)
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
go_on()
"""
    )
    assert out == "CallCancelled\nparent goes on\n"


REAL = """
import contextlib, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from binance_socket.sandbox import Sandbox

def main():
    with contextlib.ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(process=True))
        account = sandbox.create_account({"USDT": "1000", "BTC": "1"})
        heard = queue.SimpleQueue()
        with BinanceSocketClient(credentials=account.credentials, environment=sandbox.environment) as client:
            subscription = client.spot_api.account.subscribe_to_user_data_updates(on_account_balance_update=heard.put)
            lost = []
            subscription.on_connection_lost(lambda: lost.append(1))
            before = client._hub.api._link
            CHILD
            # The same socket, and it works in both directions.
            account.deposit("BTC", "1")
            print(heard.get(timeout=10).data.asset, flush=True)
            client.spot_api.account.session_subscriptions()
            assert client._hub.api._link is before and not lost

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    "child",
    [
        """
            child = os.fork()
            if child == 0:
                # The exchange is the parent's to end.
                stack.pop_all()
                try:
                    client.rotate()
                except ForkedClientError:
                    sys.exit(6)
                sys.exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 6
""",
        """
            import multiprocessing
            process = multiprocessing.get_context("fork").Process(target=client.close)
            process.start()
            process.join(20)
            assert process.exitcode == 0
""",
    ],
    ids=["fork", "multiprocessing"],
)
def test_the_parents_connection_survives_the_childs_end(script, child):
    """The child shares the socket, and ends without a word on it: against a real server."""
    assert script(REAL.replace("            CHILD\n", child)) == "BTC\n"


def test_a_client_is_not_sent_to_another_process(script):
    """It holds threads, sockets and secrets: pickle refuses it, which is what spawn does to arguments."""
    out = script(
        """
        import pickle
        client = make()
        for thing in (client, client.spot_api, client.with_options(timeout=3)):
            try:
                pickle.dumps(thing)
            except TypeError as exc:
                print("refused")
        """
    )
    assert out == "refused\n" * 3


def test_a_spawned_process_makes_a_client_of_its_own(tmp_path):
    """Which is what the documents recommend."""
    program = tmp_path / "spawned.py"
    program.write_text(
        """
import multiprocessing, sys
from binance_socket import BinanceSocketClient
from binance_socket.sandbox import Sandbox

def work(environment, key, secret):
    from binance_socket import HmacKey
    with BinanceSocketClient(credentials=HmacKey(key, secret), environment=environment) as client:
        sys.exit(len(client.spot_api.account.session_subscriptions().result) + 8)

if __name__ == "__main__":
    with Sandbox() as sandbox:
        account = sandbox.create_account({"BTC": "1"}, key_type="HMAC")
        credentials = account.credentials
        with BinanceSocketClient(credentials=credentials, environment=sandbox.environment) as client:
            client.spot_api.account.get_account_info()
            process = multiprocessing.get_context("spawn").Process(
                target=work, args=(sandbox.environment, credentials.api_key.reveal(), credentials._secret.reveal())
            )
            process.start()
            process.join(25)
            print(process.exitcode)
""",
        "utf-8",
    )
    out = subprocess.check_output([sys.executable, program], text=True, timeout=PATIENCE)
    assert out.strip() == "8"
