"""binance_socket._session.topics"""

from __future__ import annotations

from typing import Any

import pytest

from binance_socket._session.topics import MARKET, STREAMS, WS_API, MarketTopic, StreamTopic, UserDataTopic, merged
from binance_socket._wire.messages import Request, Security
from binance_socket.errors import DecodeError


def test_dialects() -> None:
    """Where each server puts the route of an event, and the event."""
    assert (WS_API.route_key, WS_API.payload_key) == ("subscriptionId", "event")
    assert (STREAMS.route_key, STREAMS.payload_key) == ("stream", "data")


def test_user_data_by_logon() -> None:
    """A session that is logged on asks without a signature."""
    topic = UserDataTopic(needs_logon=True)
    assert topic.opening == Request("userDataStream.subscribe")
    assert topic.closing(3) == Request("userDataStream.unsubscribe", {"subscriptionId": 3})


def test_user_data_by_signature() -> None:
    """Any kind of key may subscribe with a signature of its own."""
    topic = UserDataTopic(needs_logon=False)
    assert topic.opening == Request("userDataStream.subscribe.signature", security=Security.SIGNED)
    assert topic.closing(0) == Request("userDataStream.unsubscribe", {"subscriptionId": 0})


def test_route_of_user_data() -> None:
    """The exchange answers with the number that it will stamp on the events; zero is one."""
    assert UserDataTopic(needs_logon=True).route_of({"subscriptionId": 0}) == 0
    assert UserDataTopic(needs_logon=False).route_of({"subscriptionId": 7, "expirationTimestamp": 1}) == 7


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        5,
        "0",
        {},
        {"subscriptionId": None},
        {"subscriptionId": "0"},
        {"subscriptionId": 1.0},
        {"subscriptionId": True},
    ],
    ids=repr,
)
def test_no_route(result: Any) -> None:
    """An answer without a number says nothing about where the events will be."""
    with pytest.raises(DecodeError) as caught:
        UserDataTopic(needs_logon=True).route_of(result)
    assert caught.value.payload == result


def test_streams() -> None:
    """They are asked for by name, and stamped with it; the answer says nothing."""
    topic = StreamTopic("key")
    assert topic.opening == Request("SUBSCRIBE", ("key",))
    assert topic.closing("key") == Request("UNSUBSCRIBE", ("key",))
    assert topic.route_of(None) == "key"
    assert not topic.needs_logon


def test_a_listen_key_does_not_show() -> None:
    """Whoever has it hears the account's events."""
    assert "CANARY" not in repr(StreamTopic("CANARY"))


def test_equal_topics_are_one() -> None:
    """They share a subscription."""
    assert len({StreamTopic("a"), StreamTopic("a"), StreamTopic("b")}) == 2
    assert len({UserDataTopic(True), UserDataTopic(True), UserDataTopic(False)}) == 2


def test_market_streams() -> None:
    """They are asked for by name as well, and named in full where they are shown."""
    topic = MarketTopic("btcusdt@trade")
    assert topic.opening == Request("SUBSCRIBE", ("btcusdt@trade",))
    assert topic.closing("btcusdt@trade") == Request("UNSUBSCRIBE", ("btcusdt@trade",))
    assert topic.route_of(None) == "btcusdt@trade"
    assert not topic.needs_logon
    assert repr(topic) == "MarketTopic(name='btcusdt@trade')"
    assert topic != StreamTopic("btcusdt@trade")


def test_merged() -> None:
    """Names of one method add up; a request by itself stays as it is."""
    both = merged([MarketTopic("a").opening, MarketTopic("b").opening])
    assert both == Request("SUBSCRIBE", ("a", "b"))
    alone = UserDataTopic(needs_logon=True).closing(3)
    assert merged([alone]) is alone


def test_what_events_begin_and_end_with() -> None:
    """Where all have a name, that is part of it."""
    assert WS_API.middle[WS_API.skipped :] == b'{"e":"'
    assert STREAMS.tails == (b"}}",)
    assert MARKET.middle[MARKET.skipped :] == b""
    assert MARKET.tails == (b"}}", b"]}")
