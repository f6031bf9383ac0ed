"""What only shows in a process of its own: its exit, its signals, its forks, its garbage."""

import os
import subprocess
import sys
import textwrap

import pytest

PATIENCE = 30.0

PRELUDE = """
import gc, os, signal, sys, threading
from binance_socket import BinanceSocketClient, ClientOptions, Environment, ForkedClientError, HmacKey
from binance_socket.testing import FakeNetwork

# A shell that starts the tests in the background has them, and so us, ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

venue = Environment(
    name="venue", ws_api_url="wss://api.example", stream_url="wss://s.example", rest_url="https://r.example"
)
network = FakeNetwork()

def make():
    return BinanceSocketClient(
        credentials=HmacKey("k", "s"), environment=venue, network=network, options=ClientOptions(request_timeout=60)
    )

def subscribe(client, **handlers):
    opened = []
    thread = threading.Thread(
        target=lambda: opened.append(client.spot_api.account.subscribe_to_user_data_updates(**handlers))
    )
    thread.start()
    transport = network.accept()
    transport.push({"id": transport.sent()["id"], "status": 200, "result": {"subscriptionId": 0}})
    thread.join()
    return opened.pop(), transport

def answer(transport):
    transport.push({"id": transport.sent()["id"], "status": 200, "result": []})

EVENT = {"subscriptionId": 0, "event": {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "1", "T": 1}}

def ours():
    return [thread for thread in threading.enumerate() if thread.name.startswith("binance-socket-")]
"""


@pytest.fixture
def script():
    """Run a script in a process of its own, and return what it printed: ``script(source, timeout)``."""

    def run(source, timeout=PATIENCE):
        program = PRELUDE + textwrap.dedent(source)
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Exception ignored" not in done.stderr
        assert "Fatal" not in done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("stuck", [False, True], ids=["idle", "stuck"])
def test_the_interpreter_exits_without_close(stuck):
    """Within five seconds, even with a callback that is stuck for ever."""
    source = PRELUDE + textwrap.dedent(
        f"""
        entered = threading.Event()
        def handler(event):
            entered.set()
            if {stuck}:
                threading.Event().wait()
        client = make()
        subscription, transport = subscribe(client, on_account_balance_update=handler)
        transport.push(EVENT)
        assert entered.wait(10)
        pending = client.spot_api.account.session_subscriptions.submit()
        print("end", flush=True)
        """
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "end\n"
            assert process.wait(5.0) == 0
        finally:
            process.kill()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_in_a_blocking_call_propagates_and_the_future_stays_good(script):
    """Both in a call and in result(); the answer is still delivered."""
    out = script(
        """
        client = make()
        account = client.spot_api.account
        future = account.session_subscriptions.submit()
        transport = network.accept()
        asked = transport.sent()
        for wait in (future.result, account.session_subscriptions):
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                wait()
            except KeyboardInterrupt:
                print("interrupted")
        transport.push({"id": asked["id"], "status": 200, "result": []})
        print(future.result(10).result)
        client.close()
        """
    )
    assert out == "interrupted\ninterrupted\n[]\n"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_while_subscribing_leaves_nothing_behind(script):
    """The subscription that nobody got is closed."""
    out = script(
        """
        client = make()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            client.spot_api.account.subscribe_to_user_data_updates()
        except KeyboardInterrupt:
            print("interrupted")
        transport = network.accept()
        opening = transport.sent()
        transport.push({"id": opening["id"], "status": 200, "result": {"subscriptionId": 0}})
        print(transport.sent()["method"])
        client.close()
        """
    )
    assert out == "interrupted\nuserDataStream.unsubscribe\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork(script):
    """The child's use raises ForkedClientError and its close() does nothing; the parent goes on."""
    out = script(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is just what is tested
        client = make()
        subscription, transport = subscribe(client)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                client.spot_api.account.session_subscriptions()
            except ForkedClientError:
                code = 0
            subscription.close()
            client.close()
            del client, subscription
            gc.collect()
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        future = client.spot_api.account.session_subscriptions.submit()
        answer(transport)
        print(future.result(10).result)
        client.close()
        print(ours())
        """
    )
    assert out == "[]\n[]\n"


@pytest.mark.parametrize("cycle", [False, True], ids=["dropped", "collected"])
def test_the_threads_of_a_client_that_nobody_holds_end(script, cycle):
    """By reference counting, or by the collector."""
    out = script(
        f"""
        client = make()
        future = client.spot_api.account.session_subscriptions.submit()
        answer(network.accept())
        print(future.result(10).result)
        if {cycle}:
            client.itself = client
        del client
        gc.collect()
        for thread in ours():
            thread.join(10)
        print(ours())
        """
    )
    assert out == "[]\n[]\n"


def test_a_client_is_collected_on_a_thread_of_its_own_that_holds_a_lock(script):
    """The collector runs anywhere. Whoever holds the connection's lock at that moment must not wait for itself."""
    out = script(
        """
        client = make()
        future = client.spot_api.account.session_subscriptions.submit()
        answer(network.accept())
        future.result(10)
        api = client._hub.api
        with api._changed:
            del client
            gc.collect()
        for thread in ours():
            thread.join(10)
        print(api.state.name, ours())
        """
    )
    assert out == "CLOSED []\n"


def test_a_client_with_an_open_subscription_stays_alive(script):
    """Nobody holds anything, and events arrive; when the subscription has ended, so does the client."""
    out = script(
        """
        import queue
        heard = queue.SimpleQueue()
        def scope():
            client = make()
            subscription, transport = subscribe(client, on_account_balance_update=heard.put)
            return transport
        transport = scope()
        gc.collect()
        transport.push(EVENT)
        print(heard.get(timeout=10).data.asset)
        transport.push({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}})
        opening = transport.sent()
        error = {"code": -2015, "msg": "no"}
        transport.push({"id": opening["id"], "status": 401, "error": error})
        transport.wait_closed()
        for thread in ours():
            gc.collect()
            thread.join(10)
        print(ours())
        """
    )
    assert out == "BTC\n[]\n"


def test_importing_is_light():
    """What few programs need is imported when it is needed."""
    heavy = ("cryptography", "requests", "websockets", "rich", "pandas")
    source = f"import binance_socket, sys; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", source], text=True) == "[]\n"
