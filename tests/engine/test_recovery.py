"""A subscription's gaps, from the loss to the last verdict. Time and turns are the test's; there are no threads."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timezone

import attrs
import pytest

from binance_socket import ApiError, ClientClosed, ConnectionLost, Gap, GapStatus, Unrecoverable
from binance_socket._engine.futures import CallFuture
from binance_socket._engine.recoverable import Sources
from binance_socket._engine.recovery import Recovery
from binance_socket._session.gap_times import LOOK_BACK
from binance_socket._session.server_clock import ServerClock
from binance_socket.models.response import Response
from binance_socket.testing import InlineExecutor, ManualClock

BEGAN = 1_700_000_000_000
ACCOUNT = {"updateTime": BEGAN, "balances": [{"asset": "BTC", "free": "5", "locked": "0"}]}


class Timer:
    """Rings when it is told to."""

    def __init__(self, clock):
        self.clock = clock
        self.alarms = []

    def call_at(self, when, function):
        alarm = Alarm(when, function)
        self.alarms.append(alarm)
        return alarm

    def pass_time(self, seconds):
        self.clock.advance(seconds)
        due = [alarm for alarm in self.alarms if alarm.when <= self.clock.monotonic()]
        self.alarms = [alarm for alarm in self.alarms if alarm not in due]
        for alarm in sorted(due, key=lambda alarm: alarm.when):
            alarm.ring()

    @property
    def times(self):
        return sorted(alarm.when for alarm in self.alarms if not alarm.cancelled)


class Alarm:
    def __init__(self, when, function):
        self.when, self.function, self.cancelled = when, function, False

    def cancel(self):
        self.cancelled = True

    def ring(self):
        if not self.cancelled:
            self.function()


class Subscriber:
    """A subscription whose turns are taken one after the other."""

    def __init__(self, clock, *, sources=True, most_held=100, room=6000, learned=True, rechecks=(5.0, 30.0)):
        self.clock = clock
        self.timer = Timer(clock)
        self.story = []
        # How much had been told when each loss was.
        self.losses = []
        self.asked = deque()
        self.refusing = None
        self.room = room
        self.turns = deque()
        self.busy = False
        server_clock = ServerClock(monotonic=clock.monotonic(), wall=clock.time())
        if learned:
            server_clock.learn(clock.time(), sent=clock.monotonic(), received=clock.monotonic())
        self.server_clock = server_clock
        self.recovery = Recovery(
            self,
            clock=clock,
            timer=self.timer,
            server_clock=server_clock,
            most_held=most_held,
            sources=Sources(account="...key", submit=self.submit, room=lambda: self.room, hold=5.0, rechecks=rechecks)
            if sources
            else None,
        )

    # What recovery asks for.

    def run_in_turn(self, function):
        self.turns.append(function)
        if not self.busy:
            self.busy = True
            while self.turns:
                self.turns.popleft()()
            self.busy = False

    def deliver_held(self, item):
        if self.recovery.told is None or self.recovery.told.take(item):
            self.story.append(("live", item["n"]))

    def deliver_recovered(self, payload, *, late):
        what = payload["B"][0]["f"] if payload["e"] == "outboundAccountPosition" else payload["x"]
        self.story.append(("late" if late else "recovered", what))

    def payload_of(self, item):
        return item

    def tell_lost(self):
        self.losses.append(len(self.story))

    def tell_gap(self, gap):
        self.story.append(gap)

    def tell_defect(self, defect):
        self.story.append(defect)

    def submit(self, request):
        if self.refusing is not None:
            raise self.refusing
        future = CallFuture(InlineExecutor())
        self.asked.append((request, future))
        return future

    # What the test does.

    def event(self, number, **more):
        item = {"e": "somethingNew", "E": BEGAN + 1000 * number, "n": number, **more}
        if self.recovery.holding:
            self.recovery.hold(item)
        else:
            self.deliver_held(item)

    def open(self):
        self.run_in_turn(lambda: self.recovery.opened(self.clock.monotonic()))

    def lose(self, reason="reset", heard_at=None, received_at=None):
        now = self.clock.monotonic()
        heard = now if heard_at is None else heard_at
        self.run_in_turn(lambda: self.recovery.lost(reason, heard, received_at, now))

    def tell_time(self, ahead=0.0):
        """Answer the only question: what time it is, *ahead* seconds later than was thought."""
        [(request, future)] = self.asked
        assert request.method == "time"
        self.asked.clear()
        now = self.clock.monotonic()
        self.server_clock.learn(self.clock.time() + ahead, sent=now, received=now)
        future.start()
        future.set_result(Response(id=1, status=200, result={}))

    def answer(self, **answers):
        """Answer everything that is asked by now, and what is asked because of that."""
        methods = []
        while self.asked:
            request, future = self.asked.popleft()
            methods.append(request.method)
            answer = answers.get(
                request.method.replace(".", "_"), ACCOUNT if request.method == "account.status" else []
            )
            future.start()
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(Response(id=1, status=200, result=answer))
        return methods

    @property
    def gaps(self):
        return [one for one in self.story if isinstance(one, Gap)]

    @property
    def events(self):
        return [one for one in self.story if not isinstance(one, (Gap, Exception))]

    @property
    def defects(self):
        return [one for one in self.story if isinstance(one, Exception)]


@pytest.fixture
def clock():
    return ManualClock(BEGAN / 1000)


@pytest.fixture
def subscriber(clock):
    subscriber = Subscriber(clock)
    subscriber.open()
    return subscriber


WHOLE = ["account.status", "openOrders.status", "openOrderLists.status"]


def trade_report(number, executed, at=BEGAN):
    return {
        "e": "executionReport",
        "E": at,
        "T": at,
        "s": "BTCUSDT",
        "i": 1,
        "x": "TRADE",
        "X": "PARTIALLY_FILLED",
        "t": number,
        "z": executed,
        "Z": "1",
        "q": "1",
        "c": "c",
        "C": "",
        "n": 0,
    }


def test_the_whole_course(subscriber, clock):
    """Open, asked, told, asked again twice, and closed; events wait in between, and then do not."""
    subscriber.event(0)
    clock.advance(10)
    subscriber.lose()
    gap = subscriber.gaps[0]
    assert (gap.status, gap.account, gap.cause, gap.to) == (GapStatus.OPEN, "...key", "reset", None)
    assert gap.from_ == datetime.fromtimestamp(BEGAN / 1000 + 10 - 1.05, timezone.utc)
    clock.advance(3)
    subscriber.open()
    subscriber.event(13)
    assert subscriber.events == [("live", 0)]
    assert subscriber.recovery.waiting == 1
    assert subscriber.answer() == WHOLE
    assert subscriber.events[1:] == [("recovered", "5"), ("live", 13)]
    assert subscriber.recovery.gap.to == datetime.fromtimestamp(BEGAN / 1000 + 13.05, timezone.utc)
    assert subscriber.timer.times == [18, 18]
    subscriber.timer.pass_time(5)
    assert subscriber.answer() == []
    assert subscriber.timer.times == [43]
    subscriber.timer.pass_time(25)
    final = subscriber.gaps[1]
    assert (final.id, final.status, final.balances_resynced) == (gap.id, GapStatus.RECOVERED_STATE, True)
    assert Unrecoverable.LATE_ENTRIES not in final.unrecoverable
    assert subscriber.recovery.gap is None
    assert subscriber.timer.times == []
    assert subscriber.recovery.count == 1


def test_questions_of_every_round(subscriber, clock):
    """The first asks for everything, the others for symbols; each for changes since 10 s before the gap."""
    subscriber.event(0, **trade_report(1, "0.1"))
    clock.advance(20)
    subscriber.lose()
    subscriber.open()
    orders = [request for request, _ in subscriber.asked if request.method == "allOrders"]
    assert orders[0].params["startTime"] == BEGAN + 20_000 - 1050 - LOOK_BACK
    entry = {"symbol": "BTCUSDT", "orderId": 1, "status": "NEW", "updateTime": BEGAN, "executedQty": "0.1"}
    more = {"order_status": entry, "openOrders_status": [{**entry, "symbol": "ETHUSDT"}]}
    assert subscriber.answer(**more) == [*WHOLE, *["myTrades", "allOrders"] * 2, "order.status"]
    subscriber.timer.pass_time(5)
    assert subscriber.answer(**more) == ["myTrades", "allOrders"] * 2
    subscriber.timer.pass_time(25)
    subscriber.answer(**more)
    assert subscriber.gaps[-1].symbols_checked == ("BTCUSDT", "ETHUSDT")


def test_events_do_not_wait_for_ever(subscriber):
    """After five seconds they are delivered; what is found out then is late."""
    subscriber.lose()
    subscriber.open()
    subscriber.event(1)
    subscriber.timer.pass_time(5)
    subscriber.event(2)
    assert subscriber.events == [("live", 1), ("live", 2)]
    subscriber.answer()
    assert subscriber.events[2:] == [("late", "5")]


def test_too_many_events_do_not_wait(clock):
    """Memory has an end."""
    subscriber = Subscriber(clock, most_held=2)
    subscriber.open()
    subscriber.lose()
    subscriber.open()
    subscriber.event(1)
    assert subscriber.events == []
    subscriber.event(2)
    assert subscriber.events == [("live", 1), ("live", 2)]


def test_a_loss_while_it_is_asked(subscriber, clock):
    """What waits is delivered first; the gap ends, another begins, and old answers are not heard."""
    subscriber.lose()
    subscriber.open()
    subscriber.event(1)
    asked = list(subscriber.asked)
    subscriber.asked.clear()
    clock.advance(2)
    subscriber.lose("again")
    first, ended, second = subscriber.gaps
    assert (ended.id, ended.status, ended.unrecoverable) == (first.id, GapStatus.FAILED, (Unrecoverable.EVERYTHING,))
    assert subscriber.story.index(("live", 1)) < subscriber.story.index(ended) < subscriber.losses[-1]
    assert subscriber.story[subscriber.losses[-1]] == second
    assert second.id != first.id
    subscriber.asked.extend(asked)
    subscriber.answer()
    assert subscriber.events == [("live", 1)]
    subscriber.open()
    assert subscriber.answer() == WHOLE
    # It happened before what came between the two.
    assert subscriber.events[1:] == [("late", "5")]


def test_what_the_first_gap_has_not_seen_the_second_looks_for(subscriber, clock):
    """From where the first began if nobody answered; else for two minutes."""
    subscriber.event(0, **trade_report(1, "0.1"))
    clock.advance(20)
    subscriber.lose()
    clock.advance(600)
    subscriber.open()
    subscriber.lose()
    subscriber.asked.clear()
    subscriber.open()
    subscriber.tell_time()
    starts = {request.params.get("startTime") for request, _ in subscriber.asked} - {None}
    assert starts == {BEGAN + 20_000 - 1050 - LOOK_BACK}
    entry = {"symbol": "BTCUSDT", "orderId": 1, "status": "NEW", "updateTime": BEGAN, "executedQty": "0.1"}
    subscriber.answer(order_status=entry)
    subscriber.lose()
    assert subscriber.gaps[-2].status is GapStatus.PARTIAL
    assert Unrecoverable.LATE_ENTRIES in subscriber.gaps[-2].unrecoverable
    subscriber.open()
    starts = {request.params.get("startTime") for request, _ in subscriber.asked} - {None}
    assert starts == {BEGAN + 620_000 - 120_000}


@pytest.mark.parametrize(
    ("status", "executed", "told"),
    [("FILLED", "1", "TRADE"), ("CANCELED", "0", "CANCELED"), ("NEW", "0", None), ("CANCELED", "0", None)],
    ids=["filled", "cancelled", "still open", "cancelled before"],
)
def test_an_order_that_was_open_at_an_earlier_gap(subscriber, clock, status, executed, told):
    """It had been placed before the subscription began: no event told of it, nor of its symbol."""
    resting = {**FILLED, "status": "NEW", "executedQty": "0", "time": 1, "updateTime": 1, "symbol": "ETHUSDT"}
    subscriber.lose()
    subscriber.open()
    for seconds in (5, 25, 0):
        subscriber.answer(openOrders_status=[resting])
        subscriber.timer.pass_time(seconds)
    assert subscriber.gaps[-1].symbols_checked == ("ETHUSDT",)
    subscriber.lose()
    clock.advance(10)
    subscriber.open()
    at = BEGAN + 35_000 if told else 1
    now = {**resting, "status": status, "executedQty": executed, "updateTime": at}
    fills = [{**FILL, "symbol": "ETHUSDT", "time": at}] if executed == "1" else []
    since = {**ACCOUNT, "updateTime": max(at, BEGAN)}
    asked = subscriber.answer(order_status=now, myTrades=fills, account_status=since)
    assert asked == [*WHOLE, "myTrades", "allOrders", "order.status"]
    assert subscriber.events[1:] == ([] if told is None else [("recovered", told)])
    for seconds in (5, 25):
        subscriber.timer.pass_time(seconds)
        subscriber.answer(order_status=now, myTrades=fills, account_status=since)
    assert (subscriber.gaps[-1].status, subscriber.gaps[-1].symbols_checked) == (
        GapStatus.RECOVERED_STATE,
        ("ETHUSDT",),
    )
    subscriber.lose()
    clock.advance(10)
    subscriber.open()
    assert ("order.status" in subscriber.answer(order_status=now)) is (status == "NEW")


def test_answers_that_end_the_link(subscriber, clock):
    """Larger than is taken, for example. After the third time events do not wait, and it is asked later and later."""
    for _ in range(3):
        subscriber.lose()
        subscriber.open()
        assert subscriber.recovery.holding
        subscriber.asked.clear()
    for pause in (8.0, 16.0):
        subscriber.lose()
        subscriber.open()
        subscriber.event(1)
        assert not subscriber.recovery.holding
        assert list(subscriber.asked) == []
        assert subscriber.timer.times == [clock.monotonic() + pause]
        subscriber.timer.pass_time(pause)
        assert len(subscriber.asked) == len(WHOLE)
        subscriber.asked.clear()
    subscriber.lose()
    subscriber.open()
    subscriber.timer.pass_time(32)
    subscriber.answer()
    assert subscriber.events[-1] == ("late", "5")
    subscriber.lose()
    subscriber.open()
    assert subscriber.recovery.holding


def test_a_link_that_is_lost_again_and_again_before_everything_is_asked(subscriber, clock):
    """What was found out before is forgotten: it cannot come again."""
    for number in range(30):
        subscriber.lose()
        clock.advance(5)
        subscriber.open()
        if len(subscriber.asked) == 1:
            subscriber.tell_time()
        at = BEGAN + 5000 * number + 4000
        entry = {**FILLED, "orderId": number, "status": "CANCELED", "executedQty": "0", "time": at, "updateTime": at}
        subscriber.answer(openOrders_status=[entry])
    assert subscriber.events.count(("recovered", "CANCELED")) == 30
    assert len(subscriber.recovery.told._restored) < 5


def test_an_order_that_is_filled_while_links_are_lost_again_and_again(subscriber, clock):
    """Every fill says how much is filled, also when the first ones are of too long ago to be asked for."""
    filled = []
    subscriber.deliver_recovered = lambda payload, *, late: filled.append((payload["e"], payload.get("z")))
    trades = []

    def fill():
        at = round(clock.time() * 1000)
        trades.append({**FILL, "id": len(trades), "qty": "0.01", "quoteQty": "0.01", "time": at})
        return at, f"{len(trades) / 100:.2f}"

    for _ in range(10):
        at, executed = fill()
        subscriber.event(0, **trade_report(len(trades) - 1, executed, at=at))
        clock.advance(20)
        subscriber.lose()
        clock.advance(2)
        at, executed = fill()
        clock.advance(2)
        subscriber.open()
        if len(subscriber.asked) == 1:
            subscriber.tell_time()
        [start] = {request.params["startTime"] for request, _ in subscriber.asked if request.method == "myTrades"}
        order = {**FILLED, "status": "PARTIALLY_FILLED", "executedQty": executed, "time": BEGAN, "updateTime": at}
        found = [trade for trade in trades if trade["time"] >= start]
        subscriber.answer(allOrders=[order], myTrades=found)
        assert filled.pop(0) == ("executionReport", executed)
        filled.clear()
    assert len(found) < len(trades)


def test_answers_that_end_the_link_for_ever(subscriber):
    """The pause has an end, however often."""
    for _ in range(1_030):
        subscriber.lose()
        subscriber.open()
        subscriber.timer.pass_time(300)
        if len(subscriber.asked) == 1:
            subscriber.tell_time()
        assert len(subscriber.asked) == len(WHOLE)
        subscriber.asked.clear()
    assert subscriber.defects == []


def test_the_end_ends_the_gap(subscriber):
    """Whatever was found out by then, and whatever waits."""
    subscriber.recovery.end()
    assert subscriber.story == []
    subscriber.lose()
    subscriber.open()
    subscriber.event(1)
    subscriber.recovery.end()
    assert [gap.status for gap in subscriber.gaps] == [GapStatus.OPEN, GapStatus.FAILED]
    assert subscriber.events == [("live", 1)]
    assert subscriber.timer.times == []


def test_without_anybody_to_ask(clock):
    """A gap is told of, and closed when events come again."""
    subscriber = Subscriber(clock, sources=False)
    subscriber.open()
    subscriber.lose()
    subscriber.open()
    subscriber.event(1)
    opened, closed = subscriber.gaps
    assert (opened.account, closed.status) == (None, GapStatus.FAILED)
    assert closed.unrecoverable == (Unrecoverable.EVERYTHING,)
    assert subscriber.events == [("live", 1)]


@pytest.mark.parametrize(
    "answers, unknown",
    [
        ({"account_status": ConnectionLost("gone")}, Unrecoverable.BALANCES),
        ({"openOrders_status": ConnectionLost("gone")}, Unrecoverable.OPEN_ORDERS),
        ({"openOrderLists_status": {}}, Unrecoverable.OPEN_ORDERS),
        ({"allOrders": ConnectionLost("gone")}, Unrecoverable.UNCHECKED_SYMBOLS),
    ],
)
def test_what_could_not_be_asked_is_said(subscriber, answers, unknown):
    """And the rest is told all the same."""
    subscriber.event(0, **trade_report(1, "0.1"))
    subscriber.lose()
    subscriber.open()
    entry = {"symbol": "BTCUSDT", "orderId": 1, "status": "NEW", "updateTime": BEGAN, "executedQty": "0.1"}
    for seconds in (0, 5, 25):
        subscriber.timer.pass_time(seconds)
        subscriber.answer(order_status=entry, **answers)
    final = subscriber.gaps[-1]
    assert final.status is GapStatus.PARTIAL
    assert unknown in final.unrecoverable


def test_nothing_can_be_submitted(subscriber):
    """A client that is being closed, for example."""
    subscriber.lose()
    subscriber.refusing = ClientClosed("closed")
    subscriber.open()
    for seconds in (5, 25):
        subscriber.timer.pass_time(seconds)
    assert subscriber.gaps[-1].status is GapStatus.FAILED


def test_a_withdrawn_question_is_no_answer(subscriber):
    """A future that was cancelled has none."""
    subscriber.lose()
    subscriber.open()
    _, future = subscriber.asked[0]
    assert future.cancel()
    subscriber.asked.popleft()
    subscriber.answer()
    assert not subscriber.recovery.gap.balances_resynced


def test_no_room_in_the_rate_limits(clock):
    """Half of what is left is the most that is spent; without any, nothing is found out."""
    subscriber = Subscriber(clock, room=199)
    subscriber.open()
    subscriber.event(0, **trade_report(1, "0.1"))
    subscriber.lose()
    subscriber.open()
    entry = {"symbol": "BTCUSDT", "orderId": 1, "status": "NEW", "updateTime": BEGAN, "executedQty": "0.1"}
    methods = subscriber.answer(order_status=entry)
    assert methods == ["account.status", "openOrderLists.status", "myTrades", "allOrders", "order.status"]
    assert subscriber.recovery.gap is not None


def test_the_time_is_asked_for_first(clock):
    """A wall clock may be off by an hour. Until somebody tells, the latest event says when the gap began."""
    subscriber = Subscriber(clock, learned=False)
    subscriber.open()
    assert [request.method for request, _ in subscriber.asked] == ["time"]
    subscriber.event(1)
    clock.advance(60)
    subscriber.lose()
    assert subscriber.gaps[0].from_ == datetime.fromtimestamp(BEGAN / 1000 + 1, timezone.utc)
    subscriber.open()
    assert [request.method for request, _ in subscriber.asked] == ["time", "time"]
    assert subscriber.answer()[2:] == WHOLE


def test_a_gap_is_never_before_it_began(clock):
    """However wrong the wall clock is."""
    subscriber = Subscriber(clock, learned=False)
    subscriber.open()
    subscriber.event(7200)
    subscriber.lose()
    subscriber.open()
    gap = subscriber.recovery.gap
    assert gap.from_ == gap.to == datetime.fromtimestamp(BEGAN / 1000 + 7200, timezone.utc)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_right_meanwhile(subscriber, clock, hours):
    """Whichever of both times the gap began by, the earlier one counts; it never ends before it begins."""
    subscriber.event(-3600, **trade_report(1, "0.1", at=BEGAN - 3_600_000))
    clock.advance(60)
    subscriber.lose()
    now = clock.monotonic()
    subscriber.server_clock.learn(clock.time() + 3600 * hours, sent=now, received=now, force=True)
    clock.advance(1)
    subscriber.open()
    gap = subscriber.recovery.gap
    assert gap.from_ < gap.to
    began = BEGAN + 60_000 - 1050 + (0 if hours > 0 else 1000 - 3_600_000)
    assert gap.from_ == datetime.fromtimestamp(began / 1000, timezone.utc)
    orders = [request for request, _ in subscriber.asked if request.method == "allOrders"]
    assert orders[0].params["startTime"] == began - LOOK_BACK - (0 if hours > 0 else 1000)


def test_the_latest_sign_of_life_may_be_old(subscriber, clock):
    """An event that took 4 s to arrive says that everything else may have taken as long."""
    clock.advance(10)
    subscriber.event(6)
    subscriber.lose(received_at=clock.monotonic())
    assert subscriber.gaps[0].from_ == datetime.fromtimestamp(BEGAN / 1000 + 6, timezone.utc)
    subscriber.open()
    clock.advance(20)
    subscriber.lose(received_at=clock.monotonic() - 20)
    assert subscriber.gaps[-1].from_ == datetime.fromtimestamp(BEGAN / 1000 + 30 - 4 - 1.05, timezone.utc)


def test_an_event_that_could_not_be_read(subscriber, clock):
    """The gap begins before it, however many could be read since."""
    clock.advance(10)
    subscriber.event(5)
    subscriber.recovery.missed(clock.monotonic())
    subscriber.event(9)
    subscriber.recovery.missed(clock.monotonic())
    subscriber.lose()
    assert subscriber.gaps[0].from_ == datetime.fromtimestamp(BEGAN / 1000 + 5, timezone.utc)
    subscriber.open()
    clock.advance(50)
    subscriber.lose()
    assert subscriber.gaps[-1].from_ > datetime.fromtimestamp(BEGAN / 1000 + 9, timezone.utc)


@pytest.mark.parametrize("during", [False, True], ids=["by itself", "while another gap ends"])
def test_an_event_that_could_not_be_read_is_told_however_many_were_since(subscriber, clock, during):
    """Also where they were of the same order, and delivered before the loss that it causes has its turn."""
    if during:
        subscriber.lose()
        subscriber.open()
        subscriber.answer()
        subscriber.timer.pass_time(5)
        subscriber.answer()
    clock.advance(25)
    at = BEGAN + 1000 * int(clock.monotonic())
    subscriber.event(0, **trade_report(4, "0.1", at=at - 900))
    subscriber.recovery.missed(clock.time())
    subscriber.event(0, **trade_report(6, "0.5", at=at - 100))
    if during:
        subscriber.timer.pass_time(0)
        subscriber.answer()
        assert subscriber.gaps[-1].status is GapStatus.RECOVERED_STATE
    subscriber.lose(received_at=clock.time())
    clock.advance(2)
    subscriber.open()
    entry = {**FILLED, "status": "PARTIALLY_FILLED", "executedQty": "0.5", "time": BEGAN, "updateTime": at - 100}
    trades = [
        {**FILL, "id": number, "qty": quantity, "quoteQty": quantity, "time": when}
        for number, quantity, when in ((4, "0.1", at - 900), (5, "0.3", at - 500), (6, "0.1", at - 100))
    ]
    subscriber.answer(allOrders=[entry], myTrades=trades)
    assert [event for event in subscriber.events if event[1] == "TRADE"] == [("recovered", "TRADE")]


def test_an_event_that_could_not_be_read_of_a_market(clock):
    """When it came is all that is known of it."""
    subscriber = Subscriber(clock, sources=False)
    subscriber.open()
    clock.advance(10)
    subscriber.recovery.missed(clock.monotonic() - 5)
    subscriber.lose()
    assert subscriber.gaps[0].from_ == datetime.fromtimestamp(BEGAN / 1000 + 5 - 1.05, timezone.utc)


def test_a_loss_that_is_noticed_late(subscriber, clock):
    """The gap begins with the last sign of life."""
    clock.advance(100)
    subscriber.lose(heard_at=73.0)
    assert subscriber.gaps[0].from_ == datetime.fromtimestamp(BEGAN / 1000 + 73 - 1.05, timezone.utc)


def test_more_than_a_day(subscriber, clock):
    """The exchange answers for a day at a time: what was before is not asked for, and that is said."""
    subscriber.event(0, **trade_report(1, "0.1"))
    clock.advance(60)
    subscriber.lose()
    clock.advance(30 * 3600)
    subscriber.open()
    subscriber.tell_time()
    orders = [request for request, _ in subscriber.asked if request.method == "allOrders"]
    assert orders[0].params["endTime"] - orders[0].params["startTime"] == 24 * 3600 * 1000
    entry = {"symbol": "BTCUSDT", "orderId": 1, "status": "NEW", "updateTime": BEGAN, "executedQty": "0.1"}
    for seconds in (0, 5, 25):
        subscriber.timer.pass_time(seconds)
        subscriber.answer(order_status=entry)
    assert Unrecoverable.TOO_LONG_AGO in subscriber.gaps[-1].unrecoverable


def test_orders_that_were_forgotten(subscriber, clock):
    """It is not known what was told of them."""
    clock.advance(60)
    subscriber.recovery.told.forgotten_at = BEGAN + 60_000
    subscriber.lose()
    subscriber.open()
    for seconds in (0, 5, 25):
        subscriber.timer.pass_time(seconds)
        subscriber.answer()
    assert Unrecoverable.FORGOTTEN_ORDERS in subscriber.gaps[-1].unrecoverable


def test_a_slow_handler_does_not_hide_how_far_it_was_behind(subscriber, clock):
    """What was read last was a minute old, and the loss has its turn a minute later: it begins where events ended."""
    subscriber.event(0)
    clock.advance(60)
    heard = received_at = clock.monotonic()
    clock.advance(60)
    subscriber.run_in_turn(lambda: subscriber.recovery.lost("reset", heard, received_at, heard))
    assert subscriber.gaps[0].from_ == datetime.fromtimestamp(BEGAN / 1000, timezone.utc)


def test_a_rotation_meanwhile_changes_nothing(subscriber, clock):
    """Another connection takes over while the database is waited for: events had come again before that."""
    subscriber.lose()
    subscriber.open()
    subscriber.answer()
    clock.advance(2)
    before = subscriber.recovery.gap
    subscriber.open()
    assert subscriber.recovery.gap == before
    assert not subscriber.recovery.holding
    assert not subscriber.asked


def test_an_order_list_that_cannot_be_asked_for(subscriber):
    """That is said."""
    subscriber.event(0, e="listStatus", g=7, L="EXECUTING", T=BEGAN)
    subscriber.lose()
    subscriber.open()
    for _ in range(3):
        subscriber.answer(orderList_status=ConnectionLost("gone"))
        subscriber.timer.pass_time(30)
    final = subscriber.gaps[-1]
    assert final.status is GapStatus.PARTIAL
    assert Unrecoverable.OPEN_ORDERS in final.unrecoverable


def test_clocks_that_have_drifted_apart(subscriber, clock):
    """The time is asked again where it was told long ago: the gap ends when it ended by the exchange's clock."""
    clock.advance(8 * 3600)
    subscriber.lose()
    subscriber.open()
    subscriber.tell_time(0.5)
    order = {"symbol": "BTCUSDT", "orderId": 1, "status": "CANCELED", "executedQty": "0", "origQty": "1"}
    order["updateTime"] = int((clock.time() + 0.4) * 1000)
    subscriber.answer(openOrders_status=[order])
    assert ("recovered", "CANCELED") in subscriber.events


