"""Ctrl-C, and other signals."""

import os

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


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


# Where the main thread may wait, and what is done there; each prints what it was interrupted in.
WAITS = {
    "call": "account.session_subscriptions()",
    "result": "account.session_subscriptions.submit().result()",
    "subscribe": "account.subscribe_to_user_data_updates('key')",
    "streams": "client.spot_api.exchange_data.subscribe_to_trade_updates('BTCUSDT', print)",
    "rotate": "client.rotate()",
    "wait": "subscription.wait()",
    "resolve": "unknown.resolve(3600)",
    "book": "book.wait_until_synchronised()",
}


@pytest.mark.parametrize("where", WAITS)
def test_ctrl_c_propagates_at_once_and_nothing_hangs(script, where):
    """Wherever the main thread waits. The client goes on working, and can be closed."""
    out = script(
        f"""
        from binance_socket import OutcomeUnknown
        client = make()
        account = client.spot_api.account
        subscription, transport = subscribe(client)
        if {where!r} == "resolve":
            future = client.spot_api.trading.cancel_all_orders.submit("BTCUSDT")
            transport.sent()
            transport.push({{"id": "nobody's", "status": 200}})
            transport.drop()
            unknown = future.exception(10)
            assert isinstance(unknown, OutcomeUnknown)
        if {where!r} == "book":
            books = []
            thread = threading.Thread(
                target=lambda: books.append(client.spot_api.exchange_data.local_order_book("BTCUSDT"))
            )
            thread.start()
            streams = network.accept()
            streams.push({{"id": streams.sent()["id"], "result": None}})
            thread.join()
            book = books.pop()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        try:
            {WAITS[where]}
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - began < 5)
        client.close()
        print(subscription.wait(5), ours())
        """
    )
    assert out == "interrupted True\nTrue []\n"


def test_ctrl_c_at_the_end_of_a_with_block(script):
    """While close() waits for a callback that is stuck: it propagates, and the end comes all the same."""
    out = script(
        """
        entered, release = threading.Event(), threading.Event()
        def handler(event):
            entered.set()
            release.wait(60)
        try:
            with make() as client:
                subscription, transport = subscribe(client, on_account_balance_update=handler)
                transport.push(EVENT)
                assert entered.wait(10)
                threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        except KeyboardInterrupt:
            print("interrupted")
        release.set()
        wait_for_end()
        try:
            client.spot_api.account.session_subscriptions()
        except ClientClosed:
            print("closed", ours())
        """
    )
    assert out == "interrupted\nclosed []\n"


def test_a_handler_of_sigterm_closes_the_client(script):
    """The main thread waits for a subscription, which ends."""
    out = script(
        """
        client = make()
        signal.signal(signal.SIGTERM, lambda *_: client.close())
        subscription, transport = subscribe(client)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        print(subscription.wait(), ours())
        """
    )
    assert out == "True []\n"
