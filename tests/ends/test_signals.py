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