FILLED = {
    "symbol": "BTCUSDT",
    "orderId": 1,
    "clientOrderId": "c",
    "status": "FILLED",
    "origQty": "1",
    "executedQty": "1",
    "cummulativeQuoteQty": "1",
    "time": BEGAN + 32_000,
    "updateTime": BEGAN + 32_000,
}
FILL = {"symbol": "BTCUSDT", "id": 5, "orderId": 1, "time": BEGAN + 32_000, "price": "1", "qty": "1", "quoteQty": "1"}
CHANGED = {"updateTime": BEGAN + 32_000, "balances": [{"asset": "BTC", "free": "5", "locked": "0"}]}
POSITION = {"e": "outboundAccountPosition", "B": [{"a": "BTC", "f": "4", "l": "0"}]}


@pytest.mark.parametrize("ahead", [1_000, 3_600_000, 86_400_000, 2**62, 2**62 * 1000])
@pytest.mark.parametrize("late", [0, 40], ids=["at once", "late"])
@pytest.mark.parametrize("learned", [True, False], ids=["time known", "time told afterwards"])
@pytest.mark.parametrize("more", [{}, POSITION, trade_report(1, "0")], ids=["unknown", "position", "order"])
def test_an_event_of_a_time_that_is_to_come(clock, ahead, late, learned, more):
    """What it claims hides nothing: what happens while the link is lost is found out, also where events had waited."""
    subscriber = Subscriber(clock, learned=learned)
    subscriber.open()
    clock.advance(30)
    received_at = heard_at = clock.monotonic()
    times = dict.fromkeys(("E", "T", "u"), BEGAN + 30_000 + ahead)
    clock.advance(late)
    subscriber.event(0, **{**more, **times})
    subscriber.lose(heard_at=heard_at, received_at=received_at)
    [gap] = subscriber.gaps
    if learned:
        assert gap.from_ <= datetime.fromtimestamp(BEGAN / 1000 + 30 + 0.05, timezone.utc)
    clock.advance(5)
    subscriber.open()
    if not learned:
        while subscriber.asked[0][0].method == "time":
            _, future = subscriber.asked.popleft()
            now = clock.monotonic()
            subscriber.server_clock.learn(clock.time(), sent=now, received=now)
            future.start()
            future.set_result(Response(id=1, status=200, result={}))
    for seconds in (5, 25, 0):
        methods = subscriber.answer(
            openOrders_status=[FILLED], allOrders=[FILLED], myTrades=[FILL], account_status=CHANGED
        )
        assert methods
        subscriber.timer.pass_time(seconds)
    assert {("recovered", "5"), ("recovered", "TRADE")} <= set(subscriber.events)
    final = subscriber.gaps[-1]
    assert (final.id, final.status) == (gap.id, GapStatus.RECOVERED_STATE)
    assert final.from_ <= datetime.fromtimestamp(BEGAN / 1000 + 30 + 0.05, timezone.utc) < final.to
    # Nor is the next one where that event had been.
    clock.advance(100)
    subscriber.lose()
    assert subscriber.gaps[-1].from_ == datetime.fromtimestamp(clock.time() - 1.05, timezone.utc)


