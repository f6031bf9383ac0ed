"""What a subscriber has been told of its account."""

import pytest

from binance_socket._session import told as module
from binance_socket._session.told import Told
from binance_socket._session.told_orders import Mark

KEY = ("BTCUSDT", 1)
NOW = 2_000_000_000_000


def latest():
    """What time it is at the exchange, at most."""
    return NOW


def report(number=1, execution="NEW", status="NEW", at=1000, trade=-1, **more):
    """An executionReport, as far as it is looked at."""
    event = {
        "e": "executionReport",
        "E": at,
        "s": "BTCUSDT",
        "i": number,
        "x": execution,
        "X": status,
        "T": at,
        "t": trade,
        "z": "0",
        "Z": "0",
        "q": "1",
        "c": "mine",
        "C": "",
    }
    return {**event, **more}


def positions(at, *balances):
    return {
        "e": "outboundAccountPosition",
        "E": at,
        "u": at,
        "B": [dict(zip("afl", one, strict=True)) for one in balances],
    }


def list_status(number=7, status="EXECUTING", **more):
    return {"e": "listStatus", "E": 1, "T": 1, "g": number, "L": status, **more}


@pytest.fixture
def told():
    return Told(latest)


def test_an_order_is_as_its_latest_event_says(told):
    """Open until it is closed; its name is its own, whatever a cancellation is called."""
    assert told.take(report())
    assert list(told.open_orders) == [KEY]
    assert told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade=5, z="0.5", Z="10", at=2000))
    assert told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade=4, at=2000))
    order = told.order(KEY)
    assert (order.status, order.trade_id, order.at) == ("PARTIALLY_FILLED", 5, 2000)
    assert told.take(report(execution="REPLACED", c="new name", C="mine", q="0.7"))
    assert told.order(KEY).client_order_id == "new name"
    assert told.take(report(execution="CANCELED", status="CANCELED", c="the cancellation", C="new name"))
    assert told.order(KEY).client_order_id == "new name"
    assert list(told.open_orders) == []
    assert told.take(report(status="NEW"))
    assert list(told.open_orders) == [KEY]
    assert told.last_event == 2000


def test_what_cannot_be_read_is_delivered_all_the_same(told):
    """And nothing is noted of it."""
    for event in (
        {},
        {"e": ["executionReport"]},
        report(s=None),
        report(i="1"),
        {"e": "listStatus", "g": "x", "L": "EXECUTING"},
        {"e": "outboundAccountPosition", "u": "x", "B": [{"a": 1}, 5]},
        {"e": "outboundAccountPosition", "u": 1, "B": {}},
        {"e": "outboundAccountPosition", "u": 1, "B": [{"a": []}]},
        {"e": "listStatus", "g": [], "L": {}},
    ):
        assert told.take(event)
    told.gap_opened()
    told.restore_balances(positions(1), covers=True)
    told.restore_list(list_status())
    for event in (
        {"e": "outboundAccountPosition", "u": 1, "B": [{"a": []}]},
        {"e": "listStatus", "g": [], "L": {}},
        {"e": "listStatus", "g": 7, "L": {}},
    ):
        assert told.take(event)
    told.take(report(5, status=["NEW"]))
    assert ("BTCUSDT", 5) in told.open_orders
    told = Told(latest)
    assert list(told.open_orders) == []
    assert told.symbols() == []
    assert told.take({"e": "executionReport", "s": "ETHUSDT", "i": 1})
    assert told.order(("ETHUSDT", 1)).status is None
    assert told.take(report(T="soon", t="one", E="now"))
    assert told.order(KEY)[3:7] == (-1, "1", "mine", 0)


def test_a_trade_whose_number_came_as_text(told):
    """It is that trade all the same, whether it is told before a gap, in one, or again after it."""
    told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade="5", z="0.1"))
    told.gap_opened()
    assert [told.knows_trade(KEY, number) for number in (5, 6)] == [True, False]
    told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade="6", z="0.2"))
    assert told.knows_trade(KEY, 6)
    told.restore_order(report(1, "TRADE", "PARTIALLY_FILLED", trade=7, z="0.3"), None)
    assert not told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade="7", z="0.3"))


