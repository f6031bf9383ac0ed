"""Listen keys, over the WebSocket API and REST, and the stream endpoint."""

import json

import pytest

PATIENCE = 10.0
HOUR = 3600.0


def receive(stream):
    return json.loads(stream.recv(PATIENCE))


def ask(stream, **message):
    stream.send(json.dumps(message))
    return receive(stream)


@pytest.fixture
def key(peer, account):
    return peer.result("userDataStream.start", apiKey=account.api_key)["listenKey"]


def test_starting_again_returns_the_same_key(peer, account, key):
    """There is one active key per account."""
    assert len(key) == 60
    assert peer.result("userDataStream.start", apiKey=account.api_key)["listenKey"] == key


def test_ping_and_stop_answer_with_response(peer, account, key):
    """Not with a result: so it is documented."""
    for method in ("userDataStream.ping", "userDataStream.stop"):
        reply = peer.call(method, apiKey=account.api_key, listenKey=key)
        assert reply["response"] == {}
        assert "result" not in reply
    error = peer.error("userDataStream.ping", apiKey=account.api_key, listenKey=key)
    assert error == {"code": -1125, "msg": "This listenKey does not exist."}


def test_another_accounts_key_does_not_exist(peer, ed25519, key):
    """A key can be pinged by its owner only."""
    assert peer.error("userDataStream.ping", apiKey=ed25519.api_key, listenKey=key)["code"] == -1125


def test_rest_has_the_same_keys(sandbox, account, key, rest):
    """POST, PUT and DELETE are start, ping and stop."""
    path = "/api/v3/userDataStream"
    assert rest(sandbox, "POST", path, account.api_key)[:2] == (200, {"listenKey": key})
    assert rest(sandbox, "PUT", f"{path}?listenKey={key}", account.api_key)[:2] == (200, {})
    assert rest(sandbox, "DELETE", f"{path}?listenKey={key}", account.api_key)[:2] == (200, {})
    status, error, _ = rest(sandbox, "PUT", f"{path}?listenKey={key}", account.api_key)
    assert (status, error["code"]) == (400, -1125)
    status, error, _ = rest(sandbox, "POST", path)
    assert (status, error["code"]) == (401, -2014)
    status, error, _ = rest(sandbox, "PUT", path, account.api_key)
    assert (status, error["code"]) == (400, -1102)


def test_a_raw_stream_sends_bare_events(sandbox, account, key, dial):
    """/ws/<listenKey>: the events, as the ledger has them."""
    stream = dial(f"{sandbox.environment.stream_url}/ws/{key}")
    account.deposit("ETH", "1")
    events = account.events
    assert [receive(stream) for _ in events] == events


def test_a_combined_stream_names_the_key(sandbox, account, ed25519, peer, key, dial):
    """/stream?streams=<key>/<key>: each event with the key it belongs to."""
    other = peer.result("userDataStream.start", apiKey=ed25519.api_key)["listenKey"]
    stream = dial(f"{sandbox.environment.stream_url}/stream?streams={key}/{other}")
    account.deposit("ETH", "1")
    ed25519.deposit("BTC", "1")
    expected = [{"stream": key, "data": event} for event in account.events]
    expected += [{"stream": other, "data": event} for event in ed25519.events]
    assert [receive(stream) for _ in expected] == expected


@pytest.mark.parametrize("path, combined", [("/ws", False), ("/stream", True)])
def test_streams_are_subscribed_live(sandbox, account, key, dial, path, combined):
    """SUBSCRIBE, LIST_SUBSCRIPTIONS, UNSUBSCRIBE; the form of events follows the path."""
    stream = dial(sandbox.environment.stream_url + path)
    assert ask(stream, method="SUBSCRIBE", params=[key], id=1) == {"result": None, "id": 1}
    assert ask(stream, method="LIST_SUBSCRIPTIONS", id="three") == {"result": [key], "id": "three"}
    account.deposit("ETH", "1")
    event = account.events[0]
    assert receive(stream) == ({"stream": key, "data": event} if combined else event)
    receive(stream)
    assert ask(stream, method="UNSUBSCRIBE", params=[key], id=None) == {"result": None, "id": None}
    assert account.listeners == 0


def test_combined_is_a_property(sandbox, account, key, dial):
    """SET_PROPERTY changes the form of events, GET_PROPERTY tells it."""
    stream = dial(f"{sandbox.environment.stream_url}/ws/{key}")
    assert ask(stream, method="GET_PROPERTY", params=["combined"], id=2) == {"result": False, "id": 2}
    assert ask(stream, method="SET_PROPERTY", params=["combined", True], id=5) == {"result": None, "id": 5}
    account.deposit("ETH", "1")
    assert receive(stream) == {"stream": key, "data": account.events[0]}