def test_a_position_that_waits_and_claims_to_be_of_later(subscriber, clock):
    """It hides nothing of what happened to other assets meanwhile."""
    clock.advance(30)
    subscriber.lose()
    clock.advance(5)
    subscriber.open()
    subscriber.event(0, **{**POSITION, "u": 2**62, "B": [{"a": "ETH", "f": "1", "l": "0"}]})
    subscriber.answer(account_status=CHANGED)
    assert subscriber.events == [("recovered", "5"), ("live", 0)]


def test_a_clock_that_is_a_little_off(subscriber, clock):
    """An event that seems to come from the near future is as good as any: nothing is missing from before it."""
    clock.advance(30)
    subscriber.event(30, E=BEGAN + 30_040)
    clock.advance(60)
    subscriber.lose(heard_at=30.0, received_at=30.0)
    assert subscriber.gaps[0].from_ == datetime.fromtimestamp(BEGAN / 1000 + 30.04, timezone.utc)


def test_a_time_that_no_date_has(clock):
    """Should the exchange's clock be beyond all calendars, a gap is told of all the same."""
    subscriber = Subscriber(clock)
    subscriber.server_clock.latest = lambda monotonic: 2**62
    subscriber.server_clock.timestamp = lambda monotonic: 2**62
    subscriber.open()
    subscriber.lose()
    subscriber.server_clock.timestamp = lambda monotonic: -(2**62)
    subscriber.open()
    subscriber.answer()
    assert [gap.status for gap in subscriber.gaps] == [GapStatus.OPEN]
    assert subscriber.recovery.gap.from_ <= subscriber.recovery.gap.to