@pytest.mark.parametrize(
    "value, number",
    [
        (5, 5),
        (-1, -1),
        ("5", 5),
        ("-5", -1),
        ("\u0665", -1),
        ("9" * 20, -1),
        ("", -1),
        (True, -1),
        (5.0, -1),
        (None, -1),
    ],
)
def test_numbers_of_trades(value, number):
    """What looks like none is none."""
    assert module.trade_number(value) == number


def test_times_may_be_in_microseconds(told):
    """Where the connection has asked for them."""
    told.take(report(E=1_700_000_000_123_456))
    assert told.last_event == 1_700_000_000_123


def test_symbols_with_open_orders_come_first(told, monkeypatch):
    """Then those that are asked for besides, and then the others, the latest first; not too many."""
    for number, (symbol, status) in enumerate([("A", "FILLED"), ("B", "NEW"), ("C", "FILLED")]):
        told.take(report(number, status=status, s=symbol))
    assert told.symbols(["D", "A"]) == ["B", "D", "A", "C"]
    told.take(report(3, status="FILLED", s="A"))
    assert told.symbols(["D"]) == ["B", "D", "A", "C"]
    monkeypatch.setattr(module, "MOST_SYMBOLS", 3)
    monkeypatch.setattr(module, "MOST_CLOSED", 1)
    monkeypatch.setattr(module, "MOST_ORDERS", 1)
    for number in (9, 10, 11):
        told.take(report(number, status="FILLED", s="E"))
    assert told.symbols() == ["B", "E", "C"]


def test_an_order_that_rests_is_asked_for_although_no_event_told_of_it(told, monkeypatch):
    """An answer did. It is forgotten with the first word that it is closed, whoever says so."""
    told.take(report(1, s="A"))
    told.take(report(2, status="FILLED", s="A"))
    for number in (1, 2, 3, 4):
        told.note_answer(("A", number), "NEW", 1000)
    told.note_answer(("B", 5), "PARTIALLY_FILLED", 1000)
    assert list(told.open_orders) == [("A", 1), ("A", 3), ("A", 4), ("B", 5)]
    assert told.symbols(["C"]) == ["A", "B", "C"]
    assert (told.order(("B", 5)), told.mark(("B", 5))) == (None, None)
    told.take(report(4, "TRADE", "PARTIALLY_FILLED", s="A"))
    assert list(told.open_orders) == [("A", 1), ("A", 4), ("A", 3), ("B", 5)]
    told.take(report(4, "TRADE", "FILLED", s="A"))
    told.note_answer(("A", 3), "EXPIRED", 1000)
    assert list(told.open_orders) == [("A", 1), ("B", 5)]
    monkeypatch.setattr(module, "MOST_ORDERS", 1)
    told.note_answer(("B", 6), "PENDING_NEW", 1000)
    assert list(told.open_orders) == [("A", 1), ("B", 6)]


def test_closed_orders_are_forgotten_when_there_are_many(told, monkeypatch):
    """After half a minute, or when there are too many for memory; from when on, is known."""
    monkeypatch.setattr(module, "MOST_CLOSED", 2)
    monkeypatch.setattr(module, "MOST_ORDERS", 4)
    for number in range(3):
        told.take(report(number, status="FILLED", at=1000 + number))
    assert told.order(("BTCUSDT", 0)) is not None
    assert told.forgotten_at == 0
    told.take(report(3, status="FILLED", at=31_001))
    assert told.order(("BTCUSDT", 0)) is None
    assert told.forgotten_at == 1000
    for number in range(4, 6):
        told.take(report(number, status="FILLED", at=31_001))
    assert told.order(("BTCUSDT", 1)) is None
    assert told.forgotten_at == 1001
    for number in range(10, 15):
        told.take(report(number, at=70_000))
    assert told.order(("BTCUSDT", 10)) is None
    assert told.forgotten_at == 70_000


def test_balances_and_lists(told, monkeypatch):
    """Are as they were told last."""
    told.take(positions(5, ("BTC", "1", "0"), ("USDT", "2", "1")))
    told.take(positions(4, ("BTC", "3", "0")))
    assert told.balance("BTC") == ("3", "0")
    assert told.balance("ETH") is None
    assert told.balances_at == 5
    told.take(list_status())
    assert told.list_status(7)["L"] == "EXECUTING"
    assert list(told.open_lists) == [7]
    told.take(list_status(status="ALL_DONE"))
    assert told.list_status(7) is None
    monkeypatch.setattr(module, "MOST_LISTS", 1)
    told.take(list_status(8))
    told.take(list_status(9))
    assert list(told.open_lists) == [9]


