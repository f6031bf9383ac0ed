"""Machines that sleep, and wall clocks that are set."""

from __future__ import annotations

import queue
import threading
from datetime import datetime, timezone

import pytest

from binance_socket import ConnectionLost, RequestTimeout
from binance_socket._wire.messages import Request, Security
from binance_socket.testing import InlineExecutor, ManualClock

PATIENCE = 10.0
SUBSCRIBE = "userDataStream.subscribe.signature"
SIGNED = Request("account.status", security=Security.SIGNED)


@pytest.fixture
def story():
    return queue.SimpleQueue()


@pytest.fixture
def heard(client, subscribe, story):
    """A client that hears events, and what it hears on."""
    subscription, transport = subscribe(client, on_account_balance_update=lambda e: story.put(str(e.data.delta)))
    subscription.on_connection_lost(lambda: story.put("lost"))
    subscription.on_connection_restored(lambda downtime: story.put(downtime.total_seconds()))
    return transport


def milliseconds(clock):
    return int(clock.time() * 1000)


def test_a_link_that_has_survived_a_nap(client, heard, exchange, clock, story, pass_time):
    """It is asked at once whether it is there, and what time it is; then everything goes on."""
    clock.sleep(10.0)
    asked = heard.sent()
    assert asked["method"] == "time"
    heard.wait_pinged()
    exchange.reply(heard, asked, {"serverTime": milliseconds(clock) + 7000})
    heard.push_control()
    exchange.emit(heard, 1)
    assert story.get(timeout=PATIENCE) == "1"
    hub = client._hub
    assert hub.server_clock.now(clock.monotonic()) == pytest.approx(clock.time() + 7, abs=0.01)
    pass_time(client, 6.0)
    assert not heard.aborted
    assert heard.nothing_sent()


def test_a_link_that_has_not(client, heard, network, exchange, clock, story, pass_time):
    """It is found to be dead in 5 seconds, and made anew: lost, with the time that was slept through."""
    clock.sleep(3600.0)
    heard.wait_pinged()
    pass_time(client, 5.0)
    second = network.accept()
    assert story.get(timeout=PATIENCE) == "lost"
    exchange.expect(second, SUBSCRIBE, {"subscriptionId": 0})
    assert story.get(timeout=PATIENCE) == 0.0
    assert heard.aborted


def test_a_call_whose_time_is_up_when_the_machine_wakes(client, heard, clock):
    """It ends at once: its 12 seconds have passed."""
    future = client._hub.submit(SIGNED)
    heard.sent()
    clock.sleep(60.0)
    assert isinstance(future.exception(PATIENCE), RequestTimeout)


def test_what_is_too_short_to_be_a_sleep(client, heard, clock, pass_time):
    """The clocks are not read at the same moment: what differs by a little is no news."""
    clock.sleep(2.0)
    pass_time(client, 0.0)
    assert (heard.pings, heard.nothing_sent()) == (0, True)


def test_a_connection_is_left_in_time_all_the_same(client, heard, network, exchange, clock):
    """Its day has 24 hours, whether the machine was awake or not."""
    clock.sleep(24 * 3600.0)
    new = network.accept()
    exchange.expect(new, "ping", {})
    assert new.sent()["method"] == SUBSCRIBE
    assert not heard.aborted


def test_a_listen_key_is_kept_alive_at_once(client, network, exchange, clock, run):
    """It lives for an hour of the exchange's."""
    join = run(lambda: client.spot_api.account.subscribe_to_user_data_updates("k" * 20))
    streams = network.accept()
    exchange.reply(streams, streams.sent())
    join()
    clock.sleep(1800.0)
    asked = network.accept().sent()
    assert (asked["method"], asked["params"]["listenKey"]) == ("userDataStream.ping", "k" * 20)


def test_without_a_link_there_is_nothing_to_find_out(client, network, clock, pass_time):
    """A client that is not connected is left alone."""
    client._hub.timer.start()
    clock.sleep(3600.0)
    pass_time(client, 0.0)
    assert network.attempts == []


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_wall_clock_that_is_set(client, heard, exchange, clock, story, pass_time, jump):
    """Nothing comes of it: no probe, no time-out, no rotation; and requests are signed with the same time."""
    first = client._hub.submit(Request("time"))
    exchange.reply(heard, heard.sent(), {"serverTime": milliseconds(clock)})
    first.result(PATIENCE)
    right = milliseconds(clock)
    clock.shift_wall(jump)
    pass_time(client, 1.0)
    future = client._hub.submit(SIGNED, 12.0)
    asked = heard.sent()
    assert asked["method"] == "account.status"
    assert asked["params"]["timestamp"] == pytest.approx(right + 1000, abs=1)
    pass_time(client, 11.9)
    assert not future.done()
    exchange.reply(heard, asked, {})
    assert future.result(PATIENCE).status == 200
    clock.shift_wall(-2 * jump)
    exchange.emit(heard, 1)
    assert story.get(timeout=PATIENCE) == "1"
    pass_time(client, 8.0)
    assert heard.pings == 0
    assert heard.nothing_sent()


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_wall_clock_that_is_set_before_a_link_is_lost(make_client, exchange, subscribe, clock, story, jump):
    """The gap begins with the latest event, which had been under way for a minute; what was behind it is missing."""
    client = make_client(executor=InlineExecutor(), backfill=True)
    subscription, transport = subscribe(client, on_account_balance_update=lambda e: story.put(str(e.data.delta)))
    exchange.reply(transport, transport.sent(), {"serverTime": milliseconds(clock) + 60_000})
    subscription.on_gap(story.put)
    exchange.emit(transport, 1)
    assert story.get(timeout=PATIENCE) == "1"
    clock.shift_wall(jump)
    transport.drop()
    assert story.get(timeout=PATIENCE).from_ == datetime.fromtimestamp(1_700_000_000, timezone.utc)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_wall_clock_that_is_set_before_an_event_is_read(client, exchange, subscribe, clock, story, jump):
    """It cannot be read, and the gap begins with when it came."""
    going_on = threading.Event()

    def slow(event):
        story.put(str(event.data.delta))
        going_on.wait(PATIENCE)

    subscription, transport = subscribe(client, on_account_balance_update=slow)
    subscription.on_gap(story.put)
    transport.push(
        {"subscriptionId": 0, "event": exchange.event(1)}, b'{"subscriptionId":0,"event":{"e":"balanceUpdate",}}'
    )
    assert story.get(timeout=PATIENCE) == "1"
    clock.shift_wall(jump)
    going_on.set()
    assert story.get(timeout=PATIENCE).from_ == datetime.fromtimestamp(1_700_000_000 - 2, timezone.utc)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_wall_clock_that_is_set_while_connecting(client, network, clock, pass_time, jump):
    """Back-offs and deadlines are measured by the other clock."""
    network.hang()
    future = client._hub.submit(Request("ping"), 5.0)
    network.wait_attempt()
    clock.shift_wall(jump)
    pass_time(client, 4.9)
    assert not future.done()
    pass_time(client, 0.1)
    assert isinstance(future.exception(PATIENCE), (RequestTimeout, ConnectionLost))


def test_the_clock_of_tests():
    """It tells how long it has slept, and its wall clock can be set."""
    clock = ManualClock(1000.0)
    clock.sleep(5.0)
    clock.advance(2.0)
    clock.shift_wall(-100.0)
    assert (clock.monotonic(), clock.asleep(), clock.time()) == (7.0, 5.0, 907.0)