def broken(*arguments, **named):
    raise ZeroDivisionError("a defect")


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_a_defect_while_findings_are_compared(subscriber, clock, monkeypatch, rounds):
    """The gap has its verdict all the same: nothing was found out, or what was before. Events do not wait for more."""
    subscriber.event(0, **trade_report(1, "0.1"))
    clock.advance(30)
    subscriber.lose()
    clock.advance(5)
    subscriber.open()
    subscriber.event(35)
    for seconds in (5, 25)[:rounds]:
        assert subscriber.answer()
        subscriber.timer.pass_time(seconds)
    with monkeypatch.context() as patched:
        patched.setattr("binance_socket._engine.recovery.restore", broken)
        assert subscriber.answer()
    assert [type(defect) for defect in subscriber.defects] == [ZeroDivisionError]
    final = subscriber.gaps[-1]
    assert len(subscriber.gaps) == 2
    assert final.status is (GapStatus.PARTIAL if rounds else GapStatus.FAILED)
    assert Unrecoverable.INTERNAL_ERROR in final.unrecoverable
    assert ("live", 35) in subscriber.events
    assert (subscriber.recovery.gap, subscriber.recovery.holding, subscriber.timer.times) == (None, False, [])
    # The next one is as any other.
    clock.advance(30)
    subscriber.lose()
    subscriber.open()
    for seconds in (5, 25, 0):
        subscriber.answer()
        subscriber.timer.pass_time(seconds)
    assert subscriber.gaps[-1].status is not GapStatus.FAILED
    assert Unrecoverable.INTERNAL_ERROR not in subscriber.gaps[-1].unrecoverable


@pytest.mark.parametrize("what", ["Backfill.begin", "Backfill.answered", "Told.correct", "Told.symbols"])
def test_a_defect_while_it_is_asked(subscriber, clock, monkeypatch, what):
    """So it is with whatever else is done for a gap; and it is opened in any case."""
    clock.advance(30)
    with monkeypatch.context() as patched:
        patched.setattr(f"binance_socket._engine.recovery.{what}", broken)
        subscriber.lose()
        [gap] = subscriber.gaps
        clock.advance(5)
        subscriber.open()
        subscriber.answer()
    assert subscriber.defects
    assert (subscriber.gaps[-1].id, subscriber.gaps[-1].status) == (gap.id, GapStatus.FAILED)
    assert Unrecoverable.INTERNAL_ERROR in subscriber.gaps[-1].unrecoverable
    assert subscriber.recovery.gap is None