@pytest.mark.parametrize(
    "message, code, start",
    [
        ("{", 3, "Invalid JSON"),
        ("[]", 2, "Invalid request: missing field `method`"),
        ('{"method":"SUBSCRIBE","params":["a"]}', 2, "Invalid request: request ID must be an unsigned integer"),
        ('{"method":"SUBSCRIBE","params":["a"],"id":1.5}', 2, "Invalid request: request ID"),
        ('{"method":"SUBSCIRBE","params":["a"],"id":1}', 2, "Invalid request: unknown variant `SUBSCIRBE`"),
        ('{"method":"SET_PROPERTY","params":["combined","x"],"id":1}', 1, "Invalid value type: expected Boolean"),
        ('{"method":"SET_PROPERTY","params":["other",true],"id":1}', 0, "Unknown property"),
        ('{"method":"SET_PROPERTY","params":[1,true],"id":1}', 2, "Invalid request: property name must be a string"),
        ('{"method":"GET_PROPERTY","params":["combined",1],"id":1}', 2, "Invalid request: too many parameters"),
    ],
)
def test_control_messages_are_refused_as_documented(sandbox, dial, message, code, start):
    """Every error of the documents' table."""
    stream = dial(sandbox.environment.stream_url + "/ws")
    stream.send(message)
    answer = receive(stream)
    assert answer["code"] == code
    assert answer["msg"].startswith(start)


def test_an_unknown_stream_is_silent(sandbox, dial, account, key):
    """Any name can be subscribed; what is no listen key has nothing to say."""
    stream = dial(f"{sandbox.environment.stream_url}/stream?streams=btcusdt@trade/{key}")
    account.deposit("ETH", "1")
    assert receive(stream)["stream"] == key


def test_more_than_five_messages_in_a_second_close_the_connection(still, dial, clock):
    """The sixth within a second is one too many; a second later all is forgotten."""
    stream = dial(still.environment.stream_url + "/ws")
    for number in range(5):
        ask(stream, method="LIST_SUBSCRIPTIONS", id=number)
    clock.advance(1.0)
    for number in range(5):
        ask(stream, method="LIST_SUBSCRIPTIONS", id=number)
    stream.send('{"method":"LIST_SUBSCRIPTIONS","id":6}')
    with pytest.raises(Exception, match="1008"):
        stream.recv(PATIENCE)


def test_a_key_lives_for_an_hour_and_longer_when_it_is_kept_alive(still, talk, dial, clock):
    """60 minutes from its start or last ping; then its streams hear of it, and it is no more."""
    account = still.create_account({"USDT": "1"})
    peer = talk(still, now=clock.time)
    key = peer.result("userDataStream.start", apiKey=account.api_key)["listenKey"]
    raw = dial(f"{still.environment.stream_url}/ws/{key}")
    combined = dial(f"{still.environment.stream_url}/stream?streams={key}")
    peer.call("userDataStream.ping", apiKey=account.api_key, listenKey=key)
    clock.advance(HOUR - 1)
    peer.call("userDataStream.ping", apiKey=account.api_key, listenKey=key)
    clock.advance(HOUR - 1)
    account.deposit("USDT", "1")
    first, second = account.events
    assert [receive(raw), receive(raw)] == [first, second]
    clock.advance(1)
    expired = receive(raw)
    assert expired == {"e": "listenKeyExpired", "E": int(clock.time() * 1000), "listenKey": key}
    assert account.events[-1] == expired
    assert [receive(combined) for _ in range(3)][-1] == {"stream": key, "data": expired}
    assert peer.error("userDataStream.ping", apiKey=account.api_key, listenKey=key)["code"] == -1125
    assert peer.result("userDataStream.start", apiKey=account.api_key)["listenKey"] != key
    assert account.listeners == 0


def test_the_end_of_a_key_is_not_told_to_subscriptions(sandbox, peer, account, key):
    """listenKeyExpired concerns the streams of that key only."""
    peer.result("userDataStream.subscribe.signature", **peer.signed(account))
    sandbox.faults.expire(key)
    account.deposit("ETH", "1")
    assert peer.receive()["event"]["e"] == "balanceUpdate"


def test_a_stopped_key_ends_its_streams(sandbox, peer, account, key, dial):
    """After userDataStream.stop, nothing comes for the key any more."""
    stream = dial(f"{sandbox.environment.stream_url}/stream?streams={key}")
    peer.call("userDataStream.stop", apiKey=account.api_key, listenKey=key)
    assert account.listeners == 0
    account.deposit("ETH", "1")
    assert ask(stream, method="GET_PROPERTY", params=["combined"], id=1) == {"result": True, "id": 1}


def test_events_after_the_upgrade_are_heard(sandbox, account, key, dial):
    """Whoever has the upgrade's answer misses nothing that happens from then on."""
    for _ in range(10):
        stream = dial(f"{sandbox.environment.stream_url}/ws/{key}")
        account.deposit("ETH", "1")
        assert receive(stream)["e"] == "balanceUpdate"


def test_an_unknown_path_is_not_found(sandbox, raw):
    """Only the documented paths are served."""
    peer = raw(sandbox.environment.stream_url + "/other")
    assert peer.upgrade().startswith(b"HTTP/1.1 404 ")
