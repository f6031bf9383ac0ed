"""Which connection carries which stream: first the books alone, then with a client, up to thousands of streams."""

import queue

import pytest

from binance_socket import (
    ApiError,
    CancellationToken,
    ClientClosed,
    FlowPolicy,
    GapStatus,
    Lag,
    RequestTimeout,
    SubscriptionState,
)
from binance_socket._engine.pool import Pool
from binance_socket._session.topics import MarketTopic

PATIENCE = 10.0


def topics(*names):
    return [MarketTopic(name) for name in names]


@pytest.fixture
def pool():
    """A pool of names, with two streams on each."""
    return Pool(lambda name: name, most=2)


def test_the_first_connection_with_room(pool):
    """Another one is opened only when there is none."""
    assert pool.connections == []
    assert pool.take(topics("a", "b", "c"), "x") == [("market-1", topics("a", "b")), ("market-2", topics("c"))]
    assert pool.take(topics("d"), "x") == [("market-2", topics("d"))]
    assert pool.connections == ["market-1", "market-2"]


def test_a_shared_stream_takes_one_place(pool):
    """It is freed with the last who hears it."""
    pool.take(topics("a", "b"), "x")
    assert pool.take(topics("b", "c"), "y") == [("market-1", topics("b")), ("market-2", topics("c"))]
    assert pool.leave(topics("a", "b"), "x") == [("market-1", topics("a", "b"))]
    assert pool.free(topics("a", "b")) == []
    assert pool.take(topics("d", "e"), "x") == [("market-1", topics("d")), ("market-2", topics("e"))]


def test_a_place_is_taken_until_it_is_free(pool):
    """Leaving is not enough: the server has not been told yet. Who comes back meanwhile has it again."""
    pool.take(topics("a", "b"), "x")
    pool.leave(topics("a", "b"), "x")
    assert pool.take(topics("c"), "y") == [("market-2", topics("c"))]
    assert pool.take(topics("a"), "z") == [("market-1", topics("a"))]
    assert pool.free(topics("a", "b")) == []
    assert pool.take(topics("d"), "y") == [("market-1", topics("d"))]


def test_leaving_twice_is_nothing(pool):
    """Nor is leaving what one has never heard."""
    pool.take(topics("a"), "x")
    assert pool.leave(topics("a"), "y") == []
    assert pool.leave(topics("a", "b"), "x") == [("market-1", topics("a"))]
    assert pool.leave(topics("a"), "x") == []
    pool.free(topics("a"))
    assert pool.leave(topics("a"), "x") == []
    assert pool.free(topics("a")) == []


def test_an_empty_connection_is_closed_unless_it_is_the_only_one(pool):
    """So that who subscribes again soon finds one."""
    pool.take(topics("a", "b", "c"), "x")
    pool.leave(topics("c"), "x")
    assert pool.free(topics("c")) == ["market-2"]
    pool.leave(topics("a", "b"), "x")
    assert pool.free(topics("a", "b")) == []
    assert pool.connections == ["market-1"]
    assert list(pool.close()) == ["market-2", "market-1"]
    with pytest.raises(ClientClosed):
        pool.take(topics("a"), "x")


# With a client.


@pytest.fixture
def market(client):
    return client.spot_api.exchange_data


def agree(transport, methods=("SUBSCRIBE",)):
    """Answer the next message, and return its names."""
    request = transport.sent()
    assert request["method"] in methods
    transport.push({"id": request["id"], "result": None})
    return request["params"]


@pytest.fixture
def hear(client, market, network, run):
    """Hear trades, and agree: ``hear(symbols, handler, transport=None, **options) -> subscription, transport``."""

    def open_one(symbols, handler=print, transport=None, **options):
        join = run(lambda: market.subscribe_to_trade_updates(symbols, handler, **options))
        transport = transport or network.accept()
        agree(transport)
        return join(), transport

    return open_one


def trade(symbol, number):
    data = {"e": "trade", "E": 1, "s": symbol, "t": number, "p": "1", "q": "1", "T": 1, "m": True, "M": True}
    return {"stream": f"{symbol.lower()}@trade", "data": data}