def test_a_defect_when_a_gap_is_broken_off(subscriber, clock, monkeypatch):
    """Then it stays as it was reckoned before; the loss that ends it is told in any case, and looked into."""
    subscriber.lose()
    subscriber.open()
    with monkeypatch.context() as patched:
        patched.setattr("binance_socket._engine.recovery.Recovery._reckon", broken)
        subscriber.lose()
    assert [type(defect) for defect in subscriber.defects] == [ZeroDivisionError]
    assert len(subscriber.losses) == 2
    first, ended, second = subscriber.gaps
    assert (ended.id, second.status) == (first.id, GapStatus.OPEN)
    subscriber.asked.clear()
    subscriber.open()
    assert subscriber.answer() == WHOLE


def test_a_defect_where_there_is_no_gap(subscriber, clock):
    """It is told, and no more than that."""
    subscriber = Subscriber(clock, learned=False)
    subscriber.server_clock.is_fresh = broken
    subscriber.open()
    assert [type(one) for one in subscriber.story] == [ZeroDivisionError]


def test_amounts_that_have_no_sum(subscriber, clock):
    """An answer with such amounts is none: the verdict says for which symbol."""
    clock.advance(30)
    subscriber.lose()
    clock.advance(5)
    subscriber.open()
    for seconds in (5, 25, 0):
        trades = [{**FILL, "id": number, "qty": "9e999999"} for number in (5, 6)]
        subscriber.answer(openOrders_status=[FILLED], allOrders=[FILLED], myTrades=trades)
        subscriber.timer.pass_time(seconds)
    assert subscriber.gaps[-1].status is GapStatus.PARTIAL
    assert Unrecoverable.UNCHECKED_SYMBOLS in subscriber.gaps[-1].unrecoverable
    assert subscriber.gaps[-1].symbols_checked == ()
    assert not subscriber.defects


def lose_the_first_question(clock, wrong_by):
    """The link is lost before anybody has told the time, by which the wall clock is *wrong_by* seconds late."""
    subscriber = Subscriber(clock, learned=False)
    subscriber.open()
    [(_, future)] = subscriber.asked
    subscriber.asked.clear()
    clock.advance(2)
    subscriber.lose()
    future.start()
    future.set_exception(ConnectionLost("gone"))
    clock.advance(3)
    subscriber.open()
    subscriber.tell_time(wrong_by)
    return subscriber


@pytest.mark.parametrize("wrong_by", [0, -3600, 3600])
def test_nothing_of_before_the_subscription_began(clock, wrong_by):
    """Also where the first question for the time was lost with its link. Clocks may be off by 50 ms in any case."""
    subscriber = lose_the_first_question(clock, wrong_by)
    began = BEGAN + 1000 * wrong_by
    orders = [
        {**FILLED, "orderId": number, "status": "CANCELED", "executedQty": "0", "updateTime": at, "time": at}
        for number, at in ((1, began - 60), (2, began - 40), (3, began + 4000))
    ]
    assert subscriber.answer(openOrders_status=orders)
    assert subscriber.events.count(("recovered", "CANCELED")) == 2
    gap = subscriber.recovery.gap
    assert gap.from_ <= datetime.fromtimestamp(began / 1000 + 2, timezone.utc) < gap.to
    asked = subscriber.recovery.gap.symbols_checked
    assert asked == ("BTCUSDT",)


@pytest.mark.parametrize("failing", [0, 1, 2], ids=["first", "second", "last"])
@pytest.mark.parametrize("method", ["allOrders", "myTrades"])
def test_a_symbol_that_could_be_asked_about_in_the_end(subscriber, clock, failing, method):
    """What a later round has answered is not missing; what the last one has not, is."""
    clock.advance(30)
    subscriber.lose()
    clock.advance(5)
    subscriber.open()
    entry = {**FILLED, "status": "NEW", "executedQty": "0", "updateTime": 1, "time": 1}
    for number, seconds in enumerate((5, 25, 0)):
        more = {method: ConnectionLost("gone")} if number == failing else {}
        # It is known from this answer alone.
        assert method in subscriber.answer(openOrders_status=[entry], **more)
        subscriber.timer.pass_time(seconds)
    final = subscriber.gaps[-1]
    assert (Unrecoverable.UNCHECKED_SYMBOLS in final.unrecoverable) is (failing == 2)
    assert final.status is (GapStatus.PARTIAL if failing == 2 else GapStatus.RECOVERED_STATE)
    assert final.symbols_checked == (() if failing == 2 else ("BTCUSDT",))


@pytest.mark.parametrize("failing", [1, 2, 3], ids=["once", "twice", "to the end"])
@pytest.mark.parametrize("room", [False, True], ids=["no room", "no answer"])
def test_an_open_order_that_could_not_be_asked_for(clock, failing, room):
    """It is asked for again; the answer about its symbol's orders may not tell of it."""
    subscriber = Subscriber(clock)
    subscriber.open()
    subscriber.event(0, **trade_report(1, "0.1"))
    clock.advance(30)
    subscriber.lose()
    clock.advance(5)
    subscriber.room = 6000 if room else 2 * 146
    subscriber.open()
    cancelled = {**FILLED, "status": "CANCELED", "executedQty": "0.1", "updateTime": BEGAN + 32_000}
    for number, seconds in enumerate((5, 25, 0), 1):
        methods = subscriber.answer(order_status=ConnectionLost("gone") if room and number <= failing else cancelled)
        assert ("order.status" in methods) is (number <= failing + 1 if room else number == failing + 1)
        subscriber.room = 6000 if room or number >= failing else 2 * 40
        subscriber.timer.pass_time(seconds)
    final = subscriber.gaps[-1]
    assert (Unrecoverable.UNCHECKED_SYMBOLS in final.unrecoverable) is (failing == 3)
    assert final.status is (GapStatus.PARTIAL if failing == 3 else GapStatus.RECOVERED_STATE)
    assert final.symbols_checked == (() if failing == 3 else ("BTCUSDT",))
    assert subscriber.events.count(("late", "CANCELED")) == (failing != 3)


REFUSED = ApiError(-1003, "too much", status=429)
REFUSALS = dict.fromkeys(
    ("account_status", "openOrders_status", "openOrderLists_status", "myTrades", "allOrders", "order_status"), REFUSED
)


@pytest.mark.parametrize("is_closed", [True, False], ids=["failed", "broken off"])
def test_the_end_of_an_order_that_the_gap_before_could_not_find_out(subscriber, clock, is_closed):
    """The next gap asks for the order, and tells of it; it is late."""
    order = {**FILLED, "status": "NEW", "executedQty": "0", "time": BEGAN, "updateTime": BEGAN}
    subscriber.event(0, **{**trade_report(-1, "0"), "x": "NEW", "X": "NEW"})
    clock.advance(60)
    subscriber.lose()
    clock.advance(600)
    subscriber.open()
    subscriber.tell_time()
    for seconds in (5, 25, 0) if is_closed else (1,):
        subscriber.answer(**{**REFUSALS, "account_status": REFUSED if is_closed else ACCOUNT})
        subscriber.timer.pass_time(seconds)
    clock.advance(60)
    subscriber.lose()
    assert subscriber.gaps[-2].status is (GapStatus.FAILED if is_closed else GapStatus.PARTIAL)
    clock.advance(1)
    subscriber.open()
    for seconds in (5, 25, 0):
        subscriber.answer(order_status={**order, "status": "CANCELED", "updateTime": BEGAN + 65_000})
        subscriber.timer.pass_time(seconds)
    assert subscriber.gaps[-1].status is GapStatus.RECOVERED_STATE
    assert [event for event in subscriber.events if event[1] == "CANCELED"] == [("late", "CANCELED")]


@pytest.mark.parametrize(
    "failing", ["openOrders.status", "openOrderLists.status", "allOrders", "myTrades", "fill", None]
)
def test_a_gap_that_is_broken_off_leaves_what_it_lacks_to_the_next(subscriber, clock, failing):
    """However long ago that was. What has been answered may show late, but not for ever."""
    subscriber.event(0, **trade_report(1, "0.1"))
    clock.advance(20)
    subscriber.lose()
    clock.advance(600)
    subscriber.open()
    subscriber.tell_time()
    executed = "0.5" if failing == "fill" else "0.1"
    order = {**FILLED, "status": "PARTIALLY_FILLED", "executedQty": executed, "updateTime": BEGAN + 600_000}
    failed = {} if failing in ("fill", None) else {failing.replace(".", "_"): REFUSED}
    subscriber.answer(order_status=order, **failed)
    clock.advance(1)
    subscriber.lose()
    subscriber.open()
    starts = {request.params.get("startTime") for request, _ in subscriber.asked} - {None}
    assert starts == {BEGAN + (621_000 - 120_000 if failing is None else 20_000 - 1050 - LOOK_BACK)}


