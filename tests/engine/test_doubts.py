"""binance_socket._engine.doubts: an outcome that is unknown, and everybody who wants to know it."""

import gc
import threading

import pytest

from binance_socket import (
    BinanceSocketClient,
    CallCancelled,
    CancellationToken,
    CancelReplaceOutcome,
    Certainty,
    ClientClosed,
    ClientOptions,
    Executed,
    ForkedClientError,
    HmacKey,
    InvalidRequest,
    NotPlaced,
    OutcomeSource,
    OutcomeUnknown,
    OutcomeUnknownAfterCancellation,
    OutcomeUnknownAfterLoss,
    OutcomeUnknownAfterTimeout,
    Placed,
    StillUnknown,
)
from binance_socket._engine import threads
from binance_socket._wire.messages import Request, Security

PATIENCE = 10.0
START = 1_700_000_000_000
ORDER = {"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "mine", "time": START, "status": "NEW"}
REPORT = {"e": "executionReport", "E": START, "s": "BTCUSDT", "c": "mine", "C": "", "i": 1, "x": "NEW", "X": "NEW"}
REPORT = {**REPORT, "O": START, "T": START}


def place(client, name="mine", method="order.place", **terms):
    """Submit an order, and return the future of its answer."""
    params = {"symbol": "BTCUSDT", "newClientOrderId": name, "cancelOrigClientOrderId": "old"}
    request = Request(method, params, object, Security.SIGNED, mutating=True)
    return client.with_options(**terms)._caller.submit(request)


@pytest.fixture
def time_out(network, pass_time):
    """Place an order that is not answered: ``time_out(client) -> error, transport, what was sent``."""

    def make(client, transport=None, **arguments):
        future = place(client, **arguments)
        transport = transport or network.accept()
        request = transport.sent()
        pass_time(client, 12)
        error = future.exception(PATIENCE)
        assert type(error) is OutcomeUnknownAfterTimeout
        return error, transport, request

    return make


def condition_of(error):
    return error._resolver.__self__._changed


@pytest.fixture
def wait_waiting(clock):
    """Wait until so many threads wait for an outcome: ``wait_waiting(error, count=1)``."""

    def wait(error, count=1):
        condition = condition_of(error)
        with clock._waits:
            assert clock._waits.wait_for(
                lambda: sum(other is condition for other, _ in clock._waiting.values()) == count, PATIENCE
            )

    return wait


@pytest.fixture
def inquire(network, exchange, clock, wait_waiting):
    """Let the time for the first question come, and answer it: ``inquire(error, result) -> transport``."""

    def answer(error, result=None, count=1):
        wait_waiting(error, count)
        clock.advance(0.5)
        transport = network.accept()
        exchange.expect(transport, "time", {"serverTime": int(clock.time() * 1000)})
        request = transport.sent()
        assert request["method"] == "order.status"
        assert request["params"]["origClientOrderId"] == "mine"
        if result is not None:
            exchange.reply(transport, request, result)
        return transport

    return answer


def watched(client):
    return set(client._hub.doubts._watching)


# Who waits.


def test_the_error_says_what_was_asked(client, time_out):
    """The method, the ids, and when; whoever catches time-outs catches it, too."""
    error, _, request = time_out(client)
    assert (error.method, error.client_order_ids, error.client_order_id) == ("order.place", ("mine", "old"), "mine")
    assert int(error.sent_at.timestamp() * 1000) == request["params"]["timestamp"]
    assert (error.certainty, isinstance(error, TimeoutError)) == (Certainty.MAYBE_SENT, True)


def test_several_threads_wait_and_one_question_is_asked(client, time_out, inquire, run):
    """All have the same verdict."""
    error, _, _ = time_out(client)
    joins = [run(error.resolve) for _ in range(5)]
    transport = inquire(error, ORDER, count=5)
    verdicts = [join() for join in joins]
    assert len({id(verdict) for verdict in verdicts}) == 1
    assert isinstance(verdicts[0], Placed)
    assert verdicts[0].order.client_order_id == "mine"
    assert transport.nothing_sent()
    assert error.resolve(0) is verdicts[0]
    assert watched(client) == set()


def test_a_late_answer_ends_every_wait(client, exchange, time_out, wait_waiting, run):
    """Nothing is asked for."""
    error, transport, request = time_out(client)
    joins = [run(error.resolve) for _ in range(2)]
    wait_waiting(error, 2)
    exchange.reply(transport, request, ORDER)
    assert [join().source for join in joins] == [OutcomeSource.LATE_REPLY] * 2
    assert watched(client) == set()


def test_a_callback_may_wait(make_client, exchange, subscribe, time_out, inquire):
    """The answer does not come through the thread that runs callbacks."""
    client = make_client(callback_threads=1)
    verdicts, errors, done = [], [], threading.Event()

    def on_balance(event):
        verdicts.append(errors[0].resolve())
        done.set()

    _, transport = subscribe(client, on_account_balance_update=on_balance)
    error, _, _ = time_out(client, transport)
    errors.append(error)
    exchange.emit(transport, 1)
    inquire(error, ORDER)
    assert done.wait(PATIENCE)
    assert isinstance(verdicts[0], Placed)


def test_a_done_callback_may_wait(client, network, inquire, pass_time):
    """It runs on the client's executor."""
    verdicts, errors, begun, done = [], [], threading.Event(), threading.Event()

    def resolve(future):
        errors.append(future.exception())
        begun.set()
        verdicts.append(errors[0].resolve())
        done.set()

    place(client).add_done_callback(resolve)
    network.accept().sent()
    pass_time(client, 12)
    assert begun.wait(PATIENCE)
    inquire(errors[0], ORDER)
    assert done.wait(PATIENCE)
    assert isinstance(verdicts[0], Placed)


def test_the_librarys_own_threads_must_not_wait(client, time_out):
    """They would wait for themselves."""
    error, _, _ = time_out(client)
    raised, done = [], threading.Event()

    def resolve():
        try:
            error.resolve(0)
        except RuntimeError as exc:
            raised.append(exc)
        done.set()

    client._hub.timer.call_at(0, resolve)
    assert done.wait(PATIENCE)
    assert raised


@pytest.mark.parametrize("timeout", [-1, float("nan"), True, "soon", None])
def test_a_timeout_that_is_none(client, time_out, timeout):
    """It is refused."""
    error, _, _ = time_out(client)
    with pytest.raises(InvalidRequest, match="seconds"):
        error.resolve(timeout)


def test_a_wait_that_is_over(client, clock, time_out, inquire, run):
    """It says what is waited for; the next one goes on from there."""
    error, _, _ = time_out(client)
    verdict = error.resolve(0)
    assert isinstance(verdict, StillUnknown)
    assert "mine" in verdict.reason
    join = run(error.resolve, 0.6)
    transport = inquire(error)
    clock.advance(0.1)
    assert isinstance(join(), StillUnknown)
    assert transport.nothing_sent(), "one question is under way"


def test_both_halves(client, exchange, time_out):
    """A cancel-replace has two outcomes; as long as one is unknown, that is said of it."""
    error, transport, request = time_out(client, method="order.cancelReplace")
    verdict = error.resolve(0)
    assert isinstance(verdict, CancelReplaceOutcome)
    assert isinstance(verdict.cancellation, StillUnknown)
    assert isinstance(verdict.placement, StillUnknown)
    halves = {"cancelResult": "SUCCESS", "newOrderResult": "FAILURE", "newOrderResponse": {"code": -2010, "msg": "no"}}
    halves["cancelResponse"] = {**ORDER, "status": "CANCELED"}
    error_of_both = {"code": -2021, "msg": "partly", "data": halves}
    transport.push({"id": request["id"], "status": 409, "error": error_of_both})
    exchange_has_been_heard(client, exchange, transport)
    verdict = error.resolve(0)
    assert isinstance(verdict.cancellation, Executed)
    assert isinstance(verdict.placement, NotPlaced)


def exchange_has_been_heard(client, exchange, transport):
    """Wait until everything that was pushed has been taken in."""
    future = client.spot_api.account.session_subscriptions.submit()
    exchange.expect(transport, "session.subscriptions", [])
    future.result(PATIENCE)


# What tells.


def test_an_event_before_giving_up(client, exchange, subscribe, time_out):
    """Who waits for the reply still hears of the order, and has the verdict at once."""
    heard = threading.Event()
    _, transport = subscribe(client, on_order_update_message=lambda event: None, on_unknown_event=lambda e: heard.set())
    future = place(client)
    transport.sent()
    transport.push({"subscriptionId": 0, "event": REPORT}, {"subscriptionId": 0, "event": {"e": "somethingNew"}})
    assert heard.wait(PATIENCE)
    transport.drop()
    error = future.exception(PATIENCE)
    assert type(error) is OutcomeUnknownAfterLoss
    assert error.resolve(0).source is OutcomeSource.EVENT
    assert watched(client) == set()


def test_an_event_after_giving_up(client, exchange, subscribe, time_out, wait_waiting, run):
    """It ends the wait; others' events do not."""
    _, transport = subscribe(client, on_order_update_message=lambda event: None)
    error, _, _ = time_out(client, transport)
    join = run(error.resolve)
    wait_waiting(error)
    transport.push({"subscriptionId": 0, "event": {**REPORT, "c": "another"}})
    transport.push({"subscriptionId": 0, "event": REPORT})
    assert join().source is OutcomeSource.EVENT


def test_what_is_answered_is_not_listened_for_any_more(client, network, exchange):
    """Whether well or not."""
    first, second = place(client, "a"), place(client, "b")
    transport = network.accept()
    assert watched(client) == {"a", "b"}
    exchange.expect(transport, "order.place", ORDER)
    exchange.refuse(transport, transport.sent(), -2010)
    first.result(PATIENCE)
    assert second.exception(PATIENCE).code == -2010
    assert watched(client) == set()


def test_two_requests_about_one_order(client, network, exchange, time_out):
    """Dropping one leaves the other."""
    error, transport, request = time_out(client)
    future = place(client)
    exchange.expect(transport, "order.place", ORDER)
    future.result(PATIENCE)
    assert watched(client) == {"mine"}
    exchange.reply(transport, request, ORDER)
    exchange_has_been_heard(client, exchange, transport)
    assert isinstance(error.resolve(0), Placed)
    assert watched(client) == set()


def test_the_oldest_is_not_listened_for_any_more(client, exchange, time_out, inquire, run):
    """There may be 4,096; but it can still be asked for."""
    error, _, _ = time_out(client)
    doubts = client._hub.doubts
    others = [doubts.open(Request("order.cancel", {"symbol": "S", "orderId": n}, mutating=True)) for n in range(4096)]
    for doubt in others[:-1]:
        doubts.keep(doubt)
    assert "mine" in watched(client)
    doubts.keep(others[-1])
    assert len(doubts._unknown) == 4096
    assert watched(client) == {("i", "S", n) for n in range(4096)}
    doubts.overhear(REPORT)
    join = run(error.resolve)
    inquire(error, ORDER)
    assert join().source is OutcomeSource.QUERY


def test_events_before_giving_up_are_bounded(client):
    """Of an order that is in flight for long, and trades much, the latest are kept."""
    doubt = client._hub.doubts.open(Request("order.place", {"symbol": "S", "newClientOrderId": "n"}, mutating=True))
    for _ in range(1000):
        client._hub.doubts.overhear({**REPORT, "c": "n"})
    assert len(doubt._heard) == 16


# Giving up.


def test_an_order_that_a_token_abandoned(client, network, exchange, run):
    """It may have been executed: that is a CallCancelled still, and can be resolved."""
    token = CancellationToken()
    join = run(lambda: place(client, ct=token).result(PATIENCE))
    transport = network.accept()
    request = transport.sent()
    token.cancel()
    with pytest.raises(CallCancelled, match="maybe sent") as caught:
        join()
    error = caught.value
    assert isinstance(error, OutcomeUnknownAfterCancellation)
    assert (error.certainty, error.client_order_id) == (Certainty.MAYBE_SENT, "mine")
    exchange.reply(transport, request, ORDER)
    assert error.resolve().source is OutcomeSource.LATE_REPLY


def test_an_order_that_a_token_abandoned_is_asked_for(client, network, inquire, run):
    """As every other one."""
    token = CancellationToken()
    future = place(client, ct=token)
    network.accept().sent()
    token.cancel()
    error = future.exception(PATIENCE)
    join = run(error.resolve)
    inquire(error, ORDER)
    assert join().source is OutcomeSource.QUERY


def test_an_order_that_a_token_kept_back(client, network):
    """It was not sent: there is nothing to resolve, nor to listen for."""
    token = CancellationToken()
    network.hang()
    future = place(client, ct=token)
    network.wait_attempt()
    token.cancel()
    error = future.exception(PATIENCE)
    assert (type(error), error.certainty) == (CallCancelled, Certainty.NOT_SENT)
    assert watched(client) == set()


def test_a_question_that_a_token_abandoned(client, network):
    """It changes nothing, and says whether it may have been sent."""
    token = CancellationToken()
    future = client.with_options(ct=token).spot_api.account.session_status.submit()
    network.accept().sent()
    token.cancel()
    error = future.exception(PATIENCE)
    assert (type(error), error.certainty) == (CallCancelled, Certainty.MAYBE_SENT)


# The end.


def test_closing_ends_every_wait(client, time_out, wait_waiting, run):
    """With ClientClosed, as every later one; what was known stays known."""
    error, _, _ = time_out(client)
    joins = [run(error.resolve) for _ in range(3)]
    wait_waiting(error, 3)
    client.close()
    for ask in (*joins, error.resolve):
        with pytest.raises(ClientClosed):
            ask()


def test_what_is_known_outlives_the_client(client, exchange, time_out):
    """There is nothing to ask for."""
    error, transport, request = time_out(client)
    exchange.reply(transport, request, ORDER)
    verdict = error.resolve()
    client.close()
    assert error.resolve(0) is verdict


def test_nothing_is_left_of_an_inquiry(descriptors, make_client, time_out, inquire, run):
    """Neither thread nor descriptor, though a question was under way when the client was closed."""
    client = make_client()
    error, _, _ = time_out(client)
    join = run(error.resolve)
    transport = inquire(error)
    client.close()
    with pytest.raises(ClientClosed):
        join()
    transport.wait_closed()
    assert client._hub.doubts.inquirer._connection is None
    with pytest.raises(ClientClosed):
        client._hub.doubts.inquirer.ask(Request("ping"), 1.0)


def test_an_error_does_not_keep_its_client(network, clock, time_out):
    """A client that nobody holds closes; then there is nobody to ask."""
    client = BinanceSocketClient(
        credentials=HmacKey("key", "secret"), options=ClientOptions(backoff_base=0.0), clock=clock, network=network
    )
    error, transport, _ = time_out(client)
    del client
    gc.collect()
    transport.wait_closed()
    with pytest.raises(ClientClosed):
        error.resolve()


def test_another_process_cannot_ask(client, time_out, exchange, monkeypatch):
    """The client belongs to the parent. Here what a fork changes is changed without one."""
    error, transport, request = time_out(client)
    with monkeypatch.context() as patch:
        patch.setattr(threads, "_process_token", -1)
        with pytest.raises(ForkedClientError):
            error.resolve()
    exchange.reply(transport, request, ORDER)
    assert isinstance(error.resolve(), Placed)


def test_a_doubt_of_a_closed_client(client):
    """Nothing is listened for any more."""
    client.close()
    doubts = client._hub.doubts
    doubts.open(Request("order.place", {"symbol": "S", "newClientOrderId": "n"}, mutating=True))
    assert doubts.closed
    assert watched(client) == set()
    assert OutcomeUnknown("x").client_order_id is None