def test_two_thousand_streams_on_two_connections(client, market, network, run):
    """In four messages each; events of both reach the one handler; closed, they leave one connection behind."""
    heard = queue.SimpleQueue()
    symbols = [f"S{number}" for number in range(2048)]
    join = run(lambda: market.subscribe_to_trade_updates(symbols, heard.put))
    transports = [network.accept(), network.accept()]
    asked = [name for transport in transports for _ in range(4) for name in agree(transport)]
    subscription = join()
    assert sorted(asked) == sorted(f"{symbol.lower()}@trade" for symbol in symbols)
    assert len(network.attempts) == 2
    first = next(t for t, name in zip(transports, (asked[0], asked[1024]), strict=True) if name == "s0@trade")
    second = next(t for t in transports if t is not first)
    first.push(trade("S0", 1))
    assert heard.get(timeout=PATIENCE).stream == "s0@trade"
    second.push(trade("S2047", 2))
    assert heard.get(timeout=PATIENCE).stream == "s2047@trade"
    subscription.close()
    assert subscription.wait(PATIENCE)
    assert client._hub._market.connections[0].name == "market-1"
    assert len(client._hub._market.connections) == 1


def test_no_answer_is_waited_for_beyond_the_message_budget(client, market, network, run, clock, pass_time):
    """Five calls: the fifth message leaves a second after an answer, and not before."""
    joins = []
    transport = None
    for number in range(4):
        joins.append(run(lambda number=number: market.subscribe_to_trade_updates(f"S{number}", print)))
        transport = transport or network.accept()
        agree(transport)
    for join in joins:
        join()
    late = run(lambda: market.subscribe_to_trade_updates(["X", "Y"], print))
    connection = client._hub._market.connections[0]
    with connection._changed:
        assert connection._changed.wait_for(lambda: connection._session._subscriptions._held_up, PATIENCE)
    pass_time(client, 0.999)
    assert transport.nothing_sent() if hasattr(transport, "nothing_sent") else transport._sent.empty()
    clock.advance(0.001)
    assert agree(transport) == ["x@trade", "y@trade"]
    assert late().state is SubscriptionState.ACTIVE


def test_a_shared_stream_is_asked_for_once(hear, market, network, run):
    """The second needs no message, and the first leaves without one."""
    first_heard, second_heard = queue.SimpleQueue(), queue.SimpleQueue()
    first, transport = hear("A", first_heard.put)
    second = market.subscribe_to_trade_updates("a", second_heard.put)
    transport.push(trade("A", 1))
    assert first_heard.get(timeout=PATIENCE).data.trade_id == second_heard.get(timeout=PATIENCE).data.trade_id == 1
    first.close()
    assert first.wait(PATIENCE)
    transport.push(trade("A", 2))
    assert second_heard.get(timeout=PATIENCE).data.trade_id == 2
    assert first_heard.empty()
    assert transport._sent.empty()
    second.close()
    assert agree(transport, ["UNSUBSCRIBE"]) == ["a@trade"]


def test_a_lost_connection_is_told_once_and_made_good(hear, network):
    """However many streams; they are asked for again in one message."""
    story = queue.SimpleQueue()
    heard = queue.SimpleQueue()
    subscription, transport = hear([f"S{number}" for number in range(200)], heard.put)
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda downtime: story.put("restored"))
    transport.drop()
    again = network.accept()
    assert len(agree(again)) == 200
    again.push(trade("S7", 1))
    assert heard.get(timeout=PATIENCE).data.symbol == "S7"
    assert [story.get(timeout=PATIENCE) for _ in range(2)] == ["lost", "restored"]
    assert story.empty()
    assert subscription.state is SubscriptionState.ACTIVE