@pytest.mark.parametrize("asset", ["BTC", "ETH"], ids=["told before", "never told"])
@pytest.mark.parametrize("room", [10, 6000], ids=["no room", "refused"])
@pytest.mark.parametrize("gaps", [1, 2], ids=["one gap", "two gaps"])
def test_balances_that_gaps_before_could_not_find_out(subscriber, clock, asset, room, gaps):
    """The next gap tells what they are since, late, and only then are they known. Then there is no more to tell."""
    subscriber.event(0, **{**POSITION, "u": BEGAN})
    subscriber.room = room
    for _ in range(gaps):
        clock.advance(60)
        subscriber.lose()
        clock.advance(10)
        subscriber.open()
        for seconds in (5, 25, 0):
            subscriber.answer(**REFUSALS)
            subscriber.timer.pass_time(seconds)
        assert not subscriber.gaps[-1].balances_resynced
    subscriber.room = 6000
    account = {"updateTime": BEGAN + 65_000, "balances": [{"asset": asset, "free": "9", "locked": "0"}]}
    for _ in range(2):
        clock.advance(3600)
        subscriber.lose()
        clock.advance(1)
        subscriber.open()
        if subscriber.asked[0][0].method == "time":
            subscriber.tell_time()
        for seconds in (5, 25, 0):
            subscriber.answer(account_status=account)
            subscriber.timer.pass_time(seconds)
        assert subscriber.gaps[-1].status is GapStatus.RECOVERED_STATE
        assert subscriber.gaps[-1].balances_resynced
        assert subscriber.recovery.told.balance(asset) == ("9", "0")
        assert subscriber.events == [("live", 0), ("late", "9")]
    # Of what changed before, nothing was missed any more.
    account["balances"].append({"asset": "BNB", "free": "1", "locked": "0"})
    subscriber.lose()
    subscriber.open()
    subscriber.answer(account_status=account)
    assert subscriber.recovery.told.balance("BNB") is None


def test_a_trade_behind_an_amendment_and_a_loss_that_is_found_out_late(subscriber, clock):
    """That gap is broken off when the one before is long over; the third looks as far back as the trade."""
    new = {**trade_report(-1, "0"), "x": "NEW", "X": "NEW"}
    subscriber.event(0, **new)
    clock.advance(60)
    subscriber.lose()
    clock.advance(5)
    subscriber.open()
    clock.advance(1)
    at = BEGAN + 66_000
    subscriber.event(66, **{**new, "x": "REPLACED", "X": "PARTIALLY_FILLED", "T": at, "z": "0.5", "q": "0.9", "n": 66})
    received_at = clock.monotonic()
    order = {**FILLED, "status": "PARTIALLY_FILLED", "executedQty": "0.5", "origQty": "0.9", "updateTime": at}
    trades = [{**FILL, "qty": "0.5", "quoteQty": "0.5", "time": BEGAN + 62_000}]

    def rounds(behind):
        for number, seconds in enumerate((5, 25, 0)):
            if len(subscriber.asked) == 1 and subscriber.asked[0][0].method == "time":
                subscriber.tell_time()
            shown = trades if number >= behind else []
            subscriber.answer(openOrders_status=[order], allOrders=[order], myTrades=shown)
            subscriber.timer.pass_time(seconds)

    rounds(behind=1)
    assert subscriber.events.count(("late", "TRADE")) == 1
    clock.advance(840)
    subscriber.lose("forgotten", heard_at=received_at, received_at=received_at)
    subscriber.open()
    subscriber.asked.clear()
    clock.advance(1)
    subscriber.lose()
    clock.advance(1)
    subscriber.open()
    rounds(behind=0)
    assert [what for _, what in subscriber.events].count("TRADE") == 1


def test_a_trade_that_shows_when_nothing_is_asked_again(clock):
    """It was told in sum when the order showed; and when the link is lost again, its number shows, too."""
    subscriber = Subscriber(clock, rechecks=())
    subscriber.open()
    subscriber.event(0, **{**trade_report(-1, "0"), "x": "NEW", "X": "NEW"})
    clock.advance(60)
    order = {**FILLED, "status": "PARTIALLY_FILLED", "executedQty": "0.5", "updateTime": BEGAN + 60_500}
    for trades in [], [{**FILL, "qty": "0.5", "quoteQty": "0.5", "time": BEGAN + 60_500}]:
        subscriber.lose()
        clock.advance(1)
        subscriber.open()
        subscriber.answer(openOrders_status=[order], allOrders=[order], myTrades=trades)
        assert subscriber.gaps[-1].status is not GapStatus.OPEN
    assert [what for _, what in subscriber.events].count("TRADE") == 1


def test_an_order_that_waits_for_its_trade_when_the_link_is_lost_again(subscriber, clock):
    """No event had told of it, nor of its symbol: the next gap knows it from an answer to the first."""
    resting = {**FILLED, "status": "NEW", "executedQty": "0", "time": 1, "updateTime": 1, "symbol": "ETHUSDT"}
    filled = {**resting, "status": "FILLED", "executedQty": "1", "updateTime": BEGAN + 35_000}
    trade = {**FILL, "symbol": "ETHUSDT", "time": BEGAN + 35_000}
    subscriber.lose()
    subscriber.open()
    for seconds in (5, 25, 0):
        subscriber.answer(openOrders_status=[resting])
        subscriber.timer.pass_time(seconds)
    for trades in [], [trade]:
        assert [what for _, what in subscriber.events].count("TRADE") == 0
        subscriber.lose()
        clock.advance(10)
        subscriber.open()
        assert "order.status" in subscriber.answer(order_status=filled, myTrades=trades)
        clock.advance(200)
    assert [what for _, what in subscriber.events].count("TRADE") == 1


@pytest.mark.parametrize("right_in", [1, 2, 3], ids=["second round", "last round", "never"])
def test_balances_that_are_from_before_a_trade(subscriber, clock, right_in):
    """They are asked for again with the orders, until they are from after it; else they are said to be unknown."""
    subscriber.event(0, **{**POSITION, "u": BEGAN, "B": [{"a": "BTC", "f": "5", "l": "0"}]})
    clock.advance(30)
    subscriber.lose()
    clock.advance(5)
    subscriber.open()
    after = {"updateTime": BEGAN + 32_000, "balances": [{"asset": "BTC", "free": "6", "locked": "0"}]}
    for number, seconds in enumerate((5, 25, 0)):
        balances = after if number == right_in else ACCOUNT
        methods = subscriber.answer(
            openOrders_status=[FILLED], allOrders=[FILLED], myTrades=[FILL], account_status=balances
        )
        assert ("account.status" in methods) is (number <= right_in)
        subscriber.timer.pass_time(seconds)
    final = subscriber.gaps[-1]
    known = right_in < 3
    assert (final.balances_resynced, Unrecoverable.BALANCES in final.unrecoverable) == (known, not known)
    assert final.status is (GapStatus.RECOVERED_STATE if known else GapStatus.PARTIAL)
    assert (("late", "6") in subscriber.events) is known


def test_a_fill_that_only_the_first_round_has_read(subscriber, clock):
    """The database stays behind until the end: the order is told as it was known from memory."""
    subscriber.event(0, **trade_report(1, "0.1"))
    clock.advance(30)
    subscriber.lose()
    clock.advance(5)
    subscriber.open()
    order = {**FILLED, "status": "PARTIALLY_FILLED", "executedQty": "0.5", "time": BEGAN}
    for number, seconds in enumerate((5, 25, 0)):
        subscriber.answer(openOrders_status=[order], account_status=CHANGED)
        assert (("late", "TRADE") in subscriber.events) is (number == 2)
        subscriber.timer.pass_time(seconds)
    assert subscriber.recovery.told.order(("BTCUSDT", 1)).filled == "0.5"
    assert (subscriber.gaps[-1].recovered_orders, subscriber.gaps[-1].status) == (1, GapStatus.RECOVERED_STATE)


@pytest.mark.parametrize("answers", [True, False], ids=["answered", "not answered"])
def test_an_order_list_within_a_gap(subscriber, clock, answers):
    """Its orders are found out first; then it is asked for by its number."""
    subscriber.event(0, **trade_report(1, "0.1"))
    clock.advance(30)
    subscriber.lose()
    clock.advance(5)
    subscriber.open()
    leg = {**FILLED, "status": "CANCELED", "executedQty": "0", "orderListId": 9}
    one = {**leg, "status": "PARTIALLY_FILLED", "executedQty": "0.1", "orderListId": -1, "updateTime": BEGAN}
    done = {"orderListId": 9, "symbol": "BTCUSDT", "listOrderStatus": "ALL_DONE", "orders": []}
    done |= {"transactionTime": BEGAN + 32_000}
    told = []
    subscriber.deliver_recovered = lambda payload, *, late: told.append((payload["e"], late))
    for number, seconds in enumerate((5, 25, 0)):
        asked = subscriber.answer(
            allOrders=[one, *({**leg, "orderId": order_id} for order_id in (11, 12))],
            account_status=CHANGED,
            orderList_status=done if answers else ConnectionLost("gone"),
        )
        assert ("orderList.status" in asked) is (number == 1 or (number == 2 and not answers))
        subscriber.timer.pass_time(seconds)
    assert told.count(("listStatus", True)) == answers
    final = subscriber.gaps[-1]
    assert final.status is (GapStatus.RECOVERED_STATE if answers else GapStatus.PARTIAL)
    assert (Unrecoverable.OPEN_ORDERS in final.unrecoverable) is not answers


