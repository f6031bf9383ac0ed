"""Sorting what was read into events and everything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance_socket._engine.audience import Audience, Opening, nothing
from binance_socket._engine.futures import CallFuture
from binance_socket._engine.lanes import Lanes, Malformed
from binance_socket._session.effects import Opened
from binance_socket._session.topics import MARKET, STREAMS, WS_API, MarketTopic, StreamTopic, UserDataTopic
from binance_socket.testing import InlineExecutor


class Listener:
    """Takes what is posted, as parsed payloads, and notes in which form it came."""

    full = False

    def __init__(self):
        self.payloads = []
        self.forms = []

    def post(self, payloads, received_at, route):
        for payload in payloads:
            self.forms.append(type(payload))
            self.payloads.append(json.loads(payload) if isinstance(payload, bytes) else payload)

    def opened(self, topic, route, now):
        """It is open from the start."""
        return nothing


class Bench:
    """One topic with one listener, and everything that did not go there."""

    def __init__(self, dialect=WS_API, topic=None, route=0):
        self.others = []
        self.ended = []
        self.listener = Listener()
        audience = Audience()
        topic = topic or UserDataTopic(needs_logon=False)
        audience.add([topic], self.listener, Opening(CallFuture(InlineExecutor()), [topic]), 0.0)
        audience.follow([Opened(topic, route)], 0.0, 0.0, lambda: 0.0)
        self.lanes = Lanes(dialect, audience, others=self.others.extend, ended=lambda *told: self.ended.append(told[3]))

    def take(self, *messages):
        self.lanes.take([m if isinstance(m, bytes) else _compact(m) for m in messages], 0.0)


def _compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def event(number, name="balanceUpdate", route=0):
    return {"subscriptionId": route, "event": {"e": name, "d": str(number), "a": "１２３"}}


def test_events_go_on_as_text():
    """An event that begins as the exchange writes it is handed on unparsed, whatever its name."""
    bench = Bench()
    messages = [event(1), event(2), event(3, "executionReport"), event(4)]
    bench.take(*messages)

    assert bench.listener.payloads == [message["event"] for message in messages]
    assert set(bench.listener.forms) == {bytes}
    assert bench.others == []


def test_other_spellings_are_parsed():
    """White space, another order of keys and further keys cost speed, and nothing else."""
    bench = Bench()
    spaced = json.dumps(event(1)).encode()
    swapped = b'{"event":{"d":"2","e":"balanceUpdate"},"subscriptionId":0}'
    further = b'{"subscriptionId":0,"event":{"e":"balanceUpdate","d":"3"},"sent":1}'
    bench.take(event(0), spaced, swapped, further, event(4))

    assert [payload["d"] for payload in bench.listener.payloads] == ["0", "1", "2", "3", "4"]
    assert bench.listener.forms == [bytes, dict, dict, dict, bytes]


def test_streams():
    """On a stream server, the route is the stream's name."""
    bench = Bench(STREAMS, StreamTopic("key1"), "key1")
    mine = {"stream": "key1", "data": {"e": "balanceUpdate", "d": "1"}}
    other = {"stream": "key2", "data": {"e": "balanceUpdate", "d": "2"}}
    bench.take(mine, other, mine)

    assert [payload["d"] for payload in bench.listener.payloads] == ["1", "1"]
    assert bench.others == [other]


@pytest.mark.parametrize("name", ["eventStreamTerminated", "listenKeyExpired"])
def test_the_end_is_told_behind_what_came_before(name):
    """An event that ends its stream is delivered, behind the ones before it, and told to the session."""
    bench = Bench()
    bench.take(event(1), event(2, name), event(3))

    assert [payload["d"] for payload in bench.listener.payloads] == ["1", "2", "3"]
    assert bench.ended == [name]


def test_answers_and_strangers_go_to_the_session():
    """Answers, and events of routes that nobody has, are the session's."""
    bench = Bench()
    answer = {"id": "1", "status": 200, "result": {}}
    stranger = event(1, route=7)
    bench.take(answer, stranger, b"{", b'{"subscriptionId":0,"event":null}')

    assert bench.others[:2] == [answer, stranger]
    assert [type(other) for other in bench.others[2:]] == [Malformed, Malformed]
    assert bench.listener.payloads == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["executionReport", "balanceUpdate", "eventStreamTerminated", "new", 'odd"name', ""]),
            st.sampled_from([0, 1, 10]),
            st.sampled_from(["compact", "spaced", "sorted"]),
            st.text(max_size=3),
        )
    )
)
def test_no_spelling_makes_a_difference(sent):
    """However messages are written, the same events arrive in the same order, and the same others."""
    bench = Bench()
    expected, strangers = [], []
    for name, route, spelling, text in sent:
        message = {"subscriptionId": route, "event": {"e": name, "d": text}}
        (expected if route == 0 else strangers).append(message)
        bench.take(
            {
                "compact": _compact(message),
                "spaced": json.dumps(message).encode(),
                "sorted": json.dumps(message, sort_keys=True, separators=(",", ":")).encode(),
            }[spelling]
        )
    assert bench.listener.payloads == [message["event"] for message in expected]
    assert bench.others == strangers
    assert bench.ended == [m["event"]["e"] for m in expected if m["event"]["e"] == "eventStreamTerminated"]


MARKET_PAYLOADS = [
    {"e": "trade", "s": "BTCUSDT"},
    {"u": 400900217, "s": "BNBUSDT"},
    {"lastUpdateId": 160, "bids": [["0.1", "2"]], "asks": []},
    [],
    [{"e": "24hrMiniTicker"}, {"e": "24hrMiniTicker"}],
    # On a market stream, these are names as any other.
    {"e": "listenKeyExpired"},
    {"event": {"e": "eventStreamTerminated"}},
    {},
]


@pytest.mark.parametrize("payload", MARKET_PAYLOADS, ids=repr)
def test_market_events_go_on_as_text(payload):
    """Those without a name and those in arrays, too; none of them ends its stream."""
    bench = Bench(MARKET, MarketTopic("btcusdt@trade"), "btcusdt@trade")
    message = {"stream": "btcusdt@trade", "data": payload}
    bench.take(message, message, {"stream": "other", "data": payload}, message)

    assert bench.listener.payloads == [payload] * 3
    assert set(bench.listener.forms) == {bytes}
    assert bench.others == [{"stream": "other", "data": payload}]
    assert bench.ended == []


@pytest.mark.parametrize("payload", MARKET_PAYLOADS, ids=repr)
def test_market_events_in_other_spellings(payload):
    """Are parsed, and otherwise the same."""
    bench = Bench(MARKET, MarketTopic("币安usdt@depth"), "币安usdt@depth")
    message = {"stream": "币安usdt@depth", "data": payload}
    swapped = {"data": payload, "stream": "币安usdt@depth"}
    bench.take(json.dumps(message).encode(), swapped, message)

    assert bench.listener.payloads == [payload] * 3
    assert bench.listener.forms[1:] == [type(payload), bytes]


@pytest.mark.parametrize("payload", [None, 5, "text", True])
def test_what_can_be_no_market_event(payload):
    """Is counted as malformed, and harms nobody."""
    bench = Bench(MARKET, MarketTopic("a@trade"), "a@trade")
    bench.take({"stream": "a@trade", "data": payload}, {"stream": "a@trade", "data": {}})

    assert [type(other) for other in bench.others] == [Malformed]
    assert bench.listener.payloads == [{}]