def test_a_refusal_closes_what_was_subscribed_to_with_it(market, network, run):
    """The error is the caller's, the other streams are given back."""
    join = run(lambda: market.subscribe_to_trade_updates(["GOOD", "BAD"], print))
    transport = network.accept()
    request = transport.sent()
    transport.push({"id": request["id"], "error": {"code": 2, "msg": "Invalid request"}})
    for _ in range(2):
        request = transport.sent()
        good = request["params"] == ["good@trade"]
        reply = {"result": None} if good else {"error": {"code": 2, "msg": "Invalid request"}}
        transport.push({"id": request["id"], **reply})
    with pytest.raises(ApiError):
        join()
    assert agree(transport, ["UNSUBSCRIBE"]) == ["good@trade"]


def test_no_answer_in_time(client, market, network, run, clock):
    """Is an error for the caller; a cancelled token another."""
    join = run(lambda: client.with_options(timeout=3).spot_api.exchange_data.subscribe_to_trade_updates("A", print))
    transport = network.accept()
    request = transport.sent()
    clock.advance(3)
    with pytest.raises(RequestTimeout):
        join()
    transport.push({"id": request["id"], "result": None})
    assert agree(transport, ["UNSUBSCRIBE"]) == ["a@trade"]


def test_a_token_closes_it(hear):
    """As any other subscription."""
    token = CancellationToken()
    subscription, transport = hear("A", ct=token)
    token.cancel()
    assert agree(transport, ["UNSUBSCRIBE"]) == ["a@trade"]
    assert subscription.state is SubscriptionState.CLOSED


def test_a_slow_handler_loses_the_oldest_and_is_told_once(make_client, network, run):
    """Where they are missing; the reader goes on reading, and the number is exact."""
    client = make_client(mailbox_size=8)
    entered, release, heard, lags = (queue.SimpleQueue() for _ in range(4))

    def slow(event):
        entered.put(None)
        release.get(timeout=PATIENCE)
        heard.put(event.data.trade_id)

    join = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("A", slow))
    transport = network.accept()
    agree(transport)
    subscription = join()
    subscription.on_lag(lags.put)
    subscription.on_lag(lambda lag: heard.put("lag"))
    transport.push(trade("A", 0))
    entered.get(timeout=PATIENCE)
    others = queue.SimpleQueue()
    join = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("B", others.put))
    agree(transport)
    join()
    transport.push(*(trade("A", number) for number in range(1, 101)), trade("B", 1))
    assert others.get(timeout=PATIENCE).data.symbol == "B"
    assert subscription.dropped == 92
    assert subscription.pending == 9
    for _ in range(9):
        release.put(None)
    assert [heard.get(timeout=PATIENCE) for _ in range(10)] == [0, "lag", *range(93, 101)]
    assert lags.get(timeout=PATIENCE) == Lag(92, 8, subscription.id)
    assert lags.empty()


def test_streams_that_are_found_lost_one_after_the_other(market, network, run, clock):
    """Of what comes on several connections, the gap begins with what was lost first, whatever is found out first."""
    join = run(lambda: market.subscribe_to_trade_updates(["A", "B"], print))
    agree(network.accept())
    subscription = join()
    first, second = subscription._topics
    clock.advance(100)
    now = clock.monotonic()
    began = clock.time()
    told, gaps = queue.SimpleQueue(), queue.SimpleQueue()
    subscription.on_gap(gaps.put)
    subscription.lost(first, "cut", now, now - 10)()
    subscription.lost(second, "dead", now, now - 27)()
    subscription.run_in_turn(lambda: told.put(subscription.gap))
    gap = told.get(timeout=PATIENCE)
    assert 27 <= began - gap.from_.timestamp() < 32
    # What was lost later changes nothing.
    subscription.lost(second, "dead", now, now - 5)()
    subscription.opened(first, "a@trade", now)()
    subscription.opened(second, "b@trade", now)()
    assert gaps.get(timeout=PATIENCE).status is GapStatus.OPEN
    last = gaps.get(timeout=PATIENCE)
    assert (last.from_, last.status) == (gap.from_, GapStatus.FAILED)