def test_an_order_list_that_could_be_asked_for_in_the_end(subscriber):
    """The same goes for those."""
    subscriber.event(0, e="listStatus", g=7, L="EXECUTING", T=BEGAN)
    subscriber.lose()
    subscriber.open()
    found = {"orderListId": 7, "symbol": "BTCUSDT", "listOrderStatus": "EXECUTING", "transactionTime": 1, "orders": []}
    for answer in (ConnectionLost("gone"), found, found):
        subscriber.answer(orderList_status=answer)
        subscriber.timer.pass_time(30)
    assert subscriber.gaps[-1].status is GapStatus.RECOVERED_STATE


UNANSWERED = {"time": ConnectionLost("no answer")}


def in_a_gap(at):
    """What the exchange answers where an order was placed and filled *at* that time, in milliseconds."""
    return {
        "openOrders_status": [
            {**FILLED, "orderId": 2, "status": "NEW", "executedQty": "0", "updateTime": 1, "time": 1}
        ],
        "allOrders": [{**FILLED, "time": at - 500, "updateTime": at}],
        "myTrades": [{**FILL, "time": at}],
        "account_status": {**CHANGED, "updateTime": at},
    }


def open_unasked(clock):
    """A gap of ten seconds, before and after which nobody could be asked what time it is."""
    subscriber = Subscriber(clock, learned=False)
    subscriber.open()
    subscriber.answer(**UNANSWERED)
    clock.advance(30)
    subscriber.lose()
    clock.advance(10)
    subscriber.open()
    return subscriber


@pytest.mark.parametrize("ahead", [0, 3, 50])
def test_nobody_tells_the_time(clock, ahead):
    """Whatever the exchange's clock is like then, the end of the gap is told. That it may not be the end, is said."""
    subscriber = open_unasked(clock)
    answers = {**UNANSWERED, **in_a_gap(BEGAN + 39_000 + 1000 * ahead)}
    for seconds in (5, 25, 0):
        assert subscriber.answer(**answers) == ["time", *WHOLE, "myTrades", "allOrders"]
        subscriber.timer.pass_time(seconds)
    assert ("recovered", "TRADE") in subscriber.events
    final = subscriber.gaps[-1]
    assert (final.status, final.recovered_trades) == (GapStatus.PARTIAL, 1)
    assert Unrecoverable.TIME in final.unrecoverable
    assert final.to == datetime.fromtimestamp(BEGAN / 1000 + 41, timezone.utc)


def test_nobody_tells_it_any_more(subscriber, clock):
    """It was told eight hours ago, and clocks drift: the same."""
    clock.advance(8 * 3600)
    subscriber.lose()
    clock.advance(10)
    subscriber.open()
    for seconds in (5, 25, 0):
        # The exchange's clock is two seconds ahead by now.
        assert subscriber.answer(**UNANSWERED, **in_a_gap(BEGAN + 8 * 3_600_000 + 11_000))[0] == "time"
        subscriber.timer.pass_time(seconds)
    assert ("recovered", "TRADE") in subscriber.events
    assert Unrecoverable.TIME in subscriber.gaps[-1].unrecoverable


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_time_is_told_while_it_is_asked(clock, hours):
    """As after -1021, and the clock was an hour off: what was asked counts for nothing, and is asked again."""
    subscriber = open_unasked(clock)
    opened = BEGAN + 40_000 + 3_600_000 * hours
    answers = in_a_gap(opened - 5000)
    [(_, future)] = subscriber.asked
    subscriber.asked.clear()
    future.start()
    future.set_exception(ConnectionLost("no answer"))
    now = clock.monotonic()
    subscriber.server_clock.learn(opened / 1000, sent=now, received=now, force=True)
    # These questions were about another hour.
    assert subscriber.answer(**{**answers, "myTrades": [], "allOrders": []}) == [*WHOLE, "myTrades", "allOrders"]
    subscriber.timer.pass_time(5)
    [start] = [request.params["startTime"] for request, _ in subscriber.asked if request.method == "allOrders"]
    assert opened - 60_000 < start < opened - 5000
    assert subscriber.answer(**answers) == [*WHOLE, "myTrades", "allOrders"]
    assert ("late", "TRADE") in subscriber.events
    subscriber.timer.pass_time(25)
    assert subscriber.answer(**answers) == ["myTrades", "allOrders"]
    final = subscriber.gaps[-1]
    assert (final.status, final.recovered_trades) == (GapStatus.RECOVERED_STATE, 1)
    assert final.to == datetime.fromtimestamp(opened / 1000 + 0.05, timezone.utc)


def test_another_loss_before_the_time_was_told(clock):
    """What was answered says nothing of the time in question: the next gap looks for all of it."""
    subscriber = open_unasked(clock)
    subscriber.answer(**UNANSWERED, **in_a_gap(BEGAN + 35_000))
    clock.advance(600)
    subscriber.lose()
    assert subscriber.gaps[-2].status is GapStatus.PARTIAL
    assert {Unrecoverable.TIME, Unrecoverable.LATE_ENTRIES} < set(subscriber.gaps[-2].unrecoverable)
    subscriber.open()
    subscriber.tell_time()
    starts = {request.params.get("startTime") for request, _ in subscriber.asked} - {None}
    assert starts == {BEGAN + 28_000 - LOOK_BACK}


def test_everything_is_asked_again_once_the_time_is_told(clock):
    """What the first round could not be answered, the second is: nothing of it is missing."""
    subscriber = open_unasked(clock)
    subscriber.answer(**UNANSWERED, openOrders_status=ConnectionLost("gone"), account_status=ConnectionLost("gone"))
    subscriber.timer.pass_time(5)
    subscriber.tell_time()
    answers = in_a_gap(BEGAN + 35_000)
    assert subscriber.answer(**answers) == [*WHOLE, "myTrades", "allOrders"]
    subscriber.timer.pass_time(25)
    assert subscriber.answer(**answers) == ["myTrades", "allOrders"]
    final = subscriber.gaps[-1]
    assert (final.status, final.recovered_trades, final.balances_resynced) == (GapStatus.RECOVERED_STATE, 1, True)


def test_the_time_was_told_slowly(clock):
    """Most of the eight seconds were the way back: what happened right before events came again is told."""
    subscriber = Subscriber(clock, learned=False)
    clock.advance(8)
    subscriber.server_clock.learn(BEGAN / 1000 + 0.1, sent=0.0, received=8.0)
    subscriber.open()
    subscriber.answer(**UNANSWERED)
    clock.advance(30)
    subscriber.lose()
    clock.advance(10)
    subscriber.open()
    for seconds in (5, 25, 0):
        assert subscriber.answer(**UNANSWERED, **in_a_gap(BEGAN + 47_000))
        subscriber.timer.pass_time(seconds)
    assert ("recovered", "TRADE") in subscriber.events
    assert subscriber.gaps[-1].status is GapStatus.RECOVERED_STATE


def order_of(at):
    return {"openOrders_status": [{**FILLED, "status": "NEW", "executedQty": "0", "time": at, "updateTime": at}]}


def test_the_time_was_told_when_it_had_been_waited_for(clock):
    """So it seems to have been later when the subscription began; what happened first is told all the same."""
    subscriber = Subscriber(clock, learned=False)
    subscriber.open()
    subscriber.asked.clear()
    subscriber.lose()
    clock.advance(0.8)
    subscriber.server_clock.learn(BEGAN / 1000 + 0.8, sent=0.0, received=0.8)
    subscriber.open()
    subscriber.answer(**order_of(BEGAN + 100))
    assert ("recovered", "NEW") in subscriber.events


def test_what_happens_before_it_is_known_that_events_come(clock):
    """They came before the answer to the request for them did, and so they may be lost."""
    subscriber = Subscriber(clock, learned=False)
    clock.advance(3)
    subscriber.open()
    subscriber.asked.clear()
    subscriber.lose()
    subscriber.open()
    subscriber.tell_time()
    subscriber.answer(**order_of(BEGAN + 2000))
    assert ("recovered", "NEW") in subscriber.events


def learn_late(subscriber, clock, ahead, seconds):
    """An answer tells the time. It takes so long, and the exchange looks at its clock at the end."""
    sent = clock.monotonic()
    clock.advance(seconds)
    now = clock.monotonic()
    subscriber.server_clock.learn(BEGAN / 1000 + now + ahead, sent=sent, received=now)


def open_and_learn_late(subscriber, clock, ahead, seconds):
    """Events come again, and that is what the first question after it is answered with."""
    subscriber.asked.clear()
    subscriber.open()
    [(_, future)] = subscriber.asked
    subscriber.asked.clear()
    learn_late(subscriber, clock, ahead, seconds)
    future.start()
    future.set_result(Response(id=1, status=200, result={}))