def test_marks_say_how_things_were_when_the_gap_began(told):
    """However they have changed since."""
    told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade=5, z="0.5", Z="10"))
    told.gap_opened()
    assert told.mark(KEY) == Mark(5, "0.5", "10")
    told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade=8, z="0.8", Z="16"))
    assert told.mark(KEY) == Mark(5, "0.5", "10")
    assert [told.knows_trade(KEY, number) for number in (4, 5, 6, 8)] == [True, True, False, True]
    assert told.mark(("BTCUSDT", 2)) is None
    assert not told.knows_trade(("BTCUSDT", 2), 5)
    told.take(report(2))
    assert told.mark(("BTCUSDT", 2)) is None
    told.gap_closed(0)
    assert told.mark(KEY) == Mark(8, "0.8", "16")
    told.gap_opened()
    told.take(report(2))
    assert told.mark(("BTCUSDT", 2)) == Mark(-1, "0", "0")


def test_an_event_that_was_missed_begins_a_gap_before_it_opens(told):
    """Another gap may close in between: what was told since is remembered all the same."""
    told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade=5, z="0.5", Z="10"))
    told.gap_opened()
    told.restore_order(report(2, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.1"), None)
    for _ in range(2):
        told.event_missed()
        told.take(report(execution="TRADE", status="PARTIALLY_FILLED", trade=8, z="0.8", Z="16"))
    told.gap_closed(5000)
    told.take(report(9, at=15_001))
    # The gap that has closed is settled.
    assert told.take(report(2, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.1"))
    told.take(report(9, execution="TRADE", status="PARTIALLY_FILLED", trade=9, z="0.8", Z="16"))
    told.gap_opened()
    assert told.mark(KEY) == Mark(5, "0.5", "10")
    assert [told.knows_trade(KEY, number) for number in (5, 7, 8)] == [True, False, True]
    told.gap_closed(15_001)
    assert told.mark(KEY) == Mark(8, "0.8", "16")


def test_a_restored_trade_is_not_told_again(told):
    """Of either side of a trade with oneself."""
    told.gap_opened()
    told.restore_order(report(1, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.1"), None)
    assert not told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.1"))
    assert told.take(report(2, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.1"))
    assert told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=7, z="0.2"))
    assert told.repeated == 1


def test_what_was_restored_is_remembered_for_a_while_after_the_gap(told):
    """Events may come late that tell of it. A gap that begins meanwhile knows it, too."""
    told.gap_opened()
    told.restore_order(report(1, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.1"), None)
    told.gap_closed(5000)
    assert not told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.1"))
    assert told.take(report(9, at=15_000))
    told.gap_opened()
    told.gap_closed(15_000)
    assert not told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.1"))
    assert told.take(report(9, at=25_000))
    assert told.take(report(9, at=25_001))
    assert told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.1"))


def test_gaps_that_are_broken_off_remember_no_more_than_the_latest(told):
    """But for trades, which the next one looks for again; also where no event comes in between."""
    told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=1, z="0.1"))
    for number in range(2, 60):
        now = 1000 * number
        told.gap_opened()
        told.restore_order(report(1, "TRADE", "PARTIALLY_FILLED", at=now, trade=number, z="0.1"), now)
        told.restore_order(report(number, "CANCELED", "CANCELED", at=now), now)
        told.restore_order(report(100 + number, "TRADE", "FILLED", at=now, z="1"), now, summed=True)
        told.restore_list({**list_status(number), "T": now})
        told.gap_broken_off(now)
    # As of 59 seconds, those of the last ten.
    assert told.take(report(48, "NEW", "NEW", at=48_000, E=1))
    assert not told.take(report(49, "NEW", "NEW", at=49_000, E=1))
    assert max(map(len, (told._restored, told._summed, told._restored_lists, told._settling))) < 25
    told.gap_opened()
    assert all(told.knows_trade(KEY, number) for number in range(1, 60))
    assert (told.knows_trade(KEY, 60), told.mark(KEY)) == (False, Mark(1, "0.1", "0"))
    told.gap_closed(60_000)
    told.take(report(500, at=70_001))
    assert not any((told._trades, told._marks, told._restored, told._summed, told._restored_lists, told._settling))


def test_gap_upon_gap_remembers_no_more_than_the_latest(told):
    """However long it goes on like that: what was found out for one is forgotten a while after that one is over."""
    for number in range(1, 60):
        now = 1000 * number
        told.gap_opened()
        told.restore_order(report(number, "CANCELED", "CANCELED", at=now), now)
        told.restore_order(report(100 + number, "TRADE", "FILLED", at=now, trade=number, z="1"), now, summed=True)
        told.restore_list({**list_status(number), "T": now})
        told.restore_balances(positions(now, ("BTC", "1", "0")), covers=True)
        told.gap_closed(now)
        told.take(report(500, "TRADE", "PARTIALLY_FILLED", at=now, trade=1000 + number))
    # Of the last ten seconds: what the exchange's database tells late of an older one was told long ago.
    assert told.take(report(48, "NEW", "NEW", at=48_000, E=1))
    assert not told.take(report(49, "NEW", "NEW", at=49_000, E=1))
    assert told.take(report(148, "TRADE", "PARTIALLY_FILLED", trade=1, z="0.4", E=1))
    assert not told.take(report(149, "TRADE", "PARTIALLY_FILLED", trade=1, z="0.4", E=1))
    assert told.take(list_status(48, E=1))
    assert not told.take(list_status(49, E=1))
    assert not told.take(positions(1, ("BTC", "2", "0")))
    remembered = (told._trades, told._restored, told._summed, told._restored_lists)
    assert max(len(entries) for entries in remembered) < 30
    told.take(report(501, at=69_001))
    assert told.take(positions(1, ("BTC", "2", "0")))
    assert not any(remembered for remembered in (told._trades, told._restored, told._summed, told._restored_lists))


def test_a_restored_state_covers_what_came_before_it(told):
    """What happened later is told; and of the same instant, what says something else."""
    told.gap_opened()
    told.restore_order(report(1, "CANCELED", "CANCELED", at=5000), 5000)
    assert not told.take(report(1, "REPLACED", "NEW", at=4000))
    assert not told.take(report(1, "CANCELED", "CANCELED", at=5000))
    assert told.take(report(1, "NEW", "NEW", at=6000))
    assert told.take(report(1, "NEW", "NEW", T=None))
    assert told.take(report(2, "NEW", "NEW", at=1))


def test_what_happened_within_the_same_instant_is_compared(told):
    """By how much is filled, whether the order is closed, and how large it is."""
    told.gap_opened()
    told.restore_order(report(1, "TRADE", "PARTIALLY_FILLED", at=5000, trade=3, z="0.5", q="1"), 5000)
    assert not told.take(report(1, "NEW", "NEW", at=5000, z="0", q="2"))
    assert not told.take(report(1, "REPLACED", "PARTIALLY_FILLED", at=5000, z="0.5", q="1"))
    assert told.take(report(1, "REPLACED", "PARTIALLY_FILLED", at=5000, z="0.5", q="0.9"))
    assert told.take(report(1, "CANCELED", "CANCELED", at=5000, z="0.5"))
    assert not told.take(report(1, "CANCELED", "CANCELED", at=5000, z="0.5"))
    assert told.take(report(1, "CANCELED", "CANCELED", at=5000, z="0.7"))


def test_a_late_state_without_a_trade_is_no_trade(told):
    """An allocation of smart order routing has none, and comes all the same."""
    told.gap_opened()
    told.take(report(1, "TRADE", "FILLED", at=6000, trade=9, z="1"))
    told.restore_order(report(1, "TRADE", "PARTIALLY_FILLED", at=5000, z="0.5"), None)
    assert told.take(report(1, "TRADE", "FILLED", at=6000, trade=-1, z="1"))


def test_a_state_that_stands_for_trades_covers_them(told):
    """As far as it was filled."""
    told.gap_opened()
    told.restore_order(report(1, "TRADE", "PARTIALLY_FILLED", at=5000, z="0.5"), 5000, summed=True)
    assert not told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.4"))
    assert told.take(report(1, "TRADE", "FILLED", trade=7, z="1"))
    assert told.take(report(2, "TRADE", "FILLED", trade=7, z="1"))
    assert told.take(report(1, "TRADE", "FILLED", trade=-1, z="2"))


def test_restored_balances_cover_older_ones(told):
    """And those of the same instant that say the same."""
    told.gap_opened()
    told.restore_balances(positions(5, ("BTC", "1", "0")), covers=True)
    assert not told.take(positions(4, ("BTC", "9", "0")))
    assert not told.take(positions(5, ("BTC", "1", "0")))
    assert told.take(positions(5, ("BTC", "2", "0")))
    assert told.take(positions(6, ("BTC", "1", "0")))
    assert told.take({"e": "outboundAccountPosition", "u": None, "B": []})
    told.gap_closed(0)
    told.gap_opened()
    told.restore_balances(positions(9, ("BTC", "1", "0")), covers=False)
    assert told.take(positions(8, ("BTC", "9", "0")))


def test_a_restored_list_is_not_told_again(told):
    """In that state; in another one it is."""
    told.gap_opened()
    told.restore_list(list_status())
    assert not told.take(list_status())
    assert told.take(list_status(status="ALL_DONE"))
    told.gap_closed(0)
    assert told.take(list_status(status="ALL_DONE"))


def test_a_restored_list_goes_on(told):
    """Its orders may change their names after it was found out, and it stays EXECUTING."""
    told.gap_opened()
    told.restore_list(list_status())
    assert not told.take(list_status(l="UPDATED"))
    assert told.take(list_status(l="UPDATED", T=2))
    assert told.take(list_status(l="UPDATED", T="?"))


def test_a_trade_of_before_what_came_live(told):
    """The order stays as it is, but is known to be told of up to that trade; how it was before the gap stays known."""
    told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=4, z="0.1", at=900))
    told.take(report(1, "REPLACED", "PARTIALLY_FILLED", z="0.5", at=2000))
    told.take(report(2))
    told.gap_opened()
    told.restore_order(report(1, "TRADE", "PARTIALLY_FILLED", trade=6, z="0.5"), None)
    assert (told.order(KEY).trade_id, told.order(KEY).filled, told.order(KEY).at) == (6, "0.5", 2000)
    assert told.mark(KEY) == Mark(4, "0.5", "0", uncounted=(2000, "0.1"))
    assert [told.knows_trade(KEY, number) for number in (4, 5, 6)] == [True, False, True]
    told.restore_order(report(1, "TRADE", "PARTIALLY_FILLED", trade=5, z="0.3"), None)
    assert told.order(KEY).trade_id == 6
    assert list(told.open_orders) == [KEY, ("BTCUSDT", 2)]
    told.gap_closed(5000)
    assert told.mark(KEY) == Mark(6, "0.5", "0")


def test_the_end_of_an_order_is_noted_however_much_is_said_to_be_filled(told):
    """Otherwise it would be found out and told again by every gap."""
    told.take(report(1, "TRADE", "PARTIALLY_FILLED", trade=4, z="0.7"))
    told.gap_opened()
    told.restore_order(report(1, "CANCELED", "CANCELED", at=2000, z="0.5"), 2000)
    assert told.order(KEY).status == "CANCELED"
    assert list(told.open_orders) == []


def test_what_was_told_in_sum_stays_with_the_order(told):
    """Until it is forgotten itself."""
    told.gap_opened()
    told.restore_order(report(1, "TRADE", "PARTIALLY_FILLED", at=5000, z="0.5", Z="5"), 5000, summed=True)
    told.gap_closed(6000)
    told.take(report(1, "TRADE", "FILLED", at=20_000, trade=7, z="1"))
    assert told.order(KEY).summed == (5000, "0.5", "5")


@pytest.mark.parametrize("what", ["MOST_ORDERS", "MOST_TRADES"])
def test_a_gap_that_never_ends_does_not_fill_the_memory(told, monkeypatch, what):
    """Beyond a limit it is not known what was told of the time before: that is said, and nothing is guessed."""
    monkeypatch.setattr(module, what, 3)
    told.gap_opened()
    for number in range(4):
        told.take(report(number, "TRADE", "FILLED", trade=number, at=1000 + number))
    assert told.forgotten_at == 1003
    for number in range(10, 14):
        told.take(report(number, "TRADE", "FILLED", trade=number, T=None))
    # Nobody knows of when the last one was.
    assert told.forgotten_at == NOW


@pytest.mark.parametrize("strange", [None, [], {}, ["FILLED"], 1.5, True, "?"], ids=repr)
def test_fields_of_other_types_are_no_reason_to_raise(told, strange):
    """Whatever the exchange sends is delivered, and noted as far as it makes sense."""
    for active in (False, True):
        if active:
            told.gap_opened()
            told.restore_order(report(), 1000, summed=True)
            told.restore_balances(positions(5, ("BTC", "1", "0")), covers=True)
            told.restore_list(list_status())
        for event in (report(), report(execution="TRADE", trade=5), positions(9, ("BTC", "1", "0")), list_status()):
            for key in event:
                told.take({**event, key: strange})


@pytest.mark.parametrize("unit", [1, 1000], ids=["milliseconds", "microseconds"])
def test_what_is_still_to_come_has_not_happened(unit):
    """No event is remembered to be of later than it is by the exchange's clock, in whichever unit it says so."""
    now = NOW
    told = Told(lambda: now)
    told.take(report(1, at=(NOW - 5) * unit))
    told.take(positions((NOW - 4) * unit))
    assert (told.last_event, told.balances_at) == (NOW - 4, (NOW - 4) * unit)
    told.take(positions((NOW + 1) * unit))
    told.take(report(2, at=(NOW + 1) * unit))
    assert (told.last_event, told.balances_at) == (NOW, (NOW - 4) * unit)
    now += 10
    told.take(report(1, at=(NOW + 10) * unit))
    assert told.last_event == NOW + 10
    now -= 10
    told.take(report(1, at=(NOW + 11) * unit))
    assert told.last_event == NOW + 10


@pytest.mark.parametrize("unit", [1, 1000], ids=["milliseconds", "microseconds"])
def test_what_cannot_have_happened_yet_is_put_right(told, unit):
    """What was taken late, or before the time was known, may have claimed too much."""
    told.take(positions((NOW - 5) * unit))
    told.take(report(1, at=(NOW - 5) * unit))
    told.take(report(2, "CANCELED", "CANCELED", at=(NOW - 7) * unit))
    told.take({"e": "serverShutdown", "E": NOW - 5})
    told.forgotten_at = NOW - 5
    told.correct(NOW - 6, NOW - 9)
    assert told.last_sent == NOW - 9
    assert (told.last_event, told.balances_at, told.forgotten_at) == (NOW - 9, (NOW - 9) * unit, NOW - 9)
    assert told.order(KEY).at == (NOW - 9) * unit
    assert told.order(("BTCUSDT", 2)).at == (NOW - 7) * unit
    told.correct(NOW - 6, NOW - 10)
    assert (told.last_event, told.forgotten_at, told.order(KEY).status) == (NOW - 9, NOW - 9, "NEW")


def test_closed_orders_become_fewer_again_after_a_burst(told, monkeypatch):
    """Otherwise the busiest half minute would be remembered for ever."""
    monkeypatch.setattr(module, "MOST_CLOSED", 2)
    for number in range(8):
        told.take(report(number, status="FILLED", at=1000))
    for number in range(8, 14):
        told.take(report(number, status="FILLED", at=40_000 * (number - 6)))
    assert [number for number in range(14) if told.order(("BTCUSDT", number)) is not None] == [12, 13]


def test_orders_that_are_forgotten_were_closed_by_now(told, monkeypatch):
    """Whatever they claim: otherwise everything would seem forgotten for ever."""
    monkeypatch.setattr(module, "MOST_CLOSED", 1)
    monkeypatch.setattr(module, "MOST_ORDERS", 1)
    for number in (1, 2):
        told.take(report(number, "CANCELED", "CANCELED", at=2**62))
    assert told.forgotten_at == NOW


def test_a_shutdown_that_was_sent_a_little_later_than_an_event_behind_it(told):
    """Another part of the exchange stamps it; the event is the latest of the account's all the same."""
    told.take(report(1, at=NOW - 900_000))
    told.take({"e": "serverShutdown", "E": NOW - 5})
    told.take(report(2, at=NOW - 6))
    assert told.last_sent == NOW - 5
    assert told.last_event == NOW - 6