def test_a_slow_handler_that_wants_everything_is_told_before_reading_stops(make_client, network, run):
    """At half of the mailbox, before the events that wait; again only after it has caught up; nothing is dropped."""
    client = make_client(mailbox_size=8)
    entered, release, heard = (queue.SimpleQueue() for _ in range(3))

    def slow(event):
        entered.put(None)
        release.get(timeout=PATIENCE)
        heard.put(event.data.trade_id)

    join = run(
        lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("A", slow, policy=FlowPolicy.BLOCK),
    )
    transport = network.accept()
    agree(transport)
    subscription = join()
    subscription.on_lag(heard.put)
    expected = []
    for start in (0, 100):
        transport.push(trade("A", start))
        entered.get(timeout=PATIENCE)
        transport.push(*(trade("A", number) for number in range(start + 1, start + 6)))
        for _ in range(6):
            release.put(None)
        expected += [start, Lag(0, 5, subscription.id), *range(start + 1, start + 6)]
        assert [heard.get(timeout=PATIENCE) for _ in range(7)] == expected[-7:]
        for _ in range(5):
            entered.get(timeout=PATIENCE)
    assert subscription.dropped == 0


def test_without_on_lag_it_is_logged(make_client, network, run, caplog):
    """Once."""
    client = make_client(mailbox_size=2)
    entered, release, done = queue.SimpleQueue(), queue.SimpleQueue(), queue.SimpleQueue()

    def slow(event):
        entered.put(None)
        release.get(timeout=PATIENCE)
        done.put(event.data.trade_id)

    join = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("A", slow))
    transport = network.accept()
    agree(transport)
    subscription = join()
    transport.push(trade("A", 0))
    entered.get(timeout=PATIENCE)
    transport.push(*(trade("A", number) for number in range(1, 6)))
    for _ in range(3):
        release.put(None)
    while done.get(timeout=PATIENCE) != 5:
        pass
    subscription.close()
    assert subscription.wait(PATIENCE)
    assert [record for record in caplog.records if "slow handler" in record.message]


def test_block_drops_nothing(make_client, network, run):
    """The reader stops instead, until there is room."""
    client = make_client(mailbox_size=4)
    entered, release, heard = queue.SimpleQueue(), queue.SimpleQueue(), queue.SimpleQueue()

    def slow(event):
        entered.put(None)
        release.get(timeout=PATIENCE)
        heard.put(event.data.trade_id)

    policy = FlowPolicy.BLOCK
    join = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("A", slow, policy=policy))
    transport = network.accept()
    agree(transport)
    subscription = join()
    for number in range(40):
        transport.push(trade("A", number))
    entered.get(timeout=PATIENCE)
    for _ in range(40):
        release.put(None)
    assert [heard.get(timeout=PATIENCE) for _ in range(40)] == list(range(40))
    assert subscription.dropped == 0


def test_the_unit_of_time_is_asked_for_on_market_streams_too(make_client, network, run):
    """In the URL, as for every connection."""
    client = make_client(time_unit="MICROSECOND")
    heard = queue.SimpleQueue()
    join = run(lambda: client.spot_api.exchange_data.subscribe_to_trade_updates("A", heard.put))
    transport = network.accept()
    assert transport.url == "wss://stream.example/stream?timeUnit=MICROSECOND"
    agree(transport)
    join()
    message = trade("A", 1)
    message["data"]["T"] = 1_700_000_000_123_456
    transport.push(message)
    assert heard.get(timeout=PATIENCE).data.trade_time.microsecond == 123_456


def test_closing_the_client_ends_every_connection(client, market, network, run):
    """And every subscription."""
    join = run(lambda: market.subscribe_to_trade_updates([f"S{number}" for number in range(1025)], print))
    transports = [network.accept(), network.accept()]
    requests = {}
    for _ in range(5):
        for transport in transports:
            while not transport._sent.empty() or len(requests.get(id(transport), [])) < 1:
                requests.setdefault(id(transport), []).append(agree(transport))
    while sum(len(names) for batches in requests.values() for names in batches) < 1025:
        for transport in transports:
            if not transport._sent.empty():
                requests[id(transport)].append(agree(transport))
    subscription = join()
    client.close()
    assert subscription.wait(PATIENCE)
    assert all(transport.aborted for transport in transports)
    with pytest.raises(ClientClosed):
        market.subscribe_to_trade_updates("A", print)