def look_into(subscriber, **answers):
    """Answer whatever is asked until the gap has its verdict, which has to be the best."""
    subscriber.answer(**answers)
    for seconds in (5, 25):
        subscriber.timer.pass_time(seconds)
        subscriber.answer(**answers)
    assert subscriber.gaps[-1].status is GapStatus.RECOVERED_STATE


# By how much the exchange is ahead of the wall clock, in seconds, until somebody tells.
AHEAD = pytest.mark.parametrize("ahead", [0, -2, -20, -3600, 3600])


@AHEAD
@pytest.mark.parametrize("answered", [False, True])
def test_the_time_is_told_between_two_gaps(clock, ahead, answered):
    """What the first one has not found out is looked for by the right time."""
    subscriber = Subscriber(clock, learned=False)
    subscriber.open()
    clock.advance(100)
    subscriber.lose()
    clock.advance(100)
    subscriber.open()
    if answered:
        subscriber.answer(**UNANSWERED)
    subscriber.asked.clear()
    learn_late(subscriber, clock, ahead, 0.0)
    clock.advance(1)
    subscriber.lose()
    clock.advance(1)
    subscriber.open()
    look_into(subscriber, **order_of(BEGAN + 1000 * ahead + 150_000))
    assert "NEW" in [what for _, what in subscriber.events]


@AHEAD
def test_the_first_moments_over_two_gaps(clock, ahead):
    """The same where nobody has told the time before the second one, and then slowly."""
    subscriber = Subscriber(clock, learned=False)
    subscriber.open()
    clock.advance(2)
    subscriber.lose()
    clock.advance(60)
    subscriber.open()
    clock.advance(1)
    subscriber.lose()
    clock.advance(1)
    open_and_learn_late(subscriber, clock, ahead, 0.8)
    look_into(subscriber, **order_of(BEGAN + 1000 * ahead + 100))
    assert "NEW" in [what for _, what in subscriber.events]


@AHEAD
def test_a_gap_begins_before_the_loss_however_slowly_the_time_is_told(clock, ahead):
    """The exchange's clock may be as much earlier as is not known."""
    subscriber = Subscriber(clock, learned=False)
    subscriber.open()
    clock.advance(30)
    subscriber.lose()
    clock.advance(10)
    open_and_learn_late(subscriber, clock, ahead, 10.0)
    look_into(subscriber)
    gap = subscriber.gaps[-1]
    begun = BEGAN / 1000 + ahead
    assert gap.from_.timestamp() <= begun + 30
    assert gap.to.timestamp() >= begun + 40


def test_the_wall_clock_is_set_meanwhile(subscriber, clock):
    """The line was a minute behind: what was in it is asked for, whatever anybody does to the wall clock."""
    clock.advance(100)
    subscriber.event(40, **trade_report(1, "0.1", at=BEGAN + 40_000))
    received_at = clock.monotonic()
    clock.shift_wall(3600)
    subscriber.lose(received_at=received_at)
    assert subscriber.gaps[0].from_ == datetime.fromtimestamp(BEGAN / 1000 + 40, timezone.utc)


def test_a_link_that_dies_of_the_answer_to_what_time_it_is(clock):
    """It counts as any other: after the third time events do not wait."""
    subscriber = Subscriber(clock, learned=False)
    subscriber.open()
    for _ in range(3):
        subscriber.lose()
        subscriber.open()
        assert subscriber.recovery.holding
        assert subscriber.asked.pop()[0].method == "time"
        subscriber.asked.clear()
    subscriber.lose()
    subscriber.open()
    assert not subscriber.recovery.holding
    assert not subscriber.asked


@pytest.mark.parametrize("announced", [False, True])
def test_a_shutdown_does_not_hide_since_when_events_may_be_missing(subscriber, clock, announced):
    """It concerns the connection: that it came does not say that the account's events before it did."""
    found_at = clock.monotonic()
    clock.advance(890)
    received_at = clock.monotonic()
    if announced:
        subscriber.event(890, e="serverShutdown")
    clock.advance(10)
    # Now it is found out that the exchange has forgotten the subscription, perhaps as long ago as that.
    subscriber.lose("forgotten", heard_at=found_at, received_at=received_at)
    subscriber.open()
    order = {
        "symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "a", "status": "NEW", "executedQty": "0", "origQty": "1",
        "cummulativeQuoteQty": "0", "time": BEGAN + 400_000, "updateTime": BEGAN + 400_000,
    }  # fmt: skip
    subscriber.tell_time()
    for delay in (5, 25, 0):
        subscriber.answer(openOrders_status=[order], allOrders=[order])
        subscriber.timer.pass_time(delay)
    [_, last] = subscriber.gaps
    assert last.status is GapStatus.RECOVERED_STATE
    # It was placed 400 seconds after the subscription was known to be there last.
    assert ("recovered", "NEW") in subscriber.events


@pytest.mark.parametrize("shown", [True, False], ids=["its trade shows at once", "a moment later"])
def test_an_order_that_a_gap_has_found_open_before_it_is_cut_short_is_asked_for_by_the_next(shown):
    """It was placed before the subscription, and its symbol is named nowhere else."""
    clock = ManualClock(BEGAN / 1000)
    subscriber = Subscriber(clock)
    subscriber.open()
    clock.advance(60)
    subscriber.lose()
    clock.advance(10)
    subscriber.open()
    order = {**FILLED, "symbol": "ETHUSDT", "origQty": "1", "time": 1}
    part = {**order, "status": "PARTIALLY_FILLED", "executedQty": "0.5", "updateTime": BEGAN + 65_000}
    first = {**FILL, "symbol": "ETHUSDT", "id": 5, "qty": "0.5", "quoteQty": "0.5", "time": BEGAN + 65_000}
    subscriber.answer(openOrders_status=[part], allOrders=[part], myTrades=[first] if shown else [])
    clock.advance(2)
    subscriber.lose()
    clock.advance(10)
    subscriber.open()
    whole = {**order, "status": "FILLED", "executedQty": "1", "updateTime": BEGAN + 75_000}
    second = {**first, "id": 6, "time": BEGAN + 75_000}
    for seconds in (5, 25, 0):
        subscriber.answer(order_status=whole, allOrders=[whole], myTrades=[first, second])
        subscriber.timer.pass_time(seconds)
    assert [what for _, what in subscriber.events].count("TRADE") == 2


def test_what_is_found_behind_events_that_came_within_the_gap_is_late():
    """Where another connection took over, what was held of it is told between lost and restored."""
    clock = ManualClock(BEGAN / 1000)
    subscriber = Subscriber(clock)
    subscriber.open()
    subscriber.event(0, **{**trade_report(-1, "0"), "x": "NEW", "X": "NEW"})
    clock.advance(60)
    subscriber.lose()
    subscriber.event(59, **{**trade_report(7, "0.5", at=BEGAN + 59_900), "n": 59})
    clock.advance(1)
    subscriber.open()
    order = {**FILLED, "status": "PARTIALLY_FILLED", "executedQty": "0.5", "updateTime": BEGAN + 59_900}
    trades = [
        {**FILL, "id": number, "qty": "0.25", "quoteQty": "0.25", "time": BEGAN + at}
        for number, at in ((6, 59_500), (7, 59_900))
    ]
    subscriber.answer(openOrders_status=[order], allOrders=[order], myTrades=trades)
    assert [event for event in subscriber.events if event[0] == "late"] == [("late", "TRADE")]


@pytest.mark.parametrize("broken_off", [True, False])
def test_balances_are_unknown_since_a_gap_that_the_clock_had_put_into_the_future(broken_off):
    """Nobody had told the time by then. What has changed in the next gap is told all the same."""
    clock = ManualClock(BEGAN / 1000)
    subscriber = Subscriber(clock, learned=False)
    sample = subscriber.server_clock._sample
    subscriber.server_clock._sample = attrs.evolve(sample, offset=sample.offset + 600)
    subscriber.open()
    clock.advance(60)
    subscriber.lose()
    clock.advance(5)
    subscriber.open()
    for seconds in () if broken_off else (5, 25, 0):
        subscriber.answer(time=REFUSED, **REFUSALS)
        subscriber.timer.pass_time(seconds)
    clock.advance(30)
    subscriber.asked.clear()
    subscriber.lose()
    clock.advance(5)
    assets = [{"asset": "BTC", "free": "4", "locked": "0"}, {"asset": "ETH", "free": "9", "locked": "0"}]
    account = {"updateTime": int(clock.time() * 1000) - 2000, "balances": assets}
    subscriber.open()
    for seconds in (5, 25, 0):
        if [request.method for request, *_ in subscriber.asked] == ["time"]:
            subscriber.tell_time()
        subscriber.answer(account_status=account)
        subscriber.timer.pass_time(seconds)
    assert subscriber.gaps[-1].balances_resynced
    assert subscriber.recovery.told.balance("ETH") == ("9", "0")
