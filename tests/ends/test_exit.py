"""Interpreters that exit while clients are open."""

import pytest

# A subscription, a call that waits, and a callback that may be stuck for ever.
BUSY = """
entered = threading.Event()

def handler(event):
    entered.set()
    if STUCK:
        threading.Event().wait()

client = make()
subscription, transport = subscribe(client, on_account_balance_update=handler)
transport.push(EVENT)
assert entered.wait(10)
pending = client.spot_api.account.session_subscriptions.submit()
"""

WAYS = {
    "normal": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "exception": ("sys.stderr.close(); raise ZeroDivisionError", 1),
    "in a function": ("def f():\n    client = globals().pop('client'); sys.exit(4)\nf()", 4),
    "a daemon that waits": (
        "threading.Thread(target=client.spot_api.account.session_subscriptions, daemon=True).start(); sys.exit(5)",
        5,
    ),
    "a daemon that listens": ("threading.Thread(target=subscription.wait, daemon=True).start()", 0),
}


@pytest.mark.parametrize("stuck", [False, True], ids=["idle", "stuck"])
@pytest.mark.parametrize("way", WAYS)
def test_without_close(exits, way, stuck):
    """Within five seconds, even with a callback that is stuck for ever; with the code that the program has chosen."""
    source, code = WAYS[way]
    script = f"STUCK = {stuck}\n{BUSY}\nprint('end', flush=True)\n{source}\n"
    assert exits(script) == code


def test_several_clients(exits):
    """Within the same time as one, though the callbacks of all are stuck for ever."""
    script = f"""
STUCK, clients = True, []
for _ in range(8):
    network = FakeNetwork()
    {BUSY.replace(chr(10), chr(10) + "    ")}
    clients.append((client, subscription))
print('end', flush=True)
"""
    assert exits(script) == 0


def test_a_thread_of_the_users_that_waits_for_an_answer(exits):
    """One that is no daemon is waited for by Python, which is until its call is out of time, and no longer."""
    script = """
        client = make(request_timeout=1)
        def ask():
            try:
                client.spot_api.account.session_subscriptions()
            except TimeoutError:
                os.write(2, b"")
        threading.Thread(target=ask).start()
        network.accept().sent()
        print("end", flush=True)
    """
    assert exits(script) == 0


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_function_for_the_exit_closes_the_client(script, before):
    """Whether it was registered before there was a client or after: here no thread can be started any more."""
    out = script(
        f"""
        import atexit
        clients = []
        def close():
            began = time.monotonic()
            clients[0].close()
            print(time.monotonic() - began < 3, ours(), subscription.wait(5), flush=True)
            try:
                clients[0].spot_api.account.session_subscriptions()
            except ClientClosed:
                print("closed", flush=True)
        if {before}:
            atexit.register(close)
        clients.append(make())
        subscription, transport = subscribe(clients[0])
        if not {before}:
            atexit.register(close)
        """
    )
    assert out == "True [] True\nclosed\n"


def test_a_finalizer_at_the_very_end_closes_the_client(script):
    """Then other threads do not run any more: whoever waited for them would wait for ever."""
    out = script(
        """
        class Holder:
            def __init__(self):
                self.client = make()
            def __del__(self, is_finalizing=sys.is_finalizing, write=os.write):
                self.client.close()
                write(1, b"closed, finalizing: %r" % is_finalizing())
        holder = Holder()
        subscription, transport = subscribe(holder.client)
        """,
        timeout=10,
    )
    assert out == "closed, finalizing: True"
